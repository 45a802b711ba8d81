"""What comes from outside: EDGAR, Yahoo and users' own files; only here is the network touched.

Nothing here decides or trades: it hands over updates of files, which `data` keeps and reads.
"""
