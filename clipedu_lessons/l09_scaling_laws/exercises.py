# %% [markdown]
# # Exercises 09 · Scaling laws
#
# Five exercises on [lesson 09, Scaling laws](../notebooks/09_scaling_laws.ipynb), almost two hours in all. Each stands alone. A check says what it found, and names the mistake if it knows it.
#
# `hint("09.3")` shows one more hint each time you run it, `solution("09.3")` opens after you have passed, `progress()` shows what is done, and `reset("09.3")` starts an exercise again. Nothing leaves this machine.

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
    id="09.6",
    title="Extrapolate with an honest interval",
    points=4,
    minutes=25,
    difficulty="hard",
    goal="Say what a larger run will reach, and how much that depends on single models.",
    hints=[
        "Which rows must go together when one model is left out?",
        "Fit a power law to the rows of all models but one, and read it at the new compute. Do so for each model. The answer comes from the fit of all rows.",
        "slope and means from the logarithms; exp(mean_y + slope * (log(at) - mean_x)). The interval is from the smallest to the largest of the predictions that leave one model out.",
    ],
)

# %% [markdown]
# `compute` and `error` are the runs of a series, and `models` says which model each run is of. Runs of one model differ in their seed, and may differ in their compute. Predict the error at compute `at`, by a power law through all runs (least squares in the logarithms).
#
# For the interval, leave out **one model** at a time, with all its seeds, and predict again. Return `(prediction, low, high)`, where `low` and `high` are the smallest and the largest prediction of these fits. This is the jackknife. It asks how much your promise depends on a single model, without any random numbers.

# %%
def extrapolate(compute: list[float], error: list[float], models: list[str], at: float) -> tuple[float, float, float]:
    """(prediction at `at`, smallest and largest with one model left out)."""
    ### BEGIN SOLUTION
    def predict_from(rows):
        x = [math.log(compute[k]) for k in rows]
        y = [math.log(error[k]) for k in rows]
        middle_x, middle_y = sum(x) / len(x), sum(y) / len(y)
        rise = sum((a - middle_x) * (b - middle_y) for a, b in zip(x, y))
        power = rise / sum((a - middle_x) ** 2 for a in x)
        return math.exp(middle_y + power * (math.log(at) - middle_x))

    every = range(len(compute))
    others = [predict_from([k for k in every if models[k] != left]) for left in set(models)]
    return predict_from(every), min(others), max(others)
    ### END SOLUTION

# %%
check("09.6", extrapolate)

# %% one run is left out at a time, not one model tags=["wrong"]
# hint: Three seeds of one model are not three models.
from clipedu_lessons.l09_scaling_laws.checks.law import extrapolate_with

extrapolate = extrapolate_with(by_row=True)

# %% the errors are not turned into logarithms tags=["wrong"]
# hint: Both sides of a power law need one.
from clipedu_lessons.l09_scaling_laws.checks.law import extrapolate_with

extrapolate = extrapolate_with(logs=False)

# %% the interval is around the errors that were measured tags=["wrong"]
# hint: The interval is of predictions at the new compute.
from clipedu_lessons.l09_scaling_laws.checks.law import extrapolate_with

extrapolate = extrapolate_with(measured=True)

# %% the prediction is the mean of those with one model left out tags=["wrong"]
# hint: What does the fit of all runs say?
from clipedu_lessons.l09_scaling_laws.checks.law import extrapolate_with

extrapolate = extrapolate_with(mean=True)

# %% only the model with the most compute is left out tags=["wrong"]
# hint: Each model is left out once.
from clipedu_lessons.l09_scaling_laws.checks.law import extrapolate_with

extrapolate = extrapolate_with(largest=True)

# %% tags=["exercise"]
EXERCISE = dict(
    id="09.7",
    title="The best size in one formula",
    points=4,
    minutes=25,
    difficulty="hard",
    goal="Find the compute-optimal size and number of pairs from a fitted law.",
    hints=[
        "Put D = compute / (6 M) into the law, so that only M is left. Where is its derivative zero?",
        "The floor falls out. With K = compute / 6 the error is a M^-alpha + b K^-beta M^beta. Set the derivative with respect to M to zero, and collect the powers of M.",
        "alpha a M^-alpha = beta b (M / K)^beta, so M^(alpha + beta) = (alpha a) / (beta b) * K^beta.",
    ],
)

# %% [markdown]
# A law says error = floor + a M^-alpha + b D^-beta, where M is the number of multiply-adds for one pair and D the number of pairs. Training costs 6 M D operations. Return the M and the D with the smallest error for `compute` operations, without trying many sizes.

# %%
def best_split(a: float, alpha: float, b: float, beta: float, compute: float) -> tuple[float, float]:
    """(multiply-adds of a pair, pairs) of the compute-optimal run."""
    ### BEGIN SOLUTION
    product = compute / 6  # of size and pairs
    size = (alpha * a / (beta * b) * product**beta) ** (1 / (alpha + beta))
    return size, product / size
    ### END SOLUTION

# %%
check("09.7", best_split)

# %% the six operations of a multiply-add in training are left out tags=["wrong"]
# hint: What does a multiply-add cost, forward and backward?
def best_split(a, alpha, b, beta, compute):
    size = (alpha * a / (beta * b) * compute**beta) ** (1 / (alpha + beta))
    return size, compute / size

# %% size and pairs cost the same error, not the same change of error tags=["wrong"]
# hint: At the best size it is the derivative that is zero.
def best_split(a, alpha, b, beta, compute):
    size = (a / b * (compute / 6) ** beta) ** (1 / (alpha + beta))
    return size, compute / 6 / size

# %% the exponents of size and pairs are exchanged tags=["wrong"]
# hint: If more pairs help little (a small beta), should the model be larger or smaller?
def best_split(a, alpha, b, beta, compute):
    size = (alpha * a / (beta * b) * (compute / 6) ** alpha) ** (1 / (alpha + beta))
    return size, compute / 6 / size

# %% compute is split in equal parts, whatever the law says tags=["wrong"]
# hint: Where do you use a, b, alpha and beta?
def best_split(a, alpha, b, beta, compute):
    size = math.sqrt(compute / 6)
    return size, size

# %% all operations go into pairs that are twice as many as multiply-adds tags=["wrong"]
# hint: Where do you use a, b, alpha and beta?
def best_split(a, alpha, b, beta, compute):
    size = math.sqrt(compute / 12)
    return size, 2 * size

# %% tags=["exercise"]
EXERCISE = dict(
    id="09.5",
    title="What does your law depend on?",
    kind="investigate",
    points=4,
    minutes=40,
    difficulty="hard",
    goal="Find out how much of a scaling law is in the choices of who draws it.",
    hints=[
        "Change one choice at a time: which runs, or which error.",
        "A run has errors for each icon set, among five names and among all. Compare numbers with their intervals, not two bare numbers.",
    ],
)

# %% [markdown]
# Take the measured grid and change **one** choice: leave one width out, take one of the two icon sets or Lucide, or take the error among all names. Fit the lesson's law, and report in at most ten lines: what you changed, one of the five numbers before and after with its interval, whether the difference means anything, and what a reader of only one of the two tables would believe.

# %%
from clipedu_lessons.l09_scaling_laws.grid import BEGUN, load_grid
from clipedu_lessons.l09_scaling_laws.scaling import fit_surface, interval, redraw

which = "error"  # or "remix", "bootstrap", "lucide", "error_whole"
rows = [{**row, "error": row[which]} for row in load_grid() if row["pairs"] >= BEGUN]
law, fits = fit_surface(rows), [fit_surface(drawn) for drawn in redraw(rows, 100)]
low, high = interval([fit.beta for fit in fits])
print(f"{which}: beta {law.beta:.2f}, 95 % from {low:.2f} to {high:.2f}")

# %% [markdown] tags=["answer"]
# I took Lucide alone in the place of the mean of Remix and Bootstrap, and left the rest as it was.
#
# I compared beta, the exponent of the pairs, of both fits with their intervals, as the cell prints them. The two intervals overlap for the most part, so I do not claim that the two exponents differ. Lucide has 297 pictures where the others have 1,543 together, so chance weighs more. A reader of the Lucide table alone would believe a number that the other table contradicts, and neither would notice.
#
# Neither table can show what other training pairs, another recipe or larger models would give. All runs share one set of pairs.

# %% [markdown] tags=["rubric"]
# * 1 point: one choice changed, all else equal, and it is said which.
# * 1 point: the number before and after, with intervals from the bootstrap over cells and seeds.
# * 1 point: a conclusion that the intervals allow (overlap is said).
# * 1 point: one thing that neither table can show.
