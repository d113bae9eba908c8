"""Will it fit, and how long will it take? A training run planned before it runs on GPUs.

    plan("ViT-L/14", batch_size=32768, gpus=256, gpu="V100", precision="fp16", checkpointing=True)

`benchmarks/planner.py` compares the memory with the measured peak of real steps.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import NamedTuple

import torch

from clipedu.models import CLIP, PRESETS, CLIPConfig, count_flops, count_parameters
from clipedu.numbers import check_whole
from clipedu_lessons.common.paper import load_paper_table
from clipedu_lessons.l08_scaling_up.activations import count_activations

GIB = 2**30
DTYPES = {"fp32": torch.float32, "bf16": torch.bfloat16, "fp16": torch.float16}
LOSSES = ("dense", "local", "tiled")
#: (n, N) float32 matrices alive at the peak of `info_nce`: measured, the process's own peak.
LOSS_COPIES = 5
TILE = 4096
PAPER_PAIRS_SEEN = 32 * 400_000_000  # 32 epochs of 400 million pairs (Table 18, section 2.2)
#: Model -> (GPUs, days), of the two runs for which the paper prints them (section 2.5).
PAPER_RUNS = {
    row["model"]: (int(row["paper_v100_gpus"]), int(row["paper_train_days"]))
    for row in load_paper_table("architectures").rows
    if row["paper_v100_gpus"]
}


class Machine(NamedTuple):
    """A device: bytes of memory, dense operations a second as its maker prints them, bytes a
    second to the others (each way)."""

    memory: float
    fp32: float
    half: float
    bandwidth: float
    has_bf16: bool = True


#: From the makers' data sheets, without sparsity; half is fp16 or bf16 with fp32 sums. Bandwidth:
#: between machines where a run needs several. "laptop" is two CPU cores as we measured them.
MACHINES: dict[str, Machine] = {
    "laptop": Machine(8 * GIB, 1.8e11, 7.0e11, 1e9),
    "T4": Machine(16 * GIB, 8.1e12, 65e12, 1.2e9, has_bf16=False),
    "V100": Machine(32 * GIB, 15.7e12, 125e12, 12.5e9, has_bf16=False),
    "A100": Machine(80 * GIB, 19.5e12, 312e12, 25e9),
    "H100": Machine(80 * GIB, 67e12, 989e12, 50e9),
}


@dataclass(frozen=True)
class Plan:
    """What one run needs. Memory and communication are bytes of one GPU, by part.

    flops: of the whole run on all GPUs. extra_flops: those of them that are computed again, by
    checkpointing or by chunks. communication: a step's. utilisation: share of the printed speed.
    """

    name: str
    batch_size: int
    pairs: int
    gpus: int
    gpu: str
    precision: str
    checkpointing: bool
    chunk: int | None
    loss: str
    utilisation: float
    parameters: int
    memory: dict[str, float]
    flops: float
    extra_flops: float
    communication: dict[str, float]

    @property
    def machine(self) -> Machine:
        return MACHINES[self.gpu]

    @property
    def peak(self) -> float:
        """Operations a second that one GPU is printed to do at this precision."""
        return self.machine.fp32 if self.precision == "fp32" else self.machine.half

    @property
    def steps(self) -> int:
        return max(1, round(self.pairs / self.batch_size))

    @property
    def total_memory(self) -> float:
        """Bytes of one GPU."""
        return sum(self.memory.values())

    @property
    def fits(self) -> bool:
        """With a tenth of the GPU's memory left for the framework and for fragments."""
        return self.total_memory <= 0.9 * self.machine.memory

    @property
    def days(self) -> float:
        """Of computing, communication hidden."""
        return self.flops / (self.gpus * self.peak * self.utilisation) / 86_400

    @property
    def gpu_days(self) -> float:
        return self.days * self.gpus

    @property
    def communication_days(self) -> float:
        """Of sending and waiting if none of it were hidden behind computing."""
        return self.steps * sum(self.communication.values()) / self.machine.bandwidth / 86_400


def plan(
    preset: str = "ViT-B/32",
    *,
    batch_size: int = 32_768,
    pairs: int = PAPER_PAIRS_SEEN,
    gpus: int = 1,
    gpu: str = "A100",
    precision: str = "bf16",
    checkpointing: bool = False,
    chunk: int | None = None,
    loss: str = "local",
    sharded: bool = False,
    average: bool = False,
    utilisation: float = 0.3,
    fused: bool = True,
    learned: float = 1.0,
) -> Plan:
    """Memory, compute, communication and days of a training run.

    Args:
        preset: a name of PRESETS.
        batch_size: pairs a step, over all GPUs.
        pairs: pairs seen in the whole run; the paper's 12.8 billion unless given.
        gpus, gpu: how many, and which of MACHINES.
        precision: of the autocast, fp32, bf16 or fp16; weights, gradients and Adam stay in fp32.
        checkpointing: keep only the inputs of residual blocks and compute the rest again.
        chunk: pairs that go through the encoders at a time on one GPU (GradCache): only their
            activations are kept, and the forward pass runs twice.
        loss: "dense": every GPU makes the whole (N, N) matrix; "local": its own rows and columns,
            2 x (N / gpus, N); "tiled": tiles of 4,096 columns of them.
        sharded: weights, gradients and Adam's memory split over the GPUs (FSDP).
        average: a moving average of the weights is kept too.
        utilisation: share of the printed speed that the run reaches.
        fused: attention by a fused kernel.
        learned: share of the weights that learn, below 1 in fine-tuning: 0.02 for LoRA.
    Raises:
        ValueError: an unknown name; a number out of range; a batch that the GPUs can't share; bf16
            on a GPU without it.
    """
    if preset not in PRESETS:
        raise ValueError(f"There is no preset {preset!r}. The presets are: {', '.join(PRESETS)}.")
    config = PRESETS[preset]
    numbers = {"batch_size": batch_size, "pairs": pairs, "gpus": gpus, "chunk": chunk}
    _check(numbers, gpu, precision, loss, utilisation)
    if not 0 < learned <= 1:
        raise ValueError(f"learned must be a share above 0 and up to 1, not {learned!r}.")
    local = batch_size // gpus
    parameters = _count_parameters(config)
    share = parameters / gpus if sharded else parameters
    kept = count_activations(config, DTYPES[precision], fused=fused)
    together = min(chunk or local, local)
    columns = min(TILE, batch_size) if loss == "tiled" else batch_size
    rows = batch_size if loss == "dense" else local
    # one process has one matrix for both directions; several have rows and columns of their own
    matrices = LOSS_COPIES * (1 if loss == "dense" or gpus == 1 else 2)
    memory = {
        "weights": 4.0 * share,
        "gradients": 4.0 * share * learned,
        "optimizer": (12.0 if average else 8.0) * share * learned,
        "half-precision copies": float(kept.weight_copies),
        "activations": together * kept.per_pair(checkpointing=checkpointing),
        # on their way back through a block, beside the activations that the others still keep
        "gradients in flight": together * kept.largest_block,
        # of all pairs, from both towers, and their gradients
        "embeddings": 4.0 * 4 * batch_size * config.embed_dim,
        "loss matrix": 4.0 * matrices * rows * columns,
    }
    counts = count_flops(config)
    forward = 2.0 * (counts["visual"] + counts["text"])  # a multiply-add is two operations
    again = int(checkpointing) + int(chunk is not None and chunk < local)
    width = config.embed_dim
    similarity = 2.0 * width * batch_size * (3 if gpus == 1 or loss == "dense" else 6)
    similarity *= gpus if loss == "dense" else 1  # a pair's, on all GPUs together
    ring = (gpus - 1) / gpus  # the share that a ring sends for each gather or scatter
    return Plan(
        name=preset,
        batch_size=batch_size,
        pairs=pairs,
        gpus=gpus,
        gpu=gpu,
        precision=precision,
        checkpointing=checkpointing,
        chunk=chunk,
        loss=loss,
        utilisation=utilisation,
        parameters=parameters,
        memory=memory,
        flops=pairs * ((3 + again) * forward + similarity),
        extra_flops=pairs * again * forward,
        communication={
            "gradients": (3 if sharded else 2) * ring * 4.0 * parameters,
            "embeddings": 2 * ring * 4.0 * 2 * batch_size * width,
        },
    )


def paper_utilisation(model: str, *, again: bool = False) -> float:
    """The share of 125 TFLOP/s that the paper's V100s reached, worked out from its printed days.

    Work is three forward passes' worth for each of 12.8 billion pairs; `again` counts the fourth
    that gradient checkpointing computes, which the paper says it used.
    Raises ValueError for a model that is not in `PAPER_RUNS`.
    """
    if model not in PAPER_RUNS:
        names = ", ".join(PAPER_RUNS)
        raise ValueError(f"The paper prints GPUs and days of {names} only, not of {model!r}.")
    gpus, days = PAPER_RUNS[model]
    # its batch isn't a multiple of 592, so the run is planned for one GPU with the time of all
    ours = plan(model, gpu="V100", precision="fp16", checkpointing=again, utilisation=1.0)
    return ours.days / (gpus * days)


@cache
def _count_parameters(config: CLIPConfig) -> int:
    with torch.device("meta"):
        return count_parameters(CLIP(config))


def _check(
    numbers: dict[str, int | None], gpu: str, precision: str, loss: str, utilisation: float
) -> None:
    for name, value in numbers.items():
        if value is not None or name != "chunk":
            check_whole(name, value)
    for name, text, known in (
        ("gpu", gpu, MACHINES),
        ("precision", precision, DTYPES),
        ("loss", loss, LOSSES),
    ):
        if text not in known:
            raise ValueError(f"{name} must be one of {', '.join(known)}, not {text!r}.")
    batch_size, gpus = numbers["batch_size"] or 0, numbers["gpus"] or 1
    if batch_size % gpus:
        lower, upper = (k * gpus for k in (batch_size // gpus, batch_size // gpus + 1))
        near = f"{lower:,} or {upper:,}" if lower else f"{upper:,}"
        raise ValueError(
            f"A batch of {batch_size:,} can't be shared equally by {gpus} GPUs. Take {near}."
        )
    if precision == "bf16" and not MACHINES[gpu].has_bf16:
        raise ValueError(f"A {gpu} has no bf16. Take fp16, as the paper did.")
    if not 0 < utilisation <= 1:
        raise ValueError(f"utilisation must be a share above 0 and up to 1, not {utilisation!r}.")
