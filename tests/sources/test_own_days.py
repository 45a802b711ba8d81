"""Days as vendors store them: forms, years of two digits, and seconds around 1970."""

from datetime import UTC, datetime, timedelta

import pandas as pd
import pytest

from backtest.errors import UsageError
from backtest.sources.own_cells import epochs, parse_days
from backtest.sources.own_times import days_by_text


@pytest.mark.parametrize("form", ["%Q", "%", "%s", "%d%d", "%U"])
def test_a_form_of_days_that_is_none_is_refused(form):
    with pytest.raises(UsageError, match=r"--date-format .* is not understood"):
        days_by_text(["06/02/2025"], form)


def test_days_that_are_lacking_are_no_days():
    found, _ = parse_days(pd.Series(["2025-06-02", None]), None)
    assert found.astype(str).tolist() == ["2025-06-02", "NaT"]


@pytest.mark.parametrize("word", ["now", "today"])
@pytest.mark.parametrize("others", [["2025-06-02"], ["2025-06-02T00:00:00-04:00"]])
def test_no_word_is_a_day(word, others):
    found, _ = parse_days(pd.Series([*others, word]), None)
    assert found.astype(str).tolist() == ["2025-06-02", "NaT"]
    with pytest.raises(UsageError, match=f"The date '{word.upper()}' cannot be read"):
        parse_days(pd.Series([word]), None)


def test_a_year_of_two_digits_is_of_the_past():
    """Prices are never of a day to come; an event may tell one, but none past the calendar."""
    found, _ = parse_days(pd.Series(["01/02/68", "01/03/68", "01/04/68"]), None)
    assert found.astype(str).tolist() == ["1968-01-02", "1968-01-03", "1968-01-04"]
    assert parse_days(pd.Series(["12/31/35"]), None)[0].astype(str) == ["1935-12-31"]
    told = {text: str(day) for text, day in days_by_text(["12/31/36", "12/31/35"], None).items()}
    assert told == {"12/31/36": "1936-12-31", "12/31/35": "2035-12-31"}
    assert str(days_by_text(["2036-12-31"], None)["2036-12-31"]) == "2036-12-31"


def test_seconds_may_be_few_or_before_1970():
    """As TradingView writes them: eight digits until March 1973, less than nothing before 1970."""
    opens = [datetime(year, 6, 1, 13, 30, tzinfo=UTC) for year in (1962, 1968, 1970, 1972, 2025)]
    start = datetime(1970, 1, 1, tzinfo=UTC)
    texts = [str((moment - start) // timedelta(seconds=1)) for moment in opens]
    assert [len(text.lstrip("-")) for text in texts] == [9, 8, 8, 8, 10]
    assert epochs(pd.Series(texts)).tolist() == opens
    assert epochs(pd.Series(texts[1:4])).tolist() == opens[1:4]
    assert epochs(pd.Series([*texts[2:], *texts[4:] * 2])).tolist()[:3] == opens[2:]


@pytest.mark.parametrize("texts", [["20250602", "20250603", "202506034"], ["12345678"], ["-"]])
def test_eight_digits_are_a_day_where_most_are(texts):
    assert epochs(pd.Series(texts)) is None
