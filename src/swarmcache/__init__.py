"""One explicit, complete, verified Hugging Face model cache for every training node."""

__version__ = "0.1.0"
