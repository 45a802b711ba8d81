"""Research: pure functions over results."""
