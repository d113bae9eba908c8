"""Questions with two answers: what is drawn, what is asked, and how it is counted."""

import pytest
import torch

from clipedu.evaluation import Task, embed_pictures
from clipedu.models import build
from clipedu.tokenizer import Tokenizer
from clipedu_lessons.l12_limits.two_choice import PAINTS, binding_pictures, choose, other_names


@pytest.fixture(scope="module")
def clip():
    tokenizer = Tokenizer.train(["red blue green yellow circle square triangle and"] * 3, 270)
    return build("tiny", seed=0, vocab_size=tokenizer.vocab_size).eval(), tokenizer


def test_each_colour_and_shape_is_where_the_caption_says(clip):
    pictures, right, wrong = binding_pictures(30, seed=3)
    assert pictures.shape == (30, 3, 32, 32)
    for picture, caption, swapped in zip(pictures, right, wrong, strict=True):
        words = caption.split()
        assert sorted(words) == sorted(swapped.split()) and caption != swapped
        areas = {}
        for colour, shape in ((words[0], words[1]), (words[3], words[4])):
            paint = torch.tensor(PAINTS[colour]).view(3, 1, 1)
            areas[shape] = int(((picture - paint).abs().amax(0) < 1e-3).sum())
        assert areas.get("square", 196) == 14 * 14  # a square fills its box, the others don't
        assert all(20 < areas[s] < 14 * 14 for s in areas if s != "square")


def test_a_tie_counts_half_and_a_swap_turns_the_answer_round(clip):
    model, tokenizer = clip
    pictures, right, wrong = binding_pictures(8)
    one, other = (choose(model, tokenizer, pictures, *c) for c in ((right, wrong), (wrong, right)))
    assert torch.equal(one.right, 1 - other.right)
    assert one.share == pytest.approx(float(one.right.mean()))
    tie = choose(model, tokenizer, pictures, right, right)
    assert tie.share == 0.5 and "guessing" in str(tie)
    with pytest.raises(ValueError, match="One right"):
        choose(model, tokenizer, pictures, right[:2], wrong)


def test_pictures_embedded_once_give_the_same_choices(clip):
    model, tokenizer = clip
    pictures, right, wrong = binding_pictures(8)
    once = embed_pictures(model, pictures)
    again = choose(model, tokenizer, pictures, right, wrong, embeddings=once)
    assert torch.equal(again.right, choose(model, tokenizer, pictures, right, wrong).right)
    # it is these vectors that are asked, and not the pictures
    turned = choose(model, tokenizer, pictures, right, wrong, embeddings=-once)
    assert torch.equal(turned.right, 1 - again.right)
    for odd in (once[:7], once[:, :1]):
        with pytest.raises(ValueError, match=r"embeddings are \(8, \d+\).*got"):
            choose(model, tokenizer, pictures, right, wrong, embeddings=odd)


def test_other_names_are_never_the_right_one():
    labels = torch.arange(12) % 4
    task = Task("t", torch.rand(12, 3, 8, 8), labels, list("abcd"), ["{}"], "a test")
    names = other_names(task)
    assert len(names) == 12 and set(names) <= set("abcd")
    assert all(name != "abcd"[label] for name, label in zip(names, labels, strict=True))
