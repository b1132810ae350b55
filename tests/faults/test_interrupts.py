"""Ctrl-C at random moments of a run with one worker: every one saves and says how to go on, whatever the sampler.

All trials are in one process, which a fault of compiled code would end: there what is compiled for a run is at hand, so
that an interrupt does not land in compiling. Every second one waits for the sweeps.
"""

import os
import random
import signal
import threading
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from forking import forked
from looping import prior_plan, table

import bayesimpute as bi
from bayesimpute import Conditional, Plan
from bayesimpute.result.seals import file_is_whole
from bayesimpute.running import legs

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
LONGEST = 0.5
"""Seconds after the first checkpoint or the first sweep, at most."""
SAVED = "saved"
SWEEPING = threading.Event()


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
        said = f"the run is saved in {path}. Go on with: bayesimpute resume {path}" in str(error)
        return SAVED if said and file_is_whole(path) else repr(error)
    except BaseException as error:
        return repr(error)
    return "it ended"


def press(path: Path, ready: Callable[[], bool], delay: float) -> None:
    """Ctrl-C, a while after the run has begun, or has come to its sweeps."""
    while not (path.exists() and ready()):
        time.sleep(0.002)
    time.sleep(delay)
    os.kill(os.getpid(), signal.SIGINT)


def trials(kind: str, number: int, path: Path) -> Callable[[], int]:
    def work() -> int:
        random.seed(1)
        bi.impute(frame(), plan(kind, 2), seed=1, progress=False)
        for trial in range(number):
            path.unlink(missing_ok=True)
            SWEEPING.clear()
            ready = SWEEPING.is_set if trial % 2 else lambda: True
            presser = threading.Thread(target=press, args=(path, ready, random.uniform(0, LONGEST)))
            presser.start()
            print(f"{outcome(kind, path)} {'in' if SWEEPING.is_set() else 'before'} its sweeps")
            presser.join()
        return 0

    return work


@pytest.mark.slow
@pytest.mark.parametrize(
    ("kind", "number"), [("linear", 4), *(pytest.param(k, n, marks=pytest.mark.slow) for k, n in TRIALS.items())]
)
def test_every_interrupt_saves_and_says_how_to_go_on(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    record_property: Callable[[str, object], None],
    kind: str,
    number: int,
) -> None:
    sweep = legs._sweep
    monkeypatch.setattr(legs, "_sweep", lambda *all_of_it: (SWEEPING.set(), sweep(*all_of_it))[1])
    ended = forked(trials(kind, number, tmp_path / "run.nc"), tmp_path / "said").ended()
    outcomes = Counter(ended.said.splitlines())
    assert ended.code == 0 and set(outcomes) <= {f"{SAVED} in its sweeps", f"{SAVED} before its sweeps"}, ended
    assert outcomes.total() == number and outcomes[f"{SAVED} in its sweeps"] >= number // 2
    assert len(bi.load(tmp_path / "run.nc").record.states) == 2
    record_property("tried", f"interrupts of a {kind} run: {dict(outcomes)}")
