"""The quiz: its questions, its marks, and a student who answers."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch

from clipedu_lessons.l12_limits.quiz import (
    CHOICES,
    Question,
    Quiz,
    difficulty_figure,
    make_quiz,
    marks,
    marks_figure,
    marks_in_words,
    pool,
)


@pytest.fixture(autouse=True)
def _own_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Answers are kept beside my_clip.py, and those of a test are nobody's."""
    monkeypatch.setattr("clipedu_classroom.my_clip.folder", lambda: tmp_path)


@pytest.fixture(scope="module")
def questions() -> list[Question]:
    return make_quiz(6, seed=1)


def test_questions_have_five_different_names_and_examples_in_the_second_half(
    questions: list[Question],
) -> None:
    for k, question in enumerate(questions):
        assert len(set(question.names)) == CHOICES
        assert question.picture.shape == (3, 32, 32)
        assert (question.examples is None) == (k < 3)
    assert len({q.names[q.right] for q in questions}) == 6
    again = make_quiz(6, seed=1)
    assert [q.names for q in again] == [q.names for q in questions]
    with pytest.raises(ValueError, match="questions"):
        make_quiz(1)


def test_marks_count_what_is_answered(questions: list[Question]) -> None:
    right = [q.right for q in questions]
    answers: list[int | None] = [right[0], (right[1] + 1) % CHOICES, None, right[3], None, None]
    assert marks(questions, answers) == {"first half": (1, 2), "second half": (1, 1)}
    words = marks_in_words({"you": marks(questions, answers)})
    assert "1 of 2" in words and "second half: 1 of 1" in words
    assert marks_in_words({"you": marks(questions, [None] * 6)}) == "No answer yet."
    with pytest.raises(ValueError, match="6 questions"):
        marks(questions, [0])


def test_a_student_answers_and_sees_both(questions: list[Question]) -> None:
    widget = Quiz(questions, [q.right for q in questions])
    assert repr(widget) == "quiz: 6 pictures, you and CLIP (it needs a running notebook)"
    assert "Picture 1 of 6" in widget.words.value and "alt=" in widget.picture.value
    assert "CLIP" not in widget.result.value  # its answers are kept until you have yours
    first = widget.picture.value
    widget.submit.click()  # nothing chosen: nothing happens
    assert widget.at == 0
    for question in questions:
        widget.names.index = (question.right + 1) % CHOICES
        widget.submit.click()
    assert widget.picture.value != first and "Done" in widget.words.value
    assert widget.submit.disabled and widget.names.disabled
    assert "you, first half: 0 of 3" in widget.result.value
    assert "CLIP, first half: 3 of 3" in widget.result.value
    widget.answer(0)  # after the end
    assert widget.at == 6


def test_the_figure_has_a_mark_for_each(questions: list[Question]) -> None:
    found = marks(questions, [q.right for q in questions])
    figure, words = marks_figure({"you": found, "CLIP": found})
    labels = [t.get_text() for t in figure.axes[0].get_yticklabels()]
    halves = ("first half", "second half")
    assert labels == [f"{who}, {half}" for who in ("you", "CLIP") for half in halves]
    assert "guessing at 20%" in words


def test_a_class_pools_its_answers(questions: list[Question], tmp_path: Path) -> None:
    right = [q.right for q in questions]
    scores = torch.full((6, CHOICES), 0.1)
    scores[torch.arange(6), right] = torch.tensor([0.2, 0.9, 0.5, 0.3, 0.6, 0.4])
    assert pool(tmp_path).shape == (0, 0)
    alone = difficulty_figure(questions, scores, pool(tmp_path))[1]
    assert "people" not in alone
    (tmp_path / "ann_quiz.json").write_text(json.dumps(right), encoding="utf-8")
    (tmp_path / "bob_quiz.json").write_text(json.dumps([right[0], *[None] * 5]), encoding="utf-8")
    people = pool(tmp_path)
    assert people.tolist() == [right, [right[0], *[-1] * 5]]
    figure, words = difficulty_figure(questions, scores, people)
    assert "2 people who were right" in words and len(figure.axes[0].lines) == 3
    figure, words = difficulty_figure(questions, scores, people[:, :4])
    assert "of 4 pictures, so of another quiz" in words and len(figure.axes[0].lines) == 2
    (tmp_path / "quiz_of_eve.json").write_text('{"a": 1}', encoding="utf-8")
    with pytest.raises(ValueError, match="quiz_of_eve.json holds no list"):
        pool(tmp_path)
    (tmp_path / "quiz_of_eve.json").write_text("[1]", encoding="utf-8")
    with pytest.raises(ValueError, match="has 1 answers, others 6"):
        pool(tmp_path)
