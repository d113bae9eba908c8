"""Values for prose: refused when they are not formatted, invisible when they are."""

from __future__ import annotations

from pathlib import Path

import pytest
from nbformat.v4 import new_code_cell, new_notebook

from clipedu_classroom.execute import execute_notebook
from clipedu_classroom.prose_numbers import given
from clipedu_lessons.common.numbers import numbers


@pytest.mark.parametrize("value", [0.123456, True, None, "", [1]])
def test_a_value_that_is_not_formatted_is_refused(value):
    with pytest.raises(TypeError, match=r"loss is .* as numbers\(loss=f\"\{loss:.2f\}\"\)"):
        numbers(loss=value)


def test_outside_a_notebook_nothing_is_said(capsys):
    numbers(loss="4.21", batch=64)
    assert capsys.readouterr().out == ""


def test_a_kernel_stores_the_values_and_nothing_else(tmp_path: Path):
    code = "from clipedu_lessons.common.numbers import numbers\nnumbers(loss='4.21', batch=64)"
    made = execute_notebook(new_notebook(cells=[new_code_cell(code)]), cwd=tmp_path, progress=False)
    assert given(made) == {"loss": "4.21", "batch": "64"}
    (output,) = made.cells[0].outputs
    assert list(output.data) == ["application/vnd.clipedu.numbers+json"]
