"""Choosing a device: the order, the overrides, the reason, and what is said when it cannot be."""

from __future__ import annotations

import random
from pathlib import Path

import numpy as np
import pytest
import torch

from clipedu import device


@pytest.fixture(autouse=True)
def no_wish(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CLIPEDU_DEVICE", raising=False)
    monkeypatch.delenv("CLIPEDU_CACHE", raising=False)


def pretend_cuda(
    monkeypatch: pytest.MonkeyPatch, capability: tuple[int, int], count: int = 1
) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: count)
    monkeypatch.setattr(torch.cuda, "get_device_capability", lambda d: capability)
    monkeypatch.setattr(torch.cuda, "get_device_name", lambda d: "Pretend GPU")


def test_cuda_comes_before_cpu(monkeypatch: pytest.MonkeyPatch) -> None:
    pretend_cuda(monkeypatch, (9, 0))
    choice = device.pick_device()
    assert choice.device.type == "cuda" and choice.dtype == torch.bfloat16
    assert "Pretend GPU" in choice.reason
    assert device.pick_device("cpu").device.type == "cpu"


def test_an_older_gpu_gets_float16(monkeypatch: pytest.MonkeyPatch) -> None:
    pretend_cuda(monkeypatch, (7, 5))
    assert device.pick_device().dtype == torch.float16


def test_mps_only_when_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: True)
    assert device.pick_device().device.type == "cpu"
    assert device.pick_device("mps").device.type == "mps"


@pytest.mark.parametrize("unit, dtype", [("AMX", torch.bfloat16), ("", torch.float32)])
def test_cpu_uses_bfloat16_only_where_native(
    monkeypatch: pytest.MonkeyPatch, unit: str, dtype: torch.dtype
) -> None:
    monkeypatch.setattr(device, "native_bfloat16", lambda: unit)
    choice = device.pick_device("cpu")
    assert choice.dtype == dtype
    assert (unit or "emulate") in choice.reason


@pytest.mark.skipif(
    not hasattr(torch.cpu, "get_capabilities"),
    reason="torch before 2.12 does not list the CPU's units",
)
@pytest.mark.parametrize(
    "found, expected",
    [
        ({"amx_bf16": True, "avx512_bf16": True}, "AMX"),
        ({"amx_bf16": False, "avx512_bf16": True}, "AVX512-BF16"),
        ({"avx2": True}, ""),
    ],
)
def test_the_unit_is_read_from_torch(
    monkeypatch: pytest.MonkeyPatch, found: dict[str, bool], expected: str
) -> None:
    monkeypatch.setattr(device.sys, "platform", "linux")
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: found)
    assert device.native_bfloat16() == expected


def test_the_environment_chooses_and_an_argument_wins(monkeypatch: pytest.MonkeyPatch) -> None:
    pretend_cuda(monkeypatch, (9, 0))
    monkeypatch.setenv("CLIPEDU_DEVICE", "cpu")
    choice = device.pick_device()
    assert choice.device.type == "cpu" and "CLIPEDU_DEVICE=cpu" in choice.reason
    assert device.pick_device("auto").device.type == "cuda"


@pytest.mark.parametrize("name", ["gpu", "tpu", "xpu", "cuda:x", "meta"])
def test_unknown_names_are_refused_with_the_known_ones(name: str) -> None:
    with pytest.raises(ValueError, match="use auto, cpu, cuda, cuda:N or mps"):
        device.pick_device(name)


def test_absent_devices_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: False)
    with pytest.raises(ValueError, match="cuda was asked for, but .*: use cpu"):
        device.pick_device("cuda")
    with pytest.raises(ValueError, match="no Apple GPU"):
        device.pick_device("mps")
    pretend_cuda(monkeypatch, (9, 0), count=1)
    with pytest.raises(ValueError, match=r"has 1 GPU\(s\)"):
        device.pick_device("cuda:1")


def test_one_seed_repeats_all_three_generators() -> None:
    def draw() -> tuple[float, float, float]:
        return random.random(), float(np.random.rand()), float(torch.rand(()))

    device.seed_everything(7)
    first = draw()
    device.seed_everything(7)
    assert draw() == first
    device.seed_everything(8)
    assert all(a != b for a, b in zip(draw(), first, strict=True))
    with pytest.raises(ValueError, match="out of range"):
        device.seed_everything(-1)


def test_cache_folder_is_made_where_asked(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("CLIPEDU_CACHE", str(tmp_path / "a" / "b"))
    assert device.cache_folder() == tmp_path / "a" / "b"
    assert (tmp_path / "a" / "b").is_dir()


@pytest.mark.parametrize(
    "system, variable, expected",
    [
        ("Linux", "XDG_CACHE_HOME", "clipedu"),
        ("Windows", "LOCALAPPDATA", "clipedu"),
        ("Darwin", "HOME", "Library/Caches/clipedu"),
        ("Linux", "HOME", ".cache/clipedu"),
    ],
)
def test_cache_folder_follows_the_platform(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, system: str, variable: str, expected: str
) -> None:
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    monkeypatch.setattr(device.platform, "system", lambda: system)
    monkeypatch.setattr(device.Path, "home", lambda: tmp_path)
    monkeypatch.setenv(variable, str(tmp_path))
    assert device.cache_folder() == tmp_path / expected


def test_an_impossible_cache_folder_names_the_way_out(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "file").write_text("in the way")
    monkeypatch.setenv("CLIPEDU_CACHE", str(tmp_path / "file" / "cache"))
    with pytest.raises(OSError, match="set CLIPEDU_CACHE to a folder that you can write"):
        device.cache_folder()


def test_memory_is_kept_where_glibc_is_and_declined_elsewhere(monkeypatch):
    import platform

    from clipedu import device

    assert device.keep_freed_memory() == (platform.libc_ver()[0] == "glibc")
    monkeypatch.setattr(device.ctypes, "CDLL", lambda name: object())
    assert device.keep_freed_memory() is False
