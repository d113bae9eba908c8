"""What one learner has done so far, in one small JSON file. Nothing leaves the machine.

The file is `~/.clipedu/progress.json`, or what $CLIPEDU_STATE names; CLIPEDU_STATE=off keeps
nothing (the course's own tests and builds set it, so that running a solved notebook does not count
as anybody's progress). What cannot be saved is kept until this kernel ends.
"""

from __future__ import annotations

import contextlib
import json
import os
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass, fields
from datetime import UTC, datetime
from pathlib import Path

from clipedu.files import write_whole

PATIENCE = 10.0  # seconds to wait for another kernel; it may have died with the lock
_unsaved: dict[Path | None, dict[str, Progress]] = {}


@dataclass
class Progress:
    """One exercise. `status` is that of the last check, "" before the first; `passed` stays true
    once it was.
    """

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

    A file that cannot be read is put aside as `progress.json.broken`, and the message says so.
    """
    path = state_path()
    unsaved = {} if is_off() else dict(_unsaved.get(path, {}))
    if path is None:
        return unsaved, ""
    try:
        entries = json.loads(path.read_text(encoding="utf-8-sig"))["exercises"]
        known = {field.name for field in fields(Progress)}
        found = {}
        for exercise_id, entry in entries.items():
            found[str(exercise_id)] = Progress(**{key: entry[key] for key in known & set(entry)})
            _check_types(found[str(exercise_id)])
        return {**found, **unsaved}, ""
    except (FileNotFoundError, NotADirectoryError):
        return unsaved, ""
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError):
        broken = path.with_name(path.name + ".broken")
        try:
            os.replace(path, broken)
        except OSError:
            return unsaved, f"Your progress file {path} cannot be read; starting without it."
        return (
            unsaved,
            f"Your progress file could not be read. It is kept as {broken}; a new one is started.",
        )


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
    text = json.dumps(
        {"version": 1, "exercises": {key: asdict(item) for key, item in sorted(progress.items())}},
        indent=1,
    )
    try:
        write_whole(path, text + "\n")
    except OSError as error:
        reason = error.strerror or error
        return f"Your progress could not be saved in {path}: {reason}. {kept}"
    del _unsaved[path]
    return ""


def update(exercise_id: str, **changes: object) -> tuple[Progress, str]:
    """Change one exercise's entry. Returns (the entry as it is now, a message that is usually
    empty)."""
    with _locked():
        return _update(exercise_id, changes)


def record_check(exercise_id: str, status: str, diagnosis: str) -> str:
    """Count a check. An exercise not attempted counts as no attempt. Returns a message, usually
    empty."""
    with _locked():
        progress, _ = load()
        item = progress.get(exercise_id, Progress())
        if exercise_id not in progress and status == "not attempted":
            return ""  # running a fresh notebook from top to bottom is no progress
        changes = {
            "status": status,
            "diagnosis": diagnosis,
            "attempts": item.attempts + (status in ("passed", "failed")),
            "passed": item.passed or status == "passed",
        }
        return _update(exercise_id, changes)[1]


def forget(exercise_id: str) -> str:
    """Remove one exercise's entry. Returns a message, usually empty."""
    with _locked():
        progress, message = load()
        if exercise_id in progress:
            del progress[exercise_id]
            message = f"{message} {save(progress)}".strip()
        return message


def _update(exercise_id: str, changes: dict[str, object]) -> tuple[Progress, str]:
    progress, message = load()
    item = progress.setdefault(exercise_id, Progress())
    for name, value in changes.items():
        setattr(item, name, value)
    item.changed = datetime.now(UTC).isoformat(timespec="seconds")
    return item, " ".join(part for part in (message, save(progress)) if part)


@contextlib.contextmanager
def _locked() -> Iterator[None]:
    """One kernel at a time reads and writes the file. Where no lock can be made, go on without."""
    path = state_path()
    lock = path and path.with_name(f".{path.name}.lock")
    until = time.monotonic() + PATIENCE
    while lock:
        try:
            lock.parent.mkdir(parents=True, exist_ok=True)
            os.close(os.open(lock, os.O_CREAT | os.O_EXCL))
            break
        except OSError as error:
            if not isinstance(error, FileExistsError) or not lock.parent.is_dir():
                lock = None
            elif time.monotonic() > until:
                break
            else:
                time.sleep(0.002)
    try:
        yield
    finally:
        if lock:
            with contextlib.suppress(OSError):
                lock.unlink()


def _check_types(item: Progress) -> None:
    for field in fields(Progress):
        if type(getattr(item, field.name)) is not type(field.default):
            raise TypeError(f"{field.name} is {getattr(item, field.name)!r}")
