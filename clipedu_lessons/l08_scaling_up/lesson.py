# %% [markdown]
# # 08 · Scaling up
#
# **What changes on a GPU, and on 592 of them?**
#
# About 55 minutes to read and do; about a minute to run on two CPU cores.
# Rebuilds section 2.5 of Radford et al. 2021 (arXiv 2103.00020): the batch of 32,768, sharded similarities, mixed precision, gradient checkpointing.

# %%
import math

import torch
import torch.nn.functional as F

from clipedu.plots import show
from clipedu_lessons.l08_scaling_up.memory_figures import batches_figure

words = "Two matrices to scale. Ours of lesson 04 is a dot in a corner "
show(batches_figure(512, 32768), words + "of the paper's.")

# %% [markdown]
# The grey square is one training step of the paper: 1,074 million similarities. The dot is ours. Lesson 04 trains on two cores in minutes; the paper's largest
# ResNet takes 18 days on 592 GPUs, its largest Vision Transformer 12 days on 256 (section 2.5).
#
# The loss is the same, and so are the towers. What changes is *where things are and in how many pieces*. This lesson takes one step of CLIP apart into pieces and shows,
# every time, that the pieces give **the same gradient**. A method that gives another gradient is another method, however fast it is.
#
# **At the end you can**
#
# * say why splitting a contrastive batch is harder than splitting a batch of labelled pictures, and gather what is missing;
# * find the gradient that gets lost on the way, and bring it back;
# * start two processes and show that they equal one;
# * compute the loss of any batch in little memory, and the gradient of any batch in the memory of a small one;
# * choose a precision, and plan a run before paying for it.

# %% [markdown]
# ## 1. Four pairs on two machines
#
# A **rank** is one of several processes that train one model together; usually each has its own GPU. Rank 0 takes the first half of the batch, rank 1 the second.
# For a classifier that is all there is to it: the loss of a picture depends on that picture alone, so the mean over ranks is the mean over the batch.
#
# Here are four pairs as vectors of length 1, made of the numbers 0, 0.6, 0.8 and 1 (one of them with a minus), so that you can check the cosines on paper.

# %% tags=["nbval-check-output"]
image = torch.tensor([[1.0, 0.0], [0.6, 0.8], [0.0, 1.0], [0.8, 0.6]])
text = torch.tensor([[0.8, 0.6], [0.0, 1.0], [-0.6, 0.8], [1.0, 0.0]])
cosines = image @ text.T  # (4, 4)
for i, row in enumerate(cosines.tolist()):
    rank = "rank 0" if i < 2 else "rank 1"
    print(f"{rank}, picture {i + 1}:", "".join(f"{v:7.2f}" for v in row))

# %% [markdown]
# **Predict**: each rank computes the loss of its own two pairs, and the two are averaged. Is the result larger than the loss of all four, smaller, or the same?

# %% tags=["nbval-check-output"]
from clipedu.objectives import info_nce

SCALE = 5.0
ranks = (slice(0, 2), slice(2, 4))
whole = info_nce(image, text, SCALE)
halves = [info_nce(image[own], text[own], SCALE) for own in ranks]
print(f"all four pairs at once:    {whole:.4f}")
print(f"rank 0 alone: {halves[0]:.4f}, rank 1 alone: {halves[1]:.4f}")
print(f"mean of the two:           {sum(halves) / 2:.4f}")

# %% [markdown]
# Smaller, and wrong. Picture 1's hardest wrong caption is caption 4, with a cosine of 1.00: it lies on the other rank. A rank that sees two pairs sets an exam with one wrong answer.
# The corners of the matrix that lie between the ranks are never computed, and with N pairs on W ranks that is a share 1 - 1/W of it.
#
# So before the loss, the ranks **gather**: each sends its embeddings to all. Not the pictures and not the activations: a few hundred numbers a pair.
# Then rank 0 asks its two questions along the rows *of the whole matrix*, and its two down the columns.

# %% tags=["nbval-check-output"]
def rank_loss(image, text, scale, rows):
    """The rank's own pictures against all captions, and the reverse."""
    answers = torch.arange(len(image))[rows]
    for_pictures = F.cross_entropy(scale * image[rows] @ text.T, answers)
    for_captions = F.cross_entropy(scale * text[rows] @ image.T, answers)
    return (for_pictures + for_captions) / 2

parts = [rank_loss(image, text, SCALE, rows) for rows in ranks]
print(f"rank 0: {parts[0]:.4f}, rank 1: {parts[1]:.4f}")
print(f"mean:   {sum(parts) / 2:.4f}")
print("equal to all four at once:", torch.allclose(sum(parts) / 2, whole))

# %% [markdown]
# Notice `answers`: the right caption of rank 1's first picture is number 2 of all, not number 0. Forget that offset, and rank 1 learns to match its pictures with rank 0's captions.
#
# This is the paper's sentence in section 2.5: similarities were "sharded with individual GPUs computing only the subset of the pairwise similarities necessary for
# their local batch". Each rank computes two strips of n x N, not N x N.

# %% tags=["nbval-check-output"]
for gpus in (1, 256):
    n = 32768 // gpus
    strips = 1 if gpus == 1 else 2
    size = strips * n * 32768 * 4 / 2**20
    print(f"{gpus:3} GPUs: {n:6,} pairs each, {size:5,.0f} MiB of logits")

# %% [markdown]
# ## 2. The gradient that gets lost
#
# The loss is right now. Is the gradient? Rank 0's loss depends on the captions of rank 1: they are its wrong answers. So when rank 0 says "push caption 4 away", rank 1 must hear it,
# for rank 1 has the activations that led to caption 4. A plain `all_gather` hands over *numbers*: at rank 0 they are constants, and the message is lost.
#
# You can play both ranks in one process. Constants are what `.detach()` makes.

# %%
from clipedu.models import build
from clipedu.pairs import FIRST_EDITION, to_model, training_pairs
from clipedu.training import load_pretrained

tokenizer = load_pretrained("laptop_1")[1]
pictures, captions = training_pairs(families=FIRST_EDITION, progress=False).batch(32, seed=0)
tokens = tokenizer(captions, 32, truncate=True)
pictures = to_model(pictures).double()  # float64, to see small errors
SMALL = {"vocab_size": tokenizer.vocab_size, "vision_layers": 2}
model = build("laptop_vit", seed=0, **SMALL).double()

def towers(rows=slice(None)):
    return model(pictures[rows], tokens[rows])

# %%
def gradient_of(loss):
    """The gradient of a loss, by part of the model, as flat vectors."""
    model.zero_grad()
    loss.backward()
    parts = {name: [] for name in PARTS}
    for name, p in model.named_parameters():
        start = name.split(".")[0].replace("logit_scale", "logit scale")
        parts[start].append(p.grad.flatten().clone())
    return {name: torch.cat(pieces) for name, pieces in parts.items()}

PARTS = ("visual", "text", "logit scale")
image, text, scale = towers()  # (32, 192), (32, 192), ()
plain = gradient_of(info_nce(image, text, scale))

# %%
def two_ranks(gather):
    """The mean of both ranks' losses; gather(mine, all, rows) -> all."""
    image, text, scale = towers()
    losses = []
    for rows in (slice(0, 16), slice(16, 32)):
        seen = [gather(x, rows) for x in (image, text)]
        losses.append(rank_loss(*seen, scale, rows))
    return sum(losses) / 2

def plain_gather(x, rows):
    """Everyone's numbers; a graph only behind one's own."""
    everyone = x.detach().clone()
    everyone[rows] = x[rows]
    return everyone

# %% tags=["nbval-check-output"]
def compare(gather):
    """The cosine of each part's gradient with the whole batch's."""
    found = gradient_of(two_ranks(gather))
    return {
        part: F.cosine_similarity(found[part], plain[part], dim=0)
        for part in PARTS
    }

for part, cosine in compare(lambda x, rows: x).items():
    print(f"gradients gathered, {part:11}: exact: {cosine > 0.999999}")
for part, cosine in compare(plain_gather).items():
    print(f"numbers gathered,   {part:11}: exact: {cosine > 0.999999}")

# %%
wrong = gradient_of(two_ranks(plain_gather))
for part, cosine in compare(plain_gather).items():
    size = wrong[part].norm() / plain[part].norm()
    print(f"{part:11} cosine {cosine:.3f}, size x {size:.3f}")

# %% [markdown]
# The loss on the screen is the same to the last digit, and the towers walk in another direction. Nothing crashes, nothing warns; the model only ends up worse than it should.
# The logit scale is right, because every rank has its own copy of it. This is what a well-known implementation does with its option for a local loss when the option for gathering with gradients is left off.
# How far it goes wrong depends on the model; that it goes wrong does not.
#
# The cure is short: a gather whose backward pass adds up what all ranks have to say about a row, and hands it to the rank that owns it. Here is the library's.

# %%
import inspect

from clipedu.objectives import sharded

print(inspect.getsource(sharded._Gather))

# %% [markdown]
# One more factor to watch. `DistributedDataParallel` (DDP), torch's own way of joining the ranks' gradients, *averages*: it divides their sum by W. The gather *adds*. The two cancel, and every parameter gets exactly the gradient of the whole batch.
# Where each rank computes the whole loss and the gather hands back its own share only, without the sum, the towers' gradients point the right way and are W times too small. Adam hides a constant factor; gradient clipping does not, and with plain SGD the steps are W times too short, so that weight decay weighs W times too much beside them.
#
# ## 3. Two real processes
#
# Now with real ranks. The script below is what each of them runs. `join_world` reads the variables with which `torchrun` tells a process its rank, and finds the others; `world.local_slice` is this rank's slice of the batch.

# %%
STEP = '''import sys, torch
from torch.nn.parallel import DistributedDataParallel
from clipedu.models import build
from clipedu.objectives import sharded_info_nce
from clipedu.training import join_world
pictures, tokens, small = torch.load(sys.argv[1])
model = build("laptop_vit", seed=0, **small).double()
with join_world("cpu") as world:
    network = DistributedDataParallel(model)
    own = world.local_slice(len(pictures))
    sharded_info_nce(*network(pictures[own], tokens[own])).backward()
    print(f"rank {world.rank} has {len(pictures[own])} pairs")
    if world.rank == 0:
        torch.save([p.grad for p in model.parameters()], sys.argv[2])
'''

# %%
import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path

# %% tags=["nbval-check-output"]
folder = Path(tempfile.mkdtemp())
(folder / "step.py").write_text(STEP)
torch.save((pictures, tokens, SMALL), folder / "batch.pt")
command = [sys.executable, "-m", "torch.distributed.run", "--standalone"]
command += ["--nproc-per-node", "2", "step.py", "batch.pt", "grads.pt"]
how = {"cwd": folder, "capture_output": True, "text": True}
one_core = os.environ | {"OMP_NUM_THREADS": "1"}
done = subprocess.run(command, env=one_core, **how)
assert done.returncode == 0, done.stderr
for line in sorted(re.findall(r"rank \d has \d+ pairs", done.stdout)):
    print(line)

# %% tags=["nbval-check-output"]
from_two = torch.load(folder / "grads.pt")
gradient_of(info_nce(*towers()))
from_one = [p.grad for p in model.parameters()]
pairs = zip(from_two, from_one, strict=True)
largest = max((two - one).abs().max().item() for two, one in pairs)
print(f"{len(from_one)} parameters: towers and logit scale")
print("every gradient of two processes equals that of one")
print("to 1e-10:", largest < 1e-10)

# %% [markdown]
# Two equal one. That was torch's own machinery: `torchrun` (here as `python -m torch.distributed.run`) starts the processes, DDP averages, gloo carries the numbers between CPUs. On GPUs the carrier is NCCL, the rest is the same code.
# The whole training run works that way too, from a terminal:
#
# ```
# torchrun --nproc-per-node 2 -m clipedu train --recipe lesson --out runs/two
# ```
#
# All ranks draw the random numbers for the whole batch, as one process would, and each makes its own part of the pictures; rank 0 writes; an evaluation is shared out. A checkpoint does not know how many ranks wrote it: a run that began on four may go on with one. Here every rank holds the whole model, which is small; with `--set execution.sharded=true` each holds a part of every weight and of Adam's memory (torch's FSDP2), and the gradient stays the same. When a rank is killed, the others say so and stop; with
# `torchrun --max-restarts 3` the run starts again from its last checkpoint by itself. The tests compare every parameter's gradient on 1, 2 and 4 processes with the plain full batch, for both losses; none of this was measured on GPUs here, where there is none.
#
# **A layer that breaks the rule.** A batch norm computes its mean and variance from the pictures that it sees at once. On two ranks that is half the batch, so a ResNet on two ranks is not quite the ResNet on one. The demonstration above takes the Vision Transformer, which has layer norms. Is it a fault of the method?

# %% tags=["nbval-check-output"]
resnet = build("laptop", seed=0).double().train()
for name, network in (("ResNet", resnet), ("ViT", model)):
    with torch.no_grad():
        together = network.encode_image(pictures)
        halves = [network.encode_image(x) for x in pictures.split(16)]
    same = torch.allclose(together, torch.cat(halves))
    print(f"{name}: two halves give what the whole gives: {same}")

# %% [markdown]
# The library warns of it and goes on: each rank trains an exact network, with noisier statistics. Rank 0's running averages are the ones that are kept.
#
# ## 4. Where the memory goes
#
# A forward pass keeps what the backward pass will need: the **activations**. They grow with the batch; weights do not. The loss keeps its logits, which grow with the batch *squared*.
# torch can tell what is kept. On a CUDA GPU the same cell also prints the allocator's own peak.

# %%
from torch.autograd.graph import saved_tensors_hooks

def kept_mib(action):
    """MiB that a forward pass keeps for the backward pass."""
    sizes = {}  # by address: a tensor kept twice counts once
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
def embeddings(n):
    rows = [F.normalize(torch.randn(n, 128), dim=1) for _ in range(2)]
    return *(x.requires_grad_() for x in rows), torch.tensor(14.3)

sizes = [512, 1024, 2048]
of_loss = [kept_mib(lambda n=n: info_nce(*embeddings(n))) for n in sizes]
of_towers = [kept_mib(lambda n=n: towers(slice(n))) for n in (8, 16, 32)]

def grows(kept):
    return [f"x {kept[k + 1] / kept[k]:.1f}" for k in (0, 1)]

print("twice the batch, the loss keeps  ", grows(of_loss))
print("twice the batch, the towers keep ", grows(of_towers))

# %% tags=["nbval-check-output"]
parameters = sum(p.numel() for p in model.parameters())
print(f"{parameters / 1e6:.1f} million parameters, in float32:")
mib = 4 * parameters / 2**20
print(f"weights              {mib:5.1f} MiB")
print(f"gradients            {mib:5.1f} MiB")
print(f"Adam's two averages  {2 * mib:5.1f} MiB")
per_pair = of_towers[-1] / 2 / 32  # float32 takes half of float64
print(f"activations of 32:   {32 * per_pair:5.0f} MiB")
print(f"activations of 512:  {512 * per_pair:5.0f} MiB")
if torch.cuda.is_available():
    peak = torch.cuda.max_memory_allocated() / 2**20
    print(f"CUDA's own peak so far: {peak:,.0f} MiB")

# %% [markdown]
# Three remedies: two for the activations, one for the logits. None of them changes the gradient.
#
# ### Remedy 1: forget and recompute
#
# **Gradient checkpointing** keeps only what enters each block and computes the inside again during the backward pass: one more forward pass, about a third more work. The paper uses it (section 2.5). It must work for both towers.

# %% tags=["nbval-check-output"]
from clipedu.training import Execution, prepare_

before = kept_mib(towers)
prepare_(model, Execution(recompute=True))
after = kept_mib(towers)
again = gradient_of(info_nce(*towers()))
prepare_(model, Execution())
print(f"activations kept: to {after / before:.0%} of what it was")
same = [torch.allclose(again[part], plain[part]) for part in PARTS]
print("same gradient:", all(same))

# %% [markdown]
# ### Remedy 2: a large batch, a chunk at a time
#
# The usual trick for a batch that does not fit is **accumulation**: run small batches, add up their gradients, step once. **Predict**: for a contrastive loss, does that give the gradient of the large batch?

# %%
def accumulated(chunks):
    """Small batches, each with its own loss; gradients added up."""
    losses = []
    for rows in torch.arange(32).chunk(chunks):
        losses.append(info_nce(*towers(rows)) / chunks)
    return sum(losses)

for chunks in (2, 4, 8, 16):
    g = gradient_of(accumulated(chunks))
    image, text, _ = (
        F.cosine_similarity(g[part], plain[part], dim=0) for part in PARTS
    )
    print(f"{chunks:2} chunks: cosine with the exact gradient: ", end="")
    print(f"image {image:.2f}, text {text:.2f}")

# %% [markdown]
# It is section 1 again: 16 chunks of 2 pairs are 16 exams with one wrong answer each. With chunks of one pair the loss is 0 and nothing is learned at all.
#
# **GradCache** (Gao et al. 2021, arXiv 2101.06983) cuts the chain rule where it is thin: at the embeddings. They are small, so those of the whole batch fit; the activations behind them don't.
#
# 1. Embed all chunks, keep no graph.
# 2. Take the loss of the whole batch and its gradient *at the embeddings*.
# 3. Embed each chunk again, with a graph, and send its part of that gradient back.

# %%
def all_gradients():
    return torch.cat([p.grad.flatten() for p in model.parameters()])

# %%
def grad_cache(chunks):
    model.zero_grad()
    parts = torch.arange(32).chunk(chunks)
    with torch.no_grad():  # 1
        out = [towers(rows) for rows in parts]
    image = torch.cat([o.image for o in out]).requires_grad_()
    text = torch.cat([o.text for o in out]).requires_grad_()
    info_nce(image, text, model.logit_scale.exp()).backward()  # 2
    for rows in parts:  # 3
        i, t, _ = towers(rows)
        message = i * image.grad[rows] + t * text.grad[rows]
        message.sum().backward()
    return all_gradients()

# %% [markdown]
# A dozen lines in `grad_cache`. Exact?

# %% tags=["nbval-check-output"]
gradient_of(info_nce(*towers()))
exact = all_gradients()

def is_exact(gradient):
    return bool((gradient - exact).abs().max() < 1e-10)

for chunks in (1, 2, 4, 8):
    print(f"K = {chunks}, equal to 1e-10:", is_exact(grad_cache(chunks)))

# %% [markdown]
# Exact. The derivative of `x * g` with respect to x is g, so the sum in step 3 is a loss whose gradient is what we want to send.
# Look where the logit scale gets its gradient: once, in step 2. Schemes that compute the loss anew for each chunk give it K times over.
#
# The library's `GradCache` wraps a network. It keeps no activations in step 1 and does step 3 inside the backward pass, with the same random numbers (or dropout would drop something else than in step 1), and it works with DDP, FSDP and SigLIP's bias. In a recipe it is
# `--set execution.accumulate=8`. The library agrees with the dozen lines:

# %% tags=["nbval-check-output"]
from clipedu.training import GradCache

model.zero_grad()
info_nce(*GradCache(model, chunks=4)(pictures, tokens)).backward()
print("library, K = 4, equal to 1e-10:", is_exact(all_gradients()))

# %% [markdown]
# ### Remedy 3: never write the matrix down
#
# With GradCache the towers fit, and what remains is the N x N matrix. The loss needs from each row its **log-sum-exp**, ln of the sum of exp(logits). A sum can be taken piece by piece. By hand, for a row of four logits in two pieces:

# %% tags=["nbval-check-output"]
row = torch.tensor([4.0, 1.0, 3.0, 5.0])
first, second = row[:2].logsumexp(0), row[2:].logsumexp(0)
print(f"pieces: {first:.4f} and {second:.4f}")
both = torch.log(first.exp() + second.exp())
print(f"ln(e^first + e^second): {both:.4f}")
print(f"the whole row:          {row.logsumexp(0):.4f}")

# %% [markdown]
# `torch.logaddexp` does the second line without overflow. So: compute a **tile** of the matrix, add it to the running log-sum-exps of its rows and columns, throw it away. In the open, forward only:

# %%
def tiled_loss(image, text, scale, tile):
    n = len(image)
    rows, columns = torch.full((2, n), -math.inf).to(image)
    for a in torch.arange(n).split(tile):
        for b in torch.arange(n).split(tile):
            logits = scale * image[a] @ text[b].T
            rows[a] = torch.logaddexp(rows[a], logits.logsumexp(1))
            columns[b] = torch.logaddexp(columns[b], logits.logsumexp(0))
    right = scale * (image * text).sum(1)
    return ((rows + columns) / 2 - right).mean()

# %% tags=["nbval-check-output"]
with torch.no_grad():
    image, text, scale = towers()
    dense = info_nce(image, text, scale)
    for tile in (1, 5, 32):
        error = (tiled_loss(image, text, scale, tile) - dense).abs()
        print(f"tiles of {tile:2} equal the dense loss: {error < 1e-10}")

# %% [markdown]
# The backward pass computes each tile a second time: with the finished log-sum-exps it is one `exp` away from the softmax. `tiled_info_nce` does both, with the mask for equal captions. What does each keep?

# %% tags=["nbval-check-output"]
from clipedu.objectives import tiled_info_nce

of_tiles = [
    kept_mib(lambda n=n: tiled_info_nce(*embeddings(n))) for n in sizes
]
print("twice the batch, the tiled loss keeps ", grows(of_tiles))
ratio = of_loss[-1] / of_tiles[-1]
print(f"at 2,048 pairs the dense one keeps {ratio:.0f} times as much")

# %% [markdown]
# Now larger batches than a lesson has time for. The file comes from `benchmarks/memory.py`: each row in a process of its own, its peak read from the operating system.

# %%
import csv
import textwrap

from clipedu_lessons.common.records import stored

lines = stored("memory.csv").read_text().splitlines()
print(textwrap.fill(lines[0].removeprefix("# "), 74))
table = {}
rows = [line for line in lines if not line.startswith("#")]
for r in csv.DictReader(rows):
    row = (int(r["batch"]), float(r["extra_mib"]), float(r["seconds"]))
    table.setdefault((r["what"], r["how"]), []).append(row)

# %%
from clipedu_lessons.l08_scaling_up.memory_figures import memory_figure

figure, words = memory_figure(table)
show(figure, words)

# %% tags=["nbval-check-output"]
dense, tiled = (
    {batch: (mib, seconds) for batch, mib, seconds in table["loss", how]}
    for how in ("dense", "tiled")
)
growth = dense[8192][0] / dense[4096][0]
print("dense, from 4,096 to 8,192 pairs: 3 times or more:", growth > 3)
print("tiled, 65,536 pairs: below 1 GiB:", tiled[65536][0] < 1024)
slower = tiled[8192][1] / dense[8192][1]
print("tiled takes at most 1.6 times as long at 8,192:", slower <= 1.6)
matrix = 65536**2 * 4 / 2**30
print(f"one dense matrix of 65,536 pairs would take {matrix:.0f} GiB")

# %% [markdown]
# The tiled loss computes more and need not be slower (in this file it is faster), as its tiles stay in the core's cache while the dense matrix travels to memory and back several times. On GPUs the same idea is what fused attention kernels do.
#
# ## 5. Half the bits
#
# In **mixed precision**, products of matrices are in 16 bits, which GPUs do many times faster, and the rest in 32. The paper trains so and goes further (section 2.5): Adam's statistics and, with stochastic rounding, the text encoder's weights are in 16 bits, too. There are two kinds of 16 bits.

# %% tags=["nbval-check-output"]
print("           largest    smallest    step at 1   step at 100")
for dtype in (torch.float32, torch.float16, torch.bfloat16):
    info = torch.finfo(dtype)
    step = info.eps * 64  # numbers from 64 to 128 share one exponent
    row = (info.max, info.tiny, info.eps, step)
    print(f"{str(dtype)[6:]:9}", "   ".join(f"{x:9.1e}" for x in row))

# %% [markdown]
# *smallest* is the smallest number with all its digits; fp16 goes on below it with fewer and fewer, down to 6e-8.
#
# * **bf16** has the range of float32 and few digits. It never overflows; it forgets small differences.
# * **fp16** has more digits and little range. Gradients below 3e-8 (half of that 6e-8) become 0, so the loss is multiplied by a large number before the backward pass and the gradient divided by it afterwards: a **gradient scaler**.
#
# Three things stay in float32 in this library: the weights that are updated, Adam's averages and the loss. **Predict**: in bf16, does a weight of 1 move by 0.001? What becomes of a loss with logits near 100? And in fp16, of a gradient of 1e-8?

# %% tags=["nbval-check-output"]
weight = torch.tensor(1.0)
small_step = 1e-3  # a usual step of Adam
for kind in (torch.float32, torch.bfloat16):
    moved = (weight.to(kind) + small_step).item() > 1
    print(f"{str(kind)[6:]:9} a weight of 1 plus 0.001 moves: {moved}")
logits = torch.tensor([[99.9, 99.7], [99.6, 99.8]])
for kind in (torch.float32, torch.bfloat16):
    loss = F.cross_entropy(logits.to(kind).float(), torch.arange(2))
    print(f"{str(kind)[6:]:9} loss of logits near 100: {loss:.3f}")
small = torch.tensor(1e-8)
print("float16   a gradient of 1e-8:", small.half().item())
print("float16   65,536 times it:   ", f"{(65536 * small).half():.2g}")

# %% [markdown]
# So: master weights, Adam and the loss in float32; matrix products under `torch.autocast`. The recipe's `precision="auto"` takes bf16 where the device multiplies it natively and fp16 with a scaler on older GPUs. What is it here?

# %%
from clipedu.device import pick_device
from clipedu_lessons.l08_scaling_up.plan_words import compile_advice

choice = pick_device()
why = f"autocast here: {choice.dtype}, because: {choice.reason}"
print(textwrap.fill(why, 74))
print(textwrap.fill(compile_advice(choice.device.type, steps=400), 74))

# %% [markdown]
# Two more savers, both in the recipe and both off unless asked for. **Patch dropout** (FLIP, arXiv 2212.00794) leaves out half of a ViT's patches in training: half the work, and another training signal, so this one *does* change the result. **torch.compile** fuses small operations into larger kernels; on two CPU cores it made things slower, on GPUs it usually pays.
#
# ## 6. Plan before you pay
#
# Memory by part, operations, communication: all of it can be counted before a GPU is rented. What cannot be counted is the **utilisation**: which share of its printed speed a GPU reaches. The paper prints GPUs and days, so for two of its runs it can be worked out.

# %%
from clipedu_lessons.l08_scaling_up.planner import PAPER_RUNS, paper_utilisation, plan

for name, (gpus, days) in PAPER_RUNS.items():
    share = paper_utilisation(name)
    print(f"{name:8} {days} days, {gpus} V100: "
          f"{share:.0%} of their speed")

# %% tags=["nbval-check-output"]
paper = dict(batch_size=32768, gpus=256, gpu="V100", precision="fp16")
for loss in ("dense", "local"):
    one = plan("ViT-L/14", loss=loss, **paper)
    size = one.memory["loss matrix"] / 2**30
    print(f"similarities, {loss}: {size:6.2f} GiB on each GPU")
plans = {
    "everything\nkept": plan("ViT-L/14", **paper),
    "recomputed\nblocks": plan("ViT-L/14", checkpointing=True, **paper),
    "GradCache,\nchunks of 32": plan("ViT-L/14", chunk=32, **paper),
}
for name, one in plans.items():
    print(f"{name.replace(chr(10), ' '):24} fits in 32 GiB: {one.fits}")

# %% [markdown]
# Why 20 GiB for one matrix of 4? Five copies of it are alive at the loss's peak: 5 x 4 GiB.

# %%
from clipedu_lessons.l08_scaling_up.memory_figures import plans_figure

words = "Memory of ViT-L/14 by part, batch 32,768 on 256 V100: "
words += "activations are most of the first bar, less of the rest."
show(plans_figure(plans), words)

# %% [markdown]
# `clipedu plan` prints the same from a terminal, for any preset, batch and number of GPUs. Try your own machine: which of the paper's nine models could you train, and for how long?
#
# ## 7. The answer
#
# What changes on a GPU: the precision, and the size of the batch that fits. What changes on 592: who holds which rows. What must not change is the gradient, and in this run it did not:

# %% tags=["nbval-check-output", "summary"]
flat = torch.cat([g.flatten() for g in from_two])
print("One step of CLIP, in pieces. The gradient of the whole to 1e-10?")
print("two processes, sharded loss:        ", is_exact(flat))
print("GradCache, 8 chunks:                ", is_exact(grad_cache(8)))
model.zero_grad()
tiled_info_nce(*GradCache(model, chunks=2)(pictures, tokens)).backward()
print("tiled loss, 2 chunks:               ", is_exact(all_gradients()))
gradient_of(two_ranks(plain_gather))
print("sharded, gradients lost on the way: ", is_exact(all_gradients()))
gradient_of(accumulated(2))
print("two small batches added up:         ", is_exact(all_gradients()))

# %% [markdown]
# **What you now know.** A contrastive batch can be split anywhere, but what lies between the pieces must be computed: the embeddings travel to all, and the gradients travel back. The matrix never has to exist, the activations only a chunk at a time, and 16 bits do for the products. Every one of these is exact or says where it is not.
#
# **Next**: [the exercises of lesson 08](../exercises/08_scaling_up.ipynb), where you count what a rank computes, write the streaming log-sum-exp, the loss of a rank and a gradient in chunks; then [lesson 09, Scaling laws](09_scaling_laws.ipynb), which asks what ten times the compute buys.
