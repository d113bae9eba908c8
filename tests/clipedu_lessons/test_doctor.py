"""The doctor: well on this machine, and each check able to say what is wrong and what to do."""

from __future__ import annotations

import json
import math
import subprocess
import sys
from importlib import metadata
from pathlib import Path

import pytest
import torch
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet

from clipedu.cli import main as cli
from clipedu_lessons import doctor


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
    known = metadata.version

    def version(name: str) -> str:
        if name == "justmyresource-lucide":
            raise metadata.PackageNotFoundError(name)
        return known(name)

    monkeypatch.setattr(doctor.metadata, "version", version)
    finding = doctor.check_packages()
    assert not finding.ok and "justmyresource-lucide is missing" in finding.found


def test_the_course_is_checked_where_jupyterlab_is(monkeypatch: pytest.MonkeyPatch) -> None:
    def names(*installed: str) -> set[str]:
        monkeypatch.setattr(doctor, "is_installed", lambda module: module in installed)
        return {requirement.name for requirement in doctor.declared()[1]}

    assert names("jupyterlab") - names() >= {"jupyterlab", "ipykernel", "anywidget"}
    assert "torch" in names() and "ipykernel" not in names()
    monkeypatch.setattr(doctor.Path, "exists", lambda path: False)  # no checkout
    assert names("jupyterlab") - names() >= {"jupyterlab", "ipykernel"}
    assert "torch" in names() and "pytest" not in names("jupyterlab")


def test_a_kernel_of_another_python(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    assert doctor.check_kernel().ok
    kernel = tmp_path / "kernels" / "python3" / "kernel.json"
    kernel.parent.mkdir(parents=True)
    kernel.write_text(json.dumps({"argv": ["elsewhere/python", "-m", "ipykernel_launcher"]}))
    monkeypatch.setenv("JUPYTER_PATH", str(tmp_path))
    monkeypatch.setenv("JUPYTER_PREFER_ENV_PATH", "0")
    finding = doctor.check_kernel()
    assert not finding.ok and "--sys-prefix" in finding.advice
    assert "elsewhere/python" in finding.found


def test_no_kernel_at_all(monkeypatch: pytest.MonkeyPatch) -> None:
    answer = subprocess.CompletedProcess([], 0, stdout='{"kernelspecs": {}}')
    monkeypatch.setattr(doctor.subprocess, "run", lambda *a, **k: answer)
    assert not doctor.check_kernel().ok


def test_without_notebooks_nobody_is_asked_for_a_kernel(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doctor, "is_installed", lambda module: False)
    monkeypatch.setattr(doctor.subprocess, "run", lambda *a, **k: pytest.fail("it asked"))
    assert doctor.check_kernel().ok


def test_the_doctor_imports_no_jupyter() -> None:
    code = (
        "import sys\nfrom clipedu_lessons import doctor\n"
        "doctor.check_packages(), doctor.check_kernel()\n"
        "print([m for m in sys.modules if m.split('.')[0].startswith(('jupyter', 'ipy', 'IPy'))])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


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


def test_each_finding_is_said_at_once(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    said = []

    def slow() -> doctor.Finding:
        said.append(capsys.readouterr().out)
        return doctor.Finding("speed", True, "fast")

    monkeypatch.setattr(doctor, "CHECKS", {"python": doctor.check_python, "speed": slow})
    assert cli.main(["doctor"]) == 0
    assert "ok     python" in said[0] and "speed" not in said[0]


def test_all_well_is_0(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    quick = {name: check for name, check in doctor.CHECKS.items() if name != "speed"}
    monkeypatch.setattr(doctor, "CHECKS", quick)
    assert cli.main(["doctor"]) == 0
    said = capsys.readouterr().out
    assert said.strip().endswith("all well") and str(torch.__version__) in said


def test_a_machine_without_a_home_gets_its_report(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HOME", "CLIPEDU_CACHE", "XDG_CACHE_HOME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr("os.path.expanduser", lambda path: path)  # as where no such user is known
    finding = doctor.check_cache()
    assert not finding.ok and "home directory" in finding.found
    assert "CLIPEDU_CACHE" in finding.advice and "setup" not in finding.advice
    assert "WRONG  cache" in doctor.described(finding)


def test_an_intel_mac_and_a_small_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doctor.os, "sysconf", lambda name: 4096 if "SIZE" in name else 4_000_000)
    assert doctor.check_machine().ok and "16.4 GB" in doctor.check_machine().found
    monkeypatch.setattr(doctor.os, "sysconf", lambda name: 4096 if "SIZE" in name else 400_000)
    assert not doctor.check_machine().ok and "close other programs" in doctor.check_machine().advice
    monkeypatch.delattr(doctor.os, "sysconf")  # as on Windows
    assert doctor.check_machine().ok and "GB" not in doctor.check_machine().found
    monkeypatch.setattr(doctor.platform, "system", lambda: "Darwin")
    monkeypatch.setattr(doctor.platform, "machine", lambda: "x86_64")
    assert not doctor.check_machine().ok and "arm64" in doctor.check_machine().advice


def test_a_device_that_is_not_there(monkeypatch: pytest.MonkeyPatch) -> None:
    finding = doctor.check_device()
    assert finding.ok and finding.found.startswith(("cpu with float32: ", "cpu with bfloat16: "))
    monkeypatch.setenv("CLIPEDU_DEVICE", "cuda:77")
    finding = doctor.check_device()
    assert not finding.ok and finding.advice == "unset CLIPEDU_DEVICE, or set it to cpu"


@pytest.mark.parametrize(
    ("words", "advice"),
    [
        ("CLIPEDU_DEVICE=tpu, which is unknown", "unset CLIPEDU_DEVICE"),
        ("DefaultCPUAllocator: can't allocate memory", "close other programs"),
        ("[Errno 28] No space left on device", "make room"),
        ("something else", "course.py setup"),
    ],
)
def test_the_advice_fits_the_failure(
    monkeypatch: pytest.MonkeyPatch, words: str, advice: str
) -> None:
    def broken() -> doctor.Finding:
        raise RuntimeError(words)

    monkeypatch.setattr(doctor, "CHECKS", {"speed": broken})
    (finding,) = doctor.examine()
    assert not finding.ok and advice in finding.advice


def test_folders_that_cannot_be_written(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    from clipedu_classroom import source, state

    monkeypatch.setattr(source, "student_folder", lambda: tmp_path)
    monkeypatch.setattr(state, "is_off", lambda: False)
    monkeypatch.setattr(state, "state_path", lambda: tmp_path / "home" / "progress.json")
    assert doctor.check_folders().ok
    full = tmp_path / "home"
    known = doctor._try_to_write

    def write(folder: Path) -> None:
        if folder == full:
            raise OSError(28, "No space left on device", str(folder))
        known(folder)

    monkeypatch.setattr(doctor, "_try_to_write", write)
    finding = doctor.check_folders()  # a full home, and a course elsewhere
    assert not finding.ok and "No space left" in finding.found and "CLIPEDU_STATE" in finding.advice
    full = tmp_path
    assert "move the course elsewhere" in doctor.check_folders().advice
    full = tmp_path / "nowhere"
    monkeypatch.setattr(state, "state_path", lambda: None)
    finding = doctor.check_folders()
    assert not finding.ok and "no home folder" in finding.found


def test_the_state_of_my_clip(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    from clipedu_classroom import my_clip

    monkeypatch.setattr(my_clip, "folder", lambda: tmp_path)
    assert doctor.check_my_clip().ok and "no my_clip.py yet" in doctor.check_my_clip().found
    (tmp_path / "my_clip.py").write_text(my_clip.render("import math", []), "utf-8")
    monkeypatch.setattr(doctor, "IMPORT_IT", "pass")
    finding = doctor.check_my_clip()
    assert finding.ok and finding.found.startswith("0 of ")
    monkeypatch.setattr(doctor, "IMPORT_IT", "raise ImportError('line 3, exercise 01.2: no luck')")
    finding = doctor.check_my_clip()
    assert not finding.ok and "line 3, exercise 01.2" in finding.found
    assert "my_clip_versions" in finding.advice
    (tmp_path / "my_clip.py").write_bytes(b"\xff\xfe not text")
    assert not doctor.check_my_clip().ok and "UTF-8" in doctor.check_my_clip().found


def test_figures_need_no_display(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("DISPLAY", "WAYLAND_DISPLAY"):
        monkeypatch.delenv(name, raising=False)
    assert doctor.check_figures().ok
    from matplotlib import pyplot

    def refuse(**size: object) -> None:
        raise ImportError("Cannot load backend 'TkAgg' which requires the 'tk' framework")

    monkeypatch.setattr(pyplot, "subplots", refuse)
    finding = doctor.check_figures()
    assert not finding.ok and "MPLBACKEND" in finding.advice and "TkAgg" in finding.found
