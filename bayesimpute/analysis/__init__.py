"""The analysis of interest, on each completed dataset.

:func:`analyse` fits one model to every completed dataset and returns one :class:`Estimate` each, which
:func:`bayesimpute.pooling.pool` combines. The model is an lme4-style formula or any function of a data frame.

``model.py`` checks what is asked (options, and families in ``FITTERS``), ``rows.py`` makes arrays of a formula and a
frame. Then one file fits each sort of model: ``linear.py`` (with ``mixed.py``, ``components.py`` and ``posterior.py``
for random effects), ``regression.py``, ``categories.py``, ``bayes.py`` (with ``observed.py`` and ``draws.py``).
``functions.py`` takes what a user's own function returns, ``running.py`` goes through the datasets, ``derived.py``
makes functions of coefficients, and ``likelihood.py`` is for tests of models against each other.
"""

from bayesimpute.analysis.functions import as_estimate
from bayesimpute.analysis.model import FITTERS, Model, model_of
from bayesimpute.analysis.running import Failure, analyse, fit, fits, told

__all__ = ["FITTERS", "Failure", "Model", "analyse", "as_estimate", "fit", "fits", "model_of", "told"]
