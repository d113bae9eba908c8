"""The command `clipedu VERB ...`.

To add a verb, add a line to VERBS, or from another package name a dict {verb: (summary, "module:
function")} in the entry point `clipedu.commands`. The function takes argparse's subparsers, adds a
parser with an example in its epilog, and sets `run` as its default: a function of the parsed
arguments that
returns an exit code, or an exit code and a JSON-able dict, which `--json FILE` then writes.
A verb's module is imported only when that verb is asked for, so `clipedu --help` is quick.

Exit codes: 0 done, 1 not done or not passed, 2 a wrong call, 130 interrupted. An error is one
sentence on stderr; `--debug` shows where it came from.
"""

from __future__ import annotations

import argparse
import importlib
import json
import os
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any

from clipedu import __version__
from clipedu.files import write_whole


@dataclass(frozen=True)
class Verb:
    """summary: one line for `clipedu --help`; register: "module:function", imported when needed."""

    summary: str
    register: str

    def load(self) -> Callable[[Any], argparse.ArgumentParser]:
        module, function = self.register.split(":")
        return getattr(importlib.import_module(module), function)


VERBS: dict[str, Verb] = {
    "doctor": Verb(
        "look at this machine and say what is wrong", "clipedu.cli.doctor:add_doctor_parser"
    ),
    "data": Verb("draw the pictures and list the families", "clipedu.cli.data:add_data_parser"),
    "train": Verb(
        "train a CLIP from scratch, or go on with a run", "clipedu.cli.train:add_train_parser"
    ),
    "evaluate": Verb(
        "measure a model zero-shot on pictures that it never saw",
        "clipedu.cli.evaluate:add_evaluate_parser",
    ),
    "tasks": Verb(
        "list the zero-shot tasks, or fetch the pictures of one",
        "clipedu.cli.tasks:add_tasks_parser",
    ),
}


def all_verbs() -> dict[str, Verb]:
    """The library's verbs, then those that installed packages add."""
    verbs = dict(VERBS)
    for entry in sorted(entry_points(group="clipedu.commands"), key=lambda entry: entry.name):
        verbs |= {name: Verb(*words) for name, words in entry.load().items()}
    return verbs


def make_parser(chosen: str | None) -> argparse.ArgumentParser:
    """The parser with every verb listed and the chosen one complete."""
    parser = argparse.ArgumentParser(
        prog="clipedu",
        description="Build CLIP step by step: data, training, evaluation, lessons.",
        epilog="example: clipedu doctor     help on one verb: clipedu VERB --help",
    )
    parser.add_argument("--version", action="version", version=f"clipedu {__version__}")
    subparsers = parser.add_subparsers(dest="verb", metavar="VERB", required=True)
    for name, verb in all_verbs().items():
        if name != chosen:
            subparsers.add_parser(name, help=verb.summary, add_help=False)
            continue
        one = verb.load()(subparsers)
        _add_missing(one, "--json", metavar="FILE", help="also write the result as JSON")
        _add_missing(one, "--debug", action="store_true", help="on an error, show where it arose")
    return parser


def _add_missing(parser: argparse.ArgumentParser, option: str, **settings: Any) -> None:
    try:
        parser.add_argument(option, **settings)
    except argparse.ArgumentError:
        pass  # the verb has its own


def main(argv: Sequence[str] | None = None) -> int:
    """Run one verb; returns the exit code. argparse itself exits with 2 on a wrong call."""
    words = list(sys.argv[1:] if argv is None else argv)
    chosen = next((word for word in words if not word.startswith("-")), None)
    debug = "--debug" in words
    try:
        args = make_parser(chosen).parse_args(words)
        result = args.run(args)
        code, data = result if isinstance(result, tuple) else (result, None)
        if args.json and data is not None:
            write_json(Path(args.json), data)
        return code
    except KeyboardInterrupt:
        print(f"\nclipedu {chosen}: interrupted", file=sys.stderr)
        return 130
    except BrokenPipeError:
        # The reader of a pipe went away (`| head`): nothing is wrong, and nobody listens.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1 if "--json" in words else 0  # a file that was asked for was not written
    except Exception as error:  # the one place where an error becomes a sentence
        if debug:
            raise
        print(f"clipedu {chosen}: {explain(error)}", file=sys.stderr)
        return 1


def explain(error: Exception) -> str:
    """An error as a sentence for the person at the terminal."""
    words = str(error).strip() or "no message"
    if isinstance(error, ModuleNotFoundError) and error.name:
        if "pip install" in words:  # it says already what to do
            return words
        return f"the module {error.name} is missing: `clipedu doctor` says what to install"
    if isinstance(error, OSError) and error.filename and error.strerror:
        words = f"{error.filename}: {error.strerror}"
    if type(error) in (ValueError, TypeError, RuntimeError) or isinstance(error, OSError):
        return f"{words}\n(--debug shows where this arose)"
    return f"{type(error).__name__}: {words}\n(--debug shows where this arose)"


def write_json(path: Path, data: dict[str, Any]) -> None:
    """Write the file whole or not at all; makes its folder. Raises OSError when it cannot."""
    write_whole(path, json.dumps(data, indent=2, allow_nan=False) + "\n")
