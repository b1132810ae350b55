"""What the commands say of a run's chains, and how they end."""

from pathlib import Path
from types import SimpleNamespace

import pytest

from bayesimpute.cli.run_commands import _next
from bayesimpute.cli.saved_runs import code, summary
from bayesimpute.numerics.chains import Verdict


@pytest.mark.parametrize(
    ("converged", "more", "said"),
    [
        (True, 0, ["Next: bayesimpute pool run.nc", "      bayesimpute estimate run.nc"]),
        (None, 0, ["Next: bayesimpute pool run.nc", "      bayesimpute estimate run.nc"]),
        (False, 70, ['bayesimpute.load("run.nc").extend(70).save("run.nc", force=True)']),
        (False, 0, ['bayesimpute.load("run.nc").extend(100).save("run.nc", force=True)']),
    ],
)
def test_what_comes_next_is_no_result_of_chains_that_should_not_be_used(
    converged: bool | None, more: int, said: list[str]
) -> None:
    plan = SimpleNamespace(analyses=["one"], estimands=["one"], run=SimpleNamespace(sweeps=50))
    found = SimpleNamespace(converged=converged, more=more)
    lines = _next(SimpleNamespace(plan=plan), Path("run.nc"), found)  # type: ignore[arg-type]
    assert lines == said if converged is not False else lines[1:] == [f"      {said[0]}"] and "use no" in lines[0]


@pytest.mark.parametrize(
    ("verdict", "ends", "colour"),
    [(Verdict.CONVERGED, 0, 32), (Verdict.NEARLY, 4, 33), (Verdict.REFUSED, 3, 31), (Verdict.UNDECIDED, 3, 31)],
)
def test_each_verdict_has_its_exit_code_and_colour(
    verdict: Verdict, ends: int, colour: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = SimpleNamespace(verdict=verdict, summary="The chains.\n- why")
    assert code(found) == ends  # type: ignore[arg-type]
    assert summary(found) == found.summary  # type: ignore[arg-type]
    monkeypatch.delenv("NO_COLOR", raising=False)
    monkeypatch.setattr("sys.stdout.isatty", lambda: True)
    assert summary(found) == f"\033[{colour}mThe chains.\033[0m\n- why"  # type: ignore[arg-type]
