"""What may be done to a cache, as values: planned, shown, then applied."""
