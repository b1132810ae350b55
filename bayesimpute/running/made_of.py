"""What an imputation was made of, and how its cells are drawn again, without any model being fitted.

The cells of a step follow from four things: the draw of its parameters and group-specific effects, the generator from
which they were drawn, the data that it saw, and, in compatible mode, the draws of the models that read it. Steps that
are visited later have gone on by the end of a sweep, so what an earlier one saw of them (cells and draws of the sweep
before) is kept too, where it saw any; :func:`seen_before` says of which.

:func:`redrawn` goes through the sweep of an imputation again. Where nothing is changed, it gives the very cells that
the run drew; where an assumption about them is changed, the difference is that of the assumption, for draws and random
numbers are the same. (Normal
draws of compatible mode agree to the last digits: a run keeps the derivatives that they need, which are differences,
from one sweep to the next.)
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import Any

import numpy as np

from bayesimpute.designs.completed import Completed
from bayesimpute.designs.design import Draw
from bayesimpute.plan.resolving import reads
from bayesimpute.plan.restrictions import reading
from bayesimpute.plan.targets import Resolved, Step
from bayesimpute.running.imputed_cells import Cells
from bayesimpute.running.kernel import Bench, ChainState, Visit, impute
from bayesimpute.running.workspace import Workspace

_WORD = (1 << 64) - 1


@dataclass(frozen=True, kw_only=True, eq=False)
class Made:
    """What the cells of one imputation were made of.

    Parameters
    ----------
    draws : mapping of str to mapping of str to ndarray
        Of each step the parameters and group-specific effects, on the standardised scale of its design.
    generators : mapping of str to ndarray of uint64, shape (6,)
        Of each step where its random numbers stood: :func:`frozen`.
    before : Mapping of str to ndarray, shape (missing unit,)
        Cells of the sweep before, of the targets that a step saw before they were drawn.
    others : mapping of str to mapping of str to ndarray
        Draws of the sweep before, of the models whose density entered a step before they were drawn.
    """

    draws: Mapping[str, Draw] = field(default_factory=dict)
    generators: Mapping[str, np.ndarray] = field(default_factory=dict)
    before: Cells = field(default_factory=lambda: Cells({}))
    others: Mapping[str, Draw] = field(default_factory=dict)


def seen_before(resolved: Resolved) -> tuple[frozenset[str], frozenset[str]]:
    """The targets whose cells, and the models whose draws, a step sees as they were in the sweep before."""
    cells, draws = frozenset[str](), frozenset[str]()
    for place, step in enumerate(resolved.steps):
        later = resolved.steps[place:]
        saw = frozenset[str]().union(*(reads(target, resolved.derived) for target in step.targets))
        mine = [rule.names for target in step.targets for rule in reading(resolved.rules, target.name)]
        saw = saw.union(*mine, {target.name for target in step.targets} if mine else ())
        factors = resolved.factors.get(step.name, ())
        for reader in map(resolved.target, factors):  # a step of compatible mode starts from its own cells
            saw |= reads(reader, resolved.derived) | {step.name}
            saw |= {reader.name} if reader.learns_imputed else frozenset()
        cells |= saw & {target.name for other in later for target in other.targets}
        draws |= frozenset(factors) & {other.name for other in later}
    return cells, draws


def seen(bench: Bench, state: ChainState, saw: tuple[frozenset[str], frozenset[str]]) -> Made:
    """What the steps of the next sweep will see of the one before."""
    cells, draws = saw
    return Made(
        before=Cells({name: state.cells[name] for name in cells}),
        others={name: copied(bench.draw(name, state)) for name in draws},
    )


def made(before: Made, visits: Mapping[str, Visit]) -> Made:
    """What the imputation after a sweep was made of."""
    return replace(
        before,
        draws={name: copied(v.draw) for name, v in visits.items()},
        generators={name: frozen(v.generator) for name, v in visits.items()},
    )


def copied(draw: Draw) -> Draw:
    """A draw that holds nothing but its own numbers."""
    return {name: np.array(values) for name, values in draw.items()}


def frozen(state: Mapping[str, Any]) -> np.ndarray:
    """Where a generator stands, as six numbers."""
    wide = state["state"]["state"], state["state"]["inc"]
    words = [part for number in wide for part in (number >> 64, number & _WORD)]
    return np.array([*words, state["has_uint32"], state["uinteger"]], dtype=np.uint64)


def thawed(words: np.ndarray) -> np.random.Generator:
    """A generator that stands there."""
    a, b, c, d, has, last = (int(word) for word in words)
    bits = np.random.PCG64()
    state: Any = {"state": (a << 64) | b, "inc": (c << 64) | d}
    bits.state = {"bit_generator": "PCG64", "state": state, "has_uint32": has, "uinteger": last}
    return np.random.Generator(bits)


def redrawn(
    space: Workspace,
    made: Made,
    cells: Mapping[str, np.ndarray],
    sees: Callable[[Bench, Step], Mapping[str, np.ndarray]] = Bench.missing,
    held: Mapping[str, np.ndarray] = MappingProxyType({}),
) -> dict[str, np.ndarray]:
    """The cells of an imputation, drawn again step by step, each given those drawn before.

    Parameters
    ----------
    space : Workspace
        Of the plan on its data; nothing is compiled.
    made : Made
        What the imputation was made of.
    cells : mapping of str to ndarray, shape (missing unit,)
        Its cells, by target: in the place of those that no step saw before they were drawn.
    sees : callable, optional
        The matrices of a step at the rows that are imputed, (missing unit, column), given the cells drawn before: what
        its model predicts from, where that is assumed to be something else than the data. The bench has the step's
        draw already.
    held : mapping of str to ndarray, shape (row,)
        The assumptions of this imputation (:mod:`bayesimpute.running.assumed`).

    Returns
    -------
    dict of str to ndarray
    """
    found = {}

    def keeps(step: Step, drawn: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
        found.update(drawn)
        return drawn

    _again(space, made, cells, sees, held, keeps)
    return found


def afterwards(
    space: Workspace,
    made: Made,
    cells: Mapping[str, np.ndarray],
    held: Mapping[str, np.ndarray] = MappingProxyType({}),
) -> dict[str, np.ndarray]:
    """The cells of an imputation with adjustments of which its chain knew nothing, by target.

    Parameters
    ----------
    space : Workspace
        Of the plan with these adjustments.
    made, cells
        Of the imputation without them: what other variables were drawn given.
    held : mapping of str to ndarray, shape (row,)
        As for :func:`redrawn`.
    """
    resolved = space.resolved
    final = Completed(space.incomplete, resolved.holding(held), {n: np.asarray(c, float) for n, c in cells.items()})
    shifts = {column: final.values[column] for target in resolved.targets for column in target.adjusting}
    found = dict(cells)

    def keeps(step: Step, drawn: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
        found.update({t.name: drawn[t.name] for t in step.targets if t.adjusting})
        return {t.name: np.asarray(cells[t.name], dtype=float) for t in step.targets}

    _again(space, made, cells, Bench.missing, {**held, **shifts}, keeps)
    return found


def drawn_with(
    space: Workspace,
    made: Made,
    cells: Mapping[str, np.ndarray],
    held: Mapping[str, np.ndarray] = MappingProxyType({}),
) -> dict[str, Draw]:
    """The draws of all steps at the end of an imputation's sweep, by step.

    They are those that it was made of, but for effects that moved with the cells of a step.
    """
    if not any(how.levels for how in space.compatible.values()):
        return dict(made.draws)
    bench = _again(space, made, cells, Bench.missing, held, lambda _, drawn: drawn)
    return {name: bench.draw(name, ChainState(chain=0)) for name in made.draws}


def _again(
    space: Workspace,
    made: Made,
    cells: Mapping[str, np.ndarray],
    sees: Callable[[Bench, Step], Mapping[str, np.ndarray]],
    held: Mapping[str, np.ndarray],
    keeps: Callable[[Step, dict[str, np.ndarray]], dict[str, np.ndarray]],
) -> Bench:
    """Go through the sweep again; `keeps` is given what a step draws, and gives what the steps after it see."""
    start = {name: np.asarray(made.before.get(name, values), dtype=float) for name, values in cells.items()}
    bench = Bench(space, start, held=held)
    for name, draw in made.others.items():
        bench.drawn(name, draw)
    for step in space.resolved.steps:
        bench.drawn(step.name, made.draws[step.name])
        if not step.missing_rows.size:
            continue
        drawn = impute(bench, ChainState(chain=0), step, thawed(made.generators[step.name]), sees(bench, step))
        bench.set(step, keeps(step, drawn))
    return bench
