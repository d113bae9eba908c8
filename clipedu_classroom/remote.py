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
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from clipedu_classroom import protocol, sandbox
from clipedu_classroom.calling import Description, Failure, Outcome, Trial
from clipedu_classroom.sandbox import Limits
from clipedu_classroom.subject import MISSING, SubjectLost

TICK = os.sysconf("SC_CLK_TCK") if hasattr(os, "sysconf") else 100
MOST_PROCESSES = 200
SUBMISSION_PATIENCE = 2.5  # times its seconds pass at most, however busy the machine is


class CpuTime:
    """The seconds used by a process and all that it started, since `start`: those in which it
    computed or was idle. On a busy machine, time in which it could have run but another program had
    the processor does not count (where the system tells: without /proc, plain time counts)."""

    def __init__(self, pid: int) -> None:
        self.pid = pid
        self.start()

    def start(self) -> None:
        """Count from now on."""
        self.total, self.at = 0.0, time.monotonic()
        seen = _look(self.pid)
        self.cpu = seen[0] if seen else 0.0

    def spent(self) -> float:
        """Seconds used since the start. Call it several times a second: idleness is sampled."""
        now = time.monotonic()
        passed, self.at = now - self.at, now
        seen = _look(self.pid)
        if seen is None:
            self.total += passed
            return self.total
        cpu, runnable = seen
        used = max(0.0, cpu - self.cpu)
        self.cpu = max(cpu, self.cpu)
        # Several threads can use more CPU time than time passed
        self.total += used if runnable else max(used, passed)
        return self.total


@dataclass
class Budget:
    """What is left for a whole submission, over all its workers: fair seconds, and plain time,
    which no worker can slow down."""

    seconds: float
    until: float = 0.0

    def __post_init__(self) -> None:
        self.until = self.until or time.monotonic() + SUBMISSION_PATIENCE * self.seconds

    @property
    def is_empty(self) -> bool:
        return self.seconds <= 0 or time.monotonic() > self.until


def _look(root: int) -> tuple[float, bool] | None:
    """(CPU seconds, is anything able to run) of a process and its descendants; None where this is
    not known."""
    cpu, runnable, found = 0.0, False, False
    queue = [root]
    for pid in queue:
        try:
            with open(f"/proc/{pid}/stat", "rb") as file:
                fields = file.read().rpartition(b")")[2].split()
            with open(f"/proc/{pid}/task/{pid}/children", "rb") as file:
                children = [int(child) for child in file.read().split()]
        except (OSError, ValueError):
            continue
        found = True
        queue += children[: MOST_PROCESSES - len(queue)]
        cpu += sum(int(ticks) for ticks in fields[11:15]) / TICK
        runnable = runnable or fields[0] == b"R"
    return (cpu, runnable) if found else None


STARTUP_SECONDS = 60.0
LOOK_EVERY = 0.2  # seconds
MOST_PATIENCE = 6  # times the seconds of one question, on a machine that is busy
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
            self.cpu_time = CpuTime(self.running.process.pid)
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
        self.cpu_time.start()
        self.looked, self.before = time.monotonic(), 0.0

        def register(function: Callable[..., Any]) -> int:
            functions.append(function)
            return len(functions) - 1

        try:
            if request is not None:
                protocol.send(self._write, protocol.encode(request, register))
            for _ in range(MAX_CALLBACKS):
                reply = protocol.decode(protocol.receive(self._read))
                if not isinstance(reply, dict):
                    raise protocol.ProtocolError("no reply")
                if "call" not in reply:
                    notes = reply.get("notes", [])
                    if isinstance(notes, list):
                        self.notes = [str(note)[:200] for note in notes[:20]]
                    return reply.get("ok")
                protocol.send(self._write, protocol.encode(self._call_back(functions, reply)))
        except TimeoutError:
            self._lose("timeout", self._how_it_was_late())
        except (EOFError, OSError):
            self._lose(*self._how_it_died())
        except (protocol.ProtocolError, TypeError, ValueError, KeyError, RecursionError):
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
                spent = self.cpu_time.spent()
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
            _count(answer.get("least")),
            None if most is None else _count(most),
        )

    def run(self, trial: Trial) -> Outcome:
        answer = self.client.ask("run", trial=vars(trial), **self.target)
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


def _count(value: Any) -> int:
    """A number of arguments, whatever the worker sent."""
    return min(value, 1000) if isinstance(value, int) and value > 0 else 0


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
