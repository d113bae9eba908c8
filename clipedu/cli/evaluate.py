"""`clipedu evaluate` and `clipedu tasks`: measure a model zero-shot, and list the tasks."""

from __future__ import annotations

import argparse
import sys
import time
from typing import Any

from clipedu.cli.main import add_verb

#: What is measured when nothing is asked: the families held out of training, and digits.
USUAL = ("lucide", "font_awesome", "heroicons", "digits")

EVALUATE_EXAMPLES = """\
  clipedu evaluate                               the model that comes with the course
  clipedu evaluate --tasks all                   on every task of `clipedu tasks`
  clipedu evaluate runs/mine --json mine.json    your own run, and the figures as JSON
  clipedu evaluate runs/mine --tasks lucide --templates "a drawing of a {}" "{}"
  clipedu evaluate runs/mine --pictures photos --classes names.txt     pictures of your own
"""
TASKS_EXAMPLES = """\
  clipedu tasks                        every task: pictures, classes, chance, who drew them
  clipedu tasks --json tasks.json      the same for a program, with class names and templates
  clipedu tasks --download cifar10     fetch photographs, checked before they are used
"""
TASK_HELP = f"default: {' '.join(USUAL)}; all: every one that `clipedu tasks` lists"
TEMPLATE_HELP = "instead of each task's own: sentences with {}, or one name of a set, as photo"
SEEN = "seen: training has seen these pictures, so the task measures memory, not transfer"


def add_evaluate(subparsers: Any) -> argparse.ArgumentParser:
    """The parser of `clipedu evaluate`."""
    what = "Measure a model zero-shot: name pictures by asking it in words."
    parser = add_verb(subparsers, "evaluate", run_evaluate, what, EVALUATE_EXAMPLES)
    checkpoint = parser.add_argument("checkpoint", nargs="?", default="laptop")
    checkpoint.help = "a .safetensors file, a run's folder, or a shipped model (laptop)"
    parser.add_argument("--tasks", nargs="+", metavar="NAME", help=TASK_HELP)
    parser.add_argument("--templates", nargs="+", metavar="TEMPLATE", help=TEMPLATE_HELP)
    own = "your pictures: in folders with a class's name they are scored, others are named"
    parser.add_argument("--pictures", metavar="DIR", help=own)
    parser.add_argument("--classes", metavar="FILE", help="their classes, a name a line")
    parser.add_argument("--batch-size", type=int, default=256, metavar="N", help="default 256")
    parser.add_argument("--device", metavar="NAME", help="auto, cpu, cuda or mps")
    parser.add_argument("--markdown", action="store_true", help="print the table as Markdown")
    return parser


def run_evaluate(args: argparse.Namespace) -> tuple[int, dict[str, Any]]:
    """Measure and print the table. Returns exit code 0 and the figures, for `--json`."""
    import torch  # takes a second, and --help needs none of it

    from clipedu.device import pick_device
    from clipedu.evaluation import as_dict, as_markdown, as_text, classify, evaluate
    from clipedu.evaluation.own import own_pictures, read_class_names
    from clipedu.evaluation.prompts import check_templates
    from clipedu.evaluation.tasks.task import check_names
    from clipedu.training import load_pretrained

    # What can be wrong in the call is found before the work.
    templates = args.templates
    if templates is not None:
        templates = check_templates(templates[0] if len(templates) == 1 else templates)
    tasks = None if args.tasks == ["all"] else args.tasks or USUAL
    check_names(tasks or ())
    if (args.pictures is None) != (args.classes is None) or (args.pictures and args.tasks):
        raise ValueError("--pictures DIR and --classes FILE go together, and without --tasks.")
    names = read_class_names(args.classes) if args.classes else []
    device = pick_device(args.device).device

    model, tokenizer, _ = load_pretrained(args.checkpoint)
    print(f"{args.checkpoint} on {device}", file=sys.stderr)
    model, named = model.to(device), {}
    if names:
        task, others, bad = own_pictures(args.pictures, names, model.config.vision.resolution)
        tasks = [task] if task else []
        for file, why in bad.items():
            print(f"{file} can't be read: {why}", file=sys.stderr)
        if others:
            pictures = torch.cat([*others.values()])
            answers = classify(model, tokenizer, pictures, names, templates or "name")
            named = {f: [[*x] for x in a[:5]] for f, a in zip(others, answers, strict=True)}
    for file, best in named.items():
        print(f"{file}: " + ", ".join(f"{name} {share:.0%}" for name, share in best))
    if tasks == []:
        return 0, {"checkpoint": str(args.checkpoint), "named": named, "tasks": {}}
    start = time.perf_counter()
    options = {"batch_size": args.batch_size, "progress": sys.stderr.isatty()}
    results = evaluate(model, tokenizer, tasks, templates=templates, **options)
    seconds = round(time.perf_counter() - start, 2)
    print(as_markdown(results) if args.markdown else as_text(results))
    call = {"checkpoint": str(args.checkpoint), "device": str(device), "seconds": seconds}
    return 0, as_dict(results, **call, **({"named": named} if names else {}))


def add_tasks(subparsers: Any) -> argparse.ArgumentParser:
    """The parser of `clipedu tasks`."""
    what = "List the zero-shot tasks with counts, chance level and source."
    parser = add_verb(subparsers, "tasks", run_tasks, what, TASKS_EXAMPLES)
    parser.add_argument("names", nargs="*", metavar="NAME", help="default: all")
    parser.add_argument("--size", type=int, default=32, metavar="N", help="pixels; default 32")
    parser.add_argument("--download", metavar="NAME", help="fetch what this task needs")
    return parser


def run_tasks(args: argparse.Namespace) -> tuple[int, dict[str, Any]]:
    """Print the table. Returns exit code 0 and the figures, for `--json`.

    Raises ValueError for an unknown task, DownloadError when fetching fails.
    """
    from tqdm.auto import tqdm

    from clipedu.evaluation import TASKS, TaskUnavailable, fetch_task, load_task
    from clipedu.evaluation.tasks.task import check_names

    check_names([*args.names, *filter(None, [args.download])])
    if args.download:
        for path in fetch_task(args.download, progress=sys.stderr.isatty()):
            print(f"{args.download}: {path}")
        return 0, {"downloaded": args.download}
    facts = "chance metric seen offline source templates context class_names".split()
    row = "{:20} {:>8} {:>7} {:>6}  {:6}  {}".format
    lines, missing = [row("task", "pictures", "classes", "chance", "", "source")], []
    found: dict[str, dict[str, Any]] = {}
    names = args.names or list(TASKS)
    for name in tqdm(names, "tasks", delay=2, leave=False, disable=not sys.stderr.isatty()):
        try:
            task = load_task(name, args.size)
        except TaskUnavailable as problem:
            missing.append(str(problem))
            found[name] = {"here": False}
            lines.append(row(name, "-", "-", "-", "-", "not here, see below"))
            continue
        count, classes, seen = len(task), len(task.class_names), "seen" if task.seen else "unseen"
        found[name] = {"here": True, "pictures": count, "classes": classes}
        found[name] |= {fact: getattr(task, fact) for fact in facts}
        lines.append(row(name, f"{count:,}", classes, f"{task.chance:.1%}", seen, task.source))
    print(*lines, SEEN, *missing, sep="\n")
    return 0, {"tasks": found}
