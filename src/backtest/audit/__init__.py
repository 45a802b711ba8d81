"""This room finds strategies that look ahead: it asks them again where the future is different.

Nothing here changes a strategy, its data or its runs; worlds are copies in folders of their own.
"""
