"""How a study makes its rows: replicates in processes, each written to a file when it is there."""

import csv
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import pandas as pd

Rows = Sequence[Mapping[str, Any]]


def done(out: Path, *columns: str) -> set[tuple[Any, ...]]:
    """What of the replicates a file has, by the columns that name one."""
    return set(pd.read_csv(out)[list(columns)].itertuples(index=False, name=None)) if out.exists() else set()


def append(out: Path, rows: Rows) -> None:
    """Write the rows of a replicate below those that a file has."""
    fresh = not out.exists()
    with out.open("a", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, fieldnames=list(rows[0]))
        if fresh:
            writer.writeheader()
        writer.writerows(rows)


def gather(
    replicate: Callable[..., Rows],
    jobs: Iterable[tuple[Any, ...]],
    out: Path,
    workers: int,
    tell: Callable[[Rows], None] = lambda rows: None,
) -> None:
    """Run replicates and write each; `tell` hears of it. What is left when this is stopped is made by the next call."""
    out.parent.mkdir(parents=True, exist_ok=True)
    with ProcessPoolExecutor(workers, mp_context=get_context("spawn")) as executor:
        for future in as_completed([executor.submit(replicate, *job) for job in jobs]):
            append(out, future.result())
            tell(future.result())
