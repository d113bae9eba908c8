"""The references of lesson 13's checks, against the library."""

from __future__ import annotations

import torch

from clipedu.models import PRESETS, build
from clipedu.models.formats import from_hf
from clipedu.models.weights import Weights, expected_shapes, resize_positions
from clipedu.pairs.clean import openai_picture, openai_standardize
from clipedu_lessons.l13_the_real_clip.checks.keys import KEYS
from clipedu_lessons.l13_the_real_clip.checks.photographs import PREPROCESS
from clipedu_lessons.l13_the_real_clip.checks.positions import stretched
from clipedu_lessons.l13_the_real_clip.checks.reading import EXPECTED
from clipedu_lessons.l13_the_real_clip.suspects import DEFECTS, suspects


def test_the_sizes_are_the_library_s() -> None:
    config = PRESETS["ViT-B/16"].replace(resolution=384)
    shapes = expected_shapes(config)
    assert shapes["visual.positional_embedding"][0] == EXPECTED[0]
    assert sum(torch.Size(shape).numel() for shape in shapes.values()) == EXPECTED[1]
    assert len(shapes) + 4 * 24 == EXPECTED[2]


def test_the_map_of_names_is_the_library_s() -> None:
    for seed in range(3):
        tensors = KEYS.inputs(torch.Generator().manual_seed(seed))["tensors"]
        found = KEYS.reference(tensors)
        wanted = from_hf(dict(tensors), list(found))
        assert found.keys() == wanted.keys()
        assert all(torch.equal(found[name], wanted[name]) for name in wanted)


def test_the_preprocessing_is_the_library_s() -> None:
    for seed in range(4):
        drawn = PREPROCESS.inputs(torch.Generator().manual_seed(seed))
        wanted = openai_standardize(openai_picture(drawn["photograph"], drawn["resolution"]))
        torch.testing.assert_close(PREPROCESS.reference(**drawn), wanted)


def test_the_stretched_table_is_the_library_s() -> None:
    model = build("laptop_vit", seed=0)
    state = {name: tensor.detach() for name, tensor in model.state_dict().items()}
    name = "visual.positional_embedding"
    wanted = resize_positions(Weights(state, model.config, ""), 48).tensors[name]
    torch.testing.assert_close(stretched(state[name], 6), wanted)


def test_each_suspect_is_wrong_where_its_defect_says() -> None:
    from clipedu.models import CLIP

    copies, case = suspects()
    wrong = {"none": (0, 0), "activation": (1, 1), "swapped": (1, 0), "transposed": (0, 1)}
    for letter, suspect in copies.items():
        model = CLIP(suspect.config).eval()
        model.load_state_dict(suspect.tensors)  # no error: names and shapes are right
        with torch.no_grad():
            found = model.encode_image(case.pictures), model.encode_text(case.tokens)
        off = [(a - b).abs().max() > 1e-3 for a, b in zip(found, case[2:], strict=True)]
        assert tuple(map(int, off)) == wrong[DEFECTS[letter]], letter
