"""The best guess of coefficients and effects: the posterior mean given the variances, as dense matrices have it."""

import numpy as np
from modelling import graph_data, only, placed, school_frame, workspace

from bayesimpute.designs.estimate import estimate
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
