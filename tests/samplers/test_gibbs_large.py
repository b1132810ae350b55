"""Chains on very many rows: what a chain on a sample of them has learnt is worth as much to one on all, and back."""

from collections.abc import Mapping

import numpy as np
import pandas as pd
import pytest
from modelling import completed, conditional, placed, workspace

from bayesimpute.designs import sheets
from bayesimpute.designs.sheets import LargeData
from bayesimpute.samplers import ConditionalModel
from bayesimpute.samplers.gibbs import Gibbs, gradient_moves
from bayesimpute.samplers.gibbs.posterior import GibbsPosterior

ROWS, SAMPLE, NEAR = 6_000, 1_500, 0.25
"""Rows of all and of the sample; how near entries of an information are to those of another look, in their root."""


def frame() -> pd.DataFrame:
    rng = np.random.default_rng(1)
    g, x = np.arange(ROWS) % 20, rng.normal(size=ROWS)
    eta = 0.5 * x + 0.5 * rng.normal(size=20)[g]
    some = rng.random(ROWS) < 1 / (1 + np.exp(-eta))
    amount = np.where(some, np.exp(eta + rng.normal(size=ROWS)), 0.0)
    out = pd.DataFrame({"g": g, "x": x, "yes": some.astype(float), "amount": amount})
    return out.assign(label=np.where(some, "a", np.where(rng.random(ROWS) < 0.5, "b", "c")))


@pytest.mark.parametrize(
    ("target", "family"),
    [
        ("yes", "bernoulli"),
        *(pytest.param(*m, marks=pytest.mark.slow) for m in (("amount", "semicontinuous"), ("label", "categorical"))),
    ],
)
def test_what_rows_say_of_coefficients_goes_from_a_sample_to_all_and_back(
    target: str, family: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in (("LARGE", 10), ("SAMPLE", SAMPLE)):
        monkeypatch.setattr(sheets, name, value)
    monkeypatch.setattr(gradient_moves, "WORTH", 0)
    begun: list[tuple[int, Mapping[str, np.ndarray]]] = []
    burnt_in = GibbsPosterior._burnt_in

    def watched(self: GibbsPosterior, arrays: dict[str, np.ndarray], *given: object) -> object:
        begun.append((self.rows_count, arrays))
        return burnt_in(self, arrays, *given)  # type: ignore[arg-type]

    monkeypatch.setattr(GibbsPosterior, "_burnt_in", watched)
    data = frame()
    data.loc[0, target] = np.nan
    space = workspace(data, conditional(f"{target} ~ x + (1 | g)", family=family))
    large = LargeData(placed(space), completed(space))
    posterior = Gibbs().compile(ConditionalModel(placed(space).design, large))
    rng = np.random.default_rng(1)
    state = posterior.init(large, rng)
    posterior.explore(state, large, rng, 5)
    (of_sample, fresh), (of_all, handed), (again, back) = begun
    assert of_sample == again == SAMPLE and of_all == ROWS - 1
    names = [name for name in state.arrays if name.endswith("information")]
    assert names
    for name in names:
        looks = name.replace("information", "looks")
        assert not fresh[looks].any() and (handed[looks] == 1).all() and (back[looks] == 1).all()
        learnt = state.arrays[name]
        size = np.sqrt(np.abs(learnt).max())
        assert np.abs(np.sqrt(np.abs(handed[name])) - np.sqrt(np.abs(learnt))).max() < NEAR * size
        np.testing.assert_allclose(back[name], learnt * SAMPLE / (ROWS - 1))
