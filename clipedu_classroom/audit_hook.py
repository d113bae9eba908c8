"""Inside the worker: refuse and report what no exercise needs, and hide the course's answers.

The second line of defense after bubblewrap. Python code cannot take the hook out again, but native
code could go round it, so it is never the reason to trust a worker. The rest of clipedu does not
exist in the sandbox where this file is loaded.
"""

from __future__ import annotations

import importlib.abc
import importlib.machinery
import os
import sys
import types
from collections.abc import Callable
from typing import Any

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


#: `clipedu.classroom` was its name in the first edition, whose notebooks are still handed in.
STANDS_IN = ("clipedu", "clipedu_classroom", "clipedu.classroom")


class Notes:
    """What the student's code tried that no exercise needs, each once, at most twenty."""

    def __init__(self) -> None:
        self.seen: list[str] = []
        self.watching = False

    def add(self, words: str) -> None:
        if words not in self.seen and len(self.seen) < 20:
            self.seen.append(words)


class CourseFinder(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    """Stands in for the course's package: `check` and its friends do nothing, the parts that hold
    answers are not there."""

    def __init__(self, notes: Notes, allowed: list[str]) -> None:
        self.notes, self.allowed = notes, allowed

    def find_spec(self, name: str, path: Any = None, target: Any = None) -> Any:
        if name.partition(".")[0] not in ("clipedu", "clipedu_classroom", "clipedu_lessons"):
            return None
        if name in STANDS_IN:
            return importlib.machinery.ModuleSpec(name, self, is_package=True)
        if any(name == module or name.startswith(module + ".") for module in self.allowed):
            return None  # found in the copy that the grader made
        if self.notes.watching:
            self.notes.add(f"imports {name}, which holds answers")
        raise ModuleNotFoundError(
            f"{name} is not there while an exercise is graded: write it yourself", name=name
        )

    def create_module(self, spec: Any) -> types.ModuleType:
        module = types.ModuleType(spec.name)
        module.__path__ = [os.path.join(path, "clipedu") for path in sys.path[-1:]]
        if spec.name.endswith("classroom"):
            for name in ("check", "hint", "solution", "progress", "reset", "give_up"):
                setattr(module, name, lambda *args, **named: None)
        return module

    def exec_module(self, module: types.ModuleType) -> None:
        pass


def make_hook(notes: Notes, work: str, hidden: list[str]) -> Callable[[str, tuple[Any, ...]], None]:
    """Refuse and report. It stays for the life of the process; Python has no way to take it out
    again."""
    real, relative, join = os.path.realpath, os.path.commonpath, os.fsdecode

    def inside(path: Any, folders: list[str]) -> bool:
        if isinstance(path, int):
            return False
        full = real(join(path))
        return any(relative([full, folder]) == folder for folder in folders)

    def hook(event: str, details: tuple[Any, ...]) -> None:
        if not notes.watching:
            return
        words = FORBIDDEN.get(event, "")
        if event == "open" and details[0] is not None and not isinstance(details[0], int):
            mode, flags = details[1], details[2]
            writes = bool(flags & (os.O_WRONLY | os.O_RDWR)) if isinstance(flags, int) else False
            writes = writes or (isinstance(mode, str) and any(letter in mode for letter in "wax+"))
            if writes and not inside(details[0], [work, "/dev/null", "/dev/shm"]):
                words = "writes outside its folder"
            elif inside(details[0], hidden):
                words = "reads the course's or the class's files"
        elif event in CHANGES and details and not inside(details[0], [work]):
            words = "changes files outside its folder"
        elif event in ("os.listdir", "os.scandir") and details[0] and inside(details[0], hidden):
            words = "reads the course's or the class's files"
        if words:
            notes.add(words)
            raise PermissionError(f"not allowed while an exercise is graded: it {words}")

    return hook
