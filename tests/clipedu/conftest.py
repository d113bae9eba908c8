"""CLIP by others, to compare with; where one is not installed, its tests are skipped."""

from __future__ import annotations

import importlib
import importlib.machinery
import importlib.util
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import pytest
import torch

from clipedu.models import CLIP, CLIPConfig, ResNetConfig, TextConfig, ViTConfig, build

_TEXT = TextConfig(vocab_size=200, context_length=20, width=64, heads=1, layers=2)
SMALL = {
    "vit": CLIPConfig(48, ViTConfig(64, 16, width=128, layers=3, heads=2), _TEXT),
    "resnet": CLIPConfig(48, ResNetConfig(64, (1, 2, 1, 1), width=16, heads=8), _TEXT),
}


def package_folder(package: str, advice: str) -> Path:
    spec = importlib.util.find_spec(package)
    if spec is None or not spec.submodule_search_locations:
        pytest.skip(f"{package} is not installed; {advice}")
    return Path(spec.submodule_search_locations[0])


@pytest.fixture(scope="session")
def openai() -> Callable[[str], ModuleType]:
    """A module of openai/CLIP alone: importing the package would ask for torchvision."""
    folder = package_folder("clip", "pip install --no-deps clip-anytorch")

    def load(name: str) -> ModuleType:
        spec = importlib.util.spec_from_file_location(f"openai_clip_{name}", folder / f"{name}.py")
        assert spec is not None and spec.loader is not None
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        return module

    return load


@pytest.fixture(scope="session")
def openai_model(openai: Callable[[str], ModuleType]) -> Callable[[CLIPConfig], torch.nn.Module]:
    """openai/CLIP's own model of a config, with random weights, in eval mode."""
    module = openai("model")

    def make(config: CLIPConfig) -> torch.nn.Module:
        vision, text = config.vision, config.text
        return module.CLIP(
            config.embed_dim,
            vision.resolution,
            vision.layers,
            vision.width,
            getattr(vision, "patch", None),
            text.context_length,
            text.vocab_size,
            text.width,
            text.heads,
            text.layers,
        ).eval()

    return make


@pytest.fixture(scope="session")
def open_clip() -> Callable[[str], ModuleType]:
    """A module of open_clip without its package's door, which asks for timm and torchvision."""
    folder = package_folder("open_clip", "pip install --no-deps open_clip_torch")
    package = ModuleType("open_clip")
    package.__path__ = [str(folder)]
    modules = {"open_clip": package}
    for name in ("torchvision", "torchvision.ops", "torchvision.ops.misc"):
        modules[name] = ModuleType(name)
    # Two names of one library are enough; nothing here freezes a batch norm.
    modules["torchvision.ops.misc"].FrozenBatchNorm2d = torch.nn.Identity  # type: ignore[attr-defined]

    def load(name: str) -> ModuleType:
        with pytest.MonkeyPatch.context() as patch:
            for key, module in {**modules, "transformers": None, "timm": None}.items():
                patch.setitem(sys.modules, key, module)  # None: as if it were not installed
            return importlib.import_module(f"open_clip.{name}")

    return load


@pytest.fixture(params=SMALL)
def small(request: pytest.FixtureRequest) -> CLIP:
    """A small CLIP of OpenAI's kind, a ViT or a ResNet, with no weight at zero or one."""
    model = build(SMALL[request.param], seed=0).eval()
    shake(model)
    return model


def shake(model: torch.nn.Module, seed: int = 1) -> None:
    """Random values everywhere, also where a network starts with zeros or ones."""
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for name, tensor in [*model.named_parameters(), *model.named_buffers()]:
            if tensor.is_floating_point() and not name.endswith("logit_scale"):
                noise = torch.empty_like(tensor).uniform_(-0.05, 0.05, generator=generator)
                tensor.add_(noise)


@pytest.fixture
def small_inputs() -> tuple[torch.Tensor, torch.Tensor]:
    """Three pictures and three rows of tokens for `small`: [SOT] words [EOT] and padding."""
    generator = torch.Generator().manual_seed(2)
    pictures = torch.randn(3, 3, 64, 64, generator=generator)
    tokens = torch.randint(1, 198, (3, 20), generator=generator)
    for i, row in enumerate(tokens):
        row[0], row[4 + i], row[5 + i :] = 198, 199, 0
    return pictures, tokens


@pytest.fixture
def transforms() -> ModuleType:
    """torchvision.transforms, which needs no operator of torchvision's compiled part.

    There is seldom a build of that part for a CPU build of torch, and without it the import fails
    where operators are declared: so the declarations are left out.
    """
    declare = torch.library.register_fake
    with pytest.MonkeyPatch.context() as patch:

        def only_others(name: str, *args: object, **options: object) -> Callable:
            if str(name).startswith("torchvision::"):
                return lambda function: function
            return declare(name, *args, **options)  # type: ignore[arg-type]

        patch.setattr(torch.library, "register_fake", only_others)
        return pytest.importorskip("torchvision.transforms", exc_type=ImportError)
