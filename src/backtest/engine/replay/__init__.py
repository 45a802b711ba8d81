"""The replay of the trading rules on Backtrader."""
