"""Whether the chains have converged, and whether there are enough sweeps: our DataTree, judged, and a verdict.

The rule is :func:`bayesimpute.numerics.chains.judged`, for parameters and imputed values; its part about
autocorrelation is for the estimates of analyses, too. Here is what a user reads: tables of the figures, and reasons
with remedies (:mod:`bayesimpute.diagnosis.remedies`).

To judge something else, add it to the rule, or, if it needs more than the chains, to :func:`diagnose`.
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from bayesimpute.base.arguments import typed
from bayesimpute.base.errors import Outcome
from bayesimpute.base.tables import records
from bayesimpute.designs.design import SYSTEMATIC
from bayesimpute.diagnosis import remedies
from bayesimpute.numerics.chains import Verdict, autocorrelations, dependent, judged, sweeps_for
from bayesimpute.pooling import Analyses
from bayesimpute.result.result import require_run
from bayesimpute.result.schema import EMPTY

if TYPE_CHECKING:
    from bayesimpute.result.result import Result

SENTENCES = {
    Verdict.CONVERGED: Outcome.CONVERGED,
    Verdict.NEARLY: Outcome.NEARLY,
    Verdict.REFUSED: Outcome.NOT_CONVERGED,
    Verdict.UNDECIDED: Outcome.UNDECIDED,
}
PARAMETER_KEYS = ("target", "parameter", "mean", "sd", "r_hat", "chance", "ess_bulk", "ess_tail")
OF_THE_RULE = ["ess_half", "still"]
IMPUTED_KEYS = ("target", "statistic", "mean", "r_hat", "chance", "ess_bulk")
ESTIMATES = "Estimates of the analyses (within ± 2 autocorrelation_se is chance; only above .1 and beyond it is judged)"
EMPTY_CLUSTERS = "Clusters without any observed value, systematically missing with probability"


@typed
@dataclass(frozen=True, kw_only=True, eq=False)
class Diagnosis:
    """What the chains look like, and the verdict.

    Parameters
    ----------
    verdict : Verdict
        ``"converged"``; ``"nearly"``: the chains do not contradict each other but are too short; ``"do not use"``: they
        are in different places, stand still or diverge; ``"undecided"``: there are too few draws to tell.
    more : int
        Where it is "nearly": new sweeps of each chain that should do, the earlier ones counted as warm-up:
        ``imputed.extend(more)``; otherwise, and where so many would be needed that they are no remedy, 0.
    reasons : tuple of str
        Why it is not "converged", each with the remedy; and imputed values far outside of what was observed
        (:mod:`bayesimpute.running.far_values`) and curves that a plan from the data left out, which chains in agreement
        can have, too.
    divergences, transitions : int
        Divergent transitions of the samplers after warm-up, and all of them.
    parameters : DataFrame
        One row a parameter: ``target, parameter, mean, sd, r_hat, chance, ess_bulk, ess_tail, ess_half, mcse, still``:
        ``chance`` is the probability that, of all quantities of a run whose chains are in one place, the chains of any
        are as far apart as these; ``ess_half`` the ESS within half a chain, ``mcse`` that of the mean, ``still`` the
        number of chains in which it never moved.
    imputed : DataFrame
        One row a target and statistic (mean, sd, ...) of its imputed values in each sweep: ``target, statistic``, the
        same figures, ``autocorrelation, autocorrelation_se``. What never varies has NaN.
    estimates : DataFrame
        One row a coefficient of each analysis: ``analysis`` (from 1), ``term, autocorrelation, autocorrelation_se``.
    systematic : DataFrame
        One row a cluster without any observed value of a selection model's target of which it is not known whether it
        is systematically missing: ``target, cluster, probability`` that it is. It is no part of the verdict.
    """

    verdict: Verdict
    more: int
    reasons: tuple[str, ...]
    divergences: int
    transitions: int
    parameters: pd.DataFrame
    imputed: pd.DataFrame
    estimates: pd.DataFrame
    systematic: pd.DataFrame

    @property
    def converged(self) -> bool | None:
        """Whether the verdict is "converged"; None if there are too few draws to tell."""
        return None if self.verdict is Verdict.UNDECIDED else self.verdict is Verdict.CONVERGED

    @property
    def sentence(self) -> str:
        """The verdict in words."""
        more = f" About {self.more} more sweeps would do." if self.more else ""
        return SENTENCES[self.verdict].value + more

    @property
    def summary(self) -> str:
        """The verdict with its reasons and the number of divergences."""
        lines = [self.sentence, *remedies.written(self.reasons)]
        if self.divergences:
            lines.append(f"Divergences after warm-up: {self.divergences} of {self.transitions} transitions.")
        return "\n".join(lines)

    def to_json_dict(self) -> dict[str, Any]:
        """Plain values for ``json.dumps``; what is not defined is None."""
        return {
            "converged": self.converged,
            "verdict": self.verdict.value,
            "more": self.more,
            "reasons": list(self.reasons),
            "divergences": self.divergences,
            "parameters": records(self.parameters.loc[:, list(PARAMETER_KEYS)]),
            "imputed": records(self.imputed.loc[:, list(IMPUTED_KEYS)]),
            "systematic": records(self.systematic),
        }

    @property
    def shown(self) -> dict[str, pd.DataFrame]:
        """The tables that have rows, by title, without the figures that only the rule looks at."""
        tables = {
            "Parameters": self.parameters,
            "Imputed values": self.imputed,
            ESTIMATES: self.estimates,
            EMPTY_CLUSTERS: self.systematic,
        }
        return {title: t.drop(columns=OF_THE_RULE, errors="ignore") for title, t in tables.items() if len(t)}

    def __str__(self) -> str:
        parts = [self.summary]
        for title, table in self.shown.items():
            parts += ["", title, table.to_string(index=False, float_format=lambda x: f"{x:.4g}")]
        return "\n".join(parts)


@typed
def diagnose(imputed: "Result", *, analyses: Sequence[Analyses] = ()) -> Diagnosis:
    """Judge the chains of a run; a run that was stopped is judged by the sweeps that all its chains have made.

    Parameters
    ----------
    imputed : MultiplyImputed
        The run.
    analyses : sequence of Analyses
        Analyses of its completed datasets, whose estimates' autocorrelation is to be judged too.

    Returns
    -------
    Diagnosis
        By the rule of :mod:`bayesimpute.numerics.chains`. *Do not use*: the chains of a parameter, or of a summary of
        imputed values, are in different places (R-hat above 1.01, and further apart than chance makes any of the run's
        quantities but once in 200 runs), one never moved or hardly moves, or more than 0.1 % of the transitions
        diverge. *Nearly*: otherwise, if bulk or tail ESS is not above 400, or an autocorrelation of successive
        imputations is above .1 by more than chance can make it
        (:func:`bayesimpute.numerics.chains.autocorrelation`). *Converged*: otherwise. With one chain its halves are
        compared.
    """
    require_run(imputed, "diagnose")
    schedule = json.loads(imputed.tree.attrs["schedule"])
    done = json.loads(imputed.tree.attrs["sweeps_done"])
    draws = max(0, min(done) - schedule["base"])
    parameters, values = _parameters(imputed, draws), _imputed(imputed, draws)
    divergences, transitions = _transitions(imputed)
    rule = judged(
        list(parameters.values()),
        list(values.values()),
        thin=schedule["thin"],
        divergences=divergences,
        transitions=transitions,
    )
    estimates = _estimates(analyses)
    tables = _table(parameters, "parameter", rule.parameters), _table(values, "statistic", rule.imputed)
    undecided = rule.verdict is Verdict.UNDECIDED
    wanted = draws if undecided else sweeps_for(draws, *tables, estimates)
    found = remedies.divergent(divergences, transitions)
    found += [remedies.too_few(draws)] if undecided else remedies.mixing(*tables, draws, wanted)
    found += remedies.dependences(tables[1], estimates, draws, wanted)
    found += [*remedies.far_values(imputed.events), *remedies.straight_lines(imputed.events)]
    close = rule.verdict is Verdict.CONVERGED and dependent(estimates).any()
    verdict = Verdict.NEARLY if close else rule.verdict
    return Diagnosis(
        verdict=verdict,
        more=wanted if verdict is Verdict.NEARLY and not remedies.out_of_reach(draws, wanted) else 0,
        reasons=tuple(found),
        divergences=divergences,
        transitions=transitions,
        parameters=tables[0],
        imputed=tables[1],
        estimates=estimates,
        systematic=_systematic(imputed, draws),
    )


def _systematic(imputed: "Result", draws: int) -> pd.DataFrame:
    """How likely each empty cluster is systematically missing, by its label."""
    found = []
    for target in imputed.targets:
        posterior = imputed.draws(target)
        if SYSTEMATIC in posterior:
            each = posterior[SYSTEMATIC][:, :draws].mean(["chain", "draw"])
            found += [(target, str(label), float(p)) for label, p in zip(each[EMPTY].values, each.values, strict=True)]
    return pd.DataFrame(found, columns=["target", "cluster", "probability"])


def _parameters(imputed: "Result", draws: int) -> dict[tuple[str, str], np.ndarray]:
    """The draws of each target's scalar parameters, (chain, draw)."""
    return {
        (target, variable.attrs["name"]): variable.values[:, :draws]
        for target in imputed.targets
        for variable in imputed.draws(target).values()
        if variable.ndim == 2  # group-specific effects, kept on request, have a dimension more
    }


def _imputed(imputed: "Result", draws: int) -> dict[tuple[str, str], np.ndarray]:
    """The summaries of each target's imputed values, (chain, draw)."""
    complete = _complete(imputed)
    return {
        (v.attrs["target"], v.attrs["statistic"]): v.values[:, :draws]
        for v in imputed.tree["chains"].to_dataset().values()
        if v.attrs["target"] not in complete and not v.attrs["target"].startswith(("observed(", "dropout("))
    }


def _complete(imputed: "Result") -> set[str]:
    """The variables without missing values: those that have a model impute nothing."""
    if "missing" not in imputed.tree.children:
        return set()
    masks = imputed.tree["missing"].to_dataset().values()
    return {mask.attrs["name"] for mask in masks if not mask.values.any()}


def _estimates(analyses: Sequence[Analyses]) -> pd.DataFrame:
    tables = []
    for number, analysis in enumerate(analyses, start=1):
        values = np.array([e.estimates for e in analysis.estimates])
        rounds = -(-len(values) // analysis.chains)
        padded = np.full((rounds * analysis.chains, values.shape[1]), np.nan)
        padded[: len(values)] = values
        by_chain = padded.reshape(rounds, analysis.chains, -1).transpose(2, 1, 0)
        terms = analysis.estimates[0].terms
        labels = {"analysis": [number] * len(terms), "term": terms}
        tables.append(pd.DataFrame({**labels, **autocorrelations(list(by_chain), 1)}))
    columns = ["analysis", "term", "autocorrelation", "autocorrelation_se"]
    return pd.concat(tables, ignore_index=True) if tables else pd.DataFrame(columns=columns)


def _table(labels: Iterable[tuple[str, str]], name: str, figures: Mapping[str, np.ndarray]) -> pd.DataFrame:
    return pd.concat(
        [pd.DataFrame(list(labels), columns=["target", name], dtype=str), pd.DataFrame(figures)], axis="columns"
    )


def _transitions(imputed: "Result") -> tuple[int, int]:
    stats = imputed.tree["sample_stats"].to_dataset()
    if "divergences" not in stats:
        return 0, 0
    return int(np.nansum(stats["divergences"].values)), int(np.nansum(stats["steps"].values))
