"""The Hub's HTTP protocol over cache folders, read-only."""
