"""The study of ranks by family: every family with a density is in it, and its table reads what it writes."""

import numpy as np
import pandas as pd
import pytest
import ranks_by_family
from ranks_by_family import CASES, DESIGNS, NAMES, SELECTING

from bayesimpute.families import FAMILIES


def test_every_family_with_a_density_is_in_it() -> None:
    named = {case.family if isinstance(case.family, str) else case.family.name for case in CASES.values()}
    named |= {structure.family.name for structure in SELECTING.values()}
    assert named == {name for name, family in FAMILIES.items() if family.density}


def test_the_table_has_the_smallest_p_value_times_their_number() -> None:
    rows = [("x", 0.02), ("sigma", 0.5), ("the mean imputed 0", 1e-6), ("the mean imputed 1", 0.4)]
    found = pd.DataFrame(
        [{"family": "gaussian", "design": "slopes", "quantity": q, "replicates": 9, "p": p} for q, p in rows]
    )
    (line,) = ranks_by_family.table(found).to_dict("records")
    assert (line["quantities"], line["of"], line["replicates"]) == (2, "x", 9)
    assert line["p"] == pytest.approx(0.04) and line["mean_p"] == pytest.approx(2e-6) and np.isnan(line["effects_p"])


@pytest.mark.slow
@pytest.mark.parametrize("name", NAMES)
def test_each_can_be_made(name: str) -> None:
    for design in DESIGNS if name in CASES else ("intercepts",):
        rows = ranks_by_family.replicate(name, design, 2)
        assert {"log likelihood"} < {str(row["quantity"]) for row in rows}
        assert all(0 <= float(row["p"]) <= 1 for row in rows)
