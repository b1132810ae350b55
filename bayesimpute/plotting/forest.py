"""The forest plot: estimates and intervals of several analyses, term by term.

Each term is a line on which the analyses stand in their order and colours; what has no interval, such as a truth, is a
point alone. One axis holds all terms, so choose terms of one scale.
"""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from bayesimpute.base.arguments import typed_after
from bayesimpute.base.errors import InputError, Problem, did_you_mean
from bayesimpute.base.phrases import listed
from bayesimpute.plotting.figures import house_style, new_figure
from bayesimpute.plotting.plots import CHAIN_COLOURS
from bayesimpute.pooling.side_by_side import Analysed, Comparison, compare

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

MARKERS = ("o", "s", "^", "D", "v", "P", "X", "*")
"""With the colours, so that the analyses can be told apart in grey too."""
PITCH = 0.22
"""Inches from one analysis to the next."""
GAP = 0.8
"""Between two terms, in analyses."""


@typed_after
def plot_forest(compared: Comparison | Mapping[str, Analysed], *, terms: Sequence[str] | None = None) -> "Figure":
    """Draw estimates with their intervals.

    Parameters
    ----------
    compared : Comparison or mapping of str to analysis
        What :func:`bayesimpute.compare` returns or takes.
    terms : sequence of str, optional
        Which terms, from top to bottom; by default all.

    Returns
    -------
    Figure
        With the intervals at the level of the comparison, and a line at 0.

    Raises
    ------
    InputError
        With every term that no analysis has, or every problem of the analyses.
    """
    found = compared if isinstance(compared, Comparison) else compare(compared)
    shown = _chosen(found, terms)
    step = len(found.analyses) + GAP
    with house_style():
        figure = new_figure(8, 1.2 + PITCH * step * len(shown))
        ax = figure.subplots()
        ax.axvline(0, color="0.3", linestyle="--", linewidth=0.9)
        for place, name in enumerate(found.analyses):
            rows = found.table[found.table["analysis"] == name].set_index("term").reindex(list(shown))
            _draw(ax, rows, np.arange(len(shown)) * step + place, place)
        ax.set_yticks(np.arange(len(shown)) * step + (len(found.analyses) - 1) / 2, list(shown), parse_math=False)
        ax.invert_yaxis()
        ax.grid(axis="y", visible=False)
        ax.set_xlabel(f"estimate ({100 * found.conf_level:g} % interval)")
        _legend(ax, found.analyses)
    return figure


def _chosen(found: Comparison, terms: Sequence[str] | None) -> tuple[str, ...]:
    if terms is None:
        return found.terms
    shown = tuple(dict.fromkeys([terms] if isinstance(terms, str) else terms))
    problems = [
        Problem(
            path="terms",
            finding=f'no analysis has the term "{term}"',
            remedy=did_you_mean(term, found.terms, f"the terms are {listed(found.terms, 12)}"),
        )
        for term in shown
        if term not in found.terms
    ]
    if not shown:
        problems = [Problem(path="terms", finding="the list is empty", remedy="name a term, or leave it out")]
    if problems:
        raise InputError(problems)
    return shown


def _legend(ax: "Axes", names: Sequence[str]) -> None:
    """Names are put in afterwards: matplotlib leaves out labels that begin with an underscore."""
    legend = ax.legend(frameon=False, loc="center left", bbox_to_anchor=(1.0, 0.5))
    for text, name in zip(legend.get_texts(), names, strict=True):
        text.set_parse_math(False)
        text.set_text(name)


def _draw(ax: "Axes", rows: pd.DataFrame, at: np.ndarray, place: int) -> None:
    """One analysis: its intervals as lines, its estimates as points."""
    colour = CHAIN_COLOURS[place % len(CHAIN_COLOURS)]
    ax.hlines(at, rows["conf_low"], rows["conf_high"], color=colour, linewidth=1.6)
    ax.plot(rows["estimate"], at, MARKERS[place % len(MARKERS)], color=colour, markersize=5, label=str(place))
