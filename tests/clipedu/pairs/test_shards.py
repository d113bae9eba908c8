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
from clipedu.pairs.shards import ShardPairs, open_shards, write_shards

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
    assert {"caption", "key", "status", "width", "height", "sha256", "license"} <= set(facts)
    assert facts["status"] == "success" and facts["key"] == "000010000"
    assert json.loads((folder / "00003_stats.json").read_text())["successes"] == 2


def test_what_is_written_comes_back(shards: ShardPairs, pairs: PairSet) -> None:
    assert len(shards) == 50 and not shards.skipped
    assert shards.report() == "50 pairs in 4 shards; none skipped."
    back = {shards[i].picture.tobytes() for i in range(50)}
    assert back == {rgba.tobytes() for rgba in pairs.rgba}
    words = {icon.name for icon in pairs.icons}
    assert all(any(name in text for name in words) for text in shards.texts()[:10])


def test_the_same_pairs_make_the_same_bytes(folder: Path, pairs: PairSet, tmp_path: Path) -> None:
    write_shards(pairs, tmp_path, per_shard=16, progress=False)
    for path in folder.glob("*.tar"):
        assert (tmp_path / path.name).read_bytes() == path.read_bytes()
    with pytest.raises(FileExistsError, match="--overwrite"):
        write_shards(pairs, tmp_path, progress=False)
    write_shards(pairs, tmp_path, per_shard=50, overwrite=True, progress=False)
    assert [path.name for path in tmp_path.glob("*.tar")] == ["00000.tar"]
    with pytest.raises(ValueError, match="per_shard must be a whole number from 1"):
        write_shards(pairs, tmp_path / "x", per_shard=0)


def test_every_row_once_an_epoch_whatever_the_batch(shards: ShardPairs) -> None:
    for n in (7, 10, 50, 64):
        rows = np.concatenate([shards.rows_at(step, n, seed=3) for step in range(200 // n + 1)])
        for epoch in range(len(rows) // 50):
            assert sorted(rows[50 * epoch : 50 * epoch + 50]) == list(range(50))
    first, second = (shards.rows_at(k, 50, seed=3) for k in (0, 1))
    assert list(first) != list(second) and list(first) != list(shards.rows_at(0, 50, seed=4))
    with pytest.raises(ValueError, match="a batch must be a whole number from 1"):
        shards.rows_at(0, 0, seed=0)


def test_parts_together_are_the_batch(shards: ShardPairs) -> None:
    augmentation = Augmentation(thicken=0.5, thin=0.5, lines=0.3, stretch=0.2, warp=0.05, erase=0.5)
    pictures, captions = shards.batch_at(4, 12, 0, augmentation)
    assert pictures.shape == (12, 3, SIZE, SIZE) and len(captions) == 12
    assert torch.equal(pictures, shards.batch_at(4, 12, 0, augmentation)[0])
    for ranks in (2, 3, 4):
        share = 12 // ranks
        parts = [
            shards.part_at(4, 12, 0, augmentation, slice(k * share, (k + 1) * share))
            for k in range(ranks)
        ]
        assert torch.equal(torch.cat([part for part, _ in parts]), pictures)
        assert all(told == captions for _, told in parts)


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
    assert [sample.key for sample in shards.samples] == ["a", "h"]
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


def samples(*keys: str) -> dict[str, bytes]:
    return {f"{k}.{end}": data for k in keys for end, data in (("png", picture()), ("txt", b"it"))}


def add_packed(folder: Path, kind: str, name: str = "1.tar") -> None:
    tar_of(folder / "plain", samples("c", "d"))
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode=f"w:{kind}") as tar:
        with tarfile.open(folder / "plain") as plain:
            for member in plain:
                tar.addfile(member, plain.extractfile(member))
    (folder / name).write_bytes(packed.getvalue())


def add_damaged(folder: Path, start: int, stop: int, fill: bytes = b"\xaa") -> None:
    tar_of(folder / "1.tar", samples(*map(str, range(9))))
    data = bytearray((folder / "1.tar").read_bytes())
    data[start:stop] = fill * (stop - start)
    (folder / "1.tar").write_bytes(data)


def add_joined(folder: Path, *keys: str) -> None:
    for key in keys:
        tar_of(folder / f"{key}.part", samples(key))
    parts = [(folder / f"{key}.part").read_bytes() for key in keys]
    (folder / "1.tar").write_bytes(b"".join(parts))


def add_cut(folder: Path, length: int) -> None:
    tar_of(folder / "1.tar", samples("c", "d", "e"))
    (folder / "1.tar").write_bytes((folder / "1.tar").read_bytes()[:length])


@pytest.mark.parametrize(
    ("build", "good", "lost", "fault"),
    [
        (lambda d: add_packed(d, "gz"), 0, 2, "packed"),
        (lambda d: add_packed(d, "xz"), 0, 2, "packed"),
        (lambda d: add_packed(d, "bz2", "1.tar.bz2"), 0, 2, "packed"),
        (lambda d: add_packed(d, "gz", "1.TGZ"), 0, 2, "packed"),
        (lambda d: (d / "1.tar").write_bytes(b"<html>404</html>" * 100), 0, 1, "no tar file"),
        (lambda d: (d / "1.tar").write_bytes(b"404"), 0, 1, "no tar file"),
        (lambda d: (d / "1.tar").write_bytes(b"PK\3\4" + b"\x14" * 900), 0, 1, "no tar file"),
        (lambda d: (d / "1.tar").write_bytes(b""), 0, 1, "no tar file"),
        (lambda d: (d / "1.tar").mkdir(), 0, 1, "Is a directory"),
        (lambda d: add_damaged(d, 3072, 3584), 8, 1, "damaged at byte 3,072"),
        (lambda d: add_damaged(d, 0, 512), 8, 1, "damaged at byte 0"),
        (lambda d: add_damaged(d, 2048, 4096), 8, 1, "damaged at byte 2,048"),
        (lambda d: add_damaged(d, 2048, 10240), 5, 1, "damaged at byte 2,048"),
        (lambda d: add_joined(d, "c", "d", "e"), 3, 0, None),
        (lambda d: add_joined(d, "c", "c"), 1, 1, None),
        (lambda d: add_cut(d, 4096), 2, 1, "cut off"),
        (lambda d: add_cut(d, 4096 + 200), 2, 1, "cut off"),
        (lambda d: add_cut(d, 5120), 2, 1, "cut off"),
        (lambda d: add_cut(d, 6144 + 512), 3, 0, None),  # one block of its end is enough
        (lambda d: tar_of(d / "1.tar", {}), 0, 0, None),
        (lambda d: tar_of(d / "1.tar", samples("c") | {"._c.png": b"Mac OS X"}), 1, 0, None),
    ],
    ids="gz xz bz2 tgz page word zip empty folder header first sample middle joined twice "
    "end half-header half-sample end-block nothing mac".split(),
)
def test_what_a_shard_loses_is_counted_and_the_shard_is_named(
    tmp_path: Path, build: object, good: int, lost: int, fault: str | None
) -> None:
    tar_of(tmp_path / "0.tar", samples("a", "b"))
    build(tmp_path)  # type: ignore[operator]
    shards = open_shards(tmp_path, SIZE, progress=False)
    assert (len(shards), shards.skipped.total()) == (2 + good, lost)
    said = shards.report()
    assert f"{2 + good} pairs in 2 shards; " in said
    assert any(f": {fault}" in x for x in said.split("\n")) if fault else "damaged" not in said
    assert not fault or "\n  1." in said


def test_the_count_beside_a_shard_is_believed(tmp_path: Path) -> None:
    tar_of(tmp_path / "0.tar", samples("a", "b"))
    for told, lost in (("7", 5), ("2", 0), ("1", 0), ("null", 0), ("Infinity", 0), ("[]", 0)):
        (tmp_path / "0_stats.json").write_text(f'{{"successes": {told}}}')
        assert open_shards(tmp_path, SIZE).skipped == ({"lost": lost} if lost else {})
    (tmp_path / "0_stats.json").write_bytes(b"\xff")
    assert not open_shards(tmp_path, SIZE).skipped


def test_endings_that_are_not_read_are_named(tmp_path: Path) -> None:
    tar_of(tmp_path / "0.tar", {"s1.input.png": picture(), "s1.outputs.txt": b"x"})
    with pytest.raises(ValueError, match=r"'s1' in 0\.tar: .*\.input\.png, \.outputs\.txt"):
        open_shards(tmp_path, SIZE)
    tar_of(tmp_path / "0.tar", samples("a") | {"b.png": picture(), "b.cls": b"7"})
    assert ".png, .cls" in open_shards(tmp_path, SIZE).report()


def test_files_of_a_sample_may_be_apart(tmp_path: Path) -> None:
    files = {"1.png": picture(), "0.png": picture(), "./0.txt": b"no", "0.txt": b"zero"}
    tar_of(tmp_path / "0.tar", files | {"1.TXT": b"one", "x/0.png": picture(), "x/0.txt": b"x"})
    assert open_shards(tmp_path, SIZE).texts() == ["one", "zero", "x"]


@pytest.mark.parametrize(
    "files",
    [
        {"json": b'{"caption": "smile \\ud83d"}'},
        {"json": b'{"caption": 7}'},
        {"json": b'{"caption": NaN}'},
        {"json": b'{"caption": null}'},
        {"json": b'{"caption": true}'},
        {"json": b'{"caption": ["a dog"]}'},
        {"json": b'{"caption": {"en": "a dog"}}'},
        {"json": b"[" * 100_000},
        {"txt": b"nan", "json": b'{"caption": NaN}'},
        {"txt": b"None", "json": b'{"caption": null}'},
        {"txt": "a dog".encode("utf-16")},
        {"txt": b"a d\0g"},
        {"txt": b"\xef\xbb\xbf"},
        {"txt": "\u200b\u00ad\u3164".encode()},
        {},
    ],
)
def test_a_caption_that_is_no_words_is_counted_and_named(
    tmp_path: Path, files: dict[str, bytes]
) -> None:
    odd = {f"odd.{end}": data for end, data in files.items()} | {"odd.png": picture()}
    tar_of(tmp_path / "0.tar", samples("a") | odd)
    shards = open_shards(tmp_path, SIZE)
    assert shards.texts() == ["it"] and shards.skipped == {"no caption": 1}
    assert "no caption, such as 'odd' in 0.tar: " in shards.report()


def test_captions_go_through_the_one_door(tmp_path: Path) -> None:
    told = json.dumps({"caption": "cafe\u0301"}).encode()
    bom = b"\xef\xbb\xbf"
    files = {"a.txt": bom + b" a dog\r\n", "b.json": told, "c.json": bom + told, "d.txt": b"nan"}
    tar_of(tmp_path / "0.tar", files | {f"{key}.png": picture() for key in "abcd"})
    assert open_shards(tmp_path, SIZE).texts() == ["a dog", "caf\u00e9", "caf\u00e9", "nan"]


def test_pictures_go_through_the_one_door(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    lying = Image.new("RGB", (64, 64), "blue")
    lying.paste("red", (0, 0, 32, 64))  # red left of blue, to be shown red above blue
    file = io.BytesIO()
    lying.save(file, "PNG", exif=exif.tobytes())
    one, bomb = picture(size=(1, 1)), picture(size=(20_000, 1))[:33] + b"\0" * 64
    bomb = bomb[:20] + (20_000).to_bytes(4, "big") + bomb[24:]
    pictures = {"a.png": file.getvalue(), "b.png": one, "c.png": bomb, "d.png": b""}
    tar_of(tmp_path / "0.tar", pictures | {f"{key}.txt": b"x" for key in "abcd"})
    shards = open_shards(tmp_path, SIZE)
    assert [sample.key for sample in shards.samples] == ["a"]
    assert shards.skipped == {"broken picture": 3} and "1 x 1 pixels" in shards.report()
    shown = shards[0].picture
    assert (shown[0] == [255, 0, 0, 255]).all() and (shown[-1] == [0, 0, 255, 255]).all()


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
    with pytest.raises(ValueError, match="seed must be a whole number from 0"):
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
