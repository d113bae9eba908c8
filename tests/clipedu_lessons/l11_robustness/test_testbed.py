"""Tables of measured models, and what is wrong with a broken one."""

import pytest

from clipedu_lessons.l11_robustness.robustness import effective_robustness, fit_line
from clipedu_lessons.l11_robustness.testbed import (
    NATURAL_SHIFTS,
    load_clip_points,
    load_testbed,
)


@pytest.fixture
def table(tmp_path):
    path = tmp_path / "models.csv"
    path.write_text("model,kind,reference\na,standard,0.5\nb,subset,0.25\n")
    return path


def test_a_missing_column_is_named_with_those_there_are(table):
    with pytest.raises(ValueError, match=r"lacks the column.*lucide.*model, kind, reference"):
        load_testbed(table)


def test_a_row_cut_short_and_a_missing_file_are_refused(table):
    head = ["model", "kind", "reference", "reference_n", *NATURAL_SHIFTS]
    table.write_text(",".join(head) + "\n" + "a,standard,many,9,1,1,1\n")
    with pytest.raises(ValueError, match="line 2.*'many'"):
        load_testbed(table).numbers("reference")
    table.write_text(table.read_text() + "c,standard\n")
    with pytest.raises(ValueError, match="line 3"):
        load_testbed(table)
    with pytest.raises(FileNotFoundError, match="benchmarks/testbed.py"):
        load_testbed(table.parent / "none.csv")


def test_the_committed_testbed_is_large_and_clip_stands_above_its_line():
    testbed, clip = load_testbed(), load_clip_points()
    assert len(testbed) >= 30 and {"standard", "augmented", "subset"} == set(testbed.column("kind"))
    above = 0
    for family in NATURAL_SHIFTS:
        reference, shifted = testbed.numbers("reference"), testbed.numbers(family)
        n = int(testbed.numbers(f"{family}_n")[0])
        line = fit_line(reference, shifted, n_shifted=n, bootstrap=300)
        assert line.r > 0.5
        zero = clip.where(clip="without the reference", how="zero-shot")
        found = effective_robustness(
            line,
            float(zero.numbers("reference")[0]),
            float(zero.numbers(family)[0]),
            n_reference=int(zero.numbers("reference_n")[0]),
            n_shifted=n,
        )
        above += found.positive
    assert above >= 2
