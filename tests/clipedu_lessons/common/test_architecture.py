from __future__ import annotations

from itertools import combinations

import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.text import Text
from matplotlib.transforms import Bbox

from clipedu.models import PRESETS, build
from clipedu_lessons.common.architecture import (
    PARTS,
    attention_figure,
    block_figure,
    clip_figure,
    image_encoder_figure,
    matrix_figure,
    text_encoder_figure,
)
from clipedu_lessons.common.diagram import THINGS, canvas, label

TRANSFORMERS = ("laptop_vit", "laptop_vit_stem", "ViT-B/32", "ViT-L/14@336px")


def texts(figure: Figure) -> list[Text]:
    return [text for axes in figure.axes for text in axes.texts if text.get_text()]


def said(figure: Figure) -> list[str]:
    return [text.get_text() for text in texts(figure)]


def faults(figure: Figure) -> list[str]:
    """What a reader could not read: texts that overlap, leave the figure or are too small."""
    renderer = FigureCanvasAgg(figure).get_renderer()
    frames = [(text, text.get_window_extent(renderer)) for text in texts(figure)]
    paper = Bbox.from_bounds(0, 0, figure.bbox.width, figure.bbox.height)
    found = [
        f"{a.get_text()} on {b.get_text()}"
        for (a, first), (b, second) in combinations(frames, 2)
        if first.overlaps(second)
    ]
    for text, frame in frames:
        if not (paper.contains(frame.x0, frame.y0) and paper.contains(frame.x1, frame.y1)):
            found.append(f"{text.get_text()} is cut off")
        if text.get_fontsize() < 9:
            found.append(f"{text.get_text()} is small")
    if figure.get_figwidth() > 7.5:
        found.append("the figure is wider than a page")
    return found


@pytest.mark.parametrize("here", [None, *PARTS])
def test_the_whole_of_clip_is_legible_wherever_you_are(here: str | None) -> None:
    figure, words = clip_figure(here)
    assert faults(figure) == []
    assert said(figure).count("you are here") == (here is not None)
    assert ("you are here" in words) == (here is not None)
    assert here is None or words.endswith(f": {here}.")
    for name in ("captions", "tokenizer", "text encoder", "pictures", "embeddings", "loss"):
        assert name in said(figure)


@pytest.mark.parametrize("preset", TRANSFORMERS)
def test_encoders_show_the_sizes_of_their_config(preset: str) -> None:
    config = PRESETS[preset]
    text, vision, embed = config.text, config.vision, config.embed_dim
    tokens = (vision.resolution // vision.patch) ** 2
    for (figure, words), sizes, depth in (
        (text_encoder_figure(config), (text.context_length, text.width), text.width // text.heads),
        (image_encoder_figure(config), (tokens + 1, vision.width), vision.width // vision.heads),
    ):
        assert faults(figure) == []
        for shape in (f"(B, {sizes[0]}, {sizes[1]})", f"(B, {sizes[1]})", f"(B, {embed})"):
            assert shape in said(figure)
        assert any(f"heads of {depth}" in line for line in said(figure))
        assert f"(B, {sizes[0]}, {sizes[1]})" in words and f"(B, {embed})" in words


def test_the_names_in_code_are_those_of_the_model() -> None:
    model = build("laptop_vit_stem")
    for (figure, _), encoder in (
        (text_encoder_figure(model.config), model.text),
        (image_encoder_figure(model.config), model.visual),
    ):
        shown = {t.get_text() for t in texts(figure) if t.get_family() == ["monospace"]}
        names = {name for name in shown if not name.startswith("(")}
        assert len(names) >= 5
        assert [name for name in names if not hasattr(encoder, name)] == []


def test_the_stem_is_drawn_as_it_is_built() -> None:
    stem = build("laptop_vit_stem").visual.stem
    channels = [3, *(layer.out_channels for layer in stem if hasattr(layer, "out_channels"))]
    figure, _ = image_encoder_figure(PRESETS["laptop_vit_stem"])
    assert any(f"channels {' → '.join(map(str, channels))}" in line for line in said(figure))
    assert "stem" not in said(image_encoder_figure(PRESETS["laptop_vit"])[0])


@pytest.mark.parametrize(("width", "heads"), [(128, 4), (192, 4), (1024, 16)])
def test_a_block_and_its_attention_are_legible(width: int, heads: int) -> None:
    figure, words = block_figure(width, heads)
    assert faults(figure) == [] and f"(B, L, {width})" in said(figure)
    assert f"heads of {width // heads}" in words and str(4 * width) in words
    figure, words = attention_figure(heads)
    assert faults(figure) == [] and f"head 1 of {heads}" in said(figure)
    assert f"{heads} heads" in words


@pytest.mark.parametrize("heads", [1, 2])
def test_attention_with_few_heads(heads: int) -> None:
    figure, _ = attention_figure(heads)
    assert faults(figure) == []
    assert any(line.startswith("the other") for line in said(figure)) == (heads > 1)


@pytest.mark.parametrize("n", range(2, len(THINGS) + 1))
def test_the_matrix_has_n_by_n_cells(n: int) -> None:
    figure, words = matrix_figure(n)
    assert faults(figure) == []
    cells = [line for line in said(figure) if line.startswith("$z_{") and "=" not in line]
    assert len(cells) == n * n
    assert words.startswith(f"A {n} x {n} matrix")


def test_what_cannot_be_drawn_is_said_in_a_sentence() -> None:
    with pytest.raises(ValueError, match="no part 'encoder'.*pictures, captions, tokenizer, text"):
        clip_figure("encoder")
    with pytest.raises(ValueError, match="ResNet; take a config such as .*laptop_vit_stem"):
        image_encoder_figure(PRESETS["laptop"])
    with pytest.raises(ValueError, match="text encoder is 'cbow'"):
        text_encoder_figure(PRESETS["laptop"].replace(text_kind="cbow"))
    for n in (1, 7):
        with pytest.raises(ValueError, match=f"2 to 6 pairs, not {n}"):
            matrix_figure(n)


def test_faults_are_found() -> None:
    figure, axes = canvas(3, 1)
    label(axes, 1.0, 0.5, "here")
    label(axes, 1.1, 0.5, "there")
    label(axes, 2.9, 0.5, "outside")
    label(axes, 1.0, 0.2, "tiny", fontsize=6)
    assert faults(figure) == ["here on there", "outside is cut off", "tiny is small"]
