"""Near-duplicates: a shifted copy is found, another drawing is not; what is stored is current."""

import numpy as np
import pytest
import torch

from clipedu.pairs import open_pictures
from clipedu.pairs.duplicates import drawing_vectors, nearest_drawings


@pytest.fixture(scope="module")
def rgba():
    pictures = open_pictures(32, progress=False)
    return np.array(pictures.rgba[pictures.where(["eva"])])


def test_a_copy_shifted_by_a_pixel_is_found_and_a_mirrored_one_is_not(rgba):
    vectors = drawing_vectors(rgba)
    shifted, mirrored = np.roll(rgba, 1, axis=2), rgba[:, :, ::-1]
    cosine, row = nearest_drawings(drawing_vectors(shifted), vectors)
    assert (row == torch.arange(len(rgba))).float().mean() > 0.95 and cosine.median() > 0.85
    lopsided = (drawing_vectors(mirrored) * vectors).sum(1) < 0.9
    cosine, row = nearest_drawings(drawing_vectors(mirrored), vectors)
    assert (row != torch.arange(len(rgba)))[lopsided].float().mean() > 0.5


def test_a_blank_picture_is_like_nothing():
    blank = np.zeros((2, 32, 32, 4), np.uint8)
    assert nearest_drawings(drawing_vectors(blank), drawing_vectors(blank))[0].tolist() == [0, 0]
    with pytest.raises(ValueError, match="neither may be empty"):
        nearest_drawings(drawing_vectors(blank), torch.zeros(0, 256))
