"""Every kind of bad input is found before anything is compiled, at its place, with its remedy, and nothing else is."""

from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, event, given, settings
from hypothesis import strategies as st

from bayesimpute import families
from bayesimpute.base.errors import InputError, PlanError, Problem, Severity, errors
from bayesimpute.base.priors import Prior
from bayesimpute.checking import check, plan_clusters, require
from bayesimpute.data.incomplete import Incomplete
from bayesimpute.designs.completed import Completed, fill
from bayesimpute.families import Bernoulli, Binary
from bayesimpute.formulas import build
from bayesimpute.plan.conditional import Conditional
from bayesimpute.plan.options import Analysis, Derived, Run
from bayesimpute.plan.plan import Plan
from bayesimpute.plan.resolving import resolve


def make_frame() -> pd.DataFrame:
    """60 pupils in 12 schools in 6 regions: y, x, w, yes and z are incomplete, z is of level 2."""
    rng = np.random.default_rng(1)
    n, school = 60, np.repeat(np.arange(12), 5)
    frame = pd.DataFrame(
        {
            "school": school,
            "region": np.repeat(list("abcdef"), 10),
            "row": np.arange(n),
            "y": rng.normal(size=n),
            "x": rng.normal(size=n),
            "w": rng.normal(size=n) + 5,
            "yes": rng.integers(0, 2, n).astype(float),
            "z": rng.normal(size=12)[school],
            "a": rng.normal(size=n),
            "b": rng.normal(size=n),
            "s": rng.choice(["f", "m"], n),
            "c": pd.Categorical(rng.choice(["p", "q", "r"], n), categories=["p", "q", "r", "never"]),
            "day": pd.date_range("2024-01-01", periods=n),
            "iso": [f"2024-03-{1 + i % 28:02d}" for i in range(n)],
            "odd": pd.Series([1, "two"] * (n // 2), dtype=object),
            "one": 7.0,
            "size": rng.normal(size=12)[school],
        }
    )
    for k, name in enumerate(["y", "x", "w", "yes"]):
        frame.loc[k::7, name] = np.nan
    frame.loc[frame["school"].isin([3, 4]), "z"] = np.nan
    return frame


FRAME = make_frame()
OTHERS = ("x ~ a + (1 | school)", "w ~ a", "yes ~ a", "z ~ size + cluster_mean(x, school)")


def plan(y: str | Conditional = "y ~ a + x", *others: str | Conditional, **options: Any) -> Plan:
    """A sound plan but for the conditional of y and what is given."""
    return Plan.of([y, *(others or OTHERS)], **options)


def conditional(formula: str = "y ~ a", **options: Any) -> Conditional:
    return Conditional.of(formula, **options)


def run(**options: Any) -> Plan:
    return plan(run=replace(Run(), **options))


def derived(*pairs: tuple[str, str], y: str = "y ~ a") -> Plan:
    return plan(y, derived=tuple(Derived(name=n, expression=e) for n, e in pairs))


MU = "conditional[y].formulas.mu"
ERRORS: dict[str, tuple[Plan, str, str, str]] = {
    # the run
    "m 0": (run(m=0), "run.m", "it is 0", "at least 1"),
    "chains negative": (run(chains=-4), "run.chains", "it is -4", "at least 1"),
    "warmup 0": (run(warmup=0), "run.warmup", "it is 0", "at least 1"),
    "sweeps not whole": (run(sweeps=2.5), "run.sweeps", "it is 2.5", "whole number"),
    "m a text": (run(m="20"), "run.m", "'20' is not a whole number", "whole number"),
    "m a bool": (run(m=True), "run.m", "True is not a whole number", "whole number"),
    "steps a word": (run(steps="many"), "run.steps", "'many' is not a whole number", '"auto"'),
    "steps 0": (run(steps=0), "run.steps", "it is 0", '"auto"'),
    "too few sweeps": (run(m=100, chains=4, sweeps=24), "run.sweeps", "24 sweeps cannot hold m = 100", "at least 25"),
    "sampler": (run(sampler="nutz"), "run.sampler", 'no sampler "nutz"', 'did you mean "nuts"?'),
    "sampler a number": (run(sampler=3), "run.sampler", 'no sampler "3"', "use one of auto, gibbs, nuts"),
    "sequence unknown": (run(visit_sequence=("y", "x", "w", "yes", "z", "zz")), "run.visit_sequence", '"zz"', "mean"),
    "sequence twice": (run(visit_sequence=("y", "y", "x", "w", "yes", "z")), "run.visit_sequence", "2 times", "once"),
    "sequence short": (run(visit_sequence=("y", "x", "w", "yes")), "run.visit_sequence", '"z" is not in it', "add it"),
    "sequence a text": (run(visit_sequence="y"), "run.visit_sequence", "not a list", "write a list"),
    "no run": (replace(plan(), run=5), "run", "not a Run", "Run("),
    # targets
    "no conditional": (Plan(), "conditional", "no conditional, and values are missing in y, x", "add one"),
    "target unknown": (plan("yy ~ a"), "conditional[yy]", 'no column "yy"', 'did you mean "y"?'),
    "target a number": (plan(Conditional(target=3)), "conditional[3].target", "3 is not a name", "text"),
    "target twice": (plan("y ~ a", "y ~ b", *OTHERS), "conditional[y]", "more than one conditional", "keep one"),
    "no formula": (plan(Conditional(target="y")), "conditional[y].formulas", "no formula for mu", "y ~ 1"),
    "not a conditional": (
        replace(plan(), conditionals=(5,)),
        "conditional",
        "5 is not a Conditional",
        "Conditional.of",
    ),
    # families
    "family": (plan(conditional(family="gausian")), "conditional[y].family", 'no family "gausian"', '"gaussian"?'),
    "family a number": (plan(conditional(family=3)), "conditional[y].family", 'no family "3"', "use one of auto"),
    "bernoulli of a number": (
        plan(conditional(family="bernoulli")),
        "conditional[y].family",
        '"y" is a number of other values than 0 and 1, and the family bernoulli imputes a yes/no variable',
        "use gaussian or student_t",
    ),
    "link": (
        plan(conditional("yes ~ a", family=Bernoulli(link="cloglog"))),  # type: ignore[arg-type]
        "conditional[yes].link",
        "'cloglog' is not a link of bernoulli",
        "logit",
    ),
    "parameter": (
        plan(Conditional(target="y", formulas={"mu": "y ~ a", "sgima": "a"}, family="gaussian")),
        "conditional[y].formulas.sgima",
        'the family gaussian has no parameter "sgima"',
        'did you mean "sigma"?',
    ),
    "parameter of an automatic family": (
        plan("y ~ a + x", Conditional(target="yes", formulas={"mu": "yes ~ a", "sigma": "a"}), *OTHERS[:2], OTHERS[3]),
        "conditional[yes].formulas.sigma",
        'the family bernoulli has no parameter "sigma"',
        "it has mu",
    ),
    # formulas
    "not parsed": (plan("y ~ a +"), MU, "ends too early", "x + z"),
    "not allowed": (plan("y ~ eval(a)"), MU, 'the function "eval" is not allowed', "allowed are"),
    "attribute": (plan("y ~ a.mean"), MU, "no place in a formula", "backticks"),
    "not a text": (plan(Conditional(target="y", formulas={"mu": 3})), MU, "int is not a formula", "text"),
    "left side": (plan(Conditional(target="y", formulas={"mu": "x ~ a"})), MU, 'left side is "x"', "write y ~"),
    "left side of sigma": (
        plan(Conditional(target="y", formulas={"mu": "y ~ a", "sigma": "y ~ a"})),
        "conditional[y].formulas.sigma",
        'the left side "y" is not wanted',
        "terms only",
    ),
    "unknown column": (plan("y ~ a + schol"), MU, 'no column "schol"', 'did you mean "school"?'),
    "unknown factor": (plan("y ~ a + (1 | schol)"), MU, 'no column "schol"', 'did you mean "school"?'),
    "unknown in a mean": (plan("y ~ cluster_mean(q9, school)"), MU, 'no column "q9"', "name a column"),
    "unknown key of a mean": (plan("y ~ cluster_mean(a, schol)"), MU, 'no column "schol"', '"school"?'),
    "own target": (plan("y ~ a + y"), MU, 'contains its own target "y"', "leave it out"),
    "own target inside": (plan("y ~ a + I(y**2)"), MU, 'contains its own target "y"', "leave it out"),
    "own mean": (plan("y ~ cluster_mean(y, school)"), MU, "through cluster_mean(y, school)", "(1 | school)"),
    "own missingness": (plan("y ~ a + observed(y)"), MU, "observed(y) is the missingness of the target", "leave it"),
    "own slope": (plan("y ~ a + (1 + y | school)"), MU, 'contains its own target "y"', "leave it out"),
    "own through derived": (
        derived(("d", "y * a"), ("e", "d + b"), y="y ~ e"),
        MU,
        'the derived variable "e" depends on the target y: e -> d -> y',
        "other variables",
    ),
    "own mean through derived": (derived(("d", "cluster_mean(y, school)"), y="y ~ d"), MU, "d -> y", "other variables"),
    # predictors
    "not imputed": (plan("y ~ x", *OTHERS[1:]), MU, '"x" has 9 missing values and no conditional', "conditional for x"),
    "mean not imputed": (plan("y ~ cluster_mean(x, school)", "w ~ 1"), MU, '"x" has 9 missing values', "conditional"),
    "ISO date": (plan("y ~ a + iso"), MU, '"iso" is a date', "numbers"),
    "mixed": (plan("y ~ a + odd"), MU, '"odd" is a column of values of different types', "all its values"),
    "constant": (plan("y ~ a + one"), MU, '"one" does not vary: it is 7', "leave it out"),
    "constant slope": (plan("y ~ a + (1 + one | school)"), MU, '"one" does not vary', "leave it out"),
    "constant calculation": (plan("y ~ a + I(a - a)"), MU, "I(a - a) does not vary", "leave it out"),
    "not finite": (plan("y ~ log(a)"), MU, "log(a) is not a finite number", "where(condition"),
    "reference": (plan('y ~ C(s, Treatment("fem"))'), MU, '"fem" is not a label', "labels are f, m"),
    "mean of a text": (plan("y ~ cluster_mean(s, school)"), MU, "s is text", '(s == "a")'),
    "log of a text": (plan("y ~ log(s)"), MU, "log(s) cannot be computed", "types"),
    # clusters
    "continuous": (plan("y ~ a + (1 | b)"), MU, 'random effects by "b", which is a continuous variable', "+ b"),
    "continuous mean": (plan("y ~ cluster_mean(a, b)"), MU, "cluster mean by", "use a cluster key"),
    "singletons": (plan("y ~ a + (1 | row)"), MU, "every cluster has one row", "several rows"),
    "singleton means": (plan("y ~ cluster_mean(a, row)"), MU, "every cluster has one row", "several rows"),
    "one cluster": (plan("y ~ a + (1 | one)"), MU, "there is only one cluster", "leave one out"),
    "many effects": (plan("y ~ a*b*w + (a*b*w | region)"), MU, '8 random effects by "region"', "than clusters"),
    "target as key": (plan("y ~ a + (1 | yes)"), MU, 'the cluster key "yes" has a conditional', "cannot be imputed"),
    # levels
    "level unknown": (plan(conditional(level="schol")), "conditional[y].level", 'no column "schol"', '"school"?'),
    "level a number": (plan(conditional(level=3)), "conditional[y].level", "3 is not a name", "text"),
    "level continuous": (plan(conditional(level="b")), "conditional[y].level", "continuous variable", "cluster key"),
    "level disagrees": (
        plan(conditional(level="school")),
        "conditional[y].level",
        '"y" is not constant within "school", members disagree in 60 rows: 0, 1, 2',
        "make them agree",
    ),
    "level-1 predictor": (
        plan("z ~ a", "y ~ a", *OTHERS[:3]),
        "conditional[z].formulas.mu",
        '"a" is not constant within "school", the level of z',
        "write cluster_mean(a, school)",
    ),
    "level-1 category": (
        plan("z ~ s", "y ~ a", *OTHERS[:3]),
        "conditional[z].formulas.mu",
        '"s" is not constant within',
        'write cluster_mean(s == "m", school)',
    ),
    "effects by own level": (
        plan("z ~ size + (1 | school)", "y ~ a", *OTHERS[:3]),
        "conditional[z].formulas.mu",
        'random effects by "school" of a target of level "school": one row a cluster',
        "coarser key",
    ),
    "level-2 coefficients": (
        plan(f"z ~ {' + '.join(f'cluster_mean(a**{k}, school)' for k in range(1, 10))}", "y ~ a", *OTHERS[:3]),
        "conditional[z].formulas.mu",
        'it has 10 coefficients for 10 clusters of "school"',
        "at most 8",
    ),
    "coefficients": (plan("y ~ (a + b + c + s + w)**4 + C(region)"), MU, "coefficients for 51 observed rows", "fewer"),
    # derived variables
    "derived target": (derived(("y", "a * b")), "derived[y]", '"y" has a conditional too', "not both"),
    "derived column": (derived(("b", "a * 2")), "derived[b]", 'complete column "b"', "another name"),
    "derived unknown": (derived(("d", "a * bb")), "derived[d].expression", 'no column "bb"', "did you mean"),
    "derived cycle": (derived(("d", "e * a"), ("e", "d + 1")), "derived[d].expression", "d -> e -> d", "other columns"),
    "derived self": (derived(("d", "d + a")), "derived[d].expression", "d -> d", "other columns"),
    "mean cycle": (
        derived(("d", "cluster_mean(e, school)"), ("e", "d + 1")),
        "derived[d].expression",
        "d -> e -> d",
        "other columns",
    ),
    "derived twice": (derived(("d", "a"), ("d", "b")), "derived[d].expression", "more than once", "keep one"),
    "derived unreadable": (derived(("d", "a *")), "derived[d].expression", "ends too early", "x + z"),
    "derived text": (derived(("d", "s * 2")), "derived[d].expression", "s is text", "compare it"),
    "derived label": (
        derived(("d", 's == "female"')),
        "derived[d].expression",
        '"female" is not a label',
        "labels are",
    ),
    "derived date": (derived(("d", "iso == iso")), "derived[d].expression", '"iso" is a date', "numbers"),
    "derived not finite": (derived(("d", "1 / (a - a)")), "derived[d].expression", "no finite value in 60", "where("),
    "derived name": (derived(("d`e", "a")), "derived[d`e].name", "cannot be written", "letters"),
    "derived as key": (derived(("d", "floor(a)"), y="y ~ (1 | d)"), MU, '"d" cannot be a cluster key', "column of the"),
    "observed derived": (derived(("d", "a"), y="y ~ observed(d)"), MU, '"d" cannot be in observed()', "column of the"),
    "derived a number": (plan(derived=(Derived(name=3, expression="a"),)), "derived[3].name", "not a name", "text"),  # type: ignore[arg-type]
    # priors
    "prior unknown": (
        plan(conditional(priors={"a": "Nrmal(0, 1)"})),
        'conditional[y].priors."a"',
        "unknown",
        '"Normal"',
    ),
    "prior impossible": (plan(conditional(priors={"a": "Normal(0, -1)"})), '."a"', "not above zero", "proper"),
    "prior impossible in Python": (
        plan(conditional(priors={"a": Prior.of("Uniform", 2, 1)})),
        'conditional[y].priors."a"',
        "is not below upper",
        "proper",
    ),
    "prior misnamed in Python": (plan(conditional(priors={"a": Prior.of("Nrmal", 0)})), '."a"', "unknown", "proper"),
    "prior a list": (plan(conditional(priors={"a": [3]})), 'conditional[y].priors."a"', "not a text", "Normal("),
    "prior of nothing": (plan(conditional(priors={"aa": "Normal(0, 1)"})), '."aa"', "no such parameter", '"a"?'),
    "prior of a single effect's correlation": (
        plan(conditional("y ~ a + (1 | school)", priors={"school_corr": "LKJ(2)"})),
        'conditional[y].priors."school_corr"',
        "no such parameter",
        "use one of",
    ),
    "prior sign": (plan(conditional(priors={"sigma": "Normal(0, 1)"})), '."sigma"', "above zero", "HalfNormal(1)"),
    "prior on (0, 1)": (plan(conditional(priors={"sigma": "Beta(1, 1)"})), '."sigma"', "above zero", "Exponential"),
    "prior of correlations": (
        plan(conditional("y ~ a + (1 + a | school)", priors={"school_corr": "Normal(0, 1)"})),
        'conditional[y].priors."school_corr"',
        "cannot be the prior of correlations",
        "LKJ(2)",
    ),
    "prior of a coefficient": (plan(conditional(priors={"a": "LKJ(2)"})), '."a"', "of a coefficient", "StudentT"),
    # analyses
    "analysis": (plan(analyses=(Analysis(name="main", formula="y ~ q9"),)), "analysis[main].formula", '"q9"', "column"),
    "analysis unread": (plan(analyses=(Analysis(name="m", formula="y ~"),)), "analysis[m].formula", "nothing", "least"),
    "analysis family": (
        plan(analyses=(Analysis(name="main", formula="y ~ a", family="wishart"),)),
        "analysis[main].family",
        'no family "wishart"',
        "use one of",
    ),
    "analysis mixed": (
        plan(analyses=(Analysis(name="main", formula="yes ~ a + (1 | school)", family="cumulative"),)),
        "analysis[main].formula",
        "a mixed cumulative model",
        "leave out the random effects",
    ),
    "analysis twice": (
        plan(analyses=(Analysis(name="m", formula="y ~ a"), Analysis(name="m", formula="y ~ b"))),
        "analysis[m]",
        'two analyses are called "m"',
        "own name",
    ),
}


@pytest.mark.parametrize("case", ERRORS)
def test_each_error_has_its_place_finding_and_remedy(case: str) -> None:
    made, path, finding, remedy = ERRORS[case]
    found = [p for p in check(made, FRAME) if p.path.endswith(path) and finding in p.finding]
    assert len(found) == 1, [str(p) for p in check(made, FRAME)]
    assert remedy in found[0].remedy
    assert found[0].severity is Severity.ERROR


def _with(**columns: Any) -> pd.DataFrame:
    return FRAME.assign(**columns)


def _gaps(values: Any, every: int = 7) -> pd.Series:
    column = pd.Series(values, index=FRAME.index)
    return column.where(FRAME.index % every != 0)


DATA_ERRORS: dict[str, tuple[pd.DataFrame, Plan, str, str, str]] = {
    "wholly missing": (_with(y=np.nan), plan(), "conditional[y]", 'all values of "y" are missing', "leave it out"),
    "constant target": (
        _with(y=_gaps(3.0)),
        plan(),
        "conditional[y]",
        'observed values of "y" are the same: 3',
        "fill",
    ),
    "constant text": (_with(y=_gaps("f")), plan(), "conditional[y]", "are the same: f", "fill it in"),
    "two values": (
        _with(y=[1.0, 2.0] + [np.nan] * 58),
        plan(),
        "conditional[y]",
        "only 2 values",
        "at least 3",
    ),
    "ISO target": (_with(y=_gaps(FRAME["iso"])), plan(), "conditional[y]", '"y" is a date', "numbers"),
    "mixed target": (_with(y=_gaps(FRAME["odd"])), plan(), "conditional[y]", "different types", "all its values"),
    "too many labels": (
        _with(y=_gaps("label " + FRAME["row"].astype(str))),
        plan(),
        "conditional[y]",
        "no family imputes these",
        "30 or fewer",
    ),
    "numbers with a dot": (
        _with(y=_gaps(FRAME["row"].astype(str)).mask(FRAME["row"] == 5, ".")),
        plan(),
        "conditional[y]",
        "most labels look like numbers",
        "column of numbers",
    ),
    "gaussian text": (
        _with(y=_gaps(FRAME["s"])),
        plan(conditional(family="gaussian")),
        "conditional[y].family",
        '"y" is a yes/no variable, and the family gaussian imputes a number',
        "use bernoulli",
    ),
    "label in missing rows": (
        _with(c=FRAME["c"].where(FRAME["y"].notna(), "never")),
        plan("y ~ c"),
        MU,
        'the label "never" of "c" occurs only in rows where y is missing (9 rows)',
        "merge it",
    ),
    "label as number": (_with(k=np.where(FRAME["y"].isna(), 9, FRAME["row"] % 3)), plan("y ~ C(k)"), MU, "9", "check"),
    "key with gaps": (
        _with(school=_gaps(FRAME["school"])),
        plan("y ~ (1 | school)"),
        "data[school]",
        "missing",
        "leave",
    ),
    "constant where observed": (
        _with(a=np.where(FRAME["y"].isna(), FRAME["a"], 2.0)),
        plan("y ~ a + b"),
        MU,
        '"a" does not vary: it is 2 wherever y is observed',
        "leave it out",
    ),
    "names as categories": (
        _with(id=[f"n{i}" for i in range(60)]),
        plan("y ~ id"),
        MU,
        "60 labels in 60 rows",
        "(1 | id)",
    ),
    "empty": (FRAME.iloc[:0], plan(), "data", "empty", "at least one row"),
    "infinite": (_with(a=np.inf), plan(), "data[a]", "infinite", "numbers"),
    "duplicate names": (pd.concat([FRAME, FRAME[["a"]]], axis=1), plan(), "data", 'called "a"', "name of its own"),
    "names not texts": (FRAME.rename(columns={"a": 5}), plan(), "data", "column name 5 is not a text", "rename"),
    "derived category": (
        _with(s=_gaps(FRAME["s"])),
        derived(("s", "a > 0")),
        "derived[s]",
        "is a category, and an expression gives numbers",
        "another name",
    ),
}


@pytest.mark.parametrize("case", DATA_ERRORS)
def test_each_error_of_the_data_has_its_place_finding_and_remedy(case: str) -> None:
    frame, made, path, finding, remedy = DATA_ERRORS[case]
    found = [p for p in check(made, frame) if p.path == path and finding in p.finding]
    assert len(found) == 1, [str(p) for p in check(made, frame)]
    assert remedy in found[0].remedy
    assert found[0].severity is Severity.ERROR


def test_values_that_suit_no_column_by_themselves_are_asked_for_by_a_family(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Binary, "accepts", classmethod(lambda cls, column: column.kind == "category"))
    monkeypatch.setattr(Binary, "suits", classmethod(lambda cls, column: None))
    for name, other in families.VALUES.items():  # none is taken out: put back, they would be in another order
        if name not in ("binary", "number"):
            monkeypatch.setattr(other, "accepts", classmethod(lambda cls, column: False))
            monkeypatch.setattr(other, "suits", classmethod(lambda cls, column: None))
    frame = _with(c=_gaps(FRAME["c"]))
    (found,) = errors(check(Plan.of(["c ~ a"]), frame))
    assert (found.path, "use bernoulli" in found.remedy) == ("conditional[c].family", True)
    assert found.finding == '"c" is a category with 4 labels, and "auto" stands for no family of so many'
    (found,) = errors(check(Plan.of([Conditional.of("c ~ a", family="gaussian")]), frame))
    assert '"c" is a yes/no variable, and the family gaussian imputes a number' in found.finding


WARNINGS: dict[str, tuple[pd.DataFrame, Plan, str, str]] = {
    "nothing missing": (FRAME, plan("a ~ b", "y ~ a", *OTHERS), "conditional[a]", '"a" has no missing values'),
    "mostly missing": (_with(y=FRAME["y"].where(FRAME["row"] < 5)), plan("y ~ a"), "conditional[y]", "93% of"),
    "few clusters": (_with(g=FRAME["row"] % 4), plan("y ~ a + (1 | g)"), MU, 'only 4 clusters of "g"'),
    "not many clusters": (_with(g=FRAME["row"] % 8), plan("y ~ a + (1 | g)"), MU, 'only 8 clusters of "g"'),
    "not many with values": (
        _with(g=FRAME["row"] % 12, y=FRAME["y"].where(FRAME["row"] % 12 < 7)),
        plan("y ~ a + (1 | g)"),
        MU,
        'only 7 clusters of "g" with a value of "y"',
    ),
    "nearly singletons": (_with(g=FRAME["row"].clip(1)), plan("y ~ a + (1 | g)"), MU, "59 clusters in 60 rows"),
    "collinear": (_with(a2=FRAME["a"] * 2 + 1), plan("y ~ a + b + a2"), MU, "a2 is exactly collinear"),
    "sum": (_with(t=FRAME["a"] + FRAME["b"]), plan("y ~ a + b + t"), MU, "t is exactly collinear"),
    "apart": (_with(a=FRAME["a"].where(FRAME["y"].isna())), plan("y ~ a", "a ~ b", *OTHERS[1:3]), MU, "never observed"),
    "slopes about a far place": (
        _with(a=FRAME["a"] + 50, g=FRAME["row"] % 12),
        plan("y ~ a + (1 + a || g)"),
        MU,
        "least where a is zero",
    ),
    "derived otherwise": (
        FRAME,
        Plan.of(["y ~ x", "w ~ x"], derived=(Derived(name="x", expression="a + b"),)),
        "derived[x].expression",
        'the observed "x" is not a + b in 49 of 51 rows',
    ),
    "spline": (FRAME, plan("y ~ a + bs(x, df=4)"), MU, 'imputed values of "x" may lie outside'),
}


def test_of_a_complete_column_it_is_told_once_that_its_model_is_not_used() -> None:
    found = check(Plan.of(["y ~ x", "x ~ a", "c ~ a", Conditional.of("day ~ a", family="bernoulli")]), FRAME)
    for name in ("c", "day"):
        assert [p.finding for p in found if p.path.startswith(f"conditional[{name}]")] == [
            f'"{name}" has no missing values'
        ]


@pytest.mark.parametrize("case", WARNINGS)
def test_each_warning_stops_nothing(case: str) -> None:
    frame, made, path, finding = WARNINGS[case]
    found = [p for p in check(made, frame) if p.path == path and finding in p.finding]
    assert [p.severity for p in found] == [Severity.WARNING], [str(p) for p in check(made, frame)]
    assert found[0] in require(made, frame)


SOUND: dict[str, Plan] = {
    "plain": plan(),
    "slopes": plan("y ~ a * x + s + c + (1 + a | school)"),
    "independent slopes": plan("y ~ a + (1 + a + b || school)"),
    "nested factors": plan("y ~ a + (1 | region/school)"),
    "sigma": plan(Conditional(target="y", formulas={"mu": "y ~ a", "sigma": "(1 | school)"})),
    "no left side": plan(Conditional(target="y", formulas={"mu": "a + x"})),
    "mean of a comparison": plan('y ~ cluster_mean(s == "f", school)'),
    "missingness": plan("y ~ a + observed(x)"),
    "interacting key": plan("y ~ a + cluster_mean(a, region:school)"),
    "level given": plan(conditional("z ~ size", level="school"), "y ~ a", *OTHERS[:3]),
    "coarser effects": plan("z ~ size + (1 | region)", "y ~ a", *OTHERS[:3]),
    "bounded spline": plan("y ~ bs(x, df=4, lower_bound=-9, upper_bound=9)"),
    "derived": derived(("d", "x * w"), ("e", "cluster_mean(d, school)"), ("f", "(a > 0) | (b > 0)"), y="y ~ d + e + f"),
    "derived fills": Plan.of(["y ~ x", "w ~ x"], derived=(Derived(name="x", expression="cluster_mean(a, school)"),)),
    "priors": plan(
        conditional(
            "y ~ a + s + (1 + a | school)",
            priors={
                "a": "Normal(0, 1)",
                "s": "StudentT(3, 0, 1)",
                "Intercept": "Normal(0, 5)",
                "sigma": "Exponential(1)",
                "1|school_sigma": "HalfNormal(1)",
                "a|school_sigma": "Uniform(0, 3)",
                "school_corr": "LKJ(4)",
            },
        )
    ),
    "priors of sigma": plan(
        Conditional(
            target="y",
            formulas={"mu": "y ~ a", "sigma": "a + (1 | school)"},
            priors={
                "sigma_a": "Normal(0, 1)",
                "sigma_Intercept": "Normal(0, 1)",
                "sigma_1|school_sigma": "HalfNormal(1)",
            },
        )
    ),
    "sequence": run(visit_sequence=("y", "x", "w", "yes", "z")),
    "analysis": plan(analyses=(Analysis(name="main", formula="y ~ a + (1 | school)"),)),
}


@pytest.mark.parametrize("case", SOUND)
def test_nothing_is_said_about_a_sound_plan(case: str) -> None:
    assert [p for p in check(SOUND[case], FRAME) if 'only 6 clusters of "region"' not in p.finding] == []


@pytest.mark.parametrize(
    "case", ["priors", "priors of sigma", "sigma", "independent slopes", "slopes", "nested factors"]
)
def test_the_names_that_take_a_prior_are_those_of_the_posterior(case: str) -> None:
    pytest.importorskip("bambi")
    from bayesimpute.checking.prior_roles import Coded, roles
    from bayesimpute.designs.describe import describe

    data = Incomplete.from_frame(FRAME, clusters=plan_clusters(SOUND[case]))
    resolved = resolve(SOUND[case], data)
    target = next(t for t in resolved.targets if t.name == "y")
    design = describe(target, data, resolved)
    groups = {p.parameter.name: list(target.formulas[p.key].groups) for p in design.predictors if p.matrix}
    blocks = iter(design.blocks)
    coded = {
        p.key: Coded(common=p.matrix, groups=[(g, next(blocks).parts[0][1]) for g in groups[p.key]])
        for p in design.predictors
        if p.matrix is not None
    }
    known = roles(target.family, coded)
    assert {n for n in design.names if "~~" not in n} <= set(known)
    correlated = {b.factor for b in design.blocks if b.width > 1}
    assert {n for n, role in known.items() if role == "correlation"} == {f"{factor}_corr" for factor in correlated}


def test_all_problems_are_reported_at_once() -> None:
    made = plan(
        conditional("y ~ a + one + schol", priors={"a": "Nrmal(0)"}),
        Conditional(target="x", formulas={"mu": "x ~ one + (1 | b)", "sigma": "log("}),
        "w ~ d",
        derived=(Derived(name="d", expression="d * a"),),
        run=Run(m=0, sampler="x"),
    )
    paths = {p.path for p in check(made, _with(school=_gaps(FRAME["school"])))}
    assert paths >= {
        "run.m",
        "run.sampler",
        'conditional[y].priors."a"',
        MU,
        "conditional[x].formulas.mu",
        "conditional[x].formulas.sigma",
        "derived[d].expression",
    }
    findings = [p.finding for p in check(made, FRAME)]
    assert any('random effects by "b"' in f for f in findings)
    assert any('"one" does not vary' in f for f in findings)


@pytest.mark.parametrize("right", ["one + q", "log(", "one + (1 | schol)", "y", "one.two"])
def test_what_a_second_part_has_from_the_first_is_told_once(right: str) -> None:
    """Of its own formula it is told as of the first's."""
    counts = FRAME.assign(y=_gaps(np.arange(len(FRAME)) % 3.0))
    first = check(plan(Conditional.of(f"y ~ {right}", family="hurdle_poisson")), counts)
    assert [p.path for p in errors(first)] == [MU]
    own = {"zero": f"{right} + a"} if right != "log(" else {"zero": "exp("}
    both = check(plan(Conditional.of(f"y ~ {right}", family="hurdle_poisson", formulas=own)), counts)
    assert {p.path for p in errors(both)} >= {MU, "conditional[y].formulas.zero"}


def test_a_missing_conditional_does_not_hide_what_else_is_wrong() -> None:
    findings = [p.finding for p in check(plan("y ~ x + one", "w ~ a"), FRAME)]
    assert any('"x" has 9 missing values' in f for f in findings)
    assert any('"one" does not vary' in f for f in findings)


def test_complete_data_are_no_problem() -> None:
    assert check(Plan(), FRAME[["a", "b", "s"]]) == []


def test_a_predictor_that_other_members_have_needs_no_conditional() -> None:
    frame = _with(z=FRAME["size"].where(FRAME["row"] % 5 != 0))
    made = Plan.of(["y ~ z + (1 | school)"])
    assert check(made, frame) == []


def test_labels_that_never_occur_are_no_problem() -> None:
    assert "never" in FRAME["c"].cat.categories
    assert check(plan("y ~ a * c"), FRAME) == []


def test_an_incomplete_with_other_keys_will_do() -> None:
    assert check(plan("y ~ a + (1 | school)"), Incomplete.from_frame(FRAME, clusters=["school"])) == []
    found = check(plan("y ~ a + (1 | school)"), Incomplete.from_frame(_with(school=_gaps(FRAME["school"]))))
    assert "data[school]" in {p.path for p in found}


def test_the_keys_of_a_plan_are_in_order_of_appearance() -> None:
    made = plan(
        Conditional(target="y", formulas={"mu": "y ~ cluster_mean(a, region) + (1 | school)", "sigma": "(1 | k)"}),
        conditional("z ~ a", level="town"),
        "x ~ (broken",
        derived=(Derived(name="d", expression="cluster_mean(a, ward)"),),
    )
    assert plan_clusters(made) == ("region", "school", "k", "ward", "town")


def test_require_raises_everything_at_once() -> None:
    made = plan("a ~ b", "y ~ q9", *OTHERS, run=Run(m=0))
    with pytest.raises(PlanError) as caught:
        require(made, FRAME)
    assert {"run.m", MU, "conditional[a]"} <= {p.path for p in caught.value.problems}
    assert "run.m: it is 0; give a whole number" in str(caught.value)


def test_checking_changes_no_data() -> None:
    before = FRAME.copy(deep=True)
    check(SOUND["derived"], FRAME)
    pd.testing.assert_frame_equal(before, FRAME)


def test_the_published_data_sets_pass(shared_data: Any) -> None:
    popmis = pd.read_csv(shared_data / "popmis.csv")
    assert check(Plan.of(["popular ~ sex * texp + (1 + sex | school)"]), popmis) == []
    ncr = pd.read_csv(shared_data / "popNCR.csv")
    five = [
        "extrav ~ popular + popteach + sex + texp + (1 | class)",
        "popular ~ extrav + popteach + sex * texp + (1 + sex | class)",
        "popteach ~ extrav + popular + sex + texp + (1 | class)",
        "sex ~ extrav + popular + popteach + (1 | class)",
        "texp ~ cluster_mean(popular, class) + cluster_mean(sex, class)",
    ]
    assert check(Plan.of(five), ncr) == []


PIECES = ["y", "a", "b", "x", "s", "c", "z", "one", "day", "odd", "school", "region", "q9", "1", "0", "2", "`", '"f"']
PIECES += ["+", "-", "*", "/", ":", "**", "~", "|", "||", "(", ")", ",", "==", "=", ".", "\n", "\x00", "é", "d", "e"]
PIECES += [
    "(1 | school)",
    "(1 + a | region)",
    "cluster_mean(",
    "observed(",
    "log(",
    "bs(x, df=",
    "C(s",
    "poly(a, ",
    "d * ",
]
TEXTS = st.one_of(st.text(max_size=12), st.lists(st.sampled_from(PIECES), max_size=9).map(" ".join))
GOOD = st.sampled_from(["y ~ a + x + (1 | school)", "a + s", "x ~ d + one", "z ~ size", "y ~ c * s + (1 + a | region)"])
FORMULAS = st.one_of(GOOD, GOOD, TEXTS, st.none(), st.integers())
ANY = st.one_of(
    st.none(), st.booleans(), st.integers(-3, 9), st.floats(), st.text(max_size=4), st.lists(st.integers(), max_size=2)
)
NAMES = st.one_of(st.sampled_from(["y", "x", "w", "yes", "z", "s", "day", "d", "e", "one"]), ANY)
PRIORS = st.dictionaries(st.sampled_from(["a", "s", "sigma", "1|school_sigma", "q"]), st.one_of(TEXTS, ANY), max_size=2)
CONDITIONALS = st.builds(
    Conditional,
    target=NAMES,
    family=st.one_of(st.sampled_from(["auto", "gaussian", "bernoulli", "student_t"]), ANY),
    formulas=st.dictionaries(
        st.one_of(st.sampled_from(["mu", "mu", "sigma"]), st.text(max_size=3)), FORMULAS, max_size=3
    ),
    level=st.one_of(st.none(), st.sampled_from(["school", "region", "row", "b", "region:school"]), ANY),
    priors=PRIORS,
)
RUNS = st.one_of(
    st.just(Run()),
    st.builds(Run, m=ANY, chains=ANY, warmup=ANY, sweeps=ANY, steps=ANY, visit_sequence=ANY, sampler=ANY),
)
DERIVED = st.builds(Derived, name=st.one_of(st.sampled_from(["d", "e", "x"]), ANY), expression=FORMULAS)
ANALYSES = st.builds(Analysis, name=NAMES.filter(lambda n: not isinstance(n, list)), formula=FORMULAS, family=ANY)
PLANS = st.builds(
    Plan,
    conditionals=st.lists(CONDITIONALS, max_size=3),
    derived=st.lists(DERIVED, max_size=3),
    analyses=st.lists(ANALYSES, max_size=1),
    run=RUNS,
)


@settings(max_examples=100, deadline=None, suppress_health_check=list(HealthCheck))
@given(made=PLANS)
def test_whatever_the_plan_only_problems_come_out(made: Plan) -> None:
    problems = check(made, FRAME)
    assert all(isinstance(p, Problem) and p.path and p.finding and p.remedy for p in problems)
    assert all(isinstance(key, str) for key in plan_clusters(made))
    assert isinstance(str(made), str)


VALUES = st.one_of(
    st.integers(-2, 40), st.booleans(), st.floats(allow_nan=False), st.text(max_size=6), st.just([1, "a"])
)
KEYS = [
    "schema",
    "title",
    "target",
    "family",
    "formula",
    "formulas",
    "level",
    "priors",
    "name",
    "expression",
    "link",
    "m",
]


@settings(max_examples=120, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    tables=st.lists(
        st.sampled_from(["[run]", "[[conditional]]", "[[derived]]", "[[analysis]]", "[conditional]"]), max_size=3
    ),
    rows=st.lists(st.tuples(st.sampled_from(KEYS), st.one_of(VALUES, GOOD)), max_size=6),
    noise=st.one_of(st.just(""), st.text(max_size=20)),
)
def test_whatever_the_document_only_input_errors_come_out(
    tables: list[str], rows: list[tuple[str, Any]], noise: str
) -> None:
    import tomli_w

    lines = [*tables, *(tomli_w.dumps({key: value}) for key, value in dict(rows).items()), noise]
    try:
        made = Plan.from_toml("\n".join(lines))
    except InputError as error:
        assert error.problems
        assert all(p.path and p.finding and p.remedy for p in error.problems)
    else:
        assert all(isinstance(p, Problem) for p in check(made, FRAME))
        assert Plan.from_toml(made.to_toml()) == made


KINDS = ["float", "float", "float", "whole", "yes", "text", "category", "size", "any", "flat"]
RIGHT = [
    "1",
    "x",
    "a + y",
    "x + s + (1 | school)",
    "y + (1 + a | school)",
    "cluster_mean(a, school)",
    "d",
    "log(x)",
    "a * s",
]
RIGHT += [
    "bs(x, df=4)",
    "poly(a, 2)",
    "0 + C(a)",
    "observed(y)",
    "z + s",
    "cluster_mean(observed(x), school)",
    "x + (x || school)",
]


def cells(kind: str, school: np.ndarray, rng: np.random.Generator) -> pd.Series:
    n = len(school)
    made = {
        "float": lambda: rng.normal(size=n),
        "whole": lambda: rng.integers(0, 4, n),
        "yes": lambda: rng.random(n) < 0.5,
        "text": lambda: rng.choice(["f", "m", "x"][: rng.integers(1, 4)], n),
        "category": lambda: pd.Categorical(
            rng.choice(["f", "m"], n), categories=["f", "m", "never"][: rng.integers(2, 4)]
        ),
        "size": lambda: rng.normal(size=9)[school],
        "any": lambda: pd.Series(rng.choice(np.array([1, "f", True], dtype=object), n), dtype=object),
        "flat": lambda: np.full(n, 3.0),
    }
    column = pd.Series(made[kind]())
    gaps = rng.random(n) < rng.choice([0.0, 0.0, 0.2, 0.9])
    return column if not gaps.any() else column.astype(object if kind == "yes" else column.dtype).mask(gaps)


@st.composite
def situations(draw: st.DrawFn) -> tuple[pd.DataFrame, Plan]:
    """A small frame with columns of any kind, and a plan that has a conditional for most of its incomplete columns."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    school = rng.integers(0, draw(st.integers(1, 9)), draw(st.integers(1, 30)))
    kinds = {name: draw(st.sampled_from(KINDS)) for name in ("y", "x", "a", "s", "z")}
    frame = pd.DataFrame({name: cells(kind, school, rng) for name, kind in kinds.items()} | {"school": school})
    targets = [name for name in kinds if frame[name].isna().any() and draw(st.integers(0, 9))]
    formulas = [f"{name} ~ {draw(st.sampled_from(RIGHT))}" for name in targets]
    expression = draw(
        st.sampled_from(["x * z", "cluster_mean(x, school) - x", "s == 'f'", "1 / x", "(a > 0) | (x > 0)"])
    )
    use = any("d" in formula.split() for formula in formulas)
    return frame, Plan.of(formulas, derived=(Derived(name="d", expression=expression),) if use else ())


@settings(max_examples=100, deadline=None, suppress_health_check=list(HealthCheck))
@given(situation=situations())
def test_whatever_the_data_a_plan_without_errors_can_be_completed(situation: tuple[pd.DataFrame, Plan]) -> None:
    frame, made = situation
    sound = not errors(check(made, frame))
    event("sound" if sound else "not sound")
    if sound:
        data = Incomplete.from_frame(frame, clusters=plan_clusters(made))
        resolved = resolve(made, data)
        completed = Completed(data, resolved, fill(data, resolved, np.random.default_rng(0), spread=0.0))
        for target in resolved.targets:
            assert all(np.isfinite(completed.values[name]).all() for name in target.columns)
            for formula in target.formulas.values():
                matrix = build(formula.common, completed.frame.iloc[target.fit_rows])
                assert np.isfinite(matrix.evaluate(completed.frame)).all()


@pytest.mark.parametrize(("odd", "told"), [((".",), "'.' stands"), ((".", "n/a"), "'.', 'n/a' stand "), ((), None)])
def test_texts_that_stand_between_numbers_are_told(odd, told):
    values = [str(k) for k in range(30)]
    x = [*values, *odd, *[None] * (5 - len(odd))]
    frame = pd.DataFrame({"x": pd.Series(x, dtype=object), "z": np.arange(35.0)})
    found = [p.finding for p in check(plan("x ~ z"), frame) if p.path == "data[x]"]
    assert [told in finding for finding in found] == ([True] if told else [])


def test_labels_of_which_some_are_numbers_are_no_mistake():
    frame = pd.DataFrame({"y": [1.0, None, 2, 3, 5, 4] * 4, "size": ["1", "2", "3+", "1", "2", "1"] * 4})
    assert not [p for p in check(plan("y ~ size"), frame) if p.path == "data[size]"]
