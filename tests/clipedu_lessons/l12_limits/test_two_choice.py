"""Questions with two answers: what is asked, how it is counted, what such a test can find."""

import pytest
import torch

from clipedu.evaluation import embed_pictures
from clipedu.models import build
from clipedu.tokenizer import Tokenizer
from clipedu_lessons.l12_limits.two_choice import choose, other_names, power

RIGHT = ["red circle", "blue square", "green circle", "yellow square"] * 2
WRONG = ["blue circle", "red square", "yellow circle", "green square"] * 2


@pytest.fixture(scope="module")
def clip():
    tokenizer = Tokenizer.train(["red blue green yellow circle square"] * 3, 270)
    return build("tiny", seed=0, vocab_size=tokenizer.vocab_size).eval(), tokenizer


@pytest.fixture(scope="module")
def pictures():
    return torch.rand(8, 3, 32, 32, generator=torch.Generator().manual_seed(0))


def test_a_tie_counts_half_and_a_swap_turns_the_answer_round(clip, pictures):
    one, other = (choose(*clip, pictures, *c) for c in ((RIGHT, WRONG), (WRONG, RIGHT)))
    assert torch.equal(one.right, 1 - other.right)
    assert one.share == pytest.approx(float(one.right.mean()))
    tie = choose(*clip, pictures, RIGHT, RIGHT)
    assert tie.share == 0.5 and "50% of 8" in str(tie)
    with pytest.raises(ValueError, match="One right"):
        choose(*clip, pictures, RIGHT[:2], WRONG)


def test_pictures_embedded_once_give_the_same_choices(clip, pictures):
    once = embed_pictures(clip[0], pictures)
    again = choose(*clip, None, RIGHT, WRONG, embeddings=once)
    assert torch.equal(again.right, choose(*clip, pictures, RIGHT, WRONG).right)
    # it is these vectors that are asked, and not the pictures
    turned = choose(*clip, pictures, RIGHT, WRONG, embeddings=-once)
    assert torch.equal(turned.right, 1 - again.right)
    with pytest.raises(ValueError, match="got 7 pictures"):
        choose(*clip, pictures, RIGHT, WRONG, embeddings=once[:7])
    with pytest.raises(ValueError, match="got 0 pictures"):
        choose(*clip, None, RIGHT, WRONG)


def test_power_by_hand():
    assert power(6, 0.9) == pytest.approx(0.9**6)  # only six of six lie above one half
    assert power(5, 0.99) == 0
    assert power(100, 0.5) < 0.025 < 0.4 < power(100, 0.6) < power(300, 0.6)


def test_other_names_are_never_the_right_one():
    labels = torch.arange(12) % 4
    names = other_names(labels, list("abcd"))
    assert len(names) == 12 and set(names) <= set("abcd")
    assert all(name != "abcd"[label] for name, label in zip(names, labels, strict=True))
