"""The block `beta`."""

import pytest

from backtest.blocks import beta
from backtest.errors import UsageError
from tests.block_market import made_market

# Returns of the index +10 %, -10 %, +20 %; of the stock twice as much, and 1 % more in the last.
INDEX = [100.0, 110.0, 99.0, 118.8]
STOCK = [50.0, 60.0, 48.0, 67.68]


def test_it_is_the_slope_of_returns_on_returns() -> None:
    # x = .1, -.1, .2 with mean 1/15; y = .2, -.2, .41 with mean .41/3
    x, y = (0.1, -0.1, 0.2), (0.2, -0.2, 0.41)
    mean_x, mean_y = 0.2 / 3, 0.41 / 3
    above = sum((a - mean_x) * (b - mean_y) for a, b in zip(x, y, strict=True))
    slope = above / sum((a - mean_x) ** 2 for a in x)
    found = beta(made_market(STOCK, index=INDEX), "INDX", sessions=3)
    assert found == pytest.approx(slope)
    assert found == pytest.approx(2.0285714285714285)  # 71/35, by hand


def test_it_looks_at_the_last_sessions_that_both_have() -> None:
    longer = [7.0, *INDEX]
    assert beta(made_market(STOCK, index=longer), "INDX", sessions=3) == pytest.approx(71 / 35)
    assert beta(made_market(STOCK, index=longer), "INDX", sessions=2) == pytest.approx(
        (0.41 + 0.2) / 0.3  # through two points
    )


@pytest.mark.parametrize(("index", "sessions"), [(INDEX, 4), (INDEX[1:], 3), ([5.0] * 4, 3)])
def test_it_is_unknown_with_fewer_returns_or_an_index_that_stood_still(index, sessions) -> None:
    assert beta(made_market(STOCK, index=index), "INDX", sessions=sessions) is None


def test_the_symbol_has_to_be_named() -> None:
    with pytest.raises(UsageError, match="looks_at"):
        beta(made_market(STOCK), "INDX")
    with pytest.raises(TypeError, match=r"beta\(\) missing 1 required .*'symbol'"):
        beta(made_market(STOCK), *(), sessions=2)


def test_of_several_symbols_it_is_that_on_the_mean_of_their_returns() -> None:
    # Half of the index' returns and half of none: the mean is half, and the slope twice as large.
    market = made_market(STOCK, index=INDEX, CALM=[5.0] * 4)
    assert beta(market, "INDX", "CALM", sessions=3) == pytest.approx(2 * 71 / 35)
