"""The same works in R, as far as its packages are on this machine: mice, pan, jomo, lme4 (and micemd, by version only).

The data go to ``reference.R`` as CSV in a temporary folder, with a list of jobs; milliseconds come back as CSV. What
is not installed is left out, and so are the jobs that take minutes unless they are asked for.

2l.norm has random effects only, so every predictor gets one; 2l.lmer and 2l.norm have no cluster means. pan and jomo
draw all their targets in one sweep. For popmis they get the product of ``sex`` and ``texp`` as a column.
"""

import shutil
import subprocess
import tempfile
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import pandas as pd
import works

SCRIPT = Path(__file__).resolve().with_name("reference.R")
PACKAGES = ("mice", "pan", "jomo", "lme4", "micemd")
NEEDS = {
    "2l.pan": {"mice", "pan"},
    "2l.lmer": {"mice", "lme4"},
    "2l.norm": {"mice"},
    "2l.bin": {"mice", "lme4"},
    "pan": {"pan"},
    "jomo": {"jomo"},
    "mice whole": {"mice", "pan", "lme4"},
    "jomo whole": {"jomo"},
}
"""The packages that a method needs."""


@dataclass(frozen=True, kw_only=True)
class Job:
    """One timing in R; see ``reference.R`` for what ``short`` and ``long`` are to each method.

    Parameters
    ----------
    work, method, file : str
        What is timed on which data.
    targets, predictors, random, means, binary : str
        Columns, separated by blanks: imputed together; complete; with a random slope; with their cluster means beside
        them; those of the targets that are binary.
    cluster : str
        The cluster key.
    short, long : int
        Iterations or sweeps.
    slow : bool
        Whether it takes a minute or more.
    """

    work: str
    method: str
    file: str
    targets: str
    cluster: str
    predictors: str = ""
    random: str = ""
    means: str = ""
    binary: str = ""
    short: int = 3
    long: int = 0
    slow: bool = False


def _popmis() -> list[Job]:
    common = {"file": "popmis.csv", "targets": "popular", "predictors": "sex texp product", "random": "sex"}
    return _jobs("popmis", {"2l.pan": (5, 0), "2l.lmer": (5, 0), "2l.norm": (3, 0), "pan": (500, 3000)}, **common)


def _brandsma() -> list[Job]:
    scores = " ".join(works.SCORES)
    counts = {"2l.pan": (3, 0), "2l.lmer": (3, 0), "2l.norm": (1, 0), "pan": (200, 1200), "jomo": (50, 250)}
    return _jobs("brandsma", counts, file="brandsma.csv", targets=scores, means=scores, cluster="sch")


def _popncr() -> list[Job]:
    common = {"targets": "extrav popular popteach sex", "predictors": "texp", "binary": "sex", "cluster": "class"}
    return [
        *_jobs("popncr", {"mice whole": (5, 0)}, file="popncr.csv", **common),
        *_jobs("popncr", {"jomo whole": (100, 1000)}, file="popncr_filled.csv", **common),
    ]


def _large() -> list[Job]:
    name, common = f"n={works.LARGE}", {"file": "large.csv", "cluster": "g"}
    gaussian, slow = {**common, "targets": " ".join(works.GAUSSIAN)}, {"2l.norm": (1, 0), "2l.lmer": (1, 0)}
    return [
        *_jobs(name, {"2l.pan": (1, 0)}, predictors="w b", **gaussian),
        *_jobs(name, {"pan": (20, 120), "jomo": (5, 15)}, predictors="w", **gaussian),
        *_jobs(name, slow, predictors="w b", slow=True, **gaussian),
        *_jobs(name, {"2l.bin": (1, 0)}, predictors="w x z y", targets=works.BINARY, slow=True, **common),
    ]


def _jobs(work: str, counts: dict[str, tuple[int, int]], **common: Any) -> list[Job]:
    common = {"cluster": "school", **common}
    return [Job(work=work, method=method, short=short, long=long, **common) for method, (short, long) in counts.items()]


VERSION_OF_P = "if (requireNamespace(p, quietly = TRUE)) cat(p, as.character(packageVersion(p)), '\\n')"
JOBS = {"popmis": _popmis, "brandsma": _brandsma, "whole-popncr": _popncr, "large": _large}
"""By the names of the works that the table's ``--only`` takes."""


def installed() -> dict[str, str]:
    """The versions of R and of the packages that ``Rscript`` finds; empty without R."""
    if shutil.which("Rscript") is None:
        return {}
    names = ", ".join(f'"{name}"' for name in PACKAGES)
    code = f"cat('R', as.character(getRversion()), '\\n'); for (p in c({names})) {VERSION_OF_P}"
    done = subprocess.run(["Rscript", "-e", code], capture_output=True, text=True, check=False)
    pairs = [line.split() for line in done.stdout.splitlines()]
    return {pair[0]: pair[1] for pair in pairs if len(pair) == 2}


def jobs_for(names: list[str], packages: set[str], *, large: bool) -> list[Job]:
    """The jobs of some works that these packages can do; the slow ones only with `large`."""
    every = [job for name in names if name in JOBS for job in JOBS[name]()]
    return [job for job in every if packages >= NEEDS[job.method] and (large or not job.slow)]


def time_rivals(names: list[str], *, large: bool) -> dict[str, dict[str, float]]:
    """Milliseconds of R's methods by work and method; what R cannot do here is left out."""
    jobs = jobs_for(names, set(installed()), large=large)
    if not jobs:
        return {}
    with tempfile.TemporaryDirectory() as folder:
        write_data(Path(folder), {job.file for job in jobs})
        table = pd.DataFrame([asdict(job) for job in jobs])
        table.to_csv(Path(folder) / "jobs.csv", index=False)
        done = subprocess.run(["Rscript", str(SCRIPT), folder], capture_output=True, text=True, check=False)
        if done.returncode:
            print(f"{SCRIPT.name} broke off: {done.stderr.strip()}")
        return read_results(Path(folder) / "results.csv")


def read_results(path: Path) -> dict[str, dict[str, float]]:
    """What ``reference.R`` wrote; jobs that failed are printed, and left out."""
    found: dict[str, dict[str, float]] = {}
    if not path.is_file():
        return found
    for row in pd.read_csv(path).to_dict("records"):
        if pd.isna(row["milliseconds"]):
            print(f"R: {row['method']} on {row['work']} failed: {row['error']}")
            continue
        found.setdefault(row["work"], {})[row["method"]] = float(row["milliseconds"])
    return found


def write_data(folder: Path, files: set[str]) -> None:
    """The data of the works as R takes them."""
    if "popmis.csv" in files:
        frame = works.popmis().frame
        columns = frame[["school", "popular", "sex", "texp"]]
        columns.assign(product=frame["sex"] * frame["texp"]).to_csv(folder / "popmis.csv", index=False)
    if "brandsma.csv" in files:
        works.brandsma().frame.to_csv(folder / "brandsma.csv", index=False)
    if {"popncr.csv", "popncr_filled.csv"} & files:
        frame = works.popncr().frame[["class", "extrav", "sex", "texp", "popular", "popteach"]]
        frame.to_csv(folder / "popncr.csv", index=False)
        filled = frame.assign(texp=frame.groupby("class")["texp"].transform("max"))
        filled.to_csv(folder / "popncr_filled.csv", index=False)
    if "large.csv" in files:
        works.generate(works.LARGE).to_csv(folder / "large.csv", index=False)
