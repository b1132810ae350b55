"""One analysis of all completed datasets of a run, and what can be asked of it."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import pandas as pd

from bayesimpute.analysis import Failure, Model, fits, told
from bayesimpute.analysis.derived_quantities import derive
from bayesimpute.analysis.estimates import Estimate
from bayesimpute.analysis.fitters import model_of
from bayesimpute.analysis.rows import condition
from bayesimpute.base.arguments import typed_after
from bayesimpute.base.errors import AnalysisError
from bayesimpute.base.phrases import listed
from bayesimpute.pooling.joint_tests import PooledTest
from bayesimpute.pooling.labelled import Pooled, pool

if TYPE_CHECKING:
    from bayesimpute.pooling.mixture import Mixture


@typed_after
@dataclass(frozen=True, eq=False)
class Analyses:
    """One analysis of every completed dataset of a run, for pooling and for
    :func:`bayesimpute.diagnosis.diagnosis.diagnose`.

    Parameters
    ----------
    estimates : tuple of Estimate
        One per completed dataset, in the order of the imputations.
    chains : int
        Chains of the run: imputations k and k + `chains` come from the same chain, one after the other.
    failures : tuple of Failure
        The datasets that could not be analysed, if that was allowed.
    model : Model, optional
        What was fitted; None for a user's own function.
    frames : iterable of DataFrame, optional
        The completed datasets, for tests that need the data again.
    """

    estimates: tuple[Estimate, ...]
    chains: int
    failures: tuple[Failure, ...] = ()
    model: Model | None = None
    frames: Iterable[pd.DataFrame] | None = None

    def pool(self, *, conf_level: float = 0.95, dfcom: float | None = None) -> Pooled:
        """Pool them by :func:`pool`, whose options these are.

        Raises
        ------
        AnalysisError
            As :func:`pool` does.
        """
        pooled = pool(self.estimates, conf_level=conf_level, dfcom=dfcom)
        if not self.failures:
            return pooled
        used = f"{len(self.estimates)} of {len(self.estimates) + len(self.failures)} datasets were used"
        listed = told(self.failures).replace("\n", "; ")
        return replace(pooled, messages=(f"{used}: the others could not be analysed ({listed})", *pooled.messages))

    def derive(self, expressions: Mapping[str, str] | None = None, **more: str) -> "Analyses":
        """Functions of the coefficients instead of the coefficients: contrasts, ratios, predictions.

        Parameters
        ----------
        expressions, **more : mapping of str to str
            By name, as ``{"after 5 years": "b[texp] + 5 * b[sex:texp]"}``: coefficients as ``b[term]``, arithmetic, and
            exp, log, sqrt, tanh, expit, logit. They are computed on each dataset with delta-method covariances and
            pooled after that, which for functions that are not linear is not the function of what was pooled.

        Raises
        ------
        AnalysisError
            As :func:`bayesimpute.analysis.derived_quantities.derive` does.
        """
        wanted = {**(expressions or {}), **more}
        return replace(self, estimates=tuple(derive(e, wanted) for e in self.estimates), model=None)

    def test(
        self, smaller: "Analyses", *, method: str = "D1", use: str = "wald", dfcom: float | None = None
    ) -> PooledTest:
        """Test this model against a smaller one, within which some of its parameters are zero.

        Parameters
        ----------
        smaller : Analyses
            Of the same completed datasets.
        method : {"D1", "D2", "D3", "D4"}
            See :mod:`bayesimpute.pooling.joint_tests`.
        use : {"wald", "likelihood", "score"}
            For D2: the test statistic of each dataset.
        dfcom : float, optional
            For D1: complete-data degrees of freedom; by default what the fits say.

        Raises
        ------
        AnalysisError
            As :func:`bayesimpute.pooling.model_tests.model_test` does.
        """
        from bayesimpute.pooling.model_tests import model_test

        return model_test(self, smaller, method=method, use=use, dfcom=dfcom)

    def test_constraints(
        self, expressions: Sequence[str], *, method: str = "D1", dfcom: float | None = None
    ) -> PooledTest:
        """Test that all expressions, as :meth:`derive` takes them, are zero at once.

        Raises
        ------
        AnalysisError
            As :meth:`derive` and :func:`bayesimpute.pooling.joint_tests.d1` do.
        """
        from bayesimpute.pooling.model_tests import wald_test

        derived = self.derive({text: text for text in expressions})
        return wald_test(derived.estimates, method=method, dfcom=dfcom)

    def mix(self, *, weights: Sequence[float] | None = None, prob: float = 0.95) -> "Mixture":
        """Mix the posteriors of a Bayesian analysis; options of :func:`bayesimpute.pooling.mixture.mix`."""
        from bayesimpute.pooling.mixture import mix

        return mix(self.estimates, weights=weights, prob=prob)

    def __len__(self) -> int:
        return len(self.estimates)


def analyses_of(
    frames: Iterable[pd.DataFrame], analysis: str | Callable[..., Any], *, chains: int, total: int, **options: Any
) -> Analyses:
    """Run an analysis on all datasets; options are those of :func:`bayesimpute.analysis.fits` and ``allow_failures``.

    Raises
    ------
    AnalysisError
        An analysis failed and that is not allowed, or failed on all datasets but one; or its formula reads a column
        with missing values, which was not imputed.
    """
    allow = options.pop("allow_failures", False)
    model = None
    running = {name: options.pop(name) for name in ("workers", "progress") if name in options}
    if isinstance(analysis, str):
        model = model_of(analysis, **options)
        _check_complete(model, next(iter(frames)), getattr(frames, "void", frozenset()))
    found, failures = fits(frames, analysis, total=total, **running, **options)
    if failures and not (allow and len(found) > 1):
        raise AnalysisError(told(failures))
    return Analyses(tuple(found), chains=chains, failures=tuple(failures), model=model, frames=frames)


def _check_complete(model: Model, frame: pd.DataFrame, void: frozenset[str]) -> None:
    """What an analysis reads was complete or has been imputed: else it would be one of complete cases, in silence.

    Of columns that do not apply everywhere, `void`, in the rows that are analysed; but not inside ``where_applies()``.
    """
    said = (model.formula.needs - model.formula.whole) & void - {str(model.formula.response), *model.keys}
    names = sorted((model.read & set(frame.columns)) - said)
    rows = frame if model.where is None else frame.loc[condition(model.where, frame)]
    missing = rows.loc[:, names].isna().sum()
    empty = [f'"{name}"' for name, count in zip(names, missing, strict=True) if count and name in void]
    if empty:
        message = (
            f"{model.formula.excerpt}: column {listed(empty)} does not apply in some of the rows; analyse those "
            'where it does, where="…", or read where_applies(x, 0) beside what says where'
        )
        raise AnalysisError(message)
    lacking = [f'"{name}" ({int(count)} missing)' for name, count in zip(names, missing, strict=True) if count]
    if lacking:
        message = (
            f"{model.formula.excerpt}: column {listed(lacking)} is incomplete and was not imputed; add a conditional "
            "for it to the plan, leave it out, or pass a function that drops its rows"
        )
        raise AnalysisError(message)
