"""A file is the old one or the new one, never a half."""

import os
import subprocess
import sys
import threading

import pytest

from clipedu.files import write_whole


def test_writes_bytes_as_given_and_makes_the_folder(tmp_path):
    path = write_whole(tmp_path / "a" / "b.txt", "naïve\r\n北京\n")
    assert path.read_bytes() == "naïve\r\n北京\n".encode()
    assert [file.name for file in path.parent.iterdir()] == ["b.txt"]
    if os.name == "posix":
        assert path.stat().st_mode & 0o777 == 0o644


def broken_replace(source, target):
    raise OSError(28, "No space left on device")


@pytest.mark.parametrize("failure", ["rename", "text"])
def test_a_failure_leaves_the_old_file_and_nothing_else(tmp_path, monkeypatch, failure):
    path = write_whole(tmp_path / "f", "old")
    if failure == "rename":
        monkeypatch.setattr(os, "replace", broken_replace)
    with pytest.raises((OSError, UnicodeEncodeError)):
        write_whole(path, "new" if failure == "rename" else "\ud800")
    assert path.read_text() == "old" and len(list(tmp_path.iterdir())) == 1


def test_what_utf8_cannot_hold_can_be_replaced(tmp_path):
    assert write_whole(tmp_path / "f", "a\ud800", errors="replace").read_text() == "a?"


def test_bytes_are_written_as_they_are(tmp_path):
    data = bytes(range(256))
    assert write_whole(tmp_path / "a" / "b.png", data).read_bytes() == data


def link(path, to):
    try:
        path.symlink_to(to)
    except OSError:
        pytest.skip("links need a permission here")
    return path


@pytest.mark.parametrize("old", ["old", None])
def test_a_link_stays_and_its_file_is_written(tmp_path, old):
    (tmp_path / "far").mkdir()
    file = tmp_path / "far" / "file"
    if old:
        file.write_text(old)
    shown = link(tmp_path / "link", "far/file")
    assert write_whole(shown, "new") == shown
    assert shown.is_symlink() and file.read_text() == "new"
    assert [entry.name for entry in file.parent.iterdir()] == ["file"]


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no named pipes here")
@pytest.mark.parametrize("linked", [False, True])
def test_what_is_no_file_is_written_to_and_not_replaced(tmp_path, linked):
    pipe, read = tmp_path / "pipe", []
    os.mkfifo(pipe)
    path = link(tmp_path / "link", "pipe") if linked else pipe
    reader = threading.Thread(target=lambda: read.append(pipe.read_bytes()), daemon=True)
    reader.start()
    write_whole(path, "text")
    assert pipe.is_fifo()  # before the reader is waited for: it would wait for ever
    reader.join(10)
    assert read == [b"text"] and len(list(tmp_path.iterdir())) == 1 + linked


@pytest.mark.skipif(not os.path.isdir("/proc/self/fd"), reason="needs Linux's list of open files")
def test_an_open_pipe_is_written_to_by_its_number():
    read, write = os.pipe()  # as /dev/stdout in `clipedu ... | less`
    try:
        write_whole(f"/proc/self/fd/{write}", b"text")
        assert os.read(read, 10) == b"text"
    finally:
        os.close(read)
        os.close(write)


@pytest.mark.skipif(not os.path.exists("/dev/stdout"), reason="no such device here")
@pytest.mark.parametrize("stream", ["stdout", "stderr"])
def test_a_stream_into_a_file_keeps_what_was_printed(tmp_path, stream):
    code = (
        "import sys; from clipedu.files import write_whole; "
        f"print('before', file=sys.{stream}); write_whole('/dev/{stream}', 'text\\n'); "
        f"print('after', file=sys.{stream})"
    )
    with (tmp_path / "out").open("wb") as out:
        subprocess.run([sys.executable, "-c", code], check=True, **{stream: out})
    assert (tmp_path / "out").read_text() == "before\ntext\nafter\n"


def test_a_folder_is_no_place_for_a_file(tmp_path):
    with pytest.raises(OSError):
        write_whole(tmp_path, "text")
    assert not list(tmp_path.iterdir())
