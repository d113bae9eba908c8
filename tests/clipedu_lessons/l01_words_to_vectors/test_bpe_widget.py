"""The BPE stepper: its data against train_steps, its figure, its slider."""

from __future__ import annotations

import re

import pytest
from matplotlib.figure import Figure

from clipedu.tokenizer.bpe import train_steps
from clipedu_lessons.l01_words_to_vectors.bpe_widget import (
    BPEStepper,
    bpe_steps,
    pieces_figure,
    step_figure,
    step_in_words,
)

SIX = {"star": 5, "starfish": 2, "fish": 3, "car": 4, "cart": 2, "cat": 3}


def texts_of(figure: Figure) -> list[str]:
    return [text.get_text() for axes in figure.axes for text in axes.texts]


def test_steps_are_those_of_train_steps() -> None:
    steps = bpe_steps(SIX)
    learned = list(train_steps({tuple(word): times for word, times in SIX.items()}))
    assert [step.merge for step in steps[1:]] == learned
    assert steps[0].merge is None and steps[0].number == 0
    for step in steps:
        assert ["".join(pieces) for pieces, _ in step.words] == list(SIX)
        assert [times for _, times in step.words] == list(SIX.values())
    assert [len(pieces) for pieces, _ in steps[-1].words] == [1] * 6
    assert steps[-1].pairs == ()


def test_the_first_pair_of_a_step_is_the_next_merge() -> None:
    steps = bpe_steps(SIX)
    for now, after in zip(steps, steps[1:], strict=False):
        assert after.merge is not None
        assert now.pairs[0] == (after.merge.pair, after.merge.count)


def test_stops_where_least_says() -> None:
    assert len(bpe_steps(SIX, least=6)) == 5


@pytest.mark.parametrize("words", [{}, {"": 1}, {"a" * 201: 1}])
def test_words_that_cannot_be_drawn_are_refused(words: dict[str, int]) -> None:
    with pytest.raises(ValueError, match="word|letters"):
        bpe_steps(words)


def test_the_figure_shows_every_piece_and_the_counts() -> None:
    step = bpe_steps(SIX)[3]
    texts = texts_of(step_figure(step, 11))
    for pieces, times in step.words:
        assert f"{times} ×" in texts
        assert set(pieces) <= set(texts)
    bold = [
        text.get_text()
        for axes in step_figure(step).axes
        for text in axes.texts
        if text.get_fontweight() == "bold"
    ]
    assert set(bold) == {"star"}
    axes = step_figure(step, 11).axes
    assert axes[1].get_xlabel() == "times side by side"
    assert "3 of 11" in axes[0].get_title(loc="left")


def test_the_printed_form_has_a_panel_for_each_step() -> None:
    steps = bpe_steps(SIX)
    figure = pieces_figure([steps[0], steps[11]])
    titles = [axes.get_title(loc="left") for axes in figure.axes]
    assert titles == ["after 0 merges", "after 11 merges"]
    assert "starfish" in texts_of(figure)
    with pytest.raises(ValueError, match="at least one step"):
        pieces_figure([])


def test_words_say_what_was_joined() -> None:
    steps = bpe_steps(SIX)
    assert "every letter is a piece" in step_in_words(steps[0])
    assert "joins a and r" in step_in_words(steps[1]) and "13 times" in step_in_words(steps[1])


def test_the_slider_changes_the_picture_and_the_words() -> None:
    stepper = BPEStepper(SIX, 1)
    before = stepper.picture.value, stepper.words.value
    stepper.slider.value = 3
    assert stepper.picture.value != before[0]
    assert "joins st and ar" in stepper.words.value != before[1]
    stepper.slider.value = 1
    assert stepper.words.value == before[1]


def test_the_controls_have_names_and_the_picture_has_words() -> None:
    stepper = BPEStepper(SIX)
    assert stepper.slider.description and stepper.slider.tooltip
    assert (stepper.slider.min, stepper.slider.max) == (0, 11)
    assert stepper.slider.continuous_update is False
    assert re.search(r'alt="Before any merge[^"]+"', stepper.picture.value)
    assert len(repr(stepper)) < 110


def test_a_start_out_of_range_is_refused() -> None:
    with pytest.raises(ValueError, match="0 to 11"):
        BPEStepper(SIX, 12)
