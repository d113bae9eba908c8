"""clipedu: build CLIP (arXiv 2103.00020) step by step, on a laptop, on real pictures and words."""

__version__ = "0.1.0"
