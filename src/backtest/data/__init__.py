"""What is known: events, prices, borrow rates and the calendar, and how their files are kept.

Nothing here decides, trades or fetches; no strategy, engine or source is known here.
"""
