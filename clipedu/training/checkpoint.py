"""Checkpoints: safetensors with a JSON header, written whole or not at all, and never pickle.

One file holds everything, so that weights can't be paired with the wrong tokenizer: tensors, and in
the header the model's config, the tokenizer, the recipe and a checksum. A **model** (weights under
openai/CLIP's names) is for use; a **checkpoint** also holds what it takes to resume a run.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from clipedu.files import draft_of
from clipedu.models import CLIP, CLIPConfig, build
from clipedu.tokenizer import Tokenizer
from clipedu.training.parallel import split_like
from clipedu.training.recipe import Recipe

FORMAT = "clipedu checkpoint 1"
CHECKPOINT_NAME = "checkpoint.safetensors"
MODEL_NAME = "model.safetensors"
ASSETS = Path(__file__).parents[1] / "assets"


class CheckpointError(ValueError):
    """A file that can't be used as what it was given for; the message says why and what to do."""


@dataclass
class Checkpoint:
    """A training run after `step` steps.

    model: weights by openai/CLIP's names; average: the moving average of them, or empty; optimizer:
    AdamW's state, see `optimizer_tensors`; extra: SigLIP's bias, torch's random state; facts: plain
    values, such as the seconds so far and the fingerprint of the data.
    """

    recipe: Recipe
    seed: int
    step: int
    config: CLIPConfig
    tokenizer: Tokenizer
    model: dict[str, Tensor]
    optimizer: dict[str, Tensor]
    average: dict[str, Tensor] = field(default_factory=dict)
    extra: dict[str, Tensor] = field(default_factory=dict)
    facts: dict[str, Any] = field(default_factory=dict)


_PARTS = ("model", "optimizer", "average", "extra")


def save_checkpoint(path: str | Path, checkpoint: Checkpoint) -> Path:
    """Writes a checkpoint. Raises OSError (a full disk), and then leaves what was at `path`."""
    parts = ((part, getattr(checkpoint, part)) for part in _PARTS)
    tensors = {f"{part}/{name}": x for part, named in parts for name, x in named.items()}
    header = {
        "kind": "checkpoint",
        **{name: getattr(checkpoint, name).to_dict() for name in ("config", "tokenizer", "recipe")},
        **{name: getattr(checkpoint, name) for name in ("seed", "step", "facts")},
    }
    return _write(Path(path), tensors, header)


def load_checkpoint(path: str | Path) -> Checkpoint:
    """Reads a checkpoint; `path` may be the run's folder.

    Raises FileNotFoundError, or CheckpointError for a file that is truncated, damaged, no
    safetensors, or a model, which can't be resumed.
    """
    file = _find(path, (CHECKPOINT_NAME,))
    tensors, header = _read(file)
    if header["kind"] != "checkpoint":
        raise CheckpointError(
            f"{file} holds a model to use, not a run to go on with: the optimizer's memory is not "
            f"in it. Resume from a {CHECKPOINT_NAME}."
        )
    try:
        parts: dict[str, dict[str, Tensor]] = {part: {} for part in _PARTS}
        for key, value in tensors.items():
            part, _, name = key.partition("/")
            parts[part][name] = value
        return Checkpoint(
            Recipe.from_dict(header["recipe"]),
            header["seed"],
            header["step"],
            CLIPConfig.from_dict(header["config"]),
            Tokenizer.from_dict(header["tokenizer"]),
            facts=header["facts"],
            **parts,
        )
    except (KeyError, TypeError, ValueError) as error:
        raise _other_version(file, error) from error


def save_model(
    path: str | Path,
    model: CLIP,
    tokenizer: Tokenizer,
    *,
    half: bool = False,
    about: dict[str, Any] | None = None,
) -> Path:
    """Writes a model for use: weights, config, tokenizer.

    half: keep matrices in fp16, half the size; gains, biases and batch-norm statistics are few, and
    a variance may be too large for fp16. about: facts for JSON. Raises OSError where it can't be
    written; what was at `path` before stays.
    """
    _check_vocabulary(model.config, tokenizer, "This model")
    tensors = dict(model.state_dict())
    if half:
        for name, value in tensors.items():
            if value.is_floating_point() and value.ndim >= 2:
                tensors[name] = value.half()
    header = {
        "kind": "model",
        "config": model.config.to_dict(),
        "tokenizer": tokenizer.to_dict(),
        "about": about or {},
    }
    return _write(Path(path), tensors, header)


def load_model(
    path: str | Path, *, device: str | torch.device = "cpu"
) -> tuple[CLIP, Tokenizer, dict[str, Any]]:
    """A model in eval mode, its tokenizer and the facts about it, from a file or a run's folder.

    From a checkpoint come the averaged weights where the recipe keeps an average. Raises
    FileNotFoundError or :class:`CheckpointError`, as :func:`load_checkpoint`.
    """
    file = _find(path, (MODEL_NAME, CHECKPOINT_NAME))
    tensors, header = _read(file)
    about = header.get("about") or {
        k: header[k] for k in ("recipe", "seed", "step", "facts") if k in header
    }
    if header["kind"] == "checkpoint":
        part = "average/" if any(key.startswith("average/") for key in tensors) else "model/"
        tensors = {k.removeprefix(part): v for k, v in tensors.items() if k.startswith(part)}
    try:
        config = CLIPConfig.from_dict(header["config"])
        tokenizer = Tokenizer.from_dict(header["tokenizer"])
    except (KeyError, ValueError) as error:
        raise _other_version(file, error) from error
    _check_vocabulary(config, tokenizer, str(file))
    model = build(config, seed=0)
    load_weights_(model, tensors, str(file))
    return model.to(device).eval(), tokenizer, about


def load_pretrained(
    path_or_name: str | Path = "laptop", *, device: str = "cpu"
) -> tuple[CLIP, Tokenizer, dict[str, Any]]:
    """A trained model in eval mode, its tokenizer, and its card: data, recipe, minutes, accuracies.

    path_or_name: the name of a model in the package, a .safetensors file, or a run's folder. Raises
    FileNotFoundError, with the names, when it is none of these; CheckpointError for a damaged file.
    """
    file, known = Path(path_or_name), {path.stem: path for path in ASSETS.glob("*.safetensors")}
    if str(path_or_name) in known:
        file = known[str(path_or_name)]
    elif not file.exists():
        names = ", ".join(sorted(known)) or "none in this copy of the package"
        raise FileNotFoundError(
            f"There is no trained model {str(path_or_name)!r}. Give a name ({names}), a "
            ".safetensors file or the folder of a run."
        )
    model, tokenizer, about = load_model(file, device=device)
    card = file.with_suffix(".json")
    if file.is_file() and card.exists():
        about = {**about, **json.loads(card.read_text("utf-8"))}
    return model, tokenizer, about


def load_weights_(model: CLIP, tensors: dict[str, Tensor], where: str) -> None:
    """Copies weights into a model. Raises CheckpointError when they belong to another one."""
    into = model.state_dict()
    wanted, found = ({k: tuple(v.shape) for k, v in some.items()} for some in (into, tensors))
    if wanted != found:
        names = {**wanted, **found}
        wrong = [name for name in names if wanted.get(name) != found.get(name)]
        raise CheckpointError(
            f"The weights in {where} belong to another model. {len(wrong)} of {len(names)} tensors "
            f"do not fit; first {wrong[0]!r}: the model has {wanted.get(wrong[0], 'none')}, the "
            f"file {found.get(wrong[0], 'none')}. Build the model with the preset that the file "
            "was trained with."
        )
    model.load_state_dict({name: split_like(tensors[name], into[name]) for name in into})


def _check_vocabulary(config: CLIPConfig, tokenizer: Tokenizer, where: str) -> None:
    if config.text.vocab_size != tokenizer.vocab_size:
        raise CheckpointError(
            f"{where} has {config.text.vocab_size} token embeddings, and the tokenizer "
            f"{tokenizer.vocab_size} tokens: it is another model's tokenizer. Take the one that "
            "the model was trained with."
        )


def _other_version(file: Path, error: Exception) -> CheckpointError:
    return CheckpointError(f"{file} was written by another version of clipedu: {error}")


def _find(path: str | Path, names: tuple[str, ...]) -> Path:
    path = Path(path)
    for file in (path, *(path / name for name in names)):
        if file.is_file():
            return file
    if not path.exists():
        raise FileNotFoundError(f"There is no {path}. Give a .safetensors file or a run's folder.")
    raise FileNotFoundError(
        f"There is no {' or '.join(names)} in {path}. Was a run started there, and did it get as "
        "far as a checkpoint?"
    )


def _write(path: Path, tensors: dict[str, Tensor], header: dict[str, Any]) -> Path:
    plain = {k: v.detach().to("cpu").contiguous() for k, v in tensors.items()}
    # Two names may belong to one tensor, which safetensors refuses.
    seen: set[int] = set()
    for key, value in plain.items():
        if value.data_ptr() in seen and value.numel():
            plain[key] = value.clone()
        seen.add(value.data_ptr())
    header = {"format": FORMAT, **header, "sha256": _checksum(plain)}
    try:
        with draft_of(path, sync=True) as draft:
            save_file(plain, draft, metadata={"clipedu": json.dumps(header)})
    except (SafetensorError, OSError) as error:  # safetensors has its own words for a full disk
        raise OSError(
            f"The checkpoint could not be written to {path} ({error}). What was there before is "
            "untouched. Is the disk full, or the folder read-only?"
        ) from error
    return path


def _read(path: Path) -> tuple[dict[str, Tensor], dict[str, Any]]:
    broken = f"{path} is truncated or damaged, or no safetensors file"
    again = "Take another copy, or train again."
    try:
        with safe_open(path, framework="pt") as file:
            metadata = file.metadata() or {}
            tensors = {key: file.get_tensor(key) for key in file.keys()}
        if "clipedu" not in metadata:
            raise CheckpointError(
                f"{path} is a safetensors file, but not one of clipedu's: it doesn't say which "
                "model it holds."
            )
        header = json.loads(metadata["clipedu"])
        if header["format"] != FORMAT or header["kind"] not in ("model", "checkpoint"):
            raise CheckpointError(
                f"{path} has format {header['format']!r}; this clipedu reads {FORMAT!r}."
            )
    except CheckpointError:
        raise
    except (SafetensorError, OSError, ValueError, KeyError, TypeError) as error:
        raise CheckpointError(f"{broken} ({error}). {again}") from error
    if header["sha256"] != _checksum(tensors):
        raise CheckpointError(f"{broken}: its checksum does not fit. {again}")
    return tensors, header


def _checksum(tensors: dict[str, Tensor]) -> str:
    sha = hashlib.sha256()
    for name in sorted(tensors):
        value = tensors[name]
        sha.update(f"{name} {tuple(value.shape)} {value.dtype};".encode())
        sha.update(value.reshape(-1).view(torch.uint8).numpy().data)
    return sha.hexdigest()
