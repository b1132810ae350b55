"""From the draws of a Bayesian fit to an estimate, and whether the draws are good enough.

The rule is that by which imputation runs are judged (:mod:`bayesimpute.numerics.chains`).
"""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from bayesimpute.analysis.estimates import Estimate, Quantity, VarianceComponent
from bayesimpute.analysis.rows import Problem
from bayesimpute.analysis.variance_components import SCALES
from bayesimpute.base.errors import AnalysisError
from bayesimpute.base.phrases import listed
from bayesimpute.data.xarray_frames import safe_names
from bayesimpute.designs.design import Design
from bayesimpute.designs.parts import Block, correlation_name

if TYPE_CHECKING:
    import xarray as xr


@dataclass(frozen=True, kw_only=True, eq=False)
class Sampled:
    """Draws from the posterior of one dataset.

    Parameters
    ----------
    design : Design
        Whose parameters they are.
    values : ndarray, shape (chain, draw, parameter)
        In the user's units, in the order of ``design.names``.
    divergences : int
        Divergent transitions among the draws.
    """

    design: Design
    values: np.ndarray
    divergences: int

    @cached_property
    def flat(self) -> np.ndarray:
        """All chains below each other, shape (draw, parameter)."""
        return self.values.reshape(-1, self.values.shape[2])

    def of(self, name: str) -> np.ndarray:
        """The draws of one parameter, shape (draw,)."""
        return self.flat[:, self.design.names.index(name)]

    @cached_property
    def figures(self) -> dict[str, np.ndarray]:
        """R-hat, ESS and more, each of shape (parameter,)."""
        from bayesimpute.numerics.chains import chain_figures

        return chain_figures(list(np.moveaxis(self.values, 2, 0)))


def good_enough(sampled: Sampled) -> bool:
    """Whether the chains of every parameter are in one place, and its bulk ESS is as it should be."""
    return not (_unmixed(sampled) or _few(sampled))


def _unmixed(sampled: Sampled) -> dict[str, float]:
    """R-hat of the parameters that never move, hardly move, or whose chains are in different places."""
    from bayesimpute.numerics.chains import immobile, stuck, unmixed

    figures = sampled.figures
    failing = stuck(figures) | immobile(figures) | unmixed(figures)
    return {n: r for n, r, fails in zip(sampled.design.names, figures["r_hat"], failing, strict=True) if fails}


def _few(sampled: Sampled) -> dict[str, float]:
    """Bulk ESS of the parameters for which it is too low."""
    from bayesimpute.numerics.chains import ESS

    return {n: e for n, e in zip(sampled.design.names, sampled.figures["ess_bulk"], strict=True) if not e > ESS}


def _messages(sampled: Sampled) -> Iterator[str]:
    """What is wrong with the draws."""
    from bayesimpute.numerics.chains import ESS

    transitions = len(sampled.flat)
    if sampled.divergences:
        yield (
            f"{sampled.divergences} of {transitions} transitions diverged: the posterior may not have been explored "
            "where it is narrow; a simpler random part, (1 | g) instead of (1 + x | g), usually helps"
        )
    unmixed, few = _unmixed(sampled), _few(sampled)
    if unmixed:
        yield (
            f"R-hat is up to {max(unmixed.values()):.3f} ({listed(unmixed)}): the chains are in different places or "
            f"hardly move{_SIMPLER}"
        )
    if few:
        yield (
            f"bulk ESS is down to {min(few.values()):.0f} of {transitions} draws ({listed(few)}), above {ESS} is "
            f"needed{_SIMPLER}"
        )


_SIMPLER = ": the model may be too rich for the data; simplify its random part or merge rare categories"


@dataclass(frozen=True, eq=False)
class QuantityDraws:
    """Draws of a fit's variances and correlations.

    Parameters
    ----------
    values : ndarray, shape (draw, quantity)
        In the order of the estimate's quantities.
    """

    values: np.ndarray

    def draws(self, rng: np.random.Generator) -> np.ndarray:
        """The same in random order: neighbours in a chain resemble each other, and not all may be wanted."""
        return rng.permutation(self.values)


def to_estimate(problem: Problem, sampled: Sampled) -> Estimate:
    """Posterior means, covariances and draws as an estimate.

    Returns
    -------
    Estimate
        ``draws`` has every parameter by its name in the posterior.

    Raises
    ------
    AnalysisError
        A column has the name of a parameter.
    """
    names = sampled.design.names
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        message = f"{problem.formula.excerpt}: {listed(twice)} is also the name of a parameter; rename the column"
        raise AnalysisError(message)
    coefficients = sampled.flat[:, : len(problem.names)]
    keys, values = _quantities(sampled)
    quantities = [
        Quantity(kind=kind, group=group, name=name, estimate=mean, scale=SCALES[kind][0], std_error=float("nan"))
        for (kind, group, name), mean in zip(keys, values.mean(axis=0).tolist(), strict=True)
    ]
    return Estimate(
        terms=problem.names,
        estimates=coefficients.mean(axis=0),
        covariance=np.atleast_2d(np.cov(coefficients, rowvar=False)),
        variance_components=_components(sampled),
        quantities=tuple(quantities),
        posterior=QuantityDraws(values) if quantities else None,
        draws=_dataset(sampled),
        n_obs=problem.n,
        messages=(*problem.messages, *_messages(sampled)),
    )


def _effects(block: Block) -> list[str]:
    """The effects of a block as the other engine calls them: ``Intercept``, ``sex``."""
    names = [name.rsplit("|", 1)[0] for name in block.called]
    return ["Intercept" if name == "1" else name for name in names]


def _product(sampled: Sampled, block: Block, i: int, j: int) -> np.ndarray:
    """Draws of the covariance of two effects (i below j) or of the variance of one, shape (draw,)."""
    names = block.deviation_names
    sds = sampled.of(names[i]) * sampled.of(names[j])
    return sds if i == j else sds * sampled.of(correlation_name(block.called[i], block.called[j]))


def _residual(sampled: Sampled) -> list[np.ndarray]:
    """Draws of the residual variance, of families that have one."""
    return [sampled.of("sigma") ** 2] if sampled.design.family.name == "gaussian" else []


def _quantities(sampled: Sampled) -> tuple[list[tuple[str, str, str]], np.ndarray]:
    """Kinds, groups and names of variances and correlations, and their draws, shape (draw, quantity)."""
    keys: list[tuple[str, str, str]] = []
    draws: list[np.ndarray] = []
    for block in sampled.design.laws:
        effects = _effects(block)
        for i, name in enumerate(effects):
            keys.append(("variance", block.factor, name))
            draws.append(_product(sampled, block, i, i))
            for j in range(i):
                keys.append(("correlation", block.factor, f"{effects[j]}~~{name}"))
                draws.append(sampled.of(correlation_name(block.called[j], block.called[i])))
    for residual in _residual(sampled):
        keys.append(("variance", "Residual", "Residual"))
        draws.append(residual)
    return keys, np.array(draws).reshape(len(keys), len(sampled.flat)).T


def _components(sampled: Sampled) -> tuple[VarianceComponent, ...]:
    """Posterior means: per factor the variances, then the covariances; the residual's last."""
    variances: dict[str, list[VarianceComponent]] = {}
    products: dict[str, list[VarianceComponent]] = {}
    for block in sampled.design.laws:
        effects, factor = _effects(block), block.factor
        for i, name in enumerate(effects):
            variances.setdefault(factor, []).append(_component(factor, name, _product(sampled, block, i, i)))
            products.setdefault(factor, []).extend(
                _component(factor, f"{name}~~{effects[j]}", _product(sampled, block, i, j))
                for j in range(i + 1, len(effects))
            )
    residual = [_component("Residual", "Residual", r) for r in _residual(sampled)]
    return (*(c for factor in variances for c in variances[factor] + products[factor]), *residual)


def _component(group: str, name: str, draws: np.ndarray) -> VarianceComponent:
    return VarianceComponent(group=group, name=name, estimate=float(draws.mean()))


def _dataset(sampled: Sampled) -> "xr.Dataset":
    """Every parameter along chain and draw, under a name that files accept; its own is the attribute ``name``."""
    import xarray as xr

    safe = safe_names(sampled.design.names)
    variables = {
        safe[name]: (("chain", "draw"), sampled.values[:, :, place], {"name": name})
        for place, name in enumerate(sampled.design.names)
    }
    chains, draws, _ = sampled.values.shape
    return xr.Dataset(variables, coords={"chain": np.arange(chains), "draw": np.arange(draws)})
