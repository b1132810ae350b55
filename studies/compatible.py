"""Compatible imputation against complete data of the same samples, beside chained equations with reversed models.

    python studies/compatible.py --design slopes "x by y" --replicates 200 --workers 2 --out compatible.csv

A row is written for each quantity of each method and replicate; replicates that the file has are not made again. The
table at the end has, for each quantity, the mean difference from the complete data's estimate with its Monte Carlo
error, the same relative to their mean, and the coverage of both intervals. ``x's own rows`` is the compatible plan with
a mistake: x's model is fitted to the rows where x is observed.
"""

import argparse
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pandas as pd

sys.path.insert(0, str(Path(__file__).resolve().parent))

from compatible_designs import DESIGNS, Design, simulate
from rows import done, gather

import bayesimpute as bi
from bayesimpute.analysis.estimates import Estimate
from bayesimpute.base.errors import PlanError
from bayesimpute.plan import who_reads
from bayesimpute.pooling import pool

M, CHAINS, WARMUP, SWEEPS = 10, 2, 100, 100
METHODS = ("compatible", "reversed", "x's own rows")
Interval = tuple[float, float, float]


@contextmanager
def observed_rows_only() -> Iterator[None]:
    """The mistake: no model is fitted to imputed values."""
    right = who_reads.read_by_others
    who_reads.read_by_others = lambda graph: frozenset()
    try:
        yield
    finally:
        who_reads.read_by_others = right


def impute(design: Design, method: str, holes: pd.DataFrame, seed: int) -> bi.MultiplyImputed:
    """M completed datasets by one of the methods."""
    plan = design.plan(method, m=M, chains=CHAINS, warmup=WARMUP, sweeps=SWEEPS, sampler="gibbs")
    if method != "x's own rows":
        return bi.impute(holes, plan, seed=seed, progress=False)
    with observed_rows_only():
        return bi.impute(holes, plan, seed=seed, progress=False)


def intervals(design: Design, estimates: Sequence[Estimate]) -> dict[str, Interval]:
    """Estimate and interval of every quantity; of one fit those of two equal ones, which are its own."""
    pooled = pool(estimates if len(estimates) > 1 else list(estimates) * 2)
    columns = ["estimate", "conf_low", "conf_high"]
    found = {row["term"]: tuple(row[c] for c in columns) for row in pooled.terms.to_dict("records")}
    for row in pooled.variance_components.to_dict("records"):
        found[f"variance {row['group']} {row['name']}"] = tuple(row[c] for c in columns)
    return {name: found[name] for name in design.truth}


def replicate(name: str, method: str, seed: int) -> list[dict[str, str | float]]:
    """The rows of one replicate."""
    from threadpoolctl import threadpool_limits

    design = DESIGNS[name]
    with threadpool_limits(1):
        complete, holes = simulate(design, seed)
        full = intervals(design, [bi.fit(design.formula, complete, **design.analysis)])
        start = time.process_time()
        try:
            imputed = impute(design, method, holes, seed)
            seconds = time.process_time() - start
            pooled = intervals(design, [bi.fit(design.formula, frame, **design.analysis) for frame in imputed])
        except PlanError:  # the chains ran away, as reversed models of a square can: a row without an answer
            seconds, pooled = np.nan, dict.fromkeys(design.truth, (np.nan,) * 3)
    return [
        {"design": name, "method": method, "seed": seed, "name": key, "truth": design.truth[key], "seconds": seconds}
        | dict(zip(("full", "full_low", "full_high"), full[key], strict=True))
        | dict(zip(("pooled", "low", "high"), interval, strict=True))
        for key, interval in pooled.items()
    ]


def table(found: pd.DataFrame) -> pd.DataFrame:
    """Differences from the complete data of the same samples, and coverage, by design, method and quantity."""
    lines = []
    for (design, method, name), part in found.groupby(["design", "method", "name"], sort=False):
        gap = part["pooled"] - part["full"]
        line = {
            "design": design,
            "method": method,
            "name": name,
            "replicates": gap.count(),
            "difference": gap.mean(),
            "error": gap.std() / np.sqrt(gap.count()),
            "percent": 100 * gap.mean() / part["full"].mean(),
            "percent_error": 100 * gap.std() / np.sqrt(gap.count()) / abs(part["full"].mean()),
            "seconds": part["seconds"].median(),
        }
        lines.append(line | _coverage(part))
    return pd.DataFrame(lines)


def _coverage(part: pd.DataFrame) -> dict[str, float]:
    """Coverage of the truth by both intervals, and the Monte Carlo error of the difference; NaN without a truth."""
    if part["truth"].isna().any() or part["low"].isna().any() or part["full_low"].isna().any():
        return {"coverage": np.nan, "full_coverage": np.nan, "coverage_error": np.nan}
    covers = (part["low"] <= part["truth"]) & (part["truth"] <= part["high"])
    full = (part["full_low"] <= part["truth"]) & (part["truth"] <= part["full_high"])
    gap = covers.astype(float) - full.astype(float)
    return {
        "coverage": covers.mean(),
        "full_coverage": full.mean(),
        "coverage_error": gap.std() / np.sqrt(gap.count()),
    }


def main(arguments: Sequence[str] | None = None) -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description="Compatible imputation against complete data of the same samples.")
    parser.add_argument("--replicates", type=int, default=200)
    parser.add_argument("--design", nargs="+", default=list(DESIGNS), choices=list(DESIGNS))
    parser.add_argument("--method", nargs="+", default=["compatible", "reversed"], choices=METHODS)
    parser.add_argument("--workers", type=int, default=1)
    parser.add_argument("--out", type=Path, default=Path(".study/compatible.csv"))
    asked = parser.parse_args(arguments)
    old = done(asked.out, "design", "method", "seed")
    jobs = [(d, m, s) for d in asked.design for s in range(asked.replicates) for m in asked.method]
    gather(replicate, [job for job in jobs if job not in old], asked.out, asked.workers)
    print(table(pd.read_csv(asked.out)).to_string(index=False, float_format=lambda value: f"{value:.3f}"))


if __name__ == "__main__":
    main()
