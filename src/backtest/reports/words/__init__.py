"""What pages say of results, in sentences."""
