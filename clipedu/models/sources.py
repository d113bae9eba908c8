"""Where real weights come from: a path, an address, or the name that OpenAI or a hub gave them."""

from __future__ import annotations

import ast
import json
import os
import re
import urllib.request
from pathlib import Path
from typing import Any

from clipedu.device import cache_folder
from clipedu.downloads import Download, DownloadError, fetch
from clipedu.files import write_whole
from clipedu.models.weights import FOLDERS
from clipedu.tokenizer.openai import packaged_file


def locate(source: str | Path, *, sha256: str | None = None) -> Path:
    """A file or folder for `read_weights`.

    source: a path; an http(s) address, whose checksum is `sha256` or a part of the address, as in
        OpenAI's; one of OpenAI's names ("ViT-B/32"); "owner/model" in Hugging Face's cache; or
        "hf:owner/model", which is fetched from their hub where it is not in that cache
    Raises FileNotFoundError, ValueError for an address without a checksum, DownloadError.
    """
    name = str(source).removeprefix("hf:")
    if Path(source).exists():
        return Path(source)
    known = openai_downloads()
    if name in known or re.match(r"https?://", name):
        return fetch(known.get(name) or _described(name, sha256))
    home = Path(os.environ.get("HF_HOME", "~/.cache/huggingface")).expanduser()
    model = Path(os.environ.get("HF_HUB_CACHE", home / "hub"), f"models--{name.replace('/', '--')}")
    if (main := model / "refs" / "main").is_file():  # the newest snapshot
        return model / "snapshots" / main.read_text("utf-8").strip()
    if str(source).startswith("hf:"):
        return hub_model(name)
    advice = "the optional package clip-anytorch (pip install --no-deps clip-anytorch) knows them"
    if known:
        advice = f"known are {', '.join(known)}"
    raise FileNotFoundError(
        f"There is no file or folder {name}, and no model of that name: of OpenAI's, {advice}; "
        "hf:OWNER/MODEL fetches one of Hugging Face's hub."
    )


def hub_model(name: str) -> Path:
    """The folder of the hub's model "owner/name", with its files fetched as far as they lack.

    The list of files, with their sizes and checksums, is kept: a model stays as it was when it was
    first fetched, and needs no network again. Raises ValueError for what is no such name,
    DownloadError, FileNotFoundError for a model without CLIP's files.
    """
    if not re.fullmatch(r"[\w.-]+/[\w.-]+", name):
        raise ValueError(f"A model of the hub is hf:OWNER/NAME, not hf:{name}.")
    endpoint = os.environ.get("HF_ENDPOINT", "https://huggingface.co").rstrip("/")
    folder = cache_folder() / "downloads" / "hub" / name.replace("/", "--")
    listing, address = folder / "files.json", f"{endpoint}/api/models/{name}?blobs=true"
    try:
        if not listing.is_file():
            with urllib.request.urlopen(address, timeout=30) as answer:
                found = json.load(answer)
            write_whole(listing, json.dumps({key: found[key] for key in ("sha", "siblings")}))
        about: Any = json.loads(listing.read_text("utf-8"))
        files = {file["rfilename"]: file for file in about["siblings"]}
    except (OSError, ValueError, KeyError, TypeError) as error:
        for description, (_, weights) in FOLDERS.items():  # put there by hand
            if any((folder / w).is_file() for w in weights) and (folder / description).is_file():
                return folder
        raise DownloadError(
            f"The list of files of {name} could not be fetched from {address}: {error}. Run the "
            f"same again, or put its config.json and model.safetensors into {folder} yourself."
        ) from error
    for description, (_, weights) in FOLDERS.items():
        if description in files and (here := [file for file in weights if file in files]):
            for file in (description, here[0]):
                digest = (files[file].get("lfs") or {}).get("sha256") or files[file]["blobId"]
                url = f"{endpoint}/{name}/resolve/{about['sha']}/{file}"
                fetch(Download(url, digest, files[file]["size"]), folder)
            return folder
    raise FileNotFoundError(f"{name} has no files of a CLIP. It has: {', '.join(files)[:300]}.")


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
