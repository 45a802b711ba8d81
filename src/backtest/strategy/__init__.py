"""Define strategies, which decide, with their parameters, and load their files.

Nothing here trades or fetches, and nothing sees what was not public at the decision.
"""
