"""What commands do to a cache or to a start: delete, install, restart, watch."""
