"""Pictures and captions of your own -> shards that `clipedu train --shards` reads, and a report.

A shard holds the good pairs of the next 1,000 entries of the list. NNNNN_stats.json, written before
it, tells what became of the others. So an import that was killed goes on at the first shard that is
missing, and ends with the same bytes. In memory are the list and one shard.
"""

from __future__ import annotations

import base64
import errno
import hashlib
import html
import io
import json
import warnings
from collections import Counter
from pathlib import Path
from typing import Any, NamedTuple

import joblib
from filelock import FileLock, Timeout
from PIL import Image
from tqdm.auto import tqdm

from clipedu.files import draft_of, write_whole
from clipedu.numbers import check_whole
from clipedu.pairs.clean import clean_caption, rgba_picture
from clipedu.pairs.listing import Entry, left_out, list_source
from clipedu.pairs.raster import LARGEST, SMALLEST, WORKERS, check_size
from clipedu.pairs.shards import OUR_FILES, ShardPairs, pack_shard, read_at, shard_stats

CHUNK = 16  # pictures that a process takes at a time
FEW = 200  # so many are done before a second process has started
SHOWN = 48  # pictures in the report


class Ready(NamedTuple):
    """A pair as it goes into a shard."""

    about: dict[str, Any]  # its .json
    ending: str
    data: bytes
    pixels: str  # their digest
    notes: list[tuple[str, str]]  # reason and sentence of what is not as it was


def prepare(entry: Entry, size: int) -> Ready | Entry:
    """The entry with its picture, the shorter side at most `size` pixels; or why there is none."""
    if entry.reason:
        return entry
    captions, notes = [], []
    for words in entry.captions:
        try:
            captions.append(clean_caption(words))
        except UnicodeDecodeError as error:
            byte = f"byte {error.object[error.start]:#04x} at {error.start}"
            notes.append(("a caption", f"its caption is not UTF-8 ({byte}): save it as that"))
        except (TypeError, ValueError) as error:
            notes.append(("a caption", str(error)))
    if not captions:
        return left_out(entry.name, "no caption", notes[0][1] if notes else "it has none")
    try:
        with open(entry.path, "rb") as file:
            data = read_at(file, *entry.span) if entry.span else file.read()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of broken tags and many pixels: read, or refused
            picture = rgba_picture(data, min(2 * size, LARGEST), draft=size)
        photo = picture.info["format"] in ("JPEG", "MPO")  # whose second frame is a thumbnail
        if picture.info["frames"] > 1 and not photo:
            notes.append(("animated", "its first picture was taken"))
        if (scale := size / min(picture.size)) < 1:  # never enlarged
            width, height = (max(1, round(scale * side)) for side in picture.size)
            picture = picture.resize((width, height), Image.Resampling.LANCZOS)
        if picture.getchannel("A").getextrema() == (255, 255):  # no alpha
            picture = picture.convert("RGB")
        out = io.BytesIO()
        picture.save(out, "jpeg" if photo else "png", quality=95)  # of which a PNG knows nothing
    except FileNotFoundError:
        return left_out(entry.name, "no picture", f"there is no {entry.path}")
    except Exception as error:  # whatever a decoder raises: one picture must not end an import
        return left_out(entry.name, "broken picture", str(error) or type(error).__name__)
    about: dict[str, Any] = {"caption": captions[0], "captions": list(dict.fromkeys(captions))}
    about |= {"source": entry.name, "width": picture.width, "height": picture.height}
    pixels = hashlib.sha256(f"{picture.mode}{picture.size}".encode() + picture.tobytes())
    return Ready(about, "jpg" if photo else "png", out.getvalue(), pixels.hexdigest()[:32], notes)


def import_pairs(
    source: str | Path,
    out: str | Path,
    *,
    size: int = 64,
    per_shard: int = 1000,
    overwrite: bool = False,
    progress: bool = True,
    **named: Any,
) -> dict[str, Any]:
    """Imports a source into the folder `out`, or goes on; returns what report.json says.

    named: `pictures`, `picture_column`, `caption_column` of `list_source`. What is left out is
    counted by its reason, and listed with a sentence; a picture whose stored pixels are those of an
    earlier one is a duplicate. Raises what `list_source` raises; FileExistsError for a folder with
    other shards; ValueError for not one good pair; RuntimeError while another import writes there;
    OSError.
    """
    check_size(size)
    check_whole("per_shard", per_shard)
    folder = Path(out)
    if folder.resolve() == Path(source).resolve():
        raise ValueError(f"{folder} is the source itself: give --out another folder.")
    kind, entries = list_source(source, **named)
    if progress:
        print(f"{source} is {kind}: {len(entries):,} entries.", flush=True)
    digest = hashlib.sha256(repr((size, per_shard)).encode())
    for entry in entries:
        digest.update(repr(entry).encode("utf-8", "surrogatepass"))
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with FileLock(folder / ".import.lock", timeout=0):
            _make_room(folder, digest.hexdigest(), overwrite)
            _write_all(folder, entries, size, per_shard, digest.hexdigest(), progress)
            facts = _report(folder, {"source": str(source), "kind": kind, "size": size})
    except Timeout:
        raise RuntimeError(f"Another import is writing to {folder}. Wait for its end.") from None
    except OSError as error:
        if error.errno != errno.ENOSPC:
            raise
        there = f"{len(list(folder.glob('*.tar'))):,} shards are written and stay"
        again = "Free some space, then type the same command again: it goes on"
        raise OSError(f"The disk is full; {there}. {again}.") from error
    if not facts["pairs"]:
        why = "; ".join(f"{row['name']}: {row['why']}" for row in facts["problems"][:3])
        raise ValueError(f"Not one pair of {source} can be imported. {why or 'It is empty.'}")
    return facts


def _make_room(folder: Path, key: str, overwrite: bool) -> None:
    """Removes drafts of an import that was killed, and shards that may be written over."""
    tars = sorted(folder.glob("*.tar"))
    for path in tars:
        ours = OUR_FILES.fullmatch(path.name)
        if not ours or not overwrite and _stats(path).get("import") != key:
            how = " Or write over it with --overwrite." if ours else ""
            what = f"{folder} holds {path.name}, which is not of this import"
            raise FileExistsError(f"{what}. Choose another folder.{how}")
    old = [*folder.glob(".[0-9]*"), *folder.glob(".report.*")]
    if overwrite:
        old += [*tars, *folder.glob("[0-9]*_stats.json")]
    for path in old:
        path.unlink()


def _stats(tar: Path) -> dict[str, Any]:
    try:
        return json.loads(tar.with_name(f"{tar.stem}_stats.json").read_bytes())
    except (OSError, ValueError):
        return {}


def _write_all(
    folder: Path, entries: list[Entry], size: int, per_shard: int, key: str, progress: bool
) -> None:
    """A shard for each `per_shard` entries, unless it is there."""
    seen: dict[str, str] = {}  # digest of pixels -> name of the first picture that has them
    workers = min(WORKERS, joblib.cpu_count(), 1 + len(entries) // FEW)
    # Workers wait 10 seconds for more to do, not the usual five minutes.
    how = {"return_as": "generator", "batch_size": CHUNK, "idle_worker_timeout": 10}
    bar = tqdm(total=len(entries), desc="importing", unit=" pictures", disable=not progress)
    with bar, joblib.Parallel(workers, **how) as parallel:
        for number, start in enumerate(range(0, len(entries), per_shard)):
            part, tar = entries[start : start + per_shard], folder / f"{number:05d}.tar"
            if tar.is_file():
                seen |= _stats(tar)["pictures"]
                bar.update(len(part))
                continue
            kept: list[Ready] = []
            problems: list[tuple[str, str, str, int]] = []
            for one in parallel(joblib.delayed(prepare)(entry, size) for entry in part):
                bar.update()
                if isinstance(one, Entry):
                    problems.append((one.name, one.reason, one.why, one.lost))
                elif one.pixels in seen:
                    why = f"its pixels are those of {seen[one.pixels]}; its caption is "
                    why += repr(one.about["caption"])
                    problems.append((one.about["source"], "duplicate", why, 1))
                else:
                    seen[one.pixels] = one.about["source"]
                    kept.append(one)
                    problems += [(one.about["source"], *note, 0) for note in one.notes]
            facts = {"import": key, "captions": sum(len(one.about["captions"]) for one in kept)}
            pictures = {one.pixels: one.about["source"] for one in kept}
            text = shard_stats(len(part), len(kept), **facts, problems=problems, pictures=pictures)
            write_whole(tar.with_name(f"{tar.stem}_stats.json"), text)
            digits = max(4, len(str(per_shard - 1)))
            keys = (f"{number:05d}{position:0{digits}d}" for position in range(len(kept)))
            with draft_of(tar, sync=True) as draft:  # the last: a shard that is there is done
                draft.write_bytes(pack_shard(map(_sample, keys, kept)))


def _sample(key: str, one: Ready) -> tuple[str, dict[str, bytes]]:
    about = json.dumps({"key": key, "status": "success", **one.about}, indent=1).encode()
    return key, {one.ending: one.data, "txt": one.about["caption"].encode(), "json": about}


def _report(folder: Path, facts: dict[str, Any]) -> dict[str, Any]:
    """Writes report.json and report.html from the stats of all shards; neither tells the time."""
    tars = sorted(folder.glob("*.tar"))
    stats = [_stats(tar) for tar in tars]
    rows = [row for one in stats for row in one["problems"]]
    counts: Counter[str] = Counter()
    for _, reason, _, count in rows:
        counts[reason] += count or 1
    names = ("name", "reason", "why", "pairs")
    facts = facts | {
        "pairs": sum(one["successes"] for one in stats),
        "captions": sum(one["captions"] for one in stats),
        "shards": len(tars),
        "left_out": dict(sorted(counts.items())),
        "problems": [dict(zip(names, row, strict=True)) for row in rows],
    }
    write_whole(folder / "report.json", json.dumps(facts, indent=1) + "\n")
    write_whole(folder / "report.html", _page(facts, tars), errors="backslashreplace")
    return facts


def _page(facts: dict[str, Any], tars: list[Path]) -> str:
    """Counts, a sheet of pictures with their captions, and what was left out."""
    pairs, sheet, rows = ShardPairs(SMALLEST, look=False), "", facts["problems"]
    for tar in tars[:: -(-len(tars) // 6) or 1]:
        pairs.add_shard(tar)
    for sample in pairs.samples[:: -(-len(pairs) // SHOWN) or 1]:
        with sample.shard.open("rb") as file:
            data = base64.b64encode(read_at(file, sample.offset, sample.length)).decode()
        words = html.escape(" / ".join(sample.captions))
        # a browser looks at the bytes, whatever kind of picture they are called
        sheet += f'<figure><img alt="" src="data:image/png;base64,{data}">{words}</figure>'
    cells = {name: facts[name] for name in ("pairs", "captions", "shards")} | facts["left_out"]
    table = "".join(f"<tr><td>{name}<td>{count:,}" for name, count in cells.items())
    told = "".join(f"<li>{html.escape(row['name'] + ': ' + row['why'])}" for row in rows[:200])
    more = f"<p>{len(rows) - 200:,} more are in report.json." if len(rows) > 200 else ""
    title = html.escape(f"{facts['source']}, {facts['kind']}")
    style = "figure{display:inline-block;width:9em;margin:.4em;vertical-align:top}img{width:9em}"
    return (
        f"<!doctype html><html lang=en><meta charset=utf-8><title>{title}</title><style>{style}"
        f"body{{font:16px sans-serif;margin:2em}}</style><h1>{title}</h1><table>{table}</table>"
        f"{sheet}<ul>{told}</ul>{more}\n"
    )
