"""Sweeps: every set of a grid of parameters, evaluated by the compiled kernel."""
