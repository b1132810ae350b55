"""What ArviZ is given of a run: log-likelihoods, log priors, predictions, and of which units and clusters."""

from collections.abc import Mapping
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Literal

import numpy as np
import pandas as pd
import pytest
from graphs import LOGPDF, PLANS
from modelling import conditional, school_frame
from scipy import integrate, stats

import bayesimpute as bi
from bayesimpute.designs.design import SYSTEMATIC, Design
from bayesimpute.inspection.arviz_groups import _Source
from bayesimpute.inspection.cluster_likelihood import ClusterLikelihood
from bayesimpute.inspection.visits import Visits
from bayesimpute.plan.conditional import Conditional

SMALL = {"m": 4, "chains": 2, "warmup": 1, "sweeps": 6, "sampler": "prior", "progress": False}
DOUBT = conditional("y ~ x + (1 | school)", family="heckman_gaussian", selection="x + w + (1 | school)")


def frame_for(item: Conditional, *, doubt: bool = False) -> pd.DataFrame:
    frame = school_frame()
    other = "b" if item.target == "y" else "y"
    frame[other] = frame[other].fillna(0.0)
    if doubt:
        frame.loc[frame["school"].isin([3, 8]), "y"] = np.nan
    return frame


@cache
def run_of(name: str) -> bi.MultiplyImputed:
    """Of a plan of one variable, with draws from its prior: densities do not care whence parameters are."""
    item = PLANS.get(name, DOUBT)
    return bi.impute(frame_for(item, doubt=name == "doubt"), item, seed=1, keep=item.target, **SMALL)


def source(name: str) -> _Source:
    made = run_of(name)
    return _Source(made, made.targets[0], "auto")


def standardised(made: bi.MultiplyImputed) -> Mapping[tuple[int, int], Mapping[str, np.ndarray]]:
    """Draws as the run had them at its imputations, by chain and draw."""
    record = made.record
    found = {}
    for leg in record.legs:
        for k, each in leg.made.items():
            chain, sweep = record.schedule.place(k)
            found[chain, sweep - record.schedule.base - 1] = each.draws[made.targets[0]]
    return found


@pytest.mark.filterwarnings("ignore")  # a prior's draws of a formula for sigma go far
@pytest.mark.parametrize("name", PLANS)
def test_log_likelihoods_add_up_to_the_familys(name: str) -> None:
    made, of = run_of(name), source(name)
    found = made.posterior(made.targets[0], ["log_likelihood"])["log_likelihood"]
    total = sum(v.sum([d for d in v.dims if d not in ("chain", "draw")]) for v in found.data_vars.values())
    design = of.model.design
    unit = len(of.units) * np.log(design.scale)
    draws = standardised(made)
    assert len(draws) == 4
    for (chain, draw), each in draws.items():
        wanted = design.logp(each, of.model.data).sum() - unit
        np.testing.assert_allclose(float(total[chain, draw]), wanted, rtol=1e-4)


def test_clusters_in_doubt_have_their_indicators_summed_out() -> None:
    made, of = run_of("doubt"), source("doubt")
    found = made.posterior("y", ["log_likelihood", "observed_data"])
    assert list(found["log_likelihood"].data_vars) == ["y", "observed(y)", "empty(y)"]
    assert found["observed_data"]["empty(y)"].values.tolist() == [1.0] * 2 + [0.0] * 10
    design, empty = of.model.design, of.model.data["empty"]
    for (chain, draw), each in standardised(made).items():
        parts = []
        for state in ((0, 0), (0, 1), (1, 0), (1, 1)):  # of the two clusters' indicators
            share = each["systematic"]
            prior = sum(np.log(share if z else 1 - share) for z in state) + 10 * np.log(1 - share)
            given = {**each, SYSTEMATIC: np.array(state)}
            parts.append(prior + design.logp(given, of.model.data).sum())
        wanted = np.logaddexp.reduce(parts) - len(of.units) * np.log(design.scale)
        got = sum(float(v[chain, draw].sum()) for v in found["log_likelihood"].data_vars.values())
        np.testing.assert_allclose(got, wanted, rtol=1e-4)
    assert (empty < 2).sum() == 20


@pytest.mark.parametrize("name", [*PLANS, "doubt"])
def test_log_priors_are_scipys_up_to_a_constant(name: str) -> None:
    made, of = run_of(name), source(name)
    tree = made.posterior(made.targets[0], ["posterior", "log_prior"])
    found = tree["log_prior"].to_dataset()
    assert set(found.data_vars) <= set(tree["posterior"].data_vars)
    total = sum(v.sum([d for d in v.dims if d not in ("chain", "draw")]) for v in found.data_vars.values())
    differences = [float(total[place]) - plain(of.model.design, each) for place, each in standardised(made).items()]
    np.testing.assert_allclose(differences, differences[0], rtol=1e-6, atol=1e-6)


def plain(design: Design, draw: Mapping[str, np.ndarray]) -> float:
    """The log density of a draw's parameters by SciPy on the samplers' scale, a correlation's on Fisher's z."""
    total = 0.0
    for p in design.predictors:
        for prior, value in zip(p.priors, np.atleast_1d(draw[p.key]), strict=True):
            if prior.name == "FisherNormal":
                total += stats.norm.logpdf(np.arctanh(value), *prior.args)
            elif prior.name == "ScaledBeta":
                total += stats.beta.logpdf((1 + value) / 2, *prior.args) + np.log1p(-(value**2))
            else:
                total += LOGPDF[prior.name](value, *prior.args)
                alone = p.parameter.support if p.matrix is None else ""
                total += np.log1p(-(value**2)) if alone == "signed unit" else 0.0
                total += np.log(value * (1 - value)) if alone == "unit" else 0.0
    for b in design.blocks:
        total += sum(LOGPDF[q.name](sd, *q.args) for q, sd in zip(b.priors, draw[f"{b.key}_sd"], strict=True))
        if b.width > 1:
            root = draw[f"{b.key}_root"]
            covariance = root @ root.T
            sd = np.sqrt(np.diag(covariance))
            total += (b.correlations.args[0] - 1) * np.linalg.slogdet(covariance / np.outer(sd, sd))[1]
    return float(total)


def clusters_of(name: str) -> tuple[ClusterLikelihood, _Source]:
    of = source(name)
    codes = of.result.incomplete.codes("school")[of.step.model_rows]
    whole = Visits(model=of.model, kept=of.visits.kept, units=of.observed)
    return ClusterLikelihood(whole, codes, 12), of


def test_normal_clusters_are_those_of_the_multivariate_normal() -> None:
    made, of = run_of("gaussian"), source("gaussian")
    found = made.posterior("y", ["log_likelihood"], by="school")["log_likelihood"]["y"]
    design, data = of.model.design, of.model.data
    (block,) = design.blocks
    for (chain, draw), each in standardised(made).items():
        mean = data["X_mu"] @ each["mu"] + design.predictor("mu").offset
        for j in range(12):
            mine = data[f"codes_{block.key}"] == j
            z = data[f"X_{block.key}"][mine] @ each[f"{block.key}_root"]
            covariance = z @ z.T + each["sigma"] ** 2 * np.eye(mine.sum())
            wanted = stats.multivariate_normal(mean[mine], covariance).logpdf(data["y_data"][mine])
            wanted -= mine.sum() * np.log(design.scale)
            np.testing.assert_allclose(float(found[chain, draw, j]), wanted, rtol=1e-4)


def test_quadrature_is_the_closed_form_where_there_is_one(monkeypatch: pytest.MonkeyPatch) -> None:
    of, _ = clusters_of("gaussian")
    closed = of.log_likelihood()
    monkeypatch.setattr(ClusterLikelihood, "_normal", lambda self, integral: integral.quadrature())
    np.testing.assert_allclose(of.log_likelihood(), closed, rtol=1e-6)


def test_quadrature_is_the_integral() -> None:
    """Of a probit model, and of a selection model whose two equations have correlated effects."""
    for name in ("probit", "selection"):
        of, _ = clusters_of(name)
        found = of.log_likelihood()
        visits, blocks = of.visits, [of.visits.block(b.key) for b in of.blocks]
        each = [tuple(np.asarray(a[0, 1], dtype=float) for a in block) for block in blocks]
        at = of._integral(visits.etas(0, 1), each)
        grid = np.linspace(-8, 8, 97)
        points = np.stack(np.meshgrid(*[grid] * at.width, indexing="ij"), axis=-1).reshape(-1, at.width)
        logs = np.array([at.density(np.broadcast_to(point, (12, at.width))) for point in points])
        values = np.exp(logs - logs.max(axis=0)).reshape(*[97] * at.width, 12)
        for _ in range(at.width):
            values = integrate.trapezoid(values, grid, axis=0)
        wanted = np.log(values) + logs.max(axis=0) - at.width / 2 * np.log(2 * np.pi)
        np.testing.assert_allclose(found[0, 1], wanted, atol=2e-3)


def test_predictions_have_the_moments_of_their_law() -> None:
    made, of = run_of("heckman_gaussian"), source("heckman_gaussian")
    visits = of.visits
    rng = np.random.default_rng(4)
    theta = visits.theta(visits.etas(0, 1))
    many = np.stack([visits.design.family.replicate(rng, theta) for _ in range(4000)])
    s, rho = theta["selection"], theta["rho"]
    mills = np.exp(stats.norm.logpdf(s) - stats.norm.logcdf(s))
    wanted = theta["mu"] + theta["sigma"] * rho * mills
    error = many.std(axis=0) / np.sqrt(len(many))
    assert (np.abs(many.mean(axis=0) - wanted) < 5 * error).all()
    found = made.posterior("y", ["posterior_predictive", "observed_data"])
    for name in found["observed_data"].data_vars:
        assert found["posterior_predictive"][name].dims[2:] == found["observed_data"][name].dims


def chained(**more: object) -> bi.MultiplyImputed:
    frame = school_frame().drop(columns="b")
    frame.loc[::9, "x"] = np.nan
    frame.loc[frame.index[2::11], "c"] = np.nan
    frame["c"] = frame["c"].cat.remove_categories("r")
    plan = ["y ~ x + cluster_mean(d, school) + (1 | school)", "x ~ c + w", "c ~ y"]
    plan[0] = "y ~ x * c + w + (1 | school)"
    return bi.impute(frame, plan, seed=3, **{**SMALL, **more})


def test_in_chained_equations_units_with_imputed_predictors_are_left_out() -> None:
    made = chained(keep=["y"])
    frame = made.incomplete.frame
    tree = made.posterior("y", ["log_likelihood", "observed_data", "posterior_predictive"])
    whole = frame.index[frame[["y", "x", "c"]].notna().all(axis=1)]
    assert tree.attrs["leaving_out"] == "heuristic"
    for group in tree.children:
        assert tree[group]["y"]["__obs__"].values.tolist() == whole.tolist()
    everything = made.posterior("y", ["log_likelihood"], units="all")["log_likelihood"]["y"]
    assert everything.sizes["__obs__"] == frame["y"].notna().sum() and not everything.isnull().any()
    np.testing.assert_array_equal(everything.sel(__obs__=whole), tree["log_likelihood"]["y"])
    with pytest.raises(bi.InputError, match='units="all"'):
        made.posterior("y", ["log_likelihood"], by="school")


def test_a_cluster_mean_of_an_imputed_variable_is_an_imputed_predictor() -> None:
    frame = school_frame().drop(columns="b")
    frame.loc[frame["school"] == 4, "x"] = np.nan
    frame.loc[[5], "x"] = np.nan
    plan = ["y ~ w + cluster_mean(x, school) + (1 | school)", "x ~ w"]
    made = bi.impute(frame, plan, seed=3, keep="y", **SMALL)
    units = made.posterior("y", ["log_likelihood"])["log_likelihood"]["__obs__"].values
    assert set(frame["school"][units]) == set(range(12)) - {4, 5}


def test_what_was_kept_is_saved_resumed_and_costs_the_run_nothing(tmp_path: Path) -> None:
    kept, plain_run = chained(keep=["y"]), chained()
    assert kept.completed(3).equals(plain_run.completed(3))
    kept.save(tmp_path / "run.nc")
    groups = ["posterior", "log_likelihood", "posterior_predictive", "log_prior"]
    again = bi.load(tmp_path / "run.nc")
    assert again.posterior("y", groups).identical(kept.posterior("y", groups))
    longer, both = kept.extend(6, progress=False), again.extend(6, progress=False)
    assert longer.posterior("y", groups).identical(both.posterior("y", groups))
    assert not longer.posterior("y", groups)["log_likelihood"]["y"].isnull().any()


def compatible_run(keep: str | tuple[str, ...] = ("y", "x"), conditionals: object = "x ~ w") -> bi.MultiplyImputed:
    frame = school_frame().drop(columns="b")
    frame.loc[::9, "x"] = np.nan
    frame.loc[2::9, "w"] = np.nan
    near = {"Intercept": "Normal(10, 1)", "w": "Normal(1, 0.1)", "sigma": "Gamma(90, 30)"}
    given = [conditional("x ~ w", priors=near), "w ~ 1"] if conditionals == "x ~ w" else conditionals
    analysis = conditional("y ~ x + (1 | school)", priors=NEAR)
    return bi.impute(frame, given, analysis=analysis, seed=3, keep=keep, **SMALL)


def test_a_compatible_plan_has_one_joint_posterior() -> None:
    made = compatible_run()
    frame = made.incomplete.frame
    tree = made.posterior("y", ["log_likelihood"])
    assert tree.attrs["leaving_out"] == "exact"
    assert tree["log_likelihood"]["y"].sizes["__obs__"] == frame["y"].notna().sum()


def test_a_covariate_is_normalised_over_its_values() -> None:
    """Which values, :mod:`tests.compatible.test_normalised` says."""
    made = compatible_run()
    tree = made.posterior("x", ["log_likelihood", "observed_data"])
    known = made.incomplete.frame["x"].dropna()
    assert tree.attrs["leaving_out"] == "exact"
    np.testing.assert_allclose(tree["observed_data"]["x"], known)
    assert tree["log_likelihood"]["x"]["__obs__"].values.tolist() == known.index.tolist()
    assert np.isfinite(tree["log_likelihood"]["x"]).all()
    assert made.completed(3).equals(compatible_run(()).completed(3))
    with pytest.raises(bi.InputError, match="those of y together; ask for predictions of y"):
        made.posterior("x", ["posterior_predictive"])
    with pytest.raises(bi.InputError, match=r'by: values of "x" are in the models of y'):
        made.posterior("x", ["log_likelihood"], by="school")
    with pytest.raises(bi.InputError, match=r'keep=\["x"\]'):
        compatible_run("y").posterior("x", ["log_likelihood"])
    with pytest.raises(bi.InputError, match='"x" and others are read by each other'):
        compatible_run("x", ["x ~ w", "w ~ x"]).posterior("x", ["log_likelihood"])


@pytest.mark.parametrize("scale", ["predictor", "value"])
def test_adjusted_values_have_no_likelihood(scale: Literal["predictor", "value"]) -> None:
    moved = bi.Adjustment(target="y", shift="x - 5", scale=scale)
    plan = replace(bi.Plan.of("y ~ x + (1 | school)"), adjustments=(moved,))
    made = bi.impute(school_frame().drop(columns="b"), plan, seed=3, keep="y", **SMALL)
    with pytest.raises(bi.InputError, match='what is imputed for "y" is adjusted by an assumption'):
        made.posterior("y", ["log_likelihood"])
    assert made.posterior("y", ["posterior_predictive"])["posterior_predictive"]["y"].sizes["__obs__"] == 96


@pytest.mark.filterwarnings("ignore")  # draws of a prior have weights with heavy tails
def test_a_selection_model_is_compared_by_what_was_observed_given_that_it_was() -> None:
    frame, near = school_frame().drop(columns="b"), {name: prior for name, prior in NEAR.items() if name != "x"}
    more = {"seed": 3, "keep": "y", **SMALL, "sweeps": 60}
    mar = conditional("y ~ x + (1 | school)", priors=near)
    mnar = replace(mar, family="heckman_gaussian", formulas={**mar.formulas, "selection": "x + w"})
    runs = {name: bi.impute(frame, item, **more) for name, item in {"mar": mar, "mnar": mnar}.items()}
    found = bi.compare_models(runs, target="y").table.loc[""]
    assert found["units"].tolist() == [96, 96]
    from arviz_stats.loo import loo

    for name, run in runs.items():
        tree = run.posterior("y", ["posterior", "log_likelihood"])
        assert found.loc[name, "elpd"] == pytest.approx(loo(tree, var_name="y").elpd)


def test_where_every_observed_unit_has_an_imputed_predictor_none_is_left_out() -> None:
    frame = school_frame().drop(columns="b")
    frame["x"] = frame["x"].where(frame["y"].isna())
    made = bi.impute(frame, ["y ~ x + w", "x ~ w"], seed=3, keep="y", **SMALL)
    with pytest.raises(bi.InputError, match=r'no observed value of "y" whose predictors are all observed.*units="all"'):
        made.posterior("y", ["log_likelihood"])
    with pytest.raises(bi.InputError, match='no model in the run "a"'):
        bi.compare_models({"a": made, "b": made}, target="w")
    with pytest.raises(bi.InputError, match="whose predictors are all observed"):
        bi.compare_models({"a": made, "b": made}, target="y")


def test_bad_requests_say_what_to_do() -> None:
    made = chained()
    with pytest.raises(bi.InputError, match=r'keep=\["y"\]'):
        made.posterior("y", ["log_likelihood"])
    with pytest.raises(bi.InputError, match="log_likelihood"):
        made.posterior("y", ["log_likelyhood"])
    with pytest.raises(bi.InputError, match="no model in the plan"):
        chained(keep=["w"])
    with pytest.raises(bi.InputError, match="was not imputed"):
        made.posterior("w")
    with pytest.raises(bi.InputError, match="among the groups"):
        run_of("gaussian").posterior("y", by="school")
    with pytest.raises(bi.InputError, match="is no cluster key"):
        run_of("gaussian").posterior("y", ["log_likelihood"], by="c")
    with pytest.raises(bi.InputError, match="effects of region"):
        run_of("two factors").posterior("y", ["log_likelihood"], by="school")


NEAR = {
    "Intercept": "Normal(50, 1)",
    "x": "Normal(4, 0.1)",
    "sigma": "Gamma(800, 80)",
    "1|school_sigma": "Gamma(50, 10)",
}


def test_two_imputation_models_are_compared_on_the_same_units() -> None:
    frame = school_frame().drop(columns="b")
    near = {name: prior for name, prior in NEAR.items() if name != "x"}
    more = {**SMALL, "sweeps": 60}
    items = [conditional(f"y ~ {x} + (1 | school)", priors=near) for x in ("x", "w")]
    one, two = (bi.impute(frame, item, seed=3, keep="y", **more) for item in items)
    found = bi.compare_models({"x": one, "w": two}, target="y", by="region")
    assert found.table.loc[("", slice(None)), "units"].tolist() == [96, 96]
    groups = found.table.loc[["e", "n", "s", "w"]].groupby("model")[["units", "elpd"]].sum()
    np.testing.assert_allclose(groups["elpd"], found.table.loc[""]["elpd"].sort_index(), rtol=1e-9)
    assert "says nothing of how missing values differ" in str(found)
    shorter = bi.impute(frame.assign(y=frame["y"].where(frame.index != 1)), "y ~ x", seed=3, keep="y", **SMALL)
    with pytest.raises(bi.InputError, match="other units: 96 and 95"):
        bi.compare_models({"x": one, "shorter": shorter}, target="y")
    other = bi.impute(frame.assign(y=frame["y"] + 1), "y ~ x", seed=3, keep="y", **SMALL)
    with pytest.raises(bi.InputError, match="differ between"):
        bi.compare_models({"x": one, "other": other}, target="y")
    with pytest.raises(bi.InputError, match="at least two"):
        bi.compare_models({"x": one}, target="y")
