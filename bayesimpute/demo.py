"""The demonstration: pupils in schools with known truth, complete cases, and imputation without and with the schools.

The data are simulated (:func:`bayesimpute.simulate.simulate_school`), made incomplete at random given what stays
observed, imputed twice, by the same conditional models with and without their group-specific parts, and each version is
analysed by the model that made the data. A table holds the answers against the truth: complete cases are biased,
imputation that ignores the schools loses what differs between them, multilevel imputation keeps it. The data, the plan,
the result and the plots stay in a folder, so that one can go on from there. To keep it short, sex has all its values:
every kind of model has to be compiled once on a machine, which takes about half a minute.
"""

import shlex
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, replace
from multiprocessing import get_context
from pathlib import Path

import numpy as np
import pandas as pd

from bayesimpute import tables
from bayesimpute.analysis import fit
from bayesimpute.estimates import Estimate
from bayesimpute.fcs import impute
from bayesimpute.files import write_table
from bayesimpute.imputed import MultiplyImputed
from bayesimpute.outcome import FileError, one
from bayesimpute.plan import Analysis, Conditional, Plan, Run
from bayesimpute.plots import plot_all
from bayesimpute.pooling import Pooled
from bayesimpute.saving import atomic, reason
from bayesimpute.simulate import Simulated, simulate_school

NULL = "popular ~ 1 + (1 | school)"
RUN = Run(m=20, chains=4, warmup=100, sweeps=200)
"""Small settings, for a demonstration of less than two minutes."""
FORMULAS = (
    "{formula}",
    "extrav ~ popular * sex + texp + cluster_mean(popular, school) + (1 + sex | school)",
)
ALONE = (
    "popular ~ sex + texp + extrav",
    "extrav ~ popular * sex + texp",
)
"""The same without the schools."""


@dataclass(frozen=True, kw_only=True)
class Answers:
    """The model that made the data, and the model without predictors, as one version of the data gives them.

    Parameters
    ----------
    model, null : Estimate or Pooled
        Of the outcome on its predictors, and of its mean and variances.
    """

    model: Estimate | Pooled
    null: Estimate | Pooled


def run(folder: str, *, seed: int = 1, progress: bool = True) -> bool:
    """Run the demonstration and print it.

    Parameters
    ----------
    folder : str
        Where data, plan, result and plots go; files of an earlier demonstration are replaced.
    seed : int
        Of the data and of the imputations.
    progress : bool
        Whether to show progress lines, on a terminal.

    Returns
    -------
    bool
        Whether the chains of the multilevel imputation have converged.

    Raises
    ------
    FileError
        If the folder cannot be made or written to.
    """
    home = _folder(folder)
    school = _simulated(seed)
    plan = _plan(school)
    write_table(school.incomplete, home / "school.csv", force=True)
    _write_text(home / "school.toml", plan.to_toml())
    _introduce(school, plan)
    print("Imputing with the schools, and without them in another process ...\n", flush=True)
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as other:
        waiting = other.submit(impute, school.incomplete, Plan.of(ALONE, run=RUN), seed=seed, progress=False)
        imputed = impute(
            school.incomplete, plan, seed=seed, progress=progress, checkpoint=home / "school.nc", force=True
        )
        alone = waiting.result()
    tables.show(
        comparison(school, alone, imputed), "Truth and answers (with the 95 % interval of multilevel imputation)"
    )
    found = imputed.diagnose()
    print(f"Multilevel imputation: {found.summary}\n")
    paths = plot_all(imputed, home / "plots", force=True)
    print(f"{len(paths)} plots in {home / 'plots'}")
    _go_on(home, seed)
    return found.converged is True


def comparison(school: Simulated, alone: MultiplyImputed, imputed: MultiplyImputed) -> pd.DataFrame:
    """The table: one row a quantity; truth, complete data, complete cases, single-level and multilevel imputation.

    Parameters
    ----------
    school : Simulated
        The data.
    alone, imputed : MultiplyImputed
        Their imputations without and with the schools.

    Returns
    -------
    DataFrame
        ``quantity, truth, complete data, complete cases, single-level, multilevel, low, high``; no interval for
        variances.
    """
    versions = {
        "complete data": _of_frame(school.formula, school.complete),
        "complete cases": _of_frame(school.formula, school.incomplete.dropna()),
        "single-level": _of_imputed(school.formula, alone),
        "multilevel": _of_imputed(school.formula, imputed),
    }
    truth = true_values(school)
    table = pd.DataFrame({"quantity": list(truth), "truth": list(truth.values())})
    for name, answers in versions.items():
        table[name] = list(_values(answers).values())
    low, high = _interval(versions["multilevel"])
    return table.assign(low=[low.get(q) for q in truth], high=[high.get(q) for q in truth]).astype(
        {"low": np.float64, "high": np.float64}
    )


def true_values(school: Simulated) -> dict[str, float]:
    """What the table's quantities are in truth.

    The ICC of the outcome is its variance between schools over its total variance, by the law of total variance: sex is
    0 or 1 with probability p within schools, texp varies between schools only, extrav within and between.
    """
    t = school.truth
    p = t["mean(sex)"]
    intercept, slope = t["1|school_sigma"], t["sex|school_sigma"]
    effects = intercept**2 + p**2 * slope**2 + 2 * p * t["school_cor"] * intercept * slope
    texp = (24**2 - 1) / 12  # whole numbers from 2 to 25, equally likely
    between = effects + t["texp"] ** 2 * texp + (t["extrav"] * t["extrav_between_sd"]) ** 2
    within = p * (1 - p) * (t["sex"] ** 2 + slope**2) + (t["extrav"] * t["extrav_within_sd"]) ** 2 + t["sigma"] ** 2
    return {
        "mean of popular": t["mean(popular)"],
        "ICC of popular": between / (between + within),
        **{name: t[name] for name in ("Intercept", "sex", "texp", "extrav")},
        "SD of schools": intercept,
        "SD of schools in sex": slope,
        "SD of residuals": t["sigma"],
    }


def _simulated(seed: int) -> Simulated:
    """The school data with all values of sex."""
    school = simulate_school(seed)
    return replace(school, incomplete=school.incomplete.assign(sex=school.complete["sex"]))


def _plan(school: Simulated) -> Plan:
    conditionals = tuple(Conditional.of(text.format(formula=school.formula)) for text in FORMULAS)
    analyses = (Analysis(name="popularity", formula=school.formula), Analysis(name="mean", formula=NULL))
    return Plan(conditionals=conditionals, analyses=analyses, run=RUN, title="Pupil popularity, simulated")


def _of_frame(formula: str, frame: pd.DataFrame) -> Answers:
    return Answers(model=fit(formula, frame), null=fit(NULL, frame))


def _of_imputed(formula: str, imputed: MultiplyImputed) -> Answers:
    return Answers(model=imputed.pool(formula), null=imputed.pool(NULL))


def _coefficients(fitted: Estimate | Pooled) -> dict[str, float]:
    if isinstance(fitted, Estimate):
        return dict(zip(fitted.terms, map(float, fitted.estimates), strict=True))
    return dict(zip(fitted.terms["term"], map(float, fitted.terms["estimate"]), strict=True))


def _variances(fitted: Estimate | Pooled) -> dict[str, float]:
    if isinstance(fitted, Estimate):
        return {f"{c.name}|{c.group}": c.estimate for c in fitted.variance_components}
    table = fitted.variance_components
    return dict(zip(table["name"] + "|" + table["group"], map(float, table["estimate"]), strict=True))


def _values(answers: Answers) -> dict[str, float]:
    """In the order of :func:`true_values`."""
    coefficients, variances, null = _coefficients(answers.model), _variances(answers.model), _variances(answers.null)
    return {
        "mean": _coefficients(answers.null)["Intercept"],
        "icc": null["Intercept|school"] / sum(null.values()),
        **coefficients,
        "intercepts": float(np.sqrt(variances["Intercept|school"])),
        "slopes": float(np.sqrt(variances["sex|school"])),
        "residuals": float(np.sqrt(variances["Residual|Residual"])),
    }


def _interval(answers: Answers) -> tuple[dict[str, float], dict[str, float]]:
    """Limits by quantity."""
    assert isinstance(answers.model, Pooled) and isinstance(answers.null, Pooled)
    limits = []
    for column in ("conf_low", "conf_high"):
        of_terms = dict(zip(answers.model.terms["term"], answers.model.terms[column], strict=True))
        limits.append({"mean of popular": float(answers.null.terms[column].iloc[0]), **of_terms})
    return limits[0], limits[1]


def _folder(folder: str) -> Path:
    path = Path(folder)
    try:
        path.mkdir(exist_ok=True)
    except OSError as error:
        raise one(FileError, folder, f"this folder cannot be made ({reason(error)})", "choose another --out") from error
    return path


def _write_text(path: Path, text: str) -> None:
    with atomic(path, force=True) as temporary:
        temporary.write_text(text, encoding="utf-8")


def _introduce(school: Simulated, plan: Plan) -> None:
    frame = school.incomplete
    shares = frame.isna().mean().to_dict()
    gaps = ", ".join(f"{name} {share:.0%}" for name, share in shares.items() if share > 0)
    print(
        f"{len(frame)} pupils in {frame['school'].nunique()} schools, simulated; missing: {gaps}. Who is popular and "
        f"extravert is missing more often, so that the {len(frame.dropna())} complete cases are a biased sample.\n"
    )
    print(f"{plan}\n")


def _go_on(home: Path, seed: int) -> None:
    result, other = str(home / "school.nc"), str(home / "again.nc")
    commands: Sequence[Sequence[str]] = (
        ("diagnose", result),
        ("pool", result),
        ("export", result, "--to", str(home / "long.csv")),
        ("describe", str(home / "school.csv"), "--cluster", "school"),
        ("impute", str(home / "school.toml"), "--data", str(home / "school.csv"), "--seed", str(seed), "--out", other),
    )
    print("\nGo on with:", *(f"  {shlex.join(['bayesimpute', *words])}" for words in commands), sep="\n")
