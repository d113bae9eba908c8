from __future__ import annotations

import json

import pytest

from clipedu.models import PRESETS, CLIPConfig, ResNetConfig, TextConfig, ViTConfig


@pytest.mark.parametrize("name", PRESETS)
def test_presets_survive_json(name):
    config = PRESETS[name]
    assert CLIPConfig.from_dict(json.loads(json.dumps(config.to_dict()))) == config


def test_presets_are_the_ones_promised():
    paper = {"RN50", "RN101", "RN50x4", "RN50x16", "RN50x64"}
    paper |= {"ViT-B/32", "ViT-B/16", "ViT-L/14", "ViT-L/14@336px"}
    ours = {"tiny", "laptop_small", "laptop", "laptop_deep", "laptop_vit", "laptop_vit_stem"}
    assert set(PRESETS) == ours | paper
    assert all(PRESETS[name].activation == "quick_gelu" for name in paper)
    for name in ours:
        assert PRESETS[name].vision.resolution == 32
        assert PRESETS[name].text.context_length == 32


def test_from_dict_says_what_is_wrong():
    good = PRESETS["tiny"].to_dict()
    wrong = [
        {},
        {k: v for k, v in good.items() if k != "text"},
        good | {"vision": good["vision"] | {"kind": "swin"}},
        good | {"text": good["text"] | {"colour": 1}},
        good | {"dropout": 0.1},
    ]
    for data in wrong:
        with pytest.raises(ValueError, match="not a CLIP config"):
            CLIPConfig.from_dict(data)


def test_a_whole_tower_may_come_from_json():
    config = PRESETS["laptop_vit"]
    data = json.loads(json.dumps(config.to_dict()))
    assert PRESETS["laptop"].replace(vision=data["vision"]).vision == config.vision
    assert PRESETS["tiny"].replace(text=data["text"]).text == config.text
    for bad in ({"kind": "swin"}, {"width": 8}):
        with pytest.raises(ValueError, match="vision is no tower"):
            PRESETS["laptop"].replace(vision=bad)


def test_replace():
    config = PRESETS["laptop"]
    assert config.replace() == config
    new = config.replace(vocab_size=99, vision_width=48, text_layers=3, vision_heads=6)
    assert (new.text.vocab_size, new.text.layers) == (99, 3)
    assert (new.vision.width, new.vision.heads) == (48, 6)
    assert config.text.vocab_size == 4096
    # changed together although each change alone would be refused
    assert config.replace(text_width=100, text_heads=5).text.heads == 5
    assert config.replace(vision=ViTConfig(32, 4, 64, 2, 2), patch=8).vision.patch == 8
    assert config.replace(kind="cbow", activation="quick_gelu").text.kind == "cbow"


@pytest.mark.parametrize(("field", "hint"), [("width", "both towers"), ("vocabulary", "none")])
def test_replace_refuses_unknown_and_ambiguous_fields(field, hint):
    with pytest.raises(ValueError, match=f"'{field}'.*{hint}.*text_width.*"):
        PRESETS["laptop"].replace(**{field: 3})


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: ViTConfig(30, 8, 64, 2, 2), "patches of 8 px"),
        (lambda: ViTConfig(36, 12, 64, 2, 2, stem="conv"), "stride 2 cannot shrink .* by 12"),
        (lambda: ViTConfig(32, 8, 64, 2, 3), "3 heads cannot share a width of 64"),
        (lambda: ViTConfig(32, 8, 64, 0, 2), "ViTConfig.layers must be a whole number"),
        (lambda: ViTConfig(32, 8, 64.0, 2, 2), "ViTConfig.width must be a whole number"),
        (lambda: ResNetConfig(30, (1, 1), 8, 2, "half", "basic"), "multiple of 4"),
        (lambda: ResNetConfig(32, (), 8, 2), "blocks of each stage"),
        (lambda: ResNetConfig(32, (1, 0), 8, 2), "blocks of each stage"),
        (lambda: ResNetConfig(32, (1, 1), 8, 2, "big"), "stem must be .paper., .half. or .small."),
        (lambda: ResNetConfig(32, (1, 1), 8, 2, "small", "wide"), "block must be"),
        (lambda: ResNetConfig(32, (1, 1), 8, 7, "small", "basic"), "7 heads"),
        (lambda: TextConfig(100, 32, 64, 2, 2, kind="lstm"), "'transformer' or 'cbow'"),
        (lambda: TextConfig(100, 32, 64, 5, 2), "5 heads"),
        (lambda: TextConfig(True, 32, 64, 4, 2), "vocab_size must be a whole number"),
        (lambda: PRESETS["tiny"].replace(activation="relu"), "quick_gelu"),
        (lambda: PRESETS["tiny"].replace(embed_dim=-1), "embed_dim must be"),
    ],
)
def test_impossible_shapes_are_refused(make, message):
    with pytest.raises(ValueError, match=message):
        make()
