"""Clusters without any observed value of a target that selects: missing one by one, or systematically?

Values of a systematically missing cluster (nobody was asked there) say nothing about selection and are imputed from the
outcome's model; a small cluster may also be empty by chance, each unit selected out by itself. To take all empty
clusters for systematic truncates on the outcome of selection; to take none makes its variance too large. Which they are
is the user's to say (the option ``systematic`` of the family): all, none, by a column, or by the mixture, in which each
empty cluster has an indicator Z_j ~ Bernoulli(pi), drawn with everything else; clusters with a value have Z_j = 0 and
count in pi's posterior. Effects of clusters are independent of Z_j: between clusters, values are missing at random.

A cluster is one of a key with random effects in the outcome's formula. A unit can be in empty clusters of several keys:
then it belongs to that of the key with the fewest clusters, and those of the other keys are what is left of them.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass

import numpy as np

from bayesimpute.data.incomplete import Incomplete


@dataclass(frozen=True, kw_only=True, eq=False)
class EmptyClusters:
    """Clusters without any observed value that are there.

    Parameters
    ----------
    keys, labels : tuple of str
        Of each its key, and its label as text.
    others : int
        Number of the clusters with a value, of the same keys.
    """

    keys: tuple[str, ...]
    labels: tuple[str, ...]
    others: int

    def __len__(self) -> int:
        return len(self.labels)

    @property
    def names(self) -> tuple[str, ...]:
        """The label, or key and label where there are several keys."""
        if len(set(self.keys)) == 1:
            return self.labels
        return tuple(f"{key} {label}" for key, label in zip(self.keys, self.labels, strict=True))


def empty_clusters(
    factors: Iterable[str],
    incomplete: Incomplete,
    rows: np.ndarray,
    observed: np.ndarray,
    seen_elsewhere: Callable[[str], np.ndarray] | None = None,
) -> tuple[EmptyClusters, np.ndarray]:
    """The clusters of some keys without any observed value, and the one that each unit belongs to, -1 of others.

    Parameters
    ----------
    factors : iterable of str
        The keys.
    rows : ndarray of int, shape (unit,)
        A row of each unit.
    observed : ndarray of bool, shape (unit,)
        Whether its value is.
    seen_elsewhere : callable, optional
        By key which clusters have a value in other data, bool, shape (cluster,).
    """
    belongs, keys, labels, others = np.full(len(rows), -1), [], [], 0
    for factor in sorted(dict.fromkeys(factors), key=incomplete.n_clusters):
        codes = incomplete.codes(factor)[rows]
        seen = np.bincount(codes, weights=observed, minlength=incomplete.n_clusters(factor)) > 0
        seen |= False if seen_elsewhere is None else seen_elsewhere(factor)
        mine = ~seen[codes] & (belongs < 0)
        found, places = np.unique(codes[mine], return_inverse=True)
        belongs[mine] = len(labels) + places
        names = incomplete.labels(factor)
        labels += [str(names[code]) for code in found]
        keys += [factor] * len(found)
        others += int(seen.sum()) if len(found) else 0
    return EmptyClusters(keys=tuple(keys), labels=tuple(labels), others=others), belongs
