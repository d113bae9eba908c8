"""`clipedu load`: open real CLIP weights, check them, and write them in another form."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from clipedu.cli.main import add_verb

EXAMPLES = """\
  clipedu load ViT-B/32                                  fetch OpenAI's file, check and describe it
  clipedu load ViT-B-32.pt --save clip.safetensors       OpenAI's archive to one safetensors file
  clipedu load clip.safetensors --save folder --form hf  to what transformers loads
  clipedu load finetuned.pt --activation quick_gelu --resolution 336 --save large.safetensors
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
