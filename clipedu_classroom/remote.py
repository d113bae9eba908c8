"""Talk to a worker: the parent's end of the pipe. A worker is never believed, only asked.

Every question has a deadline. A worker that is late, too large, dies or talks nonsense is stopped,
and `SubjectLost` says which it was."""

from __future__ import annotations

import os
import select
import signal
import subprocess
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from clipedu_classroom import protocol, sandbox
from clipedu_classroom.calling import Description, Failure, Outcome, Trial
from clipedu_classroom.sandbox import Limits
from clipedu_classroom.subject import MISSING, SubjectLost

STARTUP_SECONDS = 60.0
LOOK_EVERY = 0.2  # seconds
PATIENCE = 6  # times the seconds of one question pass at most, however busy the machine is
MAX_CALLBACKS = 5000
MAX_PROCESSES = 200
NO_ANSWER = "The answer's process sent something that is no answer."


def usage(root: int) -> tuple[float, float]:
    """(seconds in which it could have run but other programs had the processor, megabytes) of a
    process and all that it started; zeros where there is no /proc to tell."""
    waited, pages, queue = 0.0, 0, [root]
    for pid in queue:
        try:
            waited += int(Path(f"/proc/{pid}/schedstat").read_text().split()[1]) / 1e9
            pages += int(Path(f"/proc/{pid}/statm").read_text().split()[1])
            children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
        except (OSError, ValueError, IndexError):
            continue
        queue += [int(child) for child in children[: MAX_PROCESSES - len(queue)]]
    return waited, pages * os.sysconf("SC_PAGE_SIZE") / 2**20


class Client:
    """One worker, from start to stop. `until`: when (`time.monotonic()`) the time of the whole
    submission is up."""

    def __init__(
        self, kind: str, limits: Limits, until: float, library: tuple[str, ...] = (), slot: int = 0
    ) -> None:
        self.limits, self.until = limits, until
        self.notes: list[str] = []
        self.alive = True
        self.process, self.folder = sandbox.start(kind, limits, library=library, slot=slot)
        try:
            pipes = self.process.stdin, self.process.stdout
            self.to, self.source = (pipe.fileno() for pipe in pipes if pipe)
            os.set_blocking(self.to, False)
            self._answer(None, STARTUP_SECONDS)
        except BaseException:  # an interruption too: no worker stays behind
            self.stop()
            raise

    def ask(self, op: str, **request: Any) -> dict[str, Any]:
        """One question. Raises SubjectLost; returns the answer's dict ({"error": ...} for what the
        student's code raised)."""
        if not self.alive:
            raise SubjectLost("crashed", "The process that ran this answer has ended.")
        answer = self._answer({"op": op, **request}, self.limits.call_seconds)
        if not isinstance(answer, dict):
            self._lose("crashed", NO_ANSWER)
        if _out_of_memory(answer.get("error")):
            self._lose_memory()
        return answer

    def stop(self) -> None:
        self.alive = False
        sandbox.stop(self.process, self.folder)

    def _answer(self, request: dict[str, Any] | None, allowed: float) -> Any:
        """Send the request, run the functions that it asks for, and return its answer."""
        self.asked, self.allowed, self.looked = time.monotonic(), allowed, time.monotonic()
        self.waited, self.excused = usage(self.process.pid)[0], 0.0
        functions: list[Callable[..., Any]] = []

        def register(function: Callable[..., Any]) -> int:
            functions.append(function)
            return len(functions) - 1

        try:
            if request is not None:
                protocol.send(self._write, protocol.encode(request, register))
            for _ in range(MAX_CALLBACKS):
                reply = protocol.decode(protocol.receive(self._read))
                if "call" not in reply:
                    self.notes = [str(note)[:200] for note in reply.get("notes", [])[:20]]
                    return reply.get("ok")
                protocol.send(self._write, protocol.encode(_call_back(functions, reply)))
        except (EOFError, OSError):
            self._lose(*self._how_it_died())
        except (protocol.ProtocolError, TypeError, ValueError, KeyError, AttributeError):
            self._lose("crashed", NO_ANSWER)
        self._lose("crashed", "It called a function that it was given far too often.")

    def _read(self, count: int) -> bytes:
        self._wait([self.source], [])
        return os.read(self.source, count)

    def _write(self, data: bytes) -> None:
        view = memoryview(data)
        while view:
            self._wait([], [self.to])
            view = view[os.write(self.to, view) :]

    def _wait(self, read: list[int], write: list[int]) -> None:
        """Wait until a pipe is ready. Raises SubjectLost when the time for this question is up or
        the processes have become too large."""
        while True:
            ready = any(select.select(read, write, [], LOOK_EVERY))
            now = time.monotonic()
            if now - self.looked >= LOOK_EVERY:  # a quick answer costs no look
                self.looked = now
                waited, megabytes = usage(self.process.pid)
                # A process that ends takes its waiting out of the sum
                self.excused = max(self.excused, waited - self.waited)
                longest = PATIENCE * self.allowed
                # An answer that is coming may be late because the grader itself was
                fair = longest if ready else min(self.allowed + self.excused, longest)
                if now > self.until:
                    words = f"The whole submission took longer than {self.limits.wall_seconds:g}"
                    self._lose("timeout", f"{words} seconds.")
                if now - self.asked > fair:
                    words = "is there a loop that never ends?"
                    self._lose("timeout", f"It took longer than {self.allowed:g} seconds: {words}")
                if megabytes > self.limits.memory_mb:
                    self._lose_memory()
            if ready:
                return

    def _how_it_died(self) -> tuple[str, str]:
        try:
            code = self.process.wait(timeout=2)
        except subprocess.TimeoutExpired:
            code = 0
        number = -code if code < 0 else code - 128
        if number in (signal.SIGKILL, signal.SIGXCPU):
            words = "was killed: it used too much CPU or memory, or killed itself."
        elif number in (signal.SIGSEGV, signal.SIGBUS, signal.SIGABRT):
            words = f"crashed ({signal.Signals(number).name})."
        else:
            words = "ended before it answered (os._exit, perhaps)."
        return "crashed", f"Its process {words}"

    def _lose_memory(self) -> None:
        words = f"It asked for more memory than the {self.limits.memory_mb} MB allowed."
        self._lose("crashed", words)

    def _lose(self, reason: str, message: str) -> Any:
        self.stop()
        raise SubjectLost(reason, message)


def _call_back(functions: list[Callable[..., Any]], reply: dict[str, Any]) -> dict[str, Any]:
    """Run a function that the exercise handed out, on what the student's code gives it."""
    number = reply["call"]
    if not isinstance(number, int) or not 0 <= number < len(functions):
        return {"error": "there is no such function"}
    try:
        return {"value": functions[number](*reply["inputs"], **reply["named"])}
    except Exception as error:
        return {"error": f"{type(error).__name__}: {error}"}


class RemoteSubject:
    """An answer in a worker, seen by the checks like one in this process. `judge` is a lock that
    the caller holds; others may have it while the worker computes."""

    def __init__(
        self, client: Client, name: str | tuple[str, ...], judge: threading.Lock | None = None
    ) -> None:
        self.client, self.name, self.judge = client, name, judge

    def _ask(self, op: str, **request: Any) -> dict[str, Any]:
        if self.judge is None:
            return self.client.ask(op, name=self.name, **request)
        self.judge.release()
        try:
            return self.client.ask(op, name=self.name, **request)
        finally:
            self.judge.acquire()

    def describe(self) -> Description:
        answer = self._ask("describe")
        kind, name = str(answer.get("kind", "missing")), str(answer.get("type_name", ""))
        least, most = (_count(answer.get(word)) for word in ("least", "most"))
        named = tuple(str(name)[:40] for name in list(answer.get("named") or ())[:100])
        return Description(kind[:40], name[:100], least or 0, most, named)

    def run(self, trial: Trial) -> Outcome:
        answer = self._ask("run", trial=vars(trial))
        after, grads, held = (answer.get(name) for name in ("after", "grads", "held"))
        sizes = held.items() if isinstance(held, dict) else ()
        return Outcome(
            value=answer.get("value"),
            after=after if isinstance(after, dict) else {},
            grads=grads if isinstance(grads, dict) else None,
            error=failure_from(answer.get("error")),
            grad_error=failure_from(answer.get("grad_error")),
            held={str(kind): size for kind, size in sizes if isinstance(size, int)},
        )

    def value(self) -> Any:
        return self._ask("value").get("value", MISSING)


def _count(value: Any) -> int | None:
    """A number of arguments, whatever the worker sent; None for None."""
    number = value if isinstance(value, int) and value > 0 else 0
    return None if value is None else min(number, 1000)


def failure_from(entry: Any) -> Failure | None:
    """What a worker says was raised; None when nothing was."""
    if not isinstance(entry, dict):
        return None
    words = [str(entry.get(name, ""))[:300] for name in ("kind", "message", "where")]
    return Failure(words[0] or "Exception", *words[1:])


def _out_of_memory(entry: Any) -> bool:
    raised = failure_from(entry) or Failure("")
    words = ("can't allocate memory", "not enough memory")
    return raised.kind == "MemoryError" or any(some in raised.message for some in words)
