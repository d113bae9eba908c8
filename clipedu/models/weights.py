"""Real CLIP weights in and out: files of OpenAI, open_clip, Hugging Face and our own.

Inside there is one form: OpenAI's names, float32, and the config. No code of a file is run.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import torch
import torch.nn.functional as F
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from clipedu.files import draft_of, write_whole
from clipedu.models.clip import CLIP
from clipedu.models.config import PRESETS, CLIPConfig, ResNetConfig, TextConfig, ViTConfig
from clipedu.models.formats import from_hf, hf_config, read_hf_config, read_open_clip_config, to_hf
from clipedu.models.torch_archive import read_archive

FORMS = ("safetensors", "openai", "hf")
Shapes = dict[str, tuple[int, ...]]
_SIZES = ("input_resolution", "context_length", "vocab_size")  # numbers among OpenAI's tensors
#: A folder's description of the model: whose it is, what reads it, and its weights, best first.
FOLDERS = {
    "open_clip_config.json": (
        ("open_clip", read_open_clip_config),
        ("open_clip_model.safetensors", "open_clip_pytorch_model.bin"),
    ),
    "config.json": (
        ("Hugging Face", read_hf_config),
        ("model.safetensors", "pytorch_model.bin"),
    ),
}


class WeightsError(ValueError):
    """The file holds no CLIP that can be built here; the message says what does not fit."""


@dataclass(frozen=True)
class Weights:
    """tensors: by OpenAI's names; config: the model that they fit; source: whose form it was."""

    tensors: dict[str, Tensor]
    config: CLIPConfig
    source: str


def load_clip(
    source: str | Path | Weights,
    *,
    activation: str | None = None,
    resolution: int | None = None,
    device: str | torch.device = "cpu",
) -> CLIP:
    """A CLIP in eval mode with the weights of `source`, in little more memory than they take.

    resolution: other than the weights'; positions are then interpolated. Raises as `read_weights`.
    """
    weights = source
    if not isinstance(weights, Weights):
        weights = read_weights(weights, activation=activation)
    if resolution is not None:
        weights = resize_positions(weights, resolution)
    with torch.device("meta"):  # shapes only: the tensors themselves become the parameters
        model = CLIP(weights.config)
    model.load_state_dict(weights.tensors, assign=True)
    return model.to(device).eval()


def read_weights(source: str | Path, *, activation: str | None = None) -> Weights:
    """Reads a file, or a folder as open_clip and Hugging Face lay it out; 16 bits become float32.

    activation: "quick_gelu" or "gelu", needed where the file does not say which it was trained
        with; the wrong one is silent and costs about 4 points of ImageNet accuracy
    Raises FileNotFoundError, or WeightsError for a file that is damaged, holds code or another
    model, or contradicts `activation`.
    """
    path = Path(source)
    file, description = _find(path)
    try:
        tensors, form, config, said = _read(file)
        if description is not None:
            form, read_config = FOLDERS[description.name][0]
            config = read_config(json.loads(description.read_text("utf-8")))
    except SafetensorError as error:
        said = f"{path} can't be used: it is truncated or damaged ({error}). Fetch it again."
        raise WeightsError(said) from error
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise WeightsError(f"{path} can't be used: {error}.") from error
    # A run on several GPUs leaves "module.", and open_clip's second layout "text.".
    tensors = {name.removeprefix("module.").removeprefix("text."): t for name, t in tensors.items()}
    tensors = {name: t for name, t in tensors.items() if name not in _SIZES}
    said = config.activation if config else said
    if activation and said and activation != said:
        raise WeightsError(f"{path} was trained with {said}, not with {activation}.")
    inferred = config or infer_config(_shapes(tensors), path)
    if not (activation or said):
        raise WeightsError(
            f"{path} does not say with which activation it was trained, and the wrong one costs "
            "accuracy silently. Give it, as activation= or --activation: quick_gelu for what "
            "OpenAI released or was fine-tuned from that, gelu for most of open_clip's own."
        )
    config = config or inferred.replace(activation=activation or said)
    wanted = expected_shapes(config)
    if form == "Hugging Face":
        tensors = from_hf(tensors, list(wanted))
    check_shapes(_shapes(tensors), wanted, path)
    return Weights(tensors, config, form)


def resize_positions(weights: Weights, resolution: int) -> Weights:
    """The weights for pictures of another size: positions are interpolated (bicubic, antialiased).

    The first position, the class token's or the mean's, stays. Raises ValueError for a size that
    the model cannot cut up.
    """
    config = weights.config.replace(resolution=resolution)
    if isinstance(config.vision, ViTConfig):
        name, cell = "visual.positional_embedding", config.vision.patch
    else:
        name, cell = "visual.attnpool.positional_embedding", config.vision.shrink
    old, new = weights.config.vision.resolution // cell, resolution // cell
    first, grid = weights.tensors[name].split([1, old * old])  # (1, W), (old * old, W)
    grid = grid.T.unflatten(1, (old, old))[None]  # (1, W, old, old)
    grid = F.interpolate(grid, (new, new), mode="bicubic", antialias=True, align_corners=False)
    positions = torch.cat([first, grid[0].flatten(1).T])  # (1 + new * new, W)
    return Weights(weights.tensors | {name: positions}, config, weights.source)


def save_weights(model: CLIP, out: str | Path, form: str | None = None) -> list[Path]:
    """Writes the model in one of FORMS; returns the files.

    form: "safetensors", OpenAI's names, which are open_clip's, with the config inside; "openai", a
        plain state dict (.pt) that openai/CLIP loads; "hf", a folder that transformers loads.
        Default: by the ending of `out`, "hf" where it has none of the two
    Raises ValueError where the form cannot express the model, OSError where it can't be written.
    """
    out, config = Path(out), model.config
    form = form or {".safetensors": "safetensors", ".pt": "openai"}.get(out.suffix, "hf")
    if form not in FORMS:
        raise ValueError(f"form must be one of {', '.join(FORMS)}, got {form!r}")
    tensors = {name: t.detach().cpu().contiguous() for name, t in model.state_dict().items()}
    if form == "openai":
        if infer_config(_shapes(tensors), out) != config:
            raise ValueError("openai/CLIP has QuickGELU, 64 channels a head and the paper's stem")
        sizes = (config.vision.resolution, config.text.context_length, config.text.vocab_size)
        tensors |= dict(zip(_SIZES, map(torch.tensor, sizes), strict=True))
        with draft_of(out, sync=True) as draft:
            torch.save(tensors, draft)
        return [out]
    file, about, written = out, {"config": json.dumps(config.to_dict())}, []
    if form == "hf":
        data = json.dumps(hf_config(config), indent=2) + "\n"
        file, about, tensors = out / "model.safetensors", {}, to_hf(tensors)
        written = [write_whole(out / "config.json", data)]
    try:
        with draft_of(file, sync=True) as draft:
            save_file(tensors, draft, metadata={"format": "pt", **about})
    except SafetensorError as error:  # its own words for a full disk
        raise OSError(f"The weights could not be written to {file}: {error}") from error
    return [file, *written]


def _find(path: Path) -> tuple[Path, Path | None]:
    """The file of weights, and the description that belongs to it, if any."""
    folder = path if path.is_dir() else path.parent
    for description, (_, names) in FOLDERS.items():
        for file in (folder / name for name in names):
            if path in (folder, file) and file.is_file() and (folder / description).is_file():
                return file, folder / description
    if path.is_file():
        return path, None
    wanted = " or ".join(f"{names[0]} with {file}" for file, (_, names) in FOLDERS.items())
    raise FileNotFoundError(f"There is no file {path}, nor a folder of that name with {wanted}.")


def _read(file: Path) -> tuple[dict[str, Tensor], str, CLIPConfig | None, str | None]:
    """The tensors under the file's own names, and what it says: form, config, activation."""
    with file.open("rb") as opened:
        start = opened.read(16)
    if start.startswith(b"PK"):
        tensors, program = read_archive(file, torch.float32)
        if program:  # released models; the text of the program says what their MLP computes
            said = "gelu" if "gelu(" in program else "quick_gelu" if "sigmoid(" in program else None
            return tensors, "TorchScript", None, said
        if set(_SIZES) <= set(tensors):  # only OpenAI's models carry their sizes
            return tensors, "OpenAI", None, "quick_gelu"
        return tensors, "a plain state dict", None, None
    if start[8:9] != b"{":
        hint = "neither safetensors nor an archive that torch wrote"
        if start.startswith(b"version https:"):
            hint = "a pointer of Git LFS: fetch the file that it points to"
        if start.startswith(b"\x80"):
            hint = "a bare pickle, as torch wrote before 1.6, and a pickle can run any program"
        raise ValueError(f"it is {hint}")
    with safe_open(file, framework="pt") as opened:
        about, names = opened.metadata() or {}, opened.keys()
    tensors = {}
    for name in names:  # opened anew, since what was read of a mapped file stays in memory
        with safe_open(file, framework="pt") as opened:
            tensor = opened.get_tensor(name)
            dtype = torch.float32 if tensor.is_floating_point() else tensor.dtype
            tensors[name] = tensor.to(dtype, copy=True)
    header = json.loads(about.get("clipedu", "{}"))  # of a model that `clipedu train` wrote
    if data := header.get("config") or json.loads(about.get("config", "null")):
        return tensors, "clipedu", CLIPConfig.from_dict(data), None
    return tensors, "a plain state dict", None, None


def infer_config(shapes: Shapes, path: Path) -> CLIPConfig:
    """The CLIP whose tensors have these shapes, with 64 channels a head and QuickGELU."""

    def count(prefix: str) -> int:  # how many different numbers follow it
        return len({n.removeprefix(prefix).split(".")[0] for n in shapes if n.startswith(prefix)})

    try:
        vocab_size, width = shapes["token_embedding.weight"]
        context, first = shapes["positional_embedding"][0], shapes["visual.conv1.weight"]
        layers = count("transformer.resblocks.")
        text = TextConfig(vocab_size, context, width, max(1, width // 64), layers)
        vision: ViTConfig | ResNetConfig
        if "visual.proj" in shapes:
            side = round((shapes["visual.positional_embedding"][0] - 1) ** 0.5) * first[-1]
            depth, heads = count("visual.transformer.resblocks."), max(1, first[0] // 64)
            vision = ViTConfig(side, first[-1], first[0], depth, heads)
        else:
            positions, channels = shapes["visual.attnpool.positional_embedding"]
            blocks = tuple(n for i in range(1, 9) if (n := count(f"visual.layer{i}.")))
            side = round((positions - 1) ** 0.5) * 2 ** (len(blocks) + 1)
            vision = ResNetConfig(side, blocks, 2 * first[0], max(1, channels // 64))
        return CLIPConfig(shapes["text_projection"][1], vision, text)
    except (KeyError, ValueError, IndexError) as error:
        raise WeightsError(f"{path} holds no CLIP ({error}). {_nearest(shapes)}") from error


def expected_shapes(config: CLIPConfig) -> Shapes:
    """The shape of each tensor of a model, by OpenAI's names, without making it."""
    with torch.device("meta"):
        return _shapes(CLIP(config).state_dict())


def _shapes(tensors: Mapping[str, Tensor]) -> Shapes:
    return {name: tuple(tensor.shape) for name, tensor in tensors.items()}


def check_shapes(found: Shapes, wanted: Shapes, path: Path) -> None:
    """Raises WeightsError unless the shapes are equal, and names those that are not."""
    both = [name for name in wanted if name in found]
    wrong = {
        "missing": [name for name in wanted if name not in found],
        "unknown": [name for name in found if name not in wanted],
        "of another shape": [f"{n} {found[n]}" for n in both if found[n] != wanted[n]],
    }
    said = [
        f"{len(those)} {what}: {', '.join(those[:4])}" for what, those in wrong.items() if those
    ]
    if said:
        raise WeightsError(f"{path} holds other tensors; {'; '.join(said)}. {_nearest(found)}")


def _nearest(found: Shapes) -> str:
    """Which of the paper's models has the largest share of these names and shapes."""
    known = {n: expected_shapes(c) for n, c in PRESETS.items() if c.text.vocab_size == 49408}
    equal = {name: len(found.items() & shapes.items()) for name, shapes in known.items()}
    best = max(equal, key=lambda name: equal[name] / len(known[name]))
    return f"The nearest known model is {best}: {equal[best]} of its {len(known[best])} tensors."
