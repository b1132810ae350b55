"""A disk that is full, of any size: one clear error, the file of before intact, nothing left behind.

Each trial has a process of its own, which a fault of HDF5 would end. The disk is a limit of the size of files: where a
file goes beyond it, writing fails as on a full one.
"""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

SIZES = {"nc": (0, 4, 40, 100), "zarr": (0, 1, 4)}
"""In kB; of a store, no file is large."""

SCRIPT = """
import json, os, resource, signal, sys
from pathlib import Path
from looping import run_prior, table
from bayesimpute import FileError, MultiplyImputed

signal.signal(signal.SIGXFSZ, signal.SIG_IGN)  # then writing fails with an error of the system
imputed = run_prior(table(clusters=200), m=2)
folder = Path(sys.argv[1])
for ending, sizes in json.loads(sys.argv[2]).items():
    path = folder / f"run.{ending}"
    imputed.save(path)
    for size in sizes:
        sys.stdout.flush()
        if not (child := os.fork()):
            resource.setrlimit(resource.RLIMIT_FSIZE, (size * 1024, size * 1024))
            try:
                imputed.save(path, force=True)
                os._exit(1)
            except FileError as error:
                os._exit(0 if str(path) in str(error) and "cannot be written" in str(error) else 2)
        code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
        whole = MultiplyImputed.load(path).m == 2
        print(json.dumps([ending, size, code, whole, sorted(p.name for p in folder.iterdir() if p != path)]))
    path.rename(folder.parent / path.name)
"""


@pytest.mark.skipif(os.name != "posix", reason="limits of file sizes")
def test_a_full_disk_is_one_error_and_harms_nothing(tmp_path: Path) -> None:
    folder = tmp_path / "disk"
    folder.mkdir()
    search = os.pathsep.join(str(p) for p in Path(__file__).parents[1:3])
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT, str(folder), json.dumps(SIZES)],
        env={**os.environ, "PYTHONPATH": search},
        capture_output=True,
        text=True,
        check=True,
    )
    found = [json.loads(line) for line in done.stdout.splitlines()]
    assert [trial for trial in found if trial[2:] != [0, True, []]] == []
    assert len(found) == sum(map(len, SIZES.values()))
