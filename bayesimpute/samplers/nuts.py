"""PyMC's NUTS for any conditional model, one explicit state a chain. The only import of PyMC's step methods.

A compiled step serves all chains: what distinguishes them (position, step size, mass matrix and the running sums of
their adaptation) is read out into a :class:`SamplerState` after each visit and put back before the next. Data
containers are set only when their arrays are other objects than last time. The random numbers come from the visit's
own generator.
"""

from dataclasses import dataclass, field
from typing import Any, ClassVar

import numpy as np

from bayesimpute.designs.design import SYSTEMATIC, Design, Draw
from bayesimpute.designs.graph import Layout
from bayesimpute.designs.systematic import with_systematic
from bayesimpute.samplers.metric import Metric
from bayesimpute.samplers.metric_at_draw import at_draw, kept, no_effects, rough_variance
from bayesimpute.samplers.sampler import NOBODY, ConditionalModel, Data, SamplerState, Stats, Watched, one_by_one

FIRST_ADAPTATION = (100, 400)
"""Transitions of a chain's first adaptation, with the metric at a guess and then at the draw that was reached."""
POLISHED = (75, 150, 200, 150)
"""The same where a family has more than one linear predictor: then some to learn a polish of the metric from, and some
to adapt to it."""
EARLY_DEPTH = 6
"""Of trees while tuning: the first steps are short, and long trajectories of short steps are a waste."""
TARGET_ACCEPT = 0.9
"""Above PyMC's 0.8: standard deviations near zero make trajectories diverge at longer steps."""
HUGE = 1e100
"""A gradient beyond which a trajectory has diverged."""
SPREAD = 1.0
"""Half the width of the starts on the unconstrained scale."""
_STEP = ("_log_step", "_log_bar", "_hbar", "_count", "_mu")
_SUMS = ("n_samples", "mean", "raw_var")


@dataclass(frozen=True)
class Nuts:
    """The no-U-turn sampler (Hoffman & Gelman 2014) with a diagonal mass matrix."""

    why: ClassVar[str] = "it draws from any model"
    automatic: ClassVar[bool] = True
    unlocked: ClassVar[bool] = False
    called: ClassVar[str] = "the No-U-Turn sampler"
    source: ClassVar[str | None] = "hoffman2014"

    def supports(self, model: ConditionalModel) -> bool:
        """Every model."""
        del model
        return True

    def movable(self, design: Design) -> bool:
        """Any position can be set."""
        del design
        return True

    def compile(self, model: ConditionalModel) -> "NutsPosterior":
        """Compile the log-density and its gradient: once."""
        import pymc as pm
        from pymc.blocking import DictToArrayBijection
        from pytensor.configdefaults import config

        # strict floating point: code just compiled and the same code read from the cache must agree in every bit,
        # because NUTS makes other chains of other last bits, and a run must not depend on which process compiled what
        config.numba__fastmath = False  # pyright: ignore[reportAttributeAccessIssue]
        config.blas__ldflags = ""  # pyright: ignore[reportAttributeAccessIssue]  # numba has its own
        with model.pymc as pymc_model:
            point = DictToArrayBijection.map(pymc_model.initial_point())
            step: Any = pm.NUTS(
                compile_kwargs={"mode": "NUMBA"},
                target_accept=TARGET_ACCEPT,
                early_max_treedepth=EARLY_DEPTH,
                potential=_potential(point.data.size),
            )
            step.integrator._logp_dlogp_func = _tamed(step.integrator._logp_dlogp_func)
        parts, start = [], 0
        by_value = {value.name: rv.name for rv, value in pymc_model.rvs_to_values.items()}
        for name, _, size, _ in point.point_map_info:
            parts.append((by_value[name], slice(start, start + size)))
            start += size
        layout = Layout(design=model.design, parts=tuple(parts))
        containers = {name: pymc_model[name] for name in model.data}
        return NutsPosterior(layout=layout, engine=step, info=point.point_map_info, containers=containers)


def _tamed(function: Any) -> Any:
    """A log-density that is minus infinity where it cannot be computed or its gradient is as good as infinite.

    There a trajectory shall diverge. Numbers in numba's code divide as in Python, so that a correlation that rounds to
    1 would end the run, and a momentum that overflows would set off warnings.
    """

    def tamed(q: np.ndarray, info: Any) -> Any:
        try:
            logp, gradient = function(q, info)
        except ZeroDivisionError:
            return np.array(-np.inf), np.zeros_like(q)
        if np.abs(gradient).max() < HUGE:  # false also where there is a nan
            return logp, gradient
        return np.array(-np.inf), np.zeros_like(q)

    return tamed


def _potential(size: int) -> Any:
    """PyMC's diagonal adaptation, in the whitened coordinates of a :class:`~bayesimpute.samplers.metric.Metric`."""
    from pymc.step_methods.hmc.quadpotential import QuadPotentialDiagAdapt

    class Whitened(QuadPotentialDiagAdapt):
        metric: Metric

        def velocity(self, x: np.ndarray, out: np.ndarray | None = None) -> np.ndarray:
            v = self.metric.forward(self._var * self.metric.forward_transposed(x))
            if out is None:
                return v
            out[:] = v
            return out

        def energy(self, x: np.ndarray, velocity: np.ndarray | None = None) -> float:
            return 0.5 * x.dot(self.velocity(x) if velocity is None else velocity)

        def velocity_energy(self, x: np.ndarray, v_out: np.ndarray) -> float:
            return 0.5 * x.dot(self.velocity(x, out=v_out))

        def random(self) -> np.ndarray:
            return self.metric.backward_transposed(super().random())

        def update(self, sample: np.ndarray, grad: np.ndarray, tune: bool) -> None:
            if tune:
                super().update(self.metric.backward(sample), grad, tune)

    return Whitened(size, np.zeros(size), np.ones(size), 10, rng=np.random.default_rng(0))


@dataclass(kw_only=True, eq=False)
class NutsPosterior:
    """A compiled NUTS step with the data containers of its model; not for two threads at a time."""

    layout: Layout
    engine: Any
    info: Any
    containers: dict[str, Any]
    held: dict[str, np.ndarray] = field(default_factory=dict)
    metrics: np.ndarray | None = None

    def init(self, data: Data, rng: np.random.Generator) -> SamplerState:
        """A dispersed start and the first adaptation: of the metric at a guess, then at a draw."""
        self._set(data)
        several = len(self.layout.design.steered) > 1
        first, second, *rest = POLISHED if several else FIRST_ADAPTATION
        state, draw = self._adapted(self._start(rng), self.layout.middle(), data, rng, first)
        state, _ = self._adapted(state.arrays["q"], draw, data, rng, second)
        return self._polish(state, data, rng, *rest) if several else state

    def draw(self, state: SamplerState) -> Draw:
        """The parameters at a position, and what was drawn beside them."""
        draw = self.layout.unpack(state.arrays["q"])
        return draw if SYSTEMATIC not in state.arrays else {**draw, SYSTEMATIC: state.arrays[SYSTEMATIC]}

    def placed(self, state: SamplerState, draw: Draw) -> SamplerState:
        """The state at the effects of a draw."""
        return SamplerState({**state.arrays, "q": self.layout.placed(state.arrays["q"], draw)})

    def _adapted(
        self, q: np.ndarray, draw: Draw, data: Data, rng: np.random.Generator, transitions: int
    ) -> tuple[SamplerState, Draw]:
        """Transitions that adapt from nothing but the metric at a draw."""
        variance = rough_variance(self.layout, len(data["y_data"]))
        fresh = self._fresh(q, at_draw(self.layout, data, draw), variance)
        return self.step(fresh, data, rng, transitions=transitions, tune=True)[:2]

    def _polish(
        self, state: SamplerState, data: Data, rng: np.random.Generator, looking: int, adapting: int
    ) -> SamplerState:
        """Another adaptation, with what some more transitions show of the parameters' covariance."""
        draws = []
        for _ in range(looking):
            state, _, _ = self.step(state, data, rng, tune=True)
            draws.append(state.arrays["q"])
        metric = kept(self.layout, state.arrays).polished(no_effects(self.layout), np.array(draws))
        fresh = self._fresh(draws[-1], metric, np.ones(self.layout.size))
        return self.step(fresh, data, rng, transitions=adapting, tune=True)[0]

    def _fresh(self, q: np.ndarray, metric: Metric, variance: np.ndarray) -> SamplerState:
        """A state whose adaptation begins anew, from a guess of the variances in whitened coordinates."""
        engine = self.engine
        engine.step_adapt.reset()
        engine.potential.adaptation_window = 101
        engine.potential._initial_diag = variance
        engine.potential.reset()
        engine.potential.metric = metric
        return self._export(q)

    def explore(
        self, state: SamplerState, data: Data, rng: np.random.Generator, transitions: int, watched: Watched = NOBODY
    ) -> tuple[SamplerState, np.ndarray]:
        """Transitions one by one."""
        return one_by_one(self, self.layout.design, state, data, rng, transitions, watched)

    def step(
        self, state: SamplerState, data: Data, rng: np.random.Generator, *, transitions: int = 1, tune: bool = False
    ) -> tuple[SamplerState, Draw, Stats]:
        """Some transitions of the Markov chain."""
        self._set(data)
        q = self._restore(state)
        engine = self.engine
        engine.rng = rng
        engine.potential.set_rng(rng.spawn(1)[0])
        engine.tune = tune
        engine.iter_count = (
            0  # while it is below 200 and tuning, trees are shallower: not by what other chains did before
        )
        divergences, acceptance, depth = 0, 0.0, 0
        for _ in range(transitions):
            q, (stats,) = engine.astep(q)
            divergences += stats["diverging"]
            acceptance += stats["mean_tree_accept"]
            depth = max(depth, stats["depth"])
        summary = Stats(transitions, divergences, acceptance / transitions, depth)
        moved, draw = self._export(q.data, tuning=tune, before=state), self.layout.unpack(q.data)
        if self.layout.design.empty is not None:
            draw = with_systematic(rng, self.layout.design, draw, data)
            moved = SamplerState({**moved.arrays, SYSTEMATIC: draw[SYSTEMATIC]})
        return moved, draw, summary

    def _set(self, data: Data) -> None:
        for name, values in data.items():
            if self.held.get(name) is not values:
                self.containers[name].set_value(values)
                self.held[name] = values

    def _start(self, rng: np.random.Generator) -> np.ndarray:
        """The first of ten starts, ever nearer to the middle, at which density and gradient are finite."""
        function = self.engine._logp_dlogp_func
        for attempt in range(10):
            q = self.layout.start(rng, SPREAD * 0.5**attempt)
            logp, gradient = function(self._raveled(q))
            if np.isfinite(logp) and np.isfinite(gradient).all():
                return q
        raise FloatingPointError("no start with a finite density was found")

    def _raveled(self, q: np.ndarray) -> Any:
        from pymc.blocking import RaveledVars

        return RaveledVars(q, self.info)

    def _export(self, q: np.ndarray, *, tuning: bool = True, before: SamplerState | None = None) -> SamplerState:
        q = np.array(q)
        if not tuning and before is not None:  # frozen: only the position moves
            return SamplerState({**before.arrays, "q": q})
        engine, potential = self.engine, self.engine.potential
        arrays = {"q": q, "variance": np.array(potential._var)}
        arrays |= {f"step{name}": np.array(float(getattr(engine.step_adapt, name))) for name in _STEP}
        arrays |= potential.metric.arrays()
        arrays |= {"n_samples": np.array(potential._n_samples), "window": np.array(potential.adaptation_window)}
        for side in ("foreground", "background"):
            sums = getattr(potential, f"_{side}_var")
            arrays |= {f"{side}_{name}": np.array(getattr(sums, name), dtype=float) for name in _SUMS}
        return SamplerState(arrays)

    def _restore(self, state: SamplerState) -> Any:
        engine, potential, a = self.engine, self.engine.potential, state.arrays
        for name in _STEP:
            setattr(engine.step_adapt, name, float(a[f"step{name}"]))
        engine.step_adapt._tuned_stats = []
        if (
            self.metrics is not a["metric_factor"]
        ):  # chains take turns; making a metric again costs an inverse a cluster
            potential.metric = kept(self.layout, a)
            self.metrics = a["metric_factor"]
        potential._var = np.array(a["variance"])
        potential._stds = np.sqrt(potential._var)
        potential._inv_stds = 1.0 / potential._stds
        potential._n_samples = int(a["n_samples"])
        potential.adaptation_window = int(a["window"])
        for side in ("foreground", "background"):
            sums = getattr(potential, f"_{side}_var")
            sums.n_samples = float(a[f"{side}_n_samples"])
            sums.mean = np.array(a[f"{side}_mean"])
            sums.raw_var = np.array(a[f"{side}_raw_var"])
        return self._raveled(np.array(a["q"]))
