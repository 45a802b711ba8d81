"""Whether a strategy looks ahead: it decides again where the future is missing or another.

Nothing here changes a strategy, its data or its runs; worlds are copies in folders of their own.
"""
