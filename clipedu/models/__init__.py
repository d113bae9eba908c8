"""The image encoders, the text encoders, and the CLIP that holds one of each."""

from clipedu.models.clip import CLIP, Embedded, build
from clipedu.models.config import PRESETS, CLIPConfig, ResNetConfig, TextConfig, ViTConfig
from clipedu.models.flops import count_flops, count_parameters
from clipedu.models.resnet import ModifiedResNet
from clipedu.models.transformer import CBOW, TextTransformer, plain_attention
from clipedu.models.vit import VisionTransformer
