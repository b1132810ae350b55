"""The public function, and what it returns."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd

from bayesimpute.base.arguments import typed
from bayesimpute.base.errors import InputError, Problem, did_you_mean, one
from bayesimpute.base.phrases import listed
from bayesimpute.base.tables import plain, records
from bayesimpute.families import FAMILIES
from bayesimpute.result.result import Result, require_run
from bayesimpute.running.kernel import Bench
from bayesimpute.running.workspace import Described, Workspace
from bayesimpute.sensitivity import verdict as words
from bayesimpute.sensitivity.other_priors import by_dependence, under_priors
from bayesimpute.sensitivity.prior_posterior import Movement, moved
from bayesimpute.sensitivity.refits import Refits
from bayesimpute.sensitivity.selection_draws import Draws, correlated
from bayesimpute.sensitivity.strength import strength

GRID = (-0.8, -0.6, -0.4, -0.2, 0.0, 0.2, 0.4, 0.6, 0.8)
FEWEST = 100
"""Kept sweeps of all chains below which nothing is said."""


@dataclass(frozen=True, kw_only=True, eq=False)
class TargetIdentification:
    """Whether the selection model of one target is identified.

    Parameters
    ----------
    target, family : str
        The variable, and its family's name.
    verdict : str
        "not identified", "weakly identified" or "identified" by the rules of
        :mod:`bayesimpute.sensitivity.verdict`; "rho is fixed"; or "no common rho" where rho has a formula without
        intercept.
    sentences : tuple of str
        The same in words, and what goes with it.
    exclusions : DataFrame
        See :class:`bayesimpute.sensitivity.strength.Strength`; `share` is that of all exclusions.
    share : float
        Of the latent variance of selection that the exclusion variables make.
    dependence : str
        The parameter that ties selection to the outcome: ``rho``.
    rho : Movement or None
        How far its posterior went from its prior; None where it is fixed or has no common value.
    priors : DataFrame
        The estimate under other priors: :func:`bayesimpute.sensitivity.other_priors.under_priors`.
    by_rho : DataFrame
        The estimate as a function of rho: :func:`bayesimpute.sensitivity.other_priors.by_dependence`.
    """

    target: str
    family: str
    verdict: str
    sentences: tuple[str, ...]
    exclusions: pd.DataFrame
    share: float
    dependence: str
    rho: Movement | None
    priors: pd.DataFrame
    by_rho: pd.DataFrame

    @property
    def summary(self) -> str:
        """The verdict and its reasons."""
        return "\n".join([f"{self.target} ({self.family}): {self.verdict}", *(f"- {s}" for s in self.sentences)])

    @property
    def tables(self) -> dict[str, pd.DataFrame]:
        """The tables by their titles, those that have rows."""
        titled = {
            "Exclusion variables": self.exclusions,
            "Estimate (mean over all units) under other priors": self.priors,
            f"Estimate as a function of {self.dependence}": self.by_rho,
        }
        return {title: table for title, table in titled.items() if len(table)}

    def to_json_dict(self) -> dict[str, Any]:
        """Plain values for ``json.dumps``; what does not exist is None."""
        figures = {} if self.rho is None else {k: v for k, v in vars(self.rho).items() if k not in ("name", "density")}
        return {
            "target": self.target,
            "family": self.family,
            "verdict": self.verdict,
            "sentences": list(self.sentences),
            "exclusions": records(self.exclusions),
            "share": self.share,
            self.dependence: {k: plain(v) for k, v in figures.items()} or None,
            "priors": records(self.priors),
            f"by_{self.dependence}": records(self.by_rho),
        }

    def __str__(self) -> str:
        parts = [self.summary]
        for title, table in self.tables.items():
            parts += ["", title, table.to_string(index=False, float_format=lambda x: f"{x:.4g}", na_rep="")]
        return "\n".join(parts)


@typed
@dataclass(frozen=True, kw_only=True, eq=False)
class Identification:
    """Whether the selection models of a run are identified, target by target.

    Parameters
    ----------
    targets : tuple of TargetIdentification
        In the order of the visit sequence.
    """

    targets: tuple[TargetIdentification, ...]

    def __getitem__(self, target: str) -> TargetIdentification:
        for each in self.targets:
            if each.target == target:
                return each
        raise KeyError(f'"{target}" is not among {listed(each.target for each in self.targets)}')

    def __iter__(self) -> Iterator[TargetIdentification]:
        return iter(self.targets)

    def __len__(self) -> int:
        return len(self.targets)

    def to_json_dict(self) -> dict[str, Any]:
        """Plain values for ``json.dumps``."""
        return {"targets": [each.to_json_dict() for each in self.targets]}

    def __str__(self) -> str:
        return "\n\n".join(map(str, self.targets))


@typed
def identification(
    imputed: Result,
    *,
    targets: Sequence[str] | str | None = None,
    rho: Sequence[float] = GRID,
    refit: bool = True,
    workers: int | None = None,
    progress: bool = False,
    seed: int | None = None,
) -> Identification:
    """Whether the selection models of a run are identified, and what the estimate owes to what is not.

    For each selection model: the exclusion variables found and how strong they are; how far the posterior of rho moved
    from its prior (KL divergence and overlap); the estimate, the target's mean over all units, under other priors of
    rho and of the coefficients (by Pareto-smoothed reweighting where that is exact, else by a refit); the estimate as a
    function of rho (from the draws, by a refit with rho fixed where they are few); and a verdict.

    The verdict is "not identified" if KL is below .2 nats, the overlap above .75, or the 95 % interval of rho longer
    than .9 of the prior's; "identified" if KL is 1 nat at least and the interval at most half the prior's; else "weakly
    identified". Not identified does not mean that rho is 0.

    Parameters
    ----------
    imputed : MultiplyImputed
        A run with a selection family.
    targets : str or sequence of str, optional
        Those to look at; all with a selection family by default.
    rho : sequence of float
        The values at which the estimate is wanted, between -1 and 1.
    refit : bool
        Whether to fit anew where the draws do not suffice: each takes about as long as the run. Without it these rows
        say "needs a refit".
    workers, progress
        Of the refits, as for :func:`bayesimpute.impute`.
    seed : int, optional
        Of the refits; that of the run by default.

    Returns
    -------
    Identification

    Raises
    ------
    InputError
        With everything that is at fault: no selection model, unknown targets, values of rho, too few draws.
    """
    require_run(imputed, "identify")
    grid = tuple(sorted({float(value) for value in rho}))
    selecting = _selecting(imputed)
    wanted = (targets,) if isinstance(targets, str) else tuple(selecting if targets is None else targets)
    problems = [*_unknown(imputed, selecting, wanted), *_outside(grid)]
    if problems:
        raise InputError(problems)
    space = Workspace(
        imputed.plan, imputed.incomplete, Described.of(imputed.plan, imputed.incomplete, imputed.record.resolved)
    )
    found = []
    for name in (name for name in selecting if name in wanted):
        refits = Refits(
            imputed=imputed,
            design=space.designs[name],
            resolved=space.resolved,
            allowed=refit,
            seed=imputed.seed if seed is None else seed,
            workers=workers,
            progress=progress,
        )
        found.append(_identified(imputed, space, refits, grid))
    return Identification(targets=tuple(found))


def _identified(imputed: Result, space: Workspace, refits: Refits, grid: tuple[float, ...]) -> TargetIdentification:
    design = refits.design
    target = space.resolved.target(design.name)
    draws = Draws.of(imputed, design, space.resolved)
    if draws.number < FEWEST:
        finding = f"it has {draws.number} kept sweeps in all, {FEWEST} are needed to judge its selection models"
        raise one(InputError, "imputed", finding, "give more sweeps (run.sweeps, or extend())")
    conditional = next(c for c in imputed.plan.models if c.target == target.name)
    data = Bench(space, imputed.record.states[0].cells).data(space.resolved.step(design.name))
    exclusions = strength(draws, conditional, data)
    correlation = draws.correlation()
    movement = None if correlation is None else moved(correlation)
    verdict, sentences = _words(draws, movement)
    name = draws.dependence.name
    priors = under_priors(draws, refits) if movement is not None else pd.DataFrame()
    curve = by_dependence(draws, refits, grid) if verdict != words.apart(name) else pd.DataFrame()
    sentences += words.about_exclusions(exclusions, name)
    sentences += words.about_priors(priors, name) if len(priors) else []
    sentences += words.about_curve(curve, name) if len(curve) else []
    sentences += words.about_refits(refits.done, refits.settings)
    return TargetIdentification(
        target=target.name,
        family=target.family.name,
        verdict=verdict,
        sentences=tuple(sentences),
        exclusions=exclusions.table,
        share=exclusions.share,
        dependence=name,
        rho=movement,
        priors=priors,
        by_rho=curve,
    )


def _words(draws: Draws, movement: Movement | None) -> tuple[str, list[str]]:
    if movement is not None:
        verdict = words.judged(movement)
        return verdict, words.about_dependence(movement, verdict)
    name, value = draws.dependence.name, draws.dependence.value
    if correlated(draws.design) is not None:
        return words.apart(name), [f"{name} has a formula without intercept: there is no common value to judge."]
    return words.fixed(name), [
        f"{name} is fixed at {value}: nothing is learnt about it, and the estimate rests on that value."
    ]


def _selecting(imputed: Result) -> tuple[str, ...]:
    """The targets with a selection family, in the order of the visit sequence."""
    conditionals = {c.target: c.family for c in imputed.plan.models}
    return tuple(name for name in imputed.targets if _selects(conditionals[name]))


def _selects(family: Any) -> bool:
    family = FAMILIES[family]() if isinstance(family, str) and family in FAMILIES else family
    return getattr(family, "selection", None) is not None


def _unknown(imputed: Result, selecting: tuple[str, ...], wanted: tuple[str, ...]) -> list[Problem]:
    if not selecting:
        families = " or ".join(name for name in FAMILIES if _selects(name))
        remedy = f"give the target that is missing not at random the family {families}, and formulas.selection"
        return [Problem(path="imputed", finding="no target of this run has a selection model", remedy=remedy)]
    known = f"use one of {listed(selecting)}"
    return [
        Problem(
            path="targets",
            finding=f'"{name}" has no selection model' if name in imputed.targets else f'there is no target "{name}"',
            remedy=known if name in imputed.targets else did_you_mean(name, selecting, known),
        )
        for name in wanted
        if name not in selecting
    ]


def _outside(grid: tuple[float, ...]) -> list[Problem]:
    remedy = "give numbers between -1 and 1, both excluded"
    return [
        Problem(path="rho", finding=f"{value:g} is not a correlation to use", remedy=remedy)
        for value in grid
        if not -1 < value < 1
    ]
