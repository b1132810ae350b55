"""``log(y) ~ x`` and ``transform``: a monotone function of a variable is normal, and its own scale comes back."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from looping import assert_same_run
from scipy.special import expit, logit

import bayesimpute as bi
from bayesimpute.families import FAMILIES, Gaussian

RUN: dict[str, Any] = {"m": 2, "chains": 1, "warmup": 3, "sweeps": 4, "steps": 1}
BACK: dict[str, Any] = {"log": np.exp, "sqrt": np.square, "logit": expit}
THERE: dict[str, Any] = {"log": np.log, "sqrt": np.sqrt, "logit": logit}
NAMES = {"log": "lognormal", "sqrt": "sqrtnormal", "logit": "logitnormal"}


def frame(transform: str, n: int = 150) -> pd.DataFrame:
    rng = np.random.default_rng(6)
    x = rng.normal(size=n)
    found = pd.DataFrame({"x": x, "y": BACK[transform](4 * (transform == "sqrt") + x / 2 + rng.normal(size=n) / 2)})
    found["z"] = THERE[transform](found["y"]) + rng.normal(size=n)
    found.loc[rng.random(n) < 0.2, "y"] = np.nan
    found.loc[rng.random(n) < 0.1, "x"] = np.nan
    return found


def test_a_logarithm_on_the_left_is_lognormal() -> None:
    plain = bi.Conditional.of("y ~ x", family="lognormal")
    assert bi.Conditional.of("log(y) ~ x") == plain == bi.Conditional.of("y ~ x", transform="log")
    assert bi.Conditional.of("log(`a b`) ~ x").target == "a b"
    assert bi.Plan.of("log(y) ~ x") == bi.Plan.of(plain) == bi.Plan.from_toml(bi.Plan.of("log(y) ~ x").to_toml())
    for text in ('formula = "log(y) ~ x"', 'formula = "y ~ x"\ntransform = "log"', 'formulas.mu = "log( y )~ x"'):
        assert bi.Plan.from_toml(f"[[conditional]]\n{text}").conditionals == (plain,)
    assert bi.Plan.of("z ~ y", substantive="log(y) ~ x").substantive == (plain,)
    assert bi.Conditional.of("`log(y)` ~ x").target == "log(y)"  # a column that is called so


@pytest.mark.by_default("log")
@pytest.mark.parametrize("transform", NAMES)
def test_a_transform_is_a_family(transform: str, tmp_path: Path) -> None:
    made = bi.Conditional.of("y ~ x", transform=transform)
    assert made.family == NAMES[transform]
    text = f'[[conditional]]\nformula = "y ~ x"\nfamily = "gaussian"\ntransform = "{transform}"'
    assert bi.Plan.from_toml(text).conditionals == (made,)
    data = frame(transform)
    run = bi.impute(data, [made, "x ~ z"], seed=1, progress=False, checkpoint=tmp_path / "run.nc", **RUN)
    low, high = (0, 1) if transform == "logit" else (0, np.inf)
    for each in run:
        assert ((each["y"] > low) & (each["y"] < high)).all()
        seen = data["y"].notna()
        np.testing.assert_array_equal(each.loc[seen, "y"], data.loc[seen, "y"])
    assert_same_run(bi.load(tmp_path / "run.nc"), run)


@pytest.mark.parametrize("transform", NAMES)
def test_the_density_is_that_of_y(transform: str) -> None:
    """The Jacobian is in it, where other models' draws and leave-one-out read it."""
    theta = {"mu": np.array([0.3, 3.0]), "sigma": np.array([0.2, 0.1])}
    family, y = FAMILIES[NAMES[transform]](), np.array([0.4, 0.9])
    there, step = THERE[transform], 1e-6
    slope = (there(y + step) - there(y - step)) / (2 * step)
    expected = Gaussian().logp(there(y), theta) + np.log(slope)
    if transform == "sqrt":  # of a negative root there is none
        from scipy.special import log_ndtr

        expected = expected - log_ndtr(theta["mu"] / theta["sigma"])
    np.testing.assert_allclose(family.logp(y, theta), expected, rtol=1e-6)


def test_a_covariate_is_drawn_with_the_density_of_a_transformed_outcome() -> None:
    """Of `logit(y)` normal given x the draws of x are those of the normal model of logit(y) itself."""
    data = frame("logit")
    data["l"] = logit(data["y"])
    data = data[data["y"].notna()].reset_index(drop=True)
    means = []
    for outcome in (bi.Conditional.of("y ~ x", transform="logit"), bi.Conditional.of("l ~ x")):
        plan = bi.Plan.of(["x ~ 1"], substantive=outcome, run=bi.Run(m=40, chains=1, warmup=50, sweeps=400, steps=1))
        run = bi.impute(data, plan, seed=1, progress=False)
        drawn = run.tree["imputed/x"]["cells"].values
        means.append((drawn.mean(axis=0), drawn.std(axis=0) / np.sqrt(len(drawn))))
    (a, ea), (b, eb) = means
    assert np.all(np.abs(a - b) < 5 * np.hypot(ea, eb))


@pytest.mark.parametrize(
    ("text", "path", "told"),
    [
        ('formula = "y ~ x"\ntransform = "cube"', "conditional[y].transform", "there is no transform 'cube'"),
        ('formula = "y ~ x"\nfamily = "poisson"\ntransform = "sqrt"', "conditional[y].transform", "family is poisson"),
        ('formula = "y ~ x"\ntransform = 3', "conditional[y].transform", "there is no transform 3"),
    ],
)
def test_what_is_no_transform(text: str, path: str, told: str) -> None:
    with pytest.raises(bi.PlanError) as found:
        bi.Plan.from_toml(f"[[conditional]]\n{text}")
    assert [p.path for p in found.value.problems] == [path] and told in found.value.problems[0].finding


def test_values_that_have_no_transform() -> None:
    data = frame("log").assign(y=lambda d: d["y"] - 1)
    for transform in NAMES:
        found = bi.check(bi.Plan.of(bi.Conditional.of("y ~ x", transform=transform)), data)
        assert any(p.path == "conditional[y].family" and NAMES[transform] in p.finding for p in found)
    with pytest.raises(bi.PlanError, match="the family is gamma"):
        bi.Conditional.of("log(y) ~ x", family="gamma")
