"""The data: pictures that people drew, paired with words that people wrote."""

from clipedu.pairs.augment import NONE, Augmentation, augment, ink
from clipedu.pairs.batches import (
    PairSet,
    held_out_pairs,
    held_out_task,
    left_out,
    set_aside,
    shared_names,
    to_model,
    to_pictures,
    training_pairs,
)
from clipedu.pairs.captions import CAPTION_MIXES, all_captions, caption, captions
from clipedu.pairs.clean import clean_caption, clean_picture
from clipedu.pairs.icons import (
    FAMILIES,
    FIRST_EDITION,
    HELD_OUT_FAMILIES,
    TRAINING_FAMILIES,
    Icon,
    load_icons,
)
from clipedu.pairs.raster import PictureCacheError, Pictures, open_pictures, render_svg
from clipedu.pairs.shards import open_shards, write_shards
