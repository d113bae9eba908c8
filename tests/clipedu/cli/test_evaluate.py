from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from clipedu.cli.main import main
from clipedu.evaluation import load_task, prompts_for, zero_shot
from clipedu.models import build
from clipedu.tokenizer import Tokenizer
from clipedu.training.checkpoint import save_model


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    texts = [
        prompt for row in prompts_for(load_task("lucide").class_names, "icon") for prompt in row
    ]
    tokenizer = Tokenizer.train(texts, 400)
    model = build("tiny", seed=0, vocab_size=tokenizer.vocab_size)
    return save_model(tmp_path_factory.mktemp("run") / "m.safetensors", model, tokenizer)


def clipedu(*words: object) -> int:
    return main(["evaluate", *map(str, words)])


def test_json_and_table(file: Path, tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    out = tmp_path / "new" / "eval.json"
    tasks = ("heroicons", "lucide")
    assert clipedu(file, "--tasks", *tasks, "--device", "cpu", "--json", out) == 0
    report = json.loads(out.read_text())
    assert list(report["tasks"]) == list(tasks)
    assert report["tasks"]["lucide"]["classes"] == 297
    from clipedu.training import load_model

    model, tokenizer, _ = load_model(file)
    wanted = zero_shot(model, tokenizer, load_task("heroicons"))
    assert report["tasks"]["heroicons"]["top1"] == wanted.top1
    assert report["tasks"]["heroicons"]["top5"] == wanted.top5
    printed = capsys.readouterr().out
    assert f"{100 * wanted.top1:.1f} %" in printed and "297" in printed
    assert os.listdir(out.parent) == ["eval.json"]  # no draft is left


def test_templates_and_markdown(file: Path, tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    out = tmp_path / "eval.json"
    words = (file, "--tasks", "heroicons", "--markdown", "--json", out, "--templates")
    for asked, wanted in ((["photo"], ["a photo of a {}."]), (["{}", "a {}"], ["{}", "a {}"])):
        assert clipedu(*words, *asked) == 0
        assert json.loads(out.read_text())["tasks"]["heroicons"]["templates"] == wanted
        assert capsys.readouterr().out.startswith("| task |")


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--tasks", "lucid"], "no task 'lucid'. The tasks are: lucide"),
        (["--templates", "a dog"], "has no {}"),
        (["--device", "abacus"], "abacus"),
        (["--batch-size", "0", "--tasks", "heroicons"], "batch_size"),
    ],
)
def test_a_bad_call(
    file: Path, tmp_path: Path, words: list[str], message: str, capsys: pytest.CaptureFixture
) -> None:
    out = tmp_path / "kept.json"
    out.write_text("before")
    assert clipedu(file, *words, "--json", out) == 1
    printed = capsys.readouterr()
    assert printed.out == "" and message in printed.err and "Traceback" not in printed.err
    assert out.read_text() == "before"


def test_no_such_checkpoint(tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    assert clipedu(tmp_path / "nothing") == 1
    assert "nothing" in capsys.readouterr().err


def test_help_shows_an_example(capsys: pytest.CaptureFixture) -> None:
    with pytest.raises(SystemExit) as stopped:
        clipedu("--help")
    assert stopped.value.code == 0
    printed = capsys.readouterr().out
    assert "clipedu evaluate runs/mine --json mine.json" in printed and "--json FILE" in printed
