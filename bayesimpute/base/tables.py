"""Tables and JSON for people and programs: what the command line prints.

Nothing is computed here. On a terminal a table is drawn by rich, as long as it fits; elsewhere, and where it does not
fit, it is plain text with all its columns, so that a file or another program gets every figure.
"""

import json
import re
import sys
from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from bayesimpute.base.phrases import numbered

NUMBER = re.compile(r"\b\d+(?:\.\d+)?\b")
"""In an event: chains differ in the one that it begins with."""
ENDLESS = 1e6
"""Degrees of freedom from which a t distribution is the normal one to all digits shown: they are shown as infinite."""
LEAST_P = 0.001
"""The p value below which only that is shown, as in tables for papers."""


def shown(table: pd.DataFrame) -> pd.DataFrame:
    """A table as people read it: degrees of freedom beyond :data:`ENDLESS` are infinite, p values not nought."""
    table = table.assign(df=table["df"].mask(table["df"] > ENDLESS, np.inf)) if "df" in table else table
    if "p_value" not in table or not np.any(table["p_value"] < LEAST_P):
        return table
    return table.assign(p_value=[cell(p) if pd.isna(p) else p_value(p) for p in table["p_value"]])


def p_value(p: float) -> str:
    """A p value: four digits, or that it is below :data:`LEAST_P`: no p value is nought."""
    return f"<{LEAST_P:g}" if p < LEAST_P else short(p)


def short(value: float) -> str:
    """Four significant digits, or the sign of infinity."""
    return f"{value:.4g}".replace("inf", "∞")


def show(table: pd.DataFrame, title: str = "", *, index: bool = False) -> None:
    """Print a table to standard output.

    Parameters
    ----------
    table : DataFrame
        Floats are shown with four digits, what is missing as an empty cell.
    title : str
        A line above it.
    index : bool
        Whether the row labels are a first column.
    """
    table = table.reset_index() if index else table
    right = [pd.api.types.is_numeric_dtype(dtype) for dtype in table.dtypes]
    table = shown(table)
    cells = pd.DataFrame({i: list(map(cell, table.iloc[:, i])) for i in range(table.shape[1])}, dtype=object)
    cells = cells.set_axis(list(table.columns), axis="columns")
    if sys.stdout.isatty() and _drawn(cells, right, title):
        return
    if title:
        print(title)
    print(_plain(cells, right) + "\n")


def cell(value: Any) -> str:
    """One cell as text: ``0.1234``, ``12``, ``yes``; nothing for missing values."""
    if isinstance(value, bool | np.bool_):
        return "yes" if value else "no"
    if value is None or value is pd.NA or (isinstance(value, float) and np.isnan(value)):
        return ""
    if isinstance(value, float):
        return short(value) if abs(value) < 1e4 or np.isinf(value) else f"{value:,.0f}"
    return str(value)


def show_json(value: Any) -> None:
    """Print JSON to standard output: plain values only, no NaN."""
    print(json.dumps(value, indent=2, ensure_ascii=False, allow_nan=False))


def records(table: pd.DataFrame) -> list[dict[str, Any]]:
    """The rows of a table as plain values for JSON; missing values are None."""
    return [{str(key): plain(value) for key, value in row.items()} for row in table.to_dict("records")]


def plain(value: Any) -> Any:
    """A NumPy or pandas scalar as JSON has it: a date is a text."""
    value = value.item() if isinstance(value, np.generic) else value
    if value is None or value is pd.NA or (isinstance(value, float) and not np.isfinite(value)):
        return None
    return value if isinstance(value, str | int | float) else str(value)


def say(*lines: object) -> None:
    """Print to standard error: warnings, progress, and whatever is not the result."""
    for line in lines:
        print(line, file=sys.stderr)


def events(table: pd.DataFrame) -> list[str]:
    """The events of a run, one sentence each, with the chains that share it but for its numbers (a range).

    Parameters
    ----------
    table : DataFrame
        ``chain, sweep, target, what, why``; chain and sweep are -1 before the run.
    """
    shared: dict[tuple[str, str], list[dict[Any, Any]]] = {}
    for row in table.to_dict("records"):
        shared.setdefault((row["target"], row["what"].lstrip("0123456789")), []).append(row)
    lines = []
    for (target, _), rows in shared.items():
        what = _ranged([row["what"] for row in rows])
        chains = sorted({int(row["chain"]) + 1 for row in rows if row["chain"] >= 0})
        where = f" [{numbered('chain', chains)}]" if chains else ""
        lines.append(f"{f'{target}: ' if target else ''}{what} ({_ranged([row['why'] for row in rows])}){where}")
    return lines


def _ranged(texts: Sequence[str]) -> str:
    """Texts that differ in their numbers only as one with the ranges, ``3 to 7 inner steps``; of others the first."""
    if len({NUMBER.sub("#", text) for text in texts}) > 1:
        return texts[0]
    columns = zip(*map(NUMBER.findall, texts), strict=True)
    ends = [(min(column, key=float), max(column, key=float)) for column in columns]
    ranges = iter(low if float(low) == float(high) else f"{low} to {high}" for low, high in ends)
    return NUMBER.sub(lambda _: next(ranges), texts[0])


def _plain(cells: pd.DataFrame, right: Sequence[bool]) -> str:
    """Columns apart by two spaces, nothing cut."""
    columns = []
    for name, values, to_right in zip(map(str, cells.columns), cells.to_numpy(dtype=object).T, right, strict=True):
        texts = [name, *values]
        width = max(map(len, texts))
        columns.append([text.rjust(width) if to_right else text.ljust(width) for text in texts])
    return "\n".join("  ".join(row).rstrip() for row in zip(*columns, strict=True))


def _drawn(cells: pd.DataFrame, right: Sequence[bool], title: str) -> bool:
    """Draw with rich, if the table fits the terminal."""
    from rich.console import Console
    from rich.measure import Measurement
    from rich.table import Table
    from rich.text import Text

    console = Console()
    table = Table(title=Text(title) if title else None, title_justify="left", title_style="bold", header_style="bold")
    for name, to_right in zip(map(str, cells.columns), right, strict=True):
        table.add_column(Text(name), justify="right" if to_right else "left", no_wrap=True)
    for row in cells.to_numpy(dtype=object):
        table.add_row(*map(Text, row))
    if Measurement.get(console, console.options.update(max_width=10_000), table).maximum > console.width:
        return False
    console.print(table)
    return True
