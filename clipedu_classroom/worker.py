"""The process that runs one student's code while it is graded. It answers; it decides nothing.

A script with only the files of `sandbox.KIT` beside it. Before any student code runs, its pipes
are moved out of reach of `input()` and `print`, the limits are set, and privileges are dropped.
What the code does to this process (patches torch, exits) harms only its own answers: inputs,
references and points are in the parent.
"""

from __future__ import annotations

import ast
import contextlib
import gc
import json
import linecache
import os
import sys
from collections.abc import Callable
from typing import Any

MISSING = object()


def main() -> None:
    settings = json.loads(sys.argv[1])
    requests, replies = os.dup(0), os.dup(1)
    nothing = os.open(os.devnull, os.O_RDWR)
    os.dup2(nothing, 0)
    os.dup2(2, 1)  # prints go where stderr goes: a pipe that the parent empties and caps
    set_limits(settings["limits"])
    if settings["user"]:
        drop_privileges(settings["user"])
    sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
    import torch  # noqa: F401  after the limits: loading must fit in them

    torch.set_num_threads(1)
    import audit_hook  # type: ignore[import-not-found]
    import calling  # type: ignore[import-not-found]
    import protocol  # type: ignore[import-not-found]

    notes = audit_hook.Notes()
    sys.meta_path.insert(0, audit_hook.CourseFinder(notes, settings["library"]))
    sys.path.append(settings["library_path"])
    worker = Worker(calling, protocol, notes, (requests, replies))
    sys.addaudithook(audit_hook.make_hook(notes, settings["work"], settings["hidden"]))
    worker.serve()


class Worker:
    """Answers one request at a time: {"op": ...} -> {"ok": ...}."""

    def __init__(self, calling: Any, protocol: Any, notes: Any, pipes: tuple[int, int]) -> None:
        self.calling, self.protocol, self.notes = calling, protocol, notes
        self.reader = os.fdopen(pipes[0], "rb", buffering=0)
        self.writer = os.fdopen(pipes[1], "wb", buffering=0)
        self.space: dict[str, Any] = {"__name__": "__main__", "__builtins__": __builtins__}
        self.space.update(display=lambda *objects, **named: None, get_ipython=lambda: Shell())
        sys.stdout.reconfigure(line_buffering=True)  # type: ignore[union-attr]

    def serve(self) -> None:
        self.send({"ok": "ready"})
        while True:
            try:
                request = self.receive()
            except EOFError:
                os._exit(0)  # the parent has what it wants; nothing the student registered runs
            self.notes.watching = True
            try:
                answer = getattr(self, "op_" + request["op"])(request)
            except BaseException as error:
                answer = {"error": self.failure(error)}
            self.notes.watching = False
            self.send({"ok": answer, "notes": list(self.notes.seen)})

    # Requests

    def op_load(self, request: dict[str, Any]) -> dict[str, Any]:
        """Run a cell: an answer as a whole; the course's setup, and what comes from added cells,
        statement by statement, since some may fail."""
        name = f"<{request['id']}>"
        source = request["source"]
        linecache.cache[name] = (len(source), None, source.splitlines(keepends=True), name)
        if request["kind"] != "answer":
            setup = request["kind"] == "setup"
            self.notes.watching = not setup
            for node in ast.parse(source).body:
                if not (setup and isinstance(node, ast.Expr)):
                    with contextlib.suppress(Exception):
                        exec(compile(ast.Module([node], []), name, "exec"), self.space)
        else:
            exec(compile(source, name, "exec"), self.space)
        return {}

    def op_describe(self, request: dict[str, Any]) -> Any:
        found = self.answer(request)
        if found is MISSING:
            return {"kind": "missing"}
        return vars(self.calling.describe(found))

    def op_value(self, request: dict[str, Any]) -> Any:
        return {"value": self.calling.snapshot(self.answer(request))}

    def op_run(self, request: dict[str, Any]) -> Any:
        outcome = self.calling.run(self.answer(request), self.calling.Trial(**request["trial"]))
        errors = {"error": outcome.error, "grad_error": outcome.grad_error}
        seen = {name: vars(error) if error else None for name, error in errors.items()}
        return vars(outcome) | seen

    def answer(self, request: dict[str, Any]) -> Any:
        found = [self.space.get(name, MISSING) for name in request["names"]]
        if any(item is MISSING for item in found):
            return MISSING
        return tuple(found) if request["several"] else found[0]

    # The pipe

    def receive(self) -> Any:
        return self.protocol.decode(self.protocol.receive(self.read), self.remote_function)

    def send(self, reply: Any) -> None:
        try:
            message = self.protocol.encode(reply)
            if len(message) > self.protocol.MAX_MESSAGE:
                raise self.protocol.ProtocolError("too long")
        except Exception as error:
            message = self.protocol.encode({"ok": {"error": self.failure(error)}, "notes": []})
        self.protocol.send(self.write, message)

    def read(self, count: int) -> bytes:
        parts = []
        while count:
            part = self.reader.read(min(count, 1 << 20))
            if not part:
                break
            parts.append(part)
            count -= len(part)
        return b"".join(parts)

    def write(self, data: bytes) -> None:
        view = memoryview(data)
        while view:
            view = view[self.writer.write(view) :]

    def remote_function(self, number: int) -> Callable[..., Any]:
        """A function that lives in the parent (an encoder handed to the student's code, say)."""

        def ask(*inputs: Any, **named: Any) -> Any:
            self.send({"call": number, "inputs": list(inputs), "named": named})
            reply = self.receive()
            if "error" in reply:
                raise ValueError(reply["error"])
            return reply["value"]

        return ask

    def failure(self, error: BaseException) -> dict[str, str]:
        try:
            return dict(vars(self.calling.failure(error)))
        except BaseException:
            return {"kind": "Exception", "message": "", "where": ""}


class Shell:
    """What `get_ipython()` gives: nothing that it is asked for does anything."""

    def __getattr__(self, name: str) -> Callable[..., None]:
        return lambda *words, **named: None


def set_limits(limits: dict[str, int]) -> None:
    """CPU seconds, address space, file size, processes; no core dump. Hard limits: they cannot be
    raised again."""
    import resource

    wanted = {
        "RLIMIT_CORE": (0, 0),
        "RLIMIT_CPU": (limits["cpu_seconds"], limits["cpu_seconds"] + 2),
        "RLIMIT_AS": (limits["memory_mb"] << 20,) * 2,
        "RLIMIT_FSIZE": (limits["file_mb"] << 20,) * 2,
        "RLIMIT_NOFILE": (256, 256),
    }
    if sys.platform == "linux":  # elsewhere it counts what the user's other programs do
        wanted["RLIMIT_NPROC"] = (limits["processes"],) * 2
    for name, (soft, hard) in wanted.items():
        if hasattr(resource, name):
            with contextlib.suppress(ValueError, OSError):  # a lower hard limit is in force already
                resource.setrlimit(getattr(resource, name), (soft, hard))


def drop_privileges(user: int) -> None:
    """Become an unprivileged user that owns nothing."""
    with contextlib.suppress(OSError):  # a container's root may be unable to; it stays as it is
        os.setgroups([])
        os.setgid(user)
        os.setuid(user)


if __name__ == "__main__":
    gc.disable()
    main()
