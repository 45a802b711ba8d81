"""Actions that come with files of prices: named in a file, or derived from adjusted closes."""

from datetime import date

import pandas as pd
import pytest

import backtest
from backtest.data import versions
from backtest.data.actions import Action, read_actions
from backtest.data.prices import read_prices
from backtest.errors import DataError, UsageError
from backtest.sources.action_files import _differences
from backtest.sources.own_prices import read_prices_and_actions
from tests.commands import words

DAYS = ("2025-06-02", "2025-06-03", "2025-06-04", "2025-06-05")
BARS = "Date,Open,High,Low,Close,Adj Close,Volume"


@pytest.fixture
def take(tmp_path):
    """Imports closes, adjusted closes and a file of actions, and gives what is on file then."""
    data = tmp_path / "data"
    data.mkdir()

    def take(closes, adjusted=None, actions="", **terms):
        rows = [
            f"{day},{close},{close},{close},{close},{other},1000"
            for day, close, other in zip(DAYS, closes, adjusted or closes, strict=True)
            if close
        ]
        path = tmp_path / "ACME.csv"
        path.write_text("\n".join([BARS, *rows]) + "\n")
        if actions:
            (tmp_path / "mine.csv").write_text(actions)
            terms["actions"] = tmp_path / "mine.csv"
        if adjusted:
            terms["dividends"] = "Adj Close"
        (made,) = backtest.import_prices(path, source="made up", data=data, **terms)
        take.notes = made.notes
        return [
            (str(r.day), r.action, r.amount) for r in read_actions(data / "actions", "ACME").rows
        ]

    return take


def test_a_dividend_is_derived_from_adjusted_closes(take):
    # 1 dollar is paid on the 4th, after a close of 101: what lies before is 100/101 of the close.
    adjusted = ("99.0099", "100.0000", "99", "100")
    assert take((100, 101, 99, 100), adjusted, adjust="none") == [("2025-06-04", "dividend", 1.0)]
    assert (
        take.notes[-1] == "1 dividend derived from the adjusted closes, to within 0.0001 dollars."
    )


def test_what_rounding_makes_is_no_dividend(take):
    # Between 99.01 and the true 99.0099 lies less than a cent; a dividend of a cent is not seen.
    assert take((100, 101, 102, 103), ("99.99", "100.99", "102", "103"), adjust="none") == []


def test_cents_are_told_to_within_the_cents_of_both_columns(take):
    adjusted = ("99.01", "100.00", "99", "100")
    assert take((100, 101, 99, 100), adjusted, adjust="none") == [("2025-06-04", "dividend", 1.0)]


def test_a_split_in_prices_as_traded_is_named_and_taken_out(take):
    # Two for one on the 4th; then 0.50 for each of the new shares, after a close of 50.
    actions = "day,action,amount\n2025-06-04,split,2\n"
    adjusted = ("49.5", "49.5", "49.5", "49.5")
    with pytest.raises(UsageError, match=r"on 2025-06-04: more than a dividend. If it is a split"):
        take((100, 100, 50, 49.5), adjusted, adjust="none")
    assert take((100, 100, 50, 49.5), adjusted, actions, adjust="none") == [
        ("2025-06-04", "split", 2.0), ("2025-06-05", "dividend", 0.5),
    ]  # fmt: skip


def test_of_prices_adjusted_for_a_split_a_dividend_of_before_is_filed_as_it_was_paid(take):
    # On the 3rd 1 dollar was paid for a share that is two since the 4th: 0.50 in the prices.
    actions = "day,action,amount\n2025-06-04,split,2\n"
    adjusted = ("49.5", "50", "50", "50")
    found = take((50, 50, 50, 50), adjusted, actions, adjust="splits")
    assert found == [("2025-06-03", "dividend", 1.0), ("2025-06-04", "split", 2.0)]


def test_prices_adjusted_for_splits_are_for_one_of_their_last_day(take):
    actions = "day,action,amount\n2025-06-05,split,2\n"
    found = take((50, 50, 50, 50), ("49.5", "50", "50", "50"), actions, adjust="splits")
    assert found == [("2025-06-03", "dividend", 1.0), ("2025-06-05", "split", 2.0)]


def test_any_split_or_dividend_needs_the_basis_whatever_else_is_named(take):
    actions = "day,action,amount,until\n2025-06-03,halted,,2025-06-03\n2025-06-04,split,2,\n"
    with pytest.raises(UsageError, match="ACME: say with --adjust"):
        take((100, 100, 50, 50), actions=actions)
    with pytest.raises(UsageError, match="ACME: say with --adjust"):
        take((100, 100, 100, 100), (99, 100, 100, 100))


def test_actions_need_the_basis_of_the_prices(take):
    with pytest.raises(UsageError, match="ACME: say with --adjust"):
        take((100, 100, 50, 50), actions="day,action,amount\n2025-06-04,split,2\n")
    halt = "day,action,amount,until\n2025-06-04,halted,,2025-06-04\n"
    assert take((100, 100, 50, 50), actions=halt) == [("2025-06-04", "halted", None)]


def test_a_session_of_a_halt_may_be_missing(take, tmp_path):
    with pytest.raises(DataError, match="no row for the session 2025-06-03"):
        take((100, None, None, 60))
    halt = "day,action,until\n2025-06-03,halted,2025-06-04\n"
    assert take((100, None, None, 60), actions=halt) == [("2025-06-03", "halted", None)]
    halted = read_prices(tmp_path / "data/prices", "ACME").halted
    assert sorted(map(str, halted)) == ["2025-06-03", "2025-06-04"]
    assert take((100, None, None, 60)) == [("2025-06-03", "halted", None)]  # it is on file now


def test_actions_are_on_file_before_the_prices_that_need_them(take, tmp_path, monkeypatch):
    """As a process that is killed in between leaves them."""
    halt = "day,action,until\n2025-06-03,halted,2025-06-04\n"
    swap, swapped = versions._swap, []

    def once(path, *rest):
        swapped.append(path.parent.name)
        if len(swapped) > 1:
            raise UsageError("killed")
        swap(path, *rest)

    monkeypatch.setattr(versions, "_swap", once)
    with pytest.raises(UsageError, match="killed"):
        take((100, None, None, 60), actions=halt)
    assert swapped == ["actions", "prices"]
    monkeypatch.undo()
    assert take((100, None, None, 60), actions=halt) == [("2025-06-03", "halted", None)]
    assert len(read_prices(tmp_path / "data/prices", "ACME").table) == 2


@pytest.mark.parametrize("cell", ["oops", ""])
@pytest.mark.parametrize("skip_bad", [True, False])
def test_a_stock_whose_adjusted_closes_are_wrong_is_refused(tmp_path, cell, skip_bad):
    rows = [f"BETA,{day},9,{8 + (n > 1)}" for n, day in enumerate(DAYS)]
    rows += [f"CCC,{day},9,{cell}" for day in DAYS]
    path, data = tmp_path / "both.csv", tmp_path / "data"
    data.mkdir()
    path.write_text("\n".join(["symbol,date,close,Adj Close", *rows]) + "\n")
    told = (
        "It has no number of it" if skip_bad else f"line 6, column Adj Close: {cell!r} is no number"
    )
    with pytest.raises(DataError, match="1 of 2 symbols could not be taken in") as caught:
        backtest.import_prices(
            path, source="x", adjust="none", closes=True, dividends="Adj Close",
            skip_bad=skip_bad, data=data,
        )  # fmt: skip
    assert "\n  CCC: column 'Adj Close' does not tell its dividends. " in str(caught.value)
    assert told in str(caught.value)
    assert list(backtest.load_prices(data=data)) == ["BETA"]
    assert backtest.list_actions(data=data)["symbol"].tolist() == ["BETA"]


def test_actions_of_several_stocks_say_of_which(tmp_path):
    rows = "".join(f"{s},{day},9,9,9,9,5\n" for s in ("ACME", "BETA") for day in DAYS)
    (tmp_path / "both.csv").write_text(f"symbol,date,open,high,low,close,volume\n{rows}")
    mine = tmp_path / "mine.csv"
    (tmp_path / "data").mkdir()
    terms = {"source": "made up", "adjust": "none", "data": tmp_path / "data", "actions": mine}
    mine.write_text("day,action,amount\n2025-06-04,dividend,1\n")
    with pytest.raises(DataError, match="line 2: of which of ACME, BETA"):
        backtest.import_prices(tmp_path / "both.csv", **terms)
    mine.write_text(
        "symbol,day,action,amount\nBETA,2025-06-04,dividend,1\nELSE,2025-06-04,split,2\n"
    )
    file = read_prices_and_actions([tmp_path / "both.csv"], {}, actions=mine, dividends=None)
    assert file.notes[-1] == "mine.csv: actions of ELSE are not taken: no prices of theirs came."
    backtest.import_prices(tmp_path / "both.csv", **terms)
    table = backtest.list_actions(data=tmp_path / "data")
    assert table[["symbol", "action", "source"]].to_numpy().tolist() == [
        ["BETA", "dividend", "mine.csv"]
    ]
    mine.write_text("symbol,day,action,amount\nELSE,2025-06-04,gift,2\n")
    with pytest.raises(DataError, match="line 2, column action: 'gift' is not one of"):
        backtest.import_prices(tmp_path / "both.csv", **terms)


def test_the_command_shows_the_actions_and_where_an_adjusted_column_would_help(checkout, command):
    path = checkout.root / "NEWC.csv"
    rows = [f"{day},9,9,9,9,{9 - (n < 2) * 0.9},5" for n, day in enumerate(DAYS)]
    path.write_text("\n".join([BARS, *rows]) + "\n")
    terms = ("prices", "import", str(path), "--source", "made up", "--adjust", "none", "--yes")
    told = words(command(*terms).out)
    assert "--dividends 'Adj Close' derives dividends from it." in told
    told = words(command(*terms, "--dividends", "Adj Close").out)
    assert "added dividend 2025-06-04 0.9" in told
    assert told.endswith(f"wrote {checkout.root / 'data/actions/NEWC.csv'} ")  # no price changed
    assert backtest.list_actions("NEWC", data=checkout.root / "data")["day"].tolist() == [
        pd.Timestamp("2025-06-04")
    ]


@pytest.mark.parametrize(
    ("amount", "name", "changed"),
    [(0.5 + 1e-12, "", []), (0.51, "", ["amount"]), (0.5 + 1e-12, "BOLT", ["name"])],
)
def test_an_amount_that_differs_by_its_rounding_is_the_same(amount, name, changed):
    old = Action(date(2025, 6, 3), "dividend", 0.5)
    new = Action(date(2025, 6, 3), "dividend", amount, name=name)
    assert [change.column for change in _differences(old, new)] == changed
