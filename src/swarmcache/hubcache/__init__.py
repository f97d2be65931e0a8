"""The Hub's cache on disk: where it is, what it holds, and whether that is complete."""
