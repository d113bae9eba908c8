# %% [markdown]
# # 00 · Pictures and words
#
# **Why learn from words instead of labels?**
#
# About 45 minutes to read and do; about a minute to run on two CPU cores.
# Covers sections 1, 2.1 and 2.2 of Radford et al. 2021 (arXiv 2103.00020), the paper that this course rebuilds from an empty file.
#
# Below are ten drawings. Look at them for a minute: you will name them, then a small model will, and then the course takes that model apart.

# %%
import math
import re
from collections import Counter

import numpy as np
import torch
from matplotlib.figure import Figure

from clipedu.evaluation import classify, embed_pictures, embed_texts, load_task, ranking_figure, ranking_words, zero_shot
from clipedu.pairs import FAMILIES, caption, load_icons, open_pictures, picture_ids, same_pictures, to_pictures, training_pairs
from clipedu.plots import picture_grid, show
from clipedu.training import load_pretrained

# %%
lucide = load_task("lucide")
ten = np.random.default_rng(11).permutation(len(lucide))[:10]  # drawn blindly, not chosen
drawings = lucide.pictures[ten.tolist()]  # (10, 3, 32, 32), 0 black to 1 white
show(
    picture_grid(drawings, [str(number) for number in range(1, 11)], columns=5),
    "Ten black line drawings without their names, numbered 1 to 10: what is on each?",
)

# %% [markdown]
# **At the end you can**
#
# * say what a fixed set of labels cannot do, and show it failing;
# * describe the pictures and captions that this course learns from, with their faults: noise, words of two meanings, pictures that occur twice;
# * explain what *zero-shot* means, and do it by hand with four multiplications;
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
answers = [lucide.class_names[label] for label in lucide.labels[ten.tolist()]]
said = [guess.strip().lower() for guess in guesses]
for number, (guess, answer) in enumerate(zip(said, answers, strict=True), 1):
    verdict = "" if not guess else ", the same" if guess == answer else ", other words"
    print(f"{number:2}. it is called: {answer:16} you said: {guess or '(nothing yet)'}{verdict}")
print(f"named {sum(map(bool, said))} of 10, in the same words {sum(g == a for g, a in zip(said, answers, strict=True))}")

# %% [markdown]
# If you did write names, some of yours are probably good names that are not *the* name. What is a house to you is a home to somebody else; a loudspeaker with a stroke is "volume off" to one person and "mute" to another. Keep this in mind: **judging names letter by letter is unfair**, and people have many words for one thing.
#
# ## 2. The model's turn
#
# The course ships a small model, trained before this lesson. It has never seen a drawing by the hand that made these ten. You give it pictures, and a list of names that *you* write; it says which name fits each picture.

# %%
model, tokenizer, card = load_pretrained()
shapes = ["umbrella", "rabbit", "house", "snowflake"]
names = ["umbrella", "rabbit", "house", "snowflake", "tree", "car", "guitar", "a sad robot"]
four = lucide.pictures[[lucide.labels.tolist().index(lucide.class_names.index(name)) for name in shapes]]
ranked = classify(model, tokenizer, four, names)
show(ranking_figure(four, ranked, shapes, k=3), ranking_words(ranked, shapes))

# %% [markdown]
# A name may be a description that no caption ever held, such as *a sad robot*. The model compares it all the same. It was trained for minutes, not for weeks, so look at its errors too: being sure and being right are two things.
#
# Change the list `names` and run the cell again: take a name out, put your own in. (Keep the four in `shapes`, they are the answers.) There is no file to download, nothing to train and no list of allowed names. That is what this course is about.
#
# Now the same ten drawings that you had, and a harder list: all 297 names of the task. Blind guessing is right once in 297 times.

# %%
ranked = classify(model, tokenizer, drawings, lucide.class_names, "icon")
show(ranking_figure(drawings, ranked, answers, k=3, columns=5), ranking_words(ranked, answers, k=1))

# %% tags=["nbval-check-output"]
right = sum(ranking[0].name == answer for ranking, answer in zip(ranked, answers, strict=True))
print("right more often than blind guessing of ten would be:", right >= 2)
print("every picture gets a name, and its probabilities add up to 1:", all(abs(sum(p for _, p in r) - 1) < 1e-3 for r in ranked))

# %%
print(f"the model: {right} of 10 right, out of {len(lucide.class_names)} names")
print(f"you: {sum(g == a for g, a in zip(said, answers, strict=True))} of 10 in the very same words, with no list to choose from")

# %% [markdown]
# The comparison is not fair, in both directions: the model had a list with the answer in it, and you have known umbrellas for years.
#
# Note the errors. A wrong answer is often a *near* one. And one thing the model never says: "none of these".
#
# ## 3. What labels cannot do
#
# Before 2021 the usual way went like this: fix a list of classes, have people sort pictures into them, train a network whose last layer has one output for each class. The paper's introduction names two large efforts and their limit: their labels number 1,000 and 18,291, and the classifiers have no way to answer with anything else.
#
# Build one. Five labels, all our training pictures that carry them, and the simplest classifier: one linear layer on the pixels.

# %% tags=["nbval-check-output"]
pairs = training_pairs()
labels = ["cat", "dog", "car", "house", "star"]
rows = [i for i, icon in enumerate(pairs.icons) if icon.name in labels]
pixels = 1 - to_pictures(pairs.rgba[rows]).mean(1).flatten(1)  # (N, 1024), 1 = ink
target = torch.tensor([labels.index(pairs.icons[i].name) for i in rows])  # (N,)
for number, label in enumerate(labels):
    print(f"label {number} = {label:6} {int((target == number).sum()):3} pictures")

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
for label, p in zip(labels, layer(ink).softmax(1)[0].tolist(), strict=True):
    print(f"{label:6} {p:4.0%} {'#' * round(30 * p)}")

# %% tags=["nbval-check-output"]
outputs = layer(ink)
print("outputs:", outputs.shape[1], "| one of them stands for umbrella:", "umbrella" in labels)
try:
    torch.nn.functional.cross_entropy(outputs, torch.tensor([5]))  # teach it label 5?
except IndexError as error:
    print("IndexError:", error)

# %% [markdown]
# There is no sixth output. The classifier answers something among its five, and has to. To teach it *umbrella* you collect umbrellas, have somebody label them, make the layer larger and train again. For every new word.
#
# The model from section 2 needs a word in a list:

# %% tags=["nbval-check-output"]
for choice in (labels, [*labels, "umbrella"]):
    first = classify(model, tokenizer, umbrella, choice)[0][0]
    print(f"{len(choice)} names, answer is umbrella: {first.name == 'umbrella'}")

# %% [markdown]
# ### A label is a number, and numbers know nothing
#
# For the classifier *cat* is output 0, *dog* is output 1, *car* is output 2. By hand: write a label as a row with a single 1. How far is cat from dog, and cat from car?

# %% tags=["nbval-check-output"]
one_hot = torch.eye(5)  # row k is label k
cat, dog, car = one_hot[0], one_hot[1], one_hot[2]
print(f"cat {cat.int().tolist()}, dog {dog.int().tolist()}, car {car.int().tolist()}")
print(f"cat to dog: {(cat - dog).norm():.3f}   cat to car: {(cat - car).norm():.3f}")

# %% [markdown]
# √2 and √2. All labels are equally far from each other: mistaking a cat for a dog costs as much as mistaking it for a car, and what is learned about dogs says nothing about puppies.
#
# Words are different, because they are used. Ask the shipped model how close it puts the same words (the **cosine**: 1 is the same direction, 0 is unrelated):

# %% tags=["nbval-check-output"]
vectors = embed_texts(model, tokenizer, labels)  # (5, E), each of length 1
cosines = vectors @ vectors.T  # (5, 5)
print("cat is closer to dog than to car:", bool(cosines[0, 1] > cosines[0, 2]))
print("cat is closer to dog than to star:", bool(cosines[0, 1] > cosines[0, 4]))

# %% [markdown]
# The paper's reasons, in its section 2.1, are these:
#
# * **Scale.** Text stands beside pictures already. Nobody needs to vote on a "gold label".
# * **Breadth.** A sentence can name anything, with its colour, its style, its purpose.
# * **Transfer.** What is learned is connected to language, so that language can ask for it afterwards: zero-shot.
#
# ## 4. The pairs
#
# A **pair** is a picture and a text that belongs to it. Ours are icons and emoji: drawn by people, named by people, openly licensed, small enough for your machine. A **family** is a set drawn by one group in one manner; a **style** is a way of drawing inside a family (thin, filled, ...).

# %% tags=["nbval-check-output"]
icons = load_icons()
print(f"{'family':22} {'pictures':>8} {'names':>6} {'styles':>6}  role")
for key, family in FAMILIES.items():
    mine = [icon for icon in icons if icon.family == key]
    different, styles = len({icon.name for icon in mine}), len({icon.style for icon in mine})
    print(f"{family.title:22} {len(mine):8,} {different:6,} {styles:6}  {family.role.replace('_', ' ')}")
print(f"all together {len(icons):,} pictures, {len({icon.name for icon in icons}):,} different names")
print(f"to learn from: {len(pairs):,} pairs")

# %% [markdown]
# Four families are for training. Three are **held out**: no model in this course learns from a single picture of them.
#
# A batch of pairs as training sees it, each picture above its caption:

# %%
pictures, captions = pairs.batch(24, seed=3)
show(picture_grid(pictures, captions), "Twenty-four training pairs: small icons and emoji, above captions of one to a dozen words in lower case.")

# %% [markdown]
# Read the captions. Some are a bare name, some say how the picture is drawn, what it is used for or where it belongs. They come from what is known of a picture. The record of one, and thirty captions made from it:

# %% tags=["nbval-check-output"]
icon = next(icon for icon in pairs.icons if icon.family == "phosphor" and icon.name == "umbrella")
print("name:", icon.name, "| style:", icon.style, "| categories:", ", ".join(icon.categories))
print("tags:", ", ".join(icon.tags))
rng = np.random.default_rng(2)
for text, times in Counter(caption(icon, rng) for _ in range(30)).most_common():
    print(f"  {times:2} x {text}")

# %% [markdown]
# Every time a picture is seen, a caption is drawn anew. A label would have said *umbrella* each time and nothing else. The forms are filled in by a program, and it shows: *a kind of objects* is no English. Text from the web is odd in other ways.
#
# ### Search the captions
#
# The first thing to do with data is to look at it. A search over all captions takes one line. **Predict:** how many names contain *cat*? How many of them are cats?

# %% tags=["nbval-check-output"]
everything = sorted({icon.name.lower() for icon in pairs.icons})
as_letters = [name for name in everything if "cat" in name]
as_word = [name for name in everything if "cat" in re.findall(r"\w+", name)]
print(f"names with the letters c-a-t: {len(as_letters)}, such as {', '.join(as_letters[::30])}")
print(f"names with the word cat: {len(as_word)}: {', '.join(as_word)}")

# %% [markdown]
# Letters are not words: search for whole words. Now with pictures, first as a figure, then as a box to type in.

# %%
from clipedu.widgets.caption_search import caption_search, find_icons, found_in_words, search_figure

found = find_icons(pairs.icons, "umbrella")
show(search_figure(pairs.icons, pairs.rgba, found), found_in_words(pairs.icons, found))

# %%
caption_search(pairs.icons, pairs.rgba, "cloud rain")

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
print(f"names with a digit in them: {len(versions)} of {len(everything):,}, such as {', '.join(versions[40::110])}")
logos = [name for name in everything if set(name.split()) & {"logo", "google", "microsoft", "apple"}]
print(f"names that speak of a company or a logo: {len(logos)}, such as {', '.join(logos[::25])}")
long = max(everything, key=len)
print(f"the longest: {long}")

# %% [markdown]
# A number in an icon's name may be part of the drawing (a clock face) or the maker's counting. Text from the web is noisier than this. The paper does not clean it by hand; it relies on there being much of it.
#
# ### One word, two meanings
# The word for a word with several meanings is **polysemy**. The same name in different families, one picture of each:

# %%
every = open_pictures()
shown, titles = [], []
for word in ("mouse", "seal", "bolt", "spade", "apple", "window"):
    by_family = {icon.family: row for row, icon in reversed(list(enumerate(every.icons))) if icon.name.lower() == word}
    for key in [key for key in FAMILIES if key in by_family]:
        shown.append(by_family[key])
        titles.append(f"{word} ({FAMILIES[key].title})")
show(
    picture_grid(every.rgba[shown], titles),
    "One word, several things: a mouse is an animal and a pointing device; a seal an animal, a rosette and a stamp; a bolt a screw, a flash of lightning and a nut; "
    "a spade a shovel and a card suit; an apple a company's logo and a fruit; a window a wall's and a program's.",
)

# %% [markdown]
# Which of them does a label *mouse* mean? A label cannot say; a caption can: "mouse, computer" or "mouse face, an animal". Section 3.1.4 of the paper met the same in ImageNet, where *crane* is one class for the machine and another for the bird. Lesson 06 uses it.
#
# Not every word with two dictionary meanings has both here. Count how many families draw a word at all:

# %% tags=["nbval-check-output"]
for word in ("mouse", "crane", "bat", "bolt", "key", "nail", "fan"):
    families = [FAMILIES[key].title for key in FAMILIES if any(i.family == key and i.name.lower() == word for i in icons)]
    print(f"{word:6} {len(families)}: {', '.join(families)}")

# %% [markdown]
# *Crane* stands once, for the machine; *bat* twice, for the animal both times; *key* is drawn by six families, each time for a lock. Data decide which meanings a model can learn, and a dictionary does not.
#
# ### One picture, two names
# The reverse happens too. The library finds pictures that are equal pixel for pixel:

# %% tags=["nbval-check-output"]
groups = same_pictures(pairs.rgba)
several = [group for group in groups if len({pairs.icons[i].name.lower() for i in group}) > 1]
print(f"{len(groups):,} groups of equal pictures, {sum(map(len, groups)):,} of {len(pairs):,} pictures are in one")
print(f"{len(several)} of the groups have more than one name, for example")
for group in several[:400:80]:
    print("  ", " = ".join(dict.fromkeys(pairs.icons[i].name.lower() for i in group)))

# %%
biggest = sorted(several, key=lambda group: -len({pairs.icons[i].name.lower() for i in group}))[:8]
titles = [" = ".join(dict.fromkeys(pairs.icons[i].name.lower() for i in group)) for group in biggest]
show(
    picture_grid(pairs.rgba[[group[0] for group in biggest]], titles),
    "Eight pictures that stand in the data under several names; no name is wrong, and none is the only right one.",
)

# %% [markdown]
# By labels, one of two names would have to be wrong. With captions both are true. It has a price, though. You will train a model to prefer a picture's own caption to all others in a batch; then the other true name counts as a wrong answer: a **false negative**. How often? By hand first: four pictures, of which the first and the last are the same.
#
# Each picture has three foreign captions, so there are 4 · 3 = 12 "wrong" answers; two of them (first with last, last with first) are in truth right.

# %% tags=["nbval-check-output"]
def false_negatives(ids: np.ndarray) -> tuple[int, int]:
    """(false negatives, all answers that count as wrong), for the picture ids of a batch."""
    same = ids[:, None] == ids[None, :]  # (N, N)
    return int(same.sum()) - len(ids), len(ids) * (len(ids) - 1)


print("by hand:", false_negatives(np.array([7, 3, 5, 7])))
ids = picture_ids(pairs.rgba)  # the same number where the picture is the same
counts = [false_negatives(ids[pairs.rows_at(step, 512, seed=0)]) for step in range(100)]
wrong, count = (sum(column) for column in zip(*counts, strict=True))
print(f"100 batches of 512: {wrong} of {count:,} wrong answers are right, {wrong / 100:.1f} a batch")
print(f"batches with at least one: {sum(pair[0] > 0 for pair in counts)}")

# %% [markdown]
# Few among so many, and only those are counted that are equal to the last pixel: a thin and a bold *close* and *clear* are not. Lesson 03 computes what they cost. The library's batches never hold the same *name* twice; equal pictures under two names can meet.
#
# ## 6. What "zero-shot" will mean
#
# The test of this course is: **name pictures of a family that you never trained on, from names that you are told in words.** Zero examples of that family: zero-shot. (The things are known from other hands, as an umbrella is; the *drawings* are new. The paper uses the word in the same broad sense, for data sets not trained on: its section 3.1.1.)
#
# The names of a task are those that two or more training families also use. A name known to one family only may be its private jargon.

# %% tags=["nbval-check-output"]
tasks = [load_task(name) for name in ("lucide", "font_awesome", "heroicons")]
for task in tasks:
    print(f"{task.name:13} {len(task.class_names):4} names {len(task):4} pictures, blind guessing {task.chance:.2%}")

# %% [markdown]
# "Never seen" must be checked, not believed. Is any picture of the tasks equal, pixel for pixel, to a training picture?

# %% tags=["nbval-check-output"]
role = [FAMILIES[icon.family].role for icon in every.icons]
leaks = [group for group in same_pictures(every.rgba) if len({role[i] for i in group}) == 2]
print(f"held-out pictures that also hang in a training family: {len(leaks)}")
for group in leaks:
    print("  ", " = ".join(dict.fromkeys(f"{every.icons[i].name} ({every.icons[i].family})" for i in group)))
in_tasks = [i for g in leaks for i in g if any(t.name == every.icons[i].family and every.icons[i].name in t.class_names for t in tasks)]
print(f"of these, asked in a task: {len(in_tasks)}: {', '.join(every.icons[i].name for i in in_tasks)}")

# %% [markdown]
# Simple shapes coincide. So few cannot move the result much, but they are known, and you have seen them. The paper did the same search for its 400 million (section 5) and found a median overlap of 2.2 % over 35 data sets.
#
# ### Zero-shot by hand
# Both towers of a CLIP give vectors: one turns a picture into a vector, the other a text. Naming is then three steps: bring all to length 1, multiply, take the largest. Two numbers per vector, one picture, three names:

# %% tags=["nbval-check-output"]
picture = torch.tensor([3.0, 4.0])  # length 5
texts = {"cat": torch.tensor([6.0, 8.0]), "dog": torch.tensor([4.0, 3.0]), "car": torch.tensor([-40.0, 60.0])}
for name, text in texts.items():
    cosine = (picture / picture.norm()) @ (text / text.norm())
    print(f"{name}: cosine {cosine:.2f}, but without normalising {picture @ text:5.0f}")

# %% [markdown]
# Check the first on paper: (3, 4) / 5 is (0.6, 0.8); (6, 8) / 10 is (0.6, 0.8); 0.36 + 0.64 = 1. *cat* points in the same direction as the picture. Without normalising, *car* would win because its vector is long. Only directions may count.
#
# The same in the open, for all of Lucide, against the library:

# %% tags=["nbval-check-output"]
lists = embed_texts(model, tokenizer, lucide.class_names)  # (297, E), from 297 names
seen = embed_pictures(model, lucide.pictures)  # (297, E), from 297 pictures
print("all have length 1:", bool(torch.allclose(lists.norm(dim=1), torch.ones(len(lists)), atol=1e-4)))
choice = (seen @ lists.T).argmax(dim=1)  # (297, 297) cosines, the best name in each row
by_library = zero_shot(model, tokenizer, lucide, templates="name")
agree = (choice == by_library.predictions[:, 0]).float().mean().item()
print("the same names as the library's:", agree > 0.99)

# %% [markdown]
# And what does the shipped model score on the three tasks, with several captions for each name (lesson 06 says why that helps)?

# %%
results = [zero_shot(model, tokenizer, task) for task in tasks]
for result in results:
    print(result)

# %% tags=["nbval-check-output"]
for result in results:
    print(f"{result.task:13} more than ten times as good as blind guessing: {result.top1 > 10 * result.chance}")

# %%
figure = Figure(figsize=(7, 2.2))
axes = figure.subplots()
names_of = [f"{result.task}, {len(result.class_names)} names" for result in results]
axes.barh(names_of, [100 * result.top1 for result in results], color="0.75", edgecolor="black")
axes.plot([100 * result.chance for result in results], names_of, "kD", markersize=7, markevery=1, linestyle="none", label="blind guessing")
axes.set(xlim=(-2, 100), xlabel="pictures named right, percent")
axes.invert_yaxis()
axes.legend(loc="lower right", bbox_to_anchor=(1, 1))
numbers = ", ".join(f"{result.task} {result.top1:.0%} (blind guessing {result.chance:.1%})" for result in results)
show(figure, f"Zero-shot accuracy on the three held-out families: {numbers}. Each bar ends far to the right of its mark for blind guessing.")

# %% [markdown]
# For the paper's model the corresponding headline is ImageNet: 76.2 % without one of its 1.28 million labelled pictures (section 3.1.3, Table 1), as good as the original ResNet-50 that was trained on all of them. Photographs of 1,000 things are another task than icons, so compare the idea, not the numbers.
#
# ## 7. How many pairs?
#
# The paper looked at the data sets of its day (section 2.2). MS-COCO and Visual Genome have good captions but only some 100,000 photographs each. YFCC100M has 100 million, of which 15 million kept an English title or description when filtered. So the authors made their own: **400 million pairs** from public web pages. They searched for pairs whose text includes one of **500,000 queries**, and took up to **20,000 pairs per query**, so that no subject drowns the others. Queries are the words that occur 100 times or more in the English Wikipedia, with frequent word pairs, article titles and WordNet terms added.
#
# **Predict:** at one pair a second, day and night, how long do you look at our pairs? And at the paper's?

# %% tags=["nbval-check-output"]
sets = {"ours": len(pairs), "MS-COCO": 100_000, "YFCC100M, filtered": 15_000_000, "the paper's": 400_000_000}
for name, size in sets.items():
    hours = size / 3600
    print(f"{name:19} {size:12,} pairs: {hours:9,.1f} hours, or {hours / 24 / 365.25:6.3f} years")
print(f"the paper's set is {400_000_000 / len(pairs):,.0f} times ours")
print(f"500,000 queries x 20,000 pairs would allow {500_000 * 20_000 / 1e9:.0f} billion; 400 million came")

# %%
figure = Figure(figsize=(7, 2.4))
axes = figure.subplots()
axes.barh(list(sets), list(sets.values()), color="0.75", edgecolor="black")
axes.set(xscale="log", xlabel="pairs (each grid line is ten times the one before)", xlim=(1e3, 1e9))
axes.invert_yaxis()
show(figure, f"Four sets of pairs on a logarithmic axis: ours with {len(pairs):,}, MS-COCO with 100 thousand, filtered YFCC100M with 15 million, the paper's with 400 million.")

# %% [markdown]
# Ours is a small world: black shapes on white, a few thousand words. In it you can see in minutes what took the paper's largest ResNet 18 days on 592 GPUs (section 2.5), and look at every single pair that taught it. What does not carry over is said where it matters.
#
# ## 8. Back to your ten
#
# Your names were judged letter by letter. Judge them by meaning: let the text tower find which of the 297 names is closest to yours. If you filled nothing in, four other names for the drawings stand in for you.

# %%
mine = {i: guess for i, guess in enumerate(said) if guess} or {0: "mute", 1: "parasol", 6: "home", 9: "puppy"}
vectors = embed_texts(model, tokenizer, list(mine.values()))  # (n, E)
nearest = (vectors @ lists.T).argmax(dim=1).tolist()
for (i, guess), place in zip(mine.items(), nearest, strict=True):
    print(f"“{guess}” is nearest to “{lucide.class_names[place]}”")
    print(f"   the answer is “{answers[i]}”")

# %% [markdown]
# Sometimes it mends an unfair verdict, sometimes it makes an odd one: this text tower has read the captions of icons and nothing else, and some words only a few times. That a *sentence* can be compared with a name at all is the point.
#
# ## 9. The map
#
# The model above has two towers, a loss and a training run. The course builds each. Lessons 00 to 04 exist now; the others are planned.
#
# | lesson | question | |
# |---|---|---|
# | 00 pictures and words | Why learn from words instead of labels? | this one |
# | [01 words to vectors](01_words_to_vectors.ipynb) | How does a sentence become a vector? | here |
# | [02 pictures to vectors](02_pictures_to_vectors.ipynb) | How does a picture become a vector? | here |
# | [03 the contrastive loss](03_the_contrastive_loss.ipynb) | Which caption goes with which picture? | here |
# | [04 train a CLIP](04_train_a_clip.ipynb) | Can it learn on this machine? | here |
# | 05 zero-shot | Can it name what it never saw? | planned |
# | 06 prompts | What should you ask? | planned |
# | 07 objectives | Why contrast? | planned |
# | 08 scaling up | What changes on a GPU, and on 592 of them? | planned |
# | 09 scaling laws | What does ten times the compute buy? | planned |
# | 10 linear probes | How good are the features? | planned |
# | 11 robustness | What happens when the pictures change? | planned |
# | 12 limits | Where does it fail, and whom? | planned |
# | 13 the real CLIP | Is it really the same model? | planned |
#
# ## The answer
#
# Why learn from words instead of labels?

# %%
print(f"1. A label set is closed: {len(labels)} outputs, and no word for the rest. A list of names is open:")
print("   " + ", ".join(f"{len(result.class_names)} names asked, {result.top1:.0%} right" for result in results))
print(f"2. Labels are all {math.sqrt(2):.2f} apart. Words are near or far, as they are used:")
print(f"   cat-dog {cosines[0, 1]:.2f}, cat-car {cosines[0, 2]:.2f}, in the shipped model")
print(f"3. Words come with the pictures: {len(pairs):,} pairs here, 400,000,000 in the paper, and nobody sorted them")
print(f"4. They come with faults: {len(several)} pictures under several names, one name for several things")

# %% [markdown]
# **On a GPU** nothing in this lesson changes: it is over in seconds on a CPU.
#
# **Next**
#
# * The [exercises to this lesson](../exercises/00_pictures_and_words.ipynb): what a label set costs, clean names, a search, zero-shot by hand, false negatives, and a hunt of your own.
# * [Lesson 01, words to vectors](01_words_to_vectors.ipynb): the first tower.
