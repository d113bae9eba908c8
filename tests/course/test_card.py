"""The shipped checkpoint: small, loadable, and as good as its card and the README say."""

import importlib.util
import json
from pathlib import Path

import pytest

from clipedu.evaluation import load_task, zero_shot
from clipedu.training import load_pretrained

ROOT = Path(__file__).resolve().parents[2]
ASSETS = ROOT / "clipedu" / "assets"


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


def test_the_file_is_small():
    assert (ASSETS / "laptop.safetensors").stat().st_size <= 8_000_000


@pytest.mark.parametrize("name", ["lucide", "font_awesome", "heroicons"])
def test_the_card_tells_the_truth(card, name):
    model, tokenizer, _ = load_pretrained()
    measured = zero_shot(model, tokenizer, load_task(name))
    # Two machines round a few cosines differently; a picture or two may change sides.
    assert measured.top1 == pytest.approx(card["shipped"]["tasks"][name]["top1"], abs=0.02)


def test_readme_and_model_card_are_written_from_the_card(card, script):
    readme = (ROOT / "README.md").read_text("utf-8")
    assert "\n".join(script.as_results(card)) in readme
    assert (ROOT / "docs" / "MODEL_CARD.md").read_text("utf-8") == script.as_markdown(card)


def test_a_card_that_says_more_is_noticed(card, script):
    card = json.loads(json.dumps(card))
    card["shipped"]["tasks"]["lucide"]["top1"] += 0.1
    readme = (ROOT / "README.md").read_text("utf-8")
    assert "\n".join(script.as_results(card)) not in readme
