"""What an assumption amounts to in the data's units, which a reader can judge: how far it moves what is imputed."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from typing import Any

import numpy as np

from bayesimpute.designs.completed import Completed
from bayesimpute.estimating.variables import Groups, Variables
from bayesimpute.plan.targets import Resolved, Target
from bayesimpute.result.result import Result
from bayesimpute.running.assumed import assumed, middles


def rows(result: Result, reference: Result | None, by: Sequence[str]) -> Iterator[dict[str, Any]]:
    """For each target that is missing not at random, and each group, what was shifted and what came of it.

    Parameters
    ----------
    result, reference : Result
        The run at a point, and where nothing is shifted; by the same random numbers.
    by : sequence of str
        The variables whose values are the groups; complete ones.

    Yields
    ------
    dict
        ``target``, the groups, ``n_shifted`` (cells, means over the imputations), ``moved`` (mean over the shifted
        cells of what is imputed less what is imputed without the shift), ``observed``, ``imputed`` (means),
        ``missing_minus_observed`` (their difference), ``outside`` (the share of imputed values beyond the observed
        range).
    """
    record = result.record
    resolved = record.resolved.afterwards or record.resolved
    groups = Groups.of(tuple(by), Variables(result))
    for target in (t for t in resolved.targets if t.mnar and t.impute.any()):
        cells, before = _cells(result, target.name), None if reference is None else _cells(reference, target.name)
        shifted = _shifted(result, resolved, target)
        for label in groups.labels:
            inside = groups.rows(groups.place(label), 0)
            mine = inside[target.missing_rows]
            known = target.given[target.fit_rows[inside[target.fit_rows]]]
            for name, of in _numbers(target):
                then = None if before is None else of(before[:, mine])
                figures = _figures(of(cells[:, mine]), then, shifted[:, mine], of(known))
                yield {"target": name, **dict(zip(by, label, strict=True)), **figures}


def _numbers(target: Target) -> list[tuple[str, Callable[[np.ndarray], np.ndarray]]]:
    """What the figures are of, with names: the values; of labels in no order, being each of those that are shifted."""
    if not target.label_shifts:
        return [(target.name, lambda values: values)]
    values: Any = target.values
    points = dict(zip(values.shown_labels, values.points, strict=True))
    return [
        (f"{target.name}[{label}]", partial(lambda point, values: (values == point).astype(float), points[label]))
        for label in target.label_shifts
    ]


def _cells(result: Result, name: str) -> np.ndarray:
    """Shape (imputation, cell)."""
    kept = {k: leg.kept[k][name] for leg in result.record.legs for k in leg.kept}
    return np.array([np.asarray(kept[k], dtype=float) for k in range(result.m)])


def _shifted(result: Result, resolved: Resolved, target: Target) -> np.ndarray:
    """Which cells the shift moves, bool, shape (imputation, cell)."""
    record = result.record
    kept = {k: leg.kept[k] for leg in record.legs for k in leg.kept}
    found = []
    for k in range(result.m):
        held = {**middles(resolved, record.incomplete), **assumed(resolved, record.incomplete, record.seed, k)}
        cells: Mapping[str, np.ndarray] = {n: np.asarray(v, dtype=float) for n, v in kept[k].items()}
        values = Completed(record.incomplete, resolved.holding(held), cells).values
        column = {d.name: d.neutral for d in resolved.derived}
        moved = [values[name][target.missing_rows] != column[name] for name in target.adjusting]
        # all values are drawn given that they were not selected, or times the model of their being observed
        selected = target.family.selection is not None or target.watched
        found.append(np.any([np.full(len(target.missing_rows), selected), *moved], axis=0))
    return np.array(found)


def _figures(cells: np.ndarray, before: np.ndarray | None, shifted: np.ndarray, known: np.ndarray) -> dict[str, float]:
    imputed, observed = _mean(cells), _mean(known)
    gap = np.nan if before is None else _mean((cells - before)[shifted])
    beyond = (cells < known.min()) | (cells > known.max()) if known.size and cells.size else np.array([])
    return {
        "n_shifted": float(shifted.sum(axis=1).mean()) if shifted.size else 0.0,
        "moved": gap if shifted.any() else 0.0,
        "observed": observed,
        "imputed": imputed,
        "missing_minus_observed": imputed - observed,
        "outside": _mean(beyond),
    }


def _mean(values: np.ndarray) -> float:
    return float(np.mean(values)) if np.size(values) else np.nan
