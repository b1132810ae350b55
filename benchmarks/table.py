"""The benchmark table (`make bench`): runs the works, prints what they took beside their targets, writes JSON.

    python benchmarks/table.py --only popmis brandsma
    python benchmarks/table.py --against .benchmarks/0123abc.json

A time is a property of a machine as it was: it goes with the machine's name and with the load average before each work,
and no test asserts one. R's figures are measured here too, where ``Rscript`` finds mice, pan or jomo.
"""

import argparse
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent))  # as pytest does

import figures
import rivals
import visits
import whole
import works
from goals import FULL_ROWS, GOALS, amount, digits
from rich.console import Console
from rich.table import Table

NUTS_ONLY = "only NUTS draws from the model of {targets}: {work} is run without its missing cells; --nuts-large"
BUDGET = {"small": 2.0, "large": 4.0}
"""Seconds for each measurement of visits."""


def small(name: str) -> Callable[[argparse.Namespace, list[str]], dict[str, Any]]:
    """Visits on one of the public data sets."""
    return lambda asked, notes: {
        "targets": visits.time_visits(works.SMALL[name](), budget=BUDGET["small"], nuts=not asked.no_nuts)
    }


def large(asked: argparse.Namespace, notes: list[str]) -> dict[str, Any]:
    """Visits on the generated work."""
    work = works.generated(works.LARGE, binary=with_binary("large", asked, notes))
    return {"targets": visits.time_visits(work, budget=BUDGET["large"], nuts=asked.nuts_large)}


def whole_popncr(asked: argparse.Namespace, notes: list[str]) -> dict[str, Any]:
    """The whole process on popNCR."""
    return whole.time_popncr()


def curve(asked: argparse.Namespace, notes: list[str]) -> dict[str, Any]:
    """A sensitivity analysis over many shifts."""
    return whole.time_curve()


def columns(asked: argparse.Namespace, notes: list[str]) -> dict[str, Any]:
    """A plan from very many columns, and its run."""
    return whole.time_columns()


def million(asked: argparse.Namespace, notes: list[str]) -> dict[str, Any]:
    """The whole process on generated data."""
    return whole.time_rows(asked.rows, asked.workers, binary=with_binary("million", asked, notes))


def growth(asked: argparse.Namespace, notes: list[str]) -> dict[str, Any]:
    """Visits at several sizes, as far as the size asked for."""
    binary = with_binary("growth", asked, notes)
    sizes = [size for size in works.GROWTH if size <= max(asked.rows, works.GROWTH[0])]
    return visits.growth(lambda rows: works.generated(rows, binary=binary), sizes)


def with_binary(name: str, asked: argparse.Namespace, notes: list[str]) -> bool:
    """Whether the binary target takes part in a large work: a compiled sampler draws from it, or NUTS is asked to."""
    targets = [] if asked.nuts_large else visits.only_nuts(works.generated(whole.TINY))
    if targets:
        notes.append(NUTS_ONLY.format(targets=", ".join(targets), work=name))
    return not targets


RUNS: Mapping[str, Callable[[argparse.Namespace, list[str]], dict[str, Any]]] = {
    **{name: small(name) for name in works.SMALL},
    "large": large,
    "whole-popncr": whole_popncr,
    "curve": curve,
    "columns": columns,
    "million": million,
    "growth": growth,
}
"""What ``--only`` takes, in the order in which the works are run."""


def measure(asked: argparse.Namespace) -> dict[str, Any]:
    """Run what was asked for."""
    names = list(asked.only or RUNS)
    found = figures.new({key: str(value) for key, value in vars(asked).items()})
    for name in names:
        load = figures.load()
        print(f"{name} (load average {'unknown' if load is None else f'{load:.2f}'})", file=sys.stderr, flush=True)
        try:
            found["works"][name] = {**RUNS[name](asked, found["notes"]), "load": load}
        except RuntimeError as error:  # a run of hours keeps what it has
            found["notes"].append(f"{name}: {error}")
    if not asked.no_r:
        found["versions"] |= rivals.installed()
        found["rivals"] = rivals.time_rivals(names, large=asked.r_large)
    return found


def goal_table(found: Mapping[str, Any]) -> Table:
    """What the works took beside their targets."""
    table = Table("work", "target", "ours", "", "R, here", title=f"Benchmarks at {found['commit']}")
    for goal in (goal for goal in GOALS if goal.work in found["works"]):
        value = goal.figure(found)
        ours = "-" if value is None else amount(value, goal.unit)
        table.add_row(goal.label, goal.target(), ours, goal.verdict(found), goal.of_r(found))
    return table


def visit_table(found: Mapping[str, Any]) -> Table:
    """Every target's visits: inner steps, milliseconds, effective draws of the slowest parameter a CPU second."""
    heads = ("work", "target", "sampler", "inner steps", "to forget", "ms, 1 step", f"ms, {visits.MORE} steps")
    more = ("ms a sweep more", "ms, a visit that forgets", "draws/s, Gibbs", "draws/s, NUTS")
    table = Table(*heads, *more, title="Visits, CPU time")
    for name, work in found["works"].items():
        for target, t in work.get("targets", {}).items():
            table.add_row(name, target, t["sampler"], str(t["steps"]), str(t["forgetting"]), *_times(t), *_rates(t))
    return table


def _times(t: Mapping[str, Any]) -> list[str]:
    return [digits(ms) for ms in (t["one"]["cpu"], t["more"]["cpu"], t["sweep"], t["forgets"]["cpu"])]


def _rates(t: Mapping[str, Any]) -> list[str]:
    compiled = [rate for sampler, rate in t["rates"].items() if sampler != "nuts"]
    return [digits(rate) if rate is not None else "-" for rate in ([*compiled, None][0], t["rates"].get("nuts"))]


def whole_lines(found: Mapping[str, Any]) -> list[str]:
    """What there is to say of the whole runs beside the table."""
    lines, popncr, run = [], found["works"].get("whole-popncr"), found["works"].get("million")
    if popncr:
        lines.append(
            f"popNCR: {popncr['wall']:.2f} s ({popncr['cpu']:.2f} of CPU), impute {popncr['impute_wall']:.2f}; "
            f'python -c "import bambi" alone {popncr["import_bambi"]:.2f} s'
        )
    if run:
        steps = ", ".join(f"{target} {what}" for target, what in run["steps"].items())
        lines.append(
            f"n = {run['rows']:,}, {run['workers']} workers: data generated in {run['generate_wall']:.1f} s, "
            f"imputed in {run['impute_wall']:.1f} s ({run['impute_cpu']:.1f} of CPU); {steps}"
        )
        lines += memory_lines(run)
    return lines


def memory_lines(run: Mapping[str, Any]) -> list[str]:
    """The memory of a whole run in MiB, and what of it does not grow with the data."""
    if not run["peak_bytes"]:
        return []
    more, data = run["peak_bytes"] - run["base_bytes"], run["data_bytes"]
    mebibytes = [f"{size / 2**20:.0f} MiB" for size in (more, data, run["fixed_bytes"])]
    return ["its memory: {} for {} of data; {} of it a run of {} rows takes too".format(*mebibytes, whole.TINY)]


def ratio_table(found: Mapping[str, Any], before: Mapping[str, Any]) -> Table:
    """These figures beside earlier ones."""
    table = Table("figure", f"at {before['commit']}", f"at {found['commit']}", "ratio", title="Against earlier figures")
    for path, old, now, ratio in figures.ratios(found, before):
        table.add_row(path, digits(old), digits(now), f"{ratio:.2f}")
    return table


def show(found: Mapping[str, Any], before: Mapping[str, Any] | None, console: Console) -> None:
    """Print all that was found."""
    machine = found["machine"]
    console.print(goal_table(found))
    if any(work.get("targets") for work in found["works"].values()):
        console.print(visit_table(found))
    if before is not None:
        console.print(ratio_table(found, before))
    loads = ", ".join(f"{name} {w['load']:.2f}" for name, w in found["works"].items() if w.get("load") is not None)
    where = f"{machine['cpus']} x {machine['processor']}; load before: {loads}"
    for line in (*whole_lines(found), *found["notes"], where):
        console.print(line, markup=False, highlight=False)


def arguments(given: Sequence[str] | None = None) -> argparse.Namespace:
    """What is asked for on the command line."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--only", nargs="+", choices=list(RUNS), metavar="NAME", help=f"of {', '.join(RUNS)}")
    parser.add_argument("--rows", type=int, default=FULL_ROWS, help="of the largest run, and of growth at most")
    parser.add_argument("--workers", type=int, default=2, help="of the largest run")
    parser.add_argument("--json", type=Path, help="where the figures go; .benchmarks/COMMIT.json by default")
    parser.add_argument("--against", type=Path, metavar="FILE", help="earlier figures to compare with")
    parser.add_argument("--r-large", action="store_true", help="R's slow methods at n = 100,000 too")
    parser.add_argument("--nuts-large", action="store_true", help="NUTS on generated data too: minutes, or hours")
    parser.add_argument("--no-nuts", action="store_true", help="no rates of NUTS where another sampler serves")
    parser.add_argument("--no-r", action="store_true", help="nothing in R")
    return parser.parse_args(given)


def main(given: Sequence[str] | None = None) -> None:
    """Measure, print, write."""
    asked = arguments(given)
    before = figures.read(asked.against) if asked.against else None
    found = measure(asked)
    path = asked.json or figures.path_for(found, asked.only or ())
    figures.write(found, path)
    console = Console()
    show(found, before, console if console.is_terminal else Console(width=180))
    print(f"written to {path}")


if __name__ == "__main__":
    main()
