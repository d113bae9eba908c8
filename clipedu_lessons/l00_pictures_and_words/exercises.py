# %% [markdown]
# # Exercises 00 · Pictures and words
#
# They go with [the lesson on pictures and words](../notebooks/00_pictures_and_words.ipynb) and follow its order. Work from top to bottom: the first is done on paper, the last is a hunt of your own.
#
# Each check says what it found; when it knows the mistake, it names it. `hint("00.2")` shows one more hint each time you run it, `solution("00.2")` opens after you have passed, `progress()` says where you stand, and `reset("00.2")` begins an exercise anew. Nothing leaves this machine.

# %%
import re

import torch

from clipedu_classroom import check, give_up, hint, progress, reset, solution

# %% tags=["exercise"]
EXERCISE = dict(
    id="00.1",
    title="What a label set costs",
    kind="predict",
    points=2,
    minutes=8,
    difficulty="easy",
    goal="Say in numbers what a fixed label set needs, and what it cannot reach.",
    hints=[
        "An output of a linear layer is a sum: every feature times a weight, plus one number more.",
        "So an output has 512 + 1 numbers. How many outputs are there at first, and how many come later?",
        "For the accuracy: which of the 400 pictures have an output that stands for them? Only these can be right.",
    ],
)

# %% [markdown]
# A network turns a picture into 512 features. Its last layer is linear, with a weight for each feature and a bias, and has one output for each of 1,000 labels.
#
# * `last_layer`: how many numbers are learned in the last layer?
# * `for_fifty_more`: fifty labels are added. How many numbers must the layer get?
# * `best_percent`: you show the first network (1,000 labels) 400 pictures; 250 show something from the label set, 150 do not. What is the best accuracy that it can have, in percent?
# * `with_words`: a model as in the lesson compares a picture with names. Fifty names are added to its list. How many numbers must it learn?

# %%
### BEGIN SOLUTION
last_layer = 513_000  # (512 + 1) * 1,000
for_fifty_more = 25_650  # (512 + 1) * 50
best_percent = 62.5  # 250 of 400: the others have no output
with_words = 0
### END SOLUTION

# %%
check("00.1", (last_layer, for_fifty_more, best_percent, with_words))

# %% the biases are forgotten tags=["wrong"]
last_layer, for_fifty_more, best_percent, with_words = 512_000, 25_600, 62.5, 0

# %% one bias is counted for the whole layer tags=["wrong"]
last_layer, for_fifty_more, best_percent, with_words = 512_001, 25_601, 62.5, 0

# %% the whole layer is counted again for the new labels tags=["wrong"]
# hint: The old outputs exist already.
last_layer, for_fifty_more, best_percent, with_words = 513_000, 538_650, 62.5, 0

# %% a share is given for a percentage tags=["wrong"]
# hint: The last but one answer is in percent.
last_layer, for_fifty_more, best_percent, with_words = 513_000, 25_650, 0.625, 0

# %% a list of names is believed to need weights of its own tags=["wrong"]
last_layer, for_fifty_more, best_percent, with_words = 513_000, 25_650, 62.5, 25_600

# %% tags=["exercise"]
EXERCISE = dict(
    id="00.2",
    title="From a file name to words",
    points=2,
    minutes=10,
    difficulty="easy",
    goal="Clean a name without damaging it: half of the work with found text.",
    hints=[
        "Four steps, in this order: extension, lower case, words, style. Try each alone on Bold-Bag__thin.svg.",
        "`removesuffix` takes an ending off, `strip` takes letters off. `re.split` cuts at any run of separators.",
        "`words = [w for w in re.split(..., text.removesuffix(...).lower()) if w]`, then look at `words[-1]`, and at how many words there are.",
    ],
)

# %% [markdown]
# The course's names come from file names. Write the function that cleans one:
#
# 1. the ending `.svg` goes, if there is one;
# 2. all letters become small;
# 3. hyphens and underscores separate words: each run of them becomes **one** space;
# 4. if the **last** word is one of `styles`, it goes (one word only), unless it is the only word.
#
# `clean_name("Mouse-Pointer_bold.svg", ["bold", "thin"])` is `"mouse pointer"`; of `"Bold_Arrow.svg"` it makes `"bold arrow"`. No name begins or ends with a separator.

# %%
def clean_name(file_name: str, styles: list[str]) -> str:
    """The words of a file name, without extension and style."""
    ### BEGIN SOLUTION
    bare = file_name.removesuffix(".svg").lower()
    words = re.split(r"[-_ ]+", bare)
    if len(words) > 1 and words[-1] in styles:
        words.pop()
    return " ".join(words)
    ### END SOLUTION

# %%
check("00.2", clean_name)

# %% the extension is cut off with strip, which takes away letters, not an ending tags=["wrong"]
# hint: Try the file name bags.svg.
def clean_name(file_name, styles):
    words = re.split("[-_]+", file_name.rstrip(".svg").lower())
    return " ".join(words[:-1] if len(words) > 1 and words[-1] in styles else words)

# %% only the hyphen separates words tags=["wrong"]
# hint: Look at the underscore.
def clean_name(file_name, styles):
    words = re.split("-+", file_name.removesuffix(".svg").lower())
    return " ".join(words[:-1] if len(words) > 1 and words[-1] in styles else words)

# %% the style is compared before it is in lower case tags=["wrong"]
# hint: Is Bold in the list of styles?
def clean_name(file_name, styles):
    words = re.split("[-_]+", file_name.removesuffix(".svg"))
    if len(words) > 1 and words[-1] in styles:
        words = words[:-1]
    return " ".join(words).lower()

# %% style words are taken out wherever they are tags=["wrong"]
# hint: In bold arrow, bold is a part of the name.
def clean_name(file_name, styles):
    words = re.split("[-_]+", file_name.removesuffix(".svg").lower())
    return " ".join([word for word in words if word not in styles] or words)

# %% a name that is nothing but a style becomes empty tags=["wrong"]
# hint: What is left of bold.svg?
def clean_name(file_name, styles):
    words = file_name.removesuffix(".svg").lower().replace("_", " ").replace("-", " ").split()
    if words[-1] in styles:
        del words[-1]
    return " ".join(words)

# %% two separators together become two spaces tags=["wrong"]
# hint: How many spaces are between two words?
def clean_name(file_name, styles):
    words = file_name.removesuffix(".svg").lower().replace("_", "-").split("-")
    return " ".join(words[:-1] if len(words) > 1 and words[-1] in styles else words)

# %% a style at the beginning goes, too tags=["wrong"]
# hint: Only the last word may be a style.
def clean_name(file_name, styles):
    words = re.split(r"[-_ ]+", file_name.removesuffix(".svg").lower())
    words = words[:-1] if len(words) > 1 and words[-1] in styles else words
    return " ".join(words[1:] if len(words) > 1 and words[0] in styles else words)

# %% the style goes, but capitals are kept tags=["wrong"]
# hint: All letters become small, those of the name too.
def clean_name(file_name, styles):
    words = re.split(r"[-_ ]+", file_name.removesuffix(".svg"))
    if len(words) > 1 and words[-1].lower() in styles:
        words.pop()
    return " ".join(words)

# %% tags=["exercise"]
EXERCISE = dict(
    id="00.3",
    title="Search the captions",
    points=2,
    minutes=12,
    difficulty="medium",
    goal="Search by words, not by letters, and put the most exact caption first.",
    hints=[
        "What is a word? `text.split()` leaves the comma on “cat,”.",
        r"`re.findall(r'\w+', text.lower())` gives the words of a text. A caption fits when the set of the query's words is a subset of its own.",
        "Collect the places with `enumerate`, then sort the places with a `key` that counts the words of the caption. Treat the empty query first.",
    ],
)

# %% [markdown]
# `captions` is a list of strings, `query` a string of one or more words. Return the **places** (from 0) of the captions that have **all** words of the query among their words, in any order, whether written with capitals or not. Punctuation is no part of a word; a number is a word.
#
# Captions with fewer words come first (a word that stands twice counts twice); of equals, the one that stands first in the list. A query without a word finds nothing: return an empty list.
#
# `search(["location", "a black cat", "Cat, line"], "cat")` is `[2, 1]`.

# %%
def search(captions: list[str], query: str) -> list[int]:
    """Places of the captions with all words of the query, the shortest caption first."""
    ### BEGIN SOLUTION
    wanted = set(re.findall(r"\w+", query.lower()))
    if not wanted:
        return []
    cut = [re.findall(r"\w+", text.lower()) for text in captions]
    places = [place for place, words in enumerate(cut) if wanted <= set(words)]
    return sorted(places, key=lambda place: len(cut[place]))
    ### END SOLUTION

# %%
check("00.3", search)

# %% letters are searched, not words tags=["wrong"]
# hint: Does location hold the word cat?
def search(captions, query):
    parts = re.findall(r"\w+", query.lower())
    hits = [i for i, text in enumerate(captions) if parts and all(p in text.lower() for p in parts)]
    return sorted(hits, key=lambda i: len(re.findall(r"\w+", captions[i])))

# %% one of the words is enough tags=["wrong"]
# hint: All words of the query must be there.
def search(captions, query):
    parts = set(re.findall(r"\w+", query.lower()))
    hits = [i for i, text in enumerate(captions) if parts & set(re.findall(r"\w+", text.lower()))]
    return sorted(hits, key=lambda i: len(re.findall(r"\w+", captions[i])))

# %% the results are not sorted tags=["wrong"]
# hint: Which result comes first?
def search(captions, query):
    parts = set(re.findall(r"\w+", query.lower()))
    return [i for i, text in enumerate(captions) if parts and parts <= set(re.findall(r"\w+", text.lower()))]

# %% captions are sorted by letters, not by words tags=["wrong"]
# hint: Count words.
def search(captions, query):
    parts = set(re.findall(r"\w+", query.lower()))
    hits = [i for i, text in enumerate(captions) if parts and parts <= set(re.findall(r"\w+", text.lower()))]
    return sorted(hits, key=lambda i: len(captions[i]))

# %% the captions come back, not their indices tags=["wrong"]
# hint: Return numbers, so that the pictures can be found too.
def search(captions, query):
    parts = set(re.findall(r"\w+", query.lower()))
    hits = [text for text in captions if parts and parts <= set(re.findall(r"\w+", text.lower()))]
    return sorted(hits, key=lambda text: len(re.findall(r"\w+", text)))

# %% an empty query finds everything, sorted tags=["wrong"]
# hint: What should an empty query find?
def search(captions, query):
    parts = set(re.findall(r"\w+", query.lower()))
    hits = [i for i, text in enumerate(captions) if parts <= set(re.findall(r"\w+", text.lower()))]
    return sorted(hits, key=lambda i: len(re.findall(r"\w+", captions[i])))

# %% the longest captions come first tags=["wrong"]
# hint: Which result comes first?
def search(captions, query):
    wanted = set(re.findall(r"\w+", query.lower()))
    cut = [re.findall(r"\w+", text.lower()) for text in captions]
    places = [i for i, words in enumerate(cut) if wanted <= set(words)]
    return sorted(places, key=lambda i: -len(cut[i])) if wanted else []

# %% ties are sorted by the alphabet, not left in their order tags=["wrong"]
# hint: A sort by one number leaves ties in their order.
def search(captions, query):
    wanted = set(re.findall(r"\w+", query.lower()))
    cut = [re.findall(r"\w+", text.lower()) for text in captions]
    places = [i for i, words in enumerate(cut) if wanted <= set(words)]
    return sorted(places, key=lambda i: (len(cut[i]), captions[i])) if wanted else []

# %% repeated words are counted once tags=["wrong"]
# hint: How many words has “cat cat”?
def search(captions, query):
    wanted = set(re.findall(r"\w+", query.lower()))
    cut = [re.findall(r"\w+", text.lower()) for text in captions]
    places = [i for i, words in enumerate(cut) if wanted <= set(words)]
    return sorted(places, key=lambda i: len(set(cut[i]))) if wanted else []

# %% an empty query finds everything tags=["wrong"]
# hint: What should an empty query find?
def search(captions, query):
    wanted = set(re.findall(r"\w+", query.lower()))
    cut = [re.findall(r"\w+", text.lower()) for text in captions]
    places = [i for i, words in enumerate(cut) if wanted <= set(words)]
    return sorted(places, key=lambda i: len(cut[i])) if wanted else places

# %% a query of signs only finds everything tags=["wrong"]
# hint: How many words has a query that is a comma?
def search(captions, query):
    if not query.strip():
        return []
    wanted = set(re.findall(r"\w+", query.lower()))
    cut = [re.findall(r"\w+", text.lower()) for text in captions]
    places = [i for i, words in enumerate(cut) if wanted <= set(words)]
    return sorted(places, key=lambda i: len(cut[i]))

# %% the words of the query must be side by side, in its order tags=["wrong"]
# hint: The words may be in any order.
def search(captions, query):
    found = re.compile(rf"\b{re.escape(query.lower())}\b")
    places = [i for i, text in enumerate(captions) if query.strip(" ,") and found.search(text.lower())]
    return sorted(places, key=lambda i: len(re.findall(r"\w+", captions[i])))

# %% letters are searched, not words, and the query keeps its commas tags=["wrong"]
# hint: Does location hold the word cat?
def search(captions, query):
    wanted = query.lower().split() if query.strip(" ,") else []
    places = [i for i, text in enumerate(captions) if wanted and all(word in text.lower() for word in wanted)]
    return sorted(places, key=lambda i: len(re.findall(r"\w+", captions[i])))

# %% a word need only begin like the word of the query tags=["wrong"]
# hint: Is rainy the word rain?
def search(captions, query):
    wanted = re.findall(r"\w+", query.lower())
    cut = [re.findall(r"\w+", text.lower()) for text in captions]
    places = []
    for i, words in enumerate(cut):
        if wanted and all(any(word.startswith(part) for word in words) for part in wanted):
            places.append(i)
    return sorted(places, key=lambda i: len(cut[i]))

# %% among ties, the last one comes first tags=["wrong"]
# hint: Among ties, the one that comes first in the list.
def search(captions, query):
    wanted = set(re.findall(r"\w+", query.lower()))
    cut = [re.findall(r"\w+", text.lower()) for text in captions]
    places = [i for i, words in enumerate(cut) if wanted <= set(words)]
    return sorted(places, key=lambda i: (len(cut[i]), -i)) if wanted else []

# %% tags=["exercise"]
EXERCISE = dict(
    id="00.4",
    title="Zero-shot by hand",
    points=3,
    minutes=12,
    difficulty="medium",
    goal="Write the three lines that turn embeddings into names: normalise, multiply, choose.",
    hints=[
        "A vector divided by its length has length 1. Each row is one vector: which axis do you sum over?",
        "cosine(p, t) = (p / |p|) · (t / |t|). A matrix product gives all of them at once: (N, E) times (E, C).",
        "`x / x.norm(dim=..., keepdim=True)` for both; then one `@` with a transpose; then `argmax` along the names.",
    ],
)

# %% [markdown]
# `pictures` is an (N, E) tensor with one embedding a row, `names` a (C, E) tensor; none has length 1 and none is zero. Return two tensors: the (N, C) table of **cosines**, picture *i* in row *i*, and the (N,) **places** of the best name for each picture. The given tensors stay as they are.
#
# For the picture (3, 4) and the names (6, 8), (4, 3) and (-40, 60), as in the lesson, the cosines are 1.00, 0.96 and 0.33, and the choice is 0.

# %%
def zero_shot_by_hand(pictures: torch.Tensor, names: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """(N, E), (C, E) -> cosines (N, C), choice (N,)."""
    ### BEGIN SOLUTION
    unit_pictures = pictures / pictures.norm(dim=1, keepdim=True)
    unit_names = names / names.norm(dim=1, keepdim=True)
    cosines = unit_pictures @ unit_names.T
    return cosines, cosines.argmax(dim=1)
    ### END SOLUTION

# %%
check("00.4", zero_shot_by_hand)

# %% nothing is normalised tags=["wrong"]
# hint: What does a long vector do to its product?
def zero_shot_by_hand(pictures, names):
    scores = pictures @ names.T
    return scores, scores.argmax(dim=1)

# %% only the pictures are normalised tags=["wrong"]
# hint: The names have lengths too.
def zero_shot_by_hand(pictures, names):
    scores = torch.nn.functional.normalize(pictures, dim=1) @ names.T
    return scores, scores.argmax(dim=1)

# %% columns are brought to length 1, not rows tags=["wrong"]
# hint: Each row is a vector: which axis do you sum over?
def zero_shot_by_hand(pictures, names):
    scores = (pictures / pictures.norm(dim=0)) @ (names / names.norm(dim=0)).T
    return scores, scores.argmax(dim=1)

# %% all vectors together are divided by one length tags=["wrong"]
# hint: Each row has its own length.
def zero_shot_by_hand(pictures, names):
    scores = (pictures / pictures.norm()) @ (names / names.norm()).T
    return scores, scores.argmax(dim=1)

# %% each name chooses its picture, where each picture should choose its name tags=["wrong"]
# hint: How many answers do you need: one for each picture, or for each name?
def zero_shot_by_hand(pictures, names):
    scores = torch.cosine_similarity(pictures[:, None], names[None], dim=-1)
    return scores, scores.argmax(dim=0)

# %% an input is changed in place tags=["wrong"]
def zero_shot_by_hand(pictures, names):
    pictures /= pictures.norm(dim=1, keepdim=True)
    names /= names.norm(dim=1, keepdim=True)
    scores = pictures @ names.T
    return scores, scores.argmax(dim=1)

# %% the distance is taken for the cosine tags=["wrong"]
# hint: Multiply and add up.
def zero_shot_by_hand(pictures, names):
    near = -torch.cdist(*(x / x.norm(dim=1, keepdim=True) for x in (pictures, names)))
    return near, near.argmax(dim=1)

# %% the table has names in its rows and pictures in its columns tags=["wrong"]
# hint: Row i belongs to picture i.
def zero_shot_by_hand(pictures, names):
    units = [x / x.norm(dim=1, keepdim=True) for x in (pictures, names)]
    cosines = units[0] @ units[1].T
    return cosines.T, cosines.argmax(dim=1)

# %% the cosines are right, but the choice is made by the products of the raw vectors tags=["wrong"]
# hint: Choose from the table that you return.
def zero_shot_by_hand(pictures, names):
    units = [x / x.norm(dim=1, keepdim=True) for x in (pictures, names)]
    cosines = units[0] @ units[1].T
    return cosines, (pictures @ names.T).argmax(dim=1)

# %% the cosines are right, but the name at the least distance is chosen tags=["wrong"]
# hint: Choose from the table that you return.
def zero_shot_by_hand(pictures, names):
    units = [x / x.norm(dim=1, keepdim=True) for x in (pictures, names)]
    cosines = units[0] @ units[1].T
    return cosines, torch.cdist(pictures, names).argmin(dim=1)

# %% the lengths have lost their axis and do not fit the rows tags=["wrong"]
# hint: keepdim=True keeps the lengths as (N, 1).
def zero_shot_by_hand(pictures, names):
    cosines = (pictures / pictures.norm(dim=1)) @ (names / names.norm(dim=1)).T
    return cosines, cosines.argmax(dim=1)

# %% tags=["exercise"]
EXERCISE = dict(
    id="00.5",
    title="How many wrong answers are right?",
    points=2,
    minutes=12,
    difficulty="medium",
    goal="Count the false negatives of a batch without counting a picture against itself.",
    hints=[
        "Draw the table for ids 7, 3, 5, 7: four rows, four columns, a mark where the two ids are equal. Which marks are false negatives?",
        "Off the diagonal there are N (N - 1) places; share = marks off the diagonal / places off the diagonal.",
        "`same = ids[:, None] == ids[None, :]` gives the table. The diagonal holds N marks. What about N = 1?",
    ],
)

# %% [markdown]
# `ids` is a tensor of N whole numbers, one for each picture of a batch: equal where the pictures are equal (`clipedu_lessons.common.duplicates.picture_ids`). Each picture is told that the N - 1 captions of the others are wrong. Return the **share** of all these wrong answers that are in truth right, as a number from 0 to 1.
#
# For 7, 3, 5, 7 it is 2 / 12. A batch of one picture has no wrong answers: its share is 0.

# %%
def false_negative_share(ids: torch.Tensor) -> float:
    """(N,) ids -> share of the N (N - 1) wrong answers that are right."""
    ### BEGIN SOLUTION
    size = len(ids)
    if size < 2:
        return 0.0
    equal = ids[:, None] == ids[None, :]  # (N, N)
    return (int(equal.sum()) - size) / (size * (size - 1))
    ### END SOLUTION

# %%
check("00.5", false_negative_share)

# %% each picture is compared with itself too tags=["wrong"]
# hint: A picture's own caption is no wrong answer.
def false_negative_share(ids):
    n = len(ids)
    return float((ids[:, None] == ids).sum()) / (n * (n - 1)) if n > 1 else 0.0

# %% the right answers are counted among the wrong ones tags=["wrong"]
# hint: How many captions belong to other pictures?
def false_negative_share(ids):
    n = len(ids)
    return (float((ids[:, None] == ids).sum()) - n) / n**2

# %% each pair is counted once, but divided by both directions tags=["wrong"]
# hint: First with last, and last with first.
def false_negative_share(ids):
    n = len(ids)
    pairs = sum(int(ids[i] == ids[j]) for i in range(n) for j in range(i))
    return pairs / (n * (n - 1)) if n > 1 else 0.0

# %% the share of superfluous pictures is given tags=["wrong"]
# hint: Count answers, not pictures.
def false_negative_share(ids):
    return (len(ids) - len(set(ids.tolist()))) / len(ids)

# %% only neighbours are compared tags=["wrong"]
# hint: The equal picture may be anywhere in the batch.
def false_negative_share(ids):
    n = len(ids)
    return float((ids[1:] == ids[:-1]).sum()) / (n - 1) if n > 1 else 0.0

# %% tags=["exercise"]
EXERCISE = dict(
    id="00.6",
    title="Hunt for two meanings",
    kind="investigate",
    points=4,
    minutes=15,
    difficulty="hard",
    goal="Find faults of found text in data, with a method, and say what they would do to a learner.",
    hints=[
        "A word of two meanings should look different in two families. How could you list candidates without looking at 13,000 names?",
        "Names that several families share, and whose pictures differ most in pixels, are candidates; but a filled and a thin drawing differ in pixels too.",
        "Count what you looked at, not only what you found: 5 of 40 says something, 5 says nothing.",
    ],
)

# %% [markdown]
# The lesson shows six words that mean two or three things in our pictures. Find at least **three more**, or show that a method you tried does not find any. The cell below lists names that two or more families share and shows the pictures of some; change it as you like, or use the search box of the lesson.
#
# Then write at most twelve lines: how you searched, what you found (and out of how many that you looked at), and for one word: what would a model learn from it, and which caption would help?

# %%
from clipedu.pairs import FIRST_EDITION, HELD_OUT_FAMILIES, open_pictures
from clipedu.plots import picture_grid, show

every = open_pictures().only(FIRST_EDITION + HELD_OUT_FAMILIES)
families_of: dict[str, dict[str, int]] = {}
for row, icon in enumerate(every.icons):
    families_of.setdefault(icon.name.lower(), {}).setdefault(icon.family, row)
shared = sorted(name for name, rows in families_of.items() if len(rows) >= 2 and " " not in name)
words = shared[100:108]  # change this
rows = [(word, family, row) for word in words for family, row in families_of[word].items()]
show(
    picture_grid(every.rgba[[row for _, _, row in rows]], [f"{word} ({family})" for word, family, _ in rows]),
    f"Pictures of {len(words)} names that several families share: do they show the same thing?",
)

# %% [markdown] tags=["answer"]
# **Method.** I wrote down about sixty English words that a dictionary gives two meanings with two different pictures, kept those that are names in two or more families (28 of them), and looked at one picture of each family. Different drawings of one thing did not count.
#
# **Found.** Three of 28. *Nut*: the hexagon that goes on a bolt in Material Design Icons and Phosphor, an acorn in Lucide. *Tag*: a price label in most families, the hash sign in Material Icons. *Ribbon*: a tied bow in OpenMoji, the loop worn for a cause in the others. Not counted: *scale* (a weighing machine and a balance), *tree* (leaves and needles), *shower* (with a bath and without): different drawings of one meaning. *Table* surprised me the other way round: four families, always the one of rows and columns.
#
# **What a model learns.** From *nut* it gets hexagons only, since Lucide is held out; asked for Lucide's nut, it looks for a hexagon, and finds the picture that Lucide calls *bolt*. The caption "nut, food" or "acorn" would help, if an acorn was ever called so in training.
#
# **What could be wrong.** I began from words that I know to be ambiguous, so the share is too high for names in general; and I judged alone.

# %% [markdown] tags=["rubric"]
# * 1 point: the method is stated so that somebody else could repeat it.
# * 1 point: three or more words with two meanings, shown as pictures, or an honest null result; and the number looked at.
# * 1 point: different drawings of one thing are told apart from different things.
# * 1 point: for one word it is said what a model would learn, and which caption would help.
