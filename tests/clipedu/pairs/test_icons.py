"""The words: counts as documented, names cleaned, missing packages named."""

import pytest

from clipedu.pairs import FAMILIES, HELD_OUT_FAMILIES, TRAINING_FAMILIES, emoji_name, load_icons
from clipedu.pairs import icons as module
from clipedu.pairs.icons import clean_name


def test_every_family_has_the_pictures_that_the_plan_counts():
    counts = {key: len(load_icons([key])) for key in FAMILIES}
    assert counts == {
        "openmoji": 1918,
        "mdi": 7447,
        "material": 6862,
        "phosphor": 7488,
        "lucide": 1688,
        "font_awesome": 1565,
        "heroicons": 648,
    }
    assert len({icon.key for icon in load_icons()}) == sum(counts.values())


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


def test_openmoji_has_no_skin_tones_and_knows_its_languages():
    icons = load_icons(["openmoji"])
    assert not [icon.file for icon in icons if module.SKIN_TONE.search(icon.file)]
    rose = next(icon for icon in icons if icon.name == "rose")
    assert emoji_name(rose.symbol, "de") == "rose" and emoji_name(rose.symbol, "es") == "rosa"
    assert emoji_name("not an emoji", "de") is None
    with pytest.raises(ValueError, match="en, es, ja"):
        emoji_name(rose.symbol, "klingon")


def test_svg_of_every_family():
    for key in FAMILIES:
        assert "<svg" in load_icons([key])[0].svg()


def test_unknown_family_lists_the_families():
    with pytest.raises(ValueError, match="openmoji, mdi"):
        load_icons(["fontawesome"])


def test_missing_package_names_the_install(monkeypatch):
    monkeypatch.setattr(module.importlib.util, "find_spec", lambda name: None)
    with pytest.raises(ModuleNotFoundError, match="pip install justmyresource-lucide"):
        module.package_folder("lucide")


@pytest.mark.parametrize("package", ["justmyresource-lucide", "py-phosphor-icons", "emoji"])
def test_a_version_that_is_asked_of_a_missing_package_names_the_install(monkeypatch, package):
    known = module.importlib.metadata.version

    def version(name):
        if name == package:
            raise module.importlib.metadata.PackageNotFoundError(name)
        return known(name)

    monkeypatch.setattr(module.importlib.metadata, "version", version)
    with pytest.raises(ModuleNotFoundError, match=f"pip install {package}`") as caught:
        module.package_versions()
    assert caught.value.name == package.replace("-", "_")
