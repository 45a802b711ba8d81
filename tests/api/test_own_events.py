"""Events of kinds that stand in a notebook: a strategy is handed what was given, or it is told."""

from typing import Any

import pytest
from pydantic import Field, computed_field

import backtest
from backtest import Signal, Strategy
from backtest.errors import DataError
from backtest.events import Event

STAMP = {"symbol": "ACME", "published_at": "2025-06-10T16:05:00-04:00", "precision": "exact"}


class Level(Event):
    at: float | None = 5.0
    word: str = "rises"
    names: list[str] | None = None
    hidden: float = Field(1.0, exclude=True)

    @computed_field  # type: ignore[prop-decorator]
    @property
    def doubled(self) -> float:
        return 2 * (self.at or 0)


class OnLevel(Strategy):
    listens_to = (Level,)

    def on_event(self, event: Level, market: Any) -> Signal | str:
        return f"{event.at} {event.word} {event.hidden} {event.doubled}"


def reasons(checkout, monkeypatch, **fields):
    monkeypatch.chdir(checkout.root)
    event = Level(headline="A level", **STAMP, **fields)
    found = backtest.run(OnLevel, symbols="ACME", benchmark="INDX", events=[event])
    return found.decisions["reason"].to_list()


def test_an_event_that_is_given_is_the_one_that_is_answered(checkout, monkeypatch):
    assert reasons(checkout, monkeypatch, at=2, hidden=3) == ["2.0 rises 3.0 4.0"]


@pytest.mark.parametrize(
    ("fields", "told"),
    [
        ({"at": None}, r"row 0, column at: None does not fit into a cell.*default \(5\.0\)"),
        ({"word": ""}, r"row 0, column word: '' does not fit into a cell.*default \('rises'\)"),
        ({"names": ["a"]}, r"row 0, column names: \['a'\] does not fit into a cell"),
    ],
)
def test_an_event_that_a_row_cannot_tell_is_refused(checkout, monkeypatch, fields, told):
    with pytest.raises(DataError, match=told):
        reasons(checkout, monkeypatch, **fields)
