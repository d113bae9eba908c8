"""The shape of a CLIP as plain data: two towers, one joint embedding, and the presets by name.

A config holds sizes only, no weights and no recipe. It turns into JSON and back, so that a
checkpoint can say what it is a checkpoint of.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal


def _require_positive(config: object, names: str) -> None:
    for name in names.split():
        value = getattr(config, name)
        if isinstance(value, bool) or not isinstance(value, int) or value < 1:
            kind = type(config).__name__
            raise ValueError(f"{kind}.{name} must be a whole number of 1 or more, got {value!r}")


def _require_heads(config: Any, width: int) -> None:
    if width % config.heads:
        raise ValueError(
            f"{type(config).__name__}: {config.heads} heads cannot share a width of {width}; "
            "choose a number of heads that divides it (the paper takes 64 channels a head)"
        )


@dataclass(frozen=True)
class ViTConfig:
    """A Vision Transformer (paper section 2.4): a picture cut into squares of ``patch`` pixels."""

    resolution: int
    patch: int
    width: int
    layers: int
    heads: int

    def __post_init__(self) -> None:
        _require_positive(self, "resolution patch width layers heads")
        _require_heads(self, self.width)
        if self.resolution % self.patch:
            raise ValueError(
                f"ViTConfig: pictures of {self.resolution} px cannot be cut into patches of "
                f"{self.patch} px; choose a patch that divides the resolution"
            )


STEM_SHRINK = {"paper": 4, "half": 2, "small": 1}  # how many times fewer pixels along a side


@dataclass(frozen=True)
class ResNetConfig:
    """A ModifiedResNet (paper section 2.4), or its small cousin for pictures of 32 px.

    ``layers`` is the number of blocks in each stage; stage i has ``width * 2**i`` channels and
    halves the picture when i > 0. ``heads`` belong to the attention pooling at the end.

    * ``stem``: "paper" is three 3x3 convolutions and a pooling, which shrink the picture by 4, too
      much for 32 px; "half" is one 3x3 convolution of stride 2, "small" one of stride 1.
    * ``block``: "bottleneck" is 1x1, 3x3, 1x1 and leaves four times as many channels as the 3x3
      sees; "basic" is 3x3, 3x3.
    """

    resolution: int
    layers: tuple[int, ...]
    width: int
    heads: int
    stem: Literal["paper", "half", "small"] = "paper"
    block: Literal["bottleneck", "basic"] = "bottleneck"

    def __post_init__(self) -> None:
        object.__setattr__(self, "layers", tuple(self.layers))  # JSON gives a list
        _require_positive(self, "resolution width heads")
        if not self.layers or any(not isinstance(n, int) or n < 1 for n in self.layers):
            raise ValueError(
                "ResNetConfig.layers must be the blocks of each stage, as (3, 4, 6, 3); "
                f"got {self.layers!r}"
            )
        if self.stem not in STEM_SHRINK:
            raise ValueError(
                f"ResNetConfig.stem must be one of {list(STEM_SHRINK)}, got {self.stem!r}"
            )
        if self.block not in ("bottleneck", "basic"):
            raise ValueError(
                f"ResNetConfig.block must be 'bottleneck' or 'basic', got {self.block!r}"
            )
        _require_heads(self, self.feature_width)
        if self.resolution % self.shrink:
            raise ValueError(
                f"ResNetConfig: this network shrinks a picture by {self.shrink}, which does not "
                f"divide {self.resolution} px; choose a multiple of {self.shrink}"
            )

    @property
    def shrink(self) -> int:
        """How many pixels of the picture lie along one side of a cell of the last feature map."""
        return STEM_SHRINK[self.stem] * 2 ** (len(self.layers) - 1)

    @property
    def feature_width(self) -> int:
        """Channels of the last feature map (2048 for RN50)."""
        return self.width * 2 ** (len(self.layers) - 1) * (4 if self.block == "bottleneck" else 1)


@dataclass(frozen=True)
class TextConfig:
    """The text tower: "transformer" (causal, read at EOT) or "cbow" (the mean of the words).

    CBOW has no positions, heads or layers: those fields describe the transformer only.
    """

    vocab_size: int
    context_length: int
    width: int
    heads: int
    layers: int
    kind: Literal["transformer", "cbow"] = "transformer"

    def __post_init__(self) -> None:
        _require_positive(self, "vocab_size context_length width heads layers")
        _require_heads(self, self.width)
        if self.kind not in ("transformer", "cbow"):
            raise ValueError(f"TextConfig.kind must be 'transformer' or 'cbow', got {self.kind!r}")


def tower_to_dict(tower: ViTConfig | ResNetConfig | TextConfig) -> dict[str, Any]:
    """Plain data for JSON. An image tower's says its "kind", "vit" or "resnet"."""
    kind = {ViTConfig: "vit", ResNetConfig: "resnet"}.get(type(tower))
    return dataclasses.asdict(tower) | ({"kind": kind} if kind else {})


@dataclass(frozen=True)
class CLIPConfig:
    """Two towers and the ``embed_dim`` of the space where they meet.

    ``activation``: every weight that OpenAI released needs "quick_gelu"; loading them under
    "gelu" fails silently, as a few points of lost accuracy.
    """

    embed_dim: int
    vision: ViTConfig | ResNetConfig
    text: TextConfig
    activation: Literal["quick_gelu", "gelu"] = "quick_gelu"

    def __post_init__(self) -> None:
        _require_positive(self, "embed_dim")
        if self.activation not in ("quick_gelu", "gelu"):
            raise ValueError(
                f"CLIPConfig.activation must be 'quick_gelu' or 'gelu', got {self.activation!r}"
            )

    def to_dict(self) -> dict[str, Any]:
        """Plain data for JSON; :meth:`from_dict` reads it back."""
        towers = {"vision": tower_to_dict(self.vision), "text": tower_to_dict(self.text)}
        return dataclasses.asdict(self) | towers

    @classmethod
    def from_dict(cls, data: dict[str, Any]) -> CLIPConfig:
        """The config that :meth:`to_dict` wrote. Raises ValueError where it cannot be one."""
        try:
            rest = {name: value for name, value in data.items() if name not in ("vision", "text")}
            return cls(vision=_vision(data["vision"]), text=TextConfig(**data["text"]), **rest)
        except (KeyError, TypeError) as error:
            raise ValueError(f"this is not a CLIP config: {error!r} in {data!r}") from error

    def replace(self, **changes: Any) -> CLIPConfig:
        """The same config with some fields changed.

        A field of one part goes by its name (``embed_dim``, ``vocab_size``, ``resolution``, ...);
        one that both towers have takes a prefix (``text_width``, ``vision_layers``). A whole tower
        can be given as ``vision`` or ``text``, also as :meth:`to_dict` writes it. Raises ValueError
        for a field that does not exist.
        """
        towers = {name: changes.pop(name) for name in ("vision", "text") if name in changes}
        for side, tower in towers.items():
            if isinstance(tower, Mapping):
                try:
                    towers[side] = _vision(tower) if side == "vision" else TextConfig(**tower)
                except (KeyError, TypeError) as error:
                    raise ValueError(f"{side} is no tower: {error!r} in {tower!r}") from error
        config = dataclasses.replace(self, **towers)
        new: dict[str, dict[str, Any]] = {"": {}, "vision": {}, "text": {}}
        for name, value in changes.items():
            part, field = config._find(name)
            new[part][field] = value
        vision = dataclasses.replace(config.vision, **new["vision"])
        text = dataclasses.replace(config.text, **new["text"])
        return dataclasses.replace(config, vision=vision, text=text, **new[""])

    def _find(self, name: str) -> tuple[str, str]:
        """The part ("", "vision" or "text") and the field that a name in :meth:`replace` means."""
        parts = {"": self, "vision": self.vision, "text": self.text}
        full_names: dict[str, tuple[str, str]] = {}
        short_names: dict[str, list[tuple[str, str]]] = {}
        for part, config in parts.items():
            for field in dataclasses.fields(config):
                full_names[f"{part}_{field.name}" if part else field.name] = (part, field.name)
                short_names.setdefault(field.name, []).append((part, field.name))
        if name in full_names:
            return full_names[name]
        if len(short_names.get(name, [])) == 1:
            return short_names[name][0]
        hint = "both towers have one" if name in short_names else "there is none"
        raise ValueError(f"no field {name!r} ({hint}); the fields are: {', '.join(full_names)}")


def _vision(data: Mapping[str, Any]) -> ViTConfig | ResNetConfig:
    rest = {name: value for name, value in data.items() if name != "kind"}
    return {"vit": ViTConfig, "resnet": ResNetConfig}[data["kind"]](**rest)


def _paper_text(width: int) -> TextConfig:
    """12 layers and 64 channels a head; only the width follows the image tower's."""
    return TextConfig(49408, context_length=77, width=width, heads=width // 64, layers=12)


def _paper_resnet(
    embed: int, resolution: int, layers: tuple[int, ...], width: int, text: int
) -> CLIPConfig:
    return CLIPConfig(
        embed, ResNetConfig(resolution, layers, width, width * 32 // 64), _paper_text(text)
    )


def _paper_vit(
    embed: int, resolution: int, patch: int, width: int, layers: int, text: int
) -> CLIPConfig:
    return CLIPConfig(
        embed, ViTConfig(resolution, patch, width, layers, width // 64), _paper_text(text)
    )


_SMALL_TEXT = TextConfig(vocab_size=4096, context_length=32, width=128, heads=4, layers=2)

PRESETS: dict[str, CLIPConfig] = {
    # for tests: everything there, nothing big
    "tiny": CLIPConfig(
        embed_dim=32,
        vision=ResNetConfig(32, layers=(1, 1, 1), width=8, heads=2, stem="small", block="basic"),
        text=TextConfig(vocab_size=512, context_length=32, width=32, heads=2, layers=1),
    ),
    # for a laptop: 32-px pictures of 3 channels, trained in minutes on two cores
    "laptop": CLIPConfig(
        embed_dim=192,
        vision=ResNetConfig(32, layers=(1, 1, 1), width=64, heads=4, stem="half", block="basic"),
        text=_SMALL_TEXT,
        activation="gelu",
    ),
    # a million parameters: a third faster a step, for trying things out
    "laptop_small": CLIPConfig(
        embed_dim=192,
        vision=ResNetConfig(32, layers=(1, 1, 1), width=32, heads=4, stem="half", block="basic"),
        text=TextConfig(vocab_size=4096, context_length=32, width=96, heads=4, layers=2),
        activation="gelu",
    ),
    # what the shipped checkpoint is: it looks at full resolution first, and with more blocks
    "laptop_deep": CLIPConfig(
        embed_dim=192,
        vision=ResNetConfig(
            32, layers=(2, 3, 3, 1), width=32, heads=4, stem="small", block="basic"
        ),
        text=_SMALL_TEXT,
        activation="gelu",
    ),
    "laptop_vit": CLIPConfig(
        embed_dim=192,
        vision=ViTConfig(32, patch=8, width=192, layers=4, heads=4),
        text=_SMALL_TEXT,
        activation="gelu",
    ),
    # the paper's nine (Tables 19 and 20)
    "RN50": _paper_resnet(1024, 224, (3, 4, 6, 3), 64, text=512),
    "RN101": _paper_resnet(512, 224, (3, 4, 23, 3), 64, text=512),
    "RN50x4": _paper_resnet(640, 288, (4, 6, 10, 6), 80, text=640),
    "RN50x16": _paper_resnet(768, 384, (6, 8, 18, 8), 96, text=768),
    "RN50x64": _paper_resnet(1024, 448, (3, 15, 36, 10), 128, text=1024),
    "ViT-B/32": _paper_vit(512, 224, 32, 768, 12, text=512),
    "ViT-B/16": _paper_vit(512, 224, 16, 768, 12, text=512),
    "ViT-L/14": _paper_vit(768, 224, 14, 1024, 24, text=768),
    "ViT-L/14@336px": _paper_vit(768, 336, 14, 1024, 24, text=768),
}
