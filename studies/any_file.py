"""Every file of a folder through ``bayesimpute.impute`` with no formulas, at the default settings, against the truth.

Each data set is imputed twice: as it is, and after 30 % of the cells of every column but the cluster key were taken
away: at random given a complete column (`DRIVERS`), where it has one, which then stays complete; of a column that is
constant within clusters all cells of a cluster. Written down are seconds of one core (with those of compiling, the
first time) and the verdict of ``diagnose`` with the worst figures, the imputed cells that their column cannot have, and
what is pooled beside the data before the holes (or the published complete data, `COMPLETE`): means, shares of labels,
and the analyses of `ANALYSES`.

Two distances: `errors` is the difference in pooled standard errors, what a user would see; `z` is the difference in
standard deviations of what the holes alone leave open, the root of (1 + 1/m) B, t with m - 1 degrees of freedom where
the models are right: the sharper question. Where the data before the holes are incomplete, too, an analysis is compared
with the one pooled from the data as they are.

    python studies/any_file.py --data FOLDER --out any_file.csv

A row is written for each figure; data sets that the file has are not made again, and the tables are printed at the end.
"""

import argparse
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests"))  # as pytest does

from keys_of_files import KEYS
from rows import done, gather

import bayesimpute as bi
from bayesimpute.base.errors import BayesimputeError
from bayesimpute.data.incomplete import Incomplete
from bayesimpute.families import FAMILIES
from bayesimpute.pooling.scalars import rubin

SHARED = Path(__file__).resolve().parents[2] / "shared" / "data"
HOLES = 0.3

DRIVERS = {
    "antidepressant": "VISIT",
    "boys": "age",
    "brandsma": "min",
    "fdgs": "age",
    "hiv": "age",
    "impact": "age",
    "mroz87": "age",
    "nhanes2": "age",
    "popmis": "teachpop",
    "popmis_complete": "teachpop",
    "popular_complete": "popteach",
    "popular_tutorial_complete": "assessment_ij",
    "toenail": "visit",
}
COMPLETE = {"popmis": "popmis_complete", "popNCR": "popular_complete"}
COMPLETE |= {"popular_tutorial_MAR": "popular_tutorial_complete"}
HOX = ("popular ~ sex + texp + (1 | school)", "popular ~ sex * texp + (1 + sex | school)")
TUTORIAL = (
    "popularity_ij ~ gender_ij + extraversion_ij + experience_j + (1 | cluster_id)",
    "popularity_ij ~ gender_ij + extraversion_ij * experience_j + (1 + extraversion_ij | cluster_id)",
)
CLASSES = ("popular ~ sex + extrav + texp + (1 | class)",)
LOGIT: Mapping[str, Any] = {"family": "bernoulli"}
ANALYSES: Mapping[str, Sequence[tuple[str, Mapping[str, Any]]]] = {
    "antidepressant": [("CHANGE ~ BASVAL + THERAPY", {"where": "VISIT == 7"})],
    "boys": [("wgt ~ age + hgt", {})],
    "brandsma": [
        ("lpo ~ iqv + (1 | sch)", {}),
        ("lpo ~ iqv + cluster_mean(iqv, sch) + (1 + iqv | sch)", {}),
        ("lpo ~ iqv + C(den) + (1 | sch)", {}),
    ],
    "fdgs": [("wgt ~ age + hgt", {})],
    "hiv": [("hiv ~ age + marital + condom + C(region) + smoke", LOGIT | {"link": "probit"})],
    "impact": [("mort ~ type + age + motor_score + pupil + ct + hypox + hypots + tsah + edh + (1 | name)", LOGIT)],
    "mroz87": [
        ("lfp ~ nwifeinc + educ + exper + age + kids5 + kids618", LOGIT),
        ("wage ~ exper + educ + city", {"where": "lfp == 1"}),
    ],
    "nhanes2": [("chl ~ age + bmi", {})],
    "toenail": [("outcome ~ treatment * time + (1 | patientID)", LOGIT | {"nodes": 21})],
    **{name: [(formula, {}) for formula in HOX] for name in ("popmis", "popmis_complete")},
    **{name: [(formula, {}) for formula in CLASSES] for name in ("popNCR", "popular_complete")},
    **{name: [(formula, {}) for formula in TUTORIAL] for name in ("popular_tutorial_MAR", "popular_tutorial_complete")},
}
RICHER = r"\*|\(1 \+"
"""What analyses have that plans from the data alone do not: interactions and random slopes."""
Row = dict[str, Any]


def with_holes(data: pd.DataFrame, name: str) -> pd.DataFrame:
    """The data after 30 % of the cells were taken away, more of them at large values of the driver."""
    key, driver = KEYS.get(name), DRIVERS.get(name)
    lean = _standard(data[driver]) if driver else np.zeros(len(data))
    rng, holes = np.random.default_rng(1), data.copy()
    for column in data.columns:
        if column not in (key, driver):
            gone = _gone(rng, lean, data[key] if key and _constant(data, column, key) else None)
            holes[column] = data[column].where(~gone)
    return holes


def _standard(column: pd.Series) -> np.ndarray:
    """Numbers, or the codes of labels, with mean 0 and variance 1."""
    values = column if pd.api.types.is_numeric_dtype(column) else pd.Series(pd.factorize(column, sort=True)[0])
    return ((values - values.mean()) / values.std()).to_numpy(float)


def _constant(data: pd.DataFrame, column: str, key: str) -> bool:
    return bool((data.groupby(key)[column].nunique() <= 1).all())


def _gone(rng: np.random.Generator, lean: np.ndarray, clusters: pd.Series | None) -> np.ndarray:
    """Which cells go, shape (row,): 30 % on average, by a logit with slope 1; whole clusters if these are given."""
    if clusters is not None:
        number, labels = pd.factorize(clusters)
        means = pd.Series(lean).groupby(number).mean().to_numpy()
        return _gone(rng, means / (means.std() or 1.0), None)[number] if len(labels) > 1 else np.zeros(len(lean), bool)
    low, high = -20.0, 20.0
    while high - low > 1e-9:
        middle = (low + high) / 2
        low, high = (low, middle) if np.mean(1 / (1 + np.exp(-middle - lean))) > HOLES else (middle, high)
    return rng.random(len(lean)) < 1 / (1 + np.exp(-low - lean))


def replicate(folder: str, name: str, holes: bool, settings: Mapping[str, Any] | None = None) -> list[Row]:
    """The rows of one data set."""
    from threadpoolctl import threadpool_limits

    data = bi.read_data(Path(folder) / f"{name}.csv")
    truth = bi.read_data(Path(folder) / f"{COMPLETE[name]}.csv") if name in COMPLETE else data
    with threadpool_limits(1):
        found = list(figures(with_holes(data, name) if holes else data, truth, name, settings or {}))
    return [row(what, **more) | {"data": name, "holes": HOLES * holes} for what, more in found]


def row(what: str, name: str, *, label: str = "", note: str = "", **numbers: float) -> Row:
    """A row of the file with what there is."""
    columns = dict.fromkeys(["data", "holes", "what", "name", "label", "value", "error", "open", "truth"])
    return columns | {"what": what, "name": name, "label": label, "note": note} | numbers


def figures(data: pd.DataFrame, truth: pd.DataFrame, name: str, settings: Mapping[str, Any]) -> Iterator[Any]:
    """Everything that is written of one run."""
    begun = time.process_time()
    try:
        made = bi.impute(data, cluster=KEYS.get(name, ()), seed=1, progress=False, **settings)
    except BayesimputeError as stopped:
        yield "run", {"name": "verdict", "note": f"{type(stopped).__name__}: {str(stopped).splitlines()[0]}"}
        return
    yield "run", {"name": "seconds", "value": time.process_time() - begun}
    yield from judged(made)
    frames = [made.completed(k) for k in range(made.m)]
    for column in made.targets:
        yield from cells(made, column, data[column], frames)
    for column in made.targets:
        yield from moments(column, data[column], truth[column], frames)
    for formula, options in ANALYSES.get(name, ()):
        yield from coefficients(made, truth, formula, options)


def judged(made: bi.MultiplyImputed) -> Iterator[Any]:
    """What ``diagnose`` says, and of what."""
    diagnosis = made.diagnose()
    yield "run", {"name": "verdict", "note": diagnosis.verdict.value, "label": " | ".join(diagnosis.reasons)}
    yield "run", {"name": "more", "value": diagnosis.more}
    names = {"parameter": diagnosis.parameters, "statistic": diagnosis.imputed}
    tables = [table.assign(of=table["target"] + ": " + table[of]) for of, table in names.items()]
    both = pd.concat(tables, ignore_index=True)
    for figure, worst in (("r_hat", "idxmax"), ("ess_bulk", "idxmin")):
        if both[figure].notna().any():
            line = both.loc[getattr(both[figure], worst)()]
            yield "run", {"name": figure, "value": line[figure], "note": line["of"]}
    for event in made.events.to_dict("records"):
        if "does not predict it" not in event["what"]:
            yield "event", {"name": event["target"], "label": event["what"], "note": event["why"]}


def cells(made: bi.MultiplyImputed, name: str, given: pd.Series, frames: Sequence[pd.DataFrame]) -> Iterator[Any]:
    """How many imputed cells are what the column cannot be, beyond all observed, or below zero where none is."""
    gone = given.isna().to_numpy()
    if not gone.any():
        return
    drawn = pd.concat([frame.loc[gone, name] for frame in frames])
    known = given.dropna()
    if not pd.api.types.is_numeric_dtype(given) or set(known.unique()) <= {0, 1}:
        yield "cells", {"name": name, "label": "outside", "value": int((~drawn.isin(known.unique())).sum())}
        return
    values = drawn.to_numpy(float)
    column = Incomplete.from_frame(given.to_frame()).columns[name]
    named = next(c.family for c in made.plan.conditionals if c.target == name)
    family = FAMILIES[named] if isinstance(named, str) else type(named)
    fits = family.values.of(column)
    inside = np.isin(values, known.unique()) if fits.labels else fits.support.contains(values)
    if (known == known.round()).all():
        rounded = pd.concat([made.completed(k, round=True).loc[gone, name] for k in range(2)]).to_numpy(float)
        halves = int((rounded != rounded.round()).sum())
        yield "cells", {"name": name, "label": "not whole when rounded", "value": halves}
    yield "cells", {"name": name, "label": "outside", "value": int((~inside).sum()), "note": family.name}
    beyond = np.mean((values < known.min()) | (values > known.max()))
    yield "cells", {"name": name, "label": "beyond", "value": beyond, "note": family.name}
    if (known >= 0).all():
        yield "cells", {"name": name, "label": "below zero", "value": np.mean(values < 0), "note": family.name}


def moments(name: str, given: pd.Series, truth: pd.Series, frames: Sequence[pd.DataFrame]) -> Iterator[Any]:
    """The pooled mean, or the share of each label, beside the true one, over rows where this is known."""
    known = truth.notna().to_numpy()
    if not (given.isna().to_numpy() & known).any():
        return
    columns = [frame.loc[known, name] for frame in frames]
    what, parts = "mean", {"": (truth[known], columns)}
    if not pd.api.types.is_numeric_dtype(truth):
        what, labels = "share", sorted(given.dropna().unique())  # a label that was never seen is never drawn
        parts = {label: (truth[known] == label, [column == label for column in columns]) for label in labels}
    for label, (true, drawn) in parts.items():
        estimates = np.array([[float(column.mean())] for column in drawn])
        variances = np.array([[float(column.astype(float).var()) / len(column)] for column in drawn])
        pooled = rubin(estimates, variances)
        yield what, {"name": name, "label": label, "truth": float(true.mean())} | _numbers(pooled, 0)


def coefficients(
    made: bi.MultiplyImputed, truth: pd.DataFrame, formula: str, options: Mapping[str, Any]
) -> Iterator[Any]:
    """The pooled coefficients of an analysis beside those of the true data, where these are complete."""
    try:
        found = made.analyse(formula, progress=False, **options)
        needs = [c for c in truth.columns if c in formula]
        whole = bi.fit(formula, truth, **options) if truth[needs].notna().to_numpy().all() else None
    except BayesimputeError as stopped:
        yield "analysis failed", {"name": formula, "note": str(stopped)}
        return
    estimates = np.array([e.estimates for e in found.estimates])
    pooled = rubin(estimates, np.array([np.diag(e.covariance) for e in found.estimates]))
    for k, term in enumerate(found.estimates[0].terms):
        true = {} if whole is None else {"truth": whole.estimates[whole.terms.index(term)]}
        yield "coefficient", {"name": formula, "label": term} | _numbers(pooled, k) | true


def _numbers(pooled: Any, k: int) -> dict[str, float]:
    """Estimate, standard error and what the holes leave open of it."""
    open_ = float(np.sqrt((1 + 1 / pooled.m) * pooled.b[k]))
    return {"value": float(pooled.q_bar[k]), "error": float(pooled.std_error[k]), "open": open_}


def compared(found: pd.DataFrame) -> pd.DataFrame:
    """Means, shares and coefficients with `errors` and `z`; without a truth beside the run on the data as they are."""
    each = found[found["what"].isin(["mean", "share", "coefficient"])].fillna({"label": ""})
    keys = ["data", "what", "name", "label"]
    before = each.loc[each["holes"] == 0, [*keys, "value", "open"]]
    both = each.merge(before, on=keys, how="left", suffixes=("", "_before"))
    other = both["truth"].isna() & (both["holes"] > 0)
    both["truth"] = both["truth"].where(~other, both["value_before"])
    spread = np.hypot(both["open"], np.where(other, both["open_before"].fillna(0) / np.sqrt(21), 0))
    gap = both["value"] - both["truth"]
    both["errors"], both["z"] = gap / both["error"], gap / spread.where(spread > 0)
    return both.drop(columns=["value_before", "open_before", "note"])


def table(found: pd.DataFrame) -> pd.DataFrame:
    """A line a run: seconds, verdict and worst figures, cells outside, and the largest distances; richer ones apart."""
    distances = compared(found)
    lines = []
    for (name, holes), part in found.groupby(["data", "holes"], sort=False):
        run = part[part["what"] == "run"].set_index("name")
        inside = part[part["what"] == "cells"]
        here = distances[(distances["data"] == name) & (distances["holes"] == holes)]
        means, slopes = here[here["what"] != "coefficient"], here[here["what"] == "coefficient"]
        richer = slopes["name"].str.contains(RICHER)
        outside = inside[inside["label"].isin(["outside", "not whole when rounded"])]
        below = inside.loc[inside["label"] == "below zero", "value"]
        lines.append(
            {
                "data": name,
                "holes": holes,
                "seconds": run["value"].get("seconds"),
                "verdict": run["note"].get("verdict"),
                "r_hat": run["value"].get("r_hat"),
                "of": run["note"].get("r_hat"),
                "ess": run["value"].get("ess_bulk"),
                "outside": outside["value"].sum(),
                "below_zero": below.max(),
                "means_z": means["z"].abs().max(),
                "means_errors": means["errors"].abs().max(),
                "slopes_z": slopes.loc[~richer, "z"].abs().max(),
                "slopes_errors": slopes.loc[~richer, "errors"].abs().max(),
                "richer_z": slopes.loc[richer, "z"].abs().max(),
            }
        )
    return pd.DataFrame(lines)


def spread(found: pd.DataFrame) -> pd.DataFrame:
    """How the distances of the runs with holes are distributed: of means and shares, coefficients, richer ones."""
    each = compared(found[found["what"] != "run"])
    each = each[(each["holes"] > 0) & each["z"].notna()]
    kinds = np.select(
        [each["what"] != "coefficient", ~each["name"].str.contains(RICHER)],
        ["means and shares", "coefficients"],
        "richer",
    )
    return pd.DataFrame(
        {
            "of": kind,
            "number": len(part),
            "z_sd": part["z"].std(),
            "z_above_2.09": (part["z"].abs() > 2.09).mean(),  # 5 % of t(19)
            "z_above_3.5": (part["z"].abs() > 3.5).sum(),
            "errors_median": part["errors"].abs().median(),
            "errors_most": part["errors"].abs().max(),
        }
        for kind, part in each.groupby(kinds)
    )


def suspects(found: pd.DataFrame, least: float = 3.5) -> pd.DataFrame:
    """What is further from the truth than the holes explain."""
    distances = compared(found)
    return distances[distances["z"].abs() > least].sort_values("z", key=lambda z: z.abs(), ascending=False)


def main(arguments: Sequence[str] | None = None) -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description="Every file of a folder through `impute` with no formulas.")
    parser.add_argument("--data", type=Path, default=SHARED, help="a folder of CSV files (%(default)s)")
    parser.add_argument("--only", nargs="+", help="names of data sets")
    parser.add_argument("--workers", type=int, default=1)
    parser.add_argument("--out", type=Path, default=Path(".study/any_file.csv"))
    asked = parser.parse_args(arguments)
    files = sorted(asked.data.glob("*.csv"), key=lambda path: path.stat().st_size)
    if not files:
        raise SystemExit(f"{asked.data}: there are no CSV files. Name a folder that has some: --data FOLDER")
    names = [path.stem for path in files if asked.only is None or path.stem in asked.only]
    old = done(asked.out, "data", "holes")
    jobs = [(str(asked.data), n, h) for n in names for h in (False, True) if (n, HOLES * h) not in old]
    gather(replicate, jobs, asked.out, asked.workers)
    found = pd.read_csv(asked.out)
    for each in (table(found), spread(found), suspects(found)):
        print(each.to_string(index=False, float_format=lambda value: f"{value:.3g}"), end="\n\n")


if __name__ == "__main__":
    main()
