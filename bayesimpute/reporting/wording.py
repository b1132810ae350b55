"""Numbers and names in sentences."""

from collections.abc import Iterable


def share(part: int, whole: int, what: str) -> str:
    """``217 of 600 units (36.2 %)``."""
    return f"{part} of {whole} {what} ({100 * part / whole:.1f} %)"


def code(text: str) -> str:
    """A name or formula as Markdown prints it letter by letter."""
    return f"`` {text} ``" if "`" in text else f"`{text}`"


def codes(names: Iterable[str]) -> str:
    """Names in a list: ``a``, ``b`` and ``c``."""
    quoted = [code(name) for name in dict.fromkeys(names)]
    return " and ".join([", ".join(quoted[:-1]), quoted[-1]]) if len(quoted) > 1 else "".join(quoted)


def bullets(lines: Iterable[str]) -> str:
    """A list."""
    return "\n".join(f"- {line}" for line in lines)
