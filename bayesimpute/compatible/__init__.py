"""Draws of missing covariates that respect the models that read them: substantive-model-compatible imputation.

A missing cell of x is drawn from its own model times the density of every model that reads it,

    p(x | others, theta_x) * prod_t p(y_t | x, others, theta_t)

(Bartlett, Seaman, White & Carpenter 2015, SMMR 24:462; Goldstein, Carpenter & Browne 2014, JRSS A 177:553; Enders, Du &
Keller 2020, Psychological Methods 25:88), exactly and for all cells at once:

* :mod:`.affine` says whether y's mean is linear in x; then the law is normal (:mod:`.normal_draws`);
* few values, such as yes and no, are all compared, and for everything else there is slice sampling; where a value such
  as 0 has a probability of its own, after a choice between draws of x's own model (:mod:`.cell_by_cell`);
* :mod:`.cluster_levels` moves the level of clusters without any observed value, together with the random effects;
* :mod:`.affected` says which rows feel a cell and which cells move together (those whose cluster mean is in a model);
* :mod:`.factors` evaluates the other models at other values of x;
* :mod:`.normalised` says how likely the values are that were observed.

What a factor is, and which rows parameters are learnt from, is said in :mod:`bayesimpute.plan.who_reads`.
"""

from bayesimpute.compatible.drawing import Compatible, draw, events, move_levels
from bayesimpute.compatible.normalised import settled, value_densities

__all__ = ["Compatible", "draw", "events", "move_levels", "settled", "value_densities"]
