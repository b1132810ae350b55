"""Labels of clusters are imputed once a cluster, ordered or not, by the compiled samplers."""

import numpy as np
import pandas as pd

import bayesimpute as bi


def test_labels_of_clusters_have_one_value_each() -> None:
    rng, clusters = np.random.default_rng(1), 60
    g, v = np.repeat(np.arange(clusters), 5), rng.normal(size=clusters)
    o = np.digitize(v + rng.logistic(size=clusters), [-1, 0.8])
    c = np.argmax(rng.gumbel(size=(clusters, 3)) + np.outer(v, [0, 0.5, 1]), axis=1)
    frame = pd.DataFrame({"g": g, "v": v[g], "c": np.array(["p", "q", "r"])[c][g]})
    frame["o"] = pd.Categorical.from_codes(o[g], ["low", "mid", "high"], ordered=True)
    frame.loc[g % 4 == 0, "o"] = None
    frame.loc[g % 5 == 1, "c"] = None
    models = [
        bi.Conditional.of("o ~ v + c", family="ordinal", level="g"),
        bi.Conditional.of("c ~ v + o", family="categorical", level="g"),
    ]
    plan = bi.Plan.of(models, run=bi.Run(m=2, chains=2, warmup=5, sweeps=5, steps=1))
    run = bi.impute(frame, plan, seed=1, progress=False)
    assert {what for what in run.events["what"] if what.startswith("sampler")} == {"sampler gibbs"}
    for made in run:
        assert not made.isna().any().any()
        assert (made.groupby("g")[["o", "c"]].nunique() == 1).all().all()
        pd.testing.assert_series_equal(made["o"].where(frame["o"].notna()), frame["o"])
