# %% [markdown]
# # Exercises 12 · Limits
#
# Five exercises on lesson 12, about an hour in all. Each stands alone. A check says what it found and, where it can, which misunderstanding fits your answer. Ask for help with `hint("12.1")`; after a
# pass, compare with `solution("12.1")`. The lesson is [notebook 12, Limits](../notebooks/12_limits.ipynb).

# %%
import torch
from torch import Tensor

from clipedu_classroom import check, hint, progress, solution

# %% tags=["exercise"]
EXERCISE = dict(
    id="12.1",
    title="What a bag of words prefers",
    kind="predict",
    points=2,
    minutes=10,
    difficulty="easy",
    goal="Work out why a model that only looks for words fails below one half on negation.",
    hints=[
        "The vector of a text is the sum of its words' vectors here. Write down the four sums first.",
        "The picture of the bell is (1, 0). Its score with a text is the dot product with the text's vector.",
        "The word 'no' adds the same vector to every text. Can it change which of two texts wins?",
    ],
)

# %% [markdown]
# Word vectors: bell (3, 0), camera (0, 3), no (-1, 1). A text is the *sum* of its words' vectors; the score of a picture and a text is their dot product. The picture of the bell is (1, 0), that of the camera (0, 1). Fill in:
#
# * `bell_no_bell`: the score of the bell's picture with "no bell";
# * `bell_no_camera`: the score of the bell's picture with "no camera";
# * `share_right`: for which share of the two pictures (0, 0.5 or 1) does the *true* one of "no bell" and "no camera" have the higher score?
# * `share_with_strong_no`: the same when "no" has the vector (-10, 10).

# %%
### BEGIN SOLUTION
bell_no_bell = 2
bell_no_camera = -1
share_right = 0.0
share_with_strong_no = 0.0
### END SOLUTION

# %%
check("12.1", bell_no_bell, bell_no_camera, share_right, share_with_strong_no)

# %% the higher score is taken for the true answer tags=["wrong"]
bell_no_bell = 2
bell_no_camera = -1
share_right = 1.0
share_with_strong_no = 1.0

# %% a stronger "no" is expected to help tags=["wrong"]
bell_no_bell = 2
bell_no_camera = -1
share_right = 0.0
share_with_strong_no = 0.5

# %% the word "no" is left out of the sum tags=["wrong"]
bell_no_bell = 3
bell_no_camera = 0
share_right = 0.0
share_with_strong_no = 0.0

# %% the words' vectors are averaged, not summed tags=["wrong"]
bell_no_bell = 1
bell_no_camera = -0.5
share_right = 0.0
share_with_strong_no = 0.0

# %% tags=["exercise"]
EXERCISE = dict(
    id="12.2",
    title="Two captions, one picture",
    points=3,
    minutes=12,
    difficulty="medium",
    goal="Score a two-choice test, with ties counted as a coin toss.",
    hints=[
        "Cosines need vectors of length 1. Are these?",
        "The score of picture i with its caption i is one dot product; no N x N matrix is wanted.",
        "Normalise all three along dim=-1; multiply and sum along dim=-1; compare: 1 if greater, 0.5 if equal; mean.",
    ],
)

# %% [markdown]
# `pictures`, `right` and `wrong` are (N, E), *not* normalised; row *i* of the three belong together. Return, as a tensor of shape (), the share of pictures whose right caption has the higher **cosine**; an exact tie counts one half.

# %%
def two_choice(pictures: Tensor, right: Tensor, wrong: Tensor) -> Tensor:
    """(N, E) each -> ()."""
    ### BEGIN SOLUTION
    pictures, right, wrong = (x / x.norm(dim=-1, keepdim=True) for x in (pictures, right, wrong))
    difference = (pictures * right).sum(-1) - (pictures * wrong).sum(-1)  # (N,)
    marks = (difference > 0).to(pictures.dtype) + 0.5 * (difference == 0).to(pictures.dtype)
    return marks.mean()
    ### END SOLUTION

# %%
check("12.2", two_choice)

# %% the vectors are not normalised tags=["wrong"]
# hint: A long caption vector wins dot products, not cosines.
def two_choice(pictures, right, wrong):
    difference = (pictures * right).sum(-1) - (pictures * wrong).sum(-1)
    return (difference > 0).float().mean() + 0.5 * (difference == 0).float().mean()

# %% a tie counts as right tags=["wrong"]
# hint: A model that can't tell should not get more than guessing.
def two_choice(pictures, right, wrong):
    a = torch.cosine_similarity(pictures, right, dim=-1)
    b = torch.cosine_similarity(pictures, wrong, dim=-1)
    return (a >= b).float().mean()

# %% a tie counts as wrong tags=["wrong"]
# hint: A model that can't tell should not get less than guessing.
def two_choice(pictures, right, wrong):
    a = torch.cosine_similarity(pictures, right, dim=-1)
    b = torch.cosine_similarity(pictures, wrong, dim=-1)
    return (a > b).float().mean()

# %% right and wrong are exchanged tags=["wrong"]
def two_choice(pictures, right, wrong):
    a = torch.cosine_similarity(pictures, right, dim=-1)
    b = torch.cosine_similarity(pictures, wrong, dim=-1)
    return (b > a).float().mean() + 0.5 * (a == b).float().mean()

# %% every picture is compared with every caption tags=["wrong"]
# hint: Row i of the three belongs together.
def two_choice(pictures, right, wrong):
    p, r, w = (x / x.norm(dim=-1, keepdim=True) for x in (pictures, right, wrong))
    difference = p @ r.T - p @ w.T
    return ((difference > 0) + 0.5 * (difference == 0)).mean(dtype=p.dtype)

# %% each column is divided by its length, not each row tags=["wrong"]
def two_choice(pictures, right, wrong):
    p, r, w = (x / x.norm(dim=0) for x in (pictures, right, wrong))
    difference = (p * r).sum(-1) - (p * w).sum(-1)
    return ((difference > 0) + 0.5 * (difference == 0)).mean(dtype=p.dtype)

# %% tags=["exercise"]
EXERCISE = dict(
    id="12.3",
    title="A name more",
    points=3,
    minutes=12,
    difficulty="medium",
    goal="Measure what one more class name takes, and whom it costs.",
    hints=[
        "Put the new column beside the others: the new class has the number C.",
        "lost = pictures that were answered right before and get the new name now. A picture that was wrong before can't be lost.",
        "after = torch.cat([scores, extra[:, None]], dim=1).argmax(dim=1); taken = (after == C); lost = taken & (scores.argmax(dim=1) == labels).",
    ],
)

# %% [markdown]
# `scores` (N, C) are a zero-shot classifier's, `labels` (N,) the right classes. A name is added that is right for no picture; `extra` (N,) are the pictures' scores with it. Return `(taken, lost)`, two tensors of shape (): the share of all pictures that get the new name,
# and the share of all pictures that lose a *right* answer to it. A tie goes to the old name.

# %%
def what_it_takes(scores: Tensor, labels: Tensor, extra: Tensor) -> tuple[Tensor, Tensor]:
    """(N, C), (N,), (N,) -> (), ()."""
    ### BEGIN SOLUTION
    best, answer = scores.max(dim=1)  # (N,), (N,)
    goes = extra > best
    return goes.to(scores.dtype).mean(), (goes & (answer == labels)).to(scores.dtype).mean()
    ### END SOLUTION

# %%
check("12.3", what_it_takes)

# %% every picture that the new name takes is counted as lost tags=["wrong"]
# hint: A picture that was wrong before has no right answer to lose.
def what_it_takes(scores, labels, extra):
    goes = (extra > scores.max(1).values).float().mean()
    return goes, goes

# %% the share lost is of the pictures taken, not of all tags=["wrong"]
# hint: Both are shares of all N pictures.
def what_it_takes(scores, labels, extra):
    best, answer = scores.max(1)
    goes = extra > best
    return goes.float().mean(), (answer == labels)[goes].float().mean()

# %% the new name is compared with the right class only tags=["wrong"]
# hint: The answer is the best of all names.
def what_it_takes(scores, labels, extra):
    own = scores[torch.arange(len(labels)), labels]
    goes = extra > own
    return goes.float().mean(), (goes & (scores.argmax(1) == labels)).float().mean()

# %% a tie goes to the new name tags=["wrong"]
# hint: argmax gives the first of the ties.
def what_it_takes(scores, labels, extra):
    best, answer = scores.max(1)
    goes = extra >= best
    return goes.float().mean(), (goes & (answer == labels)).float().mean()

# %% the share lost is of the pictures that were right, not of all tags=["wrong"]
# hint: Both are shares of all N pictures.
def what_it_takes(scores, labels, extra):
    best, answer = scores.max(dim=1)
    goes, was_right = extra > best, answer == labels
    lost = goes[was_right].to(scores.dtype).mean() if was_right.any() else scores.new_zeros(())
    return goes.to(scores.dtype).mean(), lost

# %% tags=["exercise"]
EXERCISE = dict(
    id="12.4",
    title="Clean accuracy",
    points=3,
    minutes=12,
    difficulty="medium",
    goal="Separate test pictures that have a twin in training, and see what they add.",
    hints=[
        "Clean means: the similarity is below the threshold. A similarity equal to the threshold is a twin.",
        "The mean is over the clean pictures only, so divide by their number.",
        "clean = similarity < threshold; compare right[clean].mean() with right.mean(). What do you do when no picture is clean?",
    ],
)

# %% [markdown]
# `right` (N,) holds 1.0 where the model was right and 0.0 where not; `similarity` (N,) the cosine of each test picture with its nearest training picture. Return `(clean, difference)`, two tensors of shape (): the accuracy on the pictures below
# `threshold`, and by how much the accuracy on *all* pictures exceeds it. If no picture is clean, `clean` is the accuracy on all.

# %%
def clean_accuracy(right: Tensor, similarity: Tensor, threshold: float) -> tuple[Tensor, Tensor]:
    """(N,), (N,) -> (), ()."""
    ### BEGIN SOLUTION
    everything = right.mean()
    unseen = similarity < threshold
    clean = right[unseen].mean() if unseen.any() else everything
    return clean, everything - clean
    ### END SOLUTION

# %%
check("12.4", clean_accuracy)

# %% the twins are kept, not the clean pictures tags=["wrong"]
# hint: Clean pictures are unlike everything in training.
def clean_accuracy(right, similarity, threshold):
    twins = similarity >= threshold
    clean = right[twins].mean() if twins.any() else right.mean()
    return clean, right.mean() - clean

# %% the clean right answers are divided by all pictures tags=["wrong"]
# hint: The mean over the clean ones has their number below it.
def clean_accuracy(right, similarity, threshold):
    clean = right[similarity < threshold].sum() / len(right)
    return clean, right.mean() - clean

# %% the sign of the difference is turned round tags=["wrong"]
# hint: How much does the accuracy on all exceed the clean one?
def clean_accuracy(right, similarity, threshold):
    unseen = similarity < threshold
    clean = right[unseen].mean() if unseen.any() else right.mean()
    return clean, clean - right.mean()

# %% the case in which no picture is clean is forgotten tags=["wrong"]
# hint: The mean of nothing is NaN.
def clean_accuracy(right, similarity, threshold):
    clean = right[similarity < threshold].mean()
    return clean, right.mean() - clean

# %% the clean pictures are compared with the twins, not with all tags=["wrong"]
# hint: The question is what overlap adds to the number that one reports: that of all.
def clean_accuracy(right, similarity, threshold):
    unseen = similarity < threshold
    clean = right[unseen].mean() if unseen.any() else right.mean()
    twins = right[~unseen].mean() if not unseen.all() else right.mean()
    return clean, twins - clean

# %% tags=["exercise"]
EXERCISE = dict(
    id="12.5",
    title="A limit of your own",
    kind="investigate",
    points=4,
    minutes=15,
    difficulty="hard",
    goal="Design a two-choice test with a control, and read the result honestly.",
    hints=[
        "Two captions that differ in the thing you ask about, and in nothing else.",
        "A control: the same pictures and an easier question. If the model fails there too, the first result says nothing.",
        "At 50 % of 100 pictures, the 95 % interval reaches from about 40 to 60 %. Choose the number of pictures before you look.",
    ],
)

# %% [markdown]
# Choose something a caption can say that this course's CLIP may not understand: left and right, larger and smaller, inside and outside, "two" and "three", an arrow's direction ... Build pictures or take icons, write right and wrong captions, add a control. Hand in both numbers with
# intervals, and at most ten lines.

# %%
def arrows_test(swap: str) -> str:
    """Lucide's arrows: 'arrow up' against its opposite (swap "opposite") or another thing ("thing")."""
    from clipedu_lessons.l12_limits.two_choice import choose
    from clipedu.pairs import held_out_pairs, to_pictures
    from clipedu.training import load_pretrained

    model, tokenizer, _ = load_pretrained("laptop_1")
    pairs = held_out_pairs("lucide", progress=False)
    opposite = {"up": "down", "down": "up", "left": "right", "right": "left"}
    rows = [i for i, icon in enumerate(pairs.icons) if "arrow" in icon.name and icon.name.split()[-1] in opposite]
    right = [" ".join(["arrow", pairs.icons[i].name.split()[-1]]) for i in rows]
    wrong = [f"arrow {opposite[text.split()[-1]]}" if swap == "opposite" else "camera" for text in right]
    return str(choose(model, tokenizer, to_pictures(pairs.rgba[rows]), right, wrong))


print("control, another thing: ", arrows_test("thing"))
print("the opposite direction: ", arrows_test("opposite"))

# %% [markdown] tags=["answer"]
# Asked: does the model know which way an arrow points? Lucide's icons whose name holds "arrow" and ends in up, down, left or right; right caption "arrow up", wrong caption "arrow down", and so on. Control: the same pictures, "camera" as the wrong caption.
#
# The cell prints both shares with their intervals. Read the control first: if its interval lies above 50 %, arrows are known as arrows, though some of these
# pictures show more than an arrow, so don't expect 100 %. Then the opposite direction. If that interval lies above 50 %, too, the direction is known to some degree: training captions say "arrow left", and no picture is mirrored in
# training. If it holds 50 % the test can't tell. Which of the two shares is the higher says little as long as their intervals overlap. A share below 50 % would be a reading of its own, such as "arrow down" for an arrow into a tray, whatever way it points.
# What could make this wrong: names such as "arrow up left" end in another direction than the main one; several icons share one drawing, so the pictures are not independent and the interval is too narrow; one phrase was tried, another ("pointing up") may be understood better.

# %% [markdown] tags=["rubric"]
# * 1 point: right and wrong caption differ in one thing only, and it is said which.
# * 1 point: a control with the same pictures, and its result is used to read the other.
# * 1 point: at least 50 pictures, or intervals that show why fewer are too few; shares are compared with 50 %, not with 0.
# * 1 point: one honest limit of the test itself: the pictures, the wording, dependence, or that it was chosen after looking.
