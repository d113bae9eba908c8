"""You against CLIP: name thirty pictures that neither of you has seen (paper Table 2, Fig 16).

You and the model choose among the same five names. The second half of the questions shows one
example of each name, by another artist (one-shot). Answers stay in this notebook.
"""

from __future__ import annotations

import html
import textwrap
from dataclasses import dataclass

import ipywidgets
import numpy as np
import torch
from matplotlib.figure import Figure

from clipedu.evaluation.embedding import embed_pictures
from clipedu.evaluation.prompts import TEMPLATE_SETS
from clipedu.evaluation.statistics import clopper_pearson
from clipedu.models import CLIP
from clipedu.plots import COLOURS, picture_grid
from clipedu.tokenizer import Tokenizer
from clipedu_lessons.common.figures import new_figure
from clipedu_lessons.common.paper import load_paper_table
from clipedu_lessons.common.things import things_task
from clipedu_lessons.common.widgets import picture_html, said_html

CHOICES = 5


@dataclass(frozen=True, eq=False)
class Question:
    """One picture, five names, and what is right.

    picture: (3, 32, 32) in 0..1; names: five; right: which of them
    examples: (5, 3, 32, 32), one of each name by another hand, or None (zero-shot)
    """

    picture: torch.Tensor
    names: tuple[str, ...]
    right: int
    examples: torch.Tensor | None = None


def make_quiz(
    n: int = 30, *, family: str = "lucide", examples_from: str = "font_awesome", seed: int = 0
) -> list[Question]:
    """`n` questions about the things of a held-out family; the second half comes with examples.

    Raises ValueError when n is not between 2 and the number of usable things.
    """
    task, other = things_task(family), things_task(examples_from)
    known = sorted(set(task.labels.tolist()) & set(other.labels.tolist()))
    if not 2 <= n <= len(known) or len(known) < CHOICES:
        raise ValueError(f"A quiz has 2 to {len(known)} questions; got {n}.")
    rng = np.random.default_rng(seed)
    questions = []
    for k, label in enumerate(rng.permutation(known)[:n].tolist()):
        rows = torch.nonzero(task.labels == label).flatten().tolist()
        wrong = rng.permutation([c for c in known if c != label])[: CHOICES - 1].tolist()
        choices = rng.permutation([label, *wrong]).tolist()
        shown = None
        if k >= n // 2:
            firsts = [int(torch.nonzero(other.labels == c).flatten()[0]) for c in choices]
            shown = other.pictures[firsts]
        questions.append(
            Question(
                task.pictures[rows[int(rng.integers(len(rows)))]],
                tuple(task.class_names[c] for c in choices),
                choices.index(label),
                shown,
            )
        )
    return questions


def model_answers(model: CLIP, tokenizer: Tokenizer, quiz: list[Question]) -> list[int]:
    """What zero-shot CLIP chooses among the same names: it sees no examples, also in the second
    half."""
    from clipedu.evaluation.zeroshot import zero_shot_classifier

    names = sorted({name for question in quiz for name in question.names})
    weights = zero_shot_classifier(model, tokenizer, names, TEMPLATE_SETS["icon"])  # (C, E)
    seen = embed_pictures(model, torch.stack([question.picture for question in quiz]))
    scores = seen @ weights.T  # (n, C)
    return [
        int(scores[i, [names.index(name) for name in question.names]].argmax())
        for i, question in enumerate(quiz)
    ]


def marks(quiz: list[Question], answers: list[int | None]) -> dict[str, tuple[int, int]]:
    """Right and answered, for the questions without and with examples; None: not answered yet.

    Raises ValueError when there are not as many answers as questions.
    """
    if len(answers) != len(quiz):
        raise ValueError(f"{len(quiz)} questions, {len(answers)} answers.")
    found = {"zero-shot": [0, 0], "one-shot": [0, 0]}
    for question, answer in zip(quiz, answers, strict=True):
        if answer is not None:
            count = found["zero-shot" if question.examples is None else "one-shot"]
            count[0] += int(answer == question.right)
            count[1] += 1
    return {name: (right, asked) for name, (right, asked) in found.items()}


def marks_in_words(who: dict[str, dict[str, tuple[int, int]]]) -> str:
    """Name -> marks, as a sentence each, with exact intervals."""
    parts = []
    for name, found in who.items():
        for kind, (right, asked) in found.items():
            if asked:
                low, high = clopper_pearson(right, asked)
                parts.append(f"{name}, {kind}: {right} of {asked} ({low:.0%} to {high:.0%})")
    return "; ".join(parts) + "." if parts else "No answer yet."


def marks_figure(who: dict[str, dict[str, tuple[int, int]]]) -> Figure:
    """Shares with 95 % intervals side by side; guessing among five is dotted."""
    figure = new_figure(6.4, 2.8)
    axes = figure.subplots()
    labels = []
    for k, (name, kind, (right, asked)) in enumerate(
        (name, kind, count) for name, found in who.items() for kind, count in found.items()
    ):
        labels.append(f"{name}\n{kind}")
        if asked:
            low, high = clopper_pearson(right, asked)
            share = right / asked
            axes.errorbar(
                [k], [share], yerr=[[share - low], [high - share]], fmt="os^D"[k % 4],
                color="black", capsize=5, markersize=8,
            )  # fmt: skip
    axes.axhline(1 / CHOICES, color="#666666", linestyle=":", marker="")
    axes.text(-0.45, 1 / CHOICES + 0.02, "guessing", fontsize=8)
    axes.set_xticks(range(len(labels)), labels)
    axes.set(xlim=(-0.5, len(labels) - 0.5), ylim=(0, 1.02), ylabel="share right")
    return figure


def table2() -> tuple[Figure, str]:
    """Table 2 of the paper: people and zero-shot CLIP name the breeds of Oxford-IIIT Pets."""
    fills = {
        "Zero-shot human": ("white", "////"),
        "One-shot human": ("#BBBBBB", "...."),
        "Two-shot human": (COLOURS[5], "xx"),
        "Zero-shot CLIP": (COLOURS[2], None),
    }
    table = load_paper_table("small_tables")
    rows = {name: table.where(table="Table 2", row=name) for name in fills}
    columns = next(iter(rows.values())).column("column")
    figure = new_figure(7, 3.6)
    axes = figure.subplots()
    for k, (name, (fill, hatch)) in enumerate(fills.items()):
        at, values = np.arange(len(columns)) + 0.2 * (k - 1.5), rows[name].column("value")
        axes.bar(at, values, 0.2, color=fill, hatch=hatch, edgecolor="black", label=name)
        for x, value in zip(at, values, strict=True):
            axes.text(x, value + 1, f"{value:.1f}", ha="center", fontsize=7)
    labels = ["\n".join(textwrap.wrap(column, 18)) for column in columns]
    axes.set_xticks(range(len(columns)), labels, fontsize=8)
    axes.set(ylabel="percent", ylim=(0, 125), title="Table 2, redrawn: Oxford-IIIT Pets")
    axes.set_yticks(range(0, 101, 20))
    axes.grid(axis="x", visible=False)
    axes.legend(ncols=2, loc="upper left", fontsize=8)
    zero, one, two, clip = (rows[name].row(column="accuracy")["value"] for name in fills)
    return figure, (
        f"Groups of four bars. People name {zero:.1f} % of the breeds with no example, {one:.1f} % "
        f"with one and {two:.1f} % with two; CLIP {clip:.1f} % with none. The first example helps "
        "people most, where they had been unsure. Source: Radford et al. 2021, arXiv 2103.00020."
    )


class Quiz(ipywidgets.VBox):
    """`names` chooses, `submit` answers; `picture`, `words` and `result` are HTML that follow."""

    def __init__(self, quiz: list[Question], theirs: list[int]) -> None:
        self.quiz, self.theirs = quiz, theirs
        self.answers: list[int | None] = [None] * len(quiz)
        self.at = 0
        self.picture, self.words, self.result = (ipywidgets.HTML() for _ in range(3))
        self.names = ipywidgets.RadioButtons(description="This is:", options=list(quiz[0].names))
        self.submit = ipywidgets.Button(
            description="Answer", tooltip="take the chosen name and go on to the next picture"
        )
        self.submit.on_click(lambda _: self.answer(self.names.index))
        super().__init__([self.words, self.picture, self.names, self.submit, self.result])
        self._show()

    def answer(self, choice: int | None) -> None:
        """Take an answer to the question shown, and show the next one."""
        if self.at >= len(self.quiz) or choice is None:
            return
        self.answers[self.at] = choice
        self.at += 1
        self._show()

    def _show(self) -> None:
        done = self.at >= len(self.quiz)
        self.submit.disabled = self.names.disabled = done
        if not done:
            question = self.quiz[self.at]
            kind = "no example" if question.examples is None else "one example of each name"
            text = f"Picture {self.at + 1} of {len(self.quiz)}, {kind}. What is it?"
            self.words.value = said_html(text)
            pictures, titles = question.picture[None], ["which?"]
            if question.examples is not None:
                pictures = torch.cat([pictures, question.examples])
                titles += list(question.names)
            self.picture.value = picture_html(picture_grid(pictures, titles, columns=6), text)
            self.names.options = list(question.names)
            self.names.index = None
        who = {"you": marks(self.quiz, self.answers)}
        told = [a if mine is not None else None for a, mine in zip(self.theirs, self.answers,
                                                                   strict=True)]  # fmt: skip
        who["CLIP"] = marks(self.quiz, told)
        words = marks_in_words(who)
        self.result.value = f"<p>{html.escape(words)}</p>"
        if done:
            self.words.value = said_html("Done. Beneath: you and CLIP.")
            self.picture.value = picture_html(marks_figure(who), words)

    def __repr__(self) -> str:
        return f"quiz: {len(self.quiz)} pictures, you and CLIP (it needs a running notebook)"


def quiz(model: CLIP, tokenizer: Tokenizer, n: int = 30, seed: int = 0) -> Quiz:
    """The widget: `n` questions, the model's answers to the same ones kept until you have yours."""
    questions = make_quiz(n, seed=seed)
    return Quiz(questions, model_answers(model, tokenizer, questions))
