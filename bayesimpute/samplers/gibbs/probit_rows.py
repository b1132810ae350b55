"""Rows of a probit model: log-likelihoods, scores and what is expected, in loops that become vector instructions."""

import math

import numpy as np

from bayesimpute.numerics.compiling import compiled
from bayesimpute.numerics.exponential import quick_exp
from bayesimpute.samplers.gibbs.binary_likelihoods import far, scaled_tail

ROOT = 1.0 / math.sqrt(2.0 * math.pi)


@compiled
def probit_likelihoods(eta, y, out):
    """Log Phi((2 y - 1) eta) of each row, into `out`."""
    apart = np.empty(eta.size)
    for i in range(eta.size):
        signed = (2.0 * y[i] - 1.0) * eta[i]
        z = far(signed)
        tail, below = scaled_tail(z), signed < 0
        out[i] = tail if below else -tail * quick_exp(-z * z)
        apart[i] = z * z
    for i in range(eta.size):
        out[i] = math.log(out[i]) - apart[i] if out[i] > 0 else math.log1p(out[i])


@compiled
def probit_scores(eta, y, score, weight):
    """Scores and Fisher information, into `score` and `weight`."""
    for i in range(eta.size):
        sign = 2.0 * y[i] - 1.0
        signed = sign * eta[i]
        z = far(signed)
        tail, density = scaled_tail(z), quick_exp(-z * z)
        outer, inner = ROOT / tail, ROOT * density / (1.0 - tail * density)  # phi(x) by Phi(-|x|), and by Phi(|x|)
        score[i] = sign * (outer if signed < 0 else inner)
        weight[i] = outer * inner


@compiled
def probit_expected(eta, yes, density):
    """Phi(eta) and phi(eta), into `yes` and `density`."""
    for i in range(eta.size):
        z = far(eta[i])
        tail, root = scaled_tail(z), quick_exp(-z * z)
        yes[i] = tail * root if eta[i] < 0 else 1.0 - tail * root
        density[i] = ROOT * root
