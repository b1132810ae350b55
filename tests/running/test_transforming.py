"""New rows with a run's draws: calibrated against data made from the very parameters, known clusters as they were."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from looping import FORMULAS, prior_plan, run_prior, table

import bayesimpute as bi
from bayesimpute import DataError, Derived, InputError, MultiplyImputed
from bayesimpute.data.other_rows import other_rows
from bayesimpute.plan.new_rows import columns_read, on_new_rows
from bayesimpute.running import transforming
from bayesimpute.running.transforming import NewRows
from bayesimpute.running.workspace import Described, Workspace

CLUSTERS, SIZE, DRAWS = 240, 4, 39


def rows_of(imputed: MultiplyImputed, frame: pd.DataFrame) -> NewRows:
    """What `transform` works with."""
    record = imputed.record
    incomplete = other_rows(frame, record.incomplete, columns_read(record.resolved, record.incomplete))
    resolved = on_new_rows(record.resolved, record.incomplete, incomplete)
    run = Workspace(record.plan, record.incomplete, Described.of(record.plan, record.incomplete, record.resolved))
    return NewRows(run=run, incomplete=incomplete, resolved=resolved)


def parameters(imputed: MultiplyImputed, rows: NewRows, k: int, name: str) -> dict[str, float]:
    """Those behind dataset k, in the user's units."""
    design = rows.run.designs[name]
    made = {k: m for leg in imputed.record.legs for k, m in leg.made.items()}[k]
    return dict(zip(design.names, design.posterior(made.draws[name]), strict=True))


def new_clusters(rng: np.random.Generator) -> tuple[pd.DataFrame, np.ndarray]:
    """Rows of clusters that no run has seen; the last two of each have a missing target."""
    g = np.repeat(np.arange(CLUSTERS) + 1000, SIZE)
    gone = np.tile(np.arange(SIZE) >= SIZE - 2, CLUSTERS)
    return pd.DataFrame({"g": g, "x": rng.normal(size=len(g)), "z": 0.0, "w": 0.0}), gone


Draws = Callable[[np.random.Generator, np.ndarray, dict[str, float]], np.ndarray]
"""Of an outcome, given its linear predictor and the parameters of its model."""


def bernoulli(rng: np.random.Generator, eta: np.ndarray, p: dict[str, float]) -> np.ndarray:
    return (rng.random(len(eta)) < 1 / (1 + np.exp(-eta))).astype(float)


def gaussian(rng: np.random.Generator, eta: np.ndarray, p: dict[str, float]) -> np.ndarray:
    return eta + p["sigma"] * rng.normal(size=len(eta))


def ranks(imputed: MultiplyImputed, draws: Draws) -> np.ndarray:
    """Of data made from the parameters of dataset 0: for each new cluster the rank, between 0 and 1, of the sum of its
    missing values among draws of it.
    """
    rng = np.random.default_rng(5)
    frame, gone = new_clusters(rng)
    rows = rows_of(imputed, frame.assign(y=np.nan))
    p = parameters(imputed, rows, 0, "y")
    u = p["1|g_sigma"] * rng.standard_normal(CLUSTERS)
    eta = p["Intercept"] + p["x"] * frame["x"].to_numpy() + np.repeat(u, SIZE)
    y = draws(rng, eta, p)
    rows = rows_of(imputed, frame.assign(y=np.where(gone, np.nan, y)))
    leg = imputed.record.legs[0]
    found = [rows.impute(leg.made[0], leg.kept[0], np.random.default_rng(s), 4)[0]["y"] for s in range(DRAWS)]
    drawn = [each.reshape(-1, 2).sum(axis=1) for each in found]
    truth = y[gone].reshape(-1, 2).sum(axis=1)
    below, ties = (np.array(drawn) < truth).sum(axis=0), (np.array(drawn) == truth).sum(axis=0)
    return (below + np.random.default_rng(6).integers(0, ties + 1) + 0.5) / (DRAWS + 1)


def assert_uniform(pit: np.ndarray) -> None:
    """Mean and mean square about 1/2 of uniform numbers, within five Monte Carlo errors."""
    assert abs(pit.mean() - 0.5) < 5 * np.sqrt(1 / 12 / len(pit))
    assert abs(((pit - 0.5) ** 2).mean() - 1 / 12) < 5 * np.sqrt(1 / 180 / len(pit))


@pytest.fixture(scope="module", params=[False, True], ids=["gaussian", "bernoulli"])
def drawn(request: pytest.FixtureRequest) -> tuple[MultiplyImputed, Draws]:
    frame = table(clusters=10, size=6)
    if request.param:
        frame["y"] = (frame["y"] > 2).astype(float).where(frame["y"].notna())
    priors = {"1|g_sigma": "HalfNormal(3)", "x": "Normal(0, 1)"}
    priors |= {} if request.param else {"sigma": "HalfNormal(1)"}
    model = bi.Conditional(target="y", formulas={"mu": "y ~ x + (1 | g)"}, priors=priors)
    return run_prior(
        frame.assign(x=frame["x"].fillna(0.0)), model, m=2, seed=3
    ), bernoulli if request.param else gaussian


@pytest.mark.by_default("bernoulli")
def test_cells_of_new_clusters_are_calibrated(drawn: tuple[MultiplyImputed, Draws]) -> None:
    assert_uniform(ranks(*drawn))


def test_without_effects_of_new_clusters_they_are_not(
    drawn: tuple[MultiplyImputed, Draws], monkeypatch: pytest.MonkeyPatch
) -> None:
    def flat(draw: dict, bench: Any, step: Any, rng: np.random.Generator) -> dict:
        known = bench.workspace.placements[step.name].design.blocks[0].size
        return {**draw, "block0": np.where(np.arange(len(draw["block0"]))[:, None] < known, draw["block0"], 0.0)}

    monkeypatch.setattr(transforming, "redrawn_clusters", flat)
    with pytest.raises(AssertionError):
        assert_uniform(ranks(*drawn))


@pytest.mark.parametrize("drawn", [False], indirect=True, ids=["gaussian"])
def test_effects_of_new_clusters_without_values_are_the_populations(drawn: tuple[MultiplyImputed, Draws]) -> None:
    imputed, _ = drawn
    frame, _ = new_clusters(np.random.default_rng(1))
    made = imputed.transform(frame.assign(y=np.nan, x=0.0), seed=2)
    p = parameters(imputed, rows_of(imputed, frame.assign(y=np.nan)), 1, "y")
    means = made.completed(1).groupby("g")["y"].mean()
    expected = p["1|g_sigma"] ** 2 + p["sigma"] ** 2 / SIZE
    assert abs(means.var() / expected - 1) < 5 * np.sqrt(2 / CLUSTERS)
    assert abs(means.mean() - p["Intercept"]) < 5 * np.sqrt(expected / CLUSTERS)


LEVELS = ("y ~ x + cluster_mean(x, g) + w + (1 | g)", "x ~ z + (1 | g)", "w ~ cluster_mean(z, g)")


@pytest.fixture(scope="module")
def levels() -> tuple[MultiplyImputed, pd.DataFrame]:
    frame = table(clusters=30, size=6)
    frame["w"] = frame["w"].mask(frame["g"] % 3 == 0)
    return run_prior(
        frame, *LEVELS, m=10, sweeps=5, derived=[Derived(name="more", expression="x - cluster_mean(x, g)")]
    ), frame


def test_known_clusters_are_what_they_were(levels: tuple[MultiplyImputed, pd.DataFrame]) -> None:
    imputed, frame = levels
    made = imputed.transform(frame.sample(frac=1, random_state=1), seed=4)
    residuals = []
    rows = rows_of(imputed, frame)
    draws = {k: each.draws["y"] for leg in imputed.record.legs for k, each in leg.made.items()}
    design, gone = rows.run.designs["y"], frame["y"].isna().to_numpy()
    for k in range(imputed.m):
        was, now = imputed.completed(k), made.completed(k).loc[frame.index]
        np.testing.assert_allclose(now["w"], was["w"])  # a variable of clusters has one value in a cluster
        means = was.groupby("g")["x"].transform("mean").to_numpy()
        np.testing.assert_allclose(now["more"], now["x"] - means)
        p = dict(zip(design.names, design.posterior(draws[k]), strict=True))
        effects = design.effects(draws[k])["1|g"][frame["g"]]
        mu = p["Intercept"] + p["x"] * now["x"] + p["cluster_mean(x, g)"] * means + p["w"] * now["w"] + effects
        residuals.append(((now["y"] - mu) / p["sigma"])[gone])
    z = np.concatenate(residuals)
    assert abs(z.mean()) < 5 / np.sqrt(len(z)) and abs(z.var() - 1) < 5 * np.sqrt(2 / len(z))


def test_compatible_draws_of_new_rows_follow_the_models_that_read_them() -> None:
    frame = table(clusters=20, size=10)
    plan = prior_plan("x ~ z + (1 | g)", m=6)
    plan = bi.Plan.of(list(plan.conditionals), run=plan.run, substantive=("y ~ x + (1 | g)",))
    imputed = bi.impute(frame, plan, seed=1, progress=False)
    made = imputed.transform(frame, seed=2)
    rows = rows_of(imputed, frame)
    asked = (frame["x"].isna() & frame["y"].notna()).to_numpy()
    residuals = []
    for k in range(imputed.m):
        x, y = parameters(imputed, rows, k, "x"), parameters(imputed, rows, k, "y")
        draws = {k: each.draws for leg in imputed.record.legs for k, each in leg.made.items()}[k]
        of_x, of_y = (rows.run.designs[n].effects(draws[n])["1|g"][frame["g"]] for n in ("x", "y"))
        precision = 1 / x["sigma"] ** 2 + (y["x"] / y["sigma"]) ** 2
        own = (x["Intercept"] + x["z"] * frame["z"] + of_x) / x["sigma"] ** 2
        mean = (own + y["x"] * (frame["y"] - y["Intercept"] - of_y) / y["sigma"] ** 2) / precision
        residuals.append(((made.completed(k)["x"] - mean) * np.sqrt(precision))[asked])
    z = np.concatenate(residuals)
    assert abs(z.mean()) < 5 / np.sqrt(len(z)) and abs(z.var() - 1) < 5 * np.sqrt(2 / len(z))


def test_what_is_missing_of_a_selection_model_counts_as_not_selected() -> None:
    rng = np.random.default_rng(1)
    frame = table(clusters=12, size=10).assign(z=rng.normal(size=120))
    formulas = {"mu": "y ~ z + (1 | g)", "selection": "z + w + (1 | g)"}
    frame.loc[frame["g"] == 3, "y"] = np.nan
    model = bi.Conditional(target="y", family="heckman_gaussian", formulas=formulas)
    imputed = run_prior(frame.drop(columns="x"), model, m=8)
    new = frame.drop(columns="x").assign(g=lambda d: np.where(d["g"] > 5, d["g"] + 100, d["g"]), y=np.nan)
    made = imputed.transform(new, seed=2)
    target = made.record.resolved.target("y")
    assert target.empty is not None
    assert target.empty.labels == ("3", *(str(g + 100) for g in range(6, 12)))  # known with values: 0, 1, 2, 4, 5
    assert not made.to_long()["y"].isna().any()
    assert not imputed.transform(new.assign(y=frame["y"]), seed=2).to_long()["y"].isna().any()


@pytest.mark.by_default("nc")
@pytest.mark.parametrize("ending", ["nc", "zarr"])
def test_saved_and_loaded_it_is_the_same(tmp_path: Path, ending: str) -> None:
    frame = table()
    frame["w"] = frame["w"].mask(frame["g"] % 3 == 0)
    imputed = run_prior(frame, *LEVELS, m=2, derived=[Derived(name="more", expression="x - cluster_mean(x, g)")])
    new = frame.assign(g=frame["g"] + 5)
    made = imputed.transform(new)
    imputed.save(tmp_path / f"run.{ending}")
    again = bi.load(tmp_path / f"run.{ending}").transform(new)
    made.save(tmp_path / f"new.{ending}")
    loaded = bi.load(tmp_path / f"new.{ending}")
    for other in (again, loaded):
        pd.testing.assert_frame_equal(other.to_long(), made.to_long())
    pd.testing.assert_frame_equal(loaded.events, made.events)
    assert not imputed.transform(new, seed=99).to_long()["y"].equals(made.to_long()["y"])
    pooled = loaded.pool("y ~ x")
    pd.testing.assert_frame_equal(pooled.terms, made.pool("y ~ x").terms)
    estimated, described = loaded.estimate(variable="y").table, made.describe("y").tables["Means"]
    assert estimated["estimate"].iloc[0] == pytest.approx(described["estimate"].iloc[0])
    known = new["y"].notna()
    assert (loaded.completed(1).loc[known, "y"] == new.loc[known, "y"]).all()


def test_what_makes_no_sense_of_new_rows_says_so(levels: tuple[MultiplyImputed, pd.DataFrame], tmp_path: Path) -> None:
    made = levels[0].transform(levels[1].head(12))
    made.save(tmp_path / "new.nc")
    uses = {
        "diagnose": made.diagnose,
        "report on": made.report,
        "extend": lambda: made.extend(10),
        "add to": lambda: made.add(2),
        "transform": lambda: made.transform(levels[1]),
        "resume": lambda: bi.resume(tmp_path / "new.nc"),
        "identify": lambda: bi.identification(made),
    }
    for verb, use in uses.items():
        with pytest.raises(InputError, match=f"have no chains of their own to {verb}; {verb} that run"):
            use()


def test_every_problem_of_new_rows_is_said_at_once() -> None:
    frame = table().assign(c=["a", "b"] * 20, v=table()["z"].round(1))
    imputed = run_prior(frame, "y ~ x + c + v + w + (1 | g)", FORMULAS[1])
    new = frame.drop(columns="v").assign(c="new", x="text", g=frame["g"].astype(str), w=frame["z"])
    with pytest.raises(DataError) as caught:
        imputed.transform(new)
    found = {problem.path: problem.finding for problem in caught.value.problems}
    assert found == {
        "data": 'there is no column "v", which the models read',
        "data[g]": "its values are texts or categories, and were numbers in the data of the run",
        "data[x]": "its values are texts or categories, and were numbers in the data of the run",
        "data[c]": '1 label never seen in the run: "new"',
        "data[w]": found["data[w]"],
    }
    assert found["data[w]"].startswith("it differs within clusters of g")
    with pytest.raises(DataError, match=r"data\[v\]: 3 values are missing, and the run has no model of it"):
        imputed.transform(frame.assign(v=frame["v"].mask(np.arange(40) < 3)))
    with pytest.raises(DataError, match="not a data frame"):
        imputed.transform([1, 2])  # type: ignore[arg-type]


def test_columns_are_what_they_were_in_the_run() -> None:
    frame = table()
    frame["y"] = pd.Series(np.where(frame["y"] > 2, "no", "a yes"), dtype="str").mask(frame["y"].isna())
    imputed = run_prior(frame)
    for given in (None, np.nan, "no"):
        new = frame.head(6).assign(y=pd.Series([given] * 6, dtype=object))
        made = imputed.transform(new)
        assert set(made.to_long()["y"]) <= {"no", "a yes"}
        assert given != "no" or (made.to_long()["y"] == "no").all()
