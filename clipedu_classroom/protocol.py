"""Values that travel between the grader and a worker: JSON and .npy arrays, never pickle.

What is neither a tensor, an array nor plain data arrives as an `Opaque`. Functions travel as a
number: the side that owns the function is called back. Bytes are hostile: any malformed message
raises ProtocolError and nothing else. This file is also loaded inside the grading sandbox, where
the rest of clipedu does not exist.
"""

from __future__ import annotations

import io
import json
import struct
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

MAX_MESSAGE = 64 * 2**20  # bytes; no exercise needs more
MAX_TEXT = 4 * 2**20  # bytes of JSON in it, since small objects take much more memory than bytes
_LENGTH = struct.Struct(">Q")


class ProtocolError(Exception):
    """The bytes are not a message of this format, or too long."""


@dataclass(frozen=True)
class Opaque:
    """A value of a type that does not travel."""

    type_name: str


def encode(tree: Any, on_function: Callable[[Callable[..., Any]], int] | None = None) -> bytes:
    """Message bytes. `on_function` registers a function that the other side may call, and returns
    its number."""
    arrays: list[bytes] = []

    def add(array: np.ndarray) -> int:
        buffer = io.BytesIO()
        np.save(buffer, array, allow_pickle=False)
        arrays.append(buffer.getvalue())
        return len(arrays) - 1

    def walk(value: Any, depth: int) -> Any:
        if depth > 50:
            return {"o": "a structure nested more than 50 deep"}
        if value is None or type(value) in (bool, str):
            return value
        if type(value) in (int, float):
            return {"o": "int"} if isinstance(value, int) and value.bit_length() > 4000 else value
        if isinstance(value, Tensor):
            plain = value.detach().cpu()
            as_array = plain.float() if plain.dtype == torch.bfloat16 else plain
            entry = {
                "t": add(as_array.contiguous().numpy()),
                "d": str(plain.dtype).removeprefix("torch."),
            }
            return entry | {"p": value.requires_grad} if isinstance(value, nn.Parameter) else entry
        if isinstance(value, np.ndarray) and value.dtype != object:
            return {"n": add(np.asarray(value, order="C"))}
        if isinstance(value, np.generic):
            return walk(value.item(), depth)
        if isinstance(value, (bool, int, float, str)):
            base = next(kind for kind in (bool, int, float, str) if isinstance(value, kind))
            return base(value)
        if isinstance(value, bytes):
            return {"b": value.hex()}
        if isinstance(value, dict):
            return {
                "m": [[walk(key, depth + 1), walk(item, depth + 1)] for key, item in value.items()]
            }
        for kind, letter in ((tuple, "u"), (list, "l"), ((set, frozenset), "s")):
            if isinstance(value, kind):
                return {letter: [walk(item, depth + 1) for item in value]}
        if on_function is not None and callable(value):
            return {"f": on_function(value)}
        return {"o": type(value).__name__}

    text = json.dumps({"tree": walk(tree, 0), "sizes": [len(part) for part in arrays]}).encode()
    # "sizes" is filled after the walk: dict displays are evaluated in order
    return struct.pack(">I", len(text)) + text + b"".join(arrays)


def decode(message: bytes, on_function: Callable[[int], Callable[..., Any]] | None = None) -> Any:
    """The tree of a message. Raises ProtocolError."""
    try:
        (length,) = struct.unpack_from(">I", message)
        if length > MAX_TEXT:
            raise ProtocolError("more small objects than any exercise needs")
        head = json.loads(message[4 : 4 + length])
        parts, at = [], 4 + length
        for size in head["sizes"]:
            if not isinstance(size, int) or size < 0:
                raise ProtocolError("a negative size")
            parts.append(message[at : at + size])
            at += size
        return _build(head["tree"], parts, on_function)
    except ProtocolError:
        raise
    except (Exception, RecursionError) as error:
        raise ProtocolError(f"not a message: {type(error).__name__}") from None


def _build(
    node: Any, parts: list[bytes], on_function: Callable[[int], Callable[..., Any]] | None
) -> Any:
    if not isinstance(node, dict):
        if isinstance(node, list):
            raise ProtocolError("a bare list")
        return node

    def build(item: Any) -> Any:
        return _build(item, parts, on_function)

    if "t" in node:
        array = np.load(io.BytesIO(parts[node["t"]]), allow_pickle=False)
        tensor = torch.from_numpy(array.copy()).to(_dtype(node["d"]))
        return nn.Parameter(tensor, requires_grad=bool(node["p"])) if "p" in node else tensor
    if "n" in node:
        return np.load(io.BytesIO(parts[node["n"]]), allow_pickle=False)
    if "b" in node:
        return bytes.fromhex(node["b"])
    if "m" in node:
        return {build(key): build(item) for key, item in node["m"]}
    if "u" in node:
        return tuple(build(item) for item in node["u"])
    if "l" in node:
        return [build(item) for item in node["l"]]
    if "s" in node:
        return {build(item) for item in node["s"]}
    if "f" in node and on_function is not None:
        return on_function(int(node["f"]))
    return Opaque(str(node.get("o", "unknown"))[:100])


def _dtype(name: str) -> torch.dtype:
    dtype = getattr(torch, name, None)
    if not isinstance(dtype, torch.dtype):
        raise ProtocolError("an unknown dtype")
    return dtype


def send(write: Callable[[bytes], Any], message: bytes) -> None:
    """One frame: 8 bytes of length, then the message. Raises ProtocolError when it is longer than
    MAX_MESSAGE."""
    if len(message) > MAX_MESSAGE:
        raise ProtocolError(f"a message of {len(message)} bytes; at most {MAX_MESSAGE} travel")
    write(_LENGTH.pack(len(message)) + message)


def receive(read: Callable[[int], bytes]) -> bytes:
    """One frame. `read(n)` returns n bytes, or fewer at the end. Raises EOFError at the end,
    ProtocolError when too long."""
    head = read(_LENGTH.size)
    if len(head) < _LENGTH.size:
        raise EOFError("the pipe is closed")
    (length,) = _LENGTH.unpack(head)
    if length > MAX_MESSAGE:
        raise ProtocolError("a frame longer than any exercise needs")
    body = read(length)
    if len(body) < length:
        raise EOFError("the pipe is closed")
    return body
