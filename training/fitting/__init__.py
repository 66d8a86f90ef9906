"""Fitting networks: recipes, checkpoints, the loop, and what is written down of every run."""
