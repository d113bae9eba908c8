"""Exercises 13.1 and 13.2: sizes from a configuration, defects from outputs."""

from __future__ import annotations

from clipedu_classroom.spec import Misconception, ValueExercise
from clipedu_lessons.common.checking import near
from clipedu_lessons.l13_the_real_clip.suspects import DEFECTS

B_16 = 149_620_737  # parameters of ViT-B/16 at 224 pixels
ROWS = (384 // 16) ** 2 + 1
EXPECTED = (ROWS, B_16 + (ROWS - 197) * 768, 302 + 24 * 4, 299.2)

SIZES = ValueExercise(
    id="13.1",
    name=("rows", "parameters", "hf_tensors", "megabytes"),
    expected=EXPECTED,
    tolerance=0.051,
    misconceptions=(
        Misconception(
            "the class token has no position",
            lambda v: v[0] == ROWS - 1 or v[1] == EXPECTED[1] - 768,
            "What does the transformer of the image encoder see besides the patches?",
        ),
        Misconception(
            "the rows of the smaller picture are kept",
            lambda v: v[0] in (196, 197) or v[1] == B_16,
            "Into how many patches are 384 pixels cut?",
        ),
        Misconception(
            "bits are taken for bytes, or 32 of them for 16",
            lambda v: near(v[3], B_16 * 16 / 1e6, B_16 * 4 / 1e6, B_16 / 1e6, within=0.1),
            "How many bytes has a number of 16 bits?",
        ),
    ),
)

SUSPECTS = ValueExercise(
    id="13.2",
    name="defects",
    expected=DEFECTS,
    misconceptions=(
        Misconception(
            "two copies are called sound",
            lambda v: list(v.values()).count("none") > 1,
            "A small difference is a difference. How large is rounding?",
        ),
        Misconception(
            "a defect of one encoder is taken for one of both",
            lambda v: v.get("A") == "activation" or v.get("D") == "activation",
            "Compare the embeddings of the pictures and those of the texts, each by itself.",
        ),
        Misconception(
            "the sound copy is suspected",
            lambda v: v.get("C", "none") != "none",
            "Which copy gives the right embeddings on both sides?",
        ),
    ),
)
