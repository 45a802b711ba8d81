"""Read and apply what happens to a share itself: its dividends, splits, halts and end.

The actions of a symbol are in `actions/SYMBOL.csv`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from math import inf, prod
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
"""Sessions without a price after which a stock without an end on file counts as delisted."""
_LABELS = ("renamed", "cusip")  # only another name for the same share: nothing to apply
_CUSIP = re.compile(r"[0-9A-Z*@#]{9}")
_DAY = re.compile(r"as of (\d{4}-\d{2}-\d{2})")

DIVIDENDS = "splits and dividends"  # how the adjust mode of prices adjusted for both begins


@dataclass(frozen=True)
class Action:
    """An action is something that happens to a share before the open of a day.

    A `dividend` pays `amount` dollars for each share held after a split of the same day; a `split`
    turns one share into `amount` shares. From the day of an end (`delisted`, `cash_merger`) the
    share trades no more and `amount` dollars are paid for it, None where unknown. While `halted`,
    a share does not trade from `day` to `until`, both included. `renamed` and `cusip` give the
    former ticker and the new CUSIP in `name`.
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
        """Return the sort key, by which a day's split comes before its dividend."""
        return self.day, ACTIONS.index(self.action)


@dataclass(frozen=True)
class Basis:
    """A basis says what prices are adjusted for, and up to which day."""

    word: Literal["as traded", "splits", "splits and dividends", "unknown"]
    as_of: date | None = None
    is_unpaid: bool = False  # whether the metadata say that no dividend was paid in the span

    def __str__(self) -> str:
        """Return the wording that a run prints."""
        if self.word == "unknown":
            return "of an adjust mode that is not on record"
        return self.word if self.as_of is None else f"adjusted for {self.word} as of {self.as_of}"


def basis_of(metadata: Mapping[str, object]) -> Basis:
    """Return the basis of a price file, from the adjust mode in its metadata.

    A mode without a day, such as `splits`, is as of the last row.
    """
    mode = str(metadata.get("adjust") or "")
    if mode.startswith(("none", "as traded")):
        return Basis("as traded", is_unpaid="or dividend in the span" in mode)
    if not mode.startswith("splits"):
        return Basis("unknown")
    day = _DAY.search(mode)
    as_of = date.fromisoformat(day[1] if day else str(metadata["last"]))
    return Basis("splits and dividends" if mode.startswith(DIVIDENDS) else "splits", as_of)


@dataclass(frozen=True)
class Actions:
    """`Actions` holds the actions of one symbol, oldest first; none where there is no file."""

    symbol: str
    rows: tuple[Action, ...] = ()
    file: DataFile | None = None

    @property
    def halts(self) -> frozenset[date]:
        """Return the sessions on which trading is halted."""
        return halts_of(self.rows)

    @property
    def renames(self) -> tuple[Action, ...]:
        """Return the changes of the ticker."""
        return tuple(row for row in self.rows if row.action == "renamed")

    def taken_out(self, metadata: Mapping[str, object], day: date) -> float:
        """Return the factor by which splits after a day have divided the prices of that day."""
        basis = basis_of(metadata)
        return prod(r.amount or 1.0 for r in self.rows if is_within(r, basis) and day < r.day)

    def own(self, event: Event) -> Event:
        """Return the event under this symbol if it is of a former ticker, from before the change.

        Any other event is returned as it is.
        """
        until = max((row.day for row in self.renames if row.name == event.symbol), default=None)
        is_own = until is not None and new_york_day(event.published_at) < until
        return event.model_copy(update={"symbol": self.symbol}) if is_own else event

    def up_to(self, day: date) -> Actions:
        """Keep what had happened by the end of a day; a halt that was going on then ends there.

        Changes of the ticker are kept whenever they are: prices, finer bars and events of the time
        are under the former one.
        """
        rows = (row for row in self.rows if row.day <= day or row.action == "renamed")
        known = (replace(r, until=min(r.until, day)) if r.until else r for r in rows)
        return replace(self, rows=tuple(known))

    def applied(self, prices: Prices) -> tuple[Action, ...]:
        """Return the actions that change a position in these prices, in the shares of their basis.

        Splits that are in the prices are left out, and amounts a share from before such a split
        are divided by its ratio; dividends are left out where the prices are adjusted for them.
        An end counts however long after the last price of the file it comes, with what happens
        before it, and a halt whenever it is. DataError where the basis is unknown and there are
        splits or dividends.
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
        priced = next((row for row in rows if row.action in ("dividend", "split")), None)
        if basis.word == "unknown" and priced:
            raise DataError(
                f"{self.symbol}: whether its prices are adjusted for the {priced.action} of "
                f"{priced.day} is not on record of {prices.file.path}. Say it with `backtest "
                f"prices seal {self.symbol} --adjust 'none'`, 'splits' or 'splits and dividends'."
            )
        return tuple(
            replace(row, amount=row.amount and row.amount / self.taken_out(metadata, row.day))
            for row in rows
            if not is_within(row, basis) and (row.action, basis.word) != ("dividend", DIVIDENDS)
        )


def halts_of(rows: Iterable[Action]) -> frozenset[date]:
    """Return the sessions on which trading is halted by some of the actions."""
    calendar = trading_calendar()
    return frozenset(
        day.item()
        for row in rows
        if row.action == "halted"
        for day in calendar.between(row.day, row.until or row.day)
    )


def is_within(row: Action, basis: Basis) -> bool:
    """Tell whether an action is a split that prices of a basis are already adjusted for."""
    return row.action == "split" and basis.as_of is not None and row.day <= basis.as_of


def in_new_shares(events: Sequence[Event], of: Mapping[str, Actions]) -> tuple[Event, ...]:
    """Restate the `previous_shares` of stake disclosures in the shares after splits since.

    The count is that of the holder's last disclosure before. Splits between the days that the two
    describe turn it into new shares, so that four times as many shares after 4:1 are no change. A
    `previous_shares` that differs from the last disclosed count is in new shares already.
    """
    stakes = [one for one in events if isinstance(one, StakeDisclosure)]

    def restated(event: Event) -> Event:
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

    return tuple(map(restated, events))


# What a run says of its prices

_COUNTED = {
    "split": "split", "dividend": "dividend", "delisted": "delisting", "cash_merger": "cash merger",
}  # fmt: skip


def basis_sentences(traded: Mapping[str, Prices], benchmark: Prices | None) -> list[str]:
    """Say what prices are adjusted for, what is applied to them, and how the benchmark differs.

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
    counts = [
        f"{n:,} {word}{'s' * (n > 1)}"
        for action, word in _COUNTED.items()
        if (n := sum(row.action == action for rows in applied.values() for row in rows))
    ]
    sentences = [f"Prices: {'; '.join(texts)}. Applied: {', '.join(counts) or 'nothing'}."]
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
    """Tell of sessions without trade, and of prices that end without a reason on file."""
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
    """Read `folder/SYMBOL.csv`; a symbol without a file has no actions.

    DataError where the file breaks its format or does not agree with its metadata.
    """
    path = folder / f"{symbol}.csv"
    if not path.exists():
        return Actions(symbol)
    return parse_actions(read(path, f"backtest actions seal {symbol}"))


def parse_actions(file: DataFile) -> Actions:
    """Parse and check a file of actions; DataError where it breaks its format."""
    problems: list[str] = []
    rows: dict[tuple[date, int], Action] = {}
    for line, row in parsed_rows(file, COLUMNS, problems, parse_action):
        if row.order in rows:
            problems.append(f"line {line}: {repeat_problem(row, rows[row.order])}")
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


def repeat_problem(row: Action, first: Action) -> str:
    """Describe a row that repeats the action and day of another, and say what to do about it."""
    is_another = row.action == "dividend" and row.amount != first.amount
    advice = "add the two up" if is_another else "take one of them out"
    return f"a second {row.action} of {row.day}; {advice}"


def parse_action(cells: Mapping[str, str]) -> Action:
    """Parse one action from its cells; ValueError, with the column, where a rule is broken."""
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
    is_in_range = 0 <= amount < inf if action in ENDS else 0 < amount < inf
    if allowed is None or not is_in_range or (action, amount) == ("split", 1):
        raise ValueError(f"column amount: {cell!r} is not {allowed or f'empty beside {action}'}")
    return amount


def sha256_of_actions(rows: Iterable[Action]) -> str:
    """Return the hash of what actions do, whatever their sources."""
    return sha256_of([[str(r.day), r.action, r.amount, str(r.until or ""), r.name] for r in rows])
