"""Which caption goes with which picture? The contrastive losses (arXiv 2103.00020, section 2.3).

A batch holds N pairs. Compare every picture with every caption: an (N, N) matrix of similarities,
with the true pairs on its diagonal. The loss asks for a large diagonal and small values elsewhere.
`logit_scale` is always the multiplier exp(t), the inverse of the temperature; the model keeps t.
"""

from __future__ import annotations

import math
import warnings

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from clipedu.device import may_look

LOGIT_SCALE_INIT = math.log(1 / 0.07)  # the logarithm, as the model keeps it; section 2.5
LOGIT_SCALE_MAX = 100.0  # the multiplier; section 2.5
SIGLIP_LOGIT_SCALE_INIT = math.log(10)  # arXiv 2303.15343, Algorithm 1
Number = Tensor | float  # a () tensor, or a plain number


def similarity_logits(image: Tensor, text: Tensor, logit_scale: Number) -> Tensor:
    """Every picture against every caption: image (N, E) and text (M, E) -> (N, M).

    That is `logit_scale * image @ text.T`: scaled cosines if rows are of length 1, as they must be
    already. Raises TypeError or ValueError as :func:`comparable`.
    """
    image, text, scale = comparable(image, text, logit_scale)
    with torch.autocast(image.device.type, enabled=False):
        return scale * (image @ text.T)


def info_nce(
    image: Tensor,
    text: Tensor,
    logit_scale: Number,
    false_negative_ids: Tensor | None = None,
    *,
    check_values: bool = True,
) -> Tensor:
    """CLIP's loss: the symmetric cross-entropy of section 2.3 and Figure 3.

    Row i of the logits asks which caption belongs to picture i; column j asks which picture belongs
    to caption j. The loss is the mean of the two mean cross-entropies. At flat logits it is ln N.

    image, text: (N, E), rows of length 1; row i of one belongs to row i of the other.
    logit_scale: (), the multiplier, exp of the learned parameter.
    false_negative_ids: (N,) int64, equal where captions are equal. Such an entry (i, j) leaves the
        denominators: that pair is neither pulled together nor pushed apart.
    check_values: on a CPU, look for NaN and for rows that are not normalized.
    Returns (), float32 at least. Raises TypeError (dtypes, a logit_scale that is still a parameter)
    or ValueError (shapes, NaN, lengths). One pair draws a warning: its loss is always 0.
    """
    check_pairs(image, text, values=check_values, logit_scale=logit_scale)
    n = len(image)
    check_ids(false_negative_ids, n)
    logits = similarity_logits(image, text, logit_scale)  # (N, N)
    if false_negative_ids is not None:
        ids = false_negative_ids.to(logits.device)
        equal = (ids[:, None] == ids[None, :]).fill_diagonal_(False)  # (N, N)
        logits = logits.masked_fill(equal, -math.inf)
    answers = torch.arange(n, device=logits.device)
    return (F.cross_entropy(logits, answers) + F.cross_entropy(logits.T, answers)) / 2


def siglip(
    image: Tensor, text: Tensor, logit_scale: Number, bias: Number, *, check_values: bool = True
) -> Tensor:
    """SigLIP's loss: is this a pair, yes or no, for each of the N * N entries by itself.

        -1/N * sum over i, j of  log sigmoid(z_ij * (logit_scale * image_i . text_j + bias))

    with z = 1 on the diagonal and -1 elsewhere (arXiv 2303.15343, Algorithm 1). Divided by N * N,
    each pair's pull would shrink as the batch grows. bias: (), see `siglip_bias_init`; the rest is
    as for :func:`info_nce`.
    """
    check_pairs(image, text, values=check_values, logit_scale=logit_scale, bias=bias)
    n = len(image)
    logits = similarity_logits(image, text, logit_scale)  # (N, N)
    logits = logits + one_number("bias", bias, logits)
    answers = 2 * torch.eye(n, dtype=logits.dtype, device=logits.device) - 1  # 1 or -1
    return -F.logsigmoid(answers * logits).sum() / n


def siglip_bias_init(n: int) -> float:
    """The bias to start from with batches of n pairs, -ln(n - 1). Raises ValueError for n < 2.

    An untrained model then predicts the share of pairs, sigmoid(-ln(n - 1)) = 1/n, for every entry.
    The published -10 is this value for n = 22,027.
    """
    if n < 2:
        raise ValueError(f"a batch of {n} has no wrong pairs; the bias needs at least 2")
    return -math.log(n - 1)


def clamp_logit_scale_(logit_scale: nn.Parameter, maximum: float = LOGIT_SCALE_MAX) -> None:
    """Keep exp(logit_scale) at or below `maximum` (section 2.5). Call it after `optimizer.step()`.

    A clamp in `forward` would have gradient zero above the maximum: a scale that has stepped over
    it could never come back. Raises ValueError when maximum <= 0.
    """
    if maximum <= 0:
        raise ValueError(f"maximum is {maximum}; the scale is exp of a number: expected > 0")
    with torch.no_grad():
        logit_scale.clamp_(max=math.log(maximum))


# ---- Checks. Values are looked at on a CPU only: on a GPU that waits for the device. ----


def comparable(a: Tensor, b: Tensor, scale: Number) -> tuple[Tensor, Tensor, Tensor]:
    """Rows (N, E) and (M, E) and the scale () in one dtype, float32 at least.

    (Near 100, bfloat16 numbers are 0.5 apart.) Raises TypeError (integers, a parameter where its
    exp belongs) or ValueError (shapes).
    """
    _check_rows("image", a)
    _check_rows("text", b)
    if a.shape[1] != b.shape[1]:
        widths = f"rows of {a.shape[1]} and of {b.shape[1]} numbers can't be compared"
        raise ValueError(f"{widths}; both encoders must project to one space")
    precise = torch.promote_types(torch.promote_types(a.dtype, b.dtype), torch.float32)
    a, b = a.to(precise), b.to(precise)
    return a, b, one_number("logit_scale", scale, a)


def check_pairs(
    image: Tensor, text: Tensor, *, unit: bool = True, values: bool = True, **numbers: Number
) -> None:
    """Raises unless both are (N, E) and, with `values`, all is finite; with `unit`, of length 1.

    numbers: what else must be finite, by name, such as the logit scale. One pair draws a warning.
    """
    if image.shape != text.shape:
        shapes = f"image {tuple(image.shape)} and text {tuple(text.shape)}"
        raise ValueError(f"{shapes} differ; row i of each is pair i, so both must be (N, E)")
    for name, rows in (("image", image), ("text", text)):
        _check_rows(name, rows)
        if values and may_look(rows):
            _check_lengths(name, rows, unit)
    if values and len(image) == 1:
        one = "This is a batch of one pair: there is nothing to contrast it with, and InfoNCE is 0."
        warnings.warn(f"{one} Use a larger batch, and drop the last incomplete one.", stacklevel=3)
    for name, value in numbers.items():
        number = torch.as_tensor(value)
        if values and may_look(number) and not number.isfinite().all():
            why = (
                "Is it clamped after each step? Was the learning rate too high, or a gradient NaN?"
            )
            raise ValueError(f"{name} is {number.item()}. {why}")


def _check_rows(name: str, rows: Tensor) -> None:
    """Raises TypeError or ValueError unless `rows` are floating point and (N, E), not empty."""
    found = f"the {name} embeddings are {rows.dtype} of shape {tuple(rows.shape)}"
    if not rows.is_floating_point():
        raise TypeError(f"{found}; expected floating point. Are they pictures or tokens?")
    if rows.dim() != 2 or 0 in rows.shape:
        raise ValueError(f"{found}; expected (N, E), not empty")


def _check_lengths(name: str, rows: Tensor, unit: bool) -> None:
    lengths = torch.linalg.vector_norm(rows.detach(), dim=1, dtype=torch.float64)  # (N,)
    if not lengths.isfinite().all():
        row = int((~lengths.isfinite()).nonzero()[0])
        raise ValueError(
            f"the {name} embeddings hold NaN or infinity, first in row {row}. Look upstream: for "
            "NaN in pictures or weights (learning rate too high?), rows of zeros, float16 overflow."
        )
    wrong = (lengths - 1).abs() > 0.02  # rows normalized in bfloat16 are off by about 0.005
    if unit and wrong.any():
        row = int(wrong.nonzero()[0])
        found = f"row {row} of the {name} embeddings has length {lengths[row]:.4g}; expected 1"
        raise ValueError(f"{found}. Normalize them: torch.nn.functional.normalize(x, dim=-1)")


def check_ids(ids: Tensor | None, n: int) -> None:
    """Raises TypeError or ValueError unless `ids` are None or n whole numbers."""
    if ids is None:
        return
    if ids.is_floating_point() or ids.dtype == torch.bool:
        raise TypeError(f"false_negative_ids are {ids.dtype}; expected whole numbers, as int64")
    if ids.shape != (n,):
        found = f"false_negative_ids have shape {tuple(ids.shape)}"
        raise ValueError(f"{found}; expected {(n,)}: one for each caption, equal for equal ones")


def one_number(name: str, value: Number, like: Tensor) -> Tensor:
    """`value` as a () tensor of the dtype and device of `like`, its gradient kept."""
    if name == "logit_scale" and isinstance(value, nn.Parameter):
        wrong = "logit_scale is a parameter, the logarithm of the scale"
        raise TypeError(f"{wrong}; pass its exp: model.logit_scale.exp()")
    number = torch.as_tensor(value, dtype=like.dtype, device=like.device)
    if number.numel() != 1:
        raise ValueError(f"{name} has shape {tuple(number.shape)}; expected one number")
    return number.reshape(())
