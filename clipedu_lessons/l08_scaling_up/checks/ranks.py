# mypy: allow-untyped-defs
"""Exercises 08.7 to 08.9: a backward pass in chunks, a lost gradient, and a broken step."""

from __future__ import annotations

import itertools
from typing import Any

import torch
from torch import Generator, Tensor
from torch.nn import functional as F

from clipedu_classroom.spec import FunctionExercise, Limit, Misconception, whole
from clipedu_lessons.l08_scaling_up.broken import SCALE, N, ToyRanks, toy_pairs

info_nce: Any = None  # the driver gives the answer its own


def cached_with(
    *, apart: bool = False, times: bool = False, divide: bool = False, last: bool = False,
    ids: bool = True, scale: bool = True, message: bool = True, texts: bool = True,
    images: bool = True, exp: bool = True, clear: str = "", cross: bool = False,
    shared: bool = False, step: bool = False,
) -> Any:  # fmt: skip
    """cached_backward, or a wrong one: what each argument breaks is the title of a variant."""

    def cached_backward(model: Any, batch: Any, chunks: int) -> float:
        pictures, tokens, equal = batch
        equal = equal if ids else None
        if clear == "first":
            model.zero_grad()
        parts = list(zip(pictures.chunk(chunks), tokens.chunk(chunks), strict=True))
        if apart:
            owned = [None] * chunks if equal is None else equal.chunk(chunks)
            losses = [info_nce(*model(*p), i) for p, i in zip(parts, owned, strict=True)]
            (sum(losses) / chunks).backward()
            return float(sum(losses).detach()) / chunks
        with torch.no_grad():
            made = [model(*part)[:2] for part in parts]
        image, text = (torch.cat(x).requires_grad_() for x in zip(*made, strict=True))
        t = model.logit_scale if scale else model.logit_scale.detach()
        loss = info_nce(image, text, t.exp() if exp else t, equal)
        for _ in range(chunks if times else 1):
            loss.backward(retain_graph=True)
        share = chunks if times or divide else 1
        sent: Any = (image.grad, text.grad) if message else (image.detach(), text.detach())
        sent = sent[::-1] if cross else sent
        for k, part in enumerate(parts):
            if last and k < chunks - 1:
                continue
            grads = [g.chunk(chunks)[k] / share for g in sent]
            if clear == "each":
                model.zero_grad()
            out = list(zip(model(*part)[:2], grads, strict=True))[not images : 2 if texts else 1]
            torch.autograd.backward([o for o, _ in out], [g for _, g in out])
        for p in model.parameters() if step else ():
            p.data -= p.grad
        return loss.item() / (chunks if shared else 1)

    return cached_backward


def drive_cached(answer, table, words, batch, chunks, start):
    import math

    import torch
    from torch import nn
    from torch.nn import functional as F

    def info_nce(image, text, logit_scale, false_negative_ids=None):
        logits = logit_scale * image @ text.T
        if false_negative_ids is not None:
            same = false_negative_ids[:, None] == false_negative_ids[None, :]
            logits = logits.masked_fill(same & ~torch.eye(len(same), dtype=torch.bool), -math.inf)
        answers = torch.arange(len(logits))
        return (F.cross_entropy(logits, answers) + F.cross_entropy(logits.T, answers)) / 2

    largest = []

    class Tables(nn.Module):
        def __init__(self):
            super().__init__()
            self.table = nn.Parameter(table.clone())
            self.words = nn.Parameter(words.clone())
            self.logit_scale = nn.Parameter(torch.tensor(math.log(start), dtype=table.dtype))

        def forward(self, pictures, tokens):
            if torch.is_grad_enabled():
                largest.append(len(pictures))
            image = F.normalize(pictures.flatten(1) @ self.table, dim=-1)
            return image, F.normalize(self.words[tokens].sum(1), dim=-1), self.logit_scale.exp()

    space = getattr(answer, "__globals__", {})
    before = dict(space)
    space.update(info_nce=info_nce)
    try:
        model = Tables()
        model.table.grad = torch.full_like(table, 0.5)  # of what came before: it is added to
        kept = [p.detach().clone() for p in model.parameters()]
        loss = answer(model, tuple(batch), chunks)
        empty = torch.zeros(())
        return {
            "the loss": float(loss),
            "the image encoder's gradient": model.table.grad,
            "the text encoder's gradient": empty if model.words.grad is None else model.words.grad,
            "the logit scale's gradient": (
                empty if model.logit_scale.grad is None else model.logit_scale.grad
            ),
            "the most pairs with a graph at once": max(largest, default=0),
            "the parameters are as before": all(map(torch.equal, kept, model.parameters())),
            "the model is still in training mode": model.training,
        }
    finally:
        space.clear()
        space.update(before)


def a_large_batch(
    generator: Generator, ids: bool = True, chunks: int = 0, pixels: int = 2
) -> dict[str, Any]:
    chunks = chunks or whole(generator, 2, 4)
    n = chunks * whole(generator, 2, 4)
    equal = torch.arange(n)
    equal[1] = equal[n - 1] = 0  # captions that occur three times
    pictures = torch.randn(n, pixels, 3, generator=generator)
    tokens = torch.randint(0, 30, (n, 4), generator=generator)
    return {
        "table": torch.randn(3 * pixels, 5, generator=generator),
        "words": torch.randn(30, 5, generator=generator),
        "batch": [pictures, tokens, equal if ids else None],
        "chunks": chunks,
        "start": float(whole(generator, 3, 9)),
    }


CACHED = FunctionExercise(
    id="08.7",
    name="cached_backward",
    reference=cached_with(),
    drive=drive_cached,
    inputs=a_large_batch,
    extremes={
        "one chunk": lambda g: a_large_batch(g, chunks=1),
        "a batch without ids": lambda g: a_large_batch(g, ids=False),
    },
    limits=(
        Limit(
            "the graphs of several chunks are held at once",
            lambda g: a_large_batch(g, chunks=12, pixels=1000),  # 24,000 bytes a picture
            most=150_000,
            of="graph",
            hint="Send each chunk's part back before the next chunk is embedded with a graph.",
        ),
    ),
)


def give_back(gradient: Tensor) -> Tensor:
    import torch.distributed as dist

    total = gradient.clone()
    dist.all_reduce(total)
    return total.chunk(dist.get_world_size())[dist.get_rank()]


def drive_ranks(answer, gradients):
    """As many threads as ranks, and a torch.distributed that they share."""
    import threading

    import torch
    import torch.distributed as dist

    ranks, me = len(gradients), threading.local()
    barrier = threading.Barrier(ranks, timeout=10)
    board, found, errors = {}, {}, []

    def share(tensor):
        """Every rank's tensor, in order."""
        board[me.rank] = tensor.detach().clone()
        barrier.wait()
        everyone = [board[rank] for rank in range(ranks)]
        barrier.wait()
        return everyone

    def combine(tensors, op):
        stack, of = torch.stack(list(tensors)), dist.ReduceOp
        others = {of.MAX: stack.amax(0), of.MIN: stack.amin(0), of.AVG: stack.mean(0)}
        return next((other for kind, other in others.items() if op == kind), stack.sum(0))

    def all_reduce(tensor, op=dist.ReduceOp.SUM, group=None, async_op=False):
        tensor.copy_(combine(share(tensor), op))

    def reduce_scatter_tensor(output, tensor, op=dist.ReduceOp.SUM, group=None, async_op=False):
        output.copy_(combine(share(tensor), op).chunk(ranks)[me.rank].view_as(output))

    def all_gather(into, tensor, group=None, async_op=False):
        for place, one in zip(into, share(tensor), strict=True):
            place.copy_(one)

    def all_gather_into_tensor(into, tensor, group=None, async_op=False):
        into.copy_(torch.cat(share(tensor)).view_as(into))

    def reduce_scatter(output, parts, op=dist.ReduceOp.SUM, group=None, async_op=False):
        reduce_scatter_tensor(output, torch.cat(list(parts)), op)

    def all_to_all_single(output, tensor, group=None, async_op=False):
        output.copy_(torch.cat([t.chunk(ranks)[me.rank] for t in share(tensor)]).view_as(output))

    def reduce(tensor, dst=0, op=dist.ReduceOp.SUM, group=None, async_op=False):
        total = combine(share(tensor), op)
        tensor.copy_(total if me.rank == dst else tensor)

    def broadcast(tensor, src=0, group=None, async_op=False):
        tensor.copy_(share(tensor)[src])

    def get_rank(group=None):
        return me.rank

    def get_world_size(group=None):
        return ranks

    def run(rank):
        me.rank = rank
        try:
            mine = gradients[rank].clone()
            found[rank] = (answer(mine), torch.equal(mine, gradients[rank]))
        except Exception as error:  # to be told where the answer is judged
            errors.append(error)
            barrier.abort()

    fakes = [all_reduce, reduce_scatter_tensor, all_gather, get_rank, get_world_size, reduce]
    fakes += [all_gather_into_tensor, reduce_scatter, all_to_all_single, broadcast]
    before = {fake.__name__: getattr(dist, fake.__name__) for fake in fakes}
    for fake in fakes:
        setattr(dist, fake.__name__, fake)
    try:
        threads = [threading.Thread(target=run, args=(rank,)) for rank in range(ranks)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    finally:
        for name, real in before.items():
            setattr(dist, name, real)
    for error in errors:  # the first cause, not the ranks that waited for it
        if not isinstance(error, threading.BrokenBarrierError):
            raise error
    if errors:
        raise RuntimeError("The ranks wait for each other: all must make the same calls.")
    rows = {f"rank {rank}'s rows": found[rank][0] for rank in range(ranks)}
    return {**rows, "the gradient that came in is untouched": [found[r][1] for r in range(ranks)]}


def messages(generator: Generator, ranks: int = 0) -> dict[str, Any]:
    ranks = ranks or whole(generator, 2, 4)
    n, width = whole(generator, 2, 4), whole(generator, 3, 5)
    return {"gradients": [*torch.randn(ranks, ranks * n, width, generator=generator)]}


BACK = FunctionExercise(
    id="08.8",
    name="give_back",
    reference=give_back,
    drive=drive_ranks,
    inputs=messages,
    extremes={"one rank": lambda g: messages(g, ranks=1)},
)

#: Of each bug: what is wrong, and a hint that does not say where it is.
BUGS = {
    "start": ("the ranks begin with different weights", "Compare two ranks before the first step."),
    "rows": ("all ranks take the same pairs", "Count the different pairs of one step."),
    "lost": ("the ranks hear nothing of what the others say about their rows", "Section 4."),
    "offset": (
        "a rank looks for its answers at the beginning of the batch",
        "In which column is the first answer of rank 1?",
    ),
    "sum": ("the gradients are added up where DDP averages", "Compare with one process."),
}


class Repaired(ToyRanks):
    bugs: tuple[str, ...] = ()

    def __init__(self, pictures: Tensor, captions: Tensor, ranks: int):
        super().__init__(pictures, captions, ranks)
        if "start" not in self.bugs:
            for model in self.models[1:]:
                model.load_state_dict(self.models[0].state_dict())

    def rows(self, step: int, rank: int) -> Tensor:
        order = torch.randperm(len(self.pictures), generator=torch.Generator().manual_seed(step))
        return order[:N] if "rows" in self.bugs else order[rank * N : (rank + 1) * N]

    def gather(self, parts: list[Tensor], rank: int) -> Tensor:
        return super().gather(parts, rank) if "lost" in self.bugs else torch.cat(parts)

    def rank_loss(self, images: Tensor, texts: Tensor, rank: int) -> Tensor:
        answers = torch.arange(N) + (0 if "offset" in self.bugs else rank * N)
        mine = slice(rank * N, (rank + 1) * N)
        strips = (images[mine] @ texts.T, texts[mine] @ images.T)
        rows, columns = (F.cross_entropy(SCALE * strip, answers) for strip in strips)
        return (rows + columns) / 2

    def average(self) -> None:
        super().average()
        for p in itertools.chain(*(model.parameters() for model in self.models)):
            if "sum" not in self.bugs and p.grad is not None:
                p.grad /= self.ranks


def drive_bugs(answer, pictures, captions, ranks):
    import copy

    import torch
    from torch import nn
    from torch.nn import functional as F

    run = answer(*(views := (pictures.float(), captions.float())), ranks)
    copies = list(zip(*(model.parameters() for model in run.models), strict=True))
    start = max(float((p - same[0]).detach().abs().max()) for same in copies for p in same)
    steps = [torch.cat([run.rows(step, k) for k in range(ranks)]) for step in range(8)]
    n, different = len(steps[0]) // ranks, min(len(drawn.unique()) for drawn in steps)

    parts = [torch.ones(n, 16, requires_grad=True) for _ in range(ranks)]
    gathered = run.gather(parts, 0).sum()
    if gathered.requires_grad:
        gathered.backward()
    heard = [part.grad is not None and bool((part.grad == 1).all()) for part in parts]

    noise = torch.Generator().manual_seed(0)
    images, texts = F.normalize(torch.randn(2, ranks * n, 16, generator=noise), dim=-1)
    losses = [float(run.rank_loss(images, texts, rank)) for rank in range(ranks)]

    def loss_of(image, text):  # of one process
        logits, answers = 10 * image @ text.T, torch.arange(len(image))
        return (F.cross_entropy(logits, answers) + F.cross_entropy(logits.T, answers)) / 2

    for same in copies:
        for rank, p in enumerate(same):
            p.grad = torch.full_like(p, float(rank))
    run.average()
    means = sorted({float(p.grad.mean()) for same in copies for p in same})
    for p in sum(copies, ()):
        p.grad = None
    found = {
        "the weights are the same at the start": start < 1e-6,
        "different pairs in a step": different,
        "whom the gradient reaches": heard,
        "each rank's loss": losses,
        "the average of gradients 0, 1, 2 and so on": means,
    }
    mean = abs(sum(losses) / ranks - float(loss_of(images, texts))) < 1e-3
    good = start < 1e-6, different == ranks * n, all(heard), mean
    if not all(good) or means != [(ranks - 1) / 2]:  # what is above says it already
        return {**found, "three steps are those of one process": False}
    twin = copy.deepcopy(run.models[0])
    solver, apart = torch.optim.SGD(twin.parameters(), lr=0.5), []
    for step in (4, 5, 6):
        for p in (*twin.parameters(), *sum(copies, ())) if step == 6 else ():
            p.data *= 8  # the gradient shrinks, and is not clipped any more
        both = (
            F.normalize(tower(x[steps[step]]), dim=1) for tower, x in zip(twin, views, strict=True)
        )
        loss = loss_of(*both)
        twin.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(twin.parameters(), 1.0)
        solver.step()
        apart.append(abs(float(loss.detach()) - float(run.train_on(step))))
        pairs = (zip(m.parameters(), twin.parameters(), strict=True) for m in run.models)
        apart += [float((p - q).detach().abs().max()) for each in pairs for p, q in each]
    return {**found, "three steps are those of one process": max(apart) < 1e-3}


def some_pairs(generator: Generator) -> dict[str, Any]:
    pictures, captions = toy_pairs(120, whole(generator, 0, 10_000))
    return {"pictures": pictures, "captions": captions, "ranks": whole(generator, 3, 4)}


def _left(*bugs: str) -> Misconception:
    words = [BUGS[bug][0] for bug in bugs]
    when = words[0] if len(words) == 1 else f"{', '.join(words[:-1])} and {words[-1]}"
    return Misconception(when, type("ToyRanks", (Repaired,), {"bugs": bugs}), BUGS[bugs[0]][1])


FIVE_BUGS = FunctionExercise(
    id="08.9",
    name="ToyRanks",
    reference=Repaired,
    drive=drive_bugs,
    inputs=some_pairs,
    trials=1,
    tolerance=1e-4,
    misconceptions=tuple(
        _left(*bugs)
        for count in range(1, 1 + len(BUGS))
        for bugs in itertools.combinations(BUGS, count)
    ),
)
