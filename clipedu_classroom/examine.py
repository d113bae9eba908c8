"""The stages of a check, from "is it there?" to "is it right?", and the first one that fails.

Whatever failed, the answer is compared with the known misconceptions on everything that was seen
(values, gradients, changed inputs), and the one that fits gives its name. Stages that need no
further call are in `findings`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor, nn

from clipedu_classroom import compare, diagnose, findings, generic_diagnoses
from clipedu_classroom.calling import Trial, fresh, on_the_cpu, run
from clipedu_classroom.compare import difference, same_sort
from clipedu_classroom.diagnose import Record
from clipedu_classroom.findings import how_different
from clipedu_classroom.report import Fault, NotAttempted, Stage, Verdict
from clipedu_classroom.spec import (
    Exercise,
    FunctionExercise,
    Inputs,
    ModuleExercise,
    ValueExercise,
    positional_count,
    signature_in_words,
)
from clipedu_classroom.subject import Subject


def draw_trial(
    exercise: FunctionExercise | ModuleExercise,
    seed: int,
    number: int,
    dtype: torch.dtype,
    inputs: Inputs | None = None,
    as_drawn: bool = False,
) -> Trial:
    """Trial `number` of an examination: the same seed and number draw the same, in `dtype`, or
    in the dtypes in which they are drawn."""
    generator = torch.Generator().manual_seed((seed * 1000 + number) % 2**63)
    drawn = (inputs or exercise.inputs)(generator)
    drawn = drawn if as_drawn else _cast(drawn, dtype)
    if isinstance(exercise, ModuleExercise):
        state = draw_state(exercise, generator, dtype)
        return Trial(drawn, exercise.gradient, exercise.init, state, exercise.method)
    return Trial(drawn, exercise.gradient, autograd=exercise.autograd)


def draw_state(
    exercise: ModuleExercise, generator: torch.Generator, dtype: torch.dtype
) -> dict[str, Tensor]:
    """Random parameters of the reference's names and shapes (norm weights about 1, all else about
    0)."""
    state = {}
    for name, parameter in exercise.reference(*exercise.init.values()).named_parameters():
        noise = torch.randn(parameter.shape, generator=generator, dtype=torch.float32).to(dtype)
        state[name] = (
            1 + 0.1 * noise if parameter.ndim == 1 and name.endswith("weight") else 0.3 * noise
        )
    return state


def _cast(value: Any, dtype: torch.dtype) -> Any:
    """Floating tensors of a tree in `dtype`; all else as it is."""
    if isinstance(value, nn.Parameter):
        return nn.Parameter(value.detach().to(dtype), requires_grad=value.requires_grad)
    if isinstance(value, Tensor):
        return value.to(dtype) if value.is_floating_point() else value
    if isinstance(value, dict):
        return {key: _cast(item, dtype) for key, item in value.items()}
    if type(value) in (list, tuple):
        return type(value)(_cast(item, dtype) for item in value)
    return value


FLOAT32_TOLERANCE = 1e-4


def examine(exercise: Exercise, subject: Subject, seed: int) -> Verdict:
    """Judge one answer. The same seed draws the same inputs. Raises SubjectLost when a remote
    answer dies."""
    with on_the_cpu():
        return _examine(exercise, subject, seed)


def _examine(exercise: Exercise, subject: Subject, seed: int) -> Verdict:
    found = subject.describe()
    names = " and ".join(f"`{name}`" for name in exercise.names)
    if found.kind == "missing":
        return Verdict("not attempted", "the answer is missing", f"There is no {names} yet.")
    if isinstance(exercise, ValueExercise):
        return compare.examine_value(exercise, subject)
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
            (
                "dtype and device",
                lambda: findings.dtype_and_device(self.exercise, self.records, self.widest),
            ),
            (
                "inputs left alone",
                lambda: findings.inputs_left_alone(self.exercise, self.records, self.tolerance),
            ),
            ("gradient flows", lambda: findings.gradient_flows(self.records)),
            *(
                (f"holds: {p.broken}", lambda p=p: self._property(p))
                for p in self.exercise.properties
            ),
            ("extreme inputs", lambda: findings.finite_for_extremes(self.records)),
            ("value", lambda: self._differs("value")),
            ("gradient", lambda: findings.gradient_values(self.records, self.tolerance)),
            ("way of working", lambda: findings.way_of_working(self.exercise, self.subject.code())),
        ]
        unused = {"gradient flows", "gradient"} if not self.exercise.gradient else set()
        unused |= set() if self.exercise.extremes else {"extreme inputs"}
        unused |= set() if self.exercise.forbidden_patterns else {"way of working"}
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
        findings.differs(self.exercise, self.records, self.tolerance, kind)

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

    # The machinery

    def name_the_fault(self, fault: Fault) -> Verdict:
        """Look for the misconception that explains everything seen; else a generic diagnosis; else
        the stage's own words."""
        stages = (*self.passed, Stage(self.stage, "failed"))
        if not self.records:
            return Verdict("failed", fault.diagnosis, fault.message, stages)
        known = diagnose.known(self.exercise, self.records, self.tolerance)
        if known is not None:
            return Verdict("failed", known.when, known.message, stages)
        guess = generic_diagnoses.generic_diagnosis(
            self.exercise, self.subject, self.records, self.tolerance
        )
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
            own = words in self.exercise.as_drawn
            trials.append((words, self._trial(100 + number, draw, own)))
        for words, trial in trials:
            got, want = self.subject.run(trial), run(self.exercise.reference, trial)
            if self.exercise.changes and want.value is None:
                got = replace(got, value=None)  # what counts is the change, not what is returned
            for other in self.exercise.accepts:
                if how_different(self.exercise, got, want, self.tolerance):
                    alternative = run(other, trial)
                    if not how_different(self.exercise, got, alternative, self.tolerance):
                        want = alternative
            self.records.append(Record(trial, got, want, words))

    def _trial(self, number: int, draw: Any = None, as_drawn: bool = False) -> Trial:
        return draw_trial(self.exercise, self.seed, number, self.dtype, draw, as_drawn)


def _sentence(words: str) -> str:
    """With one full stop at its end, also after an exception that brings its own."""
    return words if words.endswith((".", "!", "?")) else f"{words}."
