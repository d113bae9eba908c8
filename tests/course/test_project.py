"""The repository itself: no machine's traces, bounded dependencies with reasons, true metadata."""

from __future__ import annotations

import ast
import re
import socket
import subprocess
import sys
import tomllib
from importlib.metadata import packages_distributions
from pathlib import Path
from typing import Any

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

import clipedu

ROOT = Path(__file__).resolve().parent.parent.parent
PYPROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
EXTRAS = PYPROJECT["project"]["optional-dependencies"]


# ------------------------------------------------------------------------------------ traces
# Written in halves, so that this file does not hold what it forbids.
HOSTS = re.compile(
    "|".join(
        (
            r"py" r"pi\.org",
            r"python" r"hosted\.org",
            r"download\.py" r"torch\.org",
            r"conda\.ana" r"conda\.org",
            r"registry\.npm" r"js\.org",
            r"deb\.deb" r"ian\.org",
        )
    )
)
# Not after the end of a word or of {folder}, which is inside another folder; </work> is a tag.
MACHINE = re.compile(
    r"(?<![A-Za-z0-9_.<})-])/(?:(?:work|farm|root)(?![\w-])|(?:tmp|home|Users)/\w[\w.-]*)"
    r"|\b[A-Z]:\\+Users\\"
)


def tracked_texts() -> list[tuple[str, str]]:
    """(path, text) of every text file that git tracks; of every file where there is no git."""
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True)
    if listed.returncode == 0:
        names = [name for name in listed.stdout.split("\0") if name]
    else:
        found = (path.relative_to(ROOT) for path in ROOT.rglob("*") if path.is_file())
        names = [p.as_posix() for p in found if not {".venv", ".git", "runs"} & set(p.parts)]
    texts = []
    for name in names:
        try:
            texts.append((name, (ROOT / name).read_text("utf-8")))
        except (UnicodeDecodeError, FileNotFoundError):
            continue  # a picture or weights; or deleted and not committed yet
    return texts


def traces(name: str, text: str) -> list[str]:
    """Registry hosts and paths of somebody's machine, with their line."""
    found = []
    for number, line in enumerate(text.splitlines(), 1):
        for what, pattern in (("a package host", HOSTS), ("a machine's path", MACHINE)):
            match = pattern.search(line)
            if match:
                found.append(f"{name}:{number}: {what}: {match[0]}")
    return found


def test_no_file_names_a_package_host_or_a_machine() -> None:
    texts = tracked_texts()
    assert {"README.md", "pyproject.toml"} <= {name for name, _ in texts}
    assert [trace for name, text in texts for trace in traces(name, text)] == []


@pytest.mark.parametrize(
    "halves",
    [
        ("url = https://py", "pi.org/simple"),
        ("--index-url https://download.py", "torch.org/whl/cpu"),
        ("open('/ho", "me/ann/clip/a.png')"),
        ("saved in /wo", "rk/main/runs"),
        ("/tm", "p/scratch/a.json"),
        ("--out /tm", "p/a.json"),
        ("the log is /tm", "p/7"),
        ("cd /wo", "rk"),
        ("Path('/ro", "ot')"),
        ("cd /ho", "me/ann"),
        ("C:", "\\Users\\ann\\clip"),
        ('"C:', '\\\\Users\\\\ann"'),
    ],
)
def test_a_trace_is_found(halves: tuple[str, str]) -> None:
    assert len(traces("a.py", "first\n" + "".join(halves))) == 1


@pytest.mark.parametrize(
    "line",
    [
        "a/work/b",
        "https://arxiv.org/abs/2103.00020",
        "~/.cache/clip",
        '"--tmpfs", "/tmp"',
        "/sandbox/work",
        'f"{folder}/work"',
        "<work></work>",
        "/workers and /home",
    ],
)
def test_other_paths_are_no_trace(line: str) -> None:
    assert traces("a.py", line) == []


# ------------------------------------------------------------------------------ dependencies
def unbounded(lines: list[str]) -> list[str]:
    """Requirements without an exact version and without both a lower and an upper bound."""
    wrong = []
    for line in lines:
        operators = {specifier.operator for specifier in Requirement(line).specifier}
        if not (operators & {"==", "~="} or {">=", "<"} <= operators):
            wrong.append(line)
    return wrong


def without_reason(source: str, lines: list[str]) -> list[str]:
    """Requirements whose line in pyproject.toml has no comment of at least two words."""
    wrong = []
    for line in lines:
        found = re.search(rf'"{re.escape(line)}",? *# *(.+)$', source, re.M)
        if not found or len(found[1].split()) < 2:
            wrong.append(line)
    return wrong


def all_requirements() -> list[str]:
    extras = [line for lines in EXTRAS.values() for line in lines]
    return [*PYPROJECT["project"]["dependencies"], *extras]


def test_every_dependency_is_bounded_and_has_its_reason() -> None:
    lines = [*all_requirements(), *PYPROJECT["build-system"]["requires"]]
    assert unbounded(lines) == []
    source = (ROOT / "pyproject.toml").read_text("utf-8")
    assert without_reason(source, all_requirements()) == []


def test_missing_bounds_and_reasons_are_found() -> None:
    lines = ["a", "b>=1", "c<2", "d>=1,<2", "e==3"]
    assert unbounded(lines) == ["a", "b>=1", "c<2"]
    source = '"d>=1,<2",  # draws the figures\n"e==3",  # why\n"a",\n'
    assert without_reason(source, ["a", "d>=1,<2", "e==3"]) == ["a", "e==3"]


def badly_pinned(constraints: str, lines: list[str]) -> list[str]:
    """Requirements that the constraints do not pin, or pin to what they do not admit."""
    pins = {}
    for line in constraints.splitlines():
        name, equals, version = line.partition("==")
        if equals and not line.startswith("#"):
            pins[canonicalize_name(name)] = version
    wrong = []
    for requirement in map(Requirement, lines):
        pin = pins.get(canonicalize_name(requirement.name))
        if not pin or not requirement.specifier.contains(pin):
            wrong.append(f"{requirement.name} is pinned to {pin}")
    return wrong


def test_ci_pins_every_dependency_to_a_release_within_its_bounds() -> None:
    constraints = (ROOT / "constraints-ci.txt").read_text("utf-8")
    assert badly_pinned(constraints, all_requirements()) == []


def test_missing_pins_and_pins_out_of_bounds_are_found() -> None:
    constraints = "# e==1\na_b==1.5\nb==3.0\nc>=1\n"
    lines = ["a-b>=1,<2", "b>=1,<2", "c>=1,<2", "e==1"]
    wrong = [f"{name} is pinned to {pin}" for name, pin in (("b", "3.0"), ("c", None), ("e", None))]
    assert badly_pinned(constraints, lines) == wrong


def undeclared(package: Path, declared: set[str]) -> list[str]:
    """Imports of packages that pyproject.toml does not name."""
    distributions = packages_distributions()
    wrong = set()
    for file in package.rglob("*.py"):
        for node in ast.walk(ast.parse(file.read_text("utf-8"))):
            if isinstance(node, ast.Import):
                names = [alias.name for alias in node.names]
            elif isinstance(node, ast.ImportFrom) and not node.level:
                names = [node.module or ""]
            else:
                continue
            for top in {name.split(".")[0] for name in names}:
                beside = file.with_name(f"{top}.py")  # a script run by its path
                own = top in ("clipedu", "clipedu_classroom", "clipedu_lessons")
                if own or top in sys.stdlib_module_names or beside.exists():
                    continue
                found = {canonicalize_name(name) for name in distributions.get(top, [top])}
                if not found & declared:
                    wrong.add(f"{file.relative_to(package.parent).as_posix()} imports {top}")
    return sorted(wrong)


@pytest.mark.parametrize(
    ("package", "extras"),
    [
        ("clipedu", ["openai"]),
        ("clipedu_classroom", ["course", "grading"]),
        ("clipedu_lessons", ["course"]),
    ],
)
def test_a_package_imports_only_what_it_declares(package: str, extras: list[str]) -> None:
    lines = [*PYPROJECT["project"]["dependencies"]]
    lines += [line for extra in extras for line in EXTRAS[extra]]
    declared = {canonicalize_name(Requirement(line).name) for line in lines}
    if extras != ["openai"]:  # what Jupyter promises to bring along
        declared |= {"jupyter-client", "jupyter-core", "traitlets"}
    assert undeclared(ROOT / package, declared) == []


def test_an_undeclared_import_is_found(tmp_path: Path) -> None:
    package = tmp_path / "clipedu"
    package.mkdir()
    (package / "a.py").write_text(
        "import os\nimport torch\n\ndef f():\n    from yaml import load\n"
    )
    assert undeclared(package, {"torch"}) == ["clipedu/a.py imports yaml"]


# ---------------------------------------------------------------------------------- metadata
def disagreements(version: str, citation: dict[str, str], changelog: str) -> list[str]:
    """Files that give another version than the package, or another licence than MIT."""
    wrong = []
    if (citation["version"], citation["license"]) != (version, "MIT"):
        wrong.append(f"CITATION.cff: {citation['version']}, {citation['license']}")
    if not re.search(rf"^## {re.escape(version)}(?![\w.])", changelog, re.M):
        wrong.append(f"CHANGELOG.md has no {version}")
    return wrong


def test_versions_agree() -> None:
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text("utf-8"))
    changelog = (ROOT / "CHANGELOG.md").read_text("utf-8")
    assert disagreements(clipedu.__version__, citation, changelog) == []
    assert PYPROJECT["project"]["license"] == "MIT"


def test_another_version_or_licence_is_found() -> None:
    citation = {"version": "1.2.0", "license": "MIT"}
    assert disagreements("1.2.0", citation, "# Changes\n\n## 1.2.0, unreleased\n") == []
    assert disagreements("1.2.0", citation, "## 1.2.0.1\n") == ["CHANGELOG.md has no 1.2.0"]
    assert disagreements("1.3.0", citation, "## 1.3.0\n") == ["CITATION.cff: 1.2.0, MIT"]
    assert disagreements("1.2.0", citation | {"license": "GPL"}, "## 1.2.0\n") != []


def unnamed(notice: str, lines: list[str], packages: list[str]) -> list[str]:
    """Exact requirements and packages of pictures that a notice does not name."""
    exact = [line.split("==") for line in lines if "==" in line]
    names = [f"`{name}` {version}" for name, version in exact]
    return [name for name in [*names, *(f"`{name}`" for name in packages)] if name not in notice]


def test_every_data_package_is_named_with_its_licence() -> None:
    from clipedu.pairs import FAMILIES

    packages = [family.package for family in FAMILIES.values() if family.package]
    notice = (ROOT / "NOTICE.md").read_text("utf-8")
    assert unnamed(notice, PYPROJECT["project"]["dependencies"], packages) == []


def test_a_data_package_without_a_notice_is_found() -> None:
    notice = "* `emoji` 2.16.0 and `icons-a` 1.0, MIT"
    assert unnamed(notice, ["emoji==2.16.0", "torch>=2,<3"], ["icons-a"]) == []
    assert unnamed(notice, ["emoji==2.17.0"], ["icons-b"]) == ["`emoji` 2.17.0", "`icons-b`"]


def heavy(statement: str, packages: tuple[str, ...] = ("torch", "numpy")) -> list[str]:
    """Which of the packages a new Python has loaded after a statement."""
    code = f"import sys; {statement}; print(*{{*{packages!r}}} & {{*sys.modules}})"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return done.stdout.split()


NOTEBOOKS = ("matplotlib", "ipywidgets", "IPython", "nbformat", "jupytext", "clipedu_classroom")


def test_importing_the_package_is_light() -> None:
    assert heavy("import clipedu") == []
    everything = "models objectives pairs training evaluation tokenizer cli.main".split()
    statement = "; ".join(f"import clipedu.{room}" for room in everything)
    assert heavy(f"{statement}; from clipedu.models import build", NOTEBOOKS) == []


def test_a_heavy_import_is_found() -> None:
    assert heavy("import clipedu, numpy") == ["numpy"]


# ----------------------------------------------------------------------------------- network
@pytest.mark.parametrize("method", ["connect", "connect_ex"])
@pytest.mark.parametrize("host", ["192.0.2.1", "2001:db8::1"])  # addresses that nobody has
def test_a_test_that_connects_to_another_machine_fails(method: str, host: str) -> None:
    with socket.socket() as plug:
        plug.settimeout(1)
        with pytest.raises(PermissionError, match=f"{host}.*tests run offline"):
            getattr(plug, method)((host, 80))


def test_a_test_may_connect_to_this_machine() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        socket.create_connection(server.getsockname(), timeout=5).close()


# ------------------------------------------------------------------------------ public CI
WORKFLOWS = sorted((ROOT / ".github" / "workflows").glob("*.yml"))


def untried(workflow: dict[str, Any]) -> list[str]:
    """Commands of a workflow that are no verb of course.py, which anybody can type."""
    verbs = subprocess.run(
        [sys.executable, "course.py", "--help"], cwd=ROOT, capture_output=True, text=True
    ).stdout
    known = {line.split()[0] for line in verbs.splitlines() if line.startswith("  ")}
    steps = [step for job in workflow["jobs"].values() for step in job["steps"]]
    commands = [step["run"].strip() for step in steps if "run" in step]
    return [
        c for c in commands if c.split()[:2] != ["python", "course.py"] or c.split()[2] not in known
    ]


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.stem)
def test_workflows_run_only_what_can_be_tried_here(path: Path) -> None:
    workflow = yaml.safe_load(path.read_text("utf-8"))
    assert untried(workflow) == []
    assert workflow["permissions"] == {"contents": "read"}
    used = [s["uses"] for job in workflow["jobs"].values() for s in job["steps"] if "uses" in s]
    assert used and all(re.fullmatch(r"[\w-]+/[\w-]+@(v\d+|release/v\d+)", name) for name in used)
    assert all(job["runs-on"] for job in workflow["jobs"].values())


def test_a_command_of_its_own_is_found() -> None:
    steps = [{"run": "python course.py test"}, {"run": "pytest"}, {"run": "python course.py fly"}]
    found = untried({"jobs": {"a": {"steps": steps}}})
    assert found == ["pytest", "python course.py fly"] and len(WORKFLOWS) >= 3
