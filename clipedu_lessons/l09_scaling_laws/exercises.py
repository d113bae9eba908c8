# %% [markdown]
# # Exercises 09 · Scaling laws
#
# Five exercises, from counting on paper to an experiment of your own; about 60 minutes in all. Work from top to bottom, or pick: each stands alone.
# A check says what it found and, where it can, which misunderstanding fits your answer. The lesson is [notebook 09, Scaling laws](../notebooks/09_scaling_laws.ipynb).
#
# `hint("09.2")` shows one more hint each time you run it, `solution("09.2")` opens after you have passed, `progress()` says where you stand, and `reset("09.2")` begins an exercise anew. Nothing leaves this machine.

# %%
import math

from clipedu_classroom import check, give_up, hint, progress, reset, solution

# %% tags=["exercise"]
EXERCISE = dict(
    id="09.1",
    title="Compute on paper",
    kind="predict",
    points=2,
    minutes=8,
    difficulty="easy",
    goal="Count multiply-adds and training FLOPs, and read a slope.",
    hints=[
        "A product of (m, k) with (k, n) makes m x n sums of k products each.",
        "Training: two operations for each multiply-add forward, and twice as many backward.",
        "Ten times the compute multiplies the error by 10 to the slope. A hundred times is ten times, twice.",
    ],
)

# %% [markdown]
# Fill in, without running any code:
#
# * `layer`: the multiply-adds of a layer that turns 64 numbers into 256, for 50 tokens;
# * `training`: the floating-point operations of training on 1,000 pairs, with a model of 2,000,000 multiply-adds a pair (both towers together);
# * `ten_times`: the slope of a power law is -0.301, which is -log10(2). What does ten times the compute multiply the error by?
# * `hundred_times`: and a hundred times?

# %%
### BEGIN SOLUTION
layer = 819_200
training = 12_000_000_000
ten_times = 0.5
hundred_times = 0.25
### END SOLUTION

# %%
check("09.1", (layer, training, ten_times, hundred_times))

# %% the two operations of a multiply-add are both counted tags=["wrong"]
layer = 1_638_400
training = 12_000_000_000
ten_times = 0.5
hundred_times = 0.25

# %% the backward pass is left out tags=["wrong"]
layer = 819_200
training = 4_000_000_000
ten_times = 0.5
hundred_times = 0.25

# %% a hundred times the compute is taken to buy twice what ten times buys tags=["wrong"]
layer = 819_200
training = 12_000_000_000
ten_times = 0.5
hundred_times = 0.0

# %% tags=["exercise"]
EXERCISE = dict(
    id="09.2",
    title="What a transformer block computes",
    points=3,
    minutes=12,
    difficulty="medium",
    goal="Count a block by hand, and see when attention outgrows the rest.",
    hints=[
        "Go through the block in order: queries, keys and values; scores; the sum that they weigh; the output matrix; the MLP in and out.",
        "A matrix of (W, k) on T tokens costs T x W x k. The scores of all heads together: T x T x W, and so does the sum.",
        "attention = T*W*3W + 2*T*T*W + T*W*W; mlp = T*W*(widen*W) twice.",
    ],
)

# %% [markdown]
# Return the multiply-adds of one residual attention block for `tokens` tokens of `width` numbers, with an MLP that is `widen` times as wide inside. Layer norms, activations, softmax and additions
# count as nothing. All places attend to all places.
#
# For 17 tokens of 32 numbers and `widen=4` the lesson's count gives 227,392.

# %%
def block_multiply_adds(tokens: int, width: int, widen: int) -> int:
    """Multiply-adds of one block: attention and MLP."""
    ### BEGIN SOLUTION
    projections = tokens * width * 3 * width + tokens * width * width
    mixing = 2 * tokens * tokens * width
    mlp = 2 * tokens * width * widen * width
    return projections + mixing + mlp
    ### END SOLUTION

# %%
check("09.2", block_multiply_adds)

# %% the scores and the sum that they weigh are left out tags=["wrong"]
# hint: What does attention do that has no weights of its own?
def block_multiply_adds(tokens, width, widen):
    return tokens * width**2 * (4 + 2 * widen)

# %% the output matrix of attention is left out tags=["wrong"]
# hint: After the heads are put together, one more matrix follows.
def block_multiply_adds(tokens, width, widen):
    return tokens * width**2 * (3 + 2 * widen) + 2 * tokens**2 * width

# %% only one of the two matrices of the MLP is counted tags=["wrong"]
# hint: The MLP widens, and then?
def block_multiply_adds(tokens, width, widen):
    return tokens * width**2 * (4 + widen) + 2 * tokens**2 * width

# %% the scores are counted, the sum that they weigh is not tags=["wrong"]
# hint: What are the scores used for?
def block_multiply_adds(tokens, width, widen):
    return tokens * width**2 * (4 + 2 * widen) + tokens**2 * width

# %% tags=["exercise"]
EXERCISE = dict(
    id="09.3",
    title="Fit a power law",
    points=3,
    minutes=12,
    difficulty="medium",
    goal="Fit in logarithms, and turn a slope into what compute buys.",
    hints=[
        "A power law is a straight line between two logarithms. Which two?",
        "slope = sum((x - mean x)(y - mean y)) / sum((x - mean x)^2), with x and y the logarithms.",
        "`times` times the compute multiplies the error by times ** slope.",
    ],
)

# %% [markdown]
# Return two numbers: the slope of the power law through the points (least squares in the logarithms), and what `times` times the compute multiplies the error by, on that line.

# %%
def power_law(compute: list[float], error: list[float], times: float) -> tuple[float, float]:
    """(slope, factor) of error = c * compute ** slope."""
    ### BEGIN SOLUTION
    x = [math.log(c) for c in compute]
    y = [math.log(e) for e in error]
    mean_x, mean_y = sum(x) / len(x), sum(y) / len(y)
    top = sum((a - mean_x) * (b - mean_y) for a, b in zip(x, y))
    slope = top / sum((a - mean_x) ** 2 for a in x)
    return slope, times**slope
    ### END SOLUTION

# %%
check("09.3", power_law)

# %% the errors are not turned into logarithms tags=["wrong"]
# hint: Both sides of error = c * compute ** slope need one.
def power_law(compute, error, times):
    x = [math.log(c) for c in compute]
    mean_x, mean_y = sum(x) / len(x), sum(error) / len(error)
    slope = sum((a - mean_x) * (b - mean_y) for a, b in zip(x, error)) / sum((a - mean_x) ** 2 for a in x)
    return slope, times**slope

# %% only the first and the last point are used tags=["wrong"]
# hint: Least squares asks all points.
def power_law(compute, error, times):
    slope = math.log(error[-1] / error[0]) / math.log(compute[-1] / compute[0])
    return slope, times**slope

# %% the factor is 10 to the slope whatever `times` is tags=["wrong"]
# hint: Where do you use the third argument?
def power_law(compute, error, times):
    x = [math.log10(c) for c in compute]
    y = [math.log10(e) for e in error]
    mean_x, mean_y = sum(x) / len(x), sum(y) / len(y)
    slope = sum((a - mean_x) * (b - mean_y) for a, b in zip(x, y)) / sum((a - mean_x) ** 2 for a in x)
    return slope, 10**slope

# %% only the smallest and the largest model are used tags=["wrong"]
# hint: Least squares asks all points.
def power_law(compute, error, times):
    (c0, e0), (c1, e1) = min(zip(compute, error)), max(zip(compute, error))
    slope = math.log(e1 / e0) / math.log(c1 / c0)
    return slope, times**slope

# %% the line is forced through the origin tags=["wrong"]
# hint: Take the means away first.
def power_law(compute, error, times):
    x, y = [math.log(c) for c in compute], [math.log(e) for e in error]
    slope = sum(a * b for a, b in zip(x, y)) / sum(a * a for a in x)
    return slope, times**slope

# %% the correlation is returned for the slope tags=["wrong"]
# hint: Divide by the spread of compute alone.
def power_law(compute, error, times):
    x, y = [math.log(c) for c in compute], [math.log(e) for e in error]
    dx, dy = [a - sum(x) / len(x) for a in x], [b - sum(y) / len(y) for b in y]
    r = sum(a * b for a, b in zip(dx, dy)) / math.sqrt(sum(a * a for a in dx) * sum(b * b for b in dy))
    return r, times**r

# %% tags=["exercise"]
EXERCISE = dict(
    id="09.4",
    title="Predict what was kept out",
    points=4,
    minutes=12,
    difficulty="hard",
    goal="Test a line on a point that it has not seen.",
    hints=[
        "Which point is the largest? The list need not be sorted.",
        "Leave out the point with the most compute, fit the others in logarithms, and go along the line to its compute.",
        "exp(mean_y + slope * (log(largest) - mean_x)), where the means are those of the points that were fitted.",
    ],
)

# %% [markdown]
# Leave out the point with the most compute, fit a power law to the others, and return the error that the law predicts for the one left out. The points come in any order, and no two have the same compute.

# %%
def predict_largest(compute: list[float], error: list[float]) -> float:
    """The error on the line of the smaller models, at the compute of the largest."""
    ### BEGIN SOLUTION
    largest = max(range(len(compute)), key=lambda k: compute[k])
    rest = [k for k in range(len(compute)) if k != largest]
    x = [math.log(compute[k]) for k in rest]
    y = [math.log(error[k]) for k in rest]
    mean_x, mean_y = sum(x) / len(x), sum(y) / len(y)
    top = sum((a - mean_x) * (b - mean_y) for a, b in zip(x, y))
    slope = top / sum((a - mean_x) ** 2 for a in x)
    return math.exp(mean_y + slope * (math.log(compute[largest]) - mean_x))
    ### END SOLUTION

# %%
check("09.4", predict_largest)

# %% the largest model is in the fit that predicts it tags=["wrong"]
# hint: What may the line not have seen?
def predict_largest(compute, error):
    x, y = [math.log(c) for c in compute], [math.log(e) for e in error]
    mean_x, mean_y = sum(x) / len(x), sum(y) / len(y)
    slope = sum((a - mean_x) * (b - mean_y) for a, b in zip(x, y)) / sum((a - mean_x) ** 2 for a in x)
    return math.exp(mean_y + slope * (max(x) - mean_x))

# %% the last point of the list is left out, not the largest tags=["wrong"]
# hint: The points come in any order.
def predict_largest(compute, error):
    x, y = [math.log(c) for c in compute[:-1]], [math.log(e) for e in error[:-1]]
    mean_x, mean_y = sum(x) / len(x), sum(y) / len(y)
    slope = sum((a - mean_x) * (b - mean_y) for a, b in zip(x, y)) / sum((a - mean_x) ** 2 for a in x)
    return math.exp(mean_y + slope * (math.log(compute[-1]) - mean_x))

# %% the logarithm of the error is returned tags=["wrong"]
# hint: Undo the logarithm at the end.
def predict_largest(compute, error):
    points = sorted(zip(compute, error))
    x, y = [math.log(c) for c, _ in points[:-1]], [math.log(e) for _, e in points[:-1]]
    mean_x, mean_y = sum(x) / len(x), sum(y) / len(y)
    slope = sum((a - mean_x) * (b - mean_y) for a, b in zip(x, y)) / sum((a - mean_x) ** 2 for a in x)
    return mean_y + slope * (math.log(points[-1][0]) - mean_x)

# %% the line goes through the two next largest models only tags=["wrong"]
# hint: Fit all that are left.
def predict_largest(compute, error):
    (c0, e0), (c1, e1), (largest, _) = sorted(zip(compute, error))[-3:]
    slope = math.log(e1 / e0) / math.log(c1 / c0)
    return e1 * (largest / c1) ** slope

# %% the slope is of the smaller models, the means are of all tags=["wrong"]
# hint: The line goes through the mean of the points that were fitted.
def predict_largest(compute, error):
    points = sorted((math.log(c), math.log(e)) for c, e in zip(compute, error))
    x, y = zip(*points[:-1])
    mean_x, mean_y = sum(x) / len(x), sum(y) / len(y)
    top = sum((a - mean_x) * (b - mean_y) for a, b in points[:-1])
    slope = top / sum((a - mean_x) ** 2 for a in x)
    all_x, all_y = zip(*points)
    return math.exp(sum(all_y) / len(all_y) + slope * (all_x[-1] - sum(all_x) / len(all_x)))

# %% tags=["exercise"]
EXERCISE = dict(
    id="09.5",
    title="What does your slope depend on?",
    kind="investigate",
    points=4,
    minutes=15,
    difficulty="hard",
    goal="Find out how much of a scaling law is in the choices of who draws it.",
    hints=[
        "Change one choice at a time: which runs, which error, which compute.",
        "A run has errors for each family and for validation, and seconds as well as FLOPs. Compare slopes with their intervals, not two bare numbers.",
    ],
)

# %% [markdown]
# Take the measured series and change **one** choice: leave one model out, take one family of networks, take the error on one held-out family or on the validation pictures, or count seconds instead of FLOPs. Report in at
# most ten lines: what you changed, both slopes with their intervals, whether the difference means anything, and what a reader of only one of the two figures would believe.
#
# The cell below fits ResNets and ViTs together. The lesson's line is that of the ResNets alone, so its slope is another one.

# %%
from clipedu_lessons.l09_scaling_laws.scaling import bootstrap_band
from clipedu_lessons.l09_scaling_laws.scaling import fit_power_law, load_series

runs = load_series()
which = "error"  # or "validation", "lucide", "font_awesome", "heroicons"
flops = [run.flops for run in runs]  # or run.seconds
errors = [run.errors[which] for run in runs]
models = [run.model for run in runs]
slope = fit_power_law(flops, errors).slope
low, high = bootstrap_band(flops, errors, models=models).slope_interval()
print(f"{which}: slope {slope:.3f}, 95 % from {low:.3f} to {high:.3f}")

# %% [markdown] tags=["answer"]
# I took Heroicons alone in the place of the mean of three families, and left the rest as it was: all runs, ResNets and ViTs together, over FLOPs.
#
# * mean: slope -0.040 (-0.068 to -0.009)
# * Heroicons: slope -0.066 (-0.117 to -0.009)
#
# Its slope is steeper and its interval wider: it has 90 classes, so its errors start lower, farther from the ceiling of 100 %, and it has few pictures, so chance weighs more. The interval of the mean lies inside that of Heroicons, so I do not claim that the two differ.
# But a figure of Heroicons alone would let a reader believe that ten times the compute multiplies the error by 0.86, one of the mean by 0.91. All runs share one set of training pairs, and nothing here says what another set would give.

# %% [markdown] tags=["rubric"]
# * 1 point: one choice changed, all else equal, and it is said which.
# * 1 point: both slopes with their intervals, from the bootstrap over models.
# * 1 point: a conclusion that the intervals allow (overlap is said).
# * 1 point: one thing that neither figure can show.
