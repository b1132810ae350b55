"""Every public function with an argument of a wrong type in every place: only the package's own errors come out."""

import inspect
from collections.abc import Callable, Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from looping import FORMULAS, prior_plan, run_prior, table

import bayesimpute as bi
from bayesimpute.base.errors import BayesimputeError
from bayesimpute.data.simulation import Simulated

pytestmark = pytest.mark.filterwarnings("ignore")

WRONG: Mapping[str, Any] = {
    "None": None,
    "True": True,
    "3": 3,
    "-1": -1,
    "nan": float("nan"),
    "1e400": 10**400,
    "complex": 2j,
    "text": "no such thing",
    "empty text": "",
    "surrogate": "\ud800",
    "bytes": b"y ~ x",
    "list": ["no such thing", 3, None],
    "empty list": [],
    "dict": {"no": 3},
    "frame": pd.DataFrame({"a": [1.0, 2.0]}),
    "series": pd.Series([1.0, np.nan]),
    "array": np.zeros((2, 3)),
    "function": lambda *anything: 3,
    "class": int,
    "object": object(),
    "generator": None,
}


class Ran(BayesimputeError):
    """A run would have begun."""


@cache
def made() -> bi.MultiplyImputed:
    return run_prior(table(), *FORMULAS, m=3, chains=2, sweeps=5)


@cache
def analyses() -> bi.Analyses:
    return made().analyse("y ~ x", progress=False)


@cache
def smaller() -> bi.Analyses:
    return made().analyse("y ~ 1", progress=False)


def estimate() -> bi.Estimate:
    return analyses().estimates[0]


def compared() -> bi.Comparison:
    return bi.compare({"one": analyses().pool(), "two": estimate()})


def plan() -> bi.Plan:
    return prior_plan(*FORMULAS)


def incomplete() -> bi.Incomplete:
    return bi.Incomplete.from_frame(table(), clusters=["g"])


def calls(folder: Path) -> dict[str, tuple[Callable[..., Any], dict[str, Any]]]:
    """Every public function, and every public method, with arguments with which it works."""
    frame, path = table(), str(folder / "run.nc")
    estimand = {"variable": "y", "statistic": "mean", "by": ("g",), "weights": None, "conf_level": 0.9}
    running = {"executor": None, "workers": None, "progress": False}
    fitting = {"family": "gaussian", "link": None, "engine": None, "reml": True, "nodes": 1, "covariance": "model"}
    fitting |= {"cluster": None, "working": None, "df": "infinite", "effects": "coefficients"}
    comparing = {"conf_level": 0.9, "reference": None, "other": estimate()}
    table_options = {"caption": "c", "label": "l", "digits": 3}
    settings = {f: getattr(plan().run, f) for f in ("m", "chains", "warmup", "sweeps", "steps", "sampler")}
    impute = {"data": frame, "plan": plan(), "analysis": None, "seed": 1, "checkpoint": None, "force": False, **running}
    parts = {
        "conditionals": plan().conditionals,
        "substantive": (),
        "derived": (bi.Derived(name="d", expression="x + 1"),),
        "analyses": (bi.Analysis(name="a", formula="y ~ x"),),
        "estimands": (bi.Estimand(name="e", variable="y"),),
        "run": plan().run,
        "title": "t",
    }
    return {
        "analyse": (bi.analyse, {"frames": [frame.dropna()], "formula_or_function": "y ~ x", **fitting}),
        "check": (bi.check, {"plan": plan(), "incomplete": frame}),
        "cite": (bi.cite, {"imputed": made()}),
        "compare": (
            lambda analyses, **more: bi.compare(analyses, **more),
            {"analyses": {"one": estimate()}, **comparing},
        ),
        "congenial": (bi.congenial, {"plan": plan(), "analysis": "y ~ x", "data": frame}),
        "describe_datasets": (bi.describe_datasets, {}),
        "descriptives": (
            bi.descriptives,
            {
                "imputed": made(),
                "variables": ["y"],
                "by": (),
                "weights": None,
                "quantiles": 0.5,
                "correlations": True,
                "cross": (("g", "g"),),
                "conf_level": 0.9,
            },
        ),
        "diagnose": (bi.diagnose, {"imputed": made(), "analyses": ()}),
        "estimate": (bi.estimate, {"imputed": made(), "estimand": None, **estimand}),
        "fit": (bi.fit, {"formula": "y ~ x", "frame": frame, **fitting}),
        "identification": (
            bi.identification,
            {
                "imputed": made(),
                "targets": None,
                "rho": (0,),
                "refit": False,
                "workers": 1,
                "progress": False,
                "seed": 1,
            },
        ),
        "impute": (bi.impute, {**impute, "keep_effects": False, **settings, "visit_sequence": None}),
        "load": (bi.load, {"path": path}),
        "load_dataset": (bi.load_dataset, {"name": "no such set"}),
        "plot_forest": (bi.plot_forest, {"compared": compared(), "terms": None}),
        "pool": (bi.pool, {"estimates": analyses().estimates, "conf_level": 0.9, "dfcom": None}),
        "read_data": (bi.read_data, {"path_or_name": str(folder / "data.csv")}),
        "report": (bi.report, {"imputed": made(), "analyses": {"a": analyses()}}),
        "resume": (bi.resume, {"path": path, "data": frame, **running}),
        "sampling": (bi.sampling, {"plan": plan(), "data": frame}),
        "simulate_hiv_survey": (
            bi.simulate_hiv_survey,
            {"seed": 1, "n": 90, "regions": 3, "interviewers": 9, "rho": 0},
        ),
        "simulate_school": (bi.simulate_school, {"seed": 1, "clusters": 5, "size": 5, "mechanism": "mar"}),
        "suggest": (bi.suggest, {"analysis": "y ~ x", "data": frame, "mode": "fcs", "auxiliary": None, "clusters": ()}),
        "write_table": (bi.write_table, {"frame": frame, "path": str(folder / "out.csv"), "force": True}),
        "Plan.of": (bi.Plan.of, {"formulas": ["y ~ x"], **{k: parts[k] for k in parts if k != "conditionals"}}),
        "Plan": (lambda **given: bi.check(bi.Plan(**given), frame), parts),
        "Plan.path": (plan().path, {"model": plan().conditionals[0]}),
        "Plan.from_toml": (bi.Plan.from_toml, {"text": plan().to_toml()}),
        "Plan.to_toml": (lambda **given: bi.Plan(**given).to_toml(), parts),
        "Plan.with_models": (plan().with_models, {"change": lambda model: model}),
        "Plan.with_run": (plan().with_run, settings),
    }


def test_try(tmp_path, monkeypatch):
    from bayesimpute.result import run as running

    def no(*a, **k):
        raise Ran("ran")

    calls(tmp_path)
    monkeypatch.setattr(running, "run", no)
    made().save(tmp_path / "run.nc")
    table().to_csv(tmp_path / "data.csv")
    import time, traceback, collections

    n = 0
    for name, (f, good) in calls(tmp_path).items():
        t = time.time()
        for arg in [None, *good]:
            for w, v in ({"": None} if arg is None else WRONG).items():
                if w == "generator":
                    v = (i for i in "ab")
                n += 1
                print("   at", name, arg, w, flush=True) if name in ("impute", "add", "extend") else 0
                try:
                    f(**(good if arg is None else {**good, arg: v}))
                    if arg is not None:
                        print("      accepted", name, arg, w)
                except BayesimputeError as e:
                    if arg is None:
                        print("BASE", name, type(e), str(e)[:200])
                    elif "--msgs" in __import__("os").environ.get("X", ""):
                        print("   ", name, arg, w, "|", str(e)[:160])
                except Exception as e:
                    tb = traceback.extract_tb(e.__traceback__)[-1]
                    print("FOREIGN", name, arg, w, type(e).__name__, str(e)[:80], tb.filename[-40:], tb.lineno)
        print("TIME", name, round(time.time() - t, 2))
    print(n)
