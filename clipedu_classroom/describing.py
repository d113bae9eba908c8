"""What kind of object an answer is, seen without calling it.

This file is also loaded inside the grading sandbox, where the rest of clipedu does not exist: it
imports torch only.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from torch import Tensor, nn


@dataclass(frozen=True)
class Description:
    """What kind of object the answer is. `most` is None when any number of positional arguments is
    accepted.
    """

    kind: str  # "missing", "empty", "function", "class", "module class" or "value"
    type_name: str = ""
    least: int = 0
    most: int | None = None


def describe(answer: Any) -> Description:
    """Look at an answer without calling it."""
    name = type(answer).__name__
    if answer is None or answer is Ellipsis:
        return Description("empty", name)
    if inspect.isclass(answer):
        kind = "module class" if issubclass(answer, nn.Module) else "class"
        return Description(kind, answer.__name__, *_positional(answer))
    if callable(answer) and not isinstance(answer, Tensor):
        kind = "empty" if _has_empty_body(answer) else "function"
        return Description(kind, getattr(answer, "__name__", name), *_positional(answer))
    return Description("value", name)


def _positional(answer: Callable[..., Any]) -> tuple[int, int | None]:
    """How many positional arguments are accepted at least and at most."""
    try:
        parameters = inspect.signature(answer).parameters.values()
    except (TypeError, ValueError):
        return 0, None
    places = [p for p in parameters if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)]
    least = sum(p.default is p.empty for p in places)
    least += (
        sum(p.kind is p.KEYWORD_ONLY and p.default is p.empty for p in parameters) * 100
    )  # cannot be called by place
    anything = any(p.kind is p.VAR_POSITIONAL for p in parameters)
    return least, None if anything else len(places)


def _has_empty_body(answer: Any) -> bool:
    """True for a body of only `pass`, `...` or a docstring."""
    code = getattr(answer, "__code__", None)
    empty = {_nothing.__code__.co_code, _documented_nothing.__code__.co_code}
    return (
        code is not None
        and code.co_code in empty
        and set(code.co_consts) <= {None, getattr(answer, "__doc__", None)}
    )


def _nothing() -> None:
    pass


def _documented_nothing() -> None:
    """A body of only a docstring."""
