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
from clipedu.objectives.sharded import gather, sharded_info_nce, sharded_siglip
from clipedu.objectives.tiled import pair_loss, row_loss, tiled_info_nce, tiled_siglip

__all__ = [
    "LOGIT_SCALE_INIT",
    "LOGIT_SCALE_MAX",
    "SIGLIP_BIAS_INIT",
    "SIGLIP_LOGIT_SCALE_INIT",
    "clamp_logit_scale_",
    "gather",
    "info_nce",
    "loss_floor",
    "n_pair",
    "pair_loss",
    "row_loss",
    "sharded_info_nce",
    "sharded_siglip",
    "siglip",
    "siglip_bias_init",
    "similarity_logits",
    "tiled_info_nce",
    "tiled_siglip",
]
