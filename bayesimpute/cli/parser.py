"""The command line: parse, call the public function, print. No statistics.

Only the parser lives here, so that ``bayesimpute --help`` takes no time; each command is a function of the parsed
arguments in :mod:`bayesimpute.cli.commands`, which loads what it needs. Exit codes: 0 done, 1 the input is at fault
(with a message), 2 usage, 3 done but not converged, 4 only nearly (impute, resume and diagnose), 130 stopped by Ctrl-C.

To add a command, write its function there and add a parser in :func:`_parser`.
"""

import argparse
import errno
import os
import sys
from collections.abc import Sequence
from typing import Any

from bayesimpute.base.errors import TOLD, BayesimputeError, InputError, Interrupted
from bayesimpute.base.phrases import listed
from bayesimpute.cli.argument_types import column, known, natural, positive, score, setting
from bayesimpute.plan.assumptions import Adjustment, Sensitivity
from bayesimpute.plan.options import AnalysisOptions, Estimand, settings, types_of

DONE, INPUT, USAGE, UNCONVERGED, PIPE, STOPPED = 0, 1, 2, 3, 141, 130
EPILOG = """\
example:
  bayesimpute describe popmis --cluster school
  bayesimpute suggest --data popmis --analysis "popular ~ sex * texp + (1 + sex | school)" > plan.toml
  bayesimpute impute --formula "popular ~ sex * texp + (1 + sex | school)" --data popmis --seed 1 --out popmis.nc
  bayesimpute pool popmis.nc --formula "popular ~ sex * texp + (1 + sex | school)"

exit codes: 0 done, 1 input at fault, 2 usage, 3 done but not converged, 4 nearly converged, 130 stopped by Ctrl-C
"""


def main(argv: Sequence[str] | None = None) -> int:
    """Run a command and return its exit code.

    Parameters
    ----------
    argv : sequence of str, optional
        The arguments; by default those of the process.
    """
    try:
        return _flushed(_run(argv))
    except BrokenPipeError:  # the reader of our output has seen enough
        _discard_output()
        return PIPE
    except OSError as error:
        return _unwritable(error)
    except BayesimputeError as error:
        print(_told(error), file=sys.stderr)
        return STOPPED if isinstance(error, Interrupted) else INPUT
    except KeyboardInterrupt:
        print("Stopped.", file=sys.stderr)
        return STOPPED


def _run(argv: Sequence[str] | None) -> int:
    try:
        arguments = _parser().parse_args(argv)
    except SystemExit as end:  # how argparse ends: after help or version, or with usage
        return int(end.code or 0)
    from bayesimpute.cli import commands

    return getattr(commands, arguments.command)(arguments)


def _told(error: BayesimputeError) -> str:
    if isinstance(error, Interrupted):
        return str(error)
    if not isinstance(error, InputError):
        return f"error: {error}"
    return listed((f"{p.severity}: {p}" for p in error.problems), TOLD, mark="\n")


def _flushed(code: int) -> int:
    """Write out what was printed, as long as it can still be told that this failed."""
    sys.stdout.flush()
    return code


def _unwritable(error: OSError) -> int:
    """Standard output is on a full disk; files of our own tell this with a FileError."""
    if error.errno not in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO):
        raise error
    _discard_output()
    print(f"error: the output cannot be written ({error.strerror})", file=sys.stderr)
    return INPUT


def _discard_output() -> None:
    """Python flushes standard output once more at its end: let that go nowhere."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


class _Version(argparse.Action):
    """Looks the version up only when asked."""

    def __init__(self, option_strings: Sequence[str], dest: str, **options: Any) -> None:
        super().__init__(option_strings, dest, nargs=0, **options)

    def __call__(self, parser: argparse.ArgumentParser, *rest: Any) -> None:
        from importlib.metadata import version

        print(f"bayesimpute {version('bayesimpute')}")
        parser.exit()


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="bayesimpute",
        description="Multiple imputation of incomplete multilevel data with Bayesian hierarchical models.",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    parser.add_argument("--version", action=_Version, help="show the version and exit")
    commands = parser.add_subparsers(dest="command", metavar="command", required=True)
    _demo(_command(commands, "demo", "the main job on embedded data with known truth"))
    _describe(_command(commands, "describe", "variables, levels and patterns of missing values"))
    _suggest(
        _command(
            commands, "suggest", "write a plan from the analysis or the data alone, with a comment for every choice"
        )
    )
    _check(_command(commands, "check", "every problem of a plan with the data at once; exit 1 if any is an error"))
    _impute(_command(commands, "impute", "impute data by a plan, by formulas, or each variable from those that matter"))
    _resume(_command(commands, "resume", "go on from a checkpoint"))
    _diagnose(_command(commands, "diagnose", "whether the chains have converged"))
    _pool(_command(commands, "pool", "analyse the completed datasets and pool the estimates"))
    _estimate(_command(commands, "estimate", "means, proportions and quantiles by groups, with survey weights"))
    _identify(_command(commands, "identify", "whether selection models are identified, and what the estimate rests on"))
    _sensitivity(_command(commands, "sensitivity", "answers under other assumptions about what is missing, and tips"))
    _report(_command(commands, "report", "a methods section with the numbers of the run, and what to cite"))
    _export(_command(commands, "export", "write the completed datasets under each other (.imp, .id first)"))
    _plot(_command(commands, "plot", "traces, ranks, densities and strips as PNG files"))
    return parser


def _command(commands: Any, name: str, about: str) -> argparse.ArgumentParser:
    return commands.add_parser(name, help=about, description=f"{about[0].upper()}{about[1:]}.", allow_abbrev=False)


def _demo(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--out", metavar="DIR", default="demo", help="folder for data, plan, result and plots (%(default)s)"
    )
    parser.add_argument("--seed", metavar="N", type=natural, default=1, help="of data and imputations (%(default)s)")
    _no_progress(parser)


def _describe(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("data", metavar="DATA", help="a .csv, .parquet, .dta or .sav file, or a data set's name")
    _missing(parser)
    parser.add_argument("--cluster", metavar="KEY", action="append", default=[], help="a cluster key; may be repeated")
    parser.add_argument("--all", action="store_true", help="every variable, pattern and remark, however many there are")
    _json(parser)


def _suggest(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--data", metavar="DATA", required=True, help="a data file, or a data set's name")
    _missing(parser)
    _columns(parser)
    parser.add_argument(
        "--analysis", metavar="F", action="append",
        help='what the completed data are analysed with: "y ~ x + (1 | g)"; may be repeated (any analysis)',
    )  # fmt: skip
    parser.add_argument(
        "--mode", metavar="NAME", help="compatible, fcs or sparse (compatible; without an analysis sparse)"
    )
    parser.add_argument(
        "--auxiliary", metavar="NAME", nargs="+", action="extend",
        help="variables outside of the analysis that help to impute; auto looks for them",
    )  # fmt: skip
    parser.add_argument(
        "--cluster", metavar="KEY", nargs="+", action="extend", default=[],
        help="cluster keys beside those of the analysis",
    )  # fmt: skip
    parser.add_argument(
        "--least", metavar="X", type=float, help="mode sparse: the least association that makes a predictor (0.1)"
    )
    parser.add_argument("--most", metavar="N", type=int, help="mode sparse: predictors of a variable at most (15)")
    for name, about in (("include", "every variable"), ("exclude", "none")):
        parser.add_argument(
            f"--{name}", metavar="NAME", nargs="+", action="extend", help=f"mode sparse: columns that predict {about}"
        )
    parser.add_argument(
        "--score", metavar="NAME: ITEMS", action="append", default=[], type=score,
        help='mode sparse: a score of items, "pain: sum of p1 p2 p3" or "mean of"; may be repeated',
    )  # fmt: skip


def _check(parser: argparse.ArgumentParser) -> None:
    _plan(parser)
    parser.add_argument(
        "--samplers", action="store_true", help="also say which sampler each model gets, and why (takes some seconds)"
    )
    _json(parser)


def _impute(parser: argparse.ArgumentParser) -> None:
    _plan(parser, required=False)
    parser.add_argument(
        "--cluster", metavar="KEY", nargs="+", action="extend", default=[],
        help="cluster keys, without a plan: every variable is imputed from those that matter (as by suggest)",
    )  # fmt: skip
    parser.add_argument(
        "--seed", metavar="N", type=natural, required=True, help="a whole number; the result follows from it"
    )
    parser.add_argument("--out", metavar="FILE", required=True, help="where the result goes: .nc or .zarr")
    parser.add_argument("--workers", metavar="N", type=positive, help="processes (1)")
    parser.add_argument("--checkpoint", metavar="FILE", help="keep the run here, also after success, as .nc or .zarr")
    _force(parser)
    _no_progress(parser)
    _json(parser)


def _resume(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("file", metavar="FILE", help="the checkpoint")
    parser.add_argument("--data", metavar="DATA", help="the data, to make sure that they have not changed")
    _missing(parser)
    parser.add_argument("--out", metavar="FILE", help="where the result goes: .nc or .zarr (the checkpoint itself)")
    parser.add_argument("--workers", metavar="N", type=positive, help="processes (1)")
    _force(parser)
    _no_progress(parser)
    _json(parser)


def _diagnose(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("file", metavar="FILE", help="what impute has made")
    parser.add_argument(
        "--no-analyses", action="store_true", help="the plan's analyses are not fitted, only the chains judged"
    )
    _json(parser)


def _pool(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("file", metavar="FILE", help="what impute has made")
    parser.add_argument("--formula", metavar="F", help="the model of interest (every [[analysis]] of the plan)")
    _settings(parser, AnalysisOptions, "with --formula: ")
    parser.add_argument(
        "--derive", metavar="NAME=EXPR", action="append",
        help='instead of the coefficients, functions of them: "after 5=b[texp] + 5 * b[sex:texp]"; may be repeated',
    )  # fmt: skip
    parser.add_argument("--against", metavar="F", help="with --formula: test it against this smaller model")
    parser.add_argument("--method", metavar="NAME", help="of that test: D1, D2, D3 or D4 (D1)")
    parser.add_argument("--use", metavar="NAME", help="for D2: wald, likelihood or score (wald)")
    parser.add_argument("--allow-failures", action="store_true", help="leave out datasets on which the analysis fails")
    parser.add_argument("--workers", metavar="N", type=positive, help="processes for the fits (1)")
    shown = parser.add_mutually_exclusive_group()
    shown.add_argument("--latex", action="store_true", help="print LaTeX tables")
    shown.add_argument("--html", action="store_true", help="print HTML tables")
    parser.add_argument("--dfcom", metavar="X", type=float, help="complete-data degrees of freedom")
    parser.add_argument(
        "--describe", metavar="VARIABLE", nargs="*",
        help="instead: means, SDs, quantiles, correlations and frequencies of these variables (all)",
    )  # fmt: skip
    parser.add_argument("--by", metavar="NAME", action="append", help="groups, with --describe; may be repeated")
    parser.add_argument("--weights", metavar="NAME", help="the column with the weights, with --describe")
    parser.add_argument(
        "--cross", metavar=("A", "B"), nargs=2, action="append",
        help="a cross table of two variables, with --describe; may be repeated",
    )  # fmt: skip
    parser.add_argument(
        "--conf-level", metavar="P", type=float, default=0.95, help="level of the intervals (%(default)s)"
    )
    _json(parser)


def _estimate(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("file", metavar="FILE", help="what impute has made")
    parser.add_argument("--variable", metavar="NAME", help="the variable (every [[estimand]] of the plan)")
    _settings(parser, Estimand)
    parser.add_argument("--mar", metavar="FILE", help="a run without selection equations, made before")
    parser.add_argument(
        "--conf-level", metavar="P", type=float, default=0.95, help="level of the intervals (%(default)s)"
    )
    parser.add_argument("--workers", metavar="N", type=positive, help="processes for --compare (1)")
    _no_progress(parser)
    _json(parser)


def _identify(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("file", metavar="FILE", help="what impute has made, with a selection model")
    parser.add_argument("--target", metavar="NAME", action="append", help="a target (all with a selection model)")
    parser.add_argument("--no-refit", action="store_true", help="nothing is fitted anew; such rows stay empty")
    parser.add_argument("--seed", metavar="N", type=natural, help="of the refits (that of the run)")
    parser.add_argument("--workers", metavar="N", type=positive, help="processes for the refits (1)")
    parser.add_argument("--plot", metavar="DIR", help="also write a PNG file a target into this folder")
    _force(parser)
    _no_progress(parser)
    _json(parser)


def _sensitivity(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("file", metavar="FILE", help="what impute has made")
    what = parser.add_mutually_exclusive_group()
    what.add_argument("--name", metavar="NAME", help="a [[sensitivity]] of the plan (all of them)")
    what.add_argument("--of", metavar="WHAT", help="instead: an analysis or estimand of the plan, or a formula")
    parser.add_argument(
        "--over", metavar="NAME=GRID", action="append",
        help="what is varied: an assumption or a path of the plan, as start:stop:step or 0,1,2; twice: a map",
    )  # fmt: skip
    parser.add_argument(
        "--adjust", metavar="Y:SHIFT", action="append",
        help='shifts of imputed values, beside those of the plan: "y: delta * (arm == 1)"; may be repeated',
    )  # fmt: skip
    for f in settings(Adjustment):
        if f.name != "propagate":
            parser.add_argument(f"--{f.name}", metavar="NAME", help=f"of --adjust: {f.metadata['about']}")
    _settings(parser, Sensitivity)
    parser.add_argument("--by", metavar="NAME", action="append", help="groups for what is assumed; may be repeated")
    parser.add_argument(
        "--conf-level", metavar="P", type=float, default=0.95, help="level of the intervals (%(default)s)"
    )
    parser.add_argument("--no-refit", action="store_true", help="nothing is run again; such rows stay empty")
    parser.add_argument("--seed", metavar="N", type=natural, help="of runs with other models (that of the run)")
    parser.add_argument("--workers", metavar="N", type=positive, help="processes (1)")
    parser.add_argument("--plot", metavar="DIR", help="also write a PNG file for each into this folder")
    parser.add_argument("--out", metavar="FILE", help="also write all tables to this .json file, for report --with")
    parser.add_argument("--latex", action="store_true", help="print LaTeX tables")
    _force(parser)
    _no_progress(parser)
    _json(parser)


def _report(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("file", metavar="FILE", help="what impute has made")
    parser.add_argument("--with", metavar="FILE", dest="sensitivities", help="what sensitivity --out has written")
    parser.add_argument("--cite", action="store_true", help="instead: the software and methods to cite, as BibTeX")
    parser.add_argument("--out", metavar="FILE", help="write to this .md or .txt file, .bib with --cite")
    _force(parser)


def _export(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("file", metavar="FILE", help="what impute has made")
    parser.add_argument("--to", metavar="FILE", required=True, help="a .csv, .parquet, .dta or .sav file")
    parser.add_argument(
        "--include-incomplete",
        action=argparse.BooleanOptionalAction,
        default=True,
        help="the incomplete data first, as imputation 0, without which R's as.mids takes no table (default: yes)",
    )
    parser.add_argument("--round", action="store_true", help="imputed values of columns of whole numbers rounded")
    _force(parser)


def _plot(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("file", metavar="FILE", help="what impute has made")
    parser.add_argument("--out", metavar="DIR", required=True, help="the folder for the PNG files")
    _force(parser)


def _missing(parser: argparse.ArgumentParser) -> None:
    """Codes in the data."""
    parser.add_argument(
        "--missing", metavar="CODES", type=lambda text: text.split(","), default=[],
        help='what stands for missing values in the data: --missing=".,n/a,-99"',
    )  # fmt: skip


def _plan(parser: argparse.ArgumentParser, *, required: bool = True) -> None:
    """A plan file or formulas, overrides, and the data."""
    source = parser.add_mutually_exclusive_group(required=required)
    source.add_argument("plan", metavar="PLAN.toml", nargs="?", help="the plan")
    source.add_argument(
        "--formula", metavar="F", action="append", help='instead of a plan: "y ~ x + (1 | g)"; may be repeated'
    )
    parser.add_argument("--data", metavar="DATA", required=True, help="a data file, or a data set's name")
    _missing(parser)
    parser.add_argument(
        "--beside", metavar="FILE", help="the columns that say what is known of cells (--known), if none of the data: "
        "a file with the same rows in the same order",
    )  # fmt: skip
    parser.add_argument(
        "--set", metavar="PATH=VALUE", action="append", default=[], type=setting, dest="settings",
        help="override a value of the plan, such as run.m=50; may be repeated",
    )  # fmt: skip
    _columns(parser)


def _columns(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--column", metavar="NAME: WHAT", action="append", default=[], type=column, dest="settings",
        help='what a column is: "gen: G1 < G2", "region: west | south", "den: labels"; may be repeated',
    )  # fmt: skip
    parser.add_argument(
        "--known", metavar="NAME: COLUMNS", action="append", default=[], type=known, dest="settings",
        help='what is known of missing cells: "bnp: low, high" (columns or numbers; one may be left out, "bnp: 0,"), '
        '"stage: set" (a column of labels, "II|III"); may be repeated',
    )  # fmt: skip


def _settings(parser: argparse.ArgumentParser, cls: type, when: str = "") -> None:
    """An option for each field of a plan's part that users may set."""
    types = types_of(cls)
    for f in settings(cls):
        flag, about = f.metadata["flag"], f"{when}{f.metadata['about']}"
        if flag:
            parser.add_argument(f"--{flag}", action="store_const", const=not f.default, dest=f.name, help=about)
        elif types[f.name] == {tuple}:
            parser.add_argument(f"--{f.name}", metavar="NAME", action="append", help=about)
        else:
            read = positive if types[f.name] == {int} else float if types[f.name] == {float} else str
            parser.add_argument(f"--{f.name}", metavar="NAME" if read is str else "N", type=read, help=about)


def _force(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--force", action="store_true", help="overwrite files that are there")


def _no_progress(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--no-progress", action="store_true", help="no progress lines")


def _json(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--json", action="store_true", help="the same content as JSON")
