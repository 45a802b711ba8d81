"""The workspace: its folders, settings, files and processes.

What stands in a file of prices, events or reports is not known here.
"""
