"""Which caption goes with which picture? The contrastive losses (arXiv 2103.00020, section 2.3).

A batch holds N pairs. Compare every picture with every caption: an (N, N) matrix of similarities,
with the true pairs on its diagonal. The loss asks for a large diagonal and small rest.

    similarity_logits   the matrix
    n_pair              each row is one classification: which caption is this picture's?
    info_nce            rows and columns both, with a temperature: CLIP's loss
    siglip              each entry by itself is a yes or a no
    loss_floor          the loss that no model can get below when captions repeat

What to notice:
* `logit_scale` is the multiplier exp(t), the inverse of the temperature. The model keeps t, its
  logarithm: so the multiplier is always positive and a step changes it by a factor.
* Untrained, with flat logits, the loss is ln N: guessing among N. A loss that stays there has
  learned nothing. (Random embeddings start above ln N, for the scale makes them loud.)
* The logits are computed in float32 at least, autocast or not. Near 100, neighbouring float16
  numbers are 0.06 apart and bfloat16 numbers 0.5: a small loss would drown in the rounding.
* Shapes and dtypes are always checked. Values (NaN, length 1) are checked on a CPU only: on a GPU
  a look at a value waits for the device, in each step. Nor are they when `torch.compile` traces.
"""

from __future__ import annotations

import math
import warnings
from collections import Counter
from collections.abc import Hashable, Iterable

import torch
from torch import Tensor, nn
from torch.nn import functional as F

LOGIT_SCALE_INIT = math.log(1 / 0.07)  # the logarithm, as the model keeps it; section 2.5
LOGIT_SCALE_MAX = 100.0  # the multiplier; section 2.5
SIGLIP_LOGIT_SCALE_INIT = math.log(10)  # arXiv 2303.15343, Algorithm 1
SIGLIP_BIAS_INIT = -10.0  # for batches of about 22,000; for others see siglip_bias_init

# A unit row rounded to bfloat16 is off by up to 0.4 %, and normalised in bfloat16 by a little more.
_LENGTH_TOLERANCE = 0.02


def similarity_logits(image: Tensor, text: Tensor, logit_scale: Tensor | float) -> Tensor:
    """Every picture against every caption: `logit_scale * image @ text.T`.

    For L2-normalised rows the product is the cosine. They are not normalised here.

    Args:
        image: (N, E) embeddings. N and M may differ, as in a zero-shot classifier.
        text: (M, E).
        logit_scale: the multiplier, exp of the learned parameter; ().

    Returns:
        (N, M), float32 (float64 for float64 input).

    Raises:
        TypeError: integer input, or a parameter where its exp belongs.
        ValueError: not (N, E) and (M, E), an empty batch, or a scale of more than one number.
    """
    _check_rows("image", image)
    _check_rows("text", text)
    if image.shape[1] != text.shape[1]:
        raise ValueError(
            f"image {tuple(image.shape)} and text {tuple(text.shape)} have rows of different "
            "length; both towers must project to one space"
        )
    if isinstance(logit_scale, nn.Parameter):
        raise TypeError(
            "logit_scale is a parameter, that is the logarithm of the scale; pass its exp: "
            "model.logit_scale.exp()"
        )
    precise = torch.promote_types(torch.promote_types(image.dtype, text.dtype), torch.float32)
    with torch.autocast(image.device.type, enabled=False):
        cosines = image.to(precise) @ text.to(precise).T  # (N, M)
    return _number("logit_scale", logit_scale, cosines) * cosines


def n_pair(image: Tensor, text: Tensor) -> Tensor:
    """The multi-class N-pair loss (Sohn 2016): each picture finds its caption.

        mean over i of  log(1 + sum over j != i of exp(image_i . text_j - image_i . text_i))

    Read it so: every wrong caption that comes near the right one costs. It is the same number as
    the cross-entropy of row i with the right answer i, which is one of InfoNCE's two directions,
    without a scale. Sohn does not normalise the rows, so they may have any length.

    Args:
        image: (N, E).
        text: (N, E), row i belonging to row i of `image`.

    Returns:
        (), with gradients to both.

    Raises the errors of `info_nce`, but for the rows' length.
    """
    _check_pairs(image, text, unit=False)
    if len(image) == 1:
        _warn_alone("n_pair", "the loss is 0 whatever the model does")
    logits = similarity_logits(image, text, 1.0)  # (N, N)
    margins = logits - logits.diagonal()[:, None]  # (N, N): how far j is ahead of the right one
    return margins.logsumexp(dim=1).mean()  # the diagonal's exp(0) is the 1 of the formula


def info_nce(
    image: Tensor, text: Tensor, logit_scale: Tensor | float, *, same: Tensor | None = None
) -> Tensor:
    """CLIP's loss: the symmetric cross-entropy of section 2.3 and Figure 3.

    Row i of the logits asks which caption belongs to picture i; column j asks which picture belongs
    to caption j. The loss is the mean of the two mean cross-entropies. At flat logits it is ln N.

    Args:
        image: (N, E), rows of length 1.
        text: (N, E), rows of length 1, row i belonging to row i of `image`.
        logit_scale: the multiplier, exp of the learned parameter; ().
        same: (N, N) bool, True where caption j is right for picture i too: a false negative, such
            as the same caption twice in a batch. These entries leave the denominators of row i
            and of column j, so that the pair is neither pulled together nor pushed apart. The
            diagonal may be either. For captions with ids: `ids[:, None] == ids[None, :]`.

    Returns:
        (), float32 (float64 for float64 input), with gradients to image, text and logit_scale.

    Raises:
        TypeError: integer embeddings, a `same` that is not bool, or a logit_scale that is still
            a parameter.
        ValueError: shapes that do not fit, an empty batch, NaN or infinity, or rows that are not
            of length 1. (The last two on a CPU only, see above.)

    A batch of one pair draws a warning: there is nothing to contrast, and the loss is always 0.
    """
    _check_pairs(image, text, unit=True)
    n = len(image)
    if n == 1:
        _warn_alone("info_nce", "the loss is 0 whatever the model does")
    logits = similarity_logits(image, text, logit_scale)  # (N, N)
    if same is not None:
        if same.dtype != torch.bool:
            raise TypeError(f"same is {same.dtype}; expected bool")
        if same.shape != (n, n):
            raise ValueError(f"same has shape {tuple(same.shape)}; expected {(n, n)}")
        itself = torch.eye(n, dtype=torch.bool, device=logits.device)
        logits = logits.masked_fill(same.to(logits.device) & ~itself, -math.inf)
    answers = torch.arange(n, device=logits.device)
    for_pictures = F.cross_entropy(logits, answers)
    for_captions = F.cross_entropy(logits.T, answers)
    return (for_pictures + for_captions) / 2


def siglip(
    image: Tensor, text: Tensor, logit_scale: Tensor | float, bias: Tensor | float
) -> Tensor:
    """SigLIP's loss: is this a pair, yes or no, for each of the N * N entries by itself.

        -1/N * sum over i, j of  log sigmoid(z_ij * (logit_scale * image_i . text_j + bias))

    with z = 1 on the diagonal and -1 elsewhere (arXiv 2303.15343, Algorithm 1). The sum is divided
    by N and not by N * N: with N * N, each pair's pull would shrink as the batch grows.

    Among N * N entries only N are pairs, so a good start says "no" nearly everywhere, and the
    bias is there to say it. See `siglip_bias_init` for its value.

    Args, result, errors and warning are those of `info_nce`, with `bias`, (), added to every logit
    in place of `same`.
    """
    _check_pairs(image, text, unit=True)
    n = len(image)
    if n == 1:
        _warn_alone("siglip", "all it can learn is to say yes")
    logits = similarity_logits(image, text, logit_scale)  # (N, N)
    logits = logits + _number("bias", bias, logits)
    answers = 2 * torch.eye(n, dtype=logits.dtype, device=logits.device) - 1  # 1 or -1
    return -F.logsigmoid(answers * logits).sum() / n


def siglip_bias_init(n: int) -> float:
    """The bias to start from with batches of n pairs: -ln(n - 1).

    Before anything is learned the best answer to "is this a pair?" is the share of pairs, 1/n, and
    sigmoid(-ln(n - 1)) = 1/n. Yes and no then pull the bias with equal force. The published -10 is
    this value for n = 22,027; for n = 256, where it is -5.5, starting at -10 makes each true pair
    cost 10 and spends the first steps on the bias.

    Raises ValueError for n < 2.
    """
    if n < 2:
        raise ValueError(f"a batch of {n} has no wrong pairs; the bias needs at least 2")
    return -math.log(n - 1)


def loss_floor(caption_ids: Tensor | Iterable[Hashable]) -> float:
    """The least value of `info_nce` for a batch in which captions repeat and nothing is masked.

    It is the mean over the N pairs of ln m, with m the number of times the pair's caption occurs.

    Why: equal captions have equal embeddings, so equal columns of logits.
    * Row of picture i: its m equal captions share the probability, each at most 1/m: ln m at least.
    * Columns of one caption: they are m copies of one distribution over pictures, with a different
      right answer in each. The sum of -ln p over the m answers is least at p = 1/m: ln m each.
    A model reaches both at once by giving every picture of a caption the same embedding, near that
    caption and far from all others, with a large scale. With all captions different it is 0, with
    all equal ln N. Likewise at most (different captions) / N of the rows can be ranked right.

    Args:
        caption_ids: N ids or the captions themselves; a tensor (N,), or (N, L) rows of tokens.

    Raises ValueError when there are none.
    """
    ids: list[Hashable]
    if isinstance(caption_ids, Tensor):
        ids = [tuple(i) if isinstance(i, list) else i for i in caption_ids.tolist()]
    else:
        ids = list(caption_ids)
    if not ids:
        raise ValueError("there are no captions; expected at least one")
    return sum(m * math.log(m) for m in Counter(ids).values()) / len(ids)


def clamp_logit_scale_(logit_scale: nn.Parameter, maximum: float = LOGIT_SCALE_MAX) -> None:
    """Keep exp(logit_scale) at or below `maximum` (section 2.5). Call it after `optimizer.step()`.

    Not inside `forward`: a clamp there has gradient zero above the maximum, so that a scale which
    has once stepped over it gets no gradient to come back by, and stays. On the parameter, after
    the step, every step starts from an allowed value with its gradient intact.

    Args:
        logit_scale: the learned parameter, the logarithm of the multiplier. Changed in place.
        maximum: of the multiplier, not of its logarithm.

    Raises ValueError when maximum <= 0.
    """
    if maximum <= 0:
        raise ValueError(f"maximum is {maximum}; the scale is exp of a number: expected > 0")
    with torch.no_grad():
        logit_scale.clamp_(max=math.log(maximum))


def _number(name: str, value: Tensor | float, like: Tensor) -> Tensor:
    """`value` as a () tensor that fits `like`, its gradient kept."""
    number = torch.as_tensor(value, dtype=like.dtype, device=like.device)
    if number.numel() != 1:
        raise ValueError(f"{name} has shape {tuple(number.shape)}; expected one number")
    if _may_look(number) and not bool(number.isfinite().all()):
        raise ValueError(
            f"{name} is {number.item()}. Is the parameter clamped after each step? Was the "
            "learning rate too high, or a gradient NaN?"
        )
    return number.reshape(())


def _check_rows(name: str, rows: Tensor) -> None:
    if not rows.is_floating_point():
        raise TypeError(
            f"the {name} embeddings are {rows.dtype}; expected floating point. Were pictures or "
            "tokens passed instead of their embeddings?"
        )
    if rows.dim() != 2 or 0 in rows.shape:
        raise ValueError(
            f"the {name} embeddings have shape {tuple(rows.shape)}; expected (N, E), not empty"
        )


def _check_pairs(image: Tensor, text: Tensor, *, unit: bool, values: bool = True) -> None:
    if image.shape != text.shape:
        raise ValueError(
            f"image {tuple(image.shape)} and text {tuple(text.shape)} differ; row i of each is "
            "pair i, so both must be (N, E)"
        )
    for name, rows in (("image", image), ("text", text)):
        _check_rows(name, rows)
        if not (values and _may_look(rows)):
            continue
        lengths = torch.linalg.vector_norm(rows.detach(), dim=1, dtype=torch.float64)  # (N,)
        if not bool(lengths.isfinite().all()):
            row = int((~lengths.isfinite()).nonzero()[0])
            raise ValueError(
                f"the {name} embeddings hold NaN or infinity, first in row {row}. Look upstream of "
                "the loss: at NaN in the pictures, a row of zeros divided by its length, weights "
                "that an earlier step with too high a learning rate made NaN, or float16 overflow."
            )
        wrong = (lengths - 1).abs() > _LENGTH_TOLERANCE
        if unit and bool(wrong.any()):
            row = int(wrong.nonzero()[0])
            raise ValueError(
                f"row {row} of the {name} embeddings has length {lengths[row]:.4g}; expected 1. "
                "Normalise them: torch.nn.functional.normalize(x, dim=-1)"
            )


def _may_look(values: Tensor) -> bool:
    return values.device.type == "cpu" and not torch.compiler.is_compiling()


def _warn_alone(name: str, consequence: str) -> None:
    warnings.warn(
        f"{name} got a batch of one pair: there is nothing to contrast it with, and {consequence}. "
        "Use a larger batch, and drop the last incomplete one.",
        stacklevel=3,
    )
