"""What tables show of figures without end and of those next to nothing, and of the events of several chains."""

import numpy as np
import pandas as pd

from bayesimpute.base.tables import cell, events, short, show, shown
from bayesimpute.pooling import PooledTest

NUMBERS = [(0, 3, "0.10"), (1, 11, "0.02"), (2, 5, "0.09")]
"""Chain, inner steps, autocorrelation."""


def test_degrees_of_freedom_without_end_are_infinite_in_tables(capsys) -> None:
    table = pd.DataFrame({"term": ["a", "b"], "df": [11_967_984_024.0, 12.5], "estimate": [2e7, 1.0]})
    assert shown(table)["df"].tolist() == [np.inf, 12.5] and table["df"].tolist()[0] > 1e9
    assert (cell(np.inf), cell(-np.inf), short(np.inf)) == ("∞", "-∞", "∞")
    show(table)
    out = capsys.readouterr().out
    assert "∞" in out and "11,967" not in out and "20,000,000" in out


def test_no_p_value_is_nought(capsys) -> None:
    table = pd.DataFrame({"p_value": [0.0, 3e-12, 0.001, 0.4321, np.nan]})
    assert shown(table)["p_value"].tolist() == ["<0.001", "<0.001", "0.001", "0.4321", ""]
    assert table["p_value"].tolist()[0] < 1e-300  # the figures stay as they are
    assert shown(table.iloc[2:])["p_value"].dtype == float
    show(table.assign(term=list("abcde")))
    assert capsys.readouterr().out.splitlines()[:3] == ["p_value  term", " <0.001  a", " <0.001  b"]
    assert "p <0.001;" in str(PooledTest(method="D1", statistic=900.0, df1=2, df2=np.inf, riv=0.1))


def test_chains_that_differ_in_numbers_share_a_line() -> None:
    steps = [(chain, f"{steps} inner steps a visit", f"{left} at lag") for chain, steps, left in NUMBERS]
    rows = [*((0, c, "y", what, why) for c, what, why in steps), (0, 0, "y", "sampler gibbs", "it fits")]
    table = pd.DataFrame(rows, columns=["sweep", "chain", "target", "what", "why"])
    assert events(table) == [
        "y: 3 to 11 inner steps a visit (0.02 to 0.10 at lag) [chains 1-3]",
        "y: sampler gibbs (it fits) [chain 1]",
    ]
    assert events(table.iloc[1:2]) == ["y: 11 inner steps a visit (0.02 at lag) [chain 2]"]
