"""Why does a project download again, waste disk, start slowly, generate wrongly: findings."""
