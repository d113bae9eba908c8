"""Where to compute and how precisely, chosen once, with the reason kept.

Notable:
* cuda before cpu; Apple's mps only when asked for, because sums there differ from run to run;
* bfloat16 on a CPU only where the chip multiplies it natively: elsewhere it is emulated, and slower
  than float32;
* CLIPEDU_DEVICE chooses for a whole session, an argument for one call.
"""

from __future__ import annotations

import ctypes
import os
import platform
import random
import sys
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch


@dataclass(frozen=True)
class DeviceChoice:
    """device: where; dtype: for autocast there (float32 means: none); reason: why, in words."""

    device: torch.device
    dtype: torch.dtype
    reason: str


def pick_device(prefer: str | None = None) -> DeviceChoice:
    """Choose a device: `prefer`, else the environment's CLIPEDU_DEVICE, else cuda, else cpu.

    prefer: "auto", "cpu", "cuda", "cuda:1", "mps". Raises ValueError for a name torch does not know
    and for a device that this machine does not have.
    """
    asked = prefer or os.environ.get("CLIPEDU_DEVICE") or "auto"
    origin = f"{asked} was asked for" if prefer else f"CLIPEDU_DEVICE={asked}"
    if asked == "auto":
        if torch.cuda.is_available():
            return _describe(torch.device("cuda"), "an NVIDIA GPU is here")
        return _describe(torch.device("cpu"), _why_no_gpu())
    try:
        device = torch.device(asked)
    except RuntimeError:
        device = torch.device("meta")
    if device.type not in ("cpu", "cuda", "mps"):
        raise ValueError(f"{origin}, which is unknown: use auto, cpu, cuda, cuda:N or mps")
    if device.type == "cuda" and not torch.cuda.is_available():
        raise ValueError(f"{origin}, but {_why_no_gpu()}: use cpu, or leave the choice to auto")
    if device.type == "cuda" and (device.index or 0) >= torch.cuda.device_count():
        count = torch.cuda.device_count()
        raise ValueError(f"{origin}, but this machine has {count} GPU(s), numbered from cuda:0")
    if device.type == "mps" and not torch.backends.mps.is_available():
        raise ValueError(f"{origin}, but torch finds no Apple GPU on this machine: use cpu")
    return _describe(device, origin)


def _why_no_gpu() -> str:
    if not torch.backends.cuda.is_built():
        return "this build of torch has no CUDA"
    return "torch finds no NVIDIA GPU"


def _describe(device: torch.device, why: str) -> DeviceChoice:
    """Add the dtype, and why it is that one."""
    if device.type == "cuda":
        major, minor = torch.cuda.get_device_capability(device)
        name = torch.cuda.get_device_name(device)
        # Ampere (8.0) was the first with bfloat16 units.
        dtype = torch.bfloat16 if major >= 8 else torch.float16
        return DeviceChoice(device, dtype, f"{why}: {name}, compute capability {major}.{minor}")
    if device.type == "mps":
        return DeviceChoice(device, torch.float32, f"{why}; float32, as autocast there is partial")
    native = native_bfloat16()
    if native:
        why = f"{why}; bfloat16, which this CPU multiplies natively ({native})"
        return DeviceChoice(device, torch.bfloat16, why)
    why = f"{why}; float32, as this CPU would only emulate bfloat16"
    return DeviceChoice(device, torch.float32, why)


def native_bfloat16() -> str:
    """The name of this CPU's bfloat16 unit; "" where there is none, or none known to be fast."""
    ask = getattr(torch.cpu, "get_capabilities", None)  # torch 2.12 and later
    found = dict(ask()) if ask else {}
    if found:
        units = {"amx_bf16": "AMX", "avx512_bf16": "AVX512-BF16", "bf16": "Arm BF16"}
        if sys.platform == "darwin":
            return ""  # not measured on Apple's cores
        return next((name for key, name in units.items() if found.get(key)), "")
    if getattr(torch.cpu, "_is_amx_tile_supported", bool)():
        return "AMX"
    return "AVX512-BF16" if getattr(torch.cpu, "_is_avx512_bf16_supported", bool)() else ""


def keep_freed_memory() -> bool:
    """Let this process keep the memory that tensors give back, for the next ones of the same size.

    glibc returns every large block to the system and asks for a zeroed one a moment later; a
    training step does that hundreds of times. Keeping them made a step on 2 cores 15 to 18 % faster
    (390 against 460 ms, batch 512, the laptop preset). Returns False where there is no glibc.
    """
    mmap_threshold, trim_threshold = -3, -1  # M_MMAP_THRESHOLD, M_TRIM_THRESHOLD of malloc.h
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (AttributeError, OSError, TypeError):  # macOS, Windows, musl
        return False
    return bool(mallopt(mmap_threshold, 1 << 30) and mallopt(trim_threshold, (1 << 31) - 1))


def seed_everything(seed: int) -> None:
    """Seed Python, NumPy and torch on every device, for lessons; the library takes generators.

    Raises ValueError for a seed that NumPy does not take.
    """
    if not 0 <= seed < 2**32:
        raise ValueError(f"seed {seed} is out of range: NumPy takes 0 to 2**32 - 1")
    random.seed(seed)
    np.random.seed(seed)
    torch.manual_seed(seed)


def cache_folder() -> Path:
    """The folder for what is computed once and kept; made when missing.

    $CLIPEDU_CACHE, else `clipedu` in this user's cache folder. Raises OSError with a way out when
    it cannot be made.
    """
    folder = _cache_path()
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as problem:
        raise OSError(
            f"the cache folder {folder} cannot be made ({problem.strerror or problem}): "
            "set CLIPEDU_CACHE to a folder that you can write"
        ) from problem
    return folder


def _cache_path() -> Path:
    named = os.environ.get("CLIPEDU_CACHE")
    if named:
        return Path(named).expanduser()
    if platform.system() == "Windows":
        base = os.environ.get("LOCALAPPDATA") or Path.home() / "AppData" / "Local"
    elif platform.system() == "Darwin":
        base = Path.home() / "Library" / "Caches"
    else:
        base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(base) / "clipedu"
