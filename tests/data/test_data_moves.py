"""Events held against the prices: stated moves, and opens that came a session later."""

import pytest

from backtest.data.checks import check_events
from backtest.data.datafile import metadata_of, write_data_file
from backtest.data.event_checks import nearest_day, stated_figures
from tests.made_up import ACME, EARNINGS, NEWS, SESSIONS, day

EARNINGS_FILE, NEWS_FILE, PRICES_FILE = (
    "data/events/earnings.csv",
    "data/events/news.csv",
    "data/prices/ACME.csv",
)


def told(findings, text):
    """The severities of the findings that tell the text."""
    return [one.severity for one in findings if text in one.what]


def earnings_row(at, precision="exact", period="2025Q1", note="made up"):
    return EARNINGS + f"ACME,{at},{precision},One more,{period},0.30,0.20,,A,{note}\n"


def news_row(at="2025-06-12T08:00:00-04:00", precision="minute", headline="More", note="made up"):
    return NEWS + f'ACME,{at},{precision},{headline},contract,"{note}"\n'


# ACME opens at 108.00 on 2025-06-12 and closes at 109.00, its high is 110.00 and its low 106.00;
# the close before is 108.00 and the next one 110.00: +0.93 %, then +0.92 %.
AGREES = (
    "close +0.9%",
    "closed +0.93 %",
    "shares rose 0.9%",
    "the stock rose 0.93 % on 2025-06-12",
    "06-12 close +0.9%",
    "close 06-13 +0.92% (109.00 to 110.00)",
    "2025-06-13 (+0.9 %)",
    "same session as the +0.9%",
    "intraday -1.9%, close +0.9%",
    "high +1.9 %",
    "intraday low 106.00",
    "intraday high 110",
    "open 108.00 against a previous close of 108.00",
    "open 108 vs prior close 108",
)
DISAGREES = {
    "intraday low 106.0012": "low 106.0000",
    "close -0.9%": "ACME on 2025-06-12: close +0.9 %",
    "closed +0.92 %": "ACME on 2025-06-12: close +0.93 %; 2025-06-13 has it",
    "shares fell 0.9%": "close +0.9 %",
    "06-13 close +0.93%": "ACME on 2025-06-13: close +0.92 %; 2025-06-12 has it",
    "close 06-13 +0.92% (109.01 to 110.00)": "close before 109.00",
    "2025-06-14 (+0.9 %)": "ACME on 2025-06-14: no session; 2025-06-13 has it",
    "intraday -1.8%": "low -1.9 %",
    "intraday low 106.01": "low 106.00",
    "open 108.10 vs prior close 108.00": "open 108.00",
}
LEFT_ALONE = (
    "rates up 5 %, +25 % conversion premium",
    "shares rose 7.7% in the month",
    "shares rose 7.7% after hours",
    "stock fell 30 % since June",
    "1.75% due 2031, conversion about 107.80 (+25%)",
    "Up 94.5 % on the previous 13F",
    "CDS 368 (10-06) to 643 (12-05)",
    "up to 26 %",
    "range 47-55",
)


@pytest.mark.parametrize("note", AGREES)
def test_a_stated_move_that_prices_show_is_read_and_not_told(checkout, note):
    assert list(stated_figures(note))
    checkout.write(NEWS_FILE, news_row(note=note))
    assert told(check_events(checkout.workspace), "States") == []


@pytest.mark.parametrize(("note", "actual"), DISAGREES.items())
def test_a_stated_move_that_prices_do_not_show_is_told_with_both_figures(checkout, note, actual):
    checkout.write(NEWS_FILE, news_row(note=note))
    (found,) = [one for one in check_events(checkout.workspace) if one.what.startswith("States")]
    assert found.severity == "warning"
    assert note.split("%")[0] in found.what
    assert actual in found.what
    assert found.where.startswith("data/events/news.csv, line 4, news-20250612-")
    assert "`backtest events seal news`" in found.mend


def test_a_stated_price_is_of_its_day_whatever_split_came_later(checkout):
    head, *rows = ACME.splitlines()
    cells = [row.split(",") for row in rows]
    halves = (",".join([day, *(str(float(one) / 2) for one in more)]) for day, *more in cells)
    known = metadata_of([one[0] for one in cells], source="x", adjust="splits, as of 2025-06-30")
    write_data_file(checkout.root / PRICES_FILE, "\n".join([head, *halves]).encode(), known)
    split = "day,action,amount,until,name,source\n2025-06-20,split,2,,,made up\n"
    known = metadata_of(["2025-06-20"], source="made up")
    write_data_file(checkout.root / "data/actions/ACME.csv", split.encode(), known)
    for note, found in (
        ("close +0.9% (108.00 to 109.00); intraday low 106.00", []),
        ("close +0.9% (54.00 to 54.50)", ["warning", "warning"]),
    ):
        checkout.write(NEWS_FILE, news_row(note=note))
        assert told(check_events(checkout.workspace), "States") == found


@pytest.mark.parametrize("note", LEFT_ALONE)
def test_other_figures_are_left_alone(note):
    assert list(stated_figures(note)) == []


@pytest.mark.parametrize(
    ("at", "precision", "session"),
    [
        ("2025-06-12T09:00:00-04:00", "session", "2025-06-12"),
        ("2025-06-12T15:00:00-04:00", "minute", "2025-06-12"),
        ("2025-06-12T16:00:00-04:00", "exact", "2025-06-13"),
        ("2025-06-12T23:59:59-04:00", "date", "2025-06-12"),
        ("2025-06-14T23:59:59-04:00", "date", "2025-06-16"),
    ],
)
def test_an_undated_move_is_of_the_first_session_that_closes_after_the_event(
    checkout, at, precision, session
):
    checkout.write(NEWS_FILE, news_row(at, precision, note="close +9.9%"))
    (found,) = [one for one in check_events(checkout.workspace) if "States" in one.what]
    assert f"ACME on {session}: " in found.what


def test_an_event_of_no_known_day_has_no_session(checkout):
    checkout.write(NEWS_FILE, news_row("2025-06-15T23:59:59-04:00", "week", note="close +9.9%"))
    assert told(check_events(checkout.workspace), "States") == []


def test_a_day_without_a_year_is_the_nearest():
    assert nearest_day("12-19", day("2026-01-05")) == day("2025-12-19")
    assert nearest_day("01-05", day("2025-12-19")) == day("2026-01-05")
    assert nearest_day("02-29", day("2025-02-20")) == day("2024-02-29")
    assert nearest_day("13-40", day("2025-02-20")) is None


@pytest.mark.parametrize(
    ("headline", "at", "precision", "told"),
    [
        ("More: close +9.9%", "2025-06-12T09:00:00-04:00", "session", "2025-06-12"),
        ("More: 06-13 +4.0%", "2025-06-12T23:59:59-04:00", "date", "2025-06-13"),
        ("More: close +9.9%", "2025-06-12T23:59:59-04:00", "date", None),
        ("After 06-11 +4.0%", "2025-06-12T09:00:00-04:00", "session", None),
    ],
)
def test_a_move_that_strategies_read_too_early_is_an_error(checkout, headline, at, precision, told):
    checkout.write(NEWS_FILE, news_row(at, precision, headline=f'"{headline}"'))
    found = [one for one in check_events(checkout.workspace) if one.severity == "error"]
    move = headline.partition(": ")[2]
    what = f"headline tells {move!r}, and the session of {told} had not closed"
    assert [one.what for one in found] == ([what] if told else [])


@pytest.mark.parametrize(
    ("headline", "told"),
    [
        ("A peak on 06-17", "'06-17'"),
        ("A peak on 2025-06-17", "'2025-06-17'"),
        ("Coverage starts the next day", "'the next day'"),
        ("A contract to 2031-12-14", None),
        ("368 bp (06-02)", None),
        ("A range of 47-55", None),
    ],
)
def test_a_later_day_that_strategies_read_is_noted(checkout, headline, told):
    checkout.write(NEWS_FILE, news_row(headline=headline, note="on 06-18, the next day"))
    found = [one for one in check_events(checkout.workspace) if "speaks of" in one.what]
    assert [(one.severity, one.what) for one in found] == (
        [("note", f"headline speaks of {told}, after the event was public")] if told else []
    )


def wandering(*jumps):
    """ACME with opens half a per cent off the close before, and some, by number, 20 % above it."""
    rows, close = ["date,open,high,low,close,volume"], 100.0
    for number, session in enumerate(SESSIONS):
        start = close * (1.2 if number in jumps else 1.005 if number % 2 else 0.995)
        close = start
        rows.append(f"{session},{start:.4f},{start:.4f},{start:.4f},{close:.4f},1000")
    return "\n".join(rows) + "\n"


def test_a_morning_stamp_whose_day_was_quiet_and_whose_next_open_jumped_is_told(checkout):
    place = SESSIONS.index("2025-07-07")
    checkout.write(EARNINGS_FILE, earnings_row("2025-07-07T08:00:00-04:00"))
    checkout.write(PRICES_FILE, wandering(place + 1))
    text = "Stamped before the open of 2025-07-07, which opened +0.5 %; the next session opened +20"
    assert told(check_events(checkout.workspace), text) == ["warning"]
    for twin in ([place], [place, place + 1], [place + 2]):
        checkout.write(PRICES_FILE, wandering(*twin))
        assert told(check_events(checkout.workspace), "Stamped before the open") == []
    checkout.write(PRICES_FILE, wandering(place + 1))
    for later in ("12:00:00", "16:05:00"):
        checkout.write(EARNINGS_FILE, earnings_row(f"2025-07-07T{later}-04:00"))
        assert told(check_events(checkout.workspace), "Stamped before the open") == []
