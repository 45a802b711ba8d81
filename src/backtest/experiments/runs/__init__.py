"""Runs: one strategy replayed, kept in a folder with its evidence."""
