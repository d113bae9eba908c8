"""A download that breaks off, lies, or is here already: a server in this process plays them all."""

from __future__ import annotations

import gzip
import hashlib
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from clipedu.evaluation.downloads import Download, DownloadError, fetch, find, is_whole

CONTENT = bytes(range(256)) * 40


class _Server(ThreadingHTTPServer):
    body = CONTENT
    breaks_after: int | None = None  # bytes, once
    ranges = True
    asked: list[str | None]


class _Handler(BaseHTTPRequestHandler):
    server: _Server

    def do_GET(self) -> None:
        wanted = self.headers.get("Range")
        self.server.asked.append(wanted)
        start = int(wanted.split("=")[1].rstrip("-")) if wanted and self.server.ranges else 0
        body = self.server.body[start:]
        if wanted and self.server.ranges and not body:
            self.send_error(416)
            return
        self.send_response(206 if start else 200)
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
