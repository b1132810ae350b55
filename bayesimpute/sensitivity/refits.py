"""The same data imputed again under another prior or with the dependence fixed, where the draws cannot tell."""

import time
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from bayesimpute.base.priors import Prior
from bayesimpute.base.progress import lasting
from bayesimpute.base.tables import say
from bayesimpute.designs.design import Design
from bayesimpute.diagnosis.diagnosis import diagnose
from bayesimpute.plan.plan import Plan
from bayesimpute.plan.targets import Resolved
from bayesimpute.result.result import Result
from bayesimpute.result.run import impute
from bayesimpute.sensitivity.importance_weights import widened
from bayesimpute.sensitivity.selection_draws import Draws, dependence, slopes

SWEEPS = 500
"""Of each chain, at most: a refit is for one mean, not for completed datasets."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Refits:
    """Runs on the data of a run.

    Parameters
    ----------
    imputed : MultiplyImputed
        The run.
    design : Design
        Of the selection model in question.
    resolved : Resolved
        Its plan on the data.
    allowed : bool
        Whether to run at all.
    seed : int
        Of every refit.
    workers : int or None
        As for :func:`bayesimpute.impute`.
    progress : bool
        Whether to show it.
    done : list of (str, bool)
        What was run, and whether it was shown to have converged.
    """

    imputed: Result
    design: Design
    resolved: Resolved
    allowed: bool
    seed: int
    workers: int | None = None
    progress: bool = False
    done: list[tuple[str, bool]] = field(default_factory=list)

    @property
    def settings(self) -> dict[str, int]:
        """Chains and warm-up of the plan, its sweeps as far as they are needed, one dataset a chain."""
        run = self.imputed.plan.run
        return {"m": run.chains, "chains": run.chains, "warmup": run.warmup, "sweeps": min(run.sweeps, SWEEPS)}

    def under(self, priors: Mapping[str, Prior], label: str) -> Draws | None:
        """With other priors, by the posterior's names; None if no run is allowed."""
        return self._run(self._changed(lambda c: {"priors": {**c.priors, **priors}}), label)

    def at(self, value: float) -> Draws | None:
        """With the dependence fixed."""
        held = dependence(self.design)
        family, name = held.hold(value), held.name
        plan = self._changed(lambda c: {"family": family, "priors": {k: v for k, v in c.priors.items() if k != name}})
        return self._run(plan, f"{name} = {value:g}")

    def _changed(self, changes: Any) -> Plan:
        plan, name = self.imputed.plan, self.design.name
        changed = plan.with_models(lambda c: replace(c, **changes(c)) if c.target == name else c)
        return replace(changed, analyses=(), estimands=())

    def _run(self, plan: Plan, label: str) -> Draws | None:
        if not self.allowed:
            return None
        name = self.design.name
        if self.progress:
            if not self.done:
                say(f"{name}: the draws do not reach every prior; refits follow, or none with refit=False (--no-refit)")
            say(f"{name}: refit under {label}")
        begun = time.monotonic()
        frame = self.imputed.incomplete.frame
        made = impute(
            frame, plan.with_run(**self.settings), seed=self.seed, workers=self.workers, progress=self.progress
        )
        if self.progress and not self.done:
            say(f"{name}: it took {lasting(time.monotonic() - begun)}, and so will each of the others")
        self.done.append((label, diagnose(made).converged is True))
        return Draws.of(made, self.design, self.resolved)


def spread_priors(design: Design, factor: float) -> dict[str, Prior]:
    """The priors of all coefficients but the intercepts, spread out by a factor, in the user's units."""
    found = {}
    for p in slopes(design):
        for k, (name, prior) in enumerate(zip(p.names, p.priors, strict=True)):
            if k != p.intercept:
                found[name] = widened(prior, factor).affine(unit=float(p.scale[k] / p.units.unit))
    return found


def standardised_priors(design: Design) -> list[tuple[Prior, ...]]:
    """The priors that the draws of :meth:`Draws.standardised` had, predictor by predictor."""
    return [tuple(q for k, q in enumerate(p.priors) if k != p.intercept) for p in slopes(design)]


def standardised_draws(draws: Draws) -> list[np.ndarray]:
    """The coefficients but the intercepts on the scale of their priors, (draw, column), predictor by predictor."""
    return [draws.standardised(p) for p in slopes(draws.design)]
