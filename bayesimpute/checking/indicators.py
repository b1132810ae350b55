"""Models of ``observed(y)``: data with a column of each, so that they are looked at like any other variable."""

from collections.abc import Iterable
from dataclasses import replace

from bayesimpute.base.errors import Problem
from bayesimpute.checking.notes import Notes
from bayesimpute.checking.readings import Read
from bayesimpute.checking.timing import visits_usable
from bayesimpute.data.incomplete import Incomplete
from bayesimpute.formulas import quote
from bayesimpute.plan.options import Time
from bayesimpute.plan.resolving import column_of, indicated


def with_columns(data: Incomplete, targets: Iterable[str], time: Time | None) -> Incomplete:
    """The data with a complete yes/no column for each target that is an indicator."""
    columns, variables = dict(data.columns), dict(data.variables)
    for name in targets:
        about = indicated(name)
        ready = not name.startswith("dropout(") or visits_usable(time, data)
        if about is not None and about in data.columns and name not in data.columns and ready:
            columns[name] = column_of(name, data, time)
            every = {"n_observed": len(data.frame), "n_missing": 0, "pattern": "complete", "icc": None}
            variables[name] = replace(data.variables[about], name=name, kind="yes/no", labels=(), **every)
    return replace(data, columns=columns, variables=variables)


def problems(read: Read, data: Incomplete) -> list[Problem]:
    """Models of being observed that no draw would read, or that read what they are about."""
    notes = Notes()
    for reading in read.conditionals:
        about = indicated(reading.target)
        if about is None or about not in data.columns:
            continue
        if not reading.path.startswith("substantive["):
            finding = f"a conditional is of what is imputed, and {reading.target} is known"
            remedy = f"make it a [[substantive]] model: its density multiplies into the draws of {quote(about)}"
            notes.add(reading.path, finding, remedy)
        elif not data.columns[about].missing.any():
            notes.add(reading.path, f'"{about}" is complete: it is always observed', "leave the model out")
        for name, use in reading.uses.items():
            if about in use.masks:
                finding = f"it contains its own target {reading.target}"
                notes.add(f"{reading.path}.formulas.{name}", finding, "leave it out")
    return notes.problems
