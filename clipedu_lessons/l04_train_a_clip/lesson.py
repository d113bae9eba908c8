# %% [markdown]
# # 04 · Train a CLIP
#
# **Can it learn on this machine?**
#
# This lesson rebuilds section 2.5 of Radford et al. 2021 ([arXiv 2103.00020](https://arxiv.org/abs/2103.00020)): the recipe, the training step and the curves. Plan about 75 minutes for reading and predicting, and another four hours if you do all the exercises. The notebook runs in about five minutes on two CPU cores, half of them one training run that you watch.

# %%
import math

import torch
import torch.nn.functional as F

from clipedu.evaluation import load_task
from clipedu.pairs import to_model, training_pairs
from clipedu.plots import picture_grid, show
from clipedu_lessons.common.numbers import numbers

lucide = load_task("lucide")
some = torch.arange(5, 297, 37)[:8]
eight = lucide.pictures[some]
words = "Eight line drawings of the icon set Lucide, without their names. "
show(picture_grid(eight, [f"{k}?" for k in range(1, 9)]), words)

# %% [markdown]
# These eight icons are from Lucide, a set by artists whose work your model will never be trained on. An untrained CLIP names about one icon in 297 right, by luck. At the end of this lesson, the CLIP of your own `my_clip.py` has been trained on this machine and asked to name all 297 icons of the test.
#
# **After this lesson you can**
#
# * write a training step, and say what each of its lines is for;
# * explain every number in a training recipe, and what the paper chose;
# * read the training curve of a contrastive model;
# * tell a model that learns from one that memorizes, and from one that takes a shortcut.

# %%
from clipedu_lessons.common.architecture import clip_figure

show(*clip_figure("training step"))

# %% [markdown]
# Most of this figure is done. Lesson 01 wrote the tokenizer and the text encoder, lesson 02 the image encoder, and lesson 03 the loss. What is missing is the training step, which changes the weights, and a loop around it.
#
# ## One step at a time
# The smallest useful run needs eight pairs, a tiny model and a loop. Here are the pairs.

# %% tags=["nbval-check-output"]
from clipedu.models import build, count_parameters
from clipedu.tokenizer import Tokenizer

pairs = training_pairs().drawn("sentences")  # captions with articles
pictures, captions = pairs.batch(8, seed=1)
small = Tokenizer.train(captions, vocab_size=270)
tokens = small(captions, context_length=32)  # (8, 32)
tiny = build("tiny", seed=0, vocab_size=small.vocab_size)
print(f"{len(pairs):,} training pairs of twelve icon sets")
print(f"a tiny CLIP of {count_parameters(tiny):,} parameters")
print("pictures", tuple(pictures.shape), "tokens", tuple(tokens.shape))
numbers(pairs=f"{len(pairs):,}", tiny=f"{count_parameters(tiny):,}")

# %%
words = "Eight training pairs: small pictures, each above its caption."
show(picture_grid(pictures, captions), words)

# %% [markdown]
# **Predict.** What is the loss of an untrained model on eight pairs? Write the number before you run the next two cells. Lesson 03 has the answer.

# %%
prediction = 0.0  # change this

# %% tags=["nbval-check-output"]
from clipedu.objectives import info_nce

with torch.no_grad():
    image, text, scale = tiny(to_model(pictures), tokens)  # (8, E), (8, E), ()
    first = info_nce(image, text, scale).item()
print(f"loss {first:.2f}; guessing costs ln 8 = {math.log(8):.2f}")
numbers(first=f"{first:.2f}")

# %% [markdown]
# The loss is {=first}, near ln 8 = 2.08 but not equal to it. Random encoders already give some captions a higher score than others, mostly wrong ones, and the logit scale of 14.3 amplifies these differences.
#
# Now the loop. Four lines do the work: clear the old gradients, compute new ones, move the weights, clamp the logit scale.

# %% tags=["nbval-check-output", "tolerance-0.2"]
from clipedu.objectives import clamp_logit_scale_

optimizer = torch.optim.AdamW(tiny.parameters(), lr=2e-3)
for step in range(21):
    loss = info_nce(*tiny(to_model(pictures), tokens))
    optimizer.zero_grad()  # else the gradients of all steps would add up
    loss.backward()  # d loss / d weight, for every weight
    optimizer.step()  # move each weight against its gradient
    clamp_logit_scale_(tiny.logit_scale, maximum=100.0)  # section 2.5
    if step % 5 == 0:
        print(f"step {step:2}: loss {loss.item():.2f}")
numbers(eight=f"{loss.item():.2f}")

# %% [markdown]
# After 20 steps the loss is {=eight}: the model has memorized eight pairs. This is the first test of any training code. If a model can't overfit eight examples, then pictures, tokens, loss and gradient are not connected properly, and a longer run will not help. If it can, you still know nothing about a ninth pair.
#
# The clamp comes *after* the step and acts on the parameter. In the forward pass it would cut off the gradient above 100, so a scale that has stepped over the limit could never come back (lesson 03). The paper limits the scale to 100 "to prevent training instability" (section 2.5).
#
# ### Check your understanding
# 1. What happens to the loop above if you leave out `zero_grad()`?
# 2. Why does the lesson start with eight pairs and not with {=pairs}?
# 3. Which of the four lines could you leave out in a first try, and what would you risk?
#
# <details><summary>Answers</summary>
#
# 1. PyTorch adds new gradients to old ones. Each step then goes along the sum of all gradients so far, so early batches count again and again, and the run drifts. Exercise 04.16 shows it.
# 2. Memorizing eight pairs takes seconds and needs every part to work. It is the cheapest test that can fail.
# 3. The clamp. The scale starts at 14.3 and needs a while to reach 100, so a short run works without it. In a long run the scale may pass 100, and the paper reports unstable training without the limit.
#
# </details>

# %% [markdown]
# ## The recipe
# Everything that decides a run is one record, the recipe. With a recipe and a seed, a run can be repeated. Here is ours beside the paper's.

# %%
from clipedu_lessons.l04_train_a_clip.compare import compare_with_paper

rows = compare_with_paper("lesson")
print(f"{'':18} {'the paper':>26} {'here':>26}")
for name, *both, _ in rows:
    short = [x if len(x) < 27 else x[:23] + "..." for x in both]
    print(f"{name:18} {short[0]:>26} {short[1]:>26}")

# %% tags=["nbval-check-output"]
paper_pairs = 32 * 400_000_000
days = paper_pairs / 1000 / 86_400  # two cores see about 1,000 a second
print(f"the paper: {paper_pairs / 1e9:.1f} billion pairs seen")
print(f"at 1,000 a second that takes {days:.0f} days")
numbers(days=f"{days:.0f}")

# %% [markdown]
# The left column is from section 2 and Tables 18 to 20 of the paper, for its ViT-B/32; parameters and compute are counted with our code. Two lines differ most.
#
# * **Batch size**, 32,768 against 512. A batch is the multiple-choice question that the loss asks, and a larger batch has more wrong answers.
# * **Pairs seen.** The paper trains for 32 epochs, which means that each of its 400 million pairs is seen 32 times. Our two cores would need {=days} days for as many pairs, even with our small model.
#
# Most of the other lines have been explained already: vocabulary and context length in lesson 01, objective and logit scale in lesson 03. Three need a section of their own: the optimizer, the learning rate and weight decay.
#
# ### Muon, or what is wrong with a gradient
# The paper used Adam. It divides each number of the gradient by its own running size, so every weight moves about equally far. **Muon** goes one step further and looks at a whole matrix at a time. Let us see why that helps, with the gradient of one matrix of a CLIP. Optimizers that follow a running sum of gradients call it the **momentum**.

# %%
def momentum_of(model, tokenizer):
    """The momentum of one matrix (768, 192) after six batches, without a step."""
    weight = model.train().visual.transformer.resblocks[1].mlp.c_fc.weight
    momentum = torch.zeros_like(weight)
    for step in range(6):
        pictures, captions = pairs.batch_at(step, 64, 0)
        tokens = tokenizer(captions, 32, truncate=True)
        model.zero_grad()
        info_nce(*model(to_model(pictures), tokens)).backward()
        momentum = 0.95 * momentum + weight.grad  # a running sum
    return momentum

# %% [markdown]
# The momentum is a matrix of 768 x 192 numbers. Like every matrix it stretches some directions and shrinks others, and its 192 **singular values** say by how much. The sum of their squares is the **energy** of the matrix. Muon replaces the momentum by a matrix with the same directions, but with singular values near 1. "Near" means between 0.6 and 1.3 here. We look at the momentum of an untrained CLIP, at that of the trained one that comes with the course, and, as a control, at a matrix of random numbers.

# %%
from clipedu.training import load_pretrained
from clipedu.training.muon import orthogonalize

untrained = build("laptop_vit_stem", seed=0, vocab_size=small.vocab_size)
trained, its_tokenizer, _ = load_pretrained()
torch.manual_seed(0)
matrices = {
    "untrained": momentum_of(untrained, small),
    "trained": momentum_of(trained, its_tokenizer),
    "random": torch.randn(768, 192),
}

# %% tags=["nbval-check-output", "tolerance-0.15"]
spectra = {}
for name, matrix in matrices.items():
    before = torch.linalg.svdvals(matrix)  # (192,), the largest first
    after = torch.linalg.svdvals(orthogonalize(matrix[None])[0])
    spectra[name] = before / before[0], after
    energy = before.square().cumsum(0) / before.square().sum()
    count = int((energy < 0.9).sum()) + 1
    near_1 = ((after > 0.6) & (after < 1.3)).float().mean().item()
    print(f"{name:9} 90 % of the energy in {count:5.1f} directions;", end=" ")
    print(f"afterwards {near_1:.2f} near 1")
    numbers(**{name: count, name + "_near": f"{near_1:.0%}"})

# %%
from clipedu_lessons.common.figures import new_figure

figure = new_figure(7, 3)
axes = figure.subplots()
for (name, (before, after)), style in zip(spectra.items(), ("-", "-.", "--")):
    how = {"color": "black", "linestyle": style, "marker": ""}
    axes.plot(before, label=f"{name}, before", **how)
    axes.plot(after, label=f"{name}, after", **{**how, "color": "#D55E00"})
axes.set(xlabel="direction, the strongest first", ylabel="singular value", yscale="log")
axes.legend(loc="lower left")
words = "Singular values on a log scale. Of both momenta they fall steeply, of a random matrix slowly; after orthogonalization most are near 1."
show(figure, words)

# %% [markdown]
# A step along the raw momentum is ruled by its strongest directions. In the untrained model 90 % of the energy lies in {=untrained} of 192 directions, and in the trained model in {=trained}. In a matrix of random numbers it takes {=random} directions, so this is a property of these gradients and not of matrices in general. After orthogonalization {=untrained_near} and {=trained_near} of the singular values are near 1, so directions that were weak learn about as fast as the strong ones.
#
# Five short steps of three matrix products each do this, without a decomposition; you write them in exercise 04.11. Muon is for matrices only. Gains, biases, embedding tables and the logit scale take AdamW's step. We compared the two optimizers on the model that you will train, with one seed and 400 steps, each at several learning rates. On two icon sets that were left out of training, Muon named 38 % of the pictures right at a rate of 0.002 and 50 % at 0.008. AdamW named 8 % at 0.001 and 4 % at 0.002, and at 0.004 it stayed at chance. We tried no rate below 0.001, so AdamW may do better than this. On a ResNet, at 0.002 and with a shorter warm-up, the gap was smaller: 38 % against 22 % (`benchmarks/LEADERBOARD.md`).

# %% [markdown]
# ### Warm-up and cosine
# The learning rate changes from step to step. It rises linearly during the **warm-up**, because the optimizer's running averages are computed from only a few gradients at first. Then it falls along half a cosine, so that the last steps are small. For step $k$ of $K$, with $w$ steps of warm-up and the peak $\eta$:
#
# $$\eta_k = \begin{cases} \eta\,(k + 1)/w & k < w \\ \tfrac{1}{2}\,\eta\,\bigl(1 + \cos(\pi\,(k - w)/(K - w))\bigr) & k \ge w \end{cases}$$

# %% tags=["nbval-check-output"]
from clipedu.training import learning_rate

schedule = {"steps": 320, "peak": 8e-3, "warmup_steps": 32}
rates = [learning_rate(step, **schedule) for step in range(320)]
for step in (0, 31, 32, 176, 319):
    print(f"step {step:3}: {rates[step]:.6f}")

# %%
figure = new_figure(6, 2.6)
axes = figure.subplots()
axes.plot(rates, marker="")
axes.axvline(32, color="0.5", linestyle="--", marker="")
axes.annotate("warm-up ends", (32, 0.0008), (41, 0.0008))
axes.set(xlabel="step", ylabel="learning rate", ylim=(0, None))
words = "The learning rate over 320 steps: a straight rise to 0.008 at "
show(figure, words + "step 31, then half a cosine down to 0.")

# %% [markdown]
# ### What decays
# Weight decay pulls weights towards zero at each step. The paper applies it to "all weights that are not gains or biases" (section 2.5). The gain of a LayerNorm belongs at 1, not at 0. The logit scale is stored as a logarithm, and decay towards 0 would pull the scale towards 1.

# %% tags=["nbval-check-output"]
from clipedu.training import parameter_groups

model = build("laptop_vit_stem", seed=0)
groups = parameter_groups(model.named_parameters(), 0.2, muon=True)
for group in groups:
    count = sum(p.numel() for p in group["params"])
    how = "Muon" if group["muon"] else "AdamW"
    tensors = f"{len(group['params']):3} tensors, {count:9,} numbers"
    print(f"{how:5} decay {group['weight_decay']:.1f}: {tensors}")
numbers(no_decay=len(groups[-1]["params"]), tensors=len(list(model.parameters())))

# %% [markdown]
# Of {=tensors} tensors, {=no_decay} are excluded from weight decay. They are many but small: nearly all numbers of the model are in matrices, which decay.
#
# ### Augmentation: change a picture, keep its caption true
# The paper's only augmentation is a random square crop (section 2.3). Our icon sets differ above all in how they are drawn: with thick or thin strokes, outlined or filled. So we rotate, move and scale each picture, thicken or thin its strokes, and swap dark and light.

# %%
from clipedu.pairs import NONE
from clipedu.training import RECIPES

recipe = RECIPES["lesson"]
drawn, captions = pairs.batch_at(0, 8, 9, NONE)
trained, _ = pairs.batch_at(0, 8, 9, recipe.augmentation)
titles = [*captions, *["as trained"] * 8]
words = "Top: eight training pictures as drawn, with their captions. Bottom: the same eight as the training run sees them, some turned, some light on dark, some with other strokes."
show(picture_grid(torch.cat([drawn, trained]), titles), words)

# %% [markdown]
# There are no mirror images, because an arrow to the left must stay an arrow to the left. Augmentation can go wrong, too. Look at the fourth picture: thicker strokes have nearly closed its chevrons, and a smaller drawing would become a blob that no longer shows what its caption says. That is why only three in ten pictures get thicker strokes.
#
# ### Check your understanding
# 1. The batch has 512 pairs. What loss do you expect at the first step?
# 2. Why is the logit scale excluded from weight decay?
# 3. What do Adam and Muon each make equal?
#
# <details><summary>Answers</summary>
#
# 1. About ln 512 = 6.24, and a little more, as with eight pairs.
# 2. It is stored as $t = \ln s$. Decay pulls $t$ towards 0, and so the scale $s = e^t$ towards 1, where all captions get nearly the same probability.
# 3. Adam makes the single numbers of a gradient about equally large. Muon makes the directions of a matrix equally strong.
#
# </details>

# %% [markdown]
# ## Train your own
# Now `my_clip.py`. The next cell loads your file if there is one, and the course's complete one if not. Parts that you have not written yet are imported from the library under the same name. Either way, 320 steps of 512 pairs follow.

# %%
import time

from clipedu_lessons.common.mine import load_my_clip, save_mine

my_clip = load_my_clip()
start = time.perf_counter()
tokenizer = my_clip.Tokenizer.train(pairs.texts(), recipe.vocab_size)
text_config = my_clip.TextConfig(vocab_size=tokenizer.vocab_size)
torch.manual_seed(0)
model = my_clip.CLIP(my_clip.CLIPConfig(text=text_config))
size = sum(p.numel() for p in model.parameters())
print(f"tokenizer: {tokenizer.vocab_size:,} tokens", end=", ")
print(f"learned in {time.perf_counter() - start:.0f} s")
print(f"model: {size:,} parameters")

# %% [markdown]
# To watch it learn, we need a score. The function below asks a task with one caption for each class, the bare name, and counts how many pictures get the right name at the first guess. The interval is the exact 95 % interval of Clopper and Pearson, which is right for small numbers, too.

# %%
from clipedu.evaluation import clopper_pearson


@torch.no_grad()
def score(model, tokenizer, task):
    """The share of pictures named right, and its 95 % interval."""
    was_training = model.training
    model.eval()
    text = model.encode_text(tokenizer(task.class_names, 32), normalize=True)  # (C, E)
    image = model.encode_image(to_model(task.pictures), normalize=True)  # (N, E)
    model.train(was_training)
    guess = (image @ text.T).argmax(dim=1)  # (N,)
    right = int((guess == task.labels).sum())
    return right / len(guess), *clopper_pearson(right, len(guess))

# %% [markdown]
# **Predict.** After a few minutes of training, what share of the 297 Lucide icons will your model name right at the first guess? It chooses among 297 names, so chance is 0.3 %. No icon of Lucide is among the training pairs.

# %%
prediction = 10  # percent, change this

# %%
from clipedu.training import Feeder

feeder = Feeder(pairs, tokenizer, recipe, 0, torch.device("cpu"))
batch = feeder(0)  # also ids that are equal where captions are, or None
print("pictures", tuple(batch.pictures.shape), end=", ")
print("tokens", tuple(batch.tokens.shape))
tasks = {n: load_task(n) for n in ("lucide", "font_awesome", "heroicons")}
untrained = score(model, tokenizer, lucide)[0]
print(f"the untrained model names {untrained:.1%} of Lucide right")

# %%
from tqdm import tqdm

from clipedu.device import keep_freed_memory, native_bfloat16

keep_freed_memory()  # else the system zeroes memory again at every step
half = bool(native_bfloat16())  # a CPU without such a unit is faster in float32
batches = feeder.batches(0, recipe.steps, ahead=False)
steps, peak = recipe.steps, recipe.learning_rate
losses, scores, start = [], {}, time.perf_counter()
with tqdm(total=steps, mininterval=5) as bar:
    for loss in my_clip.train_clip(model, batches, steps=steps, peak=peak, half=half):
        losses.append(loss)
        bar.set_postfix_str(f"loss {loss:.2f}, guessing 6.24", refresh=False)
        bar.update()
        if bar.n in (40, 80, 160, 240, 320):
            scores[bar.n] = {n: score(model, tokenizer, t) for n, t in tasks.items()}
minutes = (time.perf_counter() - start) / 60

# %%
from clipedu_lessons.l04_train_a_clip.curves import (
    library_losses,
    run_figure,
    run_words,
)

run = (losses, recipe.batch_size, scores, library_losses(seed=0))
show(run_figure(*run), run_words(*run))

# %%
final = scores[recipe.steps]
last_loss = sum(losses[-10:]) / 10
print(f"{len(losses)} steps in {minutes:.1f} minutes,", end=" ")
print(f"loss {losses[0]:.2f} -> {last_loss:.2f}")
for name, (share, low, high) in final.items():
    chance = f"chance {tasks[name].chance:.1%}"
    print(f"{name:13} {share:6.1%}  ({low:.1%} to {high:.1%}), {chance}")
print(f"you predicted {prediction} % for lucide")
share, low, high = final["lucide"]
numbers(minutes=f"{minutes:.1f}", start=f"{losses[0]:.2f}", end=f"{last_loss:.2f}")
numbers(share=f"{share:.0%}", low95=f"{low:.0%}", high95=f"{high:.0%}")
numbers(early=f"{scores[40]['lucide'][0]:.0%}")
numbers(times=f"{share / tasks['lucide'].chance:.0f}")
numbers(epochs=f"{recipe.steps * recipe.batch_size / len(pairs):.1f}")

# %% [markdown]
# In {=minutes} minutes the loss fell from {=start} to {=end}, and your model names {=share} of the Lucide icons right. With 297 pictures the 95 % interval goes from {=low95} to {=high95}. That is {=times} times chance, on the work of artists whom it never saw.
#
# The two panels tell one story. The loss leaves the line of guessing as soon as the model can tell some pairs of a batch apart. Accuracy on Lucide was {=early} after 40 steps and kept rising, because naming an unseen artist's drawing among 297 names asks for more than that. The dashed curve is the library's run with the same recipe and seed, measured once and stored (`results/my_clip.json` says when and where). The two curves need not agree in every digit, because your code may draw its initial weights in another order and round its sums differently.
#
# Keep the model. In lesson 05, `use("mine")` loads it.

# %%
path = save_mine(model, tokenizer)
print(f"kept in {path.name}")

# %%
from clipedu.evaluation import classify
from clipedu_lessons.common.mine import use
from clipedu_lessons.common.ranking_figure import ranking_figure, ranking_words

names = lucide.class_names
right = [names[i] for i in lucide.labels[some].tolist()]
rankings = classify(*use("mine"), eight, names)
show(ranking_figure(eight, rankings, right, k=3), ranking_words(rankings, right, k=1))
hits = sum(ranking[0].name == name for ranking, name in zip(rankings, right))
numbers(hits=hits)

# %% [markdown]
# Of the eight icons from the beginning, your model names {=hits} right. Look at the mistakes before the hits: in some of them the shape is read correctly and the name is a neighbor of the right one.
#
# The shipped checkpoint of this course has the same kind of encoders, with two more blocks for pictures, and was trained for longer. The next cell asks both the same questions.

# %%
shipped, shipped_tokenizer, card = load_pretrained()
longer = card["shipped"]["minutes"]
print(f"{'':13} {'chance':>7} {'yours':>7} {'shipped':>8}")
for name, task in tasks.items():
    share = score(shipped.eval(), shipped_tokenizer, task)[0]
    print(f"{name:13} {task.chance:7.1%} {final[name][0]:7.1%} {share:8.1%}")
    numbers(**{f"shipped_{name}": f"{share:.0%}"})
numbers(longer=f"{longer:.0f}")

# %% [markdown]
# After {=longer} minutes of training, the shipped model names {=shipped_lucide} of Lucide. (It was trained on one of two cores, beside other work.)
#
# ### Check your understanding
# 1. Why is accuracy measured on icon sets that were never trained on?
# 2. Your training loss ends at {=end}. Could it reach 0?
# 3. A classmate's run ends 2 points better on Lucide. Is the classmate's code better?
#
# <details><summary>Answers</summary>
#
# 1. On training sets a model can score by memorizing pictures. The next section shows one that does.
# 2. Not in a run like this one. Different pictures share a caption or nearly share one, and no model can tell which belongs to which. Lesson 03 computed this floor.
# 3. Probably not. The interval of your own accuracy is much wider than 2 points, and another seed moves it as well.
#
# </details>

# %% [markdown]
# ## Overfitting: the training loss does not tell
# People who train a CLIP of their own often report that the validation loss rises while the training loss still falls (for example moein-shariatnia/OpenAI-CLIP, issue 9). You can watch it happen with a small data set. The cell below takes 4,096 pairs without augmentation, trains on them again and again, and measures the loss on 256 other pairs of the same icon sets. This short run and the next two take the default rate of `train_clip`, 0.002.

# %%
pictures, captions = pairs.batch(4352, seed=0)
pictures, tokens = to_model(pictures), tokenizer(captions, 32, truncate=True)


def again_and_again(count=4096, size=256, seed=0):
    """Batches of the first `count` pairs, in a new order in each epoch."""
    generator = torch.Generator().manual_seed(seed)
    while True:
        for rows in torch.randperm(count, generator=generator).split(size):
            yield pictures[rows], tokens[rows], None


@torch.no_grad()
def loss_on(model, rows):
    model.eval()
    loss = info_nce(*model(pictures[rows], tokens[rows])).item()
    model.train()
    return loss

# %%
torch.manual_seed(0)
student = my_clip.CLIP(my_clip.CLIPConfig(text=text_config))
curve = {}
loop = my_clip.train_clip(student, again_and_again(), steps=110, half=half)
for step, _ in enumerate(loop, 1):
    if step % 10 == 0:
        seen, new = slice(0, 256), slice(4096, 4352)
        curve[step] = loss_on(student, seen), loss_on(student, new)
for step, (seen, new) in curve.items():
    print(f"step {step:3}: seen {seen:.2f}, new {new:.2f}")

# %%
figure = new_figure(6.5, 3)
axes = figure.subplots()
for column, (name, style) in enumerate((("pairs seen", "-"), ("new pairs", "--"))):
    axes.plot(curve.keys(), [y[column] for y in curve.values()], style, label=name)
axes.axhline(math.log(256), color="0.5", linestyle=":", marker="")
axes.annotate("guessing: ln 256", (10, math.log(256)), (10, math.log(256) + 0.1))
axes.set(xlabel="step (16 steps are an epoch)", ylabel="loss (nats)", ylim=(0, None))
axes.legend(loc="lower left")
best = min(curve, key=lambda step: curve[step][1])
numbers(best=best, best_new=f"{curve[best][1]:.2f}", end_new=f"{curve[110][1]:.2f}")
numbers(end_seen=f"{curve[110][0]:.2f}")
words = "Loss over 110 steps on 4,096 pairs. On pairs seen it falls towards 0; "
show(figure, words + "on new pairs it falls first and then rises.")

# %% [markdown]
# On the pairs that the model was trained on, the loss falls to {=end_seen}. On new pairs it is lowest at step {=best}, with {=best_new}, and ends at {=end_new}. From there on the model gains on the training pairs by memorizing them. A likely reason for the rise is confidence: a mistake costs more when the model is sure of it.
#
# More data, augmentation and weight decay work against this, and so does stopping at the right time. The long run above saw each of its {=pairs} pairs {=epochs} times on average, and each time in another form.

# %% [markdown]
# ## A shortcut: when a lower loss is no better
# Suppose that somebody makes the data more colorful: each picture gets one of eight colors, and its caption begins with it. All captions are still true, and they say more. Will the model be better for it?

# %%
COLORS = {
    "red": (0.9, 0.1, 0.1), "green": (0.1, 0.7, 0.2),
    "blue": (0.1, 0.2, 0.9), "yellow": (0.9, 0.8, 0.1),
    "purple": (0.6, 0.1, 0.7), "orange": (1.0, 0.5, 0.0),
    "brown": (0.5, 0.3, 0.1), "pink": (1.0, 0.5, 0.7),
}  # fmt: skip
PAINT = torch.tensor(list(COLORS.values()))  # (8, 3)


def paint(pictures, captions, seed):
    generator = torch.Generator().manual_seed(seed)
    color = torch.randint(8, (len(captions),), generator=generator)
    ink = 1 - pictures.mean(dim=1, keepdim=True)  # (n, 1, S, S): how dark
    painted = 1 - ink * (1 - PAINT[color][:, :, None, None])
    names = [list(COLORS)[i] for i in color]
    return painted, [f"{c} {w}" for c, w in zip(names, captions)], color

# %%
import dataclasses

from clipedu.tokenizer import row_ids

calm = dataclasses.replace(recipe.augmentation, invert=0)  # paint needs dark strokes


def short_run(painted, steps=80, size=256):
    def batches():
        for step in range(steps):
            pictures, words = pairs.batch_at(step, size, 0, calm)
            if painted:
                pictures, words, _ = paint(pictures, words, step)
            tokens = tokenizer(words, 32, truncate=True)
            yield to_model(pictures), tokens, row_ids(tokens)

    torch.manual_seed(0)
    model = my_clip.CLIP(my_clip.CLIPConfig(text=text_config))
    return model, list(my_clip.train_clip(model, batches(), steps=steps, half=half))

# %%
painted, words, colors = paint(lucide.pictures, lucide.class_names, seed=1)
show(
    picture_grid(painted[some], [words[i] for i in some.tolist()]),
    "Eight Lucide icons, each painted in one of eight colors, which its name says.",
)

# %% [markdown]
# We train two short runs, one on pictures as they are and one on painted pictures. Then both answer two questions about the same 297 painted Lucide icons. **Which color?** offers the right name in all eight colors. **Which shape?** offers the right color with eight names, the right one and seven others. Chance is 12.5 % for both, so the two questions can be compared.
#
# **Predict.** Which run has the lower loss? Which one knows the shapes better?

# %%
prediction = "lower loss: ..., better at shapes: ..."  # change this

# %%
def ask(model, options):
    """options: 297 lists of 8 captions, the right one first -> right answers."""
    model.eval()
    flat = [caption for eight in options for caption in eight]
    with torch.no_grad():
        tokens = tokenizer(flat, 32, truncate=True)
        text = model.encode_text(tokens, normalize=True).view(297, 8, -1)
        image = model.encode_image(to_model(painted), normalize=True)
    return int(((text @ image[:, :, None]).argmax(1) == 0).sum())

# %%
which_color, which_shape = [], []
for i, color in enumerate(colors.tolist()):
    own, hues = lucide.class_names[i], list(COLORS)
    others = [lucide.class_names[(i + 37 * k) % 297] for k in range(8)]
    which_color.append([f"{hues[(color + k) % 8]} {own}" for k in range(8)])
    which_shape.append([f"{hues[color]} {name}" for name in others])

# %%
runs, answers = {}, {}
for name, is_painted in (("as drawn", False), ("painted", True)):
    trained, runs[name] = short_run(is_painted)
    answers[name] = [ask(trained, q) for q in (which_color, which_shape)]
    loss = sum(runs[name][-10:]) / 10
    print(f"{name}: loss {loss:.2f}")
    numbers(**{"loss_" + name[:2]: f"{loss:.2f}"})
    for question, right in zip(("color", "shape"), answers[name]):
        low, high = clopper_pearson(right, 297)
        share = f"{right / 297:.0%} ({low:.0%} to {high:.0%})"
        print(f"   which {question}? {share}, chance 12.5 %")
        numbers(**{f"{question}_{name[:2]}": share})

# %%
from clipedu_lessons.l04_train_a_clip.curves import shortcut_figure

words = "Left: the loss of two runs, painted and not. Right: the share of right answers to both questions, with 95 % intervals and chance as a dotted line."
show(shortcut_figure(runs, answers, 297), words)

# %% [markdown]
# The painted run has the lower loss, {=loss_pa} against {=loss_as}. It knows the colors: {=color_pa}. The run without paint hardly does, {=color_as}, so the question measures what it should. A lower loss should mean that the painted run has learned more. About shapes it has not. It answers {=shape_pa} of those questions right, and the run without paint {=shape_as}, although that run has never seen a painted picture or such a caption. The two intervals overlap, and after 80 steps both runs are only a little above chance.
#
# So the model took a **shortcut**. A model that knows only the color has to guess among 32 pictures instead of 256. This lowers the loss by ln 8 = 2.08 nats, from ln 256 = 5.55 to ln 32 = 3.47, and the painted run ends close to that, at {=loss_pa}. It has learned the colors and hardly anything else. The loss alone does not show this. You need a question that the shortcut does not answer.
#
# ### Check your understanding
# 1. Why does "which shape?" offer eight captions of the same color?
# 2. What would the two bars of "which shape?" look like if the lower loss came from shapes?
# 3. Which shortcuts might a CLIP find in photographs from the web?
#
# <details><summary>Answers</summary>
#
# 1. With different colors the painted model could answer by color alone, and we would not learn what it knows about shapes.
# 2. The bar of the painted run would be clearly higher than the other, and the intervals would not overlap.
# 3. Text in the picture, watermarks of a stock photo agency, the typical colors of a camera or the typical background of an object. Lesson 12 comes back to it.
#
# </details>

# %% [markdown]
# ## When it goes wrong
# A loss that is not a number must stop a run before it reaches the weights. The library's `train` checks this at each step, and says where to look. Here is what it says when one picture is corrupted.

# %%
import textwrap

from clipedu.training import RECIPES, Pairs, TrainingDiverged, train


class CorruptedPairs(Pairs):
    def __len__(self):
        return len(pairs)

    def batch_at(self, step, n, seed, augmentation):
        pictures, captions = pairs.batch_at(step, n, seed, augmentation)
        pictures[5] = float("nan")
        return pictures, captions

# %%
short = dataclasses.replace(RECIPES["tiny"], context_length=32)
try:
    train(short, pairs=CorruptedPairs(), tokenizer=small, progress=False)
except (TrainingDiverged, ValueError) as error:
    for line in str(error).splitlines():
        print(textwrap.fill(line, 74, subsequent_indent="  "))

# %% [markdown]
# The library can also be interrupted: `train(resume="runs/mine")` goes on from the last checkpoint, and on a CPU the result is the same, bit for bit. Other problems have a symptom in the curves:
#
# | you see | look at |
# |---|---|
# | the loss stays at ln N | learning rate far too high or too low; captions of other pictures |
# | the loss is exactly 0 | a batch of one pair: there is nothing to contrast it with |
# | the loss falls, zero-shot accuracy stays at chance | a shortcut |
# | the loss falls, then jumps to ln N and stays | learning rate too high; logit scale not clamped |
# | the training loss falls, the validation loss rises | overfitting |
#
# On a GPU the same code runs with `model.to("cuda")` and batches on the GPU. The library does this by itself: `train("laptop", device="cuda")`. Results then agree to about three significant digits, but not bit for bit. Lesson 08 says what 592 GPUs need beyond that.

# %% [markdown]
# ## The answer
# Can it learn on this machine? Here are the numbers of this run.

# %% tags=["summary"]
seen = recipe.steps * recipe.batch_size
print(f"In {minutes:.1f} minutes and {seen:,} pairs,", end=" ")
print("from random weights, named right:")
for name, (share, low, high) in final.items():
    classes = len(tasks[name].class_names)
    interval = f"{share:6.1%} ({low:.0%} to {high:.0%})"
    print(f"  {name:13} {interval} among {classes} names")
numbers(seen=f"{seen:,}", size=f"{size / 1e6:.1f}")

# %% [markdown]
# | | this run | the paper's largest model |
# |---|---|---|
# | parameters | {=size} million | 428 million (ViT-L/14@336px) |
# | pairs seen | {=seen} | 12.8 billion (32 epochs of 400 million) |
# | batch size | 512 | 32,768 (section 2.5) |
# | time | {=minutes} minutes on two CPU cores | 12 days on 256 V100 GPUs for ViT-L/14 (section 2.5) |
# | zero-shot accuracy | {=share} of 297 Lucide icons | 76.2 % of ImageNet's 1,000 classes (Table 1) |
#
# The last line can't be compared: drawings and photographs are different tasks. What is the same is the question. Both models are asked to name classes that they were never trained on as classes.
#
# ## Read on
# * Loshchilov and Hutter, *Decoupled Weight Decay Regularization*, [arXiv 1711.05101](https://arxiv.org/abs/1711.05101): why AdamW's decay is not part of the gradient. Sections 1 and 2 are enough.
# * Liu et al., *Muon is Scalable for LLM Training*, [arXiv 2502.16982](https://arxiv.org/abs/2502.16982): Muon with weight decay and the factor of 0.2 that we use.
# * Geirhos et al., *Shortcut Learning in Deep Neural Networks*, [arXiv 2004.07780](https://arxiv.org/abs/2004.07780): many more shortcuts, and how they were found.
# * Xiao et al., *Early Convolutions Help Transformers See Better*, [arXiv 2106.14881](https://arxiv.org/abs/2106.14881): the stem of the encoder that you trained.
#
# ## Now you
# In the [exercises of lesson 04](../exercises/04_train_a_clip.ipynb) you write `CLIP`, the schedule, the parameter groups, Muon, the training step and the loop. Each goes into your `my_clip.py`. Then you hunt five bugs in a broken CLIP. When you have written all parts, come back and run this notebook again: it trains your CLIP with your own training loop. Lesson 05 then asks what your model can name.
#
# For a longer run, in a shell: `clipedu train --recipe laptop --seed 0 --out runs/mine`. [The model card](../docs/MODEL_CARD.md) says how long that takes and what it reaches.
#
# ### The race
# How fast can a CLIP learn to name half of the pictures of artists whom it never saw? `python benchmarks/speedrun.py` trains on ten icon sets. The clock stops when the mean accuracy on the two sets that are left out, Remix and Bootstrap, is at least 50 %. The record is 2.25 minutes on two cores, the mean of three seeds. Held to the instructions of a laptop without AMX, the same machine takes 7.1 minutes (one seed). To try one change:
#
# `python benchmarks/speedrun.py --set warmup=0.05 --name "shorter warm-up"`
#
# Your change is a record if the mean of three seeds is below that time, on two cores with nothing else running. Train on the ten sets only, and choose by Remix and Bootstrap. Lucide is measured once, after the clock has stopped. [The leaderboard](../benchmarks/LEADERBOARD.md) has the rules and what was tried so far. Most changes lose, and those are worth writing down, too.
