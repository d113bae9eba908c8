"""The file that the solutions make is a CLIP, the library's: by keys, numbers, ids and training.

Each proof is a function of the file's text, and is shown to fail for a mutant of it.
"""

from __future__ import annotations

import ast
import copy
import csv
import dataclasses
import inspect
import json
import os
import re
import subprocess
import sys
from collections.abc import Callable
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import Any
from unittest import mock

import pytest
import torch

from clipedu.models import CLIP, PRESETS, build
from clipedu.objectives import info_nce
from clipedu.pairs import to_model, training_pairs
from clipedu.tokenizer import Tokenizer
from clipedu.tokenizer.tokenizer import row_ids
from clipedu_classroom import my_clip

ROOT = Path(__file__).resolve().parents[2]
LONGEST = 750  # lines, through lesson 13
KNOWN = {"torch", "numpy", "regex"} | set(sys.stdlib_module_names)
SMALL = {
    **{"vision_width": 48, "vision_layers": 1, "vision_heads": 2, "embed_dim": 32},
    **{"text_width": 32, "text_layers": 1, "text_heads": 2},
}


@cache
def complete() -> str:
    return my_clip.complete(ROOT)


@cache
def imported(text: str) -> ModuleType:
    return my_clip.load(text, "my_clip_under_test", "my_clip.py")


@cache
def pairs() -> Any:
    return training_pairs().drawn("sentences")


@cache
def tokenizer() -> Tokenizer:
    return Tokenizer.train(pairs().texts()[::40], 700)


def config_of(module: ModuleType, preset: Any) -> Any:
    """The config of the file's own classes with the fields of the library's."""
    data = dataclasses.asdict(preset)
    data["vision"].pop("kind")
    vision, text = module.ViTConfig(**data.pop("vision")), module.TextConfig(**data.pop("text"))
    return module.CLIPConfig(vision=vision, text=text, **data)


# ------------------------------------------------------------------------------------- proofs


def stands_alone(text: str) -> None:
    """It imports nothing of the course, and is not long."""
    for node in ast.walk(ast.parse(text)):
        names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
        names += [node.module or ""] if isinstance(node, ast.ImportFrom) else []
        assert {name.partition(".")[0] for name in names} <= KNOWN
    assert text.count("\n") <= LONGEST, f"{text.count(chr(10))} lines"
    # B905, zip without strict, is noise in code that is read to learn
    words = ["check", "--quiet", "--ignore", "B905", "--stdin-filename", "my_clip.py", "-"]
    done = subprocess.run([sys.executable, "-m", "ruff", *words], input=text, text=True, cwd=ROOT)
    assert done.returncode == 0


def has_the_keys(text: str) -> None:
    """The state dict of the library, for the course's model and for the paper's ViT-B/32."""
    module = imported(text)
    for preset in ("laptop_vit_stem", "ViT-B/32"):
        with torch.device("meta"):
            mine = module.CLIP(config_of(module, PRESETS[preset])).state_dict()
            library = CLIP(PRESETS[preset]).state_dict()
        assert {k: v.shape for k, v in mine.items()} == {k: v.shape for k, v in library.items()}


def computes_the_same(text: str) -> None:
    """The same embeddings, loss and gradients with the same weights."""
    module = imported(text)
    for preset in ("laptop_vit_stem", "laptop_vit"):
        library = build(preset, seed=0, vocab_size=tokenizer().vocab_size)
        mine = module.CLIP(config_of(module, library.config))
        mine.load_state_dict(library.state_dict())
        pictures, captions = pairs().batch(12, seed=1)
        captions[1] = captions[0]  # equal captions are no wrong answers
        tokens = tokenizer()(captions)
        seen = []
        for model, loss_of in ((library, info_nce), (mine, module.info_nce)):
            model.train()
            image, caption, scale = model(to_model(pictures), tokens)
            loss = loss_of(image, caption, scale, row_ids(tokens))
            loss.backward()
            gradients = {name: p.grad for name, p in model.named_parameters()}
            seen.append({"image": image, "caption": caption, "loss": loss, **gradients})
        for name, value in seen[0].items():
            torch.testing.assert_close(seen[1][name], value, rtol=0, atol=1e-5)


def has_the_ids(text: str) -> None:
    """The merges and the ids of the library on 20,000 captions, and on hard words."""
    module = imported(text)
    texts = pairs().texts()
    mine = module.Tokenizer.train(texts[::40], 700)
    assert mine.merges == tokenizer().merges and mine.vocab_size == tokenizer().vocab_size
    sample = [
        *texts[:: max(1, len(texts) // 20_000)],
        "",
        " é e\u0301 日本 it's 3.14\n\t  x ",
        "a" * 300,
    ]
    for caption in sample:
        assert mine.encode(caption) == tokenizer().encode(caption)
    assert torch.equal(
        mine(texts[:50], 16, truncate=True), tokenizer()(texts[:50], 16, truncate=True)
    )


def trains_the_same(text: str) -> None:
    """The library's loss curve over 50 steps in fp32, on the library's batches.

    Where a CPU is fast at it, the library's Muon orthogonalizes in bfloat16, whose steps of 1/256
    make 2e-3 of loss after 26 steps; so both do it in float64 here.
    """
    from clipedu.device import pick_device
    from clipedu.training import muon
    from clipedu.training.batches import Feeder
    from clipedu.training.recipe import get_recipe
    from clipedu.training.run import Run
    from clipedu.training.step import train_step

    single, either = "matrices.float()", "torch.bfloat16 if fast else torch.float32"
    library = inspect.getsource(muon.orthogonalize)
    assert single in text and either in library
    module = imported(text.replace(single, "matrices.double()"))
    space = dict(vars(muon))
    exec(library.replace(either, "torch.float64"), space)
    changes: dict[str, Any] = {"model": SMALL, "batch_size": 24, "steps": 50, "precision": "fp32"}
    changes["learning_rate"] = 2e-3  # as train_clip takes it where nobody says another
    recipe = dataclasses.replace(get_recipe("lesson"), **changes)
    run = Run(recipe, 0, pick_device("cpu"), tokenizer(), {})
    model = module.CLIP(config_of(module, run.model.config))
    model.load_state_dict(copy.deepcopy(run.model.state_dict()))
    feeder = Feeder(pairs(), tokenizer(), recipe, 0, torch.device("cpu"))
    batches = [feeder(step) for step in range(50)]
    with mock.patch.object(muon, "orthogonalize", space["orthogonalize"]):
        library = [train_step(run, batch).values[0].item() for batch in batches]
    mine = list(module.train_clip(model, batches, steps=50, half=False))
    assert library[-1] < library[0]
    torch.testing.assert_close(torch.tensor(mine), torch.tensor(library), rtol=0, atol=1e-3)


def classifies_the_same(text: str) -> None:
    from clipedu.evaluation import zero_shot_classifier

    module = imported(text)
    library = build("laptop_vit_stem", seed=0, vocab_size=tokenizer().vocab_size)
    mine = module.CLIP(config_of(module, library.config))
    mine.load_state_dict(library.state_dict())
    names, templates = ["red ball", "green tree", "boat"], ["a {}.", "an icon of a {}."]
    torch.testing.assert_close(
        module.zero_shot_classifier(mine, tokenizer(), names, templates),
        zero_shot_classifier(library, tokenizer(), names, templates),
        rtol=0,
        atol=1e-5,
    )


def averages_the_same(text: str) -> None:
    """The prompt ensemble of lesson 06, in all three ways."""
    from clipedu.evaluation import embed_pictures
    from clipedu_lessons.l06_prompts.ensembles import WAYS, prompt_ensemble

    module = imported(text)
    library = build("laptop_vit_stem", seed=0, vocab_size=tokenizer().vocab_size)
    mine = module.CLIP(config_of(module, library.config))
    mine.load_state_dict(library.state_dict())
    image = embed_pictures(library, pairs().batch(6, seed=2)[0])
    names, templates = ["red ball", "green tree", "boat"], ["{}", "a {}.", "an icon of a {}."]
    for way in WAYS:
        torch.testing.assert_close(
            module.prompt_ensemble(mine, tokenizer(), image, names, templates, way),
            prompt_ensemble(library, tokenizer(), image, names, templates, way),
            rtol=0,
            atol=1e-5,
        )


def caches_the_same(text: str) -> None:
    """The gradient of the library's GradCache, with the batch norms of the stem in chunks."""
    from clipedu_lessons.l08_scaling_up.caching import cached_backward

    module = imported(text)
    library = build("laptop_vit_stem", seed=0, vocab_size=tokenizer().vocab_size)
    mine = module.CLIP(config_of(module, library.config))
    mine.load_state_dict(library.state_dict())
    pictures, captions = pairs().batch(12, seed=1)
    captions[1] = captions[0]
    tokens = tokenizer()(captions)
    batch = (to_model(pictures), tokens, row_ids(tokens))
    losses = [f(m.train(), batch, 3) for f, m in
              ((module.cached_backward, mine), (cached_backward, library))]  # fmt: skip
    assert losses[0] == pytest.approx(losses[1], abs=1e-5)
    gradients = dict(library.named_parameters())
    for name, p in mine.named_parameters():
        torch.testing.assert_close(p.grad, gradients[name].grad, rtol=0, atol=1e-5)


def probes_the_same(text: str) -> None:
    """The probe of lesson 10: the library's answers on standardized features, from raw ones."""
    from clipedu.evaluation.probe import fit_probe

    module, g = imported(text), torch.Generator().manual_seed(0)
    labels = torch.arange(90) % 3
    x = torch.randn(3, 5, generator=g)[labels] + torch.randn(90, 5, generator=g)
    x = x * torch.tensor([100.0, 1.0, 0.01, 1.0, 1.0]) + torch.tensor([0.0, 50.0, 0.0, -3.0, 0.0])
    layer = module.linear_probe(x, labels, 2.0)
    library = fit_probe((x - x.mean(0)) / x.std(0), labels, 2.0)
    torch.testing.assert_close(
        layer(x).log_softmax(1).double(),
        library.logits((x - x.mean(0)) / x.std(0)).log_softmax(1),
        rtol=0,
        atol=2e-3,
    )


#: Each proof, and a mutant of the file that it refuses: what is replaced (a pattern), and by what.
PROOFS: dict[Callable[[str], None], list[tuple[str, str]]] = {
    stands_alone: [
        (r"^class MLP", "from clipedu.models.transformer import MLP as M\n\n\nclass MLP"),
        (r"\Z", "\n" * (LONGEST + 1)),
        (r"^import math\n", "import math\nimport cmath\n"),
    ],
    has_the_keys: [(r"\bln_pre\b", "ln_first"), (r"4 \* width", "3 * width")],
    computes_the_same: [
        (r"self\.ln_pre\(x\)", "x"),
        (r"cross_entropy\(logits\.T, ", "cross_entropy(logits, "),
        (r"causal=self\.causal", "causal=False"),
        (r"F\.gelu\(x\)", 'F.gelu(x, approximate="tanh")'),
    ],
    has_the_ids: [(r"min\(pair for pair", "max(pair for pair"), (r'"NFC"', '"NFKC"')],
    trains_the_same: [
        (r"0\.95 \* momentum", "0.5 * momentum"),
        (r"(?m)^.*clip_grad_norm_.*\n", ""),
        (r"weight_decay=0\.2", "weight_decay=0.5"),
    ],
    classifies_the_same: [(r"\.mean\((dim=)?0\)", "[0]")],
    averages_the_same: [
        (r"each\.mean\(0, keepdim=True\)", "each[:1]"),
        (r"logits = logits\.mean\(0, keepdim=True\)", "pass"),
        (r"logit_scale\.exp\(\) \* image", "logit_scale * image"),
    ],
    caches_the_same: [
        (r"image\.grad\.chunk", "image.detach().chunk"),
        (r"model\.logit_scale\.exp\(\), false", "model.logit_scale.exp().detach(), false"),
        (r"scale\.exp\(\), false_negative_ids\)", "scale.exp())"),
    ],
    probes_the_same: [
        (r"layer\.weight /= std", "pass"),
        (r"layer\.bias -= layer\.weight @ mean", "pass"),
        (r"lam / 2 \* layer", "lam * layer"),
        (r'reduction="sum"', 'reduction="mean"'),
    ],
}


@pytest.mark.parametrize("proof", PROOFS, ids=lambda proof: proof.__name__)
def test_the_file_of_the_solutions(proof):
    proof(complete())


MUTANTS = [(proof, *mutant) for proof, mutants in PROOFS.items() for mutant in mutants]


@pytest.mark.parametrize(("proof", "find", "put"), MUTANTS, ids=lambda x: getattr(x, "__name__", x))
def test_a_mutant_is_refused(proof, find, put):
    mutant = re.sub(find, put, complete(), flags=re.MULTILINE)
    assert mutant != complete(), f"nothing in the file is {find!r}: write another mutant"
    with pytest.raises(AssertionError):
        proof(mutant)


# ------------------------------------------------------------------------------------- half written


def test_what_is_not_written_yet_is_the_library_s():
    """With only one part written, or only one missing, the file builds a CLIP."""
    parts = my_clip.course_parts(ROOT)
    header = my_clip.course_header(ROOT)
    pictures, tokens = torch.rand(2, 3, 32, 32), torch.tensor([[1, 5, 9, 0], [1, 9, 0, 0]])
    for odd in [None, *parts]:
        for others in (False, True):
            chosen = {key: (key == odd) ^ others for key in parts}
            texts = [
                dataclasses.replace(part, text=part.solved if chosen[key] else part.text)
                for key, part in parts.items()
            ]
            module = my_clip.load(my_clip.render(header, texts), "half_a_clip", "half.py")
            text = module.TextConfig(10, 4, 16, 2, 1)
            config = module.CLIPConfig(16, module.ViTConfig(32, 8, 16, 1, 2), text)
            image, caption, scale = module.CLIP(config)(pictures, tokens)
            assert module.info_nce(image, caption, scale).isfinite(), odd
            assert module.Tokenizer([(b"a", b"b")]).encode("ab")[-1] == 256


def test_a_new_process_imports_it(tmp_path):
    (tmp_path / "my_clip.py").write_text(complete())
    code = "import sys, my_clip; print([m for m in sys.modules if m.startswith('clipedu')])"
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        env={**os.environ},
    )
    assert done.stdout.strip() == "[]", done.stderr


@pytest.mark.parametrize("lesson", ["01", "02", "03", "04", "06", "08", "10"])
def test_each_solution_went_in_when_its_notebook_ran(lesson):
    """Stored outputs of solutions/, which nbval compares with fresh ones."""
    (path,) = (ROOT / "solutions").glob(f"{lesson}_*.ipynb")
    stored = json.loads(path.read_text("utf-8"))
    texts = [
        "".join(out.get("text", "")) for cell in stored["cells"] for out in cell.get("outputs", ())
    ]
    for key, part in my_clip.course_parts(ROOT).items():
        if key.startswith(lesson):
            said = f"my_clip.py: {' and '.join(part.names)} is now yours (exercise {key})."
            assert said in "\n".join(texts)


def graded(cells: list[dict[str, Any]], exercises: Path, folder: Path) -> dict[str, str]:
    """The grader's row for one student with these cells."""
    (folder / "submissions").mkdir()
    notebook = json.loads(exercises.read_text("utf-8")) | {"cells": cells}
    (folder / "submissions" / "ann.ipynb").write_text(json.dumps(notebook), "utf-8")
    table = folder / "grades.csv"
    command = [sys.executable, "-m", "clipedu", "grade", exercises, folder / "submissions"]
    subprocess.run([*command, "--csv", table], check=True, capture_output=True)
    with table.open(encoding="utf-8") as file:
        (row,) = csv.DictReader(file)
    return row


def cells_of(tree: str, number: str) -> tuple[list[dict[str, Any]], Path]:
    (path,) = (ROOT / tree).glob(f"{number}_*.ipynb")
    return json.loads(path.read_text("utf-8"))["cells"], path


@pytest.mark.parametrize("number", ["01", "02", "04", "06"])
def test_the_grader_gives_the_solutions_full_points(number: str, tmp_path: Path) -> None:
    """Its sandbox has no library: what an answer takes from earlier lessons must be given."""
    row = graded(cells_of("solutions", number)[0], cells_of("exercises", number)[1], tmp_path)
    assert row["points"] == row["max_points"] != "0", row["message"]


def test_a_part_is_graded_without_those_before_it(tmp_path: Path) -> None:
    """The notebook imports them from the library, so its check passes, and so must the grader."""
    cells, exercises = cells_of("exercises", "01")
    solved = {cell["id"]: cell for cell in cells_of("solutions", "01")[0]}
    wanted = {f"01-{number}-solution" for number in (8, 11, 13, 14)}
    row = graded([solved[c["id"]] if c["id"] in wanted else c for c in cells], exercises, tmp_path)
    earned = {key for key in row if key.startswith("01.") and row[key] not in ("", "0", "0.0")}
    assert {key for key in earned if key.count(".") == 1} == {"01.8", "01.11", "01.13", "01.14"}


def test_a_check_that_moved_down_does_not_judge_what_was_given(tmp_path: Path) -> None:
    cells, exercises = cells_of("exercises", "01")
    solved = {cell["id"]: cell for cell in cells_of("solutions", "01")[0]}
    at = {cell["id"]: k for k, cell in enumerate(cells)}
    cells[at["01-11-solution"]]["source"] = "class MultiHeadAttention(nn.Module):\n    pass"
    cells[at["01-13-solution"]] = solved["01-13-solution"]
    cells.append(cells.pop(at["01-11-check"]))
    row = graded(cells, exercises, tmp_path)
    assert row["01.11"] in ("0", "0.0")
