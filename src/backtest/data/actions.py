"""What happens to a share itself: dividends, splits, halts and ends, in `actions/ACME.csv`."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from datetime import date
from math import prod
from typing import TYPE_CHECKING, Literal, get_args

from backtest.data.calendar import EXCHANGE, trading_calendar
from backtest.data.datafile import day_of, raise_problems, read_data_file, read_rows
from backtest.data.kinds import is_symbol
from backtest.errors import DataError
from backtest.workspace.files import sha256_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

    from backtest.data.datafile import DataFile, Reader
    from backtest.data.prices import Prices

ActionName = Literal["split", "dividend", "delisted", "cash_merger", "halted", "renamed", "cusip"]
ACTIONS: tuple[ActionName, ...] = get_args(ActionName)
COLUMNS = ("day", "action", "amount", "until", "name", "source")
ENDS = ("delisted", "cash_merger")
_LABELS = ("renamed", "cusip")  # another name for the same share: nothing to apply
_CUSIP = re.compile(r"[0-9A-Z*@#]{9}")
_DAY = re.compile(r"as of (\d{4}-\d{2}-\d{2})")

DIVIDENDS = "splits and dividends"  # how metadata begin whose prices are adjusted for both


@dataclass(frozen=True)
class Action:
    """Something that happens to a share before the open of a day.

    A `dividend` is of `amount` dollars for each share that is held after a split of the same day,
    a `split` makes `amount` shares of one. From the day of an end, `delisted` or `cash_merger`, on
    the share does not trade any more, and `amount` dollars are paid for it, None where unknown. A
    share that is `halted` does not trade from the day to `until`, both included. It is `renamed`
    from the ticker `name`, or gets the `cusip` of that `name`.
    """

    day: date
    action: ActionName
    amount: float | None = None
    until: date | None = None
    name: str = ""
    source: str = ""

    @property
    def order(self) -> tuple[date, int]:
        """Sort key: a day's split comes before its dividend."""
        return self.day, ACTIONS.index(self.action)


@dataclass(frozen=True)
class Basis:
    """What prices are adjusted for, and up to which day."""

    word: Literal["as traded", "splits", "splits and dividends", "unknown"]
    as_of: date | None = None

    def __str__(self) -> str:
        """As a run says it."""
        return {
            "as traded": "as traded",
            "splits": f"adjusted for splits as of {self.as_of}",
            "splits and dividends": f"adjusted for splits and dividends as of {self.as_of}",
            "unknown": "on a basis that is not on record",
        }[self.word]


def basis_of(metadata: Mapping[str, object]) -> Basis:
    """The basis of a price file, by the adjust mode of its metadata.

    A mode without a day, such as `splits`, is as of the last row.
    """
    mode = str(metadata.get("adjust") or "")
    if mode.startswith(("none", "as traded")):
        return Basis("as traded")
    found = _DAY.search(mode)
    if not mode.startswith("splits"):
        return Basis("unknown")
    as_of = date.fromisoformat(found[1] if found else str(metadata["last"]))
    return Basis("splits and dividends" if mode.startswith(DIVIDENDS) else "splits", as_of)


@dataclass(frozen=True)
class Actions:
    """The actions of one symbol, oldest first; none where nothing is on file."""

    symbol: str
    rows: tuple[Action, ...] = ()
    file: DataFile | None = None

    @property
    def halts(self) -> frozenset[date]:
        """The sessions in which nothing trades."""
        calendar = trading_calendar()
        return frozenset(
            day.item()
            for row in self.rows
            if row.action == "halted"
            for day in calendar.between(row.day, row.until or row.day)
        )

    @property
    def renames(self) -> tuple[Action, ...]:
        """The changes of the ticker."""
        return tuple(row for row in self.rows if row.action == "renamed")

    def up_to(self, day: date) -> Actions:
        """What had happened by the end of a day; a halt that went on then has lasted until it."""
        rows = (row for row in self.rows if row.day <= day)
        known = (replace(r, until=day) if r.until and r.until > day else r for r in rows)
        return replace(self, rows=tuple(known))

    def applied(self, prices: Prices) -> tuple[Action, ...]:
        """What changes a position in prices of this symbol, in the shares of their basis.

        A split that is in the prices is left out, and what was paid for a share before it is
        divided by its ratio; where the prices are adjusted for dividends, those are left out. An
        end counts however long after the last price of the file it comes. DataError where the basis
        is unknown and there are splits or dividends.
        """
        metadata = prices.file.metadata
        basis, is_whole = basis_of(metadata), str(prices.last) == metadata.get("last")
        rows = [
            row
            for row in self.rows
            if row.action not in _LABELS
            and prices.first <= (row.until or row.day)
            and (row.day <= prices.last or (is_whole and row.action in ENDS))
        ]
        if basis.word == "unknown":
            self._refuse_unknown(prices, rows)
        within = [row for row in self.rows if is_within(row, basis)]
        return tuple(
            row if row.amount is None else replace(row, amount=row.amount / _shares(row, within))
            for row in rows
            if row not in within and (row.action, basis.word) != ("dividend", DIVIDENDS)
        )

    def _refuse_unknown(self, prices: Prices, rows: Iterable[Action]) -> None:
        if first := next((row for row in rows if row.action in ("dividend", "split")), None):
            raise DataError(
                f"{self.symbol}: whether its prices are adjusted for the {first.action} of "
                f"{first.day} is not on record of {prices.file.path}. Say it with `backtest prices "
                f"seal {self.symbol} --adjust 'none'`, 'splits' or 'splits and dividends'."
            )


def is_within(row: Action, basis: Basis) -> bool:
    """Whether a row is a split that prices of a basis are adjusted for."""
    return row.action == "split" and basis.as_of is not None and row.day <= basis.as_of


def _shares(row: Action, splits: Iterable[Action]) -> float:
    """How many shares of the basis came of one as it was held on the day of a row."""
    return prod(one.amount or 1.0 for one in splits if row.action != "split" and row.day < one.day)


def read_actions(folder: Path, symbol: str, read: Reader = read_data_file) -> Actions:
    """Read `folder/SYMBOL.csv`; of a symbol without a file nothing is known to have happened.

    DataError where the file breaks its format or does not agree with its metadata.
    """
    path = folder / f"{symbol}.csv"
    if not path.exists():
        return Actions(symbol)
    return parse_actions(read(path, f"backtest actions seal {symbol}"))


def parse_actions(file: DataFile) -> Actions:
    """Check the text of a file of actions; see `read_actions`."""
    problems: list[str] = []
    rows: dict[tuple[date, int], Action] = {}
    for line, cells in read_rows(file, COLUMNS, problems):
        try:
            row = parse_action(cells)
        except ValueError as error:
            problems.append(f"line {line}, {error}")
            continue
        if row.order in rows:
            problems.append(f"line {line}: a second {row.action} of {row.day}; add the two up")
        rows[row.order] = row
    ordered = tuple(rows[key] for key in sorted(rows))
    ends = [row for row in ordered if row.action in ENDS]
    problems += [
        f"a {row.action} on {row.day}, after the stock was {ends[0].action} on {ends[0].day}"
        for row in ordered
        if ends and row is not ends[0] and row.day >= ends[0].day
    ]
    raise_problems(file.path, problems)
    return Actions(file.path.stem, ordered, file)


def parse_action(cells: Mapping[str, str]) -> Action:
    """One action from its cells; ValueError, with the column, where a rule is broken."""
    action = next((one for one in ACTIONS if one == cells["action"]), None)
    if action is None:
        raise ValueError(f"column action: {cells['action']!r} is not one of {', '.join(ACTIONS)}")
    day = day_of(cells, "day")
    until = day_of(cells, "until", ", nor empty") if cells["until"] else None
    if action in ("dividend", "split", "halted"):
        _check_session("day", day)
    if until and (action != "halted" or until < day):
        raise ValueError(f"column until: {until} is the last session of a halt, from its day on")
    if until:
        _check_session("until", until)
    if not cells["source"]:
        raise ValueError("column source: is empty; say where it can be looked up")
    name = cells["name"]
    if action == "renamed" and not is_symbol(name):
        raise ValueError(f"column name: {name!r} is not the former ticker, such as CRWV")
    if action == "cusip" and not _CUSIP.fullmatch(name):
        raise ValueError(f"column name: {name!r} is not a CUSIP of nine characters")
    if name and action not in _LABELS:
        raise ValueError(f"column name: {name!r} beside {action}; leave it empty")
    return Action(day, action, _amount(action, cells["amount"]), until, name, cells["source"])


def _check_session(column: str, day: date) -> None:
    if not len(trading_calendar().between(day, day)):
        raise ValueError(f"column {column}: {day} is not a session of {EXCHANGE}")


def _amount(action: ActionName, cell: str) -> float | None:
    if not cell and action not in ("dividend", "split", "cash_merger"):
        return None
    allowed = {
        "dividend": "dollars a share above 0",
        "split": "new shares for one old share: above 0, and not 1",
        "delisted": "dollars a share from 0 up, nor empty where unknown",
        "cash_merger": "dollars a share from 0 up",
    }.get(action)
    try:
        amount = float(cell)
    except ValueError:
        amount = -1.0
    least_ok = amount >= 0 if action in ENDS else amount > 0
    if (
        allowed is None
        or not least_ok
        or amount == float("inf")
        or (action, amount) == ("split", 1)
    ):
        raise ValueError(f"column amount: {cell!r} is not {allowed or f'empty beside {action}'}")
    return amount


def sha256_of_actions(rows: Iterable[Action]) -> str:
    """Hash of what rows do, wherever they were looked up."""
    return sha256_of([[str(r.day), r.action, r.amount, str(r.until or ""), r.name] for r in rows])
