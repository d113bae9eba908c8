"""A text encoder trained from scratch beside a frozen image encoder, in seconds.

Pictures are embedded once; only the text encoder and the logit scale learn. It is locked-image
tuning (LiT, arXiv 2111.07991) at the size of a lesson: a way to ask what captions teach while
everything about the pictures stays as it is.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
import torch.nn.functional as F

from clipedu.models import CLIP, build
from clipedu.objectives import clamp_logit_scale_, info_nce
from clipedu.tokenizer import Tokenizer
from clipedu.tokenizer.tokenizer import row_ids


def train_text(
    pictures: torch.Tensor,
    captions: Sequence[Sequence[str]],
    tokenizer: Tokenizer,
    *,
    seed: int,
    steps: int,
    batch: int = 256,
    width: int = 128,
    peak: float = 2e-3,
) -> CLIP:
    """A CLIP whose text encoder has learned `captions`; its image encoder stays as it was drawn.

    pictures: (N, E) unit vectors of a finished image encoder; captions: for each picture the texts
        one of which is drawn each time. Equal captions in a batch are no wrong answers.
    Returns a model in eval mode, for `embed_texts` alone. Raises ValueError for unequal lengths.
    """
    if len(pictures) != len(captions):
        raise ValueError(f"{len(pictures)} pictures need as many captions, not {len(captions)}.")
    changes = {"embed_dim": pictures.shape[1], "text_width": width}
    sizes = {"vocab_size": tokenizer.vocab_size, "context_length": 32}
    model = build("laptop_vit_stem", seed=seed, **changes, **sizes)
    every = sorted({text for those in captions for text in those})
    index, tokens = {text: row for row, text in enumerate(every)}, tokenizer(every, 32)
    draw = torch.Generator().manual_seed(seed)
    learned = [*model.text.parameters(), model.logit_scale]
    optimizer = torch.optim.AdamW(learned, lr=peak, betas=(0.9, 0.98), weight_decay=0.05)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, peak, total_steps=steps)
    model.train()
    for _ in range(steps):
        rows = torch.randperm(len(pictures), generator=draw)[:batch]
        dice = torch.rand(len(rows), generator=draw).tolist()
        drawn = [captions[i][int(x * len(captions[i]))] for i, x in zip(rows, dice, strict=True)]
        words = tokens[[index[text] for text in drawn]]
        texts = F.normalize(model.encode_text(words), dim=-1)
        loss = info_nce(pictures[rows], texts, model.logit_scale.exp(), row_ids(words))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        schedule.step()
        clamp_logit_scale_(model.logit_scale)
    return model.eval()
