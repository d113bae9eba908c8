"""One run on many processes: who am I, how many are we, and words for when one of us is gone.

`torchrun --nproc-per-node 4 -m clipedu train ...` starts four processes (ranks) and tells each its
number in environment variables. :class:`World` reads them; without them the world is one process,
and nothing here does anything. Ranks talk through gloo on CPUs and NCCL on GPUs.

What each rank does in a run, beside its share of the step: all make the same tokenizer and the same
first weights from the seed; rank 0 alone writes files and the progress line; an evaluation is
shared out. A checkpoint holds nothing of the number of ranks, so a run may go on with another one.

Every rank holds the whole model (DDP), or with `Execution(sharded=True)` a part of it (FSDP2, see
:mod:`clipedu.training.sharding`). Every model of the paper fits on one GPU; larger ones may not.
"""

from __future__ import annotations

import contextlib
import os
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import timedelta

import torch
import torch.distributed as dist
from torch import nn

#: What torchrun sets. RANK: number among all; LOCAL_RANK: number on this machine, hence the GPU's.
VARIABLES = ("RANK", "WORLD_SIZE", "LOCAL_RANK", "MASTER_ADDR", "MASTER_PORT")
#: Seconds to find the other ranks, and to wait for one that does not answer.
MEETING_SECONDS, ANSWER_SECONDS = 120.0, 1800.0


class RankLost(RuntimeError):
    """Another process of the run has ended or can't be reached."""


@dataclass(frozen=True)
class World:
    """The processes of a run, as one of them sees it.

    Attributes:
        rank: this one's number, from 0. Rank 0 writes.
        size: how many there are.
        local_rank: this one's number on its machine.
        restarts: how often torchrun has started this run anew.
    """

    rank: int = 0
    size: int = 1
    local_rank: int = 0
    restarts: int = 0

    @classmethod
    def from_environment(cls, environment: Mapping[str, str] | None = None) -> World:
        """What torchrun's variables say; one process without them.

        Raises ValueError when some are missing, or no numbers that fit together.
        """
        found = os.environ if environment is None else environment
        there = [name for name in VARIABLES if name in found]
        if not {"RANK", "WORLD_SIZE", "LOCAL_RANK"} & set(there):
            return cls()
        if missing := [name for name in VARIABLES if name not in found]:
            raise ValueError(
                f"{', '.join(there)} {'is' if len(there) == 1 else 'are'} set and "
                f"{', '.join(missing)} not: half of what torchrun sets. Start with `torchrun "
                "--nproc-per-node N -m clipedu train ...`, or unset them for one process."
            )
        try:
            rank, size, local, port = (
                int(found[name]) for name in ("RANK", "WORLD_SIZE", "LOCAL_RANK", "MASTER_PORT")
            )
        except ValueError:
            said = ", ".join(f"{name}={found[name]!r}" for name in VARIABLES)
            raise ValueError(
                f"Not numbers: {said}. Start with torchrun, which sets them."
            ) from None
        if not (0 <= rank < size and local >= 0 and 0 < port < 65536):
            raise ValueError(
                f"RANK={rank}, WORLD_SIZE={size}, LOCAL_RANK={local}, MASTER_PORT={port} don't fit "
                "together: ranks count from 0 to WORLD_SIZE - 1. Start with torchrun."
            )
        return cls(rank, size, local, int(found.get("TORCHELASTIC_RESTART_COUNT", 0)))

    @property
    def writes(self) -> bool:
        """Whether this is the rank that writes files and talks."""
        return self.rank == 0

    def part(self, n: int) -> slice:
        """Which of n rows are this rank's; raises as :meth:`share`."""
        each = self.share(n)
        return slice(self.rank * each, (self.rank + 1) * each)

    def share(self, n: int) -> int:
        """How many of n rows each rank has. Raises ValueError when the ranks don't divide n."""
        if n % self.size:
            below, above = n - n % self.size, n + self.size - n % self.size
            good = f"{below} or {above}" if below else f"{above}"
            raise ValueError(
                f"A batch of {n} pairs can't be shared equally by {self.size} processes. Take "
                f"{good}, or another number of processes."
            )
        return n // self.size

    def mean(self, value: float, device: torch.device) -> float:
        """The mean of every rank's value."""
        return self.sum(value, device) / self.size

    def any(self, here: bool, device: torch.device) -> bool:
        """Whether it is true on any rank: the same answer on all of them."""
        if self.size == 1:
            return here
        flag = torch.tensor(float(here), device=device)
        dist.all_reduce(flag, dist.ReduceOp.MAX)
        return bool(flag)

    def sum(self, value: float, device: torch.device) -> float:
        """The sum of every rank's value."""
        if self.size == 1:
            return value
        total = torch.tensor(value, dtype=torch.float64, device=device)
        dist.all_reduce(total)
        return total.item()

    @contextlib.contextmanager
    def one_by_one(self) -> Iterator[None]:
        """Rank 0 goes first, the others when it is through: for files made when missing."""
        if self.size > 1 and not self.writes:
            dist.barrier()
        yield
        if self.size > 1 and self.writes:
            dist.barrier()


@contextlib.contextmanager
def join_world(device: str, *, seconds: float | None = None) -> Iterator[World]:
    """Finds the other ranks of this run and leaves them at the end; alone, it does nothing.

    Args:
        device: "cuda" talks through NCCL, anything else through gloo.
        seconds: how long to look for the others; $CLIPEDU_MEETING_SECONDS or 120.
    Raises:
        ValueError: torchrun's variables are incomplete.
        RankLost: the others can't be found, or one ended.
    """
    world = World.from_environment()
    if world.size == 1 or dist.is_initialized():  # whoever has joined already also leaves
        yield world
        return
    if device == "cuda":
        torch.cuda.set_device(world.local_rank)
    wait = seconds or float(os.environ.get("CLIPEDU_MEETING_SECONDS", MEETING_SECONDS))
    try:
        meeting = dist.TCPStore(
            os.environ["MASTER_ADDR"],
            int(os.environ["MASTER_PORT"]),
            world.size,
            # torchrun keeps the store itself and says so
            is_master=world.rank == 0 and os.environ.get("TORCHELASTIC_USE_AGENT_STORE") != "True",
            timeout=timedelta(seconds=wait),
        )
        dist.init_process_group(
            "nccl" if device == "cuda" else "gloo",
            store=dist.PrefixStore(f"clipedu/{world.restarts}", meeting),
            rank=world.rank,
            world_size=world.size,
            timeout=timedelta(seconds=ANSWER_SECONDS),
        )
    except (dist.DistError, RuntimeError, ValueError) as error:
        raise RankLost(
            f"Rank {world.rank} of {world.size} found no meeting point at "
            f"{os.environ['MASTER_ADDR']}:{os.environ['MASTER_PORT']} within {wait:g} s, or not "
            "all ranks there. Did every rank start? Is the port free on rank 0's machine and open "
            f"in the firewall? ({_first_line(error)})"
        ) from error
    try:
        yield world
    finally:
        with contextlib.suppress(Exception):  # the others may be gone
            dist.destroy_process_group()


@contextlib.contextmanager
def explain_lost_ranks(world: World, what_now: Callable[[], str]) -> Iterator[None]:
    """Turns what gloo and NCCL say when a rank dies into a sentence, and adds what to do now."""
    try:
        yield
    except RuntimeError as error:
        if world.size == 1 or not _is_loss(error):
            raise
        raise RankLost(
            f"Rank {world.rank} lost another of the {world.size} processes: it ended, was killed "
            "or does not answer. The first process that failed says why, above or in its own log. "
            f"{what_now()} `torchrun --max-restarts 3 ...` starts a run again by itself. "
            f"({_first_line(error)})"
        ) from error


def replicate(network: nn.Module, world: World, device: torch.device) -> nn.Module:
    """The network, its gradients averaged over the ranks after each backward."""
    if world.size == 1:
        return network
    for parameter in network.parameters():
        if parameter.ndim == 4 and parameter.is_contiguous(memory_format=torch.channels_last):
            # A 1 x 1 convolution has two sets of strides for one order of numbers, and its gradient
            # comes with the other one: DDP would warn at the first step.
            same = torch.empty_like(parameter, memory_format=torch.channels_last)
            parameter.data = same.copy_(parameter.detach())
    where = [device.index] if device.type == "cuda" else None
    return nn.parallel.DistributedDataParallel(network, device_ids=where)


_LOSS = re.compile(r"peer|nccl|timed? ?out|connection|socket|broken pipe", re.IGNORECASE)


def _is_loss(error: RuntimeError) -> bool:
    plain = type(error) is RuntimeError and _LOSS.search(str(error))
    return isinstance(error, dist.DistError) or bool(plain)


def _first_line(error: BaseException) -> str:
    lines = str(error).strip().splitlines()
    return lines[0][:200] if lines else type(error).__name__
