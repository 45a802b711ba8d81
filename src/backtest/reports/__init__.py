"""Reports: the pages of a run, made from its folder alone."""
