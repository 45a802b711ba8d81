"""The terms of a command or call: times, days, symbols from files, and plans with a result."""

from datetime import date, datetime
from pathlib import Path

import pandas as pd
import pytest

from backtest.errors import DataError, UsageError
from backtest.experiments import terms
from backtest.experiments.terms import (
    Plan,
    check_one_of,
    minutes_of,
    read_day,
    read_symbols,
    read_terms,
)


@pytest.mark.parametrize(
    ("text", "minutes"),
    [("90s", 1.5), ("30m", 30), ("2h", 120), ("0.5h", 30), (" 5 ", 5), ("7.5", 7.5), (5, 5)],
)
def test_a_time_is_in_seconds_minutes_or_hours(text, minutes):
    assert minutes_of(text) == pytest.approx(minutes)


@pytest.mark.parametrize("text", ["", "h", "5d", "soon", None])
def test_what_is_no_time_is_refused(text):
    with pytest.raises(ValueError, match="could not convert"):
        minutes_of(text)


@pytest.mark.parametrize(
    "value",
    ["2025-06-02", date(2025, 6, 2), datetime(2025, 6, 2, 9, 30), pd.Timestamp("2025-06-02 23:59")],  # noqa: DTZ001
)
def test_a_day_is_a_text_or_a_date(value):
    found = read_day("since", value)
    assert (type(found), found) == (date, date(2025, 6, 2))


def test_no_day_is_none_and_a_wrong_one_is_told():
    assert read_day("since", None) is None
    for wrong in ("2025-6-2", "02.06.2025", 20250602):
        with pytest.raises(UsageError, match=r"since .* is not a day"):
            read_day("since", wrong)


@pytest.mark.parametrize(
    ("text", "symbols"),
    [
        ("ACME\n BOLT \n\nACME\n", ["ACME", "BOLT"]),
        ("name,Symbol\nAcme Inc.,ACME\nBolt,BOLT\nshort\nnone,\n", ["ACME", "BOLT"]),
        ("\ufeffsymbol\nACME\n", ["ACME"]),
        ("symbol,name\nsymbol,A stock of that name\n", ["symbol"]),
    ],
)
def test_symbols_come_from_a_file_of_lines_or_a_column(tmp_path, text, symbols):
    (tmp_path / "mine.txt").write_text(text, encoding="utf-8")
    assert read_symbols([str(tmp_path / "mine.txt")]) == symbols
    assert read_symbols(["CORE", str(tmp_path / "mine.txt"), "CORE"]) == ["CORE", *symbols]


@pytest.mark.parametrize(
    "text",
    ["", "\n", "symbol\n", "ACME,1\nBOLT,2\n", "ACME\nBOLT,2\n", "name,ticker\nAcme,ACME\n"],
)
def test_a_file_without_symbols_is_refused(tmp_path, text):
    (tmp_path / "mine.txt").write_text(text, encoding="utf-8")
    with pytest.raises(UsageError, match=r"mine\.txt is no file of symbols"):
        read_symbols([str(tmp_path / "mine.txt")])


def test_a_file_that_is_no_text_is_told(tmp_path):
    (tmp_path / "mine.txt").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(UsageError, match="not a readable file of symbols"):
        read_symbols([str(tmp_path / "mine.txt")])


@pytest.mark.parametrize(
    ("universe", "symbols", "is_allowed"),
    [("chips", ["ACME"], False), ("chips", None, True), (None, ["ACME"], True), (None, None, True)],
)
def test_a_universe_and_symbols_are_not_named_together(universe, symbols, is_allowed):
    if is_allowed:
        check_one_of(universe, symbols)
    else:
        with pytest.raises(UsageError, match="The universe chips says which stocks"):
            check_one_of(universe, symbols)


class TestTerms:
    def test_what_is_named_goes_before_the_costs(self, checkout, monkeypatch) -> None:
        monkeypatch.chdir(checkout.root)
        data = checkout.root / "data"
        figures = "[figures]\nslippage_bps = 9\ncommission_min = 2\n"
        checkout.write("data/costs/mine.toml", figures)
        found = read_terms(data, {"symbol": ("ACME",), "costs": "mine"}, {"slippage_bps": 7.0})
        assert (found.symbols, found.universe, found.benchmark) == (("ACME",), None, "SPY")
        assert (found.rules.slippage_bps, found.rules.commission_min) == (7, 2)
        assert found.costs.name == "mine"
        plain = read_terms(data, {"cash": 5_000.0, "benchmark": "INDX"}, {"slippage_bps": None})
        assert plain.costs is None
        assert (plain.rules.cash, plain.rules.slippage_bps, plain.benchmark) == (5_000, 5, "INDX")

    def test_a_universe_is_its_own_benchmark(self, checkout, monkeypatch) -> None:
        monkeypatch.chdir(checkout.root)
        found = read_terms(checkout.root / "data", {}, universe="chips")
        assert (found.symbols, found.universe, found.benchmark) == ((), "chips", "chips")
        other = read_terms(checkout.root / "data", {"benchmark": "QQQ"}, universe="chips")
        assert other.benchmark == "QQQ"
        with pytest.raises(UsageError, match="The universe chips"):
            read_terms(checkout.root / "data", {"symbol": ("ACME",)}, universe="chips")

    def test_an_unknown_rule_is_answered_with_the_nearest(self, checkout) -> None:
        with pytest.raises(UsageError, match=r"trading rule 'slipage_bps'.*slippage_bps"):
            read_terms(checkout.root / "data", {}, {"slipage_bps": 1.0})


class Made(Plan[str]):
    """A plan whose result is the text of a file."""

    def read(self) -> str:
        try:
            return self.path.read_text()
        except OSError:
            raise DataError("it is not there") from None


def test_a_plan_has_a_result_where_it_can_be_read(tmp_path):
    plan = Made({"a": 1}, tmp_path / "result")
    assert (plan.result, plan.exists) == (None, False)
    plan.path.write_text("made")
    assert (plan.result, plan.exists) == ("made", True)
    assert plan.id == terms.run_id({"a": 1})
    assert Made({"a": 2}, Path()).id != plan.id


def test_an_identity_holds_its_inputs_in_order_and_a_strategy_where_one_takes_part():
    found = terms.identity(None, {"b": "2", "a": "1"}, cash=5.0)
    assert (list(found["inputs"]), found["strategy_sha256"], found["cash"]) == (["a", "b"], None, 5)


def test_every_package_that_takes_part_is_on_record_and_some_decide():
    installed, deciding = terms.installed_packages(), terms.deciding_packages()
    assert {"backtest", "numpy", "backtrader", "pyarrow"} <= installed.keys()
    assert set(deciding) < set(installed)
    assert deciding["backtrader"] == installed["backtrader"]
    assert installed["numpy"].startswith(f"{deciding['numpy']}.")
    assert deciding["numpy"].count(".") == 1
