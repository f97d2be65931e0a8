"""Where a project loads something from the Hub, for each of its programs."""
