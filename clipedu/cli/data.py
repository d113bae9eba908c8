"""`clipedu data`: draw the pictures once, say what there is, and write it as shards."""

from __future__ import annotations

import argparse
import io
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from clipedu.files import write_whole

if TYPE_CHECKING:
    from matplotlib.figure import Figure

EXAMPLE = """example:
  clipedu data                      draw (or open) all pictures at 32 pixels and list the families
  clipedu data --size 64 --grid families.png
  clipedu data shard --out shards   the training pairs as tar files, in img2dataset's layout
"""


def add_data_parser(subparsers: Any) -> argparse.ArgumentParser:
    """The parser of `clipedu data`."""
    parser = subparsers.add_parser(
        "data",
        help="draw the pictures and list the families",
        epilog=EXAMPLE,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "action",
        nargs="?",
        choices=("list", "shard"),
        default="list",
        help="list the families (default), or write pairs as tar shards",
    )
    parser.add_argument("--size", type=int, default=32, help="pixels along a side (default 32)")
    parser.add_argument("--grid", metavar="FILE", type=Path, help="also save a grid of pairs (PNG)")
    parser.add_argument("--seed", type=int, default=0, help="of the grid (default 0)")
    shards = parser.add_argument_group("data shard")
    shards.add_argument("--out", metavar="DIR", type=Path, help="where the shards go")
    shards.add_argument("--family", nargs="+", help="default: every training family")
    shards.add_argument("--per-shard", type=int, default=1000, help="samples (default 1000)")
    shards.add_argument("--overwrite", action="store_true", help="replace the shards in DIR")
    parser.set_defaults(run=run_data)
    return parser


def run_data(args: argparse.Namespace) -> tuple[int, dict[str, Any]]:
    """Draws or opens the cache; prints one line for each family. Returns exit code and facts."""
    if args.action == "shard":
        return 0, _shard(args)
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
        _save(training_pairs(args.size).show(48, seed=args.seed), args.grid)
        print(f"A batch of pairs is in {args.grid}.")
    return 0, facts


def _save(figure: Figure, path: Path) -> None:
    """Writes the figure whole or not at all; makes its folder. The name's ending says the format,
    PNG when there is none.

    Raises ValueError for an ending that matplotlib can't write, OSError with advice.
    """
    data = io.BytesIO()
    figure.savefig(data, format=path.suffix[1:] or "png")
    try:
        write_whole(path, data.getvalue())
    except OSError as error:
        raise OSError(
            f"The grid can't be written to {path}: {error.strerror or error}. "
            "Give --grid a file in a folder that you may write to."
        ) from error


def _shard(args: argparse.Namespace) -> dict[str, Any]:
    from clipedu.pairs import HELD_OUT_FAMILIES, held_out_pairs, training_pairs, write_shards

    if args.out is None:
        raise ValueError("Where should the shards go? Give --out FOLDER.")
    families = args.family or None
    if families is None:
        pairs = training_pairs(args.size)
    elif set(families) <= set(HELD_OUT_FAMILIES):
        pairs = held_out_pairs(families, args.size)
    else:
        pairs = training_pairs(args.size, families=families)
    paths = write_shards(
        pairs, args.out, per_shard=args.per_shard, seed=args.seed, overwrite=args.overwrite
    )
    total = sum(path.stat().st_size for path in paths)
    print(f"{len(pairs):,} pairs in {len(paths):,} shards, {total / 1e6:.1f} MB, in {args.out}.")
    if pairs.role == "train":
        print(f"Train on them: clipedu train --shards {args.out} --out runs/shards")
    return {"pairs": len(pairs), "shards": len(paths), "bytes": total, "folder": str(args.out)}
