# %% [markdown]
# # 09 · Scaling laws
#
# **What does ten times the compute buy?**
#
# This lesson rebuilds Figure 9 of Radford et al. 2021 ([arXiv 2103.00020](https://arxiv.org/abs/2103.00020)), and then does what the figure does not: it separates the size of the model from the number of pairs.
# Plan about 70 minutes for reading and predicting, and another two hours if you do all the exercises. The notebook runs in about a minute on two CPU cores.

# %%
import numpy as np

from clipedu.plots import show
from clipedu_lessons.common.numbers import numbers
from clipedu_lessons.l09_scaling_laws.scaling import fit_power_law, paper_points, predict
from clipedu_lessons.l09_scaling_laws.scaling_figures import law_figure

names, compute, error = paper_points("resnet")

# %%
four = fit_power_law(compute[:4], error[:4])
figure = law_figure({"ResNets": (compute[:4], error[:4])}, four, names=names[:4],
                    unit="billions of multiply-adds a picture")
axes = figure.axes[0]
axes.axvline(compute[4], color="0.5", linestyle=":", marker="")
axes.annotate("RN50x64: ?", (compute[4], 44), (-8, 0), textcoords="offset points", ha="right")
axes.set(xlim=(5, 330), ylim=(31, 48), xticks=(6, 10, 20, 50, 100, 266))
axes.xaxis.set_major_formatter("{x:g}")
axes.xaxis.minorticks_off()
show(figure, "Four ResNets of the paper lie near one falling line. A dotted line "
     "at 266 marks the compute of the fifth.")

# %% [markdown]
# Four ResNets of the paper, with 12 times the compute from first to last. Their zero-shot errors, the mean over the 27 datasets of the paper's Table 11, lie close to a straight line. (Figure 9 itself averages 39 evaluations on 36 datasets, whose values the paper does not print.) Both axes of the figure are logarithmic. The paper has a fifth ResNet, RN50x64, with 3.5 times the compute of RN50x16. That is the dotted line at 266 on the horizontal axis. **Predict** its error by extending the line, and write it down. Section 7 has the answer.
#
# Such a line is a promise: pay ten times the compute, and you know what you get. Companies decide about millions by such lines. So it is worth knowing how a line is made, when it holds, and when it breaks.
#
# **After this lesson you can**
#
# * count the operations of a training run by hand;
# * fit a power law, with and without an error that no compute removes;
# * separate what a larger model buys from what more pairs buy;
# * choose the size of a model for a given budget, by two methods, with honest intervals;
# * test a law on a run that was not in the fit.

# %%
prediction = ...  # change this: the error of RN50x64 in percent

# %% [markdown]
# ## 1. What is compute?
#
# Almost all work of a network is **multiply-adds**: multiply two numbers and add the product to a sum. A product of an (m, k) and a (k, n) matrix has m n sums of k products, so m k n multiply-adds.
#
# By hand, for the text encoder of the smallest model in this lesson: L = 16 tokens of width W = 16, and one block. Queries, keys and values need $3 W^2$ multiply-adds for each token, the output of attention $W^2$, and the MLP $8 W^2$. The scores and the sums that they weigh need $2 L W$. The projection at the end costs $W E$ once, with E = 16.

# %% tags=["nbval-check-output"]
from clipedu.models import count_flops
from clipedu_lessons.l09_scaling_laws.grid import VOCAB_SIZE, flops, recipe_of

L = W = E = 16
block = L * (12 * W**2 + 2 * L * W)
print(f"by hand: {L} x (12 x {W}^2 + 2 x {L} x {W}) + {W * E} = {block + W * E:,}")
smallest = recipe_of(16, 10_240)
counts = count_flops(smallest.config(VOCAB_SIZE))
print(f"counted: {counts['text']:,} for a caption, {counts['visual']:,} for a picture")
total = counts["text"] + counts["visual"]
print(f"10,240 pairs: 6 x {total:,} x 10,240 = {flops(16, 10_240):.2e} operations")

# %% [markdown]
# The last line is the compute of a training run. A multiply-add is two operations. The backward pass costs twice as much as the forward pass, because each product needs one more for the gradient of its input and one for the gradient of its weights. So training costs **six operations** for each multiply-add of a forward pass:
#
# $$C = 6\, M D,$$
#
# where $M$ is the number of multiply-adds of both encoders for one pair, and $D$ the number of pairs seen.
#
# The paper's axis says GFLOPs and gives RN50 6.1. These are billions of multiply-adds, of the image encoder for one picture: counted in operations it would be 12.2. Both habits are common. A factor of two moves a line sideways and does not change its slope.
#
# ## 2. A power law on three points
#
# Suppose that three models with 1, 10 and 100 units of compute make 50, 40 and 32 % errors. From each to the next the error is multiplied by 0.8. Equal factors of error for equal factors of compute are a **power law**,
#
# $$\text{error} = c \cdot C^{\text{slope}}, \qquad \log(\text{error}) = \log(c) + \text{slope} \cdot \log(C).$$
#
# On two logarithmic axes this is a straight line. Here the slope is $\log_{10} 0.8 = -0.097$.
#
# **Predict**: every ten times the compute buys a fifth of the error. How many times the compute do you need for half the error: 20, 100 or more than 1,000?

# %%
prediction = ...  # change this

# %% tags=["nbval-check-output"]
law = fit_power_law([1, 10, 100], [50.0, 40.0, 32.0])
times = 0.5 ** (1 / law.slope)
print(f"slope {law.slope:.4f}; ten times the compute: error x {law.factor():.2f}")
print(f"half the error: {times:,.0f} times the compute")
numbers(half_times=f"{times:,.0f}")

# %% [markdown]
# Half the error costs {=half_times} times the compute. This is the hard side of a small slope.
#
# ### The error that stays
#
# Some pictures can't be named by anyone: labels are wrong, or two classes share a name. So a more careful law has a floor, the **irreducible error** $E_0$: $\text{error} = E_0 + c\, C^{\text{slope}}$. Does it matter? Take a true law with a floor of 20 %, look at it at 1, 10 and 100 units, and extrapolate with a pure power law.

# %% tags=["nbval-check-output"]
units = np.array([1, 10, 100, 1e4, 1e6])
true = 20 + 30 * units**-0.2
pure = fit_power_law(units[:3], true[:3])
print("units      true   pure power law through the first three")
for u, e in zip(units, true):
    print(f"{u:9,.0f} {e:5.1f} {pure(u):7.1f}")
print(f"correlation of the logarithms over the first three: {pure.r:.4f}")
numbers(floor_r=f"{pure.r:.3f}", floor_true=f"{true[-1]:.0f}", floor_pure=f"{pure(1e6):.0f}")

# %% [markdown]
# The three points lie almost exactly on a line, with a correlation of {=floor_r}. At a million units the line promises {=floor_pure} %, and the truth is {=floor_true} %. A straight line through the points that you have does not show a floor. Only points near the floor do.
#
# ### Check your understanding
#
# 1. Your slope is -0.05. What does a hundred times the compute buy?
# 2. You count operations and your colleague counts multiply-adds. Whose slope is larger?
# 3. Why fit in logarithms, and not the error against the compute?
#
# <details><summary>Answers</summary>
#
# 1. The error is multiplied by $100^{-0.05} = 0.79$.
# 2. They are the same. All points move sideways by the same distance.
# 3. A power law is a straight line there, and an error of 5 % instead of 4 % weighs as much as one of 50 % instead of 40 %.
#
# </details>
#
# ## 3. Size and pairs, separated
#
# The paper's Figure 9 changes one thing: the model. All five saw the same 12.8 billion pairs. If you have a budget, you must decide about both. So `benchmarks/scaling.py` trained a **grid**: a small ViT with a convolutional stem in three widths, each on several numbers of pairs. The recipe is the same for all, and runs of one seed see the same pairs in the same order.
#
# The error is zero-shot on Remix and Bootstrap, two icon sets that were left out, among five names: the right one and four random others. Guessing is wrong in 80 % of the cases. With all 360 names nearly every answer of such small models is wrong, and a law at the ceiling of 100 % says little. (The runs' errors among all names are in the stored file. Exercise 09.5 lets you fit a law to them.)
#
# *Pairs* are pairs seen, drawn from about 35,000 different ones. The batch is 64 throughout, so twice the pairs are also twice the steps.

# %%
from clipedu_lessons.l09_scaling_laws.grid import load_grid

grid = load_grid()
widths = sorted({row["width"] for row in grid})
budgets = sorted({row["pairs"] for row in grid})

def cell(width, pairs, what="error"):
    own = [r[what] for r in grid if (r["width"], r["pairs"]) == (width, pairs)]
    return sum(own) / len(own)

# %% tags=["nbval-check-output"]
def scatter(rows):
    """Standard deviation of the seeds within a cell, in points, over all cells."""
    off = [100 * (r["error"] - cell(r["width"], r["pairs"])) for r in rows]
    return float(np.sqrt(np.sum(np.square(off)) / (len(rows) * 2 / 3)))

print(f"{len(grid)} runs of 3 seeds; mean error among five names")
print("width  multiply-adds" + "".join(f"{pairs:>9,}" for pairs in budgets) + " pairs")
for width in widths:
    size = next(r["size"] for r in grid if r["width"] == width)
    row = "".join(f"{cell(width, pairs):9.1%}" for pairs in budgets)
    print(f"{width:5} {size:14,.0f}{row}")
print(f"a seed lies {scatter(grid):.1f} points off its cell's mean (standard deviation)")
numbers(scatter=f"{scatter(grid):.1f}")

# %%
from clipedu_lessons.common.figures import new_figure

figure = new_figure(9, 3.6)
left, right = figure.subplots(1, 2)
for width, line in zip(widths, ("-", "--", ":")):
    errors = [100 * cell(width, pairs) for pairs in budgets]
    left.plot(budgets, errors, line, marker="o", label=f"width {width}")
    right.plot([flops(width, d) for d in budgets], errors, line, marker="o")
for axes, words in ((left, "pairs seen"), (right, "compute (operations)")):
    axes.set(xscale="log", xlabel=words, ylabel="error among five names (%)")
left.set_xticks(budgets, [f"{d / 1000:.0f}k" for d in budgets])
left.xaxis.minorticks_off()
left.legend()
words = "Left: error against pairs, a falling curve for each width. Right: the same "
show(figure, words + "against compute, where the curves of small models lie further left.")

# %% [markdown]
# **Predict** from the two figures: does the smallest or the largest model gain more from more pairs? And does a larger model help more if it sees few pairs or many?

# %%
prediction = ...  # change this: ("smallest" or "largest", "few" or "many")

# %% tags=["nbval-check-output", "tolerance-0.2"]
more = [cell(w, budgets[-1]) - cell(w, budgets[0]) for w in widths]
larger = [cell(widths[-1], d) - cell(widths[0], d) for d in budgets]
print(f"{budgets[-1] // budgets[0]} times the pairs, by width:   ", " ".join(f"{100 * x:+.1f}" for x in more), "points")
factor = next(r["size"] for r in grid if r["width"] == widths[-1])
factor /= next(r["size"] for r in grid if r["width"] == widths[0])
print(f"{factor:.0f} times the model, by pairs: ", " ".join(f"{100 * x:+.1f}" for x in larger))
numbers(pairs_small=f"{100 * more[0]:.1f}", pairs_large=f"{100 * more[-1]:.1f}")
numbers(size_few=f"{100 * larger[0]:.1f}", size_many=f"{100 * larger[-1]:.1f}")
numbers(size_most=f"{100 * larger[-2]:.1f}")
numbers(times=budgets[-1] // budgets[0], factor=f"{factor:.0f}", fewest=f"{budgets[0]:,}", most=f"{budgets[-1]:,}")

# %% [markdown]
# More pairs help every model, and the largest most: {=times} times the pairs change the error by {=pairs_small} points for the smallest model and by {=pairs_large} for the largest. A model that is {=factor} times as large gains little at {=fewest} pairs ({=size_few} points). It gains most at 81,920 pairs ({=size_most} points), and at {=most}, where the small model catches up, its gain is {=size_many} points, half of the error. So size and pairs are not two separate purchases: size pays only if the model sees enough pairs, and so makes enough steps.
#
# The left figure shows a third thing. All curves start just below the 80 % of guessing, whatever the size, and become steeper to the right. With {=fewest} pairs these models have hardly begun to learn. A power law does not become steeper: between any two points its slope in logarithms is the same, and with a floor the slope becomes flatter. What are the slopes of our curves, from each number of pairs to its double?

# %% tags=["nbval-check-output", "tolerance-0.05"]
print("width   slope of the error in logarithms, from one number of pairs to the next")
for width in widths:
    marks = np.log([cell(width, d) for d in budgets])
    slopes = np.diff(marks) / np.diff(np.log(budgets))
    print(f"{width:5} ", "".join(f"{slope:8.2f}" for slope in slopes))
    numbers(**{f"first_{width}": f"{slopes[0]:.2f}", f"last_{width}": f"{slopes[-1]:.2f}"})

# %% [markdown]
# No curve has one slope. For the smallest model the slope goes from {=first_16} to {=last_16}, for the largest from {=first_64} to {=last_64}. Only the last two slopes of the two larger models are nearly equal. So this grid covers the beginning of learning, where errors fall faster and faster, and it may just reach the range in which a power law holds. Keep this in mind for what follows.
#
# ## 4. A law for both
#
# Hoffmann et al. 2022 ([arXiv 2203.15556](https://arxiv.org/abs/2203.15556), "Chinchilla") write the error, or the loss, as a floor and two power laws, one for what the model is too small for and one for what it has not seen:
#
# $$\text{error}(M, D) = E_0 + a\, M^{-\alpha} + b\, D^{-\beta}.$$
#
# They use the number of parameters in the place of M, and tokens in the place of pairs. For language models they found $E_0 = 1.69$ nats, $\alpha = 0.34$ and $\beta = 0.28$.
#
# How well does it describe our runs? Two numbers must be compared: how far the runs lie off the law, and how far seeds lie off their cell's mean. If the law were right, the first would not be larger than the second. And because the beginning looks like no power law, the next cell fits three times: to all runs, and without those of few pairs.

# %% tags=["nbval-check-output", "tolerance-0.2"]
from clipedu_lessons.l09_scaling_laws.grid import BEGUN
from clipedu_lessons.l09_scaling_laws.scaling import fit_surface, interval, redraw

def misfit(law, rows):
    off = [100 * (law(r["size"], r["pairs"]) - r["error"]) for r in rows]
    return float(np.sqrt(np.mean(np.square(off)))), max(map(abs, off))

print("from         runs  off the law   at most   seeds   beta")
for least in budgets[:3]:
    rows = [row for row in grid if row["pairs"] >= least]
    law = fit_surface(rows)
    spread, worst = misfit(law, rows)
    print(f"{least:7,} pairs {len(rows):4} {spread:10.1f} {worst:11.1f} {scatter(rows):8.1f}", end="")
    print(f" {law.beta:7.2f}")
    numbers(**{f"spread_{least}": f"{spread:.1f}", f"beta_{least}": f"{law.beta:.2f}"})

# %% [markdown]
# The law does not describe these runs within the chance of the seeds. Fitted to all of them, it is {=spread_10240} points off, and seeds are about {=scatter} points off their means. The more of the beginning is left out, the better it fits: {=spread_20480} and {=spread_40960} points. And the exponent of the pairs changes with the choice, from {=beta_10240} over {=beta_20480} to {=beta_40960}. So the exponent says as much about where we begin as about the models.
#
# From here on we use the runs with at least 20,480 pairs. This limit was set when the grid had one seed and no runs of {=most} pairs. It is kept, since choosing it again after looking at the new runs would make the fit look better than it is.
#
# How certain are the five numbers? The **bootstrap** repeats the experiment on paper: draw as many cells of the grid as there are, with replacement, fit, and do so again and again. One detail matters. Three seeds of one cell are three rows. If they were drawn like cells, the bootstrap would believe that it had seen more models than it has. So `redraw` draws cells first, and then seeds within each cell.

# %% tags=["nbval-check-output", "tolerance-0.2"]
late = [row for row in grid if row["pairs"] >= BEGUN]
surface = fit_surface(late)
draws = redraw(late, 120)
fits = [fit_surface(rows) for rows in draws]
for name in surface._fields:
    low, high = interval([getattr(fit, name) for fit in fits])
    print(f"{name:6} {getattr(surface, name):6.3f}   95 %: {low:.3f} to {high:.3f}")
    numbers(**{f"{name}_v": f"{getattr(surface, name):.2f}"})
    numbers(**{f"{name}_i": f"{low:.2f} to {high:.2f}"})

# %%
figure = new_figure(6, 3.4)
axes = figure.subplots()
seen = [d for d in budgets if d >= BEGUN]
for width, line in zip(widths, ("-", "--", ":")):
    size = next(r["size"] for r in grid if r["width"] == width)
    off = [100 * (float(surface(size, d)) - cell(width, d)) for d in seen]
    axes.plot(seen, off, line, marker="o", label=f"width {width}")
    numbers(**{f"off_{width}": f"{off[-1]:+.1f}", f"middle_{width}": f"{off[1]:+.1f}"})
axes.axhline(0, color="0.5", marker="", lw=0.8)
axes.set(xscale="log", xlabel="pairs seen", ylabel="law minus measured (points)")
axes.set_xticks(seen, [f"{d / 1000:.0f}k" for d in seen])
axes.xaxis.minorticks_off()
axes.legend()
show(figure, "The law minus the measured errors, against pairs. Each width rises to the right: "
     "the law is too low in the middle and too high for the longest runs.")

# %% [markdown]
# What is left over is not chance. The figure shows the law's error for each cell, as a mean of three seeds. For the longest runs it promises too many errors at every width ({=off_16}, {=off_32} and {=off_64} points), and for 41,000 pairs too few, mostly for the two smaller ones ({=middle_16}, {=middle_32} and {=middle_64}). Chance would not be sorted in this way. It is the bend of section 3, which the formula lacks.
#
# In the fit M is counted in millions of multiply-adds and D in ten thousands of pairs. So $a$ = {=a_v} is the error that size costs at one million multiply-adds, and $b$ = {=b_v} the error that pairs cost when 10,000 have been seen. The exponent of the pairs is {=beta_v} ({=beta_i}), and that of the size {=alpha_v} ({=alpha_i}). An interval that ends at 2.00 ends at the largest value that the fit allows.
#
# The floor is {=floor_v} ({=floor_i}). So narrow an interval looks like certainty, and is none. The errors are still falling fast everywhere in the grid, and the best fit to a curve that falls too fast has no floor. Where they will stop can only be seen near that point. A paper that prints five such numbers without intervals asks you to believe a lot.
#
# ## 5. New runs, predicted
#
# A law through all points explains them, which is easy. The test is a run that was not in the fit. There are two kinds of it: between the points, and beyond them.
#
# **Between the points.** The next cells train a model of width 32 on 57,344 pairs, a number that is not in the grid, with a new seed. What the law says about it is printed *first*.
#
# The interval has two parts: how far the surface moves in the bootstrap, and how far single runs lie off it. The second holds the chance of the seeds and what the formula can't describe.

# %% tags=["nbval-check-output", "tolerance-0.2"]
WIDTH, PAIRS, SEED = 32, 57_344, 7
size = next(r["size"] for r in grid if r["width"] == WIDTH)
chance = np.random.default_rng(0)
spread = misfit(surface, late)[0]
drawn = [float(fit(size, PAIRS)) + chance.normal(0, spread / 100) for fit in fits]
low, high = interval(drawn)
print(f"predicted {surface(size, PAIRS):.1%}, 95 %: {low:.1%} to {high:.1%}")
numbers(told=f"{100 * surface(size, PAIRS):.1f}", told_i=f"{100 * low:.1f} to {100 * high:.1f}")

# %% tags=["nbval-check-output", "tolerance-0.05"]
from clipedu.training import train
from clipedu_lessons.l09_scaling_laws.grid import data, error_among, words as tokenizer

pairs, tasks = data()
made = train(recipe_of(WIDTH, PAIRS), seed=SEED, pairs=pairs, tokenizer=tokenizer(),
             progress=False)
found = [error_among(made.model, tokenizer(), task)[1] for task in tasks[:2]]
live = sum(found) / 2
print(f"measured  {live:.1%}, {100 * (live - surface(size, PAIRS)):+.1f} points off the law")
numbers(live=f"{100 * live:.1f}")

# %% [markdown]
# The law promised {=told} % ({=told_i}), and the run made {=live} % errors, inside the interval. But the hit is not much of a triumph. This width is in the grid, at 40,960 and at 81,920 pairs, and the interval is as wide as the difference between those two errors (the table in section 3). A ruler on the left figure would have done as well. (The warning above the result only says that a long caption was cut at 16 tokens.)
#
# **Beyond the points.** Now pretend that the runs with {=most} pairs did not exist, fit the law to the rest, and predict them. That is only twice the pairs of the longest runs that are left.
#
# **Predict**: will the real errors be larger or smaller than the law says? The slopes in section 3 give it away.

# %%
prediction = ...  # change this: are the real errors below the interval, in it, or above it?

# %% tags=["nbval-check-output", "tolerance-0.2"]
near = [row for row in late if row["pairs"] < budgets[-1]]
shorter = fit_surface(near)
near_fits = [fit_surface(rows) for rows in redraw(near, 60)]
spread = misfit(shorter, near)[0] / 100
print(f"{budgets[-1]:,} pairs      law    95 % interval   measured, by seed")
for width in widths:
    own = [r for r in grid if (r["width"], r["pairs"]) == (width, budgets[-1])]
    at = own[0]["size"], budgets[-1]
    low, high = interval([float(fit(*at)) + chance.normal(0, spread) for fit in near_fits])
    print(f"width {width:3} {shorter(*at):15.1%}   {low:.1%} to {high:.1%}  ", end="")
    print(*(f"{r['error']:7.1%}" for r in own))
    numbers(**{f"beyond_{width}": f"{100 * shorter(*at):.0f}", f"beyond_low_{width}": f"{100 * low:.0f}"})
    numbers(**{f"beyond_got_{width}": f"{100 * cell(width, budgets[-1]):.0f}"})

# %% [markdown]
# **Beyond its points the law is wrong in one direction.** It promises {=beyond_16}, {=beyond_32} and {=beyond_64} % errors, and the runs make {=beyond_got_16}, {=beyond_got_32} and {=beyond_got_64}: at every width about eight to ten points better. Section 3 showed why. The slope of the error still grows where the fit ends, and the formula can only make it smaller.
#
# Did the intervals warn us? All three seeds of the largest model lie below the {=beyond_low_64} % at which its interval ends. Those of the smaller models lie around the lower ends of theirs, which are about 20 points wide and so exclude little. The intervals assume that the formula holds, and here it does not. So a law from the beginning of learning is of little use for what comes later, even for twice the pairs. What would help is longer runs, and not only more seeds.
#
# ### Check your understanding
#
# 1. Someone's grid has one seed per cell. What can the bootstrap not tell them?
# 2. Why is the floor the least certain of the five numbers?
# 3. A prediction interval is so wide that every run lies in it. Is the law confirmed?
#
# <details><summary>Answers</summary>
#
# 1. How much of the scatter is chance of the seed. It only sees the sum of chance and of what the formula can't describe.
# 2. The floor is what is left at infinite size and infinitely many pairs, and no cell is near that.
# 3. No. A wide interval is easy to hit. Say how wide it is, too.
#
# </details>
#
# ## 6. The best size for a budget
#
# You have C operations. A larger model sees fewer pairs for them, because $D = C / (6M)$. Somewhere between too small and too little seen is the best size. The grid has cells of nearly equal compute, so we can first simply look.

# %% tags=["nbval-check-output", "tolerance-0.05"]
print("about          width     pairs   operations    error by seed")
for about in (2.2e11, 8.5e11):
    for width in widths:
        for d in (d for d in budgets if abs(np.log(flops(width, d) / about)) < 0.25):
            own = [r["error"] for r in grid if (r["width"], r["pairs"]) == (width, d)]
            print(f"{about:.1e} {width:11} {d:9,} {flops(width, d):12.2e}   ", end="")
            print(*(f"{e:6.1%}" for e in own))

# %% [markdown]
# With about 2.2e11 operations the smallest model wins, and every one of its seeds beats every seed of the others. With about 8.5e11 the middle one beats the largest as clearly. So at these budgets it is better to train a small model for long than a large one briefly. (The smallest can't be read off at 8.5e11: its runs end before.) No fit was needed for this. For budgets and sizes that are not in the grid, there are two ways.
#
# 1. **From the surface.** Put $D = C / (6M)$ into the law and look for the smallest error. The next cell does it by trying many sizes. In exercise 09.7 you find the formula.
# 2. **From the runs**, without a law for both. Each size has a power law of its own in pairs. Ask each what it reaches with C operations, and take the best, with a parabola through its neighbors.

# %%
prediction = ...  # change this: with four times the compute, how many times the size?

# %% tags=["nbval-check-output", "tolerance-0.2"]
from clipedu_lessons.l09_scaling_laws.scaling import envelope_size

print("operations      surface, best size           runs, best size    surface's pairs")
for budget in (2e11, 6e11, 2e12):
    tried = np.geomspace(1e4, 1e9, 2000)
    best = tried[np.argmin(surface(tried, budget / 6 / tried))]
    by_law = interval([fit.best_size(budget) for fit in fits])
    by_runs = interval([envelope_size(rows, budget) for rows in draws])
    print(f"{budget:.1e}  {best / 1e6:6.2f} ({by_law[0] / 1e6:.2f} to {by_law[1] / 1e6:7.2f})", end="")
    print(f"   {envelope_size(late, budget) / 1e6:6.2f} ({by_runs[0] / 1e6:.2f} to {by_runs[1] / 1e6:.2f})", end="")
    print(f"{budget / 6 / best:15,.0f}")
share = surface.beta / (surface.alpha + surface.beta)
many = interval([fit.beta / (fit.alpha + fit.beta) for fit in fits])
print(f"size grows as C^{share:.2f} (95 %: {many[0]:.2f} to {many[1]:.2f})")
numbers(power=f"{share:.2f}", power_i=f"{many[0]:.2f} to {many[1]:.2f}")

# %% [markdown]
# The sizes are in millions of multiply-adds, with 95 % intervals in parentheses. In the first row the two methods agree with each other and with the cells above: about the smallest model, seeing more than 100,000 pairs. By the law, more compute calls for a larger model *and* for more pairs.
#
# The last column shows where this stops being an observation. From the second row on the law's best point lies beyond {=most} pairs, the most that any run has seen, and we have just seen how badly this law extrapolates. In the law, the best size grows as $C^{{{=power}}}$, with an interval of {=power_i}. The interval does not contain the doubt about the formula itself. So put no weight on how near this number is to anybody's.
#
# | who | what | best size grows as |
# |---|---|---|
# | Kaplan et al. 2020 ([arXiv 2001.08361](https://arxiv.org/abs/2001.08361)) | language models | $C^{0.73}$: put most into size |
# | Hoffmann et al. 2022 ([arXiv 2203.15556](https://arxiv.org/abs/2203.15556)) | language models | about $C^{0.5}$: size and data alike |
# | this grid | a very small CLIP | $C^{{{=power}}}$ ({=power_i}) |
# | Cherti et al. 2022 ([arXiv 2212.07143](https://arxiv.org/abs/2212.07143)) | CLIP on LAION | a bottleneck wherever size or pairs stay small |
#
# Kaplan and Hoffmann studied the same kind of model and disagree. Hoffmann et al. conclude that the large language models of their time were too large for the data that they saw. One reason for the difference, they say, was a learning rate schedule that was not fitted to the length of each run. So the number in the last column belongs to a recipe, and not only to an architecture. In our grid the schedule fits the length of each run.
#
# ## 7. The paper's line
#
# Now the fifth ResNet. The four smaller ones are in the fit, and `predict` gives an interval in which 95 % of new points lie, if the line holds and the scatter stays as it is (Student's t).

# %% tags=["nbval-check-output"]
told = predict(four, compute[4])
print(f"RN50x64 predicted {told.error:.1f} % ({told.low:.1f} to {told.high:.1f})")
print(f"RN50x64 measured  {error[4]:.1f} %;  r of the four: {four.r:.3f}")
paper = fit_power_law(compute, error)
print(f"all five: slope {paper.slope:.4f}, r {paper.r:.3f}, ", end="")
print(f"ten times the compute: error x {paper.factor():.2f}")
far = predict(paper, 1000 * compute[4])
print(f"1,000 times more: {far.error:.1f} % ({far.low:.1f} to {far.high:.1f})")
numbers(rn_told=f"{told.error:.1f}", rn_low=f"{told.low:.1f}", rn_got=f"{error[4]:.1f}")
numbers(paper_ten=f"{paper.factor():.2f}", paper_slope=f"{paper.slope:.3f}")
numbers(r_four=f"{four.r:.3f}", r_five=f"{paper.r:.3f}", far=f"{far.error:.0f}")

# %% [markdown]
# The four promise {=rn_told} %, and not below {=rn_low} %. RN50x64 reaches {=rn_got} %: better than the interval allows. So the line does not hold as far as RN50x64, and a correlation of {=r_four} did not warn of it. One model can't tell whether the law bends or whether this model is better for another reason. The correlation of all five is weaker, {=r_five}.
#
# The paper estimates that zero-shot CLIP would need about 1,000 times more compute to reach the overall state of the art, and calls it infeasible with current hardware. By this line it would then make {=far} % errors. The interval in the output assumes that the line holds over a factor of 1,000, and we have just seen it fail over a factor of 3.5.
#
# ### What a mean hides
#
# The line is of a mean over 27 datasets. Fit each of them by itself:

# %% tags=["nbval-check-output"]
from clipedu_lessons.common.paper import DATASETS, load_paper_table

scores = load_paper_table("zero_shot")
own = {}
for dataset in DATASETS:
    wrong = [100 - scores.row(model=name)[dataset] for name in names]
    own[dataset] = (fit_power_law(compute, wrong).slope, wrong)
order = sorted(own, key=lambda d: own[d][0])
for dataset in [*order[:2], *order[-2:]]:
    slope, wrong = own[dataset]
    print(f"{dataset:16} slope {slope:+.2f}   errors", " ".join(f"{w:5.1f}" for w in wrong))
steady = sum(all(b < a for a, b in zip(w, w[1:])) for _, w in own.values())
print(f"better at every step: {steady} of {len(DATASETS)} datasets")
numbers(steady=steady, datasets=len(DATASETS), steepest=order[0], flattest=order[-1])

# %%
figure = law_figure({"mean of 27 datasets": (compute, error)}, paper,
                    unit="billions of multiply-adds a picture")
axes = figure.axes[0]
for dataset, (_, wrong) in own.items():
    marked = dataset in (order[0], order[-1])
    axes.plot(compute, wrong, "-", marker="", color="0.3" if marked else "0.8", zorder=0)
    if marked:
        axes.annotate(dataset, (compute[-1], wrong[-1]), (-60, 6), textcoords="offset points")
show(figure, "Gray: each dataset by itself, some up and down. Black: their mean, "
     f"near a line. Named: {order[0]}, the steepest, and {order[-1]}, which does not fall.")

# %% [markdown]
# Only {=steady} of {=datasets} datasets improve at every step. The mean falls at every step, because the bumps of single datasets partly cancel. The paper says so, too: single evaluations can be much noisier, and whether that is chance or hides real steps is left open (section 3.1.5). A law for the mean promises nothing for *your* task. Cherti et al. add that the data matter, too. At the same architectures, models trained on LAION scale better for retrieval, and OpenAI's models scale better on ImageNet.
#
# ### Ten honest-looking lines
#
# Who chose the points? Take every three of the paper's five models:

# %% tags=["nbval-check-output"]
from itertools import combinations

found = [fit_power_law([compute[k] for k in three], [error[k] for k in three])
         for three in combinations(range(5), 3)]
found.sort(key=lambda one: one.slope)
for one in (found[0], found[-1]):
    print(f"slope {one.slope:.3f}, r {one.r:.3f}: ten times for x {one.factor():.2f}")
least = min(abs(one.r) for one in found)
print(f"{len(found)} choices, the weakest correlation {least:.3f}")
numbers(steep=f"{found[0].slope:.3f}", flat=f"{found[-1].slope:.3f}", least=f"{least:.2f}")

# %% [markdown]
# The slopes go from {=flat} to {=steep}, and every correlation is at least {=least} in size. (The ten choices share points, so they are not ten experiments.) Each of the ten would have made a convincing figure. A correlation close to -1 says that these points lie on a line, and not that the next one will.
#
# ### Check your understanding
#
# 1. The band of a scaling law is narrow. Name two kinds of uncertainty that it can't contain.
# 2. You want to know how your task will improve with compute. Why is the paper's Figure 9 no answer?
# 3. Why did RN50x64 lie outside the 95 % interval, although the four points fit so well?
#
# <details><summary>Answers</summary>
#
# 1. Other training data, another recipe, other tasks, or who chose the points: the bootstrap draws none of them again.
# 2. It is a mean over many tasks, some of which do not improve at all.
# 3. The interval assumes that the line holds. It contains scatter around the line, and not a bend of the line.
#
# </details>
#
# ## 8. What ten times the compute buys

# %% tags=["nbval-check-output", "summary"]
def best_error(budget):
    size = surface.best_size(budget)
    return float(surface(size, budget / 6 / size))

now, then = best_error(2e11), best_error(2e12)
print(f"our grid, from 2e11 to 2e12 operations at the best size: {now:.1%} -> {then:.1%}")
print(f"   error x {then / now:.2f}")
print(f"the paper's ResNets: error x {paper.factor():.2f}")
numbers(ours_ten=f"{then / now:.2f}")

# %% [markdown]
# | | this lesson | the paper (Figure 9, Table 11) |
# |---|---|---|
# | models | 3 sizes, {=fewest} to {=most} pairs each, 3 seeds | 5 ResNets, 12.8 billion pairs each |
# | error | among 5 names, two icon sets | mean over 27 datasets |
# | ten times the compute | error x {=ours_ten} | error x {=paper_ten} |
# | size and pairs | separated | only the size changes |
# | irreducible error | fitted as {=floor_v}, far from where it could show | not fitted |
# | kept out, between the points | {=live} %, promised {=told} | – |
# | kept out, beyond the points | {=beyond_got_64} %, promised {=beyond_64} | {=rn_got} %, promised {=rn_told} |
#
# The two laws are not the same law: other pictures, other tasks, far smaller models. Ours sees few pairs, and section 3 shows that its errors fall faster and faster there. That is a likely reason why ten times the compute buys so much more. Our factor of {=ours_ten} is also the less certain one: it compares two points of a fitted law, the second of them beyond the grid, and the law was eight to ten points off when it was asked about longer runs. Both laws failed in the same direction in their test: the held-out runs were better than promised.
#
# **Further reading**
#
# * Cherti et al. 2022, *Reproducible scaling laws for contrastive language-image learning* ([arXiv 2212.07143](https://arxiv.org/abs/2212.07143)): CLIP on public data with up to two billion pairs, all models released. Read it after Figure 9.
# * Hoffmann et al. 2022, *Training Compute-Optimal Large Language Models* ([arXiv 2203.15556](https://arxiv.org/abs/2203.15556)): three methods for the best size. Section 6 uses two of them.
# * Kaplan et al. 2020, *Scaling Laws for Neural Language Models* ([arXiv 2001.08361](https://arxiv.org/abs/2001.08361)): where the fashion began, and a conclusion that was corrected later.
# * Zhai et al. 2021, *Scaling Vision Transformers* ([arXiv 2106.04560](https://arxiv.org/abs/2106.04560)): power laws of error with a floor, for pictures.
#
# **The exercises** ([exercises of lesson 09](../exercises/09_scaling_laws.ipynb)) let you count on paper, extrapolate with an honest interval, and derive the best size for a budget. **Next**: [lesson 10, Linear probes](10_linear_probes.ipynb), where the models of the paper's Table 10 are compared.
