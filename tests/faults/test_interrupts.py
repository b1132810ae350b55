"""Ctrl-C at random moments of a run with one worker: every one saves and says how to go on, whatever the sampler.

All trials are in one process, which a fault of compiled code would end: there what is compiled for a run is at hand, so
that an interrupt lands in its sweeps, and in compiling only the first time.
"""

import json
import os
import random
import signal
import threading
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pandas as pd
import pytest
from forking import forked
from looping import prior_plan, table

import bayesimpute as bi
from bayesimpute import Conditional, Plan
from bayesimpute.result.seals import file_is_whole

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="no processes can be forked")

SELECTION = Conditional(target="b", family="heckman_probit", formulas={"mu": "b ~ z", "selection": "seen ~ z + w"})
MODELS: dict[str, tuple[str | Conditional, ...]] = {
    "linear": ("y ~ z + (1 | g)", "x ~ y + (1 | g)"),
    "yes/no": ("b ~ z + y + (1 | g)", "y ~ z"),
    "NUTS": ("y ~ z",),
    "selection": (SELECTION,),
    "compatible": ("x ~ z + (1 | g)",),
}
TRIALS = {"linear": 60, "yes/no": 40, "NUTS": 30, "selection": 40, "compatible": 30}
"""200 in all."""
LONGEST = 1.0
"""Seconds after the first checkpoint, at most."""


def frame() -> pd.DataFrame:
    made = table(clusters=20)
    made["b"] = (made["z"] > 0).where(made.index % 3 != 0).astype("boolean")
    return made.assign(seen=made["b"].notna(), w=np.random.default_rng(2).normal(size=len(made)))


def plan(kind: str, sweeps: int) -> Plan:
    options: dict[str, Any] = {"m": 2, "chains": 2, "warmup": 20, "sampler": "nuts" if kind == "NUTS" else "auto"}
    made = prior_plan(*MODELS[kind], sweeps=sweeps, **options)
    return (
        made if kind != "compatible" else Plan.of(list(MODELS[kind]), substantive=["y ~ x + z + (1 | g)"], run=made.run)
    )


def outcome(kind: str, path: Path) -> str:
    """Of a run that was to go on for ever."""
    try:
        bi.impute(frame(), plan(kind, 10**6), seed=1, checkpoint=path, progress=False)
    except bi.Interrupted as error:
        if f"the run is saved in {path}. Go on with: bayesimpute resume {path}" not in str(error):
            return repr(error)
        return swept(path)
    except BaseException as error:
        return repr(error)
    return "it ended"


def swept(path: Path) -> str:
    """Where a run stands, of a file that is whole."""
    if not file_is_whole(path):
        return "a damaged file"
    with h5py.File(path) as file:
        return "in its sweeps" if any(json.loads(file.attrs["sweeps_done"])) else "before its first sweep"


def press(path: Path, delay: float) -> None:
    """Ctrl-C, a while after the run has begun."""
    while not path.exists():
        time.sleep(0.002)
    time.sleep(delay)
    os.kill(os.getpid(), signal.SIGINT)


def trials(kind: str, number: int, path: Path) -> Callable[[], int]:
    def work() -> int:
        random.seed(1)
        bi.impute(frame(), plan(kind, 2), seed=1, progress=False)
        for _ in range(number):
            path.unlink(missing_ok=True)
            presser = threading.Thread(target=press, args=(path, random.uniform(0, LONGEST)))
            presser.start()
            print(outcome(kind, path))
            presser.join()
        return 0

    return work


@pytest.mark.parametrize(
    ("kind", "number"), [("linear", 4), *(pytest.param(k, n, marks=pytest.mark.slow) for k, n in TRIALS.items())]
)
def test_every_interrupt_saves_and_says_how_to_go_on(
    tmp_path: Path, record_property: Callable[[str, object], None], kind: str, number: int
) -> None:
    ended = forked(trials(kind, number, tmp_path / "run.nc"), tmp_path / "said").ended()
    outcomes = Counter(ended.said.splitlines())
    assert ended.code == 0 and set(outcomes) <= {"in its sweeps", "before its first sweep"}, ended
    assert outcomes.total() == number
    assert len(bi.load(tmp_path / "run.nc").record.states) == 2
    record_property("tried", f"interrupts of a {kind} run: {dict(outcomes)}")
