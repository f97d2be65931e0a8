"""Intact: the bytes are right; hashed once, in parallel, and remembered."""
