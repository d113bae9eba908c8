"""What a model is trained to do: the losses that join the image encoder and the text encoder."""

from clipedu.objectives.contrastive import (
    LOGIT_SCALE_INIT,
    LOGIT_SCALE_MAX,
    SIGLIP_LOGIT_SCALE_INIT,
    clamp_logit_scale_,
    info_nce,
    siglip,
    siglip_bias_init,
    similarity_logits,
)
from clipedu.objectives.sharded import sharded_info_nce, sharded_siglip
from clipedu.objectives.tiled import pair_loss, row_loss, tiled_info_nce, tiled_siglip
