"""Make the parts of the site that are generated."""
