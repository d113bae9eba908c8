"""The planner held against a real step: what the process's memory rose to, read from the system."""

from __future__ import annotations

import gc
from pathlib import Path
from typing import Any, Literal

import torch

from clipedu.models import PRESETS, build
from clipedu.objectives import info_nce
from clipedu_lessons.l08_scaling_up.planner import DTYPES, plan

_STATUS, _CLEAR = Path("/proc/self/status"), Path("/proc/self/clear_refs")


def peak_memory(reset: bool = False) -> tuple[int, int]:
    """This process's resident bytes: now, and at their highest since the last reset.

    Raises OSError where the system doesn't tell (only Linux does, under /proc).
    """
    if reset:
        _CLEAR.write_text("5")
    lines = dict(line.split(":", 1) for line in _STATUS.read_text("utf-8").splitlines())
    return tuple(1024 * int(lines[key].split()[0]) for key in ("VmRSS", "VmHWM"))  # type: ignore[return-value]


def measured_step(
    preset: str, batch_size: int, precision: Literal["fp32", "bf16", "fp16"]
) -> dict[str, Any]:
    """One training step on this CPU: the rise of the process's memory, and the plan for it.

    Call it in a process of its own: memory that was freed before the step would be used again, and
    the rise look smaller. A step of two pairs goes first, so that libraries are loaded.
    """
    config, dtype = PRESETS[preset], DTYPES[precision]
    side, length = config.vision.resolution, config.text.context_length

    def step(pairs: int) -> None:
        pictures = torch.rand(pairs, 3, side, side)
        tokens = torch.randint(1, config.text.vocab_size - 1, (pairs, length))
        tokens[:, -1] = config.text.vocab_size - 1  # EOT at the end: nothing is padding
        with torch.autocast("cpu", dtype, enabled=dtype != torch.float32):
            image, text, scale = model(pictures, tokens)
        info_nce(image, text, scale).backward()
        optimizer.step()

    model = build(preset, seed=0)
    optimizer = torch.optim.AdamW(model.parameters())
    step(2)  # makes gradients and Adam's memory, too
    gc.collect()
    before, _ = peak_memory(reset=True)
    step(batch_size)
    _, highest = peak_memory()
    expected = plan(preset, batch_size=batch_size, precision=precision, gpu="H100", fused=False)
    there = ("weights", "gradients", "optimizer")
    planned = sum(size for part, size in expected.memory.items() if part not in there)
    return {
        "preset": preset,
        "batch_size": batch_size,
        "precision": precision,
        "measured": highest - before,
        "planned": planned,
        "ratio": planned / (highest - before),
        "at_rest": sum(expected.memory[part] for part in there),
    }
