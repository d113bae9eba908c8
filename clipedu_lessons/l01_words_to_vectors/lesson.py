# %% [markdown]
# # 01 · Words to vectors
#
# **How does a sentence become a vector?**
#
# About 55 minutes to read and do, under a minute to run on two CPU cores.
# Rebuilds the text encoder of section 2.4 of Radford et al. 2021 (arXiv 2103.00020), and one line of the paper's Figure 3: "CBOW or Text Transformer".
#
# A text tower takes a caption in and gives one list of numbers out. The figure below shows the whole way for one caption. This lesson walks it step by step.

# %%
from clipedu.pairs import FIRST_EDITION, load_icons, render_svg
from clipedu.plots import show
from clipedu.training import load_pretrained
from clipedu_lessons.l01_words_to_vectors.caption_path import caption_path
from clipedu_lessons.l01_words_to_vectors.caption_path import path_figure, path_in_words

model, tokenizer, card = load_pretrained()  # shipped with the course
icons = load_icons(FIRST_EDITION)
emoji = [icon for icon in icons if icon.family == "openmoji"]
penguin = next(icon for icon in emoji if icon.name == "penguin")
path = caption_path(model, tokenizer, "an emoji of penguin")
figure = path_figure(path, render_svg(penguin.svg(), 96))
words = "A picture of a penguin. " + path_in_words(path)
show(figure, words + " The darker a bar, the larger its number.")

# %% [markdown]
# **At the end you can**
#
# * learn a vocabulary of word pieces by hand (byte-pair encoding), and cut any text with it;
# * build the simplest text tower, a bag of words, and say what it cannot know;
# * work out one attention head on paper, with its mask;
# * explain why a caption is read at its last token, and why padding cannot matter;
# * derive the 63 million parameters of the paper's text tower.
#
# You need Python and a little PyTorch. [Lesson 00](00_pictures_and_words.ipynb) shows where the captions come from.
#
# ## 1. What gets a number?
#
# A network multiplies numbers, so the sentence must become numbers first. Something in it has to be the unit that gets a number. Three choices:
#
# | unit | for | against |
# |---|---|---|
# | letters | few of them, nothing is ever unknown | long rows, and a letter means nothing |
# | words | short rows, and a word means something | a huge table, and a new word has no row in it |
# | pieces of words | between the two | somebody has to find the pieces |
#
# How bad is "a new word has no row"? Count, over everything that our training captions are made of, and over the names in three families of pictures that the model never sees in training.

# %% tags=["nbval-check-output"]
from collections import Counter
import regex
from clipedu.pairs import HELD_OUT_FAMILIES, all_captions

texts = all_captions(icons)
known = Counter(regex.findall(r"\w+", "\n".join(texts)))
length = sum(map(len, texts)) / len(texts), known.total() / len(texts)
print(f"{len(texts):,} texts, {len(known):,} different words")
print("in one text: {:.1f} characters, {:.1f} words".format(*length))
names = "\n".join(i.name.lower() for i in load_icons(HELD_OUT_FAMILIES))
later = set(regex.findall(r"\w+", names))
new = sorted(later - set(known))
share = f"{len(new) / len(later):.0%}"
print(f"of {len(later):,} words in held-out names, {share} are new:")
print(", ".join([word for word in new if len(word) > 6][::18]), "...")

# %% [markdown]
# With words as units, each of these new words would be a blank: nearly a fifth of the different words in held-out names. With letters, a row would be five times as long as with words, as the second line says. CLIP takes pieces, found by **byte-pair encoding** (BPE; Sennrich et al. 2016, arXiv 1508.07909).
#
# ## 2. BPE by hand, on six words
#
# 1. Begin with every word cut into letters.
# 2. Count each pair of neighbours, over all words, as often as the words occur.
# 3. Glue the most frequent pair together, everywhere. (Of equals, the alphabetically first.) That is one **merge**.
# 4. Go to 2.
#
# Our six words, and how often each stands in a text:
#
# | word | star | starfish | fish | car | cart | cat |
# |---|---|---|---|---|---|---|
# | times | 5 | 2 | 3 | 4 | 2 | 3 |
#
# **Predict:** which pair of letters has the highest count, and which comes second? Then run.

# %% tags=["nbval-check-output"]
from clipedu.tokenizer.bpe import count_pairs, encode_word, merge_pair, train_steps

six = {"star": 5, "starfish": 2, "fish": 3, "car": 4, "cart": 2, "cat": 3}
words = {tuple(word): times for word, times in six.items()}
for (first, second), count in count_pairs(words).most_common(5):
    print(f"{first + ' + ' + second:8} {count:>3}")

# %% [markdown]
# `a + r` is the winner: 5 times in *star*, 2 in *starfish*, 4 in *car*, 2 in *cart*. It is glued. The next in the list is `c + a`.
#
# **Predict:** is `c + a` the second merge? Write yes or no on paper, with a reason. Then run.

# %% tags=["nbval-check-output"]
words = {merge_pair(word, ("a", "r")): n for word, n in words.items()}
print("  ".join("|".join(word) for word in words), "\n")
for (first, second), count in count_pairs(words).most_common(5):
    print(f"{first + ' + ' + second:8} {count:>3}")

# %% [markdown]
# No. In *car* and *cart* the `a` has gone into `ar`, so only *cat* is left to `c + a`. A merge takes neighbours away from other pairs: **count anew after every merge.** Reading all merges off the first list is the usual mistake with pencil and paper.
#
# Two pairs now share the first place, and the alphabet decides for `s + t`.
#
# Here is the whole algorithm in the open. Only the gluing of one pair is left to the library's `merge_pair`: you write it yourself in exercise 01.2.

# %%
from itertools import pairwise

def learn(words, how_many):
    """words: word in pieces -> how often. Returns the merges in order."""
    learned = []
    for _ in range(how_many):
        counts = Counter()
        for word, n in words.items():
            for pair in pairwise(word):
                counts[pair] += n
        best = min(counts, key=lambda pair: (-counts[pair], pair))
        words = {merge_pair(word, best): n for word, n in words.items()}
        learned.append(best)
    return learned

# %% tags=["nbval-check-output"]
by_hand = learn({tuple(word): n for word, n in six.items()}, 11)
print(", ".join(map("+".join, by_hand)))

# %% [markdown]
# The library's `train_steps` gives the same merges (asserted below) without counting everything again: it touches only the words that hold the merged pair.
#
# Watch the words grow: three moments side by side, then a slider. Move it with the arrow keys. The newest piece has a thick edge; the hatched bar is the pair that comes next.

# %%
from clipedu_lessons.l01_words_to_vectors.bpe_widget import BPEStepper, bpe_steps, pieces_figure

steps = bpe_steps(six)
assert [step.merge.pair for step in steps[1:]] == by_hand
show(
    pieces_figure([steps[0], steps[3], steps[11]]),
    "The six words as boxes, one for each piece. At the start a letter "
    "has its own box; after 3 merges star is one box, made a moment ago, "
    "and starfish begins with it; after 11 every word is one box.",
)

# %%
BPEStepper(six, merges=3)

# %% [markdown]
# In the end each word is a single piece and nothing is left to glue. Stop earlier, and frequent words are whole while rare ones are still in parts. That is the bargain of BPE, and how many merges to make is yours to choose.
#
# ### Cutting a new word
#
# A word that was not in the text is cut with the merges that were learned: **the earliest-learned merge that fits goes first**, then the next.
#
# **Predict** the pieces of *carfish*, *cast*, *zoo*, and of the invented *fistar*. Careful with the last one: `fis` is a piece.

# %% tags=["nbval-check-output"]
rank = {pair: place for place, pair in enumerate(by_hand)}
for word in ("carfish", "cast", "zoo", "fistar"):
    print(f"{word:8}", " | ".join(encode_word(tuple(word), rank)))

# %% [markdown]
# *fistar* is not `fis | t | ar`, which is what you get by taking the longest known piece from the left. `a + r` was learned first, then `s + t`, then `st + ar`: they take the `s` away before `fi + s` is tried.
#
# ## 3. Why bytes
#
# *zoo* stays in letters. But no *z* stood in our six words: who gave it a number? The letters to begin with must be listed beforehand, and Unicode has well over a hundred thousand characters. A table of them all would be larger than our whole text tower.
#
# Every text is stored as bytes, though, in UTF-8, and a byte has only 256 values. **Predict:** how many bytes are *e*, *é*, a Chinese character, an emoji?

# %% tags=["nbval-check-output"]
import unicodedata

for character in "eé猫🐧":
    print(f"{unicodedata.name(character):32} {list(character.encode())}")

# %% [markdown]
# So begin with 256 bytes, and glue bytes. A plain English letter is one byte: for English nothing changes. Nothing in any language is ever unknown; at worst it is a few bytes long.
#
# One more rule. A text is cut into words first, and merges never cross a word's edge; otherwise *star,* and *star.* would become different pieces. A word keeps the space before it, so that the words put together are the text again. The first line below shows it.
#
# ## 4. BPE on all captions
#
# Now the same algorithm on everything that captions are made of: 3,838 merges, which with 256 bytes and two special tokens make 4,096 ids. **Predict:** which two bytes are glued first? Think of what our captions look like, not of English.

# %% tags=["nbval-check-output"]
from itertools import islice

# letters | digits | marks | spaces
pattern = regex.compile(r" ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+")
print(pattern.findall("an icon of 3 stars, filled"))
counts = Counter(w for text in texts for w in pattern.findall(text))
in_bytes = {}  # a word in single bytes -> how often
for word, n in counts.items():
    in_bytes[tuple(bytes([b]) for b in word.encode())] = n
merges = list(islice(train_steps(in_bytes), 3838))
for place in (1, 2, 3, 4, 5, 6, 7, 30, 100, 300, 1000, 3838):
    merge = merges[place - 1]
    piece = repr(merge.symbol.decode())
    print(f"merge {place:>5}: {piece:>11}   {merge.count:>6,} times")

# %% [markdown]
# The captions' own favourites come first: `of`, `icon` and what they are made of. Then come parts of words (`cy`) and, among them, whole words that are frequent among icons and rare elsewhere. A vocabulary shows what its texts were about.
#
# How does one rare word grow? And how long is a caption with more and more merges? The next two cells answer.

# %% tags=["nbval-check-output"]
from clipedu.tokenizer import Tokenizer

for size in (0, 10, 100, 300, 1000, 2000, 3838):
    small = Tokenizer(merge.pair for merge in merges[:size])
    print(f"{size:>5} merges: ", " | ".join(small.tokens("penguin")))

# %% tags=["nbval-check-output"]
from clipedu_lessons.l01_words_to_vectors.word_figures import cosines_figure, merges_figure

sizes, pieces = [0, 10, 30, 100, 300, 1000, 2000, 3838], []
for size in sizes:
    small = Tokenizer(merge.pair for merge in merges[:size])
    total = sum(n * len(small.encode(word)) for word, n in counts.items())
    pieces.append(total / len(texts))
show(
    merges_figure(sizes, pieces, counts.total() / len(texts)),
    "Pieces per caption against merges. The curve falls steeply over the "
    "first few hundred merges, then flattens above the dashed line of "
    "whole words: later merges buy little, because they join rare words.",
)
for size, mean in zip(sizes, pieces):
    print(f"{size:>5} merges: {mean:5.2f} pieces per caption")

# %% [markdown]
# ### There and back
#
# The library's `Tokenizer` puts words, bytes and merges together. Ids 0 to 255 are the bytes, then comes one id for each merge, then the two special tokens. Cutting must lose nothing: decoding the ids gives back the same text (accents in their composed form, Unicode's NFC), with double spaces and other scripts.

# %% tags=["nbval-check-output"]
ours = Tokenizer(merge.pair for merge in merges)
print("the shipped model's merges:", ours.merges == tokenizer.merges)
for text in ("a red apple", "café", "two  spaces", "猫", ""):
    back, pieces = ours.decode(ours.encode(text)), ours.tokens(text)
    print(f"{text!r:13} the same: {back == text}  ", *map(repr, pieces))

# %% [markdown]
# The Chinese word for *cat* comes out as three single bytes. **Never unknown is not the same as understood**: no training caption holds these bytes in a row, so nobody taught the tower what they mean.
#
# ### A row for the tower
#
# Captions differ in length, and a tensor does not. A row is: start of text (SOT), the pieces, end of text (EOT), and zeros up to a fixed length. The zeros are **padding**. What if a caption does not fit? **Predict**, then run.

# %% tags=["nbval-check-output"]
three = ["a red apple", "penguin", "an icon of star, filled"]
print(tokenizer(three, context_length=10))
print(f"SOT {tokenizer.sot}, EOT {tokenizer.eot}")
print(f"largest id {tokenizer.vocab_size - 1}")
long = "a very " * 10 + "red apple"
try:
    tokenizer(long, context_length=10)
except ValueError as error:
    print("ValueError:", str(error).split(".")[0])
print("cut on request:", tokenizer(long, 10, truncate=True)[0].tolist())

# %% [markdown]
# Three things to keep in mind. A caption that is cut still ends with EOT: the tower reads it there. EOT has the largest of all ids: on purpose, you will see why. Padding is id 0, which is also a real byte: that looks careless, and section 7 shows why it cannot matter.
#
# The paper's text gives a row 76 tokens (section 2.4); the released code has 77 places, SOT and EOT included. Ours has 32: names of icons are short.
#
# ## 5. From ids to one vector, the simple way
#
# An id is a name, not a quantity: id 600 is not twice id 300. So each id gets a row of numbers of its own, its **embedding**. The rows of this table are learned. Looking a row up is the same as multiplying the table by a row of zeros with a single one in it:

# %% tags=["nbval-check-output"]
import torch

table = torch.tensor([[0.0, 0], [1, 0], [0, 1], [2, 2]])  # ids 0 to 3
ids = torch.tensor([1, 3, 2])
one_hot = torch.nn.functional.one_hot(ids, 4).float()  # (3, 4)
print(table[ids])
equal = torch.equal(one_hot @ table, table[ids])
print("the same by multiplication:", equal)

# %% [markdown]
# A caption is now a few rows of numbers, and they must become one. The simplest way is **their mean**. This is a *continuous bag of words* (CBOW), the first of the two text encoders that the paper's Figure 3 allows.
#
# By hand, three words with two numbers each. **Predict:** which caption gets which vector? And what happens to it if the padding is averaged in?

# %% tags=["nbval-check-output"]
vector_of = {"star": [3.0, 0.0], "in": [0.0, 0.0], "circle": [0.0, 3.0]}
for caption in ("star in circle", "circle in star"):
    rows = torch.tensor([vector_of[w] for w in caption.split()])  # (3, 2)
    print(f"{caption}: {rows.mean(dim=0).tolist()}")
padding = torch.tensor([[1.0, -1.0]])  # id 0 has an embedding, as any has
for length in (6, 12):
    padded = torch.cat([rows, padding.expand(length - 3, 2)])
    mean = padded.mean(dim=0).tolist()
    print(f"mean over a whole row of {length}: {mean}")

# %% [markdown]
# The two captions get one vector: a bag of words knows **which** words there are and nothing of their **order**. And with the padding averaged in, the vector depends on how long the row happens to be. That is the common mistake with a mean.
#
# The library's `CBOW` gives each of the n places from SOT to EOT the weight 1/n and every place after it 0, then multiplies by a learned matrix. Try it on real captions. **Predict:** in both pairs below the words change places. Are the two vectors equal in both?

# %% tags=["nbval-check-output"]
from clipedu.models import build

def same(one, other):
    return torch.allclose(one, other, atol=1e-4)

sizes = {"kind": "cbow", "vocab_size": tokenizer.vocab_size}
bag = build("laptop", seed=0, **sizes).text.requires_grad_(False)
few = ["star in circle", "circle in star"]
more = ["a star in a circle", "a circle in a star"]
for pair in (few, more):
    print("one vector for both:", same(*bag(tokenizer(pair))))
    for caption in pair:
        print("  ", tokenizer.tokens(caption))
short, wide = bag(tokenizer(more, 10)), bag(tokenizer(more, 32))
print("a longer row makes no difference:", same(short, wide))

# %% [markdown]
# The first pair differs. Not because the bag knows order, but because `star` at the start of a caption and ` star` after a space are different pieces, with different rows in the table. The second pair has the same pieces in another order, and there the bag is blind. (OpenAI's marks stand at the end of words, so its captions have no such first piece.)
#
# ## 6. One attention head by hand
#
# To know that the *star* is in the *circle*, tokens must look at each other. In **attention**, each token sends out three small vectors, made from its own by learned matrices:
#
# * a **query**: what am I looking for?
# * a **key**: what do I have to offer?
# * a **value**: what do I hand to a token that looks at me?
#
# Take the caption *red star*: four tokens with SOT and EOT. We choose the vectors instead of learning them. Queries and keys have four numbers, or **channels**, here; they mean start, colour, thing and end.
#
# | token | query: looks for | key: offers | value: (red, star) |
# |---|---|---|---|
# | SOT | nothing: (0, 0, 0, 0) | start: (2, 0, 0, 0) | (0, 0) |
# | red | its thing: (0, 0, 2, 0) | colour: (0, 2, 0, 0) | (1, 0) |
# | star | its colour: (0, 2, 0, 0) | thing: (0, 0, 2, 0) | (0, 1) |
# | EOT | things, and a little colours: (0, 1, 2, 0) | end: (0, 0, 0, 2) | (0, 0) |

# %% tags=["nbval-check-output"]
labels = ["[SOT]", "red", "star", "[EOT]"]
queries = torch.tensor(
    [[0.0, 0, 0, 0], [0, 0, 2, 0], [0, 2, 0, 0], [0, 1, 2, 0]]
)
keys = 2 * torch.eye(4)  # (4, 4): each token offers what it is
values = torch.tensor([[0.0, 0], [1, 0], [0, 1], [0, 0]])  # red, star
scores = queries @ keys.T / 4**0.5  # (4, 4), by the root of the channels
print(scores)

# %% [markdown]
# Row *i*, column *j*: how well the query of token *i* meets the key of token *j*. Check one on paper: *star* asks (0, 2, 0, 0), *red* offers (0, 2, 0, 0); the product is 4; divided by the root of 4 it is 2.
#
# A softmax along each **row** turns scores into weights: e to the power of the score, divided by the row's sum. **Predict** with a calculator (e = 2.72, e² = 7.39): how much of what EOT gets comes from *star*?

# %% tags=["nbval-check-output"]
def print_rows(weights):
    for label, row in zip(labels, weights.tolist()):
        numbers = "  ".join(f"{w:.2f}" for w in row)
        print(f"{label:6}  {numbers}   sum {sum(row):.2f}")

print_rows(scores.softmax(dim=1))

# %% [markdown]
# ### The mask
#
# *red* looks at *star*, which comes after it. CLIP's text tower forbids that: a token sees itself and what stands **before** it. This is the causal mask of a language model. Section 2.4 keeps it so that the tower could start from a trained language model, or be trained as one on the side; the paper then does neither.
#
# To hide a score, put minus infinity in its place **before** the softmax. e to the power of minus infinity is 0, and the rest of the row still sums to 1. What a token then receives is the sum of the values, each times its weight.

# %% tags=["nbval-check-output"]
rows = [[0, 1, 1, 1], [0, 0, 1, 1], [0, 0, 0, 1], [0, 0, 0, 0]]
hidden = torch.tensor(rows) == 1  # (4, 4): row i hides what comes after i
weights = scores.masked_fill(hidden, float("-inf")).softmax(dim=1)
print_rows(weights)
received = weights @ values  # (4, 4) @ (4, 2) -> (4, 2)
for label, (red, star) in zip(labels, received.tolist()):
    print(f"{label:6} receives red {red:.2f}, star {star:.2f}")

# %% [markdown]
# *red* no longer finds its thing and splits its weight between SOT and itself. SOT sees only itself, always. *star* has received that it is red, and EOT has gathered both words. That is all attention does: it moves what one token knows to another.
#
# A mistake that everybody makes once is to multiply a mask of zeros and ones by minus infinity. **Predict** what the first row holds.

# %% tags=["nbval-check-output"]
ones_above = torch.ones(4, 4).triu(1)  # zeros on the diagonal and below
mask = ones_above * float("-inf")
print(mask[0].tolist())
spoilt = (scores + mask).softmax(dim=1).isnan().sum()
print(f"weights that are not a number: {spoilt} of 16")

# %% [markdown]
# Zero times infinity is not a number (`nan`), and a single one spoils its whole row. Fill the places; don't multiply.
#
# Here is the head as a picture, and the same with controls. The slider divides all scores by a **temperature** before the softmax: a low one makes a token look at one place only, a high one at all places alike. Take the mask away and watch the row of *red*.

# %%
from clipedu_lessons.l01_words_to_vectors.attention_widget import AttentionExplorer, tower_heads
from clipedu_lessons.l01_words_to_vectors.attention_widget import head_weights
from clipedu_lessons.l01_words_to_vectors.attention_widget import weights_figure, weights_in_words

show(
    weights_figure(weights, labels, title="red star, one head by hand"),
    "A matrix of weights, dark for large: four rows that ask, four "
    "columns that are looked at. " + weights_in_words(weights, labels),
)

# %%
AttentionExplorer(labels, {"by hand": (queries, keys)})

# %% [markdown]
# ### Heads in the trained tower
#
# The library's `plain_attention` is these lines, for many captions (B) and many heads (H) at once: scores, mask, softmax, weighted sum. (`plain_attention??` in a cell shows its source.) A tower runs several heads side by side, each on its own share of the channels, so that one may look for colours and another for things. The paper gives a head 64 channels.

# %%
from clipedu.models import plain_attention

q, k, v = (x[None, None] for x in (queries, keys, values))  # B = H = 1
by_library = plain_attention(q, k, v, causal=True)[0, 0]  # (4, 2)
print("same as by hand:", same(by_library, received))

# %%
heads = tower_heads(model, tokenizer, "a red star")
found = {name: head_weights(*qk) for name, qk in heads.heads.items()}
name = max(found, key=lambda name: found[name][-1, 2:-1].max())
show(
    weights_figure(found[name], heads.labels, title=f"red star, {name}"),
    "Of all heads of the trained tower, the one whose EOT looks hardest "
    f"at a word: {name}. {weights_in_words(found[name], heads.labels)}",
)
print("Where EOT looks, in every head:")
for name, weights in found.items():
    row = zip(heads.labels, weights[-1].tolist())
    print(f"{name}:", *(f" {label.strip()} {w:.2f}" for label, w in row))

# %%
AttentionExplorer(heads.labels, heads.heads)

# %% [markdown]
# The lines under the figure say where EOT looks in each head of the two blocks (layers). Where the heads of a block look at different words you see what several heads are for. A large weight on EOT itself means that EOT keeps to what it has gathered already. Nobody chose their queries and keys.
#
# Step through the heads and look at the other rows too. Some look where a person would, some at SOT, where a head can look when it has nothing to find, some at what no name fits. Reading a network's thoughts off its attention is tempting and unreliable.
#
# ## 7. The whole tower
#
# Three things are missing.
#
# * **Position.** Without a mask, attention is blind to order too: shuffle the tokens, and the same results come out, shuffled. So a learned vector for *place 0*, *place 1*, ... is added to each token's embedding.
# * **The stream.** What a head brings is *added* to the token's vector, not put in its place. After attention comes a small network (MLP) that works on each token by itself; its result is added too. Before each of the two stands a LayerNorm, which keeps the numbers at a steady size. Together they are a **block**.
# * **Reading.** At the end one token's vector is kept, normalised once more, and multiplied by a matrix into the space that captions and pictures share.
#
# The tower in the open:

# %% tags=["nbval-check-output"]
@torch.no_grad()
def tower(tokens, causal=True):
    """(B, L) ids -> (B, L, E): the vector, were it read at that place"""
    text, length = model.text, tokens.shape[1]
    x = text.token_embedding(tokens) + text.positional_embedding[:length]
    for block in text.transformer.resblocks:
        x = x + block.attn(block.ln_1(x), causal=causal)
        x = x + block.mlp(block.ln_2(x))
    return text.ln_final(x) @ text.text_projection

captions = ["a star in a circle", "a circle in a star", "a red apple"]
tokens = tokenizer(captions, context_length=12)  # (3, 12)
ends = [len(tokenizer.encode(c)) + 1 for c in captions]  # EOT's places
at_eot = tower(tokens)[range(3), ends]  # (3, E)
print("same as the library:", same(at_eot, model.encode_text(tokens)))

# %% [markdown]
# ### Why the caption is read at EOT
#
# Every place has a vector; the tower keeps one. **Predict** for SOT, EOT and the last place of the row: can it tell two captions apart? Is it the same when the row has 20 places in place of 12?

# %% tags=["nbval-check-output"]
here = tower(tokens)
longer = tower(tokenizer(captions, context_length=20))
star, apple = 0, 2  # two captions
read_at = {"SOT": (0, 0), "EOT": (ends[star], ends[apple])}
read_at["last place"] = (-1, -1)
print("place       captions alike   the same in a longer row")
for place, (one, other) in read_at.items():
    alike = same(here[star, one], here[apple, other])
    steady = same(here[star, one], longer[star, one])
    print(f"{place:10}  {alike!s:15}  {steady}")

# %% [markdown]
# * At **SOT** all captions are alike: under the mask, SOT sees nothing but itself.
# * At the **last place**, the vector changes with the length of the row: padding stands there, at another position.
# * **EOT** is the first place that has seen the whole caption, and it follows the caption directly, however long the row.
#
# The library finds EOT without a search for its id: EOT has the largest id, so `argmax` over the ids points at it. That is what the large number was for.
#
# ### Why padding cannot matter
#
# Padding stands after EOT, and EOT sees nothing that comes after it. So you may write any rubbish there. **Predict** both lines below.

# %% tags=["nbval-check-output"]
behind = torch.arange(12) > torch.tensor(ends)[:, None]  # (3, 12)
chance = torch.Generator().manual_seed(0)
noise = torch.randint(0, 4000, (3, 12), generator=chance)
rubbish = torch.where(behind, noise, tokens)  # only after EOT
for causal in (True, False):
    kept = tower(tokens, causal)[range(3), ends]
    changed = tower(rubbish, causal)[range(3), ends]
    print(f"mask {causal!s:5} rubbish does nothing:", same(kept, changed))

# %% [markdown]
# With the mask, padding needs no mark of its own. That is why id 0 may be padding and a byte at once. A tower without the mask has to be told where the padding is.
#
# And order, to which the bag of words was blind? Compare captions by the **cosine**, as CLIP does: bring both vectors to length 1, multiply place by place, add up. It is 1 for the same direction and 0 for a right angle.

# %% tags=["nbval-check-output"]
def cosine(one, other):
    return (one / one.norm()) @ (other / other.norm())


bagged = bag(tokenizer(captions))  # (3, E)
towers = {
    "bag of words, untrained": bagged,
    "transformer, trained": at_eot,
}
for other in (1, 2):
    print(f"{captions[0]!r} and {captions[other]!r}:")
    for name, rows in towers.items():
        print(f"  {name:24} {cosine(rows[0], rows[other]):.2f}")

# %% [markdown]
# *Able to tell* is not *willing to tell*. The transformer's two orders differ, but they are much closer to each other than to another caption: few pictures ever made the tower pay for mixing them up. Lesson 12 comes back to this.
#
# ## 8. The paper's sizes
#
# Section 2.4 describes a text tower of 63 million parameters: 12 blocks, 512 wide, 8 heads. Count them on paper, with width W, vocabulary V, row length L and E numbers in the shared space. Attention has four matrices of W x W (for queries, keys, values and what is handed on); the MLP goes to 4W channels and back; each of these six matrices has a bias, and a LayerNorm 2W numbers. The projection has no bias:
#
# | part | numbers |
# |---|---|
# | token table | V · W |
# | positions | L · W |
# | a block: attention 4W² + 4W, MLP 8W² + 5W, two LayerNorms 4W | 12W² + 13W |
# | last LayerNorm and projection | 2W + W · E |
#
# Which V? The paper prints two: 49,152 in section 2.4 and 49,408 in Table 18. The released code settles it: OpenAI's words carry no space in front but a mark at their end, so each byte is listed twice, plain and as the end of a word. With each byte listed once the count is 49,152; the second listing adds 256. The first line below does the sum.

# %% tags=["nbval-check-output"]
from clipedu.models import PRESETS, count_parameters

kept = 49_152 - 256 - 2  # merges that the released code keeps
print(f"256 bytes + 256 at a word's end + {kept:,} merges + 2", end=" ")
print(f"= {512 + kept + 2:,}")

def text_parameters(config):
    """The parts of a text tower, from its sizes alone."""
    text, w = config.text, config.text.width
    table = text.vocab_size * w
    blocks = text.layers * (12 * w * w + 13 * w)
    rest = text.context_length * w + 2 * w + w * config.embed_dim
    return {"token table": table, "blocks": blocks, "rest": rest}

# %% tags=["nbval-check-output"]
parts = text_parameters(PRESETS["ViT-B/32"])
print(", ".join(f"{part} {count:,}" for part, count in parts.items()))
with torch.device("meta"):  # shapes without memory
    counted = count_parameters(build("ViT-B/32").text)
print(f"in all {sum(parts.values()):,}; counted {counted:,}\n")

print(f"{'model':15} width heads blocks  million  of it token table")
for name, config in {"ours": model.config, **PRESETS}.items():
    text, parts = config.text, text_parameters(config)
    total = sum(parts.values())
    share = parts["token table"] / total
    sizes = f"{text.width:>5} {text.heads:>5} {text.layers:>6}"
    if name.startswith(("ours", "RN", "ViT-")):
        print(f"{name:15} {sizes} {total / 1e6:>8.2f} {share:>12.0%}")

# %% [markdown]
# With 49,408 rows, ViT-B/32 has the paper's 63 million, and the model that the library builds has exactly as many as the formula says. The table goes on with the text towers of all nine models (Tables 19 and 20). The width follows the image tower's; the blocks stay 12. Section 2.4 found that CLIP depends less on the size of its text tower, so the paper makes it wider and never deeper.
#
# Ours is narrower and shallower, because two cores must train it in minutes, and a narrow tower is mostly table: blocks grow with the square of the width, the table does not.
#
# ## 9. Nearest captions, before and after training
#
# A fresh tower has the right shapes and random numbers. What does it find alike? And what does the trained one? Take all names of one word, embed them with both, and look up neighbours.
#
# **Predict:** in the trained tower, what will stand next to *star*? And next to *lock*?

# %%
from clipedu.evaluation import embed_texts

names = sorted({i.name.lower() for i in icons if i.name.isalpha()})
before = embed_texts(build(model.config, seed=0), tokenizer, names)
after = embed_texts(model, tokenizer, names)  # (N, E), rows of length 1
print(f"{len(names):,} names, {after.shape[1]} numbers each")

def nearest(vectors, name, k=4):
    cosines = vectors @ vectors[names.index(name)]  # (N,)
    best = [names[i] for i in cosines.topk(k + 1).indices]
    return [other for other in best if other != name]

for name in ("star", "lock", "heart", "email", "house", "snowflake"):
    print(f"{name:9} before: {', '.join(nearest(before, name))}")
    print(f"{'':9} after:  {', '.join(nearest(after, name))}")

# %% [markdown]
# Before training the neighbours are chance, or share a piece of spelling. After training *star* stands beside *grade* and *lock* beside *https*. No dictionary says so.
#
# The pictures do. Some names in our families share one and the same picture, pixel by pixel. The next cell finds them.

# %% tags=["nbval-check-output"]
from itertools import combinations

from clipedu_lessons.common.duplicates import same_pictures
from clipedu.pairs import training_pairs

assert "grade" in nearest(after, "star")
assert "https" in nearest(after, "lock")
drawn, twins = training_pairs(families=FIRST_EDITION), set()
for places in same_pictures(drawn.rgba):  # equal, pixel by pixel
    called = {drawn.icons[i].name.lower() for i in places}
    twins.update(combinations(sorted(called & set(names)), 2))
print(len(twins), "pairs of names share a picture, among them")
some = {"star", "lock", "email", "phone", "chad", "monaco"}
shown = [pair for pair in sorted(twins) if some & set(pair)]
print(", ".join("/".join(pair) for pair in shown))

# %% [markdown]
# Material Icons calls its star *grade* and its padlock *https*. Chad and Romania have nearly the same flag, and at 32 pixels the very same; so have Indonesia and Monaco. The text tower has never seen a picture. It learned this through the loss of lesson 03, which pulls each caption to its picture: two captions with one picture are pulled to one place.
#
# Is that the rule, or a few lucky examples? **Predict** what training does to the cosine of three kinds of pairs of names: those that share a picture, those that share a piece of spelling, and any two.

# %% tags=["nbval-check-output"]
place = {name: i for i, name in enumerate(names)}
cut = [set(tokenizer.encode(" " + name)) for name in names]
two = list(combinations(range(len(names)), 2))
kinds = {"share a picture": [(place[a], place[b]) for a, b in twins]}
kinds["share a piece"] = [(i, j) for i, j in two if cut[i] & cut[j]]
kinds["any two"] = two[::100]
cosines = {"before training": {}, "after training": {}}
for (when, found), vectors in zip(cosines.items(), (before, after)):
    print(when)
    for kind, pairs in kinds.items():
        one, other = torch.tensor(pairs).T  # each (P,)
        found[kind] = (vectors[one] * vectors[other]).sum(dim=1)
        print(f"  {kind:16} mean cosine {found[kind].mean():.2f}")

# %%
show(
    cosines_figure(cosines),
    "Boxes of cosines for three kinds of pairs of names; whiskers from 5 "
    "to 95 percent. Before training the three overlap. After it pairs "
    "that share a picture stand highest, and the others have fallen.",
)

# %%
from clipedu_lessons.l01_words_to_vectors.caption_path import CaptionExplorer

CaptionExplorer(model, tokenizer, names, start="a small dog")

# %% [markdown]
# Type captions of your own into the box, press Enter, and look for neighbours that a dictionary would not give you.
#
# An untrained tower crowds its captions: any two point to some degree the same way (the numbers above say how much), whatever they mean. Training spreads them out, and draws together what belongs to the same pictures. So *near* means *drawn alike*, not *means the same*; and, as the lists above show, a name can also land among strangers.
#
# ## The answer
#
# How does a sentence become a vector?

# %%
caption = "an emoji of penguin"
ids = [tokenizer.sot, *tokenizer.encode(caption), tokenizer.eot]
vector = model.encode_text(tokenizer(caption)).detach()[0]
config, count = model.config.text, count_parameters(model.text)
print("1. cut it:        ", " | ".join(tokenizer.tokens(caption)))
print("2. number it:     ", *ids)
print(f"3. look it up:     {len(ids)} rows of {config.width}, and places")
print(f"4. look back:      {config.layers} blocks, {config.heads} heads")
print(f"5. read it at EOT: {len(vector)} numbers, a direction")
paper = sum(text_parameters(PRESETS["ViT-B/32"]).values())
print(f"{count:,} numbers were learned;")
print(f"the text tower of ViT-B/32 has {paper / count:.0f} times as many")

# %% [markdown]
# **On a GPU** nothing in this lesson changes, except that a fused kernel takes the place of `plain_attention`: same numbers, up to rounding.
#
# **Next**
#
# * The [exercises of lesson 01](../exercises/01_words_to_vectors.ipynb): merges by hand, gluing a pair, a bag of words, the mask, reading at EOT, and a vocabulary to choose.
# * [Lesson 02, pictures to vectors](02_pictures_to_vectors.ipynb): the other tower.
