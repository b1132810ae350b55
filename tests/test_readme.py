"""The README's code runs, and the output that it shows is the output that it gives.

``python tests/test_readme.py`` runs the blocks and writes their output into the README. The test compares the words
and the layout; numbers may differ in digits that another processor rounds differently, so those of the pooled table are
held to their own Monte Carlo error.
"""

import contextlib
import io
import re
import tomllib
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from bayesimpute.analysis import variance_posterior
from bayesimpute.checking import check
from bayesimpute.plan.plan import Plan

pytestmark = pytest.mark.long(20)

README = Path(__file__).resolve().parents[1] / "README.md"
NUMBER = re.compile(r"-?\d+(\.\d+)?(e[-+]?\d+)?")


def blocks(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", README.read_text(), flags=re.DOTALL)


def outputs() -> list[str]:
    """What each python block prints, in one namespace."""
    namespace: dict[str, object] = {}
    printed = []
    for block in blocks("python"):
        stream = io.StringIO()
        with contextlib.redirect_stdout(stream):
            exec(compile(block, "README.md", "exec"), namespace)
        printed.append(stream.getvalue())
    return printed


def words(text: str) -> list[str]:
    """Lines without their numbers, and without the term whose Monte Carlo error happens to be the largest."""
    plain = re.sub(r"(of their standard errors) \([^)]*\)", r"\1", text)
    return [" ".join(NUMBER.sub("#", line).split()) for line in plain.strip().splitlines()]


def estimates(text: str) -> dict[str, tuple[float, float, float]]:
    """Term: estimate, standard error and fraction of missing information, from a printed pooled table."""
    rows = [line.split() for line in text.splitlines()]
    return {r[0]: (float(r[1]), float(r[2]), float(r[-1])) for r in rows if len(r) == 10 and NUMBER.fullmatch(r[1])}


def test_the_first_screen_says_what_it_is_for_and_what_not() -> None:
    first = " ".join(README.read_text().split("## ")[0].split())
    assert len(README.read_text().split("## ")[0].splitlines()) < 40
    for said in ("For people who", "What it does not do yet: ", "not what it is made for", "[Limits](#limits)"):
        assert said in first
    assert "\n## Limits\n" in README.read_text()


def test_the_code_prints_what_the_readme_shows(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(variance_posterior, "SWEEPS", 60)  # for intervals of variances near zero: none of them is shown
    shown, given = blocks("text"), outputs()
    assert len(shown) == len(given)
    for before, now in zip(shown, given, strict=True):
        assert words(before) == words(now)
    old, new = estimates(shown[2]), estimates(given[2])
    assert old.keys() == new.keys() and len(old) == 4
    for term, (estimate, error, fmi) in old.items():
        monte_carlo = error * (fmi / 20) ** 0.5  # of a pooled estimate with m = 20
        assert abs(new[term][0] - estimate) < 5 * 2**0.5 * monte_carlo


def test_the_plan_is_one() -> None:
    whole, cells, compatible, selection, delta, dropping = blocks("toml")
    told = Plan.from_toml(cells)
    assert told.run.ignore == "fold == 'test'" and told.columns[0].kind == "censored number"
    assert [each.column for each in told.known] == ["bnp", "stage"] and told.restrictions[0].where == "sex == 'm'"
    assert Plan.from_toml(dropping).substantive[0].target == "dropout(y)"
    varied = Plan.from_toml(delta)
    rng = np.random.default_rng(1)
    columns = {"school": np.repeat(np.arange(20), 15), "sex": rng.integers(0, 2, 300), "texp": rng.normal(size=300)}
    frame = pd.DataFrame({**columns, "popular": np.where(rng.random(300) < 0.3, np.nan, rng.normal(size=300))})
    assert not check(varied, frame) and varied.sensitivities[0].of == varied.analyses[0].name
    assert Plan.from_toml(whole).conditionals[0].target == "popular"
    read = Plan.from_toml(compatible)
    assert [c.target for c in read.models] == ["popular", "sex", "extrav", "mark"] and len(read.substantive) == 1
    assert Plan.from_toml(selection).estimands[0].compare == "mar"
    run = tomllib.loads(whole)["run"]
    assert all(getattr(Plan().run, key) == value for key, value in run.items()), "the README calls these the defaults"


def write() -> None:
    parts = re.split(r"(<!-- output \d+ -->\n```text\n).*?(?=```)", README.read_text(), flags=re.DOTALL)
    printed = iter(outputs())
    README.write_text("".join(p + next(printed) if p.startswith("<!-- output") else p for p in parts))


if __name__ == "__main__":
    write()
