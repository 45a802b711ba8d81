"""Events: the formulas of their properties, their ids, their stamps and their kinds."""

from datetime import UTC, date, datetime
from pathlib import Path

import pytest
from pydantic import ValidationError

from backtest.data.events import event_order, read_events
from backtest.data.kinds import (
    FILED_KINDS,
    Earnings,
    Event,
    ShortReport,
    StakeDisclosure,
    Start,
    check_symbol,
    is_symbol,
    relative_change,
)
from backtest.errors import UsageError
from tests.made_up import earnings, news, report, stake

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


def test_as_of_is_a_day():
    assert stake(as_of="2025-03-31").as_of == date(2025, 3, 31)


def test_events_cannot_be_changed():
    with pytest.raises(ValidationError, match="frozen"):
        earnings().headline = "another"


# Kinds and their order


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


def test_events_of_one_moment_are_ordered_by_symbol_kind_and_headline():
    moment = "2025-06-04T16:05:00-04:00"
    events = [
        report(moment, symbol="BBBB", headline="1"),
        report(moment, symbol="AAAA", headline="3"),
        report(moment, symbol="AAAA", headline="2"),
        news(moment, symbol="AAAA", headline="4"),
        report("2025-06-04T16:04:00-04:00", symbol="CCCC"),
    ]
    ordered = sorted(events, key=event_order)
    assert [event.symbol for event in ordered] == ["CCCC", "AAAA", "AAAA", "AAAA", "BBBB"]
    assert [event.headline for event in ordered[1:4]] == ["4", "2", "3"]


# What a kind takes


def test_an_event_has_no_other_fields():
    with pytest.raises(ValidationError, match="Extra inputs are not permitted"):
        earnings(epps=1.0)


def test_texts_are_stripped_and_figures_are_finite():
    assert earnings(headline="  Made up ").headline == "Made up"
    with pytest.raises(ValidationError, match="finite number"):
        earnings(eps=float("nan"))


def test_a_share_count_may_be_nothing_and_not_less_nor_beyond_all_companies():
    assert stake(shares=0).shares == 0
    with pytest.raises(ValidationError, match=r"less than or equal to 10+"):
        stake(shares=10**400)
    with pytest.raises(ValidationError, match="greater than or equal to 0"):
        stake(shares=-1)


@pytest.mark.parametrize(
    ("symbol", "is_one"), [("BRK-B", True), ("7", True), ("A.1", True), ("a", False), ("-A", False)]
)
def test_symbols_are_capitals_digits_points_and_hyphens(symbol, is_one):
    assert is_symbol(symbol) is is_one
    if is_one:
        assert check_symbol(symbol) == symbol
        return
    with pytest.raises(UsageError, match=r"is no symbol\. Write it in capitals"):
        check_symbol(symbol)


@pytest.mark.parametrize(("low", "high", "is_good"), [(2, 2, True), (2, 3, True), (3, 2, False)])
@pytest.mark.parametrize("name", ["guidance", "fy_guidance", "fy_guidance_prev", "capex_guidance"])
def test_a_range_does_not_end_below_its_beginning(name, low, high, is_good):
    cells = {f"{name}_low": low, f"{name}_high": high}
    if is_good:
        assert earnings(**cells).id
        assert earnings(**{f"{name}_low": low}).id
        return
    with pytest.raises(ValidationError, match=f"{name}_low 3 is above {name}_high 2"):
        earnings(**cells)


@pytest.mark.parametrize("stamp", [20251110, 1762809600.5, "20251110", " +1762809600. "])
@pytest.mark.parametrize("field", ["published_at", "retrieved_at"])
def test_a_bare_number_is_no_stamp(field, stamp):
    with pytest.raises(ValidationError, match="is a bare number; write a time such as"):
        earnings(**{"at" if field == "published_at" else field: stamp})


def test_the_time_of_retrieval_is_utc_or_unknown():
    assert earnings(retrieved_at=None).retrieved_at is None
    found = earnings(retrieved_at="2025-06-04T16:05:00-04:00").retrieved_at
    assert (found.hour, found.tzinfo) == (20, UTC)


@pytest.mark.parametrize(
    "stamp",
    ["9999-12-31T23:59:59-05:00", "9999-12-31T23:58:00Z", "0001-01-01T00:00:00Z",
     "0001-01-01T00:00:00+14:00"],
)  # fmt: skip
def test_the_zero_and_the_last_time_of_a_program_are_no_times(stamp):
    """Time zones and reaction times are added to what is public."""
    with pytest.raises(ValidationError, match="beyond the years that can be told, 2 to 9998"):
        earnings(stamp)
    with pytest.raises(ValidationError, match="beyond the years that can be told, 2 to 9998"):
        earnings(retrieved_at=stamp)
    assert earnings("0002-01-01T00:00:00Z").id.startswith("earnings-")


@pytest.mark.parametrize("field", ["source_url", "source_url_2"])
def test_a_source_is_an_address_of_the_web(field):
    for address in ("https://example.org", "http://example.org"):
        assert getattr(earnings(**{field: address}), field) == address
    with pytest.raises(ValidationError, match="must begin with https:// or http://"):
        earnings(**{field: "example.org"})


def test_a_strategy_sees_no_note_no_source_and_no_time_of_retrieval():
    later = {"note": "it fell", "source_url": "https://example.org/1"}
    later |= {"source_url_2": "https://example.org/2", "retrieved_at": "2025-06-05T00:00Z"}
    event = earnings(eps=1.0, grade="A", **later)
    seen = event.as_published()
    assert (seen.note, seen.source_url, seen.source_url_2, seen.retrieved_at) == ("",) + (None,) * 3
    assert (seen.eps, seen.grade, seen.id) == (1.0, "A", event.id)


def test_a_disclosure_may_be_of_the_day_it_became_public_on():
    assert stake("2025-06-04T16:05:00-04:00", as_of="2025-06-04").staleness == 0
    assert stake("2025-06-04T16:05:00-04:00", as_of="2025-06-03").staleness == 1
    assert stake().first_filing is False


@pytest.mark.parametrize(
    ("new", "old", "change"),
    [(3.0, 2.0, 0.5), (0.0, 0.5, -1.0), (1.0, 0.0, None), (1.0, -1.0, None)],
)
def test_a_change_is_relative_to_what_is_positive(new, old, change):
    assert relative_change(new, old) == change
