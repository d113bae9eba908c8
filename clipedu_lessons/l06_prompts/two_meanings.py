"""Twenty made-up words that mean two things each: an experiment on what context in captions does.

Real words of two meanings (mouse, bolt) are drawn too seldom to measure, and the model has read
them. Here the words are new, the pictures are real, and only the captions differ between worlds.
"""

from __future__ import annotations

from typing import Any

import torch

from clipedu.evaluation import embed_pictures, embed_texts
from clipedu.models import CLIP
from clipedu.pairs import PairSet, held_out_pairs, to_pictures, training_pairs
from clipedu.tokenizer import Tokenizer
from clipedu_lessons.l06_prompts.locked import train_text

NATURE = (
    "bird bone brain bug carrot cat dog ear egg feather fish flower leaf moon rainbow snowflake "
    "sun tree horse flame"
).split()
MACHINES = (
    "battery calculator camera clock hammer headphones keyboard lamp laptop magnet microphone "
    "phone printer radio router ruler scissors speaker tablet wrench"
).split()
WORDS = (
    "blick dax wug fep toma zib kiki bouba modi tupa rin pell gorp lirl vopa nug sarn jeth quib "
    "hask"
).split()
KINDS = ("nature", "machine")
#: How many of the words have captions that say which meaning they have.
WORLDS = {"never": 0, "always": len(WORDS), "half": len(WORDS) // 2}
CLASSES = [f"{word}, {kind}" for word in WORDS for kind in KINDS]
_NUMBER = {name: 2 * i + k for k, of in enumerate((NATURE, MACHINES)) for i, name in enumerate(of)}


class TwoMeanings:
    """Pictures of the 40 things, embedded once by a finished model: training and held-out sets.

    Attributes: learn (N, E) and test (M, E) embeddings; learn_labels (N,) and labels (M,), in
    CLASSES; shown: the (M, 3, R, R) held-out pictures
    """

    def __init__(self, model: CLIP, tokenizer: Tokenizer):
        self.tokenizer = tokenizer
        self.shown, self.labels = _chosen(held_out_pairs(progress=False))
        pictures, self.learn_labels = _chosen(training_pairs(progress=False))
        self.learn = embed_pictures(model, pictures)
        self.test = embed_pictures(model, self.shown)

    def captions(self, world: str) -> list[list[str]]:
        """What may be said of each training picture in this world."""
        said = []
        for label in self.learn_labels.tolist():
            word = WORDS[label // 2]
            said.append([word, CLASSES[label]] if label // 2 < WORLDS[world] else [word])
        return said

    def train(self, world: str, *, seed: int, steps: int = 100) -> CLIP:
        """A text encoder that has read this world's captions."""
        how: dict[str, Any] = {"seed": seed, "steps": steps, "batch": 192}
        return train_text(self.learn, self.captions(world), self.tokenizer, **how)

    def scores(self, text: CLIP, prompts: list[str]) -> torch.Tensor:
        """(M, C) cosines of the held-out pictures with the prompts."""
        return self.test @ embed_texts(text, self.tokenizer, prompts).T

    def measure(self, text: CLIP) -> list[dict[str, Any]]:
        """Counts for the first ten words and the other ten.

        word: the right word, asked bare; meaning: the right one of 40, asked with the kind; two_way
        the same between the two meanings of the right word
        """
        word = self.labels // 2
        bare = self.scores(text, WORDS).argmax(1) == word
        hinted = self.scores(text, CLASSES)
        meaning = hinted.argmax(1) == self.labels
        of_word = hinted.unflatten(1, (-1, 2))[torch.arange(len(word)), word]  # (M, 2)
        two_way = of_word.argmax(1) == self.labels % 2
        rows = []
        for name, group in (("first ten", word < 10), ("other ten", word >= 10)):
            counts = {"word": bare, "meaning": meaning, "two_way": two_way}
            found = {key: int(right[group].sum()) for key, right in counts.items()}
            rows.append({"words": name, "pictures": int(group.sum())} | found)
        return rows


def _chosen(pairs: PairSet) -> tuple[torch.Tensor, torch.Tensor]:
    rows = [i for i, icon in enumerate(pairs.icons) if icon.name.lower() in _NUMBER]
    labels = [_NUMBER[pairs.icons[i].name.lower()] for i in rows]
    return to_pictures(pairs.rgba[rows]), torch.tensor(labels)
