"""The documents of filings: tables of 13F, schedules, forms of insiders, and hostile XML."""

import re
from datetime import date

import pytest

from backtest.errors import DataError, UsageError
from backtest.sources.edgar import Company
from backtest.sources.forms import _persons, number_of, read_sale, read_schedule
from backtest.sources.holdings import (
    in_dollars,
    lines_of,
    papers_of,
    read_amendment,
    read_table,
)
from tests.edgar_site import ACME, BIGCO, CUSIP, cover, form_4, schedule_d, schedule_g, table

HOLDER = Company(BIGCO, "BIGCO INC")


def read(*lines):
    return read_table(table(*lines).encode())


def told(call, *parts):
    with pytest.raises(DataError) as caught:
        call()
    for part in parts:
        assert part in str(caught.value)


# Tables of 13F


def test_half_a_document_is_refused_whatever_stands_in_it():
    whole = table(("ACME CORP", 1, 1), ("OTHER INC", 1, 1)).encode()
    for size in (0, 10, len(whole) // 2, len(whole) - 1):
        told(lambda size=size: read_table(whole[:size]), "is not whole XML", "again")


def test_shares_alone_count():
    lines = read(
        ("ACME CORP", 1000, 10),
        ("ACME CORP", 2000, 20, {"putCall": "Call"}),
        ("ACME CORP", 3000, 30, {"type": "PRN"}),
        ("ACME CORP", 4000, 40),
    )
    assert [line.shares for line in lines_of(lines, [CUSIP])] == [10, 40]
    assert lines_of(lines, ["999999999"]) == []


BROKEN = {
    "another document": ("<html/>", "begins with 'html'; an informationTable is expected"),
    "no value": (table(("A", 1, 1)).replace("value>", "worth>"), "has no infoTable/value"),
    "no shares": (table(("A", 1, 1)).replace("sshPrnamt>", "x>"), "has no infoTable/sshPrnamt"),
    "no issuer": (table(("", 1, 1)), "has no infoTable/nameOfIssuer"),
    "a word for a value": (table(("A", "much", 1)), "value is 'much'; a number from 0 is expected"),
    "a negative count": (table(("A", 1, -5)), "sshPrnamt is '-5'; a number from 0"),
    "no number": (table(("A", "nan", 1)), "value is 'nan'"),
}


@pytest.mark.parametrize(("text", "part"), BROKEN.values(), ids=list(BROKEN))
def test_a_table_of_another_form_is_told(text, part):
    told(lambda: read_table(text.encode()), part)


def test_an_empty_table_has_no_lines():
    assert read() == []


@pytest.mark.parametrize(
    "name", ["Acme Corp", "ACME CORPORATION", "Acme, Inc. /DEL/", "THE ACME CO"]
)
def test_the_cusip_is_learned_from_the_name(name):
    found = [read(("OTHER INC", 1, 1, {"cusip": "111111111"})), read((name, 1, 1))]
    assert papers_of(found, ["ACME CORP"]) == [CUSIP]


def test_a_former_name_counts_and_no_name_is_none():
    found = [read(("OLD ACME INC", 1, 1))]
    assert papers_of(found, ["ACME CORP", "Old Acme Inc"]) == [CUSIP]
    assert papers_of(found, ["ACME CORP"]) == []


def test_of_several_papers_one_has_to_be_chosen():
    found = [read(("ACME CORP", 1, 1), ("ACME CORP", 1, 1, {"cusip": "00000A209"}))]
    with pytest.raises(UsageError) as caught:
        papers_of(found, ["ACME CORP"])
    assert "--cusip 00000A100  ACME CORP, COM CL A\n  --cusip 00000A209" in str(caught.value)


def test_a_cusip_keeps_its_noughts():
    assert read(("ACME CORP", 1, 1, {"cusip": "37833100"}))[0].cusip == "037833100"


OLD, NEW = date(2022, 11, 14), date(2023, 2, 14)


@pytest.mark.parametrize(
    ("value", "filed", "close", "dollars", "part"),
    [
        (1000, OLD, None, 1_000_000, ""),
        (1000, date(2023, 1, 2), None, 1_000_000, ""),
        (1000, date(2023, 1, 3), None, 1000, ""),
        (1000, OLD, 100.0, 1_000_000, ""),
        (1_000_000, NEW, 100.0, 1_000_000, ""),
        (1_000_000, OLD, 100.0, 1_000_000, "in thousands, the unit of the time, is 1e+05 dollars"),
        (1000, NEW, 100.0, 1_000_000, "taken times 1000"),
        (700_000, NEW, 100.0, 700_000, ""),
        (1_000_000, NEW, 20.0, 1_000_000, "is 100 dollars a share; the close was 20.00"),
    ],
    ids=[
        *("thousands", "the last day of them", "the first of dollars", "held", "held too"),
        *("dollars too early", "thousands too late", "another close", "another price"),
    ],
)
def test_the_unit_goes_by_the_day_and_is_held_against_the_price(value, filed, close, dollars, part):
    amount, remark = in_dollars(value, 10_000, filed, close)
    assert amount == pytest.approx(dollars)
    assert part in remark
    assert bool(part) == bool(remark)


@pytest.mark.parametrize("kind", ["RESTATEMENT", "NEW HOLDINGS", ""])
def test_an_amendment_says_what_it_does(kind):
    assert read_amendment(cover(kind).encode()) == kind


def test_a_cover_of_another_form_is_told():
    told(lambda: read_amendment(b"<html/>"), "an edgarSubmission is expected")


# Schedules


def test_a_schedule_13d_is_read():
    text = schedule_d("Bigco, Inc.", "1,234,567.00", "7.5%").encode()
    stake = read_schedule(text, HOLDER, xml=True)
    assert (stake.issuer, stake.as_of, stake.shares, stake.percent) == (
        *(ACME, date(2025, 6, 10)),
        *(1_234_567, 7.5),
    )
    assert stake.remark == ""


def test_a_day_of_the_event_in_words_is_unknown_and_never_the_day_of_the_fetch():
    text = schedule_d("Bigco, Inc.", "1,234,567.00", "7.5%").replace("06/10/2025", "today")
    assert read_schedule(text.encode(), HOLDER, xml=True).as_of is None


def test_of_several_persons_the_holder_counts_or_else_the_largest():
    persons = (("OTHER LP", 900, 9.0), ("Bigco Inc", 500, 5.0))
    own = read_schedule(schedule_g(*persons).encode(), HOLDER, xml=True)
    assert (own.shares, own.percent) == (500, 5.0)
    assert own.remark == "2 persons report; taken is Bigco Inc."
    largest = read_schedule(schedule_g(*persons).encode(), Company(7, "SOMEBODY ELSE"), xml=True)
    assert largest.shares == 900


@pytest.mark.parametrize(
    ("change", "part"),
    [
        (("reportingPersonBeneficiallyOwnedAggregateNumberOfShares", "shares"), "/aggregateAmount"),
        (("coverPageHeaderReportingPersonDetails", "x"), "the persons who report are expected"),
        (("issuerCik", "x"), "has no edgarSubmission/issuerCIK"),
        (("<classPercent>5", "<classPercent>five"), "the percent of the class is 'five"),
    ],
)
def test_a_schedule_of_another_form_is_told(change, part):
    text = schedule_g(("BIGCO INC", 500, 5.0)).replace(*change)
    told(lambda: read_schedule(text.encode(), HOLDER, xml=True), part)


OLD_TEXT = """<html><p>June 10, 2021</p><p>(Date of Event which Requires Filing)</p>
<td>9.</td><td>AGGREGATE AMOUNT BENEFICIALLY OWNED BY&nbsp;EACH REPORTING PERSON</td>
<td>{amount}</td>
<td>11</td><td>PERCENT OF CLASS REPRESENTED BY AMOUNT IN ROW (9)</td><td>{percent}</td></html>"""


def old_stake(amount, percent="6.5%", more=""):
    text = OLD_TEXT.format(amount=amount, percent=percent) + more
    return read_schedule(text.encode(), HOLDER, xml=False)


def test_an_old_schedule_is_read_where_it_stands_plainly():
    stake = old_stake("1,234,567 (1)")
    assert (stake.as_of, stake.shares, stake.percent) == (date(2021, 6, 10), 1_234_567, 6.5)
    assert (stake.issuer, stake.remark) == (None, "")


def test_what_does_not_stand_plainly_is_unknown():
    stake = old_stake("See Item 4", "")
    assert (stake.shares, stake.percent) == (None, None)
    assert stake.remark == "Shares unknown: no amount stands plainly in the text."
    again = OLD_TEXT.format(amount="7,654,321", percent="9%")
    several = old_stake("1,234,567", more=again)
    assert (several.shares, several.percent) == (None, None)
    assert several.remark == "Shares unknown: 2 amounts stand plainly in the text."


def rows(name, amount, percent):
    """The rows of a person on the cover of a Schedule 13D or 13G, as they stand in old filings."""
    return f"""
    1   NAMES OF REPORTING PERSONS
        I.R.S. IDENTIFICATION NOS. OF ABOVE PERSONS (ENTITIES ONLY)
        {name}
    2   CHECK THE APPROPRIATE BOX IF A MEMBER OF A GROUP   (a) [ ]  (b) [X]
    5   SOLE VOTING POWER   12,345
    9   AGGREGATE AMOUNT BENEFICIALLY OWNED BY EACH REPORTING PERSON
        {amount}
    10  CHECK BOX IF THE AGGREGATE AMOUNT IN ROW (9) EXCLUDES CERTAIN SHARES [ ]
    11  PERCENT OF CLASS REPRESENTED BY AMOUNT IN ROW (9)
        {percent}
    12  TYPE OF REPORTING PERSON  IA
    """


def text_stake(*persons, event="DECEMBER 31, 2020\n(Date of Event Which Requires Filing)"):
    text = event + "".join(rows(*one) for one in persons)
    return read_schedule(text.encode(), HOLDER, xml=False)


OTHER = ("OTHER PARTNERS LP", "3,394,114", "5.31%")


@pytest.mark.parametrize(
    "none", ["-0-", "- 0 -", "&#8211;0&#8211;", "0", "None", "0 shares", "-0- (see Item 4)"]
)
def test_a_holder_with_nothing_has_not_what_a_co_filer_has(none):
    for persons in ((("Bigco, Inc.", none, "0.0%"), OTHER), (OTHER, ("BIGCO INC", none, "0.0%"))):
        stake = text_stake(*persons)
        assert (stake.shares, stake.percent) == (0, 0.0)
        assert stake.remark.lower().startswith("2 persons report; taken is bigco")


def test_an_exit_is_nothing_everywhere():
    stake = text_stake(("MRS BIG", "-0-", "-0-%"), ("MR BIG", "-0-", "0%"))
    assert (stake.shares, stake.percent, stake.remark) == (0, 0.0, "")


def test_the_holder_is_told_from_its_funds():
    fund = ("BIGCO INC FUND LP", "100", "0.1%")
    assert text_stake(fund, ("BIGCO INC", "1,500", "1.5%")).shares == 1500
    alone = text_stake(OTHER, fund)
    assert (alone.shares, alone.remark) == (100, "2 persons report; taken is BIGCO INC FUND LP.")


def test_a_person_is_known_by_any_order_of_names():
    text = rows("Jane Q. Doe", "70", "0.7%") + rows("DOE PARTNERS", "900", "9%")
    holder = Company(7, "DOE JANE Q")
    assert read_schedule(text.encode(), holder, xml=False).shares == 70
    new = schedule_g(("DOE PARTNERS", 900, 9.0), ("Jane Q. Doe", 70, 0.7))
    assert read_schedule(new.encode(), holder, xml=True).shares == 70


def test_who_is_not_named_among_several_has_no_count():
    stake = text_stake(OTHER, ("MR BIG", "1,000", "1%"))
    assert (stake.shares, stake.percent) == (None, None)
    assert stake.remark == "Shares unknown: 2 amounts stand plainly in the text."


@pytest.mark.parametrize(
    ("amount", "shares"),
    [
        ("500", 500),
        ("1,234,567 (1)(2)", 1_234_567),
        ("1234567 shares of Common Stock", 1_234_567),
        ("1,234,567.00", 1_234_567),
        ("1,234,567 shares of Common Stock, $0.001 par value, as of May 3, 2020", 1_234_567),
        ("See Item 5", None),
        ("Fund: 1,000; Manager: 2,000", None),
    ],
)
def test_the_amount_is_what_stands_in_its_row(amount, shares):
    assert text_stake(("BIGCO INC", amount, "1.2")).shares == shares


@pytest.mark.parametrize(
    ("percent", "expected"),
    [("5.31%", 5.31), ("9%", 9.0), (".4 %", 0.4), ("12.5", 12.5), ("-0-", 0.0), ("0%", 0.0),
     ("Less than 5%", None), ("<1%", None), ("*", None)],
)  # fmt: skip
def test_the_percent_is_what_stands_in_its_row(percent, expected):
    assert text_stake(("BIGCO INC", "1,000", percent.replace("<", "&lt;"))).percent == expected


@pytest.mark.parametrize(
    "event",
    [
        "DECEMBER 31, 2020\n-----\n(Date of Event Which Requires Filing of this Statement)",
        "December 31st, 2020 (Date of Event)",
        "31 December 2020 (DATE OF EVENT WHICH REQUIRES FILING)",
        "Dec. 31, 2020 (Date of event)",
        "12/31/2020 (Date of Event which requires filing)",
        "2020-12-31 (Date of Event)",
        "Date of Event Which Requires Filing of this Statement: December 31, 2020",
    ],
)
def test_the_day_of_the_event_is_read_as_people_write_it(event):
    assert text_stake(OTHER, event=event).as_of == date(2020, 12, 31)


def test_no_day_is_none():
    assert text_stake(OTHER, event="Friday 45, 2020 (Date of Event)").as_of is None
    assert text_stake(OTHER, event="").as_of is None


# Forms of insiders


def test_sales_of_a_form_are_taken_together():
    text = form_4(
        ("2025-06-03", "S", "100", "50.00"),
        ("2025-06-04", "S", "300", "52.00"),
        ("2025-06-04", "M", "999", "1.00"),
        ("2025-06-04", "F", "999", "51.00"),
    )
    sale = read_sale(text.encode())
    assert (sale.owner, sale.relationship) == ("DOE JANE", "director, officer (Chief Executive)")
    assert sale.figures == (
        "400 shares at 51.50 dollars on average, from 50.00 to 52.00; 2025-06-03 to 2025-06-04; "
        "under a 10b5-1 plan"
    )


def test_a_price_in_a_footnote_is_unknown():
    text = form_4(("2025-06-03", "S", "100", "50"), ("2025-06-03", "S", "1", ""), planned="0")
    sale = read_sale(text.encode())
    assert sale.figures == "101 shares price not given; 2025-06-03; no 10b5-1 plan"


def test_a_form_without_a_sale_tells_of_none():
    assert read_sale(form_4(("2025-06-03", "P", "100", "50")).encode()) is None


@pytest.mark.parametrize(
    ("change", "part"),
    [
        (("ownershipDocument", "x"), "begins with 'x'; an ownershipDocument is expected"),
        (("rptOwnerName", "x"), "has no ownershipDocument/rptOwnerName"),
        (("transactionShares", "x"), "has no nonDerivativeTransaction/transactionShares"),
        (("2025-06-03", "June 3"), "transactionDate is 'June 3'; a day is expected"),
    ],
)
def test_a_form_of_another_kind_is_told(change, part):
    text = form_4(("2025-06-03", "S", "100", "50")).replace(*change)
    told(lambda: read_sale(text.encode()), part)


# Where numbers and cells end


def test_a_number_is_from_nought_on():
    assert number_of("0", "it") == 0.0
    assert number_of("0.5", "it") == 0.5
    assert number_of("", "it") is None
    for text in ("-0.5", "inf", "much"):
        told(lambda text=text: number_of(text, "it"), f"it is '{text}'; a number from 0")


def test_nought_is_no_more_than_nought():
    assert read(("ACME CORP", 0, 10))[0].value == 0.0
    sale = read_sale(form_4(("2025-06-03", "S", "100", "0")).encode())
    assert sale.figures.startswith("100 shares at 0.00 dollars on average; 2025-06-03")
    sale = read_sale(form_4(("2025-06-03", "S", "0", "50")).encode())
    assert sale.figures.startswith("0 shares price not given; 2025-06-03")


def test_a_day_may_have_a_zone_behind_it():
    sale = read_sale(form_4(("2025-06-03-05:00", "S", "100", "50")).encode())
    assert "; 2025-06-03; " in sale.figures


def test_who_has_no_amount_is_not_the_largest():
    persons = (("A LP", "", "1"), ("B LP", 1, 1.0))
    stake = read_schedule(schedule_g(*persons).encode(), Company(7, "SOMEBODY ELSE"), xml=True)
    assert stake.shares == 1
    text = schedule_d("Bigco, Inc.", "many", "7.5%").encode()
    for holder in (HOLDER, Company(7, "SOMEBODY ELSE")):
        told(
            lambda holder=holder: read_schedule(text, holder, xml=True),
            "aggregateAmountOwned is 'many'; a number from 0",
        )


def test_a_person_alone_is_not_told():
    stake = text_stake(("BIGCO INC", "500", "1%"))
    assert (stake.shares, stake.percent, stake.remark) == (500, 1.0, "")
    new = read_schedule(schedule_g(("BIGCO INC", 500, 5.0)).encode(), HOLDER, xml=True)
    assert new.remark == ""
    another = read_schedule(schedule_g(("OTHER LP", 500, 5.0)).encode(), HOLDER, xml=True)
    assert (another.shares, another.remark) == (500, "OTHER LP alone reports.")


def test_of_two_percents_for_one_amount_none_is_taken():
    stake = text_stake(("MRS BIG", "1,000", "1%"), ("MR BIG", "1,000", "2%"))
    assert (stake.shares, stake.percent) == (1000, None)


@pytest.mark.parametrize(("blanks", "shares"), [(245, 1234), (246, None)])
def test_an_amount_stands_within_250_characters_of_its_label(blanks, shares):
    label = "AGGREGATE AMOUNT BENEFICIALLY OWNED BY EACH REPORTING PERSON"
    assert [one.shares for one in _persons(f"{label}{' ' * blanks}1,234")] == [shares]


def test_an_issuer_that_is_no_number_is_unknown():
    text = form_4(("2025-06-03", "S", "100", "50")).replace(f"{ACME:010}", "none")
    assert read_sale(text.encode()).issuer is None
    text = schedule_g(("BIGCO INC", 500, 5.0)).replace(f"{ACME:010}", "none")
    assert read_schedule(text.encode(), HOLDER, xml=True).issuer is None


def test_sales_below_a_dollar_are_told_to_a_hundredth_of_a_cent():
    text = form_4(("2025-06-03", "S", "100", "0.051"), ("2025-06-03", "S", "100", "0.054"))
    told = "200 shares at 0.0525 dollars on average, from 0.0510 to 0.0540; 2025-06-03"
    assert read_sale(text.encode()).figures.startswith(told)


def test_a_role_without_a_title_and_the_title_of_another_role():
    text = form_4(("2025-06-03", "S", "100", "50"), planned="")
    title = "<officerTitle>Chief Executive</officerTitle>"
    bare = read_sale(text.replace(title, "").encode())
    assert bare.relationship == "director, officer"
    assert bare.figures == "100 shares at 50.00 dollars on average; 2025-06-03"
    other = read_sale(text.replace(title, "<otherText>Trustee</otherText>").encode())
    assert other.relationship == "director, officer (Trustee)"
    bare_title = re.sub(r"<is(Director|Officer)>\w+<", r"<is\1>0<", text)
    assert read_sale(bare_title.encode()).relationship == "Chief Executive"


def test_a_person_is_the_holder_by_its_number_whatever_its_name():
    text = schedule_d("OTHER LP", 100, 1.0, cik=BIGCO)
    begin, end = "<reportingPersons>", "</reportingPersons>"
    more = schedule_d("BIGCO INC", 900, 9.0, cik=7).partition(begin)[2].partition(end)[0]
    both = text.replace(end, more + end)
    stake = read_schedule(both.encode(), HOLDER, xml=True)
    assert (stake.shares, stake.remark) == (100, "2 persons report; taken is OTHER LP.")
