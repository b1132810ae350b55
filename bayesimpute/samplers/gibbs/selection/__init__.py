"""Selection models in the compiled sampler: two linear mixed models given the latent variables, and a ridge.

Selection is r* = s + h and the outcome y* = m + e, with (h, e) bivariate normal, variances 1 and sigma^2, correlation
rho (Heckman 1979). With gamma = rho sigma and tau^2 = sigma^2 (1 - rho^2),

    r* = s + noise,    (y* - gamma r*) / tau = (m - gamma s) / tau + noise,

the second for observed outcomes alone (missing ones are integrated out), are the rows of ONE linear mixed model with
variance 1 for the coefficients and effects of both equations (van Hasselt 2011, J. Econometrics 165:221; Ding 2014, J.
Multivariate Anal. 124:451). So a sweep is

1. twice: which empty clusters are systematically missing, where that is not known, with the latent variables
   integrated out (``away_rows.py``); latent variables given everything else (``latent_errors.py``); log sigma, artanh
   rho and the scales of the latent equations given them (``selection_moves.py``); deviations, coefficients and effects
   by the engine of linear mixed models on cross-products of the stacked rows (``equations.py``);
2. once: rho along its ridge, on the likelihood with the latent variables integrated out (``ridge.py``). Given the
   latent variables rho is known to 1 / sqrt(n), and a sampler without this step creeps.

Everything is exact. Efficiency rests on the ridge: how coefficients and effects follow rho is learnt while the chain
adapts. Measured: ``benchmarks/test_selection_bench.py``.
"""
