"""When a submission was handed in, and what being late costs."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from clipedu_classroom.gradebook import Result

TIME = re.compile(r"(\d{4}-\d\d-\d\d)[ T](\d\d:\d\d(?::\d\d)?)(?:\.\d+)?[ ]*([\w/+:-]*)")
CREATED = re.compile(r"^(\S+):\n(?:[ ].*\n|-.*\n)*?[ ]+:?created_at: (.+)", re.MULTILINE)
SUBMITTERS = re.compile(r"^(\S+):\n +:?submitters:\n((?:  -.*\n|    .*\n)+)", re.MULTILINE)


@dataclass(frozen=True)
class Policy:
    """`deadline` is local time; None means that nothing is late. `late_days` are free, each day
    after them costs `penalty` percent of the points."""

    deadline: datetime | None = None
    late_days: int = 0
    penalty: float = 0.0


def parse_time(text: str) -> str:
    """The first time in a text, as ISO local time without a zone; "" when there is none."""
    match = TIME.search(text)
    if not match:
        return ""
    zone = match[3]
    try:
        found = datetime.fromisoformat(f"{match[1]}T{match[2]}")
        if re.fullmatch(r"[+-]\d\d:?\d\d|Z", zone):
            found = datetime.fromisoformat(f"{match[1]}T{match[2]}{zone}")
        elif zone:
            found = found.replace(tzinfo=ZoneInfo(zone))
        return found.astimezone().replace(tzinfo=None).isoformat()
    except (ValueError, KeyError, OSError):  # no date, or a zone that nobody knows
        return ""


def local_time(text: str) -> datetime:
    """A time that a person typed. Raises ValueError."""
    return datetime.fromisoformat(parse_time(text))


def gradescope_times(metadata: str) -> dict[str, str]:
    """When each folder of a Gradescope export was handed in, from its submission_metadata.yml."""
    return {match[1]: parse_time(match[2]) for match in CREATED.finditer(metadata)}


def gradescope_names(metadata: str) -> dict[str, str]:
    """Who handed in each folder of a Gradescope export; a group's names are joined with "and"."""
    names = {
        folder: re.findall(r"^[ -]+:?name: (.+)$", people, re.MULTILINE)
        for folder, people in SUBMITTERS.findall(metadata)
    }
    return {k: " and ".join(n.strip(" '\"") for n in found) for k, found in names.items() if found}


def apply_policy(policy: Policy, results: list[Result]) -> None:
    """Set the late days and the penalty of each result. One that the platform marks as late, at a
    time that is not known, counts as one day late."""
    for result in results:
        result.late_days = 0
        if policy.deadline and result.handed_in:
            late = datetime.fromisoformat(result.handed_in) - policy.deadline
            result.late_days = max(0, math.ceil(late / timedelta(days=1)))
        elif policy.deadline and result.late:
            result.late_days = 1
        costly = max(0, result.late_days - policy.late_days)
        result.penalty = min(100.0, costly * policy.penalty)
