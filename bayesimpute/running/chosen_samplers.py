"""Which sampler draws the parameters of each model of a plan, and why: before a run, as its events say it after."""

from collections.abc import Sequence

import pandas as pd

from bayesimpute.base.arguments import typed
from bayesimpute.checking import looked_at, require
from bayesimpute.data.arrow_frames import AnyFrame
from bayesimpute.data.incomplete import Incomplete
from bayesimpute.plan.conditional import Conditional
from bayesimpute.plan.plan import Plan
from bayesimpute.running.workspace import Described
from bayesimpute.samplers import why


@typed
def sampling(plan: Plan | Sequence[str | Conditional], data: AnyFrame | Incomplete) -> pd.DataFrame:
    """What ``sampler = "auto"``, or the plan's own choice, comes to on some data.

    Parameters
    ----------
    plan : Plan, or list of str or Conditional
        What :func:`bayesimpute.impute` takes.
    data : DataFrame or Incomplete
        The incomplete data.

    Returns
    -------
    DataFrame
        A row for each model that will be fitted, in the order of the visits: ``target``, ``sampler``, ``why``.

    Raises
    ------
    PlanError
        If the plan has errors on the data: all of them.

    Examples
    --------
    >>> print(sampling(["popular ~ sex + (1 | school)"], data))  # doctest: +SKIP
    """
    plan = plan if isinstance(plan, Plan) else Plan.of(plan)
    incomplete = looked_at(data, plan)
    require(plan, incomplete)
    described = Described.of(plan, incomplete)
    rows = [(t, name, why(plan.run.sampler, name, described.designs[t])) for t, name in described.samplers.items()]
    return pd.DataFrame(rows, columns=["target", "sampler", "why"], dtype="str")
