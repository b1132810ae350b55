"""What texts of a command line are read as; each says what it cannot read."""

import argparse


def natural(text: str) -> int:
    """A whole number of at least 0."""
    if not text.isdecimal():
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number of at least 0")
    return int(text)


def positive(text: str) -> int:
    """A whole number of at least 1."""
    if not text.isdecimal() or not int(text):
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number of at least 1")
    return int(text)


def column(text: str) -> tuple[str, str]:
    """The place in a plan of what a column is, and what it is."""
    name, colon, what = text.partition(": ")
    if not colon or not name.strip() or not what.strip() or '"' in name:
        raise argparse.ArgumentTypeError(f'{text!r} is not "NAME: WHAT", such as "gen: G1 < G2"')
    return f'columns."{name.strip()}"', what.strip()


def known(text: str) -> tuple[str, str]:
    """A new entry of what is known of cells."""
    name, colon, what = (part.strip() for part in text.partition(": "))
    ends = [end.strip() for end in what.split(",")]
    if not colon or not name or len(ends) > 2 or not any(ends) or '"' in text or "\\" in text:
        raise argparse.ArgumentTypeError(f'{text!r} is not "NAME: LOW, HIGH" or "NAME: SET", such as "bnp: low, high"')
    says = f'among = "{what}"' if len(ends) == 1 else f"between = [{', '.join(map(_end, ends))}]"
    return "known[+]", f'{{column = "{name}", {says}}}'


def _end(text: str) -> str:
    """A number, or the name of a column, as TOML has it."""
    try:
        return repr(float(text))
    except ValueError:
        return f'"{text}"'


def score(text: str) -> tuple[str, tuple[str, ...], str]:
    """The name of a score, its items and how they are put together."""
    name, colon, what = text.partition(": ")
    how, of, items = what.strip().partition(" of ")
    if not colon or not of or not name.strip() or how not in ("sum", "mean"):
        raise argparse.ArgumentTypeError(f'{text!r} is not "NAME: sum of ITEMS", such as "pain: sum of p1 p2 p3"')
    return name.strip(), tuple(items.replace(",", " ").split()), how


def setting(text: str) -> tuple[str, str]:
    """A place in a plan and its value."""
    path, equals, value = text.partition("=")
    if not equals or not path.strip():
        raise argparse.ArgumentTypeError(f"{text!r} is not PATH=VALUE, such as run.m=50")
    return path.strip(), value.strip()
