"""The outcomes of several analyses: where one is imputed without another, the two come out too little related."""

from collections.abc import Iterator

from bayesimpute.base.errors import Problem, Severity
from bayesimpute.checking.congeniality.plan_terms import Held, Ignored, readable
from bayesimpute.data.incomplete import Incomplete
from bayesimpute.formulas import Formula, quote
from bayesimpute.plan.conditional import Conditional
from bayesimpute.plan.plan import Plan


def unlinked(held: Held) -> Iterator[Ignored]:
    """The other outcomes of a plan that imputed values of an analysis's outcome are not related to.

    They are if its model reads them, or if their model, or one of both, multiplies into its draws.
    """
    y = held.y
    if not held.imputed(y):
        return
    model = held.models[y]
    related = {y, *model.names, *held.through_factors(y)}
    for other in sorted({*outcomes(held.plan)} - related):
        if other in held.models or (held.data is not None and other in held.data.columns):
            finding = f"nothing relates imputed {y} to {other}, the outcome of another analysis"
            bias = "they are independent given the covariates: what relates the two is biased towards 0"
            yield Ignored(variable=y, term=other, place=model.place, finding=finding, bias=bias)


def problems(plan: Plan, data: Incomplete) -> list[Problem]:
    """The same of all outcomes of a plan, as warnings."""
    found = outcomes(plan)
    apart = [i for formula in found.values() if len(found) > 1 for i in unlinked(Held(plan, formula, data))]
    return [
        Problem(
            path=ignored.place,
            finding=f"{ignored.finding}; {ignored.bias}",
            remedy=f"add {quote(ignored.term)} to the formula of {ignored.variable}"
            + (", or the other way round" if plan.substantive else ""),
            severity=Severity.WARNING,
        )
        for ignored in apart
    ]


def outcomes(plan: Plan) -> dict[str, Formula]:
    """The outcomes of the analyses and substantive models that can be read, each with one of its formulas."""
    texts = [getattr(a, "formula", None) for a in plan.analyses]  # what is none is told by others
    texts += [s.formulas.get("mu") for s in plan.substantive if isinstance(s, Conditional)]
    return {str(f.response): f for f in map(readable, texts) if f is not None and f.response is not None}
