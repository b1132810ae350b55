"""Pooled variances, correlations, ICC and R²: arithmetic means, as mitml gives them, with medians and intervals.

Where clusters are few the estimates of the m fits have a long right tail, which draws the mean: the median is named
beside it (``studies/few_clusters.py``).

Where every fit has a standard error on the scale that suits the quantity (log, Fisher's z, logit), the interval is
Rubin's on that scale, turned back. Where a fit is at the boundary or close to it (a variance of zero, say), it is made
of quantiles of the mixed posteriors of all fits. ``method`` says which.
"""

from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import Any

import numpy as np
import pandas as pd

from bayesimpute.analysis.estimates import Estimate, Quantity
from bayesimpute.pooling.scalars import rubin

SEED = 20101
"""Of the draws from posteriors: pooling twice gives the same figures."""
BACK: Mapping[str, Callable[[np.ndarray], np.ndarray]] = MappingProxyType(
    {"log": np.exp, "fisher_z": np.tanh, "logit": lambda v: 1 / (1 + np.exp(-v))}
)
FORTH: Mapping[str, Callable[[np.ndarray], np.ndarray]] = MappingProxyType(
    {"log": np.log, "fisher_z": np.arctanh, "logit": lambda v: np.log(v) - np.log1p(-v)}
)
NAMES = MappingProxyType({"log": "log scale", "fisher_z": "Fisher's z", "logit": "logit scale"})
POSTERIOR = "mixed posteriors"
COLUMNS = ("kind", "group", "name", "estimate", "median", "conf_low", "conf_high", "fmi", "method")


def pool_quantities(estimates: Sequence[Estimate], level: float) -> pd.DataFrame:
    """A table of all quantities of the fits.

    Parameters
    ----------
    estimates : sequence of Estimate
        With the same quantities; none give no rows.
    level : float
        Of the intervals.

    Returns
    -------
    DataFrame
        ``kind, group, name, estimate, median, conf_low, conf_high, fmi, method``; of a quantity without an interval the
        last four are missing.
    """
    each = list(zip(*(e.quantities for e in estimates), strict=True))
    draws = _Draws(estimates)
    rows = [_row(quantity, place, draws, level) for place, quantity in enumerate(each)]
    return pd.DataFrame(rows, columns=pd.Index(COLUMNS))


def _row(quantity: Sequence[Quantity], place: int, draws: "_Draws", level: float) -> dict[str, Any]:
    first = quantity[0]
    values, errors = np.array([q.estimate for q in quantity]), np.array([q.std_error for q in quantity])
    row = {"kind": first.kind, "group": first.group, "name": first.name}
    row |= {"estimate": float(values.mean()), "median": float(np.median(values))}
    if np.isfinite(errors).all():
        found = rubin(FORTH[first.scale](values)[:, None], errors[:, None] ** 2)
        low, high = (float(BACK[first.scale](end)[0]) for end in found.interval(level))
        return row | {"conf_low": low, "conf_high": high, "fmi": float(found.fmi[0]), "method": NAMES[first.scale]}
    mixed = draws.of(place)
    if mixed is None:
        return row | {"conf_low": np.nan, "conf_high": np.nan, "fmi": np.nan, "method": ""}
    low, high = np.quantile(mixed, [(1 - level) / 2, (1 + level) / 2])
    return row | {"conf_low": float(low), "conf_high": float(high), "fmi": np.nan, "method": POSTERIOR}


class _Draws:
    """The posteriors of all fits, drawn when first needed."""

    def __init__(self, estimates: Sequence[Estimate]) -> None:
        self.posteriors = [e.posterior for e in estimates]
        self.drawn: np.ndarray | None = None

    def of(self, place: int) -> np.ndarray | None:
        """Draws of one quantity from all fits, shape (draw,); None if a fit has no posterior."""
        if any(p is None for p in self.posteriors):
            return None
        if self.drawn is None:
            streams = map(np.random.default_rng, np.random.SeedSequence(SEED).spawn(len(self.posteriors)))
            parts = [p.draws(rng) for p, rng in zip(self.posteriors, streams, strict=True) if p is not None]
            same = min(map(len, parts))  # every dataset counts the same
            self.drawn = np.concatenate([part[:same] for part in parts])
        return self.drawn[:, place]
