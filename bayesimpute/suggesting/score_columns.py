"""Scores as columns of the data, so that their associations can be looked at: where all items are observed."""

from collections.abc import Sequence

import numpy as np
import pandas as pd

from bayesimpute.base.errors import Problem, did_you_mean
from bayesimpute.base.phrases import listed
from bayesimpute.data.columns import Column, encode
from bayesimpute.plan.options import Score


def with_columns(frame: pd.DataFrame, scores: Sequence[Score]) -> tuple[pd.DataFrame, list[Problem]]:
    """The data with a column for each score, and what is wrong with the scores."""
    columns, problems = {}, list[Problem]()
    for score in scores:
        if not isinstance(score, Score):
            finding, remedy = f"{score!r} is not a Score", 'write Score(name="pain", items=("p1", "p2"))'
            problems.append(Problem(path="scores", finding=finding, remedy=remedy))
            continue
        found = _problems(score, frame)
        problems += found
        if not found:
            items = [_column(frame, item).values for item in score.items]
            total = np.sum(items, axis=0)
            columns[score.name] = total / len(items) if score.score == "mean" else total
    return (frame.assign(**columns) if columns else frame), problems


def _column(frame: pd.DataFrame, name: str) -> Column:
    return encode(pd.Series(frame[name]), name)


def _problems(score: Score, frame: pd.DataFrame) -> list[Problem]:
    path, found = f"score[{score.name}]", []
    if not isinstance(score.items, tuple) or len(score.items) < 2:
        found.append((f"{score.items!r} are not two items or more", 'write items = ["p1", "p2"]'))
        return [Problem(path=f"{path}.items", finding=finding, remedy=remedy) for finding, remedy in found]
    if score.name in frame.columns:
        remedy = "give the score another name, or leave that column out"
        found.append((f'the data have a column "{score.name}"', remedy))
    if score.score not in ("sum", "mean"):
        found.append((f"{score.score!r} is no score", 'write "sum" or "mean"'))
    for item in score.items:
        if item not in frame.columns:
            remedy = did_you_mean(str(item), list(map(str, frame.columns)), "name columns of the data")
            found.append((f'there is no column "{item}"', remedy))
    there = [i for i in score.items if i in frame.columns and _column(frame, i).kind not in ("number", "yes/no")]
    if there:
        found.append((f"{listed(there)}: no numbers", "give the items the numbers that they count"))
    return [Problem(path=path, finding=finding, remedy=remedy) for finding, remedy in found]
