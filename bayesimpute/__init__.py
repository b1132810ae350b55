"""Bayesian multiple imputation of incomplete multilevel data.

Each incomplete variable has a conditional model, an lme4-style formula with a family; the models are chained (fully
conditional specification), the chains diagnosed, and the analyses of the m completed datasets pooled::

    import bayesimpute as bi

    imputed = bi.impute(data, ["popular ~ sex * texp + (1 + sex | school)"], m=20, seed=1)
    print(imputed.diagnose())
    print(imputed.pool("popular ~ sex * texp + (1 + sex | school)"))

Names load on first use, so that importing the package takes no time and a plan can be made and checked without PyMC. To
make another name public, enter it in ``_HOMES`` and below ``TYPE_CHECKING``.
"""

import sys
from importlib import import_module
from types import ModuleType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from bayesimpute.analysis import analyse, fit
    from bayesimpute.check import check
    from bayesimpute.comparing import Comparison, compare
    from bayesimpute.congenial import Ignored, congenial
    from bayesimpute.datasets import describe_datasets, load_dataset
    from bayesimpute.descriptives import Descriptives, descriptives
    from bayesimpute.diagnostics import Diagnosis, diagnose
    from bayesimpute.estimands import Estimates, estimate
    from bayesimpute.estimates import Estimate, VarianceComponent
    from bayesimpute.families import FAMILIES, Family
    from bayesimpute.fcs import impute, resume
    from bayesimpute.files import read_data, write_table
    from bayesimpute.forest import plot_forest
    from bayesimpute.identification import Identification, identification
    from bayesimpute.imputed import MultiplyImputed
    from bayesimpute.incomplete import Incomplete
    from bayesimpute.outcome import (
        AnalysisError,
        BayesimputeError,
        DataError,
        FileError,
        FormulaError,
        InputError,
        Interrupted,
        PlanError,
        Problem,
    )
    from bayesimpute.plan import Analysis, Conditional, Derived, Estimand, Plan, Run
    from bayesimpute.pooling import Analyses, Pooled, pool
    from bayesimpute.priors import Prior
    from bayesimpute.reporting import cite, report
    from bayesimpute.sampling import sampling
    from bayesimpute.simulate import simulate_hiv_survey, simulate_school
    from bayesimpute.suggesting import Suggestion, suggest

    load = MultiplyImputed.load
    __version__: str

_HOMES = {
    "analysis": ("analyse", "fit"),
    "check": ("check",),
    "comparing": ("Comparison", "compare"),
    "congenial": ("Ignored", "congenial"),
    "datasets": ("describe_datasets", "load_dataset"),
    "descriptives": ("Descriptives", "descriptives"),
    "diagnostics": ("Diagnosis", "diagnose"),
    "estimands": ("Estimates", "estimate"),
    "estimates": ("Estimate", "VarianceComponent"),
    "families": ("FAMILIES", "Family"),
    "fcs": ("impute", "resume"),
    "files": ("read_data", "write_table"),
    "forest": ("plot_forest",),
    "identification": ("Identification", "identification"),
    "imputed": ("MultiplyImputed",),
    "incomplete": ("Incomplete",),
    "outcome": (
        "AnalysisError",
        "BayesimputeError",
        "DataError",
        "FileError",
        "FormulaError",
        "InputError",
        "Interrupted",
        "PlanError",
        "Problem",
    ),
    "plan": ("Analysis", "Conditional", "Derived", "Estimand", "Plan", "Run"),
    "pooling": ("Analyses", "Pooled", "pool"),
    "priors": ("Prior",),
    "reporting": ("cite", "report"),
    "sampling": ("sampling",),
    "simulate": ("simulate_hiv_survey", "simulate_school"),
    "suggesting": ("Suggestion", "suggest"),
}

__all__ = [
    "FAMILIES",
    "Analyses",
    "Analysis",
    "AnalysisError",
    "BayesimputeError",
    "Comparison",
    "Conditional",
    "DataError",
    "Derived",
    "Descriptives",
    "Diagnosis",
    "Estimand",
    "Estimate",
    "Estimates",
    "Family",
    "FileError",
    "FormulaError",
    "Identification",
    "Ignored",
    "Incomplete",
    "InputError",
    "Interrupted",
    "MultiplyImputed",
    "Plan",
    "PlanError",
    "Pooled",
    "Prior",
    "Problem",
    "Run",
    "Suggestion",
    "VarianceComponent",
    "__version__",
    "analyse",
    "check",
    "cite",
    "compare",
    "congenial",
    "describe_datasets",
    "descriptives",
    "diagnose",
    "estimate",
    "fit",
    "identification",
    "impute",
    "load",
    "load_dataset",
    "plot_forest",
    "pool",
    "read_data",
    "report",
    "resume",
    "sampling",
    "simulate_hiv_survey",
    "simulate_school",
    "suggest",
    "write_table",
]


def __getattr__(name: str) -> Any:
    value = _find(name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})


def _find(name: str) -> Any:
    if name == "__version__":
        from importlib.metadata import version

        return version("bayesimpute")
    if name == "load":
        return import_module("bayesimpute.imputed").MultiplyImputed.load
    for home, names in _HOMES.items():
        if name in names:
            return getattr(import_module(f"bayesimpute.{home}"), name)
    raise AttributeError(f"module 'bayesimpute' has no attribute {name!r}")


class _Package(ModuleType):
    """A package in which ``check`` is the function, also after the import system has loaded the module of that name."""

    def __setattr__(self, name: str, value: Any) -> None:
        if not (isinstance(value, ModuleType) and name in __all__):
            super().__setattr__(name, value)


sys.modules[__name__].__class__ = _Package
