"""Calibration of every family that has a density: ranks of parameters, effects and imputed cells, by design.

Simulation-based calibration (Talts et al. 2018; Modrák et al. 2023) as in ``tests/calibration/sbc.py``: parameters are
drawn from the prior, data from the model, and the truth is ranked among posterior draws. Clusters have one to three
rows, some none that is observed; those of selection models ten. The models have no clusters, random intercepts, or
random intercepts and slopes, in all of their parts; the compiled sampler where it takes the model, else NUTS.

    python studies/ranks_by_family.py --replicates 300 --workers 2 --out calibration.csv

A row is written for each quantity of a family and design, with the p value of its ranks' being uniform; those that the
file has are not made again. Beside what must be uniform stands what must not be: cells imputed at the mean, and without
the random effects. The table is printed at the end.
"""

import argparse
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pandas as pd

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests"))  # as pytest does
sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests" / "calibration"))

import sbc
import selecting
from rows import done, gather
from sbc import LEVEL, PRIORS, SPREAD, WRONG, pvalue
from tiny_clusters import tiny_clusters, values_of

from bayesimpute.families import (
    Bernoulli,
    Binomial,
    Bounded,
    Family,
    HeckmanGaussian,
    HeckmanNegativeBinomial,
    HeckmanOrdinal,
    HeckmanPoisson,
    HeckmanProbit,
    HeckmanStudentT,
    Ordinal,
    Semicontinuous,
)
from bayesimpute.samplers import Nuts
from bayesimpute.samplers.gibbs import Gibbs

DESIGNS = {"no clusters": "x", "intercepts": "x + (1 | g)", "slopes": "x + (1 + x | g)"}
DRAWS = 60
"""Of the posterior of a replicate."""
THIN = {"gibbs": 4, "nuts": 8, "selection": 12}
"""Transitions between draws."""


@dataclass(frozen=True, kw_only=True)
class Case:
    """A family with priors of its own, and those of the deviations of effects; the parts that it has beside mu."""

    family: str | Family
    own: Mapping[str, str] = field(default_factory=dict)
    deviations: tuple[float, float] = (1.5, 1.0)
    parts: Sequence[str] = ()
    nuts: bool = False

    def bed(self, right: str) -> sbc.Bed:
        """The model on its template, compiled."""
        priors = dict(self.own)
        for part in ("", *(f"{part}_" for part in self.parts)):
            for term, scale in zip(("1|g", "x|g"), self.deviations, strict=True):
                if term[0] in right.partition("(")[2]:
                    priors[f"{part}{term}_sigma"] = f"HalfNormal({scale})"
        zero = right if "zero" in self.parts else None
        structure = sbc.Structure(right=right, zero=zero, family=self.family, priors=priors)
        sampler = Nuts() if self.nuts else Gibbs()
        return sbc.prepare(structure, sampler=sampler, frame=tiny_clusters(values=values_of(self.family)))


LABELS = {"x": "Normal(0, 1)"}
ALPHA = {"alpha": "Gamma(4, 2)"}
INNER = {"Intercept": "Normal(0, 0.5)", "x": "Normal(0, 0.5)", "kappa": "Gamma(20, 1)"}
"""Proportions that do not round to 0 or 1."""
ZERO = {"zero_Intercept": "Normal(-0.5, 0.7)", "zero_x": "Normal(0, 0.7)"}
ONE = {"one_Intercept": "Normal(-0.5, 0.7)", "one_x": "Normal(0, 0.7)"}
SMALL = (0.7, 0.5)
CASES = {
    "gaussian": Case(family="gaussian", own=PRIORS | SPREAD),
    "student_t": Case(family="student_t", own=PRIORS | SPREAD | {"nu": "Gamma(4, 0.5)"}),
    "bernoulli, logit": Case(family="bernoulli", own=PRIORS),
    "bernoulli, probit": Case(family=Bernoulli(link="probit"), own=PRIORS),
    "binomial": Case(family=Binomial(trials=7), own=PRIORS),
    "ordinal, logit": Case(family="ordinal", own=LABELS | {"cutpoints": "DirichletLogit(2)"}),
    "ordinal, probit": Case(family=Ordinal(link="probit"), own=LABELS | {"cutpoints": "DirichletProbit(2)"}),
    "categorical": Case(family="categorical", own=PRIORS),
    "poisson": Case(family="poisson", own=PRIORS, deviations=SMALL),
    "negative_binomial": Case(family="negative_binomial", own=PRIORS | ALPHA, deviations=SMALL),
    "zero_inflated_poisson": Case(family="zero_inflated_poisson", own=PRIORS | ZERO, deviations=SMALL, parts=("zero",)),
    "zero_inflated_negative_binomial": Case(
        family="zero_inflated_negative_binomial", own=PRIORS | ALPHA | ZERO, deviations=SMALL, parts=("zero",)
    ),
    "hurdle_poisson": Case(family="hurdle_poisson", own=PRIORS | ZERO, deviations=SMALL, parts=("zero",)),
    "hurdle_negative_binomial": Case(
        family="hurdle_negative_binomial", own=PRIORS | ALPHA | ZERO, deviations=SMALL, parts=("zero",)
    ),
    "lognormal": Case(family="lognormal", own=PRIORS | SPREAD),
    "logitnormal": Case(family="logitnormal", own=PRIORS | SPREAD),
    "sqrtnormal": Case(
        family="sqrtnormal",
        own={"Intercept": "Normal(4, 0.5)", "x": "Normal(0, 0.3)", "sigma": "Gamma(4, 16)"},  # away from zero
        deviations=(0.4, 0.2),
        nuts=True,
    ),
    "gamma": Case(family="gamma", own=PRIORS | ALPHA, deviations=SMALL),
    "beta": Case(family="beta", own=INNER, deviations=SMALL),
    "zero_inflated_beta": Case(family="zero_inflated_beta", own=INNER | ZERO, deviations=SMALL, parts=("zero",)),
    "one_inflated_beta": Case(family="one_inflated_beta", own=INNER | ONE, deviations=SMALL, parts=("one",)),
    "zero_one_inflated_beta": Case(
        family="zero_one_inflated_beta", own=INNER | ZERO | ONE, deviations=SMALL, parts=("zero", "one")
    ),
    "skewed": Case(family="skewed", own=PRIORS | SPREAD | {"skew": "ScaledBeta(4, 4)"}),
    "semicontinuous, lognormal": Case(
        family=Semicontinuous(positive="lognormal"), own=PRIORS | SPREAD | ZERO, parts=("zero",)
    ),
    "semicontinuous, gamma": Case(
        family=Semicontinuous(positive="gamma"), own=PRIORS | ALPHA | ZERO, deviations=SMALL, parts=("zero",)
    ),
    "bounded, truncated": Case(family=Bounded(limits=(-1.0, 1.5)), own=PRIORS | SPREAD),
    "bounded, censored": Case(family=Bounded(limits=(-1.0, 1.5), at_limits="censored"), own=PRIORS | SPREAD),
}
SELECTING = {
    "heckman_gaussian": selecting.Structure(
        family=HeckmanGaussian(systematic="marginal"), priors=selecting.PRIORS | selecting.SPREAD
    ),
    "heckman_probit": selecting.Structure(family=HeckmanProbit(systematic="marginal"), priors=selecting.PRIORS),
    "heckman_ordinal": selecting.Structure(
        family=HeckmanOrdinal(systematic="marginal"),
        priors={name: prior for name, prior in selecting.PRIORS.items() if name != "Intercept"},
    ),
}
FEWER = {"x": "Normal(0, 0.5)", "1|g_sigma": "HalfNormal(0.5)"}
SELECTING |= {
    "heckman_student_t": selecting.Structure(
        family=HeckmanStudentT(systematic="marginal"),
        priors=selecting.PRIORS | selecting.SPREAD | {"nu": "Gamma(4, 0.5)"},
    ),
    "heckman_poisson": selecting.Structure(
        family=HeckmanPoisson(systematic="marginal"), priors=selecting.PRIORS | FEWER
    ),
    "heckman_negative_binomial": selecting.Structure(
        family=HeckmanNegativeBinomial(systematic="marginal"), priors=selecting.PRIORS | FEWER | ALPHA
    ),
}
"""With random intercepts in both equations."""
COMPILED = ("heckman_gaussian", "heckman_probit")
"""The others have NUTS."""
NAMES = (*CASES, *SELECTING)


def ranks(name: str, design: str, replicates: int) -> dict[str, np.ndarray]:
    """Of every quantity, each of shape (replicate,)."""
    if name in CASES:
        thin = THIN["nuts" if CASES[name].nuts else "gibbs"]
        return sbc.study(CASES[name].bed(DESIGNS[design]), replicates=replicates, draws=DRAWS, thin=thin, seed=28)
    structure = SELECTING[name]
    compiled = name in COMPILED
    thin, made = THIN["selection" if compiled else "nuts"], structure.prepare(Gibbs() if compiled else Nuts())
    return selecting.study(made, structure, replicates=replicates, draws=DRAWS, thin=thin, seed=28)


def replicate(name: str, design: str, replicates: int) -> list[dict[str, str | float]]:
    """The rows of a family and design."""
    from threadpoolctl import threadpool_limits

    with threadpool_limits(1):
        found = ranks(name, design, replicates)
    return [
        {"family": name, "design": design, "quantity": quantity, "replicates": replicates, "p": pvalue(u)}
        for quantity, u in found.items()
    ]


def table(found: pd.DataFrame) -> pd.DataFrame:
    """A line for each family and design: its quantities, and the smallest p value times their number.

    `mean_p` and `effects_p` are the same of cells imputed at the mean, and without effects.
    """
    lines = []
    for (name, design), part in found.groupby(["family", "design"], sort=False):
        wrong = part["quantity"].str.startswith(WRONG)
        right = part[~wrong]
        worst = right.loc[right["p"].idxmin()]
        lines.append(
            {
                "family": name,
                "design": design,
                "replicates": int(right["replicates"].iloc[0]),
                "quantities": len(right),
                "p": min(1.0, worst["p"] * len(right)),
                "of": worst["quantity"],
                "mean_p": _together(part, "the mean imputed"),
                "effects_p": _together(part, "random effects ignored"),
            }
        )
    return pd.DataFrame(lines)


def _together(part: pd.DataFrame, prefix: str) -> float:
    p = part.loc[part["quantity"].str.startswith(prefix), "p"]
    return min(1.0, p.min() * len(p)) if len(p) else np.nan


def main(arguments: Sequence[str] | None = None) -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description="Ranks of parameters and imputed cells, by family and design.")
    parser.add_argument("--replicates", type=int, default=300)
    parser.add_argument("--only", nargs="+", choices=NAMES, default=NAMES, metavar="FAMILY", help=", ".join(NAMES))
    parser.add_argument("--workers", type=int, default=1)
    parser.add_argument("--out", type=Path, default=Path(".study/calibration.csv"))
    asked = parser.parse_args(arguments)
    old = done(asked.out, "family", "design")
    each = [(name, design) for name in asked.only for design in (DESIGNS if name in CASES else ("intercepts",))]
    gather(replicate, [(*e, asked.replicates) for e in each if e not in old], asked.out, asked.workers)
    lines = table(pd.read_csv(asked.out))
    print(lines.to_string(index=False, float_format=lambda value: f"{value:.3g}", na_rep=""))
    print(f"{(lines['p'] < LEVEL).sum()} of {len(lines)} below {LEVEL}")


if __name__ == "__main__":
    main()
