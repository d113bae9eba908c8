"""What is right in lesson 07, objectives. The references spell each formula out."""

from __future__ import annotations

from clipedu_lessons.l07_objectives.checks.likelihood import HABITS, SHORT
from clipedu_lessons.l07_objectives.checks.losses import BEFORE, COCA, QUESTIONS

EXERCISES = [BEFORE, QUESTIONS, COCA, SHORT, HABITS]
