"""Why a verdict on the chains is not that they have converged, in sentences that end with the remedy.

What fails is what the rule of convergence says (:mod:`bayesimpute.numerics.chains`); here it is put into words.
"""

from collections.abc import Iterable

import numpy as np
import pandas as pd

from bayesimpute.base.phrases import listed
from bayesimpute.numerics import chains
from bayesimpute.numerics.chains import AUTOCORRELATION, DIVERGENT_SHARE, ESS, FEWEST_DRAWS, FEWEST_EFFECTIVE, R_HAT
from bayesimpute.plan.targets import STRAIGHT_LINES
from bayesimpute.running.far_values import OTHER_SIGN, WHAT

FAR, LONG = 20, 5000
"""More sweeps are no remedy where it would take over so many times as many, and over so many a chain."""


def out_of_reach(draws: int, wanted: float) -> bool:
    """Whether more sweeps than `draws` are no remedy, if `wanted` would do."""
    return wanted > max(FAR * draws, LONG)


def divergent(divergences: int, transitions: int) -> list[str]:
    """Whether too many transitions diverged."""
    if not chains.diverge(divergences, transitions):
        return []
    return [
        f"{divergences} of {transitions} transitions diverged after warm-up, more than {DIVERGENT_SHARE:.1%}; "
        "simplify the random part, (1 | g) instead of (1 + x | g), or set narrower priors, or give more warm-up "
        "(run.warmup)"
    ]


def written(reasons: Iterable[str]) -> list[str]:
    """Reasons as lines of a list; a remedy that several have stands once, below them."""
    shared: dict[str, list[str]] = {}
    for reason in reasons:
        finding, _, remedy = reason.partition("; ")
        shared.setdefault(remedy, []).append(finding)
    lines = []
    for remedy, findings in shared.items():
        if len(findings) == 1 or not remedy:
            lines += [f"- {finding}; {remedy}" if remedy else f"- {finding}" for finding in findings]
        else:
            lines += [*(f"- {finding}" for finding in findings), f"  for these {len(findings)}: {remedy}"]
    return lines


def too_few(draws: int) -> str:
    """That R-hat and ESS cannot be computed."""
    return (
        f"too few draws to tell: {draws} kept sweep{'s' * (draws != 1)} a chain; R-hat and ESS need {FEWEST_DRAWS} at "
        "least and, to be reliable, 100 or more: set run.sweeps"
    )


SLOW = (
    "the data say too little of it for this model; drop what is hardly ever observed together (predictors, cluster "
    "means, a slope of (1 + x | g)), merge small clusters or rare categories, or give it a narrower prior"
)

HELD = (
    "; or variables that nearly determine each other are missing in the same rows, where each is drawn from the last "
    "draws of the others: impute one of them, and what it leaves of the others"
)
"""What else may hold imputed values where they are; such as ages, heights and weights of children."""
BETTER = {
    WHAT: "use fewer predictors, cluster means first, or a family with the right bounds",
    OTHER_SIGN: (
        "a normal model keeps means and variances, so report no shares, quantiles or extremes of it; or write family = "
        '"lognormal", "negative_binomial" (counts), "semicontinuous" (amounts that may be nothing) or "pmm"'
    ),
}
"""What can be done about imputed values, by what is noted of them."""


def _number(draws: int, wanted: int) -> str:
    """How many sweeps would do."""
    return f", about {wanted} instead of {draws}"


def mixing(parameters: pd.DataFrame, values: pd.DataFrame, draws: int, wanted: int) -> list[str]:
    """What R-hat and ESS say of the parameters and of the imputed values of each target.

    `wanted` are the kept sweeps a chain that should do, instead of `draws`.
    """
    apart = chains.unmixed(parameters).any() or chains.unmixed(values).any()
    found, more = [], f"give more sweeps{'' if apart else _number(draws, wanted)} (run.sweeps, or extend())"
    beyond = not apart and out_of_reach(draws, wanted)
    if beyond:
        more = f"more sweeps alone will hardly do, for about {wanted:,} instead of {draws} would be needed: {SLOW}"
    for target, rows in parameters.groupby("target", sort=False):
        stuck = rows.loc[chains.stuck(rows), "parameter"]
        if not stuck.empty:
            found.append(
                f"{target}: {_listed(stuck)} never moved in a chain or is not a number; look at its prior and its scale"
            )
        found += _judged(f"{target}: ", rows, more, "parameter")
    for target, rows in values.groupby("target", sort=False):
        held = _slow(rows, draws) if apart else beyond
        found += _judged(f"{target}, imputed values: ", rows, more + HELD * held, "statistic")
    return found


def _slow(rows: pd.DataFrame, draws: int) -> bool:
    """Whether imputed values of a target move so slowly that more sweeps are no remedy."""
    least = chains.least_ess(rows)
    fewest = float(np.min(least, initial=ESS, where=~np.isnan(least)))
    return out_of_reach(draws, draws * ESS / max(fewest, 1.0))


def dependences(values: pd.DataFrame, estimates: pd.DataFrame, draws: int, wanted: int) -> list[str]:
    """What the autocorrelations say; `draws` and `wanted` as for :func:`mixing`."""
    found = []
    for table, name, what in ((values, "target", "imputed values"), (estimates, "term", "the analysis's estimates")):
        over = table.loc[chains.dependent(table)]
        if not over.empty:
            found.append(
                f"successive imputations of a chain depend on each other: autocorrelation of {what} up to "
                f"{max(over['autocorrelation']):.2f} ({_listed(over[name])}), below "
                f"{AUTOCORRELATION} is needed; space them out with more sweeps"
                f"{_number(draws, wanted) if wanted > draws else ''} (run.sweeps, or extend())"
            )
    return found


def far_values(events: pd.DataFrame) -> list[str]:
    """What the run noted of imputed values far outside of the observed range, or of another sign."""
    return [
        f"{target}, {what}: {why}; {BETTER[what]}"
        for target, what, why in events[["target", "what", "why"]].itertuples(index=False)
        if what in BETTER
    ]


def straight_lines(events: pd.DataFrame) -> list[str]:
    """What a plan from the data told of curves that its models do not have, with what to do."""
    told = events.loc[events["what"] == STRAIGHT_LINES, ["target", "what", "why"]]
    return [f"{target}, {what}: {why}" for target, what, why in told.itertuples(index=False)]


def _judged(place: str, rows: pd.DataFrame, more: str, label: str) -> list[str]:
    """A sentence for each of: chains in different places, chains that hardly move, and ESS."""
    found = []
    high, slow, low = (rows.loc[part(rows)] for part in (chains.unmixed, chains.immobile, chains.scarce))
    if not high.empty:
        found.append(
            f"{place}the chains are in different places, further apart than by chance: R-hat is up to "
            f"{_shown(max(high['r_hat']))} ({_listed(high[label])}), {R_HAT} at most would do no harm; give more "
            f"warm-up and more sweeps (run.warmup, run.sweeps, or extend()){_simpler(high[label])}"
        )
    if not slow.empty:
        found.append(
            f"{place}the chains hardly move: {_listed(slow[label])} with {min(slow['ess_half']):.1f} effective draws "
            f"in half a chain, at least {FEWEST_EFFECTIVE} are needed to tell whether chains meet; give more sweeps "
            f"(run.sweeps, or extend()){_simpler(slow[label])}"
        )
    if not low.empty:
        fewest = chains.least_ess(low).min()
        found.append(f"{place}ESS is down to {fewest:.0f} ({_listed(low[label])}), above {ESS} is needed; {more}")
    return found


def _simpler(names: Iterable[str]) -> str:
    """The remedy for random effects."""
    return ", or a simpler random part" if any("|" in name for name in names) else ""


def _listed(names: Iterable[str]) -> str:
    """The first three, each once."""
    return listed(dict.fromkeys(names), 3)


def _shown(value: float) -> str:
    return f"{value:.3f}" if value < 100 else "over 100"
