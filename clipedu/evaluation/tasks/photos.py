"""Two tasks of photographs: Fashion-MNIST and CIFAR-10, from the system or from a download.

`load_task` reads what is on this machine; only `fetch_task` and `clipedu tasks --download` use the
network. A file is checked before it is used, and never half a file under its name. The original
binary formats are read in memory: opening CIFAR-10's "Python version", a pickle, would run it.
"""

from __future__ import annotations

import gzip
import os
import tarfile
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F

from clipedu.device import cache_folder
from clipedu.downloads import Download, fetch, find
from clipedu.evaluation.tasks.icon_sets import FACTS, WORDS
from clipedu.evaluation.tasks.task import Task, TaskUnavailable, register_task

FILES: dict[str, tuple[Download, ...]] = {
    name: tuple(Download(url, sha256) for url, sha256 in files.items())
    for name, files in WORDS["downloads"].items()
}
_DATASETS = Path("/usr/share/datasets")  # where Debian's package dataset-fashion-mnist puts them
SYSTEM_FOLDERS = (_DATASETS / "fashion-mnist", _DATASETS / "cifar-10", _DATASETS)
_ADVICE = {
    "fashion_mnist": "On Debian and Ubuntu `apt install dataset-fashion-mnist` installs them.",
    "cifar10": "The archive is the binary version, 170 MB; the Python version is a pickle.",
}


def data_folders() -> list[Path]:
    """Where photographs are looked for: $CLIPEDU_DATA, the download folder, the system's."""
    own = os.environ.get("CLIPEDU_DATA")
    named = [Path(own).expanduser()] if own else []
    return [*named, cache_folder() / "downloads", *SYSTEM_FOLDERS]


def fetch_task(name: str, *, progress: bool = True) -> list[Path]:
    """Download what the task needs and this machine lacks; returns the files.

    Raises ValueError for a task that needs no download, DownloadError when it fails.
    """
    if name not in FILES:
        raise ValueError(f"Task {name!r} needs no download. These do: {', '.join(FILES)}.")
    folders = data_folders()
    return [find(file, folders) or fetch(file, progress=progress) for file in FILES[name]]


def _paths(name: str) -> list[Path]:
    found = {file.name: find(file, data_folders()) for file in FILES[name]}
    missing = [file for file, path in found.items() if path is None]
    if missing:
        raise TaskUnavailable(
            f"The pictures of {name} are not on this machine ({', '.join(missing)}). "
            f"{_ADVICE[name]} `clipedu tasks --download {name}` fetches and checks them; or set "
            "CLIPEDU_DATA to a folder that has them."
        )
    return [path for path in found.values() if path is not None]


def resized(pictures: torch.Tensor, size: int) -> torch.Tensor:
    """(N, C, h, w) in 0..1 -> (N, C, size, size), averaged where it shrinks."""
    if pictures.shape[-2:] == (size, size):
        return pictures
    small = F.interpolate(pictures, size=(size, size), mode="bilinear", antialias=True)
    return small.clamp(0, 1)


@register_task("fashion_mnist")
def _fashion_mnist(size: int) -> Task:
    """10,000 photographs of clothes, 28 x 28, gray (Xiao et al. 2017, arXiv 1708.07747)."""
    pixels, labels = (torch.from_numpy(read_idx(path)) for path in _paths("fashion_mnist"))
    paper = resized(1 - pixels[:, None].float() / 255, size)  # dark on light, as icons are
    pictures = paper.expand(-1, 3, -1, -1).contiguous()
    return Task("fashion_mnist", pictures, labels.long(), **FACTS["fashion_mnist"], offline=False)


@register_task("cifar10")
def _cifar10(size: int) -> Task:
    """10,000 photographs, 32 x 32, color, ten classes (Krizhevsky 2009)."""
    (archive,) = _paths("cifar10")
    with tarfile.open(archive) as tar:
        file = tar.extractfile("cifar-10-batches-bin/test_batch.bin")
        assert file is not None  # the checksum of the archive was right
        rows = torch.frombuffer(bytearray(file.read()), dtype=torch.uint8).view(-1, 1 + 3 * 32 * 32)
    # a row: the label, then the red, the green and the blue plane
    pictures = resized(rows[:, 1:].reshape(-1, 3, 32, 32).float() / 255, size)
    return Task("cifar10", pictures, rows[:, 0].long(), **FACTS["cifar10"], offline=False)


def read_idx(path: Path) -> np.ndarray:
    """The array of bytes in a gzipped file of MNIST's idx format: 0, 0, 8, axes, shape, values."""
    data = gzip.decompress(path.read_bytes())
    shape = np.frombuffer(data, ">u4", count=data[3], offset=4)
    return np.frombuffer(data, np.uint8, offset=4 + 4 * data[3]).reshape(shape.tolist()).copy()
