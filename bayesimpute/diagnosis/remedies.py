"""Why a verdict on the chains is not that they have converged, in sentences that end with the remedy.

What fails is what the rule of convergence says (:mod:`bayesimpute.numerics.chains`); here it is put into words.
"""

from collections.abc import Iterable

import pandas as pd

from bayesimpute.numerics import chains
from bayesimpute.numerics.chains import AUTOCORRELATION, DIVERGENT_SHARE, ESS, FEWEST_DRAWS, R_HAT


def divergent(divergences: int, transitions: int) -> list[str]:
    """Whether too many transitions diverged."""
    if not chains.diverge(divergences, transitions):
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
    for target, rows in parameters.groupby("target", sort=False):
        stuck = rows.loc[chains.stuck(rows), "parameter"]
        if not stuck.empty:
            found.append(f"{target}: {_listed(stuck)} never moved or is not a number; look at its prior and its scale")
        found += _judged(f"{target}: ", rows, draws, "parameter")
    for target, rows in values.groupby("target", sort=False):
        found += _judged(f"{target}, imputed values: ", rows, draws, "statistic")
    return found


def dependences(values: pd.DataFrame, estimates: pd.DataFrame) -> list[str]:
    """What the autocorrelations say."""
    found = []
    for table, name, what in ((values, "target", "imputed values"), (estimates, "term", "the analysis's estimates")):
        over = table.loc[chains.dependent(table)]
        if not over.empty:
            found.append(
                f"successive imputations of a chain depend on each other: autocorrelation of {what} up to "
                f"{max(over['autocorrelation']):.2f} ({_listed(over[name])}), below "
                f"{AUTOCORRELATION} is needed; space them out with more sweeps (run.sweeps)"
            )
    return found


def _judged(place: str, rows: pd.DataFrame, draws: int, label: str) -> list[str]:
    """A sentence for R-hat and one for ESS."""
    found = []
    high, low = rows.loc[chains.unmixed(rows)], rows.loc[chains.scarce(rows)]
    if not high.empty:
        simpler = ", or a simpler random part" if any("|" in name for name in high[label]) else ""
        found.append(
            f"{place}R-hat is up to {_shown(max(high['r_hat']))} ({_listed(high[label])}), below {R_HAT} is needed; "
            f"give more warm-up and more sweeps (run.warmup, run.sweeps, or extend()){simpler}"
        )
    if not low.empty:
        fewest = chains.least_ess(low).min()
        found.append(
            f"{place}ESS is down to {fewest:.0f} ({_listed(low[label])}), above {ESS} is needed; give more sweeps, "
            f"about {_sweeps(draws, fewest)} instead of {draws} (run.sweeps)"
        )
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
