"""Formulas cut into tokens: what may be written at all.

There is no token for an attribute, a subscript, a statement or a text with something to be evaluated in it; so none
can be written. To add a piece to the language, extend ``_TOKEN``.
"""

import re
from dataclasses import dataclass

from bayesimpute.base.errors import FormulaError, one

LONGEST = 10_000
"""Characters in a formula; a longer one is an accident."""

_TOKEN = re.compile(
    r"""(?P<space>\s+)
      | (?P<number>(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][+-]?[0-9]+)?)
      | (?P<name>[^\W\d]\w*)
      | `(?P<quoted>[^`\n]+)`
      | (?P<text>"[^"\n]*"|'[^'\n]*')
      | (?P<operator>\|\||\*\*|//|==|!=|<=|>=|[-+*/%:~|&!()=,<>])""",
    re.VERBOSE,
)
_HINTS = {
    ".": "attributes and methods cannot be used; write a column whose name has a dot in backticks: `hgt.z`",
    "[": "write a column with such a name in backticks, `x[1]`; subscripts and lists cannot be used",
    "{": "write I(...) for arithmetic, and a column with such a name in backticks: `x{1}`",
    "^": "write ** for a power",
    "`": "close the backtick",
    '"': "close the quotation mark",
    "'": "close the quotation mark",
}
_CALL = re.compile(r"__\w+__|\.\s*\w+\s*\(|\)\s*\.")
"""Python rather than a formula: a name of its own, a method that is called, an attribute of what a call returns."""
CALLS = (
    "a formula has columns and calls of its own functions only (log, bs, cluster_mean, ...), by their bare names; "
    "attributes and methods cannot be used; a column with such a name stands in backticks: `hgt.z`"
)


@dataclass(frozen=True)
class Token:
    """A piece of a formula: `kind` is name, quoted, number, text, operator or end; `at` counts characters from 1."""

    kind: str
    text: str
    at: int


def tokens(source: object, path: str) -> list[Token]:
    """Cut a formula into tokens, the last of which is of kind "end".

    Raises
    ------
    FormulaError
        If it is not a text, is too long, or holds a character that has no meaning in a formula.
    """
    if not isinstance(source, str):
        raise one(
            FormulaError, path, f"{type(source).__name__} is not a formula", 'write it as a text: "y ~ x + (1 | g)"'
        )
    if len(source) > LONGEST:
        raise one(FormulaError, path, f"the formula has {len(source)} characters", f"use at most {LONGEST}")
    found, position = [], 0
    while position < len(source):
        match = _TOKEN.match(source, position)
        if match is None or match.lastgroup is None:
            raise _misplaced(source, position, path)
        if match.lastgroup != "space":
            found.append(Token(match.lastgroup, match[match.lastgroup], position + 1))
        position = match.end()
    return [*found, Token("end", "", len(source) + 1)]


def _misplaced(source: str, position: int, path: str) -> Exception:
    character = source[position]
    finding = f"{character!r} at character {position + 1} of {shown(source)} has no place in a formula"
    hint = CALLS if _CALL.search(source) else _HINTS.get(character, "write a column with such a name in backticks")
    return one(FormulaError, path, finding, hint)


def excerpt(source: str) -> str:
    """A formula for a message, cut if it is long."""
    return source if len(source) <= 80 else f"{source[:77]}..."


def shown(source: str) -> str:
    """The same in quotes."""
    return f'"{excerpt(source)}"'


def is_token(text: str) -> bool:
    """Whether a text is one token, or space."""
    return _TOKEN.fullmatch(text) is not None
