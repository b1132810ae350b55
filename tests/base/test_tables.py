"""What tables show of figures without end."""

import numpy as np
import pandas as pd

from bayesimpute.base.tables import cell, short, show, shown


def test_degrees_of_freedom_without_end_are_infinite_in_tables(capsys) -> None:
    table = pd.DataFrame({"term": ["a", "b"], "df": [11_967_984_024.0, 12.5], "estimate": [2e7, 1.0]})
    assert shown(table)["df"].tolist() == [np.inf, 12.5] and table["df"].tolist()[0] > 1e9
    assert (cell(np.inf), cell(-np.inf), short(np.inf)) == ("∞", "-∞", "∞")
    show(table)
    out = capsys.readouterr().out
    assert "∞" in out and "11,967" not in out and "20,000,000" in out
