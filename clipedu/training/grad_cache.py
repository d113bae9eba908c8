"""GradCache: the exact gradient of a large batch, in the memory of a small one (arXiv 2101.06983).

Ordinary accumulation adds up the gradients of small batches. For a contrastive loss that is another
loss: a pair in a batch of 64 has 63 wrong captions, however many such batches are added up. What
works is to cut the chain rule at the embeddings, which are small: embed all chunks and keep only
the embeddings; then, in the backward pass, embed each chunk again and send its gradient through.
"""

from __future__ import annotations

import contextlib
import warnings
from typing import Any

import torch
from torch import Tensor, nn
from torch.autograd.function import once_differentiable

from clipedu.device import fork_rng, rng_state, set_rng_state
from clipedu.models import Embedded
from clipedu.models.recompute import frozen_averages
from clipedu.numbers import check_whole


class GradCache(nn.Module):
    """A network (pictures, tokens) -> Embedded that keeps the activations of one chunk at a time.

    Same embeddings, same gradient, for a second forward pass. Both times a chunk draws the same
    random numbers, and batch norms count it once; but their statistics are of a chunk. Around
    DistributedDataParallel, gradients are averaged once, with the last chunk.

    chunks: K; the batch must be divisible by it, else ValueError.
    """

    def __init__(self, network: nn.Module, chunks: int) -> None:
        super().__init__()
        self.network = network
        self.chunks = check_whole("chunks", chunks)

    def forward(self, pictures: Tensor, tokens: Tensor) -> Embedded:
        check_chunks(len(pictures), self.chunks)
        parts = list(zip(pictures.chunk(self.chunks), tokens.chunk(self.chunks), strict=True))
        anchor = torch.zeros((), requires_grad=True)  # or autograd would not call the backward
        return Embedded(*_Chunks.apply(self.network, parts, anchor))


class _Chunks(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, network: Any, parts: list[tuple[Tensor, Tensor]], anchor: Tensor) -> Any:
        kind = parts[0][0].device.type
        ctx.autocast = (kind, torch.get_autocast_dtype(kind), torch.is_autocast_enabled(kind))
        ctx.network, ctx.parts, ctx.random = network, parts, []
        plain = getattr(network, "module", network)  # DDP's own forward expects a backward
        out = []
        with frozen_averages(plain):
            for part in parts:
                ctx.random.append(rng_state(part[0].device))
                out.append(plain(*part))
        images, texts, scales = zip(*out, strict=True)
        return torch.cat(images), torch.cat(texts), scales[-1]

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, to_images: Tensor, to_texts: Tensor, to_scale: Tensor) -> Any:
        chunks, device = len(ctx.parts), to_images.device
        embedding_grads = zip(to_images.chunk(chunks), to_texts.chunk(chunks), strict=True)
        kind, dtype, enabled = ctx.autocast
        with fork_rng(device), torch.enable_grad():
            for k, gradients in enumerate(embedding_grads):
                last = k == chunks - 1
                set_rng_state(ctx.random[k], device)
                with contextlib.nullcontext() if last else _without_averaging(ctx.network):
                    with torch.autocast(kind, dtype, enabled=enabled):
                        image, text, scale = ctx.network(*ctx.parts[k])
                    # The logit scale belongs to no chunk: its gradient goes back once.
                    more = ((scale,), (to_scale,)) if last else ((), ())
                    pairs = zip((image, text, *more[0]), (*gradients, *more[1]), strict=True)
                    outputs, gradient = zip(*[p for p in pairs if p[0].requires_grad], strict=True)
                    torch.autograd.backward(outputs, gradient)
        return None, None, None


def _without_averaging(network: nn.Module) -> contextlib.AbstractContextManager[Any]:
    no_sync = getattr(network, "no_sync", None)  # DDP has it
    return contextlib.nullcontext() if no_sync is None else no_sync()


def check_chunks(n: int, chunks: int) -> None:
    """Raises ValueError when n pairs can't be cut into so many equal chunks."""
    if n % chunks:
        raise ValueError(
            f"{n} pairs can't be cut into {chunks} equal chunks. Take a number that divides {n}."
        )


def warn_of_batch_norm(model: nn.Module, seen_at_once: int) -> None:
    """Says what batch norms do when they see a part of the batch; silent where there are none."""
    if any(isinstance(m, nn.modules.batchnorm._BatchNorm) for m in model.modules()):
        warnings.warn(
            f"This model has batch norms: their mean and variance are those of the {seen_at_once} "
            "pairs that they see at once, not of the whole batch. The gradient is exact for the "
            "network that this makes, but not equal to that of one process with the whole batch in "
            "one piece. A ViT has layer norms and no such difference.",
            stacklevel=3,
        )
