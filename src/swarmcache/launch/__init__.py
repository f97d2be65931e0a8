"""From settings and a cache to a running trainer."""
