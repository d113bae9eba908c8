"""Several processes are one: gradients, runs, checkpoints; and what is said when they are not."""

from __future__ import annotations

import importlib.util
import json
import multiprocessing
import runpy
import signal
import socket
from pathlib import Path
from typing import Any

import pytest
import torch

from clipedu.device import pick_device
from clipedu.tokenizer import Tokenizer
from clipedu.training import (
    CheckpointError,
    Execution,
    RankLost,
    Run,
    World,
    join_world,
    load_checkpoint,
    train,
)
from clipedu.training.parallel import VARIABLES

WORKER = Path(__file__).with_name("ranks_worker.py")


def free_port() -> int:
    with socket.socket() as door:
        door.bind(("127.0.0.1", 0))
        return door.getsockname()[1]


def variables(rank: int, size: int, port: int) -> dict[str, str]:
    """What torchrun sets."""
    values = (str(rank), str(size), str(rank), "127.0.0.1", str(port))
    return dict(zip(VARIABLES, values, strict=True))


def start(size: int, job: str, folder: Path) -> tuple[list[int | None], dict[int, Any]]:
    """Runs the worker on so many ranks: their exit codes, and what each reported."""
    # One server imports torch; each rank is a fork of it. That spares the imports.
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["torch", "clipedu.training", "clipedu.evaluation"])
    port = free_port()
    ranks = []
    for rank in range(size):
        told = {"environment": variables(rank, size, port), "job": job, "folder": str(folder)}
        arguments = (str(WORKER), {"ARGUMENTS": told}, "ranks")
        ranks.append(context.Process(target=runpy.run_path, args=arguments))
    for process in ranks:
        process.start()
    for process in ranks:
        process.join(300)
    reports = {int(p.stem): json.loads(p.read_text()) for p in folder.glob("[0-9].json")}
    return [process.exitcode for process in ranks], reports


@pytest.fixture(scope="session", params=[2, 4])
def several(request, tmp_path_factory) -> tuple[int, Path, dict[int, Any]]:
    """(ranks, folder, what each rank reported) of one start that does many things."""
    folder = tmp_path_factory.mktemp(f"ranks{request.param}")
    codes, reports = start(request.param, "everything", folder)
    assert codes == [0] * request.param
    return request.param, folder, reports


@pytest.fixture(scope="session")
def alone(fake) -> Any:
    """The same run in one process."""
    return train(fake.small_recipe(), seed=3, pairs=fake.fake_pairs(), progress=False)


@pytest.fixture(scope="session")
def fake() -> Any:
    spec = importlib.util.spec_from_file_location("ranks_worker", WORKER)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_every_gradient_equals_that_of_the_plain_full_batch(several) -> None:
    """Image tower, text tower, logit scale and bias; every chunking and tiling; float64."""
    ranks, _, reports = several
    for rank in range(ranks):
        rows = reports[rank]["gradients"]
        assert len(rows) == 3 * 2 * (8 if ranks == 2 else 7)
        for row in rows:
            parts = {name: value for name, value in row.items() if name != "case"}
            assert {"image tower", "text tower", "logit_scale"} <= parts.keys()
            assert ("bias" in parts) == ("siglip" in row["case"])
            assert max(parts.values()) <= 1e-10, row


def test_one_process_in_chunks_and_tiles_is_the_plain_step(fake) -> None:
    for row in fake.equal_gradients(World()):
        assert max(value for name, value in row.items() if name != "case") <= 1e-10, row


def test_ranks_with_unequal_batches_all_say_so(several) -> None:
    ranks, _, reports = several
    for rank in range(ranks):
        words = reports[rank]["unequal"]
        assert words.startswith("ValueError: the ranks hold different numbers of pairs (rank 0: 1")
        words = reports[rank]["indivisible"]
        assert f"9 pairs can't be shared equally by {ranks} processes. Take 8 or" in words


def test_nan_on_one_rank_stops_all(several) -> None:
    ranks, _, reports = several
    for rank in range(ranks):
        assert reports[rank]["nan"].startswith("TrainingDiverged: The loss is nan")
    assert "1 of" in reports[ranks - 1]["nan"]  # and that rank names the picture


def test_a_run_on_several_ranks_is_the_run_on_one(several, alone) -> None:
    """With a Ctrl-C that only one rank heard, and a resume, in between."""
    ranks, folder, reports = several
    wanted = [row["loss"] for row in alone.history]
    for rank in range(ranks):
        run = reports[rank]["run"]
        assert "Stopped after step 3 of 6" in run["words"]
        assert run["losses"][-3:] == pytest.approx(wanted[-3:], rel=1e-4)
        assert run["weights"] == reports[0]["run"]["weights"]  # to the last bit
        assert len(set(run["accuracy"])) == 1  # shared out, or asked by one
        assert (run["folder"] == "None") == (rank > 0)
    assert reports[0]["run"]["losses"] == pytest.approx(wanted, rel=1e-4)
    names = sorted(p.name for p in (folder / "run").iterdir())
    assert names == [
        "checkpoint.safetensors", "history.jsonl", "model.safetensors", "recipe.json"
    ]  # fmt: skip


def test_split_weights_have_the_gradient_of_the_plain_full_batch(several) -> None:
    """FSDP2: image tower, text tower, logit scale and bias; chunks, tiles, recomputed blocks."""
    ranks, _, reports = several
    for rank in range(ranks):
        assert reports[rank]["share held"] == pytest.approx(1 / ranks, abs=0.05)
        rows = reports[rank]["split gradients"]
        assert len(rows) == 5
        for row in rows:
            parts = {name: value for name, value in row.items() if name != "case"}
            assert {"image tower", "text tower", "logit_scale"} <= parts.keys()
            assert max(parts.values()) <= 1e-10, row


def test_a_run_with_split_weights_is_the_run_on_one_and_goes_on_there(several, fake, alone) -> None:
    ranks, folder, reports = several
    wanted = pytest.approx([row["loss"] for row in alone.history], rel=1e-4)
    taken_over = train(resume=folder / "half split", pairs=fake.fake_pairs(), progress=False)
    assert [row["loss"] for row in taken_over.history] == wanted
    weights = [float(p.detach().double().sum()) for p in taken_over.model.parameters()]
    assert reports[0]["split run"]["losses"] == wanted
    for rank in range(ranks):
        run = reports[rank]["split run"]
        assert "Stopped after step 3 of 6" in run["words"]
        assert run["weights"] == reports[0]["split run"]["weights"]  # the average, to the last bit
        assert run["weights"] == pytest.approx(weights, rel=1e-3, abs=1e-4)
        assert len(set(run["accuracy"])) == 1


def test_what_split_weights_can_not_go_with_is_refused(fake) -> None:
    with pytest.raises(ValueError, match="sharded and execution.compile don't go together"):
        Execution(sharded=True, compile=True)
    recipe = fake.small_recipe(execution=Execution(sharded=True), precision="fp16")
    with pytest.raises(ValueError, match="can't run in fp16.*Take precision"):
        Run(recipe, 0, pick_device("cpu"), fake.TOKENIZER, world=World(0, 2))


def test_a_run_goes_on_with_another_number_of_ranks(fake, alone, tmp_path: Path) -> None:
    """Four ranks lose one after a checkpoint; one process takes over."""
    codes, reports = start(4, "killed", tmp_path)
    assert codes[-1] == -signal.SIGKILL and codes[:-1] == [0, 0, 0]
    for rank in range(3):
        words = reports[rank]["lost"]
        assert words.startswith(f"RankLost: Rank {rank} lost another of the 4 processes")
        assert f"clipedu train --resume {tmp_path / 'lost'}" in words
        assert "torchrun --max-restarts" in words
    assert load_checkpoint(tmp_path / "lost").step == 2
    result = train(resume=tmp_path / "lost", pairs=fake.fake_pairs(), progress=False)
    losses = [row["loss"] for row in result.history]
    assert losses == pytest.approx([row["loss"] for row in alone.history], rel=1e-4)


def test_a_restart_by_torchrun_goes_on_with_the_run(
    fake, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    recipe, pairs = fake.small_recipe(steps=4), fake.fake_pairs()

    def crash(row: dict[str, Any], model: Any) -> None:
        if row["step"] == 3:
            raise OSError("power cut")

    order = {"seed": 1, "out": tmp_path / "run", "progress": False}
    with pytest.raises(OSError, match="power cut"):
        train(recipe, pairs=pairs, callbacks=[crash], **order)
    for name, value in variables(0, 1, 1234).items():
        monkeypatch.setenv(name, value)
    with pytest.raises(FileExistsError):  # a first start does not take an old run for its own
        train(recipe, pairs=pairs, **order)
    monkeypatch.setenv("TORCHELASTIC_RESTART_COUNT", "1")
    result = train(recipe, pairs=pairs, **order)
    whole = train(recipe, seed=1, pairs=pairs, progress=False)
    for name, value in whole.model.state_dict().items():
        assert torch.equal(result.model.state_dict()[name], value), name
    with pytest.raises(CheckpointError, match="another recipe.*preset"):
        train("tiny", pairs=pairs, **order)
    with pytest.raises(CheckpointError, match="another tokenizer"):
        train(recipe, pairs=pairs, tokenizer=Tokenizer.train(["x y z"], 258), **order)


def test_without_torchrun_there_is_one_process() -> None:
    assert World.from_environment({}) == World(0, 1, 0, 0)
    # a cluster's own settings alone do not make a rank
    assert World.from_environment({"MASTER_ADDR": "node1", "MASTER_PORT": "1"}) == World()
    with join_world("cpu") as world:
        assert world.size == 1 and world.is_main_process
        assert world.local_slice(7) == slice(0, 7)
        assert world.any(True, torch.device("cpu")) and not world.any(False, torch.device("cpu"))
        assert world.sum(torch.tensor(2.5)) == 2.5


def test_torchruns_variables_are_read_and_missing_ones_named() -> None:
    told = variables(1, 4, 29500) | {"TORCHELASTIC_RESTART_COUNT": "2"}
    assert World.from_environment(told) == World(1, 4, 1, 2)
    assert World(1, 4).local_slice(16) == slice(4, 8)
    del told["WORLD_SIZE"], told["MASTER_PORT"]
    with pytest.raises(ValueError, match="WORLD_SIZE, MASTER_PORT not.*torchrun --nproc"):
        World.from_environment(told)
    with pytest.raises(ValueError, match="RANK=one.*torchrun"):
        World.from_environment(variables(0, 2, 1) | {"RANK": "one"})
    with pytest.raises(ValueError, match="RANK=4, WORLD_SIZE=4.*don't fit"):
        World.from_environment(variables(4, 4, 1))
    with pytest.raises(ValueError, match="7 pairs.*by 4 processes. Take 4 or 8"):
        World(0, 4).local_slice(7)
    with pytest.raises(ValueError, match="3 pairs.*by 4 processes. Take 4, or another"):
        World(0, 4).share(3)


def test_a_dead_port_is_explained(monkeypatch: pytest.MonkeyPatch) -> None:
    port = free_port()
    for name, value in variables(1, 2, port).items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("CLIPEDU_MEETING_SECONDS", "0.5")
    with (
        pytest.raises(RankLost, match=rf"Rank 1 of 2 found no meeting point at 127.0.0.1:{port}"),
        join_world("cpu"),
    ):
        pass


def test_a_port_that_is_taken_is_explained(monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.socket() as door:
        door.bind(("127.0.0.1", 0))
        door.listen()
        for name, value in variables(0, 2, door.getsockname()[1]).items():
            monkeypatch.setenv(name, value)
        with (
            pytest.raises(RankLost, match="Is the port free"),
            join_world("cpu", seconds=0.5),
        ):
            pass
