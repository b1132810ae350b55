"""Runs, and what of them is written down: long table, tree, events, diagnosis.

What is left out on purpose: ``seconds`` of the visits (a clock), and ``versions`` of the libraries (two environments
may differ in them, and the numbers say whether that matters). Python's warnings are not written down: their text has
the path of the checkout.
"""

import hashlib
import json
from functools import cache
from pathlib import Path

import numpy as np
import pandas as pd
import xarray as xr

import bayesimpute as bi
from ruler_works.frames import FRAMES
from ruler_works.plans import PLANS, SEED

CLOCK = {"seconds"}
ENVIRONMENT = {"versions"}
CASES = {
    "brandsma_contextual": "brandsma",
    "brandsma_interactions": "brandsma",
    "brandsma_intercept": "brandsma",
    "brandsma_predictor": "brandsma",
    "brandsma_slopes": "brandsma",
    "brandsma_two_slopes": "brandsma",
    "hiv_delta": "hiv",
    "hiv_heckman": "hiv",
    "hiv_mar": "hiv",
    "hiv_region": "hiv",
    "hiv_region_mar": "hiv",
    "hiv_smoke": "hiv",
    "impact": "impact",
    "impact_labels": "impact",
    "boys": "boys",
    "brandsma_denomination": "brandsma",
    "popmis": "popmis",
    "popncr": "popNCR",
    "popularity_compatible": "popular_tutorial_MAR",
    "popularity_tutorial": "popular_tutorial_MAR",
}
"""The public data of each plan in ``models/``."""
CASE_RUN = {"m": 2, "chains": 2, "warmup": 2, "sweeps": 3, "steps": 2}


def plan_of(name: str) -> bi.Plan:
    """A plan of the ruler."""
    return bi.Plan.from_toml(PLANS[name][1])


def frame_of(name: str) -> pd.DataFrame:
    """Its data."""
    return FRAMES[PLANS[name][0]]()


@cache
def run_of(name: str) -> bi.MultiplyImputed:
    """Its run, made once a process: questions are asked of it."""
    return bi.impute(frame_of(name), plan_of(name), seed=SEED, progress=False)


def write_run(out: Path, imputed: bi.MultiplyImputed, name: str = "run") -> None:
    """Everything of a run that does not depend on a clock."""
    write_long(out / f"{name}.long.csv", imputed)
    (out / f"{name}.tree.txt").write_text("".join(f"{line}\n" for line in _tree(imputed.tree)), encoding="utf-8")
    imputed.events.to_csv(out / f"{name}.events.csv", index=False)


def write_long(path: Path, imputed: bi.MultiplyImputed) -> None:
    """The completed datasets under each other, numbers with all their digits."""
    imputed.to_long(include_incomplete=True).to_csv(path, index=False)


def own_plan(out: Path, name: str) -> None:
    """Run a plan of the ruler, with its check, its samplers and its diagnosis."""
    imputed = run_of(name)
    write_run(out, imputed)
    problems = bi.check(plan_of(name), frame_of(name))
    (out / "check.txt").write_text("".join(f"{p.severity}: {p}\n" for p in problems), encoding="utf-8")
    bi.sampling(plan_of(name), frame_of(name)).to_csv(out / "sampling.csv", index=False)
    write_json(out / "diagnose.json", imputed.diagnose().to_json_dict())


def case(out: Path, plan: Path) -> None:
    """Run a plan of ``models/`` for a few sweeps."""
    imputed = bi.impute(
        case_data(plan.stem), bi.Plan.from_toml(plan.read_text("utf-8")), seed=1, progress=False, **CASE_RUN
    )
    write_run(out, imputed)


def case_data(name: str) -> pd.DataFrame:
    """The public data of a plan; from those of IMPACT ages are taken out, as in the case study.

    Of the survey of HIV every fourth row will do: the first visit of a selection model makes many transitions.
    """
    data = bi.load_dataset(CASES[name])
    if CASES[name] == "hiv":
        return data.iloc[::4].reset_index(drop=True)
    if CASES[name] != "impact":
        return data
    rng = np.random.default_rng(2026)
    if name == "impact_labels":
        gone = ("pupil", "ct", "tsah", "edh", "hypox", "hypots")
        return data.assign(**{column: data[column].where(rng.random(len(data)) > 0.15) for column in gone})
    chance = 1 / (1 + np.exp(1.6 - 1.2 * data["mort"] - 0.6 * (data["ct"] == "IV/V")))
    return data.assign(age=data["age"].where(rng.random(len(data)) >= chance))


def on_workers(out: Path, name: str) -> None:
    """The same run on two workers."""
    write_run(out, bi.impute(frame_of(name), plan_of(name), seed=SEED, progress=False, workers=2))


def run_on(out: Path, name: str) -> None:
    """Saved and loaded, resumed from the checkpoint of a finished run, extended, and with more datasets."""
    first = bi.impute(
        frame_of(name), plan_of(name), seed=SEED, progress=False, checkpoint="run.nc", force=True, keep_effects=True
    )
    write_run(out, first, "first")
    write_run(out, bi.resume("run.nc", data=frame_of(name), progress=False), "resumed")
    first.save("run.zarr", force=True)
    again = bi.load("run.zarr")
    write_run(out, again, "loaded")
    write_run(out, again.extend(5, progress=False), "extended")
    write_run(out, again.add(3, progress=False), "added")


def from_analysis(out: Path) -> None:
    """The call with nothing but an analysis, which writes its own plan."""
    settings = {"m": 2, "chains": 2, "warmup": 2, "sweeps": 4, "steps": 1}
    made = bi.impute(FRAMES["covariates"](), analysis="y ~ x * z + b + (1 | g)", seed=SEED, progress=False, **settings)
    write_run(out, made)
    (out / "plan.toml").write_text(made.plan.to_toml(), encoding="utf-8")


def simulated(out: Path) -> None:
    """The embedded data."""
    school = bi.simulate_school(3, clusters=6, size=5, texp_missing=True, systematic=1)
    hiv = bi.simulate_hiv_survey(4, n=60, regions=3, interviewers=6)
    for name, each in (("school", school), ("hiv", hiv)):
        each.incomplete.to_csv(out / f"{name}.incomplete.csv", index=False)
        each.complete.to_csv(out / f"{name}.complete.csv", index=False)
        write_json(out / f"{name}.truth.json", dict(each.truth))


def write_json(path: Path, value: object) -> None:
    """As text with a line for each value."""
    path.write_text(json.dumps(value, indent=1, default=str) + "\n", encoding="utf-8")


def _tree(tree: xr.DataTree) -> list[str]:
    """One line for each attribute and array of a tree; arrays by a digest of their bytes."""
    lines = []
    for group in sorted(tree.groups):
        dataset = tree[group].to_dataset(inherit=False)
        lines += [f"{group} @{k} {v!r}" for k, v in sorted(dataset.attrs.items()) if k not in ENVIRONMENT]
        lines += [_array(group, str(k), v) for k, v in sorted(dataset.variables.items()) if k not in CLOCK]
    return lines


def _array(group: str, name: str, variable: xr.Variable) -> str:
    values = np.asarray(variable.values)
    data = repr(values.tolist()).encode() if values.dtype.hasobject or values.dtype.kind in "T" else values.tobytes()
    sizes = ", ".join(f"{d}={n}" for d, n in variable.sizes.items())
    shown = f" first {values.ravel()[0]!r}" if values.size else ""
    return f"{group}/{name} ({sizes}) {values.dtype} sha256 {hashlib.sha256(data).hexdigest()}{shown}"
