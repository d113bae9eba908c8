"""What the drawing page needs beside its own files: the encoder, the names, and two npm packages.

Everything is written into one folder, from which a static web server can serve it:
draw/ holds the image encoder as ONNX, the embeddings of the names, onnxruntime-web and the pad of
the lessons; vendor/ holds MathJax. What is there already and still fits is kept.
"""

from __future__ import annotations

import base64
import hashlib
import json
import shutil
import subprocess
import tarfile
import tempfile
import warnings
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch

from clipedu.evaluation import embed_pictures, zero_shot_classifier
from clipedu.files import write_whole
from clipedu.models import CLIP
from clipedu.models.export import export_onnx
from clipedu.pairs import TRAINING_FAMILIES, load_icons, to_model, training_pairs
from clipedu.pairs.batches import shared_names
from clipedu.tokenizer import Tokenizer
from clipedu.training import load_pretrained
from clipedu_lessons.common.strokes import SAMPLES, draw_strokes

ROOT = Path(__file__).resolve().parents[2]
LARGEST_ENCODER = 10 * 1024**2  # bytes
LARGEST_ERROR = 1e-3  # 1 - cosine, between the 8-bit encoder and Python's
ONE = 2**15 - 1  # an embedding's number 1.0 in the file of names, which holds 16-bit integers


class Package(NamedTuple):
    """A package of the npm registry: the release, npm's own sum of it, and the files we take."""

    name: str
    version: str
    integrity: str  # as `npm view NAME dist.integrity` prints it, without "sha512-"
    files: dict[str, str]  # in the package -> below our folder


PACKAGES = (
    Package(
        "onnxruntime-web",
        "1.30.0",
        "q0y+JrrtukXSzsBWEMccVfqX25LRmosXHF+CaRJmg8pZClzcV7svNc4rKY3jL02Vb7QmRMDs1SigqR4CXAfKYQ==",
        {
            "dist/ort.wasm.min.mjs": "draw/ort.wasm.min.mjs",
            "dist/ort-wasm-simd-threaded.mjs": "draw/ort-wasm-simd-threaded.mjs",
            "dist/ort-wasm-simd-threaded.wasm": "draw/ort-wasm-simd-threaded.wasm",
        },
    ),
    Package(
        "mathjax",
        "3.2.2",
        "Bt+SSVU8eBG27zChVewOicYs7Xsdt40qm4+UpHyX7k0/O9NliPc+x77k1/FEsPsjKPZGJvtRZM1vO+geW0OhGw==",
        {
            "es5/tex-svg-full.js": "vendor/mathjax/tex-svg-full.js",
            "LICENSE": "vendor/mathjax/LICENSE",
        },
    ),
)


def fetch(package: Package, store: Path) -> Path:
    """The package as a file in `store`, from there or by npm, with npm's sum compared.

    Raises FileNotFoundError where it is not there and npm cannot bring it; ValueError for a file
    that is not this release.
    """
    file = store / f"{package.name}-{package.version}.tgz"
    if not file.exists():
        store.mkdir(parents=True, exist_ok=True)
        release = f"{package.name}@{package.version}"
        npm = shutil.which("npm") or "npm"
        command = [npm, "pack", release, "--prefer-offline", "--silent", "--pack-destination"]
        try:
            subprocess.run([*command, store], check=True, capture_output=True, text=True)
        except (OSError, subprocess.CalledProcessError) as error:
            said = (getattr(error, "stderr", "") or str(error)).strip()
            raise FileNotFoundError(
                f"the site needs {release}, and `npm pack` could not bring it: {said}. Install "
                f"Node.js, which has npm, or put the package's file at {file}"
            ) from error
    found = base64.b64encode(hashlib.sha512(file.read_bytes()).digest()).decode()
    if found != package.integrity:
        raise ValueError(f"{file} is not the release that page.py names. Delete it and try again")
    return file


def unpack(package: Package, store: Path, out: Path) -> None:
    """Writes the files that we take. Raises what `fetch` raises."""
    if all((out / target).exists() for target in package.files.values()):
        return
    with tarfile.open(fetch(package, store)) as archive:
        for inside, target in package.files.items():
            content = archive.extractfile(f"package/{inside}")
            assert content is not None
            write_whole(out / target, content.read())


def names_to_rank() -> list[str]:
    """The names in the list of the page, sorted: what at least two training sets draw, and emoji.

    A name of one set may be its private jargon, but an emoji's is known to everybody. Flags are
    left out: who draws three stripes would get fifty countries.
    """
    emoji = {
        icon.name.lower()
        for icon in load_icons(["openmoji"])
        if not any("flag" in category.lower() for category in icon.categories)
    }
    short = {name for name in emoji if len(name.split()) <= 2 and name.replace(" ", "").isalpha()}
    return sorted(short | {n.lower() for n in shared_names(TRAINING_FAMILIES, at_least=2)})


def as_integers(embeddings: torch.Tensor) -> np.ndarray:
    """(N, E) unit vectors -> 16-bit integers, 32767 for 1.0: off by at most 1.6e-5 a number."""
    return np.rint(embeddings.detach().numpy() * ONE).astype("<i2")


def some_pictures(model: CLIP) -> torch.Tensor:
    """(N, 3, R, R) in 0..1, for a comparison: our drawings, and 64 pictures of training sets."""
    size = model.config.vision.resolution
    drawn = torch.stack([draw_strokes(strokes, size) for strokes in SAMPLES.values()])
    return torch.cat([drawn, training_pairs(size=size).batch(64, seed=0)[0]])


def largest_error(model: CLIP, encoder: Path) -> float:
    """The largest 1 - cosine between an exported image encoder and the model, over pictures."""
    import onnxruntime

    session = onnxruntime.InferenceSession(str(encoder), providers=["CPUExecutionProvider"])
    pictures, name = some_pictures(model), session.get_inputs()[0].name
    # One by one, as the page does: with a batch, the scales of the 8 bits would be other ones.
    found = [session.run(None, {name: to_model(x[None]).numpy()})[0] for x in pictures]
    cosines = (torch.from_numpy(np.concatenate(found)) * embed_pictures(model, pictures)).sum(1)
    return float(1 - cosines.min())


def write_model(model: CLIP, tokenizer: Tokenizer, out: Path) -> dict[str, Any]:
    """Writes encoder.onnx, names.bin and names.json into `out`; what they hold, in numbers.

    Raises ValueError for an encoder that is too large, or too far from Python's.
    """
    with tempfile.TemporaryDirectory() as folder:
        paths = export_onnx(model, folder, int8=True)
        encoder = next(path for path in paths if path.name == "image_encoder.int8.onnx")
        size, error = encoder.stat().st_size, largest_error(model, encoder)
        if size > LARGEST_ENCODER or not error <= LARGEST_ERROR:
            raise ValueError(
                f"the image encoder in 8 bits has {size:,} bytes and differs by {error:.1e} in "
                f"cosine; at most {LARGEST_ENCODER:,} and {LARGEST_ERROR:.0e} are allowed"
            )
        write_whole(out / "encoder.onnx", encoder.read_bytes())
    names = names_to_rank()
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="No prediction tells")  # one word, two spellings
        embeddings = zero_shot_classifier(model, tokenizer, names, "icon")
    write_whole(out / "names.bin", as_integers(embeddings).tobytes())
    about = {
        "names": names,
        "dim": embeddings.shape[1],
        "resolution": model.config.vision.resolution,
        "logit_scale": model.logit_scale.exp().item(),
        "samples": SAMPLES,
    }
    write_whole(out / "names.json", json.dumps(about))
    return {"names": len(names), "encoder bytes": size, "encoder error": error}


def fingerprint() -> str:
    """Changes with the checkpoint and with everything in this repository that makes the files."""
    sha = hashlib.sha256()
    used = ["clipedu/assets/laptop.safetensors", "clipedu/models/export.py", "docs/site/page.py"]
    used += ["clipedu/evaluation/prompts.py", "clipedu_lessons/common/strokes.py"]
    for name in used:
        sha.update((ROOT / name).read_bytes())
    return sha.hexdigest()


def write_page(out: Path, store: Path) -> dict[str, Any]:
    """Writes all that the drawing page and the formulas need; what the model's files hold."""
    for package in PACKAGES:
        unpack(package, store, out)
    for name in ("drawing_pad.js", "drawing_pad.css"):
        write_whole(out / "draw" / name, (ROOT / "clipedu_lessons/common" / name).read_bytes())
    done = out / "draw" / "made_from.json"
    made: dict[str, Any] = json.loads(done.read_text("utf-8")) if done.exists() else {}
    if made.get("fingerprint") != fingerprint():
        model, tokenizer, _ = load_pretrained()
        made = {"fingerprint": fingerprint(), **write_model(model, tokenizer, out / "draw")}
        write_whole(done, json.dumps(made, indent=1))
    return made
