"""When does a prompt settle which meaning of a word is meant? When captions did.

    python benchmarks/polysemy.py            # 2 minutes on one core

Twenty made-up words, each of which means two things: one from nature (bird, egg, moon) and one
machine or tool (camera, ruler, lamp). A text encoder is trained beside the shipped image encoder,
which is frozen, on captions of the training icon sets, three seeds of each of three worlds:

    never    all captions are the bare word, as "dax"
    always   half of the captions of each word say more, as "dax, nature" and "dax, machine"
    half     so do captions of ten of the words; the other ten are only seen bare

Measured on the drawings of the three held-out icon sets, among all 40 meanings and between the two
of the right word. One row for each world, seed and group of words in lesson 06's
results/polysemy.csv.
"""

from __future__ import annotations

import argparse
import hashlib
import sys
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent))
from testbed import describe, write

from clipedu.training import load_pretrained
from clipedu_lessons.common.records import LESSONS
from clipedu_lessons.l06_prompts.two_meanings import WORLDS, TwoMeanings

ROOT = Path(__file__).resolve().parents[1]
TABLE = LESSONS / "l06_prompts" / "results" / "polysemy.csv"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--steps", type=int, default=100)
    parser.add_argument("--table", type=Path, default=TABLE)
    args = parser.parse_args()
    model, tokenizer, _ = load_pretrained()
    data = TwoMeanings(model, tokenizer)
    rows: list[dict[str, Any]] = []
    for world in WORLDS:
        for seed in args.seeds:
            text = data.train(world, seed=seed, steps=args.steps)
            for row in data.measure(text):
                rows.append({"world": world, "seed": seed} | row)
                print(rows[-1], flush=True)
    write(args.table, [{key: str(value) for key, value in row.items()} for row in rows])
    weights = (ROOT / "clipedu" / "assets" / "laptop.safetensors").read_bytes()
    describe(
        args.table,
        command="python benchmarks/polysemy.py",
        model="laptop",
        checkpoint=hashlib.sha256(weights).hexdigest()[:16],
        steps=args.steps,
    )


if __name__ == "__main__":
    main()
