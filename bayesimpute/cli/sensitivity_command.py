"""``bayesimpute sensitivity``: answers of a saved run under other assumptions."""

import argparse
import json
from pathlib import Path
from typing import Any

from bayesimpute.base import tables
from bayesimpute.base.errors import FileError, InputError, one
from bayesimpute.base.saving import atomic
from bayesimpute.cli.inputs import given_settings, writable
from bayesimpute.cli.saved_runs import finished, warn_of_chains
from bayesimpute.plan.assumptions import Adjustment, Sensitivity
from bayesimpute.sensitivity.sensitivities import Sensitivities

JSON = {".json": "JSON"}
"""The ending of what ``--out`` writes and ``report --with`` reads."""


def sensitivity(arguments: argparse.Namespace) -> int:
    """``bayesimpute sensitivity FILE``."""
    out = None if arguments.out is None else Path(arguments.out)
    if out is not None and (problems := writable([out], force=arguments.force, known=JSON)):
        raise FileError(problems)
    if arguments.plot is not None:
        from bayesimpute.plotting.plots import make_folder

        make_folder(Path(arguments.plot))
    over = dict(_pair(text, "=", "--over", "delta=-5:5:1") for text in arguments.over or ()) or None
    imputed = finished(arguments.file)
    found = imputed.sensitivity(
        arguments.name if arguments.of is None else arguments.of,
        over=None if over is None else {name: _grid(text) for name, text in over.items()},
        adjustments=_adjustments(arguments),
        conf_level=arguments.conf_level,
        by=arguments.by,
        refit=not arguments.no_refit,
        seed=arguments.seed,
        workers=arguments.workers,
        progress=not arguments.no_progress,
        **given_settings(arguments, Sensitivity),
    )
    _shown(found, arguments)
    if out is not None:
        with atomic(out, force=arguments.force) as temporary:
            temporary.write_text(json.dumps(found.to_json_dict(), indent=1), encoding="utf-8")
        tables.say(out)
    for path in _plotted(found, arguments):
        tables.say(path)
    warn_of_chains(imputed)
    return 0


def read(path: str) -> Sensitivities:
    """What ``--out`` has written.

    Raises
    ------
    FileError, InputError
        If the file cannot be read, or is something else.
    """
    try:
        found = json.loads(Path(path).read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise one(FileError, path, "there is no such file", "give what bayesimpute sensitivity --out made") from error
    except (OSError, ValueError, RecursionError) as error:
        remedy = "give what bayesimpute sensitivity --out made"
        raise one(FileError, path, "it cannot be read as JSON", remedy) from error
    if not isinstance(found, dict):
        raise one(FileError, path, "these are no sensitivity analyses", "give what bayesimpute sensitivity --out made")
    return Sensitivities.from_json_dict(found)


def _shown(found: Sensitivities, arguments: argparse.Namespace) -> None:
    if arguments.json:
        tables.show_json(found.to_json_dict())
    elif arguments.latex:
        print(found.to_latex())
    else:
        for title, table in found.tables.items():
            tables.show(table, title)
        print("\n".join(found.messages))


def _plotted(found: Sensitivities, arguments: argparse.Namespace) -> list[Path]:
    if arguments.plot is None:
        return []
    from bayesimpute.plotting.sensitivity_plots import plot_sensitivities

    return plot_sensitivities(found, arguments.plot, force=arguments.force)


def _pair(text: str, mark: str, option: str, example: str) -> tuple[str, str]:
    name, found, value = text.partition(mark)
    if not found or not name.strip() or not value.strip():
        raise one(InputError, option, f'"{text}" has no {mark}', f"write {option} {example}")
    return name.strip(), value.strip()


def _grid(text: str) -> Any:
    """A range as it is, a list of numbers split at its commas."""
    return text if ":" in text else [part.strip() for part in text.strip("[]").split(",")]


def _adjustments(arguments: argparse.Namespace) -> list[Adjustment]:
    pairs = [_pair(text, ":", "--adjust", '"y: delta"') for text in arguments.adjust or ()]
    options = {name: getattr(arguments, name) for name in ("scale", "where", "label")}
    if not pairs and (given := [f"--{name}" for name, value in options.items() if value is not None]):
        raise one(InputError, ", ".join(given), "this goes with --adjust", 'write --adjust "y: delta"')
    more = {name: value for name, value in options.items() if value is not None}
    return [Adjustment(target=target, shift=shift, **more) for target, shift in pairs]
