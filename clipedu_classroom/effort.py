"""How much time a worker has had, fairly: on a busy machine a slow clock is not the student's
fault.

Time counts when the worker computed (CPU seconds) or when it was idle (sleeping, or waiting for
something that does not come). Time in which it could have run but another program had the processor
does not count. Where the system does not tell (no /proc), plain time counts.
"""

from __future__ import annotations

import os
import time
from dataclasses import dataclass

TICK = os.sysconf("SC_CLK_TCK") if hasattr(os, "sysconf") else 100
MOST_PROCESSES = 200


class Effort:
    """The seconds used by a process and all that it started, since `start`."""

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
    """What is left for a whole submission, over all its workers."""

    seconds: float

    @property
    def is_empty(self) -> bool:
        return self.seconds <= 0


def _look(root: int) -> tuple[float, bool] | None:
    """(CPU seconds, is anything able to run) of a process and its descendants; None where this is
    not known.
    """
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
