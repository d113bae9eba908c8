from __future__ import annotations

import dataclasses
import os
import signal
import threading
from pathlib import Path

import pytest

from clipedu.training import read_history, train
from clipedu.training.checkpoint import history_lines
from clipedu.training.trainer import catch_interrupt, describe


def test_history_is_read_from_a_folder_or_a_file(tmp_path: Path) -> None:
    rows = [{"step": step, "loss": 1 / step} for step in range(1, 6)]
    (tmp_path / "history.jsonl").write_text(history_lines(rows) + '{"step": 6, "lo')
    assert read_history(tmp_path) == rows == read_history(tmp_path / "history.jsonl")
    assert read_history(tmp_path / "nowhere") == []


def test_a_new_run_starts_a_new_history(recipe, pairs, tmp_path: Path) -> None:
    recipe = dataclasses.replace(recipe, steps=2)
    (tmp_path / "history.jsonl").write_text(history_lines([{"step": 9}]))
    result = train(recipe, pairs=pairs, out=tmp_path, progress=False)
    assert read_history(tmp_path) == result.history
    assert [row["step"] for row in result.history] == [1, 2]


def test_ctrl_c_is_a_flag_inside_and_an_exception_outside() -> None:
    before = signal.getsignal(signal.SIGINT)
    with catch_interrupt() as pressed:
        assert not pressed()
        os.kill(os.getpid(), signal.SIGINT)
        assert pressed()
        with pytest.raises(KeyboardInterrupt):
            os.kill(os.getpid(), signal.SIGINT)
    assert signal.getsignal(signal.SIGINT) is before


def test_it_works_outside_the_main_thread() -> None:
    seen = []

    def work() -> None:
        with catch_interrupt() as pressed:
            seen.append(pressed())

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert seen == [False]


def test_the_words_of_the_line(recipe) -> None:
    rows = [{"loss": 3.124, "logit_scale": 23.08, "pairs_per_second": 1012.3}]
    recipe = dataclasses.replace(recipe, batch_size=512)
    words = "loss 3.12 (ln 512 = 6.24), 1,012 pairs/s, logit scale 23.1"
    assert describe(rows, recipe) == words
    assert describe(rows, recipe, {"lucide": 0.412}) == words + ", lucide 41.2%"
    rows = [{**rows[0], "pairs_per_second": speed} for speed in (5.0, *[100.0] * 5, *[200.0] * 5)]
    assert "150 pairs/s" in describe(rows, recipe)  # of the last ten
    siglip = dataclasses.replace(recipe, objective="siglip")
    assert "ln" not in describe(rows, siglip)


def test_where_ctrl_c_is_ignored_it_stays_ignored() -> None:
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        with catch_interrupt() as pressed:
            os.kill(os.getpid(), signal.SIGINT)
            assert not pressed()
    finally:
        signal.signal(signal.SIGINT, before)
