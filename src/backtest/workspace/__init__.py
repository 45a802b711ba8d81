"""This room finds folders and settings, writes files, and runs other processes.

It knows nothing of what a file of prices, events or reports contains.
"""
