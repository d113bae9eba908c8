"""The shipped checkpoint: small, loadable, and as good as its card and the README say."""

import importlib.util
import json
from pathlib import Path

import pytest

from clipedu.evaluation import load_task, zero_shot
from clipedu.training import load_pretrained

ROOT = Path(__file__).resolve().parents[2]
ASSETS = ROOT / "clipedu" / "assets"
LARGEST = 8_000_000  # bytes


@pytest.fixture(scope="module")
def card():
    return json.loads((ASSETS / "laptop.json").read_text("utf-8"))


@pytest.fixture(scope="module")
def script():
    path = ROOT / "benchmarks" / "checkpoint.py"
    spec = importlib.util.spec_from_file_location("checkpoint_script", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def too_large(path):
    """The file's size where it is above the limit, else None."""
    size = path.stat().st_size
    return size if size > LARGEST else None


def untrue(card, name, top1):
    """What the card says of a task, where that is not what was measured; else None."""
    said = card["shipped"]["tasks"][name]["top1"]
    # Two machines round a few cosines differently; a picture or two may change sides.
    return None if top1 == pytest.approx(said, abs=0.02) else said


def test_the_file_is_small():
    assert too_large(ASSETS / "laptop.safetensors") is None


def test_a_large_file_is_noticed(tmp_path):
    file = tmp_path / "laptop.safetensors"
    for size, found in ((LARGEST, None), (LARGEST + 1, LARGEST + 1)):
        with file.open("wb") as opened:
            opened.truncate(size)
        assert too_large(file) == found


@pytest.mark.parametrize("name", ["lucide", "font_awesome", "heroicons"])
def test_the_card_tells_the_truth(card, name):
    model, tokenizer, _ = load_pretrained()
    measured = zero_shot(model, tokenizer, load_task(name))
    assert untrue(card, name, measured.top1) is None


def test_a_worse_model_than_the_card_says_is_noticed(card):
    model, tokenizer, _ = load_pretrained()
    model.text.text_projection.data.neg_()  # the right answer now comes last
    measured = zero_shot(model, tokenizer, load_task("heroicons"))
    assert untrue(card, "heroicons", measured.top1) == card["shipped"]["tasks"]["heroicons"]["top1"]


def test_readme_and_model_card_are_written_from_the_card(card, script):
    readme = (ROOT / "README.md").read_text("utf-8")
    assert "\n".join(script.as_results(card)) in readme
    assert (ROOT / "docs" / "MODEL_CARD.md").read_text("utf-8") == script.as_markdown(card)


def test_a_card_that_says_more_is_noticed(card, script):
    card = json.loads(json.dumps(card))
    card["shipped"]["tasks"]["lucide"]["top1"] += 0.1
    readme = (ROOT / "README.md").read_text("utf-8")
    assert "\n".join(script.as_results(card)) not in readme
