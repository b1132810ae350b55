"""Whole-process timings (`make bench`): what a user waits for, and the memory it takes; prints, asserts no time."""

import json
import os
import resource
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.benchmark
BIN = Path(sys.executable).parent
MODELS = Path(__file__).resolve().parents[1] / "models"
VISITS = """
import json, sys
from bayesimpute import load
imputed = load(sys.argv[1])
stats = imputed.tree["sample_stats"].to_dataset()
means = stats[["seconds", "steps"]].mean(("chain", "draw"))
print(json.dumps({str(t): [float(means[k].sel(step=t)) for k in means] for t in stats.step.values}))
"""


CORRELATION = """
import json, sys
import arviz as az
from bayesimpute import load
imputed = load(sys.argv[1])
tree = imputed.posterior("hiv")
ess = {kind: float(az.ess(tree["posterior"].to_dataset()[["rho"]], method=kind)["rho"]) for kind in ("bulk", "tail")}
seconds = imputed.tree["sample_stats"].to_dataset()["seconds"].sum("draw").mean().item()
r_hat = float(az.rhat(tree["posterior"].to_dataset()[["rho"]])["rho"])
print(json.dumps({**ess, "seconds": seconds, "chains": imputed.tree["sample_stats"].sizes["chain"], "r_hat": r_hat}))
"""


def run(*command: str, data: Path | None = None) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, **({"BAYESIMPUTE_DATA": str(data)} if data else {})}
    return subprocess.run(command, capture_output=True, text=True, check=False, env=environment)


def peak() -> float:
    """Largest resident size of any finished child, in GiB."""
    return resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 2**20


@pytest.mark.parametrize("name", ["popmis", "popncr"])
def test_impute(benchmark, name: str, shared_data: Path, tmp_path: Path) -> None:
    out = tmp_path / f"{name}.nc"
    dataset = {"popmis": "popmis", "popncr": "popNCR"}[name]
    settings = ("--seed", "1", "--workers", "2", "--set", "run.m=20", "--force")
    command = (str(BIN / "bayesimpute"), "impute", str(MODELS / f"{name}.toml"), "--data", dataset, "--out", str(out))
    done = benchmark.pedantic(run, args=(*command, *settings), kwargs={"data": shared_data}, rounds=3, warmup_rounds=1)
    assert done.returncode in (0, 3), done.stderr
    visits = json.loads(run(sys.executable, "-c", VISITS, str(out)).stdout)
    lines = [f"{target}: {1000 * s:.1f} ms a visit of {steps:.1f} inner steps" for target, (s, steps) in visits.items()]
    print(f"\n{name}, m = 20, peak {peak():.2f} GiB\n" + "\n".join(lines))


def test_selection(benchmark, shared_data: Path, tmp_path: Path) -> None:
    """The HIV case: effective draws of rho a second of sampling after warm-up, 4 chains on 2 cores."""
    out = tmp_path / "hiv.nc"
    command = (str(BIN / "bayesimpute"), "impute", str(MODELS / "hiv_heckman.toml"), "--data", "hiv")
    settings = ("--seed", "1", "--workers", "2", "--force", "--out", str(out))
    done = benchmark.pedantic(run, args=(*command, *settings), kwargs={"data": shared_data}, rounds=1, warmup_rounds=1)
    assert done.returncode in (0, 3), done.stderr
    found = json.loads(run(sys.executable, "-c", CORRELATION, str(out)).stdout)
    rate = found["bulk"] / (found["seconds"] * found["chains"] / 2)
    print(
        f"\nhiv: ESS of rho {found['bulk']:.0f} (tail {found['tail']:.0f}), {rate:.0f} a second on 2 cores, "
        f"R-hat {found['r_hat']:.4f}, peak {peak():.2f} GiB"
    )


@pytest.mark.parametrize(
    "command", [("-m", "bayesimpute.cli.parser", "--help"), ("-c", "import bayesimpute")], ids=["help", "import"]
)
def test_start(benchmark, command: tuple[str, ...]) -> None:
    done = benchmark.pedantic(run, args=(sys.executable, *command), rounds=5, warmup_rounds=1)
    assert done.returncode == 0, done.stderr
