"""One word, two things: a *mouse* among animals, and a *mouse* on a desk (paper §3.1.4).

Notable:
- a class name alone does not say which of its senses is meant; a prompt with context can
- the animal mouse is drawn by OpenMoji only, a training family, so `animals` is marked as seen;
  `animals_held_out` asks for the same names in pictures that no training run saw, where *mouse* is
  only a tempting wrong answer; `hardware` is held out altogether
- `senses` puts both things of each word before the model: with bare names it would have two equal
  classes, so its class names say more, as the paper's *crane (bird)* does
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from clipedu.evaluation.tasks.icon_sets import described, icon_task
from clipedu.evaluation.tasks.task import Task, register_task
from clipedu.pairs import HELD_OUT_FAMILIES, TRAINING_FAMILIES, Icon

if TYPE_CHECKING:
    pass

ANIMALS = tuple(
    "bat bear bee bird bug butterfly cat chicken cow crocodile dog dolphin dragon duck elephant "
    "fish fox frog goat gorilla horse koala lizard mouse octopus otter owl panda penguin pig "
    "rabbit rat seal shark sheep shrimp snail snake spider squirrel turtle turkey unicorn wolf "
    "worm".split()
)
HARDWARE = (
    "battery,bluetooth,camera,chip,computer,cpu,disc,fan,headphones,joystick,keyboard,laptop,memory,"
    "microphone,monitor,mouse,phone,printer,projector,radio,router,server,speaker,tablet,"
    "television,usb,watch,webcam,wifi"
).split(",")
# A family may say it in other words.
_OTHER_WORDS = {
    "computer mouse": "mouse",
    "cpu chip": "chip",
    "microchip": "chip",
    "memory stick": "memory",
    "tv": "television",
    "display": "monitor",
    "desktop": "computer",
    "computer desktop": "computer",
    "device tablet": "tablet",
    "device phone mobile": "phone",
    "speaker wave": "speaker",
    "floppy disk": "disc",
}

#: what says which sense is meant, in words that training captions used
ANIMAL_CONTEXT = ["an emoji of {}", "{}, animals", "{}, pets, animals", "{}, a kind of nature"]
HARDWARE_CONTEXT = ["an icon of {}", "{}, computer", "{}, input", "{}, a kind of system"]


def _animal(icon: Icon) -> str | None:
    name = icon.name.lower().removesuffix(" face")
    if icon.family != "openmoji" and name in ("mouse", "seal"):
        return None  # a pointing device, a badge
    return name if name in ANIMALS else None


def _device(icon: Icon) -> str | None:
    name = icon.name.lower()
    name = _OTHER_WORDS.get(name, name)
    return name if name in HARDWARE else None


@register_task("animals")
def _animals(size: int) -> Task:
    return icon_task(
        "animals",
        size,
        TRAINING_FAMILIES,
        _animal,
        source=f"animals, {described(TRAINING_FAMILIES)}",
        context=ANIMAL_CONTEXT,
        metric="mean_per_class",
        more_classes=ANIMALS,
    )


@register_task("animals_held_out")
def _animals_held_out(size: int) -> Task:
    return icon_task(
        "animals_held_out",
        size,
        HELD_OUT_FAMILIES,
        _animal,
        source=f"animals, {described(HELD_OUT_FAMILIES)}",
        context=ANIMAL_CONTEXT,
        metric="mean_per_class",
        more_classes=ANIMALS,
    )


@register_task("hardware")
def _hardware(size: int) -> Task:
    return icon_task(
        "hardware",
        size,
        HELD_OUT_FAMILIES,
        _device,
        source=f"parts of computers, {described(HELD_OUT_FAMILIES)}",
        context=HARDWARE_CONTEXT,
        metric="mean_per_class",
        more_classes=HARDWARE,
    )


# -------------------- both senses at once
#: word -> (what says which sense, names of icons) twice. The words were chosen by looking at names,
#: the hints before any model was asked; some hints (tree, hand) are part of names, too.
SENSES: dict[str, tuple[tuple[str, str], tuple[str, str]]] = {
    "mouse": (("animal", "mouse face"), ("computer", "mouse,computer mouse")),
    "seal": (("animal", "openmoji:seal"), ("badge", "phosphor:seal,mdi:seal,seal variant")),
    "bolt": (
        ("lightning", "font awesome:bolt,heroicons:bolt,material:bolt,lightning bolt"),
        ("screw", "lucide:bolt,mdi:bolt"),
    ),
    "apple": (
        ("fruit", "apple whole,lucide:apple,red apple,green apple,food apple"),
        ("logo", "mdi:apple,apple logo"),
    ),
    "spade": (
        ("cards", "lucide:spade,phosphor:spade,spade suit,cards spade"),
        ("shovel", "mdi:spade"),
    ),
    "bat": (("animal", "bat"), ("sport", "baseball bat,baseball bat ball")),
    "palm": (("tree", "tree palm,palm tree"), ("hand", "hand palm")),
    "chip": (("computer", "cpu chip,chip"), ("casino", "poker chip")),
    "bow": (("weapon", "bow arrow,bow and arrow"), ("clothes", "bow tie")),
    "turkey": (("animal", "turkey"), ("food", "food turkey")),
    "note": (("music", "musical note,music note"), ("paper", "note,sticky note,note sticky")),
    "window": (("house", "openmoji:window,window closed"), ("computer", "app window")),
    "wave": (("water", "water wave"), ("hand", "waving hand,hand wave,hand waving")),
    "mask": (
        ("doctor", "face mask,mask face"),
        ("theatre", "mask happy,mask sad,venetian mask,domino mask"),
    ),
}


def sense_name(word: str, hint: str) -> str:
    """A class name that says which sense: "mouse, animal"."""
    return f"{word}, {hint}"


def _sense(icon: Icon) -> str | None:
    name, family = icon.name.lower(), icon.family.replace("_", " ")
    if name == "mouse" and family == "openmoji":
        return sense_name("mouse", "animal")
    for word, senses in SENSES.items():
        for hint, names in senses:
            if name in names.split(",") or f"{family}:{name}" in names.split(","):
                return sense_name(word, hint)
    return None


@register_task("senses")
def _senses(size: int) -> Task:
    families = (*TRAINING_FAMILIES, *HELD_OUT_FAMILIES)
    return icon_task(
        "senses",
        size,
        families,
        _sense,
        source=f"{len(SENSES)} words in two senses each, {described(families)}",
        templates=["{}"],
        metric="mean_per_class",
    )
