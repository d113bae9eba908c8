"""What the variety of the training data does: the same CLIP trained on 1, 2, 3 and 4 families.

    python benchmarks/diversity.py              # 4 minutes on 2 cores
    python benchmarks/diversity.py --seeds 0 1  # another seed; what is measured is not run again

A narrower image tower and smaller batches than the course's other runs keep it short. The recipe,
the steps and the seed are the same, so every run sees equally many pairs; what differs is how many
hands drew them (and, with more pictures, how often each is seen). A fifth run tells variety from
mere amount: four families cut down to as many pictures as the first family has. One row a run and
seed in clipedu_lessons/l11_robustness/results/diversity.csv, written as soon as it is measured.
"""

from __future__ import annotations

import argparse
import dataclasses
import itertools
import sys
import time
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parent))
from testbed import append, describe, read

from clipedu.evaluation import load_task, zero_shot
from clipedu.pairs import HELD_OUT_FAMILIES, Augmentation, PairSet, training_pairs
from clipedu.training import Recipe, train
from clipedu_lessons.common.records import stored
from clipedu_lessons.common.things import things_task

TABLE = stored("diversity.csv")
#: Largest vocabulary of names first, so that the later families add hands rather than words.
ORDER = ("mdi", "phosphor", "material", "openmoji")
STEPS = 240
SMALL = {"model": {"vision_width": 32}, "batch_size": 256}

#: The recipe `lesson` of the first edition.
FIRST_LESSON = Recipe(augmentation=Augmentation(thicken=0.3, thin=0.2, lines=0.5))


def runs() -> dict[str, tuple[tuple[str, ...], bool]]:
    """name -> families, and whether they are cut down to the size of the first."""
    grown = {
        f"{n} famil{'y' if n == 1 else 'ies'}": (ORDER[:n], False) for n in range(1, len(ORDER) + 1)
    }
    return {**grown, f"{len(ORDER)} families, as few pictures as 1": (ORDER, True)}


def pairs_of(families: tuple[str, ...], cut: bool) -> PairSet:
    """The training pairs; cut: a random part of them, as many as the first family has."""
    pairs = training_pairs(families=families)
    if not cut:
        return pairs
    keep = len(training_pairs(families=families[:1]))
    return pairs.without(np.random.default_rng(0).permutation(len(pairs))[keep:])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--table", type=Path, default=TABLE)
    parser.add_argument("--steps", type=int, default=STEPS)
    parser.add_argument("--seeds", type=int, nargs="+", default=[0])
    args = parser.parse_args()
    recipe = dataclasses.replace(
        FIRST_LESSON,
        steps=args.steps,
        warmup=0.1,
        evaluate_every=0,
        checkpoint_every=0,
        **SMALL,
    )
    tasks = {name: load_task(name) for name in HELD_OUT_FAMILIES}
    tasks |= {f"things_{name}": things_task(name) for name in HELD_OUT_FAMILIES}
    known = {(row["run"], int(row["seed"])) for row in read(args.table)}
    for seed, (name, (families, cut)) in itertools.product(args.seeds, runs().items()):
        if (name, seed) in known:
            continue
        pairs, start = pairs_of(families, cut), time.perf_counter()
        result = train(recipe, seed=seed, pairs=pairs)
        row = {
            "run": name,
            "families": len(families),
            "which": "+".join(families),
            "pictures": len(pairs),
            "names": int(pairs.name_ids.max()) + 1,
            "pairs_seen": recipe.steps * recipe.batch_size,
            "steps": recipe.steps,
            "seed": seed,
            "seconds": round(time.perf_counter() - start, 1),
        }
        for key, task in tasks.items():
            found = zero_shot(result.model, result.tokenizer, task)
            row |= {key: found.top1, f"{key}_n": found.n, f"{key}_chance": found.chance}
        append(args.table, row)
        describe(
            args.table,
            command="python benchmarks/diversity.py",
            recipe=recipe.to_dict(),
            seconds="wall time of a row, on a machine that may have been busy",
        )


if __name__ == "__main__":
    main()
