"""Whether two engines made the same of the same decisions, to the cent."""

from __future__ import annotations

from dataclasses import astuple, fields
from typing import TYPE_CHECKING, Any

from backtest.engine.replay.books import CENT
from backtest.errors import AccountingError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from backtest.engine.replay.books import Result

_SHARE = 1e-6  # of an excursion, a fraction of the entry price
_FRACTIONS = ("mae", "mfe")
_Row = tuple[str, dict[str, Any]]  # what it is of, and its values by name


def check_agreement(name: str, result: Result, other_name: str, other: Result) -> None:
    """Hold trades, curve and decisions of two engines against each other.

    Raises:
        AccountingError: they differ; it tells the first difference.

    """
    for what, of in (("decisions", _decisions), ("trades", _trades), ("the curve", _curve)):
        if fault := _difference(name, of(result), other_name, of(other)):
            raise AccountingError(
                f"The engines differ in {what}, which is a fault of the program. First "
                f"difference: {fault}."
            )


def _difference(name: str, rows: Sequence[_Row], other_name: str, others: Sequence[_Row]) -> str:
    """The first difference in words; empty where there is none."""
    for (label, row), (other_label, other) in zip(rows, others, strict=False):
        if label != other_label:
            return f"{label} with {name}, {other_label} with {other_name}"
        for column, value in row.items():
            if not _equal(column, value, other[column]):
                values = f"{value} with {name}, {other[column]} with {other_name}"
                return f"{label}, {column.replace('_', ' ')} {values}"
    if len(rows) == len(others):
        return ""
    longer, has_more = (rows, name) if len(rows) > len(others) else (others, other_name)
    return f"{longer[min(len(rows), len(others))][0]} with {has_more} alone"


def _equal(column: str, one: Any, other: Any) -> bool:
    if isinstance(one, float):
        return bool(abs(one - other) < (_SHARE if column in _FRACTIONS else CENT))
    return bool(one == other)


def _decisions(result: Result) -> list[_Row]:
    return [
        (d.event.id, {"session": d.tradable_session, "outcome": d.action, "reason": d.reason})
        for d in result.decisions
    ]


def _trades(result: Result) -> list[_Row]:
    return [
        (f"trade {trade.trade_id} on {trade.event_id}", row)
        for trade, row in zip(result.trades, _values(result.trades), strict=True)
    ]


def _curve(result: Result) -> list[_Row]:
    return [
        (f"the account on {point.session}", row)
        for point, row in zip(result.curve, _values(result.curve), strict=True)
    ]


def _values(rows: Sequence[Any]) -> Iterator[dict[str, Any]]:
    """The fields of dataclasses by name."""
    for row in rows:
        yield dict(zip((field.name for field in fields(row)), astuple(row), strict=True))
