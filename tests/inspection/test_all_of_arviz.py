"""All of ArviZ takes a run's tree: every family and sampler of the registries, so that a new one is included unwritten.

Variants that sample by NUTS are slow, for they compile: ``pytest -m slow tests/inspection/test_all_of_arviz.py``.
"""

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import pandas as pd
import pytest

import bayesimpute as bi
from bayesimpute.data.columns import encode
from bayesimpute.families import FAMILIES, Family, Support, Values
from bayesimpute.inspection.arviz_groups import GROUPS
from bayesimpute.samplers import SAMPLERS

pytestmark = pytest.mark.filterwarnings("ignore")  # ArviZ's, of draws that are too few for its estimates

RUN: Mapping[str, int] = {"m": 2, "chains": 2, "warmup": 20, "sweeps": 60}
MADE = [group for group in GROUPS if not group.startswith("prior")]
N, CLUSTERS = 120, 10


def columns() -> Mapping[str, pd.Series]:
    """For each kind of values one that it accepts; its centre is near 0 on the link, its spread near 1."""
    rng = np.random.default_rng(5)
    latent = rng.normal(0, 1, N) + rng.normal(0, 0.5, CLUSTERS)[np.arange(N) % CLUSTERS]
    ranks = latent.argsort().argsort()
    three = np.array(["low", "middle", "high"])[ranks * 3 // N]
    return {
        "number": pd.Series(latent),
        "count": pd.Series(rng.poisson(np.exp(0.5 * latent)).astype(float)),
        "yes or no": pd.Series((latent > 0).astype(float)),
        "between 0 and 1": pd.Series(1 / (1 + np.exp(-latent))),
        "label": pd.Series(rng.permuted(three)),
        "ordered label": pd.Series(pd.Categorical(three, ["low", "middle", "high"], ordered=True)),
    }


def frames(values: type[Values], *, empty: bool) -> Iterator[pd.DataFrame]:
    """Units in clusters with an incomplete y of such values, some clusters without any if asked."""
    rng, school = np.random.default_rng(7), np.arange(N) % CLUSTERS
    gone = (np.arange(N) % 6 == 1) | (empty & np.isin(school, [3, 8]))
    others = {"x": rng.normal(0, 1, N), "w": rng.normal(0, 1, N), "school": school}
    for column in columns().values():
        if values.accepts(encode(column, "y")):
            yield pd.DataFrame({"y": column.where(~gone), **others})


def planned(family: type[Family], frame: pd.DataFrame, sampler: str) -> bi.Plan:
    """A model with effects of clusters; parameters that must have a formula have one."""
    law = family().bind(encode(frame["y"], "y"))
    more = {p.name: "x + w" for p in law.parameters[1:] if p.prior is None}
    item = bi.Conditional(target="y", family=family.name, formulas={"mu": "y ~ x + (1 | school)", **more})
    return bi.Plan.of([item], run=bi.Run(sampler=sampler, **RUN))


def errors(plan: bi.Plan, frame: pd.DataFrame) -> list[bi.Problem]:
    """What is wrong: counts of successes may be above the trials, say."""
    return [problem for problem in bi.check(plan, frame) if problem.severity.value == "error"]


def cases() -> Iterator[Any]:
    """Selection models also with clusters of which it is not known why they have no value."""
    for name, family in FAMILIES.items():
        for sampler in SAMPLERS:
            marks = [pytest.mark.slow] * (sampler == "nuts")
            yield pytest.param(family, sampler, False, id=f"{name}-{sampler}", marks=marks)
        if family().selection is not None:
            yield pytest.param(family, "prior", True, id=f"{name}-prior-empty clusters")


@pytest.mark.by_default(
    *(
        f"{name}-gibbs"
        for name in ("gaussian", "bernoulli", "ordinal", "categorical", "negative_binomial", "semicontinuous")
    ),
    *(f"{name}-gibbs" for name in ("beta", "pmm", "heckman_gaussian", "heckman_probit")),
    *(f"{name}-prior" for name in ("bounded", "zero_inflated_poisson", "heckman_ordinal", "binomial")),
    "heckman_gaussian-prior-empty clusters",
)
@pytest.mark.parametrize(("family", "sampler", "empty"), list(cases()))
def test_arviz_takes_every_group(family: type[Family], sampler: str, empty: bool) -> None:
    import arviz as az

    both = ((frame, planned(family, frame, sampler)) for frame in frames(family.values, empty=empty))
    frame, plan = next((frame, plan) for frame, plan in both if not errors(plan, frame))
    if bi.sampling(plan, frame)["sampler"].tolist() != [sampler]:
        pytest.skip(f"{sampler} does not draw from it; NUTS, which stands in, is a case of its own")
    made = bi.impute(frame, plan, seed=1, keep="y", progress=False)
    if not family.density:
        assert len(az.summary(made.posterior("y")))
        with pytest.raises(bi.InputError, match="has no density"):
            made.posterior("y", ["log_likelihood"])
        return
    tree = made.posterior("y", MADE)
    assert set(tree.children) == set(MADE)
    summary = az.summary(tree)
    assert len(summary) >= 3 and np.isfinite(summary["mean"].to_numpy(dtype=float)).all()
    assert all(np.isfinite(v).all() for v in tree["log_likelihood"].data_vars.values())
    left_out = az.loo(tree, var_name="y")
    assert sampler == "prior" or np.isfinite(left_out.elpd)  # a prior's draws may have weights without any tail
    some = list(tree["log_prior"].data_vars)[:2]
    found = az.psense_summary(tree, var_names=some, prior_var_names=some, likelihood_var_names=["y"])
    assert sampler == "prior" or np.isfinite(found[["prior", "likelihood"]].to_numpy(dtype=float)).all()
    predicted(tree, family.values.of(encode(frame["y"], "y")).support, leaving_out=sampler != "prior")


def predicted(tree: Any, support: Support, *, leaving_out: bool) -> None:
    """Pictures of what is predicted: of numbers by leaving out, of 0 and 1 by calibration."""
    import arviz as az

    for name in tree["posterior_predictive"].data_vars:
        az.plot_ppc_dist(tree, var_names=[name], backend="none")
    if support.points is None and leaving_out:
        az.plot_loo_pit(tree, var_names=["y"], backend="none")
    elif support.points is not None and len(support.points) == 2:
        az.plot_ppc_pava(tree, var_names=["y"], backend="none")
