"""One file per HTTP client: `FILE` names its ways to fill a Sink, `small` asks again and again.

A module imports its client when it is imported itself, so that imports can be told from work.
"""
