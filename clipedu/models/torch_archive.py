"""Tensors out of the archives of `torch.save` and TorchScript, without running code of the file.

Both are zip files: `data.pkl` describes the tensors, `data/0`, `data/1`, ... hold their bytes. A
pickle may call any function by name, so this reader knows a few names and refuses all others.
`torch.load(weights_only=True)` refuses TorchScript; `torch.jit.load` is deprecated.
"""

from __future__ import annotations

import io
import math
import pickle
import zipfile
from collections import OrderedDict
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import torch
from torch import Tensor

_STORAGES = {
    "FloatStorage": torch.float32,
    "HalfStorage": torch.float16,
    "BFloat16Storage": torch.bfloat16,
    "DoubleStorage": torch.float64,
    "LongStorage": torch.int64,
    "IntStorage": torch.int32,
    "BoolStorage": torch.bool,
}
_CHUNK = 2**20


class ArchiveError(ValueError):
    """The archive is damaged, or holds what is no tensor; the message says which."""


class StoredTensor(NamedTuple):
    """Where a tensor lies in the archive: strides and offset are counted in elements."""

    key: str
    dtype: torch.dtype
    offset: int
    shape: tuple[int, ...]
    stride: tuple[int, ...]


class _Module:
    """A TorchScript object: its class is a program, which is never loaded; only its fields are."""

    state: Any = None

    def __setstate__(self, state: Any) -> None:
        self.state = state


def _rebuild_tensor(
    storage: tuple[str, torch.dtype], offset: int, shape: Any, stride: Any, *_: Any
) -> StoredTensor:
    key, dtype = storage
    return StoredTensor(key, dtype, int(offset), tuple(map(int, shape)), tuple(map(int, stride)))


def _first(value: Any, *_: Any) -> Any:
    return value


_ALLOWED: dict[tuple[str, str], Any] = {
    ("collections", "OrderedDict"): OrderedDict,
    ("torch._utils", "_rebuild_tensor_v2"): _rebuild_tensor,
    ("torch._utils", "_rebuild_parameter"): _first,
    ("torch.jit._pickle", "restore_type_tag"): _first,
    ("torch.jit._pickle", "build_intlist"): _first,
    **{("torch", name): dtype for name, dtype in _STORAGES.items()},
}


class _Unpickler(pickle.Unpickler):
    """Reads a description of tensors. Raises ArchiveError for any name that is not on the list."""

    def find_class(self, module: str, name: str) -> Any:
        if module == "__torch__" or module.startswith("__torch__."):
            return type(name, (_Module,), {})
        if (module, name) not in _ALLOWED:
            raise ArchiveError(
                f"it asks for {module}.{name}, which is no part of a tensor. A pickle can run any "
                "program, so this file is refused, and nothing of it was run"
            )
        allowed = _ALLOWED[module, name]
        if allowed in (_rebuild_tensor, _first):  # a copy: a pickle may set attributes of it
            return lambda *arguments: allowed(*arguments)
        return allowed

    def persistent_load(self, pid: Any) -> tuple[str, torch.dtype]:
        kind, dtype, key, *_ = pid
        if kind != "storage" or not isinstance(dtype, torch.dtype):
            raise ArchiveError(f"it refers to {pid!r}, which is no storage of a tensor")
        return str(key), dtype


def read_archive(path: Path, dtype: torch.dtype | None = None) -> tuple[dict[str, Tensor], str]:
    """(tensors by dotted name, the TorchScript source or ""), one tensor in memory at a time.

    dtype: what floating-point tensors become; None keeps theirs. A training checkpoint's other
    tensors are left out where it has a `state_dict`. Raises ArchiveError.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            described = [n for n in archive.namelist() if n.count("/") == 1]
            root = next(n for n in described if n.endswith("/data.pkl")).removesuffix("data.pkl")
            content = _Unpickler(io.BytesIO(archive.read(f"{root}data.pkl"))).load()
            if isinstance(content, Mapping) and isinstance(content.get("state_dict"), Mapping):
                content = content["state_dict"]
            stored = dict(_flatten(content))
            tensors = {name: _read(archive, root, name, t, dtype) for name, t in stored.items()}
            return tensors, _source(archive, root)
    except ArchiveError:
        raise
    except StopIteration:
        raise ArchiveError("it is a zip file, but none that torch wrote: no data.pkl") from None
    except Exception as error:  # a damaged pickle or zip fails in any way
        raise ArchiveError(
            f"it is truncated or damaged ({type(error).__name__}: {error})"
        ) from error


def _flatten(value: Any, prefix: str = "") -> Iterator[tuple[str, StoredTensor]]:
    """(dotted name, tensor) of every tensor inside."""
    if isinstance(value, _Module):
        value = value.state
    if isinstance(value, StoredTensor):
        yield prefix, value
    elif isinstance(value, Mapping):
        for name, inner in value.items():
            yield from _flatten(inner, f"{prefix}.{name}" if prefix else str(name))


def _read(
    archive: zipfile.ZipFile, root: str, name: str, t: StoredTensor, dtype: torch.dtype | None
) -> Tensor:
    """The tensor, contiguous. Checks that it lies inside its storage: the file may lie."""
    entry = archive.getinfo(f"{root}data/{t.key}")
    count = math.prod(t.shape)
    last = sum((size - 1) * step for size, step in zip(t.shape, t.stride, strict=True))
    span = last + 1 if count else 0
    if (
        min((t.offset, *t.shape, *t.stride)) < 0
        or span < count  # elements that overlap: a small file could ask for a huge tensor
        or (t.offset + span) * t.dtype.itemsize > entry.file_size
        or entry.compress_type != zipfile.ZIP_STORED
    ):
        raise ArchiveError(f"the tensor {name!r} does not fit into what the file holds")
    flat = torch.empty(span, dtype=t.dtype)
    view = memoryview(flat.view(torch.uint8).numpy())  # type: ignore[arg-type]
    with archive.open(entry) as file:  # checks the CRC at the end of the entry
        file.seek(t.offset * t.dtype.itemsize)
        for start in range(0, len(view), _CHUNK):  # all bytes at once would need twice the memory
            piece = file.read(min(_CHUNK, len(view) - start))
            view[start : start + len(piece)] = piece
    tensor = flat.as_strided(t.shape, t.stride).contiguous()
    return tensor.to(dtype) if dtype and tensor.is_floating_point() else tensor


def _source(archive: zipfile.ZipFile, root: str) -> str:
    """The program of a TorchScript archive as text, to look at; "" where there is none."""
    names = [n for n in archive.namelist() if n.startswith(f"{root}code/") and n.endswith(".py")]
    return "\n".join(archive.read(name).decode("utf-8", "replace") for name in names)
