"""What holds for every test: no window, a fixed seed, no connection beyond this machine."""

from __future__ import annotations

import os
import random
import socket
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

os.environ["MPLBACKEND"] = "Agg"  # before anything imports matplotlib

import numpy as np
import pytest


def is_loopback(address: Any) -> bool:
    """True for a local socket file and for addresses of this machine."""
    if not isinstance(address, tuple):
        return True
    host = str(address[0])
    return host in ("localhost", "::1", "") or host.startswith("127.")


@pytest.fixture(autouse=True, scope="session")
def only_this_machine() -> Iterator[None]:
    """A test fails whose own process connects to another machine, wherever it runs.

    Only Python's sockets in this process are watched: not the programs and kernels that a test
    starts, nor questions to a name server.
    """
    patch = pytest.MonkeyPatch()
    for name in ("connect", "connect_ex"):
        original = getattr(socket.socket, name)

        def guarded(self: socket.socket, address: Any, original: Any = original) -> Any:
            if not is_loopback(address):
                raise PermissionError(f"a test tried to reach {address}: tests run offline")
            return original(self, address)

        patch.setattr(socket.socket, name, guarded)
    yield
    patch.undo()


@pytest.fixture(autouse=True)
def seeded() -> None:
    """Every test starts from the same random state, whatever ran before it."""
    random.seed(0)
    np.random.seed(0)
    torch = sys.modules.get("torch")  # a test that does not use it need not wait for it
    if torch is not None:
        torch.manual_seed(0)


@pytest.fixture(scope="session")
def tokenizer() -> Any:
    """A tokenizer of a few words. These three import what they need: most tests need none of it."""
    from clipedu.tokenizer import Tokenizer

    texts = ["an icon of a red ball", "an icon of a green tree", "a blue boat, outlined"] * 3
    return Tokenizer.train(texts, 290)


@pytest.fixture
def model(tokenizer: Any) -> Any:
    """An untrained CLIP that knows that tokenizer."""
    from clipedu.models import build

    return build("tiny", seed=0, vocab_size=tokenizer.vocab_size)


@pytest.fixture
def task() -> Any:
    """Twelve random pictures of four classes, the last without any picture."""
    import torch

    from clipedu.evaluation import Task

    generator = torch.Generator().manual_seed(1)
    return Task(
        name="noise",
        pictures=torch.rand(12, 3, 32, 32, generator=generator),
        labels=torch.arange(12) % 3,
        class_names=["red ball", "green tree", "blue boat", "apple"],
        templates=["{}", "a picture of a {}"],
        source="a random generator",
    )


#: Files with long tests or fixtures begin first, or one of them would keep a worker busy alone when
#: the others have nothing left to do. `make test` hands out whole files in this order.
LONG = (
    "clipedu_classroom/test_hostile.py",
    "clipedu_classroom/test_grade.py",
    "clipedu_classroom/test_build.py",
    "clipedu_classroom/test_nbgrader.py",
    "clipedu_classroom/test_exercises.py",
    "clipedu_lessons/l08_scaling_up/test_planner.py",
    "clipedu/training/test_parallel.py",
    "clipedu/training/test_trainer.py",
    "course/test_notebooks.py",
)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    here = Path(__file__).parent
    rank = {here / name: place for place, name in enumerate(LONG)}
    items.sort(key=lambda item: rank.get(item.path, len(LONG)))
