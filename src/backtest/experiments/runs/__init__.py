"""This package makes a run: one strategy replayed, kept in a folder with its evidence."""
