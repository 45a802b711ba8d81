"""Event studies of the data in the workspace: which events, against what, and what it is worth.

`subject` turns a name into events with a day 0 and writes folders, `run` studies the events of one
stock, `many` those of many, and `null_worlds` holds the verdicts against luck.
"""
