"""A download that breaks off, lies, or is here already: a server in this process plays them all."""

from __future__ import annotations

import dataclasses
import gzip
import hashlib
import io
import subprocess
import sys
import tarfile
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import numpy as np
import pytest

from clipedu.downloads import Download, DownloadError, fetch, find, is_whole
from clipedu.evaluation import load_task
from clipedu.evaluation.tasks import photos as tasks_photos

CONTENT = bytes(range(256)) * 40


class _Server(ThreadingHTTPServer):
    body = CONTENT
    breaks_after: int | None = None  # bytes, once
    says_length = True
    asked = 0
    resumes = True  # whether it knows Range
    ranges: list[str | None]


class _Handler(BaseHTTPRequestHandler):
    server: _Server

    def do_GET(self) -> None:
        self.server.asked += 1
        wanted = self.headers.get("Range")
        self.server.ranges.append(wanted)
        start = int(wanted[len("bytes=") : -1]) if wanted and self.server.resumes else 0
        if start >= len(self.server.body):
            return self.send_error(416)
        self.send_response(206 if start else 200)
        if self.server.says_length:
            self.send_header("Content-Length", str(len(self.server.body) - start))
        self.end_headers()
        limit, self.server.breaks_after = self.server.breaks_after, None
        self.wfile.write(self.server.body[start:limit])

    def log_message(self, *args: object) -> None:
        pass


@pytest.fixture
def server() -> Iterator[_Server]:
    with _Server(("127.0.0.1", 0), _Handler) as server:
        server.ranges = []
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield server
        server.shutdown()
        thread.join()


def files_in(folder: Path) -> list[str]:
    """Names, but for the lock, which stays: to remove it would let two processes in."""
    return sorted(path.name for path in folder.iterdir() if not path.name.startswith("."))


def described(server: _Server, name: str = "data.bin", content: bytes = CONTENT) -> Download:
    address = f"http://127.0.0.1:{server.server_port}/{name}"
    return Download(address, hashlib.sha256(content).hexdigest())


def test_a_file_arrives_once(server: _Server, tmp_path: Path) -> None:
    file = described(server)
    path = fetch(file, tmp_path, progress=False)
    assert path.read_bytes() == CONTENT and files_in(tmp_path) == [path.name]
    assert fetch(file, tmp_path, progress=False) == path
    assert server.asked == 1  # the second call asked nobody
    assert find(file, [tmp_path / "nowhere", tmp_path]) == path


def test_progress_is_shown(
    server: _Server, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    fetch(described(server), tmp_path, progress=True)
    assert "100%" in capsys.readouterr().err


def test_a_download_that_dies_is_resumed(server: _Server, tmp_path: Path) -> None:
    file = described(server)
    server.breaks_after = 3000
    with pytest.raises(DownloadError, match="again"):
        fetch(file, tmp_path, progress=False)
    assert files_in(tmp_path) == ["data.bin.part"]  # no half file under the name
    assert fetch(file, tmp_path, progress=False).read_bytes() == CONTENT
    assert files_in(tmp_path) == ["data.bin"]
    first, second = server.ranges
    assert first is None and second is not None and 2000 <= int(second[6:-1]) <= 3000


def test_a_server_that_cannot_resume_is_asked_for_everything(
    server: _Server, tmp_path: Path
) -> None:
    (tmp_path / "data.bin.part").write_bytes(CONTENT[:3000])
    server.resumes = False
    assert fetch(described(server), tmp_path, progress=False).read_bytes() == CONTENT
    assert server.ranges == ["bytes=3000-", None]


def test_a_part_that_is_whole_needs_only_its_name(server: _Server, tmp_path: Path) -> None:
    (tmp_path / "data.bin.part").write_bytes(CONTENT)
    assert fetch(described(server), tmp_path, progress=False).read_bytes() == CONTENT


@pytest.mark.parametrize("sized", [True, False])
def test_a_download_that_dies_unnoticed_can_be_repeated(
    server: _Server, tmp_path: Path, sized: bool
) -> None:
    """A server that says no length: only the size or the checksum shows that something lacks."""
    file = dataclasses.replace(described(server), size=len(CONTENT) if sized else None)
    server.breaks_after, server.says_length = 3000, False
    message = "broke off after 3,000 of 10,240 bytes" if sized else "checksum is wrong"
    with pytest.raises(DownloadError, match=f"{message}.*again"):
        fetch(file, tmp_path, progress=False)
    assert files_in(tmp_path) == (["data.bin.part"] if sized else [])
    assert fetch(file, tmp_path, progress=False).read_bytes() == CONTENT
    assert server.asked == 2


def test_a_redirect_that_never_ends(server: _Server, tmp_path: Path) -> None:
    def around(self: BaseHTTPRequestHandler) -> None:
        self.send_response(302)
        self.send_header("Location", self.path)
        self.send_header("Content-Length", "0")
        self.end_headers()

    server.RequestHandlerClass = type("Around", (_Handler,), {"do_GET": around})
    with pytest.raises(DownloadError, match="redirects.*put the file data.bin into"):
        fetch(described(server), tmp_path, progress=False)
    assert files_in(tmp_path) == []


def test_no_space_is_said_before_the_download(server: _Server, tmp_path: Path) -> None:
    file = dataclasses.replace(described(server), size=10**18)
    with pytest.raises(DownloadError, match="needs 1000000000000 MB more, and the disk has .* MB"):
        fetch(file, tmp_path, progress=False)
    assert server.asked == 0


def test_a_disk_that_fills_up(server: _Server, tmp_path: Path, monkeypatch) -> None:
    def full(self: object, url: str, output: object, pooch: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("pooch.HTTPDownloader.__call__", full)
    with pytest.raises(DownloadError, match="No space left on device"):
        fetch(described(server), tmp_path, progress=False)


FETCH = """
import sys
from pathlib import Path
from clipedu.downloads import Download, fetch
print(fetch(Download(*sys.argv[1:3]), Path(sys.argv[3]), progress=False).read_bytes()[:4])
"""


def test_two_processes_at_once_fetch_it_once(server: _Server, tmp_path: Path) -> None:
    server.body = CONTENT * 500
    file = described(server, content=server.body)
    words = [sys.executable, "-c", FETCH, file.url, file.sha256, str(tmp_path)]
    two = [subprocess.Popen(words, stdout=subprocess.PIPE) for _ in range(2)]
    said = [process.communicate(timeout=120)[0] for process in two]
    assert [process.returncode for process in two] == [0, 0] and said[0] == said[1]
    assert server.asked == 1 and (tmp_path / "data.bin").read_bytes() == server.body


def test_a_part_of_an_earlier_process_is_overwritten(server: _Server, tmp_path: Path) -> None:
    (tmp_path / "data.bin.part").write_bytes(CONTENT * 2)
    assert fetch(described(server), tmp_path, progress=False).read_bytes() == CONTENT
    assert files_in(tmp_path) == ["data.bin"]


def test_a_wrong_checksum_leaves_nothing(server: _Server, tmp_path: Path) -> None:
    file = described(server, content=b"something else")
    with pytest.raises(DownloadError, match="checksum is wrong.*deleted"):
        fetch(file, tmp_path, progress=False)
    assert files_in(tmp_path) == []


def test_a_file_that_was_damaged_later_is_fetched_again(server: _Server, tmp_path: Path) -> None:
    file = described(server)
    (tmp_path / file.name).write_bytes(CONTENT[:-1])
    assert not is_whole(tmp_path / file.name, file)
    assert fetch(file, tmp_path, progress=False).read_bytes() == CONTENT


def test_a_page_that_is_not_there(server: _Server, tmp_path: Path) -> None:
    def not_found(self: BaseHTTPRequestHandler) -> None:
        self.send_error(404)

    server.RequestHandlerClass = type("NotFound", (_Handler,), {"do_GET": not_found})
    with pytest.raises(DownloadError, match="404.*put the file data.bin into"):
        fetch(described(server), tmp_path, progress=False)
    assert files_in(tmp_path) == []


def test_no_network(tmp_path: Path) -> None:
    file = Download("http://127.0.0.1:9/data.bin", "0" * 64)
    with pytest.raises(DownloadError, match="could not be fetched.*put the file data.bin into"):
        fetch(file, tmp_path, progress=False)


def test_a_gzip_is_known_by_its_content(tmp_path: Path) -> None:
    file = Download("http://nowhere/data.gz", hashlib.sha256(CONTENT).hexdigest())
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


def test_cifar10_arrives_at_the_second_try_and_is_read(
    server: _Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The whole way of the real archive, from a server on this machine."""
    real = tasks_photos.FILES["cifar10"][0]
    server.body = cifar_archive()
    served = dataclasses.replace(
        real,
        url=f"http://127.0.0.1:{server.server_port}/{real.name}",
        sha256=hashlib.sha256(server.body).hexdigest(),
    )
    monkeypatch.setitem(tasks_photos.FILES, "cifar10", (served,))
    monkeypatch.setattr(tasks_photos, "SYSTEM_FOLDERS", ())
    monkeypatch.setattr(tasks_photos, "data_folders", lambda: [tmp_path / "downloads"])
    monkeypatch.setenv("CLIPEDU_CACHE", str(tmp_path))
    server.breaks_after = len(server.body) // 2
    with pytest.raises(DownloadError, match="Run the same again"):
        tasks_photos.fetch_task("cifar10", progress=False)
    with pytest.raises(tasks_photos.TaskUnavailable, match="binary version"):
        load_task("cifar10")  # half an archive is none
    (path,) = tasks_photos.fetch_task("cifar10", progress=False)
    assert server.asked == 2
    task = load_task("cifar10", 16)
    assert task.pictures.shape == (20, 3, 16, 16) and task.labels.tolist() == [*range(10)] * 2
    assert files_in(path.parent) == [path.name]  # nothing was unpacked
