"""Does memory stay flat while a run reads a large set of shards?

    python benchmarks/shard_memory.py                    # -> benchmarks/shard_memory.json
    python benchmarks/shard_memory.py --pairs 3000 --json runs/shard_memory.json

Writes 100,000 pairs (pictures of 32 pixels, every caption another one) as shards of 1,000 into a
temporary folder, and trains the recipe `tiny` on them for two epochs at a batch of 256, in its own
process. The process's resident size is read from the operating system after each step (Linux).
What the first epoch adds is the table of captions that are tokenized already, of at most 200,000
captions (`clipedu.training.TokenTable`). The second epoch meets no new caption, so it shows what
is left.
"""

from __future__ import annotations

import argparse
import dataclasses
import datetime
import io
import json
import platform
import subprocess
import sys
import tempfile
import time
import warnings
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import torch
from memory import status
from PIL import Image

from clipedu.files import write_whole
from clipedu.pairs import open_shards
from clipedu.pairs.shards import pack_shard, shard_stats
from clipedu.training import RECIPES, load_pretrained, train

BATCH, PER_SHARD, EPOCHS = 256, 1000, 2
NAMES = "red green blue black square circle cross ring tall small bright thin".split()


def samples(first: int, count: int) -> Iterator[tuple[str, dict[str, bytes]]]:
    """Pairs of a shard: a block of some color, and words that no other pair has."""
    random = np.random.default_rng(first)
    for k in range(first, first + count):
        pixels = np.full((32, 32, 3), 255, np.uint8)
        x, y, w, h = random.integers(1, 16, 4)
        pixels[y : y + h, x : x + w] = random.integers(0, 200, 3)
        picture = io.BytesIO()
        Image.fromarray(pixels).save(picture, "png")
        text = " ".join(random.choice(NAMES, 3)) + f" {k}"
        yield f"{k:09d}", {"png": picture.getvalue(), "txt": text.encode()}


def child(folder: Path) -> None:
    """Trains for some epochs and prints facts: resident MiB on the way, and seconds."""
    warnings.simplefilter("ignore")
    sizes: list[float] = []
    _, tokenizer, _ = load_pretrained()
    before, start = status("VmRSS"), time.perf_counter()
    pairs = open_shards(folder, 32, progress=False)
    opened, reading = status("VmRSS"), time.perf_counter() - start
    epoch = len(pairs) // BATCH
    steps = EPOCHS * epoch
    recipe = dataclasses.replace(
        RECIPES["tiny"], batch_size=BATCH, steps=steps, evaluate_every=0, checkpoint_every=0
    )
    start = time.perf_counter()
    watch = [lambda row, model: sizes.append(status("VmRSS"))]
    train(recipe, seed=0, pairs=pairs, tokenizer=tokenizer, progress=False, callbacks=watch)
    seconds = time.perf_counter() - start
    facts = {"pairs": len(pairs), "steps": steps}
    facts |= {"seconds_to_open": round(reading, 1), "seconds_of_training": round(seconds, 1)}
    facts |= {"mib_before": round(before), "mib_of_opened_shards": round(opened - before)}
    tenth = max(1, epoch // 10)
    first, second = sizes[tenth:epoch], sizes[epoch:]
    facts |= {"mib_by_tenth_of_an_epoch": [round(x) for x in sizes[tenth - 1 :: tenth]]}
    facts |= {"growth_in_epoch_1_after_its_first_tenth_mib": round(first[-1] - first[0], 1)}
    print(json.dumps(facts | {"growth_in_epoch_2_mib": round(second[-1] - second[0], 1)}))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--pairs", type=int, default=100_000)
    parser.add_argument("--json", type=Path, default=Path(__file__).with_suffix(".json"))
    parser.add_argument("--child", type=Path, help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.child:
        child(args.child)
        return
    with tempfile.TemporaryDirectory() as name:
        for number, first in enumerate(range(0, args.pairs, PER_SHARD)):
            count = min(PER_SHARD, args.pairs - first)
            tar = Path(name) / f"{number:05d}.tar"
            tar.write_bytes(pack_shard(samples(first, count)))
            tar.with_name(f"{number:05d}_stats.json").write_text(shard_stats(count, count))
        command = [sys.executable, __file__, "--child", name]
        told = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout
    facts = json.loads(told.splitlines()[-1])
    about = {
        "date": datetime.date.today().isoformat(),
        "machine": f"{platform.machine()}, {torch.get_num_threads()} threads",
        "torch": torch.__version__,
        "command": "python benchmarks/shard_memory.py",
        "recipe": f"tiny, batch {BATCH}, {EPOCHS} epochs, every caption another one",
    }
    write_whole(args.json, json.dumps(about | facts, indent=1) + "\n")
    print(json.dumps(facts))


if __name__ == "__main__":
    main()
