"""A training project read as facts; nothing of it is ever executed."""
