from __future__ import annotations

import pytest
import torch

from clipedu.evaluation import Ranked
from clipedu_lessons.common.ranking_figure import ranking_figure, ranking_words

NAMES = ["nut", "bolt", "axe", "gavel", "ambulance", "truck", "panda", "dog"]


def ranking(first: str) -> list[Ranked]:
    names = [first] + [name for name in NAMES if name != first]
    weights = torch.tensor([0.5**i for i in range(len(names))])
    return [Ranked(n, p) for n, p in zip(names, (weights / weights.sum()).tolist(), strict=True)]


PICTURES = torch.rand(3, 3, 8, 8, generator=torch.Generator().manual_seed(0))
RANKINGS = [ranking("nut"), ranking("bolt"), ranking("axe")]


def bars_and_words(figure) -> list[tuple[list, list[str]]]:
    """For each panel with bars: the bars, and the texts in it."""
    panels = [axes for axes in figure.axes if axes.patches]
    return [(list(axes.patches), [text.get_text() for text in axes.texts]) for axes in panels]


def test_bars_say_what_classify_said() -> None:
    panels = bars_and_words(ranking_figure(PICTURES, RANKINGS, k=4))
    assert len(panels) == 3
    for (bars, words), answer in zip(panels, RANKINGS, strict=True):
        assert [bar.get_width() for bar in bars] == pytest.approx([p for _, p in answer[:4]])
        assert words[::2] == [name for name, _ in answer[:4]]
        assert words[1::2] == ["50 %", "25 %", "13 %", "6.3 %"]
        assert not any(bar.get_hatch() for bar in bars)  # nobody said what is right


def test_the_right_answer_is_marked_by_more_than_colour() -> None:
    panels = bars_and_words(ranking_figure(PICTURES, RANKINGS, ["nut", "nut", "dog"], k=3))
    for (bars, words), place in zip(panels, (0, 1, 3), strict=True):
        hatched = [i for i, bar in enumerate(bars) if bar.get_hatch()]
        marked = [i for i, name in enumerate(words[::2]) if "\N{CHECK MARK}" in name]
        assert hatched == marked == [place]
        # and told apart in grey
        dark, light = bars[place].get_facecolor(), bars[place - 1].get_facecolor()
        assert abs(sum(dark[:3]) - sum(light[:3])) > 1.5
    assert panels[2][1][6] == "8. \N{CHECK MARK} dog"  # beyond k: it follows with its rank
    assert len(panels[2][0]) == 4 and len(panels[0][0]) == 3


def test_titles_give_answer_and_rank() -> None:
    figure = ranking_figure(PICTURES, RANKINGS, ["nut", "nut", "dog"], columns=2, title="Three")
    titles = [axes.get_title() for axes in figure.axes if axes.get_title()]
    assert titles == [
        f"answer: {a}\nrank {r} of 8" for a, r in (("nut", 1), ("nut", 2), ("dog", 8))
    ]
    figure.canvas.draw()  # no warning, no error


def test_pictures_are_drawn_as_they_are() -> None:
    figure = ranking_figure(PICTURES[1].bfloat16(), RANKINGS[1:2], "bolt")
    (image,) = (axes.images[0] for axes in figure.axes if axes.images)
    drawn = torch.from_numpy(image.get_array().data)
    assert torch.allclose(drawn, PICTURES[1].permute(1, 2, 0), atol=0.01)


def test_fewer_classes_than_k_and_odd_names() -> None:
    figure = ranking_figure(PICTURES[0], [[Ranked("$x_1$ " + "long " * 20, 1.0)]])
    figure.canvas.draw()
    ((bars, words),) = bars_and_words(figure)
    assert len(bars) == 1 and words[0].startswith("$x_1$ long") and len(words[0]) <= 30


def test_words() -> None:
    words = ranking_words(RANKINGS[:2], ["nut", "nut"], k=2)
    assert words == (
        "Picture 1: the answer is nut (right); the model ranks nut 50 %, bolt 25 %. "
        "Picture 2: the answer is nut (rank 2 of 8); the model ranks bolt 50 %, nut 25 %."
    )
    assert ranking_words(RANKINGS[:1], k=1) == "The model ranks nut 50 %."


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ((PICTURES, RANKINGS[:2]), ValueError, r"3 picture\(s\) but 2 ranking"),
        ((PICTURES, RANKINGS, ["nut"]), ValueError, r"1 right answer\(s\) for 3"),
        ((PICTURES[0], RANKINGS[:1], "crane"), ValueError, "'crane' is none of the 8 classes"),
        ((PICTURES[0], RANKINGS[0]), TypeError, "one ranking for each picture"),
        ((PICTURES, []), ValueError, "no ranking"),
        ((PICTURES * 255, RANKINGS), ValueError, "divide by 255"),
    ],
)
def test_bad_input(arguments: tuple, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        ranking_figure(*arguments)


def test_k_and_columns_are_at_least_one() -> None:
    with pytest.raises(ValueError, match="k is"):
        ranking_figure(PICTURES, RANKINGS, k=0)
    with pytest.raises(ValueError, match="columns"):
        ranking_figure(PICTURES, RANKINGS, columns=0)
