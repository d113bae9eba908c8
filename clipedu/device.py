"""Where to compute and how precisely: chosen once, with the reason kept.

The one file that knows NVIDIA's GPUs from Apple's. bfloat16 is used on a CPU only where the chip
multiplies it natively: elsewhere it is emulated, and slower than float32.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor


@dataclass(frozen=True)
class DeviceChoice:
    """device: where; dtype: for autocast there (float32 means: none); reason: why, in words."""

    device: torch.device
    dtype: torch.dtype
    reason: str


def pick_device(prefer: str | None = None) -> DeviceChoice:
    """Choose a device: `prefer`, else $CLIPEDU_DEVICE, else the first of CUDA, MPS and CPU.

    prefer: "auto", "cpu", "cuda", "cuda:1", "mps". Raises ValueError for an unknown or absent one.
    """
    asked = prefer or os.environ.get("CLIPEDU_DEVICE") or "auto"
    origin = f"{asked} was asked for" if prefer else f"CLIPEDU_DEVICE={asked}"
    no_gpu = "torch finds no NVIDIA GPU"
    if not torch.backends.cuda.is_built():
        no_gpu = "this build of torch has no CUDA"
    if asked == "auto":
        asked, origin = "cpu", no_gpu
        if torch.cuda.is_available():
            asked, origin = "cuda", "this machine has an NVIDIA GPU"
        elif torch.backends.mps.is_available():
            asked, origin = "mps", "this machine has an Apple GPU"
    try:
        device = torch.device(asked)
    except RuntimeError:
        device = torch.device("meta")
    if device.type not in ("cpu", "cuda", "mps"):
        raise ValueError(f"{origin}, which is unknown: use auto, cpu, cuda, cuda:N or mps")
    if is_cuda(device) and not torch.cuda.is_available():
        raise ValueError(f"{origin}, but {no_gpu}: use cpu, or leave the choice to auto")
    if is_cuda(device) and (device.index or 0) >= (count := torch.cuda.device_count()):
        raise ValueError(f"{origin}, but this machine has {count} GPU(s), numbered from cuda:0")
    if device.type == "mps" and not torch.backends.mps.is_available():
        raise ValueError(f"{origin}, but torch finds no Apple GPU on this machine: use cpu")
    return DeviceChoice(device, *_precision(device, origin))


def _precision(device: torch.device, why: str) -> tuple[torch.dtype, str]:
    """The dtype for autocast on this device, and why it is that one."""
    if is_cuda(device):
        major, minor = torch.cuda.get_device_capability(device)
        dtype = torch.bfloat16 if major >= 8 else torch.float16  # Ampere (8.0) was the first
        name = torch.cuda.get_device_name(device)
        return dtype, f"{why}: {name}, compute capability {major}.{minor}"
    if device.type == "mps":
        return torch.float32, f"{why}; float32, as autocast there is partial"
    if unit := native_bfloat16():
        return torch.bfloat16, f"{why}; bfloat16, which this CPU multiplies natively ({unit})"
    return torch.float32, f"{why}; float32, as this CPU would only emulate bfloat16"


def native_bfloat16() -> str:
    """The name of this CPU's bfloat16 unit; "" where there is none, or none known to be fast."""
    if os.environ.get("ONEDNN_MAX_CPU_ISA", "").endswith(("SSE41", "AVX", "AVX2", "CORE", "VNNI")):
        return ""  # it is set to imitate a CPU without such a unit
    ask = getattr(torch.cpu, "get_capabilities", None)  # torch 2.12 and later
    if found := dict(ask()) if ask else {}:
        units = {"amx_bf16": "AMX", "avx512_bf16": "AVX512-BF16", "bf16": "Arm BF16"}
        known = [name for key, name in units.items() if found.get(key)]
        return known[0] if known and sys.platform != "darwin" else ""  # not measured on Apple's
    if getattr(torch.cpu, "_is_amx_tile_supported", bool)():
        return "AMX"
    return "AVX512-BF16" if getattr(torch.cpu, "_is_avx512_bf16_supported", bool)() else ""


# ---- What differs between kinds of devices. `device` may be a name, as in torch. ----


def is_cuda(device: torch.device | str) -> bool:
    """Whether this is an NVIDIA GPU."""
    return torch.device(device).type == "cuda"


def is_accelerator(device: torch.device | str) -> bool:
    """Whether this is a GPU, which computes while the CPU prepares the next batch."""
    return torch.device(device).type != "cpu"


def may_look(values: Tensor) -> bool:
    """Whether reading values is free: a GPU would have to stop, and a traced graph has none."""
    return not is_accelerator(values.device) and not torch.compiler.is_compiling()


def accumulator_dtype(device: torch.device | str) -> torch.dtype:
    """The dtype for long sums: float64, which MPS lacks; float32 there."""
    return torch.float32 if torch.device(device).type == "mps" else torch.float64


def fused_optimizer(device: torch.device | str) -> bool | None:
    """Value for `fused=` of torch's optimizers: True where we tested the one-kernel update."""
    return True if torch.device(device).type in ("cpu", "cuda") else None


def rank_device(device: torch.device | str, local_rank: int) -> torch.device:
    """The device of one of several processes on a machine: each its own GPU, but a common CPU."""
    return torch.device("cuda", local_rank) if is_cuda(device) else torch.device(device)


def set_current_device(device: torch.device) -> None:
    """Make a GPU the default of this process, as NCCL wants it; nothing for other devices."""
    if is_cuda(device):
        torch.cuda.set_device(device)


def distributed_backend(device: torch.device | str) -> str:
    """The library through which processes on such devices talk."""
    return "nccl" if is_cuda(device) else "gloo"


def rng_state(device: torch.device) -> dict[str, Tensor]:
    """The state of the random number generators, by kind of device: the CPU's and `device`'s."""
    states = {"cpu": torch.get_rng_state()}
    if is_accelerator(device):
        states[device.type] = torch.get_device_module(device).get_rng_state(device)
    return states


def set_rng_state(states: Mapping[str, Tensor], device: torch.device) -> None:
    """Restore what :func:`rng_state` returned. A kind that is missing keeps its present state."""
    torch.set_rng_state(states["cpu"])
    if is_accelerator(device) and device.type in states:
        torch.get_device_module(device).set_rng_state(states[device.type], device)


@contextlib.contextmanager
def fork_rng(device: torch.device) -> Iterator[None]:
    """Random numbers that are drawn inside leave the generators outside as they were."""
    states = rng_state(device)
    try:
        yield
    finally:
        set_rng_state(states, device)


def keep_freed_memory() -> bool:
    """Let this process keep the memory that tensors give back; False where there is no glibc.

    glibc returns every large block to the system and asks for a zeroed one a moment later, hundreds
    of times a training step. Keeping them made a step on 2 cores 15 to 18 % faster.
    """
    mmap_threshold, trim_threshold = -3, -1  # M_MMAP_THRESHOLD, M_TRIM_THRESHOLD of malloc.h
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (AttributeError, OSError, TypeError):  # macOS, Windows, musl
        return False
    return bool(mallopt(mmap_threshold, 1 << 30) and mallopt(trim_threshold, (1 << 31) - 1))


def cache_folder() -> Path:
    """The folder for what is computed once and kept; made when missing.

    $CLIPEDU_CACHE, else `clipedu` in this user's cache folder. Raises OSError with a way out.
    """
    import platformdirs  # here: what computes needs nothing but torch

    named = os.environ.get("CLIPEDU_CACHE")
    try:
        if named:
            folder = Path(named).expanduser()
        else:
            folder = platformdirs.user_cache_path("clipedu", appauthor=False, opinion=False)
        folder.mkdir(parents=True, exist_ok=True)
    except (OSError, RuntimeError) as problem:  # RuntimeError: there is no home folder
        raise OSError(
            f"the cache folder cannot be made ({problem}): set CLIPEDU_CACHE to a folder that you "
            "can write"
        ) from problem
    return folder
