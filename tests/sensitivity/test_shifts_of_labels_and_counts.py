"""Shifts of labels, ordered labels and counts: what each moves, and which are refused."""

from functools import cache
from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy.special import expit, logit

import bayesimpute as bi

SHORT = {"m": 6, "chains": 2, "warmup": 20, "sweeps": 12, "steps": 2}
FAMILIES = {"c": "categorical", "o": "ordinal", "k": "poisson"}


@cache
def table(n: int = 900) -> pd.DataFrame:
    rng = np.random.default_rng(5)
    f = pd.DataFrame({"k": rng.poisson(3, n).astype(float)})
    f["c"] = pd.Categorical.from_codes(rng.choice(3, n, p=[0.5, 0.3, 0.2]), ["a", "b", "c"])
    f["o"] = pd.Categorical.from_codes(rng.choice(3, n, p=[0.5, 0.3, 0.2]), ["lo", "mid", "hi"], ordered=True)
    for name in f:
        f[name] = f[name].mask(rng.random(n) < 0.5)
    return f


@cache
def made(name: str, *adjustments: bi.Adjustment) -> bi.MultiplyImputed:
    plan = bi.Plan.of([bi.Conditional.of(f"{name} ~ 1", family=FAMILIES[name])], adjustments=adjustments)
    return bi.impute(table()[[name]], plan.with_run(**SHORT), seed=3, progress=False)


def shift(name: str, text: Any = 1.0, **more: Any) -> bi.Adjustment:
    return bi.Adjustment(target=name, shift=text, **more)


def shares(run: bi.MultiplyImputed, name: str) -> pd.Series:
    gone = table()[name].isna()
    return pd.concat([f.loc[gone, name] for f in run]).value_counts(normalize=True)


def error(share: float) -> float:
    """Monte Carlo error of a share of the imputed cells."""
    return float(np.sqrt(share * (1 - share) / (SHORT["m"] * table()["c"].isna().sum())))


@pytest.mark.by_default("a-logit", "c-predictor")
@pytest.mark.parametrize("scale", ["predictor", "logit"])
@pytest.mark.parametrize("label", ["a", "c"])
def test_the_odds_of_one_label_move_and_the_others_keep_their_proportion(label: str, scale: str) -> None:
    before, after = shares(made("c"), "c"), shares(made("c").adjusted(shift("c", label=label, scale=scale)), "c")
    expected = expit(logit(before[label]) + 1)
    assert abs(after[label] - expected) < 4 * (error(after[label]) + error(before[label]))
    rest = before.drop(label) / before.drop(label).sum()
    found = after.drop(label) / after.drop(label).sum()
    assert (abs(found - rest) < 4 * 2 * error(0.5)).all()
    inside = shares(made("c", shift("c", label=label, scale=scale)), "c")
    assert abs(inside[label] - after[label]) < 4 * 2 * error(after[label])


def test_labels_have_shifts_of_their_own_and_are_told_by_their_shares() -> None:
    both = [shift("c", "d", label="a"), shift("c", "e", label="b")]
    rows = made("c").sensitivity(
        bi.Estimand(name="b", variable="c", statistic="proportion", value="b"),
        over={"d": [0, 1], "e": [0, 1]},
        adjustments=both,
        progress=False,
    )
    moved = rows.assumed.set_index(["target", "d", "e"])["moved"]
    assert set(rows.assumed["target"]) == {"c[a]", "c[b]"}
    assert moved["c[a]", 1, 0] > 0.1 > 0 > moved["c[b]", 1, 0] and moved["c[b]", 0, 1] > 0.1


def test_ordered_labels_move_towards_the_last() -> None:
    before, after = shares(made("o"), "o"), shares(made("o").adjusted(shift("o")), "o")
    for lower, name in ((["lo"], "lo"), (["lo", "mid"], "mid")):
        expected = expit(logit(before[lower].sum()) - 1)
        assert abs(after[lower].sum() - expected) < 4 * 2 * error(expected), name


def test_the_rate_of_counts_is_multiplied() -> None:
    gone = table()["k"].isna()
    one, other = (
        np.mean([f.loc[gone, "k"].mean() for f in run]) for run in (made("k"), made("k").adjusted(shift("k")))
    )
    spread = np.sqrt(np.e * 3 / (SHORT["m"] * gone.sum()))
    assert abs(other - np.e * one) < 4 * (np.e + 1) * spread


REFUSED: dict[str, tuple[bi.Adjustment, str]] = {
    "all labels": (shift("c"), "say whose odds are shifted: one of a, b, c"),
    "no such label": (shift("c", label="d"), '"d" is not a label of "c"'),
    "a value of labels": (shift("c", label="a", scale="value"), "a shifted value would be none"),
    "a value of ordered labels": (shift("o", scale="value"), "a shifted value would be none"),
    "odds of ordered labels": (shift("o", scale="logit"), "+ is towards higher labels"),
    "half a count": (shift("k", 0.5, scale="value"), "which 0.5 would not leave it"),
    "one and a half times a count": (shift("k", 1.5, scale="ratio"), "which 1.5 would not leave it"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_would_be_no_value_is_refused(case: str) -> None:
    adjustment, finding = REFUSED[case]
    with pytest.raises(bi.PlanError) as caught:
        made(adjustment.target).adjusted(adjustment)
    assert finding in str(caught.value)
