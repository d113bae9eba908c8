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
from collections.abc import Callable
from dataclasses import asdict, dataclass
from importlib import metadata
from pathlib import Path
from typing import Any

from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet

from clipedu import __version__
from clipedu.cli.main import add_verb

SETUP = "python course.py setup"


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
    project_file = Path(__file__).resolve().parents[1] / "pyproject.toml"
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
    machine = f"{platform.system()} {platform.machine()}, {os.cpu_count()} cores"
    found = f"{platform.python_version()} {where}, {machine}"
    ok = platform.python_version() in wanted
    return Finding("python", ok, found, "" if ok else f"use a Python {wanted}, then {SETUP}")


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

    choice = pick_device()
    return Finding("device", True, f"{choice.device}, {choice.reason}")


def check_speed(seconds: float = 1.0) -> Finding:
    """Train the laptop model on noise for about a second: the whole path works, and how fast."""
    import torch

    from clipedu.device import pick_device
    from clipedu.models import build
    from clipedu.objectives import info_nce

    choice, batch = pick_device(), 64
    model = build("laptop", seed=0).to(choice.device)
    pictures = torch.randn(batch, 3, 32, 32, device=choice.device)
    tokens = torch.randint(1, 4000, (batch, 32), device=choice.device)
    tokens[:, -1] = 4095  # every caption ends
    steps, start = -1, time.perf_counter()  # the first step warms up and is not counted
    while steps < 1 or time.perf_counter() - start < seconds:
        with torch.autocast(choice.device.type, choice.dtype, choice.dtype != torch.float32):
            loss = info_nce(*model(pictures, tokens))
        model.zero_grad()
        loss.backward()
        value = loss.item()  # waits for a GPU
        steps += 1
        if steps == 0:
            start = time.perf_counter()
    if value != value:
        return Finding("speed", False, "the loss is NaN", f"set CLIPEDU_DEVICE=cpu, or {SETUP}")
    rate = steps * batch / (time.perf_counter() - start)
    return Finding("speed", True, f"{rate:,.0f} pairs/s forward and backward, laptop model")


def check_cache() -> Finding:
    """The cache folder can be written and has room for the pictures."""
    from clipedu.device import cache_folder

    try:
        folder = cache_folder()
        with tempfile.TemporaryFile(dir=folder) as file:
            file.write(b"clipedu")
    except OSError as error:
        advice = "set CLIPEDU_CACHE to a folder that you can write, on a disk with room"
        return Finding("cache", False, _without_home(error), advice)
    free = shutil.disk_usage(folder).free / 1e9
    found = f"{_without_home(folder)}, {free:,.0f} GB free"
    if free < 0.5:
        return Finding("cache", False, found, "make room, or set CLIPEDU_CACHE to another disk")
    return Finding("cache", True, found)


CHECKS: dict[str, Callable[[], Finding]] = {
    "python": check_python,
    "packages": check_packages,
    "kernel": check_kernel,
    "device": check_device,
    "speed": check_speed,
    "cache": check_cache,
}


def examine() -> list[Finding]:
    """Every check's finding; a check that breaks is a finding too."""
    findings = []
    for name, check in CHECKS.items():
        try:
            findings.append(check())
        except Exception as error:  # a broken machine must still get its whole report
            words = _without_home(f"{type(error).__name__}: {error}")
            findings.append(Finding(name, False, words, SETUP))
    return findings


def report(findings: list[Finding]) -> str:
    lines = [f"clipedu {__version__} on {platform.platform()}"]
    for finding in findings:
        lines.append(f"{'ok   ' if finding.ok else 'WRONG'}  {finding.name:9} {finding.found}")
        if finding.advice:
            lines.append(f"{'':17}what to do: {finding.advice}")
    wrong = sum(not finding.ok for finding in findings)
    return "\n".join([*lines, f"{wrong} of {len(findings)} wrong" if wrong else "all well"])


def _without_home(words: object) -> str:
    home = os.path.expanduser("~")  # stays "~" where there is none
    return str(words).replace(home, "~") if len(home) > 1 else str(words)


def add_doctor(subparsers: Any) -> argparse.ArgumentParser:
    """The parser of `clipedu doctor`."""
    what = "Look at this machine; the report can be pasted into a question."
    return add_verb(subparsers, "doctor", run_doctor, what, "  clipedu doctor --json doctor.json")


def run_doctor(args: argparse.Namespace) -> tuple[int, dict[str, Any]]:
    """Print the report; exit code 0 when all is well, and the findings as data."""
    findings = examine()
    print(report(findings))
    ok = all(finding.ok for finding in findings)
    found = [asdict(finding) for finding in findings]
    return 0 if ok else 1, {"ok": ok, "clipedu": __version__, "findings": found}
