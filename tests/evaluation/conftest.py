"""A small model and tokenizer, made once."""

from __future__ import annotations

import pytest
import torch

from clipedu.evaluation import Task, clear_classifier_cache
from clipedu.models import CLIP, build
from clipedu.tokenizer import Tokenizer


@pytest.fixture(scope="session")
def tokenizer() -> Tokenizer:
    texts = ["an icon of a red ball", "an icon of a green tree", "a blue boat, outlined"] * 3
    return Tokenizer.train(texts, 290)


@pytest.fixture
def model(tokenizer: Tokenizer) -> CLIP:
    return build("tiny", seed=0, vocab_size=tokenizer.vocab_size)


@pytest.fixture
def task() -> Task:
    """Twelve random pictures of four classes, the last without any picture."""
    generator = torch.Generator().manual_seed(1)
    return Task(
        name="noise",
        pictures=torch.rand(12, 3, 32, 32, generator=generator),
        labels=torch.arange(12) % 3,
        class_names=["red ball", "green tree", "blue boat", "apple"],
        templates=["{}", "a picture of a {}"],
        source="a random generator",
    )


@pytest.fixture(autouse=True)
def _no_kept_classifiers():
    clear_classifier_cache()
