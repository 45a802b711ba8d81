"""The audit: proof that a strategy does not look ahead, or where it does."""
