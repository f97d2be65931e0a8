"""Complete: every file that loading needs is there, with the right size and form."""
