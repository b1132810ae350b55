"""Ctrl-C at random moments of a run with one worker: every one saves and says how to go on, whatever the sampler."""

import json
import os
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

SCRIPT = """
import json, os, random, signal, sys, time
from pathlib import Path
signal.signal(signal.SIGINT, signal.default_int_handler)  # background jobs are started with it ignored
from looping import prior_plan, table
import bayesimpute as bi

kind, folder, number = sys.argv[1], Path(sys.argv[2]), int(sys.argv[3])
frame = table().assign(b=lambda d: (d["z"] > 0).where(d.index % 3 != 0).astype("boolean"))
models = {
    "linear": ["y ~ z + (1 | g)", "x ~ y + (1 | g)"],
    "yes/no": ["b ~ z + y + (1 | g)", "y ~ z"],
    "NUTS": ["y ~ z", "b ~ y"],
}[kind]
sampler = "nuts" if kind == "NUTS" else "auto"
options = dict(m=2, chains=2, warmup=20, sampler=sampler)
plan = prior_plan(*models, sweeps=10**6, **options)
bi.impute(frame, prior_plan(*models, sweeps=2, **options), seed=1, progress=False)  # compiled for all that are forked
random.seed(1)
for trial in range(number):
    path, delay = folder / f"{trial}.nc", random.uniform(0, 1.0)
    sys.stdout.flush()
    if not (child := os.fork()):
        try:
            bi.impute(frame, plan, seed=1, checkpoint=path, progress=False)
        except bi.Interrupted as error:
            os._exit(0 if f"saved in {path}" in str(error) else 3)
        os._exit(4)
    while not path.exists():
        time.sleep(0.005)
    time.sleep(delay)
    os.kill(child, signal.SIGINT)
    code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    whole = len(bi.load(path).record.states) == 2
    print(json.dumps([code, whole]))
"""


@pytest.mark.skipif(os.name != "posix", reason="signals")
@pytest.mark.parametrize(
    ("kind", "number"),
    [("linear", 5), *(pytest.param(k, 50, marks=pytest.mark.slow) for k in ("linear", "yes/no", "NUTS"))],
)
def test_every_interrupt_saves_and_says_how_to_go_on(tmp_path: Path, kind: str, number: int) -> None:
    search = os.pathsep.join(str(p) for p in Path(__file__).parents[1:3])
    done = subprocess.run(
        [sys.executable, "-W", "ignore::DeprecationWarning", "-c", SCRIPT, kind, str(tmp_path), str(number)],
        env={**os.environ, "PYTHONPATH": search},
        capture_output=True,
        text=True,
        check=False,
    )
    outcomes = Counter(tuple(json.loads(line)) for line in done.stdout.splitlines())
    assert outcomes == {(0, True): number}, (outcomes, done.stderr[-2000:])
    assert "Traceback" not in done.stderr
