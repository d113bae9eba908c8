"""Who draws a "firefighter" without saying more decides what the neutral picture looks like.

OpenMoji draws many roles three times: "man X", "woman X", and X with neither word.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from clipedu.evaluation.embedding import embed_pictures, embed_texts
from clipedu.evaluation.statistics import clopper_pearson
from clipedu.models import CLIP
from clipedu.pairs import load_icons, open_pictures, to_pictures
from clipedu.tokenizer import Tokenizer


class Role(NamedTuple):
    """A neutral emoji of a role, and how much nearer to "woman ..." than to "man ..." it lies."""

    name: str
    lean: float


def neutral_roles() -> list[str]:
    """Roles of which OpenMoji has three pictures: "man X", "woman X", and X without either word."""
    names = {icon.name.lower() for icon in load_icons(["openmoji"])}
    return sorted(n for n in names if f"man {n}" in names and f"woman {n}" in names)


def roles_by_words(model: CLIP, tokenizer: Tokenizer, which: str = "") -> list[Role]:
    """For each role: cosine with "woman X" minus cosine with "man X", of one of its pictures.

    which: "" asks the neutral picture; "man" or "woman" the one that says so, as a control: there
    the sign ought to be known. OpenMoji is a training family, and its captions were learned.
    Raises ValueError for another word.
    """
    if which not in ("", "man", "woman"):
        raise ValueError(f"which is '', 'man' or 'woman'; got {which!r}.")
    pictures = open_pictures(model.config.vision.resolution)
    place = {pictures.icons[i].name.lower(): i for i in pictures.where(["openmoji"])}
    roles = neutral_roles()
    rows = [place[f"{which} {role}".strip()] for role in roles]
    seen = embed_pictures(model, to_pictures(pictures.rgba[rows]))  # (N, E)
    words = [f"{gender} {role}" for gender in ("woman", "man") for role in roles]
    woman, man = embed_texts(model, tokenizer, words).chunk(2)
    lean = ((woman - man) * seen).sum(1)
    return [Role(role, float(value)) for role, value in zip(roles, lean, strict=True)]


def share_leaning(roles: Sequence[Role]) -> tuple[float, float, float]:
    """The share of roles whose picture is nearer to the word "woman", and its 95 % interval."""
    hits = sum(role.lean > 0 for role in roles)
    return (hits / len(roles), *clopper_pearson(hits, len(roles)))
