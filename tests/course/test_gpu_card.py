"""The GPU card: whole and small on this CPU, without the icons' packages; its checks on a GPU."""

from __future__ import annotations

import importlib.util
import json
import math
import os
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest
import torch

SCRIPT = Path(__file__).resolve().parents[2] / "benchmarks" / "gpu.py"
#: What a machine with torch alone has not got: each import of these fails.
PACKAGES = "PIL joblib platformdirs resvg_py fontTools regex tqdm scipy sklearn safetensors pooch"


def load() -> ModuleType:
    spec = importlib.util.spec_from_file_location("gpu_card", SCRIPT)
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


CARD = load()


def run(folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    missing = f"import sys; sys.modules.update(dict.fromkeys({PACKAGES!r}.split())); "
    start = f"import runpy; sys.argv = {[str(SCRIPT), *words]!r}; "
    call = [sys.executable, "-c", f"{missing}{start}runpy.run_path(sys.argv[0], None, '__main__')"]
    env = {**os.environ, "OMP_NUM_THREADS": "1", "CUDA_VISIBLE_DEVICES": ""}
    return subprocess.run(call, cwd=folder, env=env, capture_output=True, text=True, timeout=280)


def test_every_cell_runs_small_on_the_cpu_with_torch_alone(tmp_path: Path) -> None:
    done = run(tmp_path, "--tiny", "--json", "card.json")
    assert done.returncode == 0, done.stderr
    record = json.loads((tmp_path / "card.json").read_text())
    assert record["tiny"] and record["card"] in done.stdout
    assert [row["check"] for row in record["checks"]] == [check.__name__ for check in CARD.CHECKS]
    assert all(row["holds"] for row in record["checks"])
    cells = record["cells"]
    assert [row["name"] for row in cells] == [cell.name for cell in CARD.cells("bf16", tiny=True)]
    assert len(cells) == 12 and all(row["name"] in done.stdout for row in cells)
    for row in cells:
        assert row["pairs_per_second"] > 0 and 0 < row["share_of_matmul"] < 1.5
        assert row["planned_bytes"] > 0 and row["steps"] >= 2
        assert row["peak_bytes"] is None  # of a CPU nothing is claimed
    assert {row["precision"] for row in cells} == {"fp32", "bf16", "fp16"}
    # where less is kept, less is planned
    planned = {row["name"]: row["planned_bytes"] for row in cells}
    assert planned["ViT-B/32 bf16 checkpointing"] < planned["ViT-B/32 bf16"]


def test_without_a_gpu_it_says_so_and_writes_nothing(tmp_path: Path) -> None:
    done = run(tmp_path, "--json", "card.json")
    assert done.returncode == 1 and "finds no NVIDIA GPU" in done.stderr
    assert "--tiny" in done.stderr and not (tmp_path / "card.json").exists()


@pytest.mark.parametrize("check", CARD.CHECKS, ids=lambda check: check.__name__)
@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="torch finds no NVIDIA GPU here")
def test_a_gpu_computes_what_the_cpu_does(check: object) -> None:
    assert check(torch.device("cuda")) <= CARD.CHECKS[check]  # type: ignore[operator, index]


@pytest.mark.parametrize("check", CARD.CHECKS, ids=lambda check: check.__name__)
def test_a_wrong_value_does_not_pass_a_check(
    check: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each check compares: with a loss or a network that is off by a little it fails."""
    cpu, most = torch.device("cpu"), CARD.CHECKS[check]  # type: ignore[index]
    name = check.__name__  # type: ignore[attr-defined]
    if name == "random_numbers_return":
        monkeypatch.setattr(CARD, "set_rng_state", lambda *_: None)
    elif name == "overflow_skips_the_step":
        monkeypatch.setattr(torch.amp.GradScaler, "step", lambda self, optimizer: optimizer.step())
        monkeypatch.setattr(torch.amp.GradScaler, "update", lambda self: None)
    else:
        gradients = iter(range(100))
        usual = CARD._difference

        def off(a: list[torch.Tensor], b: list[torch.Tensor]) -> float:
            return usual([x.detach() * (1.01 if next(gradients) == 0 else 1) for x in a], b)

        monkeypatch.setattr(CARD, "_difference", off)
    found = check(cpu)  # type: ignore[operator]
    assert not found <= most or math.isnan(found)


def test_memory_and_rates_are_looked_up_by_name() -> None:
    assert CARD.printed_rate("NVIDIA A100-SXM4-80GB", "bf16") == 312e12
    assert CARD.printed_rate("NVIDIA H100 80GB HBM3", "fp32") == 67e12
    assert CARD.printed_rate("NVIDIA GeForce RTX 4090", "bf16") is None
    batches = [CARD.batch_that_fits(CARD.LAPTOP, gib * CARD.GIB) for gib in (2, 16, 80)]
    assert batches == sorted(batches) and batches[0] < batches[-1] == 4096
    plain = CARD.Cell("", CARD.LAPTOP, "fp32", batches[0])
    assert CARD.planned_memory(plain) <= 0.7 * 2 * CARD.GIB
    assert CARD.planned_memory(plain._replace(batch=2 * batches[0])) > 0.7 * 2 * CARD.GIB
