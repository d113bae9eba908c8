"""From pictures and sentences to unit vectors, a batch at a time, with the model left as it was."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

import torch
import torch.nn.functional as F
from tqdm.auto import tqdm

from clipedu.device import keep_freed_memory
from clipedu.evaluation.tasks.task import check_pictures
from clipedu.pairs import to_model

if TYPE_CHECKING:
    from clipedu.models import CLIP
    from clipedu.tokenizer import Tokenizer

Preprocess = Callable[[torch.Tensor], torch.Tensor]
#: Pictures that go through an image tower together, unless said otherwise. With 256 the shipped
#: tower took 1.6 times as long on two cores (benchmarks/encoding.json), perhaps because what a
#: block computes no longer fits into the CPU's cache. The vectors are the same to rounding.
AT_A_TIME = 64


@contextmanager
def evaluating(model: torch.nn.Module) -> Iterator[None]:
    """`model.eval()` inside, and afterwards each module in the mode it had, also after an error.

    Each module, because `model.train()` would wake a batch norm that its owner had frozen.
    """
    keep_freed_memory()  # every batch is as large as the one before
    modes = [(module, module.training) for module in model.modules()]
    model.eval()
    try:
        yield
    finally:
        for module, mode in modes:
            module.training = mode


def _unit(x: torch.Tensor) -> torch.Tensor:
    """Rows of length 1 in float32, whatever the model computes in: (B, E) -> (B, E)."""
    return F.normalize(x.float(), dim=-1)


def _require_numbers(x: torch.Tensor, tower: str, first: int) -> torch.Tensor:
    broken = torch.nonzero(~torch.isfinite(x).all(-1)).flatten()
    if len(broken):
        raise ValueError(
            f"The {tower} tower gives NaN or infinity for {len(broken)} of {len(x)} inputs, first "
            f"for number {first + int(broken[0])}. The weights are broken (did training diverge?), "
            "or 16-bit numbers are too small for them: try model.float()."
        )
    return x


def _require_batch_size(batch_size: int) -> None:
    if batch_size < 1:
        raise ValueError(f"batch_size is 1 or more; got {batch_size}.")


@torch.no_grad()
def embed_pictures(
    model: CLIP,
    pictures: torch.Tensor,
    *,
    preprocess: Preprocess = to_model,
    batch_size: int = AT_A_TIME,
    progress: bool = False,
) -> torch.Tensor:
    """Pictures (N, 3, R, R) float 0..1 -> embeddings (N, E), L2-normalised, float32, on its device.

    preprocess: what the model was trained to see; `clipedu.pairs.to_model` for models of the course
    Raises ValueError or TypeError for wrong pictures, another resolution than the model's, a model
    that answers with NaN.
    """
    _require_batch_size(batch_size)
    check_pictures(pictures)
    side, want = pictures.shape[-1], model.config.vision.resolution
    if side != want:
        raise ValueError(
            f"The pictures are {side} px wide, and this model sees {want} px. "
            f"Load them at its size, such as load_task(name, size={want})."
        )
    device = model.logit_scale.device
    parts = []
    starts = range(0, len(pictures), batch_size)
    with evaluating(model):
        # delay: a bar only where somebody would wonder whether it hangs
        for start in tqdm(starts, "pictures", delay=2, disable=not progress, leave=False):
            batch = preprocess(pictures[start : start + batch_size].to(device).float())
            parts.append(_require_numbers(_unit(model.encode_image(batch)), "image", start))
    return torch.cat(parts)


@torch.no_grad()
def embed_texts(
    model: CLIP,
    tokenizer: Tokenizer,
    texts: Sequence[str],
    *,
    batch_size: int = 512,
    progress: bool = False,
    truncate: bool = False,
) -> torch.Tensor:
    """Sentences -> embeddings (N, E), L2-normalised, float32, on the model's device.

    truncate: cut what is longer than the model's context, with a warning, instead of raising
    Raises ValueError when there are none, when one is longer than the model's context (the
    tokenizer says which), or when the model answers with NaN.
    """
    _require_batch_size(batch_size)
    if isinstance(texts, str) or not len(texts):
        raise ValueError("texts is a list of at least one sentence.")
    device, context = model.logit_scale.device, model.config.text.context_length
    parts = []
    starts = range(0, len(texts), batch_size)
    with evaluating(model):
        for start in tqdm(starts, "prompts", delay=2, disable=not progress, leave=False):
            tokens = _tokens(tokenizer, list(texts[start : start + batch_size]), context, truncate)
            embedded = _unit(model.encode_text(tokens.to(device)))
            parts.append(_require_numbers(embedded, "text", start))
    return torch.cat(parts)


def _tokens(tokenizer: Tokenizer, texts: list[str], context: int, truncate: bool) -> torch.Tensor:
    try:
        return tokenizer(texts, context)
    except ValueError as error:
        if not truncate:
            raise
        tokens = tokenizer(texts, context, truncate=True)
        warnings.warn(
            f"A sentence is longer than the model's context of {context} tokens, and its end is "
            f"cut off: classes may look alike that are not. First: {error}",
            stacklevel=4,
        )
        return tokens
