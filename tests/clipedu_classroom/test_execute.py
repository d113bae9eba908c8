"""The executor: what is run, where, for how long, and what of it is stored."""

from __future__ import annotations

import re
import sys
import time
from pathlib import Path

import pytest
from nbformat import NotebookNode
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output

from clipedu_classroom import execute
from clipedu_classroom.execute import NotebookError, execute_notebook, tidy


def notebook(*sources: str, tags: list[str] | None = None) -> NotebookNode:
    metadata = {"tags": tags} if tags else {}
    return new_notebook(cells=[new_code_cell(source, metadata=metadata) for source in sources])


def tidied(*outputs: NotebookNode) -> list[NotebookNode]:
    cell = new_code_cell("x", outputs=list(outputs))
    return tidy(new_notebook(cells=[cell])).cells[0].outputs


def stream(text: str, name: str = "stderr") -> NotebookNode:
    return new_output("stream", name=name, text=text)


def test_a_notebook_is_run_in_its_folder_by_this_python(tmp_path, monkeypatch):
    (tmp_path / "beside.txt").write_text("found")
    monkeypatch.setenv("MPLBACKEND", "agg")
    source = notebook(
        "import os, sys\nprint(open('beside.txt').read(), os.path.realpath(sys.executable))",
        "print(os.environ['CLIPEDU_STATE'], os.environ['MPLBACKEND'])\n1 + 1",
        "import ipywidgets\n@ipywidgets.interact(x=3)\ndef f(x):\n    print('drawn', x)",
    )
    source.cells.insert(0, new_markdown_cell("# Title"))
    before = source.copy()
    done = execute_notebook(source, timeout=60, cwd=tmp_path, progress=False)
    assert source == before, "the argument must stay as it is"
    assert [cell.execution_count for cell in done.cells[1:]] == [1, 2, 3]
    printed = done.cells[1].outputs[0].text
    assert printed.startswith("found")
    # the path itself is taken out, so compare what is left of it
    assert printed.split()[1].endswith(Path(sys.executable).resolve().name)
    assert done.cells[2].outputs[0].text == "off module://matplotlib_inline.backend_inline\n"
    assert done.cells[2].outputs[1].data == {"text/plain": "2"}
    # what nbval sees: the text that the Output widget captured is ordinary output
    assert done.cells[3].outputs[0].text == "drawn 3\n"
    assert all(execute.WIDGET_VIEW not in out.get("data", {}) for out in done.cells[3].outputs)
    assert "widgets" not in done.metadata
    assert all("execution" not in cell.metadata for cell in done.cells)


def test_an_endless_cell_is_stopped_and_named(tmp_path):
    source = notebook(
        "import time\n"
        "while True:\n"
        "    try:\n"
        "        time.sleep(60)\n"
        "    except BaseException:\n"
        "        pass"
    )
    start = time.monotonic()
    with pytest.raises(
        NotebookError, match=r"03\.ipynb: cell 1 \('import time'\) did not end"
    ) as e:
        execute_notebook(source, timeout=2, cwd=tmp_path, progress=False, name="03.ipynb")
    assert e.value.cell == 1
    assert time.monotonic() - start < 60


def test_a_failing_cell_and_a_dead_kernel_are_named(tmp_path):
    with pytest.raises(NotebookError, match="cell 2 .'1 / 0'. raised ZeroDivisionError") as e:
        execute_notebook(notebook("x = 1", "1 / 0", "x"), cwd=tmp_path, progress=False)
    assert e.value.cell == 2
    with pytest.raises(NotebookError, match="cell 1 .*ended the kernel"):
        execute_notebook(notebook("import os\nos._exit(1)"), cwd=tmp_path, progress=False)


def test_an_exception_on_purpose_is_stored_without_library_frames(tmp_path):
    source = notebook("import json\njson.loads('{')", tags=["raises-exception"])
    [output] = execute_notebook(source, cwd=tmp_path, progress=False).cells[0].outputs
    assert output.ename == "JSONDecodeError"
    text = "\n".join(output.traceback)
    assert "json.loads('{')" in text
    assert "decoder.py" not in text and "\x1b" not in text


def test_bad_arguments_are_refused():
    with pytest.raises(ValueError, match="timeout is 0"):
        execute_notebook(notebook("1"), timeout=0)
    with pytest.raises(FileNotFoundError, match="is no folder"):
        execute_notebook(notebook("1"), cwd="/no/such/folder")


def test_the_client_cannot_hang_on_an_output_widget(tmp_path):
    client = execute._client(notebook("1"), 30, tmp_path, print)
    assert client.comm_open_handlers == {}
    assert client.timeout == 30
    assert client.store_widget_state is False and client.record_timing is False


def test_a_progress_bar_keeps_its_last_state_without_rates():
    bar = "\r  0%|     | 0/30 [00:00<?, ?it/s]\r100%|█████| 30/30 [00:03<00:00,  9.8it/s]\n"
    assert tidied(stream(bar))[0].text == "100%|█████| 30/30\n"
    long = "\rsteps: 100%|█████| 30/30 [1:00:03<00:00,  2.10s/step, loss=4.2]\n"
    assert tidied(stream(long))[0].text == "steps: 100%|█████| 30/30\n"
    kept = "[12:34] a line of the lesson\n"
    assert tidied(stream(kept, "stdout"))[0].text == kept


def test_text_stays_on_its_side_of_a_figure_and_bars_stay_one_text():
    figure = new_output("display_data", data={"image/png": "AAAA"})
    outputs = tidied(
        stream("one ", "stdout"),
        stream("\r 50%|██   | 1/2 [00:01<00:01]"),
        stream("line\n", "stdout"),
        figure,
        stream("its words\n", "stdout"),
        stream("\r100%|█████| 2/2 [00:02<00:00]\n"),
    )
    found = [(o.get("name"), o.get("text")) for o in outputs]
    assert found == [
        ("stdout", "one line\n"),
        ("stderr", "100%|█████| 2/2\n"),
        (None, None),
        ("stdout", "its words\n"),
    ]


def test_a_cell_that_prints_around_a_figure_is_stored_in_that_order():
    source = notebook(
        "from IPython.display import Markdown, display\n"
        "for word in ('first', 'second'):\n"
        "    print(word)\n"
        "    display(Markdown(word))"
    )
    outputs = execute_notebook(source, timeout=60, progress=False).cells[0].outputs
    assert [o.output_type for o in outputs] == ["stream", "display_data"] * 2


def test_paths_and_addresses_of_this_machine_are_taken_out():
    package = Path(execute.__file__).resolve()
    library = Path(pytest.__file__).resolve()
    texts = {
        f"{package}:3\n": "course/clipedu_classroom/execute.py:3\n",
        f"{library}\n": "site-packages/pytest/__init__.py\n",
        "<object at 0x7f3a2b1c4d5e>\n": "<object at 0x...>\n",
        "/somewhere/ipykernel_12/345.py:1: UserWarning: x\n": "<cell>:1: UserWarning: x\n",
        "0xff and /usr/share/datasets stay\n": "0xff and /usr/share/datasets stay\n",
    }
    for text, expected in texts.items():
        assert tidied(stream(text))[0].text == expected
    shown = new_output("execute_result", data={"text/plain": f"at {package}"}, execution_count=1)
    assert str(package.parent) not in tidied(shown)[0].data["text/plain"]


def test_widget_views_and_empty_outputs_are_dropped():
    view = new_output(
        "display_data",
        data={execute.WIDGET_VIEW: {"model_id": "ab12"}, "text/plain": "IntSlider()"},
    )
    bare = new_output("display_data", data={execute.WIDGET_VIEW: {"model_id": "ab12"}})
    assert [output.data for output in tidied(view, bare, stream("\r"))] == [
        {"text/plain": "IntSlider()"}
    ]


def test_a_figure_keeps_its_description():
    words = {"image/png": {"alt": "A curve that falls."}}
    shown = new_output("display_data", data={"image/png": "AAAA"}, metadata=words)
    assert tidied(shown)[0].metadata == words


@pytest.mark.parametrize("on_terminal", [False, True])
def test_a_running_notebook_shows_its_cell_the_time_and_what_it_printed(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    on_terminal: bool,
) -> None:
    cells = [
        new_markdown_cell("# 04 Train\nwords\n## The run"),
        new_code_cell("print('quick')"),
        new_code_cell(
            "import sys, time\n"
            "print('\\r24 %\\r49 %', file=sys.stderr, flush=True)\ntime.sleep(1.2)\nprint('end')"
        ),
    ]
    monkeypatch.setattr(execute, "REFRESH", 0.2)
    monkeypatch.setattr(execute, "HEARTBEAT", 0.4)
    monkeypatch.setattr(execute, "LONG", 1.0)
    monkeypatch.setattr(sys.stderr, "isatty", lambda: on_terminal)
    notebook = new_notebook(cells=cells)
    execute_notebook(notebook, cwd=tmp_path, timeout=60, name="notebooks/04_train.ipynb")
    shown = capsys.readouterr().err
    lines = [line.rstrip() for line in shown.split("\n")]
    assert "04 Train" in lines[:-1] if not on_terminal else "\r04 Train " in shown
    assert re.search(r"04 cell 3 of 3, [01] s  49 %", shown) and "24 %" not in shown
    assert any(line.endswith("04 cell 3 of 3, 1 s  The run") for line in lines)  # it was long
    if on_terminal:  # everything else was written over
        assert len(lines) == 3 and shown.endswith("\r")
    else:
        assert "\r" not in shown


def test_without_progress_nothing_is_shown(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    execute_notebook(notebook("print(1)"), cwd=tmp_path, timeout=60, progress=False)
    assert capsys.readouterr().err == ""
