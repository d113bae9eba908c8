# %% [markdown]
# # 07 · Objectives
#
# **Why contrast?**
#
# This lesson rebuilds the argument of section 2.3 and Figure 2 of Radford et al. 2021 ([arXiv 2103.00020](https://arxiv.org/abs/2103.00020)), and the methods that the paper builds on. Plan about 90 minutes for reading and predicting, and another three hours if you do all the exercises. The notebook runs in about five minutes on two CPU cores, and most of that time goes into three training runs.

# %%
import math

import torch
import torch.nn.functional as F

from clipedu.evaluation import load_task
from clipedu.plots import picture_grid, show
from clipedu_lessons.common.numbers import numbers

lucide = load_task("lucide")
asked = ["which words follow each other?", "which words, in any order?", "which of N captions?"]
names = lucide.class_names
pick = [names.index(name) for name in ("umbrella", "rocket", "snowflake")]
words = "Three line drawings, an umbrella, a rocket and a snowflake. Above each is a question."
show(picture_grid(lucide.pictures[pick], asked), words)

# %% [markdown]
# A picture and its caption are given. What should a model be asked, so that it learns to see? The most natural question is the first one: write the caption. The authors of CLIP began with it. They trained an image encoder and a transformer together to predict the exact words of a caption. This model learned to recognize ImageNet classes three times slower than one that only predicts *which* words occur. The second model was again four times slower than one that picks the right caption out of a batch. This is Figure 2 of the paper, and the reason why CLIP contrasts.
#
# We don't have the paper's 400 million pairs. But we can ask the same question on a small scale. This lesson compares nine objectives on the same icons, with the same image encoder and the same batches. It trains three of them live and reads the results of all nine from a stored series.
#
# **After this lesson you can**
#
# * write the loss of nine objectives on a tiny tensor, and say what each costs before any learning;
# * say how each of them names a picture that it never saw, and what is unfair about it;
# * read an efficiency factor with its interval, and say what it depends on;
# * measure how much of what a model learned is about the picture;
# * tell the story from 1999 to CLIP with a small experiment for each step.
#
# ## 1. Nine questions about one pair
#
# The first figure below is CLIP, as you built it. In this lesson everything to the right of the image encoder may change: the text encoder, the matrix, the loss. The image encoder stays the same. The second figure shows the nine objectives as nine **heads** on it. Five of them predict words, three compare pictures with captions, and one has no words at all. In the figure $W$ is the width of the image encoder, $V$ the number of words in the vocabulary, and $G$ the number of phrases in a dictionary.

# %%
from clipedu_lessons.common.architecture import clip_figure
from clipedu_lessons.l07_objectives.heads import heads_figure

show(*clip_figure("loss"))
show(*heads_figure())

# %% [markdown]
# We compute each loss by hand, on one caption, *a shooting star*. Our vocabulary has $V = 5$ words. The tables of logits are invented; in a model they come from the picture.
#
# ### Predict the caption: a language model
#
# A **caption language model** reads the words from left to right. At each position it outputs a probability for every word of the vocabulary, given the picture and the words before. The loss is the mean of $-\ln p$ of the words that came, and the end of the text (EOT) counts as a word.

# %% tags=["nbval-check-output"]
from clipedu.objectives import word_loss

WORDS = ["a", "shooting", "star", "sun", "EOT"]  # V = 5
caption = torch.tensor([0, 1, 2, 4])
logits = torch.tensor([  # (4, V), a row for each word that is asked for
    [3.0, 0.0, 1.0, 1.0, 0.0],  # after SOT
    [0.0, 1.0, 2.0, 1.0, 0.0],  # after "a"
    [0.0, 0.0, 4.0, 0.0, 0.0],  # after "a shooting"
    [0.0, 0.0, 0.0, 0.0, 3.0],  # after "a shooting star"
])  # fmt: skip
p = logits.softmax(dim=1)[range(4), caption]  # (4,)
for word, chance in zip(caption.tolist(), p.tolist()):
    print(f"{WORDS[word]:9} p = {chance:.3f}, costs {-math.log(chance):.3f}")
print(f"mean {-p.log().mean():.3f}, library {word_loss(logits, caption):.3f}")
assert torch.isclose(-p.log().mean(), word_loss(logits, caption))

# %% [markdown]
# The most expensive word is *shooting*. After *a* the model expects *star*, and so it should: most stars don't shoot. It must know the habits of captions as well as the picture.
#
# If all logits are equal, every word costs $\ln V$, which is ln 5 = 1.61 here.
#
# **VirTex** (Desai and Johnson 2020, [arXiv 2006.06666](https://arxiv.org/abs/2006.06666)) adds a second decoder, which reads the caption from its end. For it *star* comes first, and *shooting* is asked for with *star* already known.

# %% tags=["nbval-check-output"]
from clipedu.objectives import reverse_words

SOT, EOT = 3, 4  # the ids of this row; EOT is the largest, as in our tokenizer
row = torch.tensor([[SOT, 0, 1, 2, EOT, 0, 0]])  # SOT a shooting star EOT, then padding
end = row[0].tolist().index(EOT)
backward = [SOT, *row[0, 1:end].tolist()[::-1], *row[0, end:].tolist()]
print("forward ", row[0].tolist())
print("backward", backward, "library", reverse_words(row)[0].tolist())

# %% [markdown]
# Only the words change their order. SOT, EOT and padding stay. The loss is the mean of both directions, so it starts at $\ln V$, too. VirTex adds the two. We take the mean, so that the numbers can be compared.
#
# **ICMLM** (Bulent Sariyildiz et al. 2020, [arXiv 2008.01392](https://arxiv.org/abs/2008.01392)) hides words and asks for them, given the picture and all other words. The name stands for *image-conditioned masked language modeling*.

# %% tags=["nbval-check-output"]
hidden = torch.tensor([False, True, False, False])  # a [MASK] star EOT
blanks = torch.tensor([[0.5, 2.0, 0.0, 1.0, 0.0]])  # (1, V), for the one blank
cost = -blanks.log_softmax(dim=1)[0, 1]  # the hidden word is number 1
print(f"-ln p(shooting | a _ star, picture) = {cost:.3f}")
print(f"library {word_loss(blanks, caption[hidden]):.3f}; flat logits cost {math.log(5):.3f}")
assert torch.isclose(cost, word_loss(blanks, caption[hidden]))

# %% [markdown]
# ### Predict the words, not their order
#
# **Joulin et al.** (2016, [arXiv 1511.02251](https://arxiv.org/abs/1511.02251)) drop the order. The caption is a **bag of words**: a set, without positions. The model gives each word of the vocabulary a probability, and each of the caption's $k$ words should get $1/k$.

# %% tags=["nbval-check-output"]
from clipedu.objectives import bag_loss

bag = torch.tensor([[1.0, 1.0, 1.0, 0.0, 0.0]])  # a, shooting, star: k = 3
scores = torch.tensor([[2.0, 0.0, 3.0, 1.0, -1.0]])  # (1, V), one row for the whole caption
share = bag / bag.sum()  # 1/3 each
loss = -(share * scores.log_softmax(dim=1)).sum()
print(f"by hand {loss:.3f}, library {bag_loss(scores, bag):.3f}")
best = torch.where(bag > 0, 0.0, -100.0)
print(f"all logits equal: {math.log(5):.3f}; the best possible: {bag_loss(best, bag):.3f}")
assert torch.isclose(loss, bag_loss(scores, bag))

# %% [markdown]
# The invented scores cost more than flat ones, because they give *shooting* hardly any probability. The best possible loss is ln 3 = 1.10 and not 0, because one softmax is shared by three right words. There is nothing left to learn about order: *shooting a star* has the same loss.
#
# **Visual N-Grams** (Li et al. 2017, [arXiv 1612.09161](https://arxiv.org/abs/1612.09161)) take a step back towards order. A dictionary holds single words and frequent phrases, and each has a vector that is compared with the picture. The probability of *star* after *shooting* mixes what the picture says of the phrase with what it says of the word. This is **Jelinek-Mercer smoothing**, with a weight $\lambda$:
#
# $$p_n(w) = \lambda\, p_\text{dict}(w \mid \text{the } n - 1 \text{ words before}) + (1 - \lambda)\, p_{n-1}(w), \qquad p_0 = \frac{1}{V}.$$

# %% tags=["nbval-check-output"]
from clipedu.objectives import jelinek_mercer

word = scores.softmax(dim=1)[0, 2].item()  # p(star) by its own vector
phrases = torch.tensor([1.5, 0.5])  # the dictionary's "shooting star" and "shooting sun"
phrase = phrases.softmax(dim=0)[0].item()  # p(star | shooting)
p0 = 1 / 5
p1 = 0.5 * word + 0.5 * p0
p2 = 0.5 * phrase + 0.5 * p1
known = torch.tensor([True, True])
library = jelinek_mercer(torch.tensor([word, phrase]), known, 0.5, 5)
print(f"p0 {p0:.3f}, p1 {p1:.3f}, p2 {p2:.3f}; library {library:.3f}")
assert abs(p2 - library) < 1e-6

# %% [markdown]
# A phrase that the dictionary lacks falls back on shorter ones, so every caption has a probability above 0. We let the phrases that begin with the same words share a softmax; then $p_n$ adds up to 1.
#
# ### Pick the caption: contrast
#
# The last four objectives predict no word. They compare pictures with captions, or with other pictures. **ConVIRT** (Zhang et al. 2020, [arXiv 2010.00747](https://arxiv.org/abs/2010.00747)) was made for X-rays and their reports. It has both cross-entropies of lesson 03, along rows and columns, with unequal weights $\lambda$ and $1 - \lambda$ and a fixed temperature. CLIP gives them equal weights and learns the temperature. SigLIP asks each entry by itself.

# %% tags=["nbval-check-output"]
from clipedu.objectives import convirt_loss, info_nce, siglip

image = torch.tensor([[1.0, 0.0], [0.6, 0.8], [-0.6, 0.8]])  # the three pairs of lesson 03
text = torch.tensor([[0.8, 0.6], [0.6, 0.8], [-0.8, 0.6]])
z, answers = 10 * image @ text.T, torch.arange(3)  # temperature 0.1
rows, columns = F.cross_entropy(z, answers), F.cross_entropy(z.T, answers)
print(f"rows {rows:.3f}, columns {columns:.3f}")
convirt = convirt_loss(image, text, 10.0, lam=0.75)
print(f"ConVIRT 3/4 rows + 1/4 columns: {0.75 * rows + 0.25 * columns:.3f}, library {convirt:.3f}")
clip = info_nce(image, text, 10.0)
print(f"CLIP    1/2 rows + 1/2 columns: {(rows + columns) / 2:.3f}, library {clip:.3f}")
print(f"SigLIP, nine questions:         {siglip(image, text, 10.0, -math.log(2)):.3f}")
assert torch.isclose(convirt, 0.75 * rows + 0.25 * columns)

# %% [markdown]
# For this batch the rows are all right and one column is wrong, so a loss that favors the rows is lower. It is not a better model. SigLIP's number can't be compared with the other two: it adds up three yes-or-no costs per picture. Most of it comes from the two wrong pairs that look most alike, picture 2 with caption 1 and picture 1 with caption 2.
#
# **SimCLR** (Chen et al. 2020, [arXiv 2002.05709](https://arxiv.org/abs/2002.05709)) contrasts without words. Each picture is augmented twice, which gives $2N$ views. Each view has to find the other one of its picture among the $2N - 1$ views that are not itself. In this lesson it is the control: what do pictures alone teach?

# %% tags=["nbval-check-output"]
from clipedu.objectives import nt_xent

first = torch.tensor([[1.0, 0.0], [0.0, 1.0]])  # (N, E), a view of each of N = 2 pictures
second = torch.tensor([[0.8, 0.6], [-0.6, 0.8]])  # another view of each
views = torch.cat([first, second])  # (2N, E)
z = 10 * views @ views.T  # (2N, 2N)
z.fill_diagonal_(-math.inf)  # no view is its own partner
loss = F.cross_entropy(z, torch.tensor([2, 3, 0, 1]))
print(f"by hand {loss:.3f}, library {nt_xent(first, second, 10.0):.3f}")
print(f"all cosines equal: ln 3 = {math.log(3):.3f}")
assert torch.isclose(loss, nt_xent(first, second, 10.0))

# %% [markdown]
# ### What do they cost before any learning?
#
# Now the real thing: 64 pairs, the first 2,048 tokens of the course's tokenizer, and nine models with random weights. From here on the models' *words* are these tokens, so a rare word of English counts as several. **Predict** the initial losses of the five in the next cell; the panels of the figure say how. Which model can be below $\ln V$, although it predicts words and knows nothing of the picture?

# %%
prediction = {"bow": ..., "ngrams": ..., "clip": ..., "siglip": ..., "simclr": ...}  # change this

# %%
import dataclasses

from clipedu.objectives import OBJECTIVES, count_ngrams, new_model, siglip_bias_init
from clipedu.pairs import to_model, training_pairs
from clipedu.tokenizer import Tokenizer
from clipedu.training import RECIPES, load_pretrained

shipped, long, _ = load_pretrained()  # section 7 uses the model
tokenizer = Tokenizer(long.merges[: 2048 - 258])  # its first merges: 2,048 tokens
pairs = training_pairs(progress=False).drawn("sentences")
small = {"vision_width": 128, "vision_layers": 3, "text_layers": 1}
sizes = {"vocab_size": 2048, "context_length": 16, "batch_size": 128, "steps": 400}
live = dataclasses.replace(RECIPES["lesson"], learning_rate=2e-3, model=small, **sizes)
V, N = tokenizer.vocab_size, 64
texts = pairs.texts()[::4]  # of all captions that there can be
phrases = count_ngrams(tokenizer(texts, 16, truncate=True), least=12)  # (G, 3)

# %%
pictures, captions = pairs.batch(N, seed=0)
again, _ = pairs.batch_at(0, N, 0, live.augmentation)  # a second view, for SimCLR
tokens = tokenizer(captions, 16, truncate=True)  # (N, 16)

def first_loss(name):
    model = new_model(name, live.config(V), seed=0, ngrams=phrases if name == "ngrams" else None)
    both = torch.cat([pictures, again]) if name == "simclr" else pictures
    image, text, scale = model(to_model(both), tokens)
    if name == "clip":
        return info_nce(image, text, scale)
    if name == "siglip":
        return siglip(image, text, 10.0, siglip_bias_init(N))
    return model.loss(image, text, scale, None)

# %% tags=["nbval-check-output", "tolerance-0.05"]
by_hand = dict.fromkeys(("virtex", "caption", "icmlm", "bow"), math.log(V))
by_hand |= dict.fromkeys(("clip", "convirt"), math.log(N))
by_hand |= {"siglip": math.log(N) + 1, "simclr": math.log(2 * N - 1), "ngrams": None}
start, some = {}, phrases[60 :: len(phrases) // 6].tolist()
print([tokenizer.decode([i for i in row if i >= 0]).strip() for row in some], "...")
print("objective  by hand  measured")
for name in OBJECTIVES:
    torch.manual_seed(0)
    with torch.no_grad():
        start[name] = first_loss(name).item()
    guess = f"{by_hand[name]:7.2f}" if by_hand[name] else "      ?"
    print(f"{name:9}  {guess}  {start[name]:8.2f}")
numbers(phrases=f"{len(phrases):,}", ln_v=f"{math.log(V):.2f}")
numbers(start_ngrams=f"{start['ngrams']:.2f}", start_clip=f"{start['clip']:.2f}", start_bow=f"{start['bow']:.2f}")
# %% [markdown]
# Prediction and measurement agree to within a tenth of a nat for the bag of words and the three models with a decoder, because a fresh output layer has logits near 0. The contrastive losses start a little above the prediction. Random embeddings are not all equally similar, and the scale amplifies the differences (lesson 03).
#
# The n-gram model starts at {=start_ngrams}, below $\ln V$ = {=ln_v}. Its dictionary of {=phrases} phrases was counted from captions (the first line of the output shows a few), so it knows before any learning which words follow each other. Here is its loss by hand, from the counts alone: if $k$ phrases of the dictionary begin with the words before, each of their endings gets $1/k$.

# %% tags=["nbval-check-output", "tolerance-0.02"]
from collections import Counter

endings = Counter(tuple(phrase[:-1]) for phrase in phrases.tolist())
listed = set(map(tuple, phrases.tolist()))

def cost_by_counting(words, t, lam=0.5):
    p = lam / V + (1 - lam) / V
    for n in (2, 3):
        before = [-1] * (3 - n) + words[t - n + 1 : t]
        if t >= n - 1 and tuple(before) in endings:
            k = endings[tuple(before)]
            p = lam * ((*before, words[t]) in listed) / k + (1 - lam) * p
    return -math.log(p)

rows = [row[1 : row.argmax()].tolist() for row in tokens]  # without SOT and EOT
costs = [cost_by_counting(words, t) for words in rows for t in range(len(words))]
print(f"by counting {sum(costs) / len(costs):.3f}, measured {start['ngrams']:.3f}")

# %% [markdown]
# **Check your understanding**
#
# 1. A caption language model with a vocabulary of 49,408 tokens reports a loss of 10.8 after an hour. What do you tell its owner?
# 2. Why can the bag's loss not reach 0 for a caption of two words, and the language model's can?
# 3. ICMLM hides *star* in *a shooting star*. Does the model need the picture?
#
# <details><summary>Answers</summary>
#
# 1. It has learned nothing: ln 49,408 = 10.81.
# 2. In the bag, two words share one softmax, so each gets at most 1/2. The language model has a softmax for each position.
# 3. Less than for a caption of one word. After *shooting*, few words are likely. The other words give away a part of the answer, and that part doesn't train the image encoder.
#
# </details>
#
# ## 2. Three of them, live
#
# Figure 2 of the paper compares three: the caption language model, the bag of words and contrast. We train them now, one after the other. All three see the same 400 batches of 128 pairs in the same order, start from the same image encoder, and use the recipe of lesson 04 with smaller encoders, a smaller batch and fewer tokens. All have a learning rate of 0.002. Lesson 04 takes 0.008, which was found after these series had been run.
#
# ### How do they name a picture?
#
# Zero-shot means something else for each, and each should be asked what it was trained for:
#
# * **contrast** compares the picture with the name as a caption, as in lesson 04;
# * **bag of words** adds up $\ln p$ of the words of the name;
# * the **language model** computes the likelihood of the name as a caption, $\sum_t \ln p(w_t \mid w_{<t}, \text{picture})$, EOT included.
#
# All are asked for the bare name, such as *rocket*, which is the most frequent form of our captions.
#
# **Predict** the order of the three after 400 steps, and by which factor the best is better than the worst.

# %%
prediction = ...  # change this

# %%
import warnings

from clipedu.device import native_bfloat16
from clipedu.evaluation import class_scores, clopper_pearson, zero_shot
from clipedu.objectives import ImageModel
from clipedu.training import train

tasks = [load_task(name) for name in ("lucide", "font_awesome", "heroicons")]
total = sum(len(task) for task in tasks)

def right_answers(model, task):  # by the score of the whole name, and by its mean per token
    names = task.class_names
    if not isinstance(model, ImageModel):  # contrast
        return [round(zero_shot(model, tokenizer, task, templates="{}").top1 * len(task))] * 2
    with torch.autocast("cpu", torch.bfloat16, enabled=bool(native_bfloat16())):
        scores = class_scores(model, tokenizer, task.pictures, names)  # (n, C) ln p
    lengths = model.word_counts(tokenizer(names, 16))  # (C,)
    return [int((x.argmax(1) == task.labels).sum()) for x in (scores, scores / lengths)]

# %%
def ask(model, tokenizer):
    right = torch.tensor([right_answers(model, task) for task in tasks]).sum(dim=0) / total
    return {"whole": right[0].item(), "per_token": right[1].item()}

warnings.filterwarnings("ignore", message="(?s).*captions of batch.*are cut there")
runs = {}
for name in ("caption", "bow", "clip"):
    recipe = dataclasses.replace(live, objective=name, evaluate_every=200)
    options = {"tokenizer": tokenizer, "evaluate": ask, "progress": False}
    runs[name] = train(recipe, seed=0, pairs=pairs, **options)
    print(f"{name:8} {runs[name].seconds:4.0f} s, last loss {runs[name].history[-1]['loss']:.2f}")

# %%
from clipedu_lessons.l07_objectives.race import race_figure

show(*race_figure(runs))

# %% [markdown]
# The figure draws every curve from 0, but an untrained model would guess, and be right in {=live_chance} of the cases. Next come the final answers for all pictures of the three held-out sets, with 95 % intervals. The language model is scored in two ways: with the likelihood of the whole name, and with its mean per token.

# %% tags=["nbval-check-output", "tolerance-0.3"]
live_results = {}
for name, run in runs.items():
    for how, share in run.zero_shot.items():
        if (name, how) in (("clip", "per_token"), ("bow", "per_token")):
            continue  # the same for contrast; for the bag see the series in section 3
        low, high = clopper_pearson(round(share * total), total)
        title = name if how == "whole" else f"{name}, per token"
        live_results[title] = share
        print(f"{title:19} {share:6.1%} ({low:.1%} to {high:.1%})")
chance = sum(len(task) * task.chance for task in tasks) / total
print(f"{'guessing':19} {chance:6.1%}")

# %% [markdown]
# Contrast names {=live_clip} of the {=live_total} pictures right, the bag of words {=live_bow}, and the language model {=live_caption} ({=live_caption_t} per token). Guessing would give {=live_chance}, which is inside the language model's first interval. In the stored series of section 3 the language model also takes {=lm_slower} times as long as the bag of words, because it runs a decoder over every caption and predicts a word at every position.
#
# This is one run each, and a short one. Section 3 has the intervals.
#
# ### Short names win
#
# Look at the mistakes of the language model: which names does it choose too often?

# %%
model = runs["caption"].model
tokens_in = tokenizer(names, 16).argmax(dim=1) - 1  # tokens of each class name
with torch.autocast("cpu", torch.bfloat16, enabled=bool(native_bfloat16())):
    scores = class_scores(model, tokenizer, lucide.pictures, names)  # (297, 297)
of_right = tokens_in[lucide.labels].float().mean()
print(f"right names: {of_right:.2f} tokens on average")
for how, choice in (("whole name", scores), ("per token", scores / (tokens_in + 1))):
    chosen = choice.argmax(dim=1)
    often = Counter(names[k] for k in chosen.tolist()).most_common(3)
    print(f"{how}: {tokens_in[chosen].float().mean():.2f} tokens; most often {often}")
    numbers(**{f"{how[:3]}_name": often[0][0], f"{how[:3]}_often": often[0][1]})
numbers(len_right=f"{of_right:.1f}", len_chosen=f"{tokens_in[scores.argmax(1)].float().mean():.1f}")

# %% [markdown]
# The right names have {=len_right} tokens on average, and the names that the language model chooses have {=len_chosen}. By the likelihood of the whole name it answers *{=who_name}* to {=who_often} of the 297 pictures. With the same answer for nearly every picture, the choice can't depend much on what is shown. Dividing by the number of tokens turns the preference for short names around: now it answers *{=per_name}* to {=per_often} pictures. A likely reason is that the other words of a long name are easy to guess once it has begun. Neither way is fair, so we report both.
#
# Exercise 07.4 asks you to find out why, and 07.5 to repair it.
#
# **Check your understanding**
#
# 1. Why do all three runs start from the same image encoder?
# 2. The language model takes more seconds per step. Would you compare at equal steps or at equal time?
# 3. Contrast could also be asked for "an icon of a rocket". What would that change for the bag of words?
#
# <details><summary>Answers</summary>
#
# 1. Otherwise a part of the difference could come from a lucky start. The heads still start from random weights of their own, which is one reason for the three seeds of section 3.
# 2. Both, and say which. The paper's factors are about pictures seen, and its language model alone takes twice the compute of its image encoder.
# 3. Nothing. The words *an icon of a* are the same for all classes, so they add the same number to all scores and can't change which class wins.
#
# </details>
# %% [markdown]
# ## 3. Nine of them, stored
#
# One run each says little, because seeds differ. The next figure is from a stored series: all nine objectives, three seeds each, with the recipe of the live runs, made by `benchmarks/objectives.py`.

# %%
from clipedu_lessons.l07_objectives.race import finished, series_figure, series_table
from clipedu_lessons.l07_objectives.series import efficiency, read_series

series = finished(read_series())
show(*series_figure(series))
table = series_table(series)
print(table.text)
numbers(**table.values)
for how, share in live_results.items():
    numbers(**{f"live_{how.replace(', per token', '_t')}": f"{share:.1%}"})
head = sum(p.numel() for p in runs["caption"].model.head.parameters())
numbers(live_total=total, live_chance=f"{chance:.1%}", lm_size=f"{head / 1e6:.1f}")

# %% [markdown]
# In the figure a line is the mean of the seeds, and the band around it is their range. To save time the curves ask only 80 pictures of each set, so they end a few points away from the table, which asks all. In the table, *zero-shot* is the mean of the accuracies on the three held-out sets, with the range of the seeds. (Section 2 counted all pictures alike, and the two larger sets are harder, so its numbers are lower.) *Per token* divides likelihoods by the number of tokens, again for 80 pictures of each set. *Probe* and *grid* are explained in section 6. FLOPs are the floating-point operations of the whole training, head included.
#
# CLIP ends at {=zs_clip} %, the bag of words at {=zs_bow} % and the caption language model at {=zs_caption} %. SigLIP ({=zs_siglip} %) and ConVIRT ({=zs_convirt} %) contrast as well. The seeds of CLIP and SigLIP overlap, so this series can't tell which of the two is better. But every seed of the three is far above every seed of an objective that predicts words. Of those that predict words, VirTex reaches {=zs_virtex} %, ICMLM {=zs_icmlm} % and the n-grams {=zs_ngrams} %.
#
# ### The efficiency factor
#
# The paper compares objectives by the number of pictures that they need for the same accuracy. We do the same: take the accuracy at which the worse one ends, and read off how many pictures the better one needed for it. The factor is their ratio. Each seed gives one, and the interval is that of the mean of their logarithms (95 %, Student's t). The accuracies are those of the curves.

# %%
print("CLIP against     times fewer pictures      times fewer operations")
for worse in ("bow", "ngrams"):
    line = f"{worse:8}"
    for per in ("pictures", "flops"):
        found = efficiency(series, "clip", worse, per=per)
        line += f"{found.value:12.2f} ({found.low:.2f} to {found.high:.2f})"
        ends = {"": found.value, "_low": found.low, "_high": found.high}
        short = f"clip_{worse}" + ("" if per == "pictures" else "_flops")
        numbers(**{short + end: f"{value:.1f}" for end, value in ends.items()})
    print(line)

# %% [markdown]
# The language model needs another way, because by the likelihood of whole names it ends too close to chance for a comparison. What we can give is a rough bound. We take the upper end of its 95 % interval and read off how soon the others get there.

# %%
from clipedu_lessons.l07_objectives.race import WAYS, at_least

chance = sum(1 / len(task.class_names) for task in tasks) / 3
print(f"caption LM: mean of three sets, upper end of 95 %, factors (chance {chance:.1%})")
for way in WAYS:
    asked = total if way == "whole name" else 240  # the others: 80 pictures of each set
    bounds = {who: at_least(series, who, "caption", asked, way) for who in ("bow", "clip")}
    share, upper = bounds["bow"].share, bounds["bow"].upper
    factors = ", ".join(f"{who} {one.factor:.1f}" for who, one in bounds.items())
    print(f"{way:18} {share:6.1%} {upper:6.1%}  {factors}")
    numbers(**{f"{who}_{way[:5].strip()}": f"{one.factor:.1f}" for who, one in bounds.items()})

# %% [markdown]
# Contrast needs {=clip_bow} times fewer pictures than the bag of words ({=clip_bow_low} to {=clip_bow_high}), and {=clip_bow_flops} times fewer operations. The paper finds 4. The paper finds 3 for the bag of words against the language model, and so 12 for contrast. Ours are {=bow_habit} to {=bow_whole} and {=clip_habit} to {=clip_whole}, at the upper end of what the language model may be able to do.
#
# **These factors depend on how the language model is asked**, so don't read them as its efficiency. The whole name is its lowest score. The mean per token is a little better. The third way subtracts what the model says of a name on the average picture, which takes its habits away in a simpler manner than exercise 07.5. By that score it is clearly above chance, and the factors are the lowest.
#
# The order is the same as the paper's, and the sizes are not. Some possible reasons, none of which we have tested:
#
# * **The paper's axis begins where ours has long ended.** Its first tick is at 2 million pictures and its last at 400 million. Ours ends at 51,200. A factor is read off at one accuracy, and ours is a low one.
# * **Our bag of words is a strong rival.** Captions here are short, and most of their words say what is shown. The text of a web page has many that don't.
# * **Our batch is small.** With 128 captions to choose from, contrast asks an easier question than with the paper's thousands. In lesson 03 more candidates gave a better model.
# * **The language model has only just begun.** Nearly all that it has learned after 51,200 pictures is the habits of captions, as the next section shows.
#
# All nine have the same learning rate, 0.002. A rate of its own might help any of them.
#
# **Check your understanding**
#
# 1. Why is the factor measured at the accuracy at which the *worse* objective ends?
# 2. The better run reaches this accuracy before its learning rate has come down. Does that favor it?
# 3. What would you have to know to call 4 times "the" efficiency of contrast?
#
# <details><summary>Answers</summary>
#
# 1. Only up to there are both curves known. The worse one never reaches the accuracies above.
# 2. No, it is a disadvantage. With a schedule of its own, made for fewer steps, it would probably reach the accuracy earlier.
# 3. That the factor is the same at other accuracies, for other encoders, other data and other tests. The curves are no straight lines, so the factor changes along them.
#
# </details>
# %% [markdown]
# ## 4. What does a language model learn?
#
# The paper's explanation is that predicting the *exact* words is hard, because many texts can go with one picture (section 2.3). We can take this apart with the models that were just trained. A language model can lower its loss in two ways. It can look at the picture, or it can learn how captions are written. Only the first needs the image encoder.
#
# To separate them, we give the trained model its captions with the pictures of *other* captions. If we average the probabilities over 16 wrong pictures, we get what the model knows of a word when it doesn't know the picture. The batch is a new one, but its pictures are from the training sets.

# %%
pictures, captions = pairs.batch_at(0, 256, 77)  # a batch that no run was trained on
inputs, written = to_model(pictures), tokenizer(captions, 16, truncate=True)

@torch.no_grad()
def costs(model, tokens, k=0):  # -ln p of the right answers, with the picture k rows away
    first, second, scale = model(inputs.roll(k, 0), tokens)
    if second.ndim == 1:  # caption: logits (T, V) and the right words (T,)
        return F.cross_entropy(first, second, reduction="none")
    if second.shape[1] == V:  # bow: logits (B, V) and bags (B, V)
        return -first.log_softmax(dim=1)[second > 0]
    return F.cross_entropy(scale * first @ second.T, torch.arange(256), reduction="none")

def without_picture(model, tokens):
    wrong = torch.stack([costs(model, tokens, k) for k in range(1, 17)])
    return math.log(16) - (-wrong).logsumexp(dim=0)  # -ln of the mean probability

# %% [markdown]
# **Predict**: of all that the caption language model has learned in 400 steps, which share is about the picture? And of what the bag of words has learned?

# %%
prediction = {"caption": ..., "bow": ...}  # change this

# %% tags=["nbval-check-output", "tolerance-0.2"]
about_picture = {}
print("         at first  without picture  with picture   share from the picture")
for name, run in runs.items():
    own = costs(run.model, written).mean().item()
    first = math.log(256 if name == "clip" else V)
    blind = min(first, without_picture(run.model, written).mean().item())
    about_picture[name] = (blind - own) / (first - own)
    print(f"{name:8} {first:8.2f} {blind:16.2f} {own:13.2f} {about_picture[name]:24.2f}")
numbers(**{f"share_{name}": f"{share:.0%}" for name, share in about_picture.items()})

# %% [markdown]
# Of what the language model has learned, {=share_caption} is about the picture. For the bag of words it is {=share_bow}. The rest is habits: which words are frequent, and for the language model also which words follow each other. A model can learn them with its eyes closed.
#
# Contrast can't improve in this way, because whatever captions have in common, all candidates have it. Its {=share_clip} is arithmetic and not a discovery: each caption of the batch is right exactly once, so without the picture no model costs less than $\ln 256$ on average. The order of the three shares is the order of the three accuracies. This fits the paper's explanation and doesn't prove it. Section 6 asks the image encoders themselves.
#
# Which words does the picture help with? We split the language model's tokens into two kinds: those of the form, such as *an icon of a*, *outlined* or the end of the text, and those of the name.

# %%
FORM = "a an icon emoji of this shows drawing picture outlined filled solid thin light kind . ,"
form = {tokenizer.eot, *(i for word in FORM.split() for i in tokenizer.encode(word))}
model = runs["caption"].model
asked = model(inputs, written)[1].tolist()  # the token that is asked for, at each position
own, blind = costs(model, written), without_picture(model, written)
is_form = torch.tensor([token in form for token in asked])
print("              tokens  without picture  with picture  gain")
for kind, chosen in (("of the form", is_form), ("of the name", ~is_form)):
    with_it, without = own[chosen].mean(), blind[chosen].mean()
    print(f"{kind}  {int(chosen.sum()):6} {without:14.2f} {with_it:13.2f} {without - with_it:8.2f}")
    numbers(**{f"{kind[7:]}_gain": f"{without - with_it:.2f}", f"{kind[7:]}_own": f"{with_it:.2f}"})
numbers(form_share=f"{is_form.float().mean():.0%}")

# %% [markdown]
# Of the tokens, {=form_share} belong to the form. The picture lowers their cost by {=form_gain} nats and that of the name's tokens by {=name_gain} nats. What is left at the form is {=form_own} nats a token. A part of it can never be learned, because our captions draw their form at random and no picture tells which. A caption language model must predict this noise as well. Another part, such as *outlined* or *filled*, is visible, and the model hasn't learned it yet.
#
# Last, the order. We shuffle the tokens of each caption and ask again. For the bag of words nothing can change. For the language model, the rise of the loss shows how much it relies on order. In the paper's words, it tries to predict the *exact* words of a text.

# %% tags=["nbval-check-output", "tolerance-0.2"]
torch.manual_seed(0)
shuffled = written.clone()
for row, end in zip(shuffled, written.argmax(dim=1).tolist()):  # EOT has the largest id
    row[1:end] = row[1:end][torch.randperm(end - 1)]
for name in ("caption", "bow"):
    nats = [costs(runs[name].model, tokens).sum().item() / 256 for tokens in (written, shuffled)]
    print(f"{name:8} as written {nats[0]:6.2f}, shuffled {nats[1]:6.2f} nats a caption")
    numbers(**{f"{name}_rise": f"{nats[1] - nats[0]:.1f}", f"{name}_nats": f"{nats[0]:.1f}"})

# %% [markdown]
# Shuffling costs the language model {=caption_rise} nats a caption on top of {=caption_nats}, and the bag of words nothing. After so few steps the model already relies on the order of tokens. Some of this is spelling, because the pieces of a rare word are shuffled as well. Order is worth knowing for a language model, but the picture doesn't show in which order its words are written.
#
# **Check your understanding**
#
# 1. Contrast gets no credit for knowing the habits of captions. Why not?
# 2. Would a larger decoder raise or lower the language model's share from the picture?
# 3. Why do we average over 16 wrong pictures, and don't take one?
#
# <details><summary>Answers</summary>
#
# 1. All candidates are real captions, so all of them follow the habits. Only the picture can tell which one is right.
# 2. Probably lower it. A larger decoder learns the habits better, and the picture tells no more than before. Exercise 07.6 lets you try such a change.
# 3. One wrong picture makes the model confident of wrong words, which costs more than not knowing. The average of many is the model's best answer without a picture.
#
# </details>
# %% [markdown]
# ## 5. From ConVIRT to CLIP, one change at a time
#
# The paper calls CLIP a simplified version of ConVIRT, trained from scratch (section 1). What it changed is listed in section 2.3:
#
# | ConVIRT | CLIP | here |
# |---|---|---|
# | non-linear projection heads | linear projections | measured |
# | row and column loss weigh $\lambda$ and $1 - \lambda$ | equal weights | measured |
# | fixed temperature | learned temperature | measured |
# | encoders pretrained on ImageNet and on clinical text | both from scratch | not measured: both from scratch |
# | $t_u$: one random sentence of a longer text | none; many captions are one sentence | not measured: all our captions are one sentence |
# | several augmentations of the picture | random square crop | not measured: the recipe's own for both |
#
# The values $\lambda$ = 3/4 and $\tau$ = 0.1 are those of an unofficial implementation of ConVIRT (edreisMD/ConVIRT-pytorch). The series has both ends of this ladder, ConVIRT and CLIP. `benchmarks/ladder.py` adds the two rungs between them, with the same recipe, batches and seeds. The learning rate is that of the series, 0.002.

# %%
from clipedu_lessons.l07_objectives.race import ladder, ladder_figure

show(*ladder_figure(series))
rungs = ladder(series)
for (_, low), (after, high) in zip(list(rungs.items())[:-1], list(rungs.items())[1:]):
    gains = torch.tensor([high[seed] - low[seed] for seed in low.keys() & high.keys()])
    half = 4.303 * gains.std().item() / len(gains) ** 0.5  # Student's t for three seeds, 95 %
    print(f"{after:28} {gains.mean():+5.1f} points ± {half:.1f}")
    key = after.split()[0]
    numbers(**{f"step_{key}": f"{gains.mean():+.1f}", f"half_{key}": f"{half:.1f}"})

# %% [markdown]
# Each row adds one change to the row above it. Linear projections change the accuracy by {=step_linear} points (± {=half_linear}), equal weights by {=step_equal} (± {=half_equal}), and a learned temperature by {=step_learned} (± {=half_learned}). Every one of these intervals includes zero, so **three seeds don't show that any of the changes matters, nor that none does**. The first interval is wide enough for a gain of several points. The paper saw no difference in training efficiency between linear and non-linear projections (section 2.3), and our interval is too wide to confirm or contradict that. The last step also moves the scale: it starts at 1/0.07 instead of staying at 10.
#
# What the table of changes shows without any seed is that CLIP's version is simpler: two hidden layers and two constants fewer. What can't be measured here may matter more than the loss, because the paper trained on 400 million pairs.
#
# You can climb the ladder yourself. A run takes two or three minutes. It uses the full recipe of lesson 04, its learning rate included, so its accuracies differ from those of the series:
#
# ```
# clipedu train --objective convirt --recipe lesson --set options.heads=false
# clipedu train --objective convirt --recipe lesson --set options.heads=false --set options.lam=0.5
# clipedu train --objective convirt --recipe lesson --set options.heads=false --set options.lam=0.5 --set options.learned_scale=true
# ```
#
# ## 6. What the predecessors got right
#
# A zero-shot accuracy measures the head as well as the image encoder. To compare what the *image encoders* have learned, we throw all heads away and fit a linear probe, a linear classifier on frozen features. It learns names from the features of one icon set and is tested on the three sets that nobody trained on. All nine can be asked this, and so can an encoder with random weights.

# %%
from clipedu_lessons.l07_objectives.race import probe_figure

show(*probe_figure(series))

# %% [markdown]
# Each seed has two marks, because the objectives use the encoder in different ways. *Features* are the one vector, that of the class token, which contrast, the bag of words and the n-grams read. *Mean over patches* is the mean of all that a decoder reads, the class token and every patch. The dotted lines are an encoder with random weights: {=probe_untrained} % by its features and {=grid_untrained} % by its patches.
#
# By their features CLIP reaches {=probe_clip} %, SigLIP {=probe_siglip} % and ConVIRT {=probe_convirt} %. **The bag of words has taught its image encoder as much**, as far as this probe can tell: {=probe_bow} %, within the range of CLIP's seeds. So its lower zero-shot accuracy is not explained by what the encoder sees. What is left is the head, and the way in which it is asked. The n-grams follow with {=probe_ngrams} %.
#
# The three with a decoder have lower features: {=probe_caption} % for the caption language model, {=probe_icmlm} % for ICMLM and {=probe_virtex} % for VirTex. But a decoder attends to all patches, so nothing forces the picture into the class token. On the mean over patches they reach {=grid_caption}, {=grid_icmlm} and {=grid_virtex} %, against {=grid_clip} % for CLIP and {=grid_convirt} % for ConVIRT. There the seeds of the caption language model and VirTex overlap with those of the contrastive three. Measured on what each one's own head reads, contrast is ahead. Measured on the patches, we see no clear difference.
#
# This limits what section 4 can explain. Only {=share_bow} of what the bag of words has learned is about the picture, and its encoder is as good as CLIP's on this probe. A small share can still be a lot of knowledge.
#
# The surprise is SimCLR. It has never read a word, and its features are the best by far, {=probe_simclr} %. Its two views differ in pen, size and angle, and so do the artists of our sets, so it may practice just what this probe asks for. We have not tested this, for example by training it without some of the augmentations. It also sees two views of each picture, at about twice the computation. And it can't name anything: the names come from the labels of the probe. Zero-shot needs words, but learning shapes doesn't.
#
# So what did the predecessors get right?
#
# * **Joulin et al.**: words are enough. Nobody needs to label anything, and in our probe the encoder learned as much without word order.
# * **Li et al.**: a model that scores phrases can be asked for classes that it was not trained on. This is zero-shot transfer, with 11.5 % on ImageNet (Table 1 of the CLIP paper).
# * **VirTex**: a careful caption says more than a label, so features can be learned from few pictures. The CLIP paper puts its data set at 1,000 times smaller than CLIP's.
# * **ICMLM**: give most words away and ask for the hidden ones. Then the model doesn't have to write the form of the caption. On our budget this has not paid off.
# * **ConVIRT**: the loss. CLIP changed its details and its scale.
#
# **Check your understanding**
#
# 1. SimCLR never read a caption. Why are its features so much better than random ones?
# 2. Two objectives have the same probe and different zero-shot accuracies. Where is the difference?
# 3. ConVIRT came before CLIP and contrasts, too. Why is it not the paper that everybody cites?
#
# <details><summary>Answers</summary>
#
# 1. Two views of one picture must be found among all views. That takes features which survive turning, moving and other pens. These probably help with other artists' icons, too.
# 2. In the head (the text encoder, the decoder or the word vectors), and in how it is asked.
# 3. Its data are X-rays with their reports, from one domain. What was new in CLIP is mostly scale: 400 million pairs from the web, and the evaluation on dozens of data sets without training on them.
#
# </details>
#
# ## 7. Older roads
#
# Learning pictures from words is older than all of these. Section 1 of the paper begins in 1999. Here is each step in a small version of our own, on the frozen features of the course's shipped model, within seconds. They are ideas in a few lines, and not reproductions: the originals had other pictures, other features and other solvers.
#
# All but one get the same task. From 5,000 training pictures with **tags** (the words of their names), learn to find pictures for a word. Then search Lucide for each of its words. We report the **mean average precision**, which is 1 if all right pictures come first. A random order gives about {=road_chance}. The intervals below are 95 % bootstrap intervals over the words asked.

# %%
from clipedu_lessons.l07_objectives import older_roads as roads

album = roads.load_album(shipped, count=5000)
torch.manual_seed(0)
found = {"random order": torch.rand_like(album.unseen_tags)}
print(f"{len(album.icons):,} pictures with tags, {len(album.unseen_tags):,} unseen, {len(album.asked)} words asked")
print(", ".join(album.words[k] for k in album.asked[:16].tolist()), "...")

# %% [markdown]
# ### 1999: count which words come with which shapes
#
# Mori, Takahashi and Oka cut each picture into blocks. Every block inherits *all* words of its picture. Blocks that look alike form clusters (vector quantization), and each cluster counts the words of its blocks. A new picture is described by the mean of its blocks' clusters:
#
# $$p(\text{word} \mid \text{picture}) = \frac{1}{M} \sum_{m=1}^{M} p(\text{word} \mid \text{cluster of block } m),$$
#
# where $M$ is the number of blocks in a picture.

# %%
found["1999, blocks of pixels"] = roads.words_of_parts(album.tiles, album.tags, album.unseen_tiles)
features, unseen = album.features, album.unseen_features
found["1999, frozen features"] = roads.words_of_parts(features[:, None], album.tags, unseen[:, None])

# %% [markdown]
# We run it twice: on blocks of 8 x 8 gray pixels, and with the frozen features as a single block. Both sort their blocks into 256 clusters.
#
# ### 2007: the structure of many classifiers
#
# Quattoni, Collins and Darrell train a linear classifier for each of many caption words. These are only a means. The weight vectors of all words form a matrix, and its singular value decomposition finds the few directions that many words share. A new task with few labels is then learned in this small space. The classifiers themselves also answer our question, so we note their score. The second part asks for the *topic* of Phosphor's icons (weather, finance, ...) with four labeled icons a topic. We draw these icons 20 times. In the last column, ± is a 95 % interval over the draws for the difference from the last row.

# %% tags=["nbval-check-output", "tolerance-0.05"]
found["2007, word classifiers"] = unseen @ roads.word_classifiers(features, album.tags)
spaces = roads.compare_structure(album, size=32, shots=4)
ours = torch.tensor(spaces["directions of word classifiers"])
print("space of 32 directions          topics right  minus word classifiers'")
for name, shares in spaces.items():
    gap = torch.tensor(shares) - ours
    half = 1.96 * gap.std().item() / len(gap) ** 0.5
    print(f"{name:31} {torch.tensor(shares).mean():11.1%}  {gap.mean():+8.1%} ± {half:.1%}")
numbers(**{name.split()[-1]: f"{sum(x) / len(x):.1%}" for name, x in spaces.items()})

# %% [markdown]
# The 32 directions that the word classifiers share give {=classifiers}. The 32 directions of largest variance, which know no words, give {=variance}, and random directions {=directions}. All 192 features give {=features}, so the small space loses nothing that we can measure, and gains nothing either. Words of *other* icon sets have told which directions matter. This is the idea of pre-training, as early as 2007.
#
# ### 2012: one machine for pictures and tags
#
# Srivastava and Salakhutdinov train a deep Boltzmann machine on picture features $x$ and tags $y$ together. Ours has a single layer of hidden units $h$ and the energy
#
# $$E(x, y, h) = \tfrac{1}{2} \lVert x - b \rVert^2 - c \cdot y - a \cdot h - (xF + yJ) \cdot h.$$
#
# The vectors $a$, $b$, $c$ and the matrices $F$ and $J$ are learned. A low energy means a high probability. The machine is no classifier: it models pictures and tags at once, and fills in whatever is missing: here the tags.
#
# ### 2018 to 2020: tags as noisy labels
#
# Mahajan et al. (2018) train on 3.5 billion Instagram pictures with their hashtags as labels. Kolesnikov et al. (2019) and Dosovitskiy et al. (2020) use the noisy labels of JFT-300M. It is plain classification with a softmax, in which each of a picture's $k$ tags gets $1/k$, as in the bag of words. Such labels are often wrong. What does that cost? We give a share of the pictures the tags of another picture. As a control, we leave the same share of the pictures out.

# %%
machine = roads.BoltzmannMachine(features.shape[1], len(album.words))
machine.train(features, album.tags, epochs=10)
found["2012, Boltzmann machine"] = machine.fill_in_tags(unseen)

def learn(x, tags):
    return roads.train_on_tags(x, tags, epochs=12)(unseen).detach()

found["2018, tags as labels"] = learn(features, album.tags)
wrong, left_out = {}, {}
for share in (0.25, 0.5):
    wrong[share] = learn(features, roads.swap_tags(album.tags, share))
    kept = slice(round(share * len(features)), None)
    left_out[share] = learn(features[kept], album.tags[kept])

# %% tags=["nbval-check-output", "tolerance-0.1"]
best = {}
for name, scores in found.items():
    best[name], low, high = roads.retrieval(album, scores)
    print(f"{name:24} {best[name]:.2f} ({low:.2f} to {high:.2f})")
print("share of tags    wrong    left out")
for share in (0.25, 0.5):
    pair = [roads.retrieval(album, by[share])[0] for by in (wrong, left_out)]
    print(f"{share:13.0%} {pair[0]:8.2f} {pair[1]:11.2f}")
numbers(wrong_50=f"{pair[0]:.2f}", left_50=f"{pair[1]:.2f}")
keys = ("chance", "pixels", "counted", "linear", "machine", "labels")
numbers(**{f"road_{key}": f"{value:.2f}" for key, value in zip(keys, best.values())})

# %% [markdown]
# Blocks of pixels reach {=road_pixels}, which is little, but its interval is above that of a random order ({=road_chance}). So counting alone finds something. The same counting on frozen features reaches {=road_counted}, and a linear classifier for each word more than doubles that ({=road_linear}). Features and method both matter. The Boltzmann machine ({=road_machine}) and the softmax over tags ({=road_labels}) are close to the linear classifiers, and the three intervals overlap widely. So on good features it seems to matter little *which* of these three learns the words. What CLIP adds is to learn the features from the words.
#
# In this one run wrong tags cost more than missing ones. With the tags of half of the pictures swapped the score is {=wrong_50}, and with half of the pictures left out {=left_50}. So a wrong tag is worse than none, but far from fatal. A likely reason is that our wrong tags are spread over many words, while the right ones agree with each other. Real tags can be wrong in a systematic way, and this run says nothing about those.
#
# **Check your understanding**
#
# 1. Why can a block of pixels without any star in it still count for the word *star*?
# 2. What is the difference between 2007's second space and a PCA of the features?
# 3. The frozen features come from a model that was trained with captions. What does this mean for the comparison?
#
# <details><summary>Answers</summary>
#
# 1. Every block inherits all words of its picture. A blank block occurs in nearly all pictures, so it counts for all words alike. It only dilutes the answer.
# 2. PCA keeps the directions along which pictures differ most. The space of 2007 keeps those along which *words* differ. A direction along which pictures differ a lot, but which no word cares about, is in the first and not in the second.
# 3. That every road starts from features that know words already. The scores say how well each road uses good features, and not what its authors could have reached.
#
# </details>
# %% [markdown]
# ## 8. The answer
#
# Why contrast? Because it asks a question that can't be answered from the habits of captions, only from the picture, and because its answer to that question is already a zero-shot classifier. Here are the numbers of this run.

# %% tags=["summary"]
print("zero-shot accuracy of three objectives after the same 51,200 pictures:")
for name, share in live_results.items():
    print(f"  {name:19} {share:6.1%}")
print("share of what each has learned that is about the picture:")
for name, share in about_picture.items():
    print(f"  {name:19} {share:6.0%}")

# %% [markdown]
# | | this course | the paper |
# |---|---|---|
# | bag of words against caption language model | {=bow_habit} to {=bow_whole} times fewer, roughly: it depends on how the model is asked (section 3) | 3 times (Figure 2) |
# | contrast against bag of words | {=clip_bow} times fewer ({=clip_bow_low} to {=clip_bow_high}) | 4 times (Figure 2) |
# | pictures seen | 51,200 icons | up to 400 million photographs (Figure 2) |
# | pairs in a batch | 128 | 32,768 for the final models (section 2.5) |
# | zero-shot test | three icon sets, 90 to 297 names | ImageNet, 1,000 classes |
# | language model | {=lm_size} million parameters in its decoder | 63 million, twice the compute of its ResNet-50 (section 2.3) |
#
# So the order of the paper's three holds here, with other numbers: contrast learns to name pictures from the fewest of them, and the language model needs the most. Section 4 measured a likely reason: most of what a language model learns first doesn't come from the picture, and all that contrast learns must.
#
# But naming is not seeing. On the linear probe the bag of words has taught its image encoder as much as CLIP has, so what the encoder sees doesn't explain contrast's lead in naming. The head that names must have a part in it.
#
# This is a statement about a budget. At a much larger scale, captioning has been reported to do better than this (the last paper below), and CoCa does both.
#
# ### Further reading
#
# * Radford et al. 2021, [arXiv 2103.00020](https://arxiv.org/abs/2103.00020), section 2.3 and Figure 2: this lesson in a page.
# * Joulin et al. 2016, [arXiv 1511.02251](https://arxiv.org/abs/1511.02251): features from the words of Flickr captions, and a comparison of two losses.
# * Li et al. 2017, [arXiv 1612.09161](https://arxiv.org/abs/1612.09161): an early zero-shot transfer to ImageNet from captions, 11.5 % right (Table 1 of the CLIP paper).
# * Zhang et al. 2020, [arXiv 2010.00747](https://arxiv.org/abs/2010.00747): ConVIRT. Read its section on the method beside Figure 3 of CLIP.
# * Desai and Johnson 2020, [arXiv 2006.06666](https://arxiv.org/abs/2006.06666): VirTex, and the case *for* language modeling, with few pictures and careful captions.
# * Bulent Sariyildiz et al. 2020, [arXiv 2008.01392](https://arxiv.org/abs/2008.01392): ICMLM.
# * Chen et al. 2020, [arXiv 2002.05709](https://arxiv.org/abs/2002.05709): SimCLR. MoCo ([arXiv 1911.05722](https://arxiv.org/abs/1911.05722)) keeps a queue of other views, and BYOL ([arXiv 2006.07733](https://arxiv.org/abs/2006.07733)) does without other pictures.
# * Yu et al. 2022, [arXiv 2205.01917](https://arxiv.org/abs/2205.01917): CoCa contrasts *and* captions. Exercise 07.3 writes its loss.
# * Tschannen et al. 2023, [arXiv 2306.07915](https://arxiv.org/abs/2306.07915): captioning compared with contrast again, at scale, with a more favorable result.
#
# ### Next
#
# [The exercises of lesson 07](../exercises/07_objectives.ipynb) go past what you saw here. You predict initial losses, write two more objectives from their equations, find out why a likelihood prefers short names and repair it. In the long one you design an experiment of your own. Nothing is added to your `my_clip.py`: it contrasts. Then [lesson 08, Scaling up](08_scaling_up.ipynb) makes the batch larger.
