"""The posterior of a scalar as the mixture that imputation makes it: what is seen within datasets, and between them.

Given one completed dataset an estimand is Q̂ + √U t with the complete-data degrees of freedom; over the datasets Q̂
varies with the variance B. With m of them, of which B is only an estimate, the mixture is

    Q̄ + √Ū t(dfcom) + √((1 + 1/m) B) t(m − 1),

a Behrens-Fisher distribution (the posterior of Rubin 1987, section 3.3, before one t distribution takes its place, and
with a finite dfcom). Barnard & Rubin's (1999) t distribution is an approximation to it that takes what is known of the
estimand for a sample of (1 − λ) dfcom rows. Where next to no row is observed it knows nothing, whatever the imputation
model knows from other clusters: its interval grows without bound as m does. The mixture does not.
"""

import numpy as np

NODES = 400
"""Points of t(m − 1) over which t(dfcom) is averaged."""
HALVINGS = 50


def two_sided(x: np.ndarray, within: np.ndarray, between: np.ndarray, dfcom: np.ndarray, m: int) -> np.ndarray:
    """The probability that the mixture is further from its centre than x, shape (k,).

    Parameters
    ----------
    x : ndarray, shape (k,)
        Distances from 0.
    within, between : ndarray, shape (k,)
        The scales √Ū and √((1 + 1/m) B) of the two parts.
    dfcom : ndarray, shape (k,)
        Complete-data degrees of freedom.
    m : int
        Number of completed datasets.
    """
    from scipy.special import stdtr, stdtrit

    nodes = stdtrit(m - 1, (np.arange(NODES) + 0.5) / NODES)
    with np.errstate(divide="ignore", invalid="ignore"):
        scaled = (-np.abs(x)[:, None] - between[:, None] * nodes) / within[:, None]
    return 2 * stdtr(dfcom[:, None], np.nan_to_num(scaled, posinf=np.inf, neginf=-np.inf)).mean(axis=1)


def half_width(level: float, within: np.ndarray, between: np.ndarray, dfcom: np.ndarray, m: int) -> np.ndarray:
    """Half the length of the interval that holds `level` of the mixture, by bisection; parameters as above."""
    from scipy.special import stdtrit

    upper = (1 + level) / 2
    low = np.zeros(len(within))
    # neither part is beyond its own limit of half of what may be outside, but with that probability
    tail = 1 - (1 - upper) / 2
    high = within * stdtrit(dfcom, tail) + between * stdtrit(m - 1, tail)
    for _ in range(HALVINGS):
        middle = (low + high) / 2
        outside = two_sided(middle, within, between, dfcom, m) > 1 - level
        low, high = np.where(outside, middle, low), np.where(outside, high, middle)
    return (low + high) / 2
