"""Read an answer's code for what no exercise needs. A hit never costs points: it asks a person to
look.
"""

from __future__ import annotations

import ast

MODULES = {
    name: words
    for words, names in {
        "starts processes": "subprocess multiprocessing",
        "uses the network": "socket urllib http requests",
        "loads native code": "ctypes",
        "sends signals": "signal",
        "looks into the interpreter": "gc inspect",
        "runs code at exit": "atexit",
        "imports by name": "importlib",
        "changes the language": "builtins",
        "loads code as data": "pickle",
    }.items()
    for name in names.split()
}
CALLS = {
    name: words
    for words, names in {
        "ends the process": "os._exit os.abort",
        "sends signals": "os.kill os.killpg",
        "starts processes": "os.fork os.system os.popen os.execv",
        "looks for the grader": "os.getppid",
        "looks into the interpreter": "sys._getframe",
        "imports by name": "__import__",
    }.items()
    for name in names.split()
}
PATHS = "solutions/ clipedu_lessons clipedu/ clipedu_classroom gradebook /proc/ lesson_".split()
COURSE = {"clipedu", "clipedu_classroom", "clipedu_lessons"}
CHECKER = {"check", "hint", "solution", "give_up", "progress", "reset"}
CLASSROOM = {"clipedu", "clipedu_classroom", "clipedu.classroom"}


def suspicions(source: str) -> list[str]:
    """What stands out, in words; [] for ordinary code and for code that does not parse."""
    try:
        tree = ast.parse(source)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return []
    imported = _imported(tree)
    found = [
        words for node in ast.walk(tree) for words in [*_node(node), *_patches(node, imported)]
    ]
    return list(dict.fromkeys(found))


def _node(node: ast.AST) -> list[str]:
    if isinstance(node, ast.Import):
        return [words for alias in node.names for words in _module(alias.name)]
    if isinstance(node, ast.ImportFrom):
        name = node.module or ""
        if name in CLASSROOM:
            rest = {alias.name for alias in node.names} - CHECKER
            return [f"imports {name}.{item}, a part of the course" for item in sorted(rest)]
        return _module(name) + [
            f"{CALLS[call]} ({call})"
            for alias in node.names
            if (call := f"{name}.{alias.name}") in CALLS
        ]
    if isinstance(node, (ast.Attribute, ast.Name)):
        name = _dotted(node)
        if name in CALLS:
            return [f"{CALLS[name]} ({name})"]
        package, _, inside = name.partition(".")
        if package in COURSE and inside and name.rpartition(".")[2] not in {*CHECKER, "classroom"}:
            return [f"uses {name}, a part of the course"]
    if isinstance(node, (ast.FunctionDef, ast.ClassDef)) and node.name in CHECKER:
        return [f"redefines {node.name}"]
    if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store) and node.id in CHECKER:
        return [f"redefines {node.id}"]
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        if any(word in node.value for word in PATHS):
            return ["names files of the course or of the system"]
    return []


def _module(name: str) -> list[str]:
    top = name.partition(".")[0]
    if top in COURSE:
        return [] if name in CLASSROOM else [f"imports {name}, a part of the course"]
    return [f"{MODULES[top]} (imports {name})"] if top in MODULES else []


def _imported(tree: ast.AST) -> set[str]:
    """Names that stand for modules."""
    names = {"torch", "nn", "F", "np", "numpy", "builtins", "math"}
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names |= {(alias.asname or alias.name).partition(".")[0] for alias in node.names}
    return names


def _patches(node: ast.AST, modules: set[str]) -> list[str]:
    targets: list[ast.expr] = []
    if isinstance(node, ast.Assign):
        targets = node.targets
    elif isinstance(node, (ast.AugAssign, ast.AnnAssign)):
        targets = [node.target]
    elif isinstance(node, ast.Call) and _dotted(node.func) == "setattr" and node.args:
        owner = _dotted(node.args[0])
        return [f"changes {owner}"] if owner.partition(".")[0] in modules else []
    names = [_dotted(target) for target in targets if isinstance(target, ast.Attribute)]
    return [f"changes {name}" for name in names if name.partition(".")[0] in modules]


def _dotted(node: ast.AST) -> str:
    """`os.path.join` for that expression; "" when it is not a chain of names."""
    parts: list[str] = []
    while isinstance(node, ast.Attribute):
        parts.append(node.attr)
        node = node.value
    if not isinstance(node, ast.Name):
        return ""
    return ".".join([node.id, *reversed(parts)])
