"""Plots: what they show is in the figures' artists; files, names and states of other people's pyplot."""

import struct
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from matplotlib.figure import Figure

from bayesimpute.base.errors import FileError
from bayesimpute.data.simulation import simulate_school
from bayesimpute.imputed import MultiplyImputed, impute
from bayesimpute.plan.options import Run
from bayesimpute.plan.plan import Plan
from bayesimpute.plotting.plots import (
    IMPUTED,
    OBSERVED,
    PLOTS,
    file_names,
    plot_all,
    plot_density,
    plot_rank,
    plot_strip,
    plot_trace,
)

pytestmark = pytest.mark.long(14)

ODD = "growth in $ (100%)/αβγ 漢"


@pytest.fixture(scope="module")
def imputed() -> MultiplyImputed:
    """A number with an awkward name, a yes/no variable with labels, and a level-2 variable, by the null sampler."""
    data = simulate_school(5, clusters=12, size=6)
    frame = data.complete.assign(popular=data.incomplete["popular"]).rename(columns={"popular": ODD})
    label = pd.Series(np.where(frame["sex"] == 1, "girl", "boy"), index=frame.index, dtype="str")
    frame = frame.assign(
        sex=label.mask(frame.index % 7 == 0), texp=frame["texp"].astype(float).mask(frame["school"] < 3)
    )
    formulas = [
        f"`{ODD}` ~ sex + texp + (1 | school)",
        f"sex ~ `{ODD}` + extrav",
        f"texp ~ cluster_mean(`{ODD}`, school)",
    ]
    run = Run(sampler="prior", m=6, chains=3, warmup=2, sweeps=40)
    return impute(frame, Plan.of(formulas, run=run), seed=1, progress=False)


@pytest.fixture(scope="module")
def small() -> MultiplyImputed:
    """One target: four pictures."""
    data = simulate_school(5, clusters=5, size=4).incomplete[["popular", "school"]]
    run = Run(sampler="prior", m=10, chains=10, warmup=1, sweeps=1)  # the scheme of mice
    return impute(data, Plan.of("popular ~ 1 + (1 | school)", run=run), seed=1, progress=False)


def lines(figure: Figure, axis: int = 0) -> list[np.ndarray]:
    return [np.asarray(line.get_ydata()) for line in figure.axes[axis].get_lines()]


def test_traces_are_the_chains(imputed: MultiplyImputed) -> None:
    figure = plot_trace(imputed, ODD)
    titles = [ax.get_title() for ax in figure.axes]
    assert titles[:2] == ["mean of imputed values", "sd of imputed values"] and "1|school_sigma" in titles
    posterior = imputed.draws(ODD)
    for name in ("sigma", "1|school_sigma"):
        shown = lines(figure, titles.index(name))
        values = next(v.values for v in posterior.values() if v.attrs["name"] == name)
        assert np.array_equal(np.stack(shown), values)
    assert np.array_equal(
        np.stack(lines(figure)), next(v for v in imputed.tree["chains"].values() if v.attrs["target"] == ODD).values
    )


def test_ranks_count_every_draw_of_every_chain_once(imputed: MultiplyImputed) -> None:
    for target in imputed.targets:
        for ax in plot_rank(imputed, target).axes:
            if not ax.axison:
                continue
            counts = np.stack([patch.get_data().values for patch in ax.patches])
            assert counts.shape[0] == 3 and (counts.sum(axis=1) == 40).all()
            # each bin holds the same number of ranks of all chains, also where values are tied
            assert np.ptp(counts.sum(axis=0)) <= 1


def test_densities_integrate_to_one(imputed: MultiplyImputed) -> None:
    figure = plot_density(imputed, ODD)
    drawn = figure.axes[0].get_lines()
    assert [line.get_color() for line in drawn] == [IMPUTED] * 6 + [OBSERVED]
    for line in drawn:
        x, y = np.asarray(line.get_xdata()), np.asarray(line.get_ydata())
        assert np.trapezoid(y, x) == pytest.approx(1, abs=1e-3)  # the kernel's tails beyond 4 SD are 6e-5


def test_shares_of_a_yes_no_variable(imputed: MultiplyImputed) -> None:
    ax = plot_density(imputed, "sex").axes[0]
    heights = [bar.get_height() for bar in ax.patches]
    observed = imputed.incomplete.frame["sex"].dropna()
    gap = imputed.incomplete.frame["sex"].isna().to_numpy()
    girls = np.mean([np.mean(frame["sex"].to_numpy()[gap] == "girl") for frame in imputed])
    assert heights == pytest.approx([(observed == "boy").mean(), (observed == "girl").mean(), 1 - girls, girls])
    assert [label.get_text() for label in ax.get_xticklabels()] == ["boy", "girl"]


def test_strips_have_every_value_a_cluster_once(imputed: MultiplyImputed) -> None:
    frame = imputed.incomplete.frame
    for target, n_observed, n_missing in (
        (ODD, int(frame[ODD].notna().sum()), int(frame[ODD].isna().sum())),
        ("texp", 10, 2),
    ):
        sizes = [len(y) for y in lines(plot_strip(imputed, target))]
        assert sizes == [n_observed] + [n_missing] * 6
    shares = lines(plot_strip(imputed, "sex"))[-1]
    assert shares.shape == (6,) and ((shares >= 0) & (shares <= 1)).all()


def test_few_imputed_values_share_one_density(imputed: MultiplyImputed) -> None:
    assert len(plot_density(imputed, "texp").axes[0].get_lines()) == 2


def test_files_have_safe_names_and_hold_pictures(imputed: MultiplyImputed, tmp_path: Path) -> None:
    paths = plot_all(imputed, tmp_path / "plots")
    assert sorted(p.name for p in (tmp_path / "plots").iterdir()) == sorted(p.name for p in paths)
    assert {p.name for p in paths} == {
        f"{plot}_{name}.png" for plot in PLOTS for name in ("growth_in_100_", "sex", "texp")
    }
    for path in paths:
        head = path.read_bytes()[:24]
        width, height = struct.unpack(">II", head[16:24])
        assert head[:8] == b"\x89PNG\r\n\x1a\n" and width > 600 and height > 300


def test_names_never_meet() -> None:
    names = file_names(("a/b", "a b", "A_B", "..", "", "x" * 300, "x" * 301, "Ä"))
    assert len({name.lower() for name in names.values()}) == len(names)
    assert all(name and len(name) <= 84 and not set(name) & set('/\\:*?"<>| ') for name in names.values())
    assert not any(name.startswith(".") for name in names.values())


def test_files_that_are_there_are_named_all_at_once_and_kept(small: MultiplyImputed, tmp_path: Path) -> None:
    for name in ("trace_popular.png", "strip_popular.png"):
        (tmp_path / name).write_text("mine")
    with pytest.raises(FileError) as caught:
        plot_all(small, tmp_path)
    assert [Path(p.path).name for p in caught.value.problems] == ["trace_popular.png", "strip_popular.png"]
    assert sorted(p.name for p in tmp_path.iterdir()) == ["strip_popular.png", "trace_popular.png"]
    plot_all(small, tmp_path, force=True)
    assert (tmp_path / "trace_popular.png").read_bytes().startswith(b"\x89PNG")


def test_a_folder_that_cannot_be_made(imputed: MultiplyImputed, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    for folder in (tmp_path / "file", tmp_path / "no" / "such"):
        with pytest.raises(FileError, match="this folder cannot be made"):
            plot_all(imputed, folder)


def test_an_unknown_target_is_a_key_error(imputed: MultiplyImputed) -> None:
    for plot in (plot_trace, plot_rank, plot_density, plot_strip):
        with pytest.raises(KeyError, match="the targets are"):
            plot(imputed, "extrav")


def test_the_scheme_of_mice_can_be_plotted(small: MultiplyImputed, tmp_path: Path) -> None:
    assert len(plot_all(small, tmp_path)) == 4


@pytest.mark.slow
def test_pyplot_is_left_alone(small: MultiplyImputed, tmp_path: Path) -> None:
    small.save(tmp_path / "x.nc")
    code = """
import sys
import matplotlib
matplotlib.rcParams["lines.linewidth"] = 17
from bayesimpute.imputed import MultiplyImputed
from bayesimpute.plotting.plots import plot_all
plot_all(MultiplyImputed.load(sys.argv[1]), sys.argv[2])
assert "matplotlib.pyplot" not in sys.modules
assert matplotlib.rcParams["lines.linewidth"] == 17"""
    subprocess.run([sys.executable, "-W", "error", "-c", code, tmp_path / "x.nc", tmp_path], check=True)
