"""Bayesian pooling: the mixture of the posteriors on the completed datasets, first on arrays, then with labels.

p(θ | y_obs) = ∫ p(θ | y_obs, y_mis) p(y_mis | y_obs) dy_mis, so draws given each of the m completed datasets, put
together, are draws from the posterior (Gelman et al. 2013, Bayesian Data Analysis, section 18.2). Nothing is taken to
be normal, unlike in Rubin's rules. Unequal weights make it the posterior under another imputation model.

Mean and variance follow from those of the parts: T = W + B, with the mean W of the variances within imputations and
the variance B of the means between them (no factor 1 + 1/m: that is the price of a small m in Rubin's rules). Tails ask
for more: see :data:`MANY`. R-hat is computed within each imputation: chains on different datasets are at different
places because the data differ, which is B and no failure.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from bayesimpute.analysis.estimates import Estimate
from bayesimpute.base.errors import AnalysisError
from bayesimpute.base.phrases import numbered
from bayesimpute.base.tables import records
from bayesimpute.pooling.scalars import check_number

if TYPE_CHECKING:
    import xarray as xr

MANY = 100
"""Imputations below which tails are not to be trusted: in the simulations of Zhou & Reiter (2010, The American
Statistician 64:159) mixing 100 did well, mixing 20 did not."""
ROUNDING = 1e-12
"""Of sums of weights."""


@dataclass(frozen=True, kw_only=True, eq=False)
class MixedMoments:
    """Moments of mixtures; every array has shape (parameter,).

    Parameters
    ----------
    mean : ndarray
        Weighted means of the means.
    within, between : ndarray
        Weighted means of the variances W, weighted variances of the means B.
    """

    mean: np.ndarray
    within: np.ndarray
    between: np.ndarray

    @property
    def total(self) -> np.ndarray:
        """The variance T = W + B."""
        return self.within + self.between

    @property
    def share(self) -> np.ndarray:
        """B / T: how much of the variance is due to what is missing; NaN where nothing varies."""
        return np.divide(self.between, self.total, out=np.full(len(self.mean), np.nan), where=self.total > 0)


def mixed_moments(draws: Sequence[np.ndarray], weights: np.ndarray) -> MixedMoments:
    """Mean and variance of a mixture, by the laws of total expectation and variance.

    Parameters
    ----------
    draws : sequence of ndarray, shape (draw, parameter)
        Of each imputation; their numbers may differ.
    weights : ndarray, shape (imputation,)
        Summing to 1.
    """
    means = np.array([each.mean(axis=0) for each in draws])
    mean = weights @ means
    within = weights @ np.array([each.var(axis=0) for each in draws])
    return MixedMoments(mean=mean, within=within, between=weights @ (means - mean) ** 2)


def highest_density(values: np.ndarray, weights: np.ndarray, prob: float) -> tuple[float, float]:
    """The shortest interval that holds `prob` of a weighted sample (Chen & Shao 1999, J Comp Graph Stat 8:69).

    Parameters
    ----------
    values, weights : ndarray, shape (draw,)
        Weights sum to 1.
    prob : float
        Between 0 and 1.
    """
    order = np.argsort(values, kind="stable")
    ordered, sums = values[order], np.cumsum(weights[order])
    before = sums - weights[order]
    ends = np.searchsorted(sums, before + prob - ROUNDING)
    begins = np.flatnonzero(ends < len(ordered))
    best = begins[np.argmin(ordered[ends[begins]] - ordered[begins])]
    return float(ordered[best]), float(ordered[ends[best]])


@dataclass(frozen=True, kw_only=True, eq=False)
class Mixture:
    """The mixed posterior of one analysis.

    Parameters
    ----------
    m : int
        Number of completed datasets.
    prob : float
        Of the intervals.
    weights : ndarray, shape (imputation,)
        Of the datasets, summing to 1.
    table : DataFrame
        One row a parameter: ``parameter, mean, sd, hdi_low, hdi_high, median, r_hat, ess_bulk, between``. ``r_hat`` is
        the largest within an imputation, ``ess_bulk`` the sum over the imputations, ``between`` is B / T.
    tree : xarray.DataTree
        For ArviZ: ``/posterior`` with the chains of all imputations along ``chain``, each as long as the shortest;
        ``imputation`` (from 1) and ``weight`` (of the imputation) are coordinates of it. R-hat of this tree compares
        imputations; unequal weights are for the reader to apply.
    notes : tuple of str
        What should be known: that m is small, and what the fits had to say.
    """

    m: int
    prob: float
    weights: np.ndarray
    table: pd.DataFrame
    tree: "xr.DataTree"
    notes: tuple[str, ...]

    def to_json_dict(self) -> dict[str, Any]:
        """Plain values for ``json.dumps``; what is not defined is None."""
        return {
            "m": self.m,
            "prob": self.prob,
            "weights": self.weights.tolist(),
            "parameters": records(self.table),
            "notes": list(self.notes),
        }

    def __str__(self) -> str:
        head = f"Mixture of the posteriors on m = {self.m} completed datasets ({100 * self.prob:g} % HDI)"
        table = self.table.to_string(index=False, float_format=lambda x: f"{x:.4g}")
        return "\n".join([head, table, *self.notes])


def mix(estimates: Sequence[Estimate], *, weights: Sequence[float] | None = None, prob: float = 0.95) -> Mixture:
    """Mix the posteriors of one analysis of m completed datasets.

    Parameters
    ----------
    estimates : sequence of Estimate
        One per completed dataset, with ``draws``.
    weights : sequence of float, optional
        Of the datasets, in any unit; equal by default.
    prob : float
        Of the intervals of highest density, between 0 and 1.

    Returns
    -------
    Mixture

    Raises
    ------
    AnalysisError
        Fewer than two estimates, an estimate without draws, parameters that are not the same in all, draws that are not
        finite; weights that are negative, all zero or not one a dataset; `prob` out of range.
    """
    estimates = list(estimates)
    check_number(len(estimates))
    if not 0 < prob < 1:
        raise AnalysisError(f"prob: must lie between 0 and 1, got {prob}; 0.95 gives 95 % intervals")
    shares = _shares(weights, len(estimates))
    posteriors = [_posterior(k, estimate) for k, estimate in enumerate(estimates, start=1)]
    names = _names(posteriors)
    draws = [np.stack([p[key].values for key in names], axis=2) for p in posteriors]
    infinite = [str(k) for k, each in enumerate(draws, start=1) if not np.isfinite(each).all()]
    if infinite:
        raise AnalysisError(f"the draws of {numbered('dataset', infinite)} are not all finite; look at their fits")
    return Mixture(
        m=len(estimates),
        prob=prob,
        weights=shares,
        table=_table(list(names.values()), draws, shares, prob),
        tree=_tree(list(posteriors), draws, shares),
        notes=(*_few(shares), *_messages(estimates)),
    )


def _shares(weights: Sequence[float] | None, m: int) -> np.ndarray:
    given = np.ones(m) if weights is None else np.asarray(weights, dtype=float)
    if given.shape != (m,) or not np.isfinite(given).all() or (given < 0).any() or not given.any():
        message = (
            f"weights: {m} numbers from 0 are needed, one for each dataset and not all zero, got {given.tolist()}; "
            "leave them out for equal weights"
        )
        raise AnalysisError(message)
    return given / given.sum()


def _posterior(k: int, estimate: Estimate) -> "xr.Dataset":
    """The draws of dataset k, of scalar parameters."""
    if estimate.draws is None:
        message = (
            f'dataset {k}: there are no draws to mix; fit a Bayesian model, with engine="bambi", or pool by Rubin\'s '
            "rules"
        )
        raise AnalysisError(message)
    scalars = [key for key, v in estimate.draws.items() if set(v.dims) == {"chain", "draw"}]
    return estimate.draws[scalars].transpose("chain", "draw", missing_dims="ignore")


def _names(posteriors: Sequence["xr.Dataset"]) -> dict[str, str]:
    """The parameters by the names of their variables, which must be those of the first dataset in all."""
    found = [{str(key): str(v.attrs.get("name", key)) for key, v in p.items()} for p in posteriors]
    different = [str(k) for k, names in enumerate(found, start=1) if names != found[0]]
    if different or not found[0]:
        which = f"those of {numbered('dataset', different)} differ from those of dataset 1" if different else "none"
        message = f"all datasets must have draws of the same parameters: {which}; fit one model to all of them"
        raise AnalysisError(message)
    return found[0]


def _table(names: Sequence[str], draws: Sequence[np.ndarray], shares: np.ndarray, prob: float) -> pd.DataFrame:
    flat = [each.reshape(-1, len(names)) for each in draws]
    moments = mixed_moments(flat, shares)
    values = np.concatenate(flat)
    weights = np.concatenate([np.full(len(each), share / len(each)) for each, share in zip(flat, shares, strict=True)])
    intervals = [highest_density(column, weights, prob) for column in values.T]
    medians = [float(np.quantile(column, 0.5, weights=weights, method="inverted_cdf")) for column in values.T]
    return pd.DataFrame(
        {
            "parameter": list(names),
            "mean": moments.mean,
            "sd": np.sqrt(moments.total),
            "hdi_low": [low for low, _ in intervals],
            "hdi_high": [high for _, high in intervals],
            "median": medians,
            **_convergence([each for each, share in zip(draws, shares, strict=True) if share > 0]),
            "between": moments.share,
        }
    )


def _convergence(draws: Sequence[np.ndarray]) -> dict[str, np.ndarray]:
    """The largest R-hat within an imputation, and the sum of bulk ESS, by parameter."""
    from bayesimpute.numerics.chains import chain_figures

    figures = [chain_figures(list(np.moveaxis(each, 2, 0))) for each in draws]
    r_hat, ess = (np.array([f[name] for f in figures]) for name in ("r_hat", "ess_bulk"))
    return {"r_hat": r_hat.max(axis=0), "ess_bulk": ess.sum(axis=0)}


def _tree(posteriors: Sequence["xr.Dataset"], draws: Sequence[np.ndarray], shares: np.ndarray) -> "xr.DataTree":
    import xarray as xr

    length = min(each.shape[1] for each in draws)
    chains = [len(each) for each in draws]
    joined = np.concatenate([each[:, :length] for each in draws])
    variables = {
        str(key): (("chain", "draw"), joined[:, :, place], dict(v.attrs))
        for place, (key, v) in enumerate(posteriors[0].items())
    }
    coordinates = {
        "chain": np.arange(len(joined)),
        "draw": np.arange(length),
        "imputation": ("chain", np.repeat(np.arange(1, len(draws) + 1), chains)),
        "weight": ("chain", np.repeat(shares, chains)),
    }
    return xr.DataTree.from_dict({"/posterior": xr.Dataset(variables, coords=coordinates)})


def _few(shares: np.ndarray) -> list[str]:
    """Whether there are too few imputations for tails; unequal weights count as fewer, 1 / Σ w² (Kish 1965)."""
    effective = 1 / float(shares @ shares)
    if effective > MANY - 0.5:
        return []
    unequal = f", as good as {effective:.3g} by their weights" if effective < len(shares) - 0.5 else ""
    return [
        f"m = {len(shares)}{unequal}: few for quantiles in the tails and these intervals. In the simulations of "
        f"Zhou & Reiter (2010) {MANY} datasets were enough for a mixture, 20 were not. Means and SDs need fewer."
    ]


def _messages(estimates: Sequence[Estimate]) -> list[str]:
    """What the fits had to say, each message once, with the datasets it came from."""
    where: dict[str, list[str]] = {}
    for k, estimate in enumerate(estimates, start=1):
        for message in estimate.messages:
            where.setdefault(message, []).append(str(k))
    every = len(estimates)
    return [f"{'all datasets' if len(k) == every else numbered('dataset', k)}: {m}" for m, k in where.items()]
