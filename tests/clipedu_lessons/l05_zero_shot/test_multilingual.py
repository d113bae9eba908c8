"""The pairs of the multilingual experiment: who is named in which language, and who is not."""

from __future__ import annotations

from collections.abc import Callable
from types import ModuleType
from typing import Any

import pytest
import torch


@pytest.fixture(scope="module")
def script(benchmark_script: Callable[[str], ModuleType]) -> Any:
    return benchmark_script("multilingual")


def test_fourteen_languages(script: Any) -> None:
    assert script.languages()[0] == "en" and len(script.languages()) == 14
    assert script.names_in("de")["🐈"] == "katze" and script.names_in("es")["🐈"] == "gato"
    assert "🇫🇷" not in script.names_in("en")  # flags are left out
    with pytest.raises(ValueError, match="No names in 'xx'.*en, es"):
        script.names_in("xx")


@pytest.fixture(scope="module")
def pairs(script: Any) -> Any:
    return script.MultilingualPairs(held_out="es", progress=False)


def test_the_held_out_half_is_never_named_in_its_language(script: Any, pairs: Any) -> None:
    missing = script.half_of_names()
    assert abs(len(missing) - len(pairs) / 2) <= 1
    spanish = script.names_in("es")
    for icon, captions in zip(pairs.icons, pairs.captions, strict=True):
        others = {
            script.names_in(code).get(icon.symbol) for code in script.languages() if code != "es"
        }
        if icon.symbol in missing and spanish[icon.symbol] not in others:
            assert spanish[icon.symbol] not in captions
        elif icon.symbol not in missing:
            assert spanish[icon.symbol] in captions
    # and batches show no other captions than these
    _, shown = pairs.batch_at(0, 200, 0)
    assert set(shown) <= set(pairs.texts())


def test_batches_are_seeded_and_speak_many_languages(script: Any, pairs: Any) -> None:
    pictures, captions = pairs.batch_at(3, 64, 1)
    again, same = pairs.batch_at(3, 64, 1)
    assert torch.equal(pictures, again) and captions == same
    assert captions != pairs.batch_at(4, 64, 1)[1]
    assert pictures.shape == (64, 3, 32, 32) and 0 <= pictures.min() <= pictures.max() <= 1
    english = set(script.names_in("en").values())
    assert 1 <= sum(caption in english for caption in captions) < 32


def test_refuses(script: Any, pairs: Any) -> None:
    with pytest.raises(ValueError, match="not spoken"):
        script.MultilingualPairs(spoken=["en", "de"], held_out="es", progress=False)
    with pytest.raises(ValueError, match="No names"):
        script.MultilingualPairs(spoken=["en", "klingon"], progress=False)
    with pytest.raises(ValueError, match="holds 1 to"):
        pairs.batch_at(0, 5000, 0)
