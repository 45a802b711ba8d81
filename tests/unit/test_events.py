"""Events: the formulas of their properties, their ids, their stamps, and the files they are in."""

from datetime import UTC, date, datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from backtest.datafiles import DataFile
from backtest.errors import DataError
from backtest.events import (
    FILED_KINDS,
    Earnings,
    Event,
    News,
    ShortReport,
    StakeDisclosure,
    Start,
    event_order,
    read_all_events,
    read_events,
)
from backtest.events.files import parse_events
from tests.made_up import EARNINGS, STAKES, earnings, ids, news, report, stake, utc

EMBEDDED = Path(__file__).parents[2] / "data" / "events"


# Formulas


@pytest.mark.parametrize(
    ("eps", "consensus", "surprise"),
    [
        (0.30, 0.20, 0.5),  # (0.30 − 0.20) ÷ 0.20
        (-0.08, -0.36, 0.28 / 0.36),  # a smaller loss than feared is a beat
        (-0.30, -0.20, -0.5),
        (0.10, -0.20, 1.5),  # (0.10 + 0.20) ÷ 0.20
        (-0.10, 0.20, -1.5),
        (0.20, 0.20, 0.0),
        (0.20, 0.0, None),
        (None, 0.20, None),
        (0.20, None, None),
    ],
)
def test_eps_surprise_is_the_difference_over_the_size_of_the_consensus(eps, consensus, surprise):
    assert earnings(eps=eps, eps_consensus=consensus).eps_surprise == pytest.approx(surprise)


@pytest.mark.parametrize(
    ("revenue", "consensus", "surprise"),
    [(110.0, 100.0, 0.1), (75.0, 100.0, -0.25), (None, 100.0, None), (110.0, None, None)],
)
def test_revenue_surprise_is_revenue_over_consensus_less_one(revenue, consensus, surprise):
    event = earnings(revenue=revenue, revenue_consensus=consensus)
    assert event.revenue_surprise == pytest.approx(surprise)


def test_revenue_surprise_is_unknown_for_a_consensus_of_zero():
    assert earnings(revenue=1.0, revenue_consensus=0.0).revenue_surprise is None


def test_guidance_surprise_is_the_midpoint_of_the_quarter_over_its_consensus():
    event = earnings(
        guidance_low=90.0,
        guidance_high=100.0,
        guidance_consensus=100.0,
        fy_guidance_low=500.0,
        fy_guidance_high=500.0,
        fy_guidance_prev_low=400.0,
        fy_guidance_prev_high=400.0,
    )
    assert event.guidance_surprise == pytest.approx(-0.05)  # 95 ÷ 100 − 1
    assert event.guidance_change == pytest.approx(0.25)  # 500 ÷ 400 − 1


def test_without_consensus_for_the_quarter_the_change_of_the_full_year_counts():
    year = {"fy_guidance_low": 440.0, "fy_guidance_high": 460.0}
    before = {"fy_guidance_prev_low": 490.0, "fy_guidance_prev_high": 510.0}
    quarter = {"guidance_low": 90.0, "guidance_high": 100.0}
    assert earnings(**quarter, **year, **before).guidance_surprise == pytest.approx(-0.1)
    assert earnings(**year, **before).guidance_surprise == pytest.approx(-0.1)
    assert earnings(**quarter, **year).guidance_surprise is None
    assert earnings(fy_guidance_low=440.0, **before).guidance_change is None


@pytest.mark.parametrize(
    ("shares", "previous", "change"),
    [(150, 100, 0.5), (50, 100, -0.5), (100, 100, 0.0), (0, 100, -1.0), (100, 0, None)],
)
def test_stake_change_is_shares_over_those_last_known_less_one(shares, previous, change):
    assert stake(shares=shares, previous_shares=previous).stake_change == change


def test_stake_change_is_unknown_without_both_counts():
    assert stake(shares=100).stake_change is None
    assert stake(previous_shares=100).stake_change is None


@pytest.mark.parametrize(
    ("at", "as_of", "days"),
    [
        ("2025-05-15T16:30:00-04:00", "2025-03-31", 45),  # 30 days of April and 15 of May
        ("2025-05-15T23:59:59-04:00", "2025-05-15", 0),  # in UTC it is the 16th already
        ("2026-01-01T00:30:00+00:00", "2025-12-31", 0),  # in New York it is still the 31st
    ],
)
def test_staleness_counts_days_to_the_new_york_day_of_publication(at, as_of, days):
    assert stake(at, as_of=as_of).staleness == days


def test_staleness_is_unknown_without_the_day_described():
    assert stake().staleness is None


def test_a_disclosure_of_the_future_is_refused():
    with pytest.raises(ValidationError, match="as_of 2025-06-05 is later than the publication"):
        stake("2025-06-04T16:05:00-04:00", as_of="2025-06-05")


STALE = stake("2025-06-04T16:05:00-04:00", as_of="2025-03-31")


@pytest.mark.parametrize(
    ("known", "stale"),
    [
        (stake("2025-06-03T16:05:00-04:00", as_of="2025-04-30"), True),
        (stake("2025-06-03T16:05:00-04:00", as_of="2025-03-31"), False),  # the same day
        (stake("2025-06-03T16:05:00-04:00", as_of="2025-01-31"), False),  # an earlier day
        (stake("2025-06-03T16:05:00-04:00"), False),  # a day that nobody knows
        (stake("2025-06-04T16:05:00-04:00", as_of="2025-04-30"), False),  # at the same time
        (stake("2025-06-05T16:05:00-04:00", as_of="2025-04-30"), False),  # public later
        (stake("2025-06-03T16:05:00-04:00", as_of="2025-04-30", holder="OTHER"), False),
        (stake("2025-06-03T16:05:00-04:00", as_of="2025-04-30", symbol="OTHR"), False),
        (earnings("2025-06-03T16:05:00-04:00"), False),
    ],
)
def test_a_disclosure_is_stale_where_one_before_told_of_a_later_day(known, stale):
    assert STALE.is_stale([known]) is stale
    assert STALE.is_stale([STALE, known]) is stale


def test_a_disclosure_without_a_day_is_never_stale():
    known = stake("2025-06-03T16:05:00-04:00", as_of="2025-04-30")
    assert stake().is_stale([known]) is False


# The embedded rows, by hand


def close_to(value: float | None) -> object:
    return None if value is None else pytest.approx(value, rel=1e-12)


def embedded(kind: type[Event], day: str) -> Event:
    events = read_events(EMBEDDED, kind).events
    return next(e for e in events if e.id.startswith(f"{kind.kind}-{day}"))


@pytest.mark.parametrize(
    ("day", "eps", "revenue", "guidance", "change"),
    [
        ("20250514", (-0.609 + 0.117) / 0.117, 981.6 / 860 - 1, None, None),
        (
            "20250812",
            (-0.269 + 0.204) / 0.204,
            1212.788 / 1081 - 1,
            1.28 / 1.25 - 1,
            5.25 / 5.00 - 1,
        ),
        (
            "20251110",
            (-0.08 + 0.36) / 0.36,
            1364.676 / 1280 - 1,
            5.10 / 5.25 - 1,  # no guidance of a quarter: the full year's change
            5.10 / 5.25 - 1,
        ),
        ("20260226", (-0.56 + 0.49) / 0.49, 1570 / 1550 - 1, 1.95 / 2.29 - 1, None),
        ("20260507", (-1.11 + 0.92) / 0.92, 2078 / 1970 - 1, 2.525 / 2.69 - 1, 0.0),
        ("20260811", (-1.03 + 1.27) / 1.27, 2575 / 2560 - 1, 12.8 / 12.5 - 1, 12.8 / 12.5 - 1),
    ],
)
def test_surprises_of_the_embedded_earnings(day, eps, revenue, guidance, change):
    event = embedded(Earnings, day)
    assert event.eps_surprise == close_to(eps)
    assert event.revenue_surprise == close_to(revenue)
    assert event.guidance_surprise == close_to(guidance)
    assert event.guidance_change == close_to(change)


@pytest.mark.parametrize(
    ("day", "change", "staleness", "stale"),
    [
        ("20250303", None, 3, False),  # 2025-02-28 to 2025-03-03
        ("20250327", 24182460 / 17932460 - 1, None, False),
        ("20250515", 0.0, 45, False),
        ("20250814", 24277573 / 24182460 - 1, 45, False),  # 2025-06-30 to 2025-08-14
        ("20251114", 0.0, 45, False),
        ("20260126", 47213353 / 24277573 - 1, 3, False),
        ("20260217", 24277573 / 47213353 - 1, 48, True),  # 2025-12-31 to 2026-02-17
        ("20260515", 0.0, 45, False),
        ("20260814", 0.0, 45, False),
    ],
)
def test_changes_and_staleness_of_the_embedded_stakes(day, change, staleness, stale):
    event = embedded(StakeDisclosure, day)
    assert event.stake_change == close_to(change)
    assert event.staleness == staleness
    assert event.is_stale(read_events(EMBEDDED, StakeDisclosure).events) is stale


# Ids


def test_ids_are_these_for_ever():
    assert embedded(Earnings, "20251110").id == "earnings-20251110-3354bd"
    assert embedded(StakeDisclosure, "20260126").id == "stake_disclosure-20260126-5dc371"
    assert embedded(ShortReport, "20250916").id == "short_report-20250916-3bd697"
    assert earnings().id == "earnings-20250604-0d170b"


def test_the_id_is_made_of_symbol_kind_time_and_headline():
    base = earnings().id
    assert earnings(symbol="OTHR").id != base
    assert earnings("2025-06-04T16:05:01-04:00").id != base
    assert earnings(headline="Made up too").id != base
    assert news().id.rpartition("-")[2] != base.rpartition("-")[2]


def test_the_id_does_not_change_with_other_fields():
    other = earnings(
        precision="minute", eps=1.0, period="2025Q4", grade="C", note="more",
        source_url="https://example.org",
    )  # fmt: skip
    assert other.id == earnings().id


def test_the_id_is_the_same_for_the_same_instant_in_another_zone():
    assert earnings("2025-06-04T20:05:00Z").id == earnings().id
    assert earnings("2025-06-05T05:05:00+09:00").id == earnings().id


def test_the_id_names_the_new_york_day():
    assert earnings("2025-06-05T01:00:00Z").id.startswith("earnings-20250604-")


# Stamps


def test_times_are_utc_in_memory():
    stamp = earnings("2025-06-04T16:05:00-04:00").published_at
    assert stamp == datetime(2025, 6, 4, 20, 5, tzinfo=UTC)
    assert stamp.tzinfo is UTC


def test_a_time_without_a_zone_is_refused():
    with pytest.raises(ValidationError, match="timezone"):
        earnings("2025-06-04T16:05:00")


@pytest.mark.parametrize("precision", ["date", "week", "month"])
def test_coarse_stamps_stand_at_the_end_of_a_new_york_day(precision):
    for at in ("2025-06-04T23:59:59-04:00", "2025-12-04T23:59:59-05:00", "2025-06-05T03:59:59Z"):
        assert earnings(at, precision=precision).precision == precision
    for at in ("2025-06-04T23:59:59Z", "2025-06-04T16:00:00-04:00", "2025-12-04T23:59:59-04:00"):
        with pytest.raises(ValidationError, match=r"23:59:59 New York time, never earlier"):
            earnings(at, precision=precision)


@pytest.mark.parametrize("precision", ["exact", "minute", "session"])
def test_finer_stamps_stand_anywhere(precision):
    assert earnings("2025-06-04T12:34:56Z", precision=precision).precision == precision


def test_events_cannot_be_changed():
    with pytest.raises(ValidationError, match="frozen"):
        earnings().headline = "another"


# Kinds and their files


def test_kinds_and_their_files_are_named_after_the_class():
    class PriceTargetsRaised(Event):
        pass

    class EIAReport(Event):
        pass

    assert [(kind.kind, kind.file_name()) for kind in (*FILED_KINDS, Start)] == [
        ("earnings", "earnings.csv"),
        ("stake_disclosure", "stake_disclosures.csv"),
        ("short_report", "short_reports.csv"),
        ("news", "news.csv"),
        ("start", "starts.csv"),
    ]
    assert PriceTargetsRaised.kind == "price_targets_raised"
    assert ShortReport.kind == "short_report"
    assert EIAReport.kind == "eiareport"


def test_a_kind_of_ones_own_is_read_from_its_file(checkout):
    class InsiderSale(Event):
        seller: str
        shares: int

    checkout.write(
        "data/events/insider_sales.csv",
        "symbol,published_at,precision,headline,seller,shares\n"
        "ACME,2025-06-04T16:05:00-04:00,exact,Made up,Joe Boss,5\n",
    )
    (event,) = read_events(checkout.root / "data/events", InsiderSale).events
    assert (event.kind, event.seller, event.shares) == ("insider_sale", "Joe Boss", 5)


def test_the_made_up_file_is_read_in_order_of_publication(checkout):
    file = read_events(checkout.root / "data/events", Earnings)
    assert [event.headline for event in file.events] == ["A made-up beat", "A made-up miss"]
    assert [event.eps_surprise for event in file.events] == pytest.approx([0.5, -0.5])
    assert file.events[1].source_url is None
    assert file.events[0].published_at == utc("2025-06-04T16:05:00-04:00")
    assert file.kind is Earnings


def parse(text: str, kind: type[Event] = Earnings) -> tuple[Event, ...]:
    return parse_events(DataFile(Path("made/up.csv"), text, "", {}), kind)


@given(st.permutations(STAKES.splitlines()[1:] + [
    f"ACME,2025-06-1{n}T16:30:00-04:00,exact,Row {n},BIGCO,8-K,2025-06-01,{n},1,false,made up"
    for n in range(6)
]))  # fmt: skip
def test_the_order_of_rows_changes_nothing(rows):
    header = STAKES.splitlines()[0]
    events = parse("\n".join([header, *rows]), StakeDisclosure)
    assert len(events) == 8
    assert [e.published_at for e in events] == sorted(e.published_at for e in events)
    assert ids(events) == ids(parse("\n".join([header, *sorted(rows)]), StakeDisclosure))


def test_events_of_one_moment_are_ordered_by_symbol_and_id():
    moment = "2025-06-04T16:05:00-04:00"
    events = [
        report(moment, symbol="BBBB", headline="1"),
        report(moment, symbol="AAAA", headline="2"),
        report(moment, symbol="AAAA", headline="3"),
        report("2025-06-04T16:04:00-04:00", symbol="CCCC"),
    ]
    ordered = sorted(events, key=event_order)
    assert [event.symbol for event in ordered] == ["CCCC", "AAAA", "AAAA", "BBBB"]
    assert ids(ordered[1:3]) == sorted(ids(ordered[1:3]))


def test_quoted_cells_may_hold_commas_quotes_and_lines():
    text = (
        "symbol,published_at,precision,headline,period,note\r\n"
        'ACME,2025-06-04T16:05:00-04:00,exact,"A ""made-up"" beat, and more",2025Q1,"two\n'
        'lines"\r\n'
    )
    (event,) = parse(text)
    assert event.headline == 'A "made-up" beat, and more'
    assert event.note == "two\nlines"


def test_cells_are_stripped_and_blank_lines_and_a_byte_order_mark_are_let_pass(checkout):
    checkout.write(
        "data/events/earnings.csv",
        "\ufeffsymbol, published_at,precision,headline,period\n\n"
        " ACME , 2025-06-04T16:05:00-04:00,exact, Made up ,2025Q1\n\n",
    )
    (event,) = read_events(checkout.root / "data/events", Earnings).events
    assert event.id == earnings().id


def test_a_file_without_rows_holds_no_events():
    assert parse(EARNINGS.splitlines()[0] + "\n") == ()


# Malformed files: everything is told at once, with file, line, column and what is allowed

GOOD = {
    "symbol": "ACME",
    "published_at": "2025-06-04T16:05:00-04:00",
    "precision": "exact",
    "headline": "Made up",
    "period": "2025Q1",
    "eps": "",
    "guidance_low": "",
    "guidance_high": "",
    "source_url": "",
    "grade": "",
}


def row(**cells: str) -> str:
    return ",".join({**GOOD, **cells}.values())


def fault(*rows: str, header: str = ",".join(GOOD), kind: type[Event] = Earnings) -> str:
    with pytest.raises(DataError) as caught:
        parse("\n".join([header, *rows]) + "\n", kind)
    return str(caught.value)


@pytest.mark.parametrize(
    ("cells", "message"),
    [
        ({"headline": ""}, "column headline: is empty; a value is needed"),
        ({"symbol": "acme"}, r"column symbol: 'acme': does not fit the pattern ^[A-Z]"),
        ({"eps": "much"}, "column eps: 'much': Input should be a valid number"),
        ({"eps": "nan"}, "column eps: 'nan': Input should be a finite number"),
        ({"eps": "inf"}, "column eps: 'inf': Input should be a finite number"),
        ({"eps": "-Infinity"}, "column eps: '-Infinity': Input should be a finite number"),
        (
            {"published_at": "2025-06-04T16:05:00"},
            "column published_at: '2025-06-04T16:05:00': has no zone; write one, such as 2025-",
        ),
        ({"published_at": "2025-06-04"}, "column published_at: '2025-06-04': has no zone"),
        ({"published_at": "yesterday"}, "column published_at: 'yesterday': Input should be a"),
        ({"published_at": "2025-02-30T10:00:00Z"}, "column published_at: '2025-02-30T10:00:00Z'"),
        (
            {"precision": "hour"},
            "column precision: 'hour': Input should be 'exact', 'minute', 'session'",
        ),
        (
            {"precision": "week"},
            "column precision: 'week': precision week is stamped at the end of the span, 23:59:59",
        ),
        (
            {"source_url": "ftp://example.org"},
            "column source_url: 'ftp://example.org': must begin with https:// or http://",
        ),
        (
            {"source_url": "javascript:alert(1)"},
            "column source_url: 'javascript:alert(1)': must begin with https:// or http://",
        ),
        ({"grade": "D"}, "column grade: 'D': Input should be 'A', 'B' or 'C'"),
        ({"period": "Q1 2025"}, r"column period: 'Q1 2025': does not fit the pattern ^\d{4}Q"),
        (
            {"guidance_low": "110", "guidance_high": "100"},
            "guidance_low 110 is above guidance_high 100",
        ),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_a_malformed_row_is_told_with_file_line_column_and_what_is_allowed(cells, message):
    text = fault(row(headline="Good"), row(**cells))
    assert text.startswith("made/up.csv: 1 problem\n  line 3")
    assert message in text


@pytest.mark.parametrize("stamp", ["20251110", "1762809600", "1762809600.5"])
def test_a_bare_number_is_no_time_because_it_has_no_zone(stamp):
    text = fault(row(published_at=stamp))
    assert f"line 2, column published_at: '{stamp}'" in text


def test_a_time_past_the_last_one_that_python_knows_is_a_malformed_row():
    text = fault(row(published_at="9999-12-31T23:59:59-05:00"))
    assert "line 2, column published_at: '9999-12-31T23:59:59-05:00'" in text


def test_every_malformed_row_is_told_at_once():
    text = fault(
        row(eps="much", precision="hour"),
        row(headline="Good"),
        row(published_at="2025-06-04 16:05"),
        row(headline="Good"),
        row(guidance_low="2", guidance_high="1"),
        row(source_url="example.org"),
    )
    lines = text.splitlines()
    assert lines[0] == "made/up.csv: 6 problems"
    told = ("line 2, column precision", "line 2, column eps", "line 4, column published_at")
    told += ("line 5: repeats", "line 6, guidance_low 2 is above", "line 7, column source_url")
    for line, beginning in zip(lines[1:], told, strict=True):
        assert line.strip().startswith(beginning)
    assert "line 5: repeats line 3 (same symbol, time and headline); remove one" in text


def test_ragged_rows_and_bad_values_are_told_together():
    text = fault(row(eps="much"), row() + ",more", "ACME,2025-06-04T16:05:00-04:00")
    assert text.splitlines()[0] == "made/up.csv: 3 problems"
    assert "line 2, column eps: 'much'" in text
    assert "line 3: 11 cells where the header has 10" in text
    assert "line 4: 2 cells where the header has 10" in text


def test_after_fifty_problems_the_rest_is_counted():
    text = fault(*(row(headline=f"Row {n}", eps="much") for n in range(60)))
    assert text.splitlines()[0] == "made/up.csv: 60 problems"
    assert "line 51, column eps" in text
    assert "line 52" not in text
    assert text.endswith("… and 10 more")


def test_lines_are_counted_as_an_editor_counts_them():
    header = "symbol,published_at,precision,headline,period,note"
    good = 'ACME,2025-06-04T16:05:00-04:00,exact,Good,2025Q1,"one\ntwo\nthree"'
    bad = "ACME,2025-06-04T16:05:00-04:00,exact,Bad,2025Q9,"
    assert "line 6, column period: '2025Q9'" in fault(good, "", bad, header=header)


def test_an_unclosed_quote_is_told_with_its_line():
    text = fault(row(headline='"open'), *(row(headline=f"Row {n}") for n in range(20)))
    assert "made/up.csv" in text
    assert "cells where the header has 10" in text


def test_an_unclosed_quote_in_a_long_file_is_no_fault_of_the_program():
    text = fault(row(headline='"open'), *(row(headline=f"Row {n}") for n in range(3000)))
    assert "made/up.csv" in text


def test_a_missing_column_is_named_with_all_that_are_needed():
    text = fault("ACME,Made up", header="symbol,headline")
    assert text == (
        "made/up.csv, line 1: no column 'published_at'. "
        "Needed: symbol, published_at, precision, headline, period."
    )


def test_a_column_named_twice_is_refused():
    header = "symbol,published_at,precision,headline,period,period"
    text = fault("ACME,2025-06-04T16:05:00-04:00,exact,Made up,2025Q1,2025Q2", header=header)
    assert "made/up.csv, line 1: column 'period' twice" in text


def test_an_unknown_column_is_answered_with_the_nearest():
    text = fault(row() + ",1.0", header=",".join(GOOD) + ",revenu")
    assert "made/up.csv: 1 problem" in text
    assert "line 1, column 'revenu': not a column of earnings; did you mean 'revenue'?" in text


def test_an_unknown_column_like_none_is_answered_with_all():
    text = fault(row() + ",1.0", header=",".join(GOOD) + ",zzz")
    assert "line 1, column 'zzz': not a column of earnings; known: symbol, published_at," in text


def test_an_unknown_column_is_told_also_where_no_row_is():
    assert "column 'revenu': not a column of earnings" in fault(header=",".join(GOOD) + ",revenu")


def test_other_kinds_check_their_own_fields():
    header = "symbol,published_at,precision,headline,holder,form,shares,percent_of_class,as_of"
    moment = "ACME,2025-06-04T16:05:00-04:00,exact"
    text = fault(
        f"{moment},One,,8-K,-5,,",
        f"{moment},Two,BIGCO,8-K,1.5,101,",
        f"{moment},Three,BIGCO,8-K,,,2025-06-05",
        f"{moment},Four,BIGCO,8-K,,,31/12/2025",
        header=header,
        kind=StakeDisclosure,
    )
    for told in (
        "line 2, column holder: is empty",
        "line 2, column shares: '-5': Input should be greater than or equal to 0",
        "line 3, column shares: '1.5'",
        "line 3, column percent_of_class: '101': Input should be less than or equal to 100",
        "line 4, as_of 2025-06-05 is later than the publication",
        "line 5, column as_of: '31/12/2025'",
    ):
        assert told in text


def test_author_types_and_categories_are_bounded():
    header = "symbol,published_at,precision,headline,author,author_type"
    text = fault(
        "ACME,2025-06-04T16:05:00-04:00,exact,One,Jane,bear", header=header, kind=ShortReport
    )
    assert (
        "column author_type: 'bear': Input should be 'short_seller', 'analyst' or 'press'" in text
    )
    header = "symbol,published_at,precision,headline,category"
    text = fault("ACME,2025-06-04T16:05:00-04:00,exact,One,Big News", header=header, kind=News)
    assert "column category: 'Big News': does not fit the pattern ^[a-z_]+$" in text


def test_the_problems_of_all_files_are_told_together(checkout):
    checkout.edit("data/events/earnings.csv", "0.30,0.20", "much,0.20")
    checkout.edit("data/events/news.csv", "ACME,2025-06-12T09:24:00-04:00", "ACME,2025-06-12T09:24")
    (checkout.root / "data/events/short_reports.csv").unlink()
    with pytest.raises(DataError) as caught:
        read_all_events(checkout.root / "data/events", FILED_KINDS)
    text = str(caught.value)
    assert "earnings.csv: 1 problem\n  line 2, column eps: 'much'" in text
    assert "news.csv: 1 problem\n  line 2, column published_at" in text
    assert "short_reports.csv is missing" in text


def test_an_event_file_that_changed_names_the_command_that_seals_it(checkout):
    checkout.edit(
        "data/events/short_reports.csv", "Jane Bear,short_seller,10", "X,press,10", sealed=False
    )
    with pytest.raises(DataError, match=r"changed since .*`backtest events seal short_report`"):
        read_events(checkout.root / "data/events", ShortReport)


def test_as_of_is_a_day():
    assert stake(as_of="2025-03-31").as_of == date(2025, 3, 31)
