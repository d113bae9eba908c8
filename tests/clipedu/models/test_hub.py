"""Hugging Face's hub, played by a server in this process: `clipedu load hf:owner/name`."""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
import torch

from clipedu.cli.main import main
from clipedu.downloads import Download, DownloadError, is_whole
from clipedu.models.sources import locate
from clipedu.models.weights import load_clip, save_weights

NAME, COMMIT = "somebody/clip-tiny", "c0ffee"


class _Hub(ThreadingHTTPServer):
    files: dict[str, bytes]
    wrong: dict[str, Any]  # what the list says of a file instead of the truth
    breaks_after: int | None = None  # bytes of the next large file, once
    loops = False  # redirects to itself
    asked: list[tuple[str, str | None]]
    listing: bytes | None = None


class _Handler(BaseHTTPRequestHandler):
    server: _Hub

    def do_GET(self) -> None:
        hub, wanted = self.server, self.headers.get("Range")
        hub.asked.append((self.path, wanted))
        if self.path == f"/api/models/{NAME}?blobs=true":
            return self._send(hub.listing or json.dumps(listing(hub)).encode())
        start, _, file = self.path.rpartition("/")
        if start == f"/{NAME}/resolve/{COMMIT}" and file in hub.files:
            self.send_response(302)  # large files lie elsewhere
            self.send_header("Location", self.path if hub.loops else f"/elsewhere/{file}")
            self.send_header("Content-Length", "0")
            return self.end_headers()
        if start == "/elsewhere":
            return self._send(hub.files[file], wanted)
        self.send_error(404)

    def _send(self, content: bytes, wanted: str | None = None) -> None:
        first = int(wanted[len("bytes=") : -1]) if wanted else 0
        self.send_response(206 if first else 200)
        self.send_header("Content-Length", str(len(content) - first))
        self.end_headers()
        limit = None
        if len(content) > 10_000:
            limit, self.server.breaks_after = self.server.breaks_after, None
        self.wfile.write(content[first:limit])

    def log_message(self, *args: object) -> None:
        pass


def listing(hub: _Hub) -> dict[str, Any]:
    """As the hub's API has it: large files by their SHA-256, small ones by git's id."""
    siblings = []
    for name, content in hub.files.items():
        blob = hashlib.sha1(b"blob %d\0" % len(content) + content).hexdigest()
        entry: dict[str, Any] = {"rfilename": name, "size": len(content), "blobId": blob}
        if not name.endswith(".json"):
            digest = hashlib.sha256(content).hexdigest()
            entry["lfs"] = {"sha256": digest, "size": len(content), "pointerSize": 134}
        siblings.append(entry | hub.wrong.get(name, {}))
    return {"id": NAME, "sha": COMMIT, "siblings": siblings}


@pytest.fixture
def hub(small, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[_Hub]:
    save_weights(small, tmp_path / "theirs")
    with _Hub(("127.0.0.1", 0), _Handler) as server:
        server.files = {path.name: path.read_bytes() for path in (tmp_path / "theirs").iterdir()}
        server.files["README.md"] = b"# a model"
        server.wrong, server.asked = {}, []
        monkeypatch.setenv("HF_ENDPOINT", f"http://127.0.0.1:{server.server_port}")
        monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path / "no cache of theirs"))
        monkeypatch.setenv("CLIPEDU_CACHE", str(tmp_path / "cache"))
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield server
        server.shutdown()
        thread.join()


def folder_of(tmp_path: Path) -> Path:
    return tmp_path / "cache" / "downloads" / "hub" / "somebody--clip-tiny"


only_vit = pytest.mark.parametrize("small", ["vit"], indirect=True)


@only_vit
def test_a_model_arrives_once_and_is_the_same(small, hub: _Hub, tmp_path: Path, capsys) -> None:
    assert main(["load", f"hf:{NAME}"]) == 0
    assert "a CLIP (Hugging Face)" in capsys.readouterr().out
    asked = [path for path, _ in hub.asked]
    assert asked[0].startswith("/api/") and len(asked) == 5  # two files, each after a redirect
    assert not any("README" in path for path in asked)
    model = load_clip(locate(f"hf:{NAME}"))
    assert len(hub.asked) == 5  # the second time nobody was asked
    for name, tensor in small.state_dict().items():
        assert torch.equal(model.state_dict()[name], tensor)


@only_vit
def test_a_cut_connection_is_resumed_behind_the_redirect(hub: _Hub, tmp_path: Path) -> None:
    hub.breaks_after = 5000
    with pytest.raises(DownloadError, match="model.safetensors could not be fetched.*again"):
        locate(f"hf:{NAME}")
    part = folder_of(tmp_path) / "model.safetensors.part"
    assert 0 < part.stat().st_size <= 5000
    load_clip(locate(f"hf:{NAME}"))
    resumed = [wanted for path, wanted in hub.asked if path == "/elsewhere/model.safetensors"][-1]
    assert resumed is not None and int(resumed[6:-1]) > 0


@only_vit
@pytest.mark.parametrize("file", ["config.json", "model.safetensors"])
def test_other_content_than_the_list_says_is_refused(hub: _Hub, tmp_path: Path, file: str) -> None:
    hub.wrong[file] = {"blobId": "0" * 40, "lfs": {"sha256": "0" * 64}}
    if file == "config.json":
        del hub.wrong[file]["lfs"]
    with pytest.raises(DownloadError, match=f"{file} could not be fetched.*checksum is wrong"):
        locate(f"hf:{NAME}")
    assert not (folder_of(tmp_path) / file).exists()


@only_vit
def test_a_redirect_loop_ends(hub: _Hub) -> None:
    hub.loops = True
    with pytest.raises(DownloadError, match="redirects.*put the file config.json into"):
        locate(f"hf:{NAME}")


@only_vit
def test_no_space_is_said_before(hub: _Hub) -> None:
    hub.wrong["model.safetensors"] = {"size": 10**18}
    with pytest.raises(DownloadError, match="needs 1000000000000 MB more"):
        locate(f"hf:{NAME}")


@only_vit
def test_without_a_network_it_says_which_files_go_where(
    small, hub: _Hub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:9")
    words = "config.json and model.safetensors into .*somebody--clip-tiny yourself"
    with pytest.raises(DownloadError, match=words):
        locate(f"hf:{NAME}")
    save_weights(small, folder_of(tmp_path))  # by hand, then
    assert load_clip(locate(f"hf:{NAME}")).config == small.config


@only_vit
@pytest.mark.parametrize("answer", [b"<html>Please log in</html>", b"[]", b'{"error": "gated"}'])
def test_an_answer_that_is_no_list_is_not_kept(hub: _Hub, tmp_path: Path, answer: bytes) -> None:
    hub.listing = answer
    with pytest.raises(DownloadError, match="list of files of somebody/clip-tiny"):
        locate(f"hf:{NAME}")
    hub.listing = None
    assert locate(f"hf:{NAME}") == folder_of(tmp_path)


@only_vit
def test_names_and_models_that_cannot_be(hub: _Hub) -> None:
    for name in ("clip", "a/b/c", "../b", "a/..%2f"):
        with pytest.raises((ValueError, DownloadError)):
            locate(f"hf:{name}")
    with pytest.raises(DownloadError, match="404"):
        locate("hf:nobody/nothing")
    del hub.files["config.json"]
    with pytest.raises(FileNotFoundError, match="no files of a CLIP. It has: .*README.md"):
        locate(f"hf:{NAME}")


FETCH = "import sys; from clipedu.models.sources import locate; print(locate(sys.argv[1]))"


@only_vit
def test_two_processes_at_once_fetch_each_file_once(hub: _Hub, tmp_path: Path) -> None:
    words = [sys.executable, "-c", FETCH, f"hf:{NAME}"]
    two = [subprocess.Popen(words, stdout=subprocess.PIPE, text=True) for _ in range(2)]
    said = {process.communicate(timeout=240)[0].strip() for process in two}
    assert said == {str(folder_of(tmp_path))}
    large = [path for path, _ in hub.asked if path == "/elsewhere/model.safetensors"]
    assert len(large) == 1


def test_gits_id_of_a_file(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_bytes(b"hello\n")
    known = "ce013625030ba8dba906f756967f9e9ca394464a"  # git hash-object
    assert is_whole(tmp_path / "a.txt", Download("http://nowhere/a.txt", known))
    assert not is_whole(tmp_path / "a.txt", Download("http://nowhere/a.txt", "0" * 40))
