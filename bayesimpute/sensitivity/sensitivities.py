"""What a sensitivity analysis gives: tables of answers, tipping points and what is assumed; as text, LaTeX and JSON."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr

from bayesimpute.base.arguments import typed
from bayesimpute.base.errors import InputError, one
from bayesimpute.base.paper_tables import Block, html, latex
from bayesimpute.base.phrases import listed
from bayesimpute.base.tables import records, short, shown

FIGURES = ("estimate", "std_error", "df", "p_value", "conf_low", "conf_high", "fmi", "mc_error")
DIFFERENCE = ("difference", "difference_mc_error")


@typed
@dataclass(frozen=True, kw_only=True, eq=False)
class Sensitivities:
    """Answers under other assumptions.

    Parameters
    ----------
    table : DataFrame
        One row a point and term (or group): ``name``, a column for each axis, ``term`` or the groups, ``how``
        ("applied" to the draws of the run, "rerun", or "needs a refit"), ``estimate, std_error, df, p_value, conf_low,
        conf_high, fmi, mc_error`` (Monte Carlo error of the estimate), and ``difference, difference_mc_error`` from the
        answer where all axes say missing at random.
    tips : DataFrame
        One row a direction: ``name, term, axis, direction, criterion, tip, mc_error, missing_minus_observed``
        (of the imputed and observed values at the tip, in their units), ``probability`` (that the conclusion at
        missing at random holds, under the priors that the plan has for what is varied), ``message``.
    assumed : DataFrame
        What each point amounts to: :func:`bayesimpute.sensitivity.assumed_shifts.rows`.
    axes : mapping of str to tuple of str
        By name what was varied.
    origins : mapping of str to mapping of str to float
        By name where the axes say missing at random, where they do.
    conf_level : float
        Level of the intervals.
    messages : tuple of str
        What the reader should know.
    beliefs : mapping of str to ndarray, shape (draw, axis)
        By name draws from the priors of what is varied, where all of it has some.
    run : mapping
        Of which run: its ``seed, m, rows, targets``.
    """

    table: pd.DataFrame
    tips: pd.DataFrame
    assumed: pd.DataFrame
    axes: Mapping[str, tuple[str, ...]]
    origins: Mapping[str, Mapping[str, float]]
    conf_level: float
    messages: tuple[str, ...] = ()
    beliefs: Mapping[str, np.ndarray] = field(default_factory=dict)
    run: Mapping[str, Any] = field(default_factory=dict)

    def about(self, name: str) -> "Sensitivities":
        """One of several."""
        tables: Any = (self.table, self.tips, self.assumed)
        table, tips, assumed = (
            t[[n == name for n in t["name"]]].reset_index(drop=True) if len(t) else t for t in tables
        )
        parts: Any = ("axes", "origins", "beliefs")
        mine = {part: {k: v for k, v in getattr(self, part).items() if k == name} for part in parts}
        said = tuple(m for m in self.messages if m.startswith(f"{name}: "))
        return replace(self, table=table, tips=tips, assumed=assumed, messages=said, **mine)

    @classmethod
    def together(cls, found: Mapping[str, "Sensitivities"]) -> "Sensitivities":
        """Several of them side by side, each under a name of its own: shifts, correlations and copulas in one table,
        and in one picture over the axis that they share (``bi.plot_sensitivity(..., x="missing_minus_observed")``).

        Parameters
        ----------
        found : mapping of str to Sensitivities
            Each of one analysis, at one level of its intervals.

        Raises
        ------
        InputError
            If there are none, one has several analyses, or their levels differ.
        """
        levels = {each.conf_level for each in found.values()}
        several = [name for name, each in found.items() if len(each.axes) != 1]
        if len(levels) != 1 or several:
            what = f"{listed(several)} has several analyses" if several else "their intervals have different levels"
            finding = what if found else "there are none"
            raise one(InputError, "found", finding, 'give {"delta": one.about("name"), "rho": other}')
        named = [each._called(name) for name, each in found.items()]

        def table(part: str) -> pd.DataFrame:
            """Those of all, below each other."""
            each = [getattr(one, part) for one in named]
            found: Any = pd.concat([t for t in each if len(t)] or each[:1])
            return found.reset_index(drop=True)

        parts: Any = ("axes", "origins", "beliefs")
        mine = {part: {k: v for each in named for k, v in getattr(each, part).items()} for part in parts}
        said = tuple(dict.fromkeys(message for each in named for message in each.messages))
        return cls(
            table=table("table"),
            tips=table("tips"),
            assumed=table("assumed"),
            conf_level=levels.pop(),
            messages=said,
            run=named[0].run,
            **mine,
        )

    def _called(self, name: str) -> "Sensitivities":
        """The one analysis under another name."""
        (own,) = self.axes
        tables = {part: getattr(self, part) for part in ("table", "tips", "assumed")}
        named: Any = {part: t.assign(name=name) if len(t) else t for part, t in tables.items()}
        parts: Any = ("axes", "origins", "beliefs")
        mine: Any = {part: dict(zip([name], getattr(self, part).values())) for part in parts}
        said = tuple(f"{name}: {m.removeprefix(f'{own}: ')}" for m in self.messages)
        return replace(self, **named, **mine, messages=said)

    @property
    def dataset(self) -> xr.Dataset:
        """The figures along their axes and lines; of one sensitivity analysis."""
        if len(self.axes) != 1:
            finding = f"there are {len(self.axes)} analyses, with axes of their own"
            raise one(InputError, "dataset", finding, "ask for one: sensitivity(of=...)")
        ((name, axes),) = self.axes.items()
        keys = [*axes, *(c for c in self.table if c not in {"name", "how", *axes, *FIGURES, *DIFFERENCE})]
        found = self.table.drop(columns=["name", "how"]).set_index(keys).to_xarray()
        return found.assign_attrs(name=name)

    def to_latex(self, *, caption: str | None = None, label: str | None = None, digits: int = 3) -> str:
        """LaTeX tables for booktabs; the options are those of ``Pooled.to_latex``."""
        return latex(self._blocks(), self.messages, caption=caption, label=label, digits=digits)

    def to_html(self, *, digits: int = 3) -> str:
        """The same as HTML, with numbers of so many significant digits."""
        return html(self._blocks(), self.messages, digits=digits)

    def to_json_dict(self) -> dict[str, Any]:
        """Plain values for ``json.dumps``; what does not exist is None."""
        return {
            "conf_level": self.conf_level,
            "axes": {name: list(axes) for name, axes in self.axes.items()},
            "origins": {name: dict(origin) for name, origin in self.origins.items()},
            "table": records(self.table),
            "tips": records(self.tips),
            "assumed": records(self.assumed),
            "messages": list(self.messages),
            "run": dict(self.run),
        }

    @classmethod
    def from_json_dict(cls, found: Mapping[str, Any]) -> "Sensitivities":
        """What :meth:`to_json_dict` gave.

        Raises
        ------
        InputError
            If it is something else.
        """
        try:
            frames = {name: pd.DataFrame(list(found[name])) for name in ("table", "tips", "assumed")}
            frames = {name: frame.fillna(np.nan).infer_objects() for name, frame in frames.items()}
            return cls(
                table=frames["table"],
                tips=frames["tips"],
                assumed=frames["assumed"],
                axes={name: tuple(axes) for name, axes in found["axes"].items()},
                origins={name: dict(origin) for name, origin in found["origins"].items()},
                conf_level=float(found["conf_level"]),
                messages=tuple(found["messages"]),
                run=dict(found["run"]),
            )
        except (TypeError, KeyError, ValueError, AttributeError) as error:
            finding = "these are no sensitivity analyses that bayesimpute wrote"
            raise one(InputError, "sensitivities", finding, "give what bayesimpute sensitivity --out made") from error

    @property
    def tables(self) -> dict[str, pd.DataFrame]:
        """Those with rows, by their titles, without columns in which nothing stands."""
        title = f"Sensitivity ({100 * self.conf_level:g} % intervals)"
        titled = {title: self.table, "Tipping points": self.tips, "What is assumed": self.assumed}
        return {title: table.loc[:, table.notna().any()] for title, table in titled.items() if len(table)}

    def __str__(self) -> str:
        parts = []
        for title, table in self.tables.items():
            parts += [title, shown(table).to_string(index=False, float_format=short, na_rep="")]
        return "\n".join([*parts, *self.messages])

    def _blocks(self) -> list[Block]:
        tables = (self.table, self.tips.drop(columns="message", errors="ignore"), self.assumed)
        return [Block(table=t.loc[:, t.notna().any()], level=self.conf_level) for t in tables if len(t)]
