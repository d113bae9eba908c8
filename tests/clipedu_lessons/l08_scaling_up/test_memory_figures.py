from __future__ import annotations

import matplotlib.pyplot as plt
import pytest

from clipedu_lessons.l08_scaling_up.memory_figures import (
    batches_figure,
    memory_figure,
    memory_in_words,
    plans_figure,
)
from clipedu_lessons.l08_scaling_up.planner import plan

TABLE = {
    ("loss", "dense"): [(2048, 160.0, 0.2), (1024, 40.0, 0.1)],
    ("loss", "tiled"): [(1024, 20.0, 0.1), (4096, 30.0, 1.0)],
    ("step", "plain"): [(128, 100.0, 1.0)],
}


def test_every_measured_line_is_drawn_in_the_order_of_the_batch() -> None:
    figure, words = memory_figure(TABLE)
    loss, step = figure.axes
    assert [line.get_label() for line in loss.lines] == ["whole matrix", "tiles"]
    assert list(loss.lines[0].get_xdata()) == [1024, 2048]
    assert list(loss.lines[0].get_ydata()) == [40, 160]
    assert len(step.lines) == 1
    assert loss.get_xscale() == loss.get_yscale() == "log"
    assert len({line.get_linestyle() for line in loss.lines}) == 2  # readable without colour
    assert words == memory_in_words(TABLE)
    plt.close(figure)


def test_the_words_say_how_each_line_grows() -> None:
    words = memory_in_words(TABLE)
    assert "whole matrix: 2 times the batch, 4.0 times" in words
    assert "tiles: 4 times the batch, 1.5 times the memory." in words
    assert "everything kept" not in words  # one point is no line


def test_an_empty_table_is_refused() -> None:
    with pytest.raises(ValueError, match="benchmarks/memory.py"):
        memory_figure({})


def test_two_batches_are_drawn_to_scale() -> None:
    figure = batches_figure(512, 32768)
    large, small = figure.axes[0].patches
    assert large.get_width() / small.get_width() == 64
    assert "32,768 x 32,768" in figure.axes[0].texts[1].get_text()
    plt.close(figure)


def test_a_bar_is_as_high_as_the_plan() -> None:
    plans = {name: plan("laptop", batch_size=512, gpu="laptop", precision="fp32", chunk=chunk)
             for name, chunk in (("whole", None), ("chunks", 64))}  # fmt: skip
    figure = plans_figure(plans)
    axes = figure.axes[0]
    for k, one in enumerate(plans.values()):
        top = max(bars[k].get_y() + bars[k].get_height() for bars in axes.containers)
        assert top * 2**30 == pytest.approx(one.total_memory)
    assert len({bars[0].get_hatch() for bars in axes.containers}) == len(axes.containers)
    plt.close(figure)
    with pytest.raises(ValueError, match="one kind of GPU"):
        plans_figure({})
