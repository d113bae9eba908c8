"""`clipedu licences`: whose pictures the course shows and learns from."""

from __future__ import annotations

import argparse
from typing import Any

from clipedu.cli.main import add_verb
from clipedu.pairs import FAMILIES


def add_licences(subparsers: Any) -> argparse.ArgumentParser:
    """The parser of `clipedu licences`."""
    what = "List whose pictures these are, and under which licences."
    return add_verb(subparsers, "licences", run_licences, what, "  clipedu licences\n")


def run_licences(args: argparse.Namespace) -> tuple[int, dict[str, Any]]:
    """Prints a line for each icon set; returns exit code 0 and the facts."""
    for family in FAMILIES.values():
        package = family.package or "carried by clipedu"
        print(f"{family.title:22} {family.license:14} {family.role.replace('_', ' '):9} {package}")
    print("Makers, versions, and what weights trained on CC BY-SA pictures mean: NOTICE.md.")
    return 0, {"licences": {key: family.license for key, family in FAMILIES.items()}}
