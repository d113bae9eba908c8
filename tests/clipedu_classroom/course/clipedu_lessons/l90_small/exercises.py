# %% [markdown]
# # Exercises 90 · A small course for the tests

# %%
import torch
from torch import nn

from clipedu.objectives import info_nce  # noqa: F401  (a worker has none of it)
from clipedu_classroom import check

scale = 2.0

# %% tags=["exercise"]
EXERCISE = dict(
    id="90.1",
    title="The loss before any learning",
    kind="predict",
    points=1,
    minutes=5,
    difficulty="easy",
    goal="Know the number that a training run starts from.",
    hints=["Every caption is as likely as every other one.", "The answer is ln N."],
)

# %% [markdown]
# A fresh model meets a batch of 64 pairs. What is its loss, to two decimals?

# %%
### BEGIN SOLUTION
loss_at_start = 4.16
### END SOLUTION

# %%
check("90.1", loss_at_start)

# %% the logarithm has base 2 tags=["wrong"]
loss_at_start = 6.0

# %% the logarithm is forgotten tags=["wrong"]
loss_at_start = 64.0

# %% the value is wrong tags=["wrong"]
loss_at_start = 8.32

# %% tags=["exercise"]
EXERCISE = dict(
    id="90.2",
    title="The symmetric loss",
    points=3,
    minutes=10,
    difficulty="medium",
    goal="Write the loss of Figure 3.",
    hints=["Which axis?", "Both.", "Take the mean."],
)

# %% [markdown]
# Return the mean of the two cross-entropies as a scalar tensor.


# %%
def contrastive_loss(logits: torch.Tensor) -> torch.Tensor:
    """(N, N) logits -> () loss."""
    ### BEGIN SOLUTION
    labels = torch.arange(logits.shape[0])
    rows = nn.functional.cross_entropy(logits, labels)
    columns = nn.functional.cross_entropy(logits.T, labels)
    return (rows + columns) / 2
    ### END SOLUTION


# %%
check("90.2", contrastive_loss)


# %% only the rows are scored, not the columns tags=["wrong"]
def contrastive_loss(logits):
    return nn.functional.cross_entropy(logits, torch.arange(len(logits)))


# %% the two losses are added, not averaged tags=["wrong"]
def contrastive_loss(logits):
    labels = torch.arange(len(logits))
    rows = nn.functional.cross_entropy(logits, labels)
    return rows + nn.functional.cross_entropy(logits.T, labels)


# %% an input is changed in place tags=["wrong"]
def contrastive_loss(logits):
    labels = torch.arange(len(logits))
    with torch.no_grad():
        logits -= logits.max()
    rows = nn.functional.cross_entropy(logits, labels)
    return (rows + nn.functional.cross_entropy(logits.T, labels)) / 2


# %% tags=["exercise"]
EXERCISE = dict(
    id="90.3",
    title="A scale that cannot be negative",
    points=2,
    minutes=10,
    difficulty="medium",
    goal="Write a module.",
    hints=["A logarithm.", "exp"],
)

# %% [markdown]
# `Scale(width)` multiplies by exp(log_scale), then projects.


# %%
class Scale(nn.Module):
    def __init__(self, width: int) -> None:
        super().__init__()
        self.log_scale = nn.Parameter(torch.zeros(width))
        self.project = nn.Linear(width, width)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """(B, width) -> (B, width)."""
        ### BEGIN SOLUTION
        return self.project(x * self.log_scale.exp())
        ### END SOLUTION


# %%
check("90.3", Scale)


# %% the scale is not exponentiated tags=["wrong"]
class Scale(nn.Module):
    def __init__(self, width):
        super().__init__()
        self.log_scale = nn.Parameter(torch.zeros(width))
        self.project = nn.Linear(width, width)

    def forward(self, x):
        return self.project(x * self.log_scale)


# %% the scale comes after the projection tags=["wrong"]
class Scale(nn.Module):
    def __init__(self, width):
        super().__init__()
        self.log_scale = nn.Parameter(torch.zeros(width))
        self.project = nn.Linear(width, width)

    def forward(self, x):
        return self.project(x) * self.log_scale.exp()


# %% the parameters have other names or shapes tags=["wrong"]
class Scale(nn.Module):
    def __init__(self, width):
        super().__init__()
        self.scale = nn.Parameter(torch.ones(width))
        self.project = nn.Linear(width, width)

    def forward(self, x):
        return self.project(x * self.scale)


# %% tags=["exercise"]
EXERCISE = dict(
    id="90.4",
    title="The classifier made of words",
    points=2,
    minutes=10,
    difficulty="medium",
    goal="Average what an encoder says about several prompts.",
    hints=["One row a class.", "Mean, then normalise."],
)

# %% [markdown]
# `encode` turns a list of n texts into (n, 6) numbers.


# %%
def classifier(encode, names, templates):
    """-> (C, 6), rows of length 1."""
    ### BEGIN SOLUTION
    rows = []
    for name in names:
        mean = encode([t.format(name) for t in templates]).mean(dim=0)
        rows.append(mean / mean.norm())
    return torch.stack(rows)
    ### END SOLUTION


# %%
check("90.4", classifier)


# %% the rows are not normalised tags=["wrong"]
def classifier(encode, names, templates):
    return torch.stack([encode([t.format(name) for t in templates]).mean(dim=0) for name in names])


# %% only the first template is used tags=["wrong"]
def classifier(encode, names, templates):
    rows = encode([templates[0].format(name) for name in names])
    return rows / rows.norm(dim=-1, keepdim=True)


# %% rows and columns are swapped tags=["wrong"]
def classifier(encode, names, templates):
    rows = [encode([t.format(name) for t in templates]).mean(dim=0) for name in names]
    return torch.stack([row / row.norm() for row in rows]).T


# %% tags=["exercise"]
EXERCISE = dict(
    id="90.5",
    title="What does a bigger batch buy?",
    kind="investigate",
    points=4,
    minutes=15,
    difficulty="hard",
    goal="Design a small experiment.",
    hints=["Change one thing only.", "Compare with ln N."],
)

# %% [markdown]
# Report what you see in at most ten lines.

# %% [markdown] tags=["answer"]
# The loss rises with the batch, because its floor does.

# %% [markdown] tags=["rubric"]
# * 4 points: it is said why.
