"""What is right in lesson 10, linear probes: an exercise in each file.

The references spell each formula out, apart from the library.
"""

from __future__ import annotations

from clipedu_classroom.spec import Misconception, ValueExercise
from clipedu_lessons.l10_linear_probes.checks.calibration import CALIBRATION
from clipedu_lessons.l10_linear_probes.checks.objective import OBJECTIVE
from clipedu_lessons.l10_linear_probes.checks.shots import SHOTS


def _numbers(learned: bool, value: int) -> object:
    """A predicate: this answer to the first (learned) or third question, whatever the others."""
    place = 0 if learned else 2
    return lambda answer: answer[place] == value


PROTOCOL = ValueExercise(
    id="10.1",
    name=("numbers_learned", "fits_at_most", "pictures_in_last_fit", "lambda_is_chosen_on"),
    expected=(2570, 16, 800, "validation"),
    misconceptions=(
        Misconception(
            "the biases are forgotten", _numbers(True, 2560), "What is added to each score?"
        ),
        Misconception(
            "the bias is taken to be one number for all classes",
            _numbers(True, 2561),
            "Which shape has the bias?",
        ),
        Misconception(
            "the whole grid is fitted",
            lambda answer: answer[1] in (96, 97, 98),
            "How many lambdas does each halving add?",
        ),
        Misconception(
            "the last fit is not counted",
            lambda answer: answer[1] == 15,
            "What happens after lambda is chosen?",
        ),
        Misconception(
            "the last fit leaves validation out",
            _numbers(False, 600),
            "What are the validation pictures still needed for, once lambda is chosen?",
        ),
        Misconception(
            "the last fit sees the test pictures too",
            _numbers(False, 1000),
            "What would the test accuracy then say?",
        ),
        Misconception(
            "lambda is chosen on the test pictures",
            lambda answer: str(answer[3]).strip().lower() == "test",
            "How often may the test part be looked at?",
        ),
        Misconception(
            "lambda is chosen on the pictures that were fitted",
            lambda answer: str(answer[3]).strip().lower() == "train",
            "Which lambda always fits the training pictures best?",
        ),
    ),
)

EXERCISES = [PROTOCOL, OBJECTIVE, SHOTS, CALIBRATION]
