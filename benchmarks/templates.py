"""Which templates to ask icons with: chosen on pictures set aside inside the training families.

    clipedu train --recipe laptop --validate --steps 800 --out runs/aside
    python benchmarks/templates.py runs/aside        # one or more runs

The runs must be trained with `--validate`: any other run has learned the pictures that are asked
here. The held-out families take no part. One row a form or set of forms in
clipedu_lessons/l06_prompts/results/templates.csv, which lesson 06 reads.
"""

from __future__ import annotations

import argparse
import statistics
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))
from testbed import describe, write

from clipedu.evaluation import TEMPLATE_SETS, embed_pictures, zero_shot
from clipedu.training import load_model, validation_split
from clipedu_lessons.common.records import stored

TABLE = stored("templates.csv")
CATEGORIES = ("objects", "system", "nature", "people", "map", "media", "design")


def candidates() -> dict[str, list[str]]:
    """What is tried, by name: one template, the bare name with one other, and larger sets."""
    forms = [form for form in TEMPLATE_SETS["captions"] if form != "{}"]
    about = [f"{{}}, a kind of {category}" for category in CATEGORIES]
    singles = {form: [form] for form in ["{}", *forms]}
    return {
        **singles,
        **{f"{{}} + {form}": ["{}", form] for form in forms},
        "{} + three categories": ["{}", *about[:2], about[5]],
        "{} + seven categories": ["{}", *about],
        "all forms": ["{}", *forms],
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("runs", nargs="+", type=Path, help="folders of `clipedu train --validate`")
    parser.add_argument("--table", type=Path, default=TABLE)
    args = parser.parse_args()
    _, task = validation_split()
    found: dict[str, dict[str, float]] = {asked: {} for asked in candidates()}
    for folder in args.runs:
        model, tokenizer, *_ = load_model(folder)
        embeddings = embed_pictures(model, task.pictures, progress=True)
        for asked, forms in candidates().items():
            result = zero_shot(model, tokenizer, task, templates=forms, embeddings=embeddings)
            found[asked][folder.name] = result.top1
    means = {asked: statistics.mean(runs.values()) for asked, runs in found.items()}
    rows = [
        {"asked": asked, "templates": len(candidates()[asked]), "mean": f"{mean:.4f}"}
        | {run: f"{value:.4f}" for run, value in found[asked].items()}
        for asked, mean in sorted(means.items(), key=lambda item: -item[1])
    ]
    for row in rows:
        print(f"{row['asked']:44} {row['mean']}")
    write(args.table, rows)
    describe(
        args.table,
        command=f"python benchmarks/templates.py {' '.join(map(str, args.runs))}",
        pictures=len(task),
        classes=len(task.class_names),
    )


if __name__ == "__main__":
    main()
