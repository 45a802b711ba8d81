"""Each way in which an answer from Yahoo can be wrong."""

import json
from datetime import date
from types import SimpleNamespace

import pandas as pd
import pytest

from backtest.errors import DataError, SourceError, UsageError
from backtest.sources import yahoo
from backtest.sources.http import Patience
from backtest.sources.yahoo import AnalystEstimate, ask_estimates
from tests.local_server import Answer
from tests.yahoo import ROWS, _json, chart, refusal

GOOD = chart(ROWS)
HALF = json.dumps(GOOD).encode()


@pytest.mark.parametrize(
    "fault",
    [
        Answer(b"Too Many Requests", status=429),
        Answer(b"<html>Forbidden</html>", status=403),
        Answer(b"<html>fault</html>", status=500),
        Answer(HALF, sent=len(HALF) // 2),
        Answer(HALF[: len(HALF) // 2]),
        Answer(json.dumps(chart([])).encode()),
        Answer(b'{"chart": {"result": null, "error": null}}'),
        Answer(b'{"finance": {"error": "x"}}', status=500),
        Answer(b""),
    ],
)
def test_what_may_pass_is_asked_again(site, fetch, fault):
    site.has("ACME", GOOD)
    site.fails(fault)
    assert len(fetch().added) == 4
    assert len(site.asked) >= 2


@pytest.mark.parametrize(
    ("fault", "told"),
    [
        (Answer(b"Too Many Requests", status=429), "it has had too many requests (429)"),
        (Answer(b"<html>", status=403), "the answer is no JSON"),
        (Answer(b"<html>", status=500), "the answer is no JSON"),
        (Answer(HALF, sent=len(HALF) // 2), "no connection (ChunkedEncodingError)"),
        (Answer(HALF[: len(HALF) // 2]), "the answer is no JSON"),
        (Answer(json.dumps(chart([])).encode()), "the answer is empty"),
        (Answer(b"Will be right back"), "YAHOO! FINANCE IS CURRENTLY DOWN"),
    ],
)
def test_what_does_not_pass_is_told_once_and_the_file_stays(site, fetch, kept, fault, told):
    before = kept.read_bytes()
    site.has("ACME", fault)
    with pytest.raises(SourceError) as caught:
        fetch()
    assert str(caught.value).startswith("Yahoo, 1d bars of ACME: ")
    assert told in str(caught.value)
    assert "Tried 3 times in " in str(caught.value)
    assert caught.value.exit_code == 5
    assert kept.read_bytes() == before


@pytest.mark.parametrize("fault", [Answer(b"<html>", status=500), Answer(b"Will be right back")])
def test_what_goes_wrong_is_told_once_and_not_by_yfinance_itself(
    site, fetch, caplog, recwarn, fault
):
    site.has("ACME", fault)
    with pytest.raises(SourceError):
        fetch()
    assert caplog.records == []
    assert [str(one.message) for one in recwarn] == []


def test_what_yfinance_keeps_is_in_the_cache_of_the_user(monkeypatch, tmp_path):
    import yfinance

    folders = []
    monkeypatch.setenv("BACKTEST_CACHE", str(tmp_path))
    monkeypatch.setattr(yfinance, "set_tz_cache_location", folders.append)
    assert yahoo._ticker("ACME").ticker == "ACME"
    assert folders == [str(tmp_path / "yfinance")]
    assert yfinance.config.network.retries == 0  # asked again it is here
    assert yfinance.config.debug.hide_exceptions is False


def test_a_slow_drip_ends(site, fetch, monkeypatch):
    monkeypatch.setattr(yahoo, "_PATIENCE", Patience(tries=2, seconds=10, each=0.5, wait=0.001))
    site.has("ACME", Answer(HALF, drip=0.01))
    with pytest.raises(SourceError, match=r"no whole answer within 0\.5 seconds. Tried 2 times"):
        fetch()


def test_what_yahoo_says_of_a_symbol_is_passed_on_at_once(site, fetch):
    with pytest.raises(SourceError, match=r"1d bars of NOPE: it says 'No data found, symbol may"):
        fetch("NOPE")
    assert len(site.asked) == 2  # a refusal is asked for again by yfinance with another cookie


@pytest.mark.parametrize("says", ["Internal Server Error", "Invalid Cookie"])
def test_what_yahoo_says_of_itself_is_no_word_on_the_symbol(site, fetch, says):
    site.has("ACME", GOOD)
    site.fails(*[_json(refusal("Error", says), status=500)] * 2)
    assert len(fetch().added) == 4
    site.has("ACME", refusal("Error", says))
    with pytest.raises(SourceError, match=f"it says '{says}'. Tried 3 times"):
        fetch()


def test_a_class_of_shares_may_have_a_point(site, fetch):
    site.has("BRK-B", GOOD)
    assert fetch("BRK.B").path.name == "BRK.B.csv"


def without(name):
    moved = json.loads(json.dumps(GOOD))
    del moved["chart"]["result"][0]["indicators"]["quote"][0][name]
    return moved


def typed(value):
    wrong = json.loads(json.dumps(GOOD))
    wrong["chart"]["result"][0]["indicators"]["quote"][0]["close"][1] = value
    return wrong


@pytest.mark.parametrize(
    ("answer", "told"),
    [
        (without("volume"), "KeyError: 'volume'"),
        (typed("cheap"), "ValueError: "),
        (typed({"raw": 1}), "TypeError: "),
        (chart(ROWS, exchangeTimezoneName=None), ""),
    ],
)
def test_another_form_is_told_and_not_asked_for_again(site, fetch, kept, answer, told):
    before = kept.read_bytes()
    site.has("ACME", answer)
    asked = len(site.asked)
    with pytest.raises((DataError, SourceError)) as caught:
        fetch()
    assert told in str(caught.value)
    assert kept.read_bytes() == before
    if told:
        assert len(site.asked) == asked + 1
        assert "of another form than yfinance" in str(caught.value)


@pytest.mark.parametrize("meta", [{"currency": "EUR"}, {"exchangeTimezoneName": "Europe/Berlin"}])
def test_what_is_traded_elsewhere_is_refused(site, fetch, meta):
    site.has("ACME", chart(ROWS, **meta))
    with pytest.raises(UsageError, match="Only dollars and sessions of XNYS are known here"):
        fetch()


def test_a_price_that_is_missing_is_told(site, fetch):
    site.has("ACME", chart([*ROWS[:3], ("2025-06-20", 43.0, None, 42.0, 43.0, 5)]))
    with pytest.raises(DataError, match="1 row came with empty cells, the first for 2025-06-20"):
        fetch()


# Estimates


def yahoo_table(*rows, zone="America/New_York", columns=("EPS Estimate", "Reported EPS")):
    times = pd.DatetimeIndex([pd.Timestamp(time) for time, *_ in rows])
    index = times.tz_localize(zone) if zone else times
    table = pd.DataFrame([row[1:] for row in rows], index=index, columns=list(columns))
    table["Surprise(%)"] = 1.0
    return table


@pytest.fixture
def answers(monkeypatch):
    """What yfinance gives, one after another."""
    coming = []

    def give(limit):
        answer = coming.pop(0) if len(coming) > 1 else coming[0]
        if isinstance(answer, Exception):
            raise answer
        return answer

    monkeypatch.setattr(yahoo, "_ticker", lambda symbol: SimpleNamespace(get_earnings_dates=give))
    monkeypatch.setattr(yahoo, "_PATIENCE", Patience(tries=2, seconds=5, each=5, wait=0.001))
    monkeypatch.setattr(yahoo, "_PACE", yahoo.Pace(10_000))
    return coming


REPORTS = (("2025-05-14 16:00", 0.25, 0.3), ("2025-02-26 16:00", 0.2, float("nan")))


def test_estimates_are_read_with_their_day_in_new_york(answers):
    answers.append(yahoo_table(*REPORTS))
    assert ask_estimates("ACME") == [
        AnalystEstimate(date(2025, 2, 26), None, 0.2),
        AnalystEstimate(date(2025, 5, 14), 0.3, 0.25),
    ]
    answers[:] = [yahoo_table(("2025-05-15 01:00", 0.25, 0.3), zone="UTC")]
    assert ask_estimates("ACME")[0].day == date(2025, 5, 14)


def test_a_report_without_figures_hides_none_that_has_them(answers):
    """Yahoo lists a call beside its report; without either EDGAR's own figure counts."""
    call = ("2025-05-14 08:00", float("nan"), float("nan"))
    answers.append(yahoo_table(call, *REPORTS[:1]))
    assert ask_estimates("ACME") == [AnalystEstimate(date(2025, 5, 14), 0.3, 0.25)]


def test_yahoo_is_asked_again(answers):
    from yfinance.exceptions import YFRateLimitError

    answers += [YFRateLimitError(), yahoo_table(*REPORTS)]
    assert len(ask_estimates("ACME")) == 2


@pytest.mark.parametrize("answer", [None, yahoo_table(*REPORTS).head(0), OSError("gone")])
def test_a_yahoo_that_does_not_answer_is_told(answers, answer):
    answers.append(answer)
    with pytest.raises(SourceError, match=r"Yahoo, earnings of ACME: .* Tried 2 times"):
        ask_estimates("ACME")


@pytest.mark.parametrize(
    ("answer", "told"),
    [
        (yahoo_table(*REPORTS, columns=("EPS", "Reported EPS")), "['EPS Estimate'] not in index"),
        (yahoo_table(*REPORTS, zone=None), "TypeError: Cannot convert tz-naive"),
        (yahoo_table(("2025-05-14", "much", 0.3)), "could not convert string"),
        (KeyError("Earnings Date"), "KeyError"),
    ],
    ids=["another column", "no zone", "a word", "another page"],
)
def test_a_yahoo_of_another_form_is_told(answers, answer, told):
    answers.append(answer)
    with pytest.raises(DataError, match="of another form than yfinance") as caught:
        ask_estimates("ACME")
    assert told in str(caught.value)
    assert "--no-estimates" in str(caught.value)
