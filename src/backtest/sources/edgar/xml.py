"""XML of strangers: read whole or not at all, by the local names of its elements."""

from __future__ import annotations

from typing import TYPE_CHECKING
from xml.etree import ElementTree as ET

from backtest.errors import DataError
from backtest.sources.edgar.client import MOVED

if TYPE_CHECKING:
    from collections.abc import Iterator


class _NoDoctype(ET.TreeBuilder):
    """Refuses a document type, without which no entity can be defined and blown up."""

    def doctype(self, name: str, pubid: str | None, system: str | None) -> None:  # noqa: ARG002
        raise DataError("it declares a document type, which filings have no need of")


def read_xml(content: bytes, address: str) -> ET.Element:
    """The root of a document.

    Raises:
        DataError: it is not whole XML, or declares a document type.

    """
    parser = ET.XMLParser(target=_NoDoctype())  # noqa: S314 - no document type, so no entities
    try:
        parser.feed(content)
        root = parser.close()
    except ET.ParseError as error:
        raise DataError(
            f"{address} is not whole XML ({error}). It may have broken off on the way: try again."
        ) from None
    except DataError as error:
        raise DataError(f"{address} is refused: {error}.") from None
    return root


def every(element: ET.Element, *names: str) -> Iterator[ET.Element]:
    """The elements below one that have one of the names, whatever their name space."""
    return (one for one in element.iter() if local(one) in names)


def local(element: ET.Element) -> str:
    """The name of an element without its name space."""
    return str(element.tag).rpartition("}")[2]


def text_of(element: ET.Element, *names: str) -> str:
    """The text of the first element below one that has one of the names; empty where there is none.

    A text that stands in an element `value` within it, as in forms of insiders, counts as its own.
    """
    for found in every(element, *names):
        inner = next(every(found, "value"), found)
        if text := (inner.text or "").strip():
            return text
    return ""


def needed(element: ET.Element, address: str, *names: str) -> str:
    """As `text_of`, of what has to be there.

    Raises:
        DataError: it is not.

    """
    text = text_of(element, *names)
    if not text:
        place = " or ".join(f"{local(element)}/{name}" for name in names)
        raise DataError(f"{address} has no {place}; a text is expected there. {MOVED}")
    return text


def number(text: str, address: str, what: str) -> float | None:
    """A number as filings write it, such as `1,234.50`; None where the text is empty.

    Raises:
        DataError: it is not a number, or is negative.

    """
    if not text:
        return None
    try:
        value = float(text.replace(",", "").rstrip("%").strip())
    except ValueError:
        value = -1.0
    if not 0 <= value < float("inf"):
        raise DataError(f"{address}: {what} is {text[:60]!r}; a number from 0 is expected there.")
    return value
