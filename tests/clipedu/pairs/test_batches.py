"""Batches: seeded, without a name twice, and never a held-out family among the training ones."""

import numpy as np
import pytest
import torch

from clipedu.pairs import (
    FAMILIES,
    FIRST_EDITION,
    HELD_OUT_FAMILIES,
    NONE,
    TRAINING_FAMILIES,
    Augmentation,
    PairSet,
    Pictures,
    all_captions,
    held_out_pairs,
    held_out_task,
    left_out,
    load_icons,
    set_aside,
    to_model,
    to_pictures,
    training_pairs,
)
from clipedu.pairs.batches import held_out_names


@pytest.fixture(scope="module")
def pictures():
    """Every family's words over made-up pixels, so that no picture need be drawn here."""
    icons = load_icons()
    rng = np.random.default_rng(0)
    return Pictures(icons, rng.integers(0, 256, (len(icons), 8, 8, 4), np.uint8), 8)


@pytest.fixture(scope="module")
def pairs(pictures):
    return PairSet(pictures, TRAINING_FAMILIES)


@pytest.fixture
def no_drawing(monkeypatch, pictures):
    monkeypatch.setattr("clipedu.pairs.batches.open_pictures", lambda *a, **k: pictures)


@pytest.mark.parametrize("held_out", HELD_OUT_FAMILIES)
def test_training_and_held_out_families_can_not_be_mixed(pictures, held_out, no_drawing):
    with pytest.raises(ValueError, match="may never meet"):
        PairSet(pictures, ["mdi", held_out])
    with pytest.raises(ValueError, match="is not for training"):
        training_pairs(8, families=["mdi", held_out])
    with pytest.raises(ValueError, match="is not held out"):
        held_out_pairs("mdi", 8)


def test_no_family_and_an_unknown_one_are_said(pictures, monkeypatch):
    monkeypatch.setattr("clipedu.pairs.batches.open_pictures", lambda *a, **k: pytest.fail("drawn"))
    with pytest.raises(ValueError, match="No family is named.*: openmoji.*heroicons"):
        PairSet(pictures, [])
    with pytest.raises(ValueError, match="No family is named.*: openmoji, .*typicons\\.$"):
        training_pairs(8, families=[])
    with pytest.raises(ValueError, match="No family is named.*: lucide"):
        held_out_pairs([], 8)
    with pytest.raises(ValueError, match="no family 'nope'. The families are: openmoji"):
        PairSet(pictures, ["mdi", "nope"])


def test_the_default_training_set_holds_no_held_out_picture(no_drawing):
    pairs = training_pairs(8)
    assert pairs.role == "train"
    assert {FAMILIES[icon.family].role for icon in pairs.icons} == {"train"}
    assert len(pairs) == 39159
    assert {icon.family for icon in held_out_pairs(size=8).icons} == set(HELD_OUT_FAMILIES)


def test_pictures_and_icons_stay_together(pictures, pairs):
    everything = {icon: i for i, icon in enumerate(pictures.icons)}
    for i in (0, 5000, len(pairs) - 1):
        assert (pairs.rgba[i] == pictures.rgba[everything[pairs.icons[i]]]).all()


def test_a_batch_has_no_name_twice_and_is_repeatable(pairs):
    rows = pairs.rows_at(7, 512, seed=3)
    names = [pairs.icons[i].name.lower() for i in rows]
    assert len(set(names)) == 512
    assert (pairs.rows_at(7, 512, seed=3) == rows).all()
    assert (pairs.rows_at(8, 512, seed=3) != rows).any()
    assert (pairs.rows_at(7, 512, seed=4) != rows).any()


def test_the_largest_batch_takes_every_name_once(pairs):
    names = len({icon.name.lower() for icon in pairs.icons})
    assert len(set(pairs.rows_at(0, names, 0))) == names
    for n in (0, -1, names + 1):
        with pytest.raises(ValueError, match="one for each name"):
            pairs.rows_at(0, n, 0)


def test_pictures_are_drawn_about_equally_often(pairs):
    seen = np.concatenate([pairs.rows_at(step, 512, 0) for step in range(60)])
    share = np.mean([pairs.icons[i].family == "material" for i in seen])
    # Names with many pictures meet themselves in a batch and wait, those of every set.
    assert 0.8 < share / (6862 / len(pairs)) < 1.1


def test_batch_at_is_stateless(pairs):
    augmentation = Augmentation(lines=0.5, outline=0.2)
    one = pairs.batch_at(11, 16, 5, augmentation)
    pairs.batch_at(12, 16, 5, augmentation)
    torch.rand(3)
    other = pairs.batch_at(11, 16, 5, augmentation)
    assert torch.equal(one[0], other[0]) and one[1] == other[1]
    assert one[0].shape == (16, 3, 8, 8) and 0 <= one[0].min() and one[0].max() <= 1


def test_parts_together_are_the_batch_to_the_last_bit(pairs):
    # every kind of change draws for the whole batch, color pictures and black ones alike
    augmentation = Augmentation(lines=0.3, outline=0.2, stretch=0.2, warp=0.05, erase=0.5, flip=0.5)
    mixed = pairs.without([0])
    mixed.rgba[::2, ..., :3] = 0  # every other one is black
    mixed.part_at(0, 12, 5, augmentation, slice(0, 6))
    for some in (mixed, mixed.without(range(0, len(mixed), 3))):
        pictures, words = some.batch_at(11, 12, 5, augmentation)
        for ranks in (1, 2, 4):
            share = 12 // ranks
            places = [slice(k * share, (k + 1) * share) for k in range(ranks)]
            parts = [some.part_at(11, 12, 5, augmentation, place) for place in places]
            assert torch.equal(torch.cat([part for part, _ in parts]), pictures)
            assert all(told == words for _, told in parts)


def test_plain_batches_show_the_picture_itself(pairs):
    shown, words = pairs.batch(9, seed=2)
    rows = pairs.rows_at(0, 9, 2)
    assert torch.allclose(shown, to_pictures(pairs.rgba[rows]), atol=1e-6)
    assert len(words) == 9 and all(word == word.lower() and word for word in words)


def test_to_pictures_against_alpha_over_white():
    rgba = np.random.default_rng(0).integers(0, 256, (5, 8, 8, 4), np.uint8)
    alpha = rgba[..., 3:] / 255
    expected = (rgba[..., :3] / 255 * alpha + (1 - alpha)).transpose(0, 3, 1, 2)
    assert np.allclose(to_pictures(rgba).numpy(), expected, atol=1e-6)
    assert torch.allclose(to_model(torch.tensor([0.0, 0.5, 1.0])), torch.tensor([-1.0, 0.0, 1.0]))
    for wrong in (rgba[0], rgba[..., :3], rgba.astype(np.float32)):
        with pytest.raises(ValueError, match="Expected RGBA"):
            to_pictures(wrong)


@pytest.mark.parametrize(
    "family, classes", [("lucide", 297), ("font_awesome", 249), ("heroicons", 90)]
)
def test_held_out_tasks_have_the_classes_that_the_plan_counts(no_drawing, family, classes):
    rgba, labels, names = held_out_task(family, 8)
    assert len(names) == classes == len(set(labels)) and len(rgba) == len(labels)
    counts = [{icon.name for icon in load_icons([key])} for key in FIRST_EDITION]
    assert all(sum(name in known for known in counts) >= 2 for name in names)
    drawn = {icon.name for icon in load_icons([family])}
    assert set(names) <= drawn


def test_a_wider_task_asks_all_names_that_two_of_the_twelve_sets_know(no_drawing):
    narrow, wide = held_out_names("lucide"), held_out_names("lucide", TRAINING_FAMILIES)
    assert narrow < wide and len(wide) == 587


def test_left_out_sets_are_not_trained_on_and_ask_what_others_know(no_drawing):
    pairs, tasks = left_out(["eva", "remix"], 8)
    assert {icon.family for icon in pairs.icons} == set(TRAINING_FAMILIES) - {"eva", "remix"}
    assert set(tasks) == {"eva", "remix"}
    for rgba, labels, names in tasks.values():
        assert len(rgba) == len(labels) and set(labels) == set(range(len(names)))
        for name in names:
            drawn = {icon.family for icon in pairs.icons if icon.name == name}
            assert len(drawn) >= 2
    with pytest.raises(ValueError, match="not for training"):
        left_out(["lucide"], 8)


def test_weights_say_how_often_a_set_is_drawn(pairs):
    even, heavy = pairs, pairs.drawn("labels", {"openmoji": 4.0})

    def share(some):
        rows = np.concatenate([some.rows_at(step, 256, 0) for step in range(20)])
        return np.mean([some.icons[i].family == "openmoji" for i in rows])

    assert 3 < share(heavy) / share(even) < 4.5  # less than 4: no name twice in a batch
    assert (heavy.rows_at(3, 64, 0) == heavy.rows_at(3, 64, 0)).all()
    assert len(heavy.without([0]).weights) == len(pairs) - 1
    assert pairs.weights is None  # the original is as it was


def test_a_mix_decides_the_captions_and_the_tokenizers_texts(pairs):
    names = pairs.drawn("names")
    drawn = names.batch(64)[1]
    known = {text.lower() for icon in pairs.icons for text in (icon.name, *icon.aliases)}
    assert set(drawn) <= known
    sentences = pairs.drawn("sentences")
    assert any(text.endswith(".") for text in sentences.batch(64)[1])
    assert len(sentences.texts()) > len(pairs.texts())


def test_a_training_family_has_no_held_out_task(no_drawing):
    with pytest.raises(ValueError, match="not held out"):
        held_out_task("phosphor", 8)


def test_set_aside_takes_one_familys_pictures_of_a_shared_name(pairs):
    rest, (rgba, labels, classes) = set_aside(pairs, names=200, seed=1)
    assert len(classes) == 200 == len(set(labels)) and len(rgba) == len(labels)
    assert len(rest) + len(rgba) == len(pairs)
    left = {(icon.family, icon.name) for icon in rest.icons}
    gone = {(icon.family, icon.name) for icon in pairs.icons} - left
    assert sorted(name for _, name in gone) == classes  # one family each
    assert {name for _, name in gone} <= {name for _, name in left}  # another family still has it
    assert rest.rows_at(0, 64, 0).max() < len(rest) and len(pairs) == 39159
    again = set_aside(pairs, names=200, seed=1)[1]
    assert again[2] == classes and (again[1] == labels).all()
    with pytest.raises(ValueError, match="shared by two families"):
        set_aside(pairs, names=10**6)
    with pytest.raises(ValueError, match="none is left"):
        pairs.without(range(len(pairs)))


def test_the_words_are_those_that_a_tokenizer_learns_from(pairs):
    assert pairs.texts() == all_captions(pairs.icons)


def test_none_changes_nothing():
    assert NONE == Augmentation(invert=0, thicken=0, thin=0, affine=0)
