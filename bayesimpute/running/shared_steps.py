"""Inner steps that chains find for each other: each looks at some of the targets, and tells the others.

How many transitions a sampler needs to forget is a matter of the posterior, which is the same for all chains: what one
of them finds at the end of its warm-up holds for the others, and is as good as what each would have found by itself.
So each chain looks at every n-th step of n chains, and there they meet: nobody goes on before all have come.
"""

from collections.abc import Iterator
from dataclasses import replace

from bayesimpute.plan.plan import Plan
from bayesimpute.plan.targets import Event, Resolved
from bayesimpute.running.inner_steps import WHAT
from bayesimpute.running.kernel import ChainState
from bayesimpute.running.records import Record


def own_places(plan: Plan, resolved: Resolved, chain: int) -> range:
    """The places in the visit sequence whose inner steps a chain finds; all, where there is nothing to find."""
    places = len(resolved.steps)
    return range(chain, places, plan.run.chains) if plan.run.steps == "auto" and places > 1 else range(places)


def waits(plan: Plan, resolved: Resolved, state: ChainState) -> bool:
    """Whether a chain has come to where it needs what the others find."""
    return 0 < state.sweep == plan.run.warmup and len(state.steps) < len(resolved.steps)


def told(record: Record) -> Record:
    """The record after the chains have told each other; the same one as long as some have not come there."""
    plan, resolved = record.plan, record.resolved
    waiting = [state.chain for state in record.states if waits(plan, resolved, state)]
    if not waiting or any(state.sweep < plan.run.warmup for state in record.states):
        return record
    steps = {name: n for state in record.states for name, n in state.steps.items()}
    states, legs, found = list(record.states), list(record.legs), list(_found(record))
    for chain in waiting:
        state, leg = states[chain], legs[chain]
        heard = [replace(event, chain=chain) for event in found if event.target not in state.steps]
        states[chain] = replace(state, steps={step.name: steps[step.name] for step in resolved.steps})
        legs[chain] = replace(leg, events=(*leg.events, *heard))
    return record.changed(states=tuple(states), legs=tuple(legs))


def _found(record: Record) -> Iterator[Event]:
    """What the chains said of what they found, each of its own."""
    for state, leg in zip(record.states, record.legs, strict=True):
        own = {record.resolved.steps[k].name for k in own_places(record.plan, record.resolved, state.chain)}
        mine = (event for event in leg.events if event.what.endswith(WHAT) and event.target in own)
        yield from (replace(event, why=f"{event.why}, in chain {state.chain}") for event in mine)
