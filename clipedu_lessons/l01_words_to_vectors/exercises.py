# %% [markdown]
# # Exercises 01 · Words to vectors
#
# They go with [the lesson on words and vectors](../notebooks/01_words_to_vectors.ipynb) and follow its order. Work from top to bottom: the first is done on paper, the last is an experiment of your own.
#
# Each check says what it found; when it knows the mistake, it names it. `hint("01.2")` shows one more hint each time you run it, `solution("01.2")` opens after you have passed, `progress()` says where you stand, and `reset("01.2")` begins an exercise anew. Nothing leaves this machine.

# %%
import torch

from clipedu_classroom import check, give_up, hint, progress, reset, solution

# %% tags=["exercise"]
EXERCISE = dict(
    id="01.1",
    title="Four merges by hand",
    kind="predict",
    points=2,
    minutes=8,
    difficulty="easy",
    goal="Learn a small vocabulary with pencil and paper, and count anew after each merge.",
    hints=[
        "Write each word in letters, one under the other, with its number beside it. Underline a pair wherever it stands.",
        "The count of a pair is the sum of the numbers of the words in which it stands.",
        "After a merge, write all words again with the new piece in one box, then count again. Four rounds, four pieces.",
    ],
)

# %% [markdown]
# A text holds five words, this often:
#
# | word | pen | pencil | open | nail | snail |
# |---|---|---|---|---|---|
# | times | 6 | 2 | 3 | 4 | 1 |
#
# Begin with letters and make four merges, as in section 2 of the lesson. Of equal counts, take the pair that is alphabetically first (compare the left pieces, then the right ones).
#
# Write the piece that each merge makes as one string, such as `"ar"`.

# %%
### BEGIN SOLUTION
first = "en"  # e+n and p+e both stand 11 times
second = "pen"  # p+en, 11 times: p+e is gone
third = "il"  # 7 times
fourth = "ail"  # a+il and n+a both stand 5 times
### END SOLUTION

# %%
check("01.1", (first, second, third, fourth))

# %% the pairs are not counted anew after a merge tags=["wrong"]
first, second, third, fourth = "en", "pe", "il", "ai"

# %% each word is counted once, however often it occurs tags=["wrong"]
first, second, third, fourth = "en", "il", "pen", "ail"

# %% of two equal counts the alphabetically first is not taken tags=["wrong"]
first, second, third, fourth = "pe", "pen", "il", "na"

# %% whole words are taken by their frequency, not pairs tags=["wrong"]
first, second, third, fourth = "pen", "nail", "open", "pencil"

# %% a pair is written apart, where the glued piece was asked for tags=["wrong"]
first, second, third, fourth = "e+n", "p+en", "i+l", "a+il"

# %% the fourth merge joins letters that an earlier merge has used tags=["wrong"]
first, second, third, fourth = "en", "pen", "il", "ai"

# %% tags=["exercise"]
EXERCISE = dict(
    id="01.2",
    title="Glue one pair",
    points=2,
    minutes=10,
    difficulty="easy",
    goal="Write the step that turns counting into a vocabulary, without gluing too much or too little.",
    hints=[
        "Walk along the pieces with an index. At each stop there are two cases.",
        "If this piece and the next one are the pair, append the glued piece and go on by two; otherwise append this piece and go on by one.",
        "`while i < len(pieces):` with an `if` that first makes sure that there is a next piece. Build a new list; leave the given one alone.",
    ],
)

# %% [markdown]
# `pieces` is one word as a list of strings, `pair` a tuple of two strings. Return the word as a new list in which the pair is glued wherever it stands, found from left to right.
#
# `merge(["c", "a", "r", "c", "a", "t"], ("c", "a"))` is `["ca", "r", "ca", "t"]`. A letter can be glued once only: with the pair `("o", "o")`, the word `o o o` becomes `oo o`. Compare whole pieces: `("t", "a")` does not stand in `["st", "ar"]`.

# %%
def merge(pieces: list[str], pair: tuple[str, str]) -> list[str]:
    """The word with the pair glued, left to right."""
    ### BEGIN SOLUTION
    glued = []
    i = 0
    while i < len(pieces):
        if tuple(pieces[i : i + 2]) == tuple(pair):
            glued.append(pair[0] + pair[1])
            i += 2
        else:
            glued.append(pieces[i])
            i += 1
    return glued
    ### END SOLUTION

# %%
check("01.2", merge)

# %% only the first occurrence is glued tags=["wrong"]
# hint: How often does it come?
def merge(pieces, pair):
    for i in range(len(pieces) - 1):
        if pieces[i] == pair[0] and pieces[i + 1] == pair[1]:
            return pieces[:i] + [pair[0] + pair[1]] + pieces[i + 2 :]
    return pieces

# %% the walk goes on by one piece after gluing, not by two tags=["wrong"]
# hint: Where is the second half of the pair after gluing?
def merge(pieces, pair):
    out = []
    for i in range(len(pieces)):
        if i + 1 < len(pieces) and (pieces[i], pieces[i + 1]) == pair:
            out.append("".join(pair))
        else:
            out.append(pieces[i])
    return out

# %% a last piece that is not glued gets lost tags=["wrong"]
# hint: Try a word in which the pair does not occur.
def merge(pieces, pair):
    out, i = [], 0
    while i + 1 < len(pieces):
        if (pieces[i], pieces[i + 1]) == pair:
            out += ["".join(pair)]
            i += 2
        else:
            out += [pieces[i]]
            i += 1
    return out

# %% the text is searched, so that halves of larger pieces are glued tags=["wrong"]
# hint: Compare whole pieces, not letters.
def merge(pieces, pair):
    text = " ".join(pieces)
    return text.replace(f"{pair[0]} {pair[1]}", pair[0] + pair[1]).split()

# %% gluing goes from right to left tags=["wrong"]
# hint: Try a run of three equal letters.
def merge(pieces, pair):
    left = list(pieces)
    for i in range(len(left) - 2, -1, -1):
        if tuple(left[i : i + 2]) == pair:
            left[i : i + 2] = [pair[0] + pair[1]]
    return left

# %% an input is changed in place tags=["wrong"]
def merge(pieces, pair):
    i = 0
    while i < len(pieces) - 1:
        if pieces[i] == pair[0] and pieces[i + 1] == pair[1]:
            pieces[i] += pieces.pop(i + 1)
        i += 1
    return pieces

# %% any two pieces that spell the same are glued tags=["wrong"]
# hint: The pair (st, ar) is not the pair (sta, r).
def merge(pieces, pair):
    glued = pair[0] + pair[1]
    done, i = [], 0
    while i < len(pieces):
        if i + 1 < len(pieces) and pieces[i] + pieces[i + 1] == glued:
            done.append(glued)
            i += 2
        else:
            done.append(pieces[i])
            i += 1
    return done

# %% the pair is glued in either order tags=["wrong"]
# hint: Is (a, n) the same as (n, a)?
def merge(pieces, pair):
    done, i = [], 0
    while i < len(pieces):
        if i + 1 < len(pieces) and sorted(pieces[i : i + 2]) == sorted(pair):
            done.append(pieces[i] + pieces[i + 1])
            i += 2
        else:
            done.append(pieces[i])
            i += 1
    return done

# %% only the left half of the pair is compared tags=["wrong"]
# hint: Both halves must fit.
def merge(pieces, pair):
    done, i = [], 0
    while i < len(pieces):
        if i + 1 < len(pieces) and pieces[i] == pair[0]:
            done.append(pieces[i] + pieces[i + 1])
            i += 2
        else:
            done.append(pieces[i])
            i += 1
    return done

# %% in a run of equal letters one letter is used twice tags=["wrong"]
# hint: A letter can be glued once only.
def merge(pieces, pair):
    done = []
    for i, piece in enumerate(pieces):
        if i and (pieces[i - 1], piece) == tuple(pair):
            done[-1] = pair[0] + pair[1]
        else:
            done.append(piece)
    return done

# %% it is enough that one half of the pair fits tags=["wrong"]
# hint: Both halves must fit.
def merge(pieces, pair):
    done, i = [], 0
    while i < len(pieces):
        if i + 1 < len(pieces) and (pieces[i] == pair[0] or pieces[i + 1] == pair[1]):
            done.append(pieces[i] + pieces[i + 1])
            i += 2
        else:
            done.append(pieces[i])
            i += 1
    return done

# %% all letters are put together and cut at the pair only tags=["wrong"]
# hint: All other pieces stay as they are.
def merge(pieces, pair):
    glued = pair[0] + pair[1]
    return "".join(pieces).replace(glued, f" {glued} ").split()

# %% the piece after the last one is asked for tags=["wrong"]
# hint: Has every piece a right neighbour?
def merge(pieces, pair):
    done, i = [], 0
    while i < len(pieces):
        match = (pieces[i], pieces[i + 1]) == tuple(pair)
        done.append(pair[0] + pair[1] if match else pieces[i])
        i += 2 if match else 1
    return done

# %% a glued piece is glued again when it ends like the left half tags=["wrong"]
# hint: Compare whole pieces of the given word.
def merge(pieces, pair):
    done = []
    for piece in pieces:
        if done and done[-1].endswith(pair[0]) and piece == pair[1]:
            done[-1] += piece
        else:
            done.append(piece)
    return done

# %% only the last occurrence is glued tags=["wrong"]
# hint: How often does it come?
def merge(pieces, pair):
    for i in range(len(pieces) - 2, -1, -1):
        if (pieces[i], pieces[i + 1]) == tuple(pair):
            return [*pieces[:i], pair[0] + pair[1], *pieces[i + 2 :]]
    return list(pieces)

# %% pieces are taken two by two, so that a letter is used twice and the last one lost tags=["wrong"]
# hint: After gluing, where does the walk go on? And what becomes of the last piece?
def merge(pieces, pair):
    return [a + b if (a, b) == tuple(pair) else a for a, b in zip(pieces, pieces[1:])]

# %% tags=["exercise"]
EXERCISE = dict(
    id="01.3",
    title="A bag of words without its padding",
    points=2,
    minutes=10,
    difficulty="medium",
    goal="Average over the tokens of each caption and over nothing else.",
    hints=[
        "For each caption, which places hold its tokens? Make a table of ones and zeros that says so, one row for each caption.",
        "`torch.arange(row length)` compared with `lengths[:, None]` gives that table in one line. What must the sum be divided by?",
        "Give the table a third axis, multiply it with the vectors, sum over axis 1, divide by the lengths as a column.",
    ],
)

# %% [markdown]
# `vectors` is (B, L, W): for each of B captions, a row of L places with W numbers each. `lengths` is (B,), whole numbers: caption *i* has its tokens, SOT and EOT included, at the first `lengths[i]` places; what follows is padding and may hold any numbers.
#
# Return (B, W): for each caption the mean of the vectors of its tokens. Let the gradient flow.

# %%
def bag_of_words(vectors: torch.Tensor, lengths: torch.Tensor) -> torch.Tensor:
    """(B, L, W) and (B,) -> (B, W)."""
    ### BEGIN SOLUTION
    places = torch.arange(vectors.shape[1])  # (L,)
    inside = places < lengths[:, None]  # (B, L)
    total = (vectors * inside[:, :, None]).sum(dim=1)  # (B, W)
    return total / lengths[:, None]
    ### END SOLUTION

# %%
check("01.3", bag_of_words)

# %% the padding is averaged in tags=["wrong"]
# hint: Which positions of a row belong to the caption?
def bag_of_words(vectors, lengths):
    return vectors.mean(dim=1)

# %% the sum is divided by the length of the row tags=["wrong"]
# hint: How many vectors were added up?
def bag_of_words(vectors, lengths):
    inside = torch.arange(vectors.shape[1])[None] < lengths[:, None]
    return (vectors * inside.unsqueeze(-1)).mean(dim=1)

# %% the last token of each caption is left out tags=["wrong"]
# hint: A caption of n tokens has the positions 0 to n - 1.
def bag_of_words(vectors, lengths):
    return torch.stack([row[: n - 1].mean(dim=0) for row, n in zip(vectors, lengths)])

# %% one position of padding is added in tags=["wrong"]
# hint: A caption of n tokens has the positions 0 to n - 1.
def bag_of_words(vectors, lengths):
    places = torch.arange(vectors.shape[1])
    inside = (places[None, :] <= lengths[:, None]).to(vectors.dtype)
    return torch.einsum("bl,blw->bw", inside, vectors) / lengths[:, None]

# %% every caption is cut at the longest one tags=["wrong"]
# hint: Each row has its own length.
def bag_of_words(vectors, lengths):
    return vectors[:, : lengths.max()].mean(dim=1)

# %% tags=["exercise"]
EXERCISE = dict(
    id="01.4",
    title="The causal mask",
    points=3,
    minutes=12,
    difficulty="medium",
    goal="Hide the future before the softmax, so that each row still sums to 1.",
    hints=[
        "Row i asks, column j is looked at. Which entries of the matrix are the future: above or below the diagonal?",
        "`torch.triu` with its second argument makes the triangle; `masked_fill` puts minus infinity there. The softmax comes after.",
        "A (L, L) mask of booleans is enough: it is stretched over captions and heads by itself. Along which axis do the weights of one asking token lie?",
    ],
)

# %% [markdown]
# `scores` is (B, H, L, L): for each caption and head, entry *i, j* says how well the query of token *i* meets the key of token *j*. The scores are ready to use, already divided by the root of the channels.
#
# Return the attention weights, in the same shape: no token looks at a later one, and the weights of each asking token sum to 1. It must hold for scores of a thousand as well. Let the gradient flow.

# %%
def causal_weights(scores: torch.Tensor) -> torch.Tensor:
    """(B, H, L, L) scores -> (B, H, L, L) weights."""
    ### BEGIN SOLUTION
    length = scores.shape[-1]
    future = torch.ones(length, length, dtype=torch.bool).triu(1)  # (L, L)
    return scores.masked_fill(future, float("-inf")).softmax(dim=-1)
    ### END SOLUTION

# %%
check("01.4", causal_weights)

# %% a token may not see itself tags=["wrong"]
# hint: What can SOT see?
def causal_weights(scores):
    keep = torch.tril(torch.ones_like(scores), -1)
    return torch.softmax(scores.masked_fill(keep == 0, float("-inf")), -1)

# %% the earlier tokens are hidden, not the later ones tags=["wrong"]
# hint: Row i asks, column j is looked at: which of the two triangles is the future?
def causal_weights(scores):
    keep = torch.triu(torch.ones_like(scores))
    return torch.softmax(scores.masked_fill(keep == 0, float("-inf")), -1)

# %% the softmax runs down the columns tags=["wrong"]
# hint: The weights of one token that asks sum to 1.
def causal_weights(scores):
    L = scores.shape[-1]
    mask = torch.full((L, L), float("-inf"), dtype=scores.dtype).triu(1)
    return torch.softmax(scores + mask, dim=2)

# %% the mask comes after the softmax tags=["wrong"]
# hint: Do the rows still sum to 1?
def causal_weights(scores):
    return torch.softmax(scores, dim=-1).tril()

# %% hidden scores are set to 0, not to minus infinity tags=["wrong"]
# hint: What is e to the power of 0?
def causal_weights(scores):
    return torch.softmax(scores.tril(), dim=-1)

# %% zero is multiplied by minus infinity tags=["wrong"]
# hint: Fill the hidden entries; what is 0 times infinity?
def causal_weights(scores):
    L = scores.shape[-1]
    return torch.softmax(scores + torch.ones(L, L).triu(1) * float("-inf"), dim=-1)

# %% the later weights are taken out after the softmax and the rest is scaled up tags=["wrong"]
# hint: What is left of a row when a hidden score is a thousand?
def causal_weights(scores):
    weights = scores.softmax(dim=-1).tril()
    return weights / weights.sum(dim=-1, keepdim=True)

# %% e is raised to the scores without subtracting the largest one first tags=["wrong"]
# hint: How large is e to the power of a thousand?
def causal_weights(scores):
    e = scores.exp().tril()
    return e / e.sum(dim=-1, keepdim=True)

# %% all tokens so far get the same weight tags=["wrong"]
# hint: What are the scores for?
def causal_weights(scores):
    seen = torch.ones_like(scores).tril()
    return seen / seen.sum(dim=-1, keepdim=True)

# %% tags=["exercise"]
EXERCISE = dict(
    id="01.5",
    title="Read at EOT, when EOT is an ordinary id",
    points=3,
    minutes=12,
    difficulty="medium",
    goal="Find the end of each caption without relying on the largest id or on the padding.",
    hints=[
        "Where in each row does `eot` stand for the first time? Begin with a table of True and False.",
        "`argmax` of a row of zeros and ones gives the first one. It wants numbers, not booleans.",
        "With the places in `where`, (B,), take `x[rows, where]`, where `rows` counts the captions from 0.",
    ],
)

# %% [markdown]
# The lesson's tower finds EOT by `argmax` over the ids, because its EOT is the largest. Other tokenizers give EOT an ordinary id, and some pad with EOT itself.
#
# `x` is (B, L, W): the vectors that the last block left at each place. `tokens` is (B, L), the ids. `eot` is the id of EOT: each row holds it at least once; what stands after the **first** one is padding, which may be 0, EOT again or anything else.
#
# Return (B, W): the vector of each caption at its first EOT. Let the gradient flow.

# %%
def read_at_eot(x: torch.Tensor, tokens: torch.Tensor, eot: int) -> torch.Tensor:
    """(B, L, W), (B, L) and an id -> (B, W)."""
    ### BEGIN SOLUTION
    where = (tokens == eot).int().argmax(dim=1)  # (B,), the first place of each row
    return x[torch.arange(len(x)), where]
    ### END SOLUTION

# %%
check("01.5", read_at_eot)

# %% the largest id is taken for EOT tags=["wrong"]
# hint: Here EOT is not the largest id.
def read_at_eot(x, tokens, eot):
    return x[torch.arange(x.shape[0]), tokens.argmax(dim=-1)]

# %% the last EOT is read, not the first tags=["wrong"]
# hint: Here a row may be padded with EOT.
def read_at_eot(x, tokens, eot):
    return torch.stack([row[(ids == eot).nonzero()[-1, 0]] for row, ids in zip(x, tokens)])

# %% the last position of the row is read tags=["wrong"]
# hint: What is at the end of a short caption's row?
def read_at_eot(x, tokens, eot):
    return x[:, -1, :]

# %% the tokens that are not EOT are counted, padding too tags=["wrong"]
# hint: Padding need not be EOT.
def read_at_eot(x, tokens, eot):
    lengths = (tokens != eot).sum(dim=1)
    return x[torch.arange(len(x)), lengths.clamp(max=x.shape[1] - 1)]

# %% every caption is read where each of the others ends tags=["wrong"]
# hint: Index the rows and the positions together.
def read_at_eot(x, tokens, eot):
    where = (tokens == eot).float().argmax(dim=1)
    return x[:, where]

# %% the mean from SOT to EOT is taken tags=["wrong"]
# hint: That is the bag of words; here one position is read.
def read_at_eot(x, tokens, eot):
    rows = []
    for row, ids in zip(x, tokens):
        end = ids.tolist().index(eot)
        rows.append(row[: end + 1].mean(dim=0))
    return torch.stack(rows)

# %% tags=["exercise"]
EXERCISE = dict(
    id="01.6",
    title="How large should a vocabulary be?",
    kind="investigate",
    points=4,
    minutes=15,
    difficulty="hard",
    goal="Weigh what a merge buys against what it costs, on texts that were not used to learn it.",
    hints=[
        "Learn once, with the largest vocabulary. A smaller one is the first part of its merges: `Tokenizer(big.merges[:n])`.",
        "Measure at least two things that pull in opposite directions: pieces per caption, and rows in the token table that are hardly ever used.",
        "Compare the captions that it was learned on with names that it has not seen. Where do the two curves part?",
    ],
)

# %% [markdown]
# A larger vocabulary makes captions shorter, and the token table longer: with W numbers a row, each merge costs W numbers that must be learned from the captions in which the piece occurs.
#
# How many merges would you make for our captions, for a tower that is 128 numbers wide, as ours is? Measure at least two quantities at five or more sizes, on the training captions **and** on the names of a family that is held out. Report in at most ten lines, with a table or a figure, and name one thing that could make your conclusion wrong.
#
# The cell below gives you the texts and a first measurement. Change it.

# %%
from clipedu.pairs import FIRST_EDITION, all_captions, load_icons
from clipedu.tokenizer import Tokenizer

captions = all_captions(load_icons(FIRST_EDITION))
unseen = sorted({icon.name.lower() for icon in load_icons(["lucide"])})
big = Tokenizer.train(captions, 4096)
for merges in (0, 500):
    small = Tokenizer(big.merges[:merges])
    pieces = sum(len(small.encode(name)) for name in unseen) / len(unseen)
    print(f"{merges} merges: {pieces:.2f} pieces per unseen name")

# %% [markdown] tags=["answer"]
# | merges | pieces per training text | pieces per Lucide name | pieces seen under 50 times | numbers to learn |
# |---|---|---|---|---|
# | 0 | 17.1 | 11.1 | 0 % | 0 |
# | 250 | 7.2 | 5.6 | 3 % | 32,000 |
# | 500 | 6.1 | 4.6 | 5 % | 64,000 |
# | 1000 | 5.1 | 3.8 | 11 % | 128,000 |
# | 2000 | 4.4 | 3.1 | 21 % | 256,000 |
# | 3838 | 3.9 | 2.6 | 69 % | 491,264 |
#
# The first 1,000 merges shorten a training text by 12 pieces, the next 2,838 by 1.3 more, for nearly three times the numbers. Names of a family that was not used gain in the same way, because they are mostly made of words that were. Their new words are the exception: a word that no caption had still takes 2.6 pieces at the end, down from 3.2 at 1,000 merges.
# Past 2,000 merges most new rows belong to pieces seen under 50 times, which can hardly be learned. I would take about 2,000: half a piece more per text than the largest vocabulary, half the table, one row in five rare.
# What could make this wrong: pieces are counted, not accuracy. A longer row costs a short tower little, and a rare word that is whole may be easier to learn than its parts. To find out, train one recipe with 1,000, 2,000 and 4,096 ids and several seeds, and compare zero-shot accuracy.

# %% [markdown] tags=["rubric"]
# * 1 point: two or more quantities that pull in opposite directions, at five or more sizes, in a table or figure with units.
# * 1 point: training captions and unseen names are measured apart, and the difference is read.
# * 1 point: a choice that follows from the numbers, with the cost in learned numbers (merges times 128).
# * 1 point: something that could make the conclusion wrong, and how one would find out.
