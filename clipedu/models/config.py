"""The shape of a CLIP as plain data, to JSON and back, and the presets by name."""

from __future__ import annotations

import dataclasses
import typing
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from clipedu.numbers import check_whole


class _Checked:
    """Checks each field against its type: an int is 1 or more, a Literal one of its values."""

    def __post_init__(self) -> None:
        for name, kind in typing.get_type_hints(type(self)).items():
            field, value = f"{type(self).__name__}.{name}", getattr(self, name)
            if kind is int:
                object.__setattr__(self, name, check_whole(field, value))
            elif typing.get_origin(kind) is Literal and value not in typing.get_args(kind):
                *most, last = map(repr, typing.get_args(kind))
                raise ValueError(f"{field} must be {', '.join(most)} or {last}, got {value!r}")


def _check_heads(config: str, heads: int, width: int) -> None:
    if width % heads:
        wrong = f"{config}: {heads} heads cannot share a width of {width}; choose a number that"
        raise ValueError(f"{wrong} divides it (the paper: 64 channels a head)")


@dataclass(frozen=True)
class ViTConfig(_Checked):
    """A Vision Transformer (paper section 2.4): a picture cut into squares of ``patch`` pixels.

    stem: "patch" is one convolution on each square; "conv" (arXiv 2106.14881) is a 3x3 convolution
        of stride 2 for each halving, with batch norm and ReLU, then a 1x1
    """

    resolution: int
    patch: int
    width: int
    layers: int
    heads: int
    stem: Literal["patch", "conv"] = "patch"
    kind: str = field(default="vit", init=False, repr=False)  # tells them apart in JSON

    def __post_init__(self) -> None:
        super().__post_init__()
        _check_heads("ViTConfig", self.heads, self.width)
        if self.resolution % self.patch:
            found = f"{self.resolution} px cannot be cut into patches of {self.patch} px"
            raise ValueError(f"ViTConfig: {found}; choose a patch that divides the resolution")
        if self.stem == "conv" and self.patch & (self.patch - 1):
            found = f"convolutions of stride 2 cannot shrink a picture by {self.patch}"
            raise ValueError(f"ViTConfig: {found}; choose a patch of 2, 4, 8, 16, ...")

    @property
    def feature_width(self) -> int:
        """Numbers in the features of a picture."""
        return self.width


STEM_SHRINK = {"paper": 4, "half": 2, "small": 1}  # how many times fewer pixels along a side


@dataclass(frozen=True)
class ResNetConfig(_Checked):
    """A ModifiedResNet (paper section 2.4), or its small cousin for pictures of 32 px.

    layers: blocks in each stage; stage i has ``width * 2**i`` channels and halves the side if i > 0
    heads: of the attention pooling at the end
    stem: "paper" is three 3x3 convolutions and a pooling, which shrink the picture by 4, too much
        for 32 px; "half" is one 3x3 convolution of stride 2, "small" one of stride 1
    block: "bottleneck" is 1x1, 3x3, and 1x1 to four times the channels; "basic" is 3x3, 3x3
    """

    resolution: int
    layers: tuple[int, ...]
    width: int
    heads: int
    stem: Literal["paper", "half", "small"] = "paper"
    block: Literal["bottleneck", "basic"] = "bottleneck"
    kind: str = field(default="resnet", init=False, repr=False)

    def __post_init__(self) -> None:
        super().__post_init__()
        name = "ResNetConfig.layers, the blocks of each stage,"
        if not self.layers:
            raise ValueError(f"{name} must be like (3, 4, 6, 3)")
        layers = tuple(check_whole(name, blocks) for blocks in self.layers)
        object.__setattr__(self, "layers", layers)  # JSON gives a list
        _check_heads("ResNetConfig", self.heads, self.feature_width)
        if self.resolution % self.shrink:
            found = f"ResNetConfig: {self.resolution} px cannot shrink by {self.shrink}"
            raise ValueError(f"{found}; choose a multiple of {self.shrink}")

    @property
    def shrink(self) -> int:
        """How many pixels of the picture lie along one side of a cell of the last feature map."""
        return STEM_SHRINK[self.stem] * 2 ** (len(self.layers) - 1)

    @property
    def feature_width(self) -> int:
        """Channels of the last feature map (2048 for RN50)."""
        return self.width * 2 ** (len(self.layers) - 1) * (4 if self.block == "bottleneck" else 1)


@dataclass(frozen=True)
class TextConfig(_Checked):
    """The text encoder: "transformer" (causal, read at EOT) or "cbow" (the mean of the words)."""

    vocab_size: int
    context_length: int
    width: int
    heads: int  # like layers, of the transformer only
    layers: int
    kind: Literal["transformer", "cbow"] = "transformer"

    def __post_init__(self) -> None:
        super().__post_init__()
        _check_heads("TextConfig", self.heads, self.width)


@dataclass(frozen=True)
class CLIPConfig(_Checked):
    """Two encoders and the ``embed_dim`` of the space where they meet.

    ``activation``: all weights that OpenAI released need "quick_gelu"; under "gelu" they silently
    lose a few points of accuracy.
    """

    embed_dim: int
    vision: ViTConfig | ResNetConfig
    text: TextConfig
    activation: Literal["quick_gelu", "gelu"] = "quick_gelu"

    def to_dict(self) -> dict[str, Any]:
        """Plain data for JSON; :meth:`from_dict` reads it back."""
        return dataclasses.asdict(self)

    @classmethod
    def from_dict(cls, data: dict[str, Any]) -> CLIPConfig:
        """The config that :meth:`to_dict` wrote. Raises ValueError where it cannot be one."""
        wrong = "vision is no tower"
        try:
            vision = dict(data["vision"])
            vision = {"vit": ViTConfig, "resnet": ResNetConfig}[vision.pop("kind")](**vision)
            wrong = "text is no tower"
            text = TextConfig(**data["text"])
            wrong = "its fields are not those of one"
            return cls(**(data | {"vision": vision, "text": text}))
        except (KeyError, TypeError) as error:
            wrong = f"this is not a CLIP config: {wrong}"
            raise ValueError(f"{wrong}: {error!r} in {data!r}") from error

    def replace(self, **changes: Any) -> CLIPConfig:
        """The same config with some fields changed. Raises ValueError for one that does not exist.

        A field goes by its name (``embed_dim``, ``vocab_size``, ``resolution``, ...); one that both
        encoders have takes a prefix (``text_width``, ``vision_layers``). A whole encoder can be
        given as ``vision`` or ``text``, also as :meth:`to_dict` writes it.
        """
        data = self.to_dict()
        for side in {"vision", "text"} & changes.keys():
            tower = changes.pop(side)
            data[side] = dict(tower) if isinstance(tower, Mapping) else dataclasses.asdict(tower)
        fields = {key: (data, key) for key in data}  # name -> the dict that has it, and its key
        fields |= {
            f"{side}_{k}": (data[side], k) for side in ("vision", "text") for k in data[side]
        }
        fields.pop("vision_kind", None)  # goes with its class
        for name, value in changes.items():
            matches = [fields[name]] if name in fields else []
            matches = matches or [(part, key) for part, key in fields.values() if key == name]
            if len(matches) != 1:
                hint = "both towers have one" if matches else "there is none"
                known = ", ".join(fields)
                raise ValueError(f"no field {name!r} ({hint}); the fields are: {known}")
            part, key = matches[0]
            part[key] = value
        return self.from_dict(data)


def _laptop(vision: ViTConfig | ResNetConfig, text_width: int = 128) -> CLIPConfig:
    """For 32-px pictures, trained in minutes on two cores."""
    text = TextConfig(vocab_size=4096, context_length=32, width=text_width, heads=4, layers=2)
    return CLIPConfig(192, vision, text, activation="gelu")


def _paper(embed_dim: int, vision: ViTConfig | ResNetConfig, text_width: int) -> CLIPConfig:
    """A model of Tables 19 and 20. Only the width of the text encoder follows the image encoder."""
    return CLIPConfig(embed_dim, vision, TextConfig(49408, 77, text_width, text_width // 64, 12))


PRESETS: dict[str, CLIPConfig] = {
    # for tests: everything there, nothing big
    "tiny": CLIPConfig(
        32,
        ResNetConfig(32, (1, 1, 1), width=8, heads=2, stem="small", block="basic"),
        TextConfig(vocab_size=512, context_length=32, width=32, heads=2, layers=1),
    ),
    "laptop": _laptop(ResNetConfig(32, (1, 1, 1), 64, 4, stem="half", block="basic")),
    # a million parameters: a third faster a step, for trying things out
    "laptop_small": _laptop(ResNetConfig(32, (1, 1, 1), 32, 4, "half", "basic"), text_width=96),
    # what the shipped checkpoint is: it looks at full resolution first, and with more blocks
    "laptop_deep": _laptop(ResNetConfig(32, (2, 3, 3, 1), 32, 4, stem="small", block="basic")),
    "laptop_vit": _laptop(ViTConfig(32, patch=8, width=192, layers=4, heads=4)),
    "laptop_vit_stem": _laptop(ViTConfig(32, 8, width=192, layers=4, heads=4, stem="conv")),
    # the paper's nine
    "RN50": _paper(1024, ResNetConfig(224, (3, 4, 6, 3), 64, heads=32), text_width=512),
    "RN101": _paper(512, ResNetConfig(224, (3, 4, 23, 3), 64, heads=32), text_width=512),
    "RN50x4": _paper(640, ResNetConfig(288, (4, 6, 10, 6), 80, heads=40), text_width=640),
    "RN50x16": _paper(768, ResNetConfig(384, (6, 8, 18, 8), 96, heads=48), text_width=768),
    "RN50x64": _paper(1024, ResNetConfig(448, (3, 15, 36, 10), 128, heads=64), text_width=1024),
    "ViT-B/32": _paper(512, ViTConfig(224, 32, 768, layers=12, heads=12), text_width=512),
    "ViT-B/16": _paper(512, ViTConfig(224, 16, 768, layers=12, heads=12), text_width=512),
    "ViT-L/14": _paper(768, ViTConfig(224, 14, 1024, layers=24, heads=16), text_width=768),
    "ViT-L/14@336px": _paper(768, ViTConfig(336, 14, 1024, layers=24, heads=16), text_width=768),
}
