"""The command `clipedu VERB ...`.

To add a verb, add a line to VERBS, or from another package name a dict of such lines in the entry
point `clipedu.commands`. The function takes argparse's subparsers, adds a parser, and sets `run`
as its default: a function of the parsed arguments that returns an exit code, or an exit code and a
JSON-able dict, which `--json FILE` then writes.
"""

from __future__ import annotations

import argparse
import contextlib
import importlib
import io
import json
import os
import sys
from collections.abc import Callable, Sequence
from importlib.metadata import entry_points
from typing import Any

from clipedu import __version__
from clipedu.files import write_whole

#: {verb: (its line in `clipedu --help`, "module:function", imported only when the verb is used)}
VERBS = {
    "data": ("draw the pictures and list the families", "clipedu.cli.data:add_data"),
    "train": ("train a CLIP from scratch, or go on with a run", "clipedu.cli.train:add_train"),
    "evaluate": ("measure a model zero-shot", "clipedu.cli.evaluate:add_evaluate"),
    "finetune": ("train a trained CLIP further", "clipedu.cli.finetune:add_finetune"),
    "load": ("open real CLIP weights, or convert them", "clipedu.cli.load:add_load"),
    "export": ("write the encoders as ONNX", "clipedu.cli.load:add_export"),
    "bench": ("measure a training step on this CPU", "clipedu.cli.bench:add_bench"),
    "tasks": ("list the zero-shot tasks, or download one", "clipedu.cli.evaluate:add_tasks"),
}
EPILOG = """\
example: clipedu doctor     help on one verb: clipedu VERB --help
exit codes: 0 done, 1 not done or not passed, 2 a wrong call, 130 interrupted"""
RAW = argparse.RawDescriptionHelpFormatter


def all_verbs() -> dict[str, tuple[str, str]]:
    """The library's verbs, then those that installed packages add."""
    verbs = dict(VERBS)
    for entry in sorted(entry_points(group="clipedu.commands"), key=lambda entry: entry.name):
        verbs |= entry.load()
    return verbs


def make_parser(chosen: str | None) -> argparse.ArgumentParser:
    """The parser with every verb listed and the chosen one complete."""
    what = "Build CLIP step by step: data, training, evaluation, lessons."
    parser = argparse.ArgumentParser("clipedu", None, what, EPILOG, formatter_class=RAW)
    parser.add_argument("--version", action="version", version=f"clipedu {__version__}")
    subparsers = parser.add_subparsers(dest="verb", metavar="VERB", required=True)
    for name, (summary, register) in all_verbs().items():
        if name != chosen:
            subparsers.add_parser(name, help=summary, add_help=False)
            continue
        module, function = register.split(":")
        one = getattr(importlib.import_module(module), function)(subparsers)
        with contextlib.suppress(argparse.ArgumentError):  # a verb may have its own
            one.add_argument("--json", metavar="FILE", help="also write the result as JSON")
        one.add_argument("--debug", action="store_true", help="on an error, show where it arose")
    return parser


def add_verb(
    subparsers: Any, name: str, run: Callable[..., Any], description: str, examples: str
) -> argparse.ArgumentParser:
    """A parser for a verb, with examples at the end of its help."""
    about = {"help": all_verbs()[name][0], "description": description}
    parser = subparsers.add_parser(
        name, epilog=f"examples:\n{examples}", formatter_class=RAW, **about
    )
    parser.set_defaults(run=run)
    return parser


def main(argv: Sequence[str] | None = None) -> int:
    """Run one verb; returns the exit code. argparse itself exits with 2 on a wrong call."""
    words = list(sys.argv[1:] if argv is None else argv)
    chosen = next((word for word in words if not word.startswith("-")), None)
    code = int(any(word.startswith("--json") for word in words))  # 1 until the file is written
    if isinstance(sys.stdout, io.TextIOWrapper):  # a file's name may be no text
        sys.stdout.reconfigure(errors="backslashreplace")
    try:
        args = make_parser(chosen).parse_args(words)
        if args.json == "-":
            raise ValueError("--json needs a file's name, for example --json result.json.")
        result = args.run(args)
        done, data = result if isinstance(result, tuple) else (result, None)
        if args.json and data is not None:
            write_whole(args.json, json.dumps(data, indent=2, allow_nan=False) + "\n")
        code = done
        sys.stdout.flush()
    except KeyboardInterrupt:
        print(f"\nclipedu {chosen}: interrupted", file=sys.stderr)
        return 130
    except BrokenPipeError:  # the reader of a pipe is gone (`| head`), which is no error
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    except Exception as error:
        if "--debug" in words:
            raise
        print(f"clipedu {chosen}: {explain(error)}", file=sys.stderr)
        return 1
    return code


def explain(error: Exception) -> str:
    """An error as a sentence for the person at the terminal."""
    words = str(error).strip() or "no message"
    if isinstance(error, ModuleNotFoundError) and error.name:
        missing = f"the module {error.name} is missing: `clipedu doctor` says what to install"
        return words if "pip install" in words else missing
    if isinstance(error, OSError) and error.filename and error.strerror:
        words = f"{error.filename}: {error.strerror}"
    if type(error) not in (ValueError, TypeError, RuntimeError) and not isinstance(error, OSError):
        words = f"{type(error).__name__}: {words}"
    return f"{words}\n(--debug shows where this arose)"
