"""A prompt playground: type classes and templates, and watch the probabilities move.

Diamonds mark each class's probability before the last change, so that a word's effect is seen.
Words that can make no classifier are answered in a sentence, and the last good picture stays.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import ipywidgets
import torch
from matplotlib.figure import Figure

from clipedu.evaluation import TEMPLATE_SETS, Ranked, classify, prompts_for
from clipedu.models import CLIP
from clipedu.tokenizer import Tokenizer
from clipedu_lessons.common.ranked import ranked_figure, ranked_words
from clipedu_lessons.common.widgets import Explorer, trouble_html

MOST_PROMPTS = 2000  # two seconds of the text encoder on a slow machine


class Asked(NamedTuple):
    """A question as it was typed, and its answer. prompt: what the first class became."""

    class_names: list[str]
    templates: list[str]
    ranking: list[Ranked]
    prompt: str


def split_names(text: str) -> list[str]:
    """Class names between commas or line ends.

    >>> split_names("cat, dog\\n fire engine,")
    ['cat', 'dog', 'fire engine']
    """
    return [name.strip() for name in re.split(r"[,\n]", text) if name.strip()]


def split_templates(text: str) -> list[str]:
    """Templates, one a line. Several make an ensemble."""
    return [line.strip() for line in text.splitlines() if line.strip()]


def ask(
    model: CLIP, tokenizer: Tokenizer, picture: torch.Tensor, classes: str, templates: str
) -> Asked:
    """Rank the typed classes for one picture (3, R, R), 0..1.

    Raises ValueError when there is no class, one occurs twice, a template has no `{}`, or there are
    more than 2,000 prompts.
    """
    names, forms = split_names(classes), split_templates(templates)
    if len(names) * max(1, len(forms)) > MOST_PROMPTS:
        raise ValueError(
            f"{len(names):,} classes with {len(forms)} template(s) are more than {MOST_PROMPTS:,} "
            "prompts, too many to answer while you type. zero_shot_classifier takes them all."
        )
    first = prompts_for(names, forms)[0][0]
    return Asked(names, forms, classify(model, tokenizer, picture, names, forms)[0], first)


def asked_words(asked: Asked, before: Mapping[str, float] | None = None) -> str:
    """The answer as text, with an example of what the text encoder read."""
    more = f", and {len(asked.templates) - 1} more per class" if len(asked.templates) > 1 else ""
    return f"{ranked_words(asked.ranking, before)} The text encoder reads “{asked.prompt}”{more}."


class PromptPlayground(Explorer):
    """Type classes and templates; see what the model makes of a picture.

    pictures: title -> (3, R, R) float in 0..1. classes, templates: what is typed there at first.
    Controls: `choice` (the picture), `classes`, `templates`.
    Raises ValueError when there are no pictures, and for words what `ask` raises.
    """

    text = "prompt playground: picture, classes, templates (it needs a running notebook)"

    def __init__(
        self,
        model: CLIP,
        tokenizer: Tokenizer,
        pictures: Mapping[str, torch.Tensor],
        classes: Sequence[str],
        templates: Sequence[str] = TEMPLATE_SETS["icon"],
    ) -> None:
        if not pictures:
            raise ValueError("Give at least one picture to ask about: {title: picture}.")
        self.model, self.tokenizer, self.pictures = model, tokenizer, dict(pictures)
        self.choice = ipywidgets.Dropdown(
            options=list(self.pictures),
            description="picture",
            tooltip="the picture that is asked about",
        )
        self.classes = ipywidgets.Textarea(
            value=", ".join(classes),
            rows=3,
            description="classes",
            tooltip="class names, between commas; press Tab to see the answer",
            continuous_update=False,
        )
        self.templates = ipywidgets.Textarea(
            value="\n".join(templates),
            rows=3,
            description="templates",
            tooltip="one sentence a line, with {} where the class name goes; press Tab",
            continuous_update=False,
        )
        self._before: tuple[str, dict[str, float]] | None = None
        self.ask()  # raises for words that can make no classifier
        super().__init__([self.choice, self.classes, self.templates], words_first=True)

    def ask(self) -> Asked:
        """What the model answers to the controls. Raises as the function `ask`."""
        picture = self.pictures[self.choice.value]
        return ask(self.model, self.tokenizer, picture, self.classes.value, self.templates.value)

    def update(self, change: object = None) -> None:
        try:
            super().update(change)
        except (TypeError, ValueError) as problem:
            self.words.value = trouble_html(str(problem))

    def draw(self) -> tuple[Figure, str]:
        name, asked = self.choice.value, self.ask()
        # Another picture's probabilities are no "before".
        before = self._before[1] if self._before and self._before[0] == name else None
        self._before = name, {one.name: one.probability for one in asked.ranking}
        figure = ranked_figure(self.pictures[name], asked.ranking, before, title=name)
        return figure, asked_words(asked, before)
