"""The replay of the trading rules on Backtrader, one account at a time, every cent checked."""
