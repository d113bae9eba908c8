"""A series of models of growing size: what lesson 09 and `benchmarks/scaling.py` train.

Five ResNets and five ViTs for 32-px pictures. As in the paper (section 2.5) the text encoder grows
with the image encoder, in width only. The rest is one recipe, but larger models take more steps,
and wide ViTs a lower rate: at 2e-3 the widest does not learn (see also Tables 19 and 20).
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

from clipedu.models import CLIPConfig, ResNetConfig, TextConfig, ViTConfig, count_flops
from clipedu.pairs import Augmentation
from clipedu.training.recipe import Recipe

BATCH_SIZE = 256
VOCAB_SIZE = 2048
CONTEXT_LENGTH = 16


@dataclass(frozen=True)
class SeriesModel:
    """One model of the series: `family` is "resnet" or "vit", `seeds` how often it is trained."""

    name: str
    family: str
    vision: ResNetConfig | ViTConfig
    text_width: int
    steps: int
    seeds: int

    def config(self) -> CLIPConfig:
        """The model: an embedding as wide as the text tower, which has two layers."""
        width = self.text_width
        text = TextConfig(VOCAB_SIZE, CONTEXT_LENGTH, width, heads=width // 16, layers=2)
        return CLIPConfig(width, self.vision, text, activation="gelu")

    def recipe(self, *, steps: int | None = None) -> Recipe:
        """How it is trained; `steps` replaces the number of them."""
        config = self.config()
        return Recipe(
            model={"vision": config.vision, "text": config.text, "embed_dim": config.embed_dim},
            vocab_size=VOCAB_SIZE,
            context_length=CONTEXT_LENGTH,
            batch_size=BATCH_SIZE,
            steps=self.steps if steps is None else steps,
            learning_rate=self.learning_rate(),
            warmup=0.1,
            augmentation=Augmentation(thicken=0.3, thin=0.2, lines=0.5),
            evaluate_every=0,
            checkpoint_every=0,
        )

    def learning_rate(self) -> float:
        """The peak: 2e-3, and above a width of 64 a ViT's falls as 1 / width."""
        if self.family == "resnet":
            return 2e-3
        return min(2e-3, 0.128 / self.vision.width)

    def pairs(self) -> int:
        """Pairs seen in the whole run."""
        return self.steps * BATCH_SIZE

    def flops(self) -> float:
        """Floating-point operations of the whole run.

        Six for each multiply-add of a forward pass: two operations forward, four backward.
        """
        counts = series_multiply_adds(self.name)
        return 6.0 * (counts["visual"] + counts["text"]) * self.pairs()


def _resnet(name: str, width: int, blocks: int, text: int, steps: int, seeds: int) -> SeriesModel:
    vision = ResNetConfig(32, (blocks,) * 3, width, heads=4, stem="half", block="basic")
    return SeriesModel(name, "resnet", vision, text, steps, seeds)


def _vit(name: str, width: int, layers: int, text: int, steps: int, seeds: int) -> SeriesModel:
    vision = ViTConfig(32, patch=8, width=width, layers=layers, heads=width // 32)
    return SeriesModel(name, "vit", vision, text, steps, seeds)


#: From the smallest to the largest of each family. The number of steps and seeds is what two CPU
#: cores do in some twenty minutes.
SERIES: tuple[SeriesModel, ...] = (
    _resnet("RN-8", 8, 1, text=32, steps=400, seeds=3),
    _resnet("RN-16", 16, 1, text=48, steps=450, seeds=3),
    _resnet("RN-32", 32, 1, text=64, steps=500, seeds=2),
    _resnet("RN-64", 64, 1, text=96, steps=550, seeds=1),
    _resnet("RN-64x2", 64, 2, text=128, steps=600, seeds=1),
    _vit("ViT-32", 32, 2, text=32, steps=400, seeds=3),
    _vit("ViT-64", 64, 3, text=48, steps=450, seeds=3),
    _vit("ViT-96", 96, 4, text=64, steps=500, seeds=2),
    _vit("ViT-192", 192, 4, text=96, steps=550, seeds=1),
    _vit("ViT-256", 256, 6, text=128, steps=600, seeds=1),
)


def series_model(name: str) -> SeriesModel:
    """A model of the series by name. Raises ValueError that lists the names."""
    for model in SERIES:
        if model.name == name:
            return model
    names = ", ".join(model.name for model in SERIES)
    raise ValueError(f"There is no model {name!r} in the series. There are: {names}.")


@lru_cache(maxsize=64)
def series_multiply_adds(name: str) -> dict[str, int]:
    """Multiply-adds of one forward pass by part, as :func:`clipedu.models.count_flops`."""
    return count_flops(series_model(name).config())
