"""The study of few clusters: its design, its table, and a short run of it."""

from pathlib import Path

import few_clusters
import numpy as np
import pandas as pd
import pytest


def test_three_eighths_of_the_clusters_have_no_values() -> None:
    for clusters, absent in ((5, 2), (8, 3), (15, 6), (30, 11)):
        frame, missing = few_clusters.simulate(clusters, 1)
        assert len(frame) == 30 * clusters
        shares = pd.Series(missing).groupby(frame["g"]).mean()
        assert set(shares) == {0.0, 1.0} and shares.sum() == absent


def test_the_table_has_paired_differences_and_coverage() -> None:
    ends = {"low": 0.5, "high": 0.7, "full_low": 0.65, "full_high": 0.9}
    rows = [
        {"clusters": 8, "prior": "p", "seed": k, "full": 0.5, "mean": 0.5 + gap, "median": 0.5 - gap} | ends
        for k, gap in enumerate((0.1, 0.3))
    ]
    (line,) = few_clusters.table(pd.DataFrame(rows)).to_dict("records")
    assert line["mean"] == pytest.approx(0.2) and line["median"] == pytest.approx(-0.2)
    assert line["mean_error"] == pytest.approx(np.std([0.1, 0.3], ddof=1) / np.sqrt(2))
    assert (line["coverage"], line["full_coverage"]) == (1.0, 0.0)


@pytest.mark.slow
def test_the_default_and_the_median_take_most_of_the_excess_away(tmp_path: Path) -> None:
    """8 clusters, 12 replicates: less than under bambi's prior, and the median is near the complete data."""
    out = tmp_path / "few.csv"
    two = ["half-normal 2.5", "half-t3 1"]
    few_clusters.main(["--replicates", "12", "--clusters", "8", "--prior", *two, "--out", str(out)])
    found = pd.read_csv(out).pivot(index="seed", columns="prior", values=["mean", "median", "full"])
    gain = found["mean"][two[0]] - found["mean"][two[1]]
    assert gain.mean() > 2 * gain.std() / np.sqrt(len(gain))
    gap = found["median"][two[1]] - found["full"][two[1]]
    assert abs(gap.mean()) < 3 * gap.std() / np.sqrt(len(gap))
