"""What a project needs, told from its launcher and configs alone: for `check`, `pull` and `run`."""
