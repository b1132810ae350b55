"""Along which lines coefficients of a logit model are moved.

The columns of R^-1 with R'R = information + prior precision. At first the information is X'X / 4, which the data alone
fix; then it is the Fisher information that the chain has met while it was tuned. Where nobody of some kind says yes,
rows say next to nothing of a coefficient, and X'X / 4 as much as of the others, which along its lines would hold it
back.
"""

import numpy as np

from bayesimpute.numerics.compiling import compiled
from bayesimpute.samplers.gibbs.binary_moves import lines, move_coefficients
from bayesimpute.samplers.gibbs.count_likelihoods import BINOMIAL
from bayesimpute.samplers.gibbs.gradient_moves import EVERY, LINES_FIRST, look


@compiled
def move_along(rng, z, signed, sign, guess, learnt, tune, columns, lay):
    """Coefficients along all lines in turn; `z`, `signed` and what is learnt in arrays in place.

    Parameters
    ----------
    signed, sign : ndarray, shape (row,)
        The rows' predictors times their signs, and these.
    guess : ndarray, shape (coefficient, coefficient)
        The information before it was looked at.
    learnt : tuple of (lengths, count, information, looks)
        Mean squares of the moves and the sweeps that they rest on; the information and the looks.
    tune : bool
        Whether it learns.

    Returns
    -------
    learnt : tuple
    """
    lengths, count, information, looks = learnt
    count += 1.0 if tune else 0.0
    along = lines(information if looks > 0 else guess, lay)
    move_coefficients(rng, z, signed, sign, along, lengths, count if tune else 0.0, columns, lay)
    if tune and count >= LINES_FIRST and (looks == 0 or count % EVERY == 0):
        looks = look(np.int64(BINOMIAL), sign * signed, 0.0, columns, np.ones(signed.size), information, looks)
    return lengths, count, information, looks
