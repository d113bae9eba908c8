"""Kill -9 a training run ten times, at random steps; is it still the same run, bit for bit?

    python benchmarks/kill_resume.py                  # one process, resumed by hand ten times
    python benchmarks/kill_resume.py --ranks 2        # two, one killed at a time, torchrun restarts

A run of the tiny preset on synthetic pairs, with a checkpoint every 3 steps. This program watches
the history file, waits a random fraction of a step after a random row, and sends SIGKILL. At the
end every tensor of the checkpoint is compared with that of a run which nobody disturbed. What was
seen is kept in kill_resume.json, by the number of ranks.
"""

from __future__ import annotations

import argparse
import dataclasses
import datetime
import json
import os
import platform
import random
import re
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from clipedu.files import write_whole
from clipedu.training import Pairs

HERE = Path(__file__).resolve()
STEPS = 120


class Squares(Pairs):
    """Forty pictures with a square in one of forty places; batch k depends on (seed, k) alone."""

    def __init__(self) -> None:
        self.names = [f"place {i}" for i in range(40)]

    def __len__(self) -> int:
        return len(self.names)

    def texts(self) -> list[str]:
        return self.names

    def batch_at(self, step, n, seed, augmentation):  # noqa: ANN001, ANN201
        import numpy as np
        import torch

        rng = np.random.default_rng((seed, step))
        rows = rng.permutation(len(self))[:n]
        pictures = torch.from_numpy(rng.random((n, 3, 32, 32), np.float32))
        for picture, row in zip(pictures, rows, strict=True):
            x, y = 4 * (row % 8), 6 * (row // 8)
            picture[:, y : y + 4, x : x + 4] = 0
        return pictures, [self.names[i] for i in rows]


def child(folder: Path) -> None:
    """Begins the run in this folder, or goes on with it."""
    import torch

    from clipedu.training import RECIPES, train
    from clipedu.training.checkpoint import CHECKPOINT_NAME

    torch.set_num_threads(1)
    print(f"process {os.getpid()}", file=sys.stderr, flush=True)
    recipe = dataclasses.replace(
        RECIPES["tiny"], steps=STEPS, checkpoint_every=3, batch_size=16, vocab_size=300,
        ema_decay=0.9, objective="siglip", precision="fp32",
    )  # fmt: skip
    slow = lambda row, model: time.sleep(0.02)  # noqa: E731  (else it is over too soon)
    begun = (folder / CHECKPOINT_NAME).exists()
    train(
        None if begun else recipe,
        out=None if begun else folder,
        resume=folder if begun else None,
        seed=None if begun else 7,
        pairs=Squares(),
        progress=False,
        callbacks=[slow],
    )


def start(folder: Path, ranks: int, restarts: int) -> subprocess.Popen[str]:
    order = [str(HERE), "--child", str(folder)]
    launcher = ["-m", "torch.distributed.run", "--standalone", "--nproc-per-node", str(ranks)]
    launcher += ["--max-restarts", str(restarts), "--monitor-interval", "0.1"]
    environment = os.environ | {"OMP_NUM_THREADS": "1"}
    command = [sys.executable, *(launcher if ranks > 1 else []), *order]
    log = open(folder.with_suffix(".log"), "a")  # noqa: SIM115
    return subprocess.Popen(command, env=environment, stdout=log, stderr=log, text=True)


def rows(folder: Path) -> int:
    """Steps that the history file knows."""
    file = folder / "history.jsonl"
    return file.read_bytes().count(b"\n") if file.exists() else 0


def started(folder: Path) -> list[int]:
    """The process ids of all ranks so far, in the order of their starts."""
    return [int(x) for x in re.findall(r"process (\d+)", folder.with_suffix(".log").read_text())]


def wait(process: subprocess.Popen[str], folder: Path, until: Callable[[], bool]) -> None:
    """Looks two hundred times a second; ends the program with the log where the run has ended."""
    while not until():
        if process.poll() is not None:
            log = folder.with_suffix(".log").read_text()
            raise SystemExit(f"The run ended ({process.returncode}) before it was killed.\n{log}")
        time.sleep(0.005)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--ranks", type=int, default=1)
    parser.add_argument("--kills", type=int, default=10)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--json", type=Path, default=HERE.with_suffix(".json"))
    parser.add_argument("--child", type=Path, help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.child:
        child(args.child)
        return
    luck = random.Random(args.seed)
    moments = sorted(luck.sample(range(2, STEPS - 4), args.kills))
    with tempfile.TemporaryDirectory() as folder:
        whole, broken = Path(folder) / "whole", Path(folder) / "broken"
        assert start(whole, args.ranks, 0).wait() == 0, whole.with_suffix(".log").read_text()
        process, seen = start(broken, args.ranks, args.kills), []
        for k, moment in enumerate(moments):
            wait(process, broken, lambda moment=moment: rows(broken) >= moment)
            time.sleep(luck.random() * 0.05)
            victim = process.pid
            if args.ranks > 1:
                victim = luck.choice(started(broken)[-args.ranks :])
            os.kill(victim, signal.SIGKILL)
            seen.append(rows(broken))
            print(f"kill {k + 1} at step {seen[-1]} (row {moment} was waited for)", flush=True)
            if args.ranks == 1:
                process.wait()
                process = start(broken, 1, 0)
            else:  # wait until torchrun has started the next ones
                wait(process, broken, lambda k=k: len(started(broken)) >= args.ranks * (k + 2))
        code = process.wait()
        assert code == 0, broken.with_suffix(".log").read_text()
        tensors = compare(whole, broken)
    keep(args.json, args.ranks, seen, tensors)


def keep(path: Path, ranks: int, kills: list[int], tensors: int) -> None:
    """Adds this run to the file; that of another number of ranks stays."""
    import torch

    runs = json.loads(path.read_text()) if path.exists() else {}
    runs[f"{ranks} rank{'s' if ranks > 1 else ''}"] = {
        "command": "python benchmarks/kill_resume.py" + (f" --ranks {ranks}" if ranks > 1 else ""),
        "date": str(datetime.date.today()),
        "machine": f"{platform.machine()}, {os.cpu_count()} CPU cores, torch {torch.__version__}",
        "steps": STEPS,
        "killed_at_step": kills,
        "tensors": tensors,
        "equal_to_the_last_bit": True,  # or compare() would have ended the program
    }
    write_whole(path, json.dumps(dict(sorted(runs.items())), indent=1) + "\n")


def compare(whole: Path, broken: Path) -> int:
    """How many tensors the two checkpoints hold; raises AssertionError when one differs."""
    import torch

    from clipedu.training import load_checkpoint

    one, other = load_checkpoint(whole), load_checkpoint(broken)
    count = 0
    for part in ("model", "average", "optimizer", "extra"):
        a, b = getattr(one, part), getattr(other, part)
        assert a.keys() == b.keys()
        for name in a:
            assert torch.equal(a[name], b[name]), f"{part} {name} differs"
            count += 1
    print(f"after {one.step} steps all {count} tensors are equal, bit for bit: True")
    return count


if __name__ == "__main__":
    main()
