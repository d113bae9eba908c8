"""What a model says about inputs that it cannot take, in words that say what to do.

Shapes and dtypes are checked on every call. Values are looked at only where that is free, tokens
on a CPU: a GPU would have to stop and wait for them.
"""

from __future__ import annotations

import torch
from torch import Tensor

from clipedu.models.config import TextConfig


def check_pictures(pictures: Tensor, side: int) -> None:
    """Raise TypeError or ValueError unless ``pictures`` is a float tensor (B, 3, side, side)."""
    want = f"pictures must be a float tensor (batch, 3, {side}, {side})"
    if not isinstance(pictures, Tensor):
        raise TypeError(f"{want}, got a {type(pictures).__name__}")
    if not pictures.is_floating_point():
        raise TypeError(f"{want}, got {pictures.dtype}; scale it to 0..1 and normalise it first")
    shape = tuple(pictures.shape)
    if shape[1:] == (3, side, side) and shape[0] > 0:
        return
    if shape[:1] == (0,):
        hint = "the batch is empty"
    elif len(shape) == 3:
        hint = "add the batch dimension with pictures[None]"
    elif len(shape) != 4:
        hint = "it needs four dimensions"
    elif shape[1] != 3 and shape[3] == 3:
        hint = "the channels are last, bring them forward with pictures.permute(0, 3, 1, 2)"
    elif shape[1] != 3:
        hint = f"it has {shape[1]} channels where red, green and blue were expected"
    else:
        hint = "resize them to the resolution of this model"
    raise ValueError(f"{want}, got {shape}; {hint}")


def check_tokens(tokens: Tensor, config: TextConfig) -> None:
    """Raise TypeError or ValueError unless ``tokens`` is (B, L), L up to the context length.

    On a CPU also unless all ids are in the vocabulary and every row has its EOT.
    """
    want = f"tokens must be int64 or int32 of shape (batch, length up to {config.context_length})"
    if not isinstance(tokens, Tensor):
        raise TypeError(f"{want}, got a {type(tokens).__name__}; call the tokenizer first")
    if tokens.dtype not in (torch.int64, torch.int32):
        raise TypeError(f"{want}, got {tokens.dtype}")
    if tokens.ndim != 2 or 0 in tokens.shape:
        raise ValueError(f"{want}, got {tuple(tokens.shape)}")
    if tokens.shape[1] > config.context_length:
        raise ValueError(
            f"{want}, got captions of {tokens.shape[1]} tokens; shorten them, or give the "
            "tokenizer truncate=True"
        )
    if not _may_look(tokens):
        return
    largest = tokens.amax(dim=1)
    low, high = int(tokens.min()), int(largest.max())
    if low < 0 or high >= config.vocab_size:
        raise ValueError(
            f"token ids must lie in 0..{config.vocab_size - 1}, got {low}..{high}; "
            "were these captions tokenized for another vocabulary?"
        )
    behind = tokens[:, 1:]
    if bool((tokens[:, 0] == high).all()) and bool(((behind > 0) & (behind < high)).any()):
        raise ValueError(
            f"no row has an EOT: the largest id, {high}, begins every row, as SOT does; EOT, the "
            "largest of all, must end every caption. Were they cut off after the tokenizer?"
        )
    row = int(largest.argmin())
    if int(largest[row]) != high:
        raise ValueError(
            f"row {row} has no EOT: its largest id is {int(largest[row])} where other rows have "
            f"{high}; the largest id, EOT, must end every caption"
        )


def trim_padding(tokens: Tensor) -> Tensor:
    """Tokens (B, L) without the last columns, where no caption of the batch reaches them.

    Captions are short and the context is long. What is left is a multiple of 8 columns, so that
    lengths stay few (a CPU prepares its kernels anew for each).
    """
    if not _may_look(tokens):
        return tokens
    eot = int(tokens.argmax(dim=1).max())
    return tokens[:, : (eot // 8 + 1) * 8]


def _may_look(tokens: Tensor) -> bool:
    """Whether values can be read for nothing: not on a GPU, and not in a graph being traced."""
    return tokens.device.type == "cpu" and not torch.compiler.is_compiling()
