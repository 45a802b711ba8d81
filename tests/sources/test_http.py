"""The client for plain HTTP: what it sends, how it asks again, and how it gives up."""

import gzip
import threading
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest

from backtest.errors import SourceError, UsageError
from backtest.sources import http
from backtest.sources.http import (
    AbsentError,
    HttpClient,
    Pace,
    PassingError,
    Patience,
    RefusedError,
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


def test_half_a_body_is_asked_for_again(server, client):
    server.answers(Answer(b"half a body", sent=4), GOOD)
    assert client.get("/a") == b"good"


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
