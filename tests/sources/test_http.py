"""The client for plain HTTP: what it sends, how it asks again, and how it gives up."""

import gzip
import threading
import zlib
from copy import copy
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from types import SimpleNamespace

import pytest
from requests import Timeout

from backtest.errors import SourceError, UsageError
from backtest.sources import http, yahoo
from backtest.sources.http import (
    AbsentError,
    HttpClient,
    Pace,
    PassingError,
    Patience,
    RefusedError,
    _body,
    _first_line,
    _refuse_another_site,
    patiently,
)
from tests.local_server import Answer, local_server

GOOD = Answer(b"good")
QUICK = Patience(tries=3, seconds=5.0, each=2.0, wait=0.001)


@pytest.fixture
def server(monkeypatch):
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)
    with local_server() as server:
        yield server


@pytest.fixture
def client(server):
    return make_client(server)


@pytest.fixture
def waits(monkeypatch):
    """The waits between tries, which take no time."""
    waits = []
    monkeypatch.setattr(http, "sleep", lambda wait: waits.append(wait) if wait else None)
    return waits


@pytest.fixture
def still(monkeypatch):
    """A clock that stands, so that no figure in a message hangs on the machine."""
    monkeypatch.setattr(http, "monotonic", lambda: 100.0)


def make_client(server, **changes):
    terms = {"identity": "Jane Doe jane@example.org", "pace": Pace(1e9), "patience": QUICK}
    return HttpClient(server.url, **{**terms, **changes})


def fault(client, path="/a"):
    with pytest.raises(SourceError) as caught:
        client.get(path)
    return caught.value


def test_the_answer_comes_whole_and_the_asker_is_named(server, client):
    server.answers(Answer(gzip.compress(b"good"), headers={"Content-Encoding": "gzip"}))
    assert client.get("/a/b?c=d&e=f%20g") == b"good"
    assert server.asked == ["/a/b?c=d&e=f%20g"]
    assert server.headers[0]["User-Agent"] == "Jane Doe jane@example.org"
    server.answers(Answer(zlib.compress(b"good"), headers={"Content-Encoding": "deflate"}))
    assert client.get("/a") == b"good"  # though nobody asked for it so


@pytest.mark.parametrize("status", [408, 425, 429, 500, 502, 503, 504])
def test_what_may_pass_is_asked_again(server, client, status):
    server.answers(Answer(status=status), Answer(status=status), GOOD)
    assert client.get("/a") == b"good"
    assert len(server.asked) == 3


@pytest.mark.parametrize(
    ("answer", "told"),
    [
        (Answer(status=429), "too many requests (429)"),
        (Answer(status=500), "it answers with status 500"),
        (Answer(b"half a body", sent=4), "the answer broke off"),
        (Answer(b"never", sent=0), "the answer broke off"),
    ],
)
def test_what_does_not_pass_is_told_once(server, client, still, answer, told):
    server.answers(answer)
    error = fault(client)
    assert str(error).startswith(f"{server.url}/a: {told}. Tried 3 times in 0 seconds. ")
    assert error.exit_code == 5
    assert len(server.asked) == 3


PACKED = gzip.compress(b"a whole answer " * 99)


@pytest.mark.parametrize(
    "half",
    [
        Answer(b"half a body", sent=4),
        Answer(PACKED[:40], headers={"Content-Encoding": "gzip"}),  # as long as was announced
        Answer(PACKED[:-1], headers={"Content-Encoding": "gzip"}),
        Answer(b"not packed", headers={"Content-Encoding": "gzip"}),
    ],
)
def test_half_a_body_is_asked_for_again(server, client, half):
    server.answers(half, GOOD)
    assert client.get("/a") == b"good"
    server.answers(Answer(PACKED, headers={"Content-Encoding": "gzip"}))
    assert client.get("/a") == gzip.decompress(PACKED)


@pytest.mark.parametrize(
    ("status", "kind", "told"),
    [
        (403, RefusedError, "it refuses (403)"),
        (404, AbsentError, "there is nothing there (404)"),
        (304, SourceError, "status 304"),
    ],
)
def test_what_cannot_pass_is_not_asked_again(server, client, status, kind, told):
    server.answers(Answer(status=status))
    error = fault(client)
    assert told in str(error)
    assert type(error) is kind
    assert len(server.asked) == 1


def test_a_slow_drip_is_cut_off_whatever_each_read_takes(server):
    server.answers(Answer(b"x" * 1000, drip=0.02))
    error = fault(make_client(server, patience=Patience(2, 5.0, each=0.2, wait=0.001)))
    assert "no whole answer within 0.2 seconds. Tried 2 times" in str(error)


def test_all_tries_together_end_in_time(server):
    server.answers(Answer(b"x" * 1000, drip=0.02))
    error = fault(make_client(server, patience=Patience(100, 0.5, each=0.2, wait=0.001)))
    assert len(server.asked) <= 3
    assert "Tried 100 times" not in str(error)


def test_a_server_that_is_not_there(server, client):
    with local_server() as gone:
        pass
    error = fault(make_client(gone))
    assert "no connection (" in str(error)
    assert "Tried 3 times" in str(error)


def test_an_answer_that_is_too_large_is_refused(server, monkeypatch):
    monkeypatch.setattr(http, "_LARGEST", 50_000)
    server.answers(Answer(gzip.compress(b"x" * 100_000), headers={"Content-Encoding": "gzip"}))
    error = fault(make_client(server))
    assert "larger than 50,000 bytes" in str(error)
    assert len(server.asked) == 1


def test_it_is_not_sent_on_for_ever(server, client):
    server.answers(Answer(status=302, headers={"Location": "/a"}))
    assert "it redirects more than 3 times" in str(fault(client))


def test_waits_grow_and_differ(server, waits):
    server.answers(Answer(status=500))
    fault(make_client(server, patience=Patience(tries=5, wait=1.0)))
    for wait, least in zip(waits, (1, 2, 4, 8), strict=True):
        assert least <= wait <= 1.5 * least


def test_retry_after_is_respected(server, client, waits):
    soon = format_datetime(datetime.now(UTC) + timedelta(seconds=3))
    server.answers(
        Answer(status=429, headers={"Retry-After": "2"}),
        Answer(status=503, headers={"Retry-After": soon}),
        GOOD,
    )
    assert client.get("/a") == b"good"
    assert waits[0] == 2
    assert 0 < waits[1] <= 3


def test_retry_after_that_is_nonsense_is_not(server, client, waits):
    server.answers(Answer(status=429, headers={"Retry-After": "nan"}), GOOD)
    assert client.get("/a") == b"good"
    assert waits[0] < 1


def test_a_wait_that_is_too_long_is_told(server, client, waits, still):
    server.answers(Answer(status=429, headers={"Retry-After": "600"}))
    assert "Tried once in 0 seconds, and it asks to wait 600 seconds." in str(fault(client))
    assert waits == []


def test_the_pace_is_shared_by_all_who_ask(monkeypatch):
    slept = []
    monkeypatch.setattr(http, "monotonic", lambda: 100.0)
    monkeypatch.setattr(http, "sleep", slept.append)
    pace = Pace(10)
    threads = [threading.Thread(target=pace.wait) for _ in range(5)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(slept) == pytest.approx([0, 0.1, 0.2, 0.3, 0.4])


@pytest.mark.parametrize("url", ["www.sec.gov", "ftp://www.sec.gov", "https://"])
def test_an_address_that_is_none_is_refused(url):
    with pytest.raises(UsageError, match="is not an address"):
        HttpClient(url, identity="Jane", pace=Pace(1), patience=QUICK)


def test_work_that_fails_otherwise_is_not_done_again():
    done = []

    def work():
        done.append(1)
        raise KeyError("schema")

    with pytest.raises(KeyError):
        patiently(work, "it", QUICK)
    assert len(done) == 1


def test_work_that_hangs_is_left_behind():
    release = threading.Event()
    with pytest.raises(SourceError, match=r"it: no whole answer within 0\.05 seconds"):
        patiently(release.wait, "it", Patience(1, 1.0, 0.05, 0.0))
    release.set()


def test_a_fault_that_passes():
    faults = [PassingError("busy"), PassingError("busy")]

    def work():
        if faults:
            raise faults.pop()
        return "done"

    assert patiently(work, "it", QUICK) == "done"


def test_who_asks_is_told_to_no_other_site(server, client):
    with local_server() as other:
        other.answers(Answer(b"taken"))
        server.answers(Answer(status=302, headers={"Location": f"{other.url}/b"}))
        error = fault(client)
        assert "it sends to another site" in str(error)
        assert other.asked == []


def test_each_wait_is_twice_as_long_and_up_to_half_as_long_again(monkeypatch):
    """Of four tries three are waited after, for 1, 2 and 4 seconds at least."""
    tried, waited = [], []
    monkeypatch.setattr(http, "sleep", waited.append)

    def work():
        tried.append(1)
        raise PassingError("it is busy")

    with pytest.raises(SourceError, match=r"it: it is busy\. Tried 4 times"):
        patiently(work, "it", Patience(4, 60.0, 30.0, 1.0))
    assert len(tried) == 4
    for least, wait in zip((1, 2, 4), waited, strict=True):
        assert least <= wait <= 1.5 * least


# Limits, by a clock that only waits move


@pytest.fixture
def clock(monkeypatch):
    """A clock that stands but for waits and tries; what is tried takes as long as it may."""
    clock = SimpleNamespace(now=100.0, waits=[], tries=[], takes=0.0)

    def sleep(seconds):
        clock.waits.append(seconds)
        clock.now += seconds

    def within(seconds, work):
        clock.tries.append(seconds)
        clock.now += min(clock.takes, seconds)
        return work()

    monkeypatch.setattr(http, "monotonic", lambda: clock.now)
    monkeypatch.setattr(http, "sleep", sleep)
    monkeypatch.setattr(http, "_within", within)
    monkeypatch.setattr(http, "uniform", lambda low, high: low)
    return clock


def busy(retry_after=None):
    def work():
        error = PassingError("it is busy")
        error.retry_after = retry_after
        raise error

    return work


@pytest.mark.parametrize(
    ("patience", "tries", "seconds", "each", "wait"),
    [(Patience(), 5, 60, 30, 1), (yahoo._PATIENCE, 5, 90, 45, 2)],
    ids=["as it is", "with Yahoo"],
)
def test_how_long_a_source_is_waited_for(clock, patience, tries, seconds, each, wait):
    with pytest.raises(SourceError, match=f"Tried {tries} times"):
        patiently(busy(), "it", patience)
    assert clock.tries == [each] * tries
    assert clock.waits == [wait * 2**n for n in range(tries - 1)]
    for asked, told in ((seconds, "Tried once in 0 seconds"), (seconds - 1, "Tried 2 times")):
        with pytest.raises(SourceError, match=told):
            patiently(busy(asked), "it", patience)


def test_waits_are_up_to_half_as_long_again(clock, monkeypatch):
    monkeypatch.setattr(http, "uniform", lambda low, high: high)
    with pytest.raises(SourceError):
        patiently(busy(), "it", Patience(tries=4))
    assert clock.waits == [1.5, 3.0, 6.0]


def test_the_last_try_has_the_time_that_is_left(clock):
    clock.takes = 30.0
    with pytest.raises(SourceError, match=r"Tried 2 times in 45 seconds"):
        patiently(busy(), "it", Patience(tries=5, seconds=45.0, each=30.0, wait=1.0))
    assert clock.tries == [30.0, 14.0]


@pytest.mark.parametrize(("pace", "gap"), [(Pace(10), 0.1), (copy(yahoo._PACE), 0.5)])
def test_requests_are_evenly_spaced_and_the_first_goes_at_once(clock, pace, gap):
    for now in (1e9, 2e9):  # after a pause the next goes at once too
        clock.now, clock.waits[:] = now, []
        pace.wait()
        pace.wait()
        assert clock.waits == pytest.approx([0.0, gap], abs=1e-6)


def test_the_first_request_goes_at_once_however_young_the_clock_is(clock):
    clock.now = 0.0
    Pace(1).wait()
    assert clock.waits == [0.0]


# Limits of an answer


def test_what_is_too_large_is_refused_before_all_of_it_has_come(server, monkeypatch):
    monkeypatch.setattr(http, "_LARGEST", 50_000)
    server.answers(Answer(b"x" * 200_000, sent=100_000))
    assert "larger than 50,000 bytes" in str(fault(make_client(server)))


def test_an_answer_may_be_as_large_as_the_limit(monkeypatch):
    monkeypatch.setattr(http, "_LARGEST", 5)
    raw = SimpleNamespace(headers={})
    assert _body("x", SimpleNamespace(raw=raw, iter_content=lambda _: [b"123", b"45"])) == b"12345"
    with pytest.raises(SourceError, match="larger than 5 bytes"):
        _body("x", SimpleNamespace(raw=raw, iter_content=lambda _: [b"123", b"456"]))


def test_a_request_ends_when_its_try_does(client, monkeypatch):
    asked = []

    def get(url, **terms):
        asked.append(terms["timeout"])
        raise Timeout

    monkeypatch.setattr(client._session, "get", get)
    assert "it does not answer in time. Tried 3 times" in str(fault(client))
    assert asked == [QUICK.each] * 3


def test_a_redirect_within_the_site_is_followed(server, client):
    server.answers(Answer(status=302, headers={"Location": "/b"}), GOOD)
    assert client.get("/a") == b"good"
    assert server.asked == ["/a", "/b"]


def test_the_line_of_a_redirect_to_another_site_is_closed():
    closed = []
    response = SimpleNamespace(
        url="https://a.example/x",
        headers={"Location": "https://b.example/x"},
        is_redirect=True,
        close=lambda: closed.append(True),
    )
    with pytest.raises(SourceError, match="it sends to another site"):
        _refuse_another_site(response)
    assert closed == [True]


@pytest.mark.parametrize(
    ("text", "line"),
    [("x" * 201, "x" * 200), ("\n one\ntwo", "one"), ("", "ValueError")],
)
def test_of_an_error_the_first_line_is_told_up_to_200_characters(text, line):
    assert _first_line(ValueError(text)) == line
