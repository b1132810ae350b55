"""What the figures say in words, by rules that can be looked up here.

**not identified**: KL below :data:`KL_NONE` nats, or overlap above :data:`OVERLAP_NONE`, or the posterior's 95 %
interval of rho longer than :data:`WIDTH_NONE` of the prior's. **identified**: KL of at least :data:`KL_CLEAR` and an
interval of at most :data:`WIDTH_CLEAR` of the prior's. **weakly identified**: whatever lies between; the data speak,
and the prior speaks too. A verdict holds the data against the prior: it neither tests the normal distribution that the
model assumes, nor whether an exclusion variable really has no part in the outcome.
"""

from collections.abc import Mapping, Sequence
from math import isnan, nan
from typing import Any

import pandas as pd

from bayesimpute.base.phrases import listed
from bayesimpute.numerics.chains import ESS
from bayesimpute.sensitivity.other_priors import DOUBLED, HALVED, NEEDS, PLAN
from bayesimpute.sensitivity.prior_posterior import Movement
from bayesimpute.sensitivity.strength import Strength

KL_NONE, OVERLAP_NONE, WIDTH_NONE = 0.2, 0.75, 0.9
KL_CLEAR, WIDTH_CLEAR = 1.0, 0.5
NOT, WEAKLY, CLEARLY = "not identified", "weakly identified", "identified"


def fixed(name: str) -> str:
    """The verdict where the model holds the dependence at a value."""
    return f"{name} is fixed"


def apart(name: str) -> str:
    """The verdict where it differs by unit, without a common value."""
    return f"no common {name}"


def judged(movement: Movement) -> str:
    """The verdict on what was learnt of it."""
    if movement.kl < KL_NONE or movement.overlap > OVERLAP_NONE or movement.width > WIDTH_NONE:
        return NOT
    return CLEARLY if movement.kl >= KL_CLEAR and movement.width <= WIDTH_CLEAR else WEAKLY


def about_dependence(movement: Movement, verdict: str) -> list[str]:
    """What was learnt of it."""
    m = movement
    figures = (
        f"posterior mean {m.mean:.2f}, SD {m.sd:.2f}, 95 % interval {m.conf_low:.2f} to {m.conf_high:.2f}; "
        f"the prior's is {m.prior_low:.2f} to {m.prior_high:.2f}; KL {m.kl:.2f} nats, overlap {m.overlap:.2f}"
    )
    meaning = {
        NOT: "The posterior is little more than the prior. This does not say that "
        f"{m.name} is 0, or that values are missing at random: it says that these data do not tell, and that the "
        f"estimate rests on the prior of {m.name}",
        WEAKLY: f"The data are informative about {m.name} but leave it wide: its prior still has a part in the "
        "estimate",
        CLEARLY: f"The data say much more about {m.name} than its prior does",
    }[verdict]
    read = "KL is what the data taught beyond the prior (0 nats: nothing; 1 and more: much)"
    shared = "overlap is what prior and posterior share (1: they are the same)"
    found = [f"{m.name} is {verdict}: {figures}.", f"Here {read}, and {shared}.", f"{meaning}."]
    if not m.ess >= ESS:
        count = "no" if isnan(m.ess) else f"{m.ess:.0f}"
        found.append(
            f"Caution: these figures rest on {count} effective draws of {m.name}, fewer than {ESS}; give more sweeps "
            "(run.sweeps, or extend())."
        )
    return found


def about_exclusions(strength: Strength, name: str) -> list[str]:
    """What identification rests on."""
    shapes = [row["term"] for row in strength.table.to_dict("records") if row["kind"] == "shape only"]
    if not strength.restrictions:
        extra = f" and on the shape of {listed(shapes)}" if shapes else ""
        return [
            "There is no exclusion variable: nothing moves selection that does not move the outcome. What is learnt "
            f"about {name} rests on the normal distribution of the errors{extra}."
        ]
    named = [_excluded(row) for row in strength.restrictions]
    return [
        f"It rests on {listed(named)}: {strength.share:.1%} of the latent variance of selection in all. That this "
        "has no part in the outcome is an assumption that the data cannot test."
    ]


def _excluded(row: Mapping[str, Any]) -> str:
    if row["kind"] == "term":
        return f"{row['term']} ({row['strength']}: Wald {row['statistic']:.1f} a column)"
    interval = f"{row['conf_low']:.2f} to {row['conf_high']:.2f}"
    return f"the random effects {row['term']} ({row['strength']}: SD {row['estimate']:.2f}, {interval})"


def about_priors(table: pd.DataFrame, name: str) -> list[str]:
    """What other priors do to the estimate, and the pull of wide coefficients."""
    rows: dict[str, Any] = {row["prior"]: row for row in table.to_dict("records")}
    others = {p: row["estimate"] for p, row in rows.items() if p != PLAN and not isnan(row["estimate"])}
    plan, found = rows[PLAN], []
    if others:
        low, high = min(others, key=others.__getitem__), max(others, key=others.__getitem__)
        found.append(
            f"Under the plan's prior the estimate is {plan['estimate']:.4g} (SD {plan['sd']:.2g}); under the others it "
            f"goes from {others[low]:.4g} ({low}) to {others[high]:.4g} ({high})."
        )
    if HALVED in rows and DOUBLED in rows and not isnan(plan[name]):
        known = [rows[p][name] for p in (HALVED, DOUBLED)]
        here = (
            f": here its mean is {known[0]:.2f} with the coefficients' prior SDs halved, {plan[name]:.2f} with the "
            f"plan's, and {known[1]:.2f} with them doubled"
        )
        complete = not any(map(isnan, known))
        found.append(f"Flatter priors of the coefficients tend to pull {name} towards 0{here if complete else ''}.")
    if any(not isnan(row.get("k_hat", nan)) for row in rows.values()):
        found.append("k_hat says whether the draws reach another prior: up to .7 they are reweighted, else refitted.")
    missing = [p for p, row in rows.items() if row["how"] == NEEDS]
    if missing:
        found.append(f"Not known without a refit: {'; '.join(missing)}.")
    return found


def about_curve(table: pd.DataFrame, name: str) -> list[str]:
    """How far the estimate goes as the dependence does."""
    known = table[table["estimate"].notna()]
    if len(known) < 2:
        return []
    first, last = known.iloc[0], known.iloc[-1]
    sentence = (
        f"As {name} goes from {first[name]:g} to {last[name]:g}, the estimate goes from {first['estimate']:.4g} "
        f"({first['conf_low']:.4g} to {first['conf_high']:.4g}) to {last['estimate']:.4g} ({last['conf_low']:.4g} to "
        f"{last['conf_high']:.4g})."
    )
    left = len(table) - len(known)
    return [sentence] + ([f"At {left} of {len(table)} values of {name} there are too few draws."] if left else [])


def about_refits(done: Sequence[tuple[str, bool]], settings: Mapping[str, int]) -> list[str]:
    """What was run, and what of it has not been shown to have converged."""
    if not done:
        return []
    run = f"{settings['chains']} chains of {settings['warmup']} + {settings['sweeps']} sweeps"
    found = [f"{len(done)} refit{'s' * (len(done) > 1)} of {run}."]
    rough = [label for label, converged in done if not converged]
    if rough:
        found.append(f"Not shown to have converged, so take these refits as rough: {'; '.join(rough)}.")
    return found
