"""The floor under the loss: how low it can get when captions repeat."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Hashable, Iterable

from torch import Tensor


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
