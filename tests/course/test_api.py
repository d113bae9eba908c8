"""docs/API.md promises no name that is not there, and its example runs."""

from __future__ import annotations

import importlib
import re
from pathlib import Path

import pytest

API = (Path(__file__).resolve().parents[2] / "docs" / "API.md").read_text("utf-8")


def promised(text: str) -> list[tuple[str, str]]:
    """(module, name) of every row of the table."""
    rows = re.findall(r"^\| `(clipedu[\w.]*)` \| (.*?) \|", text, re.M)
    return [(module, name) for module, names in rows for name in re.findall(r"`(\w+)`", names)]


@pytest.mark.parametrize(("module", "name"), promised(API))
def test_every_promised_name_is_there_and_says_what_it_does(module: str, name: str) -> None:
    thing = getattr(importlib.import_module(module), name)
    if callable(thing):
        assert len((thing.__doc__ or "").split()) >= 5, f"{module}.{name} has no docstring"


def test_the_table_is_read() -> None:
    found = promised(API)
    assert len(found) > 40 and ("clipedu.models", "build") in found
    with pytest.raises(AttributeError):
        getattr(importlib.import_module("clipedu.models"), "bulid")  # noqa: B009


def test_the_example_runs(capsys: pytest.CaptureFixture[str]) -> None:
    (code,) = re.findall(r"```python\n(.*?)```", API, re.S)
    exec(compile(code, "docs/API.md", "exec"), {})
    assert len(capsys.readouterr().out.splitlines()) == 4
