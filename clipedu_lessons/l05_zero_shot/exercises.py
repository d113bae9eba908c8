# %% [markdown]
# # Exercises 05 · Zero-shot
#
# Nine exercises, from a classifier on paper to a search engine that looks at a fraction of its pictures. They take about three hours, one of them for exercise 05.10. Work from top to bottom or pick one, since no exercise needs another.
# The lesson is [notebook 05, Zero-shot](../notebooks/05_zero_shot.ipynb). The classifier itself is exercise 04.15, because lesson 04 needs it to measure your model.
#
# Run a check as often as you like: it says what is wrong and, if it recognizes your mistake, which misunderstanding it is. `hint("05.7")` shows one more hint each time you run it.
# `solution("05.7")` opens after you have passed, `progress()` shows what you have passed so far, and `reset("05.7")` starts an exercise over. Nothing leaves this machine.

# %%
import math

import torch
from torch import Tensor
from torch.nn import functional as F

from clipedu_classroom import check, give_up, hint, progress, reset, solution

# %% tags=["exercise"]
EXERCISE = dict(
    id="05.1",
    title="A classifier on paper",
    kind="predict",
    points=2,
    minutes=8,
    difficulty="easy",
    goal="Name a picture with a classifier made of words, and compute what such a classifier costs.",
    hints=[
        "The score of a class is the dot product of its row with the picture. All rows have length 1, so nothing else is needed.",
        "The scale multiplies every score by the same positive number. Can that change their order?",
        "The text encoder reads one sentence for each class and template, once. The pictures don't matter for that. The classifier has one row for each class.",
    ],
)

# %% [markdown]
# Three classes, two numbers each, rows of length 1:
#
# | class | row |
# |---|---|
# | bell | (1, 0) |
# | lamp | (0, 1) |
# | drum | (-0.8, 0.6) |
#
# A picture has the embedding (0.6, 0.8). Fill in, without running any code:
#
# * `best` and `second`: the class with the highest score and the one after it, as words
# * `at_scale_1000`: the class that wins when every score is multiplied by 1,000
# * `sentences`: how many sentences the text encoder reads to classify 50,000 pictures into 1,000 classes with 80 templates
# * `weights`: how many numbers the finished classifier holds for these 1,000 classes if an embedding has 512 numbers

# %%
### BEGIN SOLUTION
best = "lamp"
second = "bell"
at_scale_1000 = "lamp"
sentences = 80_000
weights = 512_000
### END SOLUTION

# %%
check("05.1", best, second, at_scale_1000, sentences, weights)

# %% the sentences are counted again for every picture tags=["wrong"]
best = "lamp"
second = "bell"
at_scale_1000 = "lamp"
sentences = 80_000 * 50_000
weights = 512_000

# %% each template is taken to keep a row of its own tags=["wrong"]
# hint: What becomes of a class's prompts at the end?
best = "lamp"
second = "bell"
at_scale_1000 = "lamp"
sentences = 80_000
weights = 80_000 * 512

# %% the templates are forgotten tags=["wrong"]
# hint: How many sentences does one class get?
best = "lamp"
second = "bell"
at_scale_1000 = "lamp"
sentences = 1_000
weights = 512_000

# %% the two classes are told apart by the first number only tags=["wrong"]
best = "bell"
second = "lamp"
at_scale_1000 = "bell"
sentences = 80_000
weights = 512_000

# %% the last two numbers are exchanged tags=["wrong"]
# hint: Which of the two does the text encoder read?
best, second, at_scale_1000 = "lamp", "bell", "lamp"
sentences, weights = 512000, 80000

# %% classes and numbers are added, not multiplied tags=["wrong"]
# hint: Each class has a row of 512 numbers.
best, second, at_scale_1000 = "lamp", "bell", "lamp"
sentences, weights = 80000, 1512

# %% a bias is counted for each class tags=["wrong"]
# hint: The score is a dot product and nothing else.
best, second, at_scale_1000 = "lamp", "bell", "lamp"
sentences, weights = 80000, 513000

# %% the embeddings of the pictures are counted, not the classifier tags=["wrong"]
# hint: Which rows does a new picture meet?
best, second, at_scale_1000 = "lamp", "bell", "lamp"
sentences, weights = 80000, 25600000

# %% tags=["exercise"]
EXERCISE = dict(
    id="05.3",
    title="Mean per class",
    points=2,
    minutes=10,
    difficulty="easy",
    goal="Give every class the same weight, however many pictures it has, and leave out those without a picture.",
    hints=[
        "Which share of the pictures of class 0 was predicted as class 0? Compute the same for every class, then take the mean of the shares.",
        "The mean, over the classes that occur in labels, of (right answers in the class / pictures of the class).",
        "A loop over labels.unique(): the mask labels == c, then the mean of predictions[mask] == c.",
    ],
)

# %% [markdown]
# The appendix of the lesson compares two averages. Here you write the second one, which the paper reports where classes are unequal.
#
# `predictions` and `labels` are (N,) whole numbers. Return the mean over classes of the share of pictures that was predicted right, as a number or a tensor of shape (). A class without a picture in `labels` does not count, even if it was predicted.

# %%
def mean_per_class(predictions: Tensor, labels: Tensor) -> float:
    """(N,), (N,) -> share of 1."""
    ### BEGIN SOLUTION
    shares = []
    for label in labels.unique():
        of_class = labels == label
        shares.append((predictions[of_class] == label).double().mean())
    return float(torch.stack(shares).mean())
    ### END SOLUTION

# %%
check("05.3", mean_per_class)

# %% every picture counts the same tags=["wrong"]
# hint: That is top-1: a class with many pictures has more say.
def mean_per_class(predictions, labels):
    return (predictions == labels).double().mean().item()

# %% the shares are taken over the predictions, not over the pictures tags=["wrong"]
# hint: Divide by the pictures of a class, not by how often it was answered.
def mean_per_class(predictions, labels):
    shares = [(labels[predictions == c] == c).double().mean() for c in predictions.unique()]
    return torch.stack(shares).mean().item()

# %% classes without a picture count as 0 tags=["wrong"]
# hint: Nobody can name a picture that is not there.
def mean_per_class(predictions, labels):
    classes = int(max(predictions.max(), labels.max())) + 1
    total = 0.0
    for c in range(classes):
        mask = labels == c
        if mask.any():
            total += (predictions[mask] == c).double().mean().item()
    return total / classes

# %% the shares are added up and not divided tags=["wrong"]
def mean_per_class(predictions, labels):
    return sum((predictions[labels == c] == c).double().mean() for c in labels.unique()).item()

# %% classes that are never predicted drop out tags=["wrong"]
# hint: Go over the classes in labels; one that was never named has the share 0.
def mean_per_class(predictions, labels):
    shares = [
        float((predictions[labels == c] == c).double().mean())
        for c in predictions.unique().tolist()
        if (labels == c).any()
    ]
    return sum(shares) / max(len(shares), 1)

# %% intersection over union is averaged tags=["wrong"]
# hint: Divide by the pictures of the class only.
def mean_per_class(predictions, labels):
    shares = []
    for c in labels.unique():
        both, either = (labels == c) & (predictions == c), (labels == c) | (predictions == c)
        shares.append((both.sum() / either.sum()).double())
    return torch.stack(shares).mean()

# %% the F1 score is averaged tags=["wrong"]
# hint: Divide by the pictures of the class only.
def mean_per_class(predictions, labels):
    shares = []
    for c in labels.unique():
        hits = ((labels == c) & (predictions == c)).sum()
        shares.append((2 * hits / ((labels == c).sum() + (predictions == c).sum())).double())
    return torch.stack(shares).mean()

# %% class 0 is left out tags=["wrong"]
# hint: The first class has the number 0.
def mean_per_class(predictions, labels):
    classes = [c for c in labels.unique().tolist() if c] or [0]
    return sum(float((predictions[labels == c] == c).double().mean()) for c in classes) / len(classes)

# %% the median of the classes is taken tags=["wrong"]
# hint: Add up the shares and divide by the number of classes.
def mean_per_class(predictions, labels):
    shares = [(predictions[labels == c] == c).double().mean() for c in labels.unique()]
    return torch.stack(shares).median()

# %% the hits of each class are divided by all pictures, not by its own tags=["wrong"]
# hint: How many pictures does this class have?
def mean_per_class(predictions, labels):
    hits = [(predictions[labels == c] == c).sum().double() for c in labels.unique()]
    return torch.stack(hits).mean() / len(labels)

# %% the hits of a class are divided by how often it was predicted tags=["wrong"]
# hint: That is precision. How many pictures does the class have?
def mean_per_class(predictions, labels):
    shares = []
    for c in labels.unique():
        chosen = labels[predictions == c]
        shares.append((chosen == c).double().mean().nan_to_num(0))
    return torch.stack(shares).mean()

# %% tags=["exercise"]
EXERCISE = dict(
    id="05.4",
    title="Recall in chunks",
    points=3,
    minutes=15,
    difficulty="medium",
    goal="Compute recall@k without ever holding the N x N matrix.",
    hints=[
        "The rank of a pair is how many columns of its row score higher than the right one. That needs one row at a time, or a chunk of rows.",
        "For rows start..stop: scores = image[start:stop] @ text.T, (c, N). The right column of row i of the chunk is start + i.",
        "right = scores[arange(c), start + arange(c)]; rank = (scores > right[:, None]).sum(1); count rank < k; divide by N at the end.",
    ],
)

# %% [markdown]
# For 43,060 pictures the matrix of the lesson would have 1.9 billion entries. Only the ranks matter, so it can be computed a few rows at a time.
#
# `image` and `text` are (N, E), and row *i* of one belongs to row *i* of the other. No two scores are equal. Return recall@k from picture to text: the share of pictures whose own text is among the k texts with the highest dot product. Compute at most `chunk` rows of the matrix at a time. N need not be a multiple of `chunk`, and k may exceed N.

# %%
def recall_at_k(image: Tensor, text: Tensor, k: int, chunk: int) -> float:
    """(N, E), (N, E) -> share of 1."""
    ### BEGIN SOLUTION
    found = 0
    for start in range(0, len(image), chunk):
        scores = image[start : start + chunk] @ text.T  # (c, N)
        own = start + torch.arange(len(scores))
        right = scores.gather(1, own[:, None])  # (c, 1)
        found += int(((scores > right).sum(dim=1) < k).sum())
    return found / len(image)
    ### END SOLUTION

# %%
check("05.4", recall_at_k)

# %% the right column starts at 0 in every chunk tags=["wrong"]
# hint: Which text belongs to the first row of the second chunk?
def recall_at_k(image, text, k, chunk):
    found = 0
    for start in range(0, len(image), chunk):
        scores = image[start : start + chunk] @ text.T
        right = scores[torch.arange(len(scores)), torch.arange(len(scores))][:, None]
        found += ((scores > right).sum(1) < k).sum().item()
    return found / len(image)

# %% only the texts of the same chunk are looked at tags=["wrong"]
# hint: Every picture chooses among all N texts.
def recall_at_k(image, text, k, chunk):
    found = 0
    for start in range(0, len(image), chunk):
        scores = image[start : start + chunk] @ text[start : start + chunk].T
        right = scores.diagonal()[:, None]
        found += ((scores > right).sum(1) < k).sum().item()
    return found / len(image)

# %% one rank too many counts as found tags=["wrong"]
# hint: Among the first 1 means that none scores higher.
def recall_at_k(image, text, k, chunk):
    scores = image @ text.T
    return ((scores > scores.diagonal()[:, None]).sum(1) <= k).double().mean().item()

# %% texts look for their picture, not pictures for their text tags=["wrong"]
# hint: Which of the two is in the rows?
def recall_at_k(image, text, k, chunk):
    scores = text @ image.T
    return ((scores > scores.diagonal()[:, None]).sum(1) < k).double().mean().item()

# %% the last, smaller chunk is left out tags=["wrong"]
# hint: N need not be a multiple of the chunk.
def recall_at_k(image, text, k, chunk):
    found = 0
    for start in range(0, len(image) - len(image) % chunk, chunk):
        scores = image[start : start + chunk] @ text.T
        right = scores[torch.arange(chunk), start + torch.arange(chunk)][:, None]
        found += ((scores > right).sum(1) < k).sum().item()
    return found / len(image)

# %% the chunks' recalls are averaged, the small one as much as the others tags=["wrong"]
# hint: Add up what was found, and divide once.
def recall_at_k(image, text, k, chunk):
    scores = image @ text.T
    found = ((scores > scores.diagonal()[:, None]).sum(dim=1) < k).double()
    return float(torch.stack([part.mean() for part in found.split(chunk)]).mean())

# %% only the first chunk is counted tags=["wrong"]
# hint: Is the return inside the loop?
def recall_at_k(image, text, k, chunk):
    for start in range(0, len(image), chunk):
        scores = image[start : start + chunk] @ text.T
        own = start + torch.arange(len(scores))
        right = scores.gather(1, own[:, None])
        return int(((scores > right).sum(dim=1) < k).sum()) / len(scores)

# %% cosines are compared, not dot products tags=["wrong"]
# hint: The scores are plain dot products here.
def recall_at_k(image, text, k, chunk):
    scores = F.normalize(image, dim=1) @ F.normalize(text, dim=1).T
    return float(((scores > scores.diagonal()[:, None]).sum(dim=1) < k).double().mean())

# %% distances are compared, not dot products tags=["wrong"]
# hint: The nearest text need not have the largest dot product.
def recall_at_k(image, text, k, chunk):
    scores = -torch.cdist(image, text)
    return float(((scores > scores.diagonal()[:, None]).sum(dim=1) < k).double().mean())

# %% k is ignored: only the best text counts tags=["wrong"]
# hint: The own text may be among the k best.
def recall_at_k(image, text, k, chunk):
    scores = image @ text.T
    return float(((scores > scores.diagonal()[:, None]).sum(dim=1) < 1).double().mean())

# %% only the first chunk is looked at, and its hits are divided by all pictures tags=["wrong"]
# hint: Does your loop reach the last row?
def recall_at_k(image, text, k, chunk):
    scores = image[:chunk] @ text.T
    own = scores[torch.arange(len(scores)), torch.arange(len(scores))]
    return int(((scores > own[:, None]).sum(dim=1) < k).sum()) / len(image)

# %% tags=["exercise"]
EXERCISE = dict(
    id="05.5",
    title="How low could the accuracy be?",
    points=3,
    minutes=15,
    difficulty="hard",
    goal="Compute the lower end of a Clopper-Pearson interval from its definition.",
    hints=[
        "At which accuracy p would `right` or more right answers out of n have exactly the probability `tail`? Smaller accuracies are ruled out.",
        "The probability of `right` or more is the sum over j from right to n of C(n, j) p^j (1-p)^(n-j). It rises with p, so halve an interval until it is small.",
        "low, high = 0.0, 1.0; 60 times: compute the sum at the middle; if it is below tail, the middle becomes low, otherwise high. Treat right = 0 separately.",
    ],
)

# %% [markdown]
# The lesson tries a thousand accuracies and keeps those that fit. Compute the lower end to six digits instead.
#
# It is the accuracy p at which the probability of `right` *or more* right answers out of `n` equals `tail`, which is 0.025 for an interval of 95 %. For `right` = 0 it is 0. Use `math.comb` and no statistics library; n is at most 200. For 3 of 3 and a tail of 0.025 the result is 0.292.

# %%
def lower_end(right: int, n: int, tail: float) -> float:
    """The smallest accuracy that fits what was seen."""
    ### BEGIN SOLUTION
    if right == 0:
        return 0.0
    low, high = 0.0, 1.0
    for _ in range(60):
        p = (low + high) / 2
        more = sum(math.comb(n, j) * p**j * (1 - p) ** (n - j) for j in range(right, n + 1))
        low, high = (p, high) if more < tail else (low, p)
    return low
    ### END SOLUTION

# %%
check("05.5", lower_end)

# %% the probability of more than that many is used, not of that many or more tags=["wrong"]
# hint: Where does the sum over j begin?
def lower_end(right, n, tail):
    if right == n:
        return 1.0
    low, high = 0.0, 1.0
    for _ in range(60):
        p = (low + high) / 2
        more = sum(math.comb(n, j) * p**j * (1 - p) ** (n - j) for j in range(right + 1, n + 1))
        low, high = (p, high) if more < tail else (low, p)
    return low

# %% the bell curve of 95 % is used, whatever the tail is tags=["wrong"]
# hint: Near 0 and 1 and for few pictures it is wrong; use the definition.
def lower_end(right, n, tail):
    p = right / n
    return max(0.0, p - 1.959964 * math.sqrt(p * (1 - p) / n))

# %% the upper end is returned tags=["wrong"]
# hint: At the lower end, so many right answers are surprisingly *many*.
def lower_end(right, n, tail):
    if right == n:
        return 1.0
    low, high = 0.0, 1.0
    for _ in range(60):
        p = (low + high) / 2
        less = sum(math.comb(n, j) * p**j * (1 - p) ** (n - j) for j in range(right + 1))
        low, high = (p, high) if less > tail else (low, p)
    return low

# %% the tail is halved once more tags=["wrong"]
# hint: tail is the share of one side already.
def lower_end(right, n, tail):
    if right == 0:
        return 0.0
    low, high = 0.0, 1.0
    for _ in range(60):
        p = (low + high) / 2
        more = sum(math.comb(n, j) * p**j * (1 - p) ** (n - j) for j in range(right, n + 1))
        low, high = (p, high) if more < tail / 2 else (low, p)
    return low

# %% the bell curve is used tags=["wrong"]
# hint: Near 0 and 1 and for few pictures it is wrong; use the definition.
def lower_end(right, n, tail):
    from statistics import NormalDist

    p = right / n
    return max(0.0, p - NormalDist().inv_cdf(1 - tail) * math.sqrt(p * (1 - p) / n))

# %% the probability of exactly that many is used tags=["wrong"]
# hint: So many *or more*: add up the larger ones, too.
def lower_end(right, n, tail):
    low, high = 0.0, right / n
    for _ in range(60):
        p = (low + high) / 2
        exactly = math.comb(n, right) * p**right * (1 - p) ** (n - right)
        low, high = (p, high) if exactly < tail else (low, p)
    return low

# %% the case that all are right is left out of the sum tags=["wrong"]
# hint: The last term is that of n of n.
def lower_end(right, n, tail):
    low, high = 0.0, 1.0 if right else 0.0
    for _ in range(60):
        p = (low + high) / 2
        reached = sum(math.comb(n, j) * p**j * (1 - p) ** (n - j) for j in range(right, n))
        low, high = (p, high) if reached < tail else (low, p)
    return low

# %% p and 1 - p are exchanged in the sum tags=["wrong"]
# hint: The probability of a right answer is p.
def lower_end(right, n, tail):
    low, high = 0.0, 1.0 if right else 0.0
    for _ in range(60):
        p = (low + high) / 2
        reached = sum(math.comb(n, j) * (1 - p) ** j * p ** (n - j) for j in range(right, n + 1))
        low, high = (p, high) if reached < tail else (low, p)
    return low

# %% the search is too coarse for six digits tags=["wrong"]
# hint: Each halving gains one binary digit: how many are six decimal ones?
def lower_end(right, n, tail):
    low, high = 0.0, 1.0 if right else 0.0
    for _ in range(10):
        p = (low + high) / 2
        reached = sum(math.comb(n, j) * p**j * (1 - p) ** (n - j) for j in range(right, n + 1))
        low, high = (p, high) if reached < tail else (low, p)
    return (low + high) / 2

# %% the interval of Wilson is used, which is an approximation tags=["wrong"]
# hint: The exact end follows from the binomial sum.
def lower_end(right, n, tail):
    from statistics import NormalDist

    z, p = NormalDist().inv_cdf(1 - tail), right / n
    middle, half = p + z * z / (2 * n), z * math.sqrt(p * (1 - p) / n + z * z / (4 * n * n))
    return max(0.0, (middle - half) / (1 + z * z / n))

# %% three digits are tried or returned, where six are asked for tags=["wrong"]
# hint: A grid of a thousand accuracies has steps of 0.001.
def lower_end(right, n, tail):
    from clipedu_lessons.l05_zero_shot.checks.measures import lower_end

    return round(lower_end(right, n, tail), 3)

# %% tags=["exercise"]
EXERCISE = dict(
    id="05.7",
    title="Name pictures with your own model",
    points=3,
    minutes=20,
    difficulty="medium",
    goal="Go from a folder of pictures to names with probabilities, with the model of my_clip.py.",
    hints=[
        "Which values did the model see in training, 0 to 1 or -1 to 1? Lesson 04's `to_model` does that step, and `encode_image` doesn't.",
        "`model.logit_scale` holds the logarithm of the scale. The probabilities are a softmax over the classes, so over dimension 1.",
        "Remember model.training; model.eval(); under torch.no_grad() embed each part of pictures.split(batch_size) with normalize=True; torch.cat; scale times the product with weights.T; softmax; max over dim 1; set the mode back.",
    ],
)

# %% [markdown]
# Your `zero_shot_classifier` (exercise 04.15) makes the weights. What is missing is the other half, which names pictures.
#
# `model` is a CLIP as in your `my_clip.py`: it has `encode_image(pictures, normalize=...)` and the parameter `logit_scale`, which is $t = \ln s$. `weights` are (C, E) with rows of length 1. `pictures` are (N, 3, R, R) with values from **0 to 1**, while the model was trained on values from **-1 to 1**.
#
# Return two tensors of shape (N,): the index of the best class and its probability among the C classes. Give the model at most `batch_size` pictures at a time, compute no gradients, and use the model in evaluation mode. Afterwards it must be in the mode in which you got it.
#
# When the check passes, try it: `load_my_clip()` and `use("mine")` of `clipedu_lessons.common.mine` give you your own file and your trained model, and `clipedu.pairs.clean_picture("photo.png")` opens a picture of your own.

# %%
def name_pictures(model, weights: Tensor, pictures: Tensor, batch_size: int) -> tuple[Tensor, Tensor]:
    """(N, 3, R, R) in 0..1 -> the best class (N,) and its probability (N,)."""
    ### BEGIN SOLUTION
    training = model.training
    model.eval()
    with torch.no_grad():
        parts = [model.encode_image(2 * part - 1, normalize=True) for part in pictures.split(batch_size)]
        logits = model.logit_scale.exp() * torch.cat(parts) @ weights.T  # (N, C)
    model.train(training)
    best = logits.softmax(dim=1).max(dim=1)
    return best.indices, best.values
    ### END SOLUTION

# %%
check("05.7", name_pictures)

# %% the pictures keep their values from 0 to 1 tags=["wrong"]
# hint: Which values did the model see in training?
from clipedu_lessons.l05_zero_shot.checks.classifier import best_of, probabilities

def name_pictures(*given):
    return best_of(probabilities(*given, prepare=lambda x: x))

# %% the model stays in training mode while it embeds tags=["wrong"]
# hint: A model in training mode may drop values at random, or normalize over the batch.
from clipedu_lessons.l05_zero_shot.checks.classifier import best_of, probabilities

def name_pictures(*given):
    return best_of(probabilities(*given, train=True))

# %% the model is left in evaluation mode tags=["wrong"]
# hint: Somebody may be training this model. Which mode did it have before?
from clipedu_lessons.l05_zero_shot.checks.classifier import best_of, probabilities

def name_pictures(*given):
    return best_of(probabilities(*given, restore=False))

# %% the logit scale is used without its exponential tags=["wrong"]
# hint: The parameter is t, and the scale is s = exp(t).
from clipedu_lessons.l05_zero_shot.checks.classifier import best_of, probabilities

def name_pictures(*given):
    return best_of(probabilities(*given, scale=lambda t: t))

# %% the cosines are not multiplied by the logit scale tags=["wrong"]
# hint: The best class stays the same, but what happens to its probability?
from clipedu_lessons.l05_zero_shot.checks.classifier import best_of, probabilities

def name_pictures(*given):
    return best_of(probabilities(*given, scale=lambda t: 1.0))

# %% the embeddings of the pictures are not normalized tags=["wrong"]
# hint: What does encode_image return by default?
from clipedu_lessons.l05_zero_shot.checks.classifier import best_of, probabilities

def name_pictures(*given):
    return best_of(probabilities(*given, normalize=False))

# %% the softmax runs over the pictures, not over the classes tags=["wrong"]
# hint: For one picture, the probabilities of all classes add up to 1.
def name_pictures(model, weights, pictures, batch_size):
    training = model.training
    model.eval()
    with torch.no_grad():
        parts = [model.encode_image(2 * part - 1, normalize=True) for part in pictures.split(batch_size)]
        logits = model.logit_scale.exp() * torch.cat(parts) @ weights.T
    model.train(training)
    best = logits.softmax(dim=0).max(dim=1)
    return best.indices, best.values

# %% the gradients are kept tags=["wrong"]
# hint: Nobody will call backward here, so the memory for it is wasted.
def name_pictures(model, weights, pictures, batch_size):
    training = model.training
    model.eval()
    parts = [model.encode_image(2 * part - 1, normalize=True) for part in pictures.split(batch_size)]
    best = (model.logit_scale.exp() * torch.cat(parts) @ weights.T).softmax(dim=1).max(dim=1)
    model.train(training)
    return best.indices, best.values

# %% the logit is returned, not the probability tags=["wrong"]
# hint: A probability is between 0 and 1.
def name_pictures(model, weights, pictures, batch_size):
    training = model.training
    model.eval()
    with torch.no_grad():
        parts = [model.encode_image(2 * part - 1, normalize=True) for part in pictures.split(batch_size)]
        best = (model.logit_scale.exp() * torch.cat(parts) @ weights.T).max(dim=1)
    model.train(training)
    return best.indices, best.values

# %% 1 is subtracted, but the values are not doubled tags=["wrong"]
# hint: 0 becomes -1 and 1 stays 1.
@torch.no_grad()
def name_pictures(model, weights, pictures, batch_size):
    training = model.training
    model.eval()
    parts = [model.encode_image(part - 1, normalize=True) for part in pictures.split(batch_size)]
    best = (model.logit_scale.exp() * torch.cat(parts) @ weights.T).softmax(dim=1).max(dim=1)
    model.train(training)
    return best.indices, best.values

# %% the pictures are taken to have values up to 255 tags=["wrong"]
# hint: The values are from 0 to 1 already.
@torch.no_grad()
def name_pictures(model, weights, pictures, batch_size):
    training = model.training
    model.eval()
    parts = [model.encode_image(part / 127.5 - 1, normalize=True) for part in pictures.split(batch_size)]
    best = (model.logit_scale.exp() * torch.cat(parts) @ weights.T).softmax(dim=1).max(dim=1)
    model.train(training)
    return best.indices, best.values

# %% the mean and spread of OpenAI's pictures are used tags=["wrong"]
# hint: This model was trained on values from -1 to 1.
@torch.no_grad()
def name_pictures(model, weights, pictures, batch_size):
    training = model.training
    model.eval()
    parts = [model.encode_image((part - 0.45) / 0.27, normalize=True) for part in pictures.split(batch_size)]
    best = (model.logit_scale.exp() * torch.cat(parts) @ weights.T).softmax(dim=1).max(dim=1)
    model.train(training)
    return best.indices, best.values

# %% the last batch is left out when it is not full tags=["wrong"]
# hint: N need not be a multiple of `batch_size`.
@torch.no_grad()
def name_pictures(model, weights, pictures, batch_size):
    training = model.training
    model.eval()
    parts = [model.encode_image(2 * part - 1, normalize=True) for part in (pictures.split(batch_size) if len(pictures) < batch_size else [pictures[i : i + batch_size] for i in range(0, len(pictures) - batch_size + 1, batch_size)])]
    best = (model.logit_scale.exp() * torch.cat(parts) @ weights.T).softmax(dim=1).max(dim=1)
    model.train(training)
    return best.indices, best.values

# %% only the first batch is named tags=["wrong"]
# hint: All N pictures want a name.
@torch.no_grad()
def name_pictures(model, weights, pictures, batch_size):
    training = model.training
    model.eval()
    parts = [model.encode_image(2 * part - 1, normalize=True) for part in [pictures[:batch_size]]]
    best = (model.logit_scale.exp() * torch.cat(parts) @ weights.T).softmax(dim=1).max(dim=1)
    model.train(training)
    return best.indices, best.values

# %% all pictures go through the model at once tags=["wrong"]
# hint: At most `batch_size` pictures at a time.
@torch.no_grad()
def name_pictures(model, weights, pictures, batch_size):
    training = model.training
    model.eval()
    parts = [model.encode_image(2 * part - 1, normalize=True) for part in [pictures]]
    best = (model.logit_scale.exp() * torch.cat(parts) @ weights.T).softmax(dim=1).max(dim=1)
    model.train(training)
    return best.indices, best.values

# %% a sigmoid takes the place of the softmax tags=["wrong"]
# hint: The classes compete: their probabilities add up to 1.
@torch.no_grad()
def name_pictures(model, weights, pictures, batch_size):
    training = model.training
    model.eval()
    parts = [model.encode_image(2 * part - 1, normalize=True) for part in pictures.split(batch_size)]
    best = (model.logit_scale.exp() * torch.cat(parts) @ weights.T).sigmoid().max(dim=1)
    model.train(training)
    return best.indices, best.values

# %% the cosine is returned, not the probability tags=["wrong"]
# hint: A probability takes all classes into account.
@torch.no_grad()
def name_pictures(model, weights, pictures, batch_size):
    training = model.training
    model.eval()
    parts = [model.encode_image(2 * part - 1, normalize=True) for part in pictures.split(batch_size)]
    best = (torch.cat(parts) @ weights.T).max(dim=1)
    model.train(training)
    return best.indices, best.values

# %% the cosines are divided by the logit scale tags=["wrong"]
# hint: The scale is 1 / temperature.
@torch.no_grad()
def name_pictures(model, weights, pictures, batch_size):
    training = model.training
    model.eval()
    parts = [model.encode_image(2 * part - 1, normalize=True) for part in pictures.split(batch_size)]
    best = (torch.cat(parts) @ weights.T / model.logit_scale.exp()).softmax(dim=1).max(dim=1)
    model.train(training)
    return best.indices, best.values

# %% the two results are exchanged tags=["wrong"]
# hint: First the index of the class, then its probability.
@torch.no_grad()
def name_pictures(model, weights, pictures, batch_size):
    training = model.training
    model.eval()
    parts = [model.encode_image(2 * part - 1, normalize=True) for part in pictures.split(batch_size)]
    best = (model.logit_scale.exp() * torch.cat(parts) @ weights.T).softmax(dim=1).max(dim=1)
    model.train(training)
    return best.values, best.indices

# %% the model is always left in training mode tags=["wrong"]
# hint: Which mode did it have before?
@torch.no_grad()
def name_pictures(model, weights, pictures, batch_size):
    training = model.training
    model.eval()
    parts = [model.encode_image(2 * part - 1, normalize=True) for part in pictures.split(batch_size)]
    best = (model.logit_scale.exp() * torch.cat(parts) @ weights.T).softmax(dim=1).max(dim=1)
    model.train(True)
    return best.indices, best.values

# %% the pictures are changed in place tags=["wrong"]
# hint: The caller's pictures are to stay as they are: `mul_` and `sub_` change them.
@torch.no_grad()
def name_pictures(model, weights, pictures, batch_size):
    training = model.training
    model.eval()
    parts = [model.encode_image(part.mul_(2).sub_(1), normalize=True) for part in pictures.split(batch_size)]
    best = (model.logit_scale.exp() * torch.cat(parts) @ weights.T).softmax(dim=1).max(dim=1)
    model.train(training)
    return best.indices, best.values

# %% the probabilities of all classes are returned tags=["wrong"]
# hint: One number for each picture: that of the best class.
from clipedu_lessons.l05_zero_shot.checks.classifier import probabilities

def name_pictures(*given):
    every = probabilities(*given)
    return every.argmax(dim=1), every

# %% the softmax runs over the pictures of a batch tags=["wrong"]
# hint: For one picture, the probabilities of all classes add up to 1.
@torch.no_grad()
def name_pictures(model, weights, pictures, batch_size):
    training = model.training
    model.eval()
    parts = []
    for part in pictures.split(batch_size):
        image = model.encode_image(2 * part - 1, normalize=True)
        parts.append((model.logit_scale.exp() * image @ weights.T).softmax(dim=0))
    model.train(training)
    best = torch.cat(parts).max(dim=1)
    return best.indices, best.values

# %% tags=["exercise"]
EXERCISE = dict(
    id="05.8",
    title="A threshold with a false alarm rate",
    points=3,
    minutes=15,
    difficulty="medium",
    goal="Choose the threshold of \"none of these\" so that a promise is kept on the pictures at hand.",
    hints=[
        "Sort the strangers' scores from high to low. If you may be wrong about two strangers, which score is the last that must be refused?",
        "At most floor(rate * M) strangers may be accepted. A picture is accepted if its score is greater than the threshold, so the threshold itself is refused.",
        "falling = sorted(strangers.tolist(), reverse=True); allowed = int(rate * M); the threshold is falling[allowed], or -1 if all may be accepted.",
    ],
)

# %% [markdown]
# The lesson uses a quantile, which interpolates between two scores and promises nothing exactly. Your threshold keeps its promise.
#
# `strangers` are the best cosines of M pictures that show none of the classes, `known` those of pictures that show one of them. A picture is accepted if its score is **greater** than the threshold. Find the smallest threshold among the strangers' scores at which the share of accepted strangers is **at most** `rate`. If every stranger may be accepted, the threshold is -1. Scores may be equal.
#
# Return the threshold and the share of `known` that it accepts.

# %%
def threshold_for(known: Tensor, strangers: Tensor, rate: float) -> tuple[float, float]:
    """(K,), (M,) best cosines, and a share of 1 -> the threshold, and the share of known pictures accepted."""
    ### BEGIN SOLUTION
    falling = sorted(strangers.tolist(), reverse=True)
    allowed = int(rate * len(falling) + 1e-9)  # 1e-9: 0.29 * 100 is 28.999...
    threshold = falling[allowed] if allowed < len(falling) else -1.0
    return threshold, float((known > threshold).double().mean())
    ### END SOLUTION

# %%
check("05.8", threshold_for)

# %% the quantile is interpolated between two scores tags=["wrong"]
# hint: The threshold must be one of the strangers' scores.
def threshold_for(known, strangers, rate):
    threshold = float(strangers.quantile(1 - rate))
    return threshold, float((known > threshold).double().mean())

# %% one stranger too few is accepted tags=["wrong"]
# hint: The threshold itself is refused: how many scores lie above it?
def threshold_for(known, strangers, rate):
    falling = sorted(strangers.tolist(), reverse=True)
    threshold = falling[max(0, int(rate * len(falling) + 1e-9) - 1)]
    return threshold, float((known > threshold).double().mean())

# %% the number of allowed false alarms is rounded up tags=["wrong"]
# hint: At most this share: 2.4 strangers are two.
def threshold_for(known, strangers, rate):
    falling = sorted(strangers.tolist(), reverse=True)
    allowed = math.ceil(rate * len(falling) - 1e-9)
    threshold = falling[allowed] if allowed < len(falling) else -1.0
    return threshold, float((known > threshold).double().mean())

# %% the rate is held for the known pictures, not for the strangers tags=["wrong"]
# hint: A false alarm is a stranger that gets a name.
def threshold_for(known, strangers, rate):
    falling = sorted(known.tolist(), reverse=True)
    allowed = int(rate * len(falling) + 1e-9)
    threshold = falling[allowed] if allowed < len(falling) else -1.0
    return threshold, float((known > threshold).double().mean())

# %% the lowest scores are counted as false alarms tags=["wrong"]
# hint: A stranger with a high score is the one that gets a name.
def threshold_for(known, strangers, rate):
    rising = sorted(strangers.tolist())
    allowed = int(rate * len(rising) + 1e-9)
    threshold = rising[allowed] if allowed < len(rising) else -1.0
    return threshold, float((known > threshold).double().mean())

# %% scores equal to the threshold are accepted tags=["wrong"]
# hint: Accepted is what is greater than the threshold, in both sets.
def threshold_for(known, strangers, rate):
    falling = sorted(strangers.tolist(), reverse=True)
    allowed = int(rate * len(falling) + 1e-9)
    threshold = falling[allowed] if allowed < len(falling) else -1.0
    return threshold, float((known >= threshold).double().mean())

# %% the share of all pictures that are accepted is returned tags=["wrong"]
# hint: The second number speaks of the known pictures only.
def threshold_for(known, strangers, rate):
    falling = sorted(strangers.tolist(), reverse=True)
    allowed = int(rate * len(falling) + 1e-9)
    threshold = falling[allowed] if allowed < len(falling) else -1.0
    return threshold, float((torch.cat([known, strangers]) > threshold).double().mean())

# %% the share of accepted strangers is returned tags=["wrong"]
# hint: The second number speaks of the known pictures.
def threshold_for(known, strangers, rate):
    falling = sorted(strangers.tolist(), reverse=True)
    allowed = int(rate * len(falling) + 1e-9)
    threshold = falling[allowed] if allowed < len(falling) else -1.0
    return threshold, float((strangers > threshold).double().mean())

# %% the number of accepted pictures is returned, not their share tags=["wrong"]
# hint: Divide by the number of known pictures.
def threshold_for(known, strangers, rate):
    falling = sorted(strangers.tolist(), reverse=True)
    allowed = int(rate * len(falling) + 1e-9)
    threshold = falling[allowed] if allowed < len(falling) else -1.0
    return threshold, float((known > threshold).double().sum())

# %% the two results are exchanged tags=["wrong"]
# hint: First the threshold, then the share.
def threshold_for(known, strangers, rate):
    falling = sorted(strangers.tolist(), reverse=True)
    allowed = int(rate * len(falling) + 1e-9)
    threshold = falling[allowed] if allowed < len(falling) else -1.0
    return float((known > threshold).double().mean()), threshold

# %% the threshold is halfway between two scores tags=["wrong"]
# hint: The threshold is one of the strangers' scores.
def threshold_for(known, strangers, rate):
    falling = sorted(strangers.tolist(), reverse=True)
    allowed = int(rate * len(falling) + 1e-9)
    threshold = -1.0 if allowed >= len(falling) else falling[0] if not allowed else (falling[allowed] + falling[allowed - 1]) / 2
    return threshold, float((known > threshold).double().mean())

# %% equal scores of strangers are counted once tags=["wrong"]
# hint: Each stranger counts.
def threshold_for(known, strangers, rate):
    strangers = strangers.unique()
    falling = sorted(strangers.tolist(), reverse=True)
    allowed = int(rate * len(falling) + 1e-9)
    threshold = falling[allowed] if allowed < len(falling) else -1.0
    return threshold, float((known > threshold).double().mean())

# %% the largest threshold is returned, which accepts no stranger tags=["wrong"]
# hint: Find the smallest one that keeps the promise.
def threshold_for(known, strangers, rate):
    falling = sorted(strangers.tolist(), reverse=True)
    allowed = int(rate * len(falling) + 1e-9)
    threshold = falling[0] if rate < 1 else -1.0
    return threshold, float((known > threshold).double().mean())

# %% the lowest score of the strangers is returned where all may be accepted tags=["wrong"]
# hint: That stranger would be refused. Which threshold accepts everybody?
def threshold_for(known, strangers, rate):
    falling = sorted(strangers.tolist(), reverse=True)
    allowed = int(rate * len(falling) + 1e-9)
    threshold = falling[min(allowed, len(falling) - 1)]
    return threshold, float((known > threshold).double().mean())

# %% 0 is returned where every stranger may be accepted tags=["wrong"]
# hint: A cosine can be below 0: which threshold accepts everybody?
def threshold_for(known, strangers, rate):
    falling = sorted(strangers.tolist(), reverse=True)
    allowed = int(rate * len(falling) + 1e-9)
    threshold = falling[allowed] if allowed < len(falling) else 0.0
    return threshold, float((known > threshold).double().mean())

# %% the smallest of the known scores that keeps the promise is returned tags=["wrong"]
# hint: The threshold is one of the strangers' scores.
def threshold_for(known, strangers, rate):
    fit = [t for t in sorted(known.tolist()) if float((strangers > t).double().mean()) <= rate]
    threshold = fit[0] if fit and rate < 1 else -1.0
    return threshold, float((known > threshold).double().mean())

# %% tags=["exercise"]
EXERCISE = dict(
    id="05.9",
    title="Two confident errors, two causes",
    kind="investigate",
    points=4,
    minutes=25,
    difficulty="medium",
    goal="Find the cause of a wrong answer by changing one thing at a time.",
    hints=[
        "List what could be the cause before you test anything: the picture looks like something else, the wrong name is right too, the right name is rare in training, the list lacks a better name.",
        "Each cause predicts something. If two names are both right, what happens when the wrong one leaves the list? If the shape is to blame, which training pictures are nearest?",
        "classify(model, tokenizer, picture, other_names, \"icon\") asks again with another list. F.max_pool2d(picture[None], 3, 1, 1)[0] makes black lines thinner.",
    ],
)

# %% [markdown]
# The cell below prints errors that the model makes with more than 95 % "probability" on Font Awesome, a set that it was never trained on. Choose **two** errors that you think have different causes. For each, write down a cause, what it predicts, and a test in which exactly one thing changes: the list of names, the words of one name, or the picture.
#
# Hand in both tests with their numbers and at most ten lines. Say for each whether the cause survived.

# %%
def confident_errors(least=0.95):
    """(picture, right name, answer, probability) of the errors, the most confident first."""
    from clipedu.evaluation import classify, load_task
    from clipedu.training import load_pretrained

    model, tokenizer, _ = load_pretrained()
    task = load_task("font_awesome")
    answers = classify(model, tokenizer, task.pictures, task.class_names, "icon")
    errors = []
    for picture, label, ranking in zip(task.pictures, task.labels.tolist(), answers):
        right, best = task.class_names[label], ranking[0]
        if best.name != right and best.probability > least:
            errors.append((picture, right, best.name, best.probability))
    return sorted(errors, key=lambda error: -error[3])


for _, right, answer, probability in confident_errors():
    print(f"{right:12} was called {answer:18} with {probability:.1%}")

# %% [markdown] tags=["answer"]
# **message, called comment (99.5 %).** Cause: both names are right, since both are speech bubbles. It predicts that *message* wins as soon as *comment* leaves the list. Test: the same picture without *comment*. Result: *message* with 99.8 %. The cause survived. The error is one of the labels, and the two names share what the model knows of speech bubbles.
#
# **ring, called minus (99.4 %).** Cause: the shape. This ring is drawn as an ellipse with a bar, so it resembles "remove" icons. It predicts that the nearest training pictures are such icons and that *ring* does not win without *minus*. Tests: of the twelve nearest training pictures by embedding, most are named *remove circle*, *do disturb on* or *dash circle*; without *minus* the best answers are *trademark* (38 %) and *list* (19 %), not *ring*. With thinner lines the answer changes to *trademark* (79 %), so the drawing matters. The cause survived. Another cause fits as well: only two training pictures are named *ring*, so the name may be placed badly. To separate the two I would ask with a name that training read often, or draw a ring in another style.
#
# In both cases the probability says nothing about the cause. It is high because one name of this list is ahead of all others.

# %% [markdown] tags=["rubric"]
# * 1 point: two errors with different causes, each with a prediction that could have failed.
# * 1 point: exactly one thing is changed in each test, and the numbers before and after are given.
# * 1 point: the conclusion follows from the numbers; "the cause did not survive" is a full answer.
# * 1 point: another possible cause is named, or what the test cannot tell.

# %% tags=["exercise"]
EXERCISE = dict(
    id="05.10",
    title="Search without looking at everything",
    points=6,
    minutes=60,
    difficulty="hard",
    goal="Build an approximate search: cells by k-means, a few of them visited for each query.",
    hints=[
        "Write it in two parts. The first moves the centers: assign every vector to the center with the largest dot product, then replace each center by the mean of its members, made length 1. The second part searches with the final centers.",
        "After the last move, assign the vectors once more. For a query, take the `probes` centers with the largest dot product. The candidates are the vectors of those cells, and only they are compared with the query.",
        "Keep the row numbers: rows = torch.isin(cell, best_cells).nonzero()[:, 0]; order = (vectors[rows] @ query).argsort(descending=True)[:k]; found[q, :len(order)] = rows[order]. `found` starts as torch.full((Q, k), -1).",
    ],
)

# %% [markdown]
# The search of the lesson compares a query with every picture. That is fine for 43,060 pictures and too slow for a billion. An *inverted file*, which libraries such as FAISS call IVF, first groups the vectors into cells and then looks only into the cells near the query.
#
# **Build.** `vectors` are (M, E) with rows of length 1. The centers of the C cells start as the vectors whose row numbers are in `start`, a tensor of shape (C,). Repeat `steps` times: every vector belongs to the center with the largest dot product, and of equal ones to the first. Each center then becomes the mean of its vectors, divided by its length. A center without vectors stays as it is. After the last step, assign the vectors to the centers once more.
#
# **Search.** For each of the Q `queries`, choose the `probes` centers with the largest dot product. Compare the query only with the vectors of these cells, and return the row numbers in `vectors` of the k best, best first.
#
# Return two things: the rows, a tensor (Q, k) of whole numbers in which -1 fills the end if the cells held fewer than k vectors, and the **share** of all M vectors that a query was compared with, as the mean over the queries.
#
# When the check passes, measure it. Take the held-out pictures of the lesson as `vectors` and plot recall@10 against the share for 1, 2, 4, 8 and 16 of 64 cells. How much work does a recall of 95 % cost?

# %%
def cell_search(vectors: Tensor, start: Tensor, steps: int, queries: Tensor, k: int, probes: int) -> tuple[Tensor, float]:
    """(M, E), (C,) rows, steps, (Q, E), k, probes -> rows (Q, k) and the share of M compared."""
    ### BEGIN SOLUTION
    centers = vectors[start].clone()  # (C, E)
    for _ in range(steps):
        cell = (vectors @ centers.T).argmax(dim=1)  # (M,)
        for c in range(len(centers)):
            members = vectors[cell == c]
            if len(members):
                centers[c] = F.normalize(members.mean(dim=0), dim=0)
    cell = (vectors @ centers.T).argmax(dim=1)
    found = torch.full((len(queries), k), -1)
    compared = 0
    for q, query in enumerate(queries):
        visited = (centers @ query).topk(probes).indices  # (probes,)
        rows = torch.isin(cell, visited).nonzero()[:, 0]  # candidates, as rows of `vectors`
        order = (vectors[rows] @ query).argsort(descending=True)[:k]
        found[q, : len(order)] = rows[order]
        compared += len(rows)
    return found, compared / len(queries) / len(vectors)
    ### END SOLUTION

# %%
check("05.10", cell_search)

# %% the rows are counted within the candidates, not within all vectors tags=["wrong"]
# hint: Row 0 of the candidates has another number in `vectors`.
def cell_search(vectors, start, steps, queries, k, probes):
    centers = vectors[start].clone()
    for _ in range(steps):
        cell = (vectors @ centers.T).argmax(dim=1)
        for c in range(len(centers)):
            if (cell == c).any():
                centers[c] = F.normalize(vectors[cell == c].mean(dim=0), dim=0)
    cell = (vectors @ centers.T).argmax(dim=1)
    found, compared = torch.full((len(queries), k), -1), 0
    for q, query in enumerate(queries):
        rows = torch.isin(cell, (centers @ query).topk(probes).indices).nonzero()[:, 0]
        order = (vectors[rows] @ query).argsort(descending=True)[:k]
        found[q, : len(order)] = order
        compared += len(rows)
    return found, compared / len(queries) / len(vectors)

# %% only the best cell is visited, whatever probes is tags=["wrong"]
# hint: A vector near the border of its cell is found only if the neighboring cell is visited, too.
from clipedu_lessons.l05_zero_shot.checks.search import cell_search as right

def cell_search(vectors, start, steps, queries, k, probes):
    return right(vectors, start, steps, queries, k, 1)

# %% every vector is compared, so the search is exact and nothing is saved tags=["wrong"]
# hint: Only the vectors of the visited cells are candidates.
def cell_search(vectors, start, steps, queries, k, probes):
    order = (queries @ vectors.T).argsort(dim=1, descending=True)[:, :k]
    found = torch.full((len(queries), k), -1)
    found[:, : order.shape[1]] = order
    return found, 1.0

# %% the centers stay where they started tags=["wrong"]
# hint: What happens `steps` times?
from clipedu_lessons.l05_zero_shot.checks.search import cell_search as right

def cell_search(vectors, start, steps, queries, k, probes):
    return right(vectors, start, 0, queries, k, probes)

# %% the centers are means that are not made length 1 again tags=["wrong"]
# hint: A short center has small dot products, so its cell is visited too rarely.
from clipedu_lessons.l05_zero_shot.checks.search import cell_search as right

def cell_search(vectors, start, steps, queries, k, probes):
    return right(vectors, start, steps, queries, k, probes, keep_length=True)

# %% the vectors are searched in the cells of one step before tags=["wrong"]
# hint: The centers moved after the vectors were last assigned.
def cell_search(vectors, start, steps, queries, k, probes):
    centers = vectors[start].clone()
    cell = (vectors @ centers.T).argmax(dim=1)
    for _ in range(steps):
        cell = (vectors @ centers.T).argmax(dim=1)
        for c in range(len(centers)):
            if (cell == c).any():
                centers[c] = F.normalize(vectors[cell == c].mean(dim=0), dim=0)
    found, compared = torch.full((len(queries), k), -1), 0
    for q, query in enumerate(queries):
        rows = torch.isin(cell, (centers @ query).topk(probes).indices).nonzero()[:, 0]
        order = (vectors[rows] @ query).argsort(descending=True)[:k]
        found[q, : len(order)] = rows[order]
        compared += len(rows)
    return found, compared / len(queries) / len(vectors)

# %% the share leaves out the queries, and is their sum tags=["wrong"]
# hint: It is the mean over the queries.
from clipedu_lessons.l05_zero_shot.checks.search import cell_search as right

def cell_search(vectors, start, steps, queries, k, probes):
    found, share = right(vectors, start, steps, queries, k, probes)
    return found, share * len(queries)

# %% the first C vectors are the centers, whatever `start` says tags=["wrong"]
# hint: `start` holds row numbers.
def cell_search(vectors, start, steps, queries, k, probes):
    centers = vectors[: len(start)].clone()
    for _ in range(steps):
        cell = (vectors @ centers.T).argmax(dim=1)
        for c in range(len(centers)):
            members = vectors[cell == c]
            if len(members):
                centers[c] = F.normalize(members.mean(dim=0), dim=0)
    cell = (vectors @ centers.T).argmax(dim=1)
    found, met = torch.full((len(queries), k), -1), 0
    for q, query in enumerate(queries):
        cells = (centers @ query).topk(probes).indices
        rows = torch.isin(cell, cells).nonzero()[:, 0]
        order = (vectors[rows] @ query).argsort(descending=True)[:k]
        found[q, : len(order)] = rows[order]
        met += len(rows)
    return found, met / len(queries) / len(vectors)

# %% the worst rows come first tags=["wrong"]
# hint: Best first: which way does argsort sort?
def cell_search(vectors, start, steps, queries, k, probes):
    centers = vectors[start].clone()
    for _ in range(steps):
        cell = (vectors @ centers.T).argmax(dim=1)
        for c in range(len(centers)):
            members = vectors[cell == c]
            if len(members):
                centers[c] = F.normalize(members.mean(dim=0), dim=0)
    cell = (vectors @ centers.T).argmax(dim=1)
    found, met = torch.full((len(queries), k), -1), 0
    for q, query in enumerate(queries):
        cells = (centers @ query).topk(probes).indices
        rows = torch.isin(cell, cells).nonzero()[:, 0]
        order = (vectors[rows] @ query).argsort()[:k]
        found[q, : len(order)] = rows[order]
        met += len(rows)
    return found, met / len(queries) / len(vectors)

# %% the rows that are missing are filled with 0 tags=["wrong"]
# hint: 0 is the number of a row; -1 is none.
def cell_search(vectors, start, steps, queries, k, probes):
    centers = vectors[start].clone()
    for _ in range(steps):
        cell = (vectors @ centers.T).argmax(dim=1)
        for c in range(len(centers)):
            members = vectors[cell == c]
            if len(members):
                centers[c] = F.normalize(members.mean(dim=0), dim=0)
    cell = (vectors @ centers.T).argmax(dim=1)
    found, met = torch.zeros(len(queries), k, dtype=torch.long), 0
    for q, query in enumerate(queries):
        cells = (centers @ query).topk(probes).indices
        rows = torch.isin(cell, cells).nonzero()[:, 0]
        order = (vectors[rows] @ query).argsort(descending=True)[:k]
        found[q, : len(order)] = rows[order]
        met += len(rows)
    return found, met / len(queries) / len(vectors)

# %% one step too many is made tags=["wrong"]
# hint: How often are the centers moved?
def cell_search(vectors, start, steps, queries, k, probes):
    centers = vectors[start].clone()
    for _ in range(steps + 1):
        cell = (vectors @ centers.T).argmax(dim=1)
        for c in range(len(centers)):
            members = vectors[cell == c]
            if len(members):
                centers[c] = F.normalize(members.mean(dim=0), dim=0)
    cell = (vectors @ centers.T).argmax(dim=1)
    found, met = torch.full((len(queries), k), -1), 0
    for q, query in enumerate(queries):
        cells = (centers @ query).topk(probes).indices
        rows = torch.isin(cell, cells).nonzero()[:, 0]
        order = (vectors[rows] @ query).argsort(descending=True)[:k]
        found[q, : len(order)] = rows[order]
        met += len(rows)
    return found, met / len(queries) / len(vectors)

# %% the vectors are assigned anew after each single center tags=["wrong"]
# hint: All vectors are assigned, and then all centers are moved.
def cell_search(vectors, start, steps, queries, k, probes):
    centers = vectors[start].clone()
    for _ in range(steps):
        cell = (vectors @ centers.T).argmax(dim=1)
        for c in range(len(centers)):
            cell = (vectors @ centers.T).argmax(dim=1)
            members = vectors[cell == c]
            if len(members):
                centers[c] = F.normalize(members.mean(dim=0), dim=0)
    cell = (vectors @ centers.T).argmax(dim=1)
    found, met = torch.full((len(queries), k), -1), 0
    for q, query in enumerate(queries):
        cells = (centers @ query).topk(probes).indices
        rows = torch.isin(cell, cells).nonzero()[:, 0]
        order = (vectors[rows] @ query).argsort(descending=True)[:k]
        found[q, : len(order)] = rows[order]
        met += len(rows)
    return found, met / len(queries) / len(vectors)

# %% the centers are counted among the compared vectors tags=["wrong"]
# hint: The share speaks of the M vectors.
def cell_search(vectors, start, steps, queries, k, probes):
    centers = vectors[start].clone()
    for _ in range(steps):
        cell = (vectors @ centers.T).argmax(dim=1)
        for c in range(len(centers)):
            members = vectors[cell == c]
            if len(members):
                centers[c] = F.normalize(members.mean(dim=0), dim=0)
    cell = (vectors @ centers.T).argmax(dim=1)
    found, met = torch.full((len(queries), k), -1), 0
    for q, query in enumerate(queries):
        cells = (centers @ query).topk(probes).indices
        rows = torch.isin(cell, cells).nonzero()[:, 0]
        order = (vectors[rows] @ query).argsort(descending=True)[:k]
        found[q, : len(order)] = rows[order]
        met += len(rows) + len(centers)
    return found, met / len(queries) / len(vectors)

# %% the k best rows are not sorted by their score tags=["wrong"]
# hint: Best first.
def cell_search(vectors, start, steps, queries, k, probes):
    centers = vectors[start].clone()
    for _ in range(steps):
        cell = (vectors @ centers.T).argmax(dim=1)
        for c in range(len(centers)):
            members = vectors[cell == c]
            if len(members):
                centers[c] = F.normalize(members.mean(dim=0), dim=0)
    cell = (vectors @ centers.T).argmax(dim=1)
    found, met = torch.full((len(queries), k), -1), 0
    for q, query in enumerate(queries):
        cells = (centers @ query).topk(probes).indices
        rows = torch.isin(cell, cells).nonzero()[:, 0]
        order = (vectors[rows] @ query).argsort(descending=True)[:k].sort().values
        found[q, : len(order)] = rows[order]
        met += len(rows)
    return found, met / len(queries) / len(vectors)

# %% the share divides by all vectors, but all vectors are searched tags=["wrong"]
# hint: Compare the query only with the vectors of the chosen cells.
def cell_search(vectors, start, steps, queries, k, probes):
    centers = vectors[start].clone()
    for _ in range(steps):
        cell = (vectors @ centers.T).argmax(dim=1)
        for c in range(len(centers)):
            members = vectors[cell == c]
            if len(members):
                centers[c] = F.normalize(members.mean(dim=0), dim=0)
    cell = (vectors @ centers.T).argmax(dim=1)
    found, met = torch.full((len(queries), k), -1), 0
    for q, query in enumerate(queries):
        cells = (centers @ query).topk(probes).indices
        rows = torch.isin(cell, cells).nonzero()[:, 0]
        order = (vectors @ query).argsort(descending=True)[:k]
        found[q, : len(order)] = order
        met += len(rows)
    return found, met / len(queries) / len(vectors)

# %% a cell without a member loses its center to a division by zero tags=["wrong"]
# hint: What is the mean of no vectors?
def cell_search(vectors, start, steps, queries, k, probes):
    centers = vectors[start].clone()
    for _ in range(steps):
        cell = (vectors @ centers.T).argmax(dim=1)
        for c in range(len(centers)):
            members = vectors[cell == c]
            centers[c] = F.normalize(members.mean(dim=0), dim=0)
    cell = (vectors @ centers.T).argmax(dim=1)
    found, met = torch.full((len(queries), k), -1), 0
    for q, query in enumerate(queries):
        cells = (centers @ query).topk(probes).indices
        rows = torch.isin(cell, cells).nonzero()[:, 0]
        order = (vectors[rows] @ query).argsort(descending=True)[:k]
        found[q, : len(order)] = rows[order]
        met += len(rows)
    return found, met / len(queries) / len(vectors)

# %% only the first k vectors of each cell are compared tags=["wrong"]
# hint: All vectors of the chosen cells are candidates.
def cell_search(vectors, start, steps, queries, k, probes):
    centers = vectors[start].clone()
    for _ in range(steps):
        cell = (vectors @ centers.T).argmax(dim=1)
        for c in range(len(centers)):
            members = vectors[cell == c]
            if len(members):
                centers[c] = F.normalize(members.mean(dim=0), dim=0)
    cell = (vectors @ centers.T).argmax(dim=1)
    found, met = torch.full((len(queries), k), -1), 0
    for q, query in enumerate(queries):
        cells = (centers @ query).topk(probes).indices
        rows = torch.cat([(cell == c).nonzero()[:k, 0] for c in cells])
        order = (vectors[rows] @ query).argsort(descending=True)[:k]
        found[q, : len(order)] = rows[order]
        met += len(rows)
    return found, met / len(queries) / len(vectors)

# %% only the nearest cell gives rows, though several are compared tags=["wrong"]
# hint: The k best may be in any of the chosen cells.
def cell_search(vectors, start, steps, queries, k, probes):
    centers = vectors[start].clone()
    for _ in range(steps):
        cell = (vectors @ centers.T).argmax(dim=1)
        for c in range(len(centers)):
            members = vectors[cell == c]
            if len(members):
                centers[c] = F.normalize(members.mean(dim=0), dim=0)
    cell = (vectors @ centers.T).argmax(dim=1)
    found, met = torch.full((len(queries), k), -1), 0
    for q, query in enumerate(queries):
        cells = (centers @ query).topk(probes).indices
        rows = torch.isin(cell, cells).nonzero()[:, 0]
        first = (cell == cells[0]).nonzero()[:, 0]
        order = (vectors[first] @ query).argsort(descending=True)[:k]
        found[q, : len(order)] = first[order]
        met += len(rows)
    return found, met / len(queries) / len(vectors)

# %% the -1 of missing rows come first tags=["wrong"]
# hint: -1 fills the end.
def cell_search(vectors, start, steps, queries, k, probes):
    centers = vectors[start].clone()
    for _ in range(steps):
        cell = (vectors @ centers.T).argmax(dim=1)
        for c in range(len(centers)):
            members = vectors[cell == c]
            if len(members):
                centers[c] = F.normalize(members.mean(dim=0), dim=0)
    cell = (vectors @ centers.T).argmax(dim=1)
    found, met = torch.full((len(queries), k), -1), 0
    for q, query in enumerate(queries):
        cells = (centers @ query).topk(probes).indices
        rows = torch.isin(cell, cells).nonzero()[:, 0]
        order = (vectors[rows] @ query).argsort(descending=True)[:k]
        found[q, k - len(order) :] = rows[order]
        met += len(rows)
    return found, met / len(queries) / len(vectors)

# %% the rows are floats, which can't be used as indices tags=["wrong"]
# hint: `torch.full` takes the dtype of its value: -1, not -1.0.
def cell_search(*given):
    from clipedu_lessons.l05_zero_shot.checks.search import cell_search

    rows, share = cell_search(*given)
    return rows.double(), share

# %% tags=["exercise"]
EXERCISE = dict(
    id="05.6",
    title="A task of your own",
    kind="investigate",
    points=4,
    minutes=25,
    difficulty="hard",
    goal="Make a task that nobody has measured, say what you expect before you run it, and read the result honestly.",
    hints=[
        "Start with the question and not with the pictures. What should the model be able to tell apart, and which captions could have taught it that?",
        "A Task needs pictures (N, 3, 32, 32), labels, class names and templates. held_out_pairs().icons holds names, tags and categories from which you can make classes.",
        "Compare with chance and with one change: other words for the same classes, or the same classes in another icon set. Is the difference larger than the intervals?",
    ],
)

# %% [markdown]
# The cell below asks a question of its own: can the model tell *animals* from *weather*, given only these two words? Make another task with at least two classes and 20 pictures, none of them from a training set. Write down what you expect **before** you run it. Then measure top-1 with its interval, change one thing, and explain.
#
# Hand in your expectation, a table, and at most ten lines of text.

# %%
def my_task(classes=("animal", "weather"), template="{}"):
    """Pictures from icon sets that training never saw; their names decide the class."""
    from clipedu.evaluation import Task
    from clipedu.pairs import held_out_pairs, to_pictures

    wanted = (
        "bird bug cat dog fish rabbit rat snail squirrel turtle panda worm shrimp".split(),
        "cloud rainbow snowflake sun sunrise sunset tornado wind moon waves".split(),
    )
    pairs = held_out_pairs(progress=False)
    chosen = [(i, k) for k, of in enumerate(wanted) for i, icon in enumerate(pairs.icons) if icon.name in of]
    rows, labels = zip(*chosen)
    return Task(
        name="animals or weather",
        pictures=to_pictures(pairs.rgba[list(rows)]),
        labels=torch.tensor(labels),
        class_names=list(classes),
        templates=[template],
        source="Lucide, Font Awesome and Heroicons, held out of training",
    )


def measure(task):
    from clipedu.evaluation import zero_shot
    from clipedu.training import load_pretrained

    model, tokenizer, _ = load_pretrained()
    return zero_shot(model, tokenizer, task)


print(measure(my_task()))

# %% [markdown] tags=["answer"]
# I expected clearly more than one half, because captions carry the tag *animals* and the category *weather*, but far from everything, because a caption says "cat" and hardly ever "animal". I expected examples as class names to work best. The 45 pictures are the same in all lines (19 animals, 26 weather).
#
# | classes | right | 95 % |
# |---|---|---|
# | animal, weather | 80 % | 65 to 90 |
# | the same, template "a kind of {}" | 80 % | 65 to 90 |
# | animals, weather | 53 % | 38 to 68 |
# | cat, dog or fish; sun, cloud or rain | 78 % | 63 to 89 |
#
# The task works with the singular and fails with the plural, whose interval contains one half. Of the same 45 pictures 36 are right with the singular and 24 with the plural, so the plural is worse. Examples did not beat the general word, so that part of my expectation was wrong. A reason for the plural could be that *animals* occurs as a tag beside many different names, while *animal* is part of names. I have not tested this.
# Two limits: I chose the pictures after I had looked at the sets, and I tried four wordings, so the best of them looks better than it is. Some things occur in two or three sets, so 45 pictures are fewer than 45 independent trials.

# %% [markdown] tags=["rubric"]
# * 1 point: a task with at least two classes and 20 unseen pictures, its chance level, and an expectation that was written down first.
# * 1 point: top-1 with its interval, and a comparison in which exactly one thing changes.
# * 1 point: the difference is compared with the width of the intervals, or the same pictures are compared one by one. "No difference can be seen" is a full answer.
# * 1 point: a reason that refers to what captions say, and one honest limit, such as few pictures, a choice by hand, or several wordings tried.
