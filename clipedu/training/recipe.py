"""A recipe: every number that decides what a training run does, in one frozen dataclass.

A recipe and a seed determine a run; the machine only decides how long it takes. What can't work is
refused before any data is read. To change one: `dataclasses.replace(RECIPES["laptop"], steps=300)`.
"""

from __future__ import annotations

import dataclasses
import difflib
import json
import math
import sys
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal

import torch

from clipedu.device import is_accelerator
from clipedu.files import write_whole
from clipedu.models import PRESETS, CLIPConfig, ViTConfig, count_flops
from clipedu.numbers import is_whole
from clipedu.objectives import OBJECTIVES, OLD_NAMES, PLAIN, check_options
from clipedu.pairs import CAPTION_MIXES, NONE, TRAINING_FAMILIES, Augmentation
from clipedu.training.adapt import METHODS
from clipedu.training.optimizer import SCHEDULES, learning_rate


@dataclass(frozen=True)
class Execution:
    """How a step is carried out: its memory and its time change, not what it computes.

    The gradient is the same up to the order of sums (1e-10 in float64), but for batch norms: see
    :mod:`clipedu.training.grad_cache`.
    """

    accumulate: int = 1  # chunks of a rank's batch, embedded one after the other (GradCache)
    tile: int = 0  # rows and columns of the loss computed at a time; 0: the whole matrix at once
    gather: Literal["local", "gathered"] = "local"  # see clipedu.objectives.sharded
    recompute: bool = False  # keep no activations inside blocks: the backward computes them again
    sharded: bool = False  # split weights, gradients and Adam's averages among the ranks (FSDP2)
    compile: bool = False  # let `torch.compile` fuse the encoders, which takes minutes, once

    def __post_init__(self) -> None:
        _check(self, "execution.")
        if self.sharded and self.compile:
            raise ValueError("execution.sharded and execution.compile don't go together, yet.")


@dataclass(frozen=True)
class Recipe:
    """What to train and how."""

    preset: str = "laptop"  # a name of `clipedu.models.PRESETS`
    model: Mapping[str, Any] = field(default_factory=dict)  # fields of the preset to change
    vocab_size: int = 4096
    context_length: int = 32  # SOT and EOT included; longer captions are cut off
    objective: str = "clip"  # a name of `clipedu.objectives.OBJECTIVES`
    options: Mapping[str, Any] = field(default_factory=dict)  # of it, see `objectives.OPTIONS`
    mask_same_captions: bool = True  # with "clip", "convirt": equal captions are no wrong answers
    batch_size: int = 512  # pairs a step
    steps: int = 1000
    optimizer: Literal["adamw", "muon"] = "adamw"  # "muon": for matrices, AdamW for the rest
    learning_rate: float = 2e-3  # the peak
    warmup: float = 0.05  # share of the steps in which the peak is reached
    schedule: str = "cosine"  # a name of `clipedu.training.optimizer.SCHEDULES`
    final_learning_rate: float = 0.0  # where the schedule ends, as a share of the peak
    betas: tuple[float, float] = (0.9, 0.98)  # AdamW's, as the next two
    eps: float = 1e-6
    weight_decay: float = 0.2  # of all weights that are not gains or biases
    max_logit_scale: float = 100.0  # the scale is clamped to this after each step (section 2.5)
    grad_clip: float | None = 1.0  # largest norm of the gradient; None, as in the paper: any
    precision: Literal["auto", "fp32", "bf16", "fp16"] = "auto"  # of the autocast
    ema_decay: float = 0.0  # above 0: return a moving average of the weights, with this decay
    augmentation: Augmentation = field(default_factory=Augmentation)  # how pictures are changed
    captions: str = "labels"  # a name of `clipedu.pairs.captions.CAPTION_MIXES`
    set_weights: Mapping[str, float] = field(default_factory=dict)  # how often an icon set is drawn
    evaluate_every: int = 100  # steps between two, as the next; 0: only at the end
    checkpoint_every: int = 200
    patch_dropout: float = 0.0  # share of a ViT's patches left out (FLIP, arXiv 2212.00794)
    method: str = "scratch"  # or one of `clipedu.training.METHODS`, for fine-tuning
    rank: int = 4  # of the updates of "lora"
    pixels: Literal["course", "openai"] = "course"  # OpenAI's weights expect their mean and std
    execution: Execution = field(default_factory=Execution)

    def __post_init__(self) -> None:
        # As JSON has them; what is of another kind is left for _check to refuse.
        for name, kind in (("augmentation", Augmentation), ("execution", Execution)):
            if isinstance(data := getattr(self, name), Mapping):
                object.__setattr__(self, name, _from_data(kind, data, name))
        if isinstance(self.betas, list):
            object.__setattr__(self, "betas", tuple(self.betas))
        if _among(self.objective, OLD_NAMES):
            object.__setattr__(self, "objective", OLD_NAMES[self.objective])
        _check(self)
        _check(self.augmentation, "augmentation.")
        object.__setattr__(self, "options", check_options(self.objective, self.options))
        for name, usual in (("accumulate", 1), ("tile", 0)):
            if self.objective not in PLAIN and getattr(self.execution, name) != usual:
                only = f"for {self.objective}: only the losses of clip and siglip come in parts"
                raise ValueError(f"execution.{name} must be {usual} {only}.")
        try:  # a whole encoder's config becomes plain data, so that a recipe equals its file's
            plain = json.loads(json.dumps(dict(self.model), default=dataclasses.asdict))
            object.__setattr__(self, "model", plain)
            config = self.config()
        except (TypeError, ValueError) as error:  # an unknown field, or a number instead of a list
            words = (
                f"fields of {self.preset}, each with a value of the same kind as {self.preset}'s"
            )
            raise ValueError(f"model must name {words}, not {self.model!r}: {error}") from error
        if self.patch_dropout and not isinstance(config.vision, ViTConfig):
            why = "its image encoder has no patches to leave out, a ViT has"
            raise ValueError(f"patch_dropout must be 0 for {self.preset}: {why}.")
        if self.optimizer == "muon" and self.execution.sharded:
            why = "Muon looks at a matrix as a whole, and these split it among the ranks"
            raise ValueError(f"optimizer must be 'adamw' with execution.sharded: {why}.")
        if self.method != "scratch" and self.objective != "clip":
            raise ValueError("objective must be 'clip' in fine-tuning: a CLIP is what there is.")
        if self.method == "lora" and self.execution.sharded:
            raise ValueError("method must not be 'lora' with execution.sharded, which splits W.")
        if self.batch_size % (chunks := self.execution.accumulate):
            words = f"batch_size must be divisible by execution.accumulate, which is {chunks}"
            raise ValueError(f"{words}, not {self.batch_size}.")

    @property
    def warmup_steps(self) -> int:
        """Warm-up in steps."""
        return round(self.warmup * self.steps)

    def learning_rate_at(self, step: int) -> float:
        """The learning rate of a step, counted from 0."""
        peak, final = self.learning_rate, self.final_learning_rate
        shape: Any = {"warmup_steps": self.warmup_steps, "schedule": self.schedule}
        return learning_rate(step, steps=self.steps, peak=peak, final=final, **shape)

    def config(self, vocab_size: int | None = None) -> CLIPConfig:
        """The model's config; `vocab_size`: what the tokenizer has, if it found fewer merges."""
        sizes = {"vocab_size": vocab_size or self.vocab_size, "context_length": self.context_length}
        return PRESETS[self.preset].replace(**{**sizes, **self.model})

    def to_dict(self) -> dict[str, Any]:
        """Plain data for JSON; :meth:`from_dict` reads it back."""
        return dataclasses.asdict(self)

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Recipe:
        """What :meth:`to_dict` wrote. Raises ValueError for an unknown field or a bad value."""
        if not isinstance(data, Mapping):
            raise ValueError(f"A recipe is a set of named values, not a {type(data).__name__}.")
        return _from_data(cls, data, "A recipe")

    def save(self, path: str | Path) -> None:
        """Writes JSON that people can read."""
        write_whole(path, json.dumps(self.to_dict(), indent=1) + "\n")

    @classmethod
    def load(cls, path: str | Path) -> Recipe:
        """Reads what :meth:`save` wrote. Raises FileNotFoundError, or ValueError for no recipe."""
        try:
            return cls.from_dict(json.loads(Path(path).read_text("utf-8-sig")))
        except FileNotFoundError:
            raise FileNotFoundError(f"There is no recipe at {path}.") from None
        except ValueError as error:
            raise ValueError(f"{path} is not a recipe: {error}") from error


def _from_data(kind: type[Any], data: Mapping[str, Any], what: str) -> Any:
    """A dataclass of named values. Raises ValueError for a name that is no field of it."""
    known = [f.name for f in dataclasses.fields(kind)]
    for name in data:
        if name not in known:
            close = difflib.get_close_matches(str(name), known, 1)
            hint = f"Did you mean {close[0]!r}?" if close else f"There are: {', '.join(known)}."
            raise ValueError(f"{what} has no field {name!r}. {hint}")
    return kind(**data)


def get_recipe(recipe: str | Recipe) -> Recipe:
    """A recipe by name, or itself. Raises ValueError that lists the names."""
    if isinstance(recipe, Recipe):
        return recipe
    if recipe not in RECIPES:
        raise ValueError(f"There is no recipe {recipe!r}. The recipes are: {', '.join(RECIPES)}.")
    return RECIPES[recipe]


def _among(x: Any, names: Iterable[str]) -> bool:
    return x in list(names)


def _whole(x: Any, least: int) -> bool:
    return is_whole(x) and x >= least


def _number(x: Any, least: float, most: float) -> bool:
    return isinstance(x, (int, float)) and not isinstance(x, bool) and least <= x <= most


def _pair(x: Any, least: float, most: float) -> bool:
    return isinstance(x, tuple) and len(x) == 2 and all(_number(y, least, most) for y in x)


def _weights(x: Any) -> bool:
    return isinstance(x, Mapping) and all(
        key in TRAINING_FAMILIES and _number(value, 1e-6, 1e6) for key, value in x.items()
    )


def _number_or_none(x: Any, least: float, most: float) -> bool:
    return x is None or _number(x, least, most)


_BELOW_1, _LARGEST = math.nextafter(1, 0), sys.float_info.max
_SWITCH = (isinstance, bool, "true or false")
_EVERY = (_whole, 0, "a whole number of steps, or 0 for only at the end")
_STRENGTH = (_number, 0, _LARGEST, "a finite number from 0")

#: What each field must be: a test of its value, the test's limits, and the same in words.
_RULES: dict[str, tuple[Any, ...]] = {
    "preset": (_among, PRESETS, f"one of {', '.join(PRESETS)}"),
    "model": (isinstance, Mapping, 'a set of named values, as {"vision_width": 48}'),
    "vocab_size": (_whole, 258, "a whole number from 258 (256 bytes, SOT, EOT)"),
    "context_length": (_whole, 3, "a whole number from 3 (SOT, one token, EOT)"),
    "objective": (_among, OBJECTIVES, f"one of {', '.join(OBJECTIVES)}"),
    "options": (isinstance, Mapping, 'a set of named values, as {"lam": 0.5}'),
    "mask_same_captions": _SWITCH,
    "batch_size": (
        _whole,
        2,
        "a whole number from 2 (one pair has no wrong caption: its loss is 0)",
    ),
    "steps": (_whole, 1, "a whole number from 1"),
    "optimizer": (_among, ["adamw", "muon"], "one of adamw, muon"),
    "learning_rate": (_number, 1e-12, 10, "a number above 0, such as 2e-3"),
    "warmup": (_number, 0, 1, "a share of the steps, from 0 to 1"),
    "schedule": (_among, SCHEDULES, f"one of {', '.join(SCHEDULES)}"),
    "final_learning_rate": (_number, 0, 1, "a share of the peak, from 0 to 1"),
    "betas": (_pair, 0, _BELOW_1, "two numbers from 0 to below 1, such as (0.9, 0.98)"),
    "eps": (_number, 1e-30, 1, "a small number above 0, such as 1e-6"),
    "weight_decay": (_number, 0, 10, "0 or a small number, such as 0.2"),
    "max_logit_scale": (_number, 1, 1e6, "1 or more; the paper takes 100"),
    "grad_clip": (_number_or_none, 1e-30, _LARGEST, "above 0, or None for no clipping"),
    "precision": (_among, ["auto", "fp32", "bf16", "fp16"], "one of auto, fp32, bf16, fp16"),
    "ema_decay": (_number, 0, 0.999999, "0 (off) or a number below 1, such as 0.999"),
    "augmentation": (isinstance, Augmentation, 'a set of named values, as {"thin": 0.2}'),
    "captions": (_among, CAPTION_MIXES, f"one of {', '.join(CAPTION_MIXES)}"),
    "set_weights": (_weights, 'training icon sets with numbers above 0, as {"openmoji": 3.0}'),
    "evaluate_every": _EVERY,
    "checkpoint_every": _EVERY,
    "patch_dropout": (_number, 0, 0.95, "0 (off) or a share below 1, such as 0.5"),
    "method": (_among, ["scratch", *METHODS], f"one of scratch, {', '.join(METHODS)}"),
    "rank": (_whole, 1, "a whole number from 1, such as 4"),
    "pixels": (_among, ["course", "openai"], "one of course, openai"),
    "execution": (isinstance, Execution, 'a set of named values, as {"tile": 1024}'),
    # of the execution
    "accumulate": (_whole, 1, "1 or more chunks"),
    "tile": (_whole, 0, "a number of rows, or 0"),
    "gather": (_among, ["local", "gathered"], "one of local, gathered"),
    **dict.fromkeys(("recompute", "sharded", "compile"), _SWITCH),
    # of the augmentation: shares of the pictures, and strengths
    **{f.name: (_number, 0, 1, "a share from 0 to 1") for f in dataclasses.fields(Augmentation)},
    **dict.fromkeys(("degrees", "shift", "stretch", "warp"), _STRENGTH),
    "scale": (_number, 0, _BELOW_1, "a number from 0 to below 1"),  # at 1 nothing would be left
}


def _check(owner: Any, prefix: str = "") -> None:
    """Raises ValueError, in a sentence, for the first field whose value breaks its rule."""
    for name in (f.name for f in dataclasses.fields(owner)):
        value, (fits, *limits, words) = getattr(owner, name), _RULES[name]
        if not fits(value, *limits):
            raise ValueError(f"{prefix}{name} must be {words}, not {value!r}.")
        if is_whole(value):  # numpy's whole numbers are not JSON's
            object.__setattr__(owner, name, int(value))


# What differs between the artists of icon sets is the pen: strokes grow and shrink, and emoji lose
# their colors half the time. In longer runs, which could memorize every picture: proportions, too.
_PENS = Augmentation(thicken=0.3, thin=0.2, lines=0.5)
_STRONG = replace(_PENS, outline=0.1, degrees=12.0, scale=0.25, shift=0.1)
_ELASTIC = replace(_STRONG, stretch=0.2, warp=0.02)

#: What this course trains, and what the paper trained.
RECIPES: dict[str, Recipe] = {
    # Seconds, for tests.
    "tiny": Recipe(
        preset="tiny", vocab_size=512, context_length=16, batch_size=32, steps=20, warmup=0.1,
        evaluate_every=10, checkpoint_every=5,
    ),
    # Three minutes on two cores. Chosen on two sets that were left out (benchmarks/LEADERBOARD.md).
    "lesson": Recipe(
        preset="laptop_vit_stem", steps=320, optimizer="muon", learning_rate=8e-3, warmup=0.1,
        captions="sentences", augmentation=_PENS, evaluate_every=40,
    ),
    # Six to eight minutes on two cores: the same in a longer run, with pictures changed more.
    "laptop": Recipe(
        preset="laptop_vit_stem", steps=900, optimizer="muon", learning_rate=8e-3, warmup=0.1,
        captions="sentences", augmentation=_STRONG, evaluate_every=300, checkpoint_every=300,
    ),
    # The checkpoint that comes with the package: two blocks more, pictures bent as well. Emoji are
    # drawn twice as often, as they alone have colors.
    "shipped": Recipe(
        preset="laptop_vit_stem", model={"vision_layers": 6}, steps=3600, optimizer="muon",
        warmup=0.05, captions="sentences", set_weights={"openmoji": 2.0}, augmentation=_ELASTIC,
        evaluate_every=600, checkpoint_every=600,
    ),
    # The paper's ViT-B/32, for reading: 32 epochs of 400 million pairs (section 2.5, Tables 18-20).
    "paper": Recipe(
        preset="ViT-B/32", vocab_size=49_408, context_length=77, mask_same_captions=False,
        batch_size=32_768, steps=390_625, learning_rate=5e-4, warmup=2000 / 390_625, grad_clip=None,
        precision="fp16", augmentation=NONE, evaluate_every=0, checkpoint_every=1000,
    ),
}  # fmt: skip


def training_flops(recipe: str | Recipe) -> float:
    """Floating-point operations of the whole run: each pair forward, and backward at twice that."""
    recipe = get_recipe(recipe)
    multiply_adds = count_flops(recipe.config())
    forward = 2 * (multiply_adds["visual"] + multiply_adds["text"])
    return 3 * forward * recipe.batch_size * recipe.steps


def refuse_unaffordable(recipe: Recipe, device: str | torch.device) -> None:
    """Raises ValueError, with its compute in years, for a run of more than about ten days."""
    gpu = is_accelerator(device)
    # What we measured on two CPU cores in training, and the order of a large GPU.
    flops, per_second = training_flops(recipe), 1e14 if gpu else 3e11
    if flops > 1e6 * per_second:
        days = flops / per_second / 86_400
        span = f"{days / 365:,.0f} years" if days > 730 else f"{days:,.0f} days"
        raise ValueError(
            f"This recipe is for reading, not for this machine: {recipe.preset} on "
            f"{recipe.batch_size * recipe.steps:,} pairs needs about {flops:.1e} floating-point "
            f"operations, about {span} for {'one large GPU' if gpu else 'two laptop cores'}. The "
            "paper trained its largest ViT on 256 V100 GPUs for 12 days. Train "
            'RECIPES["laptop"] instead.'
        )
