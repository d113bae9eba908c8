"""Linear probes: how good are the features? (paper section 3.2 and appendix A.3)

Notable:
- features are read before the projection into the joint space (`CLIP.image_features`)
- the pictures of a task are split once into train, validation and test, class by class and seeded;
  lambda is chosen on validation, the last fit is on train + validation, test is looked at once
- a probe of a family that CLIP never saw trains on that family's labels: that is what a probe is.
  Only zero-shot is zero-shot; a probe measures features
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import torch
import torch.nn.functional as F
from tqdm.auto import tqdm

from clipedu.evaluation.embedding import AT_A_TIME, Preprocess, evaluating
from clipedu.evaluation.lambda_search import LAMBDA_GRID as LAMBDA_GRID  # also found here
from clipedu.evaluation.lambda_search import LambdaSearch as LambdaSearch
from clipedu.evaluation.lambda_search import search_lambda as search_lambda
from clipedu.evaluation.logistic import TOLERANCE, LinearProbe, ProbeSolver, check_features
from clipedu.evaluation.logistic_sklearn import fit_sklearn
from clipedu.evaluation.statistics import clopper_pearson
from clipedu.evaluation.tasks.task import Task, check_pictures
from clipedu.pairs import to_model

if TYPE_CHECKING:
    from clipedu.models import CLIP

SHARES = (0.6, 0.2, 0.2)


@torch.no_grad()
def picture_features(
    model: CLIP,
    pictures: torch.Tensor,
    *,
    projected: bool = False,
    preprocess: Preprocess = to_model,
    batch_size: int = AT_A_TIME,
    progress: bool = False,
) -> torch.Tensor:
    """Pictures (N, 3, R, R) float 0..1 -> features (N, W), float32, on the CPU.

    projected: after the projection instead, (N, E), L2-normalised: the space of zero-shot
    Raises ValueError or TypeError for wrong pictures, a wrong resolution, NaN in the answer.
    """
    check_pictures(pictures)
    if batch_size < 1:
        raise ValueError(f"batch_size is 1 or more; got {batch_size}.")
    side, want = pictures.shape[-1], model.config.vision.resolution
    if side != want:
        raise ValueError(f"The pictures are {side} px wide, and this model sees {want} px.")
    read = model.encode_image if projected else model.image_features
    parts = []
    starts = range(0, len(pictures), batch_size)
    with evaluating(model):
        for start in tqdm(starts, "pictures", delay=2, disable=not progress, leave=False):
            batch = pictures[start : start + batch_size].to(model.logit_scale.device).float()
            parts.append(read(preprocess(batch)).float().cpu())
    features = torch.cat(parts)
    if not torch.isfinite(features).all():
        raise ValueError("The image tower gives NaN or infinity: did its training diverge?")
    return F.normalize(features, dim=-1) if projected else features


@dataclass(frozen=True, eq=False)
class Split:
    """Which pictures are for what: three int64 tensors of positions that do not overlap."""

    train: torch.Tensor
    validation: torch.Tensor
    test: torch.Tensor
    seed: int | None = None

    @property
    def fitted(self) -> torch.Tensor:
        """Train and validation together, what the last fit sees."""
        return torch.cat([self.train, self.validation])


def split_pictures(
    labels: torch.Tensor, *, shares: Sequence[float] = SHARES, seed: int = 0
) -> Split:
    """Split every class by the same shares, at random by `seed`, at least one picture to each part.

    labels: (N,) int64; shares: of train, validation and test, adding up to 1
    Raises ValueError when a class has fewer than three pictures, or the shares are wrong.
    """
    if len(shares) != 3 or min(shares) <= 0 or abs(sum(shares) - 1) > 1e-6:
        raise ValueError(f"shares are three positive numbers that add up to 1; got {shares}.")
    check_features(torch.zeros(len(labels), 1), labels)
    counts = torch.bincount(labels.cpu())
    small = torch.nonzero((counts > 0) & (counts < 3)).flatten()
    if len(small):
        raise ValueError(
            f"{len(small)} of {int((counts > 0).sum())} classes have fewer than three pictures "
            f"(the first is class {int(small[0])}): none would be left to validate or to test. "
            "Choose a task with more pictures for each class; such a one is for zero-shot."
        )
    generator = torch.Generator().manual_seed(seed)
    parts: tuple[list[torch.Tensor], ...] = ([], [], [])
    for label in labels.cpu().unique():
        rows = torch.nonzero(labels.cpu() == label).flatten()
        rows = rows[torch.randperm(len(rows), generator=generator)]
        validation, test = (max(1, round(len(rows) * share)) for share in shares[1:])
        train = len(rows) - validation - test
        if train < 1:
            train, validation, test = len(rows) - 2, 1, 1
        for part, chosen in zip(parts, rows.split([train, validation, test]), strict=True):
            part.append(chosen)
    train_rows, validation_rows, test_rows = (torch.cat(part).sort().values for part in parts)
    return Split(train_rows, validation_rows, test_rows, seed)


@dataclass(frozen=True, eq=False)
class ProbeResult:
    """A probe, and how well it does on the test part. Accuracies are shares of 1.

    interval: 95 % Clopper-Pearson of `accuracy`; mean_per_class: over classes with test pictures
    logits: (n_test, C) float64; labels: (n_test,)
    """

    accuracy: float
    mean_per_class: float
    interval: tuple[float, float]
    search: LambdaSearch
    probe: LinearProbe
    split: Split
    logits: torch.Tensor = field(repr=False)
    labels: torch.Tensor = field(repr=False)

    @property
    def lam(self) -> float:
        return self.probe.lam

    @property
    def n(self) -> int:
        """Pictures in the test part."""
        return len(self.labels)

    def __str__(self) -> str:
        low, high = self.interval
        return (
            f"{self.accuracy:.1%} on {self.n} test pictures ({low:.1%} to {high:.1%}), "
            f"lambda {self.lam:.3g} of {len(self.search.lams)} tried"
        )


def linear_probe(
    features: torch.Tensor,
    labels: torch.Tensor,
    *,
    split: Split | None = None,
    seed: int = 0,
    classes: int | None = None,
    grid: Sequence[float] | None = None,
    search: str = "halving",
    solver: str = "clipedu",
    dtype: torch.dtype = torch.float64,
    tolerance: float = TOLERANCE,
) -> ProbeResult:
    """The paper's protocol from features to a test accuracy.

    features (N, W) float, labels (N,) int64; split: default `split_pictures(labels, seed=seed)`
    Lambda is chosen on validation (a grid of one is taken as it is), the probe is fitted again on
    train + validation, and the test part is looked at once.
    Raises what `split_pictures`, `search_lambda` and `ProbeSolver` raise.
    """
    check_features(features, labels)
    split = split or split_pictures(labels, seed=seed)
    features, labels = features.detach().cpu(), labels.cpu()
    classes = int(labels.max()) + 1 if classes is None else classes
    parts = [(features[rows], labels[rows]) for rows in (split.train, split.validation)]
    options: dict[str, Any] = {"classes": classes, "dtype": dtype, "tolerance": tolerance}
    found = search_lambda(parts[0], parts[1], grid=grid, search=search, solver=solver, **options)
    both = features[split.fitted], labels[split.fitted]
    if solver == "sklearn":
        probe = fit_sklearn(*both, found.best, **options)
    else:
        above = [found.best * 10.0**k for k in (3, 2, 1, 0)]  # from zeros it would stop early
        *_, probe = ProbeSolver(*both, **options).path(above)
    answers = labels[split.test]
    logits = probe.logits(features[split.test])
    right = (logits.argmax(1) == answers).double()
    shown = torch.bincount(answers, minlength=classes)
    per_class = torch.bincount(answers, weights=right, minlength=classes) / shown  # 0 / 0 is NaN
    return ProbeResult(
        accuracy=float(right.mean()),
        mean_per_class=float(per_class.nanmean()),
        interval=clopper_pearson(int(right.sum()), len(answers)),
        search=found,
        probe=probe,
        split=split,
        logits=logits,
        labels=answers,
    )


def probe_task(
    model: CLIP, task: Task, *, seed: int = 0, progress: bool = False, **options: object
) -> ProbeResult:
    """A linear probe on a task's pictures, with the model's features. See `linear_probe`."""
    features = picture_features(model, task.pictures, progress=progress)
    classes = len(task.class_names)
    return linear_probe(features, task.labels, seed=seed, classes=classes, **options)  # type: ignore[arg-type]
