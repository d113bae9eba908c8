# %% [markdown]
# # Exercises 06 · Prompts
#
# Eight exercises on [lesson 06, Prompts](../notebooks/06_prompts.ipynb), about two and a half hours in all. Work from top to bottom. Each check says what it found, and names the mistake if it knows it.
#
# `hint("06.3")` shows one more hint each time you run it, `solution("06.3")` opens after you have passed, `progress()` shows what is done, and `reset("06.3")` starts an exercise again. Exercise 06.6 adds a part to your `my_clip.py`. Nothing leaves this machine.

# %%
import torch
from torch import Tensor
from torch.nn import functional as F

from clipedu_classroom import check, give_up, hint, progress, reset, solution

# %% tags=["exercise"]
EXERCISE = dict(
    id="06.1",
    title="An ensemble on paper",
    kind="predict",
    points=2,
    minutes=10,
    difficulty="easy",
    goal="Work out a classifier of two prompts a class by hand, and see why its mean is normalized.",
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
# A picture has the unit vector (0.6, 0.8). The ensemble is the normalized mean of the two vectors of a class. Write down
#
# * `bat_score` and `owl_score`: the cosine of the picture with each class, to two decimals;
# * `winner`, `"bat"` or `"owl"`, and `winner_without`: which wins if the means are **not** normalized;
# * `p`: a prompt fixes 5 answers and breaks none. Suppose that both prompts were equally good, so that each of these five answers was a coin toss. How likely would a result at least as one-sided be, in either direction? Give three decimals or more.

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

# %% the mean of the prompts is not normalized tags=["wrong"]
bat_score, owl_score, winner, winner_without, p = 0.70, 0.96, "owl", "owl", 0.0625

# %% only one side of the coin is counted tags=["wrong"]
# hint: Five broken and none fixed would have been as surprising.
bat_score, owl_score, winner, winner_without, p = 0.99, 0.96, "bat", "owl", 0.03125

# %% the better of the two prompts is taken instead of their mean tags=["wrong"]
bat_score, owl_score, winner, winner_without, p = 0.80, 0.96, "owl", "owl", 0.0625

# %% p is rounded to two decimals tags=["wrong"]
# hint: Three decimals or more.
bat_score, owl_score, winner, winner_without, p = 0.99, 0.96, "bat", "owl", 0.06

# %% the chance is taken to be one in five tags=["wrong"]
# hint: How many sequences do five tosses have, and how many of them are one-sided?
bat_score, owl_score, winner, winner_without, p = 0.99, 0.96, "bat", "owl", 0.2

# %% tags=["exercise"]
EXERCISE = dict(
    id="06.3",
    title="An average of answers",
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
# `pictures` is (N, E) and `texts` is (T, C, E), both unit vectors. `texts` holds the embeddings of C classes for each of T templates, and `scale` is the logit scale, a number.
#
# Return the (N, C) probabilities of the ensemble in probability space. Every template is a classifier and answers with a softmax over the classes; then the answers are averaged over the templates. The result must stay finite at a scale of 2,000.


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

# %% a second softmax is put over the mean tags=["wrong"]
# hint: The mean of probabilities is a probability already.
def mean_probabilities(pictures, texts, scale):
    logits = scale * torch.einsum("ne,tce->tnc", pictures, texts)
    return logits.softmax(dim=-1).mean(dim=0).softmax(dim=-1)

# %% large logits are cut off tags=["wrong"]
# hint: A softmax that subtracts the largest logit needs no limit.
def mean_probabilities(pictures, texts, scale):
    logits = scale * torch.einsum("ne,tce->tnc", pictures, texts)
    return logits.clamp(-50, 50).softmax(dim=-1).mean(dim=0)

# %% the mean is taken over the pictures tags=["wrong"]
# hint: Which axis holds the templates?
def mean_probabilities(pictures, texts, scale):
    logits = scale * torch.einsum("ne,tce->tnc", pictures, texts)
    return logits.softmax(dim=-1).mean(dim=1)

# %% each template has one vote tags=["wrong"]
# hint: How sure a template is counts, too.
def mean_probabilities(pictures, texts, scale):
    best = torch.einsum("ne,tce->tnc", pictures, texts).argmax(dim=-1)
    return F.one_hot(best, texts.shape[1]).to(pictures.dtype).mean(dim=0)

# %% the scores are divided by the scale tags=["wrong"]
# hint: Scale and temperature are inverse to each other.
def mean_probabilities(pictures, texts, scale):
    logits = torch.einsum("ne,tce->tnc", pictures, texts) / scale
    return logits.softmax(dim=-1).mean(dim=0)

# %% the softmax is taken over the templates tags=["wrong"]
# hint: Which axis holds the classes?
def mean_probabilities(pictures, texts, scale):
    logits = scale * torch.einsum("ne,tce->tnc", pictures, texts)
    return logits.softmax(dim=0).mean(dim=0)

# %% the probabilities are multiplied tags=["wrong"]
# hint: A mean, not a product.
def mean_probabilities(pictures, texts, scale):
    logits = scale * torch.einsum("ne,tce->tnc", pictures, texts)
    return logits.log_softmax(dim=-1).mean(dim=0).exp()

# %% only the first template is asked tags=["wrong"]
# hint: Where are the other templates?
def mean_probabilities(pictures, texts, scale):
    logits = scale * torch.einsum("ne,tce->tnc", pictures, texts)
    return logits[0].softmax(dim=-1)

# %% only the last template is asked tags=["wrong"]
# hint: Where are the other templates?
def mean_probabilities(pictures, texts, scale):
    logits = scale * torch.einsum("ne,tce->tnc", pictures, texts)
    return logits[-1].softmax(dim=-1)

# %% the surest template decides tags=["wrong"]
# hint: All templates have the same say.
def mean_probabilities(pictures, texts, scale):
    logits = scale * torch.einsum("ne,tce->tnc", pictures, texts)
    return logits.softmax(dim=-1).amax(dim=0)

# %% the mean is taken over the classes tags=["wrong"]
# hint: Which axis holds the templates?
def mean_probabilities(pictures, texts, scale):
    logits = scale * torch.einsum("ne,tce->tnc", pictures, texts)
    return logits.softmax(dim=-1).mean(dim=-1).T

# %% no softmax is taken at all tags=["wrong"]
# hint: Probabilities lie between 0 and 1.
def mean_probabilities(pictures, texts, scale):
    logits = scale * torch.einsum("ne,tce->tnc", pictures, texts)
    return logits.mean(dim=0)

# %% tags=["exercise"]
EXERCISE = dict(
    id="06.4",
    title="Which answers flip?",
    points=3,
    minutes=10,
    difficulty="medium",
    goal="Count what a new prompt put right, what it lost, and what it only moved.",
    hints=[
        "An answer that stays the same belongs to none of the three.",
        "fixed: after is right and before is not. broken: the other way round.",
        "other: before and after differ, and neither is the label.",
    ],
)

# %% [markdown]
# `before` and `after` are the classes that a model answers with two prompts, and `labels` are the right ones. All three are (N,) tensors of whole numbers.
#
# Return three Python integers: how many answers are **fixed** (wrong, then right), **broken** (right, then wrong), and **other** (one wrong class, then another wrong class).


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

# %% every wrong answer that stays wrong in the same way counts as other tags=["wrong"]
# hint: Other means: from one wrong class to another.
def count_flips(before, after, labels):
    was_right, is_right = before == labels, after == labels
    fixed, broken = (~was_right & is_right).sum(), (was_right & ~is_right).sum()
    return int(fixed), int(broken), int((~was_right & (before == after)).sum())

# %% the right answers that stay right are counted as other tags=["wrong"]
# hint: Other means: from one wrong class to another.
def count_flips(before, after, labels):
    was_right, is_right = before == labels, after == labels
    fixed, broken = (~was_right & is_right).sum(), (was_right & ~is_right).sum()
    return int(fixed), int(broken), int((was_right & is_right).sum())

# %% the net gain is given for the fixed ones tags=["wrong"]
# hint: A difference hides what went both ways.
def count_flips(before, after, labels):
    was_right, is_right = before == labels, after == labels
    other = ((before != after) & ~was_right & ~is_right).sum()
    return int(is_right.sum() - was_right.sum()), int((was_right & ~is_right).sum()), int(other)

# %% every wrong answer after the change counts as broken tags=["wrong"]
# hint: Some were wrong before.
def count_flips(before, after, labels):
    was_right, is_right = before == labels, after == labels
    fixed, broken = int((~was_right & is_right).sum()), int((was_right & ~is_right).sum())
    other = int(((before != after) & ~was_right & ~is_right).sum())
    return fixed, int((~is_right).sum()), other

# %% the answers that do not change are counted as other tags=["wrong"]
# hint: Other means: from one wrong class to another.
def count_flips(before, after, labels):
    was_right, is_right = before == labels, after == labels
    fixed, broken = int((~was_right & is_right).sum()), int((was_right & ~is_right).sum())
    other = int(((before != after) & ~was_right & ~is_right).sum())
    return fixed, broken, int((before == after).sum())

# %% the right answers of both prompts are counted, not the changes tags=["wrong"]
# hint: Look at each picture's two answers together.
def count_flips(before, after, labels):
    was_right, is_right = before == labels, after == labels
    fixed, broken = int((~was_right & is_right).sum()), int((was_right & ~is_right).sum())
    other = int(((before != after) & ~was_right & ~is_right).sum())
    return int(is_right.sum()), int(was_right.sum()), int((before != after).sum())

# %% the difference of the two accuracies is given for the fixed ones tags=["wrong"]
# hint: A difference hides what went both ways.
def count_flips(before, after, labels):
    was_right, is_right = before == labels, after == labels
    fixed, broken = int((~was_right & is_right).sum()), int((was_right & ~is_right).sum())
    other = int(((before != after) & ~was_right & ~is_right).sum())
    return abs(fixed - broken), 0, other

# %% shares are returned, not numbers tags=["wrong"]
# hint: How many, not what part.
def count_flips(before, after, labels):
    was_right, is_right = before == labels, after == labels
    fixed, broken = int((~was_right & is_right).sum()), int((was_right & ~is_right).sum())
    other = int(((before != after) & ~was_right & ~is_right).sum())
    return fixed / len(labels), broken / len(labels), other / len(labels)

# %% other and broken are swapped tags=["wrong"]
# hint: The order is fixed, broken, other.
def count_flips(before, after, labels):
    was_right, is_right = before == labels, after == labels
    fixed, broken = int((~was_right & is_right).sum()), int((was_right & ~is_right).sum())
    other = int(((before != after) & ~was_right & ~is_right).sum())
    return fixed, other, broken

# %% all changes to a wrong class count as broken tags=["wrong"]
# hint: Broken answers were right before.
def count_flips(before, after, labels):
    was_right, is_right = before == labels, after == labels
    fixed, broken = int((~was_right & is_right).sum()), int((was_right & ~is_right).sum())
    other = int(((before != after) & ~was_right & ~is_right).sum())
    return fixed, broken + other, other

# %% all changes from a wrong class count as fixed tags=["wrong"]
# hint: Fixed answers are right afterwards.
def count_flips(before, after, labels):
    was_right, is_right = before == labels, after == labels
    fixed, broken = int((~was_right & is_right).sum()), int((was_right & ~is_right).sum())
    other = int(((before != after) & ~was_right & ~is_right).sum())
    return fixed + other, broken, other

# %% a count is a tensor or a float, where Python integers are asked for tags=["wrong"]
# hint: `int(...)` or .item() makes a Python integer of a tensor.
def count_flips(before, after, labels):
    was_right, is_right = before == labels, after == labels
    other = (before != after) & ~was_right & ~is_right
    return (~was_right & is_right).sum(), (was_right & ~is_right).sum(), other.sum()

# %% tags=["exercise"]
EXERCISE = dict(
    id="06.6",
    title="The prompt ensemble of your CLIP",
    my_clip="clipedu_lessons.l06_prompts.ensembles",
    points=4,
    minutes=20,
    difficulty="medium",
    goal="Classify with many prompts, averaged in any of the three ways of the lesson.",
    hints=[
        "Embed all T x C prompts once, in the order in which you want to view them. The three ways differ only in what comes after.",
        "The mean of embeddings is an ensemble with one template: its normalized mean. The mean of logits is one, too, of logits. So all three end in a softmax and a mean over what is left of the first axis.",
        "each = (T, C, E); embeddings: normalize the mean over T, keep the axis; logits = exp(logit_scale) * image @ each.mT; logits way: mean over T, keep the axis; softmax over the last axis, then mean over the first.",
    ],
)

# %% [markdown]
# Your `zero_shot_classifier` of lesson 04 averages embeddings. Write the general case. `image` holds N embedded pictures, (N, E) unit vectors; `templates` are sentences with `{}`; `by` says what is averaged over the templates: `"embeddings"`, `"logits"` or `"probabilities"`.
#
# Return the probability of each class, (N, C). The learned logit scale is part of the logits, and remember that the model keeps its logarithm. The model may be in training mode when you get it, so switch it to evaluation. `tokenizer(captions)` gives the tokens.

# %%
@torch.no_grad()
def prompt_ensemble(model, tokenizer, image, names, templates, by="embeddings"):
    """Embedded pictures (N, E) -> probabilities (N, C), averaged over templates (section 3.1.4)."""
    ### BEGIN SOLUTION
    model.eval()
    prompts = [template.format(name) for template in templates for name in names]
    each = model.encode_text(tokenizer(prompts), normalize=True)
    each = each.view(len(templates), len(names), -1)  # (T, C, E)
    if by == "embeddings":
        each = F.normalize(each.mean(0, keepdim=True), dim=-1)  # (1, C, E)
    logits = model.logit_scale.exp() * image @ each.mT  # (T, N, C)
    if by == "logits":
        logits = logits.mean(0, keepdim=True)
    return logits.softmax(-1).mean(0)
    ### END SOLUTION

# %%
check("06.6", prompt_ensemble)

# %% the mean embedding is not normalized again tags=["wrong"]
# hint: How long is a mean of unit vectors?
from clipedu_lessons.l06_prompts.checks.averages import ensemble_with

prompt_ensemble = ensemble_with(again=False)

# %% the logit scale is used without its exponential tags=["wrong"]
# hint: Which number does the model learn, and which one multiplies the cosines?
from clipedu_lessons.l06_prompts.checks.averages import ensemble_with

prompt_ensemble = ensemble_with(exp=lambda t: t)

# %% the cosines are not multiplied by the logit scale tags=["wrong"]
# hint: How confident is a softmax of cosines alone?
from clipedu_lessons.l06_prompts.checks.averages import ensemble_with

prompt_ensemble = ensemble_with(exp=lambda t: 1.0)

# %% prompts of different classes are averaged tags=["wrong"]
# hint: In which order did you make the prompts?
from clipedu_lessons.l06_prompts.checks.averages import ensemble_with

prompt_ensemble = ensemble_with(mixed=True)

# %% the logits are averaged after the softmax, as the probabilities are tags=["wrong"]
# hint: What does each way average, and when?
from clipedu_lessons.l06_prompts.checks.averages import ensemble_with

prompt_ensemble = ensemble_with(late=True)

# %% the embeddings of the prompts are not normalized before the mean tags=["wrong"]
# hint: Does a prompt with a long embedding count for more?
from clipedu_lessons.l06_prompts.checks.averages import ensemble_with

prompt_ensemble = ensemble_with(unit=False)

# %% the model stays in training mode tags=["wrong"]
from clipedu_lessons.l06_prompts.checks.averages import ensemble_with

prompt_ensemble = ensemble_with(train=True)

# %% `by` is ignored: the embeddings are averaged in every case tags=["wrong"]
# hint: What does each way average, and when?
def prompt_ensemble(model, tokenizer, image, names, templates, by="embeddings"):
    from clipedu_lessons.l06_prompts.checks.averages import ensemble_with

    return ensemble_with()(model, tokenizer, image, names, templates, "embeddings")

# %% the logits are averaged where the probabilities are asked for tags=["wrong"]
# hint: A softmax of a mean is no mean of softmaxes.
def prompt_ensemble(model, tokenizer, image, names, templates, by="embeddings"):
    from clipedu_lessons.l06_prompts.checks.averages import ensemble_with

    return ensemble_with()(model, tokenizer, image, names, templates, "logits" if by == "probabilities" else by)

# %% logits and probabilities are mixed up tags=["wrong"]
# hint: Which of the two is averaged before the softmax?
def prompt_ensemble(model, tokenizer, image, names, templates, by="embeddings"):
    from clipedu_lessons.l06_prompts.checks.averages import ensemble_with

    return ensemble_with()(model, tokenizer, image, names, templates, {"logits": "probabilities", "probabilities": "logits"}.get(by, by))

# %% only the first template is asked tags=["wrong"]
# hint: Where are the other templates?
def prompt_ensemble(model, tokenizer, image, names, templates, by="embeddings"):
    from clipedu_lessons.l06_prompts.checks.averages import ensemble_with

    return ensemble_with()(model, tokenizer, image, names, templates[:1], by)

# %% only the last template is asked tags=["wrong"]
# hint: Where are the other templates?
def prompt_ensemble(model, tokenizer, image, names, templates, by="embeddings"):
    from clipedu_lessons.l06_prompts.checks.averages import ensemble_with

    return ensemble_with()(model, tokenizer, image, names, templates[-1:], by)

# %% the templates are not used, only the names tags=["wrong"]
# hint: Where does the name go in a template?
def prompt_ensemble(model, tokenizer, image, names, templates, by="embeddings"):
    from clipedu_lessons.l06_prompts.checks.averages import ensemble_with

    return ensemble_with()(model, tokenizer, image, names, ["{}"], by)

# %% the logits are added up, not averaged tags=["wrong"]
# hint: How sharp is a softmax of T times the logits?
@torch.no_grad()
def prompt_ensemble(model, tokenizer, image, names, templates, by="embeddings"):
    model.eval()
    prompts = [template.format(name) for template in templates for name in names]
    each = model.encode_text(tokenizer(prompts), normalize=True).view(len(templates), len(names), -1)
    if by == "embeddings":
        each = F.normalize(each.mean(0, keepdim=True), dim=-1)
    logits = model.logit_scale.exp() * image @ each.mT
    if by == "logits":
        logits = logits.sum(0, keepdim=True)
    return logits.softmax(-1).mean(0)

# %% the softmax is taken over the pictures tags=["wrong"]
# hint: Which classes compete, and for what?
@torch.no_grad()
def prompt_ensemble(model, tokenizer, image, names, templates, by="embeddings"):
    model.eval()
    prompts = [template.format(name) for template in templates for name in names]
    each = model.encode_text(tokenizer(prompts), normalize=True).view(len(templates), len(names), -1)
    if by == "embeddings":
        each = F.normalize(each.mean(0, keepdim=True), dim=-1)
    logits = model.logit_scale.exp() * image @ each.mT
    if by == "logits":
        logits = logits.mean(0, keepdim=True)
    return logits.softmax(1).mean(0)

# %% no softmax is taken tags=["wrong"]
# hint: Probabilities lie between 0 and 1 and sum to 1.
@torch.no_grad()
def prompt_ensemble(model, tokenizer, image, names, templates, by="embeddings"):
    model.eval()
    prompts = [template.format(name) for template in templates for name in names]
    each = model.encode_text(tokenizer(prompts), normalize=True).view(len(templates), len(names), -1)
    if by == "embeddings":
        each = F.normalize(each.mean(0, keepdim=True), dim=-1)
    logits = model.logit_scale.exp() * image @ each.mT
    if by == "logits":
        logits = logits.mean(0, keepdim=True)
    return logits.mean(0)

# %% logits come back where embeddings or logits are averaged tags=["wrong"]
# hint: The result holds probabilities in all three ways.
@torch.no_grad()
def prompt_ensemble(model, tokenizer, image, names, templates, by="embeddings"):
    model.eval()
    prompts = [template.format(name) for template in templates for name in names]
    each = model.encode_text(tokenizer(prompts), normalize=True).view(len(templates), len(names), -1)
    if by == "embeddings":
        each = F.normalize(each.mean(0, keepdim=True), dim=-1)
    logits = model.logit_scale.exp() * image @ each.mT
    if by == "logits":
        logits = logits.mean(0, keepdim=True)
    if by != "probabilities":
        return logits.mean(0)
    return logits.softmax(-1).mean(0)

# %% the probabilities are multiplied, not averaged tags=["wrong"]
# hint: A mean, not a product.
@torch.no_grad()
def prompt_ensemble(model, tokenizer, image, names, templates, by="embeddings"):
    model.eval()
    prompts = [template.format(name) for template in templates for name in names]
    each = model.encode_text(tokenizer(prompts), normalize=True).view(len(templates), len(names), -1)
    if by == "embeddings":
        each = F.normalize(each.mean(0, keepdim=True), dim=-1)
    logits = model.logit_scale.exp() * image @ each.mT
    if by == "logits":
        logits = logits.mean(0, keepdim=True)
    if by == "probabilities":
        return logits.log_softmax(-1).mean(0).exp()
    return logits.softmax(-1).mean(0)

# %% the mean embedding is used where the logits are averaged, too tags=["wrong"]
# hint: The mean of logits has no normalization.
@torch.no_grad()
def prompt_ensemble(model, tokenizer, image, names, templates, by="embeddings"):
    model.eval()
    prompts = [template.format(name) for template in templates for name in names]
    each = model.encode_text(tokenizer(prompts), normalize=True).view(len(templates), len(names), -1)
    if by != "probabilities":
        each = F.normalize(each.mean(0, keepdim=True), dim=-1)
    logits = model.logit_scale.exp() * image @ each.mT
    if by == "logits":
        logits = logits.mean(0, keepdim=True)
    return logits.softmax(-1).mean(0)

# %% the cosines are divided by the logit scale tags=["wrong"]
# hint: The scale is 1 / temperature.
@torch.no_grad()
def prompt_ensemble(model, tokenizer, image, names, templates, by="embeddings"):
    model.eval()
    prompts = [template.format(name) for template in templates for name in names]
    each = model.encode_text(tokenizer(prompts), normalize=True).view(len(templates), len(names), -1)
    if by == "embeddings":
        each = F.normalize(each.mean(0, keepdim=True), dim=-1)
    logits = (-model.logit_scale).exp() * image @ each.mT
    if by == "logits":
        logits = logits.mean(0, keepdim=True)
    return logits.softmax(-1).mean(0)

# %% tags=["exercise"]
EXERCISE = dict(
    id="06.7",
    title="Take any prompt apart",
    points=3,
    minutes=15,
    difficulty="medium",
    goal="Write the ablation of section 3 for a template that you have not seen, so that no part is forgotten.",
    hints=[
        "Go through the words by their position. What remains if the word at this position is left out?",
        "One word is special: the one that contains {}. It is never left out, but the signs that cling to it are a part of their own.",
        "for k, word in enumerate(words): words[:k] + (['{}'] if '{}' in word else []) + words[k + 1:]",
    ],
)

# %% [markdown]
# The lesson chose its ablations by hand. Write a function that makes them for any template with one `{}`. For each part of the template, from left to right, return a pair: the part, and the template without this part.
#
# A part is a word between spaces, except that `{}` always stays. Signs that cling to `{}` without a space, such as the full stop in `{}.`, are one part together. The quotation marks of `"{}"` may be one part, `""`, or two. So the template `"an icon of {}."` has four parts:
#
# | part | template without it |
# |---|---|
# | `"an"` | `"icon of {}."` |
# | `"icon"` | `"an of {}."` |
# | `"of"` | `"an icon {}."` |
# | `"."` | `"an icon of {}"` |
#
# The shorter templates have single spaces and none at the ends. The template `"{}"` has no parts.

# %%
def without_each_part(template: str) -> list[tuple[str, str]]:
    """A template with one {} -> (part, template without it) for each part."""
    ### BEGIN SOLUTION
    words, found = template.split(), []
    for k, word in enumerate(words):
        stays = ["{}"] if "{}" in word else []
        if word != "{}":
            found.append((word.replace("{}", ""), " ".join(words[:k] + stays + words[k + 1 :])))
    return found
    ### END SOLUTION

# %%
check("06.7", without_each_part)

# %% every copy of a repeated word is left out tags=["wrong"]
# hint: A word may occur twice, and each is a part of its own.
def without_each_part(template):
    words, found = template.split(), []
    for word in words:
        if word != "{}":
            left = [w for w in words if w != word] if "{}" not in word else ["{}" if w == word else w for w in words]
            found.append((word.replace("{}", ""), " ".join(left)))
    return found

# %% the name is left out with the signs that cling to it tags=["wrong"]
# hint: A template without {} gives all classes the same sentence.
def without_each_part(template):
    words = template.split()
    return [(w.replace("{}", ""), " ".join(words[:k] + words[k + 1 :])) for k, w in enumerate(words) if w != "{}"]

# %% what was left out stays out, so that the template gets shorter and shorter tags=["wrong"]
# hint: An ablation removes one thing from the whole template.
def without_each_part(template):
    words, found = template.split(), []
    for word in list(words):
        if word == "{}":
            continue
        k = words.index(word)
        words[k : k + 1] = ["{}"] if "{}" in word else []
        found.append((word.replace("{}", ""), " ".join(words)))
    return found

# %% the signs that cling to the name are no part tags=["wrong"]
# hint: Which part of a prompt cost 30 points in section 3?
def without_each_part(template):
    words = template.split()
    return [(w, " ".join(words[:k] + words[k + 1 :])) for k, w in enumerate(words) if "{}" not in w]

# %% each sign at the name is a part of its own tags=["wrong"]
# hint: The signs that cling to {} without a space belong together.
def without_each_part(template):
    words, found = template.split(), []
    for k, word in enumerate(words):
        if "{}" not in word:
            found.append((word, " ".join(words[:k] + words[k + 1 :])))
        else:
            before, after = word.split("{}")
            signs = [(c, before[:i] + before[i + 1 :] + "{}" + after) for i, c in enumerate(before)]
            signs += [(c, before + "{}" + after[:i] + after[i + 1 :]) for i, c in enumerate(after)]
            found += [(c, " ".join([*words[:k], left, *words[k + 1 :]])) for c, left in signs]
    return found

# %% the name itself is taken for a part tags=["wrong"]
# hint: A template without {} gives all classes the same sentence.
def without_each_part(template):
    words, found = template.split(), []
    for k, word in enumerate(words):
        stays = ["{}"] if "{}" in word and word != "{}" else []
        found.append((word if word == "{}" else word.replace("{}", ""), " ".join(words[:k] + stays + words[k + 1 :])))
    return found

# %% only the shorter templates come back, without the parts tags=["wrong"]
# hint: Return pairs: the part, and the template without it.
def without_each_part(template):
    from clipedu_lessons.l06_prompts.checks.choices import without_each_part

    return [left for part, left in without_each_part(template)]

# %% the words that are left are joined without spaces tags=["wrong"]
# hint: What stands between two words?
def without_each_part(template):
    from clipedu_lessons.l06_prompts.checks.choices import without_each_part

    return [(part, left.replace(" ", "")) for part, left in without_each_part(template)]

# %% the part is searched as letters, so that another word loses them tags=["wrong"]
# hint: In "an icon of an", which copy goes? Leave out the word at its own position.
def without_each_part(template):
    found = []
    for word in template.split():
        if "{}" not in word:
            found.append((word, " ".join(template.replace(word, "", 1).split())))
        elif word != "{}":
            found.append((word.replace("{}", ""), template.replace(word, "{}")))
    return found

# %% only a full stop counts as a sign at the name tags=["wrong"]
# hint: Whatever clings to {} is a part: a comma or a quotation mark, too.
def without_each_part(template):
    words, found = template.split(), []
    for k, word in enumerate(words):
        if "{}" not in word:
            found.append((word, " ".join(words[:k] + words[k + 1 :])))
        elif word.endswith("."):
            found.append((".", " ".join([*words[:k], word[:-1], *words[k + 1 :]])))
    return found

# %% tags=["exercise"]
EXERCISE = dict(
    id="06.8",
    title="Repair a selection that leaks",
    points=4,
    minutes=20,
    difficulty="medium",
    goal="Find where the reported pictures get into the choice of a prompt, and report a number that can be trusted.",
    hints=[
        "Follow the reported pictures through the code. Do they have a say in which template wins?",
        "A picture can be in both lists. If it had a say in the choice, it can't be reported.",
        "torch.isin(report, choose) tells which reported pictures took part in the choice.",
    ],
)

# %% [markdown]
# A colleague tries T templates and sends you this function with the words "I chose on `choose` and report on `report`, and there is hardly any optimism".
#
# `right` is a (T, N) tensor of bools: did template t name picture n right? `choose` and `report` are tensors of picture numbers. The function returns the number of the chosen template, its accuracy, and the optimism (its accuracy where it was chosen minus the accuracy that is reported).
#
# The function leaks in more than one way. Write `honest_choice`, which does what the colleague said. The two lists may overlap. Such pictures may be used to choose, and then they must not be reported. At least one picture is always left to report. If templates tie, take the first one. Return an int and two floats.

# %%
def leaky_choice(right: Tensor, choose: Tensor, report: Tensor) -> tuple[int, float, float]:
    used = torch.cat([choose, report])
    rates = right[:, used].float().mean(dim=1)
    winner = int(rates.argmax())
    accuracy = float(rates[winner])
    return winner, accuracy, accuracy - float(right[winner, report].float().mean())


luck = torch.rand(200, 60, generator=torch.Generator().manual_seed(0)) < 0.5  # all templates guess
print(leaky_choice(luck, torch.arange(30), torch.arange(20, 60)))

# %%
def honest_choice(right: Tensor, choose: Tensor, report: Tensor) -> tuple[int, float, float]:
    """(T, N) bools and two lists of pictures -> template, its accuracy, optimism."""
    ### BEGIN SOLUTION
    seen = right[:, choose].double().mean(dim=1)
    best = int(seen.argmax())
    fresh = report[~torch.isin(report, choose)]
    honest = float(right[best, fresh].double().mean())
    return best, honest, float(seen[best]) - honest
    ### END SOLUTION

# %%
check("06.8", honest_choice)

# %% the template is chosen on all pictures, reported ones included tags=["wrong"]
# hint: Do the reported pictures have a say in which template wins?
from clipedu_lessons.l06_prompts.checks.choices import choice_with

honest_choice = choice_with(vote="all")

# %% the template is chosen on the pictures that are reported tags=["wrong"]
# hint: Which list chooses?
from clipedu_lessons.l06_prompts.checks.choices import choice_with

honest_choice = choice_with(vote="report")

# %% pictures that took part in the choice are reported, too tags=["wrong"]
# hint: Can a picture be in both lists?
from clipedu_lessons.l06_prompts.checks.choices import choice_with

honest_choice = choice_with(overlap=True)

# %% the accuracy on the pictures of the choice is reported tags=["wrong"]
# hint: That is the number that looks too good.
from clipedu_lessons.l06_prompts.checks.choices import choice_with

honest_choice = choice_with(proud=True)

# %% the optimism has the wrong sign tags=["wrong"]
# hint: It is positive when the choice looks better than it is.
from clipedu_lessons.l06_prompts.checks.choices import choice_with

honest_choice = choice_with(sign=-1)

# %% the template is chosen on both lists together tags=["wrong"]
# hint: Do the reported pictures have a say in which template wins?
def honest_choice(right, choose, report):
    seen = right[:, torch.cat([choose, report])].double().mean(dim=1)
    best = int(seen.argmax())
    fresh = report[~torch.isin(report, choose)]
    honest = float(right[best, fresh].double().mean())
    return best, honest, float(seen[best]) - honest

# %% the template is chosen on both lists, and pictures of both are reported tags=["wrong"]
# hint: Two leaks are left: who chooses, and what is reported?
def honest_choice(right, choose, report):
    seen = right[:, torch.cat([choose, report])].double().mean(dim=1)
    best = int(seen.argmax())
    fresh = report
    honest = float(right[best, fresh].double().mean())
    return best, honest, float(seen[best]) - honest

# %% the pictures of both lists are kept from choosing tags=["wrong"]
# hint: They may choose. But then they must not be reported.
def honest_choice(right, choose, report):
    choose = choose[~torch.isin(choose, report)]
    seen = right[:, choose].double().mean(dim=1)
    best = int(seen.argmax())
    fresh = report[~torch.isin(report, choose)]
    honest = float(right[best, fresh].double().mean())
    return best, honest, float(seen[best]) - honest

# %% the last of the best templates is taken tags=["wrong"]
# hint: Of templates that tie, take the first one.
def honest_choice(right, choose, report):
    seen = right[:, choose].double().mean(dim=1)
    best = len(seen) - 1 - int(seen.flip(0).argmax())
    fresh = report[~torch.isin(report, choose)]
    honest = float(right[best, fresh].double().mean())
    return best, honest, float(seen[best]) - honest

# %% the sign of the optimism is lost tags=["wrong"]
# hint: A template can be better where it is reported; then the optimism is below 0.
def honest_choice(right, choose, report):
    seen = right[:, choose].double().mean(dim=1)
    best = int(seen.argmax())
    fresh = report[~torch.isin(report, choose)]
    honest = float(right[best, fresh].double().mean())
    return best, honest, abs(float(seen[best]) - honest)

# %% the optimism is measured against all of `report`, the pictures of both lists included tags=["wrong"]
# hint: Subtract the accuracy that you report.
def honest_choice(right, choose, report):
    seen = right[:, choose].double().mean(dim=1)
    best = int(seen.argmax())
    fresh = report[~torch.isin(report, choose)]
    honest = float(right[best, fresh].double().mean())
    return best, honest, float(seen[best]) - float(right[best, report].double().mean())

# %% positions are compared, not the numbers of the pictures tags=["wrong"]
# hint: Which numbers are in both lists?
def honest_choice(right, choose, report):
    seen = right[:, choose].double().mean(dim=1)
    best = int(seen.argmax())
    fresh = report[~torch.isin(torch.arange(len(report)), choose)]
    honest = float(right[best, fresh].double().mean())
    return best, honest, float(seen[best]) - honest

# %% the accuracy on all pictures is reported tags=["wrong"]
# hint: Which pictures had no say in the choice, and are on the list `report`?
def honest_choice(right, choose, report):
    seen = right[:, choose].double().mean(dim=1)
    best = int(seen.argmax())
    fresh = report[~torch.isin(report, choose)]
    honest = float(right[best].double().mean())
    return best, honest, float(seen[best]) - honest

# %% the mean accuracy of all templates is reported tags=["wrong"]
# hint: Report the chosen template.
def honest_choice(right, choose, report):
    seen = right[:, choose].double().mean(dim=1)
    best = int(seen.argmax())
    fresh = report[~torch.isin(report, choose)]
    honest = float(right[:, fresh].double().mean())
    return best, honest, float(seen[best]) - honest

# %% the pictures of both lists are the only ones reported tags=["wrong"]
# hint: Which pictures took part in the choice is what `isin` tells.
def honest_choice(right, choose, report):
    seen = right[:, choose].double().mean(dim=1)
    best = int(seen.argmax())
    fresh = report[torch.isin(report, choose)]
    honest = float(right[best, fresh].double().mean())
    return best, honest, float(seen[best]) - honest

# %% tags=["exercise"]
EXERCISE = dict(
    id="06.5",
    title="Find a better prompt, honestly",
    kind="investigate",
    points=4,
    minutes=20,
    difficulty="hard",
    goal="Choose a prompt on one half of a task, report it on the other, and separate meaning from nonsense.",
    hints=[
        "Write your candidates down before you measure anything. Which words stand beside digits in captions? `load_icons` and a counter will tell.",
        "Give each candidate a control of the same length: the same template with other words.",
    ],
)

# %% [markdown]
# `number {}` names about half of the handwritten digits. Can you do better? Think of four to eight templates and write down which one you expect to win. Choose one of them, or an ensemble, on the first 900 pictures. Then report it **once** on the other 897, against `number {}` and against a nonsense control of its own, with intervals. Report in at most ten lines.

# %%
TRY = False  # True measures; it takes a few seconds
candidates = ["{}", "number {}", "digit {}"]  # your own

if TRY:
    from clipedu.evaluation import load_task, zero_shot
    from clipedu.training import load_pretrained

    model, tokenizer, _ = load_pretrained()
    digits = load_task("digits")
    choose, report = digits.take(slice(0, 900)), digits.take(slice(900, None))
    for template in candidates:
        print(f"{template:<16} {zero_shot(model, tokenizer, choose, templates=template).top1:.1%}")
    # then, once, on `report`; clipedu_lessons.l06_prompts.paired.gain_of gives the interval
else:
    print("my candidates:", candidates)

# %% [markdown] tags=["answer"]
# Candidates, written down first: `{}`, `{} {}`, `number {}`, `a number {}`, `digit {}`, `the number {}`, `dice {}`, `numeric {}`. Captions say *number six* and *dice six*, so I expected `number {}` to win, and `dice {}` to be second.
#
# On the first 900 pictures: `number {}` 53.9 %, `a number {}` 53.0, `digit {}` 39.3, `numeric {}` 33.2, `the number {}` 30.6, `{} {}` 26.1, `dice {}` 19.0, `{}` 12.4. My first guess was right, the second wrong: dice show dots, not digits. I chose `number {}`. On the other 897 it reaches 51.4 %, 27.5 points above the nonsense `{} {}` (23.4 to 31.3) and 38.2 above the bare name.
# So I found nothing better. Among eight candidates the choice cost 2.5 points of optimism. It does not follow that there is no better prompt: I tried eight, with one model, and `{} {}` is one control of many.

# %% [markdown] tags=["rubric"]
# * 1 point: candidates and an expectation are written down before measuring, with a reason from the captions.
# * 1 point: the choice uses the first half only, and the second half is asked once.
# * 1 point: the gain is compared with a nonsense control of the same kind, with an interval.
# * 1 point: says what the experiment can't show.

# %% tags=["exercise"]
EXERCISE = dict(
    id="06.9",
    title="Explain a confident error",
    kind="investigate",
    points=6,
    minutes=60,
    difficulty="hard",
    goal="Find the cause of one wrong answer by experiments that could prove you wrong.",
    hints=[
        "List causes before you test: the word has another meaning in the captions; the word's tokens are rare; the drawing looks like another class; the right class has a low cosine with every picture.",
        "For each cause write down what you would see if it were true, and what if it were false. Asking with a synonym tests the word. Asking about another artist's drawing of the same thing tests the picture.",
        "Look at the training pictures of both classes: `training_pairs()` has `.icons` and `.rgba`, and `clipedu.plots.picture_grid` shows them.",
    ],
)

# %% [markdown]
# The shipped model gives some wrong answers with more than 90 % probability. The cell below lists them for the three held-out icon sets. Choose one and find out **why** it happens.
#
# Hand in: the error with its cosines and probabilities; at least two possible causes; for each an experiment and, written down *before* you run it, what you expect; the results; and a repair (another class name, a prompt or an ensemble), together with what the repair does to all other pictures of the set.

# %%
TRY = False  # True lists the errors; it takes a few seconds

if TRY:
    from clipedu.evaluation import classify, load_task
    from clipedu.training import load_pretrained

    model, tokenizer, _ = load_pretrained()
    for name in ("lucide", "font_awesome", "heroicons"):
        task = load_task(name)
        for label, ranked in zip(task.labels.tolist(), classify(model, tokenizer, task.pictures, task.class_names)):
            if ranked[0].probability > 0.9 and ranked[0].name != task.class_names[label]:
                print(f"{name}: {task.class_names[label]} is called {ranked[0].name}, {ranked[0].probability:.1%}")
else:
    print("set TRY = True to list the confident errors")

# %% [markdown] tags=["answer"]
# Lucide's *bolt* is called *nut* with 99.8 %. The picture shows a hexagon with a hole, the head of a screw. Its cosine with *bolt* is 0.04 and with *nut* 0.62.
#
# Cause 1: *bolt* means lightning to the model. Expectation: Font Awesome's *bolt*, which is a flash of lightning, is named right. It is (0.60 with *bolt*, 0.57 with *lightning*). Of the training names with *bolt*, all that I looked at (*cloud bolt*, *offline bolt*, *lightning bolt*) are lightning. So the word does mean lightning. If that were the whole cause, another name for the thing should repair the error. I expected *screw* or *hex bolt* to win. They do not: their cosines are -0.09 and -0.04, and the answer stays *nut* with 99.8 % for four new names.
#
# Cause 2: the drawing is a nut, for this model. Expectation: a training set draws *nut* nearly like this. It does: Phosphor has six pictures called *nut*, all hexagons with a hole, and *hexagon nut* scores 0.50 though it is no class name. Nobody in the training sets draws the head of a screw under any name.
#
# So there are two causes, and only the first one has to do with words. Renaming repairs nothing and breaks nothing: 231 of 297 answers stay right. The remedy would be captions of screw heads, or to accept *nut* as an answer. I have looked at one picture; for the other confident errors the cause may be different.

# %% [markdown] tags=["rubric"]
# * 1 point: the error is stated with cosines, not only with the probability.
# * 2 points: two possible causes, each with an experiment that could have refuted it, and with an expectation from before.
# * 1 point: the results are reported, also where they contradict the expectation.
# * 1 point: a repair is tried and measured on all other pictures of the set.
# * 1 point: says which causes are left open.
