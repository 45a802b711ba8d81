"""Files of events: how they are read, and what is told of malformed ones."""

from datetime import date
from pathlib import Path
from typing import Annotated, Any, Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import Field, model_validator

from backtest.data.datafile import DataFile
from backtest.data.events import (
    check_row,
    columns_of,
    has_file,
    kinds_with_files,
    meaning_of,
    parse_events,
    read_all_events,
    read_events,
)
from backtest.data.kinds import FILED_KINDS, Earnings, Event, News, ShortReport, StakeDisclosure
from backtest.data.scheduled import Dividend
from backtest.errors import DataError
from tests.made_up import EARNINGS, STAKES, earnings, ids, utc


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


def test_a_validator_of_ones_own_may_speak_of_braces():
    class Held(Event):
        @model_validator(mode="after")
        def _fails(self):
            raise ValueError("write {name}")

    with pytest.raises(DataError, match=r"line 2, write \{name\}"):
        parse("symbol,published_at,precision,headline\nA,2025-06-04T16:05:00Z,exact,x\n", Held)


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
        ({"symbol": "acme"}, r"column symbol: 'acme': does not fit the pattern ^[A-Z0-9]"),
        ({"eps": "much"}, "column eps: 'much': Input should be a valid number"),
        ({"eps": "nan"}, "column eps: 'nan': Input should be a finite number"),
        ({"eps": "inf"}, "column eps: 'inf': Input should be a finite number"),
        ({"eps": "-Infinity"}, "column eps: '-Infinity': Input should be a finite number"),
        (
            {"published_at": "2025-06-04T16:05:00"},
            "column published_at: '2025-06-04T16:05:00': has no zone; write one, such as 2025-",
        ),
        ({"published_at": "2025-06-04"}, "column published_at: '2025-06-04': has no zone"),
        (
            {"published_at": "2025-06-04 16:05 New York"},
            "'2025-06-04 16:05 New York': is no time; write 2025-06-04T16:05:00-04:00",
        ),
        ({"symbol": "acme"}, "; write it as in CRWV"),
        ({"published_at": "yesterday"}, "column published_at: 'yesterday': is no time; write one"),
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
        "Needed: symbol, published_at, precision, headline."
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


# What a field means


class Sale(Event):
    """Made up for tests, with a field of each sort."""

    seller: Annotated[str, Field(pattern="^[A-Z]+$")]
    """Who sells,
    in capitals."""
    shares: Annotated[int, Field(ge=1)] | None = None
    share: Annotated[float, Field(ge=0, le=1)] | None = None
    price: float | None = None
    sold_on: date | None = None
    is_planned: bool | None = None
    side: Literal["all", "part"] | None = None
    anything: Any = None


@pytest.mark.parametrize(
    ("name", "meaning"),
    [
        ("seller", "Who sells, in capitals. Text of the pattern ^[A-Z]+$."),
        ("shares", "A whole number from 1."),
        ("share", "A number from 0 to 1."),
        ("price", "A number."),
        ("sold_on", "A day such as 2025-03-28."),
        ("retrieved_at", "A time with its zone."),
        ("is_planned", "Either true or false."),
        ("side", "One of all, part."),
        ("anything", ""),
    ],
)
def test_a_field_is_told_with_what_may_stand_in_it(name, meaning):
    assert meaning_of(Sale, name).endswith(meaning)
    assert name == "retrieved_at" or meaning_of(Sale, name) == meaning


def test_the_columns_of_a_kind_begin_with_those_of_all_and_end_with_the_sources():
    assert columns_of(Sale) == [
        "symbol", "published_at", "precision", "headline", "seller", "shares", "share", "price",
        "sold_on", "is_planned", "side", "anything", "source_url", "source_url_2", "grade", "note",
        "retrieved_at",
    ]  # fmt: skip


def test_kinds_that_ship_are_read_without_a_file_only_where_they_are_not_needed(checkout):
    folder = checkout.root / "data/events"
    assert kinds_with_files(folder, [News, Dividend, Sale]) == [News, Sale]
    (folder / "dividends.csv").touch()
    assert kinds_with_files(folder, [Dividend]) == [Dividend]
    assert has_file(folder, News)
    assert not has_file(folder, Sale)


def test_what_is_wrong_with_an_event_as_a_whole_has_no_column():
    cells = {**GOOD, "guidance_low": "2", "guidance_high": "1"}
    event, problems = check_row(Earnings, cells)
    assert (event, problems) == (None, ["guidance_low 2 is above guidance_high 1"])
