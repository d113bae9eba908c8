"""Tensors out of the archives of `torch.save` and TorchScript, without running code of the file.

Both are zip files: `data.pkl` describes the tensors, `data/0`, `data/1`, ... hold their bytes. A
pickle may call any function by name, so this reader knows a few names and refuses all others.
`torch.load(weights_only=True)` refuses TorchScript; `torch.jit.load` is deprecated.
"""

from __future__ import annotations

import io
import math
import pickle
import re
import zipfile
from collections import OrderedDict
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import torch
from torch import Tensor


class ArchiveError(ValueError):
    """The archive is damaged, or holds what is no tensor; the message says which."""


class StoredTensor(NamedTuple):
    """Where a tensor lies in the archive: strides and offset are counted in elements."""

    storage: tuple[str, torch.dtype]
    offset: int
    shape: tuple[int, ...]
    stride: tuple[int, ...]


class _Module:
    """A TorchScript object: its class is a program, which is never loaded; only its fields are."""

    state: Any = None

    def __setstate__(self, state: Any) -> None:
        self.state = state


_ALLOWED: dict[str, Any] = {
    "collections.OrderedDict": OrderedDict,
    "torch._utils._rebuild_tensor_v2": lambda *arguments: StoredTensor(*arguments[:4]),
    "torch._utils._rebuild_parameter": lambda data, *_: data,
    "torch.jit._pickle.restore_type_tag": lambda value, *_: value,
    "torch.jit._pickle.build_intlist": lambda numbers: numbers,
    "torch.FloatStorage": torch.float32,
    "torch.HalfStorage": torch.float16,
    "torch.BFloat16Storage": torch.bfloat16,
    "torch.DoubleStorage": torch.float64,
    "torch.LongStorage": torch.int64,
    "torch.IntStorage": torch.int32,
    "torch.BoolStorage": torch.bool,
}


class _Unpickler(pickle.Unpickler):
    """Reads a description of tensors. Raises ArchiveError for any name that is not on the list."""

    def find_class(self, module: str, name: str) -> Any:
        if f"{module}.".startswith("__torch__."):
            return type(name, (_Module,), {})
        try:
            allowed = _ALLOWED[f"{module}.{name}"]
        except KeyError:
            raise ArchiveError(
                f"it asks for {module}.{name}, which is no part of a tensor. A pickle can run any "
                "program, so this file is refused, and nothing of it was run"
            ) from None
        if isinstance(allowed, type | torch.dtype):
            return allowed
        return lambda *arguments: allowed(*arguments)  # a copy: a pickle may set its attributes

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
            names = archive.namelist()
            described = [name for name in names if re.fullmatch("[^/]+/data.pkl", name)]
            if not described:
                raise ArchiveError("it is a zip file, but none that torch wrote: no data.pkl")
            root = described[0].removesuffix("data.pkl")
            content = _Unpickler(io.BytesIO(archive.read(f"{root}data.pkl"))).load()
            if isinstance(content, Mapping) and isinstance(content.get("state_dict"), Mapping):
                content = content["state_dict"]
            tensors = {}
            for name, stored in _flatten(content):
                entry = archive.getinfo(f"{root}data/{stored.storage[0]}")
                if entry.compress_type:  # terabytes out of a small file
                    raise ArchiveError(f"the tensor {name!r} is packed, and torch packs none")
                tensor = _read(stored, bytearray(archive.read(entry)))  # checks the CRC
                floating = dtype and tensor.is_floating_point()
                tensors[name] = tensor.to(dtype) if floating else tensor
            code = [n for n in names if n.startswith(f"{root}code/") and n.endswith(".py")]
            return tensors, "\n".join(archive.read(n).decode("utf-8", "replace") for n in code)
    except ArchiveError:
        raise
    except Exception as error:  # a damaged pickle or zip fails in any way
        why = f"{type(error).__name__}: {error}"
        raise ArchiveError(f"it is truncated or damaged ({why}). Fetch it again") from error


def _flatten(value: Any, prefix: str = "") -> Iterator[tuple[str, StoredTensor]]:
    """(dotted name, tensor) of every tensor inside."""
    if isinstance(value, _Module):
        value = value.state
    if isinstance(value, StoredTensor):
        yield prefix, value
    elif isinstance(value, Mapping):
        for name, inner in value.items():
            yield from _flatten(inner, f"{prefix}.{name}" if prefix else str(name))


def _read(stored: StoredTensor, data: bytearray) -> Tensor:
    """The tensor, contiguous, out of its storage's bytes; torch checks that it lies inside."""
    dtype, shape = stored.storage[1], stored.shape
    flat = torch.frombuffer(data, dtype=dtype) if data else torch.empty(0, dtype=dtype)
    if math.prod(shape) > len(flat):  # elements that overlap: the same
        raise ArchiveError(f"a tensor of shape {shape} does not fit into what the file holds")
    return flat.as_strided(shape, stored.stride, stored.offset).contiguous()
