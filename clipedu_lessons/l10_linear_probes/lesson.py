# %% [markdown]
# # 10 · Linear probes
#
# **How good are the features?**
#
# This lesson rebuilds section 3.2 and appendix A.3 of Radford et al. 2021 ([arXiv 2103.00020](https://arxiv.org/abs/2103.00020)), with Figures 5 to 8, 10 and 11. Plan about 75 minutes for reading and predicting, and another three hours if you do all the exercises. The notebook runs in about a minute on two CPU cores.

# %%
import math

import torch
from torch.nn import functional as F

from clipedu.evaluation import load_task, zero_shot, zero_shot_classifier
from clipedu.plots import picture_grid, show
from clipedu_lessons.common.mine import use
from clipedu_lessons.common.numbers import numbers

model, tokenizer = use()  # or use("mine"): what you trained in lesson 04
digits = load_task("digits")  # handwritten, 8 x 8 pixels, made larger
digits = digits.take(torch.randperm(len(digits), generator=torch.Generator().manual_seed(0))[:900])
asked = zero_shot(model, tokenizer, digits)
said = [digits.class_names[k] for k in asked.predictions[:16, 0].tolist()]
show(picture_grid(digits.pictures[:16], said), "Sixteen handwritten digits, each under the word that CLIP chose zero-shot.")
print(f"zero-shot: {asked.top1:.1%} right, guessing {asked.chance:.0%}")
numbers(digits_zero=f"{asked.top1:.0%}")

# %% [markdown]
# Zero-shot, our CLIP gets {=digits_zero} of these digits right. There are two explanations. Perhaps the image encoder is *blind* to handwriting: a 3 and an 8 get nearly the same vector. Or the vectors differ, and only the *words* fail, because no caption said "eight" beside a handwritten digit. Zero-shot accuracy can't tell the two apart.
#
# A **linear probe** can. Freeze the image encoder, take its vectors as they are, and train the simplest classifier on them, with labels. If it separates the digits, then the features hold the difference. The paper judges 66 models on 27 datasets this way, and the best CLIP had the highest mean of all.
#
# There is a catch, and it shapes this lesson: raw pixels can be probed, too. A probe on features says little until you know what a probe on something trivial would get.
#
# **After this lesson you can**
#
# * work out the loss of a probe on paper, and say what $\lambda$ does to it;
# * follow the paper's protocol: which features, which split, which $\lambda$, and when to look at the test pictures;
# * choose the baselines and the split that make a probe mean something;
# * say how many labeled examples zero-shot is worth, with an interval;
# * tell a calibration error from noise, and reduce it with one number.
#
# In the exercises you write `linear_probe` for your own `my_clip.py`.
#
# ## 1. A probe on paper
#
# A probe has a row of weights $w_c$ for each class $c$ and a bias $b_c$. The score of a picture with features $x$ is $w_c \cdot x + b_c$, the scores go through a softmax, and the cross-entropy says how wrong they are. This is *multinomial logistic regression*.
#
# Take two features and two classes, with $w_A = (1, 0)$, $w_B = (0, 1)$ and no bias. Then the score of A is the first feature and the score of B the second.
#
# | features | class | score of A | score of B |
# |---|---|---|---|
# | (2, 1) | A | 2 | 1 |
# | (1, 2) | B | 1 | 2 |
# | (1, 1.5) | A | 1 | 1.5 |
#
# **Predict**: which point is on the wrong side, and is its loss above or below $\ln 2 = 0.69$?

# %%
prediction = ...  # change this: (point, above or below)

# %% tags=["nbval-check-output"]
points = torch.tensor([[2.0, 1.0], [1.0, 2.0], [1.0, 1.5]])
classes = torch.tensor([0, 1, 0])  # A, B, A
weights = torch.tensor([[1.0, 0.0], [0.0, 1.0]])  # (C, W): a row for each class
losses = F.cross_entropy(points @ weights.T, classes, reduction="none")
for point, loss in zip(points.tolist(), losses.tolist()):
    print(f"{point}: probability of its class {math.exp(-loss):.3f}, loss {loss:.3f}")
total, squares = losses.sum().item(), weights.square().sum().item()
print(f"sum {total:.3f}; with the penalty at lambda 0.5: {total + 0.25 * squares:.3f}")
numbers(wrong_loss=f"{losses[2]:.2f}")

# %% [markdown]
# The third point is on the wrong side: its class has less than half of the probability, so its loss {=wrong_loss} is above $\ln 2$.
#
# The last line adds a **penalty**, so that the whole objective is
#
# $$
# \sum_i -\ln p_i + \frac{\lambda}{2} \sum_{c} \lVert w_c \rVert^2 .
# $$
#
# Without it, points that can be separated ask for ever larger weights, because doubling all weights makes every right answer more confident. The bias is not penalized, because where the classes lie is no sign of overfitting. (Adding the same number to every bias changes nothing, so the bias is only defined up to a constant. The weights are unique.)
#
# The objective is convex. **L-BFGS** uses the last few gradients to estimate its curvature, and reaches the minimum in few steps. The paper allows 1,000 of them.

# %%
def probe_in_the_open(x, y, lam, classes):
    """(N, W), (N,) -> weights (C, W) and the value of the objective."""
    w = x.new_zeros(classes, x.shape[1], requires_grad=True)
    b = x.new_zeros(classes, requires_grad=True)
    exact = dict(tolerance_grad=1e-9, tolerance_change=1e-14, line_search_fn="strong_wolfe")
    optimizer = torch.optim.LBFGS([w, b], max_iter=1000, **exact)

    def objective():
        optimizer.zero_grad()
        loss = F.cross_entropy(x @ w.T + b, y, reduction="sum") + lam / 2 * (w**2).sum()
        loss.backward()
        return loss

    optimizer.step(objective)
    return w.detach(), objective().item()

# %% tags=["nbval-check-output"]
from clipedu.evaluation.probe import fit_probe
from clipedu_lessons.l10_linear_probes.sklearn_probe import fit_sklearn

noise = torch.Generator().manual_seed(0)
y3 = torch.arange(60) % 3
centers = torch.tensor([[0.0, 1.2], [-1.0, -0.6], [1.0, -0.6]])
cloud = centers[y3] + 0.7 * torch.randn(60, 2, generator=noise)  # (60, 2)
w, loss = probe_in_the_open(cloud.double(), y3, 1.0, 3)
print(f"in the open   objective {loss:.4f}  weights of class 0 {[f'{v:.3f}' for v in w[0]]}")
for who, fit in (("the library", fit_probe), ("scikit-learn", fit_sklearn)):
    p = fit(cloud, y3, 1.0, tolerance=1e-9)
    print(f"{who:13} objective {p.loss:.4f}  weights of class 0 {[f'{v:.3f}' for v in p.weights[0]]}")

# %% [markdown]
# Three solvers find the same minimum. Now change $\lambda$. **Predict**: at a very large $\lambda$, what does the probe say about a new point?

# %%
prediction = ...  # change this

# %%
from clipedu.plots import COLOURS, MARKERS
from clipedu_lessons.common.figures import new_figure

figure = new_figure(7.5, 2.9)
side = torch.linspace(-3, 3, 120)
plane = torch.stack(torch.meshgrid(side, side, indexing="xy"), -1).reshape(-1, 2)
levels = [0.33, 0.5, 0.7, 0.9, 1.0]
for axes, lam in zip(figure.subplots(1, 3, sharey=True), (0.001, 1.0, 100.0)):
    top = fit_probe(cloud, y3, lam).logits(plane).softmax(1).amax(1).reshape(120, 120)
    shades = axes.contourf(side, side, top, levels, cmap="Greys", alpha=0.6)
    for k in range(3):
        style = dict(marker=MARKERS[k], color=COLOURS[2 * k], edgecolor="black")
        axes.scatter(*cloud[y3 == k].T, s=14, linewidth=0.4, **style)
    axes.set(title=f"lambda = {lam:g}", xlabel="feature 1", aspect="equal")
_ = figure.axes[0].set_ylabel("feature 2")

# %%
figure.colorbar(shades, ax=figure.axes, label="probability of the winner")
words = "Three clouds of points. Dark shades mean a confident probe: nearly everywhere at lambda "
show(figure, words + "0.001, away from the borders at 1, nowhere at 100.")

# %% [markdown]
# A small $\lambda$ trusts every training point, and a very large one only knows how common each class is. The best value lies in between and differs from task to task, so it must be *chosen*, without looking at the test pictures.
#
# **Check your understanding**
#
# 1. All features are multiplied by 10. Which $\lambda$ gives the same predictions as before?
# 2. Why does the penalty use the sum of squares of *all* weights, and not of each class by itself?
# 3. There are twice as many training pictures, and $\lambda$ stays the same. Does the penalty count more or less?
#
# <details><summary>Answers</summary>
#
# 1. 100 times the old one. The weights can be a tenth for the same scores, so their squares are a hundredth. This is why features are standardized below.
# 2. It is the same thing: the sum over all weights is the sum over the classes. One $\lambda$ holds for all.
# 3. Less. The cross-entropies are summed, so they double, and the penalty doesn't.
#
# </details>
#
# ## 2. The protocol, and four baselines
#
# **Which features?** The image encoder ends in a *projection*, a matrix into the space that pictures and captions share. The paper's probes read the vector **before** it, because the projection may drop what captions don't mention.
#
# **Which scale?** The features of two encoders can differ in size, and $\lambda$ depends on the scale. Below, a feature of CLIP has a standard deviation of {=clip_spread} on average, and one of an untrained encoder {=untrained_spread}. So we **standardize**: each feature gets mean 0 and standard deviation 1 on the training pictures. (The paper doesn't; it searches $\lambda$ over twelve decades instead.)
#
# **Which pictures?** *Train* to fit, *validation* to choose $\lambda$, *test* to look at once. When $\lambda$ is chosen, the probe is fitted again on train and validation together.
#
# One thing to keep straight: a probe *learns from labels of this very task*, and zero-shot doesn't. A probe's accuracy says how good the features are. It says nothing about zero-shot.

# %% tags=["nbval-check-output"]
from clipedu.evaluation.probe import picture_features, split_pictures
from clipedu.models import build

blank = build(model.config, seed=0).eval()  # the same encoder, untrained
split = split_pictures(digits.labels, seed=0)
print({part: len(getattr(split, part)) for part in ("train", "validation", "test")})
features = {"CLIP": picture_features(model, digits.pictures)}  # (900, W), before the projection
features["untrained"] = picture_features(blank, digits.pictures)
for who, x in features.items():
    spread = x[split.train].std(0)
    print(f"{who:10} {tuple(x.shape)}, spread of a feature {spread.min():.3f} to {spread.max():.3f}")
    numbers(**{f"{who}_spread".lower(): f"{spread.mean():.2f}"})

# %% [markdown]
# **Choosing $\lambda$.** The paper's grid reaches from $10^{-6}$ to $10^6$ in 96 equal steps of the logarithm, so it has 97 values. It doesn't fit them all. It fits seven, two decades apart, then the two halfway to the neighbors of the best, and so on, until they are one step apart.
#
# **Predict**: how many fits is that at most?

# %%
prediction = ...  # change this

# %%
from functools import partial

from clipedu.evaluation.probe import search_lambda

def standardize(x, rows):
    """Features (N, W) -> each with mean 0 and spread 1 on these rows."""
    return (x - x[rows].mean(0)) / x[rows].std(0).clamp(min=1e-6)

scaled = standardize(features["CLIP"], split.train)
train, validation, test = ((scaled[rows], digits.labels[rows])
                           for rows in (split.train, split.validation, split.test))
quick = partial(fit_probe, *train, classes=10, tolerance=1e-5)
decades = [10.0**k for k in range(-6, 7)]
coarse = search_lambda(train, validation, grid=decades, search="grid", fit=quick)
halved = search_lambda(train, validation, fit=quick)
print(f"{len(halved.lams)} of 97 fits; chosen lambda {halved.best:.3g}")
numbers(fits=len(halved.lams), best_lambda=f"{halved.best:.3g}")

# %%
figure = new_figure(6.4, 3)
axes = figure.subplots()
axes.plot(coarse.lams, [100 * a for a in coarse.accuracies], marker="", label="decades")
axes.plot(halved.lams, [100 * a for a in halved.accuracies], "o", color=COLOURS[4], label="halving")
axes.axvline(halved.best, color="#666666", linestyle=":", marker="", label="chosen")
axes.set(xscale="log", xlabel="lambda", ylabel="validation accuracy (%)")
axes.legend()
words = "Validation accuracy against lambda: flat and high for small ones, low for very large ones. "
show(figure, words + "The points that halving tried crowd around the end of the plateau.")

# %% [markdown]
# At most 15: seven, and two for each of four halvings. Here it took {=fits}. The curve is nearly flat up to the chosen value {=best_lambda}, so it hardly matters where on the plateau the search ends.
#
# Now the test pictures, and with them the baselines that a skeptic asks for:
#
# * **six color statistics**: mean and standard deviation of red, green and blue over the picture;
# * **8 x 8 pixels**: the picture, shrunk;
# * **an untrained encoder**: random weights, same architecture;
# * **guessing**.
#
# **Predict**: which of them comes closest to CLIP's features?

# %%
prediction = ...  # change this

# %% tags=["nbval-check-output", "tolerance-0.05"]
from clipedu.evaluation.probe import linear_probe
from clipedu_lessons.l10_linear_probes.probe_tasks import coarse_pixels, color_statistics

features["six color statistics"] = color_statistics(digits.pictures)
features["8 x 8 pixels"] = coarse_pixels(digits.pictures)
print(f"{'guessing':21} {1 / 10:.1%}\n{'zero-shot':21} {asked.top1:.1%}")
probes = {}
for who in ("six color statistics", "8 x 8 pixels", "untrained", "CLIP"):
    x = standardize(features[who], split.train)
    probes[who] = found = linear_probe(x, digits.labels, split=split, grid=decades)
    low, high = found.interval
    print(f"{who:21} {found.accuracy:.1%} ({low:.1%} to {high:.1%}), lambda {found.lam:.2g}")
    numbers(**{"d_" + who.split()[-1].lower(): f"{found.accuracy:.0%}"})

# %% [markdown]
# The probe on CLIP's features gets {=d_clip}, so the encoder is not blind, and what fails comes after it. (Zero-shot reads the vector *after* the projection. Section 5 probes that vector, and there a few examples beat the words, too.) But look one line up. A probe on an *untrained* encoder gets {=d_untrained}, and 8 x 8 pixels get {=d_pixels}. A linear classifier needs nothing but the coarse shape to tell these digits apart; only the color statistics, which hold no shape, do badly. So the probe shows that CLIP's encoder doesn't *lose* the digits. It does not show that training taught the encoder anything about them.
#
# This is the most common error with probes: to report a high accuracy without the trivial features beside it.
#
# ### A mistake to make once: choosing on the test pictures
#
# Suppose somebody skips validation, looks at the *test* accuracy of all $\lambda$ and reports the best. How much better does that look than it is? To see it we need many test sets: 30 times we draw 150 digits to fit, 60 to choose and 60 to test.

# %% tags=["nbval-check-output", "tolerance-0.05"]
gains = []
for seed in range(30):
    order = torch.randperm(len(digits), generator=torch.Generator().manual_seed(seed))
    parts = [(scaled[rows], digits.labels[rows]) for rows in order[:270].split([150, 60, 60])]
    fit = partial(fit_probe, *parts[0], classes=10, tolerance=1e-5)
    few = search_lambda(*parts[:2], grid=decades[5:11], search="grid", fit=fit)
    on_test = [probe.accuracy(*parts[2]) for probe in few.probes]
    gains.append(100 * (max(on_test) - on_test[few.lams.index(few.best)]))
gains = torch.tensor(gains)
print(f"chosen on test instead of validation: {gains.mean():+.1f} points, up to {gains.max():+.1f}")
numbers(optimism=f"{gains.mean():.1f}", worst=f"{gains.max():.1f}")

# %% [markdown]
# It looks {=optimism} points better on average and up to {=worst} points in a single case, and nothing was gained: the largest of several numbers can't be smaller than the one that validation chose. With more settings to choose from, and with smaller test sets, expect a larger gift. That's why the test part is looked at once.
#
# **Check your understanding**
#
# 1. Why is $\lambda$ not chosen by the accuracy on the training part?
# 2. Standardizing used the mean and spread of the training part only. What would be wrong with those of all pictures?
# 3. A colleague reports 95 % for a probe on satellite pictures. Which two numbers do you ask for?
#
# <details><summary>Answers</summary>
#
# 1. The smallest $\lambda$ always fits the training pictures best.
# 2. Little, in practice. But the test pictures would have influenced the classifier, and with a few test pictures of another kind it would matter.
# 3. The accuracy of a probe on something trivial, such as the mean color (water is blue), and how train and test were split: two crops of one scene on both sides would explain the 95 %.
#
# </details>
#
# ## 3. Twelve tasks
#
# Digits are one task. The paper has 27. `benchmarks/baseline.py` measures {=n_tasks} that this course can draw or load, with seven kinds of features. Beside the trivial ones and the shipped model there are three small encoders of the same size. All saw the same {=small_pictures} drawings of the twelve training sets in the same order, with the same augmentation. They differ only in what they learned from: CLIP from captions, one from *labels* (the first word of each name, {=n_labels} classes), and one from no words at all (SimCLR, lesson 07).
#
# Two precautions. Pictures that belong together stay on one side of the split: near-duplicates, or one icon in eight colors. Rendered words are tested in a font that was not in the training part. And the tasks are of three kinds. Above the first line, the probe learns from some artists and is tested on another. *Content* asks what is shown. *Nuisance* asks for the ink or the pen, which say nothing about what is shown.

# %%
from clipedu.training import RECIPES
from clipedu_lessons.common.records import about_record, read_record
from clipedu_lessons.l10_linear_probes.ladder_figure import ahead, ladder_figure

rows, about = read_record("baseline"), about_record("baseline")
by_task = {row["task"]: row for row in rows}
show(*ladder_figure(rows))
small = about["recipe"]["batch_size"] * about["recipe"]["steps"]
numbers(n_tasks=len(rows), small_pictures=f"{small:,}", n_labels=about["classes"])
numbers(times=f"{RECIPES['shipped'].batch_size * RECIPES['shipped'].steps / small:.0f}", n_lambdas=len(about["lambdas"]))

# %% tags=["nbval-check-output"]
from clipedu_lessons.l10_linear_probes.probe_tasks import PROBE_TASKS

print(f"{'':17} best trivial      CLIP   points ahead (95 %)")
for row in rows:
    name, trivial = row["task"], row["trivial"]
    cells = f"{row[trivial + '_probe']:6.1%} {trivial:10}{row['shipped_probe']:6.1%}"
    print(f"{name:17}{cells}   {ahead(row):18}   {PROBE_TASKS[name].kind}")
both = [sum(row[f"{k}_probe"] for row in rows) / len(rows) for k in ("untrained", "shipped")]
print(f"mean of all {len(rows)} tasks: untrained encoder {both[0]:.1%}, CLIP {both[1]:.1%}")
across = [row for row in rows if row["task"].startswith("to ")]
least, most = (f(100 * row["margin"] for row in across) for f in (min, max))
numbers(margin_least=f"{least:.0f}", margin_most=f"{most:.0f}", of_lucide=ahead(by_task["things of lucide"]))
numbers(mean_untrained=f"{both[0]:.0%}", mean_shipped=f"{both[1]:.0%}")

# %% tags=["nbval-check-output"]
pairs = {"simclr_vs_clip": "SimCLR - CLIP", "supervised_vs_clip": "labels - CLIP", "simclr_vs_pixels": "SimCLR - pixels"}
print(f"{'':16}{'CLIP':>5}" + "".join(f"{label:>21}" for label in pairs.values()))
for row in across:
    print(f"{row['task']:16}{row['clip_probe']:5.0%}" + "".join(f"{ahead(row, what):>21}" for what in pairs))
first = by_task["to lucide"]
numbers(**{f"{k}_small": f"{first[k + '_probe']:.0%}" for k in ("simclr", "clip", "supervised", "pixels", "shipped")})

# %% [markdown]
# Read the first table from the top. **Across artists** the shipped CLIP is {=margin_least} to {=margin_most} points ahead of the best trivial features, and no interval comes near zero. On **content** tasks the lead is smaller, and on *digits*, *fashion_mnist* and *rendered_words* its interval contains zero. On *digits* no encoder could show much, because pixels leave hardly any errors to repair. And on the three **nuisance** tasks CLIP is *behind* trivial features. In the figure you see that even six color statistics tell the ink better than CLIP's 192 features.
#
# So the question "whose features are best?" has no answer without "for what?". The average over all twelve tasks puts CLIP ahead, {=mean_shipped} against {=mean_untrained} for the untrained encoder, but it hides that the nuisance tasks cancel a good part of the lead.
#
# The small encoders tell a second story. They learned from equally many pictures, so the second table compares them with each other, again picture by picture. SimCLR's features are ahead of CLIP's on Lucide and Heroicons, and level on Font Awesome. Labels are ahead of CLIP on Lucide, behind on Font Awesome, and on Heroicons the interval touches zero. Against 8 x 8 pixels even SimCLR is only ahead on Lucide. So {=small_pictures} drawings buy little of what an encoder needs here.
#
# Lesson 07 found SimCLR ahead as well, and a possible reason: its two views differ in pen, size and angle, as artists do. The shipped model is larger, saw {=times} times as many pictures and reaches {=shipped_small} on Lucide, where the small SimCLR has {=simclr_small}. So words may simply need more pictures before they pay. We have not measured that, because it would take a SimCLR with the budget of the shipped model. And each small encoder is one run with one seed: the intervals hold the scatter of pictures, not that of runs.
#
# ### What the augmentation took away
#
# Why is CLIP worse than an untrained encoder on nuisances? An explanation comes to mind: in training, strokes are thickened, thinned, outlined and inverted at random, so the pen is made useless on purpose. An explanation is not yet a cause. So a fourth small encoder was trained like the small CLIP, with one change: its pictures were only moved, turned and scaled.

# %% tags=["nbval-check-output"]
print("probe on     pens changed in training   only moved and turned   points between them (95 %)   untrained")
for name in ("pens", "style", "colour", "to lucide", "to font_awesome", "to heroicons"):
    row = by_task[name]
    cells = [f"{row[k + '_probe']:.0%}" for k in ("clip", "clip_plain", "untrained")]
    print(f"{name:15}{cells[0]:>21}{cells[1]:>24}{ahead(row, 'clip_plain_vs_clip'):>29}{cells[2]:>12}")
    key = name.split()[-1]
    numbers(**{f"{key}_changed": cells[0], f"{key}_plain": cells[1], f"{key}_gain": ahead(row, "clip_plain_vs_clip")})
numbers(colour_shipped=f"{by_task['colour']['shipped_probe']:.0%}")

# %% [markdown]
# For *pens* the explanation holds. Without the changes the probe gets {=pens_plain}, with them {=pens_changed}, a difference of {=pens_gain} points. For *style* the difference is small, but has the same sign ({=style_gain}). For *colour* the explanation fails: both small encoders keep the ink ({=colour_gain}). The shipped encoder has lost some color ({=colour_shipped}). It is larger, was trained much longer and with stronger augmentation, so this experiment can't say why.
#
# What does the augmentation give in return? It was meant to help with other artists' pens, and at this small budget it doesn't. On Lucide the encoder without it is even ahead ({=lucide_gain}), and on the two other sets the intervals contain zero. Here, too, there is one run of each, with one seed.
#
# ### What the choice of $\lambda$ does
#
# A search can only find what its grid holds. If the best value is at the grid's end, a better one may lie outside, and the probe looks worse than its features are. So count how often that happens. The probes above searched {=n_lambdas} decades, from $10^{-4}$ to $10^6$. Beside it, the same probes with only the five decades from 1 to $10^4$.

# %% tags=["nbval-check-output"]
kinds = [key.removesuffix("_lambda") for key in rows[0] if key.endswith("_lambda")]
chosen = torch.tensor([[row[f"{key}_lambda"] for key in kinds] for row in rows]).double()  # (tasks, kinds)
wide, narrow = (torch.tensor([[row[f"{key}_{of}"] for key in kinds] for row in rows]) for of in ("probe", "narrow"))
ends = (chosen <= min(about["lambdas"])).sum().item(), (chosen >= max(about["lambdas"])).sum().item()
below, above = (chosen < min(about["narrow"])).sum().item(), (chosen > max(about["narrow"])).sum().item()
gain = 100 * (wide - narrow)
print(f"{chosen.numel()} probes; at the ends of the wide grid {ends[0]} (lowest) and {ends[1]} (highest)")
print(f"outside the narrow grid: {below} below it, {above} above it")
print(f"test accuracy, wide less narrow: mean {gain.mean():+.2f} points, from {gain.min():+.1f} to {gain.max():+.1f}")
numbers(n_probes=chosen.numel(), at_ends=sum(ends), below=below, above=above, gain_mean=f"{gain.mean():+.1f}", gain_least=f"{gain.min():+.1f}", gain_most=f"{gain.max():+.1f}")

# %% [markdown]
# Of {=n_probes} probes only {=at_ends} chose an end of the wide grid. The narrow grid would have cut off {=below} from below and {=above} from above, so an author who looks at the chosen values would widen it. What does that change? On average nothing ({=gain_mean} points). But single accuracies move by {=gain_least} to {=gain_most} points, in both directions. Along the plateau that you saw in section 2, the hundred or two hundred validation pictures can't tell one $\lambda$ from the next, so the choice is partly luck, and with a hundred test pictures it shows. The intervals in our tables draw test pictures again and not this choice. So don't make much of a few points between two probes on a small task.
#
# **Check your understanding**
#
# 1. Why is *colour* split by icons, and not at random?
# 2. An encoder gets 99 % on digits. What do you say?
# 3. Which experiment would show that words need more pictures than SimCLR, and what would it have to keep equal?
#
# <details><summary>Answers</summary>
#
# 1. The same icon in eight inks is eight pictures. With a random split the probe would see each test icon in training, in another ink.
# 2. That 8 x 8 pixels get {=d_pixels}.
# 3. Both trained for several budgets, with the same encoder, pictures and augmentation, three seeds each, and the two curves drawn with intervals. Then one looks where they cross.
#
# </details>
#
# ## 4. Across artists
#
# A random split asks whether the probe can name *more drawings by the same artist*. Artists repeat themselves: an icon set draws its calendar once and then adds a plus, a check mark, a heart. Pixels can recognize such repetitions. What we want to know is whether the features hold what *different* artists' calendars have in common.
#
# So the probe learns from one artist, and is tested on others. The classes are {=n_things} things, such as *arrow* or *calendar*: first words of icon names. Training pictures are Material Design Icons, $\lambda$ is chosen on Tabler, and the test pictures are Lucide, Font Awesome and Heroicons, which CLIP has never seen.

# %%
from clipedu.evaluation import grouped_interval
from clipedu_lessons.common.things import things_task
from clipedu_lessons.l10_linear_probes.probe_tasks import numbered, paired_margin, thing_names

sets = ["mdi", "tabler", "lucide", "font_awesome", "heroicons"]
held_out = sets[2:]
tasks = {key: things_task(key) for key in sets}
drawn = {key: numbered(thing_names(key)) for key in sets}  # the same number: the same icon name
read = {"six color statistics": color_statistics, "8 x 8 pixels": coarse_pixels,
        "untrained": partial(picture_features, blank), "CLIP": partial(picture_features, model)}
vectors = {who: {key: f(tasks[key].pictures) for key in sets} for who, f in read.items()}
print({key: len(task) for key, task in tasks.items()})
numbers(n_things=len(tasks["mdi"].class_names), n_mdi=f"{len(tasks['mdi']):,}")

# %% [markdown]
# **Predict**: 8 x 8 pixels against CLIP's features, on Lucide. Who is ahead, and by how much?

# %%
prediction = ...  # change this

# %%
LAMBDAS = [10.0**k for k in range(1, 5)]

def probe_across(features):
    """Icon set -> (N, W) features; returns set -> (N, 88) logits of a probe on mdi."""
    mean, std = features["mdi"].mean(0), features["mdi"].std(0).clamp(min=1e-6)
    parts = {key: ((x - mean) / std, tasks[key].labels) for key, x in features.items()}
    fit = partial(fit_probe, *parts["mdi"], classes=88, tolerance=1e-5)
    found = search_lambda(parts["mdi"], parts["tabler"], grid=LAMBDAS, search="grid", fit=fit)
    chosen = found.probes[found.lams.index(found.best)]
    return {key: chosen.logits(parts[key][0]) for key in sets[1:]}

answers = {who: probe_across(features) for who, features in vectors.items()}
right = {who: {key: found[key].argmax(1) == tasks[key].labels for key in held_out} for who, found in answers.items()}
asked_things = {key: zero_shot(model, tokenizer, tasks[key]) for key in held_out}
right["zero-shot"] = {key: a.predictions[:, 0] == tasks[key].labels for key, a in asked_things.items()}

# %% tags=["nbval-check-output", "tolerance-0.05"]
print(f"{'probe on mdi, tested on':23}" + "".join(f"{key:>22}" for key in held_out))
for who, hits in right.items():
    cells = ""
    for key in held_out:
        low, high = grouped_interval(hits[key], drawn[key])
        share = hits[key].double().mean()
        cells += f"{share:10.1%} ({low:3.0%} to {high:3.0%})"
        numbers(**{f"{who.split()[-1].replace('-', '_').lower()}_{key}": f"{share:.0%}"})
    print(f"{who:21}{cells}")

# %% [markdown]
# Now CLIP's features are far ahead: {=clip_lucide} on Lucide where 8 x 8 pixels get {=pixels_lucide} and the untrained encoder {=untrained_lucide}. By how much? Both answer the same pictures, so we count the difference picture by picture. Pictures with the same name are not independent, so the interval draws *names* with replacement.

# %% tags=["nbval-check-output", "tolerance-0.05"]
trivial = list(read)[:3]
for key in held_out:
    best = max(trivial, key=lambda who: right[who][key].double().mean())
    points, low, high = (100 * v for v in paired_margin(right["CLIP"][key], right[best][key], drawn[key]))
    print(f"{key:13} CLIP is {points:.1f} points ({low:.1f} to {high:.1f}) ahead of {best}")
    numbers(**{f"ahead_{key}": f"{points:.0f} points ({low:.0f} to {high:.0f})"})

# %% [markdown]
# This is the main result of the lesson. On each of the three artists CLIP's features are far ahead of everything trivial: {=ahead_lucide} on Lucide, {=ahead_font_awesome} on Font Awesome and {=ahead_heroicons} on Heroicons. The intervals are far from zero, so the features hold something that different artists' drawings of a thing have in common.
#
# The last row is zero-shot, from the same words. It needs no label and gets {=zero_shot_lucide} on Lucide, where the probe gets {=clip_lucide} with {=n_mdi} labeled pictures by another artist. (First words of names, such as *alpha*, are poor prompts. Lesson 05 asked for whole names, hence its higher rates.)
#
# ### How much of it are near-duplicates?
#
# Does it matter so much *whose* pictures are tested? We probe Lucide alone, with two splits: at random, and with drawings that look alike on the same side (a cosine of 0.9 and more at 16 x 16 pixels). Each row pools the test pictures of three splits, and its interval draws groups of look-alikes. If near-duplicates were the whole explanation, then pixels should fall to the level of other artists as soon as look-alikes stay together.

# %%
from clipedu_lessons.l10_linear_probes.probe_tasks import alike, split_groups

lucide = tasks["lucide"]

def within(x, groups):
    """Three splits that keep each group on one side: right or not, and which rows were asked."""
    hits, asked = [], []
    for seed in range(3):
        each = split_groups(groups, seed=seed)
        scaled = standardize(x, each.train)
        parts = [(scaled[r], y[r]) for r in (each.train, each.validation, each.test)]
        fit = partial(fit_probe, *parts[0], classes=88, tolerance=1e-4)
        tried = search_lambda(*parts[:2], grid=LAMBDAS, search="grid", fit=fit)
        best = tried.probes[tried.lams.index(tried.best)]
        hits.append(best.logits(parts[2][0]).argmax(1) == parts[2][1])
        asked.append(each.test)
    return torch.cat(hits), torch.cat(asked)

# %% tags=["nbval-check-output", "tolerance-0.05"]
rows = torch.nonzero(torch.bincount(lucide.labels, minlength=88)[lucide.labels] >= 5).flatten()
y, together = lucide.labels[rows], alike(lucide.pictures[rows])
print(f"{len(rows)} drawings, {int(together.max()) + 1} groups of look-alikes")
found = {"from another artist": ([right[who]["lucide"][rows] for who in ("8 x 8 pixels", "CLIP")], together)}
for how, groups in (("look-alikes together", together), ("at random", torch.arange(len(rows)))):
    (plain, asked), (clip, _) = (within(vectors[who]["lucide"][rows], groups) for who in ("8 x 8 pixels", "CLIP"))
    found[how] = [plain, clip], together[asked]
print(f"{'probe of Lucide':22}pixels    CLIP   points ahead (95 %)")
for (how, (hits, groups)), key in zip(found.items(), ("other", "look", "random")):
    shares = [f"{h.double().mean():.0%}" for h in hits]
    points = "{:+.0f} ({:+.0f} to {:+.0f})".format(*(100 * v for v in paired_margin(hits[1], hits[0], groups)))
    print(f"{how:22}{shares[0]:>6}{shares[1]:>8}   {points}")
    numbers(**{f"pixels_{key}": shares[0], f"clip_{key}": shares[1], f"lead_{key}": points})

# %% [markdown]
# Within one artist, pixels are nearly as good as CLIP. With a random split CLIP leads by {=lead_random} points, and with look-alikes together by {=lead_look}. Both intervals contain zero. On the same drawings, but with a probe that learned from Material Design Icons, the lead is {=lead_other} points. (On all of Lucide's things, rare ones included, section 3 found {=of_lucide}.)
#
# So near-duplicates are not the explanation: without them pixels still get {=pixels_look}. A likely reason is that an artist draws every calendar with the same frame and every arrow with the same head, which pixels can use without any two drawings being alike as a whole. Grouping look-alikes can't take that away. Another artist can, and that is why this lesson's main result is across artists.
#
# ### One label, other artists
#
# The hardest version has one labeled drawing of each name. {=n_pair} names are drawn by all three held-out sets. We take one set's drawings as the only examples, name every drawing of another set after its nearest example, and average over the six ordered pairs of sets.

# %%
from clipedu.evaluation import embed_texts
from clipedu.pairs import held_out_pairs, to_pictures

firsts = {}  # set -> name -> its first picture
for key in held_out:
    pairs = held_out_pairs(key, progress=False)
    firsts[key] = {icon.name.lower(): i for i, icon in reversed(list(enumerate(pairs.icons)))}
    firsts[key]["pictures"] = pairs.rgba
names = sorted(set.intersection(*(set(each) for each in firsts.values())) - {"pictures"})
drawings = [to_pictures(firsts[key]["pictures"][[firsts[key][n] for n in names]]) for key in held_out]

# %% tags=["nbval-check-output", "tolerance-0.05"]
spaces = {who: [F.normalize(f(p) - f(p).mean(0), dim=1) for p in drawings] for who, f in read.items()}
ordered, same = [(i, j) for i in range(3) for j in range(3) if i != j], torch.arange(len(names))
named = {who: torch.cat([(of[j] @ of[i].T).argmax(1) == same for i, j in ordered]) for who, of in spaces.items()}
texts = embed_texts(model, tokenizer, names)
seen = [picture_features(model, p, projected=True) for p in drawings]
named["zero-shot"] = torch.cat([(seen[j] @ texts.T).argmax(1) == same for i, j in ordered])
print(f"{len(names)} names, chance {1 / len(names):.1%}")
for who, hits in named.items():
    low, high = grouped_interval(hits, same.repeat(6))
    print(f"{who:21} {hits.double().mean():.1%} ({low:.0%} to {high:.0%})")
    numbers(**{f"one_{who.split()[-1].replace('-', '_').lower()}": f"{hits.double().mean():.0%}"})
points = "{:+.1f} points ({:+.1f} to {:+.1f})".format(*(100 * v for v in paired_margin(named["zero-shot"], named["CLIP"], same.repeat(6))))
print(f"zero-shot less CLIP's features with one example: {points}")
numbers(n_pair=len(names), one_gain=points)

# %% [markdown]
# From a single example CLIP's features name {=one_clip} of the other artists' drawings, pixels {=one_pixels}, the untrained encoder {=one_untrained}. Zero-shot, without any example, gets {=one_zero_shot}. Both answered the same drawings, and zero-shot is ahead by {=one_gain}. That interval contains zero, so neither is shown to be better. These names are easy for words: names that three artists chose independently are likely to occur in CLIP's training captions, too.
#
# **Check your understanding**
#
# 1. Why is $\lambda$ chosen on Tabler and not on a part of Material Design Icons?
# 2. The probe learned from pictures that CLIP was trained on. Is that cheating?
# 3. Why does the interval draw names, and not pictures?
#
# <details><summary>Answers</summary>
#
# 1. The question is about other artists, so the choice should be made on another artist, too. A part of the same set would reward a small $\lambda$ that memorizes this artist's repetitions.
# 2. The labels are new to the probe and the test artists are new to CLIP, so the test is fair for the features. The same holds for an ImageNet probe on a model that was trained on ImageNet.
# 3. Heroicons draws each name twice. If one of the two is right the other probably is, so pictures are not independent trials.
#
# </details>
#
# ## 5. What is zero-shot worth in labels?
#
# Zero-shot and a probe on the joint space are the same kind of classifier: one row of weights for each class. Only the origin of the rows differs, words or examples. So the paper asks how many labeled examples per class a probe needs before it is as good as the words (Figures 6 and 7).
#
# We average over tasks, as Figure 6 averages over 20 datasets. Three ask for things in the held-out sets, with examples from Material Design Icons; captions speak of such things. The other three are digits, counting and rendered words, of which captions don't speak. (Their splits are random, so rendered words are tested in the fonts of the examples.) One draw of examples says little, so there are ten draws. With so few labels none is left to choose $\lambda$ with, so one value serves all, chosen on the training set Tabler. It is smaller than in the sections before, because embeddings have length 1 and are not standardized here.
#
# **Predict**: does *one* example per class beat the words?

# %%
prediction = ...  # change this

# %%
from clipedu_lessons.l10_linear_probes.few_shot import SHOTS, few_shot_figure, sample_shots

def joint(features):  # before the projection (N, W) -> embeddings (N, E), which zero-shot reads
    return F.normalize(features @ model.visual.proj.detach(), dim=1)

spot = {key: (joint(vectors["CLIP"][key]), tasks[key].labels) for key in sets}
enough = torch.bincount(spot["mdi"][1]) >= 2 * max(SHOTS)
keep = {key: (x[enough[y]], y[enough[y]]) for key, (x, y) in spot.items()}

def shots_curve(pool, tests, lam, draws=10):
    """(x, y) to draw from, tests (x, y) -> (tests, draws, len(SHOTS)) accuracies."""
    found, classes = torch.zeros(len(tests), draws, len(SHOTS)), int(pool[1].max()) + 1
    for draw in range(draws):
        for k, shots in enumerate(SHOTS):
            rows = sample_shots(pool[1], shots, seed=draw)
            fit = fit_probe(pool[0][rows], pool[1][rows], lam, classes=classes, tolerance=1e-5)
            found[:, draw, k] = torch.tensor([fit.accuracy(*test) for test in tests])
    return found

# %% tags=["nbval-check-output", "tolerance-0.05"]
for lam in (0.003, 0.03, 0.3):
    tried = shots_curve(keep["mdi"], [keep["tabler"]], lam, draws=2)[0].mean(0)
    print(f"lambda {lam}: on Tabler " + "  ".join(f"{k}: {v:.0%}" for k, v in zip(SHOTS, tried)))
print(f"{int(enough.sum())} things have enough examples; lambda is 0.03 from here on")
LAM = 0.03

# %%
runs = dict(zip(held_out, shots_curve(keep["mdi"], [keep[key] for key in held_out], LAM)))
zero = {}
words_of = zero_shot_classifier(model, tokenizer, lucide.class_names, lucide.templates)
allowed = torch.where(enough, 0.0, -9.0)
for key in held_out:
    x, y = keep[key]
    zero[key] = float(((x @ words_of.T + allowed).argmax(1) == y).double().mean())
for name in ("digits", "counting", "rendered_words"):
    task = load_task(name)
    x, y, parts = joint(picture_features(model, task.pictures)), task.labels, split_groups(torch.arange(len(task)))
    runs[name] = shots_curve((x[parts.train], y[parts.train]), [(x[parts.test], y[parts.test])], LAM)[0]
    zero[name] = zero_shot(model, tokenizer, task.take(parts.test)).top1
GROUPS = {"things": held_out, "other tasks": ["digits", "counting", "rendered_words"]}
for of in GROUPS.values():
    show(*few_shot_figure({n: runs[n] for n in of}, {n: zero[n] for n in of}))

# %% tags=["nbval-check-output", "tolerance-0.05"]
from clipedu_lessons.l10_linear_probes.few_shot import effective_shots

def worth(run, target):
    """(draws, shots) accuracies -> what zero-shot is worth, and the range over the draws."""
    each = [effective_shots(SHOTS, draw.tolist(), target) for draw in run]
    order = sorted(each, key=lambda w: w.shots + {"<": -0.5, "=": 0.0, ">": 0.5}[w.sign])
    return effective_shots(SHOTS, run.mean(0).tolist(), target), f"{order[0]} to {order[-1]}"

for name, run in runs.items():
    print(f"{name:15} zero-shot {zero[name]:.1%} is worth {worth(run, zero[name])[0]!s:>5} examples per class")

# %% tags=["nbval-check-output", "tolerance-0.05"]
for label, of in {**GROUPS, "all six": list(runs)}.items():
    mean, star = torch.stack([runs[n] for n in of]).mean(0), sum(zero[n] for n in of) / len(of)
    middle, span = worth(mean, star)
    curve = "  ".join(f"{k}: {v:.1%}" for k, v in zip(SHOTS, mean.mean(0)))
    print(f"{label:12} zero-shot {star:.1%}; {curve}; worth {middle} examples ({span} in ten draws)")
    step = 100 * (mean[:, 0] - star)  # of each draw
    change = f"{step.mean():+.0f} points ({step.min():+.0f} to {step.max():+.0f})"
    print(f"{'':12} from zero-shot to one example {change}")
    key = label.split()[0]
    numbers(**{f"star_{key}": f"{star:.0%}", f"one_{key}": f"{mean[:, 0].mean():.0%}", f"worth_{key}": str(middle), f"span_{key}": span, f"step_{key}": change})

# %% [markdown]
# First, $\lambda$: on Tabler the three values agree to about a point, so we took the middle one.
#
# What zero-shot is worth depends on what captions speak of. For things, zero-shot gets {=star_things}, and one example per class gets {=one_things}: the first example makes it *worse*: {=step_things} in ten draws. Zero-shot is worth {=worth_things} examples there ({=span_things} in ten draws). For the other three tasks zero-shot gets {=star_other} and one example {=one_other}, so the words are worth less than one example.
#
# The paper finds the drop, too, and calls it counter-intuitive, because people improve with one example (section 6). But the two classifiers learn from different things. The words bring what the text encoder knows; one drawing per class brings one artist's drawing. The probe throws the words away and starts from nothing. Exercise 10.10 builds a probe that doesn't.
#
# An average over tasks hides all this. Over all six, zero-shot gets {=star_all} and one example {=one_all}, so there is no drop at all; with six other tasks it would be another number. Read Figure 6 with that in mind, which averages 20.
#
# By hand: suppose 20 % with 1 example, 40 % with 4 and 60 % with 16, and zero-shot has 50 %. Halfway between 4 and 16 on a logarithmic scale is 8, not 10. That is how the numbers above, and those of the paper's Figure 7, are interpolated.

# %%
from clipedu_lessons.l10_linear_probes.paper_figures import figure7

print("by hand:", effective_shots([1, 4, 16], [0.2, 0.4, 0.6], 0.5))
show(*figure7())

# %% [markdown]
# The paper's CLIP is worth 5.4 examples in the median over 26 datasets, and 20.8 on average, because a few datasets are worth many. Beware of one reading: zero-shot can be worth many labels because it is good, or because a few labels are of no use. FER2013 at the top has 184 examples and an accuracy of 57.7 %.
#
# **Check your understanding**
#
# 1. Zero-shot and one-shot classify with rows of the same shape. Why can one example be so much worse than a word?
# 2. Why are there ten draws of examples, and not one?
# 3. Two draws give 3 and 7 effective examples. Is 5 the best summary?
#
# <details><summary>Answers</summary>
#
# 1. One drawing is one artist's idea of the thing, with a pen, a size and details that don't matter. A word is what thousands of drawings have in common.
# 2. With one example per class, much depends on which drawing it is. Over ten draws the worth for things has the range printed above, and a single draw could be at either end.
# 3. The scale is logarithmic, so 4.6, the geometric mean, is more natural. Better still, say both ends.
#
# </details>
#
# ## 6. Can its confidence be believed?
#
# A softmax gives probabilities. If predictions that claim 80 % are right 80 times in 100, the model is **calibrated**. The *expected calibration error* (ECE) sorts predictions into bins by confidence and averages the gap between confidence and accuracy, each bin weighted by its size.
#
# By hand: four predictions with confidences 0.9, 0.8, 0.6 and 0.6, of which the first and third are right. There are two bins, up to 0.7 and above. Work out the ECE before you run the cell.

# %% tags=["nbval-check-output"]
confidence, is_right = torch.tensor([0.9, 0.8, 0.6, 0.6]), torch.tensor([1.0, 0.0, 1.0, 0.0])
above = confidence > 0.7
parts = []
for inside in (~above, above):
    gap = (confidence[inside].mean() - is_right[inside].mean()).abs().item()
    parts.append(gap * int(inside.sum()) / 4)
    print(f"claims {confidence[inside].mean():.2f}, keeps {is_right[inside].mean():.2f}, gap {gap:.2f}")
print(f"ECE = {sum(parts):.3f}")

# %% [markdown]
# ### The noise floor
#
# An ECE is never zero, even for a perfectly calibrated model: a bin with ten predictions at 80 % is right eight times only on average. So measure what a *perfect* model would show. Take the confidences as they are, toss a coin with each of them, and compute the ECE of these answers, many times. An ECE within this **noise floor** is no evidence of miscalibration.
#
# We calibrate the things of Lucide: zero-shot, and the probe across artists. One number often repairs most of a miscalibration: divide all logits by a **temperature**, chosen for the lowest loss on other pictures. We choose it on Tabler, a training set, and ask whether it holds for a new artist.

# %%
from clipedu_lessons.l10_linear_probes import calibration as cal

s = model.logit_scale.exp().item()
logits = {"zero-shot": {key: (s * spot[key][0] @ words_of.T).double() for key in ("tabler", "lucide")}}
logits["probe"] = answers["CLIP"]
panels = {}
for who, of in logits.items():
    t = cal.fit_temperature(of["tabler"], tasks["tabler"].labels)
    for label, scores in ((who, of["lucide"]), (f"{who}, T = {t:.1f}", of["lucide"] / t)):
        panels[label] = (cal.reliability(scores.softmax(1), lucide.labels), scores.softmax(1))
show(cal.reliability_figure({k: v[0] for k, v in panels.items()}),
     "Accuracy against confidence for zero-shot and probe, before and after a temperature.")

# %% tags=["nbval-check-output", "tolerance-0.05"]
print(f"{'':20} accuracy  claims    ECE   noise floor (95 % below)")
for k, (label, (found, p)) in enumerate(panels.items()):
    floor = cal.noise_floor(p).quantile(torch.tensor([0.5, 0.95], dtype=torch.double)).tolist()
    accuracy = float((p.argmax(1) == lucide.labels).double().mean())
    print(f"{label:20} {accuracy:8.1%}{accuracy + found.overconfidence:8.1%}{found.ece:7.3f}"
          f"   {floor[0]:.3f} ({floor[1]:.3f})")
    numbers(**{f"ece_{k}": f"{found.ece:.3f}", f"floor_{k}": f"{floor[1]:.3f}"})
    numbers(**{f"claims_{k}": f"{accuracy + found.overconfidence:.0%}", f"acc_{k}": f"{accuracy:.0%}"})

# %% [markdown]
# Zero-shot claims {=claims_0} on average and is right in {=acc_0}. Its ECE of {=ece_0} is far above the noise floor ({=floor_0}), so it is badly overconfident. The logit scale was learned to find one caption among a batch of *training* captions; things named by one word and drawn by a new artist are another question. The temperature brings the ECE down to {=ece_1}, which is still above the floor ({=floor_1}): now the model claims too little, {=claims_1}.
#
# The probe is better to begin with: an ECE of {=ece_2}, just above its floor of {=floor_2}. And there the temperature does *harm* ({=ece_3}). It was fitted on Tabler, where the best value was above 1, so there the probe was overconfident; on Lucide it hardly was. A temperature is a property of a model *and* of pictures, and it need not carry over to another artist. So calibrate on pictures of the kind that you will meet, and compare with the noise floor before you celebrate.
#
# **Check your understanding**
#
# 1. Does a temperature change which class wins?
# 2. A model with 60 test pictures has an ECE of 0.05, and its noise floor is 0.07. What do you report?
# 3. A model claims 100 % for every picture and is right on 70 %. What is its ECE, and which temperature repairs it?
#
# <details><summary>Answers</summary>
#
# 1. No. All logits of a picture are divided by the same number, so their order stays.
# 2. That 60 pictures are too few to find a miscalibration of this size.
# 3. 0.3. A large temperature brings the claims down to 70 % on average, but all the same for all pictures: it can't say *which* 30 % are wrong, because the logits don't either.
#
# </details>
#
# ## 7. The paper's own numbers
#
# The tables of the paper come with the course as printed. Figure 5 asks whether zero-shot CLIP beats *a probe on another network*, a ResNet-50 trained on ImageNet's labels.

# %%
from clipedu_lessons.l10_linear_probes import paper_figures

show(*paper_figures.figure5())

# %% [markdown]
# On 16 of 27 datasets, including ImageNet itself, classifiers that saw no labeled picture of the dataset beat a probe that saw all of them. It loses most where captions rarely say what is asked: distances (KITTI), satellite pictures (EuroSAT), tumors (PCam), counts (CLEVRCounts). But it also loses on flowers, aircraft and textures, so this is not the whole story.
#
# Figure 8 puts zero-shot beside a probe on the *same* features. The labels say zero-shot and probe.

# %%
show(*paper_figures.figure8())

# %% [markdown]
# The probe is ahead on all 27, typically by 10 to 25 points, as the paper says. Better features go with better zero-shot. The gap is what the labels of this very dataset add to the words.
#
# Figures 10 and 11 compare features with features. The first draws each of 66 models by its mean over the 12 datasets of Kornblith et al. ([arXiv 1805.08974](https://arxiv.org/abs/1805.08974)), which resemble ImageNet, and over all 27, which add text, signs, places and faces. (The paper draws both means against compute, which it doesn't print.) The second compares the best CLIP with the best network trained on ImageNet.

# %%
show(*paper_figures.figure10())
show(*paper_figures.figure11())

# %% [markdown]
# On the 12 datasets the best CLIP leads by 2.6 points, on all 27 by 5. With the wider choice of tasks the lead is larger. Our section 3 shows that this is not a detail, because the tasks you average over decide what you find: there CLIP is {=margin_least} to {=margin_most} points ahead across artists, and behind on every nuisance.
#
# What the paper says in words can be computed again from its tables, for nine of its claims.

# %% tags=["nbval-check-output"]
from clipedu_lessons.l10_linear_probes.paper_claims import claims, fig5_deltas, fig5_misfits

agree = 0
for c in claims().values():
    agree += c.agrees
    note = "" if c.agrees else "   differs"
    print(f"{c.where:<14} printed {c.printed:<20} from the tables {c.value:<8.4g}{note}")
for name in fig5_misfits():
    print(f"Figure 5, {name}: from the tables {fig5_deltas()[name]:+.1f}")
numbers(agree=agree)

# %% [markdown]
# {=agree} of nine come out as printed. The other differences are small: a correlation in the second decimal, one dataset more within three points, and a slope well inside its printed interval. Two labels of Figure 5 don't fit Tables 10 and 11, and KITTI's is off by 11 points. We don't know why. No sign changes, so the conclusions hold. Compute from tables, and say what was printed.
#
# ## 8. The answer
#
# How good are the features? Here are the numbers of this run.

# %% tags=["summary"]
print(f"{'probe on another artist':24}" + "".join(f"{key:>14}" for key in held_out))
for who, hits in right.items():
    print(f"{who:24}" + "".join(f"{hits[key].double().mean():14.0%}" for key in held_out))
for label, of in GROUPS.items():
    mean, star = torch.stack([runs[n] for n in of]).mean(0), sum(zero[n] for n in of) / len(of)
    print(f"{label}: zero-shot is worth {worth(mean, star)[0]} examples per class")

# %% [markdown]
# | | this run | the paper |
# |---|---|---|
# | features against the best trivial ones, across artists | {=ahead_lucide}, {=ahead_font_awesome}, {=ahead_heroicons} ahead | trivial features not measured |
# | features against other encoders | section 3, at one small budget | best of 66 models, by 2.6 and 5 points |
# | zero-shot against a ResNet-50 probe | not measured | ahead on 16 of 27 |
# | zero-shot is worth | things: {=worth_things} examples per class; other tasks: {=worth_other} | 4 in Figure 6; 5.4 in the median of Figure 7 |
# | from zero-shot to one example | things: {=star_things} to {=one_things}; other tasks: {=star_other} to {=one_other} | lower (section 6 calls it counter-intuitive) |
#
# CLIP's features hold what different artists' drawings of the same thing have in common, far beyond what pixels, an untrained encoder or {=n_mdi} labels on pixels can give. They are not measurably better than pixels at telling digits apart, and worse than an untrained encoder at telling pens. So features are good *for something*, and a probe only says how good once you know what trivial features get and whether the test pictures have relatives in training. Where captions speak, zero-shot is worth a few labeled examples per class, though a probe with all labels is ahead of it. Where they don't, one example beats it.
#
# On a GPU only the features are computed faster. The solver stays on the CPU, because its matrices are small.
#
# ### Further reading
#
# * Radford et al. 2021, [arXiv 2103.00020](https://arxiv.org/abs/2103.00020), section 3.2 and appendix A: the protocol, 27 datasets, 66 models.
# * Kornblith et al. 2018, [arXiv 1805.08974](https://arxiv.org/abs/1805.08974): do better ImageNet models transfer better? The 12 datasets come from here.
# * Guo et al. 2017, [arXiv 1706.04599](https://arxiv.org/abs/1706.04599): modern networks are overconfident, and one temperature repairs most of it.
# * Chen et al. 2020, [arXiv 2002.05709](https://arxiv.org/abs/2002.05709): SimCLR, the encoder without words in section 3.
# * Recht et al. 2019, [arXiv 1902.10811](https://arxiv.org/abs/1902.10811): what happens to accuracies when somebody makes a second test set.
#
# ### Next
#
# [The exercises of lesson 10](../exercises/10_linear_probes.ipynb) go past what you saw. You write the probe of your `my_clip.py`, draw examples without drawing twins, compute a noise floor, find the flaw in four plausible analyses, and repair the drop from zero to one example with a probe that starts from the words. Then [lesson 11, Robustness](11_robustness.ipynb), asks what happens to accuracy when the pictures change.
