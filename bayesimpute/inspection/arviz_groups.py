"""A run's draws of one conditional model as a tree that all of ArviZ takes.

| group | holds |
|---|---|
| ``posterior`` | parameters in the user's units, ``c[q]`` and ``c[r]`` as ``c`` by ``c_dim``; effects if kept;
``imputed_mean`` and what else summarises the imputed values |
| ``sample_stats`` | how the visits went |
| ``observed_data`` | the values that the model is fitted to, by ``__obs__``; of a selection model who has one, too |
| ``constant_data`` | the complete columns that the model reads, at these units |
| ``log_likelihood`` | log densities at each visit; needs ``keep=``. Of a covariate of a compatible plan, which other
models read, log p(value | all else): their densities times its own, normalised over the value |
| ``log_prior`` | of each parameter |
| ``posterior_predictive`` | values like those observed; needs ``keep=`` |
| ``prior``, ``prior_predictive`` | of :class:`~bayesimpute.inspection.imputation_model.ImputationModel` |

**Leaving out.** Where the predictors are complete, or the plan is compatible with its analysis so that all cells are
drawn from one joint posterior, importance weights from these densities are exact: ``az.loo`` estimates what a refit
without the unit would give. (Of a unit with an imputed predictor the weights have heavy tails, for its x was drawn
where its y is likely: believe Pareto's k.) In other chained equations x was imputed from y_i too, in models that are
not refitted in thought: a heuristic, and a bad one where an imputed predictor goes closely with y. There the units
are by default those whose predictors are all observed; the attribute ``leaving_out`` of the tree says which it is.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Literal

import numpy as np
import xarray as xr

from bayesimpute.base.errors import InputError, did_you_mean, one
from bayesimpute.base.phrases import listed
from bayesimpute.data.xarray_frames import safe_names
from bayesimpute.inspection.cluster_likelihood import ClusterLikelihood
from bayesimpute.inspection.given_all_else import given_all_else
from bayesimpute.inspection.imputation_model import ImputationModel, model_in
from bayesimpute.inspection.known_predictors import known_predictors
from bayesimpute.inspection.log_priors import log_priors
from bayesimpute.inspection.readers_graph import DOUBTLESS, MODELLED, OBSERVED
from bayesimpute.inspection.tree_variables import free, plain, regrouped
from bayesimpute.inspection.visits import Visits
from bayesimpute.plan.targets import Step
from bayesimpute.result.result import Result, require_run
from bayesimpute.running.workspace import Described, Workspace

USUAL = ("posterior", "sample_stats", "observed_data", "constant_data")
GROUPS = (*USUAL, "log_likelihood", "log_prior", "posterior_predictive", "prior", "prior_predictive")
EXACT, HEURISTIC = "exact", "heuristic"


def arviz_groups(
    result: Result,
    target: str,
    groups: Sequence[str] = USUAL,
    *,
    by: str | None = None,
    units: Literal["auto", "all"] = "auto",
    draws: int = 500,
    seed: int | None = None,
) -> xr.DataTree:
    """The tree; parameters and errors are those of :meth:`bayesimpute.imputed.MultiplyImputed.posterior`."""
    require_run(result, "look at the posterior of")
    if target not in result.targets:
        remedy = did_you_mean(target, result.targets, f"models are of {listed(result.targets, 12)}")
        raise one(InputError, "target", f'"{target}" was not imputed from a model', remedy)
    unknown = [name for name in groups if name not in GROUPS]
    if unknown:
        remedy = did_you_mean(unknown[0], GROUPS, f"they are {listed(GROUPS, 12)}")
        raise one(InputError, "groups", f'there is no group "{unknown[0]}"', remedy)
    if by is not None and "log_likelihood" not in groups:
        raise one(InputError, "by", "only log-likelihoods are of clusters", 'name "log_likelihood" among the groups')
    source = _Source(result, target, units)
    makers = {
        "posterior": source.posterior,
        "sample_stats": source.sample_stats,
        "observed_data": source.observed_data,
        "constant_data": source.constant_data,
        "log_likelihood": lambda: source.log_likelihood(by),
        "log_prior": source.log_prior,
        "posterior_predictive": lambda: source.posterior_predictive(result.seed if seed is None else seed),
    }
    found = {name: make() for name, make in makers.items() if name in groups}
    if {"prior", "prior_predictive"} & set(groups):
        made = source.model.prior_predictive(draws, seed=result.seed if seed is None else seed)
        found |= {
            name: source.chosen(made[name].to_dataset()) for name in ("prior", "prior_predictive") if name in groups
        }
    tree = xr.DataTree.from_dict(found)
    if "log_likelihood" in groups:
        tree.attrs["leaving_out"] = EXACT if source.exact else HEURISTIC
    return tree


@dataclass(eq=False)
class _Source:
    """What the groups of one target are made from; nothing is made before it is needed."""

    result: Result
    target: str
    which: str

    @cached_property
    def space(self) -> Workspace:
        record = self.result.record
        return Workspace(record.plan, record.incomplete, Described.of(record.plan, record.incomplete, record.resolved))

    @cached_property
    def step(self) -> Step:
        return self.result.record.resolved.step(self.target)

    @cached_property
    def model(self) -> ImputationModel:
        kept = next((cells for leg in self.result.record.legs for cells in leg.kept.values()), None)
        if kept is None:
            finding = "no completed dataset is there yet, for the run was stopped before its first"
            raise one(InputError, "groups", finding, "go on with bayesimpute.resume")
        return model_in(self.space, kept, self.target)

    def called(self, variable: str) -> str:
        """What a variable of values is called in trees, whose names have no slash."""
        return safe_names([variable])[variable]

    @cached_property
    def draws(self) -> xr.Dataset:
        return self.done(self.result.draws(self.target))

    def done(self, data: xr.Dataset) -> xr.Dataset:
        """The draws that all chains have."""
        state = self.result.record.states
        done = min(s.sweep for s in state) - self.result.record.schedule.base
        return data.isel(draw=slice(0, max(done, 0)))

    @cached_property
    def exact(self) -> bool:
        """Whether all draws are from one joint posterior, or no predictor is imputed."""
        return self.result.record.resolved.joint or bool(self.known.all())

    @cached_property
    def known(self) -> np.ndarray:
        return known_predictors(self.space, self.step)

    @cached_property
    def observed(self) -> np.ndarray:
        """Which of the units that the model is fitted to have an observed value."""
        lead = self.step.lead
        return lead.observed[lead.learn]

    @cached_property
    def units(self) -> np.ndarray:
        """Of these, the ones that are meant."""
        n = len(self.observed)
        if self.which == "all" or self.result.record.resolved.joint:
            return self.observed
        return self.observed & self.known[:n]

    def labels(self) -> dict[str, tuple[str, np.ndarray]]:
        """By the name of a variable its dim, and what its units are called."""
        units, name = self.model.labels.units, self.target
        found = {name: (OBSERVED, units[: len(self.units)][self.units])}
        if self.model.design.family.selection is not None:
            empty = self.model.design.empty
            there = units if empty is None else units[self.model.data["empty"] == len(empty)]
            found[f"observed({name})"] = (MODELLED if empty is None else DOUBTLESS, there)
            if empty is not None:
                others = [f"cluster with values {k + 1}" for k in range(empty.others)]
                found[f"empty({name})"] = ("__clusters__", np.array([*empty.names, *others]))
        return found

    def dataset(self, arrays: Mapping[str, np.ndarray], *dims: str) -> xr.Dataset:
        labels = self.labels()
        found = xr.Dataset({self.called(name): ((*dims, labels[name][0]), a) for name, a in arrays.items()})
        coords = {labels[name][0]: labels[name][1] for name in arrays}
        if dims:
            coords |= {"chain": self.draws["chain"].values, "draw": self.draws["draw"].values}
        return found.assign_coords(coords)

    @cached_property
    def kept(self) -> Mapping[str, np.ndarray]:
        """What the run kept of the visits, (chain, draw, …)."""
        kept = self.result.kept_at_visits(self.target)
        if kept is None:
            finding = f'what the model of "{self.target}" said of the observed values was not kept'
            remedy = f'run it again with impute(..., keep=["{self.target}"])'
            raise one(InputError, "groups", finding, remedy)
        return {str(name): v.values for name, v in self.done(kept).data_vars.items()}

    @cached_property
    def visits(self) -> Visits:
        kept = self.kept
        self._require_law()
        if self.readers:
            finding = (
                f'values of "{self.target}" are drawn from its model and from those of {listed(self.readers)} together'
            )
            raise one(InputError, "groups", finding, f"ask for predictions of {listed(self.readers)}")
        return Visits(model=self.model, kept=kept, units=self.units)

    @cached_property
    def readers(self) -> tuple[str, ...]:
        """The models whose densities go into the draws of the variable."""
        return self.result.record.resolved.factors.get(self.target, ())

    def _require_law(self) -> None:
        family, name = self.model.design.family, self.target
        if not family.density:
            finding = f'"{name}" is imputed by matching ("{family.name}"), which has no density'
            raise one(InputError, "groups", finding, "leave log_likelihood and posterior_predictive out")
        if not self.units.any():
            finding = f'there is no observed value of "{name}" whose predictors are all observed'
            raise one(InputError, "units", finding, 'give units="all", and take what comes of it as a heuristic')

    def posterior(self) -> xr.Dataset:
        found = regrouped(self.draws)
        if not self.step.missing_rows.size:
            return found
        summaries = self.done(xr.Dataset(self.result.summaries_of(self.target)))
        return found.assign({free(f"imputed_{name}", found): v for name, v in summaries.data_vars.items()})

    def sample_stats(self) -> xr.Dataset:
        return self.done(self.result.visits_of(self.target))

    def observed_data(self) -> xr.Dataset:
        model, n = self.model, len(self.units)
        y = model.design.centre + model.design.scale * model.data["y_data"]
        found = {self.target: np.asarray(y)[self.units]}
        labels = self.labels()
        if f"observed({self.target})" in labels:
            observed = (np.arange(len(model.labels.units)) < n).astype(float)
            empty = model.design.empty
            there = slice(None) if empty is None else model.data["empty"] == len(empty)
            found[f"observed({self.target})"] = observed[there]
            if empty is not None:
                found[f"empty({self.target})"] = np.repeat([1.0, 0.0], [len(empty), empty.others])
        return self.dataset(found)

    def constant_data(self) -> xr.Dataset:
        incomplete, lead = self.result.incomplete, self.step.lead
        read = frozenset().union(*(f.names | frozenset(f.factors) for f in lead.formulas.values()))
        rows = lead.learn_rows[self.units]
        columns = {n: incomplete.frame[n].iloc[rows] for n in incomplete.frame if n in read}
        found = {n: plain(c) for n, c in columns.items() if not incomplete.columns[n].missing.any()}
        coords = {OBSERVED: self.labels()[self.target][1]}
        return xr.Dataset({self.called(n): (OBSERVED, v) for n, v in found.items()}, coords=coords)

    def log_likelihood(self, by: str | None) -> xr.Dataset:
        if self.step.lead.adjusting:
            finding = f'what is imputed for "{self.target}" is adjusted by an assumption, on which no value bears'
            raise one(InputError, "groups", finding, "ask for log-likelihoods of the run without adjustments")
        if self.readers:
            kept, selects = self.kept, self.model.design.family.selection is not None
            self._require_law()
            found = given_all_else(self.target, kept, self.readers, selects=selects, by=by)
            return self.dataset({self.target: found[..., self.units[self.observed]]}, "chain", "draw")
        if by is None:
            return self.dataset(self.visits.log_likelihood(), "chain", "draw")
        self._require_clusters(by)
        incomplete, rows = self.result.incomplete, self.step.model_rows
        codes = incomplete.codes(by)[rows]
        whole = Visits(model=self.model, kept=self.visits.kept, units=self.observed)
        values = ClusterLikelihood(whole, codes, incomplete.n_clusters(by)).log_likelihood()
        there = np.unique(codes)
        labels = np.array([str(incomplete.labels(by)[k]) for k in there])
        dim = self.called(by)
        found = xr.Dataset({self.called(self.target): (("chain", "draw", dim), values[..., there])})
        return found.assign_coords({dim: labels, "chain": self.draws["chain"], "draw": self.draws["draw"]})

    def _require_clusters(self, by: str) -> None:
        record, design = self.result.record, self.model.design
        if by not in record.incomplete.clusters:
            remedy = did_you_mean(by, record.incomplete.clusters, f"they are {listed(record.incomplete.clusters)}")
            raise one(InputError, "by", f'"{by}" is no cluster key of the plan', remedy)
        others = sorted({b.factor for b in design.blocks} - {by})
        if others:
            finding = f'the model of "{self.target}" has effects of {listed(others)} too, which clusters of {by} share'
            raise one(InputError, "by", finding, f'leave clusters out by refits: leave_out("{self.target}", by="{by}")')
        if not self.exact and self.which != "all":
            finding = f'predictors of "{self.target}" are imputed by chained equations, in clusters of {by} too'
            remedy = f'leave clusters out by refits: leave_out("{self.target}", by="{by}"); units="all" is a heuristic'
            raise one(InputError, "by", finding, remedy)
        empty = design.empty
        if empty is not None and set(empty.keys) != {by}:
            finding = f"clusters of {listed(sorted(set(empty.keys)))} may be systematically missing"
            raise one(InputError, "by", finding, f'give by="{empty.keys[0]}"')

    def log_prior(self) -> xr.Dataset:
        scalars = {str(v.attrs["name"]): v for v in self.draws.values() if v.ndim == 2}
        found = log_priors(self.model.design, {name: v.values for name, v in scalars.items()})
        made = {name: scalars[name].copy(data=values) for name, values in found.items()}
        return regrouped(xr.Dataset({str(scalars[name].name): v for name, v in made.items()}))

    def posterior_predictive(self, seed: int) -> xr.Dataset:
        made = self.visits.replicates(np.random.default_rng([seed, 1]))
        return self.dataset(made, "chain", "draw")

    def chosen(self, data: xr.Dataset) -> xr.Dataset:
        """Of draws from the prior, those of the units that are meant."""
        return data.isel({OBSERVED: self.units}) if OBSERVED in data.dims else data
