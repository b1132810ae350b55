"""Figures that do not pass through pyplot, in one style, and their PNG files.

So neither pyplot's state nor its windows are touched, and a figure looks alike whatever the user's style is.
"""

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from bayesimpute.base.saving import atomic

if TYPE_CHECKING:
    from matplotlib.figure import Figure


DPI = 130
"""Dots an inch of what is written."""


def new_figure(width: float, height: float) -> "Figure":
    """An empty figure of so many inches."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width, height), layout="constrained")
    FigureCanvasAgg(figure)
    return figure


def write_figure(figure: "Figure", path: Path, *, force: bool) -> None:
    """Write a figure as a PNG file.

    Raises
    ------
    FileError
        If the file exists and not `force`, or cannot be written.
    """
    with atomic(path, force=force) as temporary, house_style():
        figure.savefig(temporary, format="png", dpi=DPI)


@contextmanager
def house_style() -> Iterator[None]:
    """Matplotlib's defaults with small texts; a font that lacks a letter of a name is no reason to warn."""
    from matplotlib import style

    own = {
        "font.size": 9,
        "axes.titlesize": 9,
        "figure.titlesize": 11,
        "axes.spines.top": False,
        "axes.spines.right": False,
        "axes.grid": True,
        "grid.color": "0.92",
        "axes.axisbelow": True,
    }
    with warnings.catch_warnings(), style.context(["default", own]):
        warnings.filterwarnings("ignore", message="Glyph")
        yield
