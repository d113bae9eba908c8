"""How much memory does a loss, or a whole step, add to the process? And how long does it take?

    python benchmarks/memory.py                       # all rows -> lesson 08's results/memory.csv
    python benchmarks/memory.py --only loss --largest 8192 --out runs/memory.csv

Each row is measured in a process of its own. The peak is the operating system's: the highest
resident size (VmHWM in /proc/self/status) since just before the work, less the resident size at
that moment. Rows that are in the file already are not measured again.

"loss" rows: forward and backward of InfoNCE on random embeddings of 128 numbers in float32, dense
or tiled. "step" rows: forward and backward of both towers (preset laptop_vit, float32) and the
loss: plain, with recomputed blocks, in GradCache chunks of 128, and those with a tiled loss.

With one thread (OMP_NUM_THREADS=1) seconds are of processor time, which other programs on the
machine do not spoil; with more they are on the wall.
"""

from __future__ import annotations

import argparse
import csv
import datetime
import io
import platform
import statistics
import subprocess
import sys
import time
from pathlib import Path

from clipedu.files import write_whole
from clipedu_lessons.common.records import stored

OUT = stored("memory.csv")
FIELDS = ("what", "how", "batch", "extra_mib", "seconds")
ROWS = [
    *[("loss", "dense", n) for n in (1024, 2048, 4096, 8192)],
    *[("loss", "tiled", n) for n in (1024, 2048, 4096, 8192, 16384, 32768, 65536)],
    *[("step", "plain", n) for n in (128, 256, 512, 1024)],
    *[("step", "recompute", n) for n in (128, 256, 512, 1024)],
    *[("step", "accumulated", n) for n in (128, 256, 512, 1024, 2048)],
    *[("step", "accumulated, tiled", n) for n in (1024, 2048)],
]
CHUNK, DIMENSIONS = 128, 128


def status(name: str) -> float:
    """A size from /proc/self/status, in MiB."""
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith(f"{name}:"):
            return int(line.split()[1]) / 1024
    raise RuntimeError(f"/proc/self/status has no {name}: this needs Linux.")


def measure(what: str, how: str, batch: int) -> tuple[float, float]:
    """MiB on top of what was there, and seconds (the mean of two, or one if it takes long)."""
    import torch

    from clipedu.models import build
    from clipedu.objectives import info_nce, tiled_info_nce
    from clipedu.training import Execution, GradCache, prepare_

    torch.manual_seed(0)
    if what == "loss":
        rows = [torch.randn(batch, DIMENSIONS) for _ in range(2)]
        image, text = (torch.nn.functional.normalize(x, dim=1).requires_grad_() for x in rows)
        scale = torch.tensor(14.3, requires_grad=True)
        loss = info_nce if how == "dense" else tiled_info_nce

        def work() -> None:
            image.grad = text.grad = scale.grad = None
            loss(image, text, scale).backward()

        small = [x[:64].detach().requires_grad_() for x in (image, text)]
        info_nce(*small, scale).backward()  # the libraries' own buffers are nobody's loss
    else:
        model = build("laptop_vit", seed=0)
        chunks = batch // CHUNK if how.startswith("accumulated") else 1
        prepare_(model, Execution(recompute=how == "recompute"))
        network = GradCache(model, chunks) if chunks > 1 else model
        model.train()
        pictures = torch.rand(batch, 3, 32, 32)
        tokens = torch.randint(1, 4000, (batch, 32))
        tokens[:, 20] = 4095
        objective = tiled_info_nce if how.endswith("tiled") else info_nce
        for parameter in model.parameters():  # gradients are there in any step but the first
            parameter.grad = torch.zeros_like(parameter)

        def work() -> None:
            objective(*network(pictures, tokens)).backward()

        # what is imported and prepared once is nobody's memory
        info_nce(*GradCache(model, 2)(pictures[:8], tokens[:8])).backward()

    clock = time.process_time if torch.get_num_threads() == 1 else time.perf_counter
    before = status("VmRSS")
    Path("/proc/self/clear_refs").write_text("5")  # the peak starts anew
    start = clock()
    work()
    times = [clock() - start]
    extra = status("VmHWM") - before
    if what == "loss" and times[0] < 20:
        for _ in range(2):
            start = clock()
            work()
            times.append(clock() - start)
        times = times[1:]  # the first one also fetched the memory
    return extra, statistics.median(times)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, default=OUT)
    parser.add_argument("--only", choices=("loss", "step"))
    parser.add_argument("--largest", type=int, default=1 << 30, help="leave larger batches out")
    parser.add_argument("--row", nargs=3, help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.row:
        what, how, batch = args.row
        extra, seconds = measure(what, how, int(batch))
        print(f"{extra:.1f} {seconds:.4f}")
        return
    done = set()
    if args.out.exists():
        lines = [x for x in args.out.read_text().splitlines() if not x.startswith("#")]
        done = {(r["what"], r["how"], int(r["batch"])) for r in csv.DictReader(lines)}
    else:
        import torch

        write_whole(
            args.out,
            f"# python benchmarks/memory.py, {datetime.date.today()}, {platform.machine()} CPU, "
            f"threads: {torch.get_num_threads()}, torch {torch.__version__}\n"
            f"# extra_mib: highest resident size (VmHWM) above the size before, in a process of "
            f"its own; loss rows: {DIMENSIONS} dims, float32; step rows: laptop_vit, float32, "
            f"chunks of {CHUNK}\n" + ",".join(FIELDS) + "\n",
        )
    for what, how, batch in ROWS:
        if (what, how, batch) in done or batch > args.largest or args.only not in (None, what):
            continue
        command = [sys.executable, __file__, "--row", what, how, str(batch)]
        words = subprocess.run(command, check=True, capture_output=True, text=True).stdout.split()
        row = io.StringIO()
        csv.writer(row, lineterminator="\n").writerow((what, how, batch, *words))
        write_whole(args.out, args.out.read_text("utf-8") + row.getvalue())
        print(f"{what:5} {how:20} {batch:6}  {float(words[0]):8.1f} MiB  {words[1]} s", flush=True)
    report(args.out)


def report(path: Path) -> None:
    """The two promises of the tiled loss, true or not."""
    lines = [x for x in path.read_text().splitlines() if not x.startswith("#")]
    rows = {(r["what"], r["how"], int(r["batch"])): r for r in csv.DictReader(lines)}
    largest = rows.get(("loss", "tiled", 65536))
    tiled, dense = (rows.get(("loss", how, 8192)) for how in ("tiled", "dense"))
    if largest:
        size = float(largest["extra_mib"])
        print(f"tiled, batch 65,536: {size:.0f} MiB extra; at most 1 GiB: {size <= 1024}")
    if tiled and dense:
        ratio = float(tiled["seconds"]) / float(dense["seconds"])
        print(f"tiled / dense time, batch 8,192: {ratio:.2f}; at most 1.6: {ratio <= 1.6}")


if __name__ == "__main__":
    main()
