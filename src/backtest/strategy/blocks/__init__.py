"""Building blocks for `on_event`; strategies import them from `backtest.blocks`."""
