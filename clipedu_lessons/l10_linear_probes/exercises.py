# %% [markdown]
# # Exercises 10 · Linear probes
#
# Five exercises, from counting on paper to an experiment of your own; about 60 minutes in all. Work from top to bottom, or pick: each stands alone.
# A check says what it found and, where it can, which misunderstanding fits your answer. The lesson is [notebook 10, Linear probes](../notebooks/10_linear_probes.ipynb).
#
# `hint("10.2")` shows one more hint each time you run it, `solution("10.2")` opens after you have passed, and `progress()` says where you stand. Nothing leaves this machine.

# %%
import math

import torch
from torch import Tensor
from torch.nn import functional as F

from clipedu_classroom import check, hint, progress, solution

# %% tags=["exercise"]
EXERCISE = dict(
    id="10.1",
    title="The protocol in numbers",
    kind="predict",
    points=2,
    minutes=8,
    difficulty="easy",
    goal="Know what a probe consists of, which pictures each step sees, and how many fits the search costs.",
    hints=[
        "A row of weights and one bias for each class. The last fit sees everything but the test part.",
        "Seven lambdas span the range in steps of two decades; eight steps a decade makes 16 fine steps between neighbours. Halving 16 gives 8, 4, 2, 1: two new fits each time.",
        "fits = 7 + 2 x (number of halvings), plus the last fit on both parts.",
    ],
)

# %% [markdown]
# A tower gives features of width 256. A task has 10 classes and 1,000 pictures, split 60 / 20 / 20 % into train, validation and test. Fill in, without running any code:
#
# * `numbers_learned`: how many numbers a linear probe with a bias learns;
# * `fits_at_most`: how many fits the search by halving needs at most (it starts with seven lambdas, 10⁻⁶ to 10⁶, and ends one step of an eighth of a decade apart; a decade is a factor of ten), **plus** the last fit;
# * `pictures_in_last_fit`: how many pictures the last fit sees;
# * `lambda_is_chosen_on`: `"train"`, `"validation"` or `"test"`.

# %%
### BEGIN SOLUTION
numbers_learned = 2570
fits_at_most = 16
pictures_in_last_fit = 800
lambda_is_chosen_on = "validation"
### END SOLUTION

# %%
check("10.1", numbers_learned, fits_at_most, pictures_in_last_fit, lambda_is_chosen_on)

# %% the biases are forgotten tags=["wrong"]
# hint: What is added to each score?
numbers_learned = 2560
fits_at_most = 16
pictures_in_last_fit = 800
lambda_is_chosen_on = "validation"

# %% the whole grid is fitted tags=["wrong"]
numbers_learned = 2570
fits_at_most = 98
pictures_in_last_fit = 800
lambda_is_chosen_on = "validation"

# %% the last fit leaves validation out tags=["wrong"]
# hint: What are the validation pictures still needed for, once lambda is chosen?
numbers_learned = 2570
fits_at_most = 16
pictures_in_last_fit = 600
lambda_is_chosen_on = "validation"

# %% the last fit sees the test pictures too tags=["wrong"]
# hint: What would the test accuracy then say?
numbers_learned = 2570
fits_at_most = 16
pictures_in_last_fit = 1000
lambda_is_chosen_on = "validation"

# %% lambda is chosen on the test pictures tags=["wrong"]
# hint: How often may the test part be looked at?
numbers_learned = 2570
fits_at_most = 16
pictures_in_last_fit = 800
lambda_is_chosen_on = "test"

# %% the last fit is not counted tags=["wrong"]
# hint: What happens after lambda is chosen?
numbers_learned = 2570
fits_at_most = 15
pictures_in_last_fit = 800
lambda_is_chosen_on = "validation"

# %% tags=["exercise"]
EXERCISE = dict(
    id="10.2",
    title="What a probe minimises",
    points=3,
    minutes=12,
    difficulty="medium",
    goal="Write the objective of a linear probe: which parts are summed, and what the penalty leaves out.",
    hints=[
        "Scores are features times the weights of each class, plus the bias of the class: (N, W) and (C, W) make (N, C).",
        "sum over pictures of the cross-entropy, plus lambda / 2 times the sum of all squared weights. The bias is free.",
        "F.cross_entropy has an argument `reduction`; its default is the mean.",
    ],
)

# %% [markdown]
# `features` (N, W), `labels` (N,) int64, `weights` (C, W), `bias` (C,), and the number `lam`. Return the objective that scikit-learn's `LogisticRegression(C=1 / lam)` and the library minimise, as a tensor of shape ():
# the **sum** over the pictures of the cross-entropy, plus half of `lam` times the sum of the squared weights. Gradients must flow to the weights and the bias. The result must stay finite for features in the thousands.

# %%
def probe_objective(
    features: Tensor, labels: Tensor, weights: Tensor, bias: Tensor, lam: float
) -> Tensor:
    """(N, W), (N,), (C, W), (C,), lambda -> ()."""
    ### BEGIN SOLUTION
    scores = features @ weights.T + bias  # (N, C)
    data = F.cross_entropy(scores, labels, reduction="sum")
    return data + lam / 2 * weights.pow(2).sum()
    ### END SOLUTION

# %%
check("10.2", probe_objective)

# %% the cross-entropy is averaged, not summed tags=["wrong"]
# hint: What happens to the balance of the two parts when there are more pictures?
def probe_objective(features, labels, weights, bias, lam):
    scores = features @ weights.T + bias
    return F.cross_entropy(scores, labels) + lam / 2 * (weights**2).sum()

# %% the bias is penalised as well tags=["wrong"]
# hint: Which of the numbers may grow for free?
def probe_objective(features, labels, weights, bias, lam):
    scores = features @ weights.T + bias
    penalty = (weights**2).sum() + (bias**2).sum()
    return F.cross_entropy(scores, labels, reduction="sum") + lam / 2 * penalty

# %% the half of the penalty is forgotten tags=["wrong"]
# hint: What is the gradient of the penalty to be?
def probe_objective(features, labels, weights, bias, lam):
    scores = features @ weights.T + bias
    return F.cross_entropy(scores, labels, reduction="sum") + lam * (weights**2).sum()

# %% the length of the weights is penalised, not its square tags=["wrong"]
# hint: Try weights twice as large: how should the penalty change?
def probe_objective(features, labels, weights, bias, lam):
    scores = features @ weights.T + bias
    return F.cross_entropy(scores, labels, reduction="sum") + lam / 2 * weights.norm()

# %% the penalty is divided by lambda, as if it were C tags=["wrong"]
# hint: A large lambda should hold the weights small.
def probe_objective(features, labels, weights, bias, lam):
    scores = features @ weights.T + bias
    return F.cross_entropy(scores, labels, reduction="sum") + (weights**2).sum() / (2 * lam)

# %% the bias is left out of the scores tags=["wrong"]
# hint: What does each score start from?
def probe_objective(features, labels, weights, bias, lam):
    scores = features @ weights.T
    return F.cross_entropy(scores, labels, reduction="sum") + lam / 2 * (weights**2).sum()

# %% the softmax runs over the pictures, not over the classes tags=["wrong"]
# hint: What should add up to 1: a row or a column of the scores?
def probe_objective(features, labels, weights, bias, lam):
    scores = features @ weights.T + bias
    own = scores.log_softmax(0).gather(1, labels[:, None])[:, 0]
    return -own.sum() + lam / 2 * (weights * weights).sum()

# %% tags=["exercise"]
EXERCISE = dict(
    id="10.3",
    title="How many examples is zero-shot worth?",
    points=3,
    minutes=12,
    difficulty="medium",
    goal="Interpolate a few-shot curve along the logarithm of the examples (Figure 7).",
    hints=[
        "Find the two neighbouring points between which the curve passes the wanted accuracy. How far along is it, as a share from 0 to 1?",
        "Go the same share of the way from ln(shots on the left) to ln(shots on the right), and take the exponential.",
        "share = (target - left) / (right - left); shots = exp((1 - share) ln s_left + share ln s_right).",
    ],
)

# %% [markdown]
# `shots` is a list of rising numbers above 0, `accuracies` a list of the same length, rising too. `target` lies between the first and the last accuracy, both included. Return the number of examples (a float) at which the curve
# reaches `target`, interpolating linearly between neighbours with the *logarithm* of the shots.

# %%
def examples_worth(shots: list[float], accuracies: list[float], target: float) -> float:
    """Rising shots and accuracies -> the shots at which `target` is reached."""
    ### BEGIN SOLUTION
    neighbours = list(zip(shots, accuracies))
    for (s0, a0), (s1, a1) in zip(neighbours, neighbours[1:]):
        if a0 <= target <= a1:
            share = (target - a0) / (a1 - a0)
            return math.exp((1 - share) * math.log(s0) + share * math.log(s1))
    return float("nan")
    ### END SOLUTION

# %%
check("10.3", examples_worth)

# %% it interpolates along the shots, not along their logarithm tags=["wrong"]
# hint: Halfway between 4 and 16 is 8 here.
def examples_worth(shots, accuracies, target):
    for k in range(1, len(shots)):
        if target <= accuracies[k]:
            share = (target - accuracies[k - 1]) / (accuracies[k] - accuracies[k - 1])
            return shots[k - 1] + share * (shots[k] - shots[k - 1])

# %% it takes the next measured point tags=["wrong"]
# hint: What lies between two points of the curve?
def examples_worth(shots, accuracies, target):
    return float(next(s for s, a in zip(shots, accuracies) if a >= target))

# %% it takes the measured point before tags=["wrong"]
# hint: What lies between two points of the curve?
def examples_worth(shots, accuracies, target):
    return float([s for s, a in zip(shots, accuracies) if a <= target][-1])

# %% it draws one line from the first point to the last tags=["wrong"]
# hint: Between which two neighbours does the target lie?
def examples_worth(shots, accuracies, target):
    share = (target - accuracies[0]) / (accuracies[-1] - accuracies[0])
    return math.exp((1 - share) * math.log(shots[0]) + share * math.log(shots[-1]))

# %% the share is measured from the wrong end tags=["wrong"]
# hint: Try a target just above the point on the left.
def examples_worth(shots, accuracies, target):
    for k in range(1, len(shots)):
        if target <= accuracies[k]:
            share = (accuracies[k] - target) / (accuracies[k] - accuracies[k - 1])
            low, high = math.log(shots[k - 1]), math.log(shots[k])
            return math.exp(low + share * (high - low))

# %% the exponential at the end is forgotten tags=["wrong"]
# hint: Is the answer a number of examples, or its logarithm?
def examples_worth(shots, accuracies, target):
    for k in range(1, len(shots)):
        if target <= accuracies[k]:
            share = (target - accuracies[k - 1]) / (accuracies[k] - accuracies[k - 1])
            low, high = math.log(shots[k - 1]), math.log(shots[k])
            return low + share * (high - low)

# %% it takes the middle between the two neighbours, whatever the target tags=["wrong"]
# hint: How far along is the target, from one neighbour to the other?
def examples_worth(shots, accuracies, target):
    k = next(k for k in range(1, len(shots)) if target <= accuracies[k])
    return math.sqrt(shots[k - 1] * shots[k])

# %% the logarithm is taken of the accuracies, not of the shots tags=["wrong"]
# hint: Which axis of Figure 7 is logarithmic?
def examples_worth(shots, accuracies, target):
    k = next(k for k in range(1, len(shots)) if target <= accuracies[k])
    share = math.log(target / accuracies[k - 1]) / math.log(accuracies[k] / accuracies[k - 1])
    return shots[k - 1] + share * (shots[k] - shots[k - 1])

# %% tags=["exercise"]
EXERCISE = dict(
    id="10.4",
    title="Expected calibration error",
    points=3,
    minutes=15,
    difficulty="hard",
    goal="Sort predictions by confidence and compare what they claim with what they keep.",
    hints=[
        "Bin k of B holds the confidences in (k / B, (k + 1) / B]. What is the mean confidence in a bin, and what share of it is right?",
        "ECE = sum over bins of (predictions in the bin / all predictions) x |accuracy - mean confidence|. An empty bin adds nothing.",
        "Loop over the bins; build a mask; skip it when nothing is inside; weigh the gap by mask.mean().",
    ],
)

# %% [markdown]
# `confidence` (N,) holds the probability of each prediction's class, above 0 and at most 1; `right` (N,) holds 1.0 where the prediction is right and 0.0 where it is wrong. Sort them into `bins` bins of equal width from 0 to 1; a confidence on an edge belongs to the bin
# beneath it. Return the expected calibration error as a tensor of shape () or a float: the mean over all *predictions* of the gap of their bin.

# %%
def calibration_error(confidence: Tensor, right: Tensor, bins: int) -> Tensor:
    """(N,), (N,), number of bins -> ()."""
    ### BEGIN SOLUTION
    total = confidence.new_zeros(())
    for k in range(bins):
        inside = (confidence > k / bins) & (confidence <= (k + 1) / bins)
        if inside.any():
            gap = right[inside].mean() - confidence[inside].mean()
            total = total + inside.to(confidence.dtype).mean() * gap.abs()
    return total
    ### END SOLUTION

# %%
check("10.4", calibration_error)

# %% every bin counts the same, however many predictions it holds tags=["wrong"]
# hint: Should a bin with one prediction weigh as much as one with a hundred?
def calibration_error(confidence, right, bins):
    gaps = []
    for k in range(bins):
        inside = (confidence > k / bins) & (confidence <= (k + 1) / bins)
        if inside.any():
            gaps.append((right[inside].mean() - confidence[inside].mean()).abs())
    return torch.stack(gaps).mean()

# %% there are no bins: mean confidence against accuracy tags=["wrong"]
# hint: Can a model that is overconfident in one bin and underconfident in another hide it?
def calibration_error(confidence, right, bins):
    return (confidence.mean() - right.mean()).abs()

# %% the gaps keep their signs and cancel tags=["wrong"]
# hint: Can a model that is overconfident in one bin and underconfident in another hide it?
def calibration_error(confidence, right, bins):
    total = confidence.new_zeros(())
    for k in range(bins):
        inside = (confidence > k / bins) & (confidence <= (k + 1) / bins)
        if inside.any():
            gap = right[inside].mean() - confidence[inside].mean()
            total = total + inside.to(confidence.dtype).mean() * gap
    return total

# %% the largest gap is returned, not the mean tags=["wrong"]
# hint: That is the maximum calibration error. What is an expected one?
def calibration_error(confidence, right, bins):
    gaps = [confidence.new_zeros(())]
    for k in range(bins):
        inside = (confidence > k / bins) & (confidence <= (k + 1) / bins)
        if inside.any():
            gaps.append((right[inside].mean() - confidence[inside].mean()).abs())
    return torch.stack(gaps).max()

# %% each prediction is compared with its own answer tags=["wrong"]
# hint: A prediction that claims 0.7 is never 0.7 right. What can be?
def calibration_error(confidence, right, bins):
    return (confidence - right).abs().mean()

# %% the middle of the bin is used for its mean confidence tags=["wrong"]
# hint: Are the confidences of a bin spread evenly over it?
def calibration_error(confidence, right, bins):
    total = confidence.new_zeros(())
    for k in range(bins):
        inside = (confidence > k / bins) & (confidence <= (k + 1) / bins)
        if inside.any():
            gap = right[inside].mean() - (k + 0.5) / bins
            total = total + inside.to(confidence.dtype).mean() * gap.abs()
    return total

# %% empty bins count as perfect ones tags=["wrong"]
# hint: What does an empty bin add, and what is the sum divided by?
def calibration_error(confidence, right, bins):
    total = confidence.new_zeros(())
    for k in range(bins):
        inside = (confidence > k / bins) & (confidence <= (k + 1) / bins)
        if inside.any():
            gap = right[inside].mean() - confidence[inside].mean()
            total = total + gap.abs() / bins
    return total

# %% a confidence on an edge goes to the bin above tags=["wrong"]
# hint: With four bins, in which one is 0.5?
def calibration_error(confidence, right, bins):
    place = (confidence * bins).long().clamp(max=bins - 1)
    total = confidence.new_zeros(())
    for k in place.unique():
        inside = place == k
        gap = right[inside].mean() - confidence[inside].mean()
        total = total + inside.to(confidence.dtype).mean() * gap.abs()
    return total

# %% the gaps are squared tags=["wrong"]
# hint: In which unit should the answer be?
def calibration_error(confidence, right, bins):
    total = confidence.new_zeros(())
    for k in range(bins):
        inside = (confidence > k / bins) & (confidence <= (k + 1) / bins)
        if inside.any():
            gap = right[inside].mean() - confidence[inside].mean()
            total = total + inside.to(confidence.dtype).mean() * gap**2
    return total

# %% tags=["exercise"]
EXERCISE = dict(
    id="10.5",
    title="Before or after the projection?",
    kind="investigate",
    points=4,
    minutes=15,
    difficulty="hard",
    goal="Design a fair comparison of two feature spaces and read it with its uncertainty.",
    hints=[
        "Same pictures, same split, same search; only the features differ: picture_features(model, task.pictures) and picture_features(model, task.pictures, projected=True).",
        "One split is one draw. Repeat with several seeds and compare the differences, not the two means.",
        "A difference smaller than the spread over seeds is no difference.",
    ],
)

# %% [markdown]
# The paper probes the vector before the projection. Does it matter for our CLIP? Take two or three tasks of `PROBE_TASKS`, probe both spaces by the protocol with several seeds of the split, and report what you find in at most ten lines. One task should be near to what the captions speak of, and one far from it.
#
# `probe_task_pictures` loads each of them, *names* too. The model comes from `load_pretrained`, as at the beginning of the lesson, and `linear_probe(features, task.labels, split=split_pictures(task.labels, seed=seed))` searches and tests.

# %%
from clipedu_lessons.l10_linear_probes.probe_tasks import PROBE_TASKS, probe_task_pictures

tasks_to_compare = ["names", "counting"]  # change these
tasks = {name: probe_task_pictures(name) for name in tasks_to_compare}
for name, task in tasks.items():
    print(f"{name} ({PROBE_TASKS[name]}): {len(task)} pictures")

# %% [markdown] tags=["answer"]
# For each task and each of five seeds, I split once and ran `linear_probe` on both kinds of features, so that both see the same pictures; I report the mean of the five differences and their spread.
#
# Seed 0 is in the records of lesson 10 already: `load_probe_results()`, columns `probe` (before the projection) and `same_space` (after it). When this was written they held, in percent:
#
# | task | before | after | difference | test pictures |
# |---|---|---|---|---|
# | pens | 57.2 | 50.9 | +6.3 | 159 |
# | counting | 74.0 | 77.1 | -3.1 | 96 |
# | names | 85.7 | 85.7 | 0.0 | 56 |
#
# These are differences of ten, three and no test pictures. I had expected the features before the projection to be ahead on counting, which captions hardly speak of; on this split they are behind. One split settles nothing: I believe a difference if the mean of the five is larger than their spread, and expect none on names, for which the projection was trained.
#
# What could make the conclusion wrong: the widths differ (256 and the joint space's), the projected vectors have length 1 and so ask for other lambdas (both searches cover the whole grid), and small test parts make single differences noisy.

# %% [markdown] tags=["rubric"]
# * 1 point: the same split and the same search for both spaces, and it is said.
# * 1 point: several seeds, and differences of pairs with their spread.
# * 1 point: at least one task near and one far from the captions, with a reason that fits what was found.
# * 1 point: one thing that could make the conclusion wrong.
