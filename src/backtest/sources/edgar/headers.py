"""The header page of a filing: when it was accepted, when it was shown, and what it holds.

The list of filings also has a time of acceptance, always with a Z; but of some filers it is the
clock of New York all the same, and nothing tells which. The header is New York time throughout,
which is why it alone is used.
"""

from __future__ import annotations

import html
import re
from dataclasses import dataclass
from datetime import date, datetime, time
from typing import TYPE_CHECKING

from backtest.data.event import NEW_YORK
from backtest.errors import DataError
from backtest.sources.edgar.client import MOVED

if TYPE_CHECKING:
    from backtest.data.event import Precision

_ACCEPTED = re.compile(r"<ACCEPTANCE-DATETIME>\s*(\d{14})\b")
_FILED = re.compile(r"(?:<FILING-DATE>|FILED AS OF DATE:)\s*(\d{8})\b")
_DOCUMENT = re.compile(r"<TYPE>([^\r\n<]+)(?:(?!</?DOCUMENT>).)*?<FILENAME>([^\r\n<]+)", re.DOTALL)
_BEFORE_OPEN = time(9)


@dataclass(frozen=True)
class Header:
    """What the header page of a filing says.

    Attributes:
        accepted: when EDGAR accepted it, New York.
        filed: the date of filing that EDGAR gave it.
        documents: type and file name of each document in it.

    """

    accepted: datetime
    filed: date
    documents: tuple[tuple[str, str], ...]

    @property
    def shown(self) -> tuple[datetime, Precision]:
        """The latest time by which it certainly was public, and how well that is known.

        What is accepted after 17:30 gets the next working day's date, and EDGAR shows it in that
        morning. That day need not be the next session: the government has other holidays.
        """
        if self.filed > self.accepted.date():
            return datetime.combine(self.filed, _BEFORE_OPEN, NEW_YORK), "session"
        return self.accepted, "exact"

    @property
    def remark(self) -> str:
        """What is to be said of that time; empty where it is the acceptance."""
        if self.shown[0] == self.accepted:
            return ""
        return (
            f"Accepted {self.accepted:%Y-%m-%d %H:%M:%S} New York with the filing date "
            f"{self.filed}, so shown by EDGAR from that morning."
        )

    def document(self, *types: str) -> str | None:
        """The file name of the first document of one of the types; None where there is none."""
        wanted = (name for kind, name in self.documents if kind.upper() in types)
        return next(wanted, None)


def read_header(content: bytes, address: str) -> Header:
    """Read a header page, `…-index-headers.html`.

    Raises:
        DataError: it does not say when the filing was accepted or filed.

    """
    text = html.unescape(content.decode("utf-8", "replace"))
    accepted, filed = _ACCEPTED.search(text), _FILED.search(text)
    if accepted is None or filed is None:
        name = "FILED AS OF DATE" if accepted else "<ACCEPTANCE-DATETIME>"
        raise DataError(f"{address} has no {name}, so its time is unknown. {MOVED}")
    try:
        moment = datetime.strptime(accepted[1], "%Y%m%d%H%M%S").replace(tzinfo=NEW_YORK, fold=1)
        day = date.fromisoformat(filed[1])
    except ValueError as error:
        raise DataError(f"{address} has a time that is none: {error}.") from None
    documents = tuple((kind.strip(), name.strip()) for kind, name in _DOCUMENT.findall(text))
    return Header(moment, day, documents)
