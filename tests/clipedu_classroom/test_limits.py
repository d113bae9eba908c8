"""How much a call holds at once is measured, whatever its code looks like."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from clipedu_classroom import specs
from clipedu_classroom.calling import Trial, run
from clipedu_classroom.judge import report_here
from clipedu_classroom.spec import FunctionExercise, Limit
from clipedu_classroom.specs import spec_problems

AT_ONCE = {
    "05.4": [
        # `chunk` is read, and for nothing
        """
def recall_at_k(image, text, k, chunk):
    for _ in range(chunk):
        scores = image @ text.T
    return ((scores > scores.diagonal()[:, None]).sum(1) < k).double().mean().item()
""",
        # the whole matrix, and then a chunk of it at a time
        """
def recall_at_k(image, text, k, chunk):
    scores, found = image @ text.T, 0
    for start in range(0, len(scores), chunk):
        part = scores[start : start + chunk]
        right = part[torch.arange(len(part)), start + torch.arange(len(part))]
        found += int(((part > right[:, None]).sum(1) < k).sum())
    return found / len(image)
""",
        """
def recall_at_k(image, text, k, chunk):
    rows = [part.float() @ text.float().T for part in image.split(chunk)]
    scores = torch.cat(rows)
    return ((scores > scores.diagonal()[:, None]).sum(1) < k).double().mean().item()
""",
        """
def recall_at_k(image, text, k, chunk):
    scores = image.numpy() @ text.numpy().T
    return float(((scores > scores.diagonal()[:, None]).sum(1) < k).mean())
""",
    ],
    "08.3": [
        """
def streaming_logsumexp(pieces):
    return torch.cat([piece for piece in pieces], dim=1).logsumexp(dim=1)
""",
        """
def streaming_logsumexp(pieces):
    kept = []
    for piece in pieces:
        kept.append(piece)
    return torch.hstack(kept).logsumexp(dim=1)
""",
        """
def streaming_logsumexp(pieces):
    whole = pieces[0].new_empty(len(pieces[0]), sum(piece.shape[1] for piece in pieces))
    start = 0
    for piece in pieces:
        whole[:, start : start + piece.shape[1]] = piece
        start += piece.shape[1]
    return whole.logsumexp(dim=1)
""",
        """
def streaming_logsumexp(pieces):
    whole = np.concatenate([piece.numpy() for piece in pieces], axis=1)
    top = whole.max(1)
    return top + np.log(np.exp(whole - top[:, None]).sum(1))
""",
    ],
    "08.5": [
        """
def gradient_in_chunks(pictures, text, weight, logit_scale, chunks):
    weight = weight.detach().requires_grad_()
    return torch.autograd.grad(whole_loss(embed(pictures, weight), text, logit_scale), weight)[0]
""",
        # embedded in chunks, whose graphs are all alive at the end
        """
def gradient_in_chunks(pictures, text, weight, logit_scale, chunks):
    weight = weight.detach().requires_grad_()
    image = torch.cat([embed(part, weight) for part in pictures.chunk(chunks)])
    return torch.autograd.grad(whole_loss(image, text, logit_scale), weight)[0]
""",
        # the messages of all chunks go back together
        """
def gradient_in_chunks(pictures, text, weight, logit_scale, chunks):
    weight = weight.detach().requires_grad_()
    image = embed(pictures, weight).detach().requires_grad_()
    (wanted,) = torch.autograd.grad(whole_loss(image, text, logit_scale), image)
    pairs = zip(pictures.chunk(chunks), wanted.chunk(chunks))
    total = sum((embed(part, weight) * message).sum() for part, message in pairs)
    return torch.autograd.grad(total, weight)[0]
""",
    ],
}
IN_PIECES = {
    "05.4": [
        """
def recall_at_k(image, text, k, chunk):
    found = start = 0
    while start < len(image):
        scores = torch.einsum("ce,ne->cn", image[start : start + chunk], text)
        best = scores.topk(min(k, scores.shape[1]), dim=1).indices.tolist()
        found += sum(start + i in row for i, row in enumerate(best))
        start += chunk
    return found / len(image)
""",
        """
def recall_at_k(image, text, k, chunk):
    def count(low, high):
        if high - low > chunk:
            middle = (low + high) // 2
            return count(low, middle) + count(middle, high)
        scores = image[low:high] @ text.T
        right = scores[torch.arange(high - low), torch.arange(low, high)]
        return int(((scores > right[:, None]).sum(1) < k).sum())

    return count(0, len(image)) / len(image)
""",
        """
def recall_at_k(image, text, k, chunk):
    pictures, texts = image.tolist(), text.tolist()
    found = 0
    for i, picture in enumerate(pictures):
        scores = [sum(x * y for x, y in zip(picture, other)) for other in texts]
        found += sum(score > scores[i] for score in scores) < k
    return found / len(image)
""",
        """
def recall_at_k(image, text, k, chunk):
    order = [(part @ text.T).argsort(1, descending=True)[:, :k] for part in image.split(chunk)]
    own = torch.arange(len(image))[:, None]
    return (torch.cat(order) == own).any(1).double().mean()
""",
    ],
    "08.3": [
        """
def streaming_logsumexp(pieces):
    return torch.stack([piece.logsumexp(1) for piece in pieces]).logsumexp(0)
""",
        """
def streaming_logsumexp(parts):
    total = parts[0].logsumexp(1, keepdim=True)
    for part in parts[1:]:
        total = torch.cat([total, part], dim=1).logsumexp(1, keepdim=True)
    return total[:, 0]
""",
        """
def streaming_logsumexp(pieces):
    top = torch.cat([piece.amax(1, keepdim=True) for piece in pieces], dim=1).amax(1)
    return sum((piece - top[:, None]).exp().sum(1) for piece in pieces).log() + top
""",
        """
def streaming_logsumexp(pieces):
    if len(pieces) == 1:
        return pieces[0].logsumexp(1)
    half = len(pieces) // 2
    return torch.logaddexp(streaming_logsumexp(pieces[:half]), streaming_logsumexp(pieces[half:]))
""",
    ],
    "08.5": [
        # each chunk among the embeddings of the others
        """
def gradient_in_chunks(pictures, text, weight, logit_scale, chunks):
    weight = weight.detach().requires_grad_()
    with torch.no_grad():
        cached = embed(pictures, weight)
    size, total = len(pictures) // chunks, 0
    for start in range(0, len(pictures), size):
        image = cached.clone()
        image[start : start + size] = embed(pictures[start : start + size], weight)
        total = total + torch.autograd.grad(whole_loss(image, text, logit_scale), weight)[0]
    return total
""",
        """
def one_chunk(part, message, weight):
    weight = weight.detach().clone().requires_grad_()
    embed(part, weight).backward(message)
    return weight.grad


def gradient_in_chunks(pictures, text, weight, logit_scale, chunks):
    size = len(pictures) // chunks
    leaf = torch.cat([embed(p, weight).detach() for p in pictures.split(size)]).requires_grad_()
    whole_loss(leaf, text, logit_scale).backward()
    pairs = zip(pictures.split(size), leaf.grad.split(size))
    return sum(one_chunk(part, message, weight) for part, message in pairs)
""",
    ],
}


def limited(exercise_id: str) -> FunctionExercise:
    exercise = specs.find(exercise_id)
    assert isinstance(exercise, FunctionExercise)
    return exercise


@pytest.mark.parametrize(
    ("exercise_id", "code"), [(name, code) for name, codes in AT_ONCE.items() for code in codes]
)
def test_an_answer_that_holds_all_at_once_fails(exercise_id: str, code: str) -> None:
    report = report_here(limited(exercise_id), code)
    assert (report.status, report.diagnosis) == ("failed", limited(exercise_id).limits[0].when)
    assert report.message.startswith("The values are right, but ")


@pytest.mark.parametrize(
    ("exercise_id", "code"), [(name, code) for name, codes in IN_PIECES.items() for code in codes]
)
def test_an_answer_that_takes_pieces_passes(exercise_id: str, code: str) -> None:
    assert report_here(limited(exercise_id), code).passed


def held(answer: Any, *inputs: Any) -> dict[str, int]:
    trial = Trial({f"input{i}": value for i, value in enumerate(inputs)}, measured=True)
    outcome = run(answer, trial)
    assert outcome.error is None
    return outcome.held


def test_memory_counts_the_largest_that_is_made() -> None:
    x = torch.rand(5000, dtype=torch.float64)
    assert 40_000 <= held(lambda x: x + 1, x)["memory"] < 50_000
    assert 40_000 <= held(lambda x: [x + i for i in range(5)], x)["memory"] < 50_000
    assert 80_000 <= held(lambda x: float(torch.cat([x, x]).sum()), x)["memory"] < 90_000
    assert held(lambda x: float(x.expand(100, 5000)[0, 0]), x)["memory"] < 20_000  # only a view
    assert held(lambda x: np.add(x.numpy(), 1), x)["memory"] >= 40_000
    assert held(lambda x: len(x.tolist()), x)["memory"] >= 40_000


def test_a_graph_counts_as_long_as_it_is_alive() -> None:
    x = torch.rand(1000, dtype=torch.float64)

    def one_after_the_other(x: Tensor) -> Tensor:
        leaf = torch.ones((), dtype=x.dtype, requires_grad=True)
        return sum(torch.autograd.grad((leaf * x).sum(), leaf)[0] for _ in range(5))

    def together(x: Tensor) -> Tensor:
        leaf = torch.ones((), dtype=x.dtype, requires_grad=True)
        return torch.autograd.grad(sum((leaf * x).sum() for _ in range(5)), leaf)[0]

    assert held(lambda x: x * 2, x)["graph"] == 0
    assert 8000 <= held(one_after_the_other, x)["graph"] < 9000
    assert 40_000 <= held(together, x)["graph"] < 41_000


def test_a_reference_may_hold_what_an_answer_may_not() -> None:
    exercise = specs.find("90.2")
    assert isinstance(exercise, FunctionExercise)
    nothing = Limit("anything is held", exercise.inputs, most=0)
    assert spec_problems(replace(exercise, limits=(nothing,)), range(1)) == []
    with pytest.raises(ValueError, match="memory"):
        Limit("anything is held", exercise.inputs, most=0, of="time")
