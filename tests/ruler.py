"""The ruler: whether two checkouts of the package give the same, to the last byte.

::

    python tests/ruler.py CHECKOUT_A CHECKOUT_B            # both are measured, then compared
    python tests/ruler.py CHECKOUT_A --keep BASE           # measure once and keep: BASE can stand for CHECKOUT_A
    python tests/ruler.py BASE CHECKOUT_B --only plan/terms ask

A checkout is a folder with ``bayesimpute/``; another folder is one that was measured before. Both are measured by the
works of *this* file's own ``ruler_works/`` (its docstring says what they are), with Python's path set to the checkout,
in a process of their own. Each gets empty compile caches: numba knows a cached function by its own file alone, so that
a cache outlives an edit of what the function calls, and lies.

Left out, each for its reason: seconds (a clock), versions of software, Python's warnings (paths and line numbers). The
data are simulated, or public ones from ``shared/data`` beside the checkout of this file (``BAYESIMPUTE_DATA`` names
another folder); a plan whose data are not there is named as skipped. One BLAS thread, one process at a time.

Exit codes: 0 all equal, 1 something differs, 2 something could not be measured. A work that fails on both sides alike
is no proof of anything: it counts as different.
"""

import argparse
import filecmp
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from itertools import zip_longest
from pathlib import Path

TESTS = Path(__file__).resolve().parent
SHOWN, WIDTH = 6, 300
"""Differing lines that are printed of a work, and how much of a line."""
EQUAL, DIFFERENT, UNMEASURED = 0, 1, 2


def main(argv: Sequence[str] | None = None) -> int:
    """Measure what is to be measured, compare, and return the exit code."""
    arguments = _parser().parse_args(argv)
    with ExitStack() as stack:
        folders = []
        for place, given in enumerate(arguments.checkouts):
            folder = given
            if is_checkout(given):
                kept = arguments.keep and arguments.keep / ("ab"[place] if len(arguments.checkouts) == 2 else "")
                folder = kept or Path(stack.enter_context(tempfile.TemporaryDirectory()))
                if not measure(given, folder, arguments.only):
                    return UNMEASURED
            folders.append(folder)
        return EQUAL if len(folders) == 1 or compare(*folders, arguments.only) else DIFFERENT


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description="Whether two checkouts give the same, to the last byte.")
    parser.add_argument("checkouts", nargs="+", type=Path, metavar="CHECKOUT", help="or a folder measured before")
    parser.add_argument("--only", nargs="+", default=[], metavar="NAME", help="works, or their first part: plan, ask")
    parser.add_argument("--keep", type=Path, metavar="DIR", help="keep what is measured (of two: in DIR/a and DIR/b)")
    return parser


def is_checkout(folder: Path) -> bool:
    """Whether this is a checkout and not a folder of measurements."""
    return (folder / "bayesimpute" / "__init__.py").is_file()


def measure(checkout: Path, out: Path, only: Sequence[str]) -> bool:
    """Do the works with the package of a checkout, in a process with empty caches; whether it came to its end."""
    out.mkdir(parents=True, exist_ok=True)
    if any(out.iterdir()):
        print(f"{out} is not empty", file=sys.stderr)
        return False
    start = time.perf_counter()
    print(f"measuring {checkout}", file=sys.stderr)
    with tempfile.TemporaryDirectory() as caches:
        command = [sys.executable, "-P", "-m", "ruler_works", str(checkout.resolve()), str(out.resolve()), *only]
        done = subprocess.run(command, env=_environment(checkout, Path(caches)), stdout=sys.stderr, check=False)
    how = "measured" if done.returncode == 0 else f"not measured: it ended with code {done.returncode}"
    print(f"{how} ({time.perf_counter() - start:.0f} s)", file=sys.stderr)
    return done.returncode == 0


def _environment(checkout: Path, caches: Path) -> dict[str, str]:
    data = TESTS.parents[1] / "shared" / "data"
    given = {"BAYESIMPUTE_DATA": str(data)} if data.is_dir() else {}
    return {
        **given,
        **os.environ,
        "PYTHONPATH": os.pathsep.join([str(checkout.resolve()), str(TESTS)]),
        "PYTHONHASHSEED": "0",
        "PYTHONDONTWRITEBYTECODE": "1",
        "NUMBA_CACHE_DIR": str(caches / "numba"),
        "PYTENSOR_FLAGS": f"base_compiledir={caches / 'pytensor'}",
        "COLUMNS": "120",
        **dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1"),
    }


def compare(a: Path, b: Path, only: Sequence[str] = ()) -> bool:
    """Print for each work whether both folders have the same of it, and return whether they have of all."""
    names = [sorted(name for name in works_in(folder) if _chosen(name, only)) for folder in (a, b)]
    differing = 0
    for name in sorted({*names[0], *names[1]}):
        found = list(differences(a / name, b / name))
        differing += bool(found)
        print(f"{'different' if found else 'equal    '}  {name}")
        for line in found[:SHOWN]:
            print(f"    {line}")
    total = len({*names[0], *names[1]})
    print(f"{total - differing} of {total} works are equal")
    return total > 0 and not differing


def works_in(folder: Path) -> list[str]:
    """The works that were measured: two names deep."""
    return [path.relative_to(folder).as_posix() for path in folder.glob("*/*") if path.is_dir()]


def _chosen(name: str, only: Sequence[str]) -> bool:
    return not only or any(name == n or name.startswith(f"{n}/") for n in only)


def differences(a: Path, b: Path) -> Iterator[str]:
    """What is not the same in two folders of one work; nothing if they are equal and the work was done."""
    if not (a.is_dir() and b.is_dir()):
        yield f"{a if b.is_dir() else b} is not there: it was measured on one side only"
        return
    for name in sorted({path.name for folder in (a, b) for path in folder.iterdir()}):
        if not ((a / name).is_file() and (b / name).is_file()):
            yield f"{name}: only in {a if (a / name).is_file() else b}"
        elif not filecmp.cmp(a / name, b / name, shallow=False):
            yield from differing_lines(a / name, b / name)
        elif name == "failed.txt":
            yield f"it failed on both sides: {(a / name).read_text('utf-8').strip()}"


def differing_lines(a: Path, b: Path) -> Iterator[str]:
    """The first lines in which two files differ."""
    lines = zip_longest(*(path.read_bytes().split(b"\n") for path in (a, b)))
    different = [(i, *pair) for i, pair in enumerate(lines, 1) if pair[0] != pair[1]]
    for i, first, second in different[:2]:
        yield f"{a.name}, line {i}"
        yield f"  first:  {_shown(first)}"
        yield f"  second: {_shown(second)}"


def _shown(line: bytes | None) -> str:
    return "(no such line)" if line is None else line.decode("utf-8", "replace")[:WIDTH]


if __name__ == "__main__":
    sys.exit(main())
