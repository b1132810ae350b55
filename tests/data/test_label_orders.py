"""Labels that look ordered are told, in every place that tells what a column is taken for; others are not."""

import numpy as np
import pandas as pd
import pytest

import bayesimpute as bi
from bayesimpute.data.columns import encode
from bayesimpute.data.label_orders import order_of_labels, order_told


@pytest.mark.parametrize(
    "order",
    [
        ("G1", "G2", "G10"),
        ("stage I", "stage II", "stage IV"),
        ("under 18", "18-24", "25-34", "35-44", "45-54", "55-64", "65-74", "75+"),
        ("<5", "5-9", "10 or more"),
        ("0,5 mg", "1 mg", "2,5 mg"),
        ("Never", "Sometimes", "Always"),
        ("very low", "low", "high"),
        ("strongly disagree", "disagree", "agree", "strongly agree"),
        ("none", "mild", "severe"),
    ],
)
def test_labels_that_look_ordered(order: tuple[str, ...]) -> None:
    shuffled = np.random.default_rng(1).permutation(list(order) * 3)
    assert order_of_labels(encode(pd.Series(shuffled), "v")) == order


@pytest.mark.parametrize(
    "labels",
    [
        ("a", "b", "c"),
        ("Ethnicity: bemba", "Ethnicity: lozi", "Ethnicity: tonga"),
        ("west", "south", "east"),
        ("low", "high"),  # two values have no order to tell
        ("mild", "none", "unknown"),
        ("G1", "G2", "H3"),
        tuple(f"site {k}" for k in range(1, 9)),  # names
        ("room 1a", "room 1b", "room 2a"),
        ("Mild", "mild", "severe"),
    ],
)
def test_labels_that_do_not(labels: tuple[str, ...]) -> None:
    assert order_of_labels(encode(pd.Series(list(labels) * 3), "v")) is None


def test_only_a_text_of_which_nothing_is_known() -> None:
    order = ["low", "medium", "high"]
    assert order_told(encode(pd.Series(order), "v"))
    assert not order_told(encode(pd.Series(pd.Categorical(order, categories=order, ordered=True)), "v"))
    frame = pd.DataFrame({"v": order * 5})
    said = bi.Incomplete.from_frame(frame, columns={"v": "labels"}).columns["v"]
    assert not order_told(said)


def test_it_is_told_by_describe_suggest_and_of_a_run_and_can_be_written_so() -> None:
    rng = np.random.default_rng(2)
    data = pd.DataFrame({"x": rng.normal(size=200)})
    data["gen"] = np.where(data["x"] > 0.5, "G3", np.where(data["x"] > -0.5, "G2", "G1"))
    data.loc[rng.random(200) < 0.2, "gen"] = None
    line = 'columns.gen = "G1 < G2 < G3"'
    assert any(line in told_line for told_line in bi.describe(data).told)
    plan = bi.suggest(None, data)
    assert f"category of 3 labels -> categorical; looks ordered: {line}" in plan.toml
    written = bi.Plan.from_toml(f'{line}\n[[conditional]]\nformula = "gen ~ x"')
    run = bi.impute(data, written, m=2, chains=1, warmup=2, sweeps=2, seed=1, progress=False)
    assert "family ordinal" in run.events["what"].tolist()
