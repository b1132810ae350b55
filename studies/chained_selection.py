"""Chained equations beside compatible imputation where a covariate of a selection model is incomplete.

x ~ N(0, 1), missing in 35 % of the rows at random; y = 1 + slope x + e, observed where .3 + .5 x + z + h > 0, the
errors e and h with variance 1 and correlation .7. Three plans impute the same sample: what ``suggest`` writes in
compatible mode, what it writes for chained equations (x given y, its being observed and z), and y alone with complete
x. What chained equations lose beside the compatible plan is the price of models that no joint law has if it stays as
samples grow, and of small samples if it goes.

    python studies/chained_selection.py --replicates 12 --workers 2 --out chained_selection.csv

A row is written for each plan of a replicate, and replicates that the file has are not made again; the table is
printed at the end.
"""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd

sys.path.insert(0, str(Path(__file__).resolve().parent))

from rows import done, gather

import bayesimpute as bi

RHO, M = 0.7, 8
SIZES, SLOPES, PLANS = (1500, 6000), (1.0, 2.0), ("compatible", "fcs", "complete x")
ANALYSIS = bi.Conditional(target="y", family="heckman_gaussian", formulas={"mu": "y ~ x", "selection": "x + z"})


def simulate(size: int, slope: float, seed: int, *, whole: bool = False) -> pd.DataFrame:
    """Incomplete data, on request with complete x."""
    rng = np.random.default_rng([2499, seed, size])
    z, x = rng.normal(size=(2, size))
    e, h = rng.multivariate_normal([0, 0], [[1, RHO], [RHO, 1]], size).T
    y = 1 + slope * x + e
    seen, known = 0.3 + 0.5 * x + z + h > 0, (rng.random(size) > 0.35) | whole
    return pd.DataFrame({"x": np.where(known, x, np.nan), "y": np.where(seen, y, np.nan), "z": z})


def replicate(size: int, slope: float, plan: str, seed: int) -> list[dict[str, str | float]]:
    """The row of one plan: the posterior mean of the correlation, and the imputed mean of y."""
    frame = simulate(size, slope, seed, whole=plan == "complete x")
    used = bi.Plan(conditionals=(ANALYSIS,)) if plan == "complete x" else bi.suggest(ANALYSIS, frame, mode=plan).plan
    made = bi.impute(frame, used, seed=seed, m=M, chains=2, warmup=100, sweeps=200, progress=False)
    mean = float(np.mean([made.completed(k)["y"].mean() for k in range(M)]))
    rho = float(made.posterior("y")["posterior"]["rho"].mean())
    return [{"size": size, "slope": slope, "plan": plan, "seed": seed, "rho": rho, "mean": mean}]


def table(found: pd.DataFrame) -> pd.DataFrame:
    """Differences between plans on the same samples with their Monte Carlo errors."""
    lines = []
    for (size, slope), part in found.groupby(["size", "slope"]):
        wide = part.pivot(index="seed", columns="plan", values=["rho", "mean"])
        for name in ("rho", "mean"):
            for one, other in (("fcs", "compatible"), ("compatible", "complete x")):
                gap = (wide[name][one] - wide[name][other]).dropna()
                line = {"size": size, "slope": slope, "of": name, "difference": f"{one} - {other}"}
                lines.append(
                    line | {"mean": gap.mean(), "error": gap.std() / np.sqrt(len(gap)), "replicates": len(gap)}
                )
    return pd.DataFrame(lines)


def main(arguments: Sequence[str] | None = None) -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description="Chained equations beside compatible imputation with selection.")
    parser.add_argument("--replicates", type=int, default=12)
    parser.add_argument("--size", type=int, nargs="+", default=list(SIZES))
    parser.add_argument("--slope", type=float, nargs="+", default=list(SLOPES))
    parser.add_argument("--workers", type=int, default=1)
    parser.add_argument("--out", type=Path, default=Path(".study/chained_selection.csv"))
    asked = parser.parse_args(arguments)
    old = done(asked.out, "size", "slope", "plan", "seed")
    jobs = [(n, s, p, seed) for seed in range(asked.replicates) for n in asked.size for s in asked.slope for p in PLANS]
    gather(replicate, [job for job in jobs if job not in old], asked.out, asked.workers)
    print(table(pd.read_csv(asked.out)).to_string(index=False, float_format=lambda value: f"{value:.3f}"))


if __name__ == "__main__":
    main()
