"""What a model is trained to do: the losses that join the image tower and the text tower."""

from clipedu.objectives.contrastive import (
    LOGIT_SCALE_INIT,
    LOGIT_SCALE_MAX,
    SIGLIP_BIAS_INIT,
    SIGLIP_LOGIT_SCALE_INIT,
    clamp_logit_scale_,
    info_nce,
    loss_floor,
    n_pair,
    siglip,
    siglip_bias_init,
    similarity_logits,
)

__all__ = [
    "LOGIT_SCALE_INIT",
    "LOGIT_SCALE_MAX",
    "SIGLIP_BIAS_INIT",
    "SIGLIP_LOGIT_SCALE_INIT",
    "clamp_logit_scale_",
    "info_nce",
    "loss_floor",
    "n_pair",
    "siglip",
    "siglip_bias_init",
    "similarity_logits",
]
