# %% [markdown]
# # 06 · Prompts
#
# **What should you ask?**
#
# This lesson rebuilds section 3.1.4 and Figure 4 of Radford et al. 2021 ([arXiv 2103.00020](https://arxiv.org/abs/2103.00020)): prompt templates, context, words of two meanings, and ensembles.
# Plan about 70 minutes for reading and predicting, and two and a half hours more if you do all the exercises. The notebook runs in about a minute on two CPU cores.

# %%
import torch
import torch.nn.functional as F

from clipedu.evaluation import load_task
from clipedu.plots import picture_grid, show
from clipedu_lessons.common.numbers import numbers

def mice(task):
    return task.pictures[task.labels == task.class_names.index("mouse")][:2]

beasts, devices = mice(load_task("animals")), mice(load_task("hardware"))
titles = ["animals", "animals", "hardware", "hardware"]
figure = picture_grid(torch.cat([beasts, devices]), titles, 4, title="four times mouse")
show(figure, "Two mice with ears and two pointing devices. Their artists call all four mouse.")

# %% [markdown]
# A zero-shot classifier is made of words, so it can only be as good as its words. The name alone may say too little: which *mouse*? A sentence around it may say more, such as *mouse, an animal*. It may also contain words that the model has never read.
#
# The paper reports that good prompts and ensembles of prompts are worth almost 5 points of accuracy, averaged over 36 datasets (section 3.1.4 and Figure 4). That is as much as four times the compute. Nobody can tell from such a number *why* a prompt helps, so in this lesson we take prompts apart, one word at a time.
#
# **After this lesson you can**
#
# * turn class names into prompts and prompts into a classifier;
# * find out by ablation which part of a prompt matters;
# * tell a gain that comes from meaning from a gain that any nonsense would bring;
# * average prompts in three ways, and say when that helps;
# * predict from the captions which prompts a model can use.
#
# In the exercises you add the prompt ensemble to your own `my_clip.py`.
#
# **Predict**: the shipped model names 297 classes of Lucide, an icon set that it never trained on. Its captions were bare names, *an icon of a cat*, *a drawing of a cat.* and a few more forms. Order these four prompts from best to worst: `{}` (the bare name), `an icon of {}`, `an of icon {}`, `a photo of a {}.`

# %%
prediction = ["{}", "an icon of {}", "an of icon {}", "a photo of a {}."]  # change the order

# %%
from clipedu.evaluation import clopper_pearson, embed_pictures
from clipedu.training import load_pretrained
from clipedu_lessons.l06_prompts.ensembles import template_embeddings

model, tokenizer, _ = load_pretrained()
lucide = load_task("lucide")
lucide_vectors = embed_pictures(model, lucide.pictures)  # (297, E)

def ask(task, vectors, forms):
    """Template -> (N,) bool: which pictures are named right."""
    texts = template_embeddings(model, tokenizer, task.class_names, forms)  # (T, C, E)
    return {form: (vectors @ rows.T).argmax(1) == task.labels for form, rows in zip(forms, texts)}

# %% tags=["nbval-check-output"]
right = ask(lucide, lucide_vectors, ["{}", "an icon of {}", "an of icon {}", "a photo of a {}."])
for form in sorted(right, key=lambda form: -right[form].sum()):
    low, high = clopper_pearson(int(right[form].sum()), 297)
    print(f"{form:<18} {right[form].float().mean():.1%} ({low:.1%} to {high:.1%})")
top1 = {form: 100 * of.float().mean().item() for form, of in right.items()}
numbers(bare=f"{top1['{}']:.1f}", icon=f"{top1['an icon of {}']:.1f}")
numbers(mixed=f"{top1['an of icon {}']:.1f}", photo=f"{top1['a photo of a {}.']:.1f}")
numbers(lost=f"{top1['{}'] - top1['a photo of a {}.']:.0f}")

# %% [markdown]
# The prompt that the paper recommends costs this model {=lost} points, while *an of icon*, which is not even English, does as well as *an icon of*. Pictures, weights and class names are the same in all four rows. Section 3 takes the prompts apart to find out which words do the harm.
#
# ## 1. By hand
#
# Suppose that the text encoder outputs two numbers. There are two classes, *nine* and *six*, and a picture of a nine has the unit vector $u = (0.6, 0.8)$.
#
# | prompt | nine | six |
# |---|---|---|
# | `{}` | (0, 1) | (0.8, 0.6) |
# | `number {}` | (0.8, 0.6) | (0.96, -0.28) |
#
# **Predict** on paper, with dot products: which class wins with `{}`, and which with `number {}`?

# %% tags=["nbval-check-output"]
picture = torch.tensor([0.6, 0.8])
texts = torch.tensor(
    [[[0.0, 1.0], [0.8, 0.6]], [[0.8, 0.6], [0.96, -0.28]]]
)  # (T, C, E): two templates, two classes, two numbers
for form, rows in zip(["{}", "number {}"], texts):
    nine, six = (rows @ picture).tolist()
    winner = "nine" if nine > six else "six"
    print(f"{form:<10} nine {nine:.2f}  six {six:.2f}  -> {winner}")

# %% [markdown]
# With `{}` the answer is wrong, with `number {}` it is right. The picture has not moved; a prompt moves the vectors of the classes.
#
# An **ensemble** uses both prompts. The paper averages them **in embedding space**: take the mean of a class's vectors and normalize it again. Compute the mean of (0, 1) and (0.8, 0.6), its length, and the winner.

# %% tags=["nbval-check-output"]
mean = texts.mean(dim=0)  # (C, E)
rows = F.normalize(mean, dim=-1)
for name, before, row in zip(["nine", "six"], mean, rows):
    x, y = before.tolist()
    print(f"{name}: mean ({x:.2f}, {y:.2f}), length {before.norm():.3f}, "
          f"score {row @ picture:.3f}")

# %% [markdown]
# The mean of two unit vectors is shorter than 1 unless they agree. That is why we normalize twice: each prompt, so that all count alike, and the mean, so that a class is not punished because its prompts disagree.
#
# There are two other ways to average. Each template can also be a classifier of its own, with a softmax over its logits; then we average the **logits** or the **probabilities**. The library's function does all three.

# %% tags=["nbval-check-output"]
from clipedu_lessons.l06_prompts.ensembles import WAYS, average

for way in WAYS:
    nine, six = average(picture[None], texts, 10.0, way)[0].tolist()
    print(f"mean of {way:<13}  nine {nine:.3f}  six {six:.3f}")

# %% [markdown]
# All three say *nine*, with different confidence. They differ in cost, too. The mean embedding is one classifier, computed once. The other two are as many classifiers as there are templates, for every picture.
#
# ## 2. In ten lines
#
# The function `fill` puts a name in the position of `{}`, and writes *an* where English wants it. Row $c$ of the classifier's weights is the normalized mean of the prompts of class $c$. The paper reads this as a *hypernetwork*: the text encoder writes the weights of a linear classifier, and its input is a description of the class.

# %% tags=["nbval-check-output"]
from clipedu.evaluation import embed_texts, fill, zero_shot_classifier

def classifier(class_names, templates):
    rows = []
    for name in class_names:
        prompts = [fill(template, name) for template in templates]
        each = embed_texts(model, tokenizer, prompts)  # (T, E), length 1
        rows.append(F.normalize(each.mean(0), dim=-1))
    return torch.stack(rows)  # (C, E)

some, forms = lucide.class_names[:40], ["{}", "an icon of {}"]
ours, library = classifier(some, forms), zero_shot_classifier(model, tokenizer, some, forms)
print(fill("an icon of a {}.", "umbrella"))
print("shape", tuple(ours.shape), f"largest difference {(ours - library).abs().max():.3f}")
assert torch.allclose(ours, library, atol=1e-4)

# %% [markdown]
# The library refuses what can't work: a template without `{}`, which would give all classes the same sentence, and a name that occurs twice.
#
# **Check your understanding**
#
# 1. Two prompts of a class have embeddings with the cosine -1. What is their ensemble?
# 2. You classify a million pictures into 1,000 classes with 80 templates. How many texts do you embed, and how many dot products does a picture cost with averaged embeddings? And with averaged probabilities?
# 3. Can a template change the accuracy if it moves the vectors of all classes by the same rotation?
#
# <details><summary>Answers</summary>
#
# 1. The mean is the zero vector, which has no direction. Any result is noise, so such a pair should never be averaged.
# 2. 80,000 texts in both cases, once. A picture costs 1,000 dot products with averaged embeddings and 80,000 with averaged probabilities.
# 3. Yes. The pictures do not rotate with the classes, so every cosine changes.
#
# </details>
#
# ## 3. Taking a prompt apart
#
# An **ablation** removes or changes one thing at a time. We vary the form, the last sign, the order of the words, the position of the name and the noun. The last group are **nonsense controls**: `{} {}` says the name twice and `a a a a {}` stutters, so they add words and no information.
#
# Two prompts are compared on the same pictures. A picture that both get right tells us nothing, and neither does one that both get wrong. Only answers that were **fixed** or **broken** count, and the interval below is computed from these (McNemar's test, exact).
#
# **Predict**: which of the six orders of *an*, *icon* and *of* work as well as *an icon of*?

# %%
prediction = ...  # change this: a list of orders

# %%
from clipedu_lessons.l06_prompts.figures import dots_figure
from clipedu_lessons.l06_prompts.paired import gain_of

TRIED = {
    "forms of the captions": ["a {}", "an icon of {}", "an icon of a {}.", "{}, outlined"],
    "the last sign": ["{}.", "{}!"],
    "three words in other orders": ["an of icon {}", "of an icon {}", "of icon an {}",
                                    "icon an of {}", "icon of an {}"],
    "words behind the name": ["{} icon", "{} photo", "{}, photo", "{} zebra", "{}, zebra"],
    "a noun in a known frame": ["a drawing of a {}", "a photo of a {}", "a photo of a {}.",
                                "a heart of a {}", "a zebra of a {}"],
    "nonsense controls": ["{} {}", "a a a a {}", "of of {}"],
}  # fmt: skip
right = ask(lucide, lucide_vectors, ["{}", *sum(TRIED.values(), [])])
gains = {form: gain_of(right["{}"], of) for form, of in right.items()}

# %% tags=["nbval-check-output", "tolerance-0.05"]
for title, forms in TRIED.items():
    print(f"{title}:")
    for form in forms:
        g = gains[form]
        print(f"  {form:<20}{g.points:+6.1f}   ({g.low:+.1f} to {g.high:+.1f})   "
              f"{g.fixed:>2} fixed, {g.broken:>3} broken")

# %%
spans = {title: {form: gains[form][:3] for form in forms} for title, forms in TRIED.items()}
figure = dots_figure(spans, line=0, about="points against the bare name, Lucide, 95 % interval")
words = "Prompts in six groups. Forms of the captions lie at zero; prompts that start with icon "
show(figure, words + "and frames with another noun lose 20 to 50 points.")
against = gain_of(right["{} {}"], right["an icon of {}"])
numbers(icon_gain=f"{gains['an icon of {}'].points:.1f}", against=str(against))
numbers(stop=f"{gains['{}.'].points:+.1f}")
numbers(**{key: f"{abs(gains[form].points):.0f}" for key, form in {
    "bang": "{}!", "first_of": "of an icon {}", "first_icon": "icon an of {}", "first_icon_too": "icon of an {}",
    "photo_behind": "{} photo", "photo_comma": "{}, photo", "zebra_behind": "{} zebra",
    "zebra_comma": "{}, zebra", "photo_stop": "a photo of a {}.", "photo_bare": "a photo of a {}",
    "heart": "a heart of a {}", "zebra": "a zebra of a {}"}.items()})  # fmt: skip

# %% [markdown]
# Read the groups from top to bottom. All points are changes against the bare name.
#
# * **Forms of the captions** change little. *an icon of {}* gains {=icon_gain} points against the bare name, but its interval includes zero, and so does the one against the control `{} {}`, which is {=against}. With 297 pictures this is a handful of answers.
# * **The last sign** can matter as much as any word. A full stop changes nothing ({=stop} points), an exclamation mark costs {=bang} points.
# * **The order** matters mostly through the first word. Both orders that start with *an* are as good as the bare name, both with *of* lose {=first_of} points, and those with *icon* {=first_icon} and {=first_icon_too}. The model has not learned grammar here. It has learned how captions start, with *a* or *an* or with the name.
# * **Behind the name** a word does less harm than in front of it, and behind a comma it does least. *icon* costs nothing there. *photo* costs {=photo_behind} points, and {=photo_comma} behind a comma; for *zebra* it is {=zebra_behind} and {=zebra_comma}. Captions put style and tags behind a comma, as in *cat, outlined*, so the comma seems to say that the name is over. The text encoder is causal: it reads the name before it knows what follows. But EOT, where the embedding is read, attends to all words.
# * **A noun in a known frame** is free if captions had it there, such as *drawing*. With *photo* the frame loses {=photo_bare} points, with *heart* {=heart} and with *zebra* {=zebra}. So there is nothing special about photographs. The full stop is innocent, too: with it the loss is {=photo_stop}.
#
# Why do these nouns cost so much? A guess: the model takes them for a thing that the picture shows. If so, *a photo of a cat* must be closer to *photo* than the bare *cat* is, while *a drawing of a cat* must not be closer to *drawing*. We average over the 297 names.

# %% tags=["nbval-check-output", "tolerance-0.05"]
alone = embed_texts(model, tokenizer, lucide.class_names)  # (C, E)
print(f"{'':<18}{'prompt, name':>14}{'prompt, noun':>14}{'name, noun':>12}")
moved = {}
for noun in ("icon", "drawing", "photo", "heart", "zebra"):
    form = f"{'an' if noun == 'icon' else 'a'} {noun} of a {{}}"
    rows = template_embeddings(model, tokenizer, lucide.class_names, [form])[0]  # (C, E)
    vector = embed_texts(model, tokenizer, [noun])[0]
    moved[noun] = [x.item() for x in ((rows * alone).sum(1).mean(), (rows @ vector).mean(),
                                      (alone @ vector).mean())]  # fmt: skip
    print(f"{form:<18}{moved[noun][0]:>14.2f}{moved[noun][1]:>14.2f}{moved[noun][2]:>12.2f}")
numbers(photo_near=f"{moved['photo'][1]:.2f}", photo_base=f"{moved['photo'][2]:.2f}")
numbers(drawing_near=f"{moved['drawing'][1]:.2f}", drawing_base=f"{moved['drawing'][2]:.2f}")
numbers(zebra_near=f"{moved['zebra'][1]:.2f}")

# %% [markdown]
# The guess holds. *a drawing of a cat* is no closer to *drawing* ({=drawing_near}) than the bare *cat* is ({=drawing_base}), so the model has learned to skip the frame. With *photo* the cosine rises from {=photo_base} to {=photo_near}, and with *zebra* to {=zebra_near}. For this model *a photo of a cat* is a picture of a photo and a cat: there are icons of photos, and no caption was ever a photo *of* something.
#
# Now compare with what the model has read.

# %%
import numpy as np

from clipedu.pairs import TRAINING_FAMILIES, load_icons
from clipedu.pairs.captions import CAPTION_MIXES, captions

icons = load_icons(TRAINING_FAMILIES)
read = captions(icons, np.random.default_rng(0), CAPTION_MIXES["sentences"])  # one a picture

# %% tags=["nbval-check-output"]
known = {name.lower() for icon in icons for name in (icon.name, *icon.aliases)}
counted = {
    "are a bare name": [text.rstrip(".") in known for text in read],
    "end in a full stop": [text.endswith(".") for text in read],
    "end in !": [text.endswith("!") for text in read],
    "start with a or an": [text.startswith(("a ", "an ")) for text in read],
    "start with icon": [text.startswith("icon ") for text in read],
    "say a drawing of": ["a drawing of" in text for text in read],
    "say a photo of": ["a photo of" in text for text in read],
}
for what, of in counted.items():
    print(f"{sum(of):>6,} of {len(read):,} captions {what}")
numbers(read=f"{len(read):,}", stops=f"{100 * sum(counted['end in a full stop']) / len(read):.0f}")
numbers(bare_share=f"{100 * sum(counted['are a bare name']) / len(read):.0f}")

# %% [markdown]
# {=stops} % of the captions end in a full stop and none in an exclamation mark. Not one of {=read} says *a photo of* or starts with *icon*. Most prompts that work have a form that captions have, too. The exceptions, such as *an of icon*, start like a caption and use only words that all captions share. In the paper's 400 million pairs a text beside a picture is rarely a single word, so there the bare word is the strange prompt.
#
# A count is not yet a cause. Section 5 trains models that differ only in their captions.
#
# **Check your understanding**
#
# 1. Why is `{} {}` a better control than the bare name?
# 2. A prompt fixes 30 answers and breaks 28 of 300. Another one fixes 2 and breaks none. Which accuracy rises, and what do the two prompts have in common?
# 3. The text encoder is causal (lesson 01). Why could words *behind* the name still change the result?
#
# <details><summary>Answers</summary>
#
# 1. It differs from the bare name in the same way as any prompt does: it is longer, and the name has other neighbors. What it gains or loses has nothing to do with meaning.
# 2. Both rise by 2 answers, 0.7 points. The first moves 58 answers and the second 2, so the first could as well have lost 10 points on other pictures.
# 3. The embedding is read at EOT, the last token. EOT attends to all tokens before it, and so to the words behind the name.
#
# </details>
#
# ## 4. A gain needs a control
#
# Now to a task where context should help: handwritten digits, far from any icon. The class names are *zero* to *nine*. The paper found it useful to say what a task is about, as in *a type of pet*. So we add a word: `number {}`.

# %% tags=["nbval-check-output", "tolerance-0.05"]
digits = load_task("digits")
ink = embed_pictures(model, digits.pictures)  # (1797, E)
answers = ask(digits, ink, ["{}", "number {}", "{} {}"])
for form, of in answers.items():
    print(f"{form:<10} {of.float().mean():.1%}")
number = gain_of(answers["{}"], answers["number {}"])
print(f"number against the bare name: {number} points, p = {number.p:.0e}")
numbers(digits_bare=f"{100 * answers['{}'].float().mean():.1f}", number_gain=f"{number.points:.0f}")
numbers(digits_number=f"{100 * answers['number {}'].float().mean():.1f}")
bare, asked = (100 * answers[form].float().mean().item() for form in ("{}", "number {}"))
numbers(digits_twice=f"{100 * answers['{} {}'].float().mean():.1f}")

# %% [markdown]
# A gain of {=number_gain} points, and a p-value that leaves no doubt. One would like to write "context found the digits". But look at the control: saying the name twice nearly doubles the accuracy, too.
#
# One nonsense prompt may be lucky. So we try 200: each puts one common word of the captions in front of the name, such as *zoom six* or *pencil six*. **Predict**: what share of these 200 nonsense prompts beats the bare name?

# %%
prediction = ...  # change this: a share in percent

# %% tags=["nbval-check-output", "tolerance-0.05"]
import random
from collections import Counter

counts = Counter(word for icon in icons for word in icon.name.lower().split())
common = [word for word, _ in counts.most_common(400) if word.isalpha() and len(word) > 2]
common = [word for word in common if word not in {"number", *digits.class_names}]
controls = [f"{word} {{}}" for word in random.Random(0).sample(common, 200)]
nonsense = ask(digits, ink, controls)
scores = {form: 100 * of.float().mean().item() for form, of in nonsense.items()}
best = max(scores, key=scores.get)
print(f"better than the bare name: {sum(s > bare for s in scores.values())} of 200")
print(f"their mean {sum(scores.values()) / 200:.1f} %, the best {scores[best]:.1f} % ({best})")
print(f"as good as 'number':       {sum(s >= asked for s in scores.values())} of 200")

# %%
from clipedu_lessons.l06_prompts.figures import spread_figure

marks = {"{}": bare, "number {}": asked}
figure = spread_figure(list(scores.values()), marks, "digits named right, percent")
words = f"Histogram of 200 nonsense prompts around {sum(scores.values()) / 200:.0f} percent. "
show(figure, words + f"The bare name is left of nearly all, at {bare:.0f}; number is rightmost.")
means_something = asked - sum(scores.values()) / 200
numbers(beat=sum(s > bare for s in scores.values()), best_word=best.split()[0])
numbers(control=f"{sum(scores.values()) / 200:.0f}", best_control=f"{scores[best]:.1f}")
numbers(by_any=f"{sum(scores.values()) / 200 - bare:.0f}", by_meaning=f"{means_something:.0f}")

# %% [markdown]
# Of 200 nonsense prompts {=beat} beat the bare name, and their mean is {=control} %. So of the {=number_gain} points that *number* gains, any word at all would bring {=by_any}. Only the other {=by_meaning} points are *number*'s own. They are real: none of the 200 controls is as good. But the best of them, *{=best_word}*, reaches {=best_control} %, and it means nothing here.
#
# Roth et al. ([arXiv 2306.07282](https://arxiv.org/abs/2306.07282)) found something similar for released CLIP models: random words in prompts did about as well as descriptions that a language model had written.
#
# ### Why does any word help?
#
# Look at the tokens. The tokenizer of lesson 01 treats a word at the start of a text differently from one after a space.

# %% tags=["nbval-check-output"]
def tokens_of(text):
    return [tokenizer.decode([i]) for i in tokenizer.encode(text)]

print("six:       ", tokens_of("six"))
print("number six:", tokens_of("number six"))
print(f"{'':<8}{'in names':>9}{'as the first word':>19}")
for name in ("one", "six", "seven"):
    having = [icon.name.lower().split() for icon in icons if name in icon.name.lower().split()]
    print(f"{name:<8}{len(having):>9}{sum(words[0] == name for words in having):>19}")

# %% [markdown]
# At the start *six* is two tokens, *s* and *ix*; after a space it is a single one. Captions nearly always say *number six* or *dice six*, so the model has learned the token with the space and hardly ever read the other two. If this explains the gain, then the space alone should bring it, without any word in front. We feed the text encoder just that token.

# %% tags=["nbval-check-output", "tolerance-0.05"]
start, end = tokenizer(["x"])[0, [0, 2]].tolist()  # SOT and EOT
inner = [tokenizer.encode("x " + name)[1:] for name in digits.class_names]  # with the space
rows = torch.zeros(10, 32, dtype=torch.long)
for row, ids in zip(rows, inner):
    row[: len(ids) + 2] = torch.tensor([start, *ids, end])
with torch.no_grad():
    spaced = F.normalize(model.encode_text(rows), dim=-1)  # (10, E)
with_space = ((ink @ spaced.T).argmax(1) == digits.labels).float().mean()
print(f"the bare name {bare:.1f} %, a space and the name {100 * with_space:.1f} %")
numbers(with_space=f"{100 * with_space:.1f}")

# %% [markdown]
# A space takes the accuracy from {=digits_bare} to {=with_space} %, about as far as nonsense does. So about half of what looked like context comes from the tokenizer.
#
# ### Did the model learn to read, or did its habit change?
#
# An accuracy hides which classes are answered. The next figure counts them. A classifier that reads the digits would give each name to about 180 pictures, the dotted line.

# %%
from clipedu_lessons.l06_prompts.figures import answers_figure

FORMS = ["{}", "zoom {}", "number {}"]
texts = template_embeddings(model, tokenizer, digits.class_names, FORMS)  # (T, C, E)
given = {form: torch.bincount((ink @ rows.T).argmax(1), minlength=10).tolist()
         for form, rows in zip(FORMS, texts)}  # fmt: skip
words = "Three bar charts of answers. " + " ".join(
    f"With {form}, most often {digits.class_names[of.index(max(of))]}, {max(of)} times."
    for form, of in given.items())
show(answers_figure(digits.class_names, given), words)
habit = digits.class_names[given["{}"].index(max(given["{}"]))]
numbers(habit=habit, habit_times=max(given["{}"]), habit_number=max(given["number {}"]))

# %% [markdown]
# The bare name calls {=habit_times} of 1,797 pictures *{=habit}*. Some text vectors are close to all pictures and others are far from all of them, so a few classes are favored for every picture. We call this the model's habit. We can take it away without any label: subtract from each class its mean cosine over all pictures. Zhao et al. ([arXiv 2102.09690](https://arxiv.org/abs/2102.09690)) correct language models in a similar way.

# %% tags=["nbval-check-output", "tolerance-0.05"]
centered = {}
for form, rows in zip(FORMS, texts):
    cosines = ink @ rows.T  # (N, C)
    raw = (cosines.argmax(1) == digits.labels).float().mean()
    without = (cosines - cosines.mean(0)).argmax(1) == digits.labels
    centered[form] = 100 * without.float().mean().item()
    print(f"{form:<10} {raw:.1%}, without the habit {centered[form]:.1f} %")
numbers(centered_bare=f"{centered['{}']:.0f}", centered_number=f"{centered['number {}']:.0f}")

# %% [markdown]
# Without the habit `number {}` reaches {=centered_number} %, and the bare name stays at {=centered_bare} %, near the chance of 10 %. So the two prompts differ in more than habit: the bare names do not say which digit is meant, the names after *number* do.
#
# **Check your understanding**
#
# 1. A colleague adds "a centered satellite photo of" and gains 6 points with p < 0.001. Which experiment do you ask for?
# 2. Why is a p-value against the bare name not enough?
# 3. When would subtracting the class means do harm?
#
# <details><summary>Answers</summary>
#
# 1. The same pictures with other words of the same length, such as "a crowded wooden chair of". If these gain 6 points, the words *satellite photo* did nothing.
# 2. It says that the two prompts differ. It does not say that they differ because of what the new words mean.
# 3. When the classes are not equally frequent. If nine pictures in ten show a six, then *six* has a high mean for a good reason.
#
# </details>
#
# ## 5. What captions teach
#
# Section 3 suggests that a prompt works if captions had its form. Now we test it. Two models see the same pictures. One reads bare names. The other reads the mix of the shipped model, in which bare names alternate with sentences and names with words added. Each is a text encoder, trained from scratch beside the shipped image encoder, which stays frozen. Zhai et al. ([arXiv 2111.07991](https://arxiv.org/abs/2111.07991)) call this locked-image tuning. `benchmarks/templates.py` did it with three seeds on 2,887 pictures, and asked about the three icon sets that training never saw.
#
# **Predict**: which of the two models names more pictures with the bare name? And which one with *a drawing of a {}.*?

# %%
prediction = ...  # change this: two answers, "names" or "sentences"

# %%
from clipedu_lessons.common.records import read_record

stored = read_record("templates")
ONE = {"trained": "text", "captions": "names", "seed": 0, "asked": "{}", "by": "embeddings"}
pictures = sum(row["pictures"] for row in stored if ONE.items() <= row.items())

def share(mix, asked, by="embeddings", trained="text"):
    """Percent right on the three sets together, for each seed."""
    found = Counter()
    for row in stored:
        if (row["trained"], row["captions"], row["asked"], row["by"]) == (trained, mix, asked, by):
            found[row["seed"]] += row["right"]
    return [100 * found[seed] / pictures for seed in sorted(found)]

# %% tags=["nbval-check-output"]
ASKED = ["{}", "{}.", "an icon of {}", "a drawing of a {}.", "this icon shows a {}.",
         "a photo of a {}.", "a zebra of a {}.", "a heart of a {}.", "a folder of a {}.",
         "{} {}", "of of {}"]  # fmt: skip
mean_of = {}
print(f"{pictures} pictures; mean of three seeds (lowest to highest)")
print(f"{'':<24}{'read names':^22}{'read sentences':^22}")
for form in ASKED:
    cells = ""
    for mix in ("names", "sentences"):
        of = share(mix, form)
        mean_of[mix, form] = sum(of) / len(of)
        cells += f"{mean_of[mix, form]:>7.1f} ({min(of):.1f} to {max(of):.1f})".ljust(22)
    print(f"{form:<24}{cells}")
numbers(**{f"{mix}_{ASKED.index(form)}": f"{x:.1f}" for (mix, form), x in mean_of.items()})

# %% tags=["nbval-check-output"]
WHOLE = {mix: {form: share(mix, form, trained="whole")[0] for form in ("{}", "a drawing of a {}.")}
         for mix in ("names", "sentences")}  # fmt: skip
for mix, of in WHOLE.items():
    print(f"a whole model that read {mix}: " + ", ".join(f"{f} {x:.1f}" for f, x in of.items()))
numbers(**{f"whole_{mix}_{k}": f"{x:.1f}" for mix, of in WHOLE.items()
           for k, x in enumerate(of.values())})  # fmt: skip
photo = share("sentences", "a photo of a {}.")
numbers(photo_low=f"{min(photo):.0f}", photo_high=f"{max(photo):.0f}")

# %% [markdown]
# The captions decide. The model that read bare names falls from {=names_0} to {=names_3} % when it is asked with a sentence, and a full stop alone takes it to {=names_1} %. The model that read sentences keeps {=sentences_3} % and does not mind the full stop. Whole models, both encoders trained on one mix or the other, show the same with one seed: {=whole_names_0} and {=whole_names_1} % after names, {=whole_sentences_0} and {=whole_sentences_1} % after sentences.
#
# Nouns that are strange in this position cost even the model that read sentences a lot: {=sentences_5} % with *photo*, {=sentences_7} with *heart*, {=sentences_8} with *folder* and {=sentences_6} with *zebra*. But look at the seeds. With *photo* the three models lie between {=photo_low} and {=photo_high} %, although they differ only in their random numbers, that is, in the initial weights and in the order of pictures and captions. The captions did not say what such a noun does to a sentence, so each model does something else. That is why we can't order the four nouns, and why a result about one strange prompt and one model tells little about the next model.
#
# This is the positive case of the lesson: the same prompt, useless for one model, works for another, and the only difference is what the captions said. Note what does *not* follow. The sentence does not beat the bare name here ({=sentences_3} against {=sentences_0} %), because both forms were read and the sentence adds no information about the class. The paper's gain of 1.3 points from *a photo of a {label}.* belongs to a model for which the bare word was the rare form.
#
# **Check your understanding**
#
# 1. Why do both models share the same frozen image encoder?
# 2. The model that read names scores {=names_9} % with `{} {}` and {=names_10} % with `of of {}`. What could explain the difference?
# 3. You train a CLIP on captions that all have the form "buy NAME online". Which prompt do you use?
#
# <details><summary>Answers</summary>
#
# 1. So that the captions are the only difference. If each model had its own image encoder, that encoder could explain the result, too.
# 2. `{} {}` contains only words of names. *of* is rare in names, so the model never learned to ignore it. The experiment does not prove this; other rare words would be a test.
# 3. The same form, "buy {} online". The bare name is a prompt that this model has never read.
#
# </details>
#
# ## 6. Ensembles
#
# The paper gains 3.5 points on ImageNet by averaging 80 prompts. When does an average help? We compare two kinds of templates on Lucide. The first kind are eight forms of the captions, each good by itself. The second are 32 of the nonsense words of section 4, each bad by itself.
#
# **Predict**: which kind gains more from averaging?

# %%
prediction = ...  # change this: "good prompts" or "bad prompts"

# %%
GOOD = ["{}", "an icon of {}", "an icon of a {}.", "a picture of a {}.", "a drawing of a {}.",
        "this icon shows a {}.", "{}, outlined", "{}, filled"]  # fmt: skip
BAD = controls[:32]
scale = float(model.logit_scale.detach().exp())

def ensembles(task, vectors, forms, sizes):
    """way -> for each size, the mean accuracy of ensembles of that many templates."""
    texts = template_embeddings(model, tokenizer, task.class_names, forms)  # (T, C, E)
    found = {way: [] for way in WAYS}
    for size in sizes:
        parts = texts.split(size)
        for way in WAYS:
            named = [average(vectors, part, scale, way).argmax(1) == task.labels for part in parts]
            found[way].append(100 * torch.stack(named).float().mean().item())
    return found

# %% tags=["nbval-check-output", "tolerance-0.05"]
good = ensembles(lucide, lucide_vectors, GOOD, (1, 2, 4, 8))
bad = ensembles(lucide, lucide_vectors, BAD, (1, 2, 4, 8, 16, 32))
for title, found in {"forms of the captions": good, "nonsense words": bad}.items():
    print(f"{title}: one alone {found['embeddings'][0]:.1f} %, all together")
    print("   " + ", ".join(f"{way} {of[-1]:.1f} %" for way, of in found.items()))
numbers(good_one=f"{good['embeddings'][0]:.1f}", good_all=f"{good['embeddings'][-1]:.1f}")
numbers(bad_one=f"{bad['embeddings'][0]:.1f}", bad_all=f"{bad['embeddings'][-1]:.1f}")
numbers(bad_logits=f"{bad['logits'][-1]:.1f}", bad_p=f"{bad['probabilities'][-1]:.1f}")
numbers(good_gain=f"{good['embeddings'][-1] - good['embeddings'][0]:.1f}")
numbers(bad_gain=f"{bad['embeddings'][-1] - bad['embeddings'][0]:.0f}")

# %%
from clipedu_lessons.l06_prompts.figures import curves_figure

SIZES = (1, 2, 4, 8, 16, 32)
on_digits = ensembles(digits, ink, BAD, SIZES)
panels = {"Lucide, nonsense words": bad, "digits, nonsense words": on_digits}
about = {"xlabel": "templates in the ensemble", "ylabel": "named right, percent"}
words = "Left, on Lucide, all three averages rise with the number of templates, logits least. "
words += "Right, on digits, logits and probabilities rise, and the mean of embeddings hardly does."
show(curves_figure(panels, SIZES, **about), words)
numbers(d_one=f"{on_digits['embeddings'][0]:.0f}", d_emb=f"{on_digits['embeddings'][-1]:.0f}")
numbers(d_p=f"{on_digits['probabilities'][-1]:.0f}")

# %% [markdown]
# Averaging removes what the prompts do *not* have in common. Nonsense words push the vector of a class in different directions, which partly cancel: 32 of them together reach {=bad_all} %, {=bad_gain} points more than one alone. Forms of the captions agree with each other, so little is left to cancel, and the gain is {=good_gain} points. Even so, 32 bad prompts do not reach one good one.
#
# The three ways to average are not the same. On Lucide the mean of embeddings reaches {=bad_all} % and the mean of probabilities {=bad_p} %, which is about the same with 297 pictures; logits are behind with {=bad_logits} %. On digits the mean of embeddings gains least, from {=d_one} to {=d_emb} %, where probabilities reach {=d_p} %. Logits and embeddings differ only by the last normalization, so that step alone is worth points here and costs points there. We know no rule that says beforehand which way is better. The paper uses embeddings because a thousand classes with 80 prompts then cost as much as with one.

# %% tags=["nbval-check-output"]
def seeds(mix, asked, by="embeddings"):
    return sum(of := share(mix, asked, by)) / len(of)

MEMBERS = {"5 sentences": ["an icon of {}", "an icon of a {}.", "a picture of a {}.",
                           "a drawing of a {}.", "this icon shows a {}."],
           "3 nonsense forms": ["{} {}", "of of {}", "zoom {}"]}  # fmt: skip
print(f"{'':<12}{'':<20}{'mean member':>12}" + "".join(f"{way:>15}" for way in WAYS))
for mix in ("names", "sentences"):
    for name, forms in MEMBERS.items():
        one = sum(seeds(mix, form) for form in forms) / len(forms)
        row = "".join(f"{seeds(mix, name, way):>15.1f}" for way in WAYS)
        print(f"{mix:<12}{name:<20}{one:>12.1f}{row}")

# %% [markdown]
# The stored models of section 5 say the same. For the model that read sentences, five of them together are no better than one, because they agree, while three nonsense forms gain much. For the model that read only names, one of the nonsense forms is good (`{} {}`) and two are bad. There the bad ones spoil the mean of embeddings, while the mean of probabilities keeps most of what the good one knows. That is to be expected if a bad prompt is unsure: it spreads its probability over many classes, so it hardly counts.
#
# ## 7. Choosing a prompt fools you
#
# The notebook that OpenAI published beside the paper tries 80 templates on ImageNet and keeps 7 of them, chosen one after another by accuracy. Whoever chooses among many prompts on the pictures that are then reported is fooled: the best of many is partly lucky. How large is this **optimism**?
#
# We choose the best of $k$ nonsense prompts on 60 random digits, and then measure it on the other 1,737. The experiment is repeated 300 times. Guess the difference for $k = 64$ before you look.

# %% tags=["nbval-check-output", "tolerance-0.05"]
table = torch.stack(list(nonsense.values())).float()  # (200, N): which template is right where
draw = torch.Generator().manual_seed(0)
KS, looks, reports = (1, 4, 16, 64), [], []
for k in KS:
    seen, new = [], []
    for _ in range(300):
        order = torch.randperm(len(digits), generator=draw)
        tried = table[torch.randperm(len(table), generator=draw)[:k]]
        chosen = tried[tried[:, order[:60]].mean(1).argmax()]
        seen.append(100 * chosen[order[:60]].mean())
        new.append(100 * chosen[order[60:]].mean())
    looks.append(torch.stack(seen).mean().item())
    reports.append(torch.stack(new).mean().item())
    print(f"best of {k:>2}: {looks[-1]:.1f} % where it was chosen, {reports[-1]:.1f} % elsewhere, "
          f"optimism {looks[-1] - reports[-1]:+.1f}")

# %% [markdown]
# A single prompt shows no optimism ({=none} points). The best of 64 looks {=optimism} points better than it is. Choosing still helps, by {=chosen_gain} points on pictures that took no part, because some prompts are in fact better. So choose, but report the number from pictures that did not choose.
#
# Is the paper honest here? It says so itself (section 6): its prompts were developed while its authors looked at full validation sets with thousands of examples. So "zero-shot" means that there were no training examples. It does not mean that nobody looked.
#
# **Check your understanding** (sections 6 and 7)
#
# 1. Two prompts have the same accuracy. When is their ensemble better than either, and when is it not?
# 2. You choose among 64 prompts on 6,000 pictures instead of 60. Does the optimism rise or fall?
# 3. Why does the best of 64 gain more on new pictures than the best of 4, although it is more optimistic?
#
# <details><summary>Answers</summary>
#
# 1. It is better if they make different errors, and their scores are good enough to outvote each other. It is not if they agree, like the forms of the captions.
# 2. It falls. The accuracy of each prompt is measured more exactly, so luck decides less.
# 3. Some prompts really are better, and 64 tries find a better one than 4 do. Optimism is the part of the apparent gain that is luck.
#
# </details>
#
# ## 8. One word, two meanings
#
# Back to the mouse. The paper's example is *crane*: ImageNet has construction cranes and cranes that fly. How does our model understand *mouse*?

# %% tags=["nbval-check-output", "tolerance-0.05"]
numbers(optimism=f"{looks[-1] - reports[-1]:.1f}", none=f"{abs(looks[0] - reports[0]):.1f}")
numbers(chosen_gain=f"{reports[-1] - reports[0]:.0f}")
living, desk = embed_pictures(model, beasts), embed_pictures(model, devices)
print(f"{'cosine with':<22}{'animals':>8}{'devices':>8}")
for words in ("mouse", "mouse, animal", "mouse, computer", "an emoji of a mouse", "rat"):
    vector = embed_texts(model, tokenizer, [words])[0]
    print(f"{words:<22}{(living @ vector).mean():>8.2f}{(desk @ vector).mean():>8.2f}")
drawn = [icon for icon in icons if "mouse" in icon.name.lower().split()]
real = [icon for icon in drawn if icon.family == "openmoji" and "computer" not in icon.name]
print(f"{len(drawn)} training pictures have mouse in their name; OpenMoji's are "
      + ", ".join(icon.name for icon in real))

# %% [markdown]
# *mouse* is about as close to the animals as to the devices, although the model has been trained on these two drawings of the animal. The hint *animal* lowers both cosines and does not turn them round. *an emoji of a mouse* does, since captions of these two drawings said so, but *emoji* tells the style and not the meaning.
#
# So when does a hint settle a meaning? Two animals are too few to find out, so we build a world in which we can measure it. Twenty made-up words each mean two things, one from nature and one machine: *blick* is a bird and a battery, *dax* a bone and a calculator. Text encoders are trained on the training sets' pictures of these 40 things, and tested on the three held-out sets.
#
# Three worlds differ in what the captions say. In the world **never**, a caption is always the bare word, *blick*. In **always**, half of the captions of every word add a hint, *blick, nature* or *blick, machine*. In **half**, ten of the words get such captions and the other ten are always bare.
#
# First one run live, then three seeds of each world from `benchmarks/polysemy.py`. **Predict**: will the model of the world *half* understand the hint for words that were never seen with one?

# %%
prediction = ...  # change this: share right between two meanings, chance is 50 %

# %% tags=["nbval-check-output", "tolerance-0.05"]
from clipedu_lessons.l06_prompts.two_meanings import CLASSES, TwoMeanings

world = TwoMeanings(model, tokenizer)
chosen = [world.labels.tolist().index(CLASSES.index(of)) for of in
          ("blick, nature", "blick, machine", "fep, nature", "fep, machine")]  # fmt: skip
figure = picture_grid(world.shown[chosen], [CLASSES[world.labels[i]] for i in chosen], 4)
show(figure, "A bird and a battery, both called blick; a bug and a clock, both called fep.")
for row in world.measure(world.train("always", seed=0)):
    print(f"{row['words']}: the right one of 40 meanings for {row['meaning']} of "
          f"{row['pictures']} pictures")

# %% tags=["nbval-check-output"]
rows, shares = read_record("polysemy"), {}
print(f"{'world':<8}{'words':<11}{'right word, bare':>17}{'right of 2 meanings':>21}   each seed")
for name, group in sorted({(row["world"], row["words"]) for row in rows}):
    of = [row for row in rows if (row["world"], row["words"]) == (name, group)]
    n = sum(row["pictures"] for row in of)
    word, two = (100 * sum(row[key] for row in of) / n for key in ("word", "two_way"))
    each = " ".join(f"{row['two_way'] / row['pictures']:.0%}" for row in of)
    print(f"{name:<8}{group:<11}{word:>15.0f} %{two:>19.0f} %   {each}")
    shares[f"two_{name}_{group[:5]}"] = f"{two:.0f}"
numbers(**shares)

# %% [markdown]
# If captions of a word had the hint, it settles the meaning in {=two_always_first} % of the cases. If no caption had, it does so in {=two_never_first} and {=two_never_other} %, and single seeds lie on both sides of the 50 % of a coin. This is the positive control that the mouse lacks: context in a prompt works, provided that it was in the captions.
#
# The world *half* adds a warning. Words with hints in their captions reach {=two_half_first} %, the others only {=two_half_other} %, although the model has read the same hints beside ten other words. It has learned what *blick, nature* means as a whole, and not what *nature* does to any word. With millions of words instead of twenty a model may have more reason to learn the general rule. We have not tested that; it does not fit on a laptop.
#
# **Check your understanding**
#
# 1. In the world *never* all three seeds know the right word. Why can no bare prompt name more than half of these pictures among 40 meanings?
# 2. Why are made-up words better here than *mouse* and *crane*?
# 3. OpenAI renamed *crane* to *crane (bird)* for ImageNet. When does that help?
#
# <details><summary>Answers</summary>
#
# 1. The two meanings of a word have the same prompt, hence the same vector and the same score. The tie is right for one of them only.
# 2. The model has read no caption with them, so we control everything that it knows of them. And we can have twenty instead of one.
# 3. If training captions of cranes contained *bird* often enough. With 400 million pairs from the web they probably did; with our captions they did not.
#
# </details>
#
# ## 9. Other languages
#
# Can a text encoder name pictures in a language whose words for them it never read? The `emoji` package has names in 14 languages, so `benchmarks/multilingual.py` could try. For half of the emoji the Spanish names are left out of the captions, or the Japanese ones. The model is then asked for these very names.
#
# All rows below choose among the same 829 names of the same 829 pictures. There are two controls: a model that read only English, and one that read English and the other half of the Spanish (or Japanese) names.
#
# Before you look: for which of the two languages will the other languages help?

# %% tags=["nbval-check-output"]
from itertools import product

rows, shares = read_record("multilingual"), {}
KINDS = ("all", "spelled alike", "spelled like no other")
READ = {"English": "only English", "two": "English, half of the names", "all": "14 languages"}
print(f"{'asked in':<10}{'captions':<28}" + "".join(f"{kind:>22}" for kind in KINDS))
for (code, name), (read_in, said) in product({"es": "Spanish", "ja": "Japanese"}.items(), READ.items()):
    line = f"{name:<10}{said:<28}"
    for k, kind in enumerate(KINDS):
        (r,) = [r for r in rows if (r["world"], r["asked_in"], r["names"]) == (read_in, code, kind)]
        percent, low, high = 100 * r["right"] / r["pictures"], 100 * r["low"], 100 * r["high"]
        line += f"{percent:>6.1f} ({low:.1f} to {high:.1f})".rjust(22)
        shares[f"{code}_{read_in}_{k}"] = f"{percent:.1f}"
    print(line)
numbers(**shares)

# %% [markdown]
# Spanish rises from {=es_English_0} % with English alone to {=es_two_0} % with half of the Spanish names, and to {=es_all_0} % with the other languages. But look at the columns. The whole gain of the other languages is in names that are spelled much like those of another language, such as *cruz ortodoxa* ({=es_all_1} against {=es_two_1} %). For names that look like no other it is {=es_all_2} against {=es_two_2} %, which is no gain. Japanese shows the same. Only 38 of its names look like another language's, so in all it has {=ja_all_0} against {=ja_two_0} %.
#
# So our claim is small. What transfers between languages is spelling, and no meaning that we could measure. What is right beyond spelling needs the *same* language. Presumably the words of an unread name occur in names that were read. This is one seed, with a short training in which 14 languages share the steps that two have for themselves in the control.
#
# ## 10. What a score means
#
# ### A softmax over two prompts
#
# "The model says that this is a dog, with 99 %." What does such a number mean? Here is the picture of an umbrella, asked with two prompts each time.

# %% tags=["nbval-check-output", "tolerance-0.05"]
umbrella = lucide_vectors[lucide.labels == lucide.class_names.index("umbrella")][0]
for pair in (["umbrella", "cat"], ["an icon of a dog", "an icon of a cat"],
             ["umbrella", "not an umbrella"], ["a dog", "something else"]):  # fmt: skip
    cosines = embed_texts(model, tokenizer, pair) @ umbrella
    shares = (scale * cosines).softmax(0)
    print(" | ".join(f"{text}: cosine {c:.2f}, {p:.1%}" for text, c, p
                     in zip(pair, cosines.tolist(), shares.tolist())))  # fmt: skip
pair = embed_texts(model, tokenizer, ["an icon of a dog", "an icon of a cat"]) @ umbrella
numbers(dog=f"{100 * (scale * pair).softmax(0)[0]:.0f}", dog_cos=f"{pair[0]:.2f}")
numbers(cat_cos=f"{pair[1]:.2f}", scale=f"{scale:.0f}")

# %% [markdown]
# The umbrella is a dog with {=dog} %. Neither prompt fits: the cosines are {=dog_cos} and {=cat_cos}, where the right name has more than 0.5. But a softmax must distribute 100 %, and it sees only the *difference*, multiplied by the logit scale of {=scale}. Its probability answers the question "which of these two captions goes with the picture, given that one of them does?", which is the question of the training loss.
#
# So a prompt such as *something else* or *not an umbrella* is no way to say no. It is a caption like any other, and hardly any caption says it. To ask "is there an umbrella at all?" use the cosine itself with a threshold that was chosen on other pictures (lesson 05), or compare with many other names. Lesson 05 also looks for words when there is no list of classes.
#
# ### Long prompts
#
# The text encoder has {=context} positions, two of them for SOT and EOT, and the library refuses a longer text unless you ask it to cut. The paper's limit is 77. But does length do harm before the limit? We add more and more words that say nothing about the picture, in front of the name or behind it. The control adds equally many times the word *a*, which captions use all the time and which cost nothing in section 3. The last column counts the captions that are long enough to have trained the position behind so many words.

# %% tags=["nbval-check-output", "tolerance-0.05"]
filler = "drawn with a pen on white paper for a page of the web that many people".split()
lengths = [len(tokenizer.encode(text)) for text in read]
print(f"{'words added':<12}{'behind':>8}{'in front':>10}{'a behind':>10}{'a in front':>12}{'captions':>10}")
for k in (0, 1, 2, 4, 8, 15):
    cells = []
    for more in (" ".join(filler[:k]), " ".join(["a"] * k)):
        of = ask(lucide, lucide_vectors, [f"{{}} {more}".strip(), f"{more} {{}}".strip()])
        cells += [f"{100 * x.float().mean():.1f}" for x in of.values()]
        cells += cells[-1:] if k == 0 else []
    longer = sum(n > k for n in lengths)
    print(f"{k:<12}{cells[0]:>8}{cells[1]:>10}{cells[2]:>10}{cells[3]:>12}{longer:>10,}")
    numbers(**{f"{key}_{k}": cell for key, cell in zip(("behind", "front", "a_behind", "a_front"), cells)})
    numbers(**{f"longer_{k}": f"{longer:,}"})
print(f"captions with the word drawn: {sum('drawn' in text.split() for text in read)}")
numbers(context=model.config.text.context_length)

# %% [markdown]
# It is the words that do the harm, and not the length. One *drawn*, which no caption says, takes the accuracy from {=behind_0} to {=behind_1} % behind the name and to {=front_1} % in front of it. Eight times *a* cost almost nothing ({=a_behind_8} and {=a_front_8} %). With 15 times *a* in front, the name stands at a position that only {=longer_15} of {=read} captions ever reached, and the accuracy falls to {=a_front_15} %. So length does harm where training had no captions that long.
#
# Zhang et al. ([arXiv 2403.15378](https://arxiv.org/abs/2403.15378)) report that released CLIP models, too, use only the beginning of a long text, and they repair it by fine-tuning on long captions.
#
# **Check your understanding** (sections 9 and 10)
#
# 1. Why are the results in section 9 split by spelling?
# 2. A classifier of two prompts says *dog* with 99.4 %. Which number do you look at before you believe it?
# 3. Your class descriptions have 60 words each, and the model was trained on captions of at most 20. What do you try?
#
# <details><summary>Answers</summary>
#
# 1. Many names are spelled alike in two languages. Without the split, that would look like a transfer of meaning.
# 2. The cosine of *dog* with the picture, compared with the cosines that right pairs usually have.
# 3. Shorter texts: split each description into sentences of the length that was trained, embed each, and average the embeddings.
#
# </details>
#
# ## 11. The answer
#
# **What should you ask?** In the form in which the answer was read. In this run:

# %% tags=["summary", "nbval-check-output", "tolerance-0.05"]
print(f"{'':<44}{'here':>7}   paper")
photo_points = gains["a photo of a {}."].points
print(f"{'a photo of a {}. against the bare name':<44}{photo_points:>+7.1f}   +1.3, ImageNet")
caption_form = gain_of(right["{}"], right["an icon of {}"]).points
print(f"{'an icon of {} against the bare name':<44}{caption_form:>+7.1f}")
more = good["embeddings"][-1] - good["embeddings"][0]
print(f"{'8 caption forms against one of them':<44}{more:>+7.1f}   +3.5, 80 prompts")
more = bad["embeddings"][-1] - bad["embeddings"][0]
print(f"{'32 nonsense words against one of them':<44}{more:>+7.1f}")
print(f"{'number {} against the bare name, digits':<44}{number.points:>+7.1f}")
print(f"{'number {} against 200 nonsense words':<44}{means_something:>+7.1f}")

# %% [markdown]
# Ours differ from the paper's numbers because our captions differ. Nobody wrote *a photo of* here, and {=bare_share} % of the captions are bare names, so the bare name is no strange prompt. A prompt moves the vector of a class. It helps if training has been near the new position, it hurts if not, and averages cancel what the prompts don't share. Before you believe a gain, ask what nonsense would have gained.
#
# On a GPU nothing changes but the size: 80 templates for 1,000 classes are 80,000 sentences, embedded once.
#
# **Further reading**
#
# * Roth et al. 2023, *Waffling around for Performance* ([arXiv 2306.07282](https://arxiv.org/abs/2306.07282)): random words as a control for prompts that language models wrote.
# * Pratt et al. 2022, *What does a platypus look like?* ([arXiv 2209.03320](https://arxiv.org/abs/2209.03320)): a language model describes each class, and the descriptions are the prompts.
# * Zhou et al. 2021, *Learning to Prompt for Vision-Language Models* ([arXiv 2109.01134](https://arxiv.org/abs/2109.01134)): the context words become free vectors, learned from labeled pictures. This is no longer zero-shot, and it is the usual answer to "which prompt is best?" if you have labels.
# * Zhai et al. 2021, *LiT* ([arXiv 2111.07991](https://arxiv.org/abs/2111.07991)): a text encoder trained beside a frozen image encoder, as in sections 5, 8 and 9.
#
# **Next**: [the exercises of lesson 06](../exercises/06_prompts.ipynb). There you take prompts apart automatically, repair a selection that leaks, explain a confident error, and add the prompt ensemble to `my_clip.py`. Then comes [lesson 07, Objectives](07_objectives.ipynb), which asks why CLIP contrasts pictures and captions at all.
