# %% [markdown]
# # Exercises 06 · Prompts
#
# Five exercises on [lesson 06, Prompts](../notebooks/06_prompts.ipynb), about an hour in all. Work from top to bottom. Each check says what it found; when it knows the mistake, it names it.
#
# `hint("06.2")` shows one more hint each time you run it, `solution("06.2")` opens after you have passed, `progress()` says where you stand, and `reset("06.2")` begins an exercise anew. Nothing leaves this machine.

# %%
import torch
from torch import Tensor

from clipedu_classroom import check, give_up, hint, progress, reset, solution

# %% tags=["exercise"]
EXERCISE = dict(
    id="06.1",
    title="An ensemble on paper",
    kind="predict",
    points=2,
    minutes=10,
    difficulty="easy",
    goal="Work out a classifier of two prompts a class by hand, and see why its mean is normalised.",
    hints=[
        "Mean of the two vectors of a class, then divide by its length, then the dot product with the picture.",
        "The mean of (1, 0) and (0, 1) is (0.5, 0.5), and its length is 0.707. The two prompts of owl agree, so their mean is already of length 1.",
        "Five tosses, all heads: 1 of 32 sequences. All tails would have been as surprising.",
    ],
)

# %% [markdown]
# Two prompts for each class give unit vectors of two numbers:
#
# | class | first prompt | second prompt |
# |---|---|---|
# | bat | (1, 0) | (0, 1) |
# | owl | (0.8, 0.6) | (0.8, 0.6) |
#
# A picture has the unit vector (0.6, 0.8). The ensemble is made in embedding space: mean, then normalise. Write
#
# * `bat_score` and `owl_score`: the cosine of the picture with each class, to two decimals;
# * `winner`, `"bat"` or `"owl"`, and `winner_without`: which wins if the means are **not** normalised;
# * `p`: a prompt fixes 5 answers and breaks none. How likely is it that a fair coin is at least as one-sided, either way? Three decimals or more.

# %%
### BEGIN SOLUTION
bat_score = 0.99
owl_score = 0.96
winner = "bat"
winner_without = "owl"
p = 0.0625
### END SOLUTION

# %%
check("06.1", (bat_score, owl_score, winner, winner_without, p))

# %% the mean of the prompts is not normalised tags=["wrong"]
bat_score, owl_score, winner, winner_without, p = 0.70, 0.96, "owl", "owl", 0.0625

# %% only one side of the coin is counted tags=["wrong"]
# hint: Five broken and none fixed would have been as surprising.
bat_score, owl_score, winner, winner_without, p = 0.99, 0.96, "bat", "owl", 0.03125

# %% the better of the two prompts is taken instead of their mean tags=["wrong"]
bat_score, owl_score, winner, winner_without, p = 0.80, 0.96, "owl", "owl", 0.0625

# %% tags=["exercise"]
EXERCISE = dict(
    id="06.2",
    title="From names to prompts",
    points=2,
    minutes=8,
    difficulty="easy",
    goal="Make every prompt of a task, in the order that the rest of the code relies on.",
    hints=[
        "One list for each class, one sentence for each template.",
        "str.replace replaces every {} of a template.",
        "[[template.replace(...) for template in ...] for name in ...]",
    ],
)

# %% [markdown]
# Return a list with one list for each class, which holds one sentence for each template: the template with **every** `{}` replaced by the class name, letter for letter. (No *a* or *an* is mended here.)
#
# `all_prompts(["cat", "red fox"], ["{}", "an icon of {}"])` gives `[["cat", "an icon of cat"], ["red fox", "an icon of red fox"]]`.

# %%
def all_prompts(class_names: list[str], templates: list[str]) -> list[list[str]]:
    """C names and T templates -> C lists of T sentences."""
    ### BEGIN SOLUTION
    return [[template.replace("{}", name) for template in templates] for name in class_names]
    ### END SOLUTION

# %%
check("06.2", all_prompts)

# %% there is one list for each template, not for each class tags=["wrong"]
# hint: Which loop is the outer one?
def all_prompts(class_names, templates):
    return [[template.replace("{}", name) for name in class_names] for template in templates]

# %% all sentences are in one flat list tags=["wrong"]
# hint: Which sentences belong to one class?
def all_prompts(class_names, templates):
    return [template.replace("{}", name) for name in class_names for template in templates]

# %% only the first placeholder in a template is filled tags=["wrong"]
# hint: A template may use the name twice.
def all_prompts(class_names, templates):
    return [[template.replace("{}", name, 1) for template in templates] for name in class_names]

# %% the class name is put behind the template, whose placeholder stays tags=["wrong"]
# hint: Where does the name go?
def all_prompts(class_names, templates):
    return [[template + " " + name for template in templates] for name in class_names]

# %% tags=["exercise"]
EXERCISE = dict(
    id="06.3",
    title="An ensemble of opinions",
    points=3,
    minutes=12,
    difficulty="medium",
    goal="Average T classifiers in probability space, and know how that differs from averaging their weights.",
    hints=[
        "Each template is a classifier (C, E) of its own: what does it answer, before anything is averaged?",
        "Softmax over the classes, for each template and each picture; then the mean over the templates.",
        "logits = scale * torch.einsum('ne,tce->tnc', pictures, texts)",
    ],
)

# %% [markdown]
# `pictures` is (N, E) and `texts` (T, C, E), both of unit vectors: for each of T templates, the embeddings of C classes. `scale` is the logit scale, a number. Return the (N, C) probabilities of the ensemble: every template answers with a softmax over the classes of `scale` times cosine, and the answers are
# averaged over the templates. They must stay finite at a scale of 2,000.

# %%
def mean_probabilities(pictures: Tensor, texts: Tensor, scale: float) -> Tensor:
    """(N, E), (T, C, E), scale -> (N, C), rows that add up to 1."""
    ### BEGIN SOLUTION
    logits = scale * torch.einsum("ne,tce->tnc", pictures, texts)  # (T, N, C)
    return logits.softmax(dim=-1).mean(dim=0)
    ### END SOLUTION

# %%
check("06.3", mean_probabilities)

# %% the scores are averaged before the softmax tags=["wrong"]
# hint: What does each template answer for itself?
def mean_probabilities(pictures, texts, scale):
    logits = scale * torch.einsum("ne,tce->tnc", pictures, texts)
    return logits.mean(dim=0).softmax(dim=-1)

# %% the embeddings are averaged, not the probabilities tags=["wrong"]
# hint: That is the ensemble in embedding space.
def mean_probabilities(pictures, texts, scale):
    mean = texts.mean(dim=0)
    mean = mean / mean.norm(dim=-1, keepdim=True)
    return (scale * pictures @ mean.T).softmax(dim=-1)

# %% the scale is forgotten tags=["wrong"]
# hint: How sure is a softmax of cosines alone?
def mean_probabilities(pictures, texts, scale):
    return torch.einsum("ne,tce->tnc", pictures, texts).softmax(dim=-1).mean(dim=0)

# %% the softmax is taken over the pictures tags=["wrong"]
# hint: Which classes compete, and for what?
def mean_probabilities(pictures, texts, scale):
    logits = scale * torch.einsum("ne,tce->tnc", pictures, texts)
    return logits.softmax(dim=1).mean(dim=0)

# %% tags=["exercise"]
EXERCISE = dict(
    id="06.4",
    title="Which answers flip?",
    points=3,
    minutes=10,
    difficulty="medium",
    goal="Count what a new prompt put right, what it lost, and what it merely moved.",
    hints=[
        "An answer that stays the same belongs to none of the three.",
        "fixed: after is right and before is not. broken: the other way round.",
        "other: before and after differ, and neither is the label.",
    ],
)

# %% [markdown]
# `before`, `after` and `labels` are (N,) whole numbers: the classes answered with two prompts, and the right ones. Return three Python integers: how many answers are **fixed** (wrong, then right), **broken** (right, then wrong), and **other** (from one wrong class to another wrong class).

# %%
def count_flips(before: Tensor, after: Tensor, labels: Tensor) -> tuple[int, int, int]:
    """(N,), (N,), (N,) -> fixed, broken, other."""
    ### BEGIN SOLUTION
    was_right, is_right = before == labels, after == labels
    fixed = (~was_right & is_right).sum()
    broken = (was_right & ~is_right).sum()
    other = ((before != after) & ~was_right & ~is_right).sum()
    return int(fixed), int(broken), int(other)
    ### END SOLUTION

# %%
check("06.4", count_flips)

# %% fixed and broken are swapped tags=["wrong"]
# hint: Which prompt came first?
def count_flips(before, after, labels):
    was_right, is_right = before == labels, after == labels
    other = ((before != after) & ~was_right & ~is_right).sum()
    return int((was_right & ~is_right).sum()), int((~was_right & is_right).sum()), int(other)

# %% wrong answers that stay the same are counted as other tags=["wrong"]
# hint: Did those answers flip?
def count_flips(before, after, labels):
    was_right, is_right = before == labels, after == labels
    fixed, broken = (~was_right & is_right).sum(), (was_right & ~is_right).sum()
    return int(fixed), int(broken), int((~was_right & ~is_right).sum())

# %% every right answer after the change counts as fixed tags=["wrong"]
# hint: Some were right before.
def count_flips(before, after, labels):
    was_right, is_right = before == labels, after == labels
    other = ((before != after) & ~was_right & ~is_right).sum()
    return int(is_right.sum()), int((was_right & ~is_right).sum()), int(other)

# %% every changed answer counts as other tags=["wrong"]
# hint: Fixed and broken answers have changed, too.
def count_flips(before, after, labels):
    was_right, is_right = before == labels, after == labels
    fixed, broken = (~was_right & is_right).sum(), (was_right & ~is_right).sum()
    return int(fixed), int(broken), int((before != after).sum())

# %% tags=["exercise"]
EXERCISE = dict(
    id="06.5",
    title="Find a better prompt, honestly",
    kind="investigate",
    points=4,
    minutes=15,
    difficulty="hard",
    goal="Choose a prompt on pictures of training families, report it on held-out ones, and say whether it is more than luck.",
    hints=[
        "Write your candidates down before you measure anything; think of the forms that captions took.",
        "TRY = True compares candidates on shared_mdi and shared_openmoji (training families); then change one line to report the winner on shared_lucide.",
    ],
)

# %% [markdown]
# Think of three to six templates, write down which you expect to win, and choose one (or a small set) on tasks of **training** families. Then report it **once** on `shared_lucide` or `shared_font_awesome`, against the bare name, with the flips and their p. Report in at most ten lines.

# %%
TRY = False  # True measures: a few seconds
candidates = ["{}", "a drawing of {}", "{} symbol"]  # your own

if TRY:
    from clipedu_lessons.l06_prompts.flips import flips
    from clipedu.evaluation import load_task, zero_shot
    from clipedu.training import load_pretrained

    model, tokenizer, _ = load_pretrained("laptop_1")
    for name in ("shared_mdi", "shared_openmoji"):
        task = load_task(name)
        for template in candidates:
            result = zero_shot(model, tokenizer, task, templates=template)
            print(f"{name:<16} {template:<20} {result.value:.1%}")
    # then, once: print(flips(model, tokenizer, load_task("shared_lucide"), "{}", "your choice"))
else:
    print("my candidates:", candidates)

# %% [markdown] tags=["answer"]
# Candidates, written down first: `{}`, `{} icon`, `an icon of {}`, `a drawing of {}`, `{} symbol`. I expected *an icon of {}*, since captions said it. On shared_mdi and shared_openmoji the bare name was best, *{} icon* lost least against it, and *a drawing of {}* and *{} symbol*, in whose words hardly a caption speaks, were clearly worse.
# My expectation was wrong there. I chose *{} icon*, the best of the rest. On shared_lucide, asked once, a handful of answers flipped in both directions and the sign test gave a p far above 0.05. So I found no prompt that beats the bare name for this model. It does not follow that there is none: I tried five, on two families, with one seed of one model.

# %% [markdown] tags=["rubric"]
# * 1 point: candidates and an expectation written down before measuring, with a reason from the captions.
# * 1 point: chosen on training families only; the held-out family asked once.
# * 1 point: flips counted (fixed, broken), with p or an interval, not two accuracies alone.
# * 1 point: says what the experiment can't show.
