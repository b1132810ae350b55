"""The best guess of coefficients and effects: the posterior mean given the variances, as dense matrices have it."""

import numpy as np
import pandas as pd
import pytest
from modelling import graph_data, only, placed, school_frame, workspace

from bayesimpute.designs.design import Draw
from bayesimpute.designs.estimate import estimate
from bayesimpute.plan.conditional import Conditional
from bayesimpute.samplers.prior import prior_draw


def test_it_is_the_posterior_mean_given_the_variances() -> None:
    space = workspace(school_frame().drop(columns="b"), "y ~ x + (1 + x | school)")
    design, data = only(space)[1], graph_data(space)
    draw = prior_draw(design, np.random.default_rng(2))
    found = estimate(design, draw, data)
    x, codes, root = data["X_mu"], data["codes_block0"], draw["block0_root"]
    (block,), (mean, sd) = design.blocks, np.array([p.args for p in design.predictor("mu").priors]).T
    z = (np.eye(block.size)[codes][:, :, None] * data["X_block0"][:, None, :]).reshape(len(x), -1)
    between = np.kron(np.eye(block.size), root @ root.T)
    v = draw["sigma"] ** 2 * np.eye(len(x)) + z @ between @ z.T
    left = x.T @ np.linalg.solve(v, x) + np.diag(sd**-2)
    beta = np.linalg.solve(left, x.T @ np.linalg.solve(v, data["y_data"]) + mean / sd**2)
    effects = between @ z.T @ np.linalg.solve(v, data["y_data"] - x @ beta)
    np.testing.assert_allclose(found["mu"], beta, rtol=1e-6, atol=1e-9)
    np.testing.assert_allclose(found["block0"], effects.reshape(block.size, -1), rtol=1e-5, atol=1e-8)
    assert found["sigma"] is draw["sigma"] and len(placed(space).learn_rows) == len(x)


@pytest.mark.parametrize(
    ("formula", "family"),
    [
        ("b ~ x + (1 + x | school)", "bernoulli"),
        ("k ~ x + (1 | school)", "negative_binomial"),
        ("y ~ x + (1 | school)", "student_t"),
        ("c ~ x + (1 | school)", "ordinal"),
        ("c ~ x + (1 | school)", "categorical"),
        ("k ~ x + (1 | school)", "hurdle_poisson"),
    ],
)
def test_of_other_laws_it_is_the_posterior_mode_given_the_rest(formula: str, family: str) -> None:
    """Log-likelihood plus log-prior has its top within half a thousandth, whichever way it is looked for."""
    frame, rng = school_frame(), np.random.default_rng(5)
    ranks = (frame["x"] + rng.normal(0, 3, len(frame))).rank(pct=True)
    frame["k"] = rng.poisson(np.exp(frame["x"] / 10)).astype(float)
    frame["c"] = pd.Categorical(np.array(["p", "q", "r"])[(ranks * 2.99).astype(int)], ordered=True)
    frame.loc[::6, ["k", "c"]] = np.nan
    more = {"zero": "x"} if family == "hurdle_poisson" else {}
    item = Conditional(target=formula[0], family=family, formulas={"mu": formula, **more})
    space = workspace(frame, item)
    design, data = only(space)[1], graph_data(space)
    draw = prior_draw(design, np.random.default_rng(2))
    draw = {**draw, **{f"{b.key}_root": 0.7 * np.eye(b.width) for b in design.blocks}}
    found = estimate(design, draw, data)
    keys = [p.key for p in design.predictors if p.parameter.name == "mu"]

    def height(at: Draw) -> float:
        pairs = (pair for key in keys for pair in zip(design.predictor(key).priors, at[key], strict=True))
        of = sum(float(prior.log_density(value)) for prior, value in pairs)
        z = np.concatenate([np.linalg.solve(draw[f"{b.key}_root"], at[b.key].T).ravel() for b in design.blocks])
        return float(design.logp(at, data).sum()) + of - 0.5 * float(z @ z)

    for key in (*keys, *(b.key for b in design.blocks)):
        for way in rng.normal(size=(4, *np.shape(found[key]))):
            ends = [height({**found, key: found[key] + s * way}) for s in (-1e-3, 0.0, 1e-3)]
            curve = ends[0] - 2 * ends[1] + ends[2]
            assert curve < 0 and abs(ends[2] - ends[0]) / 2 < abs(curve) / 2
