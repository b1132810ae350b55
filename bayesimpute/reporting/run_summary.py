"""How the run went: chains and sweeps, convergence, software."""

from importlib.metadata import version
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from bayesimpute.base.phrases import counted
from bayesimpute.reporting.citing import samplers, see, versions
from bayesimpute.reporting.wording import bullets, code
from bayesimpute.running.inner_steps import MOST_STEPS, TARGET_AUTOCORRELATION
from bayesimpute.samplers import SAMPLERS

if TYPE_CHECKING:
    from bayesimpute.diagnosis.diagnosis import Diagnosis
    from bayesimpute.result.result import Result

PLURALS = {"mean": "means", "sd": "standard deviations"}
"""Of summaries of imputed values; of others, such as the shares of labels, there are too many to be named."""
NAMES = {"bayesimpute": "bayesimpute", "pymc": "PyMC", "pytensor": "PyTensor", "bambi": "bambi", "xarray": "xarray"}
"""The libraries that a report names, as they write themselves."""


def schedule(imputed: "Result") -> str:
    """Chains, sweeps, inner steps, how the datasets are spaced, and the seed."""
    record = imputed.record
    plan, run = record.schedule, record.plan.run
    each = -(-plan.m // plan.chains)
    adapted = f" ({run.warmup} of them with adaptation)" if plan.base != run.warmup else ""
    parts = [
        f"{counted(plan.chains, 'chain')}, each from a start of its own, made {counted(plan.base, 'sweep')} of "
        f"warm-up{adapted} and {counted(plan.sweeps, 'sweep')} more; m = {plan.m} completed datasets were taken from "
        f"these, {'up to ' * (plan.m % plan.chains != 0)}{each} from a chain, {counted(plan.thin, 'sweep')} apart."
    ]
    if imputed.targets:
        names = [_called(name) for name in samplers(imputed)]
        parts.append(f"Parameters were drawn by {' or '.join(names)}; {_steps(imputed)}.")
    return " ".join([*parts, f"The random seed was {imputed.seed}."])


def _called(sampler: str) -> str:
    """A sampler in words; one of another version of the package by its name."""
    if sampler not in SAMPLERS:
        return f"the sampler {code(sampler)}"
    found = SAMPLERS[sampler]
    return found.called if found.source is None else f"{found.called} {see(found.source)}"


def _steps(imputed: "Result") -> str:
    """Transitions a visit: their numbers differ between chains where warm-up chose them."""
    asked, states = imputed.plan.run.steps, imputed.record.states
    found = {name: sorted({state.steps[name] for state in states}) for name in imputed.targets}
    shown = [f"{code(t)} {s[0] if len(s) == 1 else f'{s[0]} to {s[-1]}'}" for t, s in found.items()]
    if asked != "auto":
        why = "as asked for"
    elif len(found) == 1:
        why = "with one incomplete variable the loop is ordinary Markov chain Monte Carlo"
    else:
        why = (
            "chosen in warm-up so that the autocorrelation of parameters and of some clusters' effects with the data "
            f"held fixed was below {TARGET_AUTOCORRELATION}, at most {MOST_STEPS}"
        )
    return f"transitions of the sampler a visit: {', '.join(shown)} ({why})"


def convergence(found: "Diagnosis") -> str:
    """R-hat, effective sample sizes, divergences, the verdict and its reasons."""
    names = ["r_hat", "ess_bulk", "ess_tail"]
    figures = pd.concat([found.parameters[names], found.imputed[names]]).to_numpy(dtype=float)
    parts = [
        f"Convergence was judged by R-hat, against what chance makes of it, and by effective sample size, ESS "
        f"{see('vehtari2021')}, by divergences of the sampler and by the autocorrelation of successive imputations."
    ]
    if not np.isnan(figures).all():
        r_hat, (_, bulk, tail) = np.nanmax(figures[:, 0]), np.nanmin(figures, axis=0)
        parts.append(
            f"Over {counted(len(found.parameters), 'parameter')} and {len(found.imputed)} {_summaries(found)} of "
            f"imputed values, R-hat was at most {r_hat:.3f}, bulk ESS at least {bulk:.0f} and tail ESS "
            f"at least {tail:.0f}."
        )
    parts.append(f"{found.divergences} of {counted(found.transitions, 'transition')} after warm-up diverged.")
    parts.append(f"Verdict: {found.sentence}")
    return "\n\n".join([" ".join(parts), *[bullets(found.reasons)] * bool(found.reasons)])


def _summaries(found: "Diagnosis") -> str:
    """What is recorded of imputed values, in words."""
    names = [str(name) for name in found.imputed["statistic"].unique()]
    return " and ".join(PLURALS[name] for name in names or PLURALS) if set(names) <= set(PLURALS) else "summaries"


def software(imputed: "Result") -> str:
    """Programs with their versions: those that made the run, and the ArviZ that judged it."""
    made = versions(imputed)
    names = [f"{shown} {made[name]}" for name, shown in NAMES.items()]
    cited = see("pymc", "bambi", "arviz", "xarray")
    return f"Software: {', '.join(names)}, ArviZ {version('arviz')} and Python {made['python']} {cited}."
