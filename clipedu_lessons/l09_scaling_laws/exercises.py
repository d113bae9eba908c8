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
    # The wrong variants use these names.
    # ruff: noqa: F821
    personal={
        "tokens": [50, 17, 26, 37, 65, 82],
        "inputs": [64, 48, 80, 96, 128],
        "outputs": [256, 192, 320, 384, 512],
        "pairs": [1000, 500, 3000, 4000, 5000],
        "products": [2_000_000, 3_000_000, 4_000_000, 6_000_000, 7_000_000],
    },
)

# %% [markdown]
# Fill in, without running any code:
#
# * `layer`: the multiply-adds of a layer that turns {=inputs} numbers into {=outputs}, for {=tokens} tokens;
# * `training`: the floating-point operations of training on {=pairs} pairs, with a model of {=products} multiply-adds a pair (both towers together);
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
layer = 2 * tokens * inputs * outputs
training = 6 * pairs * products
ten_times = 0.5
hundred_times = 0.25

# %% the backward pass is left out tags=["wrong"]
layer = tokens * inputs * outputs
training = 2 * pairs * products
ten_times = 0.5
hundred_times = 0.25

# %% a hundred times the compute is taken to buy twice what ten times buys tags=["wrong"]
layer = tokens * inputs * outputs
training = 6 * pairs * products
ten_times = 0.5
hundred_times = 0.0

# %% the biases of the layer are counted, too tags=["wrong"]
# hint: A bias is added, not multiplied.
layer = tokens * (inputs + 1) * outputs
training = 6 * pairs * products
ten_times = 0.5
hundred_times = 0.25

# %% the number of pairs is left out tags=["wrong"]
# hint: The model sees all the pairs.
layer = tokens * inputs * outputs
training = 6 * products
ten_times = 0.5
hundred_times = 0.25

# %% the two towers are counted twice tags=["wrong"]
# hint: The multiply-adds of a pair are those of both towers already.
layer = tokens * inputs * outputs
training = 12 * pairs * products
ten_times = 0.5
hundred_times = 0.25

# %% a hundred times is given the factor of ten times tags=["wrong"]
# hint: A hundred times is ten times, twice.
layer = tokens * inputs * outputs
training = 6 * pairs * products
ten_times = 0.5
hundred_times = 0.5

# %% e is raised to the slope, not ten tags=["wrong"]
# hint: The slope is one between logarithms: ten times is 10 to the slope.
layer = tokens * inputs * outputs
training = 6 * pairs * products
ten_times = 0.74
hundred_times = 0.55

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

# %% the slope is returned without its sign tags=["wrong"]
# hint: More compute: does the error rise? The factor is right already.
def power_law(compute, error, times):
    from clipedu_lessons.l09_scaling_laws.checks.law import slope_of

    slope = slope_of(compute, error)
    return -slope, times**slope

# %% the factor is that of `times` times less compute tags=["wrong"]
# hint: More compute: is the error multiplied by more or by less than 1?
def power_law(compute, error, times):
    from clipedu_lessons.l09_scaling_laws.checks.law import slope_of

    slope = slope_of(compute, error)
    return slope, times**-slope

# %% e to the slope is multiplied by `times` tags=["wrong"]
# hint: Which power of `times` is it?
def power_law(compute, error, times):
    from clipedu_lessons.l09_scaling_laws.checks.law import slope_of

    slope = slope_of(compute, error)
    return slope, math.exp(slope) * times

# %% e to the slope times `times` is taken tags=["wrong"]
# hint: The slope belongs to logarithms: what is the logarithm of `times` times the compute?
def power_law(compute, error, times):
    from clipedu_lessons.l09_scaling_laws.checks.law import slope_of

    slope = slope_of(compute, error)
    return slope, math.exp(slope * times)

# %% the constant of the law is returned for the factor tags=["wrong"]
# hint: The constant c falls out: the factor is a ratio of two errors.
def power_law(compute, error, times):
    from clipedu_lessons.l09_scaling_laws.checks.law import line_of, logs_of

    slope, x, y = line_of(logs_of(compute), logs_of(error))
    return slope, math.exp(y - slope * x)

# %% the error at a compute of `times` is returned for the factor tags=["wrong"]
# hint: The factor is a ratio of two errors, whatever the compute is.
def power_law(compute, error, times):
    from clipedu_lessons.l09_scaling_laws.checks.law import line_of, logs_of

    slope, x, y = line_of(logs_of(compute), logs_of(error))
    return slope, math.exp(y + slope * (math.log(times) - x))

# %% the factor is multiplied with a measured error tags=["wrong"]
# hint: By what is the error multiplied? The answer is the factor alone.
def power_law(compute, error, times):
    from clipedu_lessons.l09_scaling_laws.checks.law import slope_of

    slope = slope_of(compute, error)
    return slope, error[-1] * times**slope

# %% the slopes between neighboring points are averaged tags=["wrong"]
# hint: The line of least squares is not the mean of the pieces.
def power_law(compute, error, times):
    x, y = [[math.log(value) for value in values] for values in (compute, error)]
    pieces = [(y[k + 1] - y[k]) / (x[k + 1] - x[k]) for k in range(len(x) - 1)]
    slope = sum(pieces) / len(pieces)
    return slope, times**slope

# %% the two logarithms have different bases tags=["wrong"]
# hint: The slope is a ratio of two logarithms of the same base.
def power_law(compute, error, times):
    from clipedu_lessons.l09_scaling_laws.checks.law import slope_of

    slope = slope_of(compute, error) / math.log(10)
    return slope, times**slope

# %% one sum is divided by N and the other by N - 1 tags=["wrong"]
# hint: The same number divides both, so it falls out.
def power_law(compute, error, times):
    from clipedu_lessons.l09_scaling_laws.checks.law import slope_of

    slope = slope_of(compute, error) * (len(compute) - 1) / len(compute)
    return slope, times**slope

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

# %% the runs of a model are averaged before the fit tags=["wrong"]
# hint: A power law through all runs: each run is a point.
from clipedu_lessons.l09_scaling_laws.checks.law import extrapolate_with

extrapolate = extrapolate_with(pooled=True)

# %% nothing is turned into logarithms tags=["wrong"]
# hint: A power law is straight between logarithms.
from clipedu_lessons.l09_scaling_laws.checks.law import extrapolate_with

extrapolate = extrapolate_with(logs=False, straight=True)

# %% the logarithm of the error is predicted tags=["wrong"]
# hint: Undo the logarithm at the end.
def extrapolate(compute, error, models, at):
    from clipedu_lessons.l09_scaling_laws.checks.law import extrapolate_with

    return tuple(math.log(value) for value in extrapolate_with()(compute, error, models, at))

# %% logarithms of base 10 are undone with e tags=["wrong"]
# hint: Which function undoes your logarithm?
def extrapolate(compute, error, models, at):
    from clipedu_lessons.l09_scaling_laws.checks.law import extrapolate_with

    found = extrapolate_with()(compute, error, models, at)
    return tuple(math.exp(math.log10(value)) for value in found)

# %% the largest prediction comes before the smallest tags=["wrong"]
# hint: Return (prediction, low, high).
def extrapolate(compute, error, models, at):
    from clipedu_lessons.l09_scaling_laws.checks.law import extrapolate_with

    middle, low, high = extrapolate_with()(compute, error, models, at)
    return middle, high, low

# %% the interval says how far the predictions are off, not where they are tags=["wrong"]
# hint: The ends `low` and `high` are predictions themselves.
def extrapolate(compute, error, models, at):
    from clipedu_lessons.l09_scaling_laws.checks.law import extrapolate_with

    middle, low, high = extrapolate_with()(compute, error, models, at)
    return middle, low - middle, high - middle

# %% quantiles of the predictions are returned, not the smallest and the largest tags=["wrong"]
# hint: With so few fits, all of them count.
from clipedu_lessons.l09_scaling_laws.checks.law import extrapolate_with

extrapolate = extrapolate_with(ends="quantiles")

# %% the interval is one standard deviation of the predictions to each side tags=["wrong"]
# hint: The statement asks for the smallest and the largest prediction.
from clipedu_lessons.l09_scaling_laws.checks.law import extrapolate_with

extrapolate = extrapolate_with(ends="deviation")

# %% the interval is two standard errors of the jackknife to each side tags=["wrong"]
# hint: The statement asks for the smallest and the largest prediction.
from clipedu_lessons.l09_scaling_laws.checks.law import extrapolate_with

extrapolate = extrapolate_with(ends="jackknife")

# %% the runs with the same compute are left out together tags=["wrong"]
# hint: `models` says which runs belong together. Runs of one model may differ in their compute.
def extrapolate(compute, error, models, at):
    from clipedu_lessons.l09_scaling_laws.checks.law import extrapolate_with

    return extrapolate_with()(compute, error, [str(value) for value in compute], at)

# %% the last model is never left out tags=["wrong"]
# hint: Each model is left out once.
from clipedu_lessons.l09_scaling_laws.checks.law import extrapolate_with

extrapolate = extrapolate_with(spared="last")

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

# %% the six is left out of the number of pairs tags=["wrong"]
# hint: 6 M D is the compute, so what is D?
def best_split(a, alpha, b, beta, compute):
    size = (alpha * a / (beta * b) * (compute / 6) ** beta) ** (1 / (alpha + beta))
    return size, compute / size

# %% the six is left out of the size tags=["wrong"]
# hint: The product of size and pairs is a sixth of the compute, in both places.
def best_split(a, alpha, b, beta, compute):
    size = (alpha * a / (beta * b) * compute**beta) ** (1 / (alpha + beta))
    return size, compute / 6 / size

# %% the ratio of the two terms is turned round tags=["wrong"]
# hint: If size matters more (a large a), should the model be larger or smaller?
def best_split(a, alpha, b, beta, compute):
    size = (beta * b / (alpha * a) * (compute / 6) ** beta) ** (1 / (alpha + beta))
    return size, compute / 6 / size

# %% the root is taken of the compute only tags=["wrong"]
# hint: M^(alpha + beta) equals the whole product, the ratio in front included.
def best_split(a, alpha, b, beta, compute):
    size = alpha * a / (beta * b) * (compute / 6) ** (beta / (alpha + beta))
    return size, compute / 6 / size

# %% each exponent stands with the other constant tags=["wrong"]
# hint: The derivative of a M^-alpha brings down alpha, and it stays with a.
def best_split(a, alpha, b, beta, compute):
    size = (beta * a / (alpha * b) * (compute / 6) ** beta) ** (1 / (alpha + beta))
    return size, compute / 6 / size

# %% the exponents are subtracted, not added tags=["wrong"]
# hint: One side has M^-alpha and the other M^beta. Which power is left?
def best_split(a, alpha, b, beta, compute):
    size = (alpha * a / (beta * b) * (compute / 6) ** beta) ** (1 / (beta - alpha))
    return size, compute / 6 / size

# %% the same constant stands before size and pairs tags=["wrong"]
# hint: What is size times pairs?
def best_split(a, alpha, b, beta, compute):
    constant = (alpha * a / (beta * b)) ** (1 / (alpha + beta))
    power = beta / (alpha + beta)
    return constant * (compute / 6) ** power, constant * (compute / 6) ** (1 - power)

# %% many sizes are tried, and the best of them is returned tags=["wrong"]
# hint: The minimum lies between the sizes that you try. Where is the derivative zero?
def best_split(a, alpha, b, beta, compute):
    product = compute / 6
    sizes = [10.0**k for k in range(int(math.log10(product)) + 1)]
    size = min(sizes, key=lambda m: a * m**-alpha + b * (product / m) ** -beta)
    return size, product / size

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
# I compared beta, the exponent of the pairs. It is 0.52 (95 %: 0.36 to 0.74) with the mean of Remix and Bootstrap, and 0.52 (0.36 to 0.80) with Lucide. The exponents are equal to two digits and the intervals overlap almost completely, so this choice changes nothing that I could show. Lucide has 297 pictures where the others have 1,543 together, and its interval is a little wider. A reader of either table would believe the same. Both would believe too much: the intervals run from a law in which ten times the pairs leave 0.44 of that part of the error to one in which they leave 0.16.
#
# Neither table can show what other training pairs, another recipe or larger models would give. All runs share one set of pairs.

# %% [markdown] tags=["rubric"]
# * 1 point: one choice changed, all else equal, and it is said which.
# * 1 point: the number before and after, with intervals from the bootstrap over cells and seeds.
# * 1 point: a conclusion that the intervals allow (overlap is said).
# * 1 point: one thing that neither table can show.
