"""What one learner has done so far, in one small JSON file: `~/.clipedu/progress.json`, or what
$CLIPEDU_STATE names. CLIPEDU_STATE=off keeps nothing, as in tests and builds."""

from __future__ import annotations

import contextlib
import json
import os
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, fields, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from filelock import FileLock

from clipedu.files import write_whole

PATIENCE = 10.0  # seconds to wait for another kernel
_unsaved: dict[Path | None, dict[str, Progress]] = {}


@dataclass
class Progress:
    """One exercise: the last check's `status`; `passed` stays true once it was."""

    status: str = ""
    passed: bool = False
    attempts: int = 0
    hints: int = 0
    gave_up: bool = False
    diagnosis: str = ""
    changed: str = ""


def is_off() -> bool:
    """Whether CLIPEDU_STATE says that nothing is kept."""
    return os.environ.get("CLIPEDU_STATE", "").lower() == "off"


def state_path() -> Path | None:
    """Where progress is kept; None when it is switched off or there is no home folder."""
    named = os.environ.get("CLIPEDU_STATE", "")
    if is_off():
        return None
    try:
        return Path(named) if named else Path.home() / ".clipedu" / "progress.json"
    except RuntimeError:  # no HOME, and no such user: a container with a number as its user
        return None


def load() -> tuple[dict[str, Progress], str]:
    """(progress by exercise id, a message that is empty when all is well). Never raises.

    A file that cannot be read is put aside as `progress.json.broken`, and the message says so."""
    path = state_path()
    unsaved = {} if is_off() else dict(_unsaved.get(path, {}))
    if path is None:
        return unsaved, ""
    try:
        entries = json.loads(path.read_text(encoding="utf-8-sig"))["exercises"]
        return {key: _item(entry) for key, entry in entries.items()} | unsaved, ""
    except (FileNotFoundError, NotADirectoryError):
        return unsaved, ""
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError):
        broken = path.with_name(path.name + ".broken")
        message = f"could not be read. It is kept as {broken}; a new one is started."
        try:
            os.replace(path, broken)
        except OSError:
            message = f"{path} cannot be read; starting without it."
        return unsaved, f"Your progress file {message}"


def of(exercise_id: str) -> tuple[Progress, str]:
    """(progress of one exercise, a message that is empty when all is well)."""
    progress, message = load()
    return progress.get(exercise_id, Progress()), message


def _item(entry: dict[str, Any]) -> Progress:
    item = Progress(**{x.name: entry[x.name] for x in fields(Progress) if x.name in entry})
    for name, value in asdict(item).items():
        if type(value) is not type(getattr(Progress, name)):
            raise TypeError(f"{name} is {value!r}")
    return item


def save(progress: dict[str, Progress]) -> str:
    """Write the file whole or not at all. Returns a message, empty when all is well; a full disk
    stops nobody's check."""
    if is_off():
        return ""
    path = state_path()
    _unsaved[path] = progress
    kept = "It is kept until this kernel ends; CLIPEDU_STATE can name a file elsewhere."
    if path is None:
        return f"There is no home folder to save your progress in. {kept}"
    entries = {key: asdict(item) for key, item in sorted(progress.items())}
    try:
        write_whole(path, json.dumps({"version": 1, "exercises": entries}, indent=1) + "\n")
    except OSError as error:
        reason = error.strerror or error
        return f"Your progress could not be saved in {path}: {reason}. {kept}"
    del _unsaved[path]
    return ""


def update(exercise_id: str, **changes: object) -> str:
    """Change one exercise's entry. Returns a message, usually empty."""
    return _change(exercise_id, lambda item: replace(item, **changes))  # type: ignore[arg-type]


def record_check(exercise_id: str, status: str, diagnosis: str) -> str:
    """Count a check. An exercise not attempted counts as no attempt. Returns a message, usually
    empty."""

    def counted(item: Progress) -> Progress:
        if not item.changed and status == "not attempted":
            return item  # running a fresh notebook from top to bottom is no progress
        attempts = item.attempts + (status in ("passed", "failed"))
        passed = item.passed or status == "passed"
        return replace(item, status=status, diagnosis=diagnosis, attempts=attempts, passed=passed)

    return _change(exercise_id, counted)


def forget(exercise_id: str) -> str:
    """Remove one exercise's entry. Returns a message, usually empty."""
    with _locked():
        progress, message = load()
        if progress.pop(exercise_id, None):
            message = f"{message} {save(progress)}".strip()
        return message


def _change(exercise_id: str, changed: Callable[[Progress], Progress]) -> str:
    with _locked():
        progress, message = load()
        old = progress.get(exercise_id, Progress())
        if (new := changed(old)) is old:
            return message
        now = datetime.now(UTC).isoformat(timespec="seconds")
        progress[exercise_id] = replace(new, changed=now)
        return f"{message} {save(progress)}".strip()


@contextlib.contextmanager
def _locked() -> Iterator[None]:
    """One kernel at a time reads and writes the file; the system unlocks it when a kernel dies.
    Where no lock can be made, or another kernel hangs, go on without."""
    with contextlib.ExitStack() as stack:
        path = state_path()
        if path:
            with contextlib.suppress(OSError):  # a lock that is held too long raises one, too
                path.parent.mkdir(parents=True, exist_ok=True)
                stack.enter_context(FileLock(path.with_name(f".{path.name}.lock"), PATIENCE))
        yield
