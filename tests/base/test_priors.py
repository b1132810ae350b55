"""Priors are plain values that can be read, written, rescaled and drawn from."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats
from scipy.special import expit, ndtr

from bayesimpute.base.distributions import DISTRIBUTIONS
from bayesimpute.base.errors import FormulaError
from bayesimpute.base.priors import Prior, Space

EXAMPLES = {
    "Normal": (1.0, 2.0),
    "StudentT": (5.0, 1.0, 2.0),
    "Cauchy": (1.0, 2.0),
    "Laplace": (1.0, 2.0),
    "Uniform": (-1.0, 3.0),
    "HalfNormal": (2.0,),
    "HalfStudentT": (5.0, 2.0),
    "HalfCauchy": (2.0,),
    "Exponential": (0.5,),
    "Gamma": (3.0, 0.5),
    "InverseGamma": (5.0, 2.0),
    "LogNormal": (0.5, 0.7),
    "ScaledBeta": (2.0, 3.0),
    "FisherNormal": (0.3, 0.5),
    "KendallUniform": (-0.5, 0.7),
    "KendallScaledBeta": (2.0, 3.0),
    "KendallFisherNormal": (0.3, 0.5),
    "Beta": (2.0, 3.0),
    "LKJ": (2.0,),
    "DirichletLogit": (0.7,),
    "DirichletProbit": (0.7,),
}
SCIPY = {
    "Normal": lambda m, s: stats.norm(m, s),
    "StudentT": lambda n, m, s: stats.t(n, m, s),
    "Cauchy": lambda a, b: stats.cauchy(a, b),
    "Laplace": lambda m, b: stats.laplace(m, b),
    "Uniform": lambda a, b: stats.uniform(a, b - a),
    "HalfNormal": lambda s: stats.halfnorm(0, s),
    "HalfCauchy": lambda b: stats.halfcauchy(0, b),
    "Exponential": lambda r: stats.expon(0, 1 / r),
    "Gamma": lambda a, b: stats.gamma(a, scale=1 / b),
    "InverseGamma": lambda a, b: stats.invgamma(a, scale=b),
    "LogNormal": lambda m, s: stats.lognorm(s, scale=np.exp(m)),
    "Beta": lambda a, b: stats.beta(a, b),
}


def test_there_is_an_example_of_every_distribution() -> None:
    assert set(EXAMPLES) == set(DISTRIBUTIONS)


@pytest.mark.parametrize("name", EXAMPLES)
def test_what_is_written_is_read_again(name: str) -> None:
    prior = Prior.of(name, *EXAMPLES[name])
    assert Prior.parse(str(prior)) == prior
    assert Prior.parse(f"{name}({', '.join(map(repr, EXAMPLES[name]))})") == prior
    assert prior.impossible() is None


@pytest.mark.parametrize(
    ("text", "prior"),
    [
        ("Normal(0, 2)", Prior.of("Normal", 0, 2)),
        ("Normal(sigma=2, mu=-1)", Prior.of("Normal", -1, 2)),
        ("Normal(--1, sigma=+2.5)", Prior.of("Normal", 1, 2.5)),
        ("  HalfNormal(1e-3) ", Prior.of("HalfNormal", 0.001)),
        ("Uniform(2.2e-231, 1)", Prior.of("Uniform", 2.2e-231, 1)),  # a place may be as near to zero as it likes
        ("Normal(-1e-300, 1)", Prior.of("Normal", -1e-300, 1)),
    ],
)
def test_parameters_by_place_or_name(text: str, prior: Prior) -> None:
    assert Prior.parse(text) == prior
    assert Prior.parse(prior) is prior


@pytest.mark.parametrize(
    ("text", "finding", "remedy"),
    [
        ("Nrmal(0, 1)", 'unknown prior "Nrmal"', 'did you mean "Normal"?'),
        ("Foo(1)", 'unknown prior "Foo"', "use one of Normal, StudentT"),
        ("Normal(0)", "1 parameters given", "mu, sigma"),
        ("Normal(0, 1, 2)", "3 parameters given", "mu, sigma"),
        ("Normal(0, mu=1)", '"mu" is unknown or given twice', "mu, sigma"),
        ("Normal(0, sd=1)", '"sd" is unknown or given twice', "mu, sigma"),
        ("Normal(0, x)", '"sigma" is not a number', "numbers only"),
        ("Normal(0, True)", '"sigma" is not a number', "numbers only"),
        ("Normal(0, 1 + 1)", '"sigma" is not a number', "numbers only"),
        ("Normal(*[0, 1])", '"mu" is not a number', "numbers only"),
        ("Normal", "is not a distribution", "Normal(0, 2.5)"),
        ("Normal(", "cannot be read", "Normal(0, 2.5)"),
        ("", "cannot be read", "Normal(0, 2.5)"),
        ("pm.Normal(0, 1)", 'unknown prior "pm.Normal(0, 1)"', "use one of"),
        ("__import__('os')", 'unknown prior "__import__"', "use one of"),
        ("Normal(0, 0)", "sigma is 0, not above zero", "proper"),
        ("Normal(0, -1)", "sigma is -1, not above zero", "proper"),
        ("Normal(0, 1e999)", "sigma is inf, not a finite number", "proper"),
        ("Normal(1e300, 1)", "mu is 1e+300, of a size that no computer can square", "proper"),
        ("Normal(0, 1e-300)", "sigma is 1e-300, of a size that no computer can square", "proper"),
        ("Normal(0, -1e-300)", "sigma is -1e-300, not above zero", "proper"),
        ("Uniform(2, 1)", "lower (2) is not below upper (1)", "proper"),
        ("Gamma(0, 1)", "alpha is 0, not above zero", "proper"),
        ("LKJ(-1)", "eta is -1, not above zero", "proper"),
        (3, "3 is not a text", "Normal(0, 2.5)"),
        (None, "None is not a text", "Normal(0, 2.5)"),
    ],
)
def test_what_is_not_a_proper_prior_is_refused(text: str, finding: str, remedy: str) -> None:
    with pytest.raises(FormulaError) as caught:
        Prior.parse(text, "here")
    (problem,) = caught.value.problems
    assert problem.path == "here"
    assert finding in problem.finding
    assert remedy in problem.remedy


@pytest.mark.parametrize(
    ("prior", "finding"),
    [
        (Prior("Nrmal", (0.0, 1.0)), 'did you mean "Normal"?'),
        (Prior("Normal", (0.0,)), "the parameters are mu, sigma"),
        (Prior("Normal", (0.0, "x")), "'x', not a number"),  # type: ignore[arg-type]
        (Prior("Normal", (float("nan"), 1.0)), "mu is nan"),
    ],
)
def test_priors_made_by_hand_can_be_wrong_and_still_be_printed(prior: Prior, finding: str) -> None:
    assert finding in (prior.impossible() or "")
    assert str(prior).startswith(prior.name)


@given(
    text=st.one_of(
        st.text(max_size=30), st.lists(st.sampled_from([*"(),=-+*.1x'\\\"", "Normal", "mu", "1e999"])).map("".join)
    )
)
def test_any_text_is_a_prior_or_a_formula_error(text: str) -> None:
    try:
        assert Prior.parse(text).impossible() is None
    except FormulaError as error:
        assert error.problems


OF_TAU = {"KendallUniform", "KendallScaledBeta", "KendallFisherNormal"}
SHARES = {"DirichletLogit": expit, "DirichletProbit": ndtr}
UNITLESS = ("Beta", "LKJ", "ScaledBeta", "FisherNormal", *sorted(OF_TAU), *SHARES)


@pytest.mark.parametrize("name", [n for n in EXAMPLES if n not in UNITLESS])
def test_a_change_of_units_is_the_same_distribution(name: str) -> None:
    """Draws of the rescaled prior, with the same seed, are the rescaled draws."""
    prior = Prior.of(name, *EXAMPLES[name])
    shift = 3.0 if prior.support in ("real", "interval") else 0.0
    moved = prior.affine(shift=shift, unit=2.5)
    before = prior.draw(np.random.default_rng(1), 1000)
    after = moved.draw(np.random.default_rng(1), 1000)
    np.testing.assert_allclose(after, (before - shift) / 2.5, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("name", UNITLESS)
def test_distributions_without_units_stay(name: str) -> None:
    prior = Prior.of(name, *EXAMPLES[name])
    assert prior.affine(unit=2.5) == prior


@pytest.mark.parametrize("name", SCIPY)
def test_draws_are_of_the_distribution(name: str) -> None:
    draws = Prior.of(name, *EXAMPLES[name]).draw(np.random.default_rng(2), 4000)
    # a true hypothesis fails at this seed with probability 1e-4; the seed is fixed
    assert stats.kstest(draws, SCIPY[name](*EXAMPLES[name]).cdf).pvalue > 1e-4


def test_lkj_of_eta_one_is_uniform() -> None:
    draws = Prior.of("LKJ", 1).draw(np.random.default_rng(3), 4000)
    assert stats.kstest(draws, stats.uniform(-1, 2).cdf).pvalue > 1e-4


@pytest.mark.parametrize("name", EXAMPLES)
def test_positive_distributions_draw_nothing_negative(name: str) -> None:
    prior = Prior.of(name, *EXAMPLES[name])
    negative = (prior.draw(np.random.default_rng(4), 2000) < 0).any()
    assert (prior.ends[0] >= 0) is not bool(negative)


@pytest.mark.parametrize(
    ("space", "fitting"),
    [
        ("real", {"Normal", "StudentT", "Cauchy", "Laplace", "Uniform"}),
        ("ordered", {"Normal", "StudentT", "Cauchy", "Laplace", *SHARES}),
        (
            "positive",
            {
                "HalfNormal",
                "HalfStudentT",
                "HalfCauchy",
                "Exponential",
                "Gamma",
                "InverseGamma",
                "LogNormal",
                "Uniform",
            },
        ),
        ("unit", {"Beta", "Uniform"}),
        ("signed unit", {"ScaledBeta", "FisherNormal", "Uniform", *OF_TAU}),
        ("tau", {"ScaledBeta", "FisherNormal", "Uniform"}),
        ("correlation", {"LKJ"}),
    ],
)
def test_which_priors_fit_what_lives_where(space: Space, fitting: set[str]) -> None:
    priors = [Prior.of(name, *args) for name, args in (EXAMPLES | {"Uniform": (0.0, 1.0)}).items()]
    assert {prior.name for prior in priors if prior.fits(space)} == fitting
    assert Prior.of("Uniform", -1, 1).fits("signed unit")
    assert not Prior.of("Uniform", -1, 1).fits("positive")
    assert not Prior.of("Uniform", 0, 2).fits("unit")


@pytest.mark.parametrize("name", ["Uniform", "ScaledBeta", "FisherNormal"])
def test_a_prior_of_kendalls_tau_is_one_of_the_correlation(name: str) -> None:
    """Draws are sin(pi tau / 2) of draws of tau, and the density is theirs: of artanh rho, by its distribution."""
    tau = Prior.of(name, *EXAMPLES[f"Kendall{name}"])
    rho = tau.of_tau
    draws = rho.draw(np.random.default_rng(1), 4000)
    np.testing.assert_allclose(draws, np.sin(np.pi / 2 * tau.draw(np.random.default_rng(1), 4000)), rtol=1e-12)
    grid = np.linspace(-9, 9, 20_001)
    density = np.exp(rho.log_density_fisher(grid))
    cdf = np.cumsum(density) * (grid[1] - grid[0])
    assert cdf[-1] == pytest.approx(1, abs=2e-3)
    assert stats.kstest(np.interp(np.arctanh(draws), grid, cdf), "uniform").pvalue > 1e-3
    u = np.array([0.1, 0.5, 0.8])
    np.testing.assert_allclose(rho.quantile(u), np.sin(np.pi / 2 * tau.quantile(u)), rtol=1e-12)
    assert stats.kendalltau(*stats.multivariate_normal([0, 0], [[1, draws[0]], [draws[0], 1]]).rvs(4000, 2).T)[
        0
    ] == pytest.approx(2 / np.pi * np.arcsin(draws[0]), abs=0.05)


@pytest.mark.parametrize("name", SHARES)
def test_shares_below_cutpoints_are_dirichlet(name: str) -> None:
    """Draws, the density of arrays and that of tensors: all are of shares that are Dirichlet(0.7, 0.7, 0.7)."""
    import pytensor
    import pytensor.tensor as pt

    prior, cdf = Prior.of(name, 0.7), SHARES[name]
    rng = np.random.default_rng(5)
    draws = np.array([prior.draw(rng, 2) for _ in range(4000)])
    shares = np.diff(cdf(draws), axis=1, prepend=0.0, append=1.0)
    for k in range(3):  # each share of a Dirichlet is Beta(alpha, rest)
        assert stats.kstest(shares[:, k], stats.beta(0.7, 1.4).cdf).pvalue > 1e-4
    at = np.array([[-0.4, 0.9], [-3.0, -2.5], [1.0, 4.0]])
    p = np.diff(cdf(at), axis=1, prepend=0.0, append=1.0)
    slope = {"DirichletLogit": stats.logistic.logpdf, "DirichletProbit": stats.norm.logpdf}[name](at).sum(axis=1)
    exact = np.array([stats.dirichlet([0.7] * 3).logpdf(row) for row in p]) + slope
    np.testing.assert_allclose(prior.log_density(at), exact, rtol=1e-10)
    c = pt.vector("c", dtype="float64")
    density = prior.distribution.symbolic
    assert density is not None
    compute = pytensor.function([c], density(c, 0.7), mode="FAST_COMPILE")
    np.testing.assert_allclose([float(compute(row)) for row in at], exact, rtol=1e-9)
    assert np.isfinite([float(compute(np.array(far))) for far in ([-40.0, -39.0], [300.0, 700.0])]).all()


def test_cutpoints_of_rare_labels_are_drawn_in_order_and_finite() -> None:
    draws = np.array([Prior.of("DirichletLogit", 0.05).draw(np.random.default_rng(s), 4) for s in range(200)])
    assert (np.diff(draws, axis=1) >= 0).all() and np.isfinite(draws).mean() > 0.9
