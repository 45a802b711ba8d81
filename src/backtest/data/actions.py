"""What happens to a share itself: dividends, splits, halts and ends, in `actions/ACME.csv`."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from math import prod
from pathlib import Path
from typing import TYPE_CHECKING, Literal, get_args

from backtest.data.calendar import EXCHANGE, trading_calendar
from backtest.data.datafile import (
    DataFile,
    Reader,
    day_of,
    parsed_rows,
    raise_problems,
    read_data_file,
)
from backtest.data.kinds import Event, StakeDisclosure, is_symbol, new_york_day
from backtest.errors import DataError, first_few
from backtest.workspace.files import sha256_of

if TYPE_CHECKING:
    from backtest.data.prices import Prices

ActionName = Literal["split", "dividend", "delisted", "cash_merger", "halted", "renamed", "cusip"]
ACTIONS: tuple[ActionName, ...] = get_args(ActionName)
COLUMNS = ("day", "action", "amount", "until", "name", "source")
ENDS = ("delisted", "cash_merger")
END_SESSIONS = 5
"""How many sessions after its last price a stock is taken for delisted where nobody recorded it."""
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

    def __str__(self) -> str:
        amount = "" if self.amount is None else f" {self.amount:g}"
        until = f" until {self.until}" if self.until else ""
        return f"{self.action} {self.day}{amount}{until}{self.name and f' {self.name}'}"

    @property
    def order(self) -> tuple[date, int]:
        """Sort key: a day's split comes before its dividend."""
        return self.day, ACTIONS.index(self.action)


@dataclass(frozen=True)
class Basis:
    """What prices are adjusted for, and up to which day."""

    word: Literal["as traded", "splits", "splits and dividends", "unknown"]
    as_of: date | None = None
    is_unpaid: bool = False  # no dividend was paid in the span, as the metadata say

    def __str__(self) -> str:
        """As a run says it."""
        if self.word == "unknown":
            return "of an adjust mode that is not on record"
        return self.word if self.as_of is None else f"adjusted for {self.word} as of {self.as_of}"


def basis_of(metadata: Mapping[str, object]) -> Basis:
    """The basis of a price file, by the adjust mode of its metadata.

    A mode without a day, such as `splits`, is as of the last row.
    """
    mode = str(metadata.get("adjust") or "")
    if mode.startswith(("none", "as traded")):
        return Basis("as traded", is_unpaid="or dividend in the span" in mode)
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
        return halts_of(self.rows)

    @property
    def renames(self) -> tuple[Action, ...]:
        """The changes of the ticker."""
        return tuple(row for row in self.rows if row.action == "renamed")

    def taken_out(self, metadata: Mapping[str, object], day: date) -> float:
        """How many times smaller prices of a day are by the splits after it that are in them."""
        basis = basis_of(metadata)
        return prod(r.amount or 1.0 for r in self.rows if is_within(r, basis) and day < r.day)

    def own(self, event: Event) -> Event:
        """An event under a former ticker, from before its change, as one of the stock."""
        until = max((row.day for row in self.renames if row.name == event.symbol), default=None)
        is_own = until is not None and new_york_day(event.published_at) < until
        return event.model_copy(update={"symbol": self.symbol}) if is_own else event

    def up_to(self, day: date) -> Actions:
        """What had happened by the end of a day; a halt that went on then has lasted until it."""
        rows = (row for row in self.rows if row.day <= day)
        known = (replace(r, until=min(r.until, day)) if r.until else r for r in rows)
        return replace(self, rows=tuple(known))

    def applied(self, prices: Prices) -> tuple[Action, ...]:
        """What changes a position in prices of this symbol, in the shares of their basis.

        A split that is in the prices is left out, and what was paid for a share before it is
        divided by its ratio; where the prices are adjusted for dividends, those are left out. An
        end counts however long after the last price of the file it comes, with what is before it,
        and a halt whenever it is. DataError where the basis is unknown and there are splits or
        dividends.
        """
        metadata = prices.file.metadata
        basis, is_whole = basis_of(metadata), str(prices.last) == metadata.get("last")
        ends = is_whole and any(row.action in ENDS for row in self.rows)
        rows = [
            row
            for row in self.rows
            if row.action not in _LABELS
            and prices.first <= (row.until or row.day)
            and (row.day <= prices.last or ends or row.action == "halted")
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


def halts_of(rows: Iterable[Action]) -> frozenset[date]:
    """The sessions of the halts among rows."""
    calendar = trading_calendar()
    return frozenset(
        day.item()
        for row in rows
        if row.action == "halted"
        for day in calendar.between(row.day, row.until or row.day)
    )


def is_within(row: Action, basis: Basis) -> bool:
    """Whether a row is a split that prices of a basis are adjusted for."""
    return row.action == "split" and basis.as_of is not None and row.day <= basis.as_of


def _shares(row: Action, splits: Iterable[Action]) -> float:
    """How many shares of the basis came of one as it was held on the day of a row."""
    return prod(one.amount or 1.0 for one in splits if row.action != "split" and row.day < one.day)


def in_new_shares(events: Sequence[Event], of: Mapping[str, Actions]) -> tuple[Event, ...]:
    """Disclosures of stakes whose count before is as disclosed, in the shares after it was split.

    The count is that of the holder's last disclosure before; splits between the days that both
    describe turn it into new shares, so that four times as many after 4:1 are no change. A count
    that this disclosure does not have is in new shares already, whatever others had.
    """
    stakes = [one for one in events if isinstance(one, StakeDisclosure)]

    def renewed(event: Event) -> Event:
        if not isinstance(event, StakeDisclosure) or event.as_of is None or event.symbol not in of:
            return event
        splits = [row for row in of[event.symbol].rows if row.action == "split"]
        if not splits or event.previous_shares is None:
            return event
        earlier = [
            one
            for one in stakes
            if (one.symbol, one.holder) == (event.symbol, event.holder)
            and one.published_at < event.published_at
            and one.shares is not None
        ]
        last = max((one.published_at for one in earlier), default=None)
        days = [
            one.as_of
            for one in earlier
            if one.published_at == last and one.shares == event.previous_shares and one.as_of
        ]
        since = max(days, default=event.as_of)
        ratio = prod(row.amount or 1.0 for row in splits if since < row.day <= event.as_of)
        return event.model_copy(update={"previous_shares": round(event.previous_shares * ratio)})

    return tuple(map(renewed, events))


# What a run says of its prices

_COUNTED = {
    "split": "split", "dividend": "dividend", "delisted": "delisting", "cash_merger": "cash merger",
}  # fmt: skip


def basis_sentences(traded: Mapping[str, Prices], benchmark: Prices | None) -> list[str]:
    """What prices are adjusted for, what is applied to them, and how the benchmark differs.

    The benchmark is None where it is the mean of what is traded.
    """
    bases = {symbol: basis_of(prices.file.metadata) for symbol, prices in traded.items()}
    by_basis: dict[str, list[str]] = {}
    for symbol, basis in bases.items():
        by_basis.setdefault(str(basis), []).append(symbol)
    texts = [f"{first_few(symbols)} {basis}" for basis, symbols in by_basis.items()]
    if benchmark is None:
        texts.append("their mean (the benchmark) of total returns")
    elif benchmark.symbol not in traded:
        texts.append(f"{benchmark.symbol} (the benchmark) {basis_of(benchmark.file.metadata)}")
    applied = {symbol: prices.applied for symbol, prices in traded.items()}
    found = [
        f"{n:,} {word}{'s' * (n > 1)}"
        for action, word in _COUNTED.items()
        if (n := sum(row.action == action for rows in applied.values() for row in rows))
    ]
    sentences = [f"Prices: {'; '.join(texts)}. Applied: {', '.join(found) or 'nothing'}."]
    unpaid = [
        symbol
        for symbol, basis in bases.items()
        if basis.word != DIVIDENDS and not basis.is_unpaid
        if not any(row.action == "dividend" for row in applied[symbol])
    ]
    if unpaid and benchmark and basis_of(benchmark.file.metadata).word == DIVIDENDS:
        sentences.append(
            f"The returns of {benchmark.symbol} have its dividends; of {first_few(unpaid)} no "
            f"dividend is on file, so what was paid on them is missing."
        )
    return [*sentences, *_silences(traded)]


def _silences(traded: Mapping[str, Prices]) -> Iterator[str]:
    """Sessions without trade, and prices that end without a reason on file."""
    if silent := {symbol: len(one.halted) for symbol, one in traded.items() if one.halted}:
        count = sum(silent.values())
        yield (
            f"{first_few(sorted(silent))} did not trade in {count:,} session{'s' * (count > 1)}: "
            f"orders waited for the next open."
        )
    last = max(one.last for one in traded.values())
    ended = [
        symbol
        for symbol, one in traded.items()
        if trading_calendar().steps(one.last_known, last) >= END_SESSIONS
        and not any(row.action in ENDS for row in one.applied)
    ]
    if ended:
        yield (
            f"Why the prices of {first_few(sorted(ended))} end is not on file: what was held of "
            f"them counts as sold at the last close, {END_SESSIONS} sessions after it."
        )


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
    for line, row in parsed_rows(file, COLUMNS, problems, parse_action):
        if row.order in rows:
            problems.append(f"line {line}: {a_second(row, rows[row.order])}")
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


def a_second(row: Action, first: Action) -> str:
    """What to do where a row is of the kind and the day of another."""
    are_two = row.action == "dividend" and row.amount != first.amount
    advice = "add the two up" if are_two else "take one of them out"
    return f"a second {row.action} of {row.day}; {advice}"


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
