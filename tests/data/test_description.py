"""What is said of a data set, and that it is a screen or two however wide the data are."""

import numpy as np
import pandas as pd
import pytest

import bayesimpute as bi
from bayesimpute.data.column_remarks import not_normal
from bayesimpute.data.incomplete import Incomplete


def wide(columns: int, rows: int = 300) -> pd.DataFrame:
    """Every second column is incomplete and skewed."""
    rng = np.random.default_rng(columns)
    table = rng.lognormal(0, 1, (rows, columns))
    for k in range(1, columns, 2):
        table[rng.random(rows) < 0.02 + k / columns / 4, k] = np.nan
    return pd.DataFrame(table, columns=[f"variable_{k}" for k in range(columns)])


@pytest.mark.parametrize("columns", [45, 300])
def test_wide_data_are_described_in_a_bounded_text(columns: int) -> None:
    frame = wide(columns)
    found = bi.describe(frame)
    text = str(found)
    lines = text.splitlines()
    left = columns // 2 - 12
    assert len(lines) <= 100 and max(map(len, lines)) <= 350
    assert f"the 12 variables with the most missing values, {left} more are incomplete" in text
    assert "the 20 most frequent of " in text and f"and {left} remarks more" in text
    assert ("50 of 300 variables" in text) == (columns > 50)
    every = str(bi.describe(frame, all=True))
    assert len(every.splitlines()) > len(found.patterns) + len(found.variables) + len(found.remarks)
    assert "most" not in every.replace("it is most", "")


def test_patterns_of_the_columns_that_are_shown_count_every_row() -> None:
    frame = wide(60)
    title = list(bi.describe(frame).tables)[1]
    table = bi.describe(frame).tables[title]
    names = table.columns[1:-1].tolist()
    assert names == frame.isna().sum().sort_values(kind="stable").index[-12:].tolist()
    seen = frame[names].notna().astype(int).value_counts()
    for row in table.iloc[:-1].to_dict("records"):
        assert seen[tuple(row[name] for name in names)] == row["n"]
    assert seen.iloc[19] == table["n"].iloc[:-1].min()
    assert table.iloc[-1, 1:-1].tolist() == frame[names].isna().sum().tolist()


def test_a_row_says_what_the_values_are() -> None:
    frame = pd.DataFrame({"g": np.repeat([1, 2, 3], 4), "w": np.repeat([0.0, 0.0, 6.0], 4), "c": list("abab") * 3})
    frame["x"] = [0.0, 1, 2, 9, np.nan, 0, 0, 0, 1, 1, 1, 1]
    table = bi.describe(frame, clusters="g").variables.set_index("variable")
    x, w, c = table.loc["x"], table.loc["w"], table.loc["c"]
    assert (x["lowest"], x["highest"], x["distinct"]) == (0, 9, 4)
    assert (x["share"], x["zeros"]) == pytest.approx((1 / 12, 4 / 11))
    values = frame["x"].dropna()
    assert x["skewness"] == pytest.approx(((values - values.mean()) ** 3).mean() / values.std(ddof=0) ** 3)
    assert w["zeros"] == pytest.approx(2 / 3)  # of clusters
    assert c["distinct"] == 2 and np.isnan(c["lowest"])


def test_complete_data_have_no_patterns_and_no_remarks() -> None:
    found = bi.describe(pd.DataFrame({"x": np.exp(np.arange(30.0))}))
    assert list(found.tables) == ["Variables"] and not found.remarks and found.to_json_dict()["rows"] == 30


def test_the_logarithm_is_offered_to_what_has_one() -> None:
    frame = pd.DataFrame({"x": np.exp(np.arange(40.0))})
    frame["y"] = -frame["x"]
    data = Incomplete.from_frame(frame)
    told = {name: str(not_normal(data, name)) for name in frame}
    assert 'family = "lognormal"' in told["x"] and "such as its logarithm" not in told["y"]
