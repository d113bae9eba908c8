"""The search box: words and pictures find their like, each drawing once."""

from __future__ import annotations

import io
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from clipedu.models import CLIP
from clipedu.pairs import Icon
from clipedu.tokenizer import Tokenizer
from clipedu_lessons.common.strokes import SAMPLES, draw_strokes
from clipedu_lessons.l05_zero_shot.retrieval import PictureIndex, build_index
from clipedu_lessons.l05_zero_shot.search_box import (
    SearchBox,
    find_drawings,
    hits_figure,
    hits_words,
)


def as_rgba(picture: torch.Tensor) -> np.ndarray:
    """Black on nothing: (3, S, S) in 0..1 -> (S, S, 4) uint8."""
    ink = (255 * (1 - picture[0])).round().byte().numpy()
    return np.dstack([np.zeros_like(ink)] * 3 + [ink])


class Drawn:
    """Our samples, each with two pens, as two families."""

    size = 32
    icons = [
        Icon(family, style, name, f"{name}.svg")
        for name in SAMPLES
        for family in ("lucide", "phosphor")
        for style in ("thin", "bold")
    ]
    rgba = np.stack(
        [
            as_rgba(draw_strokes(strokes, 32, {"thin": 1.2, "bold": 2.4}[style]))
            for strokes in SAMPLES.values()
            for _family in ("lucide", "phosphor")
            for style in ("thin", "bold")
        ]
    )


@pytest.fixture(scope="session")
def index(
    shipped_model: CLIP, shipped_tokenizer: Tokenizer, tmp_path_factory: pytest.TempPathFactory
) -> PictureIndex:
    folder: Path = tmp_path_factory.mktemp("index")
    return build_index(
        shipped_model, Drawn(), tokenizer=shipped_tokenizer, folder=folder, progress=False
    )


def test_a_picture_finds_itself_and_each_drawing_once(index: PictureIndex) -> None:
    hits = find_drawings(index, index.pictures([0])[0], 100)
    assert hits[0].icon.name == index.icons[0].name and hits[0].score == pytest.approx(1, abs=1e-4)
    drawings = [(hit.icon.family, hit.icon.name) for hit in hits]
    assert len(set(drawings)) == len(drawings) == 2 * len(SAMPLES)
    assert [hit.score for hit in hits] == sorted((hit.score for hit in hits), reverse=True)


def test_words_find_the_picture(index: PictureIndex) -> None:
    hits = find_drawings(index, "an icon of a clock", 2, families=["lucide"])
    assert hits[0].icon.name == "clock" and hits[0].icon.family == "lucide" and len(hits) == 2


def test_the_figure_shows_each_find(index: PictureIndex) -> None:
    hits = find_drawings(index, "star", 5)
    assert len(hits_figure(index, hits).axes) == 5
    assert "of 28 pictures" in hits_words("“star”", hits, 28)
    with pytest.raises(ValueError, match="no picture"):
        hits_figure(index, [])


def test_words_then_more_like_one_of_them_then_one_family(index: PictureIndex) -> None:
    widget = SearchBox(index, "house")
    first = widget.picture.value
    assert "“house”: of 28 pictures" in widget.words.value and 'alt="“house”' in first
    found = widget.like.options[3]
    widget.like.value = found[1]
    assert f"Like {found[0]}: of 28" in widget.words.value and widget.picture.value != first
    assert widget.like.value is None and widget.like.options[1][0] == found[0]  # itself comes first
    widget.family.value = "phosphor"
    name = found[0].partition(" (")[0]
    assert f"of 14 pictures the most similar are {name} (Phosphor)" in widget.words.value
    widget.box.value = "umbrella"
    assert "“umbrella”: of 14" in widget.words.value


def test_a_file_is_a_question_too(index: PictureIndex) -> None:
    widget = SearchBox(index)
    assert "press Enter" in widget.words.value and widget.picture.value == ""
    file = io.BytesIO()
    Image.fromarray(index.rgba[4]).save(file, "PNG")
    given = {
        "name": "a <b>.png",
        "type": "image/png",
        "size": 9,
        "last_modified": datetime.now(UTC),
    }
    widget.file.value = ({**given, "content": memoryview(file.getvalue())},)
    assert "<b>" not in widget.words.value
    assert f"are {index.icons[4].name} (" in widget.words.value and widget.file.value == ()
    widget.file.value = ({**given, "content": memoryview(b"no picture")},)
    assert 'role="alert"' in widget.words.value and widget.picture.value == ""


def test_an_empty_box_keeps_quiet(index: PictureIndex) -> None:
    widget = SearchBox(index, "star")
    widget.box.value = "  "
    assert "press Enter" in widget.words.value and widget.picture.value == ""


def test_what_is_refused_and_what_is_labelled(index: PictureIndex) -> None:
    mute = PictureIndex(index.model, None, index.icons, index.rgba, index.embeddings)
    with pytest.raises(ValueError, match="tokenizer"):
        SearchBox(mute)
    widget = SearchBox(index, "star")
    for control in (widget.box, widget.like, widget.family, widget.file):
        assert control.description and control.tooltip
    assert not widget.box.continuous_update and "running notebook" in repr(widget)
