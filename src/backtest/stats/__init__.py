"""Statistics: pure functions of numbers, with the paper that each comes from.

Nothing here reads a file or knows of strategies, events or accounts.
"""

SESSIONS_A_YEAR = 252
LEVEL = 0.05  # of significance
SEED = 1  # of what evidence draws; it stands in every record
