"""ONNX files: what onnxruntime makes of them is what torch makes of the model."""

from __future__ import annotations

import importlib
from pathlib import Path
from typing import Any

import pytest
import torch

from clipedu.models import CLIP, build
from clipedu.models.export import export_onnx

SIZES = {"vocab_size": 300, "context_length": 16, "text_width": 32, "text_heads": 2}
MODELS: dict[str, dict[str, Any]] = {
    "laptop_vit_stem": {"vision_width": 48, "vision_layers": 2, "text_layers": 2, **SIZES},
    "tiny": SIZES,
}


@pytest.fixture(scope="module")
def runtime() -> Any:
    pytest.importorskip("onnxscript", reason="the extra `real` is not installed")
    return pytest.importorskip("onnxruntime", reason="the extra `real` is not installed")


@pytest.fixture(scope="module", params=MODELS)
def exported(request, runtime: Any, tmp_path_factory) -> tuple[CLIP, Path]:
    model = build(request.param, seed=0, **MODELS[request.param])
    for name, buffer in model.named_buffers():  # batch norms that have seen something
        if name.endswith("running_mean"):
            buffer.normal_(std=0.3)
    folder = tmp_path_factory.mktemp(request.param)
    written = export_onnx(model, folder, int8=True)
    names = [f"{e}_encoder{bits}.onnx" for e in ("image", "text") for bits in ("", ".int8")]
    assert [path.name for path in written] == names
    assert sorted(path.name for path in folder.iterdir()) == sorted(names)
    assert model.training  # as it was
    return model.eval(), folder


def run(runtime: Any, path: Path, x: torch.Tensor) -> torch.Tensor:
    session = runtime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    (out,) = session.run(None, {session.get_inputs()[0].name: x.numpy()})
    return torch.from_numpy(out)


@pytest.mark.parametrize("batch", [1, 2, 7, 64])
def test_embeddings_are_equal_at_every_batch_size(exported, runtime: Any, batch: int) -> None:
    model, folder = exported
    torch.manual_seed(batch)
    pictures = torch.randn(batch, 3, 32, 32)
    tokens = torch.randint(1, 299, (batch, 16))
    last = torch.randint(1, 16, (batch,))  # captions of every length, and noise behind their end
    tokens[torch.arange(batch), last] = 299
    with torch.no_grad():
        image = model.encode_image(pictures, normalize=True)
        text = model.encode_text(tokens, normalize=True)
    for name, x, wanted in (("image", pictures, image), ("text", tokens, text)):
        found = run(runtime, folder / f"{name}_encoder.onnx", x)
        assert found.shape == wanted.shape and (found - wanted).abs().max() <= 1e-4, name
        rough = run(runtime, folder / f"{name}_encoder.int8.onnx", x)
        assert (rough * wanted).sum(1).min() > 0.97, name  # cosines: 8 bits cost little
        size, small = (folder / f"{name}_encoder{bits}.onnx" for bits in ("", ".int8"))
        assert small.stat().st_size < size.stat().st_size


def test_what_follows_the_end_of_a_caption_changes_nothing(exported, runtime: Any) -> None:
    _, folder = exported
    tokens = torch.zeros(2, 16, dtype=torch.long)
    tokens[:, :3], tokens[:, 3] = torch.tensor([298, 5, 6]), 299
    tokens[1, 4:] = 17
    a, b = run(runtime, folder / "text_encoder.onnx", tokens)
    assert torch.allclose(a, b, atol=1e-6)


def test_a_wrong_export_is_not_kept(runtime: Any, tmp_path: Path, monkeypatch) -> None:
    import torch.onnx

    right = torch.onnx.export

    def wrong(module: torch.nn.Module, *more: Any, **how: Any) -> Any:
        class Twice(torch.nn.Module):
            def __init__(self) -> None:
                super().__init__()
                self.inner = module

            def forward(self, x: torch.Tensor) -> torch.Tensor:
                return 2 * self.inner(x)

        return right(Twice().eval(), *more, **how)

    monkeypatch.setattr(torch.onnx, "export", wrong)
    with pytest.raises(ValueError, match="image_encoder: onnxruntime differs from torch"):
        export_onnx(build("tiny", **SIZES), tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_without_the_packages_it_says_what_to_install(monkeypatch, tmp_path: Path) -> None:
    def missing(name: str) -> Any:
        raise ModuleNotFoundError(name=name)

    monkeypatch.setattr(importlib, "import_module", missing)
    with pytest.raises(ModuleNotFoundError, match="needs onnxscript: pip install onnx onnxscript"):
        export_onnx(build("tiny"), tmp_path)
