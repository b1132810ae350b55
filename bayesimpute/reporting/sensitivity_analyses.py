"""What was assumed of missing values that the data cannot tell, in numbers, and what the answer owes to it."""

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from bayesimpute.base.phrases import listed
from bayesimpute.base.tables import short
from bayesimpute.plan import held_options
from bayesimpute.plan.fixed import asked
from bayesimpute.reporting.citing import see
from bayesimpute.reporting.wording import bullets

if TYPE_CHECKING:
    from bayesimpute.plan.plan import Plan
    from bayesimpute.result.result import Result
    from bayesimpute.sensitivity.sensitivities import Sensitivities


def sensitivity_sections(imputed: "Result", found: "Sensitivities | None") -> dict[str, str]:
    """The sections about assumptions, by title; none where nothing was assumed or varied."""
    sections = {}
    said = [f"{a}." for a in (*imputed.plan.adjustments, *_held(imputed.plan), *imputed.plan.assumptions)]
    if imputed.plan.adjustments:
        text = "Missing values were taken to differ from what their models say of them, by assumption"
        sections["Assumptions"] = f"{text} {see('tompsett2018')}:\n\n{bullets(said)}"
    elif imputed.plan.assumptions:
        sections["Assumptions"] = f"What the data do not tell was assumed:\n\n{bullets(said)}"
    if found is not None:
        sections["Sensitivity"] = "\n\n".join(_about(found))
    return sections


def _held(plan: "Plan") -> Iterator[str]:
    """What of the models is held at an assumption."""
    known = {a.name for a in plan.assumptions}
    for model in plan.models:
        for what, name in (*asked(model).items(), *held_options.named(model).items()):
            if name in known:
                yield f"`{what}` of the model of {model.target} is {name}"


def _about(found: "Sensitivities") -> Iterator[str]:
    level = f"{100 * found.conf_level:g} %"
    for name, axes in found.axes.items():
        mine = found.about(name)
        ends = [f"`{axis}` from {short(min(mine.table[axis]))} to {short(max(mine.table[axis]))}" for axis in axes]
        yield f"**{name}** was computed again with {listed(ends)} ({level} intervals). {_range(mine)}".strip()
        said = [_tip(row) for row in mine.tips.to_dict("records")]
        if said:
            yield bullets(said)
    if found.messages:
        yield bullets(found.messages)


def _range(found: "Sensitivities") -> str:
    """How far the estimates go, where there is one of each point."""
    table: Any = found.table
    if "estimate" not in table or table["estimate"].isna().all():
        return ""
    if "term" in table and table["term"].nunique() > 1:
        return f"It has {table['term'].nunique()} terms; see the table."
    return f"The estimate goes from {short(table['estimate'].min())} to {short(table['estimate'].max())}."


def _tip(row: Mapping[Any, Any]) -> str:
    error, gap = row.get("mc_error", np.nan), row.get("missing_minus_observed", np.nan)
    text = str(row["message"])
    if np.isfinite(error):
        text += f" (Monte Carlo error {short(error)})"
    if np.isfinite(gap):
        text += f"; missing less observed values are there {short(gap)} on average"
    return text + "."
