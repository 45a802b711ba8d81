"""Asking EDGAR: by name, at its pace, and only for what has not been read before.

Filings never change, so that their pages are kept in the user's cache once they were understood.
Lists change, and are asked for by every command anew. All that asks raises SourceError where EDGAR
does not answer or refuses, and DataError where a page is not as expected.
"""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any, TypeVar
from urllib.parse import quote, urlsplit
from xml.etree import ElementTree as ET

from backtest.errors import DataError, SourceError, UsageError
from backtest.sources.http import HttpClient, Pace, Patience
from backtest.workspace.files import cached

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

T = TypeVar("T")

SITE = "https://www.sec.gov"
_LISTS = "https://data.sec.gov"
PER_SECOND = 8.0  # the SEC allows ten; some room for what others in the house ask
PATIENCE = Patience()
_IDENTITY = re.compile(r"\S.*\s<?[^\s@<>]+@[^\s@<>]+\.[^\s@<>]+>?")
_REFUSED = 403
MOVED = "EDGAR may have changed its format; nothing was changed here."
_KINDS: dict[type, str] = {dict: "an object", list: "a list", str: "a text", int: "a whole number"}


class Edgar:
    """EDGAR's two sites, `www.sec.gov` and `data.sec.gov`, which count requests together."""

    def __init__(
        self,
        identity: str | None,
        base_url: str | None = None,
        answered: Callable[[str], None] | None = None,
    ) -> None:
        """Connect to nothing yet; `base_url` stands for both sites, such as a copy of them.

        `answered` takes the path of every answer that came over the network.

        Raises:
            UsageError: the identity is missing or malformed, or the address is none.

        """
        pace, who = Pace(PER_SECOND), checked_identity(identity)
        site, lists = base_url or SITE, base_url or _LISTS
        self._site = HttpClient(site, identity=who, pace=pace, patience=PATIENCE)
        self._lists = HttpClient(lists, identity=who, pace=pace, patience=PATIENCE)
        self._address, self._list_address = site.rstrip("/"), lists.rstrip("/")
        self._answered = answered or (lambda _: None)

    def page(self, path: str, read: Callable[[bytes, str], T]) -> T:
        """What `read` makes of the content and address of a page that changes, fetched anew."""
        return read(self._ask(self._site, path), self._address + path)

    def listing(self, name: str, read: Callable[[bytes, str], T]) -> T:
        """What `read` makes of a list of filings, such as `CIK0000000001.json`; see `page`."""
        path = f"/submissions/{name}"
        return read(self._ask(self._lists, path), self._list_address + path)

    def document(self, path: str, read: Callable[[bytes, str], T]) -> T:
        """What `read` makes of a page that never changes; kept where it was understood."""
        address = self._address + path

        def make() -> bytes:
            content = self._ask(self._site, path)
            read(content, address)  # an apology in place of the page is not kept
            return content

        host = quote(urlsplit(self._address).netloc, safe="")
        return read(cached(f"edgar/{host}/{quote(path, safe='')}", make), address)

    def _ask(self, site: HttpClient, path: str) -> bytes:
        try:
            content = site.get(path)
        except SourceError as error:
            if error.status != _REFUSED:
                raise
            raise SourceError(
                f"{error} The SEC refuses whoever does not say who asks, and for ten minutes "
                f"whoever asks more than ten times a second, in which all programs at one address "
                f"count. Check that --identity is your own name and e-mail address; then wait ten "
                f"minutes. Nothing was changed.",
                status=error.status,
            ) from None
        self._answered(path)
        return content


def checked_identity(text: str | None) -> str:
    """The identity, as it is sent; UsageError where it is not a name and an e-mail address."""
    identity = (text or "").strip()
    if _IDENTITY.fullmatch(identity) and identity.isascii() and identity.isprintable():
        return identity
    fault = "No identity is given"
    if identity:
        fault = f"{identity!r} is not a name and an e-mail address in plain letters"
    raise UsageError(
        f"{fault}. The SEC wants to know who asks EDGAR and refuses programs that do not say it. "
        f"Give --identity 'Jane Doe jane@example.org' with your own name and address, or set "
        f"BACKTEST_EDGAR_IDENTITY. It is sent to the SEC alone."
    )


def read_json(content: bytes, address: str) -> Any:
    """A page as JSON; DataError where it is none."""
    try:
        return json.loads(content)
    except ValueError:
        raise DataError(
            f"{address} should be JSON, and begins with {_begin(content)}. {MOVED}"
        ) from None


def need(value: Any, path: str, kind: type[T], address: str) -> T:
    """The value at a path within a JSON object, such as `filings.recent`, of a kind."""
    for name in path.split("."):
        if not isinstance(value, dict) or name not in value:
            raise DataError(f"{address} has no {path}; {_KINDS[kind]} is expected there. {MOVED}")
        value = value[name]
    if not isinstance(value, kind):
        raise DataError(
            f"{address}: {path} is {_begin(repr(value).encode())}; {_KINDS[kind]} is expected "
            f"there. {MOVED}"
        )
    return value


def _begin(content: bytes) -> str:
    return repr(content[:60].decode("utf-8", "replace").strip()) if content.strip() else "nothing"


# XML: read whole or not at all, by the local names of its elements


class _NoDoctype(ET.TreeBuilder):
    """Refuses a document type, without which no entity can be defined and blown up."""

    def doctype(self, name: str, pubid: str | None, system: str | None) -> None:  # noqa: ARG002
        raise DataError("it declares a document type, which filings have no need of")


def read_xml(content: bytes, address: str) -> ET.Element:
    """The root of a document; DataError where it is not whole XML, or declares a document type."""
    parser = ET.XMLParser(target=_NoDoctype())  # noqa: S314 - no document type, so no entities
    try:
        parser.feed(content)
        return parser.close()
    except ET.ParseError as error:
        raise DataError(
            f"{address} is not whole XML ({error}). It may have broken off on the way: try again."
        ) from None
    except DataError as error:
        raise DataError(f"{address} is refused: {error}.") from None


def every(element: ET.Element, *names: str) -> Iterator[ET.Element]:
    """The elements below one that have one of the names, whatever their name space."""
    return (one for one in element.iter() if local(one) in names)


def local(element: ET.Element) -> str:
    """The name of an element without its name space."""
    return str(element.tag).rpartition("}")[2]


def element_text(element: ET.Element, *names: str) -> str:
    """The text of the first element below one that has one of the names; empty where there is none.

    A text that stands in an element `value` within it, as in forms of insiders, counts as its own.
    """
    for found in every(element, *names):
        inner = next(every(found, "value"), found)
        if text := (inner.text or "").strip():
            return text
    return ""


def needed(element: ET.Element, address: str, *names: str) -> str:
    """As `element_text`, of what has to be there; DataError where it is not."""
    text = element_text(element, *names)
    if not text:
        paths = " or ".join(f"{local(element)}/{name}" for name in names)
        raise DataError(f"{address} has no {paths}; a text is expected there. {MOVED}")
    return text


def number_of(text: str, address: str, what: str) -> float | None:
    """A number from 0 as filings write it, such as `1,234.50`; None where the text is empty."""
    if not text:
        return None
    try:
        value = float(text.replace(",", "").rstrip("%").strip())
    except ValueError:
        value = -1.0
    if not 0 <= value < float("inf"):
        raise DataError(f"{address}: {what} is {text[:60]!r}; a number from 0 is expected there.")
    return value
