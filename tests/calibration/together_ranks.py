"""Simulation-based calibration of whole chains in compatible mode: every model's parameters, and imputed cells.

The models of a setup with one covariate make the data (``together.py``); then cells go missing, those of x more often
where y is large (at random, as y is observed there), and in some rows both. What sbc.py says of ranks holds here too.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace

import numpy as np
import pandas as pd
from sbc import ranked
from scipy.special import expit
from together import Bed, Draws

from bayesimpute.plan import who_reads
from bayesimpute.running.kernel import Bench, adapt, begin, visit
from bayesimpute.running.workspace import Workspace

BURN = 10
"""Times `thin`: sweeps that are forgotten."""


def holes(frame: pd.DataFrame, rng: np.random.Generator) -> pd.DataFrame:
    """Every fourth y is missing, half of them with x; elsewhere x is missing by a steep logit of y."""
    frame = frame.copy()
    y = frame["y"].to_numpy()
    gone = rng.random(len(y)) < expit(4 * (y - np.median(y)) / y.std())
    gone[3::8], gone[7::8] = False, True
    gone[[0, 1]], gone[[4, 5]] = True, False
    frame.loc[gone, "x"] = np.nan
    frame.loc[3::4, "y"] = np.nan
    return frame


@contextmanager
def mistake(name: str) -> Iterator[None]:
    """Something that calibration must see."""
    right = who_reads.read_by_others, who_reads.factors
    if name == "x's model is fitted to observed rows":
        who_reads.read_by_others = lambda graph: frozenset()
    elif name == "the outcome is ignored":
        who_reads.factors = lambda graph: dict.fromkeys(graph, ())
    try:
        yield
    finally:
        who_reads.read_by_others, who_reads.factors = right


def one(bed: Bed, rng: np.random.Generator, *, draws: int, thin: int, wrong: str) -> dict[str, float]:
    """The rank of the truth in (0, 1) of every quantity of one simulated data set."""
    complete, truth = bed.simulate(rng)
    frame = holes(complete, rng)
    with mistake(wrong):
        space = bed.workspace(frame)
    seed = int(rng.integers(2**31))
    state = begin(space, 0, seed)
    bench = Bench(space, state.cells)
    for step in space.resolved.steps:
        space.posterior(step, bench.data(step))
    state = adapt(bench, state, seed)
    places = list(range(len(space.resolved.targets)))
    if wrong == "the outcome is drawn before the covariate":
        places.reverse()
    rows, kept = [], {}
    for sweep in range((draws + BURN) * thin):
        for place in places:
            state, made = visit(bench, state, place, seed, tune=sweep < BURN * thin // 2)
            kept[space.resolved.targets[place].name] = made.draw
        state = replace(state, sweep=state.sweep + 1)
        if sweep >= BURN * thin and sweep % thin == 0:
            rows.append(_quantities(space, kept, {n: bench.completed.values[n] for n in ("x", "y")}))
    true = _quantities(space, truth, {n: complete[n].to_numpy() for n in ("x", "y")})
    found = ranked(np.array(list(true.values())), [np.array(list(row.values())) for row in rows], rng)
    return dict(zip(true, found, strict=True))


def _quantities(space: Workspace, draws: Draws, values: Mapping[str, np.ndarray]) -> dict[str, float]:
    found: dict[str, float] = {}
    for name, design in space.designs.items():
        found |= {f"{name}: {n}": v for n, v in zip(design.names, design.posterior(draws[name]), strict=True)}
    missing = {n: np.flatnonzero(space.incomplete.columns[n].missing) for n in ("x", "y")}
    known = missing["x"][~np.isin(missing["x"], missing["y"])]
    found |= {f"x{k}": values["x"][row] for k, row in enumerate((0, 1, known[-1]))}
    found |= {f"y{k}": values["y"][row] for k, row in enumerate(missing["y"][[0, -1]])}
    both = np.intersect1d(missing["x"], missing["y"])
    found["covariance where both are missing"] = np.cov(values["x"][both], values["y"][both])[0, 1]
    return found | {"mean x": values["x"][missing["x"]].mean()}


def study(bed: Bed, *, replicates: int, draws: int, thin: int, seed: int, wrong: str = "") -> dict[str, np.ndarray]:
    """Ranks of every quantity, each of shape (replicate,)."""
    streams = np.random.SeedSequence(seed).spawn(replicates)
    results = [one(bed, np.random.default_rng(s), draws=draws, thin=thin, wrong=wrong) for s in streams]
    return {name: np.array([r[name] for r in results]) for name in results[0]}
