"""The analysis of interest, on each completed dataset.

:func:`analyse` fits one model to every completed dataset and returns one :class:`Estimate` each, which
:func:`bayesimpute.pooling.pool` combines. The model is an lme4-style formula or any function of a data frame.

``model.py`` has what is asked, ``fitters.py`` checks it (options, and families in ``FITTERS``), ``rows.py`` makes
arrays of a formula and a frame. Then one file fits each sort of model: ``linear.py`` (with ``mixed.py``,
``variance_components.py`` and ``variance_posterior.py`` for random effects), ``regression.py``,
``generalised_mixed.py`` (with ``generalised_estimates.py``, and ``integrated_likelihood.py`` for its likelihood
anywhere), ``categories.py``, ``bayes.py`` (with ``complete_outcome.py`` and ``from_draws.py``). ``own_functions.py``
takes what a user's own function returns, ``fitting.py`` goes through the datasets, ``derived_quantities.py`` makes
functions of coefficients, ``likelihood.py`` is for tests of models against each other, and ``other_outcomes.py`` (with
``mixed_together.py``) fits a model again where only the outcomes have changed.
"""

from bayesimpute.analysis.fitters import FITTERS, model_of
from bayesimpute.analysis.fitting import Failure, analyse, fit, fits, told
from bayesimpute.analysis.model import Model
from bayesimpute.analysis.own_functions import as_estimate

__all__ = ["FITTERS", "Failure", "Model", "analyse", "as_estimate", "fit", "fits", "model_of", "told"]
