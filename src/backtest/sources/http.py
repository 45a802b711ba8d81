"""Plain HTTP: one client that says who asks, keeps to a pace and asks again.

On `requests`, which is here in any case. requests-ratelimiter is well kept, but brings
pyrate-limiter for what `Pace` does in five lines, and lets bursts through.
"""

from __future__ import annotations

from contextlib import suppress
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from threading import Lock
from time import monotonic, sleep
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from backtest.errors import SourceError, UsageError
from backtest.sources.retries import PassingError, Patience, patiently

if TYPE_CHECKING:
    from requests import Response, Session

_OK = 200
_PASSING = frozenset({408, 425, 429, 500, 502, 503, 504})
_REASONS = {
    403: "it refuses (403). It may want an identity, or have had too many requests",
    404: "there is nothing there (404)",
    429: "too many requests (429)",
}
_CHUNK = 1 << 16  # bytes
_REDIRECTS = 3


class Pace:
    """At most so many requests a second, evenly spaced, by all threads that share it."""

    def __init__(self, per_second: float) -> None:
        """Nothing has been asked yet."""
        self._gap = 1 / per_second
        self._next = 0.0
        self._lock = Lock()

    def wait(self) -> None:
        """Return when the next request may be sent."""
        with self._lock:
            now = monotonic()
            turn = max(now, self._next)
            self._next = turn + self._gap
        sleep(turn - now)


class HttpClient:
    """Fetches from one site."""

    def __init__(
        self,
        base_url: str,
        *,
        identity: str,
        pace: Pace,
        patience: Patience | None = None,
        largest: int = 256 << 20,
    ) -> None:
        """Nothing is asked yet.

        Args:
            base_url: the site, such as `https://www.sec.gov`.
            identity: who asks, sent as User-Agent.
            pace: how fast may be asked; clients share one where sites count together.
            patience: how often and how long to ask; the usual where None.
            largest: bytes that an answer may have.

        Raises:
            UsageError: the address is none, or the identity is empty or not plain ASCII.

        """
        if urlsplit(base_url).scheme not in ("http", "https") or not urlsplit(base_url).netloc:
            raise UsageError(f"{base_url!r} is not an address such as https://www.sec.gov.")
        if not identity.strip() or not identity.isascii() or not identity.isprintable():
            raise UsageError(
                f"The identity {identity!r} cannot be sent. Write a name and an address for mail "
                f"in plain letters, such as 'Jane Doe jane@example.org'."
            )
        self._base = base_url.rstrip("/")
        self._session = _session(identity.strip())
        self._pace = pace
        self._patience = patience or Patience()
        self._largest = largest

    def get(self, path: str) -> bytes:
        """The whole answer to a GET.

        Args:
            path: on the site, with its query; it begins with `/`.

        Raises:
            SourceError: the site does not answer, refuses, or sends too much. `status` is that of
                HTTP where there is one.

        """
        url = self._base + path
        return patiently(lambda: self._ask(url), url, self._patience)

    def _ask(self, url: str) -> bytes:
        import requests

        self._pace.wait()
        try:
            with self._session.get(url, stream=True, timeout=self._patience.each) as response:
                _check_status(url, response)
                return self._body(url, response)
        except (
            requests.exceptions.SSLError,
            requests.exceptions.TooManyRedirects,
            requests.exceptions.InvalidURL,
        ) as error:
            raise SourceError(f"{url}: {_first_line(error)}.") from None
        except requests.RequestException as error:
            raise PassingError(_told(error)) from None

    def _body(self, url: str, response: Response) -> bytes:
        """The whole body; requests raises where less comes than was announced."""
        parts, size = [], 0
        for part in response.iter_content(_CHUNK):
            parts.append(part)
            size += len(part)
            if size > self._largest:
                raise SourceError(f"{url}: the answer is larger than {self._largest:,} bytes.")
        return b"".join(parts)


def _session(identity: str) -> Session:
    import requests

    session = requests.Session()
    session.max_redirects = _REDIRECTS
    session.headers.update({"User-Agent": identity, "Accept-Encoding": "gzip, deflate"})
    return session


def _check_status(url: str, response: Response) -> None:
    status = response.status_code
    if status == _OK:
        return
    told = _REASONS.get(status, f"it answers with status {status}")
    if status in _PASSING:
        raise PassingError(told, _retry_after(response.headers.get("Retry-After")))
    raise SourceError(f"{url}: {told}.", status=status)


def _retry_after(text: str | None) -> float | None:
    """The seconds that the header asks to wait: it has a number, or a time."""
    if text is None:
        return None
    if text.strip().isdecimal():
        return float(text)
    with suppress(ValueError):
        moment = parsedate_to_datetime(text)
        moment = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
        return max((moment - datetime.now(UTC)).total_seconds(), 0.0)
    return None


def _told(error: Exception) -> str:
    import requests

    if isinstance(error, requests.Timeout):
        return "it does not answer in time"
    if isinstance(error, requests.exceptions.ChunkedEncodingError):
        return "the answer broke off"
    if isinstance(error, requests.ConnectionError):
        return f"no connection ({_first_line(error)})"
    return _first_line(error)


def _first_line(error: Exception) -> str:
    return str(error).strip().partition("\n")[0][:200] or type(error).__name__
