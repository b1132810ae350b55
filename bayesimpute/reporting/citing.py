"""What a run rests on, software and methods: citations for the text, and BibTeX."""

import json
from importlib.metadata import version
from typing import TYPE_CHECKING

from bayesimpute.base.arguments import typed
from bayesimpute.families import Binary, Family
from bayesimpute.reporting.publications import REFERENCES
from bayesimpute.samplers import SAMPLERS

if TYPE_CHECKING:
    from bayesimpute.result.result import Result

SELECTION = ("heckman1979", "vandeven1981", "munoz2024")
"""What selection models rest on, not every run."""


CHOSEN = "sampler "
"""How the events of a run begin that name one."""


@typed
def cite(imputed: "Result | None" = None) -> str:
    """What to cite, as BibTeX: the software, and the methods of a run.

    Parameters
    ----------
    imputed : MultiplyImputed, optional
        The run, whose versions and models are cited; without it, what runs without selection models use.

    Returns
    -------
    str
        Entries for a ``.bib`` file, in ASCII.
    """
    made = None if imputed is None else versions(imputed)["bayesimpute"]
    own = {"bayesimpute": {"note": f"Version {made or version('bayesimpute')}"}}
    return "\n\n".join(REFERENCES[key].bibtex(key, **own.get(key, {})) for key in used(imputed)) + "\n"


def used(imputed: "Result | None" = None) -> tuple[str, ...]:
    """The keys of what a run uses."""
    left_out = {*SELECTION, "bartlett2015", "tompsett2018"}
    if imputed is not None:
        left_out -= {"tompsett2018"} if imputed.plan.adjustments else set()
        left_out -= {"bartlett2015"} if imputed.plan.substantive else set()
        families = selecting(imputed)
        left_out -= set(SELECTION) if families else set()
        left_out |= set() if any(family.values is Binary for family in families) else {"vandeven1981"}
        left_out |= {s.source for name, s in SAMPLERS.items() if s.source and name not in samplers(imputed)}
    return tuple(key for key in REFERENCES if key not in left_out)


def selecting(imputed: "Result") -> list[Family]:
    """The families of a run that model which values are missing."""
    targets = imputed.record.resolved.targets
    return [target.family for target in targets if target.family.selection is not None]


def samplers(imputed: "Result") -> tuple[str, ...]:
    """The samplers that drew the parameters of a run."""
    said = [what.removeprefix(CHOSEN) for what in imputed.events["what"] if what.startswith(CHOSEN)]
    return tuple(dict.fromkeys(said))


def versions(imputed: "Result") -> dict[str, str]:
    """The versions of the libraries, and of Python, that made a run."""
    return json.loads(imputed.tree.attrs["versions"])


def see(*keys: str) -> str:
    """Citations for the text: ``(Rubin 1987; Barnard & Rubin 1999)``."""
    return f"({'; '.join(REFERENCES[key].short for key in keys)})"
