"""The exclusion variables of a selection model, and how much of selection each of them moves.

Two figures, for they answer different questions. The **statistic** says how well the term's part in selection is
known: the Wald statistic a column, m' V^-1 m / k with the posterior mean m and covariance V of its k coefficients; of a
random effect (mean / SD)^2 of its standard deviation. The **share** says how much it moves: the variance of its part of
the selection's linear predictor over the fitted rows, in the latent variance var(predictor) + 1. A statistic below 10
is the usual sign of a weak instrument (Staiger & Stock 1997, Econometrica 65:557); a share below 1 % says that it
hardly moves anybody, however well that is known.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from bayesimpute.checking.exclusions import Exclusions, exclusions
from bayesimpute.designs.parts import Block, Predictor, correlation_name, pairs, places
from bayesimpute.formulas import parse
from bayesimpute.plan.conditional import Conditional
from bayesimpute.sensitivity.selection_draws import Draws

WEAK_STATISTIC, WEAK_SHARE, STRONG_SHARE = 10.0, 0.01, 0.05
COLUMNS = ("term", "kind", "columns", "statistic", "estimate", "conf_low", "conf_high", "sd", "share", "strength")
RESTRICTS = ("term", "random effect")
"""Kinds that move selection and not the outcome; "shape only" are functions of variables that move both."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Strength:
    """What moves selection and not the outcome.

    Parameters
    ----------
    table : DataFrame
        One row an exclusion: ``term, kind`` ("term", "random effect", "shape only"), number of ``columns``,
        ``statistic``, of a random effect its standard deviation's ``estimate, conf_low, conf_high`` (posterior mean and
        95 % interval), ``sd`` of its part of the linear predictor (latent units: the error's is 1), ``share`` of the
        latent variance, ``strength``.
    share : float
        Of all terms and random effects together, those of shape only not counted.
    """

    table: pd.DataFrame
    share: float

    @property
    def restrictions(self) -> list[dict[str, Any]]:
        """The rows of those that restrict."""
        rows = self.table.to_dict("records")
        return [{str(key): value for key, value in row.items()} for row in rows if row["kind"] in RESTRICTS]


def strength(draws: Draws, conditional: Conditional, data: Mapping[str, np.ndarray]) -> Strength:
    """The exclusions by the formulas, weighed by the posterior.

    Parameters
    ----------
    data : mapping of str to ndarray
        The matrices at the fitted rows, as :meth:`bayesimpute.designs.placement.Placement.data` gives them.
    """
    family = draws.design.family
    assert family.selection is not None
    name = family.selection.parameter
    found = exclusions(*(parse(conditional.formulas[p], response="optional") for p in ("mu", name)))
    common = _common(draws, next(p for p in draws.design.predictors if p.key == name), data)
    varying = [v for block in draws.design.blocks if (v := _varying(draws, block, name, data)) is not None]
    whole = common.variance(range(common.x.shape[1])) + sum(v.variance(v.slices) for v in varying) + 1.0
    rows = [_term_row(common, term, kind, whole) for term, kind in _kinds(found, "term", found.terms, common.terms)]
    effects = {label: v for v in varying for label in v.slices}
    for label, kind in _kinds(found, "random effect", found.effects, list(effects)):
        rows.append(_effect_row(effects[label], label, kind, whole))
    terms = [k for term in found.terms if term in common.terms for k in common.places(term)]
    mine = common.variance(terms) + sum(v.variance([e for e in v.slices if e in found.effects]) for v in varying)
    return Strength(table=pd.DataFrame(rows, columns=list(COLUMNS)), share=float(mine / whole))


def word(statistic: float, share: float) -> str:
    """Weak if the statistic is below 10 or the share below 1 %, strong if the share is at least 5 %, else moderate."""
    if not statistic >= WEAK_STATISTIC or share < WEAK_SHARE:
        return "weak"
    return "strong" if share >= STRONG_SHARE else "moderate"


def _kinds(found: Exclusions, kind: str, mine: Sequence[str], there: Sequence[str]) -> list[tuple[str, str]]:
    """The exclusions that the matrices have, with their kinds."""
    return [(t, kind) for t in mine if t in there] + [(t, "shape only") for t in found.shapes if t in there]


@dataclass(frozen=True, kw_only=True, eq=False)
class _Common:
    """The common part of selection: standardised columns (row, column), coefficients (draw, column), terms."""

    x: np.ndarray
    beta: np.ndarray
    slices: Mapping[str, slice]

    @property
    def terms(self) -> list[str]:
        return list(self.slices)

    def places(self, term: str) -> range:
        return range(*self.slices[term].indices(self.x.shape[1]))

    def variance(self, columns: Sequence[int]) -> float:
        """Of the part of the linear predictor that some columns make, at the posterior mean."""
        at = list(columns)
        return float((self.x[:, at] @ self.beta[:, at].mean(axis=0)).var()) if at else 0.0


def _common(draws: Draws, p: Predictor, data: Mapping[str, np.ndarray]) -> _Common:
    assert p.matrix is not None
    columns = [draws.named[name].ravel() for name in p.names]
    beta = p.to_centre(np.stack(columns, axis=1)) * p.scale if columns else np.zeros((draws.number, 0))
    return _Common(x=data[f"X_{p.key}"], beta=beta, slices=dict(p.matrix.terms))


def _term_row(common: _Common, term: str, kind: str, whole: float) -> dict[str, Any]:
    at = list(common.places(term))
    beta = common.beta[:, at]
    mean, covariance = beta.mean(axis=0), np.atleast_2d(np.cov(beta, rowvar=False))
    statistic = float(mean @ np.linalg.pinv(covariance) @ mean) / len(at)
    variance = common.variance(at)
    return _row(term, kind, len(at), statistic, variance, whole)


@dataclass(frozen=True, kw_only=True, eq=False)
class _Varying:
    """A block's part in selection.

    Standardised columns (row, effect), their covariance matrix, the draws of the SDs (draw, effect) in the user's
    units, and the effects as formulas name them.
    """

    z: np.ndarray
    covariance: np.ndarray
    sigma: np.ndarray
    slices: Mapping[str, slice]

    def places(self, label: str) -> list[int]:
        return list(range(*self.slices[label].indices(self.z.shape[1])))

    def variance(self, labels: Iterable[str]) -> float:
        """Of the part of the linear predictor that some effects make: the mean over rows of z' Sigma z."""
        at = [k for label in labels for k in self.places(label)]
        z = self.z[:, at]
        return float(np.einsum("ni,ij,nj->n", z, self.covariance[np.ix_(at, at)], z).mean())


def _varying(draws: Draws, block: Block, name: str, data: Mapping[str, np.ndarray]) -> _Varying | None:
    """None if a block has no part in selection."""
    for (parameter, place), (_, matrix) in zip(places(block), block.parts, strict=True):
        if parameter == name:
            labels = {f"{'1' if t == 'Intercept' else t}|{block.factor}": own for t, own in matrix.terms}
            sigma = np.stack([draws.named[f"{n}_sigma"].ravel() for n in block.names[place]], axis=1)
            z = data[f"X_{block.key}"][:, place] @ np.linalg.inv(block.to_zero[place, place])
            return _Varying(z=z, covariance=_covariance(draws, block)[place, place], sigma=sigma, slices=labels)
    return None


def _covariance(draws: Draws, block: Block) -> np.ndarray:
    """The posterior mean of the effects' covariance matrix, shape (effect, effect)."""
    sds = np.stack([draws.named[f"{n}_sigma"].ravel() for n in block.names], axis=1)
    found = np.diag((sds**2).mean(axis=0))
    for i, j in pairs(block.width):
        r = draws.named[correlation_name(block.names[i], block.names[j])].ravel()
        found[i, j] = found[j, i] = (r * sds[:, i] * sds[:, j]).mean()
    return found


def _effect_row(varying: _Varying, label: str, kind: str, whole: float) -> dict[str, Any]:
    """The figures of an effect's standard deviation are those of its first column."""
    at = varying.places(label)
    sigma = varying.sigma[:, at[0]]
    mean, sd = float(sigma.mean()), float(sigma.std())
    low, high = np.quantile(sigma, [0.025, 0.975])
    statistic = (mean / sd) ** 2 if sd > 0 else np.inf
    row = _row(label, kind, len(at), statistic, varying.variance([label]), whole)
    return row | {"estimate": mean, "conf_low": float(low), "conf_high": float(high)}


def _row(term: str, kind: str, columns: int, statistic: float, variance: float, whole: float) -> dict[str, Any]:
    share = variance / whole
    return {
        "term": term,
        "kind": kind,
        "columns": columns,
        "statistic": statistic,
        "estimate": np.nan,
        "conf_low": np.nan,
        "conf_high": np.nan,
        "sd": float(np.sqrt(variance)),
        "share": share,
        "strength": word(statistic, share),
    }
