"""A text encoder trained beside fixed pictures, and the world of words with two meanings."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F

from clipedu.evaluation import embed_texts
from clipedu_lessons.common.records import read_record
from clipedu_lessons.l06_prompts import two_meanings
from clipedu_lessons.l06_prompts.locked import train_text


def test_it_learns_which_caption_goes_with_which_picture(tokenizer) -> None:
    draw = torch.Generator().manual_seed(0)
    pictures = F.normalize(torch.randn(6, 16, generator=draw), dim=-1)
    captions = [["cat"], ["dog"], ["sun"], ["red box"], ["tree"], ["an icon of moon", "moon"]]
    how = {"steps": 40, "width": 32, "batch": 6}
    model = train_text(pictures, captions, tokenizer, seed=0, **how)
    asked = [those[-1] for those in captions]
    texts = embed_texts(model, tokenizer, asked)
    assert (pictures @ texts.T).argmax(1).tolist() == list(range(6))
    again = train_text(pictures, captions, tokenizer, seed=0, **how)
    assert torch.equal(embed_texts(again, tokenizer, asked), texts)
    with pytest.raises(ValueError, match="6 pictures need as many"):
        train_text(pictures, captions[:5], tokenizer, seed=0, steps=1)


def test_each_word_means_two_things() -> None:
    things = (two_meanings.NATURE, two_meanings.MACHINES, two_meanings.WORDS)
    assert [len(set(of)) for of in things] == [20, 20, 20]
    assert not set(two_meanings.NATURE) & set(two_meanings.MACHINES)
    assert two_meanings.CLASSES[:2] == ["blick, nature", "blick, machine"]


def test_worlds_differ_in_captions_alone(shipped_model, shipped_tokenizer) -> None:
    world = two_meanings.TwoMeanings(shipped_model, shipped_tokenizer)
    assert len(world.test) == len(world.shown) == len(world.labels) >= 90
    assert set(world.labels.tolist()) == set(range(40)) == set(world.learn_labels.tolist())
    hinted = {
        name: {label // 2 for label, of in zip(world.learn_labels.tolist(), said, strict=True)
               if len(of) == 2}
        for name, said in ((name, world.captions(name)) for name in two_meanings.WORLDS)
    }  # fmt: skip
    assert hinted == {"never": set(), "always": set(range(20)), "half": set(range(10))}


def test_the_stored_series_is_whole() -> None:
    rows = read_record("polysemy")
    runs = {(row["world"], row["seed"], row["words"]) for row in rows}
    assert len(rows) == len(runs) == 3 * 3 * 2
    assert all(0 <= row["meaning"] <= row["two_way"] <= row["pictures"] for row in rows)
    runs = {(row["trained"], row["captions"], row["seed"]) for row in read_record("templates")}
    assert {(mix, seed) for kind, mix, seed in runs if kind == "text"} == {
        (mix, seed) for mix in ("names", "sentences") for seed in range(3)
    }
