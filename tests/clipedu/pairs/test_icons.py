"""The words: counts as documented, names cleaned, missing packages named."""

import importlib.metadata
import re

import pytest

from clipedu.pairs import FAMILIES, HELD_OUT_FAMILIES, TRAINING_FAMILIES, load_icons
from clipedu.pairs import icons as module
from clipedu.pairs.icons import clean_name


def test_every_family_has_the_pictures_that_the_plan_counts():
    counts = {key: len(load_icons([key])) for key in FAMILIES}
    assert counts == {
        "openmoji": 1918,
        "mdi": 7447,
        "material": 6862,
        "phosphor": 7488,
        "tabler": 4856,
        "fluent": 4529,
        "remix": 2222,
        "bootstrap": 2008,
        "ionicons": 647,
        "rpg_awesome": 494,
        "eva": 387,
        "typicons": 301,
        "lucide": 1688,
        "font_awesome": 1565,
        "heroicons": 648,
    }
    assert len({(icon.family, icon.file) for icon in load_icons()}) == sum(counts.values())


def test_roles_split_the_families():
    assert set(TRAINING_FAMILIES).isdisjoint(HELD_OUT_FAMILIES)
    assert set(TRAINING_FAMILIES) | set(HELD_OUT_FAMILIES) == set(FAMILIES)
    assert set(HELD_OUT_FAMILIES) == {"lucide", "font_awesome", "heroicons"}


@pytest.mark.parametrize(
    "raw, clean",
    [
        ("arrow-u-up_left", "arrow u up left"),
        ("  a--b ", "a b"),
        ("Star_of_David", "Star of David"),
    ],
)
def test_clean_name(raw, clean):
    assert clean_name(raw) == clean


def test_no_name_keeps_a_separator_or_a_style_suffix():
    icons = load_icons()
    assert not [icon.name for icon in icons if set(icon.name) & set("-_:") or not icon.name]
    bold = [icon for icon in load_icons(["phosphor"]) if icon.style == "bold"]
    assert not [icon.name for icon in bold if icon.name.endswith(" bold")]


def test_phosphor_brings_the_words_people_wrote():
    acorn = next(icon for icon in load_icons(["phosphor"]) if icon.name == "address book")
    assert "contacts" in acorn.tags and "communication" in acorn.categories
    assert not any(tag.startswith("*") for icon in load_icons(["phosphor"]) for tag in icon.tags)


def test_openmoji_has_no_skin_tones_and_keeps_the_emoji():
    icons = load_icons(["openmoji"])
    assert not [icon.file for icon in icons if re.search("1F3F[B-F]", icon.file)]
    assert next(icon.symbol for icon in icons if icon.name == "rose") == "🌹"


def test_svg_of_every_family():
    for key in FAMILIES:
        assert "<svg" in load_icons([key])[0].svg()


def test_no_logo_of_a_firm_and_no_variant_number_in_the_fonts():
    fonts = [key for key, family in FAMILIES.items() if family.package.startswith("tkinter")]
    names = {icon.name for icon in load_icons(fonts)}
    assert not names & {"github", "facebook", "facebook box", "wechat", "social twitter", "openai"}
    assert {"home", "user", "bluetooth", "git branch", "dice 2", "line chart"} <= names
    assert not names & {"home 2", "user 3", "ribbon a"}


def test_tabler_comes_with_the_words_of_its_makers():
    anchors = [icon for icon in load_icons(["tabler"]) if icon.name == "anchor"]
    assert anchors[0].tags == ("hold", "ship", "harbor", "docks")
    assert anchors[0].categories == ("map",) and anchors[0].style == "outlined"
    heart = [icon for icon in load_icons(["tabler"]) if icon.name == "heart"]
    assert {icon.style for icon in heart} == {"outlined", "filled"}
    assert heart[0].tags == heart[1].tags != ()


def test_two_sets_with_one_key_are_refused():
    family = FAMILIES["eva"]
    with pytest.raises(ValueError, match="Eva Icons and Eva Icons have the same key, 'eva'"):
        module.by_key([*FAMILIES.values(), family])


def test_unknown_family_lists_the_families():
    with pytest.raises(ValueError, match="openmoji, mdi"):
        load_icons(["fontawesome"])


@pytest.mark.parametrize(
    "package", ["justmyresource-lucide", "py-phosphor-icons", "tkinter-icons-eva", "emoji"]
)
def test_a_missing_package_names_the_install(monkeypatch, package):
    known = importlib.metadata.distribution

    def distribution(name):
        if name == package:
            raise importlib.metadata.PackageNotFoundError(name)
        return known(name)

    monkeypatch.setattr(importlib.metadata, "distribution", distribution)
    module._family_icons.cache_clear()
    module._archive.cache_clear()
    for read in (module.package_versions, load_icons):
        if (read, package) == (load_icons, "emoji"):
            continue  # its words are read by importing it
        with pytest.raises(ModuleNotFoundError, match=f"pip install {package}`") as caught:
            read()
        assert caught.value.name == package.replace("-", "_")
