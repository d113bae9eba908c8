"""A new figure in the course's style."""

from __future__ import annotations

from matplotlib.figure import Figure

from clipedu.plots import DPI, use_style


def new_figure(width: float, height: float) -> Figure:
    """An empty figure, in inches, with the style that is legible in print and in grey."""
    use_style()
    return Figure(figsize=(width, height), dpi=DPI)
