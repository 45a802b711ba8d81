"""Study the events in the workspace: which events, against what, and what the outcome is worth.

`subject` turns a name into events with a day 0 and writes folders, `run` studies the events of one
stock, `many` those of many, and `null_worlds` checks the verdicts in worlds of pure luck.
"""
