"""Whether a strategy looks ahead: it decides again in worlds whose future is missing or another one.

Nothing here changes a strategy, its data or its runs; worlds are copies in folders of their own.
"""
