from __future__ import annotations

import pytest
import torch

from clipedu_lessons.l05_zero_shot.languages import (
    MultilingualPairs,
    half_of_names,
    languages,
    names_in,
)


def test_fourteen_languages() -> None:
    assert languages()[0] == "en" and len(languages()) == 14
    assert names_in("de")["🐈"] == "katze" and names_in("es")["🐈"] == "gato"
    assert "🇫🇷" not in names_in("en")  # flags are left out
    with pytest.raises(ValueError, match="No names in 'xx'.*en, es"):
        names_in("xx")


@pytest.fixture(scope="module")
def pairs() -> MultilingualPairs:
    return MultilingualPairs(held_out="es", progress=False)


def test_the_held_out_half_is_never_named_in_its_language(pairs: MultilingualPairs) -> None:
    missing = half_of_names()
    assert abs(len(missing) - len(pairs) / 2) <= 1
    spanish = names_in("es")
    for icon, captions in zip(pairs.icons, pairs.captions, strict=True):
        others = {names_in(code).get(icon.symbol) for code in languages() if code != "es"}
        if icon.symbol in missing and spanish[icon.symbol] not in others:
            assert spanish[icon.symbol] not in captions
        elif icon.symbol not in missing:
            assert spanish[icon.symbol] in captions
    # and batches show no other captions than these
    _, shown = pairs.batch_at(0, 200, 0)
    assert set(shown) <= set(pairs.all_captions())


def test_batches_are_seeded_and_speak_many_languages(pairs: MultilingualPairs) -> None:
    pictures, captions = pairs.batch_at(3, 64, 1)
    again, same = pairs.batch_at(3, 64, 1)
    assert torch.equal(pictures, again) and captions == same
    assert captions != pairs.batch_at(4, 64, 1)[1]
    assert pictures.shape == (64, 3, 32, 32) and 0 <= pictures.min() <= pictures.max() <= 1
    english = set(names_in("en").values())
    assert 1 <= sum(caption in english for caption in captions) < 32


def test_refuses(pairs: MultilingualPairs) -> None:
    with pytest.raises(ValueError, match="not spoken"):
        MultilingualPairs(spoken=["en", "de"], held_out="es", progress=False)
    with pytest.raises(ValueError, match="No names"):
        MultilingualPairs(spoken=["en", "klingon"], progress=False)
    with pytest.raises(ValueError, match="holds 1 to"):
        pairs.batch_at(0, 5000, 0)
