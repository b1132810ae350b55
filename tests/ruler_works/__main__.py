"""``python -m works CHECKOUT OUT [NAME ...]``: the works, or those whose names begin so, each into a folder of OUT.

A work that fails leaves the file ``failed.txt``, and the next one is done.
"""

import os
import sys
import tempfile
import time
import warnings
from collections.abc import Sequence
from pathlib import Path


def main(checkout: str, out: str, *names: str) -> int:
    """Do the works with the package of `checkout`, which must be the first on Python's path."""
    import bayesimpute

    if Path(bayesimpute.__file__).resolve().parents[1] != Path(checkout).resolve():
        print(f"the package comes from {bayesimpute.__file__}, not from {checkout}", file=sys.stderr)
        return 2
    from ruler_works.catalogue import catalogue, skipped

    warnings.simplefilter("ignore")  # their text has paths and line numbers
    works = {name: work for name, work in catalogue(Path(checkout).resolve()).items() if _chosen(name, names)}
    with tempfile.TemporaryDirectory() as scratch:
        target = Path(out).resolve()
        os.chdir(scratch)
        for name, work in works.items():
            if reason := skipped(name):
                print(f"skipped    {name}: {reason}", flush=True)
                continue
            _do(name, work, target / name)
        os.chdir(target)
    return 0


def _chosen(name: str, names: Sequence[str]) -> bool:
    return not names or any(name == n or name.startswith(f"{n}/") for n in names)


def _do(name, work, out: Path) -> None:
    out.mkdir(parents=True)
    start, busy = time.perf_counter(), time.process_time()
    try:
        work(out)
    except Exception as error:
        (out / "failed.txt").write_text(f"{type(error).__name__}: {error}\n", encoding="utf-8")
    word = "failed    " if (out / "failed.txt").exists() else "measured  "
    print(
        f"{word} {name} ({time.perf_counter() - start:.1f} s, {time.process_time() - busy:.1f} s of work)", flush=True
    )


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
