"""This package follows the trading rules compiled: thousands of replays a second."""
