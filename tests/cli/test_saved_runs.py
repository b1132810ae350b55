"""What the commands say of a run's chains, and how they end."""

from types import SimpleNamespace

import pytest

from bayesimpute.cli.saved_runs import code, summary
from bayesimpute.numerics.chains import Verdict


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
