"""The rules, one file each, and nothing but rules: what they share is in the project's facts."""
