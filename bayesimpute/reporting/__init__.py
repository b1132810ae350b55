"""What to write in the paper: a methods section with the numbers of a run, a checklist for the rest, and BibTeX.

Each section of :func:`report` is a module that turns what a run holds into sentences: :mod:`.missing_data`,
:mod:`.imputation_models`, :mod:`.run_summary`, :mod:`.pooled_analyses`, :mod:`.checklist`. Nothing is computed that the
run, its diagnosis or its pooled analyses do not have. :func:`cite` gives the publications that the text names
(:mod:`.publications`) as BibTeX.

To report something else, write a function that returns its sentences and call it in :mod:`.methods`.
"""

from bayesimpute.reporting.citing import cite
from bayesimpute.reporting.methods import report

__all__ = ["cite", "report"]
