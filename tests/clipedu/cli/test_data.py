"""`clipedu data` on made-up pixels: what it prints and what it writes for programs."""

import json

import numpy as np
import pytest
from matplotlib.figure import Figure

from clipedu.cli.main import main
from clipedu.pairs import PairSet, Pictures, load_icons


@pytest.fixture
def fake(monkeypatch):
    """Every family's words over black pixels."""
    icons = load_icons()
    pictures = Pictures(icons, np.zeros((len(icons), 8, 8, 4), np.uint8), 8)
    monkeypatch.setattr("clipedu.pairs.open_pictures", lambda size: pictures)
    monkeypatch.setattr("clipedu.pairs.training_pairs", lambda size: PairSet(pictures, ["mdi"]))


def test_data_lists_every_family_and_writes_json(fake, tmp_path, capsys):
    out = tmp_path / "data.json"
    assert main(["data", "--size", "8", "--json", str(out)]) == 0
    facts = json.loads(out.read_text())
    assert facts["pictures"] == 43060 and facts["names"] == 19763
    classes = {key: row.get("task_classes") for key, row in facts["families"].items()}
    assert classes["lucide"] == 297 and classes["mdi"] is None
    assert "Font Awesome" in capsys.readouterr().out


def test_the_grid_is_written_into_a_new_folder(fake, tmp_path, capsys):
    for name, start in (("a.png", b"\x89PNG"), ("a.pdf", b"%PDF"), ("a", b"\x89PNG")):
        grid = tmp_path / "new" / name
        assert main(["data", "--size", "8", "--grid", str(grid)]) == 0
        assert grid.read_bytes().startswith(start) and str(grid) in capsys.readouterr().out
    assert len(list(grid.parent.iterdir())) == 3  # no draft is left


def test_a_grid_that_breaks_off_leaves_the_old_file(fake, tmp_path, capsys, monkeypatch):
    def half(self, target, **_):
        with open(target, "wb") if not hasattr(target, "write") else target as file:
            file.write(b"half")
            raise OSError(28, "No space left on device")

    grid = tmp_path / "grid.png"
    grid.write_bytes(b"old")
    monkeypatch.setattr(Figure, "savefig", half)
    assert main(["data", "--size", "8", "--grid", str(grid)]) == 1
    assert grid.read_bytes() == b"old" and len(list(tmp_path.iterdir())) == 1


def test_a_grid_that_can_not_be_written_is_said(fake, tmp_path, capsys):
    (tmp_path / "file").write_bytes(b"")
    for grid in (tmp_path / "file" / "grid.png", tmp_path):
        assert main(["data", "--size", "8", "--grid", str(grid)]) == 1
        said = capsys.readouterr().err
        assert f"The grid can't be written to {grid}: " in said and "Give --grid a file" in said
    assert main(["data", "--size", "8", "--grid", str(tmp_path / "grid.words")]) == 1
    assert "words" in capsys.readouterr().err and len(list(tmp_path.iterdir())) == 1


def test_data_refuses_a_wrong_size_in_one_sentence(capsys):
    assert main(["data", "--size", "2"]) == 1
    assert "from 8 to 512" in capsys.readouterr().err
