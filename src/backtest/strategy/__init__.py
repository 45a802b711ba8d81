"""What decides: strategies, their parameters, and how their files are loaded.

Nothing here trades or fetches, and nothing sees what was not public at the decision.
"""
