"""The shipped model for the widgets that ask one, loaded once: a random one answers everything
with almost the same numbers, so that nothing would be seen to change."""

from __future__ import annotations

import pytest

from clipedu.models import CLIP
from clipedu.tokenizer import Tokenizer
from clipedu.training import load_pretrained


@pytest.fixture(scope="session")
def shipped() -> tuple[CLIP, Tokenizer]:
    return load_pretrained()[:2]


@pytest.fixture(scope="session")
def model(shipped: tuple[CLIP, Tokenizer]) -> CLIP:
    return shipped[0]


@pytest.fixture(scope="session")
def tokenizer(shipped: tuple[CLIP, Tokenizer]) -> Tokenizer:
    return shipped[1]


@pytest.fixture(scope="session")
def class_names() -> list[str]:
    return ["star", "house", "umbrella", "clock", "key", "cat", "dog", "tree"]
