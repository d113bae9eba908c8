"""The worlds of the multilingual experiment: who is named in which language, and who is not."""

from __future__ import annotations

from collections.abc import Callable
from types import ModuleType
from typing import Any

import pytest

from clipedu_lessons.common.records import read_record


@pytest.fixture(scope="module")
def script(benchmark_script: Callable[[str], ModuleType]) -> Any:
    return benchmark_script("multilingual")


def test_fourteen_languages(script: Any) -> None:
    assert script.languages()[0] == "en" and len(script.languages()) == 14
    assert script.names_in("de")["🐈"] == "katze" and script.names_in("es")["🐈"] == "gato"
    assert "🇫🇷" not in script.names_in("en")  # flags are left out
    with pytest.raises(ValueError, match="No names in 'xx'.*en, es"):
        script.names_in("xx")


@pytest.mark.parametrize("asked", ["es", "ja"])
def test_the_held_out_half_is_never_named_in_its_language(script: Any, asked: str) -> None:
    missing, names = script.half_of_names(), script.names_in(asked)
    for world, least in (("all", 10), ("two", 1), ("English", 1)):
        said = script.captions(world, asked)
        assert len(said) == len(script.symbols())
        for symbol, captions in zip(script.symbols(), said, strict=True):
            others = {
                script.names_in(code).get(symbol) for code in script.languages() if code != asked
            }
            assert len(captions) >= least
            if symbol in missing or world == "English":
                assert names.get(symbol) not in captions or names[symbol] in others
            elif symbol in names:
                assert names[symbol] in captions
    with pytest.raises(ValueError, match="No world 'Latin'"):
        script.captions("Latin", asked)


def test_the_lists_are_equal(script: Any) -> None:
    asked = script.asked_symbols()
    assert set(asked) <= script.half_of_names() and len(asked) > 500
    for language in ("en", "es", "ja"):
        assert len({script.names_in(language)[symbol] for symbol in asked}) == len(asked)
    assert {row["classes"] for row in read_record("multilingual")} == {len(asked)}
