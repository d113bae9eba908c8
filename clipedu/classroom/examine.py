"""The stages of a check, from "is it there?" to "is it right?", and the first one that fails.

`examine(exercise, subject, seed)` draws fresh inputs, calls the answer and the reference on them,
and returns a `Verdict`. It holds no state and prints nothing; `checks` makes reports of verdicts
for notebooks, `grade` for a class.

A later stage is reached only when the earlier ones pass, but whatever failed, the answer is then
compared with the known misconceptions on everything that was seen (values, gradients, changed
inputs), and the one that fits gives its name.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import torch

from clipedu.classroom import diagnose, readings, values
from clipedu.classroom.calling import Outcome, Trial, fresh, run, tensors
from clipedu.classroom.compare import (
    describe_apart,
    describe_result,
    difference,
    finite,
    same_sort,
)
from clipedu.classroom.diagnose import Record
from clipedu.classroom.examples import where_wrong
from clipedu.classroom.report import Stage
from clipedu.classroom.spec import (
    Exercise,
    FunctionExercise,
    ModuleExercise,
    ValueExercise,
    positional_count,
    signature_in_words,
)
from clipedu.classroom.subject import Subject
from clipedu.classroom.trials import draw_trial
from clipedu.classroom.verdict import Fault, NotAttempted, Verdict

FLOAT32_TOLERANCE = 1e-4


def examine(exercise: Exercise, subject: Subject, seed: int) -> Verdict:
    """Judge one answer. The same seed draws the same inputs. Raises SubjectLost when a remote
    answer dies.
    """
    with torch.device("cpu"):  # whatever the notebook's default device is
        return _examine(exercise, subject, seed)


def _examine(exercise: Exercise, subject: Subject, seed: int) -> Verdict:
    found = subject.describe()
    names = " and ".join(f"`{name}`" for name in exercise.names)
    if found.kind == "missing":
        return Verdict("not attempted", "the answer is missing", f"There is no {names} yet.")
    if isinstance(exercise, ValueExercise):
        return values.examine_value(exercise, subject)
    if found.kind == "empty":
        return Verdict("not attempted", "the answer is still the stub", f"{names} is still empty.")
    examination = _Examination(exercise, subject, seed)
    try:
        examination.go()
    except NotAttempted:
        return Verdict(
            "not attempted",
            "the answer is still the stub",
            f"{names} still raises NotImplementedError.",
        )
    except Fault as fault:
        return examination.name_the_fault(fault)
    return Verdict("passed", stages=tuple(examination.passed), message=f"{names} is right.")


class _Examination:
    def __init__(
        self, exercise: FunctionExercise | ModuleExercise, subject: Subject, seed: int
    ) -> None:
        self.exercise, self.subject, self.seed = exercise, subject, seed
        self.dtype, self.tolerance = torch.float64, exercise.tolerance
        self.passed: list[Stage] = []
        self.stage = ""
        self.records: list[Record] = []
        self.widest: Any = None  # what came back for float64 inputs

    def go(self) -> None:
        """Every stage in order; raises Fault at the first that fails."""
        stages: list[tuple[str, Callable[[], None]]] = [
            ("signature", self._signature),
            ("runs", self._runs),
            ("type", lambda: self._differs("type")),
            ("shape", lambda: self._differs("shape")),
            ("dtype and device", self._dtype),
            ("inputs left alone", self._inputs_left_alone),
            ("gradient flows", self._gradient_flows),
            *(
                (f"holds: {p.broken}", lambda p=p: self._property(p))
                for p in self.exercise.properties
            ),
            ("extreme inputs", self._extremes),
            ("value", lambda: self._differs("value")),
            ("gradient", self._gradient_values),
        ]
        unused = {"gradient flows", "gradient"} if not self.exercise.gradient else set()
        unused |= set() if self.exercise.extremes else {"extreme inputs"}
        for name, look in stages:
            if name not in unused:
                self.stage = "invariances" if name.startswith("holds: ") else name
                look()
                if Stage(self.stage, "passed") not in self.passed:
                    self.passed.append(Stage(self.stage, "passed"))

    # The stages

    def _signature(self) -> None:
        found = self.subject.describe()
        wanted = "module class" if isinstance(self.exercise, ModuleExercise) else "function"
        words = signature_in_words(self.exercise)
        if found.kind != wanted and not (wanted == "function" and found.kind == "class"):
            article = "a subclass of nn.Module" if wanted == "module class" else "a function"
            raise Fault(
                f"the answer is not {article}",
                f"Expected {article}, {words}; got a {found.kind}: {found.type_name}.",
            )
        count = positional_count(self.exercise)
        if found.least > count or (found.most is not None and found.most < count):
            raise Fault(
                "the arguments are not those of the stub",
                f"It must be callable as {words}: {count} by position.",
            )

    def _runs(self) -> None:
        first = self.subject.run(self._trial(0))
        if first.error and first.error.kind == "NotImplementedError":
            raise NotAttempted
        self.widest = first.value
        loose = first.error is not None or not same_sort(first.value, self.dtype)
        if loose:  # a legitimate answer may be written for float32 only
            self.dtype = torch.float32
            self.tolerance = max(self.tolerance, FLOAT32_TOLERANCE)
            again = self.subject.run(self._trial(0))
            if again.error and first.error:
                self.dtype = torch.float64
        self._collect()
        for record in self.records:
            if record.want.error and not record.got.error:
                at = f" for {record.extreme}" if record.extreme else ""
                message = f"It should raise {record.want.error.kind}{at}, and does not."
                raise Fault("nothing is raised", message)
            if record.got.error and not record.want.error:
                at = f" for {record.extreme}" if record.extreme else ""
                if record.got.error.kind == "FrozenParameter":
                    raise Fault("a parameter is frozen", f"{record.got.error.message}.")
                if record.got.error.kind == "StateMismatch":
                    raise Fault(
                        "the parameters have other names or shapes",
                        f"Compared with the stub, {record.got.error.message}.",
                    )
                raise Fault(
                    f"it raises {record.got.error.kind}",
                    _sentence(f"Calling it{at} raised {record.got.error}"),
                )

    def _differs(self, kind: str) -> None:
        kinds = [self._difference(record.got, record.want) for record in self.records]
        wrong = [record for record, how in zip(self.records, kinds, strict=True) if how == kind]
        if not wrong:
            return
        where = where_wrong(self.exercise.names[0], self.records, wrong)
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

    def _dtype(self) -> None:
        for record in self.records:
            if any(tensor.device.type != "cpu" for tensor in tensors(record.got.value)):
                message = "The inputs are on the CPU, the result is not: use the inputs' device."
                raise Fault("the result is on another device", message)
        if (
            self.exercise.dtype == "same"
            and self.widest is not None
            and not same_sort(self.widest, torch.float64)
        ):
            seen = describe_result(self.widest)
            raise Fault(
                "the result has the wrong dtype",
                f"For float64 inputs it returned {seen}; expected the inputs' dtype.",
            )

    def _inputs_left_alone(self) -> None:
        for record in self.records:
            for name, before in record.trial.inputs.items():
                after = record.got.after.get(name)
                if name in self.exercise.changes:
                    if self._unlike(after, record.want.after.get(name)):
                        raise Fault(
                            f"`{name}` is not changed as asked",
                            f"After the call, `{name}` is not what it should be.",
                        )
                elif not callable(before) and self._unlike(after, before):
                    raise Fault(
                        "an input is changed in place",
                        f"After the call, the caller's `{name}` has other values than before.",
                    )

    def _gradient_flows(self) -> None:
        for record in self.records:
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

    def _gradient_values(self) -> None:
        for record in self.records:
            for name, want in (record.want.grads or {}).items():
                got = (record.got.grads or {}).get(name)
                if want is None or not self._unlike(got, want, 10 * self.tolerance):
                    continue
                if got is not None and not bool(got.any()):
                    raise _vanishes(name, record)
                raise Fault(
                    "the gradient is wrong",
                    f"The value is right, but the gradient with respect to `{name}` is not.",
                )

    def _property(self, rule: Any) -> None:
        trial = self._trial(0)
        names = list(trial.inputs)

        def call(*inputs: Any) -> Any:
            outcome = self.subject.run(
                replace(trial, inputs=dict(zip(names, inputs, strict=True)), grad=())
            )
            if outcome.error:
                raise Fault(
                    f"it raises {outcome.error.kind}",
                    _sentence(f"Calling it raised {outcome.error}"),
                )
            return outcome.value

        left, right = rule.pair(call, *(fresh(value) for value in trial.inputs.values()))
        if difference(left, right, 10 * self.tolerance):
            raise Fault(rule.broken, f"{rule.broken[0].upper()}{rule.broken[1:]}.")

    def _extremes(self) -> None:
        for record in self.records:
            if record.extreme and finite(record.want.value) and not finite(record.got.value):
                raise Fault(
                    "the result is not finite for extreme inputs",
                    f"For {record.extreme} the result holds nan or inf.",
                )

    # The machinery

    def name_the_fault(self, fault: Fault) -> Verdict:
        """Look for the misconception that explains everything seen; else a general reading; else
        the stage's own words.
        """
        stages = (*self.passed, Stage(self.stage, "failed"))
        if not self.records:
            return Verdict("failed", fault.diagnosis, fault.message, stages)
        known = diagnose.known(self.exercise, self.records, self.tolerance)
        if known is not None:
            message = f"This is what you get when {known.when}." + (
                f" {known.look}" if known.look else ""
            )
            return Verdict("failed", known.when, message, stages)
        guess = readings.reading(self.exercise, self.subject, self.records, self.tolerance)
        if guess is not None and self.stage in (
            "shape",
            "invariances",
            "value",
            "gradient",
            "gradient flows",
        ):
            more = "" if fault.diagnosis == "the value is wrong" else f" {fault.message}"
            return Verdict("failed", guess[0], guess[1] + more, stages)
        return Verdict("failed", fault.diagnosis, fault.message, stages)

    def _collect(self) -> None:
        trials = [("", self._trial(i)) for i in range(self.exercise.trials)]
        for number, (words, draw) in enumerate((self.exercise.extremes or {}).items()):
            trials.append((words, self._trial(100 + number, draw)))
        for words, trial in trials:
            got, want = self.subject.run(trial), run(self.exercise.reference, trial)
            if self.exercise.changes and want.value is None:
                got = replace(got, value=None)  # what counts is the change, not what is returned
            for other in self.exercise.accepts:
                if self._difference(got, want):
                    alternative = run(other, trial)
                    want = alternative if not self._difference(got, alternative) else want
            self.records.append(Record(trial, got, want, words))

    def _trial(self, number: int, draw: Any = None) -> Trial:
        return draw_trial(self.exercise, self.seed, number, self.dtype, draw)

    def _difference(self, got: Outcome, want: Outcome) -> str:
        if got.error or want.error:
            same = got.error and want.error and got.error.kind == want.error.kind
            return "" if same else "value"
        return difference(got.value, want.value, self.tolerance, unordered=self.exercise.unordered)

    def _unlike(self, got: Any, want: Any, tolerance: float | None = None) -> bool:
        return bool(difference(got, want, tolerance or self.tolerance))


def _sentence(words: str) -> str:
    """With one full stop at its end, also after an exception that brings its own."""
    return words if words.endswith((".", "!", "?")) else f"{words}."


def _vanishes(name: str, record: Record) -> Fault:
    at = f" for {record.extreme}" if record.extreme else ""
    words = f"The gradient with respect to `{name}` is zero{at}, and should not be."
    return Fault("the gradient vanishes", words)
