# %% [markdown]
# # Exercises 03 · The contrastive loss
#
# Eight exercises, from reading a matrix to an experiment of your own. They take about three hours, one of them for exercise 03.11. Work from top to bottom or pick one, since no exercise needs another.
# Exercises 03.9 and 03.10 go into your `my_clip.py` when you pass them. The lesson is [notebook 03, The contrastive loss](../notebooks/03_the_contrastive_loss.ipynb).
#
# Run a check as often as you like: it says what is wrong and, if it recognizes your mistake, which misunderstanding it is. `hint("03.9")` shows one more hint each time you run it.
# `solution("03.9")` opens after you have passed, `progress()` shows what you have passed so far, and `reset("03.9")` starts an exercise over. Nothing leaves this machine.

# %%
import math
from collections import Counter

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from clipedu_classroom import check, give_up, hint, progress, reset, solution

# %% tags=["exercise"]
EXERCISE = dict(
    id="03.1",
    title="Read a matrix",
    kind="predict",
    points=1,
    minutes=5,
    difficulty="easy",
    goal="Read a matrix along its rows and down its columns, and know the loss at the start of a run.",
    hints=[
        "A row holds one picture and all captions. The picture is right if the largest number of its row is on the diagonal. For a caption, look down its column.",
        "A guess among N gives every caption the probability 1/N. The cross-entropy is minus the natural logarithm of that.",
        "ln 256 = 8 x ln 2, and ln 2 is about 0.693. What is ln 512 - ln 256?",
    ],
)

# %% [markdown]
# The table holds the cosines of four pictures with four captions. Picture *i* belongs to caption *i*, so the right pairs are on the diagonal.
#
# | | caption 1 | caption 2 | caption 3 | caption 4 |
# |---|---|---|---|---|
# | **picture 1** | 0.9 | 0.2 | 0.1 | 0.3 |
# | **picture 2** | 0.8 | 0.7 | 0.4 | 0.1 |
# | **picture 3** | 0.1 | 0.4 | 0.5 | 0.2 |
# | **picture 4** | 0.2 | 0.3 | 0.6 | 0.5 |
#
# Fill in four numbers without running any code:
#
# * `pictures_right`: how many pictures have the largest cosine with their own caption
# * `captions_right`: how many captions have the largest cosine with their own picture
# * `loss_of_guessing`: the symmetric loss of a model that guesses, for a batch of 256 pairs, to two decimals
# * `rise`: how much that loss rises if the batch is doubled to 512, to two decimals

# %%
### BEGIN SOLUTION
pictures_right = 2
captions_right = 3
loss_of_guessing = 5.55
rise = 0.69
### END SOLUTION

# %%
check("03.1", pictures_right, captions_right, loss_of_guessing, rise)

# %% rows and columns are mixed up tags=["wrong"]
# hint: A row holds one picture and all captions.
pictures_right = 3
captions_right = 2
loss_of_guessing = 5.55
rise = 0.69

# %% the logarithm has base 2 tags=["wrong"]
pictures_right = 2
captions_right = 3
loss_of_guessing = 8.0
rise = 1.0

# %% the loss is taken to double with the batch tags=["wrong"]
pictures_right = 2
captions_right = 3
loss_of_guessing = 5.55
rise = 5.55

# %% the two directions are added, not averaged tags=["wrong"]
pictures_right = 2
captions_right = 3
loss_of_guessing = 11.09
rise = 1.39

# %% only pairs that choose each other both ways are counted tags=["wrong"]
# hint: Count the pictures by themselves, and then the captions.
pictures_right = 1
captions_right = 1
loss_of_guessing = 5.55
rise = 0.69

# %% a larger batch is believed to be easier tags=["wrong"]
# hint: Among how many captions does a picture choose?
pictures_right, captions_right, loss_of_guessing, rise = 2, 3, 5.55, -0.69

# %% the loss of each direction is halved, where their mean is asked for tags=["wrong"]
# hint: What is the mean of two equal numbers?
pictures_right, captions_right, loss_of_guessing, rise = 2, 3, 2.77, 0.35

# %% tags=["exercise"]
EXERCISE = dict(
    id="03.9",
    title="The loss of CLIP",
    points=4,
    minutes=25,
    difficulty="medium",
    goal="Write the loss of Figure 3, and take equal captions out of it.",
    my_clip="clipedu.objectives",
    hints=[
        "Start with the plain loss: logits, two cross-entropies, their mean. What must the logit of a wrong answer be so that its probability is exactly 0, along the row and down the column?",
        "same[i, j] is true where caption i equals caption j and i is not j. Comparing the ids as a column, (N, 1), with the ids as a row, (1, N), gives an (N, N) matrix. The logits there become minus infinity.",
        "Five steps: logits (N, N); if there are ids, the matrix `same` with a False diagonal; masked_fill with -math.inf; answers 0 to N-1; the mean of F.cross_entropy of the logits and of their transpose.",
    ],
)

# %% [markdown]
# Write the loss that your CLIP will be trained with. `image` and `text` are (N, E) embeddings of length 1, and row *i* of one belongs to row *i* of the other. `logit_scale` is the multiplier $s$ itself, a tensor of shape (); its exponential has already been taken.
#
# `false_negative_ids` is either `None`, which gives the plain loss of the lesson, or a tensor of N whole numbers. Two of them are equal if and only if the two captions are equal. A picture then has several right captions in the batch, and the loss must not count the others as wrong answers.
# So an entry $z_{ij}$ with equal ids and $i \ne j$ must leave both softmaxes, the one of row *i* and the one of column *j*. The diagonal always stays, because pair *i* is always right. A caption may occur more than twice.
#
# Return a tensor of shape (). It must be differentiable with respect to `image`, `text` and `logit_scale`. It must stay finite at a scale of 1,000, and it is 0 for a batch of one.

# %%
def info_nce(image, text, logit_scale, false_negative_ids=None):
    """CLIP's loss (Figure 3): rows of length 1, (N, E) twice, and the multiplier () -> ().

    false_negative_ids: (N,), equal where captions are equal: such a pair is no wrong answer.
    """
    ### BEGIN SOLUTION
    logits = logit_scale * image @ text.T  # (N, N)
    if false_negative_ids is not None:
        same = false_negative_ids[:, None] == false_negative_ids[None, :]
        same = same & ~torch.eye(len(same), dtype=torch.bool, device=same.device)
        logits = logits.masked_fill(same, -math.inf)
    answers = torch.arange(len(logits), device=logits.device)
    return (F.cross_entropy(logits, answers) + F.cross_entropy(logits.T, answers)) / 2
    ### END SOLUTION

# %%
check("03.9", info_nce)

# %% equal captions are still counted as wrong answers tags=["wrong"]
# hint: What does false_negative_ids say about the pairs of the batch?
def info_nce(image, text, logit_scale, false_negative_ids=None):
    logits = logit_scale * image @ text.T
    labels = torch.arange(len(logits))
    return (F.cross_entropy(logits, labels) + F.cross_entropy(logits.T, labels)) / 2

# %% the right pair is masked, too tags=["wrong"]
# hint: Every caption equals itself: what is then on the diagonal of the mask?
def info_nce(image, text, logit_scale, false_negative_ids=None):
    logits = logit_scale * image @ text.T
    labels = torch.arange(len(logits))
    if false_negative_ids is not None:
        same = false_negative_ids[:, None] == false_negative_ids[None, :]
        logits = logits.masked_fill(same, -math.inf)
    return (F.cross_entropy(logits, labels) + F.cross_entropy(logits.T, labels)) / 2

# %% equal captions are masked along the rows only tags=["wrong"]
# hint: A caption that occurs twice has two right pictures: who else asks a question?
def info_nce(image, text, logit_scale, false_negative_ids=None):
    logits = logit_scale * image @ text.T
    labels = torch.arange(len(logits))
    columns = F.cross_entropy(logits.T, labels)
    if false_negative_ids is not None:
        same = false_negative_ids[:, None] == false_negative_ids[None, :]
        same = same & (torch.eye(len(labels)) == 0)
        logits = logits.masked_fill(same, -math.inf)
    return (F.cross_entropy(logits, labels) + columns) / 2

# %% equal captions are masked down the columns only tags=["wrong"]
# hint: A picture whose caption occurs twice has two right captions, too.
def info_nce(image, text, logit_scale, false_negative_ids=None):
    logits = logit_scale * image @ text.T
    labels = torch.arange(len(logits))
    rows = F.cross_entropy(logits, labels)
    if false_negative_ids is not None:
        same = false_negative_ids[:, None] == false_negative_ids[None, :]
        same = same & (torch.eye(len(labels)) == 0)
        logits = logits.masked_fill(same, -math.inf)
    return (rows + F.cross_entropy(logits.T, labels)) / 2

# %% masked entries get the logit 0 tags=["wrong"]
# hint: `exp(0)` is 1, so such an entry still has a share in the softmax.
def info_nce(image, text, logit_scale, false_negative_ids=None):
    logits = logit_scale * image @ text.T
    labels = torch.arange(len(logits))
    if false_negative_ids is not None:
        same = false_negative_ids[:, None] == false_negative_ids[None, :]
        same = same & (torch.eye(len(labels)) == 0)
        logits = logits * ~same
    return (F.cross_entropy(logits, labels) + F.cross_entropy(logits.T, labels)) / 2

# %% masked entries get a finite number such as -100 tags=["wrong"]
# hint: At a scale of 1,000 a logit can be far below -100. Which number is below all others?
def info_nce(image, text, logit_scale, false_negative_ids=None):
    logits = logit_scale * image @ text.T
    labels = torch.arange(len(logits))
    if false_negative_ids is not None:
        same = false_negative_ids[:, None] == false_negative_ids[None, :]
        same = same & (torch.eye(len(labels)) == 0)
        logits = logits.masked_fill(same, -100.0)
    return (F.cross_entropy(logits, labels) + F.cross_entropy(logits.T, labels)) / 2

# %% minus infinity is multiplied by 0, which gives NaN tags=["wrong"]
# hint: `masked_fill` and torch.where replace entries without multiplying.
def info_nce(image, text, logit_scale, false_negative_ids=None):
    logits = logit_scale * image @ text.T
    labels = torch.arange(len(logits))
    if false_negative_ids is not None:
        same = false_negative_ids[:, None] == false_negative_ids[None, :]
        same = same & (torch.eye(len(labels)) == 0)
        logits = logits + same * -math.inf
    return (F.cross_entropy(logits, labels) + F.cross_entropy(logits.T, labels)) / 2

# %% equal captions share the right answer tags=["wrong"]
# hint: Those are soft targets. Here such a pair leaves the denominator, and is neither pulled nor pushed.
def info_nce(image, text, logit_scale, false_negative_ids=None):
    logits = logit_scale * image @ text.T
    labels = torch.arange(len(logits))
    answers = torch.eye(len(logits), dtype=logits.dtype)
    if false_negative_ids is not None:
        same = false_negative_ids[:, None] == false_negative_ids[None, :]
        answers = same / same.sum(dim=1, keepdim=True)
    return (F.cross_entropy(logits, answers) + F.cross_entropy(logits.T, answers)) / 2

# %% equal captions count as right all together tags=["wrong"]
# hint: Such a pair leaves the softmax; it is no second right answer.
def info_nce(image, text, logit_scale, false_negative_ids=None):
    logits = logit_scale * image @ text.T
    right = torch.eye(len(logits)) > 0
    if false_negative_ids is not None:
        right = false_negative_ids[:, None] == false_negative_ids[None, :]
    own = logits.masked_fill(~right, -math.inf)
    rows, columns = (own.logsumexp(dim) - logits.logsumexp(dim) for dim in (1, 0))
    return -(rows.mean() + columns.mean()) / 2

# %% the first of equal captions is the right answer for all of them tags=["wrong"]
# hint: Pair i is always right: the answer of row i is i.
def info_nce(image, text, logit_scale, false_negative_ids=None):
    logits = logit_scale * image @ text.T
    labels = torch.arange(len(logits))
    if false_negative_ids is not None:
        ids = false_negative_ids.tolist()
        labels = torch.tensor([ids.index(one) for one in ids])
    return (F.cross_entropy(logits, labels) + F.cross_entropy(logits.T, labels)) / 2

# %% pairs with a repeated caption are left out of the mean tags=["wrong"]
# hint: Such a pair keeps its own right answer; only its doubles are taken out.
def info_nce(image, text, logit_scale, false_negative_ids=None):
    logits = logit_scale * image @ text.T
    labels = torch.arange(len(logits))
    keep = torch.ones(len(logits), dtype=torch.bool)
    if false_negative_ids is not None:
        same = false_negative_ids[:, None] == false_negative_ids[None, :]
        keep = same.sum(dim=1) == 1
    if not keep.any():
        return 0 * logits.sum()
    return (F.cross_entropy(logits[keep], labels[keep]) + F.cross_entropy(logits.T[keep], labels[keep])) / 2

# %% only the first of equal captions stays in the batch tags=["wrong"]
# hint: The mean is still over all N pairs.
def info_nce(image, text, logit_scale, false_negative_ids=None):
    if false_negative_ids is not None:
        ids = false_negative_ids.tolist()
        first = [k for k, one in enumerate(ids) if one not in ids[:k]]
        image, text = image[first], text[first]
    logits = logit_scale * image @ text.T
    labels = torch.arange(len(logits))
    return (F.cross_entropy(logits, labels) + F.cross_entropy(logits.T, labels)) / 2

# %% only neighboring captions are compared tags=["wrong"]
# hint: Equal captions may be anywhere in the batch: compare every id with every other one.
def info_nce(image, text, logit_scale, false_negative_ids=None):
    logits = logit_scale * image @ text.T
    labels = torch.arange(len(logits))
    if false_negative_ids is not None:
        near = false_negative_ids[1:] == false_negative_ids[:-1]
        same = torch.diag(near, 1) | torch.diag(near, -1)
        logits = logits.masked_fill(same, -math.inf)
    return (F.cross_entropy(logits, labels) + F.cross_entropy(logits.T, labels)) / 2

# %% only the entries above the diagonal are masked tags=["wrong"]
# hint: If caption 2 equals caption 5, then 5 equals 2.
def info_nce(image, text, logit_scale, false_negative_ids=None):
    logits = logit_scale * image @ text.T
    labels = torch.arange(len(logits))
    if false_negative_ids is not None:
        same = false_negative_ids[:, None] == false_negative_ids[None, :]
        logits = logits.masked_fill(same.triu(1), -math.inf)
    return (F.cross_entropy(logits, labels) + F.cross_entropy(logits.T, labels)) / 2

# %% the different captions are masked, not the equal ones tags=["wrong"]
# hint: What should be left to tell apart?
def info_nce(image, text, logit_scale, false_negative_ids=None):
    logits = logit_scale * image @ text.T
    labels = torch.arange(len(logits))
    if false_negative_ids is not None:
        same = false_negative_ids[:, None] == false_negative_ids[None, :]
        logits = logits.masked_fill(~same, -math.inf)
    return (F.cross_entropy(logits, labels) + F.cross_entropy(logits.T, labels)) / 2

# %% the result is not finite for extreme inputs tags=["wrong"]
def info_nce(image, text, logit_scale, false_negative_ids=None):
    weights = torch.exp(logit_scale * image @ text.T)
    if false_negative_ids is not None:
        same = false_negative_ids[:, None] == false_negative_ids[None, :]
        weights = weights * (~same | (torch.eye(len(weights)) > 0))
    right = weights.diagonal()
    rows = -(right / weights.sum(dim=1)).log().mean()
    return (rows - (right / weights.sum(dim=0)).log().mean()) / 2

# %% the ids are taken for the right answers tags=["wrong"]
# hint: An id names a caption; it is no column of the matrix.
def info_nce(image, text, logit_scale, false_negative_ids=None):
    logits = logit_scale * image @ text.T
    labels = torch.arange(len(logits)) if false_negative_ids is None else false_negative_ids
    return (F.cross_entropy(logits, labels) + F.cross_entropy(logits.T, labels)) / 2

# %% pairs with a repeated caption leave the batch tags=["wrong"]
# hint: Only an entry leaves the softmax. The pair keeps its row, its column and its right answer.
def info_nce(image, text, logit_scale, false_negative_ids=None):
    if false_negative_ids is not None:
        same = false_negative_ids[:, None] == false_negative_ids[None, :]
        keep = same.sum(dim=1) == 1
        image, text = image[keep], text[keep]
    logits = logit_scale * image @ text.T
    labels = torch.arange(len(logits))
    return (F.cross_entropy(logits, labels) + F.cross_entropy(logits.T, labels)) / 2

# %% tags=["exercise"]
EXERCISE = dict(
    id="03.10",
    title="Cap the logit scale",
    points=2,
    minutes=10,
    difficulty="medium",
    goal="Clamp a parameter that is stored as a logarithm, in place and outside autograd.",
    my_clip="clipedu.objectives",
    hints=[
        "The parameter is the logarithm of the multiplier. If the multiplier may be 100 at most, what may its logarithm be at most?",
        "An in-place change of a parameter must not be recorded by autograd: torch.no_grad().",
        "with torch.no_grad(): call the parameter's clamp_ (with the underscore), max= the natural logarithm of the maximum.",
    ],
)

# %% [markdown]
# `logit_scale` is the learned parameter $t$ of a model, the *logarithm* of the scale $s$. (OpenAI's code gives it this name, and so does this course.) The training loop calls your function after each `optimizer.step()`.
# Change the parameter **in place** so that its exponential is at most `maximum`, a plain number such as 100.0. Smaller scales must stay as they are. The function returns nothing, and the parameter must still take gradients afterwards.

# %%
def clamp_logit_scale_(logit_scale: nn.Parameter, maximum: float = 100.0) -> None:
    """Keep exp(logit_scale) at or below `maximum`. Call it after each step (section 2.5)."""
    ### BEGIN SOLUTION
    with torch.no_grad():
        logit_scale.clamp_(max=math.log(maximum))
    ### END SOLUTION

# %%
check("03.10", clamp_logit_scale_)

# %% the logarithm is compared with the maximum of the multiplier tags=["wrong"]
# hint: The parameter is a logarithm. Which number may the logarithm not exceed?
def clamp_logit_scale_(logit_scale, maximum=100.0):
    logit_scale.data.clamp_(max=maximum)

# %% the multiplier is stored where its logarithm belongs tags=["wrong"]
# hint: What is stored must be the logarithm again.
def clamp_logit_scale_(logit_scale, maximum=100.0):
    logit_scale.data = logit_scale.data.exp().clamp(max=maximum)

# %% the parameter itself stays as it was tags=["wrong"]
# hint: A new tensor, bound to a name or returned, leaves the parameter alone. A method with a trailing underscore changes it.
def clamp_logit_scale_(logit_scale, maximum=100.0):
    return logit_scale.exp().clamp(max=maximum).log()

# %% the parameter is changed while gradients are recorded tags=["wrong"]
# hint: `torch.no_grad()` tells torch that this is no part of the loss.
def clamp_logit_scale_(logit_scale, maximum=100.0):
    logit_scale.clamp_(max=math.log(maximum))

# %% smaller scales are raised to the maximum tags=["wrong"]
# hint: Of min and max, which one is an upper limit?
def clamp_logit_scale_(logit_scale, maximum=100.0):
    with torch.no_grad():
        logit_scale.clamp_(min=math.log(maximum))

# %% the maximum itself is stored when the scale is too large tags=["wrong"]
# hint: What is stored must be a logarithm.
def clamp_logit_scale_(logit_scale, maximum=100.0):
    with torch.no_grad():
        if logit_scale > math.log(maximum):
            logit_scale.fill_(maximum)

# %% the logarithm, not its exponential, is tested against the maximum tags=["wrong"]
def clamp_logit_scale_(logit_scale, maximum=100.0):
    with torch.no_grad():
        if logit_scale > maximum:
            logit_scale.fill_(math.log(maximum))

# %% a scale that is too large starts again at 1 / 0.07 tags=["wrong"]
# hint: A scale of 101 should become 100.
def clamp_logit_scale_(logit_scale, maximum=100.0):
    with torch.no_grad():
        if logit_scale > math.log(maximum):
            logit_scale.fill_(math.log(1 / 0.07))

# %% tags=["exercise"]
EXERCISE = dict(
    id="03.5",
    title="The floor under the loss",
    points=2,
    minutes=10,
    difficulty="medium",
    goal="Compute, before any training, how low the loss can get when captions repeat.",
    hints=[
        "If a caption occurs m times, m equal columns share the probability. Each gets 1/m at most, so each of these m pairs costs -ln(1/m) at least.",
        "floor = (1/N) x the sum over all N pairs of ln(how often the pair's caption occurs)",
        "Counter(captions) counts how often each one occurs. Sum over all N captions, not only over the different ones.",
    ],
)

# %% [markdown]
# `captions` is the list of the N captions of a batch. If a caption occurs *m* times, then *m* equal columns share the probability of each of its pictures. Return the lowest mean loss that any model can reach if nothing is masked (section 7 of the lesson).
# For `["cake", "cake", "watch"]` the result is 0.462. For captions that are all different it is 0.

# %%
def floor_of(captions: list[str]) -> float:
    """N captions -> nats."""
    ### BEGIN SOLUTION
    times = Counter(captions)
    return sum(math.log(times[caption]) for caption in captions) / len(captions)
    ### END SOLUTION

# %%
check("03.5", floor_of)

# %% each different caption pays ln m only once tags=["wrong"]
# hint: How many pairs pay ln m?
def floor_of(captions):
    counts = Counter(captions).values()
    return sum(math.log(m) for m in counts) / len(captions)

# %% each different caption counts once, however often it occurs tags=["wrong"]
# hint: The mean is over pairs: how many pairs pay ln m?
def floor_of(captions):
    counts = Counter(captions).values()
    return sum(math.log(m) for m in counts) / len(counts)

# %% N is divided by the number of different captions before the logarithm tags=["wrong"]
# hint: Captions that repeat often weigh more.
def floor_of(captions):
    return math.log(len(captions) / len(set(captions)))

# %% the logarithm has base 2 tags=["wrong"]
# hint: The loss is in nats.
def floor_of(captions):
    counts = Counter(captions)
    return sum(math.log2(counts[c]) for c in captions) / len(captions)

# %% the entropy of the captions is computed tags=["wrong"]
# hint: Entropy and floor add up to ln N.
def floor_of(captions):
    shares = [m / len(captions) for m in Counter(captions).values()]
    return -sum(p * math.log(p) for p in shares)

# %% only the captions so far are counted, not the whole batch tags=["wrong"]
# hint: The whole batch is one exam; its order does not matter.
def floor_of(captions):
    pays = [math.log(captions[: k + 1].count(caption)) for k, caption in enumerate(captions)]
    return sum(pays) / len(captions)

# %% only captions that are side by side are compared tags=["wrong"]
# hint: Equal captions may be anywhere in the batch.
def floor_of(captions):
    total = run = 0
    for k, caption in enumerate(captions, start=1):
        run += 1
        if k == len(captions) or captions[k] != caption:
            total, run = total + run * math.log(run), 0
    return total / len(captions)

# %% capitals make no difference tags=["wrong"]
# hint: To the tokenizer, are “Cat” and “cat” the same caption?
def floor_of(captions):
    times = Counter(caption.lower() for caption in captions)
    return sum(m * math.log(m) for m in times.values()) / len(captions)

# %% each pair pays m ln m, where it should pay ln m tags=["wrong"]
# hint: There are m such pairs already; what does one of them cost?
def floor_of(captions):
    return sum(m * m * math.log(m) for m in Counter(captions).values()) / len(captions)

# %% the share of the pairs whose caption is repeated is returned tags=["wrong"]
# hint: What does such a pair cost in nats?
def floor_of(captions):
    return sum(m for m in Counter(captions).values() if m > 1) / len(captions)

# %% tags=["exercise"]
EXERCISE = dict(
    id="03.6",
    title="SigLIP: yes or no",
    points=3,
    minutes=15,
    difficulty="medium",
    goal="Write the sigmoid loss with its signs, its bias and its division by N.",
    hints=[
        "Every entry asks whether picture i and caption j are a pair. The right answer is yes on the diagonal and no elsewhere. A minus sign in front of a logit turns its probability of yes into that of no.",
        "loss = -(1/N) x the sum over all entries of ln sigmoid(sign x (scale x cosine + bias)), with sign +1 on the diagonal and -1 elsewhere.",
        "torch.eye(N) holds 1 and 0. How do you turn these into +1 and -1? F.logsigmoid stays finite for large numbers, unlike the logarithm of a sigmoid.",
    ],
)

# %% [markdown]
# The lesson computes SigLIP's loss for one row; now write it for a batch. `image` and `text` are (N, E) embeddings of length 1, and `logit_scale` is the multiplier $s$, a tensor of shape (). `bias`, a tensor of shape (), is added to every logit.
#
# Return the loss, summed over all N x N entries and divided by N, as a tensor of shape (). It must be differentiable with respect to all four arguments, and it must stay finite for logits of plus and minus 10,000.

# %%
def siglip_loss(image: Tensor, text: Tensor, logit_scale: Tensor, bias: Tensor) -> Tensor:
    """(N, E), (N, E), (), () -> ()."""
    ### BEGIN SOLUTION
    logits = logit_scale * image @ text.T + bias  # (N, N)
    signs = 2 * torch.eye(len(logits), dtype=logits.dtype, device=logits.device) - 1
    return -F.logsigmoid(signs * logits).sum() / len(logits)
    ### END SOLUTION

# %%
check("03.6", siglip_loss)

# %% the sum is divided by N x N, not by N tags=["wrong"]
# hint: With a mean over all entries, the pull on each pair gets weaker as the batch grows.
def siglip_loss(image, text, logit_scale, bias):
    logits = logit_scale * image @ text.T + bias
    return F.binary_cross_entropy_with_logits(logits, torch.eye(len(logits), dtype=logits.dtype))

# %% the sign is not applied to the bias tags=["wrong"]
# hint: The sign belongs in front of the whole logit, bias included.
def siglip_loss(image, text, logit_scale, bias):
    signs = 2 * torch.eye(len(image)) - 1
    return -F.logsigmoid(signs * logit_scale * (image @ text.T) + bias).sum() / len(image)

# %% wrong pairs get the sign 0 instead of -1 tags=["wrong"]
# hint: The identity matrix has 0 beside the diagonal; which sign is needed there?
def siglip_loss(image, text, logit_scale, bias):
    logits = logit_scale * image @ text.T + bias
    return -F.logsigmoid(torch.eye(len(image)) * logits).sum() / len(image)

# %% the bias is left out tags=["wrong"]
# hint: What is the bias for?
def siglip_loss(image, text, logit_scale, bias):
    logits = logit_scale * image @ text.T
    return -F.logsigmoid((2 * torch.eye(len(image)) - 1) * logits).sum() / len(image)

# %% the result is not finite for extreme inputs tags=["wrong"]
def siglip_loss(image, text, logit_scale, bias):
    logits = logit_scale * image @ text.T + bias
    yes = torch.sigmoid(logits)
    right = torch.where(torch.eye(len(image)) > 0, yes, 1 - yes)
    return -right.log().sum() / len(image)

# %% right pairs and wrong pairs are averaged each by themselves tags=["wrong"]
def siglip_loss(image, text, logit_scale, bias):
    logits = logit_scale * image @ text.T + bias
    off = torch.eye(len(logits)) == 0
    wrong = -F.logsigmoid(-logits[off])
    return wrong.sum() / max(len(wrong), 1) - F.logsigmoid(logits.diagonal()).mean()

# %% tags=["exercise"]
EXERCISE = dict(
    id="03.7",
    title="The gradient of the logits",
    points=3,
    minutes=15,
    difficulty="hard",
    goal="Derive who is pulled and who is pushed, for both directions, without autograd.",
    hints=[
        "For one row of scores with right answer y, the derivative of the cross-entropy is softmax - onehot(y). The mean over N rows divides by N.",
        "Each entry belongs to a row and to a column, so it gets one term from each. Which term has its softmax along dim=0?",
        "gradient = ((softmax along dim=1) - I + (softmax along dim=0) - I) / (2 N), with I the identity matrix.",
    ],
)

# %% [markdown]
# `logits` is an (N, N) tensor. The loss is CLIP's symmetric one without masking: the mean of the rows' mean cross-entropy and the columns' mean cross-entropy. Return its derivative with respect to each logit, an (N, N) tensor, in closed form. Autograd is switched off while your function runs. The result must stay finite for logits of 1,000.
#
# You can compare your function with these values, which autograd gives for the logits `[[3, 1, -1], [2, 2, 0], [0, 1, 4]]`:
#
# | | | |
# |---|---|---|
# | -0.071 | 0.055 | 0.004 |
# | 0.121 | -0.159 | 0.014 |
# | 0.009 | 0.043 | -0.015 |

# %%
def contrastive_gradient(logits: Tensor) -> Tensor:
    """(N, N) -> (N, N)."""
    ### BEGIN SOLUTION
    n = len(logits)
    answers = torch.eye(n, dtype=logits.dtype, device=logits.device)
    rows = (logits.softmax(dim=1) - answers) / n
    columns = (logits.softmax(dim=0) - answers) / n
    return (rows + columns) / 2
    ### END SOLUTION

# %%
check("03.7", contrastive_gradient)

# %% the columns' half is not turned back tags=["wrong"]
# hint: The softmax of logits.T has its rows where logits has its columns.
def contrastive_gradient(logits):
    n = len(logits)
    eye = torch.eye(n)
    return (logits.softmax(dim=1) - eye + logits.T.softmax(dim=1) - eye) / (2 * n)

# %% only the rows' half is there, at full weight tags=["wrong"]
# hint: The loss is the mean of two cross-entropies.
def contrastive_gradient(logits):
    return (logits.softmax(dim=1) - torch.eye(len(logits))) / len(logits)

# %% the right answers are taken off once, not once for each direction tags=["wrong"]
def contrastive_gradient(logits):
    both = logits.softmax(dim=0) + logits.softmax(dim=1)
    return (both - torch.eye(len(logits))) / (2 * len(logits))

# %% the mean over the N pairs is forgotten tags=["wrong"]
# hint: Each cross-entropy is a mean over N rows.
def contrastive_gradient(logits):
    eye = torch.eye(len(logits))
    return ((logits.softmax(dim=0) - eye) + (logits.softmax(dim=1) - eye)) / 2

# %% the sign is flipped tags=["wrong"]
def contrastive_gradient(logits):
    eye = torch.eye(len(logits))
    return (2 * eye - logits.softmax(dim=0) - logits.softmax(dim=1)) / (2 * len(logits))

# %% autograd is used tags=["wrong"]
# hint: Derive it on paper: no backward, no torch.autograd.
def contrastive_gradient(logits):
    leaf = logits.detach().requires_grad_()
    labels = torch.arange(len(leaf))
    loss = (F.cross_entropy(leaf, labels) + F.cross_entropy(leaf.T, labels)) / 2
    loss.backward()
    return leaf.grad

# %% the sums have lost their axis, so that rows are divided by other rows' sums tags=["wrong"]
# hint: `keepdim=True` keeps the sums as a column.
def contrastive_gradient(logits):
    e, n = logits.exp(), len(logits)
    return (e / e.sum(dim=1) + e / e.sum(dim=0) - 2 * torch.eye(n)) / (2 * n)

# %% large logits are cut off tags=["wrong"]
# hint: Only differences of logits matter: subtract the largest one.
def contrastive_gradient(logits):
    logits, n = logits.clamp(-50, 50), len(logits)
    return (logits.softmax(dim=0) + logits.softmax(dim=1) - 2 * torch.eye(n)) / (2 * n)

# %% tags=["exercise"]
EXERCISE = dict(
    id="03.11",
    title="Be autograd",
    points=6,
    minutes=60,
    difficulty="hard",
    goal="Derive the backward pass of the whole loss by hand, from the logits to the features and the temperature.",
    hints=[
        "Write the forward pass as a chain of small steps and go back through it one step at a time. Exercise 03.7 is the first step back: it gives dz, the gradient of the logits.",
        "z = s u v^T, so du = s dz v and dv = s dz^T u. And since dz_ij/dt = z_ij, the gradient of t is the sum of dz_ij z_ij over all entries.",
        "For one row u = x / |x|. Moving x along itself does not change u, so only the part of du that is perpendicular to u remains: dx = (du - (u . du) u) / |x|.",
        "About twelve lines: two (N, 1) lengths, u, v, s, z, the loss by log_softmax, dz, du, dv, dt, and twice the step through the normalization.",
    ],
)

# %% [markdown]
# `loss.backward()` does in one line what you do here by hand. The inputs are what the encoders output: features $x_i$ of pictures and $y_j$ of captions, (N, E) each and of any length, and the learned parameter $t$, a tensor of shape (). The forward pass is
#
# $$u_i = \frac{x_i}{|x_i|}, \qquad v_j = \frac{y_j}{|y_j|}, \qquad z_{ij} = e^{t}\, u_i \cdot v_j,$$
#
# and then CLIP's symmetric loss of the logits, with nothing masked. Return four tensors: the loss, (), and its gradients with respect to `image`, (N, E), `text`, (N, E), and `t`, ().
#
# Autograd is switched off while your function runs. The results must stay finite at a scale of 1,000. The cell after the stub computes the same four tensors by autograd, so you can compare them one at a time.

# %%
def loss_backward(image: Tensor, text: Tensor, t: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """(N, E), (N, E), () -> the loss () and the gradients of image (N, E), text (N, E) and t ()."""
    ### BEGIN SOLUTION
    n, s = len(image), t.exp()
    a, b = image.norm(dim=1, keepdim=True), text.norm(dim=1, keepdim=True)  # (N, 1)
    u, v = image / a, text / b
    z = s * u @ v.T  # (N, N)
    rows, columns = z.log_softmax(dim=1), z.log_softmax(dim=0)
    loss = -(rows.diagonal() + columns.diagonal()).mean() / 2
    right = torch.eye(n, dtype=z.dtype, device=z.device)
    dz = (rows.exp() + columns.exp() - 2 * right) / (2 * n)
    du, dv = s * dz @ v, s * dz.T @ u  # (N, E)
    dx = (du - u * (u * du).sum(dim=1, keepdim=True)) / a
    dy = (dv - v * (v * dv).sum(dim=1, keepdim=True)) / b
    return loss, dx, dy, (dz * z).sum()
    ### END SOLUTION

# %%
def by_autograd(image, text, t):
    """The same four tensors; compare yours with them."""
    from clipedu.objectives import info_nce

    leaves = [x.clone().requires_grad_() for x in (image, text, t)]
    loss = info_nce(F.normalize(leaves[0], dim=1), F.normalize(leaves[1], dim=1), leaves[2].exp())
    return loss.detach(), *torch.autograd.grad(loss, leaves)


torch.manual_seed(0)
for part in by_autograd(torch.randn(3, 4), torch.randn(3, 4), torch.tensor(1.0)):
    print(part)

# %%
check("03.11", loss_backward)

# %% the columns are not asked tags=["wrong"]
# hint: Each logit belongs to a row and to a column.
def loss_backward(image, text, t):
    n, s = len(image), t.exp()
    a, b = image.norm(dim=1, keepdim=True), text.norm(dim=1, keepdim=True)
    u, v = image / a, text / b
    z = s * u @ v.T
    loss = -z.log_softmax(dim=1).diagonal().mean()
    dz = (z.softmax(dim=1) - torch.eye(n)) / n
    du, dv = s * dz @ v, s * dz.T @ u
    dx = (du - u * (u * du).sum(dim=1, keepdim=True)) / a
    dy = (dv - v * (v * dv).sum(dim=1, keepdim=True)) / b
    return loss, dx, dy, (dz * z).sum()

# %% the features are not normalized tags=["wrong"]
# hint: The logits are scaled cosines, so the lengths must be divided out first.
def loss_backward(image, text, t):
    n, s = len(image), t.exp()
    z = s * image @ text.T
    rows, columns = z.log_softmax(dim=1), z.log_softmax(dim=0)
    loss = -(rows.diagonal() + columns.diagonal()).mean() / 2
    dz = (rows.exp() + columns.exp() - 2 * torch.eye(n)) / (2 * n)
    return loss, s * dz @ text, s * dz.T @ image, (dz * z).sum()

# %% autograd is used tags=["wrong"]
# hint: Derive each step on paper: no backward, no torch.autograd.
def loss_backward(image, text, t):
    leaves = [x.detach().clone().requires_grad_() for x in (image, text, t)]
    logits = leaves[2].exp() * F.normalize(leaves[0], dim=1) @ F.normalize(leaves[1], dim=1).T
    labels = torch.arange(len(logits))
    loss = (F.cross_entropy(logits, labels) + F.cross_entropy(logits.T, labels)) / 2
    loss.backward()
    return loss.detach(), *(leaf.grad for leaf in leaves)

# %% t is taken for the scale itself tags=["wrong"]
# hint: The multiplier is exp(t).
def loss_backward(image, text, t):
    n = len(image)
    a, b = image.norm(dim=1, keepdim=True), text.norm(dim=1, keepdim=True)
    u, v = image / a, text / b
    z = t * u @ v.T
    rows, columns = z.log_softmax(dim=1), z.log_softmax(dim=0)
    loss = -(rows.diagonal() + columns.diagonal()).mean() / 2
    dz = (rows.exp() + columns.exp() - 2 * torch.eye(n)) / (2 * n)
    du, dv = t * dz @ v, t * dz.T @ u
    dx = (du - u * (u * du).sum(dim=1, keepdim=True)) / a
    dy = (dv - v * (v * dv).sum(dim=1, keepdim=True)) / b
    return loss, dx, dy, (dz * u @ v.T).sum()

# %% the loss has the rows' direction only tags=["wrong"]
# hint: The gradients are those of both directions.
def loss_backward(image, text, t):
    n, s = len(image), t.exp()
    a, b = image.norm(dim=1, keepdim=True), text.norm(dim=1, keepdim=True)
    u, v = image / a, text / b
    z = s * u @ v.T
    rows, columns = z.log_softmax(dim=1), z.log_softmax(dim=0)
    loss = -rows.diagonal().mean()
    dz = (rows.exp() + columns.exp() - 2 * torch.eye(n)) / (2 * n)
    du, dv = s * dz @ v, s * dz.T @ u
    dx = (du - u * (u * du).sum(dim=1, keepdim=True)) / a
    dy = (dv - v * (v * dv).sum(dim=1, keepdim=True)) / b
    return loss, dx, dy, (dz * z).sum()

# %% the gradients of image and text are exchanged tags=["wrong"]
# hint: In which order are they to be returned?
def loss_backward(image, text, t):
    n, s = len(image), t.exp()
    a, b = image.norm(dim=1, keepdim=True), text.norm(dim=1, keepdim=True)
    u, v = image / a, text / b
    z = s * u @ v.T
    rows, columns = z.log_softmax(dim=1), z.log_softmax(dim=0)
    loss = -(rows.diagonal() + columns.diagonal()).mean() / 2
    dz = (rows.exp() + columns.exp() - 2 * torch.eye(n)) / (2 * n)
    du, dv = s * dz @ v, s * dz.T @ u
    dx = (du - u * (u * du).sum(dim=1, keepdim=True)) / a
    dy = (dv - v * (v * dv).sum(dim=1, keepdim=True)) / b
    return loss, dy, dx, (dz * z).sum()

# %% the features are used in the logits' derivative, not the vectors of length 1 tags=["wrong"]
# hint: `z = s u v^T`: what are u and v?
def loss_backward(image, text, t):
    n, s = len(image), t.exp()
    a, b = image.norm(dim=1, keepdim=True), text.norm(dim=1, keepdim=True)
    u, v = image / a, text / b
    z = s * u @ v.T
    rows, columns = z.log_softmax(dim=1), z.log_softmax(dim=0)
    loss = -(rows.diagonal() + columns.diagonal()).mean() / 2
    dz = (rows.exp() + columns.exp() - 2 * torch.eye(n)) / (2 * n)
    du, dv = s * dz @ text, s * dz.T @ image
    dx = (du - u * (u * du).sum(dim=1, keepdim=True)) / a
    dy = (dv - v * (v * dv).sum(dim=1, keepdim=True)) / b
    return loss, dx, dy, (dz * z).sum()

# %% the part along the row is taken along the features, not along the vectors of length 1 tags=["wrong"]
# hint: Which vector of length 1 points along the row?
def loss_backward(image, text, t):
    n, s = len(image), t.exp()
    a, b = image.norm(dim=1, keepdim=True), text.norm(dim=1, keepdim=True)
    u, v = image / a, text / b
    z = s * u @ v.T
    rows, columns = z.log_softmax(dim=1), z.log_softmax(dim=0)
    loss = -(rows.diagonal() + columns.diagonal()).mean() / 2
    dz = (rows.exp() + columns.exp() - 2 * torch.eye(n)) / (2 * n)
    du, dv = s * dz @ v, s * dz.T @ u
    dx = (du - image * (image * du).sum(dim=1, keepdim=True)) / a
    dy = (dv - text * (text * dv).sum(dim=1, keepdim=True)) / b
    return loss, dx, dy, (dz * z).sum()

# %% the part along the row is summed over all rows tags=["wrong"]
# hint: Each row has its own: which axis do you sum over?
def loss_backward(image, text, t):
    n, s = len(image), t.exp()
    a, b = image.norm(dim=1, keepdim=True), text.norm(dim=1, keepdim=True)
    u, v = image / a, text / b
    z = s * u @ v.T
    rows, columns = z.log_softmax(dim=1), z.log_softmax(dim=0)
    loss = -(rows.diagonal() + columns.diagonal()).mean() / 2
    dz = (rows.exp() + columns.exp() - 2 * torch.eye(n)) / (2 * n)
    du, dv = s * dz @ v, s * dz.T @ u
    dx = (du - u * (u * du).sum()) / a
    dy = (dv - v * (v * dv).sum()) / b
    return loss, dx, dy, (dz * z).sum()

# %% the lengths of the two are exchanged tags=["wrong"]
# hint: By which length was this row divided?
def loss_backward(image, text, t):
    n, s = len(image), t.exp()
    a, b = image.norm(dim=1, keepdim=True), text.norm(dim=1, keepdim=True)
    u, v = image / a, text / b
    z = s * u @ v.T
    rows, columns = z.log_softmax(dim=1), z.log_softmax(dim=0)
    loss = -(rows.diagonal() + columns.diagonal()).mean() / 2
    dz = (rows.exp() + columns.exp() - 2 * torch.eye(n)) / (2 * n)
    du, dv = s * dz @ v, s * dz.T @ u
    dx = (du - u * (u * du).sum(dim=1, keepdim=True)) / b
    dy = (dv - v * (v * dv).sum(dim=1, keepdim=True)) / a
    return loss, dx, dy, (dz * z).sum()

# %% the scale is multiplied into the gradients of the vectors twice tags=["wrong"]
# hint: `z = s u v^T`: how often is s in it?
def loss_backward(image, text, t):
    n, s = len(image), t.exp()
    a, b = image.norm(dim=1, keepdim=True), text.norm(dim=1, keepdim=True)
    u, v = image / a, text / b
    z = s * u @ v.T
    rows, columns = z.log_softmax(dim=1), z.log_softmax(dim=0)
    loss = -(rows.diagonal() + columns.diagonal()).mean() / 2
    dz = (rows.exp() + columns.exp() - 2 * torch.eye(n)) / (2 * n)
    du, dv = s * s * dz @ v, s * s * dz.T @ u
    dx = (du - u * (u * du).sum(dim=1, keepdim=True)) / a
    dy = (dv - v * (v * dv).sum(dim=1, keepdim=True)) / b
    return loss, dx, dy, (dz * z).sum()

# %% the way back through the length is forgotten for the captions tags=["wrong"]
# hint: Captions are normalized, too.
def loss_backward(image, text, t):
    n, s = len(image), t.exp()
    a, b = image.norm(dim=1, keepdim=True), text.norm(dim=1, keepdim=True)
    u, v = image / a, text / b
    z = s * u @ v.T
    rows, columns = z.log_softmax(dim=1), z.log_softmax(dim=0)
    loss = -(rows.diagonal() + columns.diagonal()).mean() / 2
    dz = (rows.exp() + columns.exp() - 2 * torch.eye(n)) / (2 * n)
    du, dv = s * dz @ v, s * dz.T @ u
    dx = (du - u * (u * du).sum(dim=1, keepdim=True)) / a
    dy = dv
    return loss, dx, dy, (dz * z).sum()

# %% the sign of the gradient of t is flipped tags=["wrong"]
# hint: What does a larger scale do to a confident wrong answer?
def loss_backward(image, text, t):
    n, s = len(image), t.exp()
    a, b = image.norm(dim=1, keepdim=True), text.norm(dim=1, keepdim=True)
    u, v = image / a, text / b
    z = s * u @ v.T
    rows, columns = z.log_softmax(dim=1), z.log_softmax(dim=0)
    loss = -(rows.diagonal() + columns.diagonal()).mean() / 2
    dz = (rows.exp() + columns.exp() - 2 * torch.eye(n)) / (2 * n)
    du, dv = s * dz @ v, s * dz.T @ u
    dx = (du - u * (u * du).sum(dim=1, keepdim=True)) / a
    dy = (dv - v * (v * dv).sum(dim=1, keepdim=True)) / b
    return loss, dx, dy, -(dz * z).sum()

# %% the cosines are divided by the scale tags=["wrong"]
# hint: The scale is 1 / temperature.
def loss_backward(image, text, t):
    n, s = len(image), t.exp()
    a, b = image.norm(dim=1, keepdim=True), text.norm(dim=1, keepdim=True)
    u, v = image / a, text / b
    z = u @ v.T / s
    rows, columns = z.log_softmax(dim=1), z.log_softmax(dim=0)
    loss = -(rows.diagonal() + columns.diagonal()).mean() / 2
    dz = (rows.exp() + columns.exp() - 2 * torch.eye(n)) / (2 * n)
    du, dv = s * dz @ v, s * dz.T @ u
    dx = (du - u * (u * du).sum(dim=1, keepdim=True)) / a
    dy = (dv - v * (v * dv).sum(dim=1, keepdim=True)) / b
    return loss, dx, dy, (dz * z).sum()

# %% tags=["exercise"]
EXERCISE = dict(
    id="03.8",
    title="What does the scale learn?",
    kind="investigate",
    points=4,
    minutes=20,
    difficulty="hard",
    goal="Design a small experiment, change one thing at a time, and read the result honestly.",
    hints=[
        "Decide first what you expect. If one pair in eight is wrong in every batch, which probability should a good model give to the caption that it is shown? Which scale produces that probability?",
        "Change one argument and keep the others. Run each setting with two or three seeds: is the difference larger than the spread?",
        "If a share e of the pairs is wrong, the best a model can do is to give 1 - e to the partner and e/(N - 1) to each of the others. Compute the loss of that and compare.",
    ],
)

# %% [markdown]
# Captions from the web are noisy: some belong to another picture. The cell below trains free vectors while a given share of the pairs is wrong, a different set of pairs at every step. It returns the learned scale and the mean loss of the last 100 steps. A run takes about a second.
#
# Find out what this noise does to the **learned logit scale** and to the **loss**, and explain as much of it as you can. Hand in a table or a figure and at most ten lines of text.

# %%
def train_with_mistakes(share: float, n: int = 64, width: int = 16, steps: int = 400, seed: int = 0) -> tuple[float, float]:
    """(learned scale, mean loss of the last 100 steps) if `share` of the pairs is wrong at each step."""
    from clipedu.objectives import LOGIT_SCALE_INIT, info_nce

    random = torch.Generator().manual_seed(seed)
    image, text = (nn.Parameter(torch.randn(n, width, generator=random)) for _ in range(2))
    log_scale = nn.Parameter(torch.tensor(LOGIT_SCALE_INIT))
    optimizer, losses = torch.optim.Adam([image, text, log_scale], 0.05), []
    for _ in range(steps):
        order = torch.arange(n)
        wrong = torch.randperm(n, generator=random)[: round(share * n)]
        order[wrong] = wrong.roll(1)  # these captions go to the next picture
        loss = info_nce(F.normalize(image, dim=-1), F.normalize(text, dim=-1)[order], log_scale.exp())
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    return log_scale.exp().item(), sum(losses[-100:]) / 100


for share in (0.0, 0.25):  # your settings here
    scale, loss = train_with_mistakes(share)
    print(f"{share:.0%} wrong: learned scale {scale:.0f}, loss {loss:.1f}")

# %% [markdown] tags=["answer"]
# I changed only the share of wrong pairs and kept n = 64, width = 16, 400 steps and seed 0. Two more seeds move the scale by less than 0.5.
#
# | share wrong | learned scale | loss | best possible loss |
# |---|---|---|---|
# | 0 | 16 | 0.00 | 0.00 |
# | 1/16 | 7.9 | 0.58 | 0.49 |
# | 1/8 | 6.9 | 1.01 | 0.89 |
# | 1/4 | 5.8 | 1.76 | 1.60 |
# | 1/2 | 4.3 | 2.98 | 2.76 |
#
# Without mistakes the scale keeps rising, so its value depends on when training stops. With mistakes it settles, and more mistakes give a lower scale, because the scale sets how confident the model can be. With a share e of wrong pairs the best prediction gives 1 - e to the partner and e/(N-1) to each other caption, which costs
# -(1-e) ln(1-e) - e ln(e/(N-1)). The loss comes within 0.1 to 0.2 of this floor, which is due to noise instead of repeated captions.
# It does not reach the floor because 64 vectors in 16 dimensions cannot all be equally far apart, and because the vectors still fluctuate at this learning rate.
# One limit: the mistakes are drawn anew at each step. The model would memorize fixed mistakes, and the scale would rise as if there were none. A run with fewer steps also ends at a lower scale, so only runs of the same length can be compared.

# %% [markdown] tags=["rubric"]
# * 1 point: only one thing is changed at a time, and the answer says what was kept fixed.
# * 1 point: a table or figure with units, at least four settings, and a measure of the spread over seeds.
# * 1 point: an explanation of the direction. Mistakes limit how confident the model can be, so the scale falls and the loss has a floor above 0. The formula or a comparison with ln N is more than is asked.
# * 1 point: one honest limit, such as fixed against fresh mistakes, the number of steps, or free vectors instead of encoders.
