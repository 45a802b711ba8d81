"""The trading rules that the peers' scripts have in common, as plain functions of numbers."""

from math import floor

SLIPPAGE = 0.0005


def commission(size, price):
    """0.005 dollars a share, at least 1 dollar, at most 1 % of the value."""
    shares = abs(size)
    return min(max(0.005 * shares, 1.0), 0.01 * shares * price)


def level(price, distance):
    """A stop off `price`, to a billionth of a dollar."""
    return floor(price * (1.0 + distance) * 1e9 + 0.5) / 1e9


def whole_shares(value, fill):
    """Whole shares that a value buys."""
    return floor(value / fill + 1e-9)
