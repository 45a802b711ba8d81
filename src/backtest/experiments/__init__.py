"""This room makes runs, sweeps, studies and simulations, and keeps the record of trials.

Nothing but the evidence is put into sentences here: pages are made in `reports`.
"""
