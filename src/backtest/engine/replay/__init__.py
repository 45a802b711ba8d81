"""This package replays one account on Backtrader by the trading rules, and checks every cent."""
