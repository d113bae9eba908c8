"""The student's own model: load `my_clip.py`, keep what it trained, and use it in later lessons."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from types import ModuleType
from typing import Any

from clipedu.models import CLIP, CLIPConfig, build
from clipedu.tokenizer import Tokenizer
from clipedu.training.checkpoint import load_model, load_pretrained, load_weights_, save_model
from clipedu_classroom import my_clip
from clipedu_classroom.source import course_root

WEIGHTS = "my_clip.safetensors"
SOLUTION = f"solutions/{my_clip.NAME}"


def load_my_clip() -> ModuleType:
    """Import `my_clip.py` anew, and print whose it is.

    The student's file in the course's folder; without one the course's own, `solutions/my_clip.py`.
    Raises ImportError, with the line, when the student's file cannot be imported.
    """
    path = my_clip.folder() / my_clip.NAME
    try:
        text = my_clip.student_file()
        whose = list(my_clip.standing().values())
        if text:
            own = sum(bool(who) for who in whose)
            rest = "" if own == len(whose) else "; the others are imported from clipedu"
            print(f"This is your {path.name}: {own} of {len(whose)} parts are in it{rest}.")
        else:
            path = course_root() / SOLUTION
            text = path.read_text("utf-8") if path.is_file() else my_clip.complete()
            print(f"This is {SOLUTION}: there is no {path.name} of your own yet.")
        return my_clip.load(text, "my_clip_of_this_course", str(path))
    except (my_clip.Refused, ImportError) as error:
        raise ImportError(
            f"{path.name} cannot be imported: {error}. Repair it, or take an earlier version from "
            f"{my_clip.VERSIONS}/."
        ) from error


def save_mine(model: Any, tokenizer: Any) -> Path:
    """Keep a trained model and its tokenizer beside `my_clip.py`, in one file; returns its path.

    model: the `CLIP` of my_clip.py, or the library's. The file is written whole or not at all.
    Raises CheckpointError when weights do not fit the config, OSError when it can't be written.
    """
    library = build(as_library_config(model.config), seed=0)
    state = {name: value.detach().cpu() for name, value in model.state_dict().items()}
    load_weights_(library, state, "this model")
    return save_model(my_clip.folder() / WEIGHTS, library, Tokenizer(tokenizer.merges))


def as_library_config(config: Any) -> CLIPConfig:
    """The library's config with the fields of that of my_clip.py."""
    data = dataclasses.asdict(config)
    return CLIPConfig.from_dict({**data, "vision": {"kind": "vit", **data["vision"]}})


def use(which: str = "laptop") -> tuple[CLIP, Tokenizer]:
    """A trained model in eval mode and its tokenizer: "mine", or a checkpoint that the course has.

    Raises FileNotFoundError when there is no model of your own yet, or none of that name.
    """
    if which != "mine":
        return load_pretrained(which)[:2]
    path = my_clip.folder() / WEIGHTS
    if not path.is_file():
        raise FileNotFoundError(
            "There is no model of your own yet. Run lesson 04 to its end: it trains the CLIP of "
            f'your {my_clip.NAME} and keeps it as {WEIGHTS}. Until then, take use("laptop").'
        )
    return load_model(path)[:2]
