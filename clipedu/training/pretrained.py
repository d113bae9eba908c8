"""The trained model that the package carries, so that every lesson can start at once."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from clipedu.models import CLIP
from clipedu.tokenizer import Tokenizer
from clipedu.training.checkpoint import load_model

ASSETS = Path(__file__).parents[1] / "assets"


def pretrained_names() -> list[str]:
    """What :func:`load_pretrained` knows by name."""
    return sorted(path.stem for path in ASSETS.glob("*.safetensors"))


def load_pretrained(
    path_or_name: str | Path = "laptop", *, device: str = "cpu"
) -> tuple[CLIP, Tokenizer, dict[str, Any]]:
    """A trained model in eval mode, its tokenizer, and its card: data, recipe, minutes, accuracies.

    Args:
        path_or_name: the name of a model in the package, a .safetensors file, or a run's folder.
    Raises:
        FileNotFoundError: neither a name nor a file; lists the names.
        CheckpointError: the file is damaged.
    """
    text = str(path_or_name)
    if text in pretrained_names():
        file = ASSETS / f"{text}.safetensors"
    elif Path(path_or_name).exists():
        file = Path(path_or_name)
    else:
        names = ", ".join(pretrained_names()) or "none in this copy of the package"
        raise FileNotFoundError(
            f"There is no trained model {text!r}. Give a name ({names}), a .safetensors file or "
            "the folder of a run."
        )
    model, tokenizer, about = load_model(file, device=device)
    card = file.with_suffix(".json")
    if file.is_file() and card.exists():
        about = {**about, **json.loads(card.read_text("utf-8"))}
    return model, tokenizer, about
