"""Files that lie: code in the pickle, tensors that reach out of their storage, damage anywhere."""

from __future__ import annotations

import collections
import io
import os
import pickle
import zipfile
from pathlib import Path
from typing import Any

import pytest
import torch
from torch._utils import _rebuild_tensor_v2

from clipedu.models import torch_archive
from clipedu.models.torch_archive import ArchiveError, read_archive


def written(path: Path, description: bytes, **storages: bytes) -> Path:
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("archive/data.pkl", description)
        for key, content in storages.items():
            archive.writestr(f"archive/data/{key.removeprefix('s')}", content)
    return path


def test_what_torch_saved_comes_back(tmp_path: Path) -> None:
    whole = torch.randn(6, 4)
    saved = {
        "float": whole,
        "half": torch.randn(3).half(),
        "brain": torch.randn(3).bfloat16(),
        "int": torch.tensor(7),
        "none": torch.zeros(0, 3),
        "transposed": torch.randn(3, 5).T,
        "row": whole[2],  # shares the storage of the first
        "parameter": torch.nn.Parameter(torch.randn(2)),
        "nested": collections.OrderedDict(inner=torch.ones(2)),
        "epoch": 3,
    }
    torch.save(saved, tmp_path / "a.pt")
    tensors, program = read_archive(tmp_path / "a.pt")
    assert program == ""
    expected = {k: v for k, v in saved.items() if k not in ("nested", "epoch")}
    expected["nested.inner"] = torch.ones(2)
    assert tensors.keys() == expected.keys()
    for name, tensor in expected.items():
        assert tensors[name].dtype == tensor.dtype and torch.equal(tensors[name], tensor), name
        assert tensors[name].is_contiguous()
    wide, _ = read_archive(tmp_path / "a.pt", torch.float32)
    assert wide["half"].dtype == wide["brain"].dtype == torch.float32
    assert wide["int"].dtype == torch.int64 and torch.equal(wide["half"], saved["half"].float())


def test_of_a_training_checkpoint_only_the_model_is_read(tmp_path: Path) -> None:
    state = {"state_dict": {"a": torch.ones(2)}, "optimizer": {"b": torch.ones(3)}}
    torch.save(state, tmp_path / "a.pt")
    assert list(read_archive(tmp_path / "a.pt")[0]) == ["a"]


class _Runs:
    def __init__(self, function: Any, *arguments: Any) -> None:
        self.called = function, arguments

    def __reduce__(self) -> Any:
        return self.called


@pytest.mark.parametrize(
    ("function", "name"),
    [
        (os.system, r"(posix|nt)\.system"),
        (eval, r"builtin_*s?\.eval"),
        (getattr, r"builtin_*s?\.getattr"),
        (torch.load, r"torch\.serialization\.load"),
        (torch.jit.load, r"torch\.jit"),
    ],
)
@pytest.mark.parametrize("protocol", [2, 4])
def test_a_pickle_with_code_is_refused_by_name(tmp_path, function, name, protocol) -> None:
    marker = tmp_path / "ran"
    danger = _Runs(function, f"touch {marker}")
    content = pickle.dumps({"a": danger}, protocol=protocol)
    with pytest.raises(ArchiveError, match=f"{name}.*no part of a tensor.*nothing of it was run"):
        read_archive(written(tmp_path / "a.pt", content))
    assert not marker.exists()


def test_dotted_names_do_not_reach_through_an_allowed_module(tmp_path: Path) -> None:
    content = b"\x80\x04\x8c\x0ctorch._utils\x8c\x0bos.path.sys\x93."
    with pytest.raises(ArchiveError, match="torch._utils.os.path.sys"):
        read_archive(written(tmp_path / "a.pt", content))


def test_a_pickle_cannot_change_the_reader(tmp_path: Path) -> None:
    """BUILD sets attributes of what is on the stack, also of a function."""
    good = written(tmp_path / "good.pt", tensor_pickle(0, (2, 2), (1, 2)), s0=bytes(16))
    rebuild = torch_archive._ALLOWED["torch._utils._rebuild_tensor_v2"]
    content = (
        b"\x80\x02ctorch._utils\n_rebuild_tensor_v2\n(N}X\x0c\x00\x00\x00__defaults__N(K\x01tst"
    )
    content += b"b."
    with pytest.raises(ArchiveError):
        read_archive(written(tmp_path / "a.pt", content))
    assert rebuild.__defaults__ is None
    assert read_archive(good)[0]["w"].tolist() == [[0, 0], [0, 0]]


def tensor_pickle(offset: int, shape: tuple[int, ...], stride: tuple[int, ...]) -> bytes:
    """{"w": a tensor of 4 float32 in storage 0}, with whatever offset, shape and stride."""

    class Storage:
        pass

    class Pickler(pickle.Pickler):
        def persistent_id(self, value: Any) -> Any:
            storage = "storage", torch.FloatStorage, "0", "cpu", 4
            return storage if isinstance(value, Storage) else None

    arguments = (Storage(), offset, shape, stride, False, collections.OrderedDict())
    stream = io.BytesIO()
    Pickler(stream, 2).dump({"w": _Runs(_rebuild_tensor_v2, *arguments)})
    return stream.getvalue()


@pytest.mark.parametrize(
    ("offset", "shape", "stride"),
    [
        (0, (5,), (1,)),  # past the end
        (1, (4,), (1,)),
        (-1, (2,), (1,)),  # before the beginning
        (0, (2,), (-1,)),
        (0, (1 << 40,), (0,)),  # four terabytes out of one number
        (0, (2,), (1, 1)),
    ],
)
def test_a_tensor_outside_its_storage_is_refused(tmp_path, offset, shape, stride) -> None:
    good = written(tmp_path / "good.pt", tensor_pickle(0, (2, 2), (1, 2)), s0=bytes(16))
    assert read_archive(good)[0]["w"].shape == (2, 2)
    path = written(tmp_path / "a.pt", tensor_pickle(offset, shape, stride), s0=bytes(16))
    with pytest.raises(ArchiveError):
        read_archive(path)


def test_every_truncation_and_a_flipped_byte_are_noticed(tmp_path: Path) -> None:
    torch.save({"a": torch.randn(50), "b": torch.randn(3, 3)}, tmp_path / "a.pt")
    data = (tmp_path / "a.pt").read_bytes()
    for end in range(0, len(data), 97):
        (tmp_path / "cut.pt").write_bytes(data[:end])
        with pytest.raises(ArchiveError, match="truncated or damaged"):
            read_archive(tmp_path / "cut.pt")
    numbers = torch.load(tmp_path / "a.pt")["a"].numpy().tobytes()
    damaged = bytearray(data)
    damaged[data.index(numbers) + 100] ^= 1
    (tmp_path / "flipped.pt").write_bytes(damaged)
    with pytest.raises(ArchiveError, match="CRC"):
        read_archive(tmp_path / "flipped.pt")


def test_another_zip_file(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        archive.writestr("a/b.txt", "hello")
    with pytest.raises(ArchiveError, match="none that torch wrote"):
        read_archive(tmp_path / "a.zip")
