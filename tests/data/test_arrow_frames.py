"""Frames of other libraries: what comes back is of their kind, and but for the missing cells what went in."""

import datetime as dt
import decimal
import pickle
from pathlib import Path
from typing import Any

import narwhals as nw
import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from looping import prior_plan, run_prior, table

import bayesimpute as bi
from bayesimpute import DataError, Derived, MultiplyImputed

N = len(table())
MODELS = ("y ~ x + (1 | g)", "x ~ z + (1 | g)", *(f"{name} ~ z" for name in ("whole", "yes", "rank", "label", "text")))
SETTINGS = {"m": 2, "chains": 2, "warmup": 2, "sweeps": 4, "steps": 1, "sampler": "prior"}


def gaps(values: list[Any], every: int) -> list[Any]:
    return [None if k % every == 0 else values[k % len(values)] for k in range(N)]


def polars() -> pl.DataFrame:
    """Targets of every type, and columns that only pass through."""
    pl.Series(["zz", "b", "a"], dtype=pl.Categorical)  # labels that the process has met before
    return pl.from_pandas(table()).with_columns(
        pl.Series("whole", gaps([1, 2, 3, 4], 7), dtype=pl.Int16),
        pl.Series("yes", gaps([True, False, True], 6)),
        pl.Series("rank", gaps(["low", "high"], 5), dtype=pl.Enum(["low", "high"])),
        pl.Series("label", gaps(["b", "a"], 9), dtype=pl.Categorical),
        pl.Series("text", gaps(["q", "p"], 9)),
        pl.Series("nan", [float("nan"), None, 1.0, 2.0] * (N // 4)),
        pl.Series("day", gaps([dt.date(2020, 1, 1), dt.date(2021, 1, 1)], 5)),
        pl.Series("hour", gaps([dt.time(1), dt.time(2)], 5)),
        pl.Series("span", [dt.timedelta(k) for k in range(N)]),
        pl.Series("money", [decimal.Decimal("1.20"), decimal.Decimal("3.25")] * (N // 2)),
        pl.Series("list", [[k] for k in range(N)]),
        pl.Series("nothing", [None] * N),
    )


@pytest.fixture(scope="module")
def imputed() -> MultiplyImputed:
    return run_prior(polars(), *MODELS, derived=[Derived(name="more", expression="x + z")], m=2)  # type: ignore[arg-type]


def test_polars_comes_back_with_its_types_and_observed_cells(imputed: MultiplyImputed) -> None:
    given = polars()
    for made in imputed:
        assert isinstance(made, pl.DataFrame) and made.columns == [*given.columns, "more"]
        for name in given.columns:
            known = given[name].is_not_null() & (given[name].is_not_nan() if name in "xynan" else True)
            assert made[name].dtype == (pl.Float64 if name == "whole" else given[name].dtype), name
            assert made[name].filter(known).to_list() == given[name].filter(known).to_list(), name
        assert made.select(pl.col(imputed.targets).is_null().any()).sum_horizontal().item() == 0
        assert made["nothing"].null_count() == N and made["day"].null_count() == given["day"].null_count()


def test_a_run_of_polars_equals_that_of_pandas(imputed: MultiplyImputed) -> None:
    plan = imputed.plan
    same = bi.impute(imputed.incomplete.frame, plan, seed=1, progress=False)
    long, other = imputed.to_long(include_incomplete=True), same.to_long(include_incomplete=True)
    assert isinstance(long, pl.DataFrame) and isinstance(other, pd.DataFrame)
    assert long.columns == list(other) and long["label"].dtype == pl.Categorical
    for name in (".imp", ".id", *MODELS, "more"):
        name = name.split(" ~")[0]
        missing = other[name].isna().to_numpy()
        assert (long[name].is_null().to_numpy() | (long[name] != long[name]).fill_null(True).to_numpy()).tolist() == (
            missing.tolist()
        )
        assert long[name].filter(~missing).to_list() == other.loc[~missing, name].tolist()
    assert imputed.pool("y ~ x").terms.equals(same.pool("y ~ x").terms)
    own = imputed.analyse(lambda d: (np.array([d["y"].mean()]), np.eye(1)))  # a function is given what was given
    assert own.estimates[0].estimates == pytest.approx(same.completed(0)["y"].mean())


def test_whatever_takes_a_frame_takes_that_of_another_library(imputed: MultiplyImputed, tmp_path: Path) -> None:
    given, plan = polars(), imputed.plan
    frame = imputed.incomplete.frame
    assert bi.check(plan, given) == bi.check(plan, frame)
    assert str(bi.describe(given)) == str(bi.describe(frame))
    assert bi.model(plan, given, target="y").priors.equals(bi.model(plan, frame, target="y").priors)
    assert bi.suggest("y ~ x + (1 | g)", given).toml == bi.suggest("y ~ x + (1 | g)", frame).toml
    assert bi.congenial(plan, "y ~ x * z", given) == bi.congenial(plan, "y ~ x * z", frame)
    assert bi.sampling(prior_plan(), given).equals(bi.sampling(prior_plan(), frame))
    assert bi.fit("y ~ x", given).estimates == pytest.approx(bi.fit("y ~ x", frame).estimates)
    assert [e.n_obs for e in bi.analyse(list(imputed), "y ~ x")] == [N, N]
    bi.write_table(given.select("x", "rank"), tmp_path / "polars.csv")
    bi.write_table(frame[["x", "rank"]], tmp_path / "pandas.csv")
    assert (tmp_path / "polars.csv").read_text() == (tmp_path / "pandas.csv").read_text()
    terms = pl.DataFrame({"term": ["x"], "estimate": [1.0], "std_error": [0.1]})
    assert bi.compare({"one": terms}).terms == ("x",)  # type: ignore[dict-item]
    made = bi.Imputer(list(MODELS), settings=SETTINGS).fit(given)
    assert list(made.feature_names_in_) == given.columns and isinstance(made.transform(given), pl.DataFrame)


def test_new_rows_come_back_as_they_were_given(imputed: MultiplyImputed) -> None:
    given = polars()
    assert isinstance(imputed.transform(given).completed(0), pl.DataFrame)
    assert isinstance(imputed.transform(given.to_arrow()).completed(0), pa.Table)
    as_pandas = imputed.transform(imputed.incomplete.frame)
    assert isinstance(as_pandas.completed(0), pd.DataFrame)
    assert imputed.transform(given).completed(1)["y"].to_list() == as_pandas.completed(1)["y"].tolist()


@pytest.mark.slow
def test_a_file_gives_pandas_and_resuming_with_the_data_their_kind(tmp_path: Path) -> None:
    imputed = run_prior(polars(), "y ~ z", m=2)  # type: ignore[arg-type]
    imputed.save(tmp_path / "run.nc")
    loaded = bi.load(tmp_path / "run.nc").completed(0)
    assert isinstance(loaded, pd.DataFrame)
    again = pl.from_pandas(loaded)
    for name in ("day", "hour", "span", "list", "money", "text", "y"):
        assert again[name].to_list() == imputed.completed(0)[name].to_list()
    resumed = bi.resume(tmp_path / "run.nc", data=polars(), progress=False)
    assert isinstance(resumed.completed(0), pl.DataFrame)
    with pytest.raises(DataError, match="not the data of"):
        bi.resume(tmp_path / "run.nc", data=polars().head(20), progress=False)


def test_pyarrow_and_narwhals_come_back_too(imputed: MultiplyImputed) -> None:
    labels = pa.array(["v", "u", None, "v"] * (N // 4)).dictionary_encode()
    given = polars().to_arrow().append_column("coded", labels)
    made = run_prior(given, "y ~ z", "coded ~ z", m=2).completed(1)  # type: ignore[arg-type]
    assert isinstance(made, pa.Table) and made.schema == given.schema
    assert made["coded"].null_count == 0 and made["coded"].combine_chunks().dictionary.to_pylist() == ["v", "u"]
    wrapped = run_prior(nw.from_native(polars()), "y ~ z", m=2)  # type: ignore[arg-type]
    assert isinstance(wrapped.completed(0), nw.DataFrame)
    sent = pickle.loads(pickle.dumps(wrapped.incomplete)).given
    assert isinstance(sent.like(wrapped.incomplete.frame), nw.DataFrame)


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (polars().lazy(), r"a LazyFrame is not in memory yet; compute it first: data\.collect\(\)"),
        (3, "a int is not a data frame; give a DataFrame of pandas or Polars, or a table of PyArrow"),
        (pl.Series([1.0]), "a Series is not a data frame"),
        (pl.DataFrame({"y": pl.Series([object(), None], dtype=pl.Object)}), r"data\[y\]: its type, Object, cannot"),
        (pl.DataFrame({"y": pl.Series([1, None], dtype=pl.Int128)}), r"data\[y\]: its type, Int128, cannot be read"),
        (pl.DataFrame(), "the frame is empty"),
        (pa.table({"a": [1], "b": [2]}).rename_columns(["a", "a"]), "give every column a name of its own"),
    ],
)
def test_what_cannot_be_read_is_told_with_the_remedy(data: Any, said: str) -> None:
    for use in (bi.Incomplete.from_frame, lambda d: bi.fit("y ~ x", d), lambda d: bi.suggest("y ~ x", d)):
        if data is not None and not (use is not bi.Incomplete.from_frame and "empty" in said):
            with pytest.raises(DataError, match=said):
                use(data)
    assert any("data" in str(problem) for problem in bi.check(prior_plan(), data))


def test_decimals_are_not_imputed() -> None:
    given = polars().with_columns(pl.col("money").replace(decimal.Decimal("1.20"), None))
    found = {p.finding: p.remedy for p in bi.check(prior_plan("money ~ z"), given)}
    assert found['"money" is of the type decimal128(38, 2)[pyarrow], which cannot hold imputed values'] == (
        "cast it to floats"
    )
