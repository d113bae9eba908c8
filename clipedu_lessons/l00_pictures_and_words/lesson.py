# %% [markdown]
# # 00 · Pictures and words
#
# **Why learn from words instead of labels?**
#
# About 45 minutes to read and do; about a minute to run on two CPU cores.
# Covers sections 1, 2.1 and 2.2 of Radford et al. 2021 (arXiv 2103.00020), the paper that this course rebuilds from an empty file. Its model is **CLIP**, for *Contrastive Language-Image Pre-training*: it learns from pictures and the words beside them.
#
# Below are ten drawings. Look at them for a minute: you will name them, then a small model will, and then the course takes that model apart.

# %%
import math
import re
from collections import Counter

import numpy as np
import torch
from matplotlib.figure import Figure

from clipedu.evaluation import classify, load_task, zero_shot
from clipedu_lessons.common.ranking_figure import ranking_figure, ranking_words
from clipedu.pairs import FAMILIES, FIRST_EDITION, HELD_OUT_FAMILIES, to_pictures, training_pairs
from clipedu.plots import picture_grid, show
from clipedu.training import load_pretrained

# %%
lucide = load_task("lucide")
ten = np.random.default_rng(11).permutation(len(lucide))[:10]  # blindly
drawings = lucide.pictures[ten.tolist()]  # (10, 3, 32, 32), 1 is white
words = "Ten black line drawings without their names, numbered 1 to 10."
numbers = [str(k) for k in range(1, 11)]
show(picture_grid(drawings, numbers, columns=5), words)

# %% [markdown]
# **At the end you can**
#
# * say what a fixed set of labels cannot do, and show it failing;
# * describe the pictures and captions that this course learns from, with their faults: noise, words of two meanings, pictures that occur twice;
# * explain what *zero-shot* means, and do it by hand with two numbers a vector;
# * say where the paper's 400 million pairs came from.
#
# You need Python and a little PyTorch. Nothing about CLIP.
#
# ## 1. You are the model
#
# Write a name for each drawing between the quotation marks, one or two words, and run the cell. If you would rather read on, leave them empty: everything below runs all the same.

# %%
guesses = [
    "",  # 1
    "",  # 2
    "",  # 3
    "",  # 4
    "",  # 5
    "",  # 6
    "",  # 7
    "",  # 8
    "",  # 9
    "",  # 10
]

# %% tags=["nbval-check-output"]
answers = [lucide.class_names[k] for k in lucide.labels[ten.tolist()]]
said = [guess.strip().lower() for guess in guesses]
for k, (guess, answer) in enumerate(zip(said, answers, strict=True), 1):
    same = "the same" if guess == answer else "other words"
    yours = f"you said: {guess}, {same}" if guess else ""
    print(f"{k:2}. it is called: {answer:16} {yours}".rstrip())
hits = sum(g == a for g, a in zip(said, answers, strict=True))
if any(said):
    print(f"of your names, {hits} are the very same words")

# %% [markdown]
# If you did write names, some of yours are probably good names that are not *the* name. What is a house to you is a home to somebody else; a loudspeaker with a stroke is "volume off" to one person and "mute" to another. Keep this in mind: **judging names letter by letter is unfair**, and people have many words for one thing.
#
# ## 2. The model's turn
#
# The course ships a small model, trained before this lesson. It has never seen a drawing by the hand that made these ten. You give it pictures, and a list of names that *you* write; it says how probable it finds each name for each picture. Below each picture its three best names, the best one first; the right name has a check mark and a hatched bar.

# %%
model, tokenizer, card = load_pretrained()
shapes = ["umbrella", "rabbit", "house", "snowflake"]
names = [*shapes, "tree", "car", "guitar", "a sad robot"]
all_labels = lucide.labels.tolist()
wanted = [lucide.class_names.index(name) for name in shapes]
four = lucide.pictures[[all_labels.index(k) for k in wanted]]
ranked = classify(model, tokenizer, four, names)
words = ranking_words(ranked, shapes)
show(ranking_figure(four, ranked, shapes, k=3), words)

# %% [markdown]
# A name may be a description that no caption ever held, such as *a sad robot*. The model compares it all the same. It was trained for minutes, not for weeks, so look at its errors too: being sure and being right are two things.
#
# Change the list `names` and run the cell again: take a name out, put your own in. (Keep the four in `shapes`, they are the answers.) There is no file to download, nothing to train and no list of allowed names. That is what this course is about.
#
# Now the same ten drawings that you had, and a harder list: all 297 names of the task. Blind guessing is right once in 297 times. A right name that is not among the best three stands below them with its place. (`"icon"` asks with two captions for each name, the bare name and *an icon of ...*; more in section 6.)

# %%
ranked = classify(model, tokenizer, drawings, lucide.class_names, "icon")
words = ranking_words(ranked, answers, k=1)
show(ranking_figure(drawings, ranked, answers, k=3), words)

# %% tags=["nbval-check-output"]
first_names = [ranking[0].name for ranking in ranked]
right = sum(n == a for n, a in zip(first_names, answers, strict=True))
print("right more often than blind guessing of ten would be:", right >= 2)
sums = [sum(p for _, p in ranking) for ranking in ranked]
ones = np.allclose(sums, 1, atol=1e-3)
print("each time the 297 probabilities add up to 1:", ones)

# %%
names = len(lucide.class_names)
print(f"the model: {right} of 10 right, out of {names} names")
print(f"you: {hits} of 10 in the very same words, with no list")

# %% [markdown]
# The comparison is not fair, in both directions: the model had a list with the answer in it, and you have known umbrellas for years.
#
# Look at the errors. Is the wrong name *near* the right one, in shape or in meaning? And one thing the model never says: "none of these".
#
# ## 3. What labels cannot do
#
# Before 2021 the usual way went like this: fix a list of classes, have people sort pictures into them, train a network whose last layer has one output for each class. The paper's introduction names two large efforts and their limit: their labels number 1,000 and 18,291, and the classifiers have no way to answer with anything else.
#
# Build one. Five labels, all our training pictures that carry them, and the simplest classifier: one linear layer on the pixels.

# %% tags=["nbval-check-output"]
pairs = training_pairs(families=FIRST_EDITION)
labels = ["cat", "dog", "car", "house", "star"]
rows = [i for i, icon in enumerate(pairs.icons) if icon.name in labels]
dark = 1 - to_pictures(pairs.rgba[rows]).mean(1)  # (N, 32, 32), 1 = ink
pixels = dark.flatten(1)  # (N, 1024)
target = torch.tensor([labels.index(pairs.icons[i].name) for i in rows])
for k, label in enumerate(labels):
    print(f"label {k} = {label:6} {int((target == k).sum()):3} pictures")

# %% tags=["nbval-check-output"]
layer = torch.nn.Linear(1024, len(labels))
torch.nn.init.zeros_(layer.weight)
torch.nn.init.zeros_(layer.bias)
optimizer = torch.optim.SGD(layer.parameters(), lr=0.05)
for _step in range(300):
    loss = torch.nn.functional.cross_entropy(layer(pixels), target)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
learned = (layer(pixels).argmax(1) == target).float().mean().item()
print("knows its own training pictures by heart:", learned > 0.95)

# %% [markdown]
# It works, on its own ground. Now show it an umbrella. **Predict:** what can it answer?

# %%
umbrella = four[:1]  # (1, 3, 32, 32)
ink = 1 - umbrella.mean(1).flatten(1)
chances = layer(ink).softmax(1)[0].tolist()
for label, p in zip(labels, chances, strict=True):
    print(f"{label:6} {p:4.0%} {'#' * round(30 * p)}".rstrip())

# %% tags=["nbval-check-output"]
outputs = layer(ink)
print("outputs:", outputs.shape[1])
print("one of them for umbrella:", "umbrella" in labels)
try:  # teach it label 5?
    torch.nn.functional.cross_entropy(outputs, torch.tensor([5]))
except IndexError as error:
    print("IndexError:", error)

# %% [markdown]
# There is no sixth output. The classifier answers something among its five, and has to. To teach it *umbrella* you collect umbrellas, have somebody label them, make the layer larger and train again. For every new word.
#
# The model from section 2 needs a word in a list:

# %% tags=["nbval-check-output"]
for choice in (labels, [*labels, "umbrella"]):
    first = classify(model, tokenizer, umbrella, choice)[0][0].name
    right = first == "umbrella"
    print(f"{len(choice)} names, answer is umbrella: {right}")

# %% [markdown]
# ### A label is a number, and numbers know nothing
#
# For the classifier *cat* is output 0, *dog* is output 1, *car* is output 2. By hand: write a label as a row with a single 1. How far is cat from dog, and cat from car?

# %% tags=["nbval-check-output"]
one_hot = torch.eye(5)  # row k is label k
cat, dog, car = one_hot[0], one_hot[1], one_hot[2]
print("cat", cat.int().tolist(), "dog", dog.int().tolist())
print(f"cat to dog: {(cat - dog).norm():.3f}")
print(f"cat to car: {(cat - car).norm():.3f}")

# %% [markdown]
# √2 and √2. All labels are equally far from each other: mistaking a cat for a dog costs as much as mistaking it for a car, and what is learned about dogs says nothing about puppies.
#
# Words are different, because they are used. The shipped model turns each word into a list of E numbers, a vector; words that are used alike get vectors of nearly the same direction. Ask it how close it puts the five words (the **cosine** of the angle between two vectors: 1 is the same direction, 0 a right angle, unrelated):

# %% tags=["nbval-check-output"]
from clipedu.evaluation import embed_texts

vectors = embed_texts(model, tokenizer, labels)  # (5, E), length 1
cosines = vectors @ vectors.T  # (5, 5)
to_dog, to_car, to_star = cosines[0, 1], cosines[0, 2], cosines[0, 4]
print("cat is closer to dog than to car:", bool(to_dog > to_car))
print("cat is closer to dog than to star:", bool(to_dog > to_star))

# %% [markdown]
# The paper's reasons, in its abstract and its section 2.1, are these:
#
# * **Scale.** Text stands beside pictures already. Nobody needs to vote on a "gold label".
# * **Breadth.** A sentence can name anything, with its colour, its style, its purpose.
# * **Transfer.** What is learned is connected to language, so that language can ask for it afterwards, for things that no training example was labelled with. That is called *zero-shot*; section 6 does it by hand.
#
# ## 4. The pairs
#
# A **pair** is a picture and a text that belongs to it. Ours are icons and emoji: drawn by people, named by people, openly licensed, small enough for your machine. A **family** is a set drawn by one group in one manner; a **style** is a way of drawing inside a family (thin, filled, ...).

# %% tags=["nbval-check-output"]
from clipedu.pairs import load_icons

sets = {key: FAMILIES[key] for key in FIRST_EDITION + HELD_OUT_FAMILIES}  # lesson 04 adds eight
icons = load_icons(list(sets))
row = "{:22} {:>8} {:>6} {:>6}  {}"
print(row.format("family", "pictures", "names", "styles", "role"))
for key, family in sets.items():
    mine = [icon for icon in icons if icon.family == key]
    names = f"{len({icon.name for icon in mine}):,}"
    styles = len({icon.style for icon in mine})
    role = family.role.replace("_", " ")
    print(row.format(family.title, f"{len(mine):,}", names, styles, role))
different = len({icon.name for icon in icons})
print(f"all together {len(icons):,} pictures, {different:,} names")
print(f"to learn from: {len(pairs):,} pairs")

# %% [markdown]
# Four families are for training. Three are **held out**: no model in this course learns from a single picture of them.
#
# A batch of pairs as training sees it, each picture above its caption:

# %%
pictures, captions = pairs.batch(24, seed=3)
show(
    picture_grid(pictures, captions),
    "Twenty-four training pairs: small icons and emoji, each above a "
    "caption of one to a dozen words in lower case.",
)

# %% [markdown]
# Read the captions. Some are a bare name, some say how the picture is drawn, what it is used for or where it belongs. They come from what is known of a picture. The record of one, and thirty captions made from it:

# %% tags=["nbval-check-output"]
from clipedu.pairs import caption

umbrellas = [icon for icon in pairs.icons if icon.name == "umbrella"]
icon = next(icon for icon in umbrellas if icon.family == "phosphor")
print("name:", icon.name, "| style:", icon.style)
print("categories:", ", ".join(icon.categories))
print("tags:", ", ".join(icon.tags))
rng = np.random.default_rng(2)
thirty = Counter(caption(icon, rng) for _ in range(30))
for text, times in thirty.most_common():
    print(f"  {times:2} x {text}")

# %% [markdown]
# Every time a picture is seen, a caption is drawn anew. A label would have said *umbrella* each time and nothing else. The forms are filled in by a program, and it shows: *a kind of objects* is no English. Text from the web is odd in other ways.
#
# ### Search the captions
#
# The first thing to do with data is to look at it. A search over all names takes one line. **Predict:** how many names contain *cat*? How many of them are cats?

# %% tags=["nbval-check-output"]
everything = sorted({icon.name.lower() for icon in pairs.icons})
as_letters = [name for name in everything if "cat" in name]
as_word = [name for name in everything if "cat" in name.split()]
print("names with the letters c-a-t:", len(as_letters))
print("  such as", ", ".join(as_letters[::30]))
print("names with the word cat:", len(as_word))
print("  such as", ", ".join(as_word[::3]))

# %% [markdown]
# Letters are not words: search for whole words. Now with pictures, first as a figure, then as a box to type in.

# %%
from clipedu_lessons.l00_pictures_and_words.caption_search import CaptionSearch, find_icons
from clipedu_lessons.l00_pictures_and_words.caption_search import found_in_words, search_figure

found = find_icons(pairs.icons, "umbrella")
figure = search_figure(pairs.icons, pairs.rgba, found)
show(figure, found_in_words(pairs.icons, found))

# %%
CaptionSearch(pairs.icons, pairs.rgba, "cloud rain")

# %% [markdown]
# Type a word, press Enter. Try *love*, *night*, *danger*, *mouse*, *bold snow*. Pictures with the word in their name come first, then those that have it in a tag or a category. Look for a word that you would expect and that finds nothing.
#
# ## 5. What is wrong with the words
#
# Words that people wrote for their own purposes are not labels that somebody checked. Three faults matter for the whole course.
#
# ### Noise
# How often is a caption no description at all?

# %% tags=["nbval-check-output"]
versions = [name for name in everything if re.search(r"\d", name)]
print(f"names with a digit: {len(versions)} of {len(everything):,}")
print("  such as", ", ".join(versions[40::150]))
firms = {"logo", "google", "microsoft", "apple"}
logos = [name for name in everything if firms & set(name.split())]
print("names that speak of a company or a logo:", len(logos))
print("  such as", ", ".join(logos[::40]))
print("the longest:", max(everything, key=len))

# %% [markdown]
# Together that is about one name in twenty. Not each of them is a fault: a number may be part of the drawing (*keyboard f4*) or the maker's counting. Text from the web is noisier than this. The paper does not clean it by hand; it relies on there being much of it.
#
# ### One word, two meanings
# The word for a word with several meanings is **polysemy**. The same name in different families, one picture of each:

# %%
from clipedu.pairs import open_pictures

every = open_pictures().only(list(sets))
rows, titles = [], []
for word in ("mouse", "seal", "bolt", "spade", "apple", "window"):
    for key, family in sets.items():
        for row, icon in enumerate(every.icons):
            if (icon.family, icon.name.lower()) == (key, word):
                rows.append(row)
                titles.append(f"{word} ({family.title})")
                break  # one of each family

# %%
words = (
    "One word, several things: a mouse is an animal and a device; a seal "
    "an animal, a rosette, a stamp; a bolt a screw, a flash, a nut; a "
    "spade a shovel and a card suit; an apple a logo and a fruit; a "
    "window a wall's and a program's."
)
show(picture_grid(every.rgba[rows], titles), words)

# %% [markdown]
# Which of them does a label *mouse* mean? A label cannot say; a caption can: "mouse, computer" or "mouse face, an animal". Section 3.1.4 of the paper met the same in ImageNet, the best-known set of labelled photographs, where *crane* is one class for the machine and another for the bird. Lesson 06 uses it.
#
# Not every word with two dictionary meanings has both here. Count how many families draw a word at all:

# %% tags=["nbval-check-output"]
for word in ("mouse", "crane", "bat", "bolt", "key", "nail", "fan"):
    drawn = {icon.family for icon in icons if icon.name.lower() == word}
    titles = [f.title for key, f in sets.items() if key in drawn]
    more = " ..." if len(titles) > 3 else ""
    print(f"{word:6} {len(titles)}: {', '.join(titles[:3])}{more}")

# %% [markdown]
# *Crane* stands once, for the machine; *bat* twice, for the animal both times; *key* is drawn by six families, each time for a lock (search for them in the box above). Data decide which meanings a model can learn, and a dictionary does not.
#
# ### One picture, two names
# The reverse happens too. The library finds pictures that are equal pixel for pixel:

# %% tags=["nbval-check-output"]
from clipedu_lessons.common.duplicates import same_pictures

def called(group):
    """The different names of the pictures of a group, in order."""
    return list(dict.fromkeys(pairs.icons[i].name.lower() for i in group))


groups = same_pictures(pairs.rgba)
several = [group for group in groups if len(called(group)) > 1]
print(f"{len(groups):,} groups of equal pictures; in one of them are")
print(f"{sum(map(len, groups)):,} of {len(pairs):,} pictures")
print(f"{len(several)} groups have more than one name, for example")
for group in several[:400:80]:
    print("  ", " = ".join(called(group)))

# %%
biggest = sorted(several, key=lambda group: -len(called(group)))[:8]
titles = [" = ".join(called(group)) for group in biggest]
show(
    picture_grid(pairs.rgba[[group[0] for group in biggest]], titles),
    "Eight pictures that stand in the data under several names; no "
    "name is wrong, and none is the only right one.",
)

# %% [markdown]
# By labels, one of two names would have to be wrong. With captions both are true. It has a price, though. You will train a model to prefer a picture's own caption to all others in a batch; then the other true name counts as a wrong answer: a **false negative**. How often? By hand first: four pictures, of which the first and the last are the same.
#
# Each picture has three foreign captions, so there are 4 · 3 = 12 "wrong" answers; two of them (first with last, last with first) are in truth right.

# %% tags=["nbval-check-output"]
from clipedu_lessons.common.duplicates import picture_ids

def false_negatives(ids):
    """(N,) picture ids -> right answers called wrong, all called wrong"""
    same = ids[:, None] == ids[None, :]  # (N, N)
    return int(same.sum()) - len(ids), len(ids) * (len(ids) - 1)


print("by hand:", false_negatives(np.array([7, 3, 5, 7])))
ids = picture_ids(pairs.rgba)  # equal pictures have the same number
batches = [pairs.rows_at(step, 512, seed=0) for step in range(100)]
counts = [false_negatives(ids[rows]) for rows in batches]
wrong, count = (sum(column) for column in zip(*counts, strict=True))
print(f"100 batches of 512: {wrong} of {count:,} wrong answers are right")
print(f"batches with at least one: {sum(n > 0 for n, _ in counts)}")

# %% [markdown]
# Few among so many, and only those are counted that are equal to the last pixel: the sharp *close* and the rounded *clear* of Material Icons, two drawings of one cross, are not. Lesson 03 computes what they cost. The library's batches never hold the same *name* twice; equal pictures under two names can meet.
#
# ## 6. What "zero-shot" will mean
#
# The test of this course is: **name pictures of a family that you never trained on, from names that you are told in words.** Zero examples of that family: zero-shot. (The things are known from other hands, as an umbrella is; the *drawings* are new. The paper uses the word in the same broad sense, for data sets not trained on: its section 3.1.1.)
#
# The names of a task are those that two or more training families also use. A name known to one family only may be its private jargon.

# %% tags=["nbval-check-output"]
three = ("lucide", "font_awesome", "heroicons")
tasks = [load_task(name) for name in three]
for task in tasks:
    size = f"{len(task.class_names):4} names {len(task):4} pictures"
    print(f"{task.name:13} {size}, blind guessing {task.chance:.2%}")

# %% [markdown]
# "Never seen" must be checked, not believed. Is any picture of the tasks equal, pixel for pixel, to a training picture?

# %% tags=["nbval-check-output"]
role = [FAMILIES[icon.family].role for icon in every.icons]
groups = same_pictures(every.rgba)
leaks = [group for group in groups if len({role[i] for i in group}) == 2]
print("held-out pictures that are in a training family:", len(leaks))
asked = {(task.name, name) for task in tasks for name in task.class_names}
for group in leaks:
    icons_of = [every.icons[i] for i in group]
    titles = dict.fromkeys(f"{i.name} ({i.family})" for i in icons_of)
    in_task = any((i.family, i.name) in asked for i in icons_of)
    print(" ", " = ".join(titles), "| asked in a task" * in_task)

# %% [markdown]
# (`mdi` is Material Design Icons.) Simple shapes coincide. So few cannot move the result much, but they are known, and you have seen them. The paper did the same search for its 400 million (section 5) and found a median overlap of 2.2 % over 35 data sets.
#
# ### Zero-shot by hand
# A CLIP has two networks, its **towers**: one turns a picture into a vector of E numbers, the other a text. Naming is then three steps: bring all to length 1, multiply, take the largest. Two numbers per vector, one picture, three names:

# %% tags=["nbval-check-output"]
picture = torch.tensor([3.0, 4.0])  # length 5
texts = {"cat": [6.0, 8.0], "dog": [4.0, 3.0], "car": [-40.0, 60.0]}
for name, numbers in texts.items():
    text = torch.tensor(numbers)
    cosine = (picture / picture.norm()) @ (text / text.norm())
    product = picture @ text
    print(f"{name}: cosine {cosine:.2f}, not normalised {product:4.0f}")

# %% [markdown]
# Check the first on paper: (3, 4) / 5 is (0.6, 0.8); (6, 8) / 10 is (0.6, 0.8); 0.36 + 0.64 = 1. *cat* points in the same direction as the picture. Without normalising, *car* would win because its vector is long. Only directions may count.
#
# The same for all of Lucide: first in three lines, then by the library. `templates="name"` means that the caption is the bare name.

# %% tags=["nbval-check-output"]
from clipedu.evaluation import embed_pictures

lists = embed_texts(model, tokenizer, lucide.class_names)  # (297, E)
seen = embed_pictures(model, lucide.pictures)  # (297, E)
lengths = torch.cat([lists, seen]).norm(dim=1)
print("all have length 1:", bool(((lengths - 1).abs() < 1e-4).all()))
choice = (seen @ lists.T).argmax(dim=1)  # the best of 297 cosines
by_library = zero_shot(model, tokenizer, lucide, templates="name")
agree = (choice == by_library.predictions[:, 0]).float().mean().item()
print("the same names as the library's:", agree > 0.99)

# %% [markdown]
# And what does the shipped model score on the three tasks? The library writes two captions for each name, such as *house* and *an icon of house*, and takes the mean of their vectors (lesson 06 asks when that helps). **Top-1** is the share of pictures whose best name is the right one; **top-5**, the share with the right one among the best five. So few pictures leave some doubt: the two numbers in brackets are the lowest and the highest true share that fit such a count (a 95 % interval).

# %%
results = [zero_shot(model, tokenizer, task) for task in tasks]
row = "{:13} {:>5} {:>6}  {:18} {:>6} {:>6}"
print(row.format("task", "names", "top-1", "", "top-5", "chance"))
for r in results:
    low, high = r.interval
    doubt = f"({low:.1%} to {high:.1%})"
    share = [f"{r.top1:.1%}", doubt, f"{r.top5:.1%}", f"{r.chance:.1%}"]
    print(row.format(r.task, len(r.class_names), *share))

# %% tags=["nbval-check-output"]
print("more than ten times as good as blind guessing:")
for result in results:
    print(f"  {result.task:13} {result.top1 > 10 * result.chance}")

# %%
figure = Figure(figsize=(7, 2.2))
axes = figure.subplots()
bars = [f"{r.task}, {len(r.class_names)} names" for r in results]
percent = [100 * r.top1 for r in results]
chance = [100 * r.chance for r in results]
axes.barh(bars, percent, color="0.75", edgecolor="black")
axes.plot(chance, bars, "kD", linestyle="none", label="blind guessing")
axes.set(xlim=(-2, 100), xlabel="pictures named right, percent")
axes.invert_yaxis()
axes.legend(loc="lower right", bbox_to_anchor=(1, 1))
numbers = ", ".join(f"{r.task} {r.top1:.0%}" for r in results)
words = f"Zero-shot accuracy on the held-out families: {numbers}. "
show(figure, words + "Each bar ends far right of the mark for guessing.")

# %% [markdown]
# For the paper's model the corresponding headline is ImageNet: 76.2 % without one of its 1.28 million labelled pictures (section 3.1.3, Table 1), as good as the original ResNet-50, an image classifier of 2015 that was trained on all of them. Photographs of 1,000 things are another task than icons, so compare the idea, not the numbers.
#
# ## 7. How many pairs?
#
# The paper looked at the data sets of its day (section 2.2). MS-COCO and Visual Genome have good captions but only some 100,000 photographs each. YFCC100M has 100 million, of which 15 million kept an English title or description when filtered. So the authors made their own: **400 million pairs** from public web pages. They searched for pairs whose text includes one of **500,000 queries**, and took up to **20,000 pairs per query**, so that no subject drowns the others. Queries are the words that occur 100 times or more in the English Wikipedia, with word pairs that stand together far more often than by chance, the titles of much-searched articles and the terms of WordNet (a dictionary for programs) added.
#
# **Predict:** at one pair a second, day and night, how long do you look at our pairs? And at the paper's?

# %% tags=["nbval-check-output"]
sets = {"ours": len(pairs), "MS-COCO": 100_000}
sets |= {"YFCC100M, filtered": 15_000_000, "the paper's": 400_000_000}
for name, size in sets.items():
    hours = size / 3600
    years = hours / 24 / 365.25
    time = f"{hours:9,.1f} h, {years:6.3f} years"
    print(f"{name:19} {size:12,} pairs: {time}")
print(f"the paper's set is {400_000_000 / len(pairs):,.0f} times ours")
room = 500_000 * 20_000 / 1e9
print(f"500,000 queries x 20,000 pairs would allow {room:.0f} billion")

# %%
figure = Figure(figsize=(7, 2.4))
axes = figure.subplots()
sizes = list(sets.values())
axes.barh(list(sets), sizes, color="0.75", edgecolor="black")
axes.set(xscale="log", xlim=(1e3, 1e9))
axes.set_xlabel("pairs (each grid line is ten times the one before)")
axes.invert_yaxis()
words = f"Bars on a log axis: ours with {len(pairs):,} pairs, MS-COCO "
words += "with 100 thousand, filtered YFCC100M with 15 million, the "
show(figure, words + "paper's with 400 million, the longest.")

# %% [markdown]
# Ours is a small world: mostly black shapes on white, some emoji in colour, a few thousand words. In it you can see in minutes what took the paper's largest ResNet 18 days on 592 GPUs (section 2.5), and look at every single pair that taught it. What does not carry over is said where it matters.
#
# ## 8. Back to your ten
#
# Your names were judged letter by letter. Judge them by meaning: let the text tower find which of the 297 names is closest to yours. If you filled nothing in, four other names for the drawings stand in for you.

# %%
mine = {i: guess for i, guess in enumerate(said) if guess}
mine = mine or {0: "mute", 1: "parasol", 6: "home", 9: "puppy"}
vectors = embed_texts(model, tokenizer, list(mine.values()))  # (n, E)
nearest = (vectors @ lists.T).argmax(dim=1).tolist()
texts = [" ".join([i.name, *i.tags, *i.aliases]) for i in pairs.icons]
known = [set(text.lower().split()) for text in texts]
for (i, guess), place in zip(mine.items(), nearest, strict=True):
    often = sum(guess in words for words in known)
    found = lucide.class_names[place]
    print(f"“{guess}” is nearest to “{found}”; the answer: “{answers[i]}”")
    print(f"   training pictures with your word: {often}")

# %% [markdown]
# Sometimes it mends an unfair verdict, sometimes it makes an odd one: this text tower has read the captions of icons and nothing else, and a word that few pictures carry has hardly been taught. That any *sentence* can be compared with a name at all is the point.
#
# ## 9. The map
#
# The model above has two towers, a loss and a training run. Lessons 01 to 04 build each; the later ones ask what it can do, what it costs and where it fails.
#
# | lesson | question |
# |---|---|
# | 00 pictures and words | Why learn from words instead of labels? |
# | [01 words to vectors](01_words_to_vectors.ipynb) | How does a sentence become a vector? |
# | [02 pictures to vectors](02_pictures_to_vectors.ipynb) | How does a picture become a vector? |
# | [03 the contrastive loss](03_the_contrastive_loss.ipynb) | Which caption goes with which picture? |
# | [04 train a CLIP](04_train_a_clip.ipynb) | Can it learn on this machine? |
# | 05 zero-shot | Can it name what it never saw? |
# | 06 prompts | What should you ask? |
# | 07 objectives | Why contrast? |
# | 08 scaling up | What changes on a GPU, and on 592 of them? |
# | 09 scaling laws | What does ten times the compute buy? |
# | 10 linear probes | How good are the features? |
# | 11 robustness | What happens when the pictures change? |
# | 12 limits | Where does it fail, and whom? |
# | 13 the real CLIP | Is it really the same model? |
#
# ## The answer
#
# Why learn from words instead of labels?

# %%
print(f"1. A label set is closed: {len(labels)} outputs, no others.")
print("   A list of names is open:")
for r in results:
    print(f"   {r.task}: {len(r.class_names)} names, {r.top1:.0%} right")
print(f"2. Labels are all {math.sqrt(2):.2f} apart. Words have nearness:")
print(f"   cosine of cat-dog {to_dog:.2f}, of cat-car {to_car:.2f}")
print(f"3. Words come with the pictures: {len(pairs):,} pairs here,")
print("   400,000,000 in the paper, and nobody sorted them")
print(f"4. They have faults: {len(several)} drawings with several names,")
print("   one name for several things")

# %% [markdown]
# **On a GPU** nothing in this lesson changes: a CPU needs about a minute.
#
# **Next**
#
# * The [exercises to this lesson](../exercises/00_pictures_and_words.ipynb): what a label set costs, clean names, a search, zero-shot by hand, false negatives, and a hunt of your own.
# * [Lesson 01, words to vectors](01_words_to_vectors.ipynb): the first tower.
