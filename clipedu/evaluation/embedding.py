"""From pictures and sentences to unit vectors, a batch at a time, with the model left as it was."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import torch
import torch.nn.functional as F
from tqdm.auto import tqdm

from clipedu.device import keep_freed_memory
from clipedu.evaluation.inputs import check_finite, check_pictures
from clipedu.models import CLIP
from clipedu.numbers import check_whole
from clipedu.pairs import to_model
from clipedu.tokenizer import Tokenizer

#: A batch -> what the model makes of it, row by row.
Encode = Callable[[torch.Tensor], torch.Tensor]
#: With 256 the shipped encoder took 1.6 times as long on two cores (benchmarks/encoding.json).
PICTURE_BATCH_SIZE = 64
_BROKEN = "Did training diverge? If 16-bit numbers are too small for the weights: model.float()."


@contextmanager
def evaluating(model: torch.nn.Module) -> Iterator[None]:
    """`model.eval()` inside; afterwards each module, frozen or not, in the mode that it had."""
    keep_freed_memory()  # every batch is as large as the one before
    modes = [(module, module.training) for module in model.modules()]
    model.eval()
    try:
        yield
    finally:
        for module, mode in modes:
            module.training = mode


@torch.no_grad()
def _encode(
    model: CLIP, inputs: torch.Tensor, encode: Encode, batch_size: int, bar: str, progress: bool
) -> torch.Tensor:
    """`encode` of the inputs (N, ...), batch by batch: (N, W) float32, without NaN."""
    check_whole("batch_size", batch_size)
    device, parts = model.logit_scale.device, []
    starts = range(0, len(inputs), batch_size)
    with evaluating(model):
        # delay: a bar only where somebody would wonder whether it hangs
        for start in tqdm(starts, bar, delay=2, disable=not progress, leave=False):
            part = encode(inputs[start : start + batch_size].to(device)).float()
            check_finite(part, f"encoded {bar}", _BROKEN, first=start)
            parts.append(part)
    return torch.cat(parts)


def encode_pictures(
    model: CLIP,
    pictures: torch.Tensor,
    encode: Encode,
    *,
    preprocess: Encode = to_model,
    batch_size: int = PICTURE_BATCH_SIZE,
    progress: bool = False,
) -> torch.Tensor:
    """Pictures (N, 3, R, R) float 0..1 -> (N, W) float32 on the model's device.

    encode: a method of the model; preprocess: what the model was trained to see
    Raises ValueError or TypeError for wrong pictures, a resolution that is not the model's, NaN.
    """
    check_pictures(pictures)
    side, want = pictures.shape[-1], model.config.vision.resolution
    if side != want:
        raise ValueError(
            f"The pictures are {side} px wide, and this model sees {want} px. "
            f"Load them at its size, such as load_task(name, size={want})."
        )

    def see(batch: torch.Tensor) -> torch.Tensor:
        return encode(preprocess(batch.float()))

    return _encode(model, pictures, see, batch_size, "pictures", progress)


def embed_pictures(model: CLIP, pictures: torch.Tensor, **options: Any) -> torch.Tensor:
    """Pictures (N, 3, R, R) float 0..1 -> embeddings (N, E), L2-normalized, float32.

    options: preprocess, batch_size, progress of `encode_pictures`; raises what that raises
    """
    return F.normalize(encode_pictures(model, pictures, model.encode_image, **options), dim=-1)


def embed_texts(
    model: CLIP,
    tokenizer: Tokenizer,
    texts: Sequence[str],
    *,
    batch_size: int = 512,
    progress: bool = False,
    truncate: bool = False,
) -> torch.Tensor:
    """Sentences -> embeddings (N, E), L2-normalized, float32, on the model's device.

    truncate: cut what is longer than the model's context, with a warning, instead of raising
    Raises ValueError for no texts, one that is longer than the context, or NaN in the answer.
    """
    if isinstance(texts, str) or not len(texts):
        raise ValueError("texts is a list of at least one sentence.")
    context = model.config.text.context_length
    try:
        tokens = tokenizer(list(texts), context)
    except ValueError as error:
        if not truncate:
            raise
        warnings.warn(
            f"A sentence is longer than the model's context of {context} tokens, and its end is "
            f"cut off: classes may look alike that are not. First: {error}",
            stacklevel=3,
        )
        tokens = tokenizer(list(texts), context, truncate=True)
    encoded = _encode(model, tokens, model.encode_text, batch_size, "prompts", progress)
    return F.normalize(encoded, dim=-1)
