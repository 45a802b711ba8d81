"""The trading rules, compiled: thousands of replays a second."""
