"""my_clip.py: a CLIP of my own (Radford et al. 2021, arXiv 2103.00020)."""

from __future__ import annotations

import math
import unicodedata
from collections import Counter, defaultdict
from dataclasses import dataclass, field
from itertools import islice, pairwise

import regex
import torch
from torch import Tensor, nn
from torch.nn import functional as F


# ---- given: the sizes of the model that this course trains ----
@dataclass
class ViTConfig:
    resolution: int = 32  # pixels along a side
    patch: int = 8
    width: int = 192
    layers: int = 4
    heads: int = 4
    stem: str = "conv"  # "patch": the paper's ViT


@dataclass
class TextConfig:
    vocab_size: int = 4096
    context_length: int = 32
    width: int = 128
    heads: int = 4
    layers: int = 2
    kind: str = "transformer"


@dataclass
class CLIPConfig:
    embed_dim: int = 192
    vision: ViTConfig = field(default_factory=ViTConfig)
    text: TextConfig = field(default_factory=TextConfig)
    activation: str = "gelu"  # "quick_gelu": OpenAI's weights

# ---- exercise 01.2: merge_pair ----
def merge_pair(symbols: tuple, pair: tuple) -> tuple:
    """("l", "o", "w"), ("l", "o") -> ("lo", "w"): join every occurrence, from left to right."""
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

# ---- exercise 01.7: train_steps ----
def train_steps(words, *, least=2):
    """Yield (pair, count), the most frequent pair first, of ties the alphabetically first.

    words: tuple of symbols -> how often it occurs. Stops below `least` occurrences.
    """
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

# ---- exercise 01.8: encode_word ----
def encode_word(symbols: tuple, ranks: dict) -> tuple:
    """Cut one word: apply the merges in the order they were learned. ranks: pair -> order."""
    while len(symbols) > 1:
        best = min(pairwise(symbols), key=lambda pair: ranks.get(pair, math.inf))
        if best not in ranks:
            break
        symbols = merge_pair(symbols, best)
    return symbols

# ---- exercise 01.9: Tokenizer ----
def split_words(text: str) -> list[tuple]:
    """Words as tuples of single bytes, each with the space before it (GPT-2's pattern)."""
    pattern = r"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+"
    words = regex.findall(pattern, unicodedata.normalize("NFC", text))
    return [tuple(bytes([b]) for b in word.encode()) for word in words]


class Tokenizer:
    """Byte-level BPE: ids 0..255 are bytes, then one id a merge, then SOT and EOT."""

    def __init__(self, merges):
        self.merges = list(merges)
        self.ranks = {pair: rank for rank, pair in enumerate(self.merges)}
        self.vocabulary = [bytes([b]) for b in range(256)] + [a + b for a, b in self.merges]
        self.ids = {symbol: i for i, symbol in enumerate(self.vocabulary)}
        self.sot, self.eot = len(self.vocabulary), len(self.vocabulary) + 1
        self.vocab_size = len(self.vocabulary) + 2
        self.cache = {}  # word -> ids: captions repeat their words

    @classmethod
    def train(cls, texts, vocab_size):
        """Learn merges from texts until there are `vocab_size` ids."""
        words = Counter(word for text in texts for word in split_words(text))
        return cls(pair for pair, _ in islice(train_steps(words), vocab_size - 258))

    def encode(self, text):
        """The ids of a text, without SOT and EOT."""
        ids = []
        for word in split_words(text):
            if word not in self.cache:
                self.cache[word] = [self.ids[piece] for piece in encode_word(word, self.ranks)]
            ids += self.cache[word]
        return ids

    def __call__(self, texts, context_length=32, *, truncate=False):
        """N texts -> (N, context_length) int64: SOT, ids, EOT, and zeros as padding."""
        rows = torch.zeros(len(texts), context_length, dtype=torch.int64)
        for row, text in zip(rows, texts):
            ids = [self.sot, *self.encode(text), self.eot]
            if len(ids) > context_length and not truncate:
                raise ValueError(f"{len(ids)} tokens, but {context_length} fit: {text!r}")
            ids = [*ids[:-1][: context_length - 1], self.eot]
            row[: len(ids)] = torch.tensor(ids)
        return rows

# ---- exercise 01.10: plain_attention ----
def plain_attention(q: Tensor, k: Tensor, v: Tensor, *, causal: bool = False) -> Tensor:
    """softmax(q k^T / sqrt(D)) v: q, k, v (..., L, D) -> (..., L, D)."""
    scores = q @ k.transpose(-2, -1) / math.sqrt(q.shape[-1])  # (..., L, L)
    if causal:  # position i must not see the positions after it
        later = torch.ones(scores.shape[-2:], dtype=torch.bool, device=scores.device).triu(1)
        scores = scores.masked_fill(later, -math.inf)
    return scores.softmax(dim=-1) @ v

# ---- exercise 01.11: MultiHeadAttention ----
class MultiHeadAttention(nn.Module):
    """Self-attention with several heads: (B, L, W) -> (B, L, W)."""

    def __init__(self, width: int, heads: int):
        super().__init__()
        self.heads = heads
        self.in_proj_weight = nn.Parameter(torch.empty(3 * width, width))  # queries, keys, values
        self.in_proj_bias = nn.Parameter(torch.empty(3 * width))
        self.out_proj = nn.Linear(width, width)
        nn.init.xavier_uniform_(self.in_proj_weight)
        nn.init.zeros_(self.in_proj_bias)
        nn.init.zeros_(self.out_proj.bias)

    def forward(self, x: Tensor, *, causal: bool = False) -> Tensor:
        B, L, W = x.shape
        qkv = F.linear(x, self.in_proj_weight, self.in_proj_bias)  # (B, L, 3W)
        qkv = qkv.view(B, L, 3, self.heads, W // self.heads).permute(2, 0, 3, 1, 4)
        q, k, v = qkv.contiguous()  # each (B, H, L, W/H)
        x = plain_attention(q, k, v, causal=causal)  # (B, H, L, W/H)
        return self.out_proj(x.transpose(1, 2).reshape(B, L, W))

# ---- exercise 01.12: MLP ----
class MLP(nn.Module):
    """Two layers on each token by itself, four times wider inside: (B, L, W) -> (B, L, W)."""

    def __init__(self, width: int, activation: str):
        super().__init__()
        self.activation = activation
        self.c_fc = nn.Linear(width, 4 * width)
        self.c_proj = nn.Linear(4 * width, width)

    def forward(self, x: Tensor) -> Tensor:
        x = self.c_fc(x)
        x = F.gelu(x) if self.activation == "gelu" else x * torch.sigmoid(1.702 * x)
        return self.c_proj(x)

# ---- exercise 01.13: ResidualAttentionBlock ----
class ResidualAttentionBlock(nn.Module):
    """Adds to the stream x (B, L, W): attention mixes tokens, the MLP works on each by itself."""

    def __init__(self, width: int, heads: int, *, causal: bool, activation: str):
        super().__init__()
        self.causal = causal
        self.attn = MultiHeadAttention(width, heads)
        self.ln_1 = nn.LayerNorm(width)
        self.mlp = MLP(width, activation)
        self.ln_2 = nn.LayerNorm(width)

    def forward(self, x: Tensor) -> Tensor:
        x = x + self.attn(self.ln_1(x), causal=self.causal)
        return x + self.mlp(self.ln_2(x))


class Transformer(nn.Module):
    """A stack of blocks: (B, L, W) -> (B, L, W)."""

    def __init__(self, width, layers, heads, *, activation, causal=False):
        super().__init__()
        how = {"causal": causal, "activation": activation}
        blocks = [ResidualAttentionBlock(width, heads, **how) for _ in range(layers)]
        self.resblocks = nn.Sequential(*blocks)

    def forward(self, x: Tensor) -> Tensor:
        return self.resblocks(x)

# ---- exercise 01.14: TextTransformer ----
class TextTransformer(nn.Module):
    """Tokens (B, L) -> embeddings (B, E), not normalized, read at EOT."""

    def __init__(self, config, embed_dim: int, activation: str = "quick_gelu"):
        super().__init__()
        width, layers, how = config.width, config.layers, {"causal": True, "activation": activation}
        self.transformer = Transformer(width, layers, config.heads, **how)
        self.token_embedding = nn.Embedding(config.vocab_size, width)
        self.positional_embedding = nn.Parameter(torch.empty(config.context_length, width))
        self.ln_final = nn.LayerNorm(width)
        self.text_projection = nn.Parameter(torch.empty(width, embed_dim))
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
        eot = tokens.argmax(dim=1)  # (B,): EOT has the largest id
        # The rest is padding in every row. A multiple of 8 stays: each length needs new kernels.
        tokens = tokens[:, : (int(eot.max()) // 8 + 1) * 8]
        x = self.token_embedding(tokens) + self.positional_embedding[: tokens.shape[1]]
        x = self.transformer(x)  # (B, L, W)
        x = x[torch.arange(len(x)), eot]  # (B, W)
        return self.ln_final(x) @ self.text_projection

# ---- exercise 02.7: conv_stem ----
def conv_stem(patch: int, width: int) -> nn.Sequential:
    """(B, 3, R, R) -> (B, width, R/patch, R/patch): 3x3 convolutions of stride 2 (2106.14881)."""
    halvings = int(math.log2(patch))
    channels = [3] + [width // 2**i for i in reversed(range(halvings))]  # 3, 48, 96, 192
    stem = nn.Sequential()
    for inputs, outputs in pairwise(channels):
        conv = nn.Conv2d(inputs, outputs, 3, stride=2, padding=1, bias=False)
        stem.extend([conv, nn.BatchNorm2d(outputs), nn.ReLU()])
    return stem

# ---- exercise 02.8: VisionTransformer ----
class VisionTransformer(nn.Module):
    """Pictures (B, 3, R, R) -> embeddings (B, E), not normalized, read at the class token."""

    def __init__(self, config, embed_dim: int, activation: str = "quick_gelu"):
        super().__init__()
        width, patch = config.width, config.patch
        if config.stem == "conv":
            self.stem = conv_stem(patch, width)
            self.conv1 = nn.Conv2d(width, width, kernel_size=1, bias=False)
        else:
            self.stem = nn.Identity()
            self.conv1 = nn.Conv2d(3, width, kernel_size=patch, stride=patch, bias=False)
        patches = (config.resolution // patch) ** 2
        scale = width**-0.5
        self.class_embedding = nn.Parameter(scale * torch.randn(width))
        self.positional_embedding = nn.Parameter(scale * torch.randn(patches + 1, width))
        self.ln_pre = nn.LayerNorm(width)
        self.transformer = Transformer(width, config.layers, config.heads, activation=activation)
        self.ln_post = nn.LayerNorm(width)
        self.proj = nn.Parameter(scale * torch.randn(width, embed_dim))

    def forward(self, pictures: Tensor) -> Tensor:
        x = self.conv1(self.stem(pictures))  # (B, W, R/patch, R/patch)
        x = x.flatten(2).transpose(1, 2)  # (B, patches, W)
        first = self.class_embedding.expand(len(x), 1, -1)
        x = torch.cat([first, x], dim=1) + self.positional_embedding  # (B, 1 + patches, W)
        x = self.transformer(self.ln_pre(x))
        return self.ln_post(x[:, 0]) @ self.proj

# ---- exercise 03.9: info_nce ----
def info_nce(image, text, logit_scale, false_negative_ids=None):
    """CLIP's loss (Figure 3): rows of length 1, (N, E) twice, and the multiplier () -> ().

    false_negative_ids: (N,), equal where captions are equal: such a pair is no wrong answer.
    """
    logits = logit_scale * image @ text.T  # (N, N)
    if false_negative_ids is not None:
        same = false_negative_ids[:, None] == false_negative_ids[None, :]
        same = same & ~torch.eye(len(same), dtype=torch.bool, device=same.device)
        logits = logits.masked_fill(same, -math.inf)
    answers = torch.arange(len(logits), device=logits.device)
    return (F.cross_entropy(logits, answers) + F.cross_entropy(logits.T, answers)) / 2

# ---- exercise 03.10: clamp_logit_scale_ ----
def clamp_logit_scale_(logit_scale: nn.Parameter, maximum: float = 100.0) -> None:
    """Keep exp(logit_scale) at or below `maximum`. Call it after each step (section 2.5)."""
    with torch.no_grad():
        logit_scale.clamp_(max=math.log(maximum))

# ---- exercise 04.8: CLIP ----
class CLIP(nn.Module):
    """An image encoder, a text encoder and a learned temperature."""

    def __init__(self, config):
        super().__init__()
        self.config = config
        self.visual = VisionTransformer(config.vision, config.embed_dim, config.activation)
        self.text = TextTransformer(config.text, config.embed_dim, config.activation)
        self.logit_scale = nn.Parameter(torch.tensor(math.log(1 / 0.07)))

    def encode_image(self, pictures: Tensor, *, normalize: bool = False) -> Tensor:
        x = self.visual(pictures)
        return F.normalize(x.float(), dim=-1) if normalize else x

    def encode_text(self, tokens: Tensor, *, normalize: bool = False) -> Tensor:
        x = self.text(tokens)
        return F.normalize(x.float(), dim=-1) if normalize else x

    def forward(self, pictures: Tensor, tokens: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """(B, 3, R, R) and (B, L) -> both embeddings (B, E), normalized, and the scale ()."""
        image = self.encode_image(pictures, normalize=True)
        text = self.encode_text(tokens, normalize=True)
        return image, text, self.logit_scale.exp()

    # Given: OpenAI's files name the weights of the text encoder without "text.", so ours do, too.
    def state_dict(self, **options):
        state = super().state_dict(**options)
        return {name.removeprefix("text."): value for name, value in state.items()}

    def load_state_dict(self, state, strict=True, assign=False):
        names = {name.removeprefix("text."): name for name in super().state_dict()}
        state = {names.get(name, name): value for name, value in state.items()}
        return super().load_state_dict(state, strict, assign)

# ---- exercise 04.9: learning_rate ----
def learning_rate(step, *, steps, peak, warmup_steps=0, final=0.0):
    """The learning rate of a step: linear warm-up to `peak`, then half a cosine to final * peak."""
    if step < warmup_steps:
        return peak * (step + 1) / warmup_steps
    done = (step - warmup_steps) / max(1, steps - warmup_steps)  # from 0 to 1
    return peak * (final + (1 - final) * 0.5 * (1 + math.cos(math.pi * done)))

# ---- exercise 04.10: parameter_groups ----
def parameter_groups(named, weight_decay, *, muon=False):
    """Groups for the optimizer: decayed or not (section 2.5), and with `muon`, matrices apart."""
    groups = {}
    for name, parameter in named:
        table = name.endswith(("class_embedding", "positional_embedding"))
        decayed = parameter.ndim >= 2 and not table
        matrix = muon and decayed and "embedding" not in name
        matrix = matrix and min(len(parameter), parameter[0].numel()) >= 16
        new = {"params": [], "names": [], "weight_decay": weight_decay * decayed, "muon": matrix}
        group = groups.setdefault((decayed, matrix), new)
        group["params"].append(parameter)
        group["names"].append(name)
    return [groups[kind] for kind in sorted(groups, reverse=True)]

# ---- exercise 04.11: orthogonalize ----
def orthogonalize(matrices: Tensor) -> Tensor:
    """(B, R, C) -> the same with singular values near 1: five steps of Newton and Schulz."""
    x = matrices.float()
    x = x / (x.norm(dim=(1, 2), keepdim=True) + 1e-7)
    tall = x.shape[1] > x.shape[2]
    x = x.mT if tall else x
    for _ in range(5):
        square = x @ x.mT
        x = 3.4445 * x + (-4.7750 * square + 2.0315 * square @ square) @ x
    return (x.mT if tall else x).to(matrices.dtype)

# ---- exercise 04.12: MuonAdamW ----
class MuonAdamW(torch.optim.AdamW):
    """AdamW, in which groups with muon=True take Muon's step (arXiv 2502.16982)."""

    @torch.no_grad()
    def step(self, closure=None):
        groups = self.param_groups
        self.param_groups = [group for group in groups if not group["muon"]]
        super().step(closure)
        self.param_groups = groups
        for group in groups:
            for name, p in zip(group["names"], group["params"]):
                if group["muon"] and p.grad is not None:
                    self.muon_step(name, p, group["lr"], group["weight_decay"])

    def muon_step(self, name, p, rate, weight_decay):
        momentum = self.state[p].setdefault("momentum", torch.zeros_like(p))
        momentum.mul_(0.95).add_(p.grad)
        ahead = p.grad + 0.95 * momentum  # Nesterov: where the momentum is going
        flat = ahead.reshape(len(p), -1)  # a convolution (O, I, K, K) is a matrix (O, I*K*K)
        parts = 3 if name.endswith("in_proj_weight") else 1  # queries, keys and values
        matrices = flat.view(parts, -1, flat.shape[1])
        update = 0.2 * max(matrices.shape[1:]) ** 0.5 * orthogonalize(matrices)
        p.mul_(1 - rate * weight_decay).sub_(rate * update.reshape(p.shape))

# ---- exercise 04.13: train_step ----
def train_step(model, optimizer, batch, rate, *, half=True):
    """One step (Figure 3); returns the loss. half: compute the encoders in bfloat16."""
    pictures, tokens, false_negative_ids = batch  # (B, 3, R, R), (B, L), (B,) or None
    for group in optimizer.param_groups:
        group["lr"] = rate
    optimizer.zero_grad()
    with torch.autocast(pictures.device.type, torch.bfloat16, enabled=half):
        image, text, scale = model(pictures, tokens)
    loss = info_nce(image, text, scale, false_negative_ids)
    loss.backward()
    nn.utils.clip_grad_norm_(model.parameters(), 1.0)
    optimizer.step()
    clamp_logit_scale_(model.logit_scale)
    return loss.item()

# ---- exercise 04.14: train_clip ----
def train_clip(model, batches, *, steps, peak=2e-3, warmup=0.1, weight_decay=0.2, half=True):
    """Train on `steps` batches and yield the loss of each step."""
    groups = parameter_groups(model.named_parameters(), weight_decay, muon=True)
    optimizer = MuonAdamW(groups, lr=peak, betas=(0.9, 0.98), eps=1e-6)
    model.train()
    for step, batch in zip(range(steps), batches):
        rate = learning_rate(step, steps=steps, peak=peak, warmup_steps=round(warmup * steps))
        yield train_step(model, optimizer, batch, rate, half=half)

# ---- exercise 04.15: zero_shot_classifier ----
@torch.no_grad()
def zero_shot_classifier(model, tokenizer, names, templates=("{}",)):
    """An embedding for each class, (C, E): the mean over templates, normalized (section 3.1.4)."""
    model.eval()
    captions = [template.format(name) for template in templates for name in names]
    each = model.encode_text(tokenizer(captions), normalize=True)  # (T * C, E)
    return F.normalize(each.view(len(templates), len(names), -1).mean(0), dim=-1)

# ---- exercise 06.6: prompt_ensemble ----
@torch.no_grad()
def prompt_ensemble(model, tokenizer, image, names, templates, by="embeddings"):
    """Embedded pictures (N, E) -> probabilities (N, C), averaged over templates (section 3.1.4)."""
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

# ---- exercise 08.7: cached_backward ----
def cached_backward(model, batch, chunks):
    """The whole batch's loss; adds its gradient to .grad, a chunk at a time (arXiv 2101.06983)."""
    pictures, tokens, false_negative_ids = batch
    parts = list(zip(pictures.chunk(chunks), tokens.chunk(chunks)))
    with torch.no_grad():  # keep the embeddings, and no graph
        made = [model(*part)[:2] for part in parts]
    image, text = (torch.cat(rows).requires_grad_() for rows in zip(*made))  # (B, E) twice
    loss = info_nce(image, text, model.logit_scale.exp(), false_negative_ids)
    loss.backward()  # as far as the embeddings, and to the scale, once
    messages = zip(image.grad.chunk(chunks), text.grad.chunk(chunks))
    for part, gradients in zip(parts, messages):
        torch.autograd.backward(model(*part)[:2], gradients)
    return loss.item()

# ---- exercise 10.6: linear_probe ----
def linear_probe(features: Tensor, labels: Tensor, lam: float = 1.0) -> nn.Linear:
    """Features (N, W), labels (N,) from 0 -> a linear layer for the classes (section 3.2)."""
    x = features.detach().double()
    mean, std = x.mean(0), x.std(0).clamp(min=1e-6)
    x = (x - mean) / std
    layer = nn.Linear(x.shape[1], int(labels.max()) + 1).double()
    nn.init.zeros_(layer.weight)
    nn.init.zeros_(layer.bias)
    solver = torch.optim.LBFGS(
        layer.parameters(),
        max_iter=1000,
        line_search_fn="strong_wolfe",
        tolerance_grad=1e-7,
        tolerance_change=1e-12,
    )

    def objective():
        solver.zero_grad()
        loss = F.cross_entropy(layer(x), labels, reduction="sum")
        loss = loss + lam / 2 * layer.weight.square().sum()
        loss.backward()
        return loss

    solver.step(objective)
    with torch.no_grad():
        layer.weight /= std
        layer.bias -= layer.weight @ mean
    return layer.to(features.dtype)
