"""Text to tree: the grammar that formulas and expressions share.

The reader is our own, and small, because what it lets through reaches formulae, which looks names up in Python. It
knows names, numbers, texts, a fixed list of operators and calls by name; there is no token for an attribute, a
subscript or a statement, so none can be written. What an operator means is not decided here: ``*`` is an interaction
in a formula (:mod:`.language`) and a product inside a call or in an expression (:mod:`.expressions`).

To add an operator, give it a level in ``LEVELS`` and a meaning where the trees are used.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

import numpy as np

from bayesimpute.base.errors import FormulaError, one
from bayesimpute.formulas.tokens import CALLS, Token, is_token, shown, tokens

DEEPEST = 100
"""Levels of nesting; far below where Python's own stack ends."""

LEVELS = {
    **dict.fromkeys(("|", "||", "or"), 1),
    **dict.fromkeys(("and", "&"), 2),
    **dict.fromkeys(("==", "!=", "<", "<=", ">", ">="), 4),
    **dict.fromkeys(("+", "-"), 5),
    **dict.fromkeys(("*", "/", "//", "%"), 6),
    ":": 7,
    "**": 8,
}
_NOT = 3
_COLON = 7
_POWER = 8
_CONSTANTS = {"True": True, "False": False, "None": None}
_WORDS = ("and", "or", "not")


@dataclass(frozen=True)
class Name:
    """A column, with or without backticks."""

    name: str


@dataclass(frozen=True)
class Number:
    """A number as written, whole or not."""

    value: int | float


@dataclass(frozen=True)
class Text:
    """A text in quotation marks; `mark` is the mark that was used."""

    value: str
    mark: str = field(compare=False)


@dataclass(frozen=True)
class Constant:
    """True, False or None."""

    value: bool | None


@dataclass(frozen=True)
class Call:
    """A function by name, with arguments and settings."""

    function: str
    arguments: tuple["Node", ...]
    keywords: tuple[tuple[str, "Node"], ...] = ()


@dataclass(frozen=True)
class Operation:
    """Operators of one level and their operands, from left to right: ``a + b - c`` is one node.

    With as many symbols as operands it is a sign or a negation, ``-a``.
    """

    symbols: tuple[str, ...]
    operands: tuple["Node", ...]

    @property
    def unary(self) -> bool:
        """Whether the operator stands before its only operand."""
        return len(self.symbols) == len(self.operands)


Node = Name | Number | Text | Constant | Call | Operation


def read_formula(source: str, path: str) -> tuple[Node | None, Node | None, bool]:
    """The trees of the left and the right side of ``~``, and whether there is a ``~``; None for an empty side."""
    pieces = tokens(source, path)
    tildes = [k for k, token in enumerate(pieces) if token.text == "~" and token.kind == "operator"]
    if len(tildes) > 1:
        raise one(FormulaError, path, f"{shown(source)} has {len(tildes)} signs ~", "write one: response ~ terms")
    if _bare_bar(pieces):
        raise one(FormulaError, path, f"{shown(source)} has a | outside parentheses", "write ... + (1 + x | g)")
    if not tildes:
        return None, _Reader(source, path, pieces).whole(), False
    cut = tildes[0]
    left = [*pieces[:cut], Token("end", "~", pieces[cut].at)]
    return _Reader(source, path, left).whole(), _Reader(source, path, pieces[cut + 1 :]).whole(), True


def _bare_bar(pieces: list[Token]) -> bool:
    depth = 0
    for token in pieces:
        if token.kind == "operator":
            depth += (token.text == "(") - (token.text == ")")
            if depth == 0 and token.text in ("|", "||"):
                return True
    return False


def read_expression(source: str, path: str) -> Node | None:
    """The tree of an expression, None if there is nothing in it."""
    return _Reader(source, path, tokens(source, path)).whole()


class _Reader:
    """Precedence climbing over a list of tokens; its only state is where it stands and how deep."""

    def __init__(self, source: str, path: str, pieces: list[Token]) -> None:
        self.source, self.path, self.pieces = source, path, pieces
        self.position = self.depth = 0

    def whole(self) -> Node | None:
        if self.token.kind == "end":
            return None
        node = self.expression(0)
        if self.token.kind != "end":
            raise self.unexpected()
        return node

    @property
    def token(self) -> Token:
        return self.pieces[self.position]

    def advance(self) -> Token:
        token = self.token
        self.position += 1
        return token

    def at(self, text: str) -> bool:
        return self.token.kind == "operator" and self.token.text == text

    def level(self) -> int:
        operator = self.token.kind == "operator" or (self.token.kind == "name" and self.token.text in _WORDS)
        return LEVELS.get(self.token.text, -1) if operator else -1

    def unexpected(self) -> Exception:
        token = self.token
        finding = (
            "it ends too early" if token.kind == "end" else f'"{token.text}" at character {token.at} is not expected'
        )
        remedy = "write terms joined by operators, x + z, and a column with another name in backticks: `x (kg)`"
        if token.text == "=":
            remedy = "equality is written with two signs: x == 1"
        return one(FormulaError, self.path, f"{shown(self.source)}: {finding}", remedy)

    def expression(self, least: int) -> Node:
        self.depth += 1
        if self.depth > DEEPEST:
            raise one(FormulaError, self.path, f"it is nested more than {DEEPEST} levels deep", "write it more simply")
        node = self.prefix()
        while (level := self.level()) >= max(least, 0):
            node = self.power(node) if level == _POWER else self.chain(node, level)
        self.depth -= 1
        return node

    def chain(self, left: Node, level: int) -> Node:
        symbols, operands = [], [left]
        while self.level() == level:
            symbols.append(self.advance().text)
            operands.append(self.expression(level + 1))
        return Operation(tuple(symbols), tuple(operands))

    def power(self, base: Node) -> Node:
        # Powers group from the right, and a sign before one applies to the power: -x**2 is -(x**2).
        self.advance()
        return Operation(("**",), (base, self.expression(_POWER)))

    def prefix(self) -> Node:
        if self.at("-") or self.at("+"):
            return Operation((self.advance().text,), (self.expression(_COLON),))
        if self.at("!") or (self.token.kind == "name" and self.token.text == "not"):
            self.advance()
            return Operation(("not",), (self.expression(_NOT),))
        return self.atom()

    def atom(self) -> Node:
        token = self.token
        if self.at("("):
            return self.parenthesis()
        if token.kind == "name":
            return self.word()
        if token.kind not in ("number", "text", "quoted"):
            raise self.unexpected()
        self.advance()
        if token.kind == "number":
            return Number(self.number(token))
        return Name(token.text) if token.kind == "quoted" else Text(token.text[1:-1], token.text[0])

    def parenthesis(self) -> Node:
        self.advance()
        node = self.expression(0)
        self.close()
        return node

    def close(self) -> None:
        if not self.at(")"):
            raise self.unexpected()
        self.advance()

    def word(self) -> Node:
        token = self.advance()
        if token.text in _CONSTANTS:
            return Constant(_CONSTANTS[token.text])
        if token.text.startswith("__"):
            finding = f'"{token.text}" at character {token.at} cannot be used as a name'
            column = f"if it is a column, write `{token.text}` in backticks"
            raise one(FormulaError, self.path, finding, CALLS if self.at("(") else column)
        if not self.at("("):
            return Name(token.text)
        self.advance()
        return self.call(token.text)

    def call(self, function: str) -> Node:
        arguments: list[Node] = []
        keywords: list[tuple[str, Node]] = []
        while not self.at(")"):
            if arguments or keywords:
                if not self.at(","):
                    raise self.unexpected()
                self.advance()
            if self.token.kind == "name" and self.pieces[self.position + 1].text == "=":
                name = self.advance().text
                self.advance()
                keywords.append((name, self.expression(0)))
            elif keywords:
                raise self.unexpected()
            else:
                arguments.append(self.expression(0))
        self.close()
        return Call(function, tuple(arguments), tuple(keywords))

    def number(self, token: Token) -> int | float:
        value = float(token.text)
        if value == float("inf"):
            raise one(FormulaError, self.path, f"the number {token.text[:20]} is too large", "use a number below 1e308")
        # Above 2**53 Python's whole numbers would go on for ever where floats do not.
        return int(value) if token.text.isdigit() and value < 2**53 else value


def walk(node: Node) -> Iterator[Node]:
    """The node and everything below it, from left to right."""
    yield node
    below: tuple[Node, ...] = ()
    if isinstance(node, Operation):
        below = node.operands
    elif isinstance(node, Call):
        below = (*node.arguments, *(value for _, value in node.keywords))
    for child in below:
        yield from walk(child)


def substituted(node: Node, given: Mapping[str, Node]) -> Node:
    """The tree with other trees in the place of columns."""
    match node:
        case Name(name):
            return given.get(name, node)
        case Call(function, arguments, keywords):
            inside = tuple(substituted(argument, given) for argument in arguments)
            return Call(function, inside, tuple((key, substituted(value, given)) for key, value in keywords))
        case Operation(symbols, operands):
            return Operation(symbols, tuple(substituted(operand, given) for operand in operands))
    return node


def quote(name: str) -> str:
    """A column's name as a formula writes it: in backticks unless it is plain."""
    plain = name[:1].isalpha() and all(c.isalnum() or c == "_" for c in name) and is_token(name)
    reserved = name in _CONSTANTS
    return name if plain and not reserved else f"`{name}`"


def render(node: Node, *, faithful: bool = True, bambis: bool = False) -> str:
    """A tree as text, in one normal form.

    Parameters
    ----------
    node : Node
        What to write.
    faithful : bool
        Whether formulae reads the tree again from the text. If not, it is the name under which we print it: without
        backticks, and with those parentheses only that it takes to write it.
    bambis : bool
        Whether the name is the one that bambi prints: without any parentheses of operations.
    """
    names = {"faithful": faithful and not bambis, "bambis": bambis}
    faithful = names["faithful"]
    match node:
        case Name(name):
            return quote(name) if faithful else name
        case Number(value):
            return _number(value) if faithful else str(value)
        case Text(value, mark):
            return f"{mark}{value}{mark}"
        case Constant(value):
            return str(value)
        case Call(function, arguments, keywords):
            inside = [render(argument, **names) for argument in arguments]
            inside += [f"{key}={render(value, **names)}" for key, value in keywords]
            return f"{function}({', '.join(inside)})"
        case Operation():
            return _operation(node, **names)


def _operation(node: Operation, *, faithful: bool, bambis: bool) -> str:
    parts = [render(operand, faithful=faithful, bambis=bambis) for operand in node.operands]
    inside = [
        isinstance(operand, Operation) and not bambis and (faithful or _loose(operand, node))
        for operand in node.operands
    ]
    parts = [f"({part})" if nested else part for part, nested in zip(parts, inside, strict=True)]
    if node.unary:
        return f"{node.symbols[0]}{' ' if node.symbols[0] in _WORDS else ''}{parts[0]}"
    rest = zip(node.symbols, parts[1:], strict=True)
    return parts[0] + "".join(f":{part}" if symbol == ":" else f" {symbol} {part}" for symbol, part in rest)


def _loose(inner: Operation, outer: Operation) -> bool:
    """Whether an operation that stands in another one has to stand in parentheses."""
    return _level(inner) <= _level(outer)


def _level(node: Operation) -> int:
    """How tightly it binds; signs as what they may stand before."""
    if node.unary:
        return _NOT if node.symbols[0] == "not" else _COLON
    return LEVELS[node.symbols[0]]


def _number(value: int | float) -> str:
    # formulae's scanner knows digits and a point, but no exponents.
    return str(value) if isinstance(value, int) else np.format_float_positional(value, trim="0")
