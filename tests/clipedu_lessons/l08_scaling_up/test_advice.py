"""What `clipedu plan --own-pairs` advises fits the machine, the time and the pairs."""

from __future__ import annotations

import pytest

from clipedu.cli.main import main
from clipedu_lessons.l08_scaling_up.advice import FEW, LEAST_STEPS, MODELS, PASSES, advise
from clipedu_lessons.l08_scaling_up.planner import MACHINES


@pytest.mark.parametrize("gpu", MACHINES)
@pytest.mark.parametrize("pairs", [2, 300, 40_000, 3_000_000, 400_000_000])
@pytest.mark.parametrize("gpus", [1, 8])
def test_it_fits_and_ends_in_time(gpu: str, pairs: int, gpus: int) -> None:
    made, lines = advise(pairs, 24, gpu=gpu, gpus=gpus)
    assert made.fits and made.batch_size % gpus == 0
    assert made.batch_size <= max(pairs // 2, 2, gpus)
    assert made.days <= 1.001 or made.pairs == made.batch_size
    tuned = "fine-tune" in lines[0]
    if gpu != "laptop":
        assert tuned == (pairs < FEW)
    assert made.pairs <= PASSES * pairs or made.pairs == made.batch_size
    if made.batch_size > 64 * gpus:
        assert made.steps >= 0.9 * LEAST_STEPS
    assert ("fp16" in "".join(lines)) == (not MACHINES[gpu].has_bf16)


def test_larger_models_are_for_more_pairs_and_more_gpus() -> None:
    """From the paper's own case, ViT-L/14, down: fewer GPUs or less time, a smaller model."""
    paper, lines = advise(400_000_000, 288, gpu="V100", gpus=256)
    assert paper.name == "ViT-L/14" and paper.pairs == PASSES * 400_000_000
    assert paper.batch_size == 32_768 and paper.checkpointing  # as in the paper's section 2.5
    assert paper.fits and paper.days < 12 and "4e-4" in "".join(lines)
    few = advise(400_000_000, 288, gpu="A100", gpus=8)[0]
    short = advise(400_000_000, 12, gpu="V100", gpus=256)[0]
    small = advise(30_000_000, 1000, gpu="H100", gpus=64)[0]  # no time makes them more pairs
    assert few.name == short.name == "ViT-B/16" and small.name == "ViT-B/32"
    for made in (few, short, small):
        assert made.fits and MODELS[made.name] <= made.pairs < MODELS["ViT-L/14"]


def test_what_does_not_fit_is_recomputed_then_cut_into_chunks() -> None:
    eight, one = (advise(12_800_000, 24, gpu="A100", gpus=n)[0] for n in (8, 1))
    assert eight.checkpointing and eight.chunk is None
    assert one.chunk and not one.checkpointing and one.chunk < one.batch_size


def test_more_time_is_used_until_the_pairs_are_used_up() -> None:
    short, long, longer = (advise(3_000_000, h, gpu="A100")[0].pairs for h in (1, 10, 1000))
    assert short < long < longer == PASSES * 3_000_000


def test_what_makes_no_sense_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    for bad in ((1, 5), (100, 0)):
        with pytest.raises(ValueError, match="at least 2 pairs"):
            advise(*bad)
    with pytest.raises(ValueError, match="gpu must be one of"):
        advise(100, 1, gpu="abacus")
    assert main(["plan", "--own-pairs", "500000", "--hours", "24", "--gpu", "T4"]) == 0
    assert "fine-tune a released ViT-B/32" in capsys.readouterr().out
