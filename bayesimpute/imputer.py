"""The protocol of scikit-learn over :func:`bayesimpute.impute`; scikit-learn itself is not needed.

A pipeline has one frame where there are m: :class:`Imputer` gives one of them, a draw and not a mean. For inference use
all, which ``imputer.imputed_`` has.
"""

import inspect
from collections.abc import Sequence
from typing import Any, Self

import numpy as np

from bayesimpute.base.errors import InputError, did_you_mean, one
from bayesimpute.data.arrow_frames import AnyFrame
from bayesimpute.imputed import MultiplyImputed, impute
from bayesimpute.plan.conditional import Conditional
from bayesimpute.plan.plan import Plan


class Imputer:
    """Imputes by models that are learnt in ``fit`` and held in ``transform``.

    Parameters
    ----------
    plan, analysis, seed
        As for :func:`bayesimpute.impute`.
    dataset : int
        Which of the completed datasets is given, from 0.
    settings : mapping of str to object, optional
        Settings of the run: ``{"m": 5, "sweeps": 500}``.

    Attributes
    ----------
    imputed_ : MultiplyImputed
        After ``fit`` the run, with all its datasets; ``imputed_.transform(new)`` has all those of new rows.
    feature_names_in_ : ndarray of str
        The columns of the data.
    """

    def __init__(
        self,
        plan: Plan | str | Conditional | Sequence[str | Conditional] | None = None,
        *,
        analysis: str | Conditional | Sequence[str | Conditional] | None = None,
        seed: int = 0,
        dataset: int = 0,
        settings: dict[str, Any] | None = None,
    ) -> None:
        self.plan, self.analysis, self.seed, self.dataset, self.settings = plan, analysis, seed, dataset, settings

    def fit(self, X: AnyFrame, y: object = None) -> Self:
        """Impute the data, and keep the run; `y` is there for the protocol and not looked at."""
        del y
        options = self.settings or {}
        self.imputed_ = impute(X, self.plan, analysis=self.analysis, seed=self.seed, progress=False, **options)
        self.feature_names_in_ = np.array(self.imputed_.incomplete.frame.columns, dtype=object)
        self.n_features_in_ = len(self.feature_names_in_)
        return self

    def transform(self, X: AnyFrame) -> Any:
        """Rows completed with the draws of the run: :meth:`bayesimpute.MultiplyImputed.transform`."""
        return self._run.transform(X).completed(self.dataset)

    def fit_transform(self, X: AnyFrame, y: object = None) -> Any:
        """Impute the data, and give them as the run completed them."""
        return self.fit(X, y)._run.completed(self.dataset)

    @property
    def _run(self) -> MultiplyImputed:
        if not hasattr(self, "imputed_"):
            raise one(InputError, "transform", "there is no run whose draws could be used", "call fit() first")
        return self.imputed_

    def get_params(self, deep: bool = True) -> dict[str, Any]:
        """The parameters, by name; `deep` changes nothing, for none of them is an estimator."""
        del deep
        return {name: getattr(self, name) for name in _NAMES}

    def set_params(self, **params: Any) -> Self:
        """Set parameters.

        Raises
        ------
        InputError
            If there is none of that name.
        """
        for name in params:
            if name not in _NAMES:
                remedy = did_you_mean(name, _NAMES, f"there are {', '.join(_NAMES)}")
                raise one(InputError, "set_params", f'there is no parameter "{name}"', remedy)
        for name, value in params.items():
            setattr(self, name, value)
        return self

    def __repr__(self) -> str:
        given = {
            n: v for n, v in self.get_params().items() if v is not inspect.signature(Imputer).parameters[n].default
        }
        return f"Imputer({', '.join(f'{name}={value!r}' for name, value in given.items())})"


_NAMES = tuple(inspect.signature(Imputer).parameters)
