"""`clipedu data`: draw the course's pictures, or take in your own, and write them as shards."""

from __future__ import annotations

import argparse
import io
import time
from pathlib import Path
from typing import Any

from clipedu.cli.main import add_verb
from clipedu.files import write_whole

EXAMPLES = """\
  clipedu data                      draw (or open) all pictures at 32 pixels and list the families
  clipedu data --size 64 --grid families.png
  clipedu data shard --out shards   the training pairs as tar files, in img2dataset's layout
  clipedu data import photos --out shards                a folder: a.jpg and a.txt, or imagefolder
  clipedu data import table.csv --out shards --picture-column file --caption-column words
  clipedu data import captions_val2017.json --pictures val2017 --out shards --size 224
"""


def add_data(subparsers: Any) -> argparse.ArgumentParser:
    """The parser of `clipedu data`."""
    what = "Draw the pictures and list the families, or write pairs, also your own, as tar shards."
    parser = add_verb(subparsers, "data", run_data, what, EXAMPLES)
    action = parser.add_argument(
        "action", nargs="?", choices=("list", "shard", "import"), default="list"
    )
    action.help = "list the families (default), write them as tar shards, or import your own pairs"
    sources = "import: a folder, .csv, .tsv, .jsonl, COCO's captions .json or img2dataset's shards"
    parser.add_argument("source", nargs="?", help=sources)
    sides = "pixels along a side (default 32); import: of the shorter side, at most (default 64)"
    parser.add_argument("--size", type=int, help=sides)
    parser.add_argument("--grid", metavar="FILE", type=Path, help="also save a grid of pairs (PNG)")
    parser.add_argument("--seed", type=int, default=0, help="of the grid (default 0)")
    shards = parser.add_argument_group("data shard, data import")
    shards.add_argument("--out", metavar="DIR", type=Path, help="where the shards go")
    shards.add_argument("--family", nargs="+", help="shard: default every training family")
    shards.add_argument("--per-shard", type=int, default=1000, help="samples (default 1000)")
    shards.add_argument("--overwrite", action="store_true", help="replace the shards in DIR")
    words = "import: the folder of the pictures, if they are not beside the file"
    shards.add_argument("--pictures", metavar="DIR", help=words)
    shards.add_argument("--picture-column", metavar="NAME", help="import: of paths, in a table")
    shards.add_argument("--caption-column", metavar="NAME", help="import: of captions")
    return parser


def run_data(args: argparse.Namespace) -> tuple[int, dict[str, Any]]:
    """Lists the families, a line each, or writes shards; returns exit code 0 and the facts."""
    if (args.source is None) == (args.action == "import"):
        raise ValueError("Only `clipedu data import SOURCE` has a source, and it needs one.")
    if args.size is None:
        args.size = 64 if args.action == "import" else 32
    if args.action == "import":
        return 0, _import(args)
    if args.action == "shard":
        return 0, _shard(args)
    from clipedu.pairs import FAMILIES, HELD_OUT_FAMILIES, open_pictures, training_pairs
    from clipedu.pairs.batches import held_out_names
    from clipedu.plots import picture_grid

    start = time.perf_counter()
    pictures = open_pictures(args.size)
    seconds = time.perf_counter() - start
    families = {}
    print(f"{'family':22} {'role':9} {'pictures':>8} {'names':>6}  styles")
    for key, family in FAMILIES.items():
        icons = [icon for icon in pictures.icons if icon.family == key]
        names, role = len({icon.name for icon in icons}), family.role.replace("_", " ")
        styles = ", ".join(family.styles.values())
        print(f"{family.title:22} {role:9} {len(icons):8,} {names:6,}  {styles}")
        row = {"role": family.role, "pictures": len(icons), "names": names}
        if key in HELD_OUT_FAMILIES:
            row["task_classes"] = len(held_out_names(key))
        families[key] = row | {"license": family.license, "package": family.package or "clipedu"}
    names = len({icon.name for icon in pictures.icons})
    print(f"{len(pictures):,} pictures, {names:,} names; ready in {seconds:.1f} s.")
    if args.grid:
        _save(picture_grid(*training_pairs(args.size).batch(48, seed=args.seed)), args.grid)
        print(f"A batch of pairs is in {args.grid}.")
    facts = {"size": args.size, "pictures": len(pictures), "families": families, "names": names}
    return 0, facts


def _save(figure: Any, path: Path) -> None:
    """Writes a figure whole or not at all, in the format of the name's ending (default PNG).

    Raises ValueError for an ending that matplotlib can't write, OSError with advice.
    """
    data = io.BytesIO()
    figure.savefig(data, format=path.suffix[1:] or "png")
    try:
        write_whole(path, data.getvalue())
    except OSError as error:
        wrong = f"The grid can't be written to {path}: {error.strerror or error}."
        raise OSError(f"{wrong} Give --grid a file in a folder that you may write to.") from error


def _shard(args: argparse.Namespace) -> dict[str, Any]:
    from clipedu import pairs

    if args.out is None:
        raise ValueError("Where should the shards go? Give --out FOLDER.")
    if args.family and set(args.family) <= set(pairs.HELD_OUT_FAMILIES):
        chosen = pairs.held_out_pairs(args.family, args.size)
    else:
        families = args.family or pairs.TRAINING_FAMILIES
        chosen = pairs.training_pairs(args.size, families=families)
    options = {"per_shard": args.per_shard, "seed": args.seed, "overwrite": args.overwrite}
    paths = pairs.write_shards(chosen, args.out, **options)
    total = sum(path.stat().st_size for path in paths)
    print(f"{len(chosen):,} pairs in {len(paths):,} shards, {total / 1e6:.1f} MB, in {args.out}.")
    if chosen.role == "train":
        print(f"Train on them: clipedu train --shards {args.out} --out runs/shards")
    return {"pairs": len(chosen), "shards": len(paths), "bytes": total, "folder": str(args.out)}


def _import(args: argparse.Namespace) -> dict[str, Any]:
    from clipedu.pairs.importing import import_pairs

    if args.out is None:
        raise ValueError("Where should the shards go? Give --out FOLDER.")
    names = "size per_shard overwrite pictures picture_column caption_column".split()
    facts = import_pairs(args.source, args.out, **{name: getattr(args, name) for name in names})
    print(f"{facts['pairs']:,} pairs with {facts['captions']:,} captions, in {args.out}.")
    for reason, count in facts["left_out"].items():
        print(f"  {count:,} {reason}")
    for row in facts["problems"][:5]:
        print(f"  {row['name']}: {row['why']}")
    print(f"Pictures and problems: {args.out / 'report.html'} (all of them: report.json)")
    print(f"Train on them: clipedu train --shards {args.out} --out runs/own")
    return facts
