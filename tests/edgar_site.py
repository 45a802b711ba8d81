"""A made-up EDGAR on this machine.

Everything in it is made up: ACME CORP (symbol ACME, number 1111), the holder BIGCO INC (symbol
BIGC, number 2222), every accession number and every figure. The pages have the form of EDGAR's.
"""

import html
import json
from contextlib import contextmanager
from dataclasses import dataclass, field

from tests.local_server import Answer, LocalServer, local_server

ACME, BIGCO = 1111, 2222
WHO = "Jane Doe jane@example.org"
CUSIP = "00000A100"
_COLUMNS = ("accessionNumber", "filingDate", "reportDate", "acceptanceDateTime", "form", "items")

HEADER = """\
<HTML><HEAD><TITLE>SEC EDGAR Submission {accession}</TITLE>
<!--
<SEC-HEADER>{accession}.hdr.sgml : {filed}
<ACCEPTANCE-DATETIME>{accepted}
<TYPE>{form}
<FILING-DATE>{filed}
</SEC-HEADER>
-->
</HEAD><BODY><PRE>{shown}</PRE></BODY></HTML>
"""
SHOWN = """\
<SEC-HEADER>{accession}.hdr.sgml : {filed}
<ACCEPTANCE-DATETIME>{accepted}
ACCESSION NUMBER:\t\t{accession}
CONFORMED SUBMISSION TYPE:\t{form}
FILED AS OF DATE:\t\t{filed}
</SEC-HEADER>
"""


@dataclass
class Site:
    """What EDGAR has, and how it answers."""

    server: LocalServer
    names: dict[int, str] = field(default_factory=lambda: {ACME: "ACME CORP", BIGCO: "BIGCO INC"})
    tickers: dict[str, int] = field(default_factory=lambda: {"ACME": ACME, "BIGC": BIGCO})
    filings: dict[int, list[dict[str, str]]] = field(default_factory=dict)
    older: dict[int, list[dict[str, str]]] = field(default_factory=dict)
    pages: dict[str, bytes | Answer] = field(default_factory=dict)
    year_ends: dict[int, str] = field(default_factory=dict)  # such as 0831

    def file(
        self,
        form,
        accepted,
        *ciks,
        number=None,
        filed=None,
        period="",
        items="",
        documents=(),
        older=False,
        about=None,
    ):
        """File something in the name of one or more; `accepted` is New York. Returns its number.

        One of a day alone has no time of acceptance in its header; `about` is the number of the
        company that the header says it is about.
        """
        day = accepted[:10]
        count = sum(len(rows) for rows in self.filings.values()) + 1
        accession = number or f"000000{ciks[0]}-{day[2:4]}-{count:06}"
        digits = accepted.replace("-", "").replace(":", "").replace(" ", "")
        facts = {
            "accession": accession,
            "form": form,
            "accepted": digits,
            "filed": (filed or day).replace("-", ""),
        }
        shown = SHOWN.format(**facts) + "".join(
            f"<DOCUMENT>\n<TYPE>{kind}\n<SEQUENCE>1\n<FILENAME>{name}\n<TEXT>\n</DOCUMENT>\n"
            for kind, name, _ in documents
        )
        if about:
            shown += f"SUBJECT COMPANY:\n\n\tCOMPANY DATA:\n\t\tCENTRAL INDEX KEY:\t{about:010}\n"
            shown += f"FILED BY:\n\n\tCOMPANY DATA:\n\t\tCENTRAL INDEX KEY:\t{ciks[0]:010}\n"
        text = HEADER.format(**facts, shown=html.escape(shown))
        if accepted == day:
            clock = f"<ACCEPTANCE-DATETIME>{digits}\n"
            text = text.replace(clock, "").replace(html.escape(clock), "")
        page = text.encode()
        for cik in ciks:
            row = (accession, filed or day, period, f"{day}T12:00:00.000Z", form, items)
            place = self.older if older else self.filings
            place.setdefault(cik, []).append(dict(zip(_COLUMNS, row, strict=True)))
            folder = f"/Archives/edgar/data/{cik}/{accession.replace('-', '')}"
            self.pages[f"{folder}/{accession}-index-headers.html"] = page
            for _, name, content in documents:
                self.pages[f"{folder}/{name}"] = content.encode()
        return accession

    def path(self, accession, name, cik):
        """The path of a page of a filing."""
        return f"/Archives/edgar/data/{cik}/{accession.replace('-', '')}/{name}"

    def answer(self, path):
        """What the site answers."""
        page = self.pages.get(path)
        if page is None:
            page = self._list(path)
        if page is None:
            return Answer(status=404)
        return page if isinstance(page, Answer) else Answer(page)

    def _list(self, path):
        if path == "/files/company_tickers.json":
            rows = self.tickers.items()
            listed = [
                {"cik_str": cik, "ticker": one, "title": self.names[cik]} for one, cik in rows
            ]
            return json.dumps({str(n): row for n, row in enumerate(listed)}).encode()
        for cik, name in self.names.items():
            if path == f"/submissions/CIK{cik:010}.json":
                return json.dumps(self.submissions(cik, name)).encode()
            if path == f"/submissions/CIK{cik:010}-submissions-001.json":
                return json.dumps(_columns(self.older[cik])).encode()
        return None

    def submissions(self, cik, name):
        """The list of a filer, as EDGAR writes it."""
        older = self.older.get(cik, [])
        days = [row["filingDate"] for row in older]
        files = [
            {
                "name": f"CIK{cik:010}-submissions-001.json",
                "filingCount": len(older),
                "filingFrom": min(days, default=""),
                "filingTo": max(days, default=""),
            }
        ]
        return {
            "cik": f"{cik:010}",
            "name": name,
            "tickers": [ticker for ticker, one in self.tickers.items() if one == cik],
            "formerNames": [],
            "fiscalYearEnd": self.year_ends.get(cik),
            "filings": {
                "recent": _columns(self.filings.get(cik, [])),
                "files": files if older else [],
            },
        }

    def breaks(self, path, answer):
        """From now on a page is answered so."""
        self.pages[path] = answer


def _columns(rows):
    return {name: [row[name] for row in rows] for name in _COLUMNS}


@contextmanager
def made_up_edgar(monkeypatch, cache):
    """A made-up EDGAR that is asked without waiting, with a cache of its own."""
    from backtest.sources import edgar
    from backtest.sources.http import Patience

    for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("BACKTEST_CACHE", str(cache))
    monkeypatch.setattr(edgar, "PER_SECOND", 1000)
    monkeypatch.setattr(edgar, "PATIENCE", Patience(tries=2, seconds=3, each=0.5, wait=0.001))
    with local_server() as server:
        site = Site(server)
        server.answer = site.answer
        yield site


def table(*lines, cusip=CUSIP):
    """An information table of 13F; a line is name, value, shares, and more elements by name."""
    return (
        '<?xml version="1.0" encoding="UTF-8"?>\n<ns1:informationTable '
        'xmlns:ns1="http://www.sec.gov/edgar/document/thirteenf/informationtable">'
        + "".join(_line(cusip, *line) for line in lines)
        + "</ns1:informationTable>"
    )


def _line(cusip, issuer, value, shares, more=None):
    more = more or {}
    cells = {
        "nameOfIssuer": issuer,
        "titleOfClass": more.get("title", "COM CL A"),
        "cusip": more.get("cusip", cusip),
        "value": value,
    }
    first = "".join(f"<ns1:{name}>{cell}</ns1:{name}>" for name, cell in cells.items())
    amount = (
        f"<ns1:shrsOrPrnAmt><ns1:sshPrnamt>{shares}</ns1:sshPrnamt>"
        f"<ns1:sshPrnamtType>{more.get('type', 'SH')}</ns1:sshPrnamtType></ns1:shrsOrPrnAmt>"
    )
    put_call = f"<ns1:putCall>{more['putCall']}</ns1:putCall>" if "putCall" in more else ""
    return f"<ns1:infoTable>{first}{amount}{put_call}</ns1:infoTable>"


def cover(amendment=""):
    """The cover page of 13F."""
    kind = f"<amendmentType>{amendment}</amendmentType>" if amendment else ""
    return (
        '<?xml version="1.0"?><edgarSubmission xmlns="http://www.sec.gov/edgar/thirteenffiler">'
        f"<formData><coverPage><amendmentInfo>{kind}</amendmentInfo></coverPage></formData>"
        "</edgarSubmission>"
    )


def quarterly(site, accepted, period, lines, amendment="", **more):
    """File a 13F of BIGCO."""
    form = "13F-HR/A" if amendment else "13F-HR"
    documents = (
        (form, "primary_doc.xml", cover(amendment)),
        ("INFORMATION TABLE", "table.xml", table(*lines)),
    )
    return site.file(form, accepted, BIGCO, period=period, documents=documents, **more)


def schedule_g(*persons, event="06/10/2025", issuer=ACME):
    """A Schedule 13G as XML; a person is name, shares and percent."""
    lines = "".join(
        "<coverPageHeaderReportingPersonDetails>"
        f"<reportingPersonName>{name}</reportingPersonName>"
        "<reportingPersonBeneficiallyOwnedAggregateNumberOfShares>"
        f"{shares}</reportingPersonBeneficiallyOwnedAggregateNumberOfShares>"
        f"<classPercent>{percent}</classPercent></coverPageHeaderReportingPersonDetails>"
        for name, shares, percent in persons
    )
    return (
        '<?xml version="1.0"?><edgarSubmission xmlns="http://www.sec.gov/edgar/schedule13g">'
        f"<formData><coverPageHeader><eventDateRequiresFilingThisStatement>{event}"
        f"</eventDateRequiresFilingThisStatement><issuerInfo><issuerCik>{issuer:010}</issuerCik>"
        f"</issuerInfo></coverPageHeader>{lines}</formData></edgarSubmission>"
    )


def schedule_d(name, shares, percent, event="06/10/2025", issuer=ACME, cik=BIGCO):
    """A Schedule 13D as XML."""
    return (
        '<?xml version="1.0"?><edgarSubmission xmlns="http://www.sec.gov/edgar/schedule13D">'
        f"<formData><coverPageHeader><dateOfEvent>{event}</dateOfEvent><issuerInfo><issuerCIK>"
        f"{issuer:010}</issuerCIK></issuerInfo></coverPageHeader><reportingPersons>"
        f"<reportingPersonInfo><reportingPersonCIK>{cik:010}</reportingPersonCIK>"
        f"<reportingPersonName>{name}</reportingPersonName>"
        f"<aggregateAmountOwned>{shares}</aggregateAmountOwned>"
        f"<percentOfClass>{percent}</percentOfClass></reportingPersonInfo></reportingPersons>"
        "</formData></edgarSubmission>"
    )


def form_4(*sales, planned="1", issuer=ACME):
    """A Form 4; a sale is day, code, shares and price (empty where a footnote tells it)."""
    lines = "".join(
        f"<nonDerivativeTransaction><transactionDate><value>{day}</value></transactionDate>"
        f"<transactionCoding><transactionCode>{code}</transactionCode></transactionCoding>"
        f"<transactionAmounts><transactionShares><value>{shares}</value></transactionShares>"
        + (
            f"<transactionPricePerShare><value>{price}</value></transactionPricePerShare>"
            if price
            else '<transactionPricePerShare><footnoteId id="F1"/></transactionPricePerShare>'
        )
        + "</transactionAmounts></nonDerivativeTransaction>"
        for day, code, shares, price in sales
    )
    return (
        '<?xml version="1.0"?><ownershipDocument><documentType>4</documentType>'
        f"<issuer><issuerCik>{issuer:010}</issuerCik><issuerName>No. {issuer}</issuerName></issuer>"
        "<reportingOwner><reportingOwnerId><rptOwnerName>DOE JANE</rptOwnerName></reportingOwnerId>"
        "<reportingOwnerRelationship><isDirector>1</isDirector><isOfficer>true</isOfficer>"
        "<isTenPercentOwner>0</isTenPercentOwner><officerTitle>Chief Executive</officerTitle>"
        f"</reportingOwnerRelationship></reportingOwner><aff10b5One>{planned}</aff10b5One>"
        f"<nonDerivativeTable>{lines}</nonDerivativeTable></ownershipDocument>"
    )
