"""This room holds what is known (events, prices, borrow rates, calendar) and keeps its files.

Nothing here decides, trades or fetches; no strategy, engine or source is imported here.
"""
