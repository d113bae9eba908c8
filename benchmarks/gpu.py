"""A card for a GPU: does it compute what a CPU does, and how fast is a training step on it?

    python benchmarks/gpu.py                # -> benchmarks/gpu-NAME-OF-THE-CARD.json, and a table
    python benchmarks/gpu.py --tiny         # the same cells, small, on the CPU, in seconds

It takes at most six minutes, and needs torch, NumPy and this checkout: no icons, no other package.
Pictures are noise of the right shape, captions random tokens of full length.

No GPU was at hand when this was written, so there is no record of one beside it, and the cells have
only ever run as `--tiny`. Whoever runs it on a card makes the first.
"""

# ruff: noqa: E402  (the path to the checkout comes before what is in it)
from __future__ import annotations

import argparse
import contextlib
import datetime
import json
import math
import platform
import re
import statistics
import sys
import time
import types
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

ROOT = Path(__file__).resolve().parents[1]
if __name__ == "__main__":
    sys.path.insert(0, str(ROOT))
    # The door of clipedu.training needs the packages of the icons; one module behind it is enough.
    door = types.ModuleType("clipedu.training")
    door.__path__ = [str(ROOT / "clipedu" / "training")]
    sys.modules["clipedu.training"] = door

import torch

from clipedu.device import fused_optimizer, rng_state, set_rng_state
from clipedu.files import write_whole
from clipedu.models import CLIP, PRESETS, build
from clipedu.models.transformer import Transformer
from clipedu.objectives import clamp_logit_scale_, info_nce, tiled_info_nce
from clipedu.training.grad_cache import GradCache
from clipedu_lessons.l08_scaling_up.planner import DTYPES, GIB, MACHINES, plan

LAPTOP = "laptop_vit_stem"  # what the recipe `laptop` trains
SMALL = PRESETS["laptop_vit"].replace(
    vision_width=32, vision_layers=2, text_width=32, text_layers=1, vocab_size=512
)
PLANNED = 0.10  # the planner may be wrong by so much
MINUTES = 6.0


# ------------------------------------------------------------------- does it compute the same?
def _vectors(n: int, device: torch.device, dtype: torch.dtype) -> list[torch.Tensor]:
    """Pictures and captions, (n, 32) unit vectors: the same on every device."""
    random = torch.Generator().manual_seed(0)
    made = torch.randn(2, n, 32, generator=random, dtype=torch.float64)
    made = torch.nn.functional.normalize(made, dim=-1).to(device, dtype)
    return [vectors.clone().requires_grad_() for vectors in made]


def _difference(a: list[torch.Tensor], b: list[torch.Tensor]) -> float:
    """The largest difference of two gradients, relative to the largest entry."""
    pairs = [
        (x.detach().double().cpu(), y.detach().double().cpu()) for x, y in zip(a, b, strict=True)
    ]
    most = max(float(y.abs().max()) for _, y in pairs)
    return max(float((x - y).abs().max()) for x, y in pairs) / most


def _small(device: torch.device) -> tuple[CLIP, torch.Tensor, torch.Tensor]:
    """A small ViT, 12 pictures and 12 captions."""
    model = build(SMALL, seed=0).to(device)
    random = torch.Generator().manual_seed(1)
    pictures = torch.randn(12, 3, 32, 32, generator=random).to(device)
    return model, pictures, _tokens(model, 12, random).to(device)


def _tokens(model: CLIP, n: int, random: torch.Generator) -> torch.Tensor:
    """(n, L) random captions of full length: the end of text is the last token."""
    text = model.config.text
    tokens = torch.randint(1, text.vocab_size - 2, (n, text.context_length), generator=random)
    tokens[:, 0], tokens[:, -1] = text.vocab_size - 2, text.vocab_size - 1
    return tokens


def _gradient(network: Any, model: CLIP, *inputs: torch.Tensor) -> list[torch.Tensor]:
    model.zero_grad(set_to_none=True)
    info_nce(*network(*inputs)).backward()
    return [p.grad.clone() for p in model.parameters() if p.grad is not None]


def loss_is_the_cpus(device: torch.device) -> float:
    """InfoNCE's gradient in float32 here, against float64 on the CPU."""
    here, there = (
        _vectors(64, device, torch.float32),
        _vectors(64, torch.device("cpu"), torch.float64),
    )
    for vectors in (here, there):
        info_nce(*vectors, 20.0).backward()
    return _difference([x.grad for x in here], [x.grad for x in there])


def tiles_are_the_matrix(device: torch.device) -> float:
    """The loss in tiles of 24 rows and columns, against the whole matrix of 64."""
    tiles, whole = _vectors(64, device, torch.float32), _vectors(64, device, torch.float32)
    tiled_info_nce(*tiles, 20.0, tile=24).backward()
    info_nce(*whole, 20.0).backward()
    return _difference([x.grad for x in tiles], [x.grad for x in whole])


def grad_cache_is_the_batch(device: torch.device) -> float:
    """GradCache in three chunks, against the batch in one piece."""
    model, *inputs = _small(device)
    plain = _gradient(model, model, *inputs)
    return _difference(_gradient(GradCache(model, 3), model, *inputs), plain)


def recomputed_is_kept(device: torch.device) -> float:
    """Blocks that are computed again in the backward pass, against blocks that are kept."""
    model, *inputs = _small(device)
    plain = _gradient(model, model, *inputs)
    _recompute(model)
    return _difference(_gradient(model, model, *inputs), plain)


def fused_adamw_is_adamw(device: torch.device) -> float:
    """Weights after three steps of the one-kernel AdamW, against the plain one."""
    after = []
    for fused in (fused_optimizer(device), False):
        model, *inputs = _small(device)
        optimizer = torch.optim.AdamW(model.parameters(), 1e-3, fused=fused)
        for _ in range(3):
            _gradient(model, model, *inputs)
            optimizer.step()
        after.append([p.detach() for p in model.parameters()])
    return _difference(*after)


def random_numbers_return(device: torch.device) -> float:
    """Random numbers after their state was restored, against those drawn before."""
    state = rng_state(device)
    before = torch.rand(100, device=device)
    set_rng_state(state, device)
    return _difference([torch.rand(100, device=device)], [before])


def overflow_skips_the_step(device: torch.device) -> float:
    """How far weights move in an fp16 step whose gradient is infinite: not at all."""
    weight = torch.nn.Parameter(torch.ones(4, device=device))
    optimizer = torch.optim.AdamW([weight], 0.1)
    scaler = torch.amp.GradScaler(device.type)
    scaler.scale((weight * math.inf).sum()).backward()
    scaler.step(optimizer)
    scaler.update()
    return float((weight.detach() - 1).abs().max())


#: A check -> how large its difference may be.
CHECKS: dict[Callable[[torch.device], float], float] = {
    loss_is_the_cpus: 1e-4,
    tiles_are_the_matrix: 1e-4,
    grad_cache_is_the_batch: 1e-4,
    recomputed_is_kept: 1e-4,
    fused_adamw_is_adamw: 1e-3,  # Adam divides by small numbers
    random_numbers_return: 0.0,
    overflow_skips_the_step: 0.0,
}


def run_checks(device: torch.device) -> Iterator[dict[str, Any]]:
    for check, most in CHECKS.items():
        found = check(device)
        yield {"check": check.__name__, "difference": found, "most": most, "holds": found <= most}


# ---------------------------------------------------------------------------- how fast is it?
class Cell(NamedTuple):
    """A measured training step. batch 0: as many pairs as fit in fp32; tile 0: the whole matrix."""

    name: str
    preset: str
    precision: str
    batch: int = 0
    checkpointing: bool = False
    chunk: int = 0
    tile: int = 0
    compile: bool = False


def cells(half: str, tiny: bool) -> list[Cell]:
    """The twelve. half: bf16, or fp16 where the card has no bf16. tiny: for a CPU, in seconds."""
    big, many, chunk, tile = ("ViT-B/32", 8192, 512, 4096) if not tiny else ("small", 16, 4, 8)
    small, most, part = (LAPTOP, 32_768, 2048) if not tiny else ("small", 32, 8)
    PRESETS["small"] = SMALL
    return [
        Cell("ViT-B/32 fp32", big, "fp32"),
        Cell("ViT-B/32 bf16", big, "bf16"),
        Cell("ViT-B/32 fp16", big, "fp16"),
        Cell("laptop fp32", small, "fp32"),
        Cell("laptop bf16", small, "bf16"),
        Cell("laptop fp16", small, "fp16"),
        Cell(f"ViT-B/32 {half} checkpointing", big, half, checkpointing=True),
        Cell(f"laptop {half} checkpointing", small, half, checkpointing=True),
        Cell(f"laptop {half} GradCache 8,192", small, half, many, chunk=part),
        Cell(f"laptop {half} tiles 32,768", small, half, most, chunk=part, tile=tile),
        Cell(f"ViT-B/32 {half} GradCache 8,192", big, half, many, chunk=chunk),
        Cell(f"ViT-B/32 {half} compile", big, half, compile=True),
    ]


def _recompute(model: CLIP) -> None:
    for part in model.modules():
        if isinstance(part, Transformer):
            part.recompute = True


def batch_that_fits(preset: str, memory: float) -> int:
    """The largest power of two up to 1,024, or 4,096 of small pictures, for 0.7 of the memory."""
    batch = 1024 if PRESETS[preset].vision.resolution > 100 else 4096
    while batch > 16 and planned_memory(Cell("", preset, "fp32", batch)) > 0.7 * memory:
        batch //= 2
    return batch


def planned(cell: Cell) -> Any:
    """`clipedu plan` of one step of this cell on one card."""
    return plan(
        cell.preset,
        batch_size=cell.batch,
        pairs=cell.batch,
        gpu="H100",  # memory and operations are the same on every card
        precision=cell.precision,
        checkpointing=cell.checkpointing,
        chunk=cell.chunk or None,
        loss="tiled" if cell.tile else "dense",
    )


def planned_memory(cell: Cell) -> float:
    """Bytes at the peak: the plan, and the batch itself, which is on the card from the start."""
    config = PRESETS[cell.preset]
    inputs = 12 * config.vision.resolution**2 + 8 * config.text.context_length
    return planned(cell).total_memory + cell.batch * inputs


class Clock:
    """Waits for the card before it looks at the time."""

    def __init__(self, device: torch.device) -> None:
        self.device = device

    def __call__(self) -> float:
        if self.device.type == "cuda":
            torch.cuda.synchronize(self.device)
        return time.perf_counter()


def measure(cell: Cell, device: torch.device, seconds: float, tiny: bool) -> dict[str, Any]:
    """Steps of AdamW for so many seconds, at least two: median pairs/s, and the peak of memory.

    Raises torch.OutOfMemoryError.
    """
    clock, on_card = Clock(device), device.type == "cuda"
    model = build(cell.preset, seed=0).to(device)
    if cell.checkpointing:
        _recompute(model)
    network: Any = model
    if cell.compile:  # in small: what compiling traces, without a compiler
        network = torch.compile(model, backend="eager" if tiny else "inductor")
    if cell.chunk:
        network = GradCache(model, cell.batch // cell.chunk)
    dtype = DTYPES[cell.precision]
    optimizer = torch.optim.AdamW(model.parameters(), 1e-4, fused=fused_optimizer(device))
    scaler = torch.amp.GradScaler(device.type, enabled=dtype == torch.float16)
    random = torch.Generator().manual_seed(0)
    side = model.config.vision.resolution
    pictures = torch.randn(cell.batch, 3, side, side, device=device)
    tokens = _tokens(model, cell.batch, random).to(device)

    def step() -> None:
        optimizer.zero_grad(set_to_none=True)
        with torch.autocast(device.type, dtype, enabled=dtype != torch.float32):
            image, text, scale = network(pictures, tokens)
        if cell.tile:
            loss = tiled_info_nce(image, text, scale, tile=cell.tile, check_values=False)
        else:
            loss = info_nce(image, text, scale, check_values=False)
        scaler.scale(loss).backward()
        scaler.step(optimizer)
        scaler.update()
        clamp_logit_scale_(model.logit_scale)

    start = clock()
    step()  # makes gradients and Adam's averages, and compiles
    first = clock() - start
    if on_card:
        torch.cuda.reset_peak_memory_stats(device)
    times: list[float] = []
    while len(times) < 2 or (sum(times) < seconds and len(times) < 50):
        start = clock()
        step()
        times.append(clock() - start)
    peak = torch.cuda.max_memory_allocated(device) if on_card else None
    ours = planned(cell)
    useful = (ours.flops - ours.extra_flops) / cell.batch
    speed = cell.batch / statistics.median(times)
    wanted = planned_memory(cell)
    return {
        "first_step_seconds": round(first, 3),
        "steps": len(times),
        "pairs_per_second": round(speed, 2),
        "flops_per_second": speed * useful,  # without what is computed a second time
        "peak_bytes": peak,
        "planned_bytes": round(wanted),
        "planned_over_peak": round(wanted / peak, 3) if peak else None,
    }


def matmul_rate(device: torch.device, precision: str, tiny: bool) -> float:
    """Operations a second of one large product of matrices: what the card can do at its best."""
    n, clock = 256 if tiny else 8192, Clock(device)
    a, b = (torch.randn(n, n, device=device, dtype=DTYPES[precision]) for _ in range(2))
    times = []
    for _ in range(6):
        start = clock()
        a @ b
        times.append(clock() - start)
    return 2 * n**3 / min(times)


def printed_rate(card: str, precision: str) -> float | None:
    """What the maker prints, for the cards that the planner knows."""
    for name, machine in MACHINES.items():
        if re.search(rf"\b{name}\b", card):
            return machine.fp32 if precision == "fp32" else machine.half
    return None


def run_cells(
    device: torch.device, card: str, memory: float, seconds: float, tiny: bool
) -> Iterator[dict[str, Any]]:
    """Each cell with what was measured, or with the reason why it was not."""
    start = time.perf_counter()
    native = device.type == "cpu" or torch.cuda.get_device_capability(device)[0] >= 8
    half = "bf16" if native else "fp16"
    rates = {p: matmul_rate(device, p, tiny) for p in ("fp32", "fp16", *["bf16"] * native)}
    fitting: dict[str, int] = {}
    for cell in cells(half, tiny):
        if not cell.batch:
            if cell.preset not in fitting:
                fitting[cell.preset] = 16 if tiny else batch_that_fits(cell.preset, memory)
            cell = cell._replace(batch=fitting[cell.preset])
        row: dict[str, Any] = cell._asdict()
        if cell.precision == "bf16" and not native:
            yield row | {"not_run": "this card has no bf16"}
            continue
        if time.perf_counter() - start > seconds:
            yield row | {"not_run": f"the {seconds / 60:g} minutes were over"}
            continue
        try:
            row |= measure(cell, device, 0.05 if tiny else 6.0, tiny)
            row["share_of_matmul"] = row["flops_per_second"] / rates[cell.precision]
            printed = printed_rate(card, cell.precision)
            row["share_of_printed"] = row["flops_per_second"] / printed if printed else None
        except torch.OutOfMemoryError:
            row["not_run"] = f"out of memory; planned {planned_memory(cell) / GIB:.1f} GiB"
        yield row
        torch._dynamo.reset()
        with contextlib.suppress(AssertionError, RuntimeError):
            torch.cuda.empty_cache()


def line_of(row: dict[str, Any]) -> str:
    """A row of the table."""
    start = f"{row['name']:33} {row['batch']:7,}"
    if "not_run" in row:
        return f"{start}  not run: {row['not_run']}"
    peak, ratio = row["peak_bytes"], row["planned_over_peak"]
    printed = row["share_of_printed"]
    return (
        f"{start} {row['pairs_per_second']:10,.1f} {f'{peak / GIB:.2f}' if peak else '-':>8}"
        f" {row['planned_bytes'] / GIB:8.2f} {f'{ratio:.2f}' if ratio else '-':>6}"
        f" {row['share_of_matmul']:7.1%} {f'{printed:.1%}' if printed else '-':>8}"
    )


HEADER = (
    f"{'cell':33} {'batch':>7} {'pairs/s':>10} {'peak GiB':>8} {'planned':>8} {'ratio':>6}"
    f" {'matmul':>7} {'printed':>8}"
)


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--tiny", action="store_true", help="small, on the CPU")
    parser.add_argument("--json", type=Path, help="where the record goes")
    args = parser.parse_args()
    if not args.tiny and not torch.cuda.is_available():
        print(
            f"torch {torch.__version__} finds no NVIDIA GPU here, so there is nothing to measure. "
            "Run this where there is one; `--tiny` tries it out on this CPU.",
            file=sys.stderr,
        )
        return 1
    device = torch.device("cpu" if args.tiny else "cuda")
    card, memory, about = f"{platform.machine()} CPU", 0.0, {}
    if not args.tiny:
        facts = torch.cuda.get_device_properties(device)
        card, memory = facts.name, float(facts.total_memory)
        about = {"capability": f"{facts.major}.{facts.minor}", "cuda": torch.version.cuda}
    slug = re.sub(r"\W+", "-", card).strip("-").lower()
    tiny = ROOT / "runs" / "gpu-tiny.json"
    path = args.json or (tiny if args.tiny else Path(__file__).with_name(f"gpu-{slug}.json"))
    record: dict[str, Any] = {
        "card": card,
        "memory_bytes": memory or None,
        **about,
        "torch": torch.__version__,
        "date": datetime.date.today().isoformat(),
        "command": "python benchmarks/gpu.py" + " --tiny" * args.tiny,
        "tiny": args.tiny,
        "checks": [],
        "cells": [],
    }
    print(f"{card}, torch {torch.__version__}")
    for row in run_checks(device):
        record["checks"].append(row)
        print(f"{row['check']:26} {row['difference']:9.1e}, at most {row['most']:.0e}", flush=True)
    print(HEADER)
    for row in run_cells(device, card, memory, 60 * MINUTES - 60, args.tiny):
        record["cells"].append(row)
        print(line_of(row), flush=True)
        write_whole(path, json.dumps(record, indent=1) + "\n")  # what there is survives a crash
    ratios = [row["planned_over_peak"] for row in record["cells"] if row.get("planned_over_peak")]
    wrong = [ratio for ratio in ratios if abs(ratio - 1) > PLANNED]
    if ratios:
        print(
            f"The planner is off by more than {PLANNED:.0%} in {len(wrong)} of {len(ratios)} cells."
        )
    broken = [row["check"] for row in record["checks"] if not row["holds"]]
    if broken:
        print(f"Not as on the CPU: {', '.join(broken)}.", file=sys.stderr)
    print(f"The record is in {path}.")
    return 1 if broken else 0


if __name__ == "__main__":
    sys.exit(main())
