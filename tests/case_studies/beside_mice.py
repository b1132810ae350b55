"""Single-level data, models and analyses that R's mice and we both have: what the figures of R beside this file are of.

To compute them anew, where R has mice and jsonlite, in minutes::

    python beside_mice.py FOLDER [FOLDER WITH nhanes2.csv, boys.csv AND fdgs.csv]
    Rscript beside_mice.R FOLDER beside_mice.json [CASE ...]

Formulas are read by both: ``scores`` is ``as.integer`` there.

mice's methods for labels are not the posterior predictive distributions that ours are. ``logreg``, ``polr`` and
``polyreg`` add p + 1 cases with equal shares of all labels to the data, against perfect separation (White, Daniel &
Royston 2010, Computational Statistics & Data Analysis 54:2267), and ``polr`` and ``polyreg`` draw labels at the
estimated coefficients, without their uncertainty. Methods with ``proper.`` in front, which beside_mice.R makes, add
nothing and draw the coefficients from their normal approximation.
"""

import json
import sys
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path

import numpy as np
import pandas as pd

import bayesimpute as bi

LABELS = {"logreg": "bernoulli", "polr": "ordinal", "polyreg": "categorical"}
PROPER = "proper."
FAMILIES = {"norm": "gaussian", "pmm": "pmm"} | LABELS | {PROPER + name: family for name, family in LABELS.items()}
"""By method of mice."""
HOLES = 0.3
STAGES = {"gen": "G1 < G2 < G3 < G4 < G5", "phb": "P1 < P2 < P3 < P4 < P5 < P6"}
REGIONS = "west | north | east | south | city"


@dataclass(frozen=True, kw_only=True)
class Case:
    """One data set, imputed by the same models in both programs.

    Attributes
    ----------
    data : str
        A public data set.
    methods : mapping of str to str
        mice's method of each formula; targets are visited in this order.
    analyses : tuple of str
        Linear models of the completed data.
    m, maxit : int
        Imputations of mice, and iterations of each.
    holes : tuple of str
        Columns of which more cells are taken out, at random.
    rows : int
        How many rows are drawn at random; 0: all.
    columns : mapping of str to str
        What columns are that the file does not tell.
    """

    data: str
    methods: Mapping[str, str]
    analyses: tuple[str, ...]
    m: int
    maxit: int
    holes: tuple[str, ...] = ()
    rows: int = 0
    columns: Mapping[str, str] = field(default_factory=dict)

    def proper(self) -> "Case":
        """With nothing added to labels, and their coefficients drawn."""
        methods = {text: PROPER + how if how in LABELS else how for text, how in self.methods.items()}
        return replace(self, methods=methods)

    def complete(self, known: pd.DataFrame) -> pd.DataFrame:
        """The rows as they are in the file, without columns that no model reads."""
        texts = " ".join([*self.methods, *self.analyses])
        frame = known[[name for name in known if name in texts]]
        return frame.sample(self.rows, random_state=1).reset_index(drop=True) if self.rows else frame

    def incomplete(self, known: pd.DataFrame) -> pd.DataFrame:
        """The rows that are imputed."""
        frame, rng = self.complete(known).copy(), np.random.default_rng(2027)
        for name in self.holes:
            frame[name] = frame[name].mask(rng.random(len(frame)) < HOLES)
        return frame

    def plan(self, run: bi.Run) -> bi.Plan:
        """The same models here."""
        models = [bi.Conditional.of(text, family=FAMILIES[method]) for text, method in self.methods.items()]
        return bi.Plan.of(models, columns=dict(self.columns), run=run)


def nhanes(method: str) -> Case:
    """Twenty-five people: what a prior says of bmi, cholesterol and hypertension is seen."""
    texts = {"bmi ~ age + hyp + chl": method, "hyp ~ bmi + chl": "logreg", "chl ~ age + bmi + hyp": method}
    return Case(data="nhanes2", methods=texts, analyses=("chl ~ age + bmi", "bmi ~ hyp"), m=300, maxit=10)


def boys(**options: object) -> Case:
    """Stages of puberty and regions; nobody younger than 7.8 years was assessed."""
    texts = {
        "hgt ~ age + wgt + hc + reg": "norm",
        "wgt ~ age + hgt + hc + reg": "norm",
        "hc ~ age + hgt + wgt": "norm",
        "gen ~ age + hgt + scores(phb) + tv": "polr",
        "phb ~ age + hgt + scores(gen) + tv": "polr",
        "tv ~ age + hgt + scores(gen) + scores(phb)": "pmm",
        "reg ~ age + hgt + wgt": "polyreg",
    }
    analyses = ("hgt ~ age + wgt + reg", "tv ~ age + hgt", "hc ~ age + scores(gen)")
    return Case(data="boys", methods=texts, analyses=analyses, columns=STAGES | {"reg": REGIONS}, **options)  # type: ignore[arg-type]


def fdgs(method: str, maxit: int) -> Case:
    """Heights and weights, and what they are for a child's age and sex; all but the region with holes."""
    names = ("age", "hgt", "wgt", "hgt.z", "wgt.z")
    text = {n: f"`{n}` ~ {' + '.join(f'`{o}`' for o in names if o != n)} + sex" for n in names}
    texts = {text[n]: method for n in names} | {f"sex ~ {' + '.join(f'`{n}`' for n in names)}": "logreg"}
    analyses = ("hgt ~ age + sex", "wgt ~ age + hgt", "`hgt.z` ~ `wgt.z` + reg")
    return Case(data="fdgs", methods=texts, analyses=analyses, holes=(*names, "sex"), rows=2000, m=30, maxit=maxit)


CASES = {
    "nhanes2": nhanes("norm"),
    "nhanes2, proper": nhanes("norm").proper(),
    "nhanes2, pmm": nhanes("pmm"),
    "boys": boys(m=100, maxit=8),
    "boys, holes": boys(m=100, maxit=8, holes=("hgt", "wgt", "hc", "reg")),
    "boys, proper": boys(m=100, maxit=8).proper(),
    "boys, holes, proper": boys(m=100, maxit=8, holes=("hgt", "wgt", "hc", "reg")).proper(),
    "fdgs, holes": fdgs("norm", 100),
    "fdgs, holes, pmm": fdgs("pmm", 30),
}


def main(to: Path, data: Path) -> None:
    """Write what R reads."""
    for name, case in CASES.items():
        known = pd.read_csv(data / f"{case.data}.csv", keep_default_na=False, na_values=[""])
        case.incomplete(known).to_csv(to / f"{name}.csv", index=False)
    (to / "cases.json").write_text(json.dumps({name: asdict(case) for name, case in CASES.items()}))


if __name__ == "__main__":
    main(*map(Path, sys.argv[1:]))
