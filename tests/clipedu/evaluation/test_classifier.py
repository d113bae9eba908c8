from __future__ import annotations

import copy
import warnings

import pytest
import torch

from clipedu.evaluation import zero_shot_classifier
from clipedu.evaluation import zeroshot as room
from clipedu.models import CLIP
from clipedu.tokenizer import Tokenizer

NAMES = ["red ball", "green tree", "apple"]
TEMPLATES = ["{}", "a picture of a {}", "{} icon"]


def slow_classifier(model: CLIP, tokenizer: Tokenizer) -> torch.Tensor:
    """Embed each prompt, normalise, mean, normalise: written out."""
    rows = []
    model.eval()
    for name in NAMES:
        total = torch.zeros(model.config.embed_dim)
        for template in TEMPLATES:
            prompt = template.replace("{}", name).replace("a apple", "an apple")
            with torch.no_grad():
                vector = model.encode_text(tokenizer(prompt, 32))[0]
            total += vector / vector.norm()
        mean = total / len(TEMPLATES)
        rows.append(mean / mean.norm())
    return torch.stack(rows)


def test_against_the_slow_version(model: CLIP, tokenizer: Tokenizer) -> None:
    got = zero_shot_classifier(model, tokenizer, NAMES, TEMPLATES)
    assert got.shape == (3, 32)
    assert torch.allclose(got, slow_classifier(model, tokenizer), atol=1e-6)


class Counting:
    """How often the text tower was asked."""

    def __init__(self, model: CLIP) -> None:
        self.calls = 0
        model.text.register_forward_hook(lambda *_: setattr(self, "calls", self.calls + 1))


def test_kept_by_content(model: CLIP, tokenizer: Tokenizer) -> None:
    count = Counting(model)
    first = zero_shot_classifier(model, tokenizer, NAMES, TEMPLATES)
    assert count.calls == 1
    assert torch.equal(zero_shot_classifier(model, tokenizer, tuple(NAMES), TEMPLATES), first)
    twin = copy.deepcopy(model)  # equal weights, other objects
    assert torch.equal(zero_shot_classifier(twin, tokenizer, NAMES, TEMPLATES), first)
    with torch.no_grad():
        model.visual.conv1.weight.mul_(2)  # the image tower does not count
        model.logit_scale.mul_(2)
    zero_shot_classifier(model, tokenizer, NAMES, TEMPLATES)
    assert count.calls == 1


def test_anything_else_is_computed_anew(model: CLIP, tokenizer: Tokenizer) -> None:
    count = Counting(model)
    zero_shot_classifier(model, tokenizer, NAMES, TEMPLATES)
    zero_shot_classifier(model, tokenizer, NAMES[::-1], TEMPLATES)
    zero_shot_classifier(model, tokenizer, NAMES, TEMPLATES[:1])
    zero_shot_classifier(model, tokenizer, NAMES, TEMPLATES, articles=False)
    zero_shot_classifier(model, Tokenizer(tokenizer.merges[:-1]), NAMES, TEMPLATES)
    assert count.calls == 5
    with torch.no_grad():  # through .data too, which no version counter sees
        model.text.token_embedding.weight.data[ord("a"), 0] += 1
    changed = zero_shot_classifier(model, tokenizer, NAMES, TEMPLATES)
    assert count.calls == 6
    assert torch.allclose(changed, slow_classifier(model, tokenizer), atol=1e-6)
    count.calls = 0
    zero_shot_classifier(model.bfloat16(), tokenizer, NAMES, TEMPLATES)
    assert count.calls == 1

    class Student(CLIP):
        def encode_text(self, tokens: torch.Tensor, *, normalize: bool = False) -> torch.Tensor:
            return -super().encode_text(tokens, normalize=normalize)

    student = Student(model.config)
    student.load_state_dict(model.float().state_dict())
    theirs = zero_shot_classifier(student, tokenizer, NAMES, TEMPLATES)
    assert torch.allclose(theirs, -zero_shot_classifier(model, tokenizer, NAMES, TEMPLATES))


def test_a_copy_is_given_and_few_are_kept(
    model: CLIP, tokenizer: Tokenizer, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = zero_shot_classifier(model, tokenizer, NAMES, TEMPLATES)
    first.zero_()
    again = zero_shot_classifier(model, tokenizer, NAMES, TEMPLATES)
    again.mul_(2)
    assert torch.allclose(
        zero_shot_classifier(model, tokenizer, NAMES, TEMPLATES),
        slow_classifier(model, tokenizer),
        atol=1e-6,
    )
    monkeypatch.setattr(room, "_CACHE_ENTRIES", 2)
    for name in "abcd":
        zero_shot_classifier(model, tokenizer, [name], ["{}"])
    assert len(room._CACHE) == 2


def test_ten_thousand_classes(model: CLIP, tokenizer: Tokenizer) -> None:
    names = [f"thing {i}" for i in range(10_000)]
    weights = zero_shot_classifier(model, tokenizer, names, ["{}"])
    assert weights.shape == (10_000, 32)
    assert torch.allclose(
        weights[9_999], zero_shot_classifier(model, tokenizer, ["thing 9999"], ["{}"])[0], atol=1e-5
    )


def test_long_prompts_are_cut_and_said(model: CLIP, tokenizer: Tokenizer) -> None:
    long = "a very long name " * 20
    with pytest.warns(UserWarning, match="context of 32 tokens.*caption 1 has"):
        weights = zero_shot_classifier(model, tokenizer, ["ball", long, long + "indeed"], ["{}"])
    assert torch.equal(weights[1], weights[2]) and not torch.equal(weights[0], weights[1])


def test_bad_input(model: CLIP, tokenizer: Tokenizer) -> None:
    with pytest.raises(ValueError, match="empty"):
        zero_shot_classifier(model, tokenizer, [], ["{}"])
    with pytest.raises(ValueError, match="more than once"):
        zero_shot_classifier(model, tokenizer, ["a", "a"], ["{}"])
    with pytest.raises(ValueError, match="no {}"):
        zero_shot_classifier(model, tokenizer, ["a"], ["thing"])


def test_classes_of_the_same_tokens_are_said(model: CLIP, tokenizer: Tokenizer) -> None:
    long = "a very long name " * 20
    with pytest.warns(UserWarning, match="'.*name red' and '.*name blue' apart"):
        zero_shot_classifier(
            model, tokenizer, ["ball", long + "red", "tree", long + "blue"], ["{}"]
        )
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        zero_shot_classifier(model, tokenizer, ["ball", "Ball"], ["{}"])  # letters count for ours
