"""A second, plain way to a graph's log-density, and what else the tests of graphs and samplers share."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import numpy as np
from modelling import conditional, school_frame, workspace
from scipy import stats

from bayesimpute.base.priors import Prior
from bayesimpute.designs.design import Design
from bayesimpute.designs.graph import Layout, vectors
from bayesimpute.designs.parts import pairs
from bayesimpute.families import Bernoulli, HeckmanGaussian, HeckmanProbit
from bayesimpute.plan.conditional import Conditional
from bayesimpute.running.workspace import Workspace

MIXED = {
    "Intercept": "StudentT(4, 50, 9)",
    "x": "Uniform(-3, 9)",
    "w": "Laplace(0, 4)",
    "c[q]": "Cauchy(1, 5)",
    "1|school_sigma": "Exponential(0.2)",
    "x|school_sigma": "HalfCauchy(1)",
    "c[q]|school_sigma": "InverseGamma(3, 8)",
    "c[r]|school_sigma": "LogNormal(0, 1)",
    "school_corr": "LKJ(1.5)",
    "sigma": "Gamma(2, 0.4)",
}
PLANS: Mapping[str, Conditional] = {
    "gaussian": conditional("y ~ x + c + (1 + x | school)"),
    "three effects": conditional("y ~ x + (1 + c | school)"),
    "two factors": conditional("y ~ x + (1 | region) + (1 + w | school)"),
    "own priors": conditional("y ~ x + w + c + (1 + x + c | school)", priors=MIXED),
    "half-t, uniform": conditional(
        "y ~ x + (1 | school)", priors={"1|school_sigma": "Uniform(0, 9)", "x": "Normal(1, 2)"}
    ),
    "sigma and nu": conditional("y ~ 0 + x", sigma="w + (1 | school)", nu="1 + (1 | region)", family="student_t"),
    "student_t": conditional("y ~ x", family="student_t"),
    "logit": conditional("b ~ x + (1 + x | school)"),
    "probit": conditional("b ~ x + (1 | school)", family=Bernoulli(link="probit")),
    "only effects": conditional("y ~ 0 + (1 | school)"),
    "heckman_gaussian": conditional(
        "y ~ x + (1 + x | school)", family="heckman_gaussian", selection="x + w + (1 | school) + (1 | region)"
    ),
    "heckman_probit": conditional(
        "b ~ x + (1 | school)",
        family="heckman_probit",
        selection="x + w + (1 | school)",
        priors={"rho": "ScaledBeta(2, 3)"},
    ),
    "rho by cluster": conditional(
        "y ~ x + (1 + x || school)",
        family="heckman_gaussian",
        selection="w + (1 + x || school)",
        sigma="(1 | school)",
        rho="1 + (1 | region)",
    ),
    "rho on Fisher's z": conditional(
        "b ~ x + (1 | school)",
        family=HeckmanProbit(joint=False),
        selection="x + (1 | school)",
        priors={"rho": "FisherNormal(0.2, 0.5)"},
    ),
    "rho fixed": conditional("y ~ x", family=HeckmanGaussian(rho=-0.5), selection="x + w"),
}


def described(item: Conditional) -> Workspace:
    """A plan of one target on the school data, in which the other incomplete variable is made complete."""
    frame = school_frame()
    other = "b" if item.target == "y" else "y"
    return workspace(frame.assign(**{other: frame[other].fillna(0.0)}), item)


LOGPDF: Mapping[str, Callable[..., Any]] = {
    "Normal": lambda x, mu, sigma: stats.norm.logpdf(x, mu, sigma),
    "StudentT": lambda x, nu, mu, sigma: stats.t.logpdf(x, nu, mu, sigma),
    "Cauchy": lambda x, alpha, beta: stats.cauchy.logpdf(x, alpha, beta),
    "Laplace": lambda x, mu, b: stats.laplace.logpdf(x, mu, b),
    "Uniform": lambda x, lower, upper: stats.uniform.logpdf(x, lower, upper - lower),
    "HalfNormal": lambda x, sigma: stats.halfnorm.logpdf(x, 0, sigma),
    "HalfStudentT": lambda x, nu, sigma: np.log(2) + stats.t.logpdf(x, nu, 0, sigma),
    "HalfCauchy": lambda x, beta: stats.halfcauchy.logpdf(x, 0, beta),
    "Exponential": lambda x, lam: stats.expon.logpdf(x, 0, 1 / lam),
    "Gamma": lambda x, alpha, beta: stats.gamma.logpdf(x, alpha, 0, 1 / beta),
    "InverseGamma": lambda x, alpha, beta: stats.invgamma.logpdf(x, alpha, 0, beta),
    "LogNormal": lambda x, mu, sigma: stats.lognorm.logpdf(x, sigma, 0, np.exp(mu)),
    "Beta": lambda x, alpha, beta: stats.beta.logpdf(x, alpha, beta),
}


def layout_of(design: Design, model: Any) -> Layout:
    """The flat vector of a model, in the order of its initial point."""
    from pymc.blocking import DictToArrayBijection

    point = DictToArrayBijection.map(model.initial_point())
    by_value = {value.name: rv.name for rv, value in model.rvs_to_values.items()}
    parts, start = [], 0
    for name, _, size, _ in point.point_map_info:
        parts.append((by_value[name], slice(start, start + size)))
        start += size
    return Layout(design=design, parts=tuple(parts))


def in_python() -> Any:
    """Constants are folded by NumPy: PyTensor would compile a C++ function to compute each of them once."""
    import pytensor

    pytensor.config.blas__ldflags = ""
    return pytensor.config.change_flags(cxx="")


def compiled_logp(model: Any) -> Callable[[np.ndarray], float]:
    """The graph's log-density on the sampler's unconstrained vector, compiled in a hurry."""
    from pymc.blocking import DictToArrayBijection, RaveledVars

    with in_python():
        function = model.compile_logp(mode="FAST_COMPILE")
    info = DictToArrayBijection.map(model.initial_point()).point_map_info
    return lambda q: float(function(DictToArrayBijection.rmap(RaveledVars(q, info))))


def plain_logp(layout: Layout, q: np.ndarray, data: Mapping[str, np.ndarray]) -> float:
    """The same from SciPy's densities: priors with their Jacobians, effects, likelihood."""
    design, raw = layout.design, {name: q[place] for name, place in layout.parts}
    total = 0.0
    for vector in vectors(design).values():
        for slot, _ in vector.slots:
            total += sum(map(_prior_logp, slot.priors, slot.constrain(raw[slot.name]), raw[slot.name]))
            total += raw[slot.name][1:].sum() if slot.ordered else 0.0
    draw = layout.unpack(q)
    for b in design.blocks:
        if b.centred:
            covariance = _covariance(draw[f"{b.key}_sd"], draw[f"{b.key}_corr"])
            total += stats.multivariate_normal(np.zeros(b.width), covariance).logpdf(draw[b.key]).sum()
        else:
            total += stats.norm.logpdf(raw[f"{b.key}_raw"]).sum()
    return total + float(design.logp(draw, data).sum())


def _prior_logp(prior: Prior, value: float, raw: float) -> float:
    """log p(value) + log |d value / d raw|; of a function of PyMC's distribution, for the value of that one."""
    if prior.distribution.through is not None:
        value = (value + 1) / 2 if prior.name == "ScaledBeta" else float(np.arctanh(value))
        return _prior_logp(prior.base, value, raw)
    jacobian = 0.0
    if prior.support == "positive":
        jacobian = raw
    elif prior.support in ("unit", "interval"):
        width = prior.args[1] - prior.args[0] if prior.support == "interval" else 1.0
        jacobian = np.log(width) + stats.logistic.logpdf(raw)
    return float(LOGPDF[prior.name](value, *prior.args)) + jacobian


def _covariance(sd: np.ndarray, correlations: np.ndarray) -> np.ndarray:
    found = np.diag(sd**2)
    for (j, i), r in zip(pairs(len(sd)), correlations, strict=True):
        found[i, j] = found[j, i] = r * sd[i] * sd[j]
    return found


def centred(design: Design, flag: bool) -> Design:
    """The same model with its blocks in the centred form or not."""
    return replace(design, blocks=tuple(replace(b, centred=flag) for b in design.blocks))


def natural_values(layout: Layout, q: np.ndarray) -> dict[str, np.ndarray]:
    """The constrained values of a graph's free variables, by name, from the flat vector."""
    design, found = layout.design, {name: q[place] for name, place in layout.parts}
    for vector in vectors(design).values():
        for slot, _ in vector.slots:
            through = slot.distribution.through
            value = slot.constrain(found[slot.name])
            found[slot.name] = value if through is None else through.back(value)
    for b in design.blocks:
        key = b.key if b.centred else f"{b.key}_raw"
        found[key] = found[key].reshape(b.size, b.width)
    return found


def pymc_logp(model: Any) -> Callable[[Mapping[str, Any]], float]:
    """log p as a function of the constrained values by name, without the Jacobians of the transforms."""
    function = _of_natural_values(model, [model.logp(jacobian=False)])
    return lambda values: float(function(values)[0])


def pymc_pointwise(model: Any, values: Mapping[str, Any]) -> list[np.ndarray]:
    """The log densities of the observed variables at such values, an array each."""
    return _of_natural_values(model, model.logp(vars=model.observed_RVs, sum=False, jacobian=False))(values)


def _of_natural_values(model: Any, outputs: list[Any]) -> Callable[[Mapping[str, Any]], list[Any]]:
    import pytensor

    replaced, inputs = {}, []
    for rv, value in model.rvs_to_values.items():
        if rv in model.observed_RVs:
            continue
        natural = rv.type(rv.name)
        inputs.append(natural)
        transform = model.rvs_to_transforms[rv]
        replaced[value] = natural if transform is None else transform.forward(natural, *rv.owner.inputs)
    found = pytensor.graph.clone_replace(outputs, replaced, rebuild_strict=False)
    with in_python():
        function = pytensor.function(inputs, found, mode="FAST_COMPILE", on_unused_input="ignore")
    return lambda values: function(*(np.asarray(values[i.name], dtype=float) for i in inputs))
