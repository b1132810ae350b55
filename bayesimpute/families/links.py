"""Link functions, each with its inverse in NumPy and the link itself.

To add one, add a line to :data:`LINKS`.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
from scipy.special import expit, logit, ndtr, ndtri


@dataclass(frozen=True)
class Link:
    """A link g and its inverse, on arrays of any shape."""

    link: Callable[[np.ndarray], np.ndarray]
    inverse: Callable[[np.ndarray], np.ndarray]


def _same(x: np.ndarray) -> np.ndarray:
    return x


LINKS: Mapping[str, Link] = {
    "identity": Link(_same, _same),
    "log": Link(np.log, np.exp),
    "logit": Link(logit, expit),
    "probit": Link(ndtri, ndtr),
    "fisher": Link(np.arctanh, np.tanh),
}
