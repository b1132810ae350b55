"""The works by name, in the order in which they are done: what runs share is compiled once."""

from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path

import bayesimpute as bi
from ruler_works import asking, running
from ruler_works.plans import PLANS
from ruler_works.questions import ANALYSES, AT_FAULT, BEFORE, POOL, SAVED, TESTS

Work = Callable[[Path], None]
"""Writes its files into a folder."""


def catalogue(checkout: Path) -> dict[str, Work]:
    """All works; those of ``models/`` are what the checkout has."""
    questions = {**{f"command-pool-{name}": each for name, each in POOL.items()}, **SAVED, **BEFORE}
    return {
        **{f"plan/{name}": partial(running.own_plan, name=name) for name in PLANS},
        **{f"models/{path.stem}": partial(running.case, plan=path) for path in sorted(checkout.glob("models/*.toml"))},
        **SINGLE,
        **{f"ask/pool-{name}": partial(asking.analysis, arguments=each) for name, each in ANALYSES.items()},
        **{
            f"ask/test-{name}": partial(asking.model_test, larger=a, smaller=b, how=c)
            for name, (a, b, c) in TESTS.items()
        },
        **{
            f"ask/{name}": partial(asking.question, arguments=each, at_fault=name in AT_FAULT)
            for name, each in questions.items()
        },
    }


SINGLE: Mapping[str, Work] = {
    "run/threads": partial(running.on_workers, name="levels"),
    "run/processes": partial(running.on_workers, name="prior"),
    "run/on": partial(running.run_on, name="terms"),
    "run/on-selection": partial(running.run_on, name="selection-apart"),
    "run/analysis": running.from_analysis,
    "run/simulated": running.simulated,
    "ask/congenial": asking.congenial,
    "ask/compare": asking.comparison,
    "ask/own-function": asking.own_function,
    "ask/identify-refits": asking.refits,
    "ask/mixture": asking.mixture,
}


def skipped(name: str) -> str:
    """Why a work cannot be done here; empty if it can."""
    kind, _, plan = name.partition("/")
    if kind != "models":
        return ""
    if plan not in running.CASES:
        return "the ruler does not know which data it is for: name them in running.CASES"
    try:
        bi.load_dataset(running.CASES[plan])
    except bi.FileError:
        return f"the data set {running.CASES[plan]} is not here"
    return ""
