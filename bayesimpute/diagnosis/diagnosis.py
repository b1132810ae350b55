"""Whether the chains have converged, and whether there are enough sweeps: ArviZ on our DataTree, and a verdict.

Three things are judged, each against a named constant of :mod:`bayesimpute.numerics.chains`:

* R-hat (rank-normalised, split) and the effective sample sizes (bulk and tail) of every parameter and of the summaries
  of the imputed values of each target, such as mean and SD (Vehtari, Gelman, Simpson, Carpenter & Bürkner 2021,
  Bayesian Analysis 16:667);
* divergent transitions of the sampler after warm-up, all of which are counted and which may be a small share only;
* the autocorrelation of successive kept imputations of one chain, of the imputed values and of an analysis's estimates:
  Rubin's rules take the m datasets for independent draws.

To judge something else, compute it here, write a function there, and call it in :func:`diagnose`.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from bayesimpute.base.errors import Outcome
from bayesimpute.base.tables import records
from bayesimpute.diagnosis import remedies
from bayesimpute.numerics.chains import FEWEST_DRAWS, chain_figures
from bayesimpute.pooling import Analyses

if TYPE_CHECKING:
    from bayesimpute.result.result import Result

UNDECIDED = "It cannot be told whether the chains have converged."
PARAMETER_KEYS = ("target", "parameter", "mean", "sd", "r_hat", "ess_bulk", "ess_tail")
IMPUTED_KEYS = ("target", "statistic", "mean", "r_hat", "ess_bulk")


@dataclass(frozen=True, kw_only=True, eq=False)
class Diagnosis:
    """What the chains look like, and the verdict.

    Parameters
    ----------
    converged : bool or None
        The verdict; None if there are too few draws to tell.
    reasons : tuple of str
        Why it is not True, each with the remedy.
    divergences, transitions : int
        Divergent transitions of the samplers after warm-up, and all of them.
    parameters : DataFrame
        One row a parameter: ``target, parameter, mean, sd, r_hat, ess_bulk, ess_tail, mcse`` (MCSE of the mean).
    imputed : DataFrame
        One row a target and statistic (mean, sd, ...) of its imputed values in each sweep: ``target, statistic, mean,
        sd, r_hat, ess_bulk, ess_tail, mcse, autocorrelation, autocorrelation_se``. What never varies has NaN.
    estimates : DataFrame
        One row a coefficient of each analysis: ``analysis`` (from 1), ``term, autocorrelation, autocorrelation_se``.
    """

    converged: bool | None
    reasons: tuple[str, ...]
    divergences: int
    transitions: int
    parameters: pd.DataFrame
    imputed: pd.DataFrame
    estimates: pd.DataFrame

    @property
    def verdict(self) -> str:
        """The verdict in a sentence."""
        if self.converged is None:
            return UNDECIDED
        return (Outcome.CONVERGED if self.converged else Outcome.NOT_CONVERGED).value

    @property
    def summary(self) -> str:
        """The verdict with its reasons and the number of divergences."""
        lines = [self.verdict, *(f"- {reason}" for reason in self.reasons)]
        if self.divergences:
            lines.append(f"Divergences after warm-up: {self.divergences} of {self.transitions} transitions.")
        return "\n".join(lines)

    def to_json_dict(self) -> dict[str, Any]:
        """Plain values for ``json.dumps``; what is not defined is None."""
        return {
            "converged": self.converged,
            "divergences": self.divergences,
            "parameters": records(self.parameters.loc[:, list(PARAMETER_KEYS)]),
            "imputed": records(self.imputed.loc[:, list(IMPUTED_KEYS)]),
        }

    def __str__(self) -> str:
        parts = [self.summary]
        tables = {"Parameters": self.parameters, "Imputed values": self.imputed, "Estimates": self.estimates}
        for title, table in tables.items():
            if len(table):
                parts += ["", title, table.to_string(index=False, float_format=lambda x: f"{x:.4g}")]
        return "\n".join(parts)


def diagnose(imputed: "Result", *, analyses: Sequence[Analyses] = ()) -> Diagnosis:
    """Judge the chains of a run; a run that was stopped is judged by the sweeps that all its chains have made.

    Parameters
    ----------
    imputed : MultiplyImputed
        The run.
    analyses : sequence of Analyses
        Analyses of its completed datasets, whose estimates' autocorrelation is to be judged too.

    Returns
    -------
    Diagnosis
        Converged if, for every parameter and every summary of imputed values that varies, R-hat is below 1.01 and bulk
        and tail ESS are above 400; at most 0.1 % of the transitions diverge; and no autocorrelation is above .1 by more
        than chance can make it (see :func:`autocorrelation` and :func:`bayesimpute.diagnosis.remedies.dependent`). With
        one chain its halves are compared.
    """
    schedule = json.loads(imputed.tree.attrs["schedule"])
    done = json.loads(imputed.tree.attrs["sweeps_done"])
    draws = max(0, min(done) - schedule["base"])
    parameters = _parameters(imputed, draws)
    values = _imputed(imputed, draws, schedule["thin"])
    estimates = _estimates(analyses)
    divergences, transitions = _transitions(imputed)
    undecided = bool(imputed.targets) and draws < FEWEST_DRAWS
    found = remedies.divergent(divergences, transitions)
    found += [remedies.too_few(draws)] if undecided else remedies.mixing(parameters, values, draws)
    found += remedies.dependent(values, estimates)
    return Diagnosis(
        converged=None if undecided else not found,
        reasons=tuple(found),
        divergences=divergences,
        transitions=transitions,
        parameters=parameters,
        imputed=values,
        estimates=estimates,
    )


def autocorrelation(series: np.ndarray, lag: int) -> tuple[float, float]:
    """The autocorrelation at a lag within chains, and its standard error if the true one is 0.

    Chains are centred on their common mean: centred on its own, a chain with r values would have an expected
    autocorrelation of −1/r. With N pairs and the autocorrelations ρ_j at shorter lags, the standard error is √((1 + 2
    Σ_{j < lag} ρ_j²) / N) (Bartlett 1946, J R Stat Soc Suppl 8:27): about 1/√(m − chains) for m imputations, which is
    why few imputations cannot show a small autocorrelation, and why imputed values are judged by all their sweeps.

    Parameters
    ----------
    series : ndarray, shape (chain, draw)
        Values in order; NaN where a chain has none.
    lag : int
        At least 1.

    Returns
    -------
    (float, float)
        NaN if there is no pair, or nothing varies.
    """
    centred = series - np.nanmean(series) if np.isfinite(series).any() else series
    variance = np.nanmean(centred**2) if np.isfinite(centred).any() else 0.0
    pairs = int(np.isfinite(centred[:, lag:] * centred[:, :-lag]).sum())
    if not pairs or variance <= 0 or np.nanmax(series) == np.nanmin(series):
        return float("nan"), float("nan")
    found = [float(np.nanmean(centred[:, j:] * centred[:, :-j]) / variance) for j in range(1, lag + 1)]
    return found[-1], float(np.sqrt((1 + 2 * np.square(found[:-1]).sum()) / pairs))


def _parameters(imputed: "Result", draws: int) -> pd.DataFrame:
    labels, arrays = [], []
    for target in imputed.targets:
        for variable in imputed.posterior(target)["posterior"].to_dataset().values():
            if variable.ndim == 2:  # group-specific effects, kept on request, have a dimension more
                labels.append((target, variable.attrs["name"]))
                arrays.append(variable.values[:, :draws])
    return _table(labels, ["target", "parameter"], chain_figures(arrays))


def _imputed(imputed: "Result", draws: int, thin: int) -> pd.DataFrame:
    complete = _complete(imputed)
    variables = [v for v in imputed.tree["chains"].to_dataset().values() if v.attrs["target"] not in complete]
    labels = [(v.attrs["target"], v.attrs["statistic"]) for v in variables]
    arrays = [v.values[:, :draws] for v in variables]
    found = [autocorrelation(array, thin) for array in arrays]
    figures = chain_figures(arrays)
    figures["autocorrelation"] = np.array([a for a, _ in found], dtype=float)
    figures["autocorrelation_se"] = np.array([se for _, se in found], dtype=float)
    return _table(labels, ["target", "statistic"], figures)


def _complete(imputed: "Result") -> set[str]:
    """The variables without missing values: those that have a model impute nothing."""
    if "missing" not in imputed.tree.children:
        return set()
    masks = imputed.tree["missing"].to_dataset().values()
    return {mask.attrs["name"] for mask in masks if not mask.values.any()}


def _estimates(analyses: Sequence[Analyses]) -> pd.DataFrame:
    rows = []
    for number, analysis in enumerate(analyses, start=1):
        values = np.array([e.estimates for e in analysis.estimates])
        rounds = -(-len(values) // analysis.chains)
        padded = np.full((rounds * analysis.chains, values.shape[1]), np.nan)
        padded[: len(values)] = values
        by_chain = padded.reshape(rounds, analysis.chains, -1).transpose(2, 1, 0)
        for term, series in zip(analysis.estimates[0].terms, by_chain, strict=True):
            rows.append((number, term, *autocorrelation(series, 1)))
    return pd.DataFrame(rows, columns=["analysis", "term", "autocorrelation", "autocorrelation_se"])


def _table(labels: list[tuple[str, str]], names: list[str], figures: dict[str, np.ndarray]) -> pd.DataFrame:
    return pd.concat([pd.DataFrame(labels, columns=names, dtype=str), pd.DataFrame(figures)], axis="columns")


def _transitions(imputed: "Result") -> tuple[int, int]:
    stats = imputed.tree["sample_stats"].to_dataset()
    if "divergences" not in stats:
        return 0, 0
    return int(np.nansum(stats["divergences"].values)), int(np.nansum(stats["steps"].values))
