"""A constant added to a variable, or another unit, changes nothing but the coefficients that it must change."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

import numpy as np
import pandas as pd
import pytest
from modelling import as_written, conditional, graph_data, only, placed, workspace

import bayesimpute as bi
from bayesimpute.designs.design import Design
from bayesimpute.designs.parts import places
from bayesimpute.designs.placement import Placement
from bayesimpute.families import FAMILIES, Binomial, Bounded, HeckmanGaussian, HeckmanProbit, Semicontinuous, TwoParts
from bayesimpute.plan.conditional import Conditional
from bayesimpute.plan.options import Run
from bayesimpute.plan.plan import Plan
from bayesimpute.samplers.prior import prior_draw

SHIFTS, UNITS = {"x": 700.0, "z": -40.0}, {"x": 0.01, "z": 2540.0}
MODELS = {
    "slopes": conditional("y ~ x + (1 + x | g)"),
    "products": conditional("y ~ x * z + (1 + x * z | g)"),
    "powers": conditional("y ~ x + I(x ** 2) + I(x ** 3) + x:c + c + (1 + x + I(x ** 2) | g)"),
    "of a power": conditional("y ~ x * z + I(x ** 2) + I(x ** 2):z + (1 | g)"),
    "labels": conditional("y ~ 0 + c + c:x + (1 + x | g)"),
    "sigma": conditional("y ~ x + (1 | g)", sigma="x * z + (1 + x | g)"),
    "heavy tails": conditional("y ~ x * z + (1 + x | g)", family="student_t"),
    "logit": conditional("b ~ x * z + c:x + c + (1 + x | g)"),
    "cluster means": conditional("y ~ x * cluster_mean(x, g) + (1 + x | g)"),
    "selection": conditional("y ~ x * z + (1 + x | g)", family=HeckmanGaussian(), selection="x * z + w + (1 + x | g)"),
    "counts": conditional("k ~ x * z + (1 + x | g)", family="poisson"),
    "varying counts": Conditional(
        target="k",
        family="negative_binomial",
        formulas={"mu": "k ~ x * z + (1 + x | g)", "alpha": "x + (1 | g)"},
        side={"exposure": "w"},
    ),
    **{
        family: conditional("k ~ x * z + (1 + x | g)", family=family)
        for family, cls in FAMILIES.items()
        if issubclass(cls, TwoParts)
    },
    "ordered labels": conditional("l ~ x * z + (1 + x | g)", family="ordinal"),
    "unordered labels": conditional("l ~ x * z + (1 + x | g)", family="categorical"),
    "positive": conditional("p ~ x * z + (1 + x | g)", family="lognormal"),
    "positive, lighter tail": conditional("p ~ x * z + (1 + x | g)", family="gamma"),
    "proportion": conditional("s ~ x * z + (1 + x | g)", family="beta"),
    "nothing or a share": conditional("s0 ~ x * z + (1 + x | g)", family="zero_inflated_beta"),
    "a share or all": conditional("s1 ~ x * z + (1 + x | g)", family="one_inflated_beta"),
    "nothing, a share or all": conditional("s2 ~ x * z + (1 + x | g)", family="zero_one_inflated_beta"),
    "square roots": conditional("p ~ x * z + (1 + x | g)", family="sqrtnormal"),
    "logits": conditional("s ~ x * z + (1 + x | g)", family="logitnormal"),
    "amounts": conditional("a ~ x * z + (1 + x | g)", family="semicontinuous"),
    "amounts, lighter tail": conditional("a ~ x * z + (1 + x | g)", family=Semicontinuous(positive="gamma")),
    "limits": conditional("y ~ x * z + (1 + x | g)", family=Bounded(limits=(-9.0, 9.0))),
    "skewed": conditional("y ~ x * z + (1 + x | g)", family="skewed"),
    "successes": conditional("k ~ x * z + (1 + x | g)", family=Binomial(trials=9)),
    "ordered, selected": conditional("l ~ x + (1 | g)", family="heckman_ordinal", selection="x + w + (1 | g)"),
    "counts, selected": conditional("k ~ x + (1 | g)", family="heckman_poisson", selection="x + w + (1 | g)"),
    "varying counts, selected": Conditional(
        target="k",
        family="heckman_negative_binomial",
        formulas={"mu": "k ~ x + (1 | g)", "selection": "x + w + (1 | g)"},
        side={"exposure": "w"},
    ),
    "heavy tails, selected": conditional(
        "y ~ x * z + (1 | g)", family="heckman_student_t", selection="x * z + w + (1 | g)"
    ),
    "matching": conditional("y ~ x * z + (1 + x | g)", family="pmm"),
    "both": conditional("b ~ x + (1 + x | g)", family=HeckmanProbit(), selection="x + w + (1 + x | g)"),
}


def frame(shifts: dict[str, float], units: Mapping[str, float] = MappingProxyType({})) -> pd.DataFrame:
    rng = np.random.default_rng(3)
    n, g = 240, np.arange(240) % 24
    data = {"g": g, **{name: rng.normal(0, 1, n) for name in ("x", "z", "w")}}
    data["c"] = pd.Categorical(rng.choice(["p", "q", "r"], n))
    data["y"] = data["x"] + rng.normal(0, 1, 24)[g] + rng.normal(0, 1, n)
    data["b"] = (data["y"] > 0).astype(float)
    data["w"] = np.exp(data["w"])
    made = pd.DataFrame(data)
    made.loc[rng.random(n) < 0.3, ["y", "b"]] = np.nan
    made["s"], made["p"] = 1 / (1 + np.exp(-made["y"])), np.exp(made["y"])
    for name, low, high in (("s0", 0.2, 1.0), ("s1", 0.0, 0.8), ("s2", 0.2, 0.8)):
        made[name] = made["s"].mask(made["s"] < low, 0.0).mask(made["s"] > high, 1.0)
    made["a"] = made["p"].where(~(made["y"] < -0.8), 0.0)
    made["k"] = np.maximum(np.round(made["y"]), 0)
    made["l"] = pd.cut(made["y"], [-np.inf, -0.5, 0.8, np.inf], labels=["low", "mid", "high"])
    made = made.assign(**{name: made[name] + by for name, by in shifts.items()})
    return made.assign(**{name: made[name] * unit for name, unit in units.items()})


TARGETS = (*"yabklsp", "s0", "s1", "s2")


def described(item: Conditional, *moved: Any) -> tuple[Design, dict[str, np.ndarray], Placement]:
    space = workspace(frame(*moved).drop(columns=[name for name in TARGETS if name != item.target]), item)
    return only(space)[1], graph_data(space), placed(space)


@pytest.mark.by_default("*-in other units")
@pytest.mark.parametrize("units", [{}, UNITS], ids=["moved", "in other units"])
@pytest.mark.parametrize("item", MODELS.values(), ids=MODELS.keys())
def test_the_model_is_the_same(item: Conditional, units: dict[str, float]) -> None:
    """Its data and its priors on the standardised scale, so every sampler's numbers."""
    design, data, _ = described(item, {})
    moved, again, _ = described(item, SHIFTS, units)
    for name, values in data.items():
        np.testing.assert_allclose(again[name], values, rtol=0, atol=1e-7, err_msg=name)
    for ours, theirs in zip(design.predictors, moved.predictors, strict=True):
        assert [p.args for p in ours.priors] == [pytest.approx(p.args) for p in theirs.priors], ours.key
        assert ours.offset == pytest.approx(theirs.offset)
    for one, other in zip(design.blocks, moved.blocks, strict=True):
        assert [p.args for p in one.priors] == [pytest.approx(p.args) for p in other.priors]
        assert (one.centred, one.correlations) == (other.centred, other.correlations)


@pytest.mark.parametrize("item", MODELS.values(), ids=MODELS.keys())
def test_what_a_user_is_told_is_the_same_predictor(item: Conditional) -> None:
    """Coefficients and effects in the user's units, times the formula's own columns."""
    for shifts in ({}, SHIFTS):
        design, data, placement = described(item, shifts)
        draw = prior_draw(design, np.random.default_rng(1))
        told, effects = dict(zip(design.names, design.posterior(draw), strict=True)), design.effects(draw)
        columns, eta = frame(shifts), design.fitted(draw, data)
        columns["cluster_mean(x, g)"] = columns.groupby("g")["x"].transform("mean")
        for p in (p for p in design.predictors if p.matrix is not None):
            rows = placement.fitted_rows[p.parameter.name]
            found = as_written(p.matrix).evaluate(columns)[rows] @ [told[name] for name in p.names]
            for b in design.blocks:
                for (key, place), (_, matrix) in zip(places(b), b.parts, strict=True):
                    if key == p.key:
                        own = np.stack([effects[name] for name in b.names[place]], axis=1)[columns["g"].to_numpy()]
                        found += (as_written(matrix).evaluate(columns) * own)[rows].sum(axis=1)
            expected = p.units.shift + p.units.unit * eta[p.key][: len(rows)]
            if any(q.parameter.against == p.parameter.name for q in design.predictors):  # its constant is in cutpoints
                found, expected = found - found.mean(), expected - expected.mean()
            np.testing.assert_allclose(found, expected, rtol=1e-6, atol=1e-6 * np.abs(found).max(), err_msg=p.key)


def test_imputed_values_and_what_is_told_of_slopes_are_the_same() -> None:
    run = Run(m=2, chains=1, warmup=5, sweeps=20)
    plan = Plan.of([conditional("y ~ x * z + (1 + x | g)")], run=run)
    one, other = (
        bi.impute(frame(shifts).drop(columns=["b", "k", "l"]), plan, seed=1, progress=False)
        for shifts in ({}, {"x": 1000.0})
    )
    np.testing.assert_allclose(one.completed(1)["y"], other.completed(1)["y"], rtol=1e-6)
    told, moved = (made.draws("y") for made in (one, other))
    same = ("x", "x:z", "x|g_sigma", "sigma")
    names = {str(v.attrs["name"]): k for k, v in told.items()}
    for name in same:
        np.testing.assert_allclose(told[names[name]], moved[names[name]], rtol=1e-5, err_msg=name)
    gap = moved[names["Intercept"]] - (told[names["Intercept"]] - 1000 * told[names["x"]])
    assert abs(gap).max() < 1e-3
    a, b, r = (told[names[name]] for name in ("1|g_sigma", "x|g_sigma", "1~~x|g_corr"))
    variance = a**2 - 2 * 1000 * r * a * b + (1000 * b) ** 2  # of the effects where x was -1000
    np.testing.assert_allclose(moved[names["1|g_sigma"]] ** 2, variance, rtol=1e-4)


@pytest.mark.parametrize("compatible", [False, True])
def test_a_covariate_is_imputed_at_its_own_place(compatible: bool) -> None:
    outcome = conditional("y ~ x * z + (1 + x | g)")
    covariate = conditional("x ~ z + (1 | g)" if compatible else "x ~ z + y + (1 | g)")
    made = []
    for by in (0.0, 100.0):
        holes = frame({"x": by}).drop(columns=["b", "k", "l", "c", "w"])
        holes.loc[::4, "x"] = np.nan
        models = {"substantive": (outcome,)} if compatible else {}
        plan = Plan.of([covariate] if compatible else [covariate, outcome], **models)
        plan = plan.with_run(m=2, chains=1, warmup=5, sweeps=10)
        made.append(bi.impute(holes, plan, seed=1, progress=False).completed(1))
    np.testing.assert_allclose(made[1]["x"] - 100, made[0]["x"], atol=1e-6)
    np.testing.assert_allclose(made[1]["y"], made[0]["y"], atol=1e-6)


def test_every_family_is_among_them() -> None:
    asked = {item.family if isinstance(item.family, str) else item.family.name for item in MODELS.values()}
    assert asked - {"auto"} | {"gaussian", "bernoulli"} == set(FAMILIES)
