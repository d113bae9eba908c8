"""A plan in words and lines, for the terminal."""

from __future__ import annotations

from clipedu_lessons.l08_scaling_up.planner import PAPER_RUNS, Plan, paper_utilisation


def size_words(size: float) -> str:
    """Bytes as people read them: 3.1 GiB, 480 MiB."""
    for power, name in ((40, "TiB"), (30, "GiB"), (20, "MiB"), (10, "KiB")):
        if size >= 2**power:
            return f"{size / 2**power:,.1f} {name}"
    return f"{size:.0f} bytes"


def time_words(days: float) -> str:
    """Days as people read them: seconds, minutes, hours, days or years."""
    for unit, name in ((365.0, "years"), (1.0, "days"), (1 / 24, "hours"), (1 / 1440, "minutes")):
        if days >= 2 * unit:
            return f"{days / unit:,.1f} {name}"
    return f"{days * 86_400:,.1f} seconds"


def plan_words(plan: Plan) -> str:
    """A table of memory by part, and lines on compute, communication and time."""
    machine = plan.machine
    fits = "fits" if plan.fits else "DOES NOT FIT (a tenth is left free)"
    again = f", {plan.extra_flops / plan.flops:.0%} of it again" if plan.extra_flops else ""
    lines = [
        f"{plan.name}: {plan.parameters / 1e6:,.1f} million parameters, batch "
        f"{plan.batch_size:,} on {plan.gpus:,} x {plan.gpu}, {plan.precision}, "
        f"{plan.pairs:,} pairs",
        "",
        "memory of one GPU",
        *(
            f"  {part:<24} {size_words(size):>12}  {size / plan.total_memory:6.1%}"
            for part, size in plan.memory.items()
        ),
        f"  {'in all':<24} {size_words(plan.total_memory):>12}  of {size_words(machine.memory)}: "
        + fits,
        "",
        f"compute         {plan.flops:.2e} FLOPs{again}",
        f"time            {time_words(plan.days)} at {plan.utilisation:.0%} of "
        f"{plan.peak / 1e12:,.1f} TFLOP/s a GPU ({time_words(plan.gpu_days)} of one GPU)",
    ]
    if plan.gpus > 1:
        lines.append(
            f"communication   {size_words(sum(plan.communication.values()))} a step from each GPU; "
            f"sent at {machine.bandwidth / 1e9:g} GB/s and not hidden, "
            f"{plan.communication_days / plan.days:.0%} of the time on top"
        )
    if not plan.fits:
        lines += ["", "to make it fit: " + "; ".join(_advice(plan))]
    return "\n".join(lines)


def paper_words() -> str:
    """What the printed GPUs and days of the paper say about the speed that it reached."""
    lines = ["The paper's compute (section 2.5), on V100 with 125 TFLOP/s printed (fp16):"]
    for name, (gpus, days) in PAPER_RUNS.items():
        plain, again = (paper_utilisation(name, again=flag) for flag in (False, True))
        lines.append(
            f"  {name:<9} {days} days on {gpus} GPUs: {plain:.1%} of the printed speed, or "
            f"{again:.1%} if the fourth forward pass of gradient checkpointing counts as work"
        )
    return "\n".join(lines)


def _advice(plan: Plan) -> list[str]:
    largest = max(plan.memory, key=lambda part: plan.memory[part])
    if largest == "activations":
        advice = [] if plan.checkpointing else ["--checkpointing"]
        local = plan.batch_size // plan.gpus
        return [*advice, f"--chunk {max(1, min(plan.chunk or local, local) // 4)}", "more GPUs"]
    if largest == "loss matrix":
        return ["--loss tiled", "more GPUs"]
    return ["--sharded, on more GPUs", "a GPU with more memory"]
