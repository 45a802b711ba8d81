"""The engine: trading rules, and the replay of them on Backtrader."""
