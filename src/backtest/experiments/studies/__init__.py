"""Event studies of the data in the workspace: which events, against what, and what it is worth.

`subject` turns a name into events with a day 0, `market` says what was to be expected, `measure`
has the figures, `run` writes the folder, and `null_worlds` holds the whole of it against luck.
"""
