"""The CLIP that this lesson asks: real weights where this machine has them, else a small stand-in.

Nothing is downloaded here. The stand-in's weights are random, so each output names its model.
"""

from __future__ import annotations

import dataclasses
import importlib.util
import json
import os
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from PIL import Image
from torch import Tensor, nn

from clipedu.device import cache_folder
from clipedu.models import CLIP, PRESETS, build, count_parameters
from clipedu.models.config import CLIPConfig, ViTConfig
from clipedu.models.sources import locate
from clipedu.models.weights import load_clip, save_weights
from clipedu.pairs.clean import openai_picture
from clipedu.tokenizer import Tokenizer
from clipedu.tokenizer.openai import packaged_file
from clipedu.training import load_pretrained
from clipedu_classroom.source import course_root

FILE = "ViT-B-32.pt"  # the name of OpenAI's file
NAMES = ("china", "flower")  # scikit-learn's two photographs
#: The stand-in: ViT-B/32's pictures and patches, narrower and with fewer layers.
SMALL = {"vision_width": 128, "vision_layers": 4, "vision_heads": 2, "embed_dim": 64}
SMALL |= {"text_width": 64, "text_layers": 2, "text_heads": 1}


class Asked(NamedTuple):
    """A model and its tokenizer; `real` says whether the weights are trained ones."""

    model: CLIP
    tokenizer: Tokenizer
    real: bool

    @property
    def who(self) -> str:
        """The model in brackets, for the first line of an output."""
        if not self.real:
            return "[random weights: a stand-in, whose answers mean nothing]"
        known = (name for name, config in PRESETS.items() if config == self.model.config)
        size = f"{count_parameters(self.model) / 1e6:.0f} million parameters"
        return f"[real weights: {next(known, 'a CLIP')}, {size}]"


def find_weights(source: str | Path | None = None) -> Path | None:
    """The real weights on this machine, or None: `source`, else OpenAI's ViT-B/32 in one of two
    folders, the course's and the downloads of `clipedu load`.

    source: a file, a folder or a name, as `clipedu load` takes them; default: $CLIPEDU_CLIP
    Raises what `locate` raises where a source is given that is not there.
    """
    if source := source or os.environ.get("CLIPEDU_CLIP"):
        return locate(source)
    folders = (course_root(), cache_folder() / "downloads")
    return next((f / FILE for f in folders if (f / FILE).is_file()), None)


def openai_tokenizer() -> Tokenizer | None:
    """OpenAI's tokenizer, or None where the package with its merges is not installed."""
    try:
        return Tokenizer.openai()
    except FileNotFoundError:
        return None


def small_clip(tokenizer: Tokenizer | None = None) -> CLIP:
    """The stand-in, which reads the ids of `tokenizer`, by default of a vocabulary of 1,000."""
    ids = tokenizer.vocab_size if tokenizer else 1000
    return shaken(build("ViT-B/32", seed=0, vocab_size=ids, **SMALL))


def shaken(model: CLIP) -> CLIP:
    """The model in eval mode with noise on every tensor: none stays all zeros or all ones."""
    generator = torch.Generator().manual_seed(1)
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if name != "logit_scale":
                noise = torch.empty_like(parameter).uniform_(-0.05, 0.05, generator=generator)
                parameter.add_(noise)
    return model.eval()


def open_clip_or_stand_in(weights: Path | None, stand_in: Path) -> Asked:
    """The model of `weights`, or without them the one of the file `stand_in`.

    Raises FileNotFoundError for real weights without OpenAI's tokenizer, WeightsError for a file
    that holds no CLIP.
    """
    tokenizer = openai_tokenizer()
    if weights is None:
        return Asked(load_clip(stand_in), tokenizer or load_pretrained()[1], False)
    if tokenizer is None:
        raise FileNotFoundError(
            f"{weights} is here, but OpenAI's tokenizer is not, and ids of another one mean "
            "nothing to it. Run `pip install --no-deps clip-anytorch` and `pip install ftfy`."
        )
    return Asked(load_clip(weights), tokenizer, True)


def write_three(model: CLIP, folder: Path) -> dict[str, Path]:
    """The same weights as OpenAI, open_clip and Hugging Face store them: form -> file or folder."""
    openai, other, hf = folder / FILE, folder / "open_clip", folder / "hugging_face"
    save_weights(model, openai)
    save_weights(model, other / "open_clip_model.safetensors")
    text = dataclasses.asdict(model.config.text)
    text.pop("kind")
    vision = model.config.vision
    assert isinstance(vision, ViTConfig)
    about = {
        "embed_dim": model.config.embed_dim,
        "quick_gelu": model.config.activation == "quick_gelu",
        "vision_cfg": {
            "image_size": vision.resolution,
            "layers": vision.layers,
            "width": vision.width,
            "patch_size": vision.patch,
        },
        "text_cfg": text,
    }
    (other / "open_clip_config.json").write_text(json.dumps({"model_cfg": about}), "utf-8")
    save_weights(model, hf, "hf")
    return {"OpenAI": openai, "open_clip": other, "Hugging Face": hf}


def openai_code(model: CLIP) -> nn.Module | None:
    """OpenAI's own program with the weights of `model`; None where clip-anytorch is missing.

    Its file model.py is loaded alone, since the package would ask for torchvision.
    """
    try:
        path = packaged_file().with_name("model.py")
    except FileNotFoundError:
        return None
    spec = importlib.util.spec_from_file_location("openai_clip_model", path)
    assert spec is not None and spec.loader is not None
    module: Any = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    vision, text = model.config.vision, model.config.text
    assert isinstance(vision, ViTConfig)
    image = (vision.resolution, vision.layers, vision.width, vision.patch)
    words = (text.context_length, text.vocab_size, text.width, text.heads, text.layers)
    theirs: nn.Module = module.CLIP(model.config.embed_dim, *image, *words).eval()
    theirs.load_state_dict(model.state_dict(), assign=True)
    return theirs


def own_config(my_clip: Any, config: CLIPConfig) -> Any:
    """The config of my_clip.py's classes with the sizes of the library's."""
    data = dataclasses.asdict(config)
    data["vision"].pop("kind")
    vision, text = my_clip.ViTConfig(**data.pop("vision")), my_clip.TextConfig(**data.pop("text"))
    return my_clip.CLIPConfig(vision=vision, text=text, **data)


def sample_photographs() -> list[Image.Image]:
    """scikit-learn's two photographs: a Chinese palace and a flower, 640 x 427 pixels."""
    from sklearn.datasets import load_sample_image  # takes a second

    return [Image.fromarray(np.asarray(load_sample_image(f"{name}.jpg"))) for name in NAMES]


def own_photographs(folder: str | Path | None = None) -> list[Path]:
    """The pictures in `my_photos`, beside the course's folders; [] where there are none."""
    kinds = {".jpg", ".jpeg", ".png", ".webp", ".gif", ".bmp", ".tif", ".tiff"}
    folder = Path(folder or course_root() / "my_photos")
    return sorted(path for path in folder.glob("*") if path.suffix.lower() in kinds)


def as_input(photographs: list[Any], resolution: int) -> Tensor:
    """Photographs, opened or by path -> (N, 3, R, R) in 0..1, as OpenAI cuts them."""
    return torch.stack([openai_picture(photograph, resolution) for photograph in photographs])
