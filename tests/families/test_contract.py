"""What every family of the registry owes the samplers and the loop: densities, draws, moments and information agree.

Each check runs over ``FAMILIES`` and, for options that are a ``Literal``, over each of their values. Quadrature is held
to its own error, draws to four Monte Carlo errors.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import MISSING, dataclass, fields, replace
from functools import partial, reduce
from itertools import product
from operator import add
from typing import Any, Literal, get_args, get_origin, get_type_hints

import numpy as np
import pandas as pd
import pytest
from scipy import integrate, stats
from scipy.special import expit, log_expit, log_ndtr, logit, logsumexp, ndtr, owens_t

from bayesimpute.data.columns import Column, encode
from bayesimpute.families import (
    FAMILIES,
    Bernoulli,
    Binomial,
    Bounded,
    Categorical,
    Family,
    Gaussian,
    Ordinal,
    Rows,
    Skewed,
    StudentT,
    Support,
)
from bayesimpute.families.context import Theta
from bayesimpute.families.links import LINKS

pytestmark = pytest.mark.long(10)

DRAWS = 40_000
ERRORS = 4.0
"""Monte Carlo errors that a check allows: a false alarm in 16,000 comparisons; the seed is fixed."""
SINGLE = float(np.finfo(np.float32).eps)
"""PyMC's log Phi(z) takes the root of two in single precision: log Phi is wrong by up to z^2 SINGLE / 2 of it."""

SCIPY: Mapping[str, Callable[[np.ndarray, Theta], np.ndarray]] = {
    "gaussian": lambda y, t: stats.norm(t["mu"], t["sigma"]).logpdf(y),
    "student_t": lambda y, t: stats.t(t["nu"], t["mu"], t["sigma"]).logpdf(y),
    "bernoulli": lambda y, t: stats.bernoulli(t["mu"]).logpmf(y),
    "ordinal logit": lambda y, t: between(expit, y, t),
    "ordinal probit": lambda y, t: between(ndtr, y, t),
    "categorical": lambda y, t: (t["mu"] - logsumexp(t["mu"], axis=1, keepdims=True))[np.arange(len(y)), y.astype(int)],
    "poisson": lambda y, t: stats.poisson(t["mu"]).logpmf(y),
    "negative_binomial": lambda y, t: overdispersed(t).logpmf(y),
    "zero_inflated_poisson": lambda y, t: inflated(stats.poisson(t["mu"]), y, t),
    "zero_inflated_negative_binomial": lambda y, t: inflated(overdispersed(t), y, t),
    "hurdle_poisson": lambda y, t: beyond_hurdle(stats.poisson(t["mu"]), y, t),
    "hurdle_negative_binomial": lambda y, t: beyond_hurdle(overdispersed(t), y, t),
    "lognormal": lambda y, t: stats.lognorm(t["sigma"], 0, np.exp(t["mu"])).logpdf(y),
    "sqrtnormal": lambda y, t: (
        stats.truncnorm(-t["mu"] / t["sigma"], np.inf, t["mu"], t["sigma"]).logpdf(np.sqrt(y)) - np.log(2 * np.sqrt(y))
    ),
    "logitnormal": lambda y, t: stats.norm(t["mu"], t["sigma"]).logpdf(logit(y)) - np.log(y * (1 - y)),
    "gamma": lambda y, t: stats.gamma(t["alpha"], 0, t["mu"] / t["alpha"]).logpdf(y),
    "beta": lambda y, t: stats.beta(t["mu"] * t["kappa"], (1 - t["mu"]) * t["kappa"]).logpdf(y),
    **dict.fromkeys(
        ("zero_inflated_beta", "one_inflated_beta", "zero_one_inflated_beta"), lambda y, t: inflated_share(y, t)
    ),
    "bounded truncated": lambda y, t: stats.truncnorm(
        *((end - t["mu"]) / t["sigma"] for end in LIMITS), t["mu"], t["sigma"]
    ).logpdf(y),
    "bounded censored": lambda y, t: np.select(
        [y == LIMITS[0], y == LIMITS[1]],
        [stats.norm(t["mu"], t["sigma"]).logcdf(LIMITS[0]), stats.norm(t["mu"], t["sigma"]).logsf(LIMITS[1])],
        stats.norm(t["mu"], t["sigma"]).logpdf(y),
    ),
    "skewed": lambda y, t: powered((y - 0.5) / 0.4, t) - np.log(0.4),  # mean and deviation of the column
    "semicontinuous": lambda y, t: or_none(SCIPY["gamma" if "alpha" in t else "lognormal"], y, t),
    "binomial": lambda y, t: stats.binom(TRIALS, t["mu"]).logpmf(y),
    "heckman_gaussian": lambda y, t: np.where(
        np.isnan(y),
        stats.norm.logcdf(-t["selection"]),
        stats.norm(t["mu"], t["sigma"]).logpdf(y)
        + stats.norm.logcdf(
            t["selection"] + t["rho"] * (y - t["mu"]) / t["sigma"], 0, np.sqrt(1 - np.asarray(t["rho"]) ** 2)
        ),
    ),
    "heckman_student_t": lambda y, t: np.where(
        np.isnan(y),
        stats.norm.logcdf(-t["selection"]),
        stats.t(t["nu"], t["mu"], t["sigma"]).logpdf(y) + given_t(y, t),
    ),
    "heckman_probit": lambda y, t: np.where(
        np.isnan(y),
        stats.norm.logcdf(-t["selection"]),
        np.log(
            rectangle(
                np.where(y == 1, 1, -1) * stats.norm.ppf(t["mu"]), t["selection"], np.where(y == 1, 1, -1) * t["rho"]
            )
        ),
    ),
    "heckman_ordinal": lambda y, t: np.where(np.isnan(y), stats.norm.logcdf(-t["selection"]), log_strip(y, t)),
    "heckman_poisson": lambda y, t: np.where(
        np.isnan(y), stats.norm.logcdf(-t["selection"]), count_strip(stats.poisson(t["mu"]), y, t)
    ),
    "heckman_negative_binomial": lambda y, t: np.where(
        np.isnan(y), stats.norm.logcdf(-t["selection"]), count_strip(overdispersed(t), y, t)
    ),
}
"""Independent densities of the families that have one in SciPy, by name, or by name and link.

NaN is a unit that was not selected."""


def independent(family: Family) -> Callable[[np.ndarray, Theta], np.ndarray] | None:
    option = getattr(family, "link", getattr(family, "at_limits", ""))
    return SCIPY.get(family.name) or SCIPY.get(f"{family.name} {option}")


def between(cdf: Callable[[np.ndarray], np.ndarray], y: np.ndarray, t: Theta) -> np.ndarray:
    """Log probabilities of places between cutpoints."""
    below = cdf(np.atleast_2d(t["cutpoints"]) - np.asarray(t["mu"])[:, None])
    return np.log(np.diff(below, axis=1, prepend=0.0, append=1.0)[np.arange(len(y)), y.astype(int)])


TRIALS = 12
"""Of binomial counts."""


LIMITS = (-2.0, 3.0)
"""Of bounded numbers."""


def overdispersed(t: Theta) -> Any:
    """A negative binomial by its mean and shape."""
    return stats.nbinom(t["alpha"], t["alpha"] / (t["alpha"] + t["mu"]))


def inflated(law: Any, y: np.ndarray, t: Theta) -> np.ndarray:
    """A count that is zero with some probability anyway."""
    return np.log(t["zero"] * (y == 0) + (1 - t["zero"]) * law.pmf(y))


def beyond_hurdle(law: Any, y: np.ndarray, t: Theta) -> np.ndarray:
    """A count that is zero with some probability, and else not."""
    return np.where(y == 0, np.log(t["zero"]), np.log(1 - t["zero"]) + law.logpmf(y) - np.log(law.sf(0)))


def powered(x: np.ndarray, t: Theta) -> np.ndarray:
    """A standardised number whose Yeo-Johnson power is normal."""
    power = 1 - float(np.asarray(t["skew"]).ravel()[0])
    steep = (power - 1) * np.sign(x) * np.log1p(np.abs(x))
    return stats.norm(t["mu"], t["sigma"]).logpdf(stats.yeojohnson(x, power)) + steep


def or_none(law: Callable[[np.ndarray, Theta], np.ndarray], y: np.ndarray, t: Theta) -> np.ndarray:
    """An amount that is zero with some probability."""
    return np.where(y == 0, np.log(t["zero"]), np.log(1 - t["zero"]) + law(np.where(y == 0, 1.0, y), t))


def inflated_share(y: np.ndarray, t: Theta) -> np.ndarray:
    """A proportion that is zero with some probability, and else one with some."""
    zero, one = t.get("zero", 0.0), t.get("one", 0.0)
    share = np.log((1 - zero) * (1 - one)) + SCIPY["beta"](np.where(np.isin(y, (0, 1)), 0.5, y), t)
    with np.errstate(divide="ignore"):
        return np.select([y == 0, y == 1], [np.log(zero + 0.0 * y), np.log((1 - zero) * one + 0.0 * y)], share)


def rectangle(h: np.ndarray, k: np.ndarray, rho: np.ndarray) -> np.ndarray:
    """P(X < h, Y < k) of standard normals with correlation rho, by Owen's T (Owen 1956), shape (row,)."""
    h, k, rho = np.broadcast_arrays(*(np.asarray(v, dtype=float) for v in (h, k, rho)))
    root = np.sqrt(1 - rho**2)
    corner = np.where((h * k < 0) | ((h * k == 0) & (h + k < 0)), 0.5, 0.0)
    plain = 0.5 * (stats.norm.cdf(h) + stats.norm.cdf(k)) - corner
    return plain - owens_t(h, (k / h - rho) / root) - owens_t(k, (h / k - rho) / root)


def log_strip(y: np.ndarray, t: Theta, side: int = 1) -> np.ndarray:
    """Log P(a label's latent variable, selected), or not with the side -1, by rectangles below each cutpoint."""
    s = np.broadcast_to(side * np.asarray(t["selection"]), y.shape)
    bounds = np.broadcast_to(t["cutpoints"], (len(y), np.shape(t["cutpoints"])[-1])) - np.asarray(t["mu"])[:, None]
    below = [np.zeros(len(y)), *(rectangle(b + 1e-13, s, -side * t["rho"]) for b in bounds.T), stats.norm.cdf(s)]
    shares = np.diff(np.array(below), axis=0)[np.nan_to_num(y).astype(int), np.arange(len(y))]
    return np.log(np.maximum(shares, 1e-300))


def given_t(y: np.ndarray, t: Theta, side: int = 1) -> np.ndarray:
    """Log P(selected | y), or not, where y is t and its normal score goes with selection's error."""
    x = (y - t["mu"]) / t["sigma"]
    score = np.sign(x) * stats.norm.isf(stats.t(t["nu"]).sf(np.abs(x)))
    return stats.norm.logcdf(side * (t["selection"] + t["rho"] * score) / np.sqrt(1 - np.asarray(t["rho"]) ** 2))


def count_strip(law: Any, y: np.ndarray, t: Theta, side: int = 1) -> np.ndarray:
    """The same of a count: its latent variable lies between the normal scores of its probabilities."""
    k, s = np.nan_to_num(y), np.broadcast_to(side * np.asarray(t["selection"]), y.shape)
    ends = (np.clip(stats.norm.ppf(law.cdf(each)), -37, 8) + 1e-13 for each in (k, k - 1))
    up_to, below = (rectangle(end, s, -side * t["rho"]) for end in ends)
    return np.log(np.maximum(up_to - below, 1e-300))


def normal(z: np.ndarray) -> np.ndarray:
    """Log phi: stats.norm is slow in an integrand."""
    return -0.5 * z**2 - 0.5 * np.log(2 * np.pi)


OUT: Mapping[str, Callable[[np.ndarray, Theta], np.ndarray]] = {
    "heckman_gaussian": lambda y, t: (
        normal((y - t["mu"]) / t["sigma"])
        - np.log(t["sigma"])
        + log_ndtr(-(t["selection"] + t["rho"] * (y - t["mu"]) / t["sigma"]) / np.sqrt(1 - np.asarray(t["rho"]) ** 2))
        - log_ndtr(-t["selection"])
    ),
    "heckman_student_t": lambda y, t: (
        stats.t(t["nu"], t["mu"], t["sigma"]).logpdf(y) + given_t(y, t, -1) - stats.norm.logcdf(-t["selection"])
    ),
    "heckman_probit": lambda y, t: (
        np.log(
            rectangle(
                np.where(y == 1, 1, -1) * stats.norm.ppf(t["mu"]), -t["selection"], np.where(y == 1, -1, 1) * t["rho"]
            )
        )
        - stats.norm.logcdf(-t["selection"])
    ),
    "heckman_ordinal": lambda y, t: log_strip(y, t, -1) - stats.norm.logcdf(-t["selection"]),
    "heckman_poisson": lambda y, t: count_strip(stats.poisson(t["mu"]), y, t, -1) - stats.norm.logcdf(-t["selection"]),
    "heckman_negative_binomial": lambda y, t: (
        count_strip(overdispersed(t), y, t, -1) - stats.norm.logcdf(-t["selection"])
    ),
}
"""Of families that select, the law of what is imputed: of y given that the unit was not selected."""


def law(family: Family) -> Callable[[np.ndarray, Theta], np.ndarray]:
    """The log-density of what a family imputes."""
    return OUT[family.name] if family.selection else family.logp


def variants(cls: type[Family]) -> Iterator[Family]:
    """A family with every value of its Literal options, and the defaults of the others."""
    hints = get_type_hints(cls)
    options = [f for f in fields(cls) if get_origin(hints[f.name]) is Literal]
    assert all(f.default is not MISSING or f in options for f in fields(cls)), "options need a default"
    for values in product(*(get_args(hints[f.name]) for f in options)):
        yield cls(**{f.name: value for f, value in zip(options, values)})


COLUMNS = [encode(pd.Series(values), "v") for values in ([0.1, 0.9], [1.0, 2.0], ["a", "b"], ["a", "b", "c"])]
COLUMNS.append(encode(pd.Series(pd.Categorical(["a", "b", "c"], ordered=True)), "v"))
"""For each kind of values one that it accepts."""


def column_of(family: Family | type[Family]) -> Column:
    """The first that suits its values, or that it accepts."""
    mine = [column for column in COLUMNS if family.values.accepts(column)]
    return next((column for column in mine if family.values.suits(column)), mine[0])


def of_some(family: Family) -> Family:
    """Of one trial a binomial count is a yes or no; limits are both there, and not at a mean."""
    if isinstance(family, Bounded):
        return replace(family, limits=LIMITS)
    return replace(family, trials=TRIALS) if isinstance(family, Binomial) else family


MANY = encode(pd.Series(list("abcdefgh")), "v")
"""As many labels as have effects of one law."""
UNSEEN = encode(pd.Series(pd.Categorical(["a", "c", "c"], categories=["a", "b", "c", "d"], ordered=True)), "v")
"""Labels of which nobody has the second and the last."""
ALL = [of_some(family.bind(column_of(family))) for cls in FAMILIES.values() for family in variants(cls)]
ALL += [family.bind(MANY) for family in variants(Categorical)]
ALL += [f.bind(UNSEEN) for cls in (Ordinal, Categorical) for f in variants(cls) if f.labels_meant == "all"]
VALUES = {
    "identity": (-1.5, 0.0, 2.0),
    "log": (0.3, 1.0, 2.5),
    "logit": (0.05, 0.4, 0.93),
    "probit": (0.05, 0.4, 0.93),
    "fisher": (-0.9, 0.0, 0.6),
}
SUPPORTS = {"identity": "real", "log": "positive", "logit": "unit", "probit": "unit", "fisher": "signed unit"}
SHAPES = {
    ("lognormal", "sigma"): (0.1, 0.25),
    ("semicontinuous", "sigma"): (0.1, 0.25),
    ("skewed", "sigma"): (0.3, 0.8),
    ("sqrtnormal", "sigma"): (0.3, 0.8),
    ("logitnormal", "sigma"): (0.3, 0.8),
    ("gamma", "mu"): (0.3, 2.5),
    **{(name, "kappa"): (60.0, 200.0) for name in FAMILIES if name.endswith("beta")},
}
"""Positive numbers without a unit with which there are eight moments, and densities without poles."""
FAR = 40.0
"""Standard deviations beyond which no whole number has a probability that counts."""
each_family = pytest.mark.parametrize("family", ALL, ids=str)
each_law = pytest.mark.parametrize("family", [f for f in ALL if f.density], ids=str)
"""Those that draw from the density that they are fitted with: others draw from what was observed."""


def support_of(family: Family) -> Support:
    """Where its values lie, of the first column that it accepts."""
    if isinstance(family, Binomial):
        return Support(low=0, high=family.trials, whole=True)
    if isinstance(family, Bounded):
        return Support(low=family.ends()[0], high=family.ends()[1], closed=(True, True))
    if isinstance(family, Ordinal | Categorical):
        return Support.of(family.points)
    return family.values.of(column_of(family)).support


def ends_of(family: Family) -> tuple[float, float]:
    """Of its values."""
    support = support_of(family)
    return support.low, support.high


def thetas(family: Family) -> list[dict[str, Any]]:
    """Combinations of parameters on the response scale, vectors of those with labels.

    Shapes without a unit are large enough for eight moments.
    """
    grid = []
    for p in family.parameters:
        shape = p.unit == "none" and p.link == "log" and p.name != "mu"
        values = SHAPES.get((family.name, p.name), (9.0, 30.0)) if shape else VALUES[p.link]
        taken = values[::2] if family.selection else values
        grid.append([(p.name, v + np.arange(len(p.labels)) if p.labels else v) for v in taken])
    return [dict(values) for values in product(*grid)]


def rows(theta: Mapping[str, float], n: int) -> dict[str, np.ndarray]:
    """One set of parameters for n rows; only mu has a row axis, as without formulas for the others."""
    return {
        name: np.full((n, *np.shape(value)), value) if name == "mu" else np.asarray(value)
        for name, value in theta.items()
    }


def expect(family: Family, theta: Mapping[str, float], f: Callable[[np.ndarray], np.ndarray]) -> float:
    """E f(y) under exp(logp)."""

    def integrand(y: Any) -> np.ndarray:
        at = np.atleast_1d(np.asarray(y, dtype=float))
        return f(at) * np.exp(law(family)(at, rows(theta, len(at))))

    return over(family, theta, integrand)


def over(family: Family, theta: Mapping[str, float], f: Callable[[Any], np.ndarray]) -> float:
    """A sum over the whole numbers of the support, or quadrature, out to where nothing is left."""
    support = support_of(family)
    mean, variance = (float(v[0]) for v in family.moments(rows(theta, 1)))
    if support.points is not None:
        return float(f(support.points).sum())
    if support.whole:
        mean, variance = np.maximum([mean, variance], [v[0] for v in family.mar().moments(rows(theta, 1))])
        ends = np.clip(mean + FAR * np.sqrt(variance) * np.array([-1, 1]), support.low, support.high)
        return float(f(np.arange(np.floor(ends[0]), np.ceil(ends[1]) + 1)).sum())
    inner = np.sort([*(mean + np.sqrt(variance) * np.array([-6.0, *CUTS, 6.0])), *bends(family)])
    pieces = np.array([support.low, *inner[support.contains(inner)], support.high])
    if family.name == "sqrtnormal":  # whose density has a pole at 0: over the roots it has none
        return integral(lambda z: 2 * z * f(z**2), np.sqrt(pieces))
    return integral(f, pieces) + sum(float(f(atom)[0]) for atom in family.atoms())


CUTS = np.array([-1.5, -0.5, 0.3, 1.2])
"""Standard deviations from the mean where shares are compared: their integrands have a step there."""


def bends(family: Family) -> tuple[float, ...]:
    """Where the second derivative of the log-density jumps."""
    return (family.centre,) if isinstance(family, Skewed) else ()


def integral(f: Callable[[np.ndarray], np.ndarray], ends: np.ndarray) -> float:
    """Quadrature between neighbours; tanh-sinh, which takes many values at a time."""

    def whole(y: np.ndarray) -> np.ndarray:
        return f(y.ravel()).reshape(y.shape)

    with np.errstate(all="ignore"):  # moments times densities far out: SciPy leaves out what is not finite
        found = integrate.tanhsinh(whole, ends[:-1], ends[1:], atol=1e-10, rtol=1e-9, minlevel=4)
    assert found.success.all()
    return float(found.integral.sum())


CANCELS = dict.fromkeys(("heckman_probit", "heckman_ordinal", "heckman_poisson", "heckman_negative_binomial"), 1e-12)
"""Absolute error of probabilities where SciPy's expression is a difference, which the density is not."""


def values_of(family: Family) -> np.ndarray:
    """Some values of the support, and of a family that selects that of who was not selected."""
    values = np.array([-40.0, -3.0, 0.0, 0.1, 0.9, 1.0, 2.0, 25.0])
    inside = np.append(values[support_of(family).contains(values)], family.atoms())
    return np.array([*inside, np.nan]) if family.selection else inside


@each_family
def test_the_first_parameter_is_mu_and_links_invert(family: Family) -> None:
    assert family.parameters[0].name == "mu"
    assert FAMILIES[family.name] is type(family)
    for p in family.parameters:
        link = LINKS[p.link]
        at = np.array(VALUES[p.link])
        np.testing.assert_allclose(link.inverse(link.link(at)), at, rtol=1e-12)
        assert p.support == SUPPORTS[p.link] or (p.support == "ordered" and p.link == "identity" and p.labels)


@pytest.mark.parametrize("name", LINKS)
def test_links_are_the_same_in_a_graph(name: str) -> None:
    import pytensor.tensor as pt

    at = np.array(VALUES[name])
    np.testing.assert_allclose(LINKS[name].symbolic(pt.constant(at)).eval(), LINKS[name].link(at), rtol=1e-12)


@each_family
def test_the_density_integrates_to_one(family: Family) -> None:
    for theta in thetas(family):
        assert total(family, theta) == pytest.approx(1.0, abs=1e-7)


def total(family: Family, theta: Mapping[str, float]) -> float:
    """The probability of all outcomes: of all values, and of not being selected."""

    def density(y: Any) -> np.ndarray:
        at = np.atleast_1d(np.asarray(y, dtype=float))
        return np.exp(family.logp(at, rows(theta, len(at))))

    out = float(density(np.nan)[0]) if family.selection else 0.0
    return over(family, theta, density) + out


@pytest.mark.parametrize("family", [f for f in ALL if independent(f) is not None], ids=str)
def test_the_density_is_scipys(family: Family) -> None:
    y, scipys = values_of(family), independent(family)
    assert scipys is not None
    for theta in thetas(family):
        at = rows(theta, len(y))
        found, exact = family.logp(y, at), scipys(y, at)
        if family.name in CANCELS:
            found, exact = np.exp(found), np.exp(exact)
        np.testing.assert_allclose(found, exact, rtol=1e-12, atol=CANCELS.get(family.name, 0.0))


def graph_logp(family: Family, eta: Mapping[str, np.ndarray], y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The likelihood part of the graph, shape (row,), and d/d(eta of mu), (row,) or (row, label)."""
    import pymc as pm
    import pytensor
    import pytensor.tensor as pt

    pytensor.config.blas__ldflags = ""
    first = np.argsort(np.isnan(y), kind="stable")  # the graph has the observed rows first
    seen = first[: int((~np.isnan(y)).sum())]
    mine = {p.name: first if p.rows is Rows.ALL else seen for p in family.parameters}
    at = {name: value[mine[name]] if np.ndim(value) else value for name, value in eta.items()}
    mu = pt.tensor("eta_mu", shape=(None,) * np.ndim(at["mu"]), dtype="float64")
    others = {name: pt.constant(value) for name, value in at.items() if name != "mu"}
    with pm.Model() as model:
        family.likelihood({"mu": mu, **others}, pt.constant(y[seen]))
    factors = model.logp(sum=False)
    rows = reduce(add, factors) if len(seen) == len(y) else pt.concatenate(factors)
    compute = pytensor.function([mu], [rows, pytensor.grad(rows.sum(), mu)], mode="FAST_COMPILE")
    logp, slope = compute(np.asarray(at["mu"], dtype=float))
    found, steep = np.zeros(len(y)), np.zeros(np.shape(eta["mu"]))
    found[first], steep[seen] = logp, slope
    return found, steep


def linked(family: Family, theta: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    return {p.name: LINKS[p.link].link(np.asarray(theta[p.name])) for p in family.parameters}


@each_family
def test_draws_of_the_distribution_have_its_density(family: Family) -> None:
    """Of observed values: of a family that selects, given that the unit was selected."""
    import pymc as pm
    import pytensor
    import pytensor.tensor as pt

    pytensor.config.blas__ldflags = ""
    theta, n = thetas(family)[0], 4000
    labelled = {p.name for p in family.parameters if p.support == "ordered"}
    eta = {
        name: pt.constant(value if name in labelled else np.broadcast_to(value, (n, *np.shape(value))))
        for name, value in linked(family, theta).items()
    }
    y = pm.draw(family.distribution(eta), random_seed=5, mode="FAST_COMPILE")
    value = pt.vector("value", dtype="float64")
    one = {name: each if name in labelled else each[:1] for name, each in eta.items()}
    logp = pytensor.function([value], pm.logp(family.distribution(one), value), mode="FAST_COMPILE")
    if support_of(family).whole or support_of(family).points is not None:
        points = np.arange(0.0, 2 + 3 * y.max()) if support_of(family).points is None else support_of(family).points
        weights = np.exp(logp(points))
    else:
        centre, spread = np.median(y), np.subtract(*np.quantile(y, [0.9, 0.1]))
        low, high = (np.clip(centre + by * spread, *ends_of(family)) for by in (-60, 60))
        points = np.linspace(low, high, 200_001)[1:-1]
        steps = np.full(len(points), points[1] - points[0])
        if family.name == "sqrtnormal":  # whose density has a pole at 0: over the roots it has none
            roots = np.linspace(np.sqrt(low), np.sqrt(high), 200_001)[1:-1]
            points, steps = roots**2, 2 * roots * (roots[1] - roots[0])
        weights = np.exp(logp(points)) * steps
        points = np.append(points, family.atoms())
        weights = np.append(weights, np.exp(logp(np.array(family.atoms()))))
    assert weights.sum() == pytest.approx(1.0, abs=1e-4)
    for function in (np.tanh, np.cos):
        draws, exact = function(y), (weights * function(points)).sum()
        spread = np.sqrt(max((weights * function(points) ** 2).sum() - exact**2, 0.0))
        assert abs(draws.mean() - exact) < ERRORS * spread / np.sqrt(n) + 1e-4


@each_family
def test_the_graph_has_the_same_density(family: Family) -> None:
    grid = [(theta, y) for theta in thetas(family) for y in values_of(family)]
    theta = {name: np.array([t[name] for t, _ in grid]) for name in grid[0][0]}
    y = np.array([y for _, y in grid])
    logp, _ = graph_logp(family, linked(family, theta), y)
    rough = isinstance(family, Bernoulli | Binomial) and family.link == "probit"
    np.testing.assert_allclose(logp, family.logp(y, theta), rtol=4 * SINGLE if rough else 1e-9)


@each_family
def test_the_tails_of_the_graph_are_finite_with_a_gradient(family: Family) -> None:
    far = np.array([-700.0, -30.0, 30.0, 700.0])
    y = np.repeat(values_of(family), len(far))
    everywhere = np.tile(far, len(values_of(family)))
    eta = {
        p.name: np.zeros((len(y), len(p.labels))) + np.arange(len(p.labels))
        if p.labels
        else np.zeros(len(y) if p.rows is Rows.ALL else ())
        for p in family.parameters
    }
    labels = {p.name: len(p.labels) for p in family.parameters}
    apart = {name: np.multiply.outer(everywhere, np.linspace(1, -1, n) if n else 1.0) for name, n in labels.items()}
    eta["mu"] = 0 * apart["mu"]
    for steered in family.steered:
        logp, gradient = graph_logp(family, {**eta, steered: apart[steered]}, y)
        assert np.isfinite(logp).all()
        assert np.isfinite(gradient).all()


@pytest.mark.parametrize(("link", "exact"), [("logit", log_expit), ("probit", log_ndtr)])
def test_bernoulli_keeps_its_digits_in_the_tails(link: Any, exact: Callable) -> None:
    eta = np.array([-300.0, -30.0, -9.0, 9.0, 30.0])
    for y in (0.0, 1.0):
        logp, gradient = graph_logp(Bernoulli(link=link), {"mu": eta}, np.full(5, y))
        sign = 2 * y - 1
        tolerance = SINGLE * np.maximum(eta**2, 1) if link == "probit" else np.full(5, 1e-12)
        assert (np.abs(logp - exact(sign * eta)) <= tolerance * np.abs(exact(sign * eta))).all()
        slope = {
            "logit": lambda e: np.exp(log_expit(-e)),
            "probit": lambda e: np.exp(stats.norm.logpdf(e) - log_ndtr(e)),
        }
        expected = sign * slope[link](sign * eta)
        assert (np.abs(gradient - expected) <= tolerance * np.abs(expected)).all()


def check_draws(family: Family, theta: Mapping[str, float], impute: Callable) -> None:
    """Draws have the moments that `moments` says and the distribution that `logp` says."""
    at = rows(theta, DRAWS)
    y = impute(np.random.default_rng(8), at)
    assert y.shape == (DRAWS,)
    mean, variance = family.moments(rows(theta, 3))
    assert mean.shape == variance.shape == (3,)
    error = np.sqrt(variance[0] / DRAWS)
    assert abs(y.mean() - mean[0]) <= ERRORS * error + 1e-12
    squares = (y - mean[0]) ** 2
    fourth = expect(family, theta, lambda v: (v - mean[0]) ** 4)
    # a binary variable with p = 1/2 has constant squares: then only rounding is left
    assert abs(squares.mean() - variance[0]) < ERRORS * np.sqrt(max(fourth - variance[0] ** 2, 1e-20) / DRAWS) + 1e-12
    for cut in mean[0] + np.sqrt(variance[0]) * CUTS:
        share = expect(family, theta, lambda v, cut=cut: (v <= cut).astype(float))
        assert abs(np.mean(y <= cut) - share) < ERRORS * np.sqrt(max(share * (1 - share), 1e-12) / DRAWS) + 1e-5


@each_law
def test_draws_follow_the_density_and_its_moments(family: Family) -> None:
    for theta in thetas(family):
        check_draws(family, theta, family.impute)


@each_family
def test_moments_are_those_of_the_density(family: Family) -> None:
    for theta in thetas(family):
        mean, variance = (v[0] for v in family.moments(rows(theta, 1)))
        assert expect(family, theta, lambda y: y) == pytest.approx(mean, abs=1e-6)
        assert expect(family, theta, lambda y, m=mean: (y - m) ** 2) == pytest.approx(variance, rel=1e-5)


@each_law
@pytest.mark.parametrize("mistake", ["the mean", "half the noise", "one draw for all rows"])
def test_a_family_that_imputes_with_too_little_variance_is_caught(family: Family, mistake: str) -> None:
    theta = thetas(family)[0]

    def wrong(rng: np.random.Generator, at: Theta) -> np.ndarray:
        mean, _ = family.moments(rows(theta, 1))
        y = family.impute(rng, at)
        return {
            "the mean": np.full_like(y, mean[0]),
            "half the noise": (y + mean) / 2,
            "one draw for all rows": np.full_like(y, y[0]),
        }[mistake]

    with pytest.raises(AssertionError):
        check_draws(family, theta, wrong)


@each_law
def test_draws_come_from_the_generator_alone(family: Family) -> None:
    at = rows(thetas(family)[0], 50)
    first, second = (family.impute(np.random.default_rng(4), at) for _ in range(2))
    np.testing.assert_array_equal(first, second)
    assert not np.array_equal(first, family.impute(np.random.default_rng(5), at))


@pytest.mark.parametrize("family", [f for f in ALL if not f.selection], ids=str)
def test_the_information_is_the_variance_of_the_score(family: Family) -> None:
    mu, step = family.parameters[0], 1e-4
    link, ways = LINKS[mu.link], np.eye(len(mu.labels)) if mu.labels else np.ones(1)
    for theta in thetas(family):
        eta = link.link(np.array(theta["mu"]))

        def score(
            y: np.ndarray, way: np.ndarray, eta: np.ndarray = eta, theta: Mapping[str, Any] = theta
        ) -> np.ndarray:
            up, down = (link.inverse(eta + s * way) for s in (step, -step))
            ends = (family.logp(y, rows({**theta, "mu": mu}, len(y))) for mu in (up, down))
            return (next(ends) - next(ends)) / (2 * step)

        assert all(abs(expect(family, theta, partial(score, way=way))) < 1e-6 for way in ways)
        exact = [
            expect(family, theta, lambda y, a=a, b=b, score=score: score(y, a) * score(y, b))
            for a, b in product(ways, ways)
        ]
        found = family.information(rows(theta, 3), np.zeros(3))
        assert found.shape == (3, *np.shape(theta["mu"]), *np.shape(theta["mu"]))
        np.testing.assert_allclose(found.reshape(3, -1), np.tile(exact, (3, 1)), rtol=1e-5)


@pytest.mark.parametrize("family", [f for f in ALL if f.selection], ids=str)
def test_the_information_of_a_selection_model_is_its_curvature(family: Family) -> None:
    """Minus the second derivatives of the log-density by the two linear predictors; upwards it is level."""
    y, step = values_of(family), 1e-3
    y = y[np.isnan(y) | (np.abs(y) < 30)]
    link = LINKS[family.parameters[0].link]
    for theta in thetas(family):
        at = {name: v if np.ndim(v) else np.full(len(y), v) for name, v in rows(theta, len(y)).items()}

        def logp(m: float, s: float, at: Theta = at) -> np.ndarray:
            moved = {"mu": link.inverse(link.link(at["mu"]) + m), "selection": at["selection"] + s}
            return family.logp(y, {**at, **moved})

        exact = np.empty((len(y), 2, 2))
        middle = 2 * logp(0, 0)
        exact[:, 0, 0] = (middle - logp(step, 0) - logp(-step, 0)) / step**2
        exact[:, 1, 1] = (middle - logp(0, step) - logp(0, -step)) / step**2
        corners = logp(step, step) + logp(-step, -step) - logp(step, -step) - logp(-step, step)
        exact[:, 0, 1] = exact[:, 1, 0] = -corners / (4 * step**2)
        values, axes = np.linalg.eigh(exact)
        exact = (axes * np.maximum(values, 0.0)[:, None, :]) @ axes.transpose(0, 2, 1)
        found = family.information(at, y)
        np.testing.assert_allclose(found, exact, rtol=1e-4, atol=1e-4)
        assert (np.linalg.eigvalsh(found) > -1e-9).all()


@each_family
def test_the_information_is_finite_at_the_ends_of_the_scale(family: Family) -> None:
    p = family.parameters[0]
    theta = {q.name: np.arange(len(q.labels)) if q.labels else np.array(1.0) for q in family.parameters}
    ends = np.multiply.outer(np.array([-40.0, 40.0]), np.linspace(1, -1, len(p.labels)) if p.labels else 1.0)
    theta |= {"mu": LINKS[p.link].inverse(ends)}
    theta |= {"rho": np.array(0.5)} if family.selection else {}
    theta = {name: np.broadcast_to(v, 2) if np.ndim(v) == 0 else v for name, v in theta.items()}
    assert np.isfinite(family.information(theta, np.array([0.0, 1.0]))).all()


def test_a_t_without_moments_says_so() -> None:
    mean, variance = StudentT().moments({"mu": np.zeros(3), "sigma": np.array(1.0), "nu": np.array([0.9, 1.5, 2.5])})
    assert np.isnan(mean[0])
    assert list(mean[1:]) == [0.0, 0.0]
    assert list(np.isinf(variance)) == [True, True, False]


def test_a_t_with_many_degrees_of_freedom_is_a_normal() -> None:
    y, theta = np.linspace(-4, 4, 9), {"mu": np.zeros(9), "sigma": np.array(1.3), "nu": np.array(1e7)}
    np.testing.assert_allclose(StudentT().logp(y, theta), Gaussian().logp(y, theta), atol=1e-5)


def test_families_are_frozen_values() -> None:
    assert Bernoulli() == Bernoulli(link="logit") != Bernoulli(link="probit")
    assert len({Gaussian(), Gaussian(), StudentT()}) == 2


@dataclass(frozen=True)
class _Without:
    """Not a family: an option without default cannot be made from its name in a plan."""

    option: int


def test_the_variants_cover_every_literal_option() -> None:
    assert {f.link for f in ALL if isinstance(f, Bernoulli)} == {"logit", "probit"}
    with pytest.raises(AssertionError):
        list(variants(_Without))  # pyright: ignore[reportArgumentType]


@pytest.mark.parametrize("family", [f() for f in FAMILIES.values() if f().selection], ids=lambda f: f.name)
def test_a_dependence_has_one_scale_and_can_be_held(family: Family) -> None:
    assert family.selection is not None
    about = family.selection.dependence
    values = np.linspace(*about.bounds, 41)[1:-1]
    z, step = about.line(values), 1e-6
    np.testing.assert_allclose(about.back(z), values, rtol=1e-12, atol=1e-15)
    slope = (about.back(z + step) - about.back(z - step)) / (2 * step)
    np.testing.assert_allclose(about.slope(values), slope, rtol=1e-6)
    tau = about.tau(values)
    assert (np.diff(tau) > 0).all() and np.abs(tau).max() < 1
    assert about.value is None and about.name in {p.name for p in family.parameters}
    held = about.hold(float(values[7]))
    assert held.selection is not None and held.selection.dependence.value == values[7]
    assert [p for p in family.parameters if p.name != about.name] == list(held.parameters)


def test_kendalls_tau_of_a_normal_pair() -> None:
    rng, selection = np.random.default_rng(1), FAMILIES["heckman_gaussian"]().selection
    assert selection is not None
    pairs = rng.multivariate_normal([0, 0], [[1, -0.6], [-0.6, 1]], size=4000)
    found = stats.kendalltau(*pairs.T).statistic
    # the standard error of tau is at most sqrt(2 (1 - tau^2) / n) (Kendall & Gibbons 1990, section 4.12)
    assert abs(selection.dependence.tau(np.array(-0.6)) - found) < 4 * np.sqrt(2 * (1 - found**2) / 4000)
