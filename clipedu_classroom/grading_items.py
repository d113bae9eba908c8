"""The tests that pytest runs when a class is graded: one per submission and exercise.
`grading_session` says which.
"""

from __future__ import annotations

import pytest

from clipedu_classroom.grading_session import Case


def test_answer(case: Case) -> None:
    if not case.is_ours():
        pytest.skip("another process grades this submission")
    report = case.report()
    if report.status == "not attempted":
        pytest.skip("not attempted")
    report.raise_if_failed()
