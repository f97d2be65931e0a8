"""Could a project start without a network: what it needs beside models, and each answer.

Nothing is imported here: a start asks for datasets alone, and need not load what reads shell code.
"""
