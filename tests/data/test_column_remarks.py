"""What is told of a column: texts and codes among numbers, and what a normal model would draw that it never is."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from looping import run_prior

import bayesimpute as bi
from bayesimpute.data.column_remarks import between_numbers, codes_among, remarks, shape
from bayesimpute.data.columns import encode

RNG = np.random.default_rng(4)
TOLD = {
    "costs": (np.where(RNG.random(400) < 0.4, 0.0, RNG.lognormal(7, 1, 400)), "are 0, and none is below"),
    "a ceiling": (np.minimum(RNG.normal(20, 4, 400), 25.0), "are 25, and none is above"),
    "a floor": (np.maximum(RNG.normal(10, 4, 400), 4.0), "are 4, and none is below"),
    "incomes": (RNG.lognormal(7, 1, 400), "skewness"),
    "normal": (RNG.normal(0, 1, 400), None),
    "whole": (RNG.integers(0, 11, 400).astype(float), "would lie beyond all of them"),
    "scores": (np.round(RNG.normal(5, 1.5, 400)), None),
    "few": (RNG.lognormal(7, 1, 15), None),
    "four values": (RNG.integers(1, 5, 400).astype(float), "only 4 are different, all of them whole"),
    "four halves": (RNG.integers(1, 5, 400) / 2, "would lie beyond all of them"),
    "yes or no": ((RNG.random(400) < 0.1).astype(float), None),
}


@pytest.mark.parametrize(("values", "told"), TOLD.values(), ids=TOLD.keys())
def test_what_a_normal_model_has_not_is_told(values: np.ndarray, told: str | None) -> None:
    found = shape(values)
    assert found is None if told is None else found is not None and told in found.finding


@pytest.mark.parametrize("n", [20, 100, 2000])
def test_normal_samples_raise_no_alarm(n: int) -> None:
    samples = np.random.default_rng(n).standard_normal((600, n))
    assert sum(shape(values) is not None for values in samples) <= 2


@pytest.mark.parametrize("missing", [True, False])
def test_check_says_it_of_incomplete_targets(missing: bool) -> None:
    frame = pd.DataFrame({"cost": TOLD["costs"][0], "z": RNG.normal(size=400)})
    frame.loc[frame.index % 5 == 0, "cost" if missing else "z"] = np.nan
    plan = bi.Plan.of([bi.Conditional.of("cost ~ z", family="gaussian"), "z ~ cost"])
    told = [p for p in bi.check(plan, frame) if p.path == "conditional[cost].family"]
    assert len(told) == missing and all("are 0, and none is below" in p.finding for p in told)
    assert all('family = "semicontinuous"' in p.remedy for p in told)
    assert not [p for p in bi.check(bi.Plan.of(["cost ~ z", "z ~ cost"]), frame) if "normal" in p.remedy]


def test_a_variable_of_clusters_is_counted_once_in_each() -> None:
    w = np.repeat(RNG.lognormal(0, 2, 12), 30)
    frame = pd.DataFrame({"g": np.repeat(np.arange(12), 30), "w": w, "z": RNG.normal(size=360)})
    frame.loc[frame["g"] == 3, "w"] = np.nan
    plan = bi.Plan.of(["w ~ 1", "z ~ w + (1 | g)"])
    assert not [p for p in bi.check(plan, frame) if p.path == "conditional[w].family"]  # twelve are too few to tell


def test_describe_check_suggest_and_a_run_say_the_same_of_a_shape() -> None:
    frame = pd.DataFrame({"cost": TOLD["incomes"][0], "z": RNG.normal(size=400)})
    frame.loc[frame.index % 5 == 0, "cost"] = np.nan
    (told,) = bi.describe(frame).remarks
    assert "skewness" in told.finding and "shares, quantiles or extremes" in told.remedy
    assert [p.finding for p in bi.check(bi.Plan.of(["cost ~ z"]), frame)] == [told.finding]
    written = " ".join(bi.suggest("z ~ cost", frame).toml.replace("\n#", " ").split())
    run = run_prior(frame, "cost ~ z", m=2, chains=1, warmup=1, sweeps=2)
    assert [e for e in run.events["what"] if told.finding in e and "conditional[cost].family" in e]
    assert written.count(told.remedy) == 1 and "the skewness is 3.1; " in written
    assert written.index(told.remedy) > written.index("schema")  # beside the model, not in the opening


COUNTS = np.random.default_rng(1).poisson(3, 300).astype(float)
CODES = {
    "far below": (COUNTS, [-99.0] * 3, (-99.0,)),
    "several": (COUNTS, [-9.0, -9.0, -8.0], (-9.0, -8.0)),
    "far above": (RNG.integers(18, 97, 300).astype(float), [998.0, 999.0, 999.0], (999.0, 998.0)),
    "at both ends": (COUNTS, [-99.0, -99.0, 999.0, 999.0], (-99.0, 999.0)),
    "on an interval": (RNG.normal(0, 1, 300), [99.0] * 2, (99.0,)),
    "yes, no, refused": (RNG.integers(1, 3, 300).astype(float), [9.0] * 4, (9.0,)),
    "incomes": (np.round(RNG.lognormal(10, 1, 300)), [-99.0] * 2, (-99.0,)),
    "once": (COUNTS, [-99.0], ()),
    "no code": (COUNTS, [-50.0] * 3, ()),
    "old people": (RNG.integers(18, 98, 300).astype(float), [99.0] * 3, ()),
    "counts up to 9": (COUNTS, [9.0] * 3, ()),
    "nothing else": (np.empty(0), [-99.0] * 30, ()),
}


@pytest.mark.parametrize(("values", "codes", "told"), CODES.values(), ids=CODES.keys())
def test_codes_far_from_all_others_are_told(values: np.ndarray, codes: list[float], told: tuple[float, ...]) -> None:
    column = encode(pd.Series([*codes, *values, np.nan]), "x")
    assert codes_among(column) == told
    assert [p.path for p in remarks(column)] == ["data[x]"] * bool(told)


NO_CODES = {
    "normal": lambda rng: np.round(rng.normal(50, 20, 200)),
    "heavy": lambda rng: np.round(10 * rng.standard_cauchy(200)),
    "incomes": lambda rng: np.round(rng.lognormal(3, 1.5, 200)),
    "counts": lambda rng: rng.negative_binomial(0.3, 0.02, 200).astype(float),
    "years": lambda rng: rng.integers(1900, 2000, 200).astype(float),
    "short years": lambda rng: rng.integers(60, 100, 200).astype(float),
    "ages": lambda rng: np.clip(np.round(rng.normal(60, 25, 200)), 0, 110),
}


@pytest.mark.parametrize("draw", NO_CODES.values(), ids=NO_CODES.keys())
def test_numbers_without_codes_raise_no_alarm(draw: Callable[[np.random.Generator], np.ndarray]) -> None:
    rng = np.random.default_rng(1)
    assert not any(codes_among(encode(pd.Series(draw(rng)), "x")) for _ in range(100))


def test_codes_are_told_by_describe_and_check_with_the_remedy() -> None:
    frame = pd.DataFrame({"x": [-99.0, -99.0, *COUNTS], "z": RNG.normal(size=302), "key": [99, 99] + [1, 2] * 150})
    frame.loc[5:9, "z"] = np.nan
    (told,) = bi.describe(frame, clusters="key").remarks
    assert told.finding == '"x" is -99 in 2 rows, far from all its other values'
    assert '--missing="-99"' in told.remedy and "missing=[-99]" in told.remedy
    assert told in bi.check(bi.Plan.of(["z ~ x + (1 | key)"]), frame)


def test_a_text_column_of_numbers_alone_is_numbers_with_nothing_between() -> None:
    assert between_numbers(encode(pd.Series([str(k) for k in range(9)]), "x")) == ()
    assert between_numbers(encode(pd.Series(["1", "2", "3+"] * 9), "x")) is None


@pytest.mark.parametrize(
    ("ends", "family"),
    [((0.0,), "zero_inflated_beta"), ((1.0,), "one_inflated_beta"), ((0.0, 1.0), "zero_one_inflated_beta")],
)
def test_proportions_with_ends_have_a_family_of_their_own(ends: tuple[float, ...], family: str) -> None:
    rng = np.random.default_rng(9)
    values = np.where(rng.random(400) < 0.3, rng.choice(ends, 400), rng.beta(2, 3, 400))
    found = shape(values)
    assert found is not None and f'"{family}"' in found.instead
    frame = pd.DataFrame({"v": values, "z": rng.normal(size=400)})
    frame.loc[frame.index % 5 == 0, "v"] = np.nan
    assert bi.check(bi.Plan.of([bi.Conditional.of("v ~ z", family=family)]), frame) == []
    beyond = shape(values * 3)
    assert beyond is not None and "inflated" not in beyond.instead


@pytest.mark.parametrize(
    ("values", "told"),
    [
        (np.minimum(RNG.normal(20, 4, 400), 25.0), 'family = "bounded", limits = [-inf, 25], at_limits = "censored"'),
        (np.maximum(RNG.normal(5, 3, 400), 1.0), 'family = "bounded", limits = [1, inf], at_limits = "censored"'),
        (np.where(RNG.random(400) < 0.3, 0.0, RNG.lognormal(3, 0.3, 400)), 'family = "semicontinuous"'),
        (-RNG.lognormal(3, 1, 400), 'family = "skewed"'),
        (RNG.lognormal(3, 1, 400), 'family = "lognormal"'),
        (RNG.beta(4, 6, 400), 'family = "beta"'),
        (np.round(np.random.default_rng(4).lognormal(3, 1, 400)), 'family = "negative_binomial"'),
    ],
)
def test_a_family_that_has_the_shape_is_named(values: np.ndarray, told: str) -> None:
    frame = pd.DataFrame({"v": values, "z": RNG.normal(size=400)})
    frame.loc[frame.index % 5 == 0, "v"] = np.nan
    plan = bi.Plan.of([bi.Conditional.of("v ~ z", family="gaussian")])
    (found,) = bi.check(plan, frame)
    assert told in found.remedy
    family = told.removeprefix("family = ")
    written = bi.Plan.from_toml(
        f'[[conditional]]\nformula = "v ~ z"\nfamily = {family}'.replace(", limits", "\nlimits").replace(
            ", at_", "\nat_"
        )
    )
    assert bi.check(written, frame) == []


def test_an_end_that_stands_apart_may_be_a_code() -> None:
    found = shape(np.append(RNG.normal(20, 4, 399), [510.0, 510.0]))
    assert found is not None and found.finding == "510 (0%) stands apart from all others"
    assert shape(np.append(RNG.lognormal(0, 1.5, 399), 200.0)).finding.startswith("the skewness")  # type: ignore[union-attr]


def test_skewness_is_that_of_residuals() -> None:
    """A variable may be skewed because its predictor is, or only given it: by the formula's predictors."""
    n, rng = 600, np.random.default_rng(4)
    x, noise = rng.lognormal(0, 1, n), rng.normal(size=n)
    frame = pd.DataFrame({"x": x, "follows": 3 * x + noise, "z": rng.normal(size=n) * 5})
    frame["hidden"] = 40 + frame["z"] + rng.exponential(1.0, n) ** 1.5
    for name in ("follows", "hidden"):
        frame.loc[frame.index % 5 == 0, name] = np.nan
    pairs = (("follows", "x"), ("follows", "z"), ("hidden", "z"), ("hidden", "x"))
    told = {pair: [p.finding for p in bi.check(bi.Plan.of([" ~ ".join(pair)]), frame)] for pair in pairs}
    told = {pair: any("skewness" in finding for finding in found) for pair, found in told.items()}
    assert told == {("follows", "x"): False, ("follows", "z"): True, ("hidden", "z"): True, ("hidden", "x"): False}
    written = " ".join(bi.suggest(None, frame).toml.replace("\n#", " ").split())
    assert written.count("skewness of residuals") == 1


def test_the_weight_of_the_boys_is_skewed_given_age_and_height(
    shared_data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """.38 raw, 1.3 given both, and -.2 in logarithms."""
    monkeypatch.setenv("BAYESIMPUTE_DATA", str(shared_data))
    plan = bi.Plan.of(["wgt ~ age + hgt"])
    (found,) = [p for p in bi.check(plan, bi.load_dataset("boys")) if p.path == "conditional[wgt].family"]
    assert "the skewness of residuals is 1.3" in found.finding and 'family = "lognormal"' in found.remedy


@pytest.mark.parametrize(("mark", "told"), [("<LOD", True), ("> max", True), ("n/a", False)])
def test_what_is_beyond_a_limit_without_a_number_is_not_called_missing(mark: str, told: bool) -> None:
    values = pd.Series([mark, *RNG.lognormal(0, 1, 60).round(2).astype(str)])
    (found,) = remarks(encode(values, "crp"))
    assert ('write this limit in its place, such as "<0.5"' in found.remedy) == told
    assert ("--missing" in found.remedy) == (not told)


def test_of_a_skewed_column_with_a_limit_no_means_are_promised() -> None:
    values = RNG.lognormal(0, 1, 300).round(3)
    text = pd.Series(np.where(values < 0.5, "<0.5", values.astype(str)))
    frame = pd.DataFrame({"crp": text, "z": RNG.normal(size=300)})
    frame.loc[::10, "crp"] = None
    for said, promised in (({"crp": "censored number"}, False), ({}, True)):
        data = frame if said else frame.assign(crp=pd.Series(values).where(frame["crp"].notna()))
        plan = bi.Plan.of(["crp ~ z"], columns=said)
        told = [p for p in bi.check(plan, data) if "normal model" in p.remedy or "normal law" in p.remedy]
        assert len(told) == 1 and ("keeps means" in told[0].remedy) == promised and "lognormal" in told[0].remedy
