"""All objectives by name, and how a model of each is made."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from clipedu.models import CLIP, CLIPConfig
from clipedu.objectives.captioning import Captioner, VirTex
from clipedu.objectives.convirt import ConVIRT
from clipedu.objectives.masked import ICMLM
from clipedu.objectives.ngrams import VisualNGrams
from clipedu.objectives.simclr import SimCLR
from clipedu.objectives.words import BagOfWords

#: Plain CLIPs, whose losses can also be computed in tiles and over ranks.
PLAIN = ("clip", "siglip")
#: What `--objective` takes, and the class of its model.
OBJECTIVES: dict[str, type[CLIP]] = {
    "clip": CLIP,
    "siglip": CLIP,
    "convirt": ConVIRT,
    "virtex": VirTex,
    "caption": Captioner,
    "icmlm": ICMLM,
    "bow": BagOfWords,
    "ngrams": VisualNGrams,
    "simclr": SimCLR,
}
OLD_NAMES = {"infonce": "clip"}  # in recipes and checkpoints of the first edition
#: What a recipe's `options` may say, with the usual values.
OPTIONS: dict[str, dict[str, float | bool]] = {
    "convirt": {"lam": 0.75, "scale": 10.0, "heads": True, "learned_scale": False},
    "icmlm": {"share": 0.5},
    "ngrams": {"lam": 0.5},
    "simclr": {"scale": 10.0},
}


def new_model(
    objective: str,
    config: CLIPConfig,
    *,
    seed: int | None = None,
    options: Mapping[str, Any] | None = None,
    ngrams: Tensor | None = None,
) -> CLIP:
    """A new model with random weights; one seed gives the image encoder the same in all of them.

    options: see OPTIONS; ngrams: of `count_ngrams`, for "ngrams". Raises ValueError for an unknown
    name or option.
    """
    objective = OLD_NAMES.get(objective, objective)
    more = check_options(objective, options or {})
    if objective == "ngrams":
        more["ngrams"] = ngrams
    with torch.random.fork_rng(devices=[], enabled=seed is not None):
        if seed is not None:
            torch.manual_seed(seed)
        return OBJECTIVES[objective](config, **more)


def check_options(objective: str, options: Mapping[str, Any]) -> dict[str, Any]:
    """The options as a dict. Raises ValueError, in words, for what the objective does not have."""
    if objective not in OBJECTIVES:
        raise ValueError(f"objective must be one of {', '.join(OBJECTIVES)}, not {objective!r}.")
    known = OPTIONS.get(objective, {})
    for name, value in options.items():
        if name not in known:
            there = f"it has {', '.join(known)}" if known else "it has none"
            raise ValueError(f"{objective} has no option {name!r}: {there}.")
        if isinstance(known[name], bool):
            good, words = isinstance(value, bool), "true or false"
        else:
            good = isinstance(value, (int, float)) and not isinstance(value, bool)
            least, most = (1e-3, 1e3) if name == "scale" else (0, 1)
            good, words = good and least <= value <= most, f"a number from {least:g} to {most:g}"
        if not good:
            raise ValueError(f"{name} of {objective} must be {words}, not {value!r}.")
    return dict(options)


def chance_loss(objective: str, batch_size: int, vocab_size: int) -> float | None:
    """The loss of flat logits, about where training begins; None where it has no such landmark.

    ln N for a batch of N pairs, ln(2N - 1) for two views of each, ln V for a vocabulary of V words.
    """
    if objective in ("siglip", "ngrams"):
        return None
    if objective in ("clip", "convirt"):
        return math.log(batch_size)
    return math.log(2 * batch_size - 1) if objective == "simclr" else math.log(vocab_size)
