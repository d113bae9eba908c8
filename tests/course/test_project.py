"""The repository itself: no machine's traces, bounded dependencies with reasons, true metadata."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
import tomllib
from importlib.metadata import packages_distributions
from pathlib import Path

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
MACHINE = re.compile(
    r"(?<![A-Za-z0-9_.-])/(?:work|farm|root|tmp/[a-z]\w*|home/\w+|Users/\w+)/"
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
        ("C:", "\\Users\\ann\\clip"),
        ('"C:', '\\\\Users\\\\ann"'),
    ],
)
def test_a_trace_is_found(halves: tuple[str, str]) -> None:
    assert len(traces("a.py", "first\n" + "".join(halves))) == 1


@pytest.mark.parametrize("line", ["a/work/b", "https://arxiv.org/abs/2103.00020", "~/.cache/clip"])
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


def test_ci_pins_every_dependency_to_a_release_within_its_bounds() -> None:
    pins = {}
    for line in (ROOT / "constraints-ci.txt").read_text("utf-8").splitlines():
        if line and not line.startswith("#"):
            name, version = line.split("==")
            pins[canonicalize_name(name)] = version
    for requirement in map(Requirement, all_requirements()):
        pin = pins.get(canonicalize_name(requirement.name))
        assert pin, f"{requirement.name} is not in constraints-ci.txt"
        assert requirement.specifier.contains(pin), f"{requirement} does not admit {pin}"


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
                if top in sys.stdlib_module_names or top == package.name or beside.exists():
                    continue
                found = {canonicalize_name(name) for name in distributions.get(top, [top])}
                if not found & declared:
                    wrong.add(f"{file.relative_to(package.parent).as_posix()} imports {top}")
    return sorted(wrong)


def test_the_library_imports_only_what_it_declares() -> None:
    lines = [*PYPROJECT["project"]["dependencies"], *EXTRAS["openai"], *EXTRAS["grading"]]
    declared = {canonicalize_name(Requirement(line).name) for line in lines}
    # What they promise to bring along.
    declared |= {"jupyter-client", "jupyter-core", "traitlets"}
    assert undeclared(ROOT / "clipedu", declared) == []


def test_an_undeclared_import_is_found(tmp_path: Path) -> None:
    package = tmp_path / "clipedu"
    package.mkdir()
    (package / "a.py").write_text(
        "import os\nimport torch\n\ndef f():\n    from yaml import load\n"
    )
    assert undeclared(package, {"torch"}) == ["clipedu/a.py imports yaml"]


# ---------------------------------------------------------------------------------- metadata
def test_versions_agree() -> None:
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text("utf-8"))
    assert citation["version"] == clipedu.__version__
    assert citation["license"] == PYPROJECT["project"]["license"] == "MIT"
    assert f"## {clipedu.__version__}" in (ROOT / "CHANGELOG.md").read_text("utf-8")


def test_every_data_package_is_named_with_its_licence() -> None:
    from clipedu.pairs import FAMILIES

    notice = (ROOT / "NOTICE.md").read_text("utf-8")
    for line in PYPROJECT["project"]["dependencies"]:
        name, _, version = line.partition("==")
        if version:
            assert f"`{name}` {version}" in notice, f"NOTICE.md does not name {line}"
    for family in FAMILIES.values():
        assert f"`{family.package}`" in notice


def test_importing_the_package_is_light() -> None:
    code = "import sys, clipedu; print([m for m in ('torch', 'numpy') if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
