"""lme4 formulas and the expressions of derived variables: what may be written, what it means, and its matrix.

A plan is data, and must not be able to run code, while formulae looks up in Python whatever a formula calls. So a
formula takes this way, and nothing goes around it:

* :mod:`.tokens` and :mod:`.syntax` read it into a tree; the grammar has no attributes, subscripts or statements;
* :mod:`.usage` lets through columns, arithmetic and the calls listed in :mod:`.functions`, and lists the columns used;
* :mod:`.language` expands it, by :mod:`.algebra`, into terms and random effects, and writes it out in
  one normal form (:func:`parse`);
* :mod:`.matrices` has formulae code the terms on data (:func:`build`);
* :mod:`.lift` takes out of a formula what looks beyond the row;
* :mod:`.expressions` evaluates derived variables (:func:`parse_expression`, :func:`evaluate_expression`).

Names with other characters than letters, digits and ``_`` stand in backticks. A new function is one line in
:data:`FUNCTIONS`.
"""

from bayesimpute.formulas.expressions import Expression, evaluate_expression, parse_expression
from bayesimpute.formulas.functions import FUNCTIONS
from bayesimpute.formulas.language import Formula, Group, parse
from bayesimpute.formulas.matrices import Matrix, build, coded_columns, namespace
from bayesimpute.formulas.syntax import quote

__all__ = [
    "FUNCTIONS",
    "Expression",
    "Formula",
    "Group",
    "Matrix",
    "build",
    "coded_columns",
    "evaluate_expression",
    "namespace",
    "parse",
    "parse_expression",
    "quote",
]
