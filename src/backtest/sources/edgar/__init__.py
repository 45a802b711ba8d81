"""EDGAR, where companies and holders file with the SEC: reports, stakes, insiders' sales.

Pages are read by hand, whole or not at all; what is unsure is left out with a remark.
"""
