"""Experiments: runs, sweeps, studies and simulations, and the trials on record."""
