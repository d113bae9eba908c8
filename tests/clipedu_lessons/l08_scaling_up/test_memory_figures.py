from __future__ import annotations

import matplotlib.pyplot as plt
import pytest

from clipedu_lessons.l08_scaling_up.memory_figures import (
    batches_figure,
    plans_figure,
)
from clipedu_lessons.l08_scaling_up.planner import plan


def test_two_batches_are_drawn_to_scale() -> None:
    figure = batches_figure(512, 32768)
    large, small = figure.axes[0].patches
    assert large.get_width() / small.get_width() == 64
    assert "32,768 x 32,768" in figure.axes[0].texts[1].get_text()
    plt.close(figure)


def test_a_bar_is_as_long_as_the_plan() -> None:
    plans = {name: plan("laptop", batch_size=512, gpu="laptop", precision="fp32", chunk=chunk)
             for name, chunk in (("whole", None), ("chunks", 64))}  # fmt: skip
    figure = plans_figure(plans)
    axes = figure.axes[0]
    for k, one in enumerate(plans.values()):
        top = max(bars[k].get_x() + bars[k].get_width() for bars in axes.containers)
        assert top * 2**30 == pytest.approx(one.total_memory)
    looks = {(bars[0].get_hatch(), bars[0].get_facecolor()) for bars in axes.containers}
    assert len(looks) == len(axes.containers)
    plt.close(figure)
    with pytest.raises(ValueError, match="one kind of GPU"):
        plans_figure({})
