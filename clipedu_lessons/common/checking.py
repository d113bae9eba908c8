"""What the checks of several lessons share: properties and comparisons."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from clipedu_classroom.spec import Property


def unchanged(when: str, change: Callable[[Any], Any], *at: int) -> Property:
    """The result stays the same when `change` is applied to the inputs at these positions."""

    def pair(f: Any, *inputs: Any) -> tuple[Any, Any]:
        return f(*inputs), f(*(change(x) if k in at else x for k, x in enumerate(inputs)))

    return Property(f"the result changes when {when}", pair)


def reverse(x: Any) -> Any:
    """The first axis of a tensor, or a list, from its end to its beginning."""
    return x.flip(0) if isinstance(x, Tensor) else x[::-1]


def twice(x: Tensor) -> Tensor:
    return torch.cat([x, x])


def roles_swapped() -> Property:
    """The first two inputs are pictures and captions, and the result is the same for both."""
    return Property(
        "the result changes when pictures and captions swap roles",
        lambda f, image, text, *rest: (f(image, text, *rest), f(text, image, *rest)),
    )


def alone(broken: str, *at: int) -> Property:
    """The first result is the same when only the first row of the inputs at `at` is there."""

    def pair(f: Any, *inputs: Any) -> tuple[Any, Any]:
        return f(*inputs)[:1], f(*(x[:1] if k in at else x for k, x in enumerate(inputs)))

    return Property(broken, pair)


def whole_numbers() -> Property:
    """The result can be used as an index."""

    def pair(f: Any, *inputs: Any) -> tuple[Any, Any]:
        return torch.as_tensor(f(*inputs)).is_floating_point(), False

    return Property("the rows are floats, which can't be used as an index", pair)


def near(value: Any, *wanted: float, within: float = 0.011) -> bool:
    return any(abs(float(value) - each) < within for each in wanted)


def unit(x: Tensor) -> Tensor:
    """Rows of length 1."""
    return x / x.norm(dim=-1, keepdim=True)
