"""The protocol of scikit-learn, without scikit-learn."""

import pandas as pd
import pytest
from looping import FORMULAS, table

import bayesimpute as bi

SETTINGS = {"m": 2, "chains": 2, "warmup": 2, "sweeps": 4, "steps": 1, "sampler": "prior"}


def test_it_fits_transforms_and_is_cloned() -> None:
    imputer = bi.Imputer(list(FORMULAS), seed=1, dataset=1, settings=SETTINGS)
    frame, new = table(), table(seed=2).assign(g=lambda d: d["g"] + 5)
    completed = imputer.fit_transform(frame)
    pd.testing.assert_frame_equal(completed, imputer.imputed_.completed(1))
    pd.testing.assert_frame_equal(imputer.transform(new), imputer.imputed_.transform(new).completed(1))
    assert list(imputer.feature_names_in_) == list(frame) and imputer.n_features_in_ == len(frame.columns)
    params = imputer.get_params()
    again = type(imputer)(**params)  # what sklearn.clone does, and asks of the result
    assert all(again.get_params()[name] is value for name, value in params.items())
    pd.testing.assert_frame_equal(again.fit(frame, None).transform(new), imputer.transform(new))
    assert again.set_params(dataset=0) is again and again.dataset == 0
    assert repr(bi.Imputer("y ~ x", seed=4)) == "Imputer(plan='y ~ x', seed=4)"


def test_what_is_wrong_is_said() -> None:
    with pytest.raises(bi.InputError, match=r"there is no run whose draws could be used; call fit\(\) first"):
        bi.Imputer("y ~ x").transform(table())
    with pytest.raises(bi.InputError, match='there is no parameter "sed"; did you mean "seed"'):
        bi.Imputer().set_params(sed=1)
