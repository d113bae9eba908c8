"""Words with two meanings, as the experiment asks for them."""

from __future__ import annotations

from collections.abc import Callable
from types import ModuleType

from clipedu.evaluation import load_task


def test_bare_names_cannot_tell_senses_apart(
    model, tokenizer, benchmark_script: Callable[[str], ModuleType]
) -> None:
    script = benchmark_script("polysemy")
    half, found = script.bare_name_value(model, tokenizer, load_task("senses"))
    assert 0 <= half <= 0.5 and 0 <= found <= 1
