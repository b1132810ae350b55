"""What a tree uses, and whether it may: the allow-list, applied to every call and operator in it.

One walk finds the columns, the cluster means and the missingness indicators of a formula's term or of an expression,
and lists everything in it that is not allowed. After a walk without problems, only columns and the functions of
:data:`.functions.FUNCTIONS` are left to be looked up.

A function with a rule of its own (as ``cluster_mean``, whose second argument is a key) gets a method ``_<name>``.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Literal

from bayesimpute.base.errors import Problem, did_you_mean
from bayesimpute.data.dates import is_date
from bayesimpute.formulas.functions import ENCODINGS, FUNCTIONS, LARGEST_SETTING, TIMED, Function
from bayesimpute.formulas.syntax import Call, Constant, Name, Node, Number, Operation, Text, render, walk

Where = Literal["formula", "expression"]

_COMPARISONS = frozenset(("==", "!=", "<", "<=", ">", ">="))
_ARITHMETIC = frozenset(("+", "-", "*", "/", "**"))
_LOGIC = frozenset(("and", "&", "or", "|", "not"))
OPERATORS: dict[Where, frozenset[str]] = {
    "formula": _COMPARISONS | _ARITHMETIC,
    "expression": _COMPARISONS | _ARITHMETIC | _LOGIC | {"//", "%"},
}
"""The operators of arithmetic: inside the calls of a formula, and anywhere in an expression."""


@dataclass
class Usage:
    """What has been found so far; :meth:`visit` adds a tree.

    Attributes
    ----------
    needs : set of str
        Columns whose values are used, cluster keys among them.
    observed : set of str
        Columns in ``observed()``: their mask is used.
    cluster_means : set of (str, str)
        Columns whose mean is used, with the key of the clusters.
    systematic : set of (str, str)
        Columns in ``systematic()``, with the key of the clusters.
    timed : set of (str, str)
        Functions of a subject's visits, with the column.
    problems : list of Problem
        Everything that is not allowed.
    """

    path: str
    where: Where
    needs: set[str] = field(default_factory=set)
    observed: set[str] = field(default_factory=set)
    cluster_means: set[tuple[str, str]] = field(default_factory=set)
    systematic: set[tuple[str, str]] = field(default_factory=set)
    timed: set[tuple[str, str]] = field(default_factory=set)
    problems: list[Problem] = field(default_factory=list)

    @property
    def names(self) -> frozenset[str]:
        """All columns."""
        masks = {name for name, _ in self.systematic} | {name for _, name in self.timed}
        return frozenset(self.needs | self.observed | masks)

    def add(self, finding: str, remedy: str) -> None:
        """Note a problem, once."""
        problem = Problem(path=self.path, finding=finding, remedy=remedy)
        if problem not in self.problems:
            self.problems.append(problem)

    def merge(self, other: "Usage") -> None:
        """Take over what another usage has found."""
        self.needs |= other.needs
        self.observed |= other.observed
        self.cluster_means |= other.cluster_means
        self.systematic |= other.systematic
        self.timed |= other.timed
        self.problems += [problem for problem in other.problems if problem not in self.problems]

    def visit(self, node: Node) -> None:
        """Add a tree, all of it arithmetic."""
        if isinstance(node, Name):
            self.needs.add(node.name)
        elif isinstance(node, Call):
            self.visit_call(node)
        elif isinstance(node, Operation):
            self._operation(node)

    def visit_call(self, node: Call) -> None:
        """Add a call: the function must be on the list, and fit."""
        function = FUNCTIONS.get(node.function)
        if node.function == "offset":
            self.add(f"{_text(node)} is not a term of its own", "add it to the other terms: + offset(x)")
            return
        if function is None:
            otherwise = f"allowed are {', '.join(FUNCTIONS)}; a column with brackets in its name stands in backticks"
            remedy = did_you_mean(node.function, FUNCTIONS, f"{otherwise}, without Q(): `x (kg)`")
            self.add(f'the function "{node.function}" is not allowed in a formula', remedy)
            return
        if not getattr(function, self.where):
            self.add(f'"{node.function}" cannot be used in an {self.where}', "use it in a formula")
        elif node.function in ENCODINGS:
            self.add(f'"{node.function}" stands alone', f"write it inside C: C(x, {node.function})")
        elif self._fits(node, function):
            own = {
                "cluster_mean": self._cluster_mean,
                "observed": self._observed,
                "systematic": self._systematic,
                "C": self._coded,
                "where_applies": self._guard,
                **dict.fromkeys(TIMED, self._timed),
            }
            own.get(node.function, self._plain)(node, function)

    def _fits(self, node: Call, function: Function) -> bool:
        before = len(self.problems)
        given = len(node.arguments)
        if not function.least <= given <= function.most:
            wanted = str(function.least) if function.least == function.most else f"{function.least} to {function.most}"
            self.add(f"{_text(node)} has {given} arguments without a keyword", f"{node.function} takes {wanted}")
        keys = [key for key, _ in node.keywords]
        unknown = [key for key in keys if key not in function.keywords]
        for key in unknown:
            known = f"it takes {', '.join(function.keywords)}" if function.keywords else "it takes no keywords"
            self.add(f'{node.function} has no setting "{key}"', did_you_mean(key, function.keywords, known))
        # A setting given by position is the first of the keywords: bs(x, 4) is bs(x, df=4).
        taken = function.keywords[: max(given - function.data, 0)]
        if not unknown and (len(set(keys)) < len(keys) or set(taken) & set(keys)):
            self.add(f"{_text(node)} gives a setting twice", "give it once")
        return len(self.problems) == before

    def _plain(self, node: Call, function: Function) -> None:
        for argument in node.arguments[: function.data]:
            if function.dates and isinstance(argument, Text):
                self._date(argument, node)
            else:
                self._data(argument, node)
        for setting in _settings(node, function):
            self._setting(setting, node)

    def _data(self, argument: Node, node: Call) -> None:
        if isinstance(argument, Text | Constant):
            self.add(f"{_text(node)}: {_text(argument)} is not a column", f"give {node.function} a column or a number")
        self.visit(argument)

    def _date(self, argument: Text, node: Call) -> None:
        if not is_date(argument.value):
            finding = f"{_text(node)}: {_text(argument)} is no date, or has a time zone"
            self.add(finding, f'write {node.function}("2024-03-01") or {node.function}("2024-03-01T10:30")')

    def _setting(self, setting: Node, node: Call) -> None:
        bare = setting.operands[0] if isinstance(setting, Operation) and setting.unary else setting
        if not isinstance(bare, Number | Text | Constant) or (bare is not setting and not isinstance(bare, Number)):
            self.add(
                f"{_text(node)}: {_text(setting)} is not a plain value", "write out a number, a text, True or False"
            )
        elif node.function == "poly" and isinstance(bare, Number) and not (bare is setting and _is_degree(bare.value)):
            self.add(f"{_text(node)}: {_text(setting)} is not a degree", "use a whole number from 1")
        elif node.function in ("bs", "poly", "round") and isinstance(bare, Number) and isinstance(bare.value, int):
            bound = any(key.endswith("_bound") and value is setting for key, value in node.keywords)
            if bare.value > LARGEST_SETTING and not bound:
                self.add(f"{_text(node)}: {bare.value} is too large", f"use at most {LARGEST_SETTING}")

    def _coded(self, node: Call, function: Function) -> None:
        self._data(node.arguments[0], node)
        for coding in _settings(node, function):
            if isinstance(coding, Call) and coding.function in ENCODINGS:
                if self._fits(coding, ENCODINGS[coding.function]):
                    self._plain(coding, ENCODINGS[coding.function])
            elif not (isinstance(coding, Name) and coding.name in ENCODINGS):
                self.add(f"{_text(node)}: {_text(coding)} is not a coding", 'write C(x, Treatment("a")) or C(x, Sum)')

    def _cluster_mean(self, node: Call, function: Function) -> None:
        del function
        value, key = node.arguments[0], self._key(node, "cluster_mean(x, school)")
        if key is None:
            return
        self._data(value, node)
        inside = {part.name for part in walk(value) if isinstance(part, Name)}
        self.cluster_means.update((name, key) for name in inside)

    def _key(self, node: Call, example: str) -> str | None:
        """The cluster key that is the second argument."""
        keys = mean_key(node.arguments[1])
        if keys is None:
            self.add(f"{_text(node)}: {_text(node.arguments[1])} is not a cluster key", f"write {example}")
            return None
        self._quotable(":".join(keys), enabled=len(keys) > 1)
        self.needs.update(keys)
        return ":".join(keys)

    def _systematic(self, node: Call, function: Function) -> None:
        del function
        column, key = node.arguments[0], self._key(node, "systematic(y, school)")
        if not isinstance(column, Name):
            finding = f"{_text(node)}: {_text(column)} is not a column"
            self.add(finding, "write systematic(y, school) with the name of a column")
        elif key is not None:
            self.systematic.add((column.name, key))

    def _observed(self, node: Call, function: Function) -> None:
        del function
        column = node.arguments[0]
        if isinstance(column, Name):
            self.observed.add(column.name)
        else:
            self.add(f"{_text(node)}: {_text(column)} is not a column", "write observed(y) with the name of a column")

    def _timed(self, node: Call, function: Function) -> None:
        del function
        column = node.arguments[0]
        if not isinstance(column, Name):
            finding = f"{_text(node)}: {_text(column)} is not a column"
            self.add(finding, f"write {node.function}(y) with the name of a column")
            return
        self.timed.add((node.function, column.name))
        self.needs.update({column.name} if node.function == "lag" else ())

    def _guard(self, node: Call, function: Function) -> None:
        self._plain(node, function)
        value = node.arguments[0]
        compares = isinstance(value, Operation) and value.symbols[0] in _COMPARISONS and self.where == "expression"
        if not isinstance(value, Name) and not compares:
            more = "" if self.where == "expression" else ", or derive a variable with what is computed from it"
            self.add(f"{_text(node)}: {_text(value)} is not a column", f"write where_applies(cost, 0){more}")

    def _operation(self, node: Operation) -> None:
        for symbol in dict.fromkeys(node.symbols):
            if symbol not in OPERATORS[self.where]:
                remedy = (
                    "compute it as a derived variable" if self.where == "formula" else "write a sum, product or power"
                )
                self.add(f'"{symbol}" cannot be used in the calculation {_text(node)}', remedy)
        compares = node.symbols[0] in _COMPARISONS
        if compares and len(node.symbols) > 1:
            self.add(f"{_text(node)} compares more than two values", "compare two at a time: (a < b) * (b < c)")
        for operand in node.operands:
            if (isinstance(operand, Text) and not compares) or (
                isinstance(operand, Constant) and operand.value is None
            ):
                self.add(f"{_text(operand)} cannot be calculated with", "use a column or a number")
            self.visit(operand)
        # Two whole numbers would be raised by Python itself: 9**9**9 never ends.
        if self.where == "formula" and "**" in node.symbols and not _has_column(node):
            self.add(f"{_text(node)} is a power without a column", "write out its value")

    def texts(self, node: Node) -> None:
        """Note the texts that formulae cannot read: it ends a text at either quotation mark."""
        for part in walk(node):
            if isinstance(part, Text):
                self._quotable(part.value, enabled=True)

    def _quotable(self, text: str, *, enabled: bool) -> None:
        if enabled and self.where == "formula" and ('"' in text or "'" in text):
            self.add(f"the text {text} has a quotation mark in it", "compute a derived variable, or rename the label")


def labelled(trees: Iterable[Node]) -> frozenset[str]:
    """The columns whose labels are asked for: those in ``scores()``."""
    nodes = (node for tree in trees for node in walk(tree))
    calls = [node for node in nodes if isinstance(node, Call) and node.function in FUNCTIONS]
    inside = (part for call in calls if FUNCTIONS[call.function].labels for part in walk(call))
    return frozenset(part.name for part in inside if isinstance(part, Name))


def guarded(trees: Iterable[Node]) -> frozenset[str]:
    """The columns inside of ``where_applies()``."""
    calls = (node for tree in trees for node in walk(tree) if _guards(node))
    return frozenset(part.name for call in calls for part in walk(call) if isinstance(part, Name))


def unguarded(trees: Iterable[Node]) -> frozenset[str]:
    """The columns whose values are used outside of ``where_applies()`` too."""
    found: set[str] = set()
    for tree in trees:
        if isinstance(tree, Name):
            found.add(tree.name)
        elif isinstance(tree, Operation):
            found |= unguarded(tree.operands)
        elif isinstance(tree, Call) and not _guards(tree):
            found |= unguarded((*tree.arguments, *(value for _, value in tree.keywords)))
    return frozenset(found)


def _guards(node: Node) -> bool:
    return isinstance(node, Call) and node.function in FUNCTIONS and FUNCTIONS[node.function].guards


def key_names(node: Node) -> tuple[str, ...] | None:
    """The columns of a cluster key, ``school`` or ``school:class``; None if the tree is something else."""
    if isinstance(node, Name):
        return (node.name,)
    if isinstance(node, Operation) and not node.unary and set(node.symbols) == {":"}:
        parts = [operand.name for operand in node.operands if isinstance(operand, Name)]
        return tuple(parts) if len(parts) == len(node.operands) else None
    return None


def mean_key(node: Node) -> tuple[str, ...] | None:
    """The columns of the key inside a call, which may also be a text, ``"school:class"``: the normal form."""
    return tuple(node.value.split(":")) if isinstance(node, Text) else key_names(node)


def _is_degree(value: float) -> bool:
    return isinstance(value, int) and value >= 1


def _settings(node: Call, function: Function) -> Iterable[Node]:
    return (*node.arguments[function.data :], *(value for _, value in node.keywords))


def _has_column(node: Node) -> bool:
    return any(isinstance(part, Name) for part in walk(node))


def _text(node: Node) -> str:
    text = render(node)
    return text if len(text) <= 60 else f"{text[:57]}..."
