"""Icon fonts: names read as people would, glyphs drawn upright and centered."""

import json

import numpy as np
import pytest
from fontTools.fontBuilder import FontBuilder
from fontTools.pens.ttGlyphPen import TTGlyphPen

from clipedu.pairs import FAMILIES, load_icons, render_svg
from clipedu.pairs.fonts import MARGIN, glyphs, is_brand, svg


def box(left, bottom, right, top):
    pen = TTGlyphPen(None)
    pen.moveTo((left, bottom))
    for corner in ((left, top), (right, top), (right, bottom)):
        pen.lineTo(corner)
    pen.closePath()
    return pen.glyph()


@pytest.fixture
def font(tmp_path):
    """A font with a tall box, the same box once more, a flat box, and a blank glyph."""
    shapes = {
        ".notdef": TTGlyphPen(None).glyph(),
        "tall": box(100, 0, 300, 800),
        "again": box(100, 0, 300, 800),
        "flat": box(0, 0, 1000, 100),
        "blank": TTGlyphPen(None).glyph(),
    }
    builder = FontBuilder(1000, isTTF=True)
    builder.setupGlyphOrder(list(shapes))
    builder.setupCharacterMap({0xE000 + i: name for i, name in enumerate(shapes) if i})
    builder.setupGlyf(shapes)
    builder.setupHorizontalMetrics({name: (1000, 0) for name in shapes})
    builder.setupHorizontalHeader(ascent=800, descent=-200)
    builder.setupPost()
    builder.save(tmp_path / "some.ttf")
    return tmp_path


def words(folder, **names):
    (folder / "glyphmap.json").write_text(json.dumps(names))
    found = glyphs(folder, {"fill": "filled", "outline": "outlined", "": "plain"})
    return {(glyph.style, *glyph.names): glyph.file for glyph in found}


def test_equal_outlines_are_one_picture_and_its_shortest_name_counts(font):
    found = words(font, **{"ra-tower-fill": "e001", "pillar-of-stone-fill": "e002"})
    assert found == {("fill", "tower", "pillar-of-stone"): "some.ttf#e001"}


def test_a_blank_glyph_and_a_name_without_a_glyph_are_left_out(font):
    assert words(font, bar="e003", blank="e004", missing="e999") == {("", "bar"): "some.ttf#e003"}


def test_of_several_sizes_the_best_is_taken(font):
    names = {"ic-fluent-bar-16-fill": "e001", "ic-fluent-bar-28-fill": "e003"}
    assert words(font, **names) == {("fill", "bar"): "some.ttf#e003"}  # 28 is nearer to 24 than 16


def test_styles_are_found_also_in_the_middle_and_a_variant_number_goes(font):
    found = words(font, **{"person-fill-add": 0xE001, "user-3-outline": 0xE003})
    assert set(found) == {("fill", "person-add"), ("outline", "user")}


def test_a_glyph_is_drawn_upright_in_the_middle(font):
    words(font, tower="e001")
    drawn = render_svg(svg(font, "some.ttf#e001"), 100)[..., 3] > 127
    rows, columns = np.flatnonzero(drawn.any(1)), np.flatnonzero(drawn.any(0))
    assert abs(rows[0] - 100 * MARGIN) <= 1 and abs(rows[-1] + 1 - 100 * (1 - MARGIN)) <= 1
    assert abs(columns[0] + columns[-1] - 99) <= 1  # centered
    assert abs(len(columns) / len(rows) - 200 / 800) < 0.03  # with its proportions
    warning = next(icon for icon in load_icons(["eva"]) if icon.name == "alert triangle")
    ink = render_svg(warning.svg(), 32)[..., 3].sum(1)
    assert ink[:16].sum() < ink[16:].sum()  # a triangle that stands on its long side


@pytest.mark.parametrize(
    "name, logo",
    [
        ("apple", True),
        ("facebook-box", True),
        ("social-euro", True),
        ("wechat-2", True),
        ("apple-pie", False),
        ("line-chart", False),
    ],
)
def test_is_brand(name, logo):
    assert is_brand(name, {"apple", "facebook", "line", "wechat"}) is logo


def test_every_font_set_draws_something():
    for key, family in FAMILIES.items():
        if family.package.startswith("tkinter"):
            assert render_svg(load_icons([key])[-1].svg(), 32)[..., 3].any()
