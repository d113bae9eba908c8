"""Where real weights come from: a path, an address, or the name that OpenAI or a hub gave them."""

from __future__ import annotations

import ast
import os
import re
from pathlib import Path

from clipedu.downloads import Download, fetch
from clipedu.tokenizer.openai import packaged_file


def locate(source: str | Path, *, sha256: str | None = None) -> Path:
    """A file or folder for `read_weights`.

    source: a path; an http(s) address, whose checksum is `sha256` or a part of the address, as in
        OpenAI's; one of OpenAI's names ("ViT-B/32"); or "owner/model" in Hugging Face's cache
    Raises FileNotFoundError, ValueError for an address without a checksum, DownloadError.
    """
    name = str(source)
    if Path(source).exists():
        return Path(source)
    known = openai_downloads()
    if name in known or re.match(r"https?://", name):
        return fetch(known.get(name) or _described(name, sha256))
    home = Path(os.environ.get("HF_HOME", "~/.cache/huggingface")).expanduser()
    model = Path(os.environ.get("HF_HUB_CACHE", home / "hub"), f"models--{name.replace('/', '--')}")
    if (main := model / "refs" / "main").is_file():  # the newest snapshot
        return model / "snapshots" / main.read_text("utf-8").strip()
    advice = "the optional package clip-anytorch (pip install --no-deps clip-anytorch) knows them"
    if known:
        advice = f"known are {', '.join(known)}"
    raise FileNotFoundError(
        f"There is no file or folder {name}, and no model of that name: of OpenAI's, {advice}; "
        "one of Hugging Face has to be in its cache: `hf download OWNER/MODEL`."
    )


def openai_downloads() -> dict[str, Download]:
    """The released models by name, from the table in OpenAI's package, which is read and not run.

    Empty where that package is not installed.
    """
    try:
        program = packaged_file().with_name("clip.py").read_text("utf-8")
    except OSError:
        return {}
    table = re.search(r"^_MODELS = (\{.*?\})", program, re.DOTALL | re.MULTILINE)
    models = ast.literal_eval(table[1]) if table else {}
    return {name: _described(url, None) for name, url in models.items()}


def _described(url: str, sha256: str | None) -> Download:
    sha256 = sha256 or next((p for p in url.split("/") if re.fullmatch("[0-9a-f]{64}", p)), None)
    if sha256 is None:
        raise ValueError(f"What should the sha256 of {url} be? A file is not used unchecked.")
    return Download(url, sha256.lower())
