"""A plan: what is to be imputed from what, as frozen values that can be printed, compared and written as TOML.

Nothing is built here and nothing about the data is known; :mod:`bayesimpute.checking` holds a plan against a data set.
:mod:`bayesimpute.plan.document` reads and writes TOML.

To add a setting, add a field to the dataclass it belongs to; TOML reading and writing follow the fields.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, fields, replace
from typing import Any

from bayesimpute.base.arguments import typed, typed_after
from bayesimpute.base.errors import PlanError, did_you_mean, one
from bayesimpute.base.phrases import listed, names_a_plan, read_the_plan
from bayesimpute.base.priors import Prior
from bayesimpute.data.said_columns import SaidColumn, said_of
from bayesimpute.plan.assumptions import Adjustment, Assumption, Sensitivity
from bayesimpute.plan.bambi_models import from_bambi, is_bambi
from bayesimpute.plan.conditional import Conditional, family_name
from bayesimpute.plan.known_cells import Known
from bayesimpute.plan.options import Analysis, Derived, Estimand, Run, Score, Time
from bayesimpute.plan.restrictions import Restriction
from bayesimpute.plan.scores import with_scores


@dataclass(frozen=True, kw_only=True)
class Plan:
    """A whole imputation plan.

    Parameters
    ----------
    conditionals : tuple of Conditional
        One for each incomplete variable that is to be imputed.
    substantive : tuple of Conditional
        Models that are to be analysed, with which the imputations are to be compatible: the conditional of a covariate
        leaves their outcome out, and their density multiplies into its draws (:mod:`bayesimpute.compatible`). Formulas
        become conditionals; one stands for a tuple of one.
    derived : tuple of Derived
        Variables computed from others, kept up to date.
    scores : tuple of Score
        Scores of items, which are derived, too (:mod:`bayesimpute.plan.scores`).
    assumptions : tuple of Assumption
        Numbers that the data cannot tell; shifts are written with them.
    adjustments : tuple of Adjustment
        How missing values differ from what their models say of them.
    known : tuple of Known
        What is known of missing cells: between which numbers they lie, or among which labels.
    restrictions : tuple of Restriction
        Rules that completed rows respect: they act on draws alone.
    analyses : tuple of Analysis
        What ``pool`` runs when given no formula.
    estimands : tuple of Estimand
        What ``estimate`` computes when given no variable.
    sensitivities : tuple of Sensitivity
        What ``sensitivity`` computes when given nothing else.
    columns : tuple of SaidColumn, or mapping of str to str or dict
        What columns are where their types do not say it, for targets, predictors and analyses:
        ``{"gen": "G1 < G2", "region": "west | south", "den": "labels"}`` (:mod:`bayesimpute.data.said_columns`).
    time : Time or None
        How the rows of a subject follow each other, where they are visits.
    run : Run
        Numbers of chains, sweeps and imputations.
    title : str
        For people.
    """

    conditionals: tuple[Conditional, ...] = ()
    substantive: tuple[Conditional, ...] = ()
    derived: tuple[Derived, ...] = ()
    scores: tuple[Score, ...] = ()
    assumptions: tuple[Assumption, ...] = ()
    adjustments: tuple[Adjustment, ...] = ()
    known: tuple[Known, ...] = ()
    restrictions: tuple[Restriction, ...] = ()
    analyses: tuple[Analysis, ...] = ()
    estimands: tuple[Estimand, ...] = ()
    sensitivities: tuple[Sensitivity, ...] = ()
    columns: tuple[SaidColumn, ...] = ()
    time: Time | None = None
    run: Run = field(default_factory=Run)
    title: str = ""

    def __post_init__(self) -> None:
        given: Any = self.substantive
        given = (given,) if isinstance(given, str | Conditional) else given
        if isinstance(given, Iterable):
            made = tuple(Conditional.of(item) if isinstance(item, str) else item for item in given)
            object.__setattr__(self, "substantive", made)
        object.__setattr__(self, "columns", said_of(self.columns))
        for name in (f.name for f in fields(self) if f.default == ()):
            given = getattr(self, name)
            if isinstance(given, str) or not isinstance(given, Iterable):
                raise one(PlanError, f"plan.{name}", f"{given!r} is not a list", "write a list or tuple")
            object.__setattr__(self, name, tuple(given))

    @classmethod
    @typed_after
    def of(cls, formulas: str | Conditional | Iterable[Any], **options: Any) -> "Plan":
        """A plan from models.

        Parameters
        ----------
        formulas : str, Conditional or bambi.Model, or an iterable of them
            Of a ``bambi.Model`` made of the incomplete data (``dropna=True``) formula, family, link and the user's own
            priors are taken over; ``(1 + x | g)`` becomes ``(1 + x || g)``, bambi's meaning.
        **options
            The other fields.

        Raises
        ------
        PlanError, FormulaError
            If something is none of these, or cannot be taken over.
        """
        if names_a_plan(formulas):
            finding = f'"{formulas}" is the name of a file, and no formula'
            raise one(PlanError, "plan", finding, read_the_plan(formulas))
        single = isinstance(formulas, str | Conditional) or is_bambi(formulas)
        items: Any = [formulas] if single else formulas
        return cls(conditionals=tuple(map(_conditional, items)), **options)

    @property
    def models(self) -> tuple[Conditional, ...]:
        """The substantive models and the conditionals."""
        return (*self.substantive, *self.conditionals)

    @property
    def computed(self) -> tuple[Derived, ...]:
        """The derived variables, scores among them."""
        return with_scores(self.derived, self.scores)

    def path(self, model: Conditional) -> str:
        """What problems call the place of a model."""
        section = "substantive" if any(model is s for s in self.substantive) else "conditional"
        return f"{section}[{getattr(model, 'target', '?')}]"

    @typed
    def with_models(self, change: Callable[[Conditional], Conditional]) -> "Plan":
        """The same plan with every model changed."""
        return replace(
            self,
            conditionals=tuple(map(change, self.conditionals)),
            substantive=tuple(map(change, self.substantive)),
        )

    @classmethod
    @typed_after
    def from_toml(cls, text: str) -> "Plan":
        """Read a TOML document.

        Raises
        ------
        PlanError
            With every key and value that does not fit the schema.
        """
        from bayesimpute.plan.document import read

        found, problems = read(text)
        if problems:
            raise PlanError(problems)
        return cls(**found)

    def to_toml(self) -> str:
        """The plan as a TOML document; ``Plan.from_toml`` gives an equal plan."""
        from bayesimpute.plan.document import write

        return write(self)

    @typed_after
    def with_priors(
        self, target: str, priors: Mapping[str, Prior | float | str] | None = None, **more: Prior | float | str
    ) -> "Plan":
        """The same plan with other priors of one model; whatever is not named stays.

        Parameters
        ----------
        target : str
            The variable whose model it is.
        priors : mapping of str to Prior, float or str, optional
            By the posterior's names: ``{"1|region_sigma": "HalfNormal(1)"}``; a number, or the name of an assumption
            of the plan, fixes a coefficient.
        **more
            Those whose names are Python's: ``rho="ScaledBeta(2, 2)"``.

        Raises
        ------
        PlanError
            If there is no such model, or a prior cannot be read.
        """
        if target not in (targets := [model.target for model in self.models]):
            remedy = did_you_mean(target, targets, f"the models are of {listed(targets)}")
            raise one(PlanError, "target", f'"{target}" has no model in the plan', remedy)
        given = {**(priors or {}), **more}
        path = f"conditional[{target}].priors"
        assumed = [a.name for a in self.assumptions]
        read = {
            name: prior if isinstance(prior, int | float) or prior in assumed else Prior.parse(prior, f"{path}.{name}")
            for name, prior in given.items()
        }

        def change(model: Conditional) -> Conditional:
            return replace(model, priors={**model.priors, **read}) if model.target == target else model

        return self.with_models(change)

    def saying(self, columns: Any) -> "Plan":
        """The same plan that says more of columns: a mapping as for `columns`; of each column the last word counts."""
        said = {each.name: each for each in (*self.columns, *said_of(columns))}
        return replace(self, columns=tuple(said.values()))

    def with_run(self, **settings: Any) -> "Plan":
        """The same plan with other run settings; those that are None stay."""
        return replace(self, run=replace(self.run, **{k: v for k, v in settings.items() if v is not None}))

    def __str__(self) -> str:
        lines = [self.title] if self.title else []
        for c in self.models:
            note = ", substantive" if any(c is s for s in self.substantive) else ""
            lines += [f"{c.target} ({family_name(c.family)}{note})", *(f"    {k}: {v}" for k, v in c.formulas.items())]
            lines += [f"    applies: {c.applies}"] if c.applies is not None else []
            lines += [f"    prior {k}: {v}" for k, v in c.priors.items()]
        lines += [f"{each.name} is {each.written}" for each in self.columns]
        lines += [f"{d.name} := {d.expression}" for d in self.computed]
        lines += [f"assumption {a}" for a in self.assumptions]
        lines += [str(a) for a in self.adjustments]
        lines += [str(each) for each in self.known]
        lines += [f"draws respect {each}" for each in self.restrictions]
        lines += [f"visits of {self.time.subject} by {self.time.order}"] if self.time is not None else []
        lines += [f"estimand {e}" for e in self.estimands]
        r = self.run
        lines.append(
            f"m = {r.m}, {r.chains} chains, {r.warmup} + {r.sweeps} sweeps, steps {r.steps}, sampler {r.sampler}"
        )
        lines += [f"ignored: {r.ignore}"] if r.ignore is not None else []
        return "\n".join(lines)


def _conditional(item: Any) -> Conditional:
    if isinstance(item, Conditional):
        return item
    return from_bambi(item) if is_bambi(item) else Conditional.of(item)
