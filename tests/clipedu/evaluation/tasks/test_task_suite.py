"""Every task of the registry: what it says about itself is true, and bad input is refused."""

from __future__ import annotations

import gzip
import hashlib
import io
import os
import tarfile
from pathlib import Path

import numpy as np
import pytest
import torch

from clipedu.evaluation import TASKS, Task, TaskUnavailable, evaluate, load_task
from clipedu.evaluation.prompts import TEMPLATE_SETS
from clipedu.evaluation.tasks import photos
from clipedu.evaluation.tasks.drawn import COLORS, count_picture, word_picture
from clipedu.evaluation.tasks.icon_sets import register_icon_task, shared_by_families
from clipedu.pairs import FAMILIES, FIRST_EDITION, HELD_OUT_FAMILIES, load_icons, open_pictures
from clipedu.plots import font_folder

SEVEN = (*FIRST_EDITION, *HELD_OUT_FAMILIES)  # the families of the first edition
OFFLINE = [name for name in TASKS if name not in photos.FILES]


@pytest.fixture(scope="module")
def suite() -> dict[str, Task]:
    return {name: load_task(name) for name in OFFLINE}


@pytest.fixture(scope="module")
def training_pixels() -> set[bytes]:
    """Every training picture as it lies on white paper, in bytes."""
    pictures = open_pictures(32, progress=False)
    rows = pictures.where([key for key, family in FAMILIES.items() if family.role == "train"])
    pixels = np.array(pictures.rgba[rows]).astype(np.float32) / 255
    rgb = pixels[..., :3] * pixels[..., 3:] + 1 - pixels[..., 3:]
    return {(picture * 255).round().astype(np.uint8).tobytes() for picture in rgb}


def test_there_are_enough_unlike_tasks(suite: dict[str, Task]) -> None:
    assert len(TASKS) >= 14
    for name, task in suite.items():
        assert task.name == name and task.offline and task.source
        assert task.chance == 1 / len(task.class_names)
        assert len(set(task.labels.tolist())) >= 2  # more than one class has pictures


def test_seen_is_said_honestly(suite: dict[str, Task], training_pixels: set[bytes]) -> None:
    """A task that claims to be unseen holds (almost) no picture that training holds."""
    for name, task in suite.items():
        rgb = (task.pictures.permute(0, 2, 3, 1) * 255).round().to(torch.uint8).numpy()
        share = np.mean([picture.tobytes() in training_pixels for picture in rgb])
        # Two families may draw the same plain square; more would be an overlap (paper section 5).
        # Of a held-out family's pictures near-duplicates are known, and counted apart.
        most = 0.02 if task.near_duplicate is None else 0.06
        assert share < most if not task.seen else share > 0.3, (name, share)


def test_shared_names_are_the_same_for_each_family(suite: dict[str, Task]) -> None:
    names = {family: {i.name.lower() for i in load_icons([family])} for family in SEVEN}
    everywhere = set().union(*names.values())
    expected = {n for n in everywhere if sum(n in of for of in names.values()) >= 5}
    assert shared_by_families() == expected and len(expected) == 127
    for family in SEVEN:
        task = suite[f"shared_{family}"]
        assert set(task.class_names) == expected
        assert task.seen == (family not in HELD_OUT_FAMILIES)
        drawn = {task.class_names[i] for i in task.labels.tolist()}
        assert drawn == expected & names[family]


def test_mouse_is_in_both_worlds(suite: dict[str, Task]) -> None:
    for name in ("animals", "hardware"):
        task = suite[name]
        assert int((task.labels == task.class_names.index("mouse")).sum()) >= 1
        assert task.context
    mouse = suite["animals_held_out"].class_names.index("mouse")
    assert int((suite["animals_held_out"].labels == mouse).sum()) == 0  # nobody else draws it


def test_each_sense_has_pictures(suite: dict[str, Task]) -> None:
    task = suite["senses"]
    words = [name.split(", ")[0] for name in task.class_names]
    assert len(task.class_names) == 28 and {words.count(word) for word in words} == {2}
    assert int(torch.bincount(task.labels).min()) >= 1


def test_counting_draws_as_many_as_it_says() -> None:
    from scipy.ndimage import label

    rng = np.random.default_rng(3)
    for n in range(1, 9):
        for kind in ("circles", "squares", "triangles"):
            ink = count_picture(n, kind, 64, rng) < 0.5
            assert label(ink)[1] == n, (n, kind)


def test_colours_and_words(suite: dict[str, Task]) -> None:
    task = suite["colour"]
    for k, (name, rgb) in enumerate(COLORS.items()):
        pictures = task.pictures[task.labels == k]
        darkest = pictures.flatten(2).amin(2).amin(0)  # (3,): the paint, where it covers a pixel
        assert torch.allclose(darkest, torch.tensor(rgb) / 255, atol=0.02), name
    font = font_folder() / "DejaVuSans.ttf"
    one, two = (word_picture(word, font, 32) for word in ("stop", "exit"))
    assert one.shape == (32, 32) and 0.02 < (one < 0.5).mean() < 0.5
    assert np.abs(one - two).max() > 0.5
    rendered = suite["rendered_words"].pictures
    assert torch.allclose(1 - rendered[::2], rendered[1::2])  # dark on light, light on dark
    assert len(suite["rendered_words"].class_names) == 20


def test_the_same_pictures_every_time(suite: dict[str, Task]) -> None:
    for name in ("counting", "rendered_words"):
        assert torch.equal(suite[name].pictures, load_task(name).pictures)


def test_resized_keeps_the_range() -> None:
    pictures = torch.rand(2, 3, 28, 28)
    assert photos.resized(pictures, 28) is pictures
    assert photos.resized(pictures, 32).shape == (2, 3, 32, 32)
    small = photos.resized(pictures, 7)
    assert abs(float(small.mean() - pictures.mean())) < 0.02  # averaged, not picked


def test_an_icon_task_without_icons(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("clipedu.evaluation.tasks.task.TASKS", {})
    register_icon_task("none", ["lucide"], source="nobody")(lambda icon: None)
    with pytest.raises(ValueError, match="no icon of lucide"):
        load_task("none")


def test_a_context_template_is_checked(suite: dict[str, Task]) -> None:
    import dataclasses

    with pytest.raises(ValueError, match="no {}"):
        dataclasses.replace(suite["arrows"], context=["a kind of arrow"])


def test_template_sets_are_templates() -> None:
    for name, forms in TEMPLATE_SETS.items():
        assert forms and all("{}" in form for form in forms), name
        assert len(forms) == len(set(forms)), name


# -------------------- photographs
def test_fashion_mnist_is_read_from_the_system() -> None:
    try:
        task = load_task("fashion_mnist")
    except TaskUnavailable as missing:
        if os.environ.get("CI"):
            raise  # .ci/run installs Debian's package, so there it must be read
        pytest.skip(str(missing))
    assert task.pictures.shape == (10_000, 3, 32, 32) and not task.seen
    assert torch.bincount(task.labels).tolist() == [1000] * 10
    assert task.class_names[9] == "ankle boot" and int(task.labels[0]) == 9
    assert task.pictures[:, :, 0, 0].mean() > 0.95  # paper is white


@pytest.fixture
def no_photos(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    monkeypatch.setattr(photos, "SYSTEM_FOLDERS", ())
    monkeypatch.setattr(photos, "cache_folder", lambda: tmp_path / "cache")
    monkeypatch.setenv("CLIPEDU_DATA", str(tmp_path))
    return tmp_path


def test_missing_photographs_say_how_to_get_them(no_photos: Path) -> None:
    with pytest.raises(TaskUnavailable, match="apt install dataset-fashion-mnist"):
        load_task("fashion_mnist")
    with pytest.raises(TaskUnavailable, match="clipedu tasks --download cifar10"):
        load_task("cifar10")


def test_a_damaged_file_is_not_used(no_photos: Path) -> None:
    whole = gzip.compress(b"\x00\x00\x08\x01\x00\x00\x00\x02ab", mtime=0)
    (no_photos / "t10k-images-idx3-ubyte.gz").write_bytes(whole)  # sound, but another file
    (no_photos / "t10k-labels-idx1-ubyte.gz").write_bytes(whole[:-6])
    with pytest.raises(TaskUnavailable, match="t10k-images.*t10k-labels"):
        load_task("fashion_mnist")


def test_cifar10_is_read_from_its_binary(no_photos: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    rows = np.zeros((3, 3073), np.uint8)
    rows[:, 0] = [6, 0, 9]
    rows[1, 1:1025] = 255  # the red plane comes first
    with tarfile.open(no_photos / "cifar-10-binary.tar.gz", "w:gz") as tar:
        entry = tarfile.TarInfo("cifar-10-batches-bin/test_batch.bin")
        entry.size = rows.nbytes
        tar.addfile(entry, io.BytesIO(rows.tobytes()))
    digest = hashlib.sha256((no_photos / "cifar-10-binary.tar.gz").read_bytes()).hexdigest()
    file = photos.Download("http://nowhere/cifar-10-binary.tar.gz", digest)
    monkeypatch.setitem(photos.FILES, "cifar10", (file,))
    task = load_task("cifar10")
    assert [task.class_names[i] for i in task.labels] == ["frog", "airplane", "truck"]
    assert task.pictures[1, :, 5, 5].tolist() == [1, 0, 0]


@pytest.mark.parametrize(
    "content", [b"", b"no archive at all", gzip.compress(b"a pickle", mtime=0)]
)
def test_archives_that_are_not_cifar10(no_photos: Path, content: bytes) -> None:
    (no_photos / "cifar-10-binary.tar.gz").write_bytes(content)
    with pytest.raises(TaskUnavailable, match="binary version.*the Python version is a pickle"):
        load_task("cifar10")


def test_idx_files(tmp_path: Path) -> None:
    path = tmp_path / "x-ubyte.gz"
    path.write_bytes(
        gzip.compress(b"\x00\x00\x08\x02\x00\x00\x00\x02\x00\x00\x00\x03abcdef", mtime=0)
    )
    assert photos.read_idx(path).tolist() == [[97, 98, 99], [100, 101, 102]]
    path.write_bytes(gzip.compress(b"\x00\x00\x08\x01\x00\x00\x00\x05abc", mtime=0))  # cut off
    with pytest.raises(ValueError):
        photos.read_idx(path)


def test_fashion_mnist_is_read_from_its_files(
    no_photos: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pixels = np.zeros((2, 28, 28), np.uint8)
    pixels[1] = 255  # white on black becomes dark on light
    contents = (
        b"\x00\x00\x08\x03\x00\x00\x00\x02\x00\x00\x00\x1c\x00\x00\x00\x1c" + pixels.tobytes(),
        b"\x00\x00\x08\x01\x00\x00\x00\x02\x09\x00",
    )
    files = []
    for real, content in zip(photos.FILES["fashion_mnist"], contents, strict=True):
        (no_photos / real.name).write_bytes(gzip.compress(content))
        files.append(photos.Download(real.url, hashlib.sha256(content).hexdigest()))
    monkeypatch.setitem(photos.FILES, "fashion_mnist", tuple(files))
    task = load_task("fashion_mnist", 16)
    assert [task.class_names[i] for i in task.labels] == ["ankle boot", "t-shirt"]
    assert task.pictures.amin((1, 2, 3)).tolist() == pytest.approx([1, 0], abs=1e-6)


def test_all_tasks_leaves_out_what_is_not_here(
    no_photos: Path, model, tokenizer, monkeypatch: pytest.MonkeyPatch
) -> None:
    from clipedu.evaluation import report

    few = {name: TASKS[name] for name in ("shared_heroicons", "cifar10")}
    monkeypatch.setattr(report, "TASKS", few)
    with pytest.warns(UserWarning, match="cifar10 is left out.*--download cifar10"):
        results = evaluate(model, tokenizer)
    assert list(results) == ["shared_heroicons"]
    with pytest.raises(TaskUnavailable):
        evaluate(model, tokenizer, ["cifar10"])


def test_the_verb_lists_them(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    import json

    from clipedu.cli.main import main

    out = tmp_path / "tasks.json"
    assert main(["tasks", "arrows", "shared_mdi", "--json", str(out)]) == 0
    printed = capsys.readouterr().out
    assert "5.0%" in printed and "unseen" in printed and "Material Design Icons" in printed
    listed = json.loads(out.read_text())["tasks"]
    assert listed["arrows"]["classes"] == 20 and listed["shared_mdi"]["seen"]
    assert main(["tasks", "arows"]) == 1
    assert "The tasks are: lucide" in capsys.readouterr().err
    assert main(["tasks", "--download", "arrows"]) == 1
    assert "needs no download" in capsys.readouterr().err
