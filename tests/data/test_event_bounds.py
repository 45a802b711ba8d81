"""The checks of an event at their bounds: days after a quarter, hours, figures, later days."""

from datetime import timedelta
from pathlib import Path

import pandas as pd
import pytest

from backtest.data.datafile import DataFile
from backtest.data.event_checks import (
    FiledEvent,
    agrees,
    check_stated,
    check_texts,
    check_time,
    session_figure,
)
from backtest.data.prices import Prices
from tests.made_up import day, earnings, news, report, stake

DAYS = ("2025-06-11", "2025-06-12", "2025-06-13")
ROWS = [
    [100.0, 104.0, 98.0, 102.0, 10.0], [102.0, 106.0, 101.0, 104.04, 10.0],
    [104.0, 107.0, 103.0, 105.0, 10.0],
]  # fmt: skip


def prices(*columns):
    """Prices of three sessions; closes alone where a column is named."""
    index = pd.DatetimeIndex(DAYS, name="session")
    table = pd.DataFrame(ROWS, index, ["open", "high", "low", "close", "volume"])
    file = DataFile(Path("made/ACME.csv"), "", "", {})
    return Prices("ACME", table[list(columns)] if columns else table, file)


def filed(event):
    return FiledEvent("made", event.published_at.isoformat(), event)


def times(event):
    return [(one.severity, one.what) for one in check_time(filed(event))]


def whats(findings):
    return [one.what for one in findings]


# Results and their quarter


@pytest.mark.parametrize(
    ("on", "told"),
    [
        ("2025-03-31", [("error", "Results of 2025Q1 are stamped 2025-03-31, and the quarter")]),
        ("2025-04-01", [("warning", "Results of 2025Q1 are stamped 2025-04-01, 1 days after the")]),
        ("2025-04-04", [("warning", "Results of 2025Q1 are stamped 2025-04-04, 4 days after the")]),
        ("2025-04-07", []),
    ],
)
def test_results_within_five_days_of_their_quarter_are_doubted(on, told):
    found = times(earnings(f"{on}T16:05:00-04:00", period="2025Q1"))
    assert [severity for severity, _ in found] == [severity for severity, _ in told]
    assert all(what.startswith(text) for (_, what), (_, text) in zip(found, told, strict=True))


@pytest.mark.parametrize(("on", "told"), [("2025-05-05", 1), ("2025-05-06", 0)])
def test_the_day_that_ended_the_quarter_counts_before_its_name(on, told):
    event = earnings(f"{on}T16:05:00-04:00", period="2025Q1", period_end="2025-04-30")
    assert len(times(event)) == told


def test_the_end_of_the_quarter_is_asked_for_only_where_it_is_not_on_file():
    at = "2025-03-31T16:05:00-04:00"
    (by_name,) = check_time(filed(earnings(at, period="2025Q1")))
    (by_day,) = check_time(filed(earnings(at, period="2025Q1", period_end="2025-03-31")))
    assert "write the day on which it ended as `period_end`" in by_name.mend
    assert "period_end" not in by_day.mend
    assert by_day.mend.endswith("Then `backtest events seal earnings`.")


def test_results_of_no_known_quarter_are_not_judged():
    assert times(earnings(period=None)) == []


# Filings


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"form": "13f-hr", "as_of": "2025-06-04"}, 2),  # of its own day, and no end of a quarter
        ({"form": "13F-HR", "as_of": "2025-03-30"}, 1),
        ({"form": "13F-HR", "as_of": "2025-03-31"}, 0),
        ({"form": "13F-HR"}, 0),
        ({"form": "8-K", "as_of": "2025-06-04"}, 0),
    ],
)
def test_a_13f_describes_the_end_of_a_quarter_before_it(changes, told):
    assert len(times(stake("2025-06-04T16:05:00-04:00", **changes))) == told


@pytest.mark.parametrize(
    ("clock", "told"),
    [("05:59:59", True), ("06:00:00", False), ("22:00:00", False), ("22:00:01", True)],
)
def test_filings_are_accepted_from_six_to_ten_in_the_evening(clock, told):
    found = times(stake(f"2025-06-04T{clock}-04:00", form="SC 13D"))
    assert [what.startswith(f"A filing accepted at {clock[:5]}") for _, what in found] == [
        True
    ] * told


@pytest.mark.parametrize(
    "event",
    [
        stake("2025-06-04T23:00:00-04:00", form="press"),
        stake("2025-06-04T23:59:59-04:00", form="8-K", precision="session"),
        news("2025-06-04T23:00:00-04:00"),
    ],
)
def test_what_is_no_acceptance_may_come_at_night(event):
    assert times(event) == []


@pytest.mark.parametrize("form", ["13F-HR", "8-K", "10-Q", "S-1", "SC 13G", "schedule 13D"])
@pytest.mark.parametrize("precision", ["exact", "minute"])
def test_each_form_of_edgar_is_accepted_in_its_hours(form, precision):
    event = stake("2025-06-04T05:00:00-04:00", form=form, precision=precision)
    assert len(times(event)) == 1


@pytest.mark.parametrize(
    ("on", "told"), [("2025-06-13", 0), ("2025-06-14", 1), ("2025-06-15", 1), ("2025-06-16", 0)]
)
def test_saturdays_and_sundays_are_noted(on, told):
    found = times(news(f"{on}T12:00:00-04:00"))
    assert [severity for severity, _ in found] == ["note"] * told
    assert times(news(f"{on}T23:59:59-04:00", precision="month")) == []


# Words of the time


@pytest.mark.parametrize(
    ("clock", "note", "told"),
    [
        ("09:29:59", "Released after the close", ["but is stamped before the open"]),
        ("09:30:00", "Released after the close", ["but is stamped during the session"]),
        ("15:59:59", "Released after the close", ["but is stamped during the session"]),
        ("09:30:00", "Out during the session", []),
        ("09:29:59", "Out during the session", ["but is stamped before the open"]),
        ("09:29:59", "Released before the open", []),
        ("09:30:00", "Released before the open", []),  # within the session, it may be late
        ("15:59:59", "Released before the open", []),
        ("16:00:00", "Released before the open", ["but is stamped after the close"]),
        ("16:00:00", "Released after the close", []),
    ],
)
def test_words_and_the_stamp_agree_on_the_side_of_the_session(clock, note, told):
    found = times(news(f"2025-06-12T{clock}-04:00", note=note))
    assert [text in what for (_, what), text in zip(found, told, strict=True)] == [True] * len(told)


def test_words_are_quoted_without_what_stands_around_them():
    event = news("2025-06-12T09:00:00-04:00", note="A deal; after the close.")
    assert [what.partition(",")[0] for _, what in times(event)] == ["Says 'after the close'"]


def test_on_a_day_without_a_session_words_of_one_prove_nothing():
    event = news("2025-06-19T08:00:00-04:00", note="Released after the close")  # a holiday
    assert times(event) == []


@pytest.mark.parametrize(
    ("at", "precision", "told"),
    [
        ("2025-06-12T04:00:00Z", "minute", ["error"]),
        ("2025-06-12T04:00:00Z", "session", ["error"]),
        ("2025-06-12T00:00:00Z", "session", []),
        ("2025-06-12T05:00:00Z", "minute", []),
        ("2025-06-12T00:00:00Z", "exact", ["warning"]),
        ("2025-06-12T01:00:00Z", "exact", []),
    ],
)
def test_a_midnight_that_is_not_written_as_one_is_told_by_its_zone(at, precision, told):
    event = news(at, precision=precision)
    found = check_time(FiledEvent("made", "2025-06-11T20:00:00-04:00", event))
    assert [one.severity for one in found] == told


# Figures


@pytest.mark.parametrize(
    ("stated", "actual", "is_so"),
    [
        ("36", 36.5, True),
        ("36", 35.5, True),
        ("36", 36.501, False),
        ("-16.3", -16.35, True),
        ("-16.3", -16.351, False),
        ("-16.3", 16.3, False),
        ("2.00", 2.005, True),
        ("2.00", 2.0051, False),
    ],
)
def test_a_figure_agrees_where_it_rounds_so(stated, actual, is_so):
    assert agrees(stated, actual) is is_so


@pytest.mark.parametrize(
    ("session", "name", "figure"),
    [
        ("2025-06-11", "open", 100.0),
        ("2025-06-11", "previous_close", None),
        ("2025-06-11", "close_change", None),
        ("2025-06-12", "previous_close", 102.0),
        ("2025-06-12", "close_change", 0.02),
        ("2025-06-12", "open_to_close", 0.02),
        ("2025-06-12", "high_change", 106 / 102 - 1),
        ("2025-06-12", "low_change", 101 / 102 - 1),
        ("2025-06-14", "close", None),
        ("2025-06-14", "close_change", None),
    ],
)
def test_the_figures_of_a_session(session, name, figure):
    found = session_figure(prices(), day(session), name)
    assert found == (figure if figure is None else pytest.approx(figure))


def test_of_closes_alone_there_are_no_other_figures():
    closes = prices("close")
    assert session_figure(closes, day("2025-06-12"), "close") == 104.04
    assert session_figure(closes, day("2025-06-12"), "low") is None
    assert session_figure(closes, day("2025-06-12"), "low_change") is None


def stated(note, on="2025-06-12", of=None):
    event = news(f"{on}T08:00:00-04:00", note=note)
    return whats(check_stated(filed(event), of or prices()))


@pytest.mark.parametrize(
    ("note", "on", "told"),
    [
        ("intraday low 98", "2025-06-11", []),
        ("intraday low 97", "2025-06-11", ["ACME on 2025-06-11: low 98.00"]),  # the first session
        ("intraday low 97", "2025-06-13", ["ACME on 2025-06-13: low 103.00"]),  # and the last
        ("intraday low 97", "2025-06-10", []),
        ("intraday low 97", "2025-06-16", []),
        ("close +9.9%", "2025-06-11", []),  # no close before it is known
        ("06-10 close +9.9%; intraday low 97", "2025-06-12", ["ACME on 2025-06-12: low 101.00"]),
        ("open 102 vs prior close 102", "2025-06-12", []),
        ("open 103 vs prior close 101", "2025-06-12", ["open 102.00", "close before 102.00"]),
        ("close +1.0%", "2025-06-12", ["close +2.0 %"]),
        ("06-12 close +2.00% (102.00 to 104.04)", "2025-06-12", []),
        ("06-12 close +2.00% (102.00 to 104.05)", "2025-06-12", ["close 104.04"]),
    ],
)
def test_stated_figures_are_held_against_the_sessions_that_there_are(note, on, told):
    found = stated(note, on)
    assert [text in what for what, text in zip(found, told, strict=True)] == [True] * len(told)


def test_closes_alone_say_nothing_of_lows():
    assert stated("intraday low 97", of=prices("close")) == []


@pytest.mark.parametrize(
    ("note", "beside"),
    [("intraday low 98", "2025-06-11"), ("intraday low 103", "2025-06-13")],
)
def test_a_session_beside_the_stated_one_that_has_the_figure_is_named(note, beside):
    (what,) = stated(note)
    assert what.endswith(f"ACME on 2025-06-12: low 101.00; {beside} has it")


# What strategies read


@pytest.mark.parametrize(
    ("clock", "text", "told"),
    [
        ("15:59:59", "06-12 close +2%", True),
        ("16:00:00", "06-12 close +2%", False),
        ("15:59:59", "06-11 close +2%", False),
        ("16:00:00", "06-13 close +2%", True),
    ],
)
def test_a_move_is_known_once_its_session_has_closed(clock, text, told):
    found = check_texts(filed(news(f"2025-06-12T{clock}-04:00", headline=text)))
    assert [one.severity for one in found if "tells" in one.what] == ["error"] * told


@pytest.mark.parametrize(("days", "told"), [(0, 0), (1, 1), (299, 1), (300, 0), (-1, 0)])
def test_days_to_come_are_noted_up_to_three_hundred(days, told):
    later = day("2025-06-12") + timedelta(days)
    event = news("2025-06-12T08:00:00-04:00", headline=f"Planned for {later}")
    assert len(list(check_texts(filed(event)))) == told


def test_the_first_day_to_come_is_named_once_for_each_text():
    event = report("2025-06-12T08:00:00-04:00", headline="On 06-10, 06-17 and 06-18", claim="06-20")
    assert whats(check_texts(filed(event))) == [
        "headline speaks of '06-17', after the event was public",
        "claim speaks of '06-20', after the event was public",
    ]


def test_a_symbol_tells_no_day_and_a_text_that_is_none_no_later_one():
    event = news("2025-06-12T08:00:00-04:00", symbol="06-17", headline="A made-up 13-40")
    assert whats(check_texts(filed(event))) == []
