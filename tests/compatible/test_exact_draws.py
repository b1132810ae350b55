"""The closed forms: draws of missing covariates against their law written out by hand, to rounding."""

import numpy as np
import pytest
from laws import Law, Noise, Setting, means, normal_logp, setting

from bayesimpute import Conditional, Derived
from bayesimpute.compatible.normal_draws import derivatives

X = "x ~ z + (1 | g)"
MEAN_B = "cluster_mean(b, g)"


def own_x(s: Setting, x: np.ndarray) -> np.ndarray:
    mean = s.value("x", "Intercept") + s.value("x", "z") * s.column("z") + s.effect("x", "1|g")
    return normal_logp(x, mean, s.value("x", "sigma"))


def random_slopes() -> tuple[Setting, str, Law]:
    s = setting(["y ~ x * z + (1 + x | g)"], X)

    def law(cells: np.ndarray) -> float:
        x, z = s.with_cells("x", cells), s.column("z")
        slope = s.value("y", "x") + s.value("y", "x:z") * z + s.effect("y", "x|g")
        mean = s.value("y", "Intercept") + s.value("y", "z") * z + s.effect("y", "1|g") + slope * x
        return own_x(s, x).sum() + normal_logp(s.column("y"), mean, s.value("y", "sigma"))[s.seen("y")].sum()

    return s, "x", law


def own_spread_and_transformations() -> tuple[Setting, str, Law]:
    model = Conditional(target="y", formulas={"mu": "y ~ center(x) + xz + I(2 * x - 1):w + (1 | g)", "sigma": "z"})
    s = setting([model], X, "w ~ 1", derived=[Derived(name="xz", expression="x * (z - 1) / 4 + z**2")])

    def law(cells: np.ndarray) -> float:
        x, z, w = s.with_cells("x", cells), s.column("z"), s.column("w")
        b = {n: s.value("y", n) for n in ("Intercept", "center(x)", "xz", "I(2 * x - 1):w")}
        mean = b["Intercept"] + b["center(x)"] * (x - frozen) + b["xz"] * (x * (z - 1) / 4 + z**2)
        mean = mean + b["I(2 * x - 1):w"] * (2 * x - 1) * w + s.effect("y", "1|g")
        sd = np.exp(s.value("y", "sigma_Intercept") + s.value("y", "sigma_z") * z)
        return own_x(s, x).sum() + normal_logp(s.column("y"), mean, sd)[s.seen("y")].sum()

    # center() keeps the mean of the frame on which the model was described: found from the matrix at x = 0
    p = s.space.designs["y"].predictors[0]
    at = p.names.index("center(x)")
    assert p.matrix is not None
    zero = s.completed.excerpt(np.arange(3), s.space.designs["y"].inputs).given("x", np.zeros(3), [])
    frozen = -p.matrix.evaluate(zero)[0, at]
    return s, "x", law


def level_2() -> tuple[Setting, str, Law]:
    s = setting(["y ~ w * z + (1 + z | g)"], "w ~ 1")

    def law(cells: np.ndarray) -> float:
        w, z = s.with_cells("w", cells), s.column("z")
        b = {n: s.value("y", n) for n in ("Intercept", "w", "z", "w:z")}
        mean = b["Intercept"] + b["w"] * w + (b["z"] + s.effect("y", "z|g")) * z + b["w:z"] * w * z
        mean = mean + s.effect("y", "1|g")
        first = s.space.resolved.target("w").rows
        own = normal_logp(w[first], np.full(len(first), s.value("w", "Intercept")), s.value("w", "sigma"))
        return own.sum() + normal_logp(s.column("y"), mean, s.value("y", "sigma"))[s.seen("y")].sum()

    return s, "w", law


def cluster_means() -> tuple[Setting, str, Law]:
    s = setting(["y ~ x + cluster_mean(x, g):z + cluster_mean(x, g) + (1 + x | g)"], X)

    def law(cells: np.ndarray) -> float:
        x, z = s.with_cells("x", cells), s.column("z")
        mean_x = means(x, s.column("g"))
        across = s.value("y", "cluster_mean(x, g)") + s.value("y", "cluster_mean(x, g):z") * z
        mean = s.value("y", "Intercept") + (s.value("y", "x") + s.effect("y", "x|g")) * x
        mean = mean + across * mean_x + s.effect("y", "1|g")
        return own_x(s, x).sum() + normal_logp(s.column("y"), mean, s.value("y", "sigma"))[s.seen("y")].sum()

    return s, "x", law


def mediator() -> tuple[Setting, str, Law]:
    """Two factors, one of them incomplete and read by the other: its current values count in all rows."""
    s = setting(["y ~ m * x + (1 | g)", "m ~ x + (1 | g)"], X)

    def law(cells: np.ndarray) -> float:
        x, m = s.with_cells("x", cells), s.column("m")
        b = {n: s.value("y", n) for n in ("Intercept", "m", "x", "m:x")}
        mean = b["Intercept"] + b["m"] * m + b["x"] * x + b["m:x"] * m * x + s.effect("y", "1|g")
        mean_m = s.value("m", "Intercept") + s.value("m", "x") * x + s.effect("m", "1|g")
        y = normal_logp(s.column("y"), mean, s.value("y", "sigma"))[s.seen("y")]
        return own_x(s, x).sum() + y.sum() + normal_logp(m, mean_m, s.value("m", "sigma")).sum()

    return s, "x", law


def covariates_in_one_order() -> tuple[Setting, str, Law]:
    """What suggested plans have: m is given x and its cluster mean, and y both."""
    s = setting(["y ~ m + x + (1 | g)"], "m ~ x + cluster_mean(x, g) + (1 | g)", X)

    def law(cells: np.ndarray) -> float:
        x, m = s.with_cells("x", cells), s.column("m")
        mean_m = s.value("m", "Intercept") + s.value("m", "x") * x + s.effect("m", "1|g")
        mean_m = mean_m + s.value("m", "cluster_mean(x, g)") * means(x, s.column("g"))
        mean = s.value("y", "Intercept") + s.value("y", "m") * m + s.value("y", "x") * x + s.effect("y", "1|g")
        y = normal_logp(s.column("y"), mean, s.value("y", "sigma"))[s.seen("y")]
        return own_x(s, x).sum() + y.sum() + normal_logp(m, mean_m, s.value("m", "sigma")).sum()

    return s, "x", law


CASES = [random_slopes, own_spread_and_transformations, level_2, cluster_means, mediator, covariates_in_one_order]


@pytest.mark.parametrize("case", CASES)
def test_the_normal_draw_has_the_law_that_is_written_out_by_hand(case) -> None:
    s, name, law = case()
    assert s.how(name).kind == "normal"
    size = len(s.completed.cells(s.how(name).target))
    mode = s.draw(Noise(0.0), name)
    root = np.array([s.draw(Noise(e), name) - mode for e in np.eye(size)]).T
    rng = np.random.default_rng(1)
    for _ in range(5):
        z = rng.standard_normal(size)
        assert law(mode + root @ z) - law(mode) == pytest.approx(-0.5 * z @ z, rel=1e-6, abs=1e-6)


def test_a_cluster_mean_makes_the_cells_of_a_cluster_move_together() -> None:
    s, _, _ = cluster_means()
    affected = s.how("x").affected
    assert len(affected.passes) == 2
    mode = s.draw(Noise(0.0), "x")
    root = np.array([s.draw(Noise(e), "x") - mode for e in np.eye(len(mode))]).T
    covariance = root @ root.T
    together = affected.block_of_cell[:, None] == affected.block_of_cell
    assert (covariance[~together] == 0).all()
    off = together & ~np.eye(len(mode), dtype=bool)
    assert (np.abs(covariance[off]) > 1e-9).any()


def test_where_the_outcome_is_missing_the_covariate_is_drawn_from_its_own_model() -> None:
    s, _, _ = random_slopes()
    target = s.how("x").target
    gone = ~s.seen("y")[target.missing_rows]
    mean = s.value("x", "Intercept") + s.value("x", "z") * s.column("z") + s.effect("x", "1|g")
    mode, up = s.draw(Noise(0.0), "x"), s.draw(Noise(1.0), "x")
    assert 0 < gone.sum() < len(gone)
    np.testing.assert_allclose(mode[gone], mean[target.missing_rows][gone])
    np.testing.assert_allclose((up - mode)[gone], s.value("x", "sigma"))
    assert ((up - mode)[~gone] < s.value("x", "sigma")).all()


@pytest.mark.parametrize("outcome", ["gaussian", "bernoulli"])
def test_yes_no_covariates_are_compared_exactly(outcome: str) -> None:
    """With the uniform number just below and just above the probability written out by hand."""
    formula = {"gaussian": "y ~ b * z + (1 + b | g)", "bernoulli": "s ~ b * z + (1 + b | g)"}[outcome]
    s = setting([Conditional.of(formula, family=outcome)], "b ~ z + (1 | g)")
    name = formula[0]
    z, rows = s.column("z"), s.how("b").target.missing_rows

    def predictor(target: str, b: np.ndarray) -> np.ndarray:
        fixed = s.value(target, "Intercept") + s.value(target, "z") * z + s.effect(target, "1|g")
        if target == "b":
            return fixed
        return fixed + (s.value(target, "b") + s.value(target, "b:z") * z + s.effect(target, "b|g")) * b

    def log_density(b: np.ndarray) -> np.ndarray:
        eta = predictor("b", b)
        own = b * eta - np.log1p(np.exp(eta))
        mean, value = predictor(name, b), s.column(name)
        if outcome == "gaussian":
            factor = normal_logp(value, mean, s.value(name, "sigma"))
        else:
            factor = value * mean - np.log1p(np.exp(mean))
        return own + np.where(s.seen(name), factor, 0.0)

    p = 1 / (1 + np.exp(log_density(np.zeros_like(z)) - log_density(np.ones_like(z))))[rows]
    assert s.how("b").kind == "enumerated"
    assert (s.draw(Noise(p * (1 - 1e-9)), "b") == 1).all()
    assert (s.draw(Noise(p * (1 + 1e-9) + 1e-300), "b") == 0).all()
    assert ((p > 0.01) & (p < 0.99)).any()


def test_yes_no_covariates_whose_mean_is_read_have_the_law_of_all_configurations_of_a_cluster() -> None:
    calm = {"1|g_sigma": "Gamma(6, 12)"}
    of_m = calm | {"Intercept": "Normal(2, 0.3)", "b": "Normal(1, 0.3)", "sigma": "Gamma(9, 9)"}
    outcome = Conditional.of("m ~ b + cluster_mean(b, g) + (1 | g)", priors=of_m | {MEAN_B: "Normal(2, 0.3)"})
    of_b = calm | {"Intercept": "Normal(0, 0.3)", "z": "Normal(0, 0.2)"}
    s = setting([outcome], Conditional.of("b ~ z + (1 | g)", priors=of_b))
    target, g, size = s.how("b").target, s.column("g"), 600
    assert len(s.how("b").affected.passes) == 2

    def log_density(b: np.ndarray) -> np.ndarray:
        """Of each cluster."""
        eta = s.value("b", "Intercept") + s.value("b", "z") * s.column("z") + s.effect("b", "1|g")
        mean = s.value("m", "Intercept") + s.value("m", "b") * b + s.effect("m", "1|g")
        mean = mean + s.value("m", "cluster_mean(b, g)") * means(b, g)
        factor = np.where(s.seen("m"), normal_logp(s.column("m"), mean, s.value("m", "sigma")), 0.0)
        return np.bincount(g.astype(int), weights=b * eta - np.log1p(np.exp(eta)) + factor)

    both = [k for k in np.unique(g) if (g[target.missing_rows] == k).sum() == 2]
    cells = {k: np.flatnonzero(g[target.missing_rows] == k) for k in both}
    logs = np.empty((2, 2, len(both)))
    for first, second in np.ndindex(2, 2):
        tried = np.zeros(len(target.missing_rows))
        for pair in cells.values():
            tried[pair] = first, second
        logs[first, second] = log_density(s.with_cells("b", tried))[np.array(both, dtype=int)]
    wanted = np.exp(logs - np.logaddexp.reduce(logs, axis=(0, 1)))
    rng, found = np.random.default_rng(8), np.empty((size, len(target.missing_rows)))
    for k in range(size):
        found[k] = s.draw(rng, "b")
        s.completed.set(target, found[k])
    pairs = np.array([*cells.values()])
    drawn = np.stack([found[:, pairs[:, 0]], found[:, pairs[:, 1]], found[:, pairs].prod(axis=2)], axis=-1)
    exact = np.stack([wanted[1].sum(axis=0), wanted[:, 1].sum(axis=0), wanted[1, 1]], axis=-1)
    batches = drawn.reshape(20, -1, *exact.shape).mean(axis=1)
    independent = np.sqrt(np.clip(exact * (1 - exact), 0, None) / size)
    error = np.maximum(batches.std(axis=0, ddof=1) / np.sqrt(20), independent)
    assert (independent > 0.1 / np.sqrt(size)).sum() >= 4
    assert (np.abs(drawn.mean(axis=0) - exact) < 4 * error + 1 / size).all()


@pytest.mark.parametrize(("formula", "kept"), [("y ~ m + x + cluster_mean(x, g)", True), ("y ~ m * x", False)])
def test_derivatives_follow_from_what_stands_in_a_term_with_the_variable(formula: str, kept: bool) -> None:
    s = setting([formula], "m ~ z", X)

    def derivative() -> list[dict[str, np.ndarray]]:
        now = {n: d.matrices(s.completed.columns) for n, d in s.space.designs.items()}
        how = s.how("x")
        (found,) = derivatives(how.scenario(s.draws, s.completed, now), s.completed.cells(how.target), 3.0)
        return found

    before, m = derivative(), s.space.resolved.target("m")
    s.completed.set(m, s.completed.cells(m) + 1.0)
    pairs = zip(before, derivative(), strict=True)
    assert all(np.allclose(a[key], b[key], atol=1e-9) for a, b in pairs for key in a) == kept
    assert ("m" in s.how("x").beside) != kept


def test_the_kinds_of_draw() -> None:
    plans = {
        "slice": ["y ~ x + I(x**2) + (1 | g)", "y ~ log(x)", "y ~ exp(xx)", "y ~ poly(x, 2)"],
        "normal": ["y ~ x:z + (0 + x | g)", "y ~ z + cluster_mean(xx, g)", "y ~ scale(x) + observed(m)"],
    }
    for kind, formulas in plans.items():
        for formula in formulas:
            s = setting([formula], X, derived=[Derived(name="xx", expression="x / 10")] if "xx" in formula else [])
            assert s.how("x").kind == kind, formula
    logistic = setting([Conditional.of("s ~ x + (1 | g)", family="bernoulli")], X)
    assert logistic.how("x").kind == "slice"
    student = setting(["y ~ x"], Conditional.of(X, family="student_t"))
    assert student.how("x").kind == "slice"
    by_x = setting([Conditional(target="y", formulas={"mu": "y ~ x", "sigma": "x"})], X)
    assert by_x.how("x").kind == "slice"
