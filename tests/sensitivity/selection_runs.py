"""What the tests of identification share: small runs of selection models, drawn from their priors."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
from looping import prior_plan

import bayesimpute as bi
from bayesimpute import MultiplyImputed
from bayesimpute.base.priors import Prior
from bayesimpute.families import HeckmanProbit
from bayesimpute.plan.conditional import Conditional
from bayesimpute.running.kernel import Bench
from bayesimpute.running.workspace import Workspace
from bayesimpute.sensitivity.refits import Refits
from bayesimpute.sensitivity.selection_draws import Draws

SELECTION = "x + z + (1 | g)"
_SELECTION = HeckmanProbit().selection
assert _SELECTION is not None
RHO = _SELECTION.dependence


def survey(n: int = 80, seed: int = 2) -> pd.DataFrame:
    """Units in clusters: y (number) and b (0/1) are missing where z is small; c has three labels."""
    rng = np.random.default_rng(seed)
    frame = pd.DataFrame({"g": np.arange(n) % 8, "x": rng.normal(3, 2, n), "z": rng.normal(0, 5, n)})
    frame["c"] = pd.Categorical(np.array(["p", "q", "r"])[rng.integers(0, 3, n)])
    frame["y"] = 100 + 20 * frame["x"] + rng.normal(0, 10, n)
    frame["b"] = (frame["x"] + rng.normal(0, 2, n) > 3).astype(float)
    gone = frame["z"] + rng.normal(0, 4, n) < -2
    return frame.assign(y=frame["y"].mask(gone), b=frame["b"].mask(gone))


def selecting(
    mu: str = "b ~ x",
    selection: str = SELECTION,
    *,
    family: Any = "heckman_probit",
    priors: Mapping[str, str | Prior] | None = None,
    **formulas: str,
) -> Conditional:
    """A selection model; keywords are the formulas of other parameters."""
    target = mu.partition("~")[0].strip()
    return Conditional(
        target=target, family=family, formulas={"mu": mu, "selection": selection, **formulas}, priors=priors or {}
    )


def run(*conditionals: Conditional | str, sweeps: int = 300, frame: pd.DataFrame | None = None) -> MultiplyImputed:
    """Two chains of independent draws from the prior; those of others than `conditionals` stay missing."""
    plan = prior_plan(*(conditionals or (selecting(),)), m=2, sweeps=sweeps)
    return bi.impute(survey() if frame is None else frame, plan, seed=3, progress=False)


def parts(imputed: MultiplyImputed, target: str = "b", *, allowed: bool = False) -> tuple[Draws, Refits, Workspace]:
    """The draws of a target's selection model and its refits."""
    space = Workspace(imputed.plan, imputed.incomplete)
    design = space.designs[target]
    refits = Refits(imputed=imputed, design=design, resolved=space.resolved, allowed=allowed, seed=5)
    return Draws.of(imputed, design, space.resolved), refits, space


def fitted(imputed: MultiplyImputed, space: Workspace, target: str = "b") -> dict[str, np.ndarray]:
    """What the graph of a target holds."""
    settled = space.resolved.step(target)
    return Bench(space, imputed.record.states[0].cells).data(settled)


def with_values(draws: Draws, **values: np.ndarray) -> Draws:
    """The same with other values of some parameters, each of shape (draw,), called with ``__`` for odd letters."""
    named = dict(draws.named)
    for name, array in values.items():
        assert name in named
        named[name] = array.reshape(named[name].shape)
    return replace(draws, named=named)
