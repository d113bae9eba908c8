"""What one learner has done so far, in one small JSON file. Nothing leaves the machine.

The file is `~/.clipedu/progress.json`, or what $CLIPEDU_STATE names; CLIPEDU_STATE=off keeps
nothing (the course's own tests and builds set it, so that running a solved notebook does not count
as anybody's progress).
"""

from __future__ import annotations

import json
import os
from dataclasses import asdict, dataclass, fields
from datetime import UTC, datetime
from pathlib import Path

from clipedu.files import write_whole


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


def state_path() -> Path | None:
    """Where progress is kept; None when it is switched off."""
    named = os.environ.get("CLIPEDU_STATE", "")
    if named.lower() == "off":
        return None
    return Path(named) if named else Path.home() / ".clipedu" / "progress.json"


def load() -> tuple[dict[str, Progress], str]:
    """(progress by exercise id, a message that is empty when all is well). Never raises.

    A file that cannot be read is put aside as `progress.json.broken`, and the message says so.
    """
    path = state_path()
    if path is None or not path.exists():
        return {}, ""
    try:
        entries = json.loads(path.read_text(encoding="utf-8"))["exercises"]
        known = {field.name for field in fields(Progress)}
        found = {}
        for exercise_id, entry in entries.items():
            found[str(exercise_id)] = Progress(**{key: entry[key] for key in known & set(entry)})
            _check_types(found[str(exercise_id)])
        return found, ""
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError):
        broken = path.with_name(path.name + ".broken")
        try:
            os.replace(path, broken)
        except OSError:
            return {}, f"Your progress file {path} cannot be read; starting without it."
        return (
            {},
            f"Your progress file could not be read. It is kept as {broken}; a new one is started.",
        )


def save(progress: dict[str, Progress]) -> str:
    """Write the file whole or not at all. Returns a message, empty when all is well; a full disk
    stops nobody's check.
    """
    path = state_path()
    if path is None:
        return ""
    text = json.dumps(
        {"version": 1, "exercises": {key: asdict(item) for key, item in sorted(progress.items())}},
        indent=1,
    )
    try:
        write_whole(path, text + "\n")
    except OSError as error:
        return f"Your progress could not be saved in {path}: {error.strerror or error}."
    return ""


def update(exercise_id: str, **changes: object) -> tuple[Progress, str]:
    """Change one exercise's entry. Returns (the entry as it is now, a message that is usually
    empty).
    """
    progress, message = load()
    item = progress.setdefault(exercise_id, Progress())
    for name, value in changes.items():
        setattr(item, name, value)
    item.changed = datetime.now(UTC).isoformat(timespec="seconds")
    return item, " ".join(part for part in (message, save(progress)) if part)


def record_check(exercise_id: str, status: str, diagnosis: str) -> str:
    """Count a check. An exercise not attempted counts as no attempt. Returns a message, usually
    empty.
    """
    progress, _ = load()
    item = progress.get(exercise_id, Progress())
    attempts = item.attempts + (status in ("passed", "failed"))
    passed = item.passed or status == "passed"
    if not progress.get(exercise_id) and status == "not attempted":
        return ""  # running a fresh notebook from top to bottom is no progress
    return update(
        exercise_id, status=status, diagnosis=diagnosis, attempts=attempts, passed=passed
    )[1]


def forget(exercise_id: str) -> str:
    """Remove one exercise's entry. Returns a message, usually empty."""
    progress, message = load()
    if exercise_id in progress:
        del progress[exercise_id]
        message = f"{message} {save(progress)}".strip()
    return message


def _check_types(item: Progress) -> None:
    for field in fields(Progress):
        if type(getattr(item, field.name)) is not type(field.default):
            raise TypeError(f"{field.name} is {getattr(item, field.name)!r}")
