"""The process that runs one student's code while it is graded. It answers questions; it decides
nothing.

Started by `sandbox` as a script, with only the files of `sandbox.KIT` beside it. It reads requests
from what was its standard input and answers on what was its standard output; before any student
code runs, both are moved out of reach of `input()` and `print`, the limits are set, and privileges
are dropped. Whatever the student's code does to this process (patches torch, prints results, exits)
harms only its own answers: inputs, references and points are in the parent.
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
    import calling  # type: ignore[import-not-found]
    import describing  # type: ignore[import-not-found]
    import fence  # type: ignore[import-not-found]
    import wire  # type: ignore[import-not-found]

    notes = fence.Notes()
    sys.meta_path.insert(0, fence.CourseFinder(notes, settings["library"]))
    sys.path.append(settings["library_path"])
    hook = fence.audit_hook(notes, settings["work"], settings["hidden"])
    Worker(calling, describing, wire, notes, requests, replies, hook).serve()


class Worker:
    """Answers one request at a time: {"op": ...} -> {"ok": ...}."""

    def __init__(
        self,
        calling: Any,
        describing: Any,
        wire: Any,
        notes: Any,
        requests: int,
        replies: int,
        hook: Callable[..., None],
    ) -> None:
        self.calling, self.describing = calling, describing
        self.wire, self.notes = wire, notes
        self.reader = os.fdopen(requests, "rb", buffering=0)
        self.writer = os.fdopen(replies, "wb", buffering=0)
        self.space: dict[str, Any] = {"__name__": "__main__", "__builtins__": __builtins__}
        sys.stdout.reconfigure(line_buffering=True)  # type: ignore[union-attr]
        sys.addaudithook(hook)
        self.send({"ok": "ready"})

    def serve(self) -> None:
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
        """Run a cell. A setup cell runs statement by statement and may fail in part; an answer runs
        as a whole.
        """
        name = f"<{request['id']}>"
        source = request["source"]
        linecache.cache[name] = (len(source), None, source.splitlines(keepends=True), name)
        if request["setup"]:
            self.notes.watching = False
            for node in ast.parse(source).body:
                if not isinstance(node, ast.Expr):
                    with contextlib.suppress(Exception):
                        exec(compile(ast.Module([node], []), name, "exec"), self.space)
        else:
            exec(compile(source, name, "exec"), self.space)
        return {}

    def op_describe(self, request: dict[str, Any]) -> Any:
        found = self.answer(request)
        if found is MISSING:
            return {"kind": "missing"}
        return vars(self.describing.describe(found))

    def op_value(self, request: dict[str, Any]) -> Any:
        return {"value": self.calling.snapshot(self.answer(request))}

    def op_run(self, request: dict[str, Any]) -> Any:
        outcome = self.calling.run(self.answer(request), self.calling.Trial(**request["trial"]))
        error, grad_error = outcome.error, outcome.grad_error
        return {
            "value": outcome.value,
            "after": outcome.after,
            "grads": outcome.grads,
            "error": vars(error) if error else None,
            "grad_error": vars(grad_error) if grad_error else None,
        }

    def answer(self, request: dict[str, Any]) -> Any:
        found = [self.space.get(name, MISSING) for name in request["names"]]
        if any(item is MISSING for item in found):
            return MISSING
        return tuple(found) if request["several"] else found[0]

    # The pipe

    def receive(self) -> Any:
        return self.wire.decode(self.wire.receive(self.read), self.remote_function)

    def send(self, reply: Any) -> None:
        try:
            message = self.wire.encode(reply)
            if len(message) > self.wire.MAX_MESSAGE:
                raise self.wire.WireError("too long")
        except Exception as error:
            message = self.wire.encode({"ok": {"error": self.failure(error)}, "notes": []})
        self.wire.send(self.write, message)

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


def set_limits(limits: dict[str, int]) -> None:
    """CPU seconds, address space, file size, processes; no core dump. Hard limits: they cannot be
    raised again.
    """
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
