"""The class at a glance: statuses, each exercise's statistics, and answers that are alike."""

from __future__ import annotations

import io
import itertools
import keyword
import statistics
import tokenize
from collections import Counter
from typing import Any

from clipedu_classroom.assignment import Assignment, Question
from clipedu_classroom.exercise_reader import course_record
from clipedu_classroom.gradebook import STATUSES, Result

SHINGLE = 6  # tokens in a row that are compared
LEAST_SHINGLES = 12  # beyond what the task explains; with fewer, chance makes answers equal
ALIKE = 0.8


def summarize(assignment: Assignment, results: list[Result]) -> dict[str, Any]:
    """Statuses, per exercise its statistics and misconceptions, and pairs of answers that are
    alike."""
    statuses = Counter(result.status for result in results)
    points = [result.points for result in results]
    return {
        "assignment": assignment.name,
        "submissions": len(results),
        "statuses": {status: statuses[status] for status in STATUSES if statuses[status]},
        "max_points": assignment.max_points,
        "median_points": statistics.median(points) if points else 0,
        "exercises": [_item(question, results) for question in assignment.questions],
        "similar": similar_answers(assignment, results),
    }


def _item(question: Question, results: list[Result]) -> dict[str, Any]:
    about = {"exercise": question.id, "title": question.title, "by_hand": question.by_hand}
    if question.by_hand:
        return about | {"answered": sum(question.id in result.by_hand for result in results)}
    found = [(report, r) for r in results for report in r.reports if report.exercise == question.id]
    tried = [(report, r) for report, r in found if report.status != "not attempted"]
    bad = ("failed", "timeout", "crashed")
    wrong = Counter(report.diagnosis for report, _ in tried if report.status in bad)
    passed = sum(report.passed for report, _ in tried)
    # Of those who attempted anything: a blank notebook says nothing about one exercise
    present = [pair for pair in found if pair[1].status not in ("blank", "unreadable")]
    return {
        **about,
        "passed": passed,
        "failed": sum(wrong.values()),
        "not_attempted": len(found) - len(tried),
        "attempts": len(tried),
        "mean": round(question.points * passed / max(len(tried), 1), 3),
        "discrimination": correlation(
            [float(report.passed) for report, _ in present],
            [result.points - report.points for report, result in present],
        ),
        "diagnoses": [{"diagnosis": name, "students": n} for name, n in wrong.most_common()],
    }


def mistakes(item: dict[str, Any], most: int | None = None) -> str:
    """An exercise's most common diagnoses, in words."""
    return "; ".join(f"{d['students']} x {d['diagnosis']}" for d in item["diagnoses"][:most])


def correlation(passed: list[float], rest: list[float]) -> float | None:
    """Point-biserial correlation of passing with the points of the other exercises; None where
    everybody is equal in one of them."""
    try:
        return round(statistics.correlation(passed, rest), 3)
    except statistics.StatisticsError:
        return None


def summary_in_words(summary: dict[str, Any]) -> str:
    """The summary as plain lines, for the terminal."""
    count, statuses = summary["submissions"], summary["statuses"]
    counts = ", ".join(f"{number} {status}" for status, number in statuses.items())
    points = f"median {summary['median_points']:g} of {summary['max_points']:g} points"
    lines = [f"{summary['assignment']}: {count} submissions ({counts}); {points}."]
    for item in summary["exercises"]:
        name = f"{item['exercise']} {item['title']}".strip()
        if item["by_hand"]:
            noun = "answer" if item["answered"] == 1 else "answers"
            lines.append(f"  {name}: {item['answered']} {noun} to read")
            continue
        counts = f"{item['passed']} passed, {item['failed']} failed"
        lines.append(f"  {name}: {counts}, {item['not_attempted']} not attempted")
        lines += [f"      {d['students']} x {d['diagnosis']}" for d in item["diagnoses"][:5]]
    if pairs := len(summary["similar"]):
        words = "1 pair of answers is" if pairs == 1 else f"{pairs} pairs of answers are"
        lines.append(f"  {words} nearly equal: see the summary page.")
    return "\n".join(lines)


# Answers that are alike


def similar_answers(assignment: Assignment, results: list[Result]) -> list[dict[str, Any]]:
    """Pairs of answers of which nearly all is equal, without what the stub, the course's solution
    or a quarter of the class explains."""
    pairs = []
    for question in assignment.questions:
        explained = shingles(question.stub) | shingles(course_record(question.id).solution)
        own = {r.student: shingles(r.code[question.id]) for r in results if question.id in r.code}
        frequent = Counter(shingle for found in own.values() for shingle in found)
        usual = max(3, len(own) / 4)
        explained |= {shingle for shingle, count in frequent.items() if count >= usual}
        left = {student: found - explained for student, found in own.items()}
        rich = {student: found for student, found in left.items() if len(found) >= LEAST_SHINGLES}
        for (one, a), (two, b) in itertools.combinations(rich.items(), 2):
            share = len(a & b) / len(a | b)
            if share >= ALIKE:
                pairs.append({"exercise": question.id, "students": [one, two], "share": share})
    return sorted(pairs, key=lambda pair: -pair["share"])


def shingles(code: str) -> set[tuple[str, ...]]:
    """Runs of tokens. Variables have no names, and comments and strings no text."""
    tokens: list[str] = []
    skipped = (tokenize.COMMENT, tokenize.NL, tokenize.NEWLINE)
    try:
        for token in tokenize.generate_tokens(io.StringIO(code).readline):
            is_attribute = tokens[-1:] == ["."]
            is_fixed = is_attribute or keyword.iskeyword(token.string)
            if token.type == tokenize.STRING:
                tokens.append("string")
            elif token.type == tokenize.NAME and not is_fixed:
                tokens.append("name")
            elif token.type not in skipped:
                tokens.append(token.string.strip())
    except (tokenize.TokenError, SyntaxError):
        pass  # what comes before the error counts
    return set(zip(*(tokens[start:] for start in range(SHINGLE)), strict=False))
