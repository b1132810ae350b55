"""Commands, run as ``python -m bayesimpute`` runs them, in this process: a new one would load the libraries each time.

Of what they print, versions of software are written as ``<version>``: they say nothing of the numbers.
"""

import contextlib
import importlib.metadata
import io
import platform
import re
import runpy
import sys
from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

import bayesimpute as bi
from ruler_works.plans import PLANS
from ruler_works.questions import CONGENIAL, ILL, MODEST
from ruler_works.running import frame_of, plan_of, run_of, write_json

PLACE = re.compile(r"\{([a-z-]+)(\.csv|\.toml|)\}")
TEXTS = {"ill": ILL, "modest": MODEST}


def question(out: Path, arguments: Sequence[str], *, at_fault: bool = False) -> None:
    """What a command prints, on both streams, with its exit code; and the table that it exports."""
    code, said, told = _called([PLACE.sub(_file, argument) for argument in arguments])
    (out / "stdout.txt").write_text(_without_versions(said), encoding="utf-8")
    (out / "stderr.txt").write_text(f"{_without_versions(told)}exit {code}\n", encoding="utf-8")
    if (code in (1, 2)) != at_fault:
        raise ValueError(f"exit code {code}: {told}")
    if "--to" in arguments:
        (out / "table.csv").write_bytes(Path(arguments[arguments.index("--to") + 1]).read_bytes())


def congenial(out: Path) -> None:
    """The terms of analyses that plans ignore."""
    for name, (plan, analysis) in CONGENIAL.items():
        found = [vars(ignored) for ignored in bi.congenial(plan_of(plan), analysis, frame_of(plan))]
        write_json(out / f"{name}.json", found)


def comparison(out: Path) -> None:
    """Complete cases and imputations side by side, and constraints."""
    formula = "y ~ x + z + w"
    analyses = run_of("levels").analyse(formula, progress=False)
    complete = bi.fit(formula, frame_of("levels").dropna(subset=["y", "x", "w"]))
    found = bi.compare(complete=complete, imputed=analyses.pool(), truth={"x": 2.0}, reference="complete")
    (out / "compare.txt").write_text(f"{found}\n", encoding="utf-8")
    found.table.to_csv(out / "compare.csv", index=False)
    for method in ("D1", "D2"):
        test = analyses.test_constraints(["b[x] - 2", "b[z]"], method=method)
        write_json(out / f"constraints.{method}.json", test.to_json_dict())


def analysis(out: Path, arguments: Mapping[str, Any]) -> None:
    """An analysis, pooled."""
    write_json(out / "pooled.json", run_of("levels").pool(**arguments, progress=False).to_json_dict())


def model_test(out: Path, larger: Mapping[str, Any], smaller: str, how: Mapping[str, str]) -> None:
    """An analysis against a smaller one."""
    imputed = run_of("levels")
    tested = imputed.analyse(**larger, progress=False)
    found = tested.test(imputed.analyse(**{**larger, "analysis": smaller}, progress=False), **how)
    write_json(out / "test.json", found.to_json_dict())


def own_function(out: Path) -> None:
    """An analysis that the user writes."""

    def means(frame):
        columns = frame[["y", "x"]]
        return columns.mean(), columns.cov() / len(columns)

    write_json(out / "pooled.json", run_of("levels").pool(means, progress=False).to_json_dict())


def refits(out: Path) -> None:
    """What selection models rest on, refitted under other priors and with rho fixed; parameters come from priors."""
    found = bi.identification(run_of("prior-selection"), progress=False)
    write_json(out / "identification.json", found.to_json_dict())


def mixture(out: Path) -> None:
    """A Bayesian analysis: pooled, and its posteriors mixed."""
    analyses = run_of("levels").analyse("b ~ x + (1 | school)", family="bernoulli", engine="bambi", progress=False)
    write_json(out / "pooled.json", analyses.pool().to_json_dict())
    write_json(out / "mixed.json", analyses.mix().to_json_dict())
    write_json(out / "weighted.json", analyses.mix(weights=[0.4, 0.3, 0.2, 0.1], prob=0.8).to_json_dict())


def _file(found: re.Match[str]) -> str:
    name, ending = found.groups()
    return _written(name, ending or ".nc")


@cache
def _written(name: str, ending: str) -> str:
    """A file for a command, in the working folder: no path of the machine gets into what is printed."""
    path = Path(f"{name}{ending}")
    if ending == ".nc":
        run_of(name).save(path, force=True)
    elif ending == ".csv":
        frame_of(name).to_csv(path, index=False)
    else:
        path.write_text(TEXTS.get(name) or PLANS[name][1], encoding="utf-8")
    return str(path)


def _called(arguments: Sequence[str]) -> tuple[int, str, str]:
    said, told = io.StringIO(), io.StringIO()
    code = 0
    with contextlib.redirect_stdout(said), contextlib.redirect_stderr(told), _argv(arguments):
        try:
            runpy.run_module("bayesimpute", run_name="__main__", alter_sys=False)
        except SystemExit as end:
            code = int(end.code or 0)
    return code, said.getvalue(), told.getvalue()


@contextlib.contextmanager
def _argv(arguments: Sequence[str]) -> Iterator[None]:
    before = sys.argv
    sys.argv = ["bayesimpute", *arguments]
    try:
        yield
    finally:
        sys.argv = before


def _without_versions(text: str) -> str:
    for version in sorted(_versions(), key=len, reverse=True):
        text = re.sub(rf"(?<![\d.]){re.escape(version)}(?![\d.]*\d)", "<version>", text)
    return text


@cache
def _versions() -> frozenset[str]:
    """Of all that a report names."""
    names = ("bayesimpute", "pymc", "pytensor", "bambi", "numpy", "xarray", "arviz", "statsmodels", "numba")
    return frozenset({platform.python_version(), *map(importlib.metadata.version, names)})
