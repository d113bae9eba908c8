# %% [markdown]
# # Exercises 05 · Zero-shot
#
# Six exercises, from a classifier on paper to a task of your own; about 75 minutes in all. Work from top to bottom, or pick: each stands alone.
# A check says what it found and, where it can, which misunderstanding fits your answer. Ask for help with `hint("05.1")`; after a pass, compare with `solution("05.1")`.
# The lesson is [notebook 05, Zero-shot](../notebooks/05_zero_shot.ipynb).

# %%
import math
from collections.abc import Callable

import torch
from torch import Tensor
from torch.nn import functional as F

from clipedu_classroom import check, hint, progress, solution

# %% tags=["exercise"]
EXERCISE = dict(
    id="05.1",
    title="A classifier on paper",
    kind="predict",
    points=2,
    minutes=8,
    difficulty="easy",
    goal="Name a picture with a classifier made of words, and know what such a classifier costs.",
    hints=[
        "The score of a class is the dot product of its row with the picture. All rows have length 1, so nothing else is needed.",
        "The scale multiplies every score by the same positive number. Does an order change by that?",
        "The text tower reads one sentence for each class and template, once; pictures do not come into it. The rows are one for each class.",
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
# A picture has the vector (0.6, 0.8). Fill in, without running any code:
#
# * `best`: the class that wins, as a word; `second`: the one after it;
# * `at_scale_1000`: the class that wins when every score is multiplied by 1,000;
# * `sentences`: how many sentences the text tower reads to classify 50,000 pictures into 1,000 classes with 80 templates;
# * `weights`: how many numbers the finished classifier holds for these 1,000 classes, when an embedding has 512.

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

# %% every picture is taken to need the sentences anew tags=["wrong"]
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

# %% tags=["exercise"]
EXERCISE = dict(
    id="05.2",
    title="The classifier, at scale",
    points=3,
    minutes=15,
    difficulty="medium",
    goal="Write zero-shot weights for any number of classes: in batches, normalise, mean, normalise.",
    hints=[
        "First make one flat list of all prompts, class after class. Its batches need not end where a class ends.",
        "Each prompt's vector gets length 1 before the mean over a class's T prompts is taken; the mean gets length 1 again.",
        "flat = [t.replace('{}', name) for name in ... for t in ...]; a list of encode(flat[i : i + batch_size]); torch.cat; reshape to (C, T, E).",
    ],
)

# %% [markdown]
# `encode` is a text tower: it takes a list of sentences and returns (n, E), rows of *any* length. It takes at most `batch_size` sentences at a time and raises an error for more.
# Return the classifier (C, E): for each class, put its name in the place of every `{}` of every template, embed, normalise each row, take the mean of the class, normalise. Classes stay in order. `batch_size` may be larger or smaller than the number of templates.

# %%
def classifier_weights(
    encode: Callable[[list[str]], Tensor],
    class_names: list[str],
    templates: list[str],
    batch_size: int,
) -> Tensor:
    """C names, T templates -> (C, E), rows of length 1."""
    ### BEGIN SOLUTION
    flat = [template.replace("{}", name) for name in class_names for template in templates]
    starts = range(0, len(flat), batch_size)
    vectors = torch.cat([encode(flat[start : start + batch_size]) for start in starts])
    each = F.normalize(vectors, dim=-1).unflatten(0, (len(class_names), len(templates)))
    return F.normalize(each.mean(dim=1), dim=-1)
    ### END SOLUTION

# %%
check("05.2", classifier_weights)

# %% the prompts are averaged before they are normalised tags=["wrong"]
# hint: Does a prompt with a long vector have more say?
def classifier_weights(encode, class_names, templates, batch_size):
    flat = [t.replace("{}", name) for name in class_names for t in templates]
    parts = [encode(flat[i : i + batch_size]) for i in range(0, len(flat), batch_size)]
    vectors = torch.cat(parts).view(len(class_names), len(templates), -1)
    return F.normalize(vectors.mean(dim=1), dim=-1)

# %% the mean is not normalised tags=["wrong"]
# hint: What is the length of a mean of unit vectors?
def classifier_weights(encode, class_names, templates, batch_size):
    flat = [t.replace("{}", name) for name in class_names for t in templates]
    parts = [encode(flat[i : i + batch_size]) for i in range(0, len(flat), batch_size)]
    vectors = F.normalize(torch.cat(parts), dim=-1)
    return vectors.view(len(class_names), len(templates), -1).mean(dim=1)

# %% the prompts of different classes are mixed up tags=["wrong"]
# hint: In which order does the flat list run, and in which is it folded up again?
def classifier_weights(encode, class_names, templates, batch_size):
    flat = [t.replace("{}", name) for t in templates for name in class_names]
    parts = [encode(flat[i : i + batch_size]) for i in range(0, len(flat), batch_size)]
    vectors = F.normalize(torch.cat(parts), dim=-1)
    return F.normalize(vectors.view(len(class_names), len(templates), -1).mean(dim=1), dim=-1)

# %% only the first template is used tags=["wrong"]
# hint: Where are the other templates?
def classifier_weights(encode, class_names, templates, batch_size):
    flat = [templates[0].replace("{}", name) for name in class_names]
    parts = [encode(flat[i : i + batch_size]) for i in range(0, len(flat), batch_size)]
    return F.normalize(torch.cat(parts), dim=-1)

# %% the name is never put into the template tags=["wrong"]
# hint: What does the text tower read for the first class?
def classifier_weights(encode, class_names, templates, batch_size):
    each = torch.cat([encode([template]) for template in templates])
    mean = F.normalize(each, dim=-1).mean(dim=0, keepdim=True)
    return F.normalize(mean, dim=-1).expand(len(class_names), -1)

# %% tags=["exercise"]
EXERCISE = dict(
    id="05.3",
    title="Mean per class",
    points=2,
    minutes=10,
    difficulty="easy",
    goal="Count every class alike, however many pictures it has, and leave out those with none.",
    hints=[
        "Of the pictures whose right answer is class 0, which share was called 0? The same for every class; then the mean of the shares.",
        "mean over the classes that occur in labels of (right ones of the class / pictures of the class)",
        "A loop over labels.unique(): the mask labels == c, then the mean of predictions[mask] == c.",
    ],
)

# %% [markdown]
# `predictions` and `labels` are (N,) whole numbers. Return the mean over classes of the share that was named right, as a number or a tensor of shape (). A class with no picture in `labels` does not count, even if it was predicted.

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

# %% the shares are of what was predicted, not of what is there tags=["wrong"]
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

# %% tags=["exercise"]
EXERCISE = dict(
    id="05.4",
    title="Recall in chunks",
    points=3,
    minutes=15,
    difficulty="medium",
    goal="Count recall@k without ever holding the N x N matrix.",
    hints=[
        "The rank of a pair is how many columns of its row score higher than the right one. That needs one row at a time, or a chunk of rows.",
        "For rows start..stop: scores = image[start:stop] @ text.T, (c, N). The right column of row i of the chunk is start + i.",
        "right = scores[arange(c), start + arange(c)]; rank = (scores > right[:, None]).sum(1); count rank < k; divide by N at the end.",
    ],
)

# %% [markdown]
# `image` and `text` are (N, E), row *i* of both belonging together; no two scores are equal. Return recall@k from picture to text: the share of pictures whose own text is among the k with the highest dot product. Look at no more than `chunk` rows at a time; N need not be a multiple of it, and k may exceed N.

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

# %% tags=["exercise"]
EXERCISE = dict(
    id="05.5",
    title="How low may it be?",
    points=3,
    minutes=15,
    difficulty="hard",
    goal="Compute the lower end of a Clopper-Pearson interval from its definition.",
    hints=[
        "Which accuracy p would give `right` or more right answers out of n only with the probability tail? Smaller accuracies are ruled out.",
        "The probability of `right` or more is the sum over j from right to n of C(n, j) p^j (1-p)^(n-j). It rises with p, so halve an interval until it is small.",
        "low, high = 0.0, 1.0; 60 times: middle; if the sum at middle is below tail, low = middle, else high = middle. And right = 0 is a case of its own.",
    ],
)

# %% [markdown]
# Return the lower end of the exact interval for `right` right answers out of `n`: the accuracy p at which the probability of `right` *or more* is `tail` (0.025 for an interval of 95 %). For `right` = 0 it is 0. Use `math.comb`, no statistics library. To six digits; n is at most 200.
# For 3 of 3 and a tail of 0.025 it is 0.292.

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

# %% tags=["exercise"]
EXERCISE = dict(
    id="05.6",
    title="A task of your own",
    kind="investigate",
    points=4,
    minutes=15,
    difficulty="hard",
    goal="Make a task that nobody has measured, say beforehand what you expect, and read the result honestly.",
    hints=[
        "Start with the question, not with the pictures: what should the model be able to tell, and which captions could have taught it that?",
        "A Task needs pictures (N, 3, 32, 32), labels, class names, templates. held_out_pairs('lucide').icons holds names, tags and categories to make classes of.",
        "Compare with chance and with one change: other words for the same classes, or the same classes in another family. Is the difference larger than the intervals?",
    ],
)

# %% [markdown]
# The cell below asks a question of its own: can the model tell *animals* from *weather*, given only these two words? Make another task: at least two classes and 20 pictures, none of them from a training family. Write down what you expect **before** you run it. Then measure top-1 with its interval, change one thing, and explain.
#
# Hand in your expectation, a table, and at most ten lines.

# %%
def my_task():
    """Pictures from a family that training never saw; classes from their names."""
    from clipedu.evaluation import Task
    from clipedu.pairs import held_out_pairs, to_pictures

    wanted = {
        "animal": "bird bug cat dog fish rabbit rat snail squirrel turtle panda worm shrimp".split(),
        "weather": "cloud rainbow snowflake sun sunrise sunset tornado wind moon waves".split(),
    }
    pairs = held_out_pairs("lucide", progress=False)
    names = [icon.name for icon in pairs.icons]
    chosen = [(names.index(n), k) for k, of in enumerate(wanted.values()) for n in of if n in names]
    rows, labels = zip(*chosen)
    return Task(
        name="animals or weather",
        pictures=to_pictures(pairs.rgba[list(rows)]),
        labels=torch.tensor(labels),
        class_names=list(wanted),
        templates=["{}"],
        source="Lucide, held out of training",
    )


def measure(task, **options):
    from clipedu.evaluation import zero_shot
    from clipedu.training import load_pretrained

    model, tokenizer, _ = load_pretrained("laptop_1")
    return zero_shot(model, tokenizer, task, **options)


print(measure(my_task()))

# %% [markdown] tags=["answer"]
# Expected: clearly above one half, because Phosphor's captions may carry the tag *animals* and the category *weather*, but far from all right: a caption says "cat", hardly ever "animal".
# Measured with the cell as it stands, then with two other sets of words for the same pictures:
#
# | classes | what was expected |
# |---|---|
# | animal, weather | above one half |
# | the same, template "a kind of {}" | a little better: the captions say "a kind of" before categories |
# | "cat, dog or fish", "sun, cloud or rain" | better: examples are words that captions have |
#
# The intervals of some twenty pictures are about 40 points wide, so a difference of 10 points between two wordings says nothing; I would need some hundred pictures. Where the interval holds one half, the model has not been shown to tell the two apart at all, and with the checkpoint that I measured all three intervals did: my expectation was not borne out. A reason may be shapes that both classes share (the snail is a spiral, like the tornado).
# What could make this wrong: I chose the pictures after having looked at the family, and I tried three wordings and would have reported the best one.

# %% [markdown] tags=["rubric"]
# * 1 point: a task with at least two classes and 20 unseen pictures, its chance level, and an expectation that was written down first.
# * 1 point: top-1 with its interval, and a comparison in which exactly one thing changes.
# * 1 point: the difference is held against the width of the intervals (or the same pictures are compared pair by pair); "no difference can be seen" is a full answer.
# * 1 point: a reason that goes back to what captions say, and one honest limit (few pictures, chosen by hand, several wordings tried).
