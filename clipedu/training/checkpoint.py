"""What a run leaves in its folder: a checkpoint, a model, and a history with a row for each step.

Checkpoints are safetensors with a JSON header, written whole or not at all, and never pickle. One
file holds everything, so that weights can't be paired with the wrong tokenizer: tensors, and in the
header the model's config, the tokenizer, the recipe and a checksum. A **model** (weights under
openai/CLIP's names) is for use; a **checkpoint** also holds what it takes to resume a run.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import shlex
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from clipedu.files import draft_of
from clipedu.models import CLIP, CLIPConfig
from clipedu.objectives import new_model
from clipedu.tokenizer import Tokenizer
from clipedu.training.adapt import adapt_, merge_
from clipedu.training.parallel import split_like
from clipedu.training.recipe import Recipe

FORMAT = "clipedu checkpoint 1"
CHECKPOINT_NAME, MODEL_NAME = "checkpoint.safetensors", "model.safetensors"
HISTORY_NAME = "history.jsonl"
ASSETS = Path(__file__).parents[1] / "assets"
#: What a checkpoint keeps in its header, and as tensors.
_OBJECTS: dict[str, Any] = {"recipe": Recipe, "config": CLIPConfig, "tokenizer": Tokenizer}
_FACTS = ("seed", "step", "facts", *_OBJECTS)
_PARTS = ("model", "optimizer", "average", "extra")


class CheckpointError(ValueError):
    """A file that can't be used as what it was given for; the message says why and what to do."""


class NotOurs(CheckpointError):
    """A sound file that clipedu did not write."""


@dataclass
class Checkpoint:
    """A training run after `step` steps."""

    recipe: Recipe
    seed: int
    step: int
    config: CLIPConfig
    tokenizer: Tokenizer
    model: dict[str, Tensor]  # weights by openai/CLIP's names
    optimizer: dict[str, Tensor]  # AdamW's state, see `optimizer_tensors`
    average: dict[str, Tensor] = field(default_factory=dict)  # of the weights, where one is kept
    extra: dict[str, Tensor] = field(default_factory=dict)  # SigLIP's bias
    facts: dict[str, Any] = field(default_factory=dict)  # seconds so far, the data's fingerprint


def save_checkpoint(path: str | Path, checkpoint: Checkpoint) -> Path:
    """Writes a checkpoint. Raises OSError (a full disk), and then leaves what was at `path`."""
    parts = {part: getattr(checkpoint, part) for part in _PARTS}
    tensors = {f"{part}/{name}": x for part, named in parts.items() for name, x in named.items()}
    header = {name: getattr(checkpoint, name) for name in _FACTS}
    return _write(Path(path), tensors, {"kind": "checkpoint", **header})


def load_checkpoint(path: str | Path) -> Checkpoint:
    """Reads a checkpoint; `path` may be the run's folder.

    Raises FileNotFoundError, or CheckpointError for a file that is truncated, damaged, no
    safetensors, or a model, which can't be resumed.
    """
    file = _find(path, CHECKPOINT_NAME)
    header, tensors = _read(file)
    if header["kind"] != "checkpoint":
        words = f"{file} holds a model to use, not a run to resume"
        raise CheckpointError(f"{words}: the optimizer's memory is not in it.")
    parts: dict[str, Any] = {part: _part(tensors, part) for part in _PARTS}
    return Checkpoint(**{name: header[name] for name in _FACTS}, **parts)


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
    if (rows := model.config.text.vocab_size) != tokenizer.vocab_size:
        words = (
            f"This model has {rows} token embeddings, the tokenizer {tokenizer.vocab_size} tokens"
        )
        raise CheckpointError(f"{words}: it is another model's tokenizer.")
    tensors = dict(model.state_dict())
    for name, value in tensors.items():
        if half and value.is_floating_point() and value.ndim >= 2:
            tensors[name] = value.half()
    header = {"kind": "model", "config": model.config, "tokenizer": tokenizer, "about": about or {}}
    return _write(Path(path), tensors, header)


def load_model(
    path: str | Path, *, device: str | torch.device = "cpu"
) -> tuple[CLIP, Tokenizer, dict[str, Any]]:
    """A model in eval mode, its tokenizer and the facts about it, from a file or a run's folder.

    From a checkpoint come the averaged weights where the recipe keeps an average. Raises
    FileNotFoundError or :class:`CheckpointError`, as :func:`load_checkpoint`.
    """
    file = _find(path, MODEL_NAME, CHECKPOINT_NAME)
    header, tensors = _read(file)
    about = header.get("about", {})
    if header["kind"] == "checkpoint":
        tensors = _part(tensors, "average") or _part(tensors, "model")
        about = {name: header[name] for name in ("seed", "step", "facts")}
        about["recipe"] = header["recipe"].to_dict()
    recipe = about.get("recipe", {})
    model = new_model(
        recipe.get("objective", "clip"),
        header["config"],
        seed=0,
        options=recipe.get("options"),
        ngrams=tensors.get("ngrams"),
    )
    if header["kind"] == "checkpoint":
        adapt_(model, header["recipe"].method, header["recipe"].rank, 0)
    load_weights_(model, tensors, str(file))
    merge_(model)
    return model.to(device).eval(), header["tokenizer"], about


def load_pretrained(
    path_or_name: str | Path = "laptop", *, device: str = "cpu"
) -> tuple[CLIP, Tokenizer, dict[str, Any]]:
    """A trained model in eval mode, its tokenizer, and its card: data, recipe, minutes, accuracies.

    path_or_name: the name of a model in the package, a .safetensors file, or a run's folder. Raises
    FileNotFoundError, with the names, when it is none of these; CheckpointError for a damaged file.
    """
    known = {path.stem: path for path in ASSETS.glob("*.safetensors")}
    file = known.get(str(path_or_name), Path(path_or_name))
    if not file.exists():
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
    if wrong := [k for k in {**wanted, **found} if wanted.get(k) != found.get(k)]:
        raise CheckpointError(
            f"The weights in {where} belong to another model. {len(wrong)} tensors do not fit; "
            f"first {wrong[0]!r}: the model has {wanted.get(wrong[0], 'none')}, the file "
            f"{found.get(wrong[0], 'none')}. Take the preset that the file was trained with."
        )
    model.load_state_dict({name: split_like(tensors[name], into[name]) for name in into})


def _part(tensors: dict[str, Tensor], part: str) -> dict[str, Tensor]:
    start = f"{part}/"
    return {k.removeprefix(start): v for k, v in tensors.items() if k.startswith(start)}


def _find(path: str | Path, *names: str) -> Path:
    for file in (Path(path), *(Path(path) / name for name in names)):
        if file.is_file():
            return file
    if not Path(path).exists():
        raise FileNotFoundError(f"There is no {path}. Give a .safetensors file or a run's folder.")
    words = f"There is no {' or '.join(names)} in {path}. Was a run started there"
    raise FileNotFoundError(f"{words}, and did it get as far as a checkpoint?")


def _write(path: Path, tensors: dict[str, Tensor], header: dict[str, Any]) -> Path:
    plain = {k: v.detach().to("cpu").contiguous() for k, v in tensors.items()}
    header = {"format": FORMAT, **header, "sha256": _checksum(plain)}
    words = json.dumps(header, default=lambda thing: thing.to_dict())
    try:
        with draft_of(path, sync=True) as draft:
            save_file(plain, draft, metadata={"clipedu": words})
    except (SafetensorError, OSError) as error:  # safetensors has its own words for a full disk
        words = f"{path} could not be written ({error}). What was there before is untouched"
        raise OSError(f"{words}. Is the disk full, or the folder read-only?") from error
    return path


def _read(path: Path) -> tuple[dict[str, Any], dict[str, Tensor]]:
    damaged = f"{path} is truncated or damaged, or no safetensors file. Take another copy"
    try:
        with safe_open(path, framework="pt") as file:
            words = (file.metadata() or {}).get("clipedu", "{}")
            tensors = {key: file.get_tensor(key) for key in file.keys()}
        header = json.loads(words)
    except (SafetensorError, OSError, ValueError) as error:
        raise CheckpointError(f"{damaged}, or train again ({error}).") from error
    if not header:
        raise NotOurs(f"{path} is a safetensors file, but not one of clipedu's.")
    if (found := header["format"]) != FORMAT:
        raise CheckpointError(f"{path} has format {found!r}; this clipedu reads {FORMAT!r}.")
    if header["sha256"] != _checksum(tensors):
        raise CheckpointError(f"{damaged}, or train again: its checksum does not fit.")
    try:
        objects = {n: kind.from_dict(header[n]) for n, kind in _OBJECTS.items() if n in header}
    except (KeyError, TypeError, ValueError) as error:
        raise CheckpointError(f"{path} is of another version of clipedu: {error}") from error
    return header | objects, tensors


def _checksum(tensors: dict[str, Tensor]) -> str:
    sha = hashlib.sha256()
    for name in sorted(tensors):
        value = tensors[name]
        sha.update(f"{name} {tuple(value.shape)} {value.dtype};".encode())
        sha.update(value.reshape(-1).view(torch.uint8).numpy().data)
    return sha.hexdigest()


def open_folder(out: Path, replace: bool) -> None:
    """Makes the folder of a run where it is missing. What it holds stays.

    Raises FileExistsError when it holds a run or a model that is not to be replaced, or is a file.
    """
    held = [name for name in (CHECKPOINT_NAME, MODEL_NAME) if (out / name).exists()]
    if held and not replace:
        go_on = f"Go on with it (resume={str(out)!r}), c" if CHECKPOINT_NAME in held else "C"
        words = f"{out} holds a run already ({', '.join(held)}). {go_on}hoose another folder"
        raise FileExistsError(f"{words}, or pass overwrite=True to lose it.")
    if out.exists() and not out.is_dir():
        raise FileExistsError(f"{out} is a file; out must be a folder.")
    out.mkdir(parents=True, exist_ok=True)


def last_checkpoint(folder: Path | None) -> str:
    """Where a run can go on from, in a sentence."""
    if folder is None:
        return "No checkpoint was kept: train(..., out=FOLDER) keeps one."
    if not (folder / CHECKPOINT_NAME).exists():
        return f"There is no checkpoint in {folder} yet."
    return (
        f"The last checkpoint is in {folder}. Go on from it with train(resume={str(folder)!r}), "
        f"or `clipedu train --resume {shlex.quote(str(folder))}`."
    )


def history_lines(rows: Sequence[dict[str, Any]]) -> str:
    """Rows as history.jsonl holds them; :func:`read_history` reads them."""
    return "".join(json.dumps(row) + "\n" for row in rows)


def read_history(path: str | Path) -> list[dict[str, Any]]:
    """The rows of a history.jsonl, or of the one in a run's folder; empty where there is none.

    A last line that was cut off when the machine stopped is left out.
    """
    file = Path(path) / HISTORY_NAME if Path(path).is_dir() else Path(path)
    rows: list[dict[str, Any]] = []
    for line in file.read_text("utf-8").splitlines() if file.exists() else ():
        with contextlib.suppress(ValueError):
            rows.append(json.loads(line))
    return rows
