"""Slices given the latent variables, at no cost: they enter through four sums of squares.

* log sigma and artanh rho, of numbers: e given h is Normal(gamma h, tau^2).
* The scale of each latent equation: with g, r* and s, so coefficients of selection and deviations of its effects, are
  multiplied together; y* and m likewise where the outcome is yes/no. That is Liu & Sabatti's (2000, Biometrika 87:353)
  generalised Gibbs step over the group of scales: its density in log g is that of the moved point times the Jacobian,
  g to the number of latent variables and coefficients. Effects of clusters follow their deviations: as standard normals
  they stay.
"""

import math

from bayesimpute.numerics.compiling import compiled, inlined
from bayesimpute.samplers.gibbs.densities import log_prior
from bayesimpute.samplers.gibbs.selection.ridge import LOWEST, held, log_prior_rho
from bayesimpute.samplers.gibbs.sweeps import SHRINKAGES

WIDTH = 6.0
"""Of first intervals, in units of 1 / sqrt(n)."""


@compiled
def errors_density(zeta, log_sigma, pair, sums):
    """Log density of artanh rho and log sigma given the errors."""
    log_tau = log_sigma - math.log(math.cosh(zeta))
    if log_tau < LOWEST:
        return -math.inf
    gamma = math.tanh(zeta) * math.exp(log_sigma)
    rss = sums[2] - 2 * gamma * sums[1] + gamma * gamma * sums[0]
    value = -pair.y.size * log_tau - 0.5 * rss * math.exp(-2 * log_tau) + log_prior_rho(pair.rho, zeta)
    return value + log_prior(pair.sigma[0], pair.sigma[1], pair.sigma[2], log_sigma)


@inlined
def move_errors(rng, zeta, log_sigma, pair, sums):
    """Log sigma, then artanh rho unless it is held.

    With rho held, kappa = 1 / sigma has the log density n log kappa - (kappa^2 sum e^2 - 2 kappa rho sum e h) / (2 (1 -
    rho^2)), which is concave, before its prior.
    """
    width = WIDTH / math.sqrt(pair.y.size)
    now = errors_density(zeta, log_sigma, pair, sums)
    for by_zeta in (0.0, 1.0):
        if by_zeta == 1 and held(pair.rho):
            break
        level = now - rng.standard_exponential()
        low = -width * rng.random()
        high = low + width
        for _ in range(SHRINKAGES):
            t = low + (high - low) * rng.random()
            at, scale = zeta + by_zeta * t, log_sigma + (1 - by_zeta) * t
            value = errors_density(at, scale, pair, sums)
            if value > level:
                zeta, log_sigma, now = at, scale, value
                break
            if t < 0:
                low = t
            else:
                high = t
    return zeta, log_sigma


@compiled
def scale_density(t, lay, theta, deviations, power, quadratic, linear):
    """Log density of log g."""
    g = math.exp(t)
    value = power * t - 0.5 * quadratic * g * g + linear * g
    for k in range(theta.size):
        if deviations[k]:
            value += log_prior(lay.kinds[k], lay.args[k, 0], lay.args[k, 1], theta[k] + t)
    return value


@compiled
def move_scale(rng, lay, theta, z, selects, of, deviations, count, quadratic, linear):
    """One equation's scale: its coefficients, which are in `z`, and deviations in place; returns g.

    The latent variables have log density -g^2 quadratic / 2 + g linear.
    """
    power = count
    for k in range(lay.coefficients):
        if selects[k] == of:
            power += 1
            quadratic += lay.precision[k] * z[k] ** 2
            linear += lay.precision[k] * lay.mean[k] * z[k]
    level = scale_density(0.0, lay, theta, deviations, power, quadratic, linear) - rng.standard_exponential()
    low = -WIDTH / math.sqrt(count) * rng.random()
    high = low + WIDTH / math.sqrt(count)
    t = 0.0
    for _ in range(SHRINKAGES):
        t = low + (high - low) * rng.random()
        if scale_density(t, lay, theta, deviations, power, quadratic, linear) > level:
            break
        if t < 0:
            low = t
        else:
            high = t
    else:
        return 1.0
    g = math.exp(t)
    for k in range(lay.coefficients):
        if selects[k] == of:
            z[k] *= g
    for k in range(theta.size):
        if deviations[k]:
            theta[k] += t
    return g
