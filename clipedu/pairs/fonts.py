"""Icon fonts: a glyph is a drawing, and a name map says what each code point shows.

A package holds fonts (`*.ttf`), each with a map of names (`glyphmap.json`, or `glyphmap-STYLE.json`
beside `...STYLE.ttf`). Several names of one glyph are several words for one picture.
"""

from __future__ import annotations

import functools
import json
import logging
import re
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import Any, NamedTuple

MARGIN = 0.08  # of a picture, left free on each side of a glyph
_PREFIX = re.compile(r"^((ic-fluent|ion|ios|android|eva|ra|typcn)-)+")  # names the font, no thing
_SIZED = re.compile(r"^(.+)-(\d\d)-([a-z]+)$")  # Fluent draws one thing for 16, 20, 24 ... px
_BEST_SIZE = 24
_VARIANT = re.compile(r"^(?!dice|number)(.*[a-z]{3})-([2-9]|[a-c])$")  # user-3, ribbon-b: one more
_ANYWHERE = ("fill", "outline")  # styles that may be in the middle of a name: person-fill-add


class Glyph(NamedTuple):
    """One drawing of a font, and all its names, the shortest first."""

    file: str  # "FONT.ttf#CODE"
    style: str  # the word for it in the names: one of the styles asked for
    names: list[str]  # without prefix, size and style


def glyphs(folder: Path, styles: Collection[str]) -> Iterator[Glyph]:
    """The drawings of all fonts below `folder`; of several sizes one, of equal outlines the first.

    styles: the words in names that say how a glyph is drawn; "": what has none of them. A name
    without a glyph, and a glyph without an outline, are left out.
    """
    for font, words in sorted(_fonts(folder)):
        found = []  # (name, style, code point)
        best: dict[tuple[str, str], tuple[int, int]] = {}  # of those with a size: size, code point
        for full, point in words.items():
            code = point if isinstance(point, int) else int(point, 16)
            if sized := _SIZED.match(full):
                key = _split_style(f"{sized[1]}-{sized[3]}", styles)
                best[key] = min(best.get(key, (999, 0)), (int(sized[2]), code), key=_from_best_size)
            else:
                found.append((*_split_style(full, styles), code))
        found += [(*key, code) for key, (_, code) in best.items()]
        drawn: dict[bytes, Glyph] = {}
        outlines = _outlines(font)
        for name, style, code in sorted(found, key=lambda row: (len(row[0]), row)):
            if outline := outlines.get(code):
                glyph = drawn.setdefault(outline, Glyph(f"{font.name}#{code:x}", style, []))
                glyph.names.append(name)
        yield from sorted(drawn.values(), key=lambda glyph: (glyph.names[0], glyph.style))


def svg(folder: Path, file: str) -> str:
    """The drawing as SVG: its bounds in the middle of a square, with a margin of 8 %."""
    from fontTools.pens.boundsPen import BoundsPen
    from fontTools.pens.svgPathPen import SVGPathPen

    name, _, code = file.partition("#")
    shapes, points = _shapes(folder, name)
    glyph = shapes[points[int(code, 16)]]
    bounds, path = BoundsPen(None), SVGPathPen(None, ntos=lambda number: f"{number:g}")
    glyph.draw(bounds, shapes)  # some fonts' own tables have bounds that are too wide
    glyph.draw(path, shapes)
    left, bottom, right, top = bounds.bounds
    side = max(right - left, top - bottom) / (1 - 2 * MARGIN)
    x, y = (left + right - side) / 2, (bottom + top + side) / 2
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {side:g} {side:g}">'
        f'<path transform="matrix(1 0 0 -1 {-x:g} {y:g})" d="{path.getCommands()}"/></svg>'
    )  # y points up in a font, down in SVG


def is_brand(name: str, brands: Collection[str]) -> bool:
    """Whether a name is that of a firm's logo: "apple", "facebook-box", "social-github"."""
    plain = re.sub(r"-(box|circle|square|new|x|music|reboot|teams|loop|\d)$", "", name)
    return {name, plain} & set(brands) != set() or name.startswith(("social-", "vendor-"))


def _split_style(full: str, styles: Collection[str]) -> tuple[str, str]:
    """ "ra-user-3-fill" -> "user", "fill"."""
    parts, style = _PREFIX.sub("", full).split("-"), ""
    for at in (-1, *range(len(parts))):
        word = parts[at]
        if word in styles and len(parts) > 1 and (at == -1 or word in _ANYWHERE):
            style = parts.pop(at)
            break
    return _VARIANT.sub(r"\1", "-".join(parts)), style


def _from_best_size(choice: tuple[int, int]) -> tuple[int, int]:
    return abs(choice[0] - _BEST_SIZE), -choice[0]


def _fonts(folder: Path) -> Iterator[tuple[Path, dict[str, Any]]]:
    files = {path.stem.lower(): path for path in folder.rglob("*.ttf")}
    for names in folder.rglob("glyphmap*.json"):
        style = names.stem.removeprefix("glyphmap").removeprefix("-")
        yield (
            next(files[s] for s in files if s.endswith(style)),
            json.loads(names.read_text("utf-8")),
        )


@functools.cache
def _open(path: Path) -> Any:
    from fontTools.ttLib import TTFont

    logging.getLogger("fontTools").setLevel(logging.ERROR)  # it remarks on harmless dates
    return TTFont(path, lazy=True)


@functools.cache
def _shapes(folder: Path, name: str) -> tuple[Any, dict[int, str]]:
    """A font's table of glyphs, and their names by code point."""
    font = _open(next(folder.rglob(name)))
    return font["glyf"], font.getBestCmap()


def _outlines(path: Path) -> dict[int, bytes]:
    """Code point -> the bytes that draw it; a blank glyph has none."""
    font = _open(path)
    table = font["glyf"].glyphs
    return {code: getattr(table[name], "data", b"") for code, name in font.getBestCmap().items()}
