"""Why a verdict on the chains is not that they have converged: the thresholds, and sentences that end with the remedy.

Everything is judged from tables that :mod:`bayesimpute.diagnostics` computes.
"""

from statistics import NormalDist

import pandas as pd

R_HAT = 1.01
"""R-hat must be below this."""
ESS = 400
"""Bulk and tail ESS must be above this: 100 for each of four chains (Vehtari et al. 2021, section 4)."""
AUTOCORRELATION = 0.1
"""The autocorrelation of successive kept imputations must be below this."""
FALSE_ALARM = 0.01
"""The probability that independent imputations are taken for dependent ones."""
DIVERGENT_SHARE = 0.001
"""More divergent transitions than this share of all after warm-up fail the verdict; fewer are reported only."""
FEWEST_DRAWS = 4
"""Kept sweeps a chain below which R-hat is not defined: each half must have a variance."""


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
    for target, rows in parameters.groupby("target", sort=False):
        stuck = rows["r_hat"].isna()
        if stuck.any():
            listed = _listed(rows["parameter"][stuck])
            found.append(f"{target}: {listed} never moved or is not a number; look at its prior and its scale")
        found += _judged(f"{target}: ", rows["parameter"], rows, draws)
    for target, rows in values.groupby("target", sort=False):
        found += _judged(f"{target}, imputed values: ", rows["statistic"], rows, draws)
    return found


def _judged(place: str, names: pd.Series, rows: pd.DataFrame, draws: int) -> list[str]:
    """A sentence for R-hat and one for ESS; what does not vary (its SD is not a number) is not judged."""
    found = []
    varies = rows["sd"].notna()
    high = varies & ~(rows["r_hat"] < R_HAT)
    if high.any():
        simpler = ", or a simpler random part" if names[high].str.contains("|", regex=False).any() else ""
        found.append(
            f"{place}R-hat is up to {_shown(rows['r_hat'][high].max())} ({_listed(names[high])}), below {R_HAT} is "
            f"needed; give more warm-up and more sweeps (run.warmup, run.sweeps, or extend()){simpler}"
        )
    least = rows[["ess_bulk", "ess_tail"]].min(axis="columns")
    low = varies & ~(least > ESS)
    if low.any():
        found.append(
            f"{place}ESS is down to {least[low].min():.0f} ({_listed(names[low])}), above {ESS} is needed; give more "
            f"sweeps, about {_sweeps(draws, least[low].min())} instead of {draws} (run.sweeps)"
        )
    return found


def dependent(values: pd.DataFrame, estimates: pd.DataFrame) -> list[str]:
    """What the autocorrelations say: those count that are above the limit by more than chance can make them.

    A table of k autocorrelations raises a false alarm with a probability of :data:`FALSE_ALARM` at most (Bonferroni).
    """
    reasons = []
    for table, what in ((values, "imputed values"), (estimates, "the analysis's estimates")):
        errors = NormalDist().inv_cdf(1 - FALSE_ALARM / max(1, int(table["autocorrelation"].count())))
        over = table[table["autocorrelation"] - errors * table["autocorrelation_se"] > AUTOCORRELATION]
        if len(over):
            names = over["term"] if "term" in over else over["target"]
            reasons.append(
                f"successive imputations of a chain depend on each other: autocorrelation of {what} up to "
                f"{over['autocorrelation'].max():.2f} ({_listed(names.drop_duplicates())}), below {AUTOCORRELATION} is "
                "needed; space them out with more sweeps (run.sweeps)"
            )
    return reasons


def _listed(names: pd.Series) -> str:
    more = f" and {len(names) - 3} more" if len(names) > 3 else ""
    return f"{', '.join(names[:3])}{more}"


def _sweeps(draws: int, ess: float) -> int:
    """Sweeps that should give the ESS with a margin of a quarter, to two digits; at most ten times as many."""
    wanted = draws * 1.25 * ESS / ess if ess > 0.125 * ESS else 10 * draws
    unit = 10 ** max(0, len(str(int(wanted))) - 2)
    return int(-(-wanted // unit) * unit)


def _shown(value: float) -> str:
    return f"{value:.3f}" if value < 100 else "over 100"
