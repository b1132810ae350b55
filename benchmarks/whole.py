"""Whole runs, each in a process of its own: what a user waits for, and the memory it takes.

``popncr``: five incomplete variables with mice's scheme, five chains of four sweeps of warm-up and one more, one
completed data set from each. The time is that of the whole process, imports included, with warm caches (one run
before is not counted). Beside it stands the time of ``import bambi`` alone, which is most of it and not ours.

``rows``: the generated work (three gaussian targets and a binary one) with the same scheme on two workers. *Its memory*
is the largest sum, sampled every 50 ms during ``impute``, of the resident sizes of the process and its workers. Taken
off are, for each worker process, the footprint after the imports; and, for this process, its footprint when the
imports and the generation of the data are done, but without the data frame. So the figure counts the frame itself once
and all that the run holds beside it (its own columns, designs, chains, and the result); it is given in multiples of the
frame's bytes, ``frame.memory_usage(index=False).sum()``. It includes what any run loads and compiles after the imports,
which does not grow with the data: the same figure of a run of :data:`TINY` rows, told beside it in bytes.

``curve``: a sensitivity analysis of a linear mixed model, m = 100 datasets of 2,000 rows over 50 shifts.

``columns``: a hundred columns of all types, sixty of them incomplete, by a plan from the data alone on two workers.

    python benchmarks/whole.py popncr
    python benchmarks/whole.py curve
    python benchmarks/whole.py columns --rows 20000
    python benchmarks/whole.py rows --rows 1000000 --workers 2

prints one run's figures as JSON.
"""

import argparse
import json
import os
import subprocess
import sys
import time
from pathlib import Path
from statistics import median
from typing import Any

import many_columns

HERE = Path(__file__).resolve()
SCHEME = {"m": 5, "chains": 5, "warmup": 4, "sweeps": 1}
"""mice's: m chains of five iterations, the last of which is kept."""
REPEATS = 3
SHIFTS = 50
SEED = 1
TINY = 400
"""Rows of the run that tells what of the memory is not the data's."""


def measured(*command: str) -> dict[str, Any]:
    """Wall and CPU seconds of a Python process and those that it started, and the JSON that it printed last, if any."""
    wall, before = time.perf_counter(), os.times()
    done = subprocess.run([sys.executable, *command], capture_output=True, text=True, check=False, cwd=HERE.parents[1])
    seconds, after = time.perf_counter() - wall, os.times()
    if done.returncode:
        raise RuntimeError(f"{' '.join(command)} failed: {done.stderr.strip()}")
    cpu = after.children_user + after.children_system - before.children_user - before.children_system
    lines = done.stdout.strip().splitlines()
    return {"wall": seconds, "cpu": cpu, **(json.loads(lines[-1]) if lines else {})}


def time_popncr() -> dict[str, Any]:
    """Medians over some runs, after one that is not counted; and of the import of bambi."""
    runs = [measured(str(HERE), "popncr") for _ in range(REPEATS + 1)][1:]
    imports = [measured("-c", "import bambi") for _ in range(REPEATS)]
    found = {key: median(run[key] for run in runs) for key in ("wall", "cpu", "impute_wall")}
    return {**found, "import_bambi": median(run["wall"] for run in imports), "samplers": runs[0]["samplers"]}


def time_rows(rows: int, workers: int, *, binary: bool = True) -> dict[str, Any]:
    """One run on generated data; without `binary`, the binary variable is complete."""
    options = ("--workers", str(workers), *(() if binary else ("--no-binary",)))
    tiny = measured(str(HERE), "rows", "--rows", str(TINY), *options)
    found = measured(str(HERE), "rows", "--rows", str(rows), *options)
    return {**found, "fixed_bytes": tiny["peak_bytes"] - tiny["base_bytes"] if tiny["peak_bytes"] else None}


def time_curve() -> dict[str, Any]:
    """A sensitivity analysis, without the run that it is of."""
    found = measured(str(HERE), "curve")
    return {"wall": found["curve_wall"], "cpu": found["curve_cpu"]}


def time_columns() -> dict[str, Any]:
    """A run on very many columns by a plan from the data alone."""
    return measured(str(HERE), "columns", "--rows", str(many_columns.ROWS))


def run_columns(rows: int, workers: int) -> dict[str, Any]:
    """One such run in this process, with its memory and what the chains say."""
    import bambi  # noqa: F401 (its footprint is no part of the run's)
    import memory

    import bayesimpute

    bare, data, clock = memory.settled() or 0, many_columns.generate(rows), Clock()
    with memory.Peak(import_bytes=bare) as peak:
        imputed = bayesimpute.impute(data, cluster="clinic", seed=SEED, workers=workers, progress=False)
    wall, cpu = clock.lap()
    found = imputed.diagnose()
    table, of_imputed = found.parameters, found.imputed
    return {
        **{"rows": rows, "columns": data.shape[1], "incomplete": int(data.isna().any().sum())},
        **{"impute_wall": wall, "impute_cpu": cpu, "peak_bytes": peak.bytes, "verdict": str(found.verdict)},
        **{"warmup": imputed.plan.run.warmup, "sweeps": imputed.plan.run.sweeps, "parameters": len(table)},
        "r_hat": {q: float(table["r_hat"].quantile(q)) for q in (0.5, 0.99, 1.0)},
        "r_hat_imputed": {q: float(of_imputed["r_hat"].quantile(q)) for q in (0.5, 0.99, 1.0)},
        "ess_bulk": {q: float(table["ess_bulk"].quantile(q)) for q in (0.0, 0.01, 0.5)},
        "reasons": list(found.reasons),
    }


def run_curve() -> dict[str, Any]:
    """A curve of an arm's effect over :data:`SHIFTS` shifts, and where it tips, in this process."""
    import numpy as np
    import pandas as pd

    import bayesimpute

    rng, n, clusters = np.random.default_rng(SEED), 2_000, 100
    g, arm, x = np.repeat(np.arange(clusters), n // clusters), np.tile([0.0, 1.0], n // 2), rng.normal(size=n)
    y = 1 + 0.5 * arm + 0.4 * x + rng.normal(0, 0.5, clusters)[g] + rng.normal(size=n)
    frame = pd.DataFrame({"y": np.where(rng.random(n) < 0.3, np.nan, y), "arm": arm, "x": x, "g": g})
    formula = "y ~ arm + x + (1 | g)"
    plan = bayesimpute.Plan.of([formula]).with_run(m=100, chains=2, warmup=30, sweeps=50, sampler="gibbs")
    imputed = bayesimpute.impute(frame, plan, seed=SEED, progress=False)
    shift = bayesimpute.Adjustment(target="y", shift="d * arm")
    wall, cpu = time.perf_counter(), time.process_time()
    over = {"d": np.linspace(-3, 2, SHIFTS)}
    found = imputed.sensitivity(formula, term="arm", over=over, adjustments=[shift], progress=False)
    tip = float(found.tips["tip"].iloc[0])
    return {"curve_wall": time.perf_counter() - wall, "curve_cpu": time.process_time() - cpu, "tip": tip}


def run_popncr() -> dict[str, Any]:
    """One run of popNCR in this process."""
    sys.path.insert(0, str(HERE.parent))
    import works

    import bayesimpute

    work = works.popncr()
    started = time.perf_counter()
    imputed = bayesimpute.impute(work.frame, work.plan, **SCHEME, seed=SEED, progress=False)
    return {"impute_wall": time.perf_counter() - started, "samplers": samplers(imputed)}


def run_rows(rows: int, workers: int, *, binary: bool) -> dict[str, Any]:
    """One run on generated data in this process, with its memory."""
    sys.path.insert(0, str(HERE.parent))
    import bambi  # noqa: F401 (its footprint is no part of the run's)
    import memory
    import works

    import bayesimpute

    bare = memory.settled() or 0
    clock = Clock()
    work = works.generated(rows, binary=binary)
    generating = clock.lap()
    data = int(work.frame.memory_usage(index=False).sum())
    base = (memory.settled() or 0) - data
    clock.lap()
    with memory.Peak(import_bytes=bare) as peak:
        imputed = bayesimpute.impute(work.frame, work.plan, **SCHEME, seed=SEED, workers=workers, progress=False)
    imputing = clock.lap()
    return {
        "rows": rows,
        "workers": workers,
        "binary": binary,
        "generate_wall": generating[0],
        "impute_wall": imputing[0],
        "impute_cpu": imputing[1],
        "data_bytes": data,
        "base_bytes": base,
        "peak_bytes": peak.bytes or None,
        "worker_processes": peak.workers,
        "times_data": (peak.bytes - base) / data if peak.bytes else None,
        "samplers": samplers(imputed),
        "steps": {event["target"]: event["what"] for event in of_chain_0(imputed) if "inner steps" in event["what"]},
    }


class Clock:
    """Wall and CPU seconds since the last lap, ended child processes included."""

    def __init__(self) -> None:
        self.last = self._now()

    def lap(self) -> tuple[float, float]:
        """Seconds since the last lap, by the wall and by the CPU clock."""
        before, self.last = self.last, self._now()
        return self.last[0] - before[0], self.last[1] - before[1]

    @staticmethod
    def _now() -> tuple[float, float]:
        return time.perf_counter(), sum(os.times()[:4])


def of_chain_0(imputed: Any) -> list[dict[str, Any]]:
    """What the first chain of a run did by itself."""
    return [event for event in imputed.events.to_dict("records") if event["chain"] == 0]


def samplers(imputed: Any) -> dict[str, str]:
    """Which sampler drew from the model of each target."""
    said = [event for event in of_chain_0(imputed) if event["what"].startswith("sampler ")]
    return {event["target"]: event["what"].removeprefix("sampler ") for event in said}


def main() -> None:
    """One run, its figures printed as JSON."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("work", choices=("popncr", "curve", "columns", "rows"))
    parser.add_argument("--rows", type=int, help="1,000,000 of the work rows, 20,000 of columns")
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--no-binary", action="store_true", help="leave the binary variable complete")
    asked = parser.parse_args()
    if asked.work == "rows":
        found = run_rows(asked.rows or 1_000_000, asked.workers, binary=not asked.no_binary)
    elif asked.work == "columns":
        found = run_columns(asked.rows or many_columns.ROWS, asked.workers)
    else:
        found = {"popncr": run_popncr, "curve": run_curve}[asked.work]()
    print(json.dumps(found))


if __name__ == "__main__":
    main()
