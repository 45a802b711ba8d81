"""This room finds strategies that look ahead: they decide again where the future is another.

Nothing here changes a strategy, its data or its runs; worlds are copies in folders of their own.
"""
