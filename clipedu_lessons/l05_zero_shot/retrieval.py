"""Retrieval: how often is the right one among the first k (paper Table 13), and a search index.

An index of embeddings is computed once and kept in the cache folder, under a key made of the image
encoder's weights and the pictures' bytes. After that, a query is one sentence through the text
encoder and one matrix-vector product.
"""

from __future__ import annotations

import hashlib
import io
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple, Protocol

import numpy as np
import torch
from tqdm.auto import tqdm

from clipedu.device import cache_folder
from clipedu.evaluation.embedding import PICTURE_BATCH_SIZE, embed_pictures, embed_texts
from clipedu.files import write_whole
from clipedu.models import CLIP
from clipedu.pairs import Icon, to_pictures
from clipedu.tokenizer import Tokenizer


@dataclass(frozen=True)
class Recall:
    """Shares of 1 by k. image_to_text: pictures whose caption is among the first k; text_to_image:
    captions whose picture is; chance: what a random order would reach; n: pairs."""

    image_to_text: dict[int, float]
    text_to_image: dict[int, float]
    chance: dict[int, float]
    n: int

    def __str__(self) -> str:
        rows = {"picture to text: ": self.image_to_text, "text to picture: ": self.text_to_image}
        rows["chance:          "] = self.chance
        shares = (", ".join(f"R@{k} {x:.1%}" for k, x in of.items()) for of in rows.values())
        return "\n".join(map("".join, zip(rows, shares, strict=True))) + f"; {self.n:,} pairs"


@torch.no_grad()
def recall(
    image: torch.Tensor,
    text: torch.Tensor,
    ks: Sequence[int] = (1, 5, 10),
    *,
    chunk: int = 1024,
    same: torch.Tensor | None = None,
) -> Recall:
    """Recall@k both ways, for N pairs of unit vectors (N, E): row i of both belong together.

    same: (N,) whole numbers; pairs with equal numbers (one name, drawn twice) are right for each
        other, and one of them among the first k is enough
    chunk: rows compared at a time; memory is chunk x N numbers
    Raises ValueError for shapes that do not fit, NaN, no k, or a k or chunk below 1.
    """
    _check_pairs(image, text, ks, chunk, same)
    n = len(image)
    ids = torch.arange(n) if same is None else same.cpu()
    image, text = image.float(), text.float()
    there = _ranks(image, text, ids, chunk)
    back = _ranks(text, image, ids, chunk)
    return Recall(
        {k: float((there < k).double().mean()) for k in ks},
        {k: float((back < k).double().mean()) for k in ks},
        {k: _chance(ids, k) for k in ks},
        n,
    )


def _ranks(
    rows: torch.Tensor, columns: torch.Tensor, ids: torch.Tensor, chunk: int
) -> torch.Tensor:
    """(N,) how many wrong columns come before the best right one, or tie with it."""
    ids = ids.to(rows.device)
    ranks = []
    for start in range(0, len(rows), chunk):
        scores = rows[start : start + chunk] @ columns.T  # (chunk, N)
        right = ids[start : start + chunk, None] == ids[None]  # (chunk, N) bool
        best = scores.masked_fill(~right, -torch.inf).amax(1, keepdim=True)
        ranks.append(((scores >= best) & ~right).sum(1))
    return torch.cat(ranks)


def _chance(ids: torch.Tensor, k: int) -> float:
    """Mean probability that k of N drawn at random hold one of the right ones."""
    n, k = len(ids), min(k, len(ids))
    _, inverse, counts = ids.unique(return_inverse=True, return_counts=True)
    missed = torch.ones(len(counts), dtype=torch.float64)
    for drawn in range(k):  # each draw misses the m right ones among those that are left
        missed *= ((n - counts - drawn) / (n - drawn)).clamp(min=0)
    return float((1 - missed)[inverse].mean())


def _check_pairs(
    image: torch.Tensor,
    text: torch.Tensor,
    ks: Sequence[int],
    chunk: int,
    same: torch.Tensor | None,
) -> None:
    shapes = f"{tuple(image.shape)} and {tuple(text.shape)}"
    if image.ndim != 2 or image.shape != text.shape or 0 in image.shape:
        raise ValueError(f"image and text are both (N, E), row i a pair; got {shapes}.")
    if not (torch.isfinite(image).all() and torch.isfinite(text).all()):
        raise ValueError("The embeddings contain NaN or infinity: no order could be made of them.")
    if not ks or any(k < 1 for k in ks):
        raise ValueError(f"ks are whole numbers from 1, such as (1, 5, 10); got {tuple(ks)}.")
    if chunk < 1:
        raise ValueError(f"chunk is how many rows to compare at a time, 1 or more; got {chunk}.")
    if same is not None and tuple(same.shape) != (len(image),):
        raise ValueError(
            f"same has one number for each of the {len(image)} pairs, shape ({len(image)},); "
            f"got {tuple(same.shape)}."
        )


# -------------------- the search box
class _Drawn(Protocol):
    """What `open_pictures` and a `PairSet` have in common."""

    icons: list[Icon]
    rgba: np.ndarray
    size: int


class Hit(NamedTuple):
    """A picture that was found. row: its position in the index; score: cosine similarity."""

    row: int
    icon: Icon
    score: float


@dataclass(frozen=True, eq=False)
class PictureIndex:
    """Pictures and their embeddings. embeddings: (N, E) float32, L2-normalized, memory-mapped."""

    model: CLIP
    tokenizer: Tokenizer | None
    icons: list[Icon]
    rgba: np.ndarray
    embeddings: torch.Tensor

    def __len__(self) -> int:
        return len(self.icons)

    def pictures(self, rows: Sequence[int]) -> torch.Tensor:
        """(n, 3, S, S) float 0..1, to look at."""
        return to_pictures(self.rgba[np.asarray(rows, dtype=np.int64)])


def build_index(
    model: CLIP,
    pairs: _Drawn,
    *,
    tokenizer: Tokenizer | None = None,
    folder: Path | None = None,
    batch_size: int = PICTURE_BATCH_SIZE,
    progress: bool = True,
) -> PictureIndex:
    """Embed every picture, or open what was kept from the last time.

    pairs: `open_pictures()` for all families, or a `PairSet`
    tokenizer: the model's, to search with words; folder: default the cache folder
    Raises ValueError when the pictures have another size than the model sees, or NaN comes out.
    """
    want = model.config.vision.resolution
    if pairs.size != want:
        raise ValueError(f"The pictures are {pairs.size} px wide, and this model sees {want} px.")
    folder = Path(folder or cache_folder())
    path = folder / f"index-{_key(model, pairs.rgba)}.npy"
    shape = (len(pairs.icons), model.config.embed_dim)
    kept = _open(path, shape)
    if kept is None:
        parts = []
        blocks = range(0, len(pairs.icons), batch_size)
        for start in tqdm(blocks, "embedding pictures", delay=2, disable=not progress):
            pictures = to_pictures(pairs.rgba[start : start + batch_size])
            parts.append(embed_pictures(model, pictures, batch_size=batch_size).cpu().numpy())
        whole = io.BytesIO()
        np.save(whole, np.concatenate(parts).astype(np.float32))
        write_whole(path, whole.getvalue())
        kept = _open(path, shape)
        if kept is None:
            raise OSError(f"The index was written, but {path} can't be read back.")
    return PictureIndex(model, tokenizer, pairs.icons, pairs.rgba, kept)


def search(
    index: PictureIndex,
    query: str | torch.Tensor,
    k: int = 10,
    *,
    families: Sequence[str] | None = None,
) -> list[Hit]:
    """The k most similar pictures, best first, for a sentence or for a picture (3, S, S) in 0..1.

    families: only pictures of these
    Raises ValueError for an empty query, k < 1, a family without pictures here, or words without a
    tokenizer; what `embed_pictures` raises for a picture that does not fit.
    """
    if k < 1:
        raise ValueError(f"k is how many pictures to find, 1 or more; got {k}.")
    scores = index.embeddings @ embed_query(index, query)  # (N, E) @ (E,) -> (N,)
    rows = torch.arange(len(index))
    if families is not None:
        wanted = set(families)
        rows = torch.tensor([i for i, icon in enumerate(index.icons) if icon.family in wanted])
        if not len(rows):
            raise ValueError(f"The index has no picture of {', '.join(families) or 'no family'}.")
        scores = scores[rows]
    found = scores.topk(min(k, len(scores)))
    return [
        Hit(int(rows[place]), index.icons[int(rows[place])], float(score))
        for score, place in zip(found.values, found.indices, strict=True)
    ]


def embed_query(index: PictureIndex, query: str | torch.Tensor) -> torch.Tensor:
    """A sentence, or a picture (3, S, S) or (1, 3, S, S) in 0..1 -> its unit vector (E,)."""
    if isinstance(query, str):
        if not query.strip():
            raise ValueError("The query is empty. Type what the picture shows.")
        if index.tokenizer is None:
            raise ValueError("To search with words, give build_index the model's tokenizer.")
        words = query.strip().lower()  # as captions are
        return embed_texts(index.model, index.tokenizer, [words], truncate=True)[0].cpu()
    if not isinstance(query, torch.Tensor):
        raise TypeError(f"A query is words or a picture tensor; got {type(query).__name__}.")
    picture = query[None] if query.ndim == 3 else query
    if len(picture) != 1:
        raise ValueError(f"A query is one picture; got {len(picture)}.")
    return embed_pictures(index.model, picture)[0].cpu()


def _key(model: CLIP, rgba: np.ndarray) -> str:
    digest = hashlib.sha256(repr((model.config.vision, model.config.embed_dim)).encode())
    for name, value in sorted(model.state_dict().items()):
        if name.startswith("visual."):
            digest.update(f"{name} {tuple(value.shape)} {value.dtype};".encode())
            digest.update(value.detach().cpu().contiguous().flatten().view(torch.uint8).numpy())
    # blake2b: three times as fast as SHA-256 on 113 MB
    pixels = hashlib.blake2b(repr(rgba.shape).encode(), digest_size=16)
    for start in range(0, len(rgba), 1024):
        pixels.update(rgba[start : start + 1024].tobytes())
    digest.update(pixels.digest())
    return digest.hexdigest()[:16]


def _open(path: Path, shape: tuple[int, int]) -> torch.Tensor | None:
    """The kept embeddings; None when there are none, or not of this shape."""
    try:
        kept = np.load(path, mmap_mode="c")  # "c": torch wants writable, the file stays as it is
    except (OSError, ValueError, EOFError):
        return None
    return torch.from_numpy(kept) if kept.shape == shape and kept.dtype == np.float32 else None
