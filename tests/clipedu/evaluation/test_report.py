from __future__ import annotations

import dataclasses
import json
from collections.abc import Iterable
from typing import Any

import pytest
import torch

from clipedu.evaluation import Task, as_dict, as_markdown, as_text, evaluate, zero_shot
from clipedu.models import CLIP
from clipedu.tokenizer import Tokenizer


def test_each_task_is_measured_as_alone(model: CLIP, tokenizer: Tokenizer, task: Task) -> None:
    other = dataclasses.replace(task, name="other", class_names=["a", "b", "c"])
    results = evaluate(model, tokenizer, [other, task, "heroicons"])
    assert list(results) == ["other", "noise", "heroicons"]
    for alone in (task, other):
        expected = as_dict({alone.name: zero_shot(model, tokenizer, alone)})["tasks"]
        assert as_dict(results)["tasks"][alone.name] == expected[alone.name]
    data = json.loads(json.dumps(as_dict(results, device="cpu")))
    assert list(data) == ["device", "tasks"]
    assert data["tasks"]["heroicons"]["classes"] == 90
    assert set(data["tasks"]["noise"]) >= {"classes", "top1", "top5", "interval", "chance"}


def test_templates_for_all(model: CLIP, tokenizer: Tokenizer, task: Task) -> None:
    results = evaluate(model, tokenizer, [task], templates="name")
    assert results["noise"].templates == ["{}"]


@pytest.mark.parametrize("progress", [True, False])
def test_a_bar_for_the_pictures_of_a_task_too(
    model: CLIP, tokenizer: Tokenizer, task: Task, progress: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    bars: dict[str, bool] = {}

    def bar(things: Iterable[Any], name: str, *, disable: bool, **_: Any) -> Iterable[Any]:
        bars[name] = not disable
        return things

    for module in ("report", "embedding"):
        monkeypatch.setattr(f"clipedu.evaluation.{module}.tqdm", bar)
    evaluate(model, tokenizer, [task], progress=progress)
    assert bars == dict.fromkeys(("tasks", "prompts", "pictures"), progress)


def test_tables(model: CLIP, tokenizer: Tokenizer, task: Task) -> None:
    result = dataclasses.replace(
        zero_shot(model, tokenizer, task), top1=0.6601, top5=0.8284, interval=(0.603, 0.7137)
    )
    poor = dataclasses.replace(result, interval=(0.2, 0.4))
    results = {"lucide": result, "digits": poor}
    text = as_text(results).splitlines()
    assert len(text) == 4 and len({len(line) for line in text[1:3]}) == 1
    assert text[1].split() == "lucide 4 12 66.0 % 60.3 to 71.4 82.8 % 25.0 %".split()
    assert text[2].startswith("digits *") and "chance" in text[3]
    markdown = as_markdown(results).splitlines()
    assert [line.count("|") for line in markdown[:4]] == [9, 9, 9, 9]
    assert markdown[2] == "| lucide | 4 | 12 | 66.0 % | 60.3 to 71.4 | 82.8 % | 25.0 % |  |"
    assert markdown[3].startswith("| digits \\* |") and markdown[5].startswith("\\*")
    assert "*" not in as_text({"lucide": result}) + as_markdown({"lucide": result})


def test_pictures_without_a_near_duplicate_are_counted_apart(
    model: CLIP, tokenizer: Tokenizer, task: Task
) -> None:
    right = zero_shot(model, tokenizer, task).predictions[:, 0] == task.labels
    known = torch.arange(len(task)) < 5
    result = zero_shot(model, tokenizer, dataclasses.replace(task, near_duplicate=known))
    assert result.top1_without_duplicates == pytest.approx(right[5:].double().mean().item())
    text = as_text({"icons": result})
    assert f"{100 * result.top1_without_duplicates:.1f} %" in text and "near-duplicate" in text
    assert as_dict({"icons": result})["tasks"]["icons"]["top1_without_duplicates"] is not None


def test_unequal_classes_are_averaged_as_the_paper_does(
    model: CLIP, tokenizer: Tokenizer, task: Task
) -> None:
    result = zero_shot(model, tokenizer, dataclasses.replace(task, metric="mean_per_class"))
    rare = dataclasses.replace(
        result, top1=0.9, interval=(0.8, 0.95), per_class=torch.tensor([1.0, 0.5, 0.0])
    )
    assert rare.value == 0.5 and rare.above_chance == (rare.value_interval[0] > rare.chance)
    row = as_text({"groups": rare}).splitlines()[1]
    assert row.startswith("groups (per class)") and "50.0 %" in row and "90.0 %" not in row
    assert str(rare).startswith(f"{task.name}: 50.0% mean per class (")
    assert max(map(len, str(rare).splitlines())) <= 76
    assert as_dict({"groups": rare})["tasks"]["groups"]["value"] == 0.5


@pytest.mark.parametrize("tasks", [[], "lucide", ["lucid"], ["digits", "digits"]])
def test_bad_tasks(model: CLIP, tokenizer: Tokenizer, tasks: list[str]) -> None:
    with pytest.raises(ValueError, match="at least one of: lucide|The tasks are|twice: digits"):
        evaluate(model, tokenizer, tasks)
