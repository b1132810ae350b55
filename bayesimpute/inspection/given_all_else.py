"""The log density of each observed value of a covariate given all else, as the run kept it, or why there is none.

Other models read a covariate of a compatible plan. Its term is its own density times theirs, normalised over its values
(:mod:`bayesimpute.compatible.normalised`). These are conditional densities, one for each value: what leaving a
value out takes; their sum is no likelihood.
"""

from collections.abc import Mapping

import numpy as np

from bayesimpute.base.errors import InputError, one
from bayesimpute.base.phrases import listed
from bayesimpute.running import at_visits


def given_all_else(
    name: str, kept: Mapping[str, np.ndarray], readers: tuple[str, ...], *, selects: bool, by: str | None
) -> np.ndarray:
    """The log densities, shape (chain, draw, observed unit).

    Parameters
    ----------
    name : str
        The covariate.
    kept : mapping of str to ndarray, shape (chain, draw, …)
        What the run kept of its visits.
    readers : tuple of str
        The models that read it.
    selects : bool
        Whether its own model is a selection model.
    by : str or None
        The cluster key that was asked for.

    Raises
    ------
    InputError
        If clusters are asked for, or there is no such density.
    """
    others, finding, remedy = listed(readers), "", f"ask for {listed(readers)}"
    if by is not None:
        finding, remedy = f'values of "{name}" are in the models of {others}, too', "leave by out: units only"
    elif selects:
        finding = f'the model of "{name}" selects, and those of {others} read it'
    elif at_visits.ALONE not in kept:
        finding = f'"{name}" and others are read by each other, and have no joint density with {others}'
        remedy = "let the models of covariates read each other in one order"
    elif np.isnan(kept[at_visits.ALONE]).any():
        finding = f'the density of "{name}" times those of {others} could not be integrated over "{name}"'
    if finding:
        raise one(InputError, "groups" if by is None else "by", finding, remedy)
    return kept[at_visits.ALONE]
