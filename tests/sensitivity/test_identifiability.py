"""The verdict, the words, the JSON, the plot and the command; and what is refused."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from selection_runs import RHO, parts, run, selecting

import bayesimpute as bi
from bayesimpute import Identification, InputError, MultiplyImputed, identification
from bayesimpute.base.errors import FileError
from bayesimpute.base.priors import Prior
from bayesimpute.cli.parser import main
from bayesimpute.families import HeckmanProbit
from bayesimpute.plotting.plots import plot_identification, plot_identifications
from bayesimpute.sensitivity.prior_posterior import Movement, moved
from bayesimpute.sensitivity.selection_draws import Correlation
from bayesimpute.sensitivity.verdict import CLEARLY, NOT, WEAKLY, about_dependence, about_priors, judged

GRID = (-0.5, 0.0, 0.999)


@pytest.fixture(scope="module")
def imputed() -> MultiplyImputed:
    return run(selecting("b ~ x", "x + z + I(x**2) + (1 | g)"), "y ~ x", sweeps=300)


@pytest.fixture(scope="module")
def found(imputed: MultiplyImputed) -> Identification:
    return identification(imputed, rho=GRID, refit=False)


def movement(**values: float) -> Movement:
    z = np.random.default_rng(1).normal(0, 0.5, (4, 400))
    made = moved(Correlation(z=z, prior=Prior.of("Uniform", -1, 1), linear=False, name="rho", dependence=RHO))
    return replace(made, **values)


# The verdict ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("values", "verdict"),
    [
        ({"kl": 1.2, "overlap": 0.3, "conf_low": -0.7, "conf_high": -0.1}, CLEARLY),
        ({"kl": 1.2, "overlap": 0.3, "conf_low": -0.9, "conf_high": 0.3}, WEAKLY),
        ({"kl": 0.9, "overlap": 0.4, "conf_low": -0.79, "conf_high": 0.0}, WEAKLY),
        ({"kl": 0.19, "overlap": 0.5, "conf_low": -0.5, "conf_high": 0.5}, NOT),
        ({"kl": 0.5, "overlap": 0.76, "conf_low": -0.5, "conf_high": 0.5}, NOT),
        ({"kl": 0.5, "overlap": 0.5, "conf_low": -0.9, "conf_high": 0.9}, NOT),
    ],
)
def test_rules(values: dict[str, float], verdict: str) -> None:
    assert judged(movement(**values)) == verdict


def test_draws_from_the_prior_identify_nothing(found: Identification) -> None:
    (each,) = found
    assert each is found["b"] and each.target == "b" and len(found) == 1
    assert each.verdict == "not identified" and each.rho is not None and each.rho.overlap > 0.9
    text = str(found)
    assert "This does not say that rho is 0" in text and "tend to pull rho towards 0" in text
    assert "rests on z (" in text and "the random effects 1|g (" in text
    assert set(each.exclusions["term"]) == {"z", "I(x ** 2)", "1|g"}
    assert each.by_rho["how"].tolist() == ["draws", "draws", "needs a refit"]
    for title, table in each.tables.items():
        assert title in text and len(table)


def test_without_an_exclusion_variable_it_says_what_identification_rests_on() -> None:
    each = identification(run(selecting("b ~ x", "x + I(x**2)"), sweeps=60), refit=False)["b"]
    words = " ".join(each.sentences)
    assert "no exclusion variable" in words and "normal distribution" in words and "shape of I(x ** 2)" in words
    assert each.share == 0


def test_few_effective_draws_are_said_to_be_few() -> None:
    assert "Caution" in " ".join(about_dependence(movement(ess=120.0), WEAKLY))
    assert "Caution" in " ".join(about_dependence(movement(ess=float("nan")), WEAKLY))
    assert "Caution" not in " ".join(about_dependence(movement(ess=900.0), WEAKLY))


def test_the_pull_of_flat_coefficients_has_its_figures() -> None:
    rows = {
        "prior": ["the plan's", "coefficients: prior SDs halved", "coefficients: prior SDs doubled"],
        "how": ["draws", "reweighted", "reweighted"],
        "estimate": [0.174, 0.179, 0.172],
        "sd": [0.03] * 3,
        "rho": [-0.48, -0.51, -0.47],
    }
    words = " ".join(about_priors(pd.DataFrame(rows), "rho"))
    assert "-0.51 with the coefficients' prior SDs halved, -0.48 with the plan's, and -0.47 with them doubled" in words
    assert "from 0.172 (coefficients: prior SDs doubled) to 0.179" in words


def test_a_fixed_rho_is_said_to_be_fixed() -> None:
    each = identification(run(selecting(family=HeckmanProbit(rho=-0.3)), sweeps=60), rho=(-0.3, 0.2), refit=False)["b"]
    assert each.verdict == "rho is fixed" and each.rho is None and each.priors.empty
    assert "fixed at -0.3" in each.sentences[0]
    assert each.by_rho["how"].tolist() == ["needs a refit", "draws"][::-1]
    assert json.loads(json.dumps(each.to_json_dict(), allow_nan=False))["rho"] is None
    assert len(plot_identification(each).axes) == 2


def test_rho_by_cluster_is_judged_at_its_centre_and_rho_without_intercept_is_not() -> None:
    each = identification(run(selecting(rho="(1 | g)"), sweeps=100), refit=False)["b"]
    assert each.rho is not None and "Fisher's z" in each.rho.prior
    apart = identification(run(selecting(rho="0 + x"), sweeps=100), refit=False)["b"]
    assert apart.verdict == "no common rho" and apart.rho is None and apart.by_rho.empty and len(apart.exclusions)
    assert len(plot_identification(apart).axes) == 2


def test_refits_are_counted_and_judged(imputed: MultiplyImputed) -> None:
    each = identification(run(sweeps=60), rho=(0.99,), refit=True, seed=9)["b"]
    assert each.by_rho["how"].tolist() == ["refit"] and each.by_rho["estimate"].notna().all()
    words = " ".join(each.sentences)
    assert "2 chains of 2 + 60 sweeps" in words and "take these refits as rough" in words


def test_two_selection_models_in_one_run() -> None:
    imputed = run(selecting(), selecting("y ~ x", family="heckman_gaussian"), sweeps=100)
    found = identification(imputed, refit=False)
    assert {each.target for each in found} == {"b", "y"}
    assert [each.target for each in identification(imputed, targets="y", refit=False)] == ["y"]
    with pytest.raises(KeyError, match="is not among"):
        found["x"]
    assert (found["y"].priors["how"][1:] == "needs a refit").all()


def test_names_are_public_and_the_function_stays_the_function() -> None:

    assert callable(bi.identification) and bi.Identification is Identification


# Out -----------------------------------------------------------------------------------------------------------------


def test_json_has_everything_and_no_nan(found: Identification) -> None:
    made = json.loads(json.dumps(found.to_json_dict(), allow_nan=False))
    (each,) = made["targets"]
    assert set(each) == {
        "target", "family", "verdict", "sentences", "exclusions", "share", "rho", "priors", "by_rho"
    }  # fmt: skip
    assert {"mean", "sd", "conf_low", "conf_high", "kl", "overlap", "ess"} <= set(each["rho"])
    assert each["by_rho"][-1] == {"rho": 0.999, "how": "needs a refit"} | dict.fromkeys(
        ("estimate", "sd", "conf_low", "conf_high", "ess")
    )
    assert each["exclusions"][0]["term"] == "z" and each["priors"][0]["prior"] == "the plan's"


def test_the_plot_shows_prior_posterior_and_curve(found: Identification, tmp_path: Path) -> None:
    each = found["b"]
    left, right = plot_identification(each).axes
    prior, posterior = (np.asarray(line.get_ydata()) for line in left.get_lines())
    assert np.allclose(prior, 0.5) and posterior.shape == prior.shape
    points = next(line for line in right.get_lines() if line.get_marker() == "o")
    assert np.asarray(points.get_ydata()) == pytest.approx(each.by_rho["estimate"].dropna().to_numpy())
    (path,) = plot_identifications(found, tmp_path)
    assert path.name == "identification_b.png" and path.read_bytes().startswith(b"\x89PNG")
    with pytest.raises(FileError, match="exists already"):
        plot_identifications(found, tmp_path)
    plot_identifications(found, tmp_path, force=True)


def test_the_command(imputed: MultiplyImputed, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    imputed.save(tmp_path / "run.nc")
    words = ["identify", str(tmp_path / "run.nc"), "--no-refit", "--no-progress"]
    assert main([*words, "--plot", str(tmp_path / "plots")]) == 0
    out, err = capsys.readouterr()
    assert out.startswith("b (heckman_probit): not identified") and "Exclusion variables" in out
    assert "identification_b.png" in err and (tmp_path / "plots" / "identification_b.png").exists()
    assert main([*words, "--plot", str(tmp_path / "plots")]) == 1
    assert "exists already" in capsys.readouterr().err
    assert main([*words, "--json", "--target", "b"]) == 0
    out, err = capsys.readouterr()
    assert json.loads(out)["targets"][0]["verdict"] == "not identified" and not err
    assert main([*words, "--target", "bb"]) == 1
    assert 'there is no target "bb"; did you mean "b"?' in capsys.readouterr().err


@pytest.mark.slow
def test_the_command_says_which_refit_it_makes(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run(selecting(priors={"rho": "FisherNormal(0, 0.1)"}), sweeps=60).save(tmp_path / "run.nc")
    assert main(["identify", str(tmp_path / "run.nc")]) == 0
    _, err = capsys.readouterr()
    assert "b: refit under rho = 0.8" in err


# Refusals ------------------------------------------------------------------------------------------------------------


def test_a_run_without_selection_model_is_told_which_families_have_one(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    imputed = run("y ~ x", sweeps=60)
    with pytest.raises(InputError, match="no target of this run has a selection model") as caught:
        identification(imputed)
    assert "heckman_gaussian or " in str(caught.value) and " or heckman_probit" in str(caught.value)
    imputed.save(tmp_path / "run.nc")
    assert main(["identify", str(tmp_path / "run.nc")]) == 1
    assert "heckman_probit" in capsys.readouterr().err


def test_everything_that_is_at_fault_is_told_at_once(imputed: MultiplyImputed) -> None:
    with pytest.raises(InputError) as caught:
        identification(imputed, targets=["y", "bb"], rho=(-1.0, 0.5, 2.0, float("nan")))
    findings = [p.finding for p in caught.value.problems]
    assert findings[:2] == ['"y" has no selection model', 'there is no target "bb"']
    assert sum("is not a correlation to use" in f for f in findings) == 3


def test_too_few_sweeps_are_refused() -> None:
    with pytest.raises(InputError, match="40 kept sweeps in all, 100 are needed"):
        identification(run(sweeps=20), refit=False)


def test_a_run_that_was_stopped_is_judged_by_what_all_chains_have() -> None:
    imputed = run(sweeps=100)
    whole, _, _ = parts(imputed)
    record = imputed.record
    leg = record.legs[1]
    shorter = replace(
        leg,
        draws={t: x[:80] for t, x in leg.draws.items()},
        imputed={t: x[:80] for t, x in leg.imputed.items()},
        stats={t: x[:80] for t, x in leg.stats.items()},
    )
    stopped = MultiplyImputed.of(replace(record, legs=(record.legs[0], shorter)))
    draws, _, _ = parts(stopped)
    assert draws.estimate.shape == (2, 80)
    # averages of fewer draws at once, which may be added in another order
    np.testing.assert_allclose(draws.estimate, whole.estimate[:, :80], rtol=1e-12)
    np.testing.assert_array_equal(draws.named["rho"], whole.named["rho"][:, :80])
