"""What no revision needs, and how it is known to be nobody's."""
