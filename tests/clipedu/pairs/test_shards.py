"""Shards: what is written comes back, what is bad is counted, and no pair is lost or read twice."""

from __future__ import annotations

import io
import json
import tarfile
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from clipedu.pairs import Augmentation, PairSet, Pictures, load_icons
from clipedu.pairs.shard_writer import write_shards
from clipedu.pairs.shards import ShardPairs, open_shards

SIZE = 8


@pytest.fixture(scope="module")
def pairs() -> PairSet:
    icons = [icon for icon in load_icons(["mdi"])][:50]
    rgba = np.random.default_rng(0).integers(0, 256, (50, SIZE, SIZE, 4), dtype=np.uint8)
    return PairSet(Pictures(icons, rgba, SIZE), ["mdi"])


@pytest.fixture(scope="module")
def folder(pairs: PairSet, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("shards")
    write_shards(pairs, folder, per_shard=16, progress=False)
    return folder


@pytest.fixture
def shards(folder: Path) -> ShardPairs:
    return open_shards(folder, SIZE, progress=False)


def tar_of(path: Path, files: dict[str, bytes]) -> None:
    with tarfile.open(path, "w") as tar:
        for name, content in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(content)
            tar.addfile(member, io.BytesIO(content))


def picture(kind: str = "png", size: tuple[int, int] = (SIZE, SIZE)) -> bytes:
    data = io.BytesIO()
    Image.new("RGB", size, (200, 30, 30)).save(data, kind)
    return data.getvalue()


def test_the_layout_is_img2datasets(folder: Path, pairs: PairSet) -> None:
    names = sorted(path.name for path in folder.iterdir())
    tars = [f"0000{k}.tar" for k in range(4)]
    assert names == sorted(tars + [f"0000{k}_stats.json" for k in range(4)])
    with tarfile.open(folder / "00001.tar") as tar:
        members = tar.getnames()
        facts = json.loads(tar.extractfile("000010000.json").read())  # type: ignore[union-attr]
    assert members[:3] == ["000010000.png", "000010000.txt", "000010000.json"]
    assert len(members) == 3 * 16
    assert {"caption", "key", "status", "width", "height", "sha256", "licence"} <= set(facts)
    assert facts["status"] == "success" and facts["key"] == "000010000"
    assert json.loads((folder / "00003_stats.json").read_text())["successes"] == 2


def test_what_is_written_comes_back(shards: ShardPairs, pairs: PairSet) -> None:
    assert len(shards) == 50 and not shards.skipped
    assert shards.report() == "50 pairs in 4 shards; none skipped."
    back = {shards[i].picture.tobytes() for i in range(50)}
    assert back == {rgba.tobytes() for rgba in pairs.rgba}
    words = {icon.name for icon in pairs.icons}
    assert all(any(name in text for name in words) for text in shards.texts()[:10])
    with pytest.raises(IndexError):
        shards[50]


def test_the_same_pairs_make_the_same_bytes(folder: Path, pairs: PairSet, tmp_path: Path) -> None:
    write_shards(pairs, tmp_path, per_shard=16, progress=False)
    for path in folder.glob("*.tar"):
        assert (tmp_path / path.name).read_bytes() == path.read_bytes()
    with pytest.raises(FileExistsError, match="--overwrite"):
        write_shards(pairs, tmp_path, progress=False)
    write_shards(pairs, tmp_path, per_shard=50, overwrite=True, progress=False)
    assert [path.name for path in tmp_path.glob("*.tar")] == ["00000.tar"]
    with pytest.raises(ValueError, match="1 sample or more"):
        write_shards(pairs, tmp_path / "x", per_shard=0)


def test_every_row_once_an_epoch_whatever_the_batch(shards: ShardPairs) -> None:
    for n in (7, 10, 50, 64):
        rows = np.concatenate([shards.rows_at(step, n, seed=3) for step in range(200 // n + 1)])
        for epoch in range(len(rows) // 50):
            assert sorted(rows[50 * epoch : 50 * epoch + 50]) == list(range(50))
    first, second = (shards.rows_at(k, 50, seed=3) for k in (0, 1))
    assert list(first) != list(second) and list(first) != list(shards.rows_at(0, 50, seed=4))
    with pytest.raises(ValueError, match="1 pair or more"):
        shards.rows_at(0, 0, seed=0)


def test_parts_together_are_the_batch(shards: ShardPairs) -> None:
    how = Augmentation(thicken=0.5, thin=0.5, lines=0.3, stretch=0.2, warp=0.05, erase=0.5)
    pictures, captions = shards.batch_at(4, 12, 0, how)
    assert pictures.shape == (12, 3, SIZE, SIZE) and len(captions) == 12
    assert torch.equal(pictures, shards.batch_at(4, 12, 0, how)[0])
    for ranks in (2, 3, 4):
        share = 12 // ranks
        parts = [
            shards.part_at(4, 12, 0, how, slice(k * share, (k + 1) * share)) for k in range(ranks)
        ]
        assert torch.equal(torch.cat([part for part, _ in parts]), pictures)
        assert all(told == captions for _, told in parts)


def test_readers_share_an_epoch_and_another_number_of_them_goes_on(shards: ShardPairs) -> None:
    whole = [sample.key for sample in shards.epoch(2, seed=1)]
    assert len(set(whole)) == 50
    readers = [[s.key for s in shards.epoch(2, seed=1, part=k, parts=3)] for k in range(3)]
    assert sorted(sum(readers, [])) == sorted(whole)
    before = sum((keys[:8] for keys in readers), [])  # each of three has read eight
    after = [s.key for k in range(2) for s in shards.epoch(2, seed=1, part=k, parts=2, start=24)]
    assert sorted(before + after) == sorted(whole)
    with pytest.raises(ValueError, match="part must be"):
        next(shards.epoch(part=2, parts=2))


def test_torchs_loader_reads_them_with_workers_of_its_own(shards: ShardPairs) -> None:
    loader = torch.utils.data.DataLoader(
        shards, batch_size=8, collate_fn=lambda samples: [sample.key for sample in samples]
    )
    assert sum(loader, []) == [shards[i].key for i in range(50)]


def test_bad_samples_are_skipped_and_counted(tmp_path: Path) -> None:
    good, broken = picture(), picture(size=(64, 64))[:-40]
    files = {
        "a.png": good, "a.txt": b"a good one",
        "b.png": broken, "b.txt": b"half a picture",
        "c.png": good,
        "d.png": good, "d.txt": b"  \n",
        "e.txt": b"words alone",
        "f.png": b"", "f.txt": b"no bytes",
        "g.png": good, "g.txt": b"\xff\xfe not text",
        "h.jpg": picture("jpeg", (20, 12)), "h.json": b'{"caption": "words in the json"}',
        "i.webp": good, "i.json": b"[1]",
    }  # fmt: skip
    tar_of(tmp_path / "00000.tar", files)
    shards = open_shards(tmp_path, SIZE)
    assert [shards[i].key for i in range(len(shards))] == ["a", "h"]
    assert shards.texts() == ["a good one", "words in the json"]
    assert shards.skipped == {"broken picture": 2, "no caption": 4, "no picture": 1}
    assert "7 skipped (1 no picture, 2 broken picture, 4 no caption)" in shards.report()
    assert shards[1].picture.shape == (SIZE, SIZE, 4)  # cut to a square and scaled


@pytest.mark.parametrize("share", [0.2, 0.5, 0.77, 0.9])
def test_of_a_shard_that_is_cut_off_what_is_whole_is_kept(
    folder: Path, tmp_path: Path, share: float
) -> None:
    data = (folder / "00000.tar").read_bytes()
    (tmp_path / "00000.tar").write_bytes(data[: int(share * len(data))])
    (tmp_path / "00000_stats.json").write_bytes((folder / "00000_stats.json").read_bytes())
    (tmp_path / "00001.tar").write_bytes((folder / "00001.tar").read_bytes())
    shards = open_shards(tmp_path, SIZE)
    assert 16 < len(shards) < 32
    assert len(shards) + sum(shards.skipped.values()) == 32  # every sample is there or counted
    whole = open_shards(folder, SIZE)
    good = {whole[i].picture.tobytes() for i in range(32)}
    assert {shards[i].picture.tobytes() for i in range(len(shards))} <= good


def test_folders_without_pairs_are_refused(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="no such folder"):
        open_shards(tmp_path / "none")
    with pytest.raises(FileNotFoundError, match="clipedu data shard"):
        open_shards(tmp_path)
    (tmp_path / "00000.tar").write_bytes(b"this is no tar file" * 100)
    with pytest.raises(ValueError, match="no good sample"):
        open_shards(tmp_path)


def test_writing_over_keeps_what_is_there_until_all_is_written(
    pairs: PairSet, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_shards(pairs, tmp_path, per_shard=16, progress=False)
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    with pytest.raises(FileExistsError, match="overwrite=True"):
        write_shards(pairs, tmp_path, progress=False)
    with pytest.raises(ValueError, match="A seed is 0 or more"):
        write_shards(pairs, tmp_path, seed=-1, overwrite=True, progress=False)
    full = OSError(28, "No space left on device")
    with monkeypatch.context() as patch, pytest.raises(OSError, match="No space"):
        calls = iter([None, full])
        write = Path.write_bytes

        def write_some(path: Path, data: bytes) -> int:
            if trouble := next(calls, full):
                raise trouble
            return write(path, data)

        patch.setattr(Path, "write_bytes", write_some)
        write_shards(pairs, tmp_path, per_shard=16, overwrite=True, progress=False)
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == before
    assert len(write_shards(pairs, tmp_path, per_shard=25, overwrite=True, progress=False)) == 2
    assert len(list(tmp_path.iterdir())) == 4  # nothing is left of the four shards of before


def test_another_tar_is_neither_deleted_nor_read(pairs: PairSet, tmp_path: Path) -> None:
    (tmp_path / "backup.tar").write_bytes(b"mine")
    for overwrite in (False, True):
        with pytest.raises(FileExistsError, match="backup.tar"):
            write_shards(pairs, tmp_path, overwrite=overwrite, progress=False)
    assert [path.name for path in tmp_path.iterdir()] == ["backup.tar"]


def test_samples_of_two_folders_stay_apart(tmp_path: Path) -> None:
    files = {"cat/001.jpg": picture("jpeg"), "dog/001.txt": b"a dog"}
    files |= {"a/002.jpg": picture("jpeg"), "a/002.txt": b"one", "b/002.txt": b"two"}
    tar_of(tmp_path / "00000.tar", files | {"b/002.jpg": picture("jpeg")})
    shards = open_shards(tmp_path, SIZE, progress=False)
    assert sorted(shards.texts()) == ["one", "two"]


def test_sixteen_bits_are_scaled_not_cut(tmp_path: Path) -> None:
    data = io.BytesIO()
    Image.fromarray(np.full((SIZE, SIZE), 20000, np.uint16)).save(data, "png")
    tar_of(tmp_path / "00000.tar", {"1.png": data.getvalue(), "1.txt": b"grey"})
    pictures, _ = open_shards(tmp_path, SIZE, progress=False).batch_at(0, 1, 0)
    assert pictures.mean().item() == pytest.approx(20000 / 65535, abs=0.01)


def test_shards_of_a_held_out_family_are_held_out(
    folder: Path, shards: ShardPairs, tmp_path: Path
) -> None:
    assert shards.role == "train"
    icons = load_icons(["lucide"])[:5]
    rgba = np.full((5, SIZE, SIZE, 4), 255, dtype=np.uint8)
    unseen = PairSet(Pictures(icons, rgba, SIZE), ["lucide"])
    write_shards(unseen, tmp_path, per_shard=5, progress=False)
    assert open_shards(tmp_path, SIZE).role == "held_out"
    (tmp_path / "00001.tar").write_bytes((folder / "00001.tar").read_bytes())
    assert open_shards(tmp_path, SIZE).role == "held_out"  # one such picture is enough


@pytest.mark.parametrize("told", [b"{}", b"[1]", b"no json", b'{"family": ["lucide"]}', None])
def test_shards_of_others_are_for_training(told: bytes | None, tmp_path: Path) -> None:
    files = {"a.png": picture(), "a.txt": b"a thing"} | ({"a.json": told} if told else {})
    held = {"b.png": b"broken", "b.txt": b"a thing", "b.json": b'{"family": "lucide"}'}
    tar_of(tmp_path / "00000.tar", files | held)  # what is left out does not count
    shards = open_shards(tmp_path, SIZE)
    assert (shards.role, shards.texts()) == ("train", ["a thing"])


def test_a_webdataset_reader_reads_them(folder: Path, pairs: PairSet) -> None:
    """The library itself, where it is installed."""
    webdataset = pytest.importorskip("webdataset")
    paths = sorted(str(path) for path in folder.glob("*.tar"))
    samples = list(webdataset.WebDataset(paths, shardshuffle=False))
    assert len(samples) == len(pairs)
    assert {"png", "txt", "json", "__key__"} <= set(samples[0])
