"""A real JupyterLab and a real Chromium, for `make test-browser` only.

The server listens on this machine alone, on a free port, serves copies of the notebooks (so that
nothing here is saved over the course's own) and ends with the tests, by its own process id. The
page may ask nothing but this server, and every error on its console counts.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[2]
ASKED = os.environ.get("CLIPEDU_BROWSER_TESTS") == "1"
CI = os.environ.get("CI", "").lower() in ("1", "true", "yes")
collect_ignore_glob = [] if ASKED else ["*"]  # plain pytest stays fast

# Seconds that a lesson may take in the page; more where other work keeps the cores busy.
PATIENCE = float(os.environ.get("CLIPEDU_BROWSER_PATIENCE", "280"))

FLAGS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
SETTINGS = {
    "@jupyterlab/apputils-extension:notification": {
        "fetchNews": "false",
        "checkForUpdates": False,
        "doNotDisturbMode": True,
    },
    # Cells that are out of sight stay in the page, so that a test can wait for them.
    "@jupyterlab/notebook-extension:tracker": {"windowingMode": "none"},
}


def missing(what: str) -> None:
    """Outside CI a reason to skip; in CI, where `.ci/run` installs it, a failure."""
    (pytest.fail if CI else pytest.skip)(f"no browser tests: {what}")


@pytest.fixture(scope="session")
def chromium() -> str:
    names = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
    found = os.environ.get("CLIPEDU_CHROMIUM") or next(filter(None, map(shutil.which, names)), None)
    if found is None:
        missing("no Chromium on PATH; install it, or set CLIPEDU_CHROMIUM to the program")
    return str(found)


@pytest.fixture(scope="session")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, Path]]:
    """A running JupyterLab: its address, and the folder that it shows."""
    home: Path = tmp_path_factory.mktemp("jupyter")
    work = home / "work" / "notebooks"
    work.mkdir(parents=True)
    (home / "config" / "labconfig").mkdir(parents=True)
    overrides = home / "config" / "labconfig" / "default_setting_overrides.json"
    overrides.write_text(json.dumps(SETTINGS), "utf-8")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    env = dict(
        os.environ, JUPYTER_CONFIG_DIR=str(home / "config"), IPYTHONDIR=str(home / "ipython")
    )
    env |= {"JUPYTER_DATA_DIR": str(home / "data"), "JUPYTER_RUNTIME_DIR": str(home / "runtime")}
    command = [sys.executable, "-m", "jupyterlab", "--no-browser", "--ip=127.0.0.1"]
    command += [f"--port={port}", "--ServerApp.port_retries=0", "--IdentityProvider.token="]
    command += [f"--ServerApp.root_dir={home / 'work'}", "--LabApp.news_url=", "--allow-root"]
    command += ["--ServerApp.disable_check_xsrf=True", "--LabApp.expose_app_in_browser=True"]
    with (home / "log").open("w") as log:
        server = subprocess.Popen(
            command, cwd=home, env=env, stdout=log, stderr=log, start_new_session=True
        )
    address = f"http://127.0.0.1:{port}"
    try:
        wait_for(lambda: answers(f"{address}/api"), server, home / "log")
        yield address, work
    finally:
        os.killpg(server.pid, signal.SIGTERM)  # its own group: the kernels too
        try:
            server.wait(20)
        except subprocess.TimeoutExpired:
            os.killpg(server.pid, signal.SIGKILL)
            server.wait()


def answers(address: str) -> bool:
    try:
        with urllib.request.urlopen(address, timeout=5) as answer:
            return bool(answer.status == 200)
    except OSError:
        return False


def wait_for(ready: Callable[[], bool], server: subprocess.Popen[bytes], log: Path) -> None:
    end = time.monotonic() + PATIENCE
    while not ready():
        if server.poll() is not None or time.monotonic() > end:
            pytest.fail(f"JupyterLab did not start; it said:\n{log.read_text('utf-8')[-3000:]}")
        time.sleep(0.3)


@pytest.fixture(scope="session")
def browser(chromium: str) -> Iterator[Any]:
    try:
        from playwright.sync_api import sync_playwright
    except ImportError:
        missing("playwright is not installed: pip install -e '.[browser]'")
    with sync_playwright() as playwright:
        opened = playwright.chromium.launch(executable_path=chromium, args=list(FLAGS))
        yield opened
        opened.close()


@pytest.fixture(scope="module")
def page(browser: Any, lab: tuple[str, Path]) -> Iterator[Any]:
    """A fresh page. At the end of the module: no error on its console, no request elsewhere."""
    context = browser.new_context(viewport={"width": 1200, "height": 1600}, has_touch=True)
    opened = context.new_page()
    opened.set_default_timeout(120_000)  # a busy machine is not a failure
    errors: list[str] = []
    opened.on("console", lambda said: errors.append(said.text) if said.type == "error" else None)
    opened.on("pageerror", lambda error: errors.append(str(error)))
    asked: set[str] = set()
    opened.on("request", lambda request: asked.add(request.url))
    yield opened
    context.close()
    assert errors == []
    elsewhere = [url for url in asked if not url.startswith((lab[0], "data:", "blob:"))]
    assert elsewhere == []


# What the page has asked the kernel and has no answer to yet. The kernel says "idle" after each
# question, when all that it changed is shown; it need not answer in the order of the questions.
COUNT_QUESTIONS = """() => {
  const { kernel } = window.jupyterapp.shell.currentWidget.sessionContext.session;
  window.unanswered = new Set();
  kernel.anyMessage.connect((_, { msg, direction }) => {
    if (direction === "send" && msg.channel === "shell") {
      window.unanswered.add(msg.header.msg_id);
    } else if (msg.header.msg_type === "status" && msg.content.execution_state === "idle") {
      window.unanswered.delete(msg.parent_header.msg_id);
    }
  });
}"""


class Lesson:
    """A lesson that was run in the page, up to its last widget."""

    def __init__(self, page: Any, cells: list[str]) -> None:
        self.page, self.cells = page, cells

    def output(self, source: str) -> Any:
        """The output of the first code cell that has `source` in it, scrolled into sight."""
        number = next(k for k, cell in enumerate(self.cells) if source in cell)
        found = self.page.locator(".jp-CodeCell").nth(number).locator(".jp-Cell-outputArea")
        found.scroll_into_view_if_needed()
        return found

    def settle(self) -> None:
        """Waits until everything that was done in the page so far has its answer there."""
        self.page.wait_for_function("window.unanswered.size === 0", timeout=1000 * PATIENCE)

    def changes(self, thing: Any, act: Callable[[], object]) -> str:
        """Does something and waits until `thing` (a picture or a text) is another; what it is then.

        No answer to what was done before can pass for the change, nor the first of several answers
        for the last. An HTML widget makes its picture anew, so it is looked up again each time.
        """
        read = "e => e.src || e.textContent"
        self.settle()
        before = thing.evaluate(read)
        act()
        self.wait(lambda: thing.evaluate(read), lambda now: now != before)
        self.settle()
        return str(thing.evaluate(read))

    def says(self, thing: Any, words: str) -> str:
        """Waits until the text of `thing` holds these words, as the answer to what was done last;
        the text."""
        self.settle()
        return self.wait(thing.inner_text, lambda now: words in now)

    def wait(self, read: Callable[[], str], enough: Callable[[str], bool]) -> str:
        end = time.monotonic() + PATIENCE
        while not enough(now := str(read())):
            if time.monotonic() > end:
                pytest.fail(f"nothing changed in {PATIENCE:.0f} s; it is still {now[:200]!r}")
            self.page.wait_for_timeout(100)
        return now


@pytest.fixture(scope="module")
def run_lesson(page: Any, lab: tuple[str, Path]) -> Callable[[str, str], Lesson]:
    """`run_lesson("05_zero_shot", "DrawingBoard(")` runs the lesson up to the cell with this."""

    def run(name: str, last: str) -> Lesson:
        address, work = lab
        notebook = json.loads((ROOT / "notebooks" / f"{name}.ipynb").read_text("utf-8"))
        code = [cell for cell in notebook["cells"] if cell["cell_type"] == "code"]
        sources = ["".join(cell["source"]) for cell in code]
        stop = max(k for k, source in enumerate(sources) if last in source)
        for cell in code:  # what the course stored must not pass for what was run here
            cell["outputs"], cell["execution_count"] = [], None
        notebook["cells"] = code[: stop + 1]
        (work / f"{name}.ipynb").write_text(json.dumps(notebook), "utf-8")
        page.goto(f"{address}/lab/tree/notebooks/{name}.ipynb?reset")
        page.wait_for_selector("#jp-main-statusbar :text('| Idle')")
        page.evaluate(COUNT_QUESTIONS)
        page.evaluate("window.jupyterapp.commands.execute('notebook:run-all-cells')")
        prompt = page.locator(".jp-CodeCell").nth(stop).locator(".jp-InputPrompt")
        page.wait_for_function(
            "e => /^\\[\\d+\\]:$/.test(e.textContent.trim())",
            arg=prompt.element_handle(),
            timeout=1000 * PATIENCE,
        )
        wrong = page.locator(".jp-RenderedText[data-mime-type='application/vnd.jupyter.error']")
        assert wrong.count() == 0, wrong.first.inner_text()
        return Lesson(page, sources[: stop + 1])

    return run
