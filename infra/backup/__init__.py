"""Copies of what Doublet keeps, and the way back from them."""
