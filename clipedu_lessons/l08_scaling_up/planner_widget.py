"""The planner as a widget: what fills a GPU's memory, and how many days a run takes.

Notable:

* the bars are the parts that `planner.plan` counts; the dashed line is the memory
  that the GPU has, so that one sees which part to shrink;
* a choice that cannot be (a batch that the GPUs can't share, bf16 on a V100) is answered in words,
  and the last figure stays.
"""

from __future__ import annotations

import html
from collections.abc import Sequence

import ipywidgets
from matplotlib.figure import Figure

from clipedu.plots import COLOURS, DPI, use_style
from clipedu_lessons.l01_words_to_vectors.bpe_widget import picture_html
from clipedu_lessons.l08_scaling_up.plan_words import size_words, time_words
from clipedu_lessons.l08_scaling_up.planner import (
    GIB,
    LOSSES,
    MACHINES,
    PAPER_PAIRS_SEEN,
    Plan,
    plan,
)

HATCHES = ("", "//", "..", "xx", "", "\\\\", "++", "oo")
WIDGET_PRESETS = ("laptop", "RN50", "RN50x64", "ViT-B/32", "ViT-B/16", "ViT-L/14")


def plan_sentence(plan: Plan) -> str:
    """What the figure shows, as text."""
    largest = max(plan.memory, key=lambda part: plan.memory[part])
    verdict = "It fits." if plan.fits else "It does not fit."
    return (
        f"{plan.name}, batch {plan.batch_size:,} on {plan.gpus:,} x {plan.gpu} in "
        f"{plan.precision}: {size_words(plan.total_memory)} of {size_words(plan.machine.memory)} "
        f"on each GPU, most of it {largest} ({plan.memory[largest] / plan.total_memory:.0%}). "
        f"{verdict} {plan.flops:.1e} floating-point operations take {time_words(plan.days)} at "
        f"{plan.utilisation:.0%} of the printed speed."
    )


def plan_figure(plans: Plan | Sequence[Plan], labels: Sequence[str] | None = None) -> Figure:
    """The memory of one GPU by part, a bar for each plan, against what the GPU has.

    labels: one for each plan; by default loss, chunk and checkpointing. Raises ValueError for no
    plan, or another number of labels.
    """
    plans = [plans] if isinstance(plans, Plan) else list(plans)
    if not plans:
        raise ValueError("There is no plan to draw.")
    names = [_label(one) for one in plans] if labels is None else list(labels)
    if len(names) != len(plans):
        raise ValueError(f"{len(plans)} plans but {len(names)} labels: give one for each.")
    use_style()
    figure = Figure(figsize=(8.6, 1.7 + 0.55 * len(plans)), dpi=DPI)
    axes = figure.subplots()
    left = [0.0] * len(plans)
    for k, part in enumerate(plans[0].memory):
        sizes = [one.memory[part] / GIB for one in plans]
        axes.barh(
            range(len(plans)),
            sizes,
            left=left,
            label=part,
            color=(*COLOURS, "white")[k],
            hatch=HATCHES[k % len(HATCHES)],
            edgecolor="white" if k == 0 else "black",
            linewidth=0.5,
        )
        left = [start + size for start, size in zip(left, sizes, strict=True)]
    for limit in sorted({one.machine.memory / GIB for one in plans}):
        axes.axvline(limit, color="black", linestyle="--", linewidth=1.5, marker="")
        axes.text(limit, -0.5, f" {limit:g} GiB", ha="left", va="bottom", fontsize=8)
    for row, (one, end) in enumerate(zip(plans, left, strict=True)):
        axes.text(end, row, f" {size_words(one.total_memory)}", va="center", fontsize=8)
    axes.set_yticks(range(len(plans)), names)
    axes.set_ylim(len(plans) - 0.4, -0.75)
    reach = max(*left, *(one.machine.memory / GIB for one in plans))
    axes.set_xlim(0, 1.18 * reach)
    axes.set(xlabel="memory of one GPU (GiB)", title=_title(plans))
    axes.grid(visible=False, axis="y")
    figure.legend(loc="outside lower center", ncols=4, fontsize=8)
    return figure


def memory_by_batch_figure(
    preset: str, batches: Sequence[int], variants: dict[str, dict[str, object]]
) -> Figure:
    """Memory of one GPU against the batch, a line for each variant of the plan.

    variants: label -> arguments of :func:`plan`, as `{"tiled": {"loss": "tiled"}}`.
    """
    use_style()
    figure = Figure(figsize=(7.0, 4.0), dpi=DPI)
    axes = figure.subplots()
    for label, how in variants.items():
        sizes = [plan(preset, batch_size=n, **how).total_memory / GIB for n in batches]  # type: ignore[arg-type]
        axes.plot(batches, sizes, label=label, markevery=1)
    axes.set_xscale("log", base=2)
    axes.set_yscale("log")
    axes.set(xlabel="batch (pairs)", ylabel="memory of one GPU (GiB)", title=preset)
    axes.legend()
    return figure


class PlanExplorer(ipywidgets.VBox):
    """Controls for model, batch, GPUs and how it is trained; `picture` and `words` follow them."""

    def __init__(self, preset: str = "ViT-B/32", presets: Sequence[str] = WIDGET_PRESETS) -> None:
        if preset not in presets:
            raise ValueError(
                f"{preset!r} is not among this widget's models. They are: {', '.join(presets)}."
            )

        def choice(
            name: str, options: Sequence[object], value: object, tip: str
        ) -> ipywidgets.Dropdown:
            return ipywidgets.Dropdown(
                options=list(options), value=value, description=name, tooltip=tip
            )

        powers = [2**k for k in range(6, 17)]
        batches = [(f"{n:,}", n) for n in powers]
        gpus = [(f"{n:,}", n) for n in (1, 2, 4, 8, 16, 64, 256, 512)]
        self.preset = choice("model", presets, preset, "a preset of clipedu.models")
        self.batch = choice("batch", batches, 32_768, "pairs a step, over all GPUs")
        self.gpus = choice("GPUs", gpus, 8, "how many GPUs share the batch")
        self.gpu = choice("GPU", list(MACHINES), "A100", "which GPU")
        self.precision = choice("precision", ("fp32", "bf16", "fp16"), "bf16", "of the autocast")
        self.loss = choice("loss", LOSSES, "local", "how much of the (N, N) matrix a GPU holds")
        self.checkpointing = ipywidgets.Checkbox(
            value=False,
            description="checkpointing",
            tooltip="keep only the inputs of blocks and compute the rest again",
        )
        self.picture, self.words = ipywidgets.HTML(), ipywidgets.HTML()
        left = [self.preset, self.batch, self.gpus, self.gpu]
        right = [self.precision, self.loss, self.checkpointing]
        for control in (*left, *right):
            control.observe(self._draw, names="value")
        columns = ipywidgets.HBox([ipywidgets.VBox(left), ipywidgets.VBox(right)])
        super().__init__([columns, self.picture, self.words])
        self._draw()

    def plan(self) -> Plan:
        """The plan that the controls ask for. Raises ValueError where there can be none."""
        return plan(
            self.preset.value,
            batch_size=self.batch.value,
            pairs=PAPER_PAIRS_SEEN,
            gpus=self.gpus.value,
            gpu=self.gpu.value,
            precision=self.precision.value,
            loss=self.loss.value,
            checkpointing=self.checkpointing.value,
        )

    def _draw(self, _change: object = None) -> None:
        try:
            ours = self.plan()
        except ValueError as error:
            self.words.value = f'<p role="status">{html.escape(str(error))}</p>'
            return
        said = plan_sentence(ours)
        self.picture.value = picture_html(plan_figure(ours), said)
        self.words.value = f'<p role="status">{html.escape(said)}</p>'

    def __repr__(self) -> str:
        return "planner: model, batch, GPUs and how it is trained (it needs a running notebook)"


def plan_explorer(preset: str = "ViT-B/32") -> PlanExplorer:
    """Seven controls: the memory of one GPU by part, and the days that a run takes.

    preset: the model to begin with. Raises ValueError for one that is not in `WIDGET_PRESETS`.
    """
    return PlanExplorer(preset)


def _label(plan: Plan) -> str:
    words = [f"{plan.loss} loss"]
    if plan.chunk:
        words.append(f"chunks of {plan.chunk:,}")
    if plan.checkpointing:
        words.append("checkpointing")
    return ", ".join(words)


def _title(plans: Sequence[Plan]) -> str:
    first = plans[0]
    if len({(one.name, one.batch_size, one.gpus, one.gpu) for one in plans}) > 1:
        return "Memory by part"
    return f"{first.name}, batch {first.batch_size:,} on {first.gpus:,} x {first.gpu}"
