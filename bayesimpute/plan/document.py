"""Plans as TOML documents.

A document is read leniently: what does not fit the schema is a :class:`~bayesimpute.base.errors.Problem` with its path,
and the rest is still read, so that a user sees every problem at once. The fields of the dataclasses in
:mod:`bayesimpute.plan.plan` are the schema; a family's own options stand beside ``family`` under the names of its
fields.
"""

import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, replace
from typing import Any, Protocol

from bayesimpute.base.errors import InputError, PlanError, Problem, did_you_mean, one
from bayesimpute.base.phrases import listed, names_a_plan, read_the_plan
from bayesimpute.base.priors import Prior
from bayesimpute.data.said_columns import SaidColumn, said_of
from bayesimpute.families import FAMILIES, Family, options
from bayesimpute.plan.assumptions import Adjustment, Assumption, Sensitivity
from bayesimpute.plan.conditional import Conditional, family_name, of_transform, untransformed
from bayesimpute.plan.document_paths import target_in
from bayesimpute.plan.fixed import fixes
from bayesimpute.plan.known_cells import Known
from bayesimpute.plan.options import Analysis, Derived, Estimand, Run, Score, Time, in_document, needed, types_of
from bayesimpute.plan.restrictions import Restriction

SCHEMA = 1


@dataclass(frozen=True)
class Section:
    """Tables of a document with plain fields.

    Parameters
    ----------
    field : str
        Of the plan.
    holds : type
        What a table is: a frozen dataclass.
    named : tuple of str
        What is written though it may be the default.
    """

    field: str
    holds: type
    named: tuple[str, ...] = ()


SECTIONS: Mapping[str, Section] = {
    "derived": Section("derived", Derived),
    "score": Section("scores", Score, named=("score",)),
    "assumption": Section("assumptions", Assumption),
    "adjustment": Section("adjustments", Adjustment),
    "known": Section("known", Known),
    "restriction": Section("restrictions", Restriction),
    "analysis": Section("analyses", Analysis, named=("family",)),
    "estimand": Section("estimands", Estimand, named=("statistic", "target")),
    "sensitivity": Section("sensitivities", Sensitivity, named=("tip",)),
}
"""By the name in documents; to add one, add a field to the plan and a line here."""


class Writable(Protocol):
    """The fields of a plan that a document holds, beside those of :data:`SECTIONS`."""

    @property
    def conditionals(self) -> tuple[Conditional, ...]: ...
    @property
    def substantive(self) -> tuple[Conditional, ...]: ...
    @property
    def columns(self) -> tuple[SaidColumn, ...]: ...
    @property
    def time(self) -> Time | None: ...
    @property
    def run(self) -> Run: ...
    @property
    def title(self) -> str: ...


def write(plan: Writable) -> str:
    """The plan as a TOML document; ``read`` gives an equal plan.

    Raises
    ------
    PlanError
        If something in it is no TOML value; ``check`` says what.
    """
    import tomli_w

    try:
        return tomli_w.dumps(as_document(plan))
    except (TypeError, ValueError, AttributeError) as error:
        raise one(PlanError, "plan", f"it cannot be written as TOML: {error}", "check the plan first") from error


def read(text: str) -> tuple[dict[str, Any], list[Problem]]:
    """The fields of the plan that a TOML document describes, as far as it can be read, and what does not fit the
    schema.
    """
    if names_a_plan(text):
        finding = "the TOML cannot be read: this is the name of a file, and no text of a plan"
        return {}, [Problem(path="plan", finding=finding, remedy=read_the_plan(text))]
    try:
        document = tomllib.loads(text)
    except (ValueError, TypeError, RecursionError) as error:  # numbers of too many digits are plain ValueErrors
        return {}, [Problem(path="plan", finding=f"the TOML cannot be read: {error}", remedy="mend it there")]
    return read_document(document)


def read_document(document: Mapping[str, Any]) -> tuple[dict[str, Any], list[Problem]]:
    """As :func:`read`, of a parsed document."""
    reader = _Reader()
    schema = document.get("schema", SCHEMA)
    if schema != SCHEMA or not isinstance(schema, int) or isinstance(schema, bool):
        remedy = "update bayesimpute" if isinstance(schema, int) and schema > SCHEMA else f"write schema = {SCHEMA}"
        reader.add("schema", f"the document has schema {schema!r}, this version reads {SCHEMA}", remedy)
    reader.known("", document, ["schema", "title", "columns", "run", "time", "substantive", "conditional", *SECTIONS])
    run = reader.table("run", document.get("run", {}))
    reader.known("run.", run, [f.name for f in fields(Run)])
    if isinstance(run.get("visit_sequence"), list):
        run = {**run, "visit_sequence": tuple(map(str, run["visit_sequence"]))}
    title = document.get("title", "")
    if not isinstance(title, str):
        reader.add("title", f"{title!r} is not a text", "put it in quotes")
    return {
        "title": title if isinstance(title, str) else "",
        "run": Run(**{f.name: run[f.name] for f in fields(Run) if f.name in run}),
        "time": reader.simple("time", Time, reader.table("time", document["time"])) if "time" in document else None,
        "columns": said_of(reader.table("columns", document.get("columns", {}))),
        "conditionals": reader.models("conditional", document),
        "substantive": reader.models("substantive", document),
        **{section.field: reader.simples(key, section.holds, document) for key, section in SECTIONS.items()},
    }, reader.problems


@dataclass(frozen=True)
class _Wanted:
    """What a value of a document should be."""

    what: str
    example: str
    types: tuple[type, ...]

    def fits(self, value: Any) -> bool:
        if isinstance(value, Mapping) and dict in self.types:
            return all(isinstance(v, str | list) for v in value.values())
        if isinstance(value, Mapping):
            return Mapping in self.types and all(type(v) in (int, float) for v in value.values())
        if Sequence in self.types:
            return isinstance(value, list) and all(type(v) in (str, int, float) for v in value)
        if isinstance(value, list):
            return list in self.types and all(isinstance(v, str) for v in value)
        return isinstance(value, self.types) and (bool in self.types or not isinstance(value, bool))


_TEXT = _Wanted("a text", '"…"', (str,))
_WANTED: Mapping[frozenset[type], _Wanted] = {
    frozenset({str, float, bool}): _Wanted("a label or a number", '"yes" or 1', (str, int, float, bool)),
    frozenset({float}): _Wanted("a number", "0.5", (int, float)),
    frozenset({str, float}): _Wanted("a number or an expression", '0.5 or "2 * x"', (str, int, float)),
    frozenset({dict}): _Wanted("a table of grids", '{ delta = "-5:5:1" }', (dict,)),
    frozenset({Mapping}): _Wanted("a table of numbers", "{ other = 0.5 }", (Mapping,)),
    frozenset({Sequence}): _Wanted("a list of two numbers or names", '["low", 100]', (Sequence,)),
    frozenset({tuple}): _Wanted("a name or a list of names", '["region", "sex"]', (str, list)),
    frozenset({bool}): _Wanted("true or false", "true", (bool,)),
    frozenset({int}): _Wanted("a whole number", "9", (int,)),
}
"""By the types of a field; else it is a text."""


_PLAIN = tuple(f.name for f in fields(Conditional) if f.name not in ("target", "family", "formulas", "priors", "side"))
"""The fields of a conditional that a document has as they are; None is not written."""


class _Reader:
    """Collects problems while it reads."""

    def __init__(self) -> None:
        self.problems: list[Problem] = []

    def add(self, path: str, finding: str, remedy: str) -> None:
        self.problems.append(Problem(path=path, finding=finding, remedy=remedy))

    def known(self, prefix: str, table: Mapping[str, Any], keys: Sequence[str]) -> None:
        for key in table:
            if key not in keys:
                self.add(
                    f"{prefix}{key}", f'unknown key "{key}"', did_you_mean(key, keys, f"use one of {', '.join(keys)}")
                )

    def table(self, path: str, value: Any) -> Mapping[str, Any]:
        if isinstance(value, Mapping):
            return value
        self.add(path, f"{value!r} is not a table", f"write [{path}]")
        return {}

    def tables(self, key: str, document: Mapping[str, Any]) -> list[Mapping[str, Any]]:
        value = document.get(key, [])
        if isinstance(value, list) and all(isinstance(x, Mapping) for x in value):
            return value
        self.add(key, "it is not a list of tables", f"write [[{key}]]")
        return []

    def models(self, section: str, document: Mapping[str, Any]) -> tuple[Conditional, ...]:
        return tuple(filter(None, (self.model(section, x) for x in self.tables(section, document))))

    def simples(self, key: str, cls: type, document: Mapping[str, Any]) -> tuple[Any, ...]:
        return tuple(filter(None, (self.simple(key, cls, x) for x in self.tables(key, document))))

    def texts(self, path: str, table: Any) -> dict[str, str]:
        table = self.table(path, table)
        for key, value in table.items():
            if not isinstance(value, str):
                self.add(f"{path}.{key}", f"{value!r} is not a text", "put it in quotes")
        return {k: v for k, v in table.items() if isinstance(v, str)}

    def simple(self, key: str, cls: type, table: Mapping[str, Any]) -> Any:
        """A dataclass with plain fields; those without a default are needed."""
        named, types = {f.name: needed(f) for f in in_document(cls)}, types_of(cls)
        path = f"{key}[{table.get('name', table.get('target', '?'))}]" if {"name", "target"} & set(named) else key
        self.known(f"{path}.", table, list(named))
        values = {}
        for name, must in named.items():
            wanted = _WANTED.get(types[name], _TEXT)
            if name in table and wanted.fits(table[name]):
                values[name] = table[name]
            elif name in table or must:
                finding = f"{table[name]!r} is not {wanted.what}" if name in table else "a text is needed here"
                quotes = name in table and wanted is _TEXT
                remedy = f"write {name} = {wanted.example}"
                self.add(f"{path}.{name}", finding, f"put it in quotes: {remedy}" if quotes else remedy)
        return cls(**values) if all(name in values for name, must in named.items() if must) else None

    def model(self, section: str, table: Mapping[str, Any]) -> Conditional | None:
        """A conditional or a substantive model."""
        formula, target = table.get("formula"), table.get("target")
        named = f"{section}[{'?' if target is None else target}]"
        formulas = self.texts(f"{named}.formulas", table.get("formulas", {}))
        if isinstance(formula, str) and "mu" in formulas:
            self.add(f"{named}.formula", "formula and formulas.mu are the same", "write one of them")
        if isinstance(formula, str):
            formulas = {"mu": formula, **formulas}
        if "mu" in formulas:
            formulas["mu"], transform = untransformed(formulas["mu"], table.get("transform"))
            table = table if transform is None else {**table, "transform": transform}
        if target is None and "~" in formulas.get("mu", ""):
            target = target_in(formulas["mu"])
        path = f"{section}[{'?' if target is None else target}]"
        unreadable = formula is not None and not isinstance(formula, str)
        if unreadable:
            self.add(f"{path}.formula", f"{formula!r} is not a text", "put it in quotes")
        if not isinstance(target, str) or not target:
            if target is not None or not unreadable:  # a formula would have named it
                self.add(f"{path}.target", "the target is missing or not a text", 'write target = "y"')
            return None
        return Conditional(
            target=target,
            family=self.family(path, table),
            formulas=formulas,
            priors=self.priors(f"{path}.priors", table.get("priors", {})),
            side=self.texts(f"{path}.side", table.get("side", {})),
            **{name: table[name] for name in _PLAIN if name in table},
        )

    def priors(self, path: str, table: Any) -> dict[str, Prior | float | str]:
        """Distributions; numbers and names, which fix a coefficient, as they are."""
        table = self.table(path, table)
        found = {k: v for k, v in table.items() if not isinstance(v, str) and fixes(v)}
        for name, text in self.texts(path, {k: v for k, v in table.items() if k not in found}).items():
            if fixes(text):
                found[name] = text
                continue
            try:
                found[name] = Prior.parse(text, f'{path}."{name}"')
            except InputError as error:
                self.problems += error.problems
        return {name: found[name] for name in table if name in found}

    def family(self, path: str, table: Mapping[str, Any]) -> str | Family:
        own = {"formula", "transform", *(f.name for f in fields(Conditional))}
        name = table.get("family", "auto")
        if not isinstance(name, str):
            self.add(f"{path}.family", f"{name!r} is no text", 'write a name, such as family = "gaussian"')
            name = "auto"
        if "transform" in table:
            try:
                name = of_transform(table["transform"], name, path.partition("[")[2].rstrip("]"))
            except PlanError as error:
                self.problems += [replace(problem, path=f"{path}.transform") for problem in error.problems]
        cls = FAMILIES.get(name) if isinstance(name, str) else None
        options = _options(cls) if cls else ()
        others = {key: _with_option(key) for key in table if key not in own | set(options)}
        for key, families in others.items():
            if families:
                which = "the family of the data" if name == "auto" else f'family "{name}"'
                finding = f'unknown key "{key}": {which} has no such option'
                remedy = f"it belongs to {listed(families)}; use one of {', '.join(sorted(own | set(options)))}"
                self.add(f"{path}.{key}", finding, remedy)
        self.known(f"{path}.", {k: v for k, v in table.items() if not others.get(k)}, sorted(own | set(options)))
        given = {k: v for k, v in table.items() if k in options and k not in own}
        return cls(**given) if cls and given else name


def _with_option(key: str) -> list[str]:
    """The families that have an option of this name."""
    return [name for name, family in FAMILIES.items() if key in _options(family)]


def _options(family: type[Family]) -> tuple[str, ...]:
    """The names of a family's own options."""
    return tuple(f.name for f in options(family))


def as_document(plan: Writable) -> dict[str, Any]:
    """The plan as plain dicts and lists, in the order of the schema; defaults of the run are written out."""
    run = {f.name: getattr(plan.run, f.name) for f in fields(Run) if getattr(plan.run, f.name) is not None}
    run = {k: list(v) if isinstance(v, tuple) else v for k, v in run.items()}
    document: dict[str, Any] = {"schema": SCHEMA, "title": plan.title, "run": run}
    document |= {} if plan.time is None else {"time": {"subject": plan.time.subject, "order": plan.time.order}}
    document |= {"columns": {each.name: each.written for each in plan.columns}} if plan.columns else {}
    document["substantive"] = [_conditional_document(c) for c in plan.substantive]
    document["conditional"] = [_conditional_document(c) for c in plan.conditionals]
    for key, section in SECTIONS.items():
        document[key] = [_declared(each, section.named) for each in getattr(plan, section.field)]
    return {k: v for k, v in document.items() if v not in ("", [])}


def _declared(value: Any, named: Sequence[str]) -> dict[str, Any]:
    """What differs from the defaults, and what should be named all the same."""
    values = {f.name: (getattr(value, f.name), f.default) for f in in_document(type(value))}
    kept = {k: v for k, (v, default) in values.items() if v != default or k in named}
    kept = {k: dict(v) if isinstance(v, Mapping) else v for k, v in kept.items() if v != {}}
    return {k: list(v) if isinstance(v, tuple) else v for k, v in kept.items()}


def _conditional_document(conditional: Conditional) -> dict[str, Any]:
    family = conditional.family
    document: dict[str, Any] = {"target": conditional.target, "family": family_name(family)}
    if isinstance(family, Family):
        document |= {n: getattr(family, n) for n in _options(type(family)) if getattr(family, n) is not None}
    document |= {"formulas": dict(conditional.formulas)}
    document |= {name: value for name in _PLAIN if (value := getattr(conditional, name)) is not None}
    if conditional.priors:
        document["priors"] = {k: str(v) if isinstance(v, Prior) else v for k, v in conditional.priors.items()}
    if conditional.side:
        document["side"] = dict(conditional.side)
    return document
