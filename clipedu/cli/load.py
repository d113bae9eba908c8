"""`clipedu load` and `clipedu export`: open CLIP weights, and write them in another form."""

from __future__ import annotations

import argparse
import logging
from pathlib import Path
from typing import Any

from clipedu.cli.main import add_verb

EXAMPLES = """\
  clipedu load ViT-B/32                                  fetch OpenAI's file, check and describe it
  clipedu load hf:openai/clip-vit-base-patch32           the same from Hugging Face's hub
  clipedu load ViT-B-32.pt --save clip.safetensors       OpenAI's archive to one safetensors file
  clipedu load clip.safetensors --save folder --form hf  to what transformers loads
  clipedu load finetuned.pt --activation quick_gelu --resolution 336 --save large.safetensors
"""
EXPORT_EXAMPLES = """\
  clipedu export laptop --out onnx           image_encoder.onnx, text_encoder.onnx, tokenizer.json
  clipedu export ViT-B/32 --out onnx --int8  and with matrices in 8 bits
"""


def add_load(subparsers: Any) -> argparse.ArgumentParser:
    """The parser of `clipedu load`."""
    from clipedu.models.weights import FORMS

    what = "Read CLIP weights of OpenAI, open_clip or Hugging Face; no code of a file is run."
    parser = add_verb(subparsers, "load", run_load, what, EXAMPLES)
    add = parser.add_argument
    add("source", help="file, folder, address, or a name such as ViT-B/32")
    add("--save", metavar="OUT", type=Path, help="write them to this file or folder")
    add("--form", choices=FORMS, help="of OUT (default: by its ending, else hf)")
    add("--activation", choices=("quick_gelu", "gelu"), help="where the file does not say")
    add("--resolution", type=int, help="interpolate positions for such pictures")
    add("--sha256", help="the checksum of what lies at an address")
    return parser


def run_load(args: argparse.Namespace) -> tuple[int, dict[str, Any]]:
    """Prints what the weights are; returns exit code 0 and the facts."""
    from clipedu.models import PRESETS, count_parameters
    from clipedu.models.sources import locate
    from clipedu.models.weights import load_clip, read_weights, save_weights

    weights = read_weights(locate(args.source, sha256=args.sha256), activation=args.activation)
    model = load_clip(weights, resolution=args.resolution)
    config, count = model.config, count_parameters(model)
    name = next((name for name, preset in PRESETS.items() if preset == config), "a CLIP")
    print(
        f"{name} ({weights.source}): {count:,} parameters, {config.activation}, pictures of "
        f"{config.vision.resolution} px, {config.text.vocab_size:,} tokens."
    )
    written = save_weights(model, args.save, args.form) if args.save else []
    for path in written:
        print(f"Wrote {path} ({path.stat().st_size / 1e6:,.1f} MB).")
    files = [str(path) for path in written]
    about = {"source": weights.source, "parameters": count, "config": config.to_dict()}
    return 0, about | {"files": files}


def add_export(subparsers: Any) -> argparse.ArgumentParser:
    """The parser of `clipedu export`."""
    what = "Write the encoders as ONNX; onnxruntime's answers are compared with torch's."
    parser = add_verb(subparsers, "export", run_export, what, EXPORT_EXAMPLES)
    parser.add_argument("checkpoint", help="laptop, a file, a run's folder, or as `clipedu load`")
    parser.add_argument("--out", type=Path, required=True, help="folder for the files")
    parser.add_argument("--int8", action="store_true", help="also with matrices in 8 bits")
    kinds = ("quick_gelu", "gelu")
    parser.add_argument("--activation", choices=kinds, help="where the file does not say")
    return parser


def run_export(args: argparse.Namespace) -> tuple[int, dict[str, Any]]:
    """Writes the files; returns exit code 0 and their sizes in bytes."""
    from clipedu.models.export import export_onnx
    from clipedu.training import load_any

    model, tokenizer = load_any(args.checkpoint, activation=args.activation)
    logging.disable(logging.WARNING)  # the exporter's, about itself
    try:
        written = export_onnx(model, args.out, int8=args.int8)
    finally:
        logging.disable(logging.NOTSET)
    sizes = {path: path.stat().st_size for path in written}
    tokenizer.save(args.out / "tokenizer.json")
    for path, size in sizes.items():
        print(f"Wrote {path} ({size / 1e6:,.1f} MB).")
    scale = model.logit_scale.exp().item()
    print(f"Logit scale {scale:.2f}. onnxruntime agrees with torch to 1e-4.")
    files = {str(path): size for path, size in sizes.items()}
    return 0, {"files": files, "logit_scale": scale, "config": model.config.to_dict()}
