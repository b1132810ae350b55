"""Many labels: the effects of all have one law, or one covariance matrix if a plan says so."""

from functools import cache
from typing import Any

import numpy as np
import pytest
from graphs import compiled_logp, layout_of, plain_logp
from modelling import conditional, graph_data, labelled_frame, only, workspace
from scipy import stats

from bayesimpute.base.errors import PlanError
from bayesimpute.checking import check
from bayesimpute.designs.design import Design
from bayesimpute.designs.graph import build
from bayesimpute.families import Categorical
from bayesimpute.inspection.log_priors import log_priors
from bayesimpute.inspection.prior_table import prior_table
from bayesimpute.plan.conditional import Conditional
from bayesimpute.plan.plan import Plan
from bayesimpute.running.workspace import Workspace
from bayesimpute.samplers.gibbs.label_moves import of_differences
from bayesimpute.samplers.gibbs.labels import Labels
from bayesimpute.samplers.gibbs.one_law import OneLaw
from bayesimpute.samplers.gibbs.posterior import clusters
from bayesimpute.samplers.prior import prior_draw

pytestmark = pytest.mark.long(6)

LABELS = "abcdefgh"
CORRELATED = Categorical(effects="correlated")


def item(right: str = "x + (1 + x | g) + (1 | h)", family: Any = "categorical", **more: Any) -> Conditional:
    return conditional(f"y ~ {right}", family=family, **more)


@cache
def space() -> Workspace:
    return workspace(labelled_frame(), item())


def design_of(given: Conditional, labels: str = LABELS) -> Design:
    return only(workspace(labelled_frame(labels), given))[1]


def test_deviations_are_one_for_each_key_and_term_and_effects_are_of_each_label() -> None:
    _, design = only(space())
    spread = [name for name in design.names if "|" in name]
    assert spread == ["1|g_sigma", "x|g_sigma", "1~~x|g_corr", "1|h_sigma"]
    assert len(design.blocks) == 16 and [b.key for b in design.laws] == ["block0", "block1"]
    draw = prior_draw(design, np.random.default_rng(1))
    told = dict(zip(design.names, design.posterior(draw), strict=True))
    effects = design.effects(draw)
    assert list(effects) == [f"{e}[{label}]|{g}" for label in LABELS for e, g in (("1", "g"), ("x", "g"), ("1", "h"))]
    assert np.unique([draw[f"{b.key}_sd"] for b in design.blocks if b.factor == "h"]) == told["1|h_sigma"]
    roots = [draw[f"{b.key}_root"] for b in design.blocks if b.factor == "g"]
    assert all(np.array_equal(root, roots[0]) for root in roots)


def test_effects_of_labels_are_independent_and_as_large_as_each_other() -> None:
    _, design = only(space())
    rng, found = np.random.default_rng(4), []
    for _ in range(2000):
        draw = prior_draw(design, rng)
        blocks = [b for b in design.blocks if b.factor == "h"]
        found.append([draw[b.key][0, 0] / draw[f"{b.key}_sd"][0] for b in blocks])
    moments = np.cov(np.array(found).T) - np.eye(len(LABELS))
    assert np.abs(moments).max() < 4.5 * np.sqrt(2 / 2000)


def test_up_to_six_labels_they_have_one_covariance_matrix_and_more_if_a_plan_says_so() -> None:
    (few,) = design_of(item("x + (1 | g)"), LABELS[:6]).blocks
    (more,) = design_of(item("x + (1 | g)", CORRELATED)).blocks
    assert (few.width, more.width) == (6, 8) and few.called == few.names
    (same,) = design_of(item("x + (1 | g)", CORRELATED), LABELS[:6]).blocks
    assert same.names == few.names and same.priors == few.priors
    assert len(design_of(item("x + (1 | g)"), LABELS[:7]).laws) == 1


def test_the_log_density_is_that_of_priors_effects_and_family() -> None:
    _, design = only(space())
    data = graph_data(space())
    model = build(design, data)
    assert {rv.name for rv in model.free_RVs if "sd" in rv.name} == {"block0_sd_Normal", "block1_sd_Normal"}
    layout, logp = layout_of(design, model), compiled_logp(model)
    rng = np.random.default_rng(7)
    for scale in (0.1, 0.7):
        q = rng.normal(0, scale, layout.size)
        assert logp(q) == pytest.approx(plain_logp(layout, q, data), rel=1e-7)


def test_a_prior_is_given_to_the_deviation_of_all_labels() -> None:
    design = design_of(item("x + (1 | g)", priors={"1|g_sigma": "HalfNormal(0.3)"}))
    assert {b.priors[0].args for b in design.blocks} == {(0.3,)}
    table = prior_table(design).set_index("parameter")["prior"]
    assert [name for name in table.index if "|" in name] == ["1|g_sigma"]
    assert table["1|g_sigma"] == "HalfNormal(sigma=0.3)"
    draws = {name: np.full((1, 2), 0.4) for name in design.names}
    assert log_priors(design, draws)["1|g_sigma"] == pytest.approx(stats.halfnorm(0, 0.3).logpdf(0.4))
    assert len(log_priors(design, draws)) == len(design.names)


def test_one_label_has_no_deviation_of_its_own() -> None:
    given = item("x + (1 | g)", priors={"1[a]|g_sigma": "HalfNormal(0.3)"})
    (problem,) = check(Plan.of([given]), labelled_frame())
    assert problem.finding == "the model has no such parameter" and "1|g_sigma" in problem.remedy
    correlated = item("x + (1 | g)", CORRELATED, priors={"1[a]|g_sigma": "HalfNormal(0.3)"})
    assert check(Plan.of([correlated]), labelled_frame()) == []


def one_law(design: Design) -> OneLaw:
    data = graph_data(space())
    engine = Labels.of(design, clusters(design, data), len(data["y_data"]))
    (found,) = [each for each in engine.together if each.block.factor == "g"]
    assert isinstance(found, OneLaw)
    return found


def test_what_effects_say_of_their_law_is_what_their_differences_say() -> None:
    """The density of the differences from the first label, whose covariance is (I + 11') times Sigma, and the prior."""
    _, design = only(space())
    whole, rng = one_law(design), np.random.default_rng(3)
    effects = rng.normal(size=(whole.block.size, whole.labels * whole.each))
    by_label = effects.reshape(-1, whole.labels, whole.each)
    differences = (by_label[:, 1:] - by_label[:, :1]).reshape(len(effects), -1)
    found, expected = [], []
    for theta in rng.normal(0, 0.4, (3, whole.lay.kinds.size)):
        root = whole.root({f"{whole.block.key}_theta": theta})[: whole.each, : whole.each]
        covariance = np.kron(np.eye(whole.labels - 1) + 1, root @ root.T)
        law = stats.multivariate_normal(np.zeros(len(covariance)), covariance)
        nothing = np.zeros((whole.each, whole.each)), np.eye(whole.each)
        prior = of_differences(theta, whole.lay._replace(sizes=np.array([0])), *nothing)
        found.append(of_differences(theta, whole.lay, *whole.known(effects)) - prior)
        expected.append(law.logpdf(differences).sum())
    np.testing.assert_allclose(np.diff(found), np.diff(expected))


def test_options_are_written_and_read_and_refused_where_there_are_none() -> None:
    plan = Plan.of([item("x + (1 | g)", Categorical(effects="correlated", labels="all"))])
    written = plan.to_toml()
    assert 'labels = "all"\neffects = "correlated"' in written and Plan.from_toml(written) == plan
    for family, text in (("gaussian", 'effects = "correlated"'), ("ordinal", 'effects = "correlated"')):
        with pytest.raises(PlanError, match="no such option; it belongs to categorical"):
            Plan.from_toml(f'[[conditional]]\nformula = "y ~ x"\nfamily = "{family}"\n{text}\n')
    (problem,) = check(Plan.of([item("x", Categorical(effects="something"))]), labelled_frame())  # pyright: ignore
    assert problem.path == "conditional[y].effects" and "auto, correlated" in problem.remedy
