"""Strategies: what decides on events, and how the files of it are loaded."""
