"""The smallest CLIP that learns something, for experiments that need many short trainings.

A picture is 16 x 16 gray pixels, read by an MLP with one hidden layer. A caption is an icon's name,
read as the mean of its words' vectors. 200 steps of 512 pairs take a few seconds on one core.
"""

from __future__ import annotations

import contextlib
import math
from collections import Counter
from collections.abc import Callable, Iterator, Sequence

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from clipedu.objectives import LOGIT_SCALE_INIT, clamp_logit_scale_
from clipedu.pairs import PairSet, held_out_task, to_pictures

LossOf = Callable[[Tensor, Tensor, Tensor], Tensor]  # image (N, E), text (N, E), scale () -> ()
WORDS = 8  # of a caption, at most
BLOCK = 4096  # pictures that are shrunk at once


class SmallData:
    """The pairs to learn from, and a zero-shot task with pictures that are never trained on.

    pixels (M, 256), words (M, WORDS); unseen (n, 256), classes (C, WORDS), labels (n,).
    """

    def __init__(self, pairs: PairSet, held_out: str = "lucide"):
        names = [icon.name.lower() for icon in pairs.icons]
        counts = Counter(word for name in names for word in name.split())
        often = sorted(word for word in counts if counts[word] >= 3)
        self.ids = {word: k for k, word in enumerate(often, start=1)}  # 0 is padding
        self.pairs, self.words = pairs, self.tokens(names)
        rgba, labels, class_names = held_out_task(held_out)
        blocks = [shrink(pairs.rgba[k : k + BLOCK]) for k in range(0, len(pairs), BLOCK)]
        self.pixels, self.unseen = torch.cat(blocks), shrink(rgba)
        self.classes, self.labels = self.tokens(class_names), torch.as_tensor(labels)

    def tokens(self, names: Sequence[str]) -> Tensor:
        """N names -> (N, WORDS) ids of the words that occur three times or more."""
        rows = torch.zeros(len(names), WORDS, dtype=torch.int64)
        for row, name in zip(rows, names, strict=True):
            ids = [self.ids[word] for word in name.lower().split() if word in self.ids][:WORDS]
            row[: len(ids)] = torch.tensor(ids, dtype=torch.int64)
        return rows


def shrink(rgba: np.ndarray) -> Tensor:
    """Pictures (N, 32, 32, 4) uint8 -> (N, 256): 16 x 16 gray pixels from -1 to 1."""
    gray = to_pictures(rgba).mean(dim=1, keepdim=True)
    return F.avg_pool2d(gray, 2).flatten(1) * 2 - 1


class SmallCLIP(nn.Module):
    """Pixels (B, 256) and word ids (B, WORDS) -> both embeddings (B, E), normalized, and s ()."""

    def __init__(self, vocabulary: int, width: int = 256, embed_dim: int = 64):
        super().__init__()
        hidden = nn.Linear(256, width), nn.GELU(), nn.LayerNorm(width)
        self.image = nn.Sequential(*hidden, nn.Linear(width, embed_dim))
        self.words = nn.EmbeddingBag(vocabulary, 128, mode="mean", padding_idx=0)
        self.text = nn.Sequential(nn.LayerNorm(128), nn.Linear(128, embed_dim))
        self.logit_scale = nn.Parameter(torch.tensor(LOGIT_SCALE_INIT))

    def forward(self, pixels: Tensor, words: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        image = F.normalize(self.image(pixels), dim=-1)
        text = F.normalize(self.text(self.words(words)), dim=-1)
        return image, text, self.logit_scale.exp()


@contextlib.contextmanager
def one_thread() -> Iterator[None]:
    """The matrices are small: more threads cost more than they save, and round differently."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)


@one_thread()
def train_small(
    data: SmallData, loss_of: LossOf, *, steps: int = 200, batch: int = 512, seed: int = 0
) -> tuple[SmallCLIP, float]:
    """Train one from scratch; returns it and its last loss. No batch has a name twice."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        model = SmallCLIP(len(data.ids) + 1)
    adam = torch.optim.AdamW(model.parameters(), lr=2e-3, weight_decay=0.1)
    schedule = torch.optim.lr_scheduler.OneCycleLR(adam, 2e-3, steps, cycle_momentum=False)
    loss = torch.tensor(math.nan)
    for step in range(steps):
        rows = data.pairs.rows_at(step, batch, seed)
        loss = loss_of(*model(data.pixels[rows], data.words[rows]))
        adam.zero_grad()
        loss.backward()
        adam.step()
        schedule.step()
        clamp_logit_scale_(model.logit_scale)
    return model, loss.item()


@torch.no_grad()
def judge_small(model: SmallCLIP, data: SmallData) -> tuple[float, float]:
    """Zero-shot accuracy on the unseen pictures in percent, and the mean cosine of two of them."""
    image, text, _ = model(data.unseen, data.classes)
    right = ((image @ text.T).argmax(dim=1) == data.labels).float().mean()
    n = len(image)
    others = ((image @ image.T).sum() - n) / (n * (n - 1))
    return 100 * right.item(), others.item()
