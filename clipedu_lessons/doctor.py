"""`clipedu doctor`: does everything that the course needs work on this machine, and why not?

Each check is one function that returns one Finding. The printed report holds no user name and no
home folder, so that it can be pasted into a question.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import os
import platform
import shutil
import subprocess
import sys
import tempfile
import time
import tomllib
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from importlib import metadata
from pathlib import Path
from typing import Any

from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet

from clipedu import __version__
from clipedu.cli.main import add_verb

ROOT = Path(__file__).resolve().parents[1]
SETUP = "python course.py setup"  # installs everything again
if not (ROOT / "course.py").is_file():  # no checkout, but an installed package
    SETUP = 'pip install --upgrade "clipedu[course]"'
LEAST_MEMORY = 3.0  # GB, as much as the grader allows one submission
#: What to do, by a part of an error's words; for other errors SETUP.
FITTING = {
    "clipedu_device": "unset CLIPEDU_DEVICE, or set it to cpu",
    "memory": "close other programs and notebooks, or set CLIPEDU_DEVICE=cpu",
    "no space left": "make room on this disk",
}
IMPORT_IT = "from clipedu_lessons.common.mine import load_my_clip as load; load()"


@dataclass(frozen=True)
class Finding:
    """name: what was looked at; ok; found: what is there; advice: what to do, when not ok."""

    name: str
    ok: bool
    found: str
    advice: str = ""


def is_installed(module: str) -> bool:
    """Whether a package could be imported; it is not."""
    return importlib.util.find_spec(module) is not None


def declared() -> tuple[SpecifierSet, list[Requirement]]:
    """The range of Python and the requirements that clipedu declares.

    With the extra `course` where JupyterLab is installed. From the pyproject.toml of a checkout,
    since an editable install's metadata may be older; else from the installed metadata.
    """
    extra = "course" if is_installed("jupyterlab") else ""
    project_file = ROOT / "pyproject.toml"
    if project_file.exists():
        project = tomllib.loads(project_file.read_text("utf-8")).get("project", {})
        if project.get("name") == "clipedu":
            lines = project["dependencies"] + project["optional-dependencies"].get(extra, [])
            return SpecifierSet(project["requires-python"]), [Requirement(line) for line in lines]
    python = SpecifierSet(metadata.metadata("clipedu")["Requires-Python"] or "")
    requirements = [Requirement(line) for line in metadata.requires("clipedu") or []]
    return python, [r for r in requirements if not r.marker or r.marker.evaluate({"extra": extra})]


def check_python() -> Finding:
    wanted, _ = declared()
    where = "in a virtual environment" if sys.prefix != sys.base_prefix else "outside .venv"
    found = f"{platform.python_version()} {where}"
    ok = platform.python_version() in wanted
    return Finding("python", ok, found, "" if ok else f"use a Python {wanted}, then {SETUP}")


def check_machine() -> Finding:
    """Processor and memory: what PyTorch has builds for, and room for a lesson."""
    system, processor = platform.system(), platform.machine()
    found = f"{system} {processor}, {os.cpu_count()} cores"
    if (system, processor) == ("Darwin", "x86_64"):
        advice = "on Apple silicon use an arm64 Python; Intel Macs have no PyTorch any more"
        return Finding("machine", False, found, advice)
    try:
        memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 1e9
    except (AttributeError, ValueError, OSError):  # Windows has no sysconf
        return Finding("machine", True, found)
    found += f", {memory:.1f} GB of memory"
    advice = "" if memory >= LEAST_MEMORY else "close other programs, and notebooks you don't use"
    return Finding("machine", not advice, found, advice)


def check_packages() -> Finding:
    """Libraries, and the packages from which the pictures and words come."""
    _, requirements = declared()
    wrong = []
    for requirement in requirements:
        try:
            version = metadata.version(requirement.name)
        except metadata.PackageNotFoundError:
            wrong.append(f"{requirement.name} is missing")
            continue
        if not requirement.specifier.contains(version, prereleases=True):
            wrong.append(f"{requirement.name} is {version}, wanted {requirement.specifier}")
    if wrong:
        return Finding("packages", False, "; ".join(wrong), SETUP)
    torch_version = metadata.version("torch")
    return Finding("packages", True, f"all {len(requirements)} as declared, torch {torch_version}")


def check_kernel() -> Finding:
    """The notebooks' kernel, python3, is this Python."""
    if not is_installed("ipykernel"):
        return Finding("kernel", True, "no notebooks without ipykernel")
    ask = [sys.executable, "-m", "jupyter_client.kernelspecapp", "list", "--json"]
    answer = subprocess.run(ask, capture_output=True, text=True, check=True).stdout
    kernel = json.loads(answer)["kernelspecs"].get("python3")
    if kernel is None:
        return Finding("kernel", False, "no kernel called python3", SETUP)
    python = kernel["spec"]["argv"][0]
    program = shutil.which(python)
    same = program is not None and Path(program).parent.samefile(Path(sys.executable).parent)
    # Jupyter itself replaces a bare "python" by this Python.
    if same or python in ("python", "python3"):
        return Finding("kernel", True, "python3 is this Python")
    advice = f"in this environment: {Path(sys.executable).name} -m ipykernel install --sys-prefix"
    return Finding("kernel", False, f"python3 is another Python: {python}", advice)


def check_device() -> Finding:
    from clipedu.device import pick_device

    try:
        choice = pick_device()
    except ValueError as error:  # CLIPEDU_DEVICE names what is not there
        return Finding("device", False, str(error), FITTING["clipedu_device"])
    dtype = str(choice.dtype).removeprefix("torch.")
    return Finding("device", True, f"{choice.device} with {dtype}: {choice.reason}")


def check_speed(seconds: float = 2.0) -> Finding:
    """Train the laptop model on noise for about two seconds: the whole path works, and how fast."""
    import torch

    from clipedu.device import pick_device
    from clipedu.models import build
    from clipedu.objectives import info_nce

    choice, batch = pick_device(), 64
    model = build("laptop", seed=0).to(choice.device)
    pictures = torch.randn(batch, 3, 32, 32, device=choice.device)
    tokens = torch.randint(1, 4000, (batch, 32), device=choice.device)
    tokens[:, -1] = 4095  # every caption ends
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-4)
    steps, start = -1, time.perf_counter()  # the first step warms up and is not counted
    while steps < 1 or time.perf_counter() - start < seconds:
        with torch.autocast(choice.device.type, choice.dtype, choice.dtype != torch.float32):
            loss = info_nce(*model(pictures, tokens))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        value = loss.item()  # waits for a GPU
        steps += 1
        if steps == 0:
            start = time.perf_counter()
    if value != value:
        return Finding("speed", False, "the loss is NaN", f"set CLIPEDU_DEVICE=cpu, or {SETUP}")
    rate = steps * batch / (time.perf_counter() - start)
    return Finding("speed", True, f"{rate:,.0f} pairs/s in training, laptop model")


def check_cache() -> Finding:
    """The cache folder can be written and has room for the pictures."""
    from clipedu.device import cache_folder

    try:
        folder = cache_folder()
        _try_to_write(folder)
    except OSError as error:
        advice = "set CLIPEDU_CACHE to a folder that you can write, on a disk with room"
        return Finding("cache", False, _without_home(error), advice)
    free = shutil.disk_usage(folder).free / 1e9
    found = f"{_without_home(folder)}, {free:,.0f} GB free"
    if free < 0.5:
        return Finding("cache", False, found, "make room, or set CLIPEDU_CACHE to another disk")
    return Finding("cache", True, found)


def _try_to_write(folder: Path) -> None:
    """Raises OSError where a file of a page can't be written: no permission, no room."""
    with tempfile.TemporaryFile(dir=folder) as file:
        file.write(b"clipedu\n" * 512)
        file.flush()


def check_folders() -> Finding:
    """What a student makes can be kept: answers in the course's folder, progress at home."""
    from clipedu_classroom import source, state

    folder, path, shown = source.student_folder(), state.state_path(), []
    advice = "give yourself the right to write there, make room, or move the course elsewhere"
    try:
        _try_to_write(folder)
        shown.append(f"{_without_home(folder)} can be written")
        advice = "make room at home, or let CLIPEDU_STATE name a file on another disk"
        if path is None and not state.is_off():
            where = f"{shown[0]}; there is no home folder to keep progress in"
            return Finding("folders", False, where, "let CLIPEDU_STATE name a file of yours")
        if path is not None:
            path.parent.mkdir(parents=True, exist_ok=True)
            _try_to_write(path.parent)
            shown.append(f"progress is kept in {_without_home(path)}")
    except OSError as error:
        return Finding("folders", False, _without_home(error), advice)
    return Finding("folders", True, "; ".join(shown))


def check_my_clip() -> Finding:
    """How much of `my_clip.py` is written, and that it can be imported (in a process that ends)."""
    from clipedu_classroom import my_clip

    path = my_clip.folder() / my_clip.NAME
    if not path.exists():
        return Finding("my_clip", True, "no my_clip.py yet: exercise 01.2 starts it")
    advice = f"repair that line, or copy an earlier version from {my_clip.VERSIONS}/"
    try:
        whose = list(my_clip.standing().values())
        command = [sys.executable, "-c", IMPORT_IT]
        how: dict[str, Any] = {"capture_output": True, "text": True, "cwd": path.parent}
        done = subprocess.run(command, timeout=120, **how)
    except (my_clip.Refused, OSError) as error:
        return Finding("my_clip", False, _without_home(error), advice)
    except subprocess.TimeoutExpired:
        return Finding("my_clip", False, "its import takes over two minutes", advice)
    if done.returncode != 0:
        last = (done.stderr.strip().splitlines() or ["its process ended"])[-1]
        return Finding("my_clip", False, _without_home(last), advice)
    return Finding("my_clip", True, f"{sum(map(bool, whose))} of {len(whose)} parts are written")


def check_figures() -> Finding:
    """A figure can be drawn, also where there is no display."""
    try:
        from matplotlib import pyplot

        figure, axes = pyplot.subplots(figsize=(1, 1))
        axes.plot([0, 1])
        figure.canvas.draw()
        pyplot.close(figure)
    except Exception as error:  # a backend that needs a display, above all
        advice = "unset MPLBACKEND, or set it to agg"
        return Finding("figures", False, f"{type(error).__name__}: {error}", advice)
    return Finding("figures", True, f"matplotlib draws, backend {pyplot.get_backend()}")


CHECKS: dict[str, Callable[[], Finding]] = {
    "machine": check_machine,
    "python": check_python,
    "packages": check_packages,
    "kernel": check_kernel,
    "device": check_device,
    "speed": check_speed,
    "cache": check_cache,
    "folders": check_folders,
    "figures": check_figures,
    "my_clip": check_my_clip,
}


def examine() -> Iterator[Finding]:
    """Every check's finding, as it is made; a check that breaks is a finding too."""
    for name, check in CHECKS.items():
        try:
            yield check()
        except Exception as error:  # a broken machine must still get its whole report
            words = _without_home(f"{type(error).__name__}: {error}")
            fits = [advice for part, advice in FITTING.items() if part in words.lower()]
            yield Finding(name, False, words, [*fits, SETUP][0])


def described(finding: Finding) -> str:
    """The lines of the report about one check."""
    line = f"{'ok   ' if finding.ok else 'WRONG'}  {finding.name:9} {finding.found}"
    return line + (f"\n{'':17}what to do: {finding.advice}" if finding.advice else "")


def _without_home(words: object) -> str:
    home = os.path.expanduser("~")  # stays "~" where there is none
    return str(words).replace(home, "~") if len(home) > 1 else str(words)


def add_doctor(subparsers: Any) -> argparse.ArgumentParser:
    """The parser of `clipedu doctor`."""
    what = "Look at this machine; the report can be pasted into a question."
    return add_verb(subparsers, "doctor", run_doctor, what, "  clipedu doctor --json doctor.json")


def run_doctor(args: argparse.Namespace) -> tuple[int, dict[str, Any]]:
    """Print the report; exit code 0 when all is well, and the findings as data."""
    print(f"clipedu {__version__} on {platform.platform()}", flush=True)
    findings: list[Finding] = []
    for finding in examine():  # some take seconds, so each is said at once
        print(described(finding), flush=True)
        findings.append(finding)
    wrong = sum(not finding.ok for finding in findings)
    print(f"{wrong} of {len(findings)} wrong" if wrong else "all well")
    ok = all(finding.ok for finding in findings)
    found = [asdict(finding) for finding in findings]
    return 0 if ok else 1, {"ok": ok, "clipedu": __version__, "findings": found}
