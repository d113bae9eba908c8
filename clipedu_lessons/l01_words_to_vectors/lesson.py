# %% [markdown]
# # 01 · Words to vectors
#
# **How does a sentence become a vector?**
#
# CLIP compares a picture with a caption, and a computer can compare only numbers. So one half of CLIP, the **text encoder**, turns each caption into a vector. In this lesson you take it apart, from the first letter to the last matrix.

# %%
from clipedu_lessons.common.architecture import clip_figure, text_encoder_figure
from clipedu_lessons.common.numbers import numbers
from clipedu.plots import show
from clipedu.training import load_pretrained

model, tokenizer, card = load_pretrained()  # shipped with the course
show(*clip_figure("text encoder"))
show(*text_encoder_figure(model.config))

# %% [markdown]
# The second figure opens the text encoder and shows the whole way of a caption, with the shape of the data at every step. B is the number of captions in a batch. Keep this figure in mind: sections 1 to 4 explain its upper third, sections 5 to 8 the rest.
#
# **What you will have built.** In the lesson: byte-pair encoding in its simplest form, a bag of words, and one attention head. In the [exercises](../exercises/01_words_to_vectors.ipynb): nine parts of `my_clip.py`, which together are a complete tokenizer and a complete text encoder. Lesson 04 trains them.
#
# **Time.** About 75 minutes to read and do, and a minute to run on two CPU cores. The exercises take about four hours. You need Python and a little PyTorch. The lesson rebuilds the text side of section 2.4 of Radford et al. 2021 (arXiv 2103.00020), and one line of the paper's Figure 3: "CBOW or Text Transformer".
#
# ## 1. What gets a number?
#
# A network computes with numbers, so a sentence must be cut into units that can be numbered. There are three obvious choices:
#
# | unit | advantage | drawback |
# |---|---|---|
# | letters | there are few of them, and they can spell every word | long sequences, and a letter means nothing |
# | words | short sequences, and a word means something | a huge table, and a new word has no row in it |
# | parts of words | a compromise between the two | somebody has to find the parts |
#
# How serious is "a new word has no row"? We count the words in all texts that our training captions are made of. Then we look at the names in the three icon sets that the model never sees in training.

# %% tags=["nbval-check-output"]
import regex
from collections import Counter
from clipedu import pairs

icons = pairs.load_icons(pairs.TRAINING_FAMILIES)
texts = pairs.all_captions(icons, pairs.CAPTION_MIXES["sentences"])
known = Counter(regex.findall(r"\w+", "\n".join(texts)))
letters, words = sum(map(len, texts)) / len(texts), known.total() / len(texts)
print(f"{len(texts):,} texts, {len(known):,} different words")
print(f"one text: {letters:.1f} characters, {words:.1f} words")
held_out = [i.name.lower() for i in pairs.load_icons(pairs.HELD_OUT_FAMILIES)]
later = set(regex.findall(r"\w+", "\n".join(held_out)))
new = sorted(later - set(known))
print(f"{len(new)} of {len(later):,} held-out words are new, such as")
print(", ".join([word for word in new if len(word) > 6][::12]))
numbers(new_words=f"{len(new) / len(later):.0%}", ratio=f"{letters / words:.0f}")

# %% [markdown]
# With words as units, {=new_words} of the words in held-out names would have no number at all. With letters, sequences would be about {=ratio} times as long as with words. CLIP takes the third choice: parts of words, found by **byte-pair encoding** (BPE; Sennrich et al. 2016, arXiv 1508.07909).
#
# ## 2. Byte-pair encoding by hand
#
# BPE starts from single letters and joins what occurs together most often:
#
# 1. Cut every word into letters. We call the units **symbols**; at the start each letter is one.
# 2. Count each pair of neighboring symbols over all words, each word as often as it occurs.
# 3. Join the most frequent pair into one new symbol, everywhere. If two pairs have the same count, take the alphabetically first. This step is called a **merge**.
# 4. Repeat from step 2, as often as you like.
#
# We try it on six words. The table says how often each occurs in an imaginary text.
#
# | word | star | starfish | fish | car | cart | cat |
# |---|---|---|---|---|---|---|
# | times | 5 | 2 | 3 | 4 | 2 | 3 |

# %% tags=["nbval-check-output"]
from clipedu.tokenizer.bpe import count_pairs, encode_word, merge_pair, train_steps

six = {"star": 5, "starfish": 2, "fish": 3, "car": 4, "cart": 2, "cat": 3}
words = {tuple(word): times for word, times in six.items()}
for (first, second), count in count_pairs(words).most_common(5):
    print(f"{first + ' + ' + second:8} {count:>3}")

# %% [markdown]
# The first merge is `a + r`. Its count is 13: 5 times in *star*, 2 in *starfish*, 4 in *car*, 2 in *cart*. The second pair in this list is `c + a`.
#
# **Predict.** After `a + r` is merged, what is the count of `c + a`?

# %% tags=["nbval-check-output"]
prediction = ...  # change this to a number, then run

words = {merge_pair(word, ("a", "r")): n for word, n in words.items()}
print("  ".join("|".join(word) for word in words), "\n")
counts = count_pairs(words)
for (first, second), count in counts.most_common(5):
    print(f"{first + ' + ' + second:8} {count:>3}")
print(f"\nc + a occurs {counts['c', 'a']} times")

# %% [markdown]
# The count of `c + a` drops from 9 to 3. In *car* and *cart* the `a` is now part of `ar`, so only *cat* still contains the pair. A merge takes neighbors away from other pairs, and therefore you have to **count again after every merge**. To read all merges off the first list is the most common mistake with pencil and paper.
#
# Here is the whole algorithm in its simplest form. The function `merge_pair` joins one pair in one word; you write it in exercise 01.2.

# %%
from itertools import pairwise

def learn(words, how_many):
    """words: word as a tuple of symbols -> times. Returns the merges in order."""
    learned = []
    for _ in range(how_many):
        counts = Counter()
        for word, times in words.items():  # count all pairs of all words
            for pair in pairwise(word):
                counts[pair] += times
        best = min(counts, key=lambda pair: (-counts[pair], pair))
        words = {merge_pair(word, best): times for word, times in words.items()}
        learned.append(best)
    return learned

# %% tags=["nbval-check-output"]
from clipedu_lessons.l01_words_to_vectors.bpe_widget import BPEStepper, bpe_steps, pieces_figure

by_hand = learn({tuple(word): times for word, times in six.items()}, 11)
print(", ".join(map("+".join, by_hand)))
steps = bpe_steps(six)  # uses the library's train_steps
assert [step.merge.pair for step in steps[1:]] == by_hand

show(
    pieces_figure([steps[0], steps[3], steps[11]]),
    "The six words as boxes, one for each symbol. At the start every letter "
    "has its own box. After 3 merges star is one box, made by the third merge, "
    "and starfish begins with it. After 11 merges every word is one box.",
)
BPEStepper(six, merges=3)

# %% [markdown]
# The library's `train_steps` finds the same eleven merges. The figure shows the six words before the first merge, after 3 merges and after all 11. In a running notebook, a slider shows every step; the arrow keys move it.
#
# After 11 merges each word is a single symbol and no pair is left. If you stop earlier, frequent words are whole while rare ones are still in parts. How many merges to make is your choice, and exercise 01.6 is about this choice.
#
# ### Cutting a new word
#
# A word that was not in the text is cut with the merges that were learned. **The merge that was learned first is applied first**, everywhere in the word, then the next.
#
# **Predict.** How is the invented word *fistar* cut? The symbols `fis` and `star` both exist.

# %% tags=["nbval-check-output"]
prediction = ...  # change this to a string such as "fi|st|ar", then run

rank = {pair: number for number, pair in enumerate(by_hand)}
for word in ("carfish", "cast", "zoo", "fistar"):
    print(f"{word:8}", " | ".join(encode_word(tuple(word), rank)))

# %% [markdown]
# The answer is not `fis | t | ar`, which you would get by taking the longest known symbol from the left. The merge `a + r` was learned first, then `s + t`, then `st + ar`. They use up the `s` before the merge `fi + s` gets its turn, so the word is cut into `fi | star`.
#
# ### Check your understanding
#
# 1. Why is a merge never undone when a better one turns up later?
# 2. The word *art* is not among the six. Which symbols does it consist of?
# 3. Two tokenizers learned the same set of merges in a different order. Do they cut every word in the same way?
#
# <details><summary>Answers</summary>
#
# 1. BPE is greedy: each step looks at the counts of that moment only. That makes it simple and fast, and the result good rather than optimal.
# 2. `ar | t`: of its pairs, only `a + r` was learned.
# 3. No. The order decides which merge goes first, as *fistar* shows.
#
# </details>
#
# ## 3. Why bytes?
#
# The letters *z* and *o* in *zoo* did not occur in our six words, so they would have no number. We could number all characters in advance, but Unicode has more than 150,000 of them. A table with a row for each would be many times larger than our whole text encoder.
#
# There is a better alphabet. Every text is stored as bytes in UTF-8, and a byte has only 256 possible values:

# %% tags=["nbval-check-output"]
import unicodedata

for character in "eé猫🐧":
    print(f"{unicodedata.name(character):32} {list(character.encode())}")

# %% [markdown]
# So we start from the 256 bytes and merge bytes. Plain English letters are one byte each, so nothing changes for them. Any other character is at most four bytes long, and no text in any language is ever unknown.
#
# One more rule: a text is first cut into words, and merges never cross the edge of a word. Otherwise *star,* and *star.* would become two different symbols. Each word keeps the space in front of it, so that the words can be joined to the same text again.
#
# ## 4. A tokenizer for our captions
#
# Now we run the algorithm on all the texts that our captions are made of. We want 4,096 ids: 256 bytes, 2 special ids that you meet below, and therefore 3,838 merges.

# %% tags=["nbval-check-output"]
from itertools import islice
from time import process_time

pattern = regex.compile(r" ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+")
print(pattern.findall("an icon of 3 stars, filled"))  # letters, digits, signs
counts = Counter(word for text in texts for word in pattern.findall(text))
in_bytes = {tuple(bytes([b]) for b in w.encode()): n for w, n in counts.items()}
print(f"{len(in_bytes):,} different words")
start = process_time()
first_two = learn(in_bytes, 2)
middle = process_time()
merges = list(islice(train_steps(in_bytes), 3838))
slow, fast = (middle - start) / 2, process_time() - middle
numbers(slow_each=f"{slow:.2f}", slow_minutes=f"{slow * 3838 / 60:.0f}", fast=f"{fast:.1f}")
assert [pair for pair, _ in merges[:2]] == first_two

# %% [markdown]
# Our simple `learn` needs {=slow_each} seconds for one merge, because it looks at every word. For all 3,838 merges that would be about {=slow_minutes} minutes. The library's `train_steps` took {=fast} seconds: after a merge it visits only the words that contain the merged pair. Exercise 01.7 asks you to write it.
#
# **Predict.** Which two bytes are merged first? Think of what our captions look like, not of English in general.

# %% tags=["nbval-check-output"]
prediction = ...  # change this to a string of two letters, then run

for number in (1, 2, 3, 4, 5, 6, 7, 30, 100, 300, 1000, 3838):
    merge = merges[number - 1]
    print(f"merge {number:>5}: {merge.symbol.decode()!r:>11} {merge.count:>8,} times")
numbers(first_symbol=f"`{merges[0].symbol.decode()!r}`", last_count=f"{merges[-1].count}")

# %% [markdown]
# The first merge makes {=first_symbol}. The first merges come from the words that most captions contain, such as *icon* and *of*. Later ones make parts of words, and whole words that are frequent among icons and rare elsewhere. The last merge joins a pair that occurs {=last_count} times. A vocabulary reflects the texts it was learned from.
#
# How does one word grow as merges are added, and how much shorter do captions get? We cut *umbrella* with the first 0, 10, 30, ... merges and count the tokens of all texts.

# %% tags=["nbval-check-output"]
from clipedu.tokenizer import Tokenizer
from clipedu_lessons.l01_words_to_vectors.word_figures import cosines_figure, merges_figure

sizes, lengths = [0, 10, 30, 100, 300, 1000, 2000, 3838], []
for size in sizes:
    small = Tokenizer(pair for pair, _ in merges[:size])
    total = sum(n * len(small.encode(word)) for word, n in counts.items())
    lengths.append(total / len(texts))
    pieces = " | ".join(small.tokens("umbrella"))
    print(f"{size:>5} merges: {lengths[-1]:5.2f} tokens per text   {pieces}")

# %%
show(
    merges_figure(sizes, lengths, counts.total() / len(texts)),
    "Tokens per text against merges. The curve falls steeply over the "
    "first few hundred merges, then flattens above the dashed line of "
    "whole words: later merges save little, because they join rare words.",
)
numbers(at_0=f"{lengths[0]:.1f}", at_300=f"{lengths[4]:.1f}", at_all=f"{lengths[-1]:.1f}")

# %% [markdown]
# The first 300 merges shorten a text from {=at_0} to {=at_300} tokens. All the others together bring it to {=at_all}.
#
# ### There and back
#
# The library's `Tokenizer` combines words, bytes and merges. The result for a text is a list of **tokens**, each with an id: 0 to 255 are the bytes, then comes one id per merge, then two special ids. Nothing may get lost, so decoding the ids must return the text.

# %% tags=["nbval-check-output"]
ours = Tokenizer(pair for pair, _ in merges)
for text in ("a red apple", "A Red Apple", "café", "two  spaces", "猫"):
    ids = ours.encode(text)
    print(f"{text!r:14} {len(ids)} tokens: {' '.join(map(repr, ours.tokens(text)))}")
    print(f"{'':14} decoded: {ours.decode(ids)!r}")

# %% [markdown]
# Two rows deserve a closer look.
#
# * **Capital letters.** *A Red Apple* costs more tokens than *a red apple*, because our captions are in lower case and merges with capitals were never learned. CLIP avoids this: section 2.4 says that it works on a *lower-cased* byte-pair encoding. OpenAI's tokenizer converts every text to lower case first, so for CLIP *Apple* the company and *apple* the fruit are the same word.
# * **The Chinese word for cat** becomes three single bytes. It can be represented, but no training caption contains these bytes in a row, so nobody has taught the encoder what they mean. *Never unknown* is not the same as *understood*.
#
# ### A row for the encoder
#
# Captions differ in length, but the rows of a tensor do not. A row therefore consists of start of text (SOT), the ids of the caption, end of text (EOT), and zeros up to a fixed length. The zeros are called **padding**.

# %% tags=["nbval-check-output"]
three = ["a red apple", "penguin", "an icon of star, filled"]
print(tokenizer(three, context_length=10))
print(f"SOT {tokenizer.sot}, EOT {tokenizer.eot}, ids in all {tokenizer.vocab_size:,}")
long = "a very " * 10 + "red apple"
try:
    tokenizer(long, context_length=10)
except ValueError as error:
    print("ValueError:", str(error).split(":")[0])
print("cut on request:", tokenizer(long, 10, truncate=True)[0].tolist())

# %% [markdown]
# Remember three details, because the encoder depends on them. EOT has the largest of all ids. A caption that is cut still ends with EOT. Padding has id 0, which is also the id of a real byte; section 8 shows why this does no harm.
#
# The paper allows 76 tokens of text (section 2.4), and the released code has rows of 77 positions, SOT and EOT included. Our rows have 32, since the names of icons are short.
#
# ### Check your understanding
#
# 1. Why do two tokenizers that were trained on different texts give the same caption different ids?
# 2. What is the largest number of tokens that a text of n bytes can have?
# 3. Why does `Tokenizer` raise an error for a caption that is too long, when it could simply cut it?
#
# <details><summary>Answers</summary>
#
# 1. The ids are numbered by the order of the merges, and this order comes from the counts in the texts. A model and its tokenizer belong together.
# 2. n, one per byte, without SOT and EOT. Merges can only make it shorter.
# 3. The end of a caption may be what matters ("... without a hat"). A silent cut is a mistake that nobody notices, so you have to ask for it.
#
# </details>
#
# ## 5. From ids to one vector: the bag of words
#
# An id is a name, not a quantity: id 600 is not twice id 300. So each id gets a row of numbers of its own, its **token embedding**, and all rows together form a table that is learned.
#
# A caption is now L vectors, and we need one. The simplest answer is their **mean**. This encoder is called a *continuous bag of words* (CBOW), and it is the first of the two that the paper's Figure 3 allows.
#
# **Predict.** We give three words two numbers each and compute two captions by hand. How do their vectors differ? And what happens to the second vector when the padding of a longer row is averaged in?

# %% tags=["nbval-check-output"]
prediction = ...  # change this to a sentence, then run

import torch

vector_of = {"star": [3.0, 0.0], "in": [0.0, 0.0], "circle": [0.0, 3.0]}
for caption in ("star in circle", "circle in star"):
    rows = torch.tensor([vector_of[w] for w in caption.split()])  # (3, 2)
    print(f"{caption}: {rows.mean(dim=0).tolist()}")
padding = torch.tensor([[1.0, -1.0]])  # id 0 has an embedding like any other
for length in (6, 12):
    padded = torch.cat([rows, padding.expand(length - 3, 2)])
    mean = padded.mean(dim=0).tolist()
    print(f"mean over a whole row of {length}: {mean}")

# %% [markdown]
# Both captions get the same vector: a bag of words knows **which** words occur and nothing about their **order**. And if padding is averaged in, the vector of a caption depends on the length of its row, which is a common mistake. Exercise 01.3 asks for a mean without padding, for a whole batch.
#
# The library's `CBOW` takes the mean from SOT to EOT and multiplies it by a learned matrix. We compare pairs of captions by the **cosine** of their vectors, as CLIP does: 1 means the same direction, 0 a right angle. In both pairs below, two words change places.

# %% tags=["nbval-check-output"]
from clipedu.models import build

def cosine(one, other):
    """(E,) and (E,) -> their cosine."""
    return float((one / one.norm()) @ (other / other.norm()))

sizes = {"kind": "cbow", "vocab_size": tokenizer.vocab_size}
bag = build("laptop_vit_stem", seed=0, **sizes).text.requires_grad_(False)
few = ["star in circle", "circle in star"]
more = ["a star in a circle", "a circle in a star"]
for pair in (few, more):
    print(f"cosine {cosine(*bag(tokenizer(pair))):.3f}")
    for caption in pair:
        print("  ", *map(repr, tokenizer.tokens(caption)))

# %% [markdown]
# The second pair has cosine 1: the same tokens in another order, and the bag cannot tell them apart. The first pair differs, but not because the bag knows about order. At the start of a caption the token is `'star'`, after a space it is `' star'`, and these are two ids with two rows in the table. (OpenAI's tokenizer marks the *end* of a word instead, so its captions have no such special first token.)
#
# ### Check your understanding
#
# 1. What would the bag of words return for *a star in a circle in a star in a circle*, compared with *a star in a circle*?
# 2. How many numbers does the token table of our encoder have?
# 3. A caption has 5 tokens, and its row has 32 positions. By how much does a mean over the whole row shrink the caption's part?
#
# <details><summary>Answers</summary>
#
# 1. Nearly the same vector. SOT, EOT and a few repeated words shift the proportions a little.
# 2. V · W = 4,096 · 128 = 524,288.
# 3. To 5/32 of the mean, about 16 %. The rest is the embedding of id 0.
#
# </details>
#
# ## 6. One attention head
#
# To know that the *star* is in the *circle*, tokens have to exchange information. In **attention**, each token makes three vectors out of its own:
#
# * a **query** q: what am I looking for?
# * a **key** k: what do I offer?
# * a **value** v: what do I pass on to a token that looks at me?
#
# A token compares its query with the keys of all tokens and receives a weighted mean of their values. With L tokens and D numbers per query, key and value, in matrices $Q$, $K$ and $V$ of shape $L \times D$:
#
# $$\mathrm{Attention}(Q, K, V) = \mathrm{softmax}\!\left(\frac{Q K^\top}{\sqrt{D}}\right) V$$
#
# We work it out for the caption *red star*, which has four tokens with SOT and EOT. Normally the vectors are learned; here we choose them. Queries and keys have four numbers, which stand for *start*, *color*, *thing* and *end*.
#
# | token | query: looks for | key: offers | value: (red, star) |
# |---|---|---|---|
# | SOT | nothing: (0, 0, 0, 0) | start: (2, 0, 0, 0) | (0, 0) |
# | red | its thing: (0, 0, 2, 0) | color: (0, 2, 0, 0) | (1, 0) |
# | star | its color: (0, 2, 0, 0) | thing: (0, 0, 2, 0) | (0, 1) |
# | EOT | things, and a little colors: (0, 1, 2, 0) | end: (0, 0, 0, 2) | (0, 0) |

# %% tags=["nbval-check-output"]
labels = ["[SOT]", "red", "star", "[EOT]"]
queries = torch.tensor([[0.0, 0, 0, 0], [0, 0, 2, 0], [0, 2, 0, 0], [0, 1, 2, 0]])
keys = 2 * torch.eye(4)  # (L, D): each token offers what it is
values = torch.tensor([[0.0, 0], [1, 0], [0, 1], [0, 0]])  # (L, 2): red, star

def print_rows(weights):
    for label, row in zip(labels, weights.tolist()):
        print(f"{label:6}", *(f"{w:6.2f}" for w in row), f"   sum {sum(row):.2f}")

scores = queries @ keys.T / 4**0.5  # (L, L)
print(scores)

# %% [markdown]
# Row *i*, column *j* says how well the query of token *i* matches the key of token *j*. Check one on paper: *star* asks with (0, 2, 0, 0) and *red* offers (0, 2, 0, 0). Their product is 4, and divided by $\sqrt{4}$ it is 2.
#
# Why divide by $\sqrt{D}$? A score is a sum of D products, so its standard deviation grows like $\sqrt{D}$. Without the division, scores of long vectors would be large, the softmax would give nearly all weight to one token, and its gradient would nearly vanish.
#
# The softmax turns each **row** into weights that sum to 1: it raises e to the power of each score and divides by the row's sum.
#
# **Predict.** How much of what EOT receives comes from *star*? Its scores are 0, 1, 2 and 0, and e ≈ 2.72, e² ≈ 7.39.

# %% tags=["nbval-check-output"]
prediction = ...  # change this to a number between 0 and 1, then run

weights = scores.softmax(dim=1)  # (L, L), each row sums to 1
print_rows(weights)
print(f"EOT takes {weights[3, 2]:.2f} from star")

# %% [markdown]
# ### The causal mask
#
# In this matrix *red* looks at *star*, which comes after it. CLIP's text encoder does not allow that: a token sees itself and what comes **before** it. Section 2.4 gives the reason. Such a *causal mask* makes the encoder a language model, so it could start from a trained language model, or learn to predict words at the same time. The paper leaves both to future work.
#
# To hide a score, replace it with minus infinity **before** the softmax. Then its weight is $e^{-\infty} = 0$, and the rest of the row still sums to 1.

# %% tags=["nbval-check-output"]
rows = [[0, 1, 1, 1], [0, 0, 1, 1], [0, 0, 0, 1], [0, 0, 0, 0]]
hidden = torch.tensor(rows) == 1  # (L, L): row i hides what comes after token i
weights = scores.masked_fill(hidden, float("-inf")).softmax(dim=1)
print_rows(weights)
received = weights @ values  # (L, L) @ (L, 2) -> (L, 2)
for label, (red, star) in zip(labels, received.tolist()):
    print(f"{label:6} receives red {red:.2f}, star {star:.2f}")

# %% [markdown]
# *red* no longer finds its thing and splits its weight between SOT and itself. SOT sees only itself. *star* has received the information that it is red, and EOT has collected both words. That is all attention does: it moves information from one token to another.
#
# Here is the masked head as a picture, and below it the same with controls. The slider divides all scores by a **temperature**: at a low one each token looks at one token only, at a high one at all tokens alike. Remove the mask and watch the row of *red*.

# %%
from clipedu_lessons.l01_words_to_vectors.attention_widget import AttentionExplorer, tower_heads
from clipedu_lessons.l01_words_to_vectors.attention_widget import head_weights, weights_figure
from clipedu_lessons.l01_words_to_vectors.attention_widget import weights_in_words

show(
    weights_figure(weights, labels, title="red star, one head by hand"),
    "A matrix of weights, dark for large: four rows that ask, four "
    "columns that are looked at. " + weights_in_words(weights, labels),
)
AttentionExplorer(labels, {"by hand": (queries, keys)})

# %% [markdown]
# ### A head that learns
#
# In a network, nobody chooses queries, keys and values. Three learned matrices compute them from the vectors of the tokens. Here is such a head as a PyTorch module, without a mask, with the shape of every tensor in a comment.

# %%
from torch import nn

class Head(nn.Module):
    """One attention head without a mask: (B, L, W) -> (B, L, D)."""

    def __init__(self, width, depth):
        super().__init__()
        self.query = nn.Linear(width, depth)  # W numbers in, D out
        self.key = nn.Linear(width, depth)
        self.value = nn.Linear(width, depth)

    def weights(self, x):
        q, k = self.query(x), self.key(x)  # each (B, L, D)
        scores = q @ k.mT  # (B, L, D) @ (B, D, L) -> (B, L, L)
        scores = scores / q.shape[-1] ** 0.5  # divide by the root of D
        return scores.softmax(dim=-1)  # (B, L, L), each row sums to 1

    def forward(self, x):
        return self.weights(x) @ self.value(x)  # (B, L, L) @ (B, L, D)

# %% [markdown]
# **Predict.** We reverse the order of the tokens. How does the output of the head change?

# %% tags=["nbval-check-output"]
prediction = ...  # change this to a sentence, then run

torch.manual_seed(0)
head = Head(width=8, depth=4).requires_grad_(False)
x = torch.randn(1, 5, 8)  # (B, L, W): one caption of five tokens
y, reversed_y = head(x), head(x.flip(1))
print("shapes:", tuple(x.shape), "->", tuple(y.shape))
print("first token:                   ", *(f"{n:5.2f}" for n in y[0, 0]))
print("the same token, now the last:  ", *(f"{n:5.2f}" for n in reversed_y[0, 4]))
positions = 0.5 * torch.randn(5, 8)  # (L, W): another vector for each position
y, reversed_y = head(x + positions), head(x.flip(1) + positions)
print("with positions, first token:   ", *(f"{n:5.2f}" for n in y[0, 0]))
print("with positions, now the last:  ", *(f"{n:5.2f}" for n in reversed_y[0, 4]))

# %% [markdown]
# Without positions each token gets exactly the same output wherever it is: attention alone is as blind to order as a bag of words. So a learned vector for *position 0*, *position 1* and so on is added to each token's embedding before the first head. Then the outputs differ.
#
# ### Several heads
#
# One head computes one weighted mean per token, so a token can look for one kind of thing only. An encoder therefore runs H heads side by side, each with D = W/H numbers, and joins their results. The paper uses heads of 64 numbers. You write this in exercise 01.11.

# %%
from clipedu_lessons.common.architecture import attention_figure, block_figure

show(*attention_figure(model.config.text.heads))

# %% [markdown]
# What do the heads of our trained encoder look at? A single caption and a head that we like would prove nothing. So we take 200 captions *an icon of ...* and average, for each of the 8 heads, how the weights of EOT are divided among SOT, the four words' tokens and EOT itself.

# %% tags=["nbval-check-output"]
names = sorted({i.name.lower() for i in icons if len(tokenizer.encode(" " + i.name.lower())) == 1})
sample = [f"an icon of {name}" for name in names[:: len(names) // 200][:200]]
total = Counter()
for caption in sample:
    for name, qk in tower_heads(model, tokenizer, caption).heads.items():
        total[name] += head_weights(*qk)[-1] / len(sample)  # (L,), of EOT
print(f"{'mean over 200 captions':23} [SOT]    an  icon    of  NAME [EOT]")
for name, row in total.items():
    print(f"{name:23}", *(f"{w:5.2f}" for w in row.tolist()))
chosen = max(total, key=lambda name: total[name][4])
first, second = (sum(list(total.values())[k : k + 4]) / 4 for k in (0, 4))
numbers(chosen=chosen, name_1=f"{first[4]:.2f}", name_2=f"{second[4]:.2f}")
numbers(self_1=f"{first[5]:.2f}", self_2=f"{second[5]:.2f}")

# %% [markdown]
# The column NAME is the only token that differs between these captions. If EOT looked at all six tokens alike, each would get 0.17. In the first block EOT gives NAME {=name_1} of its weight, averaged over the four heads, and itself only {=self_1}. In the second block it gives NAME {=name_2} and itself {=self_2}. A likely reason is that EOT then already carries what it collected in the first block.
#
# The head that looks at NAME most on average is {=chosen}. The next figure shows it for a caption that is not among the 200. We chose it by the average above, not by how this figure looks.

# %%
heads = tower_heads(model, tokenizer, "a red star")
shown = head_weights(*heads.heads[chosen])
show(
    weights_figure(shown, heads.labels, title=f"a red star, {chosen}"),
    "The weights of the trained head that looks at the name most, "
    f"averaged over 200 captions. {weights_in_words(shown, heads.labels)}",
)
numbers(on_red=f"{shown[4, 2]:.2f}", on_star=f"{shown[4, 3]:.2f}")
AttentionExplorer(heads.labels, {chosen: heads.heads[chosen], **heads.heads})

# %% [markdown]
# EOT gives {=on_star} of its weight to *star* and {=on_red} to *red*, so the head does not simply look at the token before EOT. In a running notebook you can step through all eight heads. Be careful with conclusions: a weight says where a token looks, not what it does with what it finds.
#
# ### Check your understanding
#
# 1. What does SOT receive in the first block, whatever the caption?
# 2. Scores of one row are 5, 5 and 5. What are the weights? What are they for 1005, 1005 and 1005?
# 3. How many weights does a batch of B captions with L tokens have in a block with H heads?
# 4. Somebody hides scores by adding a matrix of zeros and ones, multiplied by minus infinity. Which weights come out?
#
# <details><summary>Answers</summary>
#
# 1. Its own value: under the mask it sees only itself.
# 2. 1/3 each, both times: a softmax does not change when a constant is added to the row.
# 3. B · H · L · L. The cost grows with the square of the length.
# 4. All of them are `nan`, not a number, because 0 times infinity is. Fill the hidden entries instead of multiplying.
#
# </details>
#
# ## 7. The block
#
# Attention moves information between tokens. A second part works on each token by itself: the **MLP**, two linear layers with 4W numbers between them. Together they form a **block**, and the encoder is a stack of blocks.

# %%
show(*block_figure(model.config.text.width, model.config.text.heads))

# %% [markdown]
# Three details make a stack of blocks trainable.
#
# **The residual stream.** What a branch computes is *added* to the token's vector x and does not replace it:
#
# $$x \leftarrow x + \mathrm{Attention}(\mathrm{LN}_1(x)), \qquad x \leftarrow x + \mathrm{MLP}(\mathrm{LN}_2(x))$$
#
# So information and gradients can pass through many blocks without being transformed by each.
#
# **LayerNorm** (LN) gives every vector the mean 0 and the variance 1 over its W numbers, then multiplies by learned weights γ and adds learned biases β: $\mathrm{LN}(x) = \gamma\,(x - \mu)/\sqrt{\sigma^2 + \epsilon} + \beta$. Each branch reads the stream through one, so the size of the numbers stays under control however many branches have been added.
#
# **GELU** is the activation in the MLP: $\mathrm{GELU}(x) = x\,\Phi(x)$, where Φ is the cumulative distribution function of the normal distribution. It is a smooth relative of ReLU. OpenAI's models use an approximation, *QuickGELU*: $x\,\sigma(1.702\,x)$ with the logistic function σ.

# %% tags=["nbval-check-output"]
x = torch.tensor([1.0, 2.0, 3.0, 10.0])  # (W,): one token
by_hand = (x - x.mean()) / (x.var(unbiased=False) + 1e-5).sqrt()
print("LayerNorm by hand:", *(f"{n:6.2f}" for n in by_hand))
print("by torch:         ", *(f"{n:6.2f}" for n in torch.nn.functional.layer_norm(x, (4,))))

def gelu(x):
    return x * 0.5 * (1 + torch.erf(x / 2**0.5))

x = torch.linspace(-3, 3, 601)
quick = x * (1.702 * x).sigmoid()
for name, y in {"x": x, "ReLU": x.relu(), "GELU": gelu(x), "QuickGELU": quick}.items():
    print(f"{name:10}", *(f"{n:6.2f}" for n in y[::100]))
numbers(gap=f"{(gelu(x) - quick).abs().max():.2f}")

# %% [markdown]
# GELU and QuickGELU differ by {=gap} at most. That looks harmless, but a model trained with one and run with the other silently loses accuracy. One user reports 64.4 instead of 68.3 % on ImageNet (open_clip, issue 1109). Exercises 01.12 and 01.13 ask for the MLP and the block.
#
# ### Check your understanding
#
# 1. What would the two layers of the MLP compute if GELU were left out?
# 2. Does LayerNorm mix the numbers of different tokens?
# 3. What does a block do if both of its branches return 0?
#
# <details><summary>Answers</summary>
#
# 1. No more than a single linear layer can, because the product of two matrices is a matrix.
# 2. No. It works on each token by itself; only attention moves information between tokens.
# 3. Nothing: x passes through unchanged. That is a good state to start training from, and the initial values of the last matrix of each branch are small for this reason.
#
# </details>
#
# ## 8. The whole text encoder
#
# Now all parts are there. Token embeddings plus positional embeddings go through the blocks; then **one** position is read, normalized once more, and multiplied by a matrix into the space that captions and pictures share. You assemble it in exercise 01.14. Here we use the shipped encoder and ask why one particular position is read.
#
# ### Why the caption is read at EOT
#
# `every_position` returns the vector that *would* be the embedding if it were read at each position. We look at SOT, at EOT and at the last position of the row, and ask two things. How similar are two different captions there? And how similar is the same caption in rows of 12 and of 20 positions?
#
# **Predict.** Which of the three positions is useful on both counts?

# %% tags=["nbval-check-output"]
prediction = ...  # change this to "SOT", "EOT" or "last", then run

from clipedu_lessons.l01_words_to_vectors.caption_path import every_position

captions = ["a star in a circle", "a circle in a star", "a red apple"]
tokens = tokenizer(captions, context_length=12)  # (3, 12)
ends = [len(tokenizer.encode(caption)) + 1 for caption in captions]
here = every_position(model, tokens)  # (3, 12, E)
longer = every_position(model, tokenizer(captions, context_length=20))
positions = {"SOT": (0, 0), "EOT": (ends[0], ends[2]), "last": (-1, -1)}
print("position  star and apple   12 and 20 positions")
for name, (one, other) in positions.items():
    alike = cosine(here[0, one], here[2, other])
    print(f"{name:8} {alike:11.2f} {cosine(here[0, one], longer[0, one]):17.3f}")
numbers(eot_alike=f"{cosine(here[0, ends[0]], here[2, ends[2]]):.2f}")
numbers(last_steady=f"{cosine(here[0, -1], longer[0, -1]):.3f}")

# %% [markdown]
# * At **SOT** all captions have the same vector (cosine 1.00): under the mask, SOT sees only itself.
# * At the **last position** the vector depends on the length of the row. It is a padding token with a position of its own, and the cosine between the two rows is {=last_steady}.
# * **EOT** is the first position that has seen the whole caption. Two captions differ there (cosine {=eot_alike}), and a longer row changes nothing (cosine 1.000).
#
# The encoder finds EOT with `argmax` over the ids, because EOT has the largest id. That is the reason for the large number. Exercise 01.5 asks what to do when it is an ordinary id.
#
# ### Why padding does no harm
#
# Padding comes after EOT, and EOT sees nothing that comes after it. So whatever is written there should not matter. We replace all padding by random ids and measure how far the embedding at EOT moves, with the mask and, as a control, without it.

# %% tags=["nbval-check-output"]
behind = torch.arange(12) > torch.tensor(ends)[:, None]  # (3, 12)
chance = torch.Generator().manual_seed(0)
noise = torch.randint(0, 4000, (3, 12), generator=chance)
changed = torch.where(behind, noise, tokens)  # only after EOT
for causal in (True, False):
    kept = every_position(model, tokens, causal)[range(3), ends]
    moved = every_position(model, changed, causal)[range(3), ends]
    cosines = [cosine(*pair) for pair in zip(kept, moved)]
    print(f"causal={causal!s:6}", *(f"{c:.3f}" for c in cosines))

# %% [markdown]
# With the mask the three embeddings do not move at all. Without it they do. That is why id 0 can be padding and a byte at the same time. An encoder without a causal mask needs a second mask that hides the padding.
#
# ### Does it know about order?
#
# The bag of words cannot tell *a star in a circle* from *a circle in a star*. Can a transformer? To be fair, we compare an untrained bag with an **untrained** transformer first. The last row then shows what training does to the same transformer.

# %% tags=["nbval-check-output"]
fresh = build(model.config, seed=0).text.requires_grad_(False)
encoders = {"bag of words, untrained": bag, "transformer, untrained": fresh}
encoders["transformer, trained"], orders = model.text, {}
print(f"{'':24} other order   other words")
for name, encoder in encoders.items():
    with torch.no_grad():
        star, circle, apple = encoder(tokens)  # each (E,)
    print(f"{name:24} {cosine(star, circle):11.3f} {cosine(star, apple):13.3f}")
    orders[name] = f"{cosine(star, circle):.2f}"
numbers(order_untrained=orders["transformer, untrained"])
numbers(order_trained=orders["transformer, trained"])

# %% [markdown]
# Even untrained, the transformer gives the two orders different vectors (cosine {=order_untrained}), which a bag can never do. After training the cosine is {=order_trained}. That is still far above the {=eot_alike} of a caption with other words, although *a circle in a star* is a different picture. *Able to tell* is not *taught to tell*: a batch hardly ever holds two captions that differ in their order alone, so the loss does not ask for it. Lesson 12 returns to this.
#
# ## 9. How large is the paper's?
#
# Section 2.4 describes a text encoder of 63 million parameters: 12 blocks, width 512, 8 heads. You can count them on paper, with width W, vocabulary V, row length L and embedding dimension E. Attention has four matrices of W × W, for queries, keys, values and the output. The MLP has two of W × 4W. Each matrix of a block has a bias, and each LayerNorm has 2W numbers.
#
# | part | parameters |
# |---|---|
# | token embedding | $VW$ |
# | positional embedding | $LW$ |
# | a block: attention $4W^2 + 4W$, MLP $8W^2 + 5W$, two LayerNorms $4W$ | $12W^2 + 13W$ |
# | last LayerNorm and projection | $2W + WE$ |

# %% tags=["nbval-check-output"]
from clipedu.models import PRESETS, TextTransformer, count_parameters

def text_parameters(config):
    """The number of parameters of a text encoder, from its sizes alone."""
    text, w = config.text, config.text.width
    blocks = text.layers * (12 * w * w + 13 * w)
    rest = text.context_length * w + 2 * w + w * config.embed_dim
    return text.vocab_size * w, text.vocab_size * w + blocks + rest

for name in ("laptop_vit_stem", "ViT-B/32", "ViT-L/14", "RN50x64"):
    config = PRESETS[name]
    with torch.device("meta"):  # shapes without memory
        counted = count_parameters(TextTransformer(config.text, config.embed_dim))
    table, total = text_parameters(config)
    print(f"{name:15} {total:>11,} by formula, {counted:>11,} counted", end="")
    print(f", table {table / total:.0%}")

# %% [markdown]
# The formula agrees with the models that the library builds, and ViT-B/32 has the paper's 63 million. In all of the paper's models the text encoder keeps 12 blocks, and only its width grows with the image encoder (Tables 19 and 20): section 2.4 reports that CLIP is less sensitive to the capacity of the text encoder.
#
# Our encoder is narrow and has 2 blocks, because two CPU cores must train it in minutes. In a narrow encoder most parameters are in the table, since blocks grow with the square of the width and the table does not.
#
# ## 10. What training changes
#
# A new encoder has the right shapes and random numbers. Which captions does it consider similar, and which does the trained one? We embed all icon names of one word with both, and look up the nearest neighbors of a few.

# %%
from clipedu.evaluation import embed_texts

names = sorted({i.name.lower() for i in icons if i.name.isalpha()})
before = embed_texts(build(model.config, seed=0), tokenizer, names)
after = embed_texts(model, tokenizer, names)  # (N, E), rows of length 1

def nearest(vectors, name, k=4):
    cosines = vectors @ vectors[names.index(name)]  # (N,)
    best = [names[i] for i in cosines.topk(k + 1).indices]
    return ", ".join([other for other in best if other != name][:k])

for name in ("star", "lock", "heart", "email", "house", "monaco", "dog"):
    print(f"{name:9} before: {nearest(before, name)}")
    print(f"{'':9} after:  {nearest(after, name)}")
numbers(names=f"{len(names):,}")
numbers(**{f"near_{name}": nearest(after, name) for name in ("star", "lock", "monaco", "dog")})

# %% [markdown]
# Before training, the neighbors among the {=names} names look random. After training the neighbors of *star* are {=near_star}, and those of *lock* are {=near_lock}. A dictionary would not list all of these words as related. Where do they come from?
#
# They come from the pictures. Some names in our icon sets share one and the same picture, pixel by pixel:

# %% tags=["nbval-check-output"]
from itertools import combinations

from clipedu.pairs import training_pairs
from clipedu_lessons.common.duplicates import same_pictures

drawn, twins = training_pairs(), set()
for rows in same_pictures(drawn.rgba):  # equal, pixel by pixel
    called = {drawn.icons[i].name.lower() for i in rows}
    twins.update(combinations(sorted(called & set(names)), 2))
print(len(twins), "pairs of names share a picture, among them")
some = {"star", "lock", "email", "phone", "chad", "monaco"}
print(", ".join("/".join(pair) for pair in sorted(twins) if some & set(pair)))
numbers(twins=len(twins))

# %% [markdown]
# Material Icons calls its star *grade* and its padlock *https*. Chad and Romania have nearly the same flag, and at 32 pixels exactly the same; so have Indonesia and Monaco. The text encoder has never seen a picture. It learned this through the loss of lesson 03, which pulls each caption toward its picture, so two captions of one picture are pulled toward the same point.
#
# Is that a rule or a few lucky examples? We compare three kinds of pairs of names: those that share a picture, those that share a token, and random ones.
#
# **Predict.** Which of the three kinds has the highest mean cosine after training? And do the others rise or fall? (± is a 95 % confidence interval of the mean.)

# %% tags=["nbval-check-output"]
prediction = ...  # change this to a sentence, then run

index = {name: i for i, name in enumerate(names)}
cut = [set(tokenizer.encode(" " + name)) for name in names]
two = torch.randint(len(names), (200_000, 2), generator=chance.manual_seed(0))
two = [(i, j) for i, j in two.tolist() if i != j]
kinds = {"share a picture": [(index[a], index[b]) for a, b in twins]}
kinds["share a token"] = [(i, j) for i, j in two if cut[i] & cut[j]]
kinds["random"] = two[:20_000]
cosines = {"before training": {}, "after training": {}}
for (when, found), vectors in zip(cosines.items(), (before, after)):
    for kind, rows in kinds.items():
        one, other = torch.tensor(rows).T  # each (P,)
        found[kind] = (vectors[one] * vectors[other]).sum(dim=1)
        error = 1.96 * found[kind].std() / len(rows) ** 0.5
        print(f"{when:16} {kind:16} {found[kind].mean():.2f} ± {error:.2f}")

# %%
from clipedu_lessons.l01_words_to_vectors import caption_path as paths

show(
    cosines_figure(cosines),
    "Boxes of cosines for three kinds of pairs of names; whiskers from 5 "
    "to 95 percent. Before training the three overlap. After it pairs "
    "that share a picture are highest, and the others have fallen.",
)
start, end = cosines.values()
numbers(random_before=f"{start['random'].mean():.2f}", random_after=f"{end['random'].mean():.2f}")
numbers(picture_after=f"{end['share a picture'].mean():.2f}")
numbers(token_after=f"{end['share a token'].mean():.2f}")
path = paths.caption_path(model, tokenizer, "a small dog")
show(paths.path_figure(path), paths.path_in_words(path))
paths.CaptionExplorer(model, tokenizer, names, start="a small dog")

# %% [markdown]
# It is the rule. After training, names that share a picture have a mean cosine of {=picture_after}, names that share a token {=token_after}, and random names {=random_after}. An untrained encoder places all captions close together: even random names have a mean cosine of {=random_before} there. Training spreads them out and keeps together what belongs to the same pictures.
#
# So *near* mostly means *drawn alike*, and not *means the same*. The neighbors of *monaco* are {=near_monaco}: countries whose flags are horizontal bands, as Monaco's is. The rule does not explain everything. The neighbors of *dog* are {=near_dog}, and some of them share no more than their spelling.
#
# The last figure follows the caption *a small dog* through the encoder. In a running notebook you can type captions of your own into the box below it, and look for neighbors that a dictionary would not give you.
#
# ### Check your understanding
#
# 1. The trained encoder places *grade* next to *star*. What would it do if Material Icons were not among the training sets?
# 2. Name two reasons why two captions can be close in this space although they mean different things.
# 3. Why does the untrained encoder place all captions close together?
#
# <details><summary>Answers</summary>
#
# 1. Nothing would pull *grade* toward stars. Its position would depend on the other pictures called *grade*, if there are any.
# 2. Their icons look alike (Chad and Romania), or they share a token, which raises the mean cosine from {=random_after} to {=token_after}.
# 3. All captions contain SOT and EOT and start at the same positions. Before training this common part is large, compared with what the words add.
#
# </details>
#
# ## The answer
#
# How does a sentence become a vector?

# %% tags=["summary"]
caption = "an emoji of penguin"
ids = [tokenizer.sot, *tokenizer.encode(caption), tokenizer.eot]
vector = model.encode_text(tokenizer(caption)).detach()[0]
text, count = model.config.text, count_parameters(model.text)
print("1. cut it:        ", " | ".join(tokenizer.tokens(caption)))
print("2. number it:     ", *ids)
print(f"3. look it up:     {len(ids)} rows of {text.width} numbers, plus positions")
print(f"4. look back:      {text.layers} blocks of {text.heads} causal heads")
print(f"5. read it at EOT: {len(vector)} numbers")
numbers(ours_params=f"{count:,}", ours_vocab=f"{text.vocab_size:,}", ours_length=text.context_length)
numbers(ours_width=text.width, ours_blocks=text.layers, ours_heads=text.heads, ours_dim=len(vector))

# %% [markdown]
# | | this course | the paper, ViT-B/32 |
# |---|---|---|
# | vocabulary | {=ours_vocab} | 49,408 (appendix) |
# | positions in a row | {=ours_length} | 77 in the code |
# | width, blocks, heads | {=ours_width}, {=ours_blocks}, {=ours_heads} | 512, 12, 8 |
# | embedding dimension | {=ours_dim} | 512 |
# | parameters | {=ours_params} | about 63 million |
# | lower case | the captions are | the tokenizer makes it so |
#
# The method is the same, and the sizes differ because ours has to be trained on two CPU cores. On a GPU nothing in this lesson changes, except that a fused kernel computes attention: the results agree up to rounding.
#
# **What the exercises add.** The lesson showed the simple case of each part. In the [exercises](../exercises/01_words_to_vectors.ipynb) you write the real ones: merge training that visits only the words that change, the `Tokenizer`, masked attention for any number of captions and heads, several heads in one module, the MLP, the block, and the text encoder. `my_clip.py` collects them. [Lesson 02](02_pictures_to_vectors.ipynb) builds the other encoder.
#
# **Further reading**
#
# * Sennrich et al. 2016, *Neural Machine Translation of Rare Words with Subword Units* (arXiv 1508.07909): BPE for text; section 3.2 is the one to read.
# * Vaswani et al. 2017, *Attention Is All You Need* (arXiv 1706.03762): queries, keys, values and heads; section 3.2 is the one to read.
# * Mikolov et al. 2013, *Efficient Estimation of Word Representations in Vector Space* (arXiv 1301.3781): where the name CBOW comes from.
# * Xiong et al. 2020, *On Layer Normalization in the Transformer Architecture* (arXiv 2002.04745): why LayerNorm comes before each branch and not after it.
# * Hendrycks and Gimpel 2016, *Gaussian Error Linear Units* (arXiv 1606.08415): GELU and the approximation with 1.702.
#
# ## Appendix: 49,152 or 49,408?
#
# The paper states two vocabulary sizes: 49,152 in section 2.4 and 49,408 in Table 18. The released code explains the difference. Its words have no space in front but a mark at their end, so each of the 256 bytes has two ids, plain and as the end of a word. It keeps 49,152 − 256 − 2 = 48,894 merges, and 512 + 48,894 + 2 = 49,408. With one id per byte the sum would be 49,152.
