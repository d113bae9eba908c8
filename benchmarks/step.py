"""How long does a training step take, what bounds it, and how does open_clip do?

    clipedu bench step --against open_clip       benchmarks/step.json holds such runs

Everything takes turns in one process, so that a busy machine slows all of them alike, and ratios
are medians over the rounds. open_clip gets our weights, batch and precision, and its own best one.
"""

from __future__ import annotations

import argparse
import math
import time
from collections.abc import Callable
from functools import cache, partial
from statistics import median
from types import SimpleNamespace
from typing import Any

import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves
from torch.utils.flop_counter import FlopCounterMode

from clipedu.device import keep_freed_memory, pick_device
from clipedu.models import PRESETS, CLIPConfig, ResNetConfig
from clipedu.training import Batch, Recipe, Run, train_step

#: The paper's ResNet in a laptop's size; `laptop` is a cousin that open_clip does not have.
RESNET = ResNetConfig(64, (1, 1, 1, 1), width=32, heads=16)


def measure(args: argparse.Namespace) -> dict[str, Any]:
    """Prints a row for each contender and length of captions, and returns them."""
    n, preset = args.batch_size, "laptop" if args.model == "resnet" else args.model
    if preset not in PRESETS:
        raise ValueError(f"no model {preset!r}; there are: resnet, {', '.join(PRESETS)}")
    torch.set_num_threads(args.threads or torch.get_num_threads())
    keep_freed_memory()  # as `clipedu train` does; open_clip profits, too
    config = PRESETS[preset]
    if args.model == "resnet":
        config = config.replace(vision=RESNET)
    shape = {"model": {"vision": config.vision}, "context_length": config.text.context_length}
    recipe = Recipe(preset=preset, batch_size=n, precision=args.precision, **shape)  # type: ignore[arg-type]
    tokenizer: Any = SimpleNamespace(vocab_size=config.text.vocab_size)
    run = Run(recipe, 0, pick_device("cpu"), tokenizer)
    run.model.train()
    steps = {"clipedu": lambda batch: float(train_step(run, batch).values[0])}
    precisions = ("fp32",) if args.precision == "fp32" else ("amp_bf16", "pure_bf16", "fp32")
    for precision in precisions if args.against else ():
        steps[f"open_clip {precision}"] = open_clip_step(run, precision)
    a, b = torch.randn(2, 2048, 2048).to(
        torch.float32 if precisions == ("fp32",) else torch.bfloat16
    )
    actions: dict[str, Callable[[], Any]] = {"matmul": lambda: a @ b, "add": lambda: a + b}
    for name, step in steps.items():
        for captions in ("short", "full"):
            batch = make_batch(config, n, full=captions == "full")
            actions[f"{name}, {captions} captions"] = partial(step, batch)
    losses = {name: action() for name, action in actions.items()}  # of the first step
    work = {name: count_work(action) for name, action in actions.items()}
    times: dict[str, list[float]] = {name: [] for name in actions}
    # One thread's own time does not count what other programs took from it.
    clock = time.process_time if torch.get_num_threads() == 1 else time.perf_counter
    for _ in range(args.rounds):
        for name, action in actions.items():
            start = clock()
            action()
            times[name].append(clock() - start)
    flops_a_second = work["matmul"][0] / median(times.pop("matmul"))
    bytes_a_second = work["add"][1] / median(times.pop("add"))
    machine = {"threads": torch.get_num_threads(), "torch": torch.__version__}
    machine |= {"gflop_s_matmul": flops_a_second / 1e9, "gb_s_add": bytes_a_second / 1e9}
    print(f"{args.model}, {args.precision}, batch {n}: {machine}")
    rows = []
    for name, seconds in times.items():
        ours = times[f"clipedu,{name.partition(',')[2]}"]
        (flops, moved), ms = work[name], 1000 * median(seconds)
        row = {"name": name, "ms": ms, "pairs_per_second": 1000 * n / ms, "loss": losses[name]}
        row["times_clipedu"] = median(t / our for t, our in zip(seconds, ours, strict=True))
        row |= {"gflop": flops / 1e9, "gigabytes": moved / 1e9}
        row["share_matmul"] = 1000 * flops / flops_a_second / ms  # of the time, at matmul's rate
        row["share_memory"] = 1000 * moved / bytes_a_second / ms  # and at the rate of an addition
        print("  ".join(f"{v:<36}" if k == "name" else f"{k} {v:.4g}" for k, v in row.items()))
        rows.append(row)
    asked = {"model": args.model, "precision": args.precision, "batch_size": n}
    return {**asked, **machine, "rows": rows}


def make_batch(config: CLIPConfig, n: int, *, full: bool) -> Batch:
    """Random pictures; captions as long as those of icons (2 to 13 tokens, mostly 5), or full."""
    generator = torch.Generator().manual_seed(0)
    side, length, last = (
        config.vision.resolution,
        config.text.context_length,
        config.text.vocab_size,
    )
    pictures = torch.randn(n, 3, side, side, generator=generator)
    eot = torch.randint(2, 8, (n, 1), generator=generator)
    eot[0] = 12
    eot, position = torch.full_like(eot, length - 1) if full else eot, torch.arange(length)
    tokens = torch.randint(1, last - 2, (n, length), generator=generator)
    tokens = tokens.masked_fill(position == eot, last - 1).masked_fill(position > eot, 0)
    return Batch(pictures.contiguous(memory_format=torch.channels_last), tokens, None)


def open_clip_step(run: Run, precision: str) -> Callable[[Batch], float]:
    """A step as open_clip_train takes it, of its model with our weights."""
    define_torchvision_operators()
    from open_clip.loss import ClipLoss
    from open_clip.model import CLIP

    config, dtype = run.model.config, torch.bfloat16 if precision == "pure_bf16" else torch.float32
    ours = config.to_dict()
    v, text = ours["vision"], {k: v for k, v in ours["text"].items() if k != "kind"}
    vision = {"image_size": v["resolution"], "layers": v["layers"], "width": v["width"]}
    vision["head_width"] = v["width"] * (1 if v["kind"] == "vit" else 32) // v["heads"]
    vision |= {"patch_size": v["patch"]} if v["kind"] == "vit" else {}
    quick = config.activation == "quick_gelu"
    model = CLIP(config.embed_dim, vision, text, quick_gelu=quick, output_dict=True)
    model.load_state_dict(run.model.state_dict())
    model.to(dtype)
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3, betas=(0.9, 0.98), eps=1e-6)
    contrastive = ClipLoss()

    def step(batch: Batch) -> float:
        optimizer.zero_grad()
        with torch.autocast("cpu", torch.bfloat16, enabled=precision == "amp_bf16"):
            out = model(batch.pictures.to(dtype), batch.tokens)
            loss = contrastive(**out, output_dict=True)["contrastive_loss"]
        loss.backward()
        optimizer.step()
        with torch.no_grad():
            model.logit_scale.clamp_(0, math.log(100))
        return loss.item()

    return step


@cache  # what it returns must live on
def define_torchvision_operators() -> Any:
    """Empty operators in place of those of torchvision's compiled part, which torch's CPU build
    lacks: without them importing open_clip fails, and it calls none.
    """
    library = torch.library.Library("torchvision", "FRAGMENT")
    names = "nms qnms roi_align roi_pool ps_roi_align ps_roi_pool deform_conv2d".split()
    for name in [*names, *(f"_{name}_backward" for name in names)]:
        if not hasattr(torch.ops.torchvision, name):
            library.define(f"{name}() -> ()")
    return library


def count_work(action: Callable[[], Any]) -> tuple[int, int]:
    """A call's FLOPs in products of matrices, and the bytes that its operators read and write."""

    class Traffic(TorchDispatchMode):
        moved = 0

        def __torch_dispatch__(
            self, func: Any, types: Any, args: Any = (), kwargs: Any = None
        ) -> Any:
            out = func(*args, **(kwargs or {}))
            views = [r.alias_info and not r.alias_info.is_write for r in func._schema.returns]
            if not any(views):  # a view moves nothing
                tensors = [x for x in tree_leaves((args, kwargs, out)) if isinstance(x, Tensor)]
                self.moved += sum(x.numel() * x.element_size() for x in tensors)
            return out

    with FlopCounterMode(display=False) as flops, Traffic() as traffic:
        action()
    return flops.get_total_flops(), traffic.moved
