"""New signals: the files that one begins with, filled from `templates/`."""
