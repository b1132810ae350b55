"""Columns in which some numbers stand as a limit: read, told of, imputed within, given back as numbers."""

import re
from typing import Any

import numpy as np
import pandas as pd
import pytest

import bayesimpute as bi
from bayesimpute import Plan, Run
from bayesimpute.data.censored_texts import is_marked, read_censored
from bayesimpute.data.column_remarks import remarks
from bayesimpute.data.columns import encode
from bayesimpute.data.incomplete import Incomplete
from bayesimpute.families import auto, why_auto

LIMITS = {"crp": "censored number"}


def crp(n: int = 90) -> Any:
    """A concentration that is not measured below .5 nor above 200."""
    rng = np.random.default_rng(2)
    x = rng.normal(size=n)
    y = np.exp(1 + x + rng.normal(size=n))
    text = np.where(y < 0.9, "<0.9", np.where(y > 20, "> 20", np.round(y, 2).astype(str))).astype(object)
    text[::7] = None
    return pd.DataFrame({"crp": text, "x": x, "true": y})


def test_what_is_a_limit() -> None:
    assert read_censored("<0.5") == (-np.inf, 0.5) and read_censored(" >= 200 ") == (200, np.inf)
    assert read_censored("≤1e-3") == (-np.inf, 0.001) and read_censored("-3") == (-3, -3)
    assert read_censored("<LOD") is None and read_censored("n.d.") is None and read_censored("<inf") is None
    assert is_marked(">2") and not is_marked("2") and not is_marked("<")


def test_a_column_is_read_as_numbers_and_what_is_known_of_the_others() -> None:
    frame = crp()
    column = Incomplete.from_frame(frame, columns=LIMITS).columns["crp"]
    low, high = column.limits or (None, None)
    assert column.kind == "number" and low is not None and high is not None
    below, above = (frame["crp"] == text for text in ("<0.9", "> 20"))
    np.testing.assert_array_equal(column.missing, below | above | frame["crp"].isna())
    assert below.sum() > 5 and above.sum() > 2
    np.testing.assert_array_equal(high < np.inf, below)
    np.testing.assert_array_equal(low > -np.inf, above)
    assert set(high[below]) == {np.nextafter(0.9, 0)} and set(low[above]) == {
        np.nextafter(20.0, 21)
    }  # the ends are not in


def test_cells_are_imputed_within_and_come_back_as_numbers(tmp_path: Any) -> None:
    frame = crp()
    run = Run(m=2, chains=2, warmup=5, sweeps=4)
    plan = Plan.of([bi.Conditional.of("crp ~ x", family="lognormal")], columns=LIMITS, run=run)
    assert Plan.from_toml(plan.to_toml()) == plan
    made = bi.impute(frame, plan, seed=1, progress=False)
    below, above = ((frame["crp"] == text).to_numpy() for text in ("<0.9", "> 20"))
    made.save(tmp_path / "run.nc")
    for each in (made, bi.load(tmp_path / "run.nc"), made.transform(frame)):
        for k in range(2):
            cells = each.completed(k)["crp"]
            assert cells.dtype == np.float64 and cells.notna().all()
            assert (cells[below] <= 0.9).all() and (cells[above] >= 20).all() and cells[below].nunique() > 5
            kept = ~below & ~above & frame["crp"].notna()
            np.testing.assert_allclose(cells[kept], frame["crp"][kept].astype(float))
    assert made.analyse("x ~ log(crp)").pool().terms["estimate"].notna().all()
    long = made.to_long(include_incomplete=True)
    first = long.loc[long[".imp"] == 0, "crp"].to_numpy()
    assert long["crp"].dtype == np.float64 and len(long) == 3 * len(frame)  # as R's as.mids has to have it
    np.testing.assert_array_equal(first, np.where(kept, pd.to_numeric(frame["crp"], errors="coerce"), np.nan))
    assert "of which were known in part" in bi.report(made)
    for ending in ("csv", "parquet", "dta", "sav"):
        bi.write_table(long, tmp_path / f"long.{ending}")
    for back in (pd.read_csv(tmp_path / "long.csv"), pd.read_parquet(tmp_path / "long.parquet")):
        np.testing.assert_array_equal(back["crp"], long["crp"])
    assert pd.read_stata(tmp_path / "long.dta")["crp"].dtype == np.float64


def test_what_is_drawn_is_there_in_frames_of_other_kinds_too() -> None:
    """Texts that hold a limit, and observed cells of `where`, are not kept as they were given."""
    polars = pytest.importorskip("polars")
    data = crp().assign(n=np.arange(len(crp())) % 9, f=np.arange(len(crp())) % 3 > 0)
    data = data.astype({"n": "Int64", "f": "boolean"})
    data.loc[np.arange(len(data)) % 11 == 0, ["crp", "n", "f"]] = None
    data["x"] = np.arange(len(data)) / 100
    models = (
        bi.Conditional.of("crp ~ x", family="lognormal"),
        bi.Conditional.of("n ~ x", family="poisson", where="x > 0.5"),
        bi.Conditional.of("f ~ x", where="all"),
    )
    plan = Plan.of(models, columns=LIMITS, run=Run(m=1, chains=1, warmup=2, sweeps=1))
    plain = bi.impute(data, plan, seed=1, progress=False)
    other = bi.impute(polars.from_pandas(data), plan, seed=1, progress=False)
    assert str(other.completed(0).schema["n"]) == "Int64" and str(other.completed(0).schema["f"]) == "Boolean"
    for frame, expected in (
        (other.completed(0), plain.completed(0)),
        (other.to_long(include_incomplete=True), plain.to_long(include_incomplete=True)),
    ):
        assert frame["crp"].dtype == polars.Float64
        for name in ("crp", "n", "f"):
            found = expected[name].astype("Float64").to_numpy(dtype=float, na_value=np.nan)
            np.testing.assert_array_equal(frame[name].cast(polars.Float64).fill_null(np.nan).to_numpy(), found)
    long = plain.to_long(include_incomplete=True)
    first = long[long[".imp"] == 0].reset_index(drop=True)
    assert first["f"].isna().all() and (first["n"].isna() == data["n"].isna() | (data["x"] > 0.5)).all()


@pytest.mark.parametrize("text", ["<LOD", "n.d.", "0,5"])
def test_what_is_no_number_and_no_limit_is_an_error(text: str) -> None:
    frame = crp()
    frame.loc[1, "crp"] = text
    plan = Plan.of("crp ~ x", columns=LIMITS)
    with pytest.raises(bi.PlanError, match=re.escape(repr(text)) + " is no number and no limit such as <0.5"):
        bi.impute(frame, plan, seed=1, progress=False)


def test_other_columns_are_as_they_are_or_refused() -> None:
    frame = crp()
    assert Incomplete.from_frame(frame, columns={"x": "censored number"}).columns["x"].limits is None
    with pytest.raises(bi.DataError, match="it holds yes/no values"):
        Incomplete.from_frame(frame.assign(b=frame["x"] > 0), columns={"b": "censored number"})
    mixed = frame.assign(crp=[v if isinstance(v, str) and v[0] in "<>" else 1.5 for v in frame["crp"]])
    assert Incomplete.from_frame(mixed, columns=LIMITS).columns["crp"].kind == "number"


def test_who_does_not_say_it_is_told_what_to_write() -> None:
    frame = crp()
    said = 'write columns.crp = "censored number"'
    found = bi.check(Plan.of("crp ~ x"), frame)
    assert [p.remedy for p in found if p.path == "conditional[crp]"] == [said]
    (remark,) = remarks(encode(frame["crp"], "crp"))
    assert said in remark.remedy
    mostly = pd.Series(np.where(np.arange(40) % 4 == 0, np.arange(40).astype(str), "<50"))
    assert remarks(encode(mostly, "crp"))[0].remedy.endswith(said)
    with pytest.raises(bi.PlanError, match=re.escape(said)):
        bi.suggest(None, frame)


def test_it_is_a_number_whatever_few_values_it_has() -> None:
    frame = pd.DataFrame({"n": np.tile(["<1", "1", "2", "3", ">3"], 20)})
    column = Incomplete.from_frame(frame, columns={"n": "censored number"}).columns["n"]
    assert auto(column).name == "gaussian" and why_auto(column) == "said to be a censored number -> gaussian"


def test_the_sparse_default_takes_it() -> None:
    frame = crp()
    made = bi.impute(frame, columns=LIMITS, seed=1, m=2, chains=2, warmup=3, sweeps=2, progress=False)
    below = (frame["crp"] == "<0.9").to_numpy()
    assert (made.completed(0)["crp"][below] <= 0.9).all()


def test_a_limit_is_a_value_only_where_the_text_says_so() -> None:
    """What is below 3 is not 3: of a variable of whole numbers that is one value less."""
    column = Incomplete.from_frame(
        pd.DataFrame({"n": ["<3", "<=3", "4", "5"]}), columns={"n": "censored number"}
    ).columns["n"]
    assert column.limits is not None
    assert column.limits[1][0] < 3 and column.limits[1][1] == 3
