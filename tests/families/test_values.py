"""What values a variable takes: which columns may be targets, what "auto" makes of them, starts, summaries, types."""

import numpy as np
import pandas as pd
import pytest

from bayesimpute.data.columns import Column, encode
from bayesimpute.families import FAMILIES, VALUES, Bernoulli, Binary, Gaussian, Real, Support, Values, accepting, auto
from bayesimpute.families.label_values import Ordered

COLUMNS = {
    "numbers": [1.5, 2.5, None],
    "0/1": [0, 1, None],
    "shares": [0.2, 0.7, None],
    "yes/no": [True, False, None],
    "two labels": ["a", "b", None],
    "three labels": ["a", "b", "c"],
    "ordered labels": pd.Categorical(["a", "b", None, "c"], ordered=True),
    "mixed": [1, "b", None],
    "dates": ["2024-01-01", "2024-01-02", None],
    "nothing": np.array([np.nan, np.nan]),
}
each_kind = pytest.mark.parametrize("kind", VALUES.values(), ids=VALUES)


def column(name: str) -> Column:
    return encode(pd.Series(COLUMNS[name]), "v")


def example(kind: type[Values]) -> Values:
    """Of the first column that such values suit, or where they suit none by themselves, that they accept."""
    mine = [column(name) for name in COLUMNS if kind.accepts(column(name))]
    return kind.of(next((each for each in mine if kind.suits(each)), mine[0]))


@pytest.mark.parametrize(
    ("name", "family", "accepted"),
    [
        ("numbers", Gaussian, {Real}),
        ("0/1", Bernoulli, {Real, Binary}),
        ("yes/no", Bernoulli, {Binary}),
        ("two labels", Bernoulli, {Binary}),
        ("three labels", None, set()),
        ("ordered labels", None, set()),
        ("mixed", None, set()),
        ("dates", None, set()),
        ("nothing", Gaussian, {Real}),
    ],
)
def test_what_may_be_a_target_and_what_auto_takes_are_two_questions(
    name: str, family: type | None, accepted: set[type[Values]]
) -> None:
    assert {kind for kind in (Binary, Real) if kind.accepts(column(name))} == accepted
    kinds = {kind for kind in VALUES.values() if kind.accepts(column(name))}
    assert accepting(column(name)) == tuple(
        key for key, each in FAMILIES.items() if each.values in kinds and each.density
    )
    if family is not None:
        assert auto(column(name)) is family
    else:
        suited = any(kind.suits(column(name)) for kind in VALUES.values())
        assert auto(column(name)).values.accepts(column(name)) == suited


def test_labels_and_precision_are_the_columns() -> None:
    assert [Binary.of(column(name)).labels for name in ("0/1", "yes/no", "two labels")] == [
        ("0", "1"),
        ("no", "yes"),
        ("a", "b"),
    ]
    assert Real.of(encode(pd.Series([1.5], dtype="float32"), "v")).dtype == np.float32
    assert Real.of(column("numbers")) == Real() and Real().labels == ()


@each_kind
def test_they_suit_nothing_that_they_do_not_accept(kind: type[Values]) -> None:
    assert VALUES[kind.name] is kind
    for name in COLUMNS:
        assert kind.accepts(column(name)) or kind.suits(column(name)) is None


@each_kind
def test_a_start_lies_in_the_support_and_fits_into_the_type_of_cells(kind: type[Values]) -> None:
    values, rng = example(kind), np.random.default_rng(1)
    plain = (
        [0.0, 1.0, 7.0] if values.support.whole else [0.2, 0.5, 0.9] if values.support.high == 1 else [1.0, 2.5, 4.0]
    )
    known = np.tile(values.support.points if values.support.points is not None else plain, 5)
    for spread in (0.0, 1.0):
        cells = values.start(rng, known, size=40, spread=spread)
        assert cells.shape == (40,) and cells.dtype == np.float64
        assert values.support.contains(cells).all()
        np.testing.assert_allclose(cells.astype(values.dtype), cells, rtol=1e-6)


@each_kind
def test_starts_follow_the_observed_values_and_lie_apart(kind: type[Values]) -> None:
    values = example(kind)
    inside = [v for v in (0.0, 0.2, 0.7, 1.0) if values.support.contains(np.array([v]))[0]]
    inside = inside[1:-1] if all(values.support.closed) else inside  # ends alone are a yes or no
    known = np.repeat([inside[0], inside[-1]], [700, 300])
    plain = values.start(np.random.default_rng(2), known, size=10_000, spread=0.0)
    assert abs(plain.mean() - known.mean()) < 4 * known.std() / 100
    means = [values.start(np.random.default_rng(s), known, size=1000, spread=1.0).mean() for s in range(20)]
    assert np.std(means) > 0.2 * known.std()


@each_kind
def test_summaries_have_the_same_names_whatever_the_cells(kind: type[Values]) -> None:
    values = example(kind)
    assert values.recorded == tuple(values.summaries(np.array([0.0, 1.0, 1.0])))
    assert all(np.isnan(value) for value in values.summaries(np.zeros(0)).values())


@each_kind
def test_labels_are_those_of_the_codes(kind: type[Values]) -> None:
    values = example(kind)
    assert not values.labels or len(values.labels) == len(np.atleast_1d(values.support.points))


def test_whole_numbers_include_their_ends_and_intervals_do_not() -> None:
    at = np.array([-1.0, 0.0, 0.5, 2.0, 3.0, np.nan])
    assert Support(low=0, high=2, whole=True).contains(at).tolist() == [False, True, False, True, False, False]
    assert Support(low=0, high=2).contains(at).tolist() == [False, False, True, False, False, False]
    closed = Support(low=0, high=2, closed=(True, False))
    assert closed.contains(at).tolist() == [False, True, True, False, False, False]
    assert Support(low=0, whole=True).points is None and Support(low=0, high=2).points is None
    assert list(np.atleast_1d(Support(low=0, high=2, whole=True).points)) == [0, 1, 2]


def test_a_text_has_no_order_that_anybody_meant() -> None:
    """The alphabet's would put mild before none; only who says an order has one."""
    pain = pd.Series(["none", "mild", "severe"] * 5)
    assert not Ordered.accepts(encode(pain, "v"))
    assert not Ordered.accepts(encode(pain.astype("category"), "v"))
    said = pain.astype(pd.CategoricalDtype(["none", "mild", "severe"], ordered=True))
    assert Ordered.accepts(encode(said, "v")) and Ordered.of(encode(said, "v")).shown_labels == (
        "none",
        "mild",
        "severe",
    )
