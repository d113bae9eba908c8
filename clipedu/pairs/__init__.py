"""The data: pictures that people drew, paired with words that people wrote."""

from clipedu.pairs.augment import NONE, Augmentation, augment, ink
from clipedu.pairs.batches import PairSet, held_out_pairs, to_model, to_pictures, training_pairs
from clipedu.pairs.captions import all_captions, caption, captions
from clipedu.pairs.clean import clean_picture, is_blank
from clipedu.pairs.icons import (
    FAMILIES,
    HELD_OUT_FAMILIES,
    TRAINING_FAMILIES,
    Family,
    Icon,
    emoji_name,
    load_icons,
)
from clipedu.pairs.raster import PictureCacheError, Pictures, open_pictures, render_svg
from clipedu.pairs.shard_writer import write_shards
from clipedu.pairs.shards import Sample, ShardPairs, open_shards
from clipedu.pairs.splits import (
    held_out_names,
    held_out_task,
    set_aside,
    shared_names,
    validation_task,
)

__all__ = [
    "Augmentation",
    "FAMILIES",
    "Family",
    "HELD_OUT_FAMILIES",
    "Icon",
    "NONE",
    "PairSet",
    "PictureCacheError",
    "Pictures",
    "Sample",
    "ShardPairs",
    "TRAINING_FAMILIES",
    "all_captions",
    "augment",
    "caption",
    "captions",
    "clean_picture",
    "emoji_name",
    "held_out_pairs",
    "held_out_task",
    "ink",
    "is_blank",
    "load_icons",
    "open_pictures",
    "open_shards",
    "render_svg",
    "held_out_names",
    "set_aside",
    "shared_names",
    "to_model",
    "to_pictures",
    "training_pairs",
    "validation_task",
    "write_shards",
]
