"""A file is the old one or the new one, never a half."""

import os

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
