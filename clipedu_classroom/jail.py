"""The almost empty system of a worker under bubblewrap: what it is built of, and that it is enough
for Python.
"""

from __future__ import annotations

import os
import shutil
import site
import sys
from collections.abc import Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
PACKAGES = ("clipedu", "clipedu_classroom", "clipedu_lessons")


def python_folders() -> list[Path]:
    """What a Python needs to run with its installed packages: the environment and the installation
    under it.
    """
    folders = [Path(sys.prefix), Path(sys.base_prefix), *map(Path, site.getsitepackages())]
    folders += [Path(os.path.realpath(sys.executable)).parent.parent]
    found: list[Path] = []
    for folder in sorted(
        {path.resolve() for path in folders if path.is_dir()}, key=lambda path: len(path.parts)
    ):
        if not any(folder.is_relative_to(other) for other in [*found, Path("/usr")]):
            found.append(folder)
    return found


def bubblewrap(folder: Path, kit: Sequence[str]) -> list[str]:
    """The command words that go before Python. `folder` holds the kit of files that the worker
    needs.
    """
    words = ["bwrap", "--unshare-pid", "--unshare-net", "--unshare-ipc", "--unshare-uts"]
    words += [] if os.geteuid() == 0 else ["--unshare-user"]
    words += ["--die-with-parent", "--new-session", "--ro-bind", "/usr", "/usr"]
    for name in ("bin", "sbin", "lib", "lib32", "lib64", "libx32"):
        path = Path("/", name)
        if path.is_symlink():
            words += ["--symlink", os.readlink(path), str(path)]
        elif path.is_dir():
            words += ["--ro-bind", str(path), str(path)]
    for name in ("/etc/ld.so.cache", "/etc/alternatives", "/etc/localtime", "/nix/store"):
        words += ["--ro-bind-try", name, name]
    words += ["--proc", "/proc", "--dev", "/dev"]
    folders = python_folders()
    # Parents that bubblewrap makes by itself are closed to the unprivileged user
    for parent in sorted(
        {parent for path in folders for parent in path.parents if parent != Path("/")}
    ):
        if not parent.is_relative_to("/usr"):
            words += ["--perms", "0755", "--dir", str(parent)]
    for path in folders:
        words += ["--ro-bind", str(path), str(path)]
    words += ["--perms", "0755", "--dir", "/sandbox"]
    for name in [*kit, "library"]:
        words += ["--ro-bind-try", str(folder / name), f"/sandbox/{name}"]
    words += ["--perms", "1777", "--size", str(64 << 20), "--tmpfs", "/sandbox/work"]
    words += ["--perms", "1777", "--size", str(16 << 20), "--tmpfs", "/tmp"]
    for path in hidden_inside(folders):
        words += ["--tmpfs", str(path)]
    return [*words, "--chdir", "/sandbox/work"]


def hidden_inside(folders: Sequence[Path]) -> list[Path]:
    """The course's own packages where they are installed inside one of the folders (not in a clone
    beside them).
    """
    inside = any(ROOT.is_relative_to(folder) for folder in [*folders, Path("/usr")])
    return [ROOT / name for name in PACKAGES] if inside else []


def copy_library(modules: Sequence[str], target: Path) -> None:
    """Copy the named course modules (and nothing else of the course) where a worker can import
    them.

    Raises ValueError when there is no such module.
    """
    (target / "clipedu").mkdir(parents=True)
    package = ROOT / "clipedu"
    for module in modules:
        parts = module.split(".")[1:]
        source = package.joinpath(*parts)
        destination = (target / "clipedu").joinpath(*parts)
        destination.parent.mkdir(parents=True, exist_ok=True)
        if module.startswith("clipedu.") and source.is_dir():
            shutil.copytree(source, destination, dirs_exist_ok=True)
        elif module.startswith("clipedu.") and source.with_suffix(".py").is_file():
            shutil.copy(source.with_suffix(".py"), destination.with_suffix(".py"))
        else:
            raise ValueError(
                f"LIBRARY_NEEDED names {module!r}; there is no such module in clipedu."
            )
