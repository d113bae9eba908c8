"""Names, addresses and caches: which file a source means."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from clipedu.models import PRESETS, sources
from clipedu.models.sources import locate, openai_downloads


def test_a_path_is_itself(tmp_path: Path) -> None:
    assert locate(tmp_path) == tmp_path and locate(str(tmp_path)) == tmp_path


def test_openais_table_is_read_and_not_run(openai) -> None:
    known = openai_downloads()
    assert set(known) == {name for name, c in PRESETS.items() if c.text.vocab_size == 49408}
    for file in known.values():
        assert file.name.endswith(".pt") and len(file.sha256) == 64 and file.sha256 in file.url


def test_a_known_name_is_fetched(monkeypatch, openai) -> None:
    monkeypatch.setattr(sources, "fetch", lambda file: Path(file.name))
    assert locate("ViT-B/32") == Path("ViT-B-32.pt")


def test_an_address_needs_a_checksum(monkeypatch) -> None:
    monkeypatch.setattr(sources, "fetch", lambda file: Path(file.sha256))
    digest = hashlib.sha256(b"").hexdigest()
    with pytest.raises(ValueError, match="sha256 of https://example.org/a.pt"):
        locate("https://example.org/a.pt")
    assert locate("https://example.org/a.pt", sha256=digest.upper()) == Path(digest)
    assert locate(f"https://example.org/{digest}/a.pt") == Path(digest)


def test_a_model_in_hugging_faces_cache(monkeypatch, tmp_path: Path) -> None:
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path))
    with pytest.raises(FileNotFoundError, match="hf:OWNER/MODEL"):
        locate("openai/clip-vit-base-patch32")
    model = tmp_path / "models--openai--clip-vit-base-patch32"
    (model / "snapshots" / "abc").mkdir(parents=True)
    (model / "refs").mkdir()
    (model / "refs" / "main").write_text("abc")
    assert locate("openai/clip-vit-base-patch32") == model / "snapshots" / "abc"


def test_without_openais_package(monkeypatch) -> None:
    def missing() -> Path:
        raise FileNotFoundError

    monkeypatch.setattr(sources, "packaged_file", missing)
    with pytest.raises(FileNotFoundError, match="no model of that name.*clip-anytorch"):
        locate("ViT-B/32")
