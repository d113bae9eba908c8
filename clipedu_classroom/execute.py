"""Run a notebook from top to bottom in a fresh kernel and keep outputs that are worth storing.

No Output widget is mirrored (`comm_open_handlers = {}`): nbclient's mirror can wait for a reply
that never comes (jupyter/nbclient#312)."""

from __future__ import annotations

import copy
import os
import re
import shutil
import site
import subprocess
import sys
import sysconfig
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from nbformat import NotebookNode

from clipedu_classroom.source import LESSONS, shown_path

REFRESH, HEARTBEAT = 1.0, 10.0  # seconds between two lines: on a terminal, and elsewhere
LONG = 5.0  # a cell that took more seconds leaves its line behind


class CellProgress:
    """A line on stderr, from a thread: in place on a terminal, every ten seconds elsewhere."""

    def __init__(self, label: str, cells: int, show: bool = True) -> None:
        self._label, self._cells, self._show = label, cells, show
        self._heading, self._about = "", "starting Python"
        self._number, self._began = 0, time.monotonic()
        self._on_terminal = sys.stderr.isatty()
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._keep_writing, daemon=True)

    def __enter__(self) -> CellProgress:
        self._thread.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._over.set()
        self._thread.join()
        if self._on_terminal:
            self._write("", end="\r")

    def read(self, markdown: str) -> None:
        """Note the heading above the next cells; the first one is the title, and is printed."""
        for heading in re.findall(r"^#{1,3} (.+)", markdown, re.MULTILINE):
            if not self._heading:
                self._write(heading)
            self._heading = heading

    def start(self, number: int) -> None:
        """Cell `number` starts; it counts from 1 over all cells, as error messages do."""
        self._number, self._began, self._about = number, time.monotonic(), self._heading

    def hear(self, text: str) -> None:
        """The cell printed `text`; of a progress bar, which writes over itself, the end counts."""
        lines = [line.strip() for line in re.split(r"[\r\n]", text) if line.strip()]
        self._about = [self._about, *lines][-1]

    def end(self) -> None:
        """The cell is done; one that took long leaves its line behind."""
        if time.monotonic() - self._began > LONG:
            self._tell(self._heading)

    def _keep_writing(self) -> None:
        while not self._over.wait(REFRESH if self._on_terminal else HEARTBEAT):
            self._tell(self._about, end="" if self._on_terminal else "\n")

    def _tell(self, about: str, end: str = "\n") -> None:
        where = f"{self._label} cell {self._number} of {self._cells}"
        self._write(f"{where}, {time.monotonic() - self._began:.0f} s  {about}", end)

    def _write(self, line: str, end: str = "\n") -> None:
        if self._on_terminal:
            width = shutil.get_terminal_size().columns - 1
            line = "\r" + line[:width].ljust(width)
        if self._show:
            print(line, end=end, file=sys.stderr, flush=True)


TIMEOUT = 600  # seconds a cell may take; the course's longest trains for about three minutes
STARTUP_TIMEOUT = 60
WIDGET_VIEW = "application/vnd.jupyter.widget-view+json"  # holds a random model id

_RATE = re.compile(r" *\[\d+:\d+(?::\d+)?<[^\]\n]*\]")  # tqdm's times and rate
_REWRITTEN = re.compile(r"[^\n]*\r(?!\n)")  # what a carriage return wrote over
_ADDRESS = re.compile(r"\b0x[0-9a-fA-F]{6,}\b")
_KERNEL_FILE = re.compile(r"[^\s\"']*[\\/]ipykernel_\d+[\\/]\d+\.py")
_TEMPORARY = re.compile(re.escape(tempfile.gettempdir()) + r"[\\/]tmp\w{6,}")
_COLOR = re.compile(r"\x1b\[[0-9;]*m")


class NotebookError(RuntimeError):
    """A cell failed, ran out of time or lost its kernel. `cell` counts from 1 over all cells."""

    def __init__(self, message: str, cell: int) -> None:
        super().__init__(message)
        self.cell = cell


def execute_notebook(
    notebook: NotebookNode,
    *,
    timeout: float = TIMEOUT,
    cwd: str | Path | None = None,
    progress: bool = True,
    name: str = "notebook",
) -> NotebookNode:
    """A copy of `notebook` with fresh outputs; the argument stays as it is.

    timeout: seconds for each cell. cwd: the kernel's folder, by default the current one. progress:
    show on stderr which cell runs and what it printed last. Raises NotebookError naming the cell;
    FileNotFoundError when `cwd` is no folder; ValueError for a time limit of 0 or less."""
    if timeout <= 0:
        raise ValueError(f"timeout is {timeout}; give each cell some seconds, as {TIMEOUT}.")
    folder = Path.cwd() if cwd is None else Path(cwd)
    if not folder.is_dir():
        raise FileNotFoundError(f"{folder} is no folder; a notebook runs in one that exists.")
    from nbclient.exceptions import CellExecutionError, CellTimeoutError, DeadKernelError

    done = copy.deepcopy(notebook)
    label = re.sub(r"^notebooks/|(_[^/]*)?\.ipynb$", "", name)  # a lesson's number
    shown = CellProgress(label, len(done.cells), progress)
    client = _client(done, timeout, folder, shown.hear)
    # nothing of the caller's shell may show: a figure is drawn inline, and a solved notebook that
    # is run here is nobody's progress
    inline = "module://matplotlib_inline.backend_inline"
    environment = {**os.environ, "CLIPEDU_STATE": "off", "MPLBACKEND": inline}
    position = 0
    try:
        with shown, client.setup_kernel(stderr=subprocess.DEVNULL, env=environment):
            client.shutdown_kernel = "immediate"  # a cell that never ends hears no request
            for position, cell in enumerate(done.cells):
                if cell.cell_type == "code":
                    cell.execution_count = None
                    shown.start(position + 1)
                    client.execute_cell(cell, position)
                    shown.end()
                else:
                    shown.read(cell.source)
            client.shutdown_kernel = "graceful"
    except CellTimeoutError:
        what = f"did not end within {timeout:g} seconds and was stopped"
    except DeadKernelError:
        what = "ended the kernel (out of memory, or the process was killed)"
    except CellExecutionError as error:
        what = f"raised {error.ename}: {_COLOR.sub('', str(error.evalue))}"
    else:
        return tidy(done, folder)
    message = f"{shown_path(Path(name))}: {cell_label(done, position)} {what}"
    raise NotebookError(message, position + 1)


def tidy(notebook: NotebookNode, folder: Path | None = None) -> NotebookNode:
    """Take out of `notebook` (changed in place, and returned) what another run or machine would
    write otherwise."""
    notebook.metadata.pop("widgets", None)
    for cell in notebook.cells:
        cell.metadata.pop("execution", None)
        if cell.cell_type == "code":
            outputs = _joined_streams(cell.outputs)
            cell.outputs = [output for output in outputs if _tidied(output, folder)]
    return notebook


def _tidied(output: NotebookNode, folder: Path | None) -> bool:
    """Tidy one output in place; False when nothing is left of it."""
    if output.output_type == "stream":
        text = _plain_text(output.text, folder)
        output.text = _RATE.sub("", text) if output.name == "stderr" else text
        return bool(output.text.strip())
    if output.output_type == "error":
        output.evalue = _plain_text(output.evalue, folder)
        lines = [_COLOR.sub("", line) for line in output.traceback]
        # frames inside libraries differ between versions and machines, and help no reader
        own = [line for line in lines if not line.startswith("File ")]
        output.traceback = [_plain_text(line, folder) for line in own]
        return True
    output.data.pop(WIDGET_VIEW, None)
    for kind, value in output.data.items():
        if kind.startswith("text/") and isinstance(value, str):
            output.data[kind] = _plain_text(value, folder)
    return bool(output.data)


def _joined_streams(outputs: list[NotebookNode]) -> list[NotebookNode]:
    """The pieces in which a cell's text arrived put together, in the order in which it made its
    outputs. Warnings and progress bars (stderr) are one text: a bar writes over itself."""
    joined: list[NotebookNode] = []
    last: dict[str, NotebookNode] = {}  # what the next piece of stdout or stderr continues
    for output in outputs:
        if output.output_type != "stream":
            last.pop("stdout", None)
        elif output.name in last:
            last[output.name].text += output.text
            continue
        else:
            last[output.name] = output
        joined.append(output)
    return joined


def machine_paths(folder: Path | None = None) -> list[tuple[str, str]]:
    """(path of this machine, what to write in its place), longest first."""
    places = {str(Path.home()): "~", str(Path(__file__).resolve().parents[1]): "course"}
    if sys.prefix != sys.base_prefix:  # a prefix like /usr would match far too much
        places[sys.prefix] = "python"
    places[sysconfig.get_path("stdlib")] = "python"
    places |= dict.fromkeys(site.getsitepackages(), "site-packages")
    if folder is not None:
        places[str(folder.resolve())] = folder.resolve().name
        if (folder.resolve().parent / LESSONS).is_dir():
            places[str(folder.resolve().parent)] = "course"
    places.pop(str(Path("/")), None)  # a home of "/" would match everywhere
    return sorted(places.items(), key=lambda item: -len(item[0]))


def _plain_text(text: str, folder: Path | None) -> str:
    text = _REWRITTEN.sub("", text)
    text = _KERNEL_FILE.sub("<cell>", text)
    text = _TEMPORARY.sub("<temporary folder>", text)
    for path, name in machine_paths(folder):
        text = re.sub(re.escape(path) + r"(?![\w.-])", name, text)
    return _ADDRESS.sub("0x...", text)


def _client(
    notebook: NotebookNode, timeout: float, folder: Path, hear: Callable[[str], None]
) -> Any:
    """nbclient, told what it must not do; `hear` gets what cells print."""
    from ipykernel.kernelspec import RESOURCES, get_kernel_dict
    from jupyter_client.kernelspec import KernelSpec, KernelSpecManager
    from jupyter_client.manager import AsyncKernelManager
    from nbclient import NotebookClient

    class ThisPython(KernelSpecManager):
        """Knows one kernel: the Python that runs the builder, as nbval's --nbval-current-env."""

        def get_kernel_spec(self, kernel_name: str) -> KernelSpec:
            return KernelSpec(resource_dir=RESOURCES, **get_kernel_dict())

    class HeardClient(NotebookClient):
        def output(self, outs: Any, msg: Any, *rest: Any, **named: Any) -> Any:
            if msg["msg_type"] == "stream":
                hear(msg["content"]["text"])
            return super().output(outs, msg, *rest, **named)

    client = HeardClient(
        notebook,
        km=AsyncKernelManager(kernel_name="python3", kernel_spec_manager=ThisPython()),
        timeout=timeout,
        startup_timeout=STARTUP_TIMEOUT,
        allow_errors=False,
        record_timing=False,
        store_widget_state=False,
        coalesce_streams=False,  # it puts all that a cell prints above its first figure; see tidy
        resources={"metadata": {"path": str(folder)}},
    )
    client.comm_open_handlers = {}
    client.owns_km = True  # so that the kernel is stopped with the client
    return client


def cell_label(notebook: NotebookNode, position: int) -> str:
    """How a message names a cell: its number from 1 and its first line."""
    lines = notebook.cells[position].source.strip().splitlines()
    first = lines[0][:60] if lines else ""
    return f"cell {position + 1} ({first!r})"
