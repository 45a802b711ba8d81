"""Asking EDGAR: who asks, what is kept, and every way in which it fails."""

import json

import pytest

from backtest.data.kinds import News
from backtest.errors import DataError, SourceError, UsageError
from backtest.sources import edgar as edgar_client
from backtest.sources.edgar import (
    Edgar,
    checked_identity,
    filings_of,
    need,
    read_json,
)
from backtest.sources.filings import Fetched
from backtest.sources.forms import read_xml
from tests.edgar_site import ACME, WHO
from tests.local_server import Answer

LIST = f"/submissions/CIK{ACME:010}.json"
FORMS = ("8-K",)


def read_first_header(edgar):
    filing = filings_of(edgar, ACME, FORMS, None).filings[0]
    return Fetched(edgar, "ACME", News).header(filing)


def listed(edgar, cik=ACME, since=None):
    return [one.accession for one in filings_of(edgar, cik, FORMS, since).filings]


# Who asks


@pytest.mark.parametrize(
    "text", [WHO, "Doe & Co <office@example.org>", " J D j.d+e@mail.example.org "]
)
def test_a_name_and_an_address_are_an_identity(text):
    assert checked_identity(text) == text.strip()


@pytest.mark.parametrize(
    "text",
    [
        "Jane Doe",
        "jane@example.org",
        "Jane @example",
        "Jane jane@x",
        "Jösé j@example.org",
        "Jane\nj@example.org",
        "a\r\nX: b c@example.org",
    ],
)
def test_anything_else_is_told_with_what_is_wanted(text):
    with pytest.raises(UsageError, match="is not a name and an e-mail address") as e:
        checked_identity(text)
    assert "The SEC wants to know who asks" in str(e.value)
    assert "--identity 'Jane Doe jane@example.org'" in str(e.value)


@pytest.mark.parametrize("text", [None, "", "  "])
def test_no_identity_is_told_before_anything_is_asked(site, text):
    with pytest.raises(UsageError, match="No identity is given"):
        Edgar(text, site.server.url)
    assert site.server.asked == []


def test_every_request_says_who_asks(site, edgar):
    accession = site.file("8-K", "2025-06-04 16:05:00", ACME)
    read_first_header(edgar)
    assert len(site.server.asked) == 2
    assert site.server.asked[1].endswith(f"/{accession}-index-headers.html")
    assert {headers["User-Agent"] for headers in site.server.headers} == {WHO}


def test_both_sites_count_together(monkeypatch, site):
    paces = []
    monkeypatch.setattr(edgar_client, "HttpClient", lambda *_, pace, **__: paces.append(pace))
    Edgar(WHO)
    assert len(paces) == 2
    assert paces[0] is paces[1]


def test_a_fifth_of_what_the_sec_allows_in_a_second_is_left_to_others_in_the_house():
    assert edgar_client.PER_SECOND <= 0.8 * 10


# What is kept


def test_filings_are_read_once_and_lists_anew(site, edgar):
    site.file("8-K", "2025-06-04 16:05:00", ACME)
    for _ in range(2):
        read_first_header(edgar)
    assert sum(path == LIST for path in site.server.asked) == 2
    assert sum("headers" in path for path in site.server.asked) == 1


def test_an_apology_in_place_of_a_page_is_not_kept(site, edgar):
    accession = site.file("8-K", "2025-06-04 16:05:00", ACME)
    path = site.path(accession, f"{accession}-index-headers.html", ACME)
    good = site.pages[path]
    site.breaks(path, b"<html>This page is temporarily unavailable.</html>")
    with pytest.raises(DataError, match="has no <ACCEPTANCE-DATETIME>, so its time is unknown"):
        read_first_header(edgar)
    site.breaks(path, good)
    assert read_first_header(edgar).accepted.hour == 16


# How it fails


@pytest.mark.parametrize(
    ("answer", "told"),
    [
        (Answer(status=429, headers={"Retry-After": "900"}), "too many requests (429)"),
        (Answer(status=500), "it answers with status 500. Tried 2 times"),
        (Answer(b"x" * 100, sent=50), "the answer broke off. Tried 2 times"),
        (Answer(b"x" * 100, drip=0.05), "no whole answer within 0.5 seconds"),
    ],
    ids=["too many", "down", "half a body", "slow drip"],
)
def test_a_site_that_does_not_answer_is_asked_again_and_told(site, edgar, answer, told):
    site.breaks(LIST, answer)
    with pytest.raises(SourceError, match="Nothing was changed") as caught:
        listed(edgar)
    assert told in str(caught.value)
    assert caught.value.exit_code == 5


def test_what_passes_is_asked_again(site, edgar):
    accession = site.file("8-K", "2025-06-04 16:05:00", ACME)
    good = Answer(site.answer(LIST).body)
    site.server.answers(Answer(status=503), good)
    assert listed(edgar) == [accession]


def test_a_refusal_says_what_to_do_and_is_not_asked_again(site, edgar):
    site.breaks(LIST, Answer(status=403))
    with pytest.raises(SourceError, match="Check that --identity is your own name") as caught:
        listed(edgar)
    assert "then wait ten minutes" in str(caught.value)
    assert len(site.server.asked) == 1


def without(table, *path):
    inner = table
    for name in path[:-1]:
        inner = inner[name]
    del inner[path[-1]]


MOVED = {
    "no JSON": (lambda _: b"<html>", "should be JSON, and begins with '<html>'"),
    "nothing": (lambda _: b"", "begins with nothing"),
    "no filings": (("filings",), "has no filings.recent; an object is expected there"),
    "no files": (("filings", "files"), "has no filings.files; a list is expected there"),
    "no column": (("filings", "recent", "form"), "has no form; a list is expected there"),
    "no name": (("name",), "has no name; a text is expected there"),
}


@pytest.mark.parametrize(("change", "told"), MOVED.values(), ids=list(MOVED))
def test_another_form_is_told_with_the_place_and_what_is_expected(site, edgar, change, told):
    site.file("8-K", "2025-06-04 16:05:00", ACME)
    table = site.submissions(ACME, "ACME CORP")
    if callable(change):
        content = change(table)
    else:
        without(table, *change)
        content = json.dumps(table).encode()
    site.breaks(LIST, content)
    with pytest.raises(DataError) as caught:
        listed(edgar)
    assert f"{site.server.url}{LIST}" in str(caught.value)
    assert told in str(caught.value)
    assert "EDGAR may have changed its format; nothing was changed here." in str(caught.value)


WRONG = {
    "a text for a list": ("form", "8-K", "form is '8-K'; a list is expected there"),
    "a longer column": ("form", ["8-K", "8-K"], "has columns of different lengths"),
    "a day that is none": ("filingDate", ["2025-13-01"], "has a filing that cannot be read"),
    "a number for a day": ("filingDate", [20250604], "has a filing that cannot be read"),
    "a number that is none": ("accessionNumber", ["../../etc"], "accessionNumber is '../../etc'"),
}


@pytest.mark.parametrize(("column", "cells", "told"), WRONG.values(), ids=list(WRONG))
def test_wrong_types_are_told(site, edgar, column, cells, told):
    site.file("8-K", "2025-06-04 16:05:00", ACME)
    table = site.submissions(ACME, "ACME CORP")
    table["filings"]["recent"][column] = cells
    site.breaks(LIST, json.dumps(table).encode())
    with pytest.raises(DataError) as caught:
        listed(edgar)
    assert told in str(caught.value)


# XML of strangers

LAUGHS = (
    '<?xml version="1.0"?><!DOCTYPE lolz [<!ENTITY a "ha"><!ENTITY b "&a;&a;&a;&a;">]>'
    "<informationTable>&b;</informationTable>"
)
OUTSIDE = (
    '<!DOCTYPE x [<!ENTITY f SYSTEM "file:///etc/passwd">]><informationTable>&f;</informationTable>'
)


@pytest.mark.parametrize(
    "text", [LAUGHS, OUTSIDE, LAUGHS.encode("utf-16")], ids=["bomb", "file", "in UTF-16"]
)
def test_xml_that_defines_entities_is_refused(text):
    content = text if isinstance(text, bytes) else text.encode()
    with pytest.raises(DataError, match="refused: it declares a document type"):
        read_xml(content, "informationTable")


def test_of_a_page_that_is_no_json_the_first_sixty_characters_are_shown():
    with pytest.raises(DataError) as caught:
        read_json(b"<" * 100)
    assert str(caught.value) == f"should be JSON, and begins with '{'<' * 60}'."


def test_a_value_that_is_no_object_has_no_parts():
    for value in ([], "name", None, 3):
        with pytest.raises(DataError, match=r"has no name\.first; a text is expected there"):
            need({"name": value}, "name.first", str)
    assert need({"name": {"first": "x"}}, "name.first", str) == "x"
