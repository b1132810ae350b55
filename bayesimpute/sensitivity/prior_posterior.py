"""How far the posterior of the correlation went from its prior: KL divergence and overlap, on Fisher's z.

Both are the same on any scale; z has no ends for a kernel to spill over. The posterior is a Gaussian kernel density
of the draws, the prior is exact. A kernel density is wider than what it estimates, by its kernel's variance: the draws
are drawn in towards their mean by as much first (West 1993, J R Stat Soc B 55:409), so that a normal posterior gives
its own KL.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pandas as pd

from bayesimpute.families import Dependence
from bayesimpute.sensitivity.importance_weights import quantiles
from bayesimpute.sensitivity.selection_draws import Correlation

POINTS = 2001
"""Of the grid of z."""
FARTHEST = 12.0
"""|z| beyond which no prior of a correlation has mass to speak of: it is 1 but for 1e-10."""
PLOTTED = 0.97
"""Of a correlation's bounds, as far as densities are given."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Movement:
    """What the data say of the correlation.

    Parameters
    ----------
    name : str
        Of its parameter.
    prior : str
        Its prior, with whether it is one of Fisher's z.
    mean, sd, conf_low, conf_high : float
        Of the posterior; the interval has 95 %.
    prior_low, prior_high : float
        The prior's 95 % interval.
    kl : float
        KL(posterior || prior) in nats.
    overlap : float
        The integral of the smaller density: 1 where they agree, 0 where they do not meet.
    ess : float
        Effective sample size of z.
    density : DataFrame
        Its values under its name, and their densities ``prior, posterior``.
    """

    name: str
    prior: str
    mean: float
    sd: float
    conf_low: float
    conf_high: float
    prior_low: float
    prior_high: float
    kl: float
    overlap: float
    ess: float
    density: pd.DataFrame

    @property
    def width(self) -> float:
        """The posterior interval's length in lengths of the prior's."""
        return (self.conf_high - self.conf_low) / (self.prior_high - self.prior_low)


def moved(correlation: Correlation) -> Movement:
    """Hold the posterior of the correlation against its prior."""
    z, values, ess = correlation.z.ravel(), correlation.values, correlation.ess
    about = correlation.dependence
    kl, overlap = divergence(z, correlation.log_prior, ess=ess)
    low, high = np.quantile(values, [0.025, 0.975])
    prior_low, prior_high = interval(correlation.log_prior, about)
    where = f"{about.scale} of {about.name} at the centre" if correlation.linear else about.name
    return Movement(
        name=about.name,
        prior=f"{where} ~ {correlation.prior}",
        mean=float(values.mean()),
        sd=float(values.std()),
        conf_low=float(low),
        conf_high=float(high),
        prior_low=prior_low,
        prior_high=prior_high,
        kl=kl,
        overlap=overlap,
        ess=ess,
        density=_densities(correlation),
    )


def divergence(
    z: np.ndarray, log_prior: Callable[[np.ndarray], np.ndarray], *, ess: float | None = None
) -> tuple[float, float]:
    """KL(q || p) in nats and the overlap, with q the density of the draws `z`, shape (draw,), and p the prior.

    Parameters
    ----------
    log_prior : callable
        Log p, of an array.
    ess : float, optional
        Effective sample size, which the bandwidth is made for; without it as many as there are draws.
    """
    grid, q = density(z, ess=ess)
    log_p = log_prior(grid)
    inside = q > 0
    log_q = np.log(np.where(inside, q, 1.0))
    kl = np.trapezoid(np.where(inside, q * (log_q - np.maximum(log_p, -745.0)), 0.0), grid)
    return max(0.0, float(kl)), float(np.trapezoid(np.minimum(q, np.exp(log_p)), grid))


def density(z: np.ndarray, *, ess: float | None = None, within: float | None = None) -> tuple[np.ndarray, np.ndarray]:
    """A grid and the kernel density of the draws on it, each of shape (point,).

    Parameters
    ----------
    within : float, optional
        The ends of the grid; without it all draws are inside with 6 bandwidths to spare.
    """
    share = bandwidth(len(z) if ess is None or not ess > 0 else ess)
    width = max(share * float(z.std()), 1e-9)
    drawn = z.mean() + np.sqrt(1 - share**2) * (z - z.mean())
    low, high = drawn.min() - 6 * width, drawn.max() + 6 * width
    edges = np.linspace(low, high, POINTS + 1)
    middle = (edges[1:] + edges[:-1]) / 2
    step = middle[1] - middle[0]
    far = int(np.ceil(6 * width / step))
    kernel = np.exp(-0.5 * (np.arange(-far, far + 1) * step / width) ** 2)
    counts = np.histogram(drawn, edges)[0] / len(z)
    q = np.convolve(counts, kernel / kernel.sum())[far : far + POINTS] / step
    if within is None:
        return middle, q
    grid = np.linspace(-within, within, POINTS)
    return grid, np.interp(grid, middle, q, left=0.0, right=0.0)


def bandwidth(draws: float) -> float:
    """In standard deviations: the best for a normal density (Silverman 1986, section 3.4.2)."""
    return (4 / (3 * max(draws, 4.0))) ** 0.2


def interval(log_prior: Callable[[np.ndarray], np.ndarray], about: Dependence) -> tuple[float, float]:
    """The equal-tailed 95 % interval of the correlation under its prior."""
    grid = np.linspace(-FARTHEST, FARTHEST, 40 * POINTS)
    mass = np.exp(log_prior(grid))
    low, high = quantiles(grid, mass / mass.sum(), (0.025, 0.975))
    return float(about.back(low)), float(about.back(high))


def _densities(correlation: Correlation) -> pd.DataFrame:
    """Densities of the correlation: those of z over its slope, the derivative by z."""
    about = correlation.dependence
    within = float(about.line(np.asarray(PLOTTED * about.bounds[1])))
    grid, q = density(correlation.z.ravel(), ess=correlation.ess, within=within)
    values = about.back(grid)
    slope, prior = about.slope(values), np.exp(correlation.log_prior(grid))
    table = pd.DataFrame({about.name: values, "prior": prior / slope, "posterior": q / slope})
    return table.iloc[::10].reset_index(drop=True)
