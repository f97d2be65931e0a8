"""Containers of a project: what each begins with, where its cache is, and what of it lasts."""
