"""Slice sampling: against the closed form where there is one, and against integration on a grid where there is none.

Draws from few values, and slices of whole numbers and of intervals, by themselves.
"""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from laws import Noise, Setting, forced, normal_logp, setting, table
from scipy import stats
from test_exact_draws import cluster_means, random_slopes

from bayesimpute import Conditional
from bayesimpute.compatible.affected import Affected
from bayesimpute.compatible.affine_factors import AffineFactors
from bayesimpute.compatible.cell_by_cell import draw_enumerated, draw_slice
from bayesimpute.compatible.normal_draws import derivatives
from bayesimpute.families import Support

LEVEL = 1e-3
"""Of each test, whose seed is fixed."""


def moved(s: Setting, name: str, cells: np.ndarray) -> None:
    target = s.how(name).target
    s.completed.set(target, cells)


def walk(s: Setting, name: str, rng: np.random.Generator, visits: int, thin: int) -> np.ndarray:
    """Cells after every `thin` visits of slice sampling, shape (visit, cell)."""
    how, kept = forced(s.how(name), "slice"), []
    for k in range(visits * thin):
        cells = s.draw(rng, name, how)
        moved(s, name, cells)
        if (k + 1) % thin == 0:
            kept.append(cells)
    return np.array(kept)


@pytest.mark.parametrize("case", [random_slopes, cluster_means])
def test_the_slice_draw_agrees_with_the_normal_draw(case) -> None:
    """Whitened by the closed form, cells of a long walk from far away are independent standard normals."""
    s, name, _ = case()
    size = len(s.completed.cells(s.how(name).target))
    mode = s.draw(Noise(0.0), name)
    root = np.array([s.draw(Noise(e), name) - mode for e in np.eye(size)]).T
    rng = np.random.default_rng(2)
    moved(s, name, mode + 20 * root.sum(axis=1))
    walk(s, name, rng, visits=1, thin=40)
    z = np.linalg.solve(root, (walk(s, name, rng, visits=60, thin=4) - mode).T)
    assert stats.kstest(z.ravel(), "norm").pvalue > LEVEL
    assert abs(np.mean(z**2) - 1) < 4 * np.sqrt(2 / z.size)


def on_a_grid(logp: Callable[[np.ndarray], np.ndarray], centre: np.ndarray, width: np.ndarray) -> Callable:
    """The distribution function of each cell, by the trapezium rule on 20,001 points."""
    steps = np.linspace(-1, 1, 20_001)
    x = centre[:, None] + width[:, None] * steps
    density = np.array([logp(column) for column in x.T]).T
    density = np.exp(density - density.max(axis=1, keepdims=True))
    cdf = np.cumsum(density, axis=1)
    cdf /= cdf[:, -1:]
    return lambda values: np.array([np.interp(v, grid, row) for v, grid, row in zip(values, x, cdf, strict=True)])


def quadratic(outcome: str) -> tuple[Setting, Callable[[np.ndarray], np.ndarray]]:
    """An outcome that is a square (normal: two modes) or has a logit; and the log-density of each cell, up to a
    constant."""
    formula = {"gaussian": "y ~ x + I(x**2) + (1 | g)", "bernoulli": "s ~ x + I(x**2) + (1 | g)"}[outcome]
    s = setting([Conditional.of(formula, family=outcome)], "x ~ z + (1 | g)")
    plain = {"mu": np.array([-0.3, 0.4, 0.6]), **({"sigma": np.array(0.7)} if outcome == "gaussian" else {})}
    own = {"sigma": np.array(0.8), "block0": 0.2 * s.draws["x"]["block0"]}
    # plain values, because draws from the prior are too sure: two modes would lie many standard deviations apart
    s = replace(s, draws={formula[0]: {**s.draws[formula[0]], **plain}, "x": {**s.draws["x"], **own}})
    y, rows = formula[0], s.how("x").target.missing_rows
    mean_x = s.value("x", "Intercept") + s.value("x", "z") * s.column("z") + s.effect("x", "1|g")

    def logp(x: np.ndarray) -> np.ndarray:
        mean = s.value(y, "Intercept") + s.value(y, "x") * x + s.value(y, "I(x ** 2)") * x**2
        mean = mean + s.effect(y, "1|g")[rows]
        value = s.column(y)[rows]
        if outcome == "gaussian":
            factor = normal_logp(value, mean, s.value(y, "sigma"))
        else:
            factor = value * mean - np.logaddexp(0, mean)
        own = normal_logp(x, mean_x[rows], s.value("x", "sigma"))
        return own + np.where(s.seen(y)[rows], factor, 0.0)

    return s, logp


@pytest.mark.slow
@pytest.mark.parametrize("outcome", ["gaussian", pytest.param("bernoulli", marks=pytest.mark.slow)])
def test_squares_and_logits_follow_their_law(outcome: str) -> None:
    s, logp = quadratic(outcome)
    assert s.how("x").kind == "slice"
    theta = s.space.placements["x"].missing(s.draws["x"], s.space.designs["x"].matrices(s.completed.columns))
    cdf = on_a_grid(logp, theta["mu"], 40 * np.broadcast_to(theta["sigma"], theta["mu"].shape))
    rng = np.random.default_rng(3)
    walk(s, "x", rng, visits=1, thin=40)
    kept = walk(s, "x", rng, visits=100, thin=6)
    u = np.array([cdf(values) for values in kept])
    assert stats.kstest(u.ravel(), "uniform").pvalue > LEVEL
    assert abs(np.mean(np.abs(2 * u - 1)) - 0.5) < 4 / np.sqrt(12 * u.size)


def test_a_value_where_the_density_is_zero_is_left_and_never_returned_to() -> None:
    s = setting(["y ~ log(x) + (1 | g)"], "x ~ 1")
    target = s.how("x").target
    seen = s.seen("y")[target.missing_rows]
    moved(s, "x", np.full(len(seen), 0.5) * s.space.designs["x"].scale)
    rng = np.random.default_rng(4)
    for _ in range(20):
        cells = s.draw(rng, "x")
        moved(s, "x", np.where(seen, cells, np.abs(cells)))
        assert (cells[seen] > 0).all()


def test_a_selection_model_is_a_factor_in_both_equations() -> None:
    """Of values that were observed, of those that were not selected, and of a cluster that selected nobody."""
    frame = table()
    frame.loc[frame["g"] == 4, "y"] = np.nan
    model = Conditional(
        target="y",
        family="heckman_gaussian",
        formulas={"mu": "y ~ x + (1 | g)", "selection": "x + z + (1 | g)"},
    )
    s = setting([model], "x ~ z + (1 | g)", frame=frame)
    assert s.how("x").kind == "slice"
    matrices = {n: d.matrices(s.completed.columns) for n, d in s.space.designs.items()}
    scenario = s.how("x").scenario(s.draws, s.completed, matrices)
    target = s.how("x").target
    rows, rng = target.missing_rows, np.random.default_rng(6)
    seen, apart = s.seen("y")[rows], (s.column("g") == 4)[rows]
    assert seen.any() and apart.any() and (~seen & ~apart).any()

    def by_hand(cells: np.ndarray) -> np.ndarray:
        value = {n: s.value("y", n) for n in s.space.designs["y"].names}
        mean = value["Intercept"] + value["x"] * cells + s.effect("y", "1|g")[rows]
        z = value["selection_Intercept"] + value["selection_x"] * cells + value["selection_z"] * s.column("z")[rows]
        z = z + s.effect("y", "selection_1|g")[rows]
        e, rho = (s.column("y")[rows] - mean) / value["sigma"], value["rho"]
        chosen = stats.norm.logpdf(e) - np.log(value["sigma"]) + stats.norm.logcdf((z + rho * e) / np.sqrt(1 - rho**2))
        return np.where(apart, 0.0, np.where(seen, chosen, stats.norm.logcdf(-z)))

    centre = s.completed.cells(target)
    for _ in range(5):
        cells = centre + s.space.designs["x"].scale * rng.normal(size=len(centre))
        np.testing.assert_allclose(scenario.logp(cells)[s.how("x").affected.block_of_cell], by_hand(cells), rtol=1e-9)


def apart(cells: int) -> Affected:
    """Cells that no other cell's rows feel."""
    each = np.arange(cells)
    return Affected(rows=each, cell=each, block=each, block_of_cell=each, passes=(each,), derived=())


def chi_square(found: np.ndarray, support: np.ndarray, logp: Callable[[np.ndarray], np.ndarray]) -> float:
    """The p-value of counts of whole numbers against their law on a support that holds all but nothing of it."""
    expected = len(found) * np.exp(logp(support)) / np.exp(logp(support)).sum()
    counts = np.array([np.sum(found == value) for value in support])
    many = expected > 5
    grouped = [np.append(x[many], x[~many].sum() + 1e-9) for x in (counts, expected)]
    return float(stats.chisquare(*[x / x.sum() * len(found) for x in grouped]).pvalue)


def nothing(cells: np.ndarray, _: int) -> np.ndarray:
    return np.zeros(len(cells))


def test_few_values_are_drawn_with_the_product_of_both_densities() -> None:
    points, own, other = np.arange(4.0), np.log([0.1, 0.2, 0.3, 0.4]), np.array([0.5, -np.inf, 0.0, -1.0])
    cells = draw_enumerated(
        np.random.default_rng(1),
        apart(20_000),
        np.zeros(20_000),
        lambda x: own[x.astype(int)],
        lambda x: other[x.astype(int)],
        points,
    )
    assert chi_square(cells, points, lambda x: (own + other)[x.astype(int)]) > LEVEL
    assert not np.any(cells == 1)


@pytest.mark.parametrize(
    ("support", "law"),
    [
        (Support(low=0, whole=True), stats.poisson(3.0)),
        (Support(low=0, high=6, whole=True), stats.binom(6, 0.4)),
    ],
    ids=["poisson", "binomial"],
)
def test_slices_of_whole_numbers_follow_their_law(support: Support, law: Any) -> None:
    rng, cells = np.random.default_rng(2), np.full(3000, 5.0)
    for _ in range(30):
        cells = draw_slice(rng, apart(3000), cells, law.logpmf, nothing, np.full(3000, 12.0), support)
        assert support.contains(cells).all()
    assert chi_square(cells, np.arange(25.0), law.logpmf) > LEVEL


@pytest.mark.parametrize(
    ("support", "law"),
    [(Support(low=0), stats.expon()), (Support(low=0, high=1), stats.beta(0.7, 2))],
    ids=["exponential", "beta"],
)
def test_slices_of_an_interval_stay_in_it(support: Support, law: Any) -> None:
    def density(values: np.ndarray) -> np.ndarray:
        assert ((values >= support.low) & (values <= support.high)).all()
        return law.logpdf(values)

    rng, cells = np.random.default_rng(3), np.full(3000, 0.9)
    for _ in range(30):
        cells = draw_slice(rng, apart(3000), cells, density, nothing, np.full(3000, 4.0), support)
    assert stats.kstest(cells, law.cdf).pvalue > LEVEL


def test_what_a_variable_never_is_is_not_asked_of_other_models() -> None:
    affected = apart(400)

    def own(cells: np.ndarray) -> np.ndarray:
        return np.where(cells == 1, -np.inf, np.log(0.5))

    def others(cells: np.ndarray) -> np.ndarray:
        assert (cells != 1).all()
        return np.log(np.where(cells == 0, 0.2, 0.8))

    drawn = draw_enumerated(np.random.default_rng(3), affected, np.zeros(400), own, others, np.arange(3.0))
    assert set(drawn) == {0.0, 2.0}
    assert abs(np.mean(drawn == 2) - 0.8) < 4 * np.sqrt(0.16 / 400)


def selection() -> tuple[Setting, str, None]:
    """A variable of cluster means, in both equations of a selection model and in its standard deviation."""
    formulas = {
        "mu": "y ~ x * z + cluster_mean(x, g) + (1 + x | g)",
        "selection": "x + z + (1 + x | g)",
    }
    model = Conditional(target="y", family="heckman_gaussian", formulas={**formulas, "sigma": "x"})
    return setting([model], Conditional.of("s ~ x + (x | g)", family="bernoulli"), "x ~ z + (1 | g)"), "x", None


@pytest.mark.parametrize("case", [random_slopes, cluster_means, selection])
def test_predictors_that_are_affine_give_the_density_without_matrices(case) -> None:
    """While cells move pass after pass, each trial value as by new matrices."""
    s, name, _ = case()
    how, rng = s.how(name), np.random.default_rng(7)
    assert how.affine
    matrices = {n: d.matrices(s.completed.columns) for n, d in s.space.designs.items()}
    scenario, cells = how.scenario(s.draws, s.completed, matrices), s.completed.cells(how.target)
    unit = s.space.designs[name].scale
    cells = cells + unit * rng.normal(size=len(cells))  # they have been moved since the matrices were made
    quick = AffineFactors(scenario, derivatives(scenario, s.completed.cells(how.target), unit), cells)
    for k, moving in 2 * list(enumerate(how.affected.passes)):
        for _ in range(2):
            cells[moving] += unit * rng.normal(size=len(moving))
            np.testing.assert_allclose(quick.logp(cells, k), scenario.logp(cells), rtol=1e-8, atol=1e-8)
