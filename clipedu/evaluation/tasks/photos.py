"""Two tasks of photographs: Fashion-MNIST and CIFAR-10, from the system or from a download.

Notable:
- photographs are far from anything that a model of icons saw: expect little, and see it
- nothing is downloaded without being asked: `load_task` reads what is there, `fetch_task` and
  `clipedu tasks --download` get it, checked by SHA-256 before it is used (`downloads`)
- the original binary formats are read, in memory: no pickle is opened (CIFAR-10's usual "Python
  version" is one, and opening a pickle runs what is in it), no archive is unpacked to a disk
"""

from __future__ import annotations

import gzip
import os
import tarfile
import zlib
from pathlib import Path

import numpy as np
import torch

from clipedu.device import cache_folder
from clipedu.evaluation.downloads import Download, fetch, find
from clipedu.evaluation.tasks.drawn import resized
from clipedu.evaluation.tasks.task import Task, TaskUnavailable, register_task

FASHION_CLASSES = "t-shirt,trousers,pullover,dress,coat,sandal,shirt,sneaker,bag,ankle boot".split(
    ","
)
CIFAR_CLASSES = "airplane car bird cat deer dog frog horse ship truck".split()
SYSTEM_FOLDERS = (
    Path("/usr/share/datasets/fashion-mnist"),  # Debian's package dataset-fashion-mnist
    Path("/usr/share/datasets/cifar-10"),
    Path("/usr/share/datasets"),
)
_FASHION = "https://raw.githubusercontent.com/zalandoresearch/fashion-mnist/master/data/fashion/"
_IMAGES, _LABELS = "t10k-images-idx3-ubyte.gz", "t10k-labels-idx1-ubyte.gz"
FILES: dict[str, tuple[Download, ...]] = {
    "fashion_mnist": (
        Download(
            _IMAGES,
            _FASHION + _IMAGES,
            "5b4141f0afbad91edebe8549f8fcffe087ea10ca49f1dbef5c9a5cd8815ce37b",
        ),
        Download(
            _LABELS,
            _FASHION + _LABELS,
            "0402a96d92fd2663957122ceb108a494c5af83dab82d92729df917d7dec38c34",
        ),
    ),
    "cifar10": (
        Download(
            "cifar-10-binary.tar.gz",
            "https://www.cs.toronto.edu/~kriz/cifar-10-binary.tar.gz",
            "c4a38c50a1bc5f3a1c5537f2155ab9d68f9f25eb1ed8d9ddda3db29a59bca1dd",
            size=170_052_171,
        ),
    ),
}
_HOW = {
    "fashion_mnist": "On Debian and Ubuntu `apt install dataset-fashion-mnist` puts it in place. ",
    "cifar10": "The archive is the binary version, 170 MB; the Python version is a pickle. ",
}
_CIFAR_TEST = "cifar-10-batches-bin/test_batch.bin"
_CIFAR_ROW = 1 + 3 * 32 * 32  # bytes: a label, then the red, the green and the blue plane


def data_folders() -> list[Path]:
    """Where photographs are looked for: $CLIPEDU_DATA, the download folder, the system's."""
    own = os.environ.get("CLIPEDU_DATA")
    named = [Path(own).expanduser()] if own else []
    return [*named, cache_folder() / "downloads", *SYSTEM_FOLDERS]


def fetch_task(name: str, *, progress: bool = True) -> list[Path]:
    """Download what the task needs; what is there already is kept.

    Raises ValueError for a task that needs no download, DownloadError when it fails.
    """
    if name not in FILES:
        raise ValueError(f"Task {name!r} needs no download. These do: {', '.join(FILES)}.")
    folders = data_folders()
    return [find(file, folders) or fetch(file, progress=progress) for file in FILES[name]]


def _paths(name: str) -> list[Path]:
    found = [(file, find(file, data_folders())) for file in FILES[name]]
    missing = [file.name for file, path in found if path is None]
    if missing:
        raise TaskUnavailable(
            f"The pictures of {name} are not here ({', '.join(missing)}). {_HOW[name]}"
            f"`clipedu tasks --download {name}` fetches and checks them; or set CLIPEDU_DATA to a "
            "folder that has them."
        )
    return [path for _, path in found if path is not None]


@register_task("fashion_mnist")
def _fashion_mnist(size: int) -> Task:
    """10,000 photographs of clothes, 28 x 28, grey (Xiao et al. 2017, arXiv 1708.07747)."""
    images, labels = _paths("fashion_mnist")
    pixels = read_idx(images)  # (10000, 28, 28), white on black
    paper = 1 - torch.from_numpy(pixels).float()[:, None] / 255  # dark on light, as icons are
    return Task(
        name="fashion_mnist",
        pictures=resized(paper, size).expand(-1, 3, -1, -1).contiguous(),
        labels=torch.from_numpy(read_idx(labels)).long(),
        class_names=list(FASHION_CLASSES),
        templates=["{}"],
        source="Fashion-MNIST test set: photographs, never in training",
        context=["an icon of {}", "{}, clothes", "{}, fashion", "an emoji of {}"],
        offline=False,
    )


@register_task("cifar10")
def _cifar10(size: int) -> Task:
    """10,000 photographs, 32 x 32, colour, ten classes (Krizhevsky 2009)."""
    (archive,) = _paths("cifar10")
    pixels, labels = read_cifar(archive)
    pictures = torch.from_numpy(pixels).float() / 255  # (10000, 3, 32, 32)
    return Task(
        name="cifar10",
        pictures=resized(pictures, size),
        labels=torch.from_numpy(labels).long(),
        class_names=list(CIFAR_CLASSES),
        templates=["{}"],
        source="CIFAR-10 test set: photographs, never in training",
        context=["an icon of {}", "an emoji of {}", "a filled icon of {}"],
        offline=False,
    )


def read_cifar(archive: Path) -> tuple[np.ndarray, np.ndarray]:
    """CIFAR-10's test pictures (N, 3, 32, 32) and labels (N,), uint8, from the binary archive.

    Read in memory. Raises ValueError for a file that is not this archive, or is cut off.
    """
    try:
        with tarfile.open(archive) as tar:
            file = tar.extractfile(_CIFAR_TEST)  # None for a folder or a device of this name
            data = b"" if file is None else file.read()
    except KeyError:
        raise ValueError(
            f"{archive} holds no {_CIFAR_TEST}: the binary version of CIFAR-10 is needed "
            "(cifar-10-binary.tar.gz), not the one for Python or MATLAB."
        ) from None
    except (tarfile.TarError, OSError, EOFError, zlib.error) as error:
        raise ValueError(f"{archive} is no archive, or is cut off: {error}.") from error
    if not data or len(data) % _CIFAR_ROW:
        raise ValueError(
            f"{archive}: {_CIFAR_TEST} has {len(data):,} bytes, no multiple of {_CIFAR_ROW:,}."
        )
    rows = np.frombuffer(data, np.uint8).reshape(-1, _CIFAR_ROW)
    return rows[:, 1:].reshape(-1, 3, 32, 32).copy(), rows[:, 0].copy()


def read_idx(path: Path) -> np.ndarray:
    """An array of bytes in MNIST's idx format, plain or gzip.

    Raises ValueError for a file that is not one, or is cut off.
    """
    with path.open("rb") as plain:
        zipped = plain.read(2) == b"\x1f\x8b"
    with gzip.open(path, "rb") if zipped else path.open("rb") as file:
        data = file.read()
    if len(data) < 4 or data[:3] != b"\x00\x00\x08":
        raise ValueError(f"{path} is no idx file of bytes: it starts with {data[:4].hex(' ')}.")
    axes = data[3]
    head = 4 + 4 * axes
    if len(data) < head:
        raise ValueError(f"{path} is cut off: {len(data)} bytes, and its head alone has {head}.")
    shape = tuple(np.frombuffer(data[4:head], ">u4").astype(int))
    if len(data) - head != int(np.prod(shape)):
        raise ValueError(f"{path} is cut off: {len(data) - head:,} bytes for shape {shape}.")
    return np.frombuffer(data, np.uint8, offset=head).reshape(shape).copy()
