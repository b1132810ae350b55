"""A Gibbs sampler of mixed models, compiled with numba: exact, and an order of magnitude faster than NUTS.

It draws from the posterior of the very model that :mod:`bayesimpute.designs.graph` builds: coefficients with normal
priors, any number of blocks of group-specific effects (crossed, nested, correlated or not), any prior of standard
deviations that :mod:`bayesimpute.base.priors` offers for them, LKJ priors of correlations. Targets are Gaussian, or
have Gaussian logarithms, with one sigma or a formula for its logarithm; censored or truncated at limits, with one
sigma; yes/no with a logit or a probit link; t-distributed, with one sigma and one nu; or what else ``engines.py``
lists. The graph itself is never built.

With one sigma, one pass over the rows leaves cross-products for each cluster (``products.py``); after that nothing
costs more than O(clusters). A sweep is

1. sigma, and deviations and partial correlations of the inner blocks (those of the cluster key with the most effects)
   given b, with these effects integrated out: slices (``densities.py``, ``sweeps.py``);
2. deviations and partial correlations of the outer blocks, given their effects and given their standard normals;
3. b, the coefficients and the outer effects, with the inner effects integrated out: one normal draw (``effects.py``).

Inner effects are drawn once, at the end of a visit: the chain of the other parameters does not need them. Since b and
the variance parameters are nearly independent a posteriori, a few sweeps forget their start, whatever the sizes of
clusters and deviations. (A sampler that holds the effects fixed crawls where a deviation is small in the centred form,
and where clusters are large in the other; interweaving the two helps, integrating out needs no help.)

With a formula for sigma the rows are weighted anew in each sweep, and a sweep ends with the effects and with the
parameters of log sigma given the residuals, at a cost of O(rows) (``sigma_moves.py``, ``sigma_formula.py``).

Yes/no and t targets have a latent variable in each row, censored ones where they are at a limit (``censored.py``),
given which they are linear mixed models on working rows (``working_rows.py``) with Pólya–Gamma weights, latent normals
or gamma weights. A sweep draws these given the linear predictor, makes the cross-products anew, takes the steps above,
and ends with the inner effects, from which the next sweep has its predictor, all at a cost of O(rows). Two things that
are slow given the latent variables are moved without them: sigma and nu of a t distribution (``heavy_tails.py``), and
all parameters where one outcome is rare (``binary_moves.py``). Selection models are two such models given their latent
variables (``selection``).

Counts, gamma numbers, beta proportions and truncated normals (``truncated_numbers.py``) have no latent variables: all
of their moves are along the likelihood itself, with Metropolis' correction for the effects of each cluster
(``counts.py``), at a cost of some passes over the rows, whatever the size of the counts. Amounts that may be nothing,
hurdle counts and proportions that may be 0 or 1 are two or three models that share effects (``nothing_or_some.py``);
counts with structural zeros are two of them, each given the other's predictor (``structural_zeros.py``). Coefficients,
effects that parts share and these effects' covariance have a trajectory together, too (``joint_trajectories.py``).
Skewed numbers
have a slice of their power with all else integrated out (``powers.py``).

A visit is the unit that can be repeated: two visits of five sweeps of a Gaussian model draw the inner effects twice,
one of ten once. To support more models, write an engine: ``engines.py`` says how. (Numba's cache knows a function by
its own file: after a change of what it calls in another file, delete the cached ``*.nbi``. Kernels call each other by
name: one that is passed as an argument misses the cache in every process.)
"""

from dataclasses import dataclass
from typing import ClassVar

from bayesimpute.designs.design import Design
from bayesimpute.samplers.sampler import ConditionalModel, Posterior


@dataclass(frozen=True)
class Gibbs:
    """The compiled sampler of mixed models; see the module."""

    why: ClassVar[str] = "the compiled sampler draws from exactly the posterior of this model"
    automatic: ClassVar[bool] = True
    unlocked: ClassVar[bool] = True
    called: ClassVar[str] = "a Gibbs sampler with random effects integrated out"
    source: ClassVar[str | None] = None

    def supports(self, model: ConditionalModel) -> bool:
        """Whether an engine takes the model."""
        from bayesimpute.samplers.gibbs.engines import engine_for

        return engine_for(model.design) is not None

    def movable(self, design: Design) -> bool:
        """Where an engine keeps effects in no other form, and latent variables not at all between steps."""
        from bayesimpute.samplers.gibbs.engines import Movable, engine_for

        engine = engine_for(design)
        return engine is not None and issubclass(engine, Movable)

    def compile(self, model: ConditionalModel) -> Posterior:
        """Nothing of the model is compiled: the code is the same for all, and read from numba's cache."""
        from bayesimpute.samplers.gibbs.posterior import GibbsPosterior

        return GibbsPosterior.of(model.design, model.data)
