"""What is wrong with answers that have been written down: a function for each stage of a check that
needs no further call. Each raises the `Fault` that it finds, and returns when there is none.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from clipedu_classroom.calling import Outcome, tensors
from clipedu_classroom.compare import describe_apart, describe_result, difference, finite, same_sort
from clipedu_classroom.diagnose import Record
from clipedu_classroom.forbidden_patterns import function_of
from clipedu_classroom.report import Fault
from clipedu_classroom.spec import FunctionExercise, ModuleExercise

LONGEST_CALL = 320  # characters
LONGEST_RESULT = 160


def where_wrong(name: str, records: list[Record], wrong: list[Record]) -> str:
    """One or two sentences, or "": the cases that go wrong when only special ones do, and the
    shortest call that shows it.
    """
    cases = [record.extreme for record in wrong if record.extreme]
    special_only = len(cases) == len(wrong) < len(records)
    words = f"It goes wrong for: {'; '.join(cases[:3])}." if special_only else ""
    calls = [example(name, record) for record in wrong]
    return f"{words} {min(filter(None, calls), key=len, default='')}".strip()


def example(name: str, record: Record) -> str:
    """ "For example, `f(2)` returns 3.", or "" when it is too long to read or no plain data."""
    if record.got.error or not plain(record.got.value):
        return ""
    if not all(plain(value) for value in record.trial.inputs.values()):
        return ""
    call = f"{name}({', '.join(in_code(value) for value in record.trial.inputs.values())})"
    result = in_code(record.got.value)
    if len(call) > LONGEST_CALL or len(result) > LONGEST_RESULT:
        return ""
    return f"For example, `{call}` returns `{result}`."


def plain(value: Any) -> bool:
    """Numbers, strings, small tensors of whole numbers, and lists, tuples and dicts of these."""
    if isinstance(value, Tensor):
        return not value.is_floating_point() and not value.is_complex() and value.numel() <= 12
    if isinstance(value, dict):
        return all(plain(key) and plain(item) for key, item in value.items())
    if isinstance(value, (list, tuple)):
        return all(plain(item) for item in value)
    return value is not None and type(value) in (bool, int, float, str)


def in_code(value: Any) -> str:
    """The value as one would type it; floats with four digits."""
    if isinstance(value, Tensor):
        kind = "" if value.dtype in (torch.int64, torch.bool) else f", dtype={value.dtype}"
        return f"torch.tensor({value.tolist()}{kind})"
    if isinstance(value, float):
        return f"{value:.4g}"
    if isinstance(value, dict):
        return "{" + ", ".join(f"{in_code(k)}: {in_code(v)}" for k, v in value.items()) + "}"
    if isinstance(value, tuple):
        inside = ", ".join(in_code(item) for item in value)
        return f"({inside},)" if len(value) == 1 else f"({inside})"
    if isinstance(value, list):
        return "[" + ", ".join(in_code(item) for item in value) + "]"
    return repr(value)


Asked = FunctionExercise | ModuleExercise


def how_different(exercise: Asked, got: Outcome, want: Outcome, tolerance: float) -> str:
    """ "" for the same outcome, else what differs first: "type", "shape" or "value". The same
    exception on both sides is the same outcome.
    """
    if got.error or want.error:
        same = got.error and want.error and got.error.kind == want.error.kind
        return "" if same else "value"
    return difference(got.value, want.value, tolerance, unordered=exercise.unordered)


def differs(exercise: Asked, records: list[Record], tolerance: float, kind: str) -> None:
    """Are the results of another kind than the right ones? kind: "type", "shape" or "value"."""
    kinds = [how_different(exercise, record.got, record.want, tolerance) for record in records]
    wrong = [record for record, how in zip(records, kinds, strict=True) if how == kind]
    if not wrong:
        return
    where = where_wrong(exercise.names[0], records, wrong)
    if kind == "value":
        words = "The kind and the shape of the result are right, its value is not."
        raise Fault("the value is wrong", f"{words} {where}".strip())
    value = wrong[0].got.value
    seen, wanted = describe_apart(value, wrong[0].want.value)
    if value is None:
        words = f"It returned nothing; expected {wanted}. Is there a `return`?"
        raise Fault("nothing is returned", words)
    words = f"It returned {seen}; expected {wanted}."
    raise Fault(f"the result has the wrong {kind}", f"{words} {where}".strip())


def dtype_and_device(exercise: Asked, records: list[Record], widest: Any) -> None:
    """widest: what came back for float64 inputs."""
    for record in records:
        if any(tensor.device.type != "cpu" for tensor in tensors(record.got.value)):
            message = "The inputs are on the CPU, the result is not: use the inputs' device."
            raise Fault("the result is on another device", message)
    if exercise.dtype == "same" and widest is not None and not same_sort(widest, torch.float64):
        seen = describe_result(widest)
        raise Fault(
            "the result has the wrong dtype",
            f"For float64 inputs it returned {seen}; expected the inputs' dtype.",
        )


def inputs_left_alone(exercise: Asked, records: list[Record], tolerance: float) -> None:
    """Are the inputs changed that shall be, as they shall be, and no others?"""
    for record in records:
        for name, before in record.trial.inputs.items():
            after = record.got.after.get(name)
            if name in exercise.changes:
                if difference(after, record.want.after.get(name), tolerance):
                    raise Fault(
                        f"`{name}` is not changed as asked",
                        f"After the call, `{name}` is not what it should be.",
                    )
            elif not callable(before) and difference(after, before, tolerance):
                raise Fault(
                    "an input is changed in place",
                    f"After the call, the caller's `{name}` has other values than before.",
                )


def gradient_flows(records: list[Record]) -> None:
    for record in records:
        if record.got.grad_error and not record.want.grad_error:
            message = f"Asking for the gradient raised {record.got.grad_error}."
            raise Fault("the gradient does not flow", message)
        for name, want in (record.want.grads or {}).items():
            got = (record.got.grads or {}).get(name)
            if want is None or not bool(want.any()):
                continue
            if got is None:
                raise Fault(
                    "the gradient does not flow",
                    f"No gradient reaches `{name}`: .item(), .detach() and NumPy cut it.",
                )
            if not record.extreme and not bool(got.any()):
                raise _vanishes(name, record)


def gradient_values(records: list[Record], tolerance: float) -> None:
    for record in records:
        for name, want in (record.want.grads or {}).items():
            got = (record.got.grads or {}).get(name)
            if want is None or not difference(got, want, 10 * tolerance):
                continue
            if got is not None and not bool(got.any()):
                raise _vanishes(name, record)
            raise Fault(
                "the gradient is wrong",
                f"The value is right, but the gradient with respect to `{name}` is not.",
            )


def finite_for_extremes(records: list[Record]) -> None:
    for record in records:
        if record.extreme and finite(record.want.value) and not finite(record.got.value):
            raise Fault(
                "the result is not finite for extreme inputs",
                f"For {record.extreme} the result holds nan or inf.",
            )


def way_of_working(exercise: Asked, code: str) -> None:
    """Does the answer's code do what the task rules out? Silent where the code is not known."""
    function = function_of(code, exercise.names[0]) if code else None
    for pattern in exercise.forbidden_patterns:
        if function is not None and pattern.seen(function):
            raise Fault(
                pattern.when, f"The values are right, but {pattern.when}. {pattern.hint}".strip()
            )


def _vanishes(name: str, record: Record) -> Fault:
    at = f" for {record.extreme}" if record.extreme else ""
    words = f"The gradient with respect to `{name}` is zero{at}, and should not be."
    return Fault("the gradient vanishes", words)
