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

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from bayesimpute.analysis import analyse, fit
    from bayesimpute.analysis.estimates import Estimate, VarianceComponent
    from bayesimpute.base.errors import (
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
    from bayesimpute.base.priors import Prior
    from bayesimpute.checking import check
    from bayesimpute.checking.congeniality import Ignored, congenial
    from bayesimpute.checking.described import describe
    from bayesimpute.data.description import Description
    from bayesimpute.data.files import read_data
    from bayesimpute.data.incomplete import Incomplete
    from bayesimpute.data.public_data import describe_datasets, load_dataset
    from bayesimpute.data.simulation import simulate_hiv_survey, simulate_school
    from bayesimpute.data.writers import write_table
    from bayesimpute.diagnosis.diagnosis import Diagnosis, diagnose
    from bayesimpute.estimating.descriptive_tables import Descriptives, descriptives
    from bayesimpute.estimating.estimands import Estimates, estimate
    from bayesimpute.families import FAMILIES, Family
    from bayesimpute.imputed import MultiplyImputed, impute, resume
    from bayesimpute.imputer import Imputer
    from bayesimpute.inspection.comparing import ModelComparison, compare_models
    from bayesimpute.inspection.imputation_model import ImputationModel, model
    from bayesimpute.inspection.leaving_out import LeftOut
    from bayesimpute.plan.assumptions import Adjustment, Assumption, Sensitivity
    from bayesimpute.plan.conditional import Conditional
    from bayesimpute.plan.known_cells import Known
    from bayesimpute.plan.options import Analysis, Derived, Estimand, Run, Score, Time
    from bayesimpute.plan.plan import Plan
    from bayesimpute.plan.restrictions import Restriction
    from bayesimpute.plotting.forest import plot_forest
    from bayesimpute.plotting.sensitivity_plots import plot_sensitivity
    from bayesimpute.pooling import Analyses, Pooled, pool
    from bayesimpute.pooling.side_by_side import Comparison, compare
    from bayesimpute.reporting import cite, report
    from bayesimpute.running.chosen_samplers import sampling
    from bayesimpute.sensitivity import Identification, identification
    from bayesimpute.sensitivity.sensitivities import Sensitivities
    from bayesimpute.suggesting import Suggestion, suggest

    load = MultiplyImputed.load
    __version__: str

_HOMES = {
    "analysis": (
        "analyse",
        "fit",
    ),
    "analysis.estimates": (
        "Estimate",
        "VarianceComponent",
    ),
    "base.errors": (
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
    "base.priors": ("Prior",),
    "checking": ("check",),
    "checking.congeniality": (
        "Ignored",
        "congenial",
    ),
    "checking.described": ("describe",),
    "data.description": ("Description",),
    "data.files": ("read_data",),
    "data.incomplete": ("Incomplete",),
    "data.public_data": (
        "describe_datasets",
        "load_dataset",
    ),
    "data.simulation": (
        "simulate_hiv_survey",
        "simulate_school",
    ),
    "data.writers": ("write_table",),
    "diagnosis.diagnosis": (
        "Diagnosis",
        "diagnose",
    ),
    "estimating.descriptive_tables": (
        "Descriptives",
        "descriptives",
    ),
    "estimating.estimands": (
        "Estimates",
        "estimate",
    ),
    "families": (
        "FAMILIES",
        "Family",
    ),
    "imputed": (
        "MultiplyImputed",
        "impute",
        "resume",
    ),
    "imputer": ("Imputer",),
    "inspection.comparing": (
        "ModelComparison",
        "compare_models",
    ),
    "inspection.imputation_model": (
        "ImputationModel",
        "model",
    ),
    "inspection.leaving_out": ("LeftOut",),
    "plan.assumptions": ("Adjustment", "Assumption", "Sensitivity"),
    "plan.known_cells": ("Known",),
    "plan.plan": ("Plan",),
    "plan.restrictions": ("Restriction",),
    "plan.conditional": ("Conditional",),
    "plan.options": ("Analysis", "Derived", "Estimand", "Run", "Score", "Time"),
    "plotting.forest": ("plot_forest",),
    "plotting.sensitivity_plots": ("plot_sensitivity",),
    "pooling": (
        "Analyses",
        "Pooled",
        "pool",
    ),
    "pooling.side_by_side": (
        "Comparison",
        "compare",
    ),
    "reporting": (
        "cite",
        "report",
    ),
    "running.chosen_samplers": ("sampling",),
    "sensitivity": (
        "Identification",
        "identification",
    ),
    "sensitivity.sensitivities": ("Sensitivities",),
    "suggesting": (
        "Suggestion",
        "suggest",
    ),
}

__all__ = [
    "FAMILIES",
    "Adjustment",
    "Analyses",
    "Analysis",
    "AnalysisError",
    "Assumption",
    "BayesimputeError",
    "Comparison",
    "Conditional",
    "DataError",
    "Derived",
    "Description",
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
    "ImputationModel",
    "Imputer",
    "Incomplete",
    "InputError",
    "Interrupted",
    "Known",
    "LeftOut",
    "ModelComparison",
    "MultiplyImputed",
    "Plan",
    "PlanError",
    "Pooled",
    "Prior",
    "Problem",
    "Restriction",
    "Run",
    "Score",
    "Sensitivities",
    "Sensitivity",
    "Suggestion",
    "Time",
    "VarianceComponent",
    "__version__",
    "analyse",
    "check",
    "cite",
    "compare",
    "compare_models",
    "congenial",
    "describe",
    "describe_datasets",
    "descriptives",
    "diagnose",
    "estimate",
    "fit",
    "identification",
    "impute",
    "load",
    "load_dataset",
    "model",
    "plot_forest",
    "plot_sensitivity",
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
    return sorted({*(name for name in globals() if name.startswith("_")), *__all__})


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
