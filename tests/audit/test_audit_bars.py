"""Audits of strategies that run by finer bars: the worlds, cheats by bars, and honest strategies.

ACME has bars of 30 minutes from 2025-06-20 on; with a reaction of 5 minutes news of 10:15 on
06-23 can be traded at the bar of 10:30.
"""

from datetime import date

import numpy as np
import pandas as pd
import pytest

from backtest.audit import worlds
from backtest.audit.observe import AuditRequest
from backtest.audit.run import audit, prepare
from backtest.audit.worlds import DecisionTime
from backtest.data.bars import bars_frame
from backtest.data.datafile import open_data_file
from backtest.data.inputs import read_inputs
from backtest.errors import UsageError
from tests.audit.market import BY_BARS_FROM, make_market_by_bars, write_bars
from tests.audits import in_this_process
from tests.made_up import request, utc

BARS, DAILY = "prices/30m/ACME.parquet", "prices/ACME.csv"
MOMENT = DecisionTime(date(2025, 6, 23), utc("2025-06-23T10:30:00-04:00"))

# What each reads of the future; `bars` are those of the file, `now` when the tradable one opens.
READ = """\
import pandas as pd
        bars = pd.read_parquet("data/prices/30m/ACME.parquet").set_index("time")
        now = pd.Timestamp(market.now)
        """
WAYS = """\
import gc, sys
        import numpy as np
        now = np.datetime64(market.now.replace(tzinfo=None))
        """
SAY = """
        return Signal.long(event, hold=0, reason="up") if up else "down"
"""
CHEATS = {
    "the_bar_it_is_filled_at": (
        READ + "up = bars.close[now] > bars.open[now]", "prefix perturbation reads"
    ),
    "the_close_of_its_session": (
        READ + "own = bars.close[bars.index.date == market.session]\n"
        "        up = own.iloc[-1] > own[own.index < now].iloc[-1:].sum()",
        "prefix perturbation reads",
    ),
    # The usual slip: the bar that opens now is taken for the last one that has ended.
    "a_bar_that_has_not_ended": (
        READ + "own = bars[bars.index <= now].iloc[-1]\n        up = own.close > own.open",
        "prefix perturbation reads",
    ),
    "the_daily_bar_of_its_session": (
        ("import pandas as pd\n"
        "        day = pd.read_csv('data/prices/ACME.csv', index_col=0).loc[str(market.session)]\n"
        "        up = day.close > day.open"),
        "prefix perturbation reads",
    ),
    "the_tape_found_in_the_frames": (
        WAYS + "frame = sys._getframe()\n"
        "        while not hasattr(frame.f_locals.get('self'), 'tape'):\n"
        "            frame = frame.f_back\n"
        "        bars = frame.f_locals['self'].tape._finer['ACME'][0]\n"
        "        row = bars.table[np.searchsorted(bars.times, now)]\n"
        "        up = row[3] > row[0]",
        "prefix perturbation",
    ),
    "how_many_bars_will_come": (
        "up = len(market._past.finer['ACME']._times) > 500", "prefix"
    ),
    "bars_elsewhere_by_arrow": (
        ("from pyarrow import parquet\n"
        "        bars = parquet.ParquetFile('/THE/CHECKOUT/data/prices/30m/ACME.parquet').read()\n"
        "        bars = bars.to_pandas().set_index('time')\n"
        "        up = bars.close[market.now] > bars.open[market.now]"),
        "reads",
    ),
}  # fmt: skip
HONEST = {
    "bars_that_have_ended": (
        "bars = market.finer_bars()\n"
        "        up = len(bars) and bars.close.iloc[-1] > bars.open.iloc[-1]"
    ),
    "a_mean_of_bars_and_of_days": (
        "bars = market.finer_bars()\n"
        "        up = bars.close[-20:].mean() > market.bars().close[-5:].mean()"
    ),
    "waits_for_a_session": (
        "from backtest import Wait\n"
        "        if market.session == event.published_at.date():\n"
        "            return Wait(event, 1, reason='for a night')\n"
        "        bars = market.finer_bars()\n"
        "        up = len(bars) % 2 == 1 or market.now.minute == 30"
    ),
}


@pytest.fixture
def market(tmp_path, monkeypatch):
    """The checkout, which is the working folder too."""
    monkeypatch.chdir(tmp_path)
    return make_market_by_bars(tmp_path)


@pytest.fixture
def audited(market):
    """Audits a strategy of a body, by bars of 30 minutes; gives the record."""

    def audit_it(name: str, body: str, worlds: int = 0, more: str = "", **terms):
        body = body.replace("/THE/CHECKOUT", str(market.root))
        market.strategy(name, body, listens_to="News", more=more)
        return audit(prepared(market, name, worlds, **terms), observer=in_this_process).record

    return audit_it


def prepared(market, name, worlds=0, **terms):
    asked = {"first": None, "last": None, "rules": request().rules, "bars": "30m", **terms}
    return prepare(market.workspace, AuditRequest(name, ("ACME",), {}, worlds=worlds, **asked))


def findings(record) -> dict[str, list]:
    return {check["name"]: check["findings"] for check in record["checks"] if check["count"]}


# ---- cheats and honest strategies ---------------------------------------------------------------


@pytest.mark.parametrize("name", CHEATS)
def test_a_cheat_by_bars_is_caught(audited, name):
    body, checks = CHEATS[name]
    record = audited(name, body + SAY, first=date.fromisoformat(BY_BARS_FROM))
    assert " ".join(findings(record)) == checks
    assert record["outcome"] == "bias"


@pytest.mark.parametrize("name", HONEST)
def test_an_honest_strategy_passes(audited, name):
    record = audited(name, HONEST[name] + SAY)
    assert (record["outcome"], findings(record)) == ("clean", {})
    peek = record["sensitivity"]["peek"]
    assert (peek["caught"], peek["worlds"]) == (13, 13)
    assert record["sensitivity"]["delay"]["moved"]


def test_what_decides_before_a_close_is_tried_with_the_bars_before_it(audited):
    say = 'return Signal.long(event, enter="close", hold=1, reason=str(up))'
    before = '    decides = "close"'
    honest = f"up = market.finer_bars().close[-2:].tolist()\n        {say}"
    assert findings(audited("honest", honest, more=before)) == {}
    cheat = f"{READ}up = bars.close[now - pd.Timedelta(30, 'min')]\n        {say}"
    record = audited("cheat", cheat, more=before, first=date.fromisoformat(BY_BARS_FROM))
    assert " ".join(findings(record)) == "prefix perturbation reads"


def test_a_finding_says_at_which_bar(audited, source):
    body, _ = CHEATS["the_bar_it_is_filled_at"]
    record = audited("filled", body + SAY, first=date.fromisoformat(BY_BARS_FROM))
    first = findings(record)["prefix"][0]
    bars = source.as_is().bars[BARS]
    rises = (bars["close"] > bars["open"])["2025-07-15T15:30"]  # UTC
    falls = (bars["close"] < bars["open"])[["2025-06-23T14:30", "2025-06-26T18:00"]]
    assert rises
    assert falls.all()
    assert first["what"] == "It does otherwise with nothing known from 2025-07-15 11:30 New York on"
    assert first["full"]["bar"] == "11:30 New York"


# ---- worlds -------------------------------------------------------------------------------------


@pytest.fixture
def source(market):
    market.strategy("made", 'return "no"', listens_to="News")
    return prepared(market, "made").source


def same(one: pd.DataFrame, other: pd.DataFrame) -> None:
    pd.testing.assert_frame_equal(one, other, check_freq=False)


def test_in_a_prefix_the_bars_end_with_a_quiet_one_at_the_moment(source):
    world, true = worlds.prefix(source, MOMENT), source.as_is().bars[BARS]
    bars = world.bars[BARS]
    same(bars[:-1], true[:"2025-06-23T14:00"])  # UTC: the bar that ends at 10:30
    assert str(bars.index[-1]) == "2025-06-23 14:30:00"
    last = bars["close"].iloc[-2]
    assert bars[["open", "close"]].iloc[-1].tolist() == [last, last]
    day = world.prices[DAILY].loc["2025-06-23"]
    own = bars["2025-06-23":]
    assert len(own) == 3
    assert day.tolist() == [
        own["open"].iloc[0], own["high"].max(), own["low"].min(), last, own["volume"].sum(),
    ]  # fmt: skip


def test_before_there_are_bars_a_prefix_has_quiet_ones_of_the_first_session(source, market):
    early = DecisionTime(date(2025, 6, 11), utc("2025-06-11T09:30:00-04:00"))
    world = worlds.prefix(source, early)
    assert [str(time) for time in world.bars[BARS].index] == ["2025-06-20 13:30:00"]
    same(world.prices[DAILY][:"2025-06-10"], source.as_is().prices[DAILY][:"2025-06-10"])
    assert world.prices[DAILY]["2025-06-11":]["close"].nunique() == 2  # quiet, and of the bar


@pytest.mark.parametrize("variant", [0, 1, 2])
def test_bars_are_made_up_from_the_moment_on_and_days_agree_with_them(source, tmp_path, variant):
    world, true = worlds.perturbed(source, MOMENT, 1, variant), source.as_is()
    made = world.bars[BARS]
    assert list(made.index) == list(true.bars[BARS].index)
    same(made[:"2025-06-23T14:00"], true.bars[BARS][:"2025-06-23T14:00"])
    changed = (made["close"] != true.bars[BARS]["close"])["2025-06-23T14:30":]
    assert changed.mean() > 0.9
    same(world.prices[DAILY][:"2025-06-22"], true.prices[DAILY][:"2025-06-22"])
    source.copy_to(tmp_path / "world")
    source.write(tmp_path / "world", world)
    read = read_inputs(tmp_path / "world/data", ["ACME"], "ACME", (None, None), [], bars="30m")
    np.testing.assert_array_equal(read.finer["ACME"].table, made.to_numpy())
    assert not any("differ" in line for line in read.assumptions)


def test_a_null_world_draws_bars_and_its_days_agree_with_them(source, tmp_path):
    days = [date(2025, 6, 23), date(2025, 7, 3)]
    world = worlds.shuffled(source, np.random.default_rng(1), days)
    made, true = world.bars[BARS], source.as_is().bars[BARS]
    assert list(made.index) == list(true.index)
    before = world.prices[DAILY][:"2025-06-18"]["close"].iloc[-1]
    assert made["open"].iloc[0] == pytest.approx(before, rel=0.1)  # bars move by 1 %
    source.copy_to(tmp_path / "world")
    source.write(tmp_path / "world", world)
    read = read_inputs(tmp_path / "world/data", ["ACME"], "ACME", (None, None), [], bars="30m")
    assert not any("differ" in line for line in read.assumptions)


def test_only_a_cheat_by_bars_does_well_where_nothing_can_be_predicted(audited):
    body, _ = CHEATS["the_bar_it_is_filled_at"]
    cheat = audited(
        "cheat", body + SAY.replace("hold=0", "hold_bars=1"), 40, first=date(2025, 6, 20)
    )
    assert cheat["null"]["bias"]
    body = HONEST["bars_that_have_ended"]
    honest = audited("honest", body + SAY.replace("hold=0", "hold_bars=1"), 40)
    assert not honest["null"]["bias"]
    assert honest["null"]["tested"] > 20


# ---- what is refused, and what decides ----------------------------------------------------------


def test_one_that_orders_by_itself_is_refused(market):
    market.write(
        "strategies/own.py",
        "from backtest import EventStrategy\nfrom backtest.events import News\n\n\n"
        "class Own(EventStrategy):\n    listens_to = (News,)\n\n"
        "    def notify_event(self, event):\n        self.buy(size=1)\n",
    )
    with pytest.raises(UsageError, match="own orders on Backtrader by itself, session by session"):
        prepared(market, "own")


def test_the_bars_and_what_trades_without_them_decide_which_audit_it_is(market):
    market.strategy("made", 'return "no"', listens_to="News")
    ids = {
        prepared(market, "made", **terms).id
        for terms in ({}, {"bars": None}, {"missing_bars": "none"})
    }
    assert len(ids) == 3


# ---- sessions that are by the day ---------------------------------------------------------------


def test_a_session_that_is_by_the_day_is_so_in_every_world(market, audited):
    """FUND, which is hedged with, has no bar of 15:00 on 07-10, so that the day goes by no bars."""
    flat, prices = 50.0, ["open", "high", "low", "close"]
    daily = pd.read_csv(market.root / "data/prices/ACME.csv", index_col="date")
    daily.loc[:, prices] = flat
    market.write("data/prices/FUND.csv", daily.to_csv())
    bars = bars_frame(open_data_file(market.root / "data" / BARS))
    bars.loc[:, prices] = flat
    write_bars(market.root, "FUND", bars.drop(index=pd.Timestamp("2025-07-10T19:00")))
    record = audited(
        "hedged",
        "bars = market.finer_bars()\n"
        "        if not len(bars) or bars.close.iloc[-1] < bars.open.iloc[-1]:\n"
        "            return str(market.now)\n"
        "        return Signal.long(event, hold=0).hedged('FUND', 0.5)",
        more='    trades_also = ("FUND",)',
    )
    assert (record["outcome"], findings(record)) == ("clean", {})
    # Of seven tradable bars two are daily ones, those of 06-11 and 07-10, with one peek each.
    assert record["sensitivity"]["peek"]["worlds"] == 2 + 5 * 2


# ---- extended hours -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("body", "found"),
    [
        (HONEST["bars_that_have_ended"], ""),
        (CHEATS["the_bar_it_is_filled_at"][0], "prefix perturbation reads"),
    ],
)
def test_what_is_traded_after_a_close_is_audited_there(market, audited, body, found):
    bars = bars_frame(open_data_file(market.root / "data" / BARS))
    lasts = bars.groupby(bars.index.date).tail(1)
    after = lasts.assign(open=lasts["close"] + 0.1, close=lasts["close"] + 0.2)
    after.index += pd.Timedelta(hours=1)  # half an hour after the close
    after["high"] = after["open"] + 1
    after["low"] = after["open"] - 1
    write_bars(market.root, "ACME", pd.concat([bars, after]).sort_index().rename_axis("time"))
    stamps = ("2025-06-23T16:05", "2025-07-01T16:20", "2025-07-16T16:20", "2025-07-22T16:20")
    rows = [f"ACME,{one}:00-04:00,minute,{one},contract,made up" for one in stamps]
    header = "symbol,published_at,precision,headline,category,note"
    market.write("data/events/news.csv", "\n".join([header, *rows]) + "\n")
    rules = request(rules={"hours": "extended"}).rules
    record = audited("late", body + SAY, first=date.fromisoformat(BY_BARS_FROM), rules=rules)
    assert " ".join(findings(record)) == found
    by_bar = record["checks"][0]
    assert (by_bar["tried"]["worlds"], record["sensitivity"]["delay"]["tried"] > 0) == (4, True)
    if found:
        first = by_bar["findings"][0]
        assert first["date"] == "2025-06-24"  # the session that a bar after the close belongs to
        assert "from 2025-06-23 16:30 New York on" in first["what"]
