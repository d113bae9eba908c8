"""The paper's claims, computed again from its tables."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest

from clipedu_lessons.common.paper import FOLDER, load_paper_table
from clipedu_lessons.l10_linear_probes.paper_claims import (
    claims,
    fig5_deltas,
    fig5_misfits,
    probe_row,
)
from clipedu_lessons.l10_linear_probes.paper_figures import figure5


@pytest.mark.parametrize(
    ("key", "printed", "value"),
    [
        ("fig5_wins", "16", 16),
        ("fig11_wins", "21", 21),
        ("fig7_mean", "20.8", 20.77),
        ("fig7_median", "5.4", 5.4),
        ("kornblith_margin", "2.6", 2.64),
        ("all_margin", "5", 4.74),
    ],
)
def test_claims_recomputed(key: str, printed: str, value: float) -> None:
    found = claims()[key]
    assert (found.printed, found.agrees) == (printed, True)
    assert found.value == pytest.approx(value, abs=0.01)


def test_figure_8_is_near_but_not_the_same() -> None:
    assert claims()["fig8_r"].value == pytest.approx(0.814, abs=1e-3)
    assert 0.93 < claims()["fig8_slope"].value < 1.79
    assert not claims()["fig8_near"].agrees


def test_two_printed_misfits_are_shown() -> None:
    assert sorted(fig5_misfits()) == ["KITTI", "UCF101"]
    deltas, table = fig5_deltas(), load_paper_table("per_dataset")
    assert deltas["UCF101"] == 5.7 and deltas["KITTI"] == -45.2
    printed = dict(zip(table.column("dataset"), table.column("fig5_delta_printed"), strict=True))
    assert (printed["UCF101"], printed["KITTI"]) == (7.7, -34.0)  # as printed, not corrected
    texts = " ".join(load_paper_table("misfits").column("what"))
    assert "UCF101" in texts and "KITTI" in texts
    _, words = figure5()
    assert "KITTI and UCF101 do not fit" in words


def test_deltas_are_recomputed_not_read() -> None:
    from_file = load_paper_table("per_dataset").numbers("fig5_delta_from_tables")
    np.testing.assert_allclose(list(fig5_deltas().values()), from_file, atol=1e-9)


def test_the_probe_of_clip_is_the_same_in_two_tables() -> None:
    clip = probe_row("CLIP-ViT", "L/14-336px")
    table = load_paper_table("per_dataset")
    assert table.column("linear_probe_clip_t10") == clip.tolist()


def test_a_missing_column_is_named(tmp_path: Path) -> None:
    shutil.copytree(FOLDER, tmp_path, dirs_exist_ok=True)
    path = tmp_path / "paper_per_dataset.csv"
    path.write_text(path.read_text().replace("fig5_delta_printed", "renamed"))
    with pytest.raises(ValueError, match="fig5_delta_printed"):
        claims(tmp_path)
