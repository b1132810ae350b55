"""Targets of labels in no order: a yes/no model for each label against the rest, and what labels have together.

A sweep takes each label's coefficients and effects in turn, given the other labels' linear predictors
(``label_moves.py``). Effects that labels have together, with one covariance Sigma over labels and columns, have given
the other labels' effects a normal law with a mean in each cluster and a covariance that is Sigma's Schur complement:
that is the prior of a label's own, whose mean is added to its log-odds. Then comes Sigma, given the effects and given
their standard normals (Yu & Meng 2011, J. Comput. Graph. Stat. 20:531), and what priors alone know of it. Of many
labels that have one law Sigma is that of one (``one_law.py``). Sets of labels move against the others
(``label_sets.py``).

Of what all labels' predictors have in common the data say nothing: it is drawn from the priors, exactly, given the
differences, and Sigma is moved with it integrated out. So chains forget it at once.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from bayesimpute.designs.design import Design
from bayesimpute.designs.parts import Block
from bayesimpute.families import Categorical
from bayesimpute.samplers.gibbs.burn_in import BurnIn
from bayesimpute.samplers.gibbs.cluster_moves import members_of
from bayesimpute.samplers.gibbs.counts import GROWING, LEARNT, LENGTHS, Counting, unlearnt, yes_or_no
from bayesimpute.samplers.gibbs.effects import outer_effects
from bayesimpute.samplers.gibbs.label_moves import move_roots, move_together, others, run_label
from bayesimpute.samplers.gibbs.label_sets import (
    FEWEST,
    THIN,
    Ranks,
    move_coefficient_sets,
    move_effect_sets,
    ranks,
)
from bayesimpute.samplers.gibbs.layout import FIXED, Layout, Rows, few, known, layout, ordered
from bayesimpute.samplers.gibbs.one_law import OneLaw
from bayesimpute.samplers.gibbs.part_of_several import part_of
from bayesimpute.samplers.gibbs.predictor_rows import Columns, predicted
from bayesimpute.samplers.gibbs.predictors import Codes, Part, shifted
from bayesimpute.samplers.gibbs.products import Products, cross_products
from bayesimpute.samplers.gibbs.shared_effects import (
    ROUNDS_OF_MANY,
    Together,
    put_deviations,
    taken_deviations,
)
from bayesimpute.samplers.gibbs.states import NAMES, Arrays, Moved, fresh, starts, to_arrays
from bayesimpute.samplers.sampler import Data

OWN = (*NAMES, "u", *LEARNT, *(f"alpha_{name}" for name in NAMES))
"""What a state has of each label."""


@dataclass(frozen=True, eq=False)
class Label:
    """One label's predictor before it sees data, with its own part of each block."""

    part: Part
    lay: Layout
    rows: Rows

    @property
    def blocks(self) -> list[Block]:
        """In the order of the layout."""
        return self.part.blocks


@dataclass(frozen=True, eq=False)
class Softmax:
    """A model on its data."""

    labels: tuple[Label, ...]
    together: tuple[Together, ...]
    columns: tuple[Columns, ...]
    products: Products | None
    codes: np.ndarray
    counted: tuple[Counting | None, ...]
    ranks: Ranks | None

    def step(self, rng: np.random.Generator, arrays: Arrays, sweeps: int, tune: bool) -> Moved:
        """Sweeps."""
        state = {name: np.array(values) for name, values in arrays.items()}
        eta = np.column_stack([self._eta(k, state) for k in range(len(self.labels))])
        for _ in range(sweeps):
            for k in range(len(self.labels)):
                self._move_label(rng, k, state, eta, tune)
            for whole in self.together:
                for _ in range(ROUNDS_OF_MANY if self.counted[0] is not None else 1):
                    self._move_covariance(rng, whole, state, tune)
                whole.move_unknown(rng, state)
                self._move_common_effects(rng, whole, state, eta)
                self._move_roots(rng, whole, state, eta)
            if self.ranks is not None:
                self._move_sets(rng, self.ranks, state, eta)
            self._move_common(rng, state, eta)
        return state, 1.0

    def _eta(self, k: int, state: Mapping[str, np.ndarray]) -> np.ndarray:
        label, columns = self.labels[k], self.columns[k]
        if not self.together:
            b = outer_effects(state["theta"][k], label.lay, state["z"][k])
            return predicted(columns, b, state["u"][k], label.lay, label.rows)
        eta = columns.x @ state["z"][k, : label.lay.coefficients]
        for whole in self.together:
            eta += self._of_effects(whole, k, state[whole.block.key])
        return eta

    def _of_effects(self, whole: Together, k: int, effects: np.ndarray) -> np.ndarray:
        """What effects (cluster, label times effect) are of a label's predictor, shape (row,)."""
        return (self._matrix(whole, k) * effects[self._clusters(whole), whole.own(k)]).sum(axis=1)

    def _matrix(self, whole: Together, k: int) -> np.ndarray:
        label, columns = self.labels[k], self.columns[k]
        widths = [b.width for b in (label.part.inner if whole.inner else label.part.outer)]
        at = whole.place if whole.inner else whole.place - len(label.part.inner)
        low = sum(widths[:at])
        return (columns.z if whole.inner else columns.w)[:, low : low + widths[at]]

    def _clusters(self, whole: Together) -> np.ndarray:
        return clusters_of(whole, self.labels[0])

    def _move_label(
        self, rng: np.random.Generator, k: int, state: dict[str, np.ndarray], eta: np.ndarray, tune: bool
    ) -> None:
        label, counted = self.labels[k], self.counted[k]
        added, means = -others(eta, np.int64(k)), {}
        for whole in self.together:
            means[whole.block.key] = self._given_others(whole, k, state)
            mean = means[whole.block.key]
            added += (self._matrix(whole, k) * mean[self._clusters(whole)]).sum(axis=1)
        if counted is None:
            eta[:, k] = self._swept(rng, k, state, added, tune)
        else:
            eta[:, k] = self._moved(rng, counted.with_added(added), k, state, tune) - added
        for whole in self.together:
            effects, mean = state[whole.block.key], means[whole.block.key]
            own = {name: state[name][k] for name in ("theta", "z", "u")}
            effects[:, whole.own(k)] = mean + taken_deviations(own, label.lay, whole.place)
            eta[:, k] += (self._matrix(whole, k) * mean[self._clusters(whole)]).sum(axis=1)

    def _moved(
        self, rng: np.random.Generator, counted: Counting, k: int, state: dict[str, np.ndarray], tune: bool
    ) -> np.ndarray:
        """A sweep without latent variables, where rows are many; the log-odds after it."""
        own = {name: state[name][k].copy() for name in OWN}
        moved, _ = counted.step(rng, own, 1, tune)
        for name in OWN:
            state[name][k] = moved[name]
        return counted.predictor(moved)

    def _swept(
        self, rng: np.random.Generator, k: int, state: dict[str, np.ndarray], added: np.ndarray, tune: bool
    ) -> np.ndarray:
        """A sweep with latent variables; the predictor after it, without what is added."""
        label, columns = self.labels[k], self.columns[k]
        assert self.products is not None
        own_state = tuple(state[name][k].copy() for name in NAMES[:4])
        moved, u, learnt, own_eta = run_label(
            rng,
            (*own_state, float(state["count"][k])),
            state["u"][k],
            state["lengths"][k],
            float(state["lengths_count"][k]),
            state["information"][k],
            float(state["looks"][k]),
            tune,
            label.lay,
            label.rows,
            columns,
            self.products,
            added,
        )
        for name, value in zip((*NAMES, "u", *LEARNT), (*moved, u, *learnt), strict=True):
            state[name][k] = value
        return own_eta

    def _given_others(self, whole: Together, k: int, state: dict[str, np.ndarray]) -> np.ndarray:
        """A label's effects given the others': their means (cluster, effect); the covariance goes into its theta."""
        own = {name: state[name][k] for name in ("theta", "z", "u")}
        mean, left = whole.given_others(state, whole.own(k))
        deviations = state[whole.block.key][:, whole.own(k)] - mean
        put_deviations(own, self.labels[k].lay, whole.place, deviations, left)
        return mean

    def _move_covariance(
        self, rng: np.random.Generator, whole: Together, state: dict[str, np.ndarray], tune: bool
    ) -> None:
        key = whole.block.key
        theta, mean, covariance = (state[f"{key}_{name}"] for name in ("theta", "mean", "covariance"))
        count = float(state[f"{key}_count"])
        moved = move_together(rng, theta, mean, covariance, count, tune, whole.lay, *whole.known(state[key]))
        state[f"{key}_count"] = np.asarray(moved)

    def _move_roots(
        self, rng: np.random.Generator, whole: Together, state: dict[str, np.ndarray], eta: np.ndarray
    ) -> None:
        """Sigma given the effects' standard normals."""
        key, clusters, matrix = whole.block.key, self._clusters(whole), self._matrix(whole, 0)
        theta, mean, covariance = (state[f"{key}_{name}"] for name in ("theta", "mean", "covariance"))
        rest = eta - self._of_all(whole, state[key])
        normals = state[key] @ np.linalg.inv(whole.root(state)).T
        count = float(state[f"{key}_count"])
        given = whole.lay, np.ascontiguousarray(rest.T), matrix, clusters, np.ascontiguousarray(normals), self.codes
        state[key] = move_roots(rng, theta, mean, covariance, count, *given)
        eta[:] = rest + self._of_all(whole, state[key])

    def _of_all(self, whole: Together, effects: np.ndarray) -> np.ndarray:
        """What effects are of all labels' predictors, shape (row, label)."""
        by_label = effects[self._clusters(whole)].reshape(len(self.codes), whole.labels, whole.each)
        return (by_label * self._matrix(whole, 0)[:, None, :]).sum(axis=2)

    def _move_sets(
        self, rng: np.random.Generator, ranked: Ranks, state: dict[str, np.ndarray], eta: np.ndarray
    ) -> None:
        """Several labels against the others: coefficients and effects."""
        p, x = self.labels[0].lay.coefficients, self.columns[0].x
        precision, mean = (
            np.array([getattr(each.lay, name)[:p] for each in self.labels]) for name in ("precision", "mean")
        )
        known = np.diagonal(state["information"], axis1=1, axis2=2)
        thin = (known < THIN * precision).any(axis=0)
        move_coefficient_sets(rng, eta, self.codes, x, state["z"], precision, mean, ranked.of_columns, thin)
        for whole, order, members in zip(self.together, ranked.of_clusters, ranked.members, strict=True):
            inverse = np.linalg.inv(whole.root(state))
            given = self._matrix(whole, 0), state[whole.block.key], inverse.T @ inverse, order, *members
            move_effect_sets(rng, eta, self.codes, *given)

    def _move_common(self, rng: np.random.Generator, state: dict[str, np.ndarray], eta: np.ndarray) -> None:
        """What all labels' coefficients have in common, from its law given their differences."""
        p = self.labels[0].lay.coefficients
        of_priors = [(each.lay.mean[:p], each.lay.precision[:p]) for each in self.labels]
        means, precisions = np.swapaxes(np.array(of_priors), 0, 1)
        total = precisions.sum(axis=0)
        centre = (precisions * (means - state["z"][:, :p])).sum(axis=0) / total
        shift = centre + rng.standard_normal(p) / np.sqrt(total)
        state["z"][:, :p] += shift
        eta += (self.columns[0].x @ shift)[:, None]

    def _move_common_effects(
        self, rng: np.random.Generator, whole: Together, state: dict[str, np.ndarray], eta: np.ndarray
    ) -> None:
        """The same of their effects in each cluster."""
        effects, root = state[whole.block.key], whole.root(state)
        every = whole.common
        at = np.linalg.solve(root, every)
        precision = at.T @ at
        centre = -np.linalg.solve(precision, at.T @ np.linalg.solve(root, effects.T))
        moved = centre + np.linalg.solve(np.linalg.cholesky(precision).T, rng.standard_normal(centre.shape))
        effects += (every @ moved).T
        eta += (self._matrix(whole, 0) * moved.T[self._clusters(whole)]).sum(axis=1)[:, None]


def clusters_of(whole: Together, label: Label) -> np.ndarray:
    """The cluster of each row."""
    return members_of(np.int64(whole.place), label.lay, label.rows)


def law_blocks(design: Design, block: Block) -> tuple[Block, ...]:
    """Those of all labels that have the law of a block."""
    return tuple(b for b in design.blocks if b.law == block.law)


def parts_of(design: Design, k: int) -> list[Block]:
    """Of all blocks."""
    return [b for b in (part_of(each, design.predictors[k].key) for each in design.blocks) if b is not None]


@dataclass(frozen=True, eq=False)
class Labels:
    """The layouts of all labels, of equal shapes, and of what they have together."""

    burn_in: ClassVar[BurnIn] = BurnIn(places=("theta", "z", *LENGTHS), growing=GROWING)
    family: Categorical
    labels: tuple[Label, ...]
    together: tuple[Together, ...]

    @staticmethod
    def takes(design: Design) -> bool:
        """Softmax models; effects of a cluster key are of all labels together, or have one law for all of them."""
        if not isinstance(design.family.fitted_as, Categorical) or shifted(design):
            return False
        whole = len(design.predictors)
        priors = [prior for p in design.predictors for prior in p.priors]
        return (
            all(len(b.parts) == whole or len(law_blocks(design, b)) == whole for b in design.blocks)
            and few(ordered(parts_of(design, 0))[1])
            and all(prior.name == "Normal" for prior in priors)
            and all(known(prior) for b in design.blocks for prior in b.priors)
            and not any(p.offset for p in design.predictors)
        )

    @classmethod
    def of(cls, design: Design, codes: Codes, n: int) -> "Labels":
        """From the clusters of the fitted rows."""
        family = design.family.fitted_as
        assert isinstance(family, Categorical)
        labels = []
        for k, p in enumerate(design.predictors):
            part = Part(p, *ordered(parts_of(design, k)))
            lay, rows = part.layout(None, codes, n)
            if design.blocks:  # deviations are those of all labels, and this layout holds what follows from them
                lay = lay._replace(groups=np.full_like(lay.groups, FIXED))
            labels.append(Label(part, lay, rows))
        keys, inner = [b.key for b in labels[0].blocks], len(labels[0].part.inner)
        together: list[Together] = []
        for b in design.laws:
            place = keys.index(b.key)
            at = place, place < inner
            if len(b.parts) == 1:
                together.append(OneLaw.of(law_blocks(design, b), *at, codes, n))
                continue
            lay, _ = layout([], None, [], [b], codes, n)
            medians = [float(np.median(prior.draw(np.random.default_rng(0), 1001))) for prior in b.priors]
            together.append(Together(b, lay, len(labels), *at, float(np.mean(np.square(medians)))))
        return cls(family, tuple(labels), tuple(together))

    def on(self, data: Data, y: np.ndarray) -> Softmax:
        """The model on data."""
        codes, rows = self.family.codes(y), len(y)
        x = data[f"X_{self.labels[0].part.predictor.parameter.name}"]
        columns = []
        for k, label in enumerate(self.labels):
            z, w = (self._beside(blocks, data, k, rows) for blocks in (label.part.inner, label.part.outer))
            columns.append(Columns(x, z, w, (codes == k).astype(float)))
        counted: list[Counting | None] = []
        for label, each in zip(self.labels, columns):  # which differ in the target alone
            first = next((made for made in counted if made is not None), None)
            counted.append(yes_or_no(label.lay, label.rows, each, np.zeros(0), like=first))
        one, lead = columns[0], self.labels[0]
        latent = any(made is None for made in counted)
        products = cross_products(one.x, one.z, one.w, one.y, lead.lay, lead.rows) if latent else None
        made = self.labels, self.together, tuple(columns), products, codes, tuple(counted)
        return Softmax(*made, self._ranks(x, codes) if len(self.labels) >= FEWEST else None)

    def _ranks(self, x: np.ndarray, codes: np.ndarray) -> Ranks:
        blocks = [(clusters_of(whole, self.labels[0]), self._size(whole)) for whole in self.together]
        return ranks(x, codes, len(self.labels), blocks)

    def _size(self, whole: Together) -> int:
        return int(self.labels[0].lay.sizes[whole.place])

    def _beside(self, blocks: list[Block], data: Data, k: int, rows: int) -> np.ndarray:
        wholes = {each.block.key: each for each in self.together if len(each.block.parts) > 1}
        matrices = [data[f"X_{b.key}"] for b in blocks]
        matrices = [m[:, wholes[b.key].own(k)] if b.key in wholes else m for b, m in zip(blocks, matrices)]
        return np.ascontiguousarray(np.hstack([np.zeros((rows, 0)), *matrices]))

    def start(self, rng: np.random.Generator) -> dict[str, np.ndarray]:
        """A dispersed one."""
        each = [self._begun(label, rng) for label in self.labels]
        found = {name: np.array([state[name] for state in each]) for name in each[0]}
        for whole in self.together:
            found |= whole.begun(rng)
        return found

    def _begun(self, label: Label, rng: np.random.Generator) -> dict[str, np.ndarray]:
        lay = label.lay
        begun = to_arrays(fresh(starts(label.blocks, 0.0, rng), lay.mean))
        return begun | unlearnt(lay.coefficients) | {"u": np.zeros((lay.clusters, lay.width))}

    def values(self, arrays: Arrays) -> dict[str, np.ndarray]:
        """The vectors as the graph has them."""
        found: dict[str, np.ndarray] = {}
        for k, label in enumerate(self.labels):
            found[label.part.predictor.key] = arrays["z"][k][: label.lay.coefficients]
        for whole in self.together:
            found |= whole.values(arrays)
        return found
