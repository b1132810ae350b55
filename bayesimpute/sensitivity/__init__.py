"""Is a selection model identified? What the correlation rho rests on, and what the estimate owes to it.

A selection model fits any data that its marginal models fit; what its correlation rho is learnt from is an exclusion
variable, or else the shape of the normal distribution. :func:`identification` puts together what a reader must see
before believing the answer:

* :mod:`.strength`: the exclusion variables and how much of selection they move;
* :mod:`.prior_posterior`: how far the posterior of rho went from its prior;
* :mod:`.other_priors`: the estimate under other priors, reweighted (:mod:`.importance_weights`) or refitted
  (:mod:`.refits`), and as a function of rho;
* :mod:`.verdict`: the same in words, by stated rules.

To look at something else, compute it in a module here, give :class:`TargetIdentification` a field, and say in
:mod:`.verdict` what it means.
"""

from bayesimpute.sensitivity.identifiability import Identification, TargetIdentification, identification

__all__ = ["Identification", "TargetIdentification", "identification"]
