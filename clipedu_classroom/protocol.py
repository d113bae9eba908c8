"""Values that travel between the grader and a worker: JSON and safetensors, never pickle.

A value is itself where JSON has it, else `[kind, content]`. A function travels as a number, under
which the side that owns it is called back. Bytes are hostile: any malformed message raises
ProtocolError and nothing else. This file also runs in the sandbox, without the rest of clipedu."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, is_dataclass
from types import SimpleNamespace
from typing import Any

import numpy as np
import safetensors.torch
import torch
from torch import Tensor, nn

MAX_MESSAGE = 64 * 2**20  # bytes; no exercise needs more
MAX_NODES = 100_000  # values in one message, since small objects take much more memory than bytes
MAX_HEADER = 2**20  # bytes in which safetensors names its tensors
MAX_DEPTH = 50
CONTAINERS: dict[str, Callable[..., Any]] = {"list": list, "tuple": tuple, "set": set, "dict": dict}


class ProtocolError(Exception):
    """The bytes are not a message of this format, or too long."""


@dataclass(frozen=True)
class Opaque:
    """A value of a type that does not travel."""

    type_name: str


def encode(tree: Any, on_function: Callable[[Callable[..., Any]], int] | None = None) -> bytes:
    """Message bytes. `on_function` registers a function that the other side may call, and returns
    its number."""
    tensors: dict[str, Tensor] = {}

    def add(tensor: Tensor) -> str:
        name = str(len(tensors))
        tensors[name] = tensor.detach().cpu().clone(memory_format=torch.contiguous_format)
        return name

    def items(values: Any, depth: int) -> list[Any]:
        return [walk(value, depth + 1) for value in values]

    def walk(value: Any, depth: int = 0) -> Any:
        if isinstance(value, np.generic):
            value = value.item()
        if depth > MAX_DEPTH:
            return ["opaque", f"a structure nested more than {MAX_DEPTH} deep"]
        if isinstance(value, int) and value.bit_length() > 4000:
            return ["opaque", "int"]
        if value is None or isinstance(value, (bool, int, float, str)):
            return value
        if isinstance(value, nn.Parameter):
            return ["parameter", add(value), value.requires_grad]
        if isinstance(value, Tensor):
            return ["tensor", add(value)]
        if isinstance(value, np.ndarray) and value.dtype.kind in "biufc":
            native = value.astype(value.dtype.newbyteorder("="))
            return ["array", add(torch.from_numpy(native))]
        if isinstance(value, bytes):
            return ["bytes", value.hex()]
        if isinstance(value, dict):
            return ["dict", items(value.items(), depth)]
        for kind in (tuple, list, (set, frozenset)):
            if isinstance(value, kind):
                return [kind.__name__ if isinstance(kind, type) else "set", items(value, depth)]
        if is_record(value):
            return ["record", items(vars(value).items(), depth)]
        if on_function is not None and callable(value):
            return ["function", on_function(value)]
        return ["opaque", type(value).__name__]

    text = json.dumps(walk(tree)).encode()
    return len(text).to_bytes(4, "big") + text + safetensors.torch.save(tensors)


def is_record(value: Any) -> bool:
    """Whether it is a model's config: a dataclass, or the namespace as which one travels."""
    kind = type(value)
    return kind is SimpleNamespace or (is_dataclass(kind) and not hasattr(kind, "__slots__"))


def decode(message: bytes, on_function: Callable[[int], Callable[..., Any]] | None = None) -> Any:
    """The tree of a message. Raises ProtocolError."""
    end = 4 + int.from_bytes(message[:4], "big")
    text = message[4:end]
    if text.count(b",") + text.count(b"[") > 4 * MAX_NODES:
        raise ProtocolError("more small objects than any exercise needs")
    if int.from_bytes(message[end : end + 8], "little") > MAX_HEADER:
        raise ProtocolError("more tensors than any exercise needs")
    try:
        return _build(json.loads(text), safetensors.torch.load(message[end:]), on_function)
    except Exception as error:  # RecursionError, too
        raise ProtocolError(f"not a message: {type(error).__name__}") from None


def _build(
    node: Any, tensors: dict[str, Tensor], on_function: Callable[[int], Callable[..., Any]] | None
) -> Any:
    if isinstance(node, dict):
        raise ProtocolError("a bare dict")
    if not isinstance(node, list):
        return node
    kind, content = node[:2]
    if kind in CONTAINERS:
        return CONTAINERS[kind]([_build(item, tensors, on_function) for item in content])
    if kind == "record":
        return SimpleNamespace(**dict(_build(item, tensors, on_function) for item in content))
    if kind == "parameter":
        return nn.Parameter(tensors[content], requires_grad=bool(node[2]))
    if kind == "tensor":
        return tensors[content]
    if kind == "array":
        return tensors[content].numpy()
    if kind == "bytes":
        return bytes.fromhex(content)
    if kind == "function" and on_function is not None:
        return on_function(int(content))
    return Opaque(str(content)[:100])


def send(write: Callable[[bytes], Any], message: bytes) -> None:
    """One frame: 8 bytes of length, then the message. Raises ProtocolError when it is longer than
    MAX_MESSAGE."""
    if len(message) > MAX_MESSAGE:
        raise ProtocolError(f"a message of {len(message)} bytes; at most {MAX_MESSAGE} travel")
    write(len(message).to_bytes(8, "big") + message)


def receive(read: Callable[[int], bytes]) -> bytes:
    """One frame. `read(n)` returns some bytes, at most n, and none at the end. Raises EOFError at
    the end, ProtocolError when too long."""
    length = int.from_bytes(_read_all(read, 8), "big")
    if length > MAX_MESSAGE:
        raise ProtocolError("a frame longer than any exercise needs")
    return _read_all(read, length)


def _read_all(read: Callable[[int], bytes], count: int) -> bytes:
    found = bytearray()
    while len(found) < count:
        part = read(min(count - len(found), 1 << 20))
        if not part:
            raise EOFError("the pipe is closed")
        found += part
    return bytes(found)
