# %% [markdown]
# # Exercises 08 · Scaling up
#
# Nine exercises on [lesson 08, Scaling up](../notebooks/08_scaling_up.ipynb), about three and a half hours in all, of which one is for the bug hunt. Each stands alone. Exercise 08.7 adds a part to your `my_clip.py`.
#
# A check says what it found, and names the mistake if it knows it. `hint("08.1")` shows one more hint each time you run it, `solution("08.1")` opens after you have passed, `progress()` shows what is done, and `reset("08.1")` starts an exercise again. Nothing leaves this machine.

# %%
import inspect

import torch
from torch import Tensor, nn
from torch import distributed as dist
from torch.nn import functional as F

from clipedu.objectives import info_nce
from clipedu_classroom import check, give_up, hint, progress, reset, solution
from clipedu_lessons.l08_scaling_up.broken import ToyRanks as Broken
from clipedu_lessons.l08_scaling_up.broken import N, SCALE, source, symptoms

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
        "Count the wrong captions that a picture meets among all 4,096 captions, and among those of its own rank only. The question asks for the difference.",
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

# %% a megabyte is taken for a MiB tags=["wrong"]
# hint: A MiB has 2^20 bytes.
pairs_each = 512
local_mib = 16.78
gathered_mib = 67.11
missed = 3584

# %% a kibibyte is taken for a mebibyte tags=["wrong"]
# hint: Divide by 1024 once more.
pairs_each = 512
local_mib = 16_384
gathered_mib = 65_536
missed = 3584

# %% bits are counted, not bytes tags=["wrong"]
# hint: A float32 takes 4 bytes, which are 32 bits.
pairs_each = 512
local_mib = 128
gathered_mib = 512
missed = 3584

# %% every rank embeds the whole batch tags=["wrong"]
# hint: Who embeds what? 4,096 pairs, 8 ranks.
pairs_each = 4096
local_mib = 16
gathered_mib = 64
missed = 3584

# %% the transposed matrix is counted as a second one tags=["wrong"]
# hint: The columns of a matrix are the rows of its transpose: nothing new is computed.
pairs_each = 512
local_mib = 16
gathered_mib = 128
missed = 3584

# %% the local loss is taken to need the whole matrix tags=["wrong"]
# hint: A rank asks for its own pairs only.
pairs_each = 512
local_mib = 64
gathered_mib = 64
missed = 3584

# %% the right caption is taken off twice tags=["wrong"]
# hint: It is on the picture's own rank: the other ranks' captions are all wrong ones.
pairs_each = 512
local_mib = 16
gathered_mib = 64
missed = 3583

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

# %% a rank's own loss is thought to hold half of its gradient tags=["wrong"]
# hint: Each rank computes the whole loss, so its own rows get all of their gradient. What does DDP's mean make of it?
summed = 1
own_rows = 0.5
not_averaged = 4
scale_of_chunks = 8
towers_of_chunks = 1

# %% a mean is taken twice where a sum and a mean cancel tags=["wrong"]
# hint: The gather adds; DDP divides by the number of ranks.
summed = 0.25
own_rows = 0.25
not_averaged = 4
scale_of_chunks = 8
towers_of_chunks = 1

# %% adding instead of averaging is taken to make no difference tags=["wrong"]
# hint: A sum of four is four times their mean.
summed = 1
own_rows = 0.25
not_averaged = 1
scale_of_chunks = 8
towers_of_chunks = 1

# %% scale and towers are exchanged tags=["wrong"]
# hint: In each pass one chunk's rows have a graph; the scale has one in every pass.
summed = 1
own_rows = 0.25
not_averaged = 4
scale_of_chunks = 1
towers_of_chunks = 8

# %% the factor of the ranks is taken for that of the chunks tags=["wrong"]
# hint: There is one process here, and 8 chunks.
summed = 1
own_rows = 0.25
not_averaged = 4
scale_of_chunks = 4
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
# This is the heart of the tiled loss. `pieces` is a list of tensors: the columns of a matrix of logits, cut into strips of shape (N, m1), (N, m2) and so on. In a real run each strip is computed, used and thrown away, so take them **one after the other**.
#
# Return the log-sum-exp of the whole rows, of shape (N,): the logarithm of the sum of the exponentials. The logits may be large, so exp(1000) must not appear.

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

# %% all rows share one maximum, and a row far below it becomes nothing tags=["wrong"]
# hint: What is exp(-1000)? Each row has a largest logit of its own.
def streaming_logsumexp(pieces):
    top = max(piece.max() for piece in pieces)
    return top + sum((piece - top).exp().sum(1) for piece in pieces).log()

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

# %% the parts stay in columns, and the result is a matrix tags=["wrong"]
# hint: The result has the shape (N,).
def streaming_logsumexp(pieces):
    total = torch.full((len(pieces[0]), 1), float("-inf"), dtype=pieces[0].dtype)
    for piece in pieces:
        total = torch.logaddexp(total, piece.logsumexp(dim=1, keepdim=True))
    return total

# %% large logits are cut off before the exponential tags=["wrong"]
# hint: The result is finite and wrong. Take the largest logit off instead, and add it again.
def streaming_logsumexp(pieces):
    return sum(piece.clamp(-80, 80).exp().sum(dim=1) for piece in pieces).log()

# %% the sum so far is not rescaled when a larger logit comes tags=["wrong"]
# hint: The sum was made with the old maximum. By which factor does it change?
def streaming_logsumexp(pieces):
    top = torch.full((len(pieces[0]),), float("-inf"), dtype=pieces[0].dtype)
    total = torch.zeros_like(top)
    for piece in pieces:
        top = torch.maximum(top, piece.amax(dim=1))
        total = total + (piece - top[:, None]).exp().sum(dim=1)
    return top + total.log()

# %% each piece's largest logit is taken off and not put back tags=["wrong"]
# hint: What was divided out of a sum comes back as a factor.
def streaming_logsumexp(pieces):
    tops = [piece.amax(dim=1, keepdim=True) for piece in pieces]
    return sum((piece - top).exp().sum(dim=1) for piece, top in zip(pieces, tops)).log()

# %% only the largest logit of each piece counts tags=["wrong"]
# hint: The other logits of a piece belong to the sum, too.
def streaming_logsumexp(pieces):
    return torch.stack([piece.amax(dim=1) for piece in pieces]).logsumexp(dim=0)

# %% the largest logit is taken off and not added again tags=["wrong"]
# hint: What was divided out of the sum comes back as a factor.
def streaming_logsumexp(pieces):
    whole = torch.cat(pieces, dim=1)
    return whole.logsumexp(dim=1) - whole.amax(dim=1)

# %% only the first piece counts tags=["wrong"]
# hint: Does the loop return too early?
def streaming_logsumexp(pieces):
    return pieces[0].logsumexp(dim=1)

# %% the largest logit is returned, not the log-sum-exp tags=["wrong"]
def streaming_logsumexp(pieces):
    return torch.stack([piece.amax(dim=1) for piece in pieces]).amax(dim=0)

# %% the logarithm is left out tags=["wrong"]
# hint: What has the unit of a logit?
def streaming_logsumexp(pieces):
    return torch.cat(pieces, dim=1).exp().sum(dim=1)

# %% the sum is taken down the columns, not along the rows tags=["wrong"]
# hint: The result has one number for each of the N rows.
def streaming_logsumexp(pieces):
    return torch.cat(pieces, dim=1).logsumexp(dim=0)

# %% the mean of the exponentials is taken, not their sum tags=["wrong"]
def streaming_logsumexp(pieces):
    whole = torch.cat(pieces, dim=1)
    return whole.logsumexp(dim=1) - torch.tensor(float(whole.shape[1])).log()

# %% tags=["exercise"]
EXERCISE = dict(
    id="08.5",
    title="A large batch in chunks",
    points=4,
    minutes=15,
    difficulty="hard",
    goal="Write gradient caching for one matrix, and get the gradient of the large batch exactly.",
    hints=[
        "Adding up the gradients of small batches gives another gradient: a chunk does not contain the other chunks' captions. What does the whole loss need from each picture?",
        "First all embeddings under torch.no_grad(). Make them a leaf with requires_grad_(), take the loss of the whole batch, and keep the leaf's gradient G (N, E).",
        "For each chunk: embed it again with a graph; take the gradient of (embedding * G[rows]).sum() with respect to weight; add up over the chunks. No division.",
    ],
)

# %% [markdown]
# Gradient caching for the smallest image encoder, one matrix. `embed` and `whole_loss` below are given, and the captions are embedded already. Return the gradient of the **whole batch's** contrastive loss with respect to `weight`, of shape (D, E), but never hold the graph of more than one chunk of pictures. There are `chunks` equal chunks.

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

# %% the second pass leaves the normalization out tags=["wrong"]
# hint: The gradient must go back through all that `embed` does.
def gradient_in_chunks(pictures, text, weight, logit_scale, chunks):
    image = embed(pictures, weight.detach()).requires_grad_()
    (message,) = torch.autograd.grad(whole_loss(image, text, logit_scale), image)
    return pictures.T @ message

# %% the gradient of the embeddings is returned, not that of the weight tags=["wrong"]
# hint: The result has the shape of `weight`.
def gradient_in_chunks(pictures, text, weight, logit_scale, chunks):
    image = embed(pictures, weight.detach()).requires_grad_()
    return torch.autograd.grad(whole_loss(image, text, logit_scale), image)[0]

# %% every chunk gets the message of the first tags=["wrong"]
# hint: Each chunk has rows of its own in the gradient of the embeddings.
def gradient_in_chunks(pictures, text, weight, logit_scale, chunks):
    weight = weight.detach().requires_grad_()
    image = embed(pictures, weight.detach()).requires_grad_()
    (message,) = torch.autograd.grad(whole_loss(image, text, logit_scale), image)
    first = message.chunk(chunks)[0]
    parts = [(embed(part, weight) * first).sum() for part in pictures.chunk(chunks)]
    return torch.autograd.grad(sum(parts), weight)[0]

# %% the embeddings are added up, without their gradients tags=["wrong"]
# hint: How does the loss change when an embedding does?
def gradient_in_chunks(pictures, text, weight, logit_scale, chunks):
    weight = weight.detach().requires_grad_()
    return torch.autograd.grad(embed(pictures, weight).sum(), weight)[0]

# %% the number of chunks is taken for their size tags=["wrong"]
# hint: There are `chunks` chunks. How many pictures has each?
def gradient_in_chunks(pictures, text, weight, logit_scale, chunks):
    weight = weight.detach().requires_grad_()
    image = embed(pictures, weight.detach()).requires_grad_()
    (message,) = torch.autograd.grad(whole_loss(image, text, logit_scale), image)
    parts = list(zip(pictures.split(chunks), message.split(chunks)))[:chunks]
    return torch.autograd.grad(sum((embed(p, weight) * m).sum() for p, m in parts), weight)[0]

# %% the exact gradient is multiplied by the number of chunks tags=["wrong"]
# hint: Does each chunk send the messages of all rows?
def gradient_in_chunks(pictures, text, weight, logit_scale, chunks):
    from clipedu_lessons.l08_scaling_up.checks.pieces import gradient_in_chunks

    return gradient_in_chunks(pictures, text, weight, logit_scale, chunks) * chunks

# %% tags=["exercise"]
EXERCISE = dict(
    id="08.7",
    title="A large batch in the memory of a small one",
    my_clip="clipedu_lessons.l08_scaling_up.caching",
    points=5,
    minutes=30,
    difficulty="hard",
    goal="Write gradient caching for your own CLIP: both encoders, equal captions and the logit scale.",
    hints=[
        "Where can the chain rule be cut, so that what crosses the cut is small for the whole batch? Follow the three steps of the lesson, for both encoders at once.",
        "First pass: both embeddings of all chunks under torch.no_grad(). They become leaves with requires_grad_(). The loss of the whole batch goes backward once; it reaches the leaves, and the logit scale, which you take from the model itself.",
        "Second pass: for each chunk, image and text with a graph, then torch.autograd.backward((image, text), (their rows of image.grad, their rows of text.grad)). Nothing is divided.",
    ],
)

# %% [markdown]
# Your `train_step` of lesson 04 needs the activations of the whole batch at once. Write the part between clearing the gradients and the update again, so that never more than one chunk of the batch has a graph.
#
# * `model(pictures, tokens)` returns embeddings of length 1, (B, E) twice, and the logit scale as a multiplier. `model.logit_scale` is the parameter, its logarithm.
# * `batch` is what `train_step` gets: pictures, tokens, and the ids of equal captions or None. Your `info_nce` takes the ids as its fourth argument.
# * Cut the batch into `chunks` equal chunks. **Add** the exact gradient of the whole batch's loss to the `.grad` of every parameter, also of `logit_scale`. Return the loss as a number.
#
# In exercise 08.5 one matrix learned. Here both encoders learn, and the scale belongs to no chunk. The check also counts how many pairs have a graph at once.
#
# A batch norm computes its statistics from the pictures that it sees together, so in your `my_clip.py` the convolutional stem sees chunks. The gradient is exact for the network that this makes.

# %%
def cached_backward(model, batch, chunks):
    """The whole batch's loss; adds its gradient to .grad, a chunk at a time (arXiv 2101.06983)."""
    ### BEGIN SOLUTION
    pictures, tokens, false_negative_ids = batch
    parts = list(zip(pictures.chunk(chunks), tokens.chunk(chunks)))
    with torch.no_grad():  # keep the embeddings, and no graph
        made = [model(*part)[:2] for part in parts]
    image, text = (torch.cat(rows).requires_grad_() for rows in zip(*made))  # (B, E) twice
    loss = info_nce(image, text, model.logit_scale.exp(), false_negative_ids)
    loss.backward()  # as far as the embeddings, and to the scale, once
    messages = zip(image.grad.chunk(chunks), text.grad.chunk(chunks))
    for part, gradients in zip(parts, messages):
        torch.autograd.backward(model(*part)[:2], gradients)
    return loss.item()
    ### END SOLUTION

# %%
check("08.7", cached_backward)

# %% each chunk has a loss of its own, and their mean is taken tags=["wrong"]
# hint: A chunk does not hold the other chunks' captions. Which loss needs them all?
from clipedu_lessons.l08_scaling_up.checks.ranks import cached_with

cached_backward = cached_with(apart=True)

# %% the logit scale gets its gradient once for each chunk tags=["wrong"]
# hint: How often does the loss of the whole batch go backward?
from clipedu_lessons.l08_scaling_up.checks.ranks import cached_with

cached_backward = cached_with(times=True)

# %% the encoders' exact gradient is divided by the number of chunks tags=["wrong"]
# hint: The loss of the whole batch is a mean already.
from clipedu_lessons.l08_scaling_up.checks.ranks import cached_with

cached_backward = cached_with(divide=True)

# %% only the last chunk sends its part back tags=["wrong"]
# hint: The parts add up.
from clipedu_lessons.l08_scaling_up.checks.ranks import cached_with

cached_backward = cached_with(last=True)

# %% equal captions count as wrong answers tags=["wrong"]
# hint: Where do the ids of equal captions go?
from clipedu_lessons.l08_scaling_up.checks.ranks import cached_with

cached_backward = cached_with(ids=False)

# %% the logit scale gets no gradient tags=["wrong"]
# hint: The scale that a no-grad pass returns is a constant.
from clipedu_lessons.l08_scaling_up.checks.ranks import cached_with

cached_backward = cached_with(scale=False)

# %% the embeddings are sent back instead of their gradients tags=["wrong"]
# hint: The message is the gradient of the loss at the embeddings.
from clipedu_lessons.l08_scaling_up.checks.ranks import cached_with

cached_backward = cached_with(message=False)

# %% only the image encoder learns tags=["wrong"]
# hint: The loss depends on two encoders.
from clipedu_lessons.l08_scaling_up.checks.ranks import cached_with

cached_backward = cached_with(texts=False)

# %% the whole batch has a graph at once tags=["wrong"]
# hint: The gradient is right, but no memory is saved. First embed the chunks without a graph.
def cached_backward(model, batch, chunks):
    pictures, tokens, ids = batch
    loss = info_nce(*model(pictures, tokens), ids)
    loss.backward()
    return loss.item()

# %% only the text encoder learns tags=["wrong"]
# hint: The loss depends on two encoders.
from clipedu_lessons.l08_scaling_up.checks.ranks import cached_with

cached_backward = cached_with(images=False)

# %% the parameter itself is used as the multiplier tags=["wrong"]
# hint: model.logit_scale is a logarithm.
from clipedu_lessons.l08_scaling_up.checks.ranks import cached_with

cached_backward = cached_with(exp=False)

# %% the gradients of before are cleared tags=["wrong"]
# hint: The statement says: add to the .grad of every parameter.
from clipedu_lessons.l08_scaling_up.checks.ranks import cached_with

cached_backward = cached_with(clear="first")

# %% each chunk clears the gradients of the one before tags=["wrong"]
# hint: What is left of the first chunk at the end?
from clipedu_lessons.l08_scaling_up.checks.ranks import cached_with

cached_backward = cached_with(clear="each")

# %% pictures get the gradients of the captions, and captions those of the pictures tags=["wrong"]
# hint: Each encoder gets the gradient of its own embeddings.
from clipedu_lessons.l08_scaling_up.checks.ranks import cached_with

cached_backward = cached_with(cross=True)

# %% the loss that comes back is divided by the number of chunks tags=["wrong"]
# hint: It is the whole batch's loss already.
from clipedu_lessons.l08_scaling_up.checks.ranks import cached_with

cached_backward = cached_with(shared=True)

# %% the model is updated as well tags=["wrong"]
# hint: The update comes after this function.
from clipedu_lessons.l08_scaling_up.checks.ranks import cached_with

cached_backward = cached_with(step=True)

# %% tags=["exercise"]
EXERCISE = dict(
    id="08.8",
    title="Repair a lost gradient",
    points=4,
    minutes=25,
    difficulty="medium",
    goal="Write the backward pass of a gather, and see it work between two real processes.",
    hints=[
        "Every rank computed a loss that depends on your rows. What do the other ranks know that you need?",
        "dist.all_reduce(tensor) puts the sum over all ranks into `tensor`, in place, on every rank. Which rows of the sum are yours?",
        "Copy the gradient first: it belongs to autograd. Then sum, then take the block of dist.get_rank() out of dist.get_world_size() equal ones.",
    ],
)

# %% [markdown]
# `dist.all_gather` hands over numbers and no gradient. The class below makes it differentiable, and its backward pass is missing.
#
# `gradient`, of shape (W n, E), is the gradient of **this rank's own loss** with respect to the gathered rows of all W ranks, in the order of the ranks. Return the gradient of the **sum of all ranks' losses** with respect to this rank's n rows. Every rank calls your function at the same time. Use `dist`, and leave `gradient` as it is.
#
# DDP will take the mean over the ranks afterwards, and each rank's loss is a mean over its own pairs. So nothing has to be divided here.

# %%
def give_back(gradient: Tensor) -> Tensor:
    """(W n, E), of this rank's loss -> (n, E), of the sum of all losses, for this rank's rows."""
    ### BEGIN SOLUTION
    everyone = gradient.clone()
    dist.all_reduce(everyone)
    return everyone.chunk(dist.get_world_size())[dist.get_rank()]
    ### END SOLUTION

# %% [markdown]
# The next cell starts two real processes with your function, and compares their gradient with that of one process and the whole batch. With a gradient that gets lost, the cosine is about 0.9.

# %%
import subprocess
import sys
import tempfile
from pathlib import Path

SCRIPT = """
import torch
from torch import Tensor, distributed as dist
from torch.nn import functional as F
from clipedu.objectives import info_nce

GIVE_BACK
class Gather(torch.autograd.Function):
    @staticmethod
    def forward(ctx, rows):
        places = [torch.empty_like(rows) for _ in range(dist.get_world_size())]
        dist.all_gather(places, rows.contiguous())
        return torch.cat(places)

    @staticmethod
    def backward(ctx, gradient):
        return give_back(gradient)

dist.init_process_group("gloo")
torch.manual_seed(0)
pictures, captions = torch.randn(2, 16, 10)
weights = torch.randn(2, 10, 6, requires_grad=True)

def embed(rows):
    return [F.normalize(x[rows] @ w, dim=1) for x, w in zip((pictures, captions), weights)]

rank = dist.get_rank()
mine = torch.arange(8 * rank, 8 * rank + 8)
image, text = (Gather.apply(rows) for rows in embed(mine))
strips = (10 * image[mine] @ text.T, 10 * text[mine] @ image.T)
loss = sum(F.cross_entropy(strip, mine) for strip in strips) / 2
(found,) = torch.autograd.grad(loss, weights)
dist.all_reduce(found)
found /= 2
(right,) = torch.autograd.grad(info_nce(*embed(slice(None)), 10.0), weights)
if rank == 0:
    print(f"cosine with the exact gradient {F.cosine_similarity(found.flatten(), right.flatten(), dim=0):.4f}")
"""

try:
    give_back(torch.zeros(2, 1))
except NotImplementedError:
    print("Two processes start here as soon as you have written give_back.")
except (RuntimeError, ValueError):  # written, and there is no process group in this notebook
    path = Path(tempfile.mkdtemp()) / "two.py"
    path.write_text(SCRIPT.replace("GIVE_BACK", inspect.getsource(give_back)))
    torchrun = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]
    done = subprocess.run([*torchrun, str(path)], capture_output=True, text=True)
    print(done.stdout.strip() or done.stderr[-2000:])

# %%
check("08.8", give_back)

# %% a rank hears of its own loss only tags=["wrong"]
# hint: The other ranks' losses depend on these rows, too.
def give_back(gradient):
    return gradient.clone().chunk(dist.get_world_size())[dist.get_rank()]

# %% the ranks' messages are averaged, which DDP does again tags=["wrong"]
# hint: The statement says what to return: the gradient of a sum.
def give_back(gradient):
    total = gradient.clone()
    dist.all_reduce(total)
    return total.chunk(dist.get_world_size())[dist.get_rank()] / dist.get_world_size()

# %% every rank takes the first rows tags=["wrong"]
# hint: Whose rows are first?
def give_back(gradient):
    total = gradient.clone()
    dist.all_reduce(total)
    return total[: len(total) // dist.get_world_size()]

# %% the sum is written into the gradient that came in tags=["wrong"]
# hint: all_reduce works in place.
def give_back(gradient):
    dist.all_reduce(gradient)
    return gradient.chunk(dist.get_world_size())[dist.get_rank()].clone()

# %% every so many rows are taken, and not a block tags=["wrong"]
# hint: First come all rows of rank 0, then all rows of rank 1.
def give_back(gradient):
    total = gradient.clone()
    dist.all_reduce(total)
    return total[dist.get_rank() :: dist.get_world_size()]

# %% the rows of the next rank are taken tags=["wrong"]
# hint: Ranks are counted from 0.
def give_back(gradient):
    total = gradient.clone()
    dist.all_reduce(total)
    return total.chunk(dist.get_world_size())[(dist.get_rank() + 1) % dist.get_world_size()]

# %% the sum is multiplied by the number of ranks tags=["wrong"]
# hint: The sum of all messages is what is asked for.
def give_back(gradient):
    total = gradient.clone()
    dist.all_reduce(total)
    return total.chunk(dist.get_world_size())[dist.get_rank()] * dist.get_world_size()

# %% each rank cuts out its own rows before the sum tags=["wrong"]
# hint: Rank 1's rows are elsewhere than rank 0's. What is added to what?
def give_back(gradient):
    own = gradient.chunk(dist.get_world_size())[dist.get_rank()].clone()
    dist.all_reduce(own)
    return own

# %% the rows of all ranks are returned tags=["wrong"]
# hint: This rank has n rows.
def give_back(gradient):
    total = gradient.clone()
    dist.all_reduce(total)
    return total

# %% the parts of one rank's own message are added up tags=["wrong"]
# hint: What the other ranks say must travel between processes.
def give_back(gradient):
    return torch.stack(gradient.chunk(dist.get_world_size())).sum(0)

# %% a rank's own message is counted twice tags=["wrong"]
# hint: all_reduce adds the rank's own message, too.
def give_back(gradient):
    total = gradient.clone()
    dist.all_reduce(total)
    return (total + gradient).chunk(dist.get_world_size())[dist.get_rank()]

# %% the largest message is taken, not the sum tags=["wrong"]
# hint: What does `op` stand at?
def give_back(gradient):
    total = gradient.clone()
    dist.all_reduce(total, op=dist.ReduceOp.MAX)
    return total.chunk(dist.get_world_size())[dist.get_rank()]

# %% tags=["exercise"]
EXERCISE = dict(
    id="08.9",
    title="Four ranks that disagree",
    points=8,
    minutes=60,
    difficulty="hard",
    goal="Debug data parallel training by its one rule: W ranks must do what one process does.",
    hints=[
        "Don't read first, measure first. Which of the symptoms can't be right, whatever the data are?",
        "Ask of each method: what would one process with the whole batch do here? Which pairs does each rank take? In which column is its answer? Whose gradient does it hear?",
        "Compare with one process: after a step, the weights of a run with 4 ranks and of a run with 1 rank and the same 32 pairs must be equal.",
        "One bug is in each method but train_on: __init__, rows, gather, rank_loss, average.",
    ],
)

# %% [markdown]
# Real ranks are awkward to debug, so here all of them live in one process: lists hold one entry for each rank, and the backward pass of the sum of their losses plays that of all ranks at once. The code runs without an error, and on rank 0 it even looks good. **It has five bugs.**
#
# 1. Write down which symptoms are wrong and what each could mean, before you change anything.
# 2. Copy the class into the answer cell and repair one bug at a time. `symptoms(ToyRanks)` measures your version.
# 3. The check runs each method by itself and names the bugs that are left.
#
# Not everything that looks odd is a bug. Keep the names of methods and attributes. `N`, the pairs of a rank, and `SCALE` are imported.

# %%
print(source())

# %%
for what, value in symptoms(Broken).items():
    print(f"{what:38} {value:8.3f}")

# %%
class ToyRanks:
    """Data parallel training of one small CLIP. Lists hold one entry for each rank."""

    def __init__(self, pictures: Tensor, captions: Tensor, ranks: int):
        ### BEGIN SOLUTION
        self.pictures, self.captions, self.ranks = pictures, captions, ranks
        self.models = []
        for rank in range(ranks):
            torch.manual_seed(0)  # the same weights on all ranks
            self.models.append(nn.ModuleList([nn.Linear(20, 16), nn.Linear(12, 16)]))
        self.optimizers = [torch.optim.SGD(m.parameters(), lr=0.5) for m in self.models]
        ### END SOLUTION

    def rows(self, step: int, rank: int) -> Tensor:
        """Which N pairs a rank takes in a step."""
        ### BEGIN SOLUTION
        generator = torch.Generator().manual_seed(step)
        order = torch.randperm(len(self.pictures), generator=generator)
        return order[rank * N : (rank + 1) * N]
        ### END SOLUTION

    def gather(self, parts: list[Tensor], rank: int) -> Tensor:
        """The embeddings (N, 16) of every rank, as one of them gets them: (ranks * N, 16)."""
        ### BEGIN SOLUTION
        return torch.cat(parts)
        ### END SOLUTION

    def rank_loss(self, images: Tensor, texts: Tensor, rank: int) -> Tensor:
        """The local loss of a rank, of the gathered embeddings."""
        ### BEGIN SOLUTION
        mine = slice(rank * N, (rank + 1) * N)
        answers = torch.arange(rank * N, (rank + 1) * N)
        rows = F.cross_entropy(SCALE * images[mine] @ texts.T, answers)
        columns = F.cross_entropy(SCALE * texts[mine] @ images.T, answers)
        return (rows + columns) / 2
        ### END SOLUTION

    def average(self) -> None:
        """What DDP does after the backward pass: all ranks get the same gradient."""
        ### BEGIN SOLUTION
        for same in zip(*(model.parameters() for model in self.models), strict=True):
            gradient = torch.stack([p.grad for p in same]).mean(0)
            for p in same:
                p.grad = gradient.clone()
        ### END SOLUTION

    def train_on(self, step: int) -> float:
        """One step of all ranks; returns the mean of their losses."""
        ### BEGIN SOLUTION
        images, texts = [], []
        for rank, (image_encoder, text_encoder) in enumerate(self.models):
            rows = self.rows(step, rank)
            images.append(F.normalize(image_encoder(self.pictures[rows]), dim=1))
            texts.append(F.normalize(text_encoder(self.captions[rows]), dim=1))
        losses = [
            self.rank_loss(self.gather(images, rank), self.gather(texts, rank), rank)
            for rank in range(self.ranks)
        ]
        for optimizer in self.optimizers:
            optimizer.zero_grad()
        sum(losses).backward()
        self.average()
        for model, optimizer in zip(self.models, self.optimizers, strict=True):
            nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            optimizer.step()
        return sum(losses).item() / self.ranks
        ### END SOLUTION

# %%
check("08.9", ToyRanks)

# %% the ranks begin with different weights, all ranks take the same pairs, the ranks hear nothing of what the others say about their rows, a rank looks for its answers at the beginning of the batch and the gradients are added up where DDP averages tags=["wrong"]
# hint: Compare two ranks before the first step.
class ToyRanks(Broken):
    pass

# %% the ranks begin with different weights, the ranks hear nothing of what the others say about their rows, a rank looks for its answers at the beginning of the batch and the gradients are added up where DDP averages tags=["wrong"]
# hint: Compare two ranks before the first step.
class ToyRanks(Broken):
    def rows(self, step, rank):
        order = torch.randperm(len(self.pictures), generator=torch.Generator().manual_seed(step))
        return order[rank * N :][:N]

# %% the ranks begin with different weights, all ranks take the same pairs, a rank looks for its answers at the beginning of the batch and the gradients are added up where DDP averages tags=["wrong"]
# hint: Compare two ranks before the first step.
class ToyRanks(Broken):
    def gather(self, parts, rank):
        return torch.cat(parts)

# %% the two directions of a rank's loss are added, not averaged tags=["wrong"]
# hint: That was right before. Compare the mean of the ranks' losses with one process.
from clipedu_lessons.l08_scaling_up.checks.ranks import Repaired

class ToyRanks(Repaired):
    def rank_loss(self, images, texts, rank):
        return 2 * super().rank_loss(images, texts, rank)

# %% every rank computes the loss of the whole batch tags=["wrong"]
# hint: The local loss of a rank asks for its own pairs only.
from clipedu_lessons.l08_scaling_up.checks.ranks import Repaired

class ToyRanks(Repaired):
    def rank_loss(self, images, texts, rank):
        parts = [super(ToyRanks, self).rank_loss(images, texts, k) for k in range(self.ranks)]
        return sum(parts) / self.ranks

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
# You have a model whose batch does not fit. Three exact savers are at hand: recomputed blocks, gradient caching in K chunks, and a tiled loss. The cell below times one step. Measure what each of them costs in time on this machine, alone and together. Then say which you would turn on **first**, and which never, for
#
# * a batch of 128 with a large image encoder;
# * a batch of 32,768 with a small one.
#
# Hand in a table with units and at most ten lines. `clipedu_lessons.l08_scaling_up.planner.plan` can help with the memory.

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
    print(f"{chunks} chunks: {time_of_a_step(chunks=chunks):.2f} s")

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

# %% tags=["exercise"]
EXERCISE = dict(
    id="08.10",
    title="A budget",
    kind="investigate",
    points=5,
    minutes=40,
    difficulty="medium",
    goal="Choose model, batch and savers for a given machine and time, with numbers.",
    hints=[
        "How many pairs can each preset see in the time? Divide that by the number of pairs you have: more than about 32 passes buy little.",
        "plan(...).fits, .total_memory and .days answer most questions. Which part of .memory is the largest, and which saver shrinks that part?",
        "Say what happens if the utilisation is half of what you assumed.",
    ],
)

# %% [markdown]
# A museum has 1.5 million photographs, each with one sentence, and has rented **one T4** (16 GB, no bf16) for **three days**. It wants to search its photographs in words.
#
# Choose: fine-tuning or from scratch, preset, batch size, precision, recomputed blocks or chunks, learning rate. Hand in one command line that `clipedu plan` accepts, its memory and days, and at most twelve lines of reasons. Name the assumption that would change your choice.

# %%
from clipedu_lessons.l08_scaling_up.planner import plan

for preset in ("ViT-B/32", "RN50"):
    made = plan(preset, batch_size=1024, pairs=10_000_000, gpu="T4", precision="fp16")
    gib = made.total_memory / 2**30
    print(f"{preset}: {gib:.1f} of 16 GiB; {made.days:.1f} days for 10 million pairs")

# %% [markdown] tags=["answer"]
# **Fine-tune a released ViT-B/32.** From scratch, 1.5 million pairs are few: CC3M, with twice as many, gives an RN50 about 19 % zero-shot on ImageNet after 30 passes (open_clip, issue 448), and the released models reach above 60 %.
#
# `clipedu plan ViT-B/32 --batch-size 1024 --pairs 4500000 --gpu T4 --precision fp16 --chunk 128`
#
# * Memory: without chunks the activations of 1,024 pairs are the largest part and do not fit in 16 GiB with a tenth left free; with chunks of 128 they do. The loss matrix of 1,024 x 1,024 is 4 MiB, so tiles would save nothing.
# * Time: three passes are well below three days at 30 % of the printed speed, so there is time for a second run with another rate.
# * Rate: 1e-5, ten to a hundred times smaller than from scratch, or the model forgets what it knew. WiSE-FT afterwards, and zero-shot on something old as a control.
# * Precision: fp16 with a scaler, as a T4 has no bf16. Weights, Adam and the loss stay in fp32.
#
# If the photographs are very unlike the web (X-rays, say), more passes and a higher rate may pay. At half the utilisation the time doubles, and still fits.

# %% [markdown] tags=["rubric"]
# * 1 point: fine-tuning or from scratch, with a number of pairs as the reason.
# * 1 point: a command that `clipedu plan` accepts, and its memory fits.
# * 1 point: the saver is chosen by the largest part of the memory.
# * 1 point: the days are computed, and the number of passes over the data is said.
# * 1 point: one assumption that would change the choice.
