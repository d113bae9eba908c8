# %% [markdown]
# # 12 · Limits
#
# **Where does it fail, and whom?**
#
# This lesson rebuilds sections 4 to 7 of Radford et al. 2021 ([arXiv 2103.00020](https://arxiv.org/abs/2103.00020)): people against CLIP, data overlap, limitations and broader impacts. Plan about 75 minutes for reading and predicting, and another two to three hours if you do all the exercises. The notebook runs in about a minute on two CPU cores.

# %%
import torch
from torch.nn import functional as F

from clipedu.evaluation import embed_pictures, embed_texts, load_task
from clipedu.plots import picture_grid, show
from clipedu_lessons.common.mine import use
from clipedu_lessons.common.numbers import numbers
from clipedu_lessons.l12_limits.pictures import count_pictures, side_by_side, with_word

model, tokenizer = use()  # or use("mine"): what you trained in lesson 04
lucide = load_task("lucide")  # 297 pictures by artists that training never saw, 297 names
names = [name.lower() for name in lucide.class_names]
where = {name: i for i, name in enumerate(names)}
counted, how_many = count_pictures(60)
bell, bus = (lucide.pictures[[int((lucide.labels == where[n]).nonzero()[0])]] for n in ("bell", "bus"))

# %%
four = torch.cat([counted[[190, 400]], side_by_side(bell, bus), with_word(bell, ["bus"])])
asked = ["how many?", "how many?", "what is on the left?", "what is this?"]
show(picture_grid(four, asked), "Four pictures: 4 shapes, 7 shapes, a bell beside a bus, a bell with the word bus.")

# %% [markdown]
# A child of five answers all four. Our model names most of 297 icons that it has never seen, and here it falls short. This lesson measures such failures one by one. The hard part is not to find a failure. The hard part is to know *what* failed: the model, the pictures, or the question. So each test has a **control**, which shows that the test could have come out well.
#
# **After this lesson you can**
#
# * find the plain baseline that explains a success, and the control that gives a failure its meaning;
# * work out beforehand how many pictures a test needs;
# * show how the list of class names decides what a classifier can say about anybody, and what to do about pictures that belong to no class;
# * test whether duplicates in the training data inflate an accuracy, the way the paper does it;
# * compare yourself with the model, fairly.
#
# ## 1. Digits: against raw pixels
#
# Zero-shot CLIP gets 88 % of MNIST's handwritten digits right, and "an embarrassingly simple baseline of logistic regression on raw pixels" gets 92.5 % (section 6; Table 14 prints 88.4 %). The authors found hardly any picture like MNIST's among their 400 million. CLIP doesn't generalize to everything; it was trained on data so varied that nearly everything resembles some of it.
#
# **Predict** the same three numbers for our model: zero-shot, a probe on its features (lesson 10), and a probe on 8 x 8 raw pixels.

# %%
prediction = ...  # change this: (zero-shot, probe, pixels)

# %%
from functools import partial

from clipedu.evaluation import clopper_pearson, zero_shot
from clipedu.evaluation.probe import fit_probe, picture_features, search_lambda, split_pictures
from clipedu_lessons.l12_limits.figures import shares_figure

def probed(x, y, split):
    """Features (N, W), labels (N,) -> which test pictures a probe names right, (n_test,) bool."""
    x = (x - x[split.train].mean(0)) / x[split.train].std(0).clamp(min=1e-6)
    fit = partial(fit_probe, classes=int(y.max()) + 1, tolerance=1e-4)
    train, validation = ((x[rows], y[rows]) for rows in (split.train, split.validation))
    found = search_lambda(train, validation, grid=[1, 10, 100, 1000], search="grid", fit=partial(fit, *train))
    probe = fit(x[split.fitted], y[split.fitted], found.best)
    return probe.logits(x[split.test]).argmax(1) == y[split.test]

# %% tags=["nbval-check-output", "tolerance-0.05"]
def span(right):
    return right.double().mean().item(), *clopper_pearson(int(right.sum()), len(right))

digits = load_task("digits")
digits = digits.take(torch.randperm(len(digits), generator=torch.Generator().manual_seed(0))[:900])
split, said = split_pictures(digits.labels), zero_shot(model, tokenizer, digits).predictions[:, 0]
digit_rows = {"zero-shot": span(said == digits.labels)}
coarse = F.avg_pool2d(digits.pictures[:, :1], 4).flatten(1)  # (900, 64)
digit_rows["probe on 8 x 8 pixels"] = span(probed(coarse, digits.labels, split))
digit_rows["probe on CLIP's features"] = span(probed(picture_features(model, digits.pictures), digits.labels, split))
show(*shares_figure(digit_rows, chance=0.1, bold="zero-shot"))
for label, row in digit_rows.items():
    print(f"{label:25} {row[0]:.0%} ({row[1]:.0%} to {row[2]:.0%})")
numbers(**{f"digits_{k}": f"{row[0]:.0%}" for k, row in enumerate(digit_rows.values())})

# %% [markdown]
# Zero-shot {=digits_0}, pixels {=digits_1}, features {=digits_2}. The features keep the digits, as lesson 10 found, but so do 64 pixels. What is missing is the way from the words to the features. A likely reason is that no caption said "three" beside a handwritten three.
#
# ## 2. Counting, with the ink held equal
#
# "CLIP also struggles with more abstract and systematic tasks such as counting the number of objects" (section 6). We draw one to eight shapes. If all shapes have the same size, then eight shapes are eight times as black as one, and a probe that has learned to *weigh* looks as if it counted. So we draw them twice: with equal shapes, and with equal **ink**, where eight shapes together are as large as the single one.
#
# **Predict**: how far does the amount of ink alone get, in both versions? And the image encoder's features?

# %%
prediction = ...  # change this

# %%
from clipedu.models import build

def ink_and_outlines(pictures):
    """(N, 3, R, R) -> (N, 2): how black a picture is, and how long its outlines are."""
    gray = 1 - pictures.mean(1)
    edges = gray.diff(dim=1).abs().sum((1, 2)) + gray.diff(dim=2).abs().sum((1, 2))
    return torch.stack([gray.sum((1, 2)), edges], 1)

blank = build(model.config, seed=0).eval()  # untrained
show(picture_grid(counted[30::60], [f"{k + 1}, equal ink" for k in range(8)]),
     "One to eight shapes of one kind; the more there are, the smaller they are.")

# %%
COUNTS = ["one", "two", "three", "four", "five", "six", "seven", "eight"]
tests = {"equal shapes": count_pictures(60, equal_ink=False), "equal ink": (counted, how_many)}
number_texts = embed_texts(model, tokenizer, [f"{n} shapes" for n in COUNTS])
results = {}
for kind, (pictures, labels) in tests.items():
    parts, plain = split_pictures(labels), ink_and_outlines(pictures)
    results[kind] = {"zero-shot": (embed_pictures(model, pictures) @ number_texts.T).argmax(1) == labels}
    read = {"ink": plain[:, :1], "ink and outlines": plain}
    read |= {"untrained encoder": picture_features(blank, pictures), "CLIP": picture_features(model, pictures)}
    results[kind] |= {f"probe on {what}": probed(x, labels, parts) for what, x in read.items()}

# %% tags=["nbval-check-output", "tolerance-0.05"]
from scipy.stats import binomtest

flat = {f"{what}, {kind}": span(of[what]) for what in results["equal ink"] for kind, of in results.items()}
show(*shares_figure(flat, chance=1 / 8))
for k, what in enumerate(results["equal ink"]):
    a, b = (span(of[what]) for of in results.values())
    print(f"{what:27} equal shapes {a[0]:4.0%} ({a[1]:.0%} to {a[2]:.0%})   equal ink {b[0]:4.0%} ({b[1]:.0%} to {b[2]:.0%})")
    numbers(**{f"shapes_{k}": f"{a[0]:.0%}", f"ink_{k}": f"{b[0]:.0%}"})
clip, plain = (results["equal ink"][f"probe on {what}"] for what in ("CLIP", "ink and outlines"))
only = int((clip & ~plain).sum()), int((plain & ~clip).sum())
p = binomtest(only[0], sum(only)).pvalue
print(f"equal ink, only CLIP right: {only[0]} of {len(clip)}, only ink and outlines right: {only[1]}, p = {p:.3f}")
numbers(only_clip=only[0], only_plain=only[1], only_p=f"{p:.2f}")

# %% [markdown]
# Zero-shot counting gets {=ink_0} with equal ink and {=shapes_0} with equal shapes, and guessing 12.5 %. So it is at chance or a little below: captions hardly ever say how many. With equal shapes, a probe on the amount of ink alone gets {=shapes_1}, so in that version a high accuracy of any probe shows little.
#
# With equal ink that cue is gone ({=ink_1}, chance is 12.5 %), but another one remains. Eight small shapes have longer outlines than one large shape, and two numbers, ink and outline, get {=ink_2}. The untrained encoder gets {=ink_3}, and CLIP's features {=ink_4}. So training did add something that the untrained encoder lacks. Is it number, or the length of outlines?
#
# Both probes answered the same pictures, so only those count on which they disagree. CLIP alone is right on {=only_clip} and the two plain numbers alone on {=only_plain}. If both were equally good, each of these pictures would be a coin toss, and a split at least as uneven would come up with probability {=only_p}. So this test can't say that CLIP's features know more about number than two plain numbers do. To find out one would need more pictures, and outlines that are held equal, too.
#
# **Check your understanding**
#
# 1. A probe on features counts equal-ink shapes with 80 %. Which row of the table do you compare that with?
# 2. Why can't "ink" alone be the baseline in the equal-ink version?
# 3. What would you have to add to the training data so that zero-shot counting works?
#
# <details><summary>Answers</summary>
#
# 1. With "ink and outlines" and with the untrained encoder: both get what can be had without any understanding of number.
# 2. It is at chance by construction. Holding one cue constant makes the next cheap cue the interesting one.
# 3. Captions that say how many, with pictures of the same things in different numbers. If only "two" and "a pair" occur, nothing teaches six.
#
# </details>
#
# ## 3. Two things in one picture
#
# An icon shows one thing, and a softmax over 297 names picks one. What happens when there are two? We put pairs of Lucide icons side by side at half size. The control is the same icon *alone* at half size, at the same position: only pairs count in which both are named right alone. Then the model gives its two best names.

# %% tags=["nbval-check-output", "tolerance-0.05"]
texts = embed_texts(model, tokenizer, names)  # (297, E)
white = torch.ones_like(lucide.pictures)
alone = [embed_pictures(model, side_by_side(*pair)) for pair in ((lucide.pictures, white), (white, lucide.pictures))]
known = [((e @ texts.T).argmax(1) == lucide.labels) for e in alone]
generator = torch.Generator().manual_seed(0)
left, right = (torch.nonzero(k).flatten() for k in known)
left = left[torch.randint(len(left), (300,), generator=generator)]
right = right[torch.randint(len(right), (300,), generator=generator)]
keep = lucide.labels[left] != lucide.labels[right]
left, right = left[keep], right[keep]
shares = [f"{k.double().mean():.0%}" for k in known]
print(f"named right alone at half size: {shares[0]} of the icons on the left, {shares[1]} on the right")
numbers(known_left=shares[0], known_right=shares[1])

# %% tags=["nbval-check-output", "tolerance-0.05"]
from collections import Counter

pairs = side_by_side(lucide.pictures[left], lucide.pictures[right])
seen = embed_pictures(model, pairs)
a, b = lucide.labels[left], lucide.labels[right]
mean = F.normalize(alone[0][left] + alone[1][right], dim=1)
print(f"{len(pairs)} pairs; in the two best names are: both   one  none")
for what, e in (("mean", mean), ("pair", seen)):
    top = (e @ texts.T).topk(2, dim=1).indices
    found_two = (top == a[:, None]).any(1).int() + (top == b[:, None]).any(1).int()
    counts = [int((found_two == k).sum()) for k in (2, 1, 0)]
    print(f"{dict(mean='mean of the two vectors', pair='picture of the pair')[what]:39}" + "".join(f"{n:6}" for n in counts))
    numbers(**{f"{what}_{k}": f"{n / len(pairs):.0%}" for k, n in zip(("both", "one", "none"), counts)})
often = Counter(names[k] for k in top[:, 0].tolist()).most_common(2)
print("most frequent best name of a pair: " + ", ".join(f"{name} ({n} times)" for name, n in often))

# %% [markdown]
# Half size and off center is hard already: {=known_left} of the icons are named right on the left and {=known_right} on the right. The pairs are made of these alone. In the pictures of pairs both names are found in {=pair_both} of the cases and neither in {=pair_none}.
#
# Is the vector of a pair simply a mixture of the two vectors? The first row tests this: it takes the *mean* of the two vectors in place of the pair's. That finds both names in {=mean_both} and neither in {=mean_none}. So even a mixture would fail at most pairs, and the picture of the pair does worse than that. What the model sees instead is in the last line. *Glasses* and *code* (drawn as < >) are icons of two shapes side by side. It looks as if the encoder takes two things for the two halves of one. Training pictures show one icon each, so nothing taught it to keep two apart.
#
# A detector would cut the picture into **windows** and ask about each. With the two halves cut out and enlarged:

# %% tags=["nbval-check-output", "tolerance-0.05"]
def window(pictures, start):
    """The half that begins at this column, back at full size."""
    return F.interpolate(pictures[:, :, 8:24, start : start + 16], size=32, mode="bilinear")

halves = [embed_pictures(model, window(pairs, start)) for start in (0, 16)]
ok = [(e @ texts.T).argmax(1) == y for e, y in zip(halves, (a, b))]
share = (ok[0] & ok[1]).double().mean()
print(f"both windows named right: {share:.0%} of {len(pairs)}")
numbers(windows=f"{share:.0%}", n_pairs=len(pairs))
show(picture_grid(torch.cat([pairs[:3], window(pairs, 0)[:3], window(pairs, 16)[:3]]),
                  ["pair"] * 3 + ["left window"] * 3 + ["right window"] * 3, 3),
     "Three pairs, and beneath them their left and right windows at full size.")

# %% [markdown]
# So {=windows} of the pairs are named completely once somebody says where to look. Detectors built on CLIP, such as OWL-ViT ([arXiv 2205.06230](https://arxiv.org/abs/2205.06230)), learn to make a vector for each region for this reason.
#
# ### Where does it look?
#
# Can the model itself say where? We ask of each pair which half holds the evidence for the left icon's name, and for the right one's. Guessing gets one half. There are three maps. **Patch outputs**: compare the output of each patch with the text, as if it were the class token. **Values** ([MaskCLIP, arXiv 2112.01071](https://arxiv.org/abs/2112.01071)): compare only what each patch hands to attention in the last block. **Occlusion**: cover a square, and see how much the cosine falls. The control asks about a name that is *not* in the picture.

# %%
from clipedu_lessons.l12_limits.heat import patch_map

def occlusion_map(model, pictures, texts):
    """(N, 3, 32, 32), (N, E) -> (N, 4, 4): what the cosine loses when a square turns white."""
    whole = (embed_pictures(model, pictures) * texts).sum(1)
    found = torch.zeros(len(pictures), 4, 4)
    for row in range(4):
        for column in range(4):
            covered = pictures.clone()
            covered[:, :, 8 * row : 8 * row + 8, 8 * column : 8 * column + 8] = 1.0
            found[:, row, column] = whole - (embed_pictures(model, covered) * texts).sum(1)
    return found

some, maps = slice(0, 120), {}
absent = (a[some] + 7) % len(names)

# %% tags=["nbval-check-output", "tolerance-0.05"]
kinds = {"patch outputs": partial(patch_map, kind="outputs"), "values": patch_map}
for what, make in {**kinds, "occlusion": occlusion_map}.items():
    wanted = [make(model, pairs[some], texts[k]) for k in (a[some], b[some], absent)]
    lean = [m[:, 1:3, :2].sum((1, 2)) - m[:, 1:3, 2:].sum((1, 2)) for m in wanted]
    hits, maps[what] = int((lean[0] > 0).sum() + (lean[1] < 0).sum()), wanted[0]
    low, high = clopper_pearson(hits, 240)
    stray = span(lean[2] > 0)
    print(f"{what:13} the right half for {hits / 240:.0%} ({low:.0%} to {high:.0%}) of the names", end="; ")
    print(f"of an absent name the left one for {stray[0]:.0%} ({stray[1]:.0%} to {stray[2]:.0%})")
    numbers(**{f"map_{what.split()[-1]}": f"{hits / 240:.0%}", f"stray_{what.split()[-1]}": f"{stray[0]:.0%}"})

# %%
from clipedu_lessons.common.figures import new_figure

figure = new_figure(7.4, 4.6)
panels = figure.subplots(4, 6)
for k in range(6):
    panels[0, k].imshow(pairs[k].permute(1, 2, 0))
    panels[0, k].set_title(f"{names[a[k]]}?", fontsize=8)
    for row, (what, of) in enumerate(maps.items(), start=1):
        panels[row, k].imshow(of[k], cmap="Greys", extent=(0, 32, 32, 0))
        panels[row, 0].set_ylabel(what, fontsize=8)
for axes in panels.flat:
    axes.set(xticks=[], yticks=[])
show(figure, "Six pairs, each with the name of its left icon. Beneath them three maps, dark where the evidence is.")

# %% [markdown]
# Occlusion finds the right half for {=map_occlusion} of the names and the values for {=map_values}. The naive map, from patch outputs, gets {=map_outputs}, which is far *below* one half: it points to the other side. This is known from larger ViTs, too. A likely reason: only the class token was ever compared with a text, so nothing in training makes the output of a patch describe that patch after six blocks. So a heat map is a claim about a network that can be wrong, and it needs a test like this one before you believe it.
#
# For an absent name the maps should favor neither half. Values ({=stray_values}) and occlusion ({=stray_occlusion}) lean to the left there, and their intervals lie above one half. So they favor the left icon a little whatever the question is. A map that did nothing else would be right for the left names and wrong for the right ones, which is one half, so the lean does not explain their success.
#
# For an absent name every map lights up somewhere as well, since the largest of 16 numbers always exists. A map shows *where* the evidence is, never *whether* there is any.
#
# ## 4. Whose property is it?
#
# A caption such as "bell left of camera" says more than its words: it *binds* a place to a thing. Does the model read that? Let a text be a bag of words. Then "bell left of camera" and "camera left of bell" get the same vector whatever the words' vectors are, so a bag of words can't tell them apart. Our text encoder is a transformer with positions, so it *could*. But a batch hardly ever holds two captions that differ only in order, so the loss hardly ever asks for it.
#
# A test of this kind needs three things. The question must be inside the model's vocabulary. A **control** on the same pictures must show that it knows the things. And there must be enough pictures: we compute the **power** first, which is the probability that the test finds an effect if there is one.

# %% tags=["nbval-check-output"]
from clipedu_lessons.l12_limits.two_choice import choose, power

print("probability that the interval lies above one half")
for n in (40, 100, len(pairs)):
    print(f"{n:4} pictures: " + ", ".join(f"{power(n, share):.0%} if it is right in {share:.0%}" for share in (0.55, 0.6, 0.7)))
numbers(power_small=f"{power(40, 0.6):.0%}", power_here=f"{power(len(pairs), 0.6):.0%}")

# %% [markdown]
# With 40 pictures, a model that is right in 60 % would be missed most of the time: the power is {=power_small}. With our {=n_pairs} it is {=power_here}. **Predict** the two shares below.

# %%
prediction = ...  # change this: (a thing that is not there, the two exchanged)

# %% tags=["nbval-check-output", "tolerance-0.05"]
def phrases(first, second, form):
    return [form.format(names[i], names[j]) for i, j in zip(first.tolist(), second.tolist())]

stranger = (b + 11) % len(names)
stranger = torch.where(stranger == a, stranger + 1, stranger) % len(names)
shares = {}
for form in ("{} left of {}", "{} and {}"):
    truth = phrases(a, b, form)
    one = choose(model, tokenizer, None, truth, phrases(a, stranger, form), embeddings=seen)
    swap = choose(model, tokenizer, None, truth, phrases(b, a, form), embeddings=seen)
    print(f'"{form}": control, one thing is not there {one}\n{"":18} the two exchanged {swap}')
    shares |= {f"control: {form}": (one.share, *one.interval), f"exchanged: {form}": (swap.share, *swap.interval)}
    if form.startswith("{} left"):
        left_of = swap
        numbers(control=f"{one.share:.0%}", swapped=f"{swap.share:.0%}", swap_low=f"{swap.interval[0]:.0%}", swap_high=f"{swap.interval[1]:.0%}")
show(*shares_figure(shares, chance=0.5))

# %% [markdown]
# The control passes: when one of the two things is not in the picture, the model prefers the true text in {=control}, although the icons are small. But exchanging the two leaves it at {=swapped}, with an interval from {=swap_low} to {=swap_high}. It knows better than chance *what* is there and not *which one is on the left*. With this many pictures a true share of 60 % would have been found with a probability of {=power_here}, so we can say more than "not significant": if it binds at all, then weakly. (Icons occur in several pairs, so the interval is a little too narrow.) The rows with "and" are a second control: there neither order is wrong, and the model has no preference.
#
# One may object that "left of" is not a phrase of the captions. So the second test stays inside the vocabulary. Icon names that hold the same words in another order do exist. But not each pair of names is a question, because *shopping cart* and *cart shopping* name the same thing. A question needs an artist who uses both names for *different* drawings. The held-out sets have {=n_order} such drawings, and the power against 70 % is {=order_power}. The {=n_synonyms} others serve as a second control, because a model should have no preference there.

# %% tags=["nbval-check-output"]
from clipedu.pairs import held_out_pairs, to_pictures, training_pairs

everything, training = held_out_pairs(progress=False), training_pairs(progress=False)
icon_names = [icon.name.lower() for icon in everything.icons]
at, by_words = {(icon.family, icon.name.lower()): i for i, icon in enumerate(everything.icons)}, {}
for name in sorted(set(icon_names)):
    by_words.setdefault(tuple(sorted(name.split())), []).append(name)
rows = [(i, other) for i, name in enumerate(icon_names)
        for other in by_words[tuple(sorted(name.split()))] if other != name]
order = [row for row in rows if (everything.icons[row[0]].family, row[1]) in at]
synonyms = [row for row in rows if row not in order]
for what, of in (("different drawings", order), ("one thing", synonyms)):
    print(f"{len(of)} questions, {what}: " + "; ".join(f"{icon_names[i]} / {name}" for i, name in of[::20][:3]))
numbers(n_order=len(order), n_synonyms=len(synonyms), order_power=f"{power(len(order), 0.7):.0%}")

# %% tags=["nbval-check-output", "tolerance-0.05"]
from clipedu.evaluation import grouped_interval

group = {words: k for k, words in enumerate(by_words)}  # names of the same words vary together
known_names = {icon.name.lower() for icon in training.icons}
learned = [row for row in order if {icon_names[row[0]], row[1]} <= known_names]
tests = {"control, the name of another picture": [(i, icon_names[rows[(k + 90) % len(rows)][0]]) for k, (i, _) in enumerate(rows)]}
tests |= {"control, both names fit": synonyms, "the words exchanged": order, "- both names are in training": learned}
tests["- at least one is not"] = [row for row in order if row not in learned]
for what, of in tests.items():
    own, pictures = [icon_names[i] for i, _ in of], to_pictures(everything.rgba[[i for i, _ in of]])
    hits = choose(model, tokenizer, pictures, own, [name for _, name in of]).right > 0.5
    low, high = grouped_interval(hits, torch.tensor([group[tuple(sorted(name.split()))] for name in own]))
    print(f"{what:37} {hits.double().mean():4.0%} of {len(of):3} ({low:.0%} to {high:.0%})")
    numbers(**{f"ask_{what.split()[-1]}": f"{hits.double().mean():.0%} ({low:.0%} to {high:.0%})"})

# %% [markdown]
# Both controls come out as they should: {=ask_picture} with the name of another picture, {=ask_fit} where both names fit. With the words exchanged the model is right in {=ask_exchanged}, which is above one half. So the text encoder is more than a bag of words. But look at the last two rows. Where both names occur word for word in training captions, as *corner down left* and *corner left down* do, it is right in {=ask_training}. Where one of them is new, as *arrow down 1 9* and *arrow down 9 1*, we get {=ask_not}, and the interval contains one half. So it has learned the order in the phrases for which training asked, and there is no sign that it carries over to new ones. (We split the rows after we had seen the answers, so test this on other sets before you rely on it.)
#
# What fails on the new names? Two such drawings differ in a few strokes, so the image encoder may miss the difference. The two texts hold the same words, so the text encoder may. Each can be asked by itself. We change a drawing as in training (pen, size, angle, light on dark) and ask whether its vector is nearer to its own drawing or to the one with the words exchanged. And we put a name into a caption and ask the same of the texts. An encoder that is blind to the order would get one half.

# %% tags=["nbval-check-output", "tolerance-0.05"]
from clipedu.pairs.augment import augment, ink
from clipedu.training import RECIPES

new = tests["- at least one is not"]
first, second = ([i for i, _ in new], [at[everything.icons[i].family, name] for i, name in new])
changed = augment(ink(torch.from_numpy(everything.rgba[first])), torch.Generator().manual_seed(0), RECIPES["laptop"].augmentation)
changed, drawing, exchanged = (embed_pictures(model, x) for x in (changed, *(to_pictures(everything.rgba[k]) for k in (first, second))))
own = [icon_names[i] for i in first]
caption, name, other = (embed_texts(model, tokenizer, x) for x in ([f"a black icon of {n}" for n in own], own, [n for _, n in new]))
for what, x, y, z in (("changed drawing to drawing", changed, drawing, exchanged), ("caption to name", caption, name, other)):
    hits = (x * y).sum(1) > (x * z).sum(1)
    low, high = grouped_interval(hits, torch.tensor([group[tuple(sorted(n.split()))] for n in own]))
    print(f"{what:27} {hits.double().mean():4.0%} of {len(new)} ({low:.0%} to {high:.0%}); cosine with the exchanged one {(y * z).sum(1).mean():.2f}")
    numbers(**{"order_" + what.split()[0]: f"{hits.double().mean():.0%}", "cosine_" + what.split()[0]: f"{(y * z).sum(1).mean():.2f}"})

# %% [markdown]
# The image encoder is not blind: {=order_changed} of the changed drawings are nearest to their own. The text encoder does less well ({=order_caption}), but better than chance, and the mean cosine of the two names is {=cosine_caption}, where a bag of words has exactly 1. So for these names, too, each encoder holds something of the order, and what is missing is the link between the two. That fits the result above. The loss ties a picture to a text only where it has to tell the captions of a batch apart, and no batch asked about *arrow down 1 9*.
#
# Larger models have the same weakness. Yuksekgonul et al. ([arXiv 2210.01936](https://arxiv.org/abs/2210.01936)) found CLIP and its relatives close to chance on order and relations, and repaired part of it by adding captions with exchanged words to the batch as wrong answers.
#
# **Check your understanding**
#
# 1. Somebody asks for "red circle and blue square", exchanges the colors, and gets 49 %. The control, a color that is not there, gets 48 %. What does the test show?
# 2. Why is the power computed before the result is seen?
# 3. Both texts of a pair hold the same words, and the model gets 50 %. Does it follow that the text encoder maps both to the same vector?
#
# <details><summary>Answers</summary>
#
# 1. Nothing about binding. The model doesn't know the colors, so it could not have passed.
# 2. Afterwards one is tempted to call a large interval "no effect". Before, one can still add pictures.
# 3. No. The vectors may differ, in a direction that no picture depends on. Compute their cosine to find out.
#
# </details>
#
# ## 5. Negation
#
# A picture of a bell: "no bell" or "no camera", which is true? The second. **Predict** the share of pictures for which the model prefers the true one: above, at, or below one half?

# %%
prediction = ...  # change this

# %% tags=["nbval-check-output", "tolerance-0.05"]
from clipedu_lessons.l12_limits.two_choice import other_names

plain_seen = embed_pictures(model, lucide.pictures)
own, others = [names[k] for k in lucide.labels], other_names(lucide.labels, names)
shares = {}
for form in ("{}", "no {}", "not {}", "without {}"):
    true, false = ([form.format(n) for n in x] for x in (own, others))
    if form != "{}":  # of a bell, "no camera" is true and "no bell" false
        true, false = false, true
    found = choose(model, tokenizer, None, true, false, embeddings=plain_seen)
    shares[form.format("bell")] = (found.share, *found.interval)
    print(f"{form:11} the true text is preferred for {found}")
    numbers(**{f"neg_{form.split()[0].strip('{}') or 'plain'}": f"{found.share:.0%}"})
show(*shares_figure(shares, chance=0.5, xlabel="the true text is preferred (%)", bold="bell"))

# %% [markdown]
# Plain names work in {=neg_plain} of the pictures. With "no" the share is {=neg_no}, and "not" and "without" do the same. That is far *below* one half, so it isn't blindness. The model finds the word *bell* in the text, a bell in the picture, and passes over the rest.
#
# Is "no" therefore a word without meaning to it? In this vocabulary there is one kind of "not": icons that are struck out, called *bell off* or *wifi off*. Lucide has {=n_struck} of them, each with the same icon without the stroke. So we can ask whether "no bell" means to the model what the drawings mean by it.

# %% tags=["nbval-check-output", "tolerance-0.05"]
at = {name: i for i, name in enumerate(icon_names) if everything.icons[i].family == "lucide"}
struck = [(name, name.removesuffix(" off")) for name in at if name.endswith(" off") and name.removesuffix(" off") in at]
drawn = {kind: embed_pictures(model, to_pictures(everything.rgba[[at[pair[k]] for pair in struck]]))
         for k, kind in enumerate(("struck out", "plain"))}
for form in ("{} off", "no {}", "not {}"):
    texts_no = [form.format(name) for _, name in struck]
    bare = [name for _, name in struck]
    one = choose(model, tokenizer, None, texts_no, bare, embeddings=drawn["struck out"])
    two = choose(model, tokenizer, None, bare, texts_no, embeddings=drawn["plain"])
    print(f'"{form}": struck-out drawings prefer it {one}, plain ones the bare name {two}')
    numbers(**{f"struck_{form.replace('{}', '').strip()}": f"{one.share:.0%}", f"plain_{form.replace('{}', '').strip()}": f"{two.share:.0%}"})
numbers(n_struck=len(struck))

# %% [markdown]
# "Off" is understood almost perfectly, in both directions. And "no bell" is preferred for {=struck_no} of the struck-out drawings, while {=plain_no} of the plain ones prefer the bare name. So "no" does mean something: a stroke across the thing. "Not" is not read that way ({=struck_not} of the struck-out drawings). What fails is the logic. "No camera" is true of a bell, but captions hardly ever name what is *absent* from a picture, so the loss hardly asks. Training on such captions helps real CLIPs ([arXiv 2403.20312](https://arxiv.org/abs/2403.20312)).
#
# ## 6. A word written on the picture
#
# OpenAI's CLIP can be fooled by a note with a word on it: an apple with a paper that says "iPod" is classified as an iPod. This is a **typographic attack** (arXiv 2304.04512 studies it). It works because that CLIP learned to *read*. Does ours? We print a wrong name over the lower third of each icon that is named right, once as a word and once with the columns of the same print scrambled, which is the same ink without a word. A third version only covers the strip with white.
#
# **Predict**: which share of the pictures follows the printed word?

# %%
prediction = ...  # change this

# %%
good = torch.nonzero((plain_seen @ texts.T).argmax(1) == lucide.labels).flatten()
short = [k for k, name in enumerate(names) if len(name) <= 7 and " " not in name]
pick = torch.randint(len(short), (len(good),), generator=torch.Generator().manual_seed(1))
target = torch.tensor(short)[pick]
good, target = good[target != lucide.labels[good]], target[target != lucide.labels[good]]
words = [names[k] for k in target.tolist()]

# %% tags=["nbval-check-output", "tolerance-0.05"]
strip = lucide.pictures[good].clone()
strip[:, :, -10:] = 1.0  # what the print covers, left white
attacked = {what: with_word(lucide.pictures[good], words, scrambled=what == "scrambled") for what in ("word", "scrambled")}
for what, shown in {**attacked, "white": strip}.items():
    best = (embed_pictures(model, shown) @ texts.T).argmax(1)
    right_still, follows = (best == lucide.labels[good]).double().mean(), int((best == target).sum())
    low, high = clopper_pearson(follows, len(good))
    print(f"{what:10} still right {right_still:.0%}, named as the word says {follows} of {len(good)} ({low:.1%} to {high:.1%})")
    numbers(**{f"{what}_right": f"{right_still:.0%}", f"{what}_follows": str(follows)})
reading = zero_shot(model, tokenizer, load_task("rendered_words"))
print(f"control: a word alone, filling the picture, is named right in {reading.top1:.1%}, guessing {reading.chance:.0%}")
numbers(reading=f"{reading.top1:.0%}", reading_chance=f"{reading.chance:.0%}", n_attacked=len(good))

# %% [markdown]
# Of {=n_attacked} pictures, {=word_follows} got the name of the printed word, and {=scrambled_follows} with the scrambled print. Still, the print does great damage. A white strip leaves {=white_right} of the icons named right, because a third of the icon is covered. With the word it is {=word_right}, and with the scramble {=scrambled_right}. So covering costs most, ink costs more, and that the ink is a *word* makes nothing worse. The control gives the likely reason: our model can hardly read. A word that fills the whole picture is named right in {=reading} of the cases, where guessing gets {=reading_chance}.
#
# This is a negative result with a warning in it. The weakness of the real CLIP comes with an ability that ours lacks. An ability is learned wherever it helps to match captions, including where nobody wants it. Lesson 13 lets you try the attack on OpenAI's weights.
#
# **Check your understanding**
#
# 1. Why is the scrambled print needed?
# 2. Section 5 found shares far *below* one half. Why is that more informative than a share at one half?
# 3. Which of the failures so far would more data of the same kind repair?
#
# <details><summary>Answers</summary>
#
# 1. Any print over a third of the picture does damage, by what it covers and by its ink. Only the difference between word and scramble is due to reading.
# 2. At one half the model may not understand the question at all. Far below, it understands it in another way, and we can say which.
# 3. Digits and reading, probably. Order, negation and counting only if captions appear that differ in nothing else.
#
# </details>
#
# ## 7. The list of names decides
#
# A zero-shot classifier can answer only with the names it is given, and it must answer. Section 7.1 of the paper shows what that does to people. FairFace's portraits were classified among race and gender labels, with crime-related and non-human labels added to the list. 4.9 % of 10,000 images were given a non-human label (95 % interval 4.6 to 5.4). The rates differ between groups (Table 6), and one more name on the list, "child", changed them for children (Table 7).

# %%
from clipedu_lessons.common.paper import load_paper_table

small = load_paper_table("small_tables")
figure = new_figure(7.4, 3)
panels = figure.subplots(1, 2, width_ratios=(7, 9), sharey=True)
for axes, title in zip(panels, ("Table 6 FairFace percent misclassified", "Table 7 FairFace percent misclassified by age")):
    for k, kind in enumerate(dict.fromkeys(small.where(table=title).column("row"))):
        part = small.where(table=title, row=kind)
        x = [i + 0.4 * (k - 0.5) for i in range(len(part))]
        axes.bar(x, part.column("value"), 0.4, color=("white", "#0072B2")[k], edgecolor="black", label=kind)
    axes.set_xticks(range(len(part)), part.column("column"), rotation=45, ha="right", fontsize=7)
    axes.legend(fontsize=7, title=f"{title[:7]}, percent of images", title_fontsize=7)
show(figure, "Bars: crime-related and non-human labels are unequally spread over FairFace groups; with 'child' on the list the rates of children fall to a tenth.")

# %% tags=["nbval-check-output"]
print(f"{'accuracy (%)':27}" + "".join(f"{what:>18}" for what in ("race", "gender", "age")))
for table, group in (("Table 3 FairFace White", "White"), ("Table 4 FairFace Non-White", "Non-White")):
    for who in ("FairFace Model", "Linear Probe CLIP", "Zero-Shot CLIP"):
        cells = [small.row(table=table, row=who, column=column)["value"] for column in ("race", "gender", "age")]
        print(f"{group:10} {who:17}" + "".join(f"{value:17.1f}%" for value in cells))

# %% [markdown]
# Learn three things here, the first from the figure, the others from section 7.1. First, nothing about the model changed between the two rows of Table 7. Somebody wrote another list, and the rate for the youngest children fell from 30.3 to 2.3 %. Second, high accuracy says little about harm: zero-shot CLIP names gender right for more than 95 % of the faces of every group, and gives crime labels to 16.5 % of the men and 9.8 % of the women. Third, thresholds matter as much as names: with portraits of members of Congress, which labels were attached to women and to men depended on whether labels above 0.5 % or above 4 % probability were counted.
#
# Accuracy differs between groups, too. In the table above, zero-shot CLIP names the race label of 91.3 % of the faces in the Non-White groups and of only 58.3 % in the group White. The linear probe on the same features has nearly equal values. So it is not the features alone that decide whom a classifier fails.
#
# Categories of people in these tables are those of the data set. The race or the gender of a person can't be read off a picture.
#
# ### A catch-all name, and the unknown
#
# Back to icons. A class list that must answer will answer. Take away half of the names, and add "something else" for the pictures that lost theirs. **Predict**: how many of them does it get?

# %%
prediction = ...  # change this

# %% tags=["nbval-check-output", "tolerance-0.05"]
def auroc(known, unknown):
    """How often a random known picture has the higher score than a random unknown one."""
    return (known[:, None] > unknown).double().mean().item()

kept = torch.randperm(297, generator=torch.Generator().manual_seed(0))[:148]
inside = torch.isin(lucide.labels, kept)
for extra in ("something else", "icon", "unknown", "elephant"):
    more = torch.cat([texts[kept], embed_texts(model, tokenizer, [extra])])
    last = (plain_seen @ more.T).argmax(1) == 148
    print(f"+ {extra:15} gets {last[~inside].double().mean():4.0%} of the strangers, takes {last[inside].double().mean():4.0%} of the others")
    numbers(**{f"catch_{extra.split()[0]}": f"{last[~inside].double().mean():.0%}"})

# %% tags=["nbval-check-output", "tolerance-0.05"]
cosine = (plain_seen @ texts[kept].T).amax(1)
p = (model.logit_scale.exp().item() * plain_seen @ texts[kept].T).softmax(1).amax(1)
generator, gains = torch.Generator().manual_seed(0), []
for _ in range(500):  # pictures drawn again, for the interval of the difference
    k = torch.randint(297, (297,), generator=generator)
    gains.append(auroc(cosine[k][inside[k]], cosine[k][~inside[k]]) - auroc(p[k][inside[k]], p[k][~inside[k]]))
low, high = torch.tensor(gains).quantile(torch.tensor([0.025, 0.975])).tolist()
found = [auroc(score[inside], score[~inside]) for score in (cosine, p)]
print(f"AUROC: largest cosine {found[0]:.2f}, largest probability {found[1]:.2f}, difference {found[0] - found[1]:.2f} ({low:.2f} to {high:.2f})")
sure = (p[~inside] > 0.9).double().mean()
print(f"{sure:.0%} of the strangers get a probability above 0.9")
numbers(sure=f"{sure:.0%}", auroc_cosine=f"{found[0]:.2f}", auroc_p=f"{found[1]:.2f}", auroc_low=f"{low:.2f}", auroc_high=f"{high:.2f}")

# %%
figure = new_figure(6.4, 2.6)
axes = figure.subplots()
style = dict(bins=[k / 40 for k in range(8, 41)], edgecolor="black", linewidth=0.5)
axes.hist(cosine[inside].tolist(), color="#0072B2", alpha=0.7, label="name on the list", **style)
axes.hist(cosine[~inside].tolist(), color="white", alpha=0.6, hatch="////", label="stranger", **style)
axes.set(xlabel="largest cosine with a name on the list", ylabel="pictures")
axes.legend()
show(figure, "Two overlapping histograms: pictures whose name is on the list score higher, but not always.")

# %% [markdown]
# The catch-all gets {=catch_something} of the strangers, no more than *elephant* does. "Something else" is to the model a text like any other, close to whatever it was paired with in training, and not "none of the above". With none of these words can our classifier say that it doesn't know.
#
# A threshold does better. The **AUROC** is the probability that a random picture whose name is on the list scores higher than a random stranger: 0.5 is guessing, 1 is perfect. The largest cosine reaches {=auroc_cosine} and the largest probability {=auroc_p}. The interval of their difference, from {=auroc_low} to {=auroc_high}, is above zero. And {=sure} of the strangers get a probability above 0.9. If you want the model to refuse, look at the cosine, choose the threshold on pictures of the same kind, and report both kinds of errors (exercise 05.8 does this).
#
# ### Several labels at once
#
# A photo library wants *all* fitting tags, so one would take every name above a threshold. Members of Congress above got labels this way. What does a threshold on the softmax give for our icons, and what does a threshold on the cosine?

# %% tags=["nbval-check-output", "tolerance-0.05"]
q = (model.logit_scale.exp().item() * plain_seen @ texts.T).softmax(1)
c = plain_seen @ texts.T
own_label = F.one_hot(lucide.labels, len(names)).bool()
print("a label is given if its   labels per picture   pictures given their name   labels that are right")
for what, score, threshold in (("probability", q, 0.005), ("probability", q, 0.04), ("probability", q, 0.5), ("cosine", c, 0.4), ("cosine", c, 0.5), ("cosine", c, 0.6)):
    given = score > threshold
    print(f"{what:12}> {threshold:5.3f}{given.sum(1).double().mean():23.1f}{given[own_label].double().mean():28.0%}{own_label[given].double().mean():24.0%}")
numbers(tags_low=f"{(q > 0.005).sum(1).double().mean():.1f}", tags_high=f"{(q > 0.04).sum(1).double().mean():.1f}")
pair_c = seen @ texts.T
pair_q = (model.logit_scale.exp().item() * pair_c).softmax(1)
for what, score, threshold in (("probability", pair_q, 0.04), ("cosine", pair_c, 0.4)):
    given = torch.stack([score.gather(1, k[:, None])[:, 0] > threshold for k in (a, b)])
    print(f"pairs of section 3, {what} > {threshold}: both right names given in {given.all(0).double().mean():.0%}, exactly one in {(given[0] ^ given[1]).double().mean():.0%}")
    numbers(**{f"pairs_{what}": f"{given.all(0).double().mean():.0%}"})

# %% [markdown]
# At 0.5 % each picture gets {=tags_low} labels on average, at 4 % {=tags_high}. The same pictures, the same model, other labels: a threshold decides what is said, as it did for the members of Congress. The last two columns pull against each other for both scores: a higher threshold makes more of the labels right and loses more of the right ones.
#
# Does a threshold find two things in one picture? For the pairs of section 3 both names are above 4 % in {=pairs_probability}. One might blame the softmax, in which names compete. But cosines don't compete, and a threshold of 0.4 on them gives both names in {=pairs_cosine}. So the trouble is in the vector of the picture. A loss without competition (SigLIP, lesson 03) has a probability for each label by itself, but it can't read two things from a vector that doesn't hold them.
#
# ### People in emoji
#
# How far CLIP carries over what its captions say about people can't be measured with drawings, and we don't pretend to. One thing can: OpenMoji draws many roles three times, "man firefighter", "woman firefighter", and "firefighter" with neither word. To which of the two *words* is the neutral drawing nearer? Read the result as a statement about drawings and captions in a training set, not about people.

# %% tags=["nbval-check-output", "tolerance-0.05"]
from clipedu_lessons.l12_limits.class_design import roles_by_words, share_leaning

shares = {}
for which in ("woman", "man", ""):
    roles = roles_by_words(model, tokenizer, which)
    label = f"drawn as {which}" if which else "drawn with neither word"
    shares[label] = share_leaning(roles)
    print(f"{label:24} nearer to 'woman': {shares[label][0]:.0%} of {len(roles)} ({shares[label][1]:.0%} to {shares[label][2]:.0%})")
    numbers(**{f"role_{which or 'neutral'}": f"{shares[label][0]:.0%} ({shares[label][1]:.0%} to {shares[label][2]:.0%})"})
show(*shares_figure(shares, chance=0.5, xlabel="nearer to 'woman' (%)", bold="drawn with neither word"))

# %% [markdown]
# The controls are far apart: drawings of women are nearer to "woman" in {=role_woman}, drawings of men in {=role_man}. The neutral drawings are at {=role_neutral}. Their interval lies below one half and overlaps with that of the drawings of men. So of the two words, "man" is nearer to most drawings that say neither. We have not measured where that comes from: how the default figure is drawn, or how often captions say "man". Either way the default is in the model, and nobody notices it unless somebody measures it. The model was trained on these drawings and their names, so this says nothing about new pictures.
#
# **Check your understanding**
#
# 1. Table 7: which numbers would you need to say whether "child" helped *overall*?
# 2. Why is the largest probability worse than the largest cosine at finding strangers?
# 3. Why are the roles drawn as man and as woman shown beside the neutral ones?
#
# <details><summary>Answers</summary>
#
# 1. The accuracy for all ages, and how often adults are now called "child". A new name can take right answers from others (exercise 12.3).
# 2. The softmax forgets how well the names fit at all: it only compares them with each other. A blank sheet has a best name, too.
# 3. They are the control. If drawings of men were called "woman" as often as those of women, then the two words would mean nothing to the model here.
#
# </details>
#
# ## 8. Was the test in the training set?
#
# Our held-out sets were never trained on, but two artists may draw the same icon. The paper (section 5) looks for near-duplicates between its training data and 35 test sets. It compares the accuracy on the pictures that have one with that on the **clean** ones, in a one-tailed binomial test: if duplicates were as hard as clean pictures, how likely would so many right answers be? With 35 sets tested at once, a $p$ of 0.05 comes up by luck, so $p$ must be below 0.05 divided by the number of tests (the **Bonferroni correction**).
#
# By hand: 10 test pictures, 6 right. Three have a duplicate in training, and all three of these are right. **Work out** the accuracy on the clean pictures, the difference, and $p$.

# %%
prediction = ...  # change this: (clean, all less clean, p)

# %% tags=["nbval-check-output"]
from clipedu_lessons.l12_limits.overlap import overlap_analysis, overlap_figure

answers = torch.tensor([1, 1, 1, 1, 1, 1, 0, 0, 0, 0]).bool()
likeness = torch.tensor([0.99, 0.98, 0.97, *[0.2] * 7])
hand = overlap_analysis(answers, likeness, threshold=0.95)
print(f"clean {hand.clean[0]:.3f} ({hand.clean[1]:.2f} to {hand.clean[2]:.2f}), all less clean {hand.difference:+.3f}")
print(f"p = ({hand.clean[0]:.3f})^3 = {hand.p:.3f}")

# %% [markdown]
# ### Our own test sets
#
# For each held-out picture we look for the most similar of all training pictures, by the cosine of their ink in 16 x 16 pixels. The detector has a threshold, and nobody tells us the right one. So we do two things that a single number hides: try several thresholds, and look at the pairs.

# %%
from clipedu.pairs import held_out_task
from clipedu.pairs.duplicates import drawing_vectors, nearest_drawings

drawings = drawing_vectors(training.rgba)
sets = ("lucide", "font_awesome", "heroicons")
twins = {key: nearest_drawings(drawing_vectors(held_out_task(key)[0]), drawings) for key in sets}
likeness, twin = twins["lucide"]
order = likeness.argsort(descending=True)[[0, 20, 50, 90, 140, 220]]
rgba = held_out_task("lucide")[0]
both = torch.cat([to_pictures(rgba[order]), to_pictures(training.rgba[twin[order]])])
titles = [names[lucide.labels[i]] for i in order] + [f"{training.icons[twin[i]].family} {likeness[i]:.2f}" for i in order]
show(picture_grid(both, titles, 6), "Above, drawings of Lucide; beneath, the nearest training picture with its cosine.")

# %% tags=["nbval-check-output"]
from clipedu_lessons.common.records import read_record

judged = read_record("judged_pairs")
for low, high in ((0.8, 0.85), (0.85, 0.9), (0.9, 0.95), (0.95, 1.01)):
    band = [row["verdict"] for row in judged if low <= row["cosine"] < high]
    same, related = band.count("same"), band.count("same idea")
    print(f"cosine {low:.2f} to {min(high, 1):.2f}: {len(band)} pairs judged, {same} the same drawing, {related} the same idea, {len(band) - same - related} different")
    numbers(**{f"band_{round(100 * low)}": f"{same} of {len(band)}"})

# %% [markdown]
# 100 pairs, 25 from each band, were judged by eye. From 0.95 on {=band_95} could be copies of each other, and below 0.85 only {=band_80}. In between, the detector mostly finds the same *idea*: two artists' folders, each with a tab on the left. At low cosines it pairs a brain with a keyhole, as in the last column of the figure, because both fill a circle. So a threshold of 0.95 has a high precision and misses redrawn copies, and 0.8 mostly measures how conventional a picture is. (The detector knows nothing of names, and the one person who judged saw both. Judge ten pairs yourself before you trust the numbers.)

# %% tags=["nbval-check-output", "tolerance-0.05"]
THRESHOLDS = (0.8, 0.85, 0.9, 0.95)
found = {}
print("set           threshold  duplicates   clean   duplicates   all less clean        p")
for key in sets:
    task = load_task(key)
    hits = zero_shot(model, tokenizer, task).predictions[:, 0] == task.labels
    found[key] = [overlap_analysis(hits, twins[key][0], t) for t in THRESHOLDS]
    for row in found[key]:
        print(f"{key:13} {row.threshold:8.2f} {row.share:10.0%} {row.clean[0]:9.1%} {row.overlap[0]:11.1%} {100 * row.difference:+13.1f} points {f'{row.p:.4f}' if row.p >= 0.0001 else '< 0.0001':>9}")
significant = [row for rows in found.values() for row in rows if row.p < 0.05 / 12]
print(f"below 0.05 / 12 = {0.05 / 12:.4f}: {len(significant)} of 12")
at_95 = {key: rows[-1].difference for key, rows in found.items()}
numbers(significant=len(significant), strict_least=f"{100 * min(at_95.values()):+.1f}", strict_most=f"{100 * max(at_95.values()):+.1f}")
show(*overlap_figure(found))

# %% [markdown]
# On Lucide, duplicates by the loose thresholds are named right more often than clean pictures, and {=significant} of the 12 tests stay below the corrected bar. That looks like memory. But look at which pictures count there: at 0.8 almost half of Lucide has a "duplicate", and few of the judged pairs in that band are the same drawing. On Heroicons the sign even turns. At 0.95, where the pairs nearly all are the same drawing, no test is significant. That is not proof of no memory: with so few duplicates such a test can miss an effect, and all three sets have the same sign. But for the duplicates that this detector finds the damage is small: the accuracies that we report are {=strict_least} to {=strict_most} points above those on the clean pictures.
#
# So what does the loose threshold measure? Perhaps convention: conventional drawings look alike whoever makes them, and they may be easier to name. A detector that finds convention would find easier pictures, with or without memory. We can't separate the two here. A model trained without the twins could. The paper makes the same reservation: a difference may come from a difference between the two groups of pictures. Its own result, with a trained detector on 35 sets, is a median overlap of 2.2 %, seven sets that shift by more than 0.1 points, two of them significant after the correction, and at most +0.6 points, on Birdsnap.
#
# **Check your understanding**
#
# 1. Why is the test one-tailed?
# 2. Clean pictures are named right less often. Give an explanation without any memory.
# 3. You test 3 sets with 4 thresholds each and report the smallest $p$, 0.01. What is wrong?
#
# <details><summary>Answers</summary>
#
# 1. The question is only whether duplicates *inflate* the accuracy. Memory can't make them harder.
# 2. A plain arrow looks alike whoever draws it, and it is easy to name. Conventions cause both the likeness and the right answer.
# 3. Twelve chances were taken. With the Bonferroni correction the bar is 0.05 / 12 = 0.004.
#
# </details>
#
# ## 9. You against CLIP
#
# The paper asked people to name the breeds of cats and dogs, five people for each of 3,669 pictures and 37 breeds, without an example, then with one and with two of each breed (Table 2). People went from 54 to 76 % with the *first* example, and a second one did not help. They knew what they didn't know, and one picture was enough to repair it. CLIP has no such step: in lesson 10 a classifier made from one example per class was worse than the words alone.

# %% tags=["nbval-check-output"]
from clipedu_lessons.l12_limits import quiz as quizzes

columns = small.where(table="Table 2", row="Zero-shot human").column("column")
print(f"{'Oxford-IIIT Pets (%)':21}" + "".join(f"{c:>35}" for c in columns))
for who in ("Zero-shot human", "One-shot human", "Two-shot human", "Zero-shot CLIP"):
    print(f"{who:21}" + "".join(f"{value:35.1f}" for value in small.where(table="Table 2", row=who).column("value")))

# %% [markdown]
# Now you. Thirty pictures by an artist that the model has never seen, five names each. From the sixteenth on you get one example of every name, drawn by somebody else. CLIP answers the same questions from the names alone.

# %%
quizzes.quiz(model, tokenizer)

# %% [markdown]
# For print, without you: the marks of the model alone. CLIP gets no example in either half. The two rows say how hard each half is for the same zero-shot model, so that your gain in the second half can be compared with its. Their intervals are wide and overlap.
#
# ### Are the same pictures hard for both?
#
# Figure 16 of the paper compares difficulties: breeds that are hard for people are hard for CLIP, too. You can ask this of your class. The quiz keeps your answers in `my_clip_quiz.json` beside your `my_clip.py`, without a name. Collect such files in one folder, `quizzes.pool(folder)` adds them up, and the second figure shows the share of people who are right beside CLIP's probability for the right name. Without files it shows CLIP alone.

# %%
questions = quizzes.make_quiz()
answers = quizzes.model_answers(model, tokenizer, questions)
show(*quizzes.marks_figure({"CLIP": quizzes.marks(questions, answers)}))
show(*quizzes.difficulty_figure(questions, quizzes.model_scores(model, tokenizer, questions), quizzes.pool()))

# %% [markdown]
# For most of these pictures CLIP gives the right name a probability near 1, so the few on the left are the ones to look at. With 30 questions and a handful of people, expect a wide interval for the correlation, and read the pictures at the ends instead: which are hard for you and easy for the model?
#
# ## 10. The answer

# %% tags=["summary"]
print(f"digits: zero-shot {digit_rows['zero-shot'][0]:.0%}, a probe on 8 x 8 pixels {digit_rows['probe on 8 x 8 pixels'][0]:.0%}")
print(f"counting with equal ink, zero-shot: {span(results['equal ink']['zero-shot'])[0]:.0%}, guessing {1 / 8:.1%}")
print(f"two things in a picture, both found: {(found_two == 2).double().mean():.0%}; which one is left: {left_of.share:.0%}, guessing 50%")
print(f"strangers with a probability above 0.9: {sure:.0%}")

# %% [markdown]
# | | this run | the paper |
# |---|---|---|
# | digits, zero-shot and pixels | {=digits_0}, {=digits_1} | 88 % and 92.5 %, MNIST (Table 14, section 6) |
# | counting, zero-shot | {=ink_0} of 8 classes, equal ink | 24.8 % of 8 classes, CLEVRCounts (Table 11) |
# | two things: both in the two best names | {=pair_both} | not measured |
# | which is on the left | {=swapped} ({=swap_low} to {=swap_high}), control {=control} | not measured |
# | exchanged words: both names in training; one is new | {=ask_training}; {=ask_not} | not measured |
# | "no bell" of a bell | true text preferred in {=neg_no} | not measured |
# | strangers with probability above 0.9 | {=sure} | not measured |
# | overlap adds | {=strict_least} to {=strict_most} points at 0.95 | at most +0.6 (Birdsnap); 2 of 35 sets significant |
#
# Where does it fail? One pattern fits most of the failures: the loss asks only *which of these captions*. What distinguishes captions is learned (things, "off", the order in *corner down left*), and what rarely does is not (how many, on which side, what is absent). Two of our failures are probably different: digits and reading words need training data that we don't have. We have tested this pattern only in part, because that takes training with other captions. The paper lists the same limits for a model trained on 400 million pairs (section 6), and thinks that closing the gap to the best supervised models by scale alone would take 1,000 times the compute.
#
# Whom does it fail? Those whom the list of names forgot, and those whom the training captions describe by a default. Neither can be seen in an accuracy. It has to be measured for each group, with an interval and a control.
#
# On a GPU nothing changes but the time.
#
# ### Further reading
#
# * Radford et al. 2021, [arXiv 2103.00020](https://arxiv.org/abs/2103.00020), sections 4 to 7. Section 7 also measures surveillance: 91.8 % of coarse scenes in CCTV frames, and 59.2 % of 100 celebrities by name (Table 8).
# * Yuksekgonul et al. 2022, [arXiv 2210.01936](https://arxiv.org/abs/2210.01936): when and why vision-language models behave like bags of words.
# * Zhou et al. 2021, [arXiv 2112.01071](https://arxiv.org/abs/2112.01071): MaskCLIP, maps from value vectors.
# * Minderer et al. 2022, [arXiv 2205.06230](https://arxiv.org/abs/2205.06230): OWL-ViT, detection with CLIP.
# * Singh et al. 2024, [arXiv 2403.20312](https://arxiv.org/abs/2403.20312): teaching a CLIP what "no" means.
#
# ### Next
#
# [The exercises of lesson 12](../exercises/12_limits.ipynb) go past what you saw: a bag of words on paper, the cost of one more class name, a permutation test for pairs, the power of a test before you run it, and a limit of your own. Then [lesson 13, The real CLIP](13_the_real_clip.ipynb), asks the same questions of OpenAI's weights.
