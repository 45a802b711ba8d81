"""A stand-in for Yahoo on this machine: answers in the form of its chart address, made up."""

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import parse_qs, urlsplit
from zoneinfo import ZoneInfo

import numpy as np
import requests.adapters

from tests.local_server import Answer, LocalServer, local_server

NEW_YORK = ZoneInfo("America/New_York")
FIELDS = ("open", "high", "low", "close", "volume")
Row = Sequence[Any]  # when, open, high, low, close, volume
ROWS = [
    ("2025-06-16", 41.94, 42.5, 41.01, 42.0, 1000),
    ("2025-06-17", 42.0, 43.0, 41.5, 42.25, 1100),
    ("2025-06-18", 42.3, 43.1, 42.2, 43.0, 1200),
    ("2025-06-20", 43.0, 44.0, 42.9, 43.9, 1300),
]


def stamp(text: str) -> int:
    """Seconds since 1970; of a day, those of its open in New York."""
    moment = datetime.fromisoformat(text if "T" in text else f"{text}T09:30")
    return int(moment.replace(tzinfo=NEW_YORK).timestamp())


def single(value: Any) -> Any:
    """A number as Yahoo sends it: 41.94 becomes 41.939998626708984."""
    return float(np.float32(value)) if isinstance(value, float) else value


def chart(
    rows: Sequence[Row],
    *,
    adjusted: Sequence[float] | None = None,
    splits: Mapping[str, tuple[int, int]] = {},
    dividends: Mapping[str, float] = {},
    **meta: Any,
) -> dict[str, Any]:
    """The JSON of prices: rows, and closes without dividends where they differ."""
    columns = {name: [single(row[n]) for row in rows] for n, name in enumerate(FIELDS, start=1)}
    closes = [single(value) for value in adjusted] if adjusted else columns["close"]
    stamps = [stamp(row[0]) for row in rows]
    zone = {"timezone": "EDT", "gmtoffset": -14400}
    events = {
        "splits": {
            str(stamp(day)): {"date": stamp(day), "numerator": new, "denominator": old}
            for day, (new, old) in splits.items()
        },
        "dividends": {
            str(stamp(day)): {"date": stamp(day), "amount": amount}
            for day, amount in dividends.items()
        },
    }
    known = {
        "currency": "USD",
        "instrumentType": "EQUITY",
        "exchangeTimezoneName": "America/New_York",
        "priceHint": 2,
        "validRanges": ["1d", "5d", "max"],
        **meta,
    }
    if any("T" in row[0] for row in rows):
        known["tradingPeriods"] = [
            [{**zone, "start": stamp(f"{day}T09:30"), "end": stamp(f"{day}T16:00")}]
            for day in sorted({row[0][:10] for row in rows})
        ]
    quote = {"quote": [columns], "adjclose": [{"adjclose": closes}]}
    result = {"meta": known, "timestamp": stamps, "events": events, "indicators": quote}
    return {"chart": {"result": [result], "error": None}}


def refusal(code: str, description: str) -> dict[str, Any]:
    """The JSON of a refusal."""
    return {"chart": {"result": None, "error": {"code": code, "description": description}}}


class Yahoo:
    """Answers requests for charts as it is told; others as Yahoo does."""

    def __init__(self, server: LocalServer) -> None:
        self.server = server
        self.charts: dict[str, Any] = {}
        self.faults: list[Answer] = []
        server.answer = self._answer

    def has(self, symbol: str, found: dict[str, Any] | Answer) -> None:
        """Answer so for a symbol."""
        self.charts[symbol] = found

    def fails(self, *answers: Answer) -> None:
        """Answer so first, whatever the symbol."""
        self.faults = list(answers)

    @property
    def asked(self) -> list[dict[str, str]]:
        """What was asked for in requests for prices."""
        queries = [parse_qs(urlsplit(path).query) for path in self.server.asked]
        return [{n: v[0] for n, v in query.items()} for query in queries if "period1" in query]

    def _answer(self, path: str) -> Answer:
        place = urlsplit(path)
        if not place.path.startswith("/v8/finance/chart/"):
            return Answer(b"crumb") if "getcrumb" in path else Answer(status=404)
        if "period1" in place.query and self.faults:
            return self.faults.pop(0)
        symbol = place.path.rsplit("/", 1)[1]
        found = self.charts.get(symbol)
        if isinstance(found, Answer) and "period1" not in place.query:  # it asks for the zone
            return _json(chart([("2025-06-02", 1.0, 1.0, 1.0, 1.0, 1)]))
        if found is None:
            told = "No data found, symbol may be delisted"
            return _json(refusal("Not Found", told), status=404)
        return found if isinstance(found, Answer) else _json(found)


def _json(value: Any, status: int = 200) -> Answer:
    return Answer(json.dumps(value).encode(), status, {"Content-Type": "application/json"})


class _Redirected(requests.adapters.HTTPAdapter):
    """Sends to a server on this machine what is meant for Yahoo."""

    def __init__(self, url: str) -> None:
        super().__init__()
        self.url = url

    def send(self, request: Any, *args: Any, **kwargs: Any) -> Any:
        place = urlsplit(request.url)
        request.url = self.url + place.path + (f"?{place.query}" if place.query else "")
        return super().send(request, *args, **{**kwargs, "proxies": {}})


@contextmanager
def yahoo_server(monkeypatch: Any) -> Iterator[Yahoo]:
    """A stand-in that yfinance asks meanwhile; nothing of it is kept between tests."""
    from yfinance import _http, cache, data

    assert not _http.HAS_CURL_CFFI, "curl's sockets would not be held back"
    with local_server() as server:
        session = requests.Session()
        session.mount("https://", _Redirected(server.url))
        monkeypatch.setattr(data.SingletonMeta, "_instances", {})
        data.YfData(session=session)
        monkeypatch.setattr(cache._TzCacheManager, "_tz_cache", cache._TzCacheDummy())
        monkeypatch.setattr(cache._CookieCacheManager, "_Cookie_cache", cache._CookieCacheDummy())
        yield Yahoo(server)


def minutes(day: str, count: int, step: int, price: float = 100.0) -> list[Row]:
    """Bars of a session from its open on."""
    first = datetime.fromisoformat(f"{day}T09:30")
    times = [(first + timedelta(minutes=step * n)).isoformat() for n in range(count)]
    return [
        (time, price, price + 1, price - 1, price + 0.5, 10 + n) for n, time in enumerate(times)
    ]
