"""Input that nobody should give and somebody does: one clear error, or a right answer, at once."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pandas as pd
import pytest
from looping import prior_plan, run_prior, table

import bayesimpute as bi
from bayesimpute.cli.parser import main
from bayesimpute.result.seals import MARK, seal


def checked(frame: pd.DataFrame, formula: str = "y ~ x + (1 | g)", **options: Any) -> str:
    """What the check says of a plan of one formula."""
    return "\n".join(map(str, bi.check(bi.Plan(conditionals=(bi.Conditional.of(formula, **options),)), frame)))


def lists() -> pd.DataFrame:
    return table().assign(g=[[key] for key in table()["g"]])


def surrogate() -> pd.DataFrame:
    return table().set_axis(pd.Index(["g", "x", "y", "z", "w\ud800"], dtype=object), axis="columns")


TOLD: dict[str, tuple[Callable[[], Any], str]] = {
    "Intercept": (lambda: checked(table().assign(Intercept=1.0), "y ~ Intercept"), "constant of a model"),
    "Intercept, a slope": (lambda: checked(table(), "y ~ x + (1 + Intercept | g)"), "constant of a model"),
    "a large target": (lambda: checked(table().assign(y=table()["y"] * 1e300)), "values of the size"),
    "a small target": (lambda: checked(table().assign(y=table()["y"] * 1e-300)), "values of the size"),
    "a large predictor": (lambda: checked(table().assign(x=table()["x"] * 1e300)), "values of the size"),
    "poly 0": (lambda: checked(table(), "y ~ poly(x, 0)"), "0 is not a degree"),
    "poly -1": (lambda: checked(table(), "y ~ poly(x, -1)"), "-1 is not a degree"),
    "poly 1.5": (lambda: checked(table(), "y ~ poly(x, 1.5)"), "1.5 is not a degree"),
    "a key of lists": (lambda: checked(lists()), "values of type list, which cannot name a cluster"),
    "half a character": (lambda: checked(surrogate()), "half a character"),
    "a wide prior": (lambda: checked(table(), priors={"x": "Normal(0, 1e300)"}), "no computer can square"),
    "a narrow prior": (lambda: checked(table(), priors={"sigma": "HalfNormal(1e-300)"}), "no computer can square"),
    "more chains than anybody has": (lambda: bi.check(prior_plan(chains=10**400), table())[0].finding, "more than"),
}
RAISED: dict[str, tuple[Callable[[], Any], str]] = {
    "Intercept in an analysis": (lambda: bi.fit("y ~ Intercept", table()), "constant of a model"),
    "a large outcome": (lambda: bi.fit("y ~ x", table().assign(y=table()["y"] * 1e300)), "values of the size"),
    "a key of lists in an analysis": (lambda: bi.fit("y ~ x + (1 | g)", lists().dropna()), "cannot name a cluster"),
    "a key of lists in a suggestion": (lambda: bi.suggest("y ~ x + (1 | g)", lists()), "cannot name a cluster"),
    "poly 0 in an analysis": (lambda: bi.fit("y ~ poly(x, 0)", table()), "not a degree"),
    "groups without a name": (lambda: run_prior(table()).estimate(variable="y", by=""), "is not a list of names"),
    "half a character in a file name": (lambda: bi.write_table(table(), "a\ud800.csv"), "half a character"),
    "a derived .imp": (
        lambda: run_prior(table(), "y ~ z", "x ~ z", derived=[bi.Derived(name=".imp", expression="x + 1")]).to_long(),
        '".imp" already',
    ),
}


@pytest.mark.parametrize("name", TOLD)
def test_the_check_tells(name: str) -> None:
    call, told = TOLD[name]
    assert told in call()


@pytest.mark.parametrize("name", RAISED)
def test_an_error_tells(name: str) -> None:
    call, told = RAISED[name]
    with pytest.raises(bi.BayesimputeError) as caught:
        call()
    assert told in str(caught.value)


def test_errors_can_be_printed_whatever_they_quote() -> None:
    assert b"a: " in str(bi.InputError([bi.Problem(path="a", finding="\ud800", remedy="b")])).encode()


@pytest.fixture(scope="module")
def saved(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("saved") / "run.nc"
    run_prior(table().assign(**{".imp": 1})).save(path)
    return path


def test_groups_without_a_name_on_the_command_line(saved: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["estimate", str(saved), "--variable", "y", "--by", ""]) == 1
    assert "is not a list of names" in capsys.readouterr().err


def test_exporting_where_a_column_has_the_name_of_an_identifier(
    saved: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["export", str(saved), "--to", str(tmp_path / "long.csv")]) == 1
    assert '".imp" already' in capsys.readouterr().err


def scheduled(**changes: Any) -> Callable[[h5py.File], None]:
    def change(file: h5py.File) -> None:
        file.attrs["schedule"] = json.dumps({**json.loads(file.attrs["schedule"]), **changes})

    return change


def attribute(name: str, value: Any) -> Callable[[h5py.File], None]:
    return lambda file: file.attrs.__setitem__(name, value)


def circle(file: h5py.File) -> None:
    file["observed/again"] = file["/"]


def links(file: h5py.File) -> None:
    file["one"], file["two"] = h5py.SoftLink("/two"), h5py.SoftLink("/one")


def elsewhere(file: h5py.File) -> None:
    file["observed/other"] = h5py.ExternalLink("/etc/passwd", "/")


DAMAGE: dict[str, Callable[[h5py.File], Any]] = {
    "groups in a circle": circle,
    "links in a circle": links,
    "a link out of the file": elsewhere,
    "values of a hundred megabytes": lambda f: f.create_dataset("observed/big", shape=(40,), dtype="S100000000"),
    "a billion imputations": scheduled(m=10**9),
    "a billion chains": scheduled(chains=10**9),
    "imputations that are no number": scheduled(m=1e300),
    "fewer imputations than none": scheduled(m=-1),
    "a schedule that is no document": attribute("schedule", "nope"),
    "a schedule that is a number": attribute("schedule", 3),
    "a schedule that is a list": attribute("schedule", "[1]"),
    "a format that is a text": attribute("format", "x"),
    "formats": attribute("format", [1, 2]),
}


READ_FIRST = ("imputations that", "fewer", "a billion chains", "a schedule that is a", "formats")
"""Damage that is found only after all has been read, beside others of its kind."""


@pytest.mark.parametrize(
    "name", [pytest.param(n, marks=pytest.mark.slow) if n.startswith(READ_FIRST) else n for n in DAMAGE]
)
def test_a_file_that_makes_no_sense_is_refused_at_once(saved: Path, tmp_path: Path, name: str) -> None:
    path = tmp_path / "run.nc"
    path.write_bytes(saved.read_bytes().rpartition(MARK)[0])
    with h5py.File(path, "r+") as file:
        DAMAGE[name](file)
    content = path.read_bytes()
    path.write_bytes(content + seal(memoryview(content)))
    with pytest.raises(bi.FileError, match="it is damaged or was changed, or is not a saved imputation"):
        bi.load(path)


def chain(first: str, length: int = 300) -> list[bi.Derived]:
    """Derived variables of which each is computed from the one before; the last comes first."""
    made = [bi.Derived(name=f"d{k}", expression=f"d{k - 1} + 1") for k in range(length - 1, 0, -1)]
    return [*made, bi.Derived(name="d0", expression=first)]


@pytest.mark.filterwarnings("ignore:DataFrame is highly fragmented")
def test_a_chain_of_derived_variables_is_followed_to_its_end() -> None:
    made = run_prior(table(), "y ~ z", "x ~ z", derived=chain("x + 1", 100))
    completed = made.completed(0)
    np.testing.assert_allclose(completed["d99"], completed["x"] + 100)


@pytest.mark.parametrize(
    ("formula", "first", "finding"),
    [
        ("y ~ z", "d299 + 1", "depends on itself: d299 -> d298 -> "),
        ("y ~ d299", "y + 1", "depends on the target y: d299 -> d298 -> "),
        ("y ~ d299", "nope + 1", 'no column "nope"'),
    ],
)
def test_what_is_wrong_with_a_long_chain_is_told_once_and_shortly(formula: str, first: str, finding: str) -> None:
    (problem,) = bi.check(bi.Plan.of([formula, "x ~ z"], derived=chain(first)), table())
    assert finding in problem.finding
    assert len(problem.finding) < 160


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:DataFrame is highly fragmented")
def test_a_chain_of_thousands_is_checked_in_the_end() -> None:
    plan = bi.Plan.of(["y ~ d2999", "x ~ z"], derived=chain("x + 1", 3_000))
    assert bi.check(plan, table()) == []
