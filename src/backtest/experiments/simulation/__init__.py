"""Simulations: signals from a file, traded on bars from files."""
