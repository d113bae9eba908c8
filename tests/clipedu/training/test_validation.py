from __future__ import annotations

import numpy as np
import pytest

from clipedu.pairs import PairSet, Pictures, load_icons
from clipedu.training import validation_split


@pytest.fixture
def real_icons(monkeypatch: pytest.MonkeyPatch) -> PairSet:
    """Real names, but blank pictures of 8 px: nothing has to be drawn."""
    icons = [icon for icon in load_icons(["material", "phosphor"])][::3]
    pairs = PairSet(
        Pictures(icons, np.zeros((len(icons), 8, 8, 4), np.uint8), 8), ["material", "phosphor"]
    )
    monkeypatch.setattr("clipedu.training.validation.training_pairs", lambda *a, **k: pairs)
    return pairs


def test_nothing_is_in_both_parts_and_no_name_is_lost(real_icons: PairSet) -> None:
    left, task = validation_split(8, names=30)
    assert len(left) + len(task) == len(real_icons)
    assert len(task.class_names) == 30
    assert set(task.class_names) <= {icon.name for icon in left.icons}
    whole = {icon.key for icon in real_icons.icons}
    assert len(whole - {icon.key for icon in left.icons}) == len(task)


def test_the_split_is_the_same_each_time_and_follows_its_seed(real_icons: PairSet) -> None:
    names = [validation_split(8, names=30, seed=s)[1].class_names for s in (0, 0, 1)]
    assert names[0] == names[1] != names[2]
