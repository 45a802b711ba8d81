"""Take in what comes from outside: EDGAR, Yahoo and users' files; only here is the network used.

Nothing here decides or trades: it hands over updates of files, which `data` keeps and reads.
"""
