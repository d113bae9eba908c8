"""Choosing a device: the order, the overrides, the reason, and what is said when it cannot be."""

from __future__ import annotations

import importlib
import sys
from pathlib import Path

import platformdirs
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


def pretend_mps(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: True)


def test_mps_comes_after_cuda_and_before_cpu(monkeypatch: pytest.MonkeyPatch) -> None:
    pretend_mps(monkeypatch)
    assert device.pick_device().device.type == "mps"
    monkeypatch.setenv("CLIPEDU_DEVICE", "cpu")
    assert device.pick_device().device.type == "cpu"
    assert device.pick_device("mps").device.type == "mps"
    monkeypatch.setenv("CLIPEDU_DEVICE", "mps")
    assert device.pick_device().device.type == "mps"
    monkeypatch.delenv("CLIPEDU_DEVICE")
    pretend_cuda(monkeypatch, (9, 0))
    assert device.pick_device().device.type == "cuda"


def test_mps_gets_only_number_formats_that_it_has(monkeypatch: pytest.MonkeyPatch) -> None:
    pretend_mps(monkeypatch)
    choice = device.pick_device()
    assert choice.dtype == torch.float32 and "float32" in choice.reason  # no autocast
    assert device.accumulator_dtype(choice.device) == torch.float32
    assert device.accumulator_dtype("cpu") == device.accumulator_dtype("cuda") == torch.float64


class PretendGenerator:
    """torch.mps, or torch.cuda, as far as random numbers go."""

    def __init__(self) -> None:
        self.state = torch.tensor([1], dtype=torch.uint8)

    def get_rng_state(self, device: torch.device) -> torch.Tensor:
        return self.state.clone()

    def set_rng_state(self, state: torch.Tensor, device: torch.device) -> None:
        self.state = state.clone()


@pytest.mark.parametrize("name", ["mps", "cuda:1"])
def test_an_accelerator_has_a_random_state_of_its_own(
    monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    gpu, generator = torch.device(name), PretendGenerator()
    monkeypatch.setattr(torch, "get_device_module", lambda d: {gpu: generator}[d])
    before = device.rng_state(gpu)
    assert set(before) == {"cpu", gpu.type} and before[gpu.type].tolist() == [1]
    with device.fork_rng(gpu):
        torch.rand(3)
        generator.state += 1
    assert generator.state.tolist() == [1]
    assert torch.equal(torch.get_rng_state(), before["cpu"])
    device.set_rng_state({"cpu": before["cpu"]}, gpu)  # as saved on a CPU
    assert generator.state.tolist() == [1]
    device.set_rng_state({**before, gpu.type: torch.tensor([7])}, gpu)
    assert generator.state.tolist() == [7]


def test_a_cpu_has_one_random_state() -> None:
    cpu = torch.device("cpu")
    before = device.rng_state(cpu)
    assert set(before) == {"cpu"}
    with device.fork_rng(cpu):
        inside = torch.rand(3)
    assert torch.equal(torch.rand(3), inside)
    device.set_rng_state(before, cpu)
    assert torch.equal(torch.rand(3), inside)


@pytest.mark.parametrize(
    "name, accelerator, fused, backend, second",
    [
        ("cpu", False, True, "gloo", "cpu"),
        ("cuda", True, True, "nccl", "cuda:1"),
        ("mps", True, None, "gloo", "mps"),
    ],
)
def test_what_depends_on_the_kind_of_device(
    name: str, accelerator: bool, fused: bool | None, backend: str, second: str
) -> None:
    assert device.is_cuda(name) == (name == "cuda")
    assert device.is_accelerator(name) == accelerator
    assert device.fused_optimizer(name) is fused
    assert device.distributed_backend(name) == backend
    assert device.rank_device(name, 1) == torch.device(second)


def test_only_an_nvidia_gpu_becomes_the_current_device(monkeypatch: pytest.MonkeyPatch) -> None:
    chosen = []
    monkeypatch.setattr(torch.cuda, "set_device", chosen.append)
    for name in ("cpu", "mps", "cuda:1"):
        device.set_current_device(torch.device(name))
    assert chosen == [torch.device("cuda:1")]


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
    monkeypatch.delenv("ONEDNN_MAX_CPU_ISA", raising=False)
    assert device.native_bfloat16() == expected


@pytest.mark.parametrize(
    "limit, expected",
    [("AVX2", ""), ("AVX512_CORE", ""), ("AVX512_CORE_BF16", "AMX"), ("DEFAULT", "AMX")],
)
def test_a_limit_for_onednn_takes_the_unit_away(
    monkeypatch: pytest.MonkeyPatch, limit: str, expected: str
) -> None:
    monkeypatch.setattr(device.sys, "platform", "linux")
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: {"amx_bf16": True}, raising=False)
    monkeypatch.setenv("ONEDNN_MAX_CPU_ISA", limit)
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


def test_cache_folder_is_made_where_asked(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("CLIPEDU_CACHE", str(tmp_path / "a" / "b"))
    assert device.cache_folder() == tmp_path / "a" / "b"
    assert (tmp_path / "a" / "b").is_dir()


@pytest.mark.parametrize("system", ["unix.Unix", "windows.Windows", "macos.MacOS"])
def test_cache_folder_follows_the_platform(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, system: str
) -> None:
    module, name = system.split(".")
    rules = getattr(importlib.import_module(f"platformdirs.{module}"), name)
    monkeypatch.setattr(
        platformdirs, "user_cache_path", lambda *a, **k: rules(*a, **k).user_cache_path
    )
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("LOCALAPPDATA", str(tmp_path / "Local"))
    monkeypatch.setattr("platformdirs.windows.get_win_folder", lambda name: str(tmp_path / "Local"))
    expected = {"Unix": ".cache", "Windows": "Local", "MacOS": "Library/Caches"}[name]
    assert device.cache_folder() == tmp_path / expected / "clipedu"


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="XDG is Linux's convention")
def test_cache_folder_on_linux_is_xdgs(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    assert device.cache_folder() == tmp_path / "home" / ".cache" / "clipedu"
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    assert device.cache_folder() == tmp_path / "cache" / "clipedu"


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
