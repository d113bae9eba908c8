"""A classifier made of words: the text encoder writes its weights (paper §3.1.2).

They depend on nothing but the text encoder and the prompts, so they are computed once and kept,
keyed by the content of everything that goes in: weights, vocabulary, prompts.
"""

from __future__ import annotations

import hashlib
import json
import warnings
from collections import OrderedDict
from collections.abc import Hashable, Sequence

import torch
import torch.nn.functional as F

from clipedu.evaluation.embedding import embed_texts
from clipedu.evaluation.prompts import prompts_for
from clipedu.models import CLIP
from clipedu.tokenizer import Tokenizer

_CACHE: OrderedDict[Hashable, torch.Tensor] = OrderedDict()
_CACHE_ENTRIES = 16  # 16 classifiers of 10,000 classes x 512 are 330 MB, of 297 x 192 not 4
_PROMPTS_AT_ONCE = 32768  # 10,000 classes x 80 templates would not fit in memory


def zero_shot_classifier(
    model: CLIP,
    tokenizer: Tokenizer,
    class_names: Sequence[str],
    templates: Sequence[str] | str,
    *,
    articles: bool = True,
    progress: bool = False,
) -> torch.Tensor:
    """The weights (C, E) of a classifier, L2-normalized, float32, on the model's device.

    A row for each class: embed every prompt, normalize, mean, normalize. Cosine similarities of
    pictures are `embed_pictures(model, pictures) @ weights.T`.
    A prompt longer than the model's context is cut, as captions are in training, with a warning.
    Warns of classes that are the same tokens: the tokenizer ignores case, or long prompts are cut.
    Raises what `prompts_for` and `embed_texts` raise.
    """
    prompts = prompts_for(class_names, templates, articles=articles)  # C lists of T
    key = _key(model, tokenizer, prompts)
    if key in _CACHE:
        _CACHE.move_to_end(key)
        return _CACHE[key].clone()  # a copy: training on from these weights must not change ours
    rows, classes = [], dict[bytes, list[str]]()
    step = max(1, _PROMPTS_AT_ONCE // len(prompts[0]))
    for start in range(0, len(prompts), step):
        part = prompts[start : start + step]
        flat = [prompt for of_class in part for prompt in of_class]
        tokens = tokenizer(flat, model.config.text.context_length, truncate=True)
        for name, row in zip(class_names[start:], tokens.view(len(part), -1).numpy(), strict=False):
            classes.setdefault(row.tobytes(), []).append(name)
        each = embed_texts(model, tokenizer, flat, progress=progress, truncate=True)
        rows.append(each.unflatten(0, (len(part), -1)).mean(1))  # (c * T, E) -> (c, T, E) -> (c, E)
    for same in (names for names in classes.values() if len(names) > 1):
        shown = " and ".join(repr(name[-40:]) for name in same[:3])
        warnings.warn(f"No prediction tells {shown} apart: they are the same tokens.", stacklevel=2)
    weights = F.normalize(torch.cat(rows), dim=-1)  # (C, E)
    _CACHE[key] = weights.clone()
    while len(_CACHE) > _CACHE_ENTRIES:
        _CACHE.popitem(last=False)
    return weights


def clear_classifier_cache() -> None:
    """Forget every kept classifier."""
    _CACHE.clear()


def _key(model: CLIP, tokenizer: Tokenizer, prompts: list[list[str]]) -> Hashable:
    """Changes with everything that the classifier depends on; not with the image encoder."""
    device = model.logit_scale.device
    # 16-bit arithmetic gives slightly other rows; a notebook may redefine encode_text.
    cast = torch.get_autocast_dtype(device.type) if torch.is_autocast_enabled(device.type) else None
    classes = tuple(type(module) for module in model.modules())
    sha = hashlib.sha256(repr((model.config.text, model.config.activation)).encode())
    sha.update(json.dumps([prompts, tokenizer.to_dict()], sort_keys=True).encode())
    for name, value in sorted(model.state_dict().items()):
        if not name.startswith("visual.") and name != "logit_scale":
            sha.update(f"{name} {tuple(value.shape)} {value.dtype};".encode())
            sha.update(value.detach().cpu().contiguous().flatten().view(torch.uint8).numpy())
    return sha.hexdigest(), classes, str(device), cast
