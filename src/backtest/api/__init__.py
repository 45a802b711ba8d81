"""The program as a library: what a notebook or a script calls, with DataFrames to work on.

Each call does what the command of its name does, on the same folders, and keeps its result there:
a run that was made here is in `backtest list runs` too. Every failure is a `BacktestError`.
"""
