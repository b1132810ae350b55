"""Reports: every number is that of the object it comes from; what is cited is in the BibTeX; the command line."""

import json
import platform
import re
from dataclasses import replace
from importlib.metadata import version
from math import inf
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import pytest
from looping import FORMULAS, fresh_record, prior_plan, run_prior, table

import bayesimpute as bi
from bayesimpute import Analysis, BayesimputeError, Conditional, Derived, InputError, MultiplyImputed, Plan, Run
from bayesimpute.base.paper_tables import number
from bayesimpute.cli.parser import main
from bayesimpute.families import Categorical, Gaussian, HeckmanGaussian, HeckmanProbit, Ordinal
from bayesimpute.families.zero_inflated_poisson import ZeroInflatedPoisson
from bayesimpute.reporting import imputation_models, run_summary
from bayesimpute.reporting.publications import REFERENCES

pytestmark = pytest.mark.long(14)

ANALYSIS = "y ~ x"
SELECTION = {"mu": "b ~ x + (1 | g)", "selection": "x + (1 | g) + (1 | h)"}
RUN = Run(m=6, chains=2, warmup=3, sweeps=14, steps=1, sampler="prior")


def survey() -> pd.DataFrame:
    """The table with a yes/no variable, one that no model has, and a level-2 variable with a cluster of its own."""
    frame = table()
    frame["h"] = frame.index % 4
    frame["b"] = pd.Categorical(np.where(frame.index % 3 == 0, "no", "yes"))
    frame.loc[2::7, "b"] = np.nan
    frame.loc[frame["g"] == 2, ["b", "z"]] = np.nan
    frame.loc[frame["g"] == 3, "w"] = np.nan
    frame.loc[0, "w"] = np.nan
    return frame


@pytest.fixture(scope="module")
def imputed() -> MultiplyImputed:
    """Two MAR models, a level-2 one, a selection model, a derived variable, and an analysis."""
    selecting = Conditional(
        target="b", family="heckman_probit", formulas=SELECTION, priors={"x": "Normal(0, 2)", "rho": "ScaledBeta(2, 2)"}
    )
    plan = Plan.of(
        [*FORMULAS, selecting, "w ~ cluster_mean(y, g)"],
        derived=(Derived(name="d", expression="x + y"),),
        analyses=(Analysis(name="main", formula=ANALYSIS), Analysis(name="other", formula="x ~ y", covariance="HC3")),
        run=RUN,
    )
    return bi.impute(survey(), plan, seed=11, progress=False)


@pytest.fixture(scope="module")
def text(imputed: MultiplyImputed) -> str:
    return imputed.report(analyses={"main": imputed.analyse(ANALYSIS)})


def section(text: str, title: str) -> str:
    (found,) = re.findall(rf"^## {title}\n\n(.*?)(?=\n\n## |\Z)", text, re.MULTILINE | re.DOTALL)
    return found


def line(text: str, start: str) -> str:
    (found,) = [each for each in text.splitlines() if each.startswith(start)]
    return found


def holds(text: str, *facts: str) -> None:
    """Facts and numbers, in whatever sentence."""
    missing = [fact for fact in facts if fact not in text]
    assert not missing, (missing, text)


def with_family(family: Any, **formulas: str) -> str:
    """The line of a selection model of its own."""
    name = "b" if isinstance(family, HeckmanProbit) else "y"
    made = {"mu": f"{name} ~ x + (1 | g)", "selection": "x + z + (1 | g)", **formulas}
    frame = survey().assign(x=1.0 * np.arange(40), z=np.arange(40) % 5)
    frame.loc[frame["g"] == 2, "y"] = np.nan
    found = run_prior(frame[["g", "x", "z", name]], Conditional(target=name, family=family, formulas=made))
    return line(bi.report(found), f"- `{name}`: {family.name}")


def test_what_was_missing_is_what_the_data_lack(text: str) -> None:
    frame = survey()
    found = section(text, "Missing data")
    gaps = frame.isna()
    complete, cells = int((~gaps.any(axis=1)).sum()), int(gaps.to_numpy().sum())
    holds(
        found.splitlines()[0],
        f"{len(frame)} units in 8 clusters of `g` and 4 clusters of `h`",
        f"{frame.shape[1]} variables {int(gaps.any().sum())} had missing values",
        f"{complete} of {len(frame)} units ({100 * complete / len(frame):.1f} %)",
        f"{cells} of {frame.size} cells ({100 * cells / frame.size:.1f} %)",
    )
    for name in frame.columns[gaps.any()]:
        share = f"{gaps[name].sum()} of {len(frame)} units ({100 * gaps[name].mean():.1f} %)"
        assert line(found, f"- `{name}`").startswith(f"- `{name}`: {share}")
        for key in ("g",) if name == "w" else ("g", "h"):
            empty = int(gaps.groupby(frame[key])[name].all().sum())
            said = f"all values in {empty} of {frame[key].nunique()} clusters of `{key}`"
            assert (said in line(found, f"- `{name}`")) == (empty > 0)
    assert "left missing, for no model imputes it" in line(found, "- `z`")
    assert "it is constant within clusters of `g`" in line(found, "- `w`")
    assert found.count("left missing") == 1 and found.count("constant within") == 1


def test_models_have_families_formulas_and_keys(text: str) -> None:
    found, frame = section(text, "Imputation"), survey()
    models = [each for each in found.splitlines() if re.match(r"- `\w+`: ", each)]
    assert [each.split("`")[1] for each in models] == ["w", "x", "y", "b"]
    observed = frame.notna().sum()
    for target, formula in (("y", FORMULAS[0]), ("x", FORMULAS[1])):
        holds(
            line(found, f"- `{target}`: "),
            "gaussian (identity link)",
            f"`{formula}`",
            "andom effects by `g`",
            f"{observed[target]} observed units",
            f"imputed for {len(frame) - observed[target]}",
        )
    level_2 = line(found, "- `w`: ")
    holds(level_2, "`w ~ cluster_mean(y, g)`", "No random effects", "7 observed clusters of `g`", "imputed for 1")
    holds(found, "`w`, `x` and `y` were taken as missing at random", "`d` = `x + y`")


def test_models_of_labels_name_those_that_have_a_predictor() -> None:
    assert imputation_models._linked(Categorical(shown=("b", "c"))) == "with a linear predictor for `b` and `c`"
    assert imputation_models._linked(Gaussian()) == "identity link"
    assert imputation_models._linked(Ordinal(link="probit")) == "probit link"
    assert imputation_models._linked(ZeroInflatedPoisson()) == "log link; zero: logit link"


@pytest.mark.parametrize(
    ("recorded", "called"),
    [(["sd", "mean"], "standard deviations and means"), (["share of a", "share of b"], "summaries"), ([], "means")],
)
def test_summaries_of_imputed_values_are_named_where_they_are_few(recorded: list[str], called: str) -> None:
    imputed = pd.DataFrame({"statistic": pd.Series(recorded, dtype=str)})
    assert called in run_summary._summaries(SimpleNamespace(imputed=imputed))  # pyright: ignore[reportArgumentType]


def test_selection_models_are_named_as_such(text: str) -> None:
    found, frame = line(section(text, "Imputation"), "- `b`: "), survey()
    holds(
        found,
        "heckman_probit (probit link)",
        "`b ~ x + (1 | g)`",
        "`selection: x + (1 | g) + (1 | h)`",
        "by `g` and `h`",
        f"{frame['b'].notna().sum()} observed units",
        f"imputed for {frame['b'].isna().sum()}",
        "missing not at random (Heckman 1979; van de Ven & van Praag 1981; Muñoz et al. 2024)",
        "rho was estimated, with the prior `ScaledBeta(alpha=2.0, beta=2.0)`",
        "what identifies the correlation: `1|h`",
        "1 cluster (5 values) had no observed value",
        "`x` `Normal(mu=0.0, sigma=2.0)`",
    )
    assert found.count("ScaledBeta") == 1


def test_a_correlation_that_is_fixed_or_has_a_formula() -> None:
    fixed = with_family(HeckmanGaussian(rho=-0.25))
    assert "Their correlation was fixed at -0.25." in fixed and "(Heckman 1979; Muñoz et al. 2024)" in fixed
    assert "Excluded from the outcome's equation: `z`." in fixed
    alone = with_family(HeckmanGaussian(rho=-0.25), selection="x + (1 | g)")
    assert "There is no exclusion variable. " in alone and "rests on" not in alone
    varying = with_family(HeckmanProbit(), rho="(1 | g)")
    assert "Their correlation rho followed `(1 | g)` on Fisher's z scale." in varying
    assert "what identifies the correlation: `z`." in varying


def test_a_selection_model_without_exclusion_says_so() -> None:
    found = with_family(HeckmanGaussian(systematic="selected"), selection="x + (1 | g)")
    assert "There is no exclusion variable: the correlation rests on the distribution of the errors alone." in found
    assert "drawn from the outcome's equation alone" not in found
    assert "with the prior `Uniform(" in found


def test_names_with_back_quotes_stay_as_they_are() -> None:
    frame = table()[["g", "x", "y"]].rename(columns={"x": "two words"})
    found = bi.report(run_prior(frame, "y ~ `two words` + (1 | g)", "`two words` ~ y"))
    assert "`` y ~ `two words` + (1 | g) ``" in found and "- `two words`: 8 of 40 units" in found


def test_the_run_is_told_with_its_numbers(text: str, imputed: MultiplyImputed) -> None:
    found = line(section(text, "Imputation"), "2 chains")
    numbers = ("2 chains", "3 sweeps of warm-up", "14 sweeps more", "m = 6", "3 from a chain", "4 sweeps apart")
    holds(found, *numbers)
    assert imputed.record.schedule.thin == 4
    assert "transitions of the sampler a visit: `w` 1, `x` 1, `y` 1, `b` 1 (as asked for)" in found
    assert "the sampler of the prior, which ignores the data" in found
    assert found.endswith("The random seed was 11.")


def test_a_run_that_was_extended_and_added_to() -> None:
    first = run_prior(table()[["g", "x", "y"]], *FORMULAS, m=4, sweeps=6)
    more = first.extend(9, progress=False).add(3, progress=False)
    schedule = more.record.schedule
    assert (schedule.base, schedule.m, schedule.chains) == (8, 7, 2)
    found = line(section(bi.report(more), "Imputation"), "2 chains")
    holds(found, "8 sweeps of warm-up (2 of them with adaptation)", f"{schedule.sweeps} sweeps more", "m = 7 completed")
    holds(found, "up to 4 from a chain", f"{schedule.thin} sweeps apart")


def test_inner_steps_that_warm_up_chose() -> None:
    record = run_prior(table()[["g", "x", "y"]], *FORMULAS).record
    states = tuple(replace(s, steps={"x": 4, "y": 2 + 3 * s.chain}) for s in record.states)
    plan = record.plan.with_run(sampler="auto", steps="auto")
    legs = tuple(
        replace(leg, events=tuple(replace(e, what=e.what.replace("prior", "nuts")) for e in leg.events))
        for leg in record.legs
    )
    found = bi.report(MultiplyImputed.of(replace(record, states=states, plan=plan, legs=legs)))
    assert "transitions of the sampler a visit: `x` 4, `y` 2 to 5 (chosen in warm-up so that" in found
    assert "by the No-U-Turn sampler (Hoffman & Gelman 2014)" in found


def test_one_incomplete_variable_is_ordinary_mcmc() -> None:
    found = bi.report(run_prior(table()[["g", "z", "y"]], "y ~ z", steps="auto"))
    assert "`y` 1 (with one incomplete variable the loop is ordinary Markov chain Monte Carlo)" in found


def test_what_was_done_automatically_is_told(text: str) -> None:
    found = section(text, "Imputation")
    assert "- w: 1 cells filled in from members of the same g (it is constant within clusters)" in found
    assert "- warning: conditional[b].formulas.selection: there are only 4 clusters" in found
    assert "family gaussian" not in found and "left missing" not in found


def test_convergence_is_that_of_the_diagnosis(text: str, imputed: MultiplyImputed) -> None:
    found = imputed.diagnose(analyses=[imputed.analyse(ANALYSIS)])
    both = pd.concat([found.parameters, found.imputed])
    shown = section(text, "Convergence")
    holds(
        shown,
        f"{len(found.parameters)} parameters",
        f"{len(found.imputed)} means and standard deviations",
        f"R-hat was at most {np.nanmax(both['r_hat']):.3f}",
        f"bulk ESS at least {np.nanmin(both['ess_bulk']):.0f}",
        f"tail ESS at least {np.nanmin(both['ess_tail']):.0f}",
        f"{found.divergences} of {found.transitions} transitions",
        f"Verdict: {found.sentence}",
    )
    assert found.converged is False
    assert [each[2:] for each in shown.splitlines() if each.startswith("- ")] == list(found.reasons)


def test_too_few_draws_have_no_figures() -> None:
    found = bi.report(run_prior(table()[["g", "x", "y"]], *FORMULAS, m=2, sweeps=2))
    shown = section(found, "Convergence")
    assert "R-hat was at most" not in shown and "Verdict: It cannot be told whether" in shown
    assert "- [ ] Before anything else, mend this: It cannot be told" in found


def test_pooling_has_the_figures_of_the_analyses(text: str, imputed: MultiplyImputed) -> None:
    pooled = imputed.pool(ANALYSIS)
    shown = section(text, "Analysis")
    worst = pooled.terms.loc[pooled.terms["fmi"].idxmax()]
    df = [number(float(x), 4) for x in (pooled.terms["df"].min(), pooled.terms["df"].max())]
    holds(
        line(shown, "- main: "),
        f"`{ANALYSIS}` (gaussian)",
        f"m = {pooled.m}; 95 % intervals; degrees of freedom {df[0]} to {df[1]}",
        f"fraction of missing information up to {worst['fmi']:.3f} (`{worst['term']}`)",
        *(pooled.df_note, pooled.m_note, *pooled.messages),
    )
    holds(line(shown, "- other: "), "`x ~ y` (gaussian, covariance HC3)", "no results were given")
    assert f"1 + 1/m = {1 + 1 / 6:.3f} times" in shown


def test_pooled_analyses_of_other_names_and_levels(imputed: MultiplyImputed) -> None:
    pooled = imputed.pool("x ~ y", conf_level=0.9, dfcom=30)
    shown = section(bi.report(imputed, analyses={"x ~ y": pooled}), "Analysis")
    assert pooled.m_note in line(shown, "- `x ~ y`. m = 6; 90 % intervals")
    assert pooled.df_note in shown and "30" in pooled.df_note
    complete = imputed.analyse("h ~ g").pool(dfcom=inf)
    shown = section(bi.report(imputed, analyses={"h ~ g": complete}), "Analysis")
    assert "degrees of freedom infinite; fraction of missing information up to 0.000" in shown


@pytest.mark.slow
def test_software_has_the_versions_of_the_run(imputed: MultiplyImputed, tmp_path: Path) -> None:
    shown = section(bi.report(imputed), "Software")
    for package, name in (("bayesimpute",) * 2, ("pymc", "PyMC"), ("bambi",) * 2, ("arviz", "ArviZ")):
        assert f"{name} {version(package)}" in shown
    assert f"Python {platform.python_version()} (Abril-Pla et al. 2023; Capretto et al. 2022" in shown
    other = MultiplyImputed(imputed.tree.copy())
    made = json.loads(other.tree.attrs["versions"])
    other.tree.attrs["versions"] = json.dumps({**made, "bayesimpute": "0.0.7", "pymc": "5.1", "python": "3.0"})
    other.save(tmp_path / "run.nc")
    loaded = MultiplyImputed.load(tmp_path / "run.nc")
    shown = section(bi.report(loaded), "Software")
    assert shown.startswith("Software: bayesimpute 0.0.7, PyMC 5.1, ") and "Python 3.0 " in shown
    assert "note = {Version 0.0.7}" in bi.cite(loaded)


def test_the_checklist_is_about_these_variables(text: str) -> None:
    shown = section(text, "Checklist")
    assert shown.splitlines()[0] == "What you must still say yourself (Lee et al. 2021; Sterne et al. 2009):"
    points = [each for each in shown.splitlines() if each.startswith("- [ ] ")]
    assert len(points) == len(shown.splitlines()) - 2
    assert line(shown, "- [ ] Why values are missing").endswith("for `x`, `y`, `z`, `w` and `b`.")
    assert "Why missing at random is plausible for `w`, `x` and `y`:" in shown
    assert "Why the selection model is plausible for `b`:" in shown


def test_a_run_without_models() -> None:
    frame = table()[["g", "z", "w"]]
    frame.loc[0, "w"] = np.nan
    found = bi.report(run_prior(frame, "w ~ cluster_mean(z, g)"))
    assert "No model was fitted: every missing cell that was filled in follows from the data." in found
    assert "at random" not in found and "Parameters were drawn" not in found
    assert "0 of 0 transitions" in found


def test_a_saved_run_has_the_same_report(imputed: MultiplyImputed, tmp_path: Path) -> None:
    imputed.save(tmp_path / "run.nc")
    loaded = MultiplyImputed.load(tmp_path / "run.nc")
    assert bi.report(loaded) == bi.report(imputed) and bi.cite(loaded) == bi.cite(imputed)


def test_a_run_that_was_stopped_has_no_report() -> None:
    frame = table()[["g", "x", "y"]]
    stopped = MultiplyImputed.of(fresh_record(frame, prior_plan(*FORMULAS)))
    with pytest.raises(BayesimputeError, match="this run was stopped before all its datasets were completed; go on"):
        bi.report(stopped)


def test_analyses_that_are_none_are_told_at_once(imputed: MultiplyImputed) -> None:
    other = run_prior(table()[["g", "x", "y"]], *FORMULAS, m=4)
    given: Any = {"a": "y ~ x", "b": other.analyse("y ~ x"), "c": imputed.analyse("y ~ x")}
    with pytest.raises(InputError) as caught:
        bi.report(imputed, analyses=given)
    assert [(p.path, p.finding) for p in caught.value.problems] == [
        ("analyses[a]", "str is not an analysis of the completed datasets"),
        ("analyses[b]", "it has 4 datasets, this run 6"),
    ]
    with pytest.raises(InputError, match="analyses: a list is not a mapping; name them"):
        bi.report(imputed, analyses=[given["c"]])  # type: ignore[arg-type]


# Citations -----------------------------------------------------------------------------------------------------------


def entries(text: str) -> dict[str, dict[str, str]]:
    """Keys and fields of BibTeX entries; every brace must be closed."""
    found = {}
    for entry in text.strip().split("\n\n"):
        first, *fields, last = entry.splitlines()
        assert last == "}" and entry.count("{") == entry.count("}")
        matched = re.fullmatch(r"@(article|book|misc)\{(\w+),", first)
        assert matched and matched[2] not in found
        pairs = [re.fullmatch(r"  (\w+) = \{(.+)\},", field) for field in fields]
        assert all(pairs)
        found[matched[2]] = {pair[1]: pair[2] for pair in pairs if pair}
    return found


def test_everything_that_the_text_names_is_cited(text: str, imputed: MultiplyImputed) -> None:
    cited = entries(bi.cite(imputed))
    named = {key for key, reference in REFERENCES.items() if reference.short in text}
    assert named == set(cited) and "hoffman2014" not in named
    names = re.findall(r"\(([^()]*?\d{4}(?:; [^()]*?\d{4})*)\)", text)
    shorts = {reference.short for reference in REFERENCES.values()}
    assert len(names) >= 8 and {each for name in names for each in name.split("; ")} <= shorts


def test_entries_are_whole() -> None:
    text = bi.cite()
    assert text.isascii()
    for key, fields in entries(text).items():
        needed = {"author", "title"} | ({"journal", "year", "volume", "pages"} if "journal" in fields else set())
        assert needed <= fields.keys(), key
        assert re.fullmatch(r"\D+", fields["author"]) and "&" not in fields["title"].replace(r"\&", "")
        assert "publisher" in fields or "journal" in fields or key == "bayesimpute"
    for reference in REFERENCES.values():
        year = reference.fields.get("year")
        assert reference.short == "bayesimpute" or reference.short.endswith(f" {year}")


def test_only_what_a_run_uses_is_cited(imputed: MultiplyImputed) -> None:
    selection = {"heckman1979", "vandeven1981", "munoz2024"}
    assert selection <= entries(bi.cite(imputed)).keys()
    assert "hoffman2014" not in entries(bi.cite(imputed)), "its parameters came from the prior"
    assert set(REFERENCES) - entries(bi.cite()).keys() == selection | {"bartlett2015", "tompsett2018"}
    numbers = Conditional(target="y", family="heckman_gaussian", formulas={"mu": "y ~ x", "selection": "x + z"})
    frame = table()[["y", "x", "z"]].assign(x=1.0 * np.arange(40))
    assert selection - entries(bi.cite(run_prior(frame, numbers))).keys() == {"vandeven1981"}
    plain = run_prior(table()[["g", "x", "y"]], *FORMULAS).record
    free = MultiplyImputed.of(replace(plain, plan=plain.plan.with_run(sampler="auto")))
    assert entries(bi.cite(free)).keys() == entries(bi.cite()).keys() - {"hoffman2014"}
    assert entries(bi.cite(free))["bayesimpute"]["note"] == f"Version {version('bayesimpute')}"


# The command line ----------------------------------------------------------------------------------------------------


@pytest.fixture
def saved(imputed: MultiplyImputed, tmp_path: Path) -> Path:
    imputed.save(tmp_path / "run.nc")
    return tmp_path / "run.nc"


def test_report_prints_the_report_with_the_plans_analyses(
    saved: Path, imputed: MultiplyImputed, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["report", str(saved)]) == 0
    analyses = {a.name: imputed.analyse(a.formula, **a.options) for a in imputed.plan.analyses}
    assert capsys.readouterr().out == imputed.report(analyses=analyses)
    assert main(["report", str(saved), "--cite"]) == 0
    assert capsys.readouterr().out == bi.cite(imputed)


@pytest.mark.slow
def test_report_writes_files_once(saved: Path, imputed: MultiplyImputed, capsys: pytest.CaptureFixture[str]) -> None:
    out, references = saved.with_name("methods.md"), saved.with_name("references.bib")
    assert main(["report", str(saved), "--out", str(out)]) == 0
    assert capsys.readouterr().out == f"{out}\n"
    assert "- main: " in section(out.read_text(encoding="utf-8"), "Analysis")
    assert main(["report", str(saved), "--cite", "--out", str(references)]) == 0
    assert references.read_text(encoding="utf-8") == bi.cite(imputed)
    out.write_text("mine")
    assert main(["report", str(saved), "--out", str(out)]) == 1
    assert "the file exists already" in capsys.readouterr().err and out.read_text() == "mine"
    assert main(["report", str(saved), "--out", str(out), "--force"]) == 0
    assert out.read_text(encoding="utf-8").startswith("# Plan\n\n## Imputation")


@pytest.mark.parametrize(("words", "known"), [([], ".md, .txt"), (["--cite"], ".bib")])
def test_report_refuses_other_endings_before_it_reads(
    words: list[str], known: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["report", str(tmp_path / "none.nc"), "--out", str(tmp_path / "a.pdf"), *words]) == 1
    assert capsys.readouterr().err.endswith(f'the ending ".pdf" is not known; use one of {known}\n')


def test_report_goes_on_without_an_analysis_that_cannot_be_fitted(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    analyses = (Analysis(name="wrong", formula="y ~ nowhere"), Analysis(name="right", formula="y ~ x"))
    plan = replace(prior_plan(*FORMULAS), analyses=analyses)
    frame = table()[["g", "x", "y"]]
    record = run_prior(frame, *FORMULAS).record
    MultiplyImputed.of(replace(record, plan=plan)).save(tmp_path / "run.nc")
    assert main(["report", str(tmp_path / "run.nc")]) == 0
    out, err = capsys.readouterr()
    assert "warning: analysis[wrong]: " in err
    assert "- wrong: `y ~ nowhere` (gaussian), as planned; no results were given." in out and "- right: " in out


def test_report_refuses_a_run_that_was_stopped(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    record = fresh_record(table()[["g", "x", "y"]], prior_plan(*FORMULAS))
    MultiplyImputed.of(record).save(tmp_path / "run.nc")
    assert main(["report", str(tmp_path / "run.nc")]) == 1
    assert "stopped before all its datasets were completed; go on with: bayesimpute resume" in capsys.readouterr().err


def test_a_selection_model_with_another_copula_is_called_by_its_law() -> None:
    rng = np.random.default_rng(1)
    x, z, e = rng.normal(size=(3, 200))
    data = pd.DataFrame({"x": x, "z": z, "y": np.where(z + e > -0.5, x + e, np.nan)})
    family = HeckmanGaussian(copula="clayton180", tau=0.25)
    item = bi.Conditional(target="y", family=family, formulas={"mu": "y ~ x", "selection": "x + z"})
    made = bi.impute(data, [item], m=2, chains=2, warmup=2, sweeps=2, sampler="prior", seed=1, progress=False)
    found = str(made.report())
    assert "the errors of both equations are bound by a Clayton copula, turned by 180 degrees" in found
    assert "Their Kendall's tau was fixed at 0.25" in found
    assert "bivariate normal" not in found


def test_columns_that_say_what_is_known_are_no_variables_with_missing_values() -> None:
    frame: Any = table().drop(columns=["w"]).assign(low=np.nan, high=np.nan)
    gone = frame["y"].isna()
    frame.loc[gone, ["low", "high"]] = -9.0, 9.0
    frame["x"] = frame["x"].fillna(0.0)
    plan = Plan.of(["y ~ x"], known=[bi.Known(column="y", between=("low", "high"))], run=Run(m=2, chains=1, sweeps=2))
    text = bi.report(bi.impute(frame, plan, seed=1, progress=False))
    complete = len(frame) - int(gone.sum())
    assert f"{complete} of {len(frame)} units" in text and "variables 1 had missing values" in text
    assert "`low`" not in text.split("## ")[0] and "for `y`." in text
