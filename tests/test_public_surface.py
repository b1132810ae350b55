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
from bayesimpute.result import run as running_rooms

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
    "class": type("Anything", (), {"__init__": lambda self, *anything, **more: None}),
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
def sensitivities() -> bi.Sensitivities:
    shifts = [bi.Adjustment(target="y", shift="d")]
    return made().sensitivity("y ~ x", over={"d": [0, 1]}, adjustments=shifts, progress=False)


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
    conditional = {
        "target": "y",
        "family": "auto",
        "formulas": {"mu": "y ~ x"},
        "level": None,
        "priors": {},
        "side": {},
    }
    derived, analysis = {"name": "d", "expression": "x"}, {"name": "a", "formula": "y ~ x", **fitting}
    asked = {"name": "e", "variable": "y", "statistic": "mean", "value": None, "probability": 0.5, "by": ()}
    shifts = [bi.Adjustment(target="y", shift="d")]
    varied = {"of": "y ~ x", "term": "x", "over": {"d": [0]}, "adjustments": shifts, "base": "", "tip": "interval"}
    varied |= {"null": 0, "conf_level": 0.9, "by": None, "refit": False, "seed": 1, "workers": None, "progress": False}
    asked |= {"weights": None, "strata": None, "clusters": None, "target": "population", "compare": ""}
    return {
        "analyse": (bi.analyse, {"frames": [frame.dropna()], "formula_or_function": "y ~ x", **fitting}),
        "check": (bi.check, {"plan": plan(), "incomplete": frame}),
        "cite": (bi.cite, {"imputed": made()}),
        "compare": (
            lambda analyses, **more: bi.compare(analyses, **more),
            {"analyses": {"one": estimate()}, **comparing},
        ),
        "compare_models": (bi.compare_models, {"runs": {"one": made(), "two": made()}, "target": "y", "by": None}),
        "congenial": (bi.congenial, {"plan": plan(), "analysis": "y ~ x", "data": frame}),
        "describe": (bi.describe, {"data": frame, "clusters": ["g"], "all": False}),
        "describe_datasets": (bi.describe_datasets, {}),
        "model": (bi.model, {"plan": plan(), "data": frame, "target": "y"}),
        "descriptives": (
            bi.descriptives,
            {
                "imputed": made(),
                "variables": ["y"],
                "by": (),
                "weights": None,
                "quantiles": 0.5,
                "correlations": True,
                "cross": (),
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
        "impute": (bi.impute, {**impute, "keep_effects": False, "keep": ("y",), **settings, "visit_sequence": None}),
        "load": (bi.load, {"path": path}),
        "load_dataset": (bi.load_dataset, {"name": "no such set"}),
        "plot_forest": (bi.plot_forest, {"compared": compared(), "terms": None}),
        "pool": (bi.pool, {"estimates": analyses().estimates, "conf_level": 0.9, "dfcom": None}),
        "read_data": (bi.read_data, {"path_or_name": str(folder / "data.csv")}),
        "plot_sensitivity": (bi.plot_sensitivity, {"found": sensitivities(), "name": None, "x": "axis"}),
        "report": (bi.report, {"imputed": made(), "analyses": {"a": analyses()}, "sensitivities": None}),
        "resume": (bi.resume, {"path": str(folder / "not there.nc"), "data": frame, **running}),
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
        "Plan.from_toml": (bi.Plan.from_toml, {"text": plan().to_toml()}),
        "Plan.to_toml": (lambda **given: bi.Plan(**given).to_toml(), parts),
        "Plan.with_models": (plan().with_models, {"change": lambda model: model}),
        "Plan.with_priors": (plan().with_priors, {"target": "y", "priors": {"x": "Normal(0, 1)"}}),
        "Plan.with_run": (plan().with_run, settings),
        "Conditional": (lambda **given: bi.check(bi.Plan(conditionals=[bi.Conditional(**given)]), frame), conditional),
        "Conditional.of": (bi.Conditional.of, {"formula": "y ~ x", "level": None}),
        "Run": (lambda **given: bi.check(bi.Plan.of(["y ~ x"], run=bi.Run(**given)), frame), settings),
        "Derived": (lambda **given: bi.check(bi.Plan.of(["y ~ x"], derived=[bi.Derived(**given)]), frame), derived),
        "Analysis": (lambda **given: bi.check(bi.Plan.of(["y ~ x"], analyses=[bi.Analysis(**given)]), frame), analysis),
        "Adjustment": (
            lambda **given: bi.check(bi.Plan.of(["y ~ x"], adjustments=[bi.Adjustment(**given)]), frame),
            {"target": "y", "shift": 1, "scale": "value", "label": None, "where": None, "propagate": None},
        ),
        "Assumption": (
            lambda **given: bi.check(bi.Plan.of(["y ~ x"], assumptions=[bi.Assumption(**given)]), frame),
            {"name": "d", "value": 0, "prior": None, "correlation": {}, "by": None},
        ),
        "Sensitivity": (
            lambda **given: bi.check(bi.Plan.of(["y ~ x"], sensitivities=[bi.Sensitivity(**given)]), frame),
            {"name": "s", "of": "y ~ x", "over": {}, "term": None, "base": "", "tip": "interval", "null": 0},
        ),
        "Sensitivities.from_json_dict": (bi.Sensitivities.from_json_dict, {"found": sensitivities().to_json_dict()}),
        "Sensitivities.to_latex": (sensitivities().to_latex, {"caption": "c", "label": "l", "digits": 3}),
        "Sensitivities.to_html": (sensitivities().to_html, {"digits": 3}),
        "Sensitivities.about": (sensitivities().about, {"name": "y ~ x"}),
        "Estimand": (lambda **given: bi.check(bi.Plan.of(["y ~ x"], estimands=[bi.Estimand(**given)]), frame), asked),
        "Prior.parse": (bi.Prior.parse, {"text": "Normal(0, 1)"}),
        "Incomplete.from_frame": (bi.Incomplete.from_frame, {"frame": frame, "clusters": ["g"]}),
        "Incomplete.codes": (incomplete().codes, {"key": "g"}),
        "Incomplete.labels": (incomplete().labels, {"key": "g"}),
        "Incomplete.n_clusters": (incomplete().n_clusters, {"key": "g"}),
        "MultiplyImputed": (bi.MultiplyImputed, {"tree": made().tree}),
        "MultiplyImputed.add": (made().add, {"m": 2, **running}),
        "MultiplyImputed.analyse": (made().analyse, {"analysis": "y ~ x", "progress": False, **fitting}),
        "MultiplyImputed.completed": (made().completed, {"k": 0, "round": True}),
        "MultiplyImputed.describe": (made().describe, {"variables": ["y"], "by": (), "weights": None}),
        "MultiplyImputed.diagnose": (made().diagnose, {"analyses": ()}),
        "MultiplyImputed.estimate": (made().estimate, {"estimand": None, **estimand}),
        "MultiplyImputed.extend": (made().extend, {"sweeps": 9, **running}),
        "MultiplyImputed.model": (made().model, {"target": "y", "imputation": 0}),
        "ImputationModel.graph": (made().model("y").graph, {"kind": "mermaid"}),
        "MultiplyImputed.pool": (made().pool, {"analysis": "y ~ x", "conf_level": 0.9, "dfcom": None}),
        "MultiplyImputed.report": (made().report, {"analyses": {"a": analyses()}, "sensitivities": None}),
        "MultiplyImputed.adjusted": (
            lambda given, **more: made().adjusted(given, **more),
            {"given": bi.Adjustment(target="y", shift=1), "assumptions": ()},
        ),
        "MultiplyImputed.sensitivity": (made().sensitivity, varied),
        "MultiplyImputed.save": (made().save, {"path": path, "force": True}),
        "MultiplyImputed.to_long": (made().to_long, {"include_incomplete": True, "round": True}),
        "Analyses.derive": (analyses().derive, {"expressions": {"d": "b[x] * 2"}}),
        "Analyses.mix": (analyses().mix, {"weights": None, "prob": 0.9}),
        "Analyses.pool": (analyses().pool, {"conf_level": 0.9, "dfcom": None}),
        "Analyses.test": (analyses().test, {"smaller": smaller(), "method": "D1", "use": "wald", "dfcom": None}),
        "Analyses.test_constraints": (analyses().test_constraints, {"expressions": ["b[x]"], "method": "D1"}),
        "Pooled.to_latex": (analyses().pool().to_latex, {"caption": "c", "label": "l", "digits": 3}),
        "Pooled.to_html": (analyses().pool().to_html, {"digits": 3}),
        "Comparison.to_latex": (compared().to_latex, {"caption": "c", "label": "l", "digits": 3}),
        "Estimate": (bi.Estimate, {"terms": ("a",), "estimates": np.ones(1), "covariance": np.eye(1), "dfcom": 9.0}),
        "VarianceComponent": (bi.VarianceComponent, {"group": "g", "name": "n", "estimate": 1.0}),
    }


@pytest.fixture(scope="module")
def known(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Any]]:
    """With nothing run in earnest."""
    folder = tmp_path_factory.mktemp("surface")
    found = calls(folder)
    made().save(folder / "run.nc")
    table().to_csv(folder / "data.csv")

    def stopped(*_: Any, **__: Any) -> None:
        raise Ran("a run would have begun")

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(running_rooms, "run", stopped)
        yield found


def outcome(function: Callable[..., Any], given: dict[str, Any]) -> str:
    """Whether a call was refused in the package's own words, or done, or how else it ended."""
    try:
        function(**given)
    except BayesimputeError as error:
        return "refused" if str(error) else "refused without a word"
    except IndexError as error:  # an index beyond the last, as of a list
        return "refused" if "completed datasets" in str(error) else repr(error)
    except Exception as error:
        return f"{type(error).__name__}: {error}"
    return "done"


def test_only_the_packages_own_errors_come_out(known: dict[str, Any]) -> None:
    assert _foreign(known, ("None", "3", "list")) == []


@pytest.mark.slow
def test_only_the_packages_own_errors_come_out_whatever_is_given(known: dict[str, Any]) -> None:
    assert _foreign(known, tuple(WRONG)) == []


def test_every_public_function_is_behind_the_gate() -> None:
    functions = [name for name in bi.__all__ if inspect.isfunction(getattr(bi, name))]
    assert [name for name in functions if not hasattr(getattr(bi, name), "misfits")] == []


def _foreign(known: dict[str, Any], labels: tuple[str, ...]) -> list[str]:
    """How calls with one wrong argument end, if not as they should."""
    foreign = []
    for name, (function, good) in known.items():
        for argument in good:
            for label in labels:
                given = (letter for letter in "ab") if label == "generator" else WRONG[label]
                ended = outcome(function, {**good, argument: given})
                if ended not in ("refused", "done"):
                    foreign.append(f"{name}({argument}={label}): {ended}")
    return foreign


def test_the_calls_are_right_but_for_the_argument(known: dict[str, Any]) -> None:
    wrong = [name for name, (function, good) in known.items() if not _is_well(function, good)]
    # nothing kept at visits, no selection, no download, no draws
    assert wrong == ["compare_models", "identification", "load_dataset", "Analyses.mix"]


def _is_well(function: Callable[..., Any], good: dict[str, Any]) -> bool:
    try:
        function(**good)
    except Ran:
        return True
    except bi.FileError as error:
        return "not there.nc" in str(error)
    except BayesimputeError:
        return False
    return True


@pytest.mark.parametrize("name", [n for n in bi.__all__ if inspect.isfunction(getattr(bi, n))])
def test_every_public_function_is_tried(known: dict[str, Any], name: str) -> None:
    assert name in known


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: bi.check(3, table()), r'plan: 3 \(int\) is not a Plan; give Plan.of\(\["y ~ x"\]\)'),
        (
            lambda: bi.pool([estimate()] * 2, conf_level="a"),
            r"conf_level: 'a' \(str\) is not a number; give one, such as 0.95",
        ),
        (lambda: bi.report(5), r"imputed: 5 \(int\) is not a MultiplyImputed; give what impute\(\) or load\(\) gave"),
        (lambda: bi.resume(None), "path: None is not a text or a path"),
        (lambda: bi.Plan.from_toml({}), "text: a dict is not a text"),
        (lambda: bi.Plan.of(3), r"formulas: 3 \(int\) is not a text, a Conditional or a list of"),
        (lambda: made().completed(0.0), r"k: 0.0 \(float\) is not a whole number"),
    ],
)
def test_a_refusal_names_the_argument_what_was_given_and_what_to_give(call: Callable[[], Any], message: str) -> None:
    with pytest.raises(bi.InputError, match=message):
        call()


def test_all_arguments_are_told_at_once() -> None:
    with pytest.raises(bi.InputError) as caught:
        bi.estimate(3, 4, by=5)
    assert [problem.path for problem in caught.value.problems] == ["imputed", "estimand", "by"]


def test_numbers_of_numpy_and_lists_of_any_kind_are_taken_as_they_are() -> None:
    pooled = bi.pool(list(analyses().estimates), conf_level=np.float32(0.5))
    assert pooled.m == 3
    assert bi.Plan.of(np.array(["y ~ x"], dtype=object)) == bi.Plan.of(["y ~ x"])
    assert len(made().completed(np.int64(1))) == len(table())


def test_missing_and_unknown_arguments_are_python_s_own_errors() -> None:
    with pytest.raises(TypeError, match="missing 1 required"):
        bi.resume()  # type: ignore[call-arg]
