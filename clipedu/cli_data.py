"""`clipedu data`: draw the pictures once, and say what there is."""

from __future__ import annotations

import argparse
import time
from pathlib import Path
from typing import Any

EXAMPLE = """example:
  clipedu data                      draw (or open) all pictures at 32 pixels and list the families
  clipedu data --size 64 --grid families.png
"""


def add_data_parser(subparsers: Any) -> argparse.ArgumentParser:
    """The parser of `clipedu data`."""
    parser = subparsers.add_parser(
        "data",
        help="draw the pictures and list the families",
        epilog=EXAMPLE,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--size", type=int, default=32, help="pixels along a side (default 32)")
    parser.add_argument("--grid", metavar="FILE", type=Path, help="also save a grid of pairs (PNG)")
    parser.add_argument("--seed", type=int, default=0, help="of the grid (default 0)")
    parser.set_defaults(run=run_data)
    return parser


def run_data(args: argparse.Namespace) -> tuple[int, dict[str, Any]]:
    """Draws or opens the cache; prints one line for each family. Returns exit code and facts."""
    from clipedu.device import cache_folder
    from clipedu.pairs import FAMILIES, HELD_OUT_FAMILIES, open_pictures, training_pairs
    from clipedu.pairs.raster import cache_files
    from clipedu.pairs.splits import held_out_names

    start = time.perf_counter()
    pictures = open_pictures(args.size)
    seconds = time.perf_counter() - start
    facts: dict[str, Any] = {"size": args.size, "pictures": len(pictures), "families": {}}
    print(f"{'family':22} {'role':9} {'pictures':>8} {'names':>6}  styles")
    for key, family in FAMILIES.items():
        icons = [icon for icon in pictures.icons if icon.family == key]
        row = {"role": family.role, "pictures": len(icons), "names": len({i.name for i in icons})}
        if key in HELD_OUT_FAMILIES:
            row["task_classes"] = len(held_out_names(key))
        facts["families"][key] = {**row, "licence": family.licence, "package": family.package}
        styles = ", ".join(family.styles.values())
        role = family.role.replace("_", " ")
        print(f"{family.title:22} {role:9} {row['pictures']:8,} {row['names']:6,}  {styles}")
    facts["names"] = len({icon.name for icon in pictures.icons})
    facts["cache"] = str(cache_files(args.size, cache_folder())[0].name)
    print(f"{len(pictures):,} pictures, {facts['names']:,} names; ready in {seconds:.1f} s.")
    if args.grid:
        figure = training_pairs(args.size).show(48, seed=args.seed)
        figure.savefig(args.grid)
        print(f"A batch of pairs is in {args.grid}.")
    return 0, facts
