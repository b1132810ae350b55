"""The ruler's own plans: each with the name of its data, each small, together with everything that a plan can say.

NUTS compiles for half a minute where the compiled Gibbs sampler takes no time: only the plans whose names begin with
``nuts`` may go to it.
"""

from collections.abc import Mapping

SMALL = "m = 3\nchains = 2\nwarmup = 3\nsweeps = 6\nsteps = 2"
"""The [run] of a plan that says nothing else."""
NUTS = "m = 2\nchains = 1\nwarmup = 3\nsweeps = 3\nsteps = 1"
"""The [run] of a plan for NUTS."""
IDENTIFIED = "m = 4\nchains = 2\nwarmup = 11\nsweeps = 60\nsteps = 2"
"""Sweeps enough to be asked whether a selection model is identified."""

LEVELS = """
title = "Three levels, crossed keys, a level-2 variable filled in from other members"
[[conditional]]
formula = "y ~ x + b + cluster_mean(x, school) + w + v + (1 + x | school) + (1 | rater)"
priors.x = "Normal(2, 3)"
priors."1|school_sigma" = "HalfCauchy(5)"
[[conditional]]
formula = "x ~ y + z + d + cluster_mean(y, school) + (1 | school)"
[[conditional]]
formula = "b ~ y + z + (1 | school)"
[[conditional]]
formula = "d ~ z + x + (1 | region)"
family = "bernoulli"
link = "probit"
[[conditional]]
formula = "w ~ cluster_mean(y, school) + r + (1 | region)"
level = "school"
[[conditional]]
formula = "v ~ w"
[[conditional]]
formula = "r ~ cluster_mean(z, region)"
level = "region"
[[analysis]]
name = "main"
formula = "y ~ x + b + w + (1 | school)"
df = "between-within"
[[analysis]]
name = "yes or no"
formula = "b ~ x + z"
family = "bernoulli"
[[estimand]]
name = "mean of y"
variable = "y"
by = "c"
weights = "weight"
strata = "stratum"
clusters = "school"
"""

TERMS = """
title = "Transformations, nested keys, independent effects, derived variables, indicators of missingness"
[[conditional]]
formula = "y ~ C(c, Sum) + bs(z, df=4) + center(x):b + xb + log(p) + observed(t) + (1 + x || school)"
[[conditional]]
formula = "x ~ poly(z, 2) + scale(y) + C(k > 1) + (1 | school/klass)"
[[conditional]]
formula = "b ~ 0 + c + xz + I(z**2) + (0 + z | school)"
[[conditional]]
formula = "t ~ d + standardize(y) + (1 | region) + (1 | school)"
family = "student_t"
[[conditional]]
formula = "d ~ xz * c"
[[derived]]
name = "xb"
expression = "x * b"
[[derived]]
name = "xz"
expression = "(x - 10) * z / 4"
"""

SPREAD = """
title = "Formulas for sigma, slow and heavy tails, probit with slopes"
[[conditional]]
formulas.mu = "y ~ z + t + (1 | school)"
formulas.sigma = "z + (1 | school)"
[[conditional]]
formula = "t ~ y + z + (1 + z | school)"
family = "student_t"
priors.nu = "Gamma(2, 0.2)"
[[conditional]]
formula = "d ~ t + z + (1 + z | school) + (1 | rater)"
link = "probit"
family = "bernoulli"
[[conditional]]
formula = "b ~ t + (1 | school)"
link = "logit"
family = "bernoulli"
"""

KINDS = """
title = "Labels, ordered labels and counts"
[[conditional]]
formula = "o ~ z + c + (1 | school)"
family = "ordinal"
[[conditional]]
formula = "c ~ z + o + (1 | school)"
family = "categorical"
[[conditional]]
formula = "k ~ z + o + (1 | school)"
family = "negative_binomial"
[[conditional]]
formula = "k1 ~ z + c + (1 | school) + (1 | rater)"
family = "poisson"
[[conditional]]
formula = "h ~ z + (1 | school)"
family = "binomial"
trials = 9
"""

MANY_LABELS = """
title = "Many labels, and labels that nobody has"
[[conditional]]
formula = "l ~ z + (1 + z | school) + (1 | rater)"
family = "categorical"
[[conditional]]
formula = "q ~ z + l + (1 | school)"
family = "categorical"
labels = "all"
effects = "correlated"
[[conditional]]
formula = "o ~ z + (1 | school)"
family = "ordinal"
labels = "all"
"""

OTHER_KINDS = """
title = "Counts with more zeros, positive numbers, proportions, ordered labels and counts that are selected"
[[conditional]]
formula = "k2 ~ z + (1 | school)"
family = "zero_inflated_poisson"
[[conditional]]
formula = "k3 ~ z + (1 | school)"
family = "zero_inflated_negative_binomial"
[[conditional]]
formula = "k4 ~ z + (1 | school)"
family = "hurdle_poisson"
[[conditional]]
formula = "k5 ~ z + (1 | school)"
family = "hurdle_negative_binomial"
[[conditional]]
formula = "p ~ z + (1 | school)"
family = "lognormal"
[[conditional]]
formula = "p1 ~ z + (1 | school)"
family = "gamma"
[[conditional]]
formula = "s ~ z + (1 | school)"
family = "beta"
[[conditional]]
formula = "s2 ~ z + (1 | school)"
family = "zero_inflated_beta"
[[conditional]]
formula = "s3 ~ z + (1 | school)"
family = "one_inflated_beta"
[[conditional]]
formula = "s4 ~ z + (1 | school)"
family = "zero_one_inflated_beta"
[[conditional]]
formula = "p2 ~ z + (1 | school)"
family = "sqrtnormal"
[[conditional]]
formula = "s1 ~ z + (1 | school)"
family = "logitnormal"
[[conditional]]
target = "o1"
family = "heckman_ordinal"
formulas.mu = "o1 ~ z + (1 | school)"
formulas.selection = "z + rater + (1 | school)"
[[conditional]]
target = "k7"
family = "heckman_poisson"
formulas.mu = "k7 ~ z + (1 | school)"
formulas.selection = "z + rater + (1 | school)"
[[conditional]]
target = "e2"
family = "heckman_student_t"
formulas.mu = "e2 ~ z + (1 | school)"
formulas.selection = "z + rater + (1 | school)"
[[conditional]]
target = "k8"
family = "heckman_negative_binomial"
formulas.mu = "k8 ~ z + (1 | school)"
formulas.selection = "z + rater + (1 | school)"
[[conditional]]
formula = "a1 ~ z + (1 | school)"
family = "semicontinuous"
[[conditional]]
formula = "f1 ~ z + (1 | school)"
family = "bounded"
limits = [-1, "f2"]
at_limits = "censored"
[[conditional]]
formula = "e1 ~ z + (1 | school)"
family = "skewed"
"""

MATCHING = """
title = "Observed values of donors: numbers, labels, counts, a variable of clusters; in the sample and in clusters"
[[conditional]]
formula = "y ~ z + x + (1 | school)"
family = "pmm"
within = "school"
[[conditional]]
formula = "x ~ z + y + (1 | school)"
family = "pmm"
on = "student_t"
donors = 3
[[conditional]]
formula = "d ~ z + x"
family = "pmm"
[[conditional]]
formula = "v ~ cluster_mean(z, school)"
family = "pmm"
"""

SINGLE = """
title = "One level, no clusters at all, another order of visits"
[[conditional]]
formula = "x ~ z * c"
[[conditional]]
formula = "t ~ x + z"
family = "student_t"
[[conditional]]
formula = "b ~ x + t"
"""

PRIOR = """
title = "Parameters from their priors: every family, formulas for all that may have one"
[[conditional]]
target = "y"
family = "heckman_gaussian"
formulas.mu = "y ~ x + (1 | region)"
formulas.selection = "seen ~ x + z + (1 | region) + (1 | interviewer)"
formulas.sigma = "z"
formulas.rho = "(1 | region)"
priors.rho_Intercept = "Normal(-0.3, 0.2)"
[[conditional]]
target = "b"
family = "heckman_probit"
formulas.mu = "b ~ x + a + (1 | region)"
formulas.selection = "seen ~ x + z + (1 | interviewer)"
rho = -0.4
[[conditional]]
formulas.mu = "x ~ z + observed(y) + (1 | region)"
formulas.sigma = "z"
formulas.nu = "(1 | region)"
family = "student_t"
[[conditional]]
formula = "a ~ z + (1 | region)"
link = "probit"
family = "bernoulli"
"""

SELECTION = """
title = "Selection models, joint effects, incomplete covariates"
[[conditional]]
target = "y"
family = "heckman_gaussian"
formulas.mu = "y ~ x + (1 | region)"
formulas.selection = "seen ~ x + z + (1 | region) + (1 | interviewer)"
priors.rho = "ScaledBeta(2, 2)"
[[conditional]]
target = "b"
family = "heckman_probit"
formulas.mu = "b ~ x + a + (1 | region)"
formulas.selection = "x + z + (1 | region)"
priors.rho = "FisherNormal(0, 0.5)"
[[conditional]]
formula = "x ~ z + a + observed(y) + (1 | region)"
[[conditional]]
formula = "a ~ x + observed(b)"
[[estimand]]
name = "prevalence"
variable = "b"
statistic = "proportion"
by = "region"
compare = "mar"
[[estimand]]
name = "median"
variable = "y"
statistic = "quantile"
weights = "weight"
"""

APART = """
title = "Selection models, independent effects, clusters without values taken as selected"
[[conditional]]
target = "y"
family = "heckman_gaussian"
joint = false
systematic = "selected"
formulas.mu = "y ~ z + (1 + z || region)"
formulas.selection = "seen ~ z + (1 + z || region) + (1 | interviewer)"
[[conditional]]
target = "b"
family = "heckman_probit"
joint = false
formulas.mu = "b ~ z + (1 | region)"
formulas.selection = "z + (1 | interviewer)"
priors.rho = "Uniform(-0.9, 0.5)"
"""

COMPATIBLE = {
    "normal": ("y ~ x * z + w + (1 + x | g)", 'formula = "x ~ z + w + (1 | g)"', 'formula = "w ~ 1"'),
    "joint": ("y ~ x + cluster_mean(x, g):z + cluster_mean(x, g) + (1 + x | g)", 'formula = "x ~ z + (1 | g)"'),
    "yes": ("y ~ b * z + x + (1 + b | g)", 'formula = "b ~ z + (1 | g)"', 'formula = "x ~ z + b + (1 | g)"'),
    "slice": ("y ~ x + I(x**2) + log(x**2 + 1):z + (1 | g)", 'formula = "x ~ z + (1 | g)"'),
    "level": ("y ~ w * z + I(w**2) + (1 + z | g)", 'formula = "w ~ cluster_mean(z, g)"'),
    "mediator": ("y ~ m * x + (1 | g)", 'formula = "x ~ z + (1 | g)"', 'formula = "m ~ x + z + (1 | g)"'),
    "logit": (
        "s ~ x + b + (1 | g)",
        'formula = "x ~ z + b + (1 | g)"\nfamily = "student_t"',
        'formula = "b ~ z"\nfamily = "bernoulli"\nlink = "probit"',
    ),
    "auxiliary": ("y ~ center(x) + xz + (1 | g)", 'formula = "x ~ z + (1 | g)"', 'formula = "m ~ y + x + (1 | g)"'),
}
"""Analyses, and the models of their covariates."""

SIGMA = """
title = "Compatible with an analysis whose residual spread differs"
[[substantive]]
formulas.mu = "y ~ center(x) + z + (1 | g)"
formulas.sigma = "z"
[[conditional]]
formula = "x ~ z + (1 | g)"
"""

SELECTED = """
title = "Compatible with a selection model that reads the covariate in both equations"
[[substantive]]
target = "y"
family = "heckman_gaussian"
formulas.mu = "y ~ x + a + (1 | region)"
formulas.selection = "seen ~ x + z + (1 | region)"
[[conditional]]
formula = "x ~ z + (1 | region)"
[[conditional]]
formula = "a ~ x + z"
"""

HEAVY = """
title = "Compatible with a t-distributed outcome and with a yes/no one"
[[substantive]]
formula = "t ~ x + d + (1 | school)"
family = "student_t"
[[substantive]]
formula = "b ~ x * z + (1 | school)"
family = "bernoulli"
link = "probit"
[[conditional]]
formula = "x ~ z + d + (1 | school)"
[[conditional]]
formula = "d ~ z + (1 | school)"
"""

NUTS_PLAIN = """
title = "NUTS where the plan asks for it"
[[conditional]]
formula = "y ~ z + (1 + z | school)"
"""

NUTS_YES = """
title = "NUTS for a yes/no variable with a prior that the Gibbs sampler does not know"
[[conditional]]
formula = "b ~ z + (1 | school)"
priors.z = "StudentT(4, 0, 1)"
"""

NUTS_HEAVY = """
title = "NUTS where the Gibbs sampler has no engine: a formula for the sigma of a t distribution"
[[conditional]]
formulas.mu = "t ~ z + (1 | school)"
formulas.sigma = "z"
family = "student_t"
"""

NUTS_RHO = """
title = "NUTS for a selection model with formulas of rho and sigma"
[[conditional]]
target = "y"
family = "heckman_gaussian"
formulas.mu = "y ~ z + (1 | region)"
formulas.selection = "seen ~ z + (1 | region)"
formulas.sigma = "z"
formulas.rho = "(1 | region)"
"""

NUTS_FIXED = """
title = "NUTS for a selection model with a rho that is given"
[[conditional]]
target = "b"
family = "heckman_probit"
rho = -0.5
formulas.mu = "b ~ z"
formulas.selection = "seen ~ z + (1 | interviewer)"
"""


def _document(body: str, run: str = SMALL, sampler: str = "auto") -> str:
    """A whole plan document."""
    title, _, rest = body.strip().partition("\n")
    return f'schema = 1\n{title}\n[run]\n{run}\nsampler = "{sampler}"\n{rest}\n'


def _compatible(analysis: str, *conditionals: str) -> str:
    derived = '[[derived]]\nname = "xz"\nexpression = "x * (z - 1) / 4 + z**2"\n' if "xz" in analysis else ""
    models = "".join(f"[[conditional]]\n{each}\n" for each in conditionals)
    family = 'family = "bernoulli"\n' if analysis.startswith("s ") else ""
    return f'title = "Compatible"\n[[substantive]]\nformula = "{analysis}"\n{family}{models}{derived}'


PLANS: Mapping[str, tuple[str, str]] = {
    "levels": ("pupils", _document(LEVELS, SMALL.replace("m = 3", "m = 4"))),
    "terms": ("pupils", _document(TERMS)),
    "spread": ("pupils", _document(SPREAD)),
    "spread-long": ("pupils", _document(SPREAD, "m = 4\nchains = 2\nwarmup = 14\nsweeps = 14")),
    "kinds": ("kinds", _document(KINDS)),
    "many-labels": ("many_labels", _document(MANY_LABELS)),
    "matching": ("pupils", _document(MATCHING)),
    "prior-kinds": ("kinds", _document(OTHER_KINDS, sampler="prior")),
    "single": ("pupils", _document(SINGLE, SMALL + '\nvisit_sequence = ["t", "b", "x"]', "gibbs")),
    "single-auto-steps": ("pupils", _document(SINGLE, "m = 3\nchains = 3\nwarmup = 12\nsweeps = 12")),
    "prior": ("survey", _document(PRIOR, IDENTIFIED, "prior")),
    "prior-levels": ("pupils", _document(LEVELS, sampler="prior")),
    "prior-selection": ("survey", _document(SELECTION, IDENTIFIED, "prior")),
    "selection": ("survey", _document(SELECTION, IDENTIFIED)),
    "selection-apart": ("survey", _document(APART, IDENTIFIED.replace("steps = 2", 'steps = "auto"'))),
    **{f"compatible-{name}": ("covariates", _document(_compatible(*each))) for name, each in COMPATIBLE.items()},
    "compatible-sigma": ("covariates", _document(SIGMA)),
    "compatible-selected": ("survey", _document(SELECTED)),
    "compatible-heavy": ("pupils", _document(HEAVY)),
    "nuts-plain": ("pupils", _document(NUTS_PLAIN, NUTS.replace("chains = 1", "chains = 2"), "nuts")),
    "nuts-yes": ("pupils", _document(NUTS_YES, NUTS)),
    "nuts-heavy": ("pupils", _document(NUTS_HEAVY, NUTS)),
    "nuts-rho": ("survey", _document(NUTS_RHO, NUTS)),
    "nuts-fixed": ("survey", _document(NUTS_FIXED, NUTS)),
}
"""Data and document of each plan, by name."""
SEED = 7
