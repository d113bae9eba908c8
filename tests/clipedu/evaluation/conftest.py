"""No test meets a classifier that an earlier one left behind."""

from __future__ import annotations

import pytest

from clipedu.evaluation import clear_classifier_cache


@pytest.fixture(autouse=True)
def _no_kept_classifiers() -> None:
    clear_classifier_cache()
