"""Few clusters: what the prior of a standard deviation, and the way of pooling, do to the variance between clusters.

J clusters of 30; y = .5 x + u_g + e, var u = .6, var e = .4, x ~ N(0, 1); y is absent in three eighths of the clusters.
y is imputed from the model that made it and analysed by REML; the pooled variance of u is held against that of the
complete data of the same replicate, as an arithmetic mean over the imputations and as their median.

    python studies/few_clusters.py --replicates 100 --workers 2 --out few_clusters.csv

A row is written for each prior of a replicate, and replicates that the file has are not made again; the table is
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
from bayesimpute.pooling import pool

SIZE, BETWEEN, WITHIN, M = 30, 0.6, 0.4, 40
CLUSTERS = (5, 8, 15, 30)
FORMULA = "y ~ x + (1 | g)"
PRIORS = {
    "half-normal 2.5": "HalfNormal({wide})",
    "half-t3 1": "HalfStudentT(3, {unit})",
    "half-t3 0.5": "HalfStudentT(3, {half})",
    "half-Cauchy 0.5": "HalfCauchy({half})",
}
"""In standard deviations of the target; the first is bambi's."""


def simulate(clusters: int, seed: int) -> tuple[pd.DataFrame, np.ndarray]:
    """The complete data of a replicate, and which y are missing, (row,)."""
    rng = np.random.default_rng([8123, clusters, seed])
    g = np.repeat(np.arange(clusters), SIZE)
    x = rng.normal(size=len(g))
    y = 0.5 * x + np.sqrt(BETWEEN) * rng.normal(size=clusters)[g] + np.sqrt(WITHIN) * rng.normal(size=len(g))
    return pd.DataFrame({"g": g, "x": x, "y": y}), g < round(3 * clusters / 8)


def plan(prior: str, scale: float) -> bi.Plan:
    """Of one incomplete variable: the sweeps of a chain are draws from its posterior."""
    text = PRIORS[prior].format(wide=2.5 * scale, unit=scale, half=0.5 * scale)
    item = bi.Conditional(target="y", formulas={"mu": FORMULA}, priors={"1|g_sigma": text})
    return bi.Plan(conditionals=(item,), run=bi.Run(m=M, chains=2, warmup=100, sweeps=200, sampler="gibbs"))


def replicate(clusters: int, prior: str, seed: int) -> list[dict[str, str | float]]:
    """The row of one replicate."""
    complete, missing = simulate(clusters, seed)
    holes = complete.assign(y=complete["y"].where(~missing))
    imputed = bi.impute(holes, plan(prior, float(holes["y"].std(ddof=0))), seed=seed, progress=False)
    fits = [bi.fit(FORMULA, frame) for frame in map(imputed.completed, range(M))]
    pooled = pool(fits).variance_components.set_index("group").loc["g"]
    whole = bi.fit(FORMULA, complete)
    full = pool([whole, whole]).variance_components.set_index("group").loc["g"]
    each = [next(v.estimate for v in found.variance_components if v.group == "g") for found in fits]
    ends = {"low": pooled["conf_low"], "high": pooled["conf_high"]}
    full_ends = {"full_low": full["conf_low"], "full_high": full["conf_high"]}
    row = {"clusters": clusters, "prior": prior, "seed": seed, "full": full["estimate"]}
    return [row | {"mean": np.mean(each), "median": np.median(each)} | ends | full_ends]


def table(found: pd.DataFrame) -> pd.DataFrame:
    """Pooled minus complete data with Monte Carlo errors, and coverage of the true variance by both intervals."""
    lines = []
    for (clusters, prior), part in found.groupby(["clusters", "prior"], sort=False):
        line = {"clusters": clusters, "prior": prior, "replicates": len(part), "full": part["full"].mean()}
        for name in ("mean", "median"):
            gap = part[name] - part["full"]
            line |= {name: gap.mean(), f"{name}_error": gap.std() / np.sqrt(len(gap))}
        for name, low, high in (("coverage", "low", "high"), ("full_coverage", "full_low", "full_high")):
            line[name] = ((part[low] <= BETWEEN) & (part[high] >= BETWEEN)).mean()
        lines.append(line)
    return pd.DataFrame(lines).sort_values(["clusters", "prior"], kind="stable")


def main(arguments: Sequence[str] | None = None) -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description="Variances between few clusters.")
    parser.add_argument("--replicates", type=int, default=100)
    parser.add_argument("--clusters", type=int, nargs="+", default=list(CLUSTERS))
    parser.add_argument("--prior", nargs="+", default=list(PRIORS), choices=PRIORS)
    parser.add_argument("--workers", type=int, default=1)
    parser.add_argument("--out", type=Path, default=Path(".study/few_clusters.csv"))
    asked = parser.parse_args(arguments)
    old = done(asked.out, "clusters", "prior", "seed")
    jobs = [(j, p, s) for s in range(asked.replicates) for j in asked.clusters for p in asked.prior]
    gather(replicate, [job for job in jobs if job not in old], asked.out, asked.workers)
    print(table(pd.read_csv(asked.out)).to_string(index=False, float_format=lambda value: f"{value:.3f}"))


if __name__ == "__main__":
    main()
