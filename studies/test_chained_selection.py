"""The study of chained equations with selection: its data and its table."""

import chained_selection
import numpy as np
import pandas as pd


def test_the_data_are_what_they_say() -> None:
    frame = chained_selection.simulate(20_000, 2.0, 1)
    assert abs(frame["x"].isna().mean() - 0.35) < 4 * np.sqrt(0.35 * 0.65 / 20_000)
    whole = chained_selection.simulate(20_000, 2.0, 1, whole=True)
    assert whole["x"].notna().all() and whole["y"].equals(frame["y"])
    seen = whole.dropna()
    residual = seen["y"] - 1 - 2 * seen["x"]
    assert residual.mean() > 10 * residual.std() / np.sqrt(len(seen))  # who is observed has larger errors


def test_the_table_is_of_pairs() -> None:
    rows = [
        {"size": 10, "slope": 1.0, "plan": plan, "seed": seed, "rho": rho + seed, "mean": 0.0}
        for plan, rho in (("compatible", 0.7), ("fcs", 0.6), ("complete x", 0.8))
        for seed in range(3)
    ]
    found = chained_selection.table(pd.DataFrame(rows)).set_index(["of", "difference"])
    assert np.isclose(found.loc[("rho", "fcs - compatible"), "mean"], -0.1)
    assert np.isclose(found.loc[("rho", "compatible - complete x"), "error"], 0.0)
