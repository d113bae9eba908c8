"""The process that runs one student's code while it is graded. It answers; it decides nothing.

A script with only the files of `sandbox.KIT` beside it. What student code does to this process
(patches torch, exits) harms only its own answers: inputs, references and points are in the parent.
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
FORBIDDEN = {
    event: words
    for words, events in {
        "starts a process": "os.fork os.forkpty os.system os.exec os.posix_spawn os.spawn "
        "subprocess.Popen",
        "sends a signal to a process": "os.kill os.killpg signal.pthread_kill",
        "uses the network": "socket.connect socket.bind socket.getaddrinfo",
        "loads native code": "ctypes.dlopen",
        "meddles with the grader": "sys.addaudithook",
        "searches the grader's memory": "gc.get_objects gc.get_referrers",
        "changes the limits": "resource.setrlimit",
    }.items()
    for event in events.split()
}
CHANGES = {f"os.{verb}" for verb in "remove rename rmdir mkdir chmod link symlink truncate".split()}
LISTS = ("os.listdir", "os.scandir")


def main() -> None:
    settings = json.loads(sys.argv[1])
    requests, replies = os.dup(0), os.dup(1)
    nothing = os.open(os.devnull, os.O_RDWR)
    os.dup2(nothing, 0)
    os.dup2(nothing, 1)
    set_limits(settings["limits"])
    if settings["user"]:
        with contextlib.suppress(OSError):  # a container's root may be unable to
            os.setgroups([])
            os.setgid(settings["user"])
            os.setuid(settings["user"])
    here = os.path.dirname(os.path.abspath(__file__))
    # Before the installed packages: the course's own names stand for nothing here
    sys.path[:0] = [here, os.path.join(here, "library")]
    import torch  # noqa: F401  after the limits: loading must fit in them

    torch.set_num_threads(1)
    import calling  # type: ignore[import-not-found]
    import protocol  # type: ignore[import-not-found]

    notes = Notes()
    worker = Worker(calling, protocol, notes, requests, replies)
    sys.addaudithook(make_hook(notes, **settings["files"]))
    os.dup2(nothing, 2)  # until here, what goes wrong is the grader's own and is seen
    worker.serve()


class Worker:
    """Answers one request at a time: {"op": ...} -> {"ok": ...}."""

    def __init__(
        self, calling: Any, protocol: Any, notes: Any, requests: int, replies: int
    ) -> None:
        self.calling, self.protocol, self.notes = calling, protocol, notes
        self.reader = os.fdopen(requests, "rb", buffering=0)
        self.writer = os.fdopen(replies, "wb", buffering=0)
        self.space: dict[str, Any] = {"__name__": "__main__", "__builtins__": __builtins__}
        self.space.update(display=lambda *objects, **named: None, get_ipython=lambda: Shell())

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
        name, source = f"<{request['id']}>", request["source"]
        linecache.cache[name] = (len(source), None, source.splitlines(keepends=True), name)
        if request["kind"] == "answer":
            exec(compile(source, name, "exec"), self.space)
            return {}
        setup = request["kind"] == "setup"
        self.notes.watching = not setup
        for node in ast.parse(source).body:
            if not (setup and isinstance(node, ast.Expr)):
                with contextlib.suppress(Exception):
                    exec(compile(ast.Module([node], []), name, "exec"), self.space)
        return {}

    def op_describe(self, request: dict[str, Any]) -> Any:
        found = self.answer(request)
        return {"kind": "missing"} if found is MISSING else vars(self.calling.describe(found))

    def op_value(self, request: dict[str, Any]) -> Any:
        return {"value": self.calling.snapshot(self.answer(request))}

    def op_run(self, request: dict[str, Any]) -> Any:
        outcome = self.calling.run(self.answer(request), self.calling.Trial(**request["trial"]))
        errors = {"error": outcome.error, "grad_error": outcome.grad_error}
        seen = {name: vars(error) if error else None for name, error in errors.items()}
        return vars(outcome) | seen

    def answer(self, request: dict[str, Any]) -> Any:
        name = request["name"]
        if isinstance(name, str):
            return self.space.get(name, MISSING)
        found = tuple(self.space.get(part, MISSING) for part in name)
        return MISSING if any(item is MISSING for item in found) else found

    # The pipe

    def receive(self) -> Any:
        message = self.protocol.receive(self.reader.read)
        return self.protocol.decode(message, self.remote_function)

    def send(self, reply: Any) -> None:
        try:
            message = self.protocol.encode(reply)
            if len(message) > self.protocol.MAX_MESSAGE:
                raise self.protocol.ProtocolError("too long")
        except Exception as error:
            message = self.protocol.encode({"ok": {"error": self.failure(error)}, "notes": []})
        self.protocol.send(self.write, message)

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
    """{"RLIMIT_AS": bytes, ...} as hard limits, which cannot be raised again; no core dump."""
    import resource

    if sys.platform != "linux":  # elsewhere it counts what the user's other programs do
        limits.pop("RLIMIT_NPROC", None)
    for name, most in {"RLIMIT_CORE": 0, "RLIMIT_NOFILE": 256, **limits}.items():
        if hasattr(resource, name):
            with contextlib.suppress(ValueError, OSError):  # a lower hard limit is in force already
                resource.setrlimit(getattr(resource, name), (most, most))


# The audit hook is the second line of defense after bubblewrap: native code could bypass it.


class Notes:
    """What the student's code tried that no exercise needs, each once, at most twenty."""

    def __init__(self) -> None:
        self.seen: list[str] = []
        self.watching = False

    def add(self, words: str) -> None:
        if words not in self.seen and len(self.seen) < 20:
            self.seen.append(words)


def make_hook(
    notes: Notes, work: str, readable: list[str], hidden: list[str]
) -> Callable[[str, tuple[Any, ...]], None]:
    """Refuse and report: reading outside `readable` and in `hidden`, and writing outside `work`."""
    real, relative, decoded = os.path.realpath, os.path.commonpath, os.fsdecode

    def inside(path: Any, folders: list[str]) -> bool:
        full = real(decoded(path))
        return any(relative([full, folder]) == folder for folder in folders)

    def is_write(mode: Any, flags: Any) -> bool:
        named = isinstance(mode, str) and any(letter in mode for letter in "wax+")
        return named or (isinstance(flags, int) and bool(flags & (os.O_WRONLY | os.O_RDWR)))

    def hook(event: str, details: tuple[Any, ...]) -> None:
        if not notes.watching:
            return
        words = FORBIDDEN.get(event, "")
        path = details[0] if details else None
        if path is None or isinstance(path, int):
            pass
        elif event == "open" and is_write(details[1], details[2]):
            if not inside(path, [work, "/dev/null", "/dev/shm"]):
                words = "writes outside its folder"
        elif event == "open" or event in LISTS:
            if not inside(path, readable) or inside(path, hidden):
                words = "reads files that no exercise needs"
        elif event in CHANGES and not inside(path, [work]):
            words = "changes files outside its folder"
        if words:
            notes.add(words)
            raise PermissionError(f"not allowed while an exercise is graded: it {words}")

    return hook


if __name__ == "__main__":
    gc.disable()
    main()
