"""How pytest treats the notebooks (nbval); the unit tests have their own tests/conftest.py."""

from __future__ import annotations

from collections.abc import Generator
from typing import Any

import pytest


def pytest_collectstart(collector: pytest.Collector) -> None:
    """Warnings on stderr are never compared: they name temporary files and differ by version."""
    if hasattr(collector, "skip_compare"):  # nbval's notebooks only
        collector.skip_compare += ("stderr",)


def is_cell(item: pytest.Item) -> bool:
    return type(item).__name__ == "IPyNbCell"


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, Any, None]:
    """Remember in which notebook a cell failed."""
    report = (yield).get_result()
    if is_cell(item) and report.failed:
        item.parent.broken_by = item.name  # type: ignore[union-attr]


def pytest_runtest_setup(item: pytest.Item) -> None:
    """One broken cell is one failure: what follows in its notebook could only fail for its sake."""
    broken = getattr(item.parent, "broken_by", None)
    if is_cell(item) and broken:
        pytest.skip(f"an earlier cell failed: {broken}")
