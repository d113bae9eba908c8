"""You against CLIP: name thirty pictures that neither of you has seen (paper Table 2, Fig 16).

You and the model choose among the same five names. The second half of the questions shows one
example of each name, by another artist (one-shot). Answers are kept in a file without a name, which
a class can pool.
"""

from __future__ import annotations

import html
import json
from dataclasses import dataclass
from pathlib import Path

import ipywidgets
import numpy as np
import torch
from matplotlib.figure import Figure

from clipedu.evaluation.embedding import embed_pictures
from clipedu.evaluation.prompts import TEMPLATE_SETS
from clipedu.evaluation.statistics import clopper_pearson
from clipedu.files import write_whole
from clipedu.models import CLIP
from clipedu.plots import COLOURS, picture_grid
from clipedu.tokenizer import Tokenizer
from clipedu_classroom import my_clip
from clipedu_lessons.common.figures import new_figure
from clipedu_lessons.common.things import things_task
from clipedu_lessons.common.widgets import picture_html, said_html
from clipedu_lessons.l12_limits.figures import shares_figure

CHOICES = 5
FILE = "my_clip_quiz.json"  # beside my_clip.py


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


def model_scores(model: CLIP, tokenizer: Tokenizer, quiz: list[Question]) -> torch.Tensor:
    """(n, 5): zero-shot CLIP's probabilities of the names; it sees no examples."""
    from clipedu.evaluation.zeroshot import zero_shot_classifier

    names = sorted({name for question in quiz for name in question.names})
    weights = zero_shot_classifier(model, tokenizer, names, TEMPLATE_SETS["icon"])  # (C, E)
    seen = embed_pictures(model, torch.stack([question.picture for question in quiz]))
    columns = torch.tensor([[names.index(name) for name in question.names] for question in quiz])
    scores = model.logit_scale.exp() * (seen @ weights.T).gather(1, columns)
    return scores.softmax(1).detach()


def model_answers(model: CLIP, tokenizer: Tokenizer, quiz: list[Question]) -> list[int]:
    """What zero-shot CLIP chooses among the same names."""
    return model_scores(model, tokenizer, quiz).argmax(1).tolist()


def pool(folder: str | Path | None = None) -> torch.Tensor:
    """(people, n) answers from all quiz files (*quiz*.json) of a folder; -1: not answered.

    Default: the folder of my_clip.py. Raises ValueError for a file of another kind or length.
    """
    rows: list[list[int]] = []
    for path in sorted(Path(folder or my_clip.folder()).glob("*quiz*.json")):
        try:
            answers = [-1 if a is None else int(a) for a in json.loads(path.read_text("utf-8"))]
        except (ValueError, TypeError) as error:
            raise ValueError(
                f"{path.name} holds no list of answers: {error}. Leave it out."
            ) from error
        if rows and len(answers) != len(rows[0]):
            raise ValueError(f"{path.name} has {len(answers)} answers, others {len(rows[0])}.")
        rows.append(answers)
    return torch.tensor(rows, dtype=torch.int64).view(len(rows), -1 if rows else 0)


def difficulty_figure(
    quiz: list[Question], scores: torch.Tensor, people: torch.Tensor
) -> tuple[Figure, str]:
    """As Figure 16: for each picture, CLIP's probability of the right name, and people's share.

    scores (n, 5) of `model_scores`; people (P, n) of `pool`, P may be 0. Answers to another number
    of pictures are left out, and the words say so.
    """
    right = torch.tensor([question.right for question in quiz])
    model = scores.gather(1, right[:, None])[:, 0]
    order = model.argsort()
    figure = new_figure(7.4, 3.2)
    axes = figure.subplots()
    axes.plot(model[order], "o", color=COLOURS[2], label="CLIP: probability of the right name")
    words = "A dot for each of the pictures, sorted by CLIP's probability of the right name."
    if people.numel() and people.shape[1] != len(quiz):
        words += (
            f" The answers that were found are of {people.shape[1]} pictures, so of another quiz."
        )
    elif people.numel():
        asked = (people >= 0).sum(0).clamp(min=1)
        share = (people == right).sum(0) / asked
        axes.plot(
            share[order],
            "s",
            color="white",
            markeredgecolor="black",
            label=f"{len(people)} people: share right",
        )
        r = float(torch.corrcoef(torch.stack([model.double(), share.double()]))[0, 1])
        words += f" Squares are the share of {len(people)} people who were right; r = {r:.2f}."
    labels = [quiz[k].names[quiz[k].right] for k in order.tolist()]
    axes.set_xticks(range(len(quiz)), labels, rotation=90, fontsize=7)
    axes.axhline(1 / CHOICES, color="#666666", linestyle=":", marker="")
    axes.set(ylim=(-0.03, 1.05), ylabel="share")
    axes.legend(fontsize=8, loc="center right")
    return figure, words


def marks(quiz: list[Question], answers: list[int | None]) -> dict[str, tuple[int, int]]:
    """Right and answered, without examples (first half) and with them; None: not answered yet.

    Raises ValueError when there are not as many answers as questions.
    """
    if len(answers) != len(quiz):
        raise ValueError(f"{len(quiz)} questions, {len(answers)} answers.")
    found = {"first half": [0, 0], "second half": [0, 0]}
    for question, answer in zip(quiz, answers, strict=True):
        if answer is not None:
            count = found["first half" if question.examples is None else "second half"]
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


def marks_figure(who: dict[str, dict[str, tuple[int, int]]]) -> tuple[Figure, str]:
    """Shares right with 95 % intervals, and in words; guessing among five is dotted."""
    spans = {
        f"{name}, {kind}": (right / asked, *clopper_pearson(right, asked))
        for name, found in who.items() for kind, (right, asked) in found.items() if asked
    }  # fmt: skip
    return shares_figure(spans, chance=1 / CHOICES)


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
        write_whole(my_clip.folder() / FILE, json.dumps(self.answers) + "\n")
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
            self.picture.value = picture_html(marks_figure(who)[0], words)

    def __repr__(self) -> str:
        return f"quiz: {len(self.quiz)} pictures, you and CLIP (it needs a running notebook)"


def quiz(model: CLIP, tokenizer: Tokenizer, n: int = 30, seed: int = 0) -> Quiz:
    """The widget: `n` questions, the model's answers to the same ones kept until you have yours."""
    questions = make_quiz(n, seed=seed)
    return Quiz(questions, model_answers(model, tokenizer, questions))
