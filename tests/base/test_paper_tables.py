"""Tables in LaTeX and HTML: what is printed is what the frames hold, and no name of a term can break a document."""

import re
from collections.abc import Iterator
from dataclasses import replace
from html.parser import HTMLParser

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bayesimpute.base.errors import InputError
from bayesimpute.base.paper_tables import HEADS, LATEX, Block, html, latex, latex_text, number
from bayesimpute.pooling import Estimate, Pooled, VarianceComponent, pool

ODD = ("[a]", r"b_1 & <c> % \x{2}", "*d^2~e `f` #$|")
VALUES = (0.25, 2_000_003.0, -3e-12)
ERRORS = (0.02, 100.0, 1e-24)
PAIRS = {shown: plain for plain, shown in LATEX.items()}
TOKENS = re.compile("|".join(map(re.escape, sorted(PAIRS, key=len, reverse=True))) + "|.", re.DOTALL)


@pytest.fixture(scope="module")
def pooled() -> Pooled:
    """Terms with awkward names and sizes, a variance component, a message with a per cent sign."""
    fits = [
        Estimate(
            terms=ODD,
            estimates=np.array(VALUES) + np.array([shift, 0, 0]),
            covariance=np.diag(ERRORS) * (1 + shift),
            variance_components=(VarianceComponent(group="g_1", name="Intercept~~x", estimate=0.5 + shift),),
            messages=("5 % of the rows & more",),
        )
        for shift in (-0.1, 0.0, 0.2)
    ]
    return pool(fits)


def plain(shown: str) -> str:
    """What LaTeX prints for an escaped text."""
    return "".join(PAIRS.get(token, token) for token in TOKENS.findall(shown))


def rows(text: str) -> list[list[str]]:
    """The cells of every row of every tabular, heads included."""
    found = [line.removesuffix(r" \\") for line in text.splitlines() if line.endswith(r" \\")]
    return [re.split(r"(?<!\\) ?& ?", line) for line in found]


def value(cell: str) -> float:
    """The number that a LaTeX cell shows."""
    bare = cell.strip("$").replace(r"\infty", "inf")
    mantissa, _, power = bare.partition(r" \times 10^")
    return float(mantissa) * 10.0 ** int(power.strip("{}") or 0)


def same(shown: float, held: float, digits: int) -> bool:
    """Equal, but for rounding to so many significant digits, and what a double rounds in this sum."""
    return shown == held or abs(shown - held) <= (0.5 + 1e-7) * 10.0 ** (1 - digits) * abs(held)


def assert_balanced(text: str) -> None:
    stack = []
    for kind, name in re.findall(r"\\(begin|end)\{(\w+)\}", text):
        assert kind == "begin" or stack.pop() == name
        stack += [name] * (kind == "begin")
    assert stack == []
    depth = 0
    for brace in re.findall(r"(?<!\\)(?:\\\\)*([{}])", text):
        depth += 1 if brace == "{" else -1
        assert depth >= 0
    assert depth == 0 and text.count("$") - text.count(r"\$") == 2 * len(re.findall(r"(?<!\\)\$[^$]+\$", text))


class Page(HTMLParser):
    """Tags that close each other, and the texts of cells and notes."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tables: list[list[list[str]]] = []
        self.notes: list[str] = []
        self.feed(text)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list) -> None:
        self.open.append(tag)
        if tag == "table":
            self.tables.append([])
        elif tag == "tr":
            self.tables[-1].append([])
        elif tag in ("td", "th"):
            self.tables[-1][-1].append("")
        elif tag == "small":
            self.notes.append("")

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if {"td", "th"} & set(self.open):
            self.tables[-1][-1][-1] += data
        elif "small" in self.open:
            self.notes[-1] += data


def html_value(cell: str) -> float:
    mantissa, _, power = cell.replace("−", "-").replace("∞", "inf").partition(" × 10")
    return float(mantissa) * 10.0 ** int(power or 0)


def cells(table: pd.DataFrame) -> Iterator[tuple[int, int, str, object]]:
    for i, row in enumerate(table.itertuples(index=False, name=None)):
        for j, (name, held) in enumerate(zip(table.columns, row, strict=True)):
            yield i, j, str(name), held


def test_latex_is_balanced_and_every_row_has_all_columns(pooled: Pooled) -> None:
    text = pooled.to_latex(caption="50 % of x_1", label="tab:x_1")
    assert_balanced(text)
    widths = [len(sides) for sides in re.findall(r"\\begin\{tabular\}\{(\w+)\}", text)]
    assert widths == [len(pooled.terms.columns), len(pooled.variance_components.columns)]
    heads, *terms = rows(text)[:4]
    assert len(heads) == widths[0] and {len(row) for row in terms} == {widths[0]}
    assert {len(row) for row in rows(text)[4:]} == {widths[1]} and len(rows(text)) == 4 + 2
    assert text.index(r"\caption{50 \% of x\_1}") < text.index(r"\label{tab:x_1}") < text.index(r"\begin{tabular}")


@pytest.mark.parametrize("digits", [1, 3, 6])
def test_the_figures_in_latex_are_those_of_the_frames(pooled: Pooled, digits: int) -> None:
    found = rows(pooled.to_latex(digits=digits))
    assert [plain(row[0]) for row in found[1:4]] == list(ODD)
    for i, j, name, held in cells(pooled.terms.drop(columns="term")):
        shown = found[1 + i][1 + j]
        if name == "p_value":
            below = held < 10.0**-digits
            assert shown == f"$<{10.0**-digits:.{digits}f}$" if below else abs(value(shown) - held) <= 0.5 / 10**digits
        else:
            assert same(value(shown), held, digits), (name, shown, held)
    component = pooled.variance_components.iloc[0]
    assert [plain(cell) for cell in found[5][:2]] == [component["group"], component["name"]]
    assert same(value(found[5][2]), component["estimate"], digits)


def test_the_figures_in_html_are_those_of_the_frames(pooled: Pooled) -> None:
    page = Page(pooled.to_html(digits=4))
    assert [len(table) for table in page.tables] == [4, 2]
    assert [row[0] for row in page.tables[0][1:]] == list(ODD)
    for i, j, name, held in cells(pooled.terms.drop(columns=["term", "p_value"])):
        place = list(pooled.terms.columns).index(name)
        assert same(html_value(page.tables[0][1 + i][place]), held, 4), (j, name)
    assert page.tables[1][1][:2] == list(pooled.variance_components.iloc[0][["group", "name"]])


def test_notes_say_m_degrees_of_freedom_and_messages(pooled: Pooled) -> None:
    first = "Pooled over m = 3 completed datasets (Rubin's rules; 95 % intervals)."
    notes = [first, pooled.df_note, pooled.m_note, *pooled.messages]
    assert len(pooled.messages) == 1
    assert Page(pooled.to_html()).notes == notes
    shown = re.findall(r"^(.*)\\par$", pooled.to_latex().split(r"\footnotesize")[1], re.MULTILINE)
    assert [plain(note) for note in shown] == notes


def test_whatever_columns_a_frame_has_are_printed(pooled: Pooled) -> None:
    frame = pd.DataFrame(
        {
            "group": ["g", "Residual"],
            "name": ["Intercept", "Residual"],
            "estimate": [0.5, 1.25],
            "conf_low": [0.25, np.nan],
            "conf_high": [0.75, np.inf],
            "method": ["log_scale", None],
            "n": [12, 240],
        }
    )
    more = replace(pooled, variance_components=frame, conf_level=0.9)
    heads, first, second = rows(more.to_latex())[4:]
    assert heads == ["Group", "Name", "Estimate", r"90 \% low", r"90 \% high", "Method", "N"]
    assert first == ["g", "Intercept", "0.500", "0.250", "0.750", r"log\_scale", "12"]
    assert second == ["Residual", "Residual", "1.25", "", r"$\infty$", "", "240"]
    assert Page(more.to_html()).tables[1][2] == ["Residual", "Residual", "1.25", "", "∞", "", "240"]


def test_other_quantities_are_a_block_of_their_own(pooled: Pooled) -> None:
    frame = pd.DataFrame({"name": ["ICC"], "group": ["g"], "estimate": [0.25], "conf_low": [0.125], "conf_high": [0.5]})
    more = replace(pooled, quantities=frame)
    text = more.to_latex()
    assert rows(text)[-1] == ["ICC", "g", "0.250", "0.125", "0.500"] and "ICC and explained variance" in text
    assert Page(more.to_html()).tables[2][1] == ["ICC", "g", "0.250", "0.125", "0.500"]


def test_without_variance_components_there_is_one_table(pooled: Pooled) -> None:
    none = replace(pooled, variance_components=pooled.variance_components.iloc[:0])
    assert none.to_latex().count(r"\begin{tabular}") == 1
    assert len(Page(none.to_html()).tables) == 1


def test_a_group_of_rows_names_itself_once() -> None:
    frame = pd.DataFrame({"term": ["a", "a", "b"], "version": ["x", "y", "y"], "estimate": [1.0, 2.0, 3.0]})
    text = latex([Block(table=frame, by="term")])
    assert [row[0] for row in rows(text)[1:]] == ["a", "", "b"]
    assert text.count(r"\addlinespace") == 1
    assert [row[0] for row in Page(html([Block(table=frame, by="term")])).tables[0][1:]] == ["a", "", "b"]


def test_no_row_begins_with_what_latex_takes_for_an_option() -> None:
    text = latex([Block(table=pd.DataFrame({"term": ["[1cm]", "*", "x"]}))])
    assert not re.search(r"(\\\\|rule)\s*[\[*]", text)


SPECIAL = st.sampled_from(sorted({*LATEX, "'", '"', "-", " ", "\n", "a"}))


@settings(max_examples=30)
@given(st.text(SPECIAL) | st.text())
def test_any_text_survives_escaping(text: str) -> None:
    assert plain(latex_text(text)) == " ".join(text.split())
    assert_balanced(latex([Block(table=pd.DataFrame({"term": [text]}, dtype=object))]))
    (table,) = Page(html([Block(table=pd.DataFrame({"term": [text]}, dtype=object))])).tables
    assert table[1][0].split() == text.split()


@given(st.floats(-1e300, 1e300, allow_subnormal=False), st.integers(1, 15))
def test_numbers_keep_their_digits(held: float, digits: int) -> None:
    assert same(float(number(held, digits)), held, digits)


@pytest.mark.parametrize(
    ("held", "shown"),
    [(3.9812, "3.98"), (14003.2, "14003"), (999.6, "1000"), (0.01533, "0.0153"), (1.5e-12, "1.50e-12"), (0.0, "0")],
)
def test_numbers_as_people_write_them(held: float, shown: str) -> None:
    assert number(held, 3) == shown


@pytest.mark.parametrize("digits", [0, 16, True, 2.5, "3"])
def test_digits_are_a_small_whole_number(pooled: Pooled, digits: object) -> None:
    for print_ in (Pooled.to_latex, Pooled.to_html):
        with pytest.raises(InputError, match=r"digits: .* is not a whole number from 1 to 15"):
            print_(pooled, digits=digits)


def test_labels_that_latex_cannot_use(pooled: Pooled) -> None:
    with pytest.raises(InputError, match="label without a caption"):
        pooled.to_latex(label="tab:x")
    with pytest.raises(InputError, match=r"label: 'a%\}' has '%' and '\}'"):
        pooled.to_latex(label="a%}", caption="A")


def test_heads_need_no_escape_that_html_would_show() -> None:
    page = Page(html([Block(table=pd.DataFrame({name: [1.0] for name in HEADS}), level=0.99)]))
    assert page.tables[0][0][3:6] == ["p", "99 % low", "99 % high"]
