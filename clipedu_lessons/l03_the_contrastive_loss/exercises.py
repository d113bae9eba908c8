# %% [markdown]
# # Exercises 03 · The contrastive loss
#
# Eight exercises, from reading a matrix to an experiment of your own; about 80 minutes in all. Work from top to bottom, or pick: each stands alone.
# A check says what it found and, where it can, which misunderstanding fits your answer. The lesson is [notebook 03, The contrastive loss](../notebooks/03_the_contrastive_loss.ipynb).
#
# `hint("03.2")` shows one more hint each time you run it, `solution("03.2")` opens after you have passed, `progress()` says where you stand, and `reset("03.2")` begins an exercise anew. Nothing leaves this machine.

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
    goal="Read one matrix along its rows and down its columns, and know the loss that a run starts from.",
    hints=[
        "A row holds one picture and all captions. The picture is right when the largest number of its row stands on the diagonal. For a caption, look down its column.",
        "Guessing among N gives every caption the probability 1/N, and the cross-entropy is minus the natural logarithm of that.",
        "ln 256 = 8 x ln 2, and ln 2 is about 0.693. What is ln 512 - ln 256?",
    ],
)

# %% [markdown]
# Four pictures, four captions, and their cosines. The right pairs are on the diagonal.
#
# | | caption 1 | caption 2 | caption 3 | caption 4 |
# |---|---|---|---|---|
# | **picture 1** | 0.9 | 0.2 | 0.1 | 0.3 |
# | **picture 2** | 0.8 | 0.7 | 0.4 | 0.1 |
# | **picture 3** | 0.1 | 0.4 | 0.5 | 0.2 |
# | **picture 4** | 0.2 | 0.3 | 0.6 | 0.5 |
#
# Fill in, without running any code:
#
# * `pictures_right`: how many pictures choose their own caption;
# * `captions_right`: how many captions choose their own picture;
# * `loss_of_guessing`: the symmetric loss of a model that guesses, for a batch of 256 pairs, to two decimals;
# * `rise`: by how much that loss rises when the batch is doubled to 512, to two decimals.

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
# hint: The two questions are counted one by one.
pictures_right = 1
captions_right = 1
loss_of_guessing = 5.55
rise = 0.69

# %% tags=["exercise"]
EXERCISE = dict(
    id="03.2",
    title="Vectors of length 1",
    points=2,
    minutes=8,
    difficulty="easy",
    goal="Normalise the rows of a matrix: know which dimension to reduce, and keep it.",
    hints=[
        "The length of (3, 4) is 5: squares, their sum, the root. Each row has its own length.",
        "lengths = the root of the sum of squares over dim=1. With keepdim=True the result is (N, 1) and divides the rows one by one.",
        "Two lines: compute the (N, 1) lengths of the rows; return the vectors divided by them.",
    ],
)

# %% [markdown]
# `vectors` is an (N, E) tensor, one vector a row, none of them all zero. Return a new (N, E) tensor in which each row points the same way and has length 1.
# Leave `vectors` itself as it is, keep its dtype, and let the gradient flow.

# %%
def normalise_rows(vectors: Tensor) -> Tensor:
    """(N, E) -> (N, E), every row of length 1."""
    ### BEGIN SOLUTION
    lengths = vectors.pow(2).sum(dim=1, keepdim=True).sqrt()  # (N, 1)
    return vectors / lengths
    ### END SOLUTION

# %%
check("03.2", normalise_rows)

# %% each column is divided by its length, not each row tags=["wrong"]
# hint: dim is the dimension that disappears: over which one must the squares be added?
def normalise_rows(vectors):
    return F.normalize(vectors, dim=0)

# %% the whole matrix is divided by one length tags=["wrong"]
# hint: How many lengths does a matrix of N vectors have?
def normalise_rows(vectors):
    return vectors / torch.linalg.norm(vectors)

# %% the rows are divided by their squared length tags=["wrong"]
# hint: What is missing after the sum of the squares?
def normalise_rows(vectors):
    return vectors / vectors.square().sum(-1, keepdim=True)

# %% the lengths have shape (N,) and do not fit the rows tags=["wrong"]
# hint: keepdim=True keeps the lengths as (N, 1).
def normalise_rows(vectors):
    return vectors / vectors.norm(dim=1)

# %% an input is changed in place tags=["wrong"]
def normalise_rows(vectors):
    with torch.no_grad():
        vectors /= vectors.norm(dim=1, keepdim=True)
    return vectors

# %% no gradient flows through the length tags=["wrong"]
# hint: The values are right; .detach(), .item() or no_grad holds the length fixed.
def normalise_rows(vectors):
    with torch.no_grad():
        lengths = torch.linalg.vector_norm(vectors, dim=1, keepdim=True)
    return vectors / lengths

# %% the entries of each row are squeezed between 0 and 1 tags=["wrong"]
# hint: Normalising to length 1 keeps every direction.
def normalise_rows(vectors):
    low, high = vectors.amin(dim=1, keepdim=True), vectors.amax(dim=1, keepdim=True)
    return (vectors - low) / (high - low)

# %% tags=["exercise"]
EXERCISE = dict(
    id="03.3",
    title="The symmetric loss",
    points=3,
    minutes=12,
    difficulty="medium",
    goal="Write the loss of Figure 3 and know which question each axis asks.",
    hints=[
        "One cross-entropy asks each picture for its caption, along the rows. What must you do to the matrix so that the same function asks each caption for its picture?",
        "logits = scale x image x text transposed, (N, N). loss = (CE(logits, 0..N-1) + CE(logits transposed, 0..N-1)) / 2",
        "Four lines: the (N, N) logits; the answers with torch.arange; two calls of F.cross_entropy; their mean.",
    ],
)

# %% [markdown]
# `image` and `text` are (N, E), rows of length 1, row *i* of one belonging to row *i* of the other. `logit_scale` is the multiplier itself (its exponential is taken already), a tensor of shape ().
# Return CLIP's loss as a tensor of shape (). It must stay finite at a scale of 1,000 and must be 0 for a batch of one. (In training, the library warns there.)

# %%
def contrastive_loss(image: Tensor, text: Tensor, logit_scale: Tensor) -> Tensor:
    """(N, E), (N, E), () -> ()."""
    ### BEGIN SOLUTION
    scores = logit_scale * image @ text.T  # (N, N)
    own = torch.arange(len(scores), device=scores.device)
    pictures_ask = F.cross_entropy(scores, own)
    captions_ask = F.cross_entropy(scores.T, own)
    return (pictures_ask + captions_ask) / 2
    ### END SOLUTION

# %%
check("03.3", contrastive_loss)

# %% only the rows are scored, not the columns tags=["wrong"]
# hint: Which question does a column ask?
def contrastive_loss(image, text, logit_scale):
    logits = logit_scale * image @ text.T
    labels = torch.arange(len(logits))
    return (F.cross_entropy(logits, labels) + F.cross_entropy(logits, labels)) / 2

# %% the cosines are divided by the logit scale tags=["wrong"]
# hint: The scale is 1 / temperature: which of the two multiplies?
def contrastive_loss(image, text, logit_scale):
    logits = image @ text.T / logit_scale
    labels = torch.arange(len(logits))
    return (F.cross_entropy(logits, labels) + F.cross_entropy(logits.T, labels)) / 2

# %% the two losses are added, not averaged tags=["wrong"]
# hint: What must the loss of guessing among N be?
def contrastive_loss(image, text, logit_scale):
    logits = logit_scale * image @ text.T
    labels = torch.arange(len(logits))
    return F.cross_entropy(logits, labels) + F.cross_entropy(logits.T, labels)

# %% the cross-entropy is given probabilities where it wants scores tags=["wrong"]
# hint: torch's cross_entropy takes the softmax itself.
def contrastive_loss(image, text, logit_scale):
    logits = logit_scale * image @ text.T
    labels = torch.arange(len(logits))
    rows = F.cross_entropy(F.softmax(logits, dim=1), labels)
    return (rows + F.cross_entropy(F.softmax(logits.T, dim=1), labels)) / 2

# %% the first caption is the right answer for every picture tags=["wrong"]
# hint: In which column does row i have its right answer?
def contrastive_loss(image, text, logit_scale):
    logits = logit_scale * image @ text.T
    labels = torch.zeros(len(logits), dtype=torch.long)
    return (F.cross_entropy(logits, labels) + F.cross_entropy(logits.T, labels)) / 2

# %% the result is not finite for extreme inputs tags=["wrong"]
def contrastive_loss(image, text, logit_scale):
    weights = torch.exp(logit_scale * image @ text.T)
    right = weights.diagonal()
    rows = -(right / weights.sum(dim=1)).log().mean()
    return (rows - (right / weights.sum(dim=0)).log().mean()) / 2

# %% one softmax is taken over the whole matrix tags=["wrong"]
# hint: How many questions are there, and how many answers does each have?
def contrastive_loss(image, text, logit_scale):
    logits = logit_scale * image @ text.T
    return -logits.flatten().log_softmax(dim=0).view_as(logits).diagonal().mean()

# %% the right caption is left out of the denominator tags=["wrong"]
# hint: A softmax sums over all captions, the right one too.
def contrastive_loss(image, text, logit_scale):
    logits = logit_scale * image @ text.T
    rest = logits.masked_fill(torch.eye(len(logits)) > 0, -math.inf)
    both = (rest.logsumexp(dim=1) + rest.logsumexp(dim=0)) / 2
    return (both - logits.diagonal()).mean()

# %% the logarithm is taken of the mean probability tags=["wrong"]
# hint: First the logarithm of each pair, then the mean.
def contrastive_loss(image, text, logit_scale):
    logits = logit_scale * image @ text.T
    rows, columns = (x.softmax(dim=1).diagonal().mean() for x in (logits, logits.T))
    return -(rows.log() + columns.log()) / 2

# %% the right answers are off by one tags=["wrong"]
# hint: In which column does row i have its right answer? Count from 0.
def contrastive_loss(image, text, logit_scale):
    logits = logit_scale * image @ text.T
    labels = (torch.arange(len(logits)) + 1) % len(logits)
    return (F.cross_entropy(logits, labels) + F.cross_entropy(logits.T, labels)) / 2

# %% a small number is added before the logarithm tags=["wrong"]
# hint: It hides how wrong a confident answer is. log_softmax and cross_entropy need no such help.
def contrastive_loss(image, text, logit_scale):
    logits = logit_scale * image @ text.T
    rows, columns = (x.softmax(dim=1).diagonal() + 1e-8 for x in (logits, logits.T))
    return -(rows.log() + columns.log()).mean() / 2

# %% the right answers are in the reverse order tags=["wrong"]
# hint: In which column does row i have its right answer?
def contrastive_loss(image, text, logit_scale):
    logits = logit_scale * image @ text.T
    labels = torch.arange(len(logits)).flip(0)
    return (F.cross_entropy(logits, labels) + F.cross_entropy(logits.T, labels)) / 2

# %% all entries are averaged in both directions, not only the right ones tags=["wrong"]
# hint: In which column does row i have its right answer?
def contrastive_loss(image, text, logit_scale):
    logits = logit_scale * image @ text.T
    return -(logits.log_softmax(dim=1).mean() + logits.log_softmax(dim=0).mean()) / 2

# %% tags=["exercise"]
EXERCISE = dict(
    id="03.4",
    title="Hold the scale at its maximum",
    points=2,
    minutes=8,
    difficulty="medium",
    goal="Clamp a parameter that is kept as a logarithm, in place and outside the gradient.",
    hints=[
        "The parameter is the logarithm of the multiplier. If the multiplier may be 100 at most, what may its logarithm be at most?",
        "An in-place change of a parameter must not be recorded by autograd: torch.no_grad().",
        "with torch.no_grad(): the parameter's clamp_ (with the underscore) with max= the natural logarithm of the maximum.",
    ],
)

# %% [markdown]
# `log_scale` is a model's parameter, the *logarithm* of the logit scale; a training loop calls your function after each `optimizer.step()`.
# Change it **in place** so that its exponential is at most `maximum` (a plain number such as 100.0). Smaller scales stay as they are. Nothing need be returned.

# %%
def clamp_scale(log_scale: nn.Parameter, maximum: float) -> None:
    """Keep exp(log_scale) at or below maximum."""
    ### BEGIN SOLUTION
    with torch.no_grad():
        log_scale.clamp_(max=math.log(maximum))
    ### END SOLUTION

# %%
check("03.4", clamp_scale)

# %% the logarithm is compared with the maximum of the multiplier tags=["wrong"]
# hint: The parameter is a logarithm. Which number may the logarithm not exceed?
def clamp_scale(log_scale, maximum):
    log_scale.data.clamp_(max=maximum)

# %% the multiplier is stored where its logarithm belongs tags=["wrong"]
# hint: What is stored must be the logarithm again.
def clamp_scale(log_scale, maximum):
    log_scale.data = log_scale.data.exp().clamp(max=maximum)

# %% the parameter itself stays as it was tags=["wrong"]
# hint: A new tensor, bound to a name or returned, leaves the parameter alone. A method with a trailing underscore changes it.
def clamp_scale(log_scale, maximum):
    return log_scale.exp().clamp(max=maximum).log()

# %% the parameter is changed while gradients are recorded tags=["wrong"]
# hint: torch.no_grad() tells torch that this is no part of the loss.
def clamp_scale(log_scale, maximum):
    log_scale.clamp_(max=math.log(maximum))

# %% smaller scales are raised to the maximum tags=["wrong"]
# hint: Of min and max, which one is an upper limit?
def clamp_scale(log_scale, maximum):
    with torch.no_grad():
        log_scale.clamp_(min=math.log(maximum))

# %% the maximum itself is stored when the scale is too large tags=["wrong"]
# hint: What is stored must be a logarithm.
def clamp_scale(log_scale, maximum):
    with torch.no_grad():
        if log_scale > math.log(maximum):
            log_scale.fill_(maximum)

# %% the logarithm, not its exponential, is tested against the maximum tags=["wrong"]
def clamp_scale(log_scale, maximum):
    with torch.no_grad():
        if log_scale > maximum:
            log_scale.fill_(math.log(maximum))

# %% tags=["exercise"]
EXERCISE = dict(
    id="03.5",
    title="The floor under the loss",
    points=2,
    minutes=10,
    difficulty="medium",
    goal="Compute, before any training, the loss that repeated captions make unreachable.",
    hints=[
        "If a caption occurs m times, m equal columns share the probability: each gets 1/m at most, and each of these m pairs pays -ln(1/m).",
        "floor = (1/N) x the sum over all N pairs of ln(how often the pair's caption occurs)",
        "Counter(captions) tells how often each occurs. Go over all N captions, not over the different ones only.",
    ],
)

# %% [markdown]
# `captions` is the list of the N captions of a batch. Where a caption stands m times, m equal columns share the probability of a picture. Return the least mean loss that any model can then reach when nothing is masked (section 8 of the lesson). For `["cake", "cake", "watch"]` it is 0.462, for captions that all differ it is 0.

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

# %% tags=["exercise"]
EXERCISE = dict(
    id="03.6",
    title="SigLIP: yes or no",
    points=3,
    minutes=12,
    difficulty="medium",
    goal="Write the sigmoid loss with its signs, its bias and its division by N.",
    hints=[
        "Every entry asks: is this a pair? The right answer is yes on the diagonal, no elsewhere. A sign in front of the logit turns 'no' into 'yes'.",
        "loss = -(1/N) x the sum over all entries of ln sigmoid(sign x (scale x cosine + bias)), with sign +1 on the diagonal and -1 elsewhere.",
        "torch.eye(N) holds 1 and 0; how do you make +1 and -1 of it? F.logsigmoid is the logarithm of the sigmoid that survives large numbers.",
    ],
)

# %% [markdown]
# `image`, `text` and `logit_scale` are as in 03.3; `bias`, a tensor of shape (), is added to every logit. Return SigLIP's loss, summed over all N x N entries and divided by N, as a tensor of shape ().
# It must stay finite for logits of plus and minus 10,000.

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
# hint: A mean over all entries makes each pair's pull weaker in a larger batch.
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
    title="Its gradient, by hand",
    points=3,
    minutes=12,
    difficulty="hard",
    goal="Derive who is pulled and who is pushed, for both directions, without autograd.",
    hints=[
        "For one row of scores with right answer y, the derivative of the cross-entropy is softmax - onehot(y). The mean over N rows divides by N.",
        "Each entry belongs to a row and to a column and gets a part from both. Which part has its softmax along dim=0?",
        "gradient = ((softmax along dim=1) - I + (softmax along dim=0) - I) / (2 N), with I the identity matrix.",
    ],
)

# %% [markdown]
# `logits` is (N, N), the loss is the symmetric one of exercise 03.3: the mean of the rows' and the columns' mean cross-entropy. Return its derivative with respect to each logit, (N, N), in closed form: no `backward`. It must stay finite for logits of 1,000.
# To try yours on: for the logits `[[3, 1, -1], [2, 2, 0], [0, 1, 4]]` autograd gives, rounded,
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
# hint: keepdim=True keeps the sums as a column.
def contrastive_gradient(logits):
    e, n = logits.exp(), len(logits)
    return (e / e.sum(dim=1) + e / e.sum(dim=0) - 2 * torch.eye(n)) / (2 * n)

# %% tags=["exercise"]
EXERCISE = dict(
    id="03.8",
    title="What does the scale learn?",
    kind="investigate",
    points=4,
    minutes=15,
    difficulty="hard",
    goal="Design a small experiment, change one thing at a time, and read the result honestly.",
    hints=[
        "Decide first what you expect: if one pair in eight is wrong in every batch, how sure may a good model be? Which scale makes it just so sure?",
        "Change one argument and keep the others. Run each setting with two or three seeds: is the difference larger than the spread?",
        "With a share e of wrong pairs, the best a model can say is: 1 - e for the partner, e shared out among the N - 1 others. Compute the loss of that and put it beside yours.",
    ],
)

# %% [markdown]
# Web captions are noisy: some belong to another picture. The cell below trains free vectors while a share of the pairs is wrong, other pairs at every step, and returns the learned scale and the mean loss of the last 100 steps. A run takes about a second.
#
# Find out what the noise does to the **learned logit scale** and to the **loss**, and how far you can explain it. Hand in a table or a figure, and at most ten lines.

# %%
def train_with_mistakes(share: float, n: int = 64, width: int = 16, steps: int = 400, seed: int = 0) -> tuple[float, float]:
    """(learned scale, mean loss of the last 100 steps) when `share` of the pairs is wrong at each step."""
    from clipedu.objectives import LOGIT_SCALE_INIT, info_nce

    random = torch.Generator().manual_seed(seed)
    image, text = (nn.Parameter(torch.randn(n, width, generator=random)) for _ in range(2))
    log_scale = nn.Parameter(torch.tensor(LOGIT_SCALE_INIT))
    optimizer, losses = torch.optim.Adam([image, text, log_scale], 0.05), []
    for _ in range(steps):
        order = torch.arange(n)
        wrong = torch.randperm(n, generator=random)[: round(share * n)]
        order[wrong] = wrong.roll(1)  # these captions move on to the next picture
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
# Changed: the share of wrong pairs, with n = 64, width = 16, 400 steps, seed 0. Two more seeds move the scale by less than 0.5.
#
# | share wrong | learned scale | loss | best possible loss |
# |---|---|---|---|
# | 0 | 16 | 0.00 | 0.00 |
# | 1/16 | 7.9 | 0.58 | 0.49 |
# | 1/8 | 6.9 | 1.01 | 0.89 |
# | 1/4 | 5.8 | 1.76 | 1.60 |
# | 1/2 | 4.3 | 2.98 | 2.76 |
#
# Without mistakes the scale goes on rising (it depends on when one stops). With mistakes it settles, and the more mistakes the lower: it learns how sure one may be. With a share e of wrong pairs the best answer gives the partner 1 - e and each other caption e/(N-1), which costs
# -(1-e) ln(1-e) - e ln(e/(N-1)). The loss comes within 0.1 to 0.2 of that: a floor again, now from noise instead of repeats.
# It does not reach it because 64 vectors in 16 dimensions cannot all be equally far apart, and because the vectors still jitter at this learning rate.
# What could make this wrong: the mistakes are drawn anew at each step. Fixed mistakes would be learned by heart, and the scale would rise as if there were none. A lower scale also shows with fewer steps, so compare at equal steps.

# %% [markdown] tags=["rubric"]
# * 1 point: one thing is changed at a time, and it is said what was kept.
# * 1 point: a table or figure with units, at least four settings, and some idea of the spread (seeds).
# * 1 point: an explanation of the direction: mistakes limit how sure the model may be, so the scale falls and the loss has a floor above 0; the formula, or the comparison with ln N, counts as more than asked.
# * 1 point: one honest limit, such as fixed against fresh mistakes, the number of steps, free vectors instead of towers.
