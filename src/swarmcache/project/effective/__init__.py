"""What is effective: which program gets which environment; nothing is run for it."""
