"""Train on your own pictures: README's commands, typed as they are there, and what they refuse."""

from __future__ import annotations

import json
import shlex
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image, ImageDraw

from clipedu.cli.main import main
from clipedu.evaluation.own import own_pictures, read_class_names
from clipedu.training import save_model

ROOT = Path(__file__).resolve().parents[3]
#: README's lines under "Train on your own pictures"; a comment may follow each.
COMMANDS = """\
clipedu data import photos --out shards
clipedu plan tiny --batch-size 32 --pairs 3840 --gpu laptop --precision fp32
clipedu train --shards shards --recipe tiny --steps 120 --no-evaluation --out runs/photos
clipedu evaluate runs/photos --pictures photos_test --classes names.txt --templates "a {}"
"""
COLORS = {"red": (210, 40, 40), "green": (40, 160, 60), "blue": (40, 70, 210)}
CLASSES = [f"{color} {shape}" for color in COLORS for shape in ("circle", "square")]


def draw(path: Path, name: str, random: np.random.Generator) -> None:
    """A circle or square somewhere on a white 100 x 80 picture."""
    color, shape = name.split()
    image = Image.new("RGB", (100, 80), "white")
    side, left, top = (int(random.integers(*ends)) for ends in ((28, 44), (14, 40), (4, 34)))
    pen = ImageDraw.Draw(image)
    shapes = {"circle": pen.ellipse, "square": pen.rectangle}
    shapes[shape]((left, top, left + side, top + side), fill=COLORS[color])
    path.parent.mkdir(parents=True, exist_ok=True)
    image.save(path)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """60 pictures with captions, 24 more in folders of their class, one loose, and the names."""
    random = np.random.default_rng(0)
    for k in range(60):
        draw(tmp_path / "photos" / f"{k:02d}.jpg", CLASSES[k % 6], random)
        (tmp_path / "photos" / f"{k:02d}.txt").write_text(f"a {CLASSES[k % 6]}\n")
    for k in range(24):
        name = CLASSES[k % 6]
        draw(tmp_path / "photos_test" / name.replace(" ", "_") / f"{k}.png", name, random)
    draw(tmp_path / "photos_test" / "loose.png", "red circle", random)
    (tmp_path / "names.txt").write_text("\n".join(CLASSES) + "\n")
    return tmp_path


def test_the_readmes_commands_train_on_60_pictures_and_name_others(folder: Path) -> None:
    told = ""
    for line in COMMANDS.splitlines():
        words = [sys.executable, "-m", *shlex.split(line, comments=True)]
        done = subprocess.run(words, cwd=folder, capture_output=True, text=True, timeout=280)
        assert done.returncode == 0, done.stderr
        told += done.stdout
    assert "photos is a folder of pictures with .txt files: 60 entries." in told
    assert "60 pairs with 60 captions, in shards." in told
    assert "clipedu train --shards shards" in told  # what to type next is said
    assert "tiny: " in told and "fits" in told
    assert "120 steps in" in told
    (loose,) = [line for line in told.splitlines() if line.startswith("loose.png: ")]
    assert loose.count("%") == 5
    (row,) = [line for line in told.splitlines() if line.startswith("photos_test ")]
    pictures, accuracy = int(row.split()[2]), float(row.split()[3])
    # Chance is 16.7 %; by guessing, 11 of 24 happen once in 1,000 times.
    assert pictures == 24 and accuracy >= 100 * 11 / 24, told


def test_the_readme_has_these_commands() -> None:
    readme = (ROOT / "README.md").read_text("utf-8")
    lines = [line.split("#")[0].strip() for line in readme.splitlines()]
    assert [line for line in COMMANDS.splitlines() if line not in lines] == []


# ------------------------------------------------------------------------ evaluate --pictures
def test_names_are_one_a_line_and_none_is_there_twice(tmp_path: Path) -> None:
    names = tmp_path / "names.txt"
    names.write_bytes("\ufeffapple\n\n  red ball \r\nÖl\n".encode())
    assert read_class_names(names) == ["apple", "red ball", "Öl"]
    names.write_text("apple\nred ball\nApple\npear\nred_ball\n")
    wanted = r"names a class twice: 'apple' \(lines 1 and 3\), 'red ball' \(lines 2 and 5\)\. Keep"
    with pytest.raises(ValueError, match=wanted):
        read_class_names(names)
    names.write_bytes(b"apple\n\xff\xfe\n")
    with pytest.raises(ValueError, match="names.txt, line 2: "):
        read_class_names(names)


def test_pictures_in_folders_of_classes_are_scored_others_named(folder: Path) -> None:
    test = folder / "photos_test"
    (test / "BLUE-square" / "deep").mkdir(parents=True)
    (test / "cats").mkdir()
    draw(test / "BLUE-square" / "deep" / "x.jpg", "blue square", np.random.default_rng(1))
    draw(test / "cats" / "y.jpg", "red square", np.random.default_rng(1))
    (test / "broken.png").write_bytes(b"\x89PNG")
    (test / "notes.txt").write_text("no picture")
    task, others, bad = own_pictures(test, CLASSES, 32)
    assert task and task.pictures.shape == (25, 3, 32, 32) and task.class_names == CLASSES
    assert np.bincount(task.labels.numpy()).tolist() == [4, 4, 4, 4, 4, 5]
    assert list(others) == ["cats/y.jpg", "loose.png"]
    assert list(bad) == ["broken.png"] and bad["broken.png"].startswith("not a picture")
    with pytest.raises(ValueError, match="No picture in .*photos_empty can be read"):
        (folder / "photos_empty").mkdir()
        own_pictures(folder / "photos_empty", CLASSES, 32)


def test_the_square_is_what_training_sees(folder: Path) -> None:
    """A picture that is named is cut as one that is trained on: its middle square."""
    from clipedu.pairs import open_shards, to_pictures

    assert main(["data", "import", str(folder / "photos"), "--out", str(folder / "shards")]) == 0
    pairs = open_shards(folder / "shards", 32, progress=False)
    trained = to_pictures(np.stack([sample.picture for sample in pairs.samples]))
    named = torch.cat([*own_pictures(folder / "photos", CLASSES, 32)[1].values()])
    assert float((trained - named).abs().mean()) < 0.01  # once through a JPEG of 64 pixels


def test_evaluate_prints_both_and_refuses_half_a_call(
    folder: Path, model: object, tokenizer: object, capsys: pytest.CaptureFixture[str]
) -> None:
    file = save_model(folder / "m.safetensors", model, tokenizer)  # type: ignore[arg-type]
    call = ["evaluate", str(file), "--device", "cpu"]
    own = ["--pictures", str(folder / "photos_test"), "--classes", str(folder / "names.txt")]
    out = folder / "out.json"
    assert main([*call, *own, "--json", str(out)]) == 0
    found = json.loads(out.read_text())
    assert found["tasks"]["photos_test"]["pictures"] == 24
    assert len(found["named"]["loose.png"]) == 5
    assert sum(share for _, share in found["named"]["loose.png"]) <= 1 + 1e-6
    capsys.readouterr()
    loose = ["--pictures", str(folder / "photos"), *own[2:]]
    assert main([*call, *loose]) == 0
    assert capsys.readouterr().out.count("%") == 60 * 5  # all named, no table
    for words in (own[:2], own[2:], [*own, "--tasks", "lucide"]):
        assert main([*call, *words]) == 1
        assert "--pictures DIR and --classes FILE go together" in capsys.readouterr().err


def test_import_says_what_it_did_also_of_names_that_are_no_text(
    folder: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(folder)
    with open(b"photos/caf\xe9.png", "wb") as file:
        file.write(b"")
    (folder / "photos" / "61.jpg").write_bytes((folder / "photos" / "00.jpg").read_bytes())
    (folder / "photos" / "61.txt").write_text("a red circle\n")
    call = ["data", "import", "photos", "--out", "shards", "--json", "told.json"]
    assert main(call) == 0
    told = capsys.readouterr().out
    assert "60 pairs with 60 captions, in shards.\n  1 duplicate\n  1 no caption\n" in told
    assert "  61.jpg: its pixels are those of 00.jpg; its caption is 'a red circle'\n" in told
    assert "  caf\\udce9.png: there is no caf\\udce9.txt\n" in told
    assert "shards/report.html" in told and "clipedu train --shards shards" in told
    assert json.loads((folder / "told.json").read_text())["left_out"] == {
        "duplicate": 1,
        "no caption": 1,
    }
    for words, message in (
        (["import"], "it needs one"),
        (["import", "photos"], "Give --out FOLDER"),
        (["list", "photos"], "Only `clipedu data import SOURCE` has a source"),
        (["import", "photos", "--out", "shards", "--size", "0"], "from 8 to 512"),
    ):
        assert main(["data", *words]) == 1
        assert message in capsys.readouterr().err
