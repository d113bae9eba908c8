"""Puts the notebooks into the wheel, as clipedu_lessons/trees/, where `clipedu start` finds them.

Everything else is in pyproject.toml. An editable install needs no copy: it has the folders.
"""

from pathlib import Path
from typing import Any

from setuptools import setup
from setuptools.command.build_py import build_py


class WithNotebooks(build_py):
    """Copies the lessons and the exercises; solutions are in clipedu_lessons already."""

    def run(self) -> Any:
        super().run()
        if not self.editable_mode:
            for tree in ("notebooks", "exercises"):
                for path in sorted(Path(tree).glob("*.ipynb")):
                    target = Path(self.build_lib, "clipedu_lessons", "trees", tree)
                    self.mkpath(str(target))
                    self.copy_file(str(path), str(target / path.name))


setup(cmdclass={"build_py": WithNotebooks})
