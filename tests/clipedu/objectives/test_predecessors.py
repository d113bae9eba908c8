"""The losses before and beside CLIP's: each equals a slow oracle, and its wrong variants do not."""

from __future__ import annotations

import math
from collections import Counter

import pytest
import torch
from torch import Tensor

from clipedu import objectives
from clipedu.evaluation import class_scores, load_task, zero_shot
from clipedu.models import PRESETS, build
from clipedu.objectives import (
    OBJECTIVES,
    Captioner,
    ImageModel,
    VisualNGrams,
    bag_loss,
    bag_of_words,
    convirt_loss,
    count_ngrams,
    info_nce,
    is_word,
    jelinek_mercer,
    mask_words,
    new_model,
    nt_xent,
    one_sentence,
    reverse_words,
    word_loss,
)
from clipedu.tokenizer import Tokenizer

VOCAB, SOT, EOT = 50, 48, 49
CONFIG = PRESETS["tiny"].replace(vocab_size=VOCAB, context_length=10)
CAPTIONS = [[3, 4, 5], [7], [4, 5, 4, 5, 9], [3, 4, 5], [20, 3, 4]]
PREDICTORS = [name for name in OBJECTIVES if issubclass(OBJECTIVES[name], ImageModel)]
CLOSE = {"rel": 0, "abs": 1e-6}


def rows_of(captions: list[list[int]], length: int = 10) -> Tensor:
    rows = [[SOT, *words, EOT] for words in captions]
    return torch.tensor([row + [0] * (length - len(row)) for row in rows])


TOKENS = rows_of(CAPTIONS)


def pictures(n: int = 5) -> Tensor:
    return torch.rand(n, 3, 32, 32, generator=torch.Generator().manual_seed(1)) * 2 - 1


def precise(name: str, **more: object) -> ImageModel:
    """In float64, without batch norms that look at the batch."""
    model = new_model(name, CONFIG, seed=0, **more)  # type: ignore[arg-type]
    assert isinstance(model, ImageModel)
    return model.double().eval()


def log_softmax(logits: list[float]) -> list[float]:
    top = max(logits)
    total = top + math.log(sum(math.exp(x - top) for x in logits))
    return [x - total for x in logits]


def unit(n: int, seed: int) -> Tensor:
    x = torch.randn(n, 6, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))
    return torch.nn.functional.normalize(x, dim=-1)


# ------------------------------------------------------------------------------- the captions


def test_the_words_of_a_row() -> None:
    assert [
        row[mask].tolist() for row, mask in zip(TOKENS, is_word(TOKENS), strict=True)
    ] == CAPTIONS
    backwards = rows_of([words[::-1] for words in CAPTIONS])
    assert torch.equal(reverse_words(TOKENS), backwards)
    assert torch.equal(reverse_words(backwards), TOKENS)


def next_word_terms(
    model: Captioner, grid: Tensor, words: list[int], direction: int
) -> list[float]:
    """-ln p of each word and of EOT: the decoder reads one beginning of the caption at a time."""
    terms, row = [], [SOT, *words, EOT]
    for t in range(len(row) - 1):
        states = model.head(torch.tensor([row[: t + 1]]), grid, direction=direction)
        logits = model.head.logits(states[0, -1]).tolist()
        terms.append(-log_softmax(logits)[row[t + 1]])
    return terms


@pytest.mark.parametrize("name", ["caption", "virtex"])
@torch.no_grad()
def test_a_caption_is_predicted_word_by_word(name: str) -> None:
    model = precise(name)
    assert isinstance(model, Captioner)
    grids = model.image_grid(pictures().double()).split(1)
    terms, scores = [], torch.zeros(5, 5, dtype=torch.float64)
    for k in range(model.directions):
        for i, grid in enumerate(grids):
            for j, words in enumerate(CAPTIONS):
                each = next_word_terms(model, grid, words[:: 1 - 2 * k], k)
                scores[i, j] -= sum(each) / model.directions
                terms += each if i == j else []
    first, second, scale = model(pictures().double(), TOKENS)
    assert model.loss(first, second, scale, None).item() == pytest.approx(
        sum(terms) / len(terms), **CLOSE
    )
    found = model.caption_scores(pictures().double(), TOKENS)
    assert torch.allclose(found.double(), scores, atol=1e-4)  # the sums are float32
    assert model.word_counts(TOKENS).tolist() == [len(words) + 1 for words in CAPTIONS]
    # Wrong: a mean of the captions' means gives words of short captions more weight.
    means, start = [], 0
    for words in CAPTIONS * model.directions:
        means.append(sum(terms[start : start + len(words) + 1]) / (len(words) + 1))
        start += len(words) + 1
    assert abs(sum(means) / len(means) - sum(terms) / len(terms)) > 1e-4


@torch.no_grad()
def test_a_word_sees_none_after_it() -> None:
    model = precise("caption")
    grid = model.image_grid(pictures(1).double())
    before = model.head(TOKENS[2:3], grid)
    changed = TOKENS[2:3].clone()
    changed[0, 4] = 11
    after = model.head(changed, grid)
    assert torch.equal(before[:, :4], after[:, :4])
    assert not torch.allclose(before[:, 4], after[:, 4])
    open_eyes = model.head(changed, grid, seen=torch.ones(1, 10, dtype=torch.bool))
    assert not torch.allclose(before[:, 1], open_eyes[:, 1])


def test_word_loss_is_the_mean_of_minus_ln_p() -> None:
    logits = torch.randn(7, VOCAB, dtype=torch.float64, generator=torch.Generator().manual_seed(2))
    words = torch.arange(7)
    wanted = sum(-log_softmax(row)[k] for k, row in enumerate(logits.tolist())) / 7
    assert word_loss(logits, words).item() == pytest.approx(wanted, **CLOSE)
    assert word_loss(torch.zeros(7, VOCAB), words).item() == pytest.approx(math.log(VOCAB))


# ------------------------------------------------------------------------------- hidden words


def test_every_caption_has_a_hidden_word() -> None:
    torch.manual_seed(0)
    often = torch.stack([mask_words(TOKENS, 0.3) for _ in range(2000)])
    assert not (often & ~is_word(TOKENS)).any()
    assert (often.sum(-1) >= 1).all()
    assert often[:, 1, 1].all()  # the only word of its caption
    k = 5  # words: p(hidden) = share + (1 - share)^k / k, when none is drawn
    assert often[:, 2, 1].float().mean().item() == pytest.approx(0.3 + 0.7**k / k, abs=0.04)
    assert torch.equal(mask_words(TOKENS, 1.0), is_word(TOKENS))


@torch.no_grad()
def test_hidden_words_are_predicted_from_the_others_and_the_picture() -> None:
    model = precise("icmlm")
    tokens = TOKENS[:, :8]  # without columns of padding, as the model draws for them
    torch.manual_seed(3)
    hidden = mask_words(tokens, 0.5)
    torch.manual_seed(3)
    first, second, scale = model(pictures().double(), TOKENS)
    terms, visible = [], 0
    for i, words in enumerate(CAPTIONS):
        row = torch.tensor([[SOT, *words, EOT]])  # alone: no padding to look at
        blank = row.clone()
        blank[0, hidden[i, : row.shape[1]]] = VOCAB
        grid = model.image_grid(pictures()[i : i + 1].double())
        states = model.head(blank, grid, seen=torch.ones_like(row, dtype=torch.bool))[0]
        for t, word in enumerate(words, 1):
            visible += not hidden[i, t]
            if hidden[i, t]:
                terms.append(-log_softmax(model.head.logits(states[t]).tolist())[word])
    wanted = sum(terms) / len(terms)
    assert model.loss(first, second, scale, None).item() == pytest.approx(wanted, **CLOSE)
    assert visible > 0  # or "all words" would be no wrong variant
    states = model._states(model.image_grid(pictures().double()), tokens, hidden)
    everywhere = word_loss(model.head.logits(states[is_word(tokens)]), tokens[is_word(tokens)])
    assert abs(everywhere.item() - wanted) > 1e-4


@torch.no_grad()
def test_a_class_name_is_scored_with_all_its_words_hidden() -> None:
    model = precise("icmlm")
    found = model.caption_scores(pictures().double(), TOKENS)
    for i in range(5):
        grid = model.image_grid(pictures()[i : i + 1].double())
        for j, words in enumerate(CAPTIONS):
            blank = torch.tensor([[SOT, *[VOCAB] * len(words), EOT]])
            states = model.head(blank, grid, seen=torch.ones_like(blank, dtype=torch.bool))[0]
            each = [
                log_softmax(model.head.logits(states[t]).tolist())[w]
                for t, w in enumerate(words, 1)
            ]
            assert found[i, j].item() == pytest.approx(sum(each), abs=1e-4)


# ------------------------------------------------------------------------------- bags


def test_a_bag_knows_a_word_once() -> None:
    bag = bag_of_words(TOKENS, VOCAB)
    assert [row.nonzero().flatten().tolist() for row in bag] == [sorted(set(w)) for w in CAPTIONS]
    assert bag.max() == 1


def test_the_bag_loss_is_a_softmax_over_all_words() -> None:
    logits = torch.randn(5, VOCAB, dtype=torch.float64, generator=torch.Generator().manual_seed(4))
    terms = []
    for row, words in zip(logits.tolist(), CAPTIONS, strict=True):
        each = [-log_softmax(row)[word] for word in set(words)]
        terms.append(sum(each) / len(each))
    bag = bag_of_words(TOKENS, VOCAB).double()
    found = bag_loss(logits, bag).item()
    assert found == pytest.approx(sum(terms) / 5, **CLOSE)
    yes_or_no = torch.nn.functional.binary_cross_entropy_with_logits(logits, bag).item()
    summed = -(bag * logits.log_softmax(1)).sum(1).mean().item()
    assert min(abs(found - yes_or_no), abs(found - summed)) > 0.1
    assert bag_loss(torch.zeros(5, VOCAB), bag).item() == pytest.approx(math.log(VOCAB))


# ------------------------------------------------------------------------------- n-grams


def test_ngrams_are_counted_inside_captions() -> None:
    counts: Counter[tuple[int, ...]] = Counter()
    for words in CAPTIONS:
        for n in (2, 3):
            counts.update(tuple(words[k : k + n]) for k in range(len(words) - n + 1))
    wanted = {ngram for ngram, times in counts.items() if times >= 2}
    found = count_ngrams(TOKENS, least=2)
    assert {tuple(x for x in row if x >= 0) for row in found.tolist()} == wanted
    assert (4, 5) in wanted and (3, 4, 5) in wanted and (5, 4) not in wanted


def smoothed(model: VisualNGrams, scores: list[float], words: list[int]) -> list[float]:
    """p of each word, by dictionaries: Jelinek-Mercer as it is written."""
    phrases = [tuple(x for x in row if x >= 0) for row in model.ngrams.tolist()]
    value = {(word,): scores[word] for word in range(VOCAB)}
    value |= {phrase: scores[VOCAB + k] for k, phrase in enumerate(phrases)}
    p = []
    for t, word in enumerate(words):
        smooth = 1 / VOCAB
        for n in (1, 2, 3):
            context = tuple(words[t - n + 1 : t]) if t >= n - 1 else None
            alike = [g for g in value if len(g) == n and g[:-1] == context]
            if not alike:
                continue
            total = sum(math.exp(value[g]) for g in alike)
            here = (*(context or ()), word)
            seen = math.exp(value[here]) / total if here in value else 0.0
            smooth = model.lam * seen + (1 - model.lam) * smooth
        p.append(smooth)
    return p


@torch.no_grad()
def test_the_ngram_loss_is_smoothed_by_shorter_ones() -> None:
    model = precise("ngrams", ngrams=count_ngrams(TOKENS, least=2), options={"lam": 0.3})
    assert isinstance(model, VisualNGrams)
    seen = model.ngram_embedding(model.features_of(pictures().double())).tolist()
    terms = [
        [-math.log(p) for p in smoothed(model, scores, words)]
        for scores, words in zip(seen, CAPTIONS, strict=True)
    ]
    flat = [x for each in terms for x in each]
    first, second, scale = model(pictures().double(), TOKENS)
    wanted = sum(flat) / len(flat)
    assert model.loss(first, second, scale, None).item() == pytest.approx(wanted, **CLOSE)
    scores = model.caption_scores(pictures().double(), TOKENS)
    for i, row in enumerate(seen):
        for j, words in enumerate(CAPTIONS):
            each = sum(math.log(p) for p in smoothed(model, row, words))
            assert scores[i, j].item() == pytest.approx(each, abs=1e-6)
    model.lam = 0.7  # wrong: the weights exchanged
    first, second, scale = model(pictures().double(), TOKENS)
    assert abs(model.loss(first, second, scale, None).item() - wanted) > 1e-3


@torch.no_grad()
def test_smoothed_probabilities_add_up_to_one() -> None:
    model = precise("ngrams", ngrams=count_ngrams(TOKENS, least=2))
    for before in ([], [3], [3, 4], [30, 4], [30]):
        every = rows_of([[*before, word] for word in range(1, SOT)], 6)
        log_p = model.log_conditional(pictures(1).double()).expand(len(every), -1)
        at = model.look_up(every)
        observed = torch.stack([log_p.gather(1, k.clamp(min=0)) for k in at]).exp() * (at >= 0)
        p = jelinek_mercer(observed, at >= -1, 0.5, VOCAB)[:, 1 + len(before)]
        scores = model.ngram_embedding(model.features_of(pictures(1).double()))[0].tolist()
        special = [smoothed(model, scores, [*before, word])[-1] for word in (0, SOT, EOT)]
        rest = sum(special)  # no caption holds these, but they are tokens
        assert p.sum().item() + rest == pytest.approx(1)


# ------------------------------------------------------------------------------- contrast


def test_convirt_weighs_the_two_directions() -> None:
    image, text, lam = unit(6, 0), unit(6, 1), 0.75
    logits = (10 * image @ text.T).tolist()
    rows = sum(-log_softmax(row)[k] for k, row in enumerate(logits)) / 6
    columns = sum(-log_softmax([row[k] for row in logits])[k] for k in range(6)) / 6
    found = convirt_loss(image, text, 10.0, lam).item()
    assert found == pytest.approx(lam * rows + (1 - lam) * columns, **CLOSE)
    assert abs(found - (lam * columns + (1 - lam) * rows)) > 1e-4  # exchanged
    half = convirt_loss(image, text, 10.0, 0.5)
    assert half.item() == pytest.approx(info_nce(image, text, 10.0).item(), **CLOSE)
    ids = torch.tensor([0, 1, 0, 2, 3, 4])
    masked = convirt_loss(image, text, 10.0, 0.5, ids)
    assert masked.item() == pytest.approx(info_nce(image, text, 10.0, ids).item(), **CLOSE)
    same = image[:1].expand(6, -1)
    assert convirt_loss(same, same, 10.0).item() == pytest.approx(math.log(6))


def test_two_views_against_all_others() -> None:
    first, second = unit(4, 2), unit(4, 3)
    views = torch.cat([first, second])
    logits = (10 * views @ views.T).tolist()
    terms, with_itself, across = [], [], []
    for i, row in enumerate(logits):
        partner = (i + 4) % 8
        others = [x for k, x in enumerate(row) if k != i]
        total = math.log(sum(map(math.exp, others)))
        terms.append(total - row[partner])
        with_itself.append(math.log(sum(map(math.exp, row))) - row[partner])
        side = row[4:] if i < 4 else row[:4]
        across.append(math.log(sum(map(math.exp, side))) - row[partner])
    found = nt_xent(first, second, 10.0).item()
    assert found == pytest.approx(sum(terms) / 8, **CLOSE)
    assert min(abs(found - sum(wrong) / 8) for wrong in (with_itself, across)) > 1e-2
    same = first[:1].expand(4, -1)
    assert nt_xent(same, same, 10.0).item() == pytest.approx(math.log(7))


def test_one_sentence_of_a_caption() -> None:
    import numpy as np

    rng = np.random.default_rng(0)
    drawn = {one_sentence("a bell. it rings!  loud", rng) for _ in range(60)}
    assert drawn == {"a bell.", "it rings!", "loud"}
    assert one_sentence("a bell", rng) == "a bell"


def test_the_ladder_from_convirt_to_clip() -> None:
    options = {"heads": False, "lam": 0.5, "learned_scale": True}
    top = new_model("convirt", CONFIG, seed=0, options=options).eval()
    clip = build(CONFIG, seed=0).eval()
    assert {k: v.tolist() for k, v in top.state_dict().items()} == {
        k: v.tolist() for k, v in clip.state_dict().items()
    }
    assert all(map(torch.equal, top(pictures(), TOKENS), clip(pictures(), TOKENS)))
    below = new_model("convirt", CONFIG, seed=0).eval()
    assert (
        below.logit_scale.exp().item() == pytest.approx(10) and not below.logit_scale.requires_grad
    )
    assert not torch.allclose(below(pictures(), TOKENS).text, clip(pictures(), TOKENS).text)


# ------------------------------------------------------------------------------- all of them


@pytest.mark.parametrize("name", OBJECTIVES)
def test_one_seed_is_one_image_encoder(name: str) -> None:
    model, clip = new_model(name, CONFIG, seed=7), build(CONFIG, seed=7)
    for key, value in clip.visual.state_dict().items():
        assert torch.equal(model.visual.state_dict()[key], value)
    again = new_model(name, CONFIG, seed=0)
    again.load_state_dict(model.state_dict())
    assert all(map(torch.equal, again.state_dict().values(), model.state_dict().values()))


@pytest.mark.parametrize("name", PREDICTORS)
def test_the_first_loss_is_known_beforehand(name: str) -> None:
    config = PRESETS["laptop_vit"].replace(vocab_size=1000)
    model = new_model(name, config, seed=0)
    assert isinstance(model, ImageModel)
    tokens = torch.tensor([[998, 5, 6, 999, 0, 0, 0, 0]]).expand(4, -1)
    first, second, scale = model(pictures(8 if name == "simclr" else 4), tokens)
    loss = model.loss(first, second, scale, None).item()
    wanted = objectives.chance_loss(name, 4, 1000)
    # without phrases in the dictionary: ln(V / (lam + 1 - lam)) for every word
    assert loss == pytest.approx(math.log(1000) if wanted is None else wanted, abs=0.3)


@pytest.mark.parametrize("preset", ["tiny", "laptop_vit", "laptop_vit_stem"])
def test_a_grid_has_all_parts_of_a_picture(preset: str) -> None:
    model = build(preset, seed=0).eval()
    grid = model.image_grid(pictures(2))
    width, parts = model.config.vision.feature_width, 64 if preset == "tiny" else 17
    assert grid.shape == (2, parts, width)
    if preset != "tiny":  # the class token is the features
        assert torch.allclose(grid[:, 0], model.image_features(pictures(2)), atol=1e-5)


WORDS = Tokenizer.train(["red bell", "blue cat", "a red cat"] * 3, 262)


@pytest.mark.parametrize("name", PREDICTORS)
def test_zero_shot_in_ones_own_way(name: str) -> None:
    config = PRESETS["tiny"].replace(vocab_size=WORDS.vocab_size, context_length=32)
    model = new_model(name, config, seed=0)
    assert isinstance(model, ImageModel)
    task = load_task("heroicons").take(slice(0, 6))
    if name == "simclr":
        with pytest.raises(ValueError, match="pictures alone and knows no words"):
            zero_shot(model, WORDS, task)
        return
    names = ["bell", "red cat", "a red cat"]
    total = class_scores(model, WORDS, task.pictures, names)
    mean = class_scores(model, WORDS, task.pictures, names, per_token=True)
    assert total.shape == (6, 3)
    assert torch.allclose(total, mean * model.word_counts(WORDS(names)), atol=1e-4)
    padded = class_scores(model, WORDS, task.pictures, [*names, "a red bell " * 3])[:, :3]
    assert torch.allclose(total, padded, atol=1e-4)  # a longer neighbor changes nothing
    two = class_scores(model, WORDS, task.pictures, names, ["{}", "red {}"])
    other = class_scores(model, WORDS, task.pictures, names, ["red {}"])
    assert torch.allclose(two, (total + other) / 2, atol=1e-4)
    assert zero_shot(model, WORDS, task).templates == ["{}"]
    with pytest.raises(ValueError, match="without a text encoder"):
        model.encode_text(WORDS(names))


@pytest.mark.parametrize(
    ("name", "options", "words"),
    [
        ("mse", {}, "objective must be one of clip, siglip"),
        ("clip", {"lam": 0.5}, "clip has no option 'lam': it has none"),
        ("convirt", {"lamda": 0.5}, "it has lam, scale, heads, learned_scale"),
        ("convirt", {"lam": 2}, "lam of convirt must be a number from 0 to 1, not 2"),
        ("convirt", {"heads": 1}, "heads of convirt must be true or false"),
        ("simclr", {"scale": 0}, "scale of simclr must be a number from 0.001 to 1000"),
    ],
)
def test_what_an_objective_does_not_have(name: str, options: dict[str, object], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        new_model(name, CONFIG, options=options)
