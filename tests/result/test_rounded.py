"""Whole numbers of completed datasets: on output only, and never two of them."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

import bayesimpute as bi
from bayesimpute.cli.parser import main

RUN: dict[str, Any] = {"m": 2, "chains": 1, "warmup": 2, "sweeps": 2, "steps": 1, "sampler": "prior"}


def frame(**more: Any) -> pd.DataFrame:
    rng, n = np.random.default_rng(5), 80
    found = pd.DataFrame({"x": rng.normal(size=n), "age": rng.integers(20, 60, n), "y": rng.normal(size=n)})
    found = found.assign(bmi=found["age"] + 0.5, **more)
    gone = rng.random((n, len(found.columns))) < 0.2
    return found.mask(gone).assign(x=found["x"])


def test_whole_number_columns_are_rounded_as_they_go_out(tmp_path: Path) -> None:
    data = frame().astype({"age": "Int64"})
    derived = [bi.Derived(name="decade", expression="age / 10")]
    plan = bi.Plan.of(["age ~ x", "y ~ x", "bmi ~ x"], derived=derived, run=bi.Run(**RUN))
    run = bi.impute(data, plan, seed=1, progress=False)
    plain, found = run.completed(0), run.completed(0, round=True)
    assert (plain["age"] % 1 != 0).any() and found["age"].dtype == "Int64"
    np.testing.assert_array_equal(found["age"].astype(float), np.round(plain["age"].astype(float)))
    pd.testing.assert_frame_equal(found.drop(columns=["age", "decade"]), plain.drop(columns=["age", "decade"]))
    np.testing.assert_allclose(found["decade"], found["age"].astype(float) / 10, rtol=1e-14)  # what is derived follows
    pd.testing.assert_frame_equal(run.completed(0), plain)  # nothing is kept of it
    long = run.to_long(round=True)
    pd.testing.assert_frame_equal(long[long[".imp"] == 1].drop(columns=[".imp", ".id"]), found)
    run.save(tmp_path / "run.nc")
    assert main(["export", str(tmp_path / "run.nc"), "--to", str(tmp_path / "long.csv"), "--round"]) == 0
    assert (pd.read_csv(tmp_path / "long.csv")["age"].dropna() % 1 == 0).all()
    new = run.transform(data.iloc[:9].assign(age=pd.NA), seed=1)
    assert (new.completed(0, round=True)["age"].astype(float) % 1 == 0).all()


def test_two_values_are_not_rounded() -> None:
    data = frame(arm=np.arange(80) % 2, sex=np.arange(80) % 2 + 1)
    models = [bi.Conditional.of("arm ~ x", family="gaussian"), bi.Conditional.of("sex ~ x", family="gaussian")]
    run = bi.impute(data, models, seed=1, progress=False, **RUN)
    with pytest.raises(bi.InputError, match=r"Horton, Lipsitz & Parzen 2003") as found:
        run.completed(0, round=True)
    assert sorted(p.remedy.split('"')[1] for p in found.value.problems) == ["bernoulli", "ordinal"]
    kept = bi.impute(data, ["arm ~ x", "sex ~ x"], seed=1, progress=False, **RUN)  # which draw these values
    pd.testing.assert_frame_equal(kept.completed(0, round=True), kept.completed(0))


def test_what_a_run_guarantees_holds_of_rounded_cells_too() -> None:
    """Restrictions, limits of texts, ends of [[known]], the family's values; what has no such whole number stays."""
    rng, n = np.random.default_rng(3), 240
    x = rng.normal(size=n)
    age = np.round(40 + 10 * x + rng.normal(0, 6, n)).clip(10)
    onset, dose = age - rng.integers(1, 4, n), np.round(50 + 8 * x)
    conc = np.round(np.exp(0.5 + 0.5 * x + rng.normal(0, 0.8, n)))
    texts = [f"<{rng.integers(1, 4)}" if v < 1 else f"{v:.0f}" for v in conc]
    known, part = rng.random(n) < 0.4, np.arange(n) % 7 == 0
    data = pd.DataFrame({"x": x, "age": age, "onset": onset, "conc": texts, "dose": dose})
    data["low"] = np.where(known, dose + np.where(part, 0.2, -0.6), np.nan)
    data["high"] = np.where(known, dose + np.where(part, 0.7, 0.4), np.nan)
    gone = {"onset": 0.3, "age": 0.2, "conc": 0.1}
    for name, share in gone.items():
        data.loc[rng.random(n) < share, name] = None
    data.loc[known, "dose"] = np.nan
    plan = bi.Plan(
        conditionals=(
            bi.Conditional.of("onset ~ x"),
            bi.Conditional.of("age ~ x"),
            bi.Conditional.of("conc ~ x", family="lognormal"),
            bi.Conditional.of("dose ~ x"),
        ),
        known=[bi.Known(column="dose", between=("low", "high"))],
        restrictions=[bi.Restriction(rule="onset < age")],
        columns={"conc": "censored number"},
        run=bi.Run(m=2, chains=1, warmup=5, sweeps=4),
    )
    run = bi.impute(data, plan, seed=1, progress=False)
    below = data["conc"].str.startswith("<", na=False)
    limits = data.loc[below, "conc"].str[1:].astype(float)
    assert (np.round(run.completed(0)["conc"]) == 0).any()  # that it could go wrong
    for k in range(2):
        with pytest.warns(UserWarning, match="of dose stayed as drawn") as said:
            found = run.completed(k, round=True)
        assert len(said) == 1
        assert (found["onset"] < found["age"]).all() and (found["conc"] > 0).all()
        assert (found.loc[below, "conc"] < limits).all()
        inside = (found["dose"] >= data["low"]) & (found["dose"] <= data["high"])
        assert inside[known].all()
        np.testing.assert_array_equal(found["dose"] % 1 != 0, known & part)
        free = (below & data["conc"].isin(["<1"])).to_numpy()  # between 0 and 1 there is none
        np.testing.assert_array_equal(found["conc"] % 1 != 0, free)
        assert (found[["onset", "age"]] % 1 == 0).all().all()
