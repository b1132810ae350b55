"""A suggested plan as a TOML document with a comment for every choice."""

import json
import textwrap
from collections.abc import Iterable, Sequence

from bayesimpute.base.priors import Prior
from bayesimpute.families import Family, options
from bayesimpute.plan.conditional import Conditional, family_name
from bayesimpute.plan.document import SCHEMA
from bayesimpute.plan.known_cells import Known
from bayesimpute.plan.options import Analysis, Run, in_document
from bayesimpute.plan.plan import Plan
from bayesimpute.suggesting.suggested_model import Model

WIDTH = 118


def document(plan: Plan, *, opening: Sequence[str], sections: Sequence[tuple[str, Sequence[Model]]]) -> str:
    """The plan with comments: `opening` above it, and each model under its own."""
    lines = [*comments(opening), f"schema = {SCHEMA}", f"title = {text(plan.title)}"]
    lines += _run(plan.run)
    if plan.columns:
        lines += ["", *comments(["What columns are where their types do not say it."]), "[columns]"]
        lines += [f"{text(each.name)} = {_said(each.written)}" for each in plan.columns]
    for section, models in sections:
        for model in models:
            lines += ["", *comments(model.notes), f"[[{section}]]", *_conditional(model.conditional, model.reason)]
    for each in plan.known:
        lines += ["", *comments(["What is known of its missing cells."]), "[[known]]", *_known(each)]
    for each in plan.restrictions:
        notes = ["What is observed never breaks it: no draw does."]
        lines += ["", *comments(notes), "[[restriction]]", f"rule = {text(each.rule)}"]
    for score in plan.scores:
        notes = ["It stands for its items in the models of others; those of the items read the other items."]
        lines += ["", *comments(notes), "[[score]]", f"name = {text(score.name)}"]
        lines += [f"items = [{', '.join(map(text, score.items))}]", f"score = {text(score.score)}"]
    for analysis in plan.analyses:
        notes = ["What `bayesimpute pool` fits to each completed dataset."]
        lines += ["", *comments(notes), "[[analysis]]", *_analysis(analysis)]
    return "\n".join(lines) + "\n"


def _known(known: Known) -> list[str]:
    column = f"column = {text(known.column)}"
    if known.between is None:
        return [column, f"among = {text(str(known.among))}"]
    ends = (text(end) if isinstance(end, str) else repr(float(end)) for end in known.between)
    return [column, f"between = [{', '.join(ends)}]"]


def _run(run: Run) -> list[str]:
    """What a suggestion says of the run: the order of visits, or how long."""
    if run.visit_sequence is not None:
        return [
            "",
            *comments(["Level-1 variables first, then level-2, each with the fewest missing cells first."]),
            *comments(["Cluster means and interactions follow at once whatever was drawn: they need no visit."]),
            "[run]",
            f"visit_sequence = [{', '.join(map(text, run.visit_sequence))}]",
        ]
    if run == Run():
        return []
    why = (
        "With so many cells a sweep takes seconds: `diagnose` tells whether these were enough, and `extend` makes more."
    )
    return ["", *comments([why]), "[run]", f"warmup = {run.warmup}", f"sweeps = {run.sweeps}"]


def comments(lines: Iterable[str]) -> list[str]:
    """Lines as comments: no text, whatever columns are called, can end one."""
    found: list[str] = []
    for line in lines:
        found += textwrap.wrap(_plain(line), WIDTH, break_long_words=False, break_on_hyphens=False) or [""]
    return [f"# {line}".rstrip() for line in found]


def _plain(line: str) -> str:
    return "".join(c if c.isprintable() else " " for c in line)


def text(value: str) -> str:
    """A TOML string; in single quotation marks where that saves backslashes."""
    if '"' in value and "'" not in value and value.isprintable():
        return f"'{value}'"
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")


def _conditional(model: Conditional, reason: str) -> list[str]:
    family = model.family
    why = f"  # {_plain(reason)}" if reason else ""
    lines = [f"target = {text(model.target)}", f"family = {text(family_name(family))}{why}"]
    if isinstance(family, Family):
        given = [(f.name, getattr(family, f.name)) for f in options(family)]
        lines += [f"{name} = {_value(value)}" for name, value in given if value is not None]
    lines += [f"level = {text(model.level)}"] if model.level is not None else []
    only = set(model.formulas) == {"mu"}
    lines += [f"{'formula' if only else f'formulas.{k}'} = {text(v)}" for k, v in model.formulas.items()]
    priors = {k: _value(str(v) if isinstance(v, Prior) else v) for k, v in model.priors.items()}
    return [*lines, *(f"priors.{text(k)} = {v}" for k, v in priors.items())]


def _analysis(analysis: Analysis) -> list[str]:
    kept = [f for f in in_document(type(analysis)) if getattr(analysis, f.name) != f.default or f.name == "family"]
    return [f"{f.name} = {_value(getattr(analysis, f.name))}" for f in kept]


def _value(value: object) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, tuple):
        return f"[{', '.join(map(_value, value))}]"
    return text(value) if isinstance(value, str) else repr(value)


def _said(written: str | dict[str, list[str]]) -> str:
    if isinstance(written, str):
        return text(written)
    return f"{{ {', '.join(f'{kind} = [{", ".join(map(text, labels))}]' for kind, labels in written.items())} }}"
