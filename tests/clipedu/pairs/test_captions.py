"""Captions: seeded, made of the icon's own words, with the context that prompts will need."""

import re

import numpy as np
import pytest

from clipedu.pairs import Icon, all_captions, caption, captions, load_icons
from clipedu.pairs.captions import CAPTION_MIXES, article, style_word

RICH = Icon(
    "phosphor",
    "bold",
    "Acorn",
    "a.svg",
    aliases=("Oak nut",),
    tags=("food",),
    categories=("nature",),
)
BARE = Icon("mdi", "plain", "acorn", "a.svg")


def many(icon, n=4000, mix="labels"):
    rng = np.random.default_rng(0)
    return [caption(icon, rng, CAPTION_MIXES[mix]) for _ in range(n)]


def test_the_rates_of_a_mix_sum_to_one():
    for mix in CAPTION_MIXES.values():
        assert abs(sum(rate for rate, _ in mix.forms) - 1) < 1e-9


def test_names_alone():
    assert set(many(RICH, mix="names")) == {"acorn", "oak nut"}


def test_sentences_have_articles_and_some_end_in_a_full_stop():
    words = many(RICH, mix="sentences")
    assert "this icon shows an acorn." in words and "a bold drawing of an oak nut" in words
    assert abs(np.mean([text.endswith(".") for text in words]) - 0.3) < 0.03
    emoji = set(many(Icon("openmoji", "colour", "grapes", "g.svg"), mix="sentences"))
    assert "this emoji shows grapes." in emoji and not any("icon" in text for text in emoji)


def test_article():
    nouns = ["anchor", "house", "arrows", "glass", "bus"]
    assert [article(noun) for noun in nouns] == ["an", "a", "", "a", "a"]


def test_every_form_occurs_at_its_rate():
    words = many(RICH)
    assert {w.replace("oak nut", "acorn") for w in words} == {
        "acorn",
        "an icon of acorn",
        "acorn, bold",
        "a bold icon of acorn",
        "acorn, food",
        "acorn, a kind of nature",
    }
    assert abs(np.mean(["nature" in w for w in words]) - 0.07) < 0.02
    assert abs(np.mean(["oak nut" in w for w in words]) - 0.15) < 0.02


def test_an_icon_without_words_falls_back_to_its_name():
    assert set(many(BARE)) == {"acorn", "an icon of acorn"}
    assert style_word(BARE) == ""


def test_emoji_are_called_emoji():
    words = set(many(Icon("openmoji", "colour", "rose", "r.svg")))
    assert "an emoji of rose" in words and "a colour emoji of rose" in words
    assert not any("icon" in w for w in words)


def test_captions_are_seeded_lower_case_and_never_empty():
    icons = load_icons()[::97]
    one = captions(icons, np.random.default_rng(5))
    assert one == captions(icons, np.random.default_rng(5))
    assert one != captions(icons, np.random.default_rng(6))
    assert all(w and w == w.lower() and "{" not in w and "  " not in w for w in one)


@pytest.mark.parametrize("name", CAPTION_MIXES)
def test_the_tokenizer_can_be_trained_on_every_word_that_captions_use(name):
    icons, mix = load_icons(["phosphor"])[:200], CAPTION_MIXES[name]
    known = {word for text in all_captions(icons, mix) for word in re.findall(r"[^\s,.]+", text)}
    rng = np.random.default_rng(0)
    texts = [text for _ in range(20) for text in captions(icons, rng, mix)]
    used = {word for text in texts for word in re.findall(r"[^\s,.]+", text)}
    assert used <= known
