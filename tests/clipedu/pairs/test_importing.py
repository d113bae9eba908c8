"""Your own pictures: every kind of source, every fault counted and named, killed and resumed."""

from __future__ import annotations

import errno
import html
import io
import json
import os
import signal
import subprocess
import sys
import tarfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from filelock import FileLock
from PIL import Image

from clipedu.pairs import importing, open_shards
from clipedu.pairs.importing import import_pairs
from clipedu.pairs.listing import list_source


def picture(
    k: int = 0, kind: str = "png", size: tuple[int, int] = (40, 30), **options: Any
) -> bytes:
    """Picture number k: a colored square on gray, the bytes of a file."""
    image = Image.new("RGB", size, (90 + k, 120, 150))
    image.paste((10 * k % 256, 200, 40), (5, 5, 20, 20))
    data = io.BytesIO()
    image.convert(options.pop("mode", "RGB")).save(data, kind, **options)
    return data.getvalue()


def write(folder: Path, files: dict[str, bytes | str]) -> Path:
    for name, content in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content.encode() if isinstance(content, str) else content)
    return folder


def run(source: Path, out: Path, **options: Any) -> tuple[dict[str, Any], dict[str, str]]:
    """The report, and the first captions with their keys, as they come back from the shards."""
    facts = import_pairs(source, out, progress=False, **options)
    assert json.loads((out / "report.json").read_text()) == json.loads(json.dumps(facts))
    pairs = open_shards(out, 16, progress=False)
    assert len(pairs) == facts["pairs"] and not pairs.skipped
    assert len(pairs.texts()) == facts["captions"]
    return facts, {sample.captions[0]: sample.key for sample in pairs.samples}


def why(facts: dict[str, Any]) -> dict[str, str]:
    return {row["name"]: f"{row['reason']}: {row['why']}" for row in facts["problems"]}


# --------------------------------------------------------------------------- kinds of sources
def as_folder(root: Path) -> Path:
    files = {f"{'sub/' * (k % 2)}{k}.{'JPG' if k else 'png'}": picture(k, "png") for k in range(4)}
    return write(root, files | {f"{'sub/' * (k % 2)}{k}.txt": f"number {k}\n" for k in range(4)})


def as_table(root: Path, ending: str = "csv") -> Path:
    write(root, {f"pics/{k}.png": picture(k) for k in range(4)})
    rows = [(f"pics/{k}.png", f"number {k}") for k in range(4)]
    if ending == "jsonl":
        text = "\n".join(json.dumps({"file_name": a, "text": b}) for a, b in rows) + "\n\n"
    else:
        mark = {"tsv": "\t", "csv": ","}[ending]
        text = "\ufeff" + "\r\n".join(mark.join(row) for row in [("Image", "Caption"), *rows])
    return write(root, {f"table.{ending}": text}) / f"table.{ending}"


def as_imagefolder(root: Path) -> Path:
    lines = "file_name,text\n" + "".join(f"{k}.png,number {k}\n" for k in range(4))
    files: dict[str, Any] = {f"train/{k}.png": picture(k) for k in range(4)}
    return write(root, files | {"train/metadata.csv": lines})


def as_coco(root: Path) -> Path:
    images = [{"id": 9 - k, "file_name": f"{k}.png"} for k in range(4)]
    rows = [{"image_id": 9 - k, "id": k, "caption": f"number {k}"} for k in range(4)]
    data = json.dumps({"info": {}, "images": images, "annotations": rows})
    write(root, {f"{k}.png": picture(k) for k in range(4)} | {"captions.json": data})
    return root / "captions.json"


def as_shards(root: Path) -> Path:
    files = {f"{k}.png": picture(k) for k in range(4)} | {
        f"{k}.txt": b"number %d" % k for k in range(4)
    }
    return tar_of(root / "00000.tar", files).parent


def tar_of(path: Path, files: dict[str, bytes]) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    with tarfile.open(path, "w") as tar:
        for name, content in sorted(files.items()):
            member = tarfile.TarInfo(name)
            member.size = len(content)
            tar.addfile(member, io.BytesIO(content))
    return path


@pytest.mark.parametrize(
    ("make", "kind"),
    [
        (as_folder, "a folder of pictures with .txt files"),
        (as_table, "a table, table.csv, with the columns Image and Caption"),
        (lambda root: as_table(root, "tsv"), "a table, table.tsv, with the columns Image and Cap"),
        (lambda root: as_table(root, "jsonl"), "a table, table.jsonl, with the columns file_name"),
        (as_imagefolder, "a Hugging Face imagefolder"),
        (as_coco, "COCO's captions, with the pictures in"),
        (as_shards, "img2dataset's shards"),
        (lambda root: as_shards(root) / "00000.tar", "a shard of img2dataset's kind"),
    ],
    ids="folder csv tsv jsonl imagefolder coco shards shard".split(),
)
def test_every_kind_of_source_is_recognized_and_said(
    make: Any, kind: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    source = make(tmp_path / "source")
    facts, captions = run(source, tmp_path / "out", size=16)
    assert set(captions) == {f"number {k}" for k in range(4)} and not facts["problems"]
    assert facts["kind"].startswith(kind)
    import_pairs(source, tmp_path / "out", size=16)  # once more: it is done
    assert f"{source} is {facts['kind']}: 4 entries." in capsys.readouterr().out


def test_several_captions_are_kept_and_take_turns(tmp_path: Path) -> None:
    lines = "a first\n\na second\nthe third\n"
    source = write(tmp_path / "a", {"x.png": picture(), "x.txt": lines})
    facts, _ = run(source, tmp_path / "out")
    assert (facts["pairs"], facts["captions"]) == (1, 3)
    pairs = open_shards(tmp_path / "out", 16)
    drawn = [pairs.batch_at(step, 1, seed=0)[1][0] for step in range(40)]
    assert set(drawn) == {"a first", "a second", "the third"}
    assert drawn == [pairs.batch_at(step, 1, seed=0)[1][0] for step in range(40)]
    # COCO's and a table's captions of one picture come together, too
    rows = "file,words\n" + "".join(f"x.png,caption {k}\n" for k in range(5)) + "x.png,caption 0\n"
    table = write(tmp_path / "a", {"t.csv": rows}) / "t.csv"
    facts, _ = run(table, tmp_path / "table", caption_column="words")
    assert (facts["pairs"], facts["captions"], facts["left_out"]) == (1, 5, {"duplicate": 1})


def test_columns_are_named_and_a_semicolon_or_a_quotation_is_read(tmp_path: Path) -> None:
    rows = 'id;bild;wort\n1;"a.png";"one; ""two"""\n2;b.png;plain\n'
    files: dict[str, Any] = {"a.png": picture(1), "b.png": picture(2), "t.csv": rows}
    table = write(tmp_path / "in", files) / "t.csv"
    with pytest.raises(ValueError, match="Which is the picture.* id, bild, wort.*--picture-column"):
        list_source(table)
    with pytest.raises(ValueError, match="none is 'word'.*--caption-column NAME"):
        list_source(table, picture_column="bild", caption_column="word")
    _, captions = run(table, tmp_path / "o", picture_column="bild", caption_column="wort")
    assert set(captions) == {'one; "two"', "plain"}


def test_the_pictures_of_a_table_may_be_elsewhere(tmp_path: Path) -> None:
    write(tmp_path / "pictures", {"a.png": picture()})
    table = write(tmp_path / "in", {"t.csv": "image,caption\na.png,words\n"}) / "t.csv"
    with pytest.raises(ValueError, match=r"Not one pair .* there is no .*in.a\.png"):
        import_pairs(table, tmp_path / "out", progress=False)
    facts, _ = run(table, tmp_path / "out2", pictures=tmp_path / "pictures")
    assert facts["pairs"] == 1


# ----------------------------------------------------------------------------------- pictures
def test_pictures_keep_their_shape_and_are_upright_in_rgb(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6  # the camera was turned: rows are columns
    gif = [Image.new("RGB", (50, 50), color) for color in ("red", "blue")]
    data = io.BytesIO()
    gif[0].save(data, "gif", save_all=True, append_images=gif[1:])
    deep = Image.fromarray(np.linspace(0, 65535, 60 * 60).astype(np.uint16).reshape(60, 60))
    sixteen = io.BytesIO()
    deep.save(sixteen, "png")
    clear = io.BytesIO()
    Image.new("RGBA", (60, 60), (0, 0, 0, 0)).save(clear, "png")
    svg = b'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 9 9"><path d="M0 0h9v9z"/></svg>'
    files: dict[str, Any] = {
        "turned.jpg": picture(1, "jpeg", (400, 200), exif=exif),
        "cmyk.jpg": picture(2, "jpeg", (400, 200), mode="CMYK"),
        "small.png": picture(3, size=(20, 25)),
        "wide.webp": picture(4, "webp", (300, 60)),
        "moves.gif": data.getvalue(),
        "deep.png": sixteen.getvalue(),
        "clear.png": clear.getvalue(),
        "drawn.svg": svg,
    }
    texts = {Path(name).stem + ".txt": Path(name).stem for name in files}
    facts, keys = run(write(tmp_path / "in", files | texts), tmp_path / "out", size=32)
    assert facts["pairs"] == 8 and facts["left_out"] == {"animated": 1}
    found = {}
    with tarfile.open(tmp_path / "out" / "00000.tar") as tar:
        for name, key in keys.items():
            (member,) = [
                m for m in tar.getnames() if m.startswith(key) and m[-3:] in ("png", "jpg")
            ]
            stored = tar.extractfile(member)
            assert stored
            found[name] = Image.open(io.BytesIO(stored.read()))
    sizes = {name: image.size for name, image in found.items()}
    assert sizes["turned"] == (32, 64) and sizes["cmyk"] == (64, 32)
    assert sizes["small"] == (20, 25)  # never enlarged
    assert sizes["wide"] == (160, 32) and sizes["moves"] == (32, 32)
    assert {name: image.format for name, image in found.items() if image.format == "JPEG"} == {
        "turned": "JPEG", "cmyk": "JPEG",
    }  # fmt: skip
    assert found["clear"].mode == "RGBA" and found["turned"].mode == "RGB"
    assert found["moves"].convert("RGB").getpixel((9, 9)) == (255, 0, 0)
    gray = np.asarray(found["deep"].convert("L")).astype(int)
    assert gray[0, 0] < 5 and gray[-1, -1] > 250 and 120 < gray[16, 16] < 140
    red, green, blue = found["cmyk"].getpixel((40, 20))  # type: ignore[misc]
    assert abs(red - 92) < 8 and abs(green - 120) < 8 and abs(blue - 150) < 8


def test_bad_input_is_counted_and_named_a_sentence_each(tmp_path: Path) -> None:
    huge = io.BytesIO()
    Image.new("1", (30_000, 30_000)).save(huge, "png")
    heic = b"\0\0\0\x18ftypheic" + bytes(200)
    files: dict[str, Any] = {
        "a.png": picture(1), "b.png": picture(2),
        "empty.jpg": b"", "half.jpg": picture(3, "jpeg", (300, 300))[:-100],
        "huge.png": huge.getvalue(), "phone.heic": heic, "page.jpg": "<html>404</html>",
        "dot.png": picture(4, size=(2, 2)), "latin.png": picture(5), "blank.png": picture(6),
        "copy.png": picture(1), "lonely.png": picture(7), ".DS_Store": b"x",
        "__MACOSX/._a.png": b"x", "odd.png": picture(8), "notes.md": "no pair",
    }  # fmt: skip
    texts: dict[str, Any] = {f"{Path(name).stem}.txt": "some words" for name in list(files)[:12]}
    texts |= {"latin.txt": "caf\xe9".encode("latin-1"), "blank.txt": " \n\n", "ghost.txt": "boo"}
    texts |= {"odd.txt": b"good words\nbad \x80\n", "copy.txt": "other words", "page.txt": "x"}
    del texts["lonely.txt"]
    facts, _ = run(write(tmp_path / "in", files | texts), tmp_path / "out", size=16)
    said = why(facts)
    assert facts["pairs"] == 3 and facts["left_out"] == {
        "a caption": 1, "broken picture": 6, "duplicate": 1, "no caption": 3, "no picture": 1,
    }  # fmt: skip
    assert facts["pairs"] + sum(row["pairs"] for row in facts["problems"]) == 14  # nothing is lost
    for name, words in {
        "empty.jpg": "broken picture: The file: the file is empty",
        "half.jpg": "broken picture: The picture can't be read to its end",
        "huge.png": "more than 100 megapixels",
        "phone.heic": "a HEIC picture; only a plugin",
        "page.jpg": "not a picture that can be read",
        "dot.png": "2 x 2 pixels; it needs at least 4",
        "latin.png": "no caption: its caption is not UTF-8 (byte 0xe9 at 3)",
        "blank.png": "no caption: blank.txt is empty",
        "lonely.png": "no caption: there is no lonely.txt",
        "ghost.txt": "no picture: no picture has its name",
        "copy.png": "its pixels are those of a.png; its caption is 'other words'",
        "odd.png": "a caption: its caption is not UTF-8 (byte 0x80 at 4)",
    }.items():
        assert words in said[name], said[name]
    page = (tmp_path / "out" / "report.html").read_text()
    assert page.count("<figure>") == 3 and "good words" in page and "<td>6" in page
    assert all(html.escape(f"{name}: ") in page for name in said)


def test_bad_rows_of_a_table_are_named_by_their_line(tmp_path: Path) -> None:
    rows = (
        b'image,caption\na.png,good\nb.png\nb.png,"over\ntwo lines"\nhttp://x/y.png,far\n,none\n'
        b"c.png,caf\xe9\ngone.png,words\na.png,again\n"
    )
    files: dict[str, Any] = {f"{c}.png": picture(ord(c)) for c in "abc"} | {"t.csv": rows}
    facts, captions = run(write(tmp_path / "in", files) / "t.csv", tmp_path / "out")
    assert set(captions) == {"good", "over\ntwo lines"} and facts["captions"] == 3
    said = why(facts)
    assert said["t.csv, line 3"] == "bad row: it has 1 cells, and the first line 2"
    assert "is an address" in said["t.csv, line 6"]
    assert said["t.csv, line 7"] == "no picture: it names no picture"
    assert "wrong encoding" in said["c.png"] and "there is no" in said["gone.png"]
    lines = '{"image": "a.png", "caption": "good"}\nnot json\n[1]\n{"image": "b.png"}\n'
    lines += '{"image": "c.png", "caption": ["one", "two"]}\n'
    lines += '{"image": "d.png", "caption": []}\n'
    source = write(tmp_path / "in", {"t.jsonl": lines}) / "t.jsonl"
    facts, captions = run(source, tmp_path / "lines")
    assert set(captions) == {"good", "one"} and facts["captions"] == 3
    assert facts["left_out"] == {"bad row": 2, "no caption": 2}
    quote = write(tmp_path / "in", {"q.csv": 'image,caption\na.png,"no end\nb.png,x\n'}) / "q.csv"
    with pytest.raises(ValueError, match="starts in line 2.*quotation mark"):
        import_pairs(quote, tmp_path / "quote", progress=False)


def test_cocos_faults_are_named(tmp_path: Path) -> None:
    source = as_coco(tmp_path / "in")
    data = json.loads(source.read_text())
    data["images"] += [{"id": 5, "file_name": "gone.png"}, {"id": 9, "file_name": "twice.png"}]
    data["annotations"] = data["annotations"][:2] + [{"image_id": 77, "caption": "of nothing"}]
    source.write_text(json.dumps(data))
    facts, captions = run(source, tmp_path / "out")
    assert facts["left_out"] == {
        "name twice": 1,
        "no caption": 3,
        "no picture": 1,
    }
    assert set(captions) >= {"number 1"}
    source.write_text('{"images": [], "annotations": [{"segmentation": []}]}')
    with pytest.raises(ValueError, match=r"not COCO's captions file.*take captions_\*.json"):
        list_source(source)


def test_shards_that_are_cut_off_packed_or_no_tar_are_named(tmp_path: Path) -> None:
    source = tmp_path / "in"
    files = {f"{k}.{e}": d for k in range(9) for e, d in (("png", picture(k)), ("txt", b"%d" % k))}
    whole = tar_of(source / "00000.tar", files).read_bytes()
    (source / "00001.tar").write_bytes(whole[: len(whole) // 2])
    (source / "00002.tar").write_bytes(b"<html>404</html>" * 99)
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w:gz") as tar:
        tar.add(source / "00000.tar", "0.png")
    (source / "00003.tar").write_bytes(packed.getvalue())
    more = {"x.png": picture(20), "x.txt": b"words", "y.png": b"broken", "y.txt": b"words"}
    tar_of(source / "00004.tar", more | {"z.png": picture(21), "w.txt": b"words"})
    facts, _ = run(source, tmp_path / "out")
    said = why(facts)
    assert facts["pairs"] == 10 and facts["left_out"]["duplicate"] >= 3
    assert "cut off" in said["00001.tar"] and said["00002.tar"] == "lost: no tar file"
    assert "packed: unpack it" in said["00003.tar"] and "broken" in said["00004.tar/y"]
    assert "no caption" in said["00004.tar/z"] and "no picture" in said["00004.tar/w"]


def test_held_out_icons_do_not_come_in_by_this_door(tmp_path: Path) -> None:
    about = json.dumps({"caption": "a house", "family": "lucide"}).encode()
    tar_of(tmp_path / "in" / "00000.tar", {"a.png": picture(), "a.json": about})
    with pytest.raises(ValueError, match="held-out icon set"):
        import_pairs(tmp_path / "in", tmp_path / "out", progress=False)


def test_what_can_not_be_imported_is_a_sentence(tmp_path: Path) -> None:
    write(tmp_path, {"pics/a.png": picture(), "pics/b.png": picture(1), "x.pdf": "%PDF"})
    for source, words in {
        tmp_path / "nothing": "There is no",
        tmp_path / "x.pdf": "is nothing that can be imported. That is: a folder",
        tmp_path / "pics": r"2 pictures and 0 captions \(.txt\): there is nothing to pair",
    }.items():
        with pytest.raises((ValueError, FileNotFoundError), match=words):
            import_pairs(source, tmp_path / "out", progress=False)
    assert not (tmp_path / "out").exists()
    with pytest.raises(ValueError, match="from 8 to 512"):
        import_pairs(tmp_path / "pics", tmp_path / "out", size=4)
    source = as_folder(tmp_path / "good")
    with pytest.raises(ValueError, match="is the source itself"):
        import_pairs(source, source)


# ------------------------------------------------------------------------- written and resumed
def many(root: Path, n: int = 35) -> Path:
    files: dict[str, Any] = {f"{k:02d}.png": picture(k % 30) for k in range(n)}
    return write(root, files | {f"{k:02d}.txt": f"number {k}" for k in range(n)} | {"no.png": b""})


def content(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


KILLED = """
import os, signal, sys
from clipedu.pairs import importing
shards, usual = [], importing.pack_shard
def pack(samples):
    shards.append(usual(samples))
    if len(shards) == {n}:
        open(sys.argv[2] + "/" + min(p for p in os.listdir(sys.argv[2]) if p.startswith(".0")),
             "wb").write(shards[-1][:700])
        os.kill(os.getpid(), signal.SIGKILL)
    return shards[-1]
importing.pack_shard = pack
importing.import_pairs(sys.argv[1], sys.argv[2], per_shard=10, size=16, progress=False)
"""


def test_killed_with_9_and_started_again_it_writes_the_same_bytes(tmp_path: Path) -> None:
    source = many(tmp_path / "in")
    import_pairs(source, tmp_path / "whole", per_shard=10, size=16, progress=False)
    assert (tmp_path / "whole" / "00003.tar").is_file()
    out = tmp_path / "out"
    for n in (1, 2):  # in the first shard; then, one being there, in the third
        call = [sys.executable, "-c", KILLED.format(n=n), str(source), str(out)]
        assert subprocess.run(call, timeout=120).returncode == -signal.SIGKILL
        assert len(list(out.glob("[0-9]*.tar"))) == n - 1
        assert len(list(out.glob(".0*"))) >= 1  # what was half-written, under another name
    before = {path.name: path.stat().st_mtime_ns for path in out.glob("[0-9]*.tar")}
    import_pairs(source, out, per_shard=10, size=16, progress=False)
    assert {name: (out / name).stat().st_mtime_ns for name in before} == before  # not made again
    assert content(out) == content(tmp_path / "whole")
    facts = json.loads((out / "report.json").read_text())
    assert facts["pairs"] == 30 and facts["left_out"]["duplicate"] == 5  # across shards


def test_many_processes_write_what_one_writes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = many(tmp_path / "in")
    import_pairs(source, tmp_path / "one", per_shard=20, progress=False)
    monkeypatch.setattr(importing, "FEW", 10)
    monkeypatch.setattr(importing, "CHUNK", 3)
    monkeypatch.setattr(importing.joblib, "cpu_count", lambda: 2)
    import_pairs(source, tmp_path / "two", per_shard=20, progress=False)
    assert content(tmp_path / "one") == content(tmp_path / "two")


def test_a_full_disk_is_a_sentence_and_nothing_is_half_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source, out, usual = many(tmp_path / "in"), tmp_path / "out", Path.write_bytes

    def full(path: Path, data: bytes) -> int:
        if "00001.tar" in path.name:
            usual(path, data[:100])
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return usual(path, data)

    with monkeypatch.context() as patch:
        patch.setattr(Path, "write_bytes", full)
        with pytest.raises(OSError, match="The disk is full; 1 shards are written and stay. Free"):
            import_pairs(source, out, per_shard=10, progress=False)
    assert sorted(path.name for path in out.glob("*.tar")) == ["00000.tar"]
    assert not list(out.glob(".0*"))
    assert len(open_shards(out, 16)) == 10
    import_pairs(source, out, per_shard=10, progress=False)
    import_pairs(source, tmp_path / "whole", per_shard=10, progress=False)
    assert content(out) == content(tmp_path / "whole")


def test_another_import_is_not_written_over_unless_asked(tmp_path: Path) -> None:
    source, out = as_folder(tmp_path / "in"), tmp_path / "out"
    import_pairs(source, out, size=16, progress=False)
    before = content(out)
    with pytest.raises(FileExistsError, match="not of this import.*--overwrite"):
        import_pairs(source, out, size=24, progress=False)
    assert content(out) == before
    import_pairs(source, out, size=24, overwrite=True, progress=False)
    assert content(out)["00000.tar"] != before["00000.tar"]
    (out / "mine.tar").write_bytes(b"")
    with pytest.raises(FileExistsError, match="mine.tar.*Choose another folder"):
        import_pairs(source, out, overwrite=True, progress=False)
    with FileLock(out / ".import.lock"):
        with pytest.raises(RuntimeError, match="Another import is writing"):
            import_pairs(source, out, progress=False)
