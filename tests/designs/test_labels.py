"""Parameters of several numbers: linear predictors of labels on one matrix, and vectors of ascending cutpoints."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cache
from typing import Any, ClassVar, final

import numpy as np
import pandas as pd
import pytest
from graphs import centred, compiled_logp, layout_of, plain_logp
from modelling import completed, conditional, graph_data, only, placed, workspace
from scipy.special import log_softmax, ndtr, softmax

from bayesimpute.base.priors import Prior
from bayesimpute.checking import check
from bayesimpute.data.columns import Column
from bayesimpute.designs.graph import build, vectors
from bayesimpute.families import Context, Family, Parameter, Real, Side, Theta, Values, bound, options
from bayesimpute.families.context import NO_SIDE, NOWHERE
from bayesimpute.plan.plan import Plan
from bayesimpute.running.workspace import Workspace
from bayesimpute.samplers import ConditionalModel, Nuts, nuts
from bayesimpute.samplers.prior import prior_draw

pytestmark = pytest.mark.long(20)


def labels_of(column: Column) -> tuple[str, ...]:
    return tuple("abcd"[int(code)] for code in np.unique(column.values[~column.missing]))


@final
@dataclass(frozen=True, kw_only=True)
class Softmax(Family):
    """log P(y = k) / P(y = 0) = mu_k."""

    name: ClassVar[str] = "softmax"
    values: ClassVar[type[Values]] = Real
    standardise: ClassVar[bool] = False
    bambi: ClassVar[str] = "categorical"

    labels: tuple[str, ...] = bound(())

    @property
    def parameters(self) -> tuple[Parameter, ...]:
        return (Parameter(name="mu", link="identity", labels=self.labels[1:]),)

    @property
    def together(self) -> tuple[frozenset[str], ...]:
        (mu,) = self.parameters
        return (frozenset(map(mu.key, mu.labels)),)

    def bind(self, column: Column) -> "Softmax":
        return replace(self, labels=labels_of(column))

    def distribution(self, eta: Mapping[str, Any], side: Side = NO_SIDE) -> Any:
        import pymc as pm
        import pytensor.tensor as pt

        logits = pt.concatenate([pt.zeros_like(eta["mu"][:, :1]), eta["mu"]], axis=1)
        return pm.Categorical.dist(logit_p=logits)

    def logits(self, theta: Theta) -> np.ndarray:
        return np.concatenate([np.zeros_like(theta["mu"][:, :1]), theta["mu"]], axis=1)

    def logp(self, y: np.ndarray, theta: Theta, side: Side = NO_SIDE) -> np.ndarray:
        return log_softmax(self.logits(theta), axis=1)[np.arange(len(y)), y.astype(int)]

    def information(self, theta: Theta, y: np.ndarray, side: Side = NO_SIDE) -> np.ndarray:
        p = softmax(self.logits(theta), axis=1)[:, 1:]
        return p[:, :, None] * (np.eye(p.shape[1]) - p[:, None, :])

    def impute(self, rng: np.random.Generator, theta: Theta, context: Context = NOWHERE) -> np.ndarray:
        upper = np.cumsum(softmax(self.logits(theta), axis=1), axis=1)[:, :-1]
        return (rng.random((len(upper), 1)) > upper).sum(axis=1).astype(float)

    def mean_variance(self, theta: Theta, side: Side = NO_SIDE) -> tuple[np.ndarray, np.ndarray]:
        p, k = softmax(self.logits(theta), axis=1), np.arange(len(self.labels))
        return p @ k, p @ k**2 - (p @ k) ** 2


@final
@dataclass(frozen=True, kw_only=True)
class Ordered(Family):
    """P(y <= k) = Phi(c_k - mu), with cutpoints in the place of an intercept."""

    name: ClassVar[str] = "ordered"
    values: ClassVar[type[Values]] = Real
    standardise: ClassVar[bool] = False
    bambi: ClassVar[str] = "gaussian"

    labels: tuple[str, ...] = bound(())

    @property
    def parameters(self) -> tuple[Parameter, ...]:
        prior, between = Prior.of("Normal", 0, 2), self.labels[:-1]
        return (
            Parameter(name="mu", link="identity", intercept=None),
            Parameter(name="cutpoints", link="identity", support="ordered", labels=between, prior=prior, against="mu"),
        )

    def bind(self, column: Column) -> "Ordered":
        return replace(self, labels=labels_of(column))

    def distribution(self, eta: Mapping[str, Any], side: Side = NO_SIDE) -> Any:
        import pymc as pm
        import pytensor.tensor as pt

        edges = pt.concatenate([np.array([-50.0]), eta["cutpoints"], np.array([50.0])])
        below = pm.math.invprobit(edges[None, :] - eta["mu"][:, None])
        return pm.Categorical.dist(p=below[:, 1:] - below[:, :-1])

    def shares(self, theta: Theta) -> np.ndarray:
        below = ndtr(np.atleast_2d(theta["cutpoints"]) - theta["mu"][:, None])
        return np.diff(below, axis=1, prepend=0.0, append=1.0)

    def logp(self, y: np.ndarray, theta: Theta, side: Side = NO_SIDE) -> np.ndarray:
        return np.log(np.maximum(self.shares(theta)[np.arange(len(y)), y.astype(int)], 1e-300))

    def information(self, theta: Theta, y: np.ndarray, side: Side = NO_SIDE) -> np.ndarray:
        return np.ones(len(y))

    def impute(self, rng: np.random.Generator, theta: Theta, context: Context = NOWHERE) -> np.ndarray:
        upper = np.cumsum(self.shares(theta), axis=1)[:, :-1]
        return (rng.random((len(upper), 1)) > upper).sum(axis=1).astype(float)

    def mean_variance(self, theta: Theta, side: Side = NO_SIDE) -> tuple[np.ndarray, np.ndarray]:
        p, k = self.shares(theta), np.arange(len(self.labels))
        return p @ k, p @ k**2 - (p @ k) ** 2


@cache
def space(name: str) -> Workspace:
    rng = np.random.default_rng(5)
    g = np.arange(160) % 8
    x = rng.normal(3, 2, 160)
    z = np.array(["u", "v"])[rng.integers(0, 2, 160)]
    latent = 0.4 * x + rng.normal(0, 0.7, 8)[g] + rng.normal(size=160)
    y = np.digitize(latent, [0.6, 1.6]).astype(float)
    y[::6] = np.nan
    frame = pd.DataFrame({"y": y, "x": x, "z": pd.Categorical(z), "g": g})
    priors = {"x": "Normal(0, 3)", "x[c]": "Normal(0, 5)", "1[b]|g_sigma": "HalfNormal(0.5)"}
    families = {
        "softmax": conditional("y ~ x + z + (1 + x | g)", family=Softmax(), priors=priors),
        "ordered": conditional("y ~ x + z + (1 | g)", family=Ordered(), priors={"cutpoints": "Normal(0, 4)"}),
    }
    return workspace(frame, families[name])


NAMES = {
    "softmax": {
        "mu[0]": ("Intercept[b]", "x[b]", "z[v, b]"),
        "mu[1]": ("Intercept[c]", "x[c]", "z[v, c]"),
    },
    "ordered": {"mu": ("x", "z[v]"), "cutpoints": ("cutpoints[a]", "cutpoints[b]")},
}
each = pytest.mark.parametrize("name", NAMES)


@each
def test_coefficients_are_named_by_label(name: str) -> None:
    _, design = only(space(name))
    assert {p.key: p.names for p in design.predictors} == NAMES[name]
    assert {n for n in design.names if "|" not in n} == {n for names in NAMES[name].values() for n in names}
    draw = prior_draw(design, np.random.default_rng(1))
    assert {key: len(draw[key]) for key in NAMES[name]} == {key: len(names) for key, names in NAMES[name].items()}
    assert design.posterior(draw).shape == (len(design.names),)


def test_any_text_may_be_a_label() -> None:
    p = Parameter(name="mu", link="identity", labels=("n/a", "mu[0]"))
    assert [p.key(label) for label in p.labels] == ["mu[0]", "mu[1]"]
    assert p.key(None) == "mu"


def test_labels_share_one_matrix_and_a_covariance_of_effects() -> None:
    _, design = only(space("softmax"))
    assert design.widths == (("mu", 3), ("block0", 4))
    (block,) = design.blocks
    assert block.names == ("1[b]|g", "x[b]|g", "1[c]|g", "x[c]|g")
    assert "1[b]~~x[c]|g_corr" in design.names
    assert block.priors[0].args == (0.5,)


def test_priors_are_given_to_a_label_or_to_all() -> None:
    _, design = only(space("softmax"))
    assert [p.priors[1].args[1] / p.scale[1] for p in design.predictors] == pytest.approx([3.0, 5.0])
    assert [prior for p in design.predictors for prior in p.priors[:1]] == [design.predictors[0].priors[0]] * 2


def test_cutpoints_are_about_the_middle_of_the_data_and_told_where_columns_are_zero() -> None:
    work = space("ordered")
    target, design = only(work)
    (mu,) = (p for p in design.predictors if p.key == "mu")
    columns = completed(work).columns
    np.testing.assert_allclose(design.matrices(columns)["mu"][target.fit_rows].mean(axis=0), 0.0, atol=1e-12)
    draw = prior_draw(design, np.random.default_rng(3))
    told = dict(zip(design.names, design.posterior(draw), strict=True))
    x = mu.matrix.evaluate(columns)  # pyright: ignore[reportOptionalMemberAccess]
    cuts = np.array([told["cutpoints[a]"], told["cutpoints[b]"]])
    plain = cuts - (x @ np.array([told[name] for name in mu.names]))[:, None]
    effects = design.effects(draw)["1|g"][work.incomplete.codes("g")]
    theta = placed(work).predict(draw, design.matrices(columns), np.arange(len(x)))
    np.testing.assert_allclose(plain - effects[:, None], theta["cutpoints"] - theta["mu"][:, None])


def test_what_is_bound_is_no_option_and_in_no_plan() -> None:
    work = space("softmax")
    assert options(Softmax) == ()
    assert only(work)[0].family == Softmax(labels=("a", "b", "c"))
    assert work.plan.conditionals[0].family == Softmax()


def test_what_the_check_says_of_them() -> None:
    frame = space("ordered").incomplete.frame
    made = conditional("y ~ x", family=Ordered(), priors={"cutpoints": "HalfNormal(1)", "cutpoints[a]": "Normal(0, 1)"})
    found = {p.path: p.finding for p in check(Plan.of([made]), frame)}
    assert found == {
        'conditional[y].priors."cutpoints"': "HalfNormal(sigma=1.0) cannot be the prior of ordered parameters",
        'conditional[y].priors."cutpoints[a]"': "the model has no such parameter",
    }
    moved = replace(made, formulas={**made.formulas, "cutpoints": "x"}, priors={})
    (problem,) = check(Plan.of([moved]), frame)
    assert (problem.path, problem.severity) == ("conditional[y].formulas.cutpoints", "error")


@pytest.mark.by_default("non-centred-*")
@each
@pytest.mark.parametrize("flag", [True, False], ids=["centred", "non-centred"])
def test_the_log_density_is_that_of_priors_effects_and_family(name: str, flag: bool) -> None:
    work = space(name)
    design, data = centred(only(work)[1], flag), graph_data(work)
    assert sorted(k for k in data if k.startswith("X_")) == ["X_block0", "X_mu"]
    model = build(design, data)
    layout, logp = layout_of(design, model), compiled_logp(model)
    rng = np.random.default_rng(7)
    for spread in (0.1, 0.7):
        q = rng.normal(0, spread, layout.size)
        assert logp(q) == pytest.approx(plain_logp(layout, q, data), rel=1e-7)


def test_ascending_numbers_go_there_and_back_and_are_drawn_in_order() -> None:
    _, design = only(space("ordered"))
    vector = vectors(design)["cutpoints"]
    ((slot, _),) = vector.slots
    raw = np.array([-0.3, 1.2])
    np.testing.assert_allclose(slot.constrain(raw), [-0.3, -0.3 + np.exp(1.2)])
    np.testing.assert_allclose(slot.unconstrain(slot.constrain(raw)), raw)
    rng = np.random.default_rng(2)
    assert all((np.diff(vector.draw(rng)) > 0).all() for _ in range(20))


@each
def test_predictions_have_a_column_for_each_label(name: str) -> None:
    work = space(name)
    target, design = only(work)
    filled = completed(work)
    matrices = design.matrices(filled.columns)
    draw = prior_draw(design, np.random.default_rng(3))
    placement = placed(work)
    theta = placement.missing(draw, matrices)
    several = {"softmax": "mu", "ordered": "cutpoints"}[name]
    assert theta[several].shape == (len(target.missing_rows), 2)
    at_fit, y = design.theta(draw, placement.data(matrices, filled.values["y"]))
    there = placement.predict(draw, matrices, target.fit_rows)
    np.testing.assert_allclose(design.family.logp(y, at_fit), design.family.logp(y, there))
    cells = target.family.impute(np.random.default_rng(4), theta)
    assert set(cells) <= {0.0, 1.0, 2.0}


def test_chains_start_with_ascending_numbers() -> None:
    work = space("ordered")
    model = build(only(work)[1], graph_data(work))
    layout, logp = layout_of(only(work)[1], model), compiled_logp(model)
    q = layout.start(np.random.default_rng(8), 1.0)
    assert np.isfinite(logp(q))
    assert (np.diff(layout.unpack(q)["cutpoints"]) > 0).all()


@pytest.mark.slow
def test_nuts_draws_them(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(nuts, "POLISHED", (40, 40, 30, 20))
    work = space("softmax")
    _, design = only(work)
    data, rng = graph_data(work), np.random.default_rng(6)
    posterior = Nuts().compile(ConditionalModel(design, data))
    state = posterior.init(data, rng)
    draws = []
    for _ in range(20):
        state, draw, _ = posterior.step(state, data, rng)
        draws.append(design.posterior(draw))
    slopes = np.array(draws)[:, [design.names.index("x[b]"), design.names.index("x[c]")]].mean(axis=0)
    assert 0 < slopes[0] < slopes[1] < 3
    assert np.isfinite(design.logp(draw, data)).all()
