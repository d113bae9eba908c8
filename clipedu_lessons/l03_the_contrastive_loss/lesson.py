# %% [markdown]
# # 03 · The contrastive loss
#
# **Which caption goes with which picture?**
#
# About 60 minutes to read and do; about a minute to run on two CPU cores.
# Rebuilds section 2.3 and Figure 3 of Radford et al. 2021 (arXiv 2103.00020), and in small the comparison of its Figure 2.

# %%
import math

import torch
import torch.nn.functional as F

from clipedu.pairs import held_out_pairs, to_pictures
from clipedu.plots import picture_grid, show

TRIO = ["cake", "carrot", "watch"]
lucide = held_out_pairs("lucide", progress=False)  # never trained on
where = {icon.name: i for i, icon in enumerate(lucide.icons)}
trio = to_pictures(lucide.rgba[[where[name] for name in TRIO]])
figure = picture_grid(trio, ["picture A", "picture B", "picture C"])
words = "Three line drawings. A: a low box with three candles. B: a long "
show(figure, words + "root with leaves. C: a round dial on a strap.")
print("\ncaption 1: a watch   caption 2: a cake   caption 3: a carrot")

# %% [markdown]
# You match them at once: A-2, B-3, C-1. Notice *how*. Nobody gives you a list of all things in the world. You compare each picture
# with the three captions that lie there, and take the best.
#
# That is the idea of the loss. Lessons 01 and 02 give you two towers: one turns a caption into a vector, the other a picture.
# What is missing is one number that says how wrong they are, so that they can be trained.
#
# **At the end you can**
#
# * work out the loss of three pairs on paper, along the rows and down the columns;
# * say what the loss must be before learning (ln N), and what it cannot get below;
# * explain the logit scale: why it is learned, and why it is capped at 100;
# * write the loss and its sigmoid relative in a few lines each;
# * recognise the common bugs by their symptoms.

# %% [markdown]
# ## 1. Three pairs by hand
#
# Suppose each tower gives two numbers, and each vector has length 1. The dot product of two such vectors is the **cosine** of the angle between them:
# 1 for the same direction, 0 for a right angle, -1 for opposite directions.
#
# | picture of | vector | caption | vector |
# |---|---|---|---|
# | the cake | (1, 0) | "a cake" | (0.8, 0.6) |
# | the carrot | (0.6, 0.8) | "a carrot" | (0.6, 0.8) |
# | the watch | (-0.6, 0.8) | "a watch" | (-0.8, 0.6) |
#
# **Predict** all nine dot products on paper: picture by picture, each with all three captions. Then run.

# %% tags=["nbval-check-output"]
from clipedu_lessons.l03_the_contrastive_loss.circles import circle_figure

CAPTIONS = ["a cake", "a carrot", "a watch"]
image = torch.tensor([[1.0, 0.0], [0.6, 0.8], [-0.6, 0.8]])  # (N, E)
text = torch.tensor([[0.8, 0.6], [0.6, 0.8], [-0.8, 0.6]])  # (N, E)
cosines = image @ text.T  # (3, 3): row i is picture i, column j caption j

def print_table(table):
    print(" " * 19 + "".join(f"{caption:>13}" for caption in CAPTIONS))
    for name, row in zip(TRIO, table.tolist()):
        numbers = "".join(f"{round(v, 3) + 0.0:13.3f}" for v in row)
        print(f"picture of {name:<8}{numbers}")

print_table(cosines)

# %%
show(
    circle_figure({"Six vectors on the circle": (image, text)}, TRIO),
    "Arrows to the unit circle, three for pictures and three for "
    "captions. The carrot's two lie on each other.",
)

# %% [markdown]
# ### A row is a multiple-choice question
#
# Take the first row: *here is the picture of the cake; which caption is its own?* The scores are 0.80, 0.60, -0.80.
#
# The **softmax** turns scores into probabilities: take the exponential of each, divide by their sum. The **cross-entropy** is minus
# the logarithm of the probability of the right answer: 0 when the model is sure and right, large when it is sure and wrong. With the natural
# logarithm its unit is the *nat*.

# %% tags=["nbval-check-output"]
weights = [math.exp(score) for score in (0.8, 0.6, -0.8)]
chances = [weight / sum(weights) for weight in weights]
print("exponentials: ", [round(weight, 3) for weight in weights])
print(f"their sum:      {sum(weights):.3f}")
print("probabilities:", [round(p, 3) for p in chances])
p = chances[0]
print(f"loss of the row: -ln {p:.3f} = {-math.log(p):.3f}")

# %% [markdown]
# ### A column is the same question, asked the other way
#
# *Here is the caption "a cake"; which picture is its own?* Now the scores are 0.80, 0.96, 0.00.
#
# **Predict**: how many of the three pictures choose their own caption? How many captions choose their own picture?

# %% tags=["nbval-check-output"]
from clipedu_lessons.common.similarity import both_ways_figure, matrix_in_words
from clipedu_lessons.common.similarity import similarity_matrix

for view in ("rows", "columns"):
    matrix = similarity_matrix(image, text, 1.0, view)
    said = matrix_in_words(matrix, CAPTIONS).replace("; ", ";\n   ")
    print(f"{view}: {said}".replace(". ", ".\n   "))
words = "The softmax along the rows, left, and down the columns, right: "
words += "the choices lie on the diagonal, but for the caption cake."
show(both_ways_figure(image, text, 1.0, CAPTIONS, trio), words)

# %% [markdown]
# One matrix, two exams, two marks. Every picture finds its caption, yet the caption "a cake" prefers the picture of the carrot. Whoever
# looks at the rows alone sees a perfect model. So CLIP's loss asks both ways and takes the mean: it is **symmetric**.
#
# Here it is in the open, step for step what the paper's Figure 3 does: cosines, times a scale (1 for the moment; section 5), which gives the **logits**, the scores before a softmax; the answers 0, 1, 2, ...
# because picture *i* belongs to caption *i*; a cross-entropy along each axis; the mean. The library's `info_nce` is the same, with checks of its inputs (section 4 explains the name).

# %% tags=["nbval-check-output"]
from clipedu.objectives import LOGIT_SCALE_INIT, clamp_logit_scale_
from clipedu.objectives import info_nce

def contrastive(image, text, scale):
    logits = scale * image @ text.T  # (N, N)
    answers = torch.arange(len(logits))  # row i: column i is right
    for_pictures = F.cross_entropy(logits, answers)  # mean over rows
    for_captions = F.cross_entropy(logits.T, answers)  # over columns
    return (for_pictures + for_captions) / 2

ours, library = contrastive(image, text, 1.0), info_nce(image, text, 1.0)
print(f"ours {ours:.4f}, clipedu.objectives.info_nce {library:.4f}")
assert torch.isclose(ours, library)

# %% [markdown]
# ## 2. Before learning: ln N
#
# A model that knows nothing finds all captions equally likely. The right one gets probability 1/N, so each row costs -ln(1/N) = **ln N**, and each column too.
# This is the first number to look at in any run. It depends on the batch size and on nothing else.

# %% tags=["nbval-check-output"]
sizes = {2: "a coin", 3: "our example", 64: "the next cell"}
sizes |= {512: "this course's recipes", 32768: "the paper, Table 18"}
for n, what in sizes.items():
    print(f"N = {n:>6,}   ln N = {math.log(n):6.3f}   {what}")

# %% [markdown]
# **Predict** the loss of an untrained model on 64 real pairs. Then run: real pictures and captions, the towers of lessons 01 and 02, random weights.

# %% tags=["nbval-check-output"]
from clipedu.models import build
from clipedu.pairs import FIRST_EDITION, to_model, training_pairs

pairs = training_pairs(families=FIRST_EDITION, progress=False)
pictures, words = pairs.batch(64, seed=0)
untrained = build("laptop", seed=0, vocab_size=258)  # bytes, SOT, EOT
rows = [[256, *caption.encode()[:30], 257] for caption in words]
tokens = torch.tensor([row + [0] * (32 - len(row)) for row in rows])
with torch.no_grad():
    vectors = untrained(to_model(pictures), tokens)
above = info_nce(*vectors).item() - math.log(64)
print(f"ln 64 = {math.log(64):.3f}; the loss is above it: {above > 0},")
print(f"by less than 0.5: {above < 0.5}")
figure = picture_grid(pictures[:8], words[:8])
show(figure, "Eight of the 64 pairs, each with its caption beneath.")

# %% [markdown]
# It starts a little *above* ln N: random vectors are not all equally similar, and the scale with which training starts makes that noise loud. Two readings of the loss are worth keeping:
#
# * **exp(loss)** is the number of captions among which the model hesitates. A loss of 4.16 is a guess among 64; a loss of 0.69 is a toss-up between 2.
# * **ln N - loss** is what has been learned so far. It is 0 for guessing.
#
# ## 3. Every batch is a new exam
#
# A classifier on ImageNet sits one exam: the same 1,000 classes at every step. Here the *batch* makes the exam. Its N captions are the N classes;
# they are drawn at random, and this set of classes never comes back. A larger batch is a harder exam for the same model.
#
# Below, the model is fixed: 4,096 random vectors as captions, and each picture is its caption plus noise. The cosines are multiplied by 14.3, the scale with which training starts (section 5). Only the batch size changes.
# **Predict**: which of the three columns go up with N?

# %% tags=["nbval-check-output"]
noise = torch.Generator().manual_seed(0)
texts = F.normalize(torch.randn(4096, 64, generator=noise), dim=-1)
spoilt = texts + 0.25 * torch.randn(4096, 64, generator=noise)
images = F.normalize(spoilt, dim=-1)
sizes, losses = (2, 8, 32, 128, 512, 4096), []
for n in sizes:
    batches = list(zip(images.split(n), texts.split(n)))[:64]
    exams = [similarity_matrix(*batch, 14.3) for batch in batches]
    right = sum(exam.right for exam in exams) / len(exams) / n
    loss = sum(exam.loss for exam in exams) / len(exams)
    losses.append(loss)
    gap = math.log(n) - loss
    print(f"N = {n:>4}   right {right:4.0%}   loss {loss:.2f}", end="   ")
    print(f"ln N - loss {gap:.2f}")

# %%
from matplotlib.figure import Figure

from clipedu.plots import use_style

use_style()
figure = Figure(figsize=(7, 3.4))
axes = figure.subplots()
axes.plot(sizes, [math.log(n) for n in sizes], label="guessing: ln N")
axes.plot(sizes, losses, label="one fixed model")
axes.set(xscale="log", ylabel="loss (nats)")
axes.set_xlabel("batch size N (pairs, log scale)")
axes.legend()
words = "Two lines rise with the batch size, ln N above the model's: "
show(figure, words + "the gap widens slowly.")

# %% [markdown]
# The loss of one and the same model rises from almost nothing to 3.5. **Compare a loss only with a loss at the same batch size.**
#
# The gap, ln N - loss, rises too. It says in nats how much a picture tells about its caption, *as far as this exam can show*, and it cannot exceed ln N. With two captions the best model
# in the world shows 0.69 nats. That is one reason for the paper's batch of 32,768.
#
# ## 4. Two older names
#
# Section 2.3 of the paper gives the loss its history. Each name is another way to read the same row.
#
# * **Multi-class N-pair loss** (Sohn, 2016): every wrong caption that comes near the right one costs. For row *i* with scores *s*, the loss is
#   ln(1 + the sum over wrong *j* of exp(*s*ⱼ - *s*ᵢ)). Only *differences* of scores appear.
# * **InfoNCE** (van den Oord et al. 2018, arXiv 1807.03748): pick the true partner out of N candidates. On average, ln N - loss is then a lower estimate
#   of the information that the two sides share, as in section 3.
#
# ConVIRT (Zhang et al. 2020, arXiv 2010.00747) asked both ways, for X-ray pictures and reports; CLIP simplified it and made it large. The N-pair formula on the row of the cake, by hand:

# %% tags=["nbval-check-output"]
from clipedu_lessons.l03_the_contrastive_loss.losses import n_pair

answers = torch.arange(3)
by_hand = math.log(1 + math.exp(0.6 - 0.8) + math.exp(-0.8 - 0.8))
print(f"ln(1 + exp(-0.2) + exp(-1.6)) = {by_hand:.3f}, as in section 1")
rows = F.cross_entropy(cosines, answers)
raised = F.cross_entropy(cosines + 5, answers)
print(f"all rows, n_pair:             {n_pair(image, text):.4f}")
print(f"all rows, cross-entropy:      {rows:.4f}")
print(f"with five added everywhere:   {raised:.4f}")

# %% [markdown]
# ## 5. The logit scale, or temperature
#
# A cosine cannot exceed 1. So at scale 1 even a perfect model stays unsure. The best arrangement of N pairs that exists has all right cosines at 1
# and all wrong ones at -1/(N-1). (N vectors of length 1 cannot all lie farther apart: their sum has squared length N + N(N-1) times the mean cosine, which is not below 0.) **Predict** its loss for N = 512 at scale 1: near 0, near 3, or near ln 512 = 6.24?

# %% tags=["nbval-check-output"]
def best_loss(n, scale):  # the N-pair formula, N - 1 equal differences
    return math.log1p((n - 1) * math.exp(-scale * (1 + 1 / (n - 1))))

print("scale, and the best possible loss at N = 512")
for scale in (0.07, 1, 5, 1 / 0.07, 100):
    print(f"{scale:6.2f}  {best_loss(512, scale):.3f}")

# %% [markdown]
# At scale 1 the best arrangement there is costs 5.24, only 1 less than guessing. So the cosines are multiplied by a **logit scale**. Its inverse is the **temperature**: scale = 1 / temperature. The paper starts at temperature 0.07, scale 14.3.
# The first line shows what happens to those who multiply by 0.07 where they should divide.
#
# Is a larger scale always better? It amplifies every difference, right ones and wrong ones, and our three pairs contain one wrong choice. **Predict** which way the loss goes at scale 100.

# %% tags=["nbval-check-output"]
for start in (1, 5, 14.3, 100):
    log_scale = torch.tensor(math.log(start), requires_grad=True)
    logits = log_scale.exp() * cosines
    rows = F.cross_entropy(logits, answers)
    columns = F.cross_entropy(logits.T, answers)
    loss = (rows + columns) / 2
    loss.backward()
    wish = "larger" if log_scale.grad < 0 else "smaller"
    numbers = f"rows {rows:.3f}, columns {columns:.3f}, loss {loss:.3f}"
    print(f"scale {start:5.1f}: {numbers}; wants to be {wish}")

# %%
scales = torch.logspace(0, 2, 401)
logits = scales[:, None, None] * cosines  # (401, 3, 3)
rows = -logits.log_softmax(dim=2)[:, answers, answers].mean(dim=1)
columns = -logits.log_softmax(dim=1)[:, answers, answers].mean(dim=1)
mean = (rows + columns) / 2
figure = Figure(figsize=(7, 3.4))
axes = figure.subplots()
axes.plot(scales, rows, label="rows (all right)")
axes.plot(scales, columns, label="columns (one wrong)")
axes.plot(scales, mean, label="their mean: the loss")
best = scales[mean.argmin()].item()
axes.axvline(best, color="#666666", linestyle=":", marker="")
axes.set(xscale="log", xlabel="logit scale", ylabel="loss", ylim=(0, 4))
axes.legend()
show(figure, f"Rows fall; columns dip, then climb; least mean at {best:.1f}.")

# %% [markdown]
# At scale 100 the wrong choice is made with certainty and costs 16 nats: 100 times the 0.16 by which it is wrong. (Above it stands as 5.333, the mean of three columns of which two cost nothing.) In between lies a best scale, and nobody has to search for it: **the scale is a parameter, and its gradient points there.**
#
# The model keeps the *logarithm* of the scale, started at ln(1/0.07) = 2.66, and multiplies by its exponential (paper, sections 2.3 and 2.5). An exponential is always positive, and a step of 0.01 changes the scale by 1 %, be it 10 or 90.
#
# The scale also decides **who is pushed**. Below is one picture with eight captions. The *margin* is the cosine of the right caption less that of the best wrong one. Use the mouse, or Tab and the arrow keys. Try scale 1, then 100, at margin +0.10; then margin -0.10 at scale 100.

# %%
from clipedu_lessons.l03_the_contrastive_loss import temperature

row = temperature.temperature_row(scale=1 / 0.07, margin=0.1)
show(temperature.row_figure(row), temperature.row_in_words(row))
show(
    temperature.gradient_figure((1, 14.3, 100)),
    "Left, the loss against the margin: nearly flat for scale 1, steep "
    "below margin 0 for scale 100. Right, the pull on the right caption: "
    "at scale 100 near 100 while the margin is negative and next to "
    "nothing from 0.1 on; at scale 1 below 1 everywhere and nearly "
    "constant.",
)
temperature.TemperatureExplorer()

# %% [markdown]
# A small scale pushes all wrong captions a little, for ever. A large scale pushes only those in the way, hard, and is content with a small margin. A model starts
# with vague vectors and a middling scale; as its margins grow the scale rises, and the push moves to the hardest wrong captions.
#
# ## 6. Why the vectors have length 1
#
# The towers give vectors of any length; before the loss each is divided by its length (**L2 normalisation**). Leave that out, and length becomes a shortcut. Make the caption "a carrot" four times longer. Its direction, what it *says*, stays the same.
# **Predict**: which caption does each picture choose?

# %% tags=["nbval-check-output"]
loud = text.clone()
loud[1] *= 4
normalised = F.normalize(loud, dim=-1)
for name, captions in {
    "one long": loud,
    "normalised": normalised,
}.items():
    choice = (image @ captions.T).argmax(dim=1)
    print(f"{name:<11}", [CAPTIONS[j] for j in choice])
try:
    info_nce(image, loud, 1.0)
except ValueError as error:
    print("the library:", str(error).replace(". ", ".\n   "))

# %% [markdown]
# A loud caption wins everything. Length also lets a model *look* sure without turning a vector: making all of them longer is a larger scale by another name. With length 1 everywhere there is one knob
# for sureness, the scale, and the vectors can improve only by pointing in better directions.
#
# ## 7. Who pulls, who pushes
#
# The gradient of the loss with respect to the matrix says what a training step will do to each of the nine scores: a negative entry is pulled up, a positive one pushed down.
# For the rows' half of the loss it is short: **probability minus right answer, divided by N**, with the right answers being 1 on the diagonal and 0 elsewhere. Scale 10:

# %% tags=["nbval-check-output"]
logits = (10 * cosines).requires_grad_()
F.cross_entropy(logits, answers).backward()  # the rows' half
pull = logits.grad
by_formula = (logits.softmax(dim=1) - torch.eye(3)) / 3
print_table(pull)
agree = torch.allclose(pull, by_formula, atol=1e-6)
print("torch agrees with the formula:", agree)
zero = bool((pull.sum(dim=1).abs() < 1e-6).all())
print("every row sums to zero:", zero)

# %% [markdown]
# What the right caption gains, the wrong ones lose, in proportion to how likely the model took them to be. The row of the watch is done: in three decimals nothing moves. (The whole loss adds the columns' half; that is exercise 03.7.)
#
# Now let the six vectors move on their circle: no towers, plain gradient steps at scale 10. **Predict** where three pairs end up.

# %%
from torch import nn
moving = [nn.Parameter(image.clone()), nn.Parameter(text.clone())]
optimizer, stages = torch.optim.SGD(moving, lr=0.2), {}
for step in range(201):
    now = [F.normalize(vectors, dim=-1) for vectors in moving]
    loss = info_nce(*now, 10.0)
    if step in (0, 5, 200):
        title = f"step {step}: loss {loss:.3f}"
        stages[title] = [vectors.detach() for vectors in now]
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
words = "Step 0: the caption cake is at the carrot's picture. 5: it turned "
words += "to the cake. 200: each caption near its picture, pairs far apart."
show(circle_figure(stages, TRIO), words)

# %% [markdown]
# Partners attract, strangers repel: the two of a pair close up, and the pairs spread out. The loss is then so small that little moves. A network does this with thousands of pairs in hundreds of dimensions, and it can move the vectors only through its weights; that is where it has to find out what cakes have in common.
#
# The next experiments need such *free vectors* again, so here they are as a function. Equal ids mean equal captions; the scale is learned too.

# %%
def free_vectors(loss_of, ids, width=8, steps=300, cap=100.0):
    """Vectors, no towers, moved by Adam -> image, text, scale, losses"""
    start = torch.Generator().manual_seed(0)
    both = nn.Parameter(torch.randn(2, len(ids), width, generator=start))
    log_scale, losses = nn.Parameter(torch.tensor(LOGIT_SCALE_INIT)), []
    optimizer = torch.optim.Adam([both, log_scale], 0.05)
    for _ in range(steps):
        image, text = F.normalize(both, dim=-1)
        loss = loss_of(image, text[ids], log_scale.exp())
        losses.append(loss.item())
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        clamp_logit_scale_(log_scale, cap)  # section 10 says why
    return image.detach(), text[ids].detach(), log_scale.exp(), losses

# %% [markdown]
# ## 8. False negatives, and the floor they put under the loss
#
# The loss believes that of all captions in the batch only one is right for a picture. Is that so? Write one caption for each training picture and look for repeats:

# %% tags=["nbval-check-output"]
from collections import Counter
import numpy as np

from clipedu.pairs import captions
from clipedu_lessons.common.duplicates import same_pictures

epoch = captions(pairs.icons, np.random.default_rng(0))  # one a picture
most, times = Counter(epoch).most_common(1)[0]
print(f"{len(epoch):,} pictures, {len(set(epoch)):,} different captions")
print(f"most often: '{most}', {times} times")
alike = max(same_pictures(pairs.rgba), key=len)
names = {pairs.icons[i].name for i in alike}
print("one drawing, several names:", ", ".join(sorted(names)))
group = [i for i, caption in enumerate(epoch) if caption == most][:8]
figure = picture_grid(to_pictures(pairs.rgba[group]))
show(figure, f"Eight pictures, all with the caption '{most}'.")

# %% [markdown]
# If two of these fall into one batch, each picture has two right captions, and the loss calls one of them wrong: a **false negative**.
# Equal captions have equal vectors, so equal columns; they share the probability, at most 1/2 each. Such a row costs ln 2 or more, however good the model.
# A caption that occurs *m* times costs each of its pairs at least ln *m*, and the mean over all pairs is a floor under the loss.
#
# **Predict** the floor of the batch "cake, cake, watch".

# %% tags=["nbval-check-output"]
from clipedu_lessons.l03_the_contrastive_loss.losses import loss_floor

by_hand = 2 * math.log(2) / 3
print(f"by hand:       (ln 2 + ln 2 + ln 1) / 3 = {by_hand:.3f}")
print(f"loss_floor:    {loss_floor(['cake', 'cake', 'watch']):.3f}")
print(f"all different: {loss_floor(['cake', 'carrot', 'watch']):.3f}")
print(f"all equal:     {loss_floor(['cake', 'cake', 'cake']):.3f} = ln 3")

# %% [markdown]
# Is it really a floor? Take eight pairs whose captions are 0, 0, 1, 2, 3, 3, 3, 4 and let free vectors try. Then tell the loss which captions are equal:
# `info_nce(..., false_negative_ids=...)` takes false negatives out of the denominators, so that they are neither pulled nor pushed.

# %% tags=["nbval-check-output"]
ids = torch.tensor([0, 0, 1, 2, 3, 3, 3, 4])
floor, unmasked = loss_floor(ids), free_vectors(info_nce, ids)[3]
masked = free_vectors(lambda *x: info_nce(*x, ids), ids)[3]
ends = f"{unmasked[-1]:.2f}, masked at {masked[-1]:.2f}"
print(f"floor {floor:.2f}; the loss ends at {ends}")
print("unmasked, it is never below the floor:", min(unmasked) > floor)
figure = Figure(figsize=(7, 3.2))
axes = figure.subplots()
axes.plot(unmasked, label="captions repeat, nothing masked")
axes.plot(masked, label="false negatives masked")
axes.axhline(floor, color="#666666", linestyle=":", marker="")
axes.set(xlabel="step", ylabel="loss (nats)", ylim=(0, 3.7))
axes.legend()
show(figure, "Unmasked, the loss falls to the dotted floor; masked to 0.")

# %% [markdown]
# How high is the floor for *our* captions? Four ways to make a batch: the course's captions (names, styles, tags, aliases; lesson 00) drawn blindly; bare names drawn blindly; one caption for each of ten classes, as in many small CLIP exercises;
# and a batch as `pairs.batch` draws it, with no name twice. **Predict** the ten classes at N = 128.

# %% tags=["nbval-check-output"]
chance = np.random.default_rng(0)
names = [icon.name for icon in pairs.icons]
ten = chance.integers(10, size=len(names)).tolist()
print("    N   ln N   captions   bare names   ten classes   pairs.batch")
for n in (128, 512, 2048):
    picks = [chance.choice(len(names), n, False) for _ in range(4)]
    floors = [math.log(n)]
    for kind in (epoch, names, ten):
        found = [loss_floor([kind[i] for i in pick]) for pick in picks]
        floors.append(sum(found) / 4)
    floors.append(loss_floor(pairs.batch(n, seed=0)[1]))
    numbers = "{:6.1f} {:10.2f} {:12.2f} {:13.2f} {:13.2f}"
    print(f"{n:5}", numbers.format(*floors))

# %% [markdown]
# Ten classes in a batch of 128: no model gets below about 2.57, and at most 10 of the 128 rows can be ranked right. Whoever does not know this looks for a bug that is not there. Varied captions and careful batches bring the floor near 0, and the course's recipes mask the equal captions that are left.
#
# Equal *words* can be masked, equal *meanings* cannot: "chevron right" and "navigate next" may be one drawing, and each calls the other wrong. In the paper nothing is masked. The model learns all the same: true partners are pulled every time, an accidental pair hardly ever meets again.
#
# ## 9. Yes or no: SigLIP
#
# SigLIP (Zhai et al. 2023, arXiv 2303.15343) drops the softmax. Each of the N x N entries is a question by itself: *is this a pair?* Its answer is the sigmoid of scale x cosine + bias. The loss adds up -ln sigmoid(±that), plus on the diagonal and minus elsewhere, and divides by N, not by N x N.

# %% tags=["nbval-check-output"]
from clipedu.objectives import siglip, siglip_bias_init

scale, bias = 10.0, siglip_bias_init(3)  # -ln(N - 1) = -ln 2
sign = 2 * torch.eye(3) - 1  # +1 for a pair, -1 for no pair
ours = -F.logsigmoid(sign * (scale * cosines + bias)).sum() / 3
library = siglip(image, text, scale, bias)
print(f"in the open {ours:.4f}, library {library:.4f}")
print("  N   ln N    bias   loss at the start")
for n in (64, 512):
    signs = 2 * torch.eye(n) - 1
    for start in (siglip_bias_init(n), -10.0):
        loss = -F.logsigmoid(signs * start).sum() / n  # all cosines 0
        print(f"{n:>3}  {math.log(n):5.2f}  {start:6.2f}  {loss:6.2f}")

# %% [markdown]
# The **bias** is there because pairs are rare, N among N x N. At -ln(N - 1) it says exactly "one in N", and the loss starts about 1 above ln N: here, too, you know it beforehand. The published -10 is that value for batches of about 22,000.
#
# The deeper difference is who depends on whom. Change the last caption and count the entries of the gradient that change. **Predict** both numbers.

# %% tags=["nbval-check-output"]
def softmax_loss(c):
    rows = F.cross_entropy(5 * c, answers)
    return (rows + F.cross_entropy(5 * c.T, answers)) / 2

def sigmoid_loss(c):
    return -F.logsigmoid(sign * (5 * c + bias)).sum() / 3

other = text.clone()
other[2] = torch.tensor([0.0, 1.0])  # in the place of "a watch"
for name, loss in (("softmax", softmax_loss), ("sigmoid", sigmoid_loss)):
    gradient = torch.func.grad(loss)
    change = gradient(image @ text.T) - gradient(image @ other.T)
    changed = (change.abs() > 1e-6).sum().item()
    print(f"{name}: {changed} of 9 entries change")

# %% [markdown]
# Under the softmax every entry feels the new caption, so the whole batch must be known at once. Under the sigmoid only the three entries of that caption do: a batch can be spread over many machines with little talk (lesson 08).
# Its authors find it better than the softmax below batches of about 16,000. False negatives trouble both.
#
# ## 10. What goes wrong, on purpose
#
# **A batch of one.** There is nothing to contrast. Training runs, the loss is perfect, nothing is learned.

# %% tags=["nbval-check-output"]
import warnings

alone = image[:1].clone().requires_grad_()
with warnings.catch_warnings(record=True) as heard:
    warnings.simplefilter("always")
    loss = info_nce(alone, text[:1], 14.3)
loss.backward()
print(f"loss {loss.item():.1f}, gradient {alone.grad.abs().max():.1f}")
print("the library warns:")
print("  ", str(heard[0].message).split(", and")[0])

# %% [markdown]
# **The wrong axis**, in three forms. (a) `image.T @ text`: channels against channels, (E, E). It has a diagonal, so everything runs. Below, four pairs lie in only two directions: pictures 1 and 2 cannot be told apart, nor 3 and 4.
# (b) Both cross-entropies along the rows: the columns are never asked. (c) `normalize(dim=0)`: each *channel* gets length 1 over the batch, instead of each vector.

# %% tags=["nbval-check-output"]
four = torch.tensor([[1.0, 0.0], [1.0, 0.0], [0.0, 1.0], [0.0, 1.0]])
wrong = contrastive(four.T, four.T, 10.0)
right = info_nce(four, four, 10.0)
print(f"(a) E x E says {wrong:.3f}; the loss is {right:.3f}, or ln 2")
wrong = F.cross_entropy(100 * cosines, answers)
right = info_nce(image, text, 100.0)
print(f"(b) scale 100, rows twice: {wrong:.3f}; the loss is {right:.3f}")
mean = F.normalize(images, dim=0).norm(dim=-1).mean()
print(f"(c) dim=0: the 4,096 vectors have a mean length of {mean:.3f}")

# %% [markdown]
# **No cap on the scale.** Once all pairs are right, every increase of the scale lowers the loss a little more, so it climbs as long as you train. Below, 64 free pairs on a circle are learned by heart. Then the captions of eight are mixed up, as happens in real data. What do the mistakes cost?

# %% tags=["nbval-check-output"]
for cap in (100.0, math.inf):
    made = free_vectors(info_nce, torch.arange(64), 2, steps=600, cap=cap)
    points, labels, scale, _ = made
    labels[:8] = labels[:8].roll(1, dims=0)
    cost = info_nce(points, labels, scale).item()
    size = "above 1,000" if scale > 1000 else "below 101"
    price = "above 100" if cost > 100 else "below 100"
    print(f"cap {cap:>5}: scale {size}, loss with the mistakes {price}")

# %% [markdown]
# One bad batch then outweighs hundreds of good ones. The paper holds the scale at 100 or below to keep training stable (section 2.5).
#
# **A clamp in the wrong place.** The cap belongs on the *parameter*, after the optimizer's step. A clamp inside `forward` gives the same loss, but above the cap its gradient is 0: a scale that has once stepped over it gets no gradient to come back by. Our three pairs want scale 6.2 (section 5). Both runs start at 120.

# %% tags=["nbval-check-output"]
for place in ("after the step", "inside forward"):
    log_scale = nn.Parameter(torch.tensor(math.log(120.0)))
    optimizer = torch.optim.SGD([log_scale], lr=0.1)
    for _ in range(400):
        scale = log_scale.exp()
        if place == "inside forward":
            scale = scale.clamp(max=100)
        optimizer.zero_grad()
        info_nce(image, text, scale).backward()
        optimizer.step()
        if place == "after the step":
            clamp_logit_scale_(log_scale)
    end = log_scale.exp().item()
    print(f"clamp {place}: the scale ends at {end:.1f}")

# %% [markdown]
# | symptom | look for |
# |---|---|
# | loss 0 from the first step | a batch of one |
# | loss stays at ln N | 0.07 multiplied instead of divided; captions shuffled against their pictures; a learning rate of 0 or far too high |
# | loss falls and stops above 0 | the floor of repeated captions: compute it |
# | loss near 0, retrieval poor | the wrong axis |
# | scale climbs, loss jumps at bad pairs | no cap |
# | scale stands still above 100 | a clamp inside `forward` |
#
# ## 11. Predict the words, or contrast them?
#
# Why not let the network *say* the caption? The authors tried that first: an image tower and a language model that predicts the caption word by word. It learned slowly. Many captions fit a picture, which words somebody chose is partly chance, and a loss that demands the very words spends effort on chance.
# Predicting only *which* words occur, in no order (a bag of words; Joulin et al. 2016, arXiv 1511.02251), reached the same zero-shot accuracy on ImageNet 3 times faster; contrasting instead of predicting was another 4 times faster (section 2.3, Figure 2).
#
# The experiment in small: one image tower, the same batches, 300 steps. One run predicts the words of a picture's name; the other contrasts, with the simplest text tower of lesson 01, a bag of words (CBOW). First the words:

# %%
# The plainest tokenizer: an id for each word found three times or more.
icon_names = [icon.name.lower() for icon in pairs.icons]
counts = Counter(word for name in icon_names for word in name.split())
often = [word for word in counts if counts[word] >= 3]
known = {word: 1 + k for k, word in enumerate(often)}
END = len(known) + 1  # the largest id ends a caption; 0 is padding

def bag(texts, length=10):
    """N texts -> (N, 10) word ids"""
    rows = [[known[w] for w in t.split() if w in known] for t in texts]
    rows = [row[: length - 1] + [END] for row in rows]
    return torch.tensor([row + [0] * (length - len(row)) for row in rows])

name_tokens = bag(icon_names)  # (pictures, 10)

# %% [markdown]
# Then the two losses, and how each names a picture. Prediction gets its fairest reading: a class is as likely as its words, and each word's probability is divided by how common the word is. Without that, common words win every time.
#
# **Predict**: which is ahead after 76,800 pairs, asked for the 297 names of a family that neither run saw? Guessing is right 1 time in 297.

# %%
# The two losses; `head` makes a score for each word from a vector.
def present(tokens):
    """(B, 10) ids -> (B, words): each row 1, shared by the words in it"""
    there = torch.zeros(len(tokens), END + 1).scatter_(1, tokens, 1.0)
    there = there[:, 1:END]
    return there / there.sum(dim=1, keepdim=True).clamp(min=1)


def predict(model, head, pictures, tokens):
    log_p = head(model.encode_image(pictures)).log_softmax(dim=1)
    return -(present(tokens) * log_p).sum(dim=1).mean()


def contrast(model, head, pictures, tokens):
    return info_nce(*model(pictures, tokens))

# %%
from clipedu.pairs import held_out_task

rgba, targets, class_names = held_out_task("lucide")
unseen, targets = to_model(to_pictures(rgba)), torch.from_numpy(targets)
uses = torch.bincount(name_tokens.flatten())[1:END].clamp(min=1)

@torch.no_grad()
def accuracy(loss_of, model, head):  # percent of unseen pictures
    classes, vectors = bag(class_names), model.eval().encode_image(unseen)
    if loss_of is contrast:  # the name with the largest cosine
        fit = vectors @ model.encode_text(classes, normalize=True).T
    else:  # the name whose words are likeliest, for how common they are
        log_p = head(vectors).log_softmax(dim=1)
        fit = (log_p - (uses / uses.sum()).log()) @ present(classes).T
    return 100 * (fit.argmax(dim=1) == targets).float().mean().item()

# %%
from torch.optim import AdamW
from torch.optim.lr_scheduler import OneCycleLR
from tqdm import tqdm

def train_step(loss_of, model, head, optimizer, step):
    rows = pairs.rows_at(step, 256, seed=0)
    pictures = to_model(to_pictures(pairs.rgba[rows]))
    loss = loss_of(model.train(), head, pictures, name_tokens[rows])
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    clamp_logit_scale_(model.logit_scale)

# %%
SMALL = dict(embed_dim=128, vision_width=16, stem="half", kind="cbow")
SMALL |= dict(text_width=128, vocab_size=END + 1, context_length=10)

def train_small(loss_of, steps=300):
    model = build("laptop", seed=0, **SMALL)
    head = nn.Linear(128, len(known))  # for prediction only
    weights, curve = [*model.parameters(), *head.parameters()], []
    adam = AdamW(weights, betas=(0.9, 0.98), weight_decay=0.1)
    schedule = OneCycleLR(adam, 2e-3, steps, cycle_momentum=False)
    for step in tqdm(range(1, steps + 1), desc=loss_of.__name__):
        train_step(loss_of, model, head, adam, step)
        schedule.step()
        if step % 25 == 0:
            curve.append((256 * step, accuracy(loss_of, model, head)))
    return model.eval(), curve

# %%
torch.manual_seed(0)
_, predicted = train_small(predict)
model, contrasted = train_small(contrast)
figure = Figure(figsize=(7, 3.4))
axes = figure.subplots()
axes.plot(*zip(*contrasted), label="contrast")
axes.plot(*zip(*predicted), label="predict the words")
axes.axhline(100 / 297, color="#666666", linestyle=":", marker="")
axes.set(xlabel="pairs seen", ylabel="zero-shot top-1 on Lucide-297 (%)")
axes.legend()
words = "Two curves that rise with the pairs seen: contrast ends at "
ends = [f"{curve[-1][1]:.0f} %" for curve in (contrasted, predicted)]
words += f"{ends[0]}, prediction at {ends[1]}; guessing is dotted."
show(figure, words)

# %% tags=["nbval-check-output"]
final = predicted[-1][1]
enough = next(seen for seen, top1 in contrasted if top1 > final)
ahead = contrasted[-1][1] / final
print("contrast ends ahead by a quarter or more:", ahead > 1.25)
print("it passes prediction's final accuracy")
print("within two thirds of the pairs:", enough <= 76_800 * 2 / 3)

# %% [markdown]
# The direction is that of the paper's Figure 2; the factor is not to be compared. Ours is one seed, some seconds of training, names of a few words instead of sentences, icons instead of ImageNet, and with more pairs prediction may catch up.
#
# ## 12. The answer
#
# Back to the first screen. The model that you have just trained has never seen a picture of this family. It gets the three pictures and the three captions.

# %% tags=["nbval-check-output"]
with torch.no_grad():
    image, text, scale = model(to_model(trio), bag(TRIO))
for view in ("rows", "columns"):
    answer = similarity_matrix(image, text, scale.item(), view)
    print(f"{view}: {answer.right} of 3 choices are right")
words = "The softmax along the rows, left, and down the columns, right, "
words += "at the learned scale: dark on the diagonal, light elsewhere."
figure = both_ways_figure(image, text, scale.item(), TRIO, trio)
show(figure, words)

# %% [markdown]
# A-2, B-3, C-1, both ways. Three captions are an easy exam. Make it harder: more pairs, another place in the list, another scale, rows or columns.

# %%
from clipedu_lessons.common.similarity import matrix_figure, SimilarityExplorer

chance = torch.Generator().manual_seed(0)
order = torch.randperm(len(targets), generator=chance)[:64]
asked = [class_names[targets[i]] for i in order]
drawn = to_pictures(rgba[order.numpy()])  # (64, 3, 32, 32)
with torch.no_grad():
    image64, text64, scale64 = model(unseen[order], bag(asked))
matrix = similarity_matrix(image64[:12], text64[:12], scale64.item())
words = "Twelve pairs, read along the rows. "
words += matrix_in_words(matrix, asked)
show(matrix_figure(matrix, asked[:12], drawn[:12]), words)
SimilarityExplorer(image64, text64, asked, drawn, scale64.item())

# %% [markdown]
# **What you now know.** The batch is the exam: N pictures, N captions, one matrix, read along its rows and down its columns. Guessing costs ln N; repeated captions set a floor; a learned scale, capped at 100 after the step, decides how much a difference counts. Nothing in the loss knows
# what a cake is. All of that comes from telling partners from strangers.
#
# On a GPU nothing in the formulas changes, only the batch. The paper's 32,768 pairs make a matrix of 1,074 million entries; lesson 08 computes it in pieces.
#
# **Next**: [the exercises of lesson 03](../exercises/03_the_contrastive_loss.ipynb), where you write the loss, the clamp, the floor, SigLIP and the gradient; then [lesson 04, Train a CLIP](04_train_a_clip.ipynb), where this loss trains two towers for minutes instead of seconds.
