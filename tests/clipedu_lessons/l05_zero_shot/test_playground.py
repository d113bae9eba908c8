"""The prompt playground: what is typed, what is answered, what moves."""

from __future__ import annotations

import pytest
import torch

from clipedu.models import CLIP
from clipedu.tokenizer import Tokenizer
from clipedu_lessons.common.strokes import SAMPLES, draw_strokes
from clipedu_lessons.l05_zero_shot.playground import (
    PromptPlayground,
    ask,
    asked_words,
    split_names,
    split_templates,
)

PICTURES = {name: draw_strokes(SAMPLES[name]) for name in ("star", "house")}


@pytest.fixture
def widget(
    shipped_model: CLIP, shipped_tokenizer: Tokenizer, class_names: list[str]
) -> PromptPlayground:
    return PromptPlayground(shipped_model, shipped_tokenizer, PICTURES, class_names[:4])


def test_names_and_templates_as_people_type_them() -> None:
    assert split_names(" cat,dog \n\n fire engine ,,") == ["cat", "dog", "fire engine"]
    assert split_templates("\n an icon of {}\n{}, outlined \n") == ["an icon of {}", "{}, outlined"]
    assert split_names(" , \n") == split_templates(" \n") == []


def test_the_answer_adds_up_and_names_what_was_read(
    shipped_model: CLIP, shipped_tokenizer: Tokenizer
) -> None:
    asked = ask(
        shipped_model, shipped_tokenizer, PICTURES["star"], "apple, star", "an icon of a {}"
    )
    assert sum(one.probability for one in asked.ranking) == pytest.approx(1)
    assert asked.prompt == "an icon of an apple" and asked.prompt in asked_words(asked)
    more = ask(
        shipped_model, shipped_tokenizer, PICTURES["star"], "apple, star", "{}\na {}\nthe {}"
    )
    assert "and 2 more per class" in asked_words(more)


@pytest.mark.parametrize(
    ("classes", "templates", "words"),
    [
        ("", "{}", "empty"),
        ("cat, dog, cat", "{}", "more than once"),
        ("cat", "", "No templates"),
        ("cat", "a cat", "no {} in it"),
        (",".join(map(str, range(10_000))), "{}", "10,000 classes"),
    ],
)
def test_words_that_make_no_classifier(
    widget: PromptPlayground,
    shipped_model: CLIP,
    shipped_tokenizer: Tokenizer,
    classes: str,
    templates: str,
    words: str,
) -> None:
    with pytest.raises(ValueError, match=words):
        ask(shipped_model, shipped_tokenizer, PICTURES["star"], classes, templates)
    widget.classes.value = classes
    picture = widget.picture.value
    widget.templates.value = templates
    assert 'role="alert"' in widget.words.value
    assert widget.picture.value == picture  # the last good one
    widget.classes.value, widget.templates.value = "cat, dog", "{}"
    assert "Of 2 classes" in widget.words.value


def test_every_control_changes_picture_and_words(widget: PromptPlayground) -> None:
    changes = {"choice": "house", "classes": "cat, dog, tree", "templates": "a key, {}"}
    for name, value in changes.items():
        picture, words = widget.picture.value, widget.words.value
        getattr(widget, name).value = value
        assert widget.picture.value != picture and widget.words.value != words, name


def test_what_moved_is_marked_for_the_same_picture_only(
    widget: PromptPlayground, monkeypatch: pytest.MonkeyPatch
) -> None:
    import clipedu_lessons.l05_zero_shot.playground as playground

    seen: list[object] = []
    original = playground.ranked_figure
    monkeypatch.setattr(
        playground,
        "ranked_figure",
        lambda *given, **more: seen.append(given[2]) or original(*given, **more),
    )
    widget.templates.value = "a drawing of a {}"
    widget.choice.value = "house"
    widget.templates.value = "{}"
    assert [before is not None for before in seen] == [True, False, True]
    assert set(seen[0]) == {"star", "house", "umbrella", "clock"}  # type: ignore[call-overload]


def test_what_is_refused(shipped_model: CLIP, shipped_tokenizer: Tokenizer) -> None:
    with pytest.raises(ValueError, match="at least one picture"):
        PromptPlayground(shipped_model, shipped_tokenizer, {}, ["cat"])
    with pytest.raises(ValueError, match="empty"):
        PromptPlayground(shipped_model, shipped_tokenizer, PICTURES, [])


def test_controls_are_labelled_and_what_is_typed_is_no_code(widget: PromptPlayground) -> None:
    for control in (widget.choice, widget.classes, widget.templates):
        assert control.description and control.tooltip
    assert not widget.classes.continuous_update and not widget.templates.continuous_update
    widget.classes.value = "<script>alert(1)</script>, cat"
    assert "<script>" not in widget.words.value + widget.picture.value
    assert "running notebook" in repr(widget)


def test_pictures_stay_as_they_were(widget: PromptPlayground) -> None:
    before = PICTURES["star"].clone()
    widget.templates.value = "the {}"
    assert torch.equal(PICTURES["star"], before)
