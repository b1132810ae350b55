"""Workers do not import the script that starts them, which need not stand under ``if __name__ == "__main__":``."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

import bayesimpute

SHORT = """
from bayesimpute.base.processes import processes

print("begun", flush=True)
with processes(2) as pool:
    print(list(pool.map(abs, [-1, 2])))
"""
SCRIPT = """
import sys
sys.path.insert(0, sys.argv[1])
from looping import table
import bayesimpute as bi

print("begun")
plan = bi.Plan.of(["y ~ z + (1 | g)", "x ~ y"]).with_run(m=2, chains=2, warmup=1, sweeps=2, sampler="prior")
made = bi.impute(table(), plan, seed=1, workers=2, progress=False).extend(2, workers=2, progress=False)
print(made.analyse("y ~ x", workers=2).pool().m)
"""


PACKAGE = Path(bayesimpute.__file__).parent


def ran(script: Path, code: str) -> str:
    script.write_text(code, encoding="utf-8")
    words = [sys.executable, script, Path(__file__).parents[1]]
    done = subprocess.run(words, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stderr
    assert "Traceback" not in done.stderr
    return done.stdout


def test_processes_do_not_import_the_script_again(tmp_path: Path) -> None:
    assert ran(tmp_path / "script.py", SHORT) == "begun\n[1, 2]\n"


def test_there_are_no_other_processes() -> None:
    using = [p for p in PACKAGE.rglob("*.py") if re.search("ProcessPoolExecutor|multiprocessing", p.read_text("utf-8"))]
    assert using == [PACKAGE / "base" / "processes.py"]


@pytest.mark.slow
def test_a_script_without_a_guard_runs_once_and_ends(tmp_path: Path) -> None:
    assert ran(tmp_path / "script.py", SCRIPT) == "begun\n2\n"
