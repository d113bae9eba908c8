"""Do prompt templates help a model that has read sentences, and one that has read bare names?

    python benchmarks/templates.py            # eight runs, 15 minutes on one core; can be resumed
    python benchmarks/templates.py --steps 3 --seeds 0 --whole --table runs/try.csv    # a try

Two mixes of captions, "names" and "sentences" (`clipedu.pairs.captions.CAPTION_MIXES`), three seeds
of each. A text encoder is trained from scratch on each beside the shipped image encoder, which is
frozen: pictures, tokenizer, steps and start are the same, and only the captions differ. Training
pictures are the drawings by the twelve training sets, at most eight for a name, of all names that
the three held-out sets are asked for. These sets are then asked with single templates and with
ensembles. One row for each run, task and way to ask in lesson 06's results/templates.csv; `fixed`
and `broken` count answers against those of the bare name.
"""

from __future__ import annotations

import argparse
import dataclasses
import hashlib
import sys
import time
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch

sys.path.insert(0, str(Path(__file__).resolve().parent))
from testbed import describe, read, write

from clipedu.evaluation import Task, embed_pictures, load_task
from clipedu.evaluation.zeroshot import top_classes
from clipedu.models import CLIP
from clipedu.pairs import HELD_OUT_FAMILIES, to_pictures, training_pairs
from clipedu.pairs.captions import CAPTION_MIXES, caption
from clipedu.tokenizer import Tokenizer
from clipedu.training import RECIPES, left_out_split, load_model, load_pretrained, train
from clipedu_lessons.common.records import LESSONS
from clipedu_lessons.l06_prompts.ensembles import WAYS, average, template_embeddings
from clipedu_lessons.l06_prompts.locked import train_text

ROOT = Path(__file__).resolve().parents[1]
TABLE = LESSONS / "l06_prompts" / "results" / "templates.csv"
RUNS = ROOT / "runs" / "templates"
MIXES = ("names", "sentences")
SENTENCES = (
    "an icon of {}",
    "an icon of a {}.",
    "a picture of a {}.",
    "a drawing of a {}.",
    "this icon shows a {}.",
)
#: Asked alone. The last three say nothing of any picture: the controls.
SINGLE = ("{}", "{}.", "a {}", *SENTENCES, "a photo of a {}.", "{} {}", "of of {}", "zoom {}")
#: The same frame with a word that the models have read, as a name, or have not.
FRAMES = ("a folder of a {}.", "a heart of a {}.", "a zebra of a {}.", "a harp of a {}.")
#: Ensembles, by name. A single prompt has one way to be averaged, an ensemble three.
SETS = {
    "5 sentences": SENTENCES,
    "bare name and 5 sentences": ("{}", *SENTENCES),
    "bare name, with a full stop, and doubled": ("{}", "{}.", "{} {}"),
    "3 nonsense forms": SINGLE[-3:],
}
MOST = 8  # drawings of a name
DRAWN = 12  # captions drawn beforehand for each picture


class Learned:
    """Training pictures, embedded once, and what the two mixes say of each."""

    def __init__(self, model: CLIP, tasks: list[Task]):
        pairs = training_pairs(progress=False)
        wanted = {name.lower() for task in tasks for name in task.class_names}
        of: dict[str, list[int]] = defaultdict(list)
        for row in np.random.default_rng(0).permutation(len(pairs)).tolist():
            if (name := pairs.icons[row].name.lower()) in wanted and len(of[name]) < MOST:
                of[name].append(row)
        rows = sorted(row for those in of.values() for row in those)
        self.icons = [pairs.icons[row] for row in rows]
        self.pictures = embed_pictures(model, to_pictures(pairs.rgba[rows]))

    def captions(self, mix: str) -> list[list[str]]:
        """For each picture, captions of this mix."""
        draw = np.random.default_rng(1)
        forms = CAPTION_MIXES[mix]
        return [[caption(icon, draw, forms) for _ in range(DRAWN)] for icon in self.icons]


def measure(
    text: CLIP, tokenizer: Tokenizer, task: Task, pictures: torch.Tensor
) -> Iterator[dict[str, Any]]:
    """One row for each way to ask."""
    forms, scale = [*SINGLE, *FRAMES], float(text.logit_scale.detach().exp())
    texts = template_embeddings(text, tokenizer, task.class_names, forms)  # (T, C, E)

    def right(chosen: tuple[str, ...], way: str) -> torch.Tensor:
        rows = [forms.index(form) for form in chosen]
        return top_classes(average(pictures, texts[rows], scale, way), 1)[:, 0] == task.labels

    ways = [(form, WAYS[0], (form,)) for form in forms]
    ways += [(name, way, chosen) for name, chosen in SETS.items() for way in WAYS]
    bare = right(("{}",), WAYS[0])
    about = {"task": task.name, "classes": len(task.class_names), "pictures": len(task)}
    for asked, way, chosen in ways:
        now = right(chosen, way)
        counts = {"right": now, "fixed": now & ~bare, "broken": bare & ~now}
        yield about | {"asked": asked, "by": way} | {k: int(v.sum()) for k, v in counts.items()}


def whole(mix: str, seed: int, steps: int) -> tuple[CLIP, Tokenizer]:
    """A model all of which was trained on this mix; made or resumed if need be."""
    folder = RUNS / f"{mix}_{seed}"
    if not (folder / "model.safetensors").exists():
        pairs, _ = left_out_split()
        words = Tokenizer.train(pairs.drawn("sentences").texts(), RECIPES["lesson"].vocab_size)
        recipe = dataclasses.replace(
            RECIPES["lesson"],
            captions=mix,
            steps=steps,
            evaluate_every=0,
            checkpoint_every=100,
            learning_rate=2e-3,  # as in the stored series
        )
        if (folder / "checkpoint.safetensors").exists():
            train(resume=folder, pairs=pairs.drawn(mix))
        else:
            train(recipe, seed=seed, out=folder, pairs=pairs.drawn(mix), tokenizer=words)
    model, words, *_ = load_model(folder)
    return model, words


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--steps", type=int, default=250)
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--whole", type=int, nargs="*", default=[0], help="seeds of whole models")
    parser.add_argument("--whole-steps", type=int, default=260)
    parser.add_argument("--table", type=Path, default=TABLE)
    args = parser.parse_args()
    model, tokenizer, _ = load_pretrained()
    tasks = [load_task(name) for name in HELD_OUT_FAMILIES]
    asked = [embed_pictures(model, task.pictures) for task in tasks]
    learned = Learned(model, tasks)
    print(f"{len(learned.icons)} training pictures", flush=True)
    rows: list[dict[str, Any]] = list(read(args.table))
    runs = [("whole", seed, mix) for seed in args.whole for mix in MIXES]
    runs += [("text", seed, mix) for seed in args.seeds for mix in MIXES]
    done = [(row["trained"], row["captions"], str(row["seed"])) for row in rows]
    for trained, seed, mix in runs:
        if (trained, mix, str(seed)) in done:
            continue
        start = time.process_time()
        words, embedded = tokenizer, asked
        if trained == "whole":
            text, words = whole(mix, seed, args.whole_steps)
            embedded = [embed_pictures(text, task.pictures) for task in tasks]
        else:
            how: dict[str, Any] = {"seed": seed, "steps": args.steps}
            text = train_text(learned.pictures, learned.captions(mix), tokenizer, **how)
        about = {"trained": trained, "captions": mix, "seed": seed}
        for task, pictures in zip(tasks, embedded, strict=True):
            rows += [about | row for row in measure(text, words, task, pictures)]
        write(args.table, [{key: str(value) for key, value in row.items()} for row in rows])
        print(f"{trained} {mix} {seed}: {time.process_time() - start:.0f} s", flush=True)
    weights = (ROOT / "clipedu" / "assets" / "laptop.safetensors").read_bytes()
    describe(
        args.table,
        command="python benchmarks/templates.py",
        model="laptop",
        checkpoint=hashlib.sha256(weights).hexdigest()[:16],
        steps=args.steps,
        whole_steps=args.whole_steps,
        training_pictures=len(learned.icons),
    )


if __name__ == "__main__":
    main()
