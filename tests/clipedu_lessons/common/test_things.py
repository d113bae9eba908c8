"""Tasks that share their classes across families."""

import pytest
import torch

from clipedu.pairs import HELD_OUT_FAMILIES
from clipedu_lessons.common.things import REFERENCE, things, things_task


def test_the_reference_is_cut_into_two_parts_without_a_rest():
    whole, learn, test = (things_task(part=part) for part in ("all", "learn", "test"))
    assert len(learn) + len(test) == len(whole)
    rows = {picture.numpy().tobytes() for picture in test.pictures}
    assert len(rows) > 0.9 * len(test)
    for part in (learn, test):
        assert set(part.labels.tolist()) == set(range(len(things())))
    share = len(test) / len(whole)
    assert 0.2 < share < 0.3
    again = things_task(part="test")
    assert torch.equal(again.pictures, test.pictures)


@pytest.mark.parametrize("family", HELD_OUT_FAMILIES)
def test_labels_mean_the_same_in_every_family(family):
    shared, own = things_task(family), things_task(family, own_classes=True)
    assert shared.class_names == list(things())
    assert torch.equal(shared.pictures, own.pictures)
    named = [shared.class_names[i] for i in shared.labels]
    assert named == [own.class_names[i] for i in own.labels]
    assert set(named) == set(own.class_names)


def test_unknown_families_and_parts_are_refused():
    with pytest.raises(ValueError, match="families are"):
        things_task("nobody")
    with pytest.raises(ValueError, match="learn"):
        things_task(REFERENCE, "train")
    with pytest.raises(ValueError, match="Only the reference"):
        things_task("lucide", "test")
