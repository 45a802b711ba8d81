"""The contract of strategies: what every one of them must keep, and the checks of it."""
