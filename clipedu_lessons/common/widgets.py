"""What the lessons' widgets share: controls, a picture with alternative text, a line of words.

The picture is HTML and no Output area, so any notebook runner can execute a widget.
"""

from __future__ import annotations

import html
from collections.abc import Sequence

import ipywidgets
from matplotlib.figure import Figure

from clipedu.plots import figure_bundle

# JupyterLab takes the arrow keys of a closed list: they move to another cell.
LIST_KEYS = "(Space opens the list, arrows and Enter choose)"


def picture_html(figure: Figure, words: str) -> str:
    """A figure as an HTML image whose alternative text is `words`."""
    png = figure_bundle(figure, words)[0]["image/png"]
    return f'<img alt="{html.escape(words)}" src="data:image/png;base64,{png}">'


def said_html(words: str) -> str:
    """A line that a screen reader reads out when it changes."""
    return f'<p role="status">{html.escape(words)}</p>'


def trouble_html(words: str) -> str:
    """A line that says what is wrong with what was typed or given."""
    return f'<p role="alert"><b>That does not work:</b> {html.escape(words)}</p>'


def text_box(description: str, value: str, tooltip: str) -> ipywidgets.Text:
    """A line to type in; what is typed counts when Enter is pressed."""
    return ipywidgets.Text(
        value=value, description=description, tooltip=tooltip, continuous_update=False
    )


def picture_upload(tooltip: str) -> ipywidgets.FileUpload:
    """A button that opens one picture file."""
    return ipywidgets.FileUpload(accept="image/*", description="Open a picture", tooltip=tooltip)


class Explorer(ipywidgets.VBox):
    """Controls above `picture` and `words`, which follow every change of a control's value.

    A subclass makes its controls, passes them to `__init__` and draws them in `draw`.
    shown: those that are displayed, or boxes of them; by default all. text: its `repr`.
    """

    text = "explorer (it needs a running notebook)"

    def __init__(
        self,
        controls: Sequence[ipywidgets.Widget],
        shown: Sequence[ipywidgets.Widget] | None = None,
        *,
        words_first: bool = False,
    ) -> None:
        self.picture, self.words = ipywidgets.HTML(), ipywidgets.HTML()
        for control in controls:
            control.observe(self.update, names="value")
        answer = [self.words, self.picture] if words_first else [self.picture, self.words]
        super().__init__([*(controls if shown is None else shown), *answer])
        self.update()

    def draw(self) -> tuple[Figure | None, str]:
        """The figure for the controls' values (None: no picture) and the words that describe it."""
        raise NotImplementedError

    def update(self, _change: object = None) -> None:
        """Draws again."""
        figure, said = self.draw()
        self.picture.value = "" if figure is None else picture_html(figure, said)
        self.words.value = said_html(said)

    def __repr__(self) -> str:
        return self.text
