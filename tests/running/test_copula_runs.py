"""Runs with other copulas than the normal: by NUTS, from a plan's text, and wrong ones told at once."""

import numpy as np
import pandas as pd
import pytest
from scipy import stats

import bayesimpute as bi
from bayesimpute.families import HeckmanGaussian, HeckmanProbit


def survey(n: int = 500, tau: float = -0.6) -> pd.DataFrame:
    """A number whose error and selection's are bound by Clayton's copula, turned by 90 degrees."""
    rng = np.random.default_rng(2)
    theta = 2 * abs(tau) / (1 - abs(tau))
    frailty, (x, z) = rng.gamma(1 / theta, size=n), rng.normal(size=(2, n))
    h, e = stats.norm.ppf((1 + rng.exponential(size=(2, n)) / frailty) ** (-1 / theta))
    y = 1 + x + 2 * e
    return pd.DataFrame({"x": x, "z": z, "y": np.where(0.3 + 0.5 * x + z - h > 0, y, np.nan)})


TOML = """
schema = 1
[[conditional]]
target = "y"
family = "heckman_gaussian"
copula = "clayton"
tau = -0.6
formulas.mu = "y ~ x"
formulas.selection = "x + z"
"""


@pytest.mark.slow
def test_a_plan_says_its_copula_and_nuts_draws_from_it() -> None:
    data = survey()
    plan = bi.Plan.from_toml(TOML)
    assert bi.Plan.from_toml(plan.to_toml()) == plan
    assert set(bi.sampling(plan, data)["sampler"]) == {"nuts"}
    made = bi.impute(data, plan, m=4, chains=2, warmup=60, sweeps=60, seed=1, progress=False)
    posterior = made.posterior("y")["posterior"]
    slope = posterior["x"].to_numpy()
    assert abs(slope.mean() - 1) < 0.3
    assert abs(posterior["Intercept"].to_numpy().mean() - 1) < 0.4
    imputed = np.mean([made.completed(k)["y"][data["y"].isna()].mean() for k in range(4)])
    assert imputed > data["y"].mean() + 0.3


@pytest.mark.parametrize(
    ("family", "where", "finding"),
    [
        (HeckmanProbit(copula="claiton"), "copula", 'there is no copula "claiton"'),
        (HeckmanProbit(copula="joe", rho=0.2), "rho", 'the copula "joe" has no correlation'),
        (HeckmanGaussian(copula="clayton", tau=0.0), "tau", "no tau of 0"),
        (HeckmanGaussian(copula=["joe"]), "copula", "is not a copula"),  # type: ignore
        (HeckmanGaussian(copula="frank180"), "copula", "no copula"),
        (HeckmanGaussian(copula="frank", tau=1.2), "tau", "1.2 is not a tau"),
    ],
)
def test_wrong_copulas_are_told(family: HeckmanGaussian | HeckmanProbit, where: str, finding: str) -> None:
    data = survey(60)
    data = data.assign(y=(data["y"] > 0).where(data["y"].notna())) if isinstance(family, HeckmanProbit) else data
    item = bi.Conditional(target="y", family=family, formulas={"mu": "y ~ x", "selection": "x + z"})
    with pytest.raises(bi.PlanError) as error:
        bi.impute(data, [item], seed=1)
    found = [p for p in error.value.problems if p.path.endswith(f".{where}")]
    assert found and finding in found[0].finding


def test_a_family_without_selection_has_no_copula() -> None:
    with pytest.raises(bi.PlanError, match="copula"):
        bi.Plan.from_toml(
            'schema = 1\n[[conditional]]\ntarget = "y"\nformulas.mu = "y ~ x"\nfamily = "gaussian"\ncopula = "joe"'
        )
