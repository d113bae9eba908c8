"""Two more losses of lesson 03: the predecessor of InfoNCE, and the floor under it."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Hashable, Iterable

from torch import Tensor

from clipedu.objectives import similarity_logits
from clipedu.objectives.contrastive import check_pairs


def n_pair(image: Tensor, text: Tensor) -> Tensor:
    """The multi-class N-pair loss (Sohn 2016): each picture finds its caption.

        mean over i of  log(1 + sum over j != i of exp(image_i . text_j - image_i . text_i))

    The same number as the cross-entropy of row i with the answer i: one of InfoNCE's two
    directions, without a scale. image, text: (N, E), of any length. Returns ().
    """
    check_pairs(image, text, unit=False)
    logits = similarity_logits(image, text, 1.0)  # (N, N)
    margins = logits - logits.diagonal()[:, None]  # (N, N): how far j is ahead of the right one
    return margins.logsumexp(dim=1).mean()  # the diagonal's exp(0) is the 1 of the formula


def loss_floor(caption_ids: Tensor | Iterable[Hashable]) -> float:
    """The least value of `info_nce` for a batch in which captions repeat and nothing is masked.

    It is the mean over the N pairs of ln m, with m the number of times the pair's caption occurs:
    m equal captions have equal embeddings, so they share a row's probability, at most 1/m each; and
    their m columns are one distribution with m different right answers, best at 1/m each.

    caption_ids: N ids or captions; a tensor (N,), or (N, L) rows of tokens. Raises ValueError when
    there are none.
    """
    ids: list[Hashable]
    if isinstance(caption_ids, Tensor):
        ids = [tuple(i) if isinstance(i, list) else i for i in caption_ids.tolist()]
    else:
        ids = list(caption_ids)
    if not ids:
        raise ValueError("there are no captions; expected at least one")
    return sum(m * math.log(m) for m in Counter(ids).values()) / len(ids)
