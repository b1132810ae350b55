"""Problems that are there only because of another one, which is told: they are left out."""

import re
from collections.abc import Iterator, Sequence

from bayesimpute.base.errors import Problem, Severity
from bayesimpute.checking.conditions_held import APPLIES
from bayesimpute.checking.readings import Read
from bayesimpute.data.column_remarks import limits_among
from bayesimpute.data.incomplete import Incomplete
from bayesimpute.plan.conditional import right_side


def without(problems: Sequence[Problem], read: Read, data: Incomplete) -> list[Problem]:
    """The problems that are none of another's consequences.

    * A score or derived variable that cannot be read is no column: whoever reads it need not hear of that.
    * Of a column that is described wrongly, or whose numbers are texts because limits stand among them, the labels
      mean nothing.
    * A variable that does not apply has no value there, and a formula that reads it unguarded is no matrix.
    * What stands on the left and is no column is none of the data either.
    * Whether a variable has missing values is not known where it is wrong where it applies.
    * A parameter that has the right side of another's formula has its problems.
    """
    unread = {str(each.name) for each in (*read.plan.scores, *read.plan.derived) if hasattr(each, "name")}
    gone = {f'there is no column "{name}"' for name in unread - read.derived.keys()}
    errors = [problem for problem in problems if problem.severity is Severity.ERROR]
    said = {path[1] for p in errors if (path := re.fullmatch(r"columns\[(.*)\]", p.path))}
    mixed = {name for name, column in data.columns.items() if limits_among(column)}
    void = {(p.path, name[1]) for p in errors if (name := re.match(r'"(.+)" does not apply in ', p.finding))}
    nowhere = {p.path.removesuffix(APPLIES) for p in errors if p.path.endswith(APPLIES)}
    left = {found[1] for p in errors if (found := re.match(r'the left side "(.+)" is not a column', p.finding))}

    told, copies = {(p.path, p.finding) for p in problems}, dict(_copies(read))

    def follows(problem: Problem) -> bool:
        finding = problem.finding
        of_label = re.match(r'the (?:category|label ".*" of) "(.+?)"', finding)
        of_category = re.match(r'"(.+)" is a category with ', finding)
        empty = re.match(r'column "(.+)" has \d+ missing values?$', finding)
        return (
            finding in gone
            or (of_label is not None and of_label[1] in said | mixed)
            or (of_category is not None and of_category[1] in said)
            or (empty is not None and (problem.path, empty[1]) in void)
            or (problem.path in nowhere and finding.endswith("has no missing values"))
            or any(finding == f'there is no column "{name}"' for name in left)
            or (copies.get(problem.path), finding) in told
        )

    return [problem for problem in problems if not follows(problem)]


def _copies(read: Read) -> Iterator[tuple[str, str]]:
    """The paths of formulas that say what another one's right side says, and of that."""
    for reading in read.conditionals:
        formulas, path = reading.conditional.formulas, f"{reading.path}.formulas"
        for p in reading.family.parameters if reading.family is not None else ():
            if p.like is not None and right_side(formulas.get(p.like)) == formulas.get(p.name) is not None:
                yield f"{path}.{p.name}", f"{path}.{p.like}"
