"""Coverage of pooled intervals in a random-slope design: fixed effects and variance components, against complete data.

50 clusters of 20; z ~ N(0, 1), x = .5 z + v_g + N(0, 1) with var v = .3; y = 1 + .5 x + .3 z + u0 + u1 x + e with
var u0 = .4, var u1 = .15, cov .05, var e = 1. 30 % of y are missing, more where x is large. y is imputed from the
model that made it, analysed by REML with Satterthwaite's degrees of freedom, and pooled. Every interval has its twin
from the complete data of the same replicate, so that only what imputation adds is judged.

    python studies/intervals.py --replicates 200 --workers 2 --out intervals.csv

A row is written for each quantity of a replicate, and replicates that the file has are not made again; the table is
printed at the end.
"""

import argparse
import sys
from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import cache
from pathlib import Path

import numpy as np
import pandas as pd

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests"))  # as pytest does

from modelling import only, workspace
from rows import done, gather
from takeover import Shelf

from bayesimpute.analysis import fit
from bayesimpute.analysis.estimates import Estimate
from bayesimpute.pooling import pool
from bayesimpute.running.kernel import Bench, adapt, begin, visit

CLUSTERS, SIZE, M, THIN = 50, 20, 20, 10
FORMULA = "y ~ x + z + (1 + x | g)"
TRUTH = {
    "Intercept": 1.0,
    "x": 0.5,
    "z": 0.3,
    "variance g Intercept": 0.4,
    "variance g x": 0.15,
    "variance Residual Residual": 1.0,
    "correlation g Intercept~~x": 0.05 / np.sqrt(0.4 * 0.15),
}
Interval = tuple[float, float, float]


def simulate(seed: int) -> tuple[pd.DataFrame, np.ndarray]:
    """The complete data of a replicate, and which y are missing, (row,)."""
    rng = np.random.default_rng([7101, seed])
    g = np.repeat(np.arange(CLUSTERS), SIZE)
    z = rng.normal(size=len(g))
    x = 0.5 * z + np.sqrt(0.3) * rng.normal(size=CLUSTERS)[g] + rng.normal(size=len(g))
    u = rng.multivariate_normal([0, 0], [[0.4, 0.05], [0.05, 0.15]], size=CLUSTERS)
    y = 1 + 0.5 * x + 0.3 * z + u[g, 0] + u[g, 1] * x + rng.normal(size=len(g))
    missing = rng.random(len(g)) < 1 / (1 + np.exp(0.95 - 0.6 * x))
    return pd.DataFrame({"g": g, "x": x, "z": z, "y": y}), missing


@cache
def shelf() -> Shelf:
    """What this process has compiled."""
    return Shelf()


def impute(frame: pd.DataFrame, seed: int) -> Iterator[pd.DataFrame]:
    """M completed datasets from one chain."""
    space = workspace(frame, FORMULA, m=1, chains=1)
    state = begin(space, 0, seed)
    bench = Bench(space, state.cells)
    target, _ = only(space)
    shelf().lend(space, bench, target)
    state = replace(adapt(bench, state, seed), steps={"y": THIN})
    for t in range(1, M + 1):
        state, _ = visit(bench, state, 0, seed, tune=False)
        state = replace(state, sweep=t)
        yield frame.assign(y=bench.completed.values["y"])


def intervals(estimates: Sequence[Estimate]) -> dict[str, Interval]:
    """Estimate and interval of everything in TRUTH; of one fit those of two equal ones, which are its own."""
    pooled = pool(estimates if len(estimates) > 1 else list(estimates) * 2)
    columns = ["estimate", "conf_low", "conf_high"]
    found = {row["term"]: tuple(row[c] for c in columns) for row in pooled.terms.to_dict("records")}
    for row in pooled.variance_components.to_dict("records"):
        found[f"variance {row['group']} {row['name']}"] = tuple(row[c] for c in columns)
    for row in pooled.quantities.to_dict("records"):
        found[f"correlation {row['group']} {row['name']}"] = tuple(row[c] for c in columns)
    return {name: found[name] for name in TRUTH}


def replicate(seed: int) -> list[dict[str, str | float]]:
    """The rows of one replicate."""
    from threadpoolctl import threadpool_limits

    with threadpool_limits(1):
        complete, missing = simulate(seed)
        holes = complete.assign(y=complete["y"].where(~missing))
        fits = [fit(FORMULA, frame, df="satterthwaite") for frame in impute(holes, seed)]
        full = intervals([fit(FORMULA, complete, df="satterthwaite")])
    return [
        {"seed": seed, "name": name, "truth": TRUTH[name], "missing": missing.mean()}
        | dict(zip(("full", "full_low", "full_high"), full[name], strict=True))
        | dict(zip(("pooled", "low", "high"), interval, strict=True))
        for name, interval in intervals(fits).items()
    ]


def table(found: pd.DataFrame) -> pd.DataFrame:
    """Coverage of pooled and complete-data intervals, the Monte Carlo error of their difference, bias and lengths."""
    lines = []
    for name, part in found.groupby("name", sort=False):
        covers = (part["low"] <= part["truth"]) & (part["truth"] <= part["high"])
        full = (part["full_low"] <= part["truth"]) & (part["truth"] <= part["full_high"])
        gap = covers.astype(float) - full.astype(float)
        lines.append(
            {
                "name": name,
                "replicates": len(part),
                "coverage": covers.mean(),
                "full_coverage": full.mean(),
                "gap_error": gap.std() / np.sqrt(len(part)),
                "bias": (part["pooled"] - part["full"]).mean(),
                "bias_error": (part["pooled"] - part["full"]).std() / np.sqrt(len(part)),
                "length_ratio": ((part["high"] - part["low"]) / (part["full_high"] - part["full_low"])).median(),
            }
        )
    return pd.DataFrame(lines)


def main(arguments: Sequence[str] | None = None) -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description="Coverage of pooled intervals.")
    parser.add_argument("--replicates", type=int, default=200)
    parser.add_argument("--workers", type=int, default=1)
    parser.add_argument("--out", type=Path, default=Path(".study/intervals.csv"))
    asked = parser.parse_args(arguments)
    old = done(asked.out, "seed")
    gather(replicate, [(seed,) for seed in range(asked.replicates) if (seed,) not in old], asked.out, asked.workers)
    print(table(pd.read_csv(asked.out)).to_string(index=False, float_format=lambda value: f"{value:.3f}"))


if __name__ == "__main__":
    main()
