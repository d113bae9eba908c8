"""The encoders: an image tower, a text tower, and the CLIP that holds both."""

from clipedu.models.attention import AttentionChoice, attention, choose_attention, plain_attention
from clipedu.models.clip import CLIP, Embedded, build
from clipedu.models.config import PRESETS, CLIPConfig, ResNetConfig, TextConfig, ViTConfig
from clipedu.models.flops import count_flops, count_parameters
from clipedu.models.resnet import ModifiedResNet
from clipedu.models.text import CBOW, TextTransformer
from clipedu.models.vit import VisionTransformer

__all__ = [
    "CBOW",
    "CLIP",
    "PRESETS",
    "AttentionChoice",
    "CLIPConfig",
    "Embedded",
    "ModifiedResNet",
    "ResNetConfig",
    "TextConfig",
    "TextTransformer",
    "ViTConfig",
    "VisionTransformer",
    "attention",
    "build",
    "choose_attention",
    "count_flops",
    "count_parameters",
    "plain_attention",
]
