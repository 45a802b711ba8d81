"""Which event of a file a fetched row tells of."""

from __future__ import annotations

from typing import TYPE_CHECKING

from backtest.data.kinds import Earnings, News, StakeDisclosure

if TYPE_CHECKING:
    from backtest.data.event import Event


def same(known: Event, fetched: Event) -> bool:
    """Whether an event on file and a fetched one tell of the same fact.

    Reports: the same quarter. Stakes: the same filing; or, where the one on file names
    no filing of the holder, the same holder, form and day. News: the same filing and category.
    """
    if known.symbol != fetched.symbol:
        return False
    if isinstance(known, Earnings) and isinstance(fetched, Earnings):
        return known.period == fetched.period
    if isinstance(known, StakeDisclosure) and isinstance(fetched, StakeDisclosure):
        return known.holder == fetched.holder and _same_stake(known, fetched)
    if isinstance(known, News) and isinstance(fetched, News):
        return same_filing(known, fetched) and known.category == fetched.category
    return False


def _same_stake(known: StakeDisclosure, fetched: StakeDisclosure) -> bool:
    if _names_a_filing(known, fetched):
        return same_filing(known, fetched)
    what = (fetched.form, fetched.as_of)
    return known.as_of is not None and (known.form, known.as_of) == what


def same_filing(known: Event, fetched: Event) -> bool:
    """Whether a source of an event is in the folder of the filing that was fetched."""
    return _within(known, _above(fetched, 1))


def _names_a_filing(known: Event, fetched: Event) -> bool:
    """Whether a source of an event is any filing in the folder of the same filer."""
    return _within(known, _above(fetched, 2))


def _within(event: Event, folder: str) -> bool:
    urls = (event.source_url or "", event.source_url_2 or "")
    return any(url.startswith(f"{folder}/") for url in urls)


def _above(event: Event, steps: int) -> str:
    """The address so many steps above that of an event's source."""
    return (event.source_url or "").rsplit("/", steps)[0]
