"""The simulation study of Muñoz et al. (2023, Statistics in Medicine): y missing not at random in ten clusters.

Outcome y* = (.3 + b0) + (1 + b1) x1 + (1 + b2) x2 + e and selection r* = (-.8 + a0) + (1.3 + a1) x1 + (-.7 + a2) x2 +
(1.2 + a3) x3 + h, in clusters of `size`; (h, e) has the correlation rho, each pair (a_k, b_k) the variances .4 and the
correlation .4 rho, a3 the variance .2; the SD of e varies by cluster, log sd ~ N(0, .05^2). x1 ~ Bernoulli(.6), x2 ~
N(mu2, 1), x3 ~ N(mu3, .7^2), with (mu2, mu3) drawn once a data set. y is observed where r* > 0, but in no unit of the
first fifth of the clusters: about 60 % are missing. Binary outcomes are y = 1(y* > 0).

Every estimate is compared with that from the full data *of the same replicate*, so that only imputation can make a
difference. Continuous outcomes are analysed by the mixed model y ~ x1 + x2 + (1 + x1 + x2 || cluster) by REML, binary
ones in two stages, as meta-analyses of individual data do: a probit model in each cluster, then the mean of the
clusters' coefficients with a between-cluster variance by REML. With a thousand units a cluster this is as good as the
mixed probit model, and it is the same estimator for full and completed data.

    python studies/munoz.py --kind continuous --rho 0 0.3 0.6 0.9 --replicates 100 --workers 2 --out munoz.csv

A row is written for each replicate, and those that the file has are not made again; the table is printed at the end.
One compiled model serves all replicates of a process. What is added to the study is a column of :class:`Row`.
"""

import argparse
import csv
import sys
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import asdict, dataclass, replace
from multiprocessing import get_context
from pathlib import Path

import numpy as np
import pandas as pd

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests"))  # as pytest does

from estimators import Fit, mixed, two_stage
from modelling import conditional, only, workspace
from takeover import Shelf

from bayesimpute.pooling import rubin
from bayesimpute.running.kernel import Bench, adapt, begin, visit
from bayesimpute.samplers import nuts

TRUTH = {"b0": 0.3, "b1": 1.0, "b2": 1.0}
CLUSTERS = 10
OUTCOME = "y ~ x1 + x2 + (1 + x1 + x2 || cluster)"
SELECTION = "x1 + x2 + x3 + (1 + x1 + x2 + x3 || cluster)"
FAMILIES = {"continuous": "heckman_gaussian", "binary": "heckman_probit"}


@dataclass(frozen=True, kw_only=True)
class Cell:
    """One of the study's settings."""

    kind: str
    rho: float
    size: int = 1000


@dataclass(frozen=True, kw_only=True)
class Effort:
    """How long each replicate runs: one chain, `m` imputations `thin` sweeps apart after adaptation and warm-up.

    Shorter than the engine's usual adaptation, which is what most of a replicate's time would go to: clusters of a
    thousand say so much that the metric is good from the start.
    """

    m: int = 20
    adaptation: tuple[int, int, int, int] = (30, 40, 40, 50)
    warmup: int = 40
    thin: int = 5


@dataclass(frozen=True, kw_only=True)
class Row:
    """What a replicate gives: of each coefficient, and of the residual SD, the estimates of full and completed data.

    `error` is the root of b / m, the Monte Carlo error of a pooled estimate; `cases` the estimate from the rows where
    y is observed.
    """

    kind: str
    rho: float
    size: int
    seed: int
    missing: float
    name: str
    truth: float
    full: float
    full_se: float
    pooled: float
    pooled_se: float
    df: float
    error: float
    cases: float
    posterior_rho: float
    divergences: int
    seconds: float


def simulate(cell: Cell, seed: int) -> tuple[pd.DataFrame, np.ndarray]:
    """The incomplete data of a replicate, and the outcome of all units."""
    rng = np.random.default_rng([2023, seed, round(100 * cell.rho), cell.size])
    n, pair = CLUSTERS * cell.size, np.array([[1, 0.4 * cell.rho], [0.4 * cell.rho, 1]])
    g = np.repeat(np.arange(CLUSTERS), cell.size)
    means = rng.multivariate_normal([0, 0], [[0.2, 0.0015], [0.0015, 0.2]])
    x1 = (rng.random(n) < 0.6).astype(float)
    x2, x3 = rng.normal(means[0], 1, n), rng.normal(means[1], 0.7, n)
    a, b = rng.multivariate_normal([0, 0], 0.4 * pair, size=(CLUSTERS, 3)).T  # each (effect, cluster)
    a3, sd = rng.normal(0, np.sqrt(0.2), CLUSTERS), np.exp(rng.normal(0, 0.05, CLUSTERS))
    h, e = rng.multivariate_normal([0, 0], [[1, cell.rho], [cell.rho, 1]], size=n).T
    y = (0.3 + b[0][g]) + (1 + b[1][g]) * x1 + (1 + b[2][g]) * x2 + sd[g] * e
    r = (-0.8 + a[0][g]) + (1.3 + a[1][g]) * x1 + (-0.7 + a[2][g]) * x2 + (1.2 + a3[g]) * x3 + h
    y = (y > 0).astype(float) if cell.kind == "binary" else y
    seen = (r > 0) & (g >= CLUSTERS // 5)
    return pd.DataFrame({"cluster": g, "x1": x1, "x2": x2, "x3": x3, "y": np.where(seen, y, np.nan)}), y


class Machine:
    """Imputes replicates, with what was compiled for the first ones."""

    def __init__(self, effort: Effort) -> None:
        self.effort = effort
        self.shelves: dict[str, Shelf] = {}

    def replicate(self, cell: Cell, seed: int) -> list[Row]:
        """The rows of one replicate."""
        started = time.perf_counter()
        frame, y = simulate(cell, seed)
        analyse = two_stage if cell.kind == "binary" else mixed
        full, cases = analyse(frame, y), analyse(frame, frame["y"].to_numpy())
        made, rho, divergences = self.impute(cell, frame, seed)
        fits = [analyse(frame, completed) for completed in made]
        about = {"kind": cell.kind, "rho": cell.rho, "size": cell.size, "seed": seed}
        about |= {"missing": float(frame["y"].isna().mean()), "posterior_rho": rho, "divergences": divergences}
        about["seconds"] = time.perf_counter() - started
        return [Row(**row, **about) for row in rows(full, cases, fits)]

    def impute(self, cell: Cell, frame: pd.DataFrame, seed: int) -> tuple[list[np.ndarray], float, int]:
        """The completed outcomes, the mean of the draws of rho, and the number of divergent transitions."""
        item = conditional(OUTCOME, selection=SELECTION, family=FAMILIES[cell.kind])
        space = workspace(frame, item, m=1, chains=1)
        state = begin(space, 0, seed)
        bench = Bench(space, state.cells)
        target, design = only(space)
        self.shelves.setdefault(cell.kind, Shelf()).lend(space, bench, target)
        nuts.POLISHED = self.effort.adaptation
        state = replace(adapt(bench, state, seed), steps={"y": 1})
        made, draws, divergences = [], [], 0
        for t in range(1, self.effort.warmup + self.effort.m * self.effort.thin + 1):
            state, left = visit(bench, state, 0, seed, tune=t <= self.effort.warmup)
            state = replace(state, sweep=t)
            if t > self.effort.warmup:
                draws.append(design.posterior(left.draw)[design.names.index("rho")])
                divergences += left.stats.divergences
                if (t - self.effort.warmup) % self.effort.thin == 0:
                    made.append(bench.completed.values["y"].copy())
        return made, float(np.mean(draws)), divergences


def rows(full: Fit, cases: Fit, fits: Sequence[Fit]) -> Iterator[dict[str, str | float]]:
    """What is said of each coefficient, and of the residual SD where there is one."""
    pooled = rubin(np.array([f.estimates for f in fits]), np.array([f.std_errors**2 for f in fits]))
    for k, (name, truth) in enumerate(TRUTH.items()):
        yield {
            "name": name,
            "truth": truth,
            "full": full.estimates[k],
            "full_se": full.std_errors[k],
            "pooled": pooled.q_bar[k],
            "pooled_se": pooled.std_error[k],
            "df": pooled.df[k],
            "error": np.sqrt(pooled.b[k] / pooled.m),
            "cases": cases.estimates[k],
        }
    if np.isfinite(full.sigma):
        sigmas = np.array([f.sigma for f in fits])
        none = float("nan")
        yield {
            "name": "sigma",
            "truth": float(np.exp(0.05**2 / 2)),
            "full": full.sigma,
            "full_se": none,
            "pooled": sigmas.mean(),
            "pooled_se": none,
            "df": none,
            "error": sigmas.std(ddof=1) / np.sqrt(len(sigmas)),
            "cases": cases.sigma,
        }


def table(found: pd.DataFrame) -> pd.DataFrame:
    """One row a setting and parameter: bias against the full data of the same replicates, and coverage, with errors."""
    lines = []
    for (kind, rho, size, name), part in found.groupby(["kind", "rho", "size", "name"], sort=True):
        bias, n = part["pooled"] - part["full"], len(part)
        t = quantile(part["df"].to_numpy())
        covers = (part["pooled"] - part["truth"]).abs() <= t * part["pooled_se"]
        fully = (part["full"] - part["truth"]).abs() <= 1.959964 * part["full_se"]
        gap = covers.astype(float) - fully.astype(float)
        lines.append(
            {
                "kind": kind,
                "rho": rho,
                "size": size,
                "name": name,
                "replicates": n,
                "bias": bias.mean(),
                "error": bias.std() / np.sqrt(n),
                "cases": (part["cases"] - part["full"]).mean(),
                "full_sd": part["full"].std(),
                "pooled_sd": part["pooled"].std(),
                "pooled_se": part["pooled_se"].mean(),
                "coverage": covers.mean() if name != "sigma" else np.nan,
                "full_coverage": fully.mean() if name != "sigma" else np.nan,
                "gap_error": gap.std() / np.sqrt(n) if name != "sigma" else np.nan,
            }
        )
    return pd.DataFrame(lines)


def quantile(df: np.ndarray) -> np.ndarray:
    """The .975 quantile of t, shape (row,)."""
    from scipy.special import stdtrit

    return stdtrit(np.nan_to_num(df, nan=1e9), 0.975)


_MACHINES: dict[Effort, Machine] = {}


def replicate(cell: Cell, seed: int, effort: Effort) -> list[Row]:
    """A replicate by this process's machine."""
    from threadpoolctl import threadpool_limits

    with threadpool_limits(1):
        return _MACHINES.setdefault(effort, Machine(effort)).replicate(cell, seed)


def missing_jobs(cells: Sequence[Cell], replicates: int, out: Path) -> list[tuple[Cell, int]]:
    """The replicates that the file does not have yet, by seed, so that all cells grow together."""
    done: set[tuple] = set()
    if out.exists():
        have = pd.read_csv(out)
        done = set(zip(have["kind"], have["rho"], have["size"], have["seed"], strict=True))
    jobs = [(cell, seed) for seed in range(replicates) for cell in cells]
    return [(cell, seed) for cell, seed in jobs if (cell.kind, cell.rho, cell.size, seed) not in done]


def append(out: Path, found: Sequence[Row]) -> None:
    """Add the rows of a replicate to the file."""
    fresh = not out.exists()
    with out.open("a", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, fieldnames=list(asdict(found[0])))
        if fresh:
            writer.writeheader()
        writer.writerows(asdict(row) for row in found)


def run(jobs: Sequence[tuple[Cell, int]], out: Path, workers: int, effort: Effort) -> None:
    """Make replicates and write each when it is there."""
    out.parent.mkdir(parents=True, exist_ok=True)
    with ProcessPoolExecutor(workers, mp_context=get_context("spawn")) as pool:
        futures = [pool.submit(replicate, cell, seed, effort) for cell, seed in jobs]
        for k, future in enumerate(as_completed(futures), start=1):
            found = future.result()
            append(out, found)
            first = found[0]
            print(
                f"{k} of {len(jobs)}: {first.kind} rho {first.rho} seed {first.seed}, {first.seconds:.0f} s", flush=True
            )


def main(arguments: Sequence[str] | None = None) -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description="The simulation study of Muñoz et al. (2023).")
    parser.add_argument("--kind", nargs="+", choices=FAMILIES, default=list(FAMILIES))
    parser.add_argument("--rho", nargs="+", type=float, default=[0.0, 0.3, 0.6, 0.9])
    parser.add_argument("--size", type=int, default=1000, help="units in each of the ten clusters")
    parser.add_argument("--replicates", type=int, default=100)
    parser.add_argument("--workers", type=int, default=1)
    parser.add_argument("--m", type=int, default=Effort.m, help="imputations of each replicate")
    parser.add_argument("--out", type=Path, default=Path(".study/munoz.csv"))
    asked = parser.parse_args(arguments)
    cells = [Cell(kind=kind, rho=rho, size=asked.size) for kind in asked.kind for rho in asked.rho]
    jobs = missing_jobs(cells, asked.replicates, asked.out)
    if jobs:
        run(jobs, asked.out, asked.workers, Effort(m=asked.m))
    print(table(pd.read_csv(asked.out)).to_string(index=False, float_format=lambda value: f"{value:.3f}"))


if __name__ == "__main__":
    main()
