"""The forest plot: its artists are the figures of the comparison."""

import numpy as np
import pytest
from matplotlib.collections import LineCollection
from matplotlib.figure import Figure

from bayesimpute import InputError, compare
from bayesimpute.plotting.forest import plot_forest
from bayesimpute.plotting.plots import CHAIN_COLOURS
from bayesimpute.pooling import Estimate, pool
from bayesimpute.pooling.side_by_side import Comparison

TERMS = ("Intercept", "$x_1$", "漢字")
NAMES = ("complete $cases$", "_imputed", "truth")


def fit(shift: float) -> Estimate:
    return Estimate(terms=TERMS[:2], estimates=np.array([1.0 + shift, -0.5]), covariance=np.diag([0.04, 0.01]))


@pytest.fixture(scope="module")
def compared() -> Comparison:
    pooled = pool([fit(shift) for shift in (0.0, 0.1, 0.3)])
    return compare(dict(zip(NAMES, (fit(0.2), pooled, {TERMS[1]: -0.4, TERMS[2]: 2.0}), strict=True)))


def drawn(figure: Figure, place: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Heights, estimates and intervals of an analysis, (term,), (term,) and (term, 2); NaN where nothing is drawn."""
    points = figure.axes[0].get_lines()[1 + place]
    lines = [c for c in figure.axes[0].collections if isinstance(c, LineCollection)][place]
    limits = [segment[:, 0] if len(segment) else [np.nan, np.nan] for segment in lines.get_segments()]
    return np.asarray(points.get_ydata()), np.asarray(points.get_xdata()), np.array(limits)


def test_points_and_lines_are_estimates_and_intervals(compared: Comparison) -> None:
    figure = plot_forest(compared)
    wide = compared.wide()
    for place, name in enumerate(NAMES):
        _, estimates, limits = drawn(figure, place)
        np.testing.assert_array_equal(estimates, wide[name]["estimate"])
        np.testing.assert_array_equal(limits, wide[name].reindex(columns=["conf_low", "conf_high"]))
    assert np.isnan(limits).all(), "the truth has no interval"
    assert figure.axes[0].get_xlabel() == "estimate (95 % interval)"


def test_each_term_has_a_place_and_each_analysis_a_colour(compared: Comparison) -> None:
    figure = plot_forest(compared)
    ax = figure.axes[0]
    assert [label.get_text() for label in ax.get_yticklabels()] == list(TERMS)
    low, high = sorted(ax.get_ylim())
    assert ax.get_ylim() == (high, low), "the first term is on top"
    heights = np.stack([drawn(figure, place)[0] for place in range(3)])
    assert len(np.unique(heights)) == heights.size
    np.testing.assert_allclose(heights.mean(axis=0), ax.get_yticks())
    assert heights.max(axis=0)[0] < heights.min(axis=0)[1], "the analyses of a term stand together"
    assert [line.get_color() for line in ax.get_lines()[1:]] == list(CHAIN_COLOURS[:3])
    legend = ax.get_legend()
    assert legend is not None and [text.get_text() for text in legend.get_texts()] == list(NAMES)


def test_chosen_terms_in_their_order(compared: Comparison) -> None:
    figure = plot_forest(compared, terms=[TERMS[1], TERMS[0]])
    assert [label.get_text() for label in figure.axes[0].get_yticklabels()] == [TERMS[1], TERMS[0]]
    np.testing.assert_array_equal(drawn(figure, 0)[1], [-0.5, 1.2])


def test_a_mapping_is_compared_first(compared: Comparison) -> None:
    figure = plot_forest({"one": fit(0.0)})
    np.testing.assert_array_equal(drawn(figure, 0)[1], [1.0, -0.5])
    with pytest.raises(InputError, match=r"compare\[one\]: list is no analysis"):
        plot_forest({"one": []})  # type: ignore[dict-item]


def test_unknown_terms_are_told_at_once(compared: Comparison) -> None:
    with pytest.raises(InputError) as caught:
        plot_forest(compared, terms=["intercept", "z", TERMS[1]])
    assert [p.finding for p in caught.value.problems] == [f'no analysis has the term "{t}"' for t in ("intercept", "z")]
    assert caught.value.problems[0].remedy == 'did you mean "Intercept"?'
    with pytest.raises(InputError, match="the list is empty"):
        plot_forest(compared, terms=[])
