"""The coverage study of pooled intervals: its design, its table, and a short run of it.

The full study is ``make study-intervals``. In the short one a pooled interval may cover less often than that of the
complete data by three Monte Carlo errors of the difference, or by one replicate where none of them differ.
"""

import intervals
import numpy as np
import pandas as pd
import pytest

from bayesimpute.analysis import fit

REPLICATES = 40


def test_the_design_is_what_it_says() -> None:
    frames, missing = zip(*map(intervals.simulate, range(40)), strict=True)
    share = np.array([m.mean() for m in missing])
    assert abs(share.mean() - 0.3) < 0.01
    found = pd.DataFrame([dict(zip(("i", "x", "z"), fit(intervals.FORMULA, f).estimates, strict=True)) for f in frames])
    error = found.std() / np.sqrt(len(found))
    assert (((found.mean() - [1.0, 0.5, 0.3]) / error).abs() < 4).all()


def test_the_table_counts_covered_truths_in_pairs() -> None:
    rows = [
        {
            "name": "x",
            "truth": 1.0,
            "full": 1.1,
            "full_low": 0.9,
            "full_high": 1.3,
            "pooled": 1.2,
            "low": low,
            "high": 1.5,
        }
        for low in (0.8, 0.9, 1.1, 1.2)
    ]
    (line,) = intervals.table(pd.DataFrame(rows)).to_dict("records")
    assert (line["coverage"], line["full_coverage"]) == (0.5, 1.0)
    assert line["gap_error"] == pytest.approx(np.std([0, 0, -1, -1], ddof=1) / 2)
    assert line["bias"] == pytest.approx(0.1)


@pytest.mark.slow
def test_pooled_intervals_cover_as_often_as_those_of_the_complete_data() -> None:
    rows = [row for seed in range(1000, 1000 + REPLICATES) for row in intervals.replicate(seed)]
    found = intervals.table(pd.DataFrame(rows))
    assert set(found["name"]) == set(intervals.TRUTH)
    bound = np.maximum(3 * found["gap_error"], 1 / REPLICATES)
    assert (found["full_coverage"] - found["coverage"] <= bound).all(), found
    assert (found["bias"].abs() < 4 * found["bias_error"]).all(), found
