# %% [markdown]
# # 13 · The real CLIP
#
# **Is it really the same model?**
#
# OpenAI released the weights of all nine models of Radford et al. 2021 ([arXiv 2103.00020](https://arxiv.org/abs/2103.00020)). In this lesson they meet the code that you have written. If they fit, what you learned on small icons holds for the model that others build on. Stable Diffusion reads its prompts with it, and LLaVA looks at pictures with it (section 7). Plan about two hours for reading and predicting, and another three and a half hours if you do all the exercises. The notebook runs in one to two minutes on two CPU cores.

# %%
import tempfile
import textwrap
from pathlib import Path

import torch
import torch.nn.functional as F

from clipedu.plots import picture_grid, show
from clipedu_lessons.common.numbers import numbers
from clipedu_lessons.l13_the_real_clip import figures
from clipedu_lessons.l13_the_real_clip.real import as_input, find_weights
from clipedu_lessons.l13_the_real_clip.real import sample_photographs

photographs = sample_photographs()  # scikit-learn brings them
words = "Two photographs: a tower with curved roofs above a lake, an orange flower."
show(picture_grid(as_input(photographs, 224), ["photograph 1", "photograph 2"]), words)
weights = find_weights()  # or find_weights("a file, a folder or a name")
print("real weights on this machine:", weights.name if weights else "none")

# %% [markdown]
# You can name both photographs: a pagoda above a lake, and a dahlia. For twelve lessons your models have looked at icons of 32 pixels. OpenAI's CLIP was trained on 400 million pairs of a picture and a text from the web, at 224 pixels or more. Apart from size and data, it should be the same model as yours: the same parts, connected in the same way.
#
# That claim can be tested. If it is the same model, OpenAI's weights fit into your `my_clip.py` under the same names, and the answers are the same numbers. Section 8 tries it, together with five mistakes that the test has to notice.
#
# **After this lesson you can**
#
# * predict the size of every model in the paper from its configuration;
# * load weights from the three common file formats, and check that nothing went wrong;
# * name the four things that a file of weights does not contain, and measure what each costs when it is wrong;
# * explain why a right pair scores only about 0.25, and why pictures and texts lie apart;
# * fine-tune a model without destroying what it knew;
# * choose a checkpoint for a task, and read its license.
#
# ## With and without the real weights
#
# ViT-B/32, the cheapest of OpenAI's Vision Transformers to run, is a file of about 354 MB. Most of its numbers are stored in 16 bits, so in 32 bits it takes 605 MB of memory. Three commands in a shell fetch it, once:
#
# ```
# pip install --no-deps clip-anytorch   # OpenAI's program and vocabulary
# pip install ftfy                      # repairs broken characters
# clipedu load ViT-B/32                 # downloads, checks, keeps the file
# ```
#
# If you already have the file `ViT-B-32.pt`, you can put it into the course's folder instead. Then run this notebook again. Checkpoints of open_clip and Hugging Face work as well: give their file or folder to `find_weights`.
#
# **Everything runs without the weights, too.** Cells that ask the real model then ask a stand-in, a small model of the same architecture with random weights. Every such output starts with the name of the model in brackets, so you always know which one has answered. The text quotes only numbers of the paper, numbers of the course's own trained model, and facts that hold either way.
#
# ## 1. The same model, larger
#
# ### How many parameters does it have?
#
# Count one transformer block of width $W$ first. Attention has two matrices, $3W \times W$ and $W \times W$, with $4W$ biases. The MLP has $4W \times W$ and $W \times 4W$, with $5W$ biases. Two LayerNorms have $4W$ numbers. Together this is
#
# $$12 W^2 + 13 W.$$
#
# The image encoder has 12 such blocks with $W = 768$, and the text encoder 12 with $W = 512$. Around them are the embeddings and the projections. The next figure shows the image encoder, drawn by the function that drew yours in lesson 02. Only the numbers differ, and the convolutional stem is replaced by the paper's single convolution.
#
# **Predict**: the text encoder has a table with one vector of 512 numbers for each of its 49,408 tokens. Which share of all parameters of ViT-B/32 is in this table?
#
# The cell after the figure counts by hand. Then the library counts all nine models. `torch.device("meta")` builds a model that has shapes but no numbers, so even the largest one takes no memory. The last column was counted in OpenAI's own program.

# %%
from clipedu.models import PRESETS
from clipedu_lessons.common.architecture import image_encoder_figure

prediction = ...  # change this: a percentage
show(*image_encoder_figure(PRESETS["ViT-B/32"]))

# %% tags=["nbval-check-output"]
def block(W):
    return 12 * W**2 + 13 * W

W, patch, L, E = 768, 32, 50, 512  # 50 = 7 * 7 patches and the class token
parts = {"patches to vectors": 3 * patch**2 * W, "class token, positions": W + L * W}
parts |= {"12 blocks of width 768": 12 * block(W), "ln_pre, ln_post": 4 * W, "proj": W * E}
image = sum(parts.values())
W, V, L = 512, 49408, 77
table, words = V * W, L * W + 12 * block(W) + 2 * W + W * E
for name, count in parts.items():
    print(f"  {name:24}{count:>13,}")
print(f"{'image encoder':26}{image:>13,}\n{'token table':26}{table:>13,}")
print(f"{'rest of the text encoder':26}{words:>13,}\n{'temperature':26}{1:>13,}")
print(f"{'ViT-B/32':26}{image + table + words + 1:>13,}")
numbers(table_share=f"{100 * table / (image + table + words + 1):.0f}")

# %% tags=["nbval-check-output"]
from clipedu.models import CLIP, build, count_parameters

COUNTED = {
    "RN50": 102_007_137, "RN101": 119_688_033, "RN50x4": 178_300_601,
    "RN50x16": 290_979_217, "RN50x64": 623_258_305, "ViT-B/32": 151_277_313,
    "ViT-B/16": 149_620_737, "ViT-L/14": 427_616_513, "ViT-L/14@336px": 427_944_193,
}
print(f"{'model':16}{'pixels':>7}{'image encoder':>15}{'all, here':>13}{'all, OpenAI':>13}")
for name, theirs in COUNTED.items():
    with torch.device("meta"):
        model = CLIP(PRESETS[name])
    image, ours = count_parameters(model.visual), count_parameters(model)
    print(f"{name:16}{PRESETS[name].vision.resolution:>7}{image:>15,}{ours:>13,}{theirs:>13,}")

# %% [markdown]
# The token table takes {=table_share} % of ViT-B/32, although each caption uses only a few of its rows. All nine models agree to the last parameter, and ViT-B/32 agrees with the count by hand. Equal counts don't prove equal models, since two parts could be swapped. They do exclude a forgotten bias or a wrong width.
#
# Two rows of the table are worth a second look.
#
# * ViT-B/16 has *fewer* parameters than ViT-B/32, because its patches are smaller. But it cuts a picture into 196 patches instead of 49, so each picture costs about four times as much computation: about 17.6 instead of 4.4 billion multiply-adds.
# * ViT-L/14@336px has exactly 327,680 more parameters than ViT-L/14. That is $320 \times 1024$: it sees $24 \times 24$ patches instead of $16 \times 16$, and only the table of positions grows.
#
# **Check your understanding**
#
# 1. You double the width of a transformer and keep its depth. By how much do its parameters grow?
# 2. Why does the number of attention heads not occur in $12W^2 + 13W$?
# 3. The course's shipped model has 4,096 tokens. What would a table of 49,408 tokens add, at its width of 128?
#
# <details><summary>Answers</summary>
#
# 1. By a factor of almost 4, since $12W^2$ dominates.
# 2. Heads cut the same $W$ channels into groups. The matrices keep their sizes.
# 3. $45{,}312 \times 128 = 5.8$ million parameters, more than the rest of that model.
#
# </details>
#
# ## 2. One set of weights, three files
#
# A file of weights is a table from names to tensors. OpenAI, open_clip and Hugging Face store the same CLIP in three ways. We write one model in all three, and read each back. The model has the paper's architecture, but is small and has random weights.

# %% tags=["nbval-check-output"]
from clipedu_lessons.l13_the_real_clip.real import openai_tokenizer, small_clip, write_three

temporary = tempfile.TemporaryDirectory()
folder = Path(temporary.name)
small = small_clip(openai_tokenizer())
files = write_three(small, folder)
for form, path in files.items():
    inside = sorted(path.iterdir()) if path.is_dir() else [path]
    print(f"{form:13}", ", ".join(file.name for file in inside))

# %% [markdown]
# * **OpenAI** released archives of TorchScript, which hold a program beside the weights. Many people saved plain state dicts from them, also as `.pt`. Neither says in plain data which model it is, so the reader infers it from the shapes.
# * **open_clip** uses OpenAI's names, and puts the configuration into a JSON file.
# * **Hugging Face** has names of its own, and stores some tensors in another layout.
#
# Besides the names, two layouts differ.
#
# 1. OpenAI stacks the matrices of queries, keys and values into one, $(3W, W)$. Hugging Face keeps three.
# 2. OpenAI's projections are plain matrices $P$ of shape $(W, E)$, used as $x P$. Hugging Face uses a linear layer, which stores $(E, W)$ and computes $x A^\top$. So $A = P^\top$.
#
# The next cell prints some tensors in both layouts, and checks the two differences on a tiny example. In the exercises you write the way back.
#
# Then all three files are read, and each model embeds the two photographs and three sentences. The meaning doesn't matter here, only equality does. Reading our own files is a weak test, though, because a mistake could be made twice. So the last of the three cells adds a control and a witness. The control leaves one projection untransposed. The witness is the program that OpenAI published, with the same weights. (It needs the package *clip-anytorch*, and says so if it is missing.)

# %% tags=["nbval-check-output"]
from clipedu.models.formats import hf_names
from safetensors import safe_open

block = "visual.transformer.resblocks.0."
some = [block + "attn.in_proj_weight", block + "mlp.c_fc.weight", "visual.proj", "text_projection"]
with safe_open(files["Hugging Face"] / "model.safetensors", framework="pt") as opened:
    for name in some:
        print(f"{name}  {tuple(small.state_dict()[name].shape)}")
        for other in hf_names(name):
            print(f"    {other}  {tuple(opened.get_slice(other).get_shape())}")
x = torch.tensor([[1.0, 2.0]])  # one token, W = 2
stacked = torch.tensor([[1.0, 0.0], [0.0, 1.0], [2.0, 0.0], [0.0, 2.0], [1.0, 1.0], [1.0, -1.0]])
separate = [F.linear(x, part).tolist()[0] for part in stacked.split(2)]  # q, k, v: each (W, W)
print("stacked: ", F.linear(x, stacked).tolist(), "\nseparate:", separate)
P = torch.tensor([[1.0, 0.0, 3.0], [0.0, 1.0, 1.0]])  # (W, E) = (2, 3)
print("x @ P:", (x @ P).tolist(), "  linear layer:", F.linear(x, P.T.contiguous()).tolist())

# %% tags=["nbval-check-output"]
from clipedu.models.weights import load_clip, read_weights
from clipedu.pairs.clean import openai_standardize

pictures = openai_standardize(as_input(photographs, 224))  # (2, 3, 224, 224)
tokens = torch.tensor([[5, 9, 12, 999, 0], [7, 999, 0, 0, 0], [31, 8, 45, 60, 999]])

@torch.no_grad()
def embeddings(model):  # (2 + 3, E)
    both = model.encode_image(pictures), model.encode_text(tokens)
    return F.normalize(torch.cat(both), dim=1)

tokens[tokens == 999] = small.config.text.vocab_size - 1  # EOT
wanted = embeddings(small)
for form, path in files.items():
    read, found = read_weights(path), embeddings(load_clip(path))
    activation, most = read.config.activation, (found - wanted).abs().max()
    print(f"{form:13} says {read.source:13} {activation}, largest difference {most:.0e}")

# %%
from clipedu_lessons.l13_the_real_clip.real import openai_code

spoiled = load_clip(files["Hugging Face"])
state = spoiled.state_dict()
state["text_projection"] = state["text_projection"].T.contiguous()
spoiled.load_state_dict(state)  # no error: the matrix is square
most = (embeddings(spoiled) - wanted).abs().amax(1)
print("text projection not transposed, largest difference of each row:")
print(" two photographs", [f"{x:.0e}" for x in most[:2]], "three texts", [f"{x:.0e}" for x in most[2:]])
theirs = openai_code(small)
if theirs is None:
    print("clip-anytorch is not installed, so there is nothing to compare with.")
else:
    difference = (embeddings(theirs) - wanted).abs().max()
    print(f"OpenAI's program and ours: largest difference {difference:.0e}")
    numbers(theirs=f"{difference:.0e}", spoiled=f"{most[2:].min():.1f}")

# %% [markdown]
# The three files give the same numbers, to the last bit. Nothing is lost on the way, as the tensors are only renamed and moved.
#
# The control differs. With one projection untransposed, the pictures stay as they are, and each text embedding is off by {=spoiled} or more. Nothing raised an error.
#
# Between OpenAI's program and ours the largest difference is {=theirs}, which is rounding: 32-bit numbers have about seven digits, and the two programs add in different orders. The course's tests repeat the comparison for ResNets, for gradients, in bfloat16, and with open_clip and transformers.
#
# ### Files that should not be loaded
#
# A file from the internet can be damaged, can belong to another model, or can be an attack. `.pt` files are archives of *pickles*, and a pickle may call any function of the computer that opens it. The library's reader knows the few names that a tensor needs and refuses all others, so no code of a file is ever run.

# %% tags=["nbval-check-output"]
from clipedu.models.weights import WeightsError

class Harmless:  # a pickle of it would print something; a real attack would not stop there
    def __reduce__(self):
        return print, ("I could have deleted your files.",)

state = small.state_dict()
missing = {name: tensor for name, tensor in state.items() if "ln_post" not in name}
bad = {"code.pt": {"x": Harmless()}, "unsaid.pt": state, "missing.pt": missing}
for name, content in bad.items():
    torch.save(content, folder / name)
    try:
        read_weights(folder / name, activation="gelu" if name == "missing.pt" else None)
    except WeightsError as error:
        said = str(error).replace(str(folder / name), name)
        print(textwrap.fill(said, 76, subsequent_indent="    "))

# %% [markdown]
# The first file was never run, since its sentence was not printed. The second refusal is the interesting one. The file is complete, but it does not say which activation function the model was trained with. The reader asks, because a wrong guess would raise no error.
#
# **Check your understanding**
#
# 1. In Hugging Face's file, `text_projection.weight` is square when $W = E$. What happens if you forget to transpose it?
# 2. Why can the number of heads not be read from the shapes? What does the reader assume for OpenAI's files?
# 3. Two files have equal names and shapes. Are they the same model?
#
# <details><summary>Answers</summary>
#
# 1. Everything loads, and every text embedding is wrong. Only a comparison of outputs finds it. ViT-B/32 is such a model: both are 512.
# 2. Heads cut the same matrices differently. All of the paper's models have 64 channels in each head.
# 3. Not necessarily: the activation, the preprocessing and the tokenizer are not in them.
#
# </details>
#
# ## 3. What the file does not contain
#
# A model is more than its weights. Four things have to match what the model was trained with: the **activation**, the **preprocessing** of pictures, the **tokenizer**, and the **resolution** that its positions belong to. A mistake in the first three raises no error, nor does a resolution for which the positions were stretched. You only get worse answers, and you may never find out.
#
# So we make each mistake on purpose and measure its cost. The measurements use the course's shipped model and Lucide: 297 icons, one for each of 297 names, by artists whose pictures it never saw.
#
# ### The activation
#
# OpenAI's models use **QuickGELU**, $x\,\sigma(1.702\,x)$, an approximation of GELU that needs one sigmoid. Most models that open_clip trained use the exact GELU. The two curves differ by about 0.02 at most.
#
# What does the mix-up cost? For OpenAI's models, an issue of open_clip reports that ImageNet accuracy falls from 68.3 to 64.4 % ([issue 1109](https://github.com/mlfoundations/open_clip/issues/1109)). The shipped model was trained with GELU, so we give it QuickGELU.
#
# **Predict**: its accuracy on Lucide is 79.5 % with GELU. And with QuickGELU?

# %%
from clipedu.evaluation import embed_pictures, load_task, zero_shot_classifier
from clipedu.training import load_pretrained

prediction = ...  # change this: percent
show(*figures.activation_figure())
shipped, tokenizer, card = load_pretrained()
mixed = CLIP(shipped.config.replace(activation="quick_gelu")).eval()
mixed.load_state_dict(shipped.state_dict())  # no error: the shapes are the same

def cosines(model, task, pictures=None):  # (N, C)
    shown = embed_pictures(model, task.pictures if pictures is None else pictures)
    return shown @ zero_shot_classifier(model, tokenizer, task.class_names, task.templates).T

# %% tags=["nbval-check-output", "tolerance-0.05"]
tasks = {name: load_task(name) for name in ("lucide", "font_awesome", "heroicons")}
told, total = {}, [0, 0]
for name, task in tasks.items():
    right = [(cosines(m, task).argmax(1) == task.labels) for m in (shipped, mixed)]
    worse, better = (right[0] & ~right[1]).sum(), (~right[0] & right[1]).sum()
    shares = [f"{r.float().mean():.1%}" for r in right]
    print(f"{name:13} GELU {shares[0]}  QuickGELU {shares[1]}  became wrong {worse}, right {better}")
    told |= {f"{name}_{k}": f"{100 * r.float().mean():.1f}" for k, r in zip("gq", right)}
    total = [a + int(b) for a, b in zip(total, (len(task), worse + better))]
numbers(answers=f"{total[0]:,}", changed=total[1], **told)

# %% [markdown]
# Nothing is lost. Of {=answers} answers {=changed} change from right to wrong or back, and most of them to the better. So few prove nothing. That is surprising next to the 4 points of the real model. Why?
#
# Here is a hypothesis. An answer changes only if the mistake moves the cosines by more than the **margin**, the lead of the best name over the second best. If that is so, pictures with narrow margins must suffer first. The next cell splits Lucide into the half with the narrower margins and the half with the wider ones, and counts the changed answers in each. To have something to count, it also exaggerates the mistake: the activation becomes GELU plus $k$ times the difference, for $k$ up to 32.

# %%
import copy

from torch import nn

class Exaggerated(nn.Module):
    def __init__(self, k):
        super().__init__()
        self.k = k

    def forward(self, x):
        return F.gelu(x) + self.k * (x * torch.sigmoid(1.702 * x) - F.gelu(x))

def exaggerated(k):  # the shipped model with this activation in all blocks
    model = copy.deepcopy(shipped)
    for encoder in (model.visual, model.text):
        for block in encoder.transformer.resblocks:
            block.mlp.gelu = Exaggerated(k)
    return model

# %% tags=["nbval-check-output", "tolerance-0.1"]
lucide = tasks["lucide"]
before = cosines(shipped, lucide)
margins = -before.topk(2).values.diff(dim=1)[:, 0]
narrow = margins < margins.median()
print(" k  shift of a cosine  accuracy  changed: narrow margins  wide margins")
for k in (1, 8, 16, 32):
    after = cosines(exaggerated(k), lucide)
    shift = (after - before).pow(2).mean().sqrt()  # root mean square
    changed = (after.argmax(1) != before.argmax(1)).float()
    right = (after.argmax(1) == lucide.labels).float().mean()
    halves = changed[narrow].mean(), changed[~narrow].mean()
    print(f"{k:>2}  {shift:17.4f}  {right:8.1%}  {halves[0]:23.1%}  {halves[1]:12.1%}")
    row = {"shift": f"{shift:.3f}", "mix": f"{100 * right:.0f}"}
    row |= {"narrow": f"{100 * halves[0]:.0f}", "wide": f"{100 * halves[1]:.0f}"}
    numbers(margin=f"{margins.median():.2f}", **{f"{key}_{k}": row[key] for key in row})

# %% [markdown]
# The hypothesis holds. The median margin is {=margin}, and QuickGELU shifts our cosines by only {=shift_1}. With eight times the mistake, {=narrow_8} % of the answers with narrow margins change, and {=wide_8} % of those with wide ones. At $k = 32$ the shift is {=shift_32}, as large as a margin, and {=mix_32} % accuracy is left. So the cost of a mistake depends on the margins of the *task*.
#
# Whether that explains the 4 points of the real model, we can't measure without its weights. ImageNet has a thousand classes, many of them breeds of dogs, so narrow margins are likely. Another suspect is its depth: twelve blocks pass the mistake on, where our encoders have six and two.
#
# Either way, our own test would have missed the bug. That is why the reader insists on being told.
#
# ### The preprocessing
#
# OpenAI prepares a photograph in five steps.
#
# 1. Convert it to RGB.
# 2. Resize it with bicubic interpolation so that the *shorter* side has 224 pixels.
# 3. Cut out the middle square of 224 x 224 pixels.
# 4. Divide by 255, and put the channels first: $(3, 224, 224)$ in 0 to 1.
# 5. Subtract OpenAI's mean and divide by its standard deviation, channel by channel.
#
# The library's `openai_picture` does steps 1 to 4, and `openai_standardize` step 5.

# %% tags=["nbval-check-output"]
from clipedu.pairs.clean import OPENAI_MEAN, OPENAI_STD, openai_picture

cut = openai_picture(photographs[0], 224)  # (3, 224, 224) in 0..1
show(*figures.stages_figure(photographs[0], cut, patch=32))
print(f"{'channel':8}{'mean':>8}{'std':>8}   photograph 1 before and after step 5")
for k, channel in enumerate(("red", "green", "blue")):
    after = openai_standardize(cut)[k]
    print(f"{channel:8}{OPENAI_MEAN[k]:8.3f}{OPENAI_STD[k]:8.3f}", end="   ")
    print(f"mean {cut[k].mean():.2f}, {after.mean():.2f}   std {cut[k].std():.2f}, {after.std():.2f}")
width, height = photographs[0].size
print(f"of the {width} x {height} photograph, {height / width:.0%} is kept")
numbers(kept=f"{100 * height / width:.0f}")

# %% [markdown]
# The model never sees the left and right margins: {=kept} % of this photograph is kept. If your object is at the edge, either add white or gray margins to make the picture square, or embed several overlapping squares and take the best score. Stretching the picture into a square keeps everything and distorts it.
#
# Which mistakes matter? The next cells make nine of them with the shipped model, whose own preprocessing is to average the drawing down to 32 pixels and map 0..1 to -1..1. Each mistake starts from the same drawings at 128 pixels. Besides the accuracy we count the answers that became wrong and those that became right, because these decide whether a small difference means anything.

# %%
import numpy as np
from PIL import Image

from clipedu.pairs import load_icons, render_svg, to_model, to_pictures

wanted_names = set(lucide.class_names)
drawn = [icon for icon in load_icons(["lucide"]) if icon.name in wanted_names]
large = to_pictures(np.stack([render_svg(icon.svg(), 128) for icon in drawn]))  # (297, 3, 128, 128)

def shrunk(how):  # by Pillow, as photographs are
    arrays = (large * 255).round().byte().permute(0, 2, 3, 1).numpy()
    small_ones = [np.array(Image.fromarray(a).resize((32, 32), how)) for a in arrays]
    return torch.from_numpy(np.stack(small_ones)).permute(0, 3, 1, 2).float() / 255

plain, nearest = shrunk(Image.Resampling.BOX), shrunk(Image.Resampling.NEAREST)
aliased = F.interpolate(large, (32, 32), mode="bilinear")  # without antialias=True
squeezed = torch.ones_like(plain)
squeezed[..., 6:26] = F.interpolate(plain, (32, 20), mode="bilinear", antialias=True)

# %%
mistakes = {
    "none": (plain, to_model),
    "every fourth pixel, no averaging": (nearest, to_model),
    "F.interpolate without antialias": (aliased, to_model),
    "squeezed to 20 of 32 columns": (squeezed, to_model),
    "mirrored": (plain.flip(3), to_model),
    "red and blue exchanged": (plain.flip(1), to_model),
    "0..255 instead of 0..1": (plain, lambda x: to_model(255 * x)),
    "not standardized": (plain, lambda x: x),
    "OpenAI's mean and std": (plain, openai_standardize),
    "channels last, reshaped": (plain.permute(0, 2, 3, 1).reshape(plain.shape), to_model),
}
classifier = zero_shot_classifier(shipped, tokenizer, lucide.class_names, lucide.templates)
seen = {name: embed_pictures(shipped, x, preprocess=f) for name, (x, f) in mistakes.items()}
cost = {name: (x @ classifier.T).argmax(1) == lucide.labels for name, x in seen.items()}

# %% tags=["nbval-check-output", "tolerance-0.1"]
print(f"{'mistake':34}{'accuracy':>9}{'lost':>6}{'won':>6}")
for name, right in cost.items():
    lost, won = (cost["none"] & ~right).sum(), (~cost["none"] & right).sum()
    print(f"{name:34}{right.float().mean():9.1%}{lost:6}{won:6}")
short = {"nearest": "every f", "aliased": "F.inter", "swapped": "red and", "mirrored": "mirrore"}
short |= {"unstandardized": "not sta", "foreign": "OpenAI'"}
share = {name[:7]: f"{100 * right.float().mean():.0f}" for name, right in cost.items()}
numbers(**{key: share[start] for key, start in short.items()})
asymmetry = (plain - plain.flip(3)).abs().mean((1, 2, 3))
gone = cost["none"] & ~cost["mirrored"]
said = [set(lucide.class_names[k].split()) for k in lucide.labels[gone]]
directed = sum(bool({"left", "right"} & words) for words in said)
print(f"lost by mirroring: {len(said)} names, {directed} of them with left or right")
print("by quarters, the most symmetric first:", *(int(gone[q].sum()) for q in asymmetry.argsort().chunk(4)))
numbers(gone=len(said), directed=directed)

# %% tags=["nbval-check-output", "tolerance-0.1"]
flags, told = load_task("flags"), {}
names = zero_shot_classifier(shipped, tokenizer, flags.class_names, flags.templates)
ways = {"as they are": (flags.pictures, to_model), "swapped": (flags.pictures.flip(1), to_model)}
ways["raw"] = (flags.pictures, lambda x: x)
said = {"swapped": "red and blue exchanged", "raw": "not standardized"}
for name, (pictures, prepare) in ways.items():
    answers = (embed_pictures(shipped, pictures, preprocess=prepare) @ names.T).argmax(1)
    right = (answers == flags.labels).float().mean()
    print(f"{len(flags)} flags, {said.get(name, name):23} {right:.1%}")
    told[f"flags_{name.split()[0]}"] = f"{100 * right:.0f}"
numbers(**told)

# %% [markdown]
# Four lines deserve a comment.
#
# * **Some mistakes are invisible here.** Exchanging red and blue does nothing to black drawings ({=swapped} %), and leaving out the standardization costs nothing either ({=unstandardized} %). But of the 259 flags, which have colors, {=flags_as} % become {=flags_swapped} % with red and blue exchanged, and {=flags_raw} % without standardization. (The flags were part of the training, so only the differences count.) The icons did not say that these steps don't matter. They could not see them.
# * **A squeezed picture changes many answers and loses few.** It loses and wins about as many. So squeezing matters for single pictures, but we can't say that it is harmful on average. Mirroring does harm ({=mirrored} %), and the last lines of the output say to whom. The most symmetric quarter of the icons loses least, and the two least symmetric ones lose most. Only {=directed} of the {=gone} lost names say *left* or *right*. A mirrored hammer is still a hammer, but the training never mirrored a picture.
# * **A wrong standardization is worse than none.** OpenAI's mean and standard deviation turn white paper into values near 2. The shipped model has never seen such values, and {=foreign} % is left.
# * **Averaging matters.** Taking every fourth pixel breaks thin lines, and the accuracy falls to {=nearest} %. `F.interpolate` without `antialias=True` reads four pixels where 16 should be averaged, and reaches {=aliased} %.
#
# The rule for your own work: check the preprocessing on pictures where it could show, and compare embeddings with a reference implementation instead of trusting an accuracy. "My vectors from Hugging Face differ from OpenAI's" is a frequent report. The weights are the same (section 2), so look here, at the activation, and at which vector was taken.
#
# ### The tokenizer
#
# OpenAI's tokenizer repairs and simplifies a text before it cuts it: broken characters, HTML escapes, white space, upper case. Then the text becomes at most 75 tokens between a start and an end token. The next cell needs the package *clip-anytorch* for the ids; the cleaning is shown in any case. The cell after it measures two mistakes with the shipped model, which has a tokenizer of its own. One is to write the names in upper case, the other to use a tokenizer that was trained on other texts.

# %%
from clipedu.tokenizer.openai import clean

odd = ["A photo of a DOG.", "a   photo\tof a dog .", "it&#39;s 2021", "caf\u00c3\u00a9 na\u00efve"]
odd += ["dog" * 3, "a dog, not a cat", "a photo of " + "very " * 80 + "old dog"]
theirs = openai_tokenizer()
for text in odd:
    row = f"{text[:17]!r:22} {clean(text)[:17]!r:20}"
    if theirs is not None:
        pieces = " ".join(theirs.tokens(text)).replace("</w>", "_")
        row += f" {len(theirs.encode(text)):>3}: {pieces[:26]}"
    print(row)

# %% tags=["nbval-check-output", "tolerance-0.1"]
from clipedu.tokenizer import Tokenizer

others = [*tasks["font_awesome"].class_names, *flags.class_names]
tries = {"as trained": (tokenizer, str), "upper case": (tokenizer, str.upper)}
tries["trained on other texts"] = (Tokenizer.train(others, 600), str)
for name, (used, change) in tries.items():
    changed = [change(known) for known in lucide.class_names]
    texts = zero_shot_classifier(shipped, used, changed, lucide.templates)
    right = ((seen["none"] @ texts.T).argmax(1) == lucide.labels).float().mean()
    print(f"{name:24} Lucide {right:.1%}, 'arrow' is {used.encode(change('arrow'))}")
    numbers(**{f"token_{name.split()[0]}": f"{100 * right:.0f}"})

# %% [markdown]
# The columns of the first table are the text, the text after cleaning, the number of tokens, and the tokens, where `_` marks the end of a word. Four consequences follow.
#
# * OpenAI's tokenizer drops upper case, so capitals carry no information. The course's tokenizer keeps them, and its model was trained on names in lower case. The same names in capitals bring Lucide from {=token_as} down to {=token_upper} %.
# * The ids of another tokenizer are valid numbers with another meaning. With them Lucide falls to {=token_trained} %, and no error is raised.
# * A year such as 2021 becomes four tokens, one for each digit.
# * A text of more than 75 tokens does not fit. OpenAI's program raises an error; open_clip silently cuts the end off. A description of a paragraph therefore loses its last sentences. Long-CLIP ([arXiv 2403.15378](https://arxiv.org/abs/2403.15378)) found that even far fewer tokens carry most of the effect, and stretches the positions to 248 tokens before it fine-tunes. Without training you can embed each sentence by itself and average, which is worth a try and not measured here.
#
# ### The resolution
#
# The table of positions has one row for each patch. For larger pictures it has to grow. The usual way, which the library's `resize_positions` follows, treats the rows as a small picture and interpolates it. Does the model then see better? We test the shipped model, trained on 32 pixels, on the same drawings at other sizes. Two controls stand beside it: the old rows repeated one after another, in place of the interpolation, and the same picture scaled to 32 pixels.
#
# If larger pictures do badly, there are two suspects. The lines have become thicker than any in the training, and there are more patches. So the column *thin lines* draws them as thick as they are at 32 pixels. And for the last line of the output, the ordinary drawing of 32 pixels lies in the middle of a white sheet of 64. There the 16 patches with ink get exactly their old positions.

# %%
from clipedu.models.weights import Weights, resize_positions

own = Weights({k: v.detach() for k, v in shipped.state_dict().items()}, shipped.config, "clipedu")
old = own.tensors["visual.positional_embedding"]  # (1 + 16, W)

def accuracy(model, shown):
    return ((embed_pictures(model, shown) @ classifier.T).argmax(1) == lucide.labels).float().mean()

def drawn_at(R, stroke=2.0):  # Lucide's lines are 2 of 24 units thick
    icons = [icon.svg().replace('stroke-width="2"', f'stroke-width="{stroke}"') for icon in drawn]
    return to_pictures(np.stack([render_svg(icon, R) for icon in icons]))

# %% tags=["nbval-check-output", "tolerance-0.1"]
print("pixels  patches  interpolated  repeated  thin lines  scaled to 32")
for R in (32, 40, 64):
    drawings, side = drawn_at(R), R // 8
    stretched, repeated = (load_clip(resize_positions(own, R)) for _ in range(2))
    repeated.visual.positional_embedding.data[1:] = old[1:][torch.arange(side**2) % 16]
    scaled = F.interpolate(drawings, (32, 32), mode="bicubic", antialias=True).clamp(0, 1)
    row = {"at": accuracy(stretched, drawings), "repeated": accuracy(repeated, drawings)}
    row |= {"thin": accuracy(stretched, drawn_at(R, 64 / R)), "scaled": accuracy(shipped, scaled)}
    cells = (f"{share:{width}.1%}" for share, width in zip(row.values(), (14, 10, 12, 14)))
    print(f"{R:>6}{side**2:>9}", *cells, sep="")
    numbers(**{f"{key}_{R}": f"{100 * share:.0f}" for key, share in row.items()})
stretched.visual.positional_embedding.data[1:].view(8, 8, -1)[2:6, 2:6] = old[1:].view(4, 4, -1)
sheet = accuracy(stretched, F.pad(drawn_at(32), (16, 16, 16, 16), value=1.0))
print(f"a drawing of 32 pixels in the middle of a white sheet of 64: {sheet:.1%}")
numbers(sheet=f"{100 * sheet:.0f}")

# %% [markdown]
# Interpolation is clearly better than the table in the wrong order: {=at_40} against {=repeated_40} % at 40 pixels. But it makes larger pictures *possible*, not better. At 64 pixels it reaches {=at_64} %, and the same drawings scaled down to 32 pixels reach {=scaled_64} %.
#
# The lines are not to blame, since thin ones reach {=thin_64} %. The number of patches is. On the white sheet all patches with ink are as they were in training, and 48 empty ones around them bring the accuracy down to {=sheet} %. The blocks never met so many tokens. So scale your pictures to the model's resolution, or fine-tune after the resize, as the paper did: ViT-L/14@336px is ViT-L/14 trained for one more epoch at 336 pixels (section 2.5).
#
# **Check your understanding**
#
# 1. A colleague reports that GELU and QuickGELU make no difference on her task. What would you ask her to measure?
# 2. Your pictures are scans of pages, twice as high as wide. What does OpenAI's preprocessing keep of them?
# 3. Hugging Face's and OpenAI's embeddings of the same picture have a cosine of 0.98. Name three suspects.
#
# <details><summary>Answers</summary>
#
# 1. The margins of her task, and how many answers changed in both directions.
# 2. The middle half. What is at the top and at the bottom is lost.
# 3. The activation; the interpolation or antialiasing of the resize; the pooled output before the projection in place of the embedding after it.
#
# </details>
#
# ## 4. Ask the real model
#
# From now on `real` is OpenAI's model if you have its weights, and the stand-in if not.
#
# ### Zero-shot, as in lesson 05
#
# The recipe has not changed. Each class name goes into the paper's template "a photo of a {}.", and the text encoder turns it into a row of the classifier. Ten names are on offer.
#
# Below the two photographs it is the turn of your own. Make a folder `my_photos` in the course's folder, put a few pictures into it, write the names that could be right into the list `my_names`, and run the cells again.

# %%
from clipedu.evaluation.zeroshot import Ranked
from clipedu_lessons.common.ranking_figure import ranking_figure, ranking_words
from clipedu_lessons.l13_the_real_clip.real import open_clip_or_stand_in, own_photographs

real = open_clip_or_stand_in(weights, files["OpenAI"])
vision, scale = real.model.config.vision, real.model.logit_scale.exp()
print(f"{real.who}\npictures of {vision.resolution} px, {vision.layers} blocks of width {vision.width}")
print(f"{real.tokenizer.vocab_size:,} tokens, logit scale {scale:.1f}")
NAMES = ["pagoda", "church", "lighthouse", "castle", "dahlia", "sunflower"]
NAMES += ["cauliflower", "dog", "pizza", "car"]

@torch.no_grad()
def ask(pictures, names=NAMES):  # -> (N, C) probabilities
    image = embed_pictures(real.model, pictures, preprocess=openai_standardize)
    text = zero_shot_classifier(real.model, real.tokenizer, names, "a photo of a {}.", articles=False)
    return (scale * image @ text.T).softmax(-1)

# %%
def ranked(rows, names=NAMES):
    return [sorted(map(Ranked, names, row), key=lambda r: -r.probability) for row in rows.tolist()]

shown, right = as_input(photographs, vision.resolution), ["pagoda", "dahlia"]
rankings = ranked(ask(shown))
print(real.who)
show(ranking_figure(shown, rankings, right, k=4), ranking_words(rankings, right))
mine = own_photographs()  # my_photos/*.jpg and others
my_names = ["dog", "cat", "person", "house", "tree", "food"]  # change these
print(f"{len(mine)} photographs in my_photos")
if mine:
    my_pictures = as_input(mine[:8], vision.resolution)
    my_rankings = ranked(ask(my_pictures, my_names), my_names)
    show(ranking_figure(my_pictures, my_rankings, k=3), ranking_words(my_rankings))

# %% [markdown]
# ### Prompts as in lesson 06, and CIFAR-10
#
# Two photographs measure nothing. If the archive of CIFAR-10 is on this machine (`clipedu tasks --download cifar10` fetches 170 MB), the next cell asks about 200 of its pictures. It puts the interval beside the figure in Table 11 of the paper, and repeats lesson 06. The paper gains 1.3 points on ImageNet with the template "A photo of a {label}." over the bare name, and 3.5 more with an ensemble of 80 templates (section 3.1.4).

# %%
from clipedu.evaluation import TaskUnavailable, clopper_pearson
from clipedu_lessons.common.paper import load_paper_table

numbers(cifar=(table := f'{load_paper_table("zero_shot").row(model="ViT-B/32")["CIFAR10"]:.1f}'))
print(f"{real.who}\nTable 11, ViT-B/32 on CIFAR-10: {table} %")
four = ["a photo of a {}.", "a bright photo of a {}.", "a close-up of the {}.", "art of the {}."]
try:
    cifar = load_task("cifar10", vision.resolution).take(torch.arange(200))
    embedded = embed_pictures(real.model, cifar.pictures, preprocess=openai_standardize)
    for way, templates in {"bare name": ["{}"], "template": four[:1], "ensemble": four}.items():
        text = zero_shot_classifier(real.model, real.tokenizer, cifar.class_names, templates)
        hits = (embedded @ text.T).argmax(1) == cifar.labels
        low, high = clopper_pearson(int(hits.sum()), 200)
        print(f"{way:14}{hits.float().mean():.1%} (95 % interval {low:.0%} to {high:.0%})")
except TaskUnavailable:
    print("CIFAR-10 is not on this machine, so nothing was measured.")

# %% [markdown]
# The paper used 18 templates and all 10,000 pictures, so expect a number near its, not the same. Between the three ways a difference of a few points means nothing with 200 pictures. The published accuracies were not measured again by the course's authors.
#
# ### Other pictures, and a word pasted on them
#
# Robustness asks what happens when the picture changes and its meaning does not. Six changes of the two photographs follow. They illustrate lesson 11 and measure nothing, since the paper's seven shifts are whole data sets of sketches, videos and other natural changes (Figure 13).
#
# The second cell changes the picture on purpose. CLIP learned from pictures of the web, many of which contain writing, with captions that repeat it. So it can read: the paper reports 68 % on whether a *rendered* sentence is positive or negative, where guessing gives about 50 % (Table 14). Reading has a price, called the **typographic attack**: a label with another word can change the answer. Materzyńska et al. ([arXiv 2206.07835](https://arxiv.org/abs/2206.07835)) study how meaning and spelling are entangled, and Azuma and Matsui ([arXiv 2304.04512](https://arxiv.org/abs/2304.04512)) learn a prefix that defends against it.

# %%
noise = torch.randn(shown.shape, generator=torch.Generator().manual_seed(0))
coarse = F.interpolate(F.interpolate(shown, 28, mode="area"), shown.shape[-1])
gray = shown.mean(1, keepdim=True).expand_as(shown)
changes = {"as it is": shown, "gray": gray, "28 pixels": coarse}
changes |= {"dark": 0.3 * shown, "noise": (shown + 0.2 * noise).clamp(0, 1)}
changes |= {"upside down": shown.flip(2), "mirrored": shown.flip(3)}
print(real.who)
for change, pictures in changes.items():
    scores = ask(pictures)
    said = [f"{name} {row[NAMES.index(name)]:.3f}" for name, row in zip(right, scores.tolist())]
    print(f"{change:12} {', '.join(said)}")
words = "The pagoda in seven versions: as it is, gray, coarse, dark, noisy, upside down, mirrored."
show(picture_grid(torch.stack([p[0] for p in changes.values()]), [*changes], columns=7), words)

# %%
from PIL import ImageDraw, ImageFont

FONT = ImageFont.load_default(64)

def labeled(photograph, word):
    picture = photograph.copy()
    pen = ImageDraw.Draw(picture)
    pen.rectangle((190, 300, 450, 380), fill="white")
    pen.text((320, 340), word, fill="black", anchor="mm", font=FONT)
    return picture

attacked = as_input([labeled(p, "pizza") for p in photographs], vision.resolution)
blank = as_input([labeled(p, "") for p in photographs], vision.resolution)  # the control
print(real.who)
for name, pictures in {"as it is": shown, "blank label": blank, "label: pizza": attacked}.items():
    pizza = ask(pictures)[:, NAMES.index("pizza")]
    print(f"{name:13} P(pizza) = {pizza[0]:.4f}, {pizza[1]:.4f}")
show(picture_grid(attacked, ["pagoda?", "dahlia?"]), "Both with a white label: pizza.")

# %% [markdown]
# The blank label is the control: it covers the same pixels and says nothing. Only the difference between the last two lines is the effect of the word.
#
# **Check your understanding**
#
# 1. Why does the CIFAR-10 cell print an interval?
# 2. All ten names are wrong for one of your photographs. What do the probabilities add up to?
# 3. How would you tell whether an attack works because of the word, and not because of the white rectangle?
#
# <details><summary>Answers</summary>
#
# 1. Because 200 pictures are few: near 90 %, the interval is about 9 points wide. A difference inside of it means nothing.
# 2. To 1. The softmax only compares the names on offer (lesson 05).
# 3. With a control: the same rectangle without a word, or with a word that is none of the classes.
#
# </details>
#
# ## 5. Why is the right pair only 0.25?
#
# People who print cosines of the real CLIP are often disappointed. One of them reports 0.25 for a picture of a vehicle with *vehicle*, 0.22 with *motor* and 0.19 with *computer* ([openai/CLIP issue 405](https://github.com/openai/CLIP/issues/405)). Is a match of 0.25 bad? And do pictures and texts lie apart? We look at the shipped model first, on 297 pairs.

# %% tags=["nbval-check-output", "tolerance-0.05"]
image = embed_pictures(shipped, lucide.pictures)
text = zero_shot_classifier(shipped, tokenizer, lucide.class_names, lucide.templates)
pair = lucide.labels[:, None] == torch.arange(len(text))[None]
distinct = ~torch.eye(len(text), dtype=torch.bool)
groups = {
    "picture and its name": (image @ text.T)[pair],
    "picture and another name": (image @ text.T)[~pair],
    "two pictures": (image @ image.T)[distinct],
    "two names": (text @ text.T)[distinct],
}
for name, values in groups.items():
    print(f"{name:25} mean {values.mean():.2f}, 1 % below {values.quantile(0.01):.2f}")
show(*figures.cosine_figure(groups))
means = [f"{values.mean():.2f}" for values in groups.values()]
numbers(own_pair=means[0], other_pair=means[1], two_pictures=means[2], two_texts=means[3])

# %% [markdown]
# A right pair scores {=own_pair} on average here, and not 1. The loss of lesson 03 never asks for 1. It only asks that the right pair beats the others by enough, and what is enough depends on the logit scale. With a scale of 100, which is where the paper caps it, a lead of 0.05 makes the odds $e^{5} = 148$ to 1.
#
# If that is the reason, it must show in vectors without any encoder. The next cell makes 64 pairs of random vectors. Those of the pictures lie around one center and those of the texts around another, as the embeddings of two untrained encoders do. Then it trains the vectors themselves with `info_nce`, until the loss falls below 0.1, for three scales.

# %%
from clipedu.objectives import clamp_logit_scale_, info_nce

distinct_64 = ~torch.eye(64, dtype=torch.bool)

def free_pairs(scale):  # -> two (64, 64): vectors of pictures and of texts, length 1
    generator = torch.Generator().manual_seed(0)
    centers = torch.randn(2, 1, 64, generator=generator)
    vectors = (centers + 0.3 * torch.randn(2, 64, 64, generator=generator)).requires_grad_()
    optimizer = torch.optim.Adam([vectors], lr=0.005)
    while True:
        u, v = F.normalize(vectors, dim=-1)
        loss = info_nce(u, v, torch.tensor(scale))
        if loss < 0.1 or scale == 0:  # scale 0: as they start
            return u.detach(), v.detach()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()

# %% tags=["nbval-check-output", "tolerance-0.1"]
told = {}
numbers(shipped_scale=f"{shipped.logit_scale.exp():.0f}")
print("scale  own pair  other pairs  two pictures  gap")
for scale in (0.0, 10.0, 30.0, 100.0):
    u, v = free_pairs(scale)
    own, other = (u * v).sum(1).mean(), (u @ v.T)[distinct_64].mean()
    two, gap = (u @ u.T)[distinct_64].mean(), (u.mean(0) - v.mean(0)).norm()
    print(f"{scale or 'start':>5}  {own:8.2f}  {other:11.2f}  {two:12.2f}  {gap:.2f}")
    told |= {f"own_{scale:.0f}": f"{own:.2f}", f"other_{scale:.0f}": f"{other:.2f}"}
    told |= {f"two_{scale:.0f}": f"{two:.2f}", f"gap_{scale:.0f}": f"{gap:.2f}"}
numbers(**told)

# %% [markdown]
# All three runs have the same loss, and their right pairs are far from alike. With scale 10 a right pair scores {=own_10}. With scale 100 it scores {=own_100}, which is below zero, and the loss is just as small, because other pairs score {=other_100}. So a cosine by itself is no measure of confidence. Compare it with other cosines of the same model.
#
# The two regions show the same. They start {=gap_0} apart. With scale 10 training pulls them together to {=gap_10}, and with scale 100 they end {=gap_100} apart, almost where they were. Two pictures then score {=two_100}, much more than a picture and its own text. These are vectors without encoders, trained for a moment, so they explain a mechanism and no particular number. The shipped model has a scale of {=shipped_scale} and was trained for much longer.
#
# ### The gap between pictures and texts
#
# The last column is the distance between the mean picture and the mean text. Liang et al. ([arXiv 2203.02053](https://arxiv.org/abs/2203.02053)) call it the **modality gap** and find it in CLIP and in other models with two encoders.
#
# The gap matters as soon as you search pictures and texts *together*. The next cell puts the 297 pictures and the 297 names into one index, takes each name as a query, and looks at its ten nearest neighbors. It does so for an untrained model, for the shipped one, and after *centering*, which subtracts from each kind its own mean. If kinds didn't matter, about half of the neighbors would be texts.

# %% tags=["nbval-check-output", "tolerance-0.05"]
def mixed_search(image, text, equal=False):  # share of texts among the ten nearest of each text
    found = [text @ image.T, text @ text.T]  # equal: both get mean 0 and deviation 1
    found = [(x - x[distinct].mean()) / x[distinct].std() for x in found] if equal else found
    found = torch.cat([found[0], found[1].fill_diagonal_(-9)], 1)  # not itself
    return (found.topk(10).indices >= len(image)).float().mean()

new, names = build(shipped.config, seed=0).eval(), (lucide.class_names, lucide.templates)
kinds = {"untrained": (embed_pictures(new, lucide.pictures), zero_shot_classifier(new, tokenizer, *names))}
kinds |= {"trained": (image, text), "centered": [F.normalize(x - x.mean(0), dim=-1) for x in (image, text)]}
for name, (u, v) in kinds.items():
    gap, right = (u.mean(0) - v.mean(0)).norm(), ((u @ v.T).argmax(1) == lucide.labels).float().mean()
    row = {"gap": f"{gap:.2f}", "found": f"{mixed_search(u, v):.0%}", "right": f"{right:.1%}"}
    print(f"{name:10} gap {row['gap']}, texts among the ten {row['found']}, Lucide {row['right']}")
    numbers(**{f"{key}_{name}": value.rstrip("%") for key, value in row.items()})
numbers(equal=(equal := f"{mixed_search(u, v, equal=True):.0%}").rstrip("%"))
print("centered, and both kinds of cosines equally wide: texts among the ten", equal)

# %% [markdown]
# The untrained model has a gap of {=gap_untrained}. Training closed most of it, and {=gap_trained} is left. That is enough for {=found_trained} % of the ten neighbors to be texts. After subtracting the means it is {=found_centered} %.
#
# Why not half? The cosines of two names vary more than those of a name and a picture, so the largest ones are more often between names. When both kinds get the same mean and the same width, {=equal} % are texts, so this explains the rest. Zero-shot accuracy does not suffer from centering ({=right_trained} and {=right_centered} %). If you need one list of pictures and texts, adjust the two kinds of scores like this, or search the kinds apart and merge by rank.
#
# ### Where to put a threshold
#
# "Is there a dog in this picture, yes or no?" needs a threshold. The next cell chooses it on one half of the pictures and tests it on the other half. (It is the one thing that this lesson chooses on Lucide, and nothing else uses it.) The question is always whether a picture shows a given name. Half of the pairs are right and half are wrong, so guessing gives 50 %. The wrong ones come in two kinds: a random name, or the name that looks most similar to the model.

# %% tags=["nbval-check-output", "tolerance-0.05"]
own_pairs = (image @ text.T)[pair]
partner = (lucide.labels + 100) % len(text)  # a wrong name for each picture
wrong_pairs = (image * text[partner]).sum(1)
hard_pairs = (image @ text.T).masked_fill(pair, -1).amax(1)  # the best of all wrong names

def yes_no(threshold, no, rows):
    return ((own_pairs[rows] > threshold).float() + (no[rows] <= threshold).float()).mean() / 2

choose, test = torch.randperm(297, generator=torch.Generator().manual_seed(0)).split([148, 149])
kinds, best = {"random": wrong_pairs, "nearest": hard_pairs}, {}
print("chosen with  threshold  right, random  right, nearest")
for name, no in kinds.items():
    best[name] = max(torch.linspace(-0.2, 1, 121), key=lambda t: yes_no(t, no, choose))
    tested = [yes_no(best[name], other, test) for other in kinds.values()]
    print(f"{name:11}  {best[name]:9.2f}  {tested[0]:13.1%}  {tested[1]:14.1%}")
    numbers(**{f"t_{name}": f"{best[name]:.2f}", f"on_random_{name}": f"{100 * tested[0]:.0f}"})
    numbers(**{f"on_nearest_{name}": f"{100 * tested[1]:.0f}"})

# %% [markdown]
# The two columns are the shares of right answers when the wrong names are random and when they are the nearest. A threshold of {=t_random}, chosen with random names, is right for {=on_random_random} % of random and for {=on_nearest_random} % of nearest names, which is guessing. A threshold of {=t_nearest}, chosen with nearest names, reaches {=on_nearest_nearest} % on those, but only {=on_random_nearest} % on random ones. With 298 decisions, a difference of a few points means nothing.
#
# So a threshold is not a property of the model. It belongs to the wrong answers that you expect, and you have to choose it with those. And it belongs to one model: {=t_nearest} would refuse the vehicle of issue 405. Comparing with a second prompt, such as "a photo without a dog", is no way out, since CLIP hardly reads negation (lesson 12).
#
# **Check your understanding**
#
# 1. Model A scores right pairs at 0.9, model B at 0.3. Which is better?
# 2. You store pictures and product texts in one vector database. A customer types a text and gets only texts. Why?
# 3. Why may you subtract the means without hurting zero-shot classification?
#
# <details><summary>Answers</summary>
#
# 1. You can't tell. What counts is whether right pairs score higher than wrong ones of the same model.
# 2. Texts lie nearer to texts. Center both kinds and equalize their cosines, or search the kinds apart.
# 3. Subtracting the mean of the names changes all products of one picture by the same amount, so their order stays. Subtracting the mean of the pictures and normalizing again can change the order, and here they changed few answers.
#
# </details>
#
# ## 6. Fine-tune without forgetting
#
# Sooner or later you will want a CLIP that is better at one thing: your products, your X-rays, your handwriting. So you train on a few hundred examples, and the accuracy on them rises. Then someone asks the fine-tuned model something else. "Zero-shot is gone after fine-tuning" is a frequent complaint in issue trackers.
#
# Our example uses the shipped model, which reads handwritten digits badly. The new task is scikit-learn's digits, with 200 labeled examples. The old task is Lucide, and nothing in the training reminds the model of it. This is the loop of lesson 04 in its shortest form. Captions are made from the labels, so most of them occur several times in a batch, and `info_nce` masks these repetitions.
#
# **Predict**: the model gets 20 steps at a learning rate of 3e-4. What will its accuracy on digits and on Lucide be? Before, it reads about a third of the digits and names 79 % of Lucide.

# %%
prediction = ...  # change this: (digits, Lucide)
digits = load_task("digits")
order = torch.randperm(len(digits), generator=torch.Generator().manual_seed(0))
train_set, test_set = digits.take(order[:200]), digits.take(order[200:700])

def finetune(model, rate, steps=20):
    model = copy.deepcopy(model).eval()  # eval: batch-norm statistics stay as they are
    optimizer = torch.optim.AdamW(model.parameters(), lr=rate, weight_decay=0.0)
    for rows in torch.randint(200, (steps, 50), generator=torch.Generator().manual_seed(0)):
        captions = [f"the number {digits.class_names[label]}" for label in train_set.labels[rows]]
        image, text, scale = model(to_model(train_set.pictures[rows]), tokenizer(captions))
        optimizer.zero_grad()
        info_nce(image, text, scale, train_set.labels[rows]).backward()
        optimizer.step()
        clamp_logit_scale_(model.logit_scale)
    return model

# %% tags=["nbval-check-output", "tolerance-0.25"]
def share_right(model, task):
    names = zero_shot_classifier(model, tokenizer, task.class_names, task.templates)
    answers = (embed_pictures(model, task.pictures) @ names.T).argmax(1)
    return (answers == task.labels).float().mean()

tuned, told = finetune(shipped, rate=3e-4), {}
for name, model in {"before": shipped, "after": tuned}.items():
    new, old = share_right(model, test_set), share_right(model, lucide)
    print(f"{name:7} digits {new:5.1%}   Lucide {old:5.1%}")
    told |= {f"{name}_new": f"{100 * new:.0f}", f"{name}_old": f"{100 * old:.0f}"}
numbers(**told)

# %% [markdown]
# The new task is solved: {=before_new} % of the digits have become {=after_new} %. The price is on the right. The model names {=after_old} % of Lucide instead of {=before_old} %, although no icon was in the training. If you only watch the new task, you will not notice.
#
# ### Half the way back
#
# WiSE-FT (Wortsman et al. 2021, [arXiv 2109.01903](https://arxiv.org/abs/2109.01903)) repairs this after the fact, without any training. It averages the *weights* of the model before and after:
#
# $$\theta = (1 - \alpha)\, \theta_\text{before} + \alpha\, \theta_\text{after}.$$
#
# With $\alpha = 0$ nothing has happened, and with $\alpha = 1$ you have the fine-tuned model. It is not obvious that anything sensible lies in between, because a network is not a linear function of its weights. We try.

# %% tags=["nbval-check-output", "tolerance-0.25"]
from clipedu.training import interpolate

path = []
for alpha in (0.0, 0.2, 0.4, 0.6, 0.8, 1.0):
    between = interpolate(shipped, tuned, alpha)
    new, old = share_right(between, test_set), share_right(between, lucide)
    path.append((alpha, 100 * float(new), 100 * float(old)))
    print(f"alpha {alpha:.1f}   digits {new:5.1%}   Lucide {old:5.1%}")
numbers(**{f"new_{10 * row[0]:.0f}": f"{row[1]:.0f}" for row in path})
numbers(**{f"old_{10 * row[0]:.0f}": f"{row[2]:.0f}" for row in path})
show(*figures.trade_figure({"20 steps at 3e-4": path}))

# %% [markdown]
# Something sensible does lie in between, and it is better than a compromise. At $\alpha = 0.4$ the model reads {=new_4} % of the digits, which is most of what it learned, and names {=old_4} % of Lucide, which is most of what it knew. The path runs above the dashed line, on which each point gained would cost the same.
#
# The new skill comes early on the path and most of the damage late. From $\alpha = 0.6$ to 1 the digits rise from {=new_6} to {=new_10} %, while Lucide falls from {=old_6} to {=old_10} %.
#
# Why do the networks in between work at all? One condition can be tested. We make a twin of the shipped model that computes exactly the same function. Only the hidden units of each MLP are in another order, so unit 7 of one is unit 90 of the other, say. Then we go halfway from the model to its twin.

# %% tags=["nbval-check-output", "tolerance-0.25"]
twin, generator = copy.deepcopy(shipped), torch.Generator().manual_seed(0)
for encoder in (twin.visual, twin.text):
    for mlp in (block.mlp for block in encoder.transformer.resblocks):
        order = torch.randperm(len(mlp.c_fc.bias), generator=generator)
        for parameter in (mlp.c_fc.weight, mlp.c_fc.bias):
            parameter.data = parameter.data[order]
        mlp.c_proj.weight.data = mlp.c_proj.weight.data[:, order]

told = {}
for name, other in {"fine-tuned": tuned, "twin": twin}.items():
    found = [share_right(interpolate(shipped, other, alpha), lucide) for alpha in (0.0, 0.5, 1.0)]
    print(f"Lucide at alpha 0, 0.5, 1, toward {name:11}", *(f"{share:.1%}" for share in found))
    told |= {f"{name[:4]}_{k}": f"{100 * share:.0f}" for k, share in enumerate(found)}
numbers(**told)

# %% [markdown]
# The twin is as good as the original ({=twin_2} %), and halfway between the two only {=twin_1} % is left. So it isn't enough that both ends are good. Their units have to correspond, and fine-tuning keeps that, because it starts from the same weights and moves them little. Two models trained from scratch have no reason to number their units alike.
#
# ### What to train, and how fast
#
# Twenty steps with one seed are an anecdote. `benchmarks/finetune.py` repeats the experiment for five methods and four learning rates, and stores every point of every path. It takes the library's `train` with a warm-up of four steps and a cosine, 40 steps of 50 digits, and tests on 500 others.
#
# | method | what learns |
# |---|---|
# | full | everything |
# | frozen_image | the text encoder and the temperature, as in LiT ([arXiv 2111.07991](https://arxiv.org/abs/2111.07991)) |
# | frozen_text | the image encoder and the temperature |
# | lora | a product of two thin matrices, added to each matrix of the blocks ([arXiv 2106.09685](https://arxiv.org/abs/2106.09685)) |
# | linear | the two projections at the ends only |

# %%
from clipedu_lessons.common.records import about_record, read_record

stored = read_record("finetune")

def percent(method, rate, alpha, task, masked="yes"):  # over all seeds
    found = [row for row in stored if (row["method"], row["task"]) == (method, task)]
    found = [r for r in found if (r["learning_rate"], r["share"]) == (rate, alpha)]
    found = [r for r in found if r["masked"] in (masked, None)]
    return 100 * sum(r["right"] for r in found) / sum(r["pictures"] for r in found)

def both(method, rate, alpha=1.0, masked="yes"):  # "digits / Lucide"
    cells = [percent(method, rate, alpha, task, masked) for task in ("digits", "lucide")]
    return " / ".join(f"{cell:.0f}" for cell in cells)

wide = [clopper_pearson(hits, n) for hits, n in ((450, 500), (223, 297))]
digits_wide, icons_wide = (f"{50 * (high - low):.0f}" for low, high in wide)
numbers(digits_wide=digits_wide, icons_wide=icons_wide)

# %% tags=["nbval-check-output"]
rates, methods = (1e-5, 1e-4, 1e-3, 1e-2), ("full", "frozen_image", "frozen_text", "lora", "linear")
learned = {row["method"]: row["learned"] for row in stored}
print(f"digits / Lucide in percent; before: {both('before', 0.0, 0)}")
print(f"{'':13}{'learned':>10}" + "".join(f"{f'rate {rate:g}':>12}" for rate in rates))
for method in methods:
    print(f"{method:13}{learned[method]:>10,}" + "".join(f"{both(method, r):>12}" for r in rates))
print("full, rate 0.001, repeated captions not masked:", both("full", 1e-3, masked="no"))
print("full, rate 0.001, alpha 0.25:", both("full", 1e-3, 0.25))
numbers(full_4=both("full", 1e-4), full_3=both("full", 1e-3), linear_3=both("linear", 1e-3))
numbers(lora_2=both("lora", 1e-2), image_3=both("frozen_image", 1e-3))
numbers(unmasked=both("full", 1e-3, masked="no"), quarter=both("full", 1e-3, 0.25))
numbers(text_4=both("frozen_text", 1e-4), text_3=both("frozen_text", 1e-3))
numbers(seeds=len({row["seed"] for row in stored}), made=about_record("finetune")["date"])

# %%
chosen = [("full", 1e-3), ("full", 1e-4), ("frozen_image", 1e-3), ("lora", 1e-2), ("linear", 1e-3)]
paths = {}
for method, rate in chosen:
    points = [(0.0, "before", 0.0)] + [(alpha, method, rate) for alpha in (0.25, 0.5, 0.75, 1.0)]
    path = [(a, *(percent(m, r, a, task) for task in ("digits", "lucide"))) for a, m, r in points]
    paths[f"{method}, rate {rate:g}"] = path
show(*figures.trade_figure(paths))

# %% [markdown]
# Read the table along its rows (mean of {=seeds} runs with different seeds, measured on {=made}). At 1e-5 no method harms Lucide, and at 0.01 every method does. In between lies a useful range, and what the methods change most is where it lies. Keep the size of the tests in mind: 90 % of 500 digits has an interval of about ±{=digits_wide} points, and 75 % of 297 icons one of ±{=icons_wide}.
#
# * **The learning rate decides.** Full fine-tuning goes from {=full_4} to {=full_3} with one factor of ten. With the text encoder frozen, the digits even rise while Lucide collapses, from {=text_4} to {=text_3}. So the new task can't warn you.
# * **Repeated captions must be masked.** The same run without the mask ends at {=unmasked}. There are ten captions for 50 pictures, so each row of the logits has about five right answers, and the unmasked loss calls four of them wrong. The model learns to contradict itself.
# * **Few numbers can be enough.** The method *linear* changes 61 thousand of 3.9 million numbers, and at 0.001 it reaches {=linear_3}. LoRA and a frozen image encoder reach more on the digits, {=lora_2} and {=image_3}, and pay about ten points of Lucide.
# * **WiSE-FT rescues much of a ruined model.** A quarter of the way from the old weights to those of the full run at 0.001 lies a model with {=quarter}. A smaller learning rate would have been the better cure.
#
# This is one small model and one new task, so take the order of the methods with care. The table shows every run. The figure doesn't: it has the best-looking rates and one bad one. If you choose a rate by such a table, you need a third set of pictures to say how good it is (exercise 13.7).
#
# Two other answers to the same wish need no new weights inside the model. **CoOp** ([arXiv 2109.01134](https://arxiv.org/abs/2109.01134)) learns the prompt: a few vectors in place of the words "a photo of a", trained on the labels. A **linear probe** (lesson 10) learns a classifier on frozen features. Neither can forget, because the encoders stay as they are, but both answer one task only.
#
# As a rule of thumb:
#
# 1. First try prompts, then a linear probe. Both keep the model, and both are the baseline that fine-tuning has to beat.
# 2. Then fine-tune. Start at about a twentieth of the usual learning rate, which is the 1e-4 of the table, and ten times higher for LoRA or the projections. Measure an old task *before* you start.
# 3. Freeze batch-norm statistics, mask repeated captions, keep the temperature clamped.
# 4. Average with the weights before. Choose $\alpha$ on validation pictures of the new *and* an old task.
#
# For the real ViT-B/32 the command is `clipedu finetune ViT-B-32.pt --shards my_shards --method lora --out runs/mine`, and `clipedu plan ViT-B/32` says whether it fits on your GPU.
#
# **Check your understanding**
#
# 1. After fine-tuning, the new task is at 99 %, and a colleague wants to ship the model. Which number do you ask for?
# 2. A batch has 50 digits and nothing is masked. How many of a picture's 49 negatives are false?
# 3. Why can WiSE-FT not be used between two models that were trained from scratch with different seeds?
#
# <details><summary>Answers</summary>
#
# 1. The accuracy on a task that was not trained, before and after.
# 2. About five. There are ten captions, so one in ten of the other captions is the right one. They do the most harm, because they are exactly as similar to the picture as its own.
# 3. Their units don't correspond: unit 7 of one does something else than unit 7 of the other. The twin shows what that costs, even if both models are equally good.
#
# </details>
#
# ## 7. Which checkpoint, for what, and may you use it?
#
# ### Which checkpoint
#
# | you want | take | why |
# |---|---|---|
# | to repeat the paper | OpenAI's nine | the only ones trained on its data |
# | a good default for English photographs | a ViT-B/16 or L/14 of open_clip trained on DataComp ([arXiv 2304.14108](https://arxiv.org/abs/2304.14108)), or SigLIP 2 ([arXiv 2502.14786](https://arxiv.org/abs/2502.14786)) | better filtered data, or a better loss; SigLIP 2 is multilingual, too |
# | search on a phone, or in real time | MobileCLIP ([arXiv 2311.17049](https://arxiv.org/abs/2311.17049)) or ViT-B/32 | fewer operations for each picture |
# | features for segmentation, depth or copies of pictures | DINOv2 ([arXiv 2304.07193](https://arxiv.org/abs/2304.07193)) | trained on pictures alone; its patches know more about place and shape. It has no text encoder |
# | answers in sentences, counting, reading, reasoning | a vision-language model | CLIP ranks texts that you bring. It can't write one |
# | X-rays, satellites, products | a CLIP of that field, or your own fine-tuned one | the web shows little of it; measure first |
#
# Two numbers decide more than the name: the accuracy on *a hundred pictures of your own*, and the milliseconds on your machine. [Lesson 05](05_zero_shot.ipynb) has the code for the first.
#
# ### Licenses, and the data behind them
#
# A license of the code, a license of the weights and the rights in the training data are three different things. This is what the makers stated when this lesson was written. Read the page of the model before you ship anything, and ask a lawyer if it matters.
#
# | weights | license | remark |
# |---|---|---|
# | OpenAI's CLIP | MIT, for the repository | its model card calls any *deployed* use out of scope, and limits the model to English; the data are not public |
# | open_clip on LAION-2B ([arXiv 2210.08402](https://arxiv.org/abs/2210.08402)) or DataComp | MIT | pairs from the web; LAION-2B was withdrawn in December 2023, because links to abuse were found in it, and a cleaned list followed |
# | SigLIP, SigLIP 2; DINOv2 | Apache 2.0 | the data are not public |
# | DFN ([arXiv 2309.17425](https://arxiv.org/abs/2309.17425)) | Apple's own | it changed after the release: first a sample-code license, later one for research. Read the one in your copy |
# | MetaCLIP ([arXiv 2309.16671](https://arxiv.org/abs/2309.16671)) | CC BY-NC 4.0 | no commercial use |
#
# ### What uses CLIP today
#
# * **Text-to-image models.** Stable Diffusion ([arXiv 2112.10752](https://arxiv.org/abs/2112.10752)) version 1 reads its prompts with the text encoder of ViT-L/14. DALL-E 2 ([arXiv 2204.06125](https://arxiv.org/abs/2204.06125)) generates from CLIP's image embeddings.
# * **Vision-language models.** LLaVA ([arXiv 2304.08485](https://arxiv.org/abs/2304.08485)) feeds a language model with the *patch* tokens of CLIP's image encoder, through a small trained projection.
# * **Detectors.** OWL-ViT ([arXiv 2205.06230](https://arxiv.org/abs/2205.06230)) gives every patch token a box and compares it with text embeddings.
# * **Data.** LAION kept the pairs of the web whose CLIP cosine exceeded a threshold, and CLIPScore ([arXiv 2104.08718](https://arxiv.org/abs/2104.08718)) grades captions and generated pictures.
# * **Search and moderation** in picture collections, with an index of embeddings as in lesson 00.
#
# Which vectors LLaVA takes is a frequent question. They are not the embedding. LLaVA leaves out the class token, and it leaves out the last block, too. The embedding is computed from the class token alone (`ln_post(x[:, 0]) @ proj` in your file). So no gradient ever reached the patch tokens after the last block, and training never told them what to be. One block earlier the class token still reads them. LLaVA 1.5 takes the patches of ViT-L/14@336px there, so the language model sees $24 \times 24 = 576$ tokens for each picture.
#
# ### Smaller and faster
#
# The image encoder is all that a search or a camera needs at run time. **ONNX** stores it as a graph that runs without PyTorch, and **int8** stores its weights in 8 bits. `clipedu export laptop --out onnx --int8` writes both encoders and checks that the answers agree. It needs three packages more (`pip install onnx onnxscript onnxruntime`), so this lesson shows a stored measurement, `benchmarks/export.py`, of the shipped model on one thread.

# %% tags=["nbval-check-output"]
import json

from clipedu_lessons.common.records import stored as find_stored

export = json.loads(find_stored("export.json").read_text("utf-8"))
right, told = {(row["runtime"], row["precision"]): row for row in export["accuracy"]}, {}
print("image encoder      ms for one  a second, 64    MB  Lucide  digits")
for row in export["speed"][:5]:  # the rest are the text encoder's
    key = (row["runtime"], row["precision"])
    shares = [right[key][task]["right"] / right[key][task]["pictures"] for task in ("lucide", "digits")]
    size = f"{row['bytes'] / 1e6:.1f}" if row["bytes"] else "-"
    print(f"{' '.join(key):18}{row['latency_ms']:11.1f}{row['per_second']:14.0f}{size:>6}", end="")
    print("".join(f"{share:8.1%}" for share in shares))
    told["_".join((*key, "ms"))] = f"{row['latency_ms']:.1f}"
    told["_".join((*key, "s"))] = f"{row['per_second']:.0f}"
print("onnxruntime, bfloat16:", export["about"]["onnxruntime_bf16"].split()[4].rstrip(","))
numbers(**told)

# %% [markdown]
# For one picture, onnxruntime takes {=onnxruntime_fp32_ms} ms where PyTorch takes {=torch_fp32_ms}, and {=onnxruntime_int8_ms} ms with int8 weights, which also make the file less than half as large. In batches of 64 the lead is smaller. bfloat16 helps PyTorch in batches ({=torch_bf16_s} instead of {=torch_fp32_s} pictures a second) and slows a single picture down, and onnxruntime has no bfloat16 for a CPU. The accuracy moves by less than a point on these two tasks. Whether it does on yours depends on the margins (section 3), so measure it again.
#
# **Check your understanding**
#
# 1. The weights of open_clip on LAION-2B have the MIT license. Does it follow that you may print the pictures that they were trained on?
# 2. Why does LLaVA not take the patch tokens after the last block?
# 3. int8 hardly changed the accuracy here. On which kind of task would you expect it to?
#
# <details><summary>Answers</summary>
#
# 1. No. The license covers the weights. The pictures belong to their makers, whatever was trained on them.
# 2. Only the class token is read after the last block, so training never told the patch tokens there what to be.
# 3. On one with narrow margins, such as many similar classes. It rounds the weights, and rounding shifts cosines a little, just as QuickGELU does in section 3.
#
# </details>
#
# ## 8. Your file, their weights
#
# The last step of the course takes your `my_clip.py`, or the course's complete one as long as you have none, and builds ViT-B/32 with its classes. Your exercises have kept OpenAI's names all along, so the weights should fit as they are: every name, every shape. The list of names comes from OpenAI's program where *clip-anytorch* is installed, else from the library.
#
# With the real file these are OpenAI's weights. Without it they are random weights of the full size, 151 million numbers. Noise is added to every tensor, also to those that start at 0 or 1. Otherwise two of them could be exchanged, and nobody would see it.

# %%
from clipedu_lessons.common.mine import load_my_clip
from clipedu_lessons.l13_the_real_clip.real import own_config, shaken

my_clip = load_my_clip()
library = real.model if real.real else shaken(build("ViT-B/32", seed=0))
state, theirs = library.state_dict(), openai_code(library)
print("[real weights]" if real.real else "[random weights of the full size]")

def yours(activation="quick_gelu"):  # your classes, without numbers yet
    with torch.device("meta"):
        return my_clip.CLIP(own_config(my_clip, library.config.replace(activation=activation))).eval()

own_names, names = set(yours().state_dict()), set((theirs or library).state_dict())
print("tensors of", "OpenAI's program" if theirs else "the library", len(names), end=", ")
print("of your file", len(own_names), end=", ")
print("in only one of the two", len(names ^ own_names))

# %% [markdown]
# First we check that the test can fail. Five mistakes are made on purpose. A tensor is missing, or a name is misspelled. Two tensors of equal shape are exchanged, once within a block and once between two. And the activation is the wrong one. Each of them has to be refused or to show in the embeddings.
#
# **Predict**: which of the five will PyTorch refuse, and which will load? After them comes the test itself, in the last cell of the course.

# %%
prediction = ...  # change this
sentences = [f"a photo of a {name}." for name in ("pagoda", "dahlia", "dog", "pizza")]
tokens = torch.randint(1, 40_000, (4, 12), generator=torch.Generator().manual_seed(0))
tokens[:, 0], tokens[:, 8], tokens[:, 9:] = 49406, 49407, 0  # SOT, seven words, EOT, padding
tokens = real.tokenizer(sentences) if real.tokenizer.vocab_size == 49408 else tokens
pictures = openai_standardize(as_input(photographs, library.config.vision.resolution))
wanted = embeddings(library)  # (2 + 4, E)

def attempt(title, tensors, activation="quick_gelu"):
    model = yours(activation)
    try:
        model.load_state_dict(tensors, assign=True)  # the tensors themselves: no second copy
        print(f"{title:34} loads, largest difference {(embeddings(model) - wanted).abs().max():.0e}")
    except RuntimeError as error:
        print(f"{title:34} refused: {str(error).split(chr(9))[1].replace(' in state_dict', '').strip()}")

# %%
def exchanged(a, b):
    return state | {a: state[b], b: state[a]}

bias, block = "visual.ln_post.bias", "visual.transformer.resblocks.5."
without = {name: tensor for name, tensor in state.items() if name != bias}
attempt("a tensor is missing", without)
attempt("a name is misspelled", without | {"visual.ln_pots.bias": state[bias]})
attempt("ln_1 and ln_2 of a block exchanged", exchanged(block + "ln_1.weight", block + "ln_2.weight"))
attempt("biases of two LayerNorms exchanged", exchanged("ln_final.bias", "transformer.resblocks.0.ln_1.bias"))
attempt("GELU in place of QuickGELU", state, "gelu")

# %% tags=["summary"]
mine = yours()
mine.load_state_dict(state, assign=True)
found = embeddings(mine)
print(f"Is it the same model? Your my_clip.py with {len(state)} tensors of ViT-B/32:")
others = {"the library": wanted} | ({"OpenAI's program": embeddings(theirs)} if theirs else {})
for name, other in others.items():
    image, text = ((found - other).abs().amax(1)[rows].max() for rows in (slice(2), slice(2, 6)))
    print(f"largest difference to {name:17} pictures {image:.0e}, sentences {text:.0e}")
    assert max(image, text) < 1e-5, "not the same model: compare the blocks one by one"
print(f"two photographs differ by {(found[0] - found[1]).abs().max():.2f}")
lines = Path(my_clip.__file__).read_text("utf-8").count("\n")
numbers(tensors=len(state), lines=f"{round(lines, -1)}", same=f"{max(image, text):.0e}")
if real.real:
    print((100 * found[:2] @ found[2:].T).softmax(-1).numpy().round(3))

# %% [markdown]
# The test can fail. PyTorch refused the two mistakes that show in the names. The other three loaded without an error, and the embeddings gave them away, each by far more than rounding.
#
# **It is the same model.** All {=tensors} tensors fit by name and shape, and the embeddings are equal up to rounding. The file that does this has about {=lines} lines and imports PyTorch, NumPy and regex. What OpenAI had in addition is 400 million pairs, and 256 GPUs for the 12 days that its largest ViT took.
#
# Without the real file, one thing remains untested: that OpenAI's numbers, read by your file, give the published accuracies. The course's authors have not measured them again either.
#
# ### What you have seen
#
# | | this run | the paper, or its makers |
# |---|---|---|
# | parameters of ViT-B/32 | 151,277,313, by hand and by the library | the same, in OpenAI's program |
# | three file formats | the same embeddings, to the last bit | – |
# | OpenAI's program and ours | largest difference {=theirs} | – |
# | your `my_clip.py` and the library | {=tensors} tensors, largest difference {=same} | – |
# | QuickGELU in place of GELU | Lucide {=lucide_g} → {=lucide_q} % | ImageNet 68.3 → 64.4 % (an issue of open_clip) |
# | right pair and other pairs | cosines of {=own_pair} and {=other_pair} | 0.25 and 0.19 for a vehicle (issue 405 of openai/CLIP) |
# | fine-tuned on 200 digits | digits {=before_new} → {=after_new} %, Lucide {=before_old} → {=after_old} % | linear probe on ImageNet: +9.2 points there, a loss on five of seven shifts (Figure 14) |
# | CIFAR-10, ViT-B/32 | only where the weights and the data are present | {=cifar} % (Table 11) |
#
# The first four rows answer the question of this lesson. The others can't be compared number by number, because ours come from a small model of icons with wide margins and theirs from photographs.
#
# ### Read on
#
# * OpenAI's [model.py](https://github.com/openai/CLIP/blob/main/clip/model.py): 436 lines. You can read every one of them now.
# * Cherti et al. 2022, [arXiv 2212.07143](https://arxiv.org/abs/2212.07143): CLIP repeated in the open, with scaling laws and released models.
# * Wortsman et al. 2021, [arXiv 2109.01903](https://arxiv.org/abs/2109.01903): WiSE-FT, with the curves of section 6 on ImageNet.
# * Kumar et al. 2022, [arXiv 2202.10054](https://arxiv.org/abs/2202.10054): why fine-tuning distorts good features, and why a linear probe first helps.
# * Liang et al. 2022, [arXiv 2203.02053](https://arxiv.org/abs/2203.02053): where the modality gap comes from.
# * Gadre et al. 2023, [arXiv 2304.14108](https://arxiv.org/abs/2304.14108): DataComp, which holds the model still and varies the data.
#
# ### Now you
#
# In the [exercises of lesson 13](../exercises/13_the_real_clip.ipynb) you find out which of four files are damaged and how, write the map from Hugging Face's names back to OpenAI's, repair a preprocessing, and stretch a table of positions. You choose a checkpoint for a museum. The long exercise asks you to teach the shipped model something new, and to prove that it has forgotten nothing.
#
# This was the last lesson. You started with a question about words and labels, and you end with a file of your own that runs the model which answered it. Take it, change one thing, and measure.
