"""A download that breaks off, lies, or is here already: a server in this process plays them all."""

from __future__ import annotations

import dataclasses
import gzip
import hashlib
import io
import tarfile
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import numpy as np
import pytest

from clipedu.evaluation import load_task
from clipedu.evaluation.downloads import Download, DownloadError, fetch, find, is_whole
from clipedu.evaluation.tasks import photos as tasks_photos

CONTENT = bytes(range(256)) * 40


class _Server(ThreadingHTTPServer):
    body = CONTENT
    breaks_after: int | None = None  # bytes, once
    ranges = True
    says_length = True
    skips = 0  # bytes that a server leaves out when it goes on
    asked: list[str | None]


class _Handler(BaseHTTPRequestHandler):
    server: _Server

    def do_GET(self) -> None:
        wanted = self.headers.get("Range")
        self.server.asked.append(wanted)
        start = int(wanted.split("=")[1].rstrip("-")) if wanted and self.server.ranges else 0
        start += self.server.skips if start else 0
        body = self.server.body[start:]
        if wanted and self.server.ranges and not body:
            self.send_error(416)
            return
        self.send_response(206 if start else 200)
        if start:
            end = len(self.server.body)
            self.send_header("Content-Range", f"bytes {start}-{end - 1}/{end}")
        if self.server.says_length:
            self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        limit, self.server.breaks_after = self.server.breaks_after, None
        self.wfile.write(body if limit is None else body[:limit])

    def log_message(self, *args: object) -> None:
        pass


@pytest.fixture
def server() -> Iterator[_Server]:
    with _Server(("127.0.0.1", 0), _Handler) as server:
        server.asked = []
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield server
        server.shutdown()
        thread.join()


def described(server: _Server, name: str = "data.bin", content: bytes = CONTENT) -> Download:
    address = f"http://127.0.0.1:{server.server_port}/{name}"
    return Download(name, address, hashlib.sha256(content).hexdigest())


def test_a_file_arrives_once(server: _Server, tmp_path: Path) -> None:
    file = described(server)
    path = fetch(file, tmp_path, progress=False)
    assert path.read_bytes() == CONTENT and list(tmp_path.iterdir()) == [path]
    assert fetch(file, tmp_path, progress=False) == path
    assert server.asked == [None]  # the second call asked nobody
    assert find(file, [tmp_path / "nowhere", tmp_path]) == path


@pytest.mark.parametrize("ranges", [True, False])
def test_a_download_that_dies_goes_on(server: _Server, tmp_path: Path, ranges: bool) -> None:
    file = described(server)
    server.breaks_after, server.ranges = 3000, ranges
    with pytest.raises(DownloadError, match="3,000 bytes are kept; run the same again"):
        fetch(file, tmp_path, progress=False)
    assert not (tmp_path / file.name).exists()  # no half file under the name
    assert find(file, [tmp_path]) is None
    assert fetch(file, tmp_path, progress=False).read_bytes() == CONTENT
    assert server.asked == [None, "bytes=3000-"]
    assert not list(tmp_path.glob("*.part"))


def test_a_server_that_does_not_say_how_much_comes(server: _Server, tmp_path: Path) -> None:
    file = dataclasses.replace(described(server), size=len(CONTENT))
    server.breaks_after, server.says_length = 3000, False
    with pytest.raises(DownloadError, match="3,000 of 10,240 bytes.*run the same again"):
        fetch(file, tmp_path, progress=False)
    assert fetch(file, tmp_path, progress=False).read_bytes() == CONTENT
    assert server.asked == [None, "bytes=3000-"]


def test_two_pieces_that_do_not_meet(server: _Server, tmp_path: Path) -> None:
    file = described(server)
    server.breaks_after, server.skips = 3000, 5
    for message in ("3,000 bytes are kept", "another part than the one that is missing.* 0 bytes"):
        with pytest.raises(DownloadError, match=message):
            fetch(file, tmp_path, progress=False)
    assert fetch(file, tmp_path, progress=False).read_bytes() == CONTENT  # from the beginning
    assert server.asked == [None, "bytes=3000-", None]


def test_a_part_that_is_already_whole(server: _Server, tmp_path: Path) -> None:
    file = described(server)
    (tmp_path / "data.bin.part").write_bytes(CONTENT)
    assert fetch(file, tmp_path, progress=False).read_bytes() == CONTENT


def test_a_wrong_checksum_leaves_nothing(server: _Server, tmp_path: Path) -> None:
    file = described(server, content=b"something else")
    with pytest.raises(DownloadError, match="checksum is wrong.*deleted"):
        fetch(file, tmp_path, progress=False)
    assert list(tmp_path.iterdir()) == []


def test_a_file_that_was_damaged_later_is_fetched_again(server: _Server, tmp_path: Path) -> None:
    file = described(server)
    (tmp_path / file.name).write_bytes(CONTENT[:-1])
    assert not is_whole(tmp_path / file.name, file)
    assert fetch(file, tmp_path, progress=False).read_bytes() == CONTENT


def test_no_network(tmp_path: Path) -> None:
    file = Download("data.bin", "http://127.0.0.1:9/data.bin", "0" * 64)
    with pytest.raises(DownloadError, match="could not be fetched.*put the file"):
        fetch(file, tmp_path, progress=False)


def test_a_gzip_is_known_by_its_content(tmp_path: Path) -> None:
    file = Download("data.gz", "http://nowhere", hashlib.sha256(CONTENT).hexdigest())
    for level in (1, 9):  # other bytes outside, the same inside
        (tmp_path / "data.gz").write_bytes(gzip.compress(CONTENT, level))
        assert is_whole(tmp_path / "data.gz", file)
    (tmp_path / "data.gz").write_bytes(gzip.compress(CONTENT)[:-9])
    assert not is_whole(tmp_path / "data.gz", file)
    assert not is_whole(tmp_path / "nothing.gz", file)


def cifar_archive(pictures: int = 20) -> bytes:
    """Like cifar-10-binary.tar.gz: six batches and two texts, and noise, which stays big."""
    rng = np.random.default_rng(0)
    rows = rng.integers(0, 256, (6, pictures, 3073), np.uint8)
    rows[:, :, 0] = np.arange(pictures) % 10
    names = [f"data_batch_{k}.bin" for k in range(1, 6)] + ["test_batch.bin"]
    files = {name: batch.tobytes() for name, batch in zip(names, rows, strict=True)}
    files |= {"batches.meta.txt": b"airplane\nautomobile\n", "readme.html": b"<html>"}
    made = io.BytesIO()
    with tarfile.open(fileobj=made, mode="w:gz") as tar:
        for name, content in files.items():
            entry = tarfile.TarInfo(f"cifar-10-batches-bin/{name}")
            entry.size = len(content)
            tar.addfile(entry, io.BytesIO(content))
    return made.getvalue()


def test_cifar10_arrives_in_two_halves_and_is_read(
    server: _Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The whole way of the real archive, from a server on this machine."""
    real = tasks_photos.FILES["cifar10"][0]
    server.body = cifar_archive()
    served = dataclasses.replace(
        real,
        url=f"http://127.0.0.1:{server.server_port}/{real.name}",
        sha256=hashlib.sha256(server.body).hexdigest(),
        size=len(server.body),
    )
    monkeypatch.setitem(tasks_photos.FILES, "cifar10", (served,))
    monkeypatch.setattr(tasks_photos, "SYSTEM_FOLDERS", ())
    monkeypatch.setattr(tasks_photos, "data_folders", lambda: [tmp_path / "downloads"])
    monkeypatch.setenv("CLIPEDU_CACHE", str(tmp_path))
    server.breaks_after = len(server.body) // 2
    with pytest.raises(DownloadError, match="run the same again"):
        tasks_photos.fetch_task("cifar10", progress=False)
    with pytest.raises(tasks_photos.TaskUnavailable, match="binary version"):
        load_task("cifar10")  # half an archive is none
    (path,) = tasks_photos.fetch_task("cifar10", progress=False)
    assert server.asked == [None, f"bytes={len(server.body) // 2}-"]
    task = load_task("cifar10", 16)
    assert task.pictures.shape == (20, 3, 16, 16) and task.labels.tolist() == [*range(10)] * 2
    assert list(tmp_path.rglob("*")) == [path.parent, path]  # nothing was unpacked
