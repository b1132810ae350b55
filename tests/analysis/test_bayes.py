"""The Bayesian engine: against REML and exact posteriors, compiled once, and the same in any order and process."""

import pickle
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from typing import Any

import arviz as az
import numpy as np
import pandas as pd
import pytest
from scipy.special import expit

from bayesimpute.analysis import bayes, fit
from bayesimpute.analysis.bayes import Bayes, Workspace, compiled
from bayesimpute.analysis.estimates import Estimate
from bayesimpute.analysis.fitters import model_of
from bayesimpute.analysis.from_draws import Sampled, good_enough, to_estimate
from bayesimpute.base.errors import AnalysisError
from bayesimpute.designs.design import Design
from bayesimpute.pooling.mixture import mix

pytestmark = pytest.mark.long(40)

ERRORS = 4.0
"""Monte Carlo errors allowed; the seeds are fixed."""
LINEAR = "y ~ x + (1 | g)"
LOGISTIC = "b ~ z + (1 | g)"
CLUSTERS, CHAINS = 40, 2


def model(formula: str, family: str = "gaussian") -> Any:
    return model_of(formula, family=family, engine="bambi")


def engine_of(reference: pd.DataFrame) -> Bayes:
    return Bayes(model(LINEAR), chains=CHAINS).based_on(reference)


def completed(m: int = 3) -> list[pd.DataFrame]:
    """Ten rows in each of 40 clusters; every fifth row has other values of y in each dataset."""
    rng = np.random.default_rng(5)
    g = np.arange(10 * CLUSTERS) % CLUSTERS
    x, z, u = rng.normal(3, 2, len(g)), (np.arange(len(g)) // CLUSTERS) % 2, rng.normal(size=CLUSTERS)
    y = 10 + 1.5 * x + 2 * u[g] + 3 * rng.normal(size=len(g))
    b = rng.random(len(g)) < expit(-0.8 + z + 1.2 * u[g])
    frame = pd.DataFrame({"y": y, "x": x, "z": z.astype(float), "g": g, "b": b.astype(float)})
    frame["c"] = np.array(["p", "q", "r"])[rng.integers(0, 3, len(g))]
    made = []
    for _ in range(m):
        again = frame.copy()
        again.loc[::5, "y"] += rng.normal(0, 2, len(g) // 5)
        made.append(again)
    return made


@pytest.fixture(scope="module")
def frames() -> list[pd.DataFrame]:
    return completed()


@pytest.fixture(scope="module")
def fitted(frames: list[pd.DataFrame]) -> tuple[list[Estimate], int]:
    """Fits of the linear model to two datasets, and how often it was compiled for them."""
    engine = engine_of(frames[0])
    estimates = [engine.fit(frame, k) for k, frame in enumerate(frames[:2], start=1)]
    return estimates, compiled(engine.model, frames[0]).compilations


@pytest.fixture(scope="module")
def linear(fitted: tuple[list[Estimate], int]) -> list[Estimate]:
    return fitted[0]


@pytest.fixture(scope="module")
def logistic(frames: list[pd.DataFrame]) -> Estimate:
    return Bayes(model(LOGISTIC, "bernoulli"), chains=CHAINS).fit(frames[0], 1)


def errors(estimate: Estimate, method: Any) -> dict[str, float]:
    """Monte Carlo errors of means (or of standard deviations) by parameter."""
    return {str(name): float(v) for name, v in az.mcse(estimate.draws, method=method).items()}


def same(first: Estimate, second: Estimate) -> None:
    assert first.draws is not None
    assert first.draws.identical(second.draws)
    np.testing.assert_array_equal(first.estimates, second.estimates)


# Against other answers ------------------------------------------------------------------------------------------------


def test_a_linear_mixed_model_agrees_with_reml(linear: list[Estimate], frames: list[pd.DataFrame]) -> None:
    """Within Monte Carlo error, and what priors and the uncertainty of the variances account for.

    The slope's prior has a standard deviation of 2.5 sd(y) / sd(x), so it draws the slope towards 0 by the share
    (standard error / prior sd)², below 1/1000 here. A posterior under a flat prior of the variance between J clusters
    has a mean of about (J − 1) / (J − 4) times REML's, 1.08 for J = 40, and coefficients that vary between clusters a
    standard deviation of up to its root times REML's.
    """
    for found, frame in zip(linear, frames, strict=False):
        reml = fit(LINEAR, frame)
        assert found.terms == reml.terms == ("Intercept", "x")
        prior = 2.5 * frame["y"].std() / frame["x"].std()
        assert (reml.std_errors[1] / prior) ** 2 < 1e-3
        means, sds = errors(found, "mean"), errors(found, "sd")
        for place, name in enumerate(found.terms):
            off = abs(found.estimates[place] - reml.estimates[place])
            assert off < ERRORS * means[name] + 0.02 * reml.std_errors[place], name
            ratio, error = found.std_errors[place] / reml.std_errors[place], sds[name] / reml.std_errors[place]
            assert 0.99 - ERRORS * error < ratio < 1.05 + ERRORS * error, name
        components = [(c.group, c.name) for c in found.variance_components]
        assert components == [(c.group, c.name) for c in reml.variance_components]
        ratios = [a.estimate / b.estimate for a, b in zip(found.variance_components, reml.variance_components)]
        assert 1.0 < ratios[0] < 1.2
        assert ratios[1] == pytest.approx(1, abs=0.03)


def exact_logistic(design: Design, frame: pd.DataFrame) -> dict[str, tuple[float, float]]:
    """Mean and standard deviation of intercept, slope and the effects' sd, by quadrature over all of them.

    z is 0 or 1, so a cluster is two binomials. Its effect is integrated out over 41 points, and the three parameters
    over a grid, with the priors of the design.
    """
    (mu,) = design.predictors
    intercept, slope = (p.args for p in mu.priors)
    a, b = np.meshgrid(np.linspace(-1.6, 1.2, 24), np.linspace(-0.3, 1.3, 24), indexing="ij")
    a, b = a.ravel(), b.ravel()  # at the centre of z, and per standard deviation of it
    base, effect = a - b * mu.centre[1] / mu.scale[1], b / mu.scale[1]
    counts = frame.groupby(["g", "z"])["b"].agg(["sum", "size"]).unstack()
    ones, rows = (counts[name].to_numpy() for name in ("sum", "size"))
    nodes = np.linspace(-5, 5, 41)
    log_weight = -0.5 * nodes**2
    log_weight -= np.log(np.exp(log_weight).sum())
    table = []
    for tau in np.linspace(0.05, 3, 40):
        eta = np.stack([base[:, None] + tau * nodes, (base + effect)[:, None] + tau * nodes], axis=2)
        loss, gain = np.logaddexp(0, eta), eta
        given = np.einsum("qnk,jk->qjn", gain, ones) - np.einsum("qnk,jk->qjn", loss, rows)
        logp = np.logaddexp.reduce(given + log_weight, axis=2).sum(axis=1)
        logp += -0.5 * ((a - intercept[0]) / intercept[1]) ** 2 - 0.5 * ((b - slope[0]) / slope[1]) ** 2
        logp += -0.5 * (tau / design.blocks[0].priors[0].args[0]) ** 2
        table.append(np.column_stack([logp, base, effect, np.full(len(a), tau)]))
    rows_ = np.concatenate(table)
    w = np.exp(rows_[:, 0] - rows_[:, 0].max())
    w /= w.sum()
    means = w @ rows_[:, 1:]
    sds = np.sqrt(w @ rows_[:, 1:] ** 2 - means**2)
    return {name: (float(m), float(s)) for name, m, s in zip(("Intercept", "z", "1|g_sigma"), means, sds)}


@pytest.mark.slow
def test_a_logistic_mixed_model_has_its_exact_posterior(logistic: Estimate, frames: list[pd.DataFrame]) -> None:
    exact = exact_logistic(compiled(model(LOGISTIC, "bernoulli"), frames[0]).design, frames[0])
    assert logistic.draws is not None
    means, sds = errors(logistic, "mean"), errors(logistic, "sd")
    for name, (mean, sd) in exact.items():
        draws = logistic.draws[name].values
        assert abs(draws.mean() - mean) < ERRORS * means[name], name
        assert abs(draws.std() - sd) < ERRORS * sds[name], name
        assert max(means[name], sds[name]) < 0.07 * sd  # small enough to see that the effects are there
    np.testing.assert_allclose(logistic.estimates, [logistic.draws[n].values.mean() for n in logistic.terms])
    (component,) = logistic.variance_components
    assert (component.group, component.name) == ("g", "Intercept")
    assert component.estimate == pytest.approx(float((logistic.draws["1|g_sigma"] ** 2).mean()))
    assert logistic.messages == ()


@pytest.mark.slow
def test_toenail_infection_agrees_with_lme4(shared_data: Any) -> None:
    """Against adaptive Gauss-Hermite quadrature, moved by the priors as far as a normal likelihood would be.

    R: glmer(severe ~ active * time + (1 | patientID), family = binomial, nAGQ = 20). bambi's priors are Normal(0, 1.5)
    for the intercept at the centre of the predictors and Normal(0, 1) for standardised slopes.
    """
    frame = pd.read_csv(shared_data / "toenail.csv")
    frame["severe"] = (frame["outcome"] == "moderate or severe").astype(float)
    frame["active"] = (frame["treatment"] == "terbinafine").astype(float)
    found = fit("severe ~ active * time + (1 | patientID)", frame, family="bernoulli", engine="bambi")
    ml = np.array([-1.618329, -0.160807, -0.390842, -0.136725])
    covariance = np.array(
        [
            [0.18774226, -0.16492320, -0.00331277, 0.00584881],
            [-0.16492320, 0.34081779, 0.00553652, -0.01185908],
            [-0.00331277, 0.00553652, 0.00196489, -0.00171776],
            [0.00584881, -0.01185908, -0.00171776, 0.00462293],
        ]
    )
    columns = np.column_stack([frame["active"], frame["time"], frame["active"] * frame["time"]])
    to_scaled = np.diag([1.0, *columns.std(axis=0)])
    to_scaled[0, 1:] = columns.mean(axis=0)
    prior = to_scaled.T @ np.diag([1.5**-2, 1, 1, 1]) @ to_scaled
    precision = np.linalg.inv(covariance)
    expected, spread = np.linalg.solve(precision + prior, precision @ ml), np.linalg.inv(precision + prior)
    assert (np.abs(found.estimates - expected) < 0.25 * np.sqrt(np.diag(spread))).all()
    np.testing.assert_allclose(found.std_errors, np.sqrt(np.diag(spread)), rtol=0.1)
    assert found.draws is not None
    assert float(found.draws["1|patientID_sigma"].mean()) == pytest.approx(4.004, abs=0.35)  # its posterior sd


@pytest.mark.slow
@pytest.mark.parametrize("random", ["(1 + x | g)", "(1 | g) + (1 | h)", "(1 + x || g)", "(1 | g/k)"])
def test_any_random_effects_agree_with_reml(random: str) -> None:
    rng = np.random.default_rng(8)
    g, h = np.repeat(np.arange(50), 20), np.tile(np.arange(20), 50)
    x, k = rng.normal(size=1000), np.arange(1000) % 4
    u, v, w, s = rng.normal(size=50), rng.normal(size=20), rng.normal(size=200), 0.7 * rng.normal(size=50)
    y = 1 + x + u[g] + v[h] + w[4 * g + k] + s[g] * x + rng.normal(size=1000)
    frame = pd.DataFrame({"y": y, "x": x, "g": g, "h": h, "k": k})
    found, reml = (fit(f"y ~ x + {random}", frame, engine=engine) for engine in ("bambi", "statsmodels"))
    assert (np.abs(found.estimates - reml.estimates) < 0.25 * reml.std_errors).all()
    np.testing.assert_allclose(found.std_errors, reml.std_errors, rtol=0.12)
    for a, b in zip(found.variance_components, reml.variance_components, strict=True):
        assert (a.group, a.name) == (b.group, b.name)
        assert a.estimate == pytest.approx(b.estimate, rel=0.25, abs=0.15)
    mine = [q for q in found.quantities if q.kind in ("variance", "correlation")]
    theirs = [q for q in reml.quantities if q.kind in ("variance", "correlation")]
    assert [(q.kind, q.group, q.name, q.scale) for q in mine] == [(q.kind, q.group, q.name, q.scale) for q in theirs]


# One compiled model, any order, any process ---------------------------------------------------------------------------


def test_all_datasets_are_one_compilation(fitted: tuple[list[Estimate], int]) -> None:
    assert (len(fitted[0]), fitted[1]) == (2, 1)


@pytest.mark.slow
def test_draws_do_not_depend_on_what_was_fitted_before(linear: list[Estimate], frames: list[pd.DataFrame]) -> None:
    engine = engine_of(frames[0])
    workspace = compiled(engine.model, frames[0])
    workspace.adapted.clear()
    same(engine.fit(frames[1], 2), linear[1])
    assert not np.array_equal(engine.fit(frames[1], 4).estimates, linear[1].estimates)


def test_it_can_be_sent_elsewhere(linear: list[Estimate], frames: list[pd.DataFrame]) -> None:
    engine = pickle.loads(pickle.dumps(engine_of(frames[0])))
    again = engine.fit(frames[1], 2)
    same(again, linear[1])
    same(pickle.loads(pickle.dumps(again)), linear[1])


@pytest.mark.slow
def test_other_processes_give_the_same_draws(linear: list[Estimate], frames: list[pd.DataFrame]) -> None:
    engine = engine_of(frames[0])
    with ProcessPoolExecutor(2, mp_context=get_context("spawn")) as pool:
        waiting = [pool.submit(engine.fit, frames[k - 1], k) for k in (2, 1)]
        for future, k in zip(waiting, (2, 1), strict=True):
            same(future.result(), linear[k - 1])


def test_one_dataset_is_its_own_reference(linear: list[Estimate], frames: list[pd.DataFrame]) -> None:
    same(Bayes(model(LINEAR), chains=CHAINS).fit(frames[0], 1), linear[0])


def test_a_reference_that_was_changed_is_another(frames: list[pd.DataFrame]) -> None:
    """The user's frame may be the same object with other values."""
    frame = frames[0].copy()
    first = compiled(model(LINEAR), frame)
    frame["y"] = 1000 * frame["y"]
    second = compiled(model(LINEAR), frame)
    assert second is not first
    assert second.design.scale == pytest.approx(1000 * first.design.scale)


def test_only_the_last_models_are_kept(frames: list[pd.DataFrame], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bayes, "_THREAD", type("Thread", (), {})())
    first = compiled(model(LINEAR), frames[0])
    for k in range(bayes.KEPT):
        assert compiled(model(LINEAR), frames[0]) is first
        compiled(model(LINEAR), frames[0].assign(y=frames[0]["y"] + k + 1))
    assert compiled(model(LINEAR), frames[0]) is not first


@pytest.mark.slow
def test_fewer_clusters_are_compiled_anew(frames: list[pd.DataFrame], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bayes, "MOST", bayes.BATCH)
    fewer = frames[1][frames[1]["g"] < CLUSTERS - 5]
    before = compiled(model(LINEAR), frames[0]).compilations
    found = engine_of(frames[0]).fit(fewer, 2)
    assert compiled(model(LINEAR), frames[0]).compilations == before + 1
    reml = fit(LINEAR, fewer)
    assert (np.abs(found.estimates - reml.estimates) < 0.25 * reml.std_errors).all()
    assert found.n_obs == len(fewer)


def test_posteriors_are_mixed(linear: list[Estimate]) -> None:
    mixture = mix(linear)
    assert mixture.table["parameter"].tolist() == ["Intercept", "x", "sigma", "1|g_sigma"]
    means = np.array([e.estimates for e in linear])
    np.testing.assert_allclose(mixture.table["mean"][:2], means.mean(axis=0))
    within = np.mean([e.draws["x"].values.var() for e in linear if e.draws is not None])
    assert mixture.table["sd"][1] == pytest.approx(np.sqrt(within + means[:, 1].var()))
    assert (mixture.table["r_hat"] < 1.03).all()


# The data -------------------------------------------------------------------------------------------------------------


@pytest.mark.slow
def test_labels_are_0_and_1_and_incomplete_rows_are_left_out(logistic: Estimate, frames: list[pd.DataFrame]) -> None:
    engine = Bayes(model(LOGISTIC, "bernoulli"), chains=CHAINS).based_on(frames[0])
    labelled = frames[0].assign(b=np.where(frames[0]["b"] == 1, "yes", "no"))
    found = engine.fit(labelled, 1)
    same(found, logistic)
    assert found.messages == ('outcome "b": yes counts as 1, no as 0',)
    holes = frames[0].copy()
    holes.loc[[3, 7], "z"] = np.nan
    found = engine.fit(holes, 1)
    assert found.messages == ("2 rows with missing values in z left out",)
    assert found.n_obs == len(holes) - 2


def described(formula: str, frame: pd.DataFrame, family: str = "gaussian") -> Workspace:
    return compiled(model(formula, family), frame)


@pytest.mark.parametrize("right", ["c * x + (1 + x | g)", "x + cluster_mean(x, g) + (1 + cluster_mean(x, g) | c)"])
def test_coefficients_have_the_names_of_the_other_engine(right: str, frames: list[pd.DataFrame]) -> None:
    space = described(f"y ~ {right}", frames[0])
    names = space.design.predictors[0].names
    assert names == space.reference.problem.names == fit(f"y ~ {right}", frames[0]).terms
    columns = space.reference.data(space.design)
    p, (block,), rng = space.design.predictors[0], space.design.blocks, np.random.default_rng(1)
    beta, effects = rng.normal(size=len(names)), rng.normal(size=block.width)
    told = p.from_centre(beta / p.scale)
    np.testing.assert_allclose(columns["X_mu"] @ beta, space.reference.problem.x @ told, atol=1e-9)
    theirs = space.reference.problem.random[0].z @ block.to_zero @ effects / space.design.scale
    np.testing.assert_allclose(columns["X_block0"] @ effects, theirs, atol=1e-9)


def test_a_lost_or_a_new_category_is_named(frames: list[pd.DataFrame]) -> None:
    engine = Bayes(model("y ~ c + (1 | g)")).based_on(frames[0])
    lost = frames[1].assign(c=frames[1]["c"].replace("r", "q"))
    with pytest.raises(AnalysisError, match=r"this dataset lacks c\[r\], unlike the dataset that the priors come from"):
        engine.fit(lost, 2)
    other = frames[1].assign(c=frames[1]["c"].replace("p", "o"))  # the reference of the coding: the same names
    with pytest.raises(AnalysisError, match='the label "o" is new, unlike the dataset that the priors come from'):
        engine.fit(other, 2)
    with pytest.raises(AnalysisError, match=r"has also c\[s\]"):
        engine.fit(frames[1].assign(c=np.where(frames[1].index < 9, "s", frames[1]["c"])), 2)
    in_effects = Bayes(model("y ~ x + (0 + c | g)")).based_on(frames[0])
    with pytest.raises(AnalysisError, match=r"lacks c\[r\] \| g, unlike"):
        in_effects.fit(lost, 2)


@pytest.mark.parametrize(
    ("formula", "family", "change"),
    [
        (LINEAR, "gaussian", {"x": np.nan}),
        (LINEAR, "gaussian", {"y": 1.0}),
        (LOGISTIC, "bernoulli", {"b": 2.0}),
        ("y ~ nothing + (1 | g)", "gaussian", {}),
    ],
)
def test_bad_data_have_the_messages_of_the_other_engine(
    formula: str, family: str, change: dict[str, Any], frames: list[pd.DataFrame]
) -> None:
    bad = frames[0].assign(**change)
    with pytest.raises(AnalysisError) as theirs:
        fit(formula.replace(" + (1 | g)", ""), bad, family=family)
    with pytest.raises(AnalysisError) as ours:
        Bayes(model(formula, family)).fit(bad, 1)
    assert str(ours.value) == str(theirs.value).replace(formula.replace(" + (1 | g)", ""), formula)
    with pytest.raises(AnalysisError, match="the dataset that the priors come from cannot be analysed: "):
        Bayes(model("y ~ x")).based_on(bad[["g"]]).fit(frames[0], 1)


# From draws to an estimate --------------------------------------------------------------------------------------------


def sampled(space: Workspace, *, divergences: int = 0, autocorrelation: float = 0.0, apart: float = 0.0) -> Sampled:
    """Made-up draws: standard deviations in (0, 1), the last chain `apart` from the others."""
    rng = np.random.default_rng(9)
    shape = (4, 400, len(space.design.names))
    values = rng.random(shape)
    for t in range(1, shape[1]):
        values[:, t] = autocorrelation * values[:, t - 1] + (1 - autocorrelation) * values[:, t]
    values[-1] += apart
    return Sampled(design=space.design, values=values, divergences=divergences)


def test_variances_and_correlations_are_functions_of_each_draw(frames: list[pd.DataFrame]) -> None:
    space = described("y ~ x + (1 + x | g) + (1 | c)", frames[0])
    made = sampled(space)
    found = to_estimate(space.reference.problem, made)
    by = {name: made.of(name) for name in space.design.names}
    covariance = by["1|g_sigma"] * by["x|g_sigma"] * by["1~~x|g_corr"]
    expected = [
        ("g", "Intercept", by["1|g_sigma"] ** 2),
        ("g", "x", by["x|g_sigma"] ** 2),
        ("g", "Intercept~~x", covariance),
        ("c", "Intercept", by["1|c_sigma"] ** 2),
        ("Residual", "Residual", by["sigma"] ** 2),
    ]
    assert [(c.group, c.name) for c in found.variance_components] == [(g, n) for g, n, _ in expected]
    np.testing.assert_allclose([c.estimate for c in found.variance_components], [d.mean() for _, _, d in expected])
    theirs = [q for q in fit("y ~ x + (1 + x | g) + (1 | c)", frames[0]).quantities if q.kind in _KINDS]
    assert [(q.kind, q.group, q.name, q.scale) for q in found.quantities] == [
        (q.kind, q.group, q.name, q.scale) for q in theirs
    ]
    assert all(np.isnan(q.std_error) for q in found.quantities)
    assert found.posterior is not None
    draws = found.posterior.draws(np.random.default_rng(1))
    np.testing.assert_allclose(draws.mean(axis=0), [q.estimate for q in found.quantities])
    np.testing.assert_allclose(np.sort(draws[:, 2]), np.sort(by["1~~x|g_corr"]))
    np.testing.assert_allclose(found.covariance, np.cov(by["Intercept"], by["x"]))


def test_a_yes_no_outcome_without_random_effects_has_no_variance_at_all(frames: list[pd.DataFrame]) -> None:
    space = described("b ~ z + x", frames[0], "bernoulli")
    made = sampled(space)
    found = to_estimate(space.reference.problem, made)
    assert (found.variance_components, found.quantities, found.posterior) == ((), (), None)
    np.testing.assert_allclose(found.estimates, made.flat.mean(axis=0))


_KINDS = ("variance", "correlation")


def test_bad_draws_are_reported(frames: list[pd.DataFrame]) -> None:
    space = described(LINEAR, frames[0])

    def messages(**how: Any) -> Sequence[str]:
        return to_estimate(space.reference.problem, sampled(space, **how)).messages

    assert messages() == () and good_enough(sampled(space))
    assert messages(divergences=3)[0].startswith("3 of 1600 transitions diverged")
    assert not good_enough(sampled(space, apart=0.5))
    assert any(m.startswith("R-hat is up to 1.") and "1|g_sigma" in m for m in messages(apart=0.5))
    assert not good_enough(sampled(space, autocorrelation=0.9))
    assert any(m.startswith("bulk ESS is down to ") and "above 400" in m for m in messages(autocorrelation=0.9))
    stuck = sampled(space)
    stuck.values[:, :, 2] = 1.0
    assert not good_enough(stuck)


def test_a_column_with_the_name_of_a_parameter_is_refused(frames: list[pd.DataFrame]) -> None:
    space = described("y ~ sigma", frames[0].assign(sigma=frames[0]["x"]))
    with pytest.raises(AnalysisError, match="y ~ sigma: sigma is also the name of a parameter; rename the column"):
        to_estimate(space.reference.problem, sampled(space))


@pytest.mark.slow
def test_hard_posteriors_get_more_draws(frames: list[pd.DataFrame], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bayes, "BATCH", 20)
    monkeypatch.setattr(bayes, "MOST", 60)
    found = engine_of(frames[0]).fit(frames[0], 1)
    assert found.draws is not None
    assert dict(found.draws.sizes) == {"chain": 2, "draw": 60}
    assert any("bulk ESS" in message for message in found.messages)


def test_effects_of_yes_no_outcomes_are_sampled_as_they_are_where_clusters_differ(frames: list[pd.DataFrame]) -> None:
    assert described(LOGISTIC, frames[0], "bernoulli").design.blocks[0].centred
    tossed = (np.random.default_rng(2).random(len(frames[0])) < 0.5).astype(float)
    assert not described(LOGISTIC, frames[0].assign(b=tossed), "bernoulli").design.blocks[0].centred
