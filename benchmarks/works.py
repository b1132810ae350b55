"""The works that are timed: what each one's data and plan are.

Three are public data sets, one is generated at any size. To add one, write a function
that makes it and a line in :data:`SMALL`, and, if it has a target of its own, a goal in ``goals.py``.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pandas as pd

from bayesimpute.checking import plan_clusters
from bayesimpute.data.incomplete import Incomplete
from bayesimpute.data.public_data import load_dataset
from bayesimpute.plan.conditional import Conditional
from bayesimpute.plan.plan import Plan

MODELS = Path(__file__).resolve().parents[1] / "models"
CLUSTER_SIZE = 20
SHARE_MISSING = 0.2
GAUSSIAN = ("x", "z", "y")
BINARY = "b"
SCORES = ("lpo", "iqv", "ses")


@dataclass(frozen=True, kw_only=True, eq=False)
class Work:
    """Data and the plan by which they are imputed.

    Parameters
    ----------
    name : str
        By which the figures are kept.
    frame : DataFrame, rows = units
        Incomplete.
    plan : Plan
        Of all its targets.
    """

    name: str
    frame: pd.DataFrame
    plan: Plan

    @property
    def incomplete(self) -> Incomplete:
        """The data as the kernel takes them."""
        return Incomplete.from_frame(self.frame, clusters=plan_clusters(self.plan))

    def with_sampler(self, name: str) -> "Work":
        """The same work done by one sampler."""
        return replace(self, plan=self.plan.with_run(sampler=name))


def popmis() -> Work:
    """2,000 pupils in 100 schools, ``popular`` incomplete, a random slope of ``sex``."""
    return Work(name="popmis", frame=load_dataset("popmis"), plan=_model("popmis"))


def popncr() -> Work:
    """2,000 pupils in 100 classes, five incomplete variables, one of them binary."""
    return Work(name="popncr", frame=load_dataset("popNCR"), plan=_model("popncr"))


def brandsma() -> Work:
    """4,106 pupils in 216 schools: each of three scores from the others and their school means, random intercepts."""
    frame = load_dataset("brandsma")[["sch", *SCORES]]
    return Work(name="brandsma", frame=frame, plan=Plan.of([_contextual(target) for target in SCORES]))


def generated(rows: int, *, binary: bool = True) -> Work:
    """Four incomplete variables in rows / 20 clusters, each from all others and a random intercept.

    Without `binary`, the binary one is complete.
    """
    targets = (*GAUSSIAN, BINARY) if binary else GAUSSIAN
    return Work(name=f"n={rows}", frame=generate(rows, binary=binary), plan=generated_plan(targets))


def generated_plan(targets: tuple[str, ...] = (*GAUSSIAN, BINARY)) -> Plan:
    """Each target from all other variables and a random intercept, without cluster means."""
    formulas = {target: f"{target} ~ {' + '.join(_others(target))} + (1 | g)" for target in targets}
    families = {target: "bernoulli" if target == BINARY else "gaussian" for target in targets}
    return Plan.of([Conditional.of(formulas[target], family=families[target]) for target in targets])


def generate(rows: int, *, binary: bool = True, seed: int = 1) -> pd.DataFrame:
    """Data of the works of any size, shape (rows, 6).

    In cluster g with effects a, c, d, e ~ N(0, .5^2) each and w ~ N(0, 1), of level 2 and complete:
    x = .3 w + a + N(0, 1); z = .4 x + .3 w + c + N(0, 1); y = 1 + .5 x - .3 z + .2 w + d + N(0, 1);
    b = 1 with logit .4 y - .3 x + .2 w + e. Of x, z, y and, if `binary`, b a fifth each is missing, completely at
    random.
    """
    rng = np.random.default_rng(seed)
    clusters = max(rows // CLUSTER_SIZE, 1)
    g = np.arange(rows) * clusters // rows
    effects = 0.5 * rng.normal(size=(4, clusters))[:, g]
    noise = rng.normal(size=(3, rows))
    w = rng.normal(size=clusters)[g]
    x = 0.3 * w + effects[0] + noise[0]
    z = 0.4 * x + 0.3 * w + effects[1] + noise[1]
    y = 1 + 0.5 * x - 0.3 * z + 0.2 * w + effects[2] + noise[2]
    logit = 0.4 * y - 0.3 * x + 0.2 * w + effects[3]
    b = (rng.random(rows) < 1 / (1 + np.exp(-logit))).astype(float)
    columns = {"g": g, "w": w, "x": x, "z": z, "y": y, "b": b}
    for name in (*GAUSSIAN, *([BINARY] if binary else [])):
        columns[name][rng.random(rows) < SHARE_MISSING] = np.nan
    return pd.DataFrame(columns)


def _others(target: str) -> list[str]:
    return [name for name in (*GAUSSIAN, BINARY, "w") if name != target]


def _contextual(target: str) -> str:
    others = [name for name in SCORES if name != target]
    means = [f"cluster_mean({name}, sch)" for name in others]
    return f"{target} ~ {' + '.join([*others, *means])} + (1 | sch)"


def _model(name: str) -> Plan:
    return Plan.from_toml((MODELS / f"{name}.toml").read_text(encoding="utf-8"))


SMALL: dict[str, Callable[[], Work]] = {"popmis": popmis, "popncr": popncr, "brandsma": brandsma}
"""The public data sets."""
LARGE = 100_000
"""Rows of the generated work whose visits are timed one by one."""
GROWTH = (10_000, 100_000, 1_000_000)
"""Rows at which the growth of a visit's time is looked at."""
