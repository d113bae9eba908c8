from __future__ import annotations

import pytest
import torch

from clipedu.models import PRESETS, ViTConfig, build, count_flops, count_parameters

# Paper Fig 9, "GFLOPs" of the image tower (multiply-adds).
FIGURE_9 = {"RN50": 6.1, "RN101": 9.9, "RN50x4": 21.5, "RN50x16": 75.3, "RN50x64": 265.9}


@pytest.mark.parametrize("name", ["RN50", "RN50x4", "RN50x64"])
def test_resnets_match_figure_9(name):
    counts = count_flops(PRESETS[name], all_queries=True)
    assert counts["visual"] / 1e9 == pytest.approx(FIGURE_9[name], rel=0.02)


@pytest.mark.parametrize("name", ["ViT-B/32", "laptop_vit"])
def test_a_vit_by_hand(name):
    config = PRESETS[name]
    vision = config.vision
    assert isinstance(vision, ViTConfig)

    def blocks(length: int, width: int, layers: int) -> int:
        matrices = 12 * width * width * length  # q, k, v, out: 4; the MLP: 4 + 4
        return layers * (matrices + 2 * length * length * width)

    patches = (vision.resolution // vision.patch) ** 2
    picture = patches * 3 * vision.patch**2 * vision.width
    picture += blocks(patches + 1, vision.width, vision.layers) + vision.width * config.embed_dim
    text = config.text
    caption = blocks(text.context_length, text.width, text.layers) + text.width * config.embed_dim
    counts = count_flops(config)
    assert (counts["visual"], counts["text"]) == (picture, caption)
    assert counts["visual.conv1"] == patches * 3 * vision.patch**2 * vision.width


def test_parts_add_up():
    for name in ("laptop", "RN50"):
        counts = count_flops(PRESETS[name])
        parts = sum(n for part, n in counts.items() if part.startswith("visual."))
        assert parts == counts["visual"]
        more = count_flops(PRESETS[name], all_queries=True)
        assert (
            more["visual"] - counts["visual"] == more["visual.attnpool"] - counts["visual.attnpool"]
        )
        model = build(PRESETS[name]) if name == "laptop" else None
        if model is not None:
            for part in counts:
                model.get_submodule(part)


def test_cbow_costs_almost_nothing():
    config = PRESETS["laptop"].replace(kind="cbow")
    assert count_flops(config)["text"] < count_flops(PRESETS["laptop"])["text"] / 100


def test_count_parameters():
    assert count_parameters(torch.nn.Linear(3, 4)) == 16
    model = build("tiny", seed=0)
    parts = [count_parameters(part) for part in (model.visual, model.text)]
    assert count_parameters(model) == sum(parts) + 1  # the logit scale
