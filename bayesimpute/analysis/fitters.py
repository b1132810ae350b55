"""Which families an analysis can have, how each is fitted, and what may go together.

To add a family, write its fitter, a function of a :class:`~.rows.Problem` and a :class:`~.model.Model`, in a file of
this folder, and enter it in ``FITTERS``.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, fields
from difflib import get_close_matches
from types import MappingProxyType
from typing import Any, get_type_hints

from bayesimpute.analysis.categories import fit_cumulative, fit_multinomial
from bayesimpute.analysis.estimates import Estimate
from bayesimpute.analysis.generalised_estimates import fit_generalised_mixed
from bayesimpute.analysis.generalised_mixed import MOST_NODES
from bayesimpute.analysis.linear import fit_linear
from bayesimpute.analysis.model import Model
from bayesimpute.analysis.regression import fit_bernoulli, fit_gamma, fit_poisson
from bayesimpute.base.arguments import misfits
from bayesimpute.base.errors import AnalysisError, FormulaError, did_you_mean
from bayesimpute.formulas import Formula, parse, parse_expression
from bayesimpute.formulas.functions import GIVEN
from bayesimpute.formulas.syntax import Call, walk
from bayesimpute.plan.options import AnalysisOptions

ENGINES = ("statsmodels", "glmm", "bambi")
ROBUST = ("HC0", "HC1", "HC2", "HC3")
COVARIANCES = ("model", *ROBUST, "cluster")
WORKING = ("independence", "exchangeable")
DFS = ("infinite", "between-within", "satterthwaite")
EFFECTS = ("coefficients", "marginal")


@dataclass(frozen=True, kw_only=True)
class Fitter:
    """How one family is fitted.

    Parameters
    ----------
    fit : callable
        From a problem and a model to an estimate.
    outcome : str
        What the outcome must be, as :func:`.rows.problem` takes it.
    links : tuple of str
        Its links, the default first.
    intercept : bool
        Whether the design matrix has one; thresholds take its place.
    mixed : str
        The engine of its mixed models by maximum likelihood; nothing where there is none.
    plain : str
        That of its models without random effects.
    robust : tuple of str
        The covariances that it has.
    working : bool
        Whether it can be fitted by generalised estimating equations.
    """

    fit: Callable[..., Estimate]
    outcome: str
    links: tuple[str, ...]
    intercept: bool = True
    mixed: str = ""
    plain: str = "statsmodels"
    robust: tuple[str, ...] = COVARIANCES
    working: bool = True


GENERALISED = ("model", "HC0", "HC1", "cluster")
FITTERS: Mapping[str, Fitter] = MappingProxyType(
    {
        "gaussian": Fitter(fit=fit_linear, outcome="number", links=("identity",), mixed="statsmodels"),
        "bernoulli": Fitter(
            fit=fit_bernoulli, outcome="binary", links=("logit", "probit", "cloglog"), robust=GENERALISED, mixed="glmm"
        ),
        "poisson": Fitter(fit=fit_poisson, outcome="count", links=("log",), robust=GENERALISED, mixed="glmm"),
        "negativebinomial": Fitter(
            fit=fit_generalised_mixed,
            outcome="count",
            links=("log",),
            robust=("model",),
            working=False,
            mixed="glmm",
            plain="glmm",
        ),
        "gamma": Fitter(fit=fit_gamma, outcome="positive", links=("log", "inverse"), robust=GENERALISED, mixed="glmm"),
        "cumulative": Fitter(
            fit=fit_cumulative,
            outcome="category",
            links=("logit", "probit"),
            intercept=False,
            robust=("model",),
            working=False,
        ),
        "categorical": Fitter(
            fit=fit_multinomial, outcome="category", links=("logit",), robust=("model",), working=False
        ),
    }
)


ELSEWHERE: Mapping[str, str] = MappingProxyType(
    {
        "binomial": "bernoulli",
        "logistic": "bernoulli",
        "normal": "gaussian",
        "ordinal": "cumulative",
        "multinomial": "categorical",
    }
)
"""What other software calls a family."""
Complaint = tuple[str, str, str]
"""Option, finding and remedy."""


def model_of(source: str, **options: Any) -> Model:
    """Read and check an analysis.

    Raises
    ------
    FormulaError
        The formula cannot be read.
    AnalysisError
        Options that do not exist or do not go together; all of them in one text.
    """
    formula = parse(source, response="required")
    found = list(complaints(formula, options))
    if found:
        texts = [
            f"{formula.excerpt if name == 'formula' else name}: {finding}; {remedy}" for name, finding, remedy in found
        ]
        raise AnalysisError("\n".join(texts))
    return _model(formula, options)


def complaints(formula: Formula, options: Mapping[str, Any]) -> list[Complaint]:
    """What is wrong with the options of an analysis."""
    unknown = [name for name in options if name not in OPTIONS]
    found = [
        (name, "analyses have no such option", did_you_mean(name, OPTIONS, f"use one of {', '.join(OPTIONS)}"))
        for name in unknown
    ]
    family = options.get("family", "gaussian")
    if not isinstance(family, str) or family not in FITTERS:
        near = get_close_matches(str(family).lower(), [*FITTERS, *ELSEWHERE], n=1)
        meant = ELSEWHERE.get(near[0], near[0]) if near else str(family)
        remedy = did_you_mean(meant, FITTERS, f"use one of {', '.join(FITTERS)}, or pass a function")
        return [*found, ("family", f'analyses have no family "{family}"', remedy)]
    known = {name: value for name, value in options.items() if name in OPTIONS}
    given = {name: value for name, value in known.items() if value is not None}
    strange = misfits(given, get_type_hints(Model), {f.name: f.default for f in fields(AnalysisOptions)})
    if strange:
        return [*found, *((problem.path, problem.finding, problem.remedy) for problem in strange)]
    return [*found, *_complaints(_model(formula, known))]


def _model(formula: Formula, options: Mapping[str, Any]) -> Model:
    given = {name: value for name, value in options.items() if value is not None}
    fitter = FITTERS[given.get("family", "gaussian")]
    usual = fitter.mixed if formula.groups and fitter.mixed else fitter.plain
    return Model(formula=formula, **{"link": fitter.links[0], "engine": usual, **given})


def _complaints(model: Model) -> Iterator[Complaint]:
    if model.formula.offsets:
        yield "formula", "offset() stands in the models of imputation only", "analyse a rate, or a difference"
    yield from _choices(model)
    yield from _clusters(model)
    yield from _where(model)
    formula, fitter = model.formula, FITTERS[model.family]
    if formula.groups and not fitter.mixed and model.engine == "statsmodels":
        remedy = (
            "pass a function that fits it and returns the estimates and their covariance matrix, or leave out the "
            "random effects"
        )
        yield "formula", f"a mixed {model.family} model has no good maximum likelihood in Python", remedy
    usual = fitter.mixed if formula.groups else fitter.plain
    if usual and model.engine in ("statsmodels", "glmm") and model.engine != usual:
        which = f"{'a mixed' if formula.groups else 'a'} {model.family} model"
        yield "engine", f'{which} is not fitted by "{model.engine}"', f'leave it out: "{usual}" fits it'
    if formula.observed:
        yield "formula", "observed() has no meaning in completed data", "make a column of it before imputing"
    if model.engine == "bambi":
        yield from _bayesian(model)
    elif model.df != "infinite" and not formula.groups:
        yield "df", f'"{model.df}" is for mixed models', "leave it out: the residual degrees of freedom are used"
    if model.engine == "glmm" or model.nodes != 1:
        yield from _by_glmm(model)
    elif model.reml is False and not formula.groups:
        yield "reml", "it goes with random effects", "leave it out"
    if model.effects == "marginal" and (model.family == "gaussian" or not fitter.working):
        yield "effects", '"marginal" is for bernoulli, poisson and gamma models', "leave it out"


def _choices(model: Model) -> Iterator[Complaint]:
    fitter = FITTERS[model.family]
    chosen = {
        "engine": (model.engine, ENGINES),
        "link": (model.link, fitter.links),
        "df": (model.df, DFS),
        "effects": (model.effects, EFFECTS),
        "covariance": (model.covariance, COVARIANCES),
        "working": (model.working, (None, *WORKING)),
    }
    for name, (value, among) in chosen.items():
        known = [str(k) for k in among if k is not None]
        mixed = name == "covariance" and bool(model.formula.groups)  # which is told by itself
        if value not in among and not mixed:
            yield name, f'there is no "{value}"', did_you_mean(str(value), known, f"use one of {', '.join(known)}")
    if model.covariance in COVARIANCES and model.covariance not in fitter.robust:
        finding = f'"{model.covariance}" is not there for family="{model.family}"'
        yield "covariance", finding, f"use one of {', '.join(fitter.robust)}"
    if model.working in WORKING and not fitter.working:
        yield "working", f'family="{model.family}" cannot be fitted by estimating equations', "leave it out"
    if model.cluster is not None and not all(model.cluster.split(":")):
        yield "cluster", f"{model.cluster!r} is not the name of a column", 'write cluster="school"'


def _clusters(model: Model) -> Iterator[Complaint]:
    robust = model.covariance != "model" or model.working is not None
    if robust and model.formula.groups:
        name = "covariance" if model.working is None else "working"
        yield name, "it belongs to models without random effects", "leave one or the other out"
    if model.covariance == "cluster" and model.cluster is None:
        yield "cluster", 'covariance="cluster" needs the column with the clusters', 'write cluster="school"'
    elif model.working is not None and model.cluster is None:
        yield "cluster", "estimating equations need the column with the clusters", 'write cluster="school"'
    if model.working is not None and model.covariance not in ("model", "cluster"):
        yield "covariance", f'with working="{model.working}" it is always cluster-robust', "leave it out"
    if model.cluster is not None and model.covariance != "cluster" and model.working is None:
        yield "cluster", 'it goes with covariance="cluster" or with a working correlation', "add one of them"


def _where(model: Model) -> Iterator[Complaint]:
    if model.where is None:
        return
    try:
        expression = parse_expression(model.where, "where")
    except FormulaError as error:
        for problem in error.problems:
            yield "where", problem.finding, problem.remedy
        return
    if any(isinstance(node, Call) and node.function in GIVEN for node in walk(expression.tree)):
        finding = f"{model.where} looks beyond the row"
        yield "where", finding, "make a column of it: [[derived]]"


def _by_glmm(model: Model) -> Iterator[Complaint]:
    factors = [group.factor for group in model.formula.groups]
    if model.nodes not in range(1, MOST_NODES + 1, 2):
        finding = f"{model.nodes!r} is no odd number from 1 (Laplace's approximation) to {MOST_NODES}"
        yield "nodes", finding, "use 1, or 9 or more"
    elif model.nodes > 1 and (model.engine != "glmm" or len(factors) != 1):
        finding = 'quadrature is for engine="glmm" with one grouping factor'
        yield "nodes", finding, "leave it out"
    if model.engine != "glmm":
        return
    if len(set(factors)) < len(factors):
        finding = 'engine="glmm" has correlated effects of a grouping factor only'
        yield "formula", finding, 'write (1 + x | g), or use engine="bambi"'
    if model.df == "satterthwaite":
        yield "df", '"satterthwaite" is for linear mixed models', 'use "between-within", or leave it out'
    if model.reml is False:
        yield "reml", "it is for linear mixed models", "leave it out: this is maximum likelihood"
    if model.effects == "marginal" and FITTERS[model.family].working:
        yield "effects", '"marginal" is for models without random effects', "leave it out"


def _bayesian(model: Model) -> Iterator[Complaint]:
    from bayesimpute.families import FAMILIES

    known = [name for name in FITTERS if name in FAMILIES]
    if model.family not in known:
        yield "family", f'engine="bambi" has {", ".join(known)}', 'use engine="statsmodels"'
    elif model.link != FITTERS[model.family].links[0]:
        yield "link", f'engine="bambi" has {FITTERS[model.family].links[0]} for family="{model.family}"', "leave it out"
    if model.covariance != "model" or model.working is not None or model.cluster is not None:
        yield "covariance", 'covariance, cluster and working belong to engine="statsmodels"', "leave them out"
    if model.df != "infinite" or model.effects != "coefficients" or model.reml is False:
        yield "df", 'df, effects and reml belong to engine="statsmodels"', "leave them out"


OPTIONS = tuple(f.name for f in fields(Model) if f.name != "formula")
