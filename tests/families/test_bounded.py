"""Numbers within limits: known answers, the far tails, limits as numbers and as columns, what plans may say of them."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import pytest
from modelling import conditional, graph_data, only, workspace
from scipy import integrate, stats

import bayesimpute as bi
from bayesimpute.designs.completed import fill, fill_within
from bayesimpute.designs.graph import build
from bayesimpute.families import AtRows, Bounded, Context, Donors, Gaussian
from bayesimpute.families.log_space import ARRAYS
from bayesimpute.families.normal_between import log_between, moments
from bayesimpute.plan.options import Run
from bayesimpute.samplers.prior import prior_draw

truncnorm: Any = stats.truncnorm
ABOVE = Bounded(limits=(0.0, np.inf))


def cut(n: int = 4000) -> np.ndarray:
    """Standard normals above 0: mean .798, standard deviation .603."""
    return np.abs(np.random.default_rng(5).standard_normal(n))


def refitted(likelihood: Callable[[dict[str, Any]], np.ndarray], family: Bounded) -> tuple[float, float]:
    """Mean and standard deviation of what is imputed, with the parameters' posterior on a grid under flat priors."""
    mu, log_sigma = (v.ravel() for v in np.meshgrid(np.linspace(-1.2, 1.2, 61), np.linspace(-0.8, 0.4, 61)))
    total = np.array([likelihood({"mu": m, "sigma": np.exp(s)}).sum() for m, s in zip(mu, log_sigma, strict=True)])
    rng, weight = np.random.default_rng(1), np.exp(total - total.max())
    at = rng.choice(weight.size, 20_000, p=weight / weight.sum())
    cells = family.impute(rng, {"mu": mu[at], "sigma": np.exp(log_sigma[at])})
    return float(cells.mean()), float(cells.std())


def test_a_normal_cut_at_zero_is_imputed_as_it_was() -> None:
    """Known: .798 and .603; a latent normal, whose likelihood ignores the cut, gives .906 and .512."""
    y = cut()
    error = 4 * 0.603 * np.sqrt(1 / len(y) + 1 / 20_000)
    mean, sd = refitted(lambda theta: ABOVE.logp(y, theta), ABOVE)
    assert abs(mean - 0.798) < error and abs(sd - 0.603) < error
    mean, sd = refitted(lambda theta: Gaussian().logp(y, theta), ABOVE)
    assert abs(mean - 0.906) < error and abs(sd - 0.512) < error


@pytest.mark.parametrize("ends", [(-1.0, 2.0), (5.0, 6.0), (-31.0, -30.0), (30.0, 1e10), (2.0, 2.00002), (-9.0, 9.0)])
def test_probabilities_and_moments_between_limits(ends: tuple[float, float]) -> None:
    a, b = (np.array(end) for end in ends)
    near = max(ends[0], min(0.0, ends[1]))
    lower, upper = max(ends[0], near - 12), min(ends[1], near + 12)

    def density(z: float, power: int = 0, about: float = 0.0) -> float:
        return (z - about) ** power * np.exp(-0.5 * (z - near) * (z + near))

    def whole(*args: float) -> float:
        return integrate.quad(density, lower, upper, args=args, epsabs=1e-13, epsrel=1e-11, points=(near,), limit=200)[
            0
        ]

    mean = whole(1, near) / whole() + near
    exact = np.log(whole()) - 0.5 * near**2 - 0.5 * np.log(2 * np.pi)
    assert float(log_between(ARRAYS, a, b)) == pytest.approx(exact, rel=1e-11, abs=1e-10)
    found = [float(v) for v in moments(a, b)]
    assert found == [pytest.approx(mean, rel=1e-7), pytest.approx(whole(2, mean) / whole(), rel=1e-5)]


def test_open_limits_are_a_normal() -> None:
    y, theta = np.linspace(-3, 3, 7), {"mu": np.full(7, 0.4), "sigma": np.array(1.3)}
    for family in (Bounded(limits=(-np.inf, np.inf)), Bounded(limits=(-np.inf, np.inf), at_limits="censored")):
        np.testing.assert_allclose(family.logp(y, theta), Gaussian().logp(y, theta), rtol=1e-13)


def test_limits_of_each_row_are_those_of_its_columns() -> None:
    family, side = Bounded(limits=(0.0, "most")), {"high": np.array([1.0, 2.0, np.inf])}
    theta = {"mu": np.zeros(3), "sigma": np.array(1.0)}
    found = family.logp(np.array([0.5, 2.5, 2.5]), theta, side)
    exact = [truncnorm(0, 1).logpdf(0.5), -np.inf, truncnorm(0, np.inf).logpdf(2.5)]
    np.testing.assert_allclose(found, exact, rtol=1e-12)

    def look(rows: np.ndarray) -> AtRows:
        return AtRows(y=np.full(len(rows), np.nan), side=side)

    context = Context(rows=np.arange(3), look=look, fitted=lambda: Donors(y=np.zeros(0), theta={}))
    drawn = np.array([family.impute(np.random.default_rng(s), theta, context) for s in range(200)])
    assert (drawn >= 0).all() and (drawn[:, 0] <= 1).all() and (drawn[:, 2] > 2).any()


def test_a_family_on_another_scale_is_the_same_law() -> None:
    y, theta = np.array([0.0, 3.0, 7.0]), {"mu": np.full(3, 5.0), "sigma": np.array(4.0)}
    family = Bounded(limits=(0.0, 7.0))
    scaled = family.on_scale(2.0, 3.0).logp((y - 2) / 3, {"mu": (theta["mu"] - 2) / 3, "sigma": theta["sigma"] / 3})
    np.testing.assert_allclose(scaled - np.log(3.0), family.logp(y, theta), rtol=1e-12)
    assert replace(family, limits=(0.0, 9.0)) != family


def scores(n: int = 200) -> pd.DataFrame:
    """Many at the top, which is another one in half of the clusters, and some at the bottom."""
    rng, g = np.random.default_rng(6), np.arange(n) % 10
    x = rng.normal(size=n)
    most = np.where(g % 2 == 0, 80.0, 100.0)
    latent = 60 + 15 * x + rng.normal(0, 8, 10)[g] + rng.normal(0, 20, n)
    made = pd.DataFrame({"g": g, "x": x, "most": most, "y": np.clip(latent, 0, most)})
    return made.assign(y=made["y"].where(np.arange(n) % 5 != 3), gappy=made["most"].where(g > 0))


LIMITS = {
    "numbers": Bounded(limits=(0, 100)),
    "a column": Bounded(limits=(0, "most")),
    "censored": Bounded(limits=(0, "most"), at_limits="censored"),
    "open": Bounded(limits=(-np.inf, "most"), at_limits="censored"),
}


@pytest.mark.parametrize("name", LIMITS)
def test_the_graph_has_the_limits_on_the_samplers_scale(name: str) -> None:
    """Values at a limit are at it there, too: the sums of the log densities are those of the user's units."""
    family = LIMITS[name]
    space = workspace(scores(), conditional("y ~ x + (1 | g)", family=family))
    target, design = only(space)
    columns = {each: column.values for each, column in space.incomplete.columns.items()}
    data = graph_data(space) | space.placements["y"].side(columns)
    draw = prior_draw(design, np.random.default_rng(2))
    scaled, y_s = design.theta(draw, data)
    theta = {
        "mu": design.centre + design.scale * scaled["mu"],
        "sigma": design.scale * np.broadcast_to(scaled["sigma"], y_s.shape),
    }
    y = columns["y"][target.observed]
    low, high = (np.broadcast_to(end, y.shape) for end in family.ends(design.reading(data)))
    at = (family.at_limits == "censored") & ((y == low) | (y == high))
    exact = family.logp(y, theta, design.reading(data)) + np.where(at, 0.0, np.log(design.scale))
    found = design.logp(draw, data)
    np.testing.assert_allclose(found, exact, rtol=1e-7, atol=1e-7)
    assert np.isfinite(found).all() and at.any() == (family.at_limits == "censored")
    model = build(design, data)
    start = model.initial_point()
    assert np.isfinite(model.compile_logp(vars=model.observed_RVs, mode="FAST_COMPILE")(start))


@pytest.mark.parametrize(
    ("options", "path", "told"),
    [
        ("limits = [10, 0]", "conditional[y].limits", "is not below"),
        ("limits = [0]", "conditional[y].limits", "not two limits"),
        ("limits = 3", "conditional[y].limits", "not two limits"),
        ("limits = [0, true]", "conditional[y].limits", "not two limits"),
        ("limits = [5, 100]", "conditional[y].limits", "above the target"),
        ("limits = [0, 90]", "conditional[y].limits", "below the target"),
        ('limits = [0, "x"]', "conditional[y].side.high", "below the target"),
        ('limits = ["most", "g"]', "conditional[y].side.low", "not below the upper"),
        ('limits = [0, "mots"]', "conditional[y].side.high", "mots"),
        ('limits = [0, "most"]\nside.high = "x"', "conditional[y].side.high", "name one of them"),
        ('limits = [0, "gappy"]', "conditional[y].side.high", "has missing values"),
        ('at_limits = "cut"', "conditional[y].at_limits", "truncated, censored"),
    ],
)
def test_what_cannot_be_a_limit_is_a_problem(options: str, path: str, told: str) -> None:
    text = f'[[conditional]]\nformula = "y ~ x"\nfamily = "bounded"\n{options}\n'
    found = [p for p in bi.check(bi.Plan.from_toml(text), scores()) if p.severity.value == "error"]
    assert any(p.path == path and told in f"{p.finding} {p.remedy}" for p in found), found


def test_plans_are_written_and_read() -> None:
    text = '[[conditional]]\nformula = "y ~ x"\nfamily = "bounded"\nlimits = [-inf, "most"]\nat_limits = "censored"\n'
    plan = bi.Plan.from_toml(text)
    (item,) = plan.conditionals
    assert item.family == LIMITS["open"] and dict(item.side) == {"high": "most"}
    assert bi.check(plan, scores()) == [] and bi.Plan.from_toml(plan.to_toml()) == plan


def test_chains_start_within_the_limits() -> None:
    space = workspace(scores(), conditional("y ~ x + (1 | g)", family=LIMITS["a column"]))
    (target,) = space.resolved.targets
    for seed in range(5):
        cells = fill(space.incomplete, space.resolved, np.random.default_rng(seed), spread=2.0)["y"]
        assert ((cells >= 0) & (cells <= scores()["most"].to_numpy()[target.missing_rows])).all()


def test_models_are_described_within_the_limits_of_each_row() -> None:
    """Else a predictor such as log(1 + days(discharge - admission)) is nothing there."""
    frame = scores().assign(most=lambda f: f["y"].fillna(0) + 5 + np.arange(len(f)) % 40)
    space = workspace(frame, conditional("y ~ x + (1 | g)", family=LIMITS["a column"]))
    (target,) = space.resolved.targets
    cells = fill_within(space.incomplete, space.resolved, np.random.default_rng(1))["y"]
    assert (cells <= frame["most"].to_numpy()[target.missing_rows]).all()


@pytest.mark.parametrize(("scale", "fine"), [("value", False), ("ratio", False), ("predictor", True)])
def test_only_shifts_of_the_predictor_leave_it_within_limits(scale: str, fine: bool) -> None:
    item = bi.Conditional.of("y ~ x", family=LIMITS["numbers"])
    plan = bi.Plan.of([item], adjustments=(bi.Adjustment(target="y", shift=2.0, scale=scale),))
    assert (bi.check(plan, scores()) == []) == fine


def imputed(item: bi.Conditional, frame: pd.DataFrame) -> np.ndarray:
    """The cells of some imputations, (imputation, cell)."""
    plan = bi.Plan.of([item], run=Run(m=20, chains=2, warmup=150, sweeps=40))
    made = bi.impute(frame, plan, seed=2, progress=False)
    return np.array([each["y"].to_numpy()[frame["y"].isna()] for each in made])


@pytest.mark.slow
def test_runs_recover_a_cut_normal_and_shares_at_a_limit() -> None:
    frame = pd.DataFrame({"y": np.where(np.arange(1500) % 3 == 0, np.nan, cut(1500))})
    cells, seen = imputed(bi.Conditional.of("y ~ 1", family=ABOVE), frame), frame["y"].dropna()
    error = 4 * 0.603 * np.sqrt(1 / len(seen) + 1 / cells.shape[1])
    assert abs(cells.mean() - 0.798) < error and abs(cells.std() - 0.603) < error
    frame = scores(600)
    cells = imputed(bi.Conditional.of("y ~ x + (1 | g)", family=LIMITS["censored"]), frame)
    gaps, top = frame["y"].isna().to_numpy(), frame["most"].to_numpy()
    share = (frame["y"] == frame["most"])[~gaps].mean()
    error = 4 * np.sqrt(share * (1 - share) * (1 / (~gaps).sum() + 1 / gaps.sum()))
    assert abs((cells == top[gaps]).mean() - share) < error
    assert (cells >= 0).all() and (cells <= top[gaps]).all()
