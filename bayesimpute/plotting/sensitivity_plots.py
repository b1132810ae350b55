"""Sensitivity analyses as pictures: a curve over one axis, a map over two, and assumptions of many kinds on one axis.

On a map the shading is the p value (or the estimate), the thick line where the conclusion changes. Shifts, rho and tau
have no axis in common but one: how much the missing values differ from the observed ones, in the data's units
(``x = "missing_minus_observed"``).
"""

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from bayesimpute.base.arguments import typed_after
from bayesimpute.base.errors import InputError, did_you_mean, one
from bayesimpute.base.phrases import listed
from bayesimpute.plotting.figures import house_style, new_figure, write_figure
from bayesimpute.plotting.forest import MARKERS
from bayesimpute.plotting.plots import CHAIN_COLOURS, IMPUTED, OBSERVED, file_names, make_folder, require_free
from bayesimpute.sensitivity.sensitivities import DIFFERENCE, FIGURES, Sensitivities

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

SHARED = "missing_minus_observed"
WHAT = ("axis", SHARED)


@typed_after
def plot_sensitivity(found: Sensitivities, *, name: str | None = None, x: str = "axis") -> "Figure":
    """Draw a sensitivity analysis.

    Parameters
    ----------
    found : Sensitivities
        What ``imputed.sensitivity(...)`` gave.
    name : str, optional
        Which one, if there are several; with ``x="missing_minus_observed"`` all are drawn together by default.
    x : {"axis", "missing_minus_observed"}
        What stands on the horizontal axis: what was varied, or how much the imputed values of the first adjusted
        variable differ from the observed ones, in their units.

    Returns
    -------
    Figure
        The estimate with its interval, tipping points as lines (points at which `null` is crossed); of two axes the
        map of p values, with the contour at 1 - conf_level.

    Raises
    ------
    InputError
        If there is no such analysis, or it has more than two axes.
    """
    if x not in WHAT:
        raise one(InputError, "x", f"{x!r} is not known", did_you_mean(str(x), WHAT, f"use {listed(WHAT)}"))
    if name is not None and name not in found.axes:
        remedy = did_you_mean(name, found.axes, f"they are {listed(found.axes)}")
        raise one(InputError, "name", f'there is no sensitivity analysis "{name}"', remedy)
    names = list(found.axes) if name is None else [name]
    if x == SHARED:
        return _together(found, names)
    if len(names) > 1:
        raise one(InputError, "name", f"there are {len(names)} analyses", f"name one of {listed(names)}")
    axes = found.axes[names[0]]
    if len(axes) > 2:
        raise one(InputError, "x", f"there are {len(axes)} axes", "vary one or two at a time")
    return _curve(found, names[0], axes[0]) if len(axes) == 1 else _map(found, names[0], axes)


def plot_sensitivities(found: Sensitivities, folder: str | os.PathLike[str], *, force: bool = False) -> list[Path]:
    """Write :func:`plot_sensitivity` of each as ``sensitivity_<name>.png``."""
    paths = {name: Path(folder) / f"sensitivity_{file}.png" for name, file in file_names(tuple(found.axes)).items()}
    require_free(paths.values(), force=force)
    make_folder(Path(folder))
    for name, path in paths.items():
        write_figure(plot_sensitivity(found, name=name), path, force=force)
    return list(paths.values())


def _lines(found: Sensitivities, name: str) -> list[tuple[str, pd.DataFrame]]:
    """The rows of each term or group, with what to call it."""
    rows: Any = found.about(name).table.dropna(axis="columns", how="all")
    labels = [c for c in rows if c not in {"name", "how", *found.axes[name], *FIGURES, *DIFFERENCE}]
    if not labels or "estimate" not in rows:
        return [("", rows)]
    return [(", ".join(map(str, key)), part) for key, part in rows.groupby(labels, sort=False)]


def _curve(found: Sensitivities, name: str, axis: str) -> "Figure":
    parts = _lines(found, name)
    tips = found.about(name).tips
    with house_style():
        figure = new_figure(8, 1 + 3 * len(parts))
        figure.suptitle(name, parse_math=False)
        for ax, (label, rows) in zip(np.atleast_1d(figure.subplots(len(parts), 1)), parts, strict=True):
            _band(ax, rows, axis, IMPUTED)
            ax.axhline(0, color="0.3", linestyle="--", linewidth=0.9)
            if axis in (origin := found.origins.get(name, {})):
                ax.axvline(origin[axis], color="0.6", linewidth=0.9)
            for tip in tips["tip"].dropna() if "tip" in tips else ():
                ax.axvline(tip, color=OBSERVED, linestyle=":", linewidth=1.4)
            ax.set_ylabel(label or "estimate", parse_math=False)
            ax.set_xlabel(axis, parse_math=False)
    return figure


def _band(ax: "Axes", rows: pd.DataFrame, x: str, colour: str, **style: Any) -> None:
    known = rows.dropna(subset=["estimate"]).sort_values(x) if "estimate" in rows else rows.iloc[:0]
    if len(known):
        low, high = known["conf_low"], known["conf_high"]
        ax.fill_between(known[x], low, high, color=colour, alpha=0.2, linewidth=0)
        ax.plot(known[x], known["estimate"], color=colour, markersize=3, **{"marker": "o", **style})


def _map(found: Sensitivities, name: str, axes: tuple[str, ...]) -> "Figure":
    label, rows = _lines(found, name)[0]
    level = 1 - found.conf_level
    with house_style():
        figure = new_figure(7, 5.5)
        ax = figure.subplots()
        figure.suptitle(f"{name} {label}".strip(), parse_math=False)
        p = rows.pivot_table(index=axes[1], columns=axes[0], values="p_value")
        grid = np.meshgrid(p.columns.to_numpy(dtype=float), p.index.to_numpy(dtype=float))
        shade = ax.pcolormesh(*grid, p.to_numpy(), cmap="cividis", vmin=0, vmax=1, shading="nearest")
        figure.colorbar(shade, ax=ax, label="p value")
        if p.shape[0] > 1 and p.shape[1] > 1 and float(p.min(axis=None)) < level < float(p.max(axis=None)):
            ax.contour(*grid, p.to_numpy(), levels=[level], colors=[IMPUTED], linewidths=2.5)
        _ellipses(ax, found, name)
        origin = found.origins.get(name)
        if origin is not None:
            ax.plot(origin[axes[0]], origin[axes[1]], "+", color="white", markersize=12, markeredgewidth=2)
        ax.set_xlabel(axes[0], parse_math=False)
        ax.set_ylabel(axes[1], parse_math=False)
    return figure


def _ellipses(ax: "Axes", found: Sensitivities, name: str) -> None:
    """The highest-density regions of the elicited prior, where there is one (Liublinska & Rubin 2014)."""
    draws = found.beliefs.get(name)
    if draws is None or draws.shape[1] != 2:
        return
    from scipy.stats import gaussian_kde

    density = gaussian_kde(draws.T)
    at = np.sort(density(draws.T))
    ends = [np.linspace(np.quantile(x, 0.001), np.quantile(x, 0.999), 60) for x in draws.T]
    grid = np.meshgrid(*ends)
    levels = sorted({float(np.quantile(at, 1 - share)) for share in (0.5, 0.95)})
    values = density(np.vstack([g.ravel() for g in grid])).reshape(grid[0].shape)
    ax.contour(*grid, values, levels=levels, colors=["white"], linewidths=1.2, linestyles=["--", "-"][: len(levels)])


def _together(found: Sensitivities, names: list[str]) -> "Figure":
    """All analyses over the one axis that they share."""
    with house_style():
        figure = new_figure(8, 4.5)
        ax = figure.subplots()
        for place, name in enumerate(names):
            rows = _shared(found, name)
            colour = CHAIN_COLOURS[place % len(CHAIN_COLOURS)]
            _band(ax, rows, SHARED, colour, marker=MARKERS[place % len(MARKERS)], label=str(place))
        terms: Any = found.table.get("term")
        if terms is not None and terms.notna().any():  # of means and shares 0 means nothing
            ax.axhline(0, color="0.3", linestyle="--", linewidth=0.9)
        ax.set(xlabel="missing minus observed, in the data's units", ylabel="estimate")
        legend = ax.legend(frameon=False)
        for text, name in zip(legend.get_texts(), names, strict=False):
            text.set_parse_math(False)
            text.set_text(name)
    return figure


def _shared(found: Sensitivities, name: str) -> pd.DataFrame:
    """The first line of an analysis, with how much missing values differ from observed ones at each point."""
    axes = list(found.axes[name])
    assumed: Any = found.about(name).assumed
    if not len(assumed):
        finding = f'of "{name}" it is not known how much missing values differ from observed ones'
        raise one(InputError, "x", finding, 'give x="axis"')
    first = assumed.drop_duplicates(subset=axes)[[*axes, SHARED]]
    return _lines(found, name)[0][1].merge(first, on=axes)
