"""The planner's widget: its figure, its words, its controls."""

from __future__ import annotations

import pytest

from clipedu_lessons.l08_scaling_up.plan_words import (
    paper_words,
    plan_words,
    size_words,
    time_words,
)
from clipedu_lessons.l08_scaling_up.planner import plan
from clipedu_lessons.l08_scaling_up.planner_widget import (
    PlanExplorer,
    memory_by_batch_figure,
    plan_explorer,
    plan_figure,
    plan_sentence,
)

SMALL = {"batch_size": 4096, "pairs": 409_600, "precision": "fp32"}


def test_the_figure_has_a_bar_for_each_part_and_the_memory_that_there_is() -> None:
    plans = [plan("tiny", **SMALL), plan("tiny", **SMALL, loss="tiled", chunk=64)]  # type: ignore[arg-type]
    figure = plan_figure(plans)
    axes = figure.axes[0]
    assert len(axes.containers) == len(plans[0].memory) == 8
    widths = [sum(bars[row].get_width() for bars in axes.containers) for row in (0, 1)]
    assert widths == pytest.approx([one.total_memory / 2**30 for one in plans])
    assert [label.get_text() for label in axes.get_yticklabels()] == [
        "local loss",
        "tiled loss, chunks of 64",
    ]
    assert any("80 GiB" in text.get_text() for text in axes.texts)
    assert axes.get_xlabel() == "memory of one GPU (GiB)" and figure.legends
    with pytest.raises(ValueError, match="no plan"):
        plan_figure([])
    with pytest.raises(ValueError, match="one for each"):
        plan_figure(plans, ["one"])


def test_memory_by_batch_draws_a_line_for_each_variant() -> None:
    variants = {"dense": {"loss": "dense"}, "tiled": {"loss": "tiled"}}
    figure = memory_by_batch_figure("tiny", [64, 8192, 65_536], variants)  # type: ignore[arg-type]
    dense, tiled = (line.get_ydata() for line in figure.axes[0].lines)
    assert dense[-1] > 2 * tiled[-1] and dense[0] == pytest.approx(tiled[0])


def test_words_carry_the_numbers_of_the_plan() -> None:
    ours = plan("tiny", **SMALL)  # type: ignore[arg-type]
    said, table = plan_sentence(ours), plan_words(ours)
    for text in (said, table):
        assert size_words(ours.total_memory) in text and time_words(ours.days) in text
    assert "It fits." in said and "DOES NOT FIT" not in table
    large = plan("tiny", batch_size=2**17, loss="dense")
    assert "--loss tiled" in plan_words(large) and "It does not fit." in plan_sentence(large)
    assert "592" in paper_words() and "256" in paper_words()


@pytest.mark.parametrize(
    ("size", "words"),
    [(12, "12 bytes"), (3 * 2**20, "3.0 MiB"), (2**30, "1.0 GiB"), (5 * 2**40, "5.0 TiB")],
)
def test_sizes_are_readable(size: float, words: str) -> None:
    assert size_words(size) == words


@pytest.mark.parametrize(
    ("days", "words"),
    [(800, "2.2 years"), (12, "12.0 days"), (0.5, "12.0 hours"), (0.01, "14.4 minutes")],
)
def test_times_are_readable(days: float, words: str) -> None:
    assert time_words(days) == words
    assert time_words(1 / 86_400) == "1.0 seconds"


def test_moving_a_control_changes_picture_and_words() -> None:
    widget = PlanExplorer("tiny", ("tiny", "laptop"))
    seen = [(widget.picture.value, widget.words.value)]
    for control, value in (
        (widget.gpus, 1),
        (widget.batch, 65_536),
        (widget.loss, "tiled"),
        (widget.checkpointing, True),
        (widget.precision, "fp32"),
    ):
        control.value = value
        seen.append((widget.picture.value, widget.words.value))
    assert len({picture for picture, _ in seen}) == len(seen)
    assert 'alt="tiny' in widget.picture.value and 'role="status"' in widget.words.value


def test_what_cannot_be_is_said_and_the_figure_stays() -> None:
    widget = PlanExplorer("tiny", ("tiny",))
    before = widget.picture.value
    widget.gpu.value = "V100"
    assert "no bf16" in widget.words.value and widget.picture.value == before
    widget.precision.value = "fp16"
    assert "V100 in fp16" in widget.words.value


def test_controls_are_labelled() -> None:
    widget = PlanExplorer("tiny", ("tiny",))
    for control in (widget.preset, widget.batch, widget.gpus, widget.gpu, widget.checkpointing):
        assert control.description and control.tooltip
    assert "running notebook" in repr(widget)


def test_a_model_that_is_not_among_the_choices_is_refused() -> None:
    with pytest.raises(ValueError, match="'RN101' is not among .* laptop, RN50,"):
        plan_explorer("RN101")
