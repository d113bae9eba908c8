"""What a model is trained to do: the losses of CLIP and SigLIP, and of those before them."""

from clipedu.objectives.captioning import (
    Captioner,
    VirTex,
    is_answered,
    reverse_words,
    word_loss,
)
from clipedu.objectives.catalog import (
    OBJECTIVES,
    OLD_NAMES,
    OPTIONS,
    PLAIN,
    chance_loss,
    check_options,
    new_model,
)
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
from clipedu.objectives.convirt import ConVIRT, convirt_loss, one_sentence
from clipedu.objectives.decoder import Decoder
from clipedu.objectives.image_model import ImageModel, is_word
from clipedu.objectives.masked import ICMLM, mask_words
from clipedu.objectives.ngrams import VisualNGrams, count_ngrams, jelinek_mercer
from clipedu.objectives.sharded import sharded_info_nce, sharded_siglip
from clipedu.objectives.simclr import SimCLR, nt_xent
from clipedu.objectives.tiled import pair_loss, row_loss, tiled_info_nce, tiled_siglip
from clipedu.objectives.words import BagOfWords, bag_loss, bag_of_words
