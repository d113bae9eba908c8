"""Pictures that are the same under two names."""

import numpy as np

from clipedu_lessons.common.duplicates import picture_ids, same_pictures


def test_same_pictures_are_found():
    rgba = np.random.default_rng(0).integers(0, 256, (6, 4, 4, 4), np.uint8)
    rgba[4] = rgba[1]
    rgba[5] = rgba[1]
    assert same_pictures(rgba) == [[1, 4, 5]]
    assert picture_ids(rgba).tolist() == [0, 1, 2, 3, 1, 1]
