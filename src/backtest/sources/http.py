"""Fetch over HTTP: name the program, keep to a pace, retry what may pass, and end in time.

The retries of urllib3 alone know neither a body that breaks off nor a limit of time for them all.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from gzip import GzipFile
from io import BytesIO
from multiprocessing import TimeoutError as TimeIsUpError
from multiprocessing.pool import ThreadPool
from random import uniform
from threading import Lock
from time import monotonic, sleep
from typing import TYPE_CHECKING, TypeVar
from urllib.parse import urljoin, urlsplit

from backtest.errors import SourceError, UsageError

if TYPE_CHECKING:
    from requests import Response

T = TypeVar("T")
_LARGEST = 256 << 20  # bytes of the largest answer that is read
_MOST_REDIRECTS = 3
_OK, _BUSY = 200, 429
_PASSING = frozenset({408, 425, 429, 500, 502, 503, 504})


class RefusedError(SourceError):
    """`RefusedError` says that the source refuses to answer (403)."""


class AbsentError(SourceError):
    """`AbsentError` says that the source has nothing at an address (404)."""


_REFUSALS = {
    403: (RefusedError, "it refuses (403). It may want an identity, or have had too many requests"),
    404: (AbsentError, "there is nothing there (404)"),
}


@dataclass(frozen=True)
class Patience:
    """`Patience` limits how often and for how long a source is asked."""

    tries: int = 5  # at most
    seconds: float = 60.0  # for all tries and the waits between them
    each: float = 30.0  # for one try, however much of an answer has come by then
    wait: float = 1.0  # seconds after the first try, then twice as long each time


class PassingError(Exception):
    """`PassingError` is a fault that may pass; the source asks to wait `retry_after` seconds."""

    retry_after: float | None = None


class Pace:
    """`Pace` spaces requests of all threads evenly, at most so many a second."""

    def __init__(self, per_second: float) -> None:
        """Let the first request go at once."""
        self._gap, self._next, self._lock = 1 / per_second, 0.0, Lock()

    def wait(self) -> None:
        """Wait until the next request may be sent."""
        with self._lock:
            now = monotonic()
            turn = max(now, self._next)
            self._next = turn + self._gap
        sleep(turn - now)


class HttpClient:
    """`HttpClient` fetches from one site; `address` is its base, without a slash at its end."""

    def __init__(self, base_url: str, *, identity: str, pace: Pace, patience: Patience) -> None:
        """Prepare to send `identity` as User-Agent; raise UsageError if the address is none."""
        import requests

        if urlsplit(base_url).scheme not in ("http", "https") or not urlsplit(base_url).netloc:
            raise UsageError(f"{base_url!r} is not an address such as https://www.sec.gov.")
        self.address, self._pace, self._patience = base_url.rstrip("/"), pace, patience
        self._session = requests.Session()
        self._session.headers.update({"User-Agent": identity, "Accept-Encoding": "gzip"})
        self._session.max_redirects = _MOST_REDIRECTS
        self._session.hooks["response"].append(_refuse_another_site)

    def get(self, path: str) -> bytes:
        """Return the whole answer to a GET of a path with its query; raise SourceError if none."""
        url = self.address + path
        return patiently(lambda: self._fetch(url), url, self._patience)

    def _fetch(self, url: str) -> bytes:
        from requests import exceptions as faults

        self._pace.wait()
        try:
            with self._session.get(url, stream=True, timeout=self._patience.each) as response:
                _check_status(url, response)
                return _body(url, response)
        except (faults.SSLError, faults.InvalidURL) as error:
            raise SourceError(f"{url}: {_first_line(error)}.") from None
        except faults.TooManyRedirects:
            raise SourceError(f"{url}: it redirects more than {_MOST_REDIRECTS} times.") from None
        except faults.Timeout:
            raise PassingError("it does not answer in time") from None
        except faults.ChunkedEncodingError:
            raise PassingError("the answer broke off") from None
        except faults.RequestException as error:
            raise PassingError(f"no connection ({_first_line(error)})") from None


def _refuse_another_site(response: Response, **_: object) -> None:
    """Refuse a redirect to another site, which must not learn the identity."""
    target = urljoin(response.url, response.headers.get("Location", ""))
    if response.is_redirect and urlsplit(target)[:2] != urlsplit(response.url)[:2]:
        response.close()
        raise SourceError(f"{response.url}: it sends to another site, {target}, which is refused.")


def patiently(work: Callable[[], T], what: str, patience: Patience) -> T:
    """Return the result of `work`, which is tried again while it raises `PassingError` or hangs.

    Raise SourceError, which names the source `what`, at the end of the patience.
    """
    start = monotonic()
    for tries in range(1, patience.tries + 1):
        seconds_left = patience.seconds - (monotonic() - start)
        try:
            return _within(min(patience.each, seconds_left), work)
        except PassingError as error:
            fault = error
        jitter = uniform(1, 1.5)  # noqa: S311 - so that not all ask at once
        wait = fault.retry_after or patience.wait * 2 ** (tries - 1) * jitter
        if tries == patience.tries or monotonic() - start + wait >= patience.seconds:
            break
        sleep(wait)
    often = "once" if tries == 1 else f"{tries} times"
    asks = f", and it asks to wait {wait:,.0f} seconds" if fault.retry_after else ""
    raise SourceError(
        f"{what}: {fault}. Tried {often} in {monotonic() - start:.0f} seconds{asks}. "
        f"Nothing was changed; try again later."
    )


def _within(seconds: float, work: Callable[[], T]) -> T:
    """Return or raise what `work` does; leave it behind in its thread if it hangs."""
    with ThreadPool(1) as thread:
        try:
            return thread.apply_async(work).get(seconds)
        except TimeIsUpError:
            raise PassingError(f"no whole answer within {seconds:.3g} seconds") from None


def _check_status(url: str, response: Response) -> None:
    from urllib3.exceptions import InvalidHeader
    from urllib3.util import Retry

    status = response.status_code
    fault = "too many requests (429)" if status == _BUSY else f"it answers with status {status}"
    if status in _PASSING:
        error = PassingError(fault)
        with suppress(InvalidHeader):
            error.retry_after = Retry().get_retry_after(response.raw)
        raise error
    if status != _OK:
        kind, why = _REFUSALS.get(status, (SourceError, fault))
        raise kind(f"{url}: {why}.")


def _body(url: str, response: Response) -> bytes:
    """Return the whole body, unpacked; requests raises if less comes than was announced."""
    headers = response.raw.headers
    is_packed = "gzip" in headers.get("Content-Encoding", "").casefold()
    if is_packed:
        del headers["Content-Encoding"]  # urllib3 would accept half a gzip as the whole
    body = b"".join(_up_to_limit(url, response.iter_content(1 << 16)))
    if not is_packed:
        return body
    with GzipFile(fileobj=BytesIO(body)) as file:
        try:
            return b"".join(_up_to_limit(url, iter(partial(file.read, 1 << 16), b"")))
        except (EOFError, OSError, zlib.error) as error:
            raise PassingError(f"the answer cannot be unpacked ({_first_line(error)})") from None


def _up_to_limit(url: str, parts: Iterable[bytes]) -> Iterator[bytes]:
    size = 0
    for part in parts:
        size += len(part)
        if size > _LARGEST:
            raise SourceError(f"{url}: the answer is larger than {_LARGEST:,} bytes.")
        yield part


def _first_line(error: Exception) -> str:
    return str(error).strip().partition("\n")[0][:200] or type(error).__name__
