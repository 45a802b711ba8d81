"""Evaluate every set of a grid of parameters with the compiled kernel."""
