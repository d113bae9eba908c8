# %% [markdown]
# # 03 · The contrastive loss
#
# **Which caption goes with which picture?**
#
# This lesson rebuilds section 2.3 and Figure 3 of Radford et al. 2021 ([arXiv 2103.00020](https://arxiv.org/abs/2103.00020)).
# Plan about 90 minutes for reading and predicting, and another three hours if you do all the exercises. The notebook itself runs in about a minute on two CPU cores.

# %%
import math

import torch
import torch.nn.functional as F
from torch import nn

from clipedu.pairs import held_out_pairs, to_pictures
from clipedu.plots import picture_grid, show
from clipedu_lessons.common.numbers import numbers

TRIO = ["cake", "carrot", "watch"]
lucide = held_out_pairs("lucide", progress=False)  # never trained on
where = {icon.name: i for i, icon in enumerate(lucide.icons)}
trio = to_pictures(lucide.rgba[[where[name] for name in TRIO]])
figure = picture_grid(trio, ["picture A", "picture B", "picture C"])
words = "Three line drawings. A: a low box with candles. B: a long root "
show(figure, words + "with leaves. C: a round dial on a strap.")
print("caption 1: a watch   caption 2: a cake   caption 3: a carrot")

# %% [markdown]
# You probably matched them at once: A is caption 2, B is caption 3 and C is caption 1. You did not need a list of everything that a picture can show. You compared each picture with the three captions on offer and took the best one.
#
# CLIP is trained on exactly this task. Lessons 01 and 02 built the text encoder and the image encoder, which turn a caption and a picture into vectors. What is still missing is the **loss**. It is one number that measures how badly the two encoders match pictures with captions, and its gradient trains both of them.
#
# **After this lesson you can**
#
# * compute the loss of three pairs on paper, along the rows and down the columns;
# * predict the loss of an untrained model, and the lowest loss that a batch allows;
# * explain what the logit scale does, why it is learned and why it is capped at 100;
# * explain what keeps the encoders from mapping everything to the same vector;
# * recognize the common bugs by their symptoms.
#
# In the exercises you write `info_nce` and `clamp_logit_scale_` for your own `my_clip.py`. The symbols are those of [the course's notation table](../docs/NOTATION.md).
#
# ## 1. Three pairs by hand
#
# Suppose that each encoder outputs vectors of two numbers and that every vector has length 1. Let $u_i$ be the embedding of picture $i$ and $v_j$ the embedding of caption $j$. Then the dot product $u_i \cdot v_j$ is the **cosine** of the angle between them. It is 1 for the same direction, 0 for a right angle and -1 for opposite directions.
#
# | picture | $u_i$ | caption | $v_j$ |
# |---|---|---|---|
# | cake | (1, 0) | "a cake" | (0.8, 0.6) |
# | carrot | (0.6, 0.8) | "a carrot" | (0.6, 0.8) |
# | watch | (-0.6, 0.8) | "a watch" | (-0.8, 0.6) |
#
# Compute a few of the nine cosines on paper before you run the next cell.

# %% tags=["nbval-check-output"]
from clipedu_lessons.l03_the_contrastive_loss.circles import circle_figure

CAPTIONS = ["a cake", "a carrot", "a watch"]
image = torch.tensor([[1.0, 0.0], [0.6, 0.8], [-0.6, 0.8]])  # (N, E)
text = torch.tensor([[0.8, 0.6], [0.6, 0.8], [-0.8, 0.6]])  # (N, E)
cosines = image @ text.T  # (3, 3): row i is picture i, column j is caption j

def print_table(table):
    print(" " * 19 + "".join(f"{caption:>13}" for caption in CAPTIONS))
    for name, row in zip(TRIO, table.tolist()):
        cells = "".join(f"{round(v, 3) + 0.0:13.3f}" for v in row)
        print(f"picture of {name:<8}{cells}")

print_table(cosines)
words = "Six arrows in a circle: a picture and a caption each for cake, carrot and watch."
show(circle_figure({"Three pairs": (image, text)}, TRIO), words)

# %% [markdown]
# ### A row is a multiple-choice question
#
# The first row asks: *here is the picture of the cake, which caption belongs to it?* The candidates have the cosines 0.80, 0.60 and -0.80.
#
# The **softmax** turns such numbers, called **logits**, into probabilities: take the exponential of each and divide by the sum of all. The **cross-entropy** is minus the natural logarithm of the probability of the right answer. It is 0 if the model gives the right answer the probability 1, and it is large if the model is confident and wrong. Its unit is the *nat*. For row $i$ of a matrix of logits $z_{ij}$ this is
#
# $$p_{ij} = \frac{e^{z_{ij}}}{\sum_k e^{z_{ik}}}, \qquad \text{loss of row } i = -\ln p_{ii}.$$

# %% tags=["nbval-check-output"]
weights = [math.exp(logit) for logit in (0.8, 0.6, -0.8)]
chances = [weight / sum(weights) for weight in weights]
print("exponentials: ", [round(weight, 3) for weight in weights])
print(f"their sum:      {sum(weights):.3f}")
print("probabilities:", [round(p, 3) for p in chances])
p = chances[0]
print(f"loss of the row: -ln {p:.3f} = {-math.log(p):.3f}")

# %% [markdown]
# ### A column is a question, too
#
# The first column asks: *here is the caption "a cake", which picture belongs to it?* Now the candidates have the cosines 0.80, 0.96 and 0.00.
#
# **Predict**: how many of the three pictures choose their own caption, and how many captions choose their own picture?

# %%
prediction = ...  # change this: (pictures that are right, captions that are right)

# %% tags=["nbval-check-output"]
from clipedu_lessons.l03_the_contrastive_loss import similarity

for view in ("rows", "columns"):
    matrix = similarity.similarity_matrix(image, text, 1.0, view)
    said = similarity.matrix_in_words(matrix, CAPTIONS)
    print(f"{view}: {said}".replace(". ", ".\n   ").replace("; loss", ";\n   loss"))
words = "The softmax along the rows, left, and down the columns, right. "
words += "The choices lie on the diagonal, except for the caption cake."
show(similarity.both_ways_figure(image, text, 1.0, CAPTIONS, trio), words)

# %% [markdown]
# The same matrix gives two different results. Every picture finds its caption, but the caption "a cake" prefers the picture of the carrot. If you only looked at the rows, the model would seem perfect. So CLIP asks both questions and takes the mean of the two losses, which makes the loss **symmetric**.
#
# The next two figures show the general case: where the loss is in CLIP, and the matrix for four pairs. A batch of N pairs gives an N x N matrix of logits $z_{ij} = s\, u_i \cdot v_j$, with the right answers on its diagonal. The factor $s$ is the logit scale. It is 1 for the moment, and section 4 explains it.

# %%
from clipedu_lessons.common.architecture import clip_figure, matrix_figure

show(*clip_figure("loss"))
show(*matrix_figure(4))

# %% [markdown]
# The loss of a batch is the mean of N questions along the rows and N questions down the columns:
#
# $$\mathcal{L} = -\frac{1}{2N} \sum_{i=1}^{N} \left( \ln \frac{e^{z_{ii}}}{\sum_j e^{z_{ij}}} + \ln \frac{e^{z_{ii}}}{\sum_j e^{z_{ji}}} \right).$$
#
# In code this takes five lines, the same ones as in the paper's Figure 3. Row $i$ has its right answer in column $i$, so the answers are simply 0, 1, 2, ... The library's `info_nce` adds checks of its inputs and an option that you will need in section 7. Its name comes from an older paper (section 3).

# %% tags=["nbval-check-output"]
from clipedu.objectives import LOGIT_SCALE_INIT, clamp_logit_scale_, info_nce

def contrastive(image, text, scale):
    logits = scale * image @ text.T  # (N, N)
    answers = torch.arange(len(logits))  # row i: column i is right
    for_pictures = F.cross_entropy(logits, answers)  # mean over rows
    for_captions = F.cross_entropy(logits.T, answers)  # mean over columns
    return (for_pictures + for_captions) / 2

ours, library = contrastive(image, text, 1.0), info_nce(image, text, 1.0)
print(f"ours {ours:.4f}, clipedu.objectives.info_nce {library:.4f}")
assert torch.isclose(ours, library)

# %% [markdown]
# ### Check your understanding
#
# 1. Can every caption choose its own picture while a picture chooses the wrong caption?
# 2. All four cosines of a batch of two pairs are equal. What is the loss?
# 3. Why does the loss need no list of classes, unlike that of an ImageNet classifier?
#
# <details><summary>Answers</summary>
#
# 1. Yes. Transpose the matrix above: then the columns are all right and one row is wrong.
# 2. Every softmax gives 1/2 to both candidates, so each of the four questions costs ln 2 = 0.69, and so does their mean.
# 3. The candidates of each question are the captions of the batch. They change at every step, so any text can be one.
#
# </details>
#
# ## 2. Before learning: ln N
#
# An untrained model finds all captions about equally likely. The right one then has the probability 1/N, so each row costs $-\ln(1/N) = \ln N$, and so does each column. Look at this number first in any run. It depends only on the batch size. It is 4.16 for 64 pairs and 6.24 for the 512 of this course's recipes. For the 32,768 pairs of the paper (Table 18) it is 10.40.
#
# Now we measure it. The next cell draws 64 real pairs from the twelve training sets and sends them through the two encoders of lessons 01 and 02, with random weights.

# %% tags=["nbval-check-output"]
from clipedu.models import build
from clipedu.pairs import to_model, training_pairs
from clipedu.training import load_pretrained

model, tokenizer, card = load_pretrained()  # for its tokenizer; section 10 uses the model
pairs = training_pairs(progress=False).drawn("sentences")
pictures, captions = pairs.batch(64, seed=0)
untrained = build("laptop_vit_stem", seed=0, vocab_size=tokenizer.vocab_size)
with torch.no_grad():
    at_start = info_nce(*untrained(to_model(pictures), tokenizer(captions))).item()
print("   ".join(f"ln {n:,} = {math.log(n):.2f}" for n in (2, 3, 64, 512, 32768)))
print(f"loss of the untrained model with N = 64: {at_start:.2f}")
numbers(at_start=f"{at_start:.2f}", above=f"{at_start - math.log(64):.2f}")
words = "Eight of the 64 pairs, each with its caption."
show(picture_grid(pictures[:8], captions[:8]), words)

# %% [markdown]
# The loss starts at {=at_start}, which is {=above} above ln 64. Random embeddings are not all equally similar, and training starts with a logit scale of 14.3, which amplifies these random differences. Two ways to read the loss are useful:
#
# * $e^{\mathcal{L}}$ is the number of captions among which a guess would be as good as the model. A loss of 4.16 corresponds to a guess among 64, a loss of 0.69 to a guess among 2.
# * $\ln N - \mathcal{L}$ is what the model has learned so far. It is 0 for a model that guesses.
#
# ## 3. Every batch is a new exam
#
# A classifier on ImageNet always answers the same question: which of these 1,000 classes is it? In CLIP's loss, the *batch* sets the question. Its N captions are the candidates, they are drawn at random, and the same set of candidates hardly ever comes back. A larger batch is a harder exam for the same model.
#
# To see this, the next cell keeps the model fixed and changes only the batch size. Its 4,096 captions are random vectors, and each picture is its caption plus noise. The cosines are multiplied by 14.3.

# %% tags=["nbval-check-output"]
noise = torch.Generator().manual_seed(0)
texts = F.normalize(torch.randn(4096, 64, generator=noise), dim=-1)
images = F.normalize(texts + 0.25 * torch.randn(4096, 64, generator=noise), dim=-1)
sizes, losses = (2, 8, 32, 128, 512, 4096), []
for n in sizes:
    batches = list(zip(images.split(n), texts.split(n)))[:64]
    exams = [similarity.similarity_matrix(*batch, 14.3) for batch in batches]
    right = sum(exam.right for exam in exams) / len(exams) / n
    losses.append(sum(exam.loss for exam in exams) / len(exams))
    gap = f"ln N - loss {math.log(n) - losses[-1]:.2f}"
    print(f"N = {n:>4}   right {right:4.0%}   loss {losses[-1]:.2f}   {gap}")
numbers(least=f"{losses[0]:.2f}", most=f"{losses[-1]:.2f}")

# %% [markdown]
# The loss of one and the same model rises from {=least} to {=most}. So **compare losses only at the same batch size**.
#
# The gap $\ln N - \mathcal{L}$ rises, too. It measures in nats how much a picture tells about its caption, as far as an exam with N candidates can show. It can't exceed ln N: with two candidates the best possible model shows 0.69 nats.
#
# ### Two older names for this loss
#
# Section 2.3 of the paper names its sources, and each name is another way to read the same row.
#
# * **Multi-class N-pair loss** (Sohn 2016). The loss of row $i$ is $\ln\left(1 + \sum_{j \ne i} e^{z_{ij} - z_{ii}}\right)$, so only *differences* of logits matter.
# * **InfoNCE** (van den Oord et al. 2018, [arXiv 1807.03748](https://arxiv.org/abs/1807.03748)). The task is to pick the true partner out of N candidates. On average, $\ln N - \mathcal{L}$ is then a lower bound on the mutual information of the two sides.
#
# ConVIRT (Zhang et al. 2020, [arXiv 2010.00747](https://arxiv.org/abs/2010.00747)) already asked both questions, for X-ray pictures and reports. CLIP simplified its setup and scaled it up.
#
# ### What does a larger batch buy?
#
# A larger batch gives every picture more wrong captions to be told apart from. Does that help the model, or does it only raise the loss? To find out, everything else must stay the same. We train a very small CLIP (an MLP on 16 x 16 pixels and the mean of word vectors) several times on the same 512 pairs per step. Only the loss changes: it cuts the batch into groups of n pairs, and each picture is compared only with the n captions of its own group.
#
# After 200 steps each model names the pictures of Lucide, an icon set that is never trained on. It chooses among 297 names, so a guess is right in 0.3 % of the cases. **Predict**: which share of the accuracy with n = 512 does a model reach that compares only two candidates at a time?

# %%
prediction = ...  # change this: accuracy at n = 2, as a share of that at n = 512

# %%
from clipedu_lessons.l03_the_contrastive_loss import small_clip

data = small_clip.SmallData(pairs)

def in_groups(n):
    def loss(image, text, scale):  # (512, E) twice
        image, text = image.view(512 // n, n, -1), text.view(512 // n, n, -1)
        logits = scale * image @ text.mT  # (groups, n, n)
        answers = torch.arange(n).expand(512 // n, n)
        for_pictures = F.cross_entropy(logits.mT, answers)  # dimension 1 holds the classes
        return (for_pictures + F.cross_entropy(logits, answers)) / 2

    return loss

# %% tags=["nbval-check-output", "tolerance-0.2"]
from clipedu.evaluation import clopper_pearson

groups, accuracy, intervals = (2, 8, 32, 128, 512), [], []
asked = len(data.labels)  # pictures
for n in groups:
    small, _ = small_clip.train_small(data, in_groups(n))
    accuracy.append(small_clip.judge_small(small, data)[0])
    low, high = clopper_pearson(round(accuracy[-1] * asked / 100), asked)
    intervals.append((100 * low, 100 * high))  # 95 %
    print(f"n = {n:>3}: {accuracy[-1]:4.1f} % of Lucide ({100 * low:.1f} to {100 * high:.1f})")
numbers(with_2=f"{accuracy[0]:.1f}", with_32=f"{accuracy[2]:.1f}")
numbers(with_512=f"{accuracy[-1]:.1f}", asked=asked)

# %%
from clipedu_lessons.common.figures import new_figure

figure = new_figure(7, 3.4)
axes = figure.subplots()
middle, ends = torch.tensor(accuracy), torch.tensor(intervals)  # (5,), (5, 2)
axes.errorbar(groups, middle, yerr=(ends - middle[:, None]).abs().T, capsize=3)
axes.axhline(100 / 297, color="#666666", linestyle=":", marker="")
axes.text(groups[-1], 100 / 297 + 0.3, "guessing", ha="right", va="bottom")
axes.set_xscale("log", base=2)
axes.set_xticks(groups, groups)
axes.set(xlabel="candidates per question, n", ylabel="zero-shot accuracy (%)")
words = "Accuracy on Lucide rises with the number of candidates, steeply at first. "
show(figure, words + f"It ends at {accuracy[-1]:.0f} percent; guessing is near 0.")

# %% [markdown]
# With two candidates the accuracy is {=with_2} %, with 32 it is {=with_32} %, and with 512 it is {=with_512} %. All models saw the same pairs and took the same number of steps, one run each. So more wrong captions per question do help, although less and less beyond 32. The intervals of neighboring points overlap, because the test has only {=asked} pictures; those of the first and the last point do not.
#
# The paper trains with 32,768 pairs per batch and does not say why it chose this number. It reports no comparison of batch sizes either. In practice a small batch differs in a second way: for the same number of pairs it makes more optimizer steps. This experiment keeps the steps equal to isolate the effect of the candidates.
#
# ### Check your understanding
#
# 1. Your loss is 3.1 at N = 256, and a colleague reports 2.4 at N = 64. Who has the better model?
# 2. Which loss do you expect from an untrained model with N = 1,024?
# 3. Why does adding 5 to every logit of a row not change its loss?
#
# <details><summary>Answers</summary>
#
# 1. You can't compare the losses. The gaps are 5.55 - 3.1 = 2.45 and 4.16 - 2.4 = 1.76 nats, but the smaller exam can show at most 4.16. Evaluate both models on the same batches.
# 2. About ln 1,024 = 6.93, and a little more at a scale of 14.3.
# 3. The factor $e^5$ cancels in the softmax. The N-pair formula shows the same: it holds only differences.
#
# </details>
#
# ## 4. The logit scale, or temperature
#
# A cosine can't exceed 1, so at a scale of 1 even a perfect model can't be confident. In the best possible arrangement of N pairs, every right cosine is 1 and every wrong one is $-1/(N-1)$.
#
# <details><summary>Why not all wrong cosines at -1?</summary>
#
# Take N vectors of length 1. Their sum has the squared length
#
# $$\Big|\sum_i u_i\Big|^2 = N + N(N-1)\,\bar{c},$$
#
# where $\bar{c}$ is the mean cosine of two different vectors. A squared length is not negative, so $\bar{c} \ge -1/(N-1)$.
#
# </details>
#
# What does this best arrangement cost for N = 512?

# %% tags=["nbval-check-output"]
def best_loss(n, scale):  # the N-pair formula with N - 1 equal differences
    return math.log1p((n - 1) * math.exp(-scale * (1 + 1 / (n - 1))))

answers = torch.arange(3)
print("scale, and the best possible loss at N = 512")
for scale in (0.07, 1, 5, 1 / 0.07, 100):
    print(f"{scale:6.2f}  {best_loss(512, scale):.3f}")

# %% [markdown]
# At scale 1 the best arrangement costs 5.24 nats, only 1 less than guessing. So CLIP multiplies the cosines by a **logit scale** $s$. Its inverse $\tau = 1/s$ is called the **temperature**. The paper starts with $\tau = 0.07$, so $s = 14.3$. The first line of the output shows a common bug: if you multiply by 0.07 instead of dividing by it, no arrangement gets below 6.17.
#
# A larger scale is not always better, because it amplifies wrong differences as well as right ones. Our three pairs contain one wrong choice, so we can watch both effects.

# %% tags=["nbval-check-output"]
for start in (1, 5, 14.3, 100):
    t = torch.tensor(math.log(start), requires_grad=True)
    logits = t.exp() * cosines
    rows = F.cross_entropy(logits, answers)
    columns = F.cross_entropy(logits.T, answers)
    loss = (rows + columns) / 2
    loss.backward()
    parts = f"rows {rows:.3f}, columns {columns:.3f}, loss {loss:.3f}"
    print(f"scale {start:5.1f}: {parts}, gradient of t {t.grad:+.3f}")

# %%
scales = torch.logspace(0, 2, 401)
logits = scales[:, None, None] * cosines  # (401, 3, 3)
rows = -logits.log_softmax(dim=2)[:, answers, answers].mean(dim=1)
columns = -logits.log_softmax(dim=1)[:, answers, answers].mean(dim=1)
mean = (rows + columns) / 2
best = scales[mean.argmin()].item()
axes = (figure := new_figure(7, 3.4)).subplots()
axes.plot(scales, rows, label="rows (all right)")
axes.plot(scales, columns, label="columns (one wrong)")
axes.plot(scales, mean, label="their mean: the loss")
axes.axvline(best, color="#666666", linestyle=":", marker="")
axes.set(xscale="log", xlabel="logit scale", ylabel="loss (nats)", ylim=(0, 4))
axes.legend()
numbers(best_scale=f"{best:.1f}")
show(figure, f"Rows fall; columns dip, then climb; least mean at {best:.1f}.")

# %% [markdown]
# At scale 100 the model makes its wrong choice with near certainty. That choice costs 16 nats, which is 100 times the 0.16 by which the wrong cosine is larger. The table shows 5.333, the mean of this column and two others that cost nothing. The loss is lowest at a scale of {=best_scale}, and nobody has to search for it. **The scale is a parameter, and its gradient points to the minimum.**
#
# The model stores the *logarithm* $t = \ln s$, which starts at ln(1/0.07) = 2.66, and multiplies by $s = e^t$ (paper, sections 2.3 and 2.5). The exponential is always positive. A step of 0.01 in $t$ changes the scale by 1 %, whether it is 10 or 90.
#
# The scale also decides **which wrong captions are pushed away**. The figures below show one picture with eight captions. The *margin* is the cosine of the right caption minus that of the best wrong one.

# %%
from clipedu_lessons.l03_the_contrastive_loss import temperature

row = temperature.temperature_row(scale=1 / 0.07, margin=0.1)
show(temperature.row_figure(row), temperature.row_in_words(row))
words = "Left, the loss against the margin: nearly flat for scale 1, steep below "
words += "margin 0 for scale 100. Right, the pull on the right caption: near 100 at "
words += "scale 100 while the margin is negative, almost 0 from 0.1 on; at scale 1 "
show(temperature.gradient_figure((1, 14.3, 100)), words + "below 1 and nearly constant.")
temperature.TemperatureExplorer()

# %% [markdown]
# With a small scale, the loss pushes all wrong captions a little, and it never stops. With a large scale, it pushes only the captions with the largest cosines, it pushes them hard, and a small margin satisfies it. You can check this with the sliders: try scale 1 and then 100 at margin +0.10, and then margin -0.10 at scale 100.
#
# ### Check your understanding
#
# 1. You initialize `logit_scale` with 0.07 and multiply the cosines by its exponential. What is the scale, and what will you see?
# 2. A model ranks every pair of the training batches correctly. Which way does its scale move?
# 3. Why does the model store $t$ and not $s$?
#
# <details><summary>Answers</summary>
#
# 1. The scale is $e^{0.07} = 1.07$. At N = 512 the best possible loss is then near 5.2, so the loss starts at ln N and falls by at most 1. The scale is learned, so it recovers slowly.
# 2. Up. With all differences in the right direction, a larger scale always lowers the loss.
# 3. Any real number $t$ gives a positive scale, and equal steps of $t$ are equal *relative* steps of $s$.
#
# </details>
#
# ## 5. Why the vectors have length 1
#
# The encoders output vectors of any length, and CLIP divides each by its length before the loss (**L2 normalization**). Without this, length is a shortcut. In the next cell the caption "a carrot" becomes four times longer while its direction stays the same.

# %% tags=["nbval-check-output"]
long = text.clone()
long[1] *= 4
for name, captions in (("one long", long), ("normalized", F.normalize(long, dim=-1))):
    choice = (image @ captions.T).argmax(dim=1)
    print(f"{name:<11}", [CAPTIONS[j] for j in choice])
try:
    info_nce(image, long, 1.0)
except ValueError as error:
    print("the library:", str(error).replace(". ", ".\n   "))

# %% [markdown]
# One long caption wins every picture, although nothing about its direction has changed. Length would also let the model become more confident without any better directions, because making all vectors longer is the same as a larger scale. With length 1 the scale alone sets the confidence, and the encoders can only improve by choosing better directions.
#
# ## 6. What pulls, what pushes, and what prevents a collapse
#
# The gradient with respect to the logits says what a training step does to each pair: a negative entry is pulled up, a positive one is pushed down. For the rows' half of the loss it has a short formula,
#
# $$\frac{\partial \mathcal{L}_\text{rows}}{\partial z_{ij}} = \frac{p_{ij} - y_{ij}}{N},$$
#
# where the right answer $y_{ij}$ is 1 on the diagonal and 0 elsewhere. In words: probability minus right answer, divided by N. Here it is for our three pairs at scale 10.

# %% tags=["nbval-check-output"]
logits = (10 * cosines).requires_grad_()
F.cross_entropy(logits, answers).backward()  # the rows' half
print_table(logits.grad)
by_formula = (logits.softmax(dim=1) - torch.eye(3)) / 3
assert torch.allclose(logits.grad, by_formula, atol=1e-6)
print("sum of each row:", [round(v, 3) + 0.0 for v in logits.grad.sum(dim=1).tolist()])

# %% [markdown]
# Every row sums to 0. The push on a wrong caption is proportional to the probability that the model gave it. All pushes of a row together are as large as the pull on the right caption. The row of the watch is done, since its gradient is 0 to three decimals. (The full loss adds the columns' half, which is exercise 03.7.)
#
# Next, the six vectors themselves move. There are no encoders, only gradient steps on the vectors at scale 10. The output says how many degrees apart each own pair is, and the other pairs on average.

# %% tags=["nbval-check-output", "tolerance-0.02"]
from clipedu_lessons.l03_the_contrastive_loss.circles import angles

moving, stages = nn.Parameter(torch.stack([image, text])), {}  # (2, 3, 2)
optimizer = torch.optim.SGD([moving], lr=0.2)
for step in range(201):
    now = F.normalize(moving, dim=-1)
    loss = info_nce(*now, 10.0)
    if step in (0, 5, 200):
        stages[f"step {step}: loss {loss:.3f}"] = tuple(now.detach())
        own, apart = angles(*now.detach())  # degrees
        each = ", ".join(f"{name} {angle:.1f}" for name, angle in zip(TRIO, own))
        print(f"step {step:>3}: own pairs {each}; other pairs {apart:.1f}")
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
numbers(carrot=f"{own[1]:.1f}", apart_end=f"{apart:.0f}")

# %%
words = "Three circles. Step 0: the caption cake is near the carrot's picture. Step 5: "
words += "it has turned toward the cake. Step 200: each caption is near its picture."
show(circle_figure(stages, TRIO), words)

# %% [markdown]
# The cake's caption turns to its own picture, and the other pairs end {=apart_end} degrees apart on average. But not every own pair gets closer. The carrot's picture and caption started at the same position and end {=carrot} degrees apart, because the pushes of the other pairs act on them, too. With three vectors on a circle there is not enough room to see what happens in general.
#
# So we measure it on 64 pairs in 16 dimensions. The loss of row $i$ is the sum of two terms,
#
# $$-\ln p_{ii} = \underbrace{-z_{ii}}_{\text{pull}} + \underbrace{\ln \sum_j e^{z_{ij}}}_{\text{push}},$$
#
# and we can train with either of them alone. All vectors start in a cone around one direction. **Predict** for each term alone: do own pairs get closer, and do other pairs move apart?

# %%
prediction = ...  # change this: for the pull alone, and for the push alone

# %%
def pull(z):
    return -z.diagonal().mean()

def push(z):
    return (z.logsumexp(dim=1) + z.logsumexp(dim=0)).mean() / 2

def move(loss_of, both, steps=300):  # (2, 64, 16): pictures and captions
    both = nn.Parameter(both.clone())
    optimizer = torch.optim.Adam([both], 0.02)
    for _ in range(steps):
        u, v = F.normalize(both, dim=-1)
        optimizer.zero_grad()
        loss_of(10 * u @ v.T).backward()
        optimizer.step()
    return F.normalize(both.detach(), dim=-1)

# %% tags=["nbval-check-output", "tolerance-0.02"]
seed, ends = torch.Generator().manual_seed(0), []
start = torch.randn(16, generator=seed) + 0.7 * torch.randn(2, 64, 16, generator=seed)
print("mean angles in degrees   own pairs   other pairs")
for name in ("start", "pull", "push", "pull + push"):
    losses = {"pull": pull, "push": push, "pull + push": lambda z: pull(z) + push(z)}
    u, v = move(losses[name], start) if name in losses else F.normalize(start, dim=-1)
    own, others = angles(u, v)
    ends.append((f"{own.mean():.0f}", f"{others:.0f}"))
    print(f"{name:<24} {own.mean():9.1f} {others:13.1f}")
numbers(own_start=ends[0][0], others_start=ends[0][1])
numbers(own_end=ends[3][0], others_end=ends[3][1])

# %% [markdown]
# Neither term is enough. The pull alone closes the own pairs, but the other pairs get closer as well, because each pair meets in its middle and nothing holds the pairs apart. The push alone sends all pictures to one side and all captions to the opposite side, own pairs included. Together they bring own pairs from {=own_start} to {=own_end} degrees and other pairs from {=others_start} to {=others_end} degrees. A network does the same with thousands of pairs, but it can move its vectors only through shared weights.
#
# ### A collapse
#
# Shared weights make the push even more important. With free vectors the pull moves each pair by itself, so different pairs keep different directions. An encoder has a shortcut: if it maps everything to one direction, every pair is perfect. To see it, we train the small CLIP of section 3 once more, now without wrong captions. Its loss is one minus the mean cosine of the right pairs.

# %% tags=["nbval-check-output", "tolerance-0.2"]
def no_negatives(image, text, scale):
    return 1 - (image * text).sum(dim=1).mean()

collapsed, last = small_clip.train_small(data, no_negatives)
kept, spread = small_clip.judge_small(small, data)  # section 3, n = 512
lost, alike = small_clip.judge_small(collapsed, data)
print(f"with negatives:    accuracy {kept:4.1f} %, cosine of two pictures {spread:.2f}")
print(f"without negatives: accuracy {lost:4.1f} %, cosine of two pictures {alike:.2f}")
print(f"last loss without negatives: {last:.3f}")
numbers(kept=f"{kept:.1f}", lost=f"{lost:.1f}", last=f"{last:.3f}")
numbers(alike=f"{alike:.2f}", spread=f"{spread:.2f}")

# %% [markdown]
# Without negatives the loss falls to {=last}, which is almost perfect, and the model is almost useless. Two different pictures have a mean cosine of {=alike}, so everything points in one direction, and the accuracy is {=lost} %. With negatives the mean cosine is {=spread} and the accuracy is {=kept} %. This is called a **collapse**, and the denominator of the softmax prevents it: at the collapsed solution the contrastive loss is ln N, as bad as guessing.
#
# ### Check your understanding
#
# 1. A wrong caption has the probability 0.001. How hard is it pushed, compared with one of probability 0.1?
# 2. Why does the pull alone not collapse for free vectors?
# 3. With n = 2 candidates, each picture has a single negative. Would you expect a collapse?
#
# <details><summary>Answers</summary>
#
# 1. A hundredth as hard: the gradient of a wrong logit is its probability divided by N.
# 2. Each pair of vectors is moved by itself. Its picture and its caption meet in the middle, and nothing makes two different pairs meet.
# 3. No. One negative is enough to make the collapsed solution as bad as guessing (ln 2). Section 3 measured it: accuracy was lower, but far above guessing.
#
# </details>
#
# ## 7. False negatives, and the floor they put under the loss
#
# The loss assumes that only one caption of the batch is right for each picture. Is that so? The next cell writes one caption for each training picture and counts repeats.

# %% tags=["nbval-check-output"]
from collections import Counter

import numpy as np

from clipedu.pairs import captions as write_captions
from clipedu_lessons.common.duplicates import same_pictures

epoch = write_captions(pairs.icons, np.random.default_rng(0), pairs.mix)  # one a picture
most, times = Counter(epoch).most_common(1)[0]
print(f"{len(epoch):,} pictures, {len(set(epoch)):,} different captions")
print(f"most often: '{most}', {times} times")
same = max(same_pictures(pairs.rgba), key=len)
print("one drawing, several names:", *sorted({pairs.icons[i].name for i in same}), sep="\n   ")
group = [i for i, caption in enumerate(epoch) if caption == most][:8]
show(picture_grid(to_pictures(pairs.rgba[group])), f"Pictures captioned '{most}'.")

# %% [markdown]
# If two of these pictures are in one batch, each has two right captions, and the loss counts one of them as wrong. Such a pair is a **false negative**.
#
# Repeated captions put a floor under the loss. Equal captions have equal embeddings, so their columns are equal and share the probability, at most 1/2 each. The row then costs at least ln 2, however good the model is. In general a caption that occurs $m$ times costs each of its pairs at least $\ln m$.
# For example, the batch "cake, cake, watch" costs at least (ln 2 + ln 2 + ln 1)/3 = 0.462.
#
# To test whether this is really a floor, we train free vectors again, eight pairs with the captions 0, 0, 1, 2, 3, 3, 3, 4. This time the scale is learned, too. Then we tell the loss which captions are equal. With `false_negative_ids`, `info_nce` takes false negatives out of the denominators, so they are neither pulled nor pushed. You will write this option in exercise 03.9.

# %%
def free_vectors(loss_of, ids, width=8, steps=300, cap=100.0):
    """Vectors without encoders, moved by Adam -> image, text, scale, losses."""
    start = torch.Generator().manual_seed(0)
    both = nn.Parameter(torch.randn(2, len(ids), width, generator=start))
    t, losses = nn.Parameter(torch.tensor(LOGIT_SCALE_INIT)), []
    optimizer = torch.optim.Adam([both, t], 0.05)
    for _ in range(steps):
        image, text = F.normalize(both, dim=-1)
        loss = loss_of(image, text[ids], t.exp())
        losses.append(loss.item())
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        clamp_logit_scale_(t, cap)  # section 9 says why
    return image.detach(), text[ids].detach(), t.exp().item(), losses

# %% tags=["nbval-check-output"]
from clipedu_lessons.l03_the_contrastive_loss.losses import loss_floor

ids = torch.tensor([0, 0, 1, 2, 3, 3, 3, 4])
floor, unmasked = loss_floor(ids), free_vectors(info_nce, ids)[3]
masked = free_vectors(lambda *x: info_nce(*x, ids), ids)[3]
print(f"floor {floor:.3f}, lowest loss {min(unmasked):.3f}; masked {min(masked):.3f}")
figure = new_figure(7, 3.2)
axes = figure.subplots()
axes.plot(unmasked, label="captions repeat, nothing masked")
axes.plot(masked, label="false negatives masked")
axes.axhline(floor, color="#666666", linestyle=":", marker="")
axes.text(300, floor + 0.05, "floor", ha="right", va="bottom")
axes.set(xlabel="step", ylabel="loss (nats)", ylim=(0, 3.7))
axes.legend()
show(figure, "Unmasked, the loss falls to the dotted floor; masked, it falls to 0.")

# %% [markdown]
# How high is the floor for *our* captions? The next cell compares four kinds of batches:
#
# * the course's captions, drawn at random;
# * bare names, drawn at random;
# * one caption for each of ten classes, as in many small CLIP tutorials;
# * batches as `pairs.batch` draws them, where no name occurs twice.

# %% tags=["nbval-check-output"]
chance = np.random.default_rng(0)
names = [icon.name for icon in pairs.icons]
ten = chance.integers(10, size=len(names)).tolist()
print("    N   ln N   captions   bare names   ten classes   pairs.batch")
for n in (128, 512, 2048):
    picks = [chance.choice(len(names), n, False) for _ in range(4)]
    floors = [math.log(n)]
    for kind in (epoch, names, ten):
        floors.append(sum(loss_floor([kind[i] for i in pick]) for pick in picks) / 4)
    floors.append(loss_floor(pairs.batch(n, seed=0)[1]))
    print(f"{n:5}", "{:6.1f} {:10.2f} {:12.2f} {:13.2f} {:13.2f}".format(*floors))
    if n == 128:
        numbers(floor_of_ten=f"{floors[3]:.2f}")

# %% [markdown]
# With ten classes and 128 pairs no model gets below about {=floor_of_ten}, and at most 10 of the 128 pictures can be ranked right. If you don't know this, you look for a bug that isn't there. Varied captions and batches without repeated names bring the floor near 0, and the course's recipes mask the equal captions that are left.
#
# Equal *words* can be masked, but equal *meanings* can't. "Chevron right" and "navigate next" may be one drawing, and each counts the other as wrong. The paper masks nothing.
#
# ### Can soft targets help?
#
# A common suggestion is to replace the one right answer by a distribution, a **soft target**. `F.cross_entropy` accepts one: rows of probabilities in place of indices. For equal *captions* the obvious target splits the answer evenly among them.
#
# For equal *meanings* the target must come from somewhere else. A popular tutorial computed it from the model's own similarities, as the softmax of $s\,(u_i \cdot u_j + v_i \cdot v_j)/2$ over $j$. A reader reported that all vectors then become similar ([OpenAI-CLIP, issue 27](https://github.com/moein-shariatnia/OpenAI-CLIP/issues/27)). The first cell compares losses for the captions "cake, cake, watch". The second one trains the small CLIP on such targets, with the learned scale and with a fixed scale of 1. It tests the idea and not the tutorial's code, which does not normalize its vectors.

# %% tags=["nbval-check-output"]
which = torch.tensor([0, 0, 2])  # the captions "cake", "cake", "watch"
logits = 5 * image @ text[which].T
even = torch.tensor([[0.5, 0.5, 0.0], [0.5, 0.5, 0.0], [0.0, 0.0, 1.0]])
for name, target in (("one right answer", torch.eye(3)), ("split evenly", even)):
    loss = (F.cross_entropy(logits, target) + F.cross_entropy(logits.T, target)) / 2
    print(f"{name}: {loss:.4f}")
print(f"masked: {info_nce(image, text[which], 5.0, which):.4f}")

def own_targets(image, text, scale):
    return (scale * (image @ image.T + text @ text.T) / 2).softmax(dim=1)  # (N, N)

def soft_loss(image, text, scale, constant=False):
    logits, targets = scale * image @ text.T, own_targets(image, text, scale)
    targets = targets.detach() if constant else targets
    return (F.cross_entropy(logits, targets) + F.cross_entropy(logits.T, targets.T)) / 2

# %% tags=["nbval-check-output", "tolerance-0.2"]
runs = {
    "own targets, learned scale": soft_loss,
    "plain loss, scale 1": lambda u, v, s: info_nce(u, v, 1.0),
    "own targets, scale 1": lambda u, v, s: soft_loss(u, v, 1.0),
    "own targets as constants": lambda u, v, s: soft_loss(u, v, 1.0, constant=True),
}
found, rows = {}, pairs.rows_at(0, 512, seed=0)
for name, loss_of in runs.items():
    soft, _ = small_clip.train_small(data, loss_of)
    found[name] = small_clip.judge_small(soft, data)
    with torch.no_grad():
        u, v, s = soft(data.pixels[rows], data.words[rows])
    share = own_targets(u, v, s if "learned" in name else 1.0).diagonal().mean()
    accuracy, cosine = found[name]
    print(f"{name:<26} accuracy {accuracy:4.1f} %, cosine {cosine:.2f}, share {share:.3f}")

# %% [markdown]
# Splitting evenly gives exactly the same loss as one right answer. Equal captions have equal columns, so it makes no difference which of them gets the answer. Only masking changes the loss.
#
# In the second output, the last column is the share that the model's own target gives to the own caption. The plain loss has 1 in its place. With the learned scale these targets are nearly one-hot, so they hardly differ from the plain answers, and the accuracy is about that of the plain loss. At scale 1 the softmax is nearly uniform: the target says that all 512 captions are about equally right. The plain loss still learns something there, and the soft targets learn almost nothing.
#
# The last row treats the targets as constants, without a gradient (`detach`). Then nothing opposes the shortcut of section 6, and the pictures end with a mean cosine near 1: this is the reported collapse. At the collapsed solution all targets are uniform, and the loss of ln 512 is the lowest that uniform targets allow.
#
# So soft targets are no cure by themselves: a model can't learn from its own similarities what it doesn't know yet. [SoftCLIP](https://arxiv.org/abs/2303.17561) (Gao et al. 2023) makes its targets from finer similarities within each modality, and reports gains on the web captions of CC3M and CC12M. The tutorial above has since returned to targets made from ids.
#
# ### Check your understanding
#
# 1. A loss has stopped at 0.69 and doesn't move. Which property of the batches would explain it?
# 2. Why is masking a repeated caption safer than counting it as wrong?
# 3. Does the diagonal ever have to be masked?
#
# <details><summary>Answers</summary>
#
# 1. Every caption occurs exactly twice in each batch: the floor is ln 2.
# 2. A masked entry has no gradient, so the picture is no longer pushed away from a caption that is right for it.
# 3. No. Pair *i* is always right, and a row needs its right answer in the softmax.
#
# </details>
#
# ## 8. Yes or no: SigLIP
#
# SigLIP (Zhai et al. 2023, [arXiv 2303.15343](https://arxiv.org/abs/2303.15343)) drops the softmax. Each of the N x N entries is a question of its own: *are picture i and caption j a pair?* The probability of yes is the sigmoid $\sigma$ of the logit plus a learned **bias** $b$. The loss is
#
# $$\mathcal{L}_\text{SigLIP} = -\frac{1}{N} \sum_{i,j} \ln \sigma\big(y_{ij}\,(s\,u_i \cdot v_j + b)\big), \qquad y_{ij} = \begin{cases} +1 & i = j \\ -1 & i \ne j. \end{cases}$$
#
# The sum over all entries is divided by N, not by N x N. Here is the row of the cake, question by question.

# %% tags=["nbval-check-output"]
from clipedu.objectives import siglip, siglip_bias_init

scale, bias = 10.0, siglip_bias_init(3)  # -ln(N - 1) = -ln 2
total = 0.0
for caption, cosine in zip(CAPTIONS, cosines[0].tolist()):
    yes = 1 / (1 + math.exp(-(scale * cosine + bias)))
    cost = -math.log(yes if caption == "a cake" else 1 - yes)
    total += cost
    print(f"{caption:<9} P(yes) = {yes:.3f}, costs {cost:.3f}")
print(f"the row costs {total:.3f}; the whole batch: {siglip(image, text, scale, bias):.3f}")
ones, others = torch.eye(2).unsqueeze(1).expand(2, 512, 2)  # 512 pairs, all cosines 0
starts = [siglip(ones, others, 10.0, b).item() for b in (siglip_bias_init(512), -10.0, 0.0)]
print("initial loss for N = 512 and b = -ln 511, -10, 0:", [round(v, 2) for v in starts])

# %% [markdown]
# The bias is needed because right pairs are rare: there are N among N x N entries. With $b = -\ln(N-1)$ an untrained model predicts probability 1/N for every entry, so you can compute the initial loss by hand. It is about $\ln N + 1$. The published value of -10 is right for batches of about 22,000. The last line of the output compares the initial losses for N = 512 when all cosines are 0, where ln N + 1 = 7.24.
#
# ### Is 0.22 a low probability?
#
# People who try SigLIP are often surprised by its probabilities. In [open_clip, issue 716](https://github.com/mlfoundations/open_clip/issues/716), the right caption "a diagram" gets 0.22, and the author suspects a bug. The next cell takes the three logits of that issue and asks two different questions.

# %% tags=["nbval-check-output"]
issue = torch.tensor([-1.2487, -8.8779, -10.9327])  # "a diagram", "a dog", "a cat"
for name, p in (("sigmoid", issue.sigmoid()), ("softmax", issue.softmax(dim=0))):
    print(f"{name}: {[f'{value:.5f}' for value in p.tolist()]}, sum {p.sum():.3f}")
logit = 10 * 0.5  # a cosine of 0.5 at scale 10; all wrong captions have the cosine 0
print(f"sigmoid with b = -ln 511:     {1 / (1 + math.exp(math.log(511) - logit)):.3f}")
for n in (512, 10, 3):
    p = math.exp(logit) / (math.exp(logit) + n - 1)
    print(f"softmax among {n:>3} captions:   {p:.3f}")

# %% [markdown]
# Nothing is wrong there. The sigmoid answers "is this a pair?" with training batches in mind, in which only one entry in N is a pair. The softmax answers "which of these three is it?" and knows that one of them is right. The last four lines show how the two are related. With $b = -\ln(N-1)$, the sigmoid equals a softmax among N captions whose other cosines are 0. A softmax among only 3 captions is much larger.
#
# So use the softmax to choose among given names. Use the sigmoid if none of the names may be right, or several, and choose its threshold on pictures of your own. The sigmoids don't add up to 1.
#
# ### Who depends on whom?
#
# Under the softmax every entry depends on the whole batch. To see it, we replace the last caption and count the entries of the 3 x 3 gradient that change.

# %% tags=["nbval-check-output"]
other = text.clone()
other[2] = torch.tensor([0.0, 1.0])  # replaces "a watch"
eye = torch.eye(3)  # c @ eye.T is c: so the losses see the cosines c
losses = {
    "softmax": lambda c: info_nce(c, eye, 5.0, check_values=False),
    "sigmoid": lambda c: siglip(c, eye, 5.0, bias, check_values=False),
}
for name, loss_of in losses.items():
    gradient = torch.func.grad(loss_of)
    change = gradient(image @ text.T) - gradient(image @ other.T)
    print(f"{name}: {(change.abs() > 1e-6).sum()} of 9 entries change")

# %% [markdown]
# Under the softmax all nine entries change, so the whole batch must be known at once. Under the sigmoid only the three entries of the new caption change. A batch can therefore be split over many machines with less communication (lesson 08). SigLIP's authors find it better than the softmax for batches below about 16,000. Both losses suffer from false negatives.
#
# ### Check your understanding
#
# 1. What is SigLIP's loss, in nats, if every entry gets the probability 1/N?
# 2. Why would a bias of 0 be a bad start for N = 512?
# 3. A picture shows none of your ten class names. What do softmax and sigmoid report?
#
# <details><summary>Answers</summary>
#
# 1. Each row costs $\ln N - (N-1)\ln(1 - 1/N)$, and the second term is about 1. So it is about $\ln N + 1$.
# 2. Every entry starts at 0.5, so each row costs $512 \ln 2 = 355$ nats, and the first steps only learn that pairs are rare.
# 3. The ten softmax probabilities still add up to 1. The ten sigmoids can all be near 0.
#
# </details>
#
# ## 9. What goes wrong, on purpose
#
# **A batch of one.** There is nothing to contrast, so the loss is 0 from the first step and nothing is learned.
#
# **The wrong axis**, in three forms:
#
# * (a) `image.T @ text` compares channels with channels and gives an (E, E) matrix. It has a diagonal, so everything runs. In the example, four pairs lie in only two directions, so picture 1 can't be told from 2, nor 3 from 4.
# * (b) Both cross-entropies run along the rows, so the columns are never scored.
# * (c) `normalize(dim=0)` gives every *channel* the length 1 over the batch, instead of every vector.

# %% tags=["nbval-check-output"]
import warnings

alone = image[:1].clone().requires_grad_()
with warnings.catch_warnings(record=True) as caught:
    warnings.simplefilter("always")
    loss = info_nce(alone, text[:1], 14.3)
loss.backward()
print(f"one pair: loss {loss.item():.1f}, largest gradient {alone.grad.abs().max():.1f}")
print("the library warns:", str(caught[0].message).split(":")[0])
four = torch.tensor([[1.0, 0.0], [1.0, 0.0], [0.0, 1.0], [0.0, 1.0]])
wrong, right = contrastive(four.T, four.T, 10.0), info_nce(four, four, 10.0)
print(f"(a) E x E gives {wrong:.3f}; the loss is {right:.3f}, or ln 2")
wrong, right = F.cross_entropy(100 * cosines, answers), info_nce(image, text, 100.0)
print(f"(b) rows twice, at scale 100, give {wrong:.3f}; the loss is {right:.3f}")
mean = F.normalize(images, dim=0).norm(dim=-1).mean()
print(f"(c) with dim=0 the 4,096 vectors have a mean length of {mean:.3f}")

# %% [markdown]
# **No cap on the scale.** Once all pairs are right, every increase of the scale lowers the loss a little more, so the scale keeps climbing. In the next cell 64 free pairs on a circle are memorized, with and without a cap. Then the captions of eight pairs are mixed up, as happens in real data.

# %% tags=["nbval-check-output", "tolerance-0.2"]
costs, everyone = [], torch.arange(64)
for cap in (100.0, math.inf):
    made = free_vectors(info_nce, everyone, 2, steps=600, cap=cap)
    points, labels, scale, curve = made
    labels[:8] = labels[:8].roll(1, dims=0)  # eight captions go to the next picture
    costs.append(info_nce(points, labels, scale).item())
    print(f"cap {cap:>5}: scale {scale:6.0f}, loss {curve[-1]:.3f}, with mistakes {costs[-1]:.0f}")
numbers(cost_capped=f"{costs[0]:.0f}", cost_free=f"{costs[1]:.0f}", free=f"{scale:,.0f}")

# %% [markdown]
# Without a cap the scale reaches {=free}, and eight wrong pairs raise the loss to {=cost_free} instead of {=cost_capped}. What a wrong pair costs grows in proportion to the scale, and so does its gradient. The paper caps the scale at 100 to keep training stable (section 2.5).
#
# **A clamp in the wrong place.** The cap belongs on the *parameter*, after the optimizer's step. A clamp inside `forward` gives the same loss, but above the cap its gradient is 0. A scale that has once stepped over it gets no gradient that could bring it back. Our three pairs want a scale of {=best_scale} (section 4), and both runs start at 120. **Predict** where each ends.

# %%
prediction = ...  # change this: (clamp after the step, clamp inside forward)

# %% tags=["nbval-check-output", "tolerance-0.02"]
for place in ("after the step", "inside forward"):
    t = nn.Parameter(torch.tensor(math.log(120.0)))
    optimizer = torch.optim.SGD([t], lr=0.1)
    for _ in range(400):
        scale = t.exp()
        if place == "inside forward":
            scale = scale.clamp(max=100)
        optimizer.zero_grad()
        info_nce(image, text, scale).backward()
        optimizer.step()
        if place == "after the step":
            clamp_logit_scale_(t)
    print(f"clamp {place}: the scale ends at {t.exp().item():.1f}")

# %% [markdown]
# The clamp inside `forward` leaves the scale at 120 forever. Here are the symptoms of this lesson in one table.
#
# | symptom | possible cause |
# |---|---|
# | loss 0 from the first step | a batch of one |
# | loss stays at ln N | 0.07 multiplied instead of divided; captions shuffled against their pictures; a learning rate of 0 or far too high |
# | loss near 0, accuracy near guessing | a loss without negatives: a collapse |
# | loss falls and stops above 0 | the floor of repeated captions: compute it |
# | loss near 0, retrieval poor in one direction | the wrong axis |
# | scale climbs, loss jumps at bad pairs | no cap |
# | scale stays above 100 | a clamp inside `forward` |
#
# ## 10. The answer
#
# Back to the first screen. The course's shipped model was trained with this loss on the twelve training sets, and it has never seen a picture of Lucide. It gets the three pictures and the three captions.

# %% tags=["nbval-check-output"]
with torch.no_grad():
    image, text, scale = model(to_model(trio), tokenizer(CAPTIONS))
for view in ("rows", "columns"):
    answer = similarity.similarity_matrix(image, text, scale.item(), view)
    print(f"{view}: {answer.right} of 3 choices are right")
print(f"logit scale {scale:.1f}, loss {info_nce(image, text, scale):.4f}")
numbers(learned=f"{scale:.1f}")
words = "The softmax along the rows, left, and down the columns, right: dark diagonals."
show(similarity.both_ways_figure(image, text, scale.item(), CAPTIONS, trio), words)

# %% [markdown]
# A is caption 2, B is caption 3 and C is caption 1, in both directions, at a learned scale of {=learned}. Three captions are an easy exam. The next cell makes it harder: 64 of the 297 Lucide names. The widget below lets you choose the pairs, the scale and the direction.

# %%
from clipedu.pairs import held_out_task

rgba, targets, class_names = held_out_task("lucide")
order = np.random.default_rng(0).permutation(len(targets))[:64]
asked, drawn = [class_names[targets[i]] for i in order], to_pictures(rgba[order])
with torch.no_grad():
    image64, text64, scale64 = model(to_model(drawn), tokenizer(asked))
full = similarity.similarity_matrix(image64, text64, scale64.item())
numbers(of_64=full.right, loss_64=f"{full.loss:.2f}")
matrix = similarity.similarity_matrix(image64[:12], text64[:12], scale64.item())
words = "Twelve pairs, read along the rows. " + similarity.matrix_in_words(matrix, asked)
show(similarity.matrix_figure(matrix, asked[:12], drawn[:12]), words)
similarity.SimilarityExplorer(image64, text64, asked, drawn, scale64.item())

# %% [markdown]
# The model chooses the right name for {=of_64} of the 64 pictures. Its loss is {=loss_64}, where guessing costs 4.16. The figure shows the first twelve.
#
# ### What you have built
#
# | | this run | the paper |
# |---|---|---|
# | pairs per batch, N | 64 in section 2, 512 in section 3 | 32,768 |
# | loss before learning | {=at_start} for ln 64 = 4.16 | not reported; ln 32,768 = 10.40 |
# | temperature at the start | 0.07 | 0.07 |
# | learned logit scale | {=learned} (shipped model) | capped at 100 |
# | accuracy with 2 and with 512 candidates | {=with_2} % and {=with_512} % of Lucide | not compared |
# | false negatives | masked where captions are equal | not masked |
# | 64 Lucide pictures with their names | {=of_64} right, loss {=loss_64} | – |
#
# Our numbers and the paper's differ because the exams do: icons with short captions in small batches here, 400 million web pairs there. The formulas are the same. On a GPU nothing changes but the batch. The paper's 32,768 pairs make a matrix of 1,074 million entries, and lesson 08 computes it in pieces.
#
# The paper first tried to *predict* the words of a caption instead of contrasting it. Contrasting reached the same zero-shot accuracy on ImageNet with a quarter of the training pairs that predicting a bag of words needed (section 2.3 and Figure 2).
#
# ### Further reading
#
# * Radford et al. 2021, [arXiv 2103.00020](https://arxiv.org/abs/2103.00020), section 2.3 and Figure 3: this lesson in two pages.
# * van den Oord et al. 2018, [arXiv 1807.03748](https://arxiv.org/abs/1807.03748): where InfoNCE and its bound on mutual information come from.
# * Zhang et al. 2020, [arXiv 2010.00747](https://arxiv.org/abs/2010.00747): ConVIRT, the medical predecessor with both directions.
# * Wang and Isola 2020, [arXiv 2005.10242](https://arxiv.org/abs/2005.10242): pull and push as *alignment* and *uniformity*, with theory and measurements.
# * Zhai et al. 2023, [arXiv 2303.15343](https://arxiv.org/abs/2303.15343): SigLIP, with experiments on the batch size.
# * Gao et al. 2023, [arXiv 2303.17561](https://arxiv.org/abs/2303.17561): soft targets from similarities within each modality.
#
# ### Next
#
# [The exercises of lesson 03](../exercises/03_the_contrastive_loss.ipynb) go past what you saw here. You write the loss with its mask and the clamp for your `my_clip.py`, the floor, SigLIP for a whole batch and the gradient of the logits. In the long one you write the whole backward pass without autograd. Then [lesson 04, Train a CLIP](04_train_a_clip.ipynb) trains your file with this loss.
