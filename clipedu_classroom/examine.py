"""The stages of a check, from "is it there?" to "is it right?": the first that fails is reported,
under the name of the known misconception that explains everything seen, if one does."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import Any

import torch
from torch import Tensor

from clipedu_classroom.calling import (
    Outcome,
    Trial,
    build,
    describe,
    fresh,
    on_the_cpu,
    run,
    tensors,
)
from clipedu_classroom.compare import (
    describe_apart,
    describe_result,
    difference,
    finite,
    in_code,
    is_plain,
    same_sort,
)
from clipedu_classroom.diagnose import Asked, Record, diagnose, known
from clipedu_classroom.report import Fault, Report
from clipedu_classroom.spec import (
    Exercise,
    FunctionExercise,
    Inputs,
    ModuleExercise,
    ValueExercise,
    signature_in_words,
)
from clipedu_classroom.subject import Subject
from clipedu_classroom.values import examine_value

FLOAT32_TOLERANCE = 1e-4
STUB = "the answer is still the stub"
LONGEST_CALL, LONGEST_RESULT = 320, 160  # characters of an example
ARTICLES = {"module class": "a subclass of nn.Module", "class": "a class", "function": "a function"}
#: Stages at which a relation to the right result says more than the stage itself.
OF_VALUES = ("shape", "inputs left alone", "invariances", "value", "gradient", "gradient flows")


def draw_trial(
    exercise: Asked,
    seed: int,
    number: int,
    dtype: torch.dtype,
    inputs: Inputs | None = None,
    as_drawn: bool = False,
) -> Trial:
    """Trial `number` of an examination: the same seed and number draw the same, in `dtype`, or
    in the dtypes in which they are drawn. A module gets random parameters, its norms' weights about
    1 and all else about 0."""
    generator = torch.Generator().manual_seed((seed * 1000 + number) % 2**63)
    drawn = fresh((inputs or exercise.inputs)(generator), None if as_drawn else dtype)
    trial = Trial(drawn, exercise.gradient, keywords=exercise.keywords)
    if not isinstance(exercise, ModuleExercise):
        return replace(trial, driver=exercise.driver, autograd=exercise.autograd)
    state = {}
    module = build(exercise.reference, exercise.init, exercise.keywords)
    for name, parameter in module.named_parameters():
        noise = torch.randn(parameter.shape, generator=generator, dtype=torch.float32).to(dtype)
        is_norm = parameter.ndim == 1 and name.endswith("weight")
        state[name] = 1 + 0.1 * noise if is_norm else 0.3 * noise
    return replace(trial, init=exercise.init, state=state, method=exercise.method)


def examine(exercise: Exercise, subject: Subject, seed: int) -> Report:
    """Judge one answer; the report has no points yet. The same seed draws the same inputs. Raises
    SubjectLost when a remote answer dies."""
    names = " and ".join(f"`{name}`" for name in exercise.names)
    checked: list[str] = []
    with on_the_cpu():
        try:
            kind, stage = subject.describe().kind, "value"
            if kind == "missing":
                words = f"There is no {names} yet."
                raise Fault("the answer is missing", words, "not attempted")
            if isinstance(exercise, ValueExercise):
                examine_value(exercise, subject.value())
                return Report(exercise.id, "passed", checked=("value",), message="That is right.")
            if kind == "empty":
                raise Fault(STUB, f"{names} is still empty.", "not attempted")
            examination = Examination(exercise, subject, seed)
            for stage, look in STAGES.items():
                if look(examination) is not False:
                    checked.append(stage)
        except Fault as fault:
            if fault.status == "not attempted":
                checked, stage = [], ""
            elif not isinstance(exercise, ValueExercise):
                fault = examination.named(stage, fault)
            seen = "", 0, 1, tuple(checked), stage, fault.diagnosis, fault.message
            return Report(exercise.id, fault.status, *seen)
    message = f"{names} is right."
    return Report(exercise.id, "passed", checked=tuple(checked), message=message)


@dataclass
class Examination:
    """One answer to an exercise that asks for code, and what has been seen of it."""

    exercise: Asked
    subject: Subject
    seed: int
    dtype: torch.dtype = torch.float64
    tolerance: float = 0.0
    records: list[Record] = field(default_factory=list)
    widest: Any = None  # what came back for float64 inputs

    def __post_init__(self) -> None:
        self.tolerance = self.exercise.tolerance

    def trial(self, number: int, draw: Inputs | None = None, as_drawn: bool = False) -> Trial:
        return draw_trial(self.exercise, self.seed, number, self.dtype, draw, as_drawn)

    def collect(self) -> None:
        """Make every call, ordinary inputs first."""
        exercise = self.exercise
        trials = [("", self.trial(number)) for number in range(exercise.trials)]
        for number, (words, draw) in enumerate((exercise.extremes or {}).items(), 100):
            trials.append((words, self.trial(number, draw, words in exercise.as_drawn)))
        for words, trial in trials:
            got, want = self.subject.run(trial), run(exercise.reference, trial)
            if exercise.changes and want.value is None:
                got = replace(got, value=None)  # what counts is the change, not what is returned
            if self.how_different(got, want):
                others = (run(other, trial) for other in exercise.accepts)
                want = next((o for o in others if not self.how_different(got, o)), want)
            self.records.append(Record(trial, got, want, words))

    def how_different(self, got: Outcome, want: Outcome) -> str:
        """ "" for the same outcome, else what differs first: "type", "shape" or "value". The same
        exception on both sides is the same outcome."""
        if got.error or want.error:
            same = got.error and want.error and got.error.kind == want.error.kind
            return "" if same else "value"
        unordered = self.exercise.unordered
        return difference(got.value, want.value, self.tolerance, unordered=unordered)

    def named(self, stage: str, fault: Fault) -> Fault:
        """A misconception, else a relation to the right result, else the stage's own words."""
        if not self.records:
            return fault
        misconception = known(self.exercise, self.records, self.tolerance)
        if misconception:
            return Fault(misconception.when, misconception.message)
        if stage not in OF_VALUES or fault.diagnosis == "an input is changed in place":
            return fault
        found = diagnose(self.exercise, self.subject, self.records, self.tolerance)
        if found is None:
            return fault
        more = "" if fault.diagnosis == "the value is wrong" else f" {fault.message}"
        return Fault(found[0], found[1] + more)

    def where_wrong(self, wrong: list[Record]) -> str:
        """One or two sentences, or "": the cases that go wrong when only special ones do, and the
        shortest call that shows it, of plain data and short enough to read."""
        cases = [record.extreme for record in wrong if record.extreme]
        special_only = len(cases) == len(wrong) < len(self.records)
        examples = []
        for record in wrong:
            inputs, value = list(record.trial.inputs.values()), record.got.value
            usable = not record.got.error and not record.trial.driver
            if usable and is_plain(value) and is_plain(inputs):
                call = f"{self.exercise.names[0]}({', '.join(map(in_code, inputs))})"
                if len(call) <= LONGEST_CALL and len(in_code(value)) <= LONGEST_RESULT:
                    examples.append(f"For example, `{call}` returns `{in_code(value)}`.")
        words = [f"It goes wrong for: {'; '.join(cases[:3])}."] if special_only else []
        return " ".join([*words, *sorted(examples, key=len)[:1]])


# The stages. Each raises the Fault that it finds, and returns False where it has nothing to look at


def signature(e: Examination) -> None:
    found, words = e.subject.describe(), signature_in_words(e.exercise)
    driven = isinstance(e.exercise, FunctionExercise) and bool(e.exercise.drive)
    any_kind = driven or isinstance(e.exercise, ModuleExercise)
    wanted = describe(e.exercise.reference).kind if any_kind else "function"
    if found.kind != wanted and (found.kind, wanted) != ("class", "function"):
        article = ARTICLES[wanted]
        words = f"Expected {article}, {words}; got a {found.kind}: {found.type_name}."
        raise Fault(f"the answer is not {article}", words)
    if driven:
        return
    asked = e.exercise.argument_names()
    count = sum(name not in e.exercise.keywords for name in asked)
    too_few = found.most is not None and found.most < count
    if found.least > len(asked) or too_few or set(found.named) - set(e.exercise.keywords):
        words = f"It must be callable as {words}: {count} by position."
        raise Fault("the arguments are not those of the stub", words)


def runs(e: Examination) -> None:
    first = e.subject.run(e.trial(0))
    if first.error and first.error.kind == "NotImplementedError":
        words = f"`{e.exercise.names[0]}` still raises NotImplementedError."
        raise Fault(STUB, words, "not attempted")
    e.widest = first.value
    if first.error or not same_sort(first.value, e.dtype):
        # A legitimate answer may be written for float32 only
        e.dtype, e.tolerance = torch.float32, max(e.tolerance, FLOAT32_TOLERANCE)
        if first.error and e.subject.run(e.trial(0)).error:
            e.dtype = torch.float64
    e.collect()
    for record in e.records:
        at = f" for {record.extreme}" if record.extreme else ""
        got, want = record.got.error, record.want.error
        if want and not got:
            words = f"It should raise {want.kind}{at}, and does not."
            raise Fault("nothing is raised", words)
        if not got or want:
            continue
        if got.kind == "FrozenParameter":
            raise Fault("a parameter is frozen", f"{got.message}.")
        if got.kind == "StateMismatch":
            words = f"Compared with the stub, {got.message}."
            raise Fault("the parameters have other names or shapes", words)
        raise Fault(f"it raises {got.kind}", _sentence(f"Calling it{at} raised {got}"))


def _sentence(words: str) -> str:
    """With one full stop at its end, also after an exception that brings its own."""
    return words if words.endswith((".", "!", "?")) else f"{words}."


def differs(e: Examination, kind: str) -> None:
    """Are the results of another kind than the right ones? kind: "type", "shape" or "value"."""
    wrong = [record for record in e.records if e.how_different(record.got, record.want) == kind]
    if not wrong:
        return
    where = e.where_wrong(wrong)
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


def dtype_and_device(e: Examination) -> None:
    for record in e.records:
        if any(tensor.device.type != "cpu" for tensor in tensors(record.got.value)):
            message = "The inputs are on the CPU, the result is not: use the inputs' device."
            raise Fault("the result is on another device", message)
    if e.exercise.dtype == "same" and not same_sort(e.widest, torch.float64):
        seen = describe_result(e.widest)
        words = f"For float64 inputs it returned {seen}; expected the inputs' dtype."
        raise Fault("the result has the wrong dtype", words)


def inputs_left_alone(e: Examination) -> None:
    """Are the inputs changed that shall be, as they shall be, and no others?"""
    for record in e.records:
        for name, before in record.trial.inputs.items():
            after = record.got.after.get(name)
            if name in e.exercise.changes:
                if difference(after, record.want.after.get(name), e.tolerance):
                    words = f"After the call, `{name}` is not what it should be."
                    raise Fault(f"`{name}` is not changed as asked", words)
            elif not callable(before) and difference(after, before, e.tolerance):
                words = f"After the call, the caller's `{name}` has other values than before."
                raise Fault("an input is changed in place", words)


def _gradients(e: Examination) -> Iterator[tuple[Record, str, Any, Tensor]]:
    """Each gradient that the reference has: record, input, the answer's, the right one."""
    for record in e.records:
        for name, want in (record.want.grads or {}).items():
            if want is not None:
                yield record, name, (record.got.grads or {}).get(name), want


def gradient_flows(e: Examination) -> bool:
    for record in e.records:
        if record.got.grad_error and not record.want.grad_error:
            words = _sentence(f"Asking for the gradient raised {record.got.grad_error}")
            raise Fault("the gradient does not flow", words)
    for record, name, got, want in _gradients(e):
        if bool(want.any()) and got is None:
            words = f"No gradient reaches `{name}`: .item(), .detach() and NumPy cut it."
            raise Fault("the gradient does not flow", words)
        if bool(want.any()) and not record.extreme and not bool(got.any()):
            raise _vanishes(name, record)
    return bool(e.exercise.gradient)


def _vanishes(name: str, record: Record) -> Fault:
    at = f" for {record.extreme}" if record.extreme else ""
    words = f"The gradient with respect to `{name}` is zero{at}, and should not be."
    return Fault("the gradient vanishes", words)


def properties(e: Examination) -> bool:
    trial = e.trial(0)

    def call(*inputs: Any) -> Any:
        given = dict(zip(trial.inputs, inputs, strict=True))
        outcome = e.subject.run(replace(trial, inputs=given, grad=()))
        if outcome.error:
            words = _sentence(f"Calling it raised {outcome.error}")
            raise Fault(f"it raises {outcome.error.kind}", words)
        return outcome.value

    for rule in e.exercise.properties:
        left, right = rule.pair(call, *(fresh(value) for value in trial.inputs.values()))
        if difference(left, right, 10 * e.tolerance):
            raise Fault(rule.broken, f"{rule.broken[0].upper()}{rule.broken[1:]}.")
    return bool(e.exercise.properties)


def extremes(e: Examination) -> bool:
    for record in e.records:
        if record.extreme and finite(record.want.value) and not finite(record.got.value):
            words = f"For {record.extreme} the result holds nan or inf."
            raise Fault("the result is not finite for extreme inputs", words)
    return bool(e.exercise.extremes)


def gradient_values(e: Examination) -> bool:
    for record, name, got, want in _gradients(e):
        rows = record.trial.inputs.get(name)
        sides = got, want
        if difference(*sides, 10 * e.tolerance) and got is not None:
            sides = _across(got, rows), _across(want, rows)
        if difference(*sides, 10 * e.tolerance):
            if got is not None and not bool(got.any()):
                raise _vanishes(name, record)
            words = f"The value is right, but the gradient with respect to `{name}` is not."
            raise Fault("the gradient is wrong", words)
    return bool(e.exercise.gradient)


def _across(gradient: Tensor, rows: Any) -> Tensor:
    """The gradient without its part along rows of length 1: they may be normalized once more."""
    is_matrix = isinstance(rows, Tensor) and rows.ndim > 1
    if not is_matrix or difference(rows.norm(dim=-1).mean(), 1, 1e-5):
        return gradient
    return gradient - (gradient * rows).sum(-1, keepdim=True) * rows


def way_of_working(e: Examination) -> bool:
    """Does a call hold no more at once than it may?"""
    for limit in e.exercise.limits:
        trial = replace(e.trial(200, limit.inputs), grad=(), measured=True)
        if e.subject.run(trial).held.get(limit.of, 0) > limit.most:
            words = f"The values are right, but {limit.when}. {limit.hint}"
            raise Fault(limit.when, words.strip())
    return bool(e.exercise.limits)


STAGES: dict[str, Any] = {
    "signature": signature,
    "runs": runs,
    "type": lambda e: differs(e, "type"),
    "shape": lambda e: differs(e, "shape"),
    "dtype and device": dtype_and_device,
    "inputs left alone": inputs_left_alone,
    "gradient flows": gradient_flows,
    "invariances": properties,
    "extreme inputs": extremes,
    "value": lambda e: differs(e, "value"),
    "gradient": gradient_values,
    "way of working": way_of_working,
}
