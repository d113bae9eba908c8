"""`clipedu judge`: what a check says of an answer's source text."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from clipedu.cli.main import main

RIGHT = """def contrastive_gradient(logits):
    eye = torch.eye(len(logits), dtype=logits.dtype)
    return (F.softmax(logits, dim=0) + F.softmax(logits, dim=1) - 2 * eye) / (2 * len(logits))
"""
WRONG = """def contrastive_gradient(logits):
    eye = torch.from_numpy(np.eye(len(logits)))
    return (F.softmax(logits, dim=0) + F.softmax(logits, dim=1) - 2 * eye) / 2
"""


def judged(capsys: pytest.CaptureFixture[str], *words: str, code: int = 0) -> Any:
    assert main(["judge", *words]) == code
    out = capsys.readouterr().out
    return json.loads(out) if "--json" in words else out


@pytest.mark.parametrize("sandbox", [[], ["--sandbox"]])
def test_one_answer_with_several_seeds(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], sandbox: list[str]
) -> None:
    file = tmp_path / "answer.py"
    file.write_text(RIGHT)
    found = judged(capsys, "03.7", str(file), "--seed", "3", "--seeds", "2", "--json", *sandbox)
    assert (found["id"], found["status"]) == ("03.7", "passed")
    assert [(seed["seed"], seed["status"]) for seed in found["seeds"]] == [
        (3, "passed"),
        (4, "passed"),
    ]
    file.write_text(WRONG)
    found = judged(capsys, "03.7", str(file), "--json", *sandbox)
    assert (found["status"], found["diagnosis"]) == (
        "failed",
        "the mean over the N pairs is forgotten",
    )
    assert found["message"].startswith("This is what you get when")


def test_a_cell_that_raises_has_failed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "answer.py"
    file.write_text("x = 1\ncontrastive_gradient = undefined\n")
    found = judged(capsys, "03.7", str(file), "--json")
    assert (found["status"], found["diagnosis"]) == ("failed", "the cell raises NameError")
    assert "(in the line `contrastive_gradient = undefined`)" in found["message"]
    file.write_text("def contrastive_gradient(logits):\n    raise NotImplementedError\n")
    assert judged(capsys, "03.7", str(file), "--json")["status"] == "not attempted"


def test_a_set_is_judged_in_rows_and_totals(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "set.json"
    rows = [
        {"kind": "right", "exercise": "03.7", "what": "by softmax", "source": RIGHT},
        {"kind": "wrong", "exercise": "03.7", "what": "no mean", "source": WRONG},
        {"kind": "wrong", "exercise": "03.1", "source": "pictures_right = 4"},
    ]
    file.write_text(json.dumps(rows))
    text = judged(capsys, "--set", str(file), "--seeds", "2")
    assert "03.7 wrong: no mean\n    failed (2 of 2). This is what you get" in text
    assert text.endswith("right: 1 pass with every seed.\nwrong: 2 pass with no seed.\n")
    found = judged(capsys, "--set", str(file), "--json")
    assert [row["status"] for row in found] == ["passed", "failed", "not attempted"]
    assert found[0]["what"] == "by softmax"


def test_a_wrong_call_is_explained(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "answer.py"
    file.write_text(RIGHT)
    for words, said in (
        (["03.7"], "give an exercise and a file"),
        (["03.7", str(file), "--seeds", "0"], "1 seed or more"),
        (["03.99", str(file)], "There is no check for exercise '03.99'"),
        (["03.7", str(tmp_path / "nowhere.py")], "nowhere.py"),
    ):
        assert main(["judge", *words]) == 2
        assert said in capsys.readouterr().err
