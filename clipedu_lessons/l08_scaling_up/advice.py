"""`clipedu plan --own-pairs N --hours H --gpu T4`: "I have this, so do that", in lines.

The numbers behind the rules: the paper's 32 passes and rates (Table 18); DataComp's presets (arXiv
2304.14108: 12.8 million pairs seen at a batch of 4,096 with a rate of 5e-4, and larger models from
1.28 billion on); CC3M in open_clip's issue 448 (3 million pairs, 30 passes at 1,024 and 1e-3: 19 %
of ImageNet).
"""

from __future__ import annotations

from typing import Any

from clipedu_lessons.l08_scaling_up.plan_words import size_words, time_words
from clipedu_lessons.l08_scaling_up.planner import MACHINES, Plan, plan

FEW, PASSES, LEAST_STEPS = 2_000_000, 32, 3_000
#: Model -> pairs seen from which it is worth its price: the tracks of DataComp.
MODELS = {"ViT-L/14": 12_800_000_000, "ViT-B/16": 1_280_000_000, "ViT-B/32": 0}


def advise(pairs: int, hours: float, *, gpu: str = "A100", gpus: int = 1) -> tuple[Plan, list[str]]:
    """The plan for so many pairs of one's own on such GPUs in so many hours, and what to do.

    Raises ValueError for less than two pairs, no time, or what `plan` refuses.
    """
    if pairs < 2 or not hours > 0:
        raise ValueError(f"{pairs} pairs in {hours} hours: give at least 2 pairs and some time.")
    if gpu not in MACHINES:
        raise ValueError(f"gpu must be one of {', '.join(MACHINES)}, not {gpu!r}.")
    small = gpu == "laptop"  # the course's own model, which learns from fewer pairs
    # (Muon's rate was chosen for 512 pairs and 400 steps; its square root is a rule of thumb.)
    tuned = pairs < (1_000 if small else FEW)
    half = "bf16" if MACHINES[gpu].has_bf16 else "fp16"
    how: dict[str, Any] = {"gpu": gpu, "gpus": gpus, "precision": half}
    for preset, least in {"laptop_vit_stem": 0}.items() if small else MODELS.items():
        one = plan(preset, batch_size=gpus, pairs=1_000_000, **how)
        seen = min(int(1e6 * hours / 24 / one.days), pairs * (3 if tuned else PASSES))
        if seen >= least:
            break
    most = min(512 if small else 32_768, max(2, pairs // 2))
    batch = gpus
    while batch * 2 <= most and batch * 2 * LEAST_STEPS <= max(seen, 1):
        batch *= 2
    batch = max(batch, 64 * gpus if pairs >= 128 * gpus else gpus)
    how["loss"] = loss = "tiled" if gpus == 1 and batch >= 8192 else "local"
    chunk, local = None, batch // gpus
    made = plan(preset, batch_size=batch, pairs=max(seen, batch), **how)
    if not made.fits:
        made = plan(preset, batch_size=batch, pairs=seen, checkpointing=True, **how)
    while not made.fits and (chunk or local) > 1:
        chunk = (chunk or local) // 2
        made = plan(preset, batch_size=batch, pairs=seen, chunk=chunk, **how)
    if made.days > hours / 24:  # what is computed twice takes longer
        seen = max(batch, int(made.pairs * hours / 24 / made.days))
        again = made.checkpointing
        made = plan(preset, batch_size=batch, pairs=seen, chunk=chunk, checkpointing=again, **how)
    rate = ("1e-5, with 1e-4 as the most" if tuned else
            f"{8e-3 * (batch / 512) ** 0.5:.1e} with Muon" if small else
            "1e-3" if batch <= 1024 else "4e-4" if preset == "ViT-L/14" else "5e-4")  # fmt: skip
    scaler = "; weights, Adam and loss in fp32" + (", with a scaler" if half == "fp16" else "")
    matrix = {"tiled": "in tiles", "local": "the whole matrix at once"}[loss]
    warm = f"warm-up of {min(2000, max(1, made.steps // 10)):,} steps"
    rows = {
        "what": f"fine-tune a released {preset}: {pairs:,} pairs are few" if tuned else
        f"train {preset} from scratch",
        "pairs seen": f"{made.pairs:,}, {made.pairs / pairs:.1f} passes, {made.steps:,} steps, "
        f"{time_words(made.days)} at {made.utilisation:.0%} of the printed speed",
        "batch": f"{batch:,}"
        + (f", in chunks of {chunk:,} a GPU (GradCache)" if chunk else
           ", with recomputed blocks" if made.checkpointing else ", in one piece"),
        "memory": f"{size_words(made.total_memory)} of {size_words(made.machine.memory)} a GPU",
        "rate": f"{rate}, {warm}",
        "precision": half + scaler,
        "loss": matrix if gpus == 1 else "local, gathered with gradients",
        "weights": "whole on each GPU" if made.memory["optimizer"] < 0.3 * made.machine.memory
        else "split (FSDP2: --set execution.sharded=true)",
        "look out": "a ResNet or a convolutional stem has batch norms: SyncBatchNorm, or accept "
        "noisier statistics" if gpus > 1 else "the GPU waits if pictures come too slowly: "
        "import them small (clipedu data import --size)",
    }  # fmt: skip
    if gpus > 1:
        rows["NCCL"] = "NCCL_DEBUG=INFO says which network is used; set NCCL_SOCKET_IFNAME if wrong"
    return made, [f"{name:<11} {words}" for name, words in rows.items()]
