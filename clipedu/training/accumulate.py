"""GradCache: the exact gradient of a large batch, in the memory of a small one (arXiv 2101.06983).

Ordinary accumulation adds up the gradients of small batches. For a contrastive loss that is another
loss: a pair in a batch of 64 has 63 wrong captions, however many such batches are added up. What
works is to cut the chain rule at the embeddings, which are small:

    1  embed all chunks without a graph, keep only the embeddings
    2  the loss of the whole batch, and its gradient at the embeddings
    3  embed each chunk again, now with a graph, and send its part of that gradient back

Two forward passes in place of one, and the activations of one chunk at a time.

What to notice:
* the logit scale (and SigLIP's bias) gets its gradient in 2, from the loss itself, once. Where
  the loss is computed anew for every chunk, it gets it K times over;
* 1 and 3 must be the same function: before a chunk is embedded again, the random state is put
  back to where it was, or dropout would drop something else;
* a **batch norm** takes its statistics from what it sees at once: from the chunk, not from the
  batch. Then K chunks are exact for the network that they compute, which is not that of one chunk.
  There is a warning, and running statistics are updated once in a step and chunk, not twice.
"""

from __future__ import annotations

import contextlib
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import Any

import torch
from torch import Tensor, nn

#: (image (N, E), text (N, E), logit_scale (), ...) -> loss ().
Loss = Callable[..., Tensor]


def cached_backward(
    network: nn.Module,
    pictures: Tensor,
    tokens: Tensor,
    loss_of: Loss,
    *,
    chunks: int,
    multiply: Callable[[Tensor], Tensor] | None = None,
    context: Callable[[], AbstractContextManager[Any]] = nullcontext,
) -> tuple[Tensor, tuple[Tensor, ...]]:
    """Adds the gradient of the whole batch to every parameter's `.grad`, chunk by chunk.

    Args:
        network: (pictures, tokens) -> image (N, E), text (N, E), and numbers that the loss takes,
            such as the logit scale. It may be wrapped in DistributedDataParallel; gradients are
            then averaged once, with the last chunk.
        pictures, tokens: (N, ...) and (N, L).
        loss_of: of what the network gives for the whole batch.
        chunks: K; N must be divisible by it. 1 is the plain forward and backward.
        multiply: what to do to the loss before its gradient is taken: a gradient scaler's `scale`.
        context: makes the context of each forward pass: autocast.

    Returns the loss and what the network gave for the batch, both without a graph.
    Raises ValueError when the chunks don't divide the batch.
    """
    n = len(pictures)
    check_chunks(n, chunks)
    if chunks == 1:
        with context():
            out = network(pictures, tokens)
        loss = loss_of(*out)
        (loss if multiply is None else multiply(loss)).backward()
        return loss.detach(), tuple(x.detach() for x in out)
    plain = getattr(network, "module", network)
    warn_of_batch_norm(plain, n // chunks)
    parts = list(zip(pictures.chunk(chunks), tokens.chunk(chunks), strict=True))

    states, embedded = [], []
    with torch.no_grad(), frozen_statistics(plain):
        for part in parts:
            states.append(_random_state(pictures.device))
            with context():
                embedded.append(plain(*part))
    end = _random_state(pictures.device)

    images, texts = (torch.cat([out[k] for out in embedded]) for k in (0, 1))  # (N, E)
    leaves = [x.detach().requires_grad_() for x in (images, texts, *embedded[-1][2:])]
    loss = loss_of(*leaves)
    (loss if multiply is None else multiply(loss)).backward()
    wanted = [x.grad if x.grad is not None else torch.zeros_like(x) for x in leaves]

    each = n // chunks
    for k, part in enumerate(parts):
        last = k == chunks - 1
        _set_random_state(states[k], pictures.device)
        with nullcontext() if last else _without_averaging(network):
            with context():
                out = network(*part)
            rows = slice(k * each, (k + 1) * each)
            # Its gradient is what the loss wants: the derivative of x * g with respect to x is g.
            message = (out[0] * wanted[0][rows]).sum() + (out[1] * wanted[1][rows]).sum()
            if last:  # numbers belong to no chunk: once
                for number, gradient in zip(out[2:], wanted[2:], strict=True):
                    message = message + number * gradient
            message.backward()
    _set_random_state(end, pictures.device)
    return loss.detach(), tuple(x.detach() for x in leaves)


def check_chunks(n: int, chunks: int) -> None:
    """Raises ValueError when n pairs can't be cut into so many equal chunks."""
    if isinstance(chunks, bool) or not isinstance(chunks, int) or chunks < 1:
        raise ValueError(f"chunks must be a whole number from 1, not {chunks!r}.")
    if n % chunks:
        raise ValueError(
            f"{n} pairs can't be cut into {chunks} equal chunks. Take a number that divides {n}."
        )


def batch_norms(model: nn.Module) -> list[nn.Module]:
    """The batch norms of a model."""
    return [m for m in model.modules() if isinstance(m, nn.modules.batchnorm._BatchNorm)]


def warn_of_batch_norm(model: nn.Module, seen_at_once: int) -> None:
    """Says what batch norms do when they see a part of the batch; silent where there are none."""
    if any(norm.training for norm in batch_norms(model)):
        warnings.warn(
            f"This model has batch norms: their mean and variance are those of the {seen_at_once} "
            "pairs that they see at once, not of the whole batch. The gradient is exact for the "
            "network that this makes, but not equal to that of one process with the whole batch in "
            "one piece. A ViT has layer norms and no such difference.",
            stacklevel=3,
        )


@contextlib.contextmanager
def frozen_statistics(model: nn.Module) -> Iterator[None]:
    """Batch norms in here use the batch's own statistics, but do not learn from them."""
    norms: Sequence[Any] = [m for m in batch_norms(model) if m.track_running_stats]
    for norm in norms:
        norm.track_running_stats = False
    try:
        yield
    finally:
        for norm in norms:
            norm.track_running_stats = True


def _without_averaging(network: nn.Module) -> AbstractContextManager[Any]:
    no_sync = getattr(network, "no_sync", None)
    return nullcontext() if no_sync is None else no_sync()


def _random_state(device: torch.device) -> tuple[Tensor, Tensor | None]:
    on_device = torch.cuda.get_rng_state(device) if device.type == "cuda" else None
    return torch.get_rng_state(), on_device


def _set_random_state(state: tuple[Tensor, Tensor | None], device: torch.device) -> None:
    torch.set_rng_state(state[0])
    if state[1] is not None:
        torch.cuda.set_rng_state(state[1], device)
