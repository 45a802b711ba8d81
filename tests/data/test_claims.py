"""Claims: each measure by a case computed by hand, each verdict, and every bad row."""

import pytest

from backtest.audit.claims import (
    COLUMNS,
    judge_claims,
    judge_day,
    judge_number,
    read_claims,
    seal_claims,
)
from backtest.data.datafile import metadata_of, write_data_file
from backtest.errors import DataError
from backtest.workspace.folders import Workspace
from tests.golden.goldens import ROOT
from tests.made_up import ACME, SOURCE, day

FILE = "data/claims.csv"


def row(**cells):
    given = {"claim_id": "one", "symbol": "ACME", "statement": "Made up", **cells}
    assert given.keys() <= set(COLUMNS)
    return ",".join(f'"{given.get(name, "")}"' for name in COLUMNS)


def claims(*rows):
    return "\n".join([",".join(COLUMNS), *rows]) + "\n"


def judged(checkout, **cells):
    checkout.write(FILE, claims(row(**cells)))
    (verdict,) = judge_claims(checkout.workspace)
    return verdict


def event_id(checkout, kind, number=0):
    from backtest.data.listing import list_events
    from backtest.strategy.loading import kinds_named

    kinds = kinds_named(checkout.workspace, kind)
    return list_events(checkout.workspace, kinds, ["ACME"], 5)[number].event.id


# The verdicts


@pytest.mark.parametrize(
    ("claimed", "actual", "verdict"),
    [
        ("-16", -16.3, "true"),
        ("-16.3", -16.31, "true"),
        ("-16.0", -16.3, "imprecise"),
        ("36", 36.5, "true"),  # half a digit rounds either way
        ("36", 36.51, "imprecise"),
        ("-14", -16.31, "imprecise"),
        ("75", 100.0, "imprecise"),  # off by a quarter of the figure
        ("74", 100.0, "false"),
        ("125", 100.0, "imprecise"),
        ("126", 100.0, "false"),
        ("14", -14.2, "false"),  # the other sign
        ("0", 0.2, "true"),
        ("0", 5.0, "false"),
    ],
)
def test_a_number_is_true_as_written_imprecise_within_a_quarter_and_else_false(
    claimed, actual, verdict
):
    assert judge_number(claimed, actual) == verdict


@pytest.mark.parametrize(
    ("claimed", "actual", "verdict"),
    [
        ("2025-06-12", "2025-06-12", "true"),
        ("2025-06-13", "2025-06-12", "imprecise"),
        ("2025-06-13", "2025-06-16", "imprecise"),  # Friday and Monday
        ("2025-06-18", "2025-06-20", "imprecise"),  # the 19th is a holiday
        ("2025-06-10", "2025-06-12", "false"),
        ("2025-06-16", "2025-06-12", "false"),
    ],
)
def test_a_day_is_imprecise_where_no_session_lies_between(claimed, actual, verdict):
    assert judge_day(claimed, day(actual)) == verdict


# The measures. ACME opens at 108 on 2025-06-12, closes at 109 with a high of 110 and a low of 106;
# the close before is 108.


@pytest.mark.parametrize(
    ("measure", "claimed", "found"),
    [
        ("close_change", "0.9", "+0.93 %"),
        ("open_to_close", "0.9", "+0.93 %"),
        ("high_change", "1.9", "+1.85 %"),
        ("low_change", "-1.9", "-1.85 %"),
    ],
)
def test_the_move_of_a_session(checkout, measure, claimed, found):
    verdict = judged(checkout, measure=measure, last="2025-06-12", claimed=claimed, unit="percent")
    assert (verdict.verdict, verdict.found) == ("true", found)
    assert verdict.evidence == (
        "2025-06-12: close +0.9 %, from its open +0.9 %, high +1.9 %, low -1.9 %."
    )


def test_the_move_between_two_closes(checkout):
    # from the close of 2025-06-02 to that of 2025-06-30: 101 to 120
    span = {"first": "2025-06-02", "last": "2025-06-30"}
    verdict = judged(checkout, measure="close_change", **span, claimed="19", unit="percent")
    assert (verdict.verdict, verdict.found) == ("true", "+18.8 %")
    assert verdict.evidence == "Closed at 101.00 on 2025-06-02 and at 120.00 on 2025-06-30."


def test_closes_below_a_dollar_are_told_to_a_hundredth_of_a_cent(checkout):
    head, *rows = ACME.splitlines()
    cells = [row.split(",") for row in rows]
    text = [head, *(",".join([day, *(str(float(n) / 1000) for n in ns)]) for day, *ns in cells)]
    known = metadata_of([one[0] for one in cells], source="made up")
    write_data_file(checkout.root / "data/prices/ACME.csv", "\n".join(text).encode(), known)
    span = {"first": "2025-06-02", "last": "2025-06-30"}
    verdict = judged(checkout, measure="close_change", **span, claimed="19", unit="percent")
    assert verdict.evidence == "Closed at 0.1010 on 2025-06-02 and at 0.1200 on 2025-06-30."


@pytest.mark.parametrize(
    ("mode", "change", "over"),
    [("none", "+1.85 %", "+18.81 %"), ("splits, as of 2025-06-30", "-49.07 %", "-40.59 %")],
)
def test_a_split_that_is_not_in_the_prices_is_no_move(checkout, mode, change, over):
    """Two for one before 2025-06-12; in prices that are adjusted for it a fall was a fall."""
    head, *rows = ACME.splitlines()
    cells = [row.split(",") for row in rows]
    text = "\n".join([head, *(",".join(_halved(*one)) for one in cells), ""])
    known = metadata_of([one[0] for one in cells], source="made up", adjust=mode)
    write_data_file(checkout.root / "data/prices/ACME.csv", text.encode(), known)
    split = "day,action,amount,until,name,source\n2025-06-12,split,2,,,made up\n"
    known = metadata_of(["2025-06-12"], source="made up")
    write_data_file(checkout.root / "data/actions/ACME.csv", split.encode(), known)
    terms = {"measure": "close_change", "claimed": "1.9", "unit": "percent"}
    verdict = judged(checkout, **terms | {"measure": "high_change"}, last="2025-06-12")
    assert verdict.found == change
    verdict = judged(checkout, **terms, first="2025-06-02", last="2025-06-30")
    assert verdict.found == over
    told = "Closed at 50.50 on 2025-06-02 and at 60.00 on 2025-06-30, in shares of that day."
    assert (verdict.evidence == told) is (mode == "none")


def _halved(day, *prices_and_volume):
    ratio = 2 if day >= "2025-06-12" else 1
    return [day, *(f"{float(one) / ratio:.2f}" for one in prices_and_volume)]


def test_the_move_of_the_session_in_which_an_event_can_be_traded(checkout):
    # public on 2025-06-04 after the close: 2025-06-05 closes at 104 after 103
    beat = event_id(checkout, "earnings")
    verdict = judged(
        checkout, measure="close_change", event_id=beat, claimed="-0.97", unit="percent"
    )
    assert (verdict.verdict, verdict.found) == ("false", "+0.971 %")
    assert verdict.evidence.startswith(f"{beat} is first tradable on 2025-06-05. 2025-06-05: close")


def test_the_days_of_an_event(checkout):
    beat = event_id(checkout, "earnings")
    tradable = {"measure": "tradable_session", "event_id": beat, "unit": "day"}
    verdict = judged(checkout, **tradable, claimed="2025-06-09")
    assert (verdict.verdict, verdict.found) == ("false", "2025-06-05")
    assert verdict.evidence == (
        f"{beat} was public by 2025-06-04 16:05 New York time (exact), first tradable on "
        "2025-06-05. 2025-06-04 closed +1.0 %. 2025-06-05 closed +1.0 %. 2025-06-09 closed +1.0 %."
    )
    assert judged(checkout, **tradable, claimed="2025-06-05").verdict == "true"
    published = {**tradable, "measure": "published_day"}
    assert judged(checkout, **published, claimed="2025-06-04").verdict == "true"
    assert judged(checkout, **published, claimed="2025-06-05").verdict == "imprecise"


@pytest.mark.parametrize(
    ("field", "unit", "claimed", "verdict", "found"),
    [
        ("stake_change", "direction", "down", "true", "down"),
        ("stake_change", "direction", "unchanged", "false", "down"),
        ("stake_change", "percent", "-50", "true", "-50.0 %"),  # from 100 to 50 shares
        ("shares", "count", "60", "imprecise", "50"),
        ("percent_of_class", "percent", "7", "unknown", ""),
    ],
)
def test_a_field_of_an_event(checkout, field, unit, claimed, verdict, found):
    sale = event_id(checkout, "stake_disclosure", 1)
    made = judged(
        checkout, measure="event_field", event_id=sale, field=field, unit=unit, claimed=claimed
    )
    assert (made.verdict, made.found) == (verdict, found)
    if field == "stake_change":
        assert f"{sale}: shares 50, previous_shares 100. A made-up sale" in made.evidence


def test_money_is_told_in_the_unit_of_the_claim(checkout):
    checkout.edit("data/events/earnings.csv", "eps_consensus,", "revenue,")
    checkout.edit("data/events/earnings.csv", "0.30,0.20", "0.30,1212788000")
    given = {"measure": "event_field", "event_id": event_id(checkout, "earnings")}
    in_millions = {**given, "field": "revenue", "unit": "million dollars"}
    assert judged(checkout, **in_millions, claimed="1213").verdict == "true"
    assert judged(checkout, **in_millions, claimed="1.2").verdict == "false"


def test_a_figure_that_the_data_do_not_hold_is_given_with_its_source_or_unknown(checkout):
    given = {"measure": "given", "unit": "million dollars", "claimed": "125"}
    verdict = judged(checkout, **given, actual="310.6", actual_source="somebody")
    assert (verdict.verdict, verdict.found) == ("false", "310.6 million dollars")
    assert verdict.evidence == "Neither prices nor events hold it; given by somebody."
    assert judged(checkout, **given).verdict == "unknown"


@pytest.mark.parametrize(
    ("cells", "told"),
    [
        ({"last": "2025-06-14"}, "no such price of 2025-06-14"),
        ({"last": "2025-06-02"}, "2025-06-02: from its open"),  # no close before
        ({"first": "2025-05-30", "last": "2025-06-13"}, "no close of ACME on 2025-05-30"),
        ({"last": "2025-06-12", "symbol": "OTHR"}, "no prices of OTHR"),
        ({"event_id": "news-20250612-000000"}, "no event news-20250612-000000"),
    ],
)
def test_what_the_data_do_not_tell_is_unknown(checkout, cells, told):
    verdict = judged(checkout, measure="close_change", claimed="1", unit="percent", **cells)
    assert (verdict.verdict, verdict.found) == ("unknown", "")
    assert told in verdict.evidence


def test_an_event_known_by_its_week_is_never_tradable(checkout):
    rumour = event_id(checkout, "short_report", 1)
    verdict = judged(
        checkout,
        measure="tradable_session",
        event_id=rumour,
        claimed="2025-06-30",
        unit="day",
    )
    assert verdict.verdict == "unknown"
    assert "not tradable: known by the week alone" in verdict.evidence


def test_an_event_from_before_the_first_price_is_never_tradable(checkout):
    checkout.edit("data/events/earnings.csv", "2025-06-04T16:05:00", "2025-05-20T16:05:00")
    about = {"event_id": event_id(checkout, "earnings"), "claimed": "2025-05-21"}
    verdict = judged(checkout, measure="tradable_session", **about, unit="day")
    assert verdict.verdict == "unknown"
    assert "not tradable: public before the first price of ACME, 2025-06-02" in verdict.evidence


# The file

SESSION = {"measure": "close_change", "last": "2025-06-12", "claimed": "1", "unit": "percent"}
BAD_ROWS = {
    "an unknown measure": ({"measure": "close"}, "column measure: 'close' is not one of close_cha"),
    "a wrong unit": ({"unit": "dollars"}, "column unit: 'dollars' of close_change is not one of p"),
    "no number": ({"claimed": "36 %"}, "column claimed: '36 %' is not a number such as -16.3"),
    "no claim": ({"claimed": ""}, "column claimed: is empty"),
    "no day": ({"last": "12 June"}, "column last: '12 June' is not a day such as 2025-11-14"),
    "neither day nor event": ({"last": ""}, "column last: close_change needs either a day here or"),
    "a span backwards": ({"first": "2025-06-12"}, "column first: 2025-06-12 is not before `last`"),
    "a span of a high": (
        {"measure": "high_change", "first": "2025-06-11"},
        "column first: stands with a close_change",
    ),
    "a field too many": ({"field": "eps"}, "column field: stands with the measure event_field"),
    "a figure too many": (
        {"actual": "2", "actual_source": "x"},
        "column actual: close_change is measured",
    ),
    "a figure without a source": (
        {"measure": "given", "last": "", "actual": "2"},
        "column actual_source: stands with `actual`",
    ),
    "a direction": (
        {"measure": "event_field", "event_id": "x", "field": "eps", "unit": "direction"},
        "column claimed: '1' is not one of up, down, unchanged",
    ),
    "no event": (
        {"measure": "published_day", "unit": "day", "claimed": "2025-06-12"},
        "column event_id: is empty; published_day needs one, as `backtest events list` shows it",
    ),
}


@pytest.mark.parametrize("case", BAD_ROWS.values(), ids=BAD_ROWS)
def test_a_bad_row_is_told_with_its_line_and_column_and_what_is_allowed(checkout, case):
    cells, text = case
    checkout.write(FILE, claims(row(**SESSION), row(**{**SESSION, "claim_id": "two", **cells})))
    with pytest.raises(DataError) as caught:
        read_claims(checkout.root / "data")
    assert f"claims.csv: 1 problem\n  line 3, {text}" in str(caught.value)


def test_a_claim_is_there_once(checkout):
    checkout.write(FILE, claims(row(**SESSION), row(**SESSION)))
    with pytest.raises(DataError, match="line 3, column claim_id: 'one' is there twice"):
        read_claims(checkout.root / "data")


def test_a_field_is_one_of_the_event(checkout):
    beat = event_id(checkout, "earnings")
    cells = {"measure": "event_field", "event_id": beat, "claimed": "1", "unit": "dollars"}
    with pytest.raises(DataError, match=r"line 2, column field: 'epps' is no figure.*known: .*eps"):
        judged(checkout, **cells, field="epps")
    with pytest.raises(DataError, match=r"line 2, column field: 'headline' is no figure"):
        judged(checkout, **cells, field="headline")
    with pytest.raises(DataError, match=r"line 2, column symbol: the event is of ACME"):
        judged(checkout, **cells, field="eps", symbol="OTHR")


def test_claims_that_changed_are_refused_until_they_are_sealed(checkout):
    checkout.write(FILE, claims(row(**SESSION)))
    checkout.edit(FILE, "Made up", "Made up anew", sealed=False)
    with pytest.raises(DataError, match="`backtest events seal claims`"):
        read_claims(checkout.root / "data")
    seal_claims(checkout.root / "data", SOURCE)
    assert [claim.statement for claim in read_claims(checkout.root / "data")] == ["Made up anew"]


# The claims that ship. 2025-11-10 closes at 105.61 and 2025-11-11 at 88.39: −16.31 %; 2025-05-15 at
# 65.77, and 2025-05-16 has a high of 84.00: +27.72 %; 2025-03-31 at 37.08 and 2025-04-01 at 52.57:
# +41.77 %; 2025-10-31 at 133.71 and 2025-11-28 at 73.12: −45.31 %.
SHIPPED = {
    "third_quarter_fall_day": ("false", "2025-11-11"),
    "third_quarter_fall_size": ("imprecise", "-16.3 %"),
    "nvidia_stake_day": ("imprecise", "2025-05-15"),
    "nvidia_stake_raised": ("false", "unchanged"),
    "nvidia_stake_size": ("true", "7.0 %"),
    "nvidia_stake_high": ("imprecise", "+27.7 %"),
    "third_trading_day": ("imprecise", "+41.8 %"),
    "november_2025": ("imprecise", "-45.3 %"),
    "third_quarter_interest": ("false", "310.6 million dollars"),
    "third_quarter_margin": ("false", "3.8 %"),
    "third_quarter_margin_adjusted": ("false", "16 %"),
}


def test_the_claims_that_ship_have_the_verdicts_of_the_figures_by_hand():
    verdicts = judge_claims(Workspace(ROOT / "strategies", ROOT / "data", ROOT / "reports"))
    assert {one.claim.claim_id: (one.verdict, one.found) for one in verdicts} == SHIPPED
    evidence = {one.claim.claim_id: one.evidence for one in verdicts}
    assert (
        "2025-11-11 closed -16.3 %. 2025-11-14 closed -1.3 %."
        in (evidence["third_quarter_fall_day"])
    )
    assert "2025-05-16 closed +22.1 %." in evidence["nvidia_stake_day"]
    assert "shares 24,182,460, previous_shares 24,182,460" in evidence["nvidia_stake_raised"]
    assert "from its open +36.5 %" in evidence["third_trading_day"]
