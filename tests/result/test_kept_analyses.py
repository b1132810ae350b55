"""Analyses that took long are not fitted again, come back to the last digit, and go with their datasets."""

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import xarray as xr
from looping import FORMULAS, prior_plan, run_prior, table

import bayesimpute as bi
from bayesimpute import Estimate, FileError, MultiplyImputed, pooling
from bayesimpute.analysis.estimates import Quantity
from bayesimpute.analysis.fitters import model_of
from bayesimpute.analysis.from_draws import QuantityDraws
from bayesimpute.analysis.variance_posterior import VariancePosterior, log_densities
from bayesimpute.cli.parser import main
from bayesimpute.result import kept_analyses

FORMULA = "y ~ x"
ANALYSES: dict[str, dict[str, Any]] = {FORMULA: {}, "y ~ x + (1 | g)": {"df": "satterthwaite"}}


@pytest.fixture(autouse=True)
def all_are_slow(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kept_analyses, "SLOW", -1.0)


def made() -> MultiplyImputed:
    return run_prior(table(), *FORMULAS, m=2)


def fitting(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """The analyses that are fitted from now on."""
    fitted, own = [], pooling.analyses_of

    def counted(frames: Any, analysis: Any, **options: Any) -> bi.Analyses:
        fitted.append(analysis)
        return own(frames, analysis, **options)

    monkeypatch.setattr(pooling, "analyses_of", counted)
    return fitted


def assert_same(one: Sequence[Estimate], other: Sequence[Estimate]) -> None:
    """All that is plain, and the posterior that waits to be drawn from."""
    for a, b in zip(one, other, strict=True):
        for name in ("terms", "df_note", "variance_components", "n_obs", "messages"):
            assert getattr(a, name) == getattr(b, name), name
        for name in ("estimates", "covariance", "dfcom"):
            np.testing.assert_array_equal(getattr(a, name), getattr(b, name))
        assert repr(a.quantities) == repr(b.quantities) and type(a.posterior) is type(b.posterior)
        if isinstance(a.posterior, VariancePosterior) and isinstance(b.posterior, VariancePosterior):
            np.testing.assert_array_equal(a.posterior.theta, b.posterior.theta)
            point = np.append(a.posterior.theta + 0.1, 0.2)[None]
            found = [log_densities(each.problem, point) for each in (a.posterior, b.posterior)]
            assert np.isfinite(found).all() and found[0] == pytest.approx(found[1])


@pytest.mark.parametrize("ending", ["nc", pytest.param("zarr", marks=pytest.mark.slow)])
def test_an_analysis_is_not_fitted_again(ending: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    imputed = made()
    first = {formula: imputed.analyse(formula, **options) for formula, options in ANALYSES.items()}
    imputed.save(tmp_path / f"run.{ending}")
    loaded = bi.load(tmp_path / f"run.{ending}")
    fitted = fitting(monkeypatch)
    for again in (imputed, loaded):
        for formula, options in ANALYSES.items():
            assert_same(again.analyse(formula, **options).estimates, first[formula].estimates)
        pd.testing.assert_frame_equal(again.pool(FORMULA).terms, first[FORMULA].pool().terms)
    smaller = "y ~ 1"
    tests = [run.analyse(FORMULA).test(run.analyse(smaller), method="D3") for run in (imputed, loaded)]
    assert tests[0].p_value == pytest.approx(tests[1].p_value)
    assert fitted == [smaller] * 2


def test_other_questions_and_other_datasets_are_fitted(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    imputed = made()
    imputed.pool(FORMULA)
    fitted = fitting(monkeypatch)
    assert imputed.pool(FORMULA, covariance="model").m == 2 and fitted == []
    imputed.pool(FORMULA, covariance="HC3")
    imputed.pool("x ~ y")
    more = imputed.extend(4, progress=False)
    more.pool(FORMULA)
    imputed.add(4, progress=False).pool(FORMULA)
    imputed.analyse(lambda d: (np.array([d["y"].mean()]), np.eye(1)))
    assert len(fitted) == 5
    assert more.tree["analyses/0"].attrs["of"] != imputed.tree["analyses/0"].attrs["of"]
    more.tree["analyses"] = imputed.tree["analyses"]  # of other datasets
    more.pool(FORMULA)
    assert len(fitted) == 6


def test_quick_ones_are_not_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    imputed = made()
    monkeypatch.setattr(kept_analyses, "SLOW", 1e9)
    imputed.pool(FORMULA)
    assert "analyses" not in imputed.tree.children


@pytest.mark.slow
def test_what_a_bayesian_fit_gives_comes_back_as_it_was(tmp_path: Path) -> None:
    rng = np.random.default_rng(1)
    values = rng.normal(size=(2, 5, 2))
    dims = ("chain", "draw")
    named = {"1_g_sigma": (dims, values[..., 0], {"name": "1|g_sigma"}), "x": (dims, values[..., 1], {"name": "x"})}
    draws = xr.Dataset(named, coords={"chain": np.arange(2), "draw": np.arange(5)})
    nan = float("nan")
    estimate = Estimate(
        terms=("x",),
        estimates=np.array([0.1 + 0.2]),
        covariance=np.eye(1),
        dfcom=np.array([7.5]),
        quantities=(Quantity(kind="variance", group="g", name="x", estimate=0.5, scale="log", std_error=nan),),
        posterior=QuantityDraws(values[0]),
        draws=draws,
        n_obs=7,
        messages=("said",),
    )
    imputed, model = made(), model_of(FORMULA)
    kept_analyses.keep(imputed.tree, model, [estimate, estimate])
    imputed.save(tmp_path / "run.nc")
    found = kept_analyses.kept(bi.load(tmp_path / "run.nc").tree, model)
    assert found is not None and len(found) == 2
    xr.testing.assert_identical(found[1].draws, draws)
    np.testing.assert_array_equal(found[1].posterior.values, values[0])  # type: ignore[union-attr]
    assert found[1].estimates.tobytes() == estimate.estimates.tobytes() and found[1].dfcom.tolist() == [7.5]  # type: ignore[union-attr]
    assert (found[1].terms, found[1].n_obs, found[1].messages) == (("x",), 7, ("said",))
    assert np.isnan(found[1].quantities[0].std_error) and found[1].quantities[0].name == "x"


@pytest.mark.by_default("*Path*")
@pytest.mark.parametrize("wrong", [b'[{"Path": {}}]', b'[{"array": [99999]}]'])
def test_what_cannot_be_read_is_refused_like_the_rest(wrong: bytes, tmp_path: Path) -> None:
    imputed = made()
    imputed.pool(FORMULA)
    group = imputed.tree["analyses/0"].to_dataset()
    spoilt = group.drop_vars("text").assign(text=("byte", np.frombuffer(wrong, dtype=np.uint8)))
    imputed.tree["analyses/0"] = xr.DataTree(spoilt)
    imputed.save(tmp_path / "run.nc")
    with pytest.raises(FileError, match="damaged"):
        bi.load(tmp_path / "run.nc")


@pytest.fixture
def saved(tmp_path: Path) -> Path:
    plan = bi.Plan.of(
        list(prior_plan().conditionals), run=prior_plan().run, analyses=(bi.Analysis(name="a", formula=FORMULA),)
    )
    bi.impute(table(), plan, seed=1, progress=False).save(tmp_path / "run.nc")
    return tmp_path / "run.nc"


def test_commands_keep_them_in_the_file(
    saved: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    fitted = fitting(monkeypatch)
    main(["diagnose", str(saved)])
    first = capsys.readouterr()
    assert f"The analyses are kept in {saved}: they will not be fitted again." in first.err and len(fitted) == 1
    content = saved.read_bytes()
    for command in ("pool", "diagnose", "report"):
        main([command, str(saved)])
        said = capsys.readouterr()
        assert "kept from an earlier fit" in said.err and (command != "diagnose" or said.out == first.out)
    assert len(fitted) == 1 and saved.read_bytes() == content


def test_a_file_that_cannot_be_or_has_been_written_stays(
    saved: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    before = saved.read_bytes()
    monkeypatch.setattr("bayesimpute.base.saving.os.access", lambda *anything, **more: False)
    assert main(["pool", str(saved)]) == 0
    assert "warning: the analyses were not kept, and will be fitted again" in capsys.readouterr().err
    assert saved.read_bytes() == before
    monkeypatch.undo()
    monkeypatch.setattr(kept_analyses, "SLOW", -1.0)
    own = MultiplyImputed.analyse

    def meanwhile(self: MultiplyImputed, *arguments: Any, **options: Any) -> bi.Analyses:
        os.utime(saved, (1, 1))
        return own(self, *arguments, **options)

    monkeypatch.setattr(MultiplyImputed, "analyse", meanwhile)
    assert main(["pool", str(saved)]) == 0
    assert "it has changed since it was read" in capsys.readouterr().err and saved.read_bytes() == before


@pytest.mark.slow
def test_a_posterior_is_not_sampled_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    imputed = made()
    first = imputed.analyse("y ~ x", engine="bambi", progress=False)
    imputed.save(tmp_path / "run.nc")
    fitted = fitting(monkeypatch)
    again = bi.load(tmp_path / "run.nc").analyse("y ~ x", engine="bambi", progress=False)
    assert fitted == []
    assert_same(again.estimates, first.estimates)
    pd.testing.assert_frame_equal(again.mix().table, first.mix().table)
