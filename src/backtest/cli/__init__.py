"""The command line: each command takes its options, makes one call and prints what comes back.

Nothing here decides anything that a caller from Python would not get as well.
"""
