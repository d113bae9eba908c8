"""What a source of pictures and captions holds, of whichever kind: a list of entries.

No picture is opened. What is wrong in the list itself (a picture without a caption, a caption
without a picture, a row that can't be read) is an entry with a reason, and so it is counted.
"""

from __future__ import annotations

import csv
import json
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, NamedTuple, TextIO

from clipedu.pairs.shards import PICTURES, SHARD_NAME, ShardPairs

#: Endings of files that are tried as pictures.
ENDINGS = {*PICTURES, *"jfif gif bmp tif tiff svg avif heic heif".split()}
#: Columns that need not be named, the most usual name first.
USUAL = {
    "picture": "file_name filename image image_path picture path file filepath img".split(),
    "caption": "caption captions text description title sentence".split(),
}


class Entry(NamedTuple):
    """A picture and its captions before it is opened; or, with a `reason`, why there is no pair."""

    name: str  # as the report shows it
    captions: tuple[Any, ...] = ()  # text, or its bytes
    path: str = ""
    span: tuple[int, int] | None = None  # offset and length of the picture in a tar
    reason: str = ""  # by which it is counted
    why: str = ""  # a sentence
    lost: int = 1  # pairs


def left_out(name: str, reason: str, why: str, lost: int = 1) -> Entry:
    """An entry that is no pair."""
    return Entry(name, reason=reason, why=why, lost=lost)


def list_source(
    source: str | Path,
    pictures: str | Path | None = None,
    picture_column: str | None = None,
    caption_column: str | None = None,
) -> tuple[str, list[Entry]]:
    """What kind of source it is, in words, and its entries. Raises OSError, ValueError.

    pictures: the folder to which paths in a table or in COCO's file are relative, if not its own.
    """
    source, columns = Path(source), (pictures, picture_column, caption_column)
    if source.is_dir():
        if tars := [path for path in sorted(source.iterdir()) if SHARD_NAME.fullmatch(path.name)]:
            return "img2dataset's shards", _of_shards(tars)
        files = visible_files(source)
        if tables := [path for path in files if path.name in ("metadata.csv", "metadata.jsonl")]:
            entries = [entry for path in tables for entry in _of_table(path, *columns)[1]]
            known = {Path(entry.path) for entry in entries}
            alone = [path for path in files if is_picture(path) and path not in known]
            entries += [left_out(str(path), "no caption", "no row names it") for path in alone]
            return "a Hugging Face imagefolder", entries
        return "a folder of pictures with .txt files", _of_folder(source, files)
    if not source.exists():
        raise FileNotFoundError(f"There is no {source}.")
    if (ending := source.suffix.lower()) in (".csv", ".tsv", ".jsonl"):
        return _of_table(source, *columns)
    if ending == ".json":
        return _of_coco(source, pictures)
    if SHARD_NAME.fullmatch(source.name):
        return "a shard of img2dataset's kind", _of_shards([source])
    kinds = "a folder, a .csv, .tsv or .jsonl, COCO's captions as .json, a .tar"
    raise ValueError(f"{source} is nothing that can be imported. That is: {kinds}.")


def visible_files(folder: Path) -> list[Path]:
    """Every file below a folder, but hidden ones: .DS_Store, __MACOSX/a.jpg."""
    found = [path for path in sorted(folder.rglob("*")) if path.is_file()]
    hidden = (".", "__MACOSX")
    return [f for f in found if not any(p.startswith(hidden) for p in f.relative_to(folder).parts)]


def is_picture(path: Path) -> bool:
    """Whether the name ends as a picture's."""
    return path.suffix[1:].lower() in ENDINGS


def _of_folder(folder: Path, files: list[Path]) -> list[Entry]:
    """a.jpg and a.txt, in which every line is a caption."""
    texts = {path.with_suffix(""): path for path in files if path.suffix.lower() == ".txt"}
    pictures = [path for path in files if is_picture(path)]
    if not pictures or not texts:
        found = f"{folder} has {len(pictures):,} pictures and {len(texts):,} captions (.txt)"
        how = "Put the caption of a.jpg into a.txt beside it, or import a table that names both"
        raise ValueError(f"{found}: there is nothing to pair. {how}.")
    entries = []
    for path in pictures:
        name, text = path.relative_to(folder).as_posix(), texts.get(path.with_suffix(""))
        lines = text.read_bytes().splitlines() if text else ()
        captions = tuple(line for line in lines if line.strip())
        good = Entry(name, captions, str(path))
        why = f"{text.name} is empty" if text else f"there is no {path.stem}.txt"
        entries.append(good if captions else left_out(name, "no caption", why))
    alone = sorted(texts.keys() - {path.with_suffix("") for path in pictures})
    names = [texts[stem].relative_to(folder).as_posix() for stem in alone]
    return entries + [left_out(n, "no picture", "no picture has its name") for n in names]


def _paired(rows: Iterable[tuple[str, Any, Any] | Entry], base: Path) -> list[Entry]:
    """(where, a picture's name, its caption or captions) -> an entry a picture; then bad ones."""
    captions: dict[str, list[Any]] = {}
    bad = []
    for row in rows:
        if isinstance(row, Entry):
            bad.append(row)
            continue
        where, name, told = row
        new = told if isinstance(told, list) else [told]
        if not isinstance(name, str) or not name.strip():
            bad.append(left_out(where, "no picture", "it names no picture"))
        elif name.startswith(("http://", "https://")):
            how = "fetch it first, for example with img2dataset"
            bad.append(left_out(where, "no picture", f"{name} is an address: {how}"))
        elif any(words in captions.get(name, ()) for words in new):
            bad.append(left_out(where, "duplicate", f"{name} has this caption already"))
        else:
            captions.setdefault(name, []).extend(new)
    return [Entry(n, tuple(c), str(base / n.strip())) for n, c in captions.items()] + bad


def _of_table(
    path: Path, base: str | Path | None, picture: str | None, caption: str | None
) -> tuple[str, list[Entry]]:
    # Bytes of other encodings become half characters, which `clean_caption` refuses.
    with path.open(encoding="utf-8-sig", errors="surrogateescape", newline="") as file:
        found = list(_rows(file, path.suffix.lower() == ".jsonl"))
    header = next((list(row) for _, row, fault in found if not fault), [])
    names = [_column(path, header, *x) for x in (("picture", picture), ("caption", caption))]
    rows: list[Any] = [
        left_out(f"{path.name}, line {line}", "bad row", fault)
        if fault
        else (f"{path.name}, line {line}", *map(row.get, names))
        for line, row, fault in found
    ]
    kind = f"a table, {path.name}, with the columns {names[0]} and {names[1]}"
    return kind, _paired(rows, Path(base or path.parent))


def _rows(file: TextIO, jsonl: bool) -> Iterator[tuple[int, dict[str, Any], str]]:
    """The number of each row's first line, the row, and what is wrong with it."""
    for number, line in enumerate(file if jsonl else (), 1):
        row: Any = None
        try:
            row = json.loads(line) if line.strip() else {}
        except (ValueError, RecursionError):
            pass
        if row != {}:
            bad = not isinstance(row, dict)
            yield number, {} if bad else row, "it is no JSON object" * bad
    start, number = file.readline(), 1
    file.seek(0)
    reader = csv.reader(() if jsonl else file, delimiter=max(",;\t", key=start.count), strict=True)
    try:
        header = next(reader, [])
        number = reader.line_num + 1
        for cells in reader:
            wrong = f"it has {len(cells)} cells, and the first line {len(header)}"
            if cells:
                row = dict(zip(header, cells, strict=False))
                yield number, row, wrong * (len(cells) != len(header))
            number = reader.line_num + 1
    except csv.Error as error:
        what = f"{file.name}, the row that starts in line {number}: {error}"
        raise ValueError(f"{what}. Is a quotation mark missing, or not doubled?") from error


def _column(path: Path, header: list[str], what: str, asked: str | None) -> str:
    names = {name.strip().lower(): name for name in reversed(header)}
    for name in [asked] if asked else [names[n] for n in USUAL[what] if n in names]:
        if name in header:
            return name
    has = f"{path.name} has the columns {', '.join(header) or '(none)'}"
    wrong = f"{has}, and none is {asked!r}" if asked else f"Which is the {what}? {has}"
    raise ValueError(f"{wrong}. Name it: --{what}-column NAME.")


def _of_coco(path: Path, pictures: str | Path | None) -> tuple[str, list[Entry]]:
    try:
        data = json.loads(path.read_bytes())
        names = {image["id"]: str(image["file_name"]) for image in reversed(data["images"])}
        told = [(row["image_id"], row["caption"]) for row in data["annotations"]]
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        needs = '"images" with id and file_name, "annotations" with image_id and caption'
        what = f"{path} is not COCO's captions file, which has {needs} ({error!r})"
        raise ValueError(f"{what}. Of COCO's files take captions_*.json.") from error
    rows: list[Any] = [(f"the caption {words!r}", names.get(key), words) for key, words in told]
    without = names.keys() - {key for key, _ in told}
    rows += [
        left_out(names[k], "no caption", "no annotation is of it") for k in sorted(without, key=str)
    ]
    if twice := len(data["images"]) - len(names):
        rows.append(left_out(path.name, "name twice", "pictures have the id of another", twice))
    base = Path(pictures or path.parent)
    return f"COCO's captions, with the pictures in {base}", _paired(rows, base)


def _of_shards(tars: list[Path]) -> list[Entry]:
    pairs = ShardPairs(32, look=False)
    for path in tars:
        pairs.add_shard(path)
    if pairs.role == "held_out":
        raise ValueError("These shards hold pictures of a held-out icon set: none may train on it.")
    good = [(f"{s.shard.name}/{s.key}", s) for s in pairs.samples]
    entries = [Entry(n, s.captions, str(s.shard), (s.offset, s.length)) for n, s in good]
    return entries + [left_out(*row) for row in pairs.bad]
