# %% [markdown]
# # Exercises 01 · Words to vectors
#
# These exercises go with [the lesson on words and vectors](../notebooks/01_words_to_vectors.ipynb) and follow its order. Nine of them are parts of `my_clip.py`, your own CLIP: together they make a complete tokenizer and a complete text encoder. When the check of such a part passes, your answer is copied into `my_clip.py`, so a part has to run with the imports of the first cell below and with the earlier parts.
#
# Each check says what it found; when it recognizes the mistake, it names it. `hint("01.2")` shows one more hint each time you run it, `solution("01.2")` opens after you have passed, `progress()` shows what is done, and `reset("01.2")` starts an exercise over. Nothing leaves this machine.
#
# Plan about four hours in total. Exercise 01.7 alone takes about one.

# %%
import math
import unicodedata
from collections import Counter, defaultdict
from itertools import islice, pairwise

import regex
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from clipedu_classroom import check, give_up, hint, progress, reset, solution

# %% tags=["exercise"]
EXERCISE = dict(
    id="01.1",
    title="Four merges by hand",
    kind="predict",
    points=2,
    minutes=8,
    difficulty="easy",
    goal="Learn a small vocabulary with pencil and paper, and count again after each merge.",
    hints=[
        "Write each word in letters, one under the other, with its number beside it. Underline a pair wherever it occurs.",
        "The count of a pair is the sum of the numbers of the words in which it occurs.",
        "After a merge, write all words again with the new symbol in one box, then count again. Four rounds give four symbols.",
    ],
)

# %% [markdown]
# A text contains five words, this often:
#
# | word | pen | pencil | open | nail | snail |
# |---|---|---|---|---|---|
# | times | 6 | 2 | 3 | 4 | 1 |
#
# Start from single letters and make four merges, as in section 2 of the lesson. If two pairs have the same count, take the one that is alphabetically first (compare the left symbols, then the right ones).
#
# Write the symbol that each merge makes as one string, such as `"ar"`.

# %%
### BEGIN SOLUTION
first = "en"  # e+n and p+e both occur 11 times
second = "pen"  # p+en, 11 times: p+e is gone
third = "il"  # 7 times
fourth = "ail"  # a+il and n+a both occur 5 times
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

# %% a pair is written apart, where the merged symbol was asked for tags=["wrong"]
first, second, third, fourth = "e+n", "p+en", "i+l", "a+il"

# %% the fourth merge joins letters that an earlier merge has used tags=["wrong"]
first, second, third, fourth = "en", "pen", "il", "ai"

# %% tags=["exercise"]
EXERCISE = dict(
    id="01.2",
    title="Merge one pair",
    my_clip="clipedu.tokenizer.bpe",
    points=2,
    minutes=8,
    difficulty="easy",
    goal="Write the step that turns counts into a vocabulary, without merging too much or too little.",
    hints=[
        "Walk along the symbols with an index. At each stop there are two cases.",
        "If this symbol and the next one are the pair, append the merged symbol and go on by two; otherwise append this symbol and go on by one.",
        "`while i < len(symbols):` and inside it an `if` that compares two symbols at once. A slice never reaches past the end.",
    ],
)

# %% [markdown]
# `symbols` is one word as a tuple of symbols, and `pair` is a tuple of two symbols. Symbols are strings or bytes; `+` joins two of either kind. Return the word as a new tuple in which the pair is merged wherever it occurs, found from left to right.
#
# `merge_pair(("c", "a", "r", "c", "a", "t"), ("c", "a"))` is `("ca", "r", "ca", "t")`. A symbol can be merged only once: with the pair `("o", "o")`, the word `o o o` becomes `oo o`. Compare whole symbols: `("t", "a")` does not occur in `("st", "ar")`.

# %%
def merge_pair(symbols: tuple, pair: tuple) -> tuple:
    """("l", "o", "w"), ("l", "o") -> ("lo", "w"): join every occurrence, from left to right."""
    ### BEGIN SOLUTION
    merged = []
    i = 0
    while i < len(symbols):
        if symbols[i : i + 2] == pair:
            merged.append(pair[0] + pair[1])
            i += 2
        else:
            merged.append(symbols[i])
            i += 1
    return tuple(merged)
    ### END SOLUTION

# %%
check("01.2", merge_pair)

# %% only the first occurrence is merged tags=["wrong"]
# hint: How often does it come?
def merge_pair(symbols, pair):
    for i in range(len(symbols) - 1):
        if symbols[i] == pair[0] and symbols[i + 1] == pair[1]:
            return symbols[:i] + (pair[0] + pair[1],) + symbols[i + 2 :]
    return symbols

# %% the walk goes on by one symbol after merging, not by two tags=["wrong"]
# hint: Where is the second half of the pair after merging?
def merge_pair(symbols, pair):
    out = []
    for i in range(len(symbols)):
        if i + 1 < len(symbols) and (symbols[i], symbols[i + 1]) == pair:
            out.append(pair[0] + pair[1])
        else:
            out.append(symbols[i])
    return tuple(out)

# %% a last symbol that is not merged gets lost tags=["wrong"]
# hint: Try a word in which the pair does not occur.
def merge_pair(symbols, pair):
    out, i = [], 0
    while i + 1 < len(symbols):
        if (symbols[i], symbols[i + 1]) == pair:
            out += [pair[0] + pair[1]]
            i += 2
        else:
            out += [symbols[i]]
            i += 1
    return tuple(out)

# %% the halves are joined as strings, which bytes are not tags=["wrong"]
# hint: The tokenizer of 01.9 merges bytes; + joins those, too.
def merge_pair(symbols, pair):
    done, i = [], 0
    while i < len(symbols):
        if symbols[i : i + 2] == pair:
            done.append("".join(pair))
            i += 2
        else:
            done.append(symbols[i])
            i += 1
    return tuple(done)

# %% the text is searched, so that halves of larger symbols are merged tags=["wrong"]
# hint: Compare whole symbols, not letters.
def merge_pair(symbols, pair):
    text = " ".join(symbols)
    return tuple(text.replace(f"{pair[0]} {pair[1]}", pair[0] + pair[1]).split())

# %% merging goes from right to left tags=["wrong"]
# hint: Try a run of three equal letters.
def merge_pair(symbols, pair):
    left = list(symbols)
    for i in range(len(left) - 2, -1, -1):
        if tuple(left[i : i + 2]) == pair:
            left[i : i + 2] = [pair[0] + pair[1]]
    return tuple(left)

# %% any two symbols that spell the same are merged tags=["wrong"]
# hint: The pair (st, ar) is not the pair (sta, r).
def merge_pair(symbols, pair):
    joined = pair[0] + pair[1]
    done, i = [], 0
    while i < len(symbols):
        if i + 1 < len(symbols) and symbols[i] + symbols[i + 1] == joined:
            done.append(joined)
            i += 2
        else:
            done.append(symbols[i])
            i += 1
    return tuple(done)

# %% the pair is merged in either order tags=["wrong"]
# hint: Is (a, n) the same as (n, a)?
def merge_pair(symbols, pair):
    done, i = [], 0
    while i < len(symbols):
        if i + 1 < len(symbols) and sorted(symbols[i : i + 2]) == sorted(pair):
            done.append(symbols[i] + symbols[i + 1])
            i += 2
        else:
            done.append(symbols[i])
            i += 1
    return tuple(done)

# %% only the left half of the pair is compared tags=["wrong"]
# hint: Both halves must fit.
def merge_pair(symbols, pair):
    done, i = [], 0
    while i < len(symbols):
        if i + 1 < len(symbols) and symbols[i] == pair[0]:
            done.append(symbols[i] + symbols[i + 1])
            i += 2
        else:
            done.append(symbols[i])
            i += 1
    return tuple(done)

# %% in a run of equal letters one letter is used twice tags=["wrong"]
# hint: A letter can be merged only once.
def merge_pair(symbols, pair):
    done = []
    for i, symbol in enumerate(symbols):
        if i and (symbols[i - 1], symbol) == pair:
            done[-1] = pair[0] + pair[1]
        else:
            done.append(symbol)
    return tuple(done)

# %% it is enough that one half of the pair fits tags=["wrong"]
# hint: Both halves must fit.
def merge_pair(symbols, pair):
    done, i = [], 0
    while i < len(symbols):
        if i + 1 < len(symbols) and (symbols[i] == pair[0] or symbols[i + 1] == pair[1]):
            done.append(symbols[i] + symbols[i + 1])
            i += 2
        else:
            done.append(symbols[i])
            i += 1
    return tuple(done)

# %% all letters are put together and cut at the pair only tags=["wrong"]
# hint: All other symbols stay as they are.
def merge_pair(symbols, pair):
    joined = pair[0] + pair[1]
    return tuple("".join(symbols).replace(joined, f" {joined} ").split())

# %% the symbol after the last one is asked for tags=["wrong"]
# hint: Has every symbol a right neighbor?
def merge_pair(symbols, pair):
    done, i = [], 0
    while i < len(symbols):
        match = (symbols[i], symbols[i + 1]) == pair
        done.append(pair[0] + pair[1] if match else symbols[i])
        i += 2 if match else 1
    return tuple(done)

# %% a merged symbol is merged again when it ends like the left half tags=["wrong"]
# hint: Compare whole symbols of the given word.
def merge_pair(symbols, pair):
    done = []
    for symbol in symbols:
        if done and done[-1].endswith(pair[0]) and symbol == pair[1]:
            done[-1] += symbol
        else:
            done.append(symbol)
    return tuple(done)

# %% only the last occurrence is merged tags=["wrong"]
# hint: How often does it come?
def merge_pair(symbols, pair):
    for i in range(len(symbols) - 2, -1, -1):
        if symbols[i : i + 2] == pair:
            return (*symbols[:i], pair[0] + pair[1], *symbols[i + 2 :])
    return symbols

# %% symbols are taken two by two, so that a letter is used twice and the last one lost tags=["wrong"]
# hint: After merging, where does the walk go on? And what becomes of the last symbol?
def merge_pair(symbols, pair):
    return tuple(a + b if (a, b) == pair else a for a, b in zip(symbols, symbols[1:]))

# %% the word comes back as a list, which can't be the key of a dictionary tags=["wrong"]
def merge_pair(symbols, pair):
    from clipedu.tokenizer.bpe import merge_pair

    return list(merge_pair(symbols, pair))

# %% tags=["exercise"]
EXERCISE = dict(
    id="01.7",
    title="Learn merges without counting everything again",
    my_clip="clipedu.tokenizer.bpe",
    points=6,
    minutes=60,
    difficulty="hard",
    goal="Turn an algorithm that looks at every word for every merge into one that visits only the words that change.",
    hints=[
        "Which counts change when one word is cut differently? Only those of the pairs in its old form and in its new form.",
        "Keep three tables: pair -> count, pair -> set of the words that hold it, word -> its symbols today. Fill them once, before the first merge.",
        "For each word that holds the best pair: subtract the word's number from the counts of all pairs of its old form, add it to those of its new form, and note the word under its new pairs.",
        "A count of 0 must never win, and `max` of an empty table raises. Take pairs out of the table of counts when they reach 0. If one scan for the best pair takes you too long, a heap (`heapq`) gives it without scanning.",
    ],
)

# %% [markdown]
# The lesson's `learn` counts every pair of every word again for each merge. On our captions that takes minutes for 3,838 merges. Yet one merge changes only the words that hold the pair, and they are a small part of all words. Write a version that visits only those.
#
# * `words` maps each word, a tuple of symbols, to the number of times it occurs. Leave it unchanged.
# * Yield `(pair, count)` for one merge after the other: the most frequent pair and its count at that moment. Of pairs with equal counts, take the one that compares smallest with `<`.
# * Stop when the best count is below `least`, or when no pair is left. (A pair that occurs once saves nothing, so `least` is 2 unless the caller says otherwise.)
#
# The check compares your merges with the obvious algorithm's. It also counts how often symbols are hashed or compared while you learn 60 merges from 1,000 random words: the lesson's version needs about 3,900,000 such operations, and yours may use 770,000. You can use `merge_pair`.

# %%
from clipedu.tokenizer.bpe import merge_pair  # or your own

# %%
def train_steps(words, *, least=2):
    """Yield (pair, count), the most frequent pair first, of ties the alphabetically first.

    words: tuple of symbols -> how often it occurs. Stops below `least` occurrences.
    """
    ### BEGIN SOLUTION
    counts = Counter()  # pair -> how often it occurs
    holders = defaultdict(set)  # pair -> the words that hold it
    cut = {word: word for word in words}  # word -> its symbols today
    for word, times in words.items():
        for pair in pairwise(word):
            counts[pair] += times
            holders[pair].add(word)
    while counts and (most := max(counts.values())) >= least:
        best = min(pair for pair, count in counts.items() if count == most)
        yield best, most
        for word in holders.pop(best):  # only these words change
            old, new = cut[word], merge_pair(cut[word], best)
            for pair in pairwise(old):
                counts[pair] -= words[word]
            for pair in pairwise(new):
                counts[pair] += words[word]
                holders[pair].add(word)
            for pair in pairwise(old):
                if counts[pair] == 0:  # gone, so that it is not scanned again
                    del counts[pair]
            cut[word] = new
    ### END SOLUTION

# %%
check("01.7", train_steps)

# %% each word is counted once, however often it occurs tags=["wrong"]
# hint: A pair occurs as often as its words do.
def train_steps(words, *, least=2):
    cut = dict.fromkeys(words, 1)
    while True:
        counts = Counter(pair for word in cut for pair in pairwise(word))
        if not counts or max(counts.values()) < least:
            return
        best = min(counts, key=lambda pair: (-counts[pair], pair))
        yield best, counts[best]
        cut = {merge_pair(word, best): 1 for word in cut}

# %% of equal counts the pair that was met first is taken tags=["wrong"]
# hint: `most_common` and max do not look at the pairs when counts are equal.
def train_steps(words, *, least=2):
    while True:
        counts = Counter()
        for word, times in words.items():
            for pair in pairwise(word):
                counts[pair] += times
        if not counts or counts.most_common(1)[0][1] < least:
            return
        best, most = counts.most_common(1)[0]
        yield best, most
        merged = Counter()
        for word, times in words.items():
            merged[merge_pair(word, best)] += times
        words = merged

# %% of equal counts the alphabetically last pair is taken tags=["wrong"]
# hint: Which of two pairs does min return?
def train_steps(words, *, least=2):
    while True:
        counts = Counter()
        for word, times in words.items():
            for pair in pairwise(word):
                counts[pair] += times
        if not counts or max(counts.values()) < least:
            return
        best = max(counts, key=lambda pair: (counts[pair], pair))
        yield best, counts[best]
        merged = Counter()
        for word, times in words.items():
            merged[merge_pair(word, best)] += times
        words = merged

# %% the counts are taken once, at the start tags=["wrong"]
# hint: What becomes of the neighbors of a merged pair?
def train_steps(words, *, least=2):
    counts = Counter()
    for word, times in words.items():
        for pair in pairwise(word):
            counts[pair] += times
    for pair in sorted(counts, key=lambda pair: (-counts[pair], pair)):
        if counts[pair] >= least:
            yield pair, counts[pair]

# %% the old neighbors of a merged pair keep their counts tags=["wrong"]
# hint: After a merge the pairs of the word's old form occur less often.
def train_steps(words, *, least=2):
    counts, holders, cut = Counter(), defaultdict(set), {word: word for word in words}
    for word, times in words.items():
        for pair in pairwise(word):
            counts[pair] += times
            holders[pair].add(word)
    while counts and max(counts.values()) >= least:
        best = min(counts, key=lambda pair: (-counts[pair], pair))
        yield best, counts.pop(best)
        for word in holders.pop(best):
            old = set(pairwise(cut[word]))
            cut[word] = merge_pair(cut[word], best)
            for pair in pairwise(cut[word]):
                if pair not in old:
                    counts[pair] += words[word]
                    holders[pair].add(word)

# %% the pairs that a merge creates are never counted tags=["wrong"]
# hint: Which pairs does the new form of a word have?
def train_steps(words, *, least=2):
    counts, holders, cut = Counter(), defaultdict(set), {word: word for word in words}
    for word, times in words.items():
        for pair in pairwise(word):
            counts[pair] += times
            holders[pair].add(word)
    while counts and max(counts.values()) >= least:
        best = min(counts, key=lambda pair: (-counts[pair], pair))
        yield best, counts[best]
        for word in holders.pop(best):
            old = cut[word]
            cut[word] = merge_pair(old, best)
            for pair in pairwise(old):
                counts[pair] -= words[word]
            for pair in set(pairwise(cut[word])) & set(pairwise(old)):
                counts[pair] += words[word] * list(pairwise(cut[word])).count(pair)
        counts = +counts

# %% words are not noted under the pairs that a merge creates tags=["wrong"]
# hint: Which table tells which words hold a pair, and who keeps it up to date?
def train_steps(words, *, least=2):
    counts, holders, cut = Counter(), defaultdict(set), {word: word for word in words}
    for word, times in words.items():
        for pair in pairwise(word):
            counts[pair] += times
            holders[pair].add(word)
    while counts and max(counts.values()) >= least:
        best = min(counts, key=lambda pair: (-counts[pair], pair))
        yield best, counts.pop(best)
        for word in holders.pop(best, ()):
            for pair in pairwise(cut[word]):
                counts[pair] -= words[word]
            cut[word] = merge_pair(cut[word], best)
            for pair in pairwise(cut[word]):
                counts[pair] += words[word]
        counts = +counts

# %% learning goes on below `least` occurrences tags=["wrong"]
# hint: Compare the best count with `least` before you yield it.
def train_steps(words, *, least=2):
    while True:
        counts = Counter()
        for word, times in words.items():
            for pair in pairwise(word):
                counts[pair] += times
        if not counts:
            return
        best = min(counts, key=lambda pair: (-counts[pair], pair))
        yield best, counts[best]
        merged = Counter()
        for word, times in words.items():
            merged[merge_pair(word, best)] += times
        words = merged

# %% `least` itself is too few tags=["wrong"]
# hint: A pair that occurs exactly `least` times is merged.
def train_steps(words, *, least=2):
    while True:
        counts = Counter()
        for word, times in words.items():
            for pair in pairwise(word):
                counts[pair] += times
        if not counts or max(counts.values()) <= least:
            return
        best = min(counts, key=lambda pair: (-counts[pair], pair))
        yield best, counts[best]
        merged = Counter()
        for word, times in words.items():
            merged[merge_pair(word, best)] += times
        words = merged

# %% the pairs come without their counts tags=["wrong"]
# hint: Yield two things: the pair and its count.
def train_steps(words, *, least=2):
    words = dict(words)
    while True:
        counts, merged = Counter(), Counter()
        for word, times in words.items():
            for pair in pairwise(word):
                counts[pair] += times
        if not counts or max(counts.values()) < least:
            return
        best = min(counts, key=lambda pair: (-counts[pair], pair))
        yield best
        for word, times in words.items():
            merged[merge_pair(word, best)] += times
        words = merged

# %% the counts are negative, as in the heap tags=["wrong"]
# hint: The minus sign is for the heap only.
def train_steps(words, *, least=2):
    words = dict(words)
    while True:
        counts, merged = Counter(), Counter()
        for word, times in words.items():
            for pair in pairwise(word):
                counts[pair] += times
        if not counts or max(counts.values()) < least:
            return
        best = min(counts, key=lambda pair: (-counts[pair], pair))
        yield best, -counts[best]
        for word, times in words.items():
            merged[merge_pair(word, best)] += times
        words = merged

# %% a pair that occurs twice in a word is counted once tags=["wrong"]
# hint: How often does banana hold (a, n)?
def train_steps(words, *, least=2):
    words = dict(words)
    while True:
        counts, merged = Counter(), Counter()
        for word, times in words.items():
            for pair in set(pairwise(word)):
                counts[pair] += times
        if not counts or max(counts.values()) < least:
            return
        best = min(counts, key=lambda pair: (-counts[pair], pair))
        yield best, counts[best]
        for word, times in words.items():
            merged[merge_pair(word, best)] += times
        words = merged

# %% the symbol of a merge is returned, not the pair tags=["wrong"]
# hint: Yield the pair itself, a tuple of two.
def train_steps(words, *, least=2):
    words = dict(words)
    while True:
        counts, merged = Counter(), Counter()
        for word, times in words.items():
            for pair in pairwise(word):
                counts[pair] += times
        if not counts or max(counts.values()) < least:
            return
        best = min(counts, key=lambda pair: (-counts[pair], pair))
        yield best[0] + best[1], counts[best]
        for word, times in words.items():
            merged[merge_pair(word, best)] += times
        words = merged

# %% tags=["exercise"]
EXERCISE = dict(
    id="01.8",
    title="Cut a new word",
    my_clip="clipedu.tokenizer.bpe",
    points=3,
    minutes=10,
    difficulty="medium",
    goal="Apply learned merges in the order in which they were learned.",
    hints=[
        "Of the pairs in the word now, which one was learned first? Merge it everywhere, then look again.",
        "`min` with a key finds it. A pair that was never learned needs a rank that is larger than all others, such as `math.inf`.",
        "Stop when the best pair of the word has no rank, or when only one symbol is left: `min` of nothing raises.",
    ],
)

# %% [markdown]
# `symbols` is one word cut into single letters or bytes, a tuple. `ranks` maps each learned pair to its rank: 0 was learned first. Return the word as a tuple of symbols, with the merges applied as in section 2 of the lesson: the earliest-learned pair that occurs in the word goes first, everywhere in the word, then the next. You can use `merge_pair`.
#
# With the eleven merges of the lesson, *fistar* becomes `("fi", "star")`.

# %%
from clipedu.tokenizer.bpe import merge_pair  # or your own

# %%
def encode_word(symbols: tuple, ranks: dict) -> tuple:
    """Cut one word: apply the merges in the order they were learned. ranks: pair -> order."""
    ### BEGIN SOLUTION
    while len(symbols) > 1:
        best = min(pairwise(symbols), key=lambda pair: ranks.get(pair, math.inf))
        if best not in ranks:
            break
        symbols = merge_pair(symbols, best)
    return symbols
    ### END SOLUTION

# %%
check("01.8", encode_word)

# %% the leftmost known pair is merged first, not the one learned first tags=["wrong"]
# hint: Try fistar: is f + i or a + r the older merge?
def encode_word(symbols, ranks):
    while found := [pair for pair in pairwise(symbols) if pair in ranks]:
        symbols = merge_pair(symbols, found[0])
    return symbols

# %% the merge learned last goes first tags=["wrong"]
# hint: Training made the merge with rank 0 first.
def encode_word(symbols, ranks):
    while found := [pair for pair in pairwise(symbols) if pair in ranks]:
        symbols = merge_pair(symbols, max(found, key=ranks.get))
    return symbols

# %% the longest known symbol is taken from the left tags=["wrong"]
# hint: Try fistar, step by step, with the merges in their order.
def encode_word(symbols, ranks):
    known = {a + b for a, b in ranks}
    out, i = [], 0
    while i < len(symbols):
        piece, step = symbols[i], 1
        joined = symbols[i]
        for j in range(i + 1, len(symbols)):
            joined += symbols[j]
            if joined in known:
                piece, step = joined, j - i + 1
        out.append(piece)
        i += step
    return tuple(out)

# %% only one merge is made tags=["wrong"]
# hint: After a merge, look for the next.
def encode_word(symbols, ranks):
    found = [pair for pair in pairwise(symbols) if pair in ranks]
    return merge_pair(symbols, min(found, key=ranks.get)) if found else symbols

# %% each known pair of the original letters is merged once, later symbols never tags=["wrong"]
# hint: The result of a merge can be half of the next pair.
def encode_word(symbols, ranks):
    for pair in sorted(set(pairwise(symbols)) & set(ranks), key=ranks.get):
        symbols = merge_pair(symbols, pair)
    return symbols

# %% a word of one letter has no pair to take the smallest of tags=["wrong"]
# hint: What is min of nothing?
def encode_word(symbols, ranks):
    while True:
        best = min(pairwise(symbols), key=lambda pair: ranks.get(pair, math.inf))
        if best not in ranks:
            return symbols
        symbols = merge_pair(symbols, best)

# %% the ids of the symbols are returned, not the symbols tags=["wrong"]
# hint: Ids come in the tokenizer; here a tuple of symbols is asked for.
def encode_word(symbols, ranks):
    while found := [pair for pair in pairwise(symbols) if pair in ranks]:
        symbols = merge_pair(symbols, min(found, key=ranks.get))
    return tuple(ranks.get(symbol, -1) for symbol in symbols)

# %% the earliest merge is made at one position, and later ones go first elsewhere tags=["wrong"]
# hint: A merge is made everywhere in the word before the next one is looked for.
def encode_word(symbols, ranks):
    symbols = list(symbols)
    for a, b in sorted(ranks, key=ranks.get):
        for k in range(len(symbols) - 1):
            if (symbols[k], symbols[k + 1]) == (a, b):
                symbols[k : k + 2] = [a + b]
                break
    return tuple(symbols)

# %% a rank of 0 is taken for no rank tags=["wrong"]
# hint: 0 counts as false: `ranks.get(pair) or math.inf` loses it.
def encode_word(symbols, ranks):
    while found := [pair for pair in pairwise(symbols) if ranks.get(pair)]:
        symbols = merge_pair(symbols, min(found, key=ranks.get))
    return symbols

# %% tags=["exercise"]
EXERCISE = dict(
    id="01.9",
    title="The tokenizer",
    my_clip="clipedu.tokenizer",
    points=5,
    minutes=30,
    difficulty="hard",
    goal="Put words, bytes and merges together into a class that turns captions into rows of ids.",
    hints=[
        "Ids are positions in a list: 256 single bytes first, then the symbol of each merge. A dictionary from symbol to id is that list turned around.",
        "`train`: count the words of all texts with `split_words`, then take as many steps of `train_steps` as ids are missing. `islice` stops a generator.",
        "`encode`: for each word of `split_words(text)`, `encode_word` gives symbols and the dictionary gives their ids.",
        "`__call__`: start from `torch.zeros(..., dtype=torch.int64)`. Build `[SOT, ids, EOT]` as a list; if it is too long, keep the first `context_length - 1` ids and append EOT.",
    ],
)

# %% [markdown]
# Write the four methods of `Tokenizer`. `split_words` is given: it brings the text into Unicode's normal form NFC, cuts it into words with GPT-2's pattern, and each word into single bytes.
#
# * `Tokenizer(merges)` takes pairs of bytes in the order of learning, as a list or any other iterable. Ids 0 to 255 are the bytes, then comes one id per merge in order, then `sot`, then `eot`, the largest. Besides these two, the attributes `merges` (a list) and `vocab_size` (how many ids there are) must exist. The others are yours to choose.
# * `Tokenizer.train(texts, vocab_size)` learns merges from texts with `train_steps`, until there are `vocab_size` ids, SOT and EOT included, and returns a `Tokenizer`.
# * `encode(text)` returns the list of ids of a text, without SOT and EOT.
# * `tokenizer(texts, context_length)` returns an int64 tensor of shape (N, context_length): SOT, ids, EOT, then zeros. If a caption does not fit, raise `ValueError`; with `truncate=True` cut it instead, so that the row still ends with EOT.
#
# Captions repeat their words, so a dictionary that remembers the ids of words already seen makes `encode` many times faster. Make it in `__init__`, because each tokenizer needs its own.

# %%
from clipedu.tokenizer.bpe import encode_word, train_steps  # or your own

# %%
def split_words(text: str) -> list[tuple]:
    """Words as tuples of single bytes, each with the space before it (GPT-2's pattern)."""
    pattern = r"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+"
    words = regex.findall(pattern, unicodedata.normalize("NFC", text))
    return [tuple(bytes([b]) for b in word.encode()) for word in words]


class Tokenizer:
    """Byte-level BPE: ids 0..255 are bytes, then one id a merge, then SOT and EOT."""

    def __init__(self, merges):
        ### BEGIN SOLUTION
        self.merges = list(merges)
        self.ranks = {pair: rank for rank, pair in enumerate(self.merges)}
        self.vocabulary = [bytes([b]) for b in range(256)] + [a + b for a, b in self.merges]
        self.ids = {symbol: i for i, symbol in enumerate(self.vocabulary)}
        self.sot, self.eot = len(self.vocabulary), len(self.vocabulary) + 1
        self.vocab_size = len(self.vocabulary) + 2
        self.cache = {}  # word -> ids: captions repeat their words
        ### END SOLUTION

    @classmethod
    def train(cls, texts, vocab_size):
        """Learn merges from texts until there are `vocab_size` ids."""
        ### BEGIN SOLUTION
        words = Counter(word for text in texts for word in split_words(text))
        return cls(pair for pair, _ in islice(train_steps(words), vocab_size - 258))
        ### END SOLUTION

    def encode(self, text):
        """The ids of a text, without SOT and EOT."""
        ### BEGIN SOLUTION
        ids = []
        for word in split_words(text):
            if word not in self.cache:
                self.cache[word] = [self.ids[piece] for piece in encode_word(word, self.ranks)]
            ids += self.cache[word]
        return ids
        ### END SOLUTION

    def __call__(self, texts, context_length=32, *, truncate=False):
        """N texts -> (N, context_length) int64: SOT, ids, EOT, and zeros as padding."""
        ### BEGIN SOLUTION
        rows = torch.zeros(len(texts), context_length, dtype=torch.int64)
        for row, text in zip(rows, texts):
            ids = [self.sot, *self.encode(text), self.eot]
            if len(ids) > context_length and not truncate:
                raise ValueError(f"{len(ids)} tokens, but {context_length} fit: {text!r}")
            ids = [*ids[:-1][: context_length - 1], self.eot]
            row[: len(ids)] = torch.tensor(ids)
        return rows
        ### END SOLUTION

# %%
check("01.9", Tokenizer)

# %% EOT is cut off together with the end of a long caption tags=["wrong"]
# hint: Where does the text encoder read a caption that was cut?
from clipedu.tokenizer import Tokenizer as Right

class Tokenizer(Right):
    def __call__(self, texts, context_length=32, *, truncate=False):
        rows = torch.zeros(len(texts), context_length, dtype=torch.int64)
        for row, text in zip(rows, texts):
            ids = [self.sot, *self.encode(text), self.eot]
            if len(ids) > context_length and not truncate:
                raise ValueError("too long")
            row[: len(ids)] = torch.tensor(ids[:context_length])
        return rows

# %% a caption that is too long is cut without being asked tags=["wrong"]
# hint: A caption that loses its end silently is a bug that nobody sees.
from clipedu.tokenizer import Tokenizer as Right

class Tokenizer(Right):
    def __call__(self, texts, context_length=32, *, truncate=False):
        return super().__call__(texts, context_length, truncate=True)

# %% a caption that fits exactly is refused tags=["wrong"]
# hint: SOT, the ids and EOT may fill the row to its last position.
from clipedu.tokenizer import Tokenizer as Right

class Tokenizer(Right):
    def __call__(self, texts, context_length=32, *, truncate=False):
        rows = super().__call__(texts, context_length, truncate=truncate)
        if not truncate and any(len(self.encode(text)) + 2 >= context_length for text in texts):
            raise ValueError("too long")
        return rows

# %% the padding is EOT, not 0 tags=["wrong"]
# hint: OpenAI's CLIP pads with zeros; argmax would find the first EOT all the same.
from clipedu.tokenizer import Tokenizer as Right

class Tokenizer(Right):
    def __call__(self, texts, context_length=32, *, truncate=False):
        rows = super().__call__(texts, context_length, truncate=truncate)
        for row in rows:
            row[int(row.argmax()) + 1 :] = self.eot
        return rows

# %% SOT is missing tags=["wrong"]
# hint: What is the first id of every row?
from clipedu.tokenizer import Tokenizer as Right

class Tokenizer(Right):
    def __call__(self, texts, context_length=32, *, truncate=False):
        rows = super().__call__(texts, context_length, truncate=truncate)
        return torch.cat([rows[:, 1:], 0 * rows[:, :1]], dim=1)

# %% SOT has the largest id, not EOT tags=["wrong"]
# hint: The text encoder finds EOT by argmax.
from clipedu.tokenizer import Tokenizer as Right

class Tokenizer(Right):
    def __init__(self, merges):
        super().__init__(merges)
        self.sot, self.eot = self.eot, self.sot

# %% encode adds SOT and EOT itself tags=["wrong"]
# hint: `encode` gives the ids of the text only; a row gets SOT and EOT in __call__.
from clipedu.tokenizer import Tokenizer as Right

class Tokenizer(Right):
    def encode(self, text, name=""):
        return [self.sot, *super().encode(text), self.eot]

    def __call__(self, texts, context_length=32, *, truncate=False):
        return Right(self.merges)(texts, context_length, truncate=truncate)

# %% train learns `vocab_size` merges, without room for bytes and special tokens tags=["wrong"]
# hint: How many ids are there before the first merge?
from clipedu.tokenizer import Tokenizer as Right

class Tokenizer(Right):
    @classmethod
    def train(cls, texts, vocab_size):
        words = Counter(word for text in texts for word in split_words(text))
        return cls(pair for pair, _ in islice(train_steps(words), vocab_size))

def split_words(text):
    pattern = r" ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+"
    return [tuple(bytes([b]) for b in word.encode()) for word in regex.findall(pattern, text)]

# %% train forgets the ids of SOT and EOT tags=["wrong"]
# hint: Besides 256 bytes and the merges there are two more ids.
from clipedu.tokenizer import Tokenizer as Right

class Tokenizer(Right):
    @classmethod
    def train(cls, texts, vocab_size):
        return Right.train(texts, vocab_size + 2)

# %% train counts each different word once tags=["wrong"]
# hint: How often does a word occur in all texts together?
from clipedu.tokenizer import Tokenizer as Right

class Tokenizer(Right):
    @classmethod
    def train(cls, texts, vocab_size):
        pattern = r" ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+"
        words = {word for text in texts for word in regex.findall(pattern, text)}
        return Right.train(sorted(words), vocab_size)

# %% the ids of merges start at 0 and bytes come after them tags=["wrong"]
# hint: Ids 0 to 255 are the bytes.
from clipedu.tokenizer import Tokenizer as Right

class Tokenizer(Right):
    def encode(self, text, name=""):
        count = len(self.merges)
        return [i - 256 if i >= 256 else i + count for i in super().encode(text)]

    def __call__(self, texts, context_length=32, *, truncate=False):
        return Right.__call__(self, texts, context_length, truncate=truncate)

# %% the text is not merged at all: each byte is a token tags=["wrong"]
# hint: `encode_word` applies the merges.
from clipedu.tokenizer import Tokenizer as Right

class Tokenizer(Right):
    def encode(self, text, name=""):
        return list(unicodedata.normalize("NFC", text).encode())

# %% the text is made lower case, which the tokenizer was not asked to do tags=["wrong"]
# hint: Our captions are in lower case already; the tokenizer keeps what it gets.
from clipedu.tokenizer import Tokenizer as Right

class Tokenizer(Right):
    def encode(self, text, name=""):
        return super().encode(text.lower())

# %% the rows hold floats, not whole numbers tags=["wrong"]
# hint: torch.zeros makes floats unless you ask for a dtype; an embedding can't look them up.
from clipedu.tokenizer import Tokenizer as Right

class Tokenizer(Right):
    def __call__(self, texts, context_length=32, *, truncate=False):
        return super().__call__(texts, context_length, truncate=truncate).float()

# %% the rows hold 32-bit numbers tags=["wrong"]
# hint: The rows are to be int64, torch's type for indices.
from clipedu.tokenizer import Tokenizer as Right

class Tokenizer(Right):
    def __call__(self, texts, context_length=32, *, truncate=False):
        return super().__call__(texts, context_length, truncate=truncate).int()

# %% SOT and EOT come before the merges tags=["wrong"]
# hint: Bytes, then merges, then SOT, then EOT.
from clipedu.tokenizer import Tokenizer as Right

class Tokenizer(Right):
    def __init__(self, merges):
        super().__init__(merges)
        self.sot, self.eot = 256, 257

    def encode(self, text, name=""):
        return [i + 2 if i >= 256 else i for i in super().encode(text)]

    def __call__(self, texts, context_length=32, *, truncate=False):
        rows = torch.zeros(len(texts), context_length, dtype=torch.int64)
        for row, text in zip(rows, texts):
            ids = [self.sot, *self.encode(text), self.eot]
            if len(ids) > context_length and not truncate:
                raise ValueError("too long")
            ids = [*ids[:-1][: context_length - 1], self.eot]
            row[: len(ids)] = torch.tensor(ids)
        return rows

# %% EOT is missing tags=["wrong"]
# hint: Where does the text encoder read?
from clipedu.tokenizer import Tokenizer as Right

class Tokenizer(Right):
    def __call__(self, texts, context_length=32, *, truncate=False):
        rows = torch.zeros(len(texts), context_length, dtype=torch.int64)
        for row, text in zip(rows, texts):
            ids = [self.sot, *self.encode(text)]
            if len(ids) > context_length and not truncate:
                raise ValueError("too long")
            ids = ids[:context_length]
            row[: len(ids)] = torch.tensor(ids)
        return rows

# %% vocab_size is one too small tags=["wrong"]
# hint: Ids begin at 0: how many are there when EOT is the largest?
from clipedu.tokenizer import Tokenizer as Right

class Tokenizer(Right):
    def __init__(self, merges):
        super().__init__(merges)
        self.vocab_size = self.eot

# %% a caption that is cut loses one token too many tags=["wrong"]
# hint: With EOT the row is full.
from clipedu.tokenizer import Tokenizer as Right

class Tokenizer(Right):
    def __call__(self, texts, context_length=32, *, truncate=False):
        rows = super().__call__(texts, context_length, truncate=truncate)
        for row, text in zip(rows, texts):
            if len(self.encode(text)) + 2 > context_length:
                row[-2:] = torch.tensor([self.eot, 0])
        return rows

# %% `merges` is read twice, though an iterator gives its pairs only once tags=["wrong"]
# hint: Make a list of it first, and use the list from there on.
from clipedu.tokenizer import Tokenizer as Right

class Tokenizer(Right):
    def __init__(self, merges):
        pairs = list(merges)
        super().__init__(pairs)
        self.merges = list(merges)

# %% tags=["exercise"]
EXERCISE = dict(
    id="01.3",
    title="A bag of words without its padding",
    points=2,
    minutes=10,
    difficulty="medium",
    goal="Average over the tokens of each caption and over nothing else.",
    hints=[
        "For each caption, which positions hold its tokens? Make a table of ones and zeros that says so, one row for each caption.",
        "`torch.arange(row length)` compared with `lengths[:, None]` gives that table in one line. What must the sum be divided by?",
        "Give the table a third axis, multiply it with the vectors, sum over axis 1, divide by the lengths as a column.",
    ],
)

# %% [markdown]
# `vectors` is (B, L, W): for each of B captions, a row of L positions with W numbers each. `lengths` is (B,), whole numbers: caption *i* has its tokens, SOT and EOT included, at its first `lengths[i]` positions. What follows is padding and may contain any numbers.
#
# Return (B, W): for each caption the mean of the vectors of its tokens. It must be differentiable.

# %%
def bag_of_words(vectors: torch.Tensor, lengths: torch.Tensor) -> torch.Tensor:
    """(B, L, W) and (B,) -> (B, W)."""
    ### BEGIN SOLUTION
    positions = torch.arange(vectors.shape[1])  # (L,)
    inside = positions < lengths[:, None]  # (B, L)
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

# %% the vectors are added up, not averaged tags=["wrong"]
# hint: A long caption must not get a longer vector.
def bag_of_words(vectors, lengths):
    return (vectors * (torch.arange(vectors.shape[1]) < lengths[:, None])[..., None]).sum(1)

# %% the last token is left out of the sum but counted tags=["wrong"]
# hint: A caption of n tokens has the positions 0 to n - 1.
def bag_of_words(vectors, lengths):
    return (vectors * (torch.arange(vectors.shape[1]) < (lengths - 1)[:, None])[..., None]).sum(1) / lengths[:, None]

# %% one position of padding is averaged in tags=["wrong"]
# hint: A caption of n tokens has the positions 0 to n - 1.
def bag_of_words(vectors, lengths):
    return torch.stack([row[:n + 1].mean(0) for row, n in zip(vectors, lengths.tolist())])

# %% SOT and EOT are left out tags=["wrong"]
# hint: The lesson's bag runs from SOT to EOT, both included.
def bag_of_words(vectors, lengths):
    return torch.stack([row[1:n - 1].mean(0) for row, n in zip(vectors, lengths.tolist())])

# %% the first token is left out tags=["wrong"]
# hint: SOT counts too.
def bag_of_words(vectors, lengths):
    return torch.stack([row[1:n].mean(0) for row, n in zip(vectors, lengths.tolist())])

# %% every caption is cut at the shortest one tags=["wrong"]
# hint: Each row has its own length.
def bag_of_words(vectors, lengths):
    return vectors[:, :int(lengths.min())].mean(1)

# %% every caption is cut where the first one ends tags=["wrong"]
# hint: Each row has its own length.
def bag_of_words(vectors, lengths):
    return vectors[:, :int(lengths[0])].mean(1)

# %% every sum is divided by the mean length tags=["wrong"]
# hint: Each row has its own length.
def bag_of_words(vectors, lengths):
    return (vectors * (torch.arange(vectors.shape[1]) < lengths[:, None])[..., None]).sum(1) / lengths.to(vectors.dtype).mean()

# %% every sum is divided by the length of the longest caption tags=["wrong"]
# hint: Each row has its own length.
def bag_of_words(vectors, lengths):
    return (vectors * (torch.arange(vectors.shape[1]) < lengths[:, None])[..., None]).sum(1) / lengths.to(vectors.dtype).max()

# %% every sum is divided by the number of tokens in all captions tags=["wrong"]
# hint: Each row has its own length.
def bag_of_words(vectors, lengths):
    return (vectors * (torch.arange(vectors.shape[1]) < lengths[:, None])[..., None]).sum(1) / lengths.to(vectors.dtype).sum()

# %% the sum is divided by the root of the number of tokens tags=["wrong"]
# hint: A mean divides by the number itself.
def bag_of_words(vectors, lengths):
    return (vectors * (torch.arange(vectors.shape[1]) < lengths[:, None])[..., None]).sum(1) / lengths.to(vectors.dtype)[:, None] ** 0.5

# %% the sum is divided by the number of tokens plus one tags=["wrong"]
# hint: How many vectors were added up?
def bag_of_words(vectors, lengths):
    return (vectors * (torch.arange(vectors.shape[1]) < lengths[:, None])[..., None]).sum(1) / (lengths.to(vectors.dtype)[:, None] + 1)

# %% the padding is added in and the sum divided by the number of tokens tags=["wrong"]
# hint: Which positions of a row belong to the caption?
def bag_of_words(vectors, lengths):
    return vectors.sum(1) / lengths[:, None]

# %% the padding is averaged, not the caption tags=["wrong"]
# hint: The caption is at the first positions of its row.
def bag_of_words(vectors, lengths):
    return torch.stack([row[n:].mean(0) for row, n in zip(vectors, lengths.tolist())])

# %% one mean is taken over the tokens of all captions tags=["wrong"]
# hint: Each caption has a mean of its own.
def bag_of_words(vectors, lengths):
    return vectors[(torch.arange(vectors.shape[1]) < lengths[:, None])[..., None][..., 0] > 0].mean(0)

# %% the channels are averaged away too tags=["wrong"]
# hint: The result has W numbers for each caption.
def bag_of_words(vectors, lengths):
    return ((vectors * (torch.arange(vectors.shape[1]) < lengths[:, None])[..., None]).sum(1) / lengths[:, None]).mean(1)

# %% the mean is taken over the channels, not over the positions tags=["wrong"]
# hint: Which axis holds the tokens?
def bag_of_words(vectors, lengths):
    return vectors.mean(-1)

# %% the mean is taken over the captions of the batch tags=["wrong"]
# hint: Which axis holds the tokens?
def bag_of_words(vectors, lengths):
    return vectors.mean(0)

# %% the largest number of each channel is taken, not the mean tags=["wrong"]
# hint: A bag of words is a mean.
def bag_of_words(vectors, lengths):
    return vectors.masked_fill((torch.arange(vectors.shape[1]) < lengths[:, None])[..., None] == 0, float('-inf')).amax(1)

# %% the mean is brought to length 1 tags=["wrong"]
# hint: That comes later, when captions are compared.
def bag_of_words(vectors, lengths):
    return torch.nn.functional.normalize((vectors * (torch.arange(vectors.shape[1]) < lengths[:, None])[..., None]).sum(1) / lengths[:, None], dim=-1)

# %% only the last token is read tags=["wrong"]
# hint: That is how the transformer is read; a bag of words is a mean.
def bag_of_words(vectors, lengths):
    return vectors[torch.arange(len(lengths)), lengths - 1]

# %% the sum is divided by the number of channels tags=["wrong"]
# hint: How many vectors were added up?
def bag_of_words(vectors, lengths):
    return (vectors * (torch.arange(vectors.shape[1]) < lengths[:, None])[..., None]).sum(1) / vectors.shape[2]

# %% the padding is added up and divided by the number of tokens tags=["wrong"]
# hint: Which positions of a row belong to the caption?
def bag_of_words(vectors, lengths):
    return (vectors * (1 - (torch.arange(vectors.shape[1]) < lengths[:, None])[..., None])).sum(1) / lengths[:, None]

# %% the lengths are a row and do not fit the captions tags=["wrong"]
# hint: `lengths[:, None]` is a column.
def bag_of_words(vectors, lengths):
    return (vectors * (torch.arange(vectors.shape[1]) < lengths[:, None])[..., None]).sum(1) / lengths

# %% the median is taken, not the mean tags=["wrong"]
# hint: A bag of words is a mean.
def bag_of_words(vectors, lengths):
    return torch.stack([row[:n].median(0).values for row, n in zip(vectors, lengths.tolist())])

# %% tags=["exercise"]
EXERCISE = dict(
    id="01.10",
    title="Attention with a causal mask",
    my_clip="clipedu.models.transformer",
    points=3,
    minutes=15,
    difficulty="medium",
    goal="Go from one head of one caption to any number of heads and captions at once, with the mask before the softmax.",
    hints=[
        "Only the last two axes take part: `transpose(-2, -1)` swaps them, and `@` multiplies matrices of any number of captions and heads.",
        "Row i asks, column j is looked at. Which entries of the (L, L) matrix are the future: above or below the diagonal? `triu` and `tril` take a second argument.",
        "A (L, L) mask of booleans is enough, because it is broadcast over captions and heads. Fill the scores with minus infinity where it is True, then take the softmax along the last axis.",
    ],
)

# %% [markdown]
# `q`, `k` and `v` are (..., L, D): queries, keys and values of L tokens, for any number of heads and captions in front. Return softmax(q kᵀ / √D) v, of shape (..., L, D). If `causal` is true, no token receives anything from a later one, and the weights of each token still sum to 1. The result must be right for scores of a thousand, too, and it must be differentiable.
#
# `F.scaled_dot_product_attention` computes the same thing in one call. Use it to test your function, and write the function without it.

# %%
def plain_attention(q: Tensor, k: Tensor, v: Tensor, *, causal: bool = False) -> Tensor:
    """softmax(q k^T / sqrt(D)) v: q, k, v (..., L, D) -> (..., L, D)."""
    ### BEGIN SOLUTION
    scores = q @ k.transpose(-2, -1) / math.sqrt(q.shape[-1])  # (..., L, L)
    if causal:  # position i must not see the positions after it
        later = torch.ones(scores.shape[-2:], dtype=torch.bool, device=scores.device).triu(1)
        scores = scores.masked_fill(later, -math.inf)
    return scores.softmax(dim=-1) @ v
    ### END SOLUTION

# %%
check("01.10", plain_attention)

# %% nothing is hidden tags=["wrong"]
# hint: What does causal=True ask for?
def plain_attention(q, k, v, *, causal=False):
    scores = q @ k.transpose(-2, -1) / math.sqrt(q.shape[-1])
    return scores.softmax(dim=-1) @ v

# %% later tokens are hidden without being asked tags=["wrong"]
# hint: An image encoder calls it with causal=False: there every patch sees every other.
def plain_attention(q, k, v, *, causal=False):
    scores = q @ k.transpose(-2, -1) / math.sqrt(q.shape[-1])
    later = torch.ones(scores.shape[-2:], dtype=torch.bool).triu(1)
    return scores.masked_fill(later, -math.inf).softmax(dim=-1) @ v

# %% the earlier tokens are hidden, not the later ones tags=["wrong"]
# hint: Row i asks, column j is looked at: which of the two triangles is the future?
def plain_attention(q, k, v, *, causal=False):
    scores = q @ k.transpose(-2, -1) / math.sqrt(q.shape[-1])
    if causal:
        hidden = torch.ones(scores.shape[-2:], dtype=torch.bool).tril(-1)
        scores = scores.masked_fill(hidden, -math.inf)
    return scores.softmax(dim=-1) @ v

# %% the mask comes after the softmax tags=["wrong"]
# hint: Do the weights of a row still sum to 1?
def plain_attention(q, k, v, *, causal=False):
    weights = (q @ k.transpose(-2, -1) / math.sqrt(q.shape[-1])).softmax(dim=-1)
    return (weights.tril() if causal else weights) @ v

# %% the later weights are taken out after the softmax and the rest is scaled up tags=["wrong"]
# hint: What is left of a row when a hidden score is a thousand?
def plain_attention(q, k, v, *, causal=False):
    weights = (q @ k.transpose(-2, -1) / math.sqrt(q.shape[-1])).softmax(dim=-1)
    weights = weights.tril() if causal else weights
    return weights / weights.sum(dim=-1, keepdim=True) @ v

# %% the softmax runs down the columns tags=["wrong"]
# hint: The weights of one token that asks sum to 1.
def plain_attention(q, k, v, *, causal=False):
    scores = q @ k.transpose(-2, -1) / math.sqrt(q.shape[-1])
    if causal:
        later = torch.ones(scores.shape[-2:], dtype=torch.bool).triu(1)
        scores = scores.masked_fill(later, -math.inf)
    return scores.softmax(dim=-2) @ v

# %% the weights are transposed before they meet the values tags=["wrong"]
# hint: Row i of the weights belongs to the token that asks.
def plain_attention(q, k, v, *, causal=False):
    scores = q @ k.transpose(-2, -1) / math.sqrt(q.shape[-1])
    if causal:
        later = torch.ones(scores.shape[-2:], dtype=torch.bool).triu(1)
        scores = scores.masked_fill(later, -math.inf)
    return scores.softmax(dim=-1).transpose(-2, -1) @ v

# %% queries and keys have changed roles tags=["wrong"]
# hint: Row i holds the scores of query i.
def plain_attention(q, k, v, *, causal=False):
    scores = k @ q.transpose(-2, -1) / math.sqrt(q.shape[-1])
    if causal:
        later = torch.ones(scores.shape[-2:], dtype=torch.bool).triu(1)
        scores = scores.masked_fill(later, -math.inf)
    return scores.softmax(dim=-1) @ v

# %% e is raised to the scores without subtracting the largest one first tags=["wrong"]
# hint: How large is e to the power of a thousand?
def plain_attention(q, k, v, *, causal=False):
    e = (q @ k.transpose(-2, -1) / math.sqrt(q.shape[-1])).exp()
    e = e.tril() if causal else e
    return e / e.sum(dim=-1, keepdim=True) @ v

# %% a sigmoid takes the place of the softmax tags=["wrong"]
# hint: The weights of each token sum to 1.
def plain_attention(q, k, v, *, causal=False):
    scores = q @ k.mT / q.shape[-1] ** 0.5
    if causal:
        later = torch.ones(q.shape[-2], q.shape[-2], dtype=torch.bool).triu(1)
        scores = scores.masked_fill(later, -math.inf)
    return scores.sigmoid() @ v

# %% the scores are multiplied by the root of D tags=["wrong"]
# hint: Long vectors have large products; the root makes them smaller.
def plain_attention(q, k, v, *, causal=False):
    scores = q @ k.mT * q.shape[-1] ** 0.5
    if causal:
        later = torch.ones(q.shape[-2], q.shape[-2], dtype=torch.bool).triu(1)
        scores = scores.masked_fill(later, -math.inf)
    return scores.softmax(dim=-1) @ v

# %% 1 is subtracted from hidden scores, which hides nothing tags=["wrong"]
# hint: What must a score be for its weight to be 0?
def plain_attention(q, k, v, *, causal=False):
    scores = q @ k.mT / q.shape[-1] ** 0.5
    if causal:
        scores = scores - torch.ones(q.shape[-2], q.shape[-2]).triu(1)
    return scores.softmax(dim=-1) @ v

# %% the weights are returned, not the weighted values tags=["wrong"]
# hint: One step is missing: what do the weights weight?
def plain_attention(q, k, v, *, causal=False):
    scores = q @ k.mT / q.shape[-1] ** 0.5
    if causal:
        later = torch.ones(q.shape[-2], q.shape[-2], dtype=torch.bool).triu(1)
        scores = scores.masked_fill(later, -math.inf)
    return scores.softmax(dim=-1)

# %% tags=["exercise"]
EXERCISE = dict(
    id="01.11",
    title="Several heads",
    my_clip="clipedu.models.transformer",
    points=5,
    minutes=25,
    difficulty="hard",
    goal="Cut the width into heads, let each attend by itself, and put them together again, without mixing tokens.",
    hints=[
        "One `F.linear(x, self.in_proj_weight, self.in_proj_bias)` gives (B, L, 3W): for each token its query, its key and its value, side by side. Each of the three is cut into heads of W/H numbers.",
        "`view(B, L, 3, heads, W // heads)` names the axes. In which order does `plain_attention` want them: captions, heads, tokens, numbers?",
        "`permute` brings the axis of length 3 to the front and the heads before the tokens; then `q, k, v = ...` takes it apart.",
        "On the way back the heads have to come after the tokens again before `reshape(B, L, W)` joins them: `transpose(1, 2)`.",
    ],
)

# %% [markdown]
# The lesson's `Head` has one query, key and value of W numbers per token. Here W is cut into `heads` pieces of W/H numbers: head 1 works with the first W/H numbers of every query, key and value, head 2 with the next, and so on. Each head attends with weights of its own. Their results, side by side, are W numbers again, and a last linear layer mixes them.
#
# The parameters carry the names in OpenAI's files:
#
# | name | shape | what it is |
# |---|---|---|
# | `in_proj_weight` | (3W, W) | the matrices of the queries, keys and values, one above the other |
# | `in_proj_bias` | (3W,) | their biases |
# | `out_proj` | `nn.Linear(W, W)` | what mixes the heads |
#
# `x` is (B, L, W), and so is the result. `causal` goes to `plain_attention`. The result must be differentiable with respect to `x` and all parameters. The initial values are given.

# %%
from clipedu.models.transformer import plain_attention  # or your own

# %%
class MultiHeadAttention(nn.Module):
    """Self-attention with several heads: (B, L, W) -> (B, L, W)."""

    def __init__(self, width: int, heads: int):
        super().__init__()
        ### BEGIN SOLUTION
        self.heads = heads
        self.in_proj_weight = nn.Parameter(torch.empty(3 * width, width))  # queries, keys, values
        self.in_proj_bias = nn.Parameter(torch.empty(3 * width))
        self.out_proj = nn.Linear(width, width)
        ### END SOLUTION
        nn.init.xavier_uniform_(self.in_proj_weight)
        nn.init.zeros_(self.in_proj_bias)
        nn.init.zeros_(self.out_proj.bias)

    def forward(self, x: Tensor, *, causal: bool = False) -> Tensor:
        ### BEGIN SOLUTION
        B, L, W = x.shape
        qkv = F.linear(x, self.in_proj_weight, self.in_proj_bias)  # (B, L, 3W)
        qkv = qkv.view(B, L, 3, self.heads, W // self.heads).permute(2, 0, 3, 1, 4)
        q, k, v = qkv.contiguous()  # each (B, H, L, W/H)
        x = plain_attention(q, k, v, causal=causal)  # (B, H, L, W/H)
        return self.out_proj(x.transpose(1, 2).reshape(B, L, W))
        ### END SOLUTION

# %%
check("01.11", MultiHeadAttention)

# %% the heads are cut out by view alone, without permute, so that tokens get mixed tags=["wrong"]
# hint: `view` never moves a number. Which axis comes before the tokens, and who put it there?
from clipedu.models.transformer import MultiHeadAttention as Right

class MultiHeadAttention(Right):
    def forward(self, x, *, causal=False):
        B, L, W = x.shape
        q, k, v = F.linear(x, self.in_proj_weight, self.in_proj_bias).chunk(3, dim=-1)
        q, k, v = (y.reshape(B, self.heads, L, W // self.heads) for y in (q, k, v))
        x = plain_attention(q, k, v, causal=causal)
        return self.out_proj(x.transpose(1, 2).reshape(B, L, W))

# %% the heads are joined by reshape alone, without bringing the tokens to the front tags=["wrong"]
# hint: After attention the axes are captions, heads, tokens, numbers.
from clipedu.models.transformer import MultiHeadAttention as Right

class MultiHeadAttention(Right):
    def forward(self, x, *, causal=False):
        B, L, W = x.shape
        qkv = F.linear(x, self.in_proj_weight, self.in_proj_bias)
        q, k, v = qkv.view(B, L, 3, self.heads, W // self.heads).permute(2, 0, 3, 1, 4)
        return self.out_proj(plain_attention(q, k, v, causal=causal).reshape(B, L, W))

# %% a single head of the whole width is used tags=["wrong"]
# hint: How many weight matrices does one caption have?
from clipedu.models.transformer import MultiHeadAttention as Right

class MultiHeadAttention(Right):
    def forward(self, x, *, causal=False):
        q, k, v = F.linear(x, self.in_proj_weight, self.in_proj_bias).chunk(3, dim=-1)
        return self.out_proj(plain_attention(q, k, v, causal=causal))

# %% each head has its query, key and value next to each other in the 3W numbers tags=["wrong"]
# hint: The first W rows of in_proj_weight are the queries of all heads.
from clipedu.models.transformer import MultiHeadAttention as Right

class MultiHeadAttention(Right):
    def forward(self, x, *, causal=False):
        B, L, W = x.shape
        qkv = F.linear(x, self.in_proj_weight, self.in_proj_bias)
        q, k, v = qkv.view(B, L, self.heads, 3, W // self.heads).permute(3, 0, 2, 1, 4)
        x = plain_attention(q, k, v, causal=causal)
        return self.out_proj(x.transpose(1, 2).reshape(B, L, W))

# %% neighboring numbers go to different heads tags=["wrong"]
# hint: Head 1 has the first W/H numbers, not every H-th.
from clipedu.models.transformer import MultiHeadAttention as Right

class MultiHeadAttention(Right):
    def forward(self, x, *, causal=False):
        B, L, W = x.shape
        qkv = F.linear(x, self.in_proj_weight, self.in_proj_bias)
        q, k, v = qkv.view(B, L, 3, W // self.heads, self.heads).permute(2, 0, 4, 1, 3)
        x = plain_attention(q, k, v, causal=causal)
        return self.out_proj(x.transpose(1, 2).reshape(B, L, W))

# %% the scores are divided by the root of W, not of W/H tags=["wrong"]
# hint: One score of one head is a sum of W/H products.
from clipedu.models.transformer import MultiHeadAttention as Right

class MultiHeadAttention(Right):
    def forward(self, x, *, causal=False):
        B, L, W = x.shape
        qkv = F.linear(x, self.in_proj_weight, self.in_proj_bias)
        q, k, v = qkv.view(B, L, 3, self.heads, W // self.heads).permute(2, 0, 3, 1, 4)
        x = plain_attention(q / self.heads**0.5, k, v, causal=causal)
        return self.out_proj(x.transpose(1, 2).reshape(B, L, W))

# %% the scores are divided by the root of W/H twice tags=["wrong"]
# hint: `plain_attention` divides already.
from clipedu.models.transformer import MultiHeadAttention as Right

class MultiHeadAttention(Right):
    def forward(self, x, *, causal=False):
        B, L, W = x.shape
        qkv = F.linear(x, self.in_proj_weight, self.in_proj_bias)
        q, k, v = qkv.view(B, L, 3, self.heads, W // self.heads).permute(2, 0, 3, 1, 4)
        x = plain_attention(q / (W // self.heads) ** 0.5, k, v, causal=causal)
        return self.out_proj(x.transpose(1, 2).reshape(B, L, W))

# %% `causal` is not passed on tags=["wrong"]
# hint: `plain_attention` hides nothing unless it is told to.
from clipedu.models.transformer import MultiHeadAttention as Right

class MultiHeadAttention(Right):
    def forward(self, x, *, causal=False):
        return super().forward(x)

# %% the last linear layer is left out tags=["wrong"]
# hint: What mixes what the heads found?
from clipedu.models.transformer import MultiHeadAttention as Right

class MultiHeadAttention(Right):
    def forward(self, x, *, causal=False):
        B, L, W = x.shape
        qkv = F.linear(x, self.in_proj_weight, self.in_proj_bias)
        q, k, v = qkv.view(B, L, 3, self.heads, W // self.heads).permute(2, 0, 3, 1, 4)
        return plain_attention(q, k, v, causal=causal).transpose(1, 2).reshape(B, L, W)

# %% the biases of queries, keys and values are left out tags=["wrong"]
# hint: Which parameter have you not used?
from clipedu.models.transformer import MultiHeadAttention as Right

class MultiHeadAttention(Right):
    def forward(self, x, *, causal=False):
        B, L, W = x.shape
        qkv = F.linear(x, self.in_proj_weight)
        q, k, v = qkv.view(B, L, 3, self.heads, W // self.heads).permute(2, 0, 3, 1, 4)
        x = plain_attention(q, k, v, causal=causal)
        return self.out_proj(x.transpose(1, 2).reshape(B, L, W))

# %% the input is added to the result already here tags=["wrong"]
# hint: The residual connection belongs to the block, exercise 01.13.
from clipedu.models.transformer import MultiHeadAttention as Right

class MultiHeadAttention(Right):
    def forward(self, x, *, causal=False):
        return x + super().forward(x, causal=causal)

# %% in_proj_weight has the shape (W, 3W), the transpose of what is asked for tags=["wrong"]
# hint: F.linear and nn.Linear keep their weights as (outputs, inputs).
class MultiHeadAttention(nn.Module):
    def __init__(self, width, heads):
        super().__init__()
        self.heads = heads
        self.in_proj_weight = nn.Parameter(torch.empty(width, 3 * width))
        self.in_proj_bias = nn.Parameter(torch.zeros(3 * width))
        self.out_proj = nn.Linear(width, width)

    def forward(self, x, *, causal=False):
        return self.out_proj(x)

# %% the heads are cut and joined by reshape alone tags=["wrong"]
# hint: reshape moves no number: a head must get its numbers of every token.
from clipedu.models.transformer import MultiHeadAttention as Right


class MultiHeadAttention(Right):
    def forward(self, x, *, causal=False):
        B, L, W = x.shape
        q, k, v = F.linear(x, self.in_proj_weight, self.in_proj_bias).chunk(3, dim=-1)
        q, k, v = (part.reshape(B, self.heads, L, -1) for part in (q, k, v))
        y = plain_attention(q, k, v, causal=causal)
        return self.out_proj(y.reshape(B, L, W))

# %% queries and keys are exchanged tags=["wrong"]
# hint: The first W rows of in_proj_weight belong to the queries.
from clipedu.models.transformer import MultiHeadAttention as Right


class MultiHeadAttention(Right):
    def forward(self, x, *, causal=False):
        B, L, W = x.shape
        k, q, v = F.linear(x, self.in_proj_weight, self.in_proj_bias).chunk(3, dim=-1)
        q, k, v = (part.reshape(B, L, self.heads, -1).transpose(1, 2) for part in (q, k, v))
        y = plain_attention(q, k, v, causal=causal)
        return self.out_proj(y.transpose(1, 2).reshape(B, L, W))

# %% the order is values, keys, queries tags=["wrong"]
# hint: The first W rows of in_proj_weight belong to the queries.
from clipedu.models.transformer import MultiHeadAttention as Right


class MultiHeadAttention(Right):
    def forward(self, x, *, causal=False):
        B, L, W = x.shape
        v, k, q = F.linear(x, self.in_proj_weight, self.in_proj_bias).chunk(3, dim=-1)
        q, k, v = (part.reshape(B, L, self.heads, -1).transpose(1, 2) for part in (q, k, v))
        y = plain_attention(q, k, v, causal=causal)
        return self.out_proj(y.transpose(1, 2).reshape(B, L, W))

# %% the keys are used as values, too tags=["wrong"]
# hint: What is the third part of in_proj_weight for?
from clipedu.models.transformer import MultiHeadAttention as Right


class MultiHeadAttention(Right):
    def forward(self, x, *, causal=False):
        B, L, W = x.shape
        q, k, v = F.linear(x, self.in_proj_weight, self.in_proj_bias).chunk(3, dim=-1)
        q, k, v = (part.reshape(B, L, self.heads, -1).transpose(1, 2) for part in (q, k, v))
        y = plain_attention(q, k, k, causal=causal)
        return self.out_proj(y.transpose(1, 2).reshape(B, L, W))

# %% the heads attend to each other, at each token by itself tags=["wrong"]
# hint: plain_attention works on the last two axes: which ones should they be?
from clipedu.models.transformer import MultiHeadAttention as Right


class MultiHeadAttention(Right):
    def forward(self, x, *, causal=False):
        B, L, W = x.shape
        q, k, v = F.linear(x, self.in_proj_weight, self.in_proj_bias).chunk(3, dim=-1)
        q, k, v = (part.reshape(B, L, self.heads, -1) for part in (q, k, v))
        y = plain_attention(q, k, v, causal=causal)
        return self.out_proj(y.reshape(B, L, W))

# %% later tokens are hidden without being asked tags=["wrong"]
# hint: What becomes of the argument `causal`?
from clipedu.models.transformer import MultiHeadAttention as Right


class MultiHeadAttention(Right):
    def forward(self, x, *, causal=False):
        B, L, W = x.shape
        q, k, v = F.linear(x, self.in_proj_weight, self.in_proj_bias).chunk(3, dim=-1)
        q, k, v = (part.reshape(B, L, self.heads, -1).transpose(1, 2) for part in (q, k, v))
        y = plain_attention(q, k, v, causal=True)
        return self.out_proj(y.transpose(1, 2).reshape(B, L, W))

# %% tags=["exercise"]
EXERCISE = dict(
    id="01.12",
    title="The MLP and its two activations",
    my_clip="clipedu.models.transformer",
    points=2,
    minutes=8,
    difficulty="easy",
    goal="Write the half of a block that works on each token by itself.",
    hints=[
        "Two `nn.Linear`: from W to 4W, and back. Between them the activation, on each number by itself.",
        "`F.gelu(x)` is GELU; QuickGELU is `x * torch.sigmoid(1.702 * x)`.",
    ],
)

# %% [markdown]
# `c_fc` maps W numbers to 4W, an activation follows, and `c_proj` maps them back to W. The names are those of OpenAI's files. `activation` is `"gelu"` for the exact GELU, x Φ(x), or `"quick_gelu"` for its approximation x σ(1.702 x), which all of OpenAI's weights expect. `x` is (B, L, W), and so is the result. It must be differentiable.

# %%
class MLP(nn.Module):
    """Two layers on each token by itself, four times wider inside: (B, L, W) -> (B, L, W)."""

    def __init__(self, width: int, activation: str):
        super().__init__()
        ### BEGIN SOLUTION
        self.activation = activation
        self.c_fc = nn.Linear(width, 4 * width)
        self.c_proj = nn.Linear(4 * width, width)
        ### END SOLUTION

    def forward(self, x: Tensor) -> Tensor:
        ### BEGIN SOLUTION
        x = self.c_fc(x)
        x = F.gelu(x) if self.activation == "gelu" else x * torch.sigmoid(1.702 * x)
        return self.c_proj(x)
        ### END SOLUTION

# %%
check("01.12", MLP)

# %% the activation is missing, so that two layers are no more than one tags=["wrong"]
# hint: What is the product of two matrices?
from clipedu.models.transformer import MLP as Right

class MLP(Right):
    def forward(self, x):
        return self.c_proj(self.c_fc(x))

# %% the activation is GELU whatever `activation` says tags=["wrong"]
# hint: OpenAI's weights need the other one.
from clipedu.models.transformer import MLP as Right

class MLP(Right):
    def forward(self, x):
        return self.c_proj(F.gelu(self.c_fc(x)))

# %% the activation is QuickGELU whatever `activation` says tags=["wrong"]
# hint: The course's own model is trained with the exact one.
from clipedu.models.transformer import MLP as Right

class MLP(Right):
    def forward(self, x):
        x = self.c_fc(x)
        return self.c_proj(x * torch.sigmoid(1.702 * x))

# %% GELU is approximated with tanh tags=["wrong"]
# hint: F.gelu without further arguments is exact.
from clipedu.models.transformer import MLP as Right

class MLP(Right):
    def __init__(self, width, activation):
        super().__init__(width, activation)
        self.exact = activation == "gelu"

    def forward(self, x):
        x = self.c_fc(x)
        x = F.gelu(x, approximate="tanh") if self.exact else x * torch.sigmoid(1.702 * x)
        return self.c_proj(x)

# %% the activation is ReLU tags=["wrong"]
# hint: CLIP's activation is smooth.
from clipedu.models.transformer import MLP as Right

class MLP(Right):
    def forward(self, x):
        return self.c_proj(F.relu(self.c_fc(x)))

# %% the factor x in front of QuickGELU is missing tags=["wrong"]
# hint: For a large x, GELU is nearly x.
from clipedu.models.transformer import MLP as Right

class MLP(Right):
    def __init__(self, width, activation):
        super().__init__(width, activation)
        self.exact = activation == "gelu"

    def forward(self, x):
        x = self.c_fc(x)
        return self.c_proj(F.gelu(x) if self.exact else torch.sigmoid(1.702 * x))

# %% the activation comes after the second layer, too tags=["wrong"]
# hint: There is one activation, between the two layers.
from clipedu.models.transformer import MLP as Right

class MLP(Right):
    def __init__(self, width, activation):
        super().__init__(width, activation)
        self.act = F.gelu if activation == "gelu" else lambda x: x * torch.sigmoid(1.702 * x)

    def forward(self, x):
        return self.act(self.c_proj(self.act(self.c_fc(x))))

# %% the input is added to the result already here tags=["wrong"]
# hint: The residual connection belongs to the block, exercise 01.13.
from clipedu.models.transformer import MLP as Right

class MLP(Right):
    def forward(self, x):
        return x + super().forward(x)

# %% the layers are two times as wide inside, not four times tags=["wrong"]
# hint: `c_fc` has 4W outputs.
class MLP(nn.Module):
    def __init__(self, width, activation):
        super().__init__()
        self.c_fc = nn.Linear(width, 2 * width)
        self.c_proj = nn.Linear(2 * width, width)

    def forward(self, x):
        return self.c_proj(F.gelu(self.c_fc(x)))

# %% the factor of 1.702 is missing, which makes QuickGELU a SiLU tags=["wrong"]
# hint: The sigmoid of what is multiplied by x?
class MLP(nn.Module):
    def __init__(self, width, activation):
        super().__init__()
        self.c_fc, self.c_proj = nn.Linear(width, 4 * width), nn.Linear(4 * width, width)
        self.activation = activation

    def forward(self, x):
        h = self.c_fc(x)
        h = F.gelu(h) if self.activation == "gelu" else h * torch.sigmoid(h)
        return self.c_proj(h)

# %% the factor of 1.702 is outside of the sigmoid tags=["wrong"]
# hint: What is multiplied by 1.702?
class MLP(nn.Module):
    def __init__(self, width, activation):
        super().__init__()
        self.c_fc, self.c_proj = nn.Linear(width, 4 * width), nn.Linear(4 * width, width)
        self.activation = activation

    def forward(self, x):
        h = self.c_fc(x)
        h = F.gelu(h) if self.activation == "gelu" else 1.702 * h * torch.sigmoid(h)
        return self.c_proj(h)

# %% the factor x in front of Phi is missing tags=["wrong"]
# hint: GELU is x times Phi(x).
class MLP(nn.Module):
    def __init__(self, width, activation):
        super().__init__()
        self.c_fc, self.c_proj = nn.Linear(width, 4 * width), nn.Linear(4 * width, width)
        self.activation = activation

    def forward(self, x):
        h = self.c_fc(x)
        h = torch.special.ndtr(h) if self.activation == "gelu" else h * torch.sigmoid(1.702 * h)
        return self.c_proj(h)

# %% erf is taken of x, not of x divided by the root of 2 tags=["wrong"]
# hint: Phi(x) = (1 + erf(x / sqrt 2)) / 2.
class MLP(nn.Module):
    def __init__(self, width, activation):
        super().__init__()
        self.c_fc, self.c_proj = nn.Linear(width, 4 * width), nn.Linear(4 * width, width)
        self.activation = activation

    def forward(self, x):
        h = self.c_fc(x)
        h = 0.5 * h * (1 + torch.erf(h)) if self.activation == "gelu" else h * torch.sigmoid(1.702 * h)
        return self.c_proj(h)

# %% the two activations are mixed up tags=["wrong"]
# hint: Which of the two has a sigmoid?
class MLP(nn.Module):
    def __init__(self, width, activation):
        super().__init__()
        self.c_fc, self.c_proj = nn.Linear(width, 4 * width), nn.Linear(4 * width, width)
        self.activation = activation

    def forward(self, x):
        h = self.c_fc(x)
        h = F.gelu(h) if self.activation != "gelu" else h * torch.sigmoid(1.702 * h)
        return self.c_proj(h)

# %% there is no activation for quick_gelu tags=["wrong"]
# hint: Compare the names letter by letter: which branch does `"quick_gelu"` take?
class MLP(nn.Module):
    def __init__(self, width, activation):
        super().__init__()
        self.c_fc, self.c_proj = nn.Linear(width, 4 * width), nn.Linear(4 * width, width)
        self.activation = activation

    def forward(self, x):
        h = self.c_fc(x)
        h = F.gelu(h) if self.activation == "gelu" else h
        return self.c_proj(h)

# %% 1.702 is rounded tags=["wrong"]
# hint: The weights of OpenAI were trained with 1.702.
class MLP(nn.Module):
    def __init__(self, width, activation):
        super().__init__()
        self.c_fc, self.c_proj = nn.Linear(width, 4 * width), nn.Linear(4 * width, width)
        self.activation = activation

    def forward(self, x):
        h = self.c_fc(x)
        h = F.gelu(h) if self.activation == "gelu" else h * torch.sigmoid(1.7 * h)
        return self.c_proj(h)

# %% tags=["exercise"]
EXERCISE = dict(
    id="01.13",
    title="The residual block",
    my_clip="clipedu.models.transformer",
    points=3,
    minutes=12,
    difficulty="medium",
    goal="Connect attention, MLP, LayerNorm and the residual stream in the right order.",
    hints=[
        "Each branch reads the stream through its own LayerNorm, and its result is added to the stream itself.",
        "x = x + attention(LayerNorm 1 of x); then the same with the MLP and LayerNorm 2, starting from the new x.",
    ],
)

# %% [markdown]
# A block has two branches, as in the lesson's figure: attention, then the MLP. Each branch reads the stream through a LayerNorm of its own, and its result is added to the stream. The submodules are called `attn`, `ln_1`, `mlp` and `ln_2`. `causal` and `activation` go to where they are needed. `x` is (B, L, W), and so is the result. It must be differentiable.
#
# `Transformer`, a stack of blocks, is given in the same cell: it makes your block with exactly these arguments.

# %%
from clipedu.models.transformer import MLP, MultiHeadAttention  # or your own

# %%
class ResidualAttentionBlock(nn.Module):
    """Adds to the stream x (B, L, W): attention mixes tokens, the MLP works on each by itself."""

    def __init__(self, width: int, heads: int, *, causal: bool, activation: str):
        super().__init__()
        ### BEGIN SOLUTION
        self.causal = causal
        self.attn = MultiHeadAttention(width, heads)
        self.ln_1 = nn.LayerNorm(width)
        self.mlp = MLP(width, activation)
        self.ln_2 = nn.LayerNorm(width)
        ### END SOLUTION

    def forward(self, x: Tensor) -> Tensor:
        ### BEGIN SOLUTION
        x = x + self.attn(self.ln_1(x), causal=self.causal)
        return x + self.mlp(self.ln_2(x))
        ### END SOLUTION


class Transformer(nn.Module):
    """A stack of blocks: (B, L, W) -> (B, L, W)."""

    def __init__(self, width, layers, heads, *, activation, causal=False):
        super().__init__()
        how = {"causal": causal, "activation": activation}
        blocks = [ResidualAttentionBlock(width, heads, **how) for _ in range(layers)]
        self.resblocks = nn.Sequential(*blocks)

    def forward(self, x: Tensor) -> Tensor:
        return self.resblocks(x)

# %%
check("01.13", ResidualAttentionBlock)

# %% each sum is normalized, not what a branch reads tags=["wrong"]
# hint: That is post-norm, the transformer of 2017. CLIP, like GPT-2, normalizes what a branch reads.
from clipedu.models.transformer import ResidualAttentionBlock as Right

class ResidualAttentionBlock(Right):
    def forward(self, x):
        x = self.ln_1(x + self.attn(x, causal=self.causal))
        return self.ln_2(x + self.mlp(x))

# %% nothing is added to the stream: the branches replace it tags=["wrong"]
# hint: Where is the residual connection?
from clipedu.models.transformer import ResidualAttentionBlock as Right

class ResidualAttentionBlock(Right):
    def forward(self, x):
        return self.mlp(self.ln_2(self.attn(self.ln_1(x), causal=self.causal)))

# %% the residual connection around attention is missing tags=["wrong"]
# hint: Both branches are added to the stream.
from clipedu.models.transformer import ResidualAttentionBlock as Right

class ResidualAttentionBlock(Right):
    def forward(self, x):
        x = self.attn(self.ln_1(x), causal=self.causal)
        return x + self.mlp(self.ln_2(x))

# %% the residual connection around the MLP is missing tags=["wrong"]
# hint: Both branches are added to the stream.
from clipedu.models.transformer import ResidualAttentionBlock as Right

class ResidualAttentionBlock(Right):
    def forward(self, x):
        return self.mlp(self.ln_2(x + self.attn(self.ln_1(x), causal=self.causal)))

# %% the branches are added to the normalized stream, not to the stream tags=["wrong"]
# hint: The stream itself never passes through a LayerNorm.
from clipedu.models.transformer import ResidualAttentionBlock as Right

class ResidualAttentionBlock(Right):
    def forward(self, x):
        x = self.ln_1(x)
        x = x + self.attn(x, causal=self.causal)
        x = self.ln_2(x)
        return x + self.mlp(x)

# %% both branches read the same stream, side by side tags=["wrong"]
# hint: The MLP reads the stream after attention has been added.
from clipedu.models.transformer import ResidualAttentionBlock as Right

class ResidualAttentionBlock(Right):
    def forward(self, x):
        return x + self.attn(self.ln_1(x), causal=self.causal) + self.mlp(self.ln_2(x))

# %% the MLP comes before attention tags=["wrong"]
# hint: `ln_1` belongs to attention, which goes first.
from clipedu.models.transformer import ResidualAttentionBlock as Right

class ResidualAttentionBlock(Right):
    def forward(self, x):
        x = x + self.mlp(self.ln_2(x))
        return x + self.attn(self.ln_1(x), causal=self.causal)

# %% one LayerNorm is used for both branches tags=["wrong"]
# hint: Which of the two have you not used?
from clipedu.models.transformer import ResidualAttentionBlock as Right

class ResidualAttentionBlock(Right):
    def forward(self, x):
        x = x + self.attn(self.ln_1(x), causal=self.causal)
        return x + self.mlp(self.ln_1(x))

# %% no LayerNorm is applied tags=["wrong"]
# hint: Each branch reads the stream through a LayerNorm.
from clipedu.models.transformer import ResidualAttentionBlock as Right

class ResidualAttentionBlock(Right):
    def forward(self, x):
        x = x + self.attn(x, causal=self.causal)
        return x + self.mlp(x)

# %% `causal` is not passed to attention tags=["wrong"]
# hint: Attention hides nothing unless it is told to.
from clipedu.models.transformer import ResidualAttentionBlock as Right

class ResidualAttentionBlock(Right):
    def forward(self, x):
        x = x + self.attn(self.ln_1(x))
        return x + self.mlp(self.ln_2(x))

# %% attention is always causal tags=["wrong"]
# hint: The image encoder of lesson 02 uses the same block with causal=False.
from clipedu.models.transformer import ResidualAttentionBlock as Right

class ResidualAttentionBlock(Right):
    def forward(self, x):
        x = x + self.attn(self.ln_1(x), causal=True)
        return x + self.mlp(self.ln_2(x))

# %% `activation` is not passed to the MLP tags=["wrong"]
# hint: Which activation does the MLP get?
from clipedu.models.transformer import ResidualAttentionBlock as Right

class ResidualAttentionBlock(Right):
    def __init__(self, width, heads, *, causal, activation):
        super().__init__(width, heads, causal=causal, activation="gelu")

# %% the two LayerNorms are mixed up tags=["wrong"]
# hint: `ln_1` belongs to attention.
class ResidualAttentionBlock(nn.Module):
    def __init__(self, width, heads, *, causal, activation):
        super().__init__()
        self.attn, self.ln_1 = MultiHeadAttention(width, heads), nn.LayerNorm(width)
        self.mlp, self.ln_2 = MLP(width, activation), nn.LayerNorm(width)
        self.causal = causal

    def forward(self, x):
        y = x + self.attn(self.ln_2(x), causal=self.causal)
        return y + self.mlp(self.ln_1(y))

# %% the MLP reads the stream without its LayerNorm tags=["wrong"]
# hint: Each branch has a LayerNorm of its own.
class ResidualAttentionBlock(nn.Module):
    def __init__(self, width, heads, *, causal, activation):
        super().__init__()
        self.attn, self.ln_1 = MultiHeadAttention(width, heads), nn.LayerNorm(width)
        self.mlp, self.ln_2 = MLP(width, activation), nn.LayerNorm(width)
        self.causal = causal

    def forward(self, x):
        y = x + self.attn(self.ln_1(x), causal=self.causal)
        return y + self.mlp(y)

# %% attention reads the stream without its LayerNorm tags=["wrong"]
# hint: Each branch has a LayerNorm of its own.
class ResidualAttentionBlock(nn.Module):
    def __init__(self, width, heads, *, causal, activation):
        super().__init__()
        self.attn, self.ln_1 = MultiHeadAttention(width, heads), nn.LayerNorm(width)
        self.mlp, self.ln_2 = MLP(width, activation), nn.LayerNorm(width)
        self.causal = causal

    def forward(self, x):
        y = x + self.attn(x, causal=self.causal)
        return y + self.mlp(self.ln_2(y))

# %% the second sum takes the block's input, so that attention is not in the stream tags=["wrong"]
# hint: What does the stream hold after the first sum?
class ResidualAttentionBlock(nn.Module):
    def __init__(self, width, heads, *, causal, activation):
        super().__init__()
        self.attn, self.ln_1 = MultiHeadAttention(width, heads), nn.LayerNorm(width)
        self.mlp, self.ln_2 = MLP(width, activation), nn.LayerNorm(width)
        self.causal = causal

    def forward(self, x):
        y = x + self.attn(self.ln_1(x), causal=self.causal)
        return x + self.mlp(self.ln_2(y))

# %% the MLP is never run tags=["wrong"]
# hint: A block has two branches.
class ResidualAttentionBlock(nn.Module):
    def __init__(self, width, heads, *, causal, activation):
        super().__init__()
        self.attn, self.ln_1 = MultiHeadAttention(width, heads), nn.LayerNorm(width)
        self.mlp, self.ln_2 = MLP(width, activation), nn.LayerNorm(width)
        self.causal = causal

    def forward(self, x):
        y = x + self.attn(self.ln_1(x), causal=self.causal)
        return y

# %% tags=["exercise"]
EXERCISE = dict(
    id="01.5",
    title="Read at EOT, when EOT is an ordinary id",
    points=3,
    minutes=12,
    difficulty="medium",
    goal="Find the end of each caption without relying on the largest id or on the padding.",
    hints=[
        "Where in each row does `eot` occur for the first time? Start from a table of True and False.",
        "`argmax` of a row of zeros and ones gives the first one. It wants numbers, not booleans.",
        "With the positions in `where`, (B,), take `x[rows, where]`, where `rows` counts the captions from 0.",
    ],
)

# %% [markdown]
# The lesson's encoder finds EOT by `argmax` over the ids, because its EOT has the largest id. Other tokenizers give EOT an ordinary id, and some pad with EOT itself.
#
# `x` is (B, L, W): the vectors that the last block left at each position. `tokens` is (B, L), the ids. `eot` is the id of EOT. Each row contains it at least once; what follows the **first** one is padding, which may be 0, EOT again or anything else.
#
# Return (B, W): the vector of each caption at its first EOT. It must be differentiable.

# %%
def read_at_eot(x: torch.Tensor, tokens: torch.Tensor, eot: int) -> torch.Tensor:
    """(B, L, W), (B, L) and an id -> (B, W)."""
    ### BEGIN SOLUTION
    where = (tokens == eot).int().argmax(dim=1)  # (B,), the first one of each row
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

# %% SOT is read tags=["wrong"]
# hint: What has SOT seen, under the mask?
def read_at_eot(x, tokens, eot):
    return x[:, 0]

# %% the token before EOT is read tags=["wrong"]
# hint: EOT itself is read.
def read_at_eot(x, tokens, eot):
    return x[torch.arange(len(x)), ((tokens == eot).int().argmax(1) - 1).clamp(0, x.shape[1] - 1)]

# %% the token after EOT is read tags=["wrong"]
# hint: EOT itself is read.
def read_at_eot(x, tokens, eot):
    return x[torch.arange(len(x)), ((tokens == eot).int().argmax(1) + 1).clamp(0, x.shape[1] - 1)]

# %% every caption is read where the first one ends tags=["wrong"]
# hint: Each row has its own position.
def read_at_eot(x, tokens, eot):
    return x[:, int((tokens == eot).int().argmax(1)[0])]

# %% the tokens that are not 0 are counted tags=["wrong"]
# hint: Padding need not be 0.
def read_at_eot(x, tokens, eot):
    return x[torch.arange(len(x)), ((tokens != 0).sum(1) - 1).clamp(0, x.shape[1] - 1)]

# %% the tokens that are neither 0 nor EOT are counted tags=["wrong"]
# hint: A word may have the id 0, and padding may be anything.
def read_at_eot(x, tokens, eot):
    return x[torch.arange(len(x)), ((tokens != 0) & (tokens != eot)).sum(1).clamp(0, x.shape[1] - 1)]

# %% the mean of the tokens before EOT is taken tags=["wrong"]
# hint: That is a bag of words; here one position is read.
def read_at_eot(x, tokens, eot):
    return torch.stack([row[:n].mean(0) for row, n in zip(x, (tokens == eot).int().argmax(1).tolist())])

# %% the vectors at every EOT of a row are added up tags=["wrong"]
# hint: Here a row may be padded with EOT; only the first one counts.
def read_at_eot(x, tokens, eot):
    return (x * (tokens == eot)[..., None]).sum(1)

# %% the vectors at every EOT of a row are averaged tags=["wrong"]
# hint: Here a row may be padded with EOT; only the first one counts.
def read_at_eot(x, tokens, eot):
    return (x * (tokens == eot)[..., None]).sum(1) / (tokens == eot).sum(1, keepdim=True)

# %% the vectors at every EOT are returned, several for a row padded with EOT tags=["wrong"]
# hint: Only the first EOT of a row counts.
def read_at_eot(x, tokens, eot):
    return x[tokens == eot]

# %% the EOTs of all rows are listed one after the other and the first few taken tags=["wrong"]
# hint: A row may hold more than one EOT.
def read_at_eot(x, tokens, eot):
    return x[torch.arange(len(x)), (tokens == eot).nonzero()[:len(x), 1].clamp(0, x.shape[1] - 1)]

# %% EOT is searched down the captions, not along the row tags=["wrong"]
# hint: Which axis of the tokens is the row?
def read_at_eot(x, tokens, eot):
    return x[torch.arange(len(x)), (tokens == eot).int().argmax(0)[:len(x)].clamp(0, x.shape[1] - 1)]

# %% an axis of length 1 is left in tags=["wrong"]
# hint: The result has two axes.
def read_at_eot(x, tokens, eot):
    return x[torch.arange(len(x)), (tokens == eot).int().argmax(1)][:, None]

# %% the largest number of each channel is taken tags=["wrong"]
# hint: One position is read.
def read_at_eot(x, tokens, eot):
    return x.amax(1)

# %% the mean of the whole row is taken tags=["wrong"]
# hint: One position is read.
def read_at_eot(x, tokens, eot):
    return x.mean(1)

# %% the positions are returned, not the vectors at them tags=["wrong"]
# hint: The positions are half of the way.
def read_at_eot(x, tokens, eot):
    return (tokens == eot).int().argmax(1)

# %% the ids at the positions are returned, not the vectors tags=["wrong"]
# hint: Index x, not the tokens.
def read_at_eot(x, tokens, eot):
    return tokens[torch.arange(len(x)), (tokens == eot).int().argmax(1)]

# %% the vectors are brought to length 1 tags=["wrong"]
# hint: That comes later, when captions are compared.
def read_at_eot(x, tokens, eot):
    return torch.nn.functional.normalize(x[torch.arange(len(x)), (tokens == eot).int().argmax(1)], dim=-1)

# %% one number of each vector is read, not the whole vector tags=["wrong"]
# hint: `gather` wants an index for each number that it shall return.
def read_at_eot(x, tokens, eot):
    return x.gather(1, (tokens == eot).int().argmax(dim=1)[:, None, None]).squeeze(1)

# %% tags=["exercise"]
EXERCISE = dict(
    id="01.14",
    title="The whole text encoder",
    my_clip="clipedu.models.transformer",
    points=4,
    minutes=20,
    difficulty="hard",
    goal="Go from token ids to one vector per caption: embed, add positions, run the blocks, read at EOT, project.",
    hints=[
        "The order in `forward`: token embeddings, plus the first rows of the positional embedding, the transformer, the vector at EOT, LayerNorm, projection.",
        "`tokens.argmax(dim=1)` is the position of EOT in each row, because EOT has the largest id.",
        "`x[torch.arange(len(x)), eot]` takes one position of each row: (B, L, W) -> (B, W). The projection is a matrix product with @.",
    ],
)

# %% [markdown]
# `config` has `vocab_size`, `context_length`, `width`, `heads` and `layers`. Make the five parts in `__init__`, under the names of OpenAI's files:
#
# | name | what it is |
# |---|---|
# | `transformer` | a `Transformer` of `layers` causal blocks, with the given activation |
# | `token_embedding` | an `nn.Embedding`: one row of W numbers per id |
# | `positional_embedding` | a parameter of shape (context_length, W) |
# | `ln_final` | an `nn.LayerNorm` |
# | `text_projection` | a parameter of shape (W, E), without a bias |
#
# Their initial values are given. `forward` maps tokens (B, L), with L up to `context_length`, to embeddings (B, E). Read each caption at its EOT, which has the largest id of its row. Do not normalize the result: that happens later, in `CLIP`. It must be differentiable.
#
# In a batch, most rows end in padding, which is never read. If you like, cut the batch after its last EOT before you start; the result is the same and comes sooner.

# %%
from clipedu.models.transformer import Transformer  # or the one from 01.13

# %%
class TextTransformer(nn.Module):
    """Tokens (B, L) -> embeddings (B, E), not normalized, read at EOT."""

    def __init__(self, config, embed_dim: int, activation: str = "quick_gelu"):
        super().__init__()
        width, layers, how = config.width, config.layers, {"causal": True, "activation": activation}
        ### BEGIN SOLUTION
        self.transformer = Transformer(width, layers, config.heads, **how)
        self.token_embedding = nn.Embedding(config.vocab_size, width)
        self.positional_embedding = nn.Parameter(torch.empty(config.context_length, width))
        self.ln_final = nn.LayerNorm(width)
        self.text_projection = nn.Parameter(torch.empty(width, embed_dim))
        ### END SOLUTION
        # Given: the initial standard deviations of OpenAI's code.
        nn.init.normal_(self.token_embedding.weight, std=0.02)
        nn.init.normal_(self.positional_embedding, std=0.01)
        nn.init.normal_(self.text_projection, std=width**-0.5)
        branch = width**-0.5 * (2 * layers) ** -0.5  # smaller, as 2 * layers branches add up
        for block in self.transformer.resblocks:
            nn.init.normal_(block.attn.in_proj_weight, std=width**-0.5)
            nn.init.normal_(block.attn.out_proj.weight, std=branch)
            nn.init.normal_(block.mlp.c_fc.weight, std=(2 * width) ** -0.5)
            nn.init.normal_(block.mlp.c_proj.weight, std=branch)

    def forward(self, tokens: Tensor) -> Tensor:
        ### BEGIN SOLUTION
        eot = tokens.argmax(dim=1)  # (B,): EOT has the largest id
        # The rest is padding in every row. A multiple of 8 stays: each length needs new kernels.
        tokens = tokens[:, : (int(eot.max()) // 8 + 1) * 8]
        x = self.token_embedding(tokens) + self.positional_embedding[: tokens.shape[1]]
        x = self.transformer(x)  # (B, L, W)
        x = x[torch.arange(len(x)), eot]  # (B, W)
        return self.ln_final(x) @ self.text_projection
        ### END SOLUTION

# %%
check("01.14", TextTransformer)

# %% the last position of the row is read, not EOT tags=["wrong"]
# hint: What is at the last position of a short caption's row?
from clipedu.models.transformer import TextTransformer as Right

class TextTransformer(Right):
    def forward(self, tokens):
        x = self.token_embedding(tokens) + self.positional_embedding[: tokens.shape[1]]
        return self.ln_final(self.transformer(x)[:, -1]) @ self.text_projection

# %% SOT is read, not EOT tags=["wrong"]
# hint: What has the first token seen, under the mask?
from clipedu.models.transformer import TextTransformer as Right

class TextTransformer(Right):
    def forward(self, tokens):
        x = self.token_embedding(tokens) + self.positional_embedding[: tokens.shape[1]]
        return self.ln_final(self.transformer(x)[:, 0]) @ self.text_projection

# %% every caption is read where the longest one ends tags=["wrong"]
# hint: Each row has its own EOT.
from clipedu.models.transformer import TextTransformer as Right

class TextTransformer(Right):
    def forward(self, tokens):
        x = self.token_embedding(tokens) + self.positional_embedding[: tokens.shape[1]]
        x = self.transformer(x)[:, int(tokens.argmax(dim=1).max())]
        return self.ln_final(x) @ self.text_projection

# %% the mean over all positions is taken, not the vector at EOT tags=["wrong"]
# hint: That is the bag of words; here one position is read.
from clipedu.models.transformer import TextTransformer as Right

class TextTransformer(Right):
    def forward(self, tokens):
        x = self.token_embedding(tokens) + self.positional_embedding[: tokens.shape[1]]
        return self.ln_final(self.transformer(x).mean(dim=1)) @ self.text_projection

# %% the positions are added after the blocks, not before tags=["wrong"]
# hint: Attention has to know where a token is.
from clipedu.models.transformer import TextTransformer as Right

class TextTransformer(Right):
    def forward(self, tokens):
        x = self.transformer(self.token_embedding(tokens))
        x = x + self.positional_embedding[: tokens.shape[1]]
        x = x[torch.arange(len(x)), tokens.argmax(dim=1)]
        return self.ln_final(x) @ self.text_projection

# %% the positions are left out tags=["wrong"]
# hint: Which parameter have you not used?
from clipedu.models.transformer import TextTransformer as Right

class TextTransformer(Right):
    def forward(self, tokens):
        x = self.transformer(self.token_embedding(tokens))
        x = x[torch.arange(len(x)), tokens.argmax(dim=1)]
        return self.ln_final(x) @ self.text_projection

# %% the encoder is not causal, so that EOT sees the padding tags=["wrong"]
# hint: Transformer hides later tokens only with causal=True.
from clipedu.models.transformer import TextTransformer as Right

class TextTransformer(Right):
    def __init__(self, config, embed_dim, activation="quick_gelu"):
        super().__init__(config, embed_dim, activation)
        sizes = config.width, config.layers, config.heads
        self.transformer = Transformer(*sizes, activation=activation, causal=False)

# %% the last LayerNorm is left out tags=["wrong"]
# hint: Which part have you not used?
from clipedu.models.transformer import TextTransformer as Right

class TextTransformer(Right):
    def forward(self, tokens):
        x = self.token_embedding(tokens) + self.positional_embedding[: tokens.shape[1]]
        x = self.transformer(x)[torch.arange(len(tokens)), tokens.argmax(dim=1)]
        return x @ self.text_projection

# %% the vector is not projected tags=["wrong"]
# hint: The result has E numbers, not W.
from clipedu.models.transformer import TextTransformer as Right

class TextTransformer(Right):
    def forward(self, tokens):
        x = self.token_embedding(tokens) + self.positional_embedding[: tokens.shape[1]]
        x = self.transformer(x)[torch.arange(len(tokens)), tokens.argmax(dim=1)]
        return self.ln_final(x)

# %% the result is normalized to length 1 tags=["wrong"]
# hint: CLIP does that later, for both encoders.
from clipedu.models.transformer import TextTransformer as Right

class TextTransformer(Right):
    def forward(self, tokens):
        return F.normalize(super().forward(tokens), dim=-1)

# %% EOT is searched down the captions, not along each row tags=["wrong"]
# hint: Which axis of the tokens is the row?
from clipedu.models.transformer import TextTransformer as Right

class TextTransformer(Right):
    def forward(self, tokens):
        x = self.token_embedding(tokens) + self.positional_embedding[: tokens.shape[1]]
        x = self.transformer(x)[torch.arange(len(tokens)), tokens.argmax(dim=0)[: len(tokens)]]
        return self.ln_final(x) @ self.text_projection

# %% `activation` is not passed to the blocks tags=["wrong"]
# hint: Which activation does the Transformer get?
from clipedu.models.transformer import TextTransformer as Right

class TextTransformer(Right):
    def __init__(self, config, embed_dim, activation="quick_gelu"):
        super().__init__(config, embed_dim, "quick_gelu")

# %% text_projection is an nn.Linear, which has a bias and another name tags=["wrong"]
# hint: The projection is a plain parameter of shape (W, E).
from clipedu.models.transformer import TextTransformer as Right

class TextTransformer(Right):
    def __init__(self, config, embed_dim, activation="quick_gelu"):
        super().__init__(config, embed_dim, activation)
        del self.text_projection
        self.text_projection = nn.Linear(config.width, embed_dim)

# %% the last rows of positional_embedding are added, not the first tags=["wrong"]
# hint: Token 0 gets row 0.
from clipedu.models import TextTransformer as Right


class TextTransformer(Right):
    def forward(self, tokens):
        x = self.token_embedding(tokens) + self.positional_embedding[-tokens.shape[1] :]
        x = self.ln_final(self.transformer(x))
        x = x[torch.arange(len(x)), tokens.argmax(dim=1)]
        return x @ self.text_projection

# %% the first row of positional_embedding is added to every token tags=["wrong"]
# hint: Each position has a row of its own.
from clipedu.models import TextTransformer as Right


class TextTransformer(Right):
    def forward(self, tokens):
        x = self.token_embedding(tokens) + self.positional_embedding[0]
        x = self.ln_final(self.transformer(x))
        x = x[torch.arange(len(x)), tokens.argmax(dim=1)]
        return x @ self.text_projection

# %% ln_final comes before the blocks tags=["wrong"]
# hint: What does the word final say?
from clipedu.models import TextTransformer as Right


class TextTransformer(Right):
    def forward(self, tokens):
        x = self.token_embedding(tokens) + self.positional_embedding[: tokens.shape[1]]
        x = self.transformer(self.ln_final(x))
        x = x[torch.arange(len(x)), tokens.argmax(dim=1)]
        return x @ self.text_projection

# %% the mean over all positions is read, padding included tags=["wrong"]
# hint: Read each caption at its EOT.
from clipedu.models import TextTransformer as Right


class TextTransformer(Right):
    def forward(self, tokens):
        x = self.token_embedding(tokens) + self.positional_embedding[: tokens.shape[1]]
        x = self.ln_final(self.transformer(x))
        x = x.mean(dim=1)
        return x @ self.text_projection

# %% the blocks are never run tags=["wrong"]
# hint: Which module is not called in the forward pass?
from clipedu.models import TextTransformer as Right


class TextTransformer(Right):
    def forward(self, tokens):
        x = self.token_embedding(tokens) + self.positional_embedding[: tokens.shape[1]]
        x = self.ln_final(x)
        x = x[torch.arange(len(x)), tokens.argmax(dim=1)]
        return x @ self.text_projection

# %% every caption is read where the first one ends tags=["wrong"]
# hint: Pair each row with its own position: `torch.arange(len(x))` and the positions.
from clipedu.models import TextTransformer as Right


class TextTransformer(Right):
    def forward(self, tokens):
        x = self.token_embedding(tokens) + self.positional_embedding[: tokens.shape[1]]
        x = self.ln_final(self.transformer(x))
        x = x[:, tokens.argmax(dim=1)][:, 0]
        return x @ self.text_projection

# %% the token before EOT is read tags=["wrong"]
# hint: EOT has the largest id; argmax finds it.
from clipedu.models import TextTransformer as Right


class TextTransformer(Right):
    def forward(self, tokens):
        x = self.token_embedding(tokens) + self.positional_embedding[: tokens.shape[1]]
        x = self.ln_final(self.transformer(x))
        x = x[torch.arange(len(x)), tokens.argmax(dim=1) - 1]
        return x @ self.text_projection

# %% the positions are multiplied, not added tags=["wrong"]
# hint: The two vectors of a token are added.
from clipedu.models import TextTransformer as Right


class TextTransformer(Right):
    def forward(self, tokens):
        x = self.token_embedding(tokens) * self.positional_embedding[: tokens.shape[1]]
        x = self.ln_final(self.transformer(x))
        x = x[torch.arange(len(x)), tokens.argmax(dim=1)]
        return x @ self.text_projection

# %% the batch is cut before its last EOT tags=["wrong"]
# hint: A slice ends before its bound: is the last EOT in it?
from clipedu.models import TextTransformer as Right


class TextTransformer(Right):
    def forward(self, tokens):
        tokens = tokens[:, : int(tokens.argmax(dim=1).max())]
        x = self.token_embedding(tokens) + self.positional_embedding[: tokens.shape[1]]
        x = self.ln_final(self.transformer(x))
        x = x[torch.arange(len(x)), tokens.argmax(dim=1)]
        return x @ self.text_projection

# %% text_projection is a linear layer, not a matrix tags=["wrong"]
# hint: It is a Parameter of shape (W, E), used with @.
from clipedu.models import TextTransformer as Right


class TextTransformer(Right):
    def __init__(self, config, embed_dim, activation="quick_gelu"):
        super().__init__(config, embed_dim, activation)
        del self.text_projection
        self.text_projection = nn.Linear(config.width, embed_dim, bias=False)

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
# How many merges would you make for our captions and a text encoder of width 128? Measure at least two quantities at five or more sizes, on the training captions **and** on the names of an icon set that is held out. Report in at most ten lines, with a table or a figure, and name one thing that could make your conclusion wrong.
#
# The cell below gives you the texts of four icon sets, which keeps a run short, and a first measurement. Change it.

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
# The first 1,000 merges shorten a training text by 12 pieces, the next 2,838 by 1.3 more, for nearly three times the numbers. Names of an icon set that was not used gain in the same way, because they are mostly made of words that were. Their new words are the exception: a word that no caption had still takes 2.6 pieces at the end, down from 3.2 at 1,000 merges.
# Past 2,000 merges most new rows belong to pieces seen under 50 times, which can hardly be learned. I would take about 2,000: half a piece more per text than the largest vocabulary, half the table, one row in five rare.
# What could make this wrong: pieces are counted, not accuracy. A longer row costs a short tower little, and a rare word that is whole may be easier to learn than its parts. To find out, train one recipe with 1,000, 2,000 and 4,096 ids and several seeds, and compare zero-shot accuracy.

# %% [markdown] tags=["rubric"]
# * 1 point: two or more quantities that pull in opposite directions, at five or more sizes, in a table or figure with units.
# * 1 point: training captions and unseen names are measured apart, and the difference is read.
# * 1 point: a choice that follows from the numbers, with the cost in learned numbers (merges times 128).
# * 1 point: something that could make the conclusion wrong, and how one would find out.
