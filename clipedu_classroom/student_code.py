"""Read a student's Python without running it: what Python can run of a cell, which names it binds,
which statements of other cells it needs, and what stands out."""

from __future__ import annotations

import ast
import re
import symtable
from collections.abc import Iterable, Iterator

from clipedu_classroom.stubs import bound_by

LITERAL = r"'(?:[^'\\\n]|\\.)*'|\"(?:[^\"\\\n]|\\.)*\""
MAGIC = re.compile(rf"get_ipython\(\)\.(\w+)\(((?:\s*(?:{LITERAL}),?)+)\)")
PARSE_ERRORS = (SyntaxError, ValueError, RecursionError, MemoryError)
Key = tuple[int, int]  # a cell and a statement of it


def clean(source: str) -> str:
    """Code that plain Python can run: IPython's `%time`, `!ls`, `name?` do nothing. A cell that
    parses stays as it is."""
    magic = re.match(r"\s*%%(\w+).*\n?", source)
    if magic:
        python = magic[1] in ("time", "timeit", "capture", "prun", "memit")
        return clean(source[magic.end() :]) if python else ""
    try:
        ast.parse(source)
    except (SyntaxError, ValueError):
        if re.search(r"[%!?]", source):
            return _without_magics(source)
    except (RecursionError, MemoryError):
        pass
    return source


def _without_magics(source: str) -> str:
    from IPython.core.inputtransformer2 import TransformerManager

    def plain(call: re.Match[str]) -> str:
        name, words = call[1], ast.literal_eval(f"[{call[2]}]")
        if name == "run_line_magic" and words[0] == "time":
            return str(words[1]) or "None"
        return "[]" if name == "getoutput" else "None"

    try:
        return MAGIC.sub(plain, TransformerManager().transform_cell(source))
    except Exception:  # IPython promises no kind of its own
        return source


# Names


def defined_names(source: str) -> set[str]:
    """Names bound at the top level (also by import, loops, with); empty when the code does not
    parse."""
    try:
        return {name for node in ast.parse(source).body for name in bound_by(node)}
    except PARSE_ERRORS:
        return set()


def _changed(node: ast.stmt) -> set[str]:
    """Names that the statement binds, and those whose objects it may change: `x.y = 1`, `x[0] = 1`,
    `x.append(1)`."""
    targets: list[ast.expr] = []
    if isinstance(node, ast.Expr) and isinstance(node.value, ast.Call):
        targets = [node.value.func]
    elif isinstance(node, (ast.Assign, ast.AugAssign)):
        targets = node.targets if isinstance(node, ast.Assign) else [node.target]
    names = set(bound_by(node))
    for target in targets:
        inside = target
        while isinstance(inside, (ast.Attribute, ast.Subscript)):
            inside = inside.value
        if inside is not target and isinstance(inside, ast.Name):
            names.add(inside.id)
    return names


def wanted_names(source: str) -> set[str]:
    """Global names that the code reads, at the top level or in its functions."""
    names: set[str] = set()
    try:
        tables = [symtable.symtable(source, "answer", "exec")]
    except PARSE_ERRORS:
        return names
    for table in tables:
        tables += table.get_children()
        top = table.get_type() == "module"
        names |= {
            symbol.get_name()
            for symbol in table.get_symbols()
            if symbol.is_referenced() and (top or symbol.is_global())
        }
    return names


def needed_code(answers: list[str], added: dict[int, str]) -> dict[int, str]:
    """Of each added cell the statements that define, directly or not, what the answers use."""
    by_name, texts = _definitions(added, only_last=False)
    names = ["*", *(name for code in answers for name in wanted_names(code) - defined_names(code))]
    needed: dict[int, list[str]] = {}
    for key in sorted(_behind(names, by_name, texts, set())):
        needed.setdefault(key[0], []).append(texts[key])
    return {cell: "\n".join(lines) for cell, lines in needed.items()}


def defining_code(cells: list[str], names: Iterable[str], given: set[str]) -> str:
    """The statements of executed cells, as written, that define the names and, directly or not,
    what these use and is not `given`: of each name the last definition, and what changed it since.
    Imports come first, then what is in other cells than the names."""
    by_name, texts = _definitions(dict(enumerate(cells)), only_last=True)
    homes = {by_name[name][0][0] for name in names if by_name.get(name)}
    is_import = re.compile("(import|from) ").match
    needed = _behind(names, by_name, texts, given)
    text, before = "", ""
    for key in sorted(needed, key=lambda k: (not is_import(texts[k]), k[0] in homes, k)):
        gap = "\n\n\n" if ":\n" in before + texts[key] else "\n"
        text, before = text + gap + texts[key], texts[key]
    return text.strip("\n")


def _definitions(
    cells: dict[int, str], only_last: bool
) -> tuple[dict[str, list[Key]], dict[Key, str]]:
    """Which statements bind or change each name, and the text of each statement."""
    by_name: dict[str, list[Key]] = {}
    texts: dict[Key, str] = {}
    for cell, source in cells.items():
        try:
            body = [part for node in ast.parse(source).body for part in _single_imports(node)]
        except PARSE_ERRORS:
            continue
        for number, node in enumerate(body):
            texts[cell, number] = _as_written(source, node)
            for name in _changed(node):
                if only_last and name in bound_by(node) and not isinstance(node, ast.AugAssign):
                    by_name[name] = []
                by_name.setdefault(name, []).append((cell, number))
    return by_name, texts


def _behind(
    names: Iterable[str], by_name: dict[str, list[Key]], texts: dict[Key, str], given: set[str]
) -> set[Key]:
    """The statements that define the names, and what these use and is not given."""
    chosen, asked, queue = set[Key](), set(given), list(names)
    for name in queue:
        if name not in asked:
            asked.add(name)
            found = by_name.get(name, by_name.get("*", []))
            queue += [more for key in found for more in sorted(wanted_names(texts[key]))]
            chosen.update(found)
    return chosen


def _single_imports(node: ast.stmt) -> list[ast.stmt]:
    """An import of several names as one import for each."""
    if isinstance(node, ast.Import):
        return [ast.copy_location(ast.Import([alias]), node) for alias in node.names]
    if isinstance(node, ast.ImportFrom):
        made = [ast.ImportFrom(node.module, [alias], node.level) for alias in node.names]
        return [ast.copy_location(one, node) for one in made]
    return [node]


def _as_written(source: str, node: ast.stmt) -> str:
    """The statement's lines, with decorators and the comment right above; an import, and one of
    several statements of a line, made anew."""
    lines = source.splitlines()
    first = min([node.lineno, *(x.lineno for x in getattr(node, "decorator_list", ()))]) - 1
    end = node.end_lineno or node.lineno
    own = "\n".join(lines[first:end])
    try:
        whole = len(ast.parse(own).body) == 1
    except PARSE_ERRORS:
        whole = False
    if isinstance(node, ast.Import | ast.ImportFrom) or not whole:
        return ast.unparse(node)
    while first and lines[first - 1].startswith("#"):
        first -= 1
    return "\n".join(lines[first:end])


def squeeze(source: str) -> str:
    """Without white space."""
    return "".join(source.split())


# What no exercise needs. A hit never costs points: it asks a person to look.

CHECKER = "check|hint|solution|give_up|progress|reset"
OF_THE_COURSE = rf"clipedu(_classroom|_lessons)?\.(?!(classroom\.)?(classroom|{CHECKER})$)"
FILES = "solutions/|clipedu_lessons|clipedu/|clipedu_classroom|gradebook|/proc/|lesson_"
RULES = [
    (re.compile(pattern), words)
    for pattern, words in (
        (r"import (subprocess|multiprocessing)\b", "starts processes"),
        (r"use os\.(fork|system|popen|execv)$", "starts processes"),
        (r"import (socket|urllib|http|requests)\b", "uses the network"),
        (r"import ctypes\b", "loads native code"),
        (r"import signal\b|use os\.(kill|killpg)$", "sends signals"),
        (r"import (gc|inspect)\b|use sys\._getframe$", "looks into the interpreter"),
        (r"import atexit\b", "runs code at exit"),
        (r"import importlib\b|use __import__$", "imports by name"),
        (r"import builtins\b", "changes the language"),
        (r"import pickle\b", "loads code as data"),
        (r"use os\.(_exit|abort)$", "ends the process"),
        (r"use os\.getppid$", "looks for the grader"),
        (r"import clipedu_lessons$", "uses a part of the course"),
        (rf"(import|use) {OF_THE_COURSE}", "uses a part of the course"),
        (rf"define ({CHECKER})$", "replaces the checker"),
        (r"set ", "changes a module"),
        (rf"text .*({FILES})", "names files of the course or of the system"),
    )
]


def suspicions(source: str) -> list[str]:
    """What stands out, in words; [] for ordinary code and for code that does not parse."""
    try:
        facts = list(dict.fromkeys(_facts(ast.parse(source))))
    except PARSE_ERRORS:
        return []
    found = [(words, fact) for fact in facts for rule, words in RULES if rule.match(fact)]
    return [f"{words} ({fact[:100]})" for words, fact in found]


def _facts(tree: ast.AST) -> Iterator[str]:
    """`import os.path`, `use os.path.join`, `set torch.ones` (of a module), `define check` and
    `text ...` for each thing in the code."""
    modules = {"torch", "nn", "F", "np", "numpy", "builtins", "math"}
    nodes = list(ast.walk(tree))
    for node in nodes:
        if isinstance(node, ast.Import):
            modules.update(bound_by(node))
    for node in nodes:
        if isinstance(node, ast.Import):
            yield from (f"import {alias.name}" for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield f"import {node.module}"
            yield from (f"use {node.module}.{alias.name}" for alias in node.names)
        elif isinstance(node, (ast.FunctionDef, ast.ClassDef)):
            yield f"define {node.name}"
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield f"text {' '.join(node.value.split())}"
        elif isinstance(node, ast.Call) and _dotted(node.func) == "setattr" and node.args:
            if _dotted(node.args[0]).partition(".")[0] in modules:
                yield f"set {_dotted(node.args[0])}"
        elif isinstance(node, (ast.Attribute, ast.Name)) and (name := _dotted(node)):
            if isinstance(node.ctx, ast.Load):
                yield f"use {name}"
            elif isinstance(node, ast.Name):
                yield f"define {name}"
            elif name.partition(".")[0] in modules:
                yield f"set {name}"


def _dotted(node: ast.AST) -> str:
    """`os.path.join` for that expression; "" when it is not a chain of names."""
    parts: list[str] = []
    while isinstance(node, ast.Attribute):
        parts.append(node.attr)
        node = node.value
    return ".".join([node.id, *reversed(parts)]) if isinstance(node, ast.Name) else ""
