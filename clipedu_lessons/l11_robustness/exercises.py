# %% [markdown]
# # Exercises 11 · Robustness
#
# Six exercises on lesson 11, from a sheet of paper to a question of your own; about 70 minutes in all. Each stands alone. A check says what it found and, where it can, which
# misunderstanding fits your answer. Ask for help with `hint("11.1")`; after a pass, compare with `solution("11.1")`.
# The lesson is [notebook 11, Robustness](../notebooks/11_robustness.ipynb).

# %%
import math

import torch
from torch import Tensor

from clipedu_classroom import check, hint, progress, solution

# %% tags=["exercise"]
EXERCISE = dict(
    id="11.1",
    title="Expect, then compare",
    kind="predict",
    points=2,
    minutes=10,
    difficulty="easy",
    goal="Turn accuracies into odds and logits, and tell effective from relative robustness.",
    hints=[
        "90 % right are 9 right answers for each wrong one: odds of 9. The logit is the natural logarithm of the odds.",
        "Subtracting ln 9 from a logit divides the odds by 9. Odds o are the share o / (1 + o).",
        "Effective robustness is the shifted accuracy minus the expected one. Relative robustness compares the shifted accuracies after and before the change.",
    ],
)

# %% [markdown]
# Ordinary models lie on the line logit(shifted) = logit(reference) - ln 9. (ln 9 = 2.197.) A model has 90 % on the reference and 65 % on the shifted set. After fine-tuning it has 95 %
# (odds of 19) and 68 %. Work out on paper, the last four in percent or points with one decimal:
#
# * `logit_90`: the logit of 90 %, two decimals;
# * `expected`: what the line expects of the model before fine-tuning on the shifted set;
# * `effective`: its effective robustness before fine-tuning;
# * `effective_after`: its effective robustness after fine-tuning;
# * `relative`: the relative robustness of the fine-tuning.

# %%
### BEGIN SOLUTION
logit_90 = 2.20
expected = 50.0
effective = 15.0
effective_after = 0.1
relative = 3.0
### END SOLUTION

# %%
check("11.1", logit_90, expected, effective, effective_after, relative)

# %% the logarithm has base 10 tags=["wrong"]
# hint: The logit is the natural logarithm of the odds.
logit_90 = 0.95
expected = 50.0
effective = 15.0
effective_after = 0.1
relative = 3.0

# %% the loss of accuracy is taken for effective robustness tags=["wrong"]
logit_90 = 2.20
expected = 50.0
effective = -25.0
effective_after = -27.0
relative = 3.0

# %% the expectation of the model before is used after fine-tuning, too tags=["wrong"]
logit_90 = 2.20
expected = 50.0
effective = 15.0
effective_after = 18.0
relative = 3.0

# %% relative robustness is taken for the change of effective robustness tags=["wrong"]
logit_90 = 2.20
expected = 50.0
effective = 15.0
effective_after = 0.1
relative = -14.9

# %% tags=["exercise"]
EXERCISE = dict(
    id="11.2",
    title="Effective robustness",
    points=3,
    minutes=12,
    difficulty="medium",
    goal="Write down the whole way: to logits, along the line, back to a share, and the difference.",
    hints=[
        "Three steps: the logit of the reference accuracy; the line; the way back from a logit to a share.",
        "logit p = ln(p / (1 - p)); the way back is the sigmoid, 1 / (1 + exp(-x)). Which of the two accuracies does the line expect?",
        "odds = reference / (1 - reference); expected = torch.sigmoid(...); return shifted minus expected.",
    ],
)

# %% [markdown]
# `slope` and `intercept` are those of a line on logits. `reference` and `shifted` are (M,) tensors of accuracies strictly between 0 and 1, one entry a model. Return the (M,) effective
# robustnesses as shares: 0.12 is 12 points.

# %%
def effective_robustness(slope: float, intercept: float, reference: Tensor, shifted: Tensor) -> Tensor:
    """Line and accuracies (M,), (M,) -> (M,)."""
    ### BEGIN SOLUTION
    ruler = torch.log(reference / (1 - reference))
    expected = torch.sigmoid(slope * ruler + intercept)
    return shifted - expected
    ### END SOLUTION

# %%
check("11.2", effective_robustness)

# %% the difference is left on the logit scale tags=["wrong"]
# hint: 12 points are 0.12, whatever the accuracy. Which scale has points?
def effective_robustness(slope, intercept, reference, shifted):
    return torch.logit(shifted) - (slope * torch.logit(reference) + intercept)

# %% the line is laid through the raw accuracies tags=["wrong"]
# hint: The line lives on logits.
def effective_robustness(slope, intercept, reference, shifted):
    return shifted - (slope * reference + intercept)

# %% the sign is turned round tags=["wrong"]
# hint: A model better than expected has a positive one.
def effective_robustness(slope, intercept, reference, shifted):
    return torch.sigmoid(slope * torch.logit(reference) + intercept) - shifted

# %% the loss of accuracy is taken for effective robustness tags=["wrong"]
# hint: What does the line expect?
def effective_robustness(slope, intercept, reference, shifted):
    return shifted - reference

# %% the logarithm has base 10 tags=["wrong"]
# hint: The line was fitted on natural logarithms.
def effective_robustness(slope, intercept, reference, shifted):
    ruler = torch.log10(reference / (1 - reference))
    return shifted - 1 / (1 + 10 ** -(slope * ruler + intercept))

# %% tags=["exercise"]
EXERCISE = dict(
    id="11.3",
    title="Fit the line",
    points=3,
    minutes=12,
    difficulty="medium",
    goal="Fit on the right scale, in the right direction.",
    hints=[
        "Transform both accuracies first. After that it is an ordinary straight line.",
        "slope = covariance of x and y / variance of x, intercept = mean of y - slope x mean of x, where x and y are logits.",
        "x, y = torch.logit of the two; subtract their means; slope = (dx * dy).sum() / (dx * dx).sum(). Which of the two is expected from the other?",
    ],
)

# %% [markdown]
# `reference` and `shifted` are (M,) tensors of accuracies strictly between 0 and 1 of M models. Return `(slope, intercept)` of the least-squares line that expects the logit of the shifted
# accuracy from the logit of the reference accuracy.

# %%
def fit(reference: Tensor, shifted: Tensor) -> tuple[Tensor, Tensor]:
    """Accuracies (M,), (M,) -> slope (), intercept ()."""
    ### BEGIN SOLUTION
    x, y = torch.logit(reference), torch.logit(shifted)
    away = x - x.mean()
    slope = (away * (y - y.mean())).sum() / away.square().sum()
    return slope, y.mean() - slope * x.mean()
    ### END SOLUTION

# %%
check("11.3", fit)

# %% the reference is expected from the shifted set tags=["wrong"]
# hint: Which accuracy is known, which one is expected?
def fit(reference, shifted):
    x, y = torch.logit(shifted), torch.logit(reference)
    slope = ((x - x.mean()) * (y - y.mean())).sum() / (x - x.mean()).square().sum()
    return slope, y.mean() - slope * x.mean()

# %% the line is laid through the raw accuracies tags=["wrong"]
# hint: Transform both first.
def fit(reference, shifted):
    x, y = reference, shifted
    slope = ((x - x.mean()) * (y - y.mean())).sum() / (x - x.mean()).square().sum()
    return slope, y.mean() - slope * x.mean()

# %% the line is forced through the origin tags=["wrong"]
def fit(reference, shifted):
    x, y = torch.logit(reference), torch.logit(shifted)
    return (x * y).sum() / (x * x).sum(), torch.tensor(0.0)

# %% slope and intercept are given in the other order tags=["wrong"]
def fit(reference, shifted):
    x, y = torch.logit(reference), torch.logit(shifted)
    slope = ((x - x.mean()) * (y - y.mean())).sum() / (x - x.mean()).square().sum()
    return y.mean() - slope * x.mean(), slope

# %% the line goes through the first and the last model only tags=["wrong"]
def fit(reference, shifted):
    x, y = torch.logit(reference), torch.logit(shifted)
    slope = (y[-1] - y[0]) / (x[-1] - x[0])
    return slope, y[0] - slope * x[0]

# %% the correlation is given for the slope tags=["wrong"]
# hint: Divide the covariance by the variance of x.
def fit(reference, shifted):
    x, y = torch.logit(reference), torch.logit(shifted)
    r = torch.corrcoef(torch.stack([x, y]))[0, 1]
    return r, y.mean() - r * x.mean()

# %% the spread of y is divided by that of x, without the correlation tags=["wrong"]
def fit(reference, shifted):
    x, y = torch.logit(reference), torch.logit(shifted)
    slope = y.std() / x.std()
    return slope, y.mean() - slope * x.mean()

# %% the covariance has M - 1 below it and the variance M tags=["wrong"]
# hint: Both need the same divisor, or none. (torch.var divides by M - 1.)
def fit(reference, shifted):
    x, y = torch.logit(reference), torch.logit(shifted)
    slope = torch.cov(torch.stack([x, y]))[0, 1] / x.var(correction=0)
    return slope, y.mean() - slope * x.mean()

# %% tags=["exercise"]
EXERCISE = dict(
    id="11.4",
    title="Only the names that are there",
    points=3,
    minutes=12,
    difficulty="medium",
    goal="Adapt a classifier to the classes of a task, and keep track of what a class number means.",
    hints=[
        "scores[:, own] has K columns. Its column 0 is not class 0, but class own[0].",
        "winner = own[the best column among the K]; it is right when it equals the label.",
        "best = scores[:, own].argmax(dim=1), numbers 0 to K-1; translate with own[best]; compare; mean.",
    ],
)

# %% [markdown]
# A zero-shot classifier knows C classes. `scores` (N, C) are its scores for the N pictures of another family, `labels` (N,) their right classes, numbered 0 to C-1 as in the scores. `own` (K,) lists the classes
# that this family has, in any order; every label is among them. Return the accuracy, a share as a tensor of shape (), when only the family's own classes may be answered.

# %%
def accuracy_with_own_classes(scores: Tensor, labels: Tensor, own: Tensor) -> Tensor:
    """(N, C), (N,), (K,) -> ()."""
    ### BEGIN SOLUTION
    answered = own[scores[:, own].argmax(dim=1)]  # (N,), numbers of all C classes again
    return (answered == labels).to(scores.dtype).mean()
    ### END SOLUTION

# %%
check("11.4", accuracy_with_own_classes)

# %% the numbers of the columns are compared with the labels, untranslated tags=["wrong"]
# hint: Column 0 of scores[:, own] is class own[0].
def accuracy_with_own_classes(scores, labels, own):
    return (scores[:, own].argmax(dim=1) == labels).float().mean()

# %% all classes may still be answered tags=["wrong"]
# hint: A class that the family lacks can only be wrong.
def accuracy_with_own_classes(scores, labels, own):
    return (scores.argmax(dim=1) == labels).float().mean()

# %% pictures whose answer is another family's class are left out tags=["wrong"]
# hint: Every picture counts, and its best class among the own ones is its answer.
def accuracy_with_own_classes(scores, labels, own):
    answers = scores.argmax(dim=1)
    kept = torch.isin(answers, own)
    return (answers[kept] == labels[kept]).float().mean()

# %% the other classes get the score 0, which may still win tags=["wrong"]
# hint: Scores can be negative. What must a masked score be so that it never wins?
def accuracy_with_own_classes(scores, labels, own):
    masked = torch.zeros_like(scores)
    masked[:, own] = scores[:, own]
    return (masked.argmax(dim=1) == labels).float().mean()

# %% the other classes get the score -1, which may still win tags=["wrong"]
def accuracy_with_own_classes(scores, labels, own):
    masked = torch.full_like(scores, -1.0)
    masked[:, own] = scores[:, own]
    return (masked.argmax(dim=1) == labels).to(scores.dtype).mean()

# %% the translation uses the classes in sorted order, the scores do not tags=["wrong"]
# hint: Both must use one order.
def accuracy_with_own_classes(scores, labels, own):
    answers = own.sort().values[scores[:, own].argmax(dim=1)]
    return (answers == labels).to(scores.dtype).mean()

# %% the mean over the classes is returned, not over the pictures tags=["wrong"]
# hint: Each picture counts once.
def accuracy_with_own_classes(scores, labels, own):
    answers = own[scores[:, own].argmax(dim=1)]
    shares = [(answers[labels == k] == k).to(scores.dtype).mean() for k in labels.unique()]
    return torch.stack(shares).mean()

# %% tags=["exercise"]
EXERCISE = dict(
    id="11.5",
    title="Mix two networks",
    points=3,
    minutes=10,
    difficulty="medium",
    goal="Write weight-space interpolation for a whole state dict.",
    hints=[
        "alpha = 0 must give the network before fine-tuning, alpha = 1 the one after.",
        "mixed = (1 - alpha) x before + alpha x after, for every tensor of decimals. What would half of a step counter be?",
        "A dict comprehension over before.items(); tensor.is_floating_point() tells decimals from counters.",
    ],
)

# %% [markdown]
# `before` and `after` map the same names to tensors of the same shapes: two state dicts. Return a new dict with the same names: tensors of decimals mixed with weight `alpha` for `after`, tensors of whole numbers
# (batch norms count their batches) as they are in `before`. Leave both inputs as they are.

# %%
def mix(before: dict[str, Tensor], after: dict[str, Tensor], alpha: float) -> dict[str, Tensor]:
    """Two state dicts and 0 <= alpha <= 1 -> a state dict."""
    ### BEGIN SOLUTION
    mixed = {}
    for name, first in before.items():
        if first.is_floating_point():
            first = (1 - alpha) * first + alpha * after[name]
        mixed[name] = first
    return mixed
    ### END SOLUTION

# %%
check("11.5", mix)

# %% alpha weighs the network before fine-tuning tags=["wrong"]
# hint: What must alpha = 0 give?
def mix(before, after, alpha):
    return {
        name: alpha * t + (1 - alpha) * after[name] if t.is_floating_point() else t
        for name, t in before.items()
    }

# %% the weights before are added whole tags=["wrong"]
# hint: The two shares must sum to 1.
def mix(before, after, alpha):
    return {
        name: t + alpha * after[name] if t.is_floating_point() else t
        for name, t in before.items()
    }

# %% the counters are mixed, too tags=["wrong"]
# hint: Half of a count of batches is no count.
def mix(before, after, alpha):
    return {name: (1 - alpha) * t + alpha * after[name] for name, t in before.items()}

# %% an input is changed in place tags=["wrong"]
def mix(before, after, alpha):
    for name, t in before.items():
        if t.is_floating_point():
            t.mul_(1 - alpha).add_(after[name], alpha=alpha)
    return before

# %% whole numbers are told by their name, not by their dtype tags=["wrong"]
# hint: position_ids holds whole numbers, too. What do tensors know of themselves?
def mix(before, after, alpha):
    return {
        name: first if "num_batches" in name else (1 - alpha) * first + alpha * after[name]
        for name, first in before.items()
    }

# %% the counters are mixed and rounded down tags=["wrong"]
# hint: They are to stay as they are in `before`.
def mix(before, after, alpha):
    return {
        name: ((1 - alpha) * first + alpha * after[name]).to(first.dtype)
        for name, first in before.items()
    }

# %% the counters are left out tags=["wrong"]
# hint: A state dict with a name missing can't be loaded.
def mix(before, after, alpha):
    return {
        name: (1 - alpha) * first + alpha * after[name]
        for name, first in before.items()
        if first.is_floating_point()
    }

# %% tags=["exercise"]
EXERCISE = dict(
    id="11.6",
    title="Does augmentation make a model robust?",
    kind="investigate",
    points=4,
    minutes=15,
    difficulty="hard",
    goal="Judge an intervention by effective robustness, not by accuracy.",
    hints=[
        "Fit the line to the standard models only: the intervention must not help to set the expectation it is judged by.",
        "Eight augmented models, each with its effective robustness: a mean and its spread say more than the best of them.",
        "Compare natural shifts (other families) with rendered ones. Which rendered shift resembles what the augmentation does?",
    ],
)

# %% [markdown]
# The testbed holds models trained with stronger augmentation: pens that grow and shrink, pictures inverted (`kind` is "augmented"), and models that saw a part of the data only ("subset").
#
# Find out whether augmentation gives **effective** robustness: on which shifts, and how sure you are. Hand in a table or figure, and at most ten lines.

# %%
def effective_by_kind(shift: str, kind: str) -> Tensor:
    """The effective robustness of each model of a kind, above the line through the standard ones."""
    from clipedu_lessons.l11_robustness.robustness import fit_line
    from clipedu_lessons.l11_robustness.testbed import load_testbed

    testbed = load_testbed()
    standard, chosen = testbed.where(kind="standard"), testbed.where(kind=kind)
    line = fit_line(standard.numbers("reference"), standard.numbers(shift), n_shifted=300)
    found = chosen.numbers(shift) - line.predict(chosen.numbers("reference"))
    return torch.tensor(found)


for shift in ("lucide", "thin_strokes"):  # your choice of shifts and kinds here
    found = 100 * effective_by_kind(shift, "augmented")
    print(f"{shift}: {found.mean():+.1f} points on average, from {found.min():+.1f} to {found.max():+.1f}")

# %% [markdown] tags=["answer"]
# The line is fitted to the 22 standard models only, so that the augmented ones don't set the expectation that they are judged by. Effective robustness of the eight augmented models, in points (mean, from lowest to highest):
#
# | shift | mean | range |
# |---|---|---|
# | lucide | +10.4 | +1.6 to +17.0 |
# | font_awesome | +6.1 | +0.1 to +15.7 |
# | heroicons | +3.2 | -6.0 to +12.8 |
# | line_only | +23.6 | +7.4 to +36.9 |
# | thin_strokes | +22.2 | +6.2 to +31.2 |
# | noise_3 | -1.7 | -15.3 to +8.7 |
#
# Augmentation gives effective robustness where the shift resembles it: thin strokes and outlines are what the pens do. It carries over to other families in part (all eight models are above the line on Lucide, not on Heroicons), and not to noise, which no pen makes.
# What could make this wrong: four of the standard models were trained without any augmentation and pull the line down on natural shifts; eight models of two widths are few; the shifts share their pictures, so they are not independent.

# %% [markdown] tags=["rubric"]
# * 1 point: the line is fitted to standard models only, and it is said why.
# * 1 point: natural and rendered shifts are both looked at, at least three in all, in points with a spread over the models.
# * 1 point: a conclusion that the table supports, told apart by shift; "more accurate" is not taken for "more robust".
# * 1 point: one honest limit: eight models from two widths; pictures that all models share; a line stretched to where few standard models lie; the choice of shifts after seeing them.
