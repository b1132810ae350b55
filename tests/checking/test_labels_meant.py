"""Models that are to have all labels of a column: what is refused, and what is told."""

from typing import Any

import numpy as np
import pandas as pd
import pytest

import bayesimpute as bi
from bayesimpute.families import Categorical, HeckmanOrdinal, Ordinal

N = 60
EVERY = Categorical(labels="all")
ORDERED = Ordinal(labels="all")


def frame(values: Any = "aabd", categories: str = "abcd", *, ordered: bool = False) -> pd.DataFrame:
    rng = np.random.default_rng(0)
    y = pd.Categorical(rng.choice(list(values), N), categories=list(categories), ordered=ordered)
    made = pd.DataFrame({"y": y, "x": rng.normal(size=N), "z": rng.normal(size=N)})
    made.loc[::3, "y"] = None
    made.loc[1::4, "z"] = None
    return made


def problems(data: pd.DataFrame, *items: bi.Conditional, **more: Any) -> dict[str, str]:
    others = [] if len(items) > 1 else [bi.Conditional.of("z ~ x")]
    return {p.path: f"{p.finding}; {p.remedy}" for p in bi.check(bi.Plan.of([*items, *others], **more), data)}


def of(family: Any, **more: Any) -> bi.Conditional:
    return bi.Conditional.of("y ~ x", family=family, **more)


def test_a_label_that_nobody_has_is_told_with_whose_mass_it_has() -> None:
    (told,) = problems(frame(), of(EVERY)).values()
    assert told.startswith('the label "c" of "y" is observed nowhere') and "drawn as often as the prior has it" in told
    (told,) = problems(frame(), of("categorical")).values()
    assert 'never imputed, unless its model has labels = "all"' in told
    assert problems(frame("abcd"), of(EVERY)) == {}


def test_numbers_have_no_other_labels() -> None:
    numbers = frame().assign(y=np.where(np.arange(N) % 3 == 0, np.nan, np.arange(N) % 4))
    for family in (EVERY, ORDERED):
        found = problems(numbers, of(family))["conditional[y].labels"]
        assert "is a number, and has no labels but those that are observed" in found and 'columns.y = "1 < 2' in found
    said = problems(numbers, of(ORDERED), columns={"y": "0 < 1 < 2 < 3 < 4"})
    assert list(said) == ["columns[y]", "conditional[y]"] and "drawn as often" in said["conditional[y]"]


def test_too_many_labels_are_refused() -> None:
    many = frame().assign(y=lambda d: d["y"].cat.add_categories([f"l{k}" for k in range(30)]))
    assert '"y" has 34 labels' in problems(many, of(EVERY))["conditional[y].labels"]


def test_a_type_of_categories_holds_no_others() -> None:
    found = problems(frame(ordered=True), of(ORDERED), columns={"y": "a < b < c < d < e"})
    assert 'of "y" has no "e"; add it to the type' in found["conditional[y].labels"]


@pytest.mark.parametrize("link", ["logit", "probit"])
def test_an_inner_ordered_label_needs_a_prior_of_one_observation(link: Any) -> None:
    law, prior = Ordinal(link=link, labels="all"), f"Dirichlet{link.capitalize()}"
    data = frame(ordered=True)
    assert f'priors.cutpoints = "{prior}(1)"' in problems(data, of(law))["conditional[y].labels"]
    assert "conditional[y].labels" in problems(data, of(law, priors={"cutpoints": f"{prior}(0.9)"}))
    for fine in (f"{prior}(1)", "Normal(0, 3)"):
        assert list(problems(data, of(law, priors={"cutpoints": fine}))) == ["conditional[y]"]
    assert list(problems(frame("abc", ordered=True), of(law))) == ["conditional[y]"]


def test_it_needs_that_where_labels_are_selected_too() -> None:
    law, more = HeckmanOrdinal(labels="all"), {"formulas": {"selection": "x"}}
    assert (
        'priors.cutpoints = "DirichletProbit(1)"'
        in problems(frame(ordered=True), of(law, **more))["conditional[y].labels"]
    )
    more["priors"] = {"cutpoints": "DirichletProbit(1)"}
    assert "conditional[y].labels" not in problems(frame(ordered=True), of(law, **more))


def test_models_with_a_coefficient_for_each_label_are_refused() -> None:
    reader = bi.Conditional.of("z ~ x + y")
    found = problems(frame(), of(EVERY), reader)["conditional[z]"]
    assert '"y" may be drawn as "c", which nobody has' in found and 'derived variables such as y == "' in found
    assert "conditional[z]" not in problems(frame("abcd"), of(EVERY), reader)
    assert "conditional[z]" not in problems(frame(), of("categorical"), reader)
    part = bi.Derived(name="is_a", expression='y == "a"')
    assert list(problems(frame(), of(EVERY), bi.Conditional.of("z ~ x + is_a"), derived=[part])) == ["conditional[y]"]
    scored = frame("abc", ordered=True)
    assert list(problems(scored, of(ORDERED), bi.Conditional.of("z ~ x + scores(y)"))) == ["conditional[y]"]


@pytest.mark.parametrize("family", [Categorical(labels="some"), Ordinal(labels="some")], ids=str)  # pyright: ignore
def test_other_words_are_refused(family: Any) -> None:
    assert "use one of observed, all" in problems(frame("abcd", ordered=True), of(family))["conditional[y].labels"]


def test_families_without_labels_have_no_such_option() -> None:
    with pytest.raises(bi.PlanError, match="no such option; it belongs to ordinal, categorical, heckman_ordinal"):
        bi.Plan.from_toml('[[conditional]]\nformula = "z ~ x"\nfamily = "gaussian"\nlabels = "all"\n')
