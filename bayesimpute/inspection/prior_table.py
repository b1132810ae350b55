"""The priors of a design in the user's units, with their sources."""

from collections.abc import Iterator, Sequence

import numpy as np
import pandas as pd

from bayesimpute.base.priors import Prior
from bayesimpute.designs.design import Design
from bayesimpute.designs.parts import Block, Predictor
from bayesimpute.inspection.user_units import (
    coefficient_priors,
    deviation_priors,
    moved_coefficients,
    moved_effects,
    number_priors,
)

MEANS = "means of the columns"


def prior_table(design: Design) -> pd.DataFrame:
    """The table of :attr:`bayesimpute.inspection.imputation_model.ImputationModel.priors`."""
    rows = [row for p in design.predictors for row in _of_predictor(design, p)]
    rows += [row for b in design.laws for row in _of_block(b)]
    return pd.DataFrame(rows, columns=["parameter", "prior", "source", "at"])


def _of_predictor(design: Design, p: Predictor) -> Iterator[tuple[str, ...]]:
    if p.matrix is None:
        moved = np.full(len(p.names), p.parameter.against is not None)
        return _rows(p.names, number_priors(design, p), moved)
    return _rows(p.names, coefficient_priors(p), moved_coefficients(p))


def _of_block(b: Block) -> Iterator[tuple[str, ...]]:
    moved = moved_effects(b)
    yield from _rows(b.deviation_names, deviation_priors(b), moved)
    if b.width > 1:
        yield from _rows([f"correlations of {', '.join(b.called)}"], [b.correlations], moved.any(keepdims=True))


def _rows(names: Sequence[str], priors: Sequence[Prior], moved: np.ndarray) -> Iterator[tuple[str, ...]]:
    for name, prior, at_means in zip(names, priors, moved, strict=True):
        yield name, _shown(prior), prior.source, MEANS if at_means else ""


def _shown(prior: Prior) -> str:
    arguments = ", ".join(f"{name}={value:.4g}" for name, value in prior.parameters.items())
    return f"{prior.name}({arguments})"
