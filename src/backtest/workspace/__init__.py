"""The workspace: its folders, settings, files and processes."""
