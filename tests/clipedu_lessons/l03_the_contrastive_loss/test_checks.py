"""The references of lesson 03's checks, against the library and torch's autograd."""

from __future__ import annotations

import pytest
import torch
from torch.nn import functional as F

from clipedu.objectives import info_nce
from clipedu_classroom.specs import find
from clipedu_lessons.l03_the_contrastive_loss.checks.backward import BACKWARD, loss_backward
from clipedu_lessons.l03_the_contrastive_loss.checks.loss import LOSS


@pytest.mark.parametrize("seed", range(3))
def test_the_backward_pass_is_that_of_autograd(seed: int) -> None:
    drawn = BACKWARD.inputs(torch.Generator().manual_seed(seed))
    leaves = [value.double().requires_grad_() for value in drawn.values()]
    image, text, t = leaves
    loss = info_nce(F.normalize(image, dim=1), F.normalize(text, dim=1), t.exp())
    wanted = (loss, *torch.autograd.grad(loss, leaves))
    for got, want in zip(loss_backward(*(x.detach() for x in leaves)), wanted, strict=True):
        torch.testing.assert_close(got, want.detach())


def test_the_loss_is_the_librarys_with_and_without_ids() -> None:
    drawn = LOSS.inputs(torch.Generator().manual_seed(0))
    ids = drawn["false_negative_ids"]
    assert len(ids.unique()) < len(ids) - 2, "a caption three times, another one twice"
    for given in (ids, None):
        values = {**drawn, "false_negative_ids": given}
        torch.testing.assert_close(LOSS.reference(*values.values()), info_nce(*values.values()))


def test_the_parts_of_my_clip_have_the_names_and_arguments_of_the_library() -> None:
    assert find("03.9").argument_names() == ["image", "text", "logit_scale", "false_negative_ids"]
    assert find("03.10").argument_names() == ["logit_scale", "maximum"]
    assert (find("03.9").names, find("03.10").names) == (("info_nce",), ("clamp_logit_scale_",))
