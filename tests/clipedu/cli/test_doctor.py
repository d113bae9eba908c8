"""The doctor: well on this machine, and each check able to say what is wrong and what to do."""

from __future__ import annotations

import json
import math
from importlib import metadata
from pathlib import Path
from typing import Any

import pytest
import torch
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet

from clipedu.cli import doctor
from clipedu.cli import main as cli


@pytest.fixture(autouse=True)
def own_cache(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("CLIPEDU_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("CLIPEDU_DEVICE", "cpu")


def declare(monkeypatch: pytest.MonkeyPatch, python: str, *lines: str) -> None:
    wanted = SpecifierSet(python), [Requirement(line) for line in lines]
    monkeypatch.setattr(doctor, "declared", lambda: wanted)


def test_what_is_declared_is_what_pyproject_says() -> None:
    python, requirements = doctor.declared()
    assert "3.12.1" in python and "3.9" not in python
    names = {requirement.name for requirement in requirements}
    assert {"torch", "justmyresource-lucide"} <= names and "pytest" not in names


def test_a_wrong_python(monkeypatch: pytest.MonkeyPatch) -> None:
    assert doctor.check_python().ok
    declare(monkeypatch, "<3", "torch")
    finding = doctor.check_python()
    assert not finding.ok and "use a Python <3" in finding.advice


def test_missing_and_outdated_packages_are_named(monkeypatch: pytest.MonkeyPatch) -> None:
    assert doctor.check_packages().ok
    declare(monkeypatch, ">=3", "no-such-package>=1", "numpy<1", "torch")
    finding = doctor.check_packages()
    assert not finding.ok and "course.py setup" in finding.advice
    assert "no-such-package is missing" in finding.found
    assert f"numpy is {metadata.version('numpy')}, wanted <1" in finding.found


def test_a_missing_family_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    assert doctor.check_pictures().ok
    monkeypatch.setattr(doctor.importlib.util, "find_spec", lambda name: None)
    finding = doctor.check_pictures()
    assert not finding.ok and "justmyresource-lucide" in finding.found


def test_a_kernel_of_another_python(monkeypatch: pytest.MonkeyPatch) -> None:
    from jupyter_client.kernelspec import KernelSpec, KernelSpecManager, NoSuchKernel

    assert doctor.check_kernel().ok
    elsewhere = KernelSpec(argv=["elsewhere/bin/python", "-m", "ipykernel"])
    monkeypatch.setattr(KernelSpecManager, "get_kernel_spec", lambda self, name: elsewhere)
    finding = doctor.check_kernel()
    assert not finding.ok and "--sys-prefix" in finding.advice

    def none(self: Any, name: str) -> None:
        raise NoSuchKernel(name)

    monkeypatch.setattr(KernelSpecManager, "get_kernel_spec", none)
    assert not doctor.check_kernel().ok


def test_speed_trains_and_a_nan_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    finding = doctor.check_speed(seconds=0)
    assert finding.ok and "pairs/s" in finding.found

    import clipedu.objectives as objectives

    broken = lambda image, text, scale: image.sum() * math.nan  # noqa: E731
    monkeypatch.setattr(objectives, "info_nce", broken)
    assert not doctor.check_speed(seconds=0).ok


def test_a_full_or_locked_cache(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    assert doctor.check_cache().ok
    usage = doctor.shutil.disk_usage(tmp_path)._replace(free=10**6)
    monkeypatch.setattr(doctor.shutil, "disk_usage", lambda path: usage)
    finding = doctor.check_cache()
    assert not finding.ok and "CLIPEDU_CACHE" in finding.advice


def test_one_broken_check_does_not_hide_the_others(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def broken() -> doctor.Finding:
        raise RuntimeError(f"no luck in {Path.home() / 'secret'}")

    monkeypatch.setattr(doctor, "CHECKS", {"device": broken, "python": doctor.check_python})
    target = tmp_path / "doctor.json"
    assert cli.main(["doctor", "--json", str(target)]) == 1
    said = capsys.readouterr().out
    assert "WRONG  device" in said and "ok     python" in said and "1 of 2 wrong" in said
    assert "RuntimeError: no luck in ~" in said and str(Path.home() / "secret") not in said
    data = json.loads(target.read_text("utf-8"))
    assert data["ok"] is False and [f["ok"] for f in data["findings"]] == [False, True]


def test_all_well_is_0(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    quick = {name: check for name, check in doctor.CHECKS.items() if name != "speed"}
    monkeypatch.setattr(doctor, "CHECKS", quick)
    assert cli.main(["doctor"]) == 0
    said = capsys.readouterr().out
    assert said.strip().endswith("all well") and str(torch.__version__) in said
