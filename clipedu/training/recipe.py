"""A recipe: every number that decides what a training run does, in one frozen dataclass.

Notable:

* a recipe and a seed determine a run; the machine only decides how long it takes;
* it is plain data: `to_dict` and `from_dict` carry it through JSON, and a checkpoint holds its
  recipe;
* `dataclasses.replace(RECIPES["laptop"], steps=300)` is how one is changed. What can't work is
  refused at once, with a sentence, before any data is read;
* the paper's numbers beside these, and what they would cost, are in :mod:`clipedu.training.paper`.
"""

from __future__ import annotations

import dataclasses
import difflib
import json
import math
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal

from clipedu.files import write_whole
from clipedu.models import PRESETS, CLIPConfig, ResNetConfig, TextConfig, ViTConfig
from clipedu.models.config import tower_to_dict
from clipedu.pairs import Augmentation
from clipedu.training.execution import Execution

OBJECTIVES = ("infonce", "siglip")
PRECISIONS = ("auto", "fp32", "bf16", "fp16")
_SHARES = ("invert", "thicken", "thin", "outline", "lines", "affine", "flip", "erase")


@dataclass(frozen=True)
class Recipe:
    """What to train and how.

    Attributes:
        preset: a name of `clipedu.models.PRESETS`.
        model: fields of that preset to change, such as `{"vision_width": 48}`.
        vocab_size: how large a vocabulary the tokenizer learns, its 256 bytes and SOT and EOT
            included.
        context_length: tokens a caption may have, SOT and EOT included; longer ones lose their end.
        objective: "infonce" (paper Fig 3) or "siglip" (arXiv 2303.15343).
        mask_same_captions: with "infonce", let equal captions in a batch not count as wrong
            answers.
        batch_size: pairs a step.
        steps: optimizer steps.
        learning_rate: at the peak, where warm-up ends.
        warmup: share of the steps during which the learning rate rises from near 0 to its peak.
        final_learning_rate: where the cosine ends, as a share of the peak.
        betas, eps, weight_decay: AdamW's; decay is decoupled and spares gains and biases.
        max_logit_scale: the scale is clamped to this after each step (paper section 2.5: 100).
        grad_clip: largest length of the whole gradient; None: not clipped, as in the paper.
        precision: of the autocast: "fp32", "bf16", "fp16", or "auto": what the device does fast.
        ema_decay: keep a moving average of the weights with this decay and return that; 0: off.
        augmentation: how pictures are changed, see :class:`clipedu.pairs.Augmentation`.
        evaluate_every: steps between evaluations; 0: only at the end.
        checkpoint_every: steps between checkpoints; 0: only at the end.
        patch_dropout: share of a ViT's patches that each training step leaves out (FLIP,
            arXiv 2212.00794); 0: none.
        execution: how a step is carried out: chunks, tiles, what is computed twice.
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
        if isinstance(self.augmentation, Mapping):  # from JSON
            augmentation = _part(Augmentation, "augmentation", self.augmentation)
            object.__setattr__(self, "augmentation", augmentation)
        if isinstance(self.execution, Mapping):
            object.__setattr__(self, "execution", _part(Execution, "execution", self.execution))
        if isinstance(self.model, Mapping):  # anything else is left for _check to refuse
            object.__setattr__(self, "model", _as_json(dict(self.model)))
        if isinstance(self.betas, (list, tuple)):
            object.__setattr__(self, "betas", tuple(self.betas))
        _check(self)

    @property
    def warmup_steps(self) -> int:
        """Warm-up in steps."""
        return round(self.warmup * self.steps)

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
        known = [f.name for f in dataclasses.fields(cls)]
        for name in data:
            if name not in known:
                close = difflib.get_close_matches(str(name), known, 1)
                hint = f"Did you mean {close[0]!r}?" if close else f"There are: {', '.join(known)}."
                raise ValueError(f"A recipe has no field {name!r}. {hint}")
        return cls(**data)

    def save(self, path: str | Path) -> None:
        """Writes JSON that people can read."""
        write_whole(path, json.dumps(self.to_dict(), indent=1) + "\n")

    @classmethod
    def load(cls, path: str | Path) -> Recipe:
        """Reads what :meth:`save` wrote. Raises FileNotFoundError, or ValueError for no recipe."""
        try:
            return cls.from_dict(json.loads(Path(path).read_text("utf-8")))
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
    """What JSON gives back: so that a recipe equals itself after a file, whole towers included."""
    if isinstance(value, (ViTConfig, ResNetConfig, TextConfig)):
        return _as_json(tower_to_dict(value))
    if isinstance(value, dict):
        return {name: _as_json(inner) for name, inner in value.items()}
    return [_as_json(inner) for inner in value] if isinstance(value, (list, tuple)) else value


def _part(kind: type[Any], part: str, data: Mapping[str, Any]) -> Any:
    known = [f.name for f in dataclasses.fields(kind)]
    for name in data:
        if name not in known:
            raise ValueError(f"{part} has no field {name!r}. There are: {', '.join(known)}.")
    return kind(**data)


def _whole(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _number(value: object) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def _check(recipe: Recipe) -> None:
    def require(good: bool, name: str, expected: str) -> None:
        if not good:
            raise ValueError(f"{name} must be {expected}, not {getattr(recipe, name)!r}.")

    def between(name: str, low: float, high: float, expected: str) -> None:
        value = getattr(recipe, name)
        require(_number(value) and low <= value <= high, name, expected)

    for name, kind in (("model", dict), ("augmentation", Augmentation), ("execution", Execution)):
        good = isinstance(getattr(recipe, name), kind)
        require(good, name, 'a set of named values, as {"name": value}')
    require(recipe.preset in list(PRESETS), "preset", f"one of {', '.join(PRESETS)}")
    require(isinstance(recipe.mask_same_captions, bool), "mask_same_captions", "true or false")
    require(recipe.objective in OBJECTIVES, "objective", f"one of {', '.join(OBJECTIVES)}")
    require(recipe.precision in PRECISIONS, "precision", f"one of {', '.join(PRECISIONS)}")
    require(
        _whole(recipe.batch_size) and recipe.batch_size >= 2,
        "batch_size",
        "a whole number from 2 (a batch of 1 has no other caption to tell apart: its loss is 0)",
    )
    require(_whole(recipe.steps) and recipe.steps >= 1, "steps", "a whole number from 1")
    require(
        _whole(recipe.vocab_size) and recipe.vocab_size >= 258,
        "vocab_size",
        "a whole number from 258 (256 bytes, SOT, EOT)",
    )
    require(
        _whole(recipe.context_length) and recipe.context_length >= 3,
        "context_length",
        "a whole number from 3 (SOT, one token, EOT)",
    )
    for name in ("evaluate_every", "checkpoint_every"):
        value = getattr(recipe, name)
        require(
            _whole(value) and value >= 0, name, "a whole number of steps, or 0 for only at the end"
        )
    between("learning_rate", 1e-12, 10, "a number above 0, such as 2e-3")
    between("warmup", 0, 1, "a share of the steps, from 0 to 1")
    between("final_learning_rate", 0, 1, "a share of the peak, from 0 to 1")
    between("eps", 1e-30, 1, "a small number above 0, such as 1e-6")
    between("weight_decay", 0, 10, "0 or a small number, such as 0.2")
    between("max_logit_scale", 1, 1e6, "1 or more; the paper takes 100")
    between("ema_decay", 0, 0.999999, "0 (off) or a number below 1, such as 0.999")
    between("patch_dropout", 0, 0.95, "0 (off) or a share below 1, such as 0.5")
    require(
        recipe.grad_clip is None or (_number(recipe.grad_clip) and recipe.grad_clip > 0),
        "grad_clip",
        "above 0, or None for no clipping",
    )
    good = isinstance(recipe.betas, tuple) and len(recipe.betas) == 2
    good = good and all(_number(b) and 0 <= b < 1 for b in recipe.betas)
    require(good, "betas", "two numbers from 0 to below 1, such as (0.9, 0.98)")
    for name, value in vars(recipe.augmentation).items():
        if name in _SHARES:
            good, words = _number(value) and 0 <= value <= 1, "a share from 0 to 1"
        elif name == "scale":  # at 1 nothing would be left of a picture
            good, words = _number(value) and 0 <= value < 1, "a number from 0 to below 1"
        else:
            good, words = _number(value) and 0 <= value < math.inf, "a finite number from 0"
        if not good:
            raise ValueError(f"augmentation.{name} must be {words}, not {value!r}.")
    try:
        config = recipe.config()  # raises ValueError for a field that the preset does not have
    except TypeError as error:  # such as a number where a list belongs
        words = f"must give each field a value of the same kind as {recipe.preset}'s own"
        raise ValueError(f"model {words}, not {recipe.model!r}.") from error
    require(
        not recipe.patch_dropout or isinstance(config.vision, ViTConfig),
        "patch_dropout",
        f"0 for {recipe.preset}, whose image tower has no patches to leave out (a ViT has)",
    )
    chunks = recipe.execution.accumulate
    require(
        recipe.batch_size % chunks == 0,
        "batch_size",
        f"divisible by execution.accumulate, which is {chunks}",
    )


#: What differs between families that draw icons is the pen: strokes grow and shrink, and emoji lose
#: their colours half the time.
_PENS = Augmentation(thicken=0.3, thin=0.2, lines=0.5)
#: For runs long enough to learn every picture by heart.
_STRONG = Augmentation(
    thicken=0.3, thin=0.2, lines=0.5, outline=0.1, degrees=12.0, scale=0.25, shift=0.1
)
#: And for those longer still: proportions, too, differ from hand to hand.
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
    # in the place of a fall to 0: 43.1 against 36.4 % on pictures set aside, after 800 steps.
    "laptop": Recipe(
        steps=1200, augmentation=_STRONG, warmup=0.075, final_learning_rate=0.5, ema_decay=0.998,
        evaluate_every=300, checkpoint_every=300,
    ),
    # The checkpoint that comes with the package. Its image tower looks at full resolution first
    # and has more blocks than ten minutes allow: with six of its nine, 50.1 instead of 43.1 % on
    # pictures set aside after 800 steps. Warped pictures cost 1.3 points there at a training loss
    # of 1.8 instead of 1.3: room for a longer run.
    "shipped": Recipe(
        preset="laptop_deep", steps=4500, augmentation=_ELASTIC, warmup=0.03,
        final_learning_rate=0.3, ema_decay=0.999, evaluate_every=500, checkpoint_every=500,
    ),
}  # fmt: skip
