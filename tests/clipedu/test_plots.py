"""Figures: layouts taken and refused, the style in greyscale, words that reach the reader."""

from __future__ import annotations

import base64
import builtins
import io
from types import SimpleNamespace

import nbformat
import numpy as np
import pytest
import torch
from matplotlib import pyplot as plt
from matplotlib.colors import to_rgb
from nbconvert import HTMLExporter
from PIL import Image

from clipedu import plots

WORDS = "Four grey squares; the second is darker than the others."


def drawn(figure: plots.Figure) -> list[np.ndarray]:
    return [axes.get_images()[0].get_array() for axes in figure.axes]


def test_float_and_uint8_pictures_give_the_same_grid() -> None:
    rgb = np.random.default_rng(0).integers(0, 256, (5, 6, 4, 3), dtype=np.uint8)
    as_float = torch.from_numpy(rgb).permute(0, 3, 1, 2) / 255
    for a, b in zip(
        drawn(plots.picture_grid(rgb)), drawn(plots.picture_grid(as_float)), strict=True
    ):
        assert a.shape == (6, 4, 3)
        np.testing.assert_allclose(a, b, atol=1e-6)


def test_alpha_is_laid_over_white() -> None:
    rgba = np.zeros((1, 2, 2, 4), dtype=np.uint8)  # black, seen through
    rgba[0, 0, 0, 3] = 255
    rgba[0, 1, 1, 3] = 51  # a fifth
    (picture,) = drawn(plots.picture_grid(rgba))
    np.testing.assert_allclose(picture[..., 0], [[0, 1], [1, 0.8]], atol=1e-6)


def test_rows_columns_and_titles() -> None:
    titles = ["one", "a very long name that runs over two lines", "$5", ""]
    figure = plots.picture_grid(torch.rand(4, 3, 8, 8), titles, columns=3, title="All")
    figure.savefig(io.BytesIO())
    boxes = [axes.get_position() for axes in figure.axes]
    assert boxes[0].y0 == boxes[2].y0 > boxes[3].y1
    assert boxes[3].x0 == pytest.approx(boxes[0].x0)
    texts = [axes.texts[0].get_text() for axes in figure.axes]
    assert texts[0] == "one" and texts[1].count("\n") == 2 and texts[2] == "$5"
    assert figure.get_suptitle() == "All"


def test_half_precision_pictures_are_taken() -> None:
    assert len(drawn(plots.picture_grid(torch.rand(2, 3, 4, 4).bfloat16()))) == 2


@pytest.mark.parametrize(
    "pictures",
    [
        torch.rand(3, 8, 8),
        torch.rand(0, 3, 8, 8),
        torch.rand(2, 4, 8, 8),
        torch.zeros(2, 3, 8, 8, dtype=torch.uint8),
        np.zeros((2, 8, 8, 5), dtype=np.uint8),
        np.zeros((2, 3, 8, 8), dtype=np.int64),
    ],
)
def test_other_shapes_and_types_are_refused(pictures: plots.Pictures) -> None:
    with pytest.raises(ValueError, match=r"expected \(N, 3, H, W\) float"):
        plots.picture_grid(pictures)


def test_values_out_of_range_are_refused() -> None:
    for bad in (torch.full((1, 3, 4, 4), 2.0), torch.full((1, 3, 4, 4), torch.nan)):
        with pytest.raises(ValueError, match="before they are normalized"):
            plots.picture_grid(bad)
    with pytest.raises(ValueError, match="4 pictures but 1 titles"):
        plots.picture_grid(torch.rand(4, 3, 8, 8), ["one"])
    with pytest.raises(ValueError, match="columns is 0"):
        plots.picture_grid(torch.rand(4, 3, 8, 8), columns=0)


def test_lines_can_be_told_apart_without_colour() -> None:
    plots.use_style()
    figure, axes = plt.subplots()
    lines = [axes.plot([0, 1, 2])[0] for _ in plots.COLOURS]
    looks = {
        (line._dash_pattern[1] and tuple(line._dash_pattern[1]), line.get_marker())
        for line in lines
    }
    assert len(looks) == len(lines)
    luminance = [float(np.dot(to_rgb(c), (0.2126, 0.7152, 0.0722))) for c in plots.COLOURS]
    assert min(abs(a - b) for a, b in zip(luminance, luminance[1:], strict=False)) > 0.1
    plt.close(figure)


def test_show_prints_the_words_and_closes(capsys: pytest.CaptureFixture[str]) -> None:
    figure, _ = plt.subplots()
    plots.show(figure, "  Four grey squares;\n the second is darker than the others. ")
    assert capsys.readouterr().out == WORDS + "\n"
    assert not plt.fignum_exists(figure.number)
    with pytest.raises(ValueError, match="say what it shows"):
        plots.show(figure, "a plot")


def test_long_words_are_printed_in_lines_that_a_page_holds(
    capsys: pytest.CaptureFixture[str],
) -> None:
    words = "Two lines that cross near the middle of the figure. " * 4
    plots.show(plots.picture_grid(torch.rand(1, 3, 8, 8)), words)
    lines = capsys.readouterr().out.splitlines()
    assert max(map(len, lines)) <= plots.PRINTED and " ".join(lines) == words.strip()


def test_short_lines_keep_a_marker_at_every_point_and_long_ones_do_not() -> None:
    plots.use_style()
    figure, axes = plt.subplots()
    short, long = axes.plot(range(5))[0], axes.plot(range(400))[0]
    chosen = axes.plot(range(5), markevery=2)[0]
    plots.figure_bundle(figure, WORDS)
    assert [line.get_markevery() for line in (short, long, chosen)] == [None, 0.1, 2]
    plt.close(figure)


def test_the_fonts_are_where_they_are_said_to_be() -> None:
    assert (plots.font_folder() / "DejaVuSans.ttf").is_file()


def notebook_of(figure: plots.Figure) -> nbformat.NotebookNode:
    data, metadata = plots.figure_bundle(figure, WORDS)
    output = nbformat.v4.new_output("display_data", data=data, metadata=metadata)
    cell = nbformat.v4.new_code_cell("show()", outputs=[output], execution_count=1)
    notebook = nbformat.v4.new_notebook(cells=[cell])
    nbformat.validate(notebook)
    return notebook


def test_a_displayed_figure_is_a_small_png_that_carries_the_words() -> None:
    plots.use_style()
    figure, axes = plt.subplots()
    axes.plot(np.random.default_rng(0).normal(size=(100, 5)).cumsum(0))
    data, _ = plots.figure_bundle(figure, WORDS)
    png = base64.b64decode(data["image/png"])
    picture = Image.open(io.BytesIO(png))
    assert picture.format == "PNG" and picture.text["Description"] == WORDS
    assert len(png) < 60_000
    again, _ = plots.figure_bundle(figure, WORDS)
    assert again == data
    plt.close(figure)


def test_the_words_reach_a_web_page() -> None:
    """nbconvert's classic template reads the metadata, as the course's own does."""
    figure = plots.picture_grid(torch.rand(4, 3, 8, 8))
    page, _ = HTMLExporter(template_name="classic").from_notebook_node(notebook_of(figure))
    assert f'alt="{WORDS}"' in page


def test_show_in_a_kernel_displays_the_words_folded_up_and_prints_nothing(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    calls: list[tuple[dict[str, str], object]] = []
    # what a kernel's IPython puts among the built-in names
    shell = SimpleNamespace(kernel=object())
    monkeypatch.setattr(builtins, "get_ipython", lambda: shell, raising=False)
    show = lambda data, metadata, raw: calls.append((data, metadata))  # noqa: E731
    monkeypatch.setattr(builtins, "display", show, raising=False)
    plots.show(plots.picture_grid(torch.rand(4, 3, 8, 8)), WORDS + " <b>")
    (figure, notes), (folded, _) = calls
    assert "image/png" in figure and notes == {"image/png": {"alt": WORDS + " <b>"}}
    assert list(folded) == ["text/html"] and folded["text/html"].startswith("<details")
    assert WORDS + " &lt;b&gt;</details>" in folded["text/html"]
    assert capsys.readouterr().out == ""
