"""The planner: arithmetic that can be done by hand, the paper's days, and a real step's memory."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from clipedu.models import PRESETS, build, count_flops, count_parameters
from clipedu_lessons.l08_scaling_up.planner import (
    LOSS_COPIES,
    MACHINES,
    PAPER_PAIRS_SEEN,
    PAPER_RUNS,
    paper_utilisation,
    plan,
)

BENCHMARK = Path(__file__).parents[3] / "benchmarks" / "planner.py"


def test_weights_gradients_and_adam_are_four_four_and_eight_bytes_a_parameter() -> None:
    ours = plan("tiny", batch_size=64, pairs=6400, precision="fp32")
    parameters = count_parameters(build("tiny"))
    assert ours.parameters == parameters
    parts = [ours.memory[k] / parameters for k in ("weights", "gradients", "optimizer")]
    assert parts == [4, 4, 8]
    assert plan("tiny", batch_size=64, average=True).memory["optimizer"] == 12 * parameters
    split = plan("tiny", batch_size=64, gpus=4, sharded=True).memory
    assert split["weights"] == parameters and split["optimizer"] == 2 * parameters
    assert ours.total_memory == sum(ours.memory.values()) and ours.steps == 100


def test_flops_are_six_for_each_multiply_add_and_the_similarities() -> None:
    counts = count_flops(PRESETS["tiny"])
    ours = plan("tiny", batch_size=64, pairs=640)
    similarity = 3 * 2 * 64 * 64 * PRESETS["tiny"].embed_dim  # forward, two gradients; a step
    by_hand = 640 * 6 * (counts["visual"] + counts["text"]) + 10 * similarity
    assert ours.flops == pytest.approx(by_hand, rel=1e-12) and ours.extra_flops == 0
    again = plan("tiny", batch_size=64, pairs=640, checkpointing=True)
    assert again.flops - ours.flops == pytest.approx(again.extra_flops)
    assert again.extra_flops == 640 * 2 * (counts["visual"] + counts["text"])


def test_the_loss_matrix_grows_with_the_square_of_the_batch_and_falls_with_the_gpus() -> None:
    def matrix(batch: int, **how: object) -> float:
        return plan("tiny", batch_size=batch, **how).memory["loss matrix"]  # type: ignore[arg-type]

    assert matrix(32_768) == 4 * LOSS_COPIES * 32_768**2  # 20 GiB
    assert matrix(16_384) == matrix(32_768) / 4
    assert matrix(32_768, gpus=8, loss="dense") == matrix(32_768)
    assert matrix(32_768, gpus=8) == matrix(32_768) / 4  # an eighth, but rows and columns
    assert matrix(32_768, loss="tiled") == matrix(32_768) / 8  # 4,096 columns of 32,768
    assert matrix(1024, loss="tiled") == matrix(1024)


def test_chunks_and_checkpoints_trade_memory_for_compute() -> None:
    whole = plan("ViT-B/32", batch_size=4096)
    chunks = plan("ViT-B/32", batch_size=4096, chunk=512)
    assert chunks.memory["activations"] == whole.memory["activations"] / 8
    assert chunks.flops > whole.flops and chunks.memory["weights"] == whole.memory["weights"]
    assert plan("ViT-B/32", batch_size=4096, chunk=8192) == plan(
        "ViT-B/32", batch_size=4096, chunk=4096
    ).__class__(**{**vars(whole), "chunk": 8192})
    checkpointed = plan("ViT-B/32", batch_size=4096, checkpointing=True)
    assert checkpointed.memory["activations"] < whole.memory["activations"] / 5
    assert not whole.fits and checkpointed.fits


def test_one_gpu_sends_nothing_and_many_send_twice_the_gradients() -> None:
    assert set(plan("tiny", batch_size=64).communication.values()) == {0}
    ours = plan("tiny", batch_size=64, gpus=4)
    assert ours.communication["gradients"] == 2 * 3 / 4 * 4 * ours.parameters
    assert ours.communication_days > 0


def test_more_gpus_take_fewer_days_and_the_same_gpu_days() -> None:
    one, many = (plan("ViT-B/32", gpus=gpus) for gpus in (1, 64))
    assert many.days == pytest.approx(one.days / 64, rel=0.01)
    assert many.gpu_days == pytest.approx(one.gpu_days, rel=0.01)


def test_the_papers_days_imply_a_fifth_of_the_printed_speed() -> None:
    assert PAPER_RUNS == {"RN50x64": (592, 18), "ViT-L/14": (256, 12)}  # section 2.5
    for model, (gpus, days) in PAPER_RUNS.items():
        share = paper_utilisation(model)
        by_hand = 6 * sum(count_flops(PRESETS[model])[k] for k in ("visual", "text"))
        by_hand *= PAPER_PAIRS_SEEN / (gpus * days * 86_400 * MACHINES["V100"].half)
        assert share == pytest.approx(by_hand, rel=0.03)  # the similarities are the rest
        assert 0.17 < share < 0.22
        again = paper_utilisation(model, again=True)
        assert again == pytest.approx(share * 4 / 3, rel=0.01)
    # and back: with that share the plan gives the printed days
    share = paper_utilisation("ViT-L/14")
    ours = plan("ViT-L/14", gpus=256, gpu="V100", precision="fp16", utilisation=share)
    assert ours.days == pytest.approx(12, rel=0.02)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"preset": "ViT-B/8"}, "The presets are"),
        ({"gpus": 3}, "32,766 or 32,769"),
        ({"batch_size": 4, "gpus": 8}, "Take 8"),
        ({"gpu": "V100"}, "no bf16"),
        ({"gpu": "B300"}, "gpu must be one of"),
        ({"precision": "int8"}, "precision must be one of"),
        ({"loss": "ring"}, "loss must be one of"),
        ({"batch_size": 0}, "whole number"),
        ({"chunk": 0}, "chunk must be"),
        ({"pairs": 1.5}, "whole number"),
        ({"utilisation": 0}, "utilisation must be"),
        ({"utilisation": 1.2}, "utilisation must be"),
    ],
)
def test_what_cannot_be_planned_is_refused(change: dict[str, object], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        plan(**change)  # type: ignore[arg-type]


def test_days_are_known_of_two_of_the_papers_models() -> None:
    with pytest.raises(ValueError, match="RN50x64, ViT-L/14 only"):
        paper_utilisation("RN50")


@pytest.mark.parametrize("preset", ["laptop", "laptop_vit"])
def test_a_real_step_takes_the_memory_that_was_planned(preset: str) -> None:
    """The process's own peak, read from the system, within 25 %."""
    call = [sys.executable, BENCHMARK, "--row", preset, "192", "fp32"]
    done = subprocess.run(call, capture_output=True, text=True, check=True)
    row = json.loads(done.stdout)
    assert row["planned"] == pytest.approx(row["measured"], rel=0.25)
