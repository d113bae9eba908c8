"""`clipedu data` on made-up pixels: what it prints and what it writes for programs."""

import json

import numpy as np

from clipedu.cli import main
from clipedu.pairs import Pictures, load_icons


def test_data_lists_every_family_and_writes_json(monkeypatch, tmp_path, capsys):
    icons = load_icons()
    fake = Pictures(icons, np.zeros((len(icons), 8, 8, 4), np.uint8), 8)
    monkeypatch.setattr("clipedu.pairs.open_pictures", lambda size: fake)
    out = tmp_path / "data.json"
    assert main(["data", "--size", "8", "--json", str(out)]) == 0
    facts = json.loads(out.read_text())
    assert facts["pictures"] == 27616 and facts["names"] == 13256
    classes = {key: row.get("task_classes") for key, row in facts["families"].items()}
    assert classes["lucide"] == 297 and classes["mdi"] is None
    assert "Font Awesome" in capsys.readouterr().out


def test_data_refuses_a_wrong_size_in_one_sentence(capsys):
    assert main(["data", "--size", "2"]) == 1
    assert "from 8 to 512" in capsys.readouterr().err
