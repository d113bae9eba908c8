"""Two tasks that share words: a *mouse* among animals, and a *mouse* on a desk (paper §3.1.4).

Notable:
- a class name alone does not say which of its senses is meant; a prompt with context can
- the animal mouse is drawn by OpenMoji only, a training family, so `animals` is marked as seen;
  `animals_held_out` asks for the same names in pictures that no training run saw, where *mouse* is
  only a tempting wrong answer; `hardware` is held out altogether
"""

from __future__ import annotations

from clipedu.evaluation.tasks import Task, register_task
from clipedu.evaluation.tasks_families import described, icon_task
from clipedu.pairs import HELD_OUT_FAMILIES, TRAINING_FAMILIES, Icon

ANIMALS = tuple(
    "bat bear bee bird bug butterfly cat chicken cow crocodile dog dolphin dragon duck elephant "
    "fish fox frog goat gorilla horse koala lizard mouse octopus otter owl panda penguin pig rabbit "
    "rat seal shark sheep shrimp snail snake spider squirrel turtle turkey unicorn wolf worm".split()
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
