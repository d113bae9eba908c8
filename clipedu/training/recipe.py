"""A recipe: every number that decides what a training run does, in one frozen dataclass.

A recipe and a seed determine a run; the machine only decides how long it takes. What can't work is
refused at once, before any data is read. To change one:
`dataclasses.replace(RECIPES["laptop"], steps=300)`.
"""

from __future__ import annotations

import dataclasses
import difflib
import json
import math
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal

from clipedu.files import write_whole
from clipedu.models import PRESETS, CLIPConfig, ResNetConfig, TextConfig, ViTConfig
from clipedu.numbers import is_whole
from clipedu.pairs import Augmentation
from clipedu.training.optimizer import SCHEDULES, learning_rate


@dataclass(frozen=True)
class Execution:
    """How a step is carried out: its memory and its time change, not what it computes.

    The gradient is the same up to the order of sums, and a test says so to 1e-10 in float64. A
    batch norm is the exception: see :mod:`clipedu.training.grad_cache`.

    Attributes:
        accumulate: chunks of a rank's part of the batch, embedded one after the other (GradCache).
        tile: rows and columns of the loss computed at a time; 0: the whole matrix at once.
        gather: how ranks share the loss, see :mod:`clipedu.objectives.sharded`.
        recompute: forget what happens inside the encoders' blocks; the backward computes it again.
        sharded: split weights, gradients and Adam's averages among the ranks (FSDP2).
        compile: let `torch.compile` fuse the encoders, which takes minutes, once.
    """

    accumulate: int = 1
    tile: int = 0
    gather: Literal["local", "gathered"] = "local"
    recompute: bool = False
    sharded: bool = False
    compile: bool = False

    def __post_init__(self) -> None:
        _check(self, "execution.")
        if self.sharded and self.compile:
            raise ValueError(
                "execution.sharded and execution.compile don't go together: a compiled step has "
                "not been tried with split weights. Leave one of them out."
            )


@dataclass(frozen=True)
class Recipe:
    """What to train and how.

    Attributes:
        preset, model: a name of `clipedu.models.PRESETS`; fields of it to change.
        vocab_size, context_length: of the tokenizer and of a caption, SOT and EOT included; longer
            captions are cut off.
        objective: "infonce" (paper Fig 3) or "siglip" (arXiv 2303.15343).
        mask_same_captions: with "infonce", equal captions are no wrong answers to each other.
        batch_size, steps: pairs a step, and optimizer steps.
        learning_rate, warmup: the peak, and the share of the steps in which it is reached.
        schedule, final_learning_rate: a name of `clipedu.training.optimizer.SCHEDULES`, and where
            it ends, as a share of the peak.
        betas, eps, weight_decay: AdamW's; gains and biases are excluded from weight decay.
        max_logit_scale: the scale is clamped to this after each step (paper section 2.5: 100).
        grad_clip: gradients whose norm exceeds this are clipped; None, as in the paper: never.
        precision: of the autocast; "auto": what the device does fast.
        ema_decay: keep a moving average of the weights with this decay and return that; 0: off.
        augmentation: how pictures are changed.
        evaluate_every, checkpoint_every: steps between them; 0: only at the end.
        patch_dropout: share of a ViT's patches that a step leaves out (FLIP, arXiv 2212.00794).
    """

    preset: str = "laptop"
    model: Mapping[str, Any] = field(default_factory=dict)
    vocab_size: int = 4096
    context_length: int = 32
    objective: Literal["infonce", "siglip"] = "infonce"
    mask_same_captions: bool = True
    batch_size: int = 512
    steps: int = 1000
    learning_rate: float = 2e-3
    warmup: float = 0.05
    schedule: str = "cosine"
    final_learning_rate: float = 0.0
    betas: tuple[float, float] = (0.9, 0.98)
    eps: float = 1e-6
    weight_decay: float = 0.2
    max_logit_scale: float = 100.0
    grad_clip: float | None = 1.0
    precision: Literal["auto", "fp32", "bf16", "fp16"] = "auto"
    ema_decay: float = 0.0
    augmentation: Augmentation = field(default_factory=Augmentation)
    evaluate_every: int = 100
    checkpoint_every: int = 200
    patch_dropout: float = 0.0
    execution: Execution = field(default_factory=Execution)

    def __post_init__(self) -> None:
        # from JSON; what is of another kind is left for _check to refuse
        for name, kind in (("augmentation", Augmentation), ("execution", Execution)):
            if isinstance(data := getattr(self, name), Mapping):
                object.__setattr__(self, name, kind(**_known_fields(kind, data, name)))
        if isinstance(self.model, Mapping):
            object.__setattr__(self, "model", _as_json(dict(self.model)))
        if isinstance(self.betas, list):
            object.__setattr__(self, "betas", tuple(self.betas))
        _check(self)
        _check(self.augmentation, "augmentation.")
        try:
            config = self.config()
        except (TypeError, ValueError) as error:  # an unknown field, or a number instead of a list
            words = f"must name fields of {self.preset}, each with a value of the same kind as"
            raise ValueError(
                f"model {words} {self.preset}'s own, not {self.model!r}: {error}"
            ) from error
        if self.patch_dropout and not isinstance(config.vision, ViTConfig):
            raise ValueError(
                f"patch_dropout must be 0 for {self.preset}, whose image encoder has no patches to "
                f"leave out (a ViT has), not {self.patch_dropout!r}."
            )
        if self.batch_size % self.execution.accumulate:
            raise ValueError(
                "batch_size must be divisible by execution.accumulate, which is "
                f"{self.execution.accumulate}, not {self.batch_size}."
            )

    @property
    def warmup_steps(self) -> int:
        """Warm-up in steps."""
        return round(self.warmup * self.steps)

    def learning_rate_at(self, step: int) -> float:
        """The learning rate of a step, counted from 0."""
        return learning_rate(
            step,
            steps=self.steps,
            peak=self.learning_rate,
            warmup_steps=self.warmup_steps,
            final=self.final_learning_rate,
            schedule=self.schedule,
        )

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
        return cls(**_known_fields(cls, data, "A recipe"))

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


def get_recipe(recipe: str | Recipe) -> Recipe:
    """A recipe by name, or itself. Raises ValueError that lists the names."""
    if isinstance(recipe, Recipe):
        return recipe
    if recipe not in RECIPES:
        raise ValueError(f"There is no recipe {recipe!r}. The recipes are: {', '.join(RECIPES)}.")
    return RECIPES[recipe]


def differences(one: Recipe, other: Recipe) -> list[str]:
    """The fields in which two recipes differ, each with both values, for messages."""
    a, b = one.to_dict(), other.to_dict()
    return [f"{name} ({a[name]!r} / {b[name]!r})" for name in a if a[name] != b[name]]


def _as_json(value: Any) -> Any:
    """What JSON gives back, so that a recipe equals itself after a file."""
    if isinstance(value, (ViTConfig, ResNetConfig, TextConfig)):
        return _as_json(dataclasses.asdict(value))
    if isinstance(value, dict):
        return {name: _as_json(inner) for name, inner in value.items()}
    return [_as_json(inner) for inner in value] if isinstance(value, (list, tuple)) else value


def _known_fields(kind: type[Any], data: Mapping[str, Any], what: str) -> Mapping[str, Any]:
    """`data` itself. Raises ValueError for a name that is no field of this kind."""
    known = [f.name for f in dataclasses.fields(kind)]
    for name in data:
        if name not in known:
            close = difflib.get_close_matches(str(name), known, 1)
            hint = f"Did you mean {close[0]!r}?" if close else f"There are: {', '.join(known)}."
            raise ValueError(f"{what} has no field {name!r}. {hint}")
    return data


_BELOW_1 = math.nextafter(1, 0)
_FINITE = sys.float_info.max
_EVERY = (0, "a whole number of steps, or 0 for only at the end")
_SWITCH = (bool, "true or false")

#: What each field must be, in words after what is compared: a kind; (least,) of a whole number;
#: (least, most) of a number. A list: one of its names.
_RULES: dict[str, Any] = {
    **dict.fromkeys(("mask_same_captions", "recompute", "sharded", "compile"), _SWITCH),
    "model": (dict, 'a set of named values, as {"vision_width": 48}'),
    "augmentation": (Augmentation, 'a set of named values, as {"thin": 0.2}'),
    "execution": (Execution, 'a set of named values, as {"tile": 1024}'),
    "preset": list(PRESETS),
    "objective": ["infonce", "siglip"],
    "precision": ["auto", "fp32", "bf16", "fp16"],
    "schedule": list(SCHEDULES),
    "gather": ["local", "gathered"],
    "batch_size": (2, "a whole number from 2 (one pair has no wrong caption: its loss is 0)"),
    "steps": (1, "a whole number from 1"),
    "vocab_size": (258, "a whole number from 258 (256 bytes, SOT, EOT)"),
    "context_length": (3, "a whole number from 3 (SOT, one token, EOT)"),
    "accumulate": (1, "1 or more chunks"),
    "tile": (0, "a number of rows, or 0"),
    "evaluate_every": _EVERY,
    "checkpoint_every": _EVERY,
    "learning_rate": (1e-12, 10, "a number above 0, such as 2e-3"),
    "warmup": (0, 1, "a share of the steps, from 0 to 1"),
    "final_learning_rate": (0, 1, "a share of the peak, from 0 to 1"),
    "betas": (0, _BELOW_1, "two numbers from 0 to below 1, such as (0.9, 0.98)"),
    "eps": (1e-30, 1, "a small number above 0, such as 1e-6"),
    "weight_decay": (0, 10, "0 or a small number, such as 0.2"),
    "max_logit_scale": (1, 1e6, "1 or more; the paper takes 100"),
    "grad_clip": (1e-30, _FINITE, "above 0, or None for no clipping"),
    "ema_decay": (0, 0.999999, "0 (off) or a number below 1, such as 0.999"),
    "patch_dropout": (0, 0.95, "0 (off) or a share below 1, such as 0.5"),
    # of the augmentation: shares of the pictures, and strengths
    **{f.name: (0, 1, "a share from 0 to 1") for f in dataclasses.fields(Augmentation)},
    **dict.fromkeys(
        ("degrees", "shift", "stretch", "warp"), (0, _FINITE, "a finite number from 0")
    ),
    "scale": (0, _BELOW_1, "a number from 0 to below 1"),  # at 1 nothing would be left
}


def _check(owner: Any, prefix: str = "") -> None:
    """Raises ValueError, in a sentence, for the first field whose value breaks its rule."""
    for name in (f.name for f in dataclasses.fields(owner)):
        value, rule = getattr(owner, name), _RULES[name]
        *limits, words = (rule, f"one of {', '.join(rule)}") if isinstance(rule, list) else rule
        if name == "betas":
            good = isinstance(value, tuple) and len(value) == 2
            good = good and all(_is_number(beta, *limits) for beta in value)
        elif len(limits) == 2:
            good = _is_number(value, *limits) or (value is None and name == "grad_clip")
        elif isinstance(limits[0], list):
            good = value in limits[0]
        elif isinstance(limits[0], type):
            good = isinstance(value, limits[0])
        else:
            good = is_whole(value) and value >= limits[0]
        if not good:
            raise ValueError(f"{prefix}{name} must be {words}, not {value!r}.")
        if is_whole(value):  # numpy's whole numbers are not JSON's
            object.__setattr__(owner, name, int(value))


def _is_number(value: Any, least: float, most: float) -> bool:
    kinds = isinstance(value, (int, float)) and not isinstance(value, bool)
    return kinds and least <= value <= most


#: What differs between the artists of icon sets is the pen: strokes grow and shrink, and emoji lose
#: their colors half the time.
_PENS = Augmentation(thicken=0.3, thin=0.2, lines=0.5)
#: For runs long enough to memorize every picture.
_STRONG = replace(_PENS, outline=0.1, degrees=12.0, scale=0.25, shift=0.1)
#: And for those longer still: proportions, too, differ from artist to artist.
_ELASTIC = replace(_STRONG, stretch=0.2, warp=0.02)

#: What this course trains. `tiny` takes seconds, for tests; `lesson` about three minutes and
#: `laptop` about ten on two CPU cores; `shipped` made the checkpoint that the package carries. The
#: paper's is `paper_recipe()`.
RECIPES: dict[str, Recipe] = {
    "tiny": Recipe(
        preset="tiny", vocab_size=512, context_length=16, batch_size=32, steps=20, warmup=0.1,
        evaluate_every=10, checkpoint_every=5,
    ),
    # Some three minutes on two cores: few steps, so the schedule does its whole turn in them.
    "lesson": Recipe(steps=400, augmentation=_PENS, evaluate_every=50),
    # Eight to eleven minutes on two cores. A rate that stays high and a long average of the weights
    # instead of a fall to 0: 43.1 against 36.4 % on pictures set aside, after 800 steps.
    "laptop": Recipe(
        steps=1200, augmentation=_STRONG, warmup=0.075, final_learning_rate=0.5, ema_decay=0.998,
        evaluate_every=300, checkpoint_every=300,
    ),
    # The checkpoint that comes with the package. Its image encoder looks at full resolution first
    # and has more blocks than ten minutes allow: with six of its nine, 50.1 instead of 43.1 % on
    # pictures set aside after 800 steps. Warped pictures cost 1.3 points there at a training loss
    # of 1.8 instead of 1.3: room for a longer run.
    "shipped": Recipe(
        preset="laptop_deep", steps=4500, augmentation=_ELASTIC, warmup=0.03,
        final_learning_rate=0.3, ema_decay=0.999, evaluate_every=500, checkpoint_every=500,
    ),
}  # fmt: skip
