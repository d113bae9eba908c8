"""Writes pairs as tar shards; :mod:`clipedu.pairs.shards` reads them."""

from __future__ import annotations

import hashlib
import io
import json
import os
import re
import tarfile
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image
from tqdm.auto import tqdm

from clipedu.files import write_whole
from clipedu.pairs.batches import PairSet
from clipedu.pairs.captions import caption
from clipedu.pairs.icons import FAMILIES, Icon

_OURS = re.compile(r"\d{5,}(\.tar|_stats\.json)")


def write_shards(
    pairs: PairSet,
    folder: str | Path,
    *,
    per_shard: int = 1000,
    seed: int = 0,
    overwrite: bool = False,
    progress: bool = True,
) -> list[Path]:
    """Writes pairs in img2dataset's layout: a .png, .txt and .json for each sample.

    Samples are shuffled, so that a shard holds a bit of everything. The caption is one draw of
    those that the pair may have; the .json keeps all its words, and the licence. The same pairs
    and seed make the same bytes.

    Returns the .tar files. Raises ValueError for a per_shard below 1, FileExistsError for a folder
    that holds shards or another .tar, OSError for one that can't be written; either all shards are
    there or none is new.
    """
    if per_shard < 1:
        raise ValueError(f"A shard holds 1 sample or more, not {per_shard!r}.")
    if seed < 0:
        raise ValueError(f"A seed is 0 or more, not {seed!r}.")
    folder = Path(folder)
    tars = sorted(folder.glob("*.tar"))
    old = [path for path in [*tars, *folder.glob("*_stats.json")] if _OURS.fullmatch(path.name)]
    if old and not overwrite:
        raise FileExistsError(
            f"{folder} holds {len(old)} files of shards already. Choose another folder, or write "
            "over them with overwrite=True (--overwrite)."
        )
    others = [path.name for path in tars if path not in old]
    if others:
        raise FileExistsError(
            f"{folder} holds {others[0]}, which is no shard of ours and would be read as one. "
            "Choose another folder."
        )
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder, prefix=".shards.") as draft:
        drafts = _write(pairs, Path(draft), per_shard, seed, progress)
        for path in old:  # only now: what was there stays until all of the new is written
            path.unlink()
        for path in drafts:
            os.replace(path, folder / path.name)
    return [folder / path.name for path in drafts if path.suffix == ".tar"]


def _write(pairs: PairSet, folder: Path, per_shard: int, seed: int, progress: bool) -> list[Path]:
    """All shards of the pairs, and beside each the file that counts its samples."""
    order = np.random.default_rng(seed).permutation(len(pairs))
    digits = max(4, len(str(per_shard - 1)))
    paths = []
    starts = range(0, len(order), per_shard)
    for number, start in enumerate(tqdm(starts, desc="writing shards", disable=not progress)):
        rows = order[start : start + per_shard]
        data = io.BytesIO()
        with tarfile.open(fileobj=data, mode="w", format=tarfile.USTAR_FORMAT) as tar:
            for place, row in enumerate(rows):
                key = f"{number:05d}{place:0{digits}d}"
                for kind, content in _sample(pairs, int(row), key, seed).items():
                    _add(tar, f"{key}.{kind}", content)
        path = folder / f"{number:05d}.tar"
        path.write_bytes(data.getvalue())
        stats: dict[str, Any] = {"count": len(rows), "successes": len(rows)}
        stats |= {"failed_to_download": 0, "failed_to_resize": 0}
        stats["status_dict"] = {"success": len(rows)}
        about = write_whole(folder / f"{path.stem}_stats.json", json.dumps(stats, indent=1) + "\n")
        paths += [path, about]
    return paths


def _sample(pairs: PairSet, row: int, key: str, seed: int) -> dict[str, bytes]:
    icon = pairs.icons[row]
    words = caption(icon, np.random.default_rng((seed, row)))
    picture = io.BytesIO()
    Image.fromarray(np.ascontiguousarray(pairs.rgba[row])).save(picture, "png")
    facts = {
        "caption": words,
        "key": key,
        "status": "success",
        "error_message": None,
        "width": pairs.size,
        "height": pairs.size,
        "original_width": pairs.size,
        "original_height": pairs.size,
        "sha256": hashlib.sha256(picture.getvalue()).hexdigest(),
        **_about(icon),
    }
    text = json.dumps(facts, ensure_ascii=False, indent=1)
    return {
        "png": picture.getvalue(),
        "txt": words.encode("utf-8"),
        "json": text.encode("utf-8"),
    }


def _about(icon: Icon) -> dict[str, Any]:
    return {
        "family": icon.family,
        "style": icon.style,
        "name": icon.name,
        "aliases": list(icon.aliases),
        "tags": list(icon.tags),
        "categories": list(icon.categories),
        "licence": FAMILIES[icon.family].licence,
    }


def _add(tar: tarfile.TarFile, name: str, content: bytes) -> None:
    member = tarfile.TarInfo(name)  # with no time and no owner, the same bytes every time
    member.size = len(content)
    tar.addfile(member, io.BytesIO(content))
