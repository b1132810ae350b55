"""Workers do not import the script that starts them, which need not stand under ``if __name__ == "__main__":``."""

import subprocess
import sys
from pathlib import Path

import pytest

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


@pytest.mark.slow
def test_a_script_without_a_guard_runs_once_and_ends(tmp_path: Path) -> None:
    script = tmp_path / "script.py"
    script.write_text(SCRIPT, encoding="utf-8")
    done = subprocess.run(
        [sys.executable, script, Path(__file__).parents[1]], capture_output=True, text=True, timeout=300, check=False
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout == "begun\n2\n"
    assert "Traceback" not in done.stderr
