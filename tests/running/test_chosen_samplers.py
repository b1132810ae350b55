"""Which sampler a model gets is told before the run as it is told after, and on the command line."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from looping import table

import bayesimpute as bi
from bayesimpute.cli import parser
from bayesimpute.families import HeckmanGaussian

FORMULAS = ["y ~ x + (1 | g)", "b ~ x + (1 | g)", "x ~ z"]


def frame() -> pd.DataFrame:
    made = table()
    made["b"] = (np.arange(len(made)) % 3 == 0).astype(float)
    made.loc[::4, "b"] = np.nan
    return made


def test_what_is_told_before_a_run_is_what_its_events_tell() -> None:
    told = bi.sampling(FORMULAS, frame()).set_index("target")
    made = bi.impute(frame(), FORMULAS, m=2, chains=2, warmup=1, sweeps=1, seed=1, progress=False)
    events = made.events[made.events["what"].str.startswith("sampler")].set_index("target")
    assert list(told.index) == list(events.index) == list(made.targets)
    assert list("sampler " + told["sampler"]) == list(events["what"])
    assert list(told["why"]) == list(events["why"])


def test_a_plan_that_says_its_sampler_gets_it_or_the_one_that_can() -> None:
    plan = bi.Plan.of(FORMULAS).with_run(sampler="nuts")
    told = bi.sampling(plan, frame())
    assert set(told["sampler"]) == {"nuts"} and set(told["why"]) == {"run.sampler says so"}
    with pytest.raises(bi.PlanError, match="nowhere"):
        bi.sampling(["y ~ nowhere"], frame())


@pytest.mark.parametrize("rho", [None, 0.0, -0.6])
def test_a_selection_model_has_a_compiled_sampler_whether_its_dependence_is_held_or_not(rho: float | None) -> None:
    formulas = {"mu": "y ~ x", "selection": "x + z"}
    model = bi.Conditional(target="y", family=HeckmanGaussian(rho=rho), formulas=formulas)
    told = bi.sampling([model, "x ~ z"], frame().drop(columns="b")).set_index("target").loc["y"]
    assert told["sampler"] == "gibbs"


def test_the_command_line_tells_it(tmp_path: Path, capsys) -> None:
    frame().to_csv(tmp_path / "data.csv", index=False)
    words = ["check", *(w for f in FORMULAS for w in ("--formula", f)), "--data", str(tmp_path / "data.csv")]
    assert parser.main([*words, "--samplers"]) == 0
    lines = capsys.readouterr().out.splitlines()
    told = bi.sampling(FORMULAS, frame())
    expected = [f"sampler of {target}: {name}, {why}" for target, name, why in told.to_numpy()]
    assert lines[-3:] == expected
    assert parser.main(words) == 0 and "sampler of" not in capsys.readouterr().out
