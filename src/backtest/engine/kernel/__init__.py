"""This package runs the trading rules compiled: thousands of replays a second."""
