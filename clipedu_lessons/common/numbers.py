"""Values for the prose around a cell: `numbers(loss=f"{loss:.2f}")`, and Markdown says `{=loss}`.

Nothing is shown. `clipedu build` reads the values in the stored outputs and fills the text cells.
"""

from __future__ import annotations

import builtins

from clipedu_classroom.prose_numbers import NUMBERS


def numbers(**values: str | int) -> None:
    """Give each value, as it shall be read, to the text cells of this notebook.

    Raises TypeError for what is not formatted: a float has as many digits as you choose to show.
    """
    for name, value in values.items():
        if isinstance(value, bool) or not isinstance(value, str | int) or not str(value).strip():
            raise TypeError(
                f"{name} is {value!r}: give the text that the reader shall see, "
                f'as numbers({name}=f"{{{name}:.2f}}")'
            )
    shell = getattr(builtins, "get_ipython", lambda: None)()  # IPython makes these two built-in
    if hasattr(shell, "kernel"):
        words = {name: str(value) for name, value in values.items()}
        getattr(builtins, "display")({NUMBERS: words}, raw=True)  # noqa: B009
