"""The command line: quick, lazy, one sentence for an error, exit codes, and JSON written whole."""

from __future__ import annotations

import argparse
import importlib.metadata
import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from clipedu.cli import main as cli

run_toy: Callable[[argparse.Namespace], Any]


def add_toy_parser(subparsers: Any) -> argparse.ArgumentParser:
    parser: argparse.ArgumentParser = subparsers.add_parser("toy", epilog="example: clipedu toy")
    parser.set_defaults(run=lambda args: run_toy(args))
    return parser


@pytest.fixture
def toy(monkeypatch: pytest.MonkeyPatch) -> Callable[[Callable[[argparse.Namespace], Any]], None]:
    """Register a verb `toy` that does what the test says."""
    monkeypatch.setitem(cli.VERBS, "toy", ("a toy", "toy_module:add_toy_parser"))
    monkeypatch.setitem(sys.modules, "toy_module", sys.modules[__name__])

    def set_run(run: Callable[[argparse.Namespace], Any]) -> None:
        global run_toy
        run_toy = run

    return set_run


@pytest.mark.parametrize("name", list(cli.all_verbs()))
def test_every_verb_loads_and_its_help_shows_an_example(
    name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as stop:
        cli.main([name, "--help"])
    assert stop.value.code == 0
    words = capsys.readouterr().out
    assert "example" in words and f"clipedu {name}" in words
    assert "--json" in words and "--debug" in words


def test_the_list_of_verbs_imports_none_of_them() -> None:
    code = (
        "import sys, clipedu.cli.main as c\n"
        "c.make_parser(None).format_help()\n"
        "print([m for m in ('torch', 'numpy', 'matplotlib', 'nbformat') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_the_module_runs_as_a_command() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "clipedu", "--version"], capture_output=True, text=True
    )
    assert done.returncode == 0 and done.stdout.startswith("clipedu ")


@pytest.mark.parametrize("words", [[], ["nonsense"], ["toy", "--nonsense"]])
def test_a_wrong_call_is_2(toy: Any, words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    toy(lambda args: 0)
    with pytest.raises(SystemExit) as stop:
        cli.main(words)
    assert stop.value.code == 2
    assert "usage" in capsys.readouterr().err


@pytest.mark.parametrize(
    "error, words",
    [
        (ValueError("patch is 5: it must divide 32"), "clipedu toy: patch is 5: it must divide 32"),
        (FileNotFoundError(2, "No such file", "a.json"), "clipedu toy: a.json: No such file"),
        (KeyError("colour"), "clipedu toy: KeyError: 'colour'"),
        (ModuleNotFoundError("No module named 'emoji'", name="emoji"), "emoji is missing"),
        (ModuleNotFoundError("Try `pip install emoji`.", name="emoji"), "Try `pip install emoji`."),
    ],
)
def test_an_error_is_a_sentence_and_debug_shows_more(
    toy: Any, error: Exception, words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    def fail(args: argparse.Namespace) -> int:
        raise error

    toy(fail)
    assert cli.main(["toy"]) == 1
    said = capsys.readouterr().err
    assert words in said and "Traceback" not in said
    with pytest.raises(type(error)):
        cli.main(["toy", "--debug"])


@pytest.mark.parametrize("verb", ["data", "train"])
def test_a_missing_data_package_names_the_install(
    verb: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    known = importlib.metadata.distribution

    def distribution(name: str) -> importlib.metadata.Distribution:
        if name == "justmyresource-mdi":
            raise importlib.metadata.PackageNotFoundError(name)
        return known(name)

    monkeypatch.setattr(importlib.metadata, "distribution", distribution)
    monkeypatch.setenv("CLIPEDU_CACHE", str(tmp_path))
    options = {"data": [], "train": ["--recipe", "tiny", "--out", str(tmp_path / "run")]}
    assert cli.main([verb, *options[verb]]) == 1
    assert "Install it with `pip install justmyresource-mdi`" in capsys.readouterr().err


def test_ctrl_c_is_130(toy: Any, capsys: pytest.CaptureFixture[str]) -> None:
    def interrupt(args: argparse.Namespace) -> int:
        raise KeyboardInterrupt

    toy(interrupt)
    assert cli.main(["toy"]) == 130
    assert "interrupted" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("printed", "json_is_asked", "code"),
    [(10**6, False, 0), (10**6, True, 1), (10, True, 0), (10, False, 0)],
)
def test_a_closed_pipe_is_no_error_unless_a_file_is_missing(
    printed: int, json_is_asked: bool, code: int, tmp_path: Path
) -> None:
    """More than a pipe holds breaks the verb off; less is noticed only when all is done."""
    program = (
        "import sys, types\n"
        "import clipedu.cli.main as c\n"
        "def add(s):\n"
        "    p = s.add_parser('toy')\n"
        f"    p.set_defaults(run=lambda a: (print('x' * {printed}) or 0, {{}}))\n"
        "    return p\n"
        "sys.modules['toys'] = types.SimpleNamespace(add=add)\n"
        "c.VERBS['toy'] = ('', 'toys:add')\n"
        "sys.exit(c.main(['toy', *sys.argv[1:]]))"
    )
    target = tmp_path / "result.json"
    words = ["--json", str(target)] if json_is_asked else []
    job = subprocess.Popen(
        [sys.executable, "-c", program, *words],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONUNBUFFERED": ""},
    )
    assert job.stdout and job.stderr
    job.stdout.close()
    said = job.stderr.read()
    job.stderr.close()
    assert (job.wait(timeout=60), said) == (code, "")
    assert target.exists() == (json_is_asked and code == 0)


def test_json_is_written_for_exit_codes_good_and_bad(toy: Any, tmp_path: Path) -> None:
    target = tmp_path / "new" / "result.json"
    for code in (0, 1):
        toy(lambda args, code=code: (code, {"top1": 0.25, "code": code}))
        assert cli.main(["toy", "--json", str(target)]) == code
        assert json.loads(target.read_text("utf-8")) == {"top1": 0.25, "code": code}
    assert [path.name for path in target.parent.iterdir()] == ["result.json"]


def test_a_dash_is_no_file_for_json(
    toy: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert cli.main(["toy", "--json", "-"]) == 1
    assert "needs a file" in capsys.readouterr().err
    assert not list(tmp_path.iterdir())


def test_a_number_that_json_lacks_leaves_the_old_file(toy: Any, tmp_path: Path) -> None:
    target = tmp_path / "result.json"
    target.write_text("old")
    toy(lambda args: (0, {"loss": float("nan")}))
    assert cli.main(["toy", "--json", str(target)]) == 1
    assert target.read_text() == "old" and len(list(tmp_path.iterdir())) == 1
