"""What the benchmarks share: whole processes, measured in turn by the system's own accounting."""
