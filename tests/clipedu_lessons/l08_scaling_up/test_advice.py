"""What `clipedu plan --own-pairs` advises fits the machine, the time and the pairs."""

from __future__ import annotations

import pytest

from clipedu.cli.main import main
from clipedu_lessons.l08_scaling_up.advice import FEW, LEAST_STEPS, PASSES, advise
from clipedu_lessons.l08_scaling_up.planner import MACHINES


@pytest.mark.parametrize("gpu", MACHINES)
@pytest.mark.parametrize("pairs", [2, 300, 40_000, 3_000_000, 400_000_000])
@pytest.mark.parametrize("gpus", [1, 8])
def test_it_fits_and_ends_in_time(gpu: str, pairs: int, gpus: int) -> None:
    made, lines = advise(pairs, 24, gpu=gpu, gpus=gpus)
    assert made.fits and made.batch_size % gpus == 0
    assert made.batch_size <= max(pairs // 2, 2, gpus)
    assert made.days <= 1.4 or made.pairs == made.batch_size  # chunks cost a forward pass
    tuned = "fine-tune" in lines[0]
    if gpu != "laptop":
        assert tuned == (pairs < FEW)
    assert made.pairs <= PASSES * pairs or made.pairs == made.batch_size
    if made.batch_size > 64 * gpus:
        assert made.steps >= 0.9 * LEAST_STEPS
    assert ("fp16" in "".join(lines)) == (not MACHINES[gpu].has_bf16)


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
