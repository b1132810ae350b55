"""Whether chains are further apart than chance: the probability that chains in one place differ as much.

R-hat compares the variance between chains with that within them, but how large chance makes it depends on how many
effective draws the chains have: with 800 of them a stationary run of two hundred quantities has an R-hat above 1.01
more often than not. So the means of the m half chains are tested. With S the long-run variance of a draw, estimated
within half chains of n draws (the cross-chain effective sample size contains the very disagreement that is tested),
n times the variance of their means over S is an F with m − 1 and d degrees of freedom. It is computed for the values
on the normal scale of their ranks and for their folded ranks, as R-hat is (Vehtari et al. 2021), which makes it
independent of the distribution of the values.

A drift that chains share hides from this test, for within a half chain it looks like slow mixing. So the means of
:data:`BLOCKS` stretches of time are compared, too: a two-way analysis of variance with what differs between chains
within a stretch as the error. Chains are independent whatever their autocorrelation is.

Two things of the first test are not as in a textbook:

* S sums autocovariances up to a lag where Geyer's initial monotone sequence ends (Geyer 1992, Statistical Science
  7:473). Over a window of w lags that are centred on each half chain's own mean it falls short by the factor 1 − w/n.
* With a fixed window d would be m·n/w. The window is chosen by the same autocovariances, which makes S noisier; a third
  of it keeps what is promised (``tests/numerics/test_disagreement.py``).

To test for something else, add its tail probability to :func:`apart`.
"""

import numpy as np
from scipy import fft
from scipy.special import fdtrc, ndtri

BLOCKS = 8
"""Stretches of time whose means are compared."""
CHOSEN_WINDOW = 3
"""How much noisier the long-run variance is for a window that the data choose: d is divided by it."""
LEAST_LEFT = 0.02
"""Of the long-run variance: where the window fills the half chain, nothing is known of it."""


def apart(values: np.ndarray) -> dict[str, np.ndarray]:
    """Test whether the halves of all chains are in one place.

    Parameters
    ----------
    values : ndarray, shape (chain, draw, quantity)
        Each quantity varies; at least four draws.

    Returns
    -------
    dict of str to ndarray, shape (quantity,)
        ``chance``: the probability that stationary chains are as far apart, in place, spread or time; ``ess_half``: the
        effective draws of half a chain.
    """
    halves = split(values)
    folded = np.abs(halves - np.median(halves, axis=(0, 1)))
    tests = [_places(_normal_scores(x)) for x in (halves, folded)]
    chance = np.min([*(tail for tail, _ in tests), _drift(_normal_scores(values))], axis=0)
    within = np.min([effective for _, effective in tests], axis=0)
    return {"chance": np.minimum(1, (len(tests) + 1) * chance), "ess_half": within}


def split(values: np.ndarray) -> np.ndarray:
    """First and second halves of chains (chain, draw, ...) as chains."""
    half = values.shape[1] // 2
    return np.concatenate([values[:, :half], values[:, -half:]])


def _normal_scores(values: np.ndarray) -> np.ndarray:
    """What normal values of the same ranks would be, over all chains."""
    from scipy.stats import rankdata

    size = values.shape[0] * values.shape[1]
    ranks = rankdata(values.reshape(size, -1), axis=0)
    return ndtri((ranks - 0.375) / (size + 0.25)).reshape(values.shape)


def _places(values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The upper tail of the F of chains' means, and the effective draws of a chain, each (quantity,)."""
    m, n, _ = values.shape
    variance, long_run, window = _long_run_variance(values)
    with np.errstate(divide="ignore", invalid="ignore"):  # folded values of two labels may all be equal
        ratio = n * values.mean(axis=1).var(axis=0, ddof=1) / long_run
        tail = fdtrc(m - 1, m * n / (CHOSEN_WINDOW * window), ratio)
        effective = n * variance / long_run
    varies = np.ptp(values, axis=(0, 1)) > 0
    return np.where(varies, tail, 1.0), np.where(varies, effective, float(n))


def _drift(values: np.ndarray) -> np.ndarray:
    """The upper tail of the F of the means of stretches of time, (quantity,)."""
    chains, draws, quantities = values.shape
    length = draws // BLOCKS
    if length == 0:
        return np.ones(quantities)
    cells = values[:, -length * BLOCKS :].reshape(chains, BLOCKS, length, quantities).mean(axis=2)
    residual = cells - cells.mean(axis=1, keepdims=True)
    common = residual.mean(axis=0)
    freedom = BLOCKS - 1, (BLOCKS - 1) * (chains - 1)
    error = ((residual - common) ** 2).sum(axis=(0, 1)) / freedom[1]
    with np.errstate(divide="ignore", invalid="ignore"):  # chains that each stand still have no drift
        return np.nan_to_num(fdtrc(*freedom, chains * (common**2).sum(axis=0) / freedom[0] / error), nan=1.0)


def _long_run_variance(values: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Variance, long-run variance and the number of lags of either sign that went into it, each (quantity,)."""
    m, n, quantities = values.shape
    covariances = _autocovariances(values)
    pairs = covariances[: n - n % 2].reshape(n // 2, 2, quantities).sum(axis=1)
    positive = np.logical_and.accumulate(pairs > 0, axis=0)
    monotone = np.where(positive, np.minimum.accumulate(pairs, axis=0), 0)
    window = np.maximum(4 * positive.sum(axis=0) - 1, 1)
    variance = covariances[0]
    found = np.maximum(2 * monotone.sum(axis=0) - variance, variance / np.log10(m * n))
    return variance, found / np.maximum(1 - window / n, LEAST_LEFT), window


def _autocovariances(values: np.ndarray) -> np.ndarray:
    """Means over chains, each about its own mean, shape (lag, quantity)."""
    n = values.shape[1]
    size = fft.next_fast_len(2 * n, real=True)
    spectrum = np.asarray(fft.rfft(values - values.mean(axis=1, keepdims=True), size, axis=1))
    return fft.irfft((np.abs(spectrum) ** 2).mean(axis=0), size, axis=0)[:n] / n
