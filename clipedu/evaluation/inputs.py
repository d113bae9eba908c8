"""What pictures, labels and features must be. One sentence says what is wrong and what to do."""

from __future__ import annotations

import torch


def check_finite(x: torch.Tensor, what: str, advice: str, first: int = 0) -> None:
    """Raise ValueError when rows of x (N, ...) hold NaN or infinity. first: the number of row 0."""
    broken = torch.nonzero(~torch.isfinite(x).flatten(1).all(1)).flatten()
    if len(broken):
        raise ValueError(
            f"{len(broken)} of {len(x)} {what} hold NaN or infinity; the first is number "
            f"{first + int(broken[0])}. {advice}"
        )


def check_pictures(pictures: torch.Tensor) -> None:
    """Raise TypeError or ValueError unless `pictures` is (N, 3, R, R) float, 0..1, N >= 1."""
    if not isinstance(pictures, torch.Tensor):
        raise TypeError(f"Pictures are a torch.Tensor; got {type(pictures).__name__}.")
    shape = tuple(pictures.shape)
    if pictures.ndim != 4 or shape[1] != 3 or shape[2] != shape[3]:
        hint = " Bring the channels forward: .permute(0, 3, 1, 2)." if shape[-1:] == (3,) else ""
        if shape[1:2] == (4,):
            hint = " Lay pictures with alpha over white first: clipedu.pairs.clean_picture."
        raise ValueError(f"Pictures are (N, 3, R, R), square; got shape {shape}.{hint}")
    if 0 in shape:
        raise ValueError(f"There are no pictures: shape {shape}.")
    if not pictures.is_floating_point():
        raise TypeError(
            f"Pictures are float with values 0..1; got {pictures.dtype}. "
            "For uint8 RGBA use clipedu.pairs.to_pictures."
        )
    check_finite(pictures, "pictures", "Look at how it was read or resized.")
    low, high = float(pictures.min()), float(pictures.max())
    if low < -1e-3 or high > 1 + 1e-3:
        hint = "divide by 255" if high > 2 and low >= 0 else "give them before normalization"
        raise ValueError(f"Picture values are 0..1; got {low:.3g}..{high:.3g}: {hint}.")


def check_labels(labels: torch.Tensor, n: int, classes: int | None = None) -> None:
    """Raise TypeError or ValueError unless labels are (n,) int64, from 0 (to classes - 1)."""
    if not isinstance(labels, torch.Tensor) or labels.dtype != torch.int64:
        kind = labels.dtype if isinstance(labels, torch.Tensor) else type(labels).__name__
        raise TypeError(
            f"Labels are an int64 tensor; got {kind}. From words: names = sorted(set(words)); "
            "labels = torch.tensor([names.index(w) for w in words])."
        )
    if tuple(labels.shape) != (n,):
        raise ValueError(f"There is one label for each row, ({n},); got {tuple(labels.shape)}.")
    too_large = labels >= classes if classes is not None else labels != labels
    wrong = torch.nonzero((labels < 0) | too_large).flatten()
    if len(wrong):
        first = int(wrong[0])
        expected = "from 0" if classes is None else f"0..{classes - 1} for {classes} classes"
        raise ValueError(
            f"{len(wrong)} label(s) out of range: number {first} is {int(labels[first])}. "
            f"Labels are {expected}. Leave out rows without a label."
        )


def check_features(features: torch.Tensor, labels: torch.Tensor) -> None:
    """Raise TypeError or ValueError unless features are (N, W) float and labels (N,) int64.

    Constant features are allowed: a probe on them predicts the commonest class.
    """
    if not isinstance(features, torch.Tensor) or not features.is_floating_point():
        kind = features.dtype if isinstance(features, torch.Tensor) else type(features).__name__
        raise TypeError(f"Features are a float tensor (N, W); got {kind}.")
    if features.ndim != 2 or 0 in features.shape:
        raise ValueError(f"Features are (N, W), at least one; got shape {tuple(features.shape)}.")
    check_labels(labels, len(features))
    check_finite(features, "rows of features", "Look at the model or the pictures that gave them.")


def check_embeddings(embeddings: torch.Tensor, n: int, width: int) -> None:
    """Raise ValueError unless embeddings of n pictures are (n, width)."""
    if (got := tuple(embeddings.shape)) != (n, width):
        raise ValueError(f"embeddings are ({n}, {width}) for these pictures; got {got}.")
