r"""Tables for papers and notebooks: LaTeX for booktabs, and HTML that needs nothing else.

Numbers have so many significant digits, p values so many decimals (``<0.001``), and what does not exist is an empty
cell. Texts are escaped: a term may have any name. A :class:`Block` is one table of a page; to print another kind of
result, make blocks of its frames and give them to :func:`latex` and :func:`html`. They are not pandas' Styler, which
would need Jinja2 to join the cells and leave us the rest: it escapes no ``<``, ``|`` or leading ``[``, parts no groups
of rows, and its HTML hangs on a style sheet and random ids.
"""

import html as markup
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from bayesimpute.base.errors import InputError, one
from bayesimpute.base.tables import ENDLESS

HEADS = {
    "std_error": "Std. error",
    "statistic": "t",
    "df": "df",
    "p_value": "p",
    "conf_low": "{level} % low",
    "conf_high": "{level} % high",
    "riv": "RIV",
    "fmi": "FMI",
}
"""What columns are called in print; others by their own name."""
MOST_DIGITS = 15
PLAIN = (1e-4, 1e7)
"""Sizes of numbers that are written without a power of ten."""
LATEX = {
    "\\": r"\textbackslash{}",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    "<": r"\textless{}",
    ">": r"\textgreater{}",
    "|": r"\textbar{}",
    "`": r"\textasciigrave{}",
    **{character: f"\\{character}" for character in "&%$#_{}"},
    # after the \\ of the row before, [ would begin the length of a gap and * forbid a page break
    **{character: f"{{{character}}}" for character in "[]*"},
}
ACTIVE = frozenset("\\{}%#~^&$")
"""Characters that a label cannot have."""
_LINES = "border-collapse:collapse;border-top:2px solid;border-bottom:2px solid;margin:0.5em 0"
_CELL = "padding:0.15em 0.6em;text-align:{side}"


@dataclass(frozen=True, kw_only=True, eq=False)
class Block:
    """One table.

    Parameters
    ----------
    table : DataFrame
        Its columns in print.
    title : str
        A line above it.
    level : float
        Of the intervals in ``conf_low, conf_high``.
    by : str
        The column whose value is printed once for all the rows below each other that have it.
    """

    table: pd.DataFrame
    title: str = ""
    level: float = 0.95
    by: str = ""

    @property
    def heads(self) -> list[str]:
        """The columns' names in print."""
        level = f"{100 * self.level:g}"
        return [HEADS.get(n, _readable(n)).format(level=level) for n in map(str, self.table.columns)]

    @property
    def sides(self) -> list[str]:
        """Where each column's cells stand: numbers to the right."""
        return ["right" if pd.api.types.is_numeric_dtype(dtype) else "left" for dtype in self.table.dtypes]

    def rows(self, digits: int) -> Iterator[tuple[bool, list[str]]]:
        """Whether a row begins a new group, and its cells as plain texts."""
        names = list(map(str, self.table.columns))
        place = names.index(self.by) if self.by else None
        before = None
        for values in self.table.itertuples(index=False, name=None):
            cells = [_text(value, name, digits) for name, value in zip(names, values, strict=True)]
            new = place is not None and cells[place] != before
            if place is not None:
                before, cells[place] = cells[place], cells[place] if new else ""
            yield new, cells


def latex(
    blocks: Iterable[Block],
    notes: Sequence[str] = (),
    *,
    caption: str | None = None,
    label: str | None = None,
    digits: int = 3,
) -> str:
    """Blocks below each other in one ``table`` environment, with notes; options as for ``Pooled.to_latex``."""
    _check_digits(digits)
    _check_label(label, caption)
    lines = [r"\begin{table}", r"\centering"]
    lines += [] if caption is None else [rf"\caption{{{latex_text(caption)}}}"]
    lines += [] if label is None else [rf"\label{{{label}}}"]
    for block in blocks:
        lines += _latex_block(block, digits)
    if notes:
        lines += [r"\par\smallskip", r"\begin{minipage}{\linewidth}", r"\footnotesize"]
        lines += [rf"{latex_text(note)}\par" for note in notes]
        lines.append(r"\end{minipage}")
    return "\n".join([*lines, r"\end{table}"]) + "\n"


def html(blocks: Iterable[Block], notes: Sequence[str] = (), *, digits: int = 3) -> str:
    """Blocks below each other in one ``div``, with notes; styles are inline, so that it can stand anywhere."""
    _check_digits(digits)
    lines = ['<div class="bayesimpute">']
    for block in blocks:
        lines += _html_block(block, digits)
    lines += [f"<p><small>{_html_text(note)}</small></p>" for note in notes]
    return "\n".join([*lines, "</div>"]) + "\n"


def latex_text(text: str) -> str:
    """Any text as LaTeX prints it, on one line."""
    return "".join(LATEX.get(character, character) for character in " ".join(text.split()))


def number(value: float, digits: int) -> str:
    """A number with so many significant digits: ``0.0153``, ``14003``, ``1.50e-12``, ``inf``."""
    if value == 0 or np.isinf(value):
        return "0" if value == 0 else f"{value:g}"
    if not PLAIN[0] <= abs(value) < PLAIN[1]:
        return f"{value:.{digits - 1}e}"
    short = f"{value:#.{digits}g}".rstrip(".")
    return f"{value:.0f}" if "e" in short else short


def _check_digits(digits: int) -> None:
    if not isinstance(digits, int) or isinstance(digits, bool) or not 1 <= digits <= MOST_DIGITS:
        raise one(InputError, "digits", f"{digits!r} is not a whole number from 1 to {MOST_DIGITS}", "3 is usual")


def _check_label(label: str | None, caption: str | None) -> None:
    if label is None:
        return
    if caption is None:
        finding = "there is a label without a caption, which LaTeX takes for the section's"
        raise one(InputError, "label", finding, "give a caption too")
    bad = sorted(set(label) & ACTIVE)
    if bad:
        raise one(InputError, "label", f"{label!r} has {' and '.join(map(repr, bad))}", 'name it like "tab:popular"')


def _readable(name: str) -> str:
    words = name.replace("_", " ")
    return f"{words[:1].upper()}{words[1:]}"


def _text(value: Any, name: str, digits: int) -> str:
    """A cell as plain text."""
    if isinstance(value, str):
        return value
    if value is None or value is pd.NA or (isinstance(value, float) and np.isnan(value)):
        return ""
    if not isinstance(value, float):
        return str(value)
    if name == "p_value":
        return f"{value:.{digits}f}" if value >= 10.0**-digits else f"<{10.0**-digits:.{digits}f}"
    return number(np.inf if name == "df" and value > ENDLESS else value, digits)


def _latex_block(block: Block, digits: int) -> list[str]:
    sides = "".join(side[0] for side in block.sides)
    lines = [rf"\par\medskip {latex_text(block.title)}\par\smallskip"] if block.title else []
    lines += [rf"\begin{{tabular}}{{{sides}}}", r"\toprule"]
    lines += [_latex_row(map(latex_text, block.heads)), r"\midrule"]
    for place, (new, cells) in enumerate(block.rows(digits)):
        lines += [r"\addlinespace"] if new and place else []
        lines.append(_latex_row(_latex_cell(c, s) for c, s in zip(cells, block.sides, strict=True)))
    return [*lines, r"\bottomrule", r"\end{tabular}"]


def _latex_row(cells: Iterable[str]) -> str:
    return " & ".join(cells) + r" \\"


def _latex_cell(text: str, side: str) -> str:
    if side == "left" or not text:
        return latex_text(text)
    mantissa, _, power = text.partition("e")
    if power:
        return rf"${mantissa} \times 10^{{{int(power)}}}$"
    return f"${text.replace('inf', r'\infty')}$" if not text[0].isdigit() else text


def _html_block(block: Block, digits: int) -> list[str]:
    lines = [f'<table style="{_LINES}">']
    lines += [f'<caption style="text-align:left">{_html_text(block.title)}</caption>'] if block.title else []
    heads = _html_row("th", map(_html_text, block.heads), block.sides, ";border-bottom:1px solid")
    lines += [f"<thead>{heads}</thead>", "<tbody>"]
    for new, cells in block.rows(digits):
        texts = map(_html_cell, cells, block.sides)
        lines.append(_html_row("td", texts, block.sides, ";border-top:1px solid #ccc" if new else ""))
    return [*lines, "</tbody>", "</table>"]


def _html_row(tag: str, cells: Iterable[str], sides: Iterable[str], line: str) -> str:
    row = (f'<{tag} style="{_CELL.format(side=s)}{line}">{c}</{tag}>' for c, s in zip(cells, sides, strict=True))
    return f"<tr>{''.join(row)}</tr>"


def _html_text(text: str) -> str:
    return markup.escape(" ".join(text.split()))


def _html_cell(text: str, side: str) -> str:
    if side == "left":
        return _html_text(text)
    mantissa, _, power = text.replace("inf", "∞").replace("-", "−").partition("e")
    raised = f" × 10<sup>{power.replace('+', '').replace('−0', '−').lstrip('0')}</sup>" if power else ""
    return markup.escape(mantissa) + raised
