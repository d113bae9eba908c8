"""Four older ways from pictures to words, each in seconds, on frozen features and tags.

They are rebuilt from what the paper says of them (section 1) and from their idea, not from their
code: sizes, features and solvers are our choice. One task asks all: which pictures of an icon set
that was never seen does a word fit?
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from clipedu.evaluation.probe import picture_features
from clipedu.models import CLIP
from clipedu.pairs import Icon, held_out_pairs, to_pictures, training_pairs

#: Words that say how or where something is drawn, or nothing.
NOT_TAGS = frozenset(
    "a all alt an and by face fill filled for front in left line no not of off on out outline "
    "outlined right rounded sharp the to top two up down bottom with without".split()
)
TILE = 8  # pixels along a side of what Mori et al. would call a block


@dataclass(frozen=True)
class Album:
    """Pictures that are described by V tags. The first N are for learning, M more are unseen.

    features (N, W) of a frozen encoder, standardized; tiles (N, T, TILE * TILE): the picture cut
    into blocks of gray pixels; tags (N, V) float, 1 or 0; the same three of the unseen; asked (A,):
    the tags that at least five unseen pictures have.
    """

    words: list[str]
    icons: list[Icon]
    features: Tensor
    tiles: Tensor
    tags: Tensor
    unseen_features: Tensor
    unseen_tiles: Tensor
    unseen_tags: Tensor
    asked: Tensor


def tags_of(icon: Icon) -> set[str]:
    """The words of an icon's name that may say what it shows."""
    return {word for word in re.findall("[a-z]{3,}", icon.name.lower()) if word not in NOT_TAGS}


def cut_in_tiles(pictures: Tensor) -> Tensor:
    """Pictures (N, 3, R, R) in 0..1 -> (N, T, TILE * TILE): how dark each block is."""
    ink = 1 - pictures.mean(dim=1)
    return ink.unfold(1, TILE, TILE).unfold(2, TILE, TILE).flatten(3).flatten(1, 2)


def load_album(model: CLIP, *, count: int = 6000, tags: int = 240, seed: int = 0) -> Album:
    """`count` training pictures with their most frequent words, and all of Lucide, unseen."""
    pairs, lucide = training_pairs(progress=False), held_out_pairs("lucide", progress=False)
    chosen = torch.randperm(len(pairs), generator=torch.Generator().manual_seed(seed))[:count]
    icons = [pairs.icons[i] for i in chosen.tolist()]
    counts = Counter(word for icon in icons for word in sorted(tags_of(icon)))
    words = [word for word, _ in counts.most_common(tags)]
    seen, unseen = to_pictures(pairs.rgba[chosen.numpy()]), to_pictures(lucide.rgba)
    features = picture_features(model, seen)
    mean, spread = features.mean(dim=0), features.std(dim=0)
    unseen_tags = _table(lucide.icons, words)
    return Album(
        words=words,
        icons=icons,
        features=(features - mean) / spread,
        tiles=cut_in_tiles(seen),
        tags=_table(icons, words),
        unseen_features=(picture_features(model, unseen) - mean) / spread,
        unseen_tiles=cut_in_tiles(unseen),
        unseen_tags=unseen_tags,
        asked=(unseen_tags.sum(dim=0) >= 5).nonzero().flatten(),
    )


def _table(icons: Sequence[Icon], words: Sequence[str]) -> Tensor:
    rows = [tags_of(icon) for icon in icons]
    return torch.tensor([[float(word in row) for word in words] for row in rows])


# ---------------------------------------------------------------------------- how well it finds
def average_precision(scores: Tensor, right: Tensor) -> Tensor:
    """(M, V) scores and 0/1 -> (V,): of each word, the mean precision where a right one is found.

    1 if all right pictures come first; about their share if the order is random.
    """
    order = scores.argsort(dim=0, descending=True, stable=True)
    found = right.gather(0, order)
    precision = found.cumsum(dim=0) / torch.arange(1, len(found) + 1)[:, None]
    return (precision * found).sum(dim=0) / found.sum(dim=0)


def retrieval(album: Album, scores: Tensor) -> tuple[float, float, float]:
    """Mean average precision over the words asked, with a 95 % bootstrap interval over them."""
    each = average_precision(scores[:, album.asked], album.unseen_tags[:, album.asked])
    draws = torch.Generator().manual_seed(0)
    means = each[torch.randint(len(each), (2000, len(each)), generator=draws)].mean(dim=1)
    low, high = means.quantile(torch.tensor([0.025, 0.975])).tolist()
    return each.mean().item(), low, high


# ------------------------------------------------------------------- Mori et al. 1999: counting
def k_means(points: Tensor, k: int, *, rounds: int = 8, seed: int = 0) -> Tensor:
    """(n, d) -> (k, d) centers; one that nobody is nearest to stays where it is."""
    random = torch.Generator().manual_seed(seed)
    centers = points[torch.randperm(len(points), generator=random)[:k]].clone()
    for _ in range(rounds):
        owner = nearest(points, centers)
        sums = torch.zeros_like(centers).index_add_(0, owner, points)
        sizes = torch.bincount(owner, minlength=k)[:, None]
        centers = torch.where(sizes > 0, sums / sizes.clamp(min=1), centers)
    return centers


def nearest(points: Tensor, centers: Tensor) -> Tensor:
    """(n, d), (k, d) -> (n,) the number of the nearest center."""
    return (points @ centers.T - centers.square().sum(dim=1) / 2).argmax(dim=1)


def words_of_parts(seen: Tensor, tags: Tensor, unseen: Tensor, *, clusters: int = 256) -> Tensor:
    """Parts (N, T, d) with tags (N, V), parts (M, T, d) -> (M, V): p(word | picture), by counting.

    Every part inherits all words of its picture. Parts that look alike form a cluster, which counts
    the words of its parts; a new picture gets the mean of its parts' clusters.
    """
    parts = seen.flatten(0, 1)
    centers = k_means(parts[:: max(1, len(parts) // 20_000)], clusters)
    inherited = tags.repeat_interleave(seen.shape[1], dim=0)
    counts = torch.zeros(clusters, tags.shape[1])
    counts.index_add_(0, nearest(parts, centers), inherited)
    share = counts / counts.sum(dim=1, keepdim=True).clamp(min=1)  # p(word | cluster)
    return share[nearest(unseen.flatten(0, 1), centers)].unflatten(0, unseen.shape[:2]).mean(dim=1)


# ---------------------------------------------------- Quattoni et al. 2007: structure of weights
def word_classifiers(features: Tensor, tags: Tensor, *, penalty: float = 1000.0) -> Tensor:
    """(N, W), (N, V) -> (W, V): for each word a linear classifier (ridge regression)."""
    gram = features.T @ features + penalty * torch.eye(features.shape[1])
    return torch.linalg.solve(gram, features.T @ (tags - tags.mean(dim=0)))


def learn_structure(features: Tensor, tags: Tensor, size: int) -> Tensor:
    """(N, W), (N, V) -> (W, size): the directions that the classifiers of many words share."""
    left, _, _ = torch.linalg.svd(word_classifiers(features, tags), full_matrices=False)
    return left[:, :size]


def topics(album: Album, *, icon_set: str = "phosphor") -> tuple[Tensor, Tensor]:
    """The rows of an icon set whose icons have a category, and the number of each one's first."""
    rows = [k for k, x in enumerate(album.icons) if x.family == icon_set and x.categories]
    names = sorted({album.icons[k].categories[0] for k in rows})
    labels = [names.index(album.icons[k].categories[0]) for k in rows]
    return torch.tensor(rows), torch.tensor(labels)


def few_shot(
    features: Tensor, labels: Tensor, names: Sequence[str], shots: int, seed: int
) -> float:
    """Features (n, D), labels (n,) -> accuracy on icons of other names, `shots` labels a class."""
    random = torch.Generator().manual_seed(seed)
    known = sorted(set(names))
    learn = {known[k] for k in torch.randperm(len(known), generator=random)[: len(known) // 2]}
    ours = torch.tensor([name in learn for name in names])
    rows = []
    for label in range(int(labels.max()) + 1):
        pool = (ours & (labels == label)).nonzero().flatten()
        rows.append(pool[torch.randperm(len(pool), generator=random)[:shots]])
    drawn = torch.cat(rows)
    mean, spread = features[drawn].mean(dim=0), features[drawn].std()
    x, answers = (features - mean) / spread, F.one_hot(labels).float()
    weights = word_classifiers(x[drawn], answers[drawn], penalty=float(len(drawn)))
    return ((x @ weights)[~ours].argmax(dim=1) == labels[~ours]).float().mean().item()


def compare_structure(
    album: Album, *, size: int = 64, shots: int = 4, draws: int = 20
) -> dict[str, list[float]]:
    """Accuracy on the topics with few labels, of each draw, in four spaces of features.

    The words are those of the other icon sets: they say nothing of the topics themselves.
    """
    rows, labels = topics(album)
    names = [album.icons[k].name for k in rows.tolist()]
    others = torch.ones(len(album.icons), dtype=torch.bool)
    others[[k for k, icon in enumerate(album.icons) if icon.family == "phosphor"]] = False
    x, tags = album.features[others], album.tags[others]
    torch.manual_seed(0)
    spaces = {
        "all features": torch.eye(x.shape[1]),
        "random directions": torch.linalg.qr(torch.randn(x.shape[1], size))[0],
        "directions of most variance": torch.linalg.svd(x, full_matrices=False)[2][:size].T,
        "directions of word classifiers": learn_structure(x, tags, size),
    }
    features = album.features[rows]
    return {
        name: [few_shot(features @ space, labels, names, shots, seed) for seed in range(draws)]
        for name, space in spaces.items()
    }


# ------------------------------------ Srivastava and Salakhutdinov 2012: a joint Boltzmann machine
class BoltzmannMachine:
    """One layer of hidden units over features (Gaussian) and tags (binary); theirs was deep.

    E(x, t, h) = |x - b|^2 / 2 - c.t - a.h - (x U + t V).h; trained by contrastive divergence.
    """

    def __init__(self, features: int, tags: int, hidden: int = 256, seed: int = 0) -> None:
        self.random = torch.Generator().manual_seed(seed)
        self.of_features = 0.01 * torch.randn(features, hidden, generator=self.random)
        self.of_tags = 0.01 * torch.randn(tags, hidden, generator=self.random)
        self.a, self.b, self.c = torch.zeros(hidden), torch.zeros(features), torch.zeros(tags)

    def hidden(self, x: Tensor, t: Tensor) -> Tensor:
        """(B, W), (B, V) -> (B, H): the probability that each hidden unit is on."""
        return (x @ self.of_features + t @ self.of_tags + self.a).sigmoid()

    def visible(self, h: Tensor) -> tuple[Tensor, Tensor]:
        """(B, H) -> the mean of the features (B, W) and the tags' probabilities (B, V)."""
        return h @ self.of_features.T + self.b, (h @ self.of_tags.T + self.c).sigmoid()

    def train(self, x: Tensor, t: Tensor, *, epochs: int = 20, rate: float = 0.02) -> None:
        """Contrastive divergence with one step: what the data say minus what a dream says."""
        share = t.mean(dim=0).clamp(min=1e-4)
        self.c = (share / (1 - share)).log()
        speed = [torch.zeros_like(w) for w in (self.of_features, self.of_tags)]
        for _ in range(epochs):
            for rows in torch.randperm(len(x), generator=self.random).split(100):
                h = self.hidden(x[rows], t[rows])
                dream_x, dream_t = self.visible(torch.bernoulli(h, generator=self.random))
                dream_h = self.hidden(dream_x, dream_t)
                n = len(rows)
                pulls = (
                    (x[rows].T @ h - dream_x.T @ dream_h) / n,
                    (t[rows].T @ h - dream_t.T @ dream_h) / n,
                )
                for w, v, pull in zip((self.of_features, self.of_tags), speed, pulls, strict=True):
                    v.mul_(0.9).add_(pull - 2e-4 * w, alpha=rate)
                    w.add_(v)
                self.a += rate * (h - dream_h).mean(dim=0)
                self.b += rate * (x[rows] - dream_x).mean(dim=0)
                self.c += rate * (t[rows] - dream_t).mean(dim=0)

    def fill_in_tags(self, x: Tensor, *, rounds: int = 10) -> Tensor:
        """Features (M, W) without tags -> (M, V): the tags' probabilities, by mean field."""
        t = self.c.sigmoid().expand(len(x), -1)
        for _ in range(rounds):
            _, t = self.visible(self.hidden(x, t))
        return t


# --------------------------- Mahajan et al. 2018, Kolesnikov, Dosovitskiy: tags as noisy labels
def swap_tags(tags: Tensor, share: float, *, seed: int = 0) -> Tensor:
    """(N, V) -> the same, where this share of the pictures has the tags of another picture."""
    random = torch.Generator().manual_seed(seed)
    rows = (torch.rand(len(tags), generator=random) < share).nonzero().flatten()
    wrong = tags.clone()
    wrong[rows] = tags[torch.randint(len(tags), (len(rows),), generator=random)]
    return wrong


def train_on_tags(
    features: Tensor, tags: Tensor, *, epochs: int = 20, hidden: int = 256, seed: int = 0
) -> torch.nn.Module:
    """A classifier whose labels are tags: softmax, and 1/k for each of a picture's k tags.

    features (N, W), tags (N, V); pictures without a tag are left out.
    """
    kept = tags.sum(dim=1) > 0
    x, target = features[kept], tags[kept] / tags[kept].sum(dim=1, keepdim=True)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        first = torch.nn.Linear(x.shape[1], hidden), torch.nn.ReLU(), torch.nn.Dropout(0.5)
        model = torch.nn.Sequential(*first, torch.nn.Linear(hidden, tags.shape[1]))
        optimizer = torch.optim.AdamW(model.parameters(), lr=3e-3, weight_decay=0.1)
        for _ in range(epochs):
            for rows in torch.randperm(len(x)).split(256):
                loss = F.cross_entropy(model(x[rows]), target[rows])
                optimizer.zero_grad()
                loss.backward()
                optimizer.step()
    return model.eval()
