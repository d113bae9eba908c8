# %% [markdown]
# # 09 · Scaling laws
#
# **What does ten times the compute buy?**
#
# About 45 minutes to read and do; about half a minute to run on two CPU cores.
# Rebuilds Figure 9 of Radford et al. 2021 (arXiv 2103.00020), and in small the comparison of ViTs and ResNets of its Figure 10.

# %%
import numpy as np

from clipedu_lessons.l09_scaling_laws.scaling import fit_power_law, paper_points
from clipedu_lessons.l09_scaling_laws.scaling_figures import law_figure
from clipedu.plots import show

names, compute, error = paper_points("resnet")
law = fit_power_law(compute, error)
figure = law_figure({"ResNets": (compute, error)}, law, names=names,
                    unit="billions of multiply-adds a picture")
show(figure, "Five ResNets of the paper lie near one falling line.")

# %% [markdown]
# Five models, 44 times the compute from first to last, and their errors lie on a line. The paper's Figure 9 shows this for the mean over 39 evaluations, whose values it
# does not print; the figure above takes the 27 datasets that Table 11 prints.
#
# A line like this is a promise: pay for ten times the compute, and you know what you get. This lesson asks how such a line is made, what it is worth, and
# when it breaks.
#
# **At the end you can**
#
# * count the floating-point operations of a model by hand and say what a training run costs;
# * fit a power law to three points on paper, and say what ten times the compute buys;
# * put a band around a line that respects what was really repeated;
# * test a line where it matters, on a model that was kept out of the fit;
# * name four things that the error bars of such a figure do not show.

# %% [markdown]
# ## 1. What is compute?
#
# Almost all work of a network is **multiply-adds**: take two numbers, multiply them, add the product to a sum. A matrix product of (m, k) with (k, n)
# has m x n sums of k products each: m x k x n multiply-adds. Two floating-point operations (FLOPs) each, if you count the multiplication and the addition.
#
# **Predict**, on paper: one picture is 16 patches of 192 numbers (8 x 8 pixels, 3 colours). A layer turns each patch into 32 numbers. How many multiply-adds?

# %% tags=["nbval-check-output"]
def product(m, k, n):
    """Multiply-adds of (m, k) times (k, n)."""
    return m * k * n

patches = product(16, 8 * 8 * 3, 32)
print(f"16 patches, 192 numbers to 32: {patches:,} multiply-adds")

# %% [markdown]
# ### A whole image tower by hand
#
# Now a small ViT: width W = 32, two blocks, 17 tokens (16 patches and the class token). Each block has
#
# | part | from | to | multiply-adds a token |
# |---|---|---|---|
# | queries, keys, values | W | 3W | 3 W² |
# | scores, and the sum they weigh | | | 2 x tokens x W |
# | the output of attention | W | W | W² |
# | the MLP, in and out | W | 4W, W | 8 W² |
#
# So a block costs tokens x (12 W² + 2 tokens x W). A few lines in the open, beside the library's count, which runs the model on shapes alone and adds up:

# %% tags=["nbval-check-output"]
from clipedu.models import count_flops
from clipedu_lessons.l09_scaling_laws.series import series_model

def vit_multiply_adds(tokens, width, blocks, embed):
    block = tokens * (12 * width**2 + 2 * tokens * width)
    cut = product(tokens - 1, 8 * 8 * 3, width)  # patches to vectors
    out = product(1, width, embed)  # class token to embedding
    return cut + blocks * block + out

ours = vit_multiply_adds(17, 32, 2, 32)
library = count_flops(series_model("ViT-32").config())["visual"]
print(f"by hand {ours:,}, library {library:,}, equal: {ours == library}")

# %% [markdown]
# ### From one picture to a training run
#
# Forward, a multiply-add is two operations. Backward costs twice as much again: for every product, one more for the gradient of the input and one for the gradient of the weights.
# So training costs **six operations for each multiply-add** of a forward pass, for each pair that is seen, in both towers.
#
# **Predict**: this ViT with a text tower of 0.43 million multiply-adds sees 102,400 pairs. How many FLOPs in all, as a power of ten?

# %% tags=["nbval-check-output"]
model = series_model("ViT-32")
counts = count_flops(model.config())
flops = 6 * (counts["visual"] + counts["text"]) * model.pairs()
print(f"multiply-adds: {counts['visual']:,} + {counts['text']:,}")
print(f"6 x their sum x {model.pairs():,} pairs = {flops:.2e} FLOPs")
print("the library says the same:", flops == model.flops())

# %% [markdown]
# ### A common mistake: GFLOPs that are not
#
# The paper's axis says GFLOPs and gives RN50 6.1. A library that counts operations gives twice that. The paper's "GFLOPs" are billions of multiply-adds. Both habits
# are common; a factor of two moves a line sideways, never changes its slope, and makes two papers look different that agree.

# %% tags=["nbval-check-output"]
from clipedu.models import PRESETS

asked = count_flops(PRESETS["RN50"], all_queries=True)["visual"]
print(f"RN50: paper 6.1; counted {asked / 1e9:.1f} billion")
billions = 2 * asked / 1e9
print(f"multiply-adds, which are {billions:.1f} billion operations")

# %% [markdown]
# ## 2. A power law on three points
#
# Suppose three models with 1, 10 and 100 units of compute make 50, 40 and 32 % errors. From each to the next the error is multiplied by the same number.
#
# **Predict**: which number? And what error do you expect at 1,000 units?

# %% tags=["nbval-check-output"]
units, errors = [1, 10, 100], [50.0, 40.0, 32.0]
for one, two in zip(errors, errors[1:]):
    print(f"{one:.0f} % -> {two:.0f} %: times {two / one:.2f}")
print(f"at 1,000 units: {errors[-1] * 0.8:.1f} %")

# %% [markdown]
# Equal factors on one axis for equal factors on the other: that is a **power law**,
#
# error = c x compute^slope.
#
# Take logarithms of both sides: log(error) = log(c) + slope x log(compute). A straight line, if both axes are logarithmic. Its slope is the power: here
# log10(0.8), which you can look up as -0.097. The factor for ten times the compute is 10 to the slope.
#
# With real points that do not lie exactly on a line, take the line with the least squared distances *in the logarithms*:

# %% tags=["nbval-check-output"]
def line(compute, error):
    x, y = np.log10(compute), np.log10(error)
    dx, dy = x - x.mean(), y - y.mean()
    slope = (dx * dy).sum() / (dx**2).sum()
    return slope, y.mean() - slope * x.mean()

slope, intercept = line(units, errors)
law = fit_power_law(units, errors)
print(f"slope {slope:.4f}, c = {10**intercept:.1f} %")
print(f"library: slope {law.slope:.4f}, c = {law(1.0):.1f} %")
print(f"ten times the compute multiplies the error by {law.factor():.2f}")

# %% [markdown]
# The library also gives r, the correlation of the two logarithms: -1 is a perfect falling line.
#
# ### How much for half the error?
#
# **Predict**: every ten times buys a fifth of the error. How many times the compute halves it: 20, 100, or more than 1,000?

# %% tags=["nbval-check-output"]
times = 0.5 ** (1 / law.slope)
print(f"half the error: {times:,.0f} times the compute")
print(f"check: {times:,.0f} ^ {law.slope:.4f} = {times**law.slope:.2f}")

# %% [markdown]
# That is the hard side of a small slope: a line that looks steep on logarithmic paper is a wall in money.
#
# ### A common mistake: fitting the error itself
#
# Least squares on the plain numbers, without logarithms, gives a straight line that will cross zero. It looks fine between the points:

# %% tags=["nbval-check-output"]
plain = np.polyfit(np.log10(units), errors, 1)  # error against log
for at in (10, 1e4, 1e6):
    straight = np.polyval(plain, np.log10(at))
    print(f"at {at:>9,.0f} units: power law {law(at):5.1f} %, "
          f"straight line {straight:5.1f} %")

# %% [markdown]
# ## 3. A small series, live
#
# Three ResNets of the series, all smaller than the laptop's model, 40 steps each: seconds to half a minute. After so few steps nearly every zero-shot answer is wrong, and errors close to 100 % say little.
# The **loss** answers sooner, so the live series is drawn with it. With a CUDA GPU the same cell uses it.

# %%
from clipedu.pairs import FIRST_EDITION
from clipedu.training import train, validation_split

pairs, validation = validation_split(families=FIRST_EDITION, progress=False)
live, tokenizer = {}, None
for name in ("RN-8", "RN-16", "RN-32"):
    model = series_model(name)
    result = train(model.recipe(steps=40), seed=0, pairs=pairs,
                   tokenizer=tokenizer, progress=False)
    tokenizer = result.tokenizer
    last = np.mean([row["loss"] for row in result.history[-10:]])
    spent = model.flops() * 40 / model.steps
    live[spent] = float(last)
    print(f"{name:6} {spent:.1e} FLOPs  loss {last:.2f} "
          f"in {result.seconds:.0f} s")

# %% tags=["nbval-check-output"]
losses = list(live.values())
print("guessing among 256 costs ln 256 =", round(np.log(256), 2))
print("every model is below guessing:", max(losses) < np.log(256))

# %% [markdown]
# Did the larger one end lower? At 40 steps it need not: the curves have hardly begun, and one seed decides little. This is the first caveat of any scaling law: **what is compared must be
# trained long enough to compare.** The real series takes most of an hour (the column *seconds* below is of one run each), so it was run once and kept.

# %% [markdown]
# ## 4. The series
#
# `benchmarks/scaling.py` trained the models below and wrote one row a run into a table that comes with the package. ResNets and ViTs for 32-px pictures; the
# text tower grows with them; all see the same kind of pairs with the same recipe (but for the wide ViTs' learning rate, see section 6), the larger ones somewhat longer. Small ones have more than one seed.

# %%
from clipedu_lessons.l09_scaling_laws.scaling import load_series

runs = load_series()
print(f"{'model':9}{'seeds':>6}{'params':>10}{'FLOPs':>10}{'pairs':>9}"
      f"{'seconds':>9}{'error':>8}")
for name in dict.fromkeys(run.model for run in runs):
    own = [run for run in runs if run.model == name]
    one, mean = own[0], np.mean([run.error for run in own])
    print(f"{name:9}{len(own):6}{one.parameters:10,}{one.flops:10.1e}"
          f"{one.pairs:9,}{one.seconds:9.0f}{mean:8.1%}")

# %% [markdown]
# The error is zero-shot, the mean of three families of icons that no run has seen (Lucide, Font Awesome, Heroicons). The recipe was not chosen by them: for choices there is the error on pictures set aside
# inside the training families, which the table also holds. The paper's mean is over 39 evaluations, ours over three: expect more scatter.

# %% [markdown]
# Look down the last column, one family at a time. The ResNets fall from model to model. The ViTs have hardly begun: in as many steps most of them stay near the error of guessing; see which of them leave it. Section 6 comes back to them. The
# line of this section is that of the ResNets, as in the paper's Figure 9.

# %% tags=["nbval-check-output"]
resnets = [run for run in runs if run.family == "resnet"]
flops = np.array([run.flops for run in resnets])
errors = np.array([run.error for run in resnets])
models = [run.model for run in resnets]
span = flops.max() / flops.min()
print(f"at least 8 models: {len({run.model for run in runs}) >= 8}; "
      f"{len(set(models))} of them ResNets")
print(f"compute spans more than 100 times: {span > 100}")
law = fit_power_law(flops, errors)
print("more compute, less error:", law.slope < 0)

# %% [markdown]
# ### A band around the line
#
# How far would the line move if the experiment were done again? The **bootstrap** imitates that: draw as many models as there are, with replacement, fit, and do so a thousand times.
#
# **Think first**: three seeds of the smallest model are three rows. Are they three models? If they are drawn like models, the band believes that it has seen more than it has.

# %% tags=["nbval-check-output"]
from clipedu_lessons.l09_scaling_laws.scaling import bootstrap_band

x = np.repeat([0.0, 1.0, 2.0, 3.0], 3)  # four models, three equal seeds
y = np.repeat([-0.05, -0.10, -0.31, -0.30], 3)
as_rows = bootstrap_band(10**x, 10**y)
as_models = bootstrap_band(10**x, 10**y, models=x.tolist())
for what, one in (("rows", as_rows), ("models", as_models)):
    low, high = one.slope_interval()
    print(f"seeds drawn as {what:6}: slope from {low:.2f} to {high:.2f}")

# %%
band = bootstrap_band(flops, errors, models=models)
vits = [run for run in runs if run.family == "vit"]
points = {
    "ResNets": (flops, 100 * errors),
    "ViTs": ([run.flops for run in vits],
             [100 * run.error for run in vits]),
}
percent = fit_power_law(flops, 100 * errors)
figure = law_figure(points, percent, band=band, percent=True,
                    unit="training compute (FLOPs)")
show(figure, "The ResNets' error falls with compute; the grey band holds "
     "95 % of their bootstrap lines. The ViTs lie far above.")

# %% tags=["summary"]
low, high = band.slope_interval()
print(f"ResNets: slope {law.slope:.3f} ({low:.3f} to {high:.3f}), "
      f"r {law.r:.2f}, {span:,.0f} times the compute.")
print(f"Ten times the compute multiplies our error by "
      f"{law.factor():.2f} ({10**low:.2f} to {10**high:.2f}).")

# %% [markdown]
# ### Is it a line at all?
#
# An error cannot be more than 100 %. A power law goes up without end as compute goes down, so near the ceiling it must be wrong. Look at what is left when the line is taken away.

# %%
for name in dict.fromkeys(models):
    own = [k for k, other in enumerate(models) if other == name]
    off = 100 * (errors[own].mean() / law(flops[own[0]]) - 1)
    print(f"{name:8} {off:+.1f} % off the line")
curved = np.polyfit(np.log10(flops), np.log10(errors), 2)[0]
bend = "down: it gets steeper" if curved < 0 else "up: it gets flatter"
print(f"a parabola through the same points bends {bend}")

# %% [markdown]
# If both ends lie below the line and the middle above it, the curve bends, and the slope depends on where one looks: a line through the small models promises less than the large ones keep. The paper's errors lie between 34 and 45 %, far from both ends, where
# a piece of nearly any smooth curve looks straight.

# %% [markdown]
# ## 5. The test: predict what was kept out
#
# A line through all points explains them; that is easy. Take the model with the most compute out, fit the rest, and say what it will score **before** looking. `predict` gives an
# interval in which 95 % of new points lie, if the line holds and the scatter stays as it is.

# %%
from clipedu_lessons.l09_scaling_laws.scaling import predict

largest = models[-1]
rest = [k for k, name in enumerate(models) if name != largest]
seen = fit_power_law(flops[rest], errors[rest])
told, truth = predict(seen, flops[-1]), errors[-1]
print(f"{largest}: predicted {told.error:.1%}, "
      f"between {told.low:.1%} and {told.high:.1%}")
print(f"{largest}: measured  {truth:.1%}; inside the interval: "
      f"{told.low <= truth <= told.high}")
side = "better" if truth < told.error else "worse"
print(f"{side} than the smaller models promise")

# %% [markdown]
# Read both: where the measured point lies, and how wide the interval is. A wide interval is easy to hit. A narrow one that misses says that the line itself is not the law. You meet the same question on the paper's own models in section 7.

# %% [markdown]
# ## 6. ViT against ResNet, per FLOP
#
# Which family makes better use of compute? Two lines that fall can be compared **sideways**: how many times the compute of one does the other need for the same error? That is what the paper does. By hand first, on two made-up lines:

# %% tags=["nbval-check-output"]
from clipedu_lessons.l09_scaling_laws.scaling import compute_advantage

one = fit_power_law([1, 10, 100], [50.0, 40.0, 32.0])
other = fit_power_law([3, 30, 300], [50.0, 40.0, 32.0])
print(f"the other needs {compute_advantage(one, other, 36.0):.1f} times "
      "the compute for 36 % errors")

# %% [markdown]
# Now ours. Each ViT, its first seed, beside the ResNet run with the nearest compute:

# %%
for run in (run for run in vits if run.seed == 0):
    near = min(resnets, key=lambda r: abs(np.log(r.flops / run.flops)))
    for one in (run, near):
        print(f"{one.model:8}{one.flops:9.1e} FLOPs, "
              f"error {one.error:.1%}")
behind = all(run.error > law(run.flops) for run in vits)
print("every ViT lies above the ResNets' line:", behind)

# %% [markdown]
# At the same compute the ResNets win by far. Sideways, the lines can be compared only at errors that both families reach. As long as the ViTs have hardly begun, that is a narrow strip near the ceiling, where lines are nearly flat and a small step
# down is a long way to the right. So the number below is worth no more than its interval. Models and seeds of both families are drawn again a thousand times, as for the band; a draw whose ViTs do not fall at all counts as infinitely much.

# %%
from clipedu_lessons.l09_scaling_laws.scaling import compare_families

both = compare_families(resnets, vits)
print(f"errors that both reach: {both.errors[0]:.0%} to "
      f"{both.errors[1]:.0%}; compared at {both.error:.0%}")
print(f"a ViT needs {both.times:,.0f} times a ResNet's compute, "
      f"95 %: {both.low:,.0f} to {both.high:,.0f}")
print("the interval holds 1, no difference:", both.low <= 1 <= both.high)

# %% [markdown]
# If the interval lies above 1, the ResNets are ahead per FLOP here; if it spans several powers of ten, nobody knows by how much. The paper finds ViTs about three times *more* efficient (section 3.2, Figure 10). Both can be true: a
# convolution knows before it starts that neighbouring pixels belong together; a ViT has to learn it, and needs pairs to do so. The paper gives it 12.8 billion, ours at most some hundred thousand. Our comparison is of the **beginning** of two trainings.
#
# There is one more reason, and no error bar shows it. The first time the series ran, the widest ViT had the ResNets' learning rate of 0.002. That row was kept apart. What happened to a ViT with a rate that fell with its width?

# %%
from clipedu_lessons.common.records import stored

tried = load_series(stored("scaling_tried.csv"))[0]
print(f"{tried.model} at a rate of 2.0e-03: {tried.error:.0%} errors")
for run in runs:
    if run.family == "vit" and run.seed == 0:
        rate = series_model(run.model).learning_rate()
        print(f"{run.model} at a rate of {rate:.1e}: "
              f"{run.error:.0%} errors")

# %% [markdown]
# At the first rate nearly every answer was wrong, after the second most compute of all runs. So the series now lowers the rate with the width, as the paper does for its large models (Tables 19 and 20). Nobody has searched for the
# best rate, warm-up or patch of each model, and a ViT on 16 patches may want all three. **A scaling law compares recipes, not architectures alone.**

# %% [markdown]
# ## 7. The paper's line, from its own tables
#
# Five ResNets: billions of multiply-adds a picture (Figure 9), mean zero-shot error over 27 datasets (computed from Table 11). All five are in the fit; the error of the largest, RN50x64, is printed later.

# %% tags=["nbval-check-output"]
names, compute, error = paper_points("resnet")
paper = fit_power_law(compute, error)
for name, x, y in zip(names[:4], compute, error):
    print(f"{name:8} {x:6.1f}  error {y:.2f} %")
print(f"all five: slope {paper.slope:.4f}, r {paper.r:.3f}")
print(f"ten times the compute: error times {paper.factor():.2f}")

# %% [markdown]
# **Predict**: fit the four smaller ones. RN50x64 computes 265.9. Will its error lie above or below what they promise? And what would a thousand times RN50x64's compute give, if the line went on?

# %% tags=["nbval-check-output"]
four = fit_power_law(compute[:4], error[:4])
told = predict(four, compute[4])
print(f"RN50x64 predicted {told.error:.1f} % ({told.low:.1f} to "
      f"{told.high:.1f}), measured {error[4]:.1f} %")
print("inside the interval:", told.low <= error[4] <= told.high)
print(f"r of the four: {four.r:.3f}")
for name, x, y in zip(names, compute, error):
    print(f"{name:8} error {y:.2f} %, line of five {paper(x):.2f} %")
far = predict(paper, 1000 * compute[4])
print(f"1,000 times more: {far.error:.1f} % ({far.low:.1f} to "
      f"{far.high:.1f})")

# %% [markdown]
# The largest model is better than the four smaller ones promise, by more than the interval allows. They are few, they lie close to their line, and so the interval is narrow; the line itself bends. Their r is closer to -1 than that of all five, and did not warn of it.
#
# The paper itself estimates that zero-shot CLIP would need about 1,000 times more compute to reach the state of the art overall, and calls it infeasible with the hardware of its day.
#
# ### The same for ViTs
#
# The paper prints no compute of its ViTs. Half of open_clip's count of operations is on the same scale.

# %% tags=["nbval-check-output"]
vit_names, vit_compute, vit_error = paper_points("vit")
for name, x, y in zip(vit_names, vit_compute, vit_error):
    needed = paper.compute_for(y) / x
    print(f"{name:15} {x:6.1f}  error {y:.1f} %; a ResNet needs "
          f"{needed:.1f} times as much")

# %% [markdown]
# The paper's "about three times" is for linear probes (section 3.2). Zero-shot, by this reading of its tables, the factor is of that size too, and differs from model to model.
#
# ### What an average hides
#
# The line is of a mean over 27 datasets. Fit each of them by itself.

# %% tags=["nbval-check-output"]
from clipedu_lessons.common.paper import DATASETS, load_paper_table

scores = load_paper_table("zero_shot")
slopes, steady = {}, 0
for dataset in DATASETS:
    wrong = [100 - scores.row(model=name)[dataset] for name in names]
    slopes[dataset] = fit_power_law(compute, wrong).slope
    steady += all(b < a for a, b in zip(wrong, wrong[1:]))
order = sorted(slopes, key=slopes.get)
print("steepest:", [f"{d} {slopes[d]:.2f}" for d in order[:3]])
print("flattest:", [f"{d} {slopes[d]:.2f}" for d in order[-3:]])
print(f"better at every step: {steady} of {len(DATASETS)} datasets; "
      f"worse with compute: {sum(s > 0 for s in slopes.values())}")

# %%
figure = law_figure({"mean of 27 datasets": (compute, error)}, paper,
                    unit="billions of multiply-adds a picture")
for dataset in DATASETS:
    wrong = [100 - scores.row(model=name)[dataset] for name in names]
    figure.axes[0].plot(compute, wrong, "-", marker="", color="0.75",
                        zorder=0)
show(figure, "Grey: each dataset by itself; some go up and down, and one "
     "(KITTI) rises on the whole. Black: their mean, near a line.")

# %% [markdown]
# The mean is smooth because the bumps of 27 datasets cancel. The paper says so too: single tasks can be much noisier, and whether that is chance or true steps that the mean covers is left open (section 3.1.5). A law
# for the mean promises nothing for *your* task.

# %% [markdown]
# ## 8. What the error bars do not show
#
# **One data set.** The bootstrap draws models. It never draws another set of pictures and captions. **One recipe**, with its learning rate. **One choice of axis**: compute of training, of one picture, or seconds
# tell different stories. **Who chose the points**: the range, and which runs count.
#
# The last one you can try. Take every three models of the paper's five:

# %% tags=["nbval-check-output"]
from itertools import combinations

found = [
    fit_power_law([compute[k] for k in three], [error[k] for k in three])
    for three in combinations(range(5), 3)
]
slopes = sorted(one.slope for one in found)
print(f"{len(found)} ways to choose three of five models")
print(f"slopes from {slopes[0]:.3f} to {slopes[-1]:.3f}")
print(f"every |r| above 0.96: {min(abs(one.r) for one in found) > 0.96}")

# %% [markdown]
# Each of the ten would have made a figure with a convincing line. A correlation close to -1 says that these points lie on a line. It does not say that the next one will.
#
# ### Seeds
#
# How large is the part of chance in our own series? Compare the spread of seeds with the step from one model to the next.

# %%
for name in dict.fromkeys(models):
    own = errors[[k for k, other in enumerate(models) if other == name]]
    if len(own) > 1:
        print(f"{name:7} {len(own)} seeds: "
              f"{', '.join(f'{e:.1%}' for e in own)}; "
              f"spread {100 * np.ptp(own):.1f} points")

# %% [markdown]
# Compare the widest spread with the step between two neighbours of the table: chance alone can be as large as a step of four times the compute. A figure with one seed a model would look cleaner and be worth less. The large models here
# have one seed each, and so has every model of the paper's Figure 9.

# %% [markdown]
# ## What does ten times the compute buy?

# %%
print(f"Here: ten times the compute multiplies the zero-shot error by "
      f"{law.factor():.2f}.")
half = 0.5 ** (1 / paper.slope)
print(f"The paper's ResNets: by {paper.factor():.2f}; half the error "
      f"would take {half:,.0f} times.")

# %% [markdown]
# The two numbers are not the same law: other pictures, other tasks, far smaller models, errors that start near the ceiling. What they share is the shape of the bargain: equal factors of compute for equal factors of error, and never a gift.
#
# **You now know** how to count compute, fit the line, put an honest band around it and test it on a model kept out; and that a law holds for a recipe, on its data, in its range.
#
# **Next**: the [exercises of lesson 09](../exercises/09_scaling_laws.ipynb), then [lesson 10, Linear probes](10_linear_probes.ipynb), where the models of the paper's Table 10 are compared.
