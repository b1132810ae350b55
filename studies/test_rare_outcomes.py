"""The study of rare outcomes: they are as rare as asked, and the table has a line for each family and share."""

import numpy as np
import pandas as pd
import pytest
import rare_outcomes
from rare_outcomes import CASES, SHARES

from bayesimpute.families import FAMILIES


@pytest.mark.parametrize("name", CASES)
def test_outcomes_are_as_rare_as_asked(name: str) -> None:
    assert name.partition(",")[0] in FAMILIES
    for share in SHARES:
        y = rare_outcomes.data(CASES[name], share, 1000)["y"]
        kinds = np.minimum(y.dropna(), 2) if name.startswith(("ord", "cat")) else (y.dropna() > 0).astype(float)
        assert abs(kinds.value_counts(normalize=True)[kinds.max()] - share) < 0.02
        assert y.isna().sum() == 100 and kinds.nunique() > 1


def test_the_table_has_samplers_side_by_side() -> None:
    keys = [("poisson", s, n, k) for s in (0.5, 0.01) for k, n in (("gibbs", 1000), ("nuts", 1000))]
    found = pd.DataFrame(keys, columns=["family", "share", "rows", "sampler"]).assign(**{"a second": [4.0, 1, 3, 2]})
    lines = rare_outcomes.table(found)
    assert lines["share"].tolist() == [0.5, 0.01] and lines["gibbs, 1000"].tolist() == [4, 3]


@pytest.mark.slow
@pytest.mark.parametrize("name", CASES)
def test_each_can_be_made(name: str) -> None:
    (row,) = rare_outcomes.replicate(name, 0.05, 1000, "gibbs", 0.1)
    assert row["ess"] > 0 and row["transitions"] >= rare_outcomes.LEAST
