# %% [markdown]
# # Exercises 08 · Scaling up
#
# Six exercises, from counting to an experiment of your own; about 70 minutes in all. Work from top to bottom, or pick: each stands alone.
# A check says what it found and, where it can, which misunderstanding fits your answer. Ask for help with `hint("08.1")`; after a pass, compare with `solution("08.1")`.
# The lesson is [notebook 08, Scaling up](../notebooks/08_scaling_up.ipynb).

# %%
import torch
from torch import Tensor
from torch.nn import functional as F

from clipedu_classroom import check, hint, progress, solution

# %% tags=["exercise"]
EXERCISE = dict(
    id="08.1",
    title="What each rank computes",
    kind="predict",
    points=1,
    minutes=8,
    difficulty="easy",
    goal="Count what a rank holds, computes and would miss without gathering.",
    hints=[
        "A batch of 4,096 on 8 ranks: how many pairs does each rank embed? A MiB is 2^20 bytes, and a float32 takes 4.",
        "With the local loss a rank computes two strips: its pictures against all captions, and its captions against all pictures. With the gathered loss it computes the whole matrix.",
        "Wrong captions that a picture meets: all captions there are, less its own. Count them with 4,096 captions and with the rank's own only; the question asks for the difference.",
    ],
)

# %% [markdown]
# A batch of 4,096 pairs is shared by 8 ranks. Logits are float32. Fill in, without running any code:
#
# * `pairs_each`: how many pairs each rank embeds;
# * `local_mib`: MiB of logits that a rank computes with the local loss (both strips), once embeddings are gathered;
# * `gathered_mib`: MiB of logits that a rank computes when every rank computes the whole matrix (its transpose costs nothing);
# * `missed`: how many of a picture's wrong captions it would never meet if nothing were gathered.

# %%
### BEGIN SOLUTION
pairs_each = 512
local_mib = 16
gathered_mib = 64
missed = 3584
### END SOLUTION

# %%
check("08.1", pairs_each, local_mib, gathered_mib, missed)

# %% only one of the two strips is counted tags=["wrong"]
# hint: Whom does the rank ask, besides its pictures?
pairs_each = 512
local_mib = 8
gathered_mib = 64
missed = 3584

# %% the rank's own pairs are compared with each other only tags=["wrong"]
pairs_each = 512
local_mib = 1
gathered_mib = 64
missed = 3584

# %% numbers are counted, not bytes tags=["wrong"]
pairs_each = 512
local_mib = 4
gathered_mib = 16
missed = 3584

# %% the wrong captions that it does meet are counted tags=["wrong"]
pairs_each = 512
local_mib = 16
gathered_mib = 64
missed = 511

# %% the matrix is shared out when every rank computes all of it tags=["wrong"]
# hint: In the gathered loss no rank leaves anything to the others.
pairs_each = 512
local_mib = 16
gathered_mib = 8
missed = 3584

# %% tags=["exercise"]
EXERCISE = dict(
    id="08.2",
    title="By which factor?",
    kind="predict",
    points=2,
    minutes=10,
    difficulty="medium",
    goal="Follow sums and means through a gather, DDP and an accumulation, and find the constant that is left.",
    hints=[
        "Write L for the loss of the whole batch. With the local loss, L is the mean of the ranks' losses. With the gathered loss, every rank has L itself.",
        "Own rows only: each rank sends back dL/d(its own rows), once. The towers' true gradient is the sum of these over the ranks. What does DDP make of the sum?",
        "In the accumulation, the loss of the whole batch is computed K times over. The towers get each chunk's part once. How often does the logit scale get its whole gradient?",
    ],
)

# %% [markdown]
# Four ranks train with DDP, which takes the **mean** of the ranks' gradients. For each way below, by which factor is the resulting gradient larger than the true gradient of the whole batch? (1 means exact, 0.5 half as large.)
#
# * `summed`: local loss; the gather's backward **adds up** what all ranks say about a row. The towers' gradient.
# * `own_rows`: every rank computes the whole loss; the gather lets gradients through **to the rank's own rows only**, from its own loss. The towers' gradient.
# * `not_averaged`: as `summed`, but the ranks' gradients are added and not averaged.
# * `scale_of_chunks`: one process, 8 chunks. All embeddings are computed without a graph; then for each chunk its rows are embedded again with a graph, put among the others, and the loss **of the whole batch** goes backward. The gradients of the 8 passes add up. The **logit scale's** gradient.
# * `towers_of_chunks`: the same; the **towers'** gradient.

# %%
### BEGIN SOLUTION
summed = 1
own_rows = 0.25
not_averaged = 4
scale_of_chunks = 8
towers_of_chunks = 1
### END SOLUTION

# %%
check("08.2", summed, own_rows, not_averaged, scale_of_chunks, towers_of_chunks)

# %% the sum of the gather is thought to need a division tags=["wrong"]
summed = 4
own_rows = 0.25
not_averaged = 16
scale_of_chunks = 8
towers_of_chunks = 1

# %% the mean of DDP is forgotten tags=["wrong"]
summed = 1
own_rows = 1
not_averaged = 4
scale_of_chunks = 8
towers_of_chunks = 1

# %% towers and scale are taken to behave alike tags=["wrong"]
summed = 1
own_rows = 0.25
not_averaged = 4
scale_of_chunks = 8
towers_of_chunks = 8

# %% the scale is thought to be shared out among the chunks tags=["wrong"]
# hint: In each of the 8 passes the loss is that of the whole batch.
summed = 1
own_rows = 0.25
not_averaged = 4
scale_of_chunks = 1
towers_of_chunks = 1

# %% tags=["exercise"]
EXERCISE = dict(
    id="08.3",
    title="A sum in pieces",
    points=2,
    minutes=10,
    difficulty="medium",
    goal="Compute a log-sum-exp without ever holding the whole row, and without overflow.",
    hints=[
        "What would the denominators be if you could take exponentials freely? Sums of exponentials of a piece add up. Now stay in logarithms.",
        "With r = ln(sum so far) and s = ln(sum of the piece), the new r is ln(e^r + e^s). torch has a function of two tensors for that, which does not overflow.",
        "Start with the logarithm of an empty sum. What is ln 0?",
    ],
)

# %% [markdown]
# `pieces` is a list of tensors: the columns of a matrix of logits, cut into strips of (N, m1), (N, m2), ... In a real run each is computed, used and thrown away, so take them **one after the other**.
# Return the (N,) log-sum-exp of the whole rows: ln of the sum of the exponentials. Logits may be large: exp(1000) must not appear.

# %%
def streaming_logsumexp(pieces: list[Tensor]) -> Tensor:
    """A list of (N, m_k) -> (N,)."""
    ### BEGIN SOLUTION
    total = torch.full_like(pieces[0][:, 0], float("-inf"))  # the logarithm of nothing yet
    for piece in pieces:
        total = torch.logaddexp(total, piece.logsumexp(dim=1))
    return total
    ### END SOLUTION

# %%
check("08.3", streaming_logsumexp)

# %% the logarithms of the pieces are added tags=["wrong"]
# hint: ln(a + b) is not ln a + ln b.
def streaming_logsumexp(pieces):
    return sum(piece.logsumexp(dim=1) for piece in pieces)

# %% the running sum starts with the logarithm 0, which counts one logit too many tags=["wrong"]
# hint: 0 is the logarithm of 1. What is the logarithm of an empty sum?
def streaming_logsumexp(pieces):
    total = torch.zeros(len(pieces[0]), dtype=pieces[0].dtype)
    for piece in pieces:
        total = torch.logaddexp(total, torch.logsumexp(piece, 1))
    return total

# %% only the last piece counts tags=["wrong"]
# hint: What do you keep from one piece to the next?
def streaming_logsumexp(pieces):
    for piece in pieces:
        result = piece.logsumexp(dim=1)
    return result

# %% only the largest piece counts tags=["wrong"]
# hint: The others are smaller, but not nothing.
def streaming_logsumexp(pieces):
    return torch.stack([piece.logsumexp(1) for piece in pieces]).amax(0)

# %% the pieces are averaged tags=["wrong"]
# hint: Which operation joins two parts of one sum?
def streaming_logsumexp(pieces):
    return torch.stack([piece.logsumexp(1) for piece in pieces]).mean(0)

# %% the result is not finite for extreme inputs tags=["wrong"]
def streaming_logsumexp(pieces):
    return sum(piece.exp().sum(dim=1) for piece in pieces).log()

# %% tags=["exercise"]
EXERCISE = dict(
    id="08.4",
    title="The loss of one rank",
    points=3,
    minutes=12,
    difficulty="medium",
    goal="Write the sharded loss: the right rows, the right answers, both directions.",
    hints=[
        "With n = N / ranks, rank r owns the rows from r * n up to, not including, (r + 1) * n.",
        "Two strips: its pictures against all captions, its captions against all pictures. In which column does its first picture have its answer?",
        "answers = torch.arange(r * n, (r + 1) * n); one cross-entropy for each strip; their mean.",
    ],
)

# %% [markdown]
# `image` and `text` are the gathered embeddings of all ranks, (N, E), in the order of the ranks, rows of length 1. Return the local loss of rank `rank` of `ranks`: the symmetric contrastive loss of its own n = N / `ranks` pairs, each among **all** N.
# The mean of this over the ranks must be the loss of the whole batch. `logit_scale` is the multiplier itself. Gradients flow to all of `image` and `text`.

# %%
def rank_loss(image: Tensor, text: Tensor, logit_scale: Tensor, rank: int, ranks: int) -> Tensor:
    """(N, E), (N, E), (), 0 <= rank < ranks -> ()."""
    ### BEGIN SOLUTION
    n = len(image) // ranks
    answers = torch.arange(rank * n, (rank + 1) * n)  # where its own pairs stand among all
    of_pictures = logit_scale * image[answers] @ text.T  # (n, N)
    of_captions = logit_scale * text[answers] @ image.T  # (n, N)
    return (F.cross_entropy(of_pictures, answers) + F.cross_entropy(of_captions, answers)) / 2
    ### END SOLUTION

# %%
check("08.4", rank_loss)

# %% the answers are numbered from 0 on every rank tags=["wrong"]
# hint: In which column of all captions does the rank's first picture have its own?
def rank_loss(image, text, logit_scale, rank, ranks):
    n = len(image) // ranks
    rows = slice(rank * n, rank * n + n)
    labels = torch.arange(n)
    one = F.cross_entropy(logit_scale * image[rows] @ text.T, labels)
    return (one + F.cross_entropy(logit_scale * text[rows] @ image.T, labels)) / 2

# %% a rank compares its own pairs only tags=["wrong"]
# hint: A caption of another rank is a wrong caption, too.
def rank_loss(image, text, logit_scale, rank, ranks):
    n = len(image) // ranks
    rows = slice(rank * n, rank * n + n)
    logits = logit_scale * image[rows] @ text[rows].T
    labels = torch.arange(n)
    return (F.cross_entropy(logits, labels) + F.cross_entropy(logits.T, labels)) / 2

# %% only the pictures are asked, not the captions tags=["wrong"]
# hint: The loss has two directions.
def rank_loss(image, text, logit_scale, rank, ranks):
    n = len(image) // ranks
    rows = slice(rank * n, rank * n + n)
    return F.cross_entropy(logit_scale * image[rows] @ text.T, torch.arange(len(image))[rows])

# %% the loss of the whole batch is computed on every rank tags=["wrong"]
# hint: Whose pairs does this rank ask for?
def rank_loss(image, text, logit_scale, rank, ranks):
    logits = logit_scale * image @ text.T
    labels = torch.arange(len(logits))
    return (F.cross_entropy(logits, labels) + F.cross_entropy(logits.T, labels)) / 2

# %% the two directions are added, not averaged tags=["wrong"]
# hint: The mean over the ranks must be the loss of the whole batch.
def rank_loss(image, text, logit_scale, rank, ranks):
    labels = torch.arange(len(image)).chunk(ranks)[rank]
    one = F.cross_entropy(logit_scale * image[labels] @ text.T, labels)
    return one + F.cross_entropy(logit_scale * text[labels] @ image.T, labels)

# %% the rank takes every so many rows and not a block tags=["wrong"]
# hint: The rows are in the order of the ranks: first all of rank 0, then all of rank 1.
def rank_loss(image, text, logit_scale, rank, ranks):
    labels = torch.arange(rank, len(image), ranks)
    one = F.cross_entropy(logit_scale * image[labels] @ text.T, labels)
    return (one + F.cross_entropy(logit_scale * text[labels] @ image.T, labels)) / 2

# %% captions choose among the rank's own pictures only tags=["wrong"]
# hint: The second direction needs a strip of its own: the rank's captions, all pictures.
def rank_loss(image, text, logit_scale, rank, ranks):
    n = len(image) // ranks
    answers = torch.arange(rank * n, (rank + 1) * n)
    logits = logit_scale * image[answers] @ text.T
    down = -logits.log_softmax(dim=0)[torch.arange(n), answers].mean()
    return (F.cross_entropy(logits, answers) + down) / 2

# %% ranks are counted from 1 tags=["wrong"]
# hint: The first rank is number 0: rows 0 to n - 1.
def rank_loss(image, text, logit_scale, rank, ranks):
    n = len(image) // ranks
    answers = torch.arange(n) + (rank - 1) % ranks * n
    of_pictures, of_captions = logit_scale * image[answers] @ text.T, logit_scale * text[answers] @ image.T
    return (F.cross_entropy(of_pictures, answers) + F.cross_entropy(of_captions, answers)) / 2

# %% no gradient reaches the other ranks' rows tags=["wrong"]
# hint: They are this rank's wrong answers, and must hear of it.
def rank_loss(image, text, logit_scale, rank, ranks):
    n = len(image) // ranks
    answers = torch.arange(rank * n, (rank + 1) * n)
    own = torch.arange(len(image))[:, None] // n == rank
    image, text = (torch.where(own, x, x.detach()) for x in (image, text))
    of_pictures, of_captions = logit_scale * image[answers] @ text.T, logit_scale * text[answers] @ image.T
    return (F.cross_entropy(of_pictures, answers) + F.cross_entropy(of_captions, answers)) / 2

# %% tags=["exercise"]
EXERCISE = dict(
    id="08.5",
    title="A large batch in chunks",
    points=4,
    minutes=15,
    difficulty="hard",
    goal="Write GradCache for a tower of one matrix, and get the gradient of the large batch exactly.",
    hints=[
        "Adding up the gradients of small batches gives another gradient: a chunk does not contain the other chunks' captions. What does the whole loss need from each picture?",
        "First all embeddings under torch.no_grad(). Make them a leaf with requires_grad_(), take the loss of the whole batch, and keep the leaf's gradient G (N, E).",
        "For each chunk: embed it again with a graph; take the gradient of (embedding * G[rows]).sum() with respect to weight; add up over the chunks. No division.",
    ],
)

# %% [markdown]
# The image tower is one matrix: `embed` below. The captions are embedded already. Return the gradient of the **whole batch's** contrastive loss with respect to `weight`, (D, E), but never hold the graph of more than one chunk of pictures: `chunks` says how many equal chunks there are.

# %%
def embed(pictures: Tensor, weight: Tensor) -> Tensor:
    """(n, D), (D, E) -> (n, E), rows of length 1."""
    return F.normalize(pictures @ weight, dim=1)


def whole_loss(image: Tensor, text: Tensor, logit_scale: Tensor) -> Tensor:
    """(n, E), (n, E), () -> ()."""
    logits = logit_scale * image @ text.T
    labels = torch.arange(len(logits))
    return (F.cross_entropy(logits, labels) + F.cross_entropy(logits.T, labels)) / 2

# %%
def gradient_in_chunks(pictures: Tensor, text: Tensor, weight: Tensor, logit_scale: Tensor, chunks: int) -> Tensor:
    """(N, D), (N, E), (D, E), () -> (D, E), the gradient of the whole batch."""
    weight = weight.detach().requires_grad_()  # a leaf of its own: the caller's stays as it is
    ### BEGIN SOLUTION
    with torch.no_grad():
        image = torch.cat([embed(part, weight) for part in pictures.chunk(chunks)])
    image.requires_grad_()
    (wanted,) = torch.autograd.grad(whole_loss(image, text, logit_scale), image)  # (N, E)
    total = torch.zeros_like(weight)
    for part, message in zip(pictures.chunk(chunks), wanted.chunk(chunks)):
        total += torch.autograd.grad((embed(part, weight) * message).sum(), weight)[0]
    return total
    ### END SOLUTION

# %%
check("08.5", gradient_in_chunks)

# %% each chunk has a loss of its own, and their mean is taken tags=["wrong"]
# hint: A chunk does not hold the other chunks' captions. Which loss needs them all?
def gradient_in_chunks(pictures, text, weight, logit_scale, chunks):
    weight = weight.detach().requires_grad_()
    total = torch.zeros_like(weight)
    for p, t in zip(pictures.chunk(chunks), text.chunk(chunks)):
        total += torch.autograd.grad(whole_loss(embed(p, weight), t, logit_scale), weight)[0] / chunks
    return total

# %% each chunk has a loss of its own, and they are added up tags=["wrong"]
# hint: A chunk does not hold the other chunks' captions. Which loss needs them all?
def gradient_in_chunks(pictures, text, weight, logit_scale, chunks):
    weight = weight.detach().requires_grad_()
    total = torch.zeros_like(weight)
    for p, t in zip(pictures.chunk(chunks), text.chunk(chunks)):
        total += torch.autograd.grad(whole_loss(embed(p, weight), t, logit_scale), weight)[0]
    return total

# %% the exact sum is divided by the number of chunks tags=["wrong"]
# hint: The loss of the whole batch is a mean already.
def gradient_in_chunks(pictures, text, weight, logit_scale, chunks):
    weight = weight.detach().requires_grad_()
    loss = whole_loss(embed(pictures, weight), text, logit_scale)
    return torch.autograd.grad(loss, weight)[0] / chunks

# %% only the last chunk sends its part back tags=["wrong"]
# hint: The parts add up.
def gradient_in_chunks(pictures, text, weight, logit_scale, chunks):
    weight = weight.detach().requires_grad_()
    image = embed(pictures, weight).detach().requires_grad_()
    (wanted,) = torch.autograd.grad(whole_loss(image, text, logit_scale), image)
    for part, message in zip(pictures.chunk(chunks), wanted.chunk(chunks)):
        result = torch.autograd.grad((embed(part, weight) * message).sum(), weight)[0]
    return result

# %% the embeddings are sent back instead of their gradients tags=["wrong"]
# hint: The message is the gradient of the loss at the embeddings.
def gradient_in_chunks(pictures, text, weight, logit_scale, chunks):
    weight = weight.detach().requires_grad_()
    cached = embed(pictures, weight).detach()
    total = torch.zeros_like(weight)
    for part, message in zip(pictures.chunk(chunks), cached.chunk(chunks)):
        total += torch.autograd.grad((embed(part, weight) * message).sum(), weight)[0]
    return total

# %% only the first chunk sends its part back tags=["wrong"]
# hint: Does the loop return too early?
def gradient_in_chunks(pictures, text, weight, logit_scale, chunks):
    weight = weight.detach().requires_grad_()
    image = embed(pictures, weight).detach().requires_grad_()
    (wanted,) = torch.autograd.grad(whole_loss(image, text, logit_scale), image)
    for part, message in zip(pictures.chunk(chunks), wanted.chunk(chunks)):
        return torch.autograd.grad((embed(part, weight) * message).sum(), weight)[0]

# %% only the pictures are asked, not the captions tags=["wrong"]
# hint: The loss has two directions.
def gradient_in_chunks(pictures, text, weight, logit_scale, chunks):
    weight = weight.detach().requires_grad_()
    logits = logit_scale * embed(pictures, weight) @ text.T
    return torch.autograd.grad(F.cross_entropy(logits, torch.arange(len(logits))), weight)[0]

# %% captions choose among one chunk's pictures only tags=["wrong"]
# hint: Each caption has to meet all pictures of the batch.
def gradient_in_chunks(pictures, text, weight, logit_scale, chunks):
    weight = weight.detach().requires_grad_()
    size, total = len(pictures) // chunks, 0
    for k, part in enumerate(pictures.chunk(chunks)):
        logits = logit_scale * embed(part, weight) @ text.T
        own = torch.arange(k * size, (k + 1) * size)
        down = -logits.log_softmax(dim=0)[torch.arange(size), own].mean()
        total = total + (F.cross_entropy(logits, own) + down) / 2 / chunks
    return torch.autograd.grad(total, weight)[0]

# %% tags=["exercise"]
EXERCISE = dict(
    id="08.6",
    title="What would you change first?",
    kind="investigate",
    points=4,
    minutes=15,
    difficulty="hard",
    goal="Measure time and memory of the exact savers on your own machine, and choose with numbers.",
    hints=[
        "Decide first what you expect: GradCache and recomputing both add one forward pass. A backward pass costs about two forward passes. By which factor should each be slower?",
        "Run each setting three times and take the median; the first run also prepares kernels and does not count. Change one thing at a time.",
        "Memory: `resource.getrusage(resource.RUSAGE_SELF).ru_maxrss` is a peak over the whole process, so it never falls: start a process for each setting, or count what is kept as the lesson does.",
    ],
)

# %% [markdown]
# You have a model whose batch does not fit. Three exact savers are at hand: recomputed blocks, GradCache in K chunks, a tiled loss. The cell below times one step. Find out what each of them costs in time on this machine, alone and together, and say which you would turn on **first**, and which never, for
#
# * a batch of 128 with a large tower;
# * a batch of 32,768 with a small tower.
#
# Hand in a table with units and at most ten lines. `clipedu_lessons.l08_scaling_up.planner.plan` may help with the memory.

# %%
def time_of_a_step(batch: int = 64, chunks: int = 1, recompute: bool = False, tile: int = 0) -> float:
    """Seconds of one forward and backward pass of the preset laptop_vit."""
    import time

    from clipedu.models import build
    from clipedu.objectives import info_nce, tiled_info_nce
    from clipedu.training import Execution, GradCache, prepare_

    model = build("laptop_vit", seed=0, vision_layers=2)
    prepare_(model, Execution(recompute=recompute))
    network = GradCache(model, chunks) if chunks > 1 else model
    pictures, tokens = torch.rand(batch, 3, 32, 32), torch.randint(1, 4000, (batch, 16))
    tokens[:, 9] = 4095  # the end of every caption

    def loss(image: Tensor, text: Tensor, scale: Tensor) -> Tensor:
        return tiled_info_nce(image, text, scale, tile=tile) if tile else info_nce(image, text, scale)

    start = time.perf_counter()
    loss(*network(pictures, tokens)).backward()
    return time.perf_counter() - start


for chunks in (1, 2):  # your settings here
    print(f"{chunks} chunks: a step was timed:", time_of_a_step(chunks=chunks) > 0)

# %% [markdown] tags=["answer"]
# Expected: a backward pass costs about two forward passes, so one more forward pass makes 4 where there were 3: a third slower, for recomputing and for GradCache alike, and two thirds with both.
#
# Median of three, batch 256, two CPU cores, one thing changed at a time: plain 1.0 (unit), recomputed blocks about 1.3, GradCache in 4 chunks about 1.3, both about 1.6, tiled loss 1.0. Very small chunks cost more than a third, as every operation then has too little to do.
#
# * Batch 128, large tower: the activations are all of the memory. Recompute first; GradCache would do as well, but a batch norm would see chunks only. The tiled loss never: a matrix of 128 x 128 is 64 KiB.
# * Batch 32,768, small tower: the matrix alone is 4 GiB, several times over. The tiled loss first, for it costs no time. Then GradCache, for it brings the activations down to any size; recomputing only saves a factor.
#
# What could make this wrong: other programs on the machine, a GPU (where small chunks waste more), and that time was measured at a size which fits.

# %% [markdown] tags=["rubric"]
# * 1 point: an expectation is written down before measuring, with a reason (forward and backward passes counted).
# * 1 point: a table with units, one thing changed at a time, repeated runs or a spread.
# * 1 point: different first choices for the two cases, each with the number that decides it.
# * 1 point: one thing that could make the conclusion wrong.
