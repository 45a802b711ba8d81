"""Find folders and settings, write files, and run other processes.

Nothing here knows what a file of prices, events or reports contains.
"""
