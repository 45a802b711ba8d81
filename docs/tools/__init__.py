"""What makes the parts of the site that are generated."""
