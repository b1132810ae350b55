"""Plots of the chains and of the imputed values, as matplotlib figures and as PNG files.

Four to a target: :func:`plot_trace` and :func:`plot_rank` show whether the chains agree, :func:`plot_density` and
:func:`plot_strip` hold imputed against observed values. These need not look alike: values that are missing at random
given other variables may well differ. :func:`plot_identification` shows what a selection model says of its correlation.
How figures are made and written is :mod:`bayesimpute.plotting.figures`'s.

To add a plot, write a function of (imputed, target) that returns a Figure and enter it in ``PLOTS``.
"""

import os
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from bayesimpute.base.errors import FileError, Problem, one
from bayesimpute.base.phrases import listed
from bayesimpute.base.saving import reason
from bayesimpute.plotting.figures import house_style, new_figure, write_figure

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from bayesimpute.result.result import Result
    from bayesimpute.sensitivity import Identification, TargetIdentification

CHAIN_COLOURS = ("#0072B2", "#E69F00", "#009E73", "#CC79A7", "#56B4E9", "#D55E00", "#000000", "#999933")
"""Okabe and Ito's, which the colour-blind can tell apart; more chains begin again."""
OBSERVED, IMPUTED = "#0072B2", "#D55E00"
WIDTH = 10.0
"""Of a figure, in inches."""
COLUMNS = 3
"""Quantities beside each other."""
RANK_BINS = 20
MOST_POINTS = 1000
"""Points of one imputation in a strip plot; more are drawn from by chance."""
FEWEST_FOR_DENSITY = 10
"""Imputed values below which all imputations share one density."""


def plot_all(imputed: "Result", folder: str | os.PathLike[str], *, force: bool = False) -> list[Path]:
    """Write every plot of every target as ``<plot>_<target>.png``.

    Parameters
    ----------
    imputed : MultiplyImputed
        The run.
    folder : path
        Made if it is not there; its folder must be.
    force : bool
        Whether files that are there may be replaced.

    Returns
    -------
    list of Path
        The files, in the order of the targets.

    Raises
    ------
    FileError
        With every file that is there already; or if the folder cannot be made or written to.
    """
    from bayesimpute.result.result import require_run

    require_run(imputed, "plot")
    folder = Path(folder)
    names = file_names(imputed.targets)
    wanted = {t: PLOTS if imputed.incomplete.variables[t].n_missing else OF_PARAMETERS for t in imputed.targets}
    paths = {(plot, t): folder / f"{plot}_{names[t]}.png" for t, plots in wanted.items() for plot in plots}
    require_free(paths.values(), force=force)
    make_folder(folder)
    for (plot, target), path in paths.items():
        write_figure(PLOTS[plot](imputed, target), path, force=force)
    return list(paths.values())


def plot_identifications(found: "Identification", folder: str | os.PathLike[str], *, force: bool = False) -> list[Path]:
    """Write :func:`plot_identification` of every target as ``identification_<target>.png``; see :func:`plot_all`."""
    paths = identification_paths(tuple(each.target for each in found), folder)
    require_free(paths, force=force)
    make_folder(Path(folder))
    for each, path in zip(found, paths, strict=True):
        write_figure(plot_identification(each), path, force=force)
    return paths


def identification_paths(targets: tuple[str, ...], folder: str | os.PathLike[str]) -> list[Path]:
    """Where :func:`plot_identifications` writes."""
    return [Path(folder) / f"identification_{name}.png" for name in file_names(targets).values()]


def require_free(paths: Iterable[Path], *, force: bool) -> None:
    """Raise a FileError with every file that is there already, unless `force`."""
    present = [path for path in paths if os.path.lexists(path) and not force]
    if present:
        remedy = "choose another folder, or overwrite it with force / --force"
        raise FileError([Problem(path=str(p), finding="the file exists already", remedy=remedy) for p in present])


def make_folder(folder: Path) -> None:
    """Make a folder for files, if it is not there; its folder must be."""
    try:
        folder.mkdir(exist_ok=True)
    except OSError as error:
        raise one(FileError, str(folder), f"this folder cannot be made ({reason(error)})", "choose another") from error


def file_names(targets: tuple[str, ...]) -> dict[str, str]:
    """What stands for each target in file names: letters, digits, ``_``, ``-`` and ``.``; no two alike in any case."""
    names: dict[str, str] = {}
    for target in targets:
        base = re.sub(r"[^\w.-]+", "_", target, flags=re.ASCII)[:80].strip(".") or "_"
        name, k = base, 1
        while name.lower() in {taken.lower() for taken in names.values()}:
            k += 1
            name = f"{base}_{k}"
        names[target] = name
    return names


def plot_trace(imputed: "Result", target: str) -> "Figure":
    """The kept sweeps of each chain: summaries of the imputed values, then every parameter.

    Chains that have converged lie over each other and show no trend.
    """
    series = _series(imputed, target)
    with house_style():
        figure, axes = _grid(len(series), f"Chains of {target}")
        for ax, (name, values) in zip(axes, series.items(), strict=True):
            for chain, draws in enumerate(values):
                style: dict[str, Any] = {"linewidth": 0.6} if len(draws) > 1 else {"marker": "o", "linestyle": ""}
                ax.plot(np.arange(1, len(draws) + 1), draws, color=_colour(chain), alpha=0.8, **style)
            ax.set_title(name, parse_math=False)
        _label_bottom(axes, "kept sweep")
        _chain_legend(figure, len(next(iter(series.values()))))
    return figure


def plot_rank(imputed: "Result", target: str) -> "Figure":
    """Histograms of the ranks that each chain has among the draws of all chains (Vehtari et al. 2021, section 4).

    Chains that have converged are uniform: every line stays near the dashed one.
    """
    series = _series(imputed, target)
    with house_style():
        figure, axes = _grid(len(series), f"Ranks of the chains of {target}")
        for ax, (name, values) in zip(axes, series.items(), strict=True):
            ranks = _ranks(values)
            bins = max(1, min(RANK_BINS, values.shape[1] // 5))
            edges = np.linspace(0.5, values.size + 0.5, bins + 1)
            for chain, own in enumerate(ranks):
                ax.stairs(np.histogram(own, edges)[0], edges, color=_colour(chain), linewidth=1.3, baseline=None)
            ax.axhline(values.shape[1] / bins, color="0.3", linestyle="--", linewidth=0.9)
            ax.set_ylim(bottom=0)
            ax.set_title(name, parse_math=False)
        _label_bottom(axes, "rank among all draws")
        _chain_legend(figure, len(next(iter(series.values()))))
    return figure


def plot_density(imputed: "Result", target: str) -> "Figure":
    """Densities of the observed values and of the imputed values of each dataset; shares of labels."""
    values = _values(imputed, target)
    with house_style():
        figure, ax = _single(f"Observed and imputed values of {target}")
        if values.labels:
            _bars(ax, values)
        else:
            _densities(ax, values)
            ax.set_xlabel(target, parse_math=False)
    return figure


def plot_strip(imputed: "Result", target: str) -> "Figure":
    """Every value, observed at 0 and imputed at the number of its dataset; shares of labels."""
    from matplotlib.ticker import MaxNLocator

    values = _values(imputed, target)
    rng = np.random.default_rng(0)
    with house_style():
        figure, ax = _single(f"Observed and imputed values of {target}, by imputation")
        if values.labels:
            _shares(ax, values)
        else:
            groups = [(values.observed, OBSERVED), *((row, IMPUTED) for row in values.imputed)]
            for k, (points, colour) in enumerate(groups):
                shown = points if len(points) <= MOST_POINTS else rng.choice(points, MOST_POINTS, replace=False)
                at = k + rng.uniform(-0.3, 0.3, len(shown))
                ax.plot(at, shown, ".", color=colour, alpha=0.35, markersize=4, markeredgewidth=0)
            ax.set_ylabel(target, parse_math=False)
        ax.set_xlabel("imputation (0: observed values)")
        ax.xaxis.set_major_locator(MaxNLocator(integer=True))
        _value_legend(ax)
    return figure


def plot_identification(found: "TargetIdentification") -> "Figure":
    """What is known of the dependence, prior against posterior, and the estimate as a function of it.

    The band is the 95 % interval given its value; filled points are from the draws, open ones from refits. The dashed
    line is the estimate under the plan's prior.
    """
    name = found.dependence
    with house_style():
        figure = new_figure(WIDTH, 4.2)
        left, right = figure.subplots(1, 2)
        figure.suptitle(f"{name} of {found.target}: {found.verdict}", parse_math=False)
        if found.rho is not None:
            table = found.rho.density
            left.plot(table[name], table["prior"], color=OBSERVED, linestyle="--", label="prior")
            left.plot(table[name], table["posterior"], color=IMPUTED, linewidth=2, label="posterior")
            left.legend(frameon=False)
        left.set(xlabel=name, ylabel="density", xlim=(-1, 1), ylim=(0, None))
        if len(found.priors):
            right.axhline(found.priors["estimate"].iloc[0], color="0.3", linestyle="--", linewidth=0.9)
        if len(found.by_rho):
            _curve(right, found.by_rho.dropna(subset=["estimate"]), name)
        right.set(xlabel=name, xlim=(-1, 1))
        right.set_ylabel(f"mean of {found.target} over all units", parse_math=False)
    return figure


def _curve(ax: "Axes", known: pd.DataFrame, name: str) -> None:
    """The estimate as a function of a parameter, with its band."""
    ax.fill_between(known[name], known["conf_low"], known["conf_high"], color=IMPUTED, alpha=0.2, linewidth=0)
    ax.plot(known[name], known["estimate"], color=IMPUTED)
    for how, face in (("draws", IMPUTED), ("refit", "white")):
        mine = known[known["how"] == how]
        if len(mine):
            ax.plot(mine[name], mine["estimate"], "o", color=IMPUTED, markerfacecolor=face, label=how)
            ax.legend(frameon=False)


PLOTS: Mapping[str, Callable[["Result", str], "Figure"]] = MappingProxyType(
    {"trace": plot_trace, "rank": plot_rank, "density": plot_density, "strip": plot_strip}
)
OF_PARAMETERS = ("trace", "rank")
"""The plots of a complete variable's model, which imputes nothing."""


@dataclass(frozen=True, kw_only=True, eq=False)
class _Values:
    """Observed values (unit,), imputed ones (imputation, unit), and the labels of values that are codes."""

    observed: np.ndarray
    imputed: np.ndarray
    labels: tuple[str, ...]

    def shares(self, k: int) -> tuple[float, np.ndarray]:
        """The share of a code among the observed values, and among those of each imputation."""
        return float(np.mean(self.observed == k)), np.mean(self.imputed == k, axis=1)


def _values(imputed: "Result", target: str) -> _Values:
    """One value a unit: a level-2 variable counts once a cluster."""
    imputed.draws(target)  # is the error for what is no target
    settled = next(t for t in imputed.record.resolved.targets if t.name == target)
    variable = next(v for v in imputed.to_xarray().values() if v.attrs["name"] == target)
    cells = variable.values.astype(float)
    cells = cells[~np.isnan(cells[:, settled.missing_rows]).any(axis=1)]  # a run that was stopped has fewer than m
    known = settled.given[settled.fit_rows]
    imputations = cells[:, settled.rows[settled.gaps]]
    return _Values(observed=known[~np.isnan(known)], imputed=imputations, labels=settled.values.labels)


def _series(imputed: "Result", target: str) -> dict[str, np.ndarray]:
    """What is traced, each of shape (chain, draw): as far as all chains have come."""
    from bayesimpute.result.result import require_run

    require_run(imputed, "plot")
    series = {}
    for variable in imputed.tree["chains"].to_dataset().values():
        if variable.attrs["target"] == target and imputed.incomplete.variables[target].n_missing:
            series[f"{variable.attrs['statistic']} of imputed values"] = variable.values
    for variable in imputed.draws(target).values():
        if variable.ndim == 2:
            series[variable.attrs["name"]] = variable.values
    return {name: values[:, ~np.isnan(values).any(axis=0)] for name, values in series.items()}


def _ranks(values: np.ndarray) -> np.ndarray:
    """Ranks from 1 among all draws, ties broken by chance so that discrete quantities are uniform too."""
    flat = values.ravel()
    order = np.lexsort((np.random.default_rng(0).random(flat.size), flat))
    ranks = np.empty(flat.size)
    ranks[order] = np.arange(1, flat.size + 1)
    return ranks.reshape(values.shape)


def _densities(ax: "Axes", values: _Values) -> None:
    few = values.imputed.shape[1] < FEWEST_FOR_DENSITY
    for group in [values.imputed.ravel()] if few else list(values.imputed):
        _density(ax, group, color=IMPUTED, alpha=1.0 if few else 0.45, linewidth=2.0 if few else 0.9)
    _density(ax, values.observed, color=OBSERVED, linewidth=2.2)
    ax.set_ylabel("density")
    ax.set_ylim(bottom=0)
    _value_legend(ax)


def _density(ax: "Axes", group: np.ndarray, **style: Any) -> None:
    """A kernel density (Scott's bandwidth) as far as it is not zero; a line where the values do not vary."""
    from scipy.stats import gaussian_kde

    if len(group) > 1 and np.ptp(group) > 0:
        density = gaussian_kde(group)
        margin = 4 * float(np.sqrt(density.covariance[0, 0]))
        grid = np.linspace(group.min() - margin, group.max() + margin, 400)
        ax.plot(grid, density(grid), **style)
    elif len(group):
        ax.axvline(group[0], **style)


def _bars(ax: "Axes", values: _Values) -> None:
    """Shares of the labels; the lines show the range over the imputations."""
    at = np.arange(len(values.labels))
    observed, imputed = zip(*(values.shares(k) for k in range(len(values.labels))))
    shares = np.stack(imputed)
    ax.bar(at - 0.2, observed, width=0.38, color=OBSERVED)
    ax.bar(at + 0.2, shares.mean(axis=1), width=0.38, color=IMPUTED)
    ax.vlines(at + 0.2, shares.min(axis=1), shares.max(axis=1), color="0.1", linewidth=1.5)
    ax.set_xticks(at, list(values.labels), parse_math=False)
    ax.set_ylabel("share (line: range over the imputations)")
    ax.set_ylim(0, 1)
    _value_legend(ax)


def _shares(ax: "Axes", values: _Values) -> None:
    """Shares of all labels but the first, by imputation; of more than two, each mark is the code of its label."""
    for k in range(1, len(values.labels)):
        observed, imputed = values.shares(k)
        style: dict[str, Any] = {"marker": "o" if len(values.labels) == 2 else f"${k}$", "linestyle": "none"}
        ax.axhline(observed, color=OBSERVED, linewidth=0.9, linestyle="--")
        ax.plot([0], [observed], color=OBSERVED, **style)
        ax.plot(np.arange(1, len(imputed) + 1), imputed, color=IMPUTED, **style)
    ax.set_ylabel(f"share of {listed(values.labels[1:])}", parse_math=False)
    ax.set_ylim(-0.02, 1.02)


def _single(title: str) -> tuple["Figure", "Axes"]:
    figure = new_figure(8, 4.8)
    ax = figure.subplots()
    ax.set_title(title, parse_math=False)
    return figure, ax


def _grid(number: int, title: str) -> tuple["Figure", list["Axes"]]:
    """Axes for so many quantities; those left over stay empty."""
    rows = -(-number // COLUMNS)
    figure = new_figure(WIDTH, 0.9 + 1.9 * rows)
    axes = figure.subplots(rows, COLUMNS, squeeze=False).ravel()
    for ax in axes[number:]:
        ax.set_axis_off()
    figure.suptitle(title, parse_math=False)
    return figure, list(axes[:number])


def _label_bottom(axes: list["Axes"], label: str) -> None:
    for ax in axes[-COLUMNS:]:
        ax.set_xlabel(label)


def _colour(chain: int) -> str:
    return CHAIN_COLOURS[chain % len(CHAIN_COLOURS)]


def _chain_legend(figure: "Figure", chains: int) -> None:
    """Which colour is which chain, as long as each has its own."""
    from matplotlib.lines import Line2D

    if chains <= len(CHAIN_COLOURS):
        handles = [Line2D([], [], color=_colour(c), label=f"chain {c + 1}") for c in range(chains)]
        figure.legend(handles=handles, loc="outside lower center", ncols=chains, frameon=False)


def _value_legend(ax: "Axes") -> None:
    from matplotlib.lines import Line2D

    pairs = (("observed", OBSERVED), ("imputed", IMPUTED))
    handles = [Line2D([], [], color=colour, linewidth=5, label=name) for name, colour in pairs]
    ax.legend(handles=handles, frameon=False, loc="center left", bbox_to_anchor=(1.0, 0.5))
