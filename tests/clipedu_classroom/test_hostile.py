"""Hostile and broken submissions: each gets a right row, the batch ends, and nothing stays behind.

All of them are graded in one batch, beside an honest one, as a class would be.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from clipedu_classroom import sandbox
from clipedu_classroom.gradebook import Result
from clipedu_classroom.grading import Request, grade
from clipedu_classroom.sandbox import Limits

pytestmark = [
    pytest.mark.skipif(os.name != "posix", reason="workers need POSIX"),
    pytest.mark.timeout(900),  # beside other tests and a lesson that trains, on two slow cores
]
LIMITS = Limits(call_seconds=2, wall_seconds=60, memory_mb=2500, processes=40)
OUTSIDE = Path("/tmp") / "clipedu-was-here"
RIGHT = """
def contrastive_loss(logits):
    labels = torch.arange(len(logits))
    rows = nn.functional.cross_entropy(logits, labels)
    return (rows + nn.functional.cross_entropy(logits.T, labels)) / 2
"""


def inside(line: str) -> str:
    """The right function with a line before its return."""
    return RIGHT.replace("    return", f"    {line}\n    return")


# name -> (code for exercise 90.2, expected points of 8, statuses that are right)
CODE: dict[str, tuple[str, float, set[str]]] = {
    "honest": (RIGHT, 8, {"graded"}),
    "loop_in_call": (inside("while True: pass"), 5, {"timeout"}),
    "loop_at_load": ("while True: pass\n" + RIGHT, 5, {"timeout"}),
    "sleep": (inside("import time; time.sleep(1e6)"), 5, {"timeout"}),
    "fork_bomb": (inside("import os\n    while True: os.fork()"), 5, {"suspicious", "crashed"}),
    "thread_bomb": (
        inside(
            "import threading, time\n    while True: "
            "threading.Thread(target=time.sleep, args=(1e6,)).start()"
        ),
        5,
        {"graded", "crashed", "timeout"},
    ),
    "allocation": (inside("torch.ones(10 * 2**28)"), 5, {"crashed"}),
    "numpy_allocation": (inside("import numpy; numpy.ones(10 * 2**27)"), 5, {"crashed"}),
    "os_exit": (inside("import os; os._exit(0)"), 5, {"crashed"}),
    "os_exit_at_load": ("import os; os._exit(0)\n" + RIGHT, 5, {"crashed"}),
    "sys_exit": (inside("import sys; sys.exit(0)"), 5, {"graded"}),
    "sys_exit_at_load": ("import sys; sys.exit()\n" + RIGHT, 5, {"graded"}),
    "segfault": (
        inside("import ctypes; ctypes.string_at(0)"),
        5,
        {"crashed", "suspicious"},
    ),
    "kill_parent": (inside("import os; os.kill(os.getppid(), 9)"), 5, {"crashed", "suspicious"}),
    "kill_all": (inside("import os; os.kill(-1, 9)"), 5, {"crashed", "suspicious"}),
    "patched_allclose": (
        "torch.allclose = torch.isclose = torch.equal = lambda *a, **k: True\n"
        "def contrastive_loss(logits):\n    return (logits * 0).sum()",
        5,
        {"suspicious"},
    ),
    "redefined_check": (
        "def check(*a): return 'passed, 3 of 3 points'\n"
        "def contrastive_loss(logits): return check()",
        5,
        {"suspicious"},
    ),
    "reads_specs": (
        "from clipedu_classroom.specs import find\ncontrastive_loss = find('90.2').reference",
        5,
        {"suspicious"},
    ),
    "reads_library": (
        "def contrastive_loss(logits):\n"
        "    from clipedu.objectives import info_nce\n    return info_nce(logits, logits, 1)",
        5,
        {"suspicious"},
    ),
    "reads_files": (
        "import os, glob\n"
        f"text = open({str(Path(__file__).parent / 'course/specs/lesson_90.py')!r}).read()\n"
        "exec(text)\ncontrastive_loss = right",
        5,
        {"suspicious"},
    ),
    "prints": (inside("print('x' * 100_000_000)"), 8, {"graded", "suspicious"}),
    "asks": (inside("input('points? ')"), 5, {"graded"}),
    "writes_outside": (
        inside(f"open({str(OUTSIDE)!r}, 'w').write('x')"),
        5,
        {"suspicious", "graded"},
    ),
    "background": (
        "import subprocess\nsubprocess.Popen(['sleep', '54321'])\n" + RIGHT,
        5,
        {"suspicious"},
    ),
    "sleeps_at_exit": (
        "import atexit, time\natexit.register(time.sleep, 1e6)\n" + RIGHT,
        8,
        {"suspicious"},
    ),
    "big_file": (
        inside("open('big', 'wb').write(bytes(100 * 2**20))"),
        5,
        {"graded", "crashed"},
    ),
    "forges_replies": (
        inside(
            "import os\n    for fd in range(3, 30):\n        try: os.write(fd, b'\\0' * 64)\n"
            "        except OSError: pass"
        ),
        5,
        {"crashed", "timeout", "graded"},
    ),
    "huge_result": (
        "def contrastive_loss(logits): return torch.ones(10**8, dtype=torch.uint8)",
        5,
        {"graded", "crashed"},
    ),
    "flood_of_objects": (
        "def contrastive_loss(logits): return [{} for _ in range(450_000)]",
        5,
        {"graded", "crashed", "timeout"},
    ),
    "drips": (
        inside(
            "import os, struct, time\n"
            "    for fd in range(3, 30):\n"
            "        try: os.write(fd, struct.pack('>Q', 10**6))\n"
            "        except OSError: pass\n"
            "    until = time.monotonic() + 0.1\n"
            "    while True:\n"
            "        while time.monotonic() < until: pass\n"
            "        until += 0.15\n"
            "        for fd in range(3, 30):\n"
            "            try: os.write(fd, b'x')\n"
            "            except OSError: pass"
        ),
        5,
        {"timeout", "crashed", "graded"},
    ),
    "huge_int": ("def contrastive_loss(logits): return 2**63", 5, {"graded"}),
    "odd_result": (
        "class Odd:\n    def __eq__(self, other): return True\n"
        "    def __float__(self): return 1.0\n"
        "def contrastive_loss(logits): return Odd()",
        5,
        {"graded"},
    ),
    "endless_nesting": (
        "def contrastive_loss(logits):\n    x = []\n"
        "    for _ in range(10**5): x = [x]\n    return x",
        5,
        {"graded", "crashed"},
    ),
    "sees_only_itself": (
        inside(
            "import os\n    if os.path.exists('/proc/1/cmdline') and "
            "b'room.grading' in open('/proc/1/cmdline','rb').read(): logits = logits * 0"
        ),
        8,
        {"graded", "suspicious"},
    ),
}


def _replaced(notebook: dict[str, Any], code: str) -> dict[str, Any]:
    for cell in notebook["cells"]:
        if cell["id"] == "90-2-solution":
            cell["source"] = code
    return notebook


def _ids(notebook: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return {cell["id"]: cell for cell in notebook["cells"]}


def _without_checks(notebook: dict[str, Any]) -> dict[str, Any]:
    cells = [cell for cell in notebook["cells"] if not cell["id"].endswith("-check")]
    return {**notebook, "cells": cells}


def _checks_twice(notebook: dict[str, Any]) -> dict[str, Any]:
    checks = [cell for cell in notebook["cells"] if cell["id"].endswith("-check")]
    return {**notebook, "cells": [*notebook["cells"], *checks, *checks]}


def _swapped_ids(notebook: dict[str, Any]) -> dict[str, Any]:
    cells = _ids(notebook)
    one, two = cells["90-2-solution"], cells["90-3-solution"]
    one["id"], two["id"] = two["id"], one["id"]
    one["metadata"], two["metadata"] = two["metadata"], one["metadata"]
    return notebook


def _no_ids(notebook: dict[str, Any]) -> dict[str, Any]:
    for number, cell in enumerate(notebook["cells"]):
        cell["id"], cell["metadata"] = f"new-{number}", {}
    return notebook


def _solution_twice(notebook: dict[str, Any]) -> dict[str, Any]:
    twin = json.loads(json.dumps(_ids(notebook)["90-2-solution"]))
    twin["source"] = "def contrastive_loss(logits): return logits.sum()"
    notebook["cells"].insert(0, twin)
    return notebook


SHAPES: dict[str, tuple[Callable[[dict[str, Any]], dict[str, Any]], float, set[str]]] = {
    "deleted_checks": (_without_checks, 8, {"graded"}),
    "duplicated_checks": (_checks_twice, 8, {"graded"}),
    "swapped_ids": (_swapped_ids, 8, {"graded"}),
    "no_ids": (_no_ids, 8, {"graded"}),
    "solution_twice": (_solution_twice, 8, {"graded"}),
    "no_cells": (lambda notebook: {**notebook, "cells": []}, 0, {"blank"}),
}
BYTES: dict[str, tuple[Callable[[str], bytes], set[str]]] = {
    "broken_json": (lambda text: text[: len(text) // 2].encode(), {"unreadable"}),
    "empty_file": (lambda text: b"", {"unreadable"}),
    "utf_16": (lambda text: text.encode("utf-16"), {"unreadable"}),
    "not_a_notebook": (lambda text: b'["cells"]', {"unreadable"}),
    "odd_cells": (lambda text: b'{"cells": [1, null, {"source": 3}, {"id": {}}]}', {"blank"}),
    "deep_json": (lambda text: b"[" * 200_000, {"unreadable"}),
    "binary": (lambda text: os.urandom(2000), {"unreadable"}),
}


@pytest.fixture(scope="module")
def graded(
    notebooks: dict[str, Path], tmp_path_factory: pytest.TempPathFactory
) -> dict[str, Result]:
    folder = tmp_path_factory.mktemp("class")
    submissions = folder / "submissions"
    submissions.mkdir()
    text = notebooks["solutions"].read_text(encoding="utf-8")
    for name, (code, _, _) in CODE.items():
        notebook = _replaced(json.loads(text), code)
        (submissions / f"{name}.ipynb").write_text(json.dumps(notebook), encoding="utf-8")
    for name, (change, _, _) in SHAPES.items():
        notebook = change(json.loads(text))
        (submissions / f"{name}.ipynb").write_text(json.dumps(notebook), encoding="utf-8")
    for name, (corrupt, _) in BYTES.items():
        (submissions / f"{name}.ipynb").write_bytes(corrupt(text))
    request = Request(
        notebooks["exercises"],
        submissions,
        folder / "results",
        LIMITS,
        protection=os.environ.get("CLIPEDU_TEST_PROTECTION", "auto"),
        jobs=2,
        progress=False,
    )
    _, results = grade(request)
    return {result.student: result for result in results}


def points(result: Result) -> dict[str, float]:
    return {report.exercise: report.points for report in result.reports}


def test_everybody_has_a_row(graded: dict[str, Result]) -> None:
    assert set(graded) == {*CODE, *SHAPES, *BYTES}


@pytest.mark.parametrize("name", CODE)
def test_hostile_code_costs_its_own_exercise_at_most(graded: dict[str, Result], name: str) -> None:
    _, expected, statuses = CODE[name]
    result = graded[name]
    told = f"{result.status}: {result.message}; {result.suspicions}"
    assert result.points == expected, told
    assert result.status in statuses, told
    wanted = {"90.1": 1, "90.2": expected - 5, "90.3": 2, "90.4": 2}
    assert points(result) == wanted, told


@pytest.mark.parametrize("name", SHAPES)
def test_odd_notebooks_are_read(graded: dict[str, Result], name: str) -> None:
    _, expected, statuses = SHAPES[name]
    assert graded[name].status in statuses, graded[name].message
    assert graded[name].points == expected, graded[name].message


@pytest.mark.parametrize("name", BYTES)
def test_broken_files_have_a_row_that_says_so(graded: dict[str, Result], name: str) -> None:
    result = graded[name]
    assert result.status in BYTES[name][1], result.message
    assert result.points == 0 and result.max_points == 8
    assert result.message


def test_messages_are_for_people(graded: dict[str, Result]) -> None:
    def message(name: str) -> str:
        return next(r.message for r in graded[name].reports if r.exercise == "90.2")

    assert "loop that never ends" in message("loop_in_call")
    assert "memory" in message("allocation")
    assert "ended before it answered" in message("os_exit")
    assert "EOF" in message("asks")
    assert any("starts" in words for words in graded["background"].suspicions)
    assert any("torch.allclose" in words for words in graded["patched_allclose"].suspicions)
    assert any("holds answers" in w or "part of" in w for w in graded["reads_specs"].suspicions)
    assert graded["honest"].suspicions == []


def test_nothing_was_written_outside(graded: dict[str, Result]) -> None:
    assert not OUTSIDE.exists()


def test_no_process_stays_behind(graded: dict[str, Result]) -> None:
    deadline = time.monotonic() + 10
    while left := _grading_processes():
        assert time.monotonic() < deadline, left
        time.sleep(0.2)


def _grading_processes() -> list[str]:
    """Workers and what they started: ours or nobody's, not those of another grading."""
    columns = ["ps", "-eo", "pid=,ppid=,args="]
    listing = subprocess.run(columns, capture_output=True, text=True).stdout
    table = {}
    for line in listing.splitlines():
        pid, parent, words = line.split(None, 2)
        table[int(pid)] = int(parent), words

    def above(pid: int) -> list[int]:
        chain = []
        while (pid := table.get(pid, (0, ""))[0]) in table:
            chain.append(pid)
        return chain

    marks = ("/worker.py {", "sleep 54321", "-m clipedu_classroom.answers")
    left = []
    for pid, (_, words) in table.items():
        ancestors = above(pid)
        told = " ".join(table[ancestor][1] for ancestor in ancestors)
        somebody_elses = "pytest" in told or "grade" in told
        if any(mark in words for mark in marks):
            if os.getpid() in ancestors or not somebody_elses:
                left.append(words)
    return left


@pytest.mark.skipif(sys.platform != "linux" or not sandbox.works("bubblewrap"), reason="bubblewrap")
def test_a_worker_under_bubblewrap_sees_almost_nothing() -> None:
    from clipedu_classroom.remote import Client

    client = Client("bubblewrap", LIMITS, time.monotonic() + 60)
    try:
        code = (
            "import os\n"
            "seen = sorted(os.listdir('/'))\n"
            f"course = os.path.exists({str(Path(__file__).parent)!r})\n"
            "who = os.getuid()\n"
            "net = open('/proc/net/dev').read().count(':')\n"
        )
        assert "error" not in client.ask("load", id="x", source=code, kind="answer")
        names = ("seen", "course", "who", "net")
        seen, course, who, interfaces = client.ask("value", name=names)["value"]
        assert not course
        assert "home" not in seen or not os.path.isdir("/home")
        assert who != 0
        assert interfaces <= 1  # the loopback at most
    finally:
        client.stop()
