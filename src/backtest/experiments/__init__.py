"""What is tried: runs, sweeps, studies and simulations, each in a folder; and the trials on record.

Nothing here is written for readers: sentences and pages are made in `reports`.
"""
