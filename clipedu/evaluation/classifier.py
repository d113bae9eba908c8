"""A classifier made of words: the text tower writes its weights (paper §3.1.2).

One row for each class: embed every prompt, normalise, mean, normalise. The paper reads the text
tower as a *hypernetwork*, which writes the weights of a linear classifier from a description. They
depend on nothing else, so they are computed once and kept, keyed by the content of everything that
goes in: weights, vocabulary, names, templates.
"""

from __future__ import annotations

import hashlib
import json
from collections import OrderedDict
from collections.abc import Hashable, Sequence
from typing import TYPE_CHECKING

import torch
import torch.nn.functional as F

from clipedu.evaluation.embedding import embed_texts
from clipedu.evaluation.prompts import prompts_for

if TYPE_CHECKING:
    from clipedu.models import CLIP
    from clipedu.tokenizer import Tokenizer

_CACHE: OrderedDict[Hashable, torch.Tensor] = OrderedDict()
_CACHE_ENTRIES = 16  # 16 classifiers of 10,000 classes x 512 are 330 MB, of 297 x 192 not 4
_PROMPTS_AT_ONCE = 32768  # 10,000 classes x 80 templates must not stand in memory all at once


def zero_shot_classifier(
    model: CLIP,
    tokenizer: Tokenizer,
    class_names: Sequence[str],
    templates: Sequence[str] | str,
    *,
    articles: bool = True,
    batch_size: int = 512,
    progress: bool = False,
    use_cache: bool = True,
) -> torch.Tensor:
    """The weights (C, E) of a classifier, L2-normalised, float32, on the model's device.

    Cosine similarities of pictures are `embed_pictures(model, pictures) @ weights.T`.
    A prompt longer than the model's context is cut, as captions are in training, with a warning.
    Raises what `prompts_for` and `embed_texts` raise.
    """
    prompts = prompts_for(class_names, templates, articles=articles)  # C lists of T
    key = _key(model, tokenizer, prompts) if use_cache else None
    if key is not None and key in _CACHE:
        _CACHE.move_to_end(key)
        return _CACHE[key].clone()  # a copy: who trains on from these weights must not change ours
    rows = []
    step = max(1, _PROMPTS_AT_ONCE // len(prompts[0]))
    for start in range(0, len(prompts), step):
        part = prompts[start : start + step]
        flat = [prompt for of_class in part for prompt in of_class]
        each = embed_texts(
            model, tokenizer, flat, batch_size=batch_size, progress=progress, truncate=True
        )
        rows.append(each.unflatten(0, (len(part), -1)).mean(1))  # (c * T, E) -> (c, T, E) -> (c, E)
    weights = F.normalize(torch.cat(rows), dim=-1)  # (C, E)
    if key is not None:
        _CACHE[key] = weights.clone()
        while len(_CACHE) > _CACHE_ENTRIES:
            _CACHE.popitem(last=False)
    return weights


def clear_classifier_cache() -> None:
    """Forget every kept classifier."""
    _CACHE.clear()


def text_fingerprint(model: CLIP) -> str:
    """A hash of the weights that turn words into embeddings; the image tower's do not count."""
    sha = hashlib.sha256(repr((model.config.text, model.config.activation)).encode())
    for name, value in sorted(model.state_dict().items()):
        if name.startswith("visual.") or name == "logit_scale":
            continue
        flat = value.detach().cpu().contiguous().flatten()
        sha.update(f"{name} {tuple(value.shape)} {value.dtype};".encode())
        sha.update(flat.view(torch.uint8).numpy())
    return sha.hexdigest()


def _key(model: CLIP, tokenizer: Tokenizer, prompts: list[list[str]]) -> Hashable:
    vocabulary = hashlib.sha256(json.dumps(tokenizer.to_dict(), sort_keys=True).encode()).digest()
    device = model.logit_scale.device
    # The classes, because a notebook may define encode_text anew and give it the same weights; the
    # autocast dtype, because 16-bit arithmetic gives slightly other rows.
    classes = tuple(type(module) for module in model.modules())
    cast = torch.get_autocast_dtype(device.type) if torch.is_autocast_enabled(device.type) else None
    asked = hashlib.sha256(json.dumps(prompts).encode()).digest()
    return text_fingerprint(model), vocabulary, asked, classes, str(device), cast
