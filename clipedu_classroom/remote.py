"""Talk to a worker: the parent's end of the pipe. A worker is never believed, only asked.

Every question has a deadline. A worker that is late, dies or talks nonsense is stopped, and
`SubjectLost` says which it was.
"""

from __future__ import annotations

import os
import select
import signal
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from clipedu_classroom import sandbox, wire
from clipedu_classroom.calling import Failure, Outcome, Trial
from clipedu_classroom.describing import Description
from clipedu_classroom.effort import Budget, Effort
from clipedu_classroom.sandbox import Limits
from clipedu_classroom.subject import MISSING, SubjectLost

STARTUP_SECONDS = 60.0
LOOK_EVERY = 0.2  # seconds
MOST_PATIENCE = 20  # times the allowed seconds, on a machine that is busy with other things
MAX_CALLBACKS = 5000


class Client:
    """One worker, from start to stop. `budget` is what is left for the whole submission."""

    def __init__(
        self,
        kind: str,
        limits: Limits,
        budget: Budget,
        *,
        library: tuple[str, ...] = (),
        hidden: tuple[Path, ...] = (),
        slot: int = 0,
    ) -> None:
        self.limits, self.budget = limits, budget
        self.notes: list[str] = []
        self.alive = True
        self.running = sandbox.start(kind, limits, library=library, hidden=hidden, slot=slot)
        try:
            pipes = self.running.process
            assert pipes.stdin and pipes.stdout
            self.to, self.source = pipes.stdin.fileno(), pipes.stdout.fileno()
            os.set_blocking(self.to, False)
            os.set_blocking(self.source, False)
            self.effort = Effort(self.running.process.pid)
            self._answer([], allowed=STARTUP_SECONDS)
        except BaseException:  # an interruption too: no worker stays behind
            self.stop()
            raise

    def ask(self, op: str, **request: Any) -> dict[str, Any]:
        """One question. Raises SubjectLost; returns the answer's dict ({"error": ...} for what the
        student's code raised).
        """
        if not self.alive:
            raise SubjectLost("crashed", "The process that ran this answer has ended.")
        answer = self._answer([], {"op": op, **request})
        if not isinstance(answer, dict):
            self._lose("crashed", "The answer's process sent something that is no answer.")
        if _out_of_memory(answer.get("error")):
            self._lose(
                "crashed", f"It asked for more memory than the {self.limits.memory_mb} MB allowed."
            )
        return answer

    def stop(self) -> None:
        self.alive = False
        sandbox.stop(self.running)

    def _answer(
        self,
        functions: list[Callable[..., Any]],
        request: dict[str, Any] | None = None,
        allowed: float | None = None,
    ) -> Any:
        self.allowed = self.limits.call_seconds if allowed is None else allowed
        self.until = time.monotonic() + MOST_PATIENCE * self.allowed
        self.effort.start()
        self.looked, self.before = time.monotonic(), 0.0

        def register(function: Callable[..., Any]) -> int:
            functions.append(function)
            return len(functions) - 1

        try:
            if request is not None:
                wire.send(self._write, wire.encode(request, register))
            for _ in range(MAX_CALLBACKS):
                reply = wire.decode(wire.receive(self._read))
                if not isinstance(reply, dict):
                    raise wire.WireError("no reply")
                if "call" not in reply:
                    notes = reply.get("notes", [])
                    if isinstance(notes, list):
                        self.notes = [str(note)[:200] for note in notes[:20]]
                    return reply.get("ok")
                wire.send(self._write, wire.encode(self._call_back(functions, reply)))
        except TimeoutError:
            self._lose("timeout", self._how_it_was_late())
        except (EOFError, OSError):
            self._lose(*self._how_it_died())
        except (wire.WireError, TypeError, ValueError, KeyError, RecursionError):
            self._lose("crashed", "The answer's process sent something that is no answer.")
        self._lose("crashed", "It called a function that it was given far too often.")

    def _call_back(
        self, functions: list[Callable[..., Any]], reply: dict[str, Any]
    ) -> dict[str, Any]:
        """Run a function that the exercise handed out, on what the student's code gives it."""
        number = reply["call"]
        if not isinstance(number, int) or not 0 <= number < len(functions):
            return {"error": "there is no such function"}
        try:
            return {"value": functions[number](*reply["inputs"], **reply["named"])}
        except Exception as error:
            return {"error": f"{type(error).__name__}: {error}"}

    def _read(self, count: int) -> bytes:
        parts, left = [], count
        while left:
            self._wait([self.source], [])
            part = os.read(self.source, min(left, 1 << 20))
            if not part:
                break
            parts.append(part)
            left -= len(part)
        return b"".join(parts)

    def _write(self, data: bytes) -> None:
        view = memoryview(data)
        while view:
            self._wait([], [self.to])
            view = view[os.write(self.to, view) :]

    def _wait(self, read: list[int], write: list[int]) -> None:
        """Wait until a pipe is ready. Raises TimeoutError when the time for this question is up."""
        while True:
            ready = any(select.select(read, write, [], LOOK_EVERY))
            now = time.monotonic()
            if now - self.looked >= LOOK_EVERY:  # a quick answer costs no look
                self.looked = now
                spent = self.effort.spent()
                self.budget.seconds -= spent - self.before
                self.before = spent
                if spent >= self.allowed or now > self.until or self.budget.is_empty:
                    raise TimeoutError
            if ready:
                return

    def _how_it_was_late(self) -> str:
        if self.budget.is_empty:
            seconds = self.limits.wall_seconds
            return f"The whole submission took longer than {seconds:g} seconds."
        return f"It took longer than {self.allowed:g} seconds: is there a loop that never ends?"

    def _how_it_died(self) -> tuple[str, str]:
        code = self.running.process.poll()
        for _ in range(40):
            if code is not None:
                break
            time.sleep(0.05)
            code = self.running.process.poll()
        number = -code if code is not None and code < 0 else (code or 0) - 128
        if number == signal.SIGXCPU:
            return "timeout", f"It used more than {self.limits.cpu_seconds} seconds of CPU time."
        if number == signal.SIGKILL:
            return (
                "crashed",
                "Its process was killed: it used too much CPU or memory, or killed itself.",
            )
        if number in (signal.SIGSEGV, signal.SIGBUS, signal.SIGABRT):
            return "crashed", f"Its process crashed ({signal.Signals(number).name})."
        return "crashed", "Its process ended before it answered (os._exit, perhaps)."

    def _lose(self, reason: str, message: str) -> Any:
        self.stop()
        raise SubjectLost(reason, message)


class RemoteSubject:
    """An answer in a worker, seen by the checks like one in this process."""

    def __init__(
        self, client: Client, names: tuple[str, ...], several: bool, source: str = ""
    ) -> None:
        self.client, self.source = client, source
        self.target: dict[str, Any] = {"names": list(names), "several": several}

    def describe(self) -> Description:
        answer = self.client.ask("describe", **self.target)
        most = answer.get("most")
        return Description(
            str(answer.get("kind", "missing"))[:40],
            str(answer.get("type_name", ""))[:100],
            int(answer.get("least") or 0),
            None if most is None else int(most),
        )

    def run(self, trial: Trial) -> Outcome:
        answer = self.client.ask("run", trial=_as_dict(trial), **self.target)
        after, grads = answer.get("after"), answer.get("grads")
        return Outcome(
            value=answer.get("value"),
            after=after if isinstance(after, dict) else {},
            grads=grads if isinstance(grads, dict) else None,
            error=failure_from(answer.get("error")),
            grad_error=failure_from(answer.get("grad_error")),
        )

    def value(self) -> Any:
        answer = self.client.ask("value", **self.target)
        return answer.get("value", MISSING)

    def code(self) -> str:
        return self.source  # as handed in: the worker is not asked


FIELDS = ("inputs", "grad", "init", "state", "method", "autograd")


def _as_dict(trial: Trial) -> dict[str, Any]:
    return {name: getattr(trial, name) for name in FIELDS}


def failure_from(entry: Any) -> Failure | None:
    """What a worker says was raised; None when nothing was."""
    if not isinstance(entry, dict):
        return None
    words = [str(entry.get(name, ""))[:300] for name in ("kind", "message", "where")]
    return Failure(words[0] or "Exception", *words[1:])


def _out_of_memory(entry: Any) -> bool:
    failure = failure_from(entry)
    return failure is not None and (
        failure.kind == "MemoryError"
        or "can't allocate memory" in failure.message
        or "not enough memory" in failure.message
    )
