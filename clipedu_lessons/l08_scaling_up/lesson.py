# %% [markdown]
# # 08 · Scaling up
#
# **How do you train a CLIP on your own pairs, and on more than one processor?**
#
# This lesson rebuilds the engineering of section 2.5 of Radford et al. 2021 ([arXiv 2103.00020](https://arxiv.org/abs/2103.00020)): batches of 32,768 pairs, similarities that are sharded over GPUs, mixed precision and gradient checkpointing.
# Plan about 90 minutes for reading and predicting, and another three and a half hours if you do all the exercises. The notebook runs in about three minutes on two CPU cores.

# %%
import math

import torch
import torch.nn.functional as F

from clipedu.plots import show
from clipedu_lessons.common.numbers import numbers
from clipedu_lessons.l08_scaling_up.memory_figures import batches_figure

words = "Two squares to scale. The logits of lesson 04's batch are a dot "
show(batches_figure(512, 32768), words + "in a corner of the paper's.")

# %% [markdown]
# The gray square is one training step of the paper: more than a billion logits. The dot is one step of lesson 04. Lesson 04 trained in minutes on two cores. The paper's largest ResNet took 18 days on 592 GPUs, and its largest Vision Transformer took 12 days on 256 GPUs (section 2.5).
#
# The loss and the encoders are the same in both cases. What changes is where the numbers are and in how many pieces they are computed. In a good implementation the pieces give **the same gradient** as the whole, and you will check this for every method in this lesson.
#
# **After this lesson you can**
#
# * train on a folder of your own pictures and captions, from import to evaluation;
# * read a loss curve, and recognize five diseases by their curves;
# * split a contrastive batch over several processes without losing a gradient;
# * fit a batch of any size into memory, and say what a large batch is worth;
# * choose a precision, and plan a run before you pay for it.
#
# In the exercises you add gradient caching to your own `my_clip.py`.
#
# ## 1. Your own pairs, from start to end
#
# Suppose that you have a folder of pictures, and beside each picture `a.jpg` a text file `a.txt` with its caption. The next cell makes such a folder, with 200 pictures of four shapes in five colors. The cell after it adds what real folders contain: a truncated file, a copy, a picture without a caption and a caption without a picture.

# %%
import random
import tempfile
from pathlib import Path

from clipedu_lessons.l08_scaling_up.sick import COLORS, SHAPES, draw

chance, folder = random.Random(0), Path(tempfile.mkdtemp())
photos, classes = folder / "photos", [(c, s) for c in COLORS for s in SHAPES]
photos.mkdir()
FORMS = ("a {} {}", "a drawing of a {} {}", "a {} {} on white")
for n in range(200):
    draw(*classes[n % 20], chance).save(photos / f"{n:03}.jpg")
    caption = chance.choice(FORMS).format(*classes[n % 20])
    (photos / f"{n:03}.txt").write_text(caption)
print(len(list(photos.iterdir())), "files, for example", f'"{caption}"')

# %%
data = (photos / "000.jpg").read_bytes()
(photos / "200.jpg").write_bytes(data[:900])  # cut off
(photos / "200.txt").write_text("a red circle")
(photos / "201.jpg").write_bytes(data)  # a copy, with another caption
(photos / "201.txt").write_text("a circle again")
(photos / "202.jpg").write_bytes((photos / "001.jpg").read_bytes())
(photos / "203.txt").write_text("a picture that nobody saved")

# %% [markdown]
# **Import** comes first. `clipedu data import` also reads CSV, TSV and JSONL tables, COCO captions, Hugging Face's imagefolder and the shards of img2dataset. It decodes every picture, makes it small once, and writes *shards*: tar files of 1,000 pairs that training reads from front to back.

# %% tags=["nbval-check-output"]
import os
import subprocess
import sys

one_core = os.environ | {"OMP_NUM_THREADS": "1"}  # enough for models this small

def clipedu(words, *more):
    """Runs a command of the course in the folder, as a terminal would."""
    command = [sys.executable, "-m", "clipedu", *words.split(), *more]
    how = {"cwd": folder, "env": one_core}
    done = subprocess.run(command, capture_output=True, text=True, **how)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()

print(clipedu("data import photos --out shards"))

# %% [markdown]
# Nothing is lost silently: every file that is not used is counted and named, and `report.html` shows pictures. It even found a copy that we had not planned: two of the drawn black squares came out the same, pixel by pixel. Look at such a report before you train on pairs from the web, because most problems of a run are problems of its data.
#
# **Plan** comes second. How much memory will it take, and how long? Then **train**, on the shards: first for 120 steps, as planned, and then for 300.

# %% tags=["nbval-check-output"]
own = "plan tiny --batch-size 32 --pairs 3840 --gpu laptop --precision fp32"
lines = clipedu(own).splitlines()
print("\n".join(line for line in lines if line))

# %%
run = "train --shards shards --recipe tiny --no-evaluation --quiet"
print(clipedu(run + " --steps 120 --out short"))
print(clipedu(run + " --steps 300 --out long"))

# %% [markdown]
# The plan says that the memory is mostly **activations**, what the forward pass keeps for the backward pass. *Gradients in flight* are those on their way back through a block. Section 9 compares such a plan with the memory that real steps took.
#
# The time we can compare now. The next two cells put the planned step beside one of the run, and take it apart: how long do the pictures of a batch take, and how long the model, forward and backward?

# %%
from clipedu.objectives import info_nce
from clipedu.pairs import open_shards, to_model
from clipedu.training import RECIPES, load_pretrained, read_history
from clipedu_lessons.l08_scaling_up.planner import PAPER_RUNS, paper_utilisation, plan
from clipedu_lessons.l08_scaling_up.sick import BATCH, STEPS, curve, processor_ms

own_pairs = open_shards(folder / "shards", 32, progress=False)
model, tokenizer, _ = load_pretrained(folder / "short")
step_0 = (0, 32, 0, RECIPES["tiny"].augmentation)  # step, pairs, seed, changes of pictures
pictures, captions = own_pairs.batch_at(*step_0)
inputs = to_model(pictures), tokenizer(captions, 16, truncate=True)

# %%
days = plan("tiny", batch_size=32, pairs=3840, gpu="laptop", precision="fp32").days
paces = sorted(row["pairs_per_second"] for row in read_history(folder / "short"))
told = {"planned": 1000 * 86_400 * days / 120, "took": 32_000 / paces[len(paces) // 2]}
threads = torch.get_num_threads()
torch.set_num_threads(1)  # as in the run
told["its pictures"] = processor_ms(lambda: own_pairs.batch_at(*step_0))
told["its model"] = processor_ms(lambda: info_nce(*model.train()(*inputs)).backward())
torch.set_num_threads(threads)
for what, ms in told.items():
    print(f"{what:13} {ms:6.1f} ms a step")
    numbers(**{what.replace(" ", "_"): f"{ms:.0f}"})
numbers(slower=f"{told['took'] / told['planned']:.0f}")

# %% [markdown]
# A step was planned with {=planned} ms and took {=took} (the median), {=slower} times as long. A plan counts operations only, at 30 % of the speed of two cores. The pictures of a batch alone take {=its_pictures} ms of one core, because each is read, decoded and changed. The model takes {=its_model} ms, also more than planned, since each of its many small operations has a fixed cost to start. So for a model this small the planned time is a lower bound. Even a GPU that needed no time at all for the model would wait {=its_pictures} ms for each batch, unless other cores make the pictures meanwhile.
#
# **Evaluate** comes last, on pictures that the model has not seen. The next cell draws 100 new ones, puts each into a folder with the name of its class, and asks the model with the template `a {}`.
#
# **Predict**: there are 20 classes, so guessing gives 5 %. How many of the 100 new pictures does the short run name correctly? Which mistakes will it make, wrong colors or wrong shapes?

# %%
prediction = ...  # change this: pictures out of 100, and the kind of mistake
for n in range(100):
    place = folder / "test" / " ".join(classes[n % 20])
    place.mkdir(parents=True, exist_ok=True)
    draw(*classes[n % 20], chance).save(place / f"{n}.png")
(folder / "names.txt").write_text("\n".join(" ".join(c) for c in classes))
ask = " --pictures test --classes names.txt --templates"
print(clipedu("evaluate short" + ask, "a {}"))
print(clipedu("evaluate long" + ask, "a {}"))

# %% tags=["nbval-check-output", "tolerance-0.2"]
from clipedu.evaluation import zero_shot
from clipedu.evaluation.own import own_pictures

names = [" ".join(one) for one in classes]
task, _, _ = own_pictures(folder / "test", names, 32)
right = {}
for steps, out in ((120, "short"), (300, "long")):
    model, tokenizer, _ = load_pretrained(folder / out)
    first = zero_shot(model, tokenizer, task, templates=["a {}"]).predictions[:, 0]
    pairs_of = [(names[a].split(), names[b].split()) for a, b in zip(first, task.labels)]
    color, shape = (sum(a[k] == b[k] for a, b in pairs_of) for k in (0, 1))
    right[steps] = sum(a == b for a, b in pairs_of)
    print(f"{steps} steps: both right {right[steps]}, color {color}, shape {shape}")
numbers(after_120=right[120], after_300=right[300])

# %% [markdown]
# The short run names {=after_120} of 100 new pictures, and the long one {=after_300}. All mistakes of the short run are in the shape. Color is the easier half of these captions, and in these runs the model learns it first. Your own captions will have easier and harder halves, too. So look at the mistakes, and not only at the accuracy, before you buy a larger GPU. (The column *new* is empty: it is for a check against near-duplicates of the training pictures, which we did not ask for.)
#
# A test on pictures that were drawn like the training pictures is an easy test. For photographs from another camera, make a test folder with that camera.
#
# ## 2. How to read a loss curve
#
# A run of your own tells you about its problems, if you know what to look for. Below are six runs of the small model on the folder of section 1. One is healthy, and five are sick:
#
# * the learning rate is 100 times too **high**, or 100 times too **low**;
# * the captions are **shifted** by one row, so that each picture has its neighbor's caption;
# * the captions are **poor**: only the color is left of them;
# * there are **few** pairs: the same two batches come again and again.
#
# Besides the loss of each step, we measure the loss on 32 of the new pictures, which are not trained on. Each batch holds several captions of the same class, so no run can reach a loss of 0 honestly.

# %%
def shift(captions):
    return captions[1:] + captions[:1]

def only_color(captions):
    return [next(w for w in c.split() if w in COLORS) for c in captions]

RUNS = {"healthy": {}, "high": {"rate": 0.2}, "low": {"rate": 2e-5}}
RUNS |= {"shifted": {"words": shift}, "poor": {"words": only_color}, "few": {"few": 2}}
curves = {k: curve(own_pairs, task, tokenizer, **how) for k, how in RUNS.items()}

# %%
from clipedu_lessons.common.figures import new_figure

order = ["low", "few", "healthy", "poor", "high", "shifted"]
figure = new_figure(9, 4.6)
for letter, axes, name in zip("ABCDEF", figure.subplots(2, 3).flat, order):
    losses, apart = curves[name]
    axes.plot(losses, "-", marker="", color="black", label="training")
    axes.plot(range(10, STEPS + 1, 10), apart, "--", marker="o", ms=3, label="kept out")
    axes.axhline(math.log(BATCH), color="0.5", linestyle=":", marker="")
    axes.set(title=letter, ylim=(0, 6), xlabel="step", ylabel="loss (nats)")
axes.legend(fontsize=8)
words = "Six pairs of loss curves, A to F, for training and for kept-out pictures, "
show(figure, words + "with a dotted line at the loss of guessing.")

# %% [markdown]
# **Predict**: which of the six curves A to F belongs to which run? The dotted line is ln 32 = 3.47, the loss of guessing.

# %% tags=["nbval-check-output", "tolerance-0.2"]
prediction = ...  # change this: for example dict(A="healthy", B="low", ...)
captions = own_pairs.batch_at(0, BATCH, 0, RECIPES["tiny"].augmentation)[1]
colors = only_color(captions)
floor = sum(math.log(colors.count(color)) for color in colors) / BATCH
print(f"poor captions: {len(set(colors))} different ones in {BATCH}, floor {floor:.2f}")
print("run        first 5   last 10   kept out, at the end")
for name, (losses, apart) in curves.items():
    first, last = sum(losses[:5]) / 5, sum(losses[-10:]) / 10
    print(f"{name:9} {first:8.2f} {last:9.2f} {apart[-1]:9.2f}")
    numbers(**{f"{name}_last": f"{last:.2f}", f"{name}_out": f"{apart[-1]:.2f}"})
numbers(floor=f"{floor:.2f}")

# %% [markdown]
# | curve | what you see | what it was | what to do |
# |---|---|---|---|
# | A | it moves slowly, to {=low_last} | rate too low | raise the rate threefold until it falls |
# | B | training falls to {=few_last}, kept out ends at {=few_out} | few pairs, memorized | more pairs, more augmentation, fewer steps |
# | C | both fall, to {=healthy_last} and {=healthy_out} | healthy | go on |
# | D | training stops at {=poor_last}, near a floor of {=floor}; kept out rises to {=poor_out} | poor captions: equal ones can't be told apart, and the kept-out captions name shapes, words that this model never read | better captions, or mask equal ones (lesson 03) |
# | E | a jump at the start, then {=high_last}, the loss of guessing, for good | rate too high: the model has collapsed | a third of the rate, a longer warm-up |
# | F | it stays near ln N, at {=shifted_last}, and kept out at {=shifted_out} | shifted captions: nothing can be learned | look at twenty pairs with your own eyes |
#
# E and F end alike, and that matters. A model that has collapsed and a model that has nothing to learn both stay at ln N. A look at twenty pairs tells them apart. So does a smaller rate: C is the run of E with a hundredth of its rate, and C is healthy. A loss that stays at ln N is also one of the most common questions about training CLIP (open_clip, issue 17: "loss stuck at 4.85", which is ln 128).
#
# ### Check your understanding
#
# 1. Your loss falls to 0.1 in one pass over the data. Should you be happy?
# 2. A run at N = 256 stays at 5.55 from the first step to the last. Name three possible reasons.
# 3. Why does the floor of poor captions depend on the batch size?
#
# <details><summary>Answers</summary>
#
# 1. Only if the loss on kept-out pairs falls, too. Otherwise the model has memorized, or pictures give away their captions (a watermark, a file name).
# 2. ln 256 = 5.55. The captions may belong to other pictures, the rate may be far too low, or an encoder is frozen or collapsed.
# 3. The floor is the mean logarithm of how many equal captions a batch holds. A larger batch holds more of them.
#
# </details>
#
# ## 3. Four pairs on two machines
#
# A **rank** is one of several processes that train one model together. Usually each has its own GPU. Rank 0 takes the first half of the batch and rank 1 the second. For a classifier this is the whole story: the loss of a picture depends on that picture alone, so the mean over the ranks is the mean over the batch.
#
# A contrastive loss is different. Here are four pairs as vectors of length 1, so that you can check the cosines on paper.

# %% tags=["nbval-check-output"]
image = torch.tensor([[1.0, 0.0], [0.6, 0.8], [0.0, 1.0], [0.8, 0.6]])
text = torch.tensor([[0.8, 0.6], [0.0, 1.0], [-0.6, 0.8], [1.0, 0.0]])
cosines = image @ text.T  # (4, 4)
for i, row in enumerate(cosines.tolist()):
    rank = "rank 0" if i < 2 else "rank 1"
    print(f"{rank}, picture {i + 1}:", "".join(f"{v:7.2f}" for v in row))

# %% [markdown]
# **Predict**: each rank computes the loss of its own two pairs, and the two losses are averaged. Is the result larger than the loss of all four pairs, smaller, or the same?

# %% tags=["nbval-check-output"]
prediction = ...  # change this: "larger", "smaller" or "the same"
SCALE = 5.0
ranks = (slice(0, 2), slice(2, 4))
whole = info_nce(image, text, SCALE)
halves = [info_nce(image[own], text[own], SCALE) for own in ranks]
print(f"all four pairs at once: {whole:.4f}")
print(f"mean of {halves[0]:.4f} and {halves[1]:.4f}: {sum(halves) / 2:.4f}")
numbers(four=f"{whole:.2f}", two_halves=f"{sum(halves) / 2:.2f}")

# %% [markdown]
# The mean of the halves is {=two_halves}, and the loss of the batch is {=four}. The hardest wrong caption of picture 1 is caption 4, with a cosine of 1.00, and it is on the other rank. The blocks of the matrix between the ranks are never computed. With W ranks this is a share of 1 - 1/W of the matrix.
#
# So the ranks **gather** before the loss: each sends its embeddings to all others. An embedding is a few hundred numbers, much less than a picture or its activations. Then rank 0 answers the questions of its own rows *of the whole matrix*, and of its own columns. These are its two **strips**.

# %%
from clipedu_lessons.l08_scaling_up.ranks_figure import ranks_figure

show(*ranks_figure())

# %% tags=["nbval-check-output"]
from clipedu.objectives.tiled import row_loss

def of_rank(image, text, scale, own):
    """Both strips of a rank: its pictures, then its captions."""
    first, tile = own.start, len(image)
    rows = row_loss(image[own], text, scale, None, first, tile)
    columns = row_loss(text[own], image, scale, None, first, tile)
    return (rows + columns) / 2

t = torch.tensor(SCALE)
parts = [of_rank(image, text, t, own) for own in ranks]
print(f"rank 0: {parts[0]:.4f}, rank 1: {parts[1]:.4f}")
print(f"mean {sum(parts) / 2:.4f}, all four at once {whole:.4f}")
assert torch.isclose(sum(parts) / 2, whole)

# %% [markdown]
# The mean is the loss of the whole batch. The library's `row_loss` gets `first`, the column in which the rank's first row has its answer. The right caption of rank 1's first picture is number 2 of all four, not number 0. Without this offset rank 1 would learn to match its pictures with rank 0's captions.
#
# This is the paper's sentence in section 2.5: the similarities were "sharded with individual GPUs computing only the subset of the pairwise similarities necessary for their local batch". On 256 GPUs each rank has two strips of 128 x 32,768 logits, which are 32 MiB in float32, where the whole matrix takes 4 GiB.
#
# ## 4. The gradient that gets lost
#
# The loss is right now. Is the gradient? Rank 0's loss depends on the captions of rank 1, which are its wrong answers. When rank 0 says "push caption 4 away", rank 1 must hear it, because rank 1 has the activations behind caption 4. A plain `all_gather` transports numbers. At rank 0 they are constants, and the message is lost.
#
# Both ranks can be played in one process, because `.detach()` makes constants. The model is the Vision Transformer of lesson 02 in float64, so that small errors show.

# %%
from clipedu.models import build
from clipedu.pairs import training_pairs

_, tokenizer, _ = load_pretrained()
pairs = training_pairs(progress=False).drawn("sentences")
pictures, captions = pairs.batch(32, seed=0)
tokens = tokenizer(captions, 32, truncate=True)
pictures = to_model(pictures).double()
TWO_LAYERS = {"vocab_size": tokenizer.vocab_size, "vision_layers": 2}
model = build("laptop_vit", seed=0, **TWO_LAYERS).double()

def encoders(rows=slice(None)):
    return model(pictures[rows], tokens[rows])

# %%
PARTS = ("visual", "text", "logit scale")

def gradient_of(loss):
    """The gradient of a loss, by part of the model, as flat vectors."""
    model.zero_grad()
    loss.backward()
    parts = {name: [] for name in PARTS}
    for name, p in model.named_parameters():
        start = name.split(".")[0].replace("logit_scale", "logit scale")
        parts[start].append(p.grad.flatten().clone())
    return {name: torch.cat(pieces) for name, pieces in parts.items()}

exact = gradient_of(info_nce(*encoders()))  # (32, 192), (32, 192), ()

# %%
def compare(found):
    """Cosine with the exact gradient, and size in units of its size."""
    for part, own in exact.items():
        cosine = F.cosine_similarity(found[part], own, dim=0)
        print(f"  {part:11} cosine {cosine:.3f}, size x {found[part].norm() / own.norm():.3f}")

# %% [markdown]
# **Predict**: the numbers are gathered without their gradients. Which of the three parts of the model still get the right gradient: image encoder, text encoder, logit scale?

# %%
prediction = ...  # change this

def two_ranks(gather):
    """The mean of both ranks' losses; gather(rows of all, own) -> what a rank sees."""
    image, text, scale = encoders()
    losses = []
    for own in (slice(0, 16), slice(16, 32)):
        losses.append(of_rank(gather(image, own), gather(text, own), scale, own))
    return sum(losses) / 2

# %% tags=["nbval-check-output", "tolerance-0.05"]
def plain_gather(x, own):
    seen = x.detach().clone()
    seen[own] = x[own]  # a graph only behind one's own rows
    return seen

print("gathered with gradients:")
compare(gradient_of(two_ranks(lambda x, own: x)))
print("gathered as numbers:")
compare(lost := gradient_of(two_ranks(plain_gather)))
cosine = F.cosine_similarity(lost["visual"], exact["visual"], dim=0)
numbers(lost_cosine=f"{cosine:.2f}")

# %% [markdown]
# The loss on the screen is the same to the last digit, and the image encoder's gradient points in another direction: its cosine with the exact one is {=lost_cosine}. Its size is wrong as well. Nothing crashes and nothing warns. Only the logit scale is right, because every rank has its own copy of it.
#
# Which part of the message is lost? Each picture is pulled toward its own caption and pushed away from the others. The pull comes from its own rank, in both strips. Half of the push comes from the picture's own row, which its own rank computes. The other half comes from the columns of the wrong captions, and each column is computed by the rank that owns the caption. So with plain numbers every picture keeps its pull, and loses a quarter of its push on two ranks and almost half of it on sixteen. If this is right, all pictures must share a pull in one direction, toward the mean caption. The exact gradient has almost no such common part, as long as all captions are about equally likely. The next cell measures it on 64 random pairs: the common part of the gradient at the pictures' embeddings, as a share of its size.

# %% tags=["nbval-check-output", "tolerance-0.05"]
noise = torch.Generator().manual_seed(0)
image, text = F.normalize(torch.randn(2, 64, 32, generator=noise) + 0.5, dim=-1)
common = {}
for count in (1, 2, 4, 16):
    rows = image.clone().requires_grad_()
    losses = []
    for own in torch.arange(64).chunk(count):
        own = slice(int(own[0]), int(own[-1]) + 1)
        seen = (plain_gather(rows, own), plain_gather(text, own))
        losses.append(of_rank(*seen, torch.tensor(5.0), own))
    (g,) = torch.autograd.grad(sum(losses) / count, rows)
    common[count] = g.mean(0).norm() / g.norm(dim=1).mean()
    print(f"{count:2} ranks: {common[count]:.0%} of each picture's gradient is common to all")
numbers(common_1=f"{common[1]:.0%}", common_16=f"{common[16]:.0%}")

# %% [markdown]
# On one rank the common part is {=common_1}, and on 16 ranks {=common_16}. If all pictures are pulled to one point for long enough, training ends in a **collapse**: all embeddings are nearly the same, and the loss is ln N. Section 7 follows the embeddings of such a run, and there this is what happens.
#
# In open_clip this is what `--local-loss` does without `--gather-with-grad`. The maintainers say that only both together scale (issues 616 and 894). Without `--local-loss` and without gradients, the encoders' gradients point in the right direction but are W times too small. Adam hides a constant factor, but gradient clipping does not. Section 7 shows what the first of these two errors, the wrong direction, costs in accuracy.
#
# The cure is a gather whose backward pass **adds up** what all ranks say about a row, and gives it to the rank that owns the row. `DistributedDataParallel` (DDP), torch's own way of joining the ranks, then takes the *mean* of the ranks' gradients. Sum and mean fit together: each rank's loss is a mean over its own pairs, so the mean over ranks is the gradient of the whole batch. In exercise 08.8 you write this backward pass and see it repair two real processes.
#
# ## 5. Two real processes
#
# The script below is what each rank runs. `join_world` reads the variables by which `torchrun` tells a process its rank, and finds the others. `world.local_slice` is this rank's part of the batch.

# %%
STEP = """import sys, torch
from torch.nn.parallel import DistributedDataParallel
from clipedu.models import build
from clipedu.objectives import sharded_info_nce
from clipedu.training import join_world
pictures, tokens, sizes = torch.load(sys.argv[1])
model = build("laptop_vit", seed=0, **sizes).double()
with join_world("cpu") as world:
    network = DistributedDataParallel(model)
    own = world.local_slice(len(pictures))
    sharded_info_nce(*network(pictures[own], tokens[own])).backward()
    if world.rank == 0:
        torch.save([p.grad for p in model.parameters()], sys.argv[2])
"""

# %% tags=["nbval-check-output"]
gradient_of(info_nce(*encoders()))  # of one process
(folder / "step.py").write_text(STEP)
torch.save((pictures, tokens, TWO_LAYERS), folder / "batch.pt")
command = [sys.executable, "-m", "torch.distributed.run", "--standalone"]
command += ["--nproc-per-node", "2", "step.py", "batch.pt", "grads.pt"]
how = {"cwd": folder, "env": one_core}
done = subprocess.run(command, capture_output=True, text=True, **how)
assert done.returncode == 0, done.stderr
from_two = torch.load(folder / "grads.pt")
apart = max((b - a.grad).abs().max().item() for a, b in zip(model.parameters(), from_two))
print(f"{len(from_two)} gradients of two processes equal those of one to 1e-10")
assert apart < 1e-10

# %% [markdown]
# Two processes compute the gradient of one. Torch's own machinery did this: `torchrun` (here as `python -m torch.distributed.run`) starts the processes, DDP averages, and gloo transports the numbers between CPUs. On GPUs NCCL takes the place of gloo, and the code is the same. A whole run works the same way, from a terminal:
#
# ```
# torchrun --nproc-per-node 2 -m clipedu train --recipe lesson --out runs/two
# ```
#
# All ranks draw the random numbers of the whole batch, and each makes its own part of the pictures. Rank 0 writes the checkpoint, which does not know how many ranks there were, so a run that began on four can go on with one. With `torchrun --max-restarts 3` a run whose rank was killed starts again from its last checkpoint. `--set execution.sharded=true` gives each rank a part of every weight and of Adam's statistics (torch's FSDP2). You need this when weights and optimizer do not fit. For CLIP on large GPUs that is rare: section 9 plans ViT-L/14, and its weights, gradients and optimizer take less than a quarter of 32 GiB.
#
# **A layer that breaks the rule.** A batch norm computes its mean and variance from the pictures that it sees together. On two ranks these are half of the batch. How different is the output?

# %% tags=["nbval-check-output", "tolerance-0.05"]
STEM = {"vocab_size": tokenizer.vocab_size, "vision_layers": 2}
stem = build("laptop_vit_stem", seed=0, **STEM).double().train()
for name, network in (("batch norms in the stem", stem), ("layer norms only", model)):
    with torch.no_grad():
        together = network.encode_image(pictures, normalize=True)
        halves = [network.encode_image(x, normalize=True) for x in pictures.split(16)]
    angle = torch.rad2deg((together * torch.cat(halves)).sum(1).clamp(-1, 1).acos())
    print(f"{name:24} embeddings turn by {angle.mean():.2f} degrees")

# %% [markdown]
# With layer norms the halves give what the whole gives. With batch norms the embeddings of the two halves differ from those of the whole. The gradient is still exact for the network that each rank runs, but the statistics come from fewer pictures and are noisier. The library warns of it. `torch.nn.SyncBatchNorm` computes the statistics over all ranks, at the price of one more exchange in each such layer. The fewer pictures a rank has, the more this is worth.
#
# ### Check your understanding
#
# 1. Why do ranks exchange embeddings, and not pictures or logits?
# 2. Eight ranks with DDP compute the local loss, and the gather has no gradient. Which parts of the model get a wrong gradient?
# 3. Your loss with two ranks is lower than with one. What do you check first?
#
# <details><summary>Answers</summary>
#
# 1. Embeddings are the narrowest point: a few hundred numbers for each pair. Pictures would have to be encoded again on each rank, and the logits between ranks can only be computed from embeddings.
# 2. Both encoders, in their direction. The logit scale is right.
# 3. Whether the ranks gather at all. An exam with half of the wrong answers is easier, as in section 3.
#
# </details>
#
# ## 6. Where the memory goes
#
# A forward pass keeps what the backward pass will need, the **activations**. They grow with the batch, and weights do not. The loss keeps its logits, which grow with the *square* of the batch. Torch can tell what is kept.

# %%
from torch.autograd.graph import saved_tensors_hooks

def kept_mib(action):
    """MiB that a forward pass keeps for the backward pass."""
    sizes = {}  # by address: a tensor that is kept twice counts once
    def note(x):
        storage = x.untyped_storage()
        sizes[storage.data_ptr()] = storage.nbytes()
        return x

    with saved_tensors_hooks(note, lambda x: x):
        result = action()  # alive until we have counted
    for p in model.parameters():  # weights are there anyway
        sizes.pop(p.untyped_storage().data_ptr(), None)
    return sum(sizes.values()) / 2**20

# %% tags=["nbval-check-output"]
from clipedu.objectives import tiled_info_nce

def embeddings(n):
    rows = [F.normalize(torch.randn(n, 128), dim=1) for _ in range(2)]
    return *(x.requires_grad_() for x in rows), torch.tensor(14.3)

print("pairs    loss, MiB   in tiles      pairs   encoders, MiB")
for n, few in ((512, 8), (1024, 16), (2048, 32)):
    loss = kept_mib(lambda n=n: info_nce(*embeddings(n)))
    tiled = kept_mib(lambda n=n: tiled_info_nce(*embeddings(n)))
    both = kept_mib(lambda n=few: encoders(slice(n))) / 2  # float32 takes half
    print(f"{n:5} {loss:10.1f} {tiled:10.1f} {few:10} {both:12.1f}")
numbers(of_loss=f"{loss:.0f}", of_tiles=f"{tiled:.1f}", per_pair=f"{both / few:.1f}")

# %% [markdown]
# Twice the batch makes the loss keep almost four times as much, and the encoders and the tiles of remedy 3 twice as much. One pair costs {=per_pair} MiB of activations in this small encoder. There are two remedies for the activations and one for the logits. None of them changes the gradient.
#
# ### Remedy 1: forget and recompute
#
# **Gradient checkpointing** keeps only what enters each block. The backward pass computes the inside of the block a second time. This costs one more forward pass, so about a third more work. The paper uses it (section 2.5).

# %% tags=["nbval-check-output", "tolerance-0.05"]
from clipedu.training import Execution, prepare_

before = kept_mib(encoders)
prepare_(model, Execution(recompute=True))
after = kept_mib(encoders)
again = gradient_of(info_nce(*encoders()))
prepare_(model, Execution())
print(f"activations kept: {after / before:.0%} of what it was")
compare(again)
numbers(kept=f"{after / before:.0%}")

# %% [markdown]
# ### Remedy 2: a large batch, a chunk at a time
#
# The usual trick for a batch that does not fit is **accumulation**: run small batches, add up their gradients, and step once. Does this give the gradient of the large batch?

# %% tags=["nbval-check-output", "tolerance-0.05"]
cosines = {}
for chunks in (2, 4, 8, 16):
    losses = [info_nce(*encoders(rows)) for rows in torch.arange(32).chunk(chunks)]
    found = gradient_of(sum(losses) / chunks)
    i, t = (F.cosine_similarity(found[k], exact[k], dim=0) for k in ("visual", "text"))
    print(f"{chunks:2} chunks: cosine of image {i:.2f}, of text {t:.2f}")
    cosines[chunks] = i
numbers(two_chunks=f"{cosines[2]:.2f}", sixteen_chunks=f"{cosines[16]:.2f}")

# %% [markdown]
# It does not. Two chunks give a cosine of {=two_chunks}, and 16 chunks of two pairs only {=sixteen_chunks}. This is section 3 again: a chunk does not contain the other chunks' captions. With chunks of one pair the loss is 0 and nothing is learned at all.
#
# **Gradient caching** (GradCache, Gao et al. 2021, [arXiv 2101.06983](https://arxiv.org/abs/2101.06983)) cuts the chain rule where it is thin, at the embeddings. Let $U$ be the embeddings of all pictures, (N, E). Then for a weight $w$ of the image encoder
#
# $$\frac{\partial \mathcal{L}}{\partial w} = \sum_{i=1}^{N} \frac{\partial \mathcal{L}}{\partial u_i} \cdot \frac{\partial u_i}{\partial w}.$$
#
# The first factor needs all pairs, but only their embeddings. The second needs the activations of picture $i$ alone. So there are three steps:
#
# 1. Embed all chunks and keep no graph.
# 2. Take the loss of the whole batch, and its gradient *at the embeddings*.
# 3. Embed each chunk again with a graph, and send its rows of that gradient backward.
#
# By hand, for the smallest image encoder there is: two pictures of one number each, one weight $w$, and $u_i = w x_i$, without normalization. The loss is $\mathcal{L} = u_1 u_2$.

# %% tags=["nbval-check-output"]
x1, x2, w = 2.0, 3.0, 0.5
u1, u2 = w * x1, w * x2  # step 1
to_u1, to_u2 = u2, u1  # step 2: the derivatives of u1 * u2
from_1, from_2 = to_u1 * x1, to_u2 * x2  # step 3: one chunk, then the other
print(f"embeddings {u1} and {u2}, messages {to_u1} and {to_u2}")
print(f"chunk 1 gives {from_1}, chunk 2 gives {from_2}, together {from_1 + from_2}")
print(f"the whole: the derivative of {x1 * x2} w^2 is {2 * x1 * x2 * w}")

# %% [markdown]
# The parts add up to the whole. The library's `GradCache` wraps a network and does the same for both encoders. It draws the same random numbers in both passes, and works with DDP. In a recipe it is `--set execution.accumulate=8`. Exercise 08.7 puts it into your `my_clip.py`.

# %% tags=["nbval-check-output"]
from clipedu.training import GradCache

for chunks in (4, 32):
    cached = GradCache(model, chunks)
    print(f"{chunks} chunks, {32 // chunks} pairs at a time:")
    compare(gradient_of(info_nce(*cached(pictures, tokens))))

# %% [markdown]
# Even 32 chunks of one pair give the exact gradient. The logit scale gets its gradient once, in step 2. A scheme that computes the whole loss anew for each chunk, as open_clip's `--accum-freq K` does, gives the encoders the right gradient and the scale K times too much.
#
# **When do you choose which?** Recomputing saves a factor, here down to {=kept} of the activations. Chunks save any factor. Both cost one more forward pass. A batch norm notices chunks and does not notice recomputing. So recompute if the factor is enough, and take chunks if it is not.
#
# ### Remedy 3: never write the matrix down
#
# What remains is the N x N matrix. The loss needs from each row only its **log-sum-exp**, the logarithm of the sum of $e^{z_{ij}}$. A sum can be taken piece by piece: if $a$ and $b$ are the log-sum-exps of two pieces of a row, that of both is $\ln(e^a + e^b)$. The library's `tiled_info_nce` computes a tile of the matrix, adds it to the running sums of its rows and columns, and throws it away. The backward pass computes each tile a second time. You write the heart of it in exercise 08.3. At 2,048 pairs it keeps {=of_tiles} MiB where the whole matrix takes {=of_loss}.
#
# Larger batches take longer than a lesson has. `benchmarks/memory.py` measured them on one core, each in a process of its own, by the peak that the operating system reports.

# %% tags=["nbval-check-output"]
from clipedu_lessons.common.records import read_record

memory = {(r["what"], r["how"], r["batch"]): r for r in read_record("memory")}
print("pairs     whole matrix          tiles")
for n in (4096, 8192, 65536):
    cells = [memory.get(("loss", how, n)) for how in ("dense", "tiled")]
    cells = [f"{c['extra_mib']:6,.0f} MiB {c['seconds']:5.1f} s" if c else " " * 18 for c in cells]
    print(f"{n:6,}", *cells, sep="   ")
print(f"one matrix of 65,536 pairs is {65536**2 * 4 / 2**30:.0f} GiB")

# %% [markdown]
# The tiled loss handles 65,536 pairs in about 100 MiB. At 4,096 and 8,192 pairs it is even faster than the whole matrix, although it computes more. The likely reason is that its tiles stay in the cache of the core, while the matrix travels to memory and back. We did not measure this. Fused attention kernels on GPUs are built on the same idea. Differences of less than about 50 MiB mean nothing here, because the operating system counts pages that a process has freed and not returned.
#
# ### Check your understanding
#
# 1. A batch of 64 does not fit on your GPU, and the encoder is huge. Which remedy helps, and which does not?
# 2. Why is step 3 of gradient caching allowed to forget the other chunks' captions?
# 3. Accumulation of small batches is exact for a classifier. Why?
#
# <details><summary>Answers</summary>
#
# 1. Recomputing or chunks. A matrix of 64 x 64 logits is 16 KiB, so tiles save nothing.
# 2. Everything that the loss has to say about a row is in the gradient at its embedding, which step 2 computed from all pairs.
# 3. Its loss is a mean of terms, each of which depends on one picture. The gradient of a mean of chunks is the mean of their gradients.
#
# </details>
#
# ## 7. What does a large batch buy?
#
# Lesson 03 kept the steps equal and changed the number of candidates: more wrong captions help. In practice you do not get them for free. With the same number of pictures seen, a batch that is four times as large makes a quarter of the steps. So which batch is best, and how much accuracy do inexact gradients cost?
#
# `benchmarks/batches.py` trained a very small CLIP on {=series_pairs} pictures in each run, without Remix and Bootstrap. The learning rate grows with the square root of the batch. Three of the runs at 64 pairs are wrong on purpose, as if the batch were on 16 ranks of 4 pairs, or in 16 chunks:
#
# * **accumulated**: the mean gradient of 16 batches of 4;
# * **lost gradient**: the local loss of 16 ranks, gathered as numbers;
# * **scale gradient x 16**: exact for the encoders, 16 times too large for the logit scale.
#
# The error is zero-shot on Remix and Bootstrap, among five names, the right one and four random others: guessing is wrong in 80 % of the cases. Every run was made with seeds 0, 1 and 2. Runs of one seed begin with the same weights, and those with 64 pairs see the same batches. So the fair comparison is within a seed: the last column is the error minus that of the exact run with 64 pairs, with a 95 % interval over the three seeds (Student's t). *Loss* is the mean of the last tenth of the steps, *scale* the logit scale at the end, and *clip* the share of steps whose gradient was clipped.
#
# **Predict**: order the seven runs from best to worst before you look.

# %%
prediction = ...  # change this: the seven runs, from best to worst
import statistics

from scipy.stats import t as student

series = read_record("batches")
SHORT, LONG = (size for size in sorted({row["pairs"] for row in series}))

def errors(name, pairs=SHORT):
    return [100 * r["error"] for r in series if (r["run"], r["pairs"]) == (name, pairs)]

def over_seeds(values):
    """Mean, and half of the 95 % interval that the seeds leave."""
    reach = student.ppf(0.975, len(values) - 1) / len(values) ** 0.5
    return statistics.fmean(values), reach * statistics.stdev(values)

# %% tags=["nbval-check-output"]
print("run                steps  loss scale clip  error by seed (%)  minus batch 64")
runs = dict.fromkeys(row["run"] for row in series)
for name in runs:
    own = [row for row in series if (row["run"], row["pairs"]) == (name, SHORT)]
    loss, scale, cut = (statistics.fmean(r[k] for r in own) for k in ("loss", "scale", "clipped"))
    more = [a - b for a, b in zip(errors(name), errors("batch 64"))]
    runs[name] = (mean, half) = over_seeds(more)
    print(f"{name:19}{own[0]['steps']:5} {loss:5.2f} {scale:5.1f} {cut:4.0%}", end="   ")
    print(*(f"{e:4.1f}" for e in errors(name)), end="   ")
    print(f"  {mean:+6.1f} +- {half:.1f}" if name != "batch 64" else "")
    key = name.replace(" ", "_")
    numbers(**{key: f"{statistics.fmean(errors(name)):.1f} %", f"{key}_more": f"{mean:.1f}"})
    numbers(**{f"{key}_half": f"{half:.1f}", f"{key}_steps": own[0]["steps"]})
numbers(series_pairs=f"{SHORT:,}", long_pairs=f"{LONG:,}")

# %%
figure = new_figure(7.5, 2.8)
axes = figure.subplots()
others = [name for name in runs if name != "batch 64"]
for k, name in enumerate(others):
    mean, half = runs[name]
    axes.errorbar([mean], [k], xerr=[half], fmt="s", capsize=3, color="black")
    more = [a - b for a, b in zip(errors(name), errors("batch 64"))]
    axes.plot(more, [k + 0.25] * len(more), "x", color="0.4")
axes.set_yticks(range(len(others)), others)
axes.invert_yaxis()
axes.axvline(0, color="0.5", linestyle=":", marker="")
axes.set(xlabel="points more errors than batch 64, exact, of the same seed")
words = "Each run's errors minus those of the exact run with 64 pairs, with 95 percent "
show(figure, words + "intervals over three seeds. Crosses are the seeds.")

# %% [markdown]
# **Naive accumulation costs accuracy**: {=accumulated_more} points more errors than the exact gradient (± {=accumulated_half}), with the same weights at the start, the same pictures and the same steps. Its loss looks better only because it is the loss of an exam with four captions.
#
# **The lost gradient ruins the run**: {=lost_gradient} errors, {=lost_gradient_more} points more (± {=lost_gradient_half}). The interval reaches zero, because the three seeds are worse by very different amounts. But each is worse than its exact twin by more than nine points, and comes close to the 80 % of guessing. The loss is ln 64 = 4.16 at the end. Below we look at what happened.
#
# **The wrong gradient of the logit scale changes nothing here**: {=scale_gradient_x_16_more} points (± {=scale_gradient_x_16_half}). This parameter takes AdamW's step (lesson 04), which divides a gradient by its own running size, so a constant factor disappears. In all runs the scale ends near the 14.3 at which it started, so these runs are too short to show harm from it.
#
# **A larger batch does worse on equal pictures**: {=batch_64} errors with 64 pairs, {=batch_256} with 256, {=batch_1024} with 1,024 and {=batch_4096} with 4,096. The last one makes {=batch_4096_steps} steps. So is it the batch, or the few steps? Four times the pictures tell. The runs with 256 and more pairs were repeated on {=long_pairs} pictures, and lesson 09's grid holds the run with 64.

# %% tags=["nbval-check-output"]
twin = [100 * row["error"] for row in read_record("scaling")
        if (row["width"], row["pairs"]) == (32, LONG)]
print(f"batch   error on {SHORT:,} pictures   on {LONG:,}   (mean of the seeds)")
for n in (64, 256, 1024, 4096):
    long = errors(f"batch {n}", LONG) or twin
    few, many = statistics.fmean(errors(f"batch {n}")), statistics.fmean(long)
    print(f"{n:5} {few:10.1f} in {SHORT // n:3} steps", end="")
    print(f" {many:13.1f} in {LONG // n:4} steps   ({len(long)} seeds)")
    numbers(**{f"short_{n}": f"{few:.1f} %", f"long_{n}": f"{many:.1f} %"})
gaps = [statistics.fmean(errors("batch 256")) - statistics.fmean(errors("batch 64"))]
gaps += [statistics.fmean(errors("batch 256", LONG)) - statistics.fmean(twin)]
numbers(long_seeds=len(long), gap_short=f"{gaps[0]:.0f}", gap_long=f"{gaps[1]:.0f}")

# %% [markdown]
# **It is the steps.** Compare runs with equal steps, down a diagonal of the table. In 640 steps a batch of 64 ends at {=short_64} errors and one of 256 at {=long_256}. In 160 steps 256 pairs end at {=short_256} and 1,024 at {=long_1024}, and in 40 steps 1,024 pairs end at {=short_1024} and 4,096 at {=long_4096}. With equal steps the larger batch is far better each time. It has seen four times the pictures, and each of its questions has four times the wrong captions, so these runs can't tell how much of it is due to which.
#
# With equal pictures, the small batch still wins on {=long_pairs} of them, but by less: 256 pairs are {=gap_long} points behind 64, and were {=gap_short} points behind with a quarter of the pictures. Part of what is left may be due to the rate, which followed a rule and was not tuned for each batch. So the first question about a batch is how many steps it leaves. The paper's run makes more than 390,000 steps with 32,768 pairs each. (The long runs have {=long_seeds} seeds, so read the large differences only.)
#
# ### A collapse, measured
#
# A loss of ln N has two possible causes: the embeddings have collapsed, or they have learned nothing yet. On the way the benchmark measured three mean cosines on Remix: between two different pictures, between two different names, and between pictures and names.
#
# **Predict**: what are the three before the first step, when the weights are random?

# %% tags=["nbval-check-output"]
cosines = [row for row in read_record("batches_cosines") if row["pairs"] == SHORT]
MOMENTS = sorted({row["step"] for row in cosines if row["run"] == "batch 64"})
print("         batch 64, exact           lost gradient")
print("step  pictures names across    pictures names across")
for step in MOMENTS:
    print(f"{step:4}", end="")
    for name in ("batch 64", "lost gradient"):
        own = [r for r in cosines if (r["run"], r["step"]) == (name, step)]
        means = [statistics.fmean(r[kind] for r in own) for kind in ("pictures", "names", "across")]
        print(" ", *(f"{mean:7.3f}" for mean in means), end=" ")
        kept = {k: f"{m:.3f}" for k, m in zip(("pictures", "names", "across"), means)}
        numbers(**{f"{k}_{name.split()[0]}_{step}": v for k, v in kept.items()})
    print()

# %% [markdown]
# The first row is a warning. **Pictures are all alike before any training**: their mean cosine is {=pictures_batch_0}. An untrained encoder gives nearly the same vector for every picture. So a high cosine between pictures does not show a collapse. It is where every run starts, and the exact run brings it down to {=pictures_batch_640}.
#
# The third column is the one to watch. In the exact run pictures and names stay apart, at {=across_batch_128} after 128 steps. With the lost gradient they move together: {=across_lost_64} after 64 steps and {=across_lost_128} after 128. From step 256 on all three cosines are {=across_lost_640}, to three digits. Every picture and every name is at the same point. This is the collapse that section 4 foretold: each picture keeps the pull toward the mean caption, and loses half of the push. The errors stay below the 80 % of guessing, so tiny differences are left, which the three digits don't show.
#
# Nothing in the run reports the problem. A loss of ln 64 is also what healthy runs have at first: those of section 8 are still there after {=same} steps. If your loss stays at ln N, print these three numbers.
#
# ## 8. Half the bits
#
# In **mixed precision** the matrix products are computed in 16 bits, which GPUs are built to do fast, and the rest in 32. The paper goes further: Adam's statistics are in 16 bits, too, and so are the text encoder's weights, with stochastic rounding (section 2.5). There are two kinds of 16 bits. In the next table *smallest* is the smallest number with full precision, and *step* is the distance to the next larger number.

# %% tags=["nbval-check-output"]
print("           largest    smallest    step at 1   step at 100")
for dtype in (torch.float32, torch.float16, torch.bfloat16):
    info = torch.finfo(dtype)
    row = (info.max, info.tiny, info.eps, info.eps * 64)
    print(f"{str(dtype)[6:]:9}", "   ".join(f"{x:9.1e}" for x in row))
logits = torch.tensor([[99.9, 99.7], [99.6, 99.8]])
for dtype in (torch.float32, torch.bfloat16):
    loss = F.cross_entropy(logits.to(dtype).float(), torch.arange(2))
    print(f"{str(dtype)[6:]:9} loss of two logits near 100: {loss:.3f}")
small_number = torch.tensor(1e-8)
print(f"float16   a gradient of 1e-8 is {small_number.half().item():.0e},", end=" ")
print(f"and 65,536 times it {(65536 * small_number).half().item():.1e}")

# %% [markdown]
# * **bf16** has the range of float32 and few digits. It rarely overflows, and it forgets small differences: near 100 its numbers are 0.5 apart. Rounded to them, the logits of the example give another loss, as the two lines above show. So the loss must be computed in float32.
# * **fp16** has more digits and little range. Below the 6e-5 of the table it loses digits, down to 6e-8, which has only one bit left. Gradients below half of that become 0. A **gradient scaler** multiplies the loss by a large number before the backward pass, and divides the gradient afterwards.
#
# In this library the weights that are updated, the optimizer's statistics and the loss stay in float32, and only the encoders run under `torch.autocast`. What happens in a run? `benchmarks/batches.py --precision` trained the same small model four times.

# %% tags=["nbval-check-output"]
rows = read_record("precision")
kinds = dict.fromkeys(row["precision"] for row in rows)
same = min(max(r["step"] for r in rows if r["precision"] == kind) for kind in kinds)
print(f"precision             loss at {same}  zeros  scaler  ms a step   at the end")
for name in kinds:
    own = [r for r in rows if r["precision"] == name]
    at = next(r for r in own if r["step"] == same)
    zero, ms = max(r["zero"] for r in own), 1000 * own[-1]["seconds"] / own[-1]["step"]
    print(f"{name:20} {at['loss']:9.3f} {zero:9.2%} {at['scaler']:7,.0f} {ms:10.0f}", end="   ")
    print(f"step {own[-1]['step']}, error {own[-1]['error']:.1%}")
    key, told = name.replace(" ", "_"), f"{own[-1]['error']:.1%}"
    numbers(**{f"{key}_error": told.replace("%", " %"), f"{key}_ms": f"{ms:.0f}"})
    numbers(**{f"{key}_zero": f"{zero:.2%}".replace("%", " %"), f"{key}_loss": f"{at['loss']:.3f}"})
half = 1.96 * (0.5 * 0.5 / (978 + 565)) ** 0.5  # of so many pictures asked
numbers(half=f"{100 * half:.1f}", same=same)

# %% [markdown]
# After {=same} steps the losses are {=fp32_loss}, {=bf16_loss}, {=fp16_loss} and {=fp16_without_scaler_loss}. This is ln 64, so at this step the model has not begun to learn, and the fp16 runs only show that the start of a training survives. The two runs that went on to the end make {=fp32_error} and {=bf16_error} errors in fp32 and bf16, and the interval of a single run is {=half} points on each side. So bf16 makes no difference that this experiment could show. That is the result one hopes for, because weights, statistics and loss keep all their digits.
#
# Why did fp16 survive without a scaler? Its danger is a gradient that becomes 0. In fp32 at most {=fp32_zero} of the gradients outside of the token table are 0, and in fp16 without a scaler {=fp16_without_scaler_zero}, in the steps that each of them made. So hardly any gradient was lost: those of this small model on 64 pairs are large enough. They can be much smaller in deeper models, in larger batches or late in training. A scaler costs next to nothing, so use it. It began with a factor of 65,536. When a gradient overflows it halves the factor and skips the step. The column *scaler* shows the factor at step {=same}.
#
# Speed can't be judged here. This CPU multiplies bf16 in hardware, but a model as small as this one gains nothing: {=bf16_ms} ms a step instead of {=fp32_ms}. In fp16 a step took {=fp16_ms} ms on this CPU, several times as long as in fp32, so we stopped the fp16 runs at step {=same}. We did not look for the reason. GPUs are made for 16 bits, and their makers print several times the speed of fp32 for both kinds. How much of that a run gets must be measured, and section 9 says how.
#
# ## 9. Choose, and plan before you pay
#
# Memory, operations and communication can be counted before a GPU is rented. What can't be counted is the **utilization**: which share of its printed speed a GPU reaches. The paper prints GPUs and days, so for two of its models it can be computed.

# %% tags=["nbval-check-output"]
from clipedu_lessons.l08_scaling_up.memory_figures import plans_figure

for name, (gpus, days) in PAPER_RUNS.items():
    share = paper_utilisation(name)
    print(f"{name:8} {days} days on {gpus} V100: {share:.0%} of their printed speed")
paper = dict(batch_size=32768, gpus=256, gpu="V100", precision="fp16")
kinds = {"everything kept": {}, "recomputed blocks": {"checkpointing": True}}
kinds |= {"chunks of 32": {"chunk": 32}}
kinds |= {"recomputed, dense loss": {"checkpointing": True, "loss": "dense"}}
plans = {name: plan("ViT-L/14", **paper, **how) for name, how in kinds.items()}
for name, one in plans.items():
    print(f"{name:22} {one.total_memory / 2**30:5.1f} of 32 GiB")
words = "Memory of ViT-L/14 on each of 256 V100, batch 32,768. Activations "
words += "are most of the first bar; a dense loss alone fills most of a GPU."
show(plans_figure(plans), words)

# %% [markdown]
# The paper's GPUs reached about a fifth of their printed speed. The 30 % in the plans of this lesson is therefore an optimistic guess for a large run. Measure your own.
#
# By the plan, the paper's largest ViT does not fit on its GPUs with everything kept. With recomputed blocks it does, and this is what the paper did. Chunks of 32 pairs would fit, too. If every GPU computed the whole matrix, five copies of it would be alive at the peak of the loss, 20 GiB.
#
# ### Does the memory of a plan hold?
#
# A plan can be tested against the operating system. `benchmarks/memory.py` ran single steps of the preset `laptop_vit` on a CPU, each in a process of its own, and noted how far the process's memory rose above what it had before the step. The plan's part of that is everything except weights, gradients and optimizer, which were there already.

# %% tags=["nbval-check-output", "tolerance-0.05"]
WAYS = {"plain": {}, "recompute": {"checkpointing": True}, "accumulated": {"chunk": 128}}
THERE = ("weights", "gradients", "optimizer")
print("way            pairs  planned  measured (MiB)  planned / measured")
ratios = {}
for (what, way, n), row in memory.items():
    if what == "step" and way in WAYS:
        one = plan("laptop_vit", batch_size=n, gpu="laptop", precision="fp32", **WAYS[way])
        rise = sum(v for part, v in one.memory.items() if part not in THERE) / 2**20
        ratios.setdefault(way, []).append(rise / row["extra_mib"])
        print(f"{way:12} {n:7,} {rise:8.0f} {row['extra_mib']:9.0f} {ratios[way][-1]:19.2f}")
every = sum(ratios.values(), [])
numbers(plain_low=f"{min(ratios['plain']):.2f}", plain_high=f"{max(ratios['plain']):.2f}")
numbers(least_ratio=f"{min(every):.2f}", most_ratio=f"{max(every):.2f}")

# %% [markdown]
# For plain steps the plan says {=plain_low} to {=plain_high} of what was measured, so it is a little too low. With recomputed blocks and with chunks the ratios spread from {=least_ratio} to {=most_ratio}, both at 1,024 pairs. We did not look for the reason. So leave room: `clipedu plan` says *fits* only up to 90 % of the memory.
#
# ### I have this. What should I do?
#
# `clipedu plan --own-pairs N --hours H --gpu NAME` answers for your case. Here it is for six cases: a laptop with the course's data, a small GPU with few pairs, a large one with three million, eight of them, then 32 GPUs for two weeks, and the paper.

# %% tags=["nbval-check-output"]
from clipedu_lessons.l08_scaling_up.advice import advise

cases = [(35_000, 2, "laptop", 1), (20_000, 5, "T4", 1), (3_000_000, 48, "A100", 1)]
cases += [(12_800_000, 24, "A100", 8), (100_000_000, 336, "A100", 32)]
cases += [(400_000_000, 288, "V100", 256)]
for pairs_owned, hours, gpu, gpus in cases:
    _, lines = advise(pairs_owned, hours, gpu=gpu, gpus=gpus)
    print(f"{pairs_owned:,} pairs, {hours} hours, {gpus} x {gpu}")
    for line in lines[:7]:
        print("  " + line)

# %% [markdown]
# Two of the answers need a word. The laptop's model is the course's own: it is so small that 35,000 icons are enough to train it from scratch. And the size of the model follows from the pairs that it can *see* in your hours. The advice takes ViT-L/14 only from 12.8 billion on, and ViT-B/16 from 1.28 billion on, as DataComp's four tracks do. In the last case it arrives at the paper's own run: ViT-L/14, a batch of 32,768, recomputed blocks and 32 passes. The paper needed 12 days for it, because its GPUs reached less than the 30 % of the plan. In Table 11 this model reaches 75.3 % on ImageNet, and ViT-B/32 63.2 %.
#
# The rules behind it, and where they come from:
#
# | question | rule | source |
# |---|---|---|
# | from scratch? | below about 2 million pairs fine-tune a released model. Three million (CC3M) for 30 passes give an RN50 about 19 % on ImageNet | the limit is ours, the 19 % are from open_clip, issue 448 |
# | how often? | up to about 32 passes | the paper, Table 18 |
# | which model? | by the pairs seen: ViT-B/32, from 1.28 billion ViT-B/16, from 12.8 billion ViT-L/14 | the tracks of DataComp, [arXiv 2304.14108](https://arxiv.org/abs/2304.14108) |
# | which batch? | the largest that leaves some 3,000 steps. DataComp's smallest track sees 12.8 million pairs at 4,096, which are 3,125 steps | our rule, after [arXiv 2304.14108](https://arxiv.org/abs/2304.14108) |
# | which rate? | 1e-3 at 1,024, 5e-4 at 4,096 and at 32,768, ViT-L/14 4e-4; for fine-tuning 1e-5, a careful start (the paper's extra epoch with larger pictures takes 2e-5) | the same runs; the paper, Table 18 |
# | fits not? | recompute, then chunks, then more GPUs | section 6 |
# | which loss? | one GPU: whole, from 8,192 on in tiles; several: local, with gradients | sections 4 and 6 |
# | split weights? | only if Adam's statistics alone fill about a third of the GPU | section 5 |
# | shards elsewhere? | mount the folder, or copy it first: training reads pictures in random order. torch brings fsspec, so `fsspec.filesystem("s3").get("bucket/shards", "shards", recursive=True)` copies from there (with s3fs installed) | fsspec's manual |
# | GPU idle? | make pictures small once (`clipedu data import --size`); if one core can't decode fast enough, more workers | open_clip, issue 13 |
# | ranks hang? | `NCCL_DEBUG=INFO` shows the network in use, `NCCL_SOCKET_IFNAME` chooses another | NVIDIA's manual |
#
# ### Numbers that are missing
#
# This course was written on machines without a GPU. So pairs per second, peak memory and the share of the printed speed on a GPU are missing from this page, for fp32, bf16 and fp16, with recomputing, chunks, tiles and one compiled run. One command measures all twelve cells in at most six minutes, compares the planner's memory with the real peak, and writes a file with the card's name:
#
# ```
# python benchmarks/gpu.py
# ```
#
# ### Check your understanding
#
# 1. You have 30,000 pairs and one GPU for a week. What is the best use of the week?
# 2. Your plan says 20 hours at a utilization of 30 %, and the run takes 60. What do you measure first?
# 3. Why does splitting weights over GPUs not help a ViT-B/32 whose batch does not fit?
#
# <details><summary>Answers</summary>
#
# 1. Collect more pairs, and fine-tune a released model meanwhile. More passes over 30,000 pairs mostly memorize.
# 2. Whether the GPU waits for pictures. Train on random tensors of the same shape. If that is fast, loading is the problem.
# 3. Its weights are small: the memory is filled with activations, which FSDP does not split.
#
# </details>
#
# ## 10. What you built
#
# One step of CLIP, in pieces. How far is each gradient from that of the whole batch?

# %%
flat = torch.cat([g.flatten() for g in exact.values()])

def off(gradient):
    """The distance from the exact gradient, in units of its size."""
    return ((gradient - flat).norm() / flat.norm()).item()

def of(loss):
    return off(torch.cat([*gradient_of(loss).values()]))

# %% tags=["nbval-check-output", "summary", "tolerance-0.05"]
tiles = tiled_info_nce(*GradCache(model, 2)(pictures, tokens), tile=8)
added = sum(info_nce(*encoders(rows)) for rows in torch.arange(32).chunk(2)) / 2
print("distance from the gradient of the whole batch")
for name, distance in {
    "gathered with gradients": of(two_ranks(lambda x, own: x)),
    "chunks and tiles": of(tiles),
    "gathered as numbers": of(two_ranks(plain_gather)),
    "two small batches added": of(added),
}.items():
    print(f"  {name:24} {0 if distance < 1e-10 else distance:.2f}")

# %% [markdown]
# | | this lesson | the paper (section 2.5, Table 18) |
# |---|---|---|
# | batch | 32 to 65,536, in pieces | 32,768 |
# | processes | 2, gradients equal to 1e-10 | 256 or 592 GPUs |
# | activations | recomputed: {=kept} kept | recomputed |
# | precision | bf16 or fp16 products, the rest in fp32 | fp16; Adam's statistics and text weights, too |
# | similarities | local strips, or tiles | local strips |
# | own pairs | 199, {=after_300} % of new pictures named | 400 million |
#
# In the list above 0.00 means exact. The last two methods run without any error message, and their gradients are wrong. With 256 GPUs strips and recomputed blocks are enough, as the plan of section 9 shows. On one GPU there are no strips, and tiles and chunks take their place. What this lesson could not measure is speed on a GPU.
#
# **Further reading**
#
# * Gao et al. 2021, *Scaling Deep Contrastive Learning Batch Size under Memory Limited Setup* ([arXiv 2101.06983](https://arxiv.org/abs/2101.06983)): gradient caching, in eight pages.
# * Zhai et al. 2023, *Sigmoid Loss for Language Image Pre-Training* ([arXiv 2303.15343](https://arxiv.org/abs/2303.15343)): a loss that needs no gather, and a batch size above which little is gained.
# * Li et al. 2022, *Scaling Language-Image Pre-training via Masking* ([arXiv 2212.00794](https://arxiv.org/abs/2212.00794)): leave out half of the patches, and train about twice as fast.
# * Gadre et al. 2023, *DataComp* ([arXiv 2304.14108](https://arxiv.org/abs/2304.14108)): four budgets with all settings printed. Compare them before you choose your own.
#
# **The exercises** ([exercises of lesson 08](../exercises/08_scaling_up.ipynb)) add gradient caching to your `my_clip.py`, let you repair a lost gradient between two real processes, and give you four ranks with five bugs. **Next**: [lesson 09, Scaling laws](09_scaling_laws.ipynb), which asks what ten times the compute buys.
