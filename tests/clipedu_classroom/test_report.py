"""One result object, four faces: text, HTML, exception, JSON."""

from __future__ import annotations

import json
from html.parser import HTMLParser

import pytest

from clipedu_classroom.report import STATUSES, CheckFailed, Report

FAILED = Report(
    "03.2",
    "failed",
    "The <symmetric> loss",
    0,
    3,
    ("signature",),
    "value",
    "only the rows are scored",
    "This is what you get when only the rows are scored.",
)


def test_repr_says_it_all_in_words() -> None:
    assert repr(FAILED).splitlines() == [
        "Exercise 03.2 (The <symmetric> loss): failed, 0 of 3 points.",
        "This is what you get when only the rows are scored.",
        "Right so far: signature. Not yet: value.",
    ]


def test_of_a_value_it_is_not_said_that_its_value_is_not_right() -> None:
    report = Report("03.1", "failed", failed_at="value", message="Not yet.")
    assert repr(report).splitlines() == ["Exercise 03.1: failed, 0 of 1 point.", "Not yet."]


def test_points_are_singular_for_one() -> None:
    assert "1 of 1 point." in repr(Report("03.1", "passed", points=1, max_points=1))


def test_html_is_a_status_with_the_same_words_and_no_markup_from_texts() -> None:
    class Reader(HTMLParser):
        roles: list[str | None] = []
        words = ""

        def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
            assert tag in {"div", "p", "strong", "span"}
            self.roles += [value for name, value in attrs if name == "role"]

        def handle_data(self, data: str) -> None:
            self.words += " " + data

    reader = Reader()
    reader.feed(FAILED._repr_html_())
    assert reader.roles == ["status"]
    assert " ".join(repr(FAILED).split()) in " ".join(reader.words.split())


def test_code_is_code_in_a_page_and_backticks_in_a_terminal() -> None:
    report = Report("03.2", "failed", "`f`", message="Is `a < b`?\nA lone ` stays.")
    page = report._repr_html_()
    assert "<code>a &lt; b</code>?\nA lone ` stays." in page and "(<code>f</code>)" in page
    assert "Is `a < b`?" in repr(report)


def test_every_status_has_a_card() -> None:
    for status in STATUSES:
        assert f": {status}," in Report("03.1", status)._repr_html_()


def test_json_goes_there_and_back() -> None:
    assert Report.from_dict(json.loads(json.dumps(FAILED.to_dict()))) == FAILED


def test_raise_if_failed() -> None:
    passed = Report("03.1", "passed", points=1)
    assert passed.raise_if_failed() is passed
    for status in set(STATUSES) - {"passed"}:
        with pytest.raises(CheckFailed, match=status) as caught:
            Report("03.1", status).raise_if_failed()
        assert caught.value.report.status == status


def test_only_a_pass_earns_points() -> None:
    with pytest.raises(ValueError, match="only a pass"):
        Report("03.1", "failed", points=1)
    with pytest.raises(ValueError, match="expected one of"):
        Report("03.1", "great")
