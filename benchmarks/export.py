"""The shipped encoders by torch and by onnxruntime: size, latency, throughput, accuracy.

    python benchmarks/export.py                    # three minutes on one core

fp32, bf16 and int8 (dynamic quantization, with what it costs in accuracy) of both, on one thread,
paired: every round times all of them, in an order of its own. The medians of the thread's own time,
which other programs on the machine do not lengthen, are written to lesson 13's results/export.json.
onnxruntime is asked for bf16, too; what it answers is written down.
"""

from __future__ import annotations

import argparse
import contextlib
import datetime
import hashlib
import json
import platform
import random
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import onnxruntime
import torch
import torch.nn.functional as F
from torch import Tensor

from clipedu.evaluation import load_task, zero_shot
from clipedu.files import write_whole
from clipedu.models import CLIP
from clipedu.models.export import export_onnx
from clipedu.pairs import to_model
from clipedu.training import load_pretrained
from clipedu.training.checkpoint import ASSETS
from clipedu_lessons.common.records import LESSONS

OUT = LESSONS / "l13_the_real_clip" / "results" / "export.json"
MODEL, TASKS = "laptop", ("lucide", "digits")
LATENCY, THROUGHPUT = 1, 64  # pictures, or captions, at a time
ENCODERS = ("image_encoder", "text_encoder")


class OnnxCLIP:
    """Both exported encoders, with what `zero_shot` asks of a CLIP."""

    def __init__(self, folder: Path, model: CLIP, bits: str = "") -> None:
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        make = onnxruntime.InferenceSession
        files = [str(folder / f"{name}{bits}.onnx") for name in ENCODERS]
        self.sessions = [make(file, options, ["CPUExecutionProvider"]) for file in files]
        self.context = model.config.text.context_length

    def encode_image(self, pictures: Tensor) -> Tensor:
        return self._run(0, pictures)

    def encode_text(self, tokens: Tensor) -> Tensor:
        return self._run(1, F.pad(tokens, (0, self.context - tokens.shape[1])))

    def _run(self, which: int, x: Tensor) -> Tensor:
        session = self.sessions[which]
        name = session.get_inputs()[0].name
        return torch.from_numpy(session.run(None, {name: x.contiguous().numpy()})[0])


def torch_int8(model: CLIP) -> CLIP:
    """Linear layers in 8 bits by torch; the joint matrix of q, k and v is no layer, and stays."""
    kinds = {torch.nn.Linear}
    return torch.ao.quantization.quantize_dynamic(model, kinds, torch.qint8)


def accuracies(encode: Any, tokenizer: Any, context: int) -> dict[str, Any]:
    """Right answers and pictures of each task."""
    found = {}
    for name in TASKS:
        task = load_task(name)
        prompts = [f.format(c) for c in task.class_names for f in task.templates]
        with torch.no_grad():
            parts = to_model(task.pictures).split(64)
            pictures = torch.cat(
                [F.normalize(encode.encode_image(p).float(), dim=-1) for p in parts]
            )
            rows = tokenizer(prompts, context, truncate=True).split(64)
            words = torch.cat([F.normalize(encode.encode_text(r).float(), dim=-1) for r in rows])
        weights = F.normalize(words.unflatten(0, (len(task.class_names), -1)).mean(1), dim=-1)
        right = int(((pictures @ weights.T).argmax(1) == task.labels).sum())
        found[name] = {"right": right, "pictures": len(task)}
    return found


def measure(calls: dict[str, Callable[[], Any]], seconds: float) -> dict[str, float]:
    """Median seconds of a call on this thread, all of them timed in turn."""
    times: dict[str, list[float]] = {name: [] for name in calls}
    for call in calls.values():
        call()
    end, names = time.perf_counter() + seconds, list(calls)
    while time.perf_counter() < end or len(times[names[0]]) < 7:
        random.shuffle(names)
        for name in names:
            start = time.thread_time()
            calls[name]()
            times[name].append(time.thread_time() - start)
    return {name: statistics.median(some) for name, some in times.items()}


def asks_for_bf16(folder: Path) -> str:
    """What onnxruntime says to the image encoder in bf16."""
    from onnx import TensorProto, helper, save

    x = helper.make_tensor_value_info("x", TensorProto.BFLOAT16, [2, 2])
    y = helper.make_tensor_value_info("y", TensorProto.BFLOAT16, [2, 2])
    graph = helper.make_graph([helper.make_node("MatMul", ["x", "x"], ["y"])], "g", [x], [y])
    made = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=9)
    save(made, str(folder / "bf16.onnx"))
    try:
        onnxruntime.InferenceSession(str(folder / "bf16.onnx"), providers=["CPUExecutionProvider"])
    except Exception as error:  # its own classes
        return str(error).splitlines()[0][:160]
    return "it runs"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seconds", type=float, default=12.0, help="of timing, for each figure")
    parser.add_argument("--out", type=Path, default=OUT)
    args = parser.parse_args()
    torch.set_num_threads(1)
    random.seed(0)
    model, tokenizer, _ = load_pretrained(MODEL)
    config, rows = model.config, []
    task = load_task("lucide")
    pictures = to_model(task.pictures[:THROUGHPUT]).contiguous()
    captions = [f"an icon of a {name}" for name in task.class_names[:THROUGHPUT]]
    tokens = tokenizer(captions, config.text.context_length)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        files = export_onnx(model, folder, int8=True)
        sizes = {file.name: file.stat().st_size for file in files}
        bf16 = asks_for_bf16(folder)
        plain, quantized = torch.no_grad, torch_int8(model)
        half = lambda: torch.autocast("cpu", torch.bfloat16)  # noqa: E731
        runs: dict[tuple[str, str], tuple[Any, Any]] = {
            ("torch", "fp32"): (model, contextlib.nullcontext),
            ("torch", "bf16"): (model, half),
            ("torch", "int8"): (quantized, contextlib.nullcontext),
            ("onnxruntime", "fp32"): (OnnxCLIP(folder, model), contextlib.nullcontext),
            ("onnxruntime", "int8"): (OnnxCLIP(folder, model, ".int8"), contextlib.nullcontext),
        }

        def call(key: tuple[str, str], encoder: str, n: int) -> Callable[[], Any]:
            which, context = runs[key]

            def once() -> Any:
                with plain(), context():
                    if encoder == "image_encoder":
                        return which.encode_image(pictures[:n])
                    return which.encode_text(tokens[:n])

            return once

        right = {}
        for key, (which, context) in runs.items():
            with context():
                right[key] = accuracies(which, tokenizer, config.text.context_length)
        exact = {
            name: round(zero_shot(model, tokenizer, load_task(name)).top1, 6) for name in TASKS
        }
        for encoder in ENCODERS:
            timed = {
                n: measure({str(key): call(key, encoder, n) for key in runs}, args.seconds)
                for n in (LATENCY, THROUGHPUT)
            }
            for key in runs:
                bits = ".int8" * (key[1] == "int8")
                row: dict[str, Any] = {"encoder": encoder, "runtime": key[0], "precision": key[1]}
                row["latency_ms"] = round(1e3 * timed[LATENCY][str(key)], 3)
                row["per_second"] = round(THROUGHPUT / timed[THROUGHPUT][str(key)], 1)
                row["bytes"] = sizes[f"{encoder}{bits}.onnx"] if key[0] != "torch" else None
                rows.append(row)
                print(row, flush=True)
    weights = (ASSETS / f"{MODEL}.safetensors").read_bytes()
    about = {
        "command": "python benchmarks/export.py",
        "date": datetime.date.today().isoformat(),
        "machine": f"one core of a server CPU with AMX, {platform.machine()}, one thread",
        "torch": torch.__version__,
        "onnxruntime": onnxruntime.__version__,
        "model": MODEL,
        "checkpoint": hashlib.sha256(weights).hexdigest()[:16],
        "batches": {"latency_ms": LATENCY, "per_second": THROUGHPUT},
        "onnxruntime_bf16": bf16,
        "torch_top1": exact,
    }
    accuracy = [{"runtime": a, "precision": b, **right[a, b]} for a, b in runs]
    data = {"about": about, "speed": rows, "accuracy": accuracy}
    args.out.parent.mkdir(parents=True, exist_ok=True)
    write_whole(args.out, json.dumps(data, indent=1) + "\n")


if __name__ == "__main__":
    main()
