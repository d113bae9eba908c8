"""The shipped model, loaded once, and benchmarks as modules.

A random model would not do: it answers everything with almost the same numbers.
"""

from __future__ import annotations

import importlib.util
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import pytest

from clipedu.evaluation import clear_classifier_cache
from clipedu.models import CLIP
from clipedu.tokenizer import Tokenizer
from clipedu.training import load_pretrained


@pytest.fixture(autouse=True)
def _no_kept_classifiers() -> None:
    """No test meets a classifier that an earlier one left behind."""
    clear_classifier_cache()


@pytest.fixture(scope="session")
def benchmark_script() -> Callable[[str], ModuleType]:
    """benchmarks/NAME.py as a module: they are scripts, not a package."""

    def load(name: str) -> ModuleType:
        path = Path(__file__).parents[2] / "benchmarks" / f"{name}.py"
        spec = importlib.util.spec_from_file_location(f"benchmark_{name}", path)
        assert spec and spec.loader
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        return module

    return load


@pytest.fixture(scope="session")
def shipped() -> tuple[CLIP, Tokenizer]:
    return load_pretrained()[:2]


@pytest.fixture(scope="session")
def shipped_model(shipped: tuple[CLIP, Tokenizer]) -> CLIP:
    return shipped[0]


@pytest.fixture(scope="session")
def shipped_tokenizer(shipped: tuple[CLIP, Tokenizer]) -> Tokenizer:
    return shipped[1]


@pytest.fixture(scope="session")
def class_names() -> list[str]:
    return ["star", "house", "umbrella", "clock", "key", "cat", "dog", "tree"]
