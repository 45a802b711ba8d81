"""The regime of a stock and of an index, by hand. Both are made up."""

import pytest

from backtest.blocks import above_average
from backtest.errors import UsageError
from tests.block_market import made_market


@pytest.mark.parametrize(
    ("closes", "answer"),
    [
        ([90, 100, 101], True),  # the mean is 97
        ([110, 100, 101], False),  # 103.67
        ([100, 100, 100], False),  # at its average is not above it
        ([1, 110, 100, 101], False),  # the first of four is no longer in it
        ([100, 101], None),
        ([], None),
    ],
)
def test_the_last_close_against_the_mean_of_three(closes, answer):
    assert above_average(made_market(closes), sessions=3) is answer


def test_an_index_without_opens_is_looked_at_by_its_name():
    seen = made_market([110, 100, 101], index=[90, 100, 101])
    assert above_average(seen, "INDX", sessions=3) is True
    assert above_average(seen, "ACME", sessions=3) is False


def test_a_symbol_that_is_not_shown_is_an_error():
    with pytest.raises(UsageError, match="INDX are not shown, those of ACME"):
        above_average(made_market([100]), "INDX")
