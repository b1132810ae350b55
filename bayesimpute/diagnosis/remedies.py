"""Why a verdict on the chains is not that they have converged, in sentences that end with the remedy.

Everything is judged from tables that :mod:`bayesimpute.diagnosis.diagnosis` computes.
"""

from collections.abc import Iterable, Mapping, Sequence
from math import isnan
from statistics import NormalDist
from typing import Any

import pandas as pd

from bayesimpute.numerics.chains import AUTOCORRELATION, DIVERGENT_SHARE, ESS, FALSE_ALARM, FEWEST_DRAWS, R_HAT


def divergent(divergences: int, transitions: int) -> list[str]:
    """Whether too many transitions diverged."""
    if divergences <= DIVERGENT_SHARE * transitions:
        return []
    return [
        f"{divergences} of {transitions} transitions diverged after warm-up, more than {DIVERGENT_SHARE:.1%}; "
        "simplify the random part, (1 | g) instead of (1 + x | g), or set narrower priors, or give more warm-up "
        "(run.warmup)"
    ]


def too_few(draws: int) -> str:
    """That R-hat and ESS cannot be computed."""
    return (
        f"too few draws to tell: {draws} kept sweep{'s' * (draws != 1)} a chain; R-hat and ESS need {FEWEST_DRAWS} at "
        "least and, to be reliable, 100 or more: set run.sweeps"
    )


def mixing(parameters: pd.DataFrame, values: pd.DataFrame, draws: int) -> list[str]:
    """What R-hat and ESS say of the parameters and of the imputed values of each target."""
    found = []
    for target, rows in _by_target(parameters).items():
        stuck = [row["parameter"] for row in rows if isnan(row["r_hat"])]
        if stuck:
            found.append(f"{target}: {_listed(stuck)} never moved or is not a number; look at its prior and its scale")
        found += _judged(f"{target}: ", rows, draws, "parameter")
    for target, rows in _by_target(values).items():
        found += _judged(f"{target}, imputed values: ", rows, draws, "statistic")
    return found


def dependent(values: pd.DataFrame, estimates: pd.DataFrame) -> list[str]:
    """What the autocorrelations say: those count that are above the limit by more than chance can make them.

    A table of k autocorrelations raises a false alarm with a probability of :data:`FALSE_ALARM` at most (Bonferroni).
    """
    found = []
    for table, name, what in ((values, "target", "imputed values"), (estimates, "term", "the analysis's estimates")):
        rows = [row for row in table.to_dict("records") if not isnan(row["autocorrelation"])]
        errors = NormalDist().inv_cdf(1 - FALSE_ALARM / max(1, len(rows)))
        over = [r for r in rows if r["autocorrelation"] - errors * r["autocorrelation_se"] > AUTOCORRELATION]
        if over:
            found.append(
                f"successive imputations of a chain depend on each other: autocorrelation of {what} up to "
                f"{max(r['autocorrelation'] for r in over):.2f} ({_listed([r[name] for r in over])}), below "
                f"{AUTOCORRELATION} is needed; space them out with more sweeps (run.sweeps)"
            )
    return found


def _judged(place: str, rows: Sequence[Mapping[str, Any]], draws: int, label: str) -> list[str]:
    """A sentence for R-hat and one for ESS; what does not vary (its SD is not a number) is not judged."""
    found = []
    varying = [row for row in rows if not isnan(row["sd"])]
    high = {row[label]: row["r_hat"] for row in varying if not row["r_hat"] < R_HAT}
    if high:
        simpler = ", or a simpler random part" if any("|" in name for name in high) else ""
        found.append(
            f"{place}R-hat is up to {_shown(max(high.values()))} ({_listed(high)}), below {R_HAT} is needed; "
            f"give more warm-up and more sweeps (run.warmup, run.sweeps, or extend()){simpler}"
        )
    least = {row[label]: min(row["ess_bulk"], row["ess_tail"]) for row in varying}
    low = {name: ess for name, ess in least.items() if not ess > ESS}
    if low:
        fewest = min(low.values())
        found.append(
            f"{place}ESS is down to {fewest:.0f} ({_listed(low)}), above {ESS} is needed; give more sweeps, about "
            f"{_sweeps(draws, fewest)} instead of {draws} (run.sweeps)"
        )
    return found


def _by_target(table: pd.DataFrame) -> dict[str, list[dict[str, Any]]]:
    found: dict[str, list[dict[str, Any]]] = {}
    for row in table.to_dict("records"):
        found.setdefault(row["target"], []).append({str(key): value for key, value in row.items()})
    return found


def _listed(names: Iterable[str]) -> str:
    """The first three, each once."""
    names = list(dict.fromkeys(names))
    more = f" and {len(names) - 3} more" if len(names) > 3 else ""
    return f"{', '.join(names[:3])}{more}"


def _sweeps(draws: int, ess: float) -> int:
    """Sweeps that should give the ESS with a margin of a quarter, to two digits; at most ten times as many."""
    wanted = draws * 1.25 * ESS / ess if ess > 0.125 * ESS else 10 * draws
    unit = 10 ** max(0, len(str(int(wanted))) - 2)
    return int(-(-wanted // unit) * unit)


def _shown(value: float) -> str:
    return f"{value:.3f}" if value < 100 else "over 100"
