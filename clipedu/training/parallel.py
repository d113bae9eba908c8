"""One run on many processes (ranks): all that training knows about them.

`torchrun --nproc-per-node 4 -m clipedu train ...` starts four processes and tells each its number
in environment variables; without them the world is one process, and nothing here does anything.
Every rank holds the whole model (DDP) or, with `Execution(sharded=True)`, a part of it (FSDP2). A
checkpoint knows nothing of the number of ranks, so a run may be resumed with another one.
"""

from __future__ import annotations

import contextlib
import os
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, cast

import torch
import torch.distributed as dist
from torch import Tensor, nn

from clipedu.device import distributed_backend, is_accelerator, rank_device, set_current_device
from clipedu.models import CLIP, build
from clipedu.models.resnet import BasicBlock, Bottleneck
from clipedu.models.transformer import ResidualAttentionBlock

#: What torchrun sets. RANK: number among all; LOCAL_RANK: number on this machine, hence the GPU's.
VARIABLES = ("RANK", "WORLD_SIZE", "LOCAL_RANK", "MASTER_ADDR", "MASTER_PORT")
ANSWER_SECONDS = 1800.0  # to wait for a rank that does not answer


class RankLost(RuntimeError):
    """Another process of the run has ended or can't be reached."""


@dataclass(frozen=True)
class World:
    """The processes of a run, as one of them sees it."""

    rank: int = 0  # this one's number
    size: int = 1  # how many there are
    local_rank: int = 0  # this one's number on its machine
    restarts: int = 0  # how often torchrun has restarted this run

    @classmethod
    def from_environment(cls, environment: Mapping[str, str] | None = None) -> World:
        """What torchrun's variables say; one process without them.

        Raises ValueError when some are missing, or no numbers that fit together.
        """
        found = os.environ if environment is None else environment
        if not {"RANK", "WORLD_SIZE", "LOCAL_RANK"} & found.keys():
            return cls()
        if missing := [name for name in VARIABLES if name not in found]:
            problem = f"is half of what torchrun sets: {', '.join(missing)} not"
        else:
            problem = "don't fit together: ranks are numbers from 0 to WORLD_SIZE - 1"
            with contextlib.suppress(ValueError):
                numbers = (int(found[name]) for name in VARIABLES if name != "MASTER_ADDR")
                rank, size, local, port = numbers
                if 0 <= rank < size and local >= 0 and 0 < port < 65536:
                    return cls(rank, size, local, int(found.get("TORCHELASTIC_RESTART_COUNT", 0)))
        said = ", ".join(f"{name}={found[name]}" for name in VARIABLES if name in found)
        raise ValueError(
            f"{said} {problem}. Start with `torchrun --nproc-per-node N -m clipedu train ...`, or "
            "unset them for one process."
        )

    @property
    def is_main_process(self) -> bool:
        """Whether this is rank 0, which alone writes files and prints."""
        return self.rank == 0

    def share(self, n: int) -> int:
        """How many of n rows each rank has. Raises ValueError when the ranks don't divide n."""
        if n % self.size:
            near = [n - n % self.size, n - n % self.size + self.size]
            raise ValueError(
                f"A batch of {n} pairs can't be shared equally by {self.size} processes. Take "
                f"{' or '.join(str(k) for k in near if k)}, or another number of processes."
            )
        return n // self.size

    def local_slice(self, n: int) -> slice:
        """Which of n rows are this rank's; raises as :meth:`share`."""
        each = self.share(n)
        return slice(self.rank * each, (self.rank + 1) * each)

    def sum(self, value: Tensor) -> Tensor:
        """The sum of every rank's value; no rank waits for its GPU."""
        if self.size > 1:
            value = value.detach().clone()
            dist.all_reduce(value)
        return value

    def any(self, flag: bool, device: torch.device) -> bool:
        """Whether it is true on any rank: the same answer on all of them."""
        return bool(self.sum(torch.tensor(float(flag), device=device)))

    @contextlib.contextmanager
    def main_process_first(self) -> Iterator[None]:
        """The others wait until rank 0 has left the block: for files that are made when missing."""
        if not self.is_main_process:
            dist.barrier()
        yield
        if self.size > 1 and self.is_main_process:
            dist.barrier()


@contextlib.contextmanager
def join_world(device: str | torch.device, *, seconds: float | None = None) -> Iterator[World]:
    """Finds the other ranks of this run and leaves them at the end; alone, it does nothing.

    seconds: how long to look for the others; $CLIPEDU_MEETING_SECONDS or 120. Raises ValueError
    when torchrun's variables are incomplete, RankLost when the others can't be found or one ended.
    """
    world = World.from_environment()
    if world.size == 1 or dist.is_initialized():  # whoever has joined already also leaves
        yield world
        return
    set_current_device(rank_device(device, world.local_rank))
    wait = seconds or float(os.environ.get("CLIPEDU_MEETING_SECONDS", 120.0))
    try:
        store, _, _ = next(dist.rendezvous("env://", timeout=timedelta(seconds=wait)))
        dist.init_process_group(
            distributed_backend(device),
            store=dist.PrefixStore(f"clipedu/{world.restarts}", store),
            rank=world.rank,
            world_size=world.size,
            timeout=timedelta(seconds=ANSWER_SECONDS),
        )
    except (RuntimeError, ValueError) as error:  # dist.DistError is a RuntimeError
        where = f"{os.environ['MASTER_ADDR']}:{os.environ['MASTER_PORT']}"
        raise RankLost(
            f"Rank {world.rank} of {world.size} found no meeting point at {where} within {wait:g} "
            "s, or not all ranks there. Did every rank start? Is the port free on rank 0's machine "
            f"and open in the firewall? ({_first_line(error)})"
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
        words = r"(?i)peer|nccl|timed? ?out|connection|socket|broken pipe"
        plain = type(error) is RuntimeError and re.search(words, str(error))
        if world.size == 1 or not (plain or isinstance(error, dist.DistError)):
            raise
        raise RankLost(
            f"Rank {world.rank} lost another of the {world.size} processes: it ended, was killed "
            "or does not answer. The first process that failed says why, above or in its own log. "
            f"{what_now()} `torchrun --max-restarts 3 ...` starts a run again by itself. "
            f"({_first_line(error)})"
        ) from error


def _first_line(error: BaseException) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0][:200]


def replicate(network: nn.Module, world: World, device: torch.device) -> nn.Module:
    """The network, its gradients averaged over the ranks after each backward (DDP)."""
    if world.size == 1:
        return network
    for parameter in network.parameters():
        # A 1 x 1 convolution has two sets of strides for one order of numbers, and its gradient
        # comes with the other one: DDP would warn at the first step.
        if parameter.ndim == 4 and parameter.is_contiguous(memory_format=torch.channels_last):
            alike = torch.empty_like(parameter, memory_format=torch.channels_last)
            parameter.data = alike.copy_(parameter.detach())
    where = [device.index] if is_accelerator(device) else None
    return nn.parallel.DistributedDataParallel(network, device_ids=where)


def average_gradient(parameter: nn.Parameter, world: World) -> None:
    """From now on averages its gradient over the ranks as soon as it is there.

    For SigLIP's bias, which is not in the network, and a logit scale that is not split: neither DDP
    nor FSDP knows them.
    """

    def average(leaf: Tensor) -> None:
        assert leaf.grad is not None
        leaf.grad.copy_(world.sum(leaf.grad) / world.size)

    if world.size > 1:
        parameter.register_post_accumulate_grad_hook(average)


def split_weights_(model: CLIP, device: torch.device) -> None:
    """Splits every tensor of a model, but the logit scale, among all ranks by its rows (FSDP2).

    As ZeRO stage 3 (arXiv 1910.02054): gradients and Adam's averages are split, too. Call it on
    every rank, with equal weights; the parameters are new ones, torch's `DTensor`s, afterwards.
    """
    # imported late: it takes seconds, and few runs need it
    from torch.distributed.device_mesh import init_device_mesh
    from torch.distributed.fsdp import fully_shard

    mesh = init_device_mesh(device.type, (dist.get_world_size(),))
    for parameter in model.parameters():  # rows can be split where they lie one after the other
        parameter.data = parameter.data.contiguous()
    kinds = (ResidualAttentionBlock, Bottleneck, BasicBlock)
    blocks = [part for part in model.modules() if isinstance(part, kinds)]
    for part in (*blocks, model):  # each block by itself, or all would be whole at once
        split = fully_shard(part, mesh=mesh, ignored_params={model.logit_scale})
        if not is_accelerator(device):
            split.set_force_sum_reduction_for_comms(True)  # gloo adds up and has no mean


def is_split(value: Any) -> bool:
    """Whether this rank holds only a part of a tensor."""
    return hasattr(value, "full_tensor")  # a DTensor, whose import takes seconds


def to_local(value: Tensor) -> Tensor:
    """The part of a tensor that lies on this rank; a plain tensor itself."""
    return value.to_local() if is_split(value) else value  # type: ignore[attr-defined]


def full_tensor(value: Tensor) -> Tensor:
    """The whole of a tensor; a plain tensor itself. Call it on every rank."""
    return value.full_tensor() if is_split(value) else value  # type: ignore[attr-defined]


def full_tensors(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """:func:`full_tensor` of each."""
    return {name: full_tensor(value) for name, value in tensors.items()}


def split_like(value: Tensor, pattern: Tensor) -> Tensor:
    """A whole tensor split as `pattern` is; where that is plain, the tensor itself."""
    if not is_split(pattern):
        return value
    from torch.distributed.tensor import distribute_tensor

    split, value = cast(Any, pattern), value.to(pattern.device)
    # each rank has all of it and cuts out its own part: nothing travels
    return distribute_tensor(value, split.device_mesh, split.placements, src_data_rank=None)


def unshard(model: CLIP) -> CLIP:
    """A plain model with a split model's weights; a plain model itself. Every rank must ask."""
    if not any(is_split(parameter) for parameter in model.parameters()):
        return model
    plain = build(model.config, seed=0)
    plain.load_state_dict(full_tensors(model.state_dict()))
    plain.to(next(model.parameters()).device)
    broadcast_buffers(plain)
    return plain


def broadcast_buffers(model: nn.Module) -> None:
    """Rank 0's running statistics of batch norms for all; each rank saw its own pictures."""
    if dist.is_initialized():
        for buffer in model.buffers():
            dist.broadcast(buffer, 0)


def clip_gradients_(parameters: Sequence[nn.Parameter], max_norm: float) -> Tensor:
    """`nn.utils.clip_grad_norm_`, which takes no mix of plain and split tensors: the norm, ().

    Gradients whose norm, all of them taken together, exceeds `max_norm` are scaled down to it.
    """
    parts = [[p for p in parameters if is_split(p) == split] for split in (False, True)]
    if not parts[1]:
        return nn.utils.clip_grad_norm_(parameters, max_norm)
    gradients = [[p.grad for p in part if p.grad is not None] for part in parts]
    norms = [full_tensor(nn.utils.get_total_norm(some)) for some in gradients]
    norm = torch.linalg.vector_norm(torch.stack(norms))
    for part in parts:
        nn.utils.clip_grads_with_norm_(part, max_norm, norm)
    return norm
