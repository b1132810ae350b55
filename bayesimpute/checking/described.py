"""What is in a data set, with what a normal model would draw of the variables that would have one."""

from collections.abc import Sequence

from bayesimpute.base.arguments import typed
from bayesimpute.data.arrow_frames import AnyFrame
from bayesimpute.data.description import Description, described
from bayesimpute.data.incomplete import Incomplete
from bayesimpute.families import auto


@typed
def describe(data: Incomplete | AnyFrame, *, clusters: Sequence[str] | str = (), all: bool = False) -> Description:
    """What is in a data set.

    Parameters
    ----------
    data : DataFrame of any kind, or Incomplete
        One row a unit.
    clusters : sequence of str
        The cluster keys of a DataFrame: columns of any dtype, or ``a:b``.
    all : bool
        Whether everything is printed; otherwise 20 patterns of 12 variables, 50 variables and 12 remarks at most.

    Returns
    -------
    Description

    Raises
    ------
    DataError
        The data cannot be used, or a cluster key is not there or has missing values.
    """
    if not isinstance(data, Incomplete):
        data = Incomplete.from_frame(data, clusters=[clusters] if isinstance(clusters, str) else clusters)
    return described(data, lambda column: auto(column).normal, all=all)
