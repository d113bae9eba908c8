# %% [markdown]
# # Exercises 13 · The real CLIP
#
# Seven exercises, from counting tensors to teaching a model something new without losing the old. They take about three and a half hours, one of them for exercise 13.7. Work from top to bottom or pick one, since no exercise needs another. None of them needs the real weights. The lesson is [notebook 13, The real CLIP](../notebooks/13_the_real_clip.ipynb).
#
# Run a check as often as you like: it says what is wrong and, if it recognizes your mistake, which misunderstanding it is. `hint("13.3")` shows one more hint each time you run it.
# `solution("13.3")` opens after you have passed, `progress()` shows what you have passed so far, and `reset("13.3")` starts an exercise over. Nothing leaves this machine.

# %%
import numpy as np
import torch
from PIL import Image
from torch import Tensor
from torch.nn import functional as F

from clipedu.models import CLIP
from clipedu_classroom import check, give_up, hint, progress, reset, solution
from clipedu_lessons.l13_the_real_clip.suspects import suspects

MEAN = (0.48145466, 0.4578275, 0.40821073)  # red, green, blue: OpenAI's pictures
STD = (0.26862954, 0.26130258, 0.27577711)

# %% tags=["exercise"]
EXERCISE = dict(
    id="13.1",
    title="Read a configuration",
    kind="predict",
    points=2,
    minutes=10,
    difficulty="easy",
    goal="Predict sizes of a model from its configuration, without building it.",
    hints=[
        "The table of positions has a row for each patch and one for the class token.",
        "Only the table of positions depends on the resolution. Its rows have the width of the image encoder.",
        "A block of OpenAI's has 12 tensors. Two of them, weight and bias of the stacked projection, become six.",
    ],
)

# %% [markdown]
# A ViT-B/16 has patches of 16 pixels, a width of 768 and 12 blocks. Its text encoder also has 12 blocks. At 224 pixels it has 149,620,737 parameters. You want it for pictures of 384 pixels.
#
# Fill in four numbers without building a model:
#
# * `rows`: the rows in its table of positions at 384 pixels
# * `parameters`: all its parameters at 384 pixels
# * `hf_tensors`: OpenAI's file has 302 tensors. How many has Hugging Face's file of the same model?
# * `megabytes`: the size of the 224-pixel model's weights in 16 bits, in millions of bytes, to one decimal

# %%
### BEGIN SOLUTION
rows = 577
parameters = 149_912_577
hf_tensors = 398
megabytes = 299.2
### END SOLUTION

# %%
check("13.1", rows, parameters, hf_tensors, megabytes)

# %% the class token has no position tags=["wrong"]
# hint: What does the transformer of the image encoder see besides the patches?
rows = 576
parameters = 149_911_809
hf_tensors = 398
megabytes = 299.2

# %% all parameters are taken to grow with the number of pixels tags=["wrong"]
# hint: The same blocks work on more tokens. Which table has a row for each token?
rows = 577
parameters = 439701758
hf_tensors = 398
megabytes = 299.2

# %% the blocks of one encoder or the biases are left out of the split tags=["wrong"]
# hint: Both encoders have blocks, and the stacked projection has a weight and a bias.
rows = 577
parameters = 149_912_577
hf_tensors = 350
megabytes = 299.2

# %% a number of 16 bits is taken to have four bytes tags=["wrong"]
# hint: How many bits has a byte?
rows = 577
parameters = 149_912_577
hf_tensors = 398
megabytes = 598.5

# %% the patches along one side are counted tags=["wrong"]
# hint: A grid of 24 x 24 patches.
rows = 24
parameters = 149_912_577
hf_tensors = 398
megabytes = 299.2

# %% all 577 rows are added, and the old ones are not taken away tags=["wrong"]
# hint: 197 rows are in the 149,620,737 already.
rows = 577
parameters = 150_063_873
hf_tensors = 398
megabytes = 299.2

# %% the stacked projections are counted as well as their parts tags=["wrong"]
# hint: Two tensors become six: how many are added?
rows = 577
parameters = 149_912_577
hf_tensors = 446
megabytes = 299.2

# %% one tensor is taken to be added in each block tags=["wrong"]
# hint: A weight and a bias are each split into three.
rows = 577
parameters = 149_912_577
hf_tensors = 326
megabytes = 299.2

# %% position_ids are counted tags=["wrong"]
# hint: The weights are asked for, 302 of them in OpenAI's file.
rows = 577
parameters = 149_912_577
hf_tensors = 400
megabytes = 299.2

# %% the larger model's size is given tags=["wrong"]
# hint: The 224-pixel model is asked for.
rows = 577
parameters = 149_912_577
hf_tensors = 398
megabytes = 299.8

# %% the new rows have the width of the text encoder tags=["wrong"]
# hint: Which encoder has these positions?
rows = 577
parameters = 149_815_297
hf_tensors = 398
megabytes = 299.2

# %% the names are believed to be the only difference of the two files tags=["wrong"]
# hint: What becomes of the stacked projection?
rows = 577
parameters = 149_912_577
hf_tensors = 302
megabytes = 299.2

# %% a megabyte is taken for 1024 x 1024 bytes tags=["wrong"]
# hint: Millions of bytes are asked for.
rows = 577
parameters = 149_912_577
hf_tensors = 398
megabytes = 285.4

# %% tags=["exercise"]
EXERCISE = dict(
    id="13.2",
    title="Four suspects",
    kind="predict",
    points=4,
    minutes=30,
    difficulty="medium",
    goal="Find out what is wrong with weights that load without any error.",
    hints=[
        "Build `CLIP(suspect.config)`, load `suspect.tensors`, call `.eval()`, and compare both embeddings with the right ones.",
        "A defect of one encoder leaves the other encoder's embeddings right. Which of the three defects touches both?",
        "In the copy where both are off, the remedy is in the config: `suspect.config.replace(activation=...)`.",
    ],
)

# %% [markdown]
# Four copies of one small CLIP have come to you from four places. All have the right names and the right shapes, and all load. One copy is fine. The others have one defect each:
#
# * `"activation"`: the config names another activation function than the model was trained with
# * `"swapped"`: in one block of the *image* encoder, two parts of the stacked projection have changed places
# * `"transposed"`: the projection of the *text* encoder is stored as Hugging Face stores it
#
# The next cell gives you the copies, and pictures and tokens with the embeddings that the original model computed. Assign one of `"activation"`, `"swapped"`, `"transposed"` and `"none"` to each letter.

# %%
copies, case = suspects()
for letter, suspect in copies.items():
    print(letter, len(suspect.tensors), "tensors, names and shapes as they should be")
print("pictures", tuple(case.pictures.shape), "-> image", tuple(case.image.shape))
print("tokens", tuple(case.tokens.shape), "-> text", tuple(case.text.shape))

# %%
### BEGIN SOLUTION
defects = {"A": "swapped", "B": "activation", "C": "none", "D": "transposed"}
### END SOLUTION

# %%
check("13.2", defects)

# %% a defect of one encoder is taken for one of both tags=["wrong"]
# hint: Compare the embeddings of the pictures and those of the texts, each by itself.
defects = {"A": "activation", "B": "swapped", "C": "none", "D": "transposed"}

# %% the text encoder and the image encoder are confused tags=["wrong"]
# hint: In which of the two does the projection lie that may be transposed?
defects = {"A": "transposed", "B": "activation", "C": "none", "D": "swapped"}

# %% the copy with another activation is taken for the sound one tags=["wrong"]
# hint: A small difference is a difference. How large is rounding?
defects = {"A": "swapped", "B": "none", "C": "activation", "D": "transposed"}

# %% tags=["exercise"]
EXERCISE = dict(
    id="13.3",
    title="From Hugging Face to OpenAI",
    points=4,
    minutes=35,
    difficulty="medium",
    goal="Write the map that turns Hugging Face's tensors into a state dict of your own CLIP.",
    hints=[
        "Start with `name.replace` for each line of the table. Some parts of names are contained in others, so the order matters.",
        "Collect the parts of the stacked projection: for each name with `q_proj`, take the tensors of the same name with `k_proj` and `v_proj`, and join them along the first dimension.",
        "For each name: skip position_ids, and k_proj and v_proj; if q_proj is in it, join three tensors; transpose the two projections; rename; store.",
    ],
)

# %% [markdown]
# `tensors` has the names of Hugging Face, for a Vision Transformer of any depth. Return a dictionary with OpenAI's names, as your `my_clip.py` has them. Leave the input as it is.
#
# | Hugging Face | OpenAI |
# |---|---|
# | `vision_model.encoder.layers.0.` | `visual.transformer.resblocks.0.` |
# | `text_model.encoder.layers.0.` | `transformer.resblocks.0.` |
# | `vision_model.embeddings.class_embedding` | `visual.class_embedding` |
# | `vision_model.embeddings.patch_embedding.weight` | `visual.conv1.weight` |
# | `vision_model.embeddings.position_embedding.weight` | `visual.positional_embedding` |
# | `vision_model.pre_layrnorm.` and `vision_model.post_layernorm.` | `visual.ln_pre.` and `visual.ln_post.` |
# | `text_model.embeddings.token_embedding.weight` | `token_embedding.weight` |
# | `text_model.embeddings.position_embedding.weight` | `positional_embedding` |
# | `text_model.final_layer_norm.` | `ln_final.` |
# | `visual_projection.weight`, a linear layer | `visual.proj`, a matrix that is multiplied from the right |
# | `text_projection.weight`, a linear layer | `text_projection`, a matrix that is multiplied from the right |
# | in a block: `self_attn.q_proj`, `k_proj`, `v_proj`, each with weight and bias | `attn.in_proj_weight`, `attn.in_proj_bias` |
# | in a block: `self_attn.out_proj.`, `layer_norm1.`, `layer_norm2.` | `attn.out_proj.`, `ln_1.`, `ln_2.` |
# | in a block: `mlp.fc1.`, `mlp.fc2.` | `mlp.c_fc.`, `mlp.c_proj.` |
# | `logit_scale` | `logit_scale` |
#
# Some files also hold `text_model.embeddings.position_ids` and its counterpart of the image encoder. They are plain lists of numbers and have no place in the result.

# %%
def from_hugging_face(tensors: dict) -> dict:
    """Hugging Face's names and layouts -> OpenAI's."""
    ### BEGIN SOLUTION
    renamed = {
        "vision_model.encoder.layers": "visual.transformer.resblocks",
        "text_model.encoder.layers": "transformer.resblocks",
        "vision_model.embeddings.class_embedding": "visual.class_embedding",
        "vision_model.embeddings.patch_embedding": "visual.conv1",
        "vision_model.embeddings.position_embedding.weight": "visual.positional_embedding",
        "vision_model.pre_layrnorm": "visual.ln_pre",
        "vision_model.post_layernorm": "visual.ln_post",
        "text_model.embeddings.token_embedding": "token_embedding",
        "text_model.embeddings.position_embedding.weight": "positional_embedding",
        "text_model.final_layer_norm": "ln_final",
        "visual_projection.weight": "visual.proj",
        "text_projection.weight": "text_projection",
        "self_attn.out_proj": "attn.out_proj",
        "self_attn.q_proj.": "attn.in_proj_",
        "layer_norm1": "ln_1",
        "layer_norm2": "ln_2",
        "mlp.fc1": "mlp.c_fc",
        "mlp.fc2": "mlp.c_proj",
    }
    result = {}
    for name, tensor in tensors.items():
        if "position_ids" in name or "k_proj" in name or "v_proj" in name:
            continue
        if "q_proj" in name:
            parts = [tensors[name.replace("q_proj", part)] for part in ("q_proj", "k_proj", "v_proj")]
            tensor = torch.cat(parts)
        if name in ("visual_projection.weight", "text_projection.weight"):
            tensor = tensor.T.contiguous()
        for theirs, ours in renamed.items():
            name = name.replace(theirs, ours)
        result[name] = tensor
    return result
    ### END SOLUTION

# %%
check("13.3", from_hugging_face)

# %% the two projections are not transposed tags=["wrong"]
# hint: A linear layer stores (outputs, inputs) and computes x @ A.T.
def from_hugging_face(tensors):
    from clipedu_lessons.l13_the_real_clip.checks.keys import converted
    return converted(tensors, transpose=())

# %% only one of the two projections is transposed tags=["wrong"]
# hint: Both encoders end with a projection.
def from_hugging_face(tensors):
    from clipedu_lessons.l13_the_real_clip.checks.keys import converted
    return converted(tensors, transpose=("visual_projection.weight",))

# %% keys come before queries in the stacked projection tags=["wrong"]
# hint: In which order does your MultiHeadAttention split the stacked rows?
def from_hugging_face(tensors):
    from clipedu_lessons.l13_the_real_clip.checks.keys import converted
    return converted(tensors, order="kqv")

# %% queries, keys and values are joined side by side tags=["wrong"]
# hint: Which shape has `in_proj_weight` in OpenAI's file?
def from_hugging_face(tensors):
    from clipedu_lessons.l13_the_real_clip.checks.keys import converted
    return converted(tensors, dim=-1)

# %% position_ids are kept tags=["wrong"]
# hint: What would your model do with tensors that it has no place for?
def from_hugging_face(tensors):
    from clipedu_lessons.l13_the_real_clip.checks.keys import converted
    return converted(tensors) | {k: v for k, v in tensors.items() if "position_ids" in k}

# %% the names of the text encoder start with "text." tags=["wrong"]
# hint: Look at the second line of the table.
def from_hugging_face(tensors):
    from clipedu_lessons.l13_the_real_clip.checks.keys import converted
    found = converted(tensors)
    return {k if k.startswith("visual.") or k == "logit_scale" else "text." + k: v for k, v in found.items()}

# %% values come first in the stacked projection tags=["wrong"]
# hint: In which order does your MultiHeadAttention split the stacked rows?
def from_hugging_face(tensors):
    from clipedu_lessons.l13_the_real_clip.checks.keys import converted
    return converted(tensors, order="vkq")

# %% queries, keys and values are stacked along a new axis tags=["wrong"]
# hint: `in_proj_weight` is a matrix of 3 W rows.
def from_hugging_face(tensors):
    from clipedu_lessons.l13_the_real_clip.checks.keys import converted
    found = converted(tensors)
    return {k: torch.stack(v.chunk(3)) if "in_proj" in k else v for k, v in found.items()}

# %% the biases of queries, keys and values are lost tags=["wrong"]
# hint: Each of the three projections has a weight and a bias.
def from_hugging_face(tensors):
    from clipedu_lessons.l13_the_real_clip.checks.keys import converted
    return {k: v for k, v in converted(tensors).items() if "in_proj_bias" not in k}

# %% the norms before and after the image encoder's blocks are exchanged tags=["wrong"]
# hint: `pre_layrnorm` comes before the blocks.
def from_hugging_face(tensors):
    from clipedu_lessons.l13_the_real_clip.checks.keys import converted
    swap = {"visual.ln_pre": "visual.ln_post", "visual.ln_post": "visual.ln_pre"}
    found = converted(tensors)
    return {swap[k.rpartition(".")[0]] + k[k.rindex("."):] if k.rpartition(".")[0] in swap else k: v for k, v in found.items()}

# %% the two norms of a block are exchanged tags=["wrong"]
# hint: `layer_norm1` is the one before attention.
def from_hugging_face(tensors):
    from clipedu_lessons.l13_the_real_clip.checks.keys import converted
    found = converted(tensors)
    return {k.replace("ln_1", "ln_x").replace("ln_2", "ln_1").replace("ln_x", "ln_2"): v for k, v in found.items()}

# %% the two layers of the MLP are exchanged tags=["wrong"]
# hint: `fc1` widens, as `c_fc` does.
def from_hugging_face(tensors):
    from clipedu_lessons.l13_the_real_clip.checks.keys import converted
    found = converted(tensors)
    return {k.replace("c_fc", "c_x").replace("c_proj", "c_fc").replace("c_x", "c_proj"): v for k, v in found.items()}

# %% the positions of pictures and texts are exchanged tags=["wrong"]
# hint: The names that start with `visual.` belong to the image encoder.
def from_hugging_face(tensors):
    from clipedu_lessons.l13_the_real_clip.checks.keys import converted
    swap = {"visual.positional_embedding": "positional_embedding", "positional_embedding": "visual.positional_embedding"}
    return {swap.get(k, k): v for k, v in converted(tensors).items()}

# %% every matrix is transposed tags=["wrong"]
# hint: Linear layers inside the blocks are stored alike in both files.
def from_hugging_face(tensors):
    from clipedu_lessons.l13_the_real_clip.checks.keys import converted
    found = converted(tensors)
    return {k: v.T if v.ndim == 2 and "resblocks" in k else v for k, v in found.items()}

# %% the logit scale is exponentiated tags=["wrong"]
# hint: Both files store the logarithm.
def from_hugging_face(tensors):
    from clipedu_lessons.l13_the_real_clip.checks.keys import converted
    return {k: v.exp() if k == "logit_scale" else v for k, v in converted(tensors).items()}

# %% the logit scale is left out tags=["wrong"]
# hint: The last line of the table.
def from_hugging_face(tensors):
    from clipedu_lessons.l13_the_real_clip.checks.keys import converted
    return {k: v for k, v in converted(tensors).items() if k != "logit_scale"}

# %% a full stop follows `in_proj` tags=["wrong"]
# hint: The name is `attn.in_proj_weight`, with an underscore.
def from_hugging_face(tensors):
    from clipedu_lessons.l13_the_real_clip.checks.keys import converted
    return {k.replace("in_proj_", "in_proj."): v for k, v in converted(tensors).items()}

# %% only the first blocks are converted tags=["wrong"]
# hint: The statement says: of any depth.
def from_hugging_face(tensors):
    from clipedu_lessons.l13_the_real_clip.checks.keys import converted
    found = converted(tensors)
    return {k: v for k, v in found.items() if "resblocks.2." not in k and "resblocks.1" not in k}

# %% blocks with a number of two digits are lost tags=["wrong"]
# hint: Block 10 has a name, too.
def from_hugging_face(tensors):
    from clipedu_lessons.l13_the_real_clip.checks.keys import converted
    return {k: v for k, v in converted(tensors).items() if "resblocks.10." not in k}

# %% tags=["exercise"]
EXERCISE = dict(
    id="13.4",
    title="Repair a preprocessing",
    points=4,
    minutes=30,
    difficulty="medium",
    goal="Write OpenAI's preprocessing, and know the faults that are seen most often.",
    hints=[
        "Count the faults first: how it resizes, how it samples, the order of the channels, the range of the values, the way the channels come first.",
        "Pillow's `resize` takes (width, height), and its BICUBIC filter averages when it makes a picture smaller. `crop` takes (left, top, right, bottom).",
        "short = min(width, height); resize to int(R * width / short), int(R * height / short); crop the middle; np.array, / 255, permute(2, 0, 1); minus mean, over std, each of shape (3, 1, 1).",
    ],
)

# %% [markdown]
# The function `preprocess_badly` below was found in a repository. It runs, and it costs accuracy. It has five faults.
#
# Write `preprocess`. `photograph` is an array of bytes, (H, W, 3), with the channels in the order red, green, blue. Use Pillow's bicubic filter on the bytes, so that your numbers can be compared with OpenAI's.
#
# * Resize the shorter side to `resolution` $R$. The longer side becomes `int(R * longer / shorter)`.
# * Cut out the middle $R \times R$ pixels. If the surplus is odd, rounding in either direction is fine.
# * Return a float tensor (3, R, R), standardized with `MEAN` and `STD`.

# %%
def preprocess_badly(photograph, resolution):
    photograph = photograph[:, :, ::-1]  # it was written for OpenCV, which has blue first
    small = Image.fromarray(np.ascontiguousarray(photograph)).resize((resolution, resolution), Image.Resampling.NEAREST)
    x = torch.from_numpy(np.array(small)).float()
    x = x.reshape(3, resolution, resolution)
    return (x - torch.tensor(MEAN).view(3, 1, 1)) / torch.tensor(STD).view(3, 1, 1)

# %%
def preprocess(photograph: np.ndarray, resolution: int) -> Tensor:
    """(H, W, 3) bytes -> (3, R, R), standardized as OpenAI's models expect it."""
    ### BEGIN SOLUTION
    height, width = photograph.shape[:2]
    short = min(height, width)
    size = (int(resolution * width / short), int(resolution * height / short))
    image = Image.fromarray(photograph).resize(size, Image.Resampling.BICUBIC)
    left, top = round((size[0] - resolution) / 2), round((size[1] - resolution) / 2)
    image = image.crop((left, top, left + resolution, top + resolution))
    pixels = torch.from_numpy(np.array(image)).permute(2, 0, 1) / 255
    mean, std = (torch.tensor(three)[:, None, None] for three in (MEAN, STD))
    return (pixels - mean) / std
    ### END SOLUTION

# %%
check("13.4", preprocess)

# %% the photograph is squeezed into a square tags=["wrong"]
# hint: What happens to a circle?
def preprocess(photograph, resolution):
    from clipedu_lessons.l13_the_real_clip.checks.photographs import prepared
    return prepared(photograph, resolution, squeeze=True)

# %% pixels are picked, not averaged tags=["wrong"]
# hint: NEAREST takes one pixel of many.
def preprocess(photograph, resolution):
    from clipedu_lessons.l13_the_real_clip.checks.photographs import prepared
    return prepared(photograph, resolution, how=Image.Resampling.NEAREST)

# %% another filter than the bicubic one resizes the photograph tags=["wrong"]
def preprocess(photograph, resolution):
    from clipedu_lessons.l13_the_real_clip.checks.photographs import prepared
    return prepared(photograph, resolution, how=Image.Resampling.BILINEAR)

# %% red and blue are exchanged tags=["wrong"]
# hint: Compare a red photograph before and after.
def preprocess(photograph, resolution):
    from clipedu_lessons.l13_the_real_clip.checks.photographs import prepared
    return prepared(photograph[:, :, ::-1], resolution)

# %% the values run from 0 to 255 when they are standardized tags=["wrong"]
# hint: The mean of the reds is 0.48. Of which range is that the middle?
def preprocess(photograph, resolution):
    from clipedu_lessons.l13_the_real_clip.checks.photographs import prepared
    return prepared(photograph, resolution, most=1)

# %% the channels come first by reshape, not by permute tags=["wrong"]
# hint: Draw a 2 x 2 picture with three channels, and write down its twelve numbers in order.
def preprocess(photograph, resolution):
    from clipedu_lessons.l13_the_real_clip.checks.photographs import prepared
    return prepared(photograph, resolution, reshape=True)

# %% the result is not standardized tags=["wrong"]
# hint: Two tuples of three numbers are still unused.
def preprocess(photograph, resolution):
    from clipedu_lessons.l13_the_real_clip.checks.photographs import prepared
    return prepared(photograph, resolution, standardize=False)

# %% the upper left corner is kept, not the middle tags=["wrong"]
def preprocess(photograph, resolution):
    from clipedu_lessons.l13_the_real_clip.checks.photographs import prepared
    return prepared(photograph, resolution, middle=False)

# %% the photograph is cut to a square first, then resized tags=["wrong"]
# hint: At the edge, the filter looks at pixels outside the square.
def preprocess(photograph, resolution):
    from clipedu_lessons.l13_the_real_clip.checks.photographs import prepared
    side = min(photograph.shape[:2])
    top, left = ((n - side) // 2 for n in photograph.shape[:2])
    return prepared(photograph[top : top + side, left : left + side], resolution)

# %% the lower right corner is kept, not the middle tags=["wrong"]
def preprocess(photograph, resolution):
    from clipedu_lessons.l13_the_real_clip.checks.photographs import prepared
    return prepared(photograph[::-1, ::-1], resolution, middle=False).flip(1, 2)

# %% width and height of the picture are exchanged tags=["wrong"]
# hint: An array is (height, width, 3), and the result (3, height, width).
def preprocess(photograph, resolution):
    from clipedu_lessons.l13_the_real_clip.checks.photographs import prepared
    return prepared(photograph, resolution).mT

# %% the mean is subtracted, but nothing is divided by the standard deviation tags=["wrong"]
# hint: Standardizing has two steps.
def preprocess(photograph, resolution):
    from clipedu_lessons.l13_the_real_clip.checks.photographs import prepared
    return prepared(photograph, resolution) * torch.tensor(STD).view(3, 1, 1)

# %% the standard deviation multiplies, where it should divide tags=["wrong"]
# hint: Afterwards the numbers should be spread over about 1.
def preprocess(photograph, resolution):
    from clipedu_lessons.l13_the_real_clip.checks.photographs import prepared
    return prepared(photograph, resolution) * torch.tensor(STD).view(3, 1, 1) ** 2

# %% mean and standard deviation are exchanged tags=["wrong"]
# hint: Which of the two is subtracted?
def preprocess(photograph, resolution):
    from clipedu_lessons.l13_the_real_clip.checks.photographs import prepared
    mean, std = (torch.tensor(three).view(3, 1, 1) for three in (MEAN, STD))
    return (prepared(photograph, resolution, standardize=False) - std) / mean

# %% 0.5 is the mean and the standard deviation of every channel tags=["wrong"]
# hint: MEAN and STD are given.
def preprocess(photograph, resolution):
    from clipedu_lessons.l13_the_real_clip.checks.photographs import prepared
    return 2 * prepared(photograph, resolution, standardize=False) - 1

# %% mean and standard deviation are those of another data set, ImageNet tags=["wrong"]
# hint: MEAN and STD are given, and are OpenAI's.
def preprocess(photograph, resolution):
    from clipedu_lessons.l13_the_real_clip.checks.photographs import prepared
    x = prepared(photograph, resolution, standardize=False)
    mean, std = torch.tensor([0.485, 0.456, 0.406]), torch.tensor([0.229, 0.224, 0.225])
    return (x - mean.view(3, 1, 1)) / std.view(3, 1, 1)

# %% each photograph is standardized with its own mean and standard deviation tags=["wrong"]
# hint: MEAN and STD are the same for all photographs.
def preprocess(photograph, resolution):
    from clipedu_lessons.l13_the_real_clip.checks.photographs import prepared
    x = prepared(photograph, resolution, standardize=False)
    return (x - x.mean((1, 2), keepdim=True)) / x.std((1, 2), keepdim=True)

# %% bytes are divided by 256 tags=["wrong"]
# hint: The largest byte is 255, and should become 1.
def preprocess(photograph, resolution):
    from clipedu_lessons.l13_the_real_clip.checks.photographs import prepared
    return prepared(photograph, resolution, most=256)

# %% the picture is resized as floats, by F.interpolate, not by Pillow on bytes tags=["wrong"]
# hint: Pillow rounds to bytes and looks at all pixels that go into one.
def preprocess(photograph, resolution):
    sides = [int(resolution * n / min(photograph.shape[:2])) for n in photograph.shape[:2]]
    x = torch.from_numpy(photograph.copy()).permute(2, 0, 1)[None].float() / 255
    x = F.interpolate(x, sides, mode="bicubic", align_corners=False)[0]
    top, left = ((n - resolution) // 2 for n in sides)
    x = x[:, top : top + resolution, left : left + resolution]
    return (x - torch.tensor(MEAN).view(3, 1, 1)) / torch.tensor(STD).view(3, 1, 1)

# %% the channels stay last tags=["wrong"]
# hint: Return (3, R, R).
def preprocess(photograph, resolution):
    from clipedu_lessons.l13_the_real_clip.checks.photographs import prepared
    return prepared(photograph, resolution).permute(1, 2, 0)

# %% the filter of Lanczos resizes the photograph tags=["wrong"]
# hint: The statement names the filter.
def preprocess(photograph, resolution):
    from clipedu_lessons.l13_the_real_clip.checks.photographs import prepared
    return prepared(photograph, resolution, how=Image.Resampling.LANCZOS)

# %% tags=["exercise"]
EXERCISE = dict(
    id="13.5",
    title="Stretch the positions",
    points=3,
    minutes=20,
    difficulty="medium",
    goal="Make a table of positions fit another resolution.",
    hints=[
        "The first row belongs to the class token and has no place in the grid.",
        "F.interpolate wants (1, W, side, side): channels first, then rows and columns of the grid.",
        "split [1, old * old]; .T.reshape(1, W, old, old); F.interpolate(mode='bicubic', antialias=True, align_corners=False); flatten, transpose, cat.",
    ],
)

# %% [markdown]
# `positions` is the table of a Vision Transformer, $(1 + g^2, W)$. Row 0 belongs to the class token. The others belong to the patches of a $g \times g$ grid, row by row. Return the table for a grid of `side` x `side` patches, $(1 + \text{side}^2, W)$. Interpolate with `F.interpolate`: bicubic, `antialias=True`, `align_corners=False`, as open_clip does.

# %%
def stretch(positions: Tensor, side: int) -> Tensor:
    """(1 + g * g, W) -> (1 + side * side, W)."""
    ### BEGIN SOLUTION
    first, grid = positions[:1], positions[1:]
    old = round(len(grid) ** 0.5)
    grid = grid.T.reshape(1, -1, old, old)  # (1, W, g, g)
    grid = F.interpolate(grid, (side, side), mode="bicubic", antialias=True, align_corners=False)
    return torch.cat([first, grid[0].flatten(1).T])
    ### END SOLUTION

# %%
check("13.5", stretch)

# %% the table is stretched as one long row tags=["wrong"]
# hint: Patch 0 and patch g are neighbors, one above the other.
def stretch(positions, side):
    line = F.interpolate(positions[1:].T[None], side * side, mode="linear")
    return torch.cat([positions[:1], line[0].T])

# %% the class token's row is not first in the result tags=["wrong"]
def stretch(positions, side):
    from clipedu_lessons.l13_the_real_clip.checks.positions import stretched
    return stretched(positions, side).roll(-1, 0)

# %% the class token's row is replaced tags=["wrong"]
# hint: The class token needs no other position in a larger picture.
def stretch(positions, side):
    from clipedu_lessons.l13_the_real_clip.checks.positions import stretched
    found = stretched(positions, side)
    return torch.cat([found[1:].mean(0, keepdim=True), found[1:]])

# %% rows and columns of the grid are exchanged tags=["wrong"]
# hint: The patches are counted row by row: which index runs faster?
def stretch(positions, side):
    from clipedu_lessons.l13_the_real_clip.checks.positions import stretched
    found = stretched(positions, side)
    grid = found[1:].view(side, side, -1).transpose(0, 1).flatten(0, 1)
    return torch.cat([found[:1], grid])

# %% the table is reshaped without moving the channels first tags=["wrong"]
# hint: F.interpolate takes the last two dimensions for rows and columns.
def stretch(positions, side):
    old = round((len(positions) - 1) ** 0.5)
    grid = positions[1:].reshape(1, -1, old, old)
    grid = F.interpolate(grid, (side, side), mode="bicubic", antialias=True, align_corners=False)
    return torch.cat([positions[:1], grid[0].flatten(1).T])

# %% the corners are aligned tags=["wrong"]
# hint: `align_corners` decides where the first and the last patch lie.
def stretch(positions, side):
    from clipedu_lessons.l13_the_real_clip.checks.positions import stretched
    return stretched(positions, side, align_corners=True)

# %% the nearest old position is copied tags=["wrong"]
def stretch(positions, side):
    from clipedu_lessons.l13_the_real_clip.checks.positions import stretched
    return stretched(positions, side, mode="nearest")

# %% the class token is taken for the last row tags=["wrong"]
# hint: Row 0 belongs to the class token.
def stretch(positions, side):
    from clipedu_lessons.l13_the_real_clip.checks.positions import stretched
    found = stretched(positions.roll(1, 0), side)
    return found

# %% the class token's row is set to zero tags=["wrong"]
# hint: The class token needs no other position in a larger picture.
def stretch(positions, side):
    from clipedu_lessons.l13_the_real_clip.checks.positions import stretched
    return torch.cat([torch.zeros_like(positions[:1]), stretched(positions, side)[1:]])

# %% another filter than the bicubic one is used tags=["wrong"]
# hint: The statement names it.
def stretch(positions, side):
    from clipedu_lessons.l13_the_real_clip.checks.positions import stretched
    return stretched(positions, side, mode="bilinear")

# %% the smaller grid is made without antialias tags=["wrong"]
# hint: `antialias=True` changes what a smaller grid sees.
def stretch(positions, side):
    first, grid = positions[:1], positions[1:]
    old = round(len(grid) ** 0.5)
    grid = F.interpolate(grid.T.reshape(1, -1, old, old), (side, side), mode="bicubic")
    return torch.cat([first, grid[0].flatten(1).T])

# %% the channels are not moved back behind the grid tags=["wrong"]
# hint: The grid is (W, side, side), and the table has W columns.
def stretch(positions, side):
    from clipedu_lessons.l13_the_real_clip.checks.positions import stretched
    found = stretched(positions, side)
    return torch.cat([found[:1], found[1:].T.reshape(side * side, -1)])

# %% the whole table is stretched, the class token's row with it tags=["wrong"]
# hint: Row 0 has no place in the grid.
def stretch(positions, side):
    return F.interpolate(positions.T[None], 1 + side * side, mode="linear")[0].T

# %% the stretched rows are normalized tags=["wrong"]
# hint: Positions are added to the patches as they are.
def stretch(positions, side):
    from clipedu_lessons.l13_the_real_clip.checks.positions import stretched
    return F.normalize(stretched(positions, side), dim=1)

# %% the stretched grid is scaled by the ratio of the sides tags=["wrong"]
# hint: Interpolation keeps the size of the numbers.
def stretch(positions, side):
    from clipedu_lessons.l13_the_real_clip.checks.positions import stretched
    found, old = stretched(positions, side), round((len(positions) - 1) ** 0.5)
    return torch.cat([found[:1], found[1:] * side / old])

# %% the new positions are zero tags=["wrong"]
# hint: Every new position lies between old ones.
def stretch(positions, side):
    old = round((len(positions) - 1) ** 0.5)
    grid = F.pad(positions[1:].T.reshape(1, -1, old, old), (0, side - old, 0, side - old))
    return torch.cat([positions[:1], grid[0].flatten(1).T])

# %% tags=["exercise"]
EXERCISE = dict(
    id="13.6",
    title="A checkpoint for a museum",
    kind="investigate",
    points=4,
    minutes=25,
    difficulty="medium",
    goal="Choose a model for a described task, with reasons that can be checked.",
    hints=[
        "Go through the task sentence by sentence: language, kind of picture, size, license, machine, kind of answer.",
        "What would you measure with 100 photographs of the museum before you decide, and which result would change your mind?",
    ],
)

# %% [markdown]
# A museum has 40,000 photographs of its objects, many of them 2:1 wide, taken under the same lamp. Visitors shall type a question in French or English ("small blue glass bottle") and see the ten best objects, on a computer in the hall without a GPU and without internet. The museum sells postcards of what is found. The curator also asks whether the program could write the label texts.
#
# Write at most fifteen lines:
#
# 1. Which checkpoint do you take, and which two do you reject? Name the property that decides each time.
# 2. How do you prepare the wide photographs?
# 3. What do you compute once, what for each question, and what does that cost in memory (with 32-bit embeddings of 512 numbers)?
# 4. What do you measure on 100 photographs before the opening, with which interval, and which result would make you choose another model?
# 5. What do you answer the curator?

# %% [markdown] tags=["answer"]
# 1. A multilingual checkpoint of moderate size under a license that allows commercial use, for example SigLIP 2 Base (Apache 2.0). OpenAI's CLIP is rejected, since it was trained on English and its model card calls deployment out of scope. MetaCLIP is rejected, since CC BY-NC excludes the postcards.
# 2. No center crop, which would keep half of a 2:1 picture. I add margins in the lamp's background color, or embed two overlapping squares for each photograph and take the better score. I try both on the 100 photographs.
# 3. Once: 40,000 image embeddings, 40,000 x 512 x 4 bytes = 82 MB, twice as many for two squares. For each question: one pass of the text encoder and 40,000 dot products, together well under a second on a CPU. No image encoder runs in the hall.
# 4. For 100 photographs, three people write a French or English question each without seeing the names. Recall@10 with a Clopper-Pearson interval: at 80 of 100 it is 71 to 87 %. French and English apart. If another candidate is better on the same questions by more lost than won pairs, or if French is more than 10 points worse, I choose again. As a baseline I measure full-text search in the existing labels.
# 5. No: CLIP ranks texts and can't write any. A vision-language model could draft labels, and a curator has to check each one.

# %% [markdown] tags=["rubric"]
# * 1 point: language, license and machine are each used to decide; two models are rejected for a stated property.
# * 1 point: the center crop is seen as a problem, with a remedy; the memory is computed (82 MB).
# * 1 point: a measurement on the museum's own pictures, with an interval, a baseline, and a result that would change the choice.
# * 1 point: the curator's question is answered: ranking is not writing.

# %% tags=["exercise"]
EXERCISE = dict(
    id="13.7",
    title="Learn without forgetting",
    kind="investigate",
    points=8,
    minutes=60,
    difficulty="hard",
    goal="Fine-tune a model on a new task, and prove with numbers that it has not forgotten the old one.",
    hints=[
        "Before you train anything, write down four numbers: new and old task, validation and test.",
        "Change one thing at a time. The learning rate matters more than the method, so try it first.",
        "For the choice you need a validation task of each kind. Lucide may only be used once, at the end.",
    ],
)

# %% [markdown]
# The shipped model reads about a third of scikit-learn's digits. Teach it to read them with **at most 100 labeled examples**, and keep what it knew.
#
# Rules:
#
# * Train on at most 100 digits. Use 200 other digits for your choices, and the remaining ones for the final number.
# * Measure forgetting on `shared_phosphor` while you choose. Use `lucide` only for the final number, once. (Its pictures were never trained on and must not choose anything.)
# * Choose the method, the learning rate, the number of steps and the $\alpha$ of WiSE-FT. Compare at least two methods at two learning rates, and at least three values of $\alpha$.
# * Baselines: the shipped model, and a linear probe (lesson 10) on the same 100 digits.
#
# `clipedu.training` has `train`, `finetune_recipe`, `split_task` and `interpolate`, and the lesson shows a loop of its own. Report in a table and at most fifteen lines: what you chose and how, the four final numbers with 95 % intervals, how many Lucide answers were lost and won, and one result that surprised you.

# %%
# Your experiment starts here.
from clipedu.evaluation import clopper_pearson, embed_pictures, load_task, zero_shot_classifier
from clipedu.training import load_pretrained

shipped, tokenizer, card = load_pretrained()
digits, phosphor = load_task("digits"), load_task("shared_phosphor")
print(len(digits), "digits;", len(phosphor), "pictures of Phosphor")

# %% [markdown] tags=["answer"]
# I trained on 100 digits, 40 steps of 50, with `train` and one seed, and chose on 200 other digits and on Phosphor. Before, these were 39 and 99.4 %.
#
# | method, rate | α = 0.25 | 0.5 | 0.75 | 1 | (digits / Phosphor, in percent) |
# |---|---|---|---|---|---|
# | frozen_image, 1e-4 | 57 / 99.4 | 76 / 99.4 | 88 / 99.4 | 92 / 99.4 | |
# | frozen_image, 1e-3 | 91 / 99.6 | **96 / 99.3** | 96 / 98.4 | 95 / 94.8 | |
# | full, 1e-4 | 77 / 99.3 | 93 / 99.0 | 94 / 98.6 | 94 / 98.3 | |
# | full, 1e-3 | 82 / 96.2 | 92 / 86.4 | 90 / 63.3 | 88 / 32.1 | |
#
# Rule, fixed before: the best digits among those that lose at most 0.5 points of Phosphor. That is frozen_image at 1e-3 with α = 0.5.
#
# | final, used once | shipped | chosen | linear probe on the same 100 |
# |---|---|---|---|
# | digits, 1,497 others | 35.2 % (32.8 to 37.7) | 93.3 % (91.9 to 94.5) | 94.7 % (93.5 to 95.8) |
# | Lucide, 297 | 79.5 % (74.4 to 83.9) | 77.4 % (72.3 to 82.1) | 79.5 %, as the encoder is the same |
#
# Of Lucide's answers 16 were lost and 10 won, so I can't prove a loss, and I can't exclude one of a few points either. The surprise is the probe: it reads as many digits, and it forgets nothing. Fine-tuning is worth its risk only if the words must work, too, for example in a search. Phosphor warned too little: 0.1 points there went with 2 points on Lucide, because the model was trained on Phosphor. One seed is another limit.

# %% [markdown] tags=["rubric"]
# * 2 points: training, choice and final test use different pictures; Lucide is used once, at the end.
# * 2 points: at least two methods at two learning rates and three values of α, with one thing changed at a time, and a table.
# * 2 points: the final numbers of new and old task with intervals, and lost and won answers counted pair by pair.
# * 1 point: both baselines are reported and compared with.
# * 1 point: one honest limit or surprise, such as a probe that does as well, or an old task that gains.
