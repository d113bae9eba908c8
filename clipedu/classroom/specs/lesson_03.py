"""What a right answer is in lesson 03: the contrastive loss and what surrounds it.

The references spell each formula out, so that they stand apart from the library they are compared
with in the tests.
"""

from __future__ import annotations

import itertools
import math
from collections import Counter
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from clipedu.classroom.spec import FunctionExercise, Misconception, Property, ValueExercise

# 03.1: reading a matrix


def _near(value: Any, wanted: float) -> bool:
    return abs(float(value) - wanted) < 0.011


READ = ValueExercise(
    id="03.1",
    name=("pictures_right", "captions_right", "loss_of_guessing", "rise"),
    expected=(2, 3, math.log(256), math.log(2)),
    misconceptions=(
        Misconception(
            "rows and columns are mixed up",
            lambda v: (v[0], v[1]) == (3, 2),
            "A row holds one picture and all captions.",
        ),
        Misconception(
            "only pairs that choose each other both ways are counted",
            lambda v: v[0] == v[1] == 1,
            "The two questions are counted one by one.",
        ),
        Misconception(
            "the wrong choices are counted, not the right ones",
            lambda v: (v[0], v[1]) == (2, 1),
        ),
        Misconception(
            "every pair is counted as right because its score is on the diagonal",
            lambda v: v[0] == v[1] == 4,
            "Right means that the largest score of the row is the one on the diagonal.",
        ),
        Misconception(
            "the logarithm has base 2",
            lambda v: _near(v[2], 8) or _near(v[3], 1),
            "The loss is in nats: the natural logarithm.",
        ),
        Misconception(
            "the logarithm has base 10",
            lambda v: _near(v[2], math.log10(256)) or _near(v[3], math.log10(2)),
            "The loss is in nats: the natural logarithm.",
        ),
        Misconception("the logarithm is forgotten", lambda v: v[2] == 256 or v[3] == 256),
        Misconception(
            "the two directions are added, not averaged",
            lambda v: _near(v[2], 2 * math.log(256)) or _near(v[3], 2 * math.log(2)),
        ),
        Misconception(
            "the loss is taken to double with the batch",
            lambda v: _near(v[3], math.log(256)) or v[3] == 2,
            "What is ln 512 - ln 256?",
        ),
        Misconception("the sign is that of ln(1/N)", lambda v: v[2] < 0),
    ),
)

# 03.2: normalisation


def _rows(generator: torch.Generator, n: int | None = None) -> dict[str, Any]:
    n = n or int(torch.randint(3, 9, (), generator=generator))
    width = int(torch.randint(2, 9, (), generator=generator))
    lengths = 0.5 + 4 * torch.rand(n, 1, generator=generator)
    return {"vectors": lengths * torch.randn(n, width, generator=generator)}


def _length(x: Tensor) -> Tensor:
    return (x * x).sum(dim=1, keepdim=True).sqrt()  # (N, 1)


def normalise_rows(vectors: Tensor) -> Tensor:
    """(N, E) -> (N, E), rows of length 1."""
    return vectors / _length(vectors)


NORMALISE = FunctionExercise(
    id="03.2",
    name="normalise_rows",
    reference=normalise_rows,
    inputs=_rows,
    gradient=("vectors",),
    dtype="same",
    properties=(
        Property(
            "the result changes when the vectors are made longer",
            lambda f, vectors: (f(vectors), f(3 * vectors)),
        ),
        Property(
            "a row's result depends on the other rows",
            lambda f, vectors: (f(vectors)[:1], f(vectors[:1])),
        ),
    ),
    extremes={
        "one row": lambda g: _rows(g, 1),
        "rows of length 1,000,000": lambda g: {"vectors": 1e6 * torch.randn(4, 3, generator=g)},
        "rows of length 0.001": lambda g: {"vectors": 1e-3 * torch.randn(4, 3, generator=g)},
    },
    misconceptions=(
        Misconception(
            "each column is divided by its length, not each row",
            lambda x: x / x.norm(dim=0, keepdim=True),
            "dim is the dimension that disappears: over which one must the squares be added?",
        ),
        Misconception(
            "the whole matrix is divided by one length",
            lambda x: x / x.norm(),
            "How many lengths does a matrix of N vectors have?",
        ),
        Misconception(
            "the rows are divided by their squared length",
            lambda x: x / (x * x).sum(dim=1, keepdim=True),
            "What is missing after the sum of the squares?",
        ),
        Misconception(
            "the rows are divided by the sum of their absolute values",
            lambda x: x / x.abs().sum(dim=1, keepdim=True),
            "That is the L1 length; the dot product goes with the L2 length.",
        ),
        Misconception(
            "the rows are divided by the sum of their entries",
            lambda x: x / x.sum(dim=1, keepdim=True),
            "What is the length of (3, 4)?",
        ),
        Misconception(
            "the rows are divided by their largest entry",
            lambda x: x / x.abs().amax(dim=1, keepdim=True),
        ),
        Misconception("a softmax is taken of each row", lambda x: x.softmax(dim=1)),
        Misconception(
            "the rows are brought to mean 0 and standard deviation 1",
            lambda x: (x - x.mean(dim=1, keepdim=True)) / x.std(dim=1, keepdim=True),
            "Standardising is another thing than normalising to length 1.",
        ),
        Misconception(
            "the mean of each row is taken off first",
            lambda x: F.normalize(x - x.mean(dim=1, keepdim=True), dim=1, eps=1e-30),
            "The direction must stay as it is.",
        ),
        Misconception(
            "the mean of the squares is taken, not their sum",
            lambda x: x / (x * x).mean(dim=1, keepdim=True).sqrt(),
        ),
        Misconception(
            "the rows are multiplied by their length", lambda x: x * x.norm(dim=1, keepdim=True)
        ),
        Misconception(
            "the lengths are returned, not the vectors", lambda x: x.norm(dim=1, keepdim=True)
        ),
        Misconception("the lengths are returned without their dimension", lambda x: x.norm(dim=1)),
        Misconception(
            "the lengths have shape (N,) and do not fit the rows",
            lambda x: x / x.norm(dim=1),
            "keepdim=True keeps the lengths as (N, 1).",
        ),
        Misconception(
            "no gradient flows through the length",
            lambda x: x / x.norm(dim=1, keepdim=True).detach(),
            "The values are right; .detach(), .item() or no_grad holds the length fixed.",
        ),
    ),
)

# 03.3: the symmetric loss


def _pairs(generator: torch.Generator, n: int | None = None) -> tuple[Tensor, Tensor]:
    """Two (N, E) matrices of rows of length 1, N and E different."""
    n = n or int(torch.randint(3, 9, (), generator=generator))
    width = n + int(torch.randint(1, 5, (), generator=generator))
    text = F.normalize(torch.randn(n, width, generator=generator), dim=1)
    noisy = text + 0.2 * torch.randn(n, width, generator=generator)
    return F.normalize(noisy, dim=1), text


def _batch(generator: torch.Generator, n: int | None = None) -> dict[str, Any]:
    image, text = _pairs(generator, n)
    scale = 2 + 8 * torch.rand((), generator=generator)
    return {"image": image, "text": text, "logit_scale": scale}


def _with_scale(generator: torch.Generator, scale: float) -> dict[str, Any]:
    return {**_batch(generator), "logit_scale": torch.tensor(scale)}


def _rows_loss(logits: Tensor) -> Tensor:
    return -logits.log_softmax(dim=1).diagonal().mean()


def _both(logits: Tensor) -> Tensor:
    return (_rows_loss(logits) + _rows_loss(logits.T)) / 2


def contrastive_loss(image: Tensor, text: Tensor, logit_scale: Tensor) -> Tensor:
    """(N, E), (N, E), () -> ()."""
    return _both(logit_scale * image @ text.T)


def _first_caption(logits: Tensor) -> Tensor:
    answers = torch.zeros(len(logits), dtype=torch.long)
    return (F.cross_entropy(logits, answers) + F.cross_entropy(logits.T, answers)) / 2


def _softmax_twice(logits: Tensor) -> Tensor:
    answers = torch.arange(len(logits))
    rows = F.cross_entropy(logits.softmax(dim=1), answers)
    return (rows + F.cross_entropy(logits.T.softmax(dim=1), answers)) / 2


def _without_right(logits: Tensor) -> Tensor:
    rest = logits.masked_fill(torch.eye(len(logits), dtype=torch.bool), -math.inf)
    per_row, per_column = rest.logsumexp(dim=1), rest.logsumexp(dim=0)
    return ((per_row + per_column) / 2 - logits.diagonal()).mean()


def _whole_matrix(logits: Tensor) -> Tensor:
    return -logits.flatten().log_softmax(dim=0).view_as(logits).diagonal().mean()


def _mean_probability(logits: Tensor) -> Tensor:
    rows, columns = (x.softmax(dim=1).diagonal().mean() for x in (logits, logits.T))
    return -(rows.log() + columns.log()) / 2


def _sigmoid(logits: Tensor) -> Tensor:
    signs = 2 * torch.eye(len(logits), dtype=logits.dtype) - 1
    return -F.logsigmoid(signs * logits).sum() / len(logits)


LOSS = FunctionExercise(
    id="03.3",
    name="contrastive_loss",
    reference=contrastive_loss,
    inputs=_batch,
    gradient=("image", "text", "logit_scale"),
    properties=(
        Property(
            "the result changes when pictures and captions swap roles",
            lambda f, image, text, scale: (f(image, text, scale), f(text, image, scale)),
        ),
        Property(
            "the result changes when the pairs come in another order",
            lambda f, image, text, scale: (
                f(image, text, scale),
                f(image.flip(0), text.flip(0), scale),
            ),
        ),
    ),
    extremes={
        "a batch of one": lambda g: _batch(g, 1),
        "a logit scale of 1,000": lambda g: _with_scale(g, 1000.0),
        "the smallest scale, 0": lambda g: _with_scale(g, 0.0),
    },
    misconceptions=(
        Misconception(
            "only the rows are scored, not the columns",
            lambda i, t, s: _rows_loss(s * i @ t.T),
            "Which question does a column ask?",
        ),
        Misconception(
            "only the columns are scored, not the rows",
            lambda i, t, s: _rows_loss(s * t @ i.T),
            "Which question does a row ask?",
        ),
        Misconception(
            "the two losses are added, not averaged",
            lambda i, t, s: 2 * contrastive_loss(i, t, s),
            "What must the loss of guessing among N be?",
        ),
        Misconception(
            "the cosines are divided by the logit scale",
            lambda i, t, s: _both(i @ t.T / s),
            "The scale is 1 / temperature: which of the two multiplies?",
        ),
        Misconception("the logit scale is left out", lambda i, t, s: _both(i @ t.T)),
        Misconception(
            "the exponential of the logit scale is taken, which is done already",
            lambda i, t, s: _both(s.exp() * i @ t.T),
            "The function is given the multiplier itself.",
        ),
        Misconception(
            "the cosines are multiplied by the logarithm of the scale",
            lambda i, t, s: _both(s.log() * i @ t.T),
        ),
        Misconception("the scale is multiplied in twice", lambda i, t, s: _both(s * s * i @ t.T)),
        Misconception(
            "the first caption is the right answer for every picture",
            lambda i, t, s: _first_caption(s * i @ t.T),
            "In which column does row i have its right answer?",
        ),
        Misconception(
            "the cross-entropy is given probabilities where it wants scores",
            lambda i, t, s: _softmax_twice(s * i @ t.T),
            "torch's cross_entropy takes the softmax itself.",
        ),
        Misconception(
            "one softmax is taken over the whole matrix",
            lambda i, t, s: _whole_matrix(s * i @ t.T),
            "How many questions are there, and how many answers does each have?",
        ),
        Misconception(
            "the right caption is left out of the denominator",
            lambda i, t, s: _without_right(s * i @ t.T),
            "A softmax sums over all captions, the right one too.",
        ),
        Misconception(
            "the logarithm is taken of the mean probability",
            lambda i, t, s: _mean_probability(s * i @ t.T),
            "First the logarithm of each pair, then the mean.",
        ),
        Misconception(
            "only the right pairs are scored, not the wrong ones",
            lambda i, t, s: -(s * (i * t).sum(dim=1)).mean(),
            "What keeps all vectors from becoming equal?",
        ),
        Misconception(
            "a sigmoid is used in place of the softmax", lambda i, t, s: _sigmoid(s * i @ t.T)
        ),
        Misconception("the scores are negated", lambda i, t, s: _both(-s * i @ t.T)),
        Misconception(
            "channels are compared with channels, not pictures with captions",
            lambda i, t, s: _both(s * i.T @ t),
            "Which shape must the matrix have?",
        ),
        Misconception(
            "the captions are not transposed",
            lambda i, t, s: _both(s * (i @ t)),
            "(N, E) times what gives (N, N)?",
        ),
        Misconception(
            "the vectors are normalised over the batch",
            lambda i, t, s: _both(s * F.normalize(i, dim=0) @ F.normalize(t, dim=0).T),
            "The vectors have length 1 already.",
        ),
    ),
)

# 03.4: its gradient


def _logits(generator: torch.Generator) -> dict[str, Any]:
    n = int(torch.randint(3, 9, (), generator=generator))
    return {"logits": 2 * torch.randn(n, n, generator=generator)}


def contrastive_gradient(logits: Tensor) -> Tensor:
    """(N, N) -> (N, N): the derivative of the symmetric loss."""
    n = len(logits)
    right = torch.eye(n, dtype=logits.dtype, device=logits.device)
    return (logits.softmax(dim=1) + logits.softmax(dim=0) - 2 * right) / (2 * n)


def _parts(x: Tensor) -> tuple[Tensor, Tensor, Tensor, int]:
    return x.softmax(dim=1), x.softmax(dim=0), torch.eye(len(x), dtype=x.dtype), len(x)


def _gradient_variant(formula: Any) -> Any:
    return lambda logits: formula(*_parts(logits))


GRADIENT = FunctionExercise(
    id="03.4",
    name="contrastive_gradient",
    reference=contrastive_gradient,
    inputs=_logits,
    properties=(
        Property(
            "the entries do not sum to zero",
            lambda f, logits: (torch.as_tensor(f(logits)).sum(), torch.tensor(0.0)),
        ),
        Property(
            "the result changes when one number is added to every logit",
            lambda f, logits: (f(logits), f(logits + 3)),
        ),
        Property(
            "the result does not follow when pictures and captions swap roles",
            lambda f, logits: (torch.as_tensor(f(logits)).T, f(logits.T)),
        ),
    ),
    extremes={
        "logits of 1,000": lambda g: {"logits": 1000 * torch.eye(4)},
        "a batch of one": lambda g: {"logits": torch.randn(1, 1, generator=g)},
        "equal logits": lambda g: {"logits": torch.zeros(5, 5)},
    },
    misconceptions=(
        Misconception(
            "only the rows' half is there, at full weight",
            _gradient_variant(lambda r, c, e, n: (r - e) / n),
            "The loss is the mean of two cross-entropies.",
        ),
        Misconception(
            "only the columns' half is there, at full weight",
            _gradient_variant(lambda r, c, e, n: (c - e) / n),
            "The loss is the mean of two cross-entropies.",
        ),
        Misconception(
            "the columns' half is missing",
            _gradient_variant(lambda r, c, e, n: (r - e) / (2 * n)),
            "The captions ask, too.",
        ),
        Misconception(
            "the rows' half is missing", _gradient_variant(lambda r, c, e, n: (c - e) / (2 * n))
        ),
        Misconception(
            "the two halves are added, not averaged",
            _gradient_variant(lambda r, c, e, n: (r + c - 2 * e) / n),
        ),
        Misconception(
            "the mean over the N pairs is forgotten",
            _gradient_variant(lambda r, c, e, n: (r + c - 2 * e) / 2),
            "Each cross-entropy is a mean over N rows.",
        ),
        Misconception(
            "neither the mean over the pairs nor that over the directions is taken",
            _gradient_variant(lambda r, c, e, n: r + c - 2 * e),
        ),
        Misconception(
            "it is divided by the number of entries, N x N",
            _gradient_variant(lambda r, c, e, n: (r + c - 2 * e) / (2 * n * n)),
        ),
        Misconception(
            "the right answers are not taken off",
            _gradient_variant(lambda r, c, e, n: (r + c) / (2 * n)),
            "Probability minus what?",
        ),
        Misconception(
            "the right answers are taken off once, not once for each direction",
            _gradient_variant(lambda r, c, e, n: (r + c - e) / (2 * n)),
        ),
        Misconception(
            "the columns' half is not turned back",
            _gradient_variant(lambda r, c, e, n: (r + c.T - 2 * e) / (2 * n)),
            "The softmax of logits.T has its rows where logits has its columns.",
        ),
        Misconception(
            "one softmax is taken over the whole matrix",
            lambda x: (
                x.flatten().softmax(dim=0).view_as(x) - torch.eye(len(x), dtype=x.dtype) / len(x)
            ),
        ),
        Misconception(
            "log-probabilities are used in place of probabilities",
            lambda x: (
                (x.log_softmax(dim=1) + x.log_softmax(dim=0) - 2 * torch.eye(len(x), dtype=x.dtype))
                / (2 * len(x))
            ),
        ),
        Misconception(
            "the probabilities are multiplied with the right answers, so only the diagonal is left",
            _gradient_variant(lambda r, c, e, n: e * (r + c - 2) / (2 * n)),
            "The wrong captions are pushed; where do they get their gradient from?",
        ),
        Misconception(
            "only the wrong captions are pushed, the right one is not pulled",
            _gradient_variant(lambda r, c, e, n: (1 - e) * (r + c) / (2 * n)),
        ),
        Misconception(
            "the loss is returned, not its gradient", _both, "The result has the shape of logits."
        ),
    ),
)

# 03.5: the clamp


def _scale_and_maximum(generator: torch.Generator) -> dict[str, Any]:
    maximum = 20 + 130 * float(torch.rand((), generator=generator))
    factor = 0.3 + 2.5 * float(torch.rand((), generator=generator))
    return {"log_scale": nn.Parameter(torch.tensor(math.log(factor * maximum))), "maximum": maximum}


def _at(scale: float) -> Any:
    logarithm = math.log(scale)
    return lambda generator: {"log_scale": nn.Parameter(torch.tensor(logarithm)), "maximum": 100.0}


@torch.no_grad()
def clamp_scale(log_scale: nn.Parameter, maximum: float) -> None:
    """In place: exp(log_scale) <= maximum."""
    log_scale.clamp_(max=math.log(maximum))


def _clamped(low: Any, high: Any) -> Any:
    """A wrong answer that clamps in place to what two functions of the maximum say."""

    @torch.no_grad()
    def wrong(log_scale: nn.Parameter, maximum: float) -> None:
        log_scale.clamp_(min=low(maximum), max=high(maximum))

    return wrong


@torch.no_grad()
def _store_multiplier(log_scale: nn.Parameter, maximum: float) -> None:
    log_scale.copy_(log_scale.exp().clamp(max=maximum))


@torch.no_grad()
def _raise_to_maximum(log_scale: nn.Parameter, maximum: float) -> None:
    log_scale.clamp_(min=math.log(maximum))


@torch.no_grad()
def _set_to_maximum(log_scale: nn.Parameter, maximum: float) -> None:
    log_scale.fill_(math.log(maximum))


@torch.no_grad()
def _multiplier_against_log(log_scale: nn.Parameter, maximum: float) -> None:
    if float(log_scale) > maximum:
        log_scale.fill_(math.log(maximum))


def _bind_the_name(log_scale: nn.Parameter, maximum: float) -> None:
    log_scale = log_scale.clamp(max=math.log(maximum))  # type: ignore[assignment]


def _recorded(log_scale: nn.Parameter, maximum: float) -> None:
    log_scale.clamp_(max=math.log(maximum))


CLAMP = FunctionExercise(
    id="03.5",
    name="clamp_scale",
    reference=clamp_scale,
    inputs=_scale_and_maximum,
    changes=("log_scale",),
    trials=5,
    extremes={
        "a scale far above the maximum": _at(100_000.0),
        "a logarithm of 150": _at(math.exp(150)),
        "a scale far below the maximum": _at(14.3),
        "a scale of 0.5": _at(0.5),
        "a scale of 0.001": _at(0.001),
    },
    misconceptions=(
        Misconception(
            "the logarithm is compared with the maximum of the multiplier",
            _clamped(lambda m: None, lambda m: m),
            "The parameter is a logarithm. Which number may the logarithm not exceed?",
        ),
        Misconception(
            "the multiplier is stored where its logarithm belongs",
            _store_multiplier,
            "What is stored must be the logarithm again.",
        ),
        Misconception(
            "smaller scales are raised to the maximum",
            _raise_to_maximum,
            "Of min and max, which one is an upper limit?",
        ),
        Misconception("the scale is set to the maximum, whatever it was", _set_to_maximum),
        Misconception(
            "the parameter is changed while gradients are recorded",
            _recorded,
            "torch.no_grad() tells torch that this is no part of the loss.",
        ),
        Misconception(
            "the parameter itself stays as it was",
            _bind_the_name,
            "A new tensor, bound to a name or returned, leaves the parameter alone. A method with "
            "a trailing underscore changes it.",
        ),
        Misconception(
            "the logarithm has base 10",
            _clamped(lambda m: None, math.log10),
            "The multiplier is exp of the parameter.",
        ),
        Misconception("the logarithm has base 2", _clamped(lambda m: None, math.log2)),
        Misconception(
            "the maximum is taken for a temperature",
            _clamped(lambda m: None, lambda m: -math.log(m)),
        ),
        Misconception(
            "scales below 1 are raised to 1, too",
            _clamped(lambda m: 0.0, math.log),
            "Only an upper limit is asked for.",
        ),
        Misconception(
            "the logarithm is held between plus and minus ln(maximum)",
            _clamped(lambda m: -math.log(m), math.log),
            "Only an upper limit is asked for.",
        ),
        Misconception(
            "the logarithm, not its exponential, is tested against the maximum",
            _multiplier_against_log,
        ),
    ),
)

# 03.6: SigLIP


def _siglip_batch(generator: torch.Generator, n: int | None = None) -> dict[str, Any]:
    return {**_batch(generator, n), "bias": -1 - 4 * torch.rand((), generator=generator)}


def _siglip(logits: Tensor) -> Tensor:
    return _sigmoid(logits)


def siglip_loss(image: Tensor, text: Tensor, logit_scale: Tensor, bias: Tensor) -> Tensor:
    """(N, E), (N, E), (), () -> ()."""
    return _siglip(logit_scale * image @ text.T + bias)


def _sign(logits: Tensor) -> Tensor:
    return 2 * torch.eye(len(logits), dtype=logits.dtype) - 1


def _on_logits(formula: Any) -> Any:
    """A wrong answer that starts from the right logits."""
    return lambda i, t, s, b: formula(s * i @ t.T + b)


def _diagonal_only(x: Tensor) -> Tensor:
    return -F.logsigmoid(x.diagonal()).mean()


def _wrong_only(x: Tensor) -> Tensor:
    off = ~torch.eye(len(x), dtype=torch.bool)
    return -F.logsigmoid(-x[off]).sum() / len(x)


def _two_means(x: Tensor) -> Tensor:
    off = ~torch.eye(len(x), dtype=torch.bool)
    wrong = -F.logsigmoid(-x[off])
    return _diagonal_only(x) + wrong.sum() / max(len(wrong), 1)


SIGLIP = FunctionExercise(
    id="03.6",
    name="siglip_loss",
    reference=siglip_loss,
    inputs=_siglip_batch,
    gradient=("image", "text", "logit_scale", "bias"),
    properties=(
        Property(
            "the result changes when pictures and captions swap roles",
            lambda f, i, t, s, b: (f(i, t, s, b), f(t, i, s, b)),
        ),
        Property(
            "the result changes when the pairs come in another order",
            lambda f, i, t, s, b: (f(i, t, s, b), f(i.flip(0), t.flip(0), s, b)),
        ),
    ),
    extremes={
        "a logit scale of 10,000": lambda g: {
            **_siglip_batch(g),
            "logit_scale": torch.tensor(10_000.0),
        },
        "a bias of -1,000": lambda g: {**_siglip_batch(g), "bias": torch.tensor(-1000.0)},
        "a batch of one": lambda g: _siglip_batch(g, 1),
    },
    misconceptions=(
        Misconception(
            "the sum is divided by N x N, not by N",
            _on_logits(lambda x: _siglip(x) / len(x)),
            "A mean over all entries makes each pair's pull weaker in a larger batch.",
        ),
        Misconception(
            "the sum is not divided by N",
            _on_logits(lambda x: _siglip(x) * len(x)),
        ),
        Misconception(
            "the bias is left out", lambda i, t, s, b: _siglip(s * i @ t.T), "What is the bias for?"
        ),
        Misconception("the bias is subtracted", lambda i, t, s, b: _siglip(s * i @ t.T - b)),
        Misconception(
            "the bias is multiplied by the scale, too",
            lambda i, t, s, b: _siglip(s * (i @ t.T + b)),
        ),
        Misconception("the logit scale is left out", lambda i, t, s, b: _siglip(i @ t.T + b)),
        Misconception(
            "the cosines are divided by the logit scale",
            lambda i, t, s, b: _siglip(i @ t.T / s + b),
        ),
        Misconception(
            "the exponential of the logit scale is taken, which is done already",
            lambda i, t, s, b: _siglip(s.exp() * i @ t.T + b),
        ),
        Misconception(
            "wrong pairs get the sign 0 in place of -1",
            _on_logits(
                lambda x: -F.logsigmoid(torch.eye(len(x), dtype=x.dtype) * x).sum() / len(x)
            ),
            "The identity matrix has 0 beside the diagonal; which sign is needed there?",
        ),
        Misconception(
            "every entry is asked to be a pair",
            _on_logits(lambda x: -F.logsigmoid(x).sum() / len(x)),
            "What is the right answer beside the diagonal?",
        ),
        Misconception(
            "pairs and wrong pairs are swapped",
            _on_logits(lambda x: -F.logsigmoid(-_sign(x) * x).sum() / len(x)),
        ),
        Misconception(
            "the sign is not applied to the bias",
            lambda i, t, s, b: -F.logsigmoid(_sign(i) * (s * i @ t.T) + b).sum() / len(i),
            "The sign belongs in front of the whole logit, bias included.",
        ),
        Misconception(
            "only the right pairs are scored, not the wrong ones",
            _on_logits(_diagonal_only),
            "All N x N entries ask a question.",
        ),
        Misconception("only the wrong pairs are scored", _on_logits(_wrong_only)),
        Misconception(
            "right pairs and wrong pairs are averaged each by themselves", _on_logits(_two_means)
        ),
        Misconception(
            "the logarithm is left out",
            _on_logits(lambda x: -torch.sigmoid(_sign(x) * x).sum() / len(x)),
        ),
        Misconception(
            "a softmax is used in place of the sigmoid",
            _on_logits(_both),
            "Each entry is a question by itself.",
        ),
        Misconception(
            "channels are compared with channels, not pictures with captions",
            lambda i, t, s, b: _siglip(s * i.T @ t + b),
            "Which shape must the matrix have?",
        ),
        Misconception(
            "the captions are not transposed", lambda i, t, s, b: _siglip(s * (i @ t) + b)
        ),
    ),
)

# 03.7: the floor

WORDS = ("cat", "dog", "umbrella", "tree", "fish", "house")


def _captions(generator: torch.Generator) -> dict[str, Any]:
    """8 to 14 captions of which three kinds repeat, unequally, and not side by side."""
    kinds = torch.randperm(len(WORDS), generator=generator).tolist()
    batch = [kinds[0]] * int(torch.randint(4, 7, (), generator=generator))
    batch += [kinds[1]] * int(torch.randint(2, 4, (), generator=generator))
    batch += [kinds[2]] * 2 + kinds[3 : 3 + int(torch.randint(1, 4, (), generator=generator))]
    order = torch.randperm(len(batch), generator=generator).tolist()
    return {"captions": [WORDS[batch[k]] for k in order]}


def floor_of(captions: list[str]) -> float:
    """N captions -> the least mean loss."""
    return sum(math.log(captions.count(caption)) for caption in captions) / len(captions)


def _counted(formula: Any) -> Any:
    """A wrong answer from (the list of counts, N)."""
    return lambda captions: float(formula(list(Counter(captions).values()), len(captions)))


def _neighbours(captions: list[str]) -> float:
    runs = [len(list(run)) for _, run in itertools.groupby(captions)]
    return sum(m * math.log(m) for m in runs) / len(captions)


FLOOR = FunctionExercise(
    id="03.7",
    name="floor_of",
    reference=floor_of,
    inputs=_captions,
    properties=(
        Property(
            "the result changes when the captions come in another order",
            lambda f, captions: (f(captions), f(sorted(captions))),
        ),
        Property(
            "the result does not grow by ln 2 when the batch is taken twice",
            lambda f, captions: (f(captions + captions), f(captions) + math.log(2)),
        ),
    ),
    extremes={
        "captions that all differ": lambda g: {"captions": list(WORDS)},
        "captions that are all equal": lambda g: {"captions": ["cat"] * 5},
        "a batch of one": lambda g: {"captions": ["a cat"]},
    },
    misconceptions=(
        Misconception(
            "the sum over the pairs is not divided by N",
            _counted(lambda m, n: sum(k * math.log(k) for k in m)),
        ),
        Misconception(
            "each different caption counts once, however often it occurs",
            _counted(lambda m, n: sum(math.log(k) for k in m) / len(m)),
            "The mean is over pairs: how many pairs pay ln m?",
        ),
        Misconception(
            "each different caption pays ln m only once",
            _counted(lambda m, n: sum(math.log(k) for k in m) / n),
            "How many pairs pay ln m?",
        ),
        Misconception(
            "the sum is divided by the number of different captions",
            _counted(lambda m, n: sum(k * math.log(k) for k in m) / len(m)),
            "The mean is over pairs.",
        ),
        Misconception(
            "the logarithm has base 2",
            _counted(lambda m, n: sum(k * math.log2(k) for k in m) / n),
            "The loss is in nats.",
        ),
        Misconception(
            "the logarithm has base 10",
            _counted(lambda m, n: sum(k * math.log10(k) for k in m) / n),
            "The loss is in nats.",
        ),
        Misconception(
            "the mean is taken before the logarithm",
            _counted(lambda m, n: math.log(sum(k * k for k in m) / n)),
            "First the logarithm of each pair's count, then the mean.",
        ),
        Misconception(
            "N is divided by the number of different captions before the logarithm",
            _counted(lambda m, n: math.log(n / len(m))),
            "Captions that repeat often weigh more.",
        ),
        Misconception(
            "the logarithm is left out", _counted(lambda m, n: sum(k * k for k in m) / n)
        ),
        Misconception(
            "the other copies are counted, the pair itself is not",
            _counted(lambda m, n: sum(k * math.log(k - 1) for k in m if k > 1) / n),
            "Among how many equal captions is the probability shared?",
        ),
        Misconception(
            "one is added to each count",
            _counted(lambda m, n: sum(k * math.log(k + 1) for k in m) / n),
        ),
        Misconception(
            "the share of repeated captions is returned",
            _counted(lambda m, n: (n - len(m)) / n),
        ),
        Misconception(
            "only the most frequent caption counts", _counted(lambda m, n: math.log(max(m)))
        ),
        Misconception(
            "the entropy of the captions is computed",
            _counted(lambda m, n: -sum(k / n * math.log(k / n) for k in m)),
            "Entropy and floor add up to ln N.",
        ),
        Misconception("the loss of guessing is returned", _counted(lambda m, n: math.log(n))),
        Misconception(
            "only captions that stand side by side are compared",
            _neighbours,
            "Equal captions may stand anywhere in the batch.",
        ),
        Misconception(
            "pairs whose caption is unique are left out of the mean",
            _counted(
                lambda m, n: sum(k * math.log(k) for k in m) / max(sum(k for k in m if k > 1), 1)
            ),
            "The mean is over all N pairs.",
        ),
    ),
)

EXERCISES = [READ, NORMALISE, LOSS, GRADIENT, CLAMP, SIGLIP, FLOOR]
