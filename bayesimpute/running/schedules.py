"""When what is kept: a run is a sequence of stages, and at the end of each all chains meet.

Where they meet it can be decided to go on, given all that the run has produced
(:data:`bayesimpute.running.fcs.Decision`): the schedule then has one stage more. A stage says how many sweeps all
chains have made when they meet again, not how many they make on the way. So the last stage alone says what is kept, and
a run that came there by several stages keeps what a run of one stage of that length would have kept. There are three
ways to go on: ``extended``, ``added`` and ``doubled``. In another one, the sweeps at which imputations are taken must
be yet to come, or be among those at which the stage before took some.
"""

from dataclasses import dataclass, replace

from bayesimpute.plan.plan import Plan


@dataclass(frozen=True, kw_only=True)
class Stage:
    """What there is when the chains meet.

    Parameters
    ----------
    m : int
        Completed datasets.
    base : int
        Sweeps of each chain before the first that is kept.
    sweeps : int
        Kept sweeps of each chain, those of earlier stages with the same base included.
    """

    m: int
    base: int
    sweeps: int


@dataclass(frozen=True, kw_only=True)
class Schedule:
    """The stages of a run so far: all but the last are over, and questions are answered for the last.

    Parameters
    ----------
    chains : int
        FCS chains.
    stages : tuple of Stage
        At least one.
    """

    chains: int
    stages: tuple[Stage, ...]

    @classmethod
    def of(cls, plan: Plan) -> "Schedule":
        """The schedule of a fresh run."""
        run = plan.run
        return cls(chains=run.chains, stages=(Stage(m=run.m, base=run.warmup, sweeps=run.sweeps),))

    @property
    def m(self) -> int:
        """Completed datasets."""
        return self.stages[-1].m

    @property
    def base(self) -> int:
        """Sweeps of each chain before the first that is kept."""
        return self.stages[-1].base

    @property
    def sweeps(self) -> int:
        """Kept sweeps of each chain."""
        return self.stages[-1].sweeps

    @property
    def end(self) -> int:
        """The sweep after which the chains meet."""
        return self.base + self.sweeps

    @property
    def rounds(self) -> int:
        """Imputations of the chain that gives most."""
        return -(-self.m // self.chains)

    @property
    def thin(self) -> int:
        """Kept sweeps between two imputations of one chain."""
        return self.sweeps // self.rounds

    def imputation(self, chain: int, sweep: int) -> int | None:
        """Which imputation, from 0, a chain holds after a sweep; None if none is taken there.

        Those from m on are spares: ``add`` needs what a chain held at sweeps that it has passed.
        """
        rounds, rest = divmod(sweep - self.base, self.thin)
        return (rounds - 1) * self.chains + chain if sweep > self.base and rest == 0 else None

    def place(self, imputation: int) -> tuple[int, int]:
        """The chain that holds an imputation, and the sweep after which it does."""
        rounds, chain = divmod(imputation, self.chains)
        return chain, self.base + self.thin * (rounds + 1)

    def added(self, m: int) -> "Schedule":
        """A stage for m imputations more: earlier ones stay where they are."""
        rounds = -(-(self.m + m) // self.chains)
        return self._then(m=self.m + m, sweeps=max(self.sweeps, rounds * self.thin))

    def extended(self, sweeps: int) -> "Schedule":
        """A stage for which all sweeps so far are warm-up: the m datasets are taken anew from so many more."""
        return self._then(base=self.end, sweeps=sweeps)

    def doubled(self) -> "Schedule":
        """A stage of twice the sweeps, from which the m datasets are taken twice as far apart.

        So every second imputation stays. Sweeps beyond the last imputation, fewer than there are rounds, are not
        doubled: they would make the spacing a fraction.
        """
        return self._then(sweeps=self.sweeps + self.rounds * self.thin)

    def _then(self, **changes: int) -> "Schedule":
        return replace(self, stages=(*self.stages, replace(self.stages[-1], **changes)))
