"""Checkpoints: safetensors with a JSON header, written whole or not at all, and never pickle.

Notable:

* one file holds everything, so that weights can't be paired with the wrong tokenizer: tensors, and
  in the header the model's config, the tokenizer, the recipe and a checksum of the tensors;
* two kinds: a **model** (weights under openai/CLIP's names, for use) and a **checkpoint** (also the
  optimizer's memory, the averaged weights and the random state, for going on); :func:`load_model`
  reads both;
* loading a pickle runs what it contains; loading this runs nothing.
"""

from __future__ import annotations

import hashlib
import json
import os
import tempfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from clipedu.models import CLIP, CLIPConfig, build
from clipedu.tokenizer import Tokenizer
from clipedu.training.recipe import Recipe
from clipedu.training.sharding import split_like

FORMAT = "clipedu checkpoint 1"
CHECKPOINT_NAME = "checkpoint.safetensors"
MODEL_NAME = "model.safetensors"


class CheckpointError(ValueError):
    """A file that can't be used as what it was given for; the message says why and what to do."""


@dataclass
class Checkpoint:
    """A training run after `step` steps.

    Attributes:
        model: weights by openai/CLIP's names; `average`: the moving average of them, empty where
            there is none.
        optimizer: AdamW's memory, see `optimizer_tensors`.
        extra: what else is learned or remembered: SigLIP's bias, torch's random state.
        facts: plain values: seconds so far, what the data was.
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
    tensors = {
        f"{part}/{name}": value
        for part in _PARTS
        for name, value in getattr(checkpoint, part).items()
    }
    header = {
        "kind": "checkpoint",
        "config": checkpoint.config.to_dict(),
        "tokenizer": checkpoint.tokenizer.to_dict(),
        "recipe": checkpoint.recipe.to_dict(),
        "seed": checkpoint.seed,
        "step": checkpoint.step,
        "facts": checkpoint.facts,
    }
    return _write(Path(path), tensors, header)


def load_checkpoint(path: str | Path) -> Checkpoint:
    """Reads a checkpoint; `path` may be the run's folder.

    Raises:
        FileNotFoundError: nothing there.
        CheckpointError: truncated, damaged, no safetensors file, or a model without the means to
            go on.
    """
    file = _find(path, (CHECKPOINT_NAME,))
    tensors, header = _read(file)
    if header["kind"] != "checkpoint":
        raise CheckpointError(
            f"{file} holds a model to use, not a run to go on with: the optimizer's memory is not "
            "in it. "
            f"Resume from a {CHECKPOINT_NAME}."
        )
    try:
        parts: dict[str, dict[str, Tensor]] = {part: {} for part in _PARTS}
        for key, value in tensors.items():
            part, _, name = key.partition("/")
            parts[part][name] = value
        return Checkpoint(
            recipe=Recipe.from_dict(header["recipe"]),
            seed=header["seed"],
            step=header["step"],
            config=CLIPConfig.from_dict(header["config"]),
            tokenizer=Tokenizer.from_dict(header["tokenizer"]),
            facts=header["facts"],
            **parts,
        )
    except (KeyError, TypeError, ValueError) as error:
        raise CheckpointError(
            f"{file} was written by another version of clipedu: {error}"
        ) from error


def save_model(
    path: str | Path,
    model: CLIP,
    tokenizer: Tokenizer,
    *,
    half: bool = False,
    about: dict[str, Any] | None = None,
) -> Path:
    """Writes a model for use: weights, config, tokenizer.

    Args:
        half: keep matrices in fp16, half the size. Gains, biases and batch-norm statistics stay in
            fp32: they are few, and a variance may be too large for fp16.
        about: JSON-able facts to keep with it.
    Raises: OSError where it can't be written; what was at `path` before stays.
    """
    _check_vocabulary(model.config, tokenizer, "This model")
    tensors = dict(model.state_dict())
    if half:
        tensors = {
            name: value.half() if value.is_floating_point() and value.ndim >= 2 else value
            for name, value in tensors.items()
        }
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

    From a checkpoint come the averaged weights where the recipe keeps an average.
    Raises FileNotFoundError or :class:`CheckpointError`, as :func:`load_checkpoint`.
    """
    file = _find(path, (MODEL_NAME, CHECKPOINT_NAME))
    tensors, header = _read(file)
    about = header.get("about") or {
        k: header.get(k) for k in ("recipe", "seed", "step", "facts") if k in header
    }
    if header["kind"] == "checkpoint":
        part = "average/" if any(key.startswith("average/") for key in tensors) else "model/"
        tensors = {k.removeprefix(part): v for k, v in tensors.items() if k.startswith(part)}
    try:
        config = CLIPConfig.from_dict(header["config"])
        tokenizer = Tokenizer.from_dict(header["tokenizer"])
    except (KeyError, ValueError) as error:
        raise CheckpointError(
            f"{file} was written by another version of clipedu: {error}"
        ) from error
    _check_vocabulary(config, tokenizer, str(file))
    model = build(config, seed=0)
    load_weights_(model, tensors, str(file))
    return model.to(device).eval(), tokenizer, about


def load_weights_(model: CLIP, tensors: dict[str, Tensor], where: str) -> None:
    """Copies weights into a model. Raises CheckpointError when they belong to another one."""
    into = model.state_dict()
    wanted = {name: tuple(value.shape) for name, value in into.items()}
    found = {name: tuple(value.shape) for name, value in tensors.items()}
    if wanted != found:
        names = [n for n in {**wanted, **found} if wanted.get(n) != found.get(n)]
        raise CheckpointError(
            f"The weights in {where} belong to another model. {len(names)} of "
            f"{len({**wanted, **found})} tensors do "
            f"not fit; first {names[0]!r}: the model has {wanted.get(names[0], 'none')}, the file "
            f"{found.get(names[0], 'none')}. Build the model with the preset that the file was "
            "trained with."
        )
    model.load_state_dict({name: split_like(tensors[name], into[name]) for name in into})


def _check_vocabulary(config: CLIPConfig, tokenizer: Tokenizer, where: str) -> None:
    if config.text.vocab_size != tokenizer.vocab_size:
        raise CheckpointError(
            f"{where} has {config.text.vocab_size} token embeddings, and the tokenizer "
            f"{tokenizer.vocab_size} tokens: "
            "it is another model's tokenizer. Take the one that the model was trained with."
        )


def _find(path: str | Path, names: tuple[str, ...]) -> Path:
    path = Path(path)
    if path.is_file():
        return path
    for name in names:
        if (path / name).is_file():
            return path / name
    if not path.exists():
        raise FileNotFoundError(f"There is no {path}. Give a .safetensors file or a run's folder.")
    raise FileNotFoundError(
        f"There is no {' or '.join(names)} in {path}. Was a run started there, and did it get as "
        "far as a checkpoint?"
    )


def _write(path: Path, tensors: dict[str, Tensor], header: dict[str, Any]) -> Path:
    plain = {k: v.detach().to("cpu").contiguous() for k, v in tensors.items()}
    # Two names may stand for one tensor (safetensors would refuse), and .contiguous() may have
    # copied nothing.
    seen: set[int] = set()
    for key, value in plain.items():
        if value.data_ptr() in seen and value.numel():
            plain[key] = value.clone()
        seen.add(value.data_ptr())
    header = {"format": FORMAT, **header, "sha256": _checksum(plain)}
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, draft = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    os.close(handle)
    try:
        try:
            save_file(plain, draft, metadata={"clipedu": json.dumps(header)})
        except SafetensorError as error:  # what safetensors makes of a full disk
            raise OSError(f"{error}") from error
        with open(draft, "rb+") as file:
            os.fsync(
                file.fileno()
            )  # or a power cut after the rename leaves an empty file under the right name
        os.chmod(draft, 0o644)
        os.replace(draft, path)
    except OSError as error:
        raise OSError(
            f"The checkpoint could not be written to {path} ({error}). What was there before is "
            "untouched. "
            "Is the disk full, or the folder read-only?"
        ) from error
    finally:
        Path(draft).unlink(missing_ok=True)
    return path


def _read(path: Path) -> tuple[dict[str, Tensor], dict[str, Any]]:
    broken = f"{path} is truncated or damaged, or no safetensors file"
    try:
        with safe_open(path, framework="pt") as file:
            metadata = file.metadata() or {}
            tensors = {key: file.get_tensor(key) for key in file.keys()}
    except (SafetensorError, OSError, ValueError) as error:
        raise CheckpointError(f"{broken} ({error}). Take another copy, or train again.") from error
    if "clipedu" not in metadata:
        raise CheckpointError(
            f"{path} is a safetensors file, but not one of clipedu's: it doesn't say which model "
            "it holds."
        )
    try:
        header = json.loads(metadata["clipedu"])
        known = header["format"] == FORMAT and header["kind"] in ("model", "checkpoint")
    except (ValueError, KeyError, TypeError) as error:
        raise CheckpointError(f"{broken}. Take another copy, or train again.") from error
    if not known:
        raise CheckpointError(
            f"{path} has format {header['format']!r}; this clipedu reads {FORMAT!r}."
        )
    if header["sha256"] != _checksum(tensors):
        raise CheckpointError(
            f"{broken}: its checksum does not fit. Take another copy, or train again."
        )
    return tensors, header


def _checksum(tensors: dict[str, Tensor]) -> str:
    sha = hashlib.sha256()
    for name in sorted(tensors):
        value = tensors[name]
        sha.update(f"{name} {tuple(value.shape)} {value.dtype};".encode())
        sha.update(value.reshape(-1).view(torch.uint8).numpy().data)
    return sha.hexdigest()
