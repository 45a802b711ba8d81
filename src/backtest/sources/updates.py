"""Prepare what new prices change in the file of a symbol: rows that are added, rows that differ.

A price counts as changed if it differs by more than 0.0005 dollars and by more than 0.001 %, a
volume if it differs by more than 0.1 %: smaller differences come from rounding by sources.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from backtest.data.actions import DIVIDENDS, Action, basis_of, halts_of, read_actions
from backtest.data.bars import agreement_sentences, bars_within, read_kept_prices
from backtest.data.calendar import trading_calendar
from backtest.data.datafile import DataFile, metadata_of, raise_problems, span_of
from backtest.data.edits import Change
from backtest.data.kinds import NEW_YORK
from backtest.data.price_rows import (
    PriceRows,
    checked_table,
    decimal_text,
    price_file_bytes,
    sound_rows,
)
from backtest.data.prices import Prices, actions_folder, read_prices
from backtest.data.versions import Version, clear_history, write_version
from backtest.errors import BacktestError, DataError, UsageError, first_few
from backtest.sources.action_files import ActionUpdate, prepare_actions
from backtest.stats.formats import counted

_DOLLARS, _SHARE, _VOLUME_SHARE = 0.0005, 0.00001, 0.001
SKIP_ADVICE = (
    "What is right comes in with --skip-bad: it leaves such rows out, and notes sessions without a "
    "row as holes, in which nothing is traded."
)
_MOST = 0.5  # if a larger part of the common closes differs, prices are on another basis


@dataclass(frozen=True)
class Incoming:
    """`Incoming` holds prices from a source, with what is known of them.

    Columns of the table are `open high low close volume`, or `close`; its index is named `session`,
    or `time`: the open of each bar, UTC without a zone.
    """

    symbol: str
    table: pd.DataFrame
    adjust: str | None  # the mode; None is unknown
    source: str
    retrieval: Mapping[str, Any]  # how they were obtained, kept in the metadata for every change
    splits: Mapping[str, float] = field(default_factory=dict)  # new shares for one, by ISO day
    notes: Sequence[str] = ()  # what was left out
    lines: NDArray[np.int64] | None = None  # the number of each row in its file
    word: str = "line"  # what they number
    actions: Sequence[Action] = ()  # dividends, splits, halts and ends
    complete: bool = False  # whether these are all dividends and splits of the table's span

    def at(self, row: int) -> str:
        """Return the key of a row with its position in the file, such as `2025-06-02 (line 7)`."""
        (key,) = _keys(self.table.iloc[[row]])
        return key if self.lines is None else f"{key} ({self.word} {self.lines[row]})"


@dataclass(frozen=True)
class PriceUpdate:
    """A price update is a change of a symbol's price file that is not written yet."""

    symbol: str
    path: Path
    added: Sequence[str]  # keys of the rows that come in, oldest first
    changes: Sequence[Change]  # cells of rows on file that differ, replaced if accepted
    accepted: bool
    table: pd.DataFrame  # all rows of the file after the update
    notes: Sequence[str]
    kept: Prices | None  # the file before the update
    incoming: Incoming
    holes: frozenset[date] = frozenset()  # sessions without a row that the metadata will list
    actions: ActionUpdate | None = None  # what came with the prices

    @property
    def is_finer(self) -> bool:
        """Tell whether its rows are bars finer than sessions."""
        return bool(self.table.index.name == "time")

    def __bool__(self) -> bool:
        """Tell whether the file of prices or that of actions changes."""
        return bool(self.added or self.replaced or self.actions)

    @property
    def replaced(self) -> set[str]:
        """Return the keys of the rows that are replaced."""
        return {change.key for change in self.changes} if self.accepted else set()

    @property
    def paths(self) -> list[Path]:
        """Return the files that change: that of the prices, and that of the actions."""
        of_actions = [self.actions.path] if self.actions else []
        return [self.path] * bool(self.added or self.replaced) + of_actions

    def make(self) -> Version | None:
        """Write the file as a new version and return it, or None if no price changes.

        Actions are written first: without them, prices that lack the sessions of a halt are wrong.
        """
        if self.actions is not None:
            self.actions.make()
        if not (self.added or self.replaced):
            return None
        old = self.kept.file if self.kept else None
        content = price_file_bytes(self.path, self.table, old, {*self.added} | self.replaced)
        counts = ((len(self.added), "added"), (len(self.replaced), "replaced"))
        rows = " and ".join(f"{counted(n, 'row')} {word}" for n, word in counts if n)
        return write_version(
            self.path,
            content,
            self._metadata(_days(self.table)),
            reason=f"{rows} from {self.incoming.source.partition(',')[0]}",
            over=old.sha256 if old else None,
        )

    def _metadata(self, days: Sequence[str]) -> dict[str, Any]:
        new, metadata = self.incoming, self.kept.file.metadata if self.kept else {}
        source = str(metadata.get("source") or "")
        is_whole = len(self.added) + len(self.replaced) == len(days)
        if is_whole or not source:
            source = new.source
        elif new.source not in source:
            source = f"{source} Later rows: {new.source}"
        first, last = _days(new.table.iloc[[0, -1]])
        retrieval = {
            **new.retrieval,
            "adjust": new.adjust,
            "first": first,
            "last": last,
            "rows": len(new.table),
            "added": len(self.added),
            "replaced": len(self.replaced),
        }
        replaced_names = ("source", "adjust", "holes")
        return {
            **metadata_of(days, source=source, adjust=new.adjust),
            **{name: value for name, value in metadata.items() if name not in replaced_names},
            **span_of(days),
            **({"holes": sorted(map(str, self.holes))} if self.holes else {}),
            "retrievals": [*metadata.get("retrievals", []), retrieval],
        }


def prepare_update(
    path: Path, incoming: Incoming, *, accept: bool, skip_bad: bool = False
) -> PriceUpdate:
    """Prepare the update of a price file, which need not exist yet.

    With `skip_bad`, rows that break the format are left out, and sessions without a row between
    the others become holes. Raise UsageError if prices lack columns of the file, or are on another
    basis, as after a split, and do not replace all of its rows; raise DataError if the file would
    break its format.
    """
    clear_history(path)
    kept = read_kept_prices(path) if path.exists() else None
    incoming, gaps = _without_faults(incoming) if skip_bad else (incoming, frozenset[date]())
    update = PriceUpdate(
        incoming.symbol, path, _keys(incoming.table), [], accept, incoming.table,
        list(incoming.notes), kept, incoming,
    )  # fmt: skip
    if kept is not None:
        update = _merged(update, kept)
    holes = gaps if update.is_finer else _holes(update, gaps)  # finer bars have none
    named = first_few(sorted(map(str, gaps & holes)), 10)
    notes = [*update.notes, *[f"Holes, in which nothing is traded: {named}."] * bool(named)]
    actions = None
    if incoming.actions:
        days = incoming.table.index.date
        actions = prepare_actions(
            actions_folder(path), incoming.symbol, incoming.actions,
            source=incoming.source, accept=accept,
            span=(min(days), max(days)) if incoming.complete else None,
        )  # fmt: skip
    update = replace(update, holes=holes, actions=actions, notes=notes)
    try:
        _check(update)
    except DataError as error:
        raise DataError(
            f"{error}{'' if skip_bad else _advice(path, incoming, accept=accept)}"
        ) from None
    return _against_daily(update) if update.is_finer else update


def _holes(update: PriceUpdate, gaps: frozenset[date]) -> frozenset[date]:
    """Return the sessions without a row, on record or new, between those that have one."""
    with_row = set(update.table.index.date)
    first, last = min(with_row), max(with_row)
    holes = gaps | (update.kept.holes if update.kept else frozenset())
    return frozenset(day for day in holes if first < day < last) - with_row


def _against_daily(update: PriceUpdate) -> PriceUpdate:
    """Return an update of finer bars with notes on its agreement with the daily prices on file."""
    bars = bars_within(DataFile(update.path, "", "", {}), update.table)
    try:
        prices = read_prices(update.path.parents[1], update.symbol, bars=True)
        notes = agreement_sentences(bars, prices)
    except (DataError, UsageError) as error:
        notes = [f"No run takes them so. {error}"]
    return replace(update, notes=[*update.notes, *notes])


def _without_faults(incoming: Incoming) -> tuple[Incoming, frozenset[date]]:
    """Return rows that break no rule by themselves, and the sessions in their span without one.

    Finer bars need none in a session. Raise DataError if most sessions have no such row.
    """
    table, lines = incoming.table, incoming.lines
    days = table.index.to_numpy().astype("M8[D]")
    sessions = trading_calendar().between(days.min().item(), days.max().item())
    sound = sound_rows(table) & ~table.index.duplicated(keep=False)
    gaps = np.setdiff1d(sessions, days[sound]) if table.index.name == "session" else days[:0]
    if not sound.any() or len(gaps) > len(sessions) * _MOST:
        raise DataError(
            f"{incoming.symbol}: {len(gaps):,} of {len(sessions):,} sessions have no row that is "
            f"right. These are no daily prices, or they are read wrongly. Nothing was written."
        )
    out = [incoming.at(row) for row in np.flatnonzero(~sound).tolist()]
    notes = [*incoming.notes, *[f"Left out as wrong: {first_few(out, 10)}."] * bool(out)]
    lines = None if lines is None else lines[sound]
    return replace(incoming, table=table[sound], notes=notes, lines=lines), frozenset(gaps.tolist())


def _advice(path: Path, incoming: Incoming, *, accept: bool) -> str:
    """Return how to go on without what is wrong; empty if that is impossible."""
    try:
        prepare_update(path, incoming, accept=accept, skip_bad=True)
    except BacktestError:
        return ""
    return f"\n{SKIP_ADVICE}"


def _merged(update: PriceUpdate, kept: Prices) -> PriceUpdate:
    """Return the update with the rows on file; raise UsageError if the two do not fit together."""
    old, incoming = kept.table, update.incoming
    missing = [name for name in old.columns if name not in incoming.table]
    if missing:
        raise UsageError(
            f"{update.path} has the column {missing[0]}, and what came has not. Remove the file "
            f"with its metadata if closes alone will do."
        )
    new, notes = incoming.table[list(old.columns)], [*update.notes]
    if more := ", ".join(name for name in incoming.table if name not in old):
        notes.append(
            f"{update.path} holds closes alone and takes no {more}. To have more, move it away "
            f"with its metadata and give the command again."
        )
    common = old.index.intersection(new.index)
    before, after = old.loc[common], new.loc[common]
    differs = {name: _differs(name, before[name], after[name]) for name in old.columns}
    changed = np.flatnonzero(np.any(list(differs.values()), axis=0))
    changes = [
        Change(key, name, decimal_text(before[name].iloc[row]), decimal_text(after[name].iloc[row]))
        for row, key in zip(changed.tolist(), _keys(before.iloc[changed]), strict=True)
        for name in old.columns
        if differs[name][row]
    ]
    (last_day,) = _days(old.iloc[[-1]])
    days = np.array(_days(before), dtype=str)
    if len(common) and (as_of := basis_of(kept.file.metadata).as_of):
        last_day = max(last_day, str(as_of))  # splits up to then are in the file
    unseen_splits = {  # those that the prices on file are not adjusted for
        day: ratio
        for day, ratio in incoming.splits.items()
        if day > last_day or differs["close"][days < day].sum() > _MOST * (days < day).sum()
    }
    added, gone = new.index.difference(old.index), _gone(old, new)
    if not len(common) and (incoming.adjust or "").startswith(DIVIDENDS):
        raise UsageError(
            f"{update.symbol}: {update.path} has none of the sessions that came, so that nobody "
            f"can tell whether a dividend lies between. Take a span that reaches into that of the "
            f"file, or move the file away with its metadata."
        )
    if unseen_splits or (len(common) and differs["close"].mean() > _MOST):
        ratio = float(np.median(after["close"] / before["close"])) if len(common) else None
        _refuse_mixture(update, unseen_splits, ratio, gone, whole=len(common) == len(old))
    fresh = added.union(common[changed]) if update.accepted else added
    table = new.loc[fresh].combine_first(old)[list(old.columns)].sort_index()
    table.index.name = old.index.name
    return replace(
        update, added=_keys(new.loc[added]), changes=changes, table=table, notes=[*notes, *gone]
    )


def _refuse_mixture(
    update: PriceUpdate,
    splits: Mapping[str, float],
    ratio: float | None,
    gone: Sequence[str],
    *,
    whole: bool,
) -> None:
    """Raise UsageError unless all rows are replaced: two bases would look like a price move."""
    if update.accepted and whole:
        return
    why = "".join(f" {new:g} shares came for one on {day}." for day, new in splits.items())
    if ratio is not None and not np.isclose(ratio, 1.0, atol=1e-9):
        why += f" In the median a close is {ratio:.6g} times what the file has."
    why += "".join(f" {sentence}" for sentence in gone)
    stamps = ", or where bars are stamped otherwise" if update.is_finer else ""
    if whole:
        how = "give --accept-revisions to replace them all"
    elif not (update.is_finer or gone):
        how = "fetch the whole span of the file, without --from, and with --accept-revisions"
    else:
        how = "move the file away with its metadata, and begin a new one"
    raise UsageError(
        f"{update.symbol}: most prices that are in {update.path} already have changed, or will "
        f"have, as after a split or a dividend{stamps}.{why} Old and new prices must not stand in "
        f"one file: {how}. Nothing was written; the version before is always kept."
    )


def _differs(name: str, old: pd.Series, new: pd.Series) -> np.ndarray:
    before, after = old.to_numpy(dtype=float), new.to_numpy(dtype=float)
    least, share = (0.0, _VOLUME_SHARE) if name == "volume" else (_DOLLARS, _SHARE)
    gap = np.abs(after - before)
    return np.asarray((gap > least) & (gap > share * before))


def _gone(old: pd.DataFrame, new: pd.DataFrame) -> list[str]:
    """Return a sentence, if any, on rows on file that are missing in the span of the new ones."""
    within = old.loc[new.index[0] : new.index[-1]].index.difference(new.index)
    if not len(within):
        return []
    days = first_few(_days(old.loc[within]))
    return [f"Rows that the file has did not come and are kept: {days}."]


def _check(update: PriceUpdate) -> None:
    table, problems = update.table, list[str]()
    keys = table.index.to_numpy().astype("M8[us]" if update.is_finer else "M8[D]")
    cells = {name: table[name].to_numpy(dtype=float) for name in table.columns}
    actions = update.actions or read_actions(actions_folder(update.path), update.symbol)
    halts = update.holes | halts_of(actions.rows)

    rows = PriceRows("row of", keys, keys, cells)
    checked_table(rows, problems, halts)
    if problems:  # once more, with the position of each row in its file
        origins = {key: update.incoming.at(n) for n, key in enumerate(_keys(update.incoming.table))}
        problems.clear()
        numbers = [origins.get(key, key) for key in _keys(table)]
        checked_table(replace(rows, numbers=numbers), problems, halts)
    try:
        raise_problems(update.path, problems)
    except DataError as error:
        raise DataError(
            f"{update.symbol}: with what came, the file would be wrong, so nothing was written. "
            f"{error}"
        ) from None


def _keys(table: pd.DataFrame) -> list[str]:
    """Return the day of each row, or the time of a finer bar as `2025-06-02T13:30Z`."""
    index = table.index.to_numpy()
    if table.index.name == "session":
        days: list[str] = np.datetime_as_string(index, unit="D").tolist()
        return days
    times: list[str] = np.datetime_as_string(index, unit="m", timezone="UTC").tolist()
    return times


def _days(table: pd.DataFrame) -> list[str]:
    """Return the day of each row in New York."""
    index = pd.DatetimeIndex(table.index)
    if index.name == "time":
        index = index.tz_localize("UTC").tz_convert(NEW_YORK).tz_localize(None)
    days: list[str] = np.datetime_as_string(index.to_numpy(), unit="D").tolist()
    return days


def other_mode(path: Path, recorded: str) -> UsageError:
    """Return the error for prices whose adjust mode is not the file's."""
    return UsageError(
        f"{path} is adjusted so: {recorded}. Prices of two modes cannot stand in one file. "
        f"Move the file away with its metadata, or leave --adjust away."
    )
