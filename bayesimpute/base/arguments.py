"""Arguments at the public surface: held against their annotations before a function sees them.

:func:`typed` decorates what users call. Whatever does not fit ends in one :class:`~bayesimpute.base.errors.InputError`
with all problems of the call, and nothing is changed on the way: a text is no number, True is no count. What an
annotation means here is what Python's users mean by it: a whole number may be NumPy's and stands for a float too, a
sequence or tuple is a list of any kind but never a text, an array is whatever makes one of numbers.

The parts of a plan are not gated when they are made: a document is read leniently, so that ``check`` can tell
everything at once.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence, Set
from functools import cache, wraps
from inspect import Parameter, signature
from numbers import Integral, Rational, Real
from reprlib import Repr
from types import NoneType, UnionType
from typing import Any, Literal, Union, get_args, get_origin

from bayesimpute.base.errors import BayesimputeError, InputError, Problem
from bayesimpute.base.phrases import names_a_plan, read_the_plan

_SHOWN = Repr(maxstring=60, maxlong=40, maxother=60)
_NOUNS = {
    "str": ("a text", "texts"),
    "int": ("a whole number", "whole numbers"),
    "float": ("a number", "numbers"),
    "bool": ("True or False", "True or False"),
    "NoneType": ("None", "None"),
    "PathLike": ("a path", "paths"),
    "Callable": ("a function", "functions"),
    "Mapping": ("a mapping", "mappings"),
    "Result": ("a MultiplyImputed", "MultiplyImputed"),
    "ndarray": ("an array of numbers", "arrays of numbers"),
}
_EXAMPLES = {
    "DataFrame": "the data as a pandas DataFrame",
    "Plan": 'Plan.of(["y ~ x"])',
    "Conditional": 'Conditional.of("y ~ x")',
    "Incomplete": "Incomplete.from_frame(data)",
    "Result": "what impute() or load() gave",
    "Analyses": "what imputed.analyse(...) gave",
    "Estimate": "what fit(...) gave",
    "Pooled": "what imputed.pool(...) gave",
    "Comparison": "what compare(...) gave",
    "Executor": "a Dask cluster's client.get_executor()",
    "PathLike": '"folder/file.nc"',
    "int": "5",
    "float": "0.5",
    "str": '"x"',
    "bool": "True",
}


def typed[T](thing: T) -> T:
    """Let a function, or the constructor and the public methods of a class, refuse arguments of wrong types."""
    return _all_gated(thing, first=True)


def typed_after[T](thing: T) -> T:
    """The same where a function has checks of its own, which say more: they come first.

    What it raises beside the package's own errors is told by the arguments of wrong types, if there are any.
    """
    return _all_gated(thing, first=False)


def _all_gated(thing: Any, *, first: bool) -> Any:
    if not isinstance(thing, type):
        return _gated(thing, first)
    for name, member in list(vars(thing).items()):
        if name.startswith("_") and name != "__init__":
            continue
        if isinstance(member, classmethod | staticmethod):
            setattr(thing, name, type(member)(_gated(member.__func__, first)))
        elif callable(member) and not isinstance(member, type):
            setattr(thing, name, _gated(member, first))
    return thing


def _gated(function: Callable[..., Any], first: bool) -> Any:
    if hasattr(function, "misfits"):
        return function
    find = _misfits(function)

    @wraps(function)
    def checked(*arguments: Any, **named: Any) -> Any:
        if first and (problems := find(*arguments, **named)):
            raise InputError(problems)
        try:
            return function(*arguments, **named)
        except (BayesimputeError, OSError):
            raise
        except Exception as error:
            if problems := find(*arguments, **named):
                raise InputError(problems) from error
            raise

    checked.misfits = find  # pyright: ignore[reportAttributeAccessIssue]
    return checked


def _misfits(function: Callable[..., Any]) -> Callable[..., list[Problem]]:
    """Of the arguments of a call to what is wrong with their types."""
    wanted = signature(function)

    @cache
    def hints() -> dict[str, Any]:
        return {p.name: _evaluated(p.annotation, function) for p in wanted.parameters.values()}

    def find(*arguments: Any, **named: Any) -> list[Problem]:
        try:
            given = wanted.bind(*arguments, **named).arguments
        except TypeError:  # too many, too few or unknown ones: Python's own words
            return []
        return [
            found
            for name, value in given.items()
            for path, each in _each(wanted.parameters[name], value)
            for found in misfits({path: each}, {path: hints()[name]}, {path: wanted.parameters[name].default})
        ]

    return find


def _each(parameter: Parameter, value: Any) -> Iterator[tuple[str, Any]]:
    """The arguments that a parameter stands for: one, or those of ``*arguments`` and ``**options``."""
    if parameter.kind is Parameter.VAR_POSITIONAL:
        yield from ((parameter.name, each) for each in value)
    elif parameter.kind is Parameter.VAR_KEYWORD:
        yield from value.items()
    else:
        yield parameter.name, value


def misfits(given: Mapping[str, Any], hints: Mapping[str, Any], defaults: Mapping[str, Any]) -> list[Problem]:
    """What of the values, by name, is not of the type that it should be."""
    wrong = {name: found for name, value in given.items() if (found := _wrong(value, hints[name])) is not None}
    return [_problem(name, given[name], *found, defaults.get(name)) for name, found in wrong.items()]


def _problem(path: str, value: Any, culprit: Any, meant: Any, default: Any) -> Problem:
    inside = "" if culprit is value else " in it"
    finding = f"{_shown(culprit)}{inside} is not {_noun(meant)}"
    plain = isinstance(default, str | int | float) and default != "" and culprit is value
    remedy = f"give one, such as {default!r}" if plain else f"give {_example(meant)}"
    if getattr(meant, "__name__", "") == "Plan" and names_a_plan(value):
        remedy = read_the_plan(value)
    return Problem(path=path, finding=finding, remedy=remedy)


def _wrong(value: Any, hint: Any) -> tuple[Any, Any] | None:
    """What does not fit, and what it should be: the value itself or something in it; None if all is well."""
    origin, inner = get_origin(hint), get_args(hint)
    if origin in (Union, UnionType):
        found = [_wrong(value, each) for each in inner]
        deeper = [wrong for wrong in found if wrong is not None and wrong[0] is not value]
        return None if None in found else (deeper[0] if deeper else (value, hint))
    kind = origin or hint
    if not _is(value, kind, inner):
        return value, hint
    items: Iterable[tuple[Any, Any]] = ()
    if isinstance(value, Mapping) and len(inner) == 2:
        items = [(part, h) for pair in value.items() for part, h in zip(pair, inner)]
    elif kind in (Sequence, tuple, list, Iterable) and inner and not isinstance(value, Iterator) and _is_list(value):
        items = ((each, inner[0]) for each in value)
    return next((wrong for each, h in items if (wrong := _wrong(each, h)) is not None), None)


def _is(value: Any, kind: Any, inner: tuple[Any, ...]) -> bool:
    """Whether a value is of a kind, whatever is in it."""
    if kind in _OWN:
        return _OWN[kind](value)
    if kind is Literal:
        return isinstance(value, str) and value in inner
    if getattr(kind, "__name__", "") == "ndarray":
        return _makes_an_array(value)
    if not isinstance(kind, type) or getattr(kind, "_is_protocol", False):
        return True
    return isinstance(value, kind)


def _is_bool(value: Any) -> bool:
    return type(value).__name__ in ("bool", "bool_")  # NumPy's too


def _is_whole(value: Any) -> bool:
    return isinstance(value, Integral) and not _is_bool(value)


def _is_number(value: Any) -> bool:
    if _is_bool(value) or not isinstance(value, Real) or (isinstance(value, Rational) and not _is_whole(value)):
        return False
    try:
        float(value)
    except OverflowError:
        return False
    return True


def _is_list(value: Any) -> bool:
    """A sequence, or what pandas and NumPy have for it, but not a text."""
    if isinstance(value, str | bytes | bytearray | memoryview | Mapping | Set):
        return False
    return isinstance(value, Sequence) or (hasattr(value, "__array__") and getattr(value, "ndim", 0) == 1)


def _makes_an_array(value: Any) -> bool:
    import numpy as np

    try:
        return np.asarray(value).dtype.kind in "iuf" and not isinstance(value, str)
    except (TypeError, ValueError):
        return False


_OWN: Mapping[Any, Callable[[Any], bool]] = {
    Any: lambda value: True,
    Parameter.empty: lambda value: True,
    None: lambda value: value is None,
    int: _is_whole,
    float: _is_number,
    bool: _is_bool,
    tuple: _is_list,
    list: _is_list,
    Sequence: _is_list,
    Iterable: lambda value: isinstance(value, Iterable) and not isinstance(value, str | bytes),
}
"""Kinds of values that are not simply the instances of a class."""


def _noun(hint: Any, many: bool = False) -> str:
    origin, inner = get_origin(hint), get_args(hint)
    if origin in (Union, UnionType):
        words = [_noun(each, many) for each in sorted(inner, key=lambda each: each is NoneType)]
        return " or ".join(filter(None, (", ".join(words[:-1]), words[-1])))
    if origin is Literal:
        return f"one of {', '.join(map(str, inner))}"
    name = getattr(origin or hint, "__name__", str(hint))
    if name in ("Sequence", "tuple", "list", "Iterable"):
        return f"{'lists' if many else 'a list'}{f' of {_noun(inner[0], many=True)}' if inner else ''}"
    article = "an" if name[0] in "AEIO" else "a"
    return _NOUNS.get(name, (f"{article} {name}", f"{name}s"))[many]


def _example(hint: Any) -> str:
    """What may be given instead."""
    origin, inner = get_origin(hint), get_args(hint)
    name = getattr(origin or hint, "__name__", "")
    if origin in (Union, UnionType):
        texts_last = sorted(inner, key=lambda each: each is str)
        return next((found for each in texts_last if (found := _example(each)) != _NO_EXAMPLE), _NO_EXAMPLE)
    if name in ("Sequence", "tuple", "list", "Iterable") and inner:
        found = _example(inner[0])
        return found if found == _NO_EXAMPLE else f"a list: [{found}, ...]"
    return _EXAMPLES.get(name, _NO_EXAMPLE)


_NO_EXAMPLE = "one"


def _shown(value: Any) -> str:
    name = type(value).__name__
    if value is None or isinstance(value, str | bytes | Real):
        return f"{_SHOWN.repr(value)} ({name})" if value is not None else "None"
    return f"{'an' if name[:1].lower() in 'aeio' else 'a'} {name}"


class _ByName(type):
    """A class that is imported for type checkers only: it is known by its name."""

    def __instancecheck__(cls, value: Any) -> bool:
        return any(base.__name__ == cls.__name__ for base in type(value).__mro__)

    def __getattr__(cls, name: str) -> Any:
        if name.startswith("_"):
            raise AttributeError(name)
        return _ByName(name, (), {})


class _Names(dict[str, Any]):
    """What the names in a quoted annotation stand for."""

    def __missing__(self, name: str) -> Any:
        import builtins

        return getattr(builtins, name, None) or _ByName(name, (), {})


def _evaluated(annotation: Any, function: Any) -> Any:
    if not isinstance(annotation, str):
        return annotation
    while hasattr(function, "__wrapped__"):
        function = function.__wrapped__
    return eval(annotation, {}, _Names(function.__globals__))
