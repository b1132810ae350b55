"""Coefficients of columns that clusters nearly make up for, moved with the effects going the other way."""

import numpy as np
import pandas as pd
import pytest
from modelling import completed, conditional, only, placed, workspace

from bayesimpute.numerics.compiling import compiled
from bayesimpute.samplers.gibbs.count_moves import move_against_effects
from bayesimpute.samplers.gibbs.counts import Counting, Counts, shifts_of

pytestmark = pytest.mark.long(8)

CLUSTERS, EACH, REPLICATES, ERRORS = 6, 8, 4000, 4.0
WIDE = 0.4
"""The effects' deviation."""


@compiled
def moved(rng, counted, z, h, eta, d, ks, factor, of, matrix, columns, lay):
    move_against_effects(rng, counted, 0.0, z, h, eta, d, ks, factor, of, matrix, columns, lay)


@pytest.fixture(scope="module")
def fitted() -> Counting:
    """A Poisson model of which one column is mostly of clusters, another not at all."""
    rng = np.random.default_rng(1)
    g = np.repeat(np.arange(CLUSTERS), EACH)
    frame = pd.DataFrame({"g": g, "x": rng.normal(size=CLUSTERS)[g] + rng.normal(0, 0.3, g.size)})
    frame["w"] = rng.normal(size=g.size)
    frame["y"] = pd.Series(rng.poisson(1.0, g.size).astype(float)).where(np.arange(g.size) % 8 != 7)
    space = workspace(frame, conditional("y ~ x + w + (1 | g)", family="poisson"))
    done, (_, design), at = completed(space), only(space), placed(space)
    data = at.data(design.matrices(done.columns), done.values["y"])
    y = data["y_data"]
    return Counts.of(design, {b.key: data[f"codes_{b.key}"] for b in design.blocks}, len(y)).on(data, y)


def test_which_columns_are_nearly_made_up_for(fitted: Counting) -> None:
    d, wholly, nearly = shifts_of(0, fitted.shifts, fitted.lay)
    assert wholly.tolist() == [0]
    assert nearly.tolist() == [1]
    assert d.shape == (CLUSTERS, 1, 3)


def test_predictors_follow_and_where_rows_say_nothing_the_priors_stay(fitted: Counting) -> None:
    """Of predictors far below 0 no count says anything: what comes from the priors is from the priors afterwards."""
    rng, lay, columns = np.random.default_rng(2), fitted.lay, fitted.columns
    d, _, ks = shifts_of(0, fitted.shifts, lay)
    matrix, of, factor = np.ones((columns.y.size, 1)), fitted.rows.codes.astype(np.int64), np.array([[WIDE]])
    nothing = fitted.counted._replace(added=np.full(columns.y.size, -600.0))
    mute = columns._replace(y=np.zeros(columns.y.size))

    def predictor(z: np.ndarray, h: np.ndarray) -> np.ndarray:
        return columns.x @ z + WIDE * h[of, 0] - 600.0

    found = []
    for _ in range(REPLICATES):
        z = lay.mean[:3] + rng.standard_normal(3) / np.sqrt(lay.precision[:3])
        h = rng.standard_normal((CLUSTERS, 1))
        before, eta = z.copy(), predictor(z, h)
        moved(rng, nothing, z, h, eta, d, ks, factor, of, matrix, mute, lay)
        np.testing.assert_allclose(eta, predictor(z, h), rtol=1e-9)
        np.testing.assert_array_equal(z[[0, 2]], before[[0, 2]])
        unit = (z[1] - lay.mean[1]) * np.sqrt(lay.precision[1])
        found.append([unit, unit**2 - 1, *h[:, 0], *(h[:, 0] ** 2 - 1), *(unit * h[:, 0]), abs(z[1] - before[1]) > 0])
    found = np.array(found)
    assert found[:, -1].mean() > 0.99
    errors = found[:, :-1].mean(axis=0) / found[:, :-1].std(axis=0) * np.sqrt(REPLICATES)
    assert np.abs(errors).max() < ERRORS
