"""Effects cluster by cluster, given everything else: independence Metropolis around each cluster's own mode.

Given the coefficients and the other blocks, clusters of a block are independent. In standard normals h (effects L h, so
that deviations near zero do no harm) a cluster has the log density sum_i log f(y_i | eta_i) - h'h / 2, concave for the
counts here. From a guess that the counts alone give, a few steps of Fisher scoring lead to its mode; a t-distributed
proposal there, with the information as precision, is accepted by Metropolis and Hastings. It does not depend on where
the effects stand, and its tails are heavier than the density's, which are at most normal: so nothing is stuck. Steps
that have not yet converged cost acceptance, never exactness; where outcomes are rare a row by itself says nothing of
where its mode is, so that the guess is that of whole clusters.
"""

import math

import numpy as np

from bayesimpute.numerics.compiling import compiled, inlined
from bayesimpute.numerics.exponential import quick_exp
from bayesimpute.samplers.gibbs.count_likelihoods import (
    BETA,
    BINOMIAL,
    GAMMA,
    INFLATED_POISSON,
    LARGEST,
    PROBIT,
    SOME_POISSON,
    STRUCTURAL,
    TRUNCATED,
    inflated,
    likelihoods,
    log_some,
    scores,
)
from bayesimpute.samplers.gibbs.effects import cholesky, solve_lower, solve_upper
from bayesimpute.samplers.gibbs.inflated_rows import inflated_expected, structural_expected
from bayesimpute.samplers.gibbs.probit_rows import probit_expected

SCORING = 3
"""Steps of Fisher scoring after the first guess."""
FARTHEST = 2.0
"""The largest step of an effect."""
NOTHING = 1e-300
"""The least that counts as seen or expected."""
FREEDOM = 8.0
"""Degrees of freedom of the proposals."""


@compiled
def members_of(f, lay, rows):
    """The cluster of each row in block f."""
    if f < lay.inner:
        return rows.codes.astype(np.int64)
    return (rows.columns[:, f - lay.inner] - lay.offsets[f]) // lay.widths[f]


@compiled
def add_effects(out, by, of, z, h, factor):
    """Add `by` times the effects L h to the rows' predictors, in place."""
    q, u = factor.shape[0], np.zeros(h.shape)
    for j in range(h.shape[0]):
        for a in range(q):
            for c in range(a + 1):
                u[j, a] += factor[a, c] * h[j, c]
    if q == 1:
        own, column = z[:, 0], u[:, 0]
        for i in range(out.size):
            out[i] += by * own[i] * column[of[i]]
        return
    for i in range(out.size):
        for a in range(q):
            out[i] += by * z[i, a] * u[of[i], a]


@compiled
def seen_and_expected(kind, eta, y, beside, shape):
    """Of a row: a number that grows with its predictor, what is expected of it there, and the most that it can be."""
    at = quick_exp(min(eta, LARGEST))
    if kind == BINOMIAL:
        return y, beside * at / (1.0 + at), beside
    if kind == BETA:
        return 1.0 / (1.0 + quick_exp(min(-y, LARGEST))), at / (1.0 + at), 1.0
    if kind == GAMMA:
        return y / at, 1.0, np.inf
    if kind >= SOME_POISSON:
        return y - 1.0, max(at / math.exp(log_some(kind, eta, shape)) - 1.0, 0.0), np.inf
    if kind == STRUCTURAL:
        seen, expected = structural_expected(eta, y, beside)
        return seen, expected, 1.0
    if inflated(kind):
        seen, expected = inflated_expected(kind == INFLATED_POISSON, eta, y, beside, shape)
        return seen, expected, np.inf
    return y, at, np.inf


@inlined
def log_ratio(seen, expected):
    """Log of seen by expected: of both half a one more, and of what is expected less where much more is seen."""
    return math.log(
        (seen + 0.5) / (max(expected, NOTHING) + 0.5 * min(1.0, max(expected, NOTHING) / max(seen, NOTHING)))
    )


@compiled
def probit_shifts(base, of, y, clusters):
    """The same of a probit model: those of log odds, with what is expected of these for a change of the predictors."""
    yes, density = np.empty(base.size), np.empty(base.size)
    probit_expected(base, yes, density)
    seen, expected, out = np.zeros(clusters), np.zeros(clusters), np.zeros(clusters)
    rows, by_odds, by_probit = np.zeros(clusters), np.zeros(clusters), np.zeros(clusters)
    for i in range(base.size):
        j = of[i]
        seen[j] += y[i]
        expected[j] += yes[i]
        rows[j] += 1.0
        by_odds[j] += yes[i] * (1.0 - yes[i])
        by_probit[j] += density[i]
    for j in range(clusters):
        shift = log_ratio(seen[j], expected[j]) - log_ratio(rows[j] - seen[j], rows[j] - expected[j])
        if by_probit[j] > 0:
            out[j] = shift * by_odds[j] / by_probit[j]
    return out


@inlined
def shifts_by_cluster(kind, base, of, y, beside, shape, clusters):
    """What added to the predictors of a cluster makes the sum over its rows nearly the expected one; 0 if truncated."""
    if kind == TRUNCATED:
        return np.zeros(clusters)
    if kind == PROBIT:
        return probit_shifts(base, of, y, clusters)
    seen, expected, most, out = np.zeros(clusters), np.zeros(clusters), np.zeros(clusters), np.empty(clusters)
    for i in range(base.size):
        own, mean, limit = seen_and_expected(kind, base[i], y[i], beside[i], shape)
        seen[of[i]] += own
        expected[of[i]] += mean
        most[of[i]] += limit
    for j in range(clusters):
        out[j] = log_ratio(seen[j], expected[j])
        if most[j] < np.inf:
            out[j] -= log_ratio(most[j] - seen[j], most[j] - expected[j])
        out[j] = max(min(out[j], LARGEST), -LARGEST)
    return out


@inlined
def informed(guess, kind, base, at, of, z, y, beside, shape, pull, information):
    """Sums over the rows of each cluster of Z's and of Z'W Z, in place; `at` are effects, not standard normals.

    With `guess` those of the working responses where the sums of the clusters lead.
    """
    pull[:] = 0.0
    information[:] = 0.0
    eta, score, weight = base.copy(), np.empty(base.size), np.empty(base.size)
    shift = shifts_by_cluster(kind, base, of, y, beside, shape, pull.shape[0]) if guess else np.zeros(0)
    if guess:
        for i in range(base.size):
            eta[i] += shift[of[i]]
    else:
        add_effects(eta, 1.0, of, z, at, np.eye(z.shape[1]))
    scores(kind, eta, y, beside, shape, score, weight)
    if guess:
        for i in range(base.size):
            score[i] += weight[i] * shift[of[i]]
    add_by_cluster(of, z, score, weight, pull, information)


@inlined
def add_by_cluster(of, z, score, weight, pull, information):
    """Add Z's and Z'W Z of the rows of each cluster, in place; intercepts alone have a loop of their own."""
    q = z.shape[1]
    if q == 1:
        j, linear, square = of[0] if of.size > 0 else np.int64(0), 0.0, 0.0
        for i in range(of.size):
            if of[i] != j:  # rows of a cluster mostly follow each other: its sums wait for no memory
                pull[j, 0], information[j, 0, 0] = linear, square
                j = of[i]
                linear, square = pull[j, 0], information[j, 0, 0]
            linear += z[i, 0] * score[i]
            square += z[i, 0] * weight[i] * z[i, 0]
        if of.size > 0:
            pull[j, 0], information[j, 0, 0] = linear, square
        return
    for i in range(of.size):
        j = of[i]
        for a in range(q):
            by = z[i, a]
            pull[j, a] += by * score[i]
            for c in range(a + 1):
                information[j, a, c] += by * weight[i] * z[i, c]


@compiled
def rooted(factor, information, out):
    """The upper factor of I + L'(Z'W Z) L."""
    q = factor.shape[0]
    for a in range(q):
        for b in range(a, q):
            value = 1.0 if a == b else 0.0
            for k in range(a, q):
                for c in range(b, q):
                    value += factor[k, a] * factor[c, b] * (information[k, c] if k >= c else information[c, k])
            out[a, b] = value
    cholesky(out, np.ones(q))


@inlined
def modes(kind, base, of, z, y, beside, shape, factor, clusters):
    """Where each cluster's proposal is, shape (cluster, effect), and the upper factors of its precision."""
    q = factor.shape[0]
    point, at, step = np.zeros((clusters, q)), np.zeros((clusters, q)), np.empty(q)
    pull, information, roots = np.empty((clusters, q)), np.empty((clusters, q, q)), np.empty((clusters, q, q))
    for t in range(SCORING + 1):
        informed(t == 0, kind, base, at, of, z, y, beside, shape, pull, information)
        for j in range(clusters):
            rooted(factor, information[j], roots[j])
            for a in range(q):
                step[a] = -point[j, a]
                for k in range(a, q):
                    step[a] += factor[k, a] * pull[j, k]
            solve_lower(roots[j], step)
            solve_upper(roots[j], step)
            longest = 0.0
            for a in range(q):
                longest = max(longest, abs(step[a]))
            by = min(1.0, FARTHEST / longest) if t > 0 and longest > 0 else 1.0
            for a in range(q):
                point[j, a] += by * step[a]
            for a in range(q):
                at[j, a] = 0.0
                for c in range(a + 1):
                    at[j, a] += factor[a, c] * point[j, c]
    return point, roots


@compiled
def log_t(h, point, root):
    """Log density of a proposal, up to a constant."""
    q, total = h.size, 0.0
    for a in range(q):
        value = 0.0
        for b in range(a, q):
            value += root[a, b] * (h[b] - point[b])
        total += value * value
    return -0.5 * (FREEDOM + q) * math.log1p(total / FREEDOM)


@inlined
def move_clusters(rng, kind, of, z, h, eta, y, beside, shape, factor):
    """One step of all clusters of a block; standard normals and predictors in place. Returns the share of accepted."""
    clusters, q = h.shape
    base, proposed = eta.copy(), np.empty((clusters, q))
    add_effects(base, -1.0, of, z, h, factor)
    point, roots = modes(kind, base, of, z, y, beside, shape, factor, clusters)
    ratio, noise = np.empty(clusters), np.empty(q)
    for j in range(clusters):
        for a in range(q):
            noise[a] = rng.standard_normal()
        by = math.sqrt(FREEDOM / (2.0 * rng.standard_gamma(0.5 * FREEDOM)))
        solve_upper(roots[j], noise)
        ratio[j] = 0.0
        for a in range(q):
            proposed[j, a] = point[j, a] + by * noise[a]
            ratio[j] += 0.5 * (h[j, a] ** 2 - proposed[j, a] ** 2)
        ratio[j] += log_t(h[j], point[j], roots[j]) - log_t(proposed[j], point[j], roots[j])
    moved = base.copy()
    add_effects(moved, 1.0, of, z, proposed, factor)
    new, now = np.empty(eta.size), np.empty(eta.size)
    likelihoods(kind, moved, y, beside, shape, new)
    likelihoods(kind, eta, y, beside, shape, now)
    for i in range(eta.size):
        ratio[of[i]] += new[i] - now[i]
    taken = np.empty(clusters, dtype=np.bool_)
    for j in range(clusters):
        taken[j] = -rng.standard_exponential() < ratio[j]
        if taken[j]:
            h[j] = proposed[j]
    for i in range(eta.size):
        if taken[of[i]]:
            eta[i] = moved[i]
    return taken.mean() if clusters > 0 else 1.0
