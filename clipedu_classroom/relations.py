"""How a wrong result relates to the right one: a flipped sign, a transpose, a sum for a mean, an
order. Needs no list of misconceptions."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor
from torch.nn.functional import normalize

from clipedu_classroom.compare import as_tensor, difference, finite

Pairs = list[tuple[Any, Any]]  # in each trial, what the answer gave and what is right
Inputs = list[dict[str, Any]]  # in each trial, what it was given
Found = tuple[str, str] | None  # a diagnosis, and a message of whole sentences

# Diagnosis, message, and what makes the right result of the answer's
CHANGES: tuple[tuple[str, str, Callable[[Tensor], Tensor]], ...] = (
    ("the sign is flipped", "Every number is right except for its sign.", torch.neg),
    (
        "rows and columns are swapped",
        "The result is the transpose of the right one.",
        lambda x: x.transpose(-1, -2),
    ),
    ("an exponential is left in", "The result is the exponential of the right one.", torch.log),
    ("a logarithm is left in", "The result is the logarithm of the right one.", torch.exp),
    ("it is subtracted from 1", "The result is 1 minus the right one.", lambda x: 1 - x),
    ("the result is inverted", "The result is 1 divided by the right one.", torch.reciprocal),
    ("a square root is missing", "The result is the square of the right one.", torch.sqrt),
    ("a square is missing", "The result is the square root of the right one.", torch.square),
    ("the softmax is left out", "The softmax of each row is right.", lambda x: x.softmax(-1)),
    (
        "the rows do not have length 1",
        "The rows of the result have the right directions, but not the length 1.",
        lambda x: normalize(x, dim=-1),
    ),
    ("the mean is not taken", "The result holds the parts; their mean is right.", torch.mean),
    ("the sum is not taken", "The result holds the parts; their sum is right.", torch.sum),
)
TELLING = {  # factors that say what went wrong
    100.0: " That is percent, where a share is asked for.",
    0.01: " That is a share, where percent is asked for.",
    1 / math.log(2): " That is a logarithm to base 2, where a natural one is asked for.",
    1 / math.log(10): " That is a logarithm to base 10, where a natural one is asked for.",
}
DIAGNOSES = (
    *(row[0] for row in CHANGES),
    *"""the result is not finite / every number of the result is 0 or 1
    / the numbers are in the wrong places / the order is reversed / the order is wrong
    / it is summed where it should be averaged / it is averaged where it should be summed
    / it is multiplied by an input / it is divided by an input / one of the results is wrong
    / the result is off by a constant factor / the result is off by a constant amount
    / the text differs in signs / the entries have other names""".replace("\n    /", " /").split(
        " / "
    ),
)


def relation(pairs: Pairs, inputs: Inputs, tolerance: float) -> Found:
    """The first relation that holds in every trial."""
    numeric = [(as_tensor(got), as_tensor(want)) for got, want in pairs]
    truths = all(isinstance(side, bool) for pair in pairs for side in pair)
    if not truths and not any(side is None for pair in numeric for side in pair):
        return _of_numbers(numeric, inputs, tolerance)
    if all(isinstance(side, (list, tuple)) for pair in pairs for side in pair):
        return _of_sequences(pairs, inputs, tolerance)
    if all(isinstance(side, dict) for pair in pairs for side in pair):
        got, want = (set(map(str, side)) for side in pairs[0])
        if got != want:
            sides = {"Missing": sorted(want - got), "Not expected": sorted(got - want)}
            some = [
                f"{k}: {', '.join(v[:3] + ['...'] * (len(v) > 3))}." for k, v in sides.items() if v
            ]
            return "the entries have other names", " ".join(some)
    if all(isinstance(s, dict) and s.keys() == pairs[0][1].keys() for p in pairs for s in p):
        entries = [[(got[name], want[name]) for got, want in pairs] for name in pairs[0][1]]
        return _of_entries([*map(str, pairs[0][1])], entries, inputs, tolerance)
    if all(isinstance(side, str) for pair in pairs for side in pair):
        for words, change in (
            ("capital letters", str.casefold),
            ("signs and spaces", lambda text: "".join(filter(str.isalnum, text))),
        ):
            if all(change(got) == change(want) for got, want in pairs):
                message = f"The text differs from the right one in {words}."
                return "the text differs in signs", message
    return None


def _of_numbers(pairs: Pairs, inputs: Inputs, tolerance: float) -> Found:
    if all(finite(want) and not finite(got) for got, want in pairs):
        words = "The result holds nan or infinity: 0 / 0, the logarithm of 0, or too large a number"
        return "the result is not finite", f"{words}."
    if all(got.numel() > 1 and _is_01(got) and not _is_01(want) for got, want in pairs):
        words = "Every number is 0 or 1, as from a comparison, or from a softmax over one number."
        return "every number of the result is 0 or 1", words
    for diagnosis, message, change in CHANGES:
        try:
            changed = [change(got) for got, _ in pairs]
        except (RuntimeError, IndexError):  # there is no such axis
            continue
        results = [(new, got, want) for new, (got, want) in zip(changed, pairs, strict=True)]
        same = all(torch.equal(new.flatten(), got.flatten()) for new, got, _ in results)
        if not same and all(_close(new, want, tolerance) for new, _, want in results):
            return diagnosis, message
    if any(got.shape != want.shape for got, want in pairs):
        return None
    if all(got.numel() > 2 and not _close(got, want, tolerance) for got, want in pairs):
        for axis in range(min(want.ndim for _, want in pairs)):
            if all(_close(got.flip(axis), want, tolerance) for got, want in pairs):
                words = f"The numbers are right, in the reverse order along axis {axis}."
                return "the order is reversed", words
            slices = [[list(side.movedim(axis, 0)) for side in pair] for pair in pairs]
            if all(not difference(g, w, 10 * tolerance, unordered=True) for g, w in slices):
                words = f"The parts along axis {axis} are right, but in another order."
                return "the order is wrong", words
        flat = [[side.flatten().sort().values for side in pair] for pair in pairs]
        if all(_close(got, want, tolerance) for got, want in flat):
            words = "All the right numbers are there, in other places."
            return "the numbers are in the wrong places", words
    return _multiple(pairs, inputs, tolerance) or _offset(pairs, tolerance)


def _multiple(pairs: Pairs, inputs: Inputs, tolerance: float) -> Found:
    """One factor in each trial: a size of the inputs (a sum in place of a mean, or the reverse), an
    input, or always the same."""
    factors = []
    for got, want in pairs:
        use = want.abs() > 1e-9
        factor = float((got[use] / want[use]).median()) if bool(use.any()) else 0.0
        right = math.isfinite(factor) and factor and _close(got, factor * want, 10 * tolerance)
        if not right:
            return None
        factors.append(factor)
    for name, numbers in named_numbers(inputs).items():
        is_size = name.startswith("the size")
        if _all_near(factors, numbers, 1e-3):
            summed = "it is summed where it should be averaged"
            words = f"The result is too large by a factor, {name}."
            return (summed if is_size else "it is multiplied by an input"), words
        if _all_near(factors, [1 / number for number in numbers], 1e-3):
            averaged = "it is averaged where it should be summed"
            words = f"The result is too small by a factor, {name}."
            return (averaged if is_size else "it is divided by an input"), words
    exact = max(1e-6, 10 * tolerance)  # a nearly right answer is not a multiple of the right one
    if abs(factors[0] - 1) > 0.01 and _all_near(factors, [factors[0]] * len(factors), exact):
        words = f"The result is {factors[0]:.3g} times what it should be, {_tried(len(pairs))}."
        near = (w for f, w in TELLING.items() if math.isclose(f, factors[0], rel_tol=exact))
        return "the result is off by a constant factor", words + next(near, "")
    return None


def named_numbers(inputs: Inputs) -> dict[str, list[float]]:
    """What a result may be multiplied by without need, by name: in each trial a positive number,
    either the size of an input or an input itself."""
    found: dict[str, list[float]] = {}
    for trial in inputs:
        for name, value in trial.items():
            if isinstance(value, Tensor) and value.ndim:
                for axis, size in enumerate(value.shape):
                    found.setdefault(f"the size of axis {axis} of `{name}`", []).append(size)
            elif isinstance(value, (list, tuple, dict)):
                found.setdefault(f"the size of `{name}`", []).append(len(value))
            elif isinstance(value, Tensor) or type(value) in (int, float):
                found.setdefault(f"`{name}`", []).append(float(value))
    whole = {name: numbers for name, numbers in found.items() if len(numbers) == len(inputs)}
    return {name: some for name, some in whole.items() if min(some) > 0 and set(some) != {1.0}}


def _offset(pairs: Pairs, tolerance: float) -> Found:
    """One number too much or too little, everywhere and in every trial."""
    if not all(want.numel() for _, want in pairs):
        return None
    amount = float((pairs[0][0] - pairs[0][1]).flatten()[0])
    exact = 10 * tolerance * max(1.0, *(float(want.abs().max()) for _, want in pairs))
    same = all(_close(got - amount, want, tolerance) for got, want in pairs)
    if not same or not math.isfinite(amount) or abs(amount) <= 10 * exact:
        return None
    too = "large" if amount > 0 else "small"
    words = f"The result is {abs(amount):.3g} too {too}, {_tried(len(pairs))}."
    return "the result is off by a constant amount", words


def _of_sequences(pairs: Pairs, inputs: Inputs, tolerance: float) -> Found:
    if all(isinstance(want, tuple) and len(got) == len(want) for got, want in pairs):
        entries = [list(of) for of in zip(*(zip(*p, strict=True) for p in pairs), strict=True)]
        names = [f"number {place}" for place in range(1, len(entries) + 1)]
        if found := _of_entries(names, entries, inputs, tolerance):
            return found
    lists = [(list(got), list(want)) for got, want in pairs]
    if all(not difference(got[::-1], want, tolerance) for got, want in lists):
        return "the order is reversed", "The entries are right, in the reverse order."
    if all(not difference(got, want, tolerance, unordered=True) for got, want in lists):
        return "the order is wrong", "The entries are right, their order is not."
    return None


def _of_entries(names: list[str], entries: list[Pairs], inputs: Inputs, tolerance: float) -> Found:
    """Which of several results are right, when some are. entries: in each trial, of each name."""
    bad = [any(difference(g, w, tolerance) for g, w in entry) for entry in entries]
    if all(bad) or not any(bad):
        return None
    sides = [[name for name, is_bad in zip(names, bad, strict=True) if is_bad == k] for k in (0, 1)]
    right, wrong = (
        f"{' and '.join(some if len(some) < 6 else [*some[:3], f'{len(some) - 3} more'])} "
        f"{'are' if some[1:] else 'is'}"
        for some in sides
    )
    words = f"Of the {len(entries)} results, {right} right and {wrong} not."
    more = sum(bad) == 1 and relation(entries[bad.index(True)], inputs, tolerance)
    about = f" Of {sides[1][0]}: {more[1]}" if more else ""
    return "one of the results is wrong", words + about


def _is_01(x: Tensor) -> bool:
    return bool(((x == 0) | (x == 1)).all())


def _all_near(left: list[float], right: list[float], exact: float) -> bool:
    return all(math.isclose(a, b, rel_tol=exact) for a, b in zip(left, right, strict=True))


def _tried(trials: int) -> str:
    """How much was seen: a few inputs say nothing about all inputs."""
    return f"for all {trials} inputs that were tried" if trials > 1 else "for the input tried"


def _close(got: Tensor, want: Tensor, tolerance: float) -> bool:
    return not difference(got, want, 10 * tolerance)
