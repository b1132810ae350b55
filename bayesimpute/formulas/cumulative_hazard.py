"""The cumulative hazard of a survival time, which belongs into imputation models of covariates of a Cox model.

White & Royston (2009, Stat Med 28:1982): with the event indicator and the Nelson-Aalen estimate H(T) at each unit's own
time among the predictors, imputations of covariates agree with the Cox model that is to be fitted, nearly so where
effects are large. The time itself or its logarithm does worse.
"""

import numpy as np


def nelson_aalen(time: np.ndarray, event: np.ndarray) -> np.ndarray:
    """Nelson and Aalen's estimate of the cumulative hazard at the time of each unit.

    Parameters
    ----------
    time : ndarray, shape (unit,)
        When the unit was last seen, or had the event.
    event : ndarray, shape (unit,)
        1 if it had it then, 0 if it was censored.

    Returns
    -------
    ndarray, shape (unit,)
        Σ d / r over the times up to the unit's own, with the d events at each and the r units still at risk just
        before; NaN where time or event is not known, which count nowhere.
    """
    time, event = np.broadcast_arrays(np.asarray(time, dtype=float), np.asarray(event, dtype=float))
    known = ~(np.isnan(time) | np.isnan(event))
    times, place = np.unique(time[known], return_inverse=True)
    events, units = np.bincount(place, event[known] != 0), np.bincount(place)
    at_risk = np.cumsum(units[::-1])[::-1]
    found = np.full(time.shape, np.nan)
    found[known] = np.cumsum(events / np.maximum(at_risk, 1))[place] if len(times) else np.nan
    return found
