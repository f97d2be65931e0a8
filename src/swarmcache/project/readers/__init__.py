"""One file per kind of project file; each yields facts with positions."""
