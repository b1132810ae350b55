"""``bayesimpute pool``: analyses of the completed datasets, tests of one against another, and descriptives."""

import argparse
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

from bayesimpute.base import tables
from bayesimpute.base.errors import InputError, Problem, one
from bayesimpute.cli.inputs import given_settings, option_of
from bayesimpute.cli.saved_runs import finished, keeping, warn_of_chains
from bayesimpute.plan.options import Analysis, AnalysisOptions, settings

if TYPE_CHECKING:
    from bayesimpute.imputed import MultiplyImputed
    from bayesimpute.pooling import Pooled, PooledTest


CONF_LEVEL = 0.95
"""Of the intervals, unless the user says otherwise."""


def pool(arguments: argparse.Namespace) -> int:
    """``bayesimpute pool FILE``."""
    _describing_or_not(arguments)
    if arguments.describe is not None:
        return _described(finished(arguments.file), arguments)
    with keeping(arguments.file) as imputed:
        _pooled(imputed, arguments)
    return 0


def _pooled(imputed: "MultiplyImputed", arguments: argparse.Namespace) -> None:
    chosen = _chosen(imputed, arguments)
    running = {"workers": arguments.workers or 1, "allow_failures": arguments.allow_failures}
    analyses = {a.name: imputed.analyse(a.formula, **running, **a.options) for a in chosen}
    if arguments.against is not None:
        smaller = imputed.analyse(arguments.against, **running, **chosen[0].options)
        use = {} if arguments.use is None else {"use": arguments.use}
        test = analyses[chosen[0].name].test(smaller, method=arguments.method or "D1", dfcom=arguments.dfcom, **use)
        _show_test(chosen[0].formula, arguments, test)
    else:
        wanted = dict(_named(text) for text in arguments.derive or ())
        derived = {n: a.derive(wanted) if wanted else a for n, a in analyses.items()}
        pooled = {n: a.pool(conf_level=arguments.conf_level, dfcom=arguments.dfcom) for n, a in derived.items()}
        _show_all(chosen, pooled, arguments)
    warn_of_chains(imputed, list(analyses.values()))


def _chosen(imputed: "MultiplyImputed", arguments: argparse.Namespace) -> "tuple[Analysis, ...]":
    """The analyses that are asked for: the command line's, or those of the plan."""
    given = given_settings(arguments, AnalysisOptions)
    if arguments.formula is not None:
        return (Analysis(name="formula", formula=arguments.formula, **given),)
    alone = [option_of(f) for f in settings(AnalysisOptions) if f.name in given]
    alone += ["--against"] * (arguments.against is not None)
    if alone:
        raise one(InputError, ", ".join(alone), "it goes with --formula", "give a formula, or leave it out")
    if not imputed.plan.analyses:
        remedy = 'give --formula "y ~ x", or add an [[analysis]] to the plan'
        raise one(InputError, str(arguments.file), "its plan has no [[analysis]], and no formula is given", remedy)
    return imputed.plan.analyses


def _named(text: str) -> tuple[str, str]:
    """``slope = b[x] + b[x:z]`` as a name and an expression; the expression itself if there is no name."""
    name, equals, expression = text.partition("=")
    return (name.strip(), expression.strip()) if equals else (text.strip(), text)


def _show_all(chosen: "Sequence[Analysis]", pooled: "Mapping[str, Pooled]", arguments: argparse.Namespace) -> None:
    if arguments.json:
        objects = {name: each.to_json_dict() for name, each in pooled.items()}
        tables.show_json(next(iter(objects.values())) if len(objects) == 1 else {"analyses": objects})
        return
    for analysis, each in zip(chosen, pooled.values(), strict=True):
        if arguments.latex or arguments.html:
            print(each.to_latex(caption=analysis.formula) if arguments.latex else each.to_html())
        else:
            _show_pooled(analysis.formula if len(chosen) == 1 else f"{analysis.name}: {analysis.formula}", each)


def _show_test(formula: str, arguments: argparse.Namespace, test: "PooledTest") -> None:
    if arguments.json:
        tables.show_json(test.to_json_dict())
    else:
        print(f"{formula}\nagainst {arguments.against}\n{test}")


def _describing_or_not(arguments: argparse.Namespace) -> None:
    """``pool`` takes options of analyses or of descriptives."""
    describing = arguments.describe is not None
    pooling = ("formula", "dfcom", "derive", "against", "method", "use", "allow_failures", "workers", "latex", "html")
    others = pooling if describing else ("by", "weights", "cross")
    values = {f"--{name.replace('_', '-')}": getattr(arguments, name) for name in others}
    given = [option for option, value in values.items() if value is not None and value is not False]
    if describing:
        given = [option_of(f) for f in settings(AnalysisOptions) if getattr(arguments, f.name) is not None] + given
    finding = "this does not go with --describe" if describing else "this goes with --describe"
    remedy = "leave one of the two out" if describing else "add --describe, or leave it out"
    problems = [Problem(path=option, finding=finding, remedy=remedy) for option in given]
    if problems := problems or list(_testing_or_not(arguments)):
        raise InputError(problems)


def _testing_or_not(arguments: argparse.Namespace) -> Iterator[Problem]:
    """``pool`` takes options of a test or of tables."""
    if arguments.against is None:
        given = [f"--{name}" for name in ("method", "use") if getattr(arguments, name) is not None]
        finding, remedy = "this goes with --against", "give the smaller model, or leave it out"
    else:
        given = [f"--{name}" for name in ("derive", "latex", "html") if getattr(arguments, name)]
        given += ["--conf-level"] * (arguments.conf_level != CONF_LEVEL)  # a test has no interval
        finding, remedy = "this does not go with --against", "leave one of the two out"
    if arguments.json and (arguments.latex or arguments.html):
        yield Problem(path="--json", finding="there can be one form of output only", remedy="leave one out")
    yield from (Problem(path=option, finding=finding, remedy=remedy) for option in given)


def _described(imputed: "MultiplyImputed", arguments: argparse.Namespace) -> int:
    """``bayesimpute pool FILE --describe``."""
    found = imputed.describe(
        arguments.describe or None,
        by=arguments.by or (),
        weights=arguments.weights,
        cross=arguments.cross or (),
        conf_level=arguments.conf_level,
    )
    if arguments.json:
        tables.show_json(found.to_json_dict())
    else:
        print(found.title + "\n")
        for title, table in found.tables.items():
            tables.show(table, title)
        print("\n".join(found.messages))
    warn_of_chains(imputed)
    return 0


def _show_pooled(title: str, pooled: "Pooled") -> None:
    print(
        f"{title}\n"
        f"Pooled over m = {pooled.m} completed datasets (Rubin's rules; {100 * pooled.conf_level:g} % intervals)\n"
    )
    tables.show(pooled.terms)
    if len(pooled.variance_components):
        tables.show(pooled.variance_components, "Variance components (means and medians over the datasets)")
        if len(pooled.quantities):
            tables.show(pooled.quantities)
    print("\n".join([pooled.df_note, pooled.m_note, *pooled.messages]) + "\n")
