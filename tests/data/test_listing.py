"""What is listed: events with their session, prices, universes, and where an event came from."""

from datetime import date

import pytest

from backtest.data import listing
from backtest.data.datafile import metadata_path, read_data_file
from backtest.data.kinds import FILED_KINDS, Earnings
from backtest.data.listing import (
    ListedEvent,
    _version_text,
    find_event,
    list_events,
    list_prices,
    list_universes,
    provenance,
    seal_actions,
    seal_events,
    seal_prices,
    seal_universe,
    with_sessions,
)
from backtest.data.scheduled import MacroDate
from backtest.data.versions import versions
from backtest.errors import UsageError
from tests.data.test_bars import ROWS, write
from tests.made_up import SOURCE, day, earnings, news, report
from tests.universes import write_universe
from tests.versioned import changed

EARNINGS_FILE, MACRO_FILE = "data/events/earnings.csv", "data/events/macro_dates.csv"
MACRO = "symbol,published_at,precision,headline,release,happens_on\n"


def listed(checkout, *symbols, kinds=FILED_KINDS, reaction=5):
    return list_events(checkout.workspace, kinds, symbols or None, reaction)


# Events


def test_events_of_all_kinds_are_listed_in_order_of_publication(checkout):
    found = listed(checkout)
    assert len(found) == 8
    assert [one.event.published_at for one in found] == sorted(
        one.event.published_at for one in found
    )
    assert {one.event.symbol for one in listed(checkout, "OTHR")} == {"OTHR"}
    with pytest.raises(UsageError, match=r"no event of symbol 'ACM'\. Did you mean 'ACME'"):
        listed(checkout, "ACM")


def test_events_of_the_market_are_listed_beside_those_of_a_stock(checkout):
    checkout.write(MACRO_FILE, MACRO + ",2025-06-10T08:30:00-04:00,exact,Made up,CPI,2025-06-10\n")
    kinds = (*FILED_KINDS, MacroDate)
    assert len(listed(checkout, "OTHR", kinds=kinds)) == 2
    with pytest.raises(UsageError) as caught:
        listed(checkout, "GONE", kinds=kinds)
    assert str(caught.value).endswith("Known: ACME, OTHR.")


def macro(at="2025-06-10T08:30:00-04:00", precision="exact"):
    return MacroDate(published_at=at, precision=precision, headline="Made up", release="CPI",
                     happens_on=day("2025-07-30"))  # fmt: skip


@pytest.mark.parametrize(
    ("event", "session", "obstacle"),
    [
        (earnings("2025-06-05T09:24:59-04:00"), "2025-06-05", ""),
        (earnings("2025-06-05T09:25:00-04:00"), "2025-06-06", ""),
        (news(symbol="OTHR"), None, "no prices of OTHR"),
        (report("2025-06-29T23:59:59-04:00", precision="week"), None, "known by the week alone"),
        (macro("2025-06-10T09:24:59-04:00"), "2025-06-10", ""),
        (macro("2025-06-10T09:25:00-04:00"), "2025-06-11", ""),
        (macro("2025-06-29T23:59:59-04:00", "month"), None, "known by the month alone, never tra"),
        (earnings("2025-05-01T12:00:00-04:00"), "2025-05-02", "public before the first price of"),
    ],
)
def test_an_event_has_its_first_tradable_session_or_why_it_has_none(
    checkout, event, session, obstacle
):
    (found,) = with_sessions(checkout.workspace, [event], 5)
    assert (found.session and str(found.session)) == session
    assert found.obstacle.startswith(obstacle)
    assert bool(found.obstacle) is bool(obstacle)
    row = found.as_dict()
    assert row["not_tradable_because"] == (found.obstacle or None)
    assert row["tradable_session"] == (None if obstacle else day(session))
    assert (row["id"], row["kind"]) == (event.id, event.kind)


def test_a_row_has_what_follows_from_its_fields():
    found = ListedEvent(earnings(eps=0.3, eps_consensus=0.2), date(2025, 6, 5), "")
    assert found.as_dict()["eps_surprise"] == pytest.approx(0.5)
    assert "stake_change" not in found.as_dict()
    assert found.published == "2025-06-04 16:05"


def test_an_event_is_found_by_its_id(checkout):
    name = listed(checkout)[1].event.id
    assert find_event(checkout.workspace, FILED_KINDS, name, 5).event.id == name
    with pytest.raises(UsageError, match="There is no event 'news-1'"):
        find_event(checkout.workspace, FILED_KINDS, "news-1", 5)


# Prices


def test_prices_are_listed_by_symbol_and_length(checkout):
    write(checkout, ROWS)
    assert [tuple(row.values())[:6] for row in list_prices(checkout.workspace)] == [
        ("ACME", "daily", "2025-06-02", "2025-07-15", 30, "open high low close volume"),
        ("ACME", "5m", "2025-07-02", "2025-07-07", 3, "open high low close volume"),
        ("INDX", "daily", "2025-05-30", "2025-07-15", 31, "close"),
    ]
    assert list_prices(checkout.workspace)[0]["source"] == SOURCE


def test_a_file_of_bars_without_one_in_hours_has_no_days(checkout):
    write(checkout, ROWS[:1])
    row = list_prices(checkout.workspace)[1]
    assert (row["first"], row["last"], row["sessions"]) == (None, None, 0)


# Universes


def test_a_universe_is_listed_with_what_there_is_of_its_members(checkout):
    write_universe(checkout)
    (row,) = list_universes(checkout.workspace, FILED_KINDS)
    assert (row.name, row.symbols) == ("quartet", ("ACME", "BOLT", "COIL", "DUST"))
    assert (row.first, row.last) == (day("2025-05-30"), day("2025-07-15"))
    assert row.events == {"earnings": 3}  # the stranger's is not counted
    assert list(row.without_prices) == ["DUST"]
    assert list(row.without_events) == ["COIL", "DUST"]
    assert row.source == SOURCE


def test_a_universe_without_prices_or_events_has_no_span(checkout):
    checkout.write("data/universes/none/members.csv", "symbol,first,last\nGONE,,\n")
    (row,) = list_universes(checkout.workspace, [Earnings])
    assert (row.first, row.last, row.events) == (None, None, {})
    assert list(row.without_prices) == list(row.without_events) == ["GONE"]


# Where an event came from


def origin(checkout, number=0):
    (event,) = [one.event for one in listed(checkout, kinds=[Earnings])[number : number + 1]]
    return provenance(checkout.workspace, event)


def test_an_event_came_in_with_one_version_and_changed_last_with_another(checkout):
    path = checkout.root / EARNINGS_FILE
    changed(path, "made-up miss", "made-up loss")
    assert origin(checkout)["came_in_with"].startswith("version 1 of")
    assert origin(checkout)["changed_last_with"].startswith("version 1 of")
    assert origin(checkout, 1)["came_in_with"].startswith("version 2 of")
    changed(path, "0.30,0.20", "0.31,0.20")
    changed(path, "-0.30,-0.20", "-0.31,-0.20")
    found = origin(checkout)
    assert found["came_in_with"].startswith("version 1 of")
    assert found["changed_last_with"].startswith("version 3 of")
    assert found["changed_last_with"].endswith("UTC, changed for a test")
    assert (found["file"], found["line"]) == ("events/earnings.csv", 2)
    assert found["sources"] == ["https://example.org/1"]
    assert origin(checkout, 1)["changed_last_with"].startswith("version 4 of")


def test_a_lost_version_is_told_only_of_the_one_after_it(checkout):
    path = checkout.root / EARNINGS_FILE
    changed(path, "0.30,0.20", "0.31,0.20")
    changed(path, "-0.30,-0.20", "-0.31,-0.20")
    for copy in (path.parent / ".history/earnings").glob("1-*.csv"):
        copy.unlink()
    first, second = origin(checkout), origin(checkout, 1)
    assert first["came_in_with"].endswith("(or the version before, whose text was not kept)")
    assert second["changed_last_with"].endswith("changed for a test")
    (version, *_) = versions(path)
    assert "whose text was not kept" not in _version_text(version, lost=False)


# Seals


def metadata(path):
    return read_data_file(path, "").metadata


def test_each_kind_of_file_is_sealed_with_its_days_and_source(checkout):
    root, workspace = checkout.root / "data", checkout.workspace
    daily = root / "prices/ACME.csv"
    assert seal_prices(workspace, "ACME", "one", "splits") == metadata_path(daily)
    facts = metadata(daily)
    assert (facts["first"], facts["last"], facts["rows"]) == ("2025-06-02", "2025-07-15", 30)
    assert (facts["source"], facts["adjust"]) == ("one", "splits")
    seal_prices(workspace, "ACME", "two", None, borrow=True)
    facts = metadata(root / "borrow/ACME.csv")
    assert (facts["first"], facts["last"], facts["source"]) == ("2025-06-02", "2025-06-23", "two")
    write(checkout, ROWS)
    seal_prices(workspace, "ACME", "three", None, bars="5m")
    facts = metadata(root / "prices/5m/ACME.parquet")
    assert (facts["first"], facts["rows"], facts["source"]) == ("2025-07-02", 4, "three")
    checkout.write("data/actions/ACME.csv", "day,action,amount,until,name,source\n"
                   "2025-06-03,halted,,,,x\n2025-06-09,halted,,,,x\n")  # fmt: skip
    seal_actions(workspace, "ACME", "four")
    facts = metadata(root / "actions/ACME.csv")
    assert (facts["first"], facts["last"], facts["source"]) == ("2025-06-03", "2025-06-09", "four")


def test_of_a_universe_the_first_days_that_are_known_are_sealed(checkout):
    members = "symbol,first,last\nACME,,2025-06-03\nACME,2025-06-09,\nBOLT,2025-06-05,\n"
    path = checkout.write("data/universes/mine/members.csv", members)
    seal_universe(checkout.workspace, "mine", "five")
    facts = metadata(path)
    assert (facts["first"], facts["last"], facts["rows"]) == ("2025-06-05", "2025-06-09", 3)
    assert facts["source"] == "five"
    with pytest.raises(UsageError, match="'mien'"):
        seal_universe(checkout.workspace, "mien", None)


def test_news_is_listed_in_new_york_time():
    event = news("2025-12-04T01:00:00Z")
    assert ListedEvent(event, None, "").published == "2025-12-03 20:00"


def test_what_is_saved_while_a_seal_checks_is_neither_sealed_nor_lost(checkout, monkeypatch):
    path, check = checkout.root / "data/events/earnings.csv", listing.parse_events

    def save(file, kind):
        found = check(file, kind)
        path.write_text("saved again")
        return found

    monkeypatch.setattr(listing, "parse_events", save)
    with pytest.raises(UsageError, match=r"earnings\.csv has changed since it was read"):
        seal_events(checkout.workspace, Earnings, None)
    assert path.read_text() == "saved again"
