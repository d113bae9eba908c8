"""The encoders as ONNX files, which run without torch: in a browser, on a phone, in onnxruntime."""

from __future__ import annotations

import copy
import importlib
import warnings
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from clipedu.files import draft_of
from clipedu.models.clip import CLIP


class Encoder(nn.Module):
    """An encoder whose embeddings (B, E) are L2-normalized."""

    def __init__(self, encoder: nn.Module) -> None:
        super().__init__()
        self.encoder = encoder

    def forward(self, x: Tensor) -> Tensor:
        return F.normalize(self.encoder(x), dim=-1)


def export_onnx(model: CLIP, folder: str | Path, *, int8: bool = False) -> list[Path]:
    """Writes image_encoder.onnx and text_encoder.onnx, for batches of any size.

    They take pictures (B, 3, R, R) float32, as the model sees them, and tokens (B, L) int64 with L
    the whole context, and give embeddings (B, E), L2-normalized. int8: also NAME.int8.onnx, with
    the matrices in 8 bits; what they are multiplied with is rounded as it comes (dynamic).
    Raises ModuleNotFoundError, which says what to install; ValueError where onnxruntime's answer
    differs from torch's by more than 1e-4.
    """
    try:
        names = ("onnxscript", "onnxruntime", "onnxruntime.quantization")
        _, runtime, quantization = map(importlib.import_module, names)
    except ModuleNotFoundError as error:
        words = f"the export needs {error.name}: pip install onnx onnxscript onnxruntime"
        raise ModuleNotFoundError(words, name=error.name) from error
    plain, written = copy.deepcopy(model).cpu().float().eval(), []
    side, text = model.config.vision.resolution, model.config.text
    tokens = torch.randint(1, text.vocab_size - 1, (3, text.context_length))
    tokens[:, 2] = text.vocab_size - 1  # EOT
    for name, encoder, given in (
        ("image_encoder", plain.visual, torch.rand(3, 3, side, side)),
        ("text_encoder", plain.text, tokens),
    ):
        path, module = Path(folder) / f"{name}.onnx", Encoder(encoder).eval()
        how: Any = {"dynamo": True, "opset_version": 18, "verbose": False}
        how["dynamic_shapes"] = ({0: torch.export.Dim("batch")},)
        with warnings.catch_warnings(), torch.no_grad(), draft_of(path) as draft:
            warnings.simplefilter("ignore")  # of the exporter, about itself
            program: Any = torch.onnx.export(module, (given[:2],), **how)
            program.save(str(draft))
            session = runtime.InferenceSession(str(draft), providers=["CPUExecutionProvider"])
            (found,) = session.run(None, {session.get_inputs()[0].name: given.numpy()})
            largest = (torch.from_numpy(found) - module(given)).abs().max().item()
            if not largest <= 1e-4:
                raise ValueError(f"{name}: onnxruntime differs from torch by {largest:.1e}")
        written.append(path)
        if int8:
            written.append(path.with_suffix(".int8.onnx"))
            with draft_of(written[-1]) as draft:
                # a scale for each column; convolutions have no fast 8-bit kernel on a CPU
                kinds: Any = {"op_types_to_quantize": ["MatMul", "Gemm"], "per_channel": True}
                quantization.quantize_dynamic(str(path), str(draft), **kinds)
    return written
