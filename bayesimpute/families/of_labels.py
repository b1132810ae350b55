"""What families of labels have in common: the labels, which only their column knows."""

from dataclasses import dataclass, replace
from typing import Literal, Self, cast

from bayesimpute.data.columns import Column
from bayesimpute.families.family import Family, bound
from bayesimpute.families.label_values import Labelled


@dataclass(frozen=True, kw_only=True)
class OfLabels(Family):
    """Mixed into a family whose values are :class:`Labelled`: one parameter or more are about the labels."""

    labels: Literal["observed", "all"] = "observed"
    points: tuple[float, ...] = bound((0.0, 1.0))
    shown: tuple[str, ...] = bound(("0", "1"))

    @property
    def labels_meant(self) -> str:
        return self.labels

    def values_of(self, column: Column) -> Labelled:
        return cast("type[Labelled]", self.values).meant(column, self.labels)

    def bind(self, column: Column) -> Self:
        values = self.values_of(column)
        return replace(self, points=values.points, shown=values.shown_labels)
