"""This room holds what decides: strategies, their parameters, and the loading of their files.

Nothing here trades or fetches, and nothing sees what was not public at the decision.
"""
