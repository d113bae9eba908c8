"""Which answers change with the prompt."""

from __future__ import annotations

import pytest
import torch

from clipedu.evaluation import zero_shot
from clipedu_lessons.l06_prompts.flips import flips, flips_figure, flips_words

FORMS = ["{}", "an icon of {}", "a boat of {}", "{}, outlined"]


def test_flips_are_all_the_changes(model, tokenizer, task) -> None:
    before = zero_shot(model, tokenizer, task, templates=["{}"]).predictions[:, 0]
    after = zero_shot(model, tokenizer, task, templates=[FORMS[2]]).predictions[:, 0]
    found = flips(model, tokenizer, task, ["{}"], [FORMS[2]])
    assert {flip.row for flip in found.changed} == set(
        torch.nonzero(before != after).flatten().tolist()
    )
    for flip in found.changed:
        assert flip.before == task.class_names[before[flip.row]]
        assert flip.after == task.class_names[after[flip.row]]
        right = (flip.before == flip.label, flip.after == flip.label)
        assert flip.kind == {(0, 1): "fixed", (1, 0): "broken", (0, 0): "other"}[right]
        (old_a, old_b), (new_a, new_b) = flip.scores[flip.before], flip.scores[flip.after]
        assert old_a >= new_a and new_b >= old_b  # the winner scored higher, both times
        assert flip.before in flip.why and flip.after in flip.why
    assert flips(model, tokenizer, task, ["{}"], ["{}"]).changed == []
    assert f"of {len(task)} answers" in str(found)
    if found.changed:
        figure = flips_figure(task, found.changed[:3], title="x")
        assert len(figure.axes) == min(3, len(found.changed))
        assert found.changed[0].label in flips_words(found.changed[:1])
    with pytest.raises(ValueError, match="No picture flipped"):
        flips_figure(task, [])
