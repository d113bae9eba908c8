from __future__ import annotations

import pytest

from clipedu.evaluation.prompts import (
    TEMPLATE_SETS,
    article,
    check_class_names,
    check_templates,
    fill,
    prompts_for,
)

AN = ["acorn", "umbrella", "hour", "heir", "svg", "html", "mp3", "8", "11", "18-wheeler", "x-ray"]
AN += ["sd card", "undo", "uninstall", "unimportant", "f", "80", "octopus", "Apple"]
A = ["ball", "unicorn", "usb", "user", "utensils", "euro", "one", "hand", "TV", "u-turn", "7"]
A += ["wifi", "url", "ufo", "yen", "b", "cd", "honeycomb", "110", "universe", "USB"]


@pytest.mark.parametrize(
    ("name", "wanted"), [(n, "an") for n in AN] + [(n, "a") for n in A], ids=AN + A
)
def test_article(name: str, wanted: str) -> None:
    assert article(name) == wanted


def test_fill_agrees_only_with_its_own_article() -> None:
    assert fill("a photo of a {}.", "apple") == "a photo of an apple."
    assert fill("an icon of an {}", "ball") == "an icon of a ball"
    assert fill("A {}, a {} and {}", "egg") == "An egg, an egg and egg"
    assert fill("pizza {}", "oven") == "pizza oven"  # the a of pizza is no article
    assert fill("a photo of a {}.", "apple", articles=False) == "a photo of a apple."


def test_names_are_data_not_templates() -> None:
    assert fill("a {}", "set {} of {x}") == "a set {} of {x}"
    assert fill("the {}", r"\1 slash") == r"the \1 slash"


def test_prompts_for_is_classes_by_templates() -> None:
    assert prompts_for(["cat", "owl"], ["{}", "a {}"]) == [["cat", "a cat"], ["owl", "an owl"]]


def test_every_set_is_sound() -> None:
    for name, forms in TEMPLATE_SETS.items():
        assert check_templates(name) == forms == list(dict.fromkeys(forms))


def test_templates_as_one_string_or_a_set() -> None:
    assert check_templates("a {}") == ["a {}"]
    assert check_templates("photo") == ["a photo of a {}."]
    assert check_templates(("{}", "a {}")) == ["{}", "a {}"]
    check_templates("photo").append("{} spoilt")
    assert TEMPLATE_SETS["photo"] == ["a photo of a {}."]


@pytest.mark.parametrize(
    ("templates", "message"),
    [
        ([], "at least one"),
        (["a photo of a dog"], r"has no \{\}.*'a photo of a dog \{\}'"),
        (["a photo of a {label}."], r"Write \{\} instead of \{label\}"),
        ("fotos", "photo, icon"),
    ],
)
def test_bad_templates(templates: list[str], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        check_templates(templates)


def test_a_callable_is_no_template() -> None:
    with pytest.raises(TypeError, match="function"):
        check_templates([lambda c: f"a {c}"])  # type: ignore[list-item]


@pytest.mark.parametrize(
    ("names", "message"),
    [
        ([], "empty"),
        (["cat", "dog", "cat"], "1 class name.*'cat'.*crane"),
        (["cat", "cat "], "'cat'"),
        (["caf\u00e9", "cafe\u0301"], "1 class name.*'caf\u00e9'"),
        (["cat", "ca\u00adt\u200b"], "1 class name.*'cat'"),
        (["cat", "\u200b"], "Class 1 has a blank name"),
        (["cat", "dog \ud83d"], "Class 1 has .*ud83d"),
        (["cat", " "], "Class 1 has a blank name"),
    ],
)
def test_bad_class_names(names: list[str], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        check_class_names(names)


@pytest.mark.parametrize(("names", "message"), [("cat", r"\['cat'\]"), ([1, 2], "class 0 is 1")])
def test_class_names_of_a_wrong_type(names: object, message: str) -> None:
    with pytest.raises(TypeError, match=message):
        check_class_names(names)  # type: ignore[arg-type]
