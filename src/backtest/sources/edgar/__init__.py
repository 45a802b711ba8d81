"""EDGAR, where companies and holders file with the SEC: reports, stakes, insiders' sales."""
