from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from clipedu.models import PRESETS, build
from clipedu.pairs import Augmentation
from clipedu.training import RECIPES, Recipe, get_recipe


@pytest.mark.parametrize("name", sorted(RECIPES))
def test_every_recipe_survives_json(name: str) -> None:
    recipe = RECIPES[name]
    assert Recipe.from_dict(json.loads(json.dumps(recipe.to_dict()))) == recipe


@given(
    batch_size=st.integers(2, 10_000),
    steps=st.integers(1, 10**6),
    learning_rate=st.floats(1e-6, 1),
    warmup=st.floats(0, 1),
    betas=st.tuples(st.floats(0, 0.99), st.floats(0, 0.9999)),
    grad_clip=st.none() | st.floats(0.01, 100),
    thin=st.floats(0, 0.5),
    objective=st.sampled_from(["clip", "siglip"]),
)
def test_any_valid_recipe_survives_json(thin: float, **values: object) -> None:
    recipe = Recipe(augmentation=Augmentation(thin=thin), **values)  # type: ignore[arg-type]
    assert Recipe.from_dict(json.loads(json.dumps(recipe.to_dict()))) == recipe
    assert 0 <= recipe.warmup_steps <= recipe.steps


@pytest.mark.parametrize(
    ("field", "value", "says"),
    [
        ("preset", "huge", "laptop"),
        ("objective", "mse", "clip, siglip, convirt"),
        ("precision", "int8", "bf16"),
        ("preset", ["tiny"], "laptop"),
        ("model", 3, "named values"),
        ("model", [["vision_width", 16]], "named values"),
        ("model", {"vision_layers": 3}, "same kind as tiny"),
        ("augmentation", 0.3, "named values"),
        ("augmentation", None, "named values"),
        ("execution", 2, "named values"),
        ("mask_same_captions", "no", "true or false"),
        ("batch_size", 1, "loss is 0"),
        ("batch_size", 2.5, "whole number"),
        ("steps", 0, "from 1"),
        ("steps", True, "whole number"),
        ("vocab_size", 200, "256 bytes"),
        ("context_length", 2, "SOT"),
        ("learning_rate", 0, "above 0"),
        ("learning_rate", float("nan"), "above 0"),
        ("learning_rate", "fast", "number"),
        ("warmup", 50, "share"),
        ("final_learning_rate", -0.1, "share"),
        ("betas", 3, "two numbers"),
        ("betas", None, "two numbers"),
        ("betas", "ab", "two numbers"),
        ("betas", {"0.9": 0.98}, "two numbers"),
        ("betas", (0.9,), "two numbers"),
        ("betas", (0.9, 1.0), "below 1"),
        ("eps", 0, "above 0"),
        ("weight_decay", -1, "0.2"),
        ("max_logit_scale", 0.5, "100"),
        ("grad_clip", 0, "None"),
        ("ema_decay", 1.0, "below 1"),
        ("checkpoint_every", -1, "steps"),
        ("captions", "poems", "sentences"),
        ("set_weights", {"lucide": 2.0}, "icon sets with numbers above 0"),
        ("set_weights", {"openmoji": 0}, "icon sets with numbers above 0"),
        ("set_weights", 3, "icon sets with numbers above 0"),
    ],
)
def test_what_cannot_work_is_refused_in_a_sentence(field: str, value: object, says: str) -> None:
    with pytest.raises(ValueError, match=field) as caught:
        dataclasses.replace(RECIPES["tiny"], **{field: value})
    assert says in str(caught.value)


@pytest.mark.parametrize(
    ("field", "value"),
    [("betas", 3), ("model", 3), ("augmentation", 0.3), ("execution", 2), ("preset", [])],
)
def test_a_file_with_a_value_of_the_wrong_kind_is_refused(
    tmp_path: Path, field: str, value: object
) -> None:
    file = tmp_path / "recipe.json"
    file.write_text(json.dumps(RECIPES["tiny"].to_dict() | {field: value}))
    with pytest.raises(ValueError, match=rf"recipe\.json is not a recipe: {field} must be"):
        Recipe.load(file)


@pytest.mark.parametrize(
    ("field", "value", "says"),
    [
        ("thicken", 1.5, "a share from 0 to 1, not 1.5"),
        ("thin", "often", "a share"),
        ("degrees", -1, "a finite number from 0, not -1"),
        ("degrees", True, "a finite number"),
        ("scale", 1.0, "from 0 to below 1, not 1.0"),
        ("shift", float("nan"), "a finite number from 0, not nan"),
        ("stretch", float("inf"), "not inf"),
        ("warp", "much", "from 0, not 'much'"),
        ("warp", None, "a finite number"),
    ],
)
def test_augmentation_is_checked(field: str, value: object, says: str) -> None:
    with pytest.raises(ValueError, match=rf"augmentation\.{field} must be") as caught:
        Recipe.from_dict({"augmentation": {field: value}})
    assert says in str(caught.value)


def test_a_strong_augmentation_is_allowed_and_an_unknown_one_is_not() -> None:
    Recipe(augmentation=Augmentation(degrees=180, scale=0.99, shift=1, stretch=2.0, warp=0))
    with pytest.raises(ValueError, match="no field 'blur'"):
        Recipe.from_dict({"augmentation": {"blur": 1}})


def test_an_unknown_field_gets_a_hint() -> None:
    with pytest.raises(ValueError, match="Did you mean 'batch_size'"):
        Recipe.from_dict({"batchsize": 3})


def test_model_fields_reach_the_model() -> None:
    recipe = dataclasses.replace(RECIPES["tiny"], model={"vision_width": 16}, context_length=20)
    config = recipe.config(vocab_size=400)
    assert (config.vision.width, config.text.context_length, config.text.vocab_size) == (
        16,
        20,
        400,
    )
    assert build(config).visual.conv1.out_channels == 16
    with pytest.raises(ValueError, match="depth"):
        dataclasses.replace(RECIPES["tiny"], model={"depth": 3})


def test_a_file_is_read_back_and_a_bad_one_explained(tmp_path) -> None:
    RECIPES["laptop"].save(tmp_path / "recipe.json")
    assert Recipe.load(tmp_path / "recipe.json") == RECIPES["laptop"]
    (tmp_path / "bad.json").write_text("{")
    with pytest.raises(ValueError, match=r"bad\.json is not a recipe"):
        Recipe.load(tmp_path / "bad.json")
    with pytest.raises(FileNotFoundError, match="no recipe at"):
        Recipe.load(tmp_path / "none.json")


def test_an_unknown_name_lists_the_names() -> None:
    with pytest.raises(ValueError, match="tiny, lesson, laptop"):
        get_recipe("desktop")


@pytest.mark.parametrize("preset", ["laptop", "laptop_vit_stem"])
def test_a_recipe_with_whole_towers_survives_its_file(tmp_path: Path, preset: str) -> None:
    config = PRESETS[preset]
    towers = {"vision": config.vision, "text": config.text, "embed_dim": config.embed_dim}
    recipe = Recipe(model=towers)
    recipe.save(tmp_path / "recipe.json")
    again = Recipe.load(tmp_path / "recipe.json")
    assert again == recipe and again.config() == recipe.config()


def test_a_recipe_equals_itself_whatever_holds_its_layers() -> None:
    recipe = Recipe(model={"vision_layers": (1, 1, 2)})
    assert (
        recipe == Recipe(model={"vision_layers": [1, 1, 2]}) == Recipe.from_dict(recipe.to_dict())
    )


def test_a_file_that_a_windows_editor_saved_is_read(tmp_path: Path) -> None:
    RECIPES["tiny"].save(tmp_path / "recipe.json")
    text = (tmp_path / "recipe.json").read_text("utf-8")
    (tmp_path / "recipe.json").write_text(text, "utf-8-sig")  # with a byte-order mark
    assert Recipe.load(tmp_path / "recipe.json") == RECIPES["tiny"]
