"""A variable that is matched and that nobody reads has a place in plans with substantive models: after all others."""

import numpy as np
import pandas as pd
import pytest

import bayesimpute as bi
from bayesimpute.base.errors import PlanError

ANALYSIS = "y ~ x + z + (1 | g)"
MATCHED = bi.Conditional.of("a ~ x + y + z", family="pmm")
RUN = bi.Run(m=10, chains=2, warmup=150, sweeps=100, steps=2)


def data(n: int = 600) -> pd.DataFrame:
    """Steps of a count what a is, by x and y."""
    rng = np.random.default_rng(4)
    g, z = np.arange(n) % 30, rng.normal(size=n)
    x = 0.5 * z + rng.normal(size=n)
    y = x + z + rng.normal(size=30)[g] + rng.normal(size=n)
    return pd.DataFrame({"g": g, "z": z, "x": x, "y": y, "a": np.round(3 * (x + 0.5 * y + rng.normal(size=n))) / 3})


def holed(frame: pd.DataFrame) -> pd.DataFrame:
    rng = np.random.default_rng(5)
    return frame.assign(**{name: frame[name].where(rng.random(len(frame)) > 0.3) for name in ("x", "y", "a")})


def plan(*conditionals: str | bi.Conditional, analysis: str | bi.Conditional = ANALYSIS) -> bi.Plan:
    return bi.Plan.of(list(conditionals), substantive=(bi.Conditional.of(analysis),), run=RUN)


def test_it_follows_all_others_and_says_nothing_about_them() -> None:
    complete = data()
    holes = holed(complete)
    both = bi.impute(holes, plan(MATCHED, "x ~ z"), seed=1, progress=False)
    alone = bi.impute(holes.drop(columns="a"), plan("x ~ z"), seed=1, progress=False)
    for k in range(RUN.m):  # their start is another, and so is what was learnt from it, a little
        pd.testing.assert_frame_equal(
            both.completed(k)[["x", "y"]], alone.completed(k)[["x", "y"]], rtol=1e-3, atol=1e-3
        )
    gone = holes["a"].isna()
    assert both.completed(3)["a"][gone].isin(holes["a"].unique()).all() and gone.any()
    pooled = both.analyse("a ~ x + y + z", progress=False).pool().terms.set_index("term")
    whole = bi.fit("a ~ x + y + z", complete)
    for term, estimate in zip(whole.terms, whole.estimates, strict=True):
        assert abs(pooled.loc[term, "estimate"] - estimate) < 3 * pooled.loc[term, "std_error"]
    assert pooled.loc["x", "estimate"] > 2.4 / 3 * whole.estimates[whole.terms.index("x")]


@pytest.mark.parametrize(
    ("conditionals", "analysis"),
    [
        pytest.param((MATCHED, "x ~ z"), "y ~ x + a + (1 | g)", id="the analysis reads it"),
        pytest.param(("x ~ z",), bi.Conditional.of(ANALYSIS, family="pmm"), id="it is the outcome"),
    ],
)
def test_where_its_density_would_be_needed_it_is_an_error(conditionals: tuple, analysis: str | bi.Conditional) -> None:
    made = (
        plan(*conditionals, analysis=analysis)
        if isinstance(analysis, str)
        else bi.Plan.of(list(conditionals), substantive=(analysis,), run=RUN)
    )
    with pytest.raises(PlanError):
        bi.impute(holed(data(120)), made, seed=1, progress=False)
    assert any("pmm has no density" in str(p) for p in bi.check(made, holed(data(120))))
