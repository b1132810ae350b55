"""What is asked of runs: analyses, and arguments after ``bayesimpute``.

``{levels}`` in them is the saved run of that plan, ``{levels.csv}`` is its data, ``{levels.toml}`` its document,
``{ill.toml}`` a plan in which much is wrong.
"""

from collections.abc import Mapping, Sequence
from typing import Any

MIXED = "y ~ x * b + w + (1 + x | school)"
PLAIN = "y ~ x + z + b + w"
SMALLER = "y ~ x + (1 | school)"
ILL = """
schema = 1
colour = "red"
[run]
m = 1
chains = 0
[[conditional]]
formula = "y ~ x + nothing + (1 | school)"
family = "gausian"
[[conditional]]
formula = "x ~ y + __import__('os') + (1 + y | rater"
[[conditional]]
target = "b"
family = "heckman_probit"
formulas.mu = "b ~ z"
[[conditional]]
formula = "z ~ y"
priors.y = "Normal(0)"
[[derived]]
name = "x"
expression = "y / foo"
[[estimand]]
name = "share"
variable = "q"
statistic = "mode"
"""
MODEST = """
schema = 1
[[conditional]]
formula = "y ~ x + b + (1 | school)"
[[conditional]]
formula = "x ~ z + b"
[[conditional]]
formula = "b ~ z"
[[analysis]]
name = "slopes"
formula = "y ~ x * b + I(x**2) + (1 + x | school)"
"""


ANALYSES: Mapping[str, Mapping[str, Any]] = {
    "linear": {"analysis": PLAIN, "dfcom": 40, "conf_level": 0.9},
    "hc3": {"analysis": PLAIN, "covariance": "HC3"},
    "clustered": {"analysis": PLAIN, "covariance": "cluster", "cluster": "school"},
    "gee": {"analysis": PLAIN, "working": "exchangeable", "cluster": "school"},
    "gee-yes": {"analysis": "b ~ x + z", "family": "bernoulli", "working": "independence", "cluster": "school"},
    "mixed": {"analysis": MIXED},
    "mixed-ml": {"analysis": MIXED, "reml": False},
    "mixed-independent": {"analysis": "y ~ x + (1 + x || school)"},
    "mixed-crossed": {"analysis": "y ~ x + (1 | school) + (1 | rater)"},
    "mixed-nested": {"analysis": "x ~ z + (1 | school/klass)"},
    "mixed-mean": {"analysis": "y ~ x + cluster_mean(x, school) + (1 | school)"},
    "satterthwaite": {"analysis": MIXED, "df": "satterthwaite"},
    "between-within": {"analysis": MIXED, "df": "between-within"},
    "logistic": {"analysis": "b ~ x + c", "family": "bernoulli"},
    "probit": {"analysis": "d ~ x + z", "family": "bernoulli", "link": "probit"},
    "cloglog": {"analysis": "b ~ x", "family": "bernoulli", "link": "cloglog"},
    "marginal": {"analysis": "b ~ x + c", "family": "bernoulli", "effects": "marginal"},
    "poisson": {"analysis": "k ~ x + b", "family": "poisson"},
    "gamma": {"analysis": "p ~ x + z", "family": "gamma"},
    "gamma-inverse": {"analysis": "p ~ z", "family": "gamma", "link": "inverse"},
    "cumulative": {"analysis": "o ~ x + b", "family": "cumulative"},
    "cumulative-probit": {"analysis": "o ~ x", "family": "cumulative", "link": "probit"},
    "categorical": {"analysis": "c ~ x + b", "family": "categorical"},
}
"""What is analysed and pooled by the function: on the command line each would diagnose the run anew."""

TESTS: Mapping[str, tuple[Mapping[str, Any], str, Mapping[str, str]]] = {
    "d1": ({"analysis": MIXED}, SMALLER, {"method": "D1"}),
    "d2-wald": ({"analysis": PLAIN}, "y ~ x", {"method": "D2"}),
    "d2-likelihood": ({"analysis": MIXED, "reml": False}, SMALLER, {"method": "D2", "use": "likelihood"}),
    "d2-score": ({"analysis": "b ~ x + z", "family": "bernoulli"}, "b ~ z", {"method": "D2", "use": "score"}),
    "d3": ({"analysis": MIXED, "reml": False}, SMALLER, {"method": "D3"}),
    "d4": ({"analysis": MIXED, "reml": False}, SMALLER, {"method": "D4"}),
}
"""Analyses, the smaller formulas that they are tested against, and how."""


def _pool(*options: str, run: str = "levels") -> Sequence[str]:
    return ("pool", f"{{{run}}}", *options)


POOL: Mapping[str, Sequence[str]] = {
    "plan": _pool("--json"),
    "plan-text": _pool(),
    "derive": _pool(
        "--formula", PLAIN, "--derive", "both=b[x] + b[b]", "--derive", "ratio=exp(b[x] / b[z])", "--json"
    ),
    "latex": _pool("--formula", PLAIN, "--latex"),
    "html": _pool("--formula", PLAIN, "--html"),
    "options": _pool(
        "--formula", MIXED, "--ml", "--df", "between-within", "--conf-level", "0.9", "--allow-failures",
    ),
    "against": _pool(
        "--formula", MIXED, "--ml", "--against", SMALLER, "--method", "D2", "--use", "likelihood", "--json"
    ),
    "derived-columns": _pool("--formula", "y ~ xb + xz + t", run="terms"),
    "fault": _pool("--formula", "y ~ nothing + x"),
    "describe": _pool("--describe", "--json"),
    "describe-groups": _pool(
        "--describe", "y", "x", "b", "d", "--by", "c", "--weights", "weight", "--cross", "d", "o", "--json"
    ),
}  # fmt: skip
"""``pool`` on the command line."""

SAVED: Mapping[str, Sequence[str]] = {
    "diagnose": ("diagnose", "{levels}", "--json"),
    "diagnose-text": ("diagnose", "{spread-long}"),
    "estimate-plan": ("estimate", "{levels}", "--json"),
    "estimate-text": ("estimate", "{levels}"),
    "estimate-mean": ("estimate", "{levels}", "--variable", "x", "--by", "c", "--by", "d", "--json"),
    "estimate-share": (
        "estimate", "{levels}", "--variable", "d", "--statistic", "proportion", "--value", "yes", "--weights", "weight",
        "--strata", "stratum", "--clusters", "school", "--json",
    ),
    "estimate-quantile": (
        "estimate", "{levels}", "--variable", "y", "--statistic", "quantile", "--probability", "0.25", "--target",
        "sample", "--json",
    ),
    "estimate-mar": ("estimate", "{selection}", "--no-progress", "--json"),
    "identify": ("identify", "{selection}", "--no-refit", "--no-progress", "--json"),
    "identify-text": ("identify", "{selection-apart}", "--no-refit", "--no-progress"),
    "identify-prior": ("identify", "{prior}", "--no-refit", "--no-progress", "--json"),
    "report": ("report", "{levels}"),
    "report-selection": ("report", "{selection}"),
    "report-compatible": ("report", "{compatible-normal}"),
    "cite": ("report", "{selection}", "--cite"),
    "export": ("export", "{levels}", "--to", "long.csv", "--force"),
}  # fmt: skip
"""Other questions to saved runs."""

BEFORE: Mapping[str, Sequence[str]] = {
    "describe-data": ("describe", "{levels.csv}", "--cluster", "school", "--cluster", "region", "--json"),
    "describe-data-text": ("describe", "{selection.csv}", "--cluster", "region"),
    "check": ("check", "{levels.toml}", "--data", "{levels.csv}", "--samplers", "--json"),
    "check-text": ("check", "{selection.toml}", "--data", "{selection.csv}"),
    "check-ill": ("check", "{ill.toml}", "--data", "{levels.csv}"),
    "check-ill-json": ("check", "{ill.toml}", "--data", "{levels.csv}", "--json"),
    "check-congenial": ("check", "{modest.toml}", "--data", "{levels.csv}", "--json"),
    "suggest": ("suggest", "--data", "{levels.csv}", "--analysis", MIXED, "--auxiliary", "auto"),
    "suggest-fcs": ("suggest", "--data", "{levels.csv}", "--analysis", MIXED, "--auxiliary", "auto", "--mode", "fcs"),
    "suggest-powers": (
        "suggest", "--data", "{compatible-normal.csv}", "--analysis", "y ~ x * w + I(x**2) + (1 + x | g)",
        "--analysis", "s ~ b + x + (1 | g)", "--auxiliary", "m",
    ),
    "suggest-means": (
        "suggest", "--data", "{levels.csv}", "--analysis", "y ~ x + cluster_mean(x, school) + r + (1 | school)",
        "--mode", "fcs", "--cluster", "region",
    ),
    "impute": (
        "impute", "{terms.toml}", "--data", "{terms.csv}", "--seed", "5", "--out", "run-of-impute.nc",
        "--set", "run.m=2", "--force", "--no-progress",
    ),
    "impute-formulas": (
        "impute", "--formula", "x ~ z + (1 | school)", "--formula", "b ~ x", "--data", "{levels.csv}", "--seed", "6",
        "--out", "run-of-formulas.nc", "--set", "run.sweeps=8", "--set", "run.warmup=4", "--force", "--no-progress",
        "--json",
    ),
    "usage": ("pool", "--colour"),
    "no-file": ("diagnose", "no-such-file.nc"),
}  # fmt: skip
"""What needs no run, or makes one."""

AT_FAULT = frozenset({"command-pool-fault", "check-ill", "check-ill-json", "usage", "no-file"})
"""Commands that must say what is wrong; any other that does so is a mistake in this file."""

CONGENIAL: Mapping[str, tuple[str, str]] = {
    "levels": ("levels", MIXED),
    "powers": ("terms", "y ~ I(x**2) + b:x + (1 + x | school)"),
    "compatible": ("compatible-normal", "y ~ x * z * w + (1 + z | g)"),
    "selection": ("selection", "y ~ x * a + (1 + x | region)"),
}
"""Plans and analyses whose terms they may ignore."""
