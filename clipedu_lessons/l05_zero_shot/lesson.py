# %% [markdown]
# # 05 · Zero-shot
#
# **Can it name what it never saw?**
#
# About 55 minutes to read and do; about a minute to run on two CPU cores (the first time; the search index is kept afterwards).
# Rebuilds section 3.1 of Radford et al. 2021 (arXiv 2103.00020): the classifier made of words, Figure 21, the evaluation on many unlike tasks, and the retrieval of Table 13.

# %%
import torch
from torch.nn import functional as F

from clipedu.evaluation import load_task
from clipedu.plots import picture_grid, show
from clipedu_lessons.common.mine import use

model, tokenizer = use("laptop_1")  # or use("mine"): what you trained in lesson 04
lucide = load_task("lucide")
some = torch.arange(3, 297, 19)[:16]
figure = picture_grid(lucide.pictures[some], range(1, 17))
show(figure, "Sixteen line drawings, from a family never seen in training.")

# %% [markdown]
# None of these pictures was in the training data, nor any other by the same hands. A classifier of the usual kind could not even be asked: its last layer has one row for each class that it was trained on, and nothing else.
# Which names would you give them? Number them on paper; the model's answers come in section 4.
#
# **At the end you can**
#
# * build a classifier from nothing but words, on paper and in ten lines;
# * say what it costs, and why the paper calls the text tower a *hypernetwork*;
# * read an accuracy with its interval and its chance level, and choose between top-1 and mean per class;
# * say on which kinds of tasks such a model fails, and measure it;
# * search 27,616 pictures with words or with a picture, and draw one yourself.

# %% [markdown]
# ## 1. A classifier made of words, by hand
#
# Lesson 03 ended with a matrix: pictures against captions. Now read it as a *classifier*. Instead of the captions of a batch, the columns are the classes that you care about, each written as a sentence.
#
# Suppose the text tower turns two prompts for each of three classes into these vectors of length 1, and the image tower turns a picture into (0.8, 0.6). Both prompts are forms that training captions had; [lesson 06](06_prompts.ipynb) asks which are good.
#
# | class | "{}" | "an icon of {}" |
# |---|---|---|
# | cake | (1, 0) | (0.6, 0.8) |
# | carrot | (0.6, 0.8) | (0, 1) |
# | watch | (-0.8, 0.6) | (-0.6, 0.8) |
#
# One row for each class: take the **mean** of its prompts, make it length 1 again. **Predict** the row of *cake* and its cosine with the picture. Then run.

# %% tags=["nbval-check-output"]
cake = [[1, 0], [0.6, 0.8]]
carrot = [[0.6, 0.8], [0, 1]]
watch = [[-0.8, 0.6], [-0.6, 0.8]]
prompts = torch.tensor([cake, carrot, watch])  # (classes, prompts, E)
mean = prompts.mean(dim=1)  # (3, 2)
rows = mean / mean.norm(dim=1, keepdim=True)  # (3, 2): the classifier
picture = torch.tensor([0.8, 0.6])
scores = rows @ picture  # (3,)
for k, name in enumerate(("cake", "carrot", "watch")):
    m, row = (f"({v[k, 0]:5.2f}, {v[k, 1]:5.2f})" for v in (mean, rows))
    print(f"{name:7} mean {m}  row {row}  cosine {scores[k]:6.3f}")

# %% [markdown]
# The largest cosine wins: cake. Where do probabilities come from? From the learned logit scale of lesson 03: multiply, then softmax.
# **Predict**: can another scale make another class win?

# %% tags=["nbval-check-output"]
for scale in (1.0, 14.3, 100.0):
    shares = (scale * scores).softmax(dim=0).tolist()
    print(f"scale {scale:5.1f}: {[f'{share:.3f}' for share in shares]}")

# %% [markdown]
# No. The scale says how *sure* the answer sounds, never *which* answer it is. That is worth remembering when a picture is named with 99 %.
#
# ## 2. In ten lines, and in the library
#
# The same with the real model: a loop over the classes, each prompt through tokenizer and text tower, normalise, mean, normalise.

# %%
def words_to_rows(names, templates):
    """C class names, T templates -> (C, E), rows of length 1."""
    rows = []
    for name in names:
        tokens = tokenizer([t.format(name) for t in templates], 32)
        with torch.no_grad():
            vectors = model.encode_text(tokens)  # (T, E)
        vectors = F.normalize(vectors, dim=-1)
        rows.append(F.normalize(vectors.mean(dim=0), dim=-1))
    return torch.stack(rows)

# %% tags=["nbval-check-output"]
from clipedu.evaluation import embed_pictures, zero_shot_classifier

TEMPLATES = ["{}", "an icon of {}"]
names = lucide.class_names
ours = words_to_rows(names, TEMPLATES)
library = zero_shot_classifier(model, tokenizer, names, TEMPLATES)
print("classifier:", tuple(ours.shape), "= (classes, embedding)")
print("like the library's:", torch.allclose(ours, library, atol=1e-4))
pictures = embed_pictures(model, lucide.pictures)  # (297, E)
answers = (pictures @ ours.T).argmax(dim=1)
right = (answers == lucide.labels).float().mean()
print(f"guessing {1 / 297:.1%}; this classifier above 40 %: {right > 0.4}")

# %% [markdown]
# A list of 297 names has become a classifier with 297 outputs. No picture was needed to make it, and no gradient.
#
# ## 3. The text tower writes weights
#
# Put these rows into an ordinary linear layer. From here on, nothing can tell it from a layer that was *trained* on labelled pictures. The paper reads the text tower as a **hypernetwork** (section 3.1.2): a network whose output is the weights of another one, here of a linear classifier, written from a description.

# %% tags=["nbval-check-output"]
layer = torch.nn.Linear(library.shape[1], library.shape[0], bias=False)
with torch.no_grad():
    layer.weight.copy_(library)  # the weights that the text tower wrote
    same = layer(pictures).argmax(1) == answers
print(layer)
print("gives the same answer to every picture:", bool(same.all()))
sentences = len(TEMPLATES) * len(names)
print(f"sentences read to write it: {sentences}, for however many pictures")

# %% [markdown]
# The weights depend on the words and on the text tower, on nothing else. So they are computed once and kept. The library keeps them under a key made of the *content* of all that goes in: names, templates, vocabulary, text weights. Change one word, and it is another key.

# %%
import time

from clipedu.evaluation import clear_classifier_cache

clear_classifier_cache()
for what in ("first time", "kept", "one name changed"):
    changed = ["a thing of beauty" if "changed" in what else names[0]]
    start = time.perf_counter()
    zero_shot_classifier(model, tokenizer, changed + names[1:], TEMPLATES)
    print(f"{what:17} {1000 * (time.perf_counter() - start):7.1f} ms")

# %% [markdown]
# Training a new last layer needs labelled pictures and minutes. Here a new set of classes costs one pass of the text tower over a list of names. That is what "zero-shot" is about.
#
# **What the word means.** For the paper it is *zero-shot transfer*: to a data set, with its own pictures and its own set of classes, from which nothing was used in training (section 3.1.1). It does not mean words never read. Our three held-out families pass this test: the pictures are another team's, the words are in the training captions.
#
# ## 4. One picture, ranked
#
# The paper shows single pictures with the classes that the model ranks first (Figure 21). Ours, drawn the same way. The right class has the black, hatched bar; where it is not among the first five, its rank is given.

# %%
from clipedu.evaluation import classify
from clipedu_lessons.common.ranking_figure import ranking_figure, ranking_words

shown = lucide.pictures[some]  # (16, 3, 32, 32)
rankings = classify(model, tokenizer, shown, names, "icon")
truth = [names[label] for label in lucide.labels[some]]
for eight in (slice(0, 8), slice(8, 16)):
    figure = ranking_figure(shown[eight], rankings[eight], truth[eight])
    show(figure, ranking_words(rankings[eight], truth[eight], k=1))

# %% [markdown]
# Compare with your own list (the second figure counts from 1 again: its pictures are your 9 to 16). Look at what stands on second and third place, too: where the model is unsure, they are mostly neighbours in form or in meaning; where it is sure, they may be anything.
#
# **A classifier of this kind always answers.** It ranks the classes it was given; "none of these" is not among them, and the probability says only how the classes compare. **Predict**: what does it make of an empty sheet, of noise, of a picture asked for three classes that have nothing to do with it?

# %%
noise = torch.rand(3, 32, 32, generator=torch.Generator().manual_seed(0))
sheet = torch.ones(3, 32, 32)
cat = lucide.pictures[names.index("cat")]
asked = [
    classify(model, tokenizer, sheet, names)[0],
    classify(model, tokenizer, noise, names)[0],
    classify(model, tokenizer, cat, ["a bus", "a cake", "a key"])[0],
]
titles = ["an empty sheet", "noise", "a cat: bus, cake or key?"]
figure = ranking_figure(torch.stack([sheet, noise, cat]), asked, k=3)
said = [f"{title}: {a[0].name}" for title, a in zip(titles, asked)]
show(figure, f"The first answer to each. {'; '.join(said)}.")

# %% [markdown]
# It named all three; the empty sheet is white on white above its bars. None of these probabilities says that the question makes no sense.
#
# Ask it yourself. Choose a picture, change the classes (between commas) or the templates (one a line, `{}` for the name), then press Tab. Diamonds show where a class stood before.
# Try: a longer list; a class with a synonym beside it; `a photo of a {}`; a class that does not exist.

# %%
from clipedu_lessons.l05_zero_shot.playground import ask, asked_words, PromptPlayground
from clipedu_lessons.common.ranked import ranked_figure

choice = ["cat", "umbrella", "guitar", "bus", "key", "snowflake"]
choice = {name: lucide.pictures[names.index(name)] for name in choice}
cat = choice["cat"]
asked = ask(model, tokenizer, cat, "cat, dog, rabbit, panda", "{}")
figure = ranked_figure(cat, asked.ranking, title="cat")
show(figure, asked_words(asked))  # the same in print
CLASSES = ["cat", "dog", "rabbit", "panda", "umbrella", "guitar", "bus"]
PromptPlayground(model, tokenizer, choice, CLASSES)

# %% [markdown]
# ## 5. Three families, with intervals
#
# An accuracy on 297 pictures is an estimate. Had the designers drawn 297 other things, it would be another number. How far can it be off?
#
# The **Clopper-Pearson interval** answers without any approximation (the paper uses it in its overlap analysis, section 5). Its lower end is the accuracy p at which so many right answers, *or more*, would happen only once in 40 tries; its upper end likewise for so many or fewer. Together: 95 %.
#
# By hand, for 3 right out of 3: p x p x p = 0.025. **Predict** the lower end. Is "3 of 3" good evidence for an accuracy above one half?

# %% tags=["nbval-check-output"]
from clipedu.evaluation import clopper_pearson

print(f"3 of 3: lower end 0.025 ** (1/3) = {0.025 ** (1 / 3):.3f}")
for right, n in ((3, 3), (30, 30), (150, 297), (1500, 2970)):
    low, high = clopper_pearson(right, n)
    print(f"{right:>5} of {n:>5}: {low:.3f} to {high:.3f}")

# %% [markdown]
# In the open: try every accuracy in steps of a thousandth, and keep those under which what was seen is not too strange.

# %% tags=["nbval-check-output"]
import math


def at_least(k, n, p):
    """Probability of k or more right answers out of n."""
    counts = range(k, n + 1)
    return sum(math.comb(n, j) * p**j * (1 - p) ** (n - j) for j in counts)


def possible(k, n):
    steps = [i / 1000 for i in range(1, 1000)]
    fit = [p for p in steps if at_least(k, n, p) > 0.025]
    fit = [p for p in fit if 1 - at_least(k + 1, n, p) > 0.025]
    return min(fit), max(fit)


print("open:   ", possible(150, 297))
print("library:", tuple(round(end, 3) for end in clopper_pearson(150, 297)))

# %% [markdown]
# Now the three families that no training run has seen, each asked for its own list of names.

# %%
from clipedu.evaluation import zero_shot
from clipedu.pairs import to_model

results = {}
for name in ("lucide", "font_awesome", "heroicons"):
    results[name] = zero_shot(model, tokenizer, load_task(name))
    print(results[name])

# %% tags=["nbval-check-output"]
for name, result in results.items():
    size = f"{result.n} pictures, {len(result.class_names)} classes"
    sure = result.interval[0] > 10 * result.chance
    print(f"{name:13} {size:25} at least ten times chance: {sure}")

# %% [markdown]
# The lists differ in length, so the accuracies are not to be compared with one another: 297 names are a harder exam than 90. Chance and interval belong to every number, or it says little.
#
# ## 6. Many unlike tasks
#
# One data set is one opinion. The paper evaluates on 27 (Table 11), chosen to be as unlike as possible: food, cars, satellite pictures, street signs, handwriting, counting, the country in which a photograph was taken. We do the same with what can be had offline. The table below was computed for the shipped checkpoint (`python benchmarks/tasks.py`); two of its tasks run live afterwards.

# %%
from clipedu_lessons.common.records import read_csv, stored

table = read_csv(stored("tasks.csv"), ("task", "value", "seen"))
table.sort(key=lambda row: -float(row["value"]))
head = "classes  value  95 % interval  chance seen above labels"
print(f"{'task':20}{head}")
for row in table:
    keys = ("value", "low", "high", "chance", "supervised")
    cells = [f"{float(row[key] or 'nan'):6.1%}" for key in keys]
    value, low, high, chance, labels = cells
    numbers = f"{row['classes']:>7} {value} {low} to {high} {chance}"
    words = f"{row['seen']:>5}{row['above_chance']:>6}"
    labels = labels if row["supervised"] else "      -"
    print(f"{row['task']:20}{numbers}{words}{labels:>7}")

# %% [markdown]
# *seen*: training saw these pictures, or some of them, so the row says what was learned, not what transfers. *above*: better than answers that know nothing of their pictures (a permutation test). *labels*, where it was measured (`python benchmarks/baseline.py`): the rival that needs labels, a linear probe on an image tower that was trained with labels and without words ([lesson 10](10_linear_probes.ipynb) is about linear probes). As a figure:

# %%
from matplotlib.figure import Figure

from clipedu.plots import use_style

use_style()
figure = Figure(figsize=(7, 0.26 * len(table) + 0.8))
axes = figure.subplots()
for y, row in enumerate(reversed(table)):
    value, chance = 100 * float(row["value"]), 100 * float(row["chance"])
    inside = "white" if row["seen"] == "yes" else "black"
    axes.plot([chance, value], [y, y], color="#bbbbbb", ls="-", marker="")
    axes.plot([chance], [y], "|", color="#000000", ms=9)
    axes.plot([value], [y], "o", color="#000000", mfc=inside, ms=6)
axes.set_yticks(range(len(table)), [row["task"] for row in table[::-1]])
axes.set(xlabel="accuracy (%), by the task's own metric", xlim=(0, 100))
words = "Upright tick: chance. Filled disc: pictures that no training saw."
show(figure, f"{words} Ring: pictures that training saw.")

# %% tags=["nbval-check-output"]
unseen = [row for row in table if row["seen"] == "no"]
above = [row for row in unseen if row["above_chance"] == "yes"]
print(f"tasks: 14 or more: {len(table) >= 14}")
print(f"above chance on unseen pictures, 10 or more: {len(above) >= 10}")
by_name = {row["task"]: float(row["value"]) for row in table}
weak = [by_name[name] < 0.5 for name in ("digits", "counting")]
print(f"digits and counting below one half: {weak}")

# %% [markdown]
# **Read it from the bottom.** Telling lines from areas and one pen from another, colours, counting, reading a word stand at chance or near it, handwritten digits far below what a few labels would give, all with the same weights that name umbrellas and guitars. Nothing in a caption like "umbrella, outlined" ever rewarded counting, so it was not learned. Two of them live, with what the model answers:

# %%
digits, counting = load_task("digits"), load_task("counting")
first = [int((digits.labels == k).nonzero()[k]) for k in (0, 3, 4, 7)]
last = [int((counting.labels == k - 1).nonzero()[k]) for k in (2, 4, 6, 8)]
for task, rows in ((digits, first), (counting, last)):
    shown, asked = task.pictures[rows], task.class_names
    ranks = classify(model, tokenizer, shown, asked, task.templates)
    truth = [asked[label] for label in task.labels[rows]]
    figure = ranking_figure(shown, ranks, truth, k=3)
    show(figure, ranking_words(ranks, truth, k=1))

# %% tags=["nbval-check-output"]
live = {}
for task in (digits, counting):
    live[task.name] = result = zero_shot(model, tokenizer, task)
    chance = f"guessing {result.chance:.1%}"
    low = f"under 60 %: {result.top1 < 0.6}"
    print(f"{task.name:9} {result.n:>4} pictures, {chance}; {low}")

# %% [markdown]
# Is that much or little? The oldest of baselines, logistic regression on the bare pixels, with labels for half of the digits:

# %% tags=["nbval-check-output"]
from sklearn.linear_model import LogisticRegression

pixels = F.avg_pool2d(digits.pictures[:, :1], 4).flatten(1).numpy()
labels = digits.labels.numpy()
fitted = LogisticRegression(max_iter=1000).fit(pixels[::2], labels[::2])
with_labels = fitted.score(pixels[1::2], labels[1::2])
print(f"raw pixels and labels: above 85 %: {with_labels > 0.85}")
behind = live["digits"].top1 < with_labels
print("the model without labels is behind:", behind)

# %% [markdown]
# A confusion matrix says *how* it fails: a row for each right answer, a column for each given one. Were it guessing, every row would be smeared out evenly. **Predict**: is it?

# %% tags=["nbval-check-output"]
from clipedu_lessons.l05_zero_shot.confusions import confusion_figure, confusion_matrix
from clipedu_lessons.l05_zero_shot.confusions import confusion_words


def confusion(result):
    """(C, C): share of the pictures of class i that were called j."""
    c = len(result.class_names)
    pairs = result.labels * c + result.predictions[:, 0]
    counts = torch.bincount(pairs, minlength=c * c).view(c, c).double()
    return counts / counts.sum(dim=1, keepdim=True)


for name, result in live.items():
    same = torch.allclose(confusion(result), confusion_matrix(result))
    print(f"{name}: the library's matrix is the same: {same}")

# %%
for result in live.values():
    show(confusion_figure(result), confusion_words(result))

# %% [markdown]
# Dark columns: some names attract pictures of every kind, above all in counting. That is not blind guessing, it is a habit.
#
# The paper reports the same weakness where one would not expect it. From Table 11 (best model, 400 million pairs), beside the chance levels that follow from the class counts of Table 9:

# %% tags=["nbval-check-output"]
from clipedu_lessons.common.paper import load_paper_table

best = load_paper_table("zero_shot").row(model="ViT-L/14@336px")
sizes = load_paper_table("datasets")
probe = load_paper_table("linear_probe").row(model="L/14-336px")
print("data set         zero-shot  chance  with labels (linear probe)")
some_of_27 = "STL10 Food101 ImageNet MNIST EuroSAT CLEVRCounts KITTI"
for name in some_of_27.split():
    chance = 100 / sizes.row(dataset=name)["classes"]
    print(f"{name:17}{best[name]:8.1f}{chance:8.1f}{probe[name]:10.1f}")

# %% [markdown]
# Handwritten digits are easy for a small network with labels; the paper's best model reads fewer of them right than logistic regression on the bare pixels does, because its training data hold hardly any picture that looks like MNIST (section 6). Counting (CLEVRCounts) reaches twice chance, judging a distance (KITTI) not even chance. Ours is a model of a few million weights that sees 32 pixels, on other tasks, so the figures are not to be compared one by one; the *shape* of the table is the same: strong where captions talk about it, near chance where they don't. [Lesson 10](10_linear_probes.ipynb) puts the linear probe beside ours, [lesson 12](12_limits.ipynb) goes into the failures.
#
# ## 7. Which average?
#
# By hand: a test has 8 pictures of flags and 2 of food. A model that calls everything "flag" gets 8 of 10 right. Its accuracy is 0.8; its **mean per class** is (8/8 + 0/2) / 2 = 0.5, which is what guessing gets. The paper uses the mean per class where classes are unequal: aircraft, pets, Caltech-101, flowers (Table 9).
#
# Our emoji groups are such a task. **Predict** which number is larger.

# %%
groups = load_task("emoji_groups")
result = zero_shot(model, tokenizer, groups)
mean = result.mean_per_class
print(f"top-1 {result.top1:.1%}, mean per class {mean:.1%}")
shown = torch.bincount(groups.labels)
for name, n, share in zip(groups.class_names, shown, result.per_class):
    print(f"{name:20} {int(n):>4} pictures   {share:4.0%} right")

# %% tags=["nbval-check-output"]
biggest = groups.class_names[int(shown.argmax())]
half = bool(shown.max() > result.n / 2)
print(f"half of the {result.n} pictures are {biggest}: {half}")
apart = abs(mean - result.top1) > 0.03
print("the two averages differ by more than 3 points:", apart)
weighted = float((shown / shown.sum() * result.per_class).sum())
equal = math.isclose(weighted, result.top1, abs_tol=1e-6)
print("top-1 is the mean weighted by class size:", equal)

# %% [markdown]
# One large class decides a top-1 accuracy, in either direction. Which average is right? Top-1 if the test has the mix that you will meet, mean per class if you care for each class alike. Say which.
#
# ## 8. Two directions: retrieval
#
# A classifier gives each picture a sentence. Turn the matrix around, and each text finds a picture. The measure is **recall@k**: how often is the right one among the first k?
#
# By hand, with the six vectors of lesson 03: picture *cake* has cosines 0.80, 0.60, -0.80 with the captions cake, carrot, watch; the caption *cake* has 0.80, 0.96, 0.00 with the three pictures. **Predict** recall@1 and recall@2, both ways.

# %% tags=["nbval-check-output"]
from clipedu_lessons.l05_zero_shot.retrieval import recall

image = torch.tensor([[1.0, 0.0], [0.6, 0.8], [-0.6, 0.8]])  # (3, 2)
text = torch.tensor([[0.8, 0.6], [0.6, 0.8], [-0.8, 0.6]])  # (3, 2)
scores = image @ text.T  # (3, 3)


def recall_at(scores, k):
    first = scores.topk(k, dim=1).indices  # (N, k)
    own = torch.arange(len(scores))[:, None]  # (N, 1)
    return (first == own).any(dim=1).float().mean().item()


for k in (1, 2):
    there, back = recall_at(scores, k), recall_at(scores.T, k)
    print(f"recall@{k}: to text {there:.3f}, to picture {back:.3f}")
print(recall(image, text, ks=(1, 2)))

# %% [markdown]
# For N pairs the matrix has N x N entries: 27,616 pictures would need 3 GB. Only the ranks matter, so the library computes a chunk of rows at a time and keeps one number for each row.
#
# Now with all pictures of the course. The first time, they are embedded (a bar shows how far it is), afterwards the index is opened from the cache. Lucide's pictures and their bare names are then matched in both directions.

# %%
from clipedu_lessons.l05_zero_shot.retrieval import build_index
from clipedu.evaluation import embed_texts
from clipedu.pairs import FIRST_EDITION, HELD_OUT_FAMILIES, open_pictures

every = open_pictures().only(FIRST_EDITION + HELD_OUT_FAMILIES)
index = build_index(model, every, tokenizer=tokenizer)
icons = index.icons
rows = [i for i, icon in enumerate(icons) if icon.family == "lucide"]
titles = [icons[i].name for i in rows]
same = torch.tensor([titles.index(name) for name in titles])
sentences = embed_texts(model, tokenizer, titles, truncate=True)
found = recall(index.embeddings[rows], sentences, same=same)
print(f"{len(index):,} pictures in the index; Lucide, all its names:")
print(found)

# %% tags=["nbval-check-output"]
times = found.text_to_image[1] / found.chance[1]
print(f"more than 50 times chance: {times > 50}")
r1, r5, r10 = found.text_to_image.values()
print(f"recall@1 < recall@5 < recall@10: {r1 < r5 < r10}")
clip = load_paper_table("small_tables").where(row="zero-shot CLIP").rows
for wanted in ("text R@1", "image R@1", "image R@10"):
    (cell,) = [c for c in clip if c["column"] == f"Flickr30k {wanted}"]
    print(f"the paper, Table 13, {cell['column']}: {cell['value']}")

# %%
from clipedu_lessons.common.similarity import SimilarityExplorer
from clipedu_lessons.common.similarity import matrix_figure, matrix_in_words
from clipedu_lessons.common.similarity import similarity_matrix
from clipedu_lessons.l05_zero_shot.retrieval import embed_pairs

pair = torch.arange(0, 297, 5)[:48]
drawn, said = lucide.pictures[pair], [names[i] for i in lucide.labels[pair]]
few = said[:10]
matrix = similarity_matrix(*embed_pairs(model, tokenizer, drawn[:10], few))
figure = matrix_figure(matrix, few, drawn[:10])
show(figure, f"Ten pairs. {matrix_in_words(matrix, few)}")
image48, text48, scale = embed_pairs(model, tokenizer, drawn, said)
SimilarityExplorer(image48, text48, said, drawn, scale)

# %% [markdown]
# Above, ten pairs of the matrix as the model sees them; the explorer of lesson 03 shows others, by row or by column.
#
# The exam over all of Lucide is harder than that of section 5: all names of the family, many of them never in a caption ("a-arrow-down"), against pictures that often share a part. The paper's test has 1,000 photographs (Flickr30k) with five full sentences each, which say far more than a name does.
#
# ## 9. Search
#
# The same embeddings make a search box: the query goes through the text tower, and the 27,616 cosines are one product of a matrix with a vector. Nobody has to have written the word beside the picture, unlike in lesson 00.

# %%
from clipedu_lessons.l05_zero_shot.retrieval import search
from clipedu_lessons.l05_zero_shot import search_box as box

search(index, "warm up")
start = time.perf_counter()
search(index, "rain")
print(f"one query: {1000 * (time.perf_counter() - start):.0f} ms")
new = ["lucide", "font_awesome", "heroicons"]
hits = box.find_drawings(index, "music", 16, families=new)
total = sum(icon.family in new for icon in icons)
words = box.hits_words("'music', in the families never seen", hits, total)
show(box.hits_figure(index, hits), words)

# %%
umbrella = lucide.pictures[names.index("umbrella")]
hits = box.find_drawings(index, umbrella, 16)
words = box.hits_words("Like Lucide's umbrella", hits, len(index))
show(box.hits_figure(index, hits), words)

# %% tags=["nbval-check-output"]
named = sum("umbrella" in hit.icon.name for hit in hits)
print(f"of the 16 most like it, 2 or more are named umbrella: {named > 1}")
print(f"the first is the picture itself: {hits[0].score > 0.999}")

# %% [markdown]
# With a picture as the question, form counts as much as meaning: other umbrellas come, and then things that only share lines with it. Which lines?
#
# Your turn: type words and press Enter; or choose one of the pictures that were found under "more like"; or open a picture file of your own. The box starts with a question that goes wrong: training captions are names and tags, and none says *something to*. Compare *drink*, *tea*, *cold drink* (which of them bring one?), then words that no icon has as its name: *far away*, *danger*.

# %%
box.SearchBox(index, "something to drink")

# %% [markdown]
# ## 10. In thirteen other languages
#
# The names of emoji exist in fourteen languages. If captions come in all of them, one picture pulls its names in all languages to one place. Does a language profit from its sisters? The experiment (`benchmarks/multilingual.py`): train with all fourteen, but in one of them take away the names of *half* of the emoji. Then ask in that language for just these.
#
# Spanish has close relatives among the others; Japanese has none. **Predict** what happens to each.

# %% tags=["nbval-check-output"]
by_language = read_csv(stored("multilingual.csv"), ("names",))
print(f"{'':48}top-1    95 %   chance")
for row in by_language:
    top1, low, high, chance = (
        f"{100 * float(row[key]):.1f}"
        for key in ("top1", "low", "high", "chance")
    )
    asked = f"{row['held_out']}: {row['names']}"
    print(f"{asked:48}{top1:>5}  {low:>4}-{high:<4} {chance:>4}")

# %% [markdown]
# Three things can be read from it. What was read in the language is named nearly as well as in English. What was never read in it falls to a half or a third of that, and is still far above chance. And nearly all of the gain from other languages comes by *spelling*: where a sister writes the name almost alike, the letters carry it over; Japanese has hardly any such names.
#
# Why does the rest not fall to chance? A name is made of words, and the words of a missing name occur in names that are there: whoever has read "black cat" and "dog" knows half of "black dog". Two languages, one seed, minutes of training: a direction, not a law. The paper's own training pairs are gathered with English queries (section 2.2); this experiment is ours.
#
# ## 11. Your own drawing
#
# The last unseen family is yours. Below, seven drawings made of a few strokes, and what the model ranks among Lucide's names.

# %%
from clipedu_lessons.common.drawing_board import DrawingBoard
from clipedu_lessons.common.strokes import SAMPLES, draw_strokes

drawn = torch.stack([draw_strokes(drawing) for drawing in SAMPLES.values()])
everything = sorted({*names, *SAMPLES})
ranks = classify(model, tokenizer, drawn, everything, "icon")
figure = ranking_figure(drawn, ranks, list(SAMPLES), k=3)
show(figure, ranking_words(ranks, list(SAMPLES), k=1))

# %% [markdown]
# Draw in the square, with the mouse, a finger or the arrow keys; the model ranks after each stroke. Start from a sample or from nothing. Which stroke makes a house a house? Does a thinner pen change the answer?

# %%
DrawingBoard(model, tokenizer, everything, sample="umbrella")

# %% [markdown]
# ## 12. What goes wrong, on purpose
#
# **Pictures not prepared as in training.** The model was trained on icons in values from -1 to 1 (`to_model`), half of the one-colour ones light on dark. **Predict** how many points each of these loses: values left at 0 to 1; three colour channels in another order; pictures upside down; pictures moved to a corner, a quarter of their size. None of them raises an error.

# %%
def measured(change, preprocess=to_model):
    changed = change(lucide.pictures)
    vectors = embed_pictures(model, changed, preprocess=preprocess)
    return zero_shot(model, tokenizer, lucide, embeddings=vectors).top1


def in_a_corner(p):
    return F.pad(F.avg_pool2d(p, 2), (0, 16, 0, 16), value=1.0)


print(f"as in training    {measured(lambda p: p):.1%}")
print(f"values 0 to 1     {measured(lambda p: p, lambda p: p):.1%}")
print(f"channels turned   {measured(lambda p: p.flip(1)):.1%}")
print(f"upside down       {measured(lambda p: p.flip(2)):.1%}")
print(f"in a corner       {measured(in_a_corner):.1%}")

# %% [markdown]
# What the model is used to decides what it forgives: icons are black, so their three channels are equal, and ink stays darker than paper on any scale of values. Upside down it has never met them. A mistake that costs nothing today costs much with the next picture, and no error tells you: measure.
#
# **A duplicate class**, **a template without a place for the name** and **no class at all** are refused, because no answer could be told from another.

# %% tags=["nbval-check-output"]
twice, no_place = (["crane", "crane"], "{}"), (["cat"], "an icon")
for wrong in (twice, no_place, ([], "{}")):
    try:
        zero_shot_classifier(model, tokenizer, *wrong)
    except ValueError as problem:
        print("-", str(problem).split(". ")[0].split(", so")[0])

# %% [markdown]
# ## 13. The answer
#
# **Can it name what it never saw?** Measured in this run:

# %% tags=["summary"]
for result in (*results.values(), *live.values()):
    print(result)
print(f"search, all of Lucide: {r1:.1%} found at once, "
      f"{r10:.1%} among ten; chance {found.chance[10]:.1%}")

# %% [markdown]
# Yes: pictures by hands that it never saw, for classes given as a list of words. It is strong where captions talk, it fails where they are silent, and it never says "I don't know". Everything above used the same weights; only the words changed.
#
# **On a GPU** nothing changes but the speed: `model.to("cuda")`.
#
# **Next**: [the exercises of lesson 05](../exercises/05_zero_shot.ipynb), where you write the classifier, the recall, the mean per class and the interval, and make a task of your own; then [lesson 06, Prompts](06_prompts.ipynb): what should you ask?
