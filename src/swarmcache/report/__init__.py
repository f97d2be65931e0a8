"""Renderers of the library's values: terminal lines, tables, progress bars and JSON."""
